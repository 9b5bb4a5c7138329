//! The chains that items name by number, in the order in which the hand of eviction comes to them.

use super::chain::Chain;
use super::ring::{Links, Members, Ring};
use super::to_usize;
use adit_drivers::memory::{Arena, Block};

/// Offset of no item.
const NO_OWNER: u64 = u64::MAX;

/// A number, and the chain that it names if any.
struct Entry {
    chain: Option<Chain>,
    /// Offset of the item that names it.
    owner: u64,
    links: Links,
}

impl Members for Vec<Entry> {
    fn links(&mut self, member: u32) -> &mut Links {
        &mut self[index(member)].links
    }
}

/// The chains of a store.
pub(super) struct Chains {
    entries: Vec<Entry>,
    free: Vec<u32>,
    ring: Ring,
    /// Chains that wait to be adopted: they have blocks of other shards, or had some.
    foreign: Ring,
    foreign_links: Vec<Links>,
    /// For each unit of the arena, the chain that has it as a block. A hint: it is not taken back.
    holders: Box<[u32]>,
}

impl Chains {
    /// No chains, over an arena of `unit_count` units.
    pub(super) fn new(unit_count: usize) -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            ring: Ring::EMPTY,
            foreign: Ring::EMPTY,
            foreign_links: Vec::new(),
            holders: vec![u32::MAX; unit_count].into_boxed_slice(),
        }
    }

    /// Keeps a chain. The number names it until it is taken.
    pub(super) fn keep(&mut self, arena: &Arena, chain: Chain, version: u64) -> u32 {
        let entry = Entry { chain: Some(chain), owner: NO_OWNER, links: Links::UNLISTED };
        let id = self.free.pop().unwrap_or_else(|| {
            u32::try_from(self.entries.len()).expect("a chain has a block, and blocks have 32-bit indices")
        });
        match self.entries.get_mut(index(id)) {
            Some(free) => *free = entry,
            None => {
                self.entries.push(entry);
                self.foreign_links.push(Links::UNLISTED);
            }
        }
        self.note(arena, id, 0, version);
        id
    }

    /// Takes a chain out.
    pub(super) fn take(&mut self, id: u32) -> Chain {
        if self.entries[index(id)].links.is_listed() {
            self.ring.remove(&mut self.entries, id);
        }
        if self.foreign_links[index(id)].is_listed() {
            self.foreign.remove(&mut self.foreign_links, id);
        }
        self.free.push(id);
        self.entries[index(id)].chain.take().expect(NAMED)
    }

    /// A chain.
    pub(super) fn chain(&self, id: u32) -> &Chain {
        self.entries[index(id)].chain.as_ref().expect(NAMED)
    }

    /// A chain, to change it. What blocks it then has from the first changed one on is to be [noted](Self::note).
    pub(super) fn chain_mut(&mut self, id: u32) -> &mut Chain {
        self.entries[index(id)].chain.as_mut().expect(NAMED)
    }

    /// Notes which chain has these blocks: those from number `first` on. The hand comes to it if they are of
    /// this shard; if some are not, it waits to be [adopted](Self::adopt).
    pub(super) fn note(&mut self, arena: &Arena, id: u32, first: usize, version: u64) {
        let blocks = self.entries[index(id)].chain.as_ref().map_or(&[][..], Chain::blocks);
        for block in blocks.iter().skip(first) {
            match arena.unit_of(block) {
                Some(unit) => self.holders[index(unit)] = id,
                None if self.foreign_links[index(id)].is_listed() => {}
                None => self.foreign.push(&mut self.foreign_links, id, version),
            }
        }
        self.revive(arena, id, version);
    }

    /// The chain that waits longest to be adopted. It has blocks of other shards, or had some.
    #[inline]
    pub(super) fn first_foreign(&self) -> Option<u32> {
        self.foreign.first()
    }

    /// Puts copies in place of blocks of other shards in a chain that waits for that, as far as there is room
    /// for them. If some are left, it waits again.
    pub(super) fn adopt(&mut self, arena: &Arena, id: u32, room: Vec<Block>, version: u64) {
        self.foreign.remove(&mut self.foreign_links, id);
        self.chain_mut(id).adopt(arena, room);
        self.note(arena, id, 0, version);
    }

    /// Whether a chain has blocks of this shard, by the last of them.
    pub(super) fn has_own_blocks(&self, arena: &Arena, id: u32) -> bool {
        let last = self.entries[index(id)].chain.as_ref().and_then(|chain| chain.blocks().last());
        last.is_some_and(|block| arena.unit_of(block).is_some())
    }

    /// Says which item names a chain.
    #[inline]
    pub(super) fn set_owner(&mut self, id: u32, offset: u64) {
        self.entries[index(id)].owner = offset;
    }

    /// The item that names a chain, if it is written.
    pub(super) fn owner(&self, id: u32) -> Option<u64> {
        let entry = self.entries.get(index(id)).filter(|entry| entry.chain.is_some())?;
        (entry.owner != NO_OWNER).then_some(entry.owner)
    }

    /// The item that probably has a unit as one of the blocks of its value.
    pub(super) fn holder(&self, unit: u32) -> Option<u64> {
        self.owner(self.holders[index(unit)])
    }

    /// Chains kept.
    pub(super) fn count(&self) -> u64 {
        (self.entries.len() - self.free.len()) as u64
    }

    /// Versions since the hand came to the chain that waits longest.
    pub(super) fn waits(&self, version: u64) -> Option<u64> {
        self.ring.waits(version)
    }

    /// Versions that the hand takes to go round the chains.
    pub(super) fn lap(&self, version: u64) -> Option<u64> {
        self.ring.lap(version)
    }

    /// The chain that the hand comes to next.
    pub(super) fn first(&self) -> Option<u32> {
        self.ring.first()
    }

    /// The hand leaves the chain that it came to, which comes last then.
    pub(super) fn turn(&mut self, version: u64) {
        self.ring.turn(&mut self.entries, version);
    }

    /// A chain may not be evicted: the hand comes to it no more.
    pub(super) fn hide(&mut self, id: u32) {
        if self.entries[index(id)].links.is_listed() {
            self.ring.remove(&mut self.entries, id);
        }
    }

    /// A chain may be evicted from now on: the hand comes to it if that frees memory.
    pub(super) fn revive(&mut self, arena: &Arena, id: u32, version: u64) {
        if !self.entries[index(id)].links.is_listed() && self.has_own_blocks(arena, id) {
            self.ring.push(&mut self.entries, id, version);
        }
    }

    /// Any chain may be evicted from now on.
    pub(super) fn revive_all(&mut self, arena: &Arena, version: u64) {
        (0..).take(self.entries.len()).for_each(|id| self.revive(arena, id, version));
    }
}

