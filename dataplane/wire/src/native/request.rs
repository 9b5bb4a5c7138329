//! The bodies of requests.
//!
//! ```text
//! key       bucket u32, key length u32                    what requests on one key begin with; the key comes last,
//!                                                         before the value if there is one
//! HELLO     24 zero bytes
//! OPEN      cookie [24], token u128, frame length u16, 0 u16, tenant length u16, password length u16, tenant, password
//! RENEW, CLOSE, MAP, STATS, CONTINUE, STEERING   nothing
//! GET, DELETE, TAKE   key
//! PUT       key, condition u8, keeps expiry u8, 0 [6], version u64, time to live in ms u64, key, value
//! ADD       key, number i64, key
//! APPEND    key, key, value
//! TOUCH     key, time to live in ms u64, key
//! MULTIGET  bucket u32, count u32, count * (key length u32, key)
//! MULTIPUT  bucket u32, count u32, if absent u32, 0 u32, count * (key length u32, value length u32, key, value)
//! SCAN      bucket u32, most keys u32, cursor u64
//! ```

use std::ops::Range;

use super::bytes::Reader;
use super::{FRAME_BYTES_MAX, FRAME_BYTES_MIN, Opcode, Status};
use crate::kv::{BUCKET_COUNT, BucketId, KEY_BYTES_MAX};

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// For a cookie.
    Hello,
    /// For a session.
    Open(Open<'a>),
    /// For the session to live on.
    Renew,
    /// For the session to end.
    Close,
    /// For the map.
    Map,
    /// For the counters.
    Stats,
    /// For more segments.
    Continue,
    /// For how datagrams are spread.
    Steering,
    /// On one key.
    Key(KeyRequest<'a>),
    /// For several values.
    MultiGet(KeyList<'a>),
    /// That several values are written.
    MultiPut {
        /// The keys and values.
        pairs: PairList<'a>,
        /// Only if none of the keys exists.
        if_absent: bool,
    },
    /// For keys.
    Scan {
        /// Their bucket.
        bucket: BucketId,
        /// About how many.
        keys_max: u32,
        /// Where to begin, 0 at first.
        cursor: u64,
    },
}

/// For a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// What HELLO has given; zeros on a stream, which needs none.
    pub cookie: [u8; COOKIE_BYTES],
    /// For a new session any number that was drawn at random; for one that another shard has opened what that gave.
    pub token: u128,
    /// The longest frame that the sender takes.
    pub frame_bytes: u16,
    /// The tenant.
    pub tenant: &'a [u8],
    /// The password, empty if none is needed.
    pub password: &'a [u8],
}

/// A request on one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRequest<'a> {
    /// The bucket of the key.
    pub bucket: BucketId,
    /// The key.
    pub key: &'a [u8],
    /// What is done with it.
    pub action: Action<'a>,
}

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Its value is read.
    Get,
    /// Its value is written.
    Put {
        /// When.
        condition: Condition,
        /// Its new expiry.
        expiry: NewExpiry,
        /// The value.
        value: &'a [u8],
    },
    /// It is removed.
    Delete,
    /// Its value is read, and it is removed.
    Take,
    /// A number is added to its value.
    Add(i64),
    /// Bytes are added at the end of its value.
    Append(&'a [u8]),
    /// It expires after so many milliseconds; with 0 never.
    Touch(u64),
}

/// When a value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    #[default]
    Always,
    /// If the key does not exist.
    IfAbsent,
    /// If the key exists.
    IfPresent,
    /// If the key has this version: compare-and-swap.
    IfVersion(u64),
}

/// The expiry that a written value has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewExpiry {
    /// None.
    #[default]
    Never,
    /// That of the value before.
    Keep,
    /// After so many milliseconds.
    AfterMs(u64),
}

/// The keys of a MULTIGET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyList<'a> {
    /// Their bucket.
    pub bucket: BucketId,
    count: u32,
    bytes: &'a [u8],
}

/// The keys and values of a MULTIPUT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairList<'a> {
    /// Their bucket.
    pub bucket: BucketId,
    count: u32,
    bytes: &'a [u8],
}

