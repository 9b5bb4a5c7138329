//! A limit of a rate: a bucket of tokens that time fills.

/// A bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    tokens: u64,
    most: u64,
    interval_ns: u64,
    filled_ns: u64,
}

impl Bucket {
    /// A full bucket of `most` tokens, with another one every `interval_ns`.
    pub(crate) fn new(most: u64, interval_ns: u64, now_ns: u64) -> Self {
        Self { tokens: most, most, interval_ns, filled_ns: now_ns }
    }

    /// Takes a token, if there is one.
    #[inline]
    pub(crate) fn take(&mut self, now_ns: u64) -> bool {
        let new = now_ns.saturating_sub(self.filled_ns) / self.interval_ns;
        if new > 0 {
            self.tokens = self.most.min(self.tokens.saturating_add(new));
            self.filled_ns += new * self.interval_ns;
        }
        let may = self.tokens > 0;
        self.tokens -= u64::from(may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_with_time_up_to_the_most() {
        let mut bucket = Bucket::new(2, 10, 100);
        assert!(bucket.take(100) && bucket.take(100) && !bucket.take(109));
        assert!(bucket.take(110) && !bucket.take(119) && bucket.take(120));
        assert!(bucket.take(u64::MAX) && bucket.take(u64::MAX) && !bucket.take(u64::MAX));
        assert!(!bucket.take(0), "time that goes back fills nothing");
    }
}
