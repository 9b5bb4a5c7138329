//! What is evicted and what is not, and how well eviction keeps what is used: its hit ratio beside that of an
//! exact LRU of as many items.
//!
//! `cargo nextest run -p adit-store --test kv_eviction --no-capture` shows the figures.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use adit_drivers::memory::{Arena, Lines};
use adit_store::kv::{
    ADOPTED_BYTES_MAX, Chain, Eviction, INDEX_BYTES_MIN, Key, NewValue, Store, StoreError, Value,
};
use adit_wire::kv::BucketId;
use support::Random;

const BUCKET: BucketId = BucketId(0);
const OTHER: BucketId = BucketId(1);
/// Reads that are measured, and as many before them.
const READS: u64 = 400_000;
/// Points of a hundred that CLOCK may be behind LRU.
const BEHIND_MAX: f64 = 2.0;

/// Zipf's distribution by its cumulated weights.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(keys: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut cumulated: Vec<f64> = (1..=keys)
            .map(|rank| {
                sum += (rank as f64).powf(-exponent);
                sum
            })
            .collect();
        cumulated.iter_mut().for_each(|weight| *weight /= sum);
        Self(cumulated)
    }

    fn rank(&self, random: &mut Random) -> usize {
        let fraction = random.fraction();
        self.0.partition_point(|weight| *weight < fraction).min(self.0.len() - 1)
    }
}

/// An exact LRU of the numbers below some end: a list through an array, the last used first.
struct Lru {
    next: Vec<usize>,
    previous: Vec<usize>,
    there: Vec<bool>,
    len: usize,
}

impl Lru {
    fn new(keys: usize) -> Self {
        // The place behind the keys is both ends of the list.
        let ends = vec![keys; keys + 1];
        Self { next: ends.clone(), previous: ends, there: vec![false; keys], len: 0 }
    }

    fn unlink(&mut self, key: usize) {
        let (previous, next) = (self.previous[key], self.next[key]);
        self.next[previous] = next;
        self.previous[next] = previous;
        self.len -= 1;
    }

    /// Uses a key. Whether it was there.
    fn touch(&mut self, key: usize, capacity: usize) -> bool {
        let ends = self.there.len();
        let hit = core::mem::replace(&mut self.there[key], true);
        if hit {
            self.unlink(key);
        }
        let first = self.next[ends];
        (self.next[key], self.previous[key]) = (first, ends);
        (self.next[ends], self.previous[first]) = (key, key);
        self.len += 1;
        while self.len > capacity {
            let last = self.previous[ends];
            self.unlink(last);
            self.there[last] = false;
        }
        hit
    }
}

/// A cache over the store: a read that misses writes.
struct Cache {
    store: Store,
    value: Vec<u8>,
    size: fn(u64) -> usize,
}

impl Cache {
    fn new(mebibytes: u64, limit_bytes: Option<u64>, size: fn(u64) -> usize) -> Self {
        let arena = Arena::new(mebibytes << 20, false).unwrap();
        let mut store = Store::new(arena, Lines::new(mebibytes << 18, false).unwrap(), 1);
        store.set_eviction(BUCKET, Eviction::Clock);
        store.set_limit(limit_bytes);
        Self { store, value: vec![7; 1 << 20], size }
    }

    /// Reads a key. Whether it was there.
    fn read(&mut self, number: u64) -> bool {
        let bytes = number.to_be_bytes();
        let key = self.store.key(BUCKET, &bytes);
        if self.store.find(&key, 0).is_some() {
            return true;
        }
        let len = (self.size)(spread(number));
        self.store.put(&key, NewValue::Inline(&self.value[..len]), None, 0).expect("eviction makes room");
        self.store.sweep(0, 1);
        false
    }
}

