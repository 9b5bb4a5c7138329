//! The keys as a plain map, for a judge that looks for an order of what clients did.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

use rapidhash::v3::rapidhash_v3;
use stateright::semantics::SequentialSpec;

use crate::plan::KEYS;

/// A value. Shared, and hashed once, since the judges copy and compare whole histories.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes {
    hash: u64,
    bytes: Rc<[u8]>,
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self { hash: rapidhash_v3(bytes), bytes: bytes.into() }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let first = String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(20)]).into_owned();
        write!(formatter, "{first:?} of {} bytes", self.bytes.len())
    }
}

/// What a client did.
#[derive(Clone, Debug)]
pub enum Op {
    /// Read.
    Get(u8),
    /// Wrote.
    Put(u8, Bytes, Condition),
    /// Removed.
    Delete(u8),
    /// Read and removed.
    Take(u8),
    /// Let it live for ever.
    Touch(u8),
    /// Added.
    Add(u8, i64),
    /// Appended.
    Append(u8, Bytes),
    /// Read several.
    MultiGet(Vec<u8>),
    /// Wrote several.
    MultiPut(Vec<(u8, Bytes)>, bool),
}

/// When a value is written.
#[derive(Clone, Copy, Debug)]
pub enum Condition {
    /// Always.
    Always,
    /// If the key does not exist.
    IfAbsent,
    /// If it exists.
    IfPresent,
    /// If it has this version.
    IfVersion(u64),
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A value and its version.
    Value(Bytes, u64),
    /// The version that was written.
    Version(u64),
    /// The sum.
    Sum(i64),
    /// The new length.
    Length(u64),
    /// Done.
    Done,
    /// There is no such key.
    NotFound,
    /// The condition did not hold; the version that the key has.
    Conflict(u64),
    /// The value is no number.
    NotAnInteger,
    /// The values of several keys.
    Values(Vec<Option<Bytes>>),
    /// Nothing was done.
    Nothing,
}

/// A value, and its version if anybody was told.
type Entry = (Bytes, Option<u64>);

/// The keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Model([Option<Entry>; KEYS as usize]);

impl SequentialSpec for Model {
    type Op = Op;
    type Ret = Seen;

    /// Of an operation whose end nobody was told: it is done as far as it is known.
    fn invoke(&mut self, op: &Op) -> Seen {
        match op {
            Op::Put(key, value, condition) if self.holds(*key, *condition) => self.put(*key, value, None),
            Op::Delete(key) | Op::Take(key) => drop(self.entry(*key).take()),
            Op::Touch(key) => self.forget_version(*key),
            Op::Add(key, delta) => {
                if let Some(number) = self.number(*key) {
                    self.put(*key, &text(number + delta), None);
                }
            }
            Op::Append(key, tail) => drop(self.append(*key, tail)),
            Op::MultiPut(pairs, if_absent) if self.may_put(pairs, *if_absent) => self.put_all(pairs),
            Op::Put(..) | Op::MultiPut(..) | Op::Get(_) | Op::MultiGet(_) => {}
        }
        Seen::Nothing
    }

    fn is_valid_step(&mut self, op: &Op, seen: &Seen) -> bool {
        match (op, seen) {
            (_, Seen::Nothing) => true,
            (Op::Get(key), Seen::Value(value, version)) => self.is(*key, value, *version),
            (Op::Get(key) | Op::Delete(key) | Op::Take(key) | Op::Touch(key), Seen::NotFound) => {
                self.get(*key).is_none()
            }
            (Op::Take(key), Seen::Value(value, version)) => {
                let is_there = self.is(*key, value, *version);
                *self.entry(*key) = None;
                is_there
            }
            (Op::Put(key, value, condition), Seen::Version(version)) => {
                let holds = self.holds(*key, *condition);
                let grows = self.get(*key).and_then(|(_, old)| *old).is_none_or(|old| old < *version);
                self.put(*key, value, Some(*version));
                holds && grows
            }
            (Op::Put(key, _, condition), Seen::Conflict(version)) => {
                !self.holds(*key, *condition) && self.has_version(*key, *version)
            }
            (Op::Delete(key), Seen::Done) => self.entry(*key).take().is_some(),
            (Op::Touch(key), Seen::Done) => {
                self.forget_version(*key);
                self.get(*key).is_some()
            }
            (Op::Add(key, delta), Seen::Sum(sum)) => {
                let is_right = self.number(*key).is_some_and(|number| number + delta == *sum);
                self.put(*key, &text(*sum), None);
                is_right
            }
            (Op::Add(key, _), Seen::NotAnInteger) => self.number(*key).is_none(),
            (Op::Append(key, tail), Seen::Length(len)) => self.append(*key, tail) == *len,
            (Op::MultiGet(keys), Seen::Values(values)) => {
                keys.len() == values.len()
                    && keys
                        .iter()
                        .zip(values)
                        .all(|(key, value)| self.get(*key).map(|(value, _)| value) == value.as_ref())
            }
            (Op::MultiPut(pairs, if_absent), Seen::Done) => {
                let may = self.may_put(pairs, *if_absent);
                self.put_all(pairs);
                may
            }
            (Op::MultiPut(pairs, true), Seen::Conflict(0)) => !self.may_put(pairs, true),
            _ => false,
        }
    }
}

