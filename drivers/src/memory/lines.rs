//! A fixed array of cache lines in its own mapping. What the words mean is the index's business.

use super::mapping::Mapping;
use super::{MemoryError, PageKind};
use core::ops::{Deref, DerefMut};

/// Words of a line.
pub const LINE_WORDS: usize = 8;

/// One cache line of words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Line(pub [u64; LINE_WORDS]);

const _: () = assert!(size_of::<Line>() == 64, "a line is a cache line");

/// Cache lines, zeroed at first.
pub struct Lines {
    mapping: Mapping,
    len: usize,
}

impl Lines {
    /// Maps as many lines as fit `len_bytes`. With `prefault` they are backed by memory before this returns; else
    /// the first touch of each page costs up to 0.15 ms.
    pub fn new(len_bytes: u64, prefault: bool) -> Result<Self, MemoryError> {
        let least_bytes = size_of::<Line>() as u64;
        if len_bytes < least_bytes {
            return Err(MemoryError::TooSmall { len_bytes, least_bytes });
        }
        let mapping = Mapping::new(len_bytes, prefault)?;
        Ok(Self { mapping, len: super::to_usize(len_bytes / least_bytes) })
    }

    /// The pages behind the lines.
    pub fn page_kind(&self) -> PageKind {
        self.mapping.page_kind()
    }
}

impl Deref for Lines {
    type Target = [Line];

    #[inline]
    fn deref(&self) -> &[Line] {
        let first = self.mapping.start().cast::<Line>();
        // SAFETY: the mapping is aligned to 2 MiB, holds `len` lines (`len * 64 <= len_bytes`), is zeroed or written
        // as words, any bits are a `Line`, and it lives and is borrowed as long as `self`.
        unsafe { core::slice::from_raw_parts(first.as_ptr(), self.len) }
    }
}

impl DerefMut for Lines {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Line] {
        let first = self.mapping.start().cast::<Line>();
        // SAFETY: as for `deref`; `&mut self` is the only way to the mapping, so nobody else reads or writes it.
        unsafe { core::slice::from_raw_parts_mut(first.as_ptr(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_start_zeroed_and_keep_words() {
        let mut lines = Lines::new(1000, false).unwrap();
        assert_eq!(lines.len(), 15);
        assert!(lines.iter().all(|line| *line == Line::default()));
        lines[14].0[7] = u64::MAX;
        assert_eq!(lines[14].0, [0, 0, 0, 0, 0, 0, 0, u64::MAX]);
        assert_eq!(core::ptr::from_ref(&lines[1]).addr() % 64, 0);
    }

    #[test]
    fn less_than_a_line_is_refused() {
        assert_eq!(
            Lines::new(63, false).err(),
            Some(MemoryError::TooSmall { len_bytes: 63, least_bytes: 64 })
        );
        assert_eq!(Lines::new(64, true).unwrap().len(), 1);
    }
}
