//! Hostile frames in the tests: a short campaign, and smoltcp as the judge of what is delivered. `scripts/fuzz-net` runs long ones.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

#[expect(unreachable_pub, reason = "an example uses the module as well")]
mod hostile;

use adit_drivers::frames::{FRAME_HEADROOM_BYTES, Frame, Frames};
use adit_drivers::port::Mempool;
use adit_drivers::sim::{CableFaults, Random, SimFrames};
use adit_net::{Reason, Stack, StackConfig};
use hostile::{Generator, OUR_MAC, PORT};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, UdpPacket, UdpRepr,
};

#[test]
fn hostile_frames_harm_nobody() {
    let mut dropped = [0; Reason::ALL.len()];
    for seed in 0..12 {
        let counters = hostile::run(seed, 16_384);
        Reason::ALL.iter().zip(&mut dropped).for_each(|(reason, sum)| *sum += counters.dropped(*reason));
    }
    // What is never dropped was not tried. These need more than hostile frames, and have tests of their own.
    let others = [
        Reason::IcmpLimited,
        Reason::TooLong,
        Reason::NoBuffer,
        Reason::TransmitFull,
        Reason::DatagramsFull,
        Reason::SegmentsFull,
    ];
    let missing: Vec<_> = Reason::ALL
        .iter()
        .zip(&dropped)
        .filter(|(reason, sum)| **sum == 0 && !others.contains(reason))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What smoltcp says that a frame delivers, if it is right and simple.
fn judged(frame: &[u8]) -> Option<Vec<u8>> {
    let checksums = ChecksumCapabilities::default();
    let frame = EthernetFrame::new_checked(frame).ok()?;
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            let repr = Ipv4Repr::parse(&packet, &checksums).ok()?;
            let is_whole = !packet.more_frags() && packet.frag_offset() == 0;
            let udp = (is_whole && packet.next_header() == IpProtocol::Udp).then(|| packet.payload())?;
            let udp = UdpPacket::new_checked(udp).ok()?;
            let (source, destination) = (repr.src_addr.into(), repr.dst_addr.into());
            UdpRepr::parse(&udp, &source, &destination, &checksums).ok()?;
            (udp.dst_port() == PORT).then(|| udp.payload().to_vec())
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            let mut bytes = packet.payload();
            if packet.next_header() == IpProtocol::HopByHop {
                bytes = bytes.get((usize::from(*bytes.get(1)?) + 1) * 8..)?;
            }
            let udp = UdpPacket::new_checked(bytes).ok()?;
            let (source, destination) = (packet.src_addr().into(), packet.dst_addr().into());
            UdpRepr::parse(&udp, &source, &destination, &checksums).ok()?;
            (udp.dst_port() == PORT).then(|| udp.payload().to_vec())
        }
        _ => None,
    }
}

#[test]
fn what_is_delivered_is_right_to_smoltcp_too() {
    let mempool = || Mempool::with_headroom(64, 2048, FRAME_HEADROOM_BYTES);
    let ends = [(OUR_MAC, mempool()), ([9; 6], mempool())];
    let faults = CableFaults { queue_frames_max: 0, ..CableFaults::NONE };
    let [ours, _wire] = SimFrames::pair(1, faults, 1500, ends).map(Frames::Sim);
    let mut config = StackConfig::new([10, 0, 0, 1].into(), 16, PORT);
    config.addresses.push(("fd00::1".parse().unwrap(), 64));
    let (mut stack, mut random) = (Stack::new(ours, config, 0), Random::new(1));
    let (mut generator, mut delivered, mut burst) = (Generator::new(None), 0, Vec::new());
    for _ in 0..200_000 {
        let bytes = generator.next(&mut random).to_vec();
        let mut frame = Frame::new(stack.mempool().buffer().unwrap(), FRAME_HEADROOM_BYTES);
        frame.append(bytes.len()).unwrap().copy_from_slice(&bytes);
        stack.accept(&mut vec![frame]);
        stack.take_datagrams(&mut burst);
        if let Some(train) = burst.pop() {
            // A tag of priority alone is known to us and not to smoltcp.
            let bytes =
                if bytes[12..14] == [0x81, 0] { [&bytes[..12], &bytes[16..]].concat() } else { bytes };
            assert_eq!(judged(&bytes).as_deref(), Some(train.bytes()), "{bytes:?}");
            delivered += 1;
        }
        stack.flush(0);
    }
    assert!(delivered > 10_000, "{delivered}");
}
