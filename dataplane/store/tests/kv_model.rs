//! Random operations on the store against a plain map, from seeds. `ADIT_SEED=n` runs one of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use adit_drivers::memory::{Arena, BLOCK_BYTES, Lines, PAGE_BYTES};
use adit_store::kv::{
    Chain, ChainSlice, Eviction, INDEX_BYTES_MIN, Item, NewValue, RandomKey, Reserved, SHORT_ITEM_BYTES,
    Splice, Spliced, Staged, Store, StoreError, Value,
};
use adit_wire::kv::BucketId;
use std::collections::{BTreeMap, BTreeSet};
use support::Random;

const BUCKETS: u32 = 3;
/// What the buckets evict, in runs that evict.
const POLICIES: [Eviction; BUCKETS as usize] = [Eviction::None, Eviction::Clock, Eviction::ClockVolatile];

/// What a run is like.
#[derive(Clone, Copy)]
struct Shape {
    pages: u64,
    index_bytes: u64,
    steps: u64,
    keys: u64,
    /// One value in so many is large.
    large_every: u64,
    /// Small items stored before the steps.
    preloaded: u64,
    /// Whether memory may run out.
    tight: bool,
    /// Whether the buckets evict, each by a policy of its own.
    evicts: bool,
    /// Whether another shard receives half of the chains.
    foreign: bool,
}

struct Entry {
    value: Vec<u8>,
    expiry_ms: Option<u64>,
}

type Place = (u32, Vec<u8>);

/// A write that is staged, and what it will be.
struct Intent {
    staged: Staged,
    place: Place,
    entry: Entry,
}

/// A write of a long chain that is under way.
struct Splicing {
    place: Place,
    offset: Option<usize>,
    part: Vec<u8>,
    splice: Splice,
}

struct Run {
    shape: Shape,
    random: Random,
    store: Store,
    /// That of another shard.
    there: Store,
    model: BTreeMap<Place, Entry>,
    pins: Vec<(ChainSlice, Vec<u8>)>,
    intents: Vec<Intent>,
    splices: Vec<Splicing>,
    /// Memory kept back for so many writes.
    reserved: Vec<(Reserved, u64)>,
    now_ms: u64,
    version: u64,
    refused: u64,
    /// Items that were evicted, as far as it was noticed.
    lost: u64,
    /// A key that is not to be evicted.
    held: Option<Place>,
}

impl Run {
    fn new(seed: u64, shape: Shape) -> Self {
        let build = |pages: u64| {
            let arena = Arena::new(pages * PAGE_BYTES as u64, false).unwrap();
            Store::new(arena, Lines::new(shape.index_bytes, false).unwrap(), seed)
        };
        let mut store = build(shape.pages);
        if shape.evicts {
            (0..).zip(POLICIES).for_each(|(bucket, policy)| store.set_eviction(BucketId(bucket), policy));
        }
        Self {
            shape,
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            store,
            there: build(THERE_PAGES),
            lost: 0,
            held: None,
            model: BTreeMap::new(),
            pins: Vec::new(),
            intents: Vec::new(),
            splices: Vec::new(),
            reserved: Vec::new(),
            now_ms: 1_000,
            version: 0,
            refused: 0,
        }
    }

    fn place(&mut self) -> Place {
        let number = self.random.below(self.shape.keys);
        let mut key = number.to_le_bytes()[..usize::try_from(number % 3 + 6).unwrap()].to_vec();
        if number % 97 == 5 {
            key.resize(1000 + usize::try_from(number * 31 % 64_000).unwrap(), 7);
        }
        (u32::try_from(number % u64::from(BUCKETS)).unwrap(), key)
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = match self.random.below(self.shape.large_every) {
            0 => 60_000 + self.random.length(200_000),
            1 => self.random.length(5_000),
            2 => BLOCK_BYTES - 60 + self.random.length(20),
            _ => self.random.length(100),
        };
        let first = self.random.next().to_le_bytes();
        first
            .iter()
            .cycle()
            .enumerate()
            .map(|(at, byte)| byte.wrapping_add(at.to_le_bytes()[1]))
            .take(len)
            .collect()
    }

    fn expiry(&mut self) -> Option<u64> {
        (self.random.below(4) == 0).then(|| self.now_ms + self.random.below(2_000))
    }

