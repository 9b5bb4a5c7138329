//! A stack and bare frames: golden answers, what is dropped and why, and every truncation of every frame that it takes.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use adit_drivers::frames::{FRAME_HEADROOM_BYTES, Frame};
use adit_drivers::port::Mempool;
use adit_drivers::sim::CableFaults;
use adit_net::checksum::Sum;
use adit_net::echo::Echo;
use adit_net::stack::{DATAGRAMS_MAX, ECHOES_AT_ONCE, ERRORS_AT_ONCE, SEGMENTS_MAX};
use adit_net::steering::destination_port;
use adit_net::{Reason, Stack, StackConfig};
use support::*;

/// Who has 10.0.0.1? Tell 10.0.0.2.
const ARP_REQUEST: &[u8] = b"\xFF\xFF\xFF\xFF\xFF\xFF\x02\0\0\0\0\x02\x08\x06\
    \0\x01\x08\0\x06\x04\0\x01\x02\0\0\0\0\x02\x0A\0\0\x02\0\0\0\0\0\0\x0A\0\0\x01";
/// 10.0.0.1 is at our device.
const ARP_ANSWER: &[u8] = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x06\
    \0\x01\x08\0\x06\x04\0\x02\x02\0\0\0\0\x01\x0A\0\0\x01\x02\0\0\0\0\x02\x0A\0\0\x02";

/// An Ethernet frame from the peer to us.
fn ethernet(kind: u16, vlan: Option<u16>, packet: &[u8]) -> Vec<u8> {
    let tag = vlan.map_or(Vec::new(), |vlan| [&[0x81, 0][..], &vlan.to_be_bytes()].concat());
    [&OUR_MAC[..], &PEER_MAC, &tag, &kind.to_be_bytes(), packet].concat()
}

/// An IPv4 packet from 10.0.0.2 to us.
fn ipv4(protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let header_bytes = 20 + options.len();
    let [high, low] = u16::try_from(header_bytes + payload.len()).unwrap().to_be_bytes();
    let first = 0x40 | u8::try_from(header_bytes / 4).unwrap();
    let mut header = vec![first, 0, high, low, 0, 7, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1];
    header.extend_from_slice(options);
    let checksum = Sum::of(&header).checksum();
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    [&header, payload].concat()
}

/// An IPv6 packet from fd00::2 to us.
fn ipv6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, high, low, protocol, 64];
    for host in [2, 1] {
        header.extend_from_slice(&[0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host]);
    }
    [&header, payload].concat()
}

/// A datagram from port 1234, with its checksum.
fn udp(packet: impl Fn(&[u8]) -> Vec<u8>, port: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    let header = [1234_u16.to_be_bytes(), port.to_be_bytes(), length.to_be_bytes(), [0; 2]].concat();
    sealed(packet, [&header, payload].concat(), 6, 17)
}

/// A message with its checksum at a place, which covers the addresses unless it is ICMP's.
fn sealed(packet: impl Fn(&[u8]) -> Vec<u8>, mut message: Vec<u8>, at: usize, protocol: u8) -> Vec<u8> {
    let made = packet(&message);
    let addresses = if made[0] >> 4 == 4 { 12..20 } else { 8..40 };
    let length = u16::try_from(message.len()).unwrap();
    let pseudo = Sum::of(&made[addresses]).and_u16(length).and_u16(u16::from(protocol));
    let pseudo = if protocol == 1 { Sum::default() } else { pseudo };
    let checksum = pseudo.and(&message).checksum();
    message[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    packet(&message)
}

fn udp4(port: u16, payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, None, &udp(|payload| ipv4(17, &[], payload), port, payload))
}

fn udp6(port: u16, payload: &[u8]) -> Vec<u8> {
    ethernet(0x86DD, None, &udp(|payload| ipv6(17, payload), port, payload))
}

fn ping4(payload: &[u8]) -> Vec<u8> {
    let message = [&[8, 0, 0, 0, 0x12, 0x34, 0, 1], payload].concat();
    ethernet(0x0800, None, &sealed(|message| ipv4(1, &[], message), message, 2, 1))
}

