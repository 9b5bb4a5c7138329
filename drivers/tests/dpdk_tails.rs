//! Frames that end with bytes of a block, over devices of DPDK that need no hardware: what arrives, and when the block is let go.
//! Each test is a process of its own under nextest, as EAL starts only once.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::net::UdpSocket;
use std::time::Duration;

use adit_drivers::dpdk::{Device, DeviceConfig, DpdkFrames, Eal};
use adit_drivers::memory::{Arena, BLOCK_BYTES, Block, PAGE_BYTES};
use adit_drivers::port::Mempool;
use adit_drivers::tail::Tail;

use common::{eal, enter_namespace, frame, run, wait};

fn open(eal: &Eal, config: &DeviceConfig) -> DpdkFrames {
    Device::start(eal, config).unwrap().remove(0).open().unwrap()
}

/// A device for jumbo frames.
fn small(name: &str, options: &str) -> DeviceConfig {
    DeviceConfig { mtu_bytes: 9000, ..common::small(name, options, 256) }
}

/// A block with numbers in it, and the arena that it is of.
fn block() -> (Arena, Block) {
    let mut arena = Arena::new(PAGE_BYTES as u64, false).unwrap();
    let mut block = arena.block().unwrap();
    let words = block.get_mut().unwrap().as_chunks_mut::<4>().0;
    (0_u32..).zip(words).for_each(|(number, word)| *word = number.wrapping_mul(2_654_435_761).to_le_bytes());
    (arena, block)
}

/// The last handle goes, and so does the block.
fn ends(mut arena: Arena, block: Block) {
    assert_eq!(block.handle_count(), 1, "nothing else pins it");
    drop(block);
    arena.collect();
    assert_eq!(arena.usage().blocks_in_use, 0);
}

#[test]
fn a_ring_pins_a_block_until_it_is_done_with_it() {
    let eal = eal();
    let mut frames = open(&eal, &small("net_ring0", ""));
    assert!(frames.offloads().tx_segments && !frames.offloads().tx_fast_free);
    let mempool = frames.mempool().clone();
    let (arena, block) = block();
    for round in 1..=3 {
        let with_tail = |number: usize| {
            let mut frame = frame(&mempool, &[7; 60]);
            frame.set_tail(Some(Tail::new(block.clone(), number..number + 2000)));
            frame
        };
        let mut burst: Vec<_> = (0..40).map(with_tail).chain([frame(&mempool, &[8; 60])]).collect();
        frames.tx_burst(&mut burst);
        assert!(burst.is_empty());
        assert_eq!(
            (block.handle_count(), frames.counters().tx_tails),
            (41, 40 * round),
            "pinned in the ring"
        );
        // What comes out of the ring again is more than a buffer of ours, and is let go; the plain frame is not.
        let mut received = Vec::new();
        wait("the ring is empty", || {
            frames.rx_burst(&mut received);
            !received.is_empty()
        });
        assert_eq!((received.len(), received[0].bytes()), (1, &[8; 60][..]));
        assert_eq!((block.handle_count(), frames.counters().rx_dropped), (1, 40 * round));
        drop(received);
        assert_eq!(mempool.free_count(), mempool.count(), "every buffer is home");
    }
    drop(frames);
    ends(arena, block);
}

#[test]
fn what_a_full_ring_does_not_take_stays_whole() {
    let eal = eal();
    let mut frames = open(&eal, &DeviceConfig { held_buffers: 4096, ..small("net_ring0", "") });
    let mempool = frames.mempool().clone();
    let (arena, block) = block();
    // The ring takes as many as there are headers for tails, and then no more.
    let mut burst: Vec<_> = (0..1500_usize)
        .map(|number| {
            let mut frame = frame(&mempool, &[1; 60]);
            frame.set_tail(Some(Tail::new(block.clone(), number..number + 1000)));
            frame
        })
        .collect();
    frames.tx_burst(&mut burst);
    let left_count = burst.len();
    assert!(left_count > 400 && frames.counters().tx_blocked == 1, "{left_count} are left");
    for _ in 0..10 {
        frames.tx_burst(&mut burst);
    }
    assert_eq!((burst.len(), block.handle_count()), (left_count, 1501));
    let first = 1500 - left_count;
    assert_eq!(burst[0].tail_bytes(), &block[first..first + 1000]);
    let mut received = Vec::new();
    wait("all went", || {
        frames.rx_burst(&mut received);
        frames.tx_burst(&mut burst);
        burst.is_empty() && block.handle_count() == 1
    });
    assert!(received.is_empty());
    let counters = frames.counters();
    assert_eq!((counters.tx_tails, counters.rx_dropped), (1500, 1500));
    // What is dropped before a device has it lets go as well.
    let mut dropped = frame(&mempool, &[1; 60]);
    dropped.set_tail(Some(Tail::new(block.clone(), 0..1000)));
    drop(dropped);
    assert_eq!(mempool.free_count(), mempool.count(), "every buffer is home");
    ends(arena, block);
}

