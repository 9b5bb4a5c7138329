//! The order in which the hand of eviction comes to spans and chains: a ring of members, the one visited
//! longest ago first, each with the version of the store at that visit.

use super::to_usize;

/// No member.
const NONE: u32 = u32::MAX;
/// In place of the member before: the member is on no ring.
const UNLISTED: u32 = u32::MAX - 1;

/// Place of a member on its ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    previous: u32,
    next: u32,
    /// Version at the last visit.
    visited: u64,
}

impl Links {
    /// Of a member that is on no ring.
    pub(super) const UNLISTED: Self = Self { previous: UNLISTED, next: NONE, visited: 0 };

    /// Whether the member is on its ring.
    #[inline]
    pub(super) fn is_listed(&self) -> bool {
        self.previous != UNLISTED
    }
}

/// What members of rings are kept in.
pub(super) trait Members {
    /// The links of a member.
    fn links(&mut self, member: u32) -> &mut Links;
}

/// Where the links are all there is.
impl Members for Vec<Links> {
    fn links(&mut self, member: u32) -> &mut Links {
        &mut self[to_usize(u64::from(member))]
    }
}

/// A ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ring {
    first: u32,
    last: u32,
    /// Version at the last visit of the first member.
    oldest: u64,
    /// Versions from one visit to the next of the member that was visited last.
    lap: u64,
}

impl Ring {
    /// A ring without members.
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE, oldest: 0, lap: 0 };

    /// The member that was visited longest ago.
    #[inline]
    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// Versions since the last visit of the first member.
    pub(super) fn waits(&self, version: u64) -> Option<u64> {
        self.first().map(|_| version - self.oldest)
    }

    /// Versions from one visit to the next. Right after a visit the waiting says too little of a ring of few:
    /// the last lap counts as well.
    pub(super) fn lap(&self, version: u64) -> Option<u64> {
        self.waits(version).map(|waits| waits.max(self.lap))
    }

    /// Puts a member last, as if it was visited now.
    pub(super) fn push(&mut self, members: &mut impl Members, member: u32, version: u64) {
        let previous = core::mem::replace(&mut self.last, member);
        *members.links(member) = Links { previous, next: NONE, visited: version };
        if previous == NONE {
            (self.first, self.oldest, self.lap) = (member, version, 0);
        } else {
            members.links(previous).next = member;
        }
    }

    /// Takes a member off.
    pub(super) fn remove(&mut self, members: &mut impl Members, member: u32) {
        let Links { previous, next, .. } = core::mem::replace(members.links(member), Links::UNLISTED);
        match next {
            NONE => self.last = previous,
            next => members.links(next).previous = previous,
        }
        match previous {
            NONE => self.begin_with(members, next),
            previous => members.links(previous).next = next,
        }
    }

    /// Puts the first member last: it was visited.
    pub(super) fn turn(&mut self, members: &mut impl Members, version: u64) {
        if let Some(member) = self.first() {
            let lap = version - self.oldest;
            self.remove(members, member);
            self.push(members, member, version);
            self.lap = lap;
        }
    }

    fn begin_with(&mut self, members: &mut impl Members, member: u32) {
        self.first = member;
        if member != NONE {
            self.oldest = members.links(member).visited;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_the_order_of_their_visits() {
        let (mut members, mut ring) = (vec![Links::UNLISTED; 4], Ring::EMPTY);
        assert_eq!((ring.first(), ring.waits(9), ring.lap(9)), (None, None, None));
        for member in 0..4 {
            ring.push(&mut members, member, 10 + u64::from(member));
        }
        assert_eq!((ring.first(), ring.waits(30)), (Some(0), Some(20)));
        ring.turn(&mut members, 30);
        ring.remove(&mut members, 2);
        assert!(!members[2].is_listed() && members[1].is_listed());
        let order: Vec<u32> = core::iter::from_fn(|| {
            let first = ring.first()?;
            ring.remove(&mut members, first);
            Some(first)
        })
        .collect();
        assert_eq!(order, [1, 3, 0]);
        assert_eq!(ring.first(), None);
    }

    #[test]
    fn a_ring_of_one_has_the_lap_before() {
        let (mut members, mut ring) = (vec![Links::UNLISTED; 1], Ring::EMPTY);
        ring.push(&mut members, 0, 100);
        ring.turn(&mut members, 150);
        assert_eq!((ring.lap(150), ring.lap(190), ring.lap(230)), (Some(50), Some(50), Some(80)));
        assert_eq!(ring.waits(190), Some(40));
        ring.remove(&mut members, 0);
        ring.push(&mut members, 0, 300);
        assert_eq!((ring.first(), ring.lap(300)), (Some(0), Some(0)));
    }
}
