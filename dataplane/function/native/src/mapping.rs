//! Memory that is mapped twice, to be written in one place and executed in the other.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::NonNull;

use crate::fault;
use crate::layout::PAGE_BYTES;

/// Two mappings of the same pages.
#[derive(Debug)]
pub(crate) struct Mapping {
    writable: NonNull<u8>,
    executable: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the addresses are valid in all threads. Writing takes the promise that nobody else writes or runs the same bytes, which `Arena` keeps: it
// writes behind `&mut self`, and only what no handle refers to.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps so many bytes, or a few more: whole pages.
    pub(crate) fn new(bytes: usize) -> io::Result<Self> {
        let bytes = bytes.max(1).next_multiple_of(PAGE_BYTES as usize);
        // SAFETY: the name ends with a zero and is only read.
        let descriptor = unsafe { libc::memfd_create(c"adit-functions".as_ptr(), libc::MFD_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just opened, and nobody else has it.
        let file = unsafe { File::from_raw_fd(descriptor) };
        file.set_len(bytes as u64)?;
        let writable = map(&file, bytes, libc::PROT_READ | libc::PROT_WRITE)?;
        let executable = match map(&file, bytes, libc::PROT_READ | libc::PROT_EXEC) {
            Ok(executable) => executable,
            Err(error) => {
                unmap(writable, bytes);
                return Err(error);
            }
        };
        let mapping = Self { writable, executable, bytes };
        fault::install()?;
        fault::add_code(mapping.address()..mapping.address() + bytes)?;
        Ok(mapping)
    }

    pub(crate) const fn len_bytes(&self) -> usize {
        self.bytes
    }

    /// Where the memory can be executed.
    pub(crate) fn address(&self) -> usize {
        self.executable.as_ptr().expose_provenance()
    }

    /// Writes code into a range and `padding` behind it. Only for a range that nobody runs.
    ///
    /// # Panics
    /// If the code does not fit the range, or the range the mapping.
    pub(crate) fn write(&self, range: Range<usize>, code: &[u8], padding: u8) {
        assert!(range.start <= range.end && range.end <= self.bytes && code.len() <= range.len());
        // SAFETY: the range starts in the mapping.
        let start = unsafe { self.writable.add(range.start) };
        // SAFETY: the code fits the range, which lies in the mapping, and is memory elsewhere; no reference to the mapping exists.
        unsafe { start.copy_from_nonoverlapping(NonNull::from(code).cast(), code.len()) };
        // SAFETY: the code fits the range.
        let behind = unsafe { start.add(code.len()) };
        // SAFETY: what lies behind the code is in the range, too.
        unsafe { behind.write_bytes(padding, range.len() - code.len()) };
        synchronize();
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        fault::remove_code(self.address());
        unmap(self.writable, self.bytes);
        unmap(self.executable, self.bytes);
    }
}

fn map(file: &File, bytes: usize, protection: i32) -> io::Result<NonNull<u8>> {
    let anywhere = std::ptr::null_mut();
    // SAFETY: a new mapping at a place that the system chooses replaces nothing.
    let address = unsafe { libc::mmap(anywhere, bytes, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    match NonNull::new(address) {
        Some(address) if address.as_ptr() != libc::MAP_FAILED => Ok(address.cast()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn unmap(address: NonNull<u8>, bytes: usize) {
    // SAFETY: the mapping was made with this length, and its owner is going.
    let result = unsafe { libc::munmap(address.as_ptr().cast(), bytes) };
    assert_eq!(result, 0, "whole mappings are unmapped");
}

/// Makes all threads of the process forget instructions that they have fetched before: a thread may run what was written from here on
/// (Intel SDM, volume 3, 9.1.3: cross-modifying code needs a serializing instruction on the one who runs it). Systems without the call have
/// threads come here by way of a channel or a lock at least, and processors that watch what is written where they fetch.
fn synchronize() {
    for command in [
        libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
        libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
    ] {
        // SAFETY: the call reads and writes no memory of ours.
        let _ = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    }
}
