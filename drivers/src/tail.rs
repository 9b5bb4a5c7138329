//! The end of a frame that stays where it lies: bytes of a pinned block, which a device reads as it transmits.

use std::ffi::c_void;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering, fence};

use crate::memory::Block;

/// A block that is pinned for tails: until the last of them and this are dropped, on whatever thread, nobody writes to it, and
/// its memory is not used for anything else. One serves all tails in a block that leave together.
pub struct BlockPin(NonNull<Pin>);

/// What pins and tails of a block share.
struct Pin {
    shared: Shared,
    block: Block,
}

/// What DPDK is given with external memory: `rte_mbuf_ext_shared_info`.
#[repr(C)]
pub(crate) struct Shared {
    /// Called with the memory and `opaque` by the device that gives the last handle back.
    release: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
    opaque: *mut c_void,
    /// Handles: pins, tails, and tails that devices have.
    handles: AtomicU16,
}

/// Some bytes of a pinned block.
pub struct Tail {
    pin: BlockPin,
    start_bytes: u32,
    len_bytes: u32,
}

impl BlockPin {
    /// Pins a block.
    pub fn new(block: Block) -> Self {
        let (opaque, handles) = (std::ptr::null_mut(), AtomicU16::new(1));
        let shared = Shared { release: Some(release), opaque, handles };
        let at = NonNull::from(Box::leak(Box::new(Pin { shared, block })));
        // SAFETY: it was made just now, and nobody else knows of it.
        unsafe { (*at.as_ptr()).shared.opaque = at.as_ptr().cast() };
        Self(at)
    }

    #[inline]
    fn pin(&self) -> &Pin {
        // SAFETY: made of a box by `new`, and there while it has handles, of which `self` is one. After `new` nobody writes to it
        // but to the count, which is atomic here and in DPDK.
        unsafe { self.0.as_ref() }
    }

    /// Whether it is this block that is pinned.
    #[inline]
    pub fn pins(&self, block: &Block) -> bool {
        std::ptr::eq(self.pin().block.as_ptr(), block.as_ptr())
    }

    /// Some of its bytes.
    ///
    /// # Panics
    /// If the block does not have them, if there are none, or more than a segment of a frame has.
    #[inline]
    pub fn tail(&self, range: Range<usize>) -> Tail {
        assert!(range.end <= self.pin().block.len(), "a tail lies within its block");
        assert!(!range.is_empty() && range.len() <= TAIL_BYTES_MAX, "a tail has bytes, not too many");
        let number = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        Tail { pin: self.clone(), start_bytes: number(range.start), len_bytes: number(range.len()) }
    }
}

impl Clone for BlockPin {
    #[inline]
    fn clone(&self) -> Self {
        // Relaxed: this handle keeps the pin, and a new one needs nothing more (as for `Arc`).
        let before = self.pin().shared.handles.fetch_add(1, Ordering::Relaxed);
        assert!(before < HANDLES_MAX, "a pin has too many tails");
        Self(self.0)
    }
}

impl Drop for BlockPin {
    #[inline]
    fn drop(&mut self) {
        // Release: what was done with this handle comes before the end.
        if self.pin().shared.handles.fetch_sub(1, Ordering::Release) == 1 {
            end(self.0);
        }
    }
}

impl Tail {
    /// These bytes of a block, pinned for them alone.
    ///
    /// # Panics
    /// See [`BlockPin::tail`].
    pub fn new(block: Block, range: Range<usize>) -> Self {
        BlockPin::new(block).tail(range)
    }

    /// Its bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        let start = self.start_bytes as usize;
        &self.pin.pin().block[start..start + self.len_bytes as usize]
    }

    /// How many.
    #[inline]
    pub fn len_bytes(&self) -> usize {
        self.len_bytes as usize
    }

    /// The block that it lies in.
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) fn block(&self) -> &Block {
        &self.pin.pin().block
    }

    /// What DPDK is given with the bytes. A device that has taken them gives the handle back that this tail is, at any time: the
    /// tail here is then not to be looked at any more, and is left by [`Tail::leave_to_device`].
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) fn shared(&self) -> *mut Shared {
        // SAFETY: the pin is there, as `self` is one of its handles; no reference is made.
        unsafe { &raw mut (*self.pin.0.as_ptr()).shared }
    }

    /// Leaves it to a device that took it.
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) fn leave_to_device(self) {
        std::mem::forget(self);
    }
}

