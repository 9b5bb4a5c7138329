//! Loops that write the indexes of elements: AVX-512 presses the lanes of a register that are taken together and stores them.

use std::arch::x86_64::{
    __m512i, __mmask16, _mm512_add_epi32, _mm512_cmpgt_epi32_mask, _mm512_cmpgt_epi64_mask,
    _mm512_cmpgt_epu32_mask, _mm512_cmpgt_epu64_mask, _mm512_cvtepi8_epi32, _mm512_cvtepi16_epi32,
    _mm512_cvtepu8_epi32, _mm512_cvtepu16_epi32, _mm512_maskz_compress_epi32, _mm512_set1_epi32,
    _mm512_set1_epi64, _mm512_setr_epi32,
};

use adit_function::helper::kernels::{self, Element};

use super::registers::{load, load_16, load_32, store};

/// Elements are widened to 32 bits, unless they have 64, so that each has a lane for its index.
macro_rules! select {
    ($($name:ident: $type:ty, $bytes:literal, $load:expr, $above:ident, $all:expr;)+) => {$(
        /// See [`kernels::select_above`].
        #[target_feature(enable = "avx512f,avx512bw")]
        pub(super) fn $name(values: &[u8], threshold: u64, indexes: &mut [u8]) -> Option<u64> {
            let Ok(least) = <$type>::narrow(threshold) else {
                return kernels::select_above::<$type>(values, threshold, indexes);
            };
            let (groups, rest) = values.as_chunks::<$bytes>();
            let lanes = $bytes / size_of::<$type>();
            let mut selected = Selected { indexes, count: 0 };
            let threshold = $all(least);
            for (group, index) in groups.iter().zip((0..).step_by(lanes)) {
                selected.add(index, $above($load(group), threshold).into())?;
            }
            for (index, value) in (groups.len() * lanes..).zip(<$type as Element>::all(rest)) {
                selected.add(index, u16::from(value > least))?;
            }
            Some(selected.count as u64)
        }
    )+};
}

select! {
    i8: i8, 16, |group| _mm512_cvtepi8_epi32(load_16(group)), _mm512_cmpgt_epi32_mask, all::<i8>;
    i16: i16, 32, |group| _mm512_cvtepi16_epi32(load_32(group)), _mm512_cmpgt_epi32_mask, all::<i16>;
    i32: i32, 64, load, _mm512_cmpgt_epi32_mask, _mm512_set1_epi32;
    i64: i64, 64, load, _mm512_cmpgt_epi64_mask, _mm512_set1_epi64;
    u8: u8, 16, |group| _mm512_cvtepu8_epi32(load_16(group)), _mm512_cmpgt_epi32_mask, all::<u8>;
    u16: u16, 32, |group| _mm512_cvtepu16_epi32(load_32(group)), _mm512_cmpgt_epi32_mask, all::<u16>;
    u32: u32, 64, load, _mm512_cmpgt_epu32_mask, |least: u32| _mm512_set1_epi32(least.cast_signed());
    u64: u64, 64, load, _mm512_cmpgt_epu64_mask, |least: u64| _mm512_set1_epi64(least.cast_signed());
}

/// Sixteen times the same number.
#[inline]
#[target_feature(enable = "avx512f")]
fn all<T: Into<i32>>(least: T) -> __m512i {
    _mm512_set1_epi32(least.into())
}

/// Sixteen numbers from this one on.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "indexes have 32 bits")]
fn ascending(index: usize) -> __m512i {
    let first = _mm512_set1_epi32(index as i32);
    _mm512_add_epi32(first, _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
}

/// Indexes that were written.
struct Selected<'a> {
    indexes: &'a mut [u8],
    count: usize,
}

impl Selected<'_> {
    /// Writes the indexes of the bits of `taken`, the first of which is `index`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn add(&mut self, index: usize, taken: __mmask16) -> Option<()> {
        let pressed = _mm512_maskz_compress_epi32(taken, ascending(index));
        let count = taken.count_ones() as usize;
        let free = &mut self.indexes[self.count * 4..];
        if let Some(free) = free.first_chunk_mut() {
            store(free, pressed);
        } else {
            let mut all = [0; 64];
            store(&mut all, pressed);
            free.get_mut(..count * 4)?.copy_from_slice(&all[..count * 4]);
        }
        self.count += count;
        Some(())
    }
}
