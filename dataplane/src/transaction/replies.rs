//! Replies of a transaction's operations on one shard: few cache lines, since they cross to another core.

use adit_wire::kv::Status;

use crate::engine::Outcome;
use crate::message::Reply;
use crate::settings::{KEPT_BUFFER_BYTES, KEPT_LIST_LEN};

/// Replies in the order of the operations.
#[derive(Default)]
pub struct Replies {
    list: Vec<OneReply>,
    /// The bytes of those that are bytes, one behind the other.
    bytes: Vec<u8>,
    /// What is nothing of the usual.
    others: Vec<Option<Reply>>,
    /// The next one to be taken.
    next: usize,
    /// Where its bytes begin.
    at: usize,
    /// The next of the others.
    other: usize,
}

#[derive(Clone, Copy)]
enum OneReply {
    Done,
    Nil,
    Integer(i64),
    Bytes(u32),
    Failed(Status),
    Other,
}

impl Replies {
    /// Adds the outcome of the next operation.
    #[inline]
    pub fn push(&mut self, outcome: Outcome<'_>) {
        let one = match outcome {
            Outcome::Bytes(bytes) => self.push_bytes(bytes),
            Outcome::Reply(Reply::Bytes(bytes)) => self.push_bytes(bytes.as_slice()),
            Outcome::Reply(Reply::Done) => OneReply::Done,
            Outcome::Reply(Reply::Nil) => OneReply::Nil,
            Outcome::Reply(Reply::Integer(number)) => OneReply::Integer(number),
            Outcome::Reply(Reply::Failed(status)) => OneReply::Failed(status),
            Outcome::Reply(other) => {
                self.others.push(Some(other));
                OneReply::Other
            }
        };
        self.list.push(one);
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> OneReply {
        self.bytes.extend_from_slice(bytes);
        // A value that is not in blocks is far below 4 GiB.
        OneReply::Bytes(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
    }

    /// Takes the next reply.
    #[inline]
    pub fn take_next(&mut self) -> Option<Outcome<'_>> {
        let reply = match *self.list.get(self.next)? {
            OneReply::Done => Reply::Done,
            OneReply::Nil => Reply::Nil,
            OneReply::Integer(number) => Reply::Integer(number),
            OneReply::Failed(status) => Reply::Failed(status),
            OneReply::Other => {
                let other = self.others[self.other].take().unwrap_or(Reply::Nil);
                self.other += 1;
                other
            }
            OneReply::Bytes(len) => {
                let bytes = &self.bytes[self.at..][..len as usize];
                self.at += bytes.len();
                self.next += 1;
                return Some(Outcome::Bytes(bytes));
            }
        };
        self.next += 1;
        Some(Outcome::Reply(reply))
    }

    /// Whether every operation was done.
    pub fn all_done(&self) -> bool {
        self.list.iter().all(|one| matches!(one, OneReply::Done))
    }

    /// The first refusal of a write: with a status, or because of a condition.
    pub fn refusal(&self) -> Option<Option<Status>> {
        self.list.iter().find_map(|one| match one {
            OneReply::Nil => Some(None),
            OneReply::Failed(status) => Some(Some(*status)),
            _ => None,
        })
    }

    /// Forgets everything, to be used again; buffers that have become large are given back.
    pub fn clear(&mut self) {
        if self.bytes.capacity() > KEPT_BUFFER_BYTES || self.list.capacity() > KEPT_LIST_LEN {
            *self = Self::default();
        }
        self.list.clear();
        self.bytes.clear();
        self.others.clear();
        (self.next, self.at, self.other) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_come_back_in_order() {
        let mut replies = Replies::default();
        replies.push(Reply::Done.into());
        assert!(replies.all_done() && replies.refusal().is_none());
        replies.push(Outcome::Bytes(b"one"));
        replies.push(Reply::Array(2).into());
        replies.push(Reply::Nil.into());
        replies.push(Outcome::Bytes(b"two"));
        assert!(!replies.all_done());
        assert_eq!(replies.refusal(), Some(None));
        assert!(matches!(replies.take_next(), Some(Outcome::Reply(Reply::Done))));
        assert!(matches!(replies.take_next(), Some(Outcome::Bytes(b"one"))));
        assert!(matches!(replies.take_next(), Some(Outcome::Reply(Reply::Array(2)))));
        assert!(matches!(replies.take_next(), Some(Outcome::Reply(Reply::Nil))));
        assert!(matches!(replies.take_next(), Some(Outcome::Bytes(b"two"))));
        assert!(replies.take_next().is_none());
        replies.clear();
        replies.push(Reply::Failed(Status::OutOfMemory).into());
        assert_eq!(replies.refusal(), Some(Some(Status::OutOfMemory)));
    }
}