/// Spreads a number over all bits (SplitMix64).
fn spread(number: u64) -> u64 {
    let mut hash = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

/// Points that CLOCK is behind LRU, with as many keys as fill the memory twice.
fn behind(name: &str, mut cache: Cache) -> f64 {
    let mut random = Random(0x5eed_0fad_1700_0001);
    // Twice what fits.
    let mut fit = 0;
    while cache.store.evicted() == 0 {
        cache.read(fit);
        fit += 1;
    }
    let keys = usize::try_from(fit).unwrap() * 2;
    let zipf = Zipf::new(keys, 0.99);
    let mut lru = Lru::new(keys);
    let (mut clock_hits, mut lru_hits, mut items) = (0u64, 0u64, 0u64);
    // Ranks are spread over the numbers, so that what filled the memory is not what is read most.
    let number = |rank: usize| (rank * 7_919 % keys) as u64;
    assert_ne!(keys % 7_919, 0);
    for _ in 0..READS {
        cache.read(number(zipf.rank(&mut random)));
    }
    let capacity = usize::try_from(cache.store.count(BUCKET)).unwrap();
    let mut warm = Random(random.0 ^ 0x1234_5678);
    for _ in 0..READS {
        lru.touch(usize::try_from(number(zipf.rank(&mut warm))).unwrap(), capacity);
    }
    for _ in 0..READS {
        let number = number(zipf.rank(&mut random));
        clock_hits += u64::from(cache.read(number));
        let capacity = usize::try_from(cache.store.count(BUCKET)).unwrap();
        lru_hits += u64::from(lru.touch(usize::try_from(number).unwrap(), capacity));
        items += capacity as u64;
    }
    let percent = |hits: u64| hits as f64 * 100.0 / READS as f64;
    let (clock, lru) = (percent(clock_hits), percent(lru_hits));
    println!(
        "{name}: {keys} keys, {} items; hits CLOCK {clock:.2} %, LRU {lru:.2} %, {:+.2} points; {} evicted",
        items / READS,
        clock - lru,
        cache.store.evicted()
    );
    lru - clock
}

fn equal(_: u64) -> usize {
    200
}

fn uniform(hash: u64) -> usize {
    usize::try_from(hash % 1_000).unwrap() + 20
}

/// As many in each doubling from 16 bytes to 16 KiB.
fn doublings(hash: u64) -> usize {
    let start = 16u64 << (hash % 10);
    usize::try_from(start + (hash >> 8) % start).unwrap()
}

/// One in fifty is of up to 300 kB.
fn large(hash: u64) -> usize {
    if hash.is_multiple_of(50) { usize::try_from((hash >> 8) % 300_000).unwrap() } else { uniform(hash) }
}

#[test]
fn equal_sizes() {
    assert!(behind("200 B", Cache::new(16, None, equal)) < BEHIND_MAX);
}

#[test]
fn equal_sizes_below_a_limit() {
    assert!(behind("200 B, limit 12 MB", Cache::new(32, Some(12_000_000), equal)) < BEHIND_MAX);
}

#[test]
fn mixed_sizes() {
    assert!(behind("20-1020 B", Cache::new(32, None, uniform)) < BEHIND_MAX);
}

#[test]
fn sizes_of_many_doublings() {
    assert!(behind("16 B-16 KiB", Cache::new(128, None, doublings)) < BEHIND_MAX);
}

#[test]
fn sizes_of_many_doublings_below_a_limit() {
    let cache = Cache::new(192, Some(96 << 20), doublings);
    assert!(behind("16 B-16 KiB, limit 96 MiB", cache) < BEHIND_MAX);
}

#[test]
fn large_values_among_small_ones() {
    assert!(behind("20 B-300 kB", Cache::new(128, None, large)) < BEHIND_MAX);
}

/// A store of some MiB whose first bucket evicts.
fn store(mebibytes: u64, eviction: Eviction) -> Store {
    let arena = Arena::new(mebibytes << 20, false).unwrap();
    let mut store = Store::new(arena, Lines::new(mebibytes << 18, false).unwrap(), 1);
    store.set_eviction(BUCKET, eviction);
    store
}

fn put(store: &mut Store, bucket: BucketId, number: u64, value: &[u8], expiry_ms: Option<u64>) -> bool {
    let bytes = number.to_be_bytes();
    let key = store.key(bucket, &bytes);
    match store.put(&key, NewValue::Inline(value), expiry_ms, 0) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error, StoreError::OutOfMemory);
            false
        }
    }
}

fn is_there(store: &mut Store, bucket: BucketId, number: u64) -> bool {
    let bytes = number.to_be_bytes();
    let key = store.key(bucket, &bytes);
    store.find(&key, 0).is_some()
}

