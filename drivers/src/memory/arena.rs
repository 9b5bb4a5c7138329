//! The memory of a shard's items and large values: a mapping cut into pages, each in use for one of the two or free.
//!
//! Bytes of item pages are reached only through the [`Arena`], bytes of block pages only through [`Block`] handles.
//! That split is what keeps both safe: no borrow of the one kind can overlap one of the other.

use super::block::{Home, NO_BLOCK};
use super::mapping::Mapping;
use super::{BLOCK_BYTES, Block, MemoryError, PageKind, to_usize};
use crate::prefetch;
use core::ptr::NonNull;
use std::sync::Arc;

/// Bytes of a page, the unit that moves between items and blocks.
pub const PAGE_BYTES: usize = 1 << 20;

/// log2 of [`PAGE_BYTES`].
const PAGE_SHIFT: u32 = PAGE_BYTES.trailing_zeros();
/// Blocks of a page.
const PAGE_BLOCKS: u32 = 16;
/// A page of blocks with all of them free: one bit for each.
const ALL_FREE: u16 = u16::MAX;
/// End of a list of pages.
const NO_PAGE: u32 = u32::MAX;
/// Returned blocks that one call of [`Arena::collect`] takes back.
pub const COLLECT_BLOCKS_MAX: usize = 256;

const _: () = assert!(BLOCK_BYTES * PAGE_BLOCKS as usize == PAGE_BYTES, "blocks fill a page");
const _: () = assert!(u16::BITS == PAGE_BLOCKS, "a page of blocks has a bit for each");

/// What a page is in use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum PageUse {
    Free,
    Items,
    Blocks,
}

/// A page of blocks: which are free, and its neighbours on the list of pages that have some.
#[derive(Clone, Copy)]
struct BlockPage {
    free: u16,
    previous: u32,
    next: u32,
}

/// Pages and blocks of an arena, in counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArenaUsage {
    /// All pages.
    pub pages: u64,
    /// Pages in use for nothing.
    pub pages_free: u64,
    /// Pages in use for items.
    pub pages_items: u64,
    /// Pages in use for blocks.
    pub pages_blocks: u64,
    /// Blocks with a handle, or dropped and not yet collected.
    pub blocks_in_use: u64,
}

/// Memory of one shard, in pages of [`PAGE_BYTES`]. An offset counts bytes from the start of the first page.
pub struct Arena {
    home: Arc<Home>,
    /// First byte of the mapping of `home`.
    start: NonNull<u8>,
    uses: Box<[PageUse]>,
    free_pages: Vec<u32>,
    block_pages: Box<[BlockPage]>,
    /// Head of the list of block pages that have a free block.
    open_page: u32,
    /// Blocks taken off the return stack and not yet freed: head of the list.
    collecting: u32,
    blocks_in_use: u64,
    block_page_count: u64,
}

// SAFETY: `start` points into the mapping that `home` keeps alive; the item pages belong to whoever owns this value,
// before a move the sender and after it the receiver. `Home` itself is shared between threads through atomics only.
unsafe impl Send for Arena {}

impl Arena {
    /// Maps as many whole pages as fit `len_bytes`, one at least. With `prefault` they are backed by memory before this
    /// returns; else the first touch of each page costs up to 0.15 ms.
    pub fn new(len_bytes: u64, prefault: bool) -> Result<Self, MemoryError> {
        let page_count = len_bytes >> PAGE_SHIFT;
        if page_count == 0 {
            return Err(MemoryError::TooSmall { len_bytes, least_bytes: PAGE_BYTES as u64 });
        }
        if page_count > u64::from(NO_PAGE / PAGE_BLOCKS) {
            return Err(MemoryError::TooLarge { len_bytes });
        }
        let mapping = Mapping::new(page_count << PAGE_SHIFT, prefault)?;
        Ok(Self::over(mapping, to_usize(page_count)))
    }

    fn over(mapping: Mapping, page_count: usize) -> Self {
        let start = mapping.start();
        let count = u32::try_from(page_count).unwrap_or(NO_PAGE);
        let closed = BlockPage { free: 0, previous: NO_PAGE, next: NO_PAGE };
        Self {
            home: Arc::new(Home::new(mapping)),
            start,
            uses: vec![PageUse::Free; page_count].into_boxed_slice(),
            free_pages: (0..count).rev().collect(),
            block_pages: vec![closed; page_count].into_boxed_slice(),
            open_page: NO_PAGE,
            collecting: NO_BLOCK,
            blocks_in_use: 0,
            block_page_count: 0,
        }
    }

