//! The index of the items: linear hashing over buckets of one cache line. It knows hashes and offsets, not items.
//!
//! Litwin, "Linear Hashing", VLDB 1980. One bucket splits at a time, and the bit that a split needs is in the slot:
//! growing never reads an item and never stops the shard.

use super::item::ITEM_ALIGN_BYTES;
use super::to_usize;
use adit_drivers::memory::{LINE_WORDS, Line, Lines};
use adit_drivers::prefetch;
use core::num::NonZeroUsize;

// A bucket is a line; buckets of more than 7 items go on in overflow buckets:
//
//  word 0      1      ...    6      7
//       | slot | slot | ... | slot | index of the overflow bucket, 0 = none |
//
//  slot, bits  63            36   35     34                  0
//             | hash bits 37..10 | used | item offset / 16 B  |      0 = empty
//
// Buckets grow from the first line up, overflow buckets from the last line down. A chain of buckets is dense: its
// empty slots are the last ones. A free overflow bucket between used ones is on a list:
//
//  word 0      1                 7
//       | next | previous | ... | FREE |

/// Slots of a bucket.
const SLOTS: usize = LINE_WORDS - 1;
/// Word of a bucket that links to its overflow bucket.
const LINK: usize = SLOTS;
/// Link word of a free overflow bucket.
const FREE: u64 = u64::MAX;
/// Bit of a slot that is set when it is in use.
const USED_BIT: u32 = 35;
/// Bits of a slot that hold the offset.
const OFFSET_MASK: u64 = (1 << USED_BIT) - 1;
/// The lowest bit of the hash that is in the slot.
const HASH_SHIFT: u32 = 10;
/// The lowest bit of a slot that is one of the hash.
const TAG_SHIFT: u32 = USED_BIT + 1;
/// Bytes of items that slots can name.
pub(super) const ITEMS_BYTES_MAX: u64 = (ITEM_ALIGN_BYTES as u64) << USED_BIT;

/// Buckets at the start. All bits of the hash below [`HASH_SHIFT`] follow from the bucket.
const BUCKETS_MIN: usize = 1 << HASH_SHIFT;
/// Lines that an index has at least.
pub(super) const LINES_MIN: usize = 2 * BUCKETS_MIN;
/// Items per bucket above which a bucket is split. With 4, reads took 5 % less time and the index 12 % more lines.
const LOAD_ITEMS: usize = 5;
/// One in so many lines is kept for overflow buckets: splitting stops before it takes them. With 8, the index takes
/// some 4.7 items per line before it is full.
const RESERVE_FRACTION: usize = 8;

/// Where a slot is: 1 + its line * 8 + its number. One register, also as an option: in memory it would be
/// stored in parts and loaded as a whole, which stalls until the stores before it are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(NonZeroUsize);

impl Place {
    #[inline]
    fn new(line: usize, slot: usize) -> Self {
        Self(NonZeroUsize::MIN.saturating_add(line * LINE_WORDS + slot))
    }

    #[inline]
    fn line(self) -> usize {
        (self.0.get() - 1) / LINE_WORDS
    }

    #[inline]
    fn slot(self) -> usize {
        (self.0.get() - 1) % LINE_WORDS
    }
}

/// The slots of a line that can be of an item of a hash.
pub(super) struct Candidates<'a> {
    tag: u64,
    line: usize,
    words: &'a Line,
    /// Slots that were not visited yet.
    hits: u32,
}

impl Candidates<'_> {
    /// The next slot, and the offset of its item.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<(Place, u64)> {
        if self.hits == 0 {
            return None;
        }
        let slot = self.hits.trailing_zeros() as usize;
        self.hits &= self.hits - 1;
        Some((Place::new(self.line, slot), offset_of(self.words.0[slot])))
    }
}

