//! A short rest before a poll while many connections are busy with small requests.
//!
//! Without pipelining, half of the work of a request is the wake-up: of the server for it and of the client for the
//! reply. Resting some microseconds lets requests of other connections gather, so that a poll serves many. A lone
//! client would pay the whole rest for nothing, so it is taken only while many connections are active.

use rustix::thread::{ClockId, clock_nanosleep_relative};
use rustix::time::{Timespec, clock_gettime};

/// Decides whether to rest, from what the polls of the last window received.
pub(super) struct Pace {
    window_start_ns: u64,
    polls: u32,
    receives: u32,
    bytes: u64,
    rest_ns: u64,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { window_start_ns: 0, polls: 0, receives: 0, bytes: 0, rest_ns: 0 }
    }

    /// Rests if the last window says so.
    pub(super) fn rest(&self) {
        if self.rest_ns > 0 {
            let rest = Timespec { tv_sec: 0, tv_nsec: i64::try_from(self.rest_ns).unwrap_or(0) };
            // A signal ends the rest early, which is as good.
            let _ = clock_nanosleep_relative(ClockId::Monotonic, &rest);
        }
    }

    /// Counts a poll that received `bytes` from `receives` connections.
    pub(super) fn observe(&mut self, receives: usize, bytes: usize) {
        self.polls += 1;
        self.receives += u32::try_from(receives).unwrap_or(u32::MAX);
        self.bytes += bytes as u64;
        if self.polls >= POLLS_PER_LOOK || (self.rest_ns > 0 && receives < RECEIVES_PER_REST_MIN) {
            self.look(mono_ns());
        }
    }

    /// Ends the window and decides for the next.
    fn look(&mut self, now_ns: u64) {
        let elapsed_ns = now_ns.saturating_sub(self.window_start_ns).max(1);
        let receives = u64::from(self.receives);
        let small = self.bytes <= receives * REQUEST_BYTES_SMALL;
        // Receives that would gather during a rest, at the rate of this window.
        let gathered = receives * REST_NS / elapsed_ns;
        self.rest_ns = if small && gathered >= GATHERED_MIN { REST_NS } else { 0 };
        *self = Self { window_start_ns: now_ns, polls: 0, receives: 0, bytes: 0, rest_ns: self.rest_ns };
    }
}

fn mono_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// The rest. At 50 us a connection without pipelining still does 10,000 requests per second.
const REST_NS: u64 = 50_000;
/// Polls between two looks at the clock.
const POLLS_PER_LOOK: u32 = 16;
/// A rest that gathers fewer than this was not worth it: look at once.
const RECEIVES_PER_REST_MIN: usize = 2;
/// Rest only if this many receives would gather.
const GATHERED_MIN: u64 = 4;
/// Mean bytes per receive up to which connections count as not pipelining.
const REQUEST_BYTES_SMALL: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn pace_after(receives: u32, bytes_each: u64, elapsed_ns: u64) -> u64 {
        let mut pace = Pace::new();
        pace.receives = receives;
        pace.bytes = u64::from(receives) * bytes_each;
        pace.look(elapsed_ns);
        pace.rest_ns
    }

    #[test]
    fn it_rests_only_while_many_small_requests_come() {
        assert_eq!(pace_after(100, 40, 1_000_000), REST_NS, "100 in a millisecond: 5 gather in a rest");
        assert_eq!(pace_after(60, 40, 1_000_000), 0, "a lone client: 3 would gather at most");
        assert_eq!(pace_after(100, 4_000, 1_000_000), 0, "pipelines are gathered already");
    }

    #[test]
    fn it_stops_resting_when_requests_stop_coming() {
        let mut pace = Pace { rest_ns: REST_NS, window_start_ns: mono_ns(), ..Pace::new() };
        pace.observe(0, 0);
        assert_eq!(pace.rest_ns, 0);
    }
}
