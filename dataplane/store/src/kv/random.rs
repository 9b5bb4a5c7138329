//! A random key of a bucket. The store draws no number itself: what it is given decides.

use super::scan::{CURSOR_BITS, CURSOR_MASK};
use super::{Fate, Store, to_usize};
use adit_wire::kv::BucketId;

/// Buckets of the index that are tried at random: some 20 us.
const PROBES: u64 = 64;
/// Keys of a bucket of the index from which on each has a smaller chance. Where there are fewer, some tries go
/// to none.
const FAIR_KEYS: u64 = 8;
/// Buckets of the index that one call walks over at most, after these: some 50 us.
pub const RANDOM_BUCKETS_MAX: usize = 256;

/// Bit of a cursor: the walk has begun.
const BEGUN: u64 = 1 << 63;
/// Bit of a cursor: the walk has come to the end and gone on from the start.
const WRAPPED: u64 = 1 << 62;
/// Bit of a cursor: the walk has passed by a key.
const PASSED: u64 = 1 << 61;
/// Where a cursor has the number of keys that the walk still passes by.
const LEFT_AT: u32 = 58;
/// Most keys that a walk passes by.
const LEFT_MAX: u64 = 7;

const _: () = assert!(CURSOR_BITS <= LEFT_AT && LEFT_MAX << LEFT_AT < PASSED && LEFT_MAX < FAIR_KEYS);

/// What came of the search for a random key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RandomKey<'a> {
    /// A key that is there.
    Found(&'a [u8]),
    /// None yet: to be called again, with the same number and this cursor.
    Next(u64),
    /// The bucket has none.
    None,
}

impl Store {
    /// A key of a bucket by a random number: some buckets of the index are tried, and then all of them walked
    /// over from a random one on, [`RANDOM_BUCKETS_MAX`] in each call. The first call has `cursor` 0.
    ///
    /// Each key has the same chance, unless very many share its bucket of the index. Where the bucket has so few keys that the
    /// walk decides, it takes the first to the eighth that it comes to, by chance: of up to eight keys each is as likely; of
    /// more the distance to those before counts a little. A key that comes or goes between two calls may be missed.
    pub fn random_key(&self, bucket: BucketId, random: u64, cursor: u64, now_ms: u64) -> RandomKey<'_> {
        if self.count(bucket) == 0 {
            return RandomKey::None;
        }
        let start = mixed(random) & CURSOR_MASK;
        if cursor & BEGUN != 0 {
            return self.walk_to_key(bucket, random, start, cursor, now_ms);
        }
        let buckets = self.index.bucket_count() as u64;
        for probe in 1..=PROBES {
            let number = mixed(random.wrapping_add(probe));
            // The bucket follows from the upper half, the item from the lower one.
            let at = to_usize(((number >> 32) * buckets) >> 32);
            if let Some(key) = self.key_of_bucket(at, bucket, number, FAIR_KEYS, now_ms) {
                return RandomKey::Found(key);
            }
        }
        let left = mixed(!random) % self.count(bucket).min(LEFT_MAX + 1);
        RandomKey::Next(BEGUN | left << LEFT_AT | start)
    }

    /// Walks on to the next bucket of the index with the key that is meant, from `start` round to there again. If there are
    /// fewer than were counted, since some have expired, the first one is taken in a second round.
    fn walk_to_key(
        &self,
        bucket: BucketId,
        random: u64,
        start: u64,
        mut cursor: u64,
        now_ms: u64,
    ) -> RandomKey<'_> {
        for _ in 0..RANDOM_BUCKETS_MAX {
            let (at, next) = self.scan_step(cursor & CURSOR_MASK);
            let (left, found) = (cursor >> LEFT_AT & LEFT_MAX, self.live_count(at, bucket, now_ms));
            if left < found
                && let Some(key) = self.key_of_bucket(at, bucket, random, 1, now_ms)
            {
                return RandomKey::Found(key);
            }
            let is_round = cursor & WRAPPED != 0 && (next == 0 || next > start);
            let wrapped = cursor & WRAPPED | if next == 0 { WRAPPED } else { 0 };
            let passed = cursor & PASSED | if found > 0 { PASSED } else { 0 };
            cursor = match (is_round, passed) {
                (true, 0) => return RandomKey::None,
                (true, _) => BEGUN | start,
                (false, _) => BEGUN | wrapped | passed | left.saturating_sub(found) << LEFT_AT | next,
            };
        }
        RandomKey::Next(cursor)
    }

    /// One of the live keys that a bucket of the index has of a bucket, by a random number that goes to none if
    /// there are fewer than `least`.
    fn key_of_bucket(
        &self,
        at: usize,
        bucket: BucketId,
        random: u64,
        least: u64,
        now_ms: u64,
    ) -> Option<&[u8]> {
        let count = self.live_count(at, bucket, now_ms);
        let chosen = (random & u64::from(u32::MAX)) % count.max(least);
        self.keys_of_bucket(at, bucket, now_ms).nth(to_usize(chosen))
    }

    fn live_count(&self, at: usize, bucket: BucketId, now_ms: u64) -> u64 {
        self.keys_of_bucket(at, bucket, now_ms).count() as u64
    }

    fn keys_of_bucket(&self, at: usize, bucket: BucketId, now_ms: u64) -> impl Iterator<Item = &[u8]> {
        let places = core::iter::successors(self.index.first(at), |place| self.index.after(*place));
        places.filter_map(move |place| {
            let view = self.view(self.index.offset(place));
            let lives = view.header.bucket == bucket && self.fate_of_any(&view.header, now_ms) == Fate::Live;
            lives.then(|| view.key())
        })
    }
}

/// Spreads a number over all bits (SplitMix64, Steele et al., "Fast Splittable Pseudorandom Number Generators").
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}
