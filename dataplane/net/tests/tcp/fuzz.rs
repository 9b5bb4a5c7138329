//! Any segments: nothing panics, everything stays bounded, and connections whose peers behave are served rightly meanwhile.
//!
//! Three kinds of peers: *witnesses* speak properly, and each byte that comes back to them is compared; their packets come late,
//! again, and harmed (with a checksum that is wrong then). *Victims* have connections too, but what is sent in their names has
//! right checksums and anything else. The rest is noise. `scripts/fuzz-tcp` runs long campaigns.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rustix::time::{ClockId, clock_gettime};
use smoltcp::wire::TcpControl;

use crate::ends::fill_checksum;
use crate::limits::{numbers, segment};
use crate::world::{Random, SECOND, Server, config};

struct Peer {
    address: SocketAddr,
    isn: u32,
    /// Our next number, and the server's next one as far as we have it.
    sequence: u32,
    ack: u32,
    /// The server's first byte.
    start: u32,
    connected: bool,
}

struct Campaign {
    server: Server,
    random: Random,
    witnesses: Vec<Peer>,
    victims: Vec<Peer>,
    /// Packets that witnesses have sent lately.
    past: Vec<Vec<u8>>,
    segments: u64,
    echoed_bytes: u64,
}

/// The byte of a witness's stream at a place of it.
fn byte_at(offset: u32) -> u8 {
    (offset.wrapping_mul(0x9e37_79b9) >> 24).to_le_bytes()[0]
}

impl Peer {
    fn new(number: u32, port: u16, random: &mut Random) -> Self {
        let [.., high, low] = number.to_be_bytes();
        let isn = random.next() as u32;
        let address = SocketAddr::from(([10, 9, high, low], port));
        Self { address, isn, sequence: isn, ack: 0, start: 0, connected: false }
    }

    fn segment(&self, control: TcpControl, payload: &[u8]) -> Vec<u8> {
        let ack = self.connected.then_some(self.ack);
        segment(self.address, control, self.sequence, ack, payload)
    }
}

