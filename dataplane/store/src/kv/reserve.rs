//! Memory for writes to come: whether there is enough of it, and keeping it back for them.

use super::Store;
use super::item::HEADER_BYTES;
use super::slab::{ITEM_BYTES_MAX, RUN_ITEM_BYTES_MAX, Slab};
use adit_drivers::memory::Line;

/// Bytes that key and value of a short item have at most.
pub const SHORT_ITEM_BYTES: usize = RUN_ITEM_BYTES_MAX - HEADER_BYTES;
/// Lines of the index that one insert takes at most: one for its own chain, one for the split that it brings about.
const INSERT_LINES_MAX: usize = 2;

/// Memory that is kept back for writes, to be [spent](Store::spend) on them or [given back](Store::give_back).
#[must_use = "the memory is kept back until it is spent or given back"]
#[derive(Debug, PartialEq, Eq)]
pub struct Reserved {
    items: usize,
}

impl Store {
    /// Whether the next `items` writes of new keys find room for sure, if their values stand in their items
    /// (they do up to 64 KiB with the key): then they need not be staged. Cheap, and so it may say no where
    /// there is room.
    pub fn has_room_for(&self, items: usize) -> bool {
        self.arena.free_pages() >= items as u64
            && self.index.spare_lines() / INSERT_LINES_MAX >= items
            && self.arena.fits(bytes_of(items, ITEM_BYTES_MAX))
    }

    /// Keeps memory back for `items` writes whose keys and values have up to [`SHORT_ITEM_BYTES`] each: when it
    /// is spent on them, they find room for sure. `None` if that takes too much of what is free: others need it
    /// more than those who can stage their writes.
    pub fn reserve(&mut self, items: usize) -> Option<Reserved> {
        // What is kept already is not among what is free. Each item takes a run of its own at worst.
        let free = (self.reserved + items) * FREE_PARTS - self.reserved;
        let plenty = self.arena.free_units() >= free as u64
            && self.index.spare_lines() >= free * INSERT_LINES_MAX
            && self.arena.fits(bytes_of(free, RUN_ITEM_BYTES_MAX));
        if !plenty || !self.arena.keep_back(items as u64) {
            return None;
        }
        self.index.keep_back(items * INSERT_LINES_MAX);
        self.arena.charge(bytes_of(items, RUN_ITEM_BYTES_MAX));
        self.reserved += items;
        Some(Reserved { items })
    }

    /// Gives memory back for the writes that it was kept for. They follow at once, and then
    /// [`spent`](Self::spent): a limit that was set meanwhile does not concern them.
    ///
    /// # Panics
    /// If it was kept back in another store.
    pub fn spend(&mut self, reserved: Reserved) {
        self.give_back(reserved);
        self.arena.set_limit(u64::MAX);
    }

    /// The writes are done.
    pub fn spent(&mut self) {
        self.arena.set_limit(self.limit_bytes);
    }

    /// Gives memory back: the writes are not done.
    ///
    /// # Panics
    /// If it was kept back in another store.
    pub fn give_back(&mut self, Reserved { items }: Reserved) {
        self.arena.give_back(items as u64);
        self.index.give_back(items * INSERT_LINES_MAX);
        self.arena.discharge(bytes_of(items, RUN_ITEM_BYTES_MAX));
        self.reserved -= items;
    }
}

/// One part in so many of what is free may be kept back in all.
const FREE_PARTS: usize = 4;

/// Bytes that items of this length, and their lines of the index, are charged at most.
fn bytes_of(items: usize, item_bytes: usize) -> u64 {
    ((Slab::rounded(item_bytes) + INSERT_LINES_MAX * size_of::<Line>()) * items) as u64
}
