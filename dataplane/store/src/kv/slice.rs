//! Parts of a chain: where they lie, pinned if need be, never copied.

use super::{Chain, to_usize};
use adit_drivers::memory::{BLOCK_BYTES, Block};

/// A part of a chain, pinned: the bytes stay as they are, whatever becomes of the value.
#[derive(Clone, Debug, Default)]
pub struct ChainSlice {
    blocks: Vec<Block>,
    start_bytes: u32,
    len_bytes: u32,
}

impl ChainSlice {
    /// Bytes of the part.
    pub fn len_bytes(&self) -> u64 {
        u64::from(self.len_bytes)
    }

    /// Bytes of the first block that come before the part.
    pub fn start_bytes(&self) -> u64 {
        u64::from(self.start_bytes)
    }

    /// The blocks that the part lies in.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The blocks that the part lies in, to be sent: see [`start_bytes`](Self::start_bytes).
    pub fn into_blocks(self) -> Vec<Block> {
        self.blocks
    }

    /// The part in order, one piece for each block.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        pieces(&self.blocks, self.start_bytes(), self.len_bytes())
    }
}

impl From<Chain> for ChainSlice {
    fn from(chain: Chain) -> Self {
        let len_bytes = stored(chain.len_bytes());
        Self { blocks: chain.into_blocks(), start_bytes: 0, len_bytes }
    }
}

impl Chain {
    /// Pins `len` bytes from `start` on, or as many of them as there are. Takes time for each block, not for
    /// each byte.
    pub fn slice(&self, start: u64, len: u64) -> ChainSlice {
        let (start, len) = self.clamped(start, len);
        if len == 0 {
            return ChainSlice::default();
        }
        let (first, after) = (block_of(start), block_of(start + len - 1) + 1);
        ChainSlice {
            blocks: self.blocks()[first..after].to_vec(),
            start_bytes: stored(start % BLOCK_BYTES as u64),
            len_bytes: stored(len),
        }
    }

    /// `len` bytes from `start` on, or as many of them as there are: one piece for each block, not pinned.
    pub fn pieces_of(&self, start: u64, len: u64) -> impl Iterator<Item = &[u8]> {
        let (start, len) = self.clamped(start, len);
        pieces(&self.blocks()[block_of(start)..], start % BLOCK_BYTES as u64, len)
    }

    /// The part of the range that there is.
    fn clamped(&self, start: u64, len: u64) -> (u64, u64) {
        let start = start.min(self.len_bytes());
        (start, len.min(self.len_bytes() - start))
    }
}

/// Number of the block that holds a byte.
#[inline]
pub(super) fn block_of(at: u64) -> usize {
    to_usize(at) / BLOCK_BYTES
}

/// Bytes from the start of its block to a byte.
#[inline]
pub(super) fn in_block(at: u64) -> usize {
    to_usize(at) % BLOCK_BYTES
}

/// `len` bytes from `start` of the first block on.
fn pieces(blocks: &[Block], start: u64, len: u64) -> impl Iterator<Item = &[u8]> {
    let (mut at, mut left) = (to_usize(start), to_usize(len));
    blocks.iter().map_while(move |block| {
        let piece = &block[at..BLOCK_BYTES.min(at + left)];
        (at, left) = (0, left - piece.len());
        (!piece.is_empty()).then_some(piece)
    })
}

/// A length within a value: below 2^32, as the longest value is.
fn stored(len: u64) -> u32 {
    u32::try_from(len).expect("values are shorter than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::super::chain::tests::{arena, extend, text};
    use super::*;

    #[test]
    fn slices_are_what_slices_of_bytes_are() {
        let mut arena = arena(1);
        let bytes: Vec<u8> =
            (0..BLOCK_BYTES * 2 + 100).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
        let mut chain = Chain::new();
        extend(&mut chain, &mut arena, &bytes);
        let ends = [
            0,
            1,
            BLOCK_BYTES - 1,
            BLOCK_BYTES,
            BLOCK_BYTES + 1,
            2 * BLOCK_BYTES,
            bytes.len(),
            bytes.len() + 1,
        ];
        for start in ends {
            for end in ends.into_iter().filter(|end| *end >= start) {
                let slice = chain.slice(start as u64, (end - start) as u64);
                let expected = bytes.get(start..end.min(bytes.len())).unwrap_or_default();
                assert!(slice.pieces().flatten().eq(expected), "{start}..{end}");
                assert!(chain.pieces_of(start as u64, (end - start) as u64).flatten().eq(expected));
                assert_eq!(slice.len_bytes(), expected.len() as u64);
                let blocks = (in_block(slice.start_bytes()) + expected.len()).div_ceil(BLOCK_BYTES);
                assert_eq!(slice.blocks().len(), if expected.is_empty() { 0 } else { blocks });
            }
        }
        assert_eq!(chain.slice(u64::MAX, u64::MAX).len_bytes(), 0);
        assert_eq!(chain.slice(1, u64::MAX).len_bytes(), bytes.len() as u64 - 1);
        let whole = ChainSlice::from(chain.clone());
        assert!(whole.pieces().flatten().eq(&text(&chain)) && whole.into_blocks().len() == 3);
    }

    #[test]
    fn a_slice_keeps_its_bytes() {
        let mut arena = arena(1);
        let mut chain = Chain::new();
        extend(&mut chain, &mut arena, b"one");
        let slice = chain.slice(1, 2);
        extend(&mut chain, &mut arena, b"two");
        assert!(slice.pieces().flatten().eq(b"ne") && chain.slice(1, 9).pieces().flatten().eq(b"netwo"));
    }
}
