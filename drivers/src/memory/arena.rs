//! The memory of a shard's items and large values: a mapping cut into pages, and these into units where need be.
//!
//! Items lie in whole pages or in runs of one unit, and a block is a unit as well: memory moves between small
//! items and large values in units. Bytes of items are reached only through the [`Arena`], bytes of blocks only
//! through [`Block`] handles. That split is what keeps both safe: no borrow of the one kind can overlap one of
//! the other.

use super::block::{Home, NO_BLOCK};
use super::mapping::Mapping;
use super::units::{Kind, PAGE_UNITS, Units};
use super::{BLOCK_BYTES, Block, MemoryError, PageKind, to_usize};
use crate::prefetch;
use core::ptr::NonNull;
use std::sync::Arc;

/// Bytes of a page.
pub const PAGE_BYTES: usize = 1 << 20;
/// Bytes of a run, the smaller unit that items lie in.
pub const RUN_BYTES: usize = BLOCK_BYTES;

/// log2 of [`PAGE_BYTES`].
const PAGE_SHIFT: u32 = PAGE_BYTES.trailing_zeros();
/// log2 of [`RUN_BYTES`].
const UNIT_SHIFT: u32 = RUN_BYTES.trailing_zeros();
/// Limit that no arena reaches.
const NO_LIMIT: i64 = i64::MAX / 2;
/// Returned blocks that one call of [`Arena::collect`] takes back.
pub const COLLECT_BLOCKS_MAX: usize = 256;

const _: () = assert!(BLOCK_BYTES * PAGE_UNITS as usize == PAGE_BYTES, "blocks fill a page");
const _: () = assert!(PAGE_TAG as u32 == PAGE_UNITS, "a tag counts units");

/// Of each unit, how many units of items there are from it to the end of its run or page: 1 for a run, 16 to 1
/// for a page, and none for a unit that is free or a block.
type Tag = u8;

/// Tag of a run.
const RUN_TAG: Tag = 1;
/// Tag of the first unit of a page of items.
const PAGE_TAG: Tag = 16;
/// Tag of a unit without items.
const NO_ITEMS: Tag = 0;

/// Pages and units of an arena, in counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArenaUsage {
    /// All pages.
    pub pages: u64,
    /// Pages in use for nothing.
    pub pages_free: u64,
    /// Whole pages in use for items.
    pub pages_items: u64,
    /// Runs in use for items.
    pub runs_in_use: u64,
    /// Blocks with a handle, or dropped and not yet collected.
    pub blocks_in_use: u64,
}

/// What a unit is in use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitUse {
    /// Nothing.
    Free,
    /// A run of items.
    Run,
    /// Part of a page of items.
    Page,
    /// A block.
    Block,
}

/// Memory of one shard, in pages of [`PAGE_BYTES`]. An offset counts bytes from the start of the first page.
pub struct Arena {
    home: Arc<Home>,
    /// First byte of the mapping of `home`.
    start: NonNull<u8>,
    tags: Box<[Tag]>,
    units: Units,
    /// Blocks taken off the return stack and not yet freed: head of the list.
    collecting: u32,
    blocks_in_use: u64,
    runs_in_use: u64,
    /// Most bytes that may be in use.
    limit_bytes: i64,
    /// The limit less what is in use: blocks, and what the owner charged.
    left_bytes: i64,
    /// Blocks that were asked for and not given since the last look.
    short_blocks: usize,
}

// SAFETY: `start` points into the mapping that `home` keeps alive; the bytes of items belong to whoever owns
// this value, before a move the sender and after it the receiver. `Home` itself is shared between threads
// through atomics only.
unsafe impl Send for Arena {}

impl Arena {
    /// Maps as many whole pages as fit `len_bytes`, one at least. With `prefault` they are backed by memory
    /// before this returns; else the first touch of each page costs up to 0.15 ms.
    pub fn new(len_bytes: u64, prefault: bool) -> Result<Self, MemoryError> {
        let page_count = len_bytes >> PAGE_SHIFT;
        if page_count == 0 {
            return Err(MemoryError::TooSmall { len_bytes, least_bytes: PAGE_BYTES as u64 });
        }
        if page_count > u64::from(u32::MAX / PAGE_UNITS) {
            return Err(MemoryError::TooLarge { len_bytes });
        }
        let mapping = Mapping::new(page_count << PAGE_SHIFT, prefault)?;
        Ok(Self::over(mapping, to_usize(page_count)))
    }