    /// The model's live entry.
    fn live(&self, place: &Place) -> Option<&Entry> {
        self.model.get(place).filter(|entry| entry.expiry_ms.is_none_or(|at| at > self.now_ms))
    }

    fn find(&mut self, place: &Place) -> Option<Item> {
        let key = self.store.key(BucketId(place.0), &place.1);
        self.store.prefetch_bucket(key.hash());
        self.store.prefetch_item(key.hash());
        self.store.find(&key, self.now_ms)
    }

    /// Takes a key out of the model if it was evicted.
    fn notice_eviction(&mut self, place: &Place) {
        if !self.shape.evicts || self.live(place).is_none() || self.find(place).is_some() {
            return;
        }
        let expires = self.model.remove(place).unwrap().expiry_ms.is_some();
        let policy = self.store.eviction(BucketId(place.0));
        let may_go = policy == Eviction::Clock || policy == Eviction::ClockVolatile && expires;
        assert!(may_go, "bucket {} lost a key", place.0);
        assert!(self.held.as_ref() != Some(place), "a key was evicted that was held");
        self.lost += 1;
        assert!(self.lost <= self.store.evicted());
    }

    fn check(&mut self, place: &Place) {
        self.notice_eviction(place);
        let item = self.find(place);
        let Some(entry) = self.live(place) else { return assert_eq!(item, None) };
        let item = item.expect("a live item is found");
        assert!(read(&self.store, item) == entry.value, "value of {:?}", &place.1[..6]);
        assert_eq!(self.store.value_len(item), entry.value.len() as u64);
        assert_eq!(self.store.expiry(item), entry.expiry_ms);
        assert!(self.store.version(item) <= self.version);
    }

    fn wrote(&mut self, version: u64) {
        assert!(version > self.version, "versions grow");
        self.version = version;
    }

    fn refuse(&mut self, error: StoreError) {
        assert_eq!(error, StoreError::OutOfMemory);
        assert!(self.shape.tight, "memory ran out: {:?}", self.store.usage());
        self.refused += 1;
    }

    /// The bytes as a new value: as they are, or received into a chain in parts.
    fn upload(&mut self, bytes: &[u8]) -> Option<Chain> {
        let mut chain = Chain::new();
        let foreign = self.shape.foreign && self.random.below(2) == 0;
        for part in bytes.chunks(1 + self.random.length(50_000)) {
            let store = if foreign { &mut self.there } else { &mut self.store };
            if let Err(error) = store.extend_chain(&mut chain, part) {
                self.refuse(error);
                self.store.drop_chain(chain);
                return None;
            }
        }
        Some(chain)
    }

