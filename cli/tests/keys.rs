//! Commands on many keys: SCAN's guarantee while keys come and go, and requests that take several turns and shards.

mod support;

use std::collections::BTreeMap;

use support::random::Random;
use support::raw::request;
use support::{Raw, Server};

/// Sends all requests, then reads all replies.
fn pipeline(connection: &mut Raw, requests: &[Vec<String>]) -> Vec<Vec<u8>> {
    let bytes: Vec<u8> = requests.iter().flat_map(|arguments| request(arguments)).collect();
    connection.write(&bytes);
    requests.iter().map(|_| connection.reply()).collect()
}

fn words(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|&part| part.to_owned()).collect()
}

fn set_all(connection: &mut Raw, prefix: &str, count: usize) {
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks(1000) {
        let requests: Vec<_> =
            some.iter().map(|n| words(&["SET", &format!("{prefix}{n}"), &format!("value {n}")])).collect();
        pipeline(connection, &requests).iter().for_each(|reply| assert_eq!(reply, b"+OK\r\n"));
    }
}

/// The elements of an array of bulk strings without line ends in them; a null is `None`.
fn elements(reply: &str) -> Vec<Option<String>> {
    let mut lines = reply.split("\r\n").skip(1).filter(|line| !line.is_empty());
    let mut found = Vec::new();
    while let Some(header) = lines.next() {
        match header {
            "$-1" | "_" => found.push(None),
            _ => found.push(lines.next().map(str::to_owned)),
        }
    }
    found
}

/// One step of a scan: the next cursor and the keys.
fn scan_step(connection: &mut Raw, cursor: &str, options: &[&str]) -> (String, Vec<String>) {
    let reply = connection.ask(&[&["SCAN", cursor], options].concat());
    let mut parts = reply.splitn(4, "\r\n");
    assert_eq!(parts.next(), Some("*2"), "{reply}");
    let next = parts.nth(1).expect("a cursor").to_owned();
    let keys = elements(parts.next().expect("an array"));
    (next, keys.into_iter().flatten().collect())
}

/// Redis's guarantee: a key that is there from the start to the end of a scan is found, one that is not there at
/// all is not; one that comes or goes meanwhile may or may not be. Keys may be found twice only if the table changed.
fn scan_guarantee(shards: u16) {
    let server = Server::start(shards);
    let (mut scanner, mut writer) = (server.connect(), server.connect());
    set_all(&mut writer, "stays:", 10_000);
    set_all(&mut writer, "goes:", 5_000);
    for count in ["1", "10", "333", "100000"] {
        let (mut cursor, mut found, mut step) = ("0".to_owned(), BTreeMap::<String, u32>::new(), 0);
        loop {
            let (next, keys) = scan_step(&mut scanner, &cursor, &["MATCH", "stays:*", "COUNT", count]);
            keys.into_iter().for_each(|key| *found.entry(key).or_default() += 1);
            if next == "0" {
                break;
            }
            cursor = next;
            step += 1;
        }
        assert_eq!(found.len(), 10_000, "COUNT {count}");
        assert!(
            found.values().all(|&times| times == 1),
            "COUNT {count}: nothing changed, yet a key came twice"
        );
        println!("COUNT {count}: {step} steps");
    }
    scan_while_keys_change(&mut scanner, &mut writer);
}

fn scan_while_keys_change(scanner: &mut Raw, writer: &mut Raw) {
    let (mut cursor, mut found, mut step) = ("0".to_owned(), BTreeMap::<String, u32>::new(), 0_usize);
    loop {
        let (next, keys) = scan_step(scanner, &cursor, &["COUNT", "20"]);
        keys.into_iter().for_each(|key| *found.entry(key).or_default() += 1);
        if next == "0" {
            break;
        }
        cursor = next;
        // Enough come that the index grows meanwhile, and some go.
        let come = (0..60).map(|n| words(&["SET", &format!("comes:{}", step * 60 + n), "v"]));
        let go = (0..5).map(|n| words(&["DEL", &format!("goes:{}", step * 5 + n)]));
        pipeline(writer, &come.chain(go).collect::<Vec<_>>());
        step += 1;
    }
    for n in 0..10_000 {
        assert!(
            found.contains_key(&format!("stays:{n}")),
            "stays:{n} was there all the time but was not found"
        );
    }
    let known = |key: &&String| ["stays:", "goes:", "comes:"].iter().any(|prefix| key.starts_with(prefix));
    assert!(found.keys().all(|key| known(&key)), "a key was found that nobody wrote");
    println!("{step} steps while keys came and went, {} keys", found.len());
    assert!(step > 20, "the scan was over before anything changed");
}

#[test]
fn a_scan_finds_every_key_with_one_shard() {
    scan_guarantee(1);
}

#[test]
fn a_scan_finds_every_key_with_two_shards() {
    scan_guarantee(2);
}

