//! Requests to all shards that need not be as one: their answers are gathered.

use adit_drivers::streams::ConnectionId;
use adit_store::kv::Key;
use adit_wire::kv::Operation;

use crate::batch::Entry;
use crate::engine::{Request, value_of};
use crate::inflight::{InFlight, Owed};
use crate::message::{Ask, Reply};
use crate::plan::Together;
use crate::requests::{Flow, must_wait};
use crate::shard::Shard;

/// How far a request to all shards has come.
#[derive(Clone, Copy, Debug)]
pub struct Multi {
    /// The shard that is next.
    pub next: usize,
    /// The sum of what this shard found itself.
    pub sum: i64,
    /// The slot that gathers the answers of other shards, once one was asked.
    pub slot: Option<u32>,
}

impl Shard {
    /// DBSIZE, FLUSHALL and the like: an ask to every other shard.
    pub(crate) fn execute_shards(&mut self, entry: &Entry, operation: Operation, together: Together) -> Flow {
        let mut multi = match self.begin_multi(entry.connection) {
            Ok(multi) => multi,
            Err(flow) => return flow,
        };
        let mut flow = Flow::Next;
        while multi.next < usize::from(self.map.shard_count()) && flow == Flow::Next {
            flow = self.execute_on_shard(entry.connection, operation, together, &mut multi);
        }
        self.end_multi(entry.connection, multi, together, flow)
    }

    fn execute_on_shard(
        &mut self,
        index: u32,
        operation: Operation,
        together: Together,
        multi: &mut Multi,
    ) -> Flow {
        let Some(connection) = self.connections.get_mut(index) else { return Flow::Next };
        let shard = u16::try_from(multi.next).unwrap_or(u16::MAX);
        let key = Key::hashed(connection.session.bucket, &[], 0);
        if shard == self.index {
            let request = Request { operation, key, value: value_of(&[], None) };
            if let Reply::Integer(number) = self.engine.execute(request, self.now.unix_ms).into_reply() {
                multi.sum += number;
            }
        } else {
            if !self.mesh.has_room(shard) {
                return Flow::Starved;
            }
            let owed = &mut connection.owed;
            let slot = expect_in_gather(&mut self.inflight, connection.id, owed, multi, together);
            let Some(slot) = slot else { return Flow::Starved };
            self.mesh.ask(shard, Ask::new(slot, operation, &key, &[], None));
        }
        multi.next += 1;
        Flow::Next
    }

    /// How far the request has come; or at its first try that it begins, once a slot is free.
    fn begin_multi(&mut self, index: u32) -> Result<Multi, Flow> {
        let Some(connection) = self.connections.get_mut(index) else { return Err(Flow::Next) };
        match connection.multi.take() {
            Some(multi) => Ok(multi),
            None => match must_wait(connection, &self.inflight) {
                Some(flow) => Err(flow),
                None => Ok(Multi { next: 0, sum: 0, slot: None }),
            },
        }
    }

    /// Keeps how far the request has come, or gives its reply.
    fn end_multi(&mut self, index: u32, multi: Multi, together: Together, flow: Flow) -> Flow {
        let Some(connection) = self.connections.get_mut(index) else { return Flow::Next };
        let takes_slot = multi.slot.is_none() && !connection.owed.is_empty();
        let flow = match flow {
            Flow::Next if takes_slot => must_wait(connection, &self.inflight).unwrap_or(Flow::Next),
            flow => flow,
        };
        if flow != Flow::Next {
            connection.multi = Some(multi);
            return flow;
        }
        match (together, multi.slot) {
            (_, Some(slot)) => {
                let id = self.inflight.close_gather(slot, multi.sum);
                self.deliver_owed(id);
                Flow::Next
            }
            (Together::Sum, None) => self.deliver(index, Reply::Integer(multi.sum)),
            (_, None) => self.deliver(index, Reply::Done),
        }
    }
}

/// The slot that gathers a request's answers, opened at its first ask, expecting one more.
fn expect_in_gather(
    inflight: &mut InFlight,
    id: ConnectionId,
    owed: &mut Owed,
    multi: &mut Multi,
    together: Together,
) -> Option<u32> {
    if multi.slot.is_none() {
        multi.slot = inflight.gather(id, owed, together == Together::Sum);
    }
    let slot = multi.slot?;
    inflight.expect_answer(slot);
    Some(slot)
}
