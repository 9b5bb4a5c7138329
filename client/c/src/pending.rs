//! The operations that C has submitted, by the tickets of the Rust client: which tag they have, and where a value goes.

use std::collections::HashMap;

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

/// A place for each ticket, by its low bits. Tickets are given one after the other, so a place is free but for operations that take
/// much longer than others: what finds its place taken goes into a map.
pub(crate) struct Pending {
    places: Box<[Option<(Ticket, Submitted)>]>,
    others: HashMap<Ticket, Submitted>,
    count: usize,
}

impl Pending {
    /// Room for `window` operations.
    pub(crate) fn new(window: usize) -> Self {
        let count = (2 * window).next_power_of_two();
        let places = std::iter::repeat_with(|| None).take(count).collect();
        Self { places, others: HashMap::new(), count: 0 }
    }

    /// How many there are.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Adds one; the caller has seen that the window has room.
    #[inline]
    pub(crate) fn insert(&mut self, ticket: Ticket, submitted: Submitted) {
        self.count += 1;
        let place = self.place(ticket);
        if place.is_none() {
            *place = Some((ticket, submitted));
        } else {
            self.insert_other(ticket, submitted);
        }
    }

    #[cold]
    fn insert_other(&mut self, ticket: Ticket, submitted: Submitted) {
        self.others.insert(ticket, submitted);
    }

    #[cold]
    fn remove_other(&mut self, ticket: Ticket) -> Option<Submitted> {
        self.others.remove(&ticket)
    }

    /// Removes one.
    #[inline]
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<Submitted> {
        let place = self.place(ticket);
        let submitted = match place {
            Some((other, _)) if *other == ticket => place.take().map(|(_, submitted)| submitted),
            _ => self.remove_other(ticket),
        };
        self.count -= usize::from(submitted.is_some());
        submitted
    }

    #[inline]
    fn place(&mut self, ticket: Ticket) -> &mut Option<(Ticket, Submitted)> {
        let mask = self.places.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits count")]
        let index = ticket.0 as usize & mask;
        &mut self.places[index]
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
