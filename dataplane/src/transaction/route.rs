//! Where the keys of a transaction live, and the way through their shards.

use adit_store::kv::Key;
use adit_wire::kv::BucketId;
use adit_wire::resp::Command;

use crate::plan::{Arguments, Plan, key_argument, plan};
use crate::settings::TRANSACTION_KEYS_MAX;
use crate::shard::Shard;
use crate::transaction::step::Access;
use crate::transaction::{Kind, Transaction};

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

impl Shard {
    /// Finds out where the keys of a transaction live. Where there are too many, or an operation is on all, every
    /// shard is held as a whole.
    pub(super) fn plan_route(&self, transaction: &mut Transaction) {
        let Transaction { program, checks, route, kind, .. } = transaction;
        let mut bucket = transaction.bucket;
        let add = |route: &mut Route, bucket: BucketId, key: &[u8]| {
            let (shard, key) = self.find_home(bucket, key);
            route.push(shard, key.hash());
            route.len() <= TRANSACTION_KEYS_MAX
        };
        let mut few = checks.iter().all(|watch| add(route, watch.bucket, &watch.key));
        for call in 0..program.len() {
            if !few {
                break;
            }
            route.begin_call();
            let arguments = program.call(call);
            few = call < TRANSACTION_KEYS_MAX
                && self.keys_of(&arguments, &mut bucket, *kind, &mut |bucket, key| add(route, bucket, key));
        }
        if few {
            route.visit_keys(self.descends());
        } else {
            route.visit_all(self.map.shard_count());
        }
    }

    /// The shard of a key, and the key; memory is asked for it if that is this shard.
    pub(super) fn find_home<'a>(&self, bucket: BucketId, key: &'a [u8]) -> (u16, Key<'a>) {
        let (shard, key) = (self.map.owner(key), self.engine.store.key(bucket, key));
        if shard == self.index {
            self.engine.store.prefetch_bucket(key.hash());
        }
        (shard, key)
    }

    /// Whether this shard visits others in the wrong order, to see that this is found.
    pub(super) fn descends(&self) -> bool {
        cfg!(feature = "sabotage-order") && self.index % 2 == 1
    }

    /// The shard of a call's key, the `index`th of its keys, and the key.
    pub(super) fn home<'a>(
        &self,
        route: &Route,
        call: usize,
        index: usize,
        bucket: BucketId,
        key: &'a [u8],
    ) -> (u16, Key<'a>) {
        match route.home(call, index) {
            Some((shard, hash)) => (shard, Key::hashed(bucket, key, hash)),
            None => self.find_home(bucket, key),
        }
    }

    /// Gives the keys of a call to `add`, until that wants no more. Whether it wanted all of them.
    fn keys_of(
        &self,
        arguments: &impl Arguments,
        bucket: &mut BucketId,
        kind: Kind,
        add: &mut impl FnMut(BucketId, &[u8]) -> bool,
    ) -> bool {
        match plan(arguments, self.now.unix_ms) {
            Plan::Key(operation, _) => add(*bucket, arguments.get(key_argument(operation))),
            Plan::Keys(..) => (1..arguments.count()).all(|index| add(*bucket, arguments.get(index))),
            Plan::PutAll { .. } => {
                (1..arguments.count()).step_by(2).all(|index| add(*bucket, arguments.get(index)))
            }
            Plan::Transfer(transfer) => {
                let other = if transfer.same_name { 1 } else { 2 };
                add(*bucket, arguments.get(1))
                    && add(transfer.bucket.unwrap_or(*bucket), arguments.get(other))
            }
            Plan::Lcs(_) => add(*bucket, arguments.get(1)) && add(*bucket, arguments.get(2)),
            Plan::RandomKey => kind == Kind::Command,
            Plan::Shards(..) | Plan::Alone(Command::Keys | Command::Scan) => false,
            Plan::Alone(Command::Select) => {
                *bucket = crate::plan::bucket(arguments.get(1)).unwrap_or(*bucket);
                true
            }
            Plan::Alone(_) | Plan::Refused(_) | Plan::Queue | Plan::Nothing | Plan::Broken(_) => true,
        }
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
