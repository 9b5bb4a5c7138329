//! The bodies of replies.
//!
//! ```text
//! HELLO      cookie [24]
//! OPEN       token u128, tenant u32, time to live in ms u32, frame length u16, resumed u8, 0 u8, shard u16, 0 u16
//! MAP        see `map.rs`
//! STEERING   see `steering.rs`
//! STATS      lines of text: name, space, number
//! GET, TAKE  version u64, expiry in ms since 1970 u64 or 0, value
//! PUT        version u64; also if its condition failed: 0 if the key does not exist
//! ADD        sum i64
//! APPEND     length u64
//! MULTIGET   count * (value length u32, value); the length of a value that does not exist is 2^32 - 1
//! SCAN       cursor u64, 0 at the end; keys * (key length u32, key)
//! others     nothing
//! WRONGSHARD owner u16, 0 [6]
//! ```
//!
//! With any other status than OK the body is empty.

use super::bytes::Reader;
use super::map::Map;
use super::steering::Steering;
use super::{Opcode, Status};

/// A reply, as its status and its body tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// Done, and nothing more to say.
    Done,
    /// Of HELLO.
    Cookie(&'a [u8; super::request::COOKIE_BYTES]),
    /// Of OPEN.
    Opened(Opened),
    /// Of MAP.
    Map(Map),
    /// Of STEERING; nothing if nothing is hashed.
    Steering(Option<Steering>),
    /// Of STATS.
    Stats(&'a str),
    /// Of GET and TAKE.
    Value {
        /// The version of the key, and when it expires.
        head: ValueHead,
        /// The value.
        value: &'a [u8],
    },
    /// Of PUT: the version that was written.
    Version(u64),
    /// Of ADD.
    Sum(i64),
    /// Of APPEND.
    Length(u64),
    /// Of MULTIGET.
    Values(Values<'a>),
    /// Of SCAN.
    Keys {
        /// Where to go on; 0 at the end.
        cursor: u64,
        /// The keys.
        keys: Values<'a>,
    },
    /// Not done.
    Refused(Refused),
}

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The condition of a PUT; the key has this version, 0 if it does not exist.
    Condition(u64),
    /// Another shard owns the key.
    WrongShard {
        /// Its number.
        owner: u16,
    },
    /// Everything else.
    Status(Status),
}

/// What a session is told when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What other shards ask for; nobody else should know it.
    pub token: u128,
    /// The number of the tenant.
    pub tenant: u32,
    /// The session ends on this shard when it was silent for so long.
    pub ttl_ms: u32,
    /// The longest frame of this session.
    pub frame_bytes: u16,
    /// The session was known: what was asked before counts.
    pub resumed: bool,
    /// The number of the shard.
    pub shard: u16,
}

/// What comes before a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueHead {
    /// The version of the key.
    pub version: u64,
    /// When the key expires, in milliseconds since 1970.
    pub expiry_ms: Option<u64>,
}

/// Values, some of which may not exist, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values<'a>(&'a [u8]);

impl<'a> Reply<'a> {
    /// Decodes the body of a reply; `None` if it is none.
    pub fn decode(opcode: Opcode, status: Status, body: &'a [u8]) -> Option<Self> {
        if status != Status::Ok {
            return Refused::decode(opcode, status, body).map(Self::Refused);
        }
        let mut reader = Reader::new(body);
        let reply = match opcode {
            Opcode::Hello => Self::Cookie(reader.take(super::request::COOKIE_BYTES)?.first_chunk()?),
            Opcode::Open => Self::Opened(Opened::decode(&mut reader)?),
            Opcode::Map => return Map::decode(body).map(Self::Map),
            Opcode::Steering => return Steering::decode(body).map(Self::Steering),
            Opcode::Stats => return std::str::from_utf8(body).ok().map(Self::Stats),
            Opcode::Get | Opcode::Take => {
                let head = ValueHead::decode(&mut reader)?;
                return Some(Self::Value { head, value: reader.rest() });
            }
            Opcode::Put => Self::Version(reader.u64()?),
            Opcode::Add => Self::Sum(reader.i64()?),
            Opcode::Append => Self::Length(reader.u64()?),
            Opcode::MultiGet => return Values::checked(reader.rest()).map(Self::Values),
            Opcode::Scan => {
                let cursor = reader.u64()?;
                return Values::checked(reader.rest()).map(|keys| Self::Keys { cursor, keys });
            }
            Opcode::Renew | Opcode::Close | Opcode::Delete | Opcode::Touch | Opcode::MultiPut => Self::Done,
            Opcode::Continue => return None,
        };
        reader.end()?;
        Some(reply)
    }
}

impl Refused {
    fn decode(opcode: Opcode, status: Status, body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let refused = match (status, opcode) {
            (Status::ConditionFailed, Opcode::Put) => Self::Condition(reader.u64()?),
            (Status::WrongShard, _) => {
                let owner = reader.u16()?;
                reader.zeros(6)?;
                Self::WrongShard { owner }
            }
            (status, _) => Self::Status(status),
        };
        reader.end()?;
        Some(refused)
    }
}

