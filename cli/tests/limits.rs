//! Limits that settings name: who is over one is told or closed, is counted, and others are served.

mod support;

use support::raw::{info_number_of, request};
use support::redis::RedisServer;
use support::{Folder, Raw, Server, text, wait_until};

#[test]
fn idle_connections_are_closed() {
    for shards in [1, 2] {
        let server = Server::start_with(shards, &["--debug-commands", "true"], &[]);
        let mut idle: Vec<Raw> = (0..40).map(|_| server.connect()).collect();
        idle.iter_mut().for_each(|connection| connection.expect("PING", "+PONG|"));
        let (mut busy, mut asleep) = (server.connect(), server.connect());
        busy.expect("CONFIG SET timeout 1", "+OK|");
        asleep.send(&["DEBUG", "SLEEP", "4"]);
        wait_until("the idle ones are closed", || {
            busy.expect("PING", "+PONG|");
            info_number_of(&mut busy, "idle_clients_closed") == 40
        });
        assert!(idle.iter_mut().all(|connection| connection.rest().is_empty()));
        assert_eq!(info_number_of(&mut busy, "connected_clients"), 2);
        wait_until("who waits for a reply is not idle", || {
            busy.ask(&["CLIENT", "LIST"])
                .lines()
                .any(|line| line.contains(" idle=3 ") && line.contains("cmd=debug"))
        });
        busy.expect("CONFIG SET timeout 0", "+OK|");
        assert_eq!(asleep.reply(), b"+OK\r\n");
        assert_eq!(info_number_of(&mut busy, "evicted_clients"), 0);
    }
}

#[test]
fn who_does_not_read_is_closed_at_the_hard_limit() {
    for shards in [1, 2] {
        let mut server = Server::start(shards);
        let mut other = server.connect();
        assert_eq!(other.ask(&[&b"SET"[..], b"large", &vec![b'x'; 3 << 20]]), "+OK\r\n");
        assert_eq!(other.ask(&[&b"SET"[..], b"small", &vec![b'x'; 1_990]]), "+OK\r\n");
        let mut reader = server.connect();
        assert_eq!(reader.call(&["GET", "large"]).len(), (3 << 20) + 12);
        other.ask(&["CONFIG", "SET", "client-output-buffer-limit", "normal 1mb 0 0"]);
        reader.send(&["GET", "large"]);
        assert!(reader.rest().len() < 3 << 20, "closed before all of it was sent");
        // Many replies in a row are no such thing: the next request waits until the peer has read.
        let mut pipeline = server.connect();
        pipeline.write(&request(&["GET", "small"]).repeat(2000));
        (0..2000).for_each(|_| assert_eq!(pipeline.reply().len(), 1_999));
        other.expect("PING", "+PONG|");
        assert_eq!(info_number_of(&mut other, "client_output_buffer_limit_disconnections"), 1);
        assert_eq!(info_number_of(&mut other, "evicted_clients"), 1);
        other.ask(&["CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0"]);
        assert_eq!(pipeline.call(&["GET", "large"]).len(), (3 << 20) + 12);
        server.assert_alive("after a hard limit");
    }
}

#[test]
fn who_does_not_read_for_long_is_closed_at_the_soft_limit() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let mut other = server.connect();
        assert_eq!(other.ask(&[&b"SET"[..], b"large", &vec![b'x'; 12 << 20]]), "+OK\r\n");
        other.ask(&["CONFIG", "SET", "client-output-buffer-limit", "normal 0 1mb 1"]);
        let (mut deaf, mut reader) = (server.connect(), server.connect());
        deaf.send(&["GET", "large"]);
        wait_until("the deaf one is closed", || {
            assert_eq!(reader.call(&["GET", "large"]).len(), (12 << 20) + 13, "who reads is not closed");
            info_number_of(&mut other, "client_output_buffer_limit_disconnections") == 1
        });
        assert!(deaf.rest().len() < 12 << 20);
    }
}

