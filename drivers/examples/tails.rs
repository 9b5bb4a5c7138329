//! What it costs a processor to transmit long frames whose end lies in a block: with a copy of it, and from where it lies.
//! `cargo run --release --features dpdk --example tails -p adit-drivers [FRAME_BYTES] [ROUNDS]`.
//!
//! Each frame is read once before, as who computes its checksum does. Blocks of 32 MiB are sent in turn, so that most lie in no
//! cache. `net_null` reads nothing, as a NIC that fetches the bytes by itself; a memif copies them into the memory of its peer.

use std::error::Error;

use adit_drivers::dpdk::{Device, DeviceConfig, DpdkFrames, Eal, EalConfig, EalMemory};
use adit_drivers::frames::{FRAME_HEADROOM_BYTES, Frame};
use adit_drivers::memory::{Arena, BLOCK_BYTES, Block};
use adit_drivers::tail::BlockPin;
use rustix::time::{ClockId, clock_gettime};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, usual: usize| arguments.get(index).map_or(Ok(usual), |text| text.parse());
    let (frame_bytes, rounds) = (number(0, 9000)?, number(1, 5)?);
    let (memory, memory_mib) = (EalMemory::Normal, 256);
    let eal = Eal::start(&EalConfig { memory, memory_mib, pci: vec![], prefix: None, verbose: false })?;
    let path = std::env::temp_dir().join(format!("adit-tails-{}.sock", std::process::id()));
    let open = |name: &str, options: &str| -> Result<DpdkFrames, Box<dyn Error>> {
        let config = DeviceConfig { mtu_bytes: 9000, ..DeviceConfig::new(name, options) };
        Ok(Device::start(&eal, &config)?.remove(0).open()?)
    };
    let options = format!("bsize=16384,socket-abstract=no,socket={}", path.display());
    let mut null = open("net_null0", "no-rx=1")?;
    let mut server = open("net_memif0", &format!("role=server,{options}"))?;
    let mut client = open("net_memif1", &format!("role=client,{options}"))?;
    while !(server.link_is_up() && client.link_is_up()) {
        std::thread::yield_now();
    }
    let mut arena = Arena::new(64 << 20, true)?;
    let blocks: Vec<Block> = (0..BLOCKS).map_while(|_| arena.block()).collect();
    for _ in 0..rounds {
        for (name, from, mut to) in [("net_null", &mut null, None), ("memif", &mut server, Some(&mut client))]
        {
            let mut costs = [0; 2];
            for (cost, is_pinned) in costs.iter_mut().zip([false, true]) {
                for _ in 0..2 {
                    // The first time it fills caches and tables.
                    *cost =
                        send_all(from, to.as_deref_mut(), &blocks, frame_bytes - HEADER_BYTES, is_pinned)?;
                }
            }
            let [copied, pinned] = costs;
            println!("{name}, {frame_bytes} bytes: {copied} ns copied, {pinned} ns from where it lies");
        }
    }
    // Two ends of a memif in one process do not bear that it ends under them.
    std::mem::forget((server, client, eal.clone()));
    Ok(())
}

/// Sends what all blocks hold; nanoseconds of the sending thread for each frame, without those for receiving.
fn send_all(
    from: &mut DpdkFrames,
    mut to: Option<&mut DpdkFrames>,
    blocks: &[Block],
    tail_bytes: usize,
    is_pinned: bool,
) -> Result<u64, Box<dyn Error>> {
    let (mut burst, mut received, mut sum) = (Vec::new(), Vec::new(), 0_u64);
    let (mut spent_ns, mut frames) = (0, 0);
    for some in blocks.chunks(BLOCKS_AT_ONCE) {
        let before = cpu_ns()?;
        for block in some {
            let pin = is_pinned.then(|| BlockPin::new(block.clone()));
            for at in (0..BLOCK_BYTES / tail_bytes).map(|number| number * tail_bytes) {
                let bytes = &block[at..at + tail_bytes];
                sum += bytes.as_chunks::<8>().0.iter().fold(0, |sum, word| sum ^ u64::from_le_bytes(*word));
                let mut frame = Frame::new(from.mempool().buffer().ok_or("no buffer")?, FRAME_HEADROOM_BYTES);
                frame.append(HEADER_BYTES).ok_or("no room")?.fill(1);
                match &pin {
                    Some(pin) => frame.set_tail(Some(pin.tail(at..at + tail_bytes))),
                    None => frame.append(tail_bytes).ok_or("no room")?.copy_from_slice(bytes),
                }
                burst.push(frame);
                frames += 1;
            }
        }
        from.tx_burst(&mut burst);
        spent_ns += cpu_ns()? - before;
        if let Some(to) = &mut to {
            while {
                to.rx_burst(&mut received);
                !received.is_empty()
            } {
                received.clear();
            }
        }
    }
    std::hint::black_box(sum);
    if !burst.is_empty() {
        return Err("the device did not take all".into());
    }
    Ok(spent_ns / frames)
}

/// What this thread has used of a processor.
fn cpu_ns() -> Result<u64, Box<dyn Error>> {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Ok(u64::try_from(time.tv_sec)? * 1_000_000_000 + u64::try_from(time.tv_nsec)?)
}

/// Blocks that are sent in turn: 32 MiB.
const BLOCKS: usize = 512;
/// Blocks whose frames are made before they are sent: half a MiB, as one request for a long value brings.
const BLOCKS_AT_ONCE: usize = 8;
/// Bytes of a frame in front of its tail: headers of Ethernet, IPv4, UDP and of the native protocol.
const HEADER_BYTES: usize = 98;
