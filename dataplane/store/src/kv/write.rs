//! What stores values: put and append. A write that fails leaves what was there as it was.

use super::item::{CHAIN_ID_BYTES, FLAG_CHAIN, HEADER_BYTES, Header, INLINE_BYTES_MAX};
use super::{
    Bucket, Chain, Key, NewValue, Place, Slab, Store, StoreError, bucket_index, stored_expiry, to_usize,
};
use adit_wire::kv::{KEY_BYTES_MAX, VALUE_BYTES_MAX};

/// Index buckets that are swept for memory before a write is refused.
const RELIEF_BUCKETS: usize = 64;

/// What follows the key of an item.
#[derive(Clone, Copy)]
struct Body<'a> {
    bytes: &'a [u8],
    value_len: u32,
    flags: u16,
}

impl<'a> Body<'a> {
    fn inline(bytes: &'a [u8]) -> Self {
        Self { bytes, value_len: value_len(bytes.len() as u64), flags: 0 }
    }
}

impl Store {
    /// Stores a value under a key, in place of the one there if any. Gives the version of the write.
    ///
    /// A value that makes the item longer than 64 KiB goes to blocks. Errors: `KeyTooLong`, `ValueTooLong`,
    /// `OutOfMemory`; the old value is then still there.
    pub fn put(
        &mut self,
        key: &Key<'_>,
        value: NewValue<'_>,
        expiry_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<u64, StoreError> {
        let checked = check(key, value.len_bytes());
        let expiry_ms = stored_expiry(expiry_ms);
        match value {
            _ if checked.is_err() => self.drop_value(value, checked.map(|()| 0)),
            NewValue::Inline(bytes) if fits_item(key, bytes.len() as u64) => {
                self.write(key, Body::inline(bytes), expiry_ms, now_ms)
            }
            NewValue::Inline(bytes) => {
                let mut chain = Chain::new();
                self.extend_chain(&mut chain, bytes)?;
                self.write_chain(key, chain, expiry_ms, now_ms)
            }
            NewValue::Chain(ref chain) if fits_item(key, chain.len_bytes()) => {
                // What fits an item fits one block.
                let bytes = chain.pieces().next().unwrap_or_default();
                let written = self.write(key, Body::inline(bytes), expiry_ms, now_ms);
                self.drop_value(value, written)
            }
            NewValue::Chain(chain) => self.write_chain(key, chain, expiry_ms, now_ms),
        }
    }

    /// Appends to the value of a key, or stores it if the key is not there. Keeps the expiry. Gives the new length.
    ///
    /// A chain is copied behind what is there, all of it in this call. Errors as for [`put`](Self::put).
    pub fn append(&mut self, key: &Key<'_>, tail: NewValue<'_>, now_ms: u64) -> Result<u64, StoreError> {
        if self.live_place(key, now_ms).is_none() {
            let len = tail.len_bytes();
            return self.put(key, tail, None, now_ms).map(|_| len);
        }
        let mut appended = self.append_once(key, &tail, now_ms);
        if appended == Err(StoreError::OutOfMemory) && self.relieve(now_ms) {
            appended = self.append_once(key, &tail, now_ms);
        }
        self.drop_value(tail, appended)
    }

    /// Appends to a chain that is being received. All or nothing; what others pin of it stays as it is.
    ///
    /// Errors: `ValueTooLong`, `OutOfMemory`.
    pub fn extend_chain(&mut self, chain: &mut Chain, bytes: &[u8]) -> Result<(), StoreError> {
        let mut reserved = chain.reserve(&mut self.arena, bytes.len() as u64);
        // Time 0: nothing expires at it, so that only flushed items and dropped chains are looked for.
        if reserved == Err(StoreError::OutOfMemory) && self.relieve(0) {
            reserved = chain.reserve(&mut self.arena, bytes.len() as u64);
        }
        reserved?;
        chain.push(bytes);
        Ok(())
    }

    /// Drops the value if it is a chain, and hands the result on.
    fn drop_value<T>(&mut self, value: NewValue<'_>, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let NewValue::Chain(chain) = value {
            self.drop_chain(chain);
        }
        result
    }

    /// Stores a chain; drops it if that fails.
    fn write_chain(
        &mut self,
        key: &Key<'_>,
        chain: Chain,
        expiry_ms: u64,
        now_ms: u64,
    ) -> Result<u64, StoreError> {
        let value_len = value_len(chain.len_bytes());
        let id = self.chains.keep(chain);
        let body = Body { bytes: &id.to_le_bytes(), value_len, flags: FLAG_CHAIN };
        let written = self.write(key, body, expiry_ms, now_ms);
        if written.is_err() {
            let chain = self.chains.take(id);
            self.drop_chain(chain);
        }
        written
    }

