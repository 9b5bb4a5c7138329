//! Requests that wait: for a key that somebody holds, or for a transaction. Fixed slots, no futures.

use adit_wire::native::{Header, Opcode};

use crate::settings::NATIVE_WAITING_MAX;

/// Which request a reply belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    /// The header of the request.
    pub(super) header: Header,
    /// What it asks for.
    pub(super) opcode: Opcode,
}

/// The requests of a shard that wait.
#[derive(Default)]
pub(crate) struct Waiting {
    slots: Vec<Option<Box<Origin>>>,
    free: Vec<u32>,
}

impl Waiting {
    /// Whether another one may wait.
    pub(super) fn has_room(&self) -> bool {
        !self.free.is_empty() || self.slots.len() < NATIVE_WAITING_MAX
    }

    /// Lets a request wait; the slot that its reply comes to.
    ///
    /// # Panics
    /// If there is no room.
    pub(super) fn wait(&mut self, origin: &Origin) -> u32 {
        assert!(self.has_room(), "a request waits without room");
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            // There are at most NATIVE_WAITING_MAX.
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        self.slots[index as usize] = Some(Box::new(*origin));
        NATIVE_SLOT | index
    }

    /// Takes the request of a slot, whose reply has come.
    ///
    /// # Panics
    /// If nobody waits there: our own shards do not answer twice.
    pub(super) fn complete(&mut self, slot: u32) -> Origin {
        let index = slot & !NATIVE_SLOT;
        let origin = self.slots[index as usize].take();
        self.free.push(index);
        *origin.unwrap_or_else(|| panic!("slot {index} was answered but nobody waits there"))
    }

    /// Number of requests that wait.
    pub(crate) fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

/// Marks the in-flight slots that are native requests.
pub(crate) const NATIVE_SLOT: u32 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reply_comes_to_its_request() {
        let mut waiting = Waiting::default();
        let origin =
            |request| Origin { header: Header { request, ..Header::default() }, opcode: Opcode::Get };
        let slots: Vec<u32> = (0..3).map(|request| waiting.wait(&origin(request))).collect();
        assert!(slots.iter().all(|slot| slot & NATIVE_SLOT != 0));
        assert_eq!(waiting.complete(slots[1]).header.request, 1);
        assert_eq!(waiting.wait(&origin(7)), slots[1], "a slot is used again");
        assert_eq!(waiting.complete(slots[1]).header.request, 7);
        assert_eq!(waiting.complete(slots[2]).header.request, 2);
        assert_eq!(waiting.count(), 1);
    }
}
