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

impl Line {
    /// One bit for each word whose upper half, but for the bits outside `mask`, is `upper`.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub fn matches_upper(&self, upper: u32, mask: u32) -> u32 {
        // SAFETY: SSE2 is part of the x86-64 base line.
        unsafe { self.matches_upper_sse2(upper, mask) }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "sse2")]
    #[inline]
    fn matches_upper_sse2(&self, upper: u32, mask: u32) -> u32 {
        use core::arch::x86_64::{
            _mm_and_si128, _mm_castps_si128, _mm_castsi128_ps, _mm_cmpeq_epi32, _mm_movemask_epi8,
            _mm_packs_epi16, _mm_packs_epi32, _mm_set_epi64x, _mm_set1_epi32, _mm_setzero_si128,
            _mm_shuffle_ps,
        };
        let (upper, mask) = (_mm_set1_epi32(upper.cast_signed()), _mm_set1_epi32(mask.cast_signed()));
        let pair = |at: usize| {
            let [low, high] = [self.0[at], self.0[at + 1]].map(u64::cast_signed);
            _mm_castsi128_ps(_mm_set_epi64x(high, low))
        };
        // The upper halves of four words, compared at once: all ones where equal.
        let four = |at: usize| {
            let halves = _mm_shuffle_ps::<0b11_01_11_01>(pair(at), pair(at + 2));
            _mm_cmpeq_epi32(_mm_and_si128(_mm_castps_si128(halves), mask), upper)
        };
        let eight = _mm_packs_epi32(four(0), four(4));
        _mm_movemask_epi8(_mm_packs_epi16(eight, _mm_setzero_si128())).cast_unsigned()
    }

    /// One bit for each word whose upper half, but for the bits outside `mask`, is `upper`.
    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    pub fn matches_upper(&self, upper: u32, mask: u32) -> u32 {
        self.matches_upper_plainly(upper, mask)
    }

    /// The same word by word, for processors without a path of their own, and to test those of others.
    #[cfg(any(test, not(target_arch = "x86_64")))]
    fn matches_upper_plainly(&self, upper: u32, mask: u32) -> u32 {
        let hit = |at: usize| u32::from((self.0[at] >> 32) & u64::from(mask) == u64::from(upper)) << at;
        (0..LINE_WORDS).fold(0, |hits, at| hits | hit(at))
    }
}

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
    fn upper_halves_match_word_by_word() {
        let all = Line(core::array::from_fn(|at| (at as u64 % 3) << 35 | (at as u64) << 32 | 0xffff_ffff));
        for (mask, upper) in [(!7, 0), (!7, 8), (!7, 16), (!7, 24), (!0, 9), (!0, 1), (0, 0), (0, 1)] {
            assert_eq!(
                all.matches_upper(upper, mask),
                all.matches_upper_plainly(upper, mask),
                "{upper} {mask}"
            );
        }
        assert_eq!(all.matches_upper(8, !7), 0b1001_0010);
        assert_eq!(Line([u64::MAX; 8]).matches_upper(!7, !7), 0xff);
        for at in 0..LINE_WORDS {
            let mut one = Line::default();
            one.0[at] = 0x8000_0010_0000_0000;
            assert_eq!(one.matches_upper(0x8000_0010, !7), 1 << at);
        }
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
