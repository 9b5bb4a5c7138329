//! Which pages and units of an arena are free. A page is free, in use as a whole, or cut into units, which are
//! in use for runs of items or for blocks. No memory is touched here.

use super::to_usize;

/// Units of a page.
pub(super) const PAGE_UNITS: u32 = 16;
/// A page of units with all of them free: one bit for each.
const ALL_FREE: u16 = u16::MAX;
/// End of a list of pages.
const NO_PAGE: u32 = u32::MAX;

const _: () = assert!(u16::BITS == PAGE_UNITS, "a page has a bit for each unit");

/// What a page was cut for. Units of the other kind are taken from it only if there is no other page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Runs,
    Blocks,
}

/// A page: which of its units are free, and its neighbours on the list of pages of its kind that have some.
#[derive(Clone, Copy)]
struct Page {
    free: u16,
    kind: Kind,
    /// It is in use as a whole.
    whole: bool,
    /// Its free units are kept back until all of them are free.
    draining: bool,
    previous: u32,
    next: u32,
}

/// The pages and units of an arena.
pub(super) struct Units {
    pages: Box<[Page]>,
    /// Pages in use for nothing.
    free_pages: Vec<u32>,
    /// For each kind, the first page that is cut and has a free unit.
    open: [u32; 2],
    /// Pages in use as a whole.
    whole_pages: u64,
    /// Units that are free and not held by a page that drains.
    unit_count: u64,
    /// How many of them are kept back.
    kept_units: u64,
}

impl Units {
    /// Units of `page_count` pages, all of them free.
    pub(super) fn new(page_count: usize) -> Self {
        let count = u32::try_from(page_count).unwrap_or(NO_PAGE);
        let page = Page {
            free: ALL_FREE,
            kind: Kind::Runs,
            whole: false,
            draining: false,
            previous: NO_PAGE,
            next: NO_PAGE,
        };
        Self {
            pages: vec![page; page_count].into_boxed_slice(),
            free_pages: (0..count).rev().collect(),
            kept_units: 0,
            open: [NO_PAGE; 2],
            whole_pages: 0,
            unit_count: u64::from(count) * u64::from(PAGE_UNITS),
        }
    }

    /// All pages.
    pub(super) fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// Pages in use for nothing that can be taken.
    pub(super) fn free_pages(&self) -> u64 {
        (self.free_pages.len() as u64).min(self.unit_count() / u64::from(PAGE_UNITS))
    }

    /// Keeps units back, so that they cannot be taken. Whether there are that many.
    pub(super) fn keep_back(&mut self, units: u64) -> bool {
        let enough = self.unit_count() >= units;
        if enough {
            self.kept_units += units;
        }
        enough
    }

    /// Lets units that were kept back be taken again.
    pub(super) fn give_back(&mut self, units: u64) {
        self.kept_units -= units;
    }

    /// Pages in use as a whole.
    pub(super) fn whole_pages(&self) -> u64 {
        self.whole_pages
    }

    /// Units that can be taken.
    pub(super) fn unit_count(&self) -> u64 {
        self.unit_count - self.kept_units
    }

    /// Takes a page.
    pub(super) fn take_page(&mut self) -> Option<u32> {
        if self.free_pages() == 0 {
            return None;
        }
        let page = self.free_pages.pop()?;
        let entry = self.page_mut(page);
        (entry.free, entry.whole) = (0, true);
        self.whole_pages += 1;
        self.unit_count -= u64::from(PAGE_UNITS);
        Some(page)
    }

    /// Gives back a page that was taken.
    pub(super) fn give_page(&mut self, page: u32) {
        let entry = self.page_mut(page);
        (entry.free, entry.whole) = (ALL_FREE, false);
        self.whole_pages -= 1;
        self.unit_count += u64::from(PAGE_UNITS);
        self.free_pages.push(page);
    }

