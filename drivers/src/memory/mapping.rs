//! One anonymous mapping, on the largest pages to be had. It hands out its address, not its bytes: what may be
//! read and written when is the business of the types above it.

use super::{MemoryError, PageKind, to_usize};
use core::ptr::{self, NonNull};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// Bytes of the small reserved huge page and of a transparent one.
pub(super) const HUGE_2M_BYTES: usize = 2 << 20;
/// Bytes of the large reserved huge page.
const HUGE_1G_BYTES: usize = 1 << 30;
/// Bytes of the smallest page of any kernel that this runs on.
const SMALL_PAGE_BYTES: usize = 4 << 10;

/// Zeroed private memory that is unmapped on drop.
pub(super) struct Mapping {
    /// What the kernel gave.
    base: NonNull<u8>,
    /// Length of what the kernel gave.
    base_bytes: usize,
    /// First byte in use, aligned to [`HUGE_2M_BYTES`].
    start: NonNull<u8>,
    /// Bytes in use from `start`.
    len_bytes: usize,
    page_kind: PageKind,
}

// SAFETY: the mapping belongs to the process, not to a thread. Before and after a move its one owner is whoever
// holds the value; it holds no reference into the memory.
unsafe impl Send for Mapping {}
// SAFETY: a shared `Mapping` only gives its address and length away, both constant.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps at least `len_bytes`. With `prefault` all of it is backed by memory before this returns.
    pub(super) fn new(len_bytes: u64, prefault: bool) -> Result<Self, MemoryError> {
        if len_bytes == 0 {
            return Err(MemoryError::TooSmall { len_bytes, least_bytes: 1 });
        }
        if len_bytes > isize::MAX as u64 / 2 {
            return Err(MemoryError::TooLarge { len_bytes });
        }
        let len = to_usize(len_bytes);
        let mapping = Self::huge(len, HUGE_1G_BYTES, MapFlags::HUGE_1GB, PageKind::Huge1G)
            .or_else(|| Self::huge(len, HUGE_2M_BYTES, MapFlags::HUGE_2MB, PageKind::Huge2M))
            .map_or_else(|| Self::transparent(len), Ok)
            .map_err(|errno| MemoryError::Refused { len_bytes, errno: errno.raw_os_error() })?;
        if prefault {
            mapping
                .prefault()
                .map_err(|errno| MemoryError::NotBacked { len_bytes, errno: errno.raw_os_error() })?;
        }
        Ok(mapping)
    }

    /// First byte, aligned to 2 MiB.
    #[inline]
    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Bytes from the start.
    pub(super) fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// The pages behind it.
    pub(super) fn page_kind(&self) -> PageKind {
        self.page_kind
    }

    /// Reserved huge pages, if the kernel has enough of them: it reserves all of them here or refuses.
    fn huge(len: usize, page_bytes: usize, size: MapFlags, page_kind: PageKind) -> Option<Self> {
        if len < page_bytes {
            return None;
        }
        let len_bytes = len.next_multiple_of(page_bytes);
        let base = map(len_bytes, MapFlags::HUGETLB | size).ok()?;
        Some(Self { base, base_bytes: len_bytes, start: base, len_bytes, page_kind })
    }

    /// Normal pages with the wish for transparent huge ones.
    fn transparent(len: usize) -> Result<Self, Errno> {
        let len_bytes = len.next_multiple_of(HUGE_2M_BYTES);
        let base_bytes = len_bytes + HUGE_2M_BYTES;
        let base = map(base_bytes, MapFlags::empty())?;
        let address = base.addr().get();
        let pad = address.next_multiple_of(HUGE_2M_BYTES) - address;
        // SAFETY: `pad` < 2 MiB and the mapping is 2 MiB longer than `len_bytes`: the result lies inside.
        let start = unsafe { base.add(pad) };
        let mapping = Self { base, base_bytes, start, len_bytes, page_kind: PageKind::Transparent };
        // SAFETY: the range lies inside the mapping made above, and the advice changes no content.
        match unsafe { madvise(start.as_ptr().cast(), len_bytes, Advice::LinuxHugepage) } {
            // A kernel built without transparent huge pages refuses: small ones do as well.
            Ok(()) | Err(Errno::INVAL) => Ok(mapping),
            Err(errno) => Err(errno),
        }
    }

    /// Backs all of it with memory. Called before anything was stored.
    fn prefault(&self) -> Result<(), Errno> {
        let start = self.start.as_ptr();
        // SAFETY: the range lies inside the mapping of this value; populating keeps its content.
        let populated = unsafe { madvise(start.cast(), self.len_bytes, Advice::LinuxPopulateWrite) };
        match populated {
            Err(Errno::INVAL) => self.touch(),
            other => return other,
        }
        Ok(())
    }

    /// Writes to each page, for kernels before 5.14.
    fn touch(&self) {
        for offset in (0..self.len_bytes).step_by(SMALL_PAGE_BYTES) {
            // SAFETY: `offset` < `len_bytes`: the result lies inside the mapping.
            let page = unsafe { self.start.add(offset) };
            // SAFETY: the byte is mapped writable, and nobody else has its address while `new` runs.
            unsafe { page.write_volatile(0) };
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: base and length are those of `mmap`; the owner is gone, and with it all who used the address.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.base_bytes) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}

/// Maps `len` bytes of zeroed private memory wherever the kernel likes.
fn map(len: usize, flags: MapFlags) -> Result<NonNull<u8>, Errno> {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: without MAP_FIXED the kernel picks an address that is not in use.
    let base = unsafe { mmap_anonymous(ptr::null_mut(), len, access, flags | MapFlags::PRIVATE) }?;
    NonNull::new(base.cast()).ok_or(Errno::NOMEM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_and_last(mapping: &Mapping) -> [u8; 2] {
        // SAFETY: the first byte of a mapping.
        let first = unsafe { mapping.start().read() };
        // SAFETY: `len_bytes - 1` lies inside the mapping.
        let end = unsafe { mapping.start().add(mapping.len_bytes() - 1) };
        // SAFETY: the last byte of a mapping.
        let last = unsafe { end.read() };
        [first, last]
    }

    #[test]
    fn maps_aligned_zeroed_memory() {
        for prefault in [false, true] {
            let mapping = Mapping::new(3 << 20, prefault).unwrap();
            assert_eq!(mapping.len_bytes(), 4 << 20);
            assert_eq!(mapping.start().addr().get() % HUGE_2M_BYTES, 0);
            assert_eq!(first_and_last(&mapping), [0, 0]);
        }
    }

    #[test]
    fn touching_backs_it_too() {
        let mapping = Mapping::new(1, false).unwrap();
        mapping.touch();
        assert_eq!(first_and_last(&mapping), [0, 0]);
    }

    #[test]
    fn refusals_say_how_many_bytes() {
        assert_eq!(
            Mapping::new(0, false).err(),
            Some(MemoryError::TooSmall { len_bytes: 0, least_bytes: 1 })
        );
        assert_eq!(Mapping::new(u64::MAX, false).err(), Some(MemoryError::TooLarge { len_bytes: u64::MAX }));
        let error = Mapping::new(1 << 60, false).err().unwrap();
        assert!(error.to_string().contains("1152921504606846976 bytes"), "{error}");
    }
}
