//! What a request of 64 bytes and its reply cost the TCP of a shard, with 10, 1,000 and 10,000 connections: both sides in
//! memory, on one thread. The other side is nothing but a template of segments, so nearly all of the time is the shard's.
//!
//! `cargo run --release -p adit-net --example tcp_cost`

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use adit_drivers::buffer::Mempool;
use adit_drivers::chunk::ChunkPool;
use adit_drivers::frames::{Checked, FRAME_HEADROOM_BYTES};
use adit_drivers::outbox::Outbox;
use adit_drivers::streams::{ConnectionId, Event, Sending};
use adit_net::outbound::Outbound;
use adit_net::tcp::{Tcp, TcpConfig};
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

/// Nanoseconds per request, those of making the segments apart, and of making a connection.
fn measure(connections: usize) -> (f64, f64, f64) {
    let mut shard = Shard::new(connections);
    let begun = Instant::now();
    let mut peers: Vec<Peer> = (0..connections).map(|number| Peer::connect(number, &mut shard)).collect();
    let connect_ns = begun.elapsed().as_secs_f64() * 1e9 / connections as f64;
    while shard.tcp.due_ns().is_some_and(|due_ns| due_ns <= shard.now_ns) {
        shard.turn();
    }
    let mut order: u64 = 1;
    let (mut spent, mut making) = (0.0, 0.0);
    while shard.requests < REQUESTS {
        // A burst of requests on connections in no order.
        let begun = Instant::now();
        let mut burst: Vec<usize> = Vec::new();
        for _ in 0..BURST.min(connections) {
            order = order.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let index = usize::try_from(order >> 33).unwrap_or(0) % connections;
            if !burst.contains(&index) {
                burst.push(index);
            }
        }
        let packets: Vec<Vec<u8>> =
            burst.iter().map(|index| peers[*index].segment(TcpControl::Psh, &[7; REQUEST_BYTES])).collect();
        making += begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        packets.iter().for_each(|packet| shard.receive(packet));
        shard.turn();
        spent += begun.elapsed().as_secs_f64();
        assert_eq!(shard.outbound.packets.len(), burst.len(), "each reply is one packet");
        for (packet, index) in shard.outbound.packets.drain(..).zip(&burst) {
            let bytes = packet.frame.bytes();
            assert_eq!(word(bytes, 24), peers[*index].ack, "a reply to its request");
            peers[*index].ack = peers[*index].ack.wrapping_add(64);
            peers[*index].sequence = peers[*index].sequence.wrapping_add(64);
        }
    }
    let per_request = 1e9 / shard.requests as f64;
    (spent * per_request, making * per_request, connect_ns)
}

fn main() {
    println!("connections  ns per request and reply  (ns of making it, apart)  ns per handshake");
    for connections in [10, 1_000, 10_000, 100_000] {
        let (request_ns, making_ns, connect_ns) = measure(connections);
        println!("{connections:11}  {request_ns:24.0}  {making_ns:24.0}  {connect_ns:16.0}");
    }
}

const OURS: [u8; 4] = [10, 0, 0, 1];
const PORT: u16 = 6379;
const REQUEST_BYTES: usize = 64;
const REQUESTS: u64 = 2_000_000;
const BURST: usize = 32;
const TURN_NS: u64 = 10_000;
