//! What the tests of DPDK share: its environment, small devices, frames, waiting, and a network namespace of their own.

use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use adit_drivers::dpdk::{DeviceConfig, Eal, EalConfig, EalMemory};
use adit_drivers::frames::{FRAME_HEADROOM_BYTES, Frame};
use adit_drivers::port::Mempool;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// An environment without hugepages.
pub(crate) fn eal() -> Eal {
    let (memory, memory_mib) = (EalMemory::Normal, 64);
    Eal::start(&EalConfig { memory, memory_mib, pci: vec![], prefix: None, verbose: false }).unwrap()
}

/// A device with few buffers, so that tests come to their end.
pub(crate) fn small(name: &str, options: &str, descriptors: u16) -> DeviceConfig {
    DeviceConfig {
        rx_descriptors: descriptors,
        tx_descriptors: descriptors,
        held_buffers: 64,
        ..DeviceConfig::new(name, options)
    }
}

/// A frame in a buffer of a mempool.
pub(crate) fn frame(mempool: &Mempool, bytes: &[u8]) -> Frame {
    let mut frame = Frame::new(mempool.buffer().unwrap(), FRAME_HEADROOM_BYTES);
    frame.append(bytes.len()).unwrap().copy_from_slice(bytes);
    frame
}

/// Until something is so; a test that waits in vain fails.
pub(crate) fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < limit, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

/// Enters a network namespace of its own, empty.
pub(crate) fn enter_namespace() {
    let name = format!("adit-{}", std::process::id());
    run(&format!("ip netns add {name}"));
    let file = std::fs::File::open(format!("/run/netns/{name}")).unwrap();
    // This thread, and what it starts from here on.
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    // The name may go: the namespace lives as long as somebody is in it.
    run(&format!("ip netns del {name}"));
}

/// Runs a command that has to succeed.
pub(crate) fn run(line: &str) {
    let words: Vec<_> = line.split(' ').collect();
    let status = Command::new(words[0]).args(&words[1..]).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{line}");
}
