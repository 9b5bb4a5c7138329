//! Waking a shard that sleeps in its driver.
//!
//! A shard that runs out of work says that it sleeps, looks at its rings once more, and sleeps. Who puts something
//! into one of the rings and then sees that the shard sleeps writes to its eventfd. Both do the store before the
//! load with a sequentially consistent fence between, so at least one of them sees the other.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use rustix::event::{EventfdFlags, eventfd};

struct Shared {
    asleep: AtomicBool,
    event: OwnedFd,
}

/// The handle that wakes a shard; any thread may hold one.
#[derive(Clone)]
pub struct Waker(Arc<Shared>);

/// The shard's own end.
pub struct Sleeper(Arc<Shared>);

/// A pair of ends.
///
/// # Errors
/// The kernel's, if it has no file descriptor left.
pub fn pair() -> std::io::Result<(Waker, Sleeper)> {
    let event = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
    let shared = Arc::new(Shared { asleep: AtomicBool::new(false), event });
    Ok((Waker(Arc::clone(&shared)), Sleeper(shared)))
}

impl Waker {
    /// Wakes the shard if it sleeps. Call after the ring was published. One system call if it sleeps, else none.
    #[inline]
    pub fn wake(&self) {
        // Partner: the fence in `Sleeper::prepare`.
        fence(Ordering::SeqCst);
        if self.0.asleep.load(Ordering::Relaxed) && self.0.asleep.swap(false, Ordering::Relaxed) {
            self.ring_bell();
        }
    }

    #[cold]
    fn ring_bell(&self) {
        // Any count but 0 wakes, so the byte order does not matter; a counter that is full wakes as well.
        let _ = rustix::io::write(&self.0.event, &1_u64.to_le_bytes());
    }
}

impl Sleeper {
    /// Says that the shard is about to sleep. Look at every ring after this, and sleep only if all are empty.
    pub fn prepare(&self) {
        self.0.asleep.store(true, Ordering::Relaxed);
        // Partner: the fence in `Waker::wake`.
        fence(Ordering::SeqCst);
    }

    /// Says that the shard is awake.
    pub fn awake(&self) {
        self.0.asleep.store(false, Ordering::Relaxed);
    }
}

impl AsFd for Sleeper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn rung(sleeper: &Sleeper) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(sleeper, PollFlags::IN)], Some(&now)).unwrap() == 1
    }

    #[test]
    fn only_a_sleeper_is_woken_and_only_once() {
        let (waker, sleeper) = pair().unwrap();
        waker.wake();
        assert!(!rung(&sleeper), "awake: no system call is spent");
        sleeper.prepare();
        waker.wake();
        assert!(rung(&sleeper));
        rustix::io::read(&sleeper, &mut [0_u8; 8]).unwrap();
        waker.wake();
        assert!(!rung(&sleeper), "the first wake-up was enough");
        sleeper.prepare();
        sleeper.awake();
        waker.wake();
        assert!(!rung(&sleeper));
    }
}
