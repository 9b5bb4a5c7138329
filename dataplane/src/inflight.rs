//! The in-flight table: requests of this shard's connections whose replies are not sent yet, because they, or one
//! before them on the same connection, wait for another shard. Fixed slots, no futures.

use adit_drivers::streams::ConnectionId;

use crate::calls::CommandId;
use crate::message::Reply;

/// What a slot waits for.
enum State {
    Free,
    /// An answer that is the reply.
    Waiting,
    /// Nothing: the reply waits for its turn.
    Done(Reply),
}

struct Slot {
    connection: ConnectionId,
    /// The slot of the next reply on the same connection, or the next free one.
    next: u32,
    /// Bytes that the reply takes on the heap, or may take when it comes.
    bytes: u32,
    command: CommandId,
    state: State,
}

/// The replies that a connection owes, oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    first: u32,
    last: u32,
    count: u32,
    bytes: u64,
}

impl Owed {
    /// Whether no reply is owed: the next one can be sent at once.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Replies owed.
    #[inline]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes that they take on the heap, or may take.
    #[inline]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The in-flight slots of a shard.
pub struct InFlight {
    slots: Vec<Slot>,
    first_free: u32,
    free_count: usize,
    bytes: u64,
    bytes_max: u64,
    /// The command that is executed now: the slots that are opened are for its replies.
    pub command: CommandId,
}

impl InFlight {
    /// A table of `slot_count` slots, whose replies may take some `bytes_max` on the heap.
    pub fn new(slot_count: u32, bytes_max: u64) -> Self {
        let nobody = ConnectionId { index: u32::MAX, generation: 0 };
        let free = |index: u32| Slot {
            connection: nobody,
            next: index + 1,
            bytes: 0,
            command: CommandId::UNKNOWN,
            state: State::Free,
        };
        let slots: Vec<Slot> = (0..slot_count).map(free).collect();
        Self {
            free_count: slots.len(),
            slots,
            first_free: 0,
            bytes: 0,
            bytes_max,
            command: CommandId::UNKNOWN,
        }
    }

    /// Whether a slot is free and the replies that wait leave room for another.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.free_count > 0 && self.bytes < self.bytes_max
    }

    /// Whether every slot is free.
    pub fn is_idle(&self) -> bool {
        self.free_count == self.slots.len()
    }

    /// Takes a slot for a reply that another shard will give; it is the connection's newest. The reply may take
    /// `bytes` on the heap.
    #[inline]
    pub fn wait(&mut self, connection: ConnectionId, owed: &mut Owed, bytes: u32) -> Option<u32> {
        self.open(connection, owed, bytes, State::Waiting)
    }

    /// Takes a slot for a reply that is known but not first in turn. Gives the reply back if no slot is free.
    ///
    /// # Errors
    /// The reply, if no slot is free.
    #[inline]
    pub fn keep(&mut self, connection: ConnectionId, owed: &mut Owed, reply: Reply) -> Result<(), Reply> {
        if self.free_count == 0 {
            return Err(reply);
        }
        self.open(connection, owed, reply.heap_bytes(), State::Done(reply));
        Ok(())
    }

    /// Notes an answer. Says whose it is: the reply may be due now.
    ///
    /// # Panics
    /// If the slot waits for nothing: our own shards do not answer twice.
    #[inline]
    pub fn complete(&mut self, index: u32, reply: Reply) -> ConnectionId {
        let slot = &mut self.slots[index as usize];
        match &mut slot.state {
            State::Waiting => slot.state = State::Done(reply),
            State::Free | State::Done(_) => panic!("slot {index} was answered but waits for nothing"),
        }
        let connection = slot.connection;
        if connection.index == u32::MAX && matches!(slot.state, State::Done(_)) {
            self.free(index);
        }
        connection
    }

    /// The connection's oldest reply, if it is known, and the command that it answers. Its slot is free again.
    #[inline]
    pub fn next_reply(&mut self, owed: &mut Owed) -> Option<(CommandId, Reply)> {
        if owed.count == 0 {
            return None;
        }
        let index = owed.first;
        let slot = &mut self.slots[index as usize];
        if !matches!(slot.state, State::Done(_)) {
            return None;
        }
        let State::Done(reply) = std::mem::replace(&mut slot.state, State::Free) else { return None };
        owed.first = slot.next;
        owed.count -= 1;
        owed.bytes -= u64::from(slot.bytes);
        let command = slot.command;
        self.free(index);
        Some((command, reply))
    }