/// A number as it is kept.
fn text(number: i64) -> Bytes {
    number.to_string().as_bytes().into()
}

impl Model {
    fn get(&self, key: u8) -> Option<&Entry> {
        self.0[usize::from(key)].as_ref()
    }

    fn entry(&mut self, key: u8) -> &mut Option<Entry> {
        &mut self.0[usize::from(key)]
    }

    fn put(&mut self, key: u8, value: &Bytes, version: Option<u64>) {
        *self.entry(key) = Some((value.clone(), version));
    }

    fn put_all(&mut self, pairs: &[(u8, Bytes)]) {
        pairs.iter().for_each(|(key, value)| self.put(*key, value, None));
    }

    fn may_put(&self, pairs: &[(u8, Bytes)], if_absent: bool) -> bool {
        !if_absent || pairs.iter().all(|(key, _)| self.get(*key).is_none())
    }

    fn append(&mut self, key: u8, tail: &[u8]) -> u64 {
        let mut value = self.get(key).map_or_else(Vec::new, |(value, _)| value.to_vec());
        value.extend_from_slice(tail);
        let len = value.len() as u64;
        self.put(key, &value[..].into(), None);
        len
    }

    fn forget_version(&mut self, key: u8) {
        if let Some((_, version)) = self.entry(key) {
            *version = None;
        }
    }

    fn number(&self, key: u8) -> Option<i64> {
        let Some((text, _)) = self.get(key) else { return Some(0) };
        let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
        (number.to_string().as_bytes() == &text[..]).then_some(number)
    }

    /// Whether the key has this value and version; a version that nobody was told before is known from now on.
    fn is(&mut self, key: u8, value: &Bytes, version: u64) -> bool {
        self.get(key).is_some_and(|(other, _)| other == value) && self.has_version(key, version)
    }

    fn has_version(&mut self, key: u8, version: u64) -> bool {
        match self.entry(key) {
            Some((_, known)) => *known.get_or_insert(version) == version,
            None => version == 0,
        }
    }

    /// Whether a condition holds. A version that somebody compares was seen before: it is not that of a write that was
    /// not seen yet.
    fn holds(&self, key: u8, condition: Condition) -> bool {
        match condition {
            Condition::Always => true,
            Condition::IfAbsent => self.get(key).is_none(),
            Condition::IfPresent => self.get(key).is_some(),
            Condition::IfVersion(version) => match self.get(key) {
                Some((_, known)) => *known == Some(version),
                None => version == 0,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Bytes {
        text.as_bytes().into()
    }

    #[test]
    fn versions_are_learned_and_compared() {
        let mut model = Model::default();
        let put = |condition| Op::Put(1, bytes("a"), condition);
        assert!(model.is_valid_step(&put(Condition::IfVersion(0)), &Seen::Version(5)));
        assert!(!model.clone().is_valid_step(&put(Condition::Always), &Seen::Version(5)), "versions grow");
        assert!(model.clone().is_valid_step(&put(Condition::IfVersion(4)), &Seen::Conflict(5)));
        assert!(!model.clone().is_valid_step(&put(Condition::IfVersion(5)), &Seen::Conflict(5)));
        assert!(!model.clone().is_valid_step(&put(Condition::IfVersion(4)), &Seen::Version(6)));
        assert!(model.is_valid_step(&put(Condition::IfVersion(5)), &Seen::Version(6)));
        model.invoke(&Op::Append(1, bytes("b")));
        assert!(model.is_valid_step(&Op::Get(1), &Seen::Value(bytes("ab"), 9)));
        assert!(!model.is_valid_step(&Op::Get(1), &Seen::Value(bytes("ab"), 8)));
    }

    #[test]
    fn what_was_applied_twice_is_no_order() {
        let mut model = Model::default();
        assert!(model.is_valid_step(&Op::Add(3, 5), &Seen::Sum(5)));
        assert!(!model.clone().is_valid_step(&Op::Add(3, 1), &Seen::Sum(11)));
        assert!(model.is_valid_step(&Op::Add(3, 1), &Seen::Sum(6)));
        assert!(model.is_valid_step(&Op::Append(4, bytes("xy")), &Seen::Length(2)));
        assert!(!model.is_valid_step(&Op::Append(4, bytes("z")), &Seen::Length(5)));
    }
}