/// No slot and no overflow bucket is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The index.
pub(super) struct Index {
    lines: Lines,
    /// Buckets in use: 2^level + those of the level already split.
    bucket_count: usize,
    /// 2^level - 1.
    level_mask: usize,
    /// Lines from here to the end are overflow buckets, used or free.
    overflow_start: usize,
    /// First free overflow bucket above `overflow_start`, 0 = none.
    free_first: usize,
    free_count: usize,
    /// Lines that are kept back of those that can still become overflow buckets.
    kept_lines: usize,
    /// Slots in use.
    items: usize,
    /// Lines in use, for buckets and overflow buckets.
    used_lines: usize,
}

impl Index {
    /// An empty index over zeroed lines, [`LINES_MIN`] at least.
    pub(super) fn new(lines: Lines) -> Self {
        assert!(lines.len() >= LINES_MIN, "an index needs {LINES_MIN} lines, it got {}", lines.len());
        let overflow_start = lines.len();
        Self {
            lines,
            bucket_count: BUCKETS_MIN,
            level_mask: BUCKETS_MIN - 1,
            overflow_start,
            free_first: 0,
            free_count: 0,
            kept_lines: 0,
            items: 0,
            used_lines: BUCKETS_MIN,
        }
    }

    /// All lines.
    pub(super) fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// Buckets, without overflow buckets.
    pub(super) fn bucket_count(&self) -> usize {
        self.bucket_count
    }

    /// Overflow buckets in use.
    pub(super) fn overflow_count(&self) -> usize {
        self.lines.len() - self.overflow_start - self.free_count
    }

    /// The bucket of a hash.
    #[inline]
    pub(super) fn bucket_of(&self, hash: u64) -> usize {
        let hash = to_usize(hash);
        let wide = hash & (self.level_mask * 2 + 1);
        if wide < self.bucket_count { wide } else { hash & self.level_mask }
    }

    /// Asks for the line of a bucket; any number will do.
    #[inline]
    pub(super) fn prefetch(&self, bucket: usize) {
        if let Some(line) = self.lines.get(bucket) {
            prefetch::read(line);
        }
    }

    /// Offset of the first item in the bucket's own line that can be the one of this hash.
    #[inline]
    pub(super) fn candidate(&self, hash: u64) -> Option<u64> {
        let line = &self.lines[self.bucket_of(hash)];
        let hits = matches(line, tag_of(hash));
        if hits != 0 {
            return Some(offset_of(line.0[hits.trailing_zeros() as usize]));
        }
        self.prefetch_overflow(line);
        None
    }

    /// The slot of the item of this hash for which `same` holds.
    pub(super) fn find(&self, hash: u64, mut same: impl FnMut(u64) -> bool) -> Option<Place> {
        let mut line = self.candidates(hash);
        loop {
            while let Some((place, offset)) = line.next() {
                if same(offset) {
                    return Some(place);
                }
            }
            line = self.more_candidates(&line)?;
        }
    }

