//! What settings limit from turn to turn: the memory, and connections that are idle or do not read what they asked for.

use adit_drivers::streams::ConnectionId;
use adit_wire::kv::BucketId;

use crate::connection::Connection;
use crate::settings::{IDLE_CHECK_NS, IDLE_PLACES_PER_CHECK, IDLE_ROUND_NS, OutputLimit};
use crate::shard::Shard;
use crate::stats::Counter;

/// Where the look for idle connections has come.
#[derive(Default)]
pub(crate) struct IdleCheck {
    place: u32,
    next_ns: u64,
}

impl Connection {
    /// Whether more waits to be sent to it than the limit allows, at `now_ns`.
    #[inline]
    pub(crate) fn exceeds(&mut self, limit: &OutputLimit, now_ns: u64) -> bool {
        let waiting_bytes = self.outbox.left_bytes();
        if limit.hard_bytes > 0 && waiting_bytes > limit.hard_bytes {
            return true;
        }
        if limit.soft_bytes == 0 || waiting_bytes <= limit.soft_bytes {
            self.over_soft_since_ns = 0;
            return false;
        }
        if self.over_soft_since_ns == 0 {
            self.over_soft_since_ns = now_ns;
        }
        now_ns - self.over_soft_since_ns > u64::from(limit.soft_s) * 1_000_000_000
    }
}

impl Shard {
    /// Notes whether the stores of all shards take more than they may.
    #[inline]
    pub(crate) fn look_at_memory(&mut self) {
        let limit_bytes = self.settings.limits.memory_bytes_max;
        // They never take more than all that there is.
        let limited = limit_bytes > 0 && limit_bytes < self.settings.memory_bytes;
        // Where keys may go, the store makes room, or says itself that there is none.
        self.is_over_memory =
            limited && !self.settings.limits.evicts() && self.store_bytes_of_all() > limit_bytes;
    }

    /// Tells the store what it may take, and what each bucket may lose for it. Where nothing may go, all shards share one
    /// limit; else each has its part.
    pub(crate) fn set_memory_limits(&mut self) {
        let limits = &self.settings.limits;
        let part_bytes = limits.memory_bytes_max / u64::from(self.map.shard_count());
        let limited = limits.evicts() && part_bytes > 0;
        for (bucket, &eviction) in (0..).zip(&limits.eviction) {
            self.engine.store.set_eviction(BucketId(bucket), eviction);
        }
        self.engine.store.set_limit(limited.then_some(part_bytes));
    }

    /// As the shards have published it: that of others may be a turn or 100 µs old.
    #[cold]
    fn store_bytes_of_all(&self) -> u64 {
        self.pages.iter().map(|page| page.read_one(Counter::StoreBytes as usize)).sum()
    }

    /// Closes a connection that has too much to read.
    pub(crate) fn close_output(&mut self, id: ConnectionId) {
        self.engine.counters.add(Counter::ClosedOutput, 1);
        self.evict(id);
    }

    /// When idle connections are to be looked for next, if ever.
    pub(crate) fn next_idle_check_ns(&self) -> Option<u64> {
        (self.settings.limits.idle_s > 0 && self.connections.count() > 0).then_some(self.idle.next_ns)
    }

    /// Looks at some connections and closes those that have been idle for too long.
    pub(crate) fn close_idle(&mut self) {
        let now_ns = self.now.mono_ns;
        if self.next_idle_check_ns().is_none_or(|next_ns| next_ns > now_ns) {
            return;
        }
        let limit_ns = u64::from(self.settings.limits.idle_s) * 1_000_000_000;
        let is_idle = |connection: &&Connection| {
            !connection.is_busy() && now_ns.saturating_sub(connection.moved_ns) > limit_ns
        };
        let places = self.connections.places(self.idle.place, IDLE_PLACES_PER_CHECK);
        let idle: Vec<ConnectionId> = places.filter(is_idle).map(|connection| connection.id).collect();
        for id in idle {
            self.engine.counters.add(Counter::ClosedIdle, 1);
            self.close(id);
        }
        let next = self.connections.place_after(self.idle.place, IDLE_PLACES_PER_CHECK);
        self.idle.next_ns = now_ns + if next.is_some() { IDLE_CHECK_NS } else { IDLE_ROUND_NS };
        self.idle.place = next.unwrap_or(0);
    }
}
