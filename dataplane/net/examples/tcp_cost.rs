//! What a request of 64 bytes and its reply cost the TCP of a shard, with 10, 1,000 and 10,000 connections: both sides in
//! memory, on one thread. The other side is nothing but a template of segments, so nearly all of the time is the shard's.
//!
//! `cargo run --release -p adit-net --example tcp_cost [CONNECTIONS...]`

use std::net::{IpAddr, SocketAddr};

use adit_drivers::buffer::Mempool;
use adit_drivers::chunk::ChunkPool;
use adit_drivers::frames::{Checked, FRAME_HEADROOM_BYTES};
use adit_drivers::outbox::Outbox;
use adit_drivers::streams::{ConnectionId, Event, Sending};
use adit_net::outbound::Outbound;
use adit_net::tcp::{Tcp, TcpConfig};
use rustix::time::{ClockId, clock_gettime};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{IpProtocol, IpRepr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber};

/// One side of a connection that has no more state than two numbers.
struct Peer {
    address: SocketAddr,
    sequence: u32,
    ack: u32,
}

struct Shard {
    tcp: Tcp,
    outbound: Outbound,
    pool: ChunkPool,
    events: Vec<Event>,
    outbox: Outbox,
    now_ns: u64,
    requests: u64,
}

impl Shard {
    fn new(connections_max: usize) -> Self {
        let mempool = Mempool::with_headroom(1024, 2048, FRAME_HEADROOM_BYTES);
        Self {
            tcp: Tcp::new(TcpConfig {
                listeners: vec![PORT],
                addresses: vec![IpAddr::from(OURS)],
                mtu_bytes: 1500,
                connections_max,
                receive_bytes: 16 << 10,
                send_bytes: 32 << 10,
                computes_checksums: true,
                secret: 7,
            }),
            outbound: Outbound::new(mempool),
            pool: ChunkPool::new(64 << 20),
            events: Vec::new(),
            outbox: Outbox::default(),
            now_ns: 1,
            requests: 0,
        }
    }

    fn receive(&mut self, packet: &[u8]) {
        self.tcp.receive(packet, Checked::default(), self.now_ns, &mut self.outbound);
    }

    /// A turn that answers each request with 64 bytes.
    fn turn(&mut self) {
        self.now_ns += TURN_NS;
        self.tcp.poll(self.now_ns, &mut self.pool, &mut self.events);
        for event in std::mem::take(&mut self.events) {
            if let Event::Received(id, chunk) = event {
                self.outbox.write(&mut self.pool, chunk.filled());
                self.pool.give(chunk);
                self.reply(id);
            }
        }
        self.tcp.flush(self.now_ns, &mut self.outbound);
    }

    fn reply(&mut self, id: ConnectionId) {
        self.requests += 1;
        assert_eq!(self.tcp.send(id, &mut self.outbox, &mut self.pool), Sending::Done);
    }
}

impl Peer {
    fn segment(&self, control: TcpControl, payload: &[u8]) -> Vec<u8> {
        let is_syn = control == TcpControl::Syn;
        let repr = TcpRepr {
            src_port: self.address.port(),
            dst_port: PORT,
            control,
            seq_number: TcpSeqNumber(self.sequence.cast_signed()),
            ack_number: (!is_syn).then(|| TcpSeqNumber(self.ack.cast_signed())),
            window_len: 60_000,
            window_scale: is_syn.then_some(0),
            max_seg_size: is_syn.then_some(1460),
            sack_permitted: is_syn,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        };
        let (from, to) = (self.address.ip(), IpAddr::from(OURS));
        let ip = IpRepr::new(from.into(), to.into(), IpProtocol::Tcp, repr.buffer_len(), 64);
        let mut packet = vec![0; ip.buffer_len()];
        let checksums = ChecksumCapabilities::default();
        ip.emit(&mut packet, &checksums);
        repr.emit(
            &mut TcpPacket::new_unchecked(&mut packet[20..]),
            &ip.src_addr(),
            &ip.dst_addr(),
            &checksums,
        );
        packet
    }

