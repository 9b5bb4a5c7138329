//! Which ranges of the arena are free: first fit, neighbours are joined when they come back.

use std::collections::BTreeMap;
use std::ops::Range;

/// Free ranges of `0..length`.
#[derive(Debug)]
pub(crate) struct Ranges {
    /// Starts to ends; no two touch.
    free: BTreeMap<usize, usize>,
}

impl Ranges {
    /// All of it is free.
    pub(crate) fn new(length: usize) -> Self {
        Self { free: BTreeMap::from([(0, length)]) }
    }

    /// Takes the first free range that is long enough.
    pub(crate) fn take(&mut self, length: usize) -> Option<Range<usize>> {
        let (&start, &end) = self.free.iter().find(|&(start, end)| end - start >= length)?;
        self.free.remove(&start);
        if start + length < end {
            self.free.insert(start + length, end);
        }
        Some(start..start + length)
    }

    /// Gives a range back that was taken.
    pub(crate) fn give_back(&mut self, range: Range<usize>) {
        let Range { mut start, mut end } = range;
        if let Some((&before, &before_end)) = self.free.range(..start).next_back() {
            assert!(before_end <= start, "a range comes back once");
            if before_end == start {
                start = before;
            }
        }
        if let Some((&behind, &behind_end)) = self.free.range(end..).next()
            && behind == end
        {
            self.free.remove(&behind);
            end = behind_end;
        }
        self.free.insert(start, end);
    }

    /// All that is free.
    pub(crate) fn free_len(&self) -> usize {
        self.free.iter().map(|(start, end)| end - start).sum()
    }

    /// In how many pieces that is.
    pub(crate) fn pieces(&self) -> usize {
        self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_disjoint_and_what_comes_back_is_joined() {
        let mut ranges = Ranges::new(1000);
        let mut taken: Vec<Range<usize>> = Vec::new();
        let mut state = 7_u64;
        for _ in 0..10_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = usize::try_from(state >> 33).unwrap();
            if random.is_multiple_of(2) {
                if let Some(range) = ranges.take(1 + random / 2 % 100) {
                    assert!(taken.iter().all(|other| other.end <= range.start || range.end <= other.start));
                    taken.push(range);
                }
            } else if !taken.is_empty() {
                ranges.give_back(taken.swap_remove(random / 2 % taken.len()));
            }
            let held: usize = taken.iter().map(ExactSizeIterator::len).sum();
            assert_eq!(ranges.free_len() + held, 1000);
        }
        taken.into_iter().for_each(|range| ranges.give_back(range));
        assert_eq!((ranges.free_len(), ranges.pieces()), (1000, 1));
        assert!(ranges.take(1001).is_none());
        assert_eq!(ranges.take(1000), Some(0..1000));
    }
}
