//! Clients that want much memory: readers that do not read, values that never end, stores that are full. The server
//! stays within its --memory and an allowance, and all of it comes back.

mod support;

use support::raw::{info_number_of, request};
use support::watch::Watch;
use support::{Raw, Server, wait_until};

/// Runs a mistreatment on servers of one and of two shards.
fn each(flags: &[&str], mistreat: impl Fn(&mut Server, &mut Watch)) {
    for shards in [1, 2] {
        let mut server = Server::start_with(shards, flags, &[]);
        let mut watch = Watch::begin(&server);
        mistreat(&mut server, &mut watch);
        watch.all_came_back(&mut server, "afterwards");
    }
}

/// Clients that send these requests and never read a reply. Whoever is closed for it got what it deserved.
fn deaf(server: &Server, count: usize, requests: &[u8]) -> Vec<Raw> {
    let begin = |n: usize| {
        let mut connection = if n.is_multiple_of(2) { server.connect() } else { server.connect_unix() };
        connection.set_write_timeout(Some(DEAF_WRITE));
        let _ = connection.try_write(requests);
        connection
    };
    (0..count).map(begin).collect()
}

/// Sets keys `v:0`... to values of `len` bytes.
fn set_values(server: &Server, count: usize, len: usize) {
    let mut connection = server.connect();
    for n in 0..count {
        assert_eq!(connection.ask(&[b"SET", format!("v:{n}").as_bytes(), &vec![b'v'; len]]), "+OK\r\n");
    }
}

fn gets(keys: usize, count: usize) -> Vec<u8> {
    (0..count).flat_map(|n| request(&["GET".to_owned(), format!("v:{}", n % keys)])).collect()
}

/// Deaf readers ask for the same values again and again, over each way that a value can go.
fn deaf_readers(values: usize, len: usize, requests: &[u8], what: &str) {
    each(&[], |server, watch| {
        set_values(server, values, len);
        let readers = deaf(server, DEAF_READERS, requests);
        watch.is_served(server, what);
        watch.memory_is_bounded(server, what);
        // One that does read gets all of it, while the others still do not.
        let mut reader = server.connect();
        let reply = reader.call(&["GET", "v:0"]);
        assert_eq!(reply.len(), len + format!("${len}\r\n\r\n").len());
        let mut writer = server.connect();
        assert_eq!(writer.ask(&["FLUSHALL"]), "+OK\r\n");
        watch.is_served(server, "after the values are gone");
        drop(readers);
    });
}

#[test]
fn readers_of_blocks_that_do_not_read() {
    deaf_readers(2, 8 << 20, &gets(2, 1000), "beside deaf readers of 8 MiB values");
}

#[test]
fn readers_of_items_that_do_not_read() {
    deaf_readers(16, 60_000, &gets(16, 1000), "beside deaf readers of 60 kB values");
}

#[test]
fn readers_of_small_items_that_do_not_read() {
    deaf_readers(16, 100, &gets(16, 100_000), "beside deaf readers of 100 B values");
}

#[test]
fn readers_of_many_keys_at_once_that_do_not_read() {
    let mut mget = vec!["MGET".to_owned()];
    mget.extend((0..2_000).map(|n| format!("v:{}", n % 16)));
    deaf_readers(16, 60_000, &request(&mget).repeat(4), "beside deaf readers of 2,000 values at once");
}

/// GETDEL, GETSET and SET GET give values away that no key holds any more.
#[test]
fn readers_of_replaced_values_that_do_not_read() {
    let value = vec![b'n'; 60_000];
    let set: Vec<u8> =
        (0..100).flat_map(|n| request(&[b"GETSET", format!("v:{}", n % 16).as_bytes(), &value])).collect();
    deaf_readers(16, 60_000, &set, "beside deaf readers of replaced values");
}

#[test]
fn a_client_that_asks_for_all_keys_and_does_not_read() {
    each(&[], |server, watch| {
        let name = "k".repeat(1_000);
        let mut connection = server.connect();
        for some in 0..10 {
            let set =
                |n: usize| request(&["SET".to_owned(), format!("{name}{}", some * 1_000 + n), String::new()]);
            connection.write(&(0..1_000).flat_map(set).collect::<Vec<_>>());
            (0..1_000).for_each(|_| assert_eq!(connection.reply(), b"+OK\r\n"));
        }
        let readers = deaf(server, DEAF_READERS, &request(&["KEYS", "*"]).repeat(20));
        watch.is_served(server, "beside deaf readers of all keys");
        watch.memory_is_bounded(server, "beside deaf readers of all keys");
        drop(readers);
        assert_eq!(connection.ask(&["FLUSHALL"]), "+OK\r\n");
    });
}

