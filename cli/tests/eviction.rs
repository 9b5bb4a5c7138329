//! What goes when memory is full: nothing, keys that were not used lately, or those of them that expire.

mod support;

use support::Server;
use support::raw::{Raw, info_number_of, request};

/// Writes `count` values of 10 kB, some 100 a pipeline; gives the number of errors.
fn fill(connection: &mut Raw, prefix: &str, count: usize, options: &[&str]) -> usize {
    let value = "v".repeat(10_000);
    let mut refused = 0;
    for some in (0..count).collect::<Vec<usize>>().chunks(100) {
        let set = |n: &usize| {
            let mut words = vec!["SET".to_owned(), format!("{prefix}{n}"), value.clone()];
            words.extend(options.iter().map(|option| (*option).to_owned()));
            request(&words)
        };
        connection.write(&some.iter().flat_map(set).collect::<Vec<_>>());
        refused += some.iter().filter(|_| connection.reply() != b"+OK\r\n").count();
    }
    refused
}

fn exists(connection: &mut Raw, key: &str) -> bool {
    connection.ask(&["EXISTS", key]) == ":1\r\n"
}

#[test]
fn keys_that_are_used_stay_and_others_go() {
    for shards in [1, 2] {
        let server = Server::start_with(shards, &["--memory", "128MiB", "--eviction", "clock"], &[]);
        let mut connection = server.connect();
        assert_eq!(fill(&mut connection, "used:", 100, &[]), 0);
        for round in 0..60 {
            assert_eq!(fill(&mut connection, &format!("once:{round}:"), 500, &[]), 0, "no write is refused");
            (0..100).for_each(|n| drop(connection.ask(&["GET", &format!("used:{n}")])));
        }
        let left = (0..100).filter(|n| exists(&mut connection, &format!("used:{n}"))).count();
        assert!(left >= 95, "{left} of 100 keys that are used are left, with {shards} shards");
        assert!(info_number_of(&mut connection, "evicted_keys") > 10_000);
        connection.expect("CONFIG RESETSTAT", "+OK|");
        assert!(info_number_of(&mut connection, "evicted_keys") < 10_000);
    }
}

#[test]
fn what_may_go_is_said_at_run_time_and_for_each_bucket() {
    let server = Server::start_with(1, &["--memory", "64MiB"], &[]);
    let mut connection = server.connect();
    assert!(fill(&mut connection, "first:", 8_000, &[]) > 0, "without a policy writes are refused");
    assert_eq!(connection.ask(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]), "+OK\r\n");
    assert!(fill(&mut connection, "second:", 200, &[]) > 0, "no key expires, so none may go");
    assert_eq!(connection.ask(&["DEL", "first:0", "first:1", "first:2", "first:3"]), ":4\r\n");
    assert_eq!(fill(&mut connection, "third:", 1, &["EX", "1000"]), 0);
    assert_eq!(connection.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]), "+OK\r\n");
    assert_eq!(fill(&mut connection, "fourth:", 8_000, &[]), 0);
    assert!(connection.ask(&["CONFIG", "GET", "maxmemory-policy"]).contains("allkeys-lru"));
    let refused = connection.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
    assert!(refused.contains("noeviction, allkeys-lru, volatile-lru"), "{refused}");
    // A lower limit at run time: keys go until it holds.
    assert_eq!(connection.ask(&["CONFIG", "SET", "maxmemory", "20mb"]), "+OK\r\n");
    support::wait_until("keys go", || info_number_of(&mut connection, "used_memory") <= 20 << 20);
    assert_eq!(fill(&mut connection, "fifth:", 4_000, &[]), 0);
    assert!(info_number_of(&mut connection, "used_memory") <= 21 << 20);
}

/// Transactions see their own writes, however short memory is.
#[test]
fn nothing_that_a_transaction_has_in_hand_goes() {
    let server = Server::start_with(1, &["--memory", "64MiB", "--eviction", "clock"], &[]);
    let mut connection = server.connect();
    fill(&mut connection, "other:", 8_000, &[]);
    let value = "w".repeat(20_000);
    for round in 0..100 {
        let mut bytes = request(&["MULTI"]);
        let key = |n: usize| format!("mine:{round}:{n}");
        (0..20).for_each(|n| bytes.extend(request(&["SET", &key(n), &value])));
        let mut exists = vec!["EXISTS".to_owned()];
        exists.extend((0..20).map(key));
        bytes.extend(request(&exists));
        bytes.extend(request(&["EXEC"]));
        connection.write(&bytes);
        assert_eq!(connection.reply(), b"+OK\r\n");
        (0..21).for_each(|_| assert_eq!(connection.reply(), b"+QUEUED\r\n"));
        let replies = support::text(&connection.reply());
        assert!(replies.ends_with(":20\r\n"), "round {round}: {}", &replies[replies.len() - 20..]);
    }
}

/// A large value is received into blocks of the connection's shard, whoever owns its key.
#[test]
fn large_values_are_taken_for_any_shard() {
    let server = Server::start_with(2, &["--memory", "128MiB", "--eviction", "clock"], &[]);
    let mut connection = server.connect();
    assert_eq!(fill(&mut connection, "small:", 14_000, &[]), 0);
    // Those of one tag are of one shard: all of one, then all of the other, then of both.
    for tags in [&["{a}"][..], &["{b}"], &["{a}", "{b}"]] {
        for round in 0..150_usize {
            let key = format!("{}{round}", tags[round % tags.len()]);
            let value = vec![b'a' + u8::try_from(round % 26).unwrap_or(0); LENGTHS[round % LENGTHS.len()]];
            assert_eq!(connection.ask(&[b"SET", key.as_bytes(), &value]), "+OK\r\n", "{key}");
            let reply = connection.call(&["GET", &key]);
            assert!(reply[..reply.len() - 2].ends_with(&value), "{key}");
        }
    }
}

/// Lengths of large values.
const LENGTHS: [usize; 5] = [70_000, 200_000, 1_000_000, 3_000_000, 6_000_000];
