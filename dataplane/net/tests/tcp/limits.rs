//! Limits: floods, forged and late segments, too many connections, peers that do not read.

use std::net::SocketAddr;

use adit_drivers::memory::{Arena, BLOCK_BYTES, PAGE_BYTES};
use adit_drivers::outbox::Pinned;
use adit_drivers::streams::Event;
use adit_net::tcp::TcpConfig;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::tcp::State;
use smoltcp::wire::{IpProtocol, IpRepr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber};

use crate::world::{Faults, OURS, PORT, Random, SECOND, Server, World, config, connected, pattern};

/// A segment from a peer.
pub(crate) fn segment(
    from: SocketAddr,
    control: TcpControl,
    sequence: u32,
    ack: Option<u32>,
    payload: &[u8],
) -> Vec<u8> {
    let repr = TcpRepr {
        src_port: from.port(),
        dst_port: PORT,
        control,
        seq_number: TcpSeqNumber(sequence.cast_signed()),
        ack_number: ack.map(|ack| TcpSeqNumber(ack.cast_signed())),
        window_len: 60_000,
        window_scale: (control == TcpControl::Syn).then_some(7),
        max_seg_size: (control == TcpControl::Syn).then_some(1460),
        sack_permitted: control == TcpControl::Syn,
        sack_ranges: [None; 3],
        timestamp: None,
        payload,
    };
    let ours = std::net::IpAddr::from(OURS);
    let ip = IpRepr::new(from.ip().into(), ours.into(), IpProtocol::Tcp, repr.buffer_len(), 64);
    let mut packet = vec![0; ip.buffer_len()];
    let checksums = ChecksumCapabilities::default();
    ip.emit(&mut packet, &checksums);
    repr.emit(&mut TcpPacket::new_unchecked(&mut packet[20..]), &ip.src_addr(), &ip.dst_addr(), &checksums);
    packet
}

/// Flags, sequence and acknowledgment number of a packet of IPv4.
pub(crate) fn numbers(packet: &[u8]) -> (u8, u32, u32) {
    let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
    (packet[33], word(24), word(28))
}

const SYN_ACK: u8 = 0x12;
const RST: u8 = 4;
const ACK: u8 = 16;

/// Shakes hands; gives our next number and the server's.
pub(crate) fn shake(server: &mut Server, from: SocketAddr, isn: u32) -> (u32, u32) {
    server.receive(&segment(from, TcpControl::Syn, isn, None, &[]));
    let answer = server.packets().pop().unwrap();
    let (flags, sequence, ack) = numbers(&answer);
    assert_eq!((flags, ack), (SYN_ACK, isn.wrapping_add(1)));
    server.receive(&segment(from, TcpControl::None, ack, Some(sequence.wrapping_add(1)), &[]));
    (ack, sequence.wrapping_add(1))
}

fn peer(number: u32) -> SocketAddr {
    let [_, a, b, c] = number.to_be_bytes();
    SocketAddr::from(([10, 64 | a, b, c], 5000))
}

