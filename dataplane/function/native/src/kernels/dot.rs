//! Products of `i8` by VNNI: it multiplies unsigned bytes with signed ones, so those of the left side are 128 more than they are until the end.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_reduce_add_epi32, _mm512_set1_epi8,
    _mm512_setzero_si512, _mm512_xor_si512,
};

use super::registers::{load, load_some};

/// See [`adit_function::helper::kernels::dot`].
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn dot(left: &[u8], right: &[u8]) -> u64 {
    let blocks = left.chunks(BLOCK_BYTES).zip(right.chunks(BLOCK_BYTES));
    let sum = blocks.map(|(left, right)| i64::from(products(left, right) - 128 * sum(right)));
    sum.sum::<i64>().cast_unsigned()
}

/// See [`adit_function::helper::kernels::gemv`].
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn gemv(matrix: &[u8], vector: &[u8], sums: &mut [u8]) {
    let too_much = if vector.len() <= BLOCK_BYTES { 128 * sum(vector) } else { 0 };
    for (row, out) in sums.as_chunks_mut().0.iter_mut().enumerate() {
        let row = &matrix[row * vector.len()..][..vector.len()];
        *out = if vector.len() <= BLOCK_BYTES {
            (products(row, vector) - too_much).to_le_bytes()
        } else {
            *dot(row, vector).to_le_bytes().first_chunk().expect("eight bytes begin with four")
        };
    }
}

/// The sum of products, each of them 128 times the right factor too much.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn products(left: &[u8], right: &[u8]) -> i32 {
    let add = |sums: __m512i, left: __m512i, right: __m512i| {
        _mm512_dpbusd_epi32(sums, _mm512_xor_si512(left, _mm512_set1_epi8(-128)), right)
    };
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks(), right.as_chunks());
    let ((left_fours, left), (right_fours, right)) = (left.as_chunks::<4>(), right.as_chunks::<4>());
    // Four registers do not wait for each other.
    let mut sums = [_mm512_setzero_si512(); 4];
    for (left, right) in left_fours.iter().zip(right_fours) {
        for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
            *sum = add(*sum, load(left), load(right));
        }
    }
    let [first, second, third, fourth] = sums;
    let mut sums = _mm512_add_epi32(_mm512_add_epi32(first, second), _mm512_add_epi32(third, fourth));
    for (left, right) in left.iter().zip(right) {
        sums = add(sums, load(left), load(right));
    }
    if !right_rest.is_empty() {
        sums = add(sums, load_some(left_rest), load_some(right_rest));
    }
    _mm512_reduce_add_epi32(sums)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn sum(values: &[u8]) -> i32 {
    let (registers, rest) = values.as_chunks();
    let add = |sums: __m512i, values: __m512i| _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(1), values);
    let mut sums = _mm512_setzero_si512();
    for register in registers {
        sums = add(sums, load(register));
    }
    _mm512_reduce_add_epi32(add(sums, load_some(rest)))
}

/// Bytes whose products, none of which is more than 255 times 128, have a sum of 32 bits.
const BLOCK_BYTES: usize = 65_536;
const _: () = assert!(BLOCK_BYTES * 255 * 128 < 1 << 31);