impl<'a> Request<'a> {
    /// Decodes the body of a request.
    ///
    /// # Errors
    /// [`Status::Malformed`], [`Status::KeyTooLong`] or [`Status::NoSuchBucket`].
    #[inline]
    pub fn decode(opcode: Opcode, body: &'a [u8]) -> Result<Self, Status> {
        if opcode.has_key() {
            return KeyRequest::decode(opcode, body).map(Self::Key);
        }
        Self::decode_rare(opcode, body)
    }

    fn decode_rare(opcode: Opcode, body: &'a [u8]) -> Result<Self, Status> {
        let mut reader = Reader::new(body);
        let empty = |request| Reader::new(body).end().map(|()| request).ok_or(Status::Malformed);
        match opcode {
            Opcode::Hello => {
                reader.zeros(HELLO_BYTES).and_then(|()| reader.end()).ok_or(Status::Malformed)?;
                Ok(Self::Hello)
            }
            Opcode::Open => Open::decode(reader).map(Self::Open).ok_or(Status::Malformed),
            Opcode::Renew => empty(Self::Renew),
            Opcode::Close => empty(Self::Close),
            Opcode::Map => empty(Self::Map),
            Opcode::Stats => empty(Self::Stats),
            Opcode::Continue => empty(Self::Continue),
            Opcode::Steering => empty(Self::Steering),
            Opcode::MultiGet => KeyList::decode(reader).map(Self::MultiGet),
            Opcode::MultiPut => {
                PairList::decode(reader).map(|(pairs, if_absent)| Self::MultiPut { pairs, if_absent })
            }
            Opcode::Scan => decode_scan(reader),
            Opcode::Get
            | Opcode::Put
            | Opcode::Delete
            | Opcode::Take
            | Opcode::Add
            | Opcode::Append
            | Opcode::Touch => unreachable!("these are on one key"),
        }
    }

    /// What it asks for.
    #[inline]
    pub fn opcode(&self) -> Opcode {
        match self {
            Self::Hello => Opcode::Hello,
            Self::Open(_) => Opcode::Open,
            Self::Renew => Opcode::Renew,
            Self::Close => Opcode::Close,
            Self::Map => Opcode::Map,
            Self::Stats => Opcode::Stats,
            Self::Continue => Opcode::Continue,
            Self::Steering => Opcode::Steering,
            Self::Key(request) => request.action.opcode(),
            Self::MultiGet(_) => Opcode::MultiGet,
            Self::MultiPut { .. } => Opcode::MultiPut,
            Self::Scan { .. } => Opcode::Scan,
        }
    }

    /// Appends the body.
    pub fn encode(&self, body: &mut Vec<u8>) {
        match self {
            Self::Hello => body.extend_from_slice(&[0; HELLO_BYTES]),
            Self::Open(open) => open.encode(body),
            Self::Renew | Self::Close | Self::Map | Self::Stats | Self::Continue | Self::Steering => {}
            Self::Key(request) => request.encode(body),
            Self::MultiGet(keys) => {
                [keys.bucket.0, keys.count]
                    .iter()
                    .for_each(|word| body.extend_from_slice(&word.to_le_bytes()));
                body.extend_from_slice(keys.bytes);
            }
            Self::MultiPut { pairs, if_absent } => {
                let words = [pairs.bucket.0, pairs.count, u32::from(*if_absent), 0];
                words.iter().for_each(|word| body.extend_from_slice(&word.to_le_bytes()));
                body.extend_from_slice(pairs.bytes);
            }
            Self::Scan { bucket, keys_max, cursor } => {
                body.extend_from_slice(&bucket.0.to_le_bytes());
                body.extend_from_slice(&keys_max.to_le_bytes());
                body.extend_from_slice(&cursor.to_le_bytes());
            }
        }
    }
}

