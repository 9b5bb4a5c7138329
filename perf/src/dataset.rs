//! The keys and values of a load as bytes, made from key numbers. Holds one pattern, not the data.

use anyhow::ensure;

use crate::number::index;
use crate::random::Random;
use crate::sizes::Sizes;

/// Keys and values that follow from key numbers.
#[derive(Clone, Debug)]
pub(crate) struct Dataset {
    pub(crate) sizes: Sizes,
    /// Random bytes; a value is a window of it.
    pattern: Vec<u8>,
}

impl Dataset {
    /// # Errors
    /// When keys of the given size cannot tell `keys_max` numbers apart.
    pub(crate) fn new(sizes: Sizes, keys_max: u64, seed: u64) -> anyhow::Result<Self> {
        let digits = key_bytes_min(keys_max);
        if let Sizes::Fixed { key_bytes, .. } = sizes {
            ensure!(key_bytes >= digits, "{keys_max} keys need --key-size {digits} or more, not {key_bytes}");
        }
        let mut random = Random::new(seed, PATTERN_STREAM);
        let length = sizes.value_bytes_max() + PATTERN_SHIFTS;
        let pattern = (0..length).map(|_| PRINTABLE[index(random.below(PRINTABLE.len() as u64))]).collect();
        Ok(Self { sizes, pattern })
    }

    /// Appends the bytes of key `key` to `out`: its decimal digits after as many zeros as the size asks for.
    #[inline]
    pub(crate) fn push_key(&self, out: &mut Vec<u8>, key: u64, key_bytes: usize) {
        let start = out.len();
        out.resize(start + key_bytes, b'0');
        let mut rest = key;
        for place in out[start..].iter_mut().rev() {
            if rest == 0 {
                break;
            }
            *place = PRINTABLE[index(rest % 10)];
            rest /= 10;
        }
    }

    /// The bytes of the value of key `key`.
    #[inline]
    pub(crate) fn value(&self, key: u64) -> &[u8] {
        let start = index(key) % PATTERN_SHIFTS;
        &self.pattern[start..start + self.sizes.value_bytes(key)]
    }
}

/// Digits that tell `keys_max` numbers apart.
pub(crate) fn key_bytes_min(keys_max: u64) -> usize {
    keys_max.saturating_sub(1).checked_ilog10().map_or(1, |digits| index(u64::from(digits)) + 1)
}

/// What values consist of; the first ten are the decimal digits.
const PRINTABLE: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
/// Values of neighbouring keys start at different places of the pattern.
const PATTERN_SHIFTS: usize = 61;
/// The random stream of the pattern; threads use the small numbers.
const PATTERN_STREAM: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(key_bytes: usize, value_bytes: usize) -> Sizes {
        Sizes::Fixed { key_bytes, value_bytes }
    }

    #[test]
    fn keys_are_padded_numbers() {
        let dataset = Dataset::new(fixed(8, 3), 1000, 1).unwrap();
        let mut out = b"x".to_vec();
        dataset.push_key(&mut out, 905, 8);
        dataset.push_key(&mut out, 0, 8);
        assert_eq!(out, b"x0000090500000000");
        assert_eq!(dataset.value(7).len(), 3);
        assert_ne!(dataset.value(7), dataset.value(8));
    }

    #[test]
    fn keys_must_fit() {
        assert_eq!([1, 10, 11, 100, 101].map(key_bytes_min), [1, 1, 2, 2, 3]);
        assert!(Dataset::new(fixed(2, 1), 100, 1).is_ok());
        assert!(Dataset::new(fixed(2, 1), 101, 1).is_err());
    }
}
