//! Loops of AVX-512 on elements of one and two bytes, by instructions that add neighbours up.

use std::arch::x86_64::{
    _mm512_add_epi32, _mm512_add_epi64, _mm512_castsi512_si256, _mm512_cmpgt_epi8_mask,
    _mm512_cmpgt_epi16_mask, _mm512_cmpgt_epu8_mask, _mm512_cmpgt_epu16_mask, _mm512_cvtepi32_epi64,
    _mm512_extracti64x4_epi64, _mm512_madd_epi16, _mm512_mask_blend_epi8, _mm512_mask_blend_epi16,
    _mm512_reduce_add_epi64, _mm512_sad_epu8, _mm512_set1_epi8, _mm512_set1_epi16, _mm512_setzero_si512,
    _mm512_xor_si512,
};

use adit_function::helper::kernels::{self, Element};

use super::registers::load;

/// Bytes are added up as unsigned ones, of which only the sum of eight is wider. Signed ones are 128 more than they are until the end.
macro_rules! bytes {
    ($($name:ident: $type:ty, $above:ident, $flip:literal, $lane:expr;)+) => {$(
        /// See [`kernels::sum_above`].
        #[target_feature(enable = "avx512f,avx512bw")]
        pub(super) fn $name(values: &[u8], threshold: u64) -> u64 {
            let Ok(least) = <$type>::narrow(threshold) else {
                return kernels::sum_above::<$type>(values, threshold);
            };
            let (registers, rest) = values.as_chunks();
            let (all, flip) = (_mm512_set1_epi8($lane(least)), _mm512_set1_epi8($flip));
            let mut sums = _mm512_setzero_si512();
            for register in registers {
                let values = load(register);
                let flipped = _mm512_xor_si512(values, flip);
                let taken = _mm512_mask_blend_epi8($above(values, all), flip, flipped);
                sums = _mm512_add_epi64(sums, _mm512_sad_epu8(taken, _mm512_setzero_si512()));
            }
            let sum = _mm512_reduce_add_epi64(sums) + $flip * 64 * registers.len().cast_signed() as i64;
            sum.cast_unsigned().wrapping_add(kernels::sum_above::<$type>(rest, threshold))
        }
    )+};
}

bytes! {
    i8: i8, _mm512_cmpgt_epi8_mask, -128, i8::from;
    u8: u8, _mm512_cmpgt_epu8_mask, 0, u8::cast_signed;
}

/// Elements of two bytes are added up as signed ones, each to its neighbour. Unsigned ones are 32,768 less than they are until the end.
macro_rules! halves {
    ($($name:ident: $type:ty, $above:ident, $flip:literal, $lane:expr;)+) => {$(
        /// See [`kernels::sum_above`].
        #[target_feature(enable = "avx512f,avx512bw")]
        pub(super) fn $name(values: &[u8], threshold: u64) -> u64 {
            let Ok(least) = <$type>::narrow(threshold) else {
                return kernels::sum_above::<$type>(values, threshold);
            };
            let (registers, rest) = values.as_chunks();
            let (all, flip) = (_mm512_set1_epi16($lane(least)), _mm512_set1_epi16($flip));
            let mut total = 0;
            for block in registers.chunks(BLOCK) {
                let mut sums = _mm512_setzero_si512();
                for register in block {
                    let values = load(register);
                    let flipped = _mm512_xor_si512(values, flip);
                    let taken = _mm512_mask_blend_epi16($above(values, all), flip, flipped);
                    sums = _mm512_add_epi32(sums, _mm512_madd_epi16(taken, _mm512_set1_epi16(1)));
                }
                let upper = _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64::<1>(sums));
                let lower = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(sums));
                total += _mm512_reduce_add_epi64(_mm512_add_epi64(lower, upper));
            }
            let sum = total - $flip * 32 * registers.len().cast_signed() as i64;
            sum.cast_unsigned().wrapping_add(kernels::sum_above::<$type>(rest, threshold))
        }
    )+};
}

halves! {
    i16: i16, _mm512_cmpgt_epi16_mask, 0, i16::from;
    u16: u16, _mm512_cmpgt_epu16_mask, -32_768, u16::cast_signed;
}

/// Registers whose sums of two elements fit 32 bits in each lane.
const BLOCK: usize = 16_384;
