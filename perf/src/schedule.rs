//! When requests are due: at once (closed loop), or on a schedule (open loop). Has no clock of its own.

use crate::number::whole;
use crate::random::Random;

/// The gaps of an open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Arrivals {
    /// Exponential gaps, as from many independent clients.
    Poisson,
    /// Equal gaps.
    Fixed,
}

/// The due times of one thread's requests, in nanoseconds since its start.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    arrivals: Arrivals,
    gap_ns: f64,
    next_ns: f64,
    random: Random,
}

impl Schedule {
    /// A schedule of `rate_per_s` requests; `phase` in [0, 1) shifts the first by that part of a gap.
    pub(crate) fn new(arrivals: Arrivals, rate_per_s: f64, phase: f64, random: Random) -> Self {
        let gap_ns = 1e9 / rate_per_s;
        Self { arrivals, gap_ns, next_ns: gap_ns * phase, random }
    }

    /// When the next request is due.
    pub(crate) fn due_ns(&self) -> u64 {
        whole(self.next_ns)
    }

    /// Passes on to the request after the next.
    pub(crate) fn advance(&mut self) {
        self.next_ns += match self.arrivals {
            Arrivals::Fixed => self.gap_ns,
            Arrivals::Poisson => -(1.0 - self.random.unit()).ln() * self.gap_ns,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(mut schedule: Schedule, count: usize) -> Vec<u64> {
        let step = |schedule: &mut Schedule| {
            let due_ns = schedule.due_ns();
            schedule.advance();
            due_ns
        };
        (0..count).map(|_| step(&mut schedule)).collect()
    }

    #[test]
    fn fixed_gaps_are_equal_and_shifted_by_the_phase() {
        let schedule = Schedule::new(Arrivals::Fixed, 1e6, 0.5, Random::new(1, 0));
        assert_eq!(due(schedule, 4), [500, 1500, 2500, 3500]);
    }

    #[test]
    fn fixed_gaps_do_not_drift() {
        let schedule = Schedule::new(Arrivals::Fixed, 3e6, 0.0, Random::new(1, 0));
        let last = *due(schedule, 3_000_001).last().unwrap();
        assert!(last.abs_diff(1_000_000_000) < 1_000, "{last}");
    }

    #[test]
    fn poisson_gaps_have_mean_and_spread_of_the_rate() {
        let schedule = Schedule::new(Arrivals::Poisson, 1e6, 0.0, Random::new(1, 0));
        let due = due(schedule, 100_001);
        let mean_ns = due[100_000] as f64 / 1e5;
        assert!((mean_ns / 1000.0 - 1.0).abs() < 0.02, "{mean_ns}");
        let longer = due.windows(2).filter(|pair| pair[1] - pair[0] > 1000).count();
        assert!((36_000..37_600).contains(&longer), "{longer} of 100,000; 1/e expected");
    }

    #[test]
    fn a_seed_repeats() {
        let of = |seed| due(Schedule::new(Arrivals::Poisson, 1e5, 0.0, Random::new(seed, 0)), 100);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