fn ping6(payload: &[u8]) -> Vec<u8> {
    let message = [&[128, 0, 0, 0, 0x12, 0x34, 0, 1], payload].concat();
    ethernet(0x86DD, None, &sealed(|message| ipv6(58, message), message, 2, 58))
}

/// Who has fd00::1? From fd00::2, with its device.
fn solicitation() -> Vec<u8> {
    let target = [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let message = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &target, &[1, 1], &PEER_MAC].concat();
    let with_hops = |message: &[u8]| {
        let mut packet = ipv6(58, message);
        packet[7] = 255;
        packet
    };
    ethernet(0x86DD, None, &sealed(with_hops, message, 2, 58))
}

/// Gives a frame of IPv4 its header's checksum again.
fn reseal(frame: &mut [u8]) {
    frame[24..26].fill(0);
    let checksum = Sum::of(&frame[14..34]).checksum();
    frame[24..26].copy_from_slice(&checksum.to_be_bytes());
}

fn stack() -> (Stack, Wire) {
    stack_and_wire(config(1, OUR_PORT))
}

/// Asserts that a frame is dropped for a reason, and not answered.
fn assert_dropped(stack: &mut Stack, wire: &mut Wire, frame: &[u8], reason: Reason) {
    let (before, all) = (stack.counters().dropped(reason), stack.counters().dropped_total());
    assert_eq!(wire.ask(stack, 0, frame), Vec::<Vec<u8>>::new(), "{reason:?} is not answered");
    let counters = stack.counters();
    assert_eq!((counters.dropped(reason), counters.dropped_total()), (before + 1, all + 1), "{reason:?}");
    assert_eq!(received(stack), []);
}

#[test]
fn questions_for_our_addresses_are_answered() {
    let (mut stack, mut wire) = stack();
    assert_eq!(wire.ask(&mut stack, 0, ARP_REQUEST), [ARP_ANSWER]);
    let padded = [ARP_REQUEST, &[0; 18]].concat();
    assert_eq!(wire.ask(&mut stack, 0, &padded), [ARP_ANSWER], "padding is not sent back");
    let answer = wire.ask(&mut stack, 0, &solicitation()).remove(0);
    assert_eq!(answer[..14], ethernet_answer(0x86DD));
    assert_eq!((answer[20], answer[21]), (58, 255));
    assert_eq!(answer[54..58][..2], [136, 0]);
    assert_eq!(answer[58..62], [0x60, 0, 0, 0], "solicited, and to be believed");
    assert_eq!(answer[78..], [2, 1, 2, 0, 0, 0, 0, 1]);
    assert!(Sum::of(&answer[22..54]).and_u16(32).and_u16(58).and(&answer[54..]).is_right());
    assert_eq!((stack.counters().tx_resolutions, stack.counters().dropped_total()), (3 + 3, 0));
    assert_eq!(stack.neighbour_count(), 2);
    assert_whole(&stack);
}

fn ethernet_answer(kind: u16) -> Vec<u8> {
    [&PEER_MAC[..], &OUR_MAC, &kind.to_be_bytes()].concat()
}

#[test]
fn a_stack_tells_that_it_is_there_when_it_starts_and_when_its_cable_is_plugged_in() {
    let [ours, theirs] = cable(1, CableFaults::NONE, 1500);
    let (mut stack, mut wire) = (Stack::new(ours, config(1, OUR_PORT), 0), Wire(theirs));
    stack.poll(0);
    let at_start = wire.receive();
    let told = b"\xFF\xFF\xFF\xFF\xFF\xFF\x02\0\0\0\0\x01\x08\x06\
        \0\x01\x08\0\x06\x04\0\x01\x02\0\0\0\0\x01\x0A\0\0\x01\0\0\0\0\0\0\x0A\0\0\x01";
    assert_eq!(at_start[0], told);
    assert_eq!(at_start.len(), 3, "10.0.0.1, fd00::1 and the link-local address");
    for advertisement in &at_start[1..] {
        assert_eq!(advertisement[..6], [0x33, 0x33, 0, 0, 0, 1]);
        assert_eq!((advertisement[54], advertisement[58]), (136, 0x20));
    }
    stack.set_link(false, 5);
    assert_eq!(wire.receive().len(), 0);
    stack.set_link(true, 5);
    assert_eq!(wire.receive(), at_start);
    let silent = StackConfig { answers: false, ..config(1, OUR_PORT) };
    let (mut stack, mut wire) = stack_and_wire(silent);
    assert_eq!(wire.ask(&mut stack, 0, ARP_REQUEST).len(), 0);
    assert_eq!(stack.counters().tx_resolutions, 0);
}

