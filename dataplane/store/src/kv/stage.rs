//! Writes in two steps: what can fail is done when a value is staged, and nobody sees it before it is committed.
//!
//! A staged item has its room and its slot of the index, and a header with the flag INTENT: whoever looks for
//! its key passes it by, and so do scans, sweeps and flushes.

use super::item::INTENT;
use super::write::Draft;
use super::{Key, NewValue, Store, StoreError, bucket_index};

/// A value that is staged: to be [committed](Store::commit) or [discarded](Store::discard) in the store that
/// gave it, which keeps its memory until then.
#[must_use = "the memory of a staged value is held until it is committed or discarded"]
#[derive(Debug, PartialEq, Eq)]
pub struct Staged {
    offset: u64,
    hash: u64,
}

impl Store {
    /// Takes all the memory that `value` needs under `key`, and writes it there unseen. What the key has stays
    /// as it is.
    ///
    /// A key may be staged several times: the last commit wins. `expiry_ms` counts at the commit. Errors as for
    /// [`put`](Self::put); nothing is then held.
    pub fn stage(
        &mut self,
        key: &Key<'_>,
        value: NewValue<'_>,
        expiry_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<Staged, StoreError> {
        self.write(key, value, expiry_ms, now_ms, |store, draft, _| store.stage_once(draft))
    }

    /// Makes a staged value the one of its key, in place of the one there if any; it counts from now on. Gives the
    /// version of this write. If its expiry has passed, the key is only removed.
    ///
    /// # Panics
    /// If the value was staged in another store.
    pub fn commit(&mut self, staged: Staged, now_ms: u64) -> u64 {
        let replaced = self.remove_committed(&staged);
        let mut header = self.view(staged.offset).header;
        if header.expiry_ms != 0 && header.expiry_ms <= now_ms {
            self.discard(staged);
            return self.next_version();
        }
        self.staged -= 1;
        let bucket = &mut self.buckets[bucket_index(header.bucket)];
        bucket.count += 1;
        header.key_word &= !INTENT;
        if !replaced {
            header.key_word |= bucket.begins;
        }
        self.note_expiry(header.bucket, header.expiry_ms);
        header.version = self.next_version();
        self.write_header(staged.offset, &header);
        header.version
    }

    /// Gives the memory of a staged value back. What the key has stays as it is.
    ///
    /// # Panics
    /// If the value was staged in another store.
    pub fn discard(&mut self, staged: Staged) {
        let place = self.index.find(staged.hash, |offset| offset == staged.offset);
        let place = place.expect("a staged item has a slot of the index");
        self.staged -= 1;
        self.free_at(self.index.bucket_of(staged.hash), place);
    }

    /// Items that are staged.
    pub fn staged(&self) -> u64 {
        self.staged
    }

    fn stage_once(&mut self, draft: &Draft<'_>) -> Option<Staged> {
        let offset = self.place(draft)?;
        self.fill_as(offset, draft, 0, draft.flags, INTENT);
        self.staged += 1;
        Some(Staged { offset, hash: draft.key.hash })
    }

    /// Removes the item that a staged one replaces, dead or alive. Whether there was one.
    fn remove_committed(&mut self, staged: &Staged) -> bool {
        let view = self.view(staged.offset);
        let same = |offset| self.view(offset).is_of(view.header.bucket, view.key());
        let Some(place) = self.index.find(staged.hash, same) else { return false };
        self.remove_at(self.index.bucket_of(staged.hash), place);
        true
    }
}
