//! The key-value store of a shard: items by bucket and key. It has no clock, no randomness and no queues of its
//! own.
//!
//! [`Store::find`] and the readers after it are the path of a GET; `write` holds what stores values, `range`
//! and `splice` what changes parts of them, `stage` what stores them in two steps, `scan` the walk of clients,
//! `random` what finds a random key, `sweep` the walk that removes what is dead, `evict` and `relief` what
//! gives way when memory is short, `adopt` what brings values home that others received.

mod adopt;
mod chain;
mod chains;
mod evict;
mod hand;
mod index;
mod item;
mod random;
mod range;
mod relief;
mod reserve;
mod ring;
mod scan;
mod slab;
mod slice;
mod splice;
mod stage;
mod sweep;
mod write;
mod zeros;

pub use adopt::ADOPTED_BYTES_MAX;
pub use chain::Chain;
pub use evict::Eviction;
pub use random::{RANDOM_BUCKETS_MAX, RandomKey};
pub use reserve::{Reserved, SHORT_ITEM_BYTES};
pub use scan::CURSOR_BITS;
pub use slice::ChainSlice;
pub use splice::{SPLICE_BYTES_MAX, Splice, Spliced};
pub use stage::Staged;
pub use sweep::{DROPPED_BLOCKS_MAX, Swept};

use adit_drivers::memory::{Arena, ArenaUsage, BLOCK_BYTES, Lines, MemoryError};
use adit_wire::kv::{BUCKET_COUNT, BucketId};
use chains::Chains;
use index::{Index, Place};
use item::{COLD, FLAG_EDITED, HEADER_BYTES, Header, View, no_item};
use rapidhash::v3::{RapidSecrets, rapidhash_v3_micro_inline};
use relief::NO_ITEM;
use slab::Slab;
use zeros::Zeros;

/// Bytes of index that a store needs at least.
pub const INDEX_BYTES_MIN: u64 = index::LINES_MIN as u64 * 64;

/// Buckets, as an index.
const BUCKETS: usize = BUCKET_COUNT as usize;
/// Bytes from the start of an item to the last line that [`Store::prefetch_item`] asks for.
const PREFETCHED_BYTES: u64 = 128;

/// What a store is made of, besides its arena.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Bytes of the index, [`INDEX_BYTES_MIN`] at least; some 15 bytes per item.
    pub index_bytes: u64,
    /// Random number that nobody outside knows: without it keys can be made that fall into one bucket.
    pub hash_secret: u64,
}

impl Config {
    /// Maps the index and builds a store over `arena`.
    pub fn build(&self, arena: Arena, prefault: bool) -> Result<Store, MemoryError> {
        let (len_bytes, least_bytes) = (self.index_bytes, INDEX_BYTES_MIN);
        if len_bytes < least_bytes {
            return Err(MemoryError::TooSmall { len_bytes, least_bytes });
        }
        Ok(Store::new(arena, Lines::new(len_bytes, prefault)?, self.hash_secret))
    }
}

/// A key of a bucket, with its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    bytes: &'a [u8],
    hash: u64,
    bucket: BucketId,
}

impl<'a> Key<'a> {
    /// A key whose hash was computed before, by [`Store::key`] of a store with the same secret.
    #[inline]
    pub fn hashed(bucket: BucketId, bytes: &'a [u8], hash: u64) -> Self {
        Self { bytes, hash, bucket }
    }

    /// The bytes of the key.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The hash of bucket and bytes.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The bucket.
    #[inline]
    pub fn bucket(&self) -> BucketId {
        self.bucket
    }
}

/// An item that was found. Valid until the next call that changes the store; after that it may name another item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    offset: u64,
}

/// The value of an item.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// In one piece.
    Inline(&'a [u8]),
    /// In blocks; a clone of the chain pins them.
    Chain(&'a Chain),
}

/// A value to be stored.
#[derive(Clone, Debug)]
pub enum NewValue<'a> {
    /// Bytes, which are copied.
    Inline(&'a [u8]),
    /// Blocks, which are kept as they are, unless they are few enough for an item.
    Chain(Chain),
}

impl NewValue<'_> {
    /// Bytes of the value.
    pub fn len_bytes(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Chain(chain) => chain.len_bytes(),
        }
    }
}

/// Why a write was refused. What was stored before is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The sender's fault: the key is longer than `KEY_BYTES_MAX`.
    KeyTooLong,
    /// The sender's fault: the value is or becomes longer than `VALUE_BYTES_MAX`.
    ValueTooLong,
    /// The state: no memory for items, blocks or the index is left.
    OutOfMemory,
}

