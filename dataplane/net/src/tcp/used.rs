//! Cookies that have made a connection: each makes one only. A late copy of the first segment of a connection that is over must
//! not open it again, or what it carries would be executed twice.

use hashbrown::HashTable;

use super::cookie::PERIOD_NS;

/// The used cookies of this period and the one before, as hashes under a secret. A cookie of an earlier one is good no more.
pub(super) struct UsedCookies {
    period: u64,
    /// Of this period, and of the one before.
    sets: [HashTable<u64>; 2],
    /// Most of one period.
    limit_count: usize,
}

impl UsedCookies {
    pub(super) fn new(limit_count: usize) -> Self {
        Self { period: 0, sets: [HashTable::new(), HashTable::new()], limit_count: limit_count.max(1) }
    }

    /// Forgets what is good no more.
    pub(super) fn advance(&mut self, now_ns: u64) {
        let period = now_ns / PERIOD_NS;
        if period != self.period {
            let [current, before] = &mut self.sets;
            std::mem::swap(current, before);
            current.clear();
            if period != self.period + 1 {
                before.clear();
            }
            self.period = period;
        }
    }

    pub(super) fn contains(&self, hash: u64) -> bool {
        self.sets.iter().any(|set| set.find(hash, |other| *other == hash).is_some())
    }

    /// Remembers a cookie. Where a period has too many, those of the one before make room; says whether it was so.
    pub(super) fn insert(&mut self, hash: u64) -> bool {
        let is_full = self.sets[0].len() >= self.limit_count;
        if is_full {
            self.sets.swap(0, 1);
            self.sets[0].clear();
        }
        self.sets[0].insert_unique(hash, hash, |other| *other);
        is_full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_remembered_for_as_long_as_it_is_good() {
        let mut used = UsedCookies::new(10);
        used.advance(PERIOD_NS);
        assert!(!used.insert(5));
        used.advance(2 * PERIOD_NS);
        assert!(used.contains(5) && !used.contains(6));
        used.advance(3 * PERIOD_NS);
        assert!(!used.contains(5));
        used.insert(6);
        used.advance(9 * PERIOD_NS);
        assert!(!used.contains(6));
    }

    #[test]
    fn too_many_make_the_older_half_go() {
        let mut used = UsedCookies::new(2);
        let full: Vec<bool> = (0..6).map(|hash| used.insert(hash)).collect();
        assert_eq!(full, [false, false, true, false, true, false]);
        assert_eq!(
            (0..6).map(|hash| used.contains(hash)).collect::<Vec<_>>(),
            [false, false, true, true, true, true]
        );
    }
}
