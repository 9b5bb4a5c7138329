//! The ring between two threads: one producer, one consumer, a fixed number of places.
//!
//! Each end keeps its own cursor and a copy of the other's, so that a burst touches the shared cache lines once
//! (Lamport 1977; the cached cursors are those of FastForward and of DPDK's rings). What is pushed becomes visible
//! with [`Producer::publish`]: a turn pushes its burst, then publishes it.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The cursors lie on cache lines of their own; two lines, as the prefetcher of x86 fetches pairs.
#[repr(align(128))]
struct Cursor(AtomicUsize);

struct Shared<T> {
    places: Box<[UnsafeCell<MaybeUninit<T>>]>,
    /// Places pushed so far; written by the producer only.
    pushed: Cursor,
    /// Places popped so far; written by the consumer only.
    popped: Cursor,
}

// SAFETY: a place is owned by the producer while `popped + capacity > index >= pushed`, and by the consumer while
// `pushed > index >= popped`. It changes hands by the Release store of a cursor that the other end loads with
// Acquire, so no place is ever reached from two threads at once. Values cross threads, hence `T: Send`.
unsafe impl<T: Send> Sync for Shared<T> {}

/// The end that pushes.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
    pushed: usize,
    popped_seen: usize,
}

/// The end that pops.
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
    popped: usize,
    pushed_seen: usize,
}

/// A ring of `capacity` places, a power of two.
///
/// # Panics
/// If `capacity` is not a power of two.
pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    assert!(capacity.is_power_of_two(), "a ring has a power of two of places");
    let places = (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
    let cursor = || Cursor(AtomicUsize::new(0));
    let shared = Arc::new(Shared { places, pushed: cursor(), popped: cursor() });
    let producer = Producer { shared: Arc::clone(&shared), pushed: 0, popped_seen: 0 };
    (producer, Consumer { shared, popped: 0, pushed_seen: 0 })
}

impl<T> Shared<T> {
    #[inline]
    fn place(&self, index: usize) -> *mut MaybeUninit<T> {
        self.places[index & (self.places.len() - 1)].get()
    }
}

impl<T> Producer<T> {
    /// Puts a value into the next place; it is seen by the consumer after [`Producer::publish`].
    ///
    /// # Errors
    /// Gives the value back if the ring is full.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), T> {
        if self.room() == 0 {
            return Err(value);
        }
        let place = self.shared.place(self.pushed);
        // SAFETY: `room() > 0` says that the consumer is done with this place (its Release store of `popped` was
        // loaded with Acquire), and it is not published yet, so this end alone reaches it.
        unsafe { place.write(MaybeUninit::new(value)) };
        self.pushed = self.pushed.wrapping_add(1);
        Ok(())
    }

    /// Places that are free.
    #[inline]
    pub fn room(&mut self) -> usize {
        let capacity = self.shared.places.len();
        if self.pushed.wrapping_sub(self.popped_seen) == capacity {
            // Pairs with the Release store in `Consumer::release`.
            self.popped_seen = self.shared.popped.0.load(Ordering::Acquire);
        }
        capacity - self.pushed.wrapping_sub(self.popped_seen)
    }

    /// Shows the consumer what was pushed. Says whether there was anything new.
    #[inline]
    pub fn publish(&mut self) -> bool {
        if self.shared.pushed.0.load(Ordering::Relaxed) == self.pushed {
            return false;
        }
        // Pairs with the Acquire load in `Consumer::pop`: the values are written before they are seen.
        self.shared.pushed.0.store(self.pushed, Ordering::Release);
        true
    }
}

impl<T> Consumer<T> {
    /// Takes the oldest published value. Its place is free for the producer after [`Consumer::release`].
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let place = self.shared.place(self.popped);
        // SAFETY: the place was published (Release store of `pushed`, loaded with Acquire), so it holds a value that
        // the producer does not touch before `popped` passes it; each place is read once per round.
        let value = unsafe { place.read() };
        self.popped = self.popped.wrapping_add(1);
        // SAFETY: the producer wrote a whole value into the place before it published it.
        Some(unsafe { value.assume_init() })
    }

    /// Whether nothing is published that was not popped.
    #[inline]
    pub fn is_empty(&mut self) -> bool {
        if self.popped == self.pushed_seen {
            // Pairs with the Release store in `Producer::publish`.
            self.pushed_seen = self.shared.pushed.0.load(Ordering::Acquire);
        }
        self.popped == self.pushed_seen
    }

    /// Gives the places of popped values back to the producer.
    #[inline]
    pub fn release(&mut self) {
        // Pairs with the Acquire load in `Producer::room`: the values were read before the places are reused.
        self.shared.popped.0.store(self.popped, Ordering::Release);
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_is_seen_after_publish_and_a_place_is_free_after_release() {
        let (mut producer, mut consumer) = ring(2);
        producer.push(1).unwrap();
        assert_eq!(consumer.pop(), None);
        assert!(producer.publish());
        assert!(!producer.publish());
        producer.push(2).unwrap();
        assert_eq!(producer.push(3), Err(3));
        producer.publish();
        assert_eq!((consumer.pop(), consumer.pop(), consumer.pop()), (Some(1), Some(2), None));
        assert_eq!(producer.push(3), Err(3));
        consumer.release();
        producer.push(3).unwrap();
    }

    #[test]
    fn the_ring_agrees_with_a_queue() {
        let mut seed = 0x9E37_79B9_u64;
        let (mut producer, mut consumer) = ring(8);
        let (mut hidden, mut seen) = (Vec::new(), std::collections::VecDeque::new());
        let mut unreleased = 0;
        for step in 0..100_000_u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            match seed >> 62 {
                0 => {
                    let fits = hidden.len() + seen.len() + unreleased < 8;
                    assert_eq!(producer.push(step).is_ok(), fits);
                    hidden.extend(fits.then_some(step));
                }
                1 => {
                    producer.publish();
                    seen.extend(hidden.drain(..));
                }
                2 => {
                    let popped = consumer.pop();
                    assert_eq!(popped, seen.pop_front());
                    unreleased += usize::from(popped.is_some());
                }
                _ => {
                    consumer.release();
                    unreleased = 0;
                }
            }
        }
    }

    #[test]
    fn two_threads_see_every_value_once_and_in_order() {
        const COUNT: u64 = 200_000;
        let (mut producer, mut consumer) = ring(64);
        let thread = std::thread::spawn(move || {
            for value in 0..COUNT {
                while producer.push(Box::new(value)).is_err() {
                    producer.publish();
                    std::thread::yield_now();
                }
                producer.publish();
            }
        });
        for value in 0..COUNT {
            let popped = loop {
                if let Some(popped) = consumer.pop() {
                    break popped;
                }
                consumer.release();
                std::thread::yield_now();
            };
            assert_eq!(*popped, value);
        }
        thread.join().unwrap();
    }

    #[test]
    fn published_values_are_dropped_with_the_ring() {
        let value = Arc::new(());
        let (mut producer, consumer) = ring(4);
        producer.push(Arc::clone(&value)).unwrap();
        producer.publish();
        drop((producer, consumer));
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