/// The pools of a store, in use and in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of the index.
    pub index_bytes: u64,
    /// Bytes of the index in use for buckets and overflow buckets.
    pub index_used_bytes: u64,
    /// Buckets of the index.
    pub index_buckets: u64,
    /// Overflow buckets in use.
    pub index_overflow_buckets: u64,
    /// Items, with staged ones and dead ones that are not yet removed.
    pub items: u64,
    /// Bytes of these items, rounded up to their size classes.
    pub item_bytes: u64,
    /// Values in chains.
    pub chains: u64,
    /// Pages, runs and blocks of the arena.
    pub arena: ArenaUsage,
}

/// What the store knows of a bucket.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Items up to this version are dead.
    flushed_version: u64,
    /// Items after the last flush that are not removed.
    count: u64,
    /// Those of them that expire.
    count_with_expiry: u64,
    eviction: Eviction,
    /// `COLD` if the bucket evicts, else 0: what a new item begins as.
    begins: u32,
}

impl Bucket {
    /// A bucket without items, that does not evict.
    const EMPTY: Self =
        Self { flushed_version: 0, count: 0, count_with_expiry: 0, eviction: Eviction::None, begins: 0 };
}

/// What has become of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Live,
    /// It has not become its key's item yet.
    Staged,
    Expired,
    Flushed,
}

/// A live item that was found: its slot, where it is, and its header.
struct Found {
    place: Place,
    offset: u64,
    header: Header,
}

/// Items of a shard, by bucket and key.
pub struct Store {
    arena: Arena,
    index: Index,
    /// Bytes of the index that are charged to the arena.
    index_bytes: u64,
    slab: Slab,
    chains: Chains,
    secrets: RapidSecrets,
    /// Mixed into the hash of each bucket's keys.
    salts: [u64; BUCKETS],
    buckets: [Bucket; BUCKETS],
    /// Version of the last write.
    version: u64,
    /// Items that a flush killed and that are not yet removed.
    flushed_left: u64,
    /// Items that expire, in all buckets.
    expiring: u64,
    /// Items that are staged.
    staged: u64,
    /// Writes that memory is kept back for.
    reserved: usize,
    /// Next index bucket of the sweep.
    sweep_hand: usize,
    /// What fills gaps in chains.
    zeros: Zeros,
    /// Chains of many blocks that are dropped in portions.
    dropping: Vec<Chain>,
    /// Most bytes that may be in use.
    limit_bytes: u64,
    /// Version at which eviction found too little: to come below the limit, or to adopt a value. Nothing
    /// was removed since.
    stuck_version: Option<u64>,
    /// Items evicted.
    evicted: u64,
    /// What hands met that was dead, since the last sweep.
    met: Swept,
    /// Offset of the item that is being written while memory is looked for.
    kept: u64,
    /// Hash of the key for which the index had no slot, since the last look.
    short_line: Option<u64>,
    /// Next index bucket that is looked at for an overflow bucket to be emptied.
    line_hand: usize,
    /// Page that is being emptied, and the version at the last step.
    evacuating: Option<(u32, u64)>,
}

impl Store {
    /// An empty store. `hash_secret` is a random number that nobody outside knows.
    ///
    /// # Panics
    /// If `lines` has fewer than [`INDEX_BYTES_MIN`] bytes, or `arena` more than the 512 GiB that a slot can name.
    pub fn new(arena: Arena, lines: Lines, hash_secret: u64) -> Self {
        let page_count = arena.page_count();
        let arena_bytes = page_count as u64 * adit_drivers::memory::PAGE_BYTES as u64;
        assert!(
            arena_bytes <= index::ITEMS_BYTES_MAX,
            "an arena has {arena_bytes} bytes: too many for a slot"
        );
        let secrets = RapidSecrets::seed(hash_secret);
        let salt = |bucket: usize| hash(&secrets, &bucket.to_le_bytes());
        let mut store = Self {
            slab: Slab::new(arena.block_count()),
            chains: Chains::new(arena.block_count()),
            arena,
            index: Index::new(lines),
            index_bytes: 0,
            salts: core::array::from_fn(salt),
            secrets,
            buckets: [Bucket::EMPTY; BUCKETS],
            version: 0,
            flushed_left: 0,
            expiring: 0,
            staged: 0,
            reserved: 0,
            sweep_hand: 0,
            zeros: Zeros::default(),
            dropping: Vec::new(),
            limit_bytes: u64::MAX,
            stuck_version: None,
            evicted: 0,
            met: Swept::default(),
            kept: NO_ITEM,
            short_line: None,
            line_hand: 0,
            evacuating: None,
        };
        store.charge_index();
        store
    }