impl<'a> Open<'a> {
    fn decode(mut reader: Reader<'a>) -> Option<Self> {
        let cookie = *reader.take(COOKIE_BYTES)?.first_chunk()?;
        let token = reader.u128()?;
        let frame_bytes = reader.u16()?;
        reader.zeros(2)?;
        let (tenant_len, password_len) = (reader.u16()?, reader.u16()?);
        let tenant = reader.take(usize::from(tenant_len))?;
        let password = reader.take(usize::from(password_len))?;
        reader.end()?;
        (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&usize::from(frame_bytes)).then_some(Self {
            cookie,
            token,
            frame_bytes,
            tenant,
            password,
        })
    }

    fn encode(&self, body: &mut Vec<u8>) {
        let len = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_le_bytes();
        body.extend_from_slice(&self.cookie);
        body.extend_from_slice(&self.token.to_le_bytes());
        body.extend_from_slice(&self.frame_bytes.to_le_bytes());
        body.extend_from_slice(&[0; 2]);
        body.extend_from_slice(&len(self.tenant));
        body.extend_from_slice(&len(self.password));
        body.extend_from_slice(self.tenant);
        body.extend_from_slice(self.password);
    }
}

impl<'a> KeyRequest<'a> {
    #[inline]
    fn decode(opcode: Opcode, body: &'a [u8]) -> Result<Self, Status> {
        let mut reader = Reader::new(body);
        let bucket = reader.u32().ok_or(Status::Malformed)?;
        let key_len = reader.u32().ok_or(Status::Malformed)?;
        let key_len = check_key_len(key_len)?;
        let (key, action) = Self::decode_action(opcode, reader, key_len).ok_or(Status::Malformed)?;
        Ok(Self { bucket: check_bucket(bucket)?, key, action })
    }

    #[inline]
    fn decode_action(
        opcode: Opcode,
        mut reader: Reader<'a>,
        key_len: usize,
    ) -> Option<(&'a [u8], Action<'a>)> {
        let action = match opcode {
            Opcode::Get => Action::Get,
            Opcode::Delete => Action::Delete,
            Opcode::Take => Action::Take,
            Opcode::Add => Action::Add(reader.i64()?),
            Opcode::Touch => Action::Touch(reader.u64()?),
            Opcode::Append => {
                let key = reader.take(key_len)?;
                return Some((key, Action::Append(reader.rest())));
            }
            Opcode::Put => {
                let (condition, keeps) = (reader.u8()?, reader.u8()?);
                reader.zeros(6)?;
                let (version, ttl_ms) = (reader.u64()?, reader.u64()?);
                let condition = decode_condition(condition, version)?;
                let expiry = decode_expiry(keeps, ttl_ms)?;
                let key = reader.take(key_len)?;
                return Some((key, Action::Put { condition, expiry, value: reader.rest() }));
            }
            _ => return None,
        };
        let key = reader.take(key_len)?;
        reader.end()?;
        Some((key, action))
    }

    fn encode(&self, body: &mut Vec<u8>) {
        let key_len = u32::try_from(self.key.len()).unwrap_or(u32::MAX);
        body.extend_from_slice(&self.bucket.0.to_le_bytes());
        body.extend_from_slice(&key_len.to_le_bytes());
        match self.action {
            Action::Get | Action::Delete | Action::Take | Action::Append(_) => {}
            Action::Add(delta) => body.extend_from_slice(&delta.to_le_bytes()),
            Action::Touch(ttl_ms) => body.extend_from_slice(&ttl_ms.to_le_bytes()),
            Action::Put { condition, expiry, .. } => {
                let (condition, version) = condition.encode();
                let (keeps, ttl_ms) = expiry.encode();
                body.extend_from_slice(&[condition, keeps, 0, 0, 0, 0, 0, 0]);
                body.extend_from_slice(&version.to_le_bytes());
                body.extend_from_slice(&ttl_ms.to_le_bytes());
            }
        }
        body.extend_from_slice(self.key);
        body.extend_from_slice(self.action.value());
    }
}

