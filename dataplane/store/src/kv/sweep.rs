//! The walk that removes what is dead: expired items, items of flushed buckets, blocks of dropped chains; and
//! what is above the limit.

use super::{Chain, Fate, Store};

/// Blocks of dropped chains that one sweep gives back, and that a chain may have to be dropped at once: some 5 us.
pub const DROPPED_BLOCKS_MAX: usize = 256;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Expired items removed, by this sweep or met by eviction before it.
    pub expired: u64,
    /// Items of flushed buckets removed, likewise.
    pub flushed: u64,
    /// Whether [something is left](Store::has_sweep_debt).
    pub debt: bool,
}

impl Store {
    /// Removes what is dead from the next `budget` buckets of the index, and gives back blocks of dropped chains,
    /// [`DROPPED_BLOCKS_MAX`] at most. Calls go round the index. Above the limit it evicts as well.
    pub fn sweep(&mut self, now_ms: u64, budget: usize) -> Swept {
        self.drop_portion();
        self.collect();
        if self.has_limit_debt() {
            self.obey_limit(now_ms);
        }
        let mut swept = core::mem::take(&mut self.met);
        for _ in 0..budget.min(self.index.bucket_count()) {
            if self.flushed_left == 0 && self.expiring == 0 {
                break;
            }
            self.sweep_bucket(now_ms, &mut swept);
        }
        swept.debt = self.has_sweep_debt();
        swept
    }

    /// Takes back blocks whose last handle was dropped, here or by another shard; a bounded number of them.
    pub fn collect(&mut self) {
        self.zeros.release_unused();
        self.arena.collect();
    }

    /// Whether dropped blocks are left to be taken back.
    pub fn is_collecting(&self) -> bool {
        self.arena.is_collecting()
    }

    /// Whether flushed items or dropped chains are left to be swept, or more is in use than the limit and may
    /// be evicted.
    pub fn has_sweep_debt(&self) -> bool {
        self.flushed_left > 0 || !self.dropping.is_empty() || self.has_limit_debt()
    }

    /// Whether any item expires, now or later.
    pub fn has_expiring(&self) -> bool {
        self.expiring > 0
    }

    /// Drops a chain: at once, or in portions by the sweep if it has many blocks.
    pub fn drop_chain(&mut self, chain: Chain) {
        if chain.blocks().len() > DROPPED_BLOCKS_MAX {
            self.dropping.push(chain);
        }
    }

    /// Drops the chain of an item that is gone.
    #[inline(never)]
    pub(super) fn drop_chain_of(&mut self, id: u32) {
        let chain = self.chains.take(id);
        self.drop_chain(chain);
    }

    /// Drops some blocks of the chains that wait for it.
    pub(super) fn drop_portion(&mut self) {
        if let Some(chain) = self.dropping.last_mut()
            && !chain.drop_some(DROPPED_BLOCKS_MAX)
        {
            self.dropping.pop();
        }
    }

    /// Removes what is dead from the next bucket.
    fn sweep_bucket(&mut self, now_ms: u64, swept: &mut Swept) {
        let bucket = if self.sweep_hand < self.index.bucket_count() { self.sweep_hand } else { 0 };
        self.sweep_hand = bucket + 1;
        // The line after next and the items of the next arrive while this bucket is swept.
        self.index.prefetch(bucket + 2);
        if bucket + 1 < self.index.bucket_count() {
            self.prefetch_items(bucket + 1);
        }
        let mut walk = self.index.first(bucket);
        while let Some(place) = walk {
            let header = self.view(self.index.offset(place)).header;
            match self.fate_of_any(&header, now_ms) {
                Fate::Live | Fate::Staged => {
                    walk = self.index.after(place);
                    continue;
                }
                Fate::Expired => swept.expired += 1,
                Fate::Flushed => swept.flushed += 1,
            }
            self.remove_at(bucket, place);
            walk = self.index.again(bucket, place);
        }
    }
}
