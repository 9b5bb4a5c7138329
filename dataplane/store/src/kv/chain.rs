//! Values too large for an item: chains of blocks.

use super::slice::{block_of, in_block};
use super::zeros::Zeros;
use super::{StoreError, to_usize};
use adit_drivers::memory::{Arena, BLOCK_BYTES, Block};
use adit_wire::kv::VALUE_BYTES_MAX;

/// A value in blocks, all full but the last. A clone pins the bytes of this moment: a chain that is written to
/// leaves them alone. So a clone may be stored as the value of another key, and both change apart: a block that
/// they share is copied before it is written.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    blocks: Vec<Block>,
    len_bytes: u64,
}

impl Chain {
    /// An empty chain.
    pub const fn new() -> Self {
        Self { blocks: Vec::new(), len_bytes: 0 }
    }

    /// Bytes of the value.
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// The blocks: the first `len_bytes` bytes of their concatenation are the value.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The value in order, one piece for each block.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut left = to_usize(self.len_bytes);
        self.blocks.iter().map(move |block| {
            let piece = &block[..left.min(BLOCK_BYTES)];
            left -= piece.len();
            piece
        })
    }

    /// The blocks themselves.
    pub(super) fn into_blocks(self) -> Vec<Block> {
        self.blocks
    }

    /// A chain of these blocks, of which the first `len_bytes` bytes are the value.
    pub(super) fn of_blocks(blocks: Vec<Block>, len_bytes: u64) -> Self {
        debug_assert_eq!(blocks.len(), to_usize(len_bytes).div_ceil(BLOCK_BYTES));
        Self { blocks, len_bytes }
    }

    /// Makes room for `extra` more bytes and makes the last block this chain's alone, all or nothing.
    pub(super) fn reserve(&mut self, arena: &mut Arena, extra: u64) -> Result<(), StoreError> {
        let len_bytes = self.len_bytes.checked_add(extra).filter(|len| *len <= VALUE_BYTES_MAX);
        let len_bytes = len_bytes.ok_or(StoreError::ValueTooLong)?;
        if extra > 0 {
            self.own_last(arena)?;
        }
        let before = self.blocks.len();
        let missing = to_usize(len_bytes).div_ceil(BLOCK_BYTES).saturating_sub(before);
        if missing > 1 && !arena.has_blocks(missing) {
            return Err(StoreError::OutOfMemory);
        }
        for _ in 0..missing {
            let Some(block) = arena.block() else {
                self.blocks.truncate(before);
                return Err(StoreError::OutOfMemory);
            };
            self.blocks.push(block);
        }
        Ok(())
    }

    /// Appends bytes for which room was reserved.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.write(self.len_bytes, bytes);
        self.len_bytes += bytes.len() as u64;
    }

    /// Writes bytes over what is there from `offset` on, behind zeros if the chain is shorter. All or nothing; what
    /// others pin stays as it is.
    pub(super) fn set_range(
        &mut self,
        arena: &mut Arena,
        zeros: &mut Zeros,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let before = self.len_bytes;
        let reserved = self.reserve_range(arena, zeros, offset, bytes.len() as u64);
        if reserved.is_err() {
            self.truncate(before);
            return reserved;
        }
        let over = to_usize(before.saturating_sub(offset)).min(bytes.len());
        let (over, behind) = bytes.split_at(over);
        self.write(offset, over);
        self.push(behind);
        Ok(())
    }

    /// Makes room for `len` bytes from `offset` on and makes their blocks this chain's alone. What it did
    /// before it failed is to be cut off.
    fn reserve_range(
        &mut self,
        arena: &mut Arena,
        zeros: &mut Zeros,
        offset: u64,
        len: u64,
    ) -> Result<(), StoreError> {
        let end = offset.checked_add(len).filter(|end| *end <= VALUE_BYTES_MAX);
        let (end, before) = (end.ok_or(StoreError::ValueTooLong)?, self.len_bytes);
        self.pad(arena, zeros, offset)?;
        self.reserve(arena, end.saturating_sub(self.len_bytes))?;
        self.own_range(arena, offset, end.min(before))
    }

    /// Lengthens the chain by zeros to `len_bytes`, if it is shorter. All or nothing. Takes time for each block.
    pub(super) fn pad(
        &mut self,
        arena: &mut Arena,
        zeros: &mut Zeros,
        len_bytes: u64,
    ) -> Result<(), StoreError> {
        if len_bytes <= self.len_bytes {
            return Ok(());
        }
        let missing = to_usize(len_bytes).div_ceil(BLOCK_BYTES) - self.blocks.len();
        self.own_last(arena)?;
        if missing > 0 {
            let zero = zeros.block(arena, missing)?;
            self.blocks.resize(self.blocks.len() + missing, zero.clone());
        }
        let filled = in_block(self.len_bytes);
        if filled > 0 {
            let last = block_of(self.len_bytes);
            self.blocks[last].get_mut().expect(OURS)[filled..].fill(0);
        }
        self.len_bytes = len_bytes;
        Ok(())
    }

    /// Shortens the chain to `len_bytes`, if it is longer.
    fn truncate(&mut self, len_bytes: u64) {
        self.len_bytes = self.len_bytes.min(len_bytes);
        self.blocks.truncate(to_usize(self.len_bytes).div_ceil(BLOCK_BYTES));
    }

    /// Blocks of other shards; one for a run of the same, as in a gap.
    pub(super) fn foreign<'a>(&'a self, arena: &'a Arena) -> impl Iterator<Item = &'a Block> {
        let runs = self.blocks.chunk_by(is_same);
        runs.map(|run| &run[0]).filter(|block| arena.unit_of(block).is_none())
    }

    /// Puts copies in place of blocks of other shards, from the first on, as far as there is room for them.
    pub(super) fn adopt(&mut self, arena: &Arena, room: Vec<Block>) {
        let foreign = |run: &&mut [Block]| arena.unit_of(&run[0]).is_none();
        for (run, mut copy) in self.blocks.chunk_by_mut(is_same).filter(foreign).zip(room) {
            copy.get_mut().expect(OURS).copy_from_slice(&run[0]);
            run.fill(copy);
        }
    }

    /// Makes the blocks of a range this chain's alone, all or nothing: copy on write. What the range covers
    /// wholly is not copied.
    fn own_range(&mut self, arena: &mut Arena, start: u64, end: u64) -> Result<(), StoreError> {
        let blocks = block_of(start)..to_usize(end).div_ceil(BLOCK_BYTES);
        let shared = blocks.clone().filter(|at| self.blocks[*at].is_shared()).count();
        if shared > 1 && !arena.has_blocks(shared) {
            return Err(StoreError::OutOfMemory);
        }
        let mut copies = Vec::with_capacity(shared);
        for at in blocks {
            let block = &self.blocks[at];
            if block.is_shared() {
                let first = (at * BLOCK_BYTES) as u64;
                let covered = start <= first && first + BLOCK_BYTES as u64 <= end;
                copies.push((at, if covered { fresh(arena)? } else { copied(arena, block)? }));
            }
        }
        for (at, copy) in copies {
            self.blocks[at] = copy;
        }
        Ok(())
    }

    /// Writes bytes over those from `offset` on, whose blocks are this chain's alone.
    fn write(&mut self, offset: u64, mut bytes: &[u8]) {
        let mut at = offset;
        while !bytes.is_empty() {
            let room = &mut self.blocks[block_of(at)].get_mut().expect(OURS)[in_block(at)..];
            let (piece, rest) = bytes.split_at(bytes.len().min(room.len()));
            room[..piece.len()].copy_from_slice(piece);
            at += piece.len() as u64;
            bytes = rest;
        }
    }

    /// Puts blocks in place of those from number `first` on, and gives these in exchange. The chain then ends
    /// at `end`, if it did not go on behind it.
    pub(super) fn swap_blocks(&mut self, blocks: &mut Vec<Block>, first: usize, end: u64) {
        let replaced = (self.blocks.len() - first).min(blocks.len());
        self.blocks[first..first + replaced].swap_with_slice(&mut blocks[..replaced]);
        self.blocks.extend(blocks.drain(replaced..));
        self.len_bytes = self.len_bytes.max(end);
    }

    /// Drops `count` blocks at most. Whether any is left. The chain is no value any more.
    pub(super) fn drop_some(&mut self, count: usize) -> bool {
        self.blocks.truncate(self.blocks.len().saturating_sub(count));
        !self.blocks.is_empty()
    }

    /// Copies a last block that is partly filled and that somebody else pins: copy on write.
    fn own_last(&mut self, arena: &mut Arena) -> Result<(), StoreError> {
        let filled = to_usize(self.len_bytes) % BLOCK_BYTES;
        let Some(last) = self.blocks.last_mut() else { return Ok(()) };
        if filled == 0 || !last.is_shared() {
            return Ok(());
        }
        let mut copy = fresh(arena)?;
        copy.get_mut().expect(OURS)[..filled].copy_from_slice(&last[..filled]);
        *last = copy;
        Ok(())
    }
}

