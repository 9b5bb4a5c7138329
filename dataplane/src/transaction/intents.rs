//! Who holds the keys of a shard, and who waits for them: first come, first served.
//!
//! An entry asks for all its keys at once. It holds a key when nobody who asked for that key before is left, and it may
//! go when it holds all of them. Entries of one shard therefore never wait in a circle; across shards, transactions
//! visit the shards in ascending order. An entry that asks for the whole shard waits until everybody before it has
//! left, and everybody after it waits for it.

use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry as MapEntry;

use crate::settings::KEPT_LIST_LEN;

/// The name of an entry until it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(pub u32);

/// The entries of a shard, and what each of them wants to do when it may go.
pub struct Intents<W> {
    queues: HashMap<u64, Queue, BuildHasherDefault<HashIsKey>>,
    nodes: Places<Node>,
    entries: Vec<Entry<W>>,
    free_entries: Vec<u32>,
    /// The entry that asked for everything, until it leaves.
    barrier: Option<u32>,
    /// Who came after the barrier.
    behind: VecDeque<u32>,
    /// Who may go, in that order.
    ready: VecDeque<u32>,
}

/// The nodes of a key's queue; the first one's entry holds the key.
#[derive(Clone, Copy)]
struct Queue {
    first: u32,
    last: u32,
}

/// Where in the queue of a key an entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joined {
    /// The first: it holds the key.
    First,
    /// Behind others.
    Behind,
    /// It asked for the key already.
    Before,
}

struct Node {
    entry: u32,
    next: u32,
}

struct Entry<W> {
    /// The keys it asked for; none if it asked for all.
    hashes: Vec<u64>,
    wants_all: bool,
    /// Keys that it does not hold yet.
    missing: usize,
    waiting: Option<W>,
}

impl<W> Default for Intents<W> {
    fn default() -> Self {
        Self {
            queues: HashMap::default(),
            nodes: Places::default(),
            entries: Vec::new(),
            free_entries: Vec::new(),
            barrier: None,
            behind: VecDeque::new(),
            ready: VecDeque::new(),
        }
    }
}

