//! The native protocol of `adit serve`, over UDP and TCP, with one shard and with two: every operation and its refusals,
//! and the same data over RESP.

mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use adit_client::error::{Caller, State};
use adit_client::{BucketId, Client, Condition, Error, Keys, NewExpiry, Pairs, PutOptions};

use support::native::{BUCKET, connect, connect_to, counter, each};
use support::wait_until;

fn when(condition: Condition) -> PutOptions {
    PutOptions { condition, ..PutOptions::default() }
}

fn expiring(expiry: NewExpiry) -> PutOptions {
    PutOptions { expiry, ..PutOptions::default() }
}

fn put(client: &mut Client, key: &str, value: &str) -> u64 {
    client.put(BUCKET, key.as_bytes(), value.as_bytes(), PutOptions::default()).expect("a put is done")
}

/// The value of a key as text.
fn get(client: &mut Client, key: &str) -> Option<String> {
    let value = client.get(BUCKET, key.as_bytes()).expect("a get is answered");
    value.map(|value| support::text(value.bytes()))
}

fn keys(names: &[&str]) -> Keys {
    names.iter().copied().collect()
}

fn pairs(list: &[(&str, &str)]) -> Pairs {
    list.iter().copied().collect()
}

fn values(client: &mut Client, names: &[&str]) -> Vec<Option<String>> {
    let values = client.multi_get(BUCKET, keys(names)).expect("a multi-get is answered");
    values.iter().map(|value| value.map(support::text)).collect()
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(since.as_millis()).expect("a time of this age")
}

#[test]
fn a_value_is_written_read_and_removed() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        for n in 0..20 {
            let key = format!("key:{n}");
            assert_eq!(get(&mut client, &key), None);
            let first = put(&mut client, &key, "one");
            let second = put(&mut client, &key, "two");
            assert!(second > first, "versions only grow");
            let value = client.get(BUCKET, key.as_bytes()).unwrap().unwrap();
            assert_eq!((value.version, value.expiry_ms, value.bytes()), (second, None, &b"two"[..]));
            assert_eq!(client.append(BUCKET, key.as_bytes(), &b" and more"[..]), Ok(12));
            let taken = client.take(BUCKET, key.as_bytes()).unwrap().unwrap();
            assert_eq!(taken.into_vec(), b"two and more");
            assert_eq!(client.take(BUCKET, key.as_bytes()), Ok(None));
            assert_eq!(client.append(BUCKET, key.as_bytes(), &b"new"[..]), Ok(3));
            assert_eq!(client.delete(BUCKET, key.as_bytes()), Ok(true));
            assert_eq!(client.delete(BUCKET, key.as_bytes()), Ok(false));
        }
        client.put(BUCKET, b"", &b"of the empty key"[..], PutOptions::default()).unwrap();
        assert_eq!(get(&mut client, "").as_deref(), Some("of the empty key"));
        put(&mut client, "empty", "");
        assert_eq!(get(&mut client, "empty").as_deref(), Some(""));
        client.close();
    });
}

#[test]
fn a_put_is_done_if_its_condition_holds() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        let failed = |version| Err(Error::State(State::ConditionFailed { version }));
        let mut try_put =
            |key: &[u8], value: &[u8], condition| client.put(BUCKET, key, value, when(condition));
        for key in [&b"a"[..], b"b", b"c", b"d"] {
            assert_eq!(try_put(key, b"0", Condition::IfPresent), failed(0));
            assert_eq!(try_put(key, b"0", Condition::IfVersion(1)), failed(0));
            let first = try_put(key, b"1", Condition::IfAbsent).unwrap();
            assert_eq!(try_put(key, b"0", Condition::IfAbsent), failed(first));
            let second = try_put(key, b"2", Condition::IfPresent).unwrap();
            assert_eq!(try_put(key, b"0", Condition::IfVersion(first)), failed(second));
            let third = try_put(key, b"3", Condition::IfVersion(second)).unwrap();
            assert!(first < second && second < third);
            // Long values are compared and swapped as well.
            let long = vec![b'l'; 300_000];
            assert_eq!(try_put(key, &long, Condition::IfVersion(second)), failed(third));
            assert!(try_put(key, &long, Condition::IfVersion(third)).is_ok());
        }
        assert_eq!(client.get(BUCKET, b"d").unwrap().unwrap().bytes().len(), 300_000);
    });
}

#[test]
fn compare_and_swap_loses_no_update_of_two_clients() {
    each(|server, transport| {
        let address = server.native;
        put(&mut connect(server, transport), "number", "0");
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(move || {
                    let mut client = connect_to(address, transport);
                    (0..100).for_each(|_| swap_one_more(&mut client));
                });
            }
        });
        assert_eq!(get(&mut connect(server, transport), "number").as_deref(), Some("200"));
    });
}

