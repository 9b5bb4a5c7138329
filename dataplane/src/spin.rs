//! How a shard that polls devices falls asleep: it asks them again and again for a while, then naps longer and longer.

use std::time::Duration;

use adit_drivers::streams::Wait;

/// Since when there was nothing to do.
#[derive(Default)]
pub(crate) struct Spin {
    idle_since_ns: u64,
}

impl Spin {
    /// Something was done.
    #[inline]
    pub(crate) fn worked(&mut self, now_ns: u64) {
        self.idle_since_ns = now_ns;
    }

    /// How long a shard that has nothing to do, and nothing due before `due`, may wait for something to come. What
    /// comes to a polled device does not end the wait, unless `is_told`: the device will interrupt it.
    pub(crate) fn wait(&self, now_ns: u64, due: Wait, is_told: bool) -> Wait {
        let idle_ns = now_ns.saturating_sub(self.idle_since_ns);
        if idle_ns < SPIN_NS {
            return Wait::No;
        }
        if is_told {
            return due;
        }
        let nap = Duration::from_nanos((idle_ns / NAP_PARTS).clamp(NAP_NS_MIN, NAP_NS_MAX));
        match due {
            Wait::For(wait) => Wait::For(wait.min(nap)),
            Wait::Forever => Wait::For(nap),
            Wait::No => Wait::No,
        }
    }
}

/// A shard without work asks its devices for so long before it naps: about what waking up costs.
pub(crate) const SPIN_NS: u64 = 100_000;
/// A nap is a part of the time that nothing came: a pause is not made much longer by it.
const NAP_PARTS: u64 = 8;
/// Shortest nap: the timer of the kernel adds as much.
const NAP_NS_MIN: u64 = 20_000;
/// Longest nap, and so the worst wake-up latency of a shard whose devices do not interrupt, the kernel's timer slack
/// apart. It costs less than 1 % of a core.
pub(crate) const NAP_NS_MAX: u64 = 2_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naps_follow_a_time_of_asking_and_grow_to_the_longest() {
        let mut spin = Spin::default();
        spin.worked(1_000);
        let nap = |idle_ns| spin.wait(1_000 + idle_ns, Wait::Forever, false);
        assert_eq!(nap(SPIN_NS - 1), Wait::No);
        assert_eq!(nap(SPIN_NS), Wait::For(Duration::from_nanos(NAP_NS_MIN)));
        assert_eq!(nap(800_000), Wait::For(Duration::from_nanos(100_000)));
        assert_eq!(nap(1 << 40), Wait::For(Duration::from_nanos(NAP_NS_MAX)));
    }

    #[test]
    fn what_is_due_or_told_ends_a_nap() {
        let spin = Spin::default();
        let due = Wait::For(Duration::from_nanos(5));
        assert_eq!(spin.wait(1 << 40, due, false), due);
        assert_eq!(spin.wait(1 << 40, Wait::Forever, true), Wait::Forever);
        assert_eq!(spin.wait(1, Wait::Forever, true), Wait::No, "it asks for a while first");
    }
}
