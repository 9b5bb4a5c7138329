//! What shards say to each other: asks, and their answers. Both own their bytes.

use adit_store::kv::Chain;
use adit_wire::kv::{BucketId, Operation, Status};

/// A request to the shard that owns its key. The answer names the same in-flight slot.
pub struct Ask {
    /// The in-flight slot of the asking shard.
    pub slot: u32,
    /// What to do.
    pub operation: Operation,
    /// Where.
    pub bucket: BucketId,
    /// The key's hash; all shards hash alike.
    pub hash: u64,
    /// The key, then the value if it is not in `chain`.
    pub bytes: Payload,
    /// How many of `bytes` are the key.
    pub key_len_bytes: u32,
    /// A large value. Its blocks belong to the asking shard's memory and go home when they are dropped.
    pub chain: Option<Chain>,
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
    /// A number.
    Integer(i64),
    /// A value in one piece.
    Bytes(Payload),
    /// A value in blocks, pinned.
    Chain(Chain),
    /// Keys of a scan.
    Keys(Box<Keys>),
    /// The header of an array whose elements follow as replies of their own.
    Array(u32),
    /// Refused.
    Failed(Status),
}

/// What one step of a scan found.
#[derive(Default)]
pub struct Keys {
    /// Where the next step begins; 0 if this was the last.
    pub cursor: u64,
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
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start as usize..end as usize])
    }
}

/// Bytes that a message owns: inline if they are few, as most are.
pub struct Payload(Kind);

enum Kind {
    Inline { len: u8, bytes: [u8; PAYLOAD_INLINE_BYTES] },
    Heap(Box<[u8]>),
}

impl Payload {
    /// Owns `first` and, behind it, `second`.
    #[inline]
    pub fn joined(first: &[u8], second: &[u8]) -> Self {
        let len_bytes = first.len() + second.len();
        let Some(len) = u8::try_from(len_bytes).ok().filter(|_| len_bytes <= PAYLOAD_INLINE_BYTES) else {
            return Self(Kind::Heap([first, second].concat().into_boxed_slice()));
        };
        let mut bytes = [0; PAYLOAD_INLINE_BYTES];
        bytes[..first.len()].copy_from_slice(first);
        bytes[first.len()..len_bytes].copy_from_slice(second);
        Self(Kind::Inline { len, bytes })
    }

    /// Owns `bytes`.
    #[inline]
    pub fn new(bytes: &[u8]) -> Self {
        Self::joined(bytes, &[])
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

/// Bytes that fit a message without the heap: a key of 24 B and a value of 64 B, with room to spare.
pub const PAYLOAD_INLINE_BYTES: usize = 103;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_holds_what_was_joined_inline_or_not() {
        for len in [0, 1, PAYLOAD_INLINE_BYTES - 1, PAYLOAD_INLINE_BYTES, PAYLOAD_INLINE_BYTES + 1, 70_000] {
            let bytes = vec![7; len];
            assert_eq!(Payload::new(&bytes).as_slice(), bytes);
            assert_eq!(Payload::joined(&bytes[..len / 2], &bytes[len / 2..]).as_slice(), bytes);
        }
    }

    #[test]
    fn messages_stay_within_a_few_cache_lines() {
        assert!(size_of::<Ask>() <= 256, "{}", size_of::<Ask>());
        assert!(size_of::<Answer>() <= 128, "{}", size_of::<Answer>());
    }

    #[test]
    fn keys_are_given_back_one_by_one() {
        let mut keys = Keys::default();
        [&b"one"[..], b"", b"three"].iter().for_each(|key| keys.push(key));
        assert_eq!(keys.iter().collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
    }
}
