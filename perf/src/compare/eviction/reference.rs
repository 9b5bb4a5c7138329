//! What caches without a server would find: an exact LRU, and one that holds the keys asked for most and no others.

use crate::compare::eviction::stream::Draw;
use crate::number::{index, per};

/// Hit ratios at the same number of keys, over the second half of the same requests.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(super) struct Reference {
    /// The key not asked for the longest leaves.
    pub(super) exact_lru: f64,
    /// The best that a cache of keys of one size can do without knowing what comes next.
    pub(super) most_asked_for: f64,
}

impl Reference {
    /// Of `requests` drawn by `draw` for a cache of half of the `keys`, filled in order first.
    pub(super) fn of(mut draw: Draw, keys: u64, requests: u64) -> Self {
        let half = keys / 2;
        let mut lru = Lru::new(index(keys), half);
        (0..keys).for_each(|key| _ = lru.touch(index(key)));
        let (mut found, mut asked_for_most) = (0, 0);
        for request in 0..requests {
            let (rank, key) = draw.next();
            let is_hit = lru.touch(index(key));
            if request >= requests / 2 {
                found += u64::from(is_hit);
                asked_for_most += u64::from(rank < half);
            }
        }
        let counted = requests - requests / 2;
        Self { exact_lru: per(found, counted), most_asked_for: per(asked_for_most, counted) }
    }
}

/// A list of keys by age, as links of an array.
#[derive(Debug)]
struct Lru {
    /// The neighbours of each key, older and newer; the last place is the ring's end.
    links: Vec<(usize, usize)>,
    is_resident: Vec<bool>,
    count: u64,
    count_max: u64,
}

impl Lru {
    fn new(keys: usize, count_max: u64) -> Self {
        let links = (0..=keys).map(|place| (place, place)).collect();
        Self { links, is_resident: vec![false; keys], count: 0, count_max }
    }

    /// Makes `key` the newest; whether it was there.
    fn touch(&mut self, key: usize) -> bool {
        let was_resident = std::mem::replace(&mut self.is_resident[key], true);
        let end = self.is_resident.len();
        if was_resident {
            self.unlink(key);
        } else if self.count == self.count_max {
            let (_, oldest) = self.links[end];
            self.unlink(oldest);
            self.is_resident[oldest] = false;
        } else {
            self.count += 1;
        }
        let (newest, _) = self.links[end];
        self.links[key] = (newest, end);
        self.links[newest].1 = key;
        self.links[end].0 = key;
        was_resident
    }

    fn unlink(&mut self, key: usize) {
        let (older, newer) = self.links[key];
        self.links[older].1 = newer;
        self.links[newer].0 = older;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_leaves() {
        let mut lru = Lru::new(4, 2);
        let hits = [0, 1, 0, 2, 0, 1, 3, 1, 0].map(|key| lru.touch(key));
        assert_eq!(hits, [false, false, true, false, true, false, false, true, false]);
    }

    #[test]
    fn an_lru_is_below_the_best() {
        let reference = Reference::of(Draw::new(10_000, 1), 10_000, 100_000);
        assert!(reference.exact_lru > 0.7 && reference.exact_lru < reference.most_asked_for, "{reference:?}");
        assert!(reference.most_asked_for < 0.97, "{reference:?}");
    }
}