#[test]
fn long_requests_are_refused_by_the_limit_that_they_exceed() {
    for shards in [1, 2] {
        let (server, redis) = (Server::start(shards), RedisServer::start());
        let mut other = server.connect();
        let value = |mib: usize| vec![b'v'; mib << 20];
        let set = |mib: usize| request(&[&b"SET"[..], b"k", &value(mib)]);
        other.expect("CONFIG SET client-query-buffer-limit 2mb", "+OK|");
        let mut one = server.connect();
        one.write(&set(1));
        assert_eq!(one.reply(), b"+OK\r\n");
        let _ = one.try_write(&set(3));
        let told = text(&one.rest());
        assert!(
            told.starts_with("-ERR Protocol error: too big request")
                && told.contains("client-query-buffer-limit")
        );
        // Many arguments make a long request as well.
        other.expect("CONFIG SET client-query-buffer-limit 1mb", "+OK|");
        let mut many = server.connect();
        let arguments: Vec<String> = (0..1200).map(|n| format!("{n:01000}")).collect();
        let _ = many.try_write(&request(&[&["MGET".to_owned()], &arguments[..]].concat()));
        assert!(text(&many.rest()).contains("client-query-buffer-limit"));
        assert_eq!(info_number_of(&mut other, "client_query_buffer_limit_disconnections"), 2);
        other.expect("CONFIG SET client-query-buffer-limit 1gb", "+OK|");
        // The limit of one argument is that of Redis, with its text.
        let mut theirs = redis.connect();
        for connection in [&mut other, &mut theirs] {
            connection.expect("CONFIG SET proto-max-bulk-len 2mb", "+OK|");
        }
        for connection in [&mut server.connect(), &mut redis.connect()] {
            connection.write(&set(1));
            assert_eq!(connection.reply(), b"+OK\r\n");
            let _ = connection.try_write(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2097153\r\n");
            assert_eq!(text(&connection.rest()), "-ERR Protocol error: invalid bulk length\r\n");
        }
        other.expect("GET none", "$-1|");
    }
}

#[test]
fn strangers_get_few_buffers() {
    for shards in [1, 2] {
        let (server, redis) = (Server::start(shards), RedisServer::start());
        let mut other = server.connect();
        for connection in [&mut other, &mut redis.connect()] {
            connection.expect("CONFIG SET requirepass secret", "+OK|");
        }
        let closed = |connection: &mut Raw, bytes: &[u8]| {
            let _ = connection.try_write(bytes);
            text(&connection.rest())
        };
        let long = "x".repeat(16_385);
        for bytes in [
            b"*11\r\n".to_vec(),
            b"*100\r\n".to_vec(),
            b"*1\r\n$100000000\r\n".to_vec(),
            b"*2\r\n$3\r\nGET\r\n$16385\r\n".to_vec(),
            request(&["GET", &long]),
            request(&["AUTH", &long]),
            request(&["GET"; 11]),
        ] {
            let ours = closed(&mut server.connect(), &bytes);
            assert!(ours.starts_with("-ERR Protocol error: unauthenticated "), "{ours}");
            assert_eq!(ours, closed(&mut redis.connect(), &bytes));
        }
        // What is within the limits gets its answer, also in one byte after the other.
        let mut slow = server.connect();
        for byte in request(&["AUTH", &"x".repeat(30)]) {
            slow.write(&[byte]);
        }
        assert!(text(&slow.reply()).starts_with("-WRONGPASS"));
        assert!(server.connect().ask(&["AUTH", &"x".repeat(16_384)]).starts_with("-WRONGPASS"));
        // Who reads nothing is closed, although it could have been paused for ever.
        let mut deaf = server.connect();
        deaf.set_write_timeout(Some(std::time::Duration::from_secs(60)));
        let set = request(&["SET", "k", "v"]).repeat(1000);
        let broken = (0..100_000).find_map(|_| deaf.try_write(&set).err());
        let broken = broken.expect("the connection breaks");
        assert!(broken.kind() != std::io::ErrorKind::WouldBlock, "{broken}");
        // A shard shows its counters a little after it has closed a connection.
        let is_counted = || info_number_of(&mut other, "client_output_buffer_limit_disconnections") >= 1;
        assert!(std::iter::repeat_with(is_counted).take(10_000).any(|is_counted| is_counted));
        other.expect("PING", "+PONG|");
    }
}

#[test]
fn limits_of_the_file_are_shown_and_hold() {
    let folder = Folder::new();
    let path = folder.path("adit.toml");
    let lines = "connections-max = 3\n[limits]\nidle-s = 1000\nargument = \"1MiB\"\noutput-hard = \"2MiB\"\n";
    std::fs::write(&path, lines).expect("a file of the test");
    let server = Server::start_with(2, &["--config", &path.display().to_string()], &[]);
    let mut connection = server.connect();
    connection.expect("CONFIG GET timeout", "*2|$7|timeout|$4|1000|");
    connection.expect("CONFIG GET proto-max-bulk-len", "*2|$18|proto-max-bulk-len|$7|1048576|");
    let output = connection.ask(&["CONFIG", "GET", "client-output-buffer-limit"]);
    assert!(output.contains("normal 2097152 0 0 slave "), "{output}");
    let refused = connection.ask(&["CONFIG", "REWRITE"]);
    assert!(refused.contains("change it there"), "{refused}");
    assert!(connection.ask(&["INFO", "server"]).contains(&format!("config_file:{}\r\n", path.display())));
    let mut more: Vec<Raw> = (0..2).map(|_| server.connect()).collect();
    more.iter_mut().for_each(|connection| connection.expect("PING", "+PONG|"));
    let told = text(&server.connect().rest_after_ping());
    assert!(told.starts_with("-ERR max number of clients reached") && told.contains("maxclients"), "{told}");
    connection.expect("CONFIG SET maxclients 4", "+OK|");
    wait_until("one more is let in", || server.connect().rest_is_pong());
    assert!(info_number_of(&mut connection, "rejected_connections") >= 1);
}

/// `maxmemory` is a limit below `--memory`: what could need more is refused, what reads or removes is not.
#[test]
fn writes_are_refused_over_the_memory_limit() {
    for shards in [1, 2] {
        let (server, redis) = (Server::start(shards), RedisServer::start());
        let (mut ours, mut theirs) = (server.connect(), redis.connect());
        let script = [
            "SET k v",
            "CONFIG SET maxmemory 1",
            "CONFIG GET maxmemory",
            "SET k 1",
            "APPEND k 1",
            "GETSET k 1",
            "INCR n",
            "SETEX k 10 v",
            "SETNX other v",
            "SET k",
            "GET k",
            "MGET k other",
            "EXPIRE k 100",
            "PERSIST k",
            "GETDEL k",
            "DEL k",
            "DBSIZE",
            "CONFIG SET maxmemory 0",
            "CONFIG GET maxmemory",
            "SET k 2",
            "INCR k",
        ];
        for line in script {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(ours.ask(&words), theirs.ask(&words), "{line}");
        }
        // Every shard knows, whose connections they may be.
        ours.expect("CONFIG SET maxmemory 1kb", "+OK|");
        for _ in 0..8 {
            server.connect().expect("SET a b", "-OOM command not allowed when used memory > 'maxmemory'.|");
        }
        assert_eq!(info_number_of(&mut ours, "maxmemory"), 1024);
        assert!(ours.ask(&["INFO", "errorstats"]).contains("errorstat_OOM:count="));
        // All that there is is no limit, for every shard at once.
        ours.expect("CONFIG SET maxmemory 64mb", "+OK|");
        (0..8).for_each(|_| server.connect().expect("SET a b", "+OK|"));
        // A limit with room: used up, and free again.
        let used = info_number_of(&mut ours, "used_memory");
        let limit = (used + (2 << 20)).to_string();
        ours.ask(&["CONFIG", "SET", "maxmemory", &limit]);
        let refused = (0..10_000).find_map(|n| {
            let reply = ours.ask(&["SET".to_owned(), format!("key:{n}"), "x".repeat(1000)]);
            (reply != "+OK\r\n").then_some((n, reply))
        });
        let (count, told) = refused.expect("the limit is below what is written");
        assert_eq!(told, "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
        assert!(
            (1_000..5_000).contains(&count),
            "{count} keys of 1,000 bytes fit 2 MiB and pages that are not full"
        );
        ours.expect("FLUSHALL", "+OK|");
        wait_until("the memory is free again", || ours.ask(&["SET", "k", "v"]) == "+OK\r\n");
        let told = ours.ask(&["CONFIG", "SET", "maxmemory", "1gb"]);
        assert!(told.contains("started with 67108864 bytes; start it with a larger --memory"), "{told}");
    }
}