impl Campaign {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let config = adit_net::tcp::TcpConfig {
            receive_bytes: 4096 << random.below(6),
            connections_max: CONNECTIONS_MAX,
            ..config()
        };
        let witnesses = (0..WITNESSES).map(|number| Peer::new(number, 4000, &mut random)).collect();
        let victims = (0..VICTIMS).map(|number| Peer::new(1000 + number, 4000, &mut random)).collect();
        let server = Server::new(config);
        Self { server, random, witnesses, victims, past: Vec::new(), segments: 0, echoed_bytes: 0 }
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..25 => self.speak(),
            25..60 => self.attack(),
            60..70 => self.repeat(),
            70..80 => self.harm(),
            80..90 => self.noise(),
            90..95 => self.connect_victim(),
            95..97 => self.meddle(),
            _ => self.wait(),
        }
        if self.random.below(4) == 0 {
            self.turn();
        }
    }

    fn give(&mut self, packet: &[u8]) {
        self.segments += 1;
        self.server.receive(packet);
    }

    /// A witness sends its next bytes, or connects.
    fn speak(&mut self) {
        let index = self.random.below(self.witnesses.len());
        let length = self.random.below(400);
        let witness = &mut self.witnesses[index];
        let packet = if witness.connected {
            let offset = witness.sequence.wrapping_sub(witness.isn).wrapping_sub(1);
            let payload: Vec<u8> =
                (0..length as u32).map(|number| byte_at(offset.wrapping_add(number))).collect();
            // What has not come back yet is bounded, so that no window is full.
            let ahead = offset.wrapping_sub(witness.ack.wrapping_sub(witness.start));
            let payload = if ahead > 2000 { &[][..] } else { &payload };
            let packet = witness.segment(TcpControl::Psh, payload);
            witness.sequence = witness.sequence.wrapping_add(payload.len() as u32);
            packet
        } else {
            witness.sequence = witness.isn;
            witness.segment(TcpControl::Syn, &[])
        };
        self.give(&packet);
        self.past.push(packet);
        if self.past.len() > PAST_MAX {
            self.past.swap_remove(0);
        }
    }

    /// A segment with a right checksum near what a victim's connection expects.
    fn attack(&mut self) {
        let index = self.random.below(self.victims.len());
        let near = |random: &mut Random| match random.below(8) {
            0..5 => 0,
            5 => random.below(3000) as u32,
            6 => (random.below(3000) as u32).wrapping_neg(),
            _ => random.next() as u32,
        };
        let random = &mut self.random;
        let victim = &self.victims[index];
        let sequence = victim.sequence.wrapping_add(near(random));
        let ack = victim.ack.wrapping_add(near(random));
        let length = random.below(1400);
        let payload: Vec<u8> = (0..length).map(|_| random.next().to_le_bytes()[0]).collect();
        let payload = if random.below(2) == 0 { &[][..] } else { &payload };
        let mut packet = segment(victim.address, TcpControl::Psh, sequence, Some(ack), payload);
        if random.below(2) == 0 {
            // Any flags; resets and SYNs would end most connections at once.
            packet[33] = random.next().to_le_bytes()[0];
            if random.below(8) != 0 {
                packet[33] &= !0x06;
            }
        }
        if random.below(3) == 0 {
            packet[34..36].copy_from_slice(&(random.next() as u16 >> random.below(17).min(15)).to_be_bytes());
        }
        if random.below(4) == 0 {
            // Options of any kind, over what were bytes.
            packet[32] = (random.next().to_le_bytes()[0] & 0xf0) | packet[32] & 15;
        }
        if random.below(3) == 0 {
            let next = victim.sequence.wrapping_add(payload.len() as u32);
            self.victims[index].sequence = next;
        }
        fill_checksum(&mut packet);
        self.give(&packet);
    }

    /// A packet of a witness again.
    fn repeat(&mut self) {
        if let Some(packet) = self.any_past() {
            self.give(&packet);
        }
    }

    /// A packet of a witness with some bits wrong behind its addresses.
    fn harm(&mut self) {
        let Some(mut packet) = self.any_past() else { return };
        if self.random.below(4) == 0 {
            // Cut off, or longer than it says.
            packet.resize(self.random.below(packet.len() + 40), 0);
        } else {
            let at = 20 + self.random.below(packet.len() - 20);
            packet[at] ^= 1 << self.random.below(8);
        }
        self.give(&packet);
    }

    fn any_past(&mut self) -> Option<Vec<u8>> {
        let index = self.random.below(self.past.len());
        self.past.get(index).cloned()
    }

    /// Bytes that are no segments, or such of nobody.
    fn noise(&mut self) {
        let length = self.random.below(120);
        let mut packet: Vec<u8> = (0..length).map(|_| self.random.next().to_le_bytes()[0]).collect();
        if let Some(first) = packet.first_mut() {
            *first = [0x45, 0x60, *first, 0x4f][self.random.below(4)];
        }
        if self.random.below(2) == 0 && length >= 60 {
            // To us, with a right checksum.
            packet[0] = 0x45;
            packet[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            packet[6..8].fill(0);
            packet[9] = 6;
            packet[16..20].copy_from_slice(&[10, 0, 0, 1]);
            packet[22..24].copy_from_slice(&6379_u16.to_be_bytes());
            fill_checksum(&mut packet);
        }
        self.give(&packet);
    }

    fn connect_victim(&mut self) {
        let index = self.random.below(self.victims.len());
        let port = 1024 + self.random.next() as u16 % 50_000;
        let victim = Peer::new(1000 + index as u32, port, &mut self.random);
        self.give(&victim.segment(TcpControl::Syn, &[]));
        self.victims[index] = victim;
        self.turn();
        let victim = &self.victims[index];
        if victim.connected && self.random.below(8) != 0 {
            let packet = victim.segment(TcpControl::None, &[]);
            self.give(&packet);
        }
    }

    /// The shard closes, pauses and resumes connections of victims.
    fn meddle(&mut self) {
        let index = self.random.below(self.server.served.len().max(1));
        let Some(id) = self.server.served.get(index).and_then(Option::as_ref).map(|served| served.id) else {
            return;
        };
        if self.is_witness(&self.server.tcp.addresses(id).0) {
            return;
        }
        match self.random.below(4) {
            0..2 => self.server.close(index),
            2 => self.server.tcp.pause(id),
            _ => self.server.tcp.resume(id),
        }
    }

    fn is_witness(&self, address: &str) -> bool {
        self.witnesses.iter().any(|witness| witness.address.to_string() == address)
    }

    fn wait(&mut self) {
        self.server.now_ns += match self.random.below(20) {
            0 => SECOND * self.random.below(20) as u64,
            _ => 1000 * self.random.below(5000) as u64,
        };
        for index in 0..self.witnesses.len() {
            if self.witnesses[index].connected {
                let packet = self.witnesses[index].segment(TcpControl::None, &[]);
                self.give(&packet);
            }
        }
        self.turn();
    }

    /// The server's turn; witnesses look at what comes for them.
    fn turn(&mut self) {
        self.server.turn();
        for packet in self.server.packets() {
            assert!(packet.len() >= 40 && packet.len() <= 1500);
            let to = SocketAddr::new(
                IpAddr::V4(Ipv4Addr::new(packet[16], packet[17], packet[18], packet[19])),
                u16::from_be_bytes([packet[22], packet[23]]),
            );
            if let Some(witness) = self.witnesses.iter_mut().find(|witness| witness.address == to) {
                self.echoed_bytes += hear(witness, &packet);
            } else if let Some(victim) = self.victims.iter_mut().find(|victim| victim.address == to) {
                hear_anything(victim, &packet);
            }
        }
        for index in 0..self.server.served.len() {
            // Who takes nothing is closed, as a shard would do it.
            let held = self.server.served[index].as_ref().map_or(0, |served| served.outbox.left_bytes());
            if held > 64 << 10 {
                self.server.close(index);
            }
        }
        assert!(
            self.server.tcp.connection_count() <= CONNECTIONS_MAX
                && self.server.tcp.time_wait_count() <= CONNECTIONS_MAX
        );
    }
}

