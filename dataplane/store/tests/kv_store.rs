//! The promises of the store, one by one, at both sides of each boundary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use adit_drivers::memory::{Arena, BLOCK_BYTES, Lines, MemoryError, PAGE_BYTES};
use adit_store::kv::{
    Chain, Config, DROPPED_BLOCKS_MAX, INDEX_BYTES_MIN, NewValue, RANDOM_BUCKETS_MAX, RandomKey, Reserved,
    SPLICE_BYTES_MAX, Splice, Spliced, Staged, Store, StoreError, Value,
};
use adit_wire::kv::{BucketId, KEY_BYTES_MAX, VALUE_BYTES_MAX};
use std::collections::BTreeMap;

const ZERO: BucketId = BucketId(0);
const ONE: BucketId = BucketId(1);
/// Bytes of an item's header.
const HEADER_BYTES: usize = 40;
/// Longest item that holds its value.
const INLINE_BYTES_MAX: usize = 64 << 10;

fn store(pages: usize) -> Store {
    let arena = Arena::new((pages * PAGE_BYTES) as u64, false).unwrap();
    Store::new(arena, Lines::new(1 << 20, false).unwrap(), 42)
}

fn put(store: &mut Store, bucket: BucketId, key: &[u8], value: &[u8]) -> Result<u64, StoreError> {
    let key = store.key(bucket, key);
    store.put(&key, NewValue::Inline(value), None, 0)
}

/// The value at a time, and whether it is a chain.
fn read_at(store: &mut Store, bucket: BucketId, key: &[u8], now_ms: u64) -> Option<(Vec<u8>, bool)> {
    let key = store.key(bucket, key);
    let item = store.find(&key, now_ms)?;
    Some(match store.value(item) {
        Value::Inline(bytes) => (bytes.to_vec(), false),
        Value::Chain(chain) => (chain.pieces().flatten().copied().collect(), true),
    })
}

fn read(store: &mut Store, bucket: BucketId, key: &[u8]) -> Option<(Vec<u8>, bool)> {
    read_at(store, bucket, key, 0)
}

fn chain(store: &mut Store, bytes: &[u8]) -> Chain {
    let mut chain = Chain::new();
    store.extend_chain(&mut chain, bytes).unwrap();
    chain
}

#[test]
fn a_store_may_move_to_its_thread() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&store(1));
    is_send(&Chain::new());
}

#[test]
fn buckets_are_part_of_the_key() {
    let mut store = store(1);
    put(&mut store, ZERO, b"key", b"zero").unwrap();
    put(&mut store, ONE, b"key", b"one").unwrap();
    assert_eq!(read(&mut store, ZERO, b"key").unwrap().0, b"zero");
    assert_eq!(read(&mut store, ONE, b"key").unwrap().0, b"one");
    assert_eq!(read(&mut store, BucketId(15), b"key"), None);
    let hashes = [ZERO, ONE].map(|bucket| store.key(bucket, b"key").hash());
    assert_ne!(hashes[0], hashes[1]);
    assert_eq!((store.count(ZERO), store.count(ONE)), (1, 1));
}

#[test]
fn empty_keys_and_values_are_stored() {
    let mut store = store(1);
    put(&mut store, ZERO, b"", b"").unwrap();
    assert_eq!(read(&mut store, ZERO, b""), Some((Vec::new(), false)));
}

#[test]
fn hashes_follow_the_secret() {
    let other = Store::new(Arena::new(1 << 20, false).unwrap(), Lines::new(1 << 20, false).unwrap(), 43);
    assert_ne!(store(1).key(ZERO, b"key").hash(), other.key(ZERO, b"key").hash());
    assert_eq!(store(1).key(ZERO, b"key").hash(), store(2).key(ZERO, b"key").hash());
}

#[test]
fn lengths_have_limits() {
    let mut store = store(4);
    let longest = vec![1; KEY_BYTES_MAX];
    put(&mut store, ZERO, &longest, b"value").unwrap();
    assert_eq!(read(&mut store, ZERO, &longest), Some((b"value".to_vec(), true)));
    let longer = vec![1; KEY_BYTES_MAX + 1];
    assert_eq!(put(&mut store, ZERO, &longer, b""), Err(StoreError::KeyTooLong));
    let key = store.key(ZERO, &longer);
    assert_eq!(store.append(&key, NewValue::Inline(b"x"), 0), Err(StoreError::KeyTooLong));
    assert_eq!(store.find(&key, 0), None);
}

#[test]
fn the_longest_value_fits_and_one_more_byte_does_not() {
    let pages = usize::try_from(VALUE_BYTES_MAX).unwrap() / PAGE_BYTES + 2;
    let mut store = store(pages);
    let mut value = Chain::new();
    let part = vec![7; PAGE_BYTES];
    while value.len_bytes() < VALUE_BYTES_MAX {
        store.extend_chain(&mut value, &part).unwrap();
    }
    assert_eq!(store.extend_chain(&mut value, b"x"), Err(StoreError::ValueTooLong));
    let key = store.key(ZERO, b"key");
    store.put(&key, NewValue::Chain(value), None, 0).unwrap();
    assert_eq!(store.append(&key, NewValue::Inline(b"x"), 0), Err(StoreError::ValueTooLong));
    let item = store.find(&key, 0).unwrap();
    assert_eq!(store.value_len(item), VALUE_BYTES_MAX);

    // The blocks of such a value come back in portions.
    assert!(store.remove(&key, 0));
    let mut blocks = store.usage().arena.blocks_in_use;
    let mut sweeps = 0;
    while store.has_sweep_debt() {
        store.sweep(0, 1);
        let left = store.usage().arena.blocks_in_use;
        assert!(blocks - left <= DROPPED_BLOCKS_MAX as u64);
        (blocks, sweeps) = (left, sweeps + 1);
    }
    assert_eq!(sweeps, pages.div_ceil(DROPPED_BLOCKS_MAX * BLOCK_BYTES / PAGE_BYTES) - 1);
    assert_eq!((blocks, store.usage().arena.pages_free), (0, pages as u64));
}

