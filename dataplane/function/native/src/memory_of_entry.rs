//! The memory of an entry: its mapping, and what the fault handler and the watchdog do with its poll page.

use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::fault;
use crate::layout::{self, ENTRY_BYTES, PAGE_BYTES, POLL, State};

/// The mapping. The thread of the entry uses all of it, others only the turn, the revocation and the protection of the poll page.
#[derive(Debug)]
pub(crate) struct EntryMemory {
    start: NonNull<u8>,
    /// The clock of the processor time of the thread that has made it.
    clock: libc::clockid_t,
}

// SAFETY: the address is valid in all threads, and what others than the thread of the entry can do with it through this type is atomic.
unsafe impl Send for EntryMemory {}
// SAFETY: as above.
unsafe impl Sync for EntryMemory {}

/// What becomes of a call that has touched its revoked poll page.
pub(crate) enum Poll {
    /// It was not meant: it goes on.
    Again,
    /// It ends.
    Revoked {
        /// The stack pointer that the trampoline has kept.
        save: u64,
        /// Where it goes on.
        leave: u64,
    },
}

impl EntryMemory {
    pub(crate) fn new() -> io::Result<Self> {
        let clock = clock_of_thread()?;
        let anywhere = std::ptr::null_mut();
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping at a place that the system chooses replaces nothing.
        let start = unsafe { libc::mmap(anywhere, ENTRY_BYTES, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).expect("nothing is mapped at 0");
        let memory = Self { start, clock };
        if !protect(memory.address(), libc::PROT_READ) {
            return Err(io::Error::last_os_error());
        }
        fault::add_entry(memory.address())?;
        Ok(memory)
    }

    pub(crate) fn address(&self) -> usize {
        self.start.as_ptr().expose_provenance()
    }

    /// The first byte of the memory.
    pub(crate) const fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// The number of the call that runs, odd, or that has ended or not begun, even.
    pub(crate) fn turn(&self) -> &AtomicU64 {
        self.atomic(layout::TURN)
    }

    /// Tells a call to end when it next polls. One that has ended meanwhile is not meant, and neither is the one behind it: if that polls before
    /// its page is back the fault handler lets it go on.
    pub(crate) fn revoke(&self, turn: u64) {
        self.atomic(layout::REVOKED).store(turn, Ordering::SeqCst);
        assert!(protect(self.address(), libc::PROT_NONE), "a mapped page can be protected");
    }

    /// The processor time that the thread of the entry has used, while it lives.
    pub(crate) fn thread_time(&self) -> Option<Duration> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the system writes a time of ours, or nothing if there is no such thread any more.
        let result = unsafe { libc::clock_gettime(self.clock, &raw mut time) };
        let seconds = u64::try_from(time.tv_sec).ok()?;
        let nanoseconds = u32::try_from(time.tv_nsec).ok()?;
        (result == 0).then(|| Duration::new(seconds, nanoseconds))
    }

    fn atomic(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: the offset is one of the state, which the mapping starts with.
        let place = unsafe { self.start.add(offset) }.cast();
        // SAFETY: an atomic field lies there, in memory that was zeroed by the system, as long as the mapping is there; all accesses are
        // atomic.
        unsafe { place.as_ref() }
    }
}

impl Drop for EntryMemory {
    fn drop(&mut self) {
        fault::remove_entry(self.address());
        // SAFETY: the mapping was made with this length, and its owner is going.
        let result = unsafe { libc::munmap(self.start.as_ptr().cast(), ENTRY_BYTES) };
        assert_eq!(result, 0, "whole mappings are unmapped");
    }
}

/// The clock of the processor time of this thread, for all threads.
fn clock_of_thread() -> io::Result<libc::clockid_t> {
    let mut clock = 0;
    // SAFETY: it has no preconditions.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: the thread is this one, which lives; the clock is written to a place of ours.
    match unsafe { libc::pthread_getcpuclockid(thread, &raw mut clock) } {
        0 => Ok(clock),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// The addresses of the poll page of an entry.
pub(crate) const fn poll_page(entry: usize) -> Range<usize> {
    let start = entry + POLL.unsigned_abs() as usize;
    start..start + PAGE_BYTES as usize
}

/// What becomes of the call that runs with the entry at this address, and whose load from the poll page has faulted. The page is there again afterwards.
///
/// If the page is revoked once more at that moment, for this very call, that may be lost; the watchdog does it again at its next turn.
///
/// # Safety
/// The entry is mapped, and this runs on its thread, in the middle of a call.
pub(crate) unsafe fn on_poll_fault(entry: usize) -> Poll {
    let state: *const State = std::ptr::with_exposed_provenance(entry);
    // SAFETY: the entry is mapped and starts with its state; the thread is ours.
    let state = unsafe { &*state };
    // The page comes back first: a revocation from here on either is seen by the comparison, or faults again.
    assert!(protect(entry, libc::PROT_READ), "a mapped page can be protected");
    let is_meant = state.revoked.load(Ordering::SeqCst) == state.turn.load(Ordering::SeqCst);
    if !is_meant {
        return Poll::Again;
    }
    let save = state.save.get();
    let below: *const u64 =
        std::ptr::with_exposed_provenance(usize::try_from(save).unwrap_or(usize::MAX) - 8);
    // SAFETY: the trampoline's call has pushed its return address there, on the stack of this thread, and the call has not ended.
    Poll::Revoked { save, leave: unsafe { below.read() } }
}

/// Sets the protection of the poll page of an entry. A signal handler may do so.
fn protect(entry: usize, protection: i32) -> bool {
    let page = poll_page(entry);
    let address = std::ptr::with_exposed_provenance_mut(page.start);
    // SAFETY: the page is one of the entry, which only compiled code loads from.
    unsafe { libc::mprotect(address, page.len(), protection) == 0 }
}