    fn over(mapping: Mapping, page_count: usize) -> Self {
        let start = mapping.start();
        Self {
            home: Arc::new(Home::new(mapping)),
            start,
            tags: vec![NO_ITEMS; page_count * PAGE_UNITS as usize].into_boxed_slice(),
            units: Units::new(page_count),
            collecting: NO_BLOCK,
            blocks_in_use: 0,
            runs_in_use: 0,
            limit_bytes: NO_LIMIT,
            left_bytes: NO_LIMIT,
            short_blocks: 0,
        }
    }

    /// The pages behind the arena.
    pub fn page_kind(&self) -> PageKind {
        self.home.mapping().page_kind()
    }

    /// All pages.
    pub fn page_count(&self) -> usize {
        self.units.page_count()
    }

    /// Pages in use for nothing.
    pub fn free_pages(&self) -> u64 {
        self.units.free_pages()
    }

    /// Runs or blocks that can be taken, dropped blocks apart.
    pub fn free_units(&self) -> u64 {
        self.units.unit_count()
    }

    /// All blocks, or runs, that there can be.
    pub fn block_count(&self) -> usize {
        self.tags.len()
    }

    /// Keeps runs back, which nothing takes then. Whether there are that many.
    pub fn keep_back(&mut self, runs: u64) -> bool {
        self.units.keep_back(runs)
    }