/// Puts numbers from 0 on until something is evicted or refused. How many there were.
fn fill(store: &mut Store, bucket: BucketId, value: &[u8]) -> u64 {
    let evicted = store.evicted();
    (0..).find(|number| !put(store, bucket, *number, value, None) || store.evicted() > evicted).unwrap()
}

#[test]
fn memory_moves_to_the_sizes_that_are_written() {
    let mut store = store(8, Eviction::Clock);
    let value = vec![7; 1 << 20];
    let mut number = 0;
    for len in
        [10, 100, 1_000, 20_000, 200_000, 50, 20_000, 5_000, 200_000, 1_000, 60_000, 1 << 20, 10, 60_000]
    {
        let first = number;
        while (number - first) * (len + 60) < 3 * (8 << 20) {
            let len = usize::try_from(len).unwrap();
            assert!(put(&mut store, BUCKET, number, &value[..len], None), "{len} bytes");
            store.sweep(0, 1);
            number += 1;
        }
        let mut there = 0;
        store.scan(0, usize::MAX, 0, &mut |_, key| there += u64::from(key >= &first.to_be_bytes()));
        let share = there * (len + 48) * 100 / (8 << 20);
        println!("{len} bytes: {share} % of the memory after three times as many were written");
        assert!(share >= 40, "{len} bytes: {share} %");
    }
}

#[test]
fn only_buckets_that_evict_lose_items() {
    let mut store = store(4, Eviction::Clock);
    assert_eq!((store.eviction(BUCKET), store.eviction(OTHER)), (Eviction::Clock, Eviction::None));
    for number in 0..5_000 {
        assert!(
            put(&mut store, BUCKET, number, &[1; 100], None)
                && put(&mut store, OTHER, number, &[1; 100], None)
        );
    }
    // A bucket that does not evict takes the memory of one that does, until nothing of that is left.
    let more = (5_000..100_000).take_while(|number| put(&mut store, OTHER, *number, &[1; 100], None)).count();
    assert!((10_000..50_000).contains(&more), "{more}");
    assert_eq!((store.count(OTHER), store.count(BUCKET)), (5_000 + more as u64, 0));
    assert_eq!(store.evicted(), 5_000);
    assert!((0..5_000).all(|number| is_there(&mut store, OTHER, number)));
    // What may be evicted later is found then.
    store.set_eviction(OTHER, Eviction::Clock);
    assert!((0..1_000).all(|number| put(&mut store, BUCKET, number, &[1; 100], None)));
    assert!(store.evicted() >= 6_000);
}

#[test]
fn volatile_buckets_lose_only_what_expires() {
    let mut store = store(2, Eviction::ClockVolatile);
    for number in 0..4_000 {
        let expiry_ms = (number % 2 == 1).then_some(1_000_000);
        assert!(put(&mut store, BUCKET, number, &[1; 100], expiry_ms));
    }
    let more = (4_000..50_000).take_while(|number| put(&mut store, BUCKET, *number, &[1; 100], None)).count();
    assert!(more > 2_000 && store.evicted() == 2_000, "{more} {}", store.evicted());
    assert_eq!(store.count_with_expiry(BUCKET), 0);
    assert!((0..4_000).step_by(2).all(|number| is_there(&mut store, BUCKET, number)));
    // One that gets an expiry may go; one that is written with it as well.
    let bytes = 8u64.to_be_bytes();
    let key = store.key(BUCKET, &bytes);
    let item = store.find(&key, 0).unwrap();
    store.set_expiry(item, Some(1_000_000));
    assert!(put(&mut store, BUCKET, 60_000, &[1; 100], None));
    assert!(put(&mut store, BUCKET, 10, &[1; 100], Some(1_000_000)));
    assert!(put(&mut store, BUCKET, 60_001, &[1; 100], None));
    assert!(!is_there(&mut store, BUCKET, 8) && !is_there(&mut store, BUCKET, 10));
    assert!(!put(&mut store, BUCKET, 60_002, &[1; 100], None));
    assert_eq!(store.evicted(), 2_002);
}

