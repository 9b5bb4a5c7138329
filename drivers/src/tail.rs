//! The end of a frame that stays where it lies: bytes of a pinned block, which a device reads as it transmits.

use std::ops::Range;
use std::ptr::NonNull;

#[cfg(feature = "dpdk")]
use adit_sys::dpdk as sys;

use crate::memory::Block;

/// Bytes of a block. The block is pinned until this is dropped, on whatever thread: until then nobody writes to it, and its
/// memory is not used for anything else.
pub struct Tail(NonNull<Pin>);

/// What a tail is made of, at a place that does not change.
struct Pin {
    block: Block,
    start_bytes: usize,
    len_bytes: usize,
    /// What DPDK knows of it while a device has it.
    #[cfg(feature = "dpdk")]
    shared: sys::rte_mbuf_ext_shared_info,
}

impl Tail {
    /// These bytes of a block.
    ///
    /// # Panics
    /// If the block does not have them, if there are none, or more than a segment of a frame has.
    pub fn new(block: Block, range: Range<usize>) -> Self {
        assert!(range.end <= block.len(), "a tail lies within its block");
        assert!(!range.is_empty() && range.len() <= TAIL_BYTES_MAX, "a tail has bytes, not too many");
        let pin = Pin {
            block,
            start_bytes: range.start,
            len_bytes: range.len(),
            #[cfg(feature = "dpdk")]
            shared: sys::rte_mbuf_ext_shared_info {
                free_cb: Some(release),
                fcb_opaque: std::ptr::null_mut(),
                refcnt: 0,
            },
        };
        let at = NonNull::from(Box::leak(Box::new(pin)));
        #[cfg(feature = "dpdk")]
        // SAFETY: it was made just now, and nobody else knows of it.
        unsafe {
            (*at.as_ptr()).shared.fcb_opaque = at.as_ptr().cast();
        }
        Self(at)
    }

    #[inline]
    fn pin(&self) -> &Pin {
        // SAFETY: made of a box by `new`, and there until the tail is dropped, or until `release` is called, which is after
        // `leave_to_device` has taken the tail or while its owner does not look at it: see `shared`.
        unsafe { self.0.as_ref() }
    }

    /// Its bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        let pin = self.pin();
        &pin.block[pin.start_bytes..pin.start_bytes + pin.len_bytes]
    }

    /// How many.
    #[inline]
    pub fn len_bytes(&self) -> usize {
        self.pin().len_bytes
    }

    /// What DPDK is given with the bytes. As soon as a device has taken them, it may drop the tail at any time: then the tail
    /// here is not to be looked at any more, and is left by [`Tail::leave_to_device`].
    #[cfg(feature = "dpdk")]
    pub(crate) fn shared(&self) -> *mut sys::rte_mbuf_ext_shared_info {
        // SAFETY: as in `pin`; no reference is made: DPDK counts in there.
        unsafe { &raw mut (*self.0.as_ptr()).shared }
    }

    /// Leaves it to a device that took it.
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) fn leave_to_device(self) {
        std::mem::forget(self);
    }
}

impl Drop for Tail {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `new` made it of a box; no device has it: of those that one took only `release` makes a tail to be dropped.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Drops a tail that a device is done with; called by DPDK on whatever thread frees the last reference.
#[cfg(feature = "dpdk")]
unsafe extern "C" fn release(_: *mut std::ffi::c_void, opaque: *mut std::ffi::c_void) {
    if let Some(pin) = NonNull::new(opaque.cast::<Pin>()) {
        drop(Tail(pin));
    }
}

/// Most bytes of a tail: what a segment of DPDK has.
pub const TAIL_BYTES_MAX: usize = u16::MAX as usize;
/// A tail is dropped on whatever thread a driver frees buffers.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Block>();
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Arena, BLOCK_BYTES, PAGE_BYTES};

    #[test]
    fn a_tail_pins_its_block_until_it_is_dropped() {
        let mut arena = Arena::new(PAGE_BYTES as u64, false).unwrap();
        let mut block = arena.block().unwrap();
        block.get_mut().unwrap()[7..10].copy_from_slice(b"abc");
        let tail = Tail::new(block.clone(), 7..10);
        assert!(block.is_shared() && block.get_mut().is_none());
        assert_eq!((tail.bytes(), tail.len_bytes()), (&b"abc"[..], 3));
        drop(tail);
        assert!(!block.is_shared());
        drop(Tail::new(block, BLOCK_BYTES - 1..BLOCK_BYTES));
        arena.collect();
        assert_eq!(arena.usage().blocks_in_use, 0);
    }

    #[test]
    #[should_panic(expected = "lies within its block")]
    fn a_tail_does_not_end_behind_its_block() {
        let mut arena = Arena::new(PAGE_BYTES as u64, false).unwrap();
        drop(Tail::new(arena.block().unwrap(), BLOCK_BYTES - 1..BLOCK_BYTES + 1));
    }
}
