//! Records in memory by themselves: a store for tests, for runs without a server, and for measurements. It is no cache and has no expiry.

use std::cell::Cell;
use std::hint::black_box;
use std::mem;

use rapidhash::v3::rapidhash_v3;

use crate::stage::Room;
use crate::store::{Found, Store, Unready};

/// Records by key, in a table of open addressing.
#[derive(Debug)]
pub struct Records {
    /// A power of two of them, of which at most half are taken.
    slots: Box<[Slot]>,
    /// How far a hash is shifted to be an index.
    shift: u32,
    count: usize,
    /// Bytes of keys and values.
    used_bytes: u64,
    reserved_bytes: Cell<u64>,
    limit_bytes: u64,
    last_version: u64,
}

/// A place for a record.
#[derive(Clone, Debug, Default)]
struct Slot {
    /// The hash of its key; 0 if there is none.
    hash: u64,
    key_bytes: usize,
    /// Its version, its key, and its value.
    bytes: Box<[u8]>,
}

impl Records {
    /// No records, with room for so many before the table grows.
    pub fn new(capacity: usize) -> Self {
        let slots = capacity.saturating_mul(2).max(2).next_power_of_two();
        Self {
            slots: vec![Slot::default(); slots].into(),
            shift: u64::BITS - slots.trailing_zeros(),
            count: 0,
            used_bytes: 0,
            reserved_bytes: Cell::new(0),
            limit_bytes: u64::MAX,
            last_version: 0,
        }
    }

    /// The same, of which keys and values may take so many bytes: writes beyond that are refused while they are staged.
    #[must_use]
    pub const fn with_limit(mut self, bytes: u64) -> Self {
        self.limit_bytes = bytes;
        self
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// All records, in no order: key, value, version.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8], u64)> {
        let is_taken = |slot: &&Slot| slot.hash != 0;
        self.slots.iter().filter(is_taken).map(|slot| (slot.key(), slot.value(), slot.version()))
    }

    /// The value of a key.
    pub fn value(&self, key: &[u8]) -> Option<&[u8]> {
        self.find(key, hash(key)).map(Slot::value)
    }

    /// Writes a value.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        if self.count * 2 >= self.slots.len() {
            self.grow();
        }
        self.last_version += 1;
        let hash = hash(key);
        let index = self.index(key, hash);
        let slot = &mut self.slots[index];
        self.count += usize::from(slot.hash == 0);
        self.used_bytes = self.used_bytes - slot.len_bytes() + (key.len() + value.len()) as u64;
        let bytes = [&self.last_version.to_le_bytes(), key, value].concat().into();
        *slot = Slot { hash, key_bytes: key.len(), bytes };
    }

    /// Deletes a key; says whether it was there.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let mut gap = self.index(key, hash(key));
        let gone = mem::take(&mut self.slots[gap]);
        if gone.hash == 0 {
            return false;
        }
        self.count -= 1;
        self.used_bytes -= gone.len_bytes();
        // Those behind it that had to step over it move up.
        let mask = self.slots.len() - 1;
        let mut next = (gap + 1) & mask;
        while self.slots[next].hash != 0 {
            let home = self.home(self.slots[next].hash);
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(gap) & mask {
                self.slots.swap(gap, next);
                gap = next;
            }
            next = (next + 1) & mask;
        }
        true
    }

    /// Applies all that a call has staged.
    pub fn apply(&mut self, room: &Room) {
        for write in room.writes() {
            match write.value {
                Some(value) => self.put(write.key, value),
                None => drop(self.delete(write.key)),
            }
        }
        self.reserved_bytes.set(0);
    }

    #[inline]
    fn find(&self, key: &[u8], hash: u64) -> Option<&Slot> {
        let mut index = self.home(hash);
        loop {
            let slot = &self.slots[index];
            if slot.hash == hash && slot.has_key(key) {
                return Some(slot);
            }
            if slot.hash == 0 {
                return None;
            }
            index = (index + 1) & (self.slots.len() - 1);
        }
    }

    /// Where a key is, or belongs.
    fn index(&self, key: &[u8], hash: u64) -> usize {
        let mut index = self.home(hash);
        while self.slots[index].hash != 0
            && !(self.slots[index].hash == hash && self.slots[index].has_key(key))
        {
            index = (index + 1) & (self.slots.len() - 1);
        }
        index
    }

    /// Where a key of this hash is if nothing is in its way.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "it is less than the count of slots")]
    fn home(&self, hash: u64) -> usize {
        // The mask changes nothing, and tells the compiler that the index is there.
        (hash >> self.shift) as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        let slots = self.slots.len() * 2;
        let old = mem::replace(&mut self.slots, vec![Slot::default(); slots].into());
        self.shift -= 1;
        for slot in old {
            if slot.hash != 0 {
                let index = self.index(slot.key(), slot.hash);
                self.slots[index] = slot;
            }
        }
    }
}

