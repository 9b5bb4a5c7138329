//! Requests on several keys over the native protocol: those that a shard executes at once and those that are transactions
//! answer the same.

mod support;

use std::thread::sleep;
use std::time::Duration;

use adit_client::core::Transport;
use adit_client::error::State;
use adit_client::{Client, Error, NewExpiry, PutOptions};
use adit_wire::native::{FRAME_BYTES_DEFAULT, HEADER_BYTES};

use support::Server;
use support::native::{BUCKET, connect};

/// The values of keys, and that they are those that a GET of each gives.
fn values(client: &mut Client, keys: &[String]) -> Vec<Option<Vec<u8>>> {
    let found = client.multi_get(BUCKET, keys.iter().collect()).expect("it is answered");
    let found: Vec<_> = found.iter().map(|value| value.map(<[u8]>::to_vec)).collect();
    for (key, value) in keys.iter().zip(&found) {
        let alone = client.get(BUCKET, key.as_bytes()).expect("it is answered");
        assert_eq!(alone.map(adit_client::Value::into_vec), *value, "{key}");
    }
    assert_eq!(found.len(), keys.len());
    found
}

fn put(client: &mut Client, key: &str, value: &[u8]) {
    client.put(BUCKET, key.as_bytes(), value, PutOptions::default()).expect("it is written");
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|key| format!("key:{key}")).collect()
}

#[test]
fn many_keys_are_read_alike_at_once_and_as_a_transaction() {
    for shards in [1, 2] {
        let server = Server::start_with(shards, &["--memory", "64MiB"], &[]);
        let mut client = connect(&server, Transport::Datagram);
        // As many as are read at once, one more, and fewer.
        for count in [1, 2, 255, 256, 257, 1_000] {
            let keys = names(count);
            let pairs = keys.iter().step_by(2).map(|key| (key, key)).collect();
            client.multi_put(BUCKET, pairs, false).expect("it is written");
            let found = values(&mut client, &keys);
            assert!(found.iter().step_by(2).all(Option::is_some), "{count} keys, {shards} shards");
        }
        client.close();
    }
}

#[test]
fn a_reply_that_fills_a_frame_and_one_that_does_not_fit_are_the_same() {
    let server = Server::start_with(1, &["--memory", "64MiB"], &[]);
    let mut client = connect(&server, Transport::Datagram);
    let room = FRAME_BYTES_DEFAULT - HEADER_BYTES;
    let keys = names(3);
    put(&mut client, &keys[0], b"short");
    for len in room - 20..room + 4 {
        put(&mut client, &keys[1], &vec![b'v'; len]);
        let found = values(&mut client, &keys);
        assert_eq!(found[1].as_ref().map(Vec::len), Some(len));
        assert_eq!(found[2], None);
    }
    // A value in blocks, the same key twice, and one that has expired.
    put(&mut client, &keys[2], &vec![b'b'; 200_000]);
    let twice = [keys[2].clone(), keys[0].clone(), keys[0].clone()];
    assert_eq!(values(&mut client, &twice)[2].as_deref(), Some(&b"short"[..]));
    let soon = PutOptions { expiry: NewExpiry::AfterMs(1), ..PutOptions::default() };
    client.put(BUCKET, keys[0].as_bytes(), b"gone", soon).expect("it is written");
    while client.get(BUCKET, keys[0].as_bytes()).expect("it is answered").is_some() {
        sleep(Duration::from_millis(1));
    }
    assert_eq!(values(&mut client, &keys[..2])[0], None);
    client.close();
}

#[test]
fn pairs_are_written_all_or_not_at_all() {
    let server = Server::start_with(1, &["--memory", "64MiB"], &[]);
    let mut client = connect(&server, Transport::Datagram);
    // Bodies around the longest that is written at once.
    for len in [10, (60 << 10) - 200, 60 << 10, 64 << 10, 200_000] {
        let value = vec![b'v'; len];
        let keys = [format!("a:{len}"), format!("b:{len}"), format!("c:{len}")];
        let pairs =
            || [(&keys[0], &value[..]), (&keys[1], b"b"), (&keys[0], &value[..])].into_iter().collect();
        assert_eq!(client.multi_put(BUCKET, pairs(), true), Ok(()), "{len}");
        let refused = client.multi_put(BUCKET, pairs(), true);
        assert!(matches!(refused, Err(Error::State(State::ConditionFailed { .. }))), "{len}: {refused:?}");
        let mixed = [(&keys[2], &b"new"[..]), (&keys[1], b"changed")].into_iter().collect();
        assert!(client.multi_put(BUCKET, mixed, true).is_err(), "{len}");
        let found = values(&mut client, &keys);
        assert_eq!(found, [Some(value), Some(b"b".to_vec()), None], "{len}");
    }
    client.close();
}
