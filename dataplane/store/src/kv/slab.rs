//! Room for items in spans of the arena: a span holds items of one size class, and goes back as soon as it is
//! empty. Small items lie in runs, so that a class with few of them takes little; large ones in pages, of which
//! they waste less.

use super::hand::Hand;
use super::item::{CHAIN_ID_BYTES, HEADER_BYTES, INLINE_BYTES_MAX, ITEM_ALIGN_BYTES, write_free};
use super::ring::{Links, Members};
use super::to_usize;
use adit_drivers::memory::{Arena, PAGE_BYTES, RUN_BYTES};
use adit_wire::kv::KEY_BYTES_MAX;

/// Classes up to this size go in steps of [`ITEM_ALIGN_BYTES`], above it in [`DOUBLING_CLASSES`] per doubling. With
/// that the sizes of the Facebook ETC workload waste 2.6 %.
const FINE_BYTES_MAX: usize = 1 << 10;
/// Classes of each doubling above [`FINE_BYTES_MAX`].
const DOUBLING_CLASSES: usize = 16;
/// Longest item that lies in a run. The end of a run that is too short for one more item wastes 2.4 % at the
/// mean of the classes above 1 KiB, and 9.4 % at most.
pub(super) const RUN_ITEM_BYTES_MAX: usize = 8 << 10;
/// Longest item: the longest key with the number of a chain.
pub(super) const ITEM_BYTES_MAX: usize = HEADER_BYTES + KEY_BYTES_MAX + CHAIN_ID_BYTES;
/// Classes in all.
pub(super) const CLASS_COUNT: usize = class_of(ITEM_BYTES_MAX) + 1;
/// Larger classes that lend room when no span is to be had: one doubling, of large items.
const LENDING_CLASSES: usize = 16;
/// Free pages from which on each class of large items takes one of its own: some more than there are such classes.
const PAGES_PLENTY: u64 = 64;
/// Free units from which on each class of small items takes a run of its own: two for each of them.
const UNITS_PLENTY: u64 = 256;
/// End of a list of spans, and of one of free items within a span.
const NONE: u32 = u32::MAX;
/// Bytes of the link in a free item.
const LINK_BYTES: usize = 4;
/// The first class of items that lie in pages.
pub(super) const PAGE_CLASS_FIRST: usize = class_of(RUN_ITEM_BYTES_MAX) + 1;
/// Units of a page.
pub(super) const PAGE_UNITS: u32 = as_u32(PAGE_BYTES / RUN_BYTES);
/// In place of a class: the unit belongs to the span of the first unit of its page.
pub(super) const FOLLOWS: u8 = u8::MAX;

const _: () = assert!(INLINE_BYTES_MAX <= ITEM_BYTES_MAX && ITEM_BYTES_MAX <= PAGE_BYTES);
const _: () = assert!(CLASS_COUNT <= FOLLOWS as usize && RUN_BYTES / ITEM_ALIGN_BYTES <= u16::MAX as usize);

/// A run or page that holds items; named by its first unit.
#[derive(Clone, Copy)]
pub(super) struct Span {
    /// First free item that was in use before: bytes from the start of the span.
    free: u32,
    /// Start of the part that was never in use.
    pub(super) fresh: u32,
    /// Neighbours on the list of spans of the class that have room.
    previous: u32,
    next: u32,
    /// Place on the ring of the class, if an item may be evicted.
    pub(super) links: Links,
    /// Bytes of an item.
    pub(super) size: u32,
    /// Items in use.
    pub(super) used: u16,
    pub(super) class: u8,
}

impl Members for Box<[Span]> {
    fn links(&mut self, member: u32) -> &mut Links {
        &mut self[index(member)].links
    }
}

/// Size-class allocator of items over an arena.
pub(super) struct Slab {
    /// For each class, the first span that has room.
    open: [u32; CLASS_COUNT],
    /// One for each unit of the arena.
    pub(super) spans: Box<[Span]>,
    pub(super) hands: Box<[Hand]>,
    items: u64,
    /// Bytes of the item for which there was no room since the last look.
    short_len: usize,
}

impl Slab {
    /// A slab over an arena of `unit_count` units of a run each.
    pub(super) fn new(unit_count: usize) -> Self {
        Self {
            open: [NONE; CLASS_COUNT],
            spans: vec![Span::of(0); unit_count].into_boxed_slice(),
            hands: vec![Hand::NEW; CLASS_COUNT].into_boxed_slice(),
            items: 0,
            short_len: 0,
        }
    }

