//! Bytes that are kept for clients, each counted by who keeps it until it is dropped.

use std::cell::Cell;
use std::rc::Rc;

/// How many bytes may be kept for somebody, and are.
#[derive(Clone)]
pub(crate) struct Budget {
    used_bytes: Rc<Cell<u64>>,
    limit_bytes: u64,
}

/// Bytes that are counted until this is dropped.
pub(crate) struct Charge {
    used_bytes: Rc<Cell<u64>>,
    bytes: u64,
}

impl Budget {
    /// A budget of `limit_bytes`.
    pub(crate) fn new(limit_bytes: u64) -> Self {
        Self { used_bytes: Rc::default(), limit_bytes }
    }

    /// Whether anything more may be kept. The last one may go beyond the limit: its length is known only once it was
    /// made, and the longest value must find room where nothing else is kept.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.used_bytes.get() < self.limit_bytes
    }

    /// Whether something that was begun may go on: it may go beyond the limit by `more_bytes`, so that whatever is alone
    /// comes to its end.
    pub(crate) fn has_room_to_end(&self, more_bytes: u64) -> bool {
        self.used_bytes.get() < self.limit_bytes + more_bytes
    }

    /// Counts bytes.
    pub(crate) fn charge(&self, bytes: u64) -> Charge {
        let mut charge = Charge { used_bytes: Rc::clone(&self.used_bytes), bytes: 0 };
        charge.add(bytes);
        charge
    }

    /// Bytes that may be counted.
    pub(crate) fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// Bytes that are counted now.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes.get()
    }
}

impl Charge {
    /// Counts more bytes.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.used_bytes.set(self.used_bytes.get() + bytes);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        // The build that must fail gives nothing back.
        if !cfg!(feature = "sabotage-credit") {
            self.used_bytes.set(self.used_bytes.get() - self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_not_counted_any_more() {
        let budget = Budget::new(10);
        let mut first = budget.charge(4);
        first.add(5);
        assert!(budget.has_room());
        let second = budget.clone().charge(100);
        assert!(!budget.has_room());
        assert_eq!(budget.used_bytes(), 109);
        drop(second);
        assert!(budget.has_room());
        drop(first);
        assert_eq!(budget.used_bytes(), 0);
    }
}
