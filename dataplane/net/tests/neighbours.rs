//! How devices of neighbours are asked for, believed, asked again and forgotten.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use std::net::IpAddr;

use adit_net::neighbours::{
    ASK_INTERVAL_NS, ASKS_MAX, IN_USE_NS, NEIGHBOURS_MAX, PENDING_PER_NEIGHBOUR_MAX, REACHABLE_NS,
    UNRESOLVED_MAX,
};
use adit_net::stack::PENDING_MAX;
use adit_net::{Mac, Reason, Stack, StackConfig};
use support::*;

const ALL: Mac = [0xFF; 6];

/// What the device `mac` says of itself or asks.
fn arp(to: Mac, operation: u8, mac: Mac, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, operation];
    [&to[..], &mac, &[8, 6], &head, &mac, &sender, &OUR_MAC, &target].concat()
}

fn answer(mac: Mac, sender: [u8; 4]) -> Vec<u8> {
    arp(OUR_MAC, 2, mac, sender, [10, 0, 0, 1])
}

fn question(mac: Mac, sender: [u8; 4]) -> Vec<u8> {
    arp(ALL, 1, mac, sender, [10, 0, 0, 1])
}

/// Transmits a datagram to port 9 of a host; says which frames left.
fn transmit(stack: &mut Stack, wire: &mut Wire, now_ns: u64, to: &str) -> Vec<Vec<u8>> {
    stack.poll(now_ns);
    stack.transmit(&mut vec![train(stack, (ip(to), 9).into(), b"x")]);
    wire.receive()
}

/// The device that a frame is to, and whether it asks for one with ARP.
fn to(frame: &[u8]) -> (Mac, bool) {
    (frame[..6].try_into().unwrap(), frame[12..14] == [8, 6])
}

fn stack() -> (Stack, Wire) {
    stack_and_wire(config(1, OUR_PORT))
}

const HOST: [u8; 4] = [10, 0, 0, 2];

#[test]
fn who_is_unknown_is_asked_for_some_times_while_its_packets_wait() {
    let (mut stack, mut wire) = stack();
    assert_eq!(stack.due_ns(), None);
    for index in 0..PENDING_PER_NEIGHBOUR_MAX {
        let left = transmit(&mut stack, &mut wire, 0, "10.0.0.2");
        assert_eq!(left.len(), usize::from(index == 0), "one question");
        assert!(left.iter().all(|frame| to(frame) == (ALL, true)));
    }
    transmit(&mut stack, &mut wire, 0, "10.0.0.2");
    assert_eq!(stack.counters().dropped(Reason::PendingFull), 1);
    assert_eq!(stack.pending_count(), usize::from(PENDING_PER_NEIGHBOUR_MAX));
    for asked in 1..ASKS_MAX {
        let due_ns = stack.due_ns().unwrap();
        assert_eq!(due_ns, u64::from(asked) * ASK_INTERVAL_NS);
        stack.poll(due_ns - 1);
        assert_eq!(wire.receive().len(), 0);
        stack.poll(due_ns);
        assert_eq!(wire.receive().len(), 1);
    }
    stack.poll(stack.due_ns().unwrap());
    assert_eq!((wire.receive().len(), stack.pending_count(), stack.neighbour_count()), (0, 0, 0));
    assert_eq!(stack.counters().dropped(Reason::Unreachable), u64::from(PENDING_PER_NEIGHBOUR_MAX));
    assert_eq!(stack.due_ns(), None);
    assert_whole(&stack);
    assert_eq!(transmit(&mut stack, &mut wire, 9 * SECOND_NS, "10.0.0.2").len(), 1, "and asked for again");
    let left = wire.ask(&mut stack, 9 * SECOND_NS, &answer(PEER_MAC, HOST));
    assert_eq!(left.iter().map(|frame| to(frame)).collect::<Vec<_>>(), [(PEER_MAC, false)]);
    assert_whole(&stack);
}

#[test]
fn what_is_known_is_believed_for_a_while_and_then_asked_again() {
    let (mut stack, mut wire) = stack();
    wire.ask(&mut stack, 0, &question(PEER_MAC, HOST));
    assert_eq!(stack.due_ns(), None, "who is not used is not asked");
    let left = transmit(&mut stack, &mut wire, REACHABLE_NS - 1, "10.0.0.2");
    assert_eq!(left.iter().map(|frame| to(frame)).collect::<Vec<_>>(), [(PEER_MAC, false)]);
    let left = transmit(&mut stack, &mut wire, REACHABLE_NS, "10.0.0.2");
    let mut kinds: Vec<_> = left.iter().map(|frame| to(frame)).collect();
    kinds.sort();
    assert_eq!(kinds, [(PEER_MAC, false), (PEER_MAC, true)], "used, and asked alone");
    wire.ask(&mut stack, REACHABLE_NS, &answer(PEER_MAC, HOST));
    assert_eq!(stack.due_ns(), Some(REACHABLE_NS + ASK_INTERVAL_NS), "a question that nobody will need");
    stack.poll(REACHABLE_NS + ASK_INTERVAL_NS);
    assert_eq!((wire.receive().len(), stack.due_ns()), (0, None));
    assert_eq!(transmit(&mut stack, &mut wire, 2 * REACHABLE_NS - 1, "10.0.0.2").len(), 1);

    let start_ns = 2 * REACHABLE_NS;
    assert_eq!(transmit(&mut stack, &mut wire, start_ns, "10.0.0.2").len(), 2);
    let mut asked = Vec::new();
    for round in 1..=u64::from(ASKS_MAX) {
        stack.poll(start_ns + round * ASK_INTERVAL_NS);
        asked.extend(wire.receive().iter().map(|frame| to(frame)));
    }
    assert_eq!(asked, [(PEER_MAC, true), (ALL, true)], "the last question goes to all");
    assert_eq!(stack.neighbour_count(), 0, "gone");
    assert_eq!(transmit(&mut stack, &mut wire, start_ns + 9 * SECOND_NS, "10.0.0.2")[0][..6], ALL);
}

