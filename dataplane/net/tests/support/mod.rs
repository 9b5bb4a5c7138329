//! Cables, stacks and bytes that the tests share.
#![allow(dead_code, clippy::allow_attributes, reason = "each test uses some of it")]

use std::net::{IpAddr, SocketAddr};

use adit_drivers::frames::{FRAME_HEADROOM_BYTES, Frame, Frames};
use adit_drivers::port::{Mbuf, Mempool};
use adit_drivers::sim::{CableFaults, SimFrames};
use adit_net::{Mac, Stack, StackConfig};

pub(crate) const OUR_MAC: Mac = [2, 0, 0, 0, 0, 1];
pub(crate) const PEER_MAC: Mac = [2, 0, 0, 0, 0, 2];
pub(crate) const OUR_PORT: u16 = 6789;
pub(crate) const BUFFERS: usize = 512;
pub(crate) const SECOND_NS: u64 = 1_000_000_000;

/// The two ends of a cable.
pub(crate) fn cable(seed: u64, faults: CableFaults, mtu_bytes: usize) -> [Frames; 2] {
    let buffer_bytes = FRAME_HEADROOM_BYTES + mtu_bytes + 18;
    let mempool = || Mempool::with_headroom(BUFFERS, buffer_bytes, FRAME_HEADROOM_BYTES);
    SimFrames::pair(seed, faults, mtu_bytes, [(OUR_MAC, mempool()), (PEER_MAC, mempool())]).map(Frames::Sim)
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn peer(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A host with an address of each kind: 10.0.0.`host` and fd00::`host`.
pub(crate) fn config(host: u8, port: u16) -> StackConfig {
    let mut config = StackConfig::new(IpAddr::from([10, 0, 0, host]), 24, port);
    config.addresses.push((ip(&format!("fd00::{host}")), 64));
    config
}

/// A stack at one end, bare frames at the other. What the stack tells when it starts has been received.
pub(crate) fn stack_and_wire(config: StackConfig) -> (Stack, Wire) {
    let [ours, theirs] = cable(1, CableFaults::NONE, 1500);
    let stack = Stack::new(ours, config, 0);
    let mut pair = (stack, Wire(theirs));
    pair.0.poll(0);
    pair.1.receive();
    pair
}

/// The end of a cable without a stack.
pub(crate) struct Wire(pub(crate) Frames);

impl Wire {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let mut frame = Frame::new(self.0.mempool().buffer().unwrap(), FRAME_HEADROOM_BYTES);
        frame.append(bytes.len()).unwrap().copy_from_slice(bytes);
        self.0.tx_burst(&mut vec![frame]);
    }

    pub(crate) fn receive(&mut self) -> Vec<Vec<u8>> {
        let (mut all, mut burst) = (Vec::new(), Vec::new());
        loop {
            self.0.rx_burst(&mut burst);
            if burst.is_empty() {
                return all;
            }
            all.extend(burst.drain(..).map(|frame| frame.bytes().to_vec()));
        }
    }

    /// Sends a frame to a stack and says what it answers.
    pub(crate) fn ask(&mut self, stack: &mut Stack, now_ns: u64, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.send(bytes);
        stack.poll(now_ns);
        self.receive()
    }
}

/// A datagram of a stack.
pub(crate) fn train(stack: &Stack, peer: SocketAddr, bytes: &[u8]) -> Mbuf {
    let mut train = stack.mempool().take(peer).unwrap();
    train.push(bytes.len()).unwrap().copy_from_slice(bytes);
    train
}

/// All datagrams that a stack has received.
pub(crate) fn received(stack: &mut Stack) -> Vec<(SocketAddr, Vec<u8>)> {
    let (mut all, mut burst) = (Vec::new(), Vec::new());
    loop {
        stack.take_datagrams(&mut burst);
        if burst.is_empty() {
            return all;
        }
        all.extend(burst.drain(..).map(|train| (train.peer(), train.bytes().to_vec())));
    }
}

/// Asserts that no buffer of a stack is out.
pub(crate) fn assert_whole(stack: &Stack) {
    assert_eq!(stack.mempool().free_count(), stack.mempool().count(), "all buffers are home");
}