#[test]
fn values_leave_the_item_where_it_becomes_too_long() {
    let mut store = store(8);
    for (len, chained) in [(-1, false), (0, false), (1, true)] {
        let len = (INLINE_BYTES_MAX - HEADER_BYTES - 3).checked_add_signed(len).unwrap();
        let value = vec![3; len];
        put(&mut store, ZERO, b"key", &value).unwrap();
        assert_eq!(read(&mut store, ZERO, b"key"), Some((value.clone(), chained)));
        let chain = chain(&mut store, &value);
        let key = store.key(ONE, b"key");
        store.put(&key, NewValue::Chain(chain), None, 0).unwrap();
        assert_eq!(read(&mut store, ONE, b"key"), Some((value, chained)));
    }
    assert_eq!(store.usage().chains, 2);
    put(&mut store, ZERO, b"key", b"short").unwrap();
    assert_eq!(read(&mut store, ZERO, b"key"), Some((b"short".to_vec(), false)));
    assert_eq!(store.usage().chains, 1);
}

#[test]
fn appends_grow_through_classes_into_a_chain() {
    let mut store = store(8);
    let mut value = Vec::new();
    let tail: Vec<u8> = (0..=255).cycle().take(777).collect();
    for _ in 0..200 {
        let key = store.key(ZERO, b"key");
        value.extend_from_slice(&tail);
        assert_eq!(store.append(&key, NewValue::Inline(&tail), 0), Ok(value.len() as u64));
        assert_eq!(read(&mut store, ZERO, b"key").unwrap().0, value);
    }
    assert!(read(&mut store, ZERO, b"key").unwrap().1);
    assert_eq!(store.usage().items, 1);
}

#[test]
fn appends_keep_the_expiry_and_begin_anew_after_it() {
    let mut store = store(4);
    let key = store.key(ZERO, b"key");
    store.put(&key, NewValue::Inline(b"one"), Some(100), 0).unwrap();
    assert_eq!(store.append(&key, NewValue::Inline(b"two"), 99), Ok(6));
    let item = store.find(&key, 99).unwrap();
    assert_eq!(store.expiry(item), Some(100));
    assert_eq!(store.append(&key, NewValue::Inline(b"three"), 100), Ok(5));
    let item = store.find(&key, 100).unwrap();
    assert_eq!(store.expiry(item), None);
}

#[test]
fn a_pinned_chain_outlives_overwrite_append_and_removal() {
    let mut store = store(8);
    let old = vec![1; 100_000];
    put(&mut store, ZERO, b"key", &old).unwrap();
    let key = store.key(ZERO, b"key");
    let item = store.find(&key, 0).unwrap();
    let Value::Chain(pin) = store.value(item) else { panic!("100 kB are a chain") };
    let pin = pin.clone();
    store.append(&key, NewValue::Inline(&[2; 100_000]), 0).unwrap();
    put(&mut store, ZERO, b"key", b"short").unwrap();
    store.remove(&key, 0);
    let other = vec![3; 100_000];
    let stored = (0..100u32).take_while(|number| put(&mut store, ONE, &number.to_le_bytes(), &other).is_ok());
    assert!((1..100).contains(&stored.count()), "memory ran out");
    assert!(pin.pieces().flatten().all(|byte| *byte == 1));
    assert_eq!(pin.len_bytes(), 100_000);
}

#[test]
fn a_chain_of_another_shard_goes_home() {
    let (mut here, mut there) = (store(4), store(4));
    let value = chain(&mut there, &vec![5; 200_000]);
    let key = here.key(ZERO, b"key");
    here.put(&key, NewValue::Chain(value), None, 0).unwrap();
    assert_eq!(here.append(&key, NewValue::Inline(b"tail"), 0), Ok(200_004));
    assert_eq!((there.usage().arena.blocks_in_use, here.usage().arena.blocks_in_use), (4, 0));
    here.remove(&key, 0);
    there.sweep(0, 0);
    assert_eq!(there.usage().arena.pages_free, 4);
}

#[test]
fn items_die_at_their_expiry_not_before() {
    let mut store = store(1);
    let key = store.key(ZERO, b"key");
    store.put(&key, NewValue::Inline(b"value"), Some(100), 0).unwrap();
    assert_eq!(store.count_with_expiry(ZERO), 1);
    assert!(store.find(&key, 99).is_some());
    assert_eq!(store.find(&key, 100), None);
    // Found dead, it was removed.
    assert_eq!((store.count(ZERO), store.count_with_expiry(ZERO), store.usage().items), (0, 0, 0));
    assert!(!store.has_expiring());
}

#[test]
fn an_expiry_of_zero_has_passed() {
    let mut store = store(1);
    let key = store.key(ZERO, b"key");
    store.put(&key, NewValue::Inline(b"value"), Some(0), 0).unwrap();
    assert_eq!(store.find(&key, 1), None);
}

#[test]
fn an_expired_key_is_not_there_to_remove() {
    let mut store = store(1);
    let key = store.key(ZERO, b"key");
    store.put(&key, NewValue::Inline(b"value"), Some(100), 0).unwrap();
    assert!(!store.remove(&key, 100));
    store.put(&key, NewValue::Inline(b"value"), None, 100).unwrap();
    assert!(store.remove(&key, 1_000) && !store.remove(&key, 1_000));
}

