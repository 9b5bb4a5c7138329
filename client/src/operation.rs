//! What a caller can ask for, with bytes of its own: an operation lives until its completion.

use std::sync::Arc;

use adit_wire::kv::{BUCKET_COUNT, BucketId, KEY_BYTES_MAX, VALUE_BYTES_MAX};
use adit_wire::native::request::{Action, Condition, KeyList, KeyRequest, NewExpiry, PairList, Request};
use adit_wire::native::{MULTI_BYTES_MAX, Opcode};
use bytes::Bytes;

use crate::answer::Answer;
use crate::error::Caller;

/// What a caller can ask for.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Something with one key.
    Key {
        /// The bucket of the key.
        bucket: BucketId,
        /// The key, up to 64 KiB.
        key: Vec<u8>,
        /// What is done with it.
        action: KeyAction,
    },
    /// The values of several keys at one moment.
    MultiGet {
        /// The bucket of the keys.
        bucket: BucketId,
        /// The keys.
        keys: Keys,
    },
    /// Several values are written at one moment.
    MultiPut {
        /// The bucket of the keys.
        bucket: BucketId,
        /// The keys with their values.
        pairs: Pairs,
        /// Nothing is written if any of the keys exists.
        if_absent: bool,
    },
    /// Some of the keys of a shard.
    Scan {
        /// The shard.
        shard: u16,
        /// The bucket.
        bucket: BucketId,
        /// About how many keys.
        keys_max: u32,
        /// Where to go on: what the last such operation answered, 0 at first.
        cursor: u64,
    },
    /// The counters of a shard.
    Stats {
        /// The shard.
        shard: u16,
    },
}

/// What is done with a key.
#[derive(Clone, Debug)]
pub enum KeyAction {
    /// Its value is read.
    Get,
    /// Its value is written.
    Put {
        /// When.
        condition: Condition,
        /// Its new expiry.
        expiry: NewExpiry,
        /// The value, up to 512 MiB.
        value: Payload,
    },
    /// It is removed.
    Delete,
    /// Its value is read, and it is removed.
    Take,
    /// A number is added to its value.
    Add(i64),
    /// Bytes are added at the end of its value.
    Append(Payload),
    /// It expires after so many milliseconds; with 0 never.
    Touch(u64),
}

/// The bytes of a value, which are sent from where they lie. A vector, [`Bytes`] or an `Arc` is taken as it is, without a
/// copy; memory of somebody else can be lent with [`Bytes::from_owner`]. Cloning it copies nothing.
#[derive(Clone, Debug, Default)]
pub struct Payload(Bytes);

/// A list of keys.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    count: u32,
    bytes: Vec<u8>,
    first_len: usize,
}

/// A list of keys with their values.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    count: u32,
    bytes: Vec<u8>,
    first_len: usize,
}

/// Where an operation has to go.
pub(crate) enum Target<'a> {
    /// To the owner of this key.
    Key(&'a [u8]),
    /// To this shard.
    Shard(u16),
}

impl Operation {
    /// An operation on a key.
    pub fn on_key(bucket: BucketId, key: impl Into<Vec<u8>>, action: KeyAction) -> Self {
        Self::Key { bucket, key: key.into(), action }
    }

