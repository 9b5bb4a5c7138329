//! Registers of AVX-512 and the memory that they are loaded from.

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_loadu_si128, _mm256_loadu_si256, _mm512_loadu_si512,
    _mm512_mask_storeu_epi8, _mm512_maskz_loadu_epi8, _mm512_storeu_si512,
};

/// All of a register.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the 64 bytes are there, and the instruction needs no alignment (Intel SDM volume 2, VMOVDQU64).
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Half of a register.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_32(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: the 32 bytes are there, and the instruction needs no alignment (Intel SDM volume 2, VMOVDQU).
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// A quarter of a register.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_16(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the 16 bytes are there, and the instruction needs no alignment (Intel SDM volume 2, MOVDQU).
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// A register that starts with these bytes, at most 64, and ends with zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn load_some(bytes: &[u8]) -> __m512i {
    let mask = low_bits(bytes.len());
    // SAFETY: only bytes whose bit is set are loaded, no others can fault (Intel SDM volume 1, 15.6.4), and those are there.
    unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
}

/// Writes all of a register.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store(bytes: &mut [u8; 64], register: __m512i) {
    // SAFETY: the 64 bytes are there and ours, and the instruction needs no alignment (Intel SDM volume 2, VMOVDQU64).
    unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), register) };
}

/// Writes as many bytes of a register as there are, at most 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn store_some(bytes: &mut [u8], register: __m512i) {
    let mask = low_bits(bytes.len());
    // SAFETY: only bytes whose bit is set are written, no others can fault (Intel SDM volume 1, 15.6.4), and those are there and ours.
    unsafe { _mm512_mask_storeu_epi8(bytes.as_mut_ptr().cast(), mask, register) };
}

/// The lowest bits, at most 64: a mask for the first bytes of a register.
#[inline]
pub(super) fn low_bits(bits: usize) -> u64 {
    assert!(bits <= 64, "a register has 64 bytes");
    if bits == 64 { u64::MAX } else { (1 << bits) - 1 }
}

/// The truth table of an exclusive or of three bits, as the instruction for any function of three takes it (VPTERNLOGQ).
pub(super) const XOR: i32 = 0x96;

/// The same of an exclusive or of two bits, or the third.
pub(super) const XOR_OR: i32 = 0xbe;