/// Lets a block go whose pin has no handle any more.
#[cold]
fn end(pin: NonNull<Pin>) {
    // Partner of the releases of all the other handles, here and in DPDK.
    fence(Ordering::Acquire);
    // SAFETY: `new` made it of a box, and nobody has a handle.
    drop(unsafe { Box::from_raw(pin.as_ptr()) });
}

/// Called by DPDK on whatever thread gives the last handle back.
unsafe extern "C" fn release(_: *mut c_void, opaque: *mut c_void) {
    if let Some(pin) = NonNull::new(opaque.cast()) {
        end(pin);
    }
}

/// Most bytes of a tail: what a segment of DPDK has.
pub const TAIL_BYTES_MAX: usize = u16::MAX as usize;
/// Most handles of one pin; past it the count could wrap.
const HANDLES_MAX: u16 = u16::MAX / 2;
/// Pins end on whatever thread a driver frees buffers, and handles are counted on several.
const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Block>();
};
#[cfg(feature = "dpdk")]
const _: () = {
    use adit_sys::dpdk::rte_mbuf_ext_shared_info as Theirs;
    use std::mem::offset_of;
    assert!(size_of::<Shared>() == size_of::<Theirs>() && align_of::<Shared>() == align_of::<Theirs>());
    assert!(offset_of!(Shared, release) == offset_of!(Theirs, free_cb));
    assert!(offset_of!(Shared, opaque) == offset_of!(Theirs, fcb_opaque));
    assert!(offset_of!(Shared, handles) == offset_of!(Theirs, refcnt));
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Arena, BLOCK_BYTES, PAGE_BYTES};

    #[test]
    fn tails_pin_their_block_until_the_last_is_dropped() {
        let mut arena = Arena::new(PAGE_BYTES as u64, false).unwrap();
        let mut block = arena.block().unwrap();
        block.get_mut().unwrap()[7..10].copy_from_slice(b"abc");
        let pin = BlockPin::new(block.clone());
        let (first, second) = (pin.tail(7..9), pin.tail(9..10));
        assert!(pin.pins(&block) && !pin.pins(&arena.block().unwrap()));
        assert_eq!((block.handle_count(), block.get_mut().is_none()), (2, true), "one handle for all");
        assert_eq!((first.bytes(), second.bytes(), first.len_bytes()), (&b"ab"[..], &b"c"[..], 2));
        drop((pin, first));
        assert!(block.is_shared());
        drop(second);
        assert!(!block.is_shared());
        drop(Tail::new(block, BLOCK_BYTES - 1..BLOCK_BYTES));
        arena.collect();
        assert_eq!(arena.usage().blocks_in_use, 0);
    }

    #[test]
    fn a_device_may_give_the_last_handle_back() {
        let mut arena = Arena::new(PAGE_BYTES as u64, false).unwrap();
        let block = arena.block().unwrap();
        let tail = Tail::new(block.clone(), 0..9);
        let opaque = tail.pin.pin().shared.opaque;
        std::mem::forget(tail);
        // SAFETY: a pin whose only handle was forgotten above: as DPDK calls it.
        unsafe { release(std::ptr::null_mut(), opaque) };
        assert!(!block.is_shared());
    }

    #[test]
    #[should_panic(expected = "lies within its block")]
    fn a_tail_does_not_end_behind_its_block() {
        let mut arena = Arena::new(PAGE_BYTES as u64, false).unwrap();
        drop(Tail::new(arena.block().unwrap(), BLOCK_BYTES - 1..BLOCK_BYTES + 1));
    }
}
