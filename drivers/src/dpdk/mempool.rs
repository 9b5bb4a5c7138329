//! Mempools of DPDK: the buffers of one queue, each behind its `rte_mbuf` at a fixed distance.

use std::cell::RefCell;
use std::ffi::{CString, c_uint, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::ThreadId;

use adit_sys::dpdk as sys;

use super::eal::Eal;
use super::error::{DeviceError, last_errno};
use crate::buffer::STASH_BUFFERS;

/// Buffers in the memory of DPDK; freed with the last handle, when no device has any of them.
pub(super) struct DeviceMempool {
    raw: NonNull<sys::rte_mempool>,
    count: u32,
    buffer_bytes: u16,
    /// EAL ends after its mempools.
    _eal: Eal,
}

// SAFETY: `rte_mempool` is made for any number of threads: made without RTE_MEMPOOL_F_SP_PUT and _SC_GET, its ring takes
// and gives atomically, and its caches belong to threads that EAL knows. It is freed by the last handle.
unsafe impl Send for DeviceMempool {}
// SAFETY: as above.
unsafe impl Sync for DeviceMempool {}

impl DeviceMempool {
    /// A mempool of `count` buffers on a NUMA node.
    pub(super) fn new(
        eal: &Eal,
        device: &str,
        count: u32,
        buffer_bytes: u16,
        socket: i32,
    ) -> Result<Self, DeviceError> {
        let number = MEMPOOLS.fetch_add(1, Ordering::Relaxed);
        let name = CString::new(format!("adit_{number}")).unwrap_or_default();
        let cache_count = CACHE_BUFFERS.min(count / 2);
        // SAFETY: EAL runs, as `eal` shows, and copies the name.
        let raw = unsafe {
            sys::rte_pktmbuf_pool_create(name.as_ptr(), count, cache_count, 0, buffer_bytes, socket)
        };
        let Some(raw) = NonNull::new(raw) else {
            let len_bytes = u64::from(count) * (u64::from(buffer_bytes) + HEADER_BYTES as u64);
            return Err(DeviceError::Buffers { name: device.into(), count, len_bytes, errno: last_errno() });
        };
        let mempool = Self { raw, count, buffer_bytes, _eal: eal.clone() };
        if mempool.has_layout() { Ok(mempool) } else { Err(DeviceError::Layout) }
    }

    /// The mempool, for DPDK.
    pub(super) fn as_ptr(&self) -> *mut sys::rte_mempool {
        self.raw.as_ptr()
    }

    /// Whether each buffer lies right behind its header, is as long as it should be, and is alone.
    fn has_layout(&self) -> bool {
        unsafe extern "C" fn look(
            _: *mut sys::rte_mempool,
            bad: *mut c_void,
            mbuf: *mut c_void,
            index: c_uint,
        ) {
            // SAFETY: `rte_mempool_obj_iter` hands out each element, which `rte_pktmbuf_pool_create` made an `rte_mbuf`.
            let header = unsafe { &*mbuf.cast::<sys::rte_mbuf>() };
            let distance = header.buf_addr.addr().wrapping_sub(mbuf.addr());
            // SAFETY: the third argument below: the length that is wanted, or one that no buffer has once one was found to be wrong.
            let wanted = unsafe { &mut *bad.cast::<u16>() };
            let is_raw = header.refcnt == 1 && header.nb_segs == 1 && header.next.is_null();
            if distance != HEADER_BYTES || header.buf_len != *wanted || !is_raw || index == c_uint::MAX {
                *wanted = u16::MAX;
            }
        }
        let mut wanted = self.buffer_bytes;
        // SAFETY: the mempool is alive, nothing of it is out, and `look` gets what it expects.
        let count = unsafe { sys::rte_mempool_obj_iter(self.as_ptr(), Some(look), (&raw mut wanted).cast()) };
        count == self.count && wanted == self.buffer_bytes
    }

    /// Buffers that are not out.
    pub(super) fn available_count(&self) -> usize {
        // SAFETY: the mempool is alive; this reads counters.
        let count = unsafe { sys::rte_mempool_avail_count(self.as_ptr()) };
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// Buffers that there are.
    pub(super) fn count(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    /// Takes one or some buffers, at most [`BULK_BUFFERS`], if any are left.
    fn take_some(&self, starts: &mut Vec<NonNull<u8>>) {
        let mut mbufs = [std::ptr::null_mut::<c_void>(); BULK_BUFFERS];
        for count in [BULK_BUFFERS, 1] {
            let number = u32::try_from(count).unwrap_or(0);
            // SAFETY: the mempool is alive and the array has room for as many pointers.
            if unsafe { sys::adit_mempool_get_bulk(self.as_ptr(), mbufs.as_mut_ptr(), number) } == 0 {
                let taken = mbufs[..count].iter().filter_map(|mbuf| NonNull::new(*mbuf));
                starts.extend(taken.map(|mbuf| buffer_of(mbuf.cast())));
                return;
            }
        }
    }

    /// Gives buffers back, at most [`STASH_BUFFERS`].
    fn give_back(&self, starts: impl Iterator<Item = NonNull<u8>>) {
        let mut mbufs = [std::ptr::null_mut::<c_void>(); STASH_BUFFERS];
        let count =
            mbufs.iter_mut().zip(starts).map(|(mbuf, start)| *mbuf = header_of(start).as_ptr().cast());
        let count = u32::try_from(count.count()).unwrap_or(0);
        // SAFETY: as many headers of raw mbufs of this mempool (alone, with one segment), which the caller gives away.
        unsafe { sys::adit_mempool_put_bulk(self.as_ptr(), mbufs.as_ptr(), count) };
    }
}

impl Drop for DeviceMempool {
    fn drop(&mut self) {
        // SAFETY: the last handle: the device that had buffers of it is closed, and the thread that had some gave them back.
        unsafe { sys::rte_mempool_free(self.as_ptr()) };
    }
}

/// The source of a [`Mempool`](crate::buffer::Mempool): a mempool of DPDK on the thread that uses it.
pub(crate) struct ThreadMempool {
    /// The caches of DPDK belong to threads that it knows.
    _thread: Arc<Registered>,
    shared: Arc<DeviceMempool>,
}

impl ThreadMempool {
    /// A mempool for this thread.
    pub(super) fn new(shared: Arc<DeviceMempool>) -> Result<Self, DeviceError> {
        Ok(Self { _thread: Registered::this_thread()?, shared })
    }

    /// The mempool, for DPDK.
    pub(super) fn as_ptr(&self) -> *mut sys::rte_mempool {
        self.shared.as_ptr()
    }

    /// Buffers that there are.
    pub(crate) fn count(&self) -> usize {
        self.shared.count()
    }

    /// Bytes of each.
    pub(crate) fn buffer_bytes(&self) -> usize {
        usize::from(self.shared.buffer_bytes)
    }

    /// Those that are not out.
    pub(crate) fn available_count(&self) -> usize {
        self.shared.available_count()
    }

    /// Takes one or some, if any are left.
    pub(crate) fn take_some(&self, starts: &mut Vec<NonNull<u8>>) {
        self.shared.take_some(starts);
    }

    /// Gives back up to [`STASH_BUFFERS`] of them, which nobody else has.
    pub(crate) fn give_back(&self, starts: impl Iterator<Item = NonNull<u8>>) {
        self.shared.give_back(starts);
    }
}

/// That EAL knows this thread.
struct Registered {
    /// Whether it was us who told it.
    is_ours: bool,
    /// Whom it is about.
    thread: ThreadId,
}

impl Registered {
    /// Tells EAL of this thread, unless it knows.
    fn this_thread() -> Result<Arc<Self>, DeviceError> {
        THIS.with_borrow_mut(|this| {
            if let Some(known) = this.upgrade() {
                return Ok(known);
            }
            // SAFETY: reads a variable of the thread.
            let is_ours = unsafe { sys::adit_lcore_id() } == sys::ADIT_LCORE_ID_ANY;
            // SAFETY: EAL runs: the mempool that asks for this holds it.
            if is_ours && unsafe { sys::rte_thread_register() } != 0 {
                return Err(DeviceError::Thread { errno: last_errno() });
            }
            let known = Arc::new(Self { is_ours, thread: std::thread::current().id() });
            *this = Arc::downgrade(&known);
            Ok(known)
        })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // An endpoint may have moved to another thread; then the one that opened it stays known to EAL, which ends with it.
        if self.is_ours && self.thread == std::thread::current().id() {
            // SAFETY: this is the thread that was registered, and EAL still runs: it is dropped before the mempool beside it.
            unsafe { sys::rte_thread_unregister() };
        }
    }
}

/// The buffer behind a header.
#[inline]
pub(super) fn buffer_of(header: NonNull<sys::rte_mbuf>) -> NonNull<u8> {
    // SAFETY: `DeviceMempool::new` has seen that each header has its buffer right behind it, in one allocation.
    unsafe { header.add(1) }.cast()
}

/// The header in front of a buffer.
#[inline]
pub(super) fn header_of(start: NonNull<u8>) -> NonNull<sys::rte_mbuf> {
    // SAFETY: as above.
    unsafe { start.cast::<sys::rte_mbuf>().sub(1) }
}

thread_local! {
    static THIS: RefCell<Weak<Registered>> = const { RefCell::new(Weak::new()) };
}

/// Mempools that were made, for their names.
static MEMPOOLS: AtomicU64 = AtomicU64::new(0);
/// Bytes of a header.
const HEADER_BYTES: usize = size_of::<sys::rte_mbuf>();
/// Buffers that are taken at once.
const BULK_BUFFERS: usize = 32;
/// Buffers that DPDK keeps for a thread; up to half as many again until it gives some back.
pub(super) const CACHE_BUFFERS: u32 = 256;
