//! Frames that came to the queue of another shard: a NIC that spreads connections over its queues by a hash does not know
//! which shard a port number belongs to. Their bytes go over a ring to the shard that they are for; what tells of
//! neighbours is copied to all.
//!
//! This is the way for devices that take no rules, and for clients that do not pick their ports. Where a client's queues lead to
//! the shards by themselves (memif, vhost), no datagram is ever handed over, nor where the device follows rules; those steer UDP only.

use adit_drivers::frames::{Checked, FRAME_HEADROOM_BYTES, Frame};
use adit_drivers::port::Mempool;
use adit_drivers::ring::{Consumer, Producer, ring};
use adit_drivers::wake::Waker;

use crate::steering::{destination_port, tells_of_neighbours};

/// What one shard has to hand over frames, and to be handed some.
pub struct Handover {
    index: usize,
    /// The port of the first shard; those of the others follow.
    first_port: u16,
    /// To each shard; nothing to itself.
    lanes: Vec<Option<Lane>>,
    counters: HandoverCounters,
}

/// What was handed over since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandoverCounters {
    /// Frames given to the shards that they are for.
    pub given: u64,
    /// Copies of frames given to others, whom they concern as well.
    pub copied: u64,
    /// Frames that others gave.
    pub taken: u64,
    /// Frames dropped since a ring was full, or no buffer was free for them.
    pub dropped: u64,
}

/// The rings between two shards, as one of them holds them.
struct Lane {
    to: Producer<Parcel>,
    from: Consumer<Parcel>,
    /// Memory of parcels that the other one is done with.
    empty_to: Producer<Vec<u8>>,
    empty_from: Consumer<Vec<u8>>,
    waker: Waker,
    /// Something was put into a ring since they were published.
    is_dirty: bool,
}

/// The bytes of a frame.
struct Parcel {
    bytes: Vec<u8>,
    checked: Checked,
    /// It concerns all shards; the one that received it answers.
    is_copy: bool,
}

impl Handover {
    /// What each of the shards with these wakers has, whose ports begin with `first_port`.
    pub fn connect(wakers: &[Waker], first_port: u16) -> Vec<Self> {
        let count = wakers.len();
        let mut all: Vec<Self> = (0..count)
            .map(|index| Self {
                index,
                first_port,
                lanes: (0..count).map(|_| None).collect(),
                counters: HandoverCounters::default(),
            })
            .collect();
        for left in 0..count {
            for right in left + 1..count {
                let (to_right, to_left) = Lane::pair(&wakers[left], &wakers[right]);
                all[left].lanes[right] = Some(to_right);
                all[right].lanes[left] = Some(to_left);
            }
        }
        all
    }

    /// Whether there is no other shard.
    pub fn is_alone(&self) -> bool {
        self.lanes.len() < 2
    }

    /// Gives away those frames of a burst that are for others.
    pub(crate) fn sort(&mut self, burst: &mut Vec<Frame>) {
        burst.retain(|frame| match destination_port(frame.bytes()) {
            Some(port) => {
                let owner = usize::from(port.wrapping_sub(self.first_port));
                let is_foreign = owner != self.index && owner < self.lanes.len();
                if is_foreign {
                    self.give(owner, frame, false);
                }
                !is_foreign
            }
            None => {
                if tells_of_neighbours(frame.bytes()) {
                    (0..self.lanes.len()).for_each(|shard| self.give(shard, frame, true));
                }
                true
            }
        });
        self.publish();
    }

    fn give(&mut self, shard: usize, frame: &Frame, is_copy: bool) {
        let Some(lane) = &mut self.lanes[shard] else { return };
        if lane.to.room() == 0 {
            self.counters.dropped += 1;
            return;
        }
        let mut bytes = lane.empty_from.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(frame.bytes());
        let pushed = lane.to.push(Parcel { bytes, checked: frame.checked(), is_copy });
        assert!(pushed.is_ok(), "a ring has the room that it says");
        lane.is_dirty = true;
        *if is_copy { &mut self.counters.copied } else { &mut self.counters.given } += 1;
    }

    /// Hands each frame that others gave to `take`, with whether it is a copy; a bounded number. Says whether there was one.
    pub(crate) fn take(&mut self, mempool: &Mempool, mut take: impl FnMut(Frame, bool)) -> bool {
        let before = self.counters.taken;
        for lane in self.lanes.iter_mut().flatten() {
            for _ in 0..PARCELS_PER_TURN_MAX {
                let Some(parcel) = lane.from.pop() else { break };
                self.counters.taken += 1;
                match frame(mempool, &parcel) {
                    Some(frame) => take(frame, parcel.is_copy),
                    None => self.counters.dropped += 1,
                }
                // Where the other one takes none back, it has enough.
                lane.is_dirty |= lane.empty_to.push(parcel.bytes).is_ok();
            }
            lane.from.release();
        }
        self.publish();
        self.counters.taken > before
    }

    fn publish(&mut self) {
        for lane in self.lanes.iter_mut().flatten() {
            if std::mem::take(&mut lane.is_dirty) {
                lane.empty_from.release();
                lane.empty_to.publish();
                if lane.to.publish() {
                    lane.waker.wake();
                }
            }
        }
    }

