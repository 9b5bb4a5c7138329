//! When a device is asked again that takes a system call for each burst: once some frames have gathered, where they come fast.

/// How fast frames come, and when to ask again.
#[derive(Default)]
pub(crate) struct Gather {
    /// Each burst is a system call.
    costs_calls: bool,
    /// The time between frames: an average in which the latest counts an eighth.
    interval_ns: u64,
    received_ns: u64,
    next_ns: u64,
}

impl Gather {
    /// Of a device of which nothing is known yet.
    pub(crate) fn new(costs_calls: bool) -> Self {
        Self { costs_calls, interval_ns: u64::MAX / 8, ..Self::default() }
    }

    /// Whether frames gather a little longer.
    #[inline]
    pub(crate) fn waits(&self, now_ns: u64) -> bool {
        now_ns < self.next_ns
    }

    /// Frames have come.
    #[inline]
    pub(crate) fn received(&mut self, count: usize, now_ns: u64) {
        if !self.costs_calls || count == 0 {
            return;
        }
        let interval_ns = now_ns.saturating_sub(self.received_ns) / count as u64;
        self.interval_ns = self.interval_ns - self.interval_ns / 8 + interval_ns / 8;
        self.received_ns = now_ns;
        // A lone client would wait for nobody.
        let gathers = self.interval_ns < GATHER_NS / GATHERED_MIN;
        self.next_ns = if gathers { now_ns + GATHER_NS } else { 0 };
    }
}

/// How long frames gather.
const GATHER_NS: u64 = 30_000;
/// As many are expected to come meanwhile, at least.
const GATHERED_MIN: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_gather_where_they_come_fast() {
        let mut gather = Gather::new(true);
        let mut now_ns = 0;
        for _ in 0..500 {
            now_ns += 20_000;
            gather.received(1, now_ns);
            assert!(!gather.waits(now_ns), "a lone client is answered at once");
        }
        for _ in 0..100 {
            now_ns += 3_000;
            gather.received(1, now_ns);
        }
        assert!(gather.waits(now_ns + GATHER_NS - 1) && !gather.waits(now_ns + GATHER_NS));
        gather.received(0, now_ns + GATHER_NS);
        assert!(!gather.waits(now_ns + GATHER_NS), "nothing has come");
    }

    #[test]
    fn a_device_that_costs_nothing_is_asked_at_once() {
        let mut gather = Gather::new(false);
        (1..100).for_each(|now_ns| gather.received(32, now_ns));
        assert!(!gather.waits(100));
    }
}