impl<W> Intents<W> {
    /// Whether nobody holds or waits for anything.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.free_entries.len() == self.entries.len()
    }

    /// Whether somebody holds or waits for a key.
    #[inline]
    pub fn blocks(&self, hash: u64) -> bool {
        let blocks = !self.is_idle() && (self.barrier.is_some() || self.queues.contains_key(&hash));
        blocks && !cfg!(feature = "sabotage-intents")
    }

    /// Whether somebody may go.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Asks for keys, by their hashes; keys of one hash count as one key. [`Intents::wait`] has to follow at once.
    pub fn enter(&mut self, hashes: impl IntoIterator<Item = u64>) -> Holder {
        let holder = self.open(false);
        self.entries[holder.0 as usize].hashes.extend(hashes);
        holder
    }

    /// Asks for every key of the shard. [`Intents::wait`] has to follow at once.
    pub fn enter_all(&mut self) -> Holder {
        self.open(true)
    }

    fn open(&mut self, wants_all: bool) -> Holder {
        let index = self.free_entries.pop().unwrap_or_else(|| {
            self.entries.push(Entry { hashes: Vec::new(), wants_all: false, missing: 0, waiting: None });
            // Entries and nodes are bounded by the limits of connections and transactions, far below 2^32.
            u32::try_from(self.entries.len() - 1).unwrap_or(NONE)
        });
        let entry = &mut self.entries[index as usize];
        (entry.missing, entry.wants_all) = (0, wants_all);
        Holder(index)
    }

    /// Lets an entry wait for its keys. [`Intents::next_ready`] gives `waiting` back when they are held.
    pub fn wait(&mut self, holder: Holder, waiting: W) {
        let Holder(index) = holder;
        self.entries[index as usize].waiting = Some(waiting);
        if cfg!(feature = "sabotage-intents") {
            self.ready.push_back(index);
        } else if self.barrier.is_some() {
            self.behind.push_back(index);
        } else {
            self.queue(index);
        }
    }

    /// The next entry that holds all its keys, once. It holds them until it leaves.
    pub fn next_ready(&mut self) -> Option<(Holder, W)> {
        let index = self.ready.pop_front()?;
        let waiting = self.entries[index as usize].waiting.take();
        Some((Holder(index), waiting.unwrap_or_else(|| unreachable!("an entry is ready once"))))
    }

    /// Gives the keys of an entry to those that wait for them.
    ///
    /// # Panics
    /// If the entry does not hold its keys.
    pub fn leave(&mut self, holder: Holder) {
        let entry = &mut self.entries[holder.0 as usize];
        assert!(entry.waiting.is_none() && entry.missing == 0, "an entry leaves before it could go");
        let (mut hashes, wants_all) = (std::mem::take(&mut entry.hashes), entry.wants_all);
        if !cfg!(feature = "sabotage-intents") {
            hashes.iter().for_each(|&hash| self.pass_on(hash, holder.0));
            if wants_all {
                self.lift_barrier(holder.0);
            }
        }
        hashes.clear();
        hashes.shrink_to(KEPT_LIST_LEN);
        self.entries[holder.0 as usize].hashes = hashes;
        self.free_entries.push(holder.0);
        if let Some(index) = self.barrier
            && self.queues.is_empty()
            && self.entries[index as usize].missing > 0
        {
            self.entries[index as usize].missing = 0;
            self.ready.push_back(index);
        }
    }

    /// Puts an entry into the queues of its keys.
    fn queue(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        let mut hashes = std::mem::take(&mut entry.hashes);
        let mut missing = 0;
        if entry.wants_all {
            self.barrier = Some(index);
            missing = usize::from(!self.queues.is_empty());
        }
        hashes.retain(|&hash| {
            let joined = self.join(hash, index);
            missing += usize::from(joined == Joined::Behind);
            joined != Joined::Before
        });
        let entry = &mut self.entries[index as usize];
        entry.hashes = hashes;
        entry.missing = missing;
        if missing == 0 {
            self.ready.push_back(index);
        }
    }

    /// Puts an entry into the queue of a key.
    fn join(&mut self, hash: u64, entry: u32) -> Joined {
        match self.queues.entry(hash) {
            MapEntry::Vacant(place) => {
                let node = self.nodes.put(Node { entry, next: NONE });
                place.insert(Queue { first: node, last: node });
                Joined::First
            }
            MapEntry::Occupied(mut place) => {
                let last = place.get().last;
                if self.nodes.get_mut(last).entry == entry {
                    return Joined::Before;
                }
                let node = self.nodes.put(Node { entry, next: NONE });
                self.nodes.get_mut(last).next = node;
                place.get_mut().last = node;
                Joined::Behind
            }
        }
    }

    /// Gives a key to the next in its queue.
    fn pass_on(&mut self, hash: u64, holder: u32) {
        let Some(queue) = self.queues.get_mut(&hash) else { unreachable!("a held key has a queue") };
        let node = self.nodes.take(queue.first);
        assert_eq!(node.entry, holder, "who leaves holds its keys");
        if node.next == NONE {
            self.queues.remove(&hash);
            return;
        }
        queue.first = node.next;
        let index = self.nodes.get_mut(node.next).entry;
        let entry = &mut self.entries[index as usize];
        entry.missing -= 1;
        if entry.missing == 0 {
            self.ready.push_back(index);
        }
    }

    /// Lets those in who came after the barrier, up to the next one.
    fn lift_barrier(&mut self, holder: u32) {
        assert_eq!(self.barrier.take(), Some(holder), "one entry holds everything");
        while self.barrier.is_none()
            && let Some(index) = self.behind.pop_front()
        {
            self.queue(index);
        }
    }
}

/// Values in numbered places, which are used again.
struct Places<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Places<T> {
    fn put(&mut self, value: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self.places[index as usize] = Some(value);
            return index;
        }
        self.places.push(Some(value));
        // Entries and nodes are bounded by the limits of connections and transactions, far below 2^32.
        u32::try_from(self.places.len() - 1).unwrap_or(NONE)
    }

    fn get_mut(&mut self, index: u32) -> &mut T {
        self.places[index as usize].as_mut().unwrap_or_else(|| unreachable!("{NAMED}"))
    }

    fn take(&mut self, index: u32) -> T {
        let value = self.places[index as usize].take().unwrap_or_else(|| unreachable!("{NAMED}"));
        self.free.push(index);
        value
    }
}

