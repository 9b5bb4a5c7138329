//! Writes to parts of values: behind their end, or over what is there from an offset on. They keep the expiry.
//!
//! Bytes are written in one call. A value in more than one block takes its time, and goes by a [`Splice`].

use super::item::{FLAG_EDITED, Header};
use super::slice::block_of;
use super::splice::{Splice, Spliced};
use super::write::{Draft, check, fits_block, fits_item, stored_len};
use super::{Chain, Found, Key, NewValue, Store, StoreError, to_usize};

/// Where in a value bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Behind its last byte.
    End,
    /// From this byte on, behind zeros if the value is shorter.
    At(u64),
}

impl Start {
    /// The first byte to be written of a value of `len` bytes.
    pub(super) fn within(self, len: u64) -> u64 {
        match self {
            Self::End => len,
            Self::At(offset) => offset,
        }
    }
}

impl Store {
    /// Appends to the value of a key, or stores it if the key is not there. Gives the new length.
    ///
    /// All of it in this call, also if a long chain is to be copied: [`splice`](Self::splice) does that in
    /// portions. Errors as for [`put`](Self::put).
    pub fn append(&mut self, key: &Key<'_>, tail: NewValue<'_>, now_ms: u64) -> Result<u64, StoreError> {
        match tail {
            NewValue::Inline(bytes) => self.write_bytes(key, Start::End, bytes, now_ms),
            NewValue::Chain(chain) => self.splice_whole(key, Splice::append(chain), now_ms),
        }
    }

    /// Writes over the value of a key from byte `offset` on, behind zeros if it is shorter or not there. Gives
    /// the length of the value. An empty `value` changes nothing, and gives 0 for a key that is not there.
    ///
    /// All of it in this call, as [`append`](Self::append). Errors: `ValueTooLong` if the value becomes that,
    /// else as for [`put`](Self::put).
    pub fn set_range(
        &mut self,
        key: &Key<'_>,
        offset: u64,
        value: NewValue<'_>,
        now_ms: u64,
    ) -> Result<u64, StoreError> {
        match value {
            NewValue::Inline(bytes) => self.write_bytes(key, Start::At(offset), bytes, now_ms),
            NewValue::Chain(chain) => self.splice_whole(key, Splice::set_range(offset, chain), now_ms),
        }
    }

    fn splice_whole(&mut self, key: &Key<'_>, mut splice: Splice, now_ms: u64) -> Result<u64, StoreError> {
        loop {
            match self.splice(key, splice, now_ms)? {
                Spliced::Done(len) => return Ok(len),
                Spliced::More(more) => splice = more,
            }
        }
    }

    /// Writes bytes into the value of a key. Gives its length.
    pub(super) fn write_bytes(
        &mut self,
        key: &Key<'_>,
        start: Start,
        bytes: &[u8],
        now_ms: u64,
    ) -> Result<u64, StoreError> {
        match start {
            Start::At(_) if bytes.is_empty() => Ok(self.len_of(key, now_ms)),
            _ if self.locate(key, now_ms).is_none() => self.put_behind_zeros(key, start, bytes, now_ms),
            _ => {
                self.with_relief(Some(key), now_ms, |store| store.write_bytes_once(key, start, bytes, now_ms))
            }
        }
    }

    /// Bytes of the value of a key, 0 if it is not there.
    pub(super) fn len_of(&mut self, key: &Key<'_>, now_ms: u64) -> u64 {
        self.locate(key, now_ms).map_or(0, |found| u64::from(found.header.value_len))
    }