    /// Room for an item of `len` bytes, `None` if there is none or the limit is reached. `version` is that of
    /// the store.
    pub(super) fn allocate(&mut self, arena: &mut Arena, len: usize, version: u64) -> Option<u64> {
        let class = class_of(len);
        let mut span = self.open[class];
        if span == NONE || !arena.fits(u64::from(SIZES[class])) {
            span = self.find_span(arena, class).unwrap_or(NONE);
            if span == NONE {
                self.short_len = len;
                return None;
            }
        }
        if !self.span(span).links.is_listed() {
            self.list(span, version);
        }
        Some(self.take_item(arena, span))
    }

    /// Bytes of the item for which there was no room since the last call, 0 if there was for all.
    pub(super) fn take_short_len(&mut self) -> usize {
        core::mem::take(&mut self.short_len)
    }

    /// Whether there is room for an item of this class.
    pub(super) fn has_room_for(&self, arena: &mut Arena, class: usize) -> bool {
        self.open[class] != NONE
            || self.lend(arena, class, LENDING_CLASSES).is_some()
            || if lies_in_run(class) { arena.has_run() } else { arena.free_pages() > 0 }
    }

    /// A span with room for a class that has none: a new one, or one of a larger class. While spans are few,
    /// what can be lent without much waste comes first.
    #[inline(never)]
    fn find_span(&mut self, arena: &mut Arena, class: usize) -> Option<u32> {
        if !arena.make_fit(u64::from(SIZES[class])) {
            return None;
        }
        if self.open[class] != NONE {
            return Some(self.open[class]);
        }
        let few = if lies_in_run(class) {
            arena.free_units() < UNITS_PLENTY
        } else {
            arena.free_pages() < PAGES_PLENTY
        };
        if few && let Some(span) = self.lend(arena, class, lenders(class)) {
            return Some(span);
        }
        self.start_span(arena, class).or_else(|| self.lend(arena, class, LENDING_CLASSES))
    }

    /// Gives the room at `offset` back.
    pub(super) fn free(&mut self, arena: &mut Arena, offset: u64) {
        let (span, within) = self.split(offset);
        write_free(arena.bytes_mut(offset, HEADER_BYTES), self.span(span).free);
        let was_full = !self.has_room(span);
        let entry = self.span_mut(span);
        entry.free = within;
        entry.used -= 1;
        let (used, size) = (entry.used, entry.size);
        self.items -= 1;
        arena.discharge(u64::from(size));
        if was_full {
            self.link(span);
        }
        if used == 0 {
            self.unlink(span);
            self.unlist(span);
            self.end_span(arena, span);
        }
    }

    /// Bytes of the room at `offset`.
    #[inline]
    pub(super) fn capacity(&self, offset: u64) -> usize {
        index(self.span(self.split(offset).0).size)
    }

    /// Bytes of the room that an item of `len` bytes gets.
    #[inline]
    pub(super) fn rounded(len: usize) -> usize {
        index(SIZES[class_of(len)])
    }

    /// Items in use.
    pub(super) fn items(&self) -> u64 {
        self.items
    }

    /// Takes an item of a span that has room.
    fn take_item(&mut self, arena: &mut Arena, span: u32) -> u64 {
        let entry = self.span_mut(span);
        let size = entry.size;
        let within = if entry.free == NONE { entry.fresh } else { entry.free };
        let offset = start_of(span) + u64::from(within);
        if entry.free == NONE {
            entry.fresh += size;
        } else {
            let link = arena.bytes(offset, LINK_BYTES).first_chunk();
            entry.free = link.map_or(NONE, |link| u32::from_le_bytes(*link));
        }
        entry.used += 1;
        self.items += 1;
        arena.charge(u64::from(size));
        if !self.has_room(span) {
            self.unlink(span);
        }
        offset
    }

    /// Takes a run or page for a class.
    fn start_span(&mut self, arena: &mut Arena, class: usize) -> Option<u32> {
        let span = if lies_in_run(class) {
            arena.take_run()?
        } else {
            let first = arena.take_page()? * PAGE_UNITS;
            self.spans[index(first)..index(first + PAGE_UNITS)].fill(Span { class: FOLLOWS, ..Span::of(0) });
            first
        };
        *self.span_mut(span) = Span::of(class);
        self.link(span);
        Some(span)
    }

    /// Gives a run or page back that is empty.
    fn end_span(&self, arena: &mut Arena, span: u32) {
        if lies_in_run(usize::from(self.span(span).class)) {
            arena.return_run(span);
        } else {
            arena.return_page(span / PAGE_UNITS);
        }
    }

    /// A span of one of the next `count` classes that has room, within the limit.
    fn lend(&self, arena: &Arena, class: usize, count: usize) -> Option<u32> {
        let lenders = (class + 1..CLASS_COUNT).take(count).filter(|class| self.open[*class] != NONE);
        let lender = lenders.take(1).find(|class| arena.fits(u64::from(SIZES[*class])))?;
        Some(self.open[lender])
    }

