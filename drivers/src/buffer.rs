//! Buffers: memory that devices receive into and transmit from, lent one at a time out of the mempool of a shard.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::rc::Rc;

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
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: a mempool's memory lives as long as the mempool, which the buffer holds; it is initialised; and between
        // being taken out and being given back a place belongs to one `Buffer` alone, which is borrowed here.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.mempool.0.buffer_bytes) }
    }
}

impl DerefMut for Buffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.mempool.0.buffer_bytes) }
    }
}

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        self.mempool.0.give(self.start);
    }
}

/// The buffers of one shard, a bounded number of them.
#[derive(Clone)]
pub struct Mempool(Rc<Pool>);

struct Pool {
    /// Buffers that were used and are back; the most recent is handed out first: it is still in the cache.
    free: RefCell<Vec<NonNull<u8>>>,
    out_count: Cell<usize>,
    limit_count: usize,
    buffer_bytes: usize,
    headroom_bytes: usize,
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
        Self(Rc::new(Pool {
            free: RefCell::default(),
            out_count: Cell::new(0),
            limit_count: count,
            buffer_bytes,
            headroom_bytes,
        }))
    }

    /// An empty train to `peer`, unless all buffers are out.
    #[inline]
    pub fn take(&self, peer: SocketAddr) -> Option<Mbuf> {
        self.buffer().map(|buffer| Mbuf::new(buffer, self.0.headroom_bytes, peer))
    }

    /// A buffer, unless all are out. It holds what an earlier user left there.
    #[inline]
    pub fn buffer(&self) -> Option<Buffer> {
        let start = self.0.take()?;
        Some(Buffer { start, mempool: self.clone() })
    }

    /// Buffers that are not out.
    pub fn free_count(&self) -> usize {
        self.0.limit_count - self.0.out_count.get()
    }

    /// Buffers that are out or may be.
    pub fn count(&self) -> usize {
        self.0.limit_count
    }

    /// Bytes of each buffer.
    #[inline]
    pub fn buffer_bytes(&self) -> usize {
        self.0.buffer_bytes
    }

    /// Bytes in front of each train, for headers.
    #[inline]
    pub fn headroom_bytes(&self) -> usize {
        self.0.headroom_bytes
    }
}

impl Pool {
    #[inline]
    fn take(&self) -> Option<NonNull<u8>> {
        if self.out_count.get() == self.limit_count {
            return None;
        }
        let recent = self.free.borrow_mut().pop();
        let start = recent.unwrap_or_else(|| allocate(self.buffer_bytes));
        self.out_count.set(self.out_count.get() + 1);
        Some(start)
    }

    #[inline]
    fn give(&self, start: NonNull<u8>) {
        self.out_count.set(self.out_count.get() - 1);
        self.free.borrow_mut().push(start);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for start in self.free.get_mut().drain(..) {
            let bytes = std::ptr::slice_from_raw_parts_mut(start.as_ptr(), self.buffer_bytes);
            // SAFETY: `allocate` made it of a box of this length, and it is in `free`: no `Buffer` has it any more.
            drop(unsafe { Box::from_raw(bytes) });
        }
    }
}

/// Zeroes on the heap.
#[cold]
fn allocate(bytes: usize) -> NonNull<u8> {
    let zeroes = Box::leak(vec![0_u8; bytes].into_boxed_slice());
    NonNull::from(zeroes).cast()
}

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
