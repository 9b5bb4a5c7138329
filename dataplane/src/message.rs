//! What shards say to each other: asks, and their answers. Both own their bytes.

use adit_store::kv::{Chain, ChainSlice, Key, NewValue};
use adit_wire::kv::{BucketId, Operation, Status};

use crate::engine::Request;
use crate::tour::{Part, Task};
use crate::transaction::step::Step;

/// What goes from one shard to another. Two cache lines.
pub enum Message {
    /// A request to the shard that owns its key.
    Ask(Ask),
    /// A part of a transaction.
    Step(Box<Step>),
}

/// A request to the shard that owns its key. The answer names the same in-flight slot. Two cache lines.
pub struct Ask {
    /// The in-flight slot of the asking shard.
    pub slot: u32,
    /// Where.
    pub bucket: BucketId,
    /// The key's hash; all shards hash alike.
    pub hash: u64,
    /// What to do.
    pub operation: Operation,
    content: Content,
}

/// The key and the value of an [`Ask`].
enum Content {
    Inline { key_len: u8, len: u8, bytes: [u8; ASK_INLINE_BYTES] },
    Heap(Box<HeapContent>),
    Task(Box<Task>),
}

struct HeapContent {
    bytes: Vec<u8>,
    key_len: usize,
    chain: Option<Chain>,
}

impl Ask {
    /// Asks for `operation` on `key`, with a value that lies in one piece or, if it is large, in a chain. The blocks
    /// of a chain belong to the asking shard's memory and go home when they are dropped.
    #[inline]
    pub fn new(slot: u32, operation: Operation, key: &Key<'_>, value: &[u8], chain: Option<Chain>) -> Self {
        let content = Content::new(key.bytes(), value, chain);
        Self { slot, bucket: key.bucket(), hash: key.hash(), operation, content }
    }

    /// Asks for a step of a task, which begins at `cursor`.
    pub fn of_task(slot: u32, cursor: u32, task: Task) -> Self {
        let operation = Operation::Manage { cursor };
        Self { slot, bucket: BucketId(0), hash: 0, operation, content: Content::Task(Box::new(task)) }
    }

    /// The task and where its step begins, if it asks for one.
    #[inline]
    pub fn task(&self) -> Option<(&Task, u32)> {
        match (self.operation, &self.content) {
            (Operation::Manage { cursor }, Content::Task(task)) => Some((task, cursor)),
            _ => None,
        }
    }

    /// The value, if it lies in blocks.
    #[inline]
    pub fn chain(&self) -> Option<&Chain> {
        match &self.content {
            Content::Heap(content) => content.chain.as_ref(),
            Content::Inline { .. } | Content::Task(_) => None,
        }
    }

    /// The request, and the slot to answer to.
    #[inline]
    pub fn request(&mut self) -> (u32, Request<'_>) {
        let (key, value) = match &mut self.content {
            Content::Inline { key_len, len, bytes } => {
                let (key, value) = bytes[..usize::from(*len)].split_at(usize::from(*key_len));
                (key, NewValue::Inline(value))
            }
            Content::Heap(content) => {
                let (key, value) = content.bytes.split_at(content.key_len);
                (key, content.chain.take().map_or(NewValue::Inline(value), NewValue::Chain))
            }
            Content::Task(_) => unreachable!("a task is no request"),
        };
        let key = Key::hashed(self.bucket, key, self.hash);
        (self.slot, Request { operation: self.operation, key, value })
    }
}

impl Content {
    #[inline]
    fn new(key: &[u8], value: &[u8], chain: Option<Chain>) -> Self {
        let len_bytes = key.len() + value.len();
        match (u8::try_from(key.len()), u8::try_from(len_bytes)) {
            (Ok(key_len), Ok(len)) if len_bytes <= ASK_INLINE_BYTES && chain.is_none() => {
                let mut bytes = [0; ASK_INLINE_BYTES];
                bytes[..key.len()].copy_from_slice(key);
                bytes[key.len()..len_bytes].copy_from_slice(value);
                Self::Inline { key_len, len, bytes }
            }
            _ => {
                Self::Heap(Box::new(HeapContent { bytes: [key, value].concat(), key_len: key.len(), chain }))
            }
        }
    }
}

/// The answer to an [`Ask`].
pub struct Answer {
    /// The in-flight slot of the shard that asked.
    pub slot: u32,
    /// What came of it.
    pub result: Reply,
}

