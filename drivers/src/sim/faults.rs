//! The faults of a simulated network of datagrams, and how often they happened.

use super::random::Random;

/// How a network misbehaves: each fault once in so many datagrams; 0 is never.
#[derive(Clone, Copy, Debug)]
pub struct SimFaults {
    /// A copy of a datagram does not arrive.
    pub lose_one_in: u64,
    /// A datagram arrives up to [`COPIES_MAX`] times more, each after a delay of its own.
    pub duplicate_one_in: u64,
    /// Up to [`BITS_FLIPPED_MAX`] bits of a copy are changed, or its end is missing.
    pub corrupt_one_in: u64,
    /// Datagrams in a row from one peer are received as one train, as GRO does where lengths allow.
    pub join_one_in: u64,
    /// A device takes only a part of a transmitted burst.
    pub block_one_in: u64,
    /// The least delay.
    pub delay_ns: u64,
    /// The most that chance adds to it: where it exceeds the time between datagrams they are reordered.
    pub jitter_ns: u64,
    /// The most that chance adds to the delay of one in [`LATE_ONE_IN`] duplicates.
    pub late_ns: u64,
    /// Datagrams that have arrived at an endpoint and wait to be received; more are dropped, as by a full ring.
    pub queue_datagrams_max: usize,
}

impl SimFaults {
    /// A network that loses and changes nothing, delivers in order, and takes `delay_ns` for each datagram.
    pub fn none(delay_ns: u64) -> Self {
        Self {
            lose_one_in: 0,
            duplicate_one_in: 0,
            corrupt_one_in: 0,
            join_one_in: 0,
            block_one_in: 0,
            delay_ns,
            jitter_ns: 0,
            late_ns: 0,
            queue_datagrams_max: QUEUE_DATAGRAMS,
        }
    }
}

/// What a network did so far, so that a simulation can tell whether its faults happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramCounts {
    /// Datagrams given to the network by its endpoints.
    pub sent: u64,
    /// Datagrams given to it by [`super::SimDatagrams::inject`].
    pub injected: u64,
    /// Datagrams dropped between endpoints that are cut off from each other.
    pub cut: u64,
    /// Copies lost, and those to addresses that nobody ever bound.
    pub lost: u64,
    /// Copies made beyond the first.
    pub duplicated: u64,
    /// Copies changed.
    pub corrupted: u64,
    /// Copies dropped because the queue of their endpoint was full.
    pub overflowed: u64,
}

/// Whether a fault happens now.
pub(super) fn happens(random: &mut Random, one_in: u64) -> bool {
    one_in > 0 && random.one_in(one_in)
}

/// Changes bits of a datagram or takes its end away; at least one byte is left.
pub(super) fn corrupt(random: &mut Random, bytes: &mut Vec<u8>) {
    if bytes.len() > 1 && random.one_in(4) {
        return bytes.truncate(1 + random.index(bytes.len() - 1));
    }
    for _ in 0..=random.index(BITS_FLIPPED_MAX) {
        let bit = random.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

/// Most duplicates of a datagram.
pub const COPIES_MAX: usize = 3;
/// Most bits that a corruption flips.
pub const BITS_FLIPPED_MAX: usize = 8;
/// One in so many duplicates may be very late.
pub const LATE_ONE_IN: u64 = 4;
/// Places of an endpoint's queue, unless the faults say otherwise: those of a common receive ring.
const QUEUE_DATAGRAMS: usize = 1024;