#[test]
fn a_flood_of_syns_takes_nothing_and_clients_are_served_meanwhile() {
    let mut world = connected(config());
    let syn_count = 1_000_000_u64;
    let before_kib = resident_kib();
    let chunk = 20_000_u64;
    let mut random = Random::new(1);
    for round in 0..syn_count / chunk {
        for _ in 0..chunk {
            let from = SocketAddr::from(([11, 1, 1, random.next() as u8], 1 + random.next() as u16 % 60_000));
            let syn = segment(from, TcpControl::Syn, random.next() as u32, None, &[]);
            world.server.receive(&syn);
            if world.server.outbound.packets.len() > 900 {
                world.server.packets();
            }
        }
        world.server.packets();
        world.clients[0].to_send = vec![round as u8].into();
        let length = round as usize + 1;
        world.until("served", SECOND, |world| world.clients[0].received.len() == length);
    }
    let counters = world.server.tcp.counters();
    assert_eq!((counters.rx_syn, world.server.tcp.connection_count()), (syn_count + 1, 1));
    let grown_kib = resident_kib().saturating_sub(before_kib);
    // Other tests of this process take memory meanwhile; a SYN that held 100 bytes would take more.
    assert!(grown_kib < 90_000, "{grown_kib} KiB more");
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn the_answer_to_a_syn_is_what_the_socket_would_say() {
    let mut server = Server::new(config());
    server.receive(&segment(peer(1), TcpControl::Syn, 7, None, &[]));
    let packet = server.packets().pop().unwrap();
    let tcp = TcpPacket::new_checked(&packet[20..]).unwrap();
    let (ours, to) = (std::net::IpAddr::from(OURS), peer(1).ip());
    let repr = TcpRepr::parse(&tcp, &ours.into(), &to.into(), &ChecksumCapabilities::default()).unwrap();
    assert_eq!(repr.control, TcpControl::Syn);
    assert_eq!((repr.max_seg_size, repr.window_scale, repr.sack_permitted), (Some(1460), Some(0), true));
    assert_eq!(repr.window_len, 16 << 10);
}

#[test]
fn windows_and_segments_fit_large_frames_and_buffers() {
    let config = TcpConfig { mtu_bytes: 9000, receive_bytes: 1 << 20, send_bytes: 1 << 20, ..config() };
    let mut server = Server::new(config);
    server.receive(&segment(peer(1), TcpControl::Syn, 7, None, &[]));
    let packet = server.packets().pop().unwrap();
    // The options: 8,960 bytes, a shift of 5.
    assert!(packet[40..].windows(4).any(|option| option == [2, 4, 0x23, 0x00]), "{packet:?}");
    assert!(packet[40..].windows(3).any(|option| option == [3, 3, 5]), "{packet:?}");
    let (_, sequence, ack) = numbers(&packet);
    // A peer may not write behind the buffer, whatever the unshifted window of the SYN-ACK seems to allow.
    let far = segment(
        peer(1),
        TcpControl::None,
        ack.wrapping_add(1_500_000),
        Some(sequence.wrapping_add(1)),
        &[7; 1000],
    );
    server.receive(&segment(peer(1), TcpControl::None, ack, Some(sequence.wrapping_add(1)), &[1; 8000]));
    server.receive(&far);
    server.turn();
    assert_eq!(server.served[0].as_ref().unwrap().received.len(), 8000);
}

#[test]
fn a_first_acknowledgment_that_is_lost_is_made_good_by_the_first_bytes() {
    let mut server = Server::new(config());
    server.receive(&segment(peer(1), TcpControl::Syn, 7, None, &[]));
    let (_, sequence, ack) = numbers(&server.packets().pop().unwrap());
    let data = |offset: u32, bytes: &[u8]| {
        segment(peer(1), TcpControl::Psh, ack + offset, Some(sequence.wrapping_add(1)), bytes)
    };
    server.receive(&data(2, b"cd"));
    server.turn();
    assert_eq!((server.packets().len(), server.tcp.connection_count()), (0, 0), "too early: no answer");
    server.receive(&data(0, b"ab"));
    server.receive(&data(2, b"cd"));
    server.turn();
    assert_eq!(server.served[0].as_ref().unwrap().received, b"abcd");
    let echo = server.packets().pop().unwrap();
    assert_eq!(&echo[40..], b"abcd");
}

#[test]
fn late_copies_of_the_first_segment_do_not_open_a_connection_again() {
    let mut server = Server::new(config());
    server.receive(&segment(peer(1), TcpControl::Syn, 7, None, &[]));
    let (_, sequence, ack) = numbers(&server.packets().pop().unwrap());
    let first = segment(peer(1), TcpControl::Psh, ack, Some(sequence.wrapping_add(1)), b"INCR");
    server.receive(&first);
    server.turn();
    server.packets();
    server.receive(&segment(peer(1), TcpControl::Rst, ack + 4, None, &[]));
    server.turn();
    assert_eq!(server.tcp.connection_count(), 0);
    for _ in 0..3 {
        server.now_ns += SECOND;
        server.receive(&first);
        server.turn();
        let answers = server.packets();
        assert_eq!(numbers(&answers[0]).0, RST);
    }
    assert_eq!((server.tcp.counters().rx_cookie_used, server.tcp.counters().opened), (3, 1));
    // After its time the cookie is good for nothing either.
    server.now_ns += 200 * SECOND;
    server.receive(&first);
    server.now_ns += SECOND;
    server.receive(&first);
    assert_eq!(server.tcp.counters().rx_cookie_unknown, 1);
    assert_eq!(numbers(&server.packets()[0]).0, RST);
}

#[test]
fn forged_ends_of_handshakes_open_nothing() {
    let mut server = Server::new(config());
    let mut random = Random::new(5);
    for number in 0..300_000_u32 {
        let from = peer(number % 5000);
        let ack = random.next() as u32;
        server.receive(&segment(from, TcpControl::None, random.next() as u32, Some(ack), b"x"));
        server.packets();
    }
    // Each has a chance of 2^-23.
    assert!(server.tcp.counters().opened <= 1);
}

#[test]
fn what_belongs_to_no_connection_is_reset_as_it_must_be() {
    let mut server = Server::new(config());
    let mut reply = |packet: Vec<u8>| {
        server.receive(&packet);
        server.packets().pop().map(|packet| numbers(&packet))
    };
    let closed = |mut packet: Vec<u8>| {
        packet[22..24].copy_from_slice(&9999_u16.to_be_bytes());
        crate::ends::fill_checksum(&mut packet);
        packet
    };
    let syn = || segment(peer(1), TcpControl::Syn, 100, None, &[]);
    assert_eq!(reply(closed(syn())), Some((RST | ACK, 0, 101)));
    let fin = segment(peer(1), TcpControl::Fin, 100, Some(55), b"abc");
    assert_eq!(reply(closed(fin.clone())), Some((RST, 55, 0)));
    assert_eq!(reply(closed(segment(peer(1), TcpControl::Rst, 100, Some(5), &[]))), None);
    assert_eq!(reply(segment(peer(1), TcpControl::Rst, 100, None, &[])), None);
    // SYN and ACK together: nobody has connected from here.
    assert_eq!(reply(segment(peer(1), TcpControl::Syn, 100, Some(77), &[])), Some((RST, 77, 0)));
    // At a port that is listened to it might be early; who goes on is told.
    assert_eq!(reply(fin.clone()), None);
    server.now_ns += SECOND;
    server.receive(&fin);
    assert_eq!(numbers(&server.packets()[0]), (RST, 55, 0));
}

#[test]
fn more_connections_than_there_may_be_are_refused() {
    let mut server = Server::new(TcpConfig { connections_max: 3, ..config() });
    for number in 0..3 {
        shake(&mut server, peer(number), 1);
    }
    server.turn();
    server.packets();
    server.receive(&segment(peer(9), TcpControl::Syn, 1, None, &[]));
    assert_eq!(numbers(&server.packets()[0]), (RST | ACK, 0, 2));
    assert_eq!(server.tcp.counters().rx_syn_full, 1);
    // One that is being closed makes room.
    server.close(1);
    server.turn();
    server.packets();
    shake(&mut server, peer(9), 1);
    let evicted = server.packets();
    assert!(evicted.iter().any(|packet| numbers(packet).0 & RST != 0), "the evicted one is told");
    server.turn();
    assert_eq!((server.tcp.connection_count(), server.tcp.counters().closing_evicted), (3, 1));
}

#[test]
fn a_cookie_that_finds_no_room_any_more_is_refused() {
    let mut server = Server::new(TcpConfig { connections_max: 1, ..config() });
    server.receive(&segment(peer(1), TcpControl::Syn, 7, None, &[]));
    let (_, sequence, ack) = numbers(&server.packets().pop().unwrap());
    shake(&mut server, peer(2), 1);
    server.packets();
    server.receive(&segment(peer(1), TcpControl::None, ack, Some(sequence.wrapping_add(1)), &[]));
    assert_eq!(numbers(&server.packets()[0]).0, RST);
}

#[test]
fn a_peer_that_does_not_read_stops_the_server_and_nothing_is_lost() {
    let mut world = connected(config());
    let (sent, id) = (pattern(3, 400_000), world.server.served[0].as_ref().unwrap().id);
    world.clients[0].reads = false;
    world.clients[0].to_send = sent.clone().into();
    world.server.tcp.pause(id);
    world.run(30 * SECOND);
    assert_eq!(world.server.served[0].as_ref().unwrap().received.len(), 0, "paused");
    let left = world.clients[0].to_send.len();
    assert!(left + (64 << 10) + (16 << 10) >= 400_000, "the window was closed: {left}");
    world.server.tcp.resume(id);
    world.run(90 * SECOND);
    let served = world.server.served[0].as_ref().unwrap();
    assert_eq!((served.blocked, served.received.len()), (true, 400_000));
    world.run(300 * SECOND);
    assert_eq!(world.server.tcp.connection_count(), 1, "a peer that does not read is the shard's business");
    world.clients[0].reads = true;
    // A closed window is probed after up to a minute.
    world.until("all", 100 * SECOND, |world| world.clients[0].received.len() == 400_000);
    assert!(world.clients[0].received == sent);
}

#[test]
fn pinned_blocks_come_back_when_their_last_byte_was_taken() {
    let mut world = connected(config());
    let mut arena = Arena::new(PAGE_BYTES as u64, false).unwrap();
    let blocks = (0..2).map(|number| {
        let mut block = arena.block().unwrap();
        block.get_mut().unwrap().fill(number + 1);
        block
    });
    let blocks = blocks.collect();
    world.clients[0].reads = false;
    let served = world.server.served[0].as_mut().unwrap();
    served.outbox.pin(Pinned::new(blocks, 2 * BLOCK_BYTES as u64));
    served.due = true;
    world.run(10 * SECOND);
    assert_eq!(world.server.sent_count, 0, "the rest waits for a reader");
    world.clients[0].reads = true;
    world.until("read", 60 * SECOND, |world| world.clients[0].received.len() == 2 * BLOCK_BYTES);
    let received = &world.clients[0].received;
    assert!(received[..BLOCK_BYTES].iter().all(|byte| *byte == 1));
    assert!(received[BLOCK_BYTES..].iter().all(|byte| *byte == 2));
    assert_eq!(world.server.sent_count, 1);
}

#[test]
fn ten_thousand_connections_open_and_close() {
    let mut server =
        Server::new(TcpConfig { connections_max: 500, receive_bytes: 1024, send_bytes: 1024, ..config() });
    let mut events = Vec::new();
    for number in 0..10_000_u32 {
        let from = peer(number);
        let (mut ours, mut theirs) = shake(&mut server, from, number);
        server.receive(&segment(from, TcpControl::Psh, ours, Some(theirs), b"hello"));
        ours += 5;
        server.turn();
        let echo = server.packets().pop().unwrap();
        assert_eq!(&echo[40..], b"hello");
        theirs = theirs.wrapping_add(5);
        if number % 2 == 0 {
            // The peer ends first.
            server.receive(&segment(from, TcpControl::Fin, ours, Some(theirs), &[]));
            server.turn();
            server.turn();
            let fin = server.packets().pop().unwrap();
            assert_eq!(numbers(&fin), (0x11, theirs, ours + 1));
            server.receive(&segment(from, TcpControl::None, ours + 1, Some(theirs.wrapping_add(1)), &[]));
        } else {
            server.close(server.served.iter().position(Option::is_some).unwrap());
            server.turn();
            let fin = server.packets().pop().unwrap();
            assert_eq!(numbers(&fin), (0x11, theirs, ours));
            let end = segment(from, TcpControl::Fin, ours, Some(theirs.wrapping_add(1)), &[]);
            server.receive(&end);
            server.turn();
            assert_eq!(numbers(&server.packets()[0]), (ACK, theirs.wrapping_add(1), ours + 1));
            server.receive(&end);
            assert_eq!(numbers(&server.packets()[0]), (ACK, theirs.wrapping_add(1), ours + 1), "again");
        }
        server.turn();
        assert_eq!(server.tcp.connection_count(), 0, "{number}");
        server.now_ns += 10_000;
    }
    server.tcp.poll(server.now_ns, &mut server.pool, &mut events);
    assert!(events.iter().all(|event| !matches!(event, Event::Lost(_))));
    let counters = server.tcp.counters();
    assert_eq!((counters.opened, counters.ended, counters.lost), (10_000, 10_000, 0));
    assert_eq!(server.tcp.time_wait_count(), 500, "a bounded number of them");
    assert_eq!(counters.time_wait_evicted, 4500);
    assert!(server.served.len() <= 2, "places are used again");
}

#[test]
fn an_end_that_was_lost_is_said_again_whatever_the_peer_acknowledges() {
    let mut server = Server::new(config());
    let (ours, theirs) = shake(&mut server, peer(1), 1000);
    server.turn();
    server.close(0);
    server.turn();
    assert_eq!(numbers(&server.packets()[0]), (0x11, theirs, ours), "which is lost");
    for _ in 0..5 {
        server.now_ns += 1_000_000;
        server.receive(&segment(peer(1), TcpControl::None, ours, Some(theirs), &[]));
        server.turn();
    }
    server.packets();
    for _ in 0..10 {
        server.now_ns += SECOND / 2;
        server.turn();
    }
    let ends = server.packets();
    assert!(ends.iter().any(|packet| numbers(packet) == (0x11, theirs, ours)), "{ends:?}");
}

#[test]
fn a_flow_in_time_wait_can_be_opened_again_by_a_later_syn_only() {
    let mut server = Server::new(config());
    let (ours, theirs) = shake(&mut server, peer(1), 1000);
    server.turn();
    server.close(0);
    server.turn();
    server.packets();
    server.receive(&segment(peer(1), TcpControl::Fin, ours, Some(theirs.wrapping_add(1)), &[]));
    server.turn();
    server.packets();
    assert_eq!(server.tcp.time_wait_count(), 1);
    server.receive(&segment(peer(1), TcpControl::Syn, 900, None, &[]));
    assert_eq!(numbers(&server.packets()[0]).0, ACK, "it is told where we are");
    server.receive(&segment(peer(1), TcpControl::Rst, ours + 1, None, &[]));
    assert_eq!(server.tcp.time_wait_count(), 1, "RFC 1337");
    shake(&mut server, peer(1), 5000);
    assert_eq!((server.tcp.time_wait_count(), server.tcp.connection_count()), (0, 1));
}

#[test]
fn packets_without_room_are_made_later() {
    let mut world = World::new(1, config(), Faults::none());
    for number in 0..20 {
        world.connect(false, 5000 + number);
    }
    let all_are_there = |world: &mut World| world.server.log.len() == 20;
    world.until("connected", SECOND, all_are_there);
    world.server.now_ns = world.now_ns;
    let mut held = Vec::new();
    while let Some(buffer) = world.server.mempool.buffer() {
        held.push(buffer);
    }
    held.truncate(held.len() - 3);
    let answer = pattern(9, 20_000);
    for index in 0..20 {
        world.server.write(index, &answer);
    }
    world.server.turn();
    assert_eq!(world.server.packets().len(), 3);
    held.clear();
    let has_all = |world: &mut World| world.clients.iter().all(|client| client.received.len() == 20_000);
    world.until("complete", 20 * SECOND, has_all);
    assert!(
        world.clients.iter().all(|client| client.received == answer && client.state() == State::Established)
    );
    assert_eq!(world.server.tcp.counters().tx_dropped, 0);
}
