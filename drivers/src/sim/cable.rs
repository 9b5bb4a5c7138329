//! A simulated cable between queues of Ethernet frames, on one thread: what a seed says is lost, copied, reordered or harmed.
//! One of its ends may be a device that spreads flows over several queues.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::faults::{corrupt, happens};
use super::nic::Spread;
use super::random::Random;
use crate::buffer::Mempool;
use crate::dpdk::rss::Rss;
use crate::frames::{FRAME_HEADROOM_BYTES, FRAMES_PER_BURST_MAX, Frame, FrameCounters, Offloads};

/// How a cable misbehaves: each fault once in so many frames; 0 is never.
#[derive(Clone, Copy, Debug)]
pub struct CableFaults {
    /// A frame does not arrive.
    pub lose_one_in: u64,
    /// A frame arrives twice.
    pub duplicate_one_in: u64,
    /// A frame overtakes those before it.
    pub reorder_one_in: u64,
    /// Bits of a frame are changed, or its end is missing.
    pub corrupt_one_in: u64,
    /// The device takes only a part of a transmitted burst.
    pub block_one_in: u64,
    /// Frames that wait to be received; more are dropped, as by a full ring.
    pub queue_frames_max: usize,
}

impl CableFaults {
    /// A cable that does nothing of that.
    pub const NONE: Self = Self {
        lose_one_in: 0,
        duplicate_one_in: 0,
        reorder_one_in: 0,
        corrupt_one_in: 0,
        block_one_in: 0,
        queue_frames_max: QUEUE_FRAMES,
    };
}

/// A queue at one end of a cable.
pub struct SimFrames {
    cable: Rc<RefCell<Cable>>,
    /// 0 or 1.
    end: usize,
    /// Which of the queues of this end it is.
    queue: usize,
    mac: [u8; 6],
    mtu_bytes: usize,
    mempool: Mempool,
    burst_max: usize,
    counters: FrameCounters,
}

struct Cable {
    random: Random,
    faults: CableFaults,
    ends: [End; 2],
}

/// Frames on their way to one end.
struct End {
    queues: Vec<VecDeque<Vec<u8>>>,
    spread: Option<Spread>,
}

impl SimFrames {
    /// The two ends of a cable, with the address of each and the buffers that it receives into, which have
    /// [`FRAME_HEADROOM_BYTES`]. Longer packets than `mtu_bytes` are refused.
    pub fn pair(
        seed: u64,
        faults: CableFaults,
        mtu_bytes: usize,
        ends: [([u8; 6], Mempool); 2],
    ) -> [Self; 2] {
        let [near, (mac, mempool)] = ends;
        let (near, mut far) = Self::to_device(seed, faults, mtu_bytes, near, (mac, vec![mempool], None));
        [near, far.swap_remove(0)]
    }

    /// As [`SimFrames::pair`], with a device at the far end that has a queue for each of its mempools, and puts flows into them as
    /// `rss` says; without it, and what it does not hash, into the first one.
    ///
    /// # Panics
    /// If `rss` names a queue that there is not.
    pub fn to_device(
        seed: u64,
        faults: CableFaults,
        mtu_bytes: usize,
        near: ([u8; 6], Mempool),
        (mac, mempools, rss): ([u8; 6], Vec<Mempool>, Option<Rss>),
    ) -> (Self, Vec<Self>) {
        let spread = rss.map(|rss| Spread::new(rss, mempools.len()));
        let end = |count, spread| End { queues: vec![VecDeque::new(); count], spread };
        let ends = [end(1, None), end(mempools.len(), spread)];
        let cable = Rc::new(RefCell::new(Cable { random: Random::new(seed), faults, ends }));
        let made = |end, queue, mac, mempool| Self {
            cable: Rc::clone(&cable),
            end,
            queue,
            mac,
            mtu_bytes,
            mempool,
            burst_max: FRAMES_PER_BURST_MAX,
            counters: FrameCounters::default(),
        };
        let far = (0..).zip(mempools).map(|(queue, mempool)| made(1, queue, mac, mempool)).collect();
        (made(0, 0, near.0, near.1), far)
    }

    /// Puts a frame into the queue of this end, as if it had come over the cable.
    pub fn inject(&self, bytes: &[u8]) {
        self.cable.borrow_mut().ends[self.end].queues[self.queue].push_back(bytes.to_vec());
    }

