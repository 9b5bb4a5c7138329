//! Zeros for chains: handles of one zeroed block, so that a gap of any length takes no memory and no time per byte.

use super::StoreError;
use adit_drivers::memory::{Arena, Block};

/// The zeroed block, while there is a use for it.
#[derive(Default)]
pub(super) struct Zeros {
    block: Option<Block>,
    /// Too many handles were out since the last look.
    short: bool,
}

impl Zeros {
    /// A handle of a zeroed block, `OutOfMemory` if there is no memory for it.
    ///
    /// `count` handles are wanted in all: as many as the arena has blocks may be out. A handle takes 16 bytes
    /// of the heap, and so do these not take more than those of blocks.
    pub(super) fn block(&mut self, arena: &mut Arena, count: usize) -> Result<&Block, StoreError> {
        let block = match self.block.take() {
            Some(block) => block,
            None => zeroed(arena)?,
        };
        let block = self.block.insert(block);
        if block.handle_count() + count > arena.block_count() {
            self.short = true;
            return Err(StoreError::OutOfMemory);
        }
        Ok(block)
    }

    /// Whether too many handles were out since the last call.
    pub(super) fn take_short(&mut self) -> bool {
        core::mem::take(&mut self.short)
    }

    /// Gives the block back if nobody else has a handle of it.
    pub(super) fn release_unused(&mut self) {
        if self.block.as_ref().is_some_and(|block| !block.is_shared()) {
            self.block = None;
        }
    }
}

fn zeroed(arena: &mut Arena) -> Result<Block, StoreError> {
    let mut block = arena.block().ok_or(StoreError::OutOfMemory)?;
    block.get_mut().expect("a carved block has one handle").fill(0);
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::super::chain::tests::arena;
    use super::*;

    #[test]
    fn as_many_handles_are_given_as_there_are_blocks() {
        let mut arena = arena(1);
        let mut dirty = arena.block().unwrap();
        dirty.get_mut().unwrap().fill(1);
        drop(dirty);
        arena.collect();
        let mut zeros = Zeros::default();
        let handles = vec![zeros.block(&mut arena, 15).unwrap().clone(); 15];
        assert!(handles[14].iter().all(|byte| *byte == 0));
        assert_eq!(zeros.block(&mut arena, 1).err(), Some(StoreError::OutOfMemory));
        assert_eq!(arena.usage().blocks_in_use, 1);
        zeros.release_unused();
        assert!(zeros.block.is_some());
        drop(handles);
        zeros.release_unused();
        arena.collect();
        assert_eq!(arena.usage().blocks_in_use, 0);
    }
}