    /// Checks what the server would refuse.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn check(&self) -> Result<(), Caller> {
        let bucket = match self {
            Self::Key { bucket, key, action } => {
                check(key.len() <= KEY_BYTES_MAX, Caller::KeyTooLong)?;
                check(action.value().len() as u64 <= VALUE_BYTES_MAX, Caller::ValueTooLong)?;
                *bucket
            }
            Self::MultiGet { bucket, keys } => {
                check_list(keys.count, keys.first_len, keys.bytes.len())?;
                *bucket
            }
            Self::MultiPut { bucket, pairs, .. } => {
                check_list(pairs.count, pairs.first_len, pairs.bytes.len())?;
                *bucket
            }
            Self::Scan { bucket, .. } => *bucket,
            Self::Stats { .. } => BucketId(0),
        };
        check(bucket.0 < BUCKET_COUNT, Caller::NoSuchBucket)
    }

    #[inline]
    pub(crate) fn opcode(&self) -> Opcode {
        match self {
            Self::Key { action, .. } => action.head().opcode(),
            Self::MultiGet { .. } => Opcode::MultiGet,
            Self::MultiPut { .. } => Opcode::MultiPut,
            Self::Scan { .. } => Opcode::Scan,
            Self::Stats { .. } => Opcode::Stats,
        }
    }

    #[inline]
    pub(crate) fn target(&self) -> Target<'_> {
        match self {
            Self::Key { key, .. } => Target::Key(key),
            Self::MultiGet { keys, .. } => Target::Key(&keys.bytes[KEY_HEAD_BYTES..][..keys.first_len]),
            Self::MultiPut { pairs, .. } => Target::Key(&pairs.bytes[PAIR_HEAD_BYTES..][..pairs.first_len]),
            Self::Scan { shard, .. } | Self::Stats { shard } => Target::Shard(*shard),
        }
    }

    /// Appends the body but for the value, which comes last and is sent from where it lies.
    #[inline]
    pub(crate) fn encode_head(&self, body: &mut Vec<u8>) {
        let request = match self {
            Self::Key { bucket, key, action } => {
                Request::Key(KeyRequest { bucket: *bucket, key, action: action.head() })
            }
            Self::MultiGet { bucket, keys } => {
                Request::MultiGet(KeyList::new(*bucket, keys.count, &keys.bytes))
            }
            Self::MultiPut { bucket, pairs, if_absent } => {
                let pairs = PairList::new(*bucket, pairs.count, &pairs.bytes);
                Request::MultiPut { pairs, if_absent: *if_absent }
            }
            Self::Scan { bucket, keys_max, cursor, .. } => {
                Request::Scan { bucket: *bucket, keys_max: *keys_max, cursor: *cursor }
            }
            Self::Stats { .. } => Request::Stats,
        };
        request.encode(body);
    }

    /// Whether an answer can be that of this operation: of several keys it has one value for each.
    #[inline]
    pub(crate) fn fits(&self, answer: &Answer) -> bool {
        match (self, answer) {
            (Self::MultiGet { keys, .. }, Answer::Values(values)) => {
                values.iter().count() as u64 == u64::from(keys.count)
            }
            _ => true,
        }
    }

    /// The value that ends the body, else nothing.
    #[inline]
    pub(crate) fn value(&self) -> &[u8] {
        match self {
            Self::Key { action, .. } => action.value(),
            Self::MultiGet { .. } | Self::MultiPut { .. } | Self::Scan { .. } | Self::Stats { .. } => &[],
        }
    }
}

impl KeyAction {
    /// A put that always applies and never expires.
    pub fn put(value: impl Into<Payload>) -> Self {
        Self::Put { condition: Condition::Always, expiry: NewExpiry::Never, value: value.into() }
    }

    /// The action without its value.
    #[inline]
    fn head(&self) -> Action<'static> {
        match self {
            Self::Get => Action::Get,
            Self::Put { condition, expiry, .. } => {
                Action::Put { condition: *condition, expiry: *expiry, value: &[] }
            }
            Self::Delete => Action::Delete,
            Self::Take => Action::Take,
            Self::Add(number) => Action::Add(*number),
            Self::Append(_) => Action::Append(&[]),
            Self::Touch(ttl_ms) => Action::Touch(*ttl_ms),
        }
    }

    #[inline]
    fn value(&self) -> &[u8] {
        match self {
            Self::Put { value, .. } | Self::Append(value) => value.bytes(),
            Self::Get | Self::Delete | Self::Take | Self::Add(_) | Self::Touch(_) => &[],
        }
    }
}

impl Payload {
    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Arc<[u8]>> for Payload {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self(Bytes::from_owner(bytes))
    }
}

/// Copies the bytes.
impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }
}

/// Copies the bytes.
impl<const LEN: usize> From<&[u8; LEN]> for Payload {
    fn from(bytes: &[u8; LEN]) -> Self {
        Self::from(&bytes[..])
    }
}

/// Copies the bytes.
impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl Keys {
    /// Appends a key.
    pub fn push(&mut self, key: &[u8]) {
        if self.count == 0 {
            self.first_len = key.len();
        }
        self.count += 1;
        KeyList::push(&mut self.bytes, key);
    }
}

impl Pairs {
    /// Appends a key with its value.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        if self.count == 0 {
            self.first_len = key.len();
        }
        self.count += 1;
        PairList::push(&mut self.bytes, key, value);
    }
}

