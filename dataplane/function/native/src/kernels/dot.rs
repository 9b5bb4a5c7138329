//! Products of `i8` by VNNI: it multiplies unsigned bytes with signed ones, so those of the left side are 128 more than they are until the end.

use std::arch::x86_64::{
    __m512i, _mm_add_epi32, _mm_extract_epi32, _mm256_add_epi32, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm512_add_epi32, _mm512_castsi512_si256, _mm512_dpbusd_epi32,
    _mm512_extracti64x4_epi64, _mm512_reduce_add_epi32, _mm512_set1_epi8, _mm512_setzero_si512,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    _mm512_xor_si512,
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
    let columns = vector.len();
    let row = |row: usize| &matrix[row * columns..][..columns];
    let (sums, _) = sums.as_chunks_mut();
    if columns > BLOCK_BYTES {
        for (index, out) in sums.iter_mut().enumerate() {
            let sum = dot(row(index), vector).to_le_bytes();
            *out = *sum.first_chunk().expect("eight bytes begin with four");
        }
        return;
    }
    let too_much = 128 * sum(vector);
    let (fours, rest) = sums.as_chunks_mut::<4>();
    let first_of_rest = fours.len() * 4;
    for (four, out) in fours.iter_mut().enumerate() {
        let rows = [row(four * 4), row(four * 4 + 1), row(four * 4 + 2), row(four * 4 + 3)];
        *out = products_of_four(rows, vector).map(|sum| (sum - too_much).to_le_bytes());
    }
    for (index, out) in rest.iter_mut().enumerate() {
        *out = (products(row(first_of_rest + index), vector) - too_much).to_le_bytes();
    }
}

/// [`products`] of four rows with the same vector.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn products_of_four(rows: [&[u8]; 4], vector: &[u8]) -> [i32; 4] {
    let (columns, rest) = vector.as_chunks();
    let mut sums = [_mm512_setzero_si512(); 4];
    for (index, column) in columns.iter().enumerate() {
        let column = load(column);
        for row in 0..4 {
            sums[row] = add_products(sums[row], load(&rows[row].as_chunks().0[index]), column);
        }
    }
    if !rest.is_empty() {
        let column = load_some(rest);
        for row in 0..4 {
            sums[row] = add_products(sums[row], load_some(rows[row].as_chunks::<64>().1), column);
        }
    }
    // Lanes of two rows side by side, then of all four; in the end there is one of each.
    let [first, second, third, fourth] = sums;
    let pair =
        |one, other| _mm512_add_epi32(_mm512_unpacklo_epi32(one, other), _mm512_unpackhi_epi32(one, other));
    let (one, other) = (pair(first, second), pair(third, fourth));
    let four = _mm512_add_epi32(_mm512_unpacklo_epi64(one, other), _mm512_unpackhi_epi64(one, other));
    let four = _mm256_add_epi32(_mm512_castsi512_si256(four), _mm512_extracti64x4_epi64::<1>(four));
    let four = _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256::<1>(four));
    [
        _mm_extract_epi32::<0>(four),
        _mm_extract_epi32::<1>(four),
        _mm_extract_epi32::<2>(four),
        _mm_extract_epi32::<3>(four),
    ]
}

/// Products added up in fours, each of them 128 times the right factor too much.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn add_products(sums: __m512i, left: __m512i, right: __m512i) -> __m512i {
    _mm512_dpbusd_epi32(sums, _mm512_xor_si512(left, _mm512_set1_epi8(-128)), right)
}

/// The sum of products, each of them 128 times the right factor too much.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn products(left: &[u8], right: &[u8]) -> i32 {
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks(), right.as_chunks());
    let ((left_fours, left), (right_fours, right)) = (left.as_chunks::<4>(), right.as_chunks::<4>());
    // Four registers do not wait for each other.
    let mut sums = [_mm512_setzero_si512(); 4];
    for (left, right) in left_fours.iter().zip(right_fours) {
        for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
            *sum = add_products(*sum, load(left), load(right));
        }
    }
    let [first, second, third, fourth] = sums;
    let mut sums = _mm512_add_epi32(_mm512_add_epi32(first, second), _mm512_add_epi32(third, fourth));
    for (left, right) in left.iter().zip(right) {
        sums = add_products(sums, load(left), load(right));
    }
    if !right_rest.is_empty() {
        sums = add_products(sums, load_some(left_rest), load_some(right_rest));
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