    /// Takes a unit of a page of its kind, of a free one, or else of one of the other kind.
    pub(super) fn take(&mut self, kind: Kind) -> Option<u32> {
        if self.unit_count() == 0 {
            return None;
        }
        let mut page = self.open[kind as usize];
        if page == NO_PAGE {
            page = self.free_pages.pop().map_or(NO_PAGE, |page| self.cut(page, kind));
        }
        if page == NO_PAGE {
            page = self.open[other(kind) as usize];
        }
        (page != NO_PAGE).then(|| self.take_of(page))
    }

    /// Gives back a unit. A page with nothing else in use becomes free as well.
    ///
    /// # Panics
    /// If the unit is free.
    pub(super) fn give(&mut self, unit: u32) {
        let page = unit / PAGE_UNITS;
        let entry = self.page_mut(page);
        let (before, listed) = (entry.free, !entry.draining);
        entry.free |= 1 << (unit % PAGE_UNITS);
        assert_ne!(before, entry.free, "a unit is given back twice");
        let all_free = entry.free == ALL_FREE;
        self.unit_count += u64::from(listed);
        if before == 0 && listed {
            self.link(page);
        }
        if all_free {
            if listed {
                self.unlink(page);
            } else {
                self.unit_count += u64::from(PAGE_UNITS);
            }
            self.page_mut(page).draining = false;
            self.free_pages.push(page);
        }
    }

    /// Keeps the free units of a page with some in use back, until all of them are free and with them the page.
    /// Whether it does: not if there are too few others.
    pub(super) fn drain(&mut self, page: u32) -> bool {
        let left = self.unit_count();
        let entry = self.page_mut(page);
        let kept_back = if entry.draining { 0 } else { entry.free.count_ones() };
        if u64::from(kept_back) > left {
            return false;
        }
        entry.draining = true;
        self.unit_count -= u64::from(kept_back);
        if kept_back > 0 {
            self.unlink(page);
        }
        true
    }

    /// Lets the free units of a page be taken again.
    pub(super) fn stop_draining(&mut self, page: u32) {
        let entry = self.page_mut(page);
        let kept_back = if core::mem::take(&mut entry.draining) { entry.free.count_ones() } else { 0 };
        self.unit_count += u64::from(kept_back);
        if kept_back > 0 {
            self.link(page);
        }
    }

    /// Whether units of a page are kept back.
    pub(super) fn is_draining(&self, page: u32) -> bool {
        self.pages[to_usize(u64::from(page))].draining
    }

    /// Whether a page is in use as a whole.
    pub(super) fn is_whole(&self, page: u32) -> bool {
        self.pages[to_usize(u64::from(page))].whole
    }

    /// Whether a unit is free.
    pub(super) fn is_free(&self, unit: u32) -> bool {
        self.pages[to_usize(u64::from(unit / PAGE_UNITS))].free & 1 << (unit % PAGE_UNITS) != 0
    }

    /// Cuts a free page.
    fn cut(&mut self, page: u32, kind: Kind) -> u32 {
        self.page_mut(page).kind = kind;
        self.link(page);
        page
    }

    /// Takes the first free unit of an open page.
    fn take_of(&mut self, page: u32) -> u32 {
        let entry = self.page_mut(page);
        let bit = entry.free.trailing_zeros();
        entry.free &= entry.free - 1;
        if entry.free == 0 {
            self.unlink(page);
        }
        self.unit_count -= 1;
        page * PAGE_UNITS + bit
    }

    /// Puts a page first on the list of its kind.
    fn link(&mut self, page: u32) {
        let kind = self.page_mut(page).kind;
        let next = core::mem::replace(&mut self.open[kind as usize], page);
        if next != NO_PAGE {
            self.page_mut(next).previous = page;
        }
        let entry = self.page_mut(page);
        entry.previous = NO_PAGE;
        entry.next = next;
    }

    /// Takes a page off the list of its kind.
    fn unlink(&mut self, page: u32) {
        let Page { previous, next, kind, .. } = *self.page_mut(page);
        if next != NO_PAGE {
            self.page_mut(next).previous = previous;
        }
        if previous == NO_PAGE {
            self.open[kind as usize] = next;
        } else {
            self.page_mut(previous).next = next;
        }
    }

