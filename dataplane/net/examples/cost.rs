//! What the stack costs for each packet, in memory and without a device: `cargo run --release -p adit-net --example cost`.
//! Each figure is that of the run that was disturbed least, less that of the same loop without the stack
//! where frames are made anew for each.

use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};

use adit_drivers::clock::Clock;
use adit_drivers::frames::{Checked, FRAME_HEADROOM_BYTES, Frame, Frames};
use adit_drivers::port::{BURST_MAX, Mempool};
use adit_drivers::sim::{CableFaults, SimFrames};
use adit_net::checksum::Sum;
use adit_net::echo::Echo;
use adit_net::{Mac, Stack, StackConfig};

fn main() {
    println!("in ns; * where the device has verified the checksums");
    println!("version  payload  deliver deliver* transmit  echo echo*");
    for (us, peer) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        for payload_bytes in [22, 64, 512, 1400] {
            let mut bench = Bench::new(address(us), address(peer), payload_bytes);
            let (ours, theirs) = (Checked::default(), Checked { ip: true, transport: true });
            let [deliver, deliver_checked] = [ours, theirs].map(|checked| bench.deliver(checked));
            let [echo, echo_checked] = [ours, theirs].map(|checked| bench.echo(checked));
            let transmit = bench.transmit();
            let version = if us.contains(':') { "IPv6" } else { "IPv4" };
            print!("{version:7} {payload_bytes:>8} {deliver:>8.1} {deliver_checked:>8.1} ");
            println!("{transmit:>8.1} {echo:>5.1} {echo_checked:>5.1}");
        }
    }
    for len in [20, 64, 576, 1500, 9000] {
        let bytes = vec![0xA5; len];
        let ns = time(1, || {
            black_box(Sum::of(black_box(&bytes)).checksum());
        });
        println!("checksum of {len:>4} bytes {ns:>6.1} ns");
    }
}

struct Bench {
    stack: Stack,
    peer: SocketAddr,
    config: StackConfig,
    /// A frame to the stack with a datagram.
    bytes: Vec<u8>,
    payload_bytes: usize,
}

impl Bench {
    fn new(us: IpAddr, peer: IpAddr, payload_bytes: usize) -> Self {
        // Nothing arrives over the cable: a full queue costs least.
        let faults = CableFaults { queue_frames_max: 0, ..CableFaults::NONE };
        let config = StackConfig::new(us, 24, 7);
        let [ours, _] = cable(faults);
        let mut bench = Self {
            stack: Stack::new(ours, config.clone(), 0),
            peer: SocketAddr::new(peer, 9),
            config,
            bytes: datagram(us, peer, payload_bytes),
            payload_bytes,
        };
        // Its question for our device makes the peer known.
        let [ours, theirs] = cable(CableFaults::NONE);
        let mut other = Stack::new(theirs, StackConfig::new(peer, 24, 9), 0);
        other.transmit(&mut vec![train(&other, SocketAddr::new(us, 7), 1)]);
        let mut ours = ours;
        let mut burst = Vec::new();
        ours.rx_burst(&mut burst);
        bench.stack.accept(&mut burst);
        bench
    }

    fn received(&self, burst: &mut Vec<Frame>, checked: Checked) {
        for _ in 0..BURST_MAX {
            let buffer = self.stack.mempool().buffer().expect("a buffer is free");
            let mut frame = Frame::new(buffer, FRAME_HEADROOM_BYTES);
            frame.append(self.bytes.len()).expect("a buffer has room").copy_from_slice(&self.bytes);
            frame.set_checked(checked);
            burst.push(frame);
        }
    }

    fn deliver(&mut self, checked: Checked) -> f64 {
        let (mut burst, mut datagrams) = (Vec::new(), Vec::new());
        let without = time(BURST_MAX, || {
            self.received(&mut burst, checked);
            black_box(&mut burst).clear();
        });
        let with = time(BURST_MAX, || {
            self.received(&mut burst, checked);
            self.stack.accept(&mut burst);
            self.stack.take_datagrams(&mut datagrams);
            assert_eq!(datagrams.len(), BURST_MAX);
            black_box(&mut datagrams).clear();
        });
        with - without
    }

    fn transmit(&mut self) -> f64 {
        let mut trains = Vec::new();
        let (peer, payload_bytes) = (self.peer, self.payload_bytes);
        let without = time(BURST_MAX, || {
            (0..BURST_MAX).for_each(|_| trains.push(train(&self.stack, peer, payload_bytes)));
            black_box(&mut trains).clear();
        });
        let before = self.stack.counters().frames.tx_frames;
        let with = time(BURST_MAX, || {
            (0..BURST_MAX).for_each(|_| trains.push(train(&self.stack, peer, payload_bytes)));
            self.stack.transmit(black_box(&mut trains));
        });
        assert!(self.stack.counters().frames.tx_frames > before, "frames left");
        with - without
    }

    /// Both ends turn the same frames around.
    fn echo(&self, checked: Checked) -> f64 {
        let ours = Echo::new(self.stack.mac(), &self.config);
        let theirs = Echo::new(PEER_MAC, &StackConfig::new(self.peer.ip(), 24, self.peer.port()));
        let mut burst = Vec::new();
        self.received(&mut burst, checked);
        time(2 * BURST_MAX, || {
            assert!(burst.iter_mut().all(|frame| ours.turn(frame)));
            assert!(black_box(&mut burst).iter_mut().all(|frame| theirs.turn(frame)));
        })
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn cable(faults: CableFaults) -> [Frames; 2] {
    let mempool = || Mempool::with_headroom(256, 2048, FRAME_HEADROOM_BYTES);
    let ends = [([2, 0, 0, 0, 0, 1], mempool()), (PEER_MAC, mempool())];
    SimFrames::pair(1, faults, 1500, ends).map(Frames::Sim)
}

/// A frame with a datagram to port 7 of `us`.
fn datagram(us: IpAddr, peer: IpAddr, payload_bytes: usize) -> Vec<u8> {
    let [ours, theirs] = cable(CableFaults::NONE);
    let mut other = Stack::new(theirs, StackConfig::new(peer, 24, 9), 0);
    // The end of the cable that the stack gives back when it is asked for what it received.
    let mut us_stack = Stack::new(ours, StackConfig::new(us, 24, 7), 0);
    other.transmit(&mut vec![train(&other, SocketAddr::new(us, 7), payload_bytes)]);
    us_stack.poll(0);
    other.poll(0);
    let (mut frames, mut ours) = (Vec::new(), us_stack.into_frames());
    ours.rx_burst(&mut frames);
    frames[0].bytes().to_vec()
}

fn train(stack: &Stack, peer: SocketAddr, payload_bytes: usize) -> adit_drivers::port::Mbuf {
    let mut train = stack.mempool().take(peer).expect("a buffer is free");
    train.push(payload_bytes).expect("a buffer has room").fill(0x5A);
    train
}

/// Nanoseconds of one of the `count` things that a call does, in the run that was disturbed least.
fn time(count: usize, mut call: impl FnMut()) -> f64 {
    let calls = CALLS / count;
    let run = |_| {
        let start_ns = Clock::Kernel.mono_ns();
        (0..calls).for_each(|_| call());
        (Clock::Kernel.mono_ns() - start_ns) as f64 / (calls * count) as f64
    };
    (0..RUNS).map(run).fold(f64::INFINITY, f64::min)
}

const PEER_MAC: Mac = [2, 0, 0, 0, 0, 2];
const RUNS: usize = 101;
const CALLS: usize = 16_384;