/// Our own invariant: each chain item owns one entry of the table.
const NAMED: &str = "an item names a chain that is kept";

fn index(id: u32) -> usize {
    to_usize(u64::from(id))
}

#[cfg(test)]
mod tests {
    use super::super::chain::tests::{arena, extend};
    use super::*;

    #[test]
    fn numbers_of_taken_chains_are_given_again() {
        let arena = arena(1);
        let mut chains = Chains::new(16);
        let keep = |chains: &mut Chains| chains.keep(&arena, Chain::new(), 0);
        assert_eq!((keep(&mut chains), keep(&mut chains)), (0, 1));
        chains.take(0);
        assert_eq!((keep(&mut chains), chains.count()), (0, 2));
    }

    #[test]
    fn units_know_their_holder() {
        let mut arena = arena(1);
        let mut chains = Chains::new(16);
        let mut chain = Chain::new();
        extend(&mut chain, &mut arena, b"bytes");
        let unit = arena.unit_of(&chain.blocks()[0]).unwrap();
        let id = chains.keep(&arena, chain, 0);
        assert_eq!((chains.owner(id), chains.holder(unit), chains.holder(15)), (None, None, None));
        chains.set_owner(id, 48);
        assert_eq!((chains.owner(id), chains.holder(unit)), (Some(48), Some(48)));
        chains.take(id);
        assert_eq!((chains.owner(id), chains.holder(unit)), (None, None));
    }

    #[test]
    fn hidden_chains_come_back() {
        let mut arena = arena(1);
        let mut chains = Chains::new(16);
        let ids = [5, 6].map(|version| {
            let mut chain = Chain::new();
            extend(&mut chain, &mut arena, b"bytes");
            chains.keep(&arena, chain, version)
        });
        chains.hide(ids[0]);
        chains.hide(ids[0]);
        assert_eq!((chains.first(), chains.waits(10)), (Some(ids[1]), Some(4)));
        chains.turn(10);
        chains.revive_all(&arena, 11);
        assert_eq!(chains.first(), Some(ids[1]));
        chains.take(ids[1]);
        assert_eq!(chains.first(), Some(ids[0]));
        // Blocks of another shard: nothing is gained by this one.
        chains.take(ids[0]);
        let mut other = super::super::chain::tests::arena(1);
        let mut chain = Chain::new();
        extend(&mut chain, &mut other, b"bytes");
        let id = chains.keep(&arena, chain, 12);
        assert!(chains.first().is_none() && !chains.has_own_blocks(&arena, id));
    }
}