fn swap_one_more(client: &mut Client) {
    loop {
        let found = client.get(BUCKET, b"number").expect("a get is answered").expect("it is there");
        let more = support::text(found.bytes()).parse::<u64>().expect("a number") + 1;
        let swap = when(Condition::IfVersion(found.version));
        match client.put(BUCKET, b"number", more.to_string().as_bytes(), swap) {
            Ok(_) => return,
            Err(Error::State(State::ConditionFailed { version })) => assert!(version > found.version),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn keys_expire_when_they_are_told_to() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        let begun = now_ms();
        client.put(BUCKET, b"k", &b"v"[..], expiring(NewExpiry::AfterMs(100_000))).unwrap();
        let expiry = |client: &mut Client| client.get(BUCKET, b"k").unwrap().unwrap().expiry_ms;
        let at = expiry(&mut client).expect("it expires");
        // The server's clock is that of this machine.
        assert!((begun + 99_000..=now_ms() + 101_000).contains(&at), "{at} from {begun}");
        client.put(BUCKET, b"k", &b"w"[..], expiring(NewExpiry::Keep)).unwrap();
        assert_eq!(expiry(&mut client), Some(at));
        client.append(BUCKET, b"k", &b"x"[..]).unwrap();
        assert_eq!(expiry(&mut client), Some(at));
        put(&mut client, "k", "v");
        assert_eq!(expiry(&mut client), None);
        assert_eq!(client.touch(BUCKET, b"k", 500_000), Ok(true));
        assert!(expiry(&mut client).expect("it expires") > at);
        assert_eq!(client.touch(BUCKET, b"k", 0), Ok(true));
        assert_eq!(expiry(&mut client), None);
        assert_eq!(client.touch(BUCKET, b"none", 1), Ok(false));
        assert_eq!(client.touch(BUCKET, b"k", 1), Ok(true));
        client.put(BUCKET, b"l", &b"v"[..], expiring(NewExpiry::AfterMs(1))).unwrap();
        wait_until("both expire", || get(&mut client, "k").is_none() && get(&mut client, "l").is_none());
        client.put(BUCKET, b"l", &b"v"[..], expiring(NewExpiry::AfterMs(u64::MAX))).unwrap();
        assert_eq!(get(&mut client, "l").as_deref(), Some("v"));
    });
}

#[test]
fn numbers_are_added_to() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        let mut add = |key: &[u8], number| client.add(BUCKET, key, number);
        assert_eq!((add(b"n", 40), add(b"n", 2), add(b"n", -43)), (Ok(40), Ok(42), Ok(-1)));
        assert_eq!(add(b"most", i64::MAX), Ok(i64::MAX));
        assert_eq!(add(b"most", 1), Err(Error::State(State::Overflow)));
        assert_eq!(add(b"least", i64::MIN), Ok(i64::MIN));
        assert_eq!(add(b"least", -1), Err(Error::State(State::Overflow)));
        assert_eq!(add(b"most", 0), Ok(i64::MAX), "a refused sum changes nothing");
        for text in ["one", "", "1.5", " 1", "9223372036854775808"] {
            put(&mut client, "text", text);
            let refused = client.add(BUCKET, b"text", 1);
            assert_eq!(refused, Err(Error::State(State::NotAnInteger)), "{text:?}");
        }
        client.put(BUCKET, b"text", vec![b'1'; 200_000], PutOptions::default()).unwrap();
        assert_eq!(client.add(BUCKET, b"text", 1), Err(Error::State(State::NotAnInteger)));
    });
}

#[test]
fn several_keys_are_written_and_read_at_one_moment() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        let some = |text: &str| Some(text.to_owned());
        client.multi_put(BUCKET, pairs(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "")]), true).unwrap();
        let found = values(&mut client, &["a", "none", "c", "d", "a"]);
        assert_eq!(found, [some("1"), None, some("3"), some(""), some("1")]);
        let refused = client.multi_put(BUCKET, pairs(&[("e", "5"), ("b", "6"), ("f", "7")]), true);
        assert_eq!(refused, Err(Error::State(State::ConditionFailed { version: 0 })));
        assert_eq!(values(&mut client, &["e", "b", "f"]), [None, some("2"), None], "nothing is written");
        client.multi_put(BUCKET, pairs(&[("e", "5"), ("b", "6"), ("e", "7")]), false).unwrap();
        assert_eq!(values(&mut client, &["e", "b"]), [some("7"), some("6")]);
        // As many as fit a megabyte, in many frames.
        let all: Vec<String> = (0..1_000).map(|n| format!("key:{n}")).collect();
        let long = "v".repeat(900);
        client.multi_put(BUCKET, all.iter().map(|key| (key, &long)).collect(), true).unwrap();
        let found = client.multi_get(BUCKET, all.iter().collect()).unwrap();
        assert!(found.iter().all(|value| value == Some(long.as_bytes())) && found.iter().count() == 1_000);
    });
}

