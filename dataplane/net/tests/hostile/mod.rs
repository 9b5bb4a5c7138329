//! Hostile frames under a seed: right ones that are harmed, with and without their checksums made right again; and a stack
//! that takes them, keeps its bounds, and serves a good client afterwards.

use std::net::{IpAddr, SocketAddr};

use adit_drivers::frames::{Checked, FRAME_HEADROOM_BYTES, FRAMES_PER_BURST_MAX, Frame, Frames};
use adit_drivers::port::{Mbuf, Mempool};
use adit_drivers::sim::{CableFaults, Random, SimFrames};
use adit_net::checksum::Sum;
use adit_net::neighbours::NEIGHBOURS_MAX;
use adit_net::stack::{PENDING_MAX, TX_FRAMES_MAX};
use adit_net::{Mac, NetCounters, Stack, StackConfig};

/// Runs a campaign of `frames` frames; says what the stack has counted.
pub fn run(seed: u64, frames: u64) -> NetCounters {
    let mut campaign = Campaign::new(seed);
    let mut left = frames;
    while left > 0 {
        let count = left.min(FRAMES_PER_CHECK);
        for _ in 0..count.div_ceil(FRAMES_PER_BURST_MAX as u64) {
            campaign.turn();
        }
        campaign.check();
        left -= count;
    }
    campaign.stack.counters()
}

struct Campaign {
    seed: u64,
    random: Random,
    generator: Generator,
    stack: Stack,
    wire: Frames,
    now_ns: u64,
    burst: Vec<Frame>,
    datagrams: Vec<Mbuf>,
}

impl Campaign {
    fn new(seed: u64) -> Self {
        let vlan = seed.is_multiple_of(4).then_some(77);
        let mempool = |count| Mempool::with_headroom(count, 2048, FRAME_HEADROOM_BYTES);
        let ends = [(OUR_MAC, mempool(BUFFERS)), (CLIENT_MAC, mempool(64))];
        let faults = CableFaults { block_one_in: 50, queue_frames_max: 16, ..CableFaults::NONE };
        let [ours, wire] = SimFrames::pair(seed, faults, 1500, ends).map(Frames::Sim);
        let mut config = StackConfig::new([10, 0, 0, 1].into(), 16, PORT);
        config.addresses.push(("fd00::1".parse().unwrap(), 64));
        config.gateway4 = Some([10, 0, 0, 254].into());
        (config.vlan, config.takes_tcp) = (vlan, !seed.is_multiple_of(3));
        Self {
            seed,
            random: Random::new(seed),
            generator: Generator::new(vlan),
            stack: Stack::new(ours, config, 0),
            wire,
            now_ns: 0,
            burst: Vec::new(),
            datagrams: Vec::new(),
        }
    }

    /// A burst of frames, and what a shard does with them.
    fn turn(&mut self) {
        let bits = self.random.bits();
        self.now_ns += 1 + (bits & 0xFFFF_FFFF) % if bits >> 57 == 0 { 2_000_000_000 } else { 10_000 };
        for _ in 0..FRAMES_PER_BURST_MAX {
            let Some(buffer) = self.stack.mempool().buffer() else { break };
            let mut frame = Frame::new(buffer, FRAME_HEADROOM_BYTES);
            let bytes = self.generator.next(&mut self.random);
            frame.append(bytes.len()).unwrap().copy_from_slice(bytes);
            if bits >> 62 == 0 {
                frame.set_checked(Checked { ip: bits & 1 != 0, transport: bits & 2 != 0 });
            }
            self.burst.push(frame);
        }
        self.stack.accept(&mut self.burst);
        self.stack.poll(self.now_ns);
        self.stack.take_segments(&mut self.burst);
        for segment in self.burst.drain(..) {
            let is_ip = matches!(segment.bytes()[0] >> 4, 4 | 6);
            assert!(
                is_ip && segment.len_bytes() >= 20,
                "seed {}: a segment begins with its IP header",
                self.seed
            );
        }
        self.stack.take_datagrams(&mut self.datagrams);
        for train in &self.datagrams {
            assert!(!train.bytes().is_empty() && train.peer().port() != 0, "seed {}", self.seed);
        }
        // Answers in the buffers that the datagrams came in.
        self.stack.transmit(&mut self.datagrams);
        self.datagrams.truncate(DATAGRAMS_KEPT);
        if bits >> 54 & 7 == 0 {
            for host in 0..16 {
                let to = IpAddr::from([10, 0, 3 + host, u8::try_from(bits >> 46 & 0xFF).unwrap()]);
                if let Some(room) = self.stack.outbound().room(to, 40) {
                    room.fill(0x45);
                }
            }
        }
        self.stack.flush(self.now_ns);
        let stack = &self.stack;
        let within = stack.neighbour_count() <= NEIGHBOURS_MAX
            && stack.pending_count() <= PENDING_MAX
            && stack.waiting_count() <= TX_FRAMES_MAX;
        assert!(within, "seed {}: a table outgrew its bound", self.seed);
    }