    /// Stores bytes under a key that is not there.
    fn put_behind_zeros(
        &mut self,
        key: &Key<'_>,
        start: Start,
        bytes: &[u8],
        now_ms: u64,
    ) -> Result<u64, StoreError> {
        let offset = start.within(0);
        let len = offset.saturating_add(bytes.len() as u64);
        check(key, len)?;
        if offset == 0 {
            self.put(key, NewValue::Inline(bytes), None, now_ms)?;
        } else if fits_item(key, len) {
            let mut value = vec![0; to_usize(len)];
            value[to_usize(offset)..].copy_from_slice(bytes);
            self.put(key, NewValue::Inline(&value), None, now_ms)?;
        } else {
            let mut chain = Chain::new();
            self.with_relief(None, now_ms, |store| {
                chain.set_range(&mut store.arena, &mut store.zeros, offset, bytes)
            })?;
            self.put(key, NewValue::Chain(chain), None, now_ms)?;
        }
        Ok(len)
    }

    fn write_bytes_once(
        &mut self,
        key: &Key<'_>,
        start: Start,
        bytes: &[u8],
        now_ms: u64,
    ) -> Result<u64, StoreError> {
        let old = self.locate(key, now_ms).expect("the item is kept while memory is looked for");
        let old_len = u64::from(old.header.value_len);
        let offset = start.within(old_len);
        let len = old_len.max(offset.saturating_add(bytes.len() as u64));
        check(key, len)?;
        match self.view(old.offset).chain() {
            Some(id) => {
                self.chains.chain_mut(id).set_range(&mut self.arena, &mut self.zeros, offset, bytes)?;
                self.chains.note(&self.arena, id, block_of(old_len.min(offset)), self.version);
                self.write_len(old.offset, old.header, len);
            }
            None if fits_item(key, len) => match self.write_in_item(&old, offset, bytes, len) {
                Err(StoreError::OutOfMemory) if fits_block(key, len) => {
                    self.write_past_item(&old, key, offset, bytes)?;
                }
                written => written?,
            },
            None => self.write_past_item(&old, key, offset, bytes)?,
        }
        Ok(len)
    }

    /// Writes within an item, which moves if its class becomes too small.
    fn write_in_item(&mut self, old: &Found, offset: u64, bytes: &[u8], len: u64) -> Result<(), StoreError> {
        let (old_len, body) = (old.header.item_len(), old.header.body_start());
        let item_len = body + to_usize(len);
        let item = self.room(old.offset, item_len).ok_or(StoreError::OutOfMemory)?;
        if item != old.offset {
            self.arena.copy(old.offset, item, old_len);
            self.move_item(old, item);
        }
        let written = self.arena.bytes_mut(item, item_len);
        let start = body + to_usize(offset);
        if start > old_len {
            written[old_len..start].fill(0);
        }
        written[start..start + bytes.len()].copy_from_slice(bytes);
        self.write_len(item, old.header, len);
        Ok(())
    }

    /// Writes into a value in an item that becomes a chain with it.
    fn write_past_item(
        &mut self,
        old: &Found,
        key: &Key<'_>,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let mut chain = self.chain_of(old)?;
        chain.set_range(&mut self.arena, &mut self.zeros, offset, bytes)?;
        let len = chain.len_bytes();
        let id = self.chains.keep(&self.arena, chain, self.version);
        let written = self.overwrite(old, &Draft::chained(key, &id.to_le_bytes(), len, old.header.expiry_ms));
        if written.is_none() {
            self.drop_chain_of(id);
        }
        written.map(|_| ()).ok_or(StoreError::OutOfMemory)
    }

    /// A chain with the value that an item holds.
    pub(super) fn chain_of(&mut self, old: &Found) -> Result<Chain, StoreError> {
        let mut chain = Chain::new();
        chain.reserve(&mut self.arena, u64::from(old.header.value_len))?;
        chain.push(self.view(old.offset).body());
        Ok(chain)
    }

    /// Writes the header of an item whose value was written to and has `len` bytes now.
    pub(super) fn write_len(&mut self, item: u64, header: Header, len: u64) {
        let version = self.next_version();
        let flags = header.flags | FLAG_EDITED;
        self.write_header(item, &Header { version, value_len: stored_len(len), flags, ..header });
    }
}
