//! What a load does: the mix of reads and writes, and the next operation of it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::distribution::{KeyChooser, KeyDistribution};
use crate::random::Random;

/// A mix of operations. The letters are the core workloads of YCSB (Cooper et al., SoCC 2010).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mix {
    /// Reads only.
    Get,
    /// Writes only.
    Set,
    /// 50 % reads, 50 % updates.
    YcsbA,
    /// 95 % reads, 5 % updates.
    YcsbB,
    /// Reads only, zipf keys.
    YcsbC,
    /// 95 % reads of the latest keys, 5 % inserts.
    YcsbD,
    /// 50 % reads, 50 % read-modify-writes.
    YcsbF,
    /// Every key once, in order: what `--load` runs first.
    #[value(skip)]
    Preload,
}

impl Mix {
    /// The keys this mix asks for unless told otherwise.
    pub(crate) fn distribution(self) -> KeyDistribution {
        match self {
            Self::Get | Self::Set | Self::Preload => KeyDistribution::Uniform,
            Self::YcsbA | Self::YcsbB | Self::YcsbC | Self::YcsbF => KeyDistribution::Zipf,
            Self::YcsbD => KeyDistribution::Latest,
        }
    }

    /// Whether the number of keys grows while this mix runs.
    pub(crate) fn inserts(self) -> bool {
        matches!(self, Self::YcsbD | Self::Preload)
    }

    /// Whether its requests may have many keys: none inserts, none depends on another.
    pub(crate) fn takes_many_keys(self) -> bool {
        matches!(self, Self::Get | Self::Set | Self::YcsbA | Self::YcsbB | Self::YcsbC)
    }

    /// The share of reads, and what is done otherwise.
    fn shares(self) -> (f64, Step) {
        match self {
            Self::Get | Self::YcsbC => (1.0, Step::Read),
            Self::Set => (0.0, Step::Write),
            Self::YcsbA => (0.5, Step::Write),
            Self::YcsbB => (0.95, Step::Write),
            Self::YcsbD => (0.95, Step::Insert),
            Self::YcsbF => (0.5, Step::ReadToModify),
            Self::Preload => (0.0, Step::Insert),
        }
    }
}

/// One request of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Read,
    Write,
    /// A write of a key that was not there.
    Insert,
    /// The first half of a read-modify-write.
    ReadToModify,
}

/// One operation, or what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) step: Step,
    pub(crate) key: u64,
}

impl Operation {
    /// What must follow before the operation is done.
    pub(crate) fn next(self) -> Option<Self> {
        match self.step {
            Step::ReadToModify => Some(Self { step: Step::Write, key: self.key }),
            Step::Read | Step::Write | Step::Insert => None,
        }
    }
}

/// Draws the operations of one thread.
#[derive(Clone, Debug)]
pub(crate) struct OperationSource<'a> {
    read_share: f64,
    other: Step,
    chooser: KeyChooser,
    random: Random,
    /// Keys inserted or being inserted, of all threads.
    keys: &'a AtomicU64,
    /// The newest keys that may still be on their way; reads keep off them.
    keys_in_flight_max: u64,
}

impl<'a> OperationSource<'a> {
    pub(crate) fn new(
        mix: Mix,
        chooser: KeyChooser,
        random: Random,
        keys: &'a AtomicU64,
        keys_in_flight_max: u64,
    ) -> Self {
        let (read_share, other) = mix.shares();
        Self { read_share, other, chooser, random, keys, keys_in_flight_max }
    }

    /// The next operation.
    #[inline]
    pub(crate) fn draw(&mut self) -> Operation {
        let is_read =
            self.read_share >= 1.0 || (self.read_share > 0.0 && self.random.unit() < self.read_share);
        let step = if is_read { Step::Read } else { self.other };
        if step == Step::Insert {
            return Operation { step, key: self.keys.fetch_add(1, Ordering::Relaxed) };
        }
        Operation { step, key: self.choose() }
    }

    /// Fills `keys` with the key of `operation` and others, `count` together; the same key may come twice.
    pub(crate) fn draw_keys(&mut self, keys: &mut Vec<u64>, operation: Operation, count: usize) {
        keys.clear();
        keys.push(operation.key);
        self.draw_more(keys, count - 1);
    }

    /// Appends `count` keys to `keys`; the same key may come twice.
    pub(crate) fn draw_more(&mut self, keys: &mut Vec<u64>, count: usize) {
        keys.extend((0..count).map(|_| self.choose()));
    }

    #[inline]
    fn choose(&mut self) -> u64 {
        let keys = self.keys.load(Ordering::Relaxed).saturating_sub(self.keys_in_flight_max).max(1);
        self.chooser.choose(&mut self.random, keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(mix: Mix, seed: u64) -> Vec<Operation> {
        let keys = AtomicU64::new(1000);
        let chooser = KeyChooser::new(mix.distribution(), 1000);
        let mut source = OperationSource::new(mix, chooser, Random::new(seed, 0), &keys, 0);
        (0..10_000).map(|_| source.draw()).collect()
    }

    #[test]
    fn mixes_have_their_shares() {
        let cases = [
            (Mix::Get, Step::Read, 10_000..10_001),
            (Mix::Set, Step::Write, 10_000..10_001),
            (Mix::YcsbA, Step::Write, 4_800..5_200),
            (Mix::YcsbB, Step::Write, 400..600),
            (Mix::YcsbC, Step::Read, 10_000..10_001),
            (Mix::YcsbD, Step::Insert, 400..600),
            (Mix::YcsbF, Step::ReadToModify, 4_800..5_200),
        ];
        for (mix, step, range) in cases {
            let count = steps(mix, 1).iter().filter(|operation| operation.step == step).count();
            assert!(range.contains(&count), "{mix:?}: {count}");
        }
    }

    #[test]
    fn a_seed_repeats() {
        assert_eq!(steps(Mix::YcsbD, 5), steps(Mix::YcsbD, 5));
        assert_ne!(steps(Mix::YcsbD, 5), steps(Mix::YcsbD, 6));
    }

    #[test]
    fn preloading_takes_every_key_in_order() {
        let keys = AtomicU64::new(0);
        let chooser = KeyChooser::new(KeyDistribution::Uniform, 3);
        let mut source = OperationSource::new(Mix::Preload, chooser, Random::new(1, 0), &keys, 0);
        assert_eq!([source.draw().key, source.draw().key, source.draw().key], [0, 1, 2]);
    }

    #[test]
    fn many_keys_begin_with_the_operation_s() {
        let keys = AtomicU64::new(1000);
        let chooser = KeyChooser::new(KeyDistribution::Uniform, 1000);
        let mut source = OperationSource::new(Mix::Set, chooser, Random::new(1, 0), &keys, 0);
        let (operation, mut drawn) = (source.draw(), vec![5]);
        source.draw_keys(&mut drawn, operation, 10);
        assert_eq!((drawn.len(), drawn[0]), (10, operation.key));
        assert!(drawn.iter().all(|key| *key < 1000) && drawn[1..].iter().any(|key| *key != drawn[0]));
    }

    #[test]
    fn a_read_modify_write_has_two_steps() {
        let first = Operation { step: Step::ReadToModify, key: 9 };
        assert_eq!(first.next(), Some(Operation { step: Step::Write, key: 9 }));
        assert_eq!(first.next().and_then(Operation::next), None);
    }
}