    /// Writes an item, if need be after a search for memory.
    fn write(
        &mut self,
        key: &Key<'_>,
        body: Body<'_>,
        expiry_ms: u64,
        now_ms: u64,
    ) -> Result<u64, StoreError> {
        let written = self.write_once(key, body, expiry_ms, now_ms);
        if written == Err(StoreError::OutOfMemory) && self.relieve(now_ms) {
            return self.write_once(key, body, expiry_ms, now_ms);
        }
        written
    }

    #[inline]
    fn write_once(
        &mut self,
        key: &Key<'_>,
        body: Body<'_>,
        expiry_ms: u64,
        now_ms: u64,
    ) -> Result<u64, StoreError> {
        match self.live_place(key, now_ms) {
            Some(place) => self.overwrite(place, key, body, expiry_ms),
            None => self.insert(key, body, expiry_ms),
        }
    }

    fn insert(&mut self, key: &Key<'_>, body: Body<'_>, expiry_ms: u64) -> Result<u64, StoreError> {
        let len = HEADER_BYTES + key.bytes.len() + body.bytes.len();
        let offset = self.slab.allocate(&mut self.arena, len).ok_or(StoreError::OutOfMemory)?;
        if self.index.insert(key.hash, offset).is_err() {
            self.slab.free(&mut self.arena, offset);
            return Err(StoreError::OutOfMemory);
        }
        let header = self.fill(offset, key, body, expiry_ms);
        self.note_expiry(&header);
        self.bucket(key).count += 1;
        Ok(header.version)
    }

    fn overwrite(
        &mut self,
        place: Place,
        key: &Key<'_>,
        body: Body<'_>,
        expiry_ms: u64,
    ) -> Result<u64, StoreError> {
        let len = HEADER_BYTES + key.bytes.len() + body.bytes.len();
        let offset = self.room(place, len)?;
        let old = self.view(place.offset);
        let (header, chain) = (old.header, old.chain());
        self.forget_expiry(&header);
        self.move_item(place, offset);
        let header = self.fill(offset, key, body, expiry_ms);
        self.note_expiry(&header);
        if let Some(id) = chain {
            let chain = self.chains.take(id);
            self.drop_chain(chain);
        }
        Ok(header.version)
    }

    /// Writes header, key and body.
    fn fill(&mut self, offset: u64, key: &Key<'_>, body: Body<'_>, expiry_ms: u64) -> Header {
        let header = Header {
            version: self.next_version(),
            journal_position: 0,
            expiry_ms,
            bucket: key.bucket,
            value_len: body.value_len,
            key_len: value_len(key.bytes.len() as u64),
            flags: body.flags,
        };
        let len = HEADER_BYTES + key.bytes.len() + body.bytes.len();
        let (head, rest) = self.arena.bytes_mut(offset, len).split_at_mut(HEADER_BYTES);
        let (name, value) = rest.split_at_mut(key.bytes.len());
        head.copy_from_slice(&header.to_bytes());
        name.copy_from_slice(key.bytes);
        value.copy_from_slice(body.bytes);
        header
    }

    /// Room for an item that replaces or continues the one at `place`: the same, if its class is right, or if it is too large
    /// and there is no other.
    fn room(&mut self, place: Place, len: usize) -> Result<u64, StoreError> {
        let capacity = self.slab.capacity(place.offset);
        if capacity == Slab::rounded(len) {
            return Ok(place.offset);
        }
        match self.slab.allocate(&mut self.arena, len) {
            Some(offset) => Ok(offset),
            None if len <= capacity => Ok(place.offset),
            None => Err(StoreError::OutOfMemory),
        }
    }

    /// Lets the slot at `place` name the room at `offset`, and frees the room it named.
    fn move_item(&mut self, place: Place, offset: u64) {
        if offset != place.offset {
            self.index.replace(place, offset);
            self.slab.free(&mut self.arena, place.offset);
        }
    }

    fn append_once(&mut self, key: &Key<'_>, tail: &NewValue<'_>, now_ms: u64) -> Result<u64, StoreError> {
        let place =
            self.live_place(key, now_ms).expect("`append` saw the item; nothing expires at the same time");
        let old = self.view(place.offset);
        let (header, chain) = (old.header, old.chain());
        let len = u64::from(header.value_len) + tail.len_bytes();
        check(key, len)?;
        match chain {
            Some(id) => self.append_to_chain(place, header, id, tail)?,
            None if fits_item(key, len) => self.append_to_item(place, header, tail)?,
            None => self.append_past_item(place, key, header, tail)?,
        }
        Ok(len)
    }

