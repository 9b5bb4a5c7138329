//! Handles: numbers that stand for what the library keeps, as file descriptors do. A handle that was never given, or is
//! given back, is refused, and so is a second thread; all three cost one compare-and-exchange.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, Ordering};

/// Slots for up to `N` values. The handle of one is its generation and the index of its slot; 0 is none.
pub(crate) struct Table<T, const N: usize> {
    slots: [Slot<T>; N],
}

/// A slot has a cache line of its own: clients of different threads do not disturb each other.
#[repr(align(64))]
struct Slot<T> {
    /// Generation, above the two bits of a phase. Whoever changes a phase to [`BUSY`] owns `value` until the next store.
    state: AtomicU64,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: `value` is touched only by the thread that set the phase to BUSY by a compare-and-exchange with acquire order;
// its next owner comes after the release store of that thread. `T` is sent from one to the other, so it has to be Send.
unsafe impl<T: Send> Sync for Slot<T> {}

/// A slot that the caller owns until it says what becomes of it. One that is dropped stays busy for ever.
#[must_use]
pub(crate) struct Taken<'a, T> {
    slot: &'a Slot<T>,
    handle: u64,
    generation: u64,
}

/// Why a handle was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It stands for nothing, or not any more.
    Wrong,
    /// Another thread is using it.
    InUse,
}

impl<T, const N: usize> Table<T, N> {
    /// A table without values.
    pub(crate) const fn new() -> Self {
        const { assert!(N.is_power_of_two()) };
        Self { slots: [const { Slot::new() }; N] }
    }

    /// A free slot, to be filled; nothing if there is none.
    pub(crate) fn reserve(&self) -> Option<Taken<'_, T>> {
        self.slots.iter().enumerate().find_map(|(index, slot)| {
            let state = slot.state.load(Ordering::Relaxed);
            let generation = (state >> PHASE_BITS) + 1;
            if state & PHASE_MASK != FREE || !slot.exchange(state, generation << PHASE_BITS | BUSY) {
                return None;
            }
            Some(Taken { slot, handle: generation * N as u64 + index as u64, generation })
        })
    }

    /// The slot of a handle.
    #[inline]
    pub(crate) fn take(&self, handle: u64) -> Result<Taken<'_, T>, Refusal> {
        let (generation, index) = (handle / N as u64, handle % N as u64);
        // N is a power of two, so this is a mask and needs no check.
        #[expect(clippy::cast_possible_truncation, reason = "below N")]
        let slot = &self.slots[index as usize];
        let idle = generation << PHASE_BITS | IDLE;
        match slot.state.compare_exchange(idle, idle ^ IDLE ^ BUSY, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Ok(Taken { slot, handle, generation }),
            Err(state) if state == generation << PHASE_BITS | BUSY => Err(Refusal::InUse),
            Err(_) => Err(Refusal::Wrong),
        }
    }

    /// Makes all handles wrong for good, without touching what they stand for: for the child of a fork, where another thread
    /// may have been in the middle of a call.
    pub(crate) fn abandon(&self) {
        for slot in &self.slots {
            let state = slot.state.load(Ordering::Relaxed);
            if state & PHASE_MASK != FREE {
                slot.state.store(state | LOST, Ordering::Relaxed);
            }
        }
    }
}

impl<T> Slot<T> {
    const fn new() -> Self {
        Self { state: AtomicU64::new(FREE), value: UnsafeCell::new(None) }
    }