    /// The pages behind the arena.
    pub fn page_kind(&self) -> PageKind {
        self.home.mapping().page_kind()
    }

    /// All pages.
    pub fn page_count(&self) -> usize {
        self.uses.len()
    }

    /// All blocks that there can be.
    pub fn block_count(&self) -> usize {
        self.page_count() * to_usize(u64::from(PAGE_BLOCKS))
    }

    /// Takes a free page for items. Its bytes are what they were; `None` if all are in use.
    pub fn take_page(&mut self) -> Option<u32> {
        self.take_free(PageUse::Items)
    }

    /// Gives a page of items back.
    ///
    /// # Panics
    /// If the page is not in use for items.
    pub fn return_page(&mut self, page: u32) {
        let tag = &mut self.uses[to_usize(u64::from(page))];
        assert_eq!(*tag, PageUse::Items, "only a page of items is given back");
        *tag = PageUse::Free;
        self.free_pages.push(page);
    }

    /// `len` bytes from `offset`, which lie within one page of items.
    ///
    /// # Panics
    /// If they do not.
    #[inline]
    pub fn bytes(&self, offset: u64, len: usize) -> &[u8] {
        let start = self.item_bytes(offset, len);
        // SAFETY: `item_bytes` checked that the range lies in an item page of the mapping. Such bytes were zeroed by
        // the kernel, are written only through `&mut self`, and no block handle reaches them.
        unsafe { core::slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// The bytes from `offset` to the end of its page of items.
    ///
    /// # Panics
    /// If the page is not one of items.
    #[inline]
    pub fn bytes_from(&self, offset: u64) -> &[u8] {
        self.bytes(offset, PAGE_BYTES - in_page(offset))
    }

    /// `len` bytes from `offset` to write to, which lie within one page of items.
    ///
    /// # Panics
    /// If they do not.
    #[inline]
    pub fn bytes_mut(&mut self, offset: u64, len: usize) -> &mut [u8] {
        let start = self.item_bytes(offset, len);
        // SAFETY: as for `bytes`; `&mut self` excludes every other borrow of item bytes.
        unsafe { core::slice::from_raw_parts_mut(start.as_ptr(), len) }
    }

    /// Copies `len` bytes from one place in item pages to another; they may overlap.
    ///
    /// # Panics
    /// If either does not lie within one page of items.
    pub fn copy(&mut self, from: u64, to: u64, len: usize) {
        let source = self.item_bytes(from, len);
        let target = self.item_bytes(to, len);
        // SAFETY: both ranges lie in item pages of the mapping (`item_bytes`), `&mut self` excludes every borrow of
        // them, and `copy_from` allows overlap.
        unsafe { target.copy_from(source, len) };
    }

    /// Asks for the line at `offset`, whatever lies there.
    #[inline]
    pub fn prefetch(&self, offset: u64) {
        prefetch::address(self.start.as_ptr().wrapping_add(to_usize(offset)));
    }

    /// A block of [`BLOCK_BYTES`]; its bytes are what they were. `None` if all memory is in use.
    pub fn block(&mut self) -> Option<Block> {
        if self.open_page == NO_PAGE {
            self.collect_until(|arena| arena.open_page != NO_PAGE || !arena.free_pages.is_empty());
        }
        if self.open_page == NO_PAGE {
            let page = self.take_free(PageUse::Blocks)?;
            self.block_page_count += 1;
            self.open(page, ALL_FREE);
        }
        Some(self.carve())
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

    /// Pages and blocks in use.
    pub fn usage(&self) -> ArenaUsage {
        let pages = self.uses.len() as u64;
        let pages_free = self.free_pages.len() as u64;
        ArenaUsage {
            pages,
            pages_free,
            pages_items: pages - pages_free - self.block_page_count,
            pages_blocks: self.block_page_count,
            blocks_in_use: self.blocks_in_use,
        }
    }

    /// Checks that `len` bytes from `offset` lie within one page of items, and gives their address.
    #[inline]
    fn item_bytes(&self, offset: u64, len: usize) -> NonNull<u8> {
        let tag = self.uses.get(to_usize(offset >> PAGE_SHIFT));
        assert!(tag == Some(&PageUse::Items), "the page is not in use for items");
        assert!(len <= PAGE_BYTES - in_page(offset), "items do not cross pages");
        // SAFETY: the page of `offset` exists, and the mapping holds all pages.
        unsafe { self.start.add(to_usize(offset)) }
    }

    fn take_free(&mut self, purpose: PageUse) -> Option<u32> {
        if self.free_pages.is_empty() {
            self.collect_until(|arena| !arena.free_pages.is_empty());
        }
        let page = self.free_pages.pop()?;
        self.uses[to_usize(u64::from(page))] = purpose;
        Some(page)
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
        self.free_block(block);
        true
    }

    /// Marks a block free; a page with nothing else in it becomes free as well.
    fn free_block(&mut self, block: u32) {
        let page = block / PAGE_BLOCKS;
        let entry = &mut self.block_pages[to_usize(u64::from(page))];
        let before = entry.free;
        entry.free |= 1 << (block % PAGE_BLOCKS);
        assert_ne!(before, entry.free, "a block came home twice");
        let all_free = entry.free == ALL_FREE;
        self.blocks_in_use -= 1;
        if before == 0 {
            self.link(page);
        }
        if all_free {
            self.close(page);
            self.block_page_count -= 1;
            self.uses[to_usize(u64::from(page))] = PageUse::Free;
            self.free_pages.push(page);
        }
    }

    /// Carves a block from the first open page.
    fn carve(&mut self) -> Block {
        let page = self.open_page;
        let entry = &mut self.block_pages[to_usize(u64::from(page))];
        let bit = entry.free.trailing_zeros();
        entry.free &= entry.free - 1;
        if entry.free == 0 {
            self.close(page);
        }
        self.blocks_in_use += 1;
        // SAFETY: the block was free: never carved, or come back through `take_returned`. Its page is tagged Blocks,
        // so `item_bytes` refuses it, until all its blocks have come back. It lies inside, as the page does.
        unsafe { Block::first(Arc::clone(&self.home), page * PAGE_BLOCKS + bit) }
    }

    /// Puts a page with these free blocks on the list of open ones.
    fn open(&mut self, page: u32, free: u16) {
        self.block_pages[to_usize(u64::from(page))].free = free;
        self.link(page);
    }

    fn link(&mut self, page: u32) {
        let next = self.open_page;
        if let Some(neighbour) = self.block_pages.get_mut(to_usize(u64::from(next))) {
            neighbour.previous = page;
        }
        let entry = &mut self.block_pages[to_usize(u64::from(page))];
        entry.previous = NO_PAGE;
        entry.next = next;
        self.open_page = page;
    }

    /// Takes a page off the list of open ones.
    fn close(&mut self, page: u32) {
        let BlockPage { previous, next, .. } = self.block_pages[to_usize(u64::from(page))];
        if let Some(neighbour) = self.block_pages.get_mut(to_usize(u64::from(next))) {
            neighbour.previous = previous;
        }
        match self.block_pages.get_mut(to_usize(u64::from(previous))) {
            Some(neighbour) => neighbour.next = next,
            None => self.open_page = next,
        }
    }
}

/// Bytes from the start of the page to `offset`.
#[inline]
fn in_page(offset: u64) -> usize {
    to_usize(offset) & (PAGE_BYTES - 1)
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
    #[should_panic(expected = "items do not cross pages")]
    fn bytes_do_not_cross_pages() {
        let mut arena = arena(2);
        arena.take_page();
        arena.take_page();
        arena.bytes(PAGE_BYTES as u64 - 1, 2);
    }

    #[test]
    #[should_panic(expected = "not in use for items")]
    fn bytes_of_free_pages_are_out_of_reach() {
        arena(1).bytes(0, 1);
    }

    #[test]
    #[should_panic(expected = "not in use for items")]
    fn bytes_of_blocks_are_out_of_reach() {
        let mut arena = arena(1);
        let block = arena.block();
        arena.bytes_mut(0, 1);
        drop(block);
    }

    #[test]
    #[should_panic(expected = "not in use for items")]
    fn bytes_past_the_end_are_out_of_reach() {
        arena(1).bytes(PAGE_BYTES as u64, 0);
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
        assert_eq!((usage.pages_items, usage.pages_blocks, usage.blocks_in_use), (1, 1, 1));
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
