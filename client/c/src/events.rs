//! Waiting in a loop of the caller: one file descriptor that tells when to poll, and how long it may stay silent.

use std::os::fd::AsRawFd;

use crate::config::adit_client;
use crate::entry::{Entry, with};
use crate::memory::Out;

/// The file descriptor for the caller's own `poll`, `epoll` or `select`: wait for input on it, no longer than
/// `adit_next_event_ms` says, then call `adit_poll` with a time-out of 0 until it gives no more completions. It is the library's,
/// stays the same, and is closed with the client. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_fd(client: adit_client, fd: *mut i32) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a number there.
        let fd = unsafe { Out::new(fd) }?;
        fd.set(entry.client.fd().as_raw_fd());
        Ok(())
    })
}

/// How many milliseconds the caller's loop may wait for input before it calls `adit_poll`; -1 if there is nothing to wait for
/// but input. Ask for it each time before waiting. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_next_event_ms(client: adit_client, ms: *mut i32) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a number there.
        let ms = unsafe { Out::new(ms) }?;
        ms.set(entry.next_event_ms());
        Ok(())
    })
}

impl Entry {
    fn next_event_ms(&self) -> i32 {
        if !self.completions.is_empty() {
            return 0;
        }
        let Some(due) = self.client.next_event() else { return -1 };
        // Rounded up: a caller who waits a bit less would come for nothing, again and again.
        i32::try_from(due.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
    }
}