#[test]
fn nobody_takes_an_address_that_is_in_use() {
    let (mut stack, mut wire) = stack();
    let thief = [2, 0, 0, 0, 0, 0x66];
    wire.ask(&mut stack, 0, &question(PEER_MAC, HOST));
    transmit(&mut stack, &mut wire, 0, "10.0.0.2");
    for claim in [answer(thief, HOST), question(thief, HOST), arp(ALL, 1, thief, HOST, HOST)] {
        wire.ask(&mut stack, 1, &claim);
        assert_eq!(transmit(&mut stack, &mut wire, 1, "10.0.0.2")[0][..6], PEER_MAC);
    }
    assert_eq!((stack.counters().contradictions, stack.due_ns()), (3, None), "too early to ask again");
    let now_ns = ASK_INTERVAL_NS;
    let left = wire.ask(&mut stack, now_ns, &answer(thief, HOST));
    assert_eq!(
        left.iter().map(|frame| to(frame)).collect::<Vec<_>>(),
        [(PEER_MAC, true)],
        "the owner is asked"
    );
    wire.ask(&mut stack, now_ns, &answer(thief, HOST));
    assert_eq!(transmit(&mut stack, &mut wire, now_ns, "10.0.0.2")[0][..6], PEER_MAC);
    wire.ask(&mut stack, now_ns, &answer(PEER_MAC, HOST));
    wire.ask(&mut stack, now_ns + 1, &answer(thief, HOST));
    assert_eq!(transmit(&mut stack, &mut wire, now_ns + 1, "10.0.0.2")[0][..6], PEER_MAC, "it has answered");

    // The owner is silent: an address moves once all are asked.
    let now_ns = now_ns + ASK_INTERVAL_NS;
    wire.ask(&mut stack, now_ns, &answer(thief, HOST));
    for round in 1..u64::from(ASKS_MAX) {
        stack.poll(now_ns + round * ASK_INTERVAL_NS);
    }
    assert_eq!(to(wire.receive().last().unwrap()), (ALL, true));
    let now_ns = now_ns + u64::from(ASKS_MAX) * ASK_INTERVAL_NS - 1;
    wire.ask(&mut stack, now_ns, &answer(thief, HOST));
    assert_eq!(transmit(&mut stack, &mut wire, now_ns, "10.0.0.2")[0][..6], thief);
}

#[test]
fn answers_that_nobody_asked_for_teach_nothing() {
    let (mut stack, mut wire) = stack();
    wire.ask(&mut stack, 0, &answer(PEER_MAC, HOST));
    wire.ask(&mut stack, 0, &arp(ALL, 1, PEER_MAC, HOST, HOST));
    wire.ask(&mut stack, 0, &arp(ALL, 1, PEER_MAC, HOST, [10, 0, 0, 9]));
    wire.ask(&mut stack, 0, &arp(ALL, 1, PEER_MAC, [0, 0, 0, 0], [10, 0, 0, 1]));
    assert_eq!(stack.neighbour_count(), 0);
}

