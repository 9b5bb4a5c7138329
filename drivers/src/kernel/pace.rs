//! A short rest before a poll, while many connections keep the shard busy.
//!
//! Without pipelining, half of the work of a request is the wake-up: of the server for it and of the client for the
//! reply; and what a shard asks another costs a wake-up of that one. Resting some microseconds lets requests of
//! other connections and answers of other shards gather, so that a turn serves many. A rest delays replies, so it is
//! taken only where it pays: with many connections and a high rate, and by a shard on its own only once it is short
//! of time. A lone client, or a shard that is half idle, never pays for it.

use rustix::thread::{ClockId, clock_nanosleep_relative};
use rustix::time::Timespec;

use crate::clock::kernel_mono_ns;

/// Decides whether to rest, from what the polls of the last window did.
pub(super) struct Pace {
    rest_ns: u64,
    window: Window,
    window_count: u32,
}

/// What happened since the last decision.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    start_ns: u64,
    /// Time that polls slept for want of work; rests do not count.
    slept_ns: u64,
    polls: u32,
    receives: u32,
    /// Connections that were received from, each counted once.
    connections: u32,
    bytes: u64,
    /// Requests and asks that were executed.
    work: u64,
    /// Asks among them.
    asks: u64,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            rest_ns: 0,
            window: Window { start_ns: kernel_mono_ns(), ..Window::default() },
            window_count: 1,
        }
    }

    /// Rests if the last window says so. Says whether it did.
    pub(super) fn rest(&self) -> bool {
        if self.rest_ns > 0 {
            let rest = Timespec { tv_sec: 0, tv_nsec: i64::try_from(self.rest_ns).unwrap_or(0) };
            // A signal ends the rest early, which is as good.
            let _ = clock_nanosleep_relative(ClockId::Monotonic, &rest);
        }
        self.rest_ns > 0
    }

    /// Waits for work by `sleep` and counts the time.
    pub(super) fn sleep(&mut self, sleep: impl FnOnce()) {
        let before_ns = kernel_mono_ns();
        sleep();
        self.window.slept_ns += kernel_mono_ns().saturating_sub(before_ns);
    }

    /// Counts a receive. `seen` is kept by the connection: the last window in which it was counted.
    pub(super) fn received(&mut self, bytes: usize, seen: &mut u32) {
        self.window.receives += 1;
        self.window.bytes += bytes as u64;
        self.window.connections += u32::from(*seen != self.window_count);
        *seen = self.window_count;
    }

    /// Counts what a turn has executed: `requests` of this shard's connections and `asks` of other shards.
    pub(super) fn worked(&mut self, requests: usize, asks: usize) {
        self.window.work += (requests + asks) as u64;
        self.window.asks += asks as u64;
    }

    /// Counts a poll, and ends the window if it was long enough or a rest gathered nothing.
    pub(super) fn polled(&mut self, ready: usize) {
        self.window.polls += 1;
        if self.window.polls >= POLLS_PER_WINDOW || (self.rest_ns > 0 && ready == 0 && self.window.asks == 0)
        {
            let now_ns = kernel_mono_ns();
            self.rest_ns = self.window.rest_ns(self.rest_ns > 0, now_ns);
            self.window = Window { start_ns: now_ns, ..Window::default() };
            self.window_count = self.window_count.wrapping_add(1);
        }
    }
}

impl Window {
    /// The rest of the next window, after one that rested or not.
    fn rest_ns(&self, rested: bool, now_ns: u64) -> u64 {
        let elapsed_ns = now_ns.saturating_sub(self.start_ns);
        let many = self.connections >= CONNECTIONS_MIN;
        let small = self.bytes <= u64::from(self.receives) * RECEIVE_BYTES_SMALL;
        // Work that would gather during a rest, at the rate of this window.
        let gathers = self.work * REST_NS >= GATHERED_MIN * elapsed_ns;
        let short_of_time = rested || self.slept_ns * 100 <= elapsed_ns * SLEPT_PERCENT_MAX;
        match (many && small && gathers, self.asks > 0) {
            (true, true) => REST_MESH_NS,
            (true, false) if short_of_time => REST_NS,
            _ => 0,
        }
    }
}

/// The rest. A connection without pipelining still does some 10,000 requests per second.
const REST_NS: u64 = 50_000;
/// The rest of a shard that works for others as well: each of their wake-ups that it saves costs twice.
const REST_MESH_NS: u64 = 100_000;
/// Polls of a window.
const POLLS_PER_WINDOW: u32 = 32;
/// Connections that must have been active in a window.
const CONNECTIONS_MIN: u32 = 8;
/// Requests below which a rest gathers too little: 80,000 per second.
const GATHERED_MIN: u64 = 4;
/// Share of the time that a shard may have slept and still count as short of it.
const SLEPT_PERCENT_MAX: u64 = 40;
/// Mean bytes per receive above which connections carry large values: a rest would only slow them.
const RECEIVE_BYTES_SMALL: u64 = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// 5 requests in the time of a rest, and busy for three quarters of it.
    const BUSY: Window = Window {
        start_ns: 0,
        slept_ns: END_NS / 4,
        polls: 32,
        receives: 100,
        connections: 20,
        bytes: 100 * 40,
        work: 100,
        asks: 0,
    };
    const END_NS: u64 = 20 * REST_NS;

    #[test]
    fn it_rests_while_many_connections_keep_it_busy() {
        assert_eq!(BUSY.rest_ns(false, END_NS), REST_NS);
        assert_eq!(
            Window { connections: 7, ..BUSY }.rest_ns(false, END_NS),
            0,
            "few clients would pay for nothing"
        );
        assert_eq!(Window { work: 79, ..BUSY }.rest_ns(false, END_NS), 0, "a rest would gather little");
        assert_eq!(
            Window { bytes: 100 * 16_000, ..BUSY }.rest_ns(false, END_NS),
            0,
            "large values do not wait"
        );
    }

    #[test]
    fn a_shard_with_time_to_spare_rests_only_for_others() {
        let idle = Window { slept_ns: END_NS / 2, ..BUSY };
        assert_eq!(idle.rest_ns(false, END_NS), 0);
        assert_eq!(idle.rest_ns(true, END_NS), REST_NS, "it has the time because it rested");
        assert_eq!(Window { asks: 9, ..idle }.rest_ns(false, END_NS), REST_MESH_NS);
    }

    #[test]
    fn a_rest_that_gathers_nothing_ends_the_window() {
        let mut pace = Pace { rest_ns: REST_NS, ..Pace::new() };
        pace.polled(3);
        assert_eq!(pace.rest_ns, REST_NS);
        pace.polled(0);
        assert_eq!(pace.rest_ns, 0);
    }

    #[test]
    fn a_connection_counts_once_in_a_window() {
        let (mut pace, mut seen) = (Pace::new(), 0);
        pace.received(10, &mut seen);
        pace.received(10, &mut seen);
        assert_eq!((pace.window.receives, pace.window.connections), (2, 1));
    }
}