/// The outcome of an operation, owning its bytes: it waits in an in-flight slot or crosses to another shard.
pub enum Reply {
    /// Done.
    Done,
    /// There is no value, or a condition did not hold.
    Nil,
    /// A word.
    Name(&'static str),
    /// A short text, sent as a value.
    Text(&'static str),
    /// A line.
    Line(Box<str>),
    /// A number.
    Integer(i64),
    /// A value in one piece.
    Bytes(Payload),
    /// A value in blocks, pinned.
    Chain(Chain),
    /// A part of a value in blocks, pinned.
    Slice(Box<ChainSlice>),
    /// Keys of a scan.
    Keys(Box<Keys>),
    /// A value with its expiry and version.
    Record(Box<Record>),
    /// A condition did not hold: the key has this version, 0 if it does not exist.
    Conflict(u64),
    /// What came of a part of a transaction.
    Step(Box<Step>),
    /// The header of an array whose elements follow as replies of their own.
    Array(u32),
    /// What a step of a task came to.
    Part(Box<Part>),
    /// Refused.
    Failed(Status),
}

impl Reply {
    /// Bytes that it takes on the heap, blocks not counted: they are the store's.
    #[inline]
    pub fn heap_bytes(&self) -> u32 {
        match self {
            Self::Bytes(Payload(Kind::Heap(bytes))) => u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            _ => 0,
        }
    }
}

/// A value with its expiry.
pub struct Record {
    /// The value: [`Reply::Bytes`] or [`Reply::Chain`].
    pub value: Reply,
    /// When the key is gone: milliseconds since 1970.
    pub expiry_ms: Option<u64>,
    /// The version of the key.
    pub version: u64,
}

/// What one step of a scan found.
#[derive(Default)]
pub struct Keys {
    /// Where the next step begins; 0 if this was the last.
    pub cursor: u64,
    /// Index buckets that were visited.
    pub visited: u32,
    /// The keys, one behind the other.
    pub bytes: Vec<u8>,
    /// Where each key ends in `bytes`.
    pub ends: Vec<u32>,
}

impl Keys {
    /// Adds a key.
    pub fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        // A step visits a bounded number of buckets: far below 4 GiB of keys.
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.iter_from(0)
    }

    /// The keys from the one at `index` on.
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let ends = &self.ends[index..];
        let starts = std::iter::once(start).chain(ends.iter().copied());
        starts.zip(ends).map(|(start, &end)| &self.bytes[start as usize..end as usize])
    }
}

/// Bytes that a message owns: inline if they are few, as most are.
pub struct Payload(Kind);

enum Kind {
    Inline { len: u8, bytes: [u8; PAYLOAD_INLINE_BYTES] },
    Heap(Box<[u8]>),
}

impl Payload {
    /// Owns `bytes`.
    #[inline]
    pub fn new(bytes: &[u8]) -> Self {
        match u8::try_from(bytes.len()) {
            Ok(len) if bytes.len() <= PAYLOAD_INLINE_BYTES => {
                let mut inline = [0; PAYLOAD_INLINE_BYTES];
                inline[..bytes.len()].copy_from_slice(bytes);
                Self(Kind::Inline { len, bytes: inline })
            }
            _ => Self(Kind::Heap(bytes.into())),
        }
    }

    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Kind::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Kind::Heap(bytes) => bytes,
        }
    }
}

/// Bytes of a key and a value that fit an ask without the heap: it fills its two cache lines.
pub const ASK_INLINE_BYTES: usize = 85;
/// Bytes of a value that fit an answer without the heap.
pub const PAYLOAD_INLINE_BYTES: usize = 103;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_holds_its_bytes_inline_or_not() {
        for len in [0, 1, PAYLOAD_INLINE_BYTES, PAYLOAD_INLINE_BYTES + 1, 256, 70_000] {
            assert_eq!(Payload::new(&vec![7; len]).as_slice(), vec![7; len]);
        }
    }

    #[test]
    fn an_ask_holds_its_key_and_value_inline_or_not() {
        for (key_len, value_len) in
            [(0, 0), (1, ASK_INLINE_BYTES - 1), (1, ASK_INLINE_BYTES), (300, 0), (9, 70_000)]
        {
            let (key, value) = (vec![1; key_len], vec![2; value_len]);
            let hashed = Key::hashed(BucketId(3), &key, 7);
            let mut ask = Ask::new(5, Operation::Append, &hashed, &value, None);
            let (slot, request) = ask.request();
            assert_eq!((slot, request.operation, request.key), (5, Operation::Append, hashed));
            assert!(matches!(request.value, NewValue::Inline(bytes) if bytes == value));
        }
    }

    #[test]
    fn messages_stay_within_two_cache_lines() {
        assert_eq!((size_of::<Ask>(), size_of::<Message>()), (128, 128));
        assert!(size_of::<Answer>() <= 128, "{}", size_of::<Answer>());
    }

    #[test]
    fn keys_are_given_back_one_by_one() {
        let mut keys = Keys::default();
        [&b"one"[..], b"", b"three"].iter().for_each(|key| keys.push(key));
        assert_eq!(keys.iter().collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
        assert_eq!(keys.iter_from(2).collect::<Vec<_>>(), [b"three"]);
        assert_eq!(keys.iter_from(3).count(), 0);
    }
}