/// Each writer writes one word to all keys; a reader never sees two words.
#[test]
fn a_multi_get_sees_no_half_of_a_multi_put() {
    each(|server, transport| {
        let (address, names) = (server.native, ["a", "b", "c", "d", "e"]);
        let all = |word: &str| -> Pairs { names.iter().map(|name| (name, word)).collect() };
        connect(server, transport).multi_put(BUCKET, all("begin"), true).unwrap();
        std::thread::scope(|scope| {
            for word in ["one", "two"] {
                scope.spawn(move || {
                    let mut client = connect_to(address, transport);
                    (0..200).for_each(|_| client.multi_put(BUCKET, all(word), false).unwrap());
                });
            }
            let mut client = connect(server, transport);
            for _ in 0..200 {
                let mut found = values(&mut client, &names);
                found.dedup();
                assert_eq!(found.len(), 1, "half of a multi-put: {found:?}");
            }
        });
    });
}

#[test]
fn a_scan_finds_the_keys_of_all_shards() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        assert_eq!(client.scan(BUCKET).count(), 0);
        let mut names: Vec<String> = (0..700).map(|n| format!("key:{n}")).collect();
        client.multi_put(BUCKET, names.iter().map(|name| (name, "v")).collect(), true).unwrap();
        client.put(BucketId(5), b"elsewhere", &b"v"[..], PutOptions::default()).unwrap();
        let mut found: Vec<String> =
            client.scan(BUCKET).map(|key| support::text(&key.expect("a key"))).collect();
        names.sort();
        found.sort();
        found.dedup();
        let missed: Vec<_> = names.iter().filter(|name| !found.contains(name)).collect();
        assert_eq!((missed, found.len()), (Vec::new(), names.len()), "keys that the scan missed");
        let elsewhere: Vec<_> = client.scan(BucketId(5)).map(Result::unwrap).collect();
        assert_eq!(elsewhere, [b"elsewhere"]);
        // Long keys make long replies.
        let long: Pairs = (0..15).map(|n| (format!("{n:02}{}", "k".repeat(60_000)), "v")).collect();
        client.multi_put(BucketId(6), long, true).unwrap();
        let mut found: Vec<_> = client.scan(BucketId(6)).map(|key| key.unwrap().len()).collect();
        found.dedup();
        assert_eq!(found, [60_002]);
    });
}

#[test]
fn stats_and_map_tell_about_each_shard() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        let map = client.map().expect("it was asked for").clone();
        assert_eq!(map.addresses.len(), client.shard_count());
        assert_eq!(map.addresses[0], server.native);
        assert!(server.banner.iter().any(|line| line.starts_with("adit ")
            && line.ends_with(&format!("with {} shard(s)", client.shard_count()))));
        let slots = map.ranges.iter().map(|range| u64::from(range.last - range.first) + 1);
        assert_eq!(slots.sum::<u64>(), 16_384);
        let before = counter(&mut client, "Requests");
        for n in 0..100 {
            put(&mut client, &format!("key:{n}"), "v");
        }
        assert!(counter(&mut client, "Requests") >= before + 100);
        let missing = u16::try_from(client.shard_count()).unwrap();
        assert_eq!(client.stats(missing), Err(Error::Caller(Caller::NoSuchShard)));
    });
}

#[test]
fn what_can_never_be_done_is_refused() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        let refused = |caller| Err(Error::Caller(caller));
        let longest = vec![b'k'; 64 << 10];
        let longer = vec![b'k'; (64 << 10) + 1];
        assert!(client.put(BUCKET, &longest, &b"v"[..], PutOptions::default()).is_ok());
        assert_eq!(client.get(BUCKET, &longest).unwrap().unwrap().bytes(), b"v");
        assert_eq!(client.delete(BUCKET, &longest), Ok(true));
        assert_eq!(client.get(BUCKET, &longer), refused(Caller::KeyTooLong).map(|()| None));
        let put = client.put(BUCKET, b"k", vec![0; (512 << 20) + 1], PutOptions::default());
        assert_eq!(put, refused(Caller::ValueTooLong).map(|()| 0));
        assert_eq!(client.delete(BucketId(16), b"k"), refused(Caller::NoSuchBucket).map(|()| false));
        assert_eq!(client.multi_get(BUCKET, Keys::default()).err(), Some(Error::Caller(Caller::NoKeys)));
        assert_eq!(client.multi_put(BUCKET, Pairs::default(), false), refused(Caller::NoKeys));
        let large: Pairs = (0..20).map(|n| (n.to_string(), vec![b'v'; 60_000])).collect();
        assert_eq!(client.multi_put(BUCKET, large, false), refused(Caller::TooLarge));
        assert_eq!(client.add(BUCKET, b"k", 1), Ok(1), "the session goes on");
    });
}