    /// All buffers come home once nobody answers, and a good client is served.
    fn check(&mut self) {
        for _ in 0..10 {
            self.pass(1_000_000_000);
            self.receive();
        }
        while self.stack.waiting_count() > 0 || !self.datagrams.is_empty() {
            self.stack.transmit(&mut self.datagrams);
            self.pass(1_000_000_000);
            self.receive();
        }
        let mempool = self.stack.mempool();
        assert_eq!(mempool.free_count(), mempool.count(), "seed {}: buffers are lost", self.seed);
        self.pass(31_000_000_000);
        self.receive();
        let client = SocketAddr::from(([10, 0, 0, 5], 1234));
        for frame in [self.generator.good_question(), self.generator.good_datagram()] {
            let mut sent = Frame::new(self.wire.mempool().buffer().unwrap(), FRAME_HEADROOM_BYTES);
            sent.append(frame.len()).unwrap().copy_from_slice(&frame);
            let mut burst = vec![sent];
            while !burst.is_empty() {
                self.wire.tx_burst(&mut burst);
            }
            self.pass(1);
        }
        let mut got = Vec::new();
        self.stack.take_datagrams(&mut got);
        let heard: Vec<_> = got.iter().map(|train| (train.peer(), train.bytes().to_vec())).collect();
        assert_eq!(heard, [(client, GOOD.to_vec())], "seed {}: a good client is heard", self.seed);
        while !got.is_empty() || self.stack.waiting_count() > 0 {
            self.stack.transmit(&mut got);
            self.pass(1);
        }
        let answers = self.receive();
        let is_answer = |frame: &Vec<u8>| frame[..6] == CLIENT_MAC && frame.ends_with(GOOD);
        assert!(answers.iter().any(is_answer), "seed {}: a good client is answered", self.seed);
    }

    fn pass(&mut self, ns: u64) {
        self.now_ns += ns;
        self.stack.poll(self.now_ns);
    }

    fn receive(&mut self) -> Vec<Vec<u8>> {
        self.wire.rx_burst(&mut self.burst);
        self.burst.drain(..).map(|frame| frame.bytes().to_vec()).collect()
    }
}

/// Makes frames.
pub struct Generator {
    /// Right ones.
    seeds: Vec<Vec<u8>>,
    ethernet_bytes: usize,
    /// The last one made.
    frame: Vec<u8>,
}

