//! Two stacks at the ends of a bad cable: what arrives is right, or the checksum above catches it.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use adit_drivers::frames::{FRAME_HEADROOM_BYTES, Frames};
use adit_drivers::port::Mempool;
use adit_drivers::sim::{CableFaults, Random, SimFrames};
use adit_net::{NetPort, Reason, Stack, StackConfig};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use support::*;

/// A datagram with its number, its length and a sum that is not that of UDP.
fn datagram(random: &mut Random, number: u32) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    let longest = if random.one_in(4) { 1400 } else { 40 };
    for _ in 0..random.index(longest) {
        bytes.push(u8::try_from(random.below(256)).unwrap());
    }
    let sum = bytes.iter().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    bytes.extend_from_slice(&sum.to_be_bytes());
    bytes
}

fn is_right(bytes: &[u8]) -> bool {
    let Some((bytes, sum)) = bytes.split_last_chunk::<4>() else { return false };
    let right = bytes.iter().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    bytes.len() >= 4 && right == u32::from_be_bytes(*sum)
}

/// What came of a run.
#[derive(Default)]
struct Outcome {
    sent: usize,
    received: usize,
    /// Harmed, and the checksum of UDP is right by chance.
    wrong: usize,
}

/// Has a client send datagrams that a server sends back.
fn run(seed: u64, faults: CableFaults, address: &str) -> Outcome {
    let [ours, theirs] = cable(seed, faults, 1500);
    let (mut server, mut client) =
        (Stack::new(ours, config(1, OUR_PORT), 0), Stack::new(theirs, config(2, 4321), 0));
    let (mut random, mut outcome, mut sent) = (Random::new(seed), Outcome::default(), BTreeMap::new());
    let to = peer(address);
    for turn in 0..2000_u32 {
        let now_ns = u64::from(turn) * 10_000_000;
        let mut trains = Vec::new();
        for _ in 0..random.index(5) {
            let number = u32::try_from(sent.len()).unwrap();
            let bytes = datagram(&mut random, number);
            trains.push(train(&client, to, &bytes));
            sent.insert(number, bytes);
        }
        while !trains.is_empty() {
            client.transmit(&mut trains);
        }
        server.poll(now_ns);
        let mut burst = Vec::new();
        server.take_datagrams(&mut burst);
        let mut answers: Vec<_> =
            burst.drain(..).map(|got| train(&server, got.peer(), got.bytes())).collect();
        while !answers.is_empty() {
            server.transmit(&mut answers);
        }
        client.poll(now_ns);
        for (from, bytes) in received(&mut client) {
            if is_right(&bytes) {
                let number = u32::from_be_bytes(*bytes.first_chunk().unwrap());
                assert_eq!(sent.get(&number), Some(&bytes), "seed {seed}");
                outcome.received += 1;
            } else {
                outcome.wrong += 1;
            }
            assert!(from == to || faults.corrupt_one_in > 0);
        }
        server.flush(now_ns);
        client.flush(now_ns);
    }
    // Who waits for a device that never answered is given up.
    for turn in 0..10 {
        let now_ns = (30 + turn) * SECOND_NS;
        server.poll(now_ns);
        client.poll(now_ns);
    }
    received(&mut server);
    received(&mut client);
    assert_whole(&server);
    assert_whole(&client);
    outcome.sent = sent.len();
    outcome
}

#[test]
fn all_that_is_sent_arrives_over_a_good_cable() {
    for address in ["10.0.0.1:6789", "[fd00::1]:6789"] {
        let outcome = run(1, CableFaults::NONE, address);
        assert_eq!((outcome.sent, outcome.wrong), (outcome.received, 0));
        assert!(outcome.sent > 3000);
    }
}

#[test]
fn what_arrives_over_a_bad_cable_is_right() {
    let faults = CableFaults {
        lose_one_in: 20,
        duplicate_one_in: 20,
        reorder_one_in: 10,
        corrupt_one_in: 10,
        block_one_in: 10,
        queue_frames_max: 64,
    };
    let (mut received, mut wrong) = (0, 0);
    for seed in 0..20 {
        for address in ["10.0.0.1:6789", "[fd00::1]:6789"] {
            let outcome = run(seed, faults, address);
            received += outcome.received;
            wrong += outcome.wrong;
        }
    }
    // Of some thousand harmed ones a sum of 16 bits lets few pass: two flips that cancel out, or a checksum that became 0.
    assert!(received > 50_000 && wrong < received / 1000, "{wrong} of {received}");
}

