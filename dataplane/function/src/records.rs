//! Records in memory by themselves: a store for tests, for runs without a server, and for measurements. It is no cache and has no expiry.

use std::cell::Cell;
use std::hint::black_box;
use std::mem;

use adit_wire::kv::VALUE_BYTES_MAX;
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
    /// All records, each a version, the length of the key, the key and the value, from multiples of [`UNIT_BYTES`] on; and gaps.
    bytes: Vec<u8>,
    /// Bytes in gaps.
    gap_bytes: usize,
    /// Bytes of keys and values.
    used_bytes: u64,
    reserved_bytes: Cell<u64>,
    limit_bytes: u64,
    last_version: u64,
}

/// A place for a record; four of them are a line of the caches.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The hash of its key.
    hash: u64,
    /// Where the record starts, in units; [`NOWHERE`] if there is none.
    unit: u32,
    /// Bytes of the value, and whether the key has [`WORD_BYTES`]: [`WORD_KEY`].
    value: u32,
}

impl Records {
    /// No records, with room for so many before the table grows.
    pub fn new(capacity: usize) -> Self {
        let slots = capacity.saturating_mul(2).max(2).next_power_of_two();
        Self {
            slots: vec![Slot::NONE; slots].into(),
            shift: u64::BITS - slots.trailing_zeros(),
            count: 0,
            bytes: Vec::new(),
            gap_bytes: 0,
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
        let taken = self.slots.iter().filter(|slot| slot.is_taken());
        taken.map(|slot| (self.key(slot), self.value_of(slot, self.key(slot).len()), self.version(slot)))
    }

    /// The value of a key.
    pub fn value(&self, key: &[u8]) -> Option<&[u8]> {
        self.find(key, hash(key)).map(|slot| self.value_of(slot, key.len()))
    }

    /// Writes a value.
    ///
    /// # Panics
    /// If the value has more than 1 GiB, the key 4 GiB, or all together 32 GiB.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        if self.count * 2 >= self.slots.len() {
            self.rebuild(self.slots.len() * 2);
        } else if self.gap_bytes > self.bytes.len() / 2 {
            self.rebuild(self.slots.len());
        }
        self.last_version += 1;
        let hash = hash(key);
        let index = self.index(key, hash);
        self.leave(index);
        self.slots[index] = Slot::new(hash, self.bytes.len(), key.len(), value.len());
        self.count += 1;
        self.used_bytes += (key.len() + value.len()) as u64;
        append(&mut self.bytes, self.last_version, key, value);
    }

    /// Deletes a key; says whether it was there.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let mut gap = self.index(key, hash(key));
        if !self.leave(gap) {
            return false;
        }
        // Those behind it that had to step over it move up.
        let mask = self.slots.len() - 1;
        let mut next = self.next(gap);
        while self.slots[next].is_taken() {
            let home = self.home(self.slots[next].hash);
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(gap) & mask {
                self.slots.swap(gap, next);
                gap = next;
            }
            next = self.next(next);
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
            if self.has(slot, key, hash) {
                return Some(slot);
            }
            if !slot.is_taken() {
                return None;
            }
            index = self.next(index);
        }
    }

    /// Whether a slot is that of a key, which has this hash.
    #[inline]
    fn has(&self, slot: &Slot, key: &[u8], hash: u64) -> bool {
        // Keys of eight bytes that have one hash are the same.
        let has_word = slot.value & WORD_KEY != 0;
        slot.hash == hash
            && slot.is_taken()
            && if key.len() == WORD_BYTES { has_word } else { !has_word && self.key(slot) == key }
    }

    /// Where a key is, or belongs.
    fn index(&self, key: &[u8], hash: u64) -> usize {
        let mut index = self.home(hash);
        while self.slots[index].is_taken() && !self.has(&self.slots[index], key, hash) {
            index = self.next(index);
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

    #[inline]
    const fn next(&self, index: usize) -> usize {
        (index + 1) & (self.slots.len() - 1)
    }

    /// Looks a record up by a key that is no word: that is not worth the registers of [`Store::get`].
    #[inline(never)]
    fn find_bytes(&self, key: &[u8]) -> Option<&Slot> {
        self.find(key, rapidhash_v3(key))
    }

    /// Asks memory for the record that is most likely the one of a hash.
    #[inline]
    fn touch(&self, hash: u64) {
        let mut index = self.home(hash);
        while self.slots[index].hash != hash && self.slots[index].is_taken() {
            index = self.next(index);
        }
        black_box(self.bytes.get(self.slots[index].start()));
    }

    #[inline]
    fn version(&self, slot: &Slot) -> u64 {
        let bytes = self.bytes.get(slot.start()..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |version| u64::from_le_bytes(*version))
    }

    fn key(&self, slot: &Slot) -> &[u8] {
        let (head, bytes) = self.bytes[slot.start()..].split_at(HEAD_BYTES);
        let key_bytes = head[8..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        &bytes[..key_bytes as usize]
    }

    /// The value of a record whose key has so many bytes.
    #[inline]
    fn value_of(&self, slot: &Slot, key_bytes: usize) -> &[u8] {
        let start = slot.start() + HEAD_BYTES + key_bytes;
        &self.bytes[start..start + slot.value_bytes()]
    }

    /// A piece of it.
    #[inline]
    fn found(&self, slot: &Slot, key_bytes: usize, offset: u64) -> Found<'_> {
        let value = self.value_of(slot, key_bytes);
        let is_whole = offset == 0 && value.len() <= RUN_BYTES;
        let bytes = if is_whole { value } else { run(value, offset) };
        Found { bytes, value_bytes: value.len() as u64, version: self.version(slot) }
    }

    /// Forgets the record of a slot; says whether there was one.
    fn leave(&mut self, index: usize) -> bool {
        let slot = self.slots[index];
        if !slot.is_taken() {
            return false;
        }
        let record_bytes = self.key(&slot).len() + slot.value_bytes();
        self.count -= 1;
        self.used_bytes -= record_bytes as u64;
        self.gap_bytes += (HEAD_BYTES + record_bytes).next_multiple_of(UNIT_BYTES);
        self.slots[index] = Slot::NONE;
        true
    }

    /// Makes the table anew, of so many slots, and the records without gaps.
    fn rebuild(&mut self, slots: usize) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.gap_bytes);
        let mut all = Vec::with_capacity(self.count);
        for slot in self.slots.iter().filter(|slot| slot.is_taken()) {
            let key = self.key(slot);
            all.push(Slot::new(slot.hash, bytes.len(), key.len(), slot.value_bytes()));
            append(&mut bytes, self.version(slot), key, self.value_of(slot, key.len()));
        }
        (self.bytes, self.gap_bytes) = (bytes, 0);
        self.slots = vec![Slot::NONE; slots].into();
        self.shift = u64::BITS - slots.trailing_zeros();
        for slot in mem::take(&mut all) {
            let mut index = self.home(slot.hash);
            while self.slots[index].is_taken() {
                index = self.next(index);
            }
            self.slots[index] = slot;
        }
    }
}