    fn page_mut(&mut self, page: u32) -> &mut Page {
        &mut self.pages[to_usize(u64::from(page))]
    }
}

fn other(kind: Kind) -> Kind {
    match kind {
        Kind::Runs => Kind::Blocks,
        Kind::Blocks => Kind::Runs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_are_kept_back_are_not_taken() {
        let mut units = Units::new(2);
        assert!(units.keep_back(15) && !units.keep_back(18));
        assert_eq!((units.free_pages(), units.unit_count()), (1, 17));
        assert!(units.take_page().is_some() && units.take_page().is_none());
        assert!(units.take(Kind::Runs).is_some() && units.take(Kind::Blocks).is_none());
        assert!(!units.drain(1), "the page in use for one run has the units that are kept back");
        units.give_back(15);
        assert_eq!((units.free_pages(), units.unit_count()), (0, 15));
        assert!(units.take(Kind::Blocks).is_some() && units.drain(1));
    }

    #[test]
    fn units_are_taken_of_cut_pages_first_and_of_the_other_kind_last() {
        let mut units = Units::new(2);
        let runs: Vec<u32> = (0..3).map(|_| units.take(Kind::Runs).unwrap()).collect();
        assert_eq!((runs, units.free_pages()), (vec![0, 1, 2], 1));
        let blocks: Vec<u32> = (0..16).map(|_| units.take(Kind::Blocks).unwrap()).collect();
        assert_eq!((blocks, units.free_pages()), ((16..32).collect(), 0));
        assert_eq!((units.take(Kind::Blocks), units.take(Kind::Runs)), (Some(3), Some(4)));
        units.give(20);
        assert_eq!((units.take(Kind::Runs), units.take(Kind::Blocks)), (Some(5), Some(20)));
        assert_eq!((units.take_page(), units.unit_count()), (None, 10));
        (6..16).for_each(|unit| assert_eq!(units.take(Kind::Blocks), Some(unit)));
        assert!(units.unit_count() == 0 && units.take(Kind::Runs).is_none());
        (0..32).rev().for_each(|unit| units.give(unit));
        assert_eq!((units.free_pages(), units.unit_count(), units.open), (2, 32, [NO_PAGE; 2]));
    }

    #[test]
    fn whole_pages_are_taken_and_given() {
        let mut units = Units::new(2);
        assert_eq!((units.take_page(), units.take_page(), units.take_page()), (Some(0), Some(1), None));
        assert_eq!((units.whole_pages(), units.unit_count()), (2, 0));
        units.give_page(1);
        assert_eq!((units.take(Kind::Blocks), units.whole_pages()), (Some(16), 1));
    }

    #[test]
    fn a_page_is_drained_of_its_units() {
        let mut units = Units::new(1);
        (0..5).for_each(|unit| assert_eq!(units.take(Kind::Runs), Some(unit)));
        units.drain(0);
        assert!(units.is_draining(0) && units.is_free(5) && !units.is_free(4));
        assert_eq!((units.unit_count(), units.take(Kind::Runs), units.take(Kind::Blocks)), (0, None, None));
        units.give(2);
        assert_eq!(units.take(Kind::Runs), None);
        units.stop_draining(0);
        assert_eq!(units.unit_count(), 12);
        assert_eq!(units.take(Kind::Runs), Some(2));
        (5..16).for_each(|unit| assert_eq!(units.take(Kind::Runs), Some(unit)));
        units.drain(0);
        (0..16).for_each(|unit| units.give(unit));
        assert!(!units.is_draining(0) && units.is_free(0));
        assert_eq!((units.free_pages(), units.unit_count(), units.open), (1, 16, [NO_PAGE; 2]));
        assert_eq!(units.take(Kind::Blocks), Some(0));
    }

    #[test]
    #[should_panic(expected = "given back twice")]
    fn a_unit_is_given_back_once() {
        let mut units = Units::new(1);
        let unit = units.take(Kind::Runs).unwrap();
        units.take(Kind::Runs);
        units.give(unit);
        units.give(unit);
    }
}