    /// The key with its hash.
    ///
    /// # Panics
    /// If the bucket is none of the [`BUCKET_COUNT`] there are.
    #[inline]
    pub fn key<'a>(&self, bucket: BucketId, bytes: &'a [u8]) -> Key<'a> {
        let salt = self.salts[bucket_index(bucket)];
        Key { bytes, hash: hash(&self.secrets, bytes) ^ salt, bucket }
    }

    /// First pass over a batch: asks for the line of the index that the hash falls into.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.index.prefetch(self.index.bucket_of(hash));
    }

    /// Second pass over a batch: asks for the first lines of the item that this hash probably is of.
    #[inline]
    pub fn prefetch_item(&self, hash: u64) {
        let Some(offset) = self.index.candidate(hash) else { return };
        self.arena.prefetch(offset);
        self.arena.prefetch(offset + PREFETCHED_BYTES / 2);
        self.arena.prefetch(offset + PREFETCHED_BYTES - 1);
    }

    /// The live item of a key. A dead one is removed on the way.
    #[inline]
    pub fn find(&mut self, key: &Key<'_>, now_ms: u64) -> Option<Item> {
        let mut line = self.index.candidates(key.hash);
        loop {
            while let Some((_, offset)) = line.next() {
                // The value mostly begins on the second line: not to wait for it after the wait for the first.
                self.arena.prefetch(offset + PREFETCHED_BYTES / 2);
                let view = self.view(offset);
                if view.is_warm_of(key.bucket, key.bytes) && self.fate(&view.header, now_ms) == Fate::Live {
                    return Some(Item { offset });
                }
                if self.is_of(offset, key) {
                    return self.locate(key, now_ms).map(|found| Item { offset: found.offset });
                }
            }
            line = self.index.more_candidates(&line)?;
        }
    }

    /// The value of an item.
    #[inline]
    pub fn value(&self, item: Item) -> Value<'_> {
        let view = self.view(item.offset);
        match view.chain() {
            None => Value::Inline(view.body()),
            Some(id) => Value::Chain(self.chains.chain(id)),
        }
    }

    /// Bytes of an item's value.
    #[inline]
    pub fn value_len(&self, item: Item) -> u64 {
        u64::from(self.view(item.offset).header.value_len)
    }

    /// Version of the last write to an item.
    #[inline]
    pub fn version(&self, item: Item) -> u64 {
        self.view(item.offset).header.version
    }

    /// Whether a part of an item's value was written by itself since it was put.
    #[inline]
    pub fn is_edited(&self, item: Item) -> bool {
        self.view(item.offset).header.flags & FLAG_EDITED != 0
    }

    /// Where an item lies: a number that stays the same while it does not move.
    pub fn place_of(&self, item: Item) -> u64 {
        item.offset
    }

    /// When an item is gone: Unix time in ms.
    #[inline]
    pub fn expiry(&self, item: Item) -> Option<u64> {
        match self.view(item.offset).header.expiry_ms {
            0 => None,
            at_ms => Some(at_ms),
        }
    }

    /// Bytes that an item takes: header, key and value in the room of their class, and the blocks of a value
    /// that has some. Its share of the index is not counted; blocks that it shares are.
    pub fn memory_of(&self, item: Item) -> u64 {
        let chain = self.view(item.offset).chain();
        let blocks = chain.map_or(0, |id| self.chains.chain(id).blocks().len());
        (self.slab.capacity(item.offset) + blocks * BLOCK_BYTES) as u64
    }

    /// Removes a key. Whether it was there, alive.
    pub fn remove(&mut self, key: &Key<'_>, now_ms: u64) -> bool {
        let Some(found) = self.find_live(key, now_ms) else { return false };
        self.remove_at(self.index.bucket_of(key.hash), found.place);
        true
    }

    /// Sets when an item is gone, in Unix time in ms; `None` keeps it. This is a write: the item takes a new
    /// version.
    pub fn set_expiry(&mut self, item: Item, expiry_ms: Option<u64>) {
        let mut header = self.view(item.offset).header;
        self.forget_expiry(header.bucket, header.expiry_ms);
        header.expiry_ms = stored_expiry(expiry_ms);
        header.version = self.next_version();
        self.note_expiry(header.bucket, header.expiry_ms);
        self.write_header(item.offset, &header);
        if header.expiry_ms != 0 {
            self.revive(item.offset);
        }
    }

    /// Kills all items of a bucket at once. Their memory comes back with the [sweep](Self::sweep).
    pub fn flush(&mut self, bucket: BucketId) {
        let entry = &mut self.buckets[bucket_index(bucket)];
        self.flushed_left += entry.count;
        self.expiring -= entry.count_with_expiry;
        *entry = Bucket { flushed_version: self.version, count: 0, count_with_expiry: 0, ..*entry };
    }

    /// Items of a bucket. Those that have expired count until they are removed.
    pub fn count(&self, bucket: BucketId) -> u64 {
        self.buckets[bucket_index(bucket)].count
    }

    /// Items of a bucket that expire.
    pub fn count_with_expiry(&self, bucket: BucketId) -> u64 {
        self.buckets[bucket_index(bucket)].count_with_expiry
    }

    /// What is in use of each pool.
    pub fn usage(&self) -> Usage {
        let (buckets, overflows) = (self.index.bucket_count() as u64, self.index.overflow_count() as u64);
        Usage {
            index_bytes: self.index.line_count() as u64 * 64,
            index_used_bytes: (buckets + overflows) * 64,
            index_buckets: buckets,
            index_overflow_buckets: overflows,
            items: self.slab.items(),
            item_bytes: self.arena.charged_bytes() - self.index_bytes,
            chains: self.chains.count(),
            arena: self.arena.usage(),
        }
    }

    /// The same as [`find_live`](Self::find_live), for what is not done so often that it is worth a copy of its
    /// own.
    #[inline(never)]
    fn locate(&mut self, key: &Key<'_>, now_ms: u64) -> Option<Found> {
        self.find_live(key, now_ms)
    }

    #[inline]
    fn view(&self, offset: u64) -> View<'_> {
        let Some((head, rest)) = self.arena.split_at(offset) else { no_item() };
        View::of(head, rest)
    }

    /// The live item of a key. A dead one is removed. Inlined into each caller, so that nothing of it is
    /// returned in memory.
    #[inline(always)]
    fn find_live(&mut self, key: &Key<'_>, now_ms: u64) -> Option<Found> {
        let mut line = self.index.candidates(key.hash);
        let place = 'odd: loop {
            while let Some((place, offset)) = line.next() {
                self.arena.prefetch(offset + PREFETCHED_BYTES / 2);
                let view = self.view(offset);
                if view.is_warm_of(key.bucket, key.bytes) && self.fate(&view.header, now_ms) == Fate::Live {
                    return Some(Found { place, offset, header: view.header });
                }
                if self.is_of(offset, key) {
                    break 'odd place;
                }
            }
            line = self.index.more_candidates(&line)?;
        };
        let offset = self.settle(place, key.hash, now_ms)?;
        Some(Found { place, offset, header: self.view(offset).header })
    }

    /// Whether an item is the one of a key, and not staged. For the rare case that it is not
    /// [warm](View::is_warm_of).
    #[cold]
    #[inline(never)]
    fn is_of(&self, offset: u64, key: &Key<'_>) -> bool {
        self.view(offset).is_of(key.bucket, key.bytes)
    }

    /// Removes an item that was found dead, or notes that it was looked up and gives its offset. The latter
    /// once per round of the hand of eviction.
    #[cold]
    #[inline(never)]
    fn settle(&mut self, place: Place, hash: u64, now_ms: u64) -> Option<u64> {
        let offset = self.index.offset(place);
        let header = self.view(offset).header;
        if self.fate(&header, now_ms) != Fate::Live {
            self.remove_at(self.index.bucket_of(hash), place);
            return None;
        }
        self.write_header(offset, &Header { key_word: header.key_word & !COLD, ..header });
        Some(offset)
    }

    /// What has become of an item that a walk came to.
    #[inline]
    fn fate_of_any(&self, header: &Header, now_ms: u64) -> Fate {
        if header.is_intent() { Fate::Staged } else { self.fate(header, now_ms) }
    }

    /// What has become of an item that is not staged.
    #[inline]
    fn fate(&self, header: &Header, now_ms: u64) -> Fate {
        if header.version <= self.buckets[bucket_index(header.bucket)].flushed_version {
            Fate::Flushed
        } else if header.expiry_ms != 0 && header.expiry_ms <= now_ms {
            Fate::Expired
        } else {
            Fate::Live
        }
    }

    /// Removes an item of a bucket of the index, dead or alive but not staged, with its slot and chain.
    #[inline(never)]
    fn remove_at(&mut self, bucket: usize, place: Place) {
        let header = self.view(self.index.offset(place)).header;
        let counts = &mut self.buckets[bucket_index(header.bucket)];
        if header.version <= counts.flushed_version {
            self.flushed_left -= 1;
        } else {
            counts.count -= 1;
            self.forget_expiry(header.bucket, header.expiry_ms);
        }
        self.free_at(bucket, place);
    }

    /// Frees the slot, the room and the chain of an item that counts nowhere any more.
    #[inline]
    fn free_at(&mut self, bucket: usize, place: Place) {
        let offset = self.index.offset(place);
        let chain = self.view(offset).chain();
        self.index.remove(bucket, place);
        self.charge_index();
        self.slab.free(&mut self.arena, offset);
        self.stuck_version = None;
        if let Some(id) = chain {
            self.drop_chain_of(id);
        }
    }

    /// Counts the bytes of the index for the limit.
    #[inline]
    fn charge_index(&mut self) {
        let bytes = self.index.used_bytes();
        if bytes != self.index_bytes {
            self.recharge_index(bytes);
        }
    }

    #[inline(never)]
    fn recharge_index(&mut self, bytes: u64) {
        self.arena.discharge(self.index_bytes);
        self.arena.charge(bytes);
        self.index_bytes = bytes;
    }

    /// An item may be evicted from now on, by the policy of its bucket.
    fn revive(&mut self, offset: u64) {
        self.slab.revive(offset, self.version);
        if let Some(id) = self.view(offset).chain() {
            self.chains.revive(&self.arena, id, self.version);
        }
    }

    /// Takes an item that was not flushed out of the counts of those that expire.
    #[inline]
    fn forget_expiry(&mut self, bucket: BucketId, expiry_ms: u64) {
        let expires = u64::from(expiry_ms != 0);
        self.buckets[bucket_index(bucket)].count_with_expiry -= expires;
        self.expiring -= expires;
    }

    /// Puts an item into the counts of those that expire.
    #[inline]
    fn note_expiry(&mut self, bucket: BucketId, expiry_ms: u64) {
        let expires = u64::from(expiry_ms != 0);
        self.buckets[bucket_index(bucket)].count_with_expiry += expires;
        self.expiring += expires;
    }

    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn write_header(&mut self, offset: u64, header: &Header) {
        let Some(bytes) = self.arena.bytes_mut(offset, HEADER_BYTES).first_chunk_mut() else { no_item() };
        header.write(bytes);
    }
}