/// The keys of the table are hashes already.
#[derive(Default)]
struct HashIsKey(u64);

impl Hasher for HashIsKey {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("the keys are numbers");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

const NAMED: &str = "a number names a place in use";
/// The end of a queue.
const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn enter<W>(intents: &mut Intents<W>, keys: &[u64], waiting: W) -> Holder {
        let holder = intents.enter(keys.iter().copied());
        intents.wait(holder, waiting);
        holder
    }

    fn enter_all<W>(intents: &mut Intents<W>, waiting: W) -> Holder {
        let holder = intents.enter_all();
        intents.wait(holder, waiting);
        holder
    }

    fn ready(intents: &mut Intents<u32>) -> Vec<u32> {
        std::iter::from_fn(|| intents.next_ready()).map(|(_, name)| name).collect()
    }

    #[test]
    fn a_key_goes_from_one_to_the_next_in_order() {
        let mut intents = Intents::default();
        let first = enter(&mut intents, &[7], 1);
        enter(&mut intents, &[7, 8], 2);
        enter(&mut intents, &[8], 3);
        enter(&mut intents, &[9], 4);
        assert_eq!(ready(&mut intents), [1, 4], "3 came after 2, which waits");
        assert!(intents.blocks(8) && !intents.blocks(10));
        intents.leave(first);
        let (second, name) = intents.next_ready().unwrap();
        assert_eq!(name, 2);
        assert!(intents.next_ready().is_none());
        intents.leave(second);
        assert_eq!(ready(&mut intents), [3]);
    }

    #[test]
    fn who_wants_everything_waits_for_all_before_and_holds_up_all_after() {
        let mut intents = Intents::default();
        let first = enter(&mut intents, &[7], 1);
        enter_all(&mut intents, 2);
        enter(&mut intents, &[9], 3);
        enter_all(&mut intents, 4);
        assert_eq!(ready(&mut intents), [1]);
        assert!(intents.blocks(12345));
        intents.leave(first);
        let (barrier, name) = intents.next_ready().unwrap();
        assert_eq!((name, intents.next_ready().is_none()), (2, true));
        intents.leave(barrier);
        let (third, name) = intents.next_ready().unwrap();
        assert_eq!((name, intents.next_ready().is_none()), (3, true));
        intents.leave(third);
        let (fourth, name) = intents.next_ready().unwrap();
        assert_eq!(name, 4);
        intents.leave(fourth);
        assert!(intents.is_idle() && !intents.blocks(9));
    }

    /// Random entries: at any time nobody goes beside somebody with the same key, and everybody goes at last.
    #[test]
    fn nobody_shares_a_key_and_everybody_goes() {
        let mut random = adit_drivers::sim::Random::new(1);
        for _ in 0..2_000 {
            let mut intents = Intents::default();
            let (mut entered, mut gone, mut holding) = (0, 0, Vec::<(Holder, Vec<u64>)>::new());
            while gone < 20 {
                if entered < 20 && random.one_in(2) {
                    let hashes: Vec<u64> = (0..3).map(|_| random.below(4)).collect();
                    match random.below(8) {
                        0 => enter_all(&mut intents, vec![0, 1, 2, 3]),
                        1..=3 => enter(&mut intents, &hashes[..1], vec![hashes[0]]),
                        _ => enter(&mut intents, &hashes, hashes.clone()),
                    };
                    entered += 1;
                }
                while let Some((holder, keys)) = intents.next_ready() {
                    assert!(holding.iter().all(|(_, other)| !other.iter().any(|hash| keys.contains(hash))));
                    holding.push((holder, keys));
                }
                assert!(!holding.is_empty() || gone == entered, "somebody can always go");
                if !holding.is_empty() && random.one_in(2) {
                    let (holder, _) = holding.swap_remove(random.index(holding.len()));
                    intents.leave(holder);
                    gone += 1;
                }
            }
            assert!(intents.is_idle() && intents.queues.is_empty());
            assert_eq!(intents.nodes.free.len(), intents.nodes.places.len());
        }
    }
}