impl<'a> Action<'a> {
    /// Its opcode.
    #[inline]
    pub fn opcode(&self) -> Opcode {
        match self {
            Self::Get => Opcode::Get,
            Self::Put { .. } => Opcode::Put,
            Self::Delete => Opcode::Delete,
            Self::Take => Opcode::Take,
            Self::Add(_) => Opcode::Add,
            Self::Append(_) => Opcode::Append,
            Self::Touch(_) => Opcode::Touch,
        }
    }

    /// The value that it brings, else nothing.
    #[inline]
    pub fn value(&self) -> &'a [u8] {
        match self {
            Self::Put { value, .. } | Self::Append(value) => value,
            Self::Get | Self::Delete | Self::Take | Self::Add(_) | Self::Touch(_) => &[],
        }
    }
}

impl Condition {
    fn encode(self) -> (u8, u64) {
        match self {
            Self::Always => (0, 0),
            Self::IfAbsent => (1, 0),
            Self::IfPresent => (2, 0),
            Self::IfVersion(version) => (3, version),
        }
    }
}

impl NewExpiry {
    fn encode(self) -> (u8, u64) {
        match self {
            Self::Never => (0, 0),
            Self::Keep => (1, 0),
            Self::AfterMs(ttl_ms) => (0, ttl_ms),
        }
    }
}

#[inline]
fn decode_condition(number: u8, version: u64) -> Option<Condition> {
    match (number, version) {
        (0, 0) => Some(Condition::Always),
        (1, 0) => Some(Condition::IfAbsent),
        (2, 0) => Some(Condition::IfPresent),
        (3, version) => Some(Condition::IfVersion(version)),
        _ => None,
    }
}

#[inline]
fn decode_expiry(keeps: u8, ttl_ms: u64) -> Option<NewExpiry> {
    match (keeps, ttl_ms) {
        (0, 0) => Some(NewExpiry::Never),
        (1, 0) => Some(NewExpiry::Keep),
        (0, ttl_ms) => Some(NewExpiry::AfterMs(ttl_ms)),
        _ => None,
    }
}

impl<'a> KeyList<'a> {
    fn decode(mut reader: Reader<'a>) -> Result<Self, Status> {
        let (bucket, count) = head_of_list(&mut reader)?;
        let list = Self { bucket, count, bytes: reader.rest() };
        check_items(count, reader, |reader| {
            let key_len = check_key_len(reader.u32().ok_or(Status::Malformed)?)?;
            reader.take(key_len).ok_or(Status::Malformed).map(drop)
        })?;
        Ok(list)
    }

    /// A list whose items [`KeyList::push`] has put into `bytes`.
    pub fn new(bucket: BucketId, count: u32, bytes: &'a [u8]) -> Self {
        Self { bucket, count, bytes }
    }

    /// Appends one item.
    pub fn push(bytes: &mut Vec<u8>, key: &[u8]) {
        bytes.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(key);
    }

    /// Number of keys.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Where the keys lie in the body.
    pub fn places(&self) -> impl Iterator<Item = Range<usize>> + use<'a> {
        let mut end = KEYS_AT;
        self.iter().map(move |key| {
            let start = end + LEN_BYTES;
            end = start + key.len();
            start..end
        })
    }

    /// The keys, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        std::iter::from_fn(move || {
            let len = reader.u32()?;
            reader.take(len as usize)
        })
    }
}

impl<'a> PairList<'a> {
    fn decode(mut reader: Reader<'a>) -> Result<(Self, bool), Status> {
        let (bucket, count) = head_of_list(&mut reader)?;
        let if_absent = match (reader.u32(), reader.u32()) {
            (Some(0), Some(0)) => false,
            (Some(1), Some(0)) => true,
            _ => return Err(Status::Malformed),
        };
        let list = Self { bucket, count, bytes: reader.rest() };
        check_items(count, reader, |reader| {
            let key_len = check_key_len(reader.u32().ok_or(Status::Malformed)?)?;
            let value_len = reader.u32().ok_or(Status::Malformed)? as usize;
            let both = reader.take(key_len).and_then(|_| reader.take(value_len));
            both.ok_or(Status::Malformed).map(drop)
        })?;
        Ok((list, if_absent))
    }