    #[inline]
    fn has_room(&self, span: u32) -> bool {
        let span = self.span(span);
        span.free != NONE || index(span.fresh + span.size) <= span.len_bytes()
    }

    /// Puts a span first on the list of its class.
    fn link(&mut self, span: u32) {
        let class = usize::from(self.span(span).class);
        let next = core::mem::replace(&mut self.open[class], span);
        if next != NONE {
            self.span_mut(next).previous = span;
        }
        let entry = self.span_mut(span);
        entry.previous = NONE;
        entry.next = next;
    }

    /// Takes a span off the list of its class.
    fn unlink(&mut self, span: u32) {
        let Span { previous, next, class, .. } = *self.span(span);
        if next != NONE {
            self.span_mut(next).previous = previous;
        }
        if previous == NONE {
            self.open[usize::from(class)] = next;
        } else {
            self.span_mut(previous).next = next;
        }
    }

    /// The span of an offset, and the bytes from the span's start.
    #[inline]
    pub(super) fn split(&self, offset: u64) -> (u32, u32) {
        let unit = as_u32(to_usize(offset) / RUN_BYTES);
        let follows = self.span(unit).class == FOLLOWS;
        let span = if follows { unit - unit % PAGE_UNITS } else { unit };
        (span, as_u32(to_usize(offset - start_of(span))))
    }

    #[inline]
    pub(super) fn span(&self, span: u32) -> &Span {
        &self.spans[index(span)]
    }

    #[inline]
    fn span_mut(&mut self, span: u32) -> &mut Span {
        &mut self.spans[index(span)]
    }
}

impl Span {
    /// An empty span of a class.
    fn of(class: usize) -> Self {
        let size = SIZES[class];
        let class = u8::try_from(class).unwrap_or(FOLLOWS);
        let links = Links::UNLISTED;
        Self { free: NONE, fresh: 0, previous: NONE, next: NONE, links, size, used: 0, class }
    }

    #[inline]
    fn len_bytes(&self) -> usize {
        if lies_in_run(usize::from(self.class)) { RUN_BYTES } else { PAGE_BYTES }
    }
}

/// Bytes of an item of each class.
pub(super) static SIZES: [u32; CLASS_COUNT] = sizes();

const fn sizes() -> [u32; CLASS_COUNT] {
    let mut sizes = [0; CLASS_COUNT];
    let mut class = 0;
    while class < CLASS_COUNT {
        sizes[class] = as_u32(class_bytes(class));
        class += 1;
    }
    sizes
}

/// Whether the items of a class lie in runs.
#[inline]
const fn lies_in_run(class: usize) -> bool {
    class < PAGE_CLASS_FIRST
}

/// How many of the next classes lend room to a class without much waste: a quarter, or what a large item may
/// cost less than a page of its own.
#[inline]
pub(super) fn lenders(class: usize) -> usize {
    if lies_in_run(class) { class_of(index(SIZES[class]) * 5 / 4) - class } else { LENDING_CLASSES }
}

/// Offset of the start of a span.
#[inline]
pub(super) fn start_of(span: u32) -> u64 {
    u64::from(span) * RUN_BYTES as u64
}

/// The smallest class whose items hold `len` bytes, which is 1 at least.
#[inline]
pub(super) const fn class_of(len: usize) -> usize {
    if len <= FINE_BYTES_MAX {
        return (len - 1) / ITEM_ALIGN_BYTES;
    }
    // (len - 1) has `doubling + 11` bits: the upper five say which class of the doubling it is.
    let doubling = ((len - 1) / FINE_BYTES_MAX).ilog2() as usize;
    let step = FINE_BYTES_MAX * (1 << doubling) / DOUBLING_CLASSES;
    FINE_BYTES_MAX / ITEM_ALIGN_BYTES + doubling * DOUBLING_CLASSES + (len - 1) / step - DOUBLING_CLASSES
}

/// Bytes of an item of a class.
const fn class_bytes(class: usize) -> usize {
    let fine = FINE_BYTES_MAX / ITEM_ALIGN_BYTES;
    if class < fine {
        return (class + 1) * ITEM_ALIGN_BYTES;
    }
    let doubling = (class - fine) / DOUBLING_CLASSES;
    let step = FINE_BYTES_MAX * (1 << doubling) / DOUBLING_CLASSES;
    step * (DOUBLING_CLASSES + (class - fine) % DOUBLING_CLASSES + 1)
}

#[inline]
pub(super) fn index(value: u32) -> usize {
    to_usize(u64::from(value))
}

