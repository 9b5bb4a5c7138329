//! Connections that are over and that we have closed first (TIME-WAIT, RFC 9293, section 3.6.1): a few numbers of each, so that
//! a peer whose FIN was not acknowledged gets its acknowledgment, and nothing of the old connection disturbs a new one.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::flow::Flow;

/// What is left of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Farewell {
    pub(super) flow: Flow,
    /// Our next sequence number.
    pub(super) sequence: u32,
    /// The peer's next one.
    pub(super) ack: u32,
}

/// The farewells of a shard: each for a while, and a bounded number of them.
pub(super) struct TimeWait {
    farewells: HashTable<(u64, Kept)>,
    /// Hashes in the order of their making, with the numbers below.
    order: VecDeque<(u64, u64)>,
    limit_count: usize,
    made: u64,
}

#[derive(Clone, Copy)]
struct Kept {
    farewell: Farewell,
    until_ns: u64,
    /// Tells it from an earlier one of the same flow.
    number: u64,
}

impl TimeWait {
    pub(super) fn new(limit_count: usize) -> Self {
        let limit_count = limit_count.max(1);
        Self { farewells: HashTable::new(), order: VecDeque::new(), limit_count, made: 0 }
    }

    pub(super) fn count(&self) -> usize {
        self.farewells.len()
    }

    pub(super) fn find(&self, hash: u64, flow: &Flow) -> Option<&Farewell> {
        self.farewells.find(hash, |(_, kept)| kept.farewell.flow == *flow).map(|(_, kept)| &kept.farewell)
    }

    /// Keeps a farewell; says whether the oldest one had to go for it.
    pub(super) fn insert(&mut self, hash: u64, farewell: Farewell, now_ns: u64) -> bool {
        self.remove(hash, &farewell.flow);
        let is_full = self.farewells.len() >= self.limit_count;
        if is_full {
            self.drop_oldest();
        }
        self.made += 1;
        let kept = Kept { farewell, until_ns: now_ns + TIME_WAIT_NS, number: self.made };
        self.farewells.insert_unique(hash, (hash, kept), |(hash, _)| *hash);
        self.order.push_back((hash, self.made));
        is_full
    }

    pub(super) fn remove(&mut self, hash: u64, flow: &Flow) {
        if let Ok(entry) = self.farewells.find_entry(hash, |(_, kept)| kept.farewell.flow == *flow) {
            entry.remove();
        }
        // Entries of the order without a farewell are few: they are dropped here once they are more than that.
        if self.order.len() > 2 * self.limit_count {
            let farewells = &self.farewells;
            self.order
                .retain(|(hash, number)| farewells.find(*hash, |(_, kept)| kept.number == *number).is_some());
        }
    }

    /// Drops those that have waited long enough, a bounded number at a time.
    pub(super) fn expire(&mut self, now_ns: u64) {
        for _ in 0..EXPIRED_MAX {
            let Some((hash, number)) = self.order.front().copied() else { return };
            match self.farewells.find(hash, |(_, kept)| kept.number == number) {
                Some((_, kept)) if kept.until_ns > now_ns => return,
                Some(_) => self.drop_oldest(),
                None => drop(self.order.pop_front()),
            }
        }
    }

    fn drop_oldest(&mut self) {
        while let Some((hash, number)) = self.order.pop_front() {
            if let Ok(entry) = self.farewells.find_entry(hash, |(_, kept)| kept.number == number) {
                entry.remove();
                return;
            }
        }
    }
}

/// How long a farewell is kept: half of Linux's minute; on the networks of a rack segments live for milliseconds.
pub(super) const TIME_WAIT_NS: u64 = 30_000_000_000;
/// Most farewells that are dropped at a time.
const EXPIRED_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn farewell(port: u16) -> Farewell {
        let flow = Flow::new(([10, 0, 0, 2], port).into(), ([10, 0, 0, 1], 6379).into());
        Farewell { flow, sequence: 1, ack: u32::from(port) }
    }

    #[test]
    fn farewells_go_when_their_time_has_come_or_too_many_are_there() {
        let mut time_wait = TimeWait::new(3);
        let kept = |time_wait: &TimeWait| -> Vec<u16> {
            (0..6).filter(|port| time_wait.find(u64::from(*port), &farewell(*port).flow).is_some()).collect()
        };
        for port in 0..4 {
            assert_eq!(time_wait.insert(u64::from(port), farewell(port), u64::from(port)), port == 3);
        }
        assert_eq!(kept(&time_wait), [1, 2, 3]);
        time_wait.insert(1, farewell(1), 10);
        time_wait.remove(2, &farewell(2).flow);
        assert_eq!(kept(&time_wait), [1, 3]);
        time_wait.expire(TIME_WAIT_NS + 3);
        assert_eq!(kept(&time_wait), [1]);
        time_wait.expire(TIME_WAIT_NS + 10);
        assert_eq!((kept(&time_wait), time_wait.count(), time_wait.order.len()), (vec![], 0, 0));
    }

    #[test]
    fn the_order_stays_bounded() {
        let mut time_wait = TimeWait::new(4);
        for round in 0..1000 {
            time_wait.insert(1, farewell(1), round);
            time_wait.remove(1, &farewell(1).flow);
        }
        assert!(time_wait.order.len() <= 9);
    }
}
