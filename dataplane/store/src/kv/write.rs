//! What stores values: put, and the steps of other writes. One that fails leaves what was there as it was.

use super::item::{CHAIN_ID_BYTES, FLAG_CHAIN, FLAG_HELD, HEADER_BYTES, Header, INLINE_BYTES_MAX, no_item};
use super::slab::RUN_ITEM_BYTES_MAX;
use super::{Chain, Found, Key, NewValue, Slab, Store, StoreError, bucket_index, stored_expiry};
use adit_wire::kv::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use core::num::NonZeroU64;

/// Shortest value that is ever put into a block: shorter ones, as numbers are, stay in one piece.
const BLOCK_VALUE_BYTES_MIN: u64 = 4 << 10;

/// An item to be written. The key is not copied: what a caller has just stored in parts would be loaded as a whole.
pub(super) struct Draft<'a> {
    pub(super) key: &'a Key<'a>,
    /// What follows the key.
    body: &'a [u8],
    value_len: u32,
    pub(super) flags: u16,
    expiry_ms: u64,
}

impl<'a> Draft<'a> {
    /// An item that holds its value.
    #[inline]
    pub(super) fn inline(key: &'a Key<'a>, value: &'a [u8], expiry_ms: u64) -> Self {
        Self { key, body: value, value_len: stored_len(value.len() as u64), flags: 0, expiry_ms }
    }

    /// An item whose value lies in a chain; `id` is its number.
    pub(super) fn chained(
        key: &'a Key<'a>,
        id: &'a [u8; CHAIN_ID_BYTES],
        value_len: u64,
        expiry_ms: u64,
    ) -> Self {
        Self { key, body: id, value_len: stored_len(value_len), flags: FLAG_CHAIN, expiry_ms }
    }

    #[inline]
    fn item_len(&self) -> usize {
        HEADER_BYTES + self.key.bytes.len() + self.body.len()
    }
}

