//! Clients that break the protocol, or send without an end: they get an error or are closed, nobody else notices.

mod support;

use support::random::Random;
use support::raw::{info_number_of, request};
use support::watch::Watch;
use support::{Raw, Server, wait_until};

/// Runs a mistreatment on servers of one and of two shards.
fn each(mistreat: impl Fn(&mut Server, &mut Watch)) {
    each_with(&[], mistreat);
}

/// The same with more flags.
fn each_with(flags: &[&str], mistreat: impl Fn(&mut Server, &mut Watch)) {
    for shards in [1, 2] {
        let mut server = Server::start_with(shards, flags, &[]);
        let mut watch = Watch::begin(&server);
        watch.memory_is_bounded(&server, "idle");
        mistreat(&mut server, &mut watch);
        watch.all_came_back(&mut server, "afterwards");
    }
}

/// Sends bytes; everything that comes until the server closes.
fn until_closed(server: &Server, bytes: &[u8]) -> String {
    let mut connection = server.connect();
    // The server may close before it has taken all.
    let _ = connection.try_write(bytes);
    support::text(&connection.rest())
}

#[test]
fn what_breaks_the_protocol_gets_its_error_and_is_closed() {
    each(|server, watch| {
        for (bytes, error) in [
            (&b"*1048577\r\n"[..], "invalid multibulk length"),
            (b"*99999999999999999999\r\n", "invalid multibulk length"),
            (b"*abc\r\n", "invalid multibulk length"),
            (b"*1\r\n$-1\r\n", "invalid bulk length"),
            (b"*1\r\n$-5\r\n", "invalid bulk length"),
            (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870913\r\n", "invalid bulk length"),
            (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9223372036854775807\r\n", "invalid bulk length"),
            (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$18446744073709551616\r\n", "invalid bulk length"),
            (b"*1\r\n:1\r\n", "expected '$', got ':'"),
            (b"*1\r\n$4\r\nPINGxx", "expected a line end"),
            (b"GET \"open\r\n", "unbalanced quotes"),
        ] {
            let reply = until_closed(server, bytes);
            assert!(
                reply.starts_with("-ERR Protocol error: ") && reply.contains(error),
                "{bytes:?}: {reply}"
            );
            assert_eq!(reply.matches("\r\n").count(), 1, "{reply}");
        }
        watch.is_served(server, "after broken requests");
        // What came before is answered, what comes behind is not.
        let broken = b"*1\r\n$4\r\nPING\r\n*1\r\n$-1\r\n*1\r\n$4\r\nPING\r\n";
        let reply = until_closed(server, broken);
        assert_eq!(reply, "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n");
        assert!(server.info("protocol_errors") >= 12);
    });
}

#[test]
fn lines_and_numbers_without_an_end_are_cut_off() {
    each(|server, watch| {
        let endless = |first: &[u8], byte: u8| [first, &vec![byte; 4 << 20]].concat();
        for (bytes, error) in [
            (endless(b"", b'x'), "too big inline request"),
            (endless(b"GET ", b' '), "too big inline request"),
            (endless(b"*", b'1'), "too big mbulk count string"),
            (endless(b"*1\r\n$", b'1'), "too big bulk count string"),
            (endless(b"*", b'-'), "too big mbulk count string"),
        ] {
            // The error may be lost: a close with unread bytes resets the connection (RFC 9293, 3.10.4). The close
            // itself is what counts.
            let reply = until_closed(server, &bytes);
            let shown = String::from_utf8_lossy(&bytes[..8]).into_owned();
            assert!(reply.is_empty() || reply.contains(error), "{shown}: {reply}");
            watch.is_served(server, "after an endless line");
        }
        // Byte by byte to just above the limit, so that the error is seen.
        let mut slow = server.connect();
        slow.write(&vec![b'x'; 60 << 10]);
        watch.is_served(server, "during a long line");
        slow.write(&vec![b'x'; 4 << 10]);
        assert_eq!(support::text(&slow.rest()), "-ERR Protocol error: too big inline request\r\n");
    });
}

#[test]
fn random_bytes_end_no_server() {
    each(|server, watch| {
        let mut random = Random::from_environment(21);
        for round in 0..600 {
            let mut bytes = match random.below(3) {
                0 => {
                    let len = random.below(5_000);
                    random.bytes(len)
                }
                _ => (0..1 + random.below(20)).flat_map(|_| valid(&mut random)).collect(),
            };
            for _ in 0..random.below(6) {
                let (at, byte) = (random.below(bytes.len().max(1)), b"*$\r\n0129-xa\0\xff"[random.below(13)]);
                match random.below(3) {
                    _ if bytes.is_empty() => bytes.push(byte),
                    0 => bytes[at] = byte,
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, byte),
                }
            }
            let mut connection = if random.below(2) == 0 { server.connect() } else { server.connect_unix() };
            for part in bytes.chunks(1 + random.below(4_000)) {
                if connection.try_write(part).is_err() {
                    break;
                }
            }
            if round % 100 == 0 {
                watch.is_served(server, "amid random bytes");
            }
        }
        server.connect().ask(&["FLUSHALL"]);
    });
}

/// A valid request, some of them odd.
fn valid(random: &mut Random) -> Vec<u8> {
    let number = random.below(1000).to_string();
    let words: &[&str] = match random.below(12) {
        0 => &["GET", &number],
        1 => &["SET", &number, "value"],
        2 => &["MGET", "1", "2", "3", &number],
        3 => &["SCAN", &number],
        4 => &["KEYS", "*"],
        5 => &["DEL", &number, "5"],
        6 => &["DBSIZE"],
        7 => &["QUIT"],
        8 => &["EXPIRE", &number, "1"],
        9 => &["APPEND", "5", &number],
        10 => &["CLIENT", "INFO"],
        _ => &[],
    };
    request(words)
}

#[test]
fn requests_that_stop_halfway_hold_nobody_up() {
    each(|server, watch| {
        let whole = request(&["SET", "half", "0123456789"]);
        let mut open: Vec<(Raw, usize)> = Vec::new();
        for cut in (1..whole.len()).cycle().take(500) {
            let mut connection = if cut % 2 == 0 { server.connect() } else { server.connect_unix() };
            connection.write(&whole[..cut]);
            open.push((connection, cut));
        }
        watch.is_served(server, "while 500 requests are half there");
        for (connection, cut) in &mut open {
            connection.write(&whole[*cut..]);
            assert_eq!(connection.reply(), b"+OK\r\n", "cut at {cut}");
        }
        assert_eq!(server.connect().ask(&["DEL", "half"]), ":1\r\n");
    });
}

/// Each of many clients begins a request of many small arguments, just below the limit of a request, and stops.
/// What it sent has to be kept somewhere: within --memory, or it is refused.
#[test]
fn many_long_requests_that_stop_halfway_stay_within_memory() {
    each(|server, watch| {
        let argument = [&b"$60000\r\n"[..], &[b'k'; 60_000], b"\r\n"].concat();
        let head = b"*1000\r\n$4\r\nMGET\r\n";
        let mut open = Vec::new();
        for _ in 0..CLIENTS_HALFWAY {
            let mut connection = server.connect();
            // Whoever is closed for it got what it deserved.
            let sent = connection.try_write(head);
            let _ = (0..250).try_fold((), |(), _| connection.try_write(&argument)).and(sent);
            open.push(connection);
        }
        watch.is_served(server, "while long requests are half there");
        watch.memory_is_bounded(server, "while long requests are half there");
    });
}

/// The same with arguments so small that what is noted about them is longer than they are.
#[test]
fn many_requests_of_a_million_empty_arguments_stay_within_memory() {
    each(|server, watch| {
        let arguments = b"$0\r\n\r\n".repeat(1 << 16);
        let mut open = Vec::new();
        for _ in 0..CLIENTS_HALFWAY {
            let mut connection = server.connect();
            let sent = connection.try_write(b"*1048576\r\n");
            let _ = (0..15).try_fold((), |(), _| connection.try_write(&arguments)).and(sent);
            open.push(connection);
        }
        watch.is_served(server, "while requests of a million arguments are half there");
        watch.memory_is_bounded(server, "while requests of a million arguments are half there");
    });
}

/// Many small halves fill what there is for unfinished requests; those who send whole ones must not pay for it.
#[test]
fn many_short_requests_that_stop_halfway_do_not_lock_others_out() {
    each(|server, watch| {
        let head = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$60000\r\n";
        let mut open = Vec::new();
        // Ever shorter ones, so that what is left over is filled as well.
        for (count, len) in [(150, 50_000), (200, 10_000), (400, 1_000)] {
            let half = [&head[..], &vec![b'v'; len]].concat();
            for _ in 0..count {
                let mut connection = server.connect();
                // Whoever is closed for it got what it deserved.
                let _ = connection.try_write(&half);
                open.push(connection);
            }
            watch.is_served(server, "beside short requests that are half there");
        }
        watch.memory_is_bounded(server, "beside short requests that are half there");
    });
}

#[test]
fn idle_connections_cost_little() {
    adit_drivers::kernel::raise_descriptor_limit();
    let count = std::env::var("ADIT_IDLE_CONNECTIONS").map_or(2_000, |text| text.parse().expect("a number"));
    each(|server, watch| {
        let before = server.status_bytes("VmRSS");
        let mut idle: Vec<Raw> = (0..count).map(|_| server.connect()).collect();
        // Accepted and known, not only in the kernel's queue.
        idle.iter_mut().for_each(|connection| connection.expect("PING", "+PONG|"));
        assert_eq!(server.info("connected_clients"), count + 2);
        watch.is_served(server, "beside idle connections");
        watch.memory_is_bounded(server, "beside idle connections");
        let taken = server.status_bytes("VmRSS").saturating_sub(before);
        println!("{count} idle connections take {} B each", taken / count);
        idle.iter_mut().rev().for_each(|connection| connection.expect("ECHO again", "$5|again|"));
    });
}

#[test]
fn connections_come_and_go() {
    each(|server, watch| {
        for round in 0..10_000 {
            let mut connection = if round % 2 == 0 { server.connect() } else { server.connect_unix() };
            match round % 5 {
                0 => {}
                1 => connection.expect("PING", "+PONG|"),
                2 => connection.write(b"*1\r\n$4\r\nPI"),
                3 => connection.write(&request(&["KEYS", "*"])),
                _ => connection
                    .write(&[request(&["GET", "a"]), request(&["QUIT"]), request(&["GET", "b"])].concat()),
            }
            if round % 1_000 == 0 {
                watch.is_served(server, "amid churn");
            }
        }
        assert!(server.info("total_connections_received") >= 10_000);
        all_closed_by_themselves(server);
    });
}

/// Connections whose clients are gone are closed, and not only because they stalled.
fn all_closed_by_themselves(server: &Server) {
    // The one that watches, and the one that asks.
    wait_until("all connections are closed", || server.info("connected_clients") == 2);
    assert_eq!(server.info("evicted_clients"), 0, "closed by the stall check, a minute late");
}

/// While connections come and go in the middle of their pipelines, whoever gets a reply had its request done once.
#[test]
fn counters_are_exact_amid_churn() {
    each(|server, watch| {
        let (port, unix) = (server.port, server.unix.clone());
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let unix = unix.clone();
                scope.spawn(move || {
                    let mut random = Random::from_environment(31 + thread);
                    for round in 0..1_500 {
                        let mut dies = if round % 2 == 0 { Raw::tcp(port) } else { Raw::unix(&unix) };
                        let count = 1 + random.below(60);
                        let gets = (0..count).flat_map(|n| request(&["GET".to_owned(), format!("n:{n}")]));
                        let mut bytes: Vec<u8> = gets.collect();
                        bytes.truncate(bytes.len() - random.below(10));
                        dies.write(&bytes);
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..600 {
                        let mut counts = Raw::tcp(port);
                        let add = |n: usize| request(&["INCR".to_owned(), format!("n:{n}")]);
                        counts.write(&(0..20).flat_map(add).collect::<Vec<_>>());
                        (0..20).for_each(|_| assert!(counts.reply().starts_with(b":")));
                    }
                });
            }
        });
        let mut connection = server.connect();
        for n in 0..20 {
            let value = connection.ask(&["GETDEL".to_owned(), format!("n:{n}")]);
            assert_eq!(value, "$4\r\n1200\r\n", "n:{n}");
        }
        drop(connection);
        all_closed_by_themselves(server);
        watch.is_served(server, "after churn");
    });
}

