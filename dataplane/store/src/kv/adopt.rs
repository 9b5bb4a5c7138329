//! Values of this shard that lie in blocks of others, and how they come home.
//!
//! A large value is received into blocks of the shard that its connection came to, and goes to the owner of
//! its key as it is. The blocks count where they came from. If keys may be evicted, that shard would find none
//! of its own to evict for them in the end: so the owner copies such values into blocks of its own, and gives
//! theirs back.

use super::{Chain, Store};
use adit_drivers::memory::BLOCK_BYTES;

/// Bytes that one call of [`Store::adopt`] copies at most: as many as a turn receives. Some 200 us.
pub const ADOPTED_BYTES_MAX: usize = 2 << 20;

impl Store {
    /// Copies blocks of other shards in values of this one, [`ADOPTED_BYTES_MAX`] at most, if any bucket evicts.
    /// Gives the bytes. Where there is no memory for that, the values stay as they are.
    pub fn adopt(&mut self, now_ms: u64) -> usize {
        if !self.has_adoption_debt() {
            return 0;
        }
        let Some(id) = self.chains.first_foreign() else { return 0 };
        let theirs = self.chains.chain(id).foreign(&self.arena);
        let bytes = theirs.take(ADOPTED_BYTES_MAX / BLOCK_BYTES).count() * BLOCK_BYTES;
        let mut room = Chain::new();
        if self.with_relief(None, now_ms, |store| room.reserve(&mut store.arena, bytes as u64)).is_err() {
            self.stuck_version = Some(self.version);
            return 0;
        }
        // The value itself may be what was evicted.
        if self.chains.first_foreign() == Some(id) {
            self.chains.adopt(&self.arena, id, room.into_blocks(), self.version);
        }
        bytes
    }

    /// Whether [`adopt`](Self::adopt) has something to do, as far as is known.
    pub fn has_adoption_debt(&self) -> bool {
        self.chains.first_foreign().is_some()
            && self.evicts()
            && self.stuck_version != Some(self.version)
            && !self.is_over_limit()
    }
}
