//! Operations of a transaction on one shard, with bytes of their own.

use adit_store::kv::{Chain, Key, SHORT_ITEM_BYTES};
use adit_wire::kv::{BucketId, Condition, Operation};

use crate::engine::{Request, value_of};

/// Operations in the order they are executed.
#[derive(Default)]
pub struct Operations {
    list: Vec<OneOperation>,
    /// Their keys and values, one behind the other.
    bytes: Vec<u8>,
    /// The next one to be executed.
    next: usize,
    /// Where its key begins.
    at: usize,
}

struct OneOperation {
    operation: Operation,
    bucket: BucketId,
    hash: u64,
    key_len: u32,
    value_len: u32,
    chain: Option<Chain>,
}

impl Operations {
    /// Adds an operation.
    pub fn push(&mut self, operation: Operation, key: &Key<'_>, value: &[u8], chain: Option<Chain>) {
        self.bytes.extend_from_slice(key.bytes());
        self.bytes.extend_from_slice(value);
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let (key_len, value_len) = (len(key.bytes()), len(value));
        let (bucket, hash) = (key.bucket(), key.hash());
        self.list.push(OneOperation { operation, bucket, hash, key_len, value_len, chain });
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

    /// Each operation with its value in blocks, if it has one.
    pub fn with_chains(&self) -> impl Iterator<Item = (Operation, Option<&Chain>)> {
        self.list.iter().map(|one| (one.operation, one.chain.as_ref()))
    }

    /// Takes the next operation.
    #[inline]
    pub fn next_request(&mut self) -> Option<Request<'_>> {
        let one = self.list.get_mut(self.next)?;
        let (key, rest) = self.bytes[self.at..].split_at(one.key_len as usize);
        let value = &rest[..one.value_len as usize];
        self.next += 1;
        self.at += key.len() + value.len();
        let key = Key::hashed(one.bucket, key, one.hash);
        Some(Request { operation: one.operation, key, value: value_of(value, one.chain.take()) })
    }

    /// Whether all are writes that are done in any case, if there is memory.
    pub fn are_plain_writes(&self) -> bool {
        let is_plain = |one: &OneOperation| {
            matches!(one.operation, Operation::Put { condition: Condition::Always, .. })
                && one.chain.is_none()
        };
        self.list.iter().all(is_plain)
    }

    /// Whether keys and values are so short that memory can be reserved for them.
    pub fn are_short(&self) -> bool {
        let is_short = |one: &OneOperation| (one.key_len + one.value_len) as usize <= SHORT_ITEM_BYTES;
        self.list.iter().all(is_short)
    }

    /// Forgets everything, to be used again; buffers that have become large are given back.
    pub fn clear(&mut self) {
        if self.bytes.capacity() > KEPT_BYTES || self.list.capacity() > KEPT_OPERATIONS {
            *self = Self::default();
        }
        self.list.clear();
        self.bytes.clear();
        (self.next, self.at) = (0, 0);
    }
}

/// Buffers that are kept to be used again: those of some ten operations.
const KEPT_BYTES: usize = 8 << 10;
const KEPT_OPERATIONS: usize = 64;

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
        operations.push(put, &Key::hashed(BucketId(1), b"key", 7), b"value", None);
        assert!(operations.are_plain_writes() && operations.are_short());
        operations.push(Operation::Get, &Key::hashed(BucketId(2), b"", 8), &[], None);
        assert!(!operations.are_plain_writes());
        let first = operations.next_request().unwrap();
        assert_eq!((first.key.bytes(), first.key.hash()), (&b"key"[..], 7));
        assert!(matches!(first.value, NewValue::Inline(b"value")));
        let second = operations.next_request().unwrap();
        assert_eq!((second.operation, second.key.bucket()), (Operation::Get, BucketId(2)));
        assert!(operations.next_request().is_none());
        operations.clear();
        assert!(operations.is_empty() && operations.next_request().is_none());
        operations.push(put, &Key::hashed(BucketId(1), b"key", 7), &[0; SHORT_ITEM_BYTES - 2], None);
        assert!(!operations.are_short());
    }
}
