//! Loops that write the indexes of elements: AVX-512 presses the lanes of a register that are taken together and stores them.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_cmpgt_epi8_mask, _mm512_cmpgt_epi16_mask, _mm512_cmpgt_epi32_mask,
    _mm512_cmpgt_epi64_mask, _mm512_cmpgt_epu8_mask, _mm512_cmpgt_epu16_mask, _mm512_cmpgt_epu32_mask,
    _mm512_cmpgt_epu64_mask, _mm512_maskz_compress_epi32, _mm512_set1_epi8, _mm512_set1_epi16,
    _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setr_epi32,
};

use adit_function::helper::kernels::{self, Element};

use super::registers::{load, store};

macro_rules! select {
    ($($name:ident: $type:ty, $above:ident, $all:ident, $lane:expr;)+) => {$(
        /// See [`kernels::select_above`].
        #[target_feature(enable = "avx512f,avx512bw")]
        pub(super) fn $name(values: &[u8], threshold: u64, indexes: &mut [u8]) -> Option<u64> {
            let Ok(least) = <$type>::narrow(threshold) else {
                return kernels::select_above::<$type>(values, threshold, indexes);
            };
            let lanes = 64 / size_of::<$type>();
            let (registers, rest) = values.as_chunks();
            let mut selected = Selected { indexes, count: 0 };
            let all = $all($lane(least));
            for (register, index) in registers.iter().zip((0..).step_by(lanes)) {
                selected.add(index, lanes, $above(load(register), all).into())?;
            }
            let rest_index = registers.len() * lanes;
            for (index, value) in (rest_index..).zip(<$type as Element>::all(rest)) {
                selected.add(index, 1, u64::from(value > least))?;
            }
            Some(selected.count as u64)
        }
    )+};
}

select! {
    i8: i8, _mm512_cmpgt_epi8_mask, _mm512_set1_epi8, i8::from;
    i16: i16, _mm512_cmpgt_epi16_mask, _mm512_set1_epi16, i16::from;
    i32: i32, _mm512_cmpgt_epi32_mask, _mm512_set1_epi32, i32::from;
    i64: i64, _mm512_cmpgt_epi64_mask, _mm512_set1_epi64, i64::from;
    u8: u8, _mm512_cmpgt_epu8_mask, _mm512_set1_epi8, u8::cast_signed;
    u16: u16, _mm512_cmpgt_epu16_mask, _mm512_set1_epi16, u16::cast_signed;
    u32: u32, _mm512_cmpgt_epu32_mask, _mm512_set1_epi32, u32::cast_signed;
    u64: u64, _mm512_cmpgt_epu64_mask, _mm512_set1_epi64, u64::cast_signed;
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
    /// Writes the indexes of the bits of `mask`, the first of which is `index`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn add(&mut self, index: usize, lanes: usize, mask: u64) -> Option<()> {
        for start in (0..lanes).step_by(GROUP) {
            let taken = (mask >> start & 0xffff) as u16;
            let pressed = _mm512_maskz_compress_epi32(taken, ascending(index + start));
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
        }
        Some(())
    }
}

/// Indexes in a register.
const GROUP: usize = 16;
