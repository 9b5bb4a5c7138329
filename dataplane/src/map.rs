//! The slot map: which shard owns which slot, under an epoch.

use adit_wire::slot::{SLOT_COUNT, Slot};

/// The owner of every slot.
#[derive(Clone)]
pub struct SlotMap {
    /// Counts the maps; a message under an older one is refused.
    pub epoch: u64,
    shard_count: u16,
    /// A byte for each slot: the table stays in the first level of the cache.
    owners: Box<[u8; SLOT_COUNT as usize]>,
}

impl SlotMap {
    /// The first map of `shard_count` shards: equal, contiguous shares.
    ///
    /// # Panics
    /// If there is no shard, or there are more than [`SHARDS_MAX`].
    pub fn even(shard_count: u16) -> Self {
        assert!((1..=SHARDS_MAX).contains(&shard_count), "a map has 1 to 256 shards");
        let share = |slot: usize| slot * usize::from(shard_count) / usize::from(SLOT_COUNT);
        let owners = Box::new(std::array::from_fn(|slot| u8::try_from(share(slot)).unwrap_or(0)));
        Self { epoch: 1, shard_count, owners }
    }

    /// The shard that owns a key.
    #[inline]
    pub fn owner(&self, key: &[u8]) -> u16 {
        // One shard owns everything: no checksum is spent.
        if self.shard_count == 1 { 0 } else { u16::from(self.owners[usize::from(Slot::of(key).0)]) }
    }

    /// The slots of each shard, in runs: the first, the last, the shard.
    pub fn ranges(&self) -> impl Iterator<Item = (u16, u16, u16)> {
        let mut runs: Vec<(u16, u16, u16)> = Vec::new();
        for (slot, &owner) in (0..).zip(self.owners.iter()) {
            match runs.last_mut() {
                Some((_, last, shard)) if *shard == u16::from(owner) => *last = slot,
                _ => runs.push((slot, slot, u16::from(owner))),
            }
        }
        runs.into_iter()
    }

    /// Number of shards.
    #[inline]
    pub fn shard_count(&self) -> u16 {
        self.shard_count
    }
}

/// Most shards of one map.
pub const SHARDS_MAX: u16 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_even_and_cover_every_shard() {
        for shard_count in [1, 2, 3, 7, 64, 256] {
            let map = SlotMap::even(shard_count);
            let mut shares = vec![0_u32; usize::from(shard_count)];
            map.owners.iter().for_each(|&owner| shares[usize::from(owner)] += 1);
            let least = u32::from(SLOT_COUNT / shard_count);
            assert!(shares.iter().all(|&share| share == least || share == least + 1), "{shares:?}");
        }
    }
}