    /// The slots of a bucket's own line that can be of an item of this hash.
    #[inline(always)]
    pub(super) fn candidates(&self, hash: u64) -> Candidates<'_> {
        self.candidates_in(self.bucket_of(hash), tag_of(hash))
    }

    /// The same of the next line of the bucket.
    #[inline(always)]
    pub(super) fn more_candidates(&self, before: &Candidates<'_>) -> Option<Candidates<'_>> {
        match to_usize(before.words.0[LINK]) {
            0 => None,
            line => Some(self.candidates_in(line, before.tag)),
        }
    }

    #[inline(always)]
    fn candidates_in(&self, line: usize, tag: u64) -> Candidates<'_> {
        let words = &self.lines[line];
        Candidates { tag, line, words, hits: matches(words, tag) }
    }

    /// Adds an item, and splits a bucket if there are many. The caller made sure that it is not there.
    pub(super) fn insert(&mut self, hash: u64, offset: u64) -> Result<(), Full> {
        let tail = self.tail_of(self.bucket_of(hash));
        self.append_slot(tail, slot_of(hash, offset)).ok_or(Full)?;
        self.items += 1;
        if self.items > self.bucket_count * LOAD_ITEMS {
            self.split();
        }
        Ok(())
    }

    /// Whether [`insert`](Self::insert) finds a slot for an item of this hash.
    pub(super) fn has_slot_for(&self, hash: u64) -> bool {
        self.spare_lines() > 0 || self.tail_of(self.bucket_of(hash)).slot < SLOTS
    }

    /// Whether a bucket goes on in overflow buckets.
    pub(super) fn has_overflow(&self, bucket: usize) -> bool {
        self.link(bucket).is_some()
    }

    /// Bytes of the lines in use.
    #[inline]
    pub(super) fn used_bytes(&self) -> u64 {
        (self.used_lines * size_of::<Line>()) as u64
    }

    /// Offset of the item that a slot names.
    #[inline]
    pub(super) fn offset(&self, place: Place) -> u64 {
        offset_of(self.lines[place.line()].0[place.slot()])
    }

    /// Lets a slot name another offset: its item has moved.
    pub(super) fn replace(&mut self, place: Place, offset: u64) {
        let slot = &mut self.lines[place.line()].0[place.slot()];
        *slot = *slot & !OFFSET_MASK | units(offset);
    }

    /// Takes a slot of a bucket out. The last one of the chain moves to its place.
    pub(super) fn remove(&mut self, bucket: usize, place: Place) {
        let (mut before, mut tail) = (bucket, bucket);
        while let Some(next) = self.link(tail) {
            (before, tail) = (tail, next);
        }
        let words = &mut self.lines[tail].0;
        let last = SLOTS - 1 - words[..SLOTS].iter().rev().take_while(|slot| **slot == 0).count();
        let moved = core::mem::take(&mut words[last]);
        if (tail, last) != (place.line(), place.slot()) {
            self.lines[place.line()].0[place.slot()] = moved;
        }
        if last == 0 && tail != bucket {
            self.lines[before].0[LINK] = 0;
            self.free_overflow(tail);
        }
        self.items -= 1;
    }

    /// The first slot of a bucket, for a walk over all its items.
    #[inline]
    pub(super) fn first(&self, bucket: usize) -> Option<Place> {
        self.used(bucket, 0)
    }

    /// The slot after `place`.
    #[inline]
    pub(super) fn after(&self, place: Place) -> Option<Place> {
        if place.slot() + 1 < SLOTS {
            self.used(place.line(), place.slot() + 1)
        } else {
            self.used(self.link(place.line())?, 0)
        }
    }

    /// The slot at `place` of a bucket once more, after what was there is gone.
    pub(super) fn again(&self, bucket: usize, place: Place) -> Option<Place> {
        // The line may have gone as well: then `place` was the last slot of its chain.
        if place.line() != bucket && self.lines[place.line()].0[LINK] == FREE {
            return None;
        }
        self.used(place.line(), place.slot())
    }

    /// Bits of the hash that all items of a bucket share.
    pub(super) fn bucket_bits(&self, bucket: usize) -> u32 {
        let level = self.level();
        let split = bucket > self.level_mask || bucket + self.level_mask + 1 < self.bucket_count;
        if split { level + 1 } else { level }
    }

    fn level(&self) -> u32 {
        self.level_mask.count_ones()
    }

    /// The place of a slot, unless it is empty.
    #[inline]
    fn used(&self, line: usize, slot: usize) -> Option<Place> {
        let word = self.lines[line].0[slot];
        (word != 0).then(|| Place::new(line, slot))
    }

    #[inline]
    fn link(&self, line: usize) -> Option<usize> {
        match to_usize(self.lines[line].0[LINK]) {
            0 => None,
            next => Some(next),
        }
    }

    fn prefetch_overflow(&self, line: &Line) {
        let link = to_usize(line.0[LINK]);
        if link != 0 {
            self.prefetch(link);
        }
    }

    /// The first empty slot of a bucket's chain; past the end of its last line if that is full.
    #[inline]
    fn tail_of(&self, bucket: usize) -> Tail {
        let mut line = bucket;
        while let Some(next) = self.link(line) {
            line = next;
        }
        let slots = &self.lines[line].0[..SLOTS];
        Tail { line, slot: slots.iter().position(|slot| *slot == 0).unwrap_or(SLOTS) }
    }

    /// Writes a slot at the tail of a chain, which goes on in a new overflow bucket if need be.
    fn append_slot(&mut self, tail: Tail, slot: u64) -> Option<Tail> {
        let Tail { line, slot: at } = tail;
        if at < SLOTS {
            self.lines[line].0[at] = slot;
            return Some(Tail { line, slot: at + 1 });
        }
        let fresh = self.take_overflow()?;
        self.lines[line].0[LINK] = fresh as u64;
        self.lines[fresh].0[0] = slot;
        Some(Tail { line: fresh, slot: 1 })
    }
}

