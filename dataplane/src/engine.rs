//! The one switch: what each operation does to the store of this shard.

use adit_drivers::memory::BLOCK_BYTES;
use adit_store::kv::{
    Chain, Item, Key, NewValue, RandomKey, Splice, Spliced, Staged, Store, StoreError, Value,
};
use adit_wire::kv::{
    Aspect, BUCKET_COUNT, BucketId, Condition, ExpireCondition, Expiry, ExpiryForm, Operation, PutAnswer,
    Status,
};
use adit_wire::native::reply::ValueHead;
use adit_wire::resp::number::{Digits, parse_i64};

use crate::decimal::{self, DecimalError};
use crate::message::{Keys, Payload, Record, Reply};
use crate::settings::WALK_STEP_BYTES;
use crate::stats::{Counter, Counters};

/// One operation with its key and value.
pub struct Request<'a> {
    /// What to do.
    pub operation: Operation,
    /// The key, hashed; of an operation on a bucket only the bucket counts.
    pub key: Key<'a>,
    /// The value that a write brings, else empty.
    pub value: NewValue<'a>,
}

/// What came of an operation, borrowing from the store.
pub enum Outcome<'a> {
    /// A value in one piece, where it lies.
    Bytes(&'a [u8]),
    /// Everything else.
    Reply(Reply),
}

impl Outcome<'_> {
    /// The outcome with bytes of its own.
    #[inline]
    pub fn into_reply(self) -> Reply {
        match self {
            Self::Bytes(bytes) => Reply::Bytes(Payload::new(bytes)),
            Self::Reply(reply) => reply,
        }
    }
}

impl From<Reply> for Outcome<'_> {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

/// The store and what counts its use.
pub struct Engine {
    /// The key-value store.
    pub store: Store,
    /// What happened so far.
    pub counters: Counters,
    /// The longest value that was ever written and that is answered on the heap: what an answer may take.
    pub largest_value_bytes: u64,
    /// Random numbers drawn.
    drawn: u64,
}

impl Engine {
    /// An engine over a store.
    pub fn new(store: Store) -> Self {
        Self { store, counters: Counters::default(), largest_value_bytes: 0, drawn: 0 }
    }

    #[inline]
    fn note_value(&mut self, len_bytes: u64) {
        self.largest_value_bytes = self.largest_value_bytes.max(len_bytes.min(BLOCK_BYTES as u64));
    }

