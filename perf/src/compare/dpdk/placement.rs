//! How near two cores are to each other: the host of a virtual machine moves them, and what two processes say to each other
//! costs several times as much when they are far apart.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::cpu::pin_to;
use crate::number::nanoseconds;

/// The round trip of a cache line between the cores, before and after a turn.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(super) struct Placement {
    pub(super) before_ns: f64,
    pub(super) after_ns: f64,
}

/// What a turn is filed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Distance {
    /// Two threads of one core: each takes from the other.
    Shared,
    Near,
    Far,
    /// It changed during the turn.
    Mixed,
}

impl Placement {
    pub(super) fn distance(self) -> Distance {
        let of = |round_trip_ns: f64| match round_trip_ns {
            ns if ns < SHARED_NS_MAX => Distance::Shared,
            ns if ns < NEAR_NS_MAX => Distance::Near,
            _ => Distance::Far,
        };
        let (before, after) = (of(self.before_ns), of(self.after_ns));
        if before == after { before } else { Distance::Mixed }
    }
}

impl Distance {
    pub(super) const ALL: [Self; 4] = [Self::Shared, Self::Near, Self::Far, Self::Mixed];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Near => "near",
            Self::Far => "far",
            Self::Mixed => "mixed",
        }
    }
}

/// Runs `turn` between two measurements.
pub(super) fn around<T>(
    cores: [usize; 2],
    turn: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(Placement, T)> {
    let before_ns = round_trip_ns(cores)?;
    let result = turn()?;
    let after_ns = round_trip_ns(cores)?;
    Ok((Placement { before_ns, after_ns }, result))
}

/// Nanoseconds for a cache line to the other core and back: of many short stretches a low one, since others run on these
/// cores too, and who waits for a thread that does not run waits for milliseconds.
pub(super) fn round_trip_ns(cores: [usize; 2]) -> anyhow::Result<f64> {
    let line = Line::default();
    let [near, far] = cores;
    std::thread::scope(|scope| {
        let answering = scope.spawn(|| line.answer(far));
        let asking = scope.spawn(|| line.ask(near));
        let asked = asking.join().map_err(|_| anyhow!("a thread that measures the cores panicked"))?;
        answering.join().map_err(|_| anyhow!("a thread that measures the cores panicked"))??;
        asked
    })
}

/// What both write, alone on its cache lines.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

impl Line {
    fn ask(&self, core: usize) -> anyhow::Result<f64> {
        let pinned = pin_to(core);
        let mut stretches_ns = Vec::new();
        let (begin, mut number) = (Instant::now(), 0);
        while begin.elapsed() < DURATION
            || (stretches_ns.len() < STRETCHES_MIN && begin.elapsed() < DURATION_MAX)
        {
            let stretch = Instant::now();
            for _ in 0..STRETCH {
                number += 2;
                self.0.store(number - 1, Ordering::Release);
                while self.0.load(Ordering::Acquire) != number {
                    std::hint::spin_loop();
                }
            }
            stretches_ns.push(nanoseconds(stretch.elapsed()));
        }
        self.0.store(END, Ordering::Release);
        pinned?;
        stretches_ns.sort_unstable();
        Ok(stretches_ns[stretches_ns.len() / 10] as f64 / STRETCH as f64)
    }

    fn answer(&self, core: usize) -> anyhow::Result<()> {
        let pinned = pin_to(core);
        loop {
            match self.0.load(Ordering::Acquire) {
                END => return pinned,
                number if number % 2 == 1 => self.0.store(number + 1, Ordering::Release),
                _ => std::hint::spin_loop(),
            }
        }
    }
}

/// Round trips below are those of threads that share a core.
const SHARED_NS_MAX: f64 = 75.0;
/// Round trips below are those of cores that share a cache.
const NEAR_NS_MAX: f64 = 200.0;
const DURATION: Duration = Duration::from_millis(50);
/// For so long where others keep both threads from running at once.
const DURATION_MAX: Duration = Duration::from_millis(500);
const STRETCHES_MIN: usize = 1000;
/// Round trips of a stretch.
const STRETCH: u64 = 50;
const END: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_filed_by_what_both_ends_say() {
        let of = |before_ns, after_ns| Placement { before_ns, after_ns }.distance();
        assert_eq!(
            [of(45.0, 50.0), of(110.0, 120.0), of(500.0, 480.0), of(110.0, 500.0), of(45.0, 110.0)],
            [Distance::Shared, Distance::Near, Distance::Far, Distance::Mixed, Distance::Mixed]
        );
    }
}