impl Store for Records {
    #[inline]
    fn get<'s>(&'s self, key: &[u8], offset: u64) -> Result<Option<Found<'s>>, Unready> {
        let slot = if key.len() == WORD_BYTES { self.find(key, hash(key)) } else { self.find_bytes(key) };
        Ok(slot.map(|slot| self.found(slot, key.len(), offset)))
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
            hashes[..views.len()].iter().for_each(|&hash| self.touch(hash));
            for (index, view) in views.iter_mut().enumerate() {
                let slot = self.find(key(start + index), hashes[index]);
                *view = slot.map(|slot| {
                    let value = self.value_of(slot, key_bytes);
                    if value.len() <= RUN_BYTES { value } else { run(value, 0) }
                });
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
    const NONE: Self = Self { hash: 0, unit: NOWHERE, value: 0 };

    fn new(hash: u64, start: usize, key_bytes: usize, value_bytes: usize) -> Self {
        let unit = u32::try_from(start / UNIT_BYTES).expect("all records have less than 32 GiB");
        assert!(unit < NOWHERE && value_bytes as u64 <= VALUE_BYTES_MAX, "a value is too long");
        let value = u32::try_from(value_bytes).expect("a value has 512 MiB at most");
        Self { hash, unit, value: if key_bytes == WORD_BYTES { value | WORD_KEY } else { value } }
    }

    #[inline]
    const fn is_taken(&self) -> bool {
        self.unit != NOWHERE
    }

    #[inline]
    const fn start(&self) -> usize {
        self.unit as usize * UNIT_BYTES
    }

    #[inline]
    const fn value_bytes(&self) -> usize {
        (self.value & !WORD_KEY) as usize
    }
}

/// Appends a record.
fn append(bytes: &mut Vec<u8>, version: u64, key: &[u8], value: &[u8]) {
    let key_bytes = u32::try_from(key.len()).expect("a key has less than 4 GiB");
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&key_bytes.to_le_bytes());
    bytes.extend_from_slice(&[0; HEAD_BYTES - 12]);
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(UNIT_BYTES), 0);
}

/// The piece of a value from an offset on.
pub(crate) fn run(value: &[u8], offset: u64) -> &[u8] {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(value.len());
    &value[start..(start - start % RUN_BYTES + RUN_BYTES).min(value.len())]
}

/// The hash of a key. It tells keys of eight bytes apart: multiplying with an odd number can be undone.
#[inline]
fn hash(key: &[u8]) -> u64 {
    match key.as_array() {
        Some(&key) => u64::from_le_bytes(key).wrapping_mul(GOLDEN_RATIO),
        None => rapidhash_v3(key),
    }
}

/// Values are handed out in pieces that end at multiples of this, as those of a server do.
pub const RUN_BYTES: usize = 64 << 10;
/// Keys that are looked up side by side.
const BATCH: usize = 16;
/// 2^64 divided by the golden ratio: a product with it has its best bits at the top.
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;
/// Bytes in front of the key of a record.
const HEAD_BYTES: usize = 16;
/// What records start at multiples of.
const UNIT_BYTES: usize = 8;
/// Where no record starts.
const NOWHERE: u32 = u32::MAX;
/// Bytes of the keys that a table is good at.
const WORD_BYTES: usize = 8;
/// The bit of a slot for them.
const WORD_KEY: u32 = 1 << 31;

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