#[test]
fn every_write_takes_a_version() {
    let mut store = store(4);
    let key = store.key(ZERO, b"key");
    assert_eq!(put(&mut store, ZERO, b"key", b"value"), Ok(1));
    assert_eq!(put(&mut store, ONE, b"key", b"value"), Ok(2));
    assert_eq!(put(&mut store, ZERO, b"key", b"other"), Ok(3));
    let item = store.find(&key, 0).unwrap();
    assert_eq!(store.version(item), 3);
    store.set_expiry(item, Some(9));
    assert_eq!((store.version(item), store.expiry(item)), (4, Some(9)));
    store.append(&key, NewValue::Inline(b"tail"), 0).unwrap();
    let item = store.find(&key, 0).unwrap();
    assert_eq!(store.version(item), 5);
}

#[test]
fn a_flush_kills_one_bucket_at_once() {
    let mut store = store(8);
    for number in 0..1_000u32 {
        put(&mut store, ZERO, &number.to_le_bytes(), b"zero").unwrap();
        put(&mut store, ONE, &number.to_le_bytes(), b"one").unwrap();
    }
    store.flush(ZERO);
    assert_eq!((store.count(ZERO), store.count(ONE)), (0, 1_000));
    assert!(store.has_sweep_debt());
    assert_eq!(read(&mut store, ZERO, &7u32.to_le_bytes()), None);
    assert!(read(&mut store, ONE, &7u32.to_le_bytes()).is_some());
    put(&mut store, ZERO, &7u32.to_le_bytes(), b"new").unwrap();
    let mut seen = BTreeMap::new();
    store.scan(0, usize::MAX, 0, &mut |bucket, _| *seen.entry(bucket).or_insert(0) += 1);
    assert_eq!(seen, BTreeMap::from([(ZERO, 1), (ONE, 1_000)]));
    let swept = store.sweep(0, usize::MAX);
    assert_eq!((swept.flushed, swept.expired, swept.debt), (999, 0, false));
    assert_eq!(store.usage().items, 1_001);
    assert_eq!(read(&mut store, ZERO, &7u32.to_le_bytes()).unwrap().0, b"new");
}

#[test]
fn a_sweep_keeps_to_its_budget() {
    let mut store = store(8);
    for number in 0..4_000u32 {
        let bytes = number.to_le_bytes();
        let key = store.key(ZERO, &bytes);
        store.put(&key, NewValue::Inline(b"value"), Some(u64::from(number % 2) + 1), 0).unwrap();
    }
    let buckets = usize::try_from(store.usage().index_buckets).unwrap();
    let mut expired = 0;
    for _ in 0..buckets / 100 {
        let swept = store.sweep(1, 100);
        assert!(swept.expired < 800 && !swept.debt);
        expired += swept.expired;
    }
    expired += store.sweep(1, buckets % 100).expired;
    assert_eq!((expired, store.count(ZERO)), (2_000, 2_000));
    assert_eq!(store.sweep(2, usize::MAX).expired, 2_000);
    assert_eq!(store.sweep(2, usize::MAX).expired, 0);
}

#[test]
fn a_write_finds_the_memory_of_what_is_dead() {
    let mut store = store(1);
    let value = [1; 60_000];
    let filled =
        (0..).take_while(|number: &u32| put(&mut store, ZERO, &number.to_le_bytes(), &value).is_ok());
    assert!(filled.count() > 10);
    store.flush(ZERO);
    // Other keys, so that none of the dead items is met by its own key.
    let again =
        (0..200u32).filter(|number| put(&mut store, ONE, &number.to_le_bytes(), &value).is_ok()).count();
    assert!(again > 10, "{again}");
    store.flush(ONE);
    store.sweep(0, usize::MAX);
    assert_eq!(store.usage().arena.pages_free, 1);
}

#[test]
fn a_write_without_memory_keeps_the_old_value() {
    let mut store = store(1);
    put(&mut store, ZERO, b"key", b"old").unwrap();
    let filled =
        (0..).take_while(|number: &u32| put(&mut store, ONE, &number.to_le_bytes(), &[1; 100]).is_ok());
    assert!(filled.count() > 5_000, "memory ran out");
    // All of it belongs to small items: no class takes this, and no block can be had.
    for len in [5_000, 100_000] {
        let value = vec![1; len];
        assert_eq!(put(&mut store, ZERO, b"key", &value), Err(StoreError::OutOfMemory));
        let key = store.key(ZERO, b"key");
        assert_eq!(store.append(&key, NewValue::Inline(&value), 0), Err(StoreError::OutOfMemory));
        assert_eq!(read(&mut store, ZERO, b"key"), Some((b"old".to_vec(), false)));
    }
    assert_eq!(store.usage().chains, 0);
}

#[test]
fn sizes_of_all_kinds_share_a_small_memory() {
    // Runs of 37 classes, and two pages for a large item and blocks.
    let mut store = store(5);
    for number in 1..=40u32 {
        let value = vec![1; usize::try_from(number).unwrap() * 200];
        put(&mut store, ZERO, &number.to_le_bytes(), &value).unwrap();
    }
    put(&mut store, ZERO, b"large", &[1; 60_000]).unwrap();
    put(&mut store, ZERO, b"chain", &vec![1; 1 << 20]).unwrap();
    assert_eq!((store.usage().arena.runs_in_use, store.usage().arena.pages_items), (37, 1));
}

