//! Time, as a shard is given it: read once a turn, from the kernel or from a simulation.

use std::cell::Cell;
use std::rc::Rc;

use rustix::time::{ClockId, clock_gettime};

/// A moment on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Nanoseconds that never go back, since an unnamed start: for deadlines and intervals.
    pub mono_ns: u64,
    /// Milliseconds since 1970-01-01 UTC, which may jump: for expiry times that clients name.
    pub unix_ms: u64,
}

/// A source of time.
#[derive(Clone)]
pub enum Clock {
    /// The kernel's `CLOCK_MONOTONIC` and `CLOCK_REALTIME`, without a system call.
    Kernel,
    /// A time that a simulation sets.
    Sim(Rc<Cell<Now>>),
}

impl Clock {
    /// The time now.
    #[inline]
    pub fn now(&self) -> Now {
        match self {
            Self::Kernel => kernel_after(Now::default(), &mut 0),
            Self::Sim(now) => now.get(),
        }
    }

    /// Nanoseconds of the time now: [`Now::mono_ns`] alone, which costs half as much.
    #[inline]
    pub fn mono_ns(&self) -> u64 {
        match self {
            Self::Kernel => kernel_mono_ns(),
            Self::Sim(now) => now.get().mono_ns,
        }
    }

    /// The time now, where it was `before` a moment ago. `tick_ns` is when the milliseconds since 1970 change next, 0 at first; that the wall
    /// clock was set is seen a millisecond later at most.
    #[inline]
    pub fn after(&self, before: Now, tick_ns: &mut u64) -> Now {
        match self {
            Self::Kernel => kernel_after(before, tick_ns),
            Self::Sim(now) => now.get(),
        }
    }
}

/// The time after `before`: the wall clock is looked at once in each millisecond, which halves what most turns pay. It is read behind the other
/// clock, so its tick is never expected too late.
fn kernel_after(before: Now, tick_ns: &mut u64) -> Now {
    let mono_ns = kernel_mono_ns();
    if mono_ns < *tick_ns {
        return Now { mono_ns, unix_ms: before.unix_ms };
    }
    let real = clock_gettime(ClockId::Realtime);
    *tick_ns = mono_ns + NS_PER_MS - unsigned(real.tv_nsec) % NS_PER_MS;
    Now { mono_ns, unix_ms: unsigned(real.tv_sec) * 1_000 + unsigned(real.tv_nsec) / NS_PER_MS }
}

/// The kernel's monotonic time alone, for drivers.
#[inline]
pub(crate) fn kernel_mono_ns() -> u64 {
    let mono = clock_gettime(ClockId::Monotonic);
    unsigned(mono.tv_sec) * 1_000_000_000 + unsigned(mono.tv_nsec)
}

/// Both clocks are past 1970 on any machine whose clock was ever set; before that the time counts as 0.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

const NS_PER_MS: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_time_does_not_go_back() {
        let first = Clock::Kernel.now();
        let second = Clock::Kernel.now();
        assert!(second.mono_ns >= first.mono_ns);
        assert!(first.unix_ms > 1_600_000_000_000, "the machine's clock is set");
    }

    #[test]
    fn milliseconds_change_with_those_of_the_kernel() {
        let (mut now, mut tick_ns) = (Now::default(), 0);
        for _ in 0..20_000 {
            let before = Clock::Kernel.now().unix_ms;
            now = Clock::Kernel.after(now, &mut tick_ns);
            assert!(
                (before..=Clock::Kernel.now().unix_ms).contains(&now.unix_ms),
                "{now:?}, before: {before}"
            );
        }
    }

    #[test]
    fn simulated_time_is_what_the_simulation_says() {
        let cell = Rc::new(Cell::new(Now::default()));
        let clock = Clock::Sim(Rc::clone(&cell));
        cell.set(Now { mono_ns: 7, unix_ms: 9 });
        assert_eq!(clock.now(), Now { mono_ns: 7, unix_ms: 9 });
    }
}
