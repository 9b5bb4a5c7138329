//! Writes of long chains into values, in portions: nothing is seen of them before the last.
//!
//! The blocks of a chain become blocks of the value, so its bytes must lie in them as they will in the value:
//! if it goes to an offset that is no multiple of a block, all of it is first shifted, from its end to its
//! begin, where it lies. That takes the time per byte, and is cut into portions. Handing over the blocks takes
//! a time per block.

use super::chain::{OURS, copied};
use super::range::Start;
use super::slice::{block_of, in_block};
use super::write::check;
use super::zeros::Zeros;
use super::{Chain, Key, Store, StoreError, to_usize};
use adit_drivers::memory::{Arena, BLOCK_BYTES, Block};

/// Bytes that one call of [`Store::splice`] shifts at most: some 100 us.
pub const SPLICE_BYTES_MAX: usize = 1 << 20;

/// Blocks that one portion shifts.
const PORTION_BLOCKS: usize = SPLICE_BYTES_MAX / BLOCK_BYTES;

/// A chain on its way into a value.
#[derive(Debug)]
pub struct Splice {
    start: Start,
    blocks: Vec<Block>,
    /// Bytes of the first block before those of the chain.
    gap: usize,
    len_bytes: u64,
    shift: Option<Shift>,
}

/// A shift towards the end that is under way.
#[derive(Clone, Copy, Debug)]
struct Shift {
    by: usize,
    /// Blocks that are still to be shifted: the first ones.
    left: usize,
}

/// How far a splice has come.
#[derive(Debug)]
pub enum Spliced {
    /// It is done: the length of the value.
    Done(u64),
    /// A portion is done. The value is as it was; the rest is for the next call.
    More(Splice),
}

impl Splice {
    /// Bytes that go behind the end of a value.
    pub fn append(tail: Chain) -> Self {
        Self::new(Start::End, tail)
    }

    /// Bytes that go over a value from byte `offset` on.
    pub fn set_range(offset: u64, value: Chain) -> Self {
        Self::new(Start::At(offset), value)
    }

    fn new(start: Start, chain: Chain) -> Self {
        let len_bytes = chain.len_bytes();
        Self { start, blocks: chain.into_blocks(), gap: 0, len_bytes, shift: None }
    }

    /// Bytes that are to be written.
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// The blocks as a chain to be [dropped](Store::drop_chain), when the splice is given up. It is no value.
    pub fn into_dropped(self) -> Chain {
        let len_bytes = (self.blocks.len() * BLOCK_BYTES) as u64;
        Chain::of_blocks(self.blocks, len_bytes)
    }

    /// The bytes, if they lie in one block.
    fn single(&self) -> Option<&[u8]> {
        let len = usize::try_from(self.len_bytes).ok().filter(|len| *len <= BLOCK_BYTES)?;
        Some(self.blocks.first().map_or(&[], |block| &block[..len]))
    }

    /// Shifts a portion of the bytes towards a gap of `gap` bytes before the first. Whether they are there.
    fn shift(&mut self, arena: &mut Arena, gap: usize) -> Result<bool, StoreError> {
        if self.shift.is_none() && self.gap != gap {
            self.begin_shift(arena, (BLOCK_BYTES + gap - self.gap) % BLOCK_BYTES)?;
        }
        for _ in 0..PORTION_BLOCKS {
            let Some(shift) = self.shift else { break };
            if shift.left == 0 {
                self.end_shift(shift.by);
            } else {
                self.shift_block(arena, shift)?;
            }
        }
        Ok(self.shift.is_none() && self.gap == gap)
    }

    fn begin_shift(&mut self, arena: &mut Arena, by: usize) -> Result<(), StoreError> {
        let left = self.blocks.len();
        let span = self.gap as u64 + self.len_bytes + by as u64;
        if span > (left * BLOCK_BYTES) as u64 {
            self.blocks.push(arena.block().ok_or(StoreError::OutOfMemory)?);
        }
        self.shift = Some(Shift { by, left });
        Ok(())
    }

    /// Shifts the last of the blocks that are left: its end to the begin of the block behind it, the rest within.
    fn shift_block(&mut self, arena: &mut Arena, Shift { by, left }: Shift) -> Result<(), StoreError> {
        own(arena, &mut self.blocks[left - 1])?;
        let (here, behind) = self.blocks.split_at_mut(left);
        let bytes = here[left - 1].get_mut().expect(OURS);
        if let Some(block) = behind.first_mut() {
            block.get_mut().expect(OURS)[..by].copy_from_slice(&bytes[BLOCK_BYTES - by..]);
        }
        bytes.copy_within(..BLOCK_BYTES - by, by);
        self.shift = Some(Shift { by, left: left - 1 });
        Ok(())
    }

    fn end_shift(&mut self, by: usize) {
        self.shift = None;
        self.gap += by;
        if self.gap >= BLOCK_BYTES {
            self.gap -= BLOCK_BYTES;
            drop(self.blocks.remove(0));
        }
        // What was shifted out of the last block was not of the chain.
        self.blocks.truncate((self.gap + to_usize(self.len_bytes)).div_ceil(BLOCK_BYTES));
    }
}

