//! CRC32C of long data, a block of 1 KiB at a time. A processor has one unit for carry-less multiplication and others for the CRC32 instruction: half of a block
//! goes through each at the same time. The first half is folded, 64 bytes by two multiplications (Gopal and others, Fast CRC Computation for Generic Polynomials
//! Using PCLMULQDQ Instruction, Intel 2009); the second goes through the instruction in three streams, as it takes three cycles but a new one may start in
//! each (the same, Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction, Intel 2011).
//!
//! Bits are reflected: the first bit of the data is the lowest one and has the highest power of x.

use std::arch::x86_64::{
    __m512i, _mm_clmulepi64_si128, _mm_crc32_u64, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_extract_epi64,
    _mm_xor_si128, _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_xor_si256,
    _mm512_castsi512_si256, _mm512_clmulepi64_epi128, _mm512_extracti64x4_epi64, _mm512_set_epi64,
    _mm512_setzero_si512, _mm512_ternarylogic_epi64,
};

use crc_fast::{CrcAlgorithm, Digest};

use super::registers::{XOR, load};

/// See [`adit_function::helper::kernels::crc32c`].
#[target_feature(enable = "avx2,avx512f,pclmulqdq,sse4.2,vpclmulqdq")]
pub(super) fn by_blocks(before: u32, bytes: &[u8]) -> u32 {
    let (blocks, rest) = bytes.as_chunks();
    let mut state = u64::from(!before);
    for block in blocks {
        state = add(block, state);
    }
    let before = !low(state);
    if rest.is_empty() { before } else { by_parts(before, rest) }
}

/// The same, of data of any length; it finds out by itself what the processor has.
pub(super) fn by_parts(before: u32, bytes: &[u8]) -> u32 {
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, (!before).into());
    digest.update(bytes);
    low(digest.finalize())
}

#[expect(clippy::cast_possible_truncation, reason = "a CRC32C has 32 bits")]
fn low(crc: u64) -> u32 {
    crc as u32
}

/// The state after a block.
#[inline]
#[target_feature(enable = "avx2,avx512f,pclmulqdq,sse4.2,vpclmulqdq")]
fn add(block: &[u8; BLOCK], state: u64) -> u64 {
    let (folded, streams) = block.split_at(FOLDED);
    let (folded, words) = (folded.as_chunks().0, streams.as_chunks().0);
    let streams: [&[[u8; 8]]; 3] = [&words[..STREAM], &words[STREAM..2 * STREAM], &words[2 * STREAM..]];

    // Two chains, so that one need not wait for the other; in between, words go through the streams.
    let mut chains = [load(&folded[0]), load(&folded[1])];
    let mut crcs = [0; 3];
    let mut done = 0;
    for (index, bytes) in folded.iter().enumerate().skip(2) {
        chains[index % 2] = fold(chains[index % 2], lanes(&[FOLD_1024; 4]), load(bytes));
        for _ in 0..WORDS_PER_FOLD {
            if done < STREAM {
                for (crc, stream) in crcs.iter_mut().zip(streams) {
                    *crc = _mm_crc32_u64(*crc, u64::from_le_bytes(stream[done]));
                }
                done += 1;
            }
        }
    }
    let [first, second, third] = crcs;
    let third = _mm_crc32_u64(third, u64::from_le_bytes(streams[2][STREAM]));

    // All goes to where the block ends: 512 bits become 128, their lower 64 go through the instruction, and so do the upper ones together with products.
    let chain = fold(chains[0], lanes(&[FOLD_512; 4]), chains[1]);
    let parts = fold(chain, lanes(&FOLD_TO_END), _mm512_setzero_si512());
    let parts = _mm256_xor_si256(_mm512_castsi512_si256(parts), _mm512_extracti64x4_epi64::<1>(parts));
    let part = _mm_xor_si128(_mm256_castsi256_si128(parts), _mm256_extracti128_si256::<1>(parts));
    let lower = _mm_crc32_u64(0, _mm_cvtsi128_si64(part).cast_unsigned());
    let upper = _mm_extract_epi64::<1>(part).cast_unsigned();
    let products = product(first, const { shift(2 * STREAM * 64 + 64) })
        ^ product(second, const { shift(STREAM * 64 + 64) });
    // The state of before is on its own: it is the only thing that the next block waits for.
    let before = _mm_crc32_u64(0, product(state, const { shift(BLOCK * 8) }));
    _mm_crc32_u64(lower, upper ^ products) ^ third ^ before
}

/// Each 128 bits moved by the distance that the factors are for, onto others.
#[inline]
#[target_feature(enable = "avx512f,vpclmulqdq")]
fn fold(bits: __m512i, factors: __m512i, onto: __m512i) -> __m512i {
    let lower = _mm512_clmulepi64_epi128::<0x00>(bits, factors);
    let upper = _mm512_clmulepi64_epi128::<0x11>(bits, factors);
    _mm512_ternarylogic_epi64::<XOR>(lower, upper, onto)
}

/// A register of factors.
#[inline]
#[target_feature(enable = "avx512f")]
fn lanes(factors: &[[i64; 2]; 4]) -> __m512i {
    let [[a, b], [c, d], [e, f], [g, h]] = *factors;
    _mm512_set_epi64(h, g, f, e, d, c, b, a)
}

/// A CRC times a factor, which the instruction then makes a CRC again.
#[inline]
#[target_feature(enable = "pclmulqdq,sse2")]
fn product(crc: u64, factor: i64) -> u64 {
    let product = _mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(crc.cast_signed()), _mm_cvtsi64_si128(factor));
    _mm_cvtsi128_si64(product).cast_unsigned()
}

/// Factors that move the lower and the upper half of 128 bits forward by so many bits.
const fn fold_by(bits: usize) -> [i64; 2] {
    [power(bits + 32), power(bits - 32)]
}

/// The factor that moves a CRC forward by so many bits, 32 of which the instruction adds.
const fn shift(bits: usize) -> i64 {
    power(bits - 32)
}

/// What x to the n leaves when it is divided by Castagnoli's polynomial, one bit further up as a product of reflected numbers is one bit short.
const fn power(n: usize) -> i64 {
    let (mut rest, mut step) = (1_u32 << 31, 0);
    while step < n {
        rest = rest >> 1 ^ if rest & 1 == 1 { POLYNOMIAL } else { 0 };
        step += 1;
    }
    (rest as i64) << 1
}

/// Bytes of a block.
const BLOCK: usize = 1024;
/// Bytes of it that are folded.
const FOLDED: usize = 512;
/// Words of each stream; the third has one more.
const STREAM: usize = 21;
/// Words of each stream that are taken with each fold: so few that no unit waits for work that stands further back.
const WORDS_PER_FOLD: usize = 4;
const FOLD_1024: [i64; 2] = fold_by(1024);
const FOLD_512: [i64; 2] = fold_by(512);
/// From each 128 bits of a register to the end of the block.
const FOLD_TO_END: [[i64; 2]; 4] = {
    let behind = (BLOCK - FOLDED) * 8;
    [fold_by(behind + 384), fold_by(behind + 256), fold_by(behind + 128), fold_by(behind)]
};
const POLYNOMIAL: u32 = 0x82f6_3b78;
