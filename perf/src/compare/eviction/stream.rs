//! The requests of a cache's client: GET, and SET of what was missed. The same seed asks for the same keys.

use crate::client::Client;
use crate::dataset::Dataset;
use crate::distribution::{ZIPF_THETA, Zipf};
use crate::protocol::{ReplyKind, resp};
use crate::random::Random;

/// What a cache answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) requests: u64,
    pub(super) hits: u64,
    /// SETs that were answered by an error.
    pub(super) refused: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.hits += other.hits;
        self.refused += other.refused;
    }
}

/// Draws keys by Zipf's law. Each rank has a key of its own: `KeyChooser` lets ranks share keys and so leaves a third
/// of them never asked for, which would make the set smaller than it says.
#[derive(Clone, Debug)]
pub(super) struct Draw {
    zipf: Zipf,
    random: Random,
    keys: u64,
}

impl Draw {
    /// Among `keys` keys, at most `KEYS_MAX`.
    pub(super) fn new(keys: u64, seed: u64) -> Self {
        Self { zipf: Zipf::new(keys, ZIPF_THETA), random: Random::new(seed, 0), keys }
    }

    /// A rank, 0 being asked for most, and its key.
    #[inline]
    pub(super) fn next(&mut self) -> (u64, u64) {
        let rank = self.zipf.rank(&mut self.random);
        (rank, rank * SCATTER % self.keys)
    }
}

/// Draws keys and asks for them.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    dataset: &'a Dataset,
    keys: u64,
    draw: Draw,
    out: Vec<u8>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(dataset: &'a Dataset, keys: u64, seed: u64) -> Self {
        Self { dataset, keys, draw: Draw::new(keys, seed), out: Vec::new() }
    }

    /// Writes every key once, in order: the cache is full from then on.
    pub(super) fn fill(&mut self, client: &mut Client) -> anyhow::Result<Counts> {
        let mut counts = Counts::default();
        let mut batch = Vec::new();
        for key in 0..self.keys {
            batch.push(key);
            if batch.len() == PIPELINE || key + 1 == self.keys {
                counts.refused += self.write(client, &batch)?;
                batch.clear();
            }
        }
        Ok(counts)
    }

    /// Asks for `count` keys, a pipeline at a time; each pipeline of GETs is followed by the SETs of what it missed.
    pub(super) fn run(&mut self, client: &mut Client, count: u64) -> anyhow::Result<Counts> {
        let mut counts = Counts::default();
        let (mut batch, mut missed) = (Vec::new(), Vec::new());
        while counts.requests < count {
            let length = (count - counts.requests).min(PIPELINE as u64);
            batch.clear();
            batch.extend((0..length).map(|_| self.draw.next().1));
            missed.clear();
            self.read(client, &batch, &mut missed)?;
            counts.requests += length;
            counts.hits += length - missed.len() as u64;
            // A key that was asked for twice is written once.
            missed.sort_unstable();
            missed.dedup();
            counts.refused += self.write(client, &missed)?;
        }
        Ok(counts)
    }

    fn read(&mut self, client: &mut Client, keys: &[u64], missed: &mut Vec<u64>) -> anyhow::Result<()> {
        self.out.clear();
        keys.iter().for_each(|key| resp::push_get(&mut self.out, self.dataset, *key));
        client.send(&self.out)?;
        for key in keys {
            if client.skip_reply()? != ReplyKind::Hit {
                missed.push(*key);
            }
        }
        Ok(())
    }

    /// Writes `keys`; returns how many were refused.
    fn write(&mut self, client: &mut Client, keys: &[u64]) -> anyhow::Result<u64> {
        self.out.clear();
        keys.iter().for_each(|key| resp::push_set(&mut self.out, self.dataset, *key));
        client.send(&self.out)?;
        let mut refused = 0;
        for _ in keys {
            refused += u64::from(client.skip_reply()? == ReplyKind::Error);
        }
        Ok(refused)
    }
}

/// Most keys: products of ranks and `SCATTER` stay within 64 bits.
pub(crate) const KEYS_MAX: u64 = 1 << 31;
/// A prime above `KEYS_MAX`, so products of it are different for all ranks.
const SCATTER: u64 = 2_654_435_761;
/// Requests sent before their replies are read; few, as a key missed twice in one pipeline counts twice.
const PIPELINE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rank_has_a_key_of_its_own() {
        for keys in [10_000, 99_999, 65_536] {
            let mut seen: Vec<_> = (0..keys).map(|rank: u64| rank * SCATTER % keys).collect();
            seen.sort_unstable();
            assert!(seen.iter().copied().eq(0..keys));
        }
        assert!(SCATTER > KEYS_MAX && (KEYS_MAX - 1).checked_mul(SCATTER).is_some());
    }
}
