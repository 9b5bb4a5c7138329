//! A walk through the keys of a bucket, over all shards, a bounded step at a time: `SCAN` and `KEYS`.

use adit_wire::kv::{BucketId, Operation};
use adit_wire::resp::number::{Digits, parse_u64};
use adit_wire::resp::reply::{self, Sink};
use adit_wire::resp::{Command, glob};

use crate::message::Keys;
use crate::plan::{Arguments, upper};
use crate::settings::WALK_BUCKETS_PER_STEP;

/// A walk and what it found.
pub struct Walk {
    bucket: BucketId,
    /// The shard that is next.
    pub shard: u16,
    shard_count: u16,
    cursor: u64,
    /// For `SCAN`: keys still to look at, and index buckets still to visit; `None` is all.
    left: Option<(u32, u32)>,
    pattern: Option<Box<[u8]>>,
    /// Keys of a type that no key has.
    nothing: bool,
    found: Keys,
    /// Keys of them that are encoded.
    encoded_count: usize,
    /// Bytes that they may take.
    pub bytes_max: usize,
    /// An answer is awaited.
    pub waiting: bool,
    /// What came of it, when it is over.
    pub result: Option<Result<(), WalkError>>,
}

/// Why a walk cannot begin or go on; the text of the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkError(pub &'static str);

impl Walk {
    /// The walk of a `KEYS` or a `SCAN`.
    ///
    /// # Errors
    /// A [`WalkError`] if the arguments make no sense.
    pub fn of(
        command: Command,
        arguments: &impl Arguments,
        bucket: BucketId,
        shard_count: u16,
    ) -> Result<Self, WalkError> {
        match command {
            Command::Keys => Ok(Self::keys(arguments, bucket, shard_count)),
            _ => Self::scan(arguments, bucket, shard_count),
        }
    }

    /// `KEYS pattern`
    fn keys(arguments: &impl Arguments, bucket: BucketId, shard_count: u16) -> Self {
        Self { pattern: pattern(arguments.get(1)), ..Self::new(bucket, shard_count) }
    }

    /// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`
    fn scan(arguments: &impl Arguments, bucket: BucketId, shard_count: u16) -> Result<Self, WalkError> {
        let cursor = parse_u64(arguments.get(1)).ok_or(WalkError("ERR invalid cursor"))?;
        let shard = u16::try_from(cursor % u64::from(shard_count)).unwrap_or(0);
        let mut walk =
            Self { shard, cursor: cursor / u64::from(shard_count), ..Self::new(bucket, shard_count) };
        let mut count = COUNT_DEFAULT;
        for index in (2..arguments.count()).step_by(2) {
            if index + 1 >= arguments.count() {
                return Err(SYNTAX);
            }
            let value = arguments.get(index + 1);
            match upper(arguments.get(index)).as_slice() {
                b"MATCH" => walk.pattern = pattern(value),
                b"TYPE" => walk.nothing = !value.eq_ignore_ascii_case(b"string"),
                b"COUNT" => {
                    let number = adit_wire::resp::number::parse_i64(value).ok_or(NOT_AN_INTEGER)?;
                    count = u64::try_from(number).ok().filter(|&count| count > 0).ok_or(SYNTAX)?;
                }
                _ => return Err(SYNTAX),
            }
        }
        let keys = u32::try_from(count).unwrap_or(u32::MAX);
        walk.left = Some((keys, keys.saturating_mul(BUCKETS_PER_KEY_MAX).max(BUCKETS_MIN)));
        Ok(walk)
    }

    fn new(bucket: BucketId, shard_count: u16) -> Self {
        Self {
            bucket,
            shard: 0,
            shard_count,
            cursor: 0,
            left: None,
            pattern: None,
            nothing: false,
            found: Keys::default(),
            encoded_count: 0,
            bytes_max: usize::MAX,
            waiting: false,
            result: None,
        }
    }

    /// The operation of the next step, for the shard that is next.
    pub fn step(&self) -> (Operation, BucketId) {
        let (keys_max, buckets_left) = self.left.unwrap_or((u32::MAX, u32::MAX));
        let buckets_max = buckets_left.min(WALK_BUCKETS_PER_STEP);
        (Operation::Scan { cursor: self.cursor, buckets_max, keys_max }, self.bucket)
    }

    /// Takes what a step found.
    pub fn take(&mut self, keys: &Keys) {
        self.waiting = false;
        let wanted = |key: &&[u8]| {
            !self.nothing && self.pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, key))
        };
        let mut found = std::mem::take(&mut self.found);
        keys.iter().filter(wanted).for_each(|key| found.push(key));
        self.found = found;
        if self.heap_bytes() > self.bytes_max {
            self.found = Keys::default();
            self.result =
                Some(Err(WalkError("ERR the keys take more than the buffers of this shard; use SCAN")));
            return;
        }
        let looked_at = u32::try_from(keys.ends.len()).unwrap_or(u32::MAX);
        self.left = self.left.map(|(keys_left, buckets_left)| {
            (keys_left.saturating_sub(looked_at), buckets_left.saturating_sub(keys.visited))
        });
        self.cursor = keys.cursor;
        if self.cursor == 0 {
            self.shard += 1;
        }
        let enough = self.left.is_some_and(|(keys_left, buckets_left)| keys_left == 0 || buckets_left == 0);
        if self.shard == self.shard_count || enough {
            self.result = Some(Ok(()));
        }
    }

    /// Bytes that the keys found take on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.found.bytes.capacity() + self.found.ends.capacity() * size_of::<u32>()
    }

    /// Encodes the next part of what was found, its beginning or some keys. Says whether there is more.
    pub fn encode_next(&mut self, sink: &mut impl Sink) -> bool {
        if self.encoded_count == 0 {
            self.encode_beginning(sink);
        }
        let keys = self.found.iter_from(self.encoded_count).take(KEYS_PER_PART);
        let count = keys.map(|key| reply::bulk(sink, key)).count();
        self.encoded_count += count;
        count == KEYS_PER_PART
    }

    /// For `SCAN` the next cursor and the number of keys, for `KEYS` the number.
    fn encode_beginning(&self, sink: &mut impl Sink) {
        if self.left.is_some() {
            let ended = self.shard == self.shard_count;
            let position = self.cursor * u64::from(self.shard_count) + u64::from(self.shard);
            reply::array(sink, 2);
            reply::bulk(sink, Digits::of_u64(if ended { 0 } else { position }).as_bytes());
        }
        reply::array(sink, self.found.ends.len());
    }
}

fn pattern(text: &[u8]) -> Option<Box<[u8]>> {
    (text != b"*").then(|| text.into())
}

const SYNTAX: WalkError = WalkError("ERR syntax error");
const NOT_AN_INTEGER: WalkError = WalkError("ERR value is not an integer or out of range");
/// Keys that `SCAN` looks at without a `COUNT`, as in Redis.
const COUNT_DEFAULT: u64 = 10;
/// Keys that are encoded before the outbox is looked at again.
const KEYS_PER_PART: usize = 64;
/// Index buckets that `SCAN` visits for each key it wants, if they are empty; Redis visits ten of its smaller ones.
const BUCKETS_PER_KEY_MAX: u32 = 10;
/// Index buckets that `SCAN` visits at least before it answers with fewer keys than wanted.
const BUCKETS_MIN: u32 = 1024;