    /// A list whose items [`PairList::push`] has put into `bytes`.
    pub fn new(bucket: BucketId, count: u32, bytes: &'a [u8]) -> Self {
        Self { bucket, count, bytes }
    }

    /// Appends one item.
    pub fn push(bytes: &mut Vec<u8>, key: &[u8], value: &[u8]) {
        for part in [key, value] {
            bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
    }

    /// Number of keys.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Where the keys and the values lie in the body, by turns.
    pub fn places(&self) -> impl Iterator<Item = Range<usize>> + use<'a> {
        let mut end = PAIRS_AT;
        self.iter().flat_map(move |(key, value)| {
            let start = end + 2 * LEN_BYTES;
            let middle = start + key.len();
            end = middle + value.len();
            [start..middle, middle..end]
        })
    }

    /// The keys with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        std::iter::from_fn(move || {
            let (key_len, value_len) = (reader.u32()?, reader.u32()?);
            Some((reader.take(key_len as usize)?, reader.take(value_len as usize)?))
        })
    }
}

/// The bucket and the number of items; there is at least one.
fn head_of_list(reader: &mut Reader<'_>) -> Result<(BucketId, u32), Status> {
    let (bucket, count) = reader.u32().zip(reader.u32()).ok_or(Status::Malformed)?;
    if count == 0 { Err(Status::Malformed) } else { Ok((check_bucket(bucket)?, count)) }
}

/// Checks each of `count` items, and that nothing follows.
fn check_items(
    count: u32,
    mut reader: Reader<'_>,
    mut check: impl FnMut(&mut Reader<'_>) -> Result<(), Status>,
) -> Result<(), Status> {
    // A count beyond what the bytes hold ends at the first item that is not there.
    for _ in 0..count {
        check(&mut reader)?;
    }
    reader.end().ok_or(Status::Malformed)
}

fn decode_scan<'a>(mut reader: Reader<'_>) -> Result<Request<'a>, Status> {
    let (bucket, keys_max) = reader.u32().zip(reader.u32()).ok_or(Status::Malformed)?;
    let cursor = reader.u64().ok_or(Status::Malformed)?;
    reader.end().ok_or(Status::Malformed)?;
    Ok(Request::Scan { bucket: check_bucket(bucket)?, keys_max, cursor })
}

#[inline]
fn check_key_len(len: u32) -> Result<usize, Status> {
    let len = len as usize;
    if len <= KEY_BYTES_MAX { Ok(len) } else { Err(Status::KeyTooLong) }
}

#[inline]
fn check_bucket(bucket: u32) -> Result<BucketId, Status> {
    if bucket < BUCKET_COUNT { Ok(BucketId(bucket)) } else { Err(Status::NoSuchBucket) }
}

/// Where the value begins in the body of a PUT or APPEND, once enough of the body is there to know; the value goes on
/// to the end of the body, and may be long.
///
/// # Errors
/// [`Status::KeyTooLong`].
pub fn value_offset(opcode: Opcode, body: &[u8]) -> Result<Option<usize>, Status> {
    let Some(key_len) = body.get(4..8).and_then(|bytes| Reader::new(bytes).u32()) else { return Ok(None) };
    let fixed = if opcode == Opcode::Put { PUT_FIXED_BYTES } else { APPEND_FIXED_BYTES };
    Ok(Some(fixed + check_key_len(key_len)?))
}

/// Bytes of a HELLO; its reply is as long.
pub const HELLO_BYTES: usize = COOKIE_BYTES;
/// Bytes of a cookie.
pub const COOKIE_BYTES: usize = 24;
/// Where the list of a MULTIGET begins.
const KEYS_AT: usize = 8;
/// Where the list of a MULTIPUT begins.
const PAIRS_AT: usize = 16;
/// Bytes of a length in a list.
const LEN_BYTES: usize = 4;
/// Bytes of a PUT before its key.
const PUT_FIXED_BYTES: usize = 32;
/// Bytes of an APPEND before its key.
const APPEND_FIXED_BYTES: usize = 8;

#[cfg(test)]
mod tests;