/// Expiry as it stands in a header, where 0 means never: a time of 0 has passed as well at 1.
fn stored_expiry(expiry_ms: Option<u64>) -> u64 {
    expiry_ms.map_or(0, |at_ms| at_ms.max(1))
}

#[inline]
fn hash(secrets: &RapidSecrets, bytes: &[u8]) -> u64 {
    rapidhash_v3_micro_inline::<true, false>(bytes, secrets)
}

#[inline]
fn bucket_index(bucket: BucketId) -> usize {
    to_usize(u64::from(bucket.0))
}

/// A length or offset as an index.
#[inline]
fn to_usize(value: u64) -> usize {
    const { assert!(usize::BITS == 64, "offsets into a mapping need 64 bits") };
    #[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits, asserted above")]
    let index = value as usize;
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_hashes_do_not_make_equal_keys() {
        let arena = Arena::new(1 << 20, false).unwrap();
        let mut store = Store::new(arena, Lines::new(INDEX_BYTES_MIN, false).unwrap(), 1);
        // One hash, as if the secret were known: another bucket, another byte, another length.
        let keys: [(u32, &[u8]); 4] = [(0, b"key"), (1, b"key"), (0, b"kez"), (0, b"ke")];
        let keys = keys.map(|(bucket, bytes)| Key { bytes, hash: 7, bucket: BucketId(bucket) });
        for (stored, key) in keys.iter().enumerate() {
            assert!(keys[stored..].iter().all(|key| store.find(key, 0).is_none()));
            store.put(key, NewValue::Inline(&[u8::try_from(stored).unwrap()]), None, 0).unwrap();
        }
        for (stored, key) in keys.iter().enumerate() {
            let item = store.find(key, 0).unwrap();
            let Value::Inline(value) = store.value(item) else { panic!("one byte is no chain") };
            assert_eq!(value, [u8::try_from(stored).unwrap()]);
        }
    }
}
