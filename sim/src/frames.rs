//! Hostile frames: a shard is given changed copies of real frames, from their senders and from others, and whatever bytes.

use std::net::SocketAddr;

use adit_client::operation::KeyAction;
use adit_client::{BucketId, Operation};
use adit_dataplane::port::Port;
use adit_dataplane::stats::Counter;
use adit_drivers::port::{Mbuf, Mempool};
use adit_drivers::sim::{Random, SimFaults};
use adit_wire::native::{Frame, HEADER_BYTES, Header, Opcode};

use crate::appliance::Appliance;
use crate::client::Client;

/// What a shard did with hostile frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Frames that it was given.
    pub frames: u64,
    /// Of these, those that were none, and that it refused.
    pub refused: u64,
    /// From addresses that were not proven.
    pub unproven: u64,
    /// Of sessions that it does not know.
    pub lost: u64,
    /// That had come before.
    pub replayed: u64,
    /// That it executed.
    pub requests: u64,
    /// Bytes that an address which never proved itself was sent, and that were sent in its name.
    pub spoofed_bytes: [u64; 2],
    /// Most bytes that sessions held.
    pub held_bytes: u64,
}

/// A shard, who speaks with it, and a victim in whose name others speak.
struct Stage {
    appliance: Appliance,
    client: Client,
    victim: Port,
    random: Random,
    /// Real frames.
    real: Vec<Vec<u8>>,
    report: Report,
    /// Clients so far.
    sessions: u16,
    /// The last new request of the session.
    number: u64,
}

/// Gives a shard `count` frames.
///
/// # Panics
/// If the shard does, or holds more than it may, or sends a victim more than was sent in its name.
pub fn attack(count: u64, seed: u64) -> Report {
    let mut stage = Stage::new(seed);
    while stage.report.frames < count {
        if stage.report.frames.is_multiple_of(FRAMES_PER_SESSION) {
            stage.collect();
        }
        for _ in 0..FRAMES_PER_TURN {
            stage.inject();
        }
        stage.turn();
    }
    stage.end()
}

impl Stage {
    fn new(seed: u64) -> Self {
        let appliance = Appliance::new(1, 1_472, SimFaults::none(0), seed);
        let address = |port| SocketAddr::from(([10, 0, 1, 1], port));
        let client = Client::new(&appliance, address(1), false, 8, 1_472, seed);
        let victim = appliance.datagrams.bind(address(2), Mempool::new(64, 9_000));
        Self {
            client,
            victim: Port::Sim(victim),
            random: Random::new(seed),
            real: Vec::new(),
            report: Report::default(),
            sessions: 0,
            number: 0,
            appliance,
        }
    }

    /// Lets a new client do one of everything, and keeps what it sends.
    fn collect(&mut self) {
        (self.sessions, self.number) = (self.sessions + 1, 100);
        let (address, seed) = (SocketAddr::from(([10, 0, 1, 1], 2 + self.sessions)), self.random.bits());
        self.client = Client::new(&self.appliance, address, false, 8, 1_472, seed);
        self.appliance.datagrams.capture(10_000);
        let on = |action| Operation::on_key(BucketId(0), *b"key", action);
        let pairs = [("key", "value"), ("other", "value")].into_iter().collect();
        let bucket = BucketId(0);
        let operations = [
            on(KeyAction::put(&b"value"[..])),
            on(KeyAction::put(vec![7; 5_000])),
            on(KeyAction::put(vec![7; 100_000])),
            on(KeyAction::Get),
            on(KeyAction::Add(1)),
            on(KeyAction::Append(b"tail"[..].into())),
            on(KeyAction::Touch(1)),
            on(KeyAction::Take),
            on(KeyAction::Delete),
            Operation::MultiPut { bucket, pairs, if_absent: false },
            Operation::MultiGet { bucket, keys: ["key", "other"].into_iter().collect() },
            Operation::Scan { shard: 0, bucket, keys_max: 10, cursor: 0 },
            Operation::Stats { shard: 0 },
        ];
        for operation in operations {
            self.client.submit(operation, u64::MAX);
            while self.client.core.in_flight() > 0 {
                self.client.turn(&self.appliance);
                self.turn_shard();
            }
        }
        let shard = self.appliance.addresses[0];
        let sent = (0..self.appliance.datagrams.captured_count())
            .filter_map(|index| self.appliance.datagrams.captured(index))
            .filter(|datagram| datagram.to == shard && datagram.from == address);
        // Of long requests the first segments will do.
        let is_early = |bytes: &Vec<u8>| Frame::decode(bytes).is_ok_and(|frame| frame.header.offset < 3_000);
        self.real = sent.map(|datagram| datagram.bytes).filter(is_early).collect();
        self.appliance.datagrams.capture(0);
        assert!(self.real.len() > 15, "there is something to change");
    }

    fn turn_shard(&mut self) {
        assert!(self.appliance.shards[0].turn());
        self.appliance.advance(self.appliance.now_ns() + 100_000);
    }