/// The end of a chain: the next slot to fill.
#[derive(Clone, Copy)]
struct Tail {
    line: usize,
    slot: usize,
}

/// Splitting.
impl Index {
    /// Lines that can still become overflow buckets.
    pub(super) fn spare_lines(&self) -> usize {
        self.overflow_start - self.bucket_count + self.free_count - self.kept_lines
    }

    /// Keeps spare lines back, which nothing takes then: there are that many.
    pub(super) fn keep_back(&mut self, lines: usize) {
        debug_assert!(self.spare_lines() >= lines);
        self.kept_lines += lines;
    }

    /// Lets lines that were kept back be taken again.
    pub(super) fn give_back(&mut self, lines: usize) {
        self.kept_lines -= lines;
    }

    /// Splits the next bucket, if enough lines are left for it and for overflow buckets to come.
    #[inline(never)]
    fn split(&mut self) {
        let (from, to) = (self.bucket_count - self.level_mask - 1, self.bucket_count);
        let mut overflows = 0;
        let mut line = from;
        while let Some(next) = self.link(line) {
            overflows += 1;
            line = next;
        }
        let reserve = self.lines.len() / RESERVE_FRACTION;
        // In the worst case all of the chain moves, and the old overflow buckets are free only after that.
        if to == self.overflow_start || self.spare_lines() <= reserve.max(overflows + 1) {
            return;
        }
        self.bucket_count += 1;
        self.used_lines += 1;
        self.lines[to] = Line::default();
        self.divide(from, to);
        if self.bucket_count == 2 * (self.level_mask + 1) {
            self.level_mask = self.level_mask * 2 + 1;
        }
        self.prefetch(from + 2);
    }

    /// Moves the items of bucket `from` whose hash says so to bucket `to`; the others close ranks.
    fn divide(&mut self, from: usize, to: usize) {
        let moves = 1 << (TAG_SHIFT + self.level() - HASH_SHIFT);
        let mut kept = Tail { line: from, slot: 0 };
        let mut moved = Tail { line: to, slot: 0 };
        let mut reading = Some(from);
        while let Some(line) = reading {
            let words = self.lines[line].0;
            reading = self.link(line);
            for slot in words.into_iter().take(SLOTS).take_while(|slot| *slot != 0) {
                if slot & moves != 0 {
                    moved = self.append_slot(moved, slot).expect("`split` saw that lines are left");
                } else {
                    kept = self.keep_slot(kept, slot);
                }
            }
        }
        self.cut(kept);
    }

    /// Writes a slot at or before the place it was read from, along the old chain.
    fn keep_slot(&mut self, tail: Tail, slot: u64) -> Tail {
        let Tail { mut line, slot: mut at } = tail;
        if at == SLOTS {
            line = self.link(line).expect("slots move towards the start of their chain");
            at = 0;
        }
        self.lines[line].0[at] = slot;
        Tail { line, slot: at + 1 }
    }

    /// Ends a chain: empties the slots from the tail on, and frees the lines after it.
    fn cut(&mut self, tail: Tail) {
        let words = &mut self.lines[tail.line].0;
        words[tail.slot..SLOTS].fill(0);
        let mut rest = core::mem::take(&mut words[LINK]);
        while rest != 0 {
            let line = to_usize(rest);
            rest = self.lines[line].0[LINK];
            self.free_overflow(line);
        }
    }
}

