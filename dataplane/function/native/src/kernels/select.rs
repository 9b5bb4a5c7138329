//! Loops that write the indexes of elements: AVX-512 presses the lanes of a register that are taken together and stores them.

use std::arch::x86_64::{
    __m512i, __mmask16, _mm512_add_epi32, _mm512_cmpgt_epi32_mask, _mm512_cmpgt_epi64_mask,
    _mm512_cmpgt_epu32_mask, _mm512_cmpgt_epu64_mask, _mm512_cvtepi8_epi32, _mm512_cvtepi16_epi32,
    _mm512_cvtepu8_epi32, _mm512_cvtepu16_epi32, _mm512_maskz_compress_epi32, _mm512_set1_epi32,
    _mm512_set1_epi64, _mm512_setr_epi32,
};

use adit_function::helper::kernels::{self, Element};

use super::registers::{load, load_16, load_32, store, store_some};

/// Elements are widened to 32 bits, unless they have 64, so that each has a lane for its index: so many lanes at a time.
macro_rules! select {
    ($($name:ident: $type:ty, $lanes:literal, $load:expr, $above:ident, $all:expr;)+) => {$(
        /// See [`kernels::select_above`].
        #[target_feature(enable = "avx512f,avx512bw,popcnt")]
        pub(super) fn $name(values: &[u8], threshold: u64, indexes: &mut [u8]) -> Option<u64> {
            const ROW: usize = GROUPS * $lanes * size_of::<$type>();
            /// Selects of as many rows as there is room for without another look at it: what is left then, how many were selected, and the
            /// next indexes.
            ///
            /// It calls nothing, so that it keeps all in registers: it took up to four times as long with a word on the stack that was at
            /// the same place of its page as one that is written to.
            #[inline(never)]
            #[target_feature(enable = "avx512f,avx512bw,popcnt")]
            fn rows<'a>(values: &'a [u8], least: $type, indexes: &mut [u8]) -> (&'a [u8], usize, __m512i) {
                let (threshold, step) = ($all(least), _mm512_set1_epi32($lanes));
                let (mut next, mut selected) = (ascending(), 0);
                for (number, row) in values.as_chunks::<ROW>().0.iter().enumerate() {
                    let Some(free) = indexes[selected * 4..].first_chunk_mut::<{ GROUPS * 64 }>() else {
                        return (&values[number * ROW..], selected, next);
                    };
                    let mut count = 0;
                    for group in row.as_chunks().0 {
                        let taken: __mmask16 = $above($load(group), threshold).into();
                        let free = free[count * 4..].first_chunk_mut().expect("room for sixteen of each group");
                        store(free, _mm512_maskz_compress_epi32(taken, next));
                        next = _mm512_add_epi32(next, step);
                        count += taken.count_ones() as usize;
                    }
                    selected += count;
                }
                (values.as_chunks::<ROW>().1, selected, next)
            }
            let Ok(least) = <$type>::narrow(threshold) else {
                return kernels::select_above::<$type>(values, threshold, indexes);
            };
            let (values, mut selected, mut next) = rows(values, least, indexes);
            // With less room, no more is written than what was selected.
            let (groups, rest) = values.as_chunks::<{ $lanes * size_of::<$type>() }>();
            for group in groups {
                let taken: __mmask16 = $above($load(group), $all(least)).into();
                let count = taken.count_ones() as usize;
                let free = indexes[selected * 4..].get_mut(..count * 4)?;
                store_some(free, _mm512_maskz_compress_epi32(taken, next));
                next = _mm512_add_epi32(next, _mm512_set1_epi32($lanes));
                selected += count;
            }
            for value in <$type as Element>::all(rest) {
                if value > least {
                    store_some(indexes[selected * 4..].get_mut(..4)?, next);
                    selected += 1;
                }
                next = _mm512_add_epi32(next, _mm512_set1_epi32(1));
            }
            Some(selected as u64)
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

/// Registers of elements in a row.
const GROUPS: usize = 4;
