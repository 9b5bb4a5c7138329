//! Finding bytes in others: two of them, the rarest ones, are looked for in 256 places at once, and only where both stand are all compared.

use std::arch::x86_64::{
    __m512i, _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_cmpeq_epi8_mask, _mm512_mask_cmpeq_epi8_mask,
    _mm512_min_epu8, _mm512_set1_epi8, _mm512_shuffle_epi8, _mm512_srli_epi16, _mm512_ternarylogic_epi64,
    _mm512_test_epi8_mask, _mm512_testn_epi8_mask, _mm512_xor_si512,
};
use std::ops::ControlFlow;

use adit_function::helper::kernels;

use super::registers::{XOR_OR, load, load_16, load_some, low_bits};

/// See [`kernels::find`].
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn find(data: &[u8], part: &[u8]) -> Option<usize> {
    // Of none or one byte there is no pair.
    if part.len() < 2 {
        return kernels::find(data, part);
    }
    let places = data.len().checked_sub(part.len())? + 1;
    let (one, other) = rarest(part);
    let pair = Pair(all(part[one]), all(part[other]));
    let (first, second) = (&data[one..][..places], &data[other..][..places]);
    let mut candidates = Candidates { data, part, spent: 0 };

    // Loads that cross no cache line are faster: the second row starts at one, even if it overlaps the first. The last row ends with the
    // last place.
    let mut start = 0;
    let mut step = ROW - first.as_ptr().align_offset(LINE).wrapping_neg() % LINE;
    while let (Some(first), Some(second)) = (first[start..].first_chunk(), second[start..].first_chunk()) {
        if pair.may_be_in(first, second)
            && let ControlFlow::Break(found) = candidates.compare(start, pair.places(first, second))
        {
            return found;
        }
        if start + ROW == places {
            return None;
        }
        start = (start + step).min(places - ROW);
        step = ROW;
    }
    // There are too few places for a row.
    for (start, (first, second)) in (0..).step_by(64).zip(first.chunks(64).zip(second.chunks(64))) {
        let taken = low_bits(first.len()) & pair.places_of_register(load_some(first), load_some(second));
        if let ControlFlow::Break(found) = candidates.compare(start, [taken]) {
            return found;
        }
    }
    None
}

/// Where the rarest byte of a part stands, of its first 64, and the rarest but for that: another one, if there is any.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn rarest(part: &[u8]) -> (usize, usize) {
    let start = &part[..part.len().min(64)];
    let (bytes, there) = (load_some(start), low_bits(start.len()));
    let (low, high) =
        (_mm512_and_si512(bytes, all(15)), _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), all(15)));
    let of = |kinds| _mm512_broadcast_i32x4(load_16(kinds));
    let kinds =
        _mm512_and_si512(_mm512_shuffle_epi8(of(&KINDS[0]), low), _mm512_shuffle_epi8(of(&KINDS[1]), high));
    let some = _mm512_test_epi8_mask(kinds, all(SOME));
    let more = _mm512_test_epi8_mask(kinds, all(MORE));
    let most = _mm512_test_epi8_mask(kinds, all(MOST));
    let least_of = |places: u64| {
        let by_kind = [places & !(some | more | most), places & some, places & more, places & most];
        by_kind.into_iter().find(|places| *places != 0).map(|places| places.trailing_zeros() as usize)
    };
    let one = least_of(there).unwrap_or(0);
    let others = there & !_mm512_cmpeq_epi8_mask(bytes, all(part[one]));
    (one, least_of(others).unwrap_or(part.len() - 1))
}