/// The head and the first bytes of a SET.
fn begin_set(connection: &mut Raw, key: &str, len: usize, sent: usize) {
    connection.write(format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${len}\r\n", key.len()).as_bytes());
    let part = vec![b'x'; 1 << 20];
    (0..sent >> 20).for_each(|_| connection.write(&part));
}

#[test]
fn half_a_value_of_100_mb_that_stalls_or_dies() {
    each(&["--memory", "512MiB"], |server, watch| {
        let before = server.info("used_memory");
        let mut stalled = server.connect();
        begin_set(&mut stalled, "large", 100 << 20, 50 << 20);
        // Its last bytes may still be under way.
        wait_until("half of the value has arrived", || server.info("used_memory") >= before + (50 << 20));
        watch.is_served(server, "beside a stalled value");
        drop(stalled);
        wait_until("the half comes back", || server.info("used_memory") < before + (8 << 20));
        assert_eq!(server.connect().ask(&["EXISTS", "large"]), ":0\r\n");
        for _ in 0..6 {
            let mut dies = server.connect_unix();
            begin_set(&mut dies, "large", 100 << 20, 50 << 20);
        }
        wait_until("all halves come back", || server.info("used_memory") < before + (8 << 20));
        // And a whole one fits afterwards, on each shard.
        let value = vec![b'y'; 100 << 20];
        let mut connection = server.connect();
        for key in ["large", "large:2", "large:3", "large:4"] {
            let reply = connection.ask(&[b"SET", key.as_bytes(), &value]);
            assert_eq!(reply, "+OK\r\n", "{key}");
            assert_eq!(connection.ask(&["STRLEN", key]), format!(":{}\r\n", 100 << 20));
            assert_eq!(connection.ask(&["DEL", key]), ":1\r\n");
        }
    });
}

#[test]
fn a_value_above_512_mib_is_refused_and_one_above_the_memory_is_too() {
    each(&[], |server, watch| {
        let mut connection = server.connect();
        connection.write(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870913\r\n");
        assert_eq!(support::text(&connection.rest()), "-ERR Protocol error: invalid bulk length\r\n");
        // 512 MiB is a length that is allowed, but more than there is: taken off the stream, and an error.
        let mut connection = server.connect();
        begin_set(&mut connection, "k", 512 << 20, 256 << 20);
        watch.can_read(server, "during a value that does not fit");
        let part = vec![b'x'; 1 << 20];
        (0..256).for_each(|_| connection.write(&part));
        connection.write(b"\r\n");
        let reply = support::text(&connection.reply());
        assert!(reply.starts_with("-OOM "), "{reply}");
        connection.expect("EXISTS k", ":0|");
        // Only values may be long.
        let long = vec![b'k'; 70_000];
        let mut connection = server.connect();
        let reply = connection.ask(&[b"GET", &long[..]]);
        assert!(reply.starts_with("-ERR an argument is longer than 64 KiB"), "{reply}");
        let reply = connection.ask(&[b"SET", &long[..], &long]);
        assert!(reply.starts_with("-ERR an argument is longer than 64 KiB"), "{reply}");
        assert_eq!(connection.ask(&[&b"MSET"[..], b"one", &long, b"other", &long]), "+OK\r\n");
    });
}

#[test]
fn a_full_store_refuses_writes_and_nothing_else() {
    each(&[], |server, watch| {
        let mut connection = server.connect();
        let value = vec![b'v'; 10_000];
        let set = |n: usize| request(&[b"SET", format!("full:{n}").as_bytes(), &value]);
        let (mut stored, mut refused) = (Vec::new(), 0);
        for some in (0..12_000).collect::<Vec<usize>>().chunks(100) {
            connection.write(&some.iter().flat_map(|&n| set(n)).collect::<Vec<_>>());
            for &n in some {
                let reply = support::text(&connection.reply());
                match reply.as_str() {
                    "+OK\r\n" => stored.push(n),
                    other => {
                        assert!(other.starts_with("-OOM memory of the shard is full"), "{other}");
                        refused += 1;
                    }
                }
            }
        }
        println!("{} MB stored, {refused} writes refused", stored.len() / 100);
        assert!(refused > 0 && stored.len() > 3_000, "{} of 12,000 stored", stored.len());
        watch.can_read(server, "while the store is full");
        assert_eq!(connection.ask(&["DBSIZE"]), format!(":{}\r\n", stored.len()));
        for &n in stored.iter().step_by(50) {
            let reply = connection.call(&["GET".to_owned(), format!("full:{n}")]);
            assert_eq!(reply.len(), 10_000 + "$10000\r\n\r\n".len(), "full:{n}");
        }
        // A large value on top, then everything goes.
        let reply = connection.ask(&[b"SET", &b"large"[..], &vec![b'l'; 1 << 20]]);
        assert!(reply.starts_with("-OOM "), "{reply}");
        for some in stored.chunks(500) {
            let mut delete = vec!["UNLINK".to_owned()];
            delete.extend(some.iter().map(|n| format!("full:{n}")));
            assert_eq!(connection.ask(&delete), format!(":{}\r\n", some.len()));
        }
        assert_eq!(
            connection.ask(&[b"SET", &b"large"[..], &vec![b'l'; 8 << 20]]),
            "+OK\r\n",
            "pages serve again"
        );
        assert_eq!(connection.ask(&["DEL", "large"]), ":1\r\n");
    });
}

/// Appends make values move and grow; the last bytes are right.
#[test]
fn a_value_appended_to_from_nothing_to_16_mib() {
    each(&[], |server, _| {
        let mut connection = server.connect();
        let (mut len, mut step) = (0, 1);
        while len < 16 << 20 {
            let part = vec![b'a' + u8::try_from(step % 26).expect("below 26"); step];
            len += step;
            assert_eq!(connection.ask(&[b"APPEND", &b"grows"[..], &part]), format!(":{len}\r\n"));
            step = (step * 3 / 2 + 1).min(1 << 20);
        }
        let value = connection.call(&["GET", "grows"]);
        assert_eq!(value.len(), len + format!("${len}\r\n\r\n").len());
        connection.expect("DEL grows", ":1|");
        assert!(info_number_of(&mut connection, "used_memory") < 8 << 20);
    });
}

const DEAF_READERS: usize = 60;
/// After this a deaf client stops writing: the server does not read on either.
const DEAF_WRITE: std::time::Duration = std::time::Duration::from_millis(50);