#[test]
fn a_large_value_goes_to_a_block_where_no_page_is_left() {
    let mut store = store(1);
    put(&mut store, ZERO, b"small", b"value").unwrap();
    let mut value = vec![1; 20_000];
    put(&mut store, ZERO, b"key", &value).unwrap();
    assert_eq!(read(&mut store, ZERO, b"key"), Some((value.clone(), true)));
    let part = chain(&mut store, &value);
    let (other, grown) = (store.key(ZERO, b"other"), store.key(ZERO, b"grown"));
    store.put(&other, NewValue::Chain(part), None, 0).unwrap();
    assert_eq!(read(&mut store, ZERO, b"other"), Some((value.clone(), true)));
    put(&mut store, ZERO, b"grown", &value[..5_000]).unwrap();
    store.append(&grown, NewValue::Inline(&value[5_000..]), 0).unwrap();
    assert_eq!(read(&mut store, ZERO, b"grown"), Some((value.clone(), true)));
    // What is short, or has a long key, is refused.
    let long = vec![7; 20_000];
    assert_eq!(put(&mut store, ZERO, &long, &value), Err(StoreError::OutOfMemory));
    assert_eq!(put(&mut store, ZERO, &long[..8_000], &value[..4_000]), Err(StoreError::OutOfMemory));
    // With room for it, the next write puts it into an item again.
    store.remove(&other, 0);
    store.remove(&grown, 0);
    store.remove(&store.key(ZERO, b"key"), 0);
    store.remove(&store.key(ZERO, b"small"), 0);
    value.push(2);
    put(&mut store, ZERO, b"key", &value).unwrap();
    assert_eq!(read(&mut store, ZERO, b"key"), Some((value, false)));
}

#[test]
fn a_shorter_value_fits_though_no_room_of_its_class_is_left() {
    let mut store = store(1);
    let value = [1; 60_000];
    let filled =
        (0..100u32).take_while(|number| put(&mut store, ZERO, &number.to_le_bytes(), &value).is_ok());
    assert!((10..100).contains(&filled.count()), "memory ran out");
    put(&mut store, ZERO, &7u32.to_le_bytes(), b"short").unwrap();
    assert_eq!(read(&mut store, ZERO, &7u32.to_le_bytes()), Some((b"short".to_vec(), false)));
}

#[test]
fn an_upload_without_memory_keeps_what_was_received() {
    let mut store = store(1);
    let mut value = chain(&mut store, b"kept");
    assert_eq!(store.extend_chain(&mut value, &vec![1; 2 << 20]), Err(StoreError::OutOfMemory));
    assert_eq!((value.len_bytes(), value.blocks().len()), (4, 1));
    store.extend_chain(&mut value, b" and more").unwrap();
    assert_eq!(&value.blocks()[0][..13], b"kept and more");
}

#[test]
fn a_scan_misses_nothing_that_stays() {
    for seed in 0..20u32 {
        let mut store = store(64);
        let name = |number: u32| (number * 20 + seed).to_le_bytes();
        for number in 0..9_000 {
            put(&mut store, ZERO, &name(number), b"value").unwrap();
        }
        let mut seen = BTreeMap::<Vec<u8>, u32>::new();
        let portion = seed % 7 + 1;
        let (mut cursor, mut round, before) = (0, 0, store.usage().index_buckets);
        loop {
            let buckets = usize::try_from(portion).unwrap();
            cursor =
                store.scan(cursor, buckets, 0, &mut |_, key| *seen.entry(key.to_vec()).or_default() += 1);
            if cursor == 0 {
                break;
            }
            // Twenty come and five go for each bucket visited, for a while.
            for number in (0..20 * portion).map(|number| round * 20 * portion + number) {
                if number < 40_000 {
                    put(&mut store, ZERO, &name(10_000 + number), b"comes").unwrap();
                }
            }
            for number in (0..5 * portion).map(|number| 2_000 + round * 5 * portion + number) {
                let bytes = name(number);
                let key = store.key(ZERO, &bytes);
                assert!(store.remove(&key, 0) || number >= 9_000);
            }
            round += 1;
        }
        assert!(store.usage().index_buckets > 2 * before, "the index grew meanwhile");
        for number in 0..2_000 {
            assert_eq!(seen.get(&name(number)[..]), Some(&1), "seed {seed}, key {number}");
        }
    }
}