#[test]
fn a_flood_displaces_nobody_who_is_in_use() {
    let config = StackConfig { addresses: vec![(ip("10.0.0.1"), 8)], ..config(1, OUR_PORT) };
    let (mut stack, mut wire) = stack_and_wire(config);
    wire.ask(&mut stack, 0, &question(PEER_MAC, HOST));
    transmit(&mut stack, &mut wire, 0, "10.0.0.2");
    let flood = |stack: &mut Stack, wire: &mut Wire, now_ns: u64, third: u8| {
        for count in 0..2 * NEIGHBOURS_MAX {
            let [high, low] = u16::try_from(count).unwrap().to_be_bytes();
            let mac = [2, 9, 9, third, high, low];
            wire.ask(stack, now_ns, &question(mac, [10, third + high, low, 77]));
        }
        assert_eq!(stack.neighbour_count(), NEIGHBOURS_MAX);
    };
    flood(&mut stack, &mut wire, 1, 10);
    assert_eq!(transmit(&mut stack, &mut wire, IN_USE_NS / 2, "10.0.0.2")[0][..6], PEER_MAC);
    assert_eq!(stack.counters().dropped_total(), 0);
    wire.ask(&mut stack, IN_USE_NS / 2, &answer(PEER_MAC, HOST));
    flood(&mut stack, &mut wire, IN_USE_NS / 2 + 1, 100);
    assert_eq!(transmit(&mut stack, &mut wire, IN_USE_NS / 2 + 1, "10.0.0.2")[0][..6], PEER_MAC);
    // All places are in use: nobody gets one, and those in use are still served.
    for count in 0..UNRESOLVED_MAX + 10 {
        let [high, low] = u16::try_from(count).unwrap().to_be_bytes();
        transmit(
            &mut stack,
            &mut wire,
            IN_USE_NS / 2 + 1,
            &IpAddr::from([10, 200 + high, low, 78]).to_string(),
        );
    }
    assert_eq!(stack.counters().dropped(Reason::NeighboursFull), 10);
    assert_eq!(stack.counters().dropped(Reason::PendingFull), (UNRESOLVED_MAX - PENDING_MAX) as u64);
    assert_eq!((stack.pending_count(), stack.neighbour_count()), (PENDING_MAX, NEIGHBOURS_MAX));
    assert_eq!(transmit(&mut stack, &mut wire, IN_USE_NS / 2 + 2, "10.0.0.2")[0][..6], PEER_MAC);
    for round in 1..=u64::from(ASKS_MAX) {
        stack.poll(IN_USE_NS + round * ASK_INTERVAL_NS);
        wire.receive();
    }
    assert_eq!((stack.pending_count(), stack.neighbour_count()), (0, NEIGHBOURS_MAX - UNRESOLVED_MAX));
    assert_whole(&stack);
}

#[test]
fn other_networks_are_behind_their_gateway() {
    let config = StackConfig { gateway4: Some([10, 0, 0, 254].into()), ..config(1, OUR_PORT) };
    let (mut stack, mut wire) = stack_and_wire(config);
    let left = transmit(&mut stack, &mut wire, 0, "8.8.8.8");
    assert_eq!(left[0][38..42], [10, 0, 0, 254], "the gateway is asked for");
    let left = wire.ask(&mut stack, 0, &answer(PEER_MAC, [10, 0, 0, 254]));
    assert_eq!((&left[0][..6], &left[0][30..34]), (&PEER_MAC[..], &[8, 8, 8, 8][..]));
    assert_eq!(transmit(&mut stack, &mut wire, 0, "9.9.9.9")[0][..6], PEER_MAC);
    for nobody in ["10.0.0.255", "10.0.0.1", "127.0.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0"] {
        assert_eq!(transmit(&mut stack, &mut wire, 0, nobody).len(), 0, "{nobody}");
    }
    assert_eq!(transmit(&mut stack, &mut wire, 0, "2001:db8::1").len(), 0, "no gateway");
    assert_eq!(stack.counters().dropped(Reason::NoRoute), 7);
    assert_whole(&stack);
}

#[test]
fn packets_of_tcp_go_the_same_way() {
    let (mut stack, mut wire) = stack();
    let packet = [0x45; 30];
    let put = |stack: &mut Stack, to: &str, len: usize| {
        stack.outbound().room(ip(to), len).unwrap().fill(0x45);
    };
    put(&mut stack, "10.0.0.2", 30);
    put(&mut stack, "fd00::2", 1501);
    put(&mut stack, "fd00::2", 30);
    stack.flush(0);
    let asked = wire.receive();
    assert_eq!((asked.len(), stack.pending_count()), (2, 2));
    let left = wire.ask(&mut stack, 0, &answer(PEER_MAC, HOST));
    assert_eq!(left, [[&PEER_MAC[..], &OUR_MAC, &[8, 0], &packet].concat()]);
    put(&mut stack, "10.0.0.2", 30);
    stack.flush(0);
    assert_eq!(wire.receive(), left);
    assert_eq!((stack.counters().tx_segments, stack.counters().dropped(Reason::TooLong)), (3, 1));
    for round in 1..=u64::from(ASKS_MAX) {
        stack.flush(round * ASK_INTERVAL_NS);
    }
    assert_whole(&stack);
}

#[test]
fn a_new_cable_has_other_neighbours() {
    let (mut stack, mut wire) = stack();
    wire.ask(&mut stack, SECOND_NS, &question(PEER_MAC, HOST));
    transmit(&mut stack, &mut wire, SECOND_NS, "10.0.0.2");
    stack.set_link(true, 2 * SECOND_NS);
    wire.receive();
    let other = [2, 0, 0, 0, 0, 7];
    let asked = transmit(&mut stack, &mut wire, 2 * SECOND_NS, "10.0.0.2");
    assert_eq!(asked.iter().map(|frame| to(frame)).collect::<Vec<_>>(), [(ALL, true)]);
    let left = wire.ask(&mut stack, 2 * SECOND_NS, &answer(other, HOST));
    assert_eq!(left.iter().map(|frame| to(frame)).collect::<Vec<_>>(), [(other, false)]);
}
