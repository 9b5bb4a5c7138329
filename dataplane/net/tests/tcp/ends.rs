//! How connections end: each side first, both at once, by a reset, by silence.

use smoltcp::socket::tcp::State;

use crate::world::{Faults, PORT, SECOND, World, config, connected, pattern};

#[test]
fn the_client_ends_first_and_still_reads() {
    let mut world = connected(config());
    world.server.echoes = false;
    world.clients[0].to_send = b"question".to_vec().into();
    world.clients[0].closes = true;
    world.until("ended", SECOND, |world| world.server.log.contains(&"ended 0".to_owned()));
    // The server has closed on the end; nothing is left of the connection there, and the client waits.
    world.until("over", SECOND, |world| world.server.tcp.connection_count() == 0);
    assert_eq!(world.server.past, [b"question"]);
    assert_eq!(world.clients[0].state(), State::TimeWait);
    assert_eq!(world.server.tcp.time_wait_count(), 0);
}

#[test]
fn the_server_answers_after_the_client_has_ended() {
    let mut world = connected(config());
    (world.server.echoes, world.server.closes) = (false, false);
    world.clients[0].closes = true;
    world.until("ended", SECOND, |world| world.server.log.contains(&"ended 0".to_owned()));
    let answer = pattern(1, 90_000);
    world.server.write(0, &answer);
    world.until("read", SECOND, |world| world.clients[0].received.len() == 90_000);
    assert!(world.clients[0].received == answer);
    world.server.close(0);
    world.until("over", SECOND, |world| world.server.tcp.connection_count() == 0);
}

#[test]
fn the_server_ends_first_and_what_it_has_accepted_arrives() {
    let mut world = connected(config());
    world.server.write(0, b"bye");
    world.server.turn();
    world.server.close(0);
    world.clients[0].to_send = b"too late".to_vec().into();
    world.until("end seen", SECOND, |world| world.clients[0].state() == State::CloseWait);
    assert_eq!(world.clients[0].received, b"bye");
    world.run(SECOND);
    assert_eq!((world.server.tcp.connection_count(), world.server.tcp.time_wait_count()), (1, 0));
    world.clients[0].socket().close();
    world.until("over", SECOND, |world| world.server.tcp.connection_count() == 0);
    assert_eq!(world.server.tcp.time_wait_count(), 1, "its buffers are gone, its numbers are kept");
    world.run(40 * SECOND);
    world.server.now_ns = world.now_ns;
    world.server.turn();
    assert_eq!(world.server.tcp.time_wait_count(), 0);
    assert_eq!(world.server.tcp.counters().ended, 1);
}

#[test]
fn both_end_at_once() {
    for seed in 0..50 {
        let faults = Faults { lost: 100, doubled: 100, jitter_ns: 100_000, ..Faults::none() };
        let mut world = World::new(seed, config(), faults);
        world.connect(seed % 2 == 0, 5000);
        world.clients[0].to_send = b"x".to_vec().into();
        world.until("connected", 60 * SECOND, |world| world.server.served.iter().any(Option::is_some));
        world.server.close(0);
        world.clients[0].socket().close();
        let is_over = |world: &mut World| {
            world.server.tcp.connection_count() == 0
                && matches!(world.clients[0].state(), State::Closed | State::TimeWait)
        };
        world.until(&format!("over, seed {seed}"), 300 * SECOND, is_over);
    }
}

#[test]
fn a_reset_ends_the_connection_in_any_state() {
    // Established, ended by the peer, closed by us in one, two and no acknowledged steps.
    for state in 0..5 {
        let mut world = connected(config());
        world.server.closes = false;
        match state {
            0 => {}
            1 => world.clients[0].socket().close(),
            2 => world.server.close(0),
            3 => {
                world.server.close(0);
                world.run(SECOND);
            }
            _ => {
                world.server.write(0, b"unread");
                world.server.turn();
                world.server.packets();
            }
        }
        if state != 2 {
            world.run(SECOND / 4);
        }
        let client = &mut world.clients[0];
        client.socket().abort();
        world.until("gone", 5 * SECOND, |world| world.server.tcp.connection_count() == 0);
        let was_told = world.server.log.contains(&"lost 0".to_owned());
        assert_eq!(was_told, !matches!(state, 2 | 3), "state {state}: {:?}", world.server.log);
    }
}

