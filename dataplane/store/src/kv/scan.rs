//! The walk of clients over all keys, in portions, while the index grows between them.

use super::{Fate, Store};
use adit_wire::kv::BucketId;

/// Bits of a cursor.
pub const CURSOR_BITS: u32 = 48;

impl Store {
    /// Visits the live items of up to `buckets_max` buckets of the index from `cursor` on, and gives the cursor
    /// to go on with. A walk begins with 0, and has ended when 0 comes back.
    ///
    /// An item that is there from the begin of a walk to its end is visited, however the index grows meanwhile;
    /// one that comes or goes may be. A cursor is a place in the order of the reversed bits of the hash, so a
    /// split leaves what was visited on the near side (the idea is that of Redis's `dictScan`, by Pieter
    /// Noordhuis).
    pub fn scan(
        &self,
        cursor: u64,
        buckets_max: usize,
        now_ms: u64,
        visit: &mut dyn FnMut(BucketId, &[u8]),
    ) -> u64 {
        let mut cursor = cursor & CURSOR_MASK;
        for _ in 0..buckets_max.max(1) {
            let bucket;
            (bucket, cursor) = self.scan_step(cursor);
            self.visit_bucket(bucket, now_ms, visit);
            if cursor == 0 {
                break;
            }
        }
        cursor
    }

    /// The bucket of the index at a cursor, and the cursor of the next one.
    pub(super) fn scan_step(&self, cursor: u64) -> (usize, u64) {
        let bucket = self.index.bucket_of(reversed(cursor));
        let span = 1 << (CURSOR_BITS - self.index.bucket_bits(bucket));
        let next = ((cursor | (span - 1)) + 1) & CURSOR_MASK;
        self.index.prefetch(self.index.bucket_of(reversed(next)));
        (bucket, next)
    }

    fn visit_bucket(&self, bucket: usize, now_ms: u64, visit: &mut dyn FnMut(BucketId, &[u8])) {
        self.prefetch_items(bucket);
        let mut walk = self.index.first(bucket);
        while let Some(place) = walk {
            let view = self.view(self.index.offset(place));
            if self.fate_of_any(&view.header, now_ms) == Fate::Live {
                visit(view.header.bucket, view.key());
            }
            walk = self.index.after(place);
        }
    }

    /// Asks for the first lines of all items of a bucket.
    pub(super) fn prefetch_items(&self, bucket: usize) {
        let mut walk = self.index.first(bucket);
        while let Some(place) = walk {
            self.arena.prefetch(self.index.offset(place));
            walk = self.index.after(place);
        }
    }
}

/// Bits of a cursor, all set.
pub(super) const CURSOR_MASK: u64 = (1 << CURSOR_BITS) - 1;

/// The hash whose low bits are those of the cursor, in reverse.
fn reversed(cursor: u64) -> u64 {
    cursor.reverse_bits() >> (u64::BITS - CURSOR_BITS)
}
