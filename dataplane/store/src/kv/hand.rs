//! The hands of eviction, one for each size class: each goes round the spans of its class, place by place. What
//! it does with an item that it comes to is the business of `evict`.

use super::ring::Ring;
use super::slab::{FOLLOWS, SIZES, Slab, Span, as_u32, index, start_of};
use adit_drivers::memory::Arena;
use core::ops::Range;

/// Places that the hand is ahead with what it asks memory for.
const AHEAD_STEPS: u64 = 4;
/// The hand of a class: the next place that it comes to.
#[derive(Clone, Copy)]
pub(super) struct Hand {
    ring: Ring,
    /// Bytes from the start of the first span of the ring.
    at: u32,
    /// Whether it saw an item in that span that may be evicted some day.
    keeps: bool,
}

impl Hand {
    /// The hand of a class without spans.
    pub(super) const NEW: Self = Self { ring: Ring::EMPTY, at: 0, keeps: false };
}

/// What a hand comes to.
pub(super) enum Step {
    /// A place, which may be free: its offset.
    Place(u64),
    /// The end of a span, of which it saw an item that may be evicted some day if it `keeps` it.
    End { span: u32, keeps: bool },
}

/// The hands.
impl Slab {
    /// Versions that the hand of a class takes to go round its spans, `None` if there are none.
    pub(super) fn lap(&self, class: usize, version: u64) -> Option<u64> {
        self.hands[class].ring.lap(version)
    }

    /// The class among these whose first span waits longest, and for how many versions.
    pub(super) fn oldest(&self, classes: Range<usize>, but: usize, version: u64) -> Option<(u64, usize)> {
        let others = classes.filter(|class| *class != but);
        others.filter_map(|class| Some((self.hands[class].ring.waits(version)?, class))).max()
    }

    /// The span that the hand of a class comes to next.
    pub(super) fn first_span(&self, class: usize) -> Option<u32> {
        self.hands[class].ring.first()
    }

    /// Moves the hand of a class over one place. `None` if no item of the class may be evicted.
    pub(super) fn step(&mut self, class: usize) -> Option<Step> {
        let span = self.hands[class].ring.first()?;
        let at = self.hands[class].at;
        if at >= self.span(span).fresh {
            return Some(Step::End { span, keeps: self.hands[class].keeps });
        }
        self.hands[class].at = at + SIZES[class];
        Some(Step::Place(start_of(span) + u64::from(at)))
    }

    /// Asks for the header of a place that the hand comes to some steps after `offset`.
    #[inline]
    pub(super) fn prefetch_ahead(&self, arena: &Arena, class: usize, offset: u64) {
        arena.prefetch(offset + u64::from(SIZES[class]) * AHEAD_STEPS);
    }

    /// The hand saw an item that may be evicted some day: it comes to the span again.
    pub(super) fn keep(&mut self, class: usize) {
        self.hands[class].keeps = true;
    }

    /// Ends the visit of the span that the hand of a class is at. If it does not keep it, as no item of it may
    /// be evicted, the hand comes there no more until one may.
    pub(super) fn turn(&mut self, class: usize, keeps: bool, version: u64) {
        let Self { hands, spans, .. } = self;
        let hand = &mut hands[class];
        (hand.at, hand.keeps) = (0, false);
        match hand.ring.first() {
            Some(span) if !keeps => hand.ring.remove(spans, span),
            _ => hand.ring.turn(spans, version),
        }
    }

    /// Places of a span that may be in use: offsets of the first and past the last, and the bytes of each.
    pub(super) fn places(&self, span: u32) -> (u64, u64, usize) {
        let (start, entry) = (start_of(span), self.span(span));
        (start, start + u64::from(entry.fresh), index(entry.size))
    }

    /// The class of a span.
    pub(super) fn class(&self, span: u32) -> usize {
        usize::from(self.span(span).class)
    }

    /// Items of a span.
    pub(super) fn used(&self, span: u32) -> usize {
        usize::from(self.span(span).used)
    }

    /// An item may be evicted from now on: the hand comes to its span again.
    pub(super) fn revive(&mut self, offset: u64, version: u64) {
        let (span, _) = self.split(offset);
        if !self.span(span).links.is_listed() {
            self.list(span, version);
        }
    }

    /// Any item may be evicted from now on.
    pub(super) fn revive_all(&mut self, version: u64) {
        for unit in 0..self.spans.len() {
            let Span { used, links, class, .. } = self.spans[unit];
            if used > 0 && class != FOLLOWS && !links.is_listed() {
                self.list(as_u32(unit), version);
            }
        }
    }

    /// Puts a span on the ring of its class.
    #[inline(never)]
    pub(super) fn list(&mut self, span: u32, version: u64) {
        let class = self.class(span);
        let Self { hands, spans, .. } = self;
        hands[class].ring.push(spans, span, version);
    }

    /// Takes a span off the ring of its class.
    pub(super) fn unlist(&mut self, span: u32) {
        if !self.span(span).links.is_listed() {
            return;
        }
        let class = self.class(span);
        let Self { hands, spans, .. } = self;
        let hand = &mut hands[class];
        if hand.ring.first() == Some(span) {
            (hand.at, hand.keeps) = (0, false);
        }
        hand.ring.remove(spans, span);
    }
}