#[test]
fn datagrams_are_delivered_without_headers_and_padding() {
    let (mut stack, mut wire) = stack();
    let frames = [
        (udp4(OUR_PORT, b"four"), "10.0.0.2:1234"),
        (udp6(OUR_PORT, b"six!"), "[fd00::2]:1234"),
        ([udp4(OUR_PORT, b"padded"), vec![0xEE; 12]].concat(), "10.0.0.2:1234"),
        (
            ethernet(0x0800, None, &udp(|payload| ipv4(17, &[1; 40], payload), OUR_PORT, b"options")),
            "10.0.0.2:1234",
        ),
        (
            ethernet(0x0800, Some(0), &udp(|payload| ipv4(17, &[], payload), OUR_PORT, b"priority")),
            "10.0.0.2:1234",
        ),
    ];
    for (frame, from) in &frames {
        assert_eq!(wire.ask(&mut stack, 0, frame).len(), 0);
        let datagrams = received(&mut stack);
        assert_eq!(datagrams.len(), 1);
        assert_eq!(datagrams[0].0, peer(from));
        assert!(frame.windows(datagrams[0].1.len()).any(|bytes| bytes == datagrams[0].1));
        assert_eq!(destination_port(frame), Some(OUR_PORT));
    }
    assert_eq!((stack.counters().rx_datagrams, stack.counters().dropped_total()), (5, 0));
    let mut without = udp4(OUR_PORT, b"no checksum");
    without[40..42].fill(0);
    assert_eq!(wire.ask(&mut stack, 0, &without).len(), 0);
    assert_eq!(received(&mut stack)[0].1, b"no checksum");
    assert_whole(&stack);
}

#[test]
fn every_truncation_is_dropped() {
    let tcp = ethernet(0x0800, None, &ipv4(6, &[], &[0; 20]));
    let frames = [
        ARP_REQUEST.to_vec(),
        solicitation(),
        udp4(OUR_PORT, b"four"),
        udp6(OUR_PORT, b"six!"),
        ping4(b"ping"),
        ping6(b"ping"),
        tcp,
    ];
    let (mut stack, mut wire) = stack_and_wire(StackConfig { takes_tcp: true, ..config(1, OUR_PORT) });
    for frame in &frames {
        for len in 0..frame.len() {
            let before = stack.counters().dropped_total();
            assert_eq!(wire.ask(&mut stack, 0, &frame[..len]).len(), 0, "{len} of {frame:?}");
            assert_eq!(stack.counters().dropped_total(), before + 1, "{len} of {frame:?}");
        }
    }
    let mut segments = Vec::new();
    stack.take_segments(&mut segments);
    assert_eq!((received(&mut stack).len(), segments.len()), (0, 0));
    let answers: usize = frames.iter().map(|frame| wire.ask(&mut stack, 0, frame).len()).sum();
    assert_eq!(answers, 4, "whole ones are taken");
    assert_eq!(received(&mut stack).len(), 2);
    stack.take_segments(&mut segments);
    assert_eq!(segments.remove(0).bytes(), &frames[6][14..]);
    assert_whole(&stack);
}