#[test]
fn who_takes_no_tails_gets_copies() {
    let eal = eal();
    let mut frames = open(&eal, &DeviceConfig { tails: Some(false), ..small("net_ring0", "") });
    assert!(!frames.offloads().tx_segments);
    let (mempool, heap) = (frames.mempool().clone(), Mempool::new(2, 16 << 10));
    let (arena, block) = block();
    let mut burst = Vec::new();
    for mempool in [&mempool, &heap] {
        let mut frame = frame(mempool, b"head");
        frame.set_tail(Some(Tail::new(block.clone(), 5..8000)));
        burst.push(frame);
    }
    let mut long = frame(&mempool, b"head");
    long.set_tail(Some(Tail::new(block.clone(), 0..9015)));
    burst.push(long);
    frames.tx_burst(&mut burst);
    assert_eq!((burst.len(), block.handle_count(), heap.free_count()), (0, 1, 2));
    frames.rx_burst(&mut burst);
    let whole = [b"head", &block[5..8000]].concat();
    assert_eq!((burst.len(), burst[0].bytes(), burst[1].bytes()), (2, &whole[..], &whole[..]));
    assert_eq!((frames.counters().tx_tails, frames.counters().tx_refused), (0, 1));
    drop(burst);
    ends(arena, block);
}

/// Sends frames with tails of all kinds from one device to another, and looks at what comes.
fn arrive(from: &mut DpdkFrames, to: &mut DpdkFrames) {
    let (arena, block) = block();
    let mempool = from.mempool().clone();
    for (own, range) in [
        (60, 0..1),
        (60, 1..2000),
        (61, 3..2050),
        (1, 77..1600),
        (2047, 64..4096),
        (100, BLOCK_BYTES - 8900..BLOCK_BYTES),
        (14, 1..9001),
    ] {
        let own = &block[20_000..20_000 + own];
        let mut sent = vec![frame(&mempool, own), frame(&mempool, own)];
        sent[0].set_tail(Some(Tail::new(block.clone(), range.clone())));
        let mut received = Vec::new();
        wait("both frames came", || {
            from.tx_burst(&mut sent);
            to.rx_burst(&mut received);
            received.len() == 2
        });
        assert!(
            received[0].bytes() == [own, &block[range.clone()]].concat(),
            "{} bytes and {range:?}",
            own.len()
        );
        assert!(received[1].bytes() == own);
    }
    assert_eq!(from.counters().tx_tails, 7);
    wait("every buffer is home", || {
        // Some drivers do the one, some the other.
        from.reclaim();
        from.tx_burst(&mut Vec::new());
        mempool.free_count() == mempool.count()
    });
    ends(arena, block);
}

#[test]
fn a_memif_carries_tails_in_both_directions() {
    let path = std::env::temp_dir().join(format!("adit-tails-{}.sock", std::process::id()));
    let eal = eal();
    let end = |name: &str, role: &str| {
        open(&eal, &small(name, &format!("role={role},socket-abstract=no,socket={}", path.display())))
    };
    let (mut server, mut client) = (end("net_memif0", "server"), end("net_memif1", "client"));
    assert!(server.offloads().tx_segments);
    wait("they found each other", || server.link_is_up() && client.link_is_up());
    // A memif transmits once its peer has received.
    client.rx_burst(&mut Vec::new());
    arrive(&mut server, &mut client);
    arrive(&mut client, &mut server);
    // While one end of a memif still hears of the other's, its thread does not bear that DPDK ends: both are in one process.
    std::mem::forget((server, client, eal));
}

#[test]
fn the_kernel_receives_tails_over_a_veth() {
    enter_namespace();
    run("ip link add near type veth peer name far");
    run("ip link set near up");
    run("ip link set far address 02:00:00:00:00:02 up");
    run("ip address add 10.9.0.2/24 dev far");
    let eal = eal();
    let mut frames = open(&eal, &DeviceConfig { mtu_bytes: 1500, ..small("net_af_packet0", "iface=near") });
    assert!(frames.offloads().tx_segments);
    let kernel = UdpSocket::bind("10.9.0.2:7000").unwrap();
    kernel.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (arena, block) = block();
    for (own, range) in [(0, 0..1000), (1, 1..1000), (57, 3..1400), (600, BLOCK_BYTES - 872..BLOCK_BYTES)] {
        let payload_bytes = own + range.len();
        let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
        // Ethernet, IPv4 with its checksum, UDP without one.
        let mut bytes = [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0][..], &[0x45, 0]].concat();
        bytes.extend([length(28 + payload_bytes), [0, 0], [0x40, 0], [64, 17], [0, 0]].concat());
        bytes.extend([10, 9, 0, 1, 10, 9, 0, 2]);
        let sum: u32 =
            bytes[14..34].chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
        let sum = (sum & 0xFFFF) + (sum >> 16);
        bytes[24..26].copy_from_slice(&(!u16::try_from(sum).unwrap()).to_be_bytes());
        bytes.extend([[0x1B, 0x59], [0x1B, 0x58], length(8 + payload_bytes), [0, 0]].concat());
        bytes.extend_from_slice(&block[..own]);
        let mut sent = vec![frame(frames.mempool(), &bytes)];
        sent[0].set_tail(Some(Tail::new(block.clone(), range.clone())));
        wait("it was taken", || {
            frames.tx_burst(&mut sent);
            sent.is_empty()
        });
        let mut received = vec![0; 10_000];
        let count = kernel.recv(&mut received).unwrap();
        assert!(
            received[..count] == [&block[..own], &block[range.clone()]].concat(),
            "{own} bytes and {range:?}"
        );
    }
    assert_eq!(frames.counters().tx_tails, 4);
    drop(frames);
    ends(arena, block);
}
