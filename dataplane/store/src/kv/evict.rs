//! Which items give way when memory is short, and how one of them goes.
//!
//! The hand of a class goes round the places of its spans, that of the chains round these. It marks an item
//! COLD, which a look-up ends; an item that it meets COLD goes (CLOCK: Corbató, "A Paging Experiment with the
//! Multics System", 1968). What has expired or was flushed goes first. Where the hands go is the business of
//! `relief`.

use super::hand::Step;
use super::item::{COLD, FLAG_FREE, FLAG_HELD, Header};
use super::relief::Effort;
use super::{Fate, Key, Place, Store, bucket_index, hash};
use adit_wire::kv::BucketId;

/// Chains that a hand visits at most before it takes one that is referenced or pinned.
const CHAIN_VISITS_MAX: u32 = 64;

/// Which items of a bucket may be evicted when memory is short, whoever needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eviction {
    /// None.
    #[default]
    None,
    /// Any.
    Clock,
    /// Those that expire.
    ClockVolatile,
}

/// What a hand does with an item.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There is none.
    Free,
    /// It is dead already.
    Dead(Fate),
    /// It stays, by the policy of its bucket.
    Stays,
    /// It stays for now: staged, held, or being written.
    Waits,
    /// It stays, and goes at the next visit unless it is looked up before.
    Referenced,
    /// It goes.
    Goes,
}

/// Policies and limits.
impl Store {
    /// Sets how many bytes the index, items and blocks may take at most; `None` for all there are. Nothing is
    /// taken above it. If more is in use, the [sweep](Self::sweep) evicts down to it; where no bucket evicts,
    /// whatever needs memory is refused meanwhile.
    pub fn set_limit(&mut self, limit_bytes: Option<u64>) {
        self.limit_bytes = limit_bytes.unwrap_or(u64::MAX);
        self.arena.set_limit(self.limit_bytes);
        self.stuck_version = None;
    }

    /// The limit.
    pub fn limit(&self) -> Option<u64> {
        (self.limit_bytes != u64::MAX).then_some(self.limit_bytes)
    }

    /// Bytes of index, items and blocks that count for the limit.
    pub fn used_bytes(&self) -> u64 {
        self.arena.used_bytes()
    }

    /// Whether more is in use than the limit.
    pub fn is_over_limit(&self) -> bool {
        !self.arena.fits(0)
    }

    /// Sets which items of a bucket may be evicted. A change takes time for each run of items and each chain.
    pub fn set_eviction(&mut self, bucket: BucketId, eviction: Eviction) {
        let entry = &mut self.buckets[bucket_index(bucket)];
        if core::mem::replace(&mut entry.eviction, eviction) == eviction {
            return;
        }
        entry.begins = if eviction == Eviction::None { 0 } else { COLD };
        self.slab.revive_all(self.version);
        self.chains.revive_all(&self.arena, self.version);
        self.stuck_version = None;
    }

    /// Which items of a bucket may be evicted.
    pub fn eviction(&self, bucket: BucketId) -> Eviction {
        self.buckets[bucket_index(bucket)].eviction
    }

    /// Whether any bucket evicts.
    pub(super) fn evicts(&self) -> bool {
        self.buckets.iter().any(|bucket| bucket.eviction != Eviction::None)
    }

    /// Items evicted so far.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Keeps the item of a key from being evicted, until it is [released](Self::release), removed or replaced
    /// by a staged one. Whether there is one.
    pub fn hold(&mut self, key: &Key<'_>, now_ms: u64) -> bool {
        let Some(found) = self.locate(key, now_ms) else { return false };
        let flags = found.header.flags | FLAG_HELD;
        self.write_header(found.offset, &Header { flags, ..found.header });
        true
    }

    /// Lets the item of a key be evicted again, if there is one.
    pub fn release(&mut self, key: &Key<'_>, now_ms: u64) {
        if let Some(found) = self.locate(key, now_ms) {
            let flags = found.header.flags & !FLAG_HELD;
            self.write_header(found.offset, &Header { flags, ..found.header });
        }
    }
}

/// The hands.
impl Store {
    /// What a hand does with an item that it comes to.
    #[inline]
    pub(super) fn verdict(&self, header: &Header, offset: u64, now_ms: u64) -> Verdict {
        if header.flags & FLAG_FREE != 0 {
            return Verdict::Free;
        }
        if header.is_intent() || header.flags & FLAG_HELD != 0 || offset == self.kept {
            return Verdict::Waits;
        }
        match self.fate(header, now_ms) {
            Fate::Live | Fate::Staged => {}
            dead => return Verdict::Dead(dead),
        }
        match self.buckets[bucket_index(header.bucket)].eviction {
            // It may be dead when the hand comes again.
            Eviction::None if header.expiry_ms != 0 => Verdict::Waits,
            Eviction::None => Verdict::Stays,
            Eviction::ClockVolatile if header.expiry_ms == 0 => Verdict::Stays,
            _ if header.is_cold() => Verdict::Goes,
            _ => Verdict::Referenced,
        }
    }