    /// Frames that wait to be received at either end.
    pub fn in_flight(&self) -> usize {
        self.cable.borrow().ends.iter().flat_map(|end| &end.queues).map(VecDeque::len).sum()
    }

    /// See [`crate::frames::Frames::set_burst`].
    pub fn set_burst(&mut self, frames_max: usize) {
        self.burst_max = frames_max.clamp(1, FRAMES_PER_BURST_MAX);
    }

    /// The address of the device.
    pub fn mac(&self) -> [u8; 6] {
        self.mac
    }

    /// Longest IP packet that it carries.
    pub fn mtu_bytes(&self) -> usize {
        self.mtu_bytes
    }

    /// Where its received frames come from.
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// What it has counted.
    pub fn counters(&self) -> FrameCounters {
        self.counters
    }

    /// It takes the ends of frames from where they lie, as a NIC does.
    pub fn offloads(&self) -> Offloads {
        Offloads { tx_segments: true, ..Offloads::default() }
    }

    /// See [`crate::frames::Frames::rss`].
    pub fn rss(&self) -> Option<Rss> {
        self.cable.borrow().ends[self.end].spread.as_ref().map(|spread| spread.rss().folded())
    }

    /// See [`crate::frames::Frames::rx_burst`].
    pub fn rx_burst(&mut self, burst: &mut Vec<Frame>) {
        let queue = &mut self.cable.borrow_mut().ends[self.end].queues[self.queue];
        for _ in 0..self.burst_max.min(queue.len()) {
            let Some(buffer) = self.mempool.buffer() else {
                self.counters.rx_dropped += 1;
                return;
            };
            let mut frame = Frame::new(buffer, FRAME_HEADROOM_BYTES);
            let Some(bytes) = queue.pop_front() else { return };
            match frame.append(bytes.len()) {
                Some(room) => room.copy_from_slice(&bytes),
                None => {
                    self.counters.rx_dropped += 1;
                    continue;
                }
            }
            self.counters.rx_frames += 1;
            burst.push(frame);
        }
    }

    /// See [`crate::frames::Frames::tx_burst`].
    pub fn tx_burst(&mut self, burst: &mut Vec<Frame>) {
        let cable = &mut *self.cable.borrow_mut();
        let blocks = happens(&mut cable.random, cable.faults.block_one_in);
        let taken = if blocks { cable.random.index(burst.len()) } else { burst.len() };
        self.counters.tx_blocked += u64::from(taken < burst.len());
        for frame in burst.drain(..taken) {
            if frame.whole_bytes() > self.mtu_bytes + HEADER_BYTES_MAX {
                self.counters.tx_refused += 1;
                continue;
            }
            self.counters.tx_frames += 1;
            self.counters.tx_tails += u64::from(frame.has_tail());
            let bytes = [frame.bytes(), frame.tail_bytes()].concat();
            self.counters.rx_dropped += u64::from(!cable.carry(1 - self.end, &bytes));
        }
    }
}

impl Cable {
    /// Puts a frame into the queue of an end, if chance lets it arrive; says whether there was room.
    fn carry(&mut self, end: usize, bytes: &[u8]) -> bool {
        let (random, faults, end) = (&mut self.random, &self.faults, &mut self.ends[end]);
        let queue = end.spread.as_ref().map_or(0, |spread| spread.queue_of(bytes));
        let queue = &mut end.queues[queue];
        if happens(random, faults.lose_one_in) {
            return true;
        }
        for _ in 0..=u8::from(happens(random, faults.duplicate_one_in)) {
            if queue.len() >= faults.queue_frames_max {
                return false;
            }
            let mut bytes = bytes.to_vec();
            if happens(random, faults.corrupt_one_in) {
                corrupt(random, &mut bytes);
            }
            let before =
                if happens(random, faults.reorder_one_in) { random.index(queue.len() + 1) } else { 0 };
            queue.insert(queue.len() - before, bytes);
        }
        true
    }
}