    /// Appends within the block chain of an item.
    fn append_to_chain(
        &mut self,
        place: Place,
        header: Header,
        id: u32,
        tail: &NewValue<'_>,
    ) -> Result<(), StoreError> {
        let chain = self.chains.chain_mut(id);
        chain.reserve(&mut self.arena, tail.len_bytes())?;
        push(chain, tail);
        self.write_appended(place.offset, header, tail);
        Ok(())
    }

    /// Appends within an item, which moves if its class becomes too small.
    fn append_to_item(
        &mut self,
        place: Place,
        header: Header,
        tail: &NewValue<'_>,
    ) -> Result<(), StoreError> {
        let (old_len, tail_len) = (header.item_len(), to_usize(tail.len_bytes()));
        let offset = self.room(place, old_len + tail_len)?;
        if offset != place.offset {
            self.arena.copy(place.offset, offset, old_len);
        }
        self.move_item(place, offset);
        // What fits an item fits one block.
        let bytes = match tail {
            NewValue::Inline(bytes) => bytes,
            NewValue::Chain(chain) => chain.pieces().next().unwrap_or_default(),
        };
        self.arena.bytes_mut(offset, old_len + tail_len)[old_len..].copy_from_slice(bytes);
        self.write_appended(offset, header, tail);
        Ok(())
    }

    /// Appends to a value in an item that becomes a chain with it.
    fn append_past_item(
        &mut self,
        place: Place,
        key: &Key<'_>,
        header: Header,
        tail: &NewValue<'_>,
    ) -> Result<(), StoreError> {
        let mut chain = Chain::new();
        let len = u64::from(header.value_len) + tail.len_bytes();
        chain.reserve(&mut self.arena, len)?;
        chain.push(self.view(place.offset).body());
        push(&mut chain, tail);
        let id = self.chains.keep(chain);
        let body = Body { bytes: &id.to_le_bytes(), value_len: value_len(len), flags: FLAG_CHAIN };
        let written = self.overwrite(place, key, body, header.expiry_ms);
        if written.is_err() {
            let chain = self.chains.take(id);
            self.drop_chain(chain);
        }
        written.map(|_| ())
    }

    /// Writes the header of an item that the tail was appended to.
    fn write_appended(&mut self, offset: u64, header: Header, tail: &NewValue<'_>) {
        let version = self.next_version();
        let value_len = header.value_len + value_len(tail.len_bytes());
        self.write_header(offset, &Header { version, value_len, ..header });
    }

    /// Looks for memory of what is dead. Whether another try is worth it.
    #[cold]
    fn relieve(&mut self, now_ms: u64) -> bool {
        let hope = self.has_sweep_debt() || self.has_expiring();
        if hope {
            self.sweep(now_ms, RELIEF_BUCKETS);
        }
        hope
    }

    fn bucket(&mut self, key: &Key<'_>) -> &mut Bucket {
        &mut self.buckets[bucket_index(key.bucket)]
    }
}

/// Refuses keys and values over the limits.
fn check(key: &Key<'_>, len: u64) -> Result<(), StoreError> {
    if key.bytes.len() > KEY_BYTES_MAX {
        return Err(StoreError::KeyTooLong);
    }
    if len > VALUE_BYTES_MAX { Err(StoreError::ValueTooLong) } else { Ok(()) }
}

/// Whether a value of this length stands in its item.
fn fits_item(key: &Key<'_>, len: u64) -> bool {
    (HEADER_BYTES + key.bytes.len()) as u64 + len <= INLINE_BYTES_MAX as u64
}

/// A length that was [checked](check), as it stands in a header.
fn value_len(len: u64) -> u32 {
    const { assert!(VALUE_BYTES_MAX <= u32::MAX as u64 && KEY_BYTES_MAX as u64 <= u32::MAX as u64) };
    u32::try_from(len).expect("lengths were checked against the limits")
}

fn push(chain: &mut Chain, tail: &NewValue<'_>) {
    match tail {
        NewValue::Inline(bytes) => chain.push(bytes),
        NewValue::Chain(tail) => tail.pieces().for_each(|piece| chain.push(piece)),
    }
}

const _: () = assert!(CHAIN_ID_BYTES == size_of::<u32>());
