//! The two tables that `adit perf store` compares, behind one set of operations: our store, and the best that the
//! widest used hash table gives with the same items, hash, memory and batches.

use adit_drivers::memory::{Arena, Lines, PAGE_BYTES};
use adit_store::kv::{Key, NewValue, Store, Value};
use adit_wire::kv::BucketId;
use anyhow::Context;
use hashbrown::HashTable;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_micro_inline};

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 24;
/// Bytes of a value.
pub(super) const VALUE_BYTES: usize = 64;
/// Operations of a batch.
pub(super) const BATCH: usize = 16;

/// A key.
pub(super) type KeyBytes = [u8; KEY_BYTES];
/// A value.
pub(super) type ValueBytes = [u8; VALUE_BYTES];

/// Bytes of the store's item: header, key, value, rounded up.
const STORE_ITEM_BYTES: u64 = 128;
/// Items of the store per line of its index, with room to spare.
const ITEMS_PER_LINE: u64 = 3;
/// Bytes of the peer's item: key and value. It has no version, expiry or lengths.
const PEER_ITEM_BYTES: usize = KEY_BYTES + VALUE_BYTES;
/// Items of the peer per page.
const PEER_PAGE_ITEMS: usize = PAGE_BYTES / PEER_ITEM_BYTES;
/// Seed of the hashes of both.
const SECRET: u64 = 0x5eed_0fad_1700_0001;
/// The bucket that the store is asked for.
const BUCKET: BucketId = BucketId(0);

/// What both tables do.
pub(super) trait Table: Sized {
    /// A table with memory for `items` items, all of it there.
    fn with_room(items: u64) -> anyhow::Result<Self>;
    /// Copies the value of a key. Whether it is there.
    fn read(&mut self, key: &KeyBytes, value: &mut ValueBytes) -> bool;
    /// The same for a batch, with passes that prefetch. How many are there.
    fn read_batch(&mut self, keys: &[KeyBytes; BATCH], values: &mut [ValueBytes; BATCH]) -> usize;
    /// Stores a value.
    fn write(&mut self, key: &KeyBytes, value: &ValueBytes);
    /// The same for a batch, with passes that prefetch.
    fn write_batch(&mut self, keys: &[KeyBytes; BATCH], value: &ValueBytes);
}

/// A store with memory for `items` items of up to `item_bytes`, header and key included, and `spare_pages` more.
pub(crate) fn store_with_room(items: u64, item_bytes: u64, spare_pages: u64) -> anyhow::Result<Store> {
    let arena = Arena::new(items * item_bytes + spare_pages * PAGE_BYTES as u64, true).context("items")?;
    let lines = Lines::new((items / ITEMS_PER_LINE + 4096) * 64, true).context("index")?;
    Ok(Store::new(arena, lines, SECRET))
}

/// Our store.
pub(super) struct Adit(Store);

impl Adit {
    fn prefetched<'a>(&self, keys: &'a [KeyBytes; BATCH]) -> [Key<'a>; BATCH] {
        let keys = keys.each_ref().map(|key| {
            let key = self.0.key(BUCKET, key);
            self.0.prefetch_bucket(key.hash());
            key
        });
        for key in &keys {
            self.0.prefetch_item(key.hash());
        }
        keys
    }

    #[inline]
    fn copy(&mut self, key: &Key<'_>, value: &mut ValueBytes) -> bool {
        let Some(item) = self.0.find(key, 0) else { return false };
        let Value::Inline(bytes) = self.0.value(item) else { return false };
        value.copy_from_slice(bytes);
        true
    }

    #[inline]
    fn put(&mut self, key: &Key<'_>, value: &ValueBytes) {
        self.0.put(key, NewValue::Inline(value), None, 0).expect("memory was reserved for all items");
    }
}

impl Table for Adit {
    fn with_room(items: u64) -> anyhow::Result<Self> {
        store_with_room(items, STORE_ITEM_BYTES, 2).map(Self)
    }

    fn read(&mut self, key: &KeyBytes, value: &mut ValueBytes) -> bool {
        let key = self.0.key(BUCKET, key);
        self.copy(&key, value)
    }

    fn read_batch(&mut self, keys: &[KeyBytes; BATCH], values: &mut [ValueBytes; BATCH]) -> usize {
        let keys = self.prefetched(keys);
        keys.iter().zip(values).filter_map(|(key, value)| self.copy(key, value).then_some(())).count()
    }

    fn write(&mut self, key: &KeyBytes, value: &ValueBytes) {
        let key = self.0.key(BUCKET, key);
        self.put(&key, value);
    }

    fn write_batch(&mut self, keys: &[KeyBytes; BATCH], value: &ValueBytes) {
        for key in &self.prefetched(keys) {
            self.put(key, value);
        }
    }
}

/// A hashbrown table of (hash bits, item) over items in pages. The hash bits in the entry let a pass find the item
/// without reading it, so that the items of a batch can be prefetched.
pub(super) struct Peer {
    table: HashTable<Entry>,
    items: Arena,
    secrets: RapidSecrets,
}

#[derive(Clone, Copy)]
struct Entry {
    hash_bits: u32,
    item: u32,
}

impl Entry {
    /// Where the item is. Pages were taken in order, all at the start.
    fn offset(self) -> u64 {
        let item = self.item as usize;
        (item / PEER_PAGE_ITEMS * PAGE_BYTES + item % PEER_PAGE_ITEMS * PEER_ITEM_BYTES) as u64
    }
}

