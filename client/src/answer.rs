//! What a caller is told when an operation is complete.

use adit_wire::native::reply::{Reply, VALUE_HEAD_BYTES, ValueHead};
use adit_wire::native::{Opcode, Status};

use crate::error::Error;

/// The number of an operation, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// The end of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What submitting it gave.
    pub ticket: Ticket,
    /// What became of it.
    pub result: Result<Answer, Error>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done: of delete, touch and multi-put.
    Done,
    /// Of get and take.
    Value(Value),
    /// Of put: the version that was written.
    Version(u64),
    /// Of add.
    Sum(i64),
    /// Of append: the new length in bytes.
    Length(u64),
    /// Of multi-get: the values in the order of the keys.
    Values(Items),
    /// Of scan.
    Keys {
        /// Where to go on; 0 at the end.
        cursor: u64,
        /// Keys.
        keys: Items,
    },
    /// Of stats: lines of name, space, number.
    Stats(String),
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The version of its key.
    pub version: u64,
    /// When the key expires, in milliseconds since 1970.
    pub expiry_ms: Option<u64>,
    /// A value that came in segments lies behind the start of its reply, so that it is not moved.
    body: Vec<u8>,
    start: usize,
}

/// Byte strings, some of which may not exist, in one piece of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Items {
    opcode: Opcode,
    body: Vec<u8>,
}

impl Value {
    /// The value.
    pub fn bytes(&self) -> &[u8] {
        &self.body[self.start..]
    }

    /// The value alone. One that was longer than a frame is moved by 16 bytes for that; [`Value::bytes`] costs nothing.
    pub fn into_vec(mut self) -> Vec<u8> {
        self.body.drain(..self.start);
        self.body
    }
}

impl Items {
    /// The items, in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        match Reply::decode(self.opcode, Status::Ok, &self.body) {
            Some(Reply::Values(items) | Reply::Keys { keys: items, .. }) => Some(items.iter()),
            _ => None,
        }
        .into_iter()
        .flatten()
    }
}

impl Answer {
    /// The answer of a whole reply; nothing if the reply is none of this opcode.
    pub(crate) fn of(opcode: Opcode, body: &[u8]) -> Option<Self> {
        Some(match Reply::decode(opcode, Status::Ok, body)? {
            Reply::Value { head, value } => Self::Value(Value::new(head, value.to_vec(), 0)),
            Reply::Values(_) => Self::Values(Items { opcode, body: body.to_vec() }),
            Reply::Keys { cursor, .. } => Self::Keys { cursor, keys: Items { opcode, body: body.to_vec() } },
            reply => return Self::of_short(&reply),
        })
    }

    /// The same of a reply that was assembled, which it keeps.
    pub(crate) fn of_assembled(opcode: Opcode, body: Vec<u8>) -> Option<Self> {
        Some(match Reply::decode(opcode, Status::Ok, &body)? {
            Reply::Value { head, .. } => Self::Value(Value::new(head, body, VALUE_HEAD_BYTES)),
            Reply::Values(_) => Self::Values(Items { opcode, body }),
            Reply::Keys { cursor, .. } => Self::Keys { cursor, keys: Items { opcode, body } },
            reply => return Self::of_short(&reply),
        })
    }

    fn of_short(reply: &Reply<'_>) -> Option<Self> {
        Some(match reply {
            Reply::Done => Self::Done,
            Reply::Version(version) => Self::Version(*version),
            Reply::Sum(sum) => Self::Sum(*sum),
            Reply::Length(len) => Self::Length(*len),
            Reply::Stats(lines) => Self::Stats((*lines).to_owned()),
            Reply::Cookie(_)
            | Reply::Opened(_)
            | Reply::Map(_)
            | Reply::Steering(_)
            | Reply::Value { .. }
            | Reply::Values(_)
            | Reply::Keys { .. }
            | Reply::Refused(_) => return None,
        })
    }
}

impl Value {
    fn new(head: ValueHead, body: Vec<u8>, start: usize) -> Self {
        Self { version: head.version, expiry_ms: head.expiry_ms, body, start }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_same_assembled_or_not() {
        let body = [&ValueHead { version: 3, expiry_ms: Some(9) }.encode()[..], b"value"].concat();
        let whole = Answer::of(Opcode::Get, &body);
        let assembled = Answer::of_assembled(Opcode::Get, body);
        let (Some(Answer::Value(whole)), Some(Answer::Value(assembled))) = (whole, assembled) else {
            panic!("both are values")
        };
        for value in [whole, assembled] {
            assert_eq!((value.version, value.expiry_ms, value.bytes()), (3, Some(9), &b"value"[..]));
            assert_eq!(value.into_vec(), b"value");
        }
    }

    #[test]
    fn items_are_read_where_they_lie() {
        let Some(Answer::Values(values)) = Answer::of(Opcode::MultiGet, b"\x01\0\0\0a\xFF\xFF\xFF\xFF")
        else {
            panic!("these are values")
        };
        assert_eq!(values.iter().collect::<Vec<_>>(), [Some(&b"a"[..]), None]);
        let body = b"\x07\0\0\0\0\0\0\0\x01\0\0\0k".to_vec();
        let Some(Answer::Keys { cursor: 7, keys }) = Answer::of_assembled(Opcode::Scan, body) else {
            panic!("these are keys")
        };
        assert_eq!(keys.iter().collect::<Vec<_>>(), [Some(&b"k"[..])]);
        assert_eq!(Answer::of(Opcode::Put, b"short"), None);
    }
}