#[test]
fn a_full_shard_refuses_writes_and_keeps_what_it_has() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        put(&mut client, "k", "old");
        let full = Err(Error::State(State::OutOfMemory));
        assert_eq!(client.put(BUCKET, b"k", vec![1; 64 << 20], PutOptions::default()), full);
        assert_eq!(get(&mut client, "k").as_deref(), Some("old"));
        assert!(
            client.put(BUCKET, b"k", vec![1; 8 << 20], PutOptions::default()).is_ok(),
            "memory came back"
        );
    });
}

#[test]
fn resp_clients_see_the_same_data() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        let mut resp = server.connect();
        for n in 0..20 {
            let (native, redis) = (format!("native:{n}"), format!("redis:{n}"));
            put(&mut client, &native, "from native");
            resp.expect(&format!("GET {native}"), "$11|from native|");
            assert_eq!(resp.ask(&["SET", &redis, "from resp"]), "+OK\r\n");
            assert_eq!(get(&mut client, &redis).as_deref(), Some("from resp"));
        }
        client.add(BUCKET, b"n", 5).unwrap();
        resp.expect("INCRBY n 2", ":7|");
        assert_eq!(client.add(BUCKET, b"n", 1), Ok(8));
        client.put(BUCKET, b"t", &b"v"[..], expiring(NewExpiry::AfterMs(1_000_000))).unwrap();
        let ttl = resp.ask(&["TTL", "t"]);
        assert!(ttl == ":1000\r\n" || ttl.starts_with(":9"), "{ttl}");
        resp.expect("PERSIST t", ":1|");
        assert_eq!(client.get(BUCKET, b"t").unwrap().unwrap().expiry_ms, None);
        let long: Vec<u8> = (0..1_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
        client.put(BUCKET, b"long", long.clone(), PutOptions::default()).unwrap();
        let reply = resp.call(&["GET", "long"]);
        assert!(reply[b"$1000000\r\n".len()..reply.len() - 2] == long);
        assert_eq!(resp.ask(&[&b"SET"[..], b"long", &long[1..]]), "+OK\r\n");
        assert!(client.get(BUCKET, b"long").unwrap().unwrap().bytes() == &long[1..]);
        // A version that RESP has changed is no longer the one.
        let version = put(&mut client, "cas", "1");
        resp.expect("SET cas 2", "+OK|");
        assert!(client.put(BUCKET, b"cas", &b"3"[..], when(Condition::IfVersion(version))).is_err());
        resp.expect("DBSIZE", ":44|");
        assert_eq!(client.scan(BUCKET).count(), 44);
    });
}

#[test]
fn a_transaction_of_resp_is_not_seen_in_halves() {
    each(|server, transport| {
        connect(server, transport).multi_put(BUCKET, pairs(&[("x", "0"), ("y", "0")]), true).unwrap();
        std::thread::scope(|scope| {
            let mut resp = server.connect();
            scope.spawn(move || {
                (0..200).for_each(|n| resp.expect(&format!("MSET x {n} y {n}"), "+OK|"));
            });
            let mut client = connect(server, transport);
            for _ in 0..200 {
                let found = values(&mut client, &["x", "y"]);
                assert_eq!(found[0], found[1]);
            }
        });
    });
}

#[test]
fn buckets_are_apart() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        for bucket in 0..16_u32 {
            client
                .put(BucketId(bucket), b"k", &[b'a' + bucket.to_le_bytes()[0]][..], when(Condition::IfAbsent))
                .unwrap();
        }
        let mut resp = server.connect();
        for bucket in 0..16_u32 {
            resp.expect(&format!("SELECT {bucket}"), "+OK|");
            let value = char::from(b'a' + bucket.to_le_bytes()[0]);
            resp.expect("GET k", &format!("$1|{value}|"));
            assert_eq!(client.delete(BucketId(bucket), b"k"), Ok(true));
            resp.expect("EXISTS k", ":0|");
        }
    });
}