    /// Lets runs that were [kept back](Self::keep_back) be taken again.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn give_back(&mut self, runs: u64) {
        self.units.give_back(runs);
    }

    /// Takes a free page for items. Its bytes are what they were; `None` if all are in use.
    pub fn take_page(&mut self) -> Option<u32> {
        if self.units.free_pages() == 0 {
            self.collect_until(|arena| arena.units.free_pages() > 0);
        }
        let page = self.units.take_page()?;
        let tags = self.page_tags(page).iter_mut();
        tags.zip((1..=PAGE_TAG).rev()).for_each(|(tag, left)| *tag = left);
        Some(page)
    }

    /// Gives a page of items back.
    ///
    /// # Panics
    /// If the page is not in use for items.
    pub fn return_page(&mut self, page: u32) {
        let tags = self.page_tags(page);
        assert_eq!(tags[0], PAGE_TAG, "only a page of items is given back");
        tags.fill(NO_ITEMS);
        self.units.give_page(page);
    }

    /// Takes a run of [`RUN_BYTES`] for items: run `n` begins at offset `n` * [`RUN_BYTES`]. Its bytes are what
    /// they were; `None` if all memory is in use.
    pub fn take_run(&mut self) -> Option<u32> {
        let run = self.take_unit(Kind::Runs)?;
        self.tags[to_usize(u64::from(run))] = RUN_TAG;
        self.runs_in_use += 1;
        Some(run)
    }

    /// Gives a run of items back.
    ///
    /// # Panics
    /// If the unit is not a run.
    pub fn return_run(&mut self, run: u32) {
        assert_eq!(self.unit_use(run), UnitUse::Run, "only a run of items is given back");
        self.tags[to_usize(u64::from(run))] = NO_ITEMS;
        self.runs_in_use -= 1;
        self.units.give(run);
    }

    /// `len` bytes from `offset`, which lie within one run or page of items.
    ///
    /// # Panics
    /// If they do not.
    #[inline]
    pub fn bytes(&self, offset: u64, len: usize) -> &[u8] {
        let start = self.item_bytes(offset, len);
        // SAFETY: `item_bytes` checked that the range lies in a run or page of items of the mapping. Such bytes
        // were zeroed by the kernel, are written only through `&mut self`, and no block handle reaches them.
        unsafe { core::slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// The bytes from `offset` to the end of its run or page of items; none if there are no items.
    ///
    /// # Panics
    /// If the arena is not as large.
    #[inline]
    pub fn bytes_from(&self, offset: u64) -> &[u8] {
        let len = self.room(offset);
        // SAFETY: the unit of `offset` exists (`room`), and the mapping holds all units.
        let start = unsafe { self.start.add(to_usize(offset)) };
        // SAFETY: `len` bytes from there lie in one run or page of items (`room`), else as for `bytes`.
        unsafe { core::slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// The first `LEN` bytes from `offset`, and the bytes from there to the end of its run or page of items;
    /// `None` if it has not as many.
    ///
    /// # Panics
    /// If the arena is not as large.
    #[inline]
    pub fn split_at<const LEN: usize>(&self, offset: u64) -> Option<(&[u8; LEN], &[u8])> {
        let end = usize::from(self.tags[to_usize(offset >> UNIT_SHIFT)]) << UNIT_SHIFT;
        let rest = (to_usize(offset) & (RUN_BYTES - 1)) + LEN;
        if end < rest {
            return None;
        }
        // SAFETY: the unit of `offset` exists (the tag above), and the mapping holds all units.
        let start = unsafe { self.start.add(to_usize(offset)) };
        // SAFETY: from `offset` there are `end - rest + LEN` bytes to the end of its run or page, else as for
        // `bytes`.
        let bytes = unsafe { core::slice::from_raw_parts(start.as_ptr(), end - rest + LEN) };
        bytes.split_first_chunk()
    }

    /// `len` bytes from `offset` to write to, which lie within one run or page of items.
    ///
    /// # Panics
    /// If they do not.
    #[inline]
    pub fn bytes_mut(&mut self, offset: u64, len: usize) -> &mut [u8] {
        let start = self.item_bytes(offset, len);
        // SAFETY: as for `bytes`; `&mut self` excludes every other borrow of item bytes.
        unsafe { core::slice::from_raw_parts_mut(start.as_ptr(), len) }
    }

    /// Copies `len` bytes from one place of items to another; they may overlap.
    ///
    /// # Panics
    /// If either does not lie within one run or page of items.
    pub fn copy(&mut self, from: u64, to: u64, len: usize) {
        let source = self.item_bytes(from, len);
        let target = self.item_bytes(to, len);
        // SAFETY: both ranges lie in runs or pages of items of the mapping (`item_bytes`), `&mut self` excludes
        // every borrow of them, and `copy_from` allows overlap.
        unsafe { target.copy_from(source, len) };
    }

    /// Asks for the line at `offset`, whatever lies there.
    #[inline]
    pub fn prefetch(&self, offset: u64) {
        prefetch::address(self.start.as_ptr().wrapping_add(to_usize(offset)));
    }

    /// A block of [`BLOCK_BYTES`]; its bytes are what they were. `None` if all memory is in use, or the limit
    /// reached.
    pub fn block(&mut self) -> Option<Block> {
        let fits = self.make_fit(BLOCK_BYTES as u64);
        let Some(unit) = fits.then(|| self.take_unit(Kind::Blocks)).flatten() else {
            self.short_blocks = self.short_blocks.max(1);
            return None;
        };
        self.blocks_in_use += 1;
        self.charge(BLOCK_BYTES as u64);
        // SAFETY: the unit was free: never carved, or come back through `take_returned`, or a run or page that
        // was given back. Its tag is NO_ITEMS, so `room` has no bytes of it, and `units` gives it to nobody
        // until it has come back. It lies inside, as its page does.
        Some(unsafe { Block::first(Arc::clone(&self.home), unit) })
    }

    /// Takes back blocks that were dropped, [`COLLECT_BLOCKS_MAX`] at most. To be called now and then; a shortage
    /// of memory calls it too.
    pub fn collect(&mut self) {
        for _ in 0..COLLECT_BLOCKS_MAX {
            if !self.collect_one() {
                return;
            }
        }
    }

    /// Whether [`Arena::collect`] has left some of the blocks that it found.
    pub fn is_collecting(&self) -> bool {
        self.collecting != NO_BLOCK
    }

    /// Whether `count` blocks can be had, if need be after dropped ones were taken back.
    pub fn has_blocks(&mut self, count: usize) -> bool {
        let units = count as u64;
        let enough = |arena: &Self| arena.free_units() >= units;
        let has = self.make_fit(units * BLOCK_BYTES as u64) && {
            self.collect_until(enough);
            enough(self)
        };
        if !has {
            self.short_blocks = self.short_blocks.max(count);
        }
        has
    }

    /// Blocks that were asked for and not given since the last call.
    pub fn take_short_blocks(&mut self) -> usize {
        core::mem::take(&mut self.short_blocks)
    }

    /// Sets how many bytes may be in use at most: blocks, and what the owner [charges](Self::charge). What is
    /// above it stays.
    pub fn set_limit(&mut self, limit_bytes: u64) {
        let limit_bytes = i64::try_from(limit_bytes).unwrap_or(NO_LIMIT).min(NO_LIMIT);
        self.left_bytes += limit_bytes - self.limit_bytes;
        self.limit_bytes = limit_bytes;
    }

    /// Counts bytes that the owner uses, of runs, pages or other memory.
    #[inline]
    pub fn charge(&mut self, bytes: u64) {
        self.left_bytes -= bytes.cast_signed();
    }

    /// Counts them no more.
    #[inline]
    pub fn discharge(&mut self, bytes: u64) {
        self.left_bytes += bytes.cast_signed();
    }

    /// Bytes of blocks in use, and those that are charged.
    #[inline]
    pub fn used_bytes(&self) -> u64 {
        (self.limit_bytes - self.left_bytes).cast_unsigned()
    }

    /// Bytes that are charged.
    pub fn charged_bytes(&self) -> u64 {
        self.used_bytes() - self.blocks_in_use * BLOCK_BYTES as u64
    }

    /// Whether `bytes` more are within the limit.
    #[inline]
    pub fn fits(&self, bytes: u64) -> bool {
        bytes.cast_signed() <= self.left_bytes
    }

    /// The same, if need be after dropped blocks were taken back.
    #[inline]
    pub fn make_fit(&mut self, bytes: u64) -> bool {
        if !self.fits(bytes) {
            self.collect_until(|arena| arena.fits(bytes));
        }
        self.fits(bytes)
    }

    /// Whether a run can be taken, if need be after dropped blocks were taken back.
    pub fn has_run(&mut self) -> bool {
        self.collect_until(|arena| arena.free_units() > 0);
        self.free_units() > 0
    }

    /// What a unit is in use for.
    pub fn unit_use(&self, unit: u32) -> UnitUse {
        let has_items = self.tags[to_usize(u64::from(unit))] != NO_ITEMS;
        match (has_items, self.units.is_whole(unit / PAGE_UNITS)) {
            (true, true) => UnitUse::Page,
            (true, false) => UnitUse::Run,
            _ if self.units.is_free(unit) => UnitUse::Free,
            _ => UnitUse::Block,
        }
    }

    /// The unit of a block of this arena, `None` for one of another.
    #[inline]
    pub fn unit_of(&self, block: &Block) -> Option<u32> {
        block.index_of(&self.home)
    }

    /// Gives out no more units of a page that has some in use, so that it becomes free as a whole.
    pub fn drain_page(&mut self, page: u32) -> bool {
        self.units.drain(page)
    }

    /// Ends what [`drain_page`](Self::drain_page) began.
    pub fn stop_draining(&mut self, page: u32) {
        self.units.stop_draining(page);
    }

    /// Whether a page is being drained: it is not when it has become free.
    pub fn is_draining(&self, page: u32) -> bool {
        self.units.is_draining(page)
    }

    /// Pages and units in use.
    pub fn usage(&self) -> ArenaUsage {
        ArenaUsage {
            pages: self.page_count() as u64,
            pages_free: self.free_pages(),
            pages_items: self.units.whole_pages(),
            runs_in_use: self.runs_in_use,
            blocks_in_use: self.blocks_in_use,
        }
    }

    /// Bytes from `offset` to the end of its run or page of items, 0 if there are no items.
    #[inline]
    fn room(&self, offset: u64) -> usize {
        let units = usize::from(self.tags[to_usize(offset >> UNIT_SHIFT)]);
        (units << UNIT_SHIFT).saturating_sub(to_usize(offset) & (RUN_BYTES - 1))
    }

    /// Checks that `len` bytes from `offset` lie within one run or page of items, and gives their address.
    #[inline]
    fn item_bytes(&self, offset: u64, len: usize) -> NonNull<u8> {
        assert!(len <= self.room(offset), "the bytes are not of one run or page of items");
        // SAFETY: the unit of `offset` exists (`room`), and the mapping holds all units.
        unsafe { self.start.add(to_usize(offset)) }
    }

    fn page_tags(&mut self, page: u32) -> &mut [Tag] {
        let first = to_usize(u64::from(page)) * PAGE_UNITS as usize;
        &mut self.tags[first..first + PAGE_UNITS as usize]
    }

    fn take_unit(&mut self, kind: Kind) -> Option<u32> {
        if self.free_units() == 0 {
            self.collect_until(|arena| arena.free_units() > 0);
        }
        self.units.take(kind)
    }

    /// Takes back dropped blocks until `enough` or none is left.
    fn collect_until(&mut self, enough: impl Fn(&Self) -> bool) {
        while !enough(self) && self.collect_one() {}
    }

    /// Takes one dropped block back. Whether there was one.
    fn collect_one(&mut self) -> bool {
        if self.collecting == NO_BLOCK {
            self.collecting = self.home.take_returned();
        }
        let block = self.collecting;
        if block == NO_BLOCK {
            return false;
        }
        self.collecting = self.home.next(block);
        self.blocks_in_use -= 1;
        self.discharge(BLOCK_BYTES as u64);
        self.units.give(block);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn arena(pages: u64) -> Arena {
        Arena::new(pages * PAGE_BYTES as u64, false).unwrap()
    }

    fn is_send<T: Send>(_: &T) {}

    #[test]
    fn pages_run_out_and_come_back() {
        let mut arena = arena(2);
        assert_eq!((arena.take_page(), arena.take_page(), arena.take_page()), (Some(0), Some(1), None));
        assert!(arena.block().is_none());
        arena.return_page(0);
        assert_eq!(arena.usage().pages_free, 1);
        assert_eq!(arena.take_page(), Some(0));
    }

    #[test]
    fn less_than_a_page_is_refused() {
        let least_bytes = PAGE_BYTES as u64;
        let error = Arena::new(least_bytes - 1, false).err();
        assert_eq!(error, Some(MemoryError::TooSmall { len_bytes: least_bytes - 1, least_bytes }));
    }

    #[test]
    fn item_bytes_keep_what_is_written() {
        let mut arena = arena(2);
        let page = u64::from(arena.take_page().unwrap());
        let end = page * PAGE_BYTES as u64 + PAGE_BYTES as u64;
        arena.bytes_mut(end - 4, 4).copy_from_slice(b"last");
        assert_eq!(arena.bytes(end - 4, 4), b"last");
        assert_eq!(arena.bytes_from(end - 3), b"ast");
        arena.copy(end - 4, end - 6, 4);
        assert_eq!(arena.bytes(end - 6, 6), b"lastst");
        arena.prefetch(end);
        arena.prefetch(u64::MAX);
        is_send(&arena);
    }

    #[test]
    #[should_panic(expected = "not of one run or page of items")]
    fn bytes_do_not_cross_pages() {
        let mut arena = arena(2);
        arena.take_page();
        arena.take_page();
        arena.bytes(PAGE_BYTES as u64 - 1, 2);
    }

    #[test]
    #[should_panic(expected = "not of one run or page of items")]
    fn bytes_do_not_cross_runs() {
        let mut arena = arena(1);
        arena.take_run();
        arena.take_run();
        arena.bytes(RUN_BYTES as u64 - 1, 2);
    }

    #[test]
    fn bytes_end_with_their_run_or_page() {
        let mut arena = arena(2);
        let page = u64::from(arena.take_page().unwrap()) * PAGE_BYTES as u64;
        let run = u64::from(arena.take_run().unwrap()) * RUN_BYTES as u64;
        for within in [0, 1, 5 * RUN_BYTES, PAGE_BYTES - 1] {
            assert_eq!(arena.bytes_from(page + within as u64).len(), PAGE_BYTES - within);
        }
        for within in [0, 1, RUN_BYTES - 1] {
            assert_eq!(arena.bytes_from(run + within as u64).len(), RUN_BYTES - within);
            assert_eq!(arena.bytes(run + within as u64, RUN_BYTES - within).len(), RUN_BYTES - within);
        }
    }

    #[test]
    fn runs_and_blocks_change_places() {
        let mut arena = arena(1);
        let runs: Vec<u32> = core::iter::from_fn(|| arena.take_run()).collect();
        assert_eq!((runs.len(), arena.usage().runs_in_use), (16, 16));
        let at = u64::from(runs[7]) * RUN_BYTES as u64;
        arena.bytes_mut(at, 3).copy_from_slice(b"run");
        assert!(arena.block().is_none() && arena.take_page().is_none());
        arena.return_run(runs[7]);
        let block = arena.block().unwrap();
        assert_eq!(&block[..3], b"run");
        assert!(arena.take_run().is_none());
        drop(block);
        assert_eq!(arena.take_run(), Some(runs[7]));
        assert_eq!(arena.bytes(at, 3), b"run");
        runs.into_iter().for_each(|run| arena.return_run(run));
        assert_eq!(arena.usage(), ArenaUsage { pages: 1, pages_free: 1, ..ArenaUsage::default() });
    }

    #[test]
    #[should_panic(expected = "not of one run or page of items")]
    fn bytes_of_a_block_among_runs_are_out_of_reach() {
        let mut arena = arena(1);
        let runs: Vec<u32> = core::iter::from_fn(|| arena.take_run()).collect();
        arena.return_run(runs[3]);
        let block = arena.block();
        arena.bytes(3 * RUN_BYTES as u64, 1);
        drop(block);
    }

    #[test]
    fn a_limit_counts_blocks_and_what_is_charged() {
        let block_bytes = BLOCK_BYTES as u64;
        let mut arena = arena(2);
        arena.charge(1_000);
        arena.set_limit(3 * block_bytes);
        let blocks = [arena.block().unwrap(), arena.block().unwrap()];
        assert_eq!((arena.used_bytes(), arena.charged_bytes()), (2 * block_bytes + 1_000, 1_000));
        assert!(arena.fits(block_bytes - 1_000) && !arena.fits(block_bytes - 999));
        assert!(arena.block().is_none() && !arena.has_blocks(3));
        assert_eq!((arena.take_short_blocks(), arena.take_short_blocks()), (3, 0));
        // Dropped blocks are looked for where the limit is short.
        drop(blocks);
        assert!(arena.has_blocks(2) && !arena.has_blocks(3));
        arena.set_limit(500);
        assert!(!arena.fits(0) && arena.block().is_none());
        arena.discharge(1_000);
        assert!(arena.fits(500) && !arena.fits(501));
        arena.set_limit(u64::MAX);
        assert!(arena.has_blocks(32) && !arena.has_blocks(33) && arena.block().is_some());
    }

    #[test]
    fn a_drained_page_becomes_free() {
        let mut arena = arena(1);
        let (run, block) = (arena.take_run().unwrap(), arena.block().unwrap());
        let unit = arena.unit_of(&block).unwrap();
        assert_eq!(
            [run, unit, 15].map(|unit| arena.unit_use(unit)),
            [UnitUse::Run, UnitUse::Block, UnitUse::Free]
        );
        arena.drain_page(0);
        assert!(
            arena.is_draining(0) && !arena.has_run() && arena.take_run().is_none() && arena.block().is_none()
        );
        arena.return_run(run);
        drop(block);
        arena.collect();
        assert!(!arena.is_draining(0) && arena.free_pages() == 1);
        assert_eq!((arena.take_page(), arena.unit_use(15)), (Some(0), UnitUse::Page));
        let other = Arena::new(PAGE_BYTES as u64, false).unwrap().block().unwrap();
        assert_eq!(arena.unit_of(&other), None);
    }

    #[test]
    #[should_panic(expected = "only a run of items is given back")]
    fn a_page_is_no_run() {
        let mut arena = arena(1);
        arena.take_page();
        arena.return_run(0);
    }

    #[test]
    #[should_panic(expected = "not of one run or page of items")]
    fn bytes_of_free_pages_are_out_of_reach() {
        arena(1).bytes(0, 1);
    }

    #[test]
    #[should_panic(expected = "not of one run or page of items")]
    fn bytes_of_blocks_are_out_of_reach() {
        let mut arena = arena(1);
        let block = arena.block();
        arena.bytes_mut(0, 1);
        drop(block);
    }

    #[test]
    #[should_panic(expected = "index out of bounds")]
    fn bytes_past_the_end_are_out_of_reach() {
        arena(1).bytes(PAGE_BYTES as u64, 0);
    }

    #[test]
    fn nothing_is_left_where_no_items_are() {
        let mut arena = arena(1);
        let run = arena.take_run().unwrap();
        let block = arena.block().unwrap();
        assert_eq!(
            (arena.bytes_from(RUN_BYTES as u64).len(), arena.bytes_from(PAGE_BYTES as u64 - 1).len()),
            (0, 0)
        );
        assert_eq!(arena.bytes(RUN_BYTES as u64, 0).len(), 0);
        arena.return_run(run);
        assert_eq!(arena.bytes_from(0).len(), 0);
        drop(block);
    }

    #[test]
    fn blocks_are_pinned_by_clones() {
        let mut arena = arena(1);
        let mut block = arena.block().unwrap();
        block.get_mut().unwrap()[..5].copy_from_slice(b"bytes");
        let pin = block.clone();
        assert!(block.is_shared() && block.get_mut().is_none() && block.handle_count() == 2);
        drop(block);
        assert_eq!(&pin[..5], b"bytes");
        let mut pin = pin;
        assert!(!pin.is_shared() && pin.get_mut().is_some());
    }

    #[test]
    fn pages_move_between_items_and_blocks() {
        let mut arena = arena(2);
        let blocks: Vec<Block> = core::iter::from_fn(|| arena.block()).collect();
        assert_eq!(blocks.len(), 32);
        assert_eq!(arena.usage().blocks_in_use, 32);
        assert_eq!(arena.take_page(), None);
        drop(blocks);
        let page = arena.take_page().unwrap();
        let block = arena.block().unwrap();
        arena.collect();
        let usage = arena.usage();
        assert_eq!((usage.pages_items, usage.pages_free, usage.blocks_in_use), (1, 0, 1));
        arena.return_page(page);
        drop(block);
        arena.collect();
        let usage = arena.usage();
        assert_eq!((usage.pages_free, usage.blocks_in_use), (2, 0));
    }

    #[test]
    fn partly_free_pages_are_used_first() {
        let mut arena = arena(3);
        let mut blocks: Vec<Block> = (0..40).map(|_| arena.block().unwrap()).collect();
        // One of the first page, one of the second: both pages open again.
        drop(blocks.swap_remove(3));
        drop(blocks.swap_remove(20));
        arena.collect();
        let again: Vec<Block> = (0..10).map(|_| arena.block().unwrap()).collect();
        assert_eq!(arena.usage().blocks_in_use, 48);
        assert!(arena.block().is_none());
        drop((blocks, again));
        arena.collect();
        assert_eq!(arena.usage().pages_free, 3);
    }

    #[test]
    fn handles_outlive_the_arena() {
        let mut arena = arena(1);
        let mut block = arena.block().unwrap();
        block.get_mut().unwrap().fill(7);
        drop(arena);
        assert!(block.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn blocks_come_home_from_another_thread() {
        const ROUNDS: u32 = 20_000;
        let mut arena = arena(2);
        let (pins, received) = mpsc::sync_channel::<Block>(8);
        let reader = std::thread::spawn(move || {
            received.into_iter().fold(0u64, |sum, block| {
                let word = block[..4].first_chunk().map_or(0, |word| u32::from_le_bytes(*word));
                assert_eq!(block[BLOCK_BYTES - 1], word.to_le_bytes()[0]);
                sum + u64::from(word)
            })
        });
        for round in 0..ROUNDS {
            // Eight wait in the channel, one is read, one is written: 32 blocks never run out.
            let mut block = arena.block().unwrap();
            let bytes = block.get_mut().unwrap();
            bytes[..4].copy_from_slice(&round.to_le_bytes());
            bytes[BLOCK_BYTES - 1] = round.to_le_bytes()[0];
            pins.send(block.clone()).unwrap();
        }
        drop(pins);
        assert_eq!(reader.join().unwrap(), u64::from(ROUNDS) * u64::from(ROUNDS - 1) / 2);
        arena.collect();
        assert_eq!(arena.usage(), ArenaUsage { pages: 2, pages_free: 2, ..ArenaUsage::default() });
    }
}