#[test]
fn large_values_of_volatile_buckets_go_by_their_expiry_too() {
    let mut store = store(4, Eviction::ClockVolatile);
    let value = vec![1; 200_000];
    let filled = (0..100).take_while(|number| put(&mut store, BUCKET, *number, &value, None)).count() as u64;
    assert!(filled > 10 && store.evicted() == 0);
    let bytes = 3u64.to_be_bytes();
    let key = store.key(BUCKET, &bytes);
    let item = store.find(&key, 0).unwrap();
    store.set_expiry(item, Some(1_000_000));
    assert!(put(&mut store, BUCKET, 100, &value, None) && !put(&mut store, BUCKET, 101, &value, None));
    assert!(!is_there(&mut store, BUCKET, 3) && is_there(&mut store, BUCKET, 4));
}

#[test]
fn held_items_stay_until_they_are_released() {
    for len in [100, 20_000, 200_000] {
        let mut store = store(4, Eviction::Clock);
        let value = vec![1; len];
        assert!(put(&mut store, BUCKET, 0, &value, None));
        let bytes = 0u64.to_be_bytes();
        let key = store.key(BUCKET, &bytes);
        assert!(store.hold(&key, 0));
        // It stays held through writes.
        assert!(put(&mut store, BUCKET, 0, &value, None));
        let count = 4 * (4 << 20) / (value.len() as u64 + 48);
        let stream = |store: &mut Store| (1..=count).all(|number| put(store, BUCKET, number, &value, None));
        assert!(stream(&mut store) && is_there(&mut store, BUCKET, 0));
        store.release(&key, 0);
        assert!(stream(&mut store) && !is_there(&mut store, BUCKET, 0));
        assert!(!store.hold(&key, 0), "it is not there");
        store.release(&key, 0);
    }
}

#[test]
fn staged_items_stay() {
    let mut store = store(8, Eviction::Clock);
    let mut staged = Vec::new();
    for number in 0..20u64 {
        let (bytes, value) = (number.to_be_bytes(), vec![number.to_le_bytes()[0]; 1 << (number / 2 + 8)]);
        let key = store.key(BUCKET, &bytes);
        staged.push(store.stage(&key, NewValue::Inline(&value), None, 0).unwrap());
    }
    assert!((20..100_000).all(|number| put(&mut store, BUCKET, number, &[1; 100], None)));
    assert!((20..1_000).all(|number| put(&mut store, BUCKET, number, &[1; 100_000], None)));
    for staged in staged {
        store.commit(staged, 0);
    }
    for number in 0..20u64 {
        let bytes = number.to_be_bytes();
        let key = store.key(BUCKET, &bytes);
        let item = store.find(&key, 0).unwrap();
        let same = |byte: &u8| *byte == bytes[7];
        assert!(match store.value(item) {
            Value::Inline(value) => value.iter().all(same),
            Value::Chain(chain) => chain.pieces().flatten().all(same),
        });
        assert_eq!(store.value_len(item), 1 << (number / 2 + 8));
    }
}

#[test]
fn what_is_written_to_is_not_evicted_for_it() {
    let mut store = store(2, Eviction::Clock);
    fill(&mut store, BUCKET, &[1; 1_000]);
    let mut expected = Vec::new();
    let key = store.key(BUCKET, b"grows");
    for step in 0..1_500u32 {
        let tail = step.to_le_bytes().repeat(100);
        let len = store.append(&key, NewValue::Inline(&tail), 0).unwrap();
        expected.extend_from_slice(&tail);
        assert_eq!(len, expected.len() as u64);
    }
    let item = store.find(&key, 0).unwrap();
    let Value::Chain(chain) = store.value(item) else { panic!("600 kB are a chain") };
    assert!(chain.pieces().flatten().eq(&expected));
    // More than there is memory is refused, and the value is as it was.
    assert_eq!(store.set_range(&key, 3 << 20, NewValue::Inline(b"x"), 0), Err(StoreError::OutOfMemory));
    let item = store.find(&key, 0).unwrap();
    assert_eq!(store.value_len(item), expected.len() as u64);
}

