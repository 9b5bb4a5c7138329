//! The random numbers of a load: a seed gives the same sequence on every machine. Not for secrets.

/// xoshiro256++ of Blackman and Vigna (2019), its state filled by SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: [u64; 4],
}

impl Random {
    /// The sequence of `seed`; `stream` numbers independent sequences of one seed (one per thread).
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let origin = mix(seed).wrapping_add(mix(stream.wrapping_add(GOLDEN)));
        let word = |number: u64| mix(origin.wrapping_add(number.wrapping_mul(GOLDEN)));
        Self { state: [word(1), word(2), word(3), word(4)] }
    }

    /// 64 random bits.
    #[inline]
    pub(crate) fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// Uniform in [0, 1), in steps of 2^-53.
    #[inline]
    pub(crate) fn unit(&mut self) -> f64 {
        unit_of(self.bits())
    }

    /// Uniform in 0..`limit`; a bias of at most `limit` / 2^64 is accepted.
    #[inline]
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        let product = u128::from(self.bits()) * u128::from(limit);
        u64::try_from(product >> 64).expect("the high half has 64 bits")
    }
}

/// SplitMix64's finalizer: a fixed permutation that looks random.
#[inline]
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// 64 random bits as a number in [0, 1).
#[inline]
pub(crate) fn unit_of(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// 2^64 divided by the golden ratio, SplitMix64's increment.
pub(crate) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, stream: u64) -> Vec<u64> {
        let mut random = Random::new(seed, stream);
        (0..100).map(|_| random.bits()).collect()
    }

    #[test]
    fn a_seed_repeats_and_streams_differ() {
        assert_eq!(draw(7, 0), draw(7, 0));
        assert_ne!(draw(7, 0), draw(7, 1));
        assert_ne!(draw(7, 0), draw(8, 0));
    }

    /// The first outputs for the state 1, 2, 3, 4, as the authors' C program gives them.
    #[test]
    fn agrees_with_the_reference() {
        let mut random = Random { state: [1, 2, 3, 4] };
        let expected = [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386];
        assert_eq!([random.bits(), random.bits(), random.bits(), random.bits()], expected);
    }

    #[test]
    fn ranges_hold_and_are_even() {
        let mut random = Random::new(1, 0);
        let mut counts = [0_u32; 10];
        for _ in 0..100_000 {
            let unit = random.unit();
            assert!((0.0..1.0).contains(&unit));
            counts[crate::number::index(random.below(10))] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }
}