/// Places of an end's queue, unless the faults say otherwise: those of a common receive ring.
const QUEUE_FRAMES: usize = 1024;
/// An Ethernet header with a VLAN tag.
const HEADER_BYTES_MAX: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::Frames;
    use crate::memory::{Arena, PAGE_BYTES};
    use crate::tail::Tail;

    fn pair(faults: CableFaults, buffers: usize) -> [Frames; 2] {
        let end = |byte| ([byte; 6], Mempool::with_headroom(buffers, 256, FRAME_HEADROOM_BYTES));
        SimFrames::pair(5, faults, 100, [end(1), end(2)]).map(Frames::Sim)
    }

    fn frame(frames: &Frames, bytes: &[u8]) -> Frame {
        let mut frame = Frame::new(frames.mempool().buffer().unwrap(), FRAME_HEADROOM_BYTES);
        frame.append(bytes.len()).unwrap().copy_from_slice(bytes);
        frame
    }

    #[test]
    fn frames_arrive_in_order_unless_they_are_too_long() {
        let [mut left, mut right] = pair(CableFaults::NONE, 4);
        let mut burst: Vec<_> =
            [&b"one"[..], &[0; 119], b"two"].iter().map(|bytes| frame(&left, bytes)).collect();
        left.tx_burst(&mut burst);
        assert!(burst.is_empty() && left.mempool().free_count() == 4);
        right.rx_burst(&mut burst);
        let received: Vec<_> = burst.iter().map(Frame::bytes).collect();
        assert_eq!(received, [b"one", b"two"]);
        assert_eq!((left.counters().tx_frames, left.counters().tx_refused), (2, 1));
        assert_eq!((right.counters().rx_frames, right.mac(), right.mtu_bytes()), (2, [2; 6], 100));
    }

    #[test]
    fn a_tail_arrives_with_its_frame_and_is_let_go() {
        let [mut left, mut right] = pair(CableFaults::NONE, 4);
        let mut arena = Arena::new(PAGE_BYTES as u64, false).unwrap();
        let mut block = arena.block().unwrap();
        block.get_mut().unwrap()[..6].copy_from_slice(b"(tail)");
        let mut whole = frame(&left, b"a frame ");
        whole.set_tail(Some(Tail::new(block.clone(), 1..5)));
        let mut long = frame(&left, &[0; 60]);
        long.set_tail(Some(Tail::new(block.clone(), 0..59)));
        let mut burst = vec![whole, long];
        assert_eq!((left.offloads().tx_segments, block.handle_count()), (true, 3));
        left.tx_burst(&mut burst);
        assert_eq!((burst.len(), block.handle_count()), (0, 1));
        right.rx_burst(&mut burst);
        assert_eq!((burst.len(), burst[0].bytes()), (1, &b"a frame tail"[..]));
        let counters = left.counters();
        assert_eq!((counters.tx_frames, counters.tx_tails, counters.tx_refused), (1, 1, 1));
    }

    #[test]
    fn without_a_buffer_frames_wait() {
        let [mut left, mut right] = pair(CableFaults::NONE, 2);
        for byte in 0..3 {
            left.tx_burst(&mut vec![frame(&left, &[byte])]);
        }
        let mut burst = Vec::new();
        right.rx_burst(&mut burst);
        assert_eq!((burst.len(), right.counters().rx_dropped), (2, 1));
        burst.clear();
        right.rx_burst(&mut burst);
        assert_eq!(burst.len(), 1);
        burst.clear();
        (0..2).for_each(|byte| left.tx_burst(&mut vec![frame(&left, &[byte])]));
        right.set_burst(1);
        right.rx_burst(&mut burst);
        assert_eq!(burst.len(), 1, "as many as were asked for");
    }

    #[test]
    fn faults_happen() {
        let faults = CableFaults {
            lose_one_in: 10,
            duplicate_one_in: 10,
            reorder_one_in: 10,
            corrupt_one_in: 10,
            block_one_in: 10,
            ..CableFaults::NONE
        };
        let [mut left, mut right] = pair(faults, 64);
        let (mut received, mut burst) = (Vec::new(), Vec::new());
        for byte in 0..200 {
            let mut sent = vec![frame(&left, &[byte; 20])];
            while !sent.is_empty() {
                left.tx_burst(&mut sent);
            }
            if byte % 8 == 0 {
                right.rx_burst(&mut burst);
                received.extend(burst.drain(..).map(|frame| frame.bytes().to_vec()));
            }
        }
        let whole: Vec<u8> =
            received.iter().filter(|bytes| **bytes == [bytes[0]; 20]).map(|bytes| bytes[0]).collect();
        assert!(whole.len() < received.len(), "some were harmed");
        assert!(whole.windows(2).any(|pair| pair[0] == pair[1]), "some came twice");
        assert!(whole.windows(2).any(|pair| pair[0] > pair[1]), "some were overtaken");
        assert!((0..180).any(|byte| !whole.contains(&byte)), "some were lost");
        assert!(left.counters().tx_blocked > 0);
    }
}