#[test]
fn what_is_not_for_us_or_not_right_is_dropped_and_counted() {
    let (mut stack, mut wire) = stack();
    let good = udp4(OUR_PORT, b"payload");
    let mut changed = |change: &dyn Fn(&mut Vec<u8>), reason| {
        let mut frame = good.clone();
        change(&mut frame);
        assert_dropped(&mut stack, &mut wire, &frame, reason);
    };
    changed(&|frame| frame[0] = 4, Reason::ForeignDevice);
    changed(&|frame| frame[..6].fill(0xFF), Reason::ForeignAddress);
    changed(&|frame| frame[12] = 9, Reason::EtherType);
    changed(&|frame| frame[14] = 0x46, Reason::IpChecksum);
    changed(&|frame| frame[24] ^= 1, Reason::IpChecksum);
    let resealed = |at: usize, byte: u8| {
        move |frame: &mut Vec<u8>| {
            frame[at] = byte;
            reseal(frame);
        }
    };
    changed(&resealed(14, 0x55), Reason::IpHeader);
    changed(&resealed(14, 0x44), Reason::IpHeader);
    changed(&resealed(20, 0x20), Reason::Fragment);
    changed(&resealed(21, 1), Reason::Fragment);
    changed(&resealed(26, 127), Reason::Source);
    changed(&resealed(26, 224), Reason::Source);
    changed(&resealed(29, 1), Reason::Source);
    changed(&resealed(33, 3), Reason::ForeignAddress);
    changed(&resealed(33, 255), Reason::ForeignAddress);
    changed(&resealed(30, 224), Reason::ForeignAddress);
    changed(&resealed(23, 6), Reason::Protocol);
    changed(&resealed(23, 132), Reason::Protocol);
    changed(&resealed(23, 58), Reason::Protocol);
    changed(&resealed(17, 34), Reason::UdpLength);
    changed(&|frame| frame[39] = 7, Reason::UdpLength);
    changed(&|frame| frame[45] ^= 4, Reason::UdpChecksum);
    assert_dropped(&mut stack, &mut wire, &udp4(OUR_PORT, b""), Reason::UdpEmpty);
    let mut without = udp6(OUR_PORT, b"no checksum");
    without[60..62].fill(0);
    assert_dropped(&mut stack, &mut wire, &without, Reason::UdpChecksum);
    for (next, reason) in
        [(44, Reason::Fragment), (43, Reason::Extension), (60, Reason::Extension), (1, Reason::Protocol)]
    {
        let frame = ethernet(0x86DD, None, &ipv6(next, &[0; 16]));
        assert_dropped(&mut stack, &mut wire, &frame, reason);
    }
    let mut conflict = ARP_REQUEST.to_vec();
    conflict[31] = 1;
    assert_dropped(&mut stack, &mut wire, &conflict, Reason::AddressConflict);
    let mut stranger = ARP_REQUEST.to_vec();
    stranger[30] = 9;
    assert_dropped(&mut stack, &mut wire, &stranger, Reason::Source);
    let error = [&[3, 3, 0, 0, 0, 0, 0, 0][..], &good[14..]].concat();
    let error = ethernet(0x0800, None, &sealed(|message| ipv4(1, &[], message), error, 2, 1));
    assert_dropped(&mut stack, &mut wire, &error, Reason::IcmpIgnored);
    let mut ping = ping4(b"ping");
    ping[40] ^= 1;
    assert_dropped(&mut stack, &mut wire, &ping, Reason::Icmp);
    let mut forwarded = solicitation();
    forwarded[21] = 254;
    assert_dropped(&mut stack, &mut wire, &forwarded, Reason::Discovery);
    assert_whole(&stack);
}

