//! Where the keys of a transaction live, and the way through their shards.

use super::step::Access;

/// The keys of a program with their shards, and which shards are still to be visited, in ascending order.
#[derive(Default)]
pub(super) struct Route {
    /// The shard and the hash of each key, in the order of the program.
    homes: Vec<(u16, u64)>,
    /// The first key of each call among them.
    calls: Vec<usize>,
    /// Each of them once, by shard.
    sorted: Vec<(u16, u64)>,
    /// The next of them to be visited.
    next: usize,
    /// Shards that are visited for all their keys, and the next of them.
    whole: std::ops::Range<u16>,
    /// The steps know the keys: they are those of their operations.
    steps_know: bool,
}

impl Route {
    /// Number of keys.
    pub(super) fn len(&self) -> usize {
        self.homes.len()
    }

    /// Adds a key.
    pub(super) fn push(&mut self, shard: u16, hash: u64) {
        self.homes.push((shard, hash));
    }

    /// The keys of the next call follow.
    pub(super) fn begin_call(&mut self) {
        self.calls.push(self.homes.len());
    }

    /// All keys are there. With `descends` the shards are visited in the wrong order.
    pub(super) fn visit_keys(&mut self, descends: bool) {
        self.sorted.extend_from_slice(&self.homes);
        self.sorted.sort_unstable();
        self.sorted.dedup();
        if descends {
            self.sorted.reverse();
        }
    }

    /// There are keys on these shards; which ones the steps know, since they are those of their operations.
    pub(super) fn visit_shards(&mut self, shards: impl Iterator<Item = u16>, descends: bool) {
        self.homes.extend(shards.map(|shard| (shard, 0)));
        self.visit_keys(descends);
        self.steps_know = true;
    }

    /// There are too many keys, or it is about all: every shard is held as a whole.
    pub(super) fn visit_all(&mut self, shard_count: u16) {
        self.whole = 0..shard_count;
    }

    /// The shard and the hash of a key of a call, if they are known.
    pub(super) fn home(&self, call: usize, key: usize) -> Option<(u16, u64)> {
        self.homes.get(self.calls.get(call)? + key).copied()
    }

    /// Whether no shard is left to be visited.
    pub(super) fn is_done(&self) -> bool {
        self.next == self.sorted.len() && self.whole.is_empty()
    }

    /// The shard that is next.
    pub(super) fn shard(&self) -> Option<u16> {
        if self.whole.is_empty() {
            self.sorted.get(self.next).map(|(shard, _)| *shard)
        } else {
            Some(self.whole.start)
        }
    }

    /// The shard that is next, and how its step comes to its keys, whose hashes are added to `keys`.
    pub(super) fn next(&mut self, keys: &mut Vec<u64>) -> Option<(u16, Access)> {
        if let Some(shard) = self.whole.next() {
            return Some((shard, Access::EnterAll));
        }
        let rest = &self.sorted[self.next..];
        let shard = rest.first()?.0;
        let here = rest.iter().take_while(|(other, _)| *other == shard);
        self.next += here.clone().count();
        if !self.steps_know {
            keys.extend(here.map(|(_, hash)| *hash));
        }
        Some((shard, Access::Enter))
    }

    /// The shards that are left need not be visited.
    pub(super) fn stop(&mut self) {
        self.next = self.sorted.len();
        self.whole = 0..0;
    }

    /// Forgets everything, to be used again.
    pub(super) fn clear(&mut self) {
        self.homes.clear();
        self.calls.clear();
        self.sorted.clear();
        (self.next, self.steps_know) = (0, false);
        self.whole = 0..0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_visited_in_ascending_order_with_each_key_once() {
        let mut route = Route::default();
        route.begin_call();
        [(3, 30), (1, 11), (3, 30)].into_iter().for_each(|(shard, hash)| route.push(shard, hash));
        route.begin_call();
        route.push(1, 10);
        route.visit_keys(false);
        assert_eq!(
            (route.home(0, 2), route.home(1, 0), route.home(2, 0)),
            (Some((3, 30)), Some((1, 10)), None)
        );
        let mut visited = Vec::new();
        loop {
            let mut keys = Vec::new();
            let Some((shard, Access::Enter)) = route.next(&mut keys) else { break };
            visited.push((shard, keys));
        }
        assert_eq!(visited, [(1, vec![10, 11]), (3, vec![30])]);
        assert!(route.is_done());
    }

    #[test]
    fn steps_may_know_the_keys() {
        let mut route = Route::default();
        route.visit_shards([2, 0].into_iter(), false);
        let mut keys = Vec::new();
        assert_eq!(route.next(&mut keys), Some((0, Access::Enter)));
        assert_eq!(route.next(&mut keys), Some((2, Access::Enter)));
        assert!(keys.is_empty() && route.is_done());
    }

    #[test]
    fn whole_shards_are_visited_instead() {
        let mut route = Route::default();
        route.push(1, 11);
        route.visit_all(2);
        let mut keys = Vec::new();
        assert!(matches!(route.next(&mut keys), Some((0, Access::EnterAll))));
        assert!(!route.is_done());
        route.stop();
        assert!(route.next(&mut keys).is_none() && keys.is_empty());
    }
}