/// Units, sizes and places within a page all fit 32 bits: an arena has fewer than 2^32 units.
#[inline]
pub(super) const fn as_u32(value: usize) -> u32 {
    debug_assert!(value <= u32::MAX as usize);
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the arena, see above")]
    let value = value as u32;
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_tight_and_cover_all_lengths() {
        for len in 1..=ITEM_BYTES_MAX {
            let class = class_of(len);
            let bytes = class_bytes(class);
            assert!(bytes >= len && bytes.is_multiple_of(ITEM_ALIGN_BYTES), "{len}");
            assert!(class == 0 || class_bytes(class - 1) < len, "{len}");
        }
        assert_eq!(class_bytes(class_of(1 << 10)), 1 << 10);
        assert_eq!(class_bytes(class_of((1 << 10) + 1)), (1 << 10) + 64);
        assert_eq!(class_bytes(class_of(1 << 16)), 1 << 16);
        assert_eq!(class_bytes(class_of((1 << 16) + 1)), (1 << 16) + (4 << 10));
        assert_eq!(CLASS_COUNT, 64 + 6 * 16 + 1);
    }

    fn arena(pages: usize) -> Arena {
        Arena::new((pages * PAGE_BYTES) as u64, false).unwrap()
    }

    #[test]
    fn every_class_fills_its_spans_and_gives_them_back() {
        let mut arena = arena(1);
        let mut slab = Slab::new(16);
        for class in 2..CLASS_COUNT {
            let bytes = class_bytes(class);
            let offsets: Vec<u64> = core::iter::from_fn(|| slab.allocate(&mut arena, bytes, 0)).collect();
            let len = if bytes <= 8 << 10 { RUN_BYTES } else { PAGE_BYTES };
            assert_eq!(offsets.len(), PAGE_BYTES / len * (len / bytes), "items of {bytes} bytes");
            assert!(offsets.iter().all(|offset| slab.capacity(*offset) == bytes));
            assert_eq!(arena.charged_bytes(), (offsets.len() * bytes) as u64);
            // Every second one first, so that the list of free items is in use.
            for offset in offsets.iter().step_by(2).chain(offsets.iter().skip(1).step_by(2)) {
                slab.free(&mut arena, *offset);
            }
            assert_eq!((slab.items(), arena.usage().pages_free), (0, 1));
        }
    }

    #[test]
    fn freed_room_is_used_again() {
        let mut arena = arena(2);
        let mut slab = Slab::new(32);
        let offsets: Vec<u64> = core::iter::from_fn(|| slab.allocate(&mut arena, 4096, 0)).collect();
        assert_eq!(offsets.len(), 512);
        slab.free(&mut arena, offsets[7]);
        slab.free(&mut arena, offsets[300]);
        assert_eq!(slab.allocate(&mut arena, 4096, 0), Some(offsets[300]));
        assert_eq!(slab.allocate(&mut arena, 4096, 0), Some(offsets[7]));
        assert_eq!(slab.allocate(&mut arena, 4096, 0), None);
    }

    #[test]
    fn larger_classes_lend_room_when_spans_are_out() {
        for (len, shorter) in [(256, 240), (20_480, 16_384)] {
            let mut arena = arena(1);
            let mut slab = Slab::new(16);
            let offsets: Vec<u64> = core::iter::from_fn(|| slab.allocate(&mut arena, len, 0)).collect();
            slab.free(&mut arena, offsets[20]);
            assert_eq!(slab.allocate(&mut arena, len + 1, 0), None);
            assert_eq!(slab.allocate(&mut arena, shorter, 0), Some(offsets[20]));
            assert_eq!((slab.capacity(offsets[20]), Slab::rounded(shorter)), (len, shorter));
            offsets.iter().for_each(|offset| slab.free(&mut arena, *offset));
            assert_eq!(arena.usage().pages_free, 1);
        }
    }

    #[test]
    fn small_classes_share_a_page() {
        let mut arena = arena(2);
        let mut slab = Slab::new(32);
        let small: Vec<u64> =
            (1..=16).map(|class| slab.allocate(&mut arena, class * 512, 0).unwrap()).collect();
        assert_eq!((arena.usage().pages_free, arena.usage().runs_in_use), (1, 16));
        let large = slab.allocate(&mut arena, (8 << 10) + 1, 0).unwrap();
        assert_eq!((arena.usage().pages_free, arena.usage().pages_items), (0, 1));
        assert_eq!((slab.allocate(&mut arena, 16, 0), slab.capacity(large)), (None, 8704));
        slab.free(&mut arena, small[3]);
        assert_eq!(slab.allocate(&mut arena, 48, 0), Some(small[3]));
    }
}