#[test]
fn a_vlan_is_heard_and_spoken() {
    let (mut stack, mut wire) = stack_and_wire(StackConfig { vlan: Some(100), ..config(1, OUR_PORT) });
    assert_dropped(&mut stack, &mut wire, ARP_REQUEST, Reason::ForeignVlan);
    let tagged =
        |vlan: u16, frame: &[u8]| [&frame[..12], &[0x81, 0], &vlan.to_be_bytes(), &frame[12..]].concat();
    assert_dropped(&mut stack, &mut wire, &tagged(101, ARP_REQUEST), Reason::ForeignVlan);
    assert_eq!(wire.ask(&mut stack, 0, &tagged(0x6064, ARP_REQUEST)), [tagged(100, ARP_ANSWER)]);
    let frame = tagged(100, &udp4(OUR_PORT, b"in a VLAN"));
    assert_eq!(wire.ask(&mut stack, 0, &frame).len(), 0);
    assert_eq!(destination_port(&frame), Some(OUR_PORT));
    let (from, bytes) = received(&mut stack).remove(0);
    stack.transmit(&mut vec![train(&stack, from, &bytes)]);
    let answer = wire.receive().remove(0);
    assert_eq!(answer[..18], tagged(100, &ethernet_answer(0x0800)));
    assert_eq!(answer.len(), 18 + 28 + 9);
    assert!(stack.counters().dropped_total() == 2);
}

#[test]
fn pings_are_answered_as_often_as_time_allows() {
    let (mut stack, mut wire) = stack();
    let answer = wire.ask(&mut stack, 0, &ping4(b"some data")).remove(0);
    let message = &answer[34..];
    assert_eq!((message[0], &message[4..]), (0, &b"\x12\x34\0\x01some data"[..]));
    assert!(Sum::of(message).is_right() && Sum::of(&answer[14..34]).is_right());
    let with_options =
        ethernet(0x0800, None, &sealed(|m| ipv4(1, &[1; 8], m), b"\x08\0\0\0\0\0\0\0".to_vec(), 2, 1));
    let answer = wire.ask(&mut stack, 0, &with_options).remove(0);
    assert_eq!((answer[14], answer.len()), (0x45, 14 + 20 + 8), "options are not sent back");
    let answer = wire.ask(&mut stack, 0, &ping6(b"x")).remove(0);
    assert_eq!(answer[54], 129);
    let before = stack.counters().echoes;
    for _ in 0..ECHOES_AT_ONCE - before {
        assert_eq!(wire.ask(&mut stack, 0, &ping4(b"")).len(), 1);
    }
    assert_dropped(&mut stack, &mut wire, &ping4(b""), Reason::IcmpLimited);
    assert_eq!(wire.ask(&mut stack, SECOND_NS, &ping4(b"")).len(), 1);
    let mut to_all = ping4(b"");
    to_all[33] = 255;
    reseal(&mut to_all);
    assert_dropped(&mut stack, &mut wire, &to_all, Reason::ForeignAddress);
    let mut from_all = ping4(b"");
    from_all[29] = 255;
    reseal(&mut from_all);
    assert_dropped(&mut stack, &mut wire, &from_all, Reason::IcmpIgnored);
    assert_whole(&stack);
}

#[test]
fn closed_ports_are_told_with_a_part_of_the_packet_and_not_too_often() {
    let (mut stack, mut wire) = stack();
    let frame = udp4(OUR_PORT + 1, &[7; 1400]);
    let answer = wire.ask(&mut stack, 0, &frame).remove(0);
    assert_eq!((answer.len(), &answer[34..36]), (14 + 576, &[3, 3][..]));
    assert!(Sum::of(&answer[34..]).is_right());
    assert_eq!(answer[42..], frame[14..14 + 548]);
    let frame = udp6(OUR_PORT + 1, &[7; 1400]);
    let answer = wire.ask(&mut stack, 0, &frame).remove(0);
    assert_eq!((answer.len(), &answer[54..56]), (14 + 1280, &[1, 4][..]));
    let length = u16::try_from(1280 - 40).unwrap();
    assert!(Sum::of(&answer[22..54]).and_u16(length).and_u16(58).and(&answer[54..]).is_right());
    for _ in 2..ERRORS_AT_ONCE {
        assert_eq!(wire.ask(&mut stack, 0, &udp4(1, b"x")).len(), 1);
    }
    assert_eq!(wire.ask(&mut stack, 0, &udp4(1, b"x")).len(), 0);
    assert_eq!(stack.counters().dropped(Reason::IcmpLimited), 1);
    assert_eq!(stack.counters().dropped(Reason::ClosedPort), ERRORS_AT_ONCE + 1);
    assert_eq!(wire.ask(&mut stack, SECOND_NS, &udp4(1, b"x")).len(), 1);
    assert_whole(&stack);
}

