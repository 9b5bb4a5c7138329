//! Buffers: memory that devices receive into and transmit from, lent one at a time out of the mempool of a shard.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::vec::Drain;

#[cfg(feature = "dpdk")]
use crate::dpdk::ThreadMempool;
use crate::port::Mbuf;

/// One buffer, which goes back to its mempool when it is dropped.
pub struct Buffer {
    /// The first of the bytes: as many as the mempool says, which nobody else reaches while the buffer is out.
    start: NonNull<u8>,
    mempool: Mempool,
}

impl Buffer {
    /// Where it came from.
    #[inline]
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// Its first byte.
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// A buffer that a device had.
    ///
    /// # Safety
    /// `start` is the first byte of a buffer of `mempool`, initialised, which the caller has for itself and gives away. A
    /// handle of the mempool was counted for it by [`Mempool::add_handles`].
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) unsafe fn from_device(start: NonNull<u8>, mempool: &Mempool) -> Self {
        Self { start, mempool: Mempool(mempool.0) }
    }

    /// Leaves the buffer to a device, which gives it back to the source of its mempool; and its handle to who counts it off:
    /// see [`Mempool::remove_handles`].
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) fn leave_to_device(self) {
        std::mem::forget(self);
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: a mempool's memory lives as long as the mempool, which the buffer holds; it is initialised; and between
        // being taken out and being given back a place belongs to one `Buffer` alone, which is borrowed here.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.mempool.pool().buffer_bytes) }
    }
}

impl DerefMut for Buffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.mempool.pool().buffer_bytes) }
    }
}

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        self.mempool.pool().give(self.start);
    }
}

/// The buffers of one shard, a bounded number of them. A clone is another handle of the same; the last one, of a clone or
/// a buffer, ends it. They are counted as by `Rc`, but for a burst of buffers at once: counting each of them costs more than
/// all the rest that is done for it.
pub struct Mempool(NonNull<Pool>);

struct Pool {
    /// Handles of it: at least as many as there are.
    handle_count: Cell<usize>,
    /// Buffers that were used and are back; the most recent is handed out first: it is still in the cache.
    free: RefCell<Vec<NonNull<u8>>>,
    /// Most of those; what comes back beyond them goes on to the source.
    free_max: usize,
    /// Buffers that there may be.
    limit_count: usize,
    buffer_bytes: usize,
    headroom_bytes: usize,
    source: Source,
}

/// Where buffers come from that are not in `free`.
enum Source {
    /// The heap, which has given so many, and gets them back at the end.
    Heap { allocated_count: Cell<usize> },
    /// A mempool of DPDK, out of which the device takes those that it receives into.
    #[cfg(feature = "dpdk")]
    Dpdk(ThreadMempool),
}

impl Mempool {
    /// A mempool of at most `count` buffers of `buffer_bytes` on the heap, each allocated when it is first needed. A port
    /// with GRO needs [`crate::port::MBUF_BYTES`].
    pub fn new(count: usize, buffer_bytes: usize) -> Self {
        Self::with_headroom(count, buffer_bytes, 0)
    }

    /// The same, for trains with `headroom_bytes` in front, where headers find room.
    ///
    /// # Panics
    /// If the headroom leaves no room behind it.
    pub fn with_headroom(count: usize, buffer_bytes: usize, headroom_bytes: usize) -> Self {
        assert!(headroom_bytes < buffer_bytes.max(1), "a buffer has room behind its headroom");
        Self::of(Pool {
            handle_count: Cell::new(1),
            free: RefCell::default(),
            free_max: count,
            limit_count: count,
            buffer_bytes,
            headroom_bytes,
            source: Source::Heap { allocated_count: Cell::new(0) },
        })
    }

    /// The first handle of a pool, which has counted it.
    fn of(pool: Pool) -> Self {
        Self(NonNull::from(Box::leak(Box::new(pool))))
    }

    #[inline]
    fn pool(&self) -> &Pool {
        // SAFETY: made of a box by `of`, and there while it has handles, of which `self` is one. It stays on its thread, as
        // the pointer does, and nobody has it mutably before it ends.
        unsafe { self.0.as_ref() }
    }