    fn connect(number: usize, shard: &mut Shard) -> Self {
        let [.., a, b, c] = number.to_be_bytes();
        let mut peer = Self { address: ([10, 64 | a, b, c], 5000).into(), sequence: 1, ack: 0 };
        shard.receive(&peer.segment(TcpControl::Syn, &[]));
        let answer = shard.outbound.packets.pop().expect("a SYN is answered");
        (peer.sequence, peer.ack) = (2, word(answer.frame.bytes(), 24).wrapping_add(1));
        shard.receive(&peer.segment(TcpControl::None, &[]));
        peer
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The processor time of this thread: what others do on this machine does not count.
fn processor_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Nanoseconds per request, those of making the segments apart, and of making a connection.
fn measure(connections: usize) -> (f64, f64, f64) {
    let mut shard = Shard::new(connections);
    let begun = processor_ns();
    let mut peers: Vec<Peer> = (0..connections).map(|number| Peer::connect(number, &mut shard)).collect();
    let connect_ns = (processor_ns() - begun) / connections as f64;
    while shard.tcp.due_ns().is_some_and(|due_ns| due_ns <= shard.now_ns) {
        shard.turn();
    }
    // Buffers are touched for the first time, all of them.
    for round in 0..WARM_UP_BYTES / WARM_UP_REQUEST_BYTES {
        for first in (0..connections).step_by(BURST) {
            let burst: Vec<usize> = (first..connections.min(first + BURST)).collect();
            exchange(&mut shard, &mut peers, &burst, &[round.to_le_bytes()[0]; WARM_UP_REQUEST_BYTES]);
        }
    }
    let mut order: u64 = 1;
    let (mut spent_ns, mut making_ns, before) = (0.0, 0.0, shard.requests);
    while shard.requests - before < REQUESTS {
        // A burst of requests on connections in no order.
        let mut burst: Vec<usize> = Vec::new();
        for _ in 0..BURST.min(connections) {
            order = order.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let index = usize::try_from(order >> 33).unwrap_or(0) % connections;
            if !burst.contains(&index) {
                burst.push(index);
            }
        }
        let (spent, making) = exchange(&mut shard, &mut peers, &burst, &[7; REQUEST_BYTES]);
        (spent_ns, making_ns) = (spent_ns + spent, making_ns + making);
    }
    let requests = (shard.requests - before) as f64;
    (spent_ns / requests, making_ns / requests, connect_ns)
}

/// A request on each connection of a burst, and its reply; the nanoseconds of the shard, and of making segments.
fn exchange(shard: &mut Shard, peers: &mut [Peer], burst: &[usize], request: &[u8]) -> (f64, f64) {
    let begun = processor_ns();
    let packets: Vec<Vec<u8>> =
        burst.iter().map(|index| peers[*index].segment(TcpControl::Psh, request)).collect();
    let made = processor_ns();
    shard.tcp.prefetch(packets.iter().map(Vec::as_slice));
    packets.iter().for_each(|packet| shard.receive(packet));
    shard.turn();
    let done = processor_ns();
    assert_eq!(shard.outbound.packets.len(), burst.len(), "each reply is one packet");
    for (packet, index) in shard.outbound.packets.drain(..).zip(burst) {
        let (bytes, peer) = (packet.frame.bytes(), &mut peers[*index]);
        assert_eq!(word(bytes, 24), peer.ack, "a reply to its request");
        let len = u32::try_from(request.len()).unwrap_or(0);
        (peer.ack, peer.sequence) = (peer.ack.wrapping_add(len), peer.sequence.wrapping_add(len));
    }
    (done - made, made - begun)
}

/// Nanoseconds for each of the packets that peers without a connection send.
fn strangers(control: TcpControl) -> f64 {
    let mut shard = Shard::new(1000);
    let packets: Vec<Vec<u8>> = (0..1024_u32)
        .map(|number| {
            let [_, a, b, c] = number.wrapping_mul(0x9e37_79b9).to_be_bytes();
            let peer = Peer { address: ([10, a, b, c], 5000).into(), sequence: number, ack: number };
            peer.segment(control, &[])
        })
        .collect();
    let begun = processor_ns();
    for _ in 0..STRANGERS_ROUNDS {
        for burst in packets.chunks(BURST) {
            shard.now_ns += TURN_NS;
            burst.iter().for_each(|packet| shard.receive(packet));
            shard.outbound.packets.clear();
        }
    }
    assert_eq!(shard.tcp.connection_count(), 0);
    (processor_ns() - begun) / (STRANGERS_ROUNDS * packets.len()) as f64
}

fn main() {
    let (interface, socket) =
        (size_of::<smoltcp::iface::Interface>(), size_of::<smoltcp::socket::tcp::Socket<'_>>());
    println!("an interface of smoltcp has {interface} bytes, a socket {socket}");
    println!("connections  ns per request and reply  (ns of making it, apart)  ns per handshake");
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    for connections in if asked.is_empty() { vec![10, 1_000, 10_000] } else { asked } {
        let (request_ns, making_ns, connect_ns) = measure(connections);
        println!("{connections:11}  {request_ns:24.0}  {making_ns:24.0}  {connect_ns:16.0}");
    }
    let (syn_ns, forged_ns) = (strangers(TcpControl::Syn), strangers(TcpControl::None));
    println!("a SYN that is answered {syn_ns:.0} ns, a forged end of a handshake {forged_ns:.0} ns");
}

const OURS: [u8; 4] = [10, 0, 0, 1];
const PORT: u16 = 6379;
const REQUEST_BYTES: usize = 64;
const REQUESTS: u64 = 2_000_000;
const BURST: usize = 32;
const WARM_UP_BYTES: usize = 16 << 10;
const WARM_UP_REQUEST_BYTES: usize = 1024;
const STRANGERS_ROUNDS: usize = 1000;
const TURN_NS: u64 = 10_000;