#[test]
fn gaps_are_taken_from_values_that_may_go() {
    // 64 blocks, and as many handles of zeros.
    let mut store = store(4, Eviction::Clock);
    for number in 0..20u64 {
        let bytes = number.to_be_bytes();
        let key = store.key(BUCKET, &bytes);
        assert_eq!(store.set_range(&key, 40 << 16, NewValue::Inline(b"x"), 0), Ok((40 << 16) + 1));
        assert!(is_there(&mut store, BUCKET, number));
    }
    assert_eq!(store.evicted(), 19);
}

#[test]
fn chains_of_another_shard_do_not_go_for_nothing() {
    let (mut here, mut there) = (store(2, Eviction::Clock), store(16, Eviction::Clock));
    for number in 0..100u64 {
        let mut chain = Chain::new();
        there.extend_chain(&mut chain, &[1; 100_000]).unwrap();
        let bytes = number.to_be_bytes();
        let key = here.key(BUCKET, &bytes);
        here.put(&key, NewValue::Chain(chain), None, 0).unwrap();
    }
    // Own ones go, those stay.
    for number in 100..1_000 {
        assert!(put(&mut here, BUCKET, number, &[1; 100_000], None));
    }
    assert!((0..100).filter(|number| is_there(&mut here, BUCKET, *number)).count() > 90);
    // Their own shard cannot evict them, and says so.
    let filled =
        (0..1_000).take_while(|number| put(&mut there, BUCKET, *number, &[1; 100_000], None)).count();
    assert_eq!(filled, 1_000);
    assert!(there.count(BUCKET) < 40, "{}", there.count(BUCKET));
}

/// A chain as another shard received it.
fn received(there: &mut Store, bytes: &[u8]) -> Chain {
    let mut chain = Chain::new();
    there.extend_chain(&mut chain, bytes).unwrap();
    chain
}

/// Adopts all there is; gives the number of calls.
fn adopt_all(store: &mut Store) -> usize {
    let mut calls = 0;
    while store.has_adoption_debt() {
        assert!(store.adopt(0) <= ADOPTED_BYTES_MAX);
        calls += 1;
    }
    calls
}

fn value(store: &mut Store, key: &Key<'_>) -> Vec<u8> {
    let item = store.find(key, 0).unwrap();
    let Value::Chain(chain) = store.value(item) else { unreachable!("the value is in blocks") };
    chain.pieces().flatten().copied().collect()
}

#[test]
fn where_keys_may_go_values_of_other_shards_are_adopted() {
    let (mut here, mut there) = (store(8, Eviction::None), store(8, Eviction::None));
    let bytes: Vec<u8> = (0..5_000_000u32).map(|at| at.to_le_bytes()[1]).collect();
    let key = here.key(BUCKET, b"key");
    let chain = received(&mut there, &bytes);
    here.put(&key, NewValue::Chain(chain), None, 0).unwrap();
    assert_eq!((here.has_adoption_debt(), here.adopt(0)), (false, 0));
    here.set_eviction(OTHER, Eviction::Clock);
    let item = here.find(&key, 0).unwrap();
    let Value::Chain(chain) = here.value(item) else { unreachable!("the value is in blocks") };
    let pin = chain.clone();
    assert_eq!(adopt_all(&mut here), 3);
    assert_eq!((here.usage().arena.blocks_in_use, there.usage().arena.blocks_in_use), (77, 77));
    assert!(pin.pieces().flatten().eq(&bytes) && value(&mut here, &key) == bytes);
    drop(pin);
    there.collect();
    assert_eq!(there.usage().arena.blocks_in_use, 0);
    // What is added to it counts, too.
    let tail = received(&mut there, &[7; 100_000]);
    here.append(&key, NewValue::Chain(tail), 0).unwrap();
    adopt_all(&mut here);
    there.collect();
    assert_eq!((value(&mut here, &key).len(), there.usage().arena.blocks_in_use), (5_100_000, 0));
    // One that is gone is not waited for.
    let chain = received(&mut there, &bytes);
    here.put(&key, NewValue::Chain(chain), None, 0).unwrap();
    here.remove(&key, 0);
    assert!(!here.has_adoption_debt());
}

