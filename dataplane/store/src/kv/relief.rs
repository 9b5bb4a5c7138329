//! The search for memory when a write failed for want of it: bounded work, then another try.
//!
//! Memory is found where it is short: a place in the spans of the item's class, a unit for a run or block, a
//! page for large items, a slot in a bucket of the index, or bytes below the limit. So that it goes to the
//! sizes that are written, the class and the chains are compared by the age of what their hand comes to next:
//! one that is much younger than another takes a span or chain of that one rather than an item of its own.

use super::evict::Verdict;
use super::hand::Step;
use super::slab::{CLASS_COUNT, PAGE_CLASS_FIRST, PAGE_UNITS, Slab, class_of, lenders};
use super::{Key, Store, StoreError};
use adit_drivers::memory::{BLOCK_BYTES, UnitUse};

/// Index buckets that are swept for memory before a write is refused.
const RELIEF_BUCKETS: usize = 64;
/// Searches for memory that one write may begin: it may be short of a place, a slot and many blocks.
const ROUNDS_MAX: usize = 32;
/// Places that the hands visit in one search before they take referenced items as well: some 50 us.
const VISITS_MAX: u32 = 2048;
/// Places that they visit after that at most.
const FORCED_VISITS_MAX: u32 = 1024;
/// Items evicted in one search at most, but for the last span: a run of the smallest items is some 1300. Some
/// 200 us. For some blocks at once it is as many for each.
const EVICTIONS_MAX: u32 = 1024;
/// Blocks that one search looks for at most.
const SEARCHED_BLOCKS_MAX: u32 = 16;
/// Spans and chains that are tried in one search for a unit, where nothing of the own kind may go.
const DONORS_MAX: usize = 24;
/// The first of them stay if many of their items are referenced.
const GENTLE_DONORS_MAX: usize = 4;
/// How many times older another class must be than the one that needs memory, to give some.
const OLDER: u64 = 4;
/// Chains without a block to give that are evicted in one search for blocks.
const FUTILE_CHAINS_MAX: usize = 4;
/// One in so many items of a span may be referenced when it is given to another class.
const REFERENCED_FRACTION: usize = 4;
/// Most chains whose items are in a span that is given to another class.
const SPAN_CHAINS_MAX: usize = 16;
/// Writes after which a page that is emptied is given up, if no large item was written meanwhile.
const EVACUATION_VERSIONS_MAX: u64 = 4096;
/// Index buckets that are looked at for overflow buckets to be emptied.
const LINE_BUCKETS_MAX: usize = 64;
/// No item, in place of an offset.
pub(super) const NO_ITEM: u64 = u64::MAX;
/// No class.
const NO_CLASS: usize = CLASS_COUNT;

/// The work that one search may do.
pub(super) struct Effort {
    visits_left: u32,
    evictions_left: u32,
}

impl Effort {
    /// For so many blocks, or an item if there are none.
    fn of(blocks: usize) -> Self {
        let blocks = u32::try_from(blocks).unwrap_or(u32::MAX).clamp(1, SEARCHED_BLOCKS_MAX);
        Self { visits_left: VISITS_MAX + FORCED_VISITS_MAX, evictions_left: blocks * EVICTIONS_MAX }
    }

    /// Counts a visit. Whether it may be done.
    #[inline]
    pub(super) fn visit(&mut self) -> bool {
        let may = self.visits_left > 0;
        self.visits_left = self.visits_left.saturating_sub(1);
        may
    }

    /// Whether so much was visited that referenced items go as well.
    #[inline]
    pub(super) fn is_forced(&self) -> bool {
        self.visits_left < FORCED_VISITS_MAX
    }

    /// Counts an item that is gone.
    #[inline]
    pub(super) fn evicted(&mut self) {
        self.evictions_left = self.evictions_left.saturating_sub(1);
    }

    fn is_left(&self) -> bool {
        self.evictions_left > 0 && self.visits_left > 0
    }
}

/// Who may give memory to others.
#[derive(Clone, Copy)]
enum Donor {
    /// The span that the hand of a class comes to next.
    Class(usize),
    /// The chain that their hand comes to next.
    Chains,
}