    /// Does one operation at `now_ms` (milliseconds since 1970).
    #[inline]
    pub fn execute(&mut self, request: Request<'_>, now_ms: u64) -> Outcome<'_> {
        let Request { operation, key, value } = request;
        match operation {
            Operation::Get => self.get(&key, now_ms),
            Operation::Put {
                condition: Condition::Always,
                expiry: Expiry::Never,
                answer: PutAnswer::Done,
            } => {
                self.note_value(value.len_bytes());
                done_or_failed(self.store.put(&key, value, None, now_ms)).into()
            }
            Operation::Put { condition, expiry, answer } => {
                self.put(&key, value, condition, expiry, answer, now_ms).into()
            }
            Operation::Exists => integer(i64::from(self.look_up(&key, now_ms).is_some())),
            Operation::Type => Outcome::Reply(Reply::Name(self.type_name(&key, now_ms))),
            Operation::Length => self.length(&key, now_ms),
            Operation::ExpiryOf(form) => integer(self.expiry_of(&key, form, now_ms)),
            _ => self.execute_rare(operation, &key, value, now_ms).into(),
        }
    }

    fn execute_rare(
        &mut self,
        operation: Operation,
        key: &Key<'_>,
        value: NewValue<'_>,
        now_ms: u64,
    ) -> Reply {
        match operation {
            Operation::Add(delta) => self.add(key, delta, now_ms),
            Operation::Append => match self.store.append(key, value, now_ms) {
                Ok(len) => {
                    self.note_value(len);
                    Reply::Integer(i64::try_from(len).unwrap_or(i64::MAX))
                }
                Err(error) => Reply::Failed(status(error)),
            },
            Operation::Delete => Reply::Integer(i64::from(self.store.remove(key, now_ms))),
            Operation::GetDelete => {
                let reply = self.get(key, now_ms).into_reply();
                self.store.remove(key, now_ms);
                reply
            }
            Operation::GetExpire(expiry) => self.get_expire(key, expiry, now_ms),
            Operation::Fail(status) => {
                self.look_up(key, now_ms).map_or(Reply::Nil, |_| Reply::Failed(status))
            }
            Operation::Expire { at_ms, condition } => {
                Reply::Integer(i64::from(self.expire(key, at_ms, condition, now_ms)))
            }
            Operation::GetRange { start, end } => self.get_range(key, start, end, now_ms),
            Operation::SetRange { offset } => match self.store.set_range(key, offset, value, now_ms) {
                Ok(len) => {
                    self.note_value(len);
                    Reply::Integer(i64::try_from(len).unwrap_or(i64::MAX))
                }
                Err(error) => Reply::Failed(status(error)),
            },
            Operation::AddDecimal => self.add_decimal(key, &value, now_ms),
            Operation::Version => {
                let version = self.store.find(key, now_ms).map_or(0, |item| self.store.version(item));
                Reply::Integer(i64::try_from(version).unwrap_or(i64::MAX))
            }
            Operation::Record => self.record(key, now_ms),
            Operation::Take => {
                let reply = self.record(key, now_ms);
                self.store.remove(key, now_ms);
                reply
            }
            Operation::PutIfVersion { version, expiry } => {
                let item = self.store.find(key, now_ms);
                let found = item.map_or(0, |item| self.store.version(item));
                // The build that must fail compares nothing.
                if found != version && !cfg!(feature = "sabotage-version") {
                    return Reply::Conflict(found);
                }
                self.put_versioned(key, value, expiry.into(), now_ms)
            }
            Operation::SetExpiry(at_ms) => Reply::Integer(i64::from(self.set_expiry(key, at_ms, now_ms))),
            Operation::Describe(aspect) => self.describe(key, aspect, now_ms),
            Operation::Random { random, cursor } => {
                match self.store.random_key(key.bucket(), random, cursor, now_ms) {
                    RandomKey::Found(key) => Reply::Bytes(Payload::new(key)),
                    RandomKey::Next(cursor) => Reply::Integer(cursor.cast_signed()),
                    RandomKey::None => Reply::Nil,
                }
            }
            Operation::Persist => Reply::Integer(i64::from(self.persist(key, now_ms))),
            Operation::Count => {
                Reply::Integer(i64::try_from(self.store.count(key.bucket())).unwrap_or(i64::MAX))
            }
            Operation::Flush => {
                self.store.flush(key.bucket());
                Reply::Done
            }
            Operation::FlushAll => {
                (0..BUCKET_COUNT).for_each(|bucket| self.store.flush(BucketId(bucket)));
                Reply::Done
            }
            Operation::Scan { cursor, buckets_max, keys_max } => {
                self.scan(key.bucket(), cursor, buckets_max, keys_max, now_ms)
            }
            Operation::Get
            | Operation::Put { .. }
            | Operation::Exists
            | Operation::Type
            | Operation::Length
            | Operation::ExpiryOf(_) => unreachable!("execute does these itself"),
            Operation::Manage { .. } => unreachable!("a shard does tasks itself"),
        }
    }

    /// Finds the key and counts whether it was there.
    #[inline]
    fn look_up(&mut self, key: &Key<'_>, now_ms: u64) -> Option<Item> {
        let item = self.store.find(key, now_ms);
        self.counters.add(if item.is_some() { Counter::Hits } else { Counter::Misses }, 1);
        item
    }

    #[inline]
    fn get(&mut self, key: &Key<'_>, now_ms: u64) -> Outcome<'_> {
        match self.look_up(key, now_ms) {
            Some(item) => self.value(item),
            None => Reply::Nil.into(),
        }
    }

    #[inline]
    fn value(&self, item: Item) -> Outcome<'_> {
        match self.store.value(item) {
            Value::Inline(bytes) => Outcome::Bytes(bytes),
            Value::Chain(chain) => Reply::Chain(chain.clone()).into(),
        }
    }

    fn record(&mut self, key: &Key<'_>, now_ms: u64) -> Reply {
        let Some(item) = self.look_up(key, now_ms) else { return Reply::Nil };
        let (expiry_ms, version) = (self.store.expiry(item), self.store.version(item));
        Reply::Record(Box::new(Record { value: self.value(item).into_reply(), expiry_ms, version }))
    }

    /// The value of a key where it lies, with its version and expiry.
    #[inline]
    pub fn read(&mut self, key: &Key<'_>, now_ms: u64) -> Option<(ValueHead, Value<'_>)> {
        let item = self.look_up(key, now_ms)?;
        let head = ValueHead { version: self.store.version(item), expiry_ms: self.store.expiry(item) };
        Some((head, self.store.value(item)))
    }

    fn type_name(&mut self, key: &Key<'_>, now_ms: u64) -> &'static str {
        if self.look_up(key, now_ms).is_some() { "string" } else { "none" }
    }

    fn length(&mut self, key: &Key<'_>, now_ms: u64) -> Outcome<'_> {
        let len = self.look_up(key, now_ms).map_or(0, |item| self.store.value_len(item));
        integer(i64::try_from(len).unwrap_or(i64::MAX))
    }

    fn put(
        &mut self,
        key: &Key<'_>,
        value: NewValue<'_>,
        condition: Condition,
        expiry: Expiry,
        answer: PutAnswer,
        now_ms: u64,
    ) -> Reply {
        if (condition, answer) == (Condition::Always, PutAnswer::Version) {
            return self.put_versioned(key, value, expiry, now_ms);
        }
        let item = self.store.find(key, now_ms);
        let applies = match condition {
            Condition::Always => true,
            Condition::IfAbsent => item.is_none(),
            Condition::IfPresent => item.is_some(),
        };
        if answer == PutAnswer::Version {
            return match applies {
                true => self.put_versioned(key, value, expiry, now_ms),
                false => Reply::Conflict(item.map_or(0, |item| self.store.version(item))),
            };
        }
        let previous = match (answer, item) {
            (PutAnswer::Previous, Some(item)) => self.value(item).into_reply(),
            _ => Reply::Nil,
        };
        if applies {
            let expiry = self.new_expiry(item, expiry);
            if let Err(error) = self.write(key, value, expiry, now_ms) {
                return Reply::Failed(status(error));
            }
        }
        match answer {
            PutAnswer::Version => unreachable!("these are written elsewhere"),
            PutAnswer::Done if applies => Reply::Done,
            PutAnswer::Done => Reply::Nil,
            PutAnswer::Previous => previous,
            PutAnswer::Applied => Reply::Integer(i64::from(applies)),
        }
    }

    /// Writes a value and answers its version.
    fn put_versioned(&mut self, key: &Key<'_>, value: NewValue<'_>, expiry: Expiry, now_ms: u64) -> Reply {
        let item = if expiry == Expiry::Keep { self.store.find(key, now_ms) } else { None };
        let expiry = self.new_expiry(item, expiry);
        match self.write(key, value, expiry, now_ms) {
            Ok(version) => Reply::Integer(version.cast_signed()),
            Err(error) => Reply::Failed(status(error)),
        }
    }

    fn new_expiry(&self, item: Option<Item>, expiry: Expiry) -> Option<u64> {
        match expiry {
            Expiry::Never => None,
            Expiry::Keep => item.and_then(|item| self.store.expiry(item)),
            Expiry::At(at_ms) => Some(at_ms),
        }
    }

    /// Writes a value and gives its version; one that has expired already removes the key, which then has version 0.
    fn write(
        &mut self,
        key: &Key<'_>,
        value: NewValue<'_>,
        expiry_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<u64, StoreError> {
        if expiry_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.store.remove(key, now_ms);
            return Ok(0);
        }
        self.note_value(value.len_bytes());
        self.store.put(key, value, expiry_ms, now_ms)
    }

    fn add(&mut self, key: &Key<'_>, delta: i64, now_ms: u64) -> Reply {
        let item = self.store.find(key, now_ms);
        let number = match item.map(|item| self.store.value(item)) {
            None => Some(0),
            Some(Value::Inline(text)) => parse_i64(text),
            Some(Value::Chain(_)) => None,
        };
        let Some(number) = number else { return Reply::Failed(Status::NotAnInteger) };
        let Some(sum) = number.checked_add(delta) else { return Reply::Failed(Status::Overflow) };
        let expiry = item.and_then(|item| self.store.expiry(item));
        match self.store.put(key, NewValue::Inline(Digits::of_i64(sum).as_bytes()), expiry, now_ms) {
            Ok(_) => Reply::Integer(sum),
            Err(error) => Reply::Failed(status(error)),
        }
    }

    /// Adds a decimal fraction. The sum is exact, with 17 digits behind the point at most.
    fn add_decimal(&mut self, key: &Key<'_>, delta: &NewValue<'_>, now_ms: u64) -> Reply {
        let item = self.store.find(key, now_ms);
        let number = match item.map(|item| self.store.value(item)) {
            None => &b"0"[..],
            Some(Value::Inline(text)) => text,
            Some(Value::Chain(_)) => b"",
        };
        let NewValue::Inline(delta) = delta else { return Reply::Failed(Status::NotADecimal) };
        let sum = match decimal::add(number, delta) {
            Ok(sum) => sum,
            Err(DecimalError::NotADecimal) => return Reply::Failed(Status::NotADecimal),
            Err(DecimalError::Overflow) => return Reply::Failed(Status::DecimalOverflow),
        };
        let expiry = item.and_then(|item| self.store.expiry(item));
        match self.store.put(key, NewValue::Inline(sum.as_bytes()), expiry, now_ms) {
            Ok(_) => Reply::Bytes(Payload::new(sum.as_bytes())),
            Err(error) => Reply::Failed(status(error)),
        }
    }

    /// The bytes from `start` to `end`, both included; negative ones count from the end.
    fn get_range(&mut self, key: &Key<'_>, start: i64, end: i64, now_ms: u64) -> Reply {
        let Some(item) = self.look_up(key, now_ms) else { return Reply::Bytes(Payload::new(&[])) };
        let Some((start, len)) = range(start, end, self.store.value_len(item)) else {
            return Reply::Bytes(Payload::new(&[]));
        };
        match self.store.value(item) {
            Value::Inline(bytes) => {
                let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
                Reply::Bytes(Payload::new(&bytes[place(start)..place(start + len)]))
            }
            Value::Chain(chain) => Reply::Slice(Box::new(chain.slice(start, len))),
        }
    }

    fn describe(&mut self, key: &Key<'_>, aspect: Aspect, now_ms: u64) -> Reply {
        let Some(item) = self.look_up(key, now_ms) else {
            return if aspect == Aspect::Debug { Reply::Failed(Status::NoSuchKey) } else { Reply::Nil };
        };
        match aspect {
            // Redis shares the small numbers among all keys, as long as they are kept as numbers.
            Aspect::References => match self.store.value(item) {
                _ if self.store.is_edited(item) => Reply::Integer(1),
                Value::Inline(text)
                    if parse_i64(text).is_some_and(|number| (0..10_000).contains(&number)) =>
                {
                    Reply::Integer(i64::from(i32::MAX))
                }
                _ => Reply::Integer(1),
            },
            Aspect::IdleSeconds => Reply::Integer(0),
            Aspect::Frequency => Reply::Failed(Status::NotCounted),
            Aspect::Memory => Reply::Integer(i64::try_from(self.store.memory_of(item)).unwrap_or(i64::MAX)),
            Aspect::Encoding => Reply::Text(self.encoding(item)),
            Aspect::Debug => {
                let (place, encoding) = (self.store.place_of(item), self.encoding(item));
                let len = self.store.value_len(item);
                Reply::Line(
                    format!(
                        "Value at:{place:#x} refcount:1 encoding:{encoding} serializedlength:{len} lru:0 \
                         lru_seconds_idle:0"
                    )
                    .into(),
                )
            }
        }
    }

    /// Does a portion of a splice.
    pub fn splice(&mut self, key: &Key<'_>, splice: Splice, now_ms: u64) -> Result<Spliced, Status> {
        let spliced = self.store.splice(key, splice, now_ms).map_err(status)?;
        if let Spliced::Done(len) = spliced {
            self.note_value(len);
        }
        Ok(spliced)
    }

    /// The name that Redis gives to the way it would keep a value: numbers as such, values up to 44 bytes in the item.
    fn encoding(&self, item: Item) -> &'static str {
        match self.store.value(item) {
            _ if self.store.is_edited(item) => "raw",
            Value::Inline(text) if parse_i64(text).is_some() => "int",
            Value::Inline(text) if text.len() <= EMBEDDED_BYTES_MAX => "embstr",
            _ => "raw",
        }
    }

    /// Stages a put; nothing if its condition does not hold.
    pub fn stage(&mut self, request: Request<'_>, now_ms: u64) -> Result<Option<Staged>, Status> {
        let Request { operation: Operation::Put { condition, expiry, .. }, key, value } = request else {
            unreachable!("only puts are staged");
        };
        let refused = match condition {
            Condition::Always => false,
            Condition::IfAbsent => self.store.find(&key, now_ms).is_some(),
            Condition::IfPresent => self.store.find(&key, now_ms).is_none(),
        };
        if refused {
            return Ok(None);
        }
        let expiry_ms = if let Expiry::At(at_ms) = expiry { Some(at_ms) } else { None };
        self.note_value(value.len_bytes());
        self.store.stage(&key, value, expiry_ms, now_ms).map(Some).map_err(status)
    }

    /// A number that depends on nothing a client knows.
    pub fn random(&mut self) -> u64 {
        self.drawn += 1;
        self.store.key(BucketId(0), &self.drawn.to_le_bytes()).hash()
    }

    fn get_expire(&mut self, key: &Key<'_>, expiry: Expiry, now_ms: u64) -> Reply {
        let Some(item) = self.look_up(key, now_ms) else { return Reply::Nil };
        let reply = self.value(item).into_reply();
        match expiry {
            Expiry::Keep => {}
            // What changes nothing is no change to who watches the key.
            Expiry::Never if self.store.expiry(item).is_none() => {}
            Expiry::Never => self.store.set_expiry(item, None),
            Expiry::At(at_ms) if at_ms <= now_ms => drop(self.store.remove(key, now_ms)),
            Expiry::At(at_ms) => self.store.set_expiry(item, Some(at_ms)),
        }
        reply
    }

    fn expire(&mut self, key: &Key<'_>, at_ms: u64, condition: ExpireCondition, now_ms: u64) -> bool {
        let Some(item) = self.store.find(key, now_ms) else { return false };
        let present = self.store.expiry(item);
        let applies = match condition {
            ExpireCondition::Always => true,
            ExpireCondition::IfNone => present.is_none(),
            ExpireCondition::IfSome => present.is_some(),
            ExpireCondition::IfLater => present.is_some_and(|present| at_ms > present),
            ExpireCondition::IfSomeAndEarlier => present.is_some_and(|present| at_ms < present),
            ExpireCondition::IfEarlier => present.is_none_or(|present| at_ms < present),
        };
        if applies && at_ms <= now_ms {
            self.store.remove(key, now_ms);
        } else if applies {
            self.store.set_expiry(item, Some(at_ms));
        }
        applies
    }

    /// Changes the expiry of a key or takes it away; whether the key exists.
    fn set_expiry(&mut self, key: &Key<'_>, at_ms: Option<u64>, now_ms: u64) -> bool {
        let Some(item) = self.store.find(key, now_ms) else { return false };
        match at_ms {
            Some(at_ms) if at_ms <= now_ms => drop(self.store.remove(key, now_ms)),
            at_ms => self.store.set_expiry(item, at_ms),
        }
        true
    }

    fn persist(&mut self, key: &Key<'_>, now_ms: u64) -> bool {
        let Some(item) = self.store.find(key, now_ms) else { return false };
        let expires = self.store.expiry(item).is_some();
        if expires {
            self.store.set_expiry(item, None);
        }
        expires
    }

    fn expiry_of(&mut self, key: &Key<'_>, form: ExpiryForm, now_ms: u64) -> i64 {
        let Some(item) = self.look_up(key, now_ms) else { return NO_KEY };
        let Some(at_ms) = self.store.expiry(item) else { return NO_EXPIRY };
        let left_ms = at_ms.saturating_sub(now_ms);
        let number = match form {
            ExpiryForm::LeftMs => left_ms,
            ExpiryForm::LeftSeconds => left_ms.saturating_add(500) / 1000,
            ExpiryForm::UnixMs => at_ms,
            ExpiryForm::UnixSeconds => at_ms.saturating_add(500) / 1000,
        };
        i64::try_from(number).unwrap_or(i64::MAX)
    }

    fn scan(&self, bucket: BucketId, cursor: u64, buckets_max: u32, keys_max: u32, now_ms: u64) -> Reply {
        let (mut keys, mut next) = (Box::new(Keys::default()), cursor);
        while keys.visited < buckets_max
            && keys.ends.len() < keys_max as usize
            && keys.bytes.len() < WALK_STEP_BYTES
        {
            let visit = &mut |owner: BucketId, key: &[u8]| {
                if owner == bucket {
                    keys.push(key);
                }
            };
            next = self.store.scan(next, 1, now_ms, visit);
            keys.visited += 1;
            if next == 0 {
                break;
            }
        }
        keys.cursor = next;
        Reply::Keys(keys)
    }
}

#[inline]
fn integer<'a>(number: i64) -> Outcome<'a> {
    Outcome::Reply(Reply::Integer(number))
}

#[inline]
fn done_or_failed<T>(result: Result<T, StoreError>) -> Reply {
    match result {
        Ok(_) => Reply::Done,
        Err(error) => Reply::Failed(status(error)),
    }
}

fn status(error: StoreError) -> Status {
    match error {
        StoreError::KeyTooLong => Status::KeyTooLong,
        StoreError::ValueTooLong => Status::ValueTooLong,
        StoreError::OutOfMemory => Status::OutOfMemory,
    }
}

/// The value that an ask brings.
pub fn value_of<'a>(bytes: &'a [u8], chain: Option<Chain>) -> NewValue<'a> {
    chain.map_or(NewValue::Inline(bytes), NewValue::Chain)
}

/// The first byte and the number of bytes of a range of a value of `len` bytes, as Redis cuts it; nothing if it is empty.
fn range(start: i64, end: i64, len: u64) -> Option<(u64, u64)> {
    let signed = i64::try_from(len).unwrap_or(i64::MAX);
    if start < 0 && end < 0 && start > end {
        return None;
    }
    let from = |at: i64| if at < 0 { at.saturating_add(signed).max(0) } else { at };
    let (start, end) = (from(start), from(end).min(signed - 1));
    if len == 0 || start > end {
        return None;
    }
    Some((u64::try_from(start).ok()?, u64::try_from(end - start + 1).ok()?))
}

/// Longest value that Redis keeps in one piece with its header.
const EMBEDDED_BYTES_MAX: usize = 44;
/// What `TTL` and the like answer for a key that is not there, and for one without an expiry.
const NO_KEY: i64 = -2;
const NO_EXPIRY: i64 = -1;