    /// Forgets a connection: its known replies are dropped, its waiting slots are freed when their answers come.
    pub fn abandon(&mut self, owed: &mut Owed) {
        let mut index = owed.first;
        for _ in 0..owed.count {
            let slot = &mut self.slots[index as usize];
            let next = slot.next;
            slot.connection.index = u32::MAX;
            if matches!(slot.state, State::Done(_)) {
                self.free(index);
            }
            index = next;
        }
        *owed = Owed::default();
    }

    #[inline]
    fn open(&mut self, connection: ConnectionId, owed: &mut Owed, bytes: u32, state: State) -> Option<u32> {
        if self.free_count == 0 {
            return None;
        }
        let index = self.first_free;
        let slot = &mut self.slots[index as usize];
        self.first_free = slot.next;
        self.free_count -= 1;
        *slot = Slot { connection, next: u32::MAX, bytes, command: self.command, state };
        self.bytes += u64::from(bytes);
        owed.bytes += u64::from(bytes);
        if owed.count == 0 {
            owed.first = index;
        } else {
            self.slots[owed.last as usize].next = index;
        }
        owed.last = index;
        owed.count += 1;
        Some(index)
    }

    fn free(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        slot.state = State::Free;
        slot.next = self.first_free;
        self.bytes -= u64::from(slot.bytes);
        self.first_free = index;
        self.free_count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ConnectionId = ConnectionId { index: 3, generation: 1 };

    fn number(reply: Option<(CommandId, Reply)>) -> Option<i64> {
        match reply {
            Some((_, Reply::Integer(number))) => Some(number),
            _ => None,
        }
    }

    #[test]
    fn replies_leave_in_the_order_of_their_requests() {
        let (mut table, mut owed) = (InFlight::new(4, 1), Owed::default());
        let first = table.wait(ID, &mut owed, 0).unwrap();
        table.keep(ID, &mut owed, Reply::Integer(2)).ok().unwrap();
        let third = table.wait(ID, &mut owed, 0).unwrap();
        table.complete(third, Reply::Integer(3));
        assert!(table.next_reply(&mut owed).is_none(), "the first is not known");
        assert_eq!(table.complete(first, Reply::Integer(1)), ID);
        let replies: Vec<_> = std::iter::from_fn(|| number(table.next_reply(&mut owed))).collect();
        assert_eq!(replies, [1, 2, 3]);
        assert!(table.is_idle() && owed.is_empty());
    }

    #[test]
    fn a_full_table_admits_nothing() {
        let (mut table, mut owed) = (InFlight::new(1, 1), Owed::default());
        table.wait(ID, &mut owed, 0).unwrap();
        assert!(table.wait(ID, &mut owed, 0).is_none());
        assert!(table.keep(ID, &mut owed, Reply::Done).is_err());
        assert_eq!(owed.count(), 1);
    }

    #[test]
    fn replies_that_may_be_large_leave_no_room_for_more() {
        let (mut table, mut owed) = (InFlight::new(4, 100), Owed::default());
        let slot = table.wait(ID, &mut owed, 100).unwrap();
        assert!(!table.has_room());
        assert_eq!(owed.bytes(), 100);
        table.complete(slot, Reply::Nil);
        table.next_reply(&mut owed).unwrap();
        assert!(table.has_room());
        assert_eq!(owed.bytes(), 0);
    }

    #[test]
    fn the_slots_of_a_lost_connection_come_back_with_their_answers() {
        let (mut table, mut owed) = (InFlight::new(2, 1), Owed::default());
        let slot = table.wait(ID, &mut owed, 0).unwrap();
        table.keep(ID, &mut owed, Reply::Done).ok().unwrap();
        table.abandon(&mut owed);
        assert_eq!(table.free_count, 1, "the answer to the first is still to come");
        table.complete(slot, Reply::Nil);
        assert!(table.is_idle());
    }
}