impl Opened {
    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let (token, tenant, ttl_ms) = (reader.u128()?, reader.u32()?, reader.u32()?);
        let (frame_bytes, resumed) = (reader.u16()?, reader.u8()?);
        reader.zeros(1)?;
        let shard = reader.u16()?;
        reader.zeros(2)?;
        (resumed <= 1).then_some(Self { token, tenant, ttl_ms, frame_bytes, resumed: resumed == 1, shard })
    }

    /// The body.
    pub fn encode(&self) -> [u8; OPENED_BYTES] {
        let mut body = [0; OPENED_BYTES];
        body[..16].copy_from_slice(&self.token.to_le_bytes());
        body[16..20].copy_from_slice(&self.tenant.to_le_bytes());
        body[20..24].copy_from_slice(&self.ttl_ms.to_le_bytes());
        body[24..26].copy_from_slice(&self.frame_bytes.to_le_bytes());
        body[26] = u8::from(self.resumed);
        body[28..30].copy_from_slice(&self.shard.to_le_bytes());
        body
    }
}

impl ValueHead {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let (version, expiry_ms) = (reader.u64()?, reader.u64()?);
        Some(Self { version, expiry_ms: (expiry_ms > 0).then_some(expiry_ms) })
    }

    /// What comes before the value.
    #[inline]
    pub fn encode(&self) -> [u8; VALUE_HEAD_BYTES] {
        let mut head = [0; VALUE_HEAD_BYTES];
        head[..8].copy_from_slice(&self.version.to_le_bytes());
        head[8..].copy_from_slice(&self.expiry_ms.unwrap_or(0).to_le_bytes());
        head
    }
}

impl<'a> Values<'a> {
    fn checked(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        while reader.end().is_none() {
            let len = reader.u32()?;
            if len != ABSENT {
                reader.take(len as usize)?;
            }
        }
        Some(Self(bytes))
    }

    /// The values, in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || {
            let len = reader.u32()?;
            if len == ABSENT { Some(None) } else { reader.take(len as usize).map(Some) }
        })
    }
}

/// The body that names the owner of a key.
pub fn wrong_shard(owner: u16) -> [u8; 8] {
    let [low, high] = owner.to_le_bytes();
    [low, high, 0, 0, 0, 0, 0, 0]
}

/// The length of a value that does not exist.
pub const ABSENT: u32 = u32::MAX;
/// Bytes before a value.
pub const VALUE_HEAD_BYTES: usize = 16;
/// Bytes of what a session is told.
pub const OPENED_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_these_bytes() {
        let value = ValueHead { version: 3, expiry_ms: Some(0x0102) };
        let body = [&value.encode()[..], b"abc"].concat();
        assert_eq!(body, b"\x03\0\0\0\0\0\0\0\x02\x01\0\0\0\0\0\0abc");
        assert_eq!(
            Reply::decode(Opcode::Get, Status::Ok, &body),
            Some(Reply::Value { head: value, value: b"abc" })
        );
        let opened =
            Opened { token: 5, tenant: 1, ttl_ms: 60_000, frame_bytes: 1_472, resumed: true, shard: 2 };
        let golden = [
            5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x60, 0xEA, 0, 0, 0xC0, 5, 1, 0, 2,
            0, 0, 0,
        ];
        assert_eq!(opened.encode(), golden);
        assert_eq!(Reply::decode(Opcode::Open, Status::Ok, &golden), Some(Reply::Opened(opened)));
        let sum = (-2_i64).to_le_bytes();
        assert_eq!(Reply::decode(Opcode::Add, Status::Ok, &sum), Some(Reply::Sum(-2)));
        let values = b"\x01\0\0\0a\xFF\xFF\xFF\xFF\0\0\0\0";
        let Some(Reply::Values(values)) = Reply::decode(Opcode::MultiGet, Status::Ok, values) else {
            panic!("these are values")
        };
        assert_eq!(values.iter().collect::<Vec<_>>(), [Some(&b"a"[..]), None, Some(b"")]);
        let keys = b"\x09\0\0\0\0\0\0\0\x01\0\0\0k";
        let Some(Reply::Keys { cursor: 9, keys }) = Reply::decode(Opcode::Scan, Status::Ok, keys) else {
            panic!("these are keys")
        };
        assert_eq!(keys.iter().collect::<Vec<_>>(), [Some(&b"k"[..])]);
    }

    #[test]
    fn refusals_may_tell_more_than_a_status() {
        let refused = |refused| Some(Reply::Refused(refused));
        assert_eq!(
            Reply::decode(Opcode::Put, Status::ConditionFailed, &7_u64.to_le_bytes()),
            refused(Refused::Condition(7))
        );
        assert_eq!(
            Reply::decode(Opcode::Get, Status::WrongShard, &wrong_shard(0x0102)),
            refused(Refused::WrongShard { owner: 0x0102 })
        );
        assert_eq!(
            Reply::decode(Opcode::Get, Status::NotFound, b""),
            refused(Refused::Status(Status::NotFound))
        );
        assert_eq!(
            Reply::decode(Opcode::MultiPut, Status::ConditionFailed, b""),
            refused(Refused::Status(Status::ConditionFailed))
        );
    }

    #[test]
    fn what_is_too_short_or_too_long_is_no_reply() {
        for opcode in [Opcode::Hello, Opcode::Open, Opcode::Put, Opcode::Add, Opcode::Append, Opcode::Close] {
            assert_eq!(Reply::decode(opcode, Status::Ok, &[0; 7]), None, "{opcode:?}");
            assert_eq!(Reply::decode(opcode, Status::Ok, &[0; 33]), None, "{opcode:?}");
        }
        assert_eq!(Reply::decode(Opcode::Get, Status::Ok, &[0; 15]), None);
        assert_eq!(Reply::decode(Opcode::MultiGet, Status::Ok, b"\x02\0\0\0a"), None);
        assert_eq!(Reply::decode(Opcode::Get, Status::NotFound, b"x"), None);
    }
}