    /// A frame, more or less changed, from its sender or from somebody else.
    fn inject(&mut self) {
        let mut frame = self.real[self.random.index(self.real.len())].clone();
        match self.random.below(10) {
            0 => {}
            1 => frame.truncate(self.random.index(frame.len())),
            2 => frame.extend((0..self.random.below(100)).map(|byte| byte.to_le_bytes()[0])),
            3 => (0..1 + self.random.below(4)).for_each(|_| {
                let bit = self.random.index(frame.len() * 8);
                frame[bit / 8] ^= 1 << (bit % 8);
            }),
            4 => frame = (0..self.random.below(200)).map(|_| self.random.bits().to_le_bytes()[0]).collect(),
            _ => self.forge(&mut frame),
        }
        let from = match self.random.below(8) {
            0 => self.victim.address(),
            1 => SocketAddr::from(([10, 0, 2, 2], 1 + u16::from(self.random.bits().to_le_bytes()[0]))),
            _ => self.client.address,
        };
        if from == self.victim.address() {
            self.report.spoofed_bytes[1] += frame.len() as u64;
        }
        self.appliance.datagrams.inject(from, self.appliance.addresses[0], &frame);
        self.report.frames += 1;
    }

    /// Changes header and body of a frame, and makes its checksum right.
    fn forge(&mut self, frame: &mut [u8]) {
        let Ok(Frame { mut header, .. }) = Frame::decode(frame) else { return };
        let body = &mut frame[HEADER_BYTES..];
        for _ in 0..self.random.below(4) {
            if !body.is_empty() {
                // Lengths stand at the beginning.
                let at = self.random.index(body.len().min(40));
                body[at] = [0, 1, 0x7F, 0xFF, self.random.bits().to_le_bytes()[0]][self.random.index(5)];
            }
        }
        for _ in 0..self.random.below(3) {
            self.forge_header(&mut header);
        }
        // As often as not it is a new request of the session.
        if self.random.one_in(2) {
            self.number += 1;
            (header.request, header.oldest) = (self.number, self.number - 50);
        }
        header.seal(frame);
    }

    fn forge_header(&mut self, header: &mut Header) {
        let bits = self.random.bits();
        let small = [bits, bits % 4, bits % 2_000][self.random.index(3)];
        let narrow = u32::try_from(small % (1 << 32)).unwrap();
        match self.random.below(9) {
            0 => {
                let opcode = Opcode::ALL[self.random.index(Opcode::ALL.len())];
                // After that nothing of the session is executed any more.
                if opcode != Opcode::Close || self.random.one_in(100) {
                    header.opcode = opcode as u8;
                }
            }
            1 => header.opcode = bits.to_le_bytes()[0],
            2 => header.session = [0, bits, header.session][self.random.index(3)],
            3 => header.request = small,
            4 => header.oldest = small,
            5 => header.total_bytes = narrow,
            6 => header.offset = narrow,
            7 => header.credits = u16::from_le_bytes([bits.to_le_bytes()[0], bits.to_le_bytes()[1]]),
            // Its own session goes on with new numbers.
            _ => header.request += bits % 64,
        }
    }

    fn turn(&mut self) {
        for _ in 0..4 {
            self.turn_shard();
        }
        let mut burst: Vec<Mbuf> = Vec::new();
        self.victim.rx_burst(&mut burst);
        let bytes = burst.iter().map(|train| train.bytes().len() as u64).sum::<u64>();
        self.report.spoofed_bytes[0] += bytes;
        assert!(
            self.report.spoofed_bytes[0] <= self.report.spoofed_bytes[1],
            "a victim is sent more than was sent"
        );
        let held_bytes = self.appliance.shards[0].held_for_sessions().2;
        self.report.held_bytes = self.report.held_bytes.max(held_bytes);
        assert!(held_bytes <= HELD_BYTES_MAX, "sessions hold {held_bytes} bytes");
    }

    /// Everything comes to its end, and nothing may be held but keys.
    fn end(mut self) -> Report {
        for _ in 0..40 {
            self.appliance.advance(self.appliance.now_ns() + 10_000_000_000);
            self.turn_shard();
        }
        let (sessions, waiting, held_bytes, is_sent) = self.appliance.shards[0].held_for_sessions();
        assert_eq!((sessions, waiting, held_bytes, is_sent), (0, 0, 0, true));
        assert_eq!(self.appliance.shards[0].held(), (0, 0, true));
        let count = |counter| self.appliance.count(counter);
        Report {
            refused: count(Counter::NativeRefused),
            unproven: count(Counter::NativeUnproven),
            lost: count(Counter::NativeLost),
            replayed: count(Counter::NativeReplayed),
            requests: count(Counter::Requests),
            ..self.report
        }
    }
}

/// Frames after which another session is used: this one may have been closed, or told that all is acknowledged.
const FRAMES_PER_SESSION: u64 = 32 * 200;
/// Frames between two turns of the shard: what its port takes in a burst or two.
const FRAMES_PER_TURN: u64 = 32;
/// The pool of sessions, a quarter of the store for what they pin, and one long reply beyond each.
const HELD_BYTES_MAX: u64 = (1 << 20) + (2 << 20) + (1 << 20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_frames_are_refused_and_counted() {
        let report = attack(20_000, 1);
        let Report { refused, unproven, lost, replayed, requests, spoofed_bytes, .. } = report;
        assert!(
            [refused, unproven, lost, replayed, requests, spoofed_bytes[1]].iter().all(|&count| count > 0)
        );
    }
}