impl Store {
    /// Does `once`, and again after a search for memory if there is too little.
    pub(super) fn with_relief<T>(
        &mut self,
        key: Option<&Key<'_>>,
        now_ms: u64,
        mut once: impl FnMut(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut done = once(self);
        for round in 0..ROUNDS_MAX {
            if !matches!(done, Err(StoreError::OutOfMemory)) || !self.relieve(key, round, now_ms) {
                break;
            }
            done = once(self);
        }
        self.arena.set_limit(self.limit_bytes);
        done
    }

    /// Does `once` again after a search for memory.
    #[cold]
    #[inline(never)]
    pub(super) fn after_relief<T>(
        &mut self,
        key: &Key<'_>,
        now_ms: u64,
        mut once: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let mut done = None;
        for round in 0..ROUNDS_MAX {
            if done.is_some() || !self.relieve(Some(key), round, now_ms) {
                break;
            }
            done = once(self);
        }
        self.arena.set_limit(self.limit_bytes);
        done
    }

    /// Evicts towards the limit, a bounded number of items.
    pub(super) fn obey_limit(&mut self, now_ms: u64) {
        let mut effort = Effort::of(1);
        let before = self.used_bytes();
        while self.is_over_limit() && effort.is_left() && self.evict_oldest(now_ms, &mut effort) {}
        if self.used_bytes() == before {
            self.stuck_version = Some(self.version);
        }
    }

    /// Whether the limit can be obeyed by eviction, as far as is known.
    pub(super) fn has_limit_debt(&self) -> bool {
        self.is_over_limit() && self.evicts() && self.stuck_version != Some(self.version)
    }

    /// Looks for the memory that was short. Whether another try is worth it, after `round` others. The item of
    /// `key` is kept.
    #[cold]
    fn relieve(&mut self, key: Option<&Key<'_>>, round: usize, now_ms: u64) -> bool {
        let (len, blocks) = (self.slab.take_short_len(), self.arena.take_short_blocks());
        let (line, zeros) = (self.short_line.take(), self.zeros.take_short());
        self.end_evacuation();
        if self.evicts() {
            self.kept = key.and_then(|key| self.offset_of(key)).unwrap_or(NO_ITEM);
            let mut effort = Effort::of(blocks);
            let found = (len > 0 || blocks > 0 || line.is_some() || zeros)
                && (!zeros || self.evict_chain(now_ms, &mut effort))
                && line.is_none_or(|hash| self.make_slot(hash, now_ms, &mut effort))
                && (len == 0 || self.make_room(len, now_ms, &mut effort))
                && (blocks == 0 || self.make_blocks(blocks, now_ms, &mut effort));
            self.kept = NO_ITEM;
            if found {
                return true;
            }
        }
        let hope = round == 0 && (self.has_sweep_debt() || self.has_expiring());
        if hope {
            self.met = self.sweep(now_ms, RELIEF_BUCKETS);
        }
        hope
    }

    /// Offset of the item of a key, dead or alive.
    fn offset_of(&self, key: &Key<'_>) -> Option<u64> {
        let place = self.index.find(key.hash, |offset| self.is_of(offset, key));
        place.map(|place| self.index.offset(place))
    }

    /// Makes room for an item. Whether there is.
    fn make_room(&mut self, len: usize, now_ms: u64, effort: &mut Effort) -> bool {
        let class = class_of(len);
        self.make_fit(Slab::rounded(len) as u64, now_ms, effort)
            && (self.slab.has_room_for(&mut self.arena, class)
                || if class < PAGE_CLASS_FIRST {
                    self.make_small_place(class, now_ms, effort)
                } else {
                    self.make_large_place(class, now_ms, effort)
                })
    }

    /// Evicts whatever is oldest until `bytes` more are within the limit. Above a limit that was lowered it is
    /// enough if as many are gone.
    fn make_fit(&mut self, bytes: u64, now_ms: u64, effort: &mut Effort) -> bool {
        let before = self.used_bytes();
        while !self.arena.make_fit(bytes) && effort.is_left() && self.evict_oldest(now_ms, effort) {}
        let used = self.used_bytes();
        if !self.arena.fits(bytes) && before >= used + bytes {
            self.arena.set_limit(used + bytes);
        }
        self.arena.fits(bytes)
    }

    /// Moves the hand that waits longest until an item is gone or its span is done. Whether there is such a hand.
    fn evict_oldest(&mut self, now_ms: u64, effort: &mut Effort) -> bool {
        let Some((_, donor)) = self.oldest(NO_CLASS, true) else { return false };
        let Donor::Class(class) = donor else {
            self.evict_chain(now_ms, effort);
            return true;
        };
        let span = self.slab.first_span(class);
        while self.slab.first_span(class) == span
            && effort.visit()
            && let Some(step) = self.slab.step(class)
        {
            if matches!(step, Step::End { .. }) | self.follow(class, step, now_ms, effort) {
                break;
            }
        }
        true
    }

    /// Makes a place for a small item: one of its class, of the next larger ones, or in a run that another gives.
    fn make_small_place(&mut self, class: usize, now_ms: u64, effort: &mut Effort) -> bool {
        if let Some((lap, host)) = self.host(class, lenders(class)) {
            if let Some((waits, donor)) = self.oldest(class, true)
                && waits > OLDER * lap
                && self.empty(donor, false, now_ms, effort)
                && self.arena.has_run()
            {
                return true;
            }
            if self.evict_in(host, now_ms, effort) {
                return true;
            }
        }
        self.make_unit(class, now_ms, effort)
    }

    /// Makes a unit of whatever others than a class give: first of what is not in use.
    fn make_unit(&mut self, but: usize, now_ms: u64, effort: &mut Effort) -> bool {
        for donors in 0..DONORS_MAX {
            let Some((_, donor)) = self.oldest(but, true) else { break };
            self.empty(donor, donors >= GENTLE_DONORS_MAX, now_ms, effort);
            if self.arena.has_run() {
                return true;
            }
        }
        false
    }

    /// Makes a place for a large item: one of its class, of the larger ones, or in a page that others give.
    fn make_large_place(&mut self, class: usize, now_ms: u64, effort: &mut Effort) -> bool {
        let host = self.host(class, lenders(class));
        let lap = host.map_or(0, |(lap, _)| lap);
        let pages = self.slab.oldest(PAGE_CLASS_FIRST..CLASS_COUNT, class, self.version);
        let pages = pages.filter(|(waits, _)| host.is_none() || *waits > OLDER * lap);
        let units = self.oldest(class, false).filter(|(waits, _)| host.is_none() || *waits > OLDER * lap);
        match (pages, units) {
            (Some((page_waits, donor)), units)
                if units.is_none_or(|(unit_waits, _)| unit_waits <= page_waits) =>
            {
                self.empty(Donor::Class(donor), host.is_none(), now_ms, effort);
            }
            (_, Some((_, donor))) => self.evacuate(donor, now_ms, effort),
            _ => {}
        }
        self.slab.has_room_for(&mut self.arena, class)
            || host.is_some_and(|(_, host)| self.evict_in(host, now_ms, effort))
    }

    /// The class that an item of `class` takes a place of: its own, or else the next of `count` larger ones
    /// that has any. With its age.
    fn host(&self, class: usize, count: usize) -> Option<(u64, usize)> {
        let classes = (class..CLASS_COUNT).take(count + 1);
        classes.filter_map(|class| Some((self.slab.lap(class, self.version)?, class))).next()
    }

    /// Makes units for blocks: of other chains, or of runs that a class gives. Whether there are enough, or
    /// more than before.
    fn make_blocks(&mut self, count: usize, now_ms: u64, effort: &mut Effort) -> bool {
        if !self.make_fit((count * BLOCK_BYTES) as u64, now_ms, effort) {
            return false;
        }
        let before = self.arena.free_units();
        let mut futile = 0;
        while !self.arena.has_blocks(count) && effort.is_left() && futile < FUTILE_CHAINS_MAX {
            let free = self.arena.free_units();
            let lap = self.chains.lap(self.version);
            let donor = self.slab.oldest(0..CLASS_COUNT, NO_CLASS, self.version);
            let older = donor.filter(|(waits, _)| lap.is_some_and(|lap| *waits > OLDER * lap));
            let given = older
                .is_some_and(|(_, class)| self.empty(Donor::Class(class), false, now_ms, effort))
                || self.evict_chain(now_ms, effort)
                || self.make_unit(NO_CLASS, now_ms, effort);
            if !given {
                break;
            }
            futile += usize::from(self.arena.free_units() == free);
        }
        let has = self.arena.has_blocks(count);
        self.arena.take_short_blocks();
        has || self.arena.free_units() > before
    }

    /// Who waits longest for a hand, for how many versions: a class but this one, or the chains.
    fn oldest(&self, but: usize, with_pages: bool) -> Option<(u64, Donor)> {
        let end = if with_pages { CLASS_COUNT } else { PAGE_CLASS_FIRST };
        let class = self.slab.oldest(0..end, but, self.version);
        let class = class.map(|(waits, class)| (waits, Donor::Class(class)));
        let chains = self.chains.waits(self.version).map(|waits| (waits, Donor::Chains));
        match (class, chains) {
            (Some(class), Some(chains)) => Some(if chains.0 > class.0 { chains } else { class }),
            (class, chains) => class.or(chains),
        }
    }

    /// Takes the next span or chain of a donor. Whether it gave one. If it is `forced`, also one with many
    /// references.
    fn empty(&mut self, donor: Donor, forced: bool, now_ms: u64, effort: &mut Effort) -> bool {
        match donor {
            Donor::Chains => self.evict_chain(now_ms, effort),
            Donor::Class(class) => {
                let span = self.slab.first_span(class);
                span.is_some_and(|span| self.empty_span(span, forced, now_ms, effort))
            }
        }
    }

    /// Evicts all items of a span, which then goes back to the arena, or none of them.
    fn empty_span(&mut self, span: u32, forced: bool, now_ms: u64, effort: &mut Effort) -> bool {
        let class = self.slab.class(span);
        if !self.may_empty(span, forced, now_ms) {
            if self.slab.first_span(class) == Some(span) {
                self.follow(class, Step::End { span, keeps: false }, now_ms, effort);
            }
            return false;
        }
        let (start, end, size) = self.slab.places(span);
        let mut left = self.slab.used(span);
        for offset in (start..end).step_by(size) {
            // With its last item the span is gone.
            if left == 0 {
                break;
            }
            let header = self.view(offset).header;
            if self.verdict(&header, offset, now_ms) != Verdict::Free {
                self.evict(offset, now_ms, effort);
                left -= 1;
            }
        }
        true
    }

    /// Whether a span may be emptied. A visit: its items are no more referenced after it.
    fn may_empty(&mut self, span: u32, forced: bool, now_ms: u64) -> bool {
        let (start, end, size) = self.slab.places(span);
        let (mut referenced, mut chains, mut stays) = (0, 0, false);
        for offset in (start..end).step_by(size) {
            let header = self.view(offset).header;
            match self.verdict(&header, offset, now_ms) {
                Verdict::Free | Verdict::Dead(_) => continue,
                Verdict::Stays => {
                    stays = true;
                    continue;
                }
                Verdict::Waits => stays = true,
                Verdict::Referenced => {
                    referenced += 1;
                    self.cool(offset, header);
                }
                Verdict::Goes => {}
            }
            chains += usize::from(header.is_chain());
        }
        let warm = referenced * REFERENCED_FRACTION > self.slab.used(span);
        !stays && (chains == 0 || forced && chains <= SPAN_CHAINS_MAX) && (forced || !warm)
    }

    /// Empties the page of what a donor gives next, run by run and block by block, perhaps in several calls. No
    /// unit of it is given out meanwhile. Gives up if anything of it must stay.
    fn evacuate(&mut self, donor: Donor, now_ms: u64, effort: &mut Effort) {
        let begun = self.evacuating.map(|(page, _)| page).filter(|page| self.arena.is_draining(*page));
        let Some(page) = begun.or_else(|| self.page_of(donor)) else { return };
        if !self.arena.drain_page(page) {
            return;
        }
        self.evacuating = Some((page, self.version));
        for unit in page * PAGE_UNITS..(page + 1) * PAGE_UNITS {
            if !self.arena.is_draining(page) || !effort.is_left() {
                return;
            }
            if !self.free_unit(unit, now_ms, effort) {
                self.arena.stop_draining(page);
                self.evacuating = None;
                // Another page at the next attempt.
                match donor {
                    Donor::Class(class) => self.slab.turn(class, true, self.version),
                    Donor::Chains => self.chains.turn(self.version),
                }
                return;
            }
        }
    }

    /// Gives back the units of a page that was to be emptied, but that nobody wants any more.
    fn end_evacuation(&mut self) {
        if let Some((page, since)) = self.evacuating
            && self.version - since > EVACUATION_VERSIONS_MAX
        {
            self.arena.stop_draining(page);
            self.evacuating = None;
        }
    }

    /// The page of what a donor gives next.
    fn page_of(&self, donor: Donor) -> Option<u32> {
        let unit = match donor {
            Donor::Class(class) => self.slab.first_span(class),
            Donor::Chains => {
                let blocks = self.chains.chain(self.chains.first()?).blocks();
                blocks.iter().find_map(|block| self.arena.unit_of(block))
            }
        };
        unit.map(|unit| unit / PAGE_UNITS)
    }

    /// Frees a unit of a page that is drained. Whether it is free.
    fn free_unit(&mut self, unit: u32, now_ms: u64, effort: &mut Effort) -> bool {
        match self.arena.unit_use(unit) {
            UnitUse::Free => true,
            UnitUse::Run => self.empty_span(unit, true, now_ms, effort),
            UnitUse::Page => false,
            UnitUse::Block => self.free_block(unit, now_ms, effort),
        }
    }

    /// Evicts the chain that has a unit as a block.
    fn free_block(&mut self, unit: u32, now_ms: u64, effort: &mut Effort) -> bool {
        if let Some(offset) = self.chains.holder(unit) {
            let header = self.view(offset).header;
            let verdict = self.verdict(&header, offset, now_ms);
            if matches!(verdict, Verdict::Dead(_) | Verdict::Referenced | Verdict::Goes) {
                self.evict(offset, now_ms, effort);
            }
        }
        self.arena.unit_use(unit) == UnitUse::Free
    }

    /// Makes a slot of the index for a hash: in the bucket of the hash, or an overflow bucket of another.
    fn make_slot(&mut self, hash: u64, now_ms: u64, effort: &mut Effort) -> bool {
        if self.index.has_slot_for(hash) || self.evict_in_bucket(self.index.bucket_of(hash), now_ms, effort) {
            return true;
        }
        for _ in 0..LINE_BUCKETS_MAX {
            let bucket = if self.line_hand < self.index.bucket_count() { self.line_hand } else { 0 };
            self.line_hand = bucket + 1;
            while self.index.has_overflow(bucket) && self.evict_in_bucket(bucket, now_ms, effort) {}
            if self.index.has_slot_for(hash) {
                return true;
            }
        }
        false
    }

    /// Evicts an item of a bucket of the index: one that is not referenced, if there is one.
    fn evict_in_bucket(&mut self, bucket: usize, now_ms: u64, effort: &mut Effort) -> bool {
        for takes_referenced in [false, true] {
            let mut walk = self.index.first(bucket);
            while let Some(place) = walk {
                let offset = self.index.offset(place);
                let header = self.view(offset).header;
                match self.verdict(&header, offset, now_ms) {
                    Verdict::Referenced if !takes_referenced => {
                        self.cool(offset, header);
                    }
                    Verdict::Dead(_) | Verdict::Referenced | Verdict::Goes => {
                        self.evict(offset, now_ms, effort);
                        return true;
                    }
                    Verdict::Free | Verdict::Stays | Verdict::Waits => {}
                }
                walk = self.index.after(place);
            }
        }
        false
    }
}