#[test]
fn any_cursor_is_an_answer_or_an_error() {
    let mut random = Random::from_environment(1);
    for shards in [1, 2] {
        let mut server = Server::start(shards);
        let mut connection = server.connect();
        set_all(&mut connection, "key:", 2_000);
        let edges =
            ["1", "2", "3", "18446744073709551615", "9223372036854775807", "4294967296", "4294967295"];
        let cursors =
            edges.iter().map(|&edge| edge.to_owned()).chain((0..200).map(|_| random.bits().to_string()));
        for cursor in cursors {
            let reply = connection.ask(&["SCAN", &cursor, "COUNT", "100"]);
            assert!(
                reply.starts_with("*2\r\n") || reply == "-ERR invalid cursor\r\n",
                "SCAN {cursor}: {reply}"
            );
        }
        for (cursor, count) in [("0", "9223372036854775807"), ("-1", "1"), ("18446744073709551616", "1")] {
            let reply = connection.ask(&["SCAN", cursor, "COUNT", count]);
            assert!(
                reply.starts_with("*2\r\n") || reply == "-ERR invalid cursor\r\n",
                "SCAN {cursor}: {reply}"
            );
        }
        server.assert_alive("after strange cursors");
    }
}

/// Requests of far more keys than one turn looks up, whose keys lie on all shards, some missing and some twice.
fn many_keys(shards: u16) {
    let server = Server::start(shards);
    let (mut connection, mut other) = (server.connect(), server.connect());
    const COUNT: usize = 3_000;
    set_all(&mut connection, "k", COUNT);
    let named = |command: &str| -> Vec<String> {
        let mut request = words(&[command]);
        request.extend((0..2 * COUNT).map(|n| format!("k{n}")));
        request.push("k0".to_owned());
        request
    };
    let values = elements(&connection.ask(&named("MGET")));
    assert_eq!(values.len(), 2 * COUNT + 1);
    for (n, value) in values.iter().enumerate().take(2 * COUNT) {
        assert_eq!(*value, (n < COUNT).then(|| format!("value {n}")), "k{n}");
    }
    assert_eq!(connection.ask(&named("EXISTS")), format!(":{}\r\n", COUNT + 1));
    assert_eq!(connection.ask(&named("TOUCH")), format!(":{}\r\n", COUNT + 1));
    assert_eq!(connection.ask(&["DBSIZE"]), format!(":{COUNT}\r\n"));
    // In one pipeline: what is asked before sees the keys, what is asked after does not, and the order stays.
    let single = words(&["GET", "k7"]);
    let requests = [single.clone(), named("MGET"), named("DEL"), single, named("MGET"), named("UNLINK")];
    let replies = pipeline(&mut connection, &requests);
    assert_eq!(replies[0], b"$7\r\nvalue 7\r\n");
    assert_eq!(elements(&support::text(&replies[1])).iter().flatten().count(), COUNT + 1);
    assert_eq!(replies[2], format!(":{COUNT}\r\n").into_bytes());
    assert_eq!(replies[3], b"$-1\r\n");
    assert_eq!(elements(&support::text(&replies[4])).iter().flatten().count(), 0);
    assert_eq!(replies[5], b":0\r\n");
    other.expect("DBSIZE", ":0|");
}

#[test]
fn requests_of_thousands_of_keys_with_one_shard() {
    many_keys(1);
}

#[test]
fn requests_of_thousands_of_keys_with_two_shards() {
    many_keys(2);
}

#[test]
fn flushdb_takes_its_bucket_and_flushall_every_one() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let mut connection = server.connect();
        for bucket in ["0", "5", "15"] {
            connection.expect(&format!("SELECT {bucket}"), "+OK|");
            set_all(&mut connection, "k", 1_000);
        }
        connection.expect("SELECT 5", "+OK|");
        connection.expect("FLUSHDB", "+OK|");
        connection.expect("DBSIZE", ":0|");
        connection.expect("KEYS *", "*0|");
        connection.expect("SELECT 15", "+OK|");
        connection.expect("DBSIZE", ":1000|");
        assert_eq!(elements(&connection.ask(&["KEYS", "k*"])).len(), 1_000);
        connection.expect("SELECT 0", "+OK|");
        connection.expect("FLUSHALL", "+OK|");
        connection.expect("DBSIZE", ":0|");
        connection.expect("SELECT 15", "+OK|");
        connection.expect("DBSIZE", ":0|");
        connection.expect("GET k1", "$-1|");
        set_all(&mut connection, "k", 10);
        connection.expect("DBSIZE", ":10|");
    }
}

#[test]
fn keys_expire_by_themselves() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let mut connection = server.connect();
        let requests: Vec<_> =
            (0..2_000).map(|n| words(&["SET", &format!("k{n}"), "v", "PX", "30"])).collect();
        pipeline(&mut connection, &requests);
        connection.expect("SET stays v EX 100000", "+OK|");
        // Nobody looks at them: the sweep finds them.
        support::wait_until("expired keys are gone", || connection.ask(&["DBSIZE"]) == ":1\r\n");
        connection.expect("GET k1", "$-1|");
        assert_eq!(server.info("expired_keys"), 2_000);
    }
}
