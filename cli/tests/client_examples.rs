//! The examples of the Rust client, run against `adit serve` over UDP and TCP: each does what it says.
#![allow(dead_code, reason = "each example has a main of its own, too")]

mod support;

#[path = "../../client/examples/large_value.rs"]
mod large_value;
#[path = "../../client/examples/pipeline.rs"]
mod pipeline;
#[path = "../../client/examples/scan.rs"]
mod scan;
#[path = "../../client/examples/tasks.rs"]
mod tasks;
#[path = "../../client/examples/update.rs"]
mod update;
#[path = "../../client/examples/visits.rs"]
mod visits;

use std::error::Error;

use adit_client::core::Transport;
use adit_client::{BucketId, Client, Config};

use support::native::{BUCKET, TRANSPORTS, config, connect};
use support::{Folder, Server};

/// Runs an example over both transports against two shards, each time twice, and looks at what it has left.
fn run(example: fn(Config) -> Result<(), Box<dyn Error>>, look: impl Fn(&mut Client, u32)) {
    for transport in TRANSPORTS {
        let mut server = Server::start(2);
        for time in 1..=2 {
            example(config(server.native, transport)).expect("an example does what it says");
            look(&mut connect(&server, transport), time);
        }
        server.assert_alive("after an example");
    }
}

fn text(client: &mut Client, key: &[u8]) -> String {
    let value = client.get(BUCKET, key).expect("a get is answered").expect("it is there");
    support::text(value.bytes())
}

#[test]
fn visits_are_counted() {
    run(visits::run, |client, time| {
        assert_eq!(text(client, b"visits"), time.to_string());
        assert_eq!(text(client, b"greeting"), "hello");
    });
}

#[test]
fn a_pipeline_writes_all() {
    run(pipeline::run, |client, _| {
        (0..1_000).for_each(|city| {
            assert_eq!(text(client, format!("city:{city}").as_bytes()), format!("city {city}"));
        });
        assert_eq!(client.get(BUCKET, b"cities"), Ok(None));
    });
}

#[test]
fn a_scan_finds_all() {
    run(scan::run, |client, _| assert_eq!(client.scan(BucketId(1)).count(), 500));
}

#[test]
fn updates_lose_nothing() {
    run(update::run, |client, _| {
        let mut guests: Vec<_> = text(client, b"guests").lines().map(str::to_owned).collect();
        guests.sort_unstable();
        assert_eq!(guests, ["ada", "barbara", "grace"]);
    });
}

#[test]
fn tasks_share_a_session() {
    // What was counted it has taken away.
    run(tasks::run, |client, _| assert_eq!(client.scan(BucketId(2)).count(), 0));
}

#[test]
fn a_file_comes_back_as_it_was() {
    let folder = Folder::new();
    let (file, copy) = (folder.path("file"), folder.path("copy"));
    let bytes: Vec<u8> =
        (0..10_000_000_u32).map(|at| at.wrapping_mul(0x9E37_79B9).to_le_bytes()[2]).collect();
    std::fs::write(&file, &bytes).expect("a folder of our own");
    for transport in TRANSPORTS {
        let server = Server::start(2);
        large_value::run(config(server.native, transport), &file, &copy)
            .expect("an example does what it says");
        assert!(std::fs::read(&copy).expect("it was written") == bytes, "{transport:?}");
        assert_eq!(connect(&server, transport).get(BUCKET, b"file"), Ok(None), "it was removed");
        std::fs::remove_file(&copy).expect("it was written");
    }
}

/// 64 MiB through a real server, while the client keeps little of them.
#[test]
fn a_long_value_needs_little_memory() {
    const LEN: usize = 64 << 20;
    for transport in [Transport::Datagram, Transport::Stream] {
        let server = Server::start_with(2, &["--memory", "256MiB"], &[]);
        let mut client = connect(&server, transport);
        let piece = [7; 100_000];
        let ticket =
            client.begin_write(BUCKET, b"long", LEN as u64, Default::default()).expect("a write begins");
        for start in (0..LEN).step_by(piece.len()) {
            client.write(ticket, &piece[..piece.len().min(LEN - start)]).expect("a piece is taken");
            assert!(client.kept_bytes() <= 2 << 20);
        }
        let version = client.finish_write(ticket).expect("it is written");
        let head = client.begin_read(BUCKET, b"long").expect("a read begins").expect("it is there");
        assert_eq!((head.version, head.len_bytes), (version, LEN as u64));
        let (mut out, mut read) = (vec![0; 3 << 20], 0);
        loop {
            let count = client.read(head.ticket, &mut out).expect("bytes come");
            assert!(out[..count].iter().all(|byte| *byte == 7) && client.kept_bytes() <= 2 << 20);
            read += count;
            if count == 0 {
                break;
            }
        }
        assert_eq!(read, LEN);
        client.close();
    }
}