impl Generator {
    /// Frames in a VLAN or in none.
    pub fn new(vlan: Option<u16>) -> Self {
        let tag = vlan.map_or(Vec::new(), |vlan| [&[0x81, 0][..], &vlan.to_be_bytes()].concat());
        let ethernet = |kind: u16, packet: &[u8]| {
            [&OUR_MAC[..], &CLIENT_MAC, &tag, &kind.to_be_bytes(), packet].concat()
        };
        let ipv4 = |protocol: u8, payload: &[u8]| {
            let length = u8::try_from(20 + payload.len()).unwrap();
            let header = [0x45, 0, 0, length, 0, 7, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 5, 10, 0, 0, 1];
            ethernet(0x0800, &[&header, payload].concat())
        };
        let ipv6 = |protocol: u8, hops: u8, to: &[u8; 16], payload: &[u8]| {
            let length = u8::try_from(payload.len()).unwrap();
            let header = [0x60, 0, 0, 0, 0, length, protocol, hops];
            let mut source = OUR_IPV6;
            source[15] = 5;
            ethernet(0x86DD, &[&header, &source[..], to, payload].concat())
        };
        let udp = |bytes: &[u8]| {
            let length = u8::try_from(8 + bytes.len()).unwrap();
            [&[0x04, 0xD2][..], &PORT.to_be_bytes(), &[0, length, 0, 0], bytes].concat()
        };
        let arp = |operation: u8| {
            let head = [0, 1, 8, 0, 6, 4, 0, operation];
            let target = [10, 0, 0, 1];
            ethernet(0x0806, &[&head[..], &CLIENT_MAC, &[10, 0, 0, 5], &OUR_MAC, &target].concat())
        };
        let discovery = |kind: u8, option: u8, target: u8| {
            let mut address = OUR_IPV6;
            address[15] = target;
            [&[kind, 0, 0, 0, 0x20, 0, 0, 0][..], &address, &[option, 1], &CLIENT_MAC].concat()
        };
        let mut group = [0; 16];
        (group[0], group[1], group[11], group[12], group[15]) = (0xFF, 2, 1, 0xFF, 1);
        let tcp = [0x04, 0xD2, 0x1A, 0x85, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xFF, 0xFF, 0, 0, 0, 0];
        let mut seeds = vec![
            ipv4(17, &udp(GOOD)),
            arp(1),
            arp(2),
            ipv4(17, &udp(&[1; 100])),
            ipv4(6, &tcp),
            ipv4(1, &[8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]),
            ipv4(1, &[&[3, 3, 0, 0, 0, 0, 0, 0][..], &[0x45; 28]].concat()),
            ipv6(17, 64, &OUR_IPV6, &udp(GOOD)),
            ipv6(6, 64, &OUR_IPV6, &tcp),
            ipv6(58, 64, &OUR_IPV6, &[128, 0, 0, 0, 1, 2, 3, 4, 5]),
            ipv6(58, 255, &group, &discovery(135, 1, 1)),
            ipv6(58, 255, &OUR_IPV6, &discovery(135, 1, 1)),
            ipv6(58, 255, &OUR_IPV6, &discovery(136, 2, 5)),
            ipv6(0, 64, &OUR_IPV6, &[&[17, 0, 5, 2, 0, 0, 1, 0][..], &udp(GOOD)].concat()),
            ipv6(44, 64, &OUR_IPV6, &[&[17, 0, 0, 1, 0, 0, 0, 1][..], &udp(GOOD)].concat()),
            ipv6(60, 64, &OUR_IPV6, &[&[17, 0, 1, 4, 0, 0, 0, 0][..], &udp(GOOD)].concat()),
        ];
        let ethernet_bytes = 14 + tag.len();
        seeds.iter_mut().for_each(|frame| seal(frame, ethernet_bytes));
        Self { seeds, ethernet_bytes, frame: Vec::new() }
    }

    fn good_datagram(&self) -> Vec<u8> {
        self.seeds[0].clone()
    }

    fn good_question(&self) -> Vec<u8> {
        self.seeds[1].clone()
    }