impl Peer {
    #[inline]
    fn hash(&self, key: &KeyBytes) -> u64 {
        rapidhash_v3_micro_inline::<true, false>(key, &self.secrets)
    }

    #[inline]
    fn find(&self, key: &KeyBytes, hash: u64) -> Option<Entry> {
        let bits = hash_bits(hash);
        let same = |entry: &Entry| {
            entry.hash_bits == bits && self.items.bytes(entry.offset(), KEY_BYTES) == key.as_slice()
        };
        self.table.find(hash, same).copied()
    }

    fn prefetched(&self, keys: &[KeyBytes; BATCH]) -> [u64; BATCH] {
        let hashes = keys.each_ref().map(|key| self.hash(key));
        for hash in hashes {
            let bits = hash_bits(hash);
            if let Some(entry) = self.table.find(hash, |entry| entry.hash_bits == bits) {
                self.items.prefetch(entry.offset());
                self.items.prefetch(entry.offset() + PEER_ITEM_BYTES as u64 - 1);
            }
        }
        hashes
    }

    #[inline]
    fn copy(&self, key: &KeyBytes, hash: u64, value: &mut ValueBytes) -> bool {
        let Some(entry) = self.find(key, hash) else { return false };
        value.copy_from_slice(self.items.bytes(entry.offset() + KEY_BYTES as u64, VALUE_BYTES));
        true
    }

    #[inline]
    fn put(&mut self, key: &KeyBytes, hash: u64, value: &ValueBytes) {
        let offset = self.find(key, hash).unwrap_or_else(|| self.add(key, hash)).offset();
        self.items.bytes_mut(offset + KEY_BYTES as u64, VALUE_BYTES).copy_from_slice(value);
    }

    /// A new item with this key.
    fn add(&mut self, key: &KeyBytes, hash: u64) -> Entry {
        let item = u32::try_from(self.table.len()).expect("fewer items than 2^32");
        let entry = Entry { hash_bits: hash_bits(hash), item };
        self.items.bytes_mut(entry.offset(), KEY_BYTES).copy_from_slice(key);
        let (items, secrets) = (&self.items, &self.secrets);
        // Growing hashes all keys again: that is what is compared.
        let hash_again = |entry: &Entry| {
            rapidhash_v3_micro_inline::<true, false>(items.bytes(entry.offset(), KEY_BYTES), secrets)
        };
        self.table.insert_unique(hash, entry, hash_again);
        entry
    }
}

impl Table for Peer {
    fn with_room(items: u64) -> anyhow::Result<Self> {
        let pages = items / PEER_PAGE_ITEMS as u64 + 1;
        let mut arena = Arena::new(pages * PAGE_BYTES as u64, true).context("items of the peer")?;
        while arena.take_page().is_some() {}
        Ok(Self { table: HashTable::new(), items: arena, secrets: RapidSecrets::seed(SECRET) })
    }

    fn read(&mut self, key: &KeyBytes, value: &mut ValueBytes) -> bool {
        self.copy(key, self.hash(key), value)
    }

    fn read_batch(&mut self, keys: &[KeyBytes; BATCH], values: &mut [ValueBytes; BATCH]) -> usize {
        let hashes = self.prefetched(keys);
        let found = |((key, hash), value): ((&KeyBytes, u64), &mut ValueBytes)| self.copy(key, hash, value);
        keys.iter().zip(hashes).zip(values).map(found).filter(|found| *found).count()
    }

    fn write(&mut self, key: &KeyBytes, value: &ValueBytes) {
        self.put(key, self.hash(key), value);
    }

    fn write_batch(&mut self, keys: &[KeyBytes; BATCH], value: &ValueBytes) {
        let hashes = self.prefetched(keys);
        for (key, hash) in keys.iter().zip(hashes) {
            self.put(key, hash, value);
        }
    }
}

/// The bits of a hash that an entry keeps: neither the table's place nor its own tag bits (the seven highest).
#[inline]
fn hash_bits(hash: u64) -> u32 {
    let [_, _, _, a, b, c, d, _] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers<T: Table>() {
        let mut table = T::with_room(1_000).unwrap();
        let key = |number: u8| [number; KEY_BYTES];
        for number in 0..100 {
            table.write(&key(number), &[number; VALUE_BYTES]);
        }
        let mut value = [0; VALUE_BYTES];
        assert!(table.read(&key(7), &mut value) && value == [7; VALUE_BYTES]);
        assert!(!table.read(&key(100), &mut value));
        let keys = core::array::from_fn(|at| key(u8::try_from(at).unwrap() + 90));
        let mut values = [[0; VALUE_BYTES]; BATCH];
        assert_eq!(table.read_batch(&keys, &mut values), 10);
        assert!(values[9] == [99; VALUE_BYTES] && values[10] == [0; VALUE_BYTES]);
        table.write_batch(&keys, &[1; VALUE_BYTES]);
        assert_eq!(table.read_batch(&keys, &mut values), BATCH);
        assert_eq!(values, [[1; VALUE_BYTES]; BATCH]);
    }

    #[test]
    fn both_tables_answer_alike() {
        answers::<Adit>();
        answers::<Peer>();
    }
}