    fn exchange(&self, from: u64, to: u64) -> bool {
        self.state.compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

impl<T> Taken<'_, T> {
    /// What the handle stands for; nothing if the slot was only reserved.
    #[inline]
    pub(crate) fn value(&mut self) -> Option<&mut T> {
        // SAFETY: the slot is BUSY by our compare-and-exchange, so nobody else touches the value; the borrow of `self` is
        // exclusive and ends before the slot is given back.
        unsafe { &mut *self.slot.value.get() }.as_mut()
    }

    /// Gives the slot back with what it has. Pairs with the acquire of the next [`Table::take`].
    #[inline]
    pub(crate) fn give_back(self) {
        self.slot.state.store(self.generation << PHASE_BITS | IDLE, Ordering::Release);
    }

    /// Fills a reserved slot. Gives the handle.
    pub(crate) fn fill(self, value: T) -> u64 {
        // SAFETY: as in `value`; nothing else borrows it, since `self` is consumed.
        unsafe { *self.slot.value.get() = Some(value) };
        let handle = self.handle;
        self.give_back();
        handle
    }

    /// Empties the slot: its handle is wrong from now on. Gives what it stood for.
    pub(crate) fn vacate(self) -> Option<T> {
        // SAFETY: as in `value`; nothing else borrows it, since `self` is consumed.
        let value = unsafe { (*self.slot.value.get()).take() };
        self.slot.state.store(self.generation << PHASE_BITS | FREE, Ordering::Release);
        value
    }
}

const PHASE_BITS: u32 = 2;
const PHASE_MASK: u64 = 3;
/// Nothing is in the slot.
const FREE: u64 = 0;
/// Nobody uses what is in it.
const IDLE: u64 = 1;
/// A thread uses it.
const BUSY: u64 = 2;
/// It belongs to the parent of this process. As a mask it makes this of every other phase.
const LOST: u64 = 3;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn a_handle_is_good_from_fill_to_vacate() {
        let table = Table::<u32, 2>::new();
        let handle = table.reserve().unwrap().fill(7);
        assert_ne!(handle, 0);
        let mut taken = table.take(handle).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        assert_eq!(taken.value(), Some(&mut 7));
        assert_eq!(table.take(handle).err(), Some(Refusal::InUse));
        taken.give_back();
        assert_eq!(table.take(handle).ok().and_then(Taken::vacate), Some(7));
        assert_eq!(table.take(handle).err(), Some(Refusal::Wrong));
        let next = table.reserve().unwrap().fill(8);
        assert_ne!(next, handle, "a slot that is used again has another handle");
        assert_eq!(table.take(handle).err(), Some(Refusal::Wrong));
    }

    #[test]
    fn numbers_that_are_no_handles_are_refused() {
        let table = Table::<u32, 2>::new();
        let handle = table.reserve().unwrap().fill(7);
        for number in (0..16).chain([u64::MAX, u64::MAX - 1, 1 << 62, handle << 1, handle + 1]) {
            assert!(number == handle || table.take(number).err() == Some(Refusal::Wrong), "{number}");
        }
    }

    #[test]
    fn slots_run_out_and_come_back() {
        let table = Table::<u32, 2>::new();
        let (first, second) = (table.reserve().unwrap(), table.reserve().unwrap());
        assert!(table.reserve().is_none());
        assert_eq!(first.vacate(), None, "it was never filled");
        let _ = table.reserve().unwrap().fill(1);
        let _ = second.fill(2);
    }

    #[test]
    fn what_is_abandoned_is_wrong_for_good() {
        let table = Table::<u32, 4>::new();
        let idle = table.reserve().unwrap().fill(1);
        let busy = table.reserve().unwrap();
        table.abandon();
        assert_eq!(table.take(idle).err(), Some(Refusal::Wrong));
        assert_eq!(table.take(busy.handle).err(), Some(Refusal::Wrong));
        let next = table.reserve().unwrap().fill(2);
        assert!(table.take(next).is_ok(), "free slots are as good as before");
    }

    #[test]
    fn one_thread_at_a_time() {
        let (table, used) = (Table::<u32, 1>::new(), AtomicU32::new(0));
        let handle = table.reserve().unwrap().fill(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let Ok(mut taken) = table.take(handle) else { continue };
                        *taken.value().unwrap() += 1;
                        used.fetch_add(1, Ordering::Relaxed);
                        taken.give_back();
                    }
                });
            }
        });
        assert_eq!(table.take(handle).ok().and_then(Taken::vacate), Some(used.into_inner()));
    }
}
