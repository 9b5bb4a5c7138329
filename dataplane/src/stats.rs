//! Counters of a shard: plain numbers while it works, shown on a page once a turn.

use adit_drivers::counters::{Reader, Writer};
use adit_wire::kv::BUCKET_COUNT;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What is counted. Sums that only grow, except where it says "now".
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Counter { $($(#[$doc])* $name,)* }

        const NAMED_COUNT: usize = [$(Counter::$name,)*].len();
    };
}

counters! {
    /// Requests executed for this shard's connections.
    Requests,
    /// Asks executed for other shards.
    Asks,
    /// Requests that went to other shards.
    Forwarded,
    /// Operations of transactions.
    TransactionOperations,
    /// Look-ups that found their key.
    Hits,
    /// Look-ups that did not.
    Misses,
    /// Keys that expired and were removed by the sweep.
    Expired,
    /// Connections accepted.
    Accepted,
    /// Connections refused because there were too many.
    Refused,
    /// Connections closed because of a limit: slow readers, unfinished requests.
    Evicted,
    /// Requests that were no requests.
    ProtocolErrors,
    /// Bytes received.
    ReceivedBytes,
    /// Bytes sent.
    SentBytes,
    /// Turns that found work.
    BusyTurns,
    /// Turns.
    Turns,
    /// Connections now.
    Connections,
    /// Keys now, in all buckets.
    Keys,
    /// Bytes of the store's memory in use now.
    StoreBytes,
    /// Bytes of the store's memory in all.
    StoreBytesMax,
    /// Bytes of chunks lent out now.
    ChunkBytes,
    /// Bytes of the longest value ever that is answered on the heap.
    LargestValueBytes,
    /// Most bytes that one turn received and sent.
    TurnBytesMax,
}

/// Number of buckets.
pub const BUCKETS: usize = BUCKET_COUNT as usize;
/// Number of counters: the named ones, then for each bucket its keys and those of them that expire.
pub const COUNTER_COUNT: usize = NAMED_COUNT + 2 * BUCKETS;

/// The place of a bucket's number of keys.
pub fn bucket_keys(bucket: usize) -> usize {
    NAMED_COUNT + 2 * bucket
}

/// The place of a bucket's number of keys that expire.
pub fn bucket_expiring(bucket: usize) -> usize {
    bucket_keys(bucket) + 1
}

/// The counters of one shard.
pub struct Counters {
    values: [u64; COUNTER_COUNT],
}

impl Default for Counters {
    fn default() -> Self {
        Self { values: [0; COUNTER_COUNT] }
    }
}

impl Counters {
    /// Adds to a sum.
    #[inline]
    pub fn add(&mut self, counter: Counter, count: u64) {
        self.values[counter as usize] = self.values[counter as usize].wrapping_add(count);
    }

    /// Sets a number of now.
    #[inline]
    pub fn set(&mut self, counter: Counter, value: u64) {
        self.values[counter as usize] = value;
    }

    /// Sets a bucket's number of keys, and of those that expire.
    pub fn set_bucket(&mut self, bucket: usize, keys: u64, expiring: u64) {
        self.values[bucket_keys(bucket)] = keys;
        self.values[bucket_expiring(bucket)] = expiring;
    }

    /// A counter's value.
    pub fn get(&self, counter: Counter) -> u64 {
        self.values[counter as usize]
    }

    /// Shows all of them.
    #[inline]
    pub fn publish(&self, page: &mut StatsWriter) {
        page.publish(&self.values);
    }
}

/// The page that a shard writes.
pub type StatsWriter = Writer<COUNTER_COUNT>;
/// A view of a shard's page.
pub type StatsReader = Reader<COUNTER_COUNT>;

/// The sum of a counter over shards.
pub fn total(pages: &[StatsReader], counter: Counter) -> u64 {
    pages.iter().map(|page| page.read()[counter as usize]).sum()
}
