//! A load against a small RESP server on a thread: what was counted must be what was asked.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use adit_wire::resp::client::{ReplyValue, decode_reply};

#[derive(clap::Parser)]
struct Program {
    #[command(flatten)]
    arguments: adit_perf::Arguments,
}

/// Serves `connections` connections, each to its end, then stops. Remembers keys, not values.
fn serve(connections: usize) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let keys = std::sync::Mutex::new(std::collections::HashSet::new());
        std::thread::scope(|scope| {
            for _ in 0..connections {
                let (stream, _) = listener.accept().unwrap();
                let keys = &keys;
                scope.spawn(move || answer(stream, keys));
            }
        });
    });
    (address, server)
}

fn answer(mut stream: TcpStream, keys: &std::sync::Mutex<std::collections::HashSet<Vec<u8>>>) {
    let (mut requests, mut buffer) = (Vec::new(), [0; 1000]);
    loop {
        let received = stream.read(&mut buffer).unwrap_or(0);
        if received == 0 {
            return;
        }
        requests.extend_from_slice(&buffer[..received]);
        let mut replies = Vec::new();
        // A request is an array of bulk strings, which the decoder of replies reads as well.
        while let Some((ReplyValue::Array(Some(words)), length)) = decode_reply(&requests).unwrap() {
            requests.drain(..length);
            replies.extend_from_slice(reply(&words, keys));
        }
        stream.write_all(&replies).unwrap();
    }
}

fn reply(words: &[ReplyValue], keys: &std::sync::Mutex<std::collections::HashSet<Vec<u8>>>) -> &'static [u8] {
    let bulk = |index: usize| match words.get(index) {
        Some(ReplyValue::Bulk(Some(bytes))) => bytes.clone(),
        other => panic!("word {index} is {other:?}"),
    };
    match bulk(0).as_slice() {
        // Of three keys; which are there is not looked at.
        b"MGET" if words.len() == 4 => b"*3\r\n$3\r\nabc\r\n$-1\r\n$3\r\n$-1\r\n",
        b"MSET" if words.len() == 7 => b"+OK\r\n",
        b"GET" if keys.lock().unwrap().contains(&bulk(1)) => b"$3\r\nabc\r\n",
        b"GET" => b"$-1\r\n",
        b"SET" => {
            keys.lock().unwrap().insert(bulk(1));
            b"+OK\r\n"
        }
        _ => b"-ERR unknown command\r\n",
    }
}

/// Runs `adit perf resp` with `arguments` and returns its JSON.
fn run(address: &str, arguments: &str) -> serde_json::Value {
    let number = address.rsplit_once(':').unwrap().1;
    let path = std::env::temp_dir().join(format!("adit-perf-test-{}-{number}.json", std::process::id()));
    let json = path.to_str().unwrap();
    let words = ["perf", "resp", "--target", address, "--json", json].into_iter().chain(arguments.split(' '));
    adit_perf::run(<Program as clap::Parser>::try_parse_from(words).unwrap().arguments).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_closed_loop_counts_every_request() {
    let (address, server) = serve(6);
    let report = run(&address, "--requests 1001 --connections 3 --pipeline 7 --keys 50 --load");
    assert_eq!((&report["operations"], &report["hits"]), (&1001.into(), &1001.into()));
    assert_eq!((&report["misses"], &report["errors"]), (&0.into(), &0.into()));
    assert_eq!(report["terms"]["pace"]["loop"], "closed");
    server.join().unwrap();
}

#[test]
fn an_open_loop_sends_what_is_due() {
    let (address, server) = serve(4);
    let report = run(&address, "--requests 500 --rate 100000 --connections 4 --threads 2 --keys 50");
    assert_eq!((&report["operations"], &report["misses"]), (&500.into(), &500.into()));
    assert_eq!(report["terms"]["pace"]["loop"], "open");
    server.join().unwrap();
}

#[test]
fn read_modify_writes_and_large_values_come_through() {
    let (address, server) = serve(4);
    let report = run(
        &address,
        "--requests 400 --workload ycsb-f --connections 2 --value-size 300000 --keys 20 --load",
    );
    assert_eq!((&report["operations"], &report["errors"]), (&400.into(), &0.into()));
    let hits = report["hits"].as_u64().unwrap();
    assert!((100..300).contains(&hits), "{hits} plain reads of 400 operations");
    server.join().unwrap();
}

#[test]
fn requests_of_many_keys_count_keys_found() {
    let (address, server) = serve(2);
    let report = run(&address, "--requests 300 --keys-per-request 3 --connections 2 --pipeline 5");
    assert_eq!((&report["operations"], &report["errors"]), (&300.into(), &0.into()));
    assert_eq!((&report["hits"], &report["misses"]), (&600.into(), &300.into()));
    server.join().unwrap();
    let (address, server) = serve(2);
    let report = run(&address, "--requests 300 --workload set --keys-per-request 3 --connections 2");
    assert_eq!((&report["operations"], &report["errors"]), (&300.into(), &0.into()));
    server.join().unwrap();
}

#[test]
fn a_peer_of_another_protocol_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // One read takes the whole request: bytes left behind would turn the close into a reset.
        assert!(stream.read(&mut [0; 1000]).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n").unwrap();
    });
    let words = ["perf", "resp", "--target", &address, "--connections", "1", "--requests", "1"];
    let error =
        adit_perf::run(<Program as clap::Parser>::try_parse_from(words).unwrap().arguments).unwrap_err();
    assert!(error.to_string().contains("RESP"), "{error:#}");
    server.join().unwrap();
}
