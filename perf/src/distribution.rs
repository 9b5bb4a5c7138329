//! Which key comes next: uniform, scrambled Zipf, or the latest first. Knows numbers of keys, not their bytes.

use crate::number::whole;
use crate::random::Random;

/// How often each key is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyDistribution {
    /// Every key alike.
    Uniform,
    /// Zipf with exponent 0.99 over ranks; ranks are scattered over the keys by a hash, as in YCSB.
    Zipf,
    /// Zipf with exponent 0.99, the newest key being the first rank, as in YCSB D.
    Latest,
}

/// Chooses keys.
#[derive(Clone, Debug)]
pub(crate) enum KeyChooser {
    Uniform,
    Scrambled(Zipf),
    Latest(Zipf),
}

impl KeyChooser {
    /// A chooser among `keys` keys, at least 1. Takes time linear in `keys` but for `Uniform`.
    pub(crate) fn new(distribution: KeyDistribution, keys: u64) -> Self {
        match distribution {
            KeyDistribution::Uniform => Self::Uniform,
            KeyDistribution::Zipf => Self::Scrambled(Zipf::new(keys, ZIPF_THETA)),
            KeyDistribution::Latest => Self::Latest(Zipf::new(keys, ZIPF_THETA)),
        }
    }

    /// The number of a key in 0..`keys`; `keys` never shrinks from call to call.
    #[inline]
    pub(crate) fn choose(&mut self, random: &mut Random, keys: u64) -> u64 {
        match self {
            Self::Uniform => random.below(keys),
            Self::Scrambled(zipf) => fnv(zipf.rank(random)) % keys,
            Self::Latest(zipf) => {
                zipf.grow(keys);
                keys - 1 - zipf.rank(random)
            }
        }
    }
}

/// Ranks 0.. with probability proportional to 1 / (rank + 1)^theta.
///
/// Gray et al., "Quickly generating billion-record synthetic databases", SIGMOD 1994, as used by YCSB: one
/// power per draw, approximate from the third rank on.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    items: u64,
    theta: f64,
    /// Sum of 1 / i^theta for i in 1..=items.
    zeta: f64,
    eta: f64,
}

impl Zipf {
    pub(crate) fn new(items: u64, theta: f64) -> Self {
        let mut zipf = Self { items: 0, theta, zeta: 0.0, eta: 0.0 };
        zipf.grow(items);
        zipf
    }

    /// Extends the ranks to 0..`items`; fewer than before changes nothing.
    pub(crate) fn grow(&mut self, items: u64) {
        if items <= self.items {
            return;
        }
        self.zeta += (self.items + 1..=items).map(|i| (i as f64).powf(-self.theta)).sum::<f64>();
        self.items = items;
        let zeta_of_two = 1.0 + 0.5_f64.powf(self.theta);
        self.eta = (1.0 - (2.0 / items as f64).powf(1.0 - self.theta)) / (1.0 - zeta_of_two / self.zeta);
    }

    /// A rank in 0..items.
    #[inline]
    pub(crate) fn rank(&self, random: &mut Random) -> u64 {
        let unit = random.unit();
        let scaled = unit * self.zeta;
        if scaled < 1.0 || self.items == 1 {
            return 0;
        }
        if scaled < 1.0 + 0.5_f64.powf(self.theta) || self.items == 2 {
            return 1;
        }
        let share = (self.eta * unit - self.eta + 1.0).powf(1.0 / (1.0 - self.theta));
        whole(self.items as f64 * share).min(self.items - 1)
    }
}

/// FNV-1a of the eight bytes of `value`, as YCSB scrambles ranks.
#[inline]
fn fnv(value: u64) -> u64 {
    value.to_le_bytes().iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The exponent of YCSB.
pub(crate) const ZIPF_THETA: f64 = 0.99;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::index;

    const DRAWS: u64 = 200_000;

    fn counts(distribution: KeyDistribution, keys: u64) -> Vec<u64> {
        let (mut chooser, mut random) = (KeyChooser::new(distribution, keys), Random::new(3, 0));
        let mut counts = vec![0; index(keys)];
        for _ in 0..DRAWS {
            counts[index(chooser.choose(&mut random, keys))] += 1;
        }
        counts
    }

    /// The share of each of the first ranks against 1 / (i^theta zeta).
    #[test]
    fn zipf_frequencies_agree_with_theory() {
        let keys = 1000;
        let zeta: f64 = (1..=keys).map(|i| (i as f64).powf(-ZIPF_THETA)).sum();
        let counts = counts(KeyDistribution::Latest, keys);
        for rank in [0_u64, 1] {
            let expected = DRAWS as f64 / ((rank + 1) as f64).powf(ZIPF_THETA) / zeta;
            let seen = counts[index(keys - 1 - rank)] as f64;
            assert!((seen / expected - 1.0).abs() < 0.03, "rank {rank}: {seen} for {expected}");
        }
        let first_hundred: u64 = counts.iter().rev().take(100).sum();
        let expected = (1..=100).map(|i| f64::from(i).powf(-ZIPF_THETA)).sum::<f64>() / zeta;
        let seen = first_hundred as f64 / DRAWS as f64;
        assert!((seen / expected - 1.0).abs() < 0.03, "{seen} for {expected}");
    }

    #[test]
    fn scrambling_scatters_the_same_frequencies() {
        let mut scrambled = counts(KeyDistribution::Zipf, 1000);
        let hottest = scrambled.iter().position(|count| Some(count) == scrambled.iter().max());
        assert_eq!(hottest.map(|key| key as u64), Some(fnv(0) % 1000));
        scrambled.sort_unstable_by_key(|count| core::cmp::Reverse(*count));
        assert!(scrambled[0] > DRAWS / 10 && scrambled[0] < DRAWS / 5, "{}", scrambled[0]);
    }

    #[test]
    fn uniform_is_even() {
        assert!(counts(KeyDistribution::Uniform, 100).iter().all(|count| (1_800..2_200).contains(count)));
    }

    #[test]
    fn latest_follows_inserts() {
        let (mut chooser, mut random) = (KeyChooser::new(KeyDistribution::Latest, 1), Random::new(1, 0));
        for keys in 1..500 {
            assert!(chooser.choose(&mut random, keys) < keys);
        }
    }

    #[test]
    fn growing_equals_starting_large() {
        let mut grown = Zipf::new(10, ZIPF_THETA);
        grown.grow(1000);
        let large = Zipf::new(1000, ZIPF_THETA);
        assert!((grown.zeta - large.zeta).abs() < 1e-9 && (grown.eta - large.eta).abs() < 1e-9);
    }

    #[test]
    fn few_keys_stay_in_range() {
        for keys in 1..4 {
            for distribution in [KeyDistribution::Uniform, KeyDistribution::Zipf, KeyDistribution::Latest] {
                assert_eq!(counts(distribution, keys).iter().sum::<u64>(), DRAWS);
            }
        }
    }
}
