//! Blocks of large values: reference-counted handles that any thread may hold and drop. Which blocks exist is the
//! business of the [`Arena`](super::Arena) that carves them.

use super::mapping::Mapping;
use super::to_usize;
use crate::prefetch;
use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering, fence};
use std::sync::Arc;

/// Bytes of a block.
pub const BLOCK_BYTES: usize = 64 << 10;

/// End of a list of blocks.
pub(super) const NO_BLOCK: u32 = u32::MAX;
/// Most handles of one block; past it the count could wrap.
const HANDLES_MAX: u32 = u32::MAX / 2;

/// What the arena and its blocks share: the mapping, and the count and list link of each block in it.
pub(super) struct Home {
    mapping: Mapping,
    blocks: Box<[Side]>,
    /// Head of the stack of blocks whose last handle is gone. Anyone pushes, only the arena takes, and always all:
    /// a pushed block can then not come back under a pusher's feet (no ABA).
    returned: AtomicU32,
}

/// Side table entry of a block.
struct Side {
    /// Handles of the block; 0 while nobody holds one.
    handles: AtomicU32,
    /// The next block on the list that the block is on.
    next: AtomicU32,
}

impl Home {
    /// A home for all blocks that fit the mapping.
    pub(super) fn new(mapping: Mapping) -> Self {
        let count = mapping.len_bytes() / BLOCK_BYTES;
        assert!(u32::try_from(count).is_ok_and(|count| count < NO_BLOCK), "block indices have 32 bits");
        let side = || Side { handles: AtomicU32::new(0), next: AtomicU32::new(NO_BLOCK) };
        let blocks = core::iter::repeat_with(side).take(count).collect();
        Self { mapping, blocks, returned: AtomicU32::new(NO_BLOCK) }
    }

    /// The mapping, for the arena.
    pub(super) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Takes the whole stack of returned blocks; the caller walks it by [`next`](Self::next). Only for the arena.
    pub(super) fn take_returned(&self) -> u32 {
        if self.returned.load(Ordering::Relaxed) == NO_BLOCK {
            return NO_BLOCK;
        }
        // Acquire: partner of the release in `give_back`.
        self.returned.swap(NO_BLOCK, Ordering::Acquire)
    }

    /// The block after `index` on a list taken by [`take_returned`](Self::take_returned).
    pub(super) fn next(&self, index: u32) -> u32 {
        self.side(index).next.load(Ordering::Relaxed)
    }

    fn side(&self, index: u32) -> &Side {
        &self.blocks[to_usize(u64::from(index))]
    }

    /// Pushes a block that nobody holds any more on the stack of returned ones.
    fn give_back(&self, index: u32) {
        let mut head = self.returned.load(Ordering::Relaxed);
        loop {
            self.side(index).next.store(head, Ordering::Relaxed);
            // Release: the arena that takes the stack sees the link and all that was done with the block.
            match self.returned.compare_exchange_weak(head, index, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

/// A handle of [`BLOCK_BYTES`] of memory. A clone pins the same bytes; they change only while there is one handle.
/// The last drop, on whatever thread, sends the memory home to its arena.
pub struct Block {
    home: Arc<Home>,
    index: u32,
}

impl Block {
    /// The first handle of block `index`.
    ///
    /// # Safety
    /// Nobody holds a handle of this block, it lies inside the home's mapping, and until the block has come back
    /// through [`Home::take_returned`] nobody reaches its bytes but through handles.
    pub(super) unsafe fn first(home: Arc<Home>, index: u32) -> Self {
        let before = home.side(index).handles.swap(1, Ordering::Relaxed);
        assert_eq!(before, 0, "a block is carved while it has handles");
        Self { home, index }
    }

    /// The bytes. They stay as they are while they are shared.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the block lies inside the mapping (contract of `first`), which lives as long as `home`; its bytes
        // were zeroed by the kernel; only `get_mut` writes them, and needs `&mut` of the one handle there is.
        unsafe { core::slice::from_raw_parts(self.start().as_ptr(), BLOCK_BYTES) }
    }

    /// The bytes to write to, if this is the only handle.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut [u8]> {
        // Acquire: partner of the release in `drop`, whose reads through other handles came before.
        if self.home.side(self.index).handles.load(Ordering::Acquire) != 1 {
            return None;
        }
        // SAFETY: as for `as_slice`; this is the only handle and it is borrowed mutably, so nobody can clone it or
        // read through it meanwhile.
        Some(unsafe { core::slice::from_raw_parts_mut(self.start().as_ptr(), BLOCK_BYTES) })
    }

    /// Whether another handle pins the bytes.
    pub fn is_shared(&self) -> bool {
        self.home.side(self.index).handles.load(Ordering::Acquire) != 1
    }

    /// Handles of the bytes, this one among them.
    pub fn handle_count(&self) -> usize {
        to_usize(u64::from(self.home.side(self.index).handles.load(Ordering::Relaxed)))
    }

    /// Number of the block, if it is one of this home.
    #[inline]
    pub(super) fn index_of(&self, home: &Arc<Home>) -> Option<u32> {
        Arc::ptr_eq(&self.home, home).then_some(self.index)
    }

    /// Asks for the first lines of the block.
    pub fn prefetch(&self) {
        prefetch::range(self);
    }

    fn start(&self) -> NonNull<u8> {
        let offset = to_usize(u64::from(self.index)) * BLOCK_BYTES;
        // SAFETY: block `index` lies inside the mapping, by the contract of `first`.
        unsafe { self.home.mapping.start().add(offset) }
    }
}

/// The memory that blocks lie in, which is there as long as this is.
#[cfg(feature = "dpdk")]
pub(crate) struct Region(Arc<Home>);

#[cfg(feature = "dpdk")]
impl Region {
    /// Its first byte, aligned to 2 MiB.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.0.mapping.start()
    }

    /// Its length, in whole pages of 2 MiB.
    pub(crate) fn len_bytes(&self) -> usize {
        self.0.mapping.len_bytes()
    }

    /// Whether a block lies in it.
    #[inline]
    pub(crate) fn has(&self, block: &Block) -> bool {
        Arc::ptr_eq(&self.0, &block.home)
    }
}

#[cfg(feature = "dpdk")]
impl Block {
    /// The memory that it lies in.
    pub(crate) fn region(&self) -> Region {
        Region(Arc::clone(&self.home))
    }
}

impl Clone for Block {
    fn clone(&self) -> Self {
        // Relaxed: this handle keeps the block alive, and a new one needs nothing more (as for `Arc`).
        let before = self.home.side(self.index).handles.fetch_add(1, Ordering::Relaxed);
        assert!(before < HANDLES_MAX, "a block has too many handles");
        Self { home: Arc::clone(&self.home), index: self.index }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // Release: what was done through this handle comes before whatever the last one allows.
        if self.home.side(self.index).handles.fetch_sub(1, Ordering::Release) == 1 {
            // Partner of the releases of all the other handles.
            fence(Ordering::Acquire);
            self.home.give_back(self.index);
        }
    }
}

impl Deref for Block {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("index", &self.index).finish_non_exhaustive()
    }
}