    /// The bytes as a new value of either kind; `None` if memory ran out.
    fn new_value<'a>(&mut self, bytes: &'a [u8]) -> Option<NewValue<'a>> {
        if self.random.below(2) == 0 && bytes.len() > 1_000 {
            return self.upload(bytes).map(NewValue::Chain);
        }
        Some(NewValue::Inline(bytes))
    }

    fn put(&mut self) {
        let (place, value, expiry_ms) = (self.place(), self.bytes(), self.expiry());
        let Some(new) = self.new_value(&value) else { return self.check(&place) };
        let key = self.store.key(BucketId(place.0), &place.1);
        match self.store.put(&key, new, expiry_ms, self.now_ms) {
            Ok(version) => {
                self.wrote(version);
                self.model.insert(place.clone(), Entry { value, expiry_ms });
            }
            Err(error) => self.refuse(error),
        }
        self.check(&place);
    }

    fn append(&mut self) {
        let (place, tail) = (self.place(), self.bytes());
        let Some(new) = self.new_value(&tail) else { return };
        self.notice_eviction(&place);
        let key = self.store.key(BucketId(place.0), &place.1);
        let appended = self.store.append(&key, new, self.now_ms);
        self.wrote_part(&place, None, &tail, appended);
    }

    fn set_range(&mut self) {
        let (place, part) = (self.place(), self.bytes());
        let offset = self.offset();
        let Some(new) = self.new_value(&part) else { return };
        self.notice_eviction(&place);
        let key = self.store.key(BucketId(place.0), &place.1);
        let written = self.store.set_range(&key, offset as u64, new, self.now_ms);
        self.wrote_part(&place, Some(offset), &part, written);
    }

    fn offset(&mut self) -> usize {
        let most = match self.random.below(self.shape.large_every) {
            0 => 1_000_000,
            1 => 200_000,
            2 => 5_000,
            _ => 100,
        };
        self.random.length(most)
    }

    /// Begins to write a long chain in portions, or goes on with one.
    fn splice(&mut self) {
        let (place, part, offset) = (self.place(), self.bytes(), self.offset());
        if self.splices.len() < 3 {
            // More than one portion, now and then.
            let part = part.repeat(1 + self.random.length(8));
            let Some(chain) = self.upload(&part) else { return };
            let offset = (self.random.below(2) == 0).then_some(offset);
            let splice = match offset {
                None => Splice::append(chain),
                Some(offset) => Splice::set_range(offset as u64, chain),
            };
            self.splices.push(Splicing { place, offset, part, splice });
        }
        let chosen = self.random.length(self.splices.len() as u64);
        let splicing = self.splices.swap_remove(chosen);
        if self.random.below(20) == 0 {
            return self.store.drop_chain(splicing.splice.into_dropped());
        }
        let Splicing { place, offset, part, splice } = splicing;
        self.notice_eviction(&place);
        let key = self.store.key(BucketId(place.0), &place.1);
        match self.store.splice(&key, splice, self.now_ms) {
            Ok(Spliced::More(splice)) => {
                self.check(&place);
                self.splices.push(Splicing { place, offset, part, splice });
            }
            Ok(Spliced::Done(len)) => self.wrote_part(&place, offset, &part, Ok(len)),
            Err(error) => self.wrote_part(&place, offset, &part, Err(error)),
        }
    }

    /// What was written into a value at an offset, or behind its end.
    fn wrote_part(
        &mut self,
        place: &Place,
        offset: Option<usize>,
        part: &[u8],
        written: Result<u64, StoreError>,
    ) {
        match written {
            Ok(len) if offset.is_some() && part.is_empty() => {
                assert_eq!(len, self.live(place).map_or(0, |entry| entry.value.len()) as u64);
            }
            Ok(len) => {
                if self.live(place).is_none() {
                    self.model.insert(place.clone(), Entry { value: Vec::new(), expiry_ms: None });
                }
                let value = &mut self.model.get_mut(place).unwrap().value;
                let start = offset.unwrap_or(value.len());
                let end = start + part.len();
                value.resize(value.len().max(end), 0);
                value[start..end].copy_from_slice(part);
                assert_eq!(len, value.len() as u64);
                let item = self.find(place).unwrap();
                let version = self.store.version(item);
                self.wrote(version);
            }
            Err(error) => self.refuse(error),
        }
        self.check(place);
    }

    fn stage(&mut self) {
        let (place, value, expiry_ms) = (self.place(), self.bytes(), self.expiry());
        let Some(new) = self.new_value(&value) else { return self.check(&place) };
        let key = self.store.key(BucketId(place.0), &place.1);
        match self.store.stage(&key, new, expiry_ms, self.now_ms) {
            Ok(staged) => {
                let entry = Entry { value, expiry_ms };
                self.intents.push(Intent { staged, place: place.clone(), entry });
            }
            Err(error) => self.refuse(error),
        }
        assert_eq!(self.store.staged(), self.intents.len() as u64);
        self.check(&place);
    }

    /// Commits or discards one that is staged.
    fn settle(&mut self, commits: bool) {
        if self.intents.is_empty() {
            return;
        }
        let chosen = self.random.length(self.intents.len() as u64);
        let Intent { staged, place, entry } = self.intents.swap_remove(chosen);
        if commits {
            let version = self.store.commit(staged, self.now_ms);
            self.wrote(version);
            self.model.insert(place.clone(), entry);
        } else {
            self.store.discard(staged);
        }
        self.check(&place);
    }

    /// Puts as many new keys as there certainly is room for.
    fn fill_room(&mut self) {
        let count = self.random.length(20);
        if !self.store.has_room_for(count) {
            return;
        }
        for number in 0..count {
            let fresh = [&self.version.to_le_bytes()[..], b"fresh", &number.to_le_bytes()].concat();
            let value = vec![3; self.random.length(65_000)];
            let key = self.store.key(BucketId(0), &fresh);
            let version = self.store.put(&key, NewValue::Inline(&value), None, self.now_ms).expect("room");
            self.wrote(version);
            self.model.insert((0, fresh), Entry { value, expiry_ms: None });
        }
    }

    /// Keeps memory back for short writes, or does those that it was kept for.
    fn reserve(&mut self) {
        if self.random.below(2) == 0 && self.reserved.len() < 4 {
            let count = self.random.below(20);
            let reserved = self.store.reserve(usize::try_from(count).unwrap());
            self.reserved.extend(reserved.map(|reserved| (reserved, count)));
        } else if !self.reserved.is_empty() {
            let chosen = self.random.length(self.reserved.len() as u64);
            let (reserved, count) = self.reserved.swap_remove(chosen);
            if self.random.below(8) == 0 {
                return self.store.give_back(reserved);
            }
            self.store.spend(reserved);
            for number in 0..count {
                let name = [&self.version.to_le_bytes()[..], b"new", &number.to_le_bytes()].concat();
                let place = if self.random.below(2) == 0 { self.place() } else { (0, name) };
                let len = SHORT_ITEM_BYTES.saturating_sub(place.1.len());
                let value = vec![4; self.random.length(len as u64 + 1)];
                if place.1.len() + value.len() > SHORT_ITEM_BYTES {
                    continue;
                }
                let key = self.store.key(BucketId(place.0), &place.1);
                let version =
                    self.store.put(&key, NewValue::Inline(&value), None, self.now_ms).expect("room");
                self.wrote(version);
                self.model.insert(place, Entry { value, expiry_ms: None });
            }
            self.store.spent();
        }
    }

    fn remove(&mut self) {
        let place = self.place();
        self.notice_eviction(&place);
        let key = self.store.key(BucketId(place.0), &place.1);
        let removed = self.store.remove(&key, self.now_ms);
        assert_eq!(removed, self.live(&place).is_some());
        self.model.remove(&place);
        self.check(&place);
    }

    fn set_expiry(&mut self) {
        let (place, expiry_ms) = (self.place(), self.expiry());
        if let Some(item) = self.find(&place) {
            self.store.set_expiry(item, expiry_ms);
            let version = self.store.version(item);
            self.wrote(version);
            self.model.get_mut(&place).unwrap().expiry_ms = expiry_ms;
        }
        self.check(&place);
    }

    fn flush(&mut self) {
        let bucket = u32::try_from(self.random.below(u64::from(BUCKETS))).unwrap();
        self.store.flush(BucketId(bucket));
        self.model.retain(|place, _| place.0 != bucket);
        assert_eq!(self.store.count(BucketId(bucket)), 0);
        assert_eq!(self.store.count_with_expiry(BucketId(bucket)), 0);
    }

    /// Pins a chain, to see later that nothing changed it.
    fn pin(&mut self) {
        let place = self.place();
        if let Some(item) = self.find(&place)
            && let Value::Chain(chain) = self.store.value(item)
        {
            let (start, len) = (self.random.below(200_000), self.random.below(200_000));
            let value = &self.model[&place].value;
            let begin = value.len().min(usize::try_from(start).unwrap());
            let part = &value[begin..value.len().min(begin + usize::try_from(len).unwrap())];
            self.pins.push((chain.slice(start, len), part.to_vec()));
            self.pins.push((chain.clone().into(), value.clone()));
        }
        if self.pins.len() > 5 {
            let (slice, value) = self.pins.swap_remove(0);
            assert!(slice.pieces().flatten().eq(&value), "a pinned chain changed");
        }
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..37 => self.put(),
            37..44 => self.append(),
            44..51 => self.set_range(),
            51..54 => self.splice(),
            54..67 => self.remove(),
            67..75 => self.set_expiry(),
            75..83 => self.stage(),
            83..87 => self.settle(true),
            87..89 => self.settle(false),
            89..92 => self.pin(),
            92 => self.reserve(),
            93..96 if self.shape.foreign => {
                self.store.adopt(self.now_ms);
                self.there.collect();
            }
            93..98 => self.now_ms += self.random.below(100),
            98 if self.shape.evicts => self.change_limits(),
            98 => {
                let budget = self.random.length(200);
                self.store.sweep(self.now_ms, budget);
            }
            _ => match self.random.below(self.shape.keys / 10) {
                0 => self.flush(),
                1..5 => self.check_all(),
                5..9 => self.fill_room(),
                _ => {}
            },
        }
    }

    /// Holds another key, sets another limit, or changes a policy for a while.
    fn change_limits(&mut self) {
        match self.random.below(4) {
            0 => {
                if let Some(place) = self.held.take() {
                    let key = self.store.key(BucketId(place.0), &place.1);
                    self.store.release(&key, self.now_ms);
                }
                let place = self.place();
                self.check(&place);
                let key = self.store.key(BucketId(place.0), &place.1);
                if self.store.hold(&key, self.now_ms) {
                    self.held = Some(place);
                }
            }
            1 => self.store.set_limit(None),
            2 => {
                let bytes = self.random.below(self.shape.pages * PAGE_BYTES as u64);
                self.store.set_limit(Some(bytes));
                assert_eq!(self.store.limit(), Some(bytes));
            }
            _ => {
                // All are noticed that this policy evicted.
                self.model.keys().cloned().collect::<Vec<Place>>().iter().for_each(|place| self.check(place));
                let policy = [Eviction::Clock, Eviction::ClockVolatile][self.random.length(2)];
                self.store.set_eviction(BucketId(2), policy);
            }
        }
    }

    fn check_all(&mut self) {
        self.store.sweep(self.now_ms, usize::MAX);
        while self.store.has_sweep_debt() {
            self.store.sweep(self.now_ms, usize::MAX);
        }
        self.model
            .keys()
            .cloned()
            .collect::<Vec<Place>>()
            .iter()
            .for_each(|place| self.notice_eviction(place));
        let now_ms = self.now_ms;
        self.model.retain(|_, entry| entry.expiry_ms.is_none_or(|at| at > now_ms));
        for bucket in 0..BUCKETS {
            let mine = || self.model.iter().filter(|(place, _)| place.0 == bucket);
            assert_eq!(self.store.count(BucketId(bucket)), mine().count() as u64);
            let expiring = mine().filter(|(_, entry)| entry.expiry_ms.is_some()).count() as u64;
            assert_eq!(self.store.count_with_expiry(BucketId(bucket)), expiring);
        }
        assert_eq!(self.store.usage().items, (self.model.len() + self.intents.len()) as u64);
        let places: Vec<Place> = self.model.keys().cloned().collect();
        assert_eq!(self.scan(), places.iter().cloned().collect());
        self.draw();
        for place in places {
            self.check(&place);
        }
    }

    /// Draws random keys: live ones, and one if there is any.
    fn draw(&mut self) {
        for bucket in 0..BUCKETS {
            let (random, mut cursor) = (self.random.next(), 0);
            let drawn = loop {
                match self.store.random_key(BucketId(bucket), random, cursor, self.now_ms) {
                    RandomKey::Found(key) => break Some(key.to_vec()),
                    RandomKey::Next(next) => cursor = next,
                    RandomKey::None => break None,
                }
            };
            match drawn {
                Some(key) => assert!(self.live(&(bucket, key)).is_some()),
                None => {
                    assert!(self.model.keys().all(|place| place.0 != bucket || self.live(place).is_none()))
                }
            }
        }
    }

    fn scan(&mut self) -> BTreeSet<Place> {
        let mut seen = BTreeSet::new();
        let mut cursor = 0;
        loop {
            let portion = self.random.length(100);
            cursor = self.store.scan(cursor, portion, self.now_ms, &mut |bucket, key| {
                assert!(seen.insert((bucket.0, key.to_vec())), "no key twice while nothing changes");
            });
            if cursor == 0 {
                return seen;
            }
            assert!(cursor < 1 << 48);
        }
    }

    /// Empties the store; all memory must be free again.
    fn finish(mut self) -> u64 {
        self.store.set_limit(None);
        while !self.intents.is_empty() {
            let commits = self.random.below(2) == 0;
            self.settle(commits);
        }
        self.reserved.drain(..).for_each(|(reserved, _)| self.store.give_back(reserved));
        for splicing in self.splices.drain(..) {
            self.store.drop_chain(splicing.splice.into_dropped());
        }
        self.check_all();
        for place in self.model.keys().filter(|place| place.0 != 0) {
            let key = self.store.key(BucketId(place.0), &place.1);
            assert!(self.store.remove(&key, self.now_ms));
        }
        self.store.flush(BucketId(0));
        for (slice, value) in self.pins.drain(..) {
            assert!(slice.pieces().flatten().eq(&value), "a pinned chain changed");
        }
        self.model.clear();
        self.check_all();
        // Blocks come home in portions.
        for _ in 0..100 {
            self.store.sweep(self.now_ms, 1);
        }
        let usage = self.store.usage();
        assert_eq!((usage.items, usage.item_bytes, usage.chains), (0, 0, 0));
        assert_eq!(usage.index_overflow_buckets, 0);
        assert_eq!((usage.arena.pages_free, usage.arena.blocks_in_use), (usage.arena.pages, 0));
        assert!(!self.store.has_expiring());
        assert_eq!(self.store.used_bytes(), usage.index_used_bytes);
        (0..100).for_each(|_| self.there.collect());
        assert_eq!(self.there.usage().arena.blocks_in_use, 0);
        if self.shape.evicts {
            println!("{} refused, {} evicted", self.refused, self.store.evicted());
        }
        self.refused
    }
}

