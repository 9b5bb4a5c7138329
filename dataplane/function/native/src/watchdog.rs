//! The watchdog: it stops calls that run for too long. Shards tell it nothing but the number of their call, so that a call costs them no look at a clock.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::entry::{Revoker, Turn};

/// What it watches, and since when. It has no clock of its own.
#[derive(Debug)]
pub struct Watch {
    limit: Duration,
    entries: Vec<Watched>,
}

/// A watch on a thread of its own. It ends when this is dropped.
#[derive(Debug)]
pub struct Watchdog {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// An entry and the call that was seen to run.
#[derive(Debug)]
struct Watched {
    revoker: Revoker,
    seen: Option<(Turn, Duration)>,
}

impl Watch {
    /// A watch that lets calls run for `limit`.
    pub fn new(limit: Duration, entries: Vec<Revoker>) -> Self {
        let entries = entries.into_iter().map(|revoker| Watched { revoker, seen: None }).collect();
        Self { limit, entries }
    }

    /// Looks at all entries and revokes the calls that were seen to run at least `limit` ago, again each time until they have ended; how many those are.
    /// `now` is the time since any start. A call is stopped after its limit and at most the time between two looks.
    pub fn look(&mut self, now: Duration) -> usize {
        self.entries.iter_mut().filter_map(|watched| watched.look(now, self.limit)).count()
    }
}

impl Watched {
    fn look(&mut self, now: Duration, limit: Duration) -> Option<Turn> {
        let running = self.revoker.running();
        let (Some(turn), Some((seen, since))) = (running, self.seen) else {
            self.seen = running.map(|turn| (turn, now));
            return None;
        };
        if turn != seen {
            self.seen = Some((turn, now));
            return None;
        }
        if now.saturating_sub(since) < limit {
            return None;
        }
        self.revoker.revoke(turn);
        Some(turn)
    }
}

impl Watchdog {
    /// Starts a thread that looks at the entries every quarter of `limit`, but not more often than every [`LOOK_MIN`].
    ///
    /// # Errors
    /// If the thread does not start.
    #[expect(clippy::disallowed_methods, reason = "it is the thread that has the clock")]
    pub fn start(limit: Duration, entries: Vec<Revoker>) -> io::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let mut watch = Watch::new(limit, entries);
        let pause = (limit / 4).max(LOOK_MIN);
        let thread = std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            let start = std::time::Instant::now();
            while !ends.load(Ordering::Acquire) {
                std::thread::park_timeout(pause);
                watch.look(start.elapsed());
            }
        })?;
        Ok(Self { is_over, thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// The least time between two looks: a look costs a microsecond.
pub const LOOK_MIN: Duration = Duration::from_micros(250);
