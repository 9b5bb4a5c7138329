//! What the client of the path asks for, operation by operation.

use std::collections::VecDeque;

use adit_client::error::State;
use adit_client::{Answer, BucketId, Condition, Error, KeyAction, NewExpiry, Operation};
use anyhow::{anyhow, bail, ensure};

use crate::number::index;
use crate::random::{Random, mix};

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// The value of a key.
    Get,
    /// A value is written.
    Put,
    /// A value is written if its key has the version that is known.
    Cas,
    /// The values of ten keys.
    MultiGet,
}

/// Operations on keys chosen uniformly, all of which exist.
pub(super) struct Work {
    kind: Kind,
    items: u64,
    random: Random,
    value: Vec<u8>,
    /// The versions of all keys; empty if they are not needed.
    versions: Vec<u64>,
    /// The keys of operations under way, in their order.
    asked: VecDeque<u64>,
    /// The next key, while every key is written once.
    filled: Option<u64>,
    /// Operations that ended, and of these the ones that another one was faster than.
    ended: u64,
    conflicts: u64,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Get, Self::Put, Self::Cas, Self::MultiGet];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Cas => "CAS",
            Self::MultiGet => "MULTIGET of 10",
        }
    }

    /// As an argument of the command.
    pub(super) fn argument(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Cas => "cas",
            Self::MultiGet => "multi-get",
        }
    }
}

impl Work {
    /// Writes every key once, before anything else.
    pub(super) fn fill(items: u64, value_bytes: usize) -> Self {
        Self {
            kind: Kind::Put,
            items,
            random: Random::new(SEED, 0),
            value: vec![b'v'; value_bytes],
            versions: vec![0; index(items)],
            asked: VecDeque::new(),
            filled: Some(0),
            ended: 0,
            conflicts: 0,
        }
    }

    /// From now on operations of this kind.
    pub(super) fn turn_to(&mut self, kind: Kind) {
        (self.kind, self.filled, self.random) = (kind, None, Random::new(SEED, 1));
    }

    /// The next operation.
    #[inline]
    pub(super) fn next(&mut self) -> Operation {
        if self.kind == Kind::MultiGet {
            let (items, random) = (self.items, &mut self.random);
            let keys = (0..MULTI_KEYS).map(|_| key(random.below(items))).collect();
            return Operation::MultiGet { bucket: BUCKET, keys };
        }
        let number = match &mut self.filled {
            Some(filled) => std::mem::replace(filled, *filled + 1),
            None => self.random.below(self.items),
        };
        self.asked.push_back(number);
        Operation::on_key(BUCKET, key(number), self.action(number))
    }

    #[inline]
    fn action(&self, number: u64) -> KeyAction {
        match self.kind {
            Kind::Cas => KeyAction::Put {
                condition: Condition::IfVersion(self.versions[index(number)]),
                expiry: NewExpiry::Never,
                value: self.value.as_slice().into(),
            },
            Kind::Put => KeyAction::put(self.value.as_slice()),
            Kind::Get | Kind::MultiGet => KeyAction::Get,
        }
    }

    /// Takes what came of the operation that was begun first of those that are not ended.
    ///
    /// # Errors
    /// If it is not what it must be.
    #[inline]
    pub(super) fn end(&mut self, result: Result<Answer, Error>) -> anyhow::Result<()> {
        let number = self.asked.pop_front().unwrap_or_default();
        self.ended += 1;
        match (self.kind, result) {
            (Kind::Get, Ok(Answer::Value(value))) if value.bytes().len() == self.value.len() => {}
            (Kind::MultiGet, Ok(Answer::Values(values))) if values.iter().all(|value| value.is_some()) => {}
            (Kind::Put | Kind::Cas, Ok(Answer::Version(version))) => self.versions[index(number)] = version,
            // The same key was written by another operation that was under way.
            (Kind::Cas, Err(Error::State(State::ConditionFailed { version }))) => {
                self.versions[index(number)] = version;
                self.conflicts += 1;
                ensure!(
                    self.conflicts * CONFLICT_ONE_IN < self.ended + CONFLICTS_MIN,
                    "most writes are refused"
                );
            }
            (_, Err(error)) => return Err(anyhow!(error)),
            (kind, Ok(_)) => bail!("a {} has another answer than it must have", kind.name()),
        }
        Ok(())
    }
}

/// Key number `number`: all numbers give different keys of random looks.
#[inline]
pub(super) fn key(number: u64) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key[..8].copy_from_slice(&mix(number).to_le_bytes());
    key[8..].copy_from_slice(&number.to_le_bytes());
    key
}

/// The bucket of all keys.
pub(super) const BUCKET: BucketId = BucketId(0);
/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 16;
/// Keys of a MULTIGET.
const MULTI_KEYS: usize = 10;
const SEED: u64 = 1;
/// No more than one in so many writes may be refused, but for the first few.
const CONFLICT_ONE_IN: u64 = 10;
const CONFLICTS_MIN: u64 = 1_000;