    /// The next frame.
    pub fn next(&mut self, random: &mut Random) -> &[u8] {
        let bits = random.bits();
        let seed = &self.seeds[usize::try_from(bits & 15).unwrap() % self.seeds.len()];
        self.frame.clear();
        self.frame.extend_from_slice(seed);
        let at_ip = self.ethernet_bytes;
        let (choice, seals) = (bits >> 4 & 15, bits >> 8 & 3 != 0);
        match choice {
            0 => {}
            1 => self.frame.truncate(random.index(seed.len() + 1)),
            2 => self
                .frame
                .extend_from_slice(&random.bits().to_le_bytes()[..usize::try_from(bits >> 16 & 7).unwrap()]),
            3 => self.frame.iter_mut().for_each(|byte| *byte = u8::try_from(random.below(256)).unwrap()),
            4 => {
                // Another sender: of the same network, mostly.
                let host = u8::try_from(bits >> 16 & 0xFF).unwrap();
                let network = u8::try_from(bits >> 24 & 3).unwrap();
                for at in [11, at_ip + 13, at_ip + 15, at_ip + 17, at_ip + 23] {
                    self.set(at, if at == at_ip + 13 && bits >> 30 & 1 == 0 { network } else { host });
                }
            }
            5 => {
                let tag = [0x81, 0, 0, u8::try_from(bits >> 16 & 0xFF).unwrap()];
                self.frame.splice(12..12, tag);
            }
            6 | 7 => {
                // A length, of IP or of what it carries, or an option's.
                let places = [2, 3, 4, 5, 24, 25, 40, 41, 44, 45, 65];
                let values = [0, 1, 7, 8, 19, 20, 21, 0x7F, 0xFF];
                let place = places[random.index(places.len())];
                self.set(at_ip + place, values[random.index(values.len())]);
            }
            _ => {
                for _ in 0..=bits >> 16 & 3 {
                    let change = random.bits();
                    let at = usize::try_from(change & 0xFFFF).unwrap() % self.frame.len();
                    let front = if change >> 16 & 3 == 0 { 0 } else { at_ip };
                    self.set(front + at % 48, u8::try_from(change >> 24 & 0xFF).unwrap());
                }
            }
        }
        if seals {
            seal(&mut self.frame, at_ip);
        }
        &self.frame
    }

    fn set(&mut self, at: usize, byte: u8) {
        if let Some(place) = self.frame.get_mut(at) {
            *place = byte;
        }
    }
}

/// Makes the checksums of a frame right, as far as its lengths allow.
fn seal(frame: &mut [u8], ethernet_bytes: usize) {
    let Some((_, packet)) = frame.split_at_mut_checked(ethernet_bytes) else { return };
    let Some(first) = packet.first().copied() else { return };
    let (header_bytes, protocol, addresses) = match (first >> 4, packet.len()) {
        (4, 20..) => {
            let header_bytes = usize::from(first & 15) * 4;
            if header_bytes < 20 || header_bytes > packet.len() {
                return;
            }
            packet[10..12].fill(0);
            let checksum = Sum::of(&packet[..header_bytes]).checksum();
            packet[10..12].copy_from_slice(&checksum.to_be_bytes());
            (header_bytes, packet[9], 12..20)
        }
        (6, 48..) if packet[6] == 0 => (48, packet[40], 8..40),
        (6, 40..) => (40, packet[6], 8..40),
        _ => return,
    };
    let total = match first >> 4 {
        4 => usize::from(u16::from_be_bytes([packet[2], packet[3]])),
        _ => 40 + usize::from(u16::from_be_bytes([packet[4], packet[5]])),
    };
    let total = total.min(packet.len()).max(header_bytes);
    let addresses = Sum::of(&packet[addresses]);
    let payload = &mut packet[header_bytes..total];
    let (at, length) = match (protocol, payload.len()) {
        (17, 8..) => (6, u16::from_be_bytes([payload[4], payload[5]])),
        (1 | 58, 4..) => (2, u16::try_from(payload.len()).unwrap_or(0)),
        _ => return,
    };
    let covered = usize::from(length).clamp(at + 2, payload.len());
    payload[at..at + 2].fill(0);
    let pseudo =
        if protocol == 1 { Sum::default() } else { addresses.and_u16(u16::from(protocol)).and_u16(length) };
    let checksum = pseudo.and(&payload[..covered]).checksum();
    payload[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// The device of the stack.
pub const OUR_MAC: Mac = [2, 0, 0, 0, 0, 1];
/// The port of the stack.
pub const PORT: u16 = 6789;
const CLIENT_MAC: Mac = [2, 0, 0, 0, 0, 5];
const OUR_IPV6: [u8; 16] = [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const GOOD: &[u8] = b"a good client";
const BUFFERS: usize = 1024;
const FRAMES_PER_CHECK: u64 = 16_384;
/// Datagrams that a blocked device leaves and a shard keeps.
const DATAGRAMS_KEPT: usize = 64;