/// Whether two handles are of one block.
fn is_same(one: &Block, other: &Block) -> bool {
    core::ptr::eq(one.as_slice(), other.as_slice())
}

/// A block of any content.
fn fresh(arena: &mut Arena) -> Result<Block, StoreError> {
    arena.block().ok_or(StoreError::OutOfMemory)
}

/// A block with the content of another one.
pub(super) fn copied(arena: &mut Arena, block: &Block) -> Result<Block, StoreError> {
    let mut copy = fresh(arena)?;
    copy.get_mut().expect(OURS).copy_from_slice(block);
    Ok(copy)
}

/// Our own invariant: what is written was made this chain's alone before.
pub(super) const OURS: &str = "the block has this handle only";
#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use adit_drivers::memory::PAGE_BYTES;

    pub(in super::super) fn arena(pages: usize) -> Arena {
        Arena::new((pages * PAGE_BYTES) as u64, false).unwrap()
    }

    pub(in super::super) fn extend(chain: &mut Chain, arena: &mut Arena, bytes: &[u8]) {
        chain.reserve(arena, bytes.len() as u64).unwrap();
        chain.push(bytes);
    }

    pub(in super::super) fn text(chain: &Chain) -> Vec<u8> {
        chain.pieces().flatten().copied().collect()
    }

    #[test]
    fn grows_over_block_boundaries() {
        let mut arena = arena(1);
        for (first, second) in
            [(0, 1), (1, BLOCK_BYTES - 1), (BLOCK_BYTES - 1, 2), (BLOCK_BYTES, BLOCK_BYTES + 1)]
        {
            let mut chain = Chain::new();
            extend(&mut chain, &mut arena, &vec![1; first]);
            extend(&mut chain, &mut arena, &vec![2; second]);
            assert_eq!(chain.len_bytes(), (first + second) as u64);
            assert_eq!(chain.blocks().len(), (first + second).div_ceil(BLOCK_BYTES));
            assert_eq!(text(&chain), [vec![1; first], vec![2; second]].concat());
        }
    }

    #[test]
    fn pinned_bytes_stay_as_they_were() {
        let mut arena = arena(1);
        let mut chain = Chain::new();
        extend(&mut chain, &mut arena, b"one");
        let pin = chain.clone();
        extend(&mut chain, &mut arena, b"two");
        assert_eq!((text(&pin), text(&chain)), (b"one".to_vec(), b"onetwo".to_vec()));
    }

    #[test]
    fn a_full_last_block_is_shared_not_copied() {
        let mut arena = arena(1);
        let mut chain = Chain::new();
        extend(&mut chain, &mut arena, &vec![1; BLOCK_BYTES]);
        let pin = chain.clone();
        extend(&mut chain, &mut arena, &[2]);
        assert_eq!(arena.usage().blocks_in_use, 2);
        assert_eq!((pin.len_bytes(), chain.len_bytes()), (BLOCK_BYTES as u64, BLOCK_BYTES as u64 + 1));
    }

    #[test]
    fn a_reserve_that_fails_takes_nothing() {
        let mut arena = arena(1);
        let mut chain = Chain::new();
        extend(&mut chain, &mut arena, b"kept");
        let more = 16 * BLOCK_BYTES as u64;
        assert_eq!(chain.reserve(&mut arena, more), Err(StoreError::OutOfMemory));
        assert_eq!(chain.reserve(&mut arena, VALUE_BYTES_MAX), Err(StoreError::ValueTooLong));
        assert_eq!(chain.reserve(&mut arena, u64::MAX), Err(StoreError::ValueTooLong));
        arena.collect();
        assert_eq!((text(&chain), arena.usage().blocks_in_use), (b"kept".to_vec(), 1));
    }

    #[test]
    fn ranges_are_written_over_behind_and_past_the_end() {
        let block = BLOCK_BYTES;
        for len in [0, 1, block - 1, block, 2 * block + 5] {
            for offset in [0, 1, block - 1, block, block + 7, 2 * block + 5, 5 * block - 1] {
                for count in [1, 3, block, 2 * block + 1] {
                    let (mut arena, mut zeros, mut chain) = (arena(2), Zeros::default(), Chain::new());
                    let mut expected = vec![1; len];
                    extend(&mut chain, &mut arena, &expected);
                    let pin = chain.clone();
                    chain.set_range(&mut arena, &mut zeros, offset as u64, &vec![2; count]).unwrap();
                    let end = offset + count;
                    expected.resize(len.max(end), 0);
                    expected[offset..end].fill(2);
                    assert!(text(&chain) == expected, "{len} {offset} {count}");
                    assert_eq!(chain.blocks().len(), expected.len().div_ceil(block));
                    assert!(text(&pin) == vec![1; len]);
                    // What was a gap is written in blocks of its own as well.
                    chain.set_range(&mut arena, &mut zeros, 0, &[3]).unwrap();
                    expected[0] = 3;
                    extend(&mut chain, &mut arena, b"end");
                    expected.extend_from_slice(b"end");
                    assert!(text(&chain) == expected);
                    drop((chain, pin));
                    zeros.release_unused();
                    arena.collect();
                    assert_eq!(arena.usage().blocks_in_use, 0);
                }
            }
        }
    }

    #[test]
    fn a_gap_takes_no_blocks() {
        let (mut arena, mut zeros, mut chain) = (arena(1), Zeros::default(), Chain::new());
        chain.set_range(&mut arena, &mut zeros, 14 * BLOCK_BYTES as u64, b"x").unwrap();
        assert_eq!((chain.blocks().len(), arena.usage().blocks_in_use), (15, 2));
    }

    #[test]
    fn a_range_that_fails_changes_nothing() {
        let (mut arena, mut zeros, mut chain) = (arena(1), Zeros::default(), Chain::new());
        extend(&mut chain, &mut arena, &vec![1; 10 * BLOCK_BYTES - 5]);
        let pin = chain.clone();
        for (offset, count) in
            [(0, 7 * BLOCK_BYTES), (5, 10 * BLOCK_BYTES), (10 * BLOCK_BYTES, 6 * BLOCK_BYTES)]
        {
            let refused = chain.set_range(&mut arena, &mut zeros, offset as u64, &vec![2; count]);
            assert_eq!(refused, Err(StoreError::OutOfMemory), "{offset} {count}");
            assert!(text(&chain) == vec![1; 10 * BLOCK_BYTES - 5]);
            assert_eq!(chain.blocks().len(), 10);
        }
        for offset in [VALUE_BYTES_MAX, u64::MAX] {
            let refused = chain.set_range(&mut arena, &mut zeros, offset, &[1]);
            assert_eq!(refused, Err(StoreError::ValueTooLong));
        }
        assert!(text(&pin) == vec![1; 10 * BLOCK_BYTES - 5]);
    }
}