#[test]
fn a_blocked_device_leaves_datagrams_with_the_caller() {
    let faults = CableFaults { block_one_in: 2, ..CableFaults::NONE };
    let [ours, theirs] = cable(7, faults, 1500);
    let (mut us, mut them) = (Stack::new(ours, config(1, OUR_PORT), 0), Stack::new(theirs, config(2, 7), 0));
    for _ in 0..50 {
        us.transmit(&mut vec![train(&us, peer("10.0.0.2:7"), b"first")]);
        us.poll(0);
        them.poll(0);
    }
    received(&mut them);
    let mut trains: Vec<_> = (0..200_u8).map(|byte| train(&us, peer("10.0.0.2:7"), &[byte])).collect();
    us.transmit(&mut trains);
    assert!(trains.len() >= 200 - 32, "no more is taken than the stack may hold");
    assert!(us.due_ns().is_some_and(|due_ns| due_ns <= 1_000_000), "frames wait");
    let mut all = Vec::new();
    while all.len() < 200 {
        us.transmit(&mut trains);
        us.flush(0);
        them.poll(0);
        all.extend(received(&mut them).into_iter().map(|(_, bytes)| bytes[0]));
    }
    assert_eq!(all, (0..200).collect::<Vec<u8>>(), "in order");
    assert_whole(&us);
}

#[test]
fn what_can_never_be_sent_is_dropped() {
    let mempool = || Mempool::with_headroom(8, 4096, FRAME_HEADROOM_BYTES);
    let ends = [(OUR_MAC, mempool()), (PEER_MAC, mempool())];
    let [ours, theirs] = SimFrames::pair(1, CableFaults::NONE, 1500, ends).map(Frames::Sim);
    let (mut us, mut them) = (Stack::new(ours, config(1, OUR_PORT), 0), Stack::new(theirs, config(2, 7), 0));
    for (to, longest) in [("10.0.0.2:7", 1472), ("[fd00::2]:7", 1452)] {
        for _ in 0..2 {
            // Both while the device is asked for and when it is known.
            let mut trains =
                vec![train(&us, peer(to), &vec![1; longest + 1]), train(&us, peer(to), &vec![2; longest])];
            us.transmit(&mut trains);
            them.poll(0);
            us.poll(0);
            them.poll(0);
            assert_eq!(received(&mut them), [(peer(&us_at(to)), vec![2; longest])]);
        }
    }
    us.transmit(&mut vec![
        train(&us, peer("10.0.0.2:0"), b"x"),
        us.mempool().take(peer("10.0.0.2:7")).unwrap(),
    ]);
    let counters = us.counters();
    assert_eq!((counters.dropped(Reason::TooLong), counters.dropped(Reason::NoRoute)), (4, 1));
    assert_eq!((counters.dropped(Reason::UdpEmpty), counters.dropped_total()), (1, 6));
    assert_whole(&us);
}

fn us_at(to: &str) -> String {
    format!("{}:{OUR_PORT}", to.trim_end_matches(":7").replace('2', "1"))
}

#[test]
fn a_port_is_one_like_every_other() {
    let [ours, theirs] = cable(1, CableFaults::NONE, 1500);
    let port = |frames, host, number| {
        let stack = Stack::new(frames, config(host, number), 0);
        NetPort::new(Rc::new(RefCell::new(stack)))
    };
    let (mut us, mut them) = (port(ours, 1, OUR_PORT), port(theirs, 2, 7));
    assert_eq!((us.address(), us.datagram_bytes_max()), (peer("10.0.0.1:6789"), 1452));
    let mut trains = Vec::new();
    let mut train = them.mempool().take(us.address()).unwrap();
    train.push(5).unwrap().copy_from_slice(b"hello");
    assert!(!train.takes(1), "one datagram");
    trains.push(train);
    them.tx_burst(&mut trains);
    let mut burst = Vec::new();
    for _ in 0..2 {
        us.poll(0);
        them.poll(0);
        us.rx_burst(&mut burst);
    }
    assert_eq!((burst.len(), burst[0].peer(), burst[0].bytes()), (1, them.address(), &b"hello"[..]));
    us.tx_burst(&mut burst);
    assert!(burst.is_empty());
    let counters = us.counters();
    assert_eq!((counters.rx_datagrams, counters.tx_datagrams, counters.tx_refused), (1, 1, 0));
    assert_eq!(us.net_counters().frames.tx_refused, 0);
}

#[test]
#[should_panic(expected = "is checked before a stack starts")]
fn a_wrong_configuration_starts_nothing() {
    let [ours, _] = cable(1, CableFaults::NONE, 1500);
    Stack::new(ours, StackConfig { udp_port: 0, ..config(1, 1) }, 0);
}

#[test]
#[should_panic(expected = "trains have room for headers")]
fn a_mempool_without_headroom_is_refused() {
    let mempool = || Mempool::with_headroom(8, 4096, 65);
    let [ours, _] =
        SimFrames::pair(1, CableFaults::NONE, 1500, [(OUR_MAC, mempool()), (PEER_MAC, mempool())]);
    Stack::new(Frames::Sim(ours), config(1, 1), 0);
}