    /// What was handed over.
    pub fn counters(&self) -> HandoverCounters {
        self.counters
    }
}

impl Lane {
    /// The rings between two shards, as each of them holds them: the way to the right one, and to the left one.
    fn pair(left: &Waker, right: &Waker) -> (Self, Self) {
        let ((to_right, from_left), (to_left, from_right)) = (ring(PARCELS_MAX), ring(PARCELS_MAX));
        let ((empty_to_right, empty_from_left), (empty_to_left, empty_from_right)) =
            (ring(PARCELS_MAX), ring(PARCELS_MAX));
        let lane = |to, from, empty_to, empty_from, waker: &Waker| Self {
            to,
            from,
            empty_to,
            empty_from,
            waker: waker.clone(),
            is_dirty: false,
        };
        (
            lane(to_right, from_right, empty_to_right, empty_from_right, right),
            lane(to_left, from_left, empty_to_left, empty_from_left, left),
        )
    }
}

fn frame(mempool: &Mempool, parcel: &Parcel) -> Option<Frame> {
    let mut frame = Frame::new(mempool.buffer()?, FRAME_HEADROOM_BYTES);
    frame.append(parcel.bytes.len())?.copy_from_slice(&parcel.bytes);
    frame.set_checked(parcel.checked);
    Some(frame)
}

/// Frames on their way from one shard to another; more are dropped.
const PARCELS_MAX: usize = 256;
/// Frames that a turn takes from each other shard.
const PARCELS_PER_TURN_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> (Vec<Handover>, Mempool) {
        let wakers: Vec<Waker> = (0..2).map(|_| adit_drivers::wake::pair().unwrap().0).collect();
        (Handover::connect(&wakers, 7400), Mempool::with_headroom(600, 512, FRAME_HEADROOM_BYTES))
    }

    fn frame_of(mempool: &Mempool, bytes: &[u8]) -> Frame {
        let mut frame = Frame::new(mempool.buffer().unwrap(), FRAME_HEADROOM_BYTES);
        frame.append(bytes.len()).unwrap().copy_from_slice(bytes);
        frame
    }

    /// The least of a frame with a datagram to a port.
    fn datagram(port: u16) -> Vec<u8> {
        let mut bytes = vec![0; 42];
        bytes[12..14].copy_from_slice(&[8, 0]);
        (bytes[14], bytes[23]) = (0x45, 17);
        bytes[36..38].copy_from_slice(&port.to_be_bytes());
        bytes
    }

    fn arp() -> Vec<u8> {
        let mut bytes = vec![0; 42];
        bytes[12..14].copy_from_slice(&[8, 6]);
        bytes
    }

    #[test]
    fn each_shard_gets_what_is_for_it() {
        let (mut shards, mempool) = two();
        let frames = [datagram(7400), datagram(7401), datagram(7402), arp()];
        let mut burst: Vec<Frame> = frames.iter().map(|bytes| frame_of(&mempool, bytes)).collect();
        shards[0].sort(&mut burst);
        let kept: Vec<&[u8]> = burst.iter().map(Frame::bytes).collect();
        assert_eq!(kept, [&frames[0][..], &frames[2], &frames[3]]);
        let mut taken = Vec::new();
        assert!(shards[1].take(&mempool, |frame, is_copy| taken.push((frame.bytes().to_vec(), is_copy))));
        assert_eq!(taken, [(frames[1].clone(), false), (frames[3].clone(), true)]);
        assert!(!shards[1].take(&mempool, |_, _| panic!("nothing is left")));
        assert!(!shards[0].take(&mempool, |_, _| panic!("nothing came back")));
        assert_eq!(shards[0].counters(), HandoverCounters { given: 1, copied: 1, taken: 0, dropped: 0 });
    }

    #[test]
    fn a_shard_that_takes_nothing_holds_up_nobody() {
        let (mut shards, mempool) = two();
        for _ in 0..PARCELS_MAX + 10 {
            shards[0].sort(&mut vec![frame_of(&mempool, &datagram(7401))]);
        }
        assert_eq!(shards[0].counters().dropped, 10);
        let mut count = 0;
        while shards[1].take(&mempool, |_, _| count += 1) {}
        assert_eq!((count, mempool.free_count()), (PARCELS_MAX, mempool.count()));
        shards[0].sort(&mut vec![frame_of(&mempool, &datagram(7401))]);
        assert!(shards[1].take(&mempool, |_, _| {}), "there is room again");
    }

    #[test]
    fn without_a_buffer_frames_are_dropped() {
        let (mut shards, mempool) = two();
        shards[0].sort(&mut vec![frame_of(&mempool, &datagram(7401))]);
        let none = Mempool::with_headroom(0, 512, FRAME_HEADROOM_BYTES);
        assert!(shards[1].take(&none, |_, _| panic!("there is no buffer")));
        assert_eq!(
            shards[1].counters(),
            HandoverCounters { taken: 1, dropped: 1, ..HandoverCounters::default() }
        );
    }
}