#[test]
fn any_cursor_ends() {
    let mut store = store(1);
    put(&mut store, ZERO, b"key", b"value").unwrap();
    for start in [u64::MAX, 1, 1 << 47, (1 << 48) - 1, 1 << 48] {
        let mut cursor = start;
        for _ in 0..=2_000 {
            cursor = store.scan(cursor, 1, 0, &mut |_, _| ());
            assert!(cursor < 1 << 48);
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(cursor, 0, "from {start}");
    }
}

/// Stages a value of bucket 0 at time 0.
fn stage(store: &mut Store, key: &[u8], value: &[u8], expiry_ms: Option<u64>) -> Result<Staged, StoreError> {
    let key = store.key(ZERO, key);
    store.stage(&key, NewValue::Inline(value), expiry_ms, 0)
}

#[test]
fn a_staged_value_is_seen_when_it_is_committed() {
    let mut store = store(4);
    let new = stage(&mut store, b"new", b"value", None).unwrap();
    put(&mut store, ZERO, b"old", b"before").unwrap();
    let old = stage(&mut store, b"old", b"after!", Some(100)).unwrap();
    let seen = |store: &Store| {
        let mut keys = Vec::new();
        store.scan(0, usize::MAX, 0, &mut |_, key| keys.push(key.to_vec()));
        keys.sort();
        keys
    };
    assert_eq!((read(&mut store, ZERO, b"new"), seen(&store)), (None, vec![b"old".to_vec()]));
    assert_eq!(read(&mut store, ZERO, b"old").unwrap().0, b"before");
    assert_eq!((store.count(ZERO), store.count_with_expiry(ZERO), store.staged()), (1, 0, 2));
    assert!(!store.has_expiring());

    assert_eq!((store.commit(new, 0), store.commit(old, 0)), (2, 3));
    assert_eq!(read(&mut store, ZERO, b"new").unwrap().0, b"value");
    assert_eq!(read(&mut store, ZERO, b"old").unwrap().0, b"after!");
    assert_eq!((store.count(ZERO), store.count_with_expiry(ZERO), store.staged()), (2, 1, 0));
    assert_eq!((seen(&store).len(), store.usage().items), (2, 2));
    assert_eq!(read_at(&mut store, ZERO, b"old", 100), None);
}

#[test]
fn the_last_commit_of_a_key_wins() {
    let mut store = store(8);
    let large = vec![1; 100_000];
    let first = stage(&mut store, b"key", &large, None).unwrap();
    let second = stage(&mut store, b"key", b"second", None).unwrap();
    let third = stage(&mut store, b"key", b"third", None).unwrap();
    put(&mut store, ZERO, b"key", b"put").unwrap();
    store.commit(first, 0);
    assert_eq!(read(&mut store, ZERO, b"key"), Some((large, true)));
    store.commit(third, 0);
    assert_eq!(read(&mut store, ZERO, b"key").unwrap().0, b"third");
    store.commit(second, 0);
    assert_eq!(read(&mut store, ZERO, b"key").unwrap().0, b"second");
    let usage = store.usage();
    assert_eq!((store.count(ZERO), usage.items, usage.chains), (1, 1, 0));
}

#[test]
fn a_discarded_value_leaves_nothing() {
    let mut store = store(8);
    put(&mut store, ZERO, b"key", b"kept").unwrap();
    let before = store.usage();
    for value in [&b"gone"[..], &[1; 5_000], &[1; 200_000]] {
        let staged = stage(&mut store, b"key", value, Some(1)).unwrap();
        assert_ne!(store.usage(), before);
        store.discard(staged);
        store.sweep(0, 0);
        assert_eq!(store.usage(), before);
        assert_eq!(read(&mut store, ZERO, b"key").unwrap().0, b"kept");
    }
}

#[test]
fn a_staged_value_that_expired_meanwhile_only_removes_the_key() {
    let mut store = store(8);
    for (at_ms, there) in [(101, true), (100, false), (99, false)] {
        put(&mut store, ZERO, b"key", b"old").unwrap();
        let staged = stage(&mut store, b"key", &[1; 100_000], Some(at_ms)).unwrap();
        let before = store.commit(staged, 100);
        assert_eq!(read_at(&mut store, ZERO, b"key", 100).is_some(), there);
        assert_eq!(store.count(ZERO), u64::from(there));
        assert!(put(&mut store, ONE, b"other", b"value").unwrap() > before);
    }
    assert_eq!((store.staged(), store.usage().items, store.usage().chains), (0, 1, 0));
}

#[test]
fn flushes_and_sweeps_leave_staged_values_alone() {
    let mut store = store(8);
    put(&mut store, ZERO, b"key", b"old").unwrap();
    let staged = stage(&mut store, b"key", b"new", Some(10)).unwrap();
    let kept = stage(&mut store, b"kept", b"value", None).unwrap();
    store.flush(ZERO);
    assert_eq!(store.sweep(1_000, usize::MAX).flushed, 1);
    assert_eq!((store.staged(), store.usage().items), (2, 2));
    store.commit(staged, 5);
    store.commit(kept, 5);
    assert_eq!(read_at(&mut store, ZERO, b"key", 5).unwrap().0, b"new");
    assert_eq!(read_at(&mut store, ZERO, b"kept", 5).unwrap().0, b"value");
    assert_eq!(store.count(ZERO), 2);
}

#[test]
fn a_commit_needs_no_memory() {
    let mut store = store(1);
    let staged = stage(&mut store, b"key", &[1; 60_000], None).unwrap();
    let filled =
        (0..100u32).take_while(|number| put(&mut store, ONE, &number.to_le_bytes(), &[2; 60_000]).is_ok());
    assert!((10..100).contains(&filled.count()), "memory ran out");
    assert_eq!(stage(&mut store, b"other", &[1; 60_000], None), Err(StoreError::OutOfMemory));
    assert_eq!(stage(&mut store, b"other", &[1; 100_000], None), Err(StoreError::OutOfMemory));
    assert_eq!((store.staged(), store.usage().chains), (1, 0));
    store.commit(staged, 0);
    assert_eq!(read(&mut store, ZERO, b"key").unwrap().0, [1; 60_000]);
}

#[test]
fn staged_keys_and_values_have_the_limits_of_others() {
    let mut store = store(1);
    let longer = vec![1; KEY_BYTES_MAX + 1];
    assert_eq!(stage(&mut store, &longer, b"", None), Err(StoreError::KeyTooLong));
    let value = chain(&mut store, &[1; 10]);
    let key = store.key(ZERO, &longer);
    assert_eq!(store.stage(&key, NewValue::Chain(value), None, 0), Err(StoreError::KeyTooLong));
    store.sweep(0, 0);
    assert_eq!(store.usage().arena.pages_free, 1);
}

#[test]
fn room_that_was_promised_is_there() {
    let mut store = store(6);
    assert!(store.has_room_for(0) && store.has_room_for(6) && !store.has_room_for(7));
    // Six sizes far apart: each takes a page.
    for (number, len) in [9_000, 12_000, 20_000, 30_000, 45_000, 60_000].into_iter().enumerate() {
        assert!(store.has_room_for(6 - number));
        put(&mut store, ZERO, &number.to_le_bytes(), &vec![1; len]).unwrap();
    }
    assert!(store.has_room_for(0) && !store.has_room_for(1));
}

#[test]
fn only_a_quarter_of_what_is_free_is_kept_back() {
    let mut store = store(8);
    let mut reserved: Vec<Reserved> = std::iter::from_fn(|| store.reserve(4)).collect();
    assert_eq!(reserved.len(), 8, "32 of 128 runs");
    assert!(store.has_room_for(6) && store.reserve(1).is_none());
    store.give_back(reserved.remove(0));
    reserved.extend(store.reserve(3));
    assert_eq!(reserved.len(), 8);
    reserved.into_iter().for_each(|reserved| store.give_back(reserved));
    assert!(store.has_room_for(8));
}

/// Writes into a value of bucket 0 at time 0.
fn set_range(store: &mut Store, key: &[u8], offset: u64, part: &[u8]) -> Result<u64, StoreError> {
    let key = store.key(ZERO, key);
    store.set_range(&key, offset, NewValue::Inline(part), 0)
}

#[test]
fn ranges_are_written_in_items_in_chains_and_across() {
    let inline_max = INLINE_BYTES_MAX - HEADER_BYTES - 3;
    for len in [0, 5, inline_max, inline_max + 1, 200_000] {
        for offset in [0, 3, 5, 9, inline_max - 1, inline_max, 150_000, 300_000] {
            let mut store = store(8);
            let mut expected = vec![1; len];
            put(&mut store, ZERO, b"key", &expected).unwrap();
            let end = offset + 1;
            expected.resize(len.max(end), 0);
            expected[offset] = 2;
            assert_eq!(set_range(&mut store, b"key", offset as u64, &[2]), Ok(expected.len() as u64));
            let chained = expected.len() > inline_max || len > inline_max;
            assert_eq!(read(&mut store, ZERO, b"key"), Some((expected, chained)), "{len} {offset}");
            // The same of a key that was not there.
            let mut fresh = vec![0; end];
            fresh[offset] = 2;
            assert_eq!(set_range(&mut store, b"new", offset as u64, &[2]), Ok(end as u64));
            assert_eq!(read(&mut store, ZERO, b"new"), Some((fresh, end > inline_max)));
            assert_eq!(store.count(ZERO), 2);
        }
    }
}

#[test]
fn an_empty_range_changes_nothing() {
    let mut store = store(4);
    assert_eq!(set_range(&mut store, b"key", 7, b""), Ok(0));
    assert_eq!(set_range(&mut store, b"key", u64::MAX, b""), Ok(0));
    assert_eq!((read(&mut store, ZERO, b"key"), store.count(ZERO)), (None, 0));
    let version = put(&mut store, ZERO, b"key", b"value").unwrap();
    assert_eq!(set_range(&mut store, b"key", 100, b""), Ok(5));
    let key = store.key(ZERO, b"key");
    let empty = NewValue::Chain(Chain::new());
    assert_eq!(store.set_range(&key, 100, empty, 0), Ok(5));
    let item = store.find(&key, 0).unwrap();
    assert_eq!((store.version(item), store.value_len(item)), (version, 5));
}

#[test]
fn a_range_keeps_the_expiry_and_takes_a_version() {
    for len in [10, 100_000] {
        let mut store = store(4);
        let key = store.key(ZERO, b"key");
        let version = store.put(&key, NewValue::Inline(&vec![1; len]), Some(100), 0).unwrap();
        for offset in [0, 70_000, 200_000] {
            store.set_range(&key, offset, NewValue::Inline(b"xy"), 99).unwrap();
            let item = store.find(&key, 99).unwrap();
            assert!(store.expiry(item) == Some(100) && store.version(item) > version);
        }
        assert_eq!(store.set_range(&key, 1, NewValue::Inline(b"x"), 100), Ok(2));
        let item = store.find(&key, 100).unwrap();
        assert_eq!(store.expiry(item), None);
    }
}

#[test]
fn ranges_have_the_limits_of_values() {
    let mut store = store(4);
    for offset in [VALUE_BYTES_MAX, VALUE_BYTES_MAX - 1, u64::MAX] {
        assert_eq!(set_range(&mut store, b"key", offset, b"ab"), Err(StoreError::ValueTooLong));
        let part = chain(&mut store, &[1; 100_000]);
        let key = store.key(ZERO, b"key");
        let refused = store.set_range(&key, offset, NewValue::Chain(part), 0);
        assert_eq!(refused, Err(StoreError::ValueTooLong));
    }
    assert_eq!(read(&mut store, ZERO, b"key"), None);
    put(&mut store, ZERO, b"key", b"value").unwrap();
    assert_eq!(set_range(&mut store, b"key", VALUE_BYTES_MAX, b"x"), Err(StoreError::ValueTooLong));
    // As many zeros as there is memory, and no more.
    assert_eq!(set_range(&mut store, b"key", VALUE_BYTES_MAX - 1, b"x"), Err(StoreError::OutOfMemory));
    assert_eq!(read(&mut store, ZERO, b"key").unwrap().0, b"value");
    store.sweep(0, 0);
    assert_eq!(store.usage().arena.blocks_in_use, 0);
    let longer = vec![1; KEY_BYTES_MAX + 1];
    assert_eq!(set_range(&mut store, &longer, 5, b"x"), Err(StoreError::KeyTooLong));
}

#[test]
fn the_longest_gap_takes_two_blocks() {
    let pages = usize::try_from(VALUE_BYTES_MAX).unwrap() / PAGE_BYTES + 1;
    let mut store = store(pages);
    assert_eq!(set_range(&mut store, b"key", VALUE_BYTES_MAX - 1, b"x"), Ok(VALUE_BYTES_MAX));
    assert_eq!(store.usage().arena.blocks_in_use, 2);
    let key = store.key(ZERO, b"key");
    let item = store.find(&key, 0).unwrap();
    let Value::Chain(value) = store.value(item) else { panic!("a gap is a chain") };
    let end = value.slice(VALUE_BYTES_MAX - 3, 10);
    assert!(end.pieces().flatten().eq(&[0, 0, b'x']) && end.blocks().len() == 1);
    assert_eq!(set_range(&mut store, b"key", VALUE_BYTES_MAX / 2, b"y"), Ok(VALUE_BYTES_MAX));
    assert_eq!(store.usage().arena.blocks_in_use, 3);
    store.remove(&key, 0);
    while store.has_sweep_debt() {
        store.sweep(0, 0);
    }
    store.sweep(0, 0);
    assert!(end.pieces().flatten().eq(&[0, 0, b'x']));
    assert_eq!(store.usage().arena.blocks_in_use, 1, "the one that is pinned");
}

/// A chain of random looks, longer than `portions` portions of a splice.
fn long_chain(store: &mut Store, portions: usize) -> (Chain, Vec<u8>) {
    let number = |at: usize| (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0];
    let bytes: Vec<u8> = (0..portions * SPLICE_BYTES_MAX + 12_345).map(number).collect();
    (chain(store, &bytes), bytes)
}

#[test]
fn a_long_chain_is_appended_in_portions() {
    for before in [1, BLOCK_BYTES - 1, BLOCK_BYTES + 1, 3 * BLOCK_BYTES] {
        let mut store = store(16);
        let old = vec![7; before];
        put(&mut store, ZERO, b"key", &old).unwrap();
        let (tail, bytes) = long_chain(&mut store, 2);
        let blocks = store.usage().arena.blocks_in_use;
        let mut splice = Splice::append(tail);
        assert_eq!(splice.len_bytes(), bytes.len() as u64);
        let key = store.key(ZERO, b"key");
        let mut calls = 1;
        let len = loop {
            match store.splice(&key, splice, 0).unwrap() {
                Spliced::Done(len) => break len,
                Spliced::More(more) => splice = more,
            }
            assert_eq!(read(&mut store, ZERO, b"key").unwrap().0, old, "nothing is seen before the end");
            calls += 1;
        };
        let expected = [old, bytes].concat();
        assert_eq!(len, expected.len() as u64);
        assert!(read(&mut store, ZERO, b"key") == Some((expected, true)));
        // Blocks are handed over where they fit, else shifted in portions; no second copy is held.
        assert_eq!(calls, if before % BLOCK_BYTES == 0 { 1 } else { 3 });
        store.sweep(0, 0);
        assert!(store.usage().arena.blocks_in_use <= blocks + 2);
    }
}

#[test]
fn a_splice_follows_a_value_that_changes_meanwhile() {
    let mut store = store(16);
    put(&mut store, ZERO, b"key", b"12345").unwrap();
    let (tail, bytes) = long_chain(&mut store, 2);
    let key = store.key(ZERO, b"key");
    let mut expected = b"12345".to_vec();
    let mut splice = Splice::append(tail);
    for change in [&b"67"[..], b"8", b""] {
        let Ok(Spliced::More(more)) = store.splice(&key, splice, 0) else { panic!("it is not done") };
        store.append(&key, NewValue::Inline(change), 0).unwrap();
        expected.extend_from_slice(change);
        splice = more;
    }
    // Shorter than before, and then as long as where the blocks begin.
    for value in [&b"abc"[..], b""] {
        put(&mut store, ZERO, b"key", value).unwrap();
        expected = value.to_vec();
        let Ok(Spliced::More(more)) = store.splice(&key, splice, 0) else { panic!("it is not done") };
        splice = more;
    }
    store.remove(&key, 0);
    while let Spliced::More(more) = store.splice(&key, splice, 0).unwrap() {
        splice = more;
    }
    expected.clear();
    expected.extend_from_slice(&bytes);
    assert!(read(&mut store, ZERO, b"key") == Some((expected, true)));
    let blocks = bytes.len().div_ceil(BLOCK_BYTES) as u64;
    store.sweep(0, 0);
    assert_eq!(store.usage().arena.blocks_in_use, blocks);
}

#[test]
fn a_splice_without_memory_keeps_the_old_value() {
    let mut store = store(2);
    put(&mut store, ZERO, b"key", b"old").unwrap();
    let tail = chain(&mut store, &vec![1; 20 * BLOCK_BYTES]);
    let pin = tail.clone();
    let key = store.key(ZERO, b"key");
    // Pinned, it is to be copied, and there is no memory for that.
    let mut appended = store.splice(&key, Splice::append(tail), 0);
    while let Ok(Spliced::More(more)) = appended {
        appended = store.splice(&key, more, 0);
    }
    assert_eq!(appended.err(), Some(StoreError::OutOfMemory));
    assert_eq!(read(&mut store, ZERO, b"key"), Some((b"old".to_vec(), false)));
    assert!(pin.pieces().flatten().all(|byte| *byte == 1));
    drop(pin);
    store.sweep(0, 0);
    assert_eq!(store.usage().arena.blocks_in_use, 0);
}

#[test]
fn items_that_share_a_chain_change_apart() {
    let mut store = store(8);
    put(&mut store, ZERO, b"key", &vec![1; 100_000]).unwrap();
    let (key, copy) = (store.key(ZERO, b"key"), store.key(ZERO, b"copy"));
    let item = store.find(&key, 0).unwrap();
    let Value::Chain(value) = store.value(item) else { panic!("100 kB are a chain") };
    let value = value.clone();
    store.put(&copy, NewValue::Chain(value), None, 0).unwrap();
    set_range(&mut store, b"key", 5, b"x").unwrap();
    store.append(&copy, NewValue::Inline(b"y"), 0).unwrap();
    set_range(&mut store, b"copy", 99_999, b"z").unwrap();
    let mut expected = vec![1; 100_000];
    expected[5] = b'x';
    assert!(read(&mut store, ZERO, b"key").unwrap().0 == expected);
    expected[5] = 1;
    expected[99_999] = b'z';
    expected.push(b'y');
    assert!(read(&mut store, ZERO, b"copy").unwrap().0 == expected);
}

/// A random key, and how many calls it took.
fn random_key(store: &Store, bucket: BucketId, random: u64, now_ms: u64) -> (Option<Vec<u8>>, usize) {
    let mut cursor = 0;
    // Two rounds over the index.
    let calls_max = 2 * usize::try_from(store.usage().index_buckets).unwrap() / RANDOM_BUCKETS_MAX + 3;
    for call in 1..=calls_max {
        match store.random_key(bucket, random, cursor, now_ms) {
            RandomKey::Found(key) => return (Some(key.to_vec()), call),
            RandomKey::Next(next) => cursor = next,
            RandomKey::None => return (None, call),
        }
    }
    panic!("the walk does not end");
}

#[test]
fn random_keys_are_drawn_evenly() {
    let mut store = store(8);
    for number in 0..5_000u32 {
        put(&mut store, ZERO, &number.to_le_bytes(), b"value").unwrap();
        put(&mut store, ONE, &(number % 50).to_le_bytes(), b"value").unwrap();
    }
    let mut draws = BTreeMap::new();
    for random in 0..100_000 {
        let (key, calls) = random_key(&store, ZERO, random, 0);
        assert_eq!(calls, 1);
        *draws.entry(key.unwrap()).or_insert(0) += 1;
    }
    // 20 for each at the mean.
    let (least, most) = (draws.values().min().unwrap(), draws.values().max().unwrap());
    assert!(draws.len() == 5_000 && *least > 0 && *most < 80, "{} {least} {most}", draws.len());
    let mut few = BTreeMap::new();
    for random in 0..20_000 {
        *few.entry(random_key(&store, ONE, random, 0).0.unwrap()).or_insert(0) += 1;
    }
    assert!(few.len() == 50 && few.values().all(|count| *count < 2_000), "{few:?}");
}

/// Where an index has grown and few keys are left, their places say nothing about their chances.
#[test]
fn few_keys_in_a_grown_index_are_drawn_evenly() {
    let mut store = store(32);
    for number in 0..60_000u32 {
        put(&mut store, ZERO, &number.to_le_bytes(), b"value").unwrap();
    }
    for (count, rounds) in [(2, 12), (3, 4), (8, 4)] {
        for round in 0..rounds {
            let keys: Vec<Vec<u8>> =
                (0..count).map(|key| format!("{count}:{round}:{key}").into_bytes()).collect();
            keys.iter().for_each(|key| _ = put(&mut store, ONE, key, b"value").unwrap());
            let mut draws = BTreeMap::new();
            for random in 0..1_000_u64 {
                let random = random.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                *draws.entry(random_key(&store, ONE, random, 0).0.unwrap()).or_insert(0) += 1;
            }
            let mean = 1_000 / count;
            let is_even = draws.values().all(|draws| (mean * 6 / 10..mean * 14 / 10).contains(draws));
            assert!(draws.len() as u64 == count && is_even, "{draws:?}");
            keys.iter().for_each(|key| assert!(store.remove(&store.key(ONE, key), 0)));
        }
    }
}

/// Keys that have expired count until they are removed: what is left is found all the same.
#[test]
fn a_key_among_expired_ones_is_found() {
    let mut store = store(32);
    for number in 0..60_000u32 {
        put(&mut store, ZERO, &number.to_le_bytes(), b"value").unwrap();
    }
    for number in 0..7u32 {
        let key = number.to_le_bytes();
        store.put(&store.key(ONE, &key), NewValue::Inline(b"value"), Some(10), 0).unwrap();
    }
    put(&mut store, ONE, b"alone", b"value").unwrap();
    for random in 0..50 {
        assert_eq!(random_key(&store, ONE, u64::MAX / 50 * random, 10).0.unwrap(), b"alone");
    }
}

#[test]
fn a_key_that_is_alone_is_found() {
    let mut store = store(32);
    assert_eq!(store.random_key(ONE, 7, 0, 0), RandomKey::None);
    for number in 0..60_000u32 {
        put(&mut store, ZERO, &number.to_le_bytes(), b"value").unwrap();
    }
    let key = store.key(ONE, b"alone");
    store.put(&key, NewValue::Inline(b"value"), Some(10), 0).unwrap();
    for random in 0..50 {
        let random = u64::MAX / 50 * random;
        assert_eq!(random_key(&store, ONE, random, 9).0.unwrap(), b"alone");
        assert_eq!(random_key(&store, ONE, random, 10).0, None, "it has expired");
    }
    // One that was staged is not there.
    store.remove(&key, 0);
    let staged = store.stage(&key, NewValue::Inline(b"value"), None, 0).unwrap();
    assert_eq!(random_key(&store, ONE, 1, 0), (None, 1));
    store.discard(staged);
}

#[test]
fn items_tell_their_memory() {
    let mut store = store(8);
    // Header, key and value, rounded up to a class.
    for (len, bytes) in [(0, 48), (5, 48), (6, 64), (2_000, 2_048), (2_010, 2_176), (60_000, 61_440)] {
        put(&mut store, ZERO, b"key", &vec![1; len]).unwrap();
        let item = store.find(&store.key(ZERO, b"key"), 0).unwrap();
        assert_eq!(store.memory_of(item), bytes, "{len}");
        let usage = store.usage();
        assert_eq!(usage.item_bytes + (usage.arena.blocks_in_use << 16), bytes);
        store.remove(&store.key(ZERO, b"key"), 0);
    }
    put(&mut store, ZERO, b"key", &[1; 200_000]).unwrap();
    let item = store.find(&store.key(ZERO, b"key"), 0).unwrap();
    assert_eq!(store.memory_of(item), 48 + (4 << 16));
}

#[test]
fn a_config_too_small_is_refused() {
    let config = Config { index_bytes: INDEX_BYTES_MIN, hash_secret: 1 };
    let arena = || Arena::new(1 << 20, false).unwrap();
    assert_eq!(config.build(arena(), false).unwrap().usage().index_bytes, INDEX_BYTES_MIN);
    let (len_bytes, least_bytes) = (INDEX_BYTES_MIN - 1, INDEX_BYTES_MIN);
    let refused = Config { index_bytes: len_bytes, ..config }.build(arena(), false).err();
    assert_eq!(refused, Some(MemoryError::TooSmall { len_bytes, least_bytes }));
}
