//! A page of counters that one thread writes and any thread reads.
//!
//! The writer stores plain values, no read-modify-write: each counter has one writer. A reader sees each counter
//! whole, and different counters of perhaps different moments.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The end that writes.
pub struct Writer<const N: usize>(Arc<[AtomicU64; N]>);

/// An end that reads.
#[derive(Clone)]
pub struct Reader<const N: usize>(Arc<[AtomicU64; N]>);

/// A page of `N` counters, all 0.
pub fn page<const N: usize>() -> (Writer<N>, Reader<N>) {
    let page = Arc::new([const { AtomicU64::new(0) }; N]);
    (Writer(Arc::clone(&page)), Reader(page))
}

impl<const N: usize> Writer<N> {
    /// Shows readers these values.
    #[inline]
    pub fn publish(&mut self, values: &[u64; N]) {
        for (counter, &value) in self.0.iter().zip(values) {
            counter.store(value, Ordering::Relaxed);
        }
    }
}

impl<const N: usize> Reader<N> {
    /// One value as last published.
    ///
    /// # Panics
    /// If there is no such counter.
    #[inline]
    pub fn read_one(&self, index: usize) -> u64 {
        self.0[index].load(Ordering::Relaxed)
    }

    /// The values as last published.
    pub fn read(&self) -> [u64; N] {
        std::array::from_fn(|index| self.0[index].load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_what_was_published() {
        let (mut writer, reader) = page();
        assert_eq!(reader.read(), [0, 0]);
        writer.publish(&[1, 2]);
        assert_eq!(reader.clone().read(), [1, 2]);
        assert_eq!(reader.read_one(1), 2);
    }
}
