//! How long to wait for an answer: the measured round trip of one shard (RFC 6298).

/// The round trip of one shard, and the time-out that follows from it.
#[derive(Clone, Debug)]
pub(super) struct Rtt {
    /// Smoothed round trip and its variation; 0 before the first sample.
    smoothed_ns: u64,
    variation_ns: u64,
    /// How often the time-out is doubled.
    back_off: u32,
    backed_off_ns: u64,
}

impl Rtt {
    pub(super) fn new() -> Self {
        Self { smoothed_ns: 0, variation_ns: 0, back_off: 0, backed_off_ns: 0 }
    }

    /// A round trip of something that was sent once (Karn's algorithm, section 3); sections 2.2 and 2.3.
    #[inline]
    pub(super) fn sample(&mut self, round_trip_ns: u64) {
        self.back_off = 0;
        let round_trip_ns = round_trip_ns.min(RTO_NS_MAX);
        if self.smoothed_ns == 0 {
            (self.smoothed_ns, self.variation_ns) = (round_trip_ns, round_trip_ns / 2);
            return;
        }
        let error_ns = self.smoothed_ns.abs_diff(round_trip_ns);
        self.variation_ns = (3 * self.variation_ns + error_ns) / 4;
        self.smoothed_ns = (7 * self.smoothed_ns + round_trip_ns) / 8;
    }

    /// The time-out; section 2.4 asks for at least 1 s, but copies are cheap here, and never applied twice.
    #[inline]
    pub(super) fn rto_ns(&self) -> u64 {
        let rto_ns = if self.smoothed_ns == 0 {
            RTO_NS_FIRST
        } else {
            (self.smoothed_ns + 4 * self.variation_ns).max(RTO_NS_MIN)
        };
        (rto_ns << self.back_off.min(BACK_OFF_MAX)).min(RTO_NS_MAX)
    }

    /// Something that was sent at `sent_ns` had no answer in time. Doubles the time-out, section 5.5, but once for all
    /// that was sent before the last doubling. Says whether it did.
    pub(super) fn timed_out(&mut self, sent_ns: u64, now_ns: u64) -> bool {
        let doubles = sent_ns >= self.backed_off_ns;
        if doubles {
            self.back_off = (self.back_off + 1).min(BACK_OFF_MAX);
            self.backed_off_ns = now_ns;
        }
        doubles
    }
}

/// The time-out before anything was measured: a round trip around the world.
const RTO_NS_FIRST: u64 = 250_000_000;
/// The shortest time-out: shards that are short of time rest for 0.1 ms, and schedulers for some.
const RTO_NS_MIN: u64 = 4_000_000;
/// The longest.
pub(super) const RTO_NS_MAX: u64 = 1_000_000_000;
/// Doublings from the shortest time-out to beyond the longest.
const BACK_OFF_MAX: u32 = 8;
const _: () = assert!(RTO_NS_MIN << BACK_OFF_MAX > RTO_NS_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_out_follows_the_round_trip() {
        let mut rtt = Rtt::new();
        assert_eq!(rtt.rto_ns(), RTO_NS_FIRST);
        rtt.sample(20_000_000);
        assert_eq!(rtt.rto_ns(), 60_000_000);
        (0..100).for_each(|_| rtt.sample(20_000_000));
        assert!((20_000_000..21_000_000).contains(&rtt.rto_ns()), "{}", rtt.rto_ns());
        (0..100).for_each(|_| rtt.sample(10_000));
        assert_eq!(rtt.rto_ns(), RTO_NS_MIN);
        rtt.sample(u64::MAX);
        assert_eq!(rtt.rto_ns(), RTO_NS_MAX);
    }

    #[test]
    fn each_loss_doubles_the_time_out_once_and_up_to_a_second() {
        let mut rtt = Rtt::new();
        (0..100).for_each(|_| rtt.sample(10_000));
        assert!(rtt.timed_out(5, 10));
        assert!(!rtt.timed_out(6, 10), "it was sent together with the other");
        assert_eq!(rtt.rto_ns(), 2 * RTO_NS_MIN);
        for time in 11..50 {
            rtt.timed_out(time, time);
        }
        assert_eq!(rtt.rto_ns(), RTO_NS_MAX);
        rtt.sample(10_000);
        assert_eq!(rtt.rto_ns(), RTO_NS_MIN);
    }
}