#[test]
fn a_gap_is_adopted_as_one_block() {
    let (mut here, mut there) = (store(2, Eviction::Clock), store(4, Eviction::None));
    let key = here.key(BUCKET, b"key");
    // 60 blocks of zeros, more than there are here.
    there.set_range(&key, 60 << 16, NewValue::Inline(b"end"), 0).unwrap();
    let item = there.find(&key, 0).unwrap();
    let Value::Chain(chain) = there.value(item) else { unreachable!("the value is in blocks") };
    here.put(&key, NewValue::Chain(chain.clone()), None, 0).unwrap();
    there.remove(&key, 0);
    adopt_all(&mut here);
    here.collect();
    there.collect();
    assert!(here.usage().arena.blocks_in_use <= 4, "{:?}", here.usage().arena);
    assert_eq!(there.usage().arena.blocks_in_use, 0);
    let bytes = value(&mut here, &key);
    assert!(bytes.len() == (60 << 16) + 3 && bytes.ends_with(b"\0end"));
}

#[test]
fn values_are_adopted_in_place_of_what_may_go() {
    let (mut here, mut there) = (store(4, Eviction::Clock), store(64, Eviction::None));
    fill(&mut here, BUCKET, &[1; 500]);
    for number in 0..100u64 {
        let (bytes, name) = (vec![number.to_le_bytes()[0]; 1_000_000], number.to_be_bytes());
        let key = here.key(BUCKET, &name);
        let chain = received(&mut there, &bytes);
        here.put(&key, NewValue::Chain(chain), None, 0).unwrap();
        adopt_all(&mut here);
        assert!(value(&mut here, &key) == bytes);
        there.collect();
        assert_eq!(there.usage().arena.blocks_in_use, 0);
    }
    // Where nothing may go, they stay as they are, and nobody tries again and again.
    let mut full = store(2, Eviction::None);
    let key = full.key(BUCKET, b"key");
    let chain = received(&mut there, &[3; 1_000_000]);
    full.put(&key, NewValue::Chain(chain), None, 0).unwrap();
    fill(&mut full, BUCKET, &[1; 500]);
    full.set_eviction(OTHER, Eviction::Clock);
    assert!(full.has_adoption_debt());
    assert_eq!((full.adopt(0), full.has_adoption_debt()), (0, false));
    assert!(value(&mut full, &key) == [3; 1_000_000]);
    full.remove(&full.key(BUCKET, &0u64.to_be_bytes()), 0);
    assert!(full.has_adoption_debt(), "there may be room now");
}

#[test]
fn what_is_looked_up_stays() {
    for len in [100, 3_000, 20_000, 200_000] {
        let mut store = store(8, Eviction::Clock);
        let value = vec![1; len];
        let fit = fill(&mut store, BUCKET, &value);
        for number in 0..5 * fit {
            assert!(put(&mut store, BUCKET, fit + number, &value, None));
            for hot in 0..5 {
                assert!(is_there(&mut store, BUCKET, fit - hot), "{len} bytes: {hot}");
            }
        }
        assert!(!is_there(&mut store, BUCKET, 1));
    }
}

#[test]
fn the_dead_go_first() {
    let mut store = store(2, Eviction::Clock);
    let value = [1; 100];
    assert!((0..3_000).all(|number| put(&mut store, OTHER, number, &value, Some(10))));
    let fit = fill(&mut store, BUCKET, &value);
    let evicted = store.evicted();
    // A round of the hand meets all of them.
    for number in 0..fit + 3_000 {
        let bytes = (fit + number).to_be_bytes();
        let key = store.key(BUCKET, &bytes);
        store.put(&key, NewValue::Inline(&value), None, 20).unwrap();
    }
    // So many live ones less had to go.
    let evicted = store.evicted() - evicted;
    assert!(evicted.abs_diff(fit) <= 2 && store.count(OTHER) == 0, "{evicted} evicted, {fit} fit");
    assert_eq!(store.sweep(20, 0).expired, 3_000, "those that a hand met are counted as well");
}

#[test]
fn a_full_index_makes_room_in_its_buckets() {
    let mut store =
        Store::new(Arena::new(16 << 20, false).unwrap(), Lines::new(INDEX_BYTES_MIN, false).unwrap(), 1);
    store.set_eviction(BUCKET, Eviction::Clock);
    for number in 0..50_000 {
        assert!(put(&mut store, BUCKET, number, b"value", None));
        assert!(is_there(&mut store, BUCKET, number) && is_there(&mut store, BUCKET, number / 1_000 * 1_000));
    }
    assert!((9_000..15_000).contains(&store.count(BUCKET)), "{}", store.count(BUCKET));
}

