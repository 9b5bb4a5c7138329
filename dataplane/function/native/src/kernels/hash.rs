//! XXH3 of long data (xxHash, specification of XXH3, section on long inputs): its eight sums of 64 bits are one register.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_mul_epu32, _mm512_set1_epi64, _mm512_setr_epi64, _mm512_setzero_si512,
    _mm512_shuffle_epi32, _mm512_slli_epi64, _mm512_srli_epi64, _mm512_sub_epi64, _mm512_ternarylogic_epi64,
    _mm512_xor_si512,
};

use adit_function::helper::kernels;

use super::registers::{XOR, load, store};

/// See [`kernels::hash`].
#[target_feature(enable = "avx512f")]
pub(super) fn hash(bytes: &[u8], seed: u64) -> u64 {
    match bytes.last_chunk() {
        Some(last) if bytes.len() > SHORT => hash_long(bytes, last, seed),
        _ => kernels::hash(bytes, seed),
    }
}

#[target_feature(enable = "avx512f")]
fn hash_long(bytes: &[u8], last: &[u8; STRIPE], seed: u64) -> u64 {
    let secret = &Secret::new(seed);
    let keys: [__m512i; STRIPES] = std::array::from_fn(|stripe| secret.word(stripe));
    let mut sums = _mm512_setr_epi64(
        PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1,
    );
    // The last stripe is one of its own, which may overlap what comes before.
    let (blocks, rest) = bytes[..bytes.len() - 1].as_chunks::<{ STRIPES * STRIPE }>();
    for block in blocks {
        for (stripe, key) in block.as_chunks().0.iter().zip(keys) {
            sums = accumulate(sums, load(stripe), key);
        }
        sums = scramble(sums, secret.word(STRIPES));
    }
    for (stripe, key) in rest.as_chunks().0.iter().zip(keys) {
        sums = accumulate(sums, load(stripe), key);
    }
    sums = accumulate(sums, load(last), load(secret.at(SECRET.len() - STRIPE - 7)));
    merge(sums, secret, bytes.len() as u64)
}

/// A stripe into the sums.
#[inline]
#[target_feature(enable = "avx512f")]
fn accumulate(sums: __m512i, stripe: __m512i, key: __m512i) -> __m512i {
    let keyed = _mm512_xor_si512(stripe, key);
    let products = _mm512_mul_epu32(keyed, _mm512_srli_epi64::<32>(keyed));
    let neighbours = _mm512_shuffle_epi32::<SWAP_64>(stripe);
    _mm512_add_epi64(sums, _mm512_add_epi64(products, neighbours))
}

/// The sums mixed at the end of a block.
#[inline]
#[target_feature(enable = "avx512f")]
fn scramble(sums: __m512i, key: __m512i) -> __m512i {
    let mixed = _mm512_ternarylogic_epi64::<XOR>(sums, _mm512_srli_epi64::<47>(sums), key);
    let prime = _mm512_set1_epi64(PRIME32_1);
    let (lower, upper) =
        (_mm512_mul_epu32(mixed, prime), _mm512_mul_epu32(_mm512_srli_epi64::<32>(mixed), prime));
    _mm512_add_epi64(lower, _mm512_slli_epi64::<32>(upper))
}

/// The sums as one number.
#[inline]
#[target_feature(enable = "avx512f")]
fn merge(sums: __m512i, secret: &Secret, len: u64) -> u64 {
    let mut bytes = [0; STRIPE];
    store(&mut bytes, sums);
    let pairs = bytes.as_chunks::<16>().0.iter().zip(secret.at::<STRIPE>(11).as_chunks::<16>().0);
    let start = len.wrapping_mul(PRIME64_1.cast_unsigned());
    let merged = pairs.fold(start, |merged, (sums, keys)| {
        let mixed = u128::from_le_bytes(*sums) ^ u128::from_le_bytes(*keys);
        let [lower, upper] = halves(mixed);
        let [lower, upper] = halves(u128::from(lower) * u128::from(upper));
        merged.wrapping_add(lower ^ upper)
    });
    let mixed = (merged ^ merged >> 37).wrapping_mul(PRIME_MX1);
    mixed ^ mixed >> 32
}

#[expect(clippy::cast_possible_truncation, reason = "halves of the number")]
fn halves(number: u128) -> [u64; 2] {
    [number as u64, (number >> 64) as u64]
}

/// The secret of a seed: to its words of 64 bits the seed is added and from them taken, by turns.
struct Secret {
    bytes: [[u8; 64]; 3],
    /// What is added to eight words that start with an even one, and with an odd one.
    seeds: [__m512i; 2],
}

impl Secret {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(seed: u64) -> Self {
        let (plus, minus) = (seed.cast_signed(), seed.wrapping_neg().cast_signed());
        let even = _mm512_setr_epi64(plus, minus, plus, minus, plus, minus, plus, minus);
        let odd = _mm512_sub_epi64(_mm512_setzero_si512(), even);
        let mut bytes = [[0; 64]; 3];
        for (bytes, secret) in bytes.iter_mut().zip(SECRET.as_chunks().0) {
            store(bytes, _mm512_add_epi64(load(secret), even));
        }
        Self { bytes, seeds: [even, odd] }
    }

    /// Eight words from this one on, which need not wait for what was stored.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn word(&self, index: usize) -> __m512i {
        let words = SECRET[index * 8..].first_chunk().expect("the secret has the words of all stripes");
        _mm512_add_epi64(load(words), self.seeds[index % 2])
    }

    /// Bytes from this one on.
    #[inline]
    fn at<const N: usize>(&self, index: usize) -> &[u8; N] {
        self.bytes.as_flattened()[index..].first_chunk().expect("the secret is longer")
    }
}

/// Bytes of data that has a rule of its own.
const SHORT: usize = 240;
/// Bytes of a stripe, and stripes of a block: each has its key, eight bytes further in the secret.
const STRIPE: usize = 64;
const STRIPES: usize = (SECRET.len() - STRIPE) / 8;
/// Exchanges the halves of each 128 bits.
const SWAP_64: i32 = 0b0100_1110;

const PRIME32_1: i64 = 0x9e37_79b1;
const PRIME32_2: i64 = 0x85eb_ca77;
const PRIME32_3: i64 = 0xc2b2_ae3d;
const PRIME64_1: i64 = 0x9e37_79b1_85eb_ca87_u64.cast_signed();
const PRIME64_2: i64 = 0xc2b2_ae3d_27d4_eb4f_u64.cast_signed();
const PRIME64_3: i64 = 0x1656_67b1_9e37_79f9;
const PRIME64_4: i64 = 0x85eb_ca77_c2b2_ae63_u64.cast_signed();
const PRIME64_5: i64 = 0x27d4_eb2f_1656_67c5;
const PRIME_MX1: u64 = 0x1656_6791_9e37_79f9;

/// The secret of seed 0.
static SECRET: [u8; 192] = [
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde,
    0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79,
    0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21, 0xb8, 0x08, 0x46,
    0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb,
    0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97, 0xa2,
    0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8, 0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c,
    0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59,
    0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3,
    0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb, 0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3,
    0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8,
    0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb,
    0xca, 0xbb, 0x4b, 0x40, 0x7e,
];