/// Overflow buckets.
impl Index {
    /// An empty overflow bucket.
    fn take_overflow(&mut self) -> Option<usize> {
        if self.spare_lines() == 0 {
            return None;
        }
        if self.free_first != 0 {
            let line = self.free_first;
            self.unlist(line);
            self.lines[line] = Line::default();
            self.used_lines += 1;
            return Some(line);
        }
        self.overflow_start -= 1;
        self.used_lines += 1;
        self.lines[self.overflow_start] = Line::default();
        Some(self.overflow_start)
    }

    /// Frees an overflow bucket: on the list, or back to the gap if it is the lowest.
    fn free_overflow(&mut self, line: usize) {
        self.enlist(line);
        self.used_lines -= 1;
        while self.lines.get(self.overflow_start).is_some_and(|line| line.0[LINK] == FREE) {
            self.unlist(self.overflow_start);
            self.overflow_start += 1;
        }
    }

    fn enlist(&mut self, line: usize) {
        let next = core::mem::replace(&mut self.free_first, line);
        if next != 0 {
            self.lines[next].0[1] = line as u64;
        }
        self.lines[line].0 = [next as u64, 0, 0, 0, 0, 0, 0, FREE];
        self.free_count += 1;
    }

    fn unlist(&mut self, line: usize) {
        let [next, previous, ..] = self.lines[line].0.map(to_usize);
        if next != 0 {
            self.lines[next].0[1] = previous as u64;
        }
        if previous == 0 {
            self.free_first = next;
        } else {
            self.lines[previous].0[0] = next as u64;
        }
        self.lines[line] = Line::default();
        self.free_count -= 1;
    }
}

/// The bits of a slot, but for the offset, of an item of this hash.
#[inline]
fn tag_of(hash: u64) -> u64 {
    (hash >> HASH_SHIFT) << TAG_SHIFT | 1 << USED_BIT
}

#[inline]
fn slot_of(hash: u64, offset: u64) -> u64 {
    tag_of(hash) | units(offset)
}

/// An offset as it stands in a slot.
#[inline]
fn units(offset: u64) -> u64 {
    debug_assert!(offset.is_multiple_of(ITEM_ALIGN_BYTES as u64) && offset < ITEMS_BYTES_MAX);
    offset / ITEM_ALIGN_BYTES as u64
}

#[inline]
fn offset_of(slot: u64) -> u64 {
    (slot & OFFSET_MASK) * ITEM_ALIGN_BYTES as u64
}

/// One bit for each slot whose tag is this one.
#[inline]
fn matches(line: &Line, tag: u64) -> u32 {
    // Tags lie in the upper halves of their slots. The link word is not a slot.
    const { assert!(USED_BIT >= 32 && SLOTS == LINK) };
    line.matches_upper(upper_half(tag), upper_half(!OFFSET_MASK)) & ((1 << SLOTS) - 1)
}