#[test]
fn nothing_is_taken_above_the_limit() {
    let mut store = store(16, Eviction::Clock);
    let limit = 3_000_000;
    store.set_limit(Some(limit));
    assert_eq!(store.limit(), Some(limit));
    for number in 0..60_000u64 {
        let len = usize::try_from(
            [10, 100, 3_000, 20_000, 100_000][usize::try_from(number % 5).unwrap()] / (number % 7 + 1),
        );
        assert!(put(&mut store, BUCKET, number, &vec![1; len.unwrap()], None));
        // Lines of the index come after the item.
        assert!(store.used_bytes() <= limit + 128, "{}", store.used_bytes());
        store.sweep(0, 0);
    }
    let usage = store.usage();
    let blocks = usage.arena.blocks_in_use << 16;
    assert_eq!(store.used_bytes(), usage.index_used_bytes + usage.item_bytes + blocks);
    assert!(store.used_bytes() > limit * 9 / 10, "{}", store.used_bytes());
}

#[test]
fn a_limit_that_is_lowered_is_reached_by_sweeps() {
    let mut store = store(16, Eviction::Clock);
    fill(&mut store, BUCKET, &[1; 200]);
    let value = vec![1; 300_000];
    assert!((0..20).all(|number| put(&mut store, BUCKET, 1_000_000 + number, &value, None)));
    let limit = 2 << 20;
    store.set_limit(Some(limit));
    assert!(store.is_over_limit() && store.has_sweep_debt());
    let (mut sweeps, mut number) = (0, 2_000_000);
    while store.has_sweep_debt() {
        let (used, evicted) = (store.used_bytes(), store.evicted());
        store.sweep(0, 0);
        assert!(store.evicted() <= evicted + 1_500, "a sweep has a bound");
        // Writes go on meanwhile.
        assert!(put(&mut store, BUCKET, number, &[1; 200], None));
        assert!(store.used_bytes() <= used);
        (sweeps, number) = (sweeps + 1, number + 1);
        assert!(sweeps < 1_000);
    }
    assert!(!store.is_over_limit() && store.used_bytes() <= limit);
    store.set_limit(None);
    assert_eq!(store.limit(), None);
    fill(&mut store, BUCKET, &[1; 200]);
    assert!(store.used_bytes() > 12 << 20);
}

#[test]
fn above_the_limit_writes_are_refused_where_nothing_may_go() {
    let mut store = store(4, Eviction::None);
    assert!((0..2_000).all(|number| put(&mut store, BUCKET, number, &[1; 500], None)));
    let used = store.used_bytes();
    store.set_limit(Some(used - 100_000));
    assert!(store.is_over_limit() && !store.has_sweep_debt());
    for len in [1, 500, 10_000, 100_000] {
        assert!(!put(&mut store, BUCKET, 5_000, &vec![1; len], None));
    }
    assert!(put(&mut store, BUCKET, 7, &[2; 500], None), "what needs no memory is written");
    for number in 0..500 {
        let bytes = u64::to_be_bytes(number);
        let key = store.key(BUCKET, &bytes);
        assert!(store.remove(&key, 0));
    }
    assert!(!store.is_over_limit() && put(&mut store, BUCKET, 5_000, &[1; 500], None));
    assert_eq!((store.evicted(), store.has_room_for(1)), (0, true));
    store.set_limit(Some(store.used_bytes() + 50_000));
    assert!(!store.has_room_for(1), "the longest item does not fit");
}

#[test]
fn a_limit_that_cannot_be_reached_is_no_debt() {
    let mut store = store(4, Eviction::ClockVolatile);
    assert!((0..2_000).all(|number| put(&mut store, BUCKET, number, &[1; 500], None)));
    store.set_limit(Some(100_000));
    store.sweep(0, 0);
    assert!(store.is_over_limit() && !store.has_sweep_debt());
    store.set_eviction(BUCKET, Eviction::Clock);
    assert!(store.has_sweep_debt());
    while store.has_sweep_debt() {
        store.sweep(0, 0);
    }
    assert!(!store.is_over_limit());
}