/// Which bytes are common in text and in numbers, as kinds: those whose lower four bits are one of the first and the higher ones of the second.
const COMMON: [(&[u8], &[u8]); 8] = [
    (&[0x2, 0x6, 0x7, 0xa, 0xb], &[0x6]),           // b f g j k
    (&[0x0, 0x1, 0x6, 0x7, 0x8, 0x9, 0xa], &[0x7]), // p q v w x y z
    (&[0x3, 0x4, 0xc, 0xd], &[0x6]),                // c d l m
    (&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], &[0x3]),      // digits
    (&[0x1, 0x5, 0x8, 0x9, 0xe, 0xf], &[0x6]),      // a e h i n o
    (&[0x2, 0x3, 0x4, 0x5], &[0x7]),                // r s t u
    (&[0x0], &[0x0, 0x2]),                          // 0, space
    (&[0xf], &[0xf]),                               // 0xff
];
/// The kinds as bits: of bytes that are somewhat common, those that are more so, and the most common ones.
const SOME: u8 = 0x03;
const MORE: u8 = 0x0c;
const MOST: u8 = 0xf0;

/// The kinds that a byte may be of by its lower four bits, and by its higher ones.
static KINDS: [[u8; 16]; 2] = {
    let mut kinds = [[0; 16]; 2];
    let mut kind = 0;
    while kind < COMMON.len() {
        let (mut low, mut high) = COMMON[kind];
        while let [first, rest @ ..] = low {
            kinds[0][*first as usize] |= 1 << kind;
            low = rest;
        }
        while let [first, rest @ ..] = high {
            kinds[1][*first as usize] |= 1 << kind;
            high = rest;
        }
        kind += 1;
    }
    kinds
};

#[inline]
#[target_feature(enable = "avx512f")]
fn all(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte.cast_signed())
}

/// Two bytes of the part, each in all of a register.
#[derive(Clone, Copy)]
struct Pair(__m512i, __m512i);

impl Pair {
    /// Whether both stand at one of the places of a row.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn may_be_in(self, first: &[u8; ROW], second: &[u8; ROW]) -> bool {
        let mut least = all(u8::MAX);
        for (first, second) in first.as_chunks().0.iter().zip(second.as_chunks().0) {
            // 0 where both are the same.
            let differing = _mm512_xor_si512(load(second), self.1);
            least =
                _mm512_min_epu8(least, _mm512_ternarylogic_epi64::<XOR_OR>(load(first), self.0, differing));
        }
        _mm512_testn_epi8_mask(least, least) != 0
    }

    /// The places of a row at which both stand, as bits.
    #[cold]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn places(self, first: &[u8; ROW], second: &[u8; ROW]) -> [u64; ROW / 64] {
        let mut places = [0; ROW / 64];
        for ((places, first), second) in places.iter_mut().zip(first.as_chunks().0).zip(second.as_chunks().0)
        {
            *places = self.places_of_register(load(first), load(second));
        }
        places
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn places_of_register(self, first: __m512i, second: __m512i) -> u64 {
        _mm512_mask_cmpeq_epi8_mask(_mm512_cmpeq_epi8_mask(first, self.0), second, self.1)
    }
}

/// Where the part may stand.
struct Candidates<'a> {
    data: &'a [u8],
    part: &'a [u8],
    /// What was spent on places where it did not.
    spent: usize,
}

impl Candidates<'_> {
    /// Breaks with what was found: at one of these places, or behind them, for when too many were none a search in linear time goes on.
    #[cold]
    fn compare<const WORDS: usize>(
        &mut self,
        start: usize,
        places: [u64; WORDS],
    ) -> ControlFlow<Option<usize>> {
        for (start, mut places) in (start..).step_by(64).zip(places) {
            while places != 0 {
                let place = start + places.trailing_zeros() as usize;
                if self.data[place..].starts_with(self.part) {
                    return ControlFlow::Break(Some(place));
                }
                self.spent += COMPARISON + self.part.len();
                if self.spent > PATIENCE + place / 4 {
                    let found = kernels::find(&self.data[place..], self.part);
                    return ControlFlow::Break(found.map(|found| place + found));
                }
                places &= places - 1;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Places that are looked at together.
const ROW: usize = 256;

/// Bytes of a cache line, and of a register.
const LINE: usize = 64;

/// What it costs to compare any bytes at all, in bytes.
const COMPARISON: usize = 64;

/// What may be spent before anything was looked at.
const PATIENCE: usize = 512;