#[test]
fn connections_above_the_limit_are_refused_with_an_error() {
    for shards in [1, 2] {
        let mut server = Server::start_with(shards, &["--connections-max", "10"], &[]);
        let mut open: Vec<Raw> = (0..10).map(|_| server.connect()).collect();
        open.iter_mut().for_each(|connection| connection.expect("PING", "+PONG|"));
        for connect in [Server::connect, Server::connect_unix] {
            // The counts of other shards are seen a turn later, so one more may slip in; never many.
            let refused: Vec<String> =
                (0..20).map(|_| support::text(&connect(&server).rest_after_ping())).collect();
            let errors =
                refused.iter().filter(|reply| reply.starts_with("-ERR max number of clients reached"));
            assert_eq!(errors.count(), 20, "{refused:?}");
        }
        open[9].expect("PING", "+PONG|");
        assert!(info_number_of(&mut open[0], "rejected_connections") >= 40);
        drop(open.split_off(5));
        wait_until("the places are free again", || info_number_of(&mut open[0], "connected_clients") == 5);
        server.connect().expect("PING", "+PONG|");
        server.assert_alive("after refusing");
    }
}

/// A pipeline far longer than what the server takes in at once, written before anything is read.
#[test]
fn a_pipeline_of_100_000_requests_is_answered_in_order() {
    each(|server, watch| {
        let get = |n: usize| request(&["GET".to_owned(), format!("p:{}", n % 1000)]);
        let set = |n: usize| request(&["SET".to_owned(), format!("p:{n}"), format!("value {n}")]);
        let mut writer = server.connect();
        writer.write(&(0..1000).flat_map(set).collect::<Vec<_>>());
        (0..1000).for_each(|_| assert_eq!(writer.reply(), b"+OK\r\n"));
        let bytes: Vec<u8> = (0..100_000).flat_map(get).collect();
        // Replies of 100,000 GETs fit neither the server's buffers nor the kernel's: it stops reading until they are
        // read. So the write may block, and goes on in a thread.
        std::thread::scope(|scope| {
            let mut pipeline = server.connect();
            let mut half = pipeline.try_clone();
            let written = scope.spawn(move || half.write(&bytes));
            watch.is_served(server, "during a pipeline of 100,000");
            for n in 0..100_000 {
                let value = format!("value {}", n % 1000);
                assert_eq!(
                    pipeline.reply(),
                    format!("${}\r\n{value}\r\n", value.len()).into_bytes(),
                    "reply {n}"
                );
            }
            written.join().expect("all was written");
        });
        watch.memory_is_bounded(server, "after a pipeline of 100,000");
        assert_eq!(server.connect().ask(&["FLUSHALL"]), "+OK\r\n");
    });
}

#[test]
fn a_delete_of_100_000_keys_lets_others_through() {
    // The request takes some 3 MiB until it is whole: more than the share that a server of 64 MiB has for such.
    each_with(&["--memory", "256MiB"], |server, watch| {
        let mut connection = server.connect();
        for some in (0..100_000).collect::<Vec<u32>>().chunks(5_000) {
            let set = |n: &u32| request(&["SET".to_owned(), format!("d:{n}"), "v".to_owned()]);
            connection.write(&some.iter().flat_map(set).collect::<Vec<_>>());
            some.iter().for_each(|_| assert_eq!(connection.reply(), b"+OK\r\n"));
        }
        let mut delete = vec!["DEL".to_owned()];
        delete.extend((0..100_000).map(|n| format!("d:{n}")));
        connection.send(&delete);
        watch.is_served(server, "during a DEL of 100,000 keys");
        assert_eq!(support::text(&connection.reply()), ":100000\r\n");
        connection.expect("DBSIZE", ":0|");
    });
}

const CLIENTS_HALFWAY: usize = 24;