impl Store {
    /// Writes a chain into the value of a key, or stores it if the key is not there: a portion of
    /// [`SPLICE_BYTES_MAX`] in each call, until it is `Done`. Keeps the expiry.
    ///
    /// The value may change between the calls. An append whose place in a block changes with it begins anew, so
    /// the key is better left to one splice at a time. One that is given up is to be
    /// [dropped](Splice::into_dropped). Errors as for [`append`](Self::append) and
    /// [`set_range`](Self::set_range): the splice is then dropped, and the value is as it was.
    pub fn splice(&mut self, key: &Key<'_>, mut splice: Splice, now_ms: u64) -> Result<Spliced, StoreError> {
        match self.splice_some(key, &mut splice, now_ms) {
            Ok(None) => Ok(Spliced::More(splice)),
            Ok(Some(len)) => {
                self.drop_chain(splice.into_dropped());
                Ok(Spliced::Done(len))
            }
            Err(error) => {
                self.drop_chain(splice.into_dropped());
                Err(error)
            }
        }
    }

    /// Does a portion. Gives the length of the value if it was the last.
    fn splice_some(
        &mut self,
        key: &Key<'_>,
        splice: &mut Splice,
        now_ms: u64,
    ) -> Result<Option<u64>, StoreError> {
        if let Some(bytes) = splice.single() {
            return self.write_bytes(key, splice.start, bytes, now_ms).map(Some);
        }
        let offset = splice.start.within(self.len_of(key, now_ms));
        check(key, offset.saturating_add(splice.len_bytes))?;
        let shifted =
            self.with_relief(None, now_ms, |store| splice.shift(&mut store.arena, in_block(offset)))?;
        if shifted { self.merge(key, splice, offset, now_ms).map(Some) } else { Ok(None) }
    }

    /// Hands the blocks of a shifted splice to the value of a key. Gives its length.
    fn merge(
        &mut self,
        key: &Key<'_>,
        splice: &mut Splice,
        offset: u64,
        now_ms: u64,
    ) -> Result<u64, StoreError> {
        let mut expiry_ms = 0;
        let mut fresh = None;
        let len = self.with_relief(Some(key), now_ms, |store| {
            let old = store.locate(key, now_ms);
            let id = old.as_ref().and_then(|old| store.view(old.offset).chain());
            if let (Some(old), Some(id)) = (&old, id) {
                let chain = store.chains.chain_mut(id);
                chain.merge(&mut store.arena, &mut store.zeros, splice, offset)?;
                let len = chain.len_bytes();
                store.chains.note(&store.arena, id, block_of(offset), store.version);
                store.write_len(old.offset, old.header, len);
                return Ok(len);
            }
            expiry_ms = old.as_ref().map_or(0, |old| old.header.expiry_ms);
            let mut chain = old.map_or_else(|| Ok(Chain::new()), |old| store.chain_of(&old))?;
            chain.merge(&mut store.arena, &mut store.zeros, splice, offset)?;
            let len = chain.len_bytes();
            fresh = Some(chain);
            Ok(len)
        })?;
        if let Some(chain) = fresh {
            self.write_chain(key, chain, expiry_ms, now_ms, Self::write_once)?;
        }
        Ok(len)
    }
}

impl Chain {
    /// Takes the blocks of a splice that goes to `offset` over, and leaves in it those that they replace. All
    /// or nothing.
    fn merge(
        &mut self,
        arena: &mut Arena,
        zeros: &mut Zeros,
        splice: &mut Splice,
        offset: u64,
    ) -> Result<(), StoreError> {
        debug_assert!(splice.gap == in_block(offset) && splice.shift.is_none());
        let (start, end) = (offset - splice.gap as u64, offset + splice.len_bytes);
        let keeps_end = end < self.len_bytes() && in_block(end) > 0;
        let first = splice.blocks.first_mut().filter(|_| splice.gap > 0);
        first.map_or(Ok(()), |block| own(arena, block))?;
        let last = splice.blocks.last_mut().filter(|_| keeps_end);
        last.map_or(Ok(()), |block| own(arena, block))?;
        self.pad(arena, zeros, start)?;
        self.keep_ends(splice, start, end, keeps_end);
        self.swap_blocks(&mut splice.blocks, block_of(start), end);
        Ok(())
    }

    /// Copies what stays of the blocks that are replaced: before and behind the splice.
    fn keep_ends(&self, splice: &mut Splice, start: u64, end: u64, keeps_end: bool) {
        if splice.gap > 0 {
            let kept = splice.gap.min(to_usize(self.len_bytes() - start));
            let gap = &mut splice.blocks[0].get_mut().expect(OURS)[..splice.gap];
            let (before, zeros) = gap.split_at_mut(kept);
            if let Some(block) = self.blocks().get(block_of(start)) {
                before.copy_from_slice(&block[..kept]);
            }
            zeros.fill(0);
        }
        if keeps_end {
            let (at, block) = (in_block(end), &self.blocks()[block_of(end)]);
            let last = splice.blocks.last_mut().expect("a splice has blocks");
            last.get_mut().expect(OURS)[at..].copy_from_slice(&block[at..]);
        }
    }
}

/// Makes a block its holder's alone: copy on write.
fn own(arena: &mut Arena, block: &mut Block) -> Result<(), StoreError> {
    if block.is_shared() {
        *block = copied(arena, block)?;
    }
    Ok(())
}
