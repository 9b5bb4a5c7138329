//! How long keys and values are. The sizes of a key follow from its number: they never change in a run.

use crate::number::{index, whole};
use crate::random::{GOLDEN, mix, unit_of};

/// Named sizes of keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SizeModel {
    /// Facebook's ETC pool: Atikoglu et al., "Workload analysis of a large-scale key-value store", SIGMETRICS
    /// 2012, section 5. Keys of 33 B and values of 39 B in the median, values with a long tail.
    Etc,
}

/// Sizes of the keys and values of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "model")]
pub(crate) enum Sizes {
    Fixed {
        key_bytes: usize,
        value_bytes: usize,
    },
    Etc {
        seed: u64,
        /// Shorter keys would not tell all numbers apart.
        key_bytes_min: usize,
    },
}

impl Sizes {
    #[inline]
    pub(crate) fn key_bytes(&self, key: u64) -> usize {
        match *self {
            Self::Fixed { key_bytes, .. } => key_bytes,
            Self::Etc { seed, key_bytes_min } => {
                etc_key_bytes(uniform_of(seed, key)).clamp(key_bytes_min, ETC_KEY_BYTES_MAX)
            }
        }
    }

    #[inline]
    pub(crate) fn value_bytes(&self, key: u64) -> usize {
        match *self {
            Self::Fixed { value_bytes, .. } => value_bytes,
            Self::Etc { seed, .. } => etc_value_bytes(uniform_of(!seed, key)),
        }
    }

    /// No key is longer.
    pub(crate) fn key_bytes_max(&self) -> usize {
        match *self {
            Self::Fixed { key_bytes, .. } => key_bytes,
            Self::Etc { .. } => ETC_KEY_BYTES_MAX,
        }
    }

    /// No value is longer.
    pub(crate) fn value_bytes_max(&self) -> usize {
        match *self {
            Self::Fixed { value_bytes, .. } => value_bytes,
            Self::Etc { .. } => ETC_VALUE_BYTES_MAX,
        }
    }
}

/// A number in [0, 1) that `seed` and `key` fix.
fn uniform_of(seed: u64, key: u64) -> f64 {
    unit_of(mix(mix(seed).wrapping_add(key.wrapping_mul(GOLDEN))))
}

/// Quantile `unit` of the generalised extreme value distribution of ETC's key sizes.
fn etc_key_bytes(unit: f64) -> usize {
    let (location, scale, shape) = ETC_KEY;
    let deviation = ((-unit.max(f64::MIN_POSITIVE).ln()).powf(-shape) - 1.0) / shape;
    index(whole((location + scale * deviation).min(1e9)))
}

/// Quantile `unit` of ETC's value sizes: a table for the first 15 lengths, then a generalised Pareto tail.
fn etc_value_bytes(unit: f64) -> usize {
    let mut rest = unit;
    for (length, probability) in ETC_SHORT_VALUES.iter().enumerate() {
        if rest < *probability {
            return length;
        }
        rest -= probability;
    }
    let share = rest / (1.0 - ETC_SHORT_VALUES.iter().sum::<f64>());
    let (scale, shape) = ETC_VALUE;
    let beyond = scale * ((1.0 - share.min(1.0 - f64::EPSILON)).powf(-shape) - 1.0) / shape;
    index(whole(beyond)).saturating_add(ETC_SHORT_VALUES.len()).min(ETC_VALUE_BYTES_MAX)
}

/// Location, scale and shape of the key sizes, bytes.
const ETC_KEY: (f64, f64, f64) = (30.7984, 8.20449, 0.078688);
/// Scale and shape of the value sizes from 15 bytes on.
const ETC_VALUE: (f64, f64) = (214.476, 0.348238);
/// Probabilities of values of 0 to 14 bytes (table 5 of the paper).
const ETC_SHORT_VALUES: [f64; 15] = [
    0.00536, 0.00047, 0.17820, 0.09239, 0.00018, 0.02740, 0.00065, 0.00606, 0.00023, 0.00837, 0.00837,
    0.08989, 0.00092, 0.00326, 0.01980,
];
/// memcached's longest key.
pub(crate) const ETC_KEY_BYTES_MAX: usize = 250;
/// A value that memcached's default item limit of 1 MiB still takes with its header.
const ETC_VALUE_BYTES_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const ETC: Sizes = Sizes::Etc { seed: 1, key_bytes_min: 6 };

    fn quantile(mut sizes: Vec<usize>, share: f64) -> usize {
        sizes.sort_unstable();
        sizes[index(whole(sizes.len() as f64 * share))]
    }

    #[test]
    fn etc_keys_are_like_the_paper() {
        let sizes: Vec<usize> = (0..100_000).map(|key| ETC.key_bytes(key)).collect();
        assert!((32..=35).contains(&quantile(sizes.clone(), 0.5)), "{}", quantile(sizes, 0.5));
        assert!((60..=80).contains(&quantile(sizes.clone(), 0.99)), "{}", quantile(sizes, 0.99));
        assert!(sizes.iter().all(|size| (6..=ETC_KEY_BYTES_MAX).contains(size)));
    }

    #[test]
    fn etc_values_are_like_the_paper() {
        let sizes: Vec<usize> = (0..100_000).map(|key| ETC.value_bytes(key)).collect();
        let of_two = sizes.iter().filter(|size| **size == 2).count();
        assert!((17_300..18_300).contains(&of_two), "{of_two}");
        let short = sizes.iter().filter(|size| **size < 15).count();
        assert!((43_400..44_900).contains(&short), "{short}");
        assert!((25..60).contains(&quantile(sizes.clone(), 0.5)), "{}", quantile(sizes, 0.5));
        assert!((1_500..3_000).contains(&quantile(sizes.clone(), 0.99)), "{}", quantile(sizes, 0.99));
        assert!(sizes.iter().all(|size| *size <= ETC.value_bytes_max()));
    }

    #[test]
    fn extremes_stay_in_bounds() {
        assert_eq!(etc_value_bytes(0.0), 0);
        assert_eq!(etc_value_bytes(1.0 - f64::EPSILON / 2.0), ETC_VALUE_BYTES_MAX);
        assert!(etc_key_bytes(0.0) < 31);
    }

    #[test]
    fn sizes_belong_to_the_seed() {
        let of = |seed| (0..100).map(|key| Sizes::Etc { seed, key_bytes_min: 1 }.value_bytes(key)).collect();
        let (first, again, other): (Vec<_>, Vec<_>, Vec<_>) = (of(1), of(1), of(2));
        assert_eq!(first, again);
        assert_ne!(first, other);
    }
}
