//! Loops that write the indexes of elements: AVX-512 presses the lanes of a register that are taken together and stores them.

use std::arch::x86_64::{
    __m512i, __mmask16, _mm512_add_epi32, _mm512_cmpgt_epi32_mask, _mm512_cmpgt_epi64_mask,
    _mm512_cmpgt_epu32_mask, _mm512_cmpgt_epu64_mask, _mm512_cvtepi8_epi32, _mm512_cvtepi16_epi32,
    _mm512_cvtepu8_epi32, _mm512_cvtepu16_epi32, _mm512_maskz_compress_epi32, _mm512_set1_epi32,
    _mm512_set1_epi64, _mm512_setr_epi32,
};

use adit_function::helper::kernels::{self, Element};

use super::registers::{load, load_16, load_32, store};

/// Elements are widened to 32 bits, unless they have 64, so that each has a lane for its index: so many lanes at a time.
macro_rules! select {
    ($($name:ident: $type:ty, $lanes:literal, $load:expr, $above:ident, $all:expr;)+) => {$(
        /// See [`kernels::select_above`].
        #[target_feature(enable = "avx512f,avx512bw,popcnt")]
        pub(super) fn $name(values: &[u8], threshold: u64, indexes: &mut [u8]) -> Option<u64> {
            let Ok(least) = <$type>::narrow(threshold) else {
                return kernels::select_above::<$type>(values, threshold, indexes);
            };
            let threshold = $all(least);
            let mut next = ascending();
            let (step, one) = (_mm512_set1_epi32($lanes), _mm512_set1_epi32(1));
            let mut selected = Selected { indexes, count: 0 };
            let mut values = values;
            // With one look at whether there is room, for as long as there is.
            while let Some((row, rest)) = values.split_first_chunk::<{ GROUPS * $lanes * size_of::<$type>() }>()
                && let Some(free) = selected.free()
            {
                let mut count = 0;
                for group in row.as_chunks().0 {
                    let taken: __mmask16 = $above($load(group), threshold).into();
                    let free = free[count * 4..].first_chunk_mut().expect("room for sixteen of each group");
                    store(free, _mm512_maskz_compress_epi32(taken, next));
                    next = _mm512_add_epi32(next, step);
                    count += taken.count_ones() as usize;
                }
                selected.count += count;
                values = rest;
            }
            let (groups, rest) = values.as_chunks::<{ $lanes * size_of::<$type>() }>();
            for group in groups {
                let taken = $above($load(group), threshold).into();
                selected.add(taken, _mm512_maskz_compress_epi32(taken, next))?;
                next = _mm512_add_epi32(next, step);
            }
            for value in <$type as Element>::all(rest) {
                selected.add(u16::from(value > least), next)?;
                next = _mm512_add_epi32(next, one);
            }
            Some(selected.count as u64)
        }
    )+};
}

select! {
    i8: i8, 16, |group| _mm512_cvtepi8_epi32(load_16(group)), _mm512_cmpgt_epi32_mask, all::<i8>;
    i16: i16, 16, |group| _mm512_cvtepi16_epi32(load_32(group)), _mm512_cmpgt_epi32_mask, all::<i16>;
    i32: i32, 16, load, _mm512_cmpgt_epi32_mask, _mm512_set1_epi32;
    i64: i64, 8, load, _mm512_cmpgt_epi64_mask, _mm512_set1_epi64;
    u8: u8, 16, |group| _mm512_cvtepu8_epi32(load_16(group)), _mm512_cmpgt_epi32_mask, all::<u8>;
    u16: u16, 16, |group| _mm512_cvtepu16_epi32(load_32(group)), _mm512_cmpgt_epi32_mask, all::<u16>;
    u32: u32, 16, load, _mm512_cmpgt_epu32_mask, |least: u32| _mm512_set1_epi32(least.cast_signed());
    u64: u64, 8, load, _mm512_cmpgt_epu64_mask, |least: u64| _mm512_set1_epi64(least.cast_signed());
}

/// Sixteen times the same number.
#[inline]
#[target_feature(enable = "avx512f")]
fn all<T: Into<i32>>(least: T) -> __m512i {
    _mm512_set1_epi32(least.into())
}

/// The indexes of the first sixteen elements.
#[inline]
#[target_feature(enable = "avx512f")]
fn ascending() -> __m512i {
    _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
}

/// Indexes that were written.
struct Selected<'a> {
    indexes: &'a mut [u8],
    count: usize,
}

impl Selected<'_> {
    /// The memory for the next ones, if there is room for those of a row.
    #[inline]
    fn free(&mut self) -> Option<&mut [u8; GROUPS * 64]> {
        self.indexes[self.count * 4..].first_chunk_mut()
    }

    /// Writes the indexes of the bits of a group, which are pressed together.
    #[inline]
    #[target_feature(enable = "avx512f,popcnt")]
    fn add(&mut self, taken: __mmask16, pressed: __m512i) -> Option<()> {
        let mut all = [0; 64];
        store(&mut all, pressed);
        let bytes = taken.count_ones() as usize * 4;
        self.indexes[self.count * 4..].get_mut(..bytes)?.copy_from_slice(&all[..bytes]);
        self.count += bytes / 4;
        Some(())
    }
}

/// Registers of elements in a row.
const GROUPS: usize = 4;