    /// Counts handles for buffers that are about to be made by [`Buffer::from_device`].
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) fn add_handles(&self, count: usize) {
        let handle_count = &self.pool().handle_count;
        handle_count.set(handle_count.get() + count);
    }

    /// Counts handles off that were counted for nothing, or were left to a device with their buffers.
    ///
    /// # Safety
    /// There are no such handles any more, and nobody counted them off yet.
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) unsafe fn remove_handles(&self, count: usize) {
        let handle_count = &self.pool().handle_count;
        handle_count.set(handle_count.get() - count);
    }

    /// A mempool whose buffers are those of a device.
    #[cfg(feature = "dpdk")]
    pub(crate) fn of_dpdk(source: ThreadMempool) -> Self {
        Self::of(Pool {
            handle_count: Cell::new(1),
            free: RefCell::new(Vec::with_capacity(STASH_BUFFERS)),
            free_max: STASH_BUFFERS,
            limit_count: source.count(),
            buffer_bytes: source.buffer_bytes(),
            headroom_bytes: crate::frames::FRAME_HEADROOM_BYTES,
            source: Source::Dpdk(source),
        })
    }

    /// Whether the buffers of both are the same.
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// An empty train to `peer`, unless all buffers are out.
    #[inline]
    pub fn take(&self, peer: SocketAddr) -> Option<Mbuf> {
        self.buffer().map(|buffer| Mbuf::new(buffer, self.pool().headroom_bytes, peer))
    }

    /// A buffer, unless all are out. It holds what an earlier user left there.
    #[inline]
    pub fn buffer(&self) -> Option<Buffer> {
        let start = self.pool().take()?;
        Some(Buffer { start, mempool: self.clone() })
    }

    #[cold]
    fn end(&mut self) {
        // SAFETY: `of` made it of a box, and this was the last handle.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }

    /// Buffers that are not out. To be asked now and then: a device's mempool counts them.
    pub fn free_count(&self) -> usize {
        let free_count = self.pool().free.borrow().len();
        match &self.pool().source {
            Source::Heap { allocated_count } => self.pool().limit_count - allocated_count.get() + free_count,
            #[cfg(feature = "dpdk")]
            Source::Dpdk(source) => source.available_count() + free_count,
        }
    }

    /// Whether a buffer is to be had, which is known at once while some wait for their next use.
    #[inline]
    pub fn has_free(&self) -> bool {
        !self.pool().free.borrow().is_empty() || self.free_count() > 0
    }

    /// Buffers that are out or may be.
    pub fn count(&self) -> usize {
        self.pool().limit_count
    }

    /// Bytes of each buffer.
    #[inline]
    pub fn buffer_bytes(&self) -> usize {
        self.pool().buffer_bytes
    }

    /// Bytes in front of each train, for headers.
    #[inline]
    pub fn headroom_bytes(&self) -> usize {
        self.pool().headroom_bytes
    }
}

impl Clone for Mempool {
    #[inline]
    fn clone(&self) -> Self {
        let handle_count = &self.pool().handle_count;
        handle_count.set(handle_count.get() + 1);
        Self(self.0)
    }
}

impl Drop for Mempool {
    #[inline]
    fn drop(&mut self) {
        let handle_count = self.pool().handle_count.get() - 1;
        self.pool().handle_count.set(handle_count);
        if handle_count == 0 {
            self.end();
        }
    }
}

impl Pool {
    #[inline]
    fn take(&self) -> Option<NonNull<u8>> {
        let recent = self.free.borrow_mut().pop();
        recent.or_else(|| self.take_from_source())
    }

    #[inline]
    fn give(&self, start: NonNull<u8>) {
        let mut free = self.free.borrow_mut();
        if free.len() == self.free_max {
            let half = free.len().div_ceil(2);
            self.give_to_source(free.drain(..half));
        }
        free.push(start);
    }

    #[cold]
    fn take_from_source(&self) -> Option<NonNull<u8>> {
        match &self.source {
            Source::Heap { allocated_count } => {
                let allocated = allocated_count.get();
                (allocated < self.limit_count).then(|| {
                    allocated_count.set(allocated + 1);
                    allocate(self.buffer_bytes)
                })
            }
            #[cfg(feature = "dpdk")]
            Source::Dpdk(source) => {
                let mut free = self.free.borrow_mut();
                source.take_some(&mut free);
                free.pop()
            }
        }
    }

    /// Gives buffers back that were not used for longest.
    #[cold]
    fn give_to_source(&self, starts: Drain<'_, NonNull<u8>>) {
        match &self.source {
            Source::Heap { allocated_count } => {
                allocated_count.set(allocated_count.get() - starts.len());
                starts.for_each(|start| {
                    let bytes = std::ptr::slice_from_raw_parts_mut(start.as_ptr(), self.buffer_bytes);
                    // SAFETY: `allocate` made it of a box of this length, and it was in `free`: no `Buffer` has it.
                    drop(unsafe { Box::from_raw(bytes) });
                });
            }
            #[cfg(feature = "dpdk")]
            Source::Dpdk(source) => source.give_back(starts),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut free = self.free.take();
        self.give_to_source(free.drain(..));
    }
}

/// Zeroes on the heap.
#[cold]
fn allocate(bytes: usize) -> NonNull<u8> {
    let zeroes = Box::leak(vec![0_u8; bytes].into_boxed_slice());
    NonNull::from(zeroes).cast()
}

/// Buffers that wait for their next use beside a mempool of DPDK, whose own cache costs a call: a received burst and the
/// replies to it.
#[cfg(feature = "dpdk")]
pub(crate) const STASH_BUFFERS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_lent_alone_and_comes_back() {
        let mempool = Mempool::new(2, 16);
        let (mut first, second) = (mempool.buffer().unwrap(), mempool.buffer().unwrap());
        first.fill(1);
        assert!(second.iter().all(|byte| *byte == 0) && mempool.buffer().is_none());
        drop(first);
        assert_eq!((mempool.free_count(), mempool.count()), (1, 2));
        let again = mempool.buffer().unwrap();
        assert!(again.iter().all(|byte| *byte == 1), "the most recent one");
        drop(mempool);
        drop(second);
        assert_eq!(again.len(), 16, "a buffer keeps its mempool");
    }

    #[test]
    #[should_panic(expected = "room behind its headroom")]
    fn a_headroom_is_shorter_than_the_buffer() {
        Mempool::with_headroom(1, 64, 64);
    }
}