    /// Moves the hand of a class until an item is gone. Whether one is.
    pub(super) fn evict_in(&mut self, class: usize, now_ms: u64, effort: &mut Effort) -> bool {
        while effort.visit()
            && let Some(step) = self.slab.step(class)
        {
            if self.follow(class, step, now_ms, effort) {
                return true;
            }
        }
        false
    }

    /// Does what the hand of a class has to do where it came to. Whether an item is gone.
    pub(super) fn follow(&mut self, class: usize, step: Step, now_ms: u64, effort: &mut Effort) -> bool {
        match step {
            Step::Place(offset) => self.visit(class, offset, now_ms, effort),
            Step::End { span, keeps } => {
                // One that may be evicted may have come behind the hand.
                let keeps = keeps || self.may_evict_of(span, now_ms);
                self.slab.turn(class, keeps, self.version);
                false
            }
        }
    }

    /// Whether the value of an item has blocks of this shard, which would be free without it.
    fn has_own_chain(&self, offset: u64) -> bool {
        self.view(offset).chain().is_some_and(|id| self.chains.has_own_blocks(&self.arena, id))
    }

    /// Whether any item of a span may be evicted, now or some day.
    fn may_evict_of(&self, span: u32, now_ms: u64) -> bool {
        let (start, end, size) = self.slab.places(span);
        (start..end).step_by(size).any(|offset| {
            let verdict = self.verdict(&self.view(offset).header, offset, now_ms);
            !matches!(verdict, Verdict::Free | Verdict::Stays)
        })
    }

    /// Visits a place. Whether an item is gone.
    fn visit(&mut self, class: usize, offset: u64, now_ms: u64, effort: &mut Effort) -> bool {
        let header = self.view(offset).header;
        self.slab.prefetch_ahead(&self.arena, class, offset);
        match self.verdict(&header, offset, now_ms) {
            Verdict::Free | Verdict::Stays => false,
            Verdict::Waits => {
                self.slab.keep(class);
                false
            }
            // The hand of the chains decides on those that it comes to.
            Verdict::Referenced | Verdict::Goes if self.has_own_chain(offset) => {
                self.slab.keep(class);
                false
            }
            Verdict::Referenced if !effort.is_forced() => {
                self.cool(offset, header);
                self.slab.keep(class);
                false
            }
            Verdict::Dead(_) | Verdict::Referenced | Verdict::Goes => {
                self.evict(offset, now_ms, effort);
                true
            }
        }
    }

    /// Moves the hand of the chains until one is gone. Whether one is.
    pub(super) fn evict_chain(&mut self, now_ms: u64, effort: &mut Effort) -> bool {
        for visit in 0..2 * CHAIN_VISITS_MAX {
            effort.visit();
            let Some(id) = self.chains.first() else { return false };
            let Some(offset) = self.chains.owner(id) else {
                self.chains.turn(self.version);
                continue;
            };
            let header = self.view(offset).header;
            // What somebody pins frees no memory now.
            let pinned = self.chains.chain(id).blocks().first().is_some_and(|block| block.is_shared());
            let spares = visit < CHAIN_VISITS_MAX && (pinned || !header.is_cold());
            match self.verdict(&header, offset, now_ms) {
                Verdict::Free | Verdict::Stays => self.chains.hide(id),
                Verdict::Waits => self.chains.turn(self.version),
                Verdict::Referenced | Verdict::Goes if spares => {
                    self.cool(offset, header);
                    self.chains.turn(self.version);
                }
                Verdict::Dead(_) | Verdict::Referenced | Verdict::Goes => {
                    self.evict(offset, now_ms, effort);
                    return true;
                }
            }
        }
        false
    }

    /// Removes the item at an offset, which is dead or may be evicted, and counts it.
    pub(super) fn evict(&mut self, offset: u64, now_ms: u64, effort: &mut Effort) {
        let header = self.view(offset).header;
        match self.fate(&header, now_ms) {
            Fate::Expired => self.met.expired += 1,
            Fate::Flushed => self.met.flushed += 1,
            Fate::Live | Fate::Staged => self.evicted += 1,
        }
        let (bucket, place) = self.slot_of(offset);
        self.remove_at(bucket, place);
        effort.evicted();
        if header.is_chain() {
            self.drop_portion();
            self.arena.collect();
        }
    }

    /// The index bucket and slot of the item at an offset.
    fn slot_of(&self, offset: u64) -> (usize, Place) {
        let view = self.view(offset);
        let hash = hash(&self.secrets, view.key()) ^ self.salts[bucket_index(view.header.bucket)];
        let place = self.index.find(hash, |other| other == offset);
        (self.index.bucket_of(hash), place.expect("an item has a slot of the index"))
    }

    /// Marks an item that the hand came to: it goes at the next visit, unless it is looked up before.
    #[inline]
    pub(super) fn cool(&mut self, offset: u64, header: Header) {
        self.write_header(offset, &Header { key_word: header.key_word | COLD, ..header });
    }
}