#[test]
fn no_more_waits_for_the_shard_than_it_may() {
    let config = StackConfig { takes_tcp: true, ..config(1, OUR_PORT) };
    let (mut stack, mut wire) = stack_and_wire(config);
    for _ in 0..DATAGRAMS_MAX + 2 {
        wire.ask(&mut stack, 0, &udp4(OUR_PORT, b"x"));
    }
    assert_eq!(stack.counters().dropped(Reason::DatagramsFull), 2);
    assert_eq!(received(&mut stack).len(), DATAGRAMS_MAX);
    for _ in 0..SEGMENTS_MAX + 3 {
        wire.ask(&mut stack, 0, &ethernet(0x0800, None, &ipv4(6, &[], &[0; 20])));
    }
    let mut segments = Vec::new();
    stack.take_segments(&mut segments);
    assert_eq!((segments.len(), stack.counters().dropped(Reason::SegmentsFull)), (SEGMENTS_MAX, 3));
    assert_eq!(segments.len() as u64, stack.counters().rx_segments);
    segments.clear();
    assert_whole(&stack);
}

#[test]
fn ports_are_found_in_frames_that_have_them() {
    assert_eq!(destination_port(&udp4(7, b"")), Some(7));
    assert_eq!(destination_port(&udp6(8, b"")), Some(8));
    let tcp = ethernet(0x0800, None, &ipv4(6, &[1; 4], &[0, 1, 0, 9]));
    assert_eq!(destination_port(&tcp), Some(9));
    for frame in [ARP_REQUEST, &solicitation(), &ping4(b"1234"), &ping6(b"1234"), &tcp[..tcp.len() - 1], &[]]
    {
        assert_eq!(destination_port(frame), None);
    }
    let mut fragment = udp4(7, b"");
    fragment[21] = 1;
    assert_eq!(destination_port(&fragment), None);
}

#[test]
fn datagrams_are_turned_around_in_place() {
    let config = config(1, OUR_PORT);
    let echo = Echo::new(OUR_MAC, &config);
    let back = Echo::new(PEER_MAC, &support::config(2, 1234));
    let mempool = Mempool::with_headroom(1, 2048, FRAME_HEADROOM_BYTES);
    let turn = |echo: &Echo, bytes: &[u8]| {
        let mut frame = Frame::new(mempool.buffer().unwrap(), FRAME_HEADROOM_BYTES);
        frame.append(bytes.len()).unwrap().copy_from_slice(bytes);
        echo.turn(&mut frame).then(|| frame.bytes().to_vec())
    };
    let with_options =
        ethernet(0x0800, None, &udp(|payload| ipv4(17, &[1; 8], payload), OUR_PORT, b"options"));
    for sent in [udp4(OUR_PORT, b"four"), udp6(OUR_PORT, b"six!"), with_options] {
        let turned = turn(&echo, &sent).unwrap();
        assert_ne!(turned, sent);
        assert_eq!(turn(&back, &turned), Some(sent.clone()), "as right as it was");
        for len in 0..sent.len() {
            assert_eq!(turn(&echo, &sent[..len]), None, "{len} bytes");
        }
        for at in (0..6).chain(12..sent.len()) {
            let mut harmed = sent.clone();
            harmed[at] ^= 0x10;
            // Only what no checksum covers may be harmed: traffic class, flow and hops of IPv6.
            let is_free = sent[12..14] == [0x86, 0xDD] && matches!(at, 15..18 | 21);
            assert!(turn(&echo, &harmed).is_none() || is_free, "byte {at}");
        }
    }
    for other in [ARP_REQUEST.to_vec(), ping4(b""), udp4(OUR_PORT + 1, b"x"), udp4(OUR_PORT, b"")] {
        assert_eq!(turn(&echo, &other), None);
    }
}