fn text(chain: &Chain) -> Vec<u8> {
    let bytes: Vec<u8> = chain.pieces().flatten().copied().collect();
    assert_eq!(bytes.len() as u64, chain.len_bytes());
    bytes
}

fn read(store: &Store, item: Item) -> Vec<u8> {
    match store.value(item) {
        Value::Inline(bytes) => bytes.to_vec(),
        Value::Chain(chain) => text(chain),
    }
}

/// Runs the shape from many seeds; gives how many writes were refused.
fn run(seeds: std::ops::Range<u64>, shape: Shape) -> u64 {
    let chosen = std::env::var("ADIT_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = chosen.map_or(seeds, |seed| seed..seed + 1);
    let mut refused = 0;
    for seed in seeds {
        println!("ADIT_SEED={seed}");
        let mut run = Run::new(seed, shape);
        for _ in 0..shape.preloaded {
            run.put();
        }
        for _ in 0..shape.steps {
            run.step();
        }
        refused += run.finish();
    }
    refused
}

const SMALL: Shape = Shape {
    pages: 192,
    index_bytes: 1 << 20,
    steps: 3_000,
    keys: 300,
    large_every: 20,
    preloaded: 0,
    tight: false,
    evicts: false,
    foreign: false,
};
/// Pages of the other shard: as many as its chains ever take.
const THERE_PAGES: u64 = 256;

#[test]
fn roomy() {
    assert_eq!(run(0..20, SMALL), 0);
}

#[test]
fn many_small_items_grow_the_index() {
    let shape = Shape { index_bytes: 4 << 20, keys: 100_000, large_every: 4_000, ..SMALL };
    assert_eq!(run(0..2, Shape { preloaded: 70_000, steps: 20_000, ..shape }), 0);
}

#[test]
fn memory_runs_out() {
    for pages in [1, 2, 6] {
        let shape = Shape { pages, large_every: 12, tight: true, ..SMALL };
        assert!(run(100..110, shape) > 0, "memory should have run out");
    }
}

#[test]
fn buckets_evict() {
    for pages in [2, 6, 24] {
        let shape = Shape { pages, large_every: 30, keys: 3_000, tight: true, evicts: true, ..SMALL };
        run(300..303, Shape { preloaded: 2_000, steps: 3_000, ..shape });
    }
}

#[test]
fn values_of_another_shard_are_adopted() {
    for pages in [2, 6, 24] {
        let shape = Shape { pages, large_every: 12, tight: true, evicts: true, foreign: true, ..SMALL };
        run(500..503, shape);
    }
}

#[test]
fn a_full_index_evicts() {
    let shape = Shape { index_bytes: INDEX_BYTES_MIN, keys: 20_000, large_every: 1 << 40, ..SMALL };
    run(400..402, Shape { preloaded: 40_000, steps: 10_000, tight: true, evicts: true, ..shape });
}

#[test]
fn index_runs_out() {
    let shape = Shape { index_bytes: INDEX_BYTES_MIN, keys: 20_000, large_every: 1 << 40, ..SMALL };
    let shape = Shape { preloaded: 40_000, steps: 20_000, tight: true, ..shape };
    assert!(run(200..203, shape) > 0, "the index should have run out");
}