impl Store {
    /// Stores a value under a key, in place of the one there if any. Gives the version of the write.
    ///
    /// A value that makes the item longer than 64 KiB goes to blocks; so does one of more than some KiB if no
    /// page is left for its item. Errors: `KeyTooLong`, `ValueTooLong`, `OutOfMemory`; the old value is then
    /// still there.
    pub fn put(
        &mut self,
        key: &Key<'_>,
        value: NewValue<'_>,
        expiry_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<u64, StoreError> {
        self.write(key, value, expiry_ms, now_ms, Self::write_once).map(NonZeroU64::get)
    }

    /// Appends to a chain that is being received. All or nothing; what others pin of it stays as it is.
    ///
    /// Errors: `ValueTooLong`, `OutOfMemory`.
    pub fn extend_chain(&mut self, chain: &mut Chain, bytes: &[u8]) -> Result<(), StoreError> {
        // Time 0: nothing expires at it, so that only flushed items, dropped chains and what may be evicted are
        // looked for.
        self.with_relief(None, 0, |store| chain.reserve(&mut store.arena, bytes.len() as u64))?;
        chain.push(bytes);
        Ok(())
    }

    /// Writes a value by `once`, which writes an item, or says by `None` that there is no memory for it.
    #[inline(always)]
    pub(super) fn write<T>(
        &mut self,
        key: &Key<'_>,
        value: NewValue<'_>,
        expiry_ms: Option<u64>,
        now_ms: u64,
        once: impl Fn(&mut Self, &Draft<'_>, u64) -> Option<T>,
    ) -> Result<T, StoreError> {
        let expiry_ms = stored_expiry(expiry_ms);
        match value {
            // What fits an item is within all limits.
            NewValue::Inline(bytes) if fits_item(key, bytes.len() as u64) => {
                let written = self.write_item(&Draft::inline(key, bytes, expiry_ms), now_ms, &once);
                if written.is_err() && fits_block(key, bytes.len() as u64) {
                    return self.write_in_blocks(key, bytes, expiry_ms, now_ms, once);
                }
                written
            }
            NewValue::Inline(bytes) => {
                check(key, bytes.len() as u64)?;
                self.write_in_blocks(key, bytes, expiry_ms, now_ms, once)
            }
            NewValue::Chain(chain) if fits_item(key, chain.len_bytes()) => {
                // What fits an item fits one block.
                let bytes = chain.pieces().next().unwrap_or_default();
                let written = self.write_item(&Draft::inline(key, bytes, expiry_ms), now_ms, &once);
                if written.is_err() && fits_block(key, chain.len_bytes()) {
                    return self.write_chain(key, chain, expiry_ms, now_ms, once);
                }
                self.drop_chain(chain);
                written
            }
            NewValue::Chain(chain) => match check(key, chain.len_bytes()) {
                Ok(()) => self.write_chain(key, chain, expiry_ms, now_ms, once),
                Err(error) => {
                    self.drop_chain(chain);
                    Err(error)
                }
            },
        }
    }

    /// Writes bytes into blocks.
    fn write_in_blocks<T>(
        &mut self,
        key: &Key<'_>,
        bytes: &[u8],
        expiry_ms: u64,
        now_ms: u64,
        once: impl Fn(&mut Self, &Draft<'_>, u64) -> Option<T>,
    ) -> Result<T, StoreError> {
        let mut chain = Chain::new();
        self.extend_chain(&mut chain, bytes)?;
        self.write_chain(key, chain, expiry_ms, now_ms, once)
    }

    /// Writes a chain; drops it if that fails.
    pub(super) fn write_chain<T>(
        &mut self,
        key: &Key<'_>,
        chain: Chain,
        expiry_ms: u64,
        now_ms: u64,
        once: impl Fn(&mut Self, &Draft<'_>, u64) -> Option<T>,
    ) -> Result<T, StoreError> {
        let value_len = chain.len_bytes();
        let id = self.chains.keep(&self.arena, chain, self.version);
        let body = id.to_le_bytes();
        let written = self.write_item(&Draft::chained(key, &body, value_len, expiry_ms), now_ms, once);
        if written.is_err() {
            self.drop_chain_of(id);
        }
        written
    }

    /// Writes an item, if need be after a search for memory.
    #[inline]
    fn write_item<T>(
        &mut self,
        draft: &Draft<'_>,
        now_ms: u64,
        once: impl Fn(&mut Self, &Draft<'_>, u64) -> Option<T>,
    ) -> Result<T, StoreError> {
        let mut written = once(self, draft, now_ms);
        if written.is_none() {
            written = self.after_relief(draft.key, now_ms, |store| once(store, draft, now_ms));
        }
        written.ok_or(StoreError::OutOfMemory)
    }

    /// Writes an item. Gives its version, `None` if there is no memory: a number in a register, where a
    /// `Result` is one in memory.
    #[inline(never)]
    pub(super) fn write_once(&mut self, draft: &Draft<'_>, now_ms: u64) -> Option<NonZeroU64> {
        match self.find_live(draft.key, now_ms) {
            Some(found) => self.overwrite(&found, draft),
            None => self.insert(draft),
        }
    }

    #[inline(never)]
    fn insert(&mut self, draft: &Draft<'_>) -> Option<NonZeroU64> {
        let offset = self.place(draft)?;
        self.buckets[bucket_index(draft.key.bucket)].count += 1;
        self.note_expiry(draft.key.bucket, draft.expiry_ms);
        let begins = self.buckets[bucket_index(draft.key.bucket)].begins;
        self.fill(offset, draft, 0, begins)
    }

    /// Takes room and a slot of the index, and writes the key.
    #[inline]
    pub(super) fn place(&mut self, draft: &Draft<'_>) -> Option<u64> {
        let offset = self.slab.allocate(&mut self.arena, draft.item_len(), self.version)?;
        if self.index.insert(draft.key.hash, offset).is_err() {
            self.slab.free(&mut self.arena, offset);
            self.short_line = Some(draft.key.hash);
            return None;
        }
        self.charge_index();
        self.fill_key(offset, draft);
        Some(offset)
    }

    #[inline]
    pub(super) fn overwrite(&mut self, old: &Found, draft: &Draft<'_>) -> Option<NonZeroU64> {
        let same_len = old.header.item_len() == draft.item_len();
        let offset = if same_len { old.offset } else { self.room(old.offset, draft.item_len())? };
        let chain = if old.header.is_chain() { self.view(old.offset).chain() } else { None };
        self.forget_expiry(draft.key.bucket, old.header.expiry_ms);
        self.note_expiry(draft.key.bucket, draft.expiry_ms);
        if offset != old.offset {
            self.move_item(old, offset);
            self.fill_key(offset, draft);
        }
        let version = self.fill(offset, draft, old.header.flags & FLAG_HELD, 0);
        if draft.expiry_ms != 0 {
            self.slab.revive(offset, self.version);
        }
        if let Some(id) = chain {
            self.drop_chain_of(id);
        }
        version
    }

    /// Writes the key where there was another one.
    #[inline]
    fn fill_key(&mut self, offset: u64, draft: &Draft<'_>) {
        let key = draft.key.bytes;
        self.arena.bytes_mut(offset, HEADER_BYTES + key.len())[HEADER_BYTES..].copy_from_slice(key);
    }

    /// Writes header and body, with these flags and bits of the key word as well. Gives the version.
    #[inline]
    fn fill(&mut self, offset: u64, draft: &Draft<'_>, flags: u16, marks: u32) -> Option<NonZeroU64> {
        let version = self.next_version();
        self.fill_as(offset, draft, version, draft.flags | flags, marks);
        NonZeroU64::new(version)
    }

    /// Writes header and body with this version, these flags and bits of the key word.
    #[inline]
    pub(super) fn fill_as(&mut self, offset: u64, draft: &Draft<'_>, version: u64, flags: u16, marks: u32) {
        let header = Header {
            version,
            journal_position: 0,
            expiry_ms: draft.expiry_ms,
            bucket: draft.key.bucket,
            value_len: draft.value_len,
            key_word: stored_len(draft.key.bytes.len() as u64) | marks,
            flags,
        };
        let bytes = self.arena.bytes_mut(offset, draft.item_len());
        let Some((head, rest)) = bytes.split_first_chunk_mut() else { no_item() };
        header.write(head);
        rest[draft.key.bytes.len()..].copy_from_slice(draft.body);
        if flags & FLAG_CHAIN != 0
            && let Some(id) = self.view(offset).chain()
        {
            self.chains.set_owner(id, offset);
        }
    }

    /// Room for an item that replaces or continues the one at `old`: the same, if its class is right, or if it
    /// is too large and there is no other.
    #[inline(never)]
    pub(super) fn room(&mut self, old: u64, len: usize) -> Option<u64> {
        let capacity = self.slab.capacity(old);
        if capacity == Slab::rounded(len) {
            return Some(old);
        }
        let moved = self.slab.allocate(&mut self.arena, len, self.version);
        moved.or_else(|| (len <= capacity).then_some(old))
    }

    /// Lets the slot of `old` name the room at `offset`, and frees the room it named.
    #[inline(never)]
    pub(super) fn move_item(&mut self, old: &Found, offset: u64) {
        self.index.replace(old.place, offset);
        self.slab.free(&mut self.arena, old.offset);
    }
}

/// Refuses keys and values over the limits.
#[inline]
pub(super) fn check(key: &Key<'_>, len: u64) -> Result<(), StoreError> {
    if key.bytes.len() > KEY_BYTES_MAX {
        return Err(StoreError::KeyTooLong);
    }
    if len > VALUE_BYTES_MAX { Err(StoreError::ValueTooLong) } else { Ok(()) }
}

/// Whether a value of this length stands in its item.
#[inline]
pub(super) fn fits_item(key: &Key<'_>, len: u64) -> bool {
    (HEADER_BYTES + key.bytes.len()) as u64 + len <= INLINE_BYTES_MAX as u64
}

/// Whether a value that fits an item, but found no page for it, is tried with a block: its item is then a small
/// one.
#[inline]
pub(super) fn fits_block(key: &Key<'_>, len: u64) -> bool {
    let item_len = HEADER_BYTES + key.bytes.len();
    item_len + CHAIN_ID_BYTES <= RUN_ITEM_BYTES_MAX
        && item_len as u64 + len > RUN_ITEM_BYTES_MAX as u64
        && len >= BLOCK_VALUE_BYTES_MIN
}

/// A length that was [checked](check), as it stands in a header.
#[inline]
pub(super) fn stored_len(len: u64) -> u32 {
    const { assert!(VALUE_BYTES_MAX <= u32::MAX as u64 && KEY_BYTES_MAX as u64 <= u32::MAX as u64) };
    u32::try_from(len).expect("lengths were checked against the limits")
}

const _: () = assert!(CHAIN_ID_BYTES == size_of::<u32>());