impl Store for Records {
    #[inline]
    fn get<'s>(&'s self, key: &[u8], offset: u64) -> Result<Option<Found<'s>>, Unready> {
        Ok(self.find(key, hash(key)).map(|slot| slot.found(offset)))
    }

    fn get_many<'s>(
        &'s self,
        keys: &[u8],
        key_bytes: usize,
        views: &mut [Option<&'s [u8]>],
    ) -> Result<(), Unready> {
        let key = |index: usize| &keys[index * key_bytes..][..key_bytes];
        for (start, views) in (0..).step_by(BATCH).zip(views.chunks_mut(BATCH)) {
            // Lines that nothing waits for are loaded side by side: those of the table first, then those of the records.
            let mut hashes = [0; BATCH];
            for (index, hash_of) in hashes[..views.len()].iter_mut().enumerate() {
                *hash_of = hash(key(start + index));
                black_box(self.slots[self.home(*hash_of)].hash);
            }
            for &hash in &hashes[..views.len()] {
                black_box(self.slots[self.home(hash)].bytes.first());
            }
            for (index, view) in views.iter_mut().enumerate() {
                let slot = self.find(key(start + index), hashes[index]);
                *view = slot.map(|slot| slot.found(0).bytes);
            }
        }
        Ok(())
    }

    fn reserve(&self, key: &[u8], value_bytes: u64) -> Result<(), Unready> {
        let reserved = self.reserved_bytes.get() + key.len() as u64 + value_bytes;
        if self.used_bytes.saturating_add(reserved) > self.limit_bytes {
            return Err(Unready::Full);
        }
        self.reserved_bytes.set(reserved);
        Ok(())
    }

    fn release(&self) {
        self.reserved_bytes.set(0);
    }
}

impl Slot {
    #[inline]
    fn has_key(&self, key: &[u8]) -> bool {
        if let (Some(key), Some(own)) = (key.as_array::<8>(), self.bytes[8..].first_chunk::<8>())
            && self.key_bytes == 8
        {
            return key == own;
        }
        self.key() == key
    }

    #[inline]
    fn key(&self) -> &[u8] {
        &self.bytes[8..8 + self.key_bytes]
    }

    #[inline]
    fn value(&self) -> &[u8] {
        &self.bytes[8 + self.key_bytes..]
    }

    #[inline]
    fn version(&self) -> u64 {
        self.bytes.first_chunk().map_or(0, |version| u64::from_le_bytes(*version))
    }

    /// Bytes of its key and value.
    fn len_bytes(&self) -> u64 {
        self.bytes.len().saturating_sub(8) as u64
    }

    #[inline]
    fn found(&self, offset: u64) -> Found<'_> {
        let value = self.value();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(value.len());
        let end = (start - start % RUN_BYTES + RUN_BYTES).min(value.len());
        Found { bytes: &value[start..end], value_bytes: value.len() as u64, version: self.version() }
    }
}

/// The hash of a key, which is not 0.
#[inline]
fn hash(key: &[u8]) -> u64 {
    match key.as_array() {
        Some(&key) => u64::from_le_bytes(key).wrapping_mul(GOLDEN_RATIO) | 1,
        None => rapidhash_v3(key) | 1,
    }
}

/// Values are handed out in pieces that end at multiples of this, as those of a server do.
pub const RUN_BYTES: usize = 64 << 10;
/// Keys that are looked up side by side.
const BATCH: usize = 16;
/// 2^64 divided by the golden ratio: a product with it has its best bits at the top.
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A length from 0 to 8.
    fn tail(random: u64) -> usize {
        usize::try_from(random % 9).expect("a small number")
    }

    #[test]
    fn random_writes_leave_what_a_map_has() {
        let (mut records, mut model) = (Records::new(0), BTreeMap::new());
        for step in 0..20_000_u64 {
            let random = rapidhash_v3(&step.to_le_bytes());
            let key = (random % 300).to_le_bytes()[..1 + tail(random >> 32) % 8].to_vec();
            if random >> 61 < 3 {
                assert_eq!(records.delete(&key), model.remove(&key).is_some());
            } else {
                records.put(&key, &random.to_le_bytes()[..tail(random)]);
                model.insert(key.clone(), random.to_le_bytes()[..tail(random)].to_vec());
            }
            assert_eq!(records.value(&key), model.get(&key).map(Vec::as_slice));
        }
        let mut all: Vec<_> = records.iter().map(|(key, value, _)| (key.to_vec(), value.to_vec())).collect();
        all.sort();
        assert_eq!(all, model.into_iter().collect::<Vec<_>>());
        let bytes = |(key, value): &(Vec<u8>, Vec<u8>)| (key.len() + value.len()) as u64;
        assert_eq!((records.count(), records.used_bytes), (all.len(), all.iter().map(bytes).sum()));
    }

    #[test]
    fn many_are_found_as_one_by_one() {
        let mut records = Records::new(100);
        (0..100_u64).for_each(|key| records.put(&(key * 2).to_le_bytes(), &key.to_le_bytes()[..tail(key)]));
        let keys: Vec<u8> = (0..40_u64).flat_map(|index| (index * 7).to_le_bytes()).collect();
        for count in 0..=40 {
            let mut views = vec![None; count];
            assert_eq!(records.get_many(&keys, 8, &mut views), Ok(()));
            let expected: Vec<_> = keys.chunks(8).take(count).map(|key| records.value(key)).collect();
            assert_eq!(views, expected);
        }
    }

    #[test]
    fn values_come_in_pieces() {
        let mut records = Records::new(1);
        let value: Vec<u8> = (0..RUN_BYTES + 10).map(|index| index.to_le_bytes()[0]).collect();
        records.put(b"key", &value);
        let get = |offset| records.get(b"key", offset).expect("it is there").expect("it is there");
        assert_eq!((get(0).bytes, get(0).value_bytes), (&value[..RUN_BYTES], value.len() as u64));
        assert_eq!(get(5).bytes, &value[5..RUN_BYTES]);
        assert_eq!(get(RUN_BYTES as u64).bytes, &value[RUN_BYTES..]);
        assert_eq!((get(value.len() as u64).bytes, get(u64::MAX).bytes), (&[][..], &[][..]));
    }
}
