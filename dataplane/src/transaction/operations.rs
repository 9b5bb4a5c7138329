//! Operations of a transaction on one shard, with bytes of their own: few cache lines, since they cross to another
//! core.

use adit_store::kv::{Chain, Key, SHORT_ITEM_BYTES};
use adit_wire::kv::{BucketId, Condition, Operation};

use crate::engine::{Request, value_of};
use crate::settings::{KEPT_BUFFER_BYTES, KEPT_LIST_LEN};

/// Operations in the order they are executed.
#[derive(Default)]
pub struct Operations {
    list: Vec<OneOperation>,
    /// What they are; those that follow each other are often the same.
    kinds: Vec<Kind>,
    /// Their keys and values, one behind the other.
    bytes: Vec<u8>,
    /// Values in blocks, by their operation, in order; taken when they are used.
    chains: Vec<(usize, Option<Chain>)>,
    /// The next one to be executed.
    next: usize,
    /// Where its key begins.
    at: usize,
    /// Its kind.
    kind: usize,
}

struct OneOperation {
    hash: u64,
    key_len: u32,
    value_len: u32,
}

#[derive(Clone, Copy)]
struct Kind {
    operation: Operation,
    bucket: BucketId,
    /// The first operation that is of the next kind.
    end: usize,
}

impl Operations {
    /// Adds an operation.
    pub fn push(&mut self, operation: Operation, key: &Key<'_>, value: &[u8], chain: Option<Chain>) {
        if let Some(chain) = chain {
            self.chains.push((self.list.len(), Some(chain)));
        }
        self.bytes.extend_from_slice(key.bytes());
        self.bytes.extend_from_slice(value);
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let (key_len, value_len) = (len(key.bytes()), len(value));
        self.list.push(OneOperation { hash: key.hash(), key_len, value_len });
        let end = self.list.len();
        match self.kinds.last_mut() {
            Some(kind) if kind.operation == operation && kind.bucket == key.bucket() => kind.end = end,
            _ => self.kinds.push(Kind { operation, bucket: key.bucket(), end }),
        }
    }

    /// Number of operations, those that were executed included.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The hashes of the keys.
    pub fn hashes(&self) -> impl Iterator<Item = u64> {
        self.list.iter().map(|one| one.hash)
    }

    /// Takes the next operation.
    #[inline]
    pub fn next_request(&mut self) -> Option<Request<'_>> {
        let one = self.list.get(self.next)?;
        let (key, rest) = self.bytes[self.at..].split_at(one.key_len as usize);
        let value = &rest[..one.value_len as usize];
        if self.kinds[self.kind].end == self.next {
            self.kind += 1;
        }
        let Kind { operation, bucket, .. } = self.kinds[self.kind];
        let place = self.chains.iter_mut().find(|(index, _)| *index == self.next);
        let chain = place.and_then(|(_, chain)| chain.take());
        self.next += 1;
        self.at += key.len() + value.len();
        Some(Request { operation, key: Key::hashed(bucket, key, one.hash), value: value_of(value, chain) })
    }

    /// Whether all are writes that are done in any case, if there is memory.
    pub fn are_plain_writes(&self) -> bool {
        let is_plain =
            |kind: &Kind| matches!(kind.operation, Operation::Put { condition: Condition::Always, .. });
        self.chains.is_empty() && self.kinds.iter().all(is_plain)
    }

    /// Whether keys and values are so short that memory can be reserved for them.
    pub fn are_short(&self) -> bool {
        let is_short = |one: &OneOperation| (one.key_len + one.value_len) as usize <= SHORT_ITEM_BYTES;
        self.chains.is_empty() && self.list.iter().all(is_short)
    }

    /// Each operation that has a value in blocks, with that.
    pub fn with_chains(&self) -> impl Iterator<Item = (Operation, &Chain)> {
        self.chains.iter().filter_map(|(index, chain)| {
            let kind = self.kinds.iter().find(|kind| kind.end > *index)?;
            Some((kind.operation, chain.as_ref()?))
        })
    }

    /// Forgets everything, to be used again; buffers that have become large are given back.
    pub fn clear(&mut self) {
        if self.bytes.capacity() > KEPT_BUFFER_BYTES || self.list.capacity() > KEPT_LIST_LEN {
            *self = Self::default();
        }
        self.list.clear();
        self.kinds.clear();
        self.bytes.clear();
        self.chains.clear();
        (self.next, self.at, self.kind) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_store::kv::NewValue;
    use adit_wire::kv::{Expiry, PutAnswer};

    #[test]
    fn operations_come_back_in_order_with_their_bytes() {
        let mut operations = Operations::default();
        let put =
            Operation::Put { condition: Condition::Always, expiry: Expiry::Never, answer: PutAnswer::Done };
        for key in [&b"key"[..], b"other"] {
            operations.push(put, &Key::hashed(BucketId(1), key, 7), b"value", None);
        }
        assert!(operations.are_plain_writes() && operations.are_short());
        operations.push(put, &Key::hashed(BucketId(2), b"", 8), &[], Some(Chain::new()));
        operations.push(Operation::Get, &Key::hashed(BucketId(2), b"", 8), &[], None);
        assert!(!operations.are_plain_writes() && !operations.are_short());
        assert_eq!(operations.with_chains().map(|(operation, _)| operation).collect::<Vec<_>>(), [put]);
        let first = operations.next_request().unwrap();
        assert_eq!((first.key.bytes(), first.key.hash()), (&b"key"[..], 7));
        assert!(matches!(first.value, NewValue::Inline(b"value")));
        let second = operations.next_request().unwrap();
        assert_eq!((second.operation, second.key.bytes()), (put, &b"other"[..]));
        let third = operations.next_request().unwrap();
        assert!(matches!(third.value, NewValue::Chain(_)) && third.key.bucket() == BucketId(2));
        let fourth = operations.next_request().unwrap();
        assert_eq!((fourth.operation, fourth.key.bucket()), (Operation::Get, BucketId(2)));
        assert!(operations.next_request().is_none());
        operations.clear();
        assert!(operations.is_empty() && operations.next_request().is_none());
        operations.push(put, &Key::hashed(BucketId(1), b"key", 7), &[0; SHORT_ITEM_BYTES - 2], None);
        assert!(!operations.are_short());
    }
}