#[inline]
fn upper_half(word: u64) -> u32 {
    (word >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn index(lines: usize) -> Index {
        Index::new(Lines::new(lines as u64 * 64, false).unwrap())
    }

    /// Spreads a number over all bits (SplitMix64).
    fn hash(number: u64) -> u64 {
        let mut hash = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ hash >> 31
    }

    fn place(index: &Index, number: u64) -> Option<Place> {
        index.find(hash(number), |offset| offset == number * 16)
    }

    fn remove(index: &mut Index, number: u64) {
        index.remove(index.bucket_of(hash(number)), place(index, number).unwrap());
    }

    /// Walks all there is and checks it against the counts and what should be there.
    fn check(index: &Index, expected: &BTreeMap<u64, u64>) {
        let mut seen = 0;
        let mut overflows = 0;
        for bucket in 0..index.bucket_count() {
            let mut walk = index.first(bucket);
            while let Some(place) = walk {
                assert_eq!(index.bucket_of(hash(index.offset(place) / 16)), bucket);
                seen += 1;
                walk = index.after(place);
            }
            let mut line = bucket;
            while let Some(next) = index.link(line) {
                assert!(next >= index.overflow_start && index.lines[next].0[0] != 0);
                overflows += 1;
                line = next;
            }
        }
        assert_eq!((seen, index.items), (expected.len(), expected.len()));
        assert_eq!(overflows, index.overflow_count());
        assert_eq!(index.used_lines, index.bucket_count() + overflows);
        assert!(index.overflow_start >= index.bucket_count());
        assert!(expected.keys().all(|number| place(index, *number).is_some()));
    }

    #[test]
    fn grows_shrinks_and_frees_overflow_buckets() {
        let mut index = index(16 * BUCKETS_MIN);
        let mut expected = BTreeMap::new();
        for number in 0..40_000 {
            index.insert(hash(number), number * 16).unwrap();
            expected.insert(number, number);
        }
        assert!(index.bucket_count() > 7 * BUCKETS_MIN);
        check(&index, &expected);
        for number in (0..40_000).filter(|number| number % 7 != 0) {
            remove(&mut index, number);
            expected.remove(&number);
        }
        check(&index, &expected);
        for number in (0..40_000).filter(|number| number % 7 == 0) {
            remove(&mut index, number);
        }
        check(&index, &BTreeMap::new());
        assert_eq!((index.overflow_count(), index.free_count), (0, 0));
        assert_eq!(index.overflow_start, index.line_count());
    }

    #[test]
    fn takes_4_5_items_per_line_before_it_is_full() {
        let mut index = index(LINES_MIN * 4);
        let taken = (0..).take_while(|number| index.insert(hash(*number), number * 16).is_ok()).count();
        assert!(taken > index.line_count() * 9 / 2, "{taken}");
        let expected: BTreeMap<u64, u64> = (0..taken as u64).map(|number| (number, number)).collect();
        check(&index, &expected);
        // One out, and the one that was refused finds room.
        let refused = taken as u64;
        let mates = expected.keys().find(|n| index.bucket_of(hash(**n)) == index.bucket_of(hash(refused)));
        remove(&mut index, *mates.unwrap());
        assert_eq!(index.insert(hash(refused), refused * 16), Ok(()));
    }

    #[test]
    fn equal_hashes_share_a_chain() {
        let mut index = index(LINES_MIN);
        let find = |index: &Index, number: u64| index.find(7, |offset| offset == number * 16);
        for number in 0..100 {
            index.insert(7, number * 16).unwrap();
        }
        assert_eq!(index.overflow_count(), 14);
        for number in 0..100 {
            index.remove(7, find(&index, number).unwrap());
            assert_eq!(find(&index, number), None);
            assert!((number + 1..100).all(|number| find(&index, number).is_some()));
        }
        assert_eq!((index.items, index.overflow_count()), (0, 0));
    }

    #[test]
    fn a_moved_item_keeps_its_slot() {
        let mut index = index(LINES_MIN);
        index.insert(hash(1), 16).unwrap();
        let before = place(&index, 1).unwrap();
        index.replace(before, ITEMS_BYTES_MAX - 16);
        let after = index.find(hash(1), |_| true).unwrap();
        assert_eq!((after, index.offset(after)), (before, ITEMS_BYTES_MAX - 16));
        assert_eq!(index.candidate(hash(1)), Some(ITEMS_BYTES_MAX - 16));
    }

    #[test]
    fn bits_of_a_bucket_follow_the_split() {
        let mut index = index(LINES_MIN * 2);
        assert_eq!((index.bucket_bits(0), index.bucket_bits(1023)), (10, 10));
        for number in 0..=LOAD_ITEMS * BUCKETS_MIN {
            index.insert(hash(number as u64), number as u64 * 16).unwrap();
        }
        assert_eq!(index.bucket_count(), BUCKETS_MIN + 1);
        assert_eq!((index.bucket_bits(0), index.bucket_bits(1), index.bucket_bits(1024)), (11, 10, 11));
    }
}