impl<K: AsRef<[u8]>> FromIterator<K> for Keys {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut list = Self::default();
        keys.into_iter().for_each(|key| list.push(key.as_ref()));
        list
    }
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(K, V)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut list = Self::default();
        pairs.into_iter().for_each(|(key, value)| list.push(key.as_ref(), value.as_ref()));
        list
    }
}

fn check(holds: bool, fault: Caller) -> Result<(), Caller> {
    if holds { Ok(()) } else { Err(fault) }
}

/// A list of keys; those behind the first are for the server to check.
fn check_list(count: u32, first_len: usize, len_bytes: usize) -> Result<(), Caller> {
    check(count > 0, Caller::NoKeys)?;
    check(first_len <= KEY_BYTES_MAX, Caller::KeyTooLong)?;
    check(len_bytes + LIST_HEAD_BYTES_MAX <= MULTI_BYTES_MAX, Caller::TooLarge)
}

/// Bytes before a key of a list.
const KEY_HEAD_BYTES: usize = 4;
/// Bytes before a key of a list of pairs.
const PAIR_HEAD_BYTES: usize = 8;
/// Bytes before the first item of a list.
const LIST_HEAD_BYTES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn body(operation: &Operation) -> Vec<u8> {
        let mut body = Vec::new();
        operation.encode_head(&mut body);
        body.extend_from_slice(operation.value());
        body
    }

    fn on(action: KeyAction) -> Operation {
        Operation::on_key(BucketId(1), *b"key", action)
    }

    #[test]
    fn head_and_value_are_the_body() {
        let put = on(KeyAction::put(&b"value"[..]));
        let expected = KeyRequest {
            bucket: BucketId(1),
            key: b"key",
            action: Action::Put { condition: Condition::Always, expiry: NewExpiry::Never, value: b"value" },
        };
        assert_eq!(Request::decode(put.opcode(), &body(&put)), Ok(Request::Key(expected)));
        let append = on(KeyAction::Append(Arc::<[u8]>::from(&b"tail"[..]).into()));
        assert_eq!(body(&append), b"\x01\0\0\0\x03\0\0\0keytail");
    }

    #[test]
    fn a_payload_is_taken_as_it_is() {
        let (vector, shared) = (vec![1; 100], Arc::<[u8]>::from([2; 100]));
        let (vector_at, shared_at) = (vector.as_ptr(), shared.as_ptr());
        let owned = Payload::from(vector);
        assert_eq!((owned.bytes().as_ptr(), owned.clone().bytes().as_ptr()), (vector_at, vector_at));
        assert_eq!(Payload::from(Arc::clone(&shared)).bytes().as_ptr(), shared_at);
        assert_eq!(Payload::from(Bytes::from_owner(shared)).bytes(), [2; 100]);
        assert_eq!((Payload::from("abc").bytes(), Payload::from(b"abc").bytes()), (&b"abc"[..], &b"abc"[..]));
    }

    #[test]
    fn lists_go_to_the_owner_of_their_first_key() {
        let is_first = |operation: &Operation| matches!(operation.target(), Target::Key(b"first"));
        let keys = ["first", "second"].into_iter().collect();
        assert!(is_first(&Operation::MultiGet { bucket: BucketId(0), keys }));
        let pairs = [("first", "value")].into_iter().collect();
        assert!(is_first(&Operation::MultiPut { bucket: BucketId(0), pairs, if_absent: true }));
    }

    #[test]
    fn what_the_server_would_refuse_is_refused_here() {
        let key = |len| Operation::on_key(BucketId(0), vec![0; len], KeyAction::Get).check();
        assert_eq!((key(KEY_BYTES_MAX), key(KEY_BYTES_MAX + 1)), (Ok(()), Err(Caller::KeyTooLong)));
        let bucket = |bucket| Operation::on_key(BucketId(bucket), *b"k", KeyAction::Get).check();
        assert_eq!((bucket(15), bucket(16)), (Ok(()), Err(Caller::NoSuchBucket)));
        let keys = |keys: Keys| Operation::MultiGet { bucket: BucketId(0), keys }.check();
        assert_eq!(keys(Keys::default()), Err(Caller::NoKeys));
        assert_eq!(keys(vec![[0; 60_000]; 17].iter().collect()), Ok(()));
        assert_eq!(keys(vec![[0; 60_000]; 18].iter().collect()), Err(Caller::TooLarge));
    }
}