#[test]
fn what_came_before_a_reset_is_told_first() {
    let mut world = connected(config());
    world.server.echoes = false;
    world.clients[0].to_send = b"last words".to_vec().into();
    world.clients[0].turn(world.now_ns);
    world.clients[0].turn(world.now_ns);
    world.clients[0].socket().abort();
    world.until("lost", SECOND, |world| world.server.log.contains(&"lost 0".to_owned()));
    assert_eq!(world.server.past, [b"last words"]);
}

#[test]
fn a_reset_that_is_not_exactly_in_place_is_ignored() {
    let mut world = connected(config());
    world.seen = Some(Vec::new());
    world.clients[0].to_send = b"x".to_vec().into();
    world.run(SECOND);
    assert_eq!(world.clients[0].received, b"x");
    let packets = world.seen.take().unwrap();
    let last = packets.last().unwrap();
    for offset in [1_u32, 100, 10_000, u32::MAX] {
        world.inject(reset_of(last, offset));
    }
    world.run(SECOND);
    assert_eq!(world.server.tcp.counters().rx_reset_inexact, 4);
    assert_eq!(world.server.tcp.connection_count(), 1);
    world.inject(reset_of(last, 0));
    world.until("gone", SECOND, |world| world.server.tcp.connection_count() == 0);
}

/// A reset that is `offset` behind an empty segment of the same flow.
fn reset_of(packet: &[u8], offset: u32) -> Vec<u8> {
    let mut packet = packet[..40].to_vec();
    packet[2..4].copy_from_slice(&40_u16.to_be_bytes());
    let sequence = u32::from_be_bytes(packet[24..28].try_into().unwrap());
    packet[24..28].copy_from_slice(&sequence.wrapping_add(offset).to_be_bytes());
    packet[32] = 0x50;
    packet[33] = 4;
    fill_checksum(&mut packet);
    packet
}

pub(crate) fn fill_checksum(packet: &mut [u8]) {
    use smoltcp::wire::{Ipv4Packet, TcpPacket};
    let ip = Ipv4Packet::new_unchecked(&packet[..]);
    let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
    TcpPacket::new_unchecked(&mut packet[20..]).fill_checksum(&from, &to);
}

#[test]
fn a_peer_that_has_vanished_is_noticed() {
    // Idle: by keep-alives. With bytes that it owes an acknowledgment of: by its silence.
    for owes in [false, true] {
        let mut world = connected(config());
        world.run(SECOND);
        world.faults.lost = 1000;
        if owes {
            world.server.write(0, b"hello?");
            world.server.now_ns = world.now_ns;
            world.server.turn();
        }
        world.run(170 * SECOND);
        assert_eq!(world.server.tcp.connection_count(), 1, "it might still come back");
        world.run(80 * SECOND);
        assert_eq!(world.server.tcp.connection_count(), 0);
        assert!(world.server.log.contains(&"lost 0".to_owned()));
    }
}

#[test]
fn a_quiet_connection_stays() {
    let mut world = connected(config());
    world.run(3600 * SECOND);
    world.clients[0].to_send = b"still here".to_vec().into();
    world.until("echoed", SECOND, |world| world.clients[0].received == b"still here");
    let counters = world.server.tcp.counters();
    assert!((50..200).contains(&counters.tx_packets), "a keep-alive a minute: {}", counters.tx_packets);
    assert_eq!(PORT, 6379);
}

#[test]
fn a_closed_connection_whose_peer_does_not_end_is_given_up() {
    let mut world = connected(config());
    world.clients[0].reads = false;
    world.server.write(0, b"bye");
    world.server.turn();
    world.server.close(0);
    // Once it gets more time: it took the three bytes.
    world.run(119 * SECOND);
    assert_eq!(world.server.tcp.connection_count(), 1);
    world.run(2 * SECOND);
    assert_eq!(world.server.tcp.connection_count(), 0);
    assert_eq!(world.server.tcp.counters().closing_expired, 1);
    assert_eq!(world.clients[0].state(), State::Closed, "it was reset");
}
