//! Values too large for an item: chains of blocks, and the table of those that items name by number.

use super::{StoreError, to_usize};
use adit_drivers::memory::{Arena, BLOCK_BYTES, Block};
use adit_wire::kv::VALUE_BYTES_MAX;

/// A value in blocks, all full but the last. A clone pins the bytes of this moment: a chain that grows leaves them alone.
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

    /// Makes room for `extra` more bytes and makes the last block this chain's alone, all or nothing.
    pub(super) fn reserve(&mut self, arena: &mut Arena, extra: u64) -> Result<(), StoreError> {
        let len_bytes = self.len_bytes.checked_add(extra).filter(|len| *len <= VALUE_BYTES_MAX);
        let len_bytes = len_bytes.ok_or(StoreError::ValueTooLong)?;
        if extra > 0 {
            self.own_last(arena)?;
        }
        let before = self.blocks.len();
        while to_usize(len_bytes) > self.blocks.len() * BLOCK_BYTES {
            let Some(block) = arena.block() else {
                self.blocks.truncate(before);
                return Err(StoreError::OutOfMemory);
            };
            self.blocks.push(block);
        }
        Ok(())
    }

    /// Appends bytes for which room was reserved.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let at = to_usize(self.len_bytes);
            let room = self.blocks[at / BLOCK_BYTES].get_mut();
            let room = &mut room.expect("`reserve` made the block ours alone")[at % BLOCK_BYTES..];
            let (piece, rest) = bytes.split_at(bytes.len().min(room.len()));
            room[..piece.len()].copy_from_slice(piece);
            self.len_bytes += piece.len() as u64;
            bytes = rest;
        }
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
        let mut copy = arena.block().ok_or(StoreError::OutOfMemory)?;
        let bytes = copy.get_mut().expect("a carved block has one handle");
        bytes[..filled].copy_from_slice(&last[..filled]);
        *last = copy;
        Ok(())
    }
}

/// The chains that items name by number.
#[derive(Default)]
pub(super) struct ChainTable {
    chains: Vec<Option<Chain>>,
    free: Vec<u32>,
}

impl ChainTable {
    /// Keeps a chain. The number names it until it is taken.
    pub(super) fn keep(&mut self, chain: Chain) -> u32 {
        if let Some(id) = self.free.pop() {
            self.chains[index(id)] = Some(chain);
            return id;
        }
        let id =
            u32::try_from(self.chains.len()).expect("a chain has a block, and blocks have 32-bit indices");
        self.chains.push(Some(chain));
        id
    }

    /// Takes a chain out.
    pub(super) fn take(&mut self, id: u32) -> Chain {
        let chain = self.chains[index(id)].take().expect(NAMED);
        self.free.push(id);
        chain
    }

    /// A chain.
    pub(super) fn chain(&self, id: u32) -> &Chain {
        self.chains[index(id)].as_ref().expect(NAMED)
    }

    /// A chain, to grow it.
    pub(super) fn chain_mut(&mut self, id: u32) -> &mut Chain {
        self.chains[index(id)].as_mut().expect(NAMED)
    }

    /// Chains kept.
    pub(super) fn count(&self) -> u64 {
        (self.chains.len() - self.free.len()) as u64
    }
}

/// Our own invariant: each chain item owns one entry of the table.
const NAMED: &str = "an item names a chain that is kept";

fn index(id: u32) -> usize {
    to_usize(u64::from(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_drivers::memory::PAGE_BYTES;

    fn arena(pages: usize) -> Arena {
        Arena::new((pages * PAGE_BYTES) as u64, false).unwrap()
    }

    fn extend(chain: &mut Chain, arena: &mut Arena, bytes: &[u8]) {
        chain.reserve(arena, bytes.len() as u64).unwrap();
        chain.push(bytes);
    }

    fn text(chain: &Chain) -> Vec<u8> {
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
    fn numbers_of_taken_chains_are_given_again() {
        let mut table = ChainTable::default();
        assert_eq!((table.keep(Chain::new()), table.keep(Chain::new())), (0, 1));
        table.take(0);
        assert_eq!((table.keep(Chain::new()), table.count()), (0, 2));
    }
}
