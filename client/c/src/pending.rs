//! The operations that C has submitted, by the tickets of the Rust client: which tag they have, and where a value goes.

use ::adit_client::Ticket;

use crate::memory::Room;
use crate::poll::adit_opcode;

/// What is known of an operation until it completes.
#[derive(Debug)]
pub(crate) struct Submitted {
    /// The caller's own number of it.
    pub(crate) tag: u64,
    pub(crate) opcode: adit_opcode,
    /// Where its value goes, if not into memory of the library.
    pub(crate) room: Option<Room>,
}

/// A table with linear probing. Tickets are given one after the other, so the home of a ticket is most often free.
pub(crate) struct Pending {
    places: Box<[Option<(Ticket, Submitted)>]>,
    count: usize,
}

impl Pending {
    /// Room for `window` operations.
    pub(crate) fn new(window: usize) -> Self {
        let count = (2 * window).next_power_of_two();
        Self { places: std::iter::repeat_with(|| None).take(count).collect(), count: 0 }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Adds one; the caller has seen that the window has room.
    pub(crate) fn insert(&mut self, ticket: Ticket, submitted: Submitted) {
        assert!(self.count < self.places.len() / 2, "no more than the window");
        let mut index = self.home(ticket);
        while self.places[index].is_some() {
            index = self.next(index);
        }
        self.places[index] = Some((ticket, submitted));
        self.count += 1;
    }

    /// Removes one.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<Submitted> {
        let mut index = self.home(ticket);
        while self.places[index].as_ref()?.0 != ticket {
            index = self.next(index);
        }
        let (_, submitted) = self.places[index].take()?;
        self.close_gap(index);
        self.count -= 1;
        Some(submitted)
    }

    /// Moves those back that would not be found behind the gap (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
    fn close_gap(&mut self, mut gap: usize) {
        let mut index = self.next(gap);
        while let Some((ticket, _)) = &self.places[index] {
            let home = self.home(*ticket);
            if self.distance(home, index) >= self.distance(gap, index) {
                self.places.swap(gap, index);
                gap = index;
            }
            index = self.next(index);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "only the low bits count")]
    fn home(&self, ticket: Ticket) -> usize {
        ticket.0 as usize & (self.places.len() - 1)
    }

    fn next(&self, index: usize) -> usize {
        (index + 1) & (self.places.len() - 1)
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.places.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn submitted(tag: u64) -> Submitted {
        Submitted { tag, opcode: adit_opcode::ADIT_OP_GET, room: None }
    }

    #[test]
    fn it_finds_what_was_put_in_and_nothing_else() {
        let (mut pending, mut model) = (Pending::new(16), BTreeMap::new());
        let mut random = 1_u64;
        for number in 0..100_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if model.len() < 16 && random >> 63 == 0 {
                // Tickets of calls that block come in between.
                let ticket = number * (1 + (random >> 60));
                if model.insert(ticket, number).is_none() {
                    pending.insert(Ticket(ticket), submitted(number));
                } else {
                    model.insert(ticket, pending.remove(Ticket(ticket)).map_or(0, |found| found.tag));
                    pending.insert(Ticket(ticket), submitted(model[&ticket]));
                }
            } else if let Some((&ticket, &tag)) = model.iter().nth(usize::from(random.to_le_bytes()[5] & 15))
            {
                assert_eq!(pending.remove(Ticket(ticket)).map(|found| found.tag), Some(tag));
                model.remove(&ticket);
                assert!(pending.remove(Ticket(ticket)).is_none());
            }
            assert_eq!(pending.count(), model.len());
        }
        assert!(!model.is_empty());
    }
}