/// Takes what the server says to a witness; gives how many new bytes it was.
fn hear(witness: &mut Peer, packet: &[u8]) -> u64 {
    let (flags, sequence, ack) = numbers(packet);
    let payload = &packet[20 + usize::from(packet[32] >> 4) * 4..];
    if !witness.connected {
        if flags == 0x12 && ack == witness.isn.wrapping_add(1) {
            witness.connected = true;
            (witness.sequence, witness.ack) = (ack, sequence.wrapping_add(1));
            witness.start = witness.ack;
        }
        return 0;
    }
    assert_eq!(flags & 0x05, 0, "nobody has reset or ended it: {packet:?}");
    let offset = sequence.wrapping_sub(witness.start);
    if (payload.len(), offset.wrapping_add(1)) == (1, witness.ack.wrapping_sub(witness.start)) {
        // A keep-alive carries any byte, in front of what comes next.
        return 0;
    }
    for (number, byte) in (0..).zip(payload) {
        assert_eq!(*byte, byte_at(offset.wrapping_add(number)), "a byte that was not sent");
    }
    let end = sequence.wrapping_add(payload.len() as u32);
    let new = end.wrapping_sub(witness.ack).cast_signed();
    if new > 0 && sequence.wrapping_sub(witness.ack).cast_signed() <= 0 {
        witness.ack = end;
        return u64::from(new.unsigned_abs());
    }
    0
}

fn hear_anything(victim: &mut Peer, packet: &[u8]) {
    let (flags, sequence, ack) = numbers(packet);
    if flags == 0x12 {
        victim.connected = true;
        (victim.sequence, victim.ack) = (ack, sequence.wrapping_add(1));
    } else if flags & 4 == 0 {
        let length = (packet.len() - 40) as u32 + u32::from(flags & 1);
        victim.ack = sequence.wrapping_add(length);
        if flags & 16 != 0 && length == 0 {
            victim.sequence = ack;
        }
    }
}

fn campaign(seed: u64, segments: u64) -> Campaign {
    let mut campaign = Campaign::new(seed);
    while campaign.segments < segments {
        campaign.step();
    }
    campaign
}

#[test]
fn any_segments_do_no_harm() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let segments = number("ADIT_TCP_FUZZ_SEGMENTS").unwrap_or(200_000);
    let first = number("ADIT_TCP_FUZZ_SEED").unwrap_or(1);
    let begun = seconds();
    for seed in first..first + segments.div_ceil(SEED_SEGMENTS) {
        println!("seed {seed}");
        let campaign = campaign(seed, SEED_SEGMENTS.min(segments));
        let counters = campaign.server.tcp.counters();
        assert!(campaign.witnesses.iter().all(|witness| witness.connected), "seed {seed}: {counters:?}");
        assert!(campaign.echoed_bytes > 10_000, "seed {seed}: {counters:?}");
        if seed == first {
            println!("{counters:?}, {} bytes echoed", campaign.echoed_bytes);
        }
    }
    println!("{:.0} segments a second", segments as f64 / (seconds() - begun));
}

/// Only the rate that is printed depends on it.
fn seconds() -> f64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

const WITNESSES: u32 = 4;
const VICTIMS: u32 = 12;
const CONNECTIONS_MAX: usize = 200;
const PAST_MAX: usize = 64;
const SEED_SEGMENTS: u64 = 20_000;
