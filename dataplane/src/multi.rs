//! Requests of many keys, or of all shards: a bounded part of them a turn, answered together.

use adit_drivers::streams::ConnectionId;
use adit_store::kv::Key;
use adit_wire::kv::Operation;

use crate::batch::{Batch, Entry};
use crate::engine::{Request, value_of};
use crate::inflight::{InFlight, Owed};
use crate::message::{Ask, Reply};
use crate::plan::Together;
use crate::requests::{Flow, answer_bytes, must_wait};
use crate::settings::{MULTI_KEYS_PER_FETCH, MULTI_KEYS_PER_TURN, OUTPUT_BYTES_SOFT};
use crate::shard::Shard;
use crate::stats::Counter;

/// How far a request of many keys, or of all shards, has come.
#[derive(Clone, Copy, Debug)]
pub struct Multi {
    /// What comes before the first reply was sent.
    pub begun: bool,
    /// The argument or the shard that is next.
    pub next: usize,
    /// The sum of what this shard found itself.
    pub sum: i64,
    /// The slot that gathers the answers of other shards, once one was asked.
    pub slot: Option<u32>,
}

impl Shard {
    /// MGET, DEL and the like: some keys, then the next turn's.
    pub(crate) fn execute_keys(
        &mut self,
        entry: &Entry,
        batch: &Batch,
        operation: Operation,
        together: Together,
    ) -> Flow {
        let count = entry.span_count as usize;
        let mut multi = match self.begin_multi(entry.connection, 1) {
            Ok(multi) => multi,
            Err(flow) => return flow,
        };
        if together == Together::Array && !multi.begun {
            let keys = u32::try_from(count - 1).unwrap_or(u32::MAX);
            // One slot is free: begin_multi asked. The first key needs another, which it asks for itself.
            self.deliver(entry.connection, Reply::Array(keys));
        }
        multi.begun = true;
        let mut flow = Flow::Next;
        let last = count.min(multi.next + MULTI_KEYS_PER_TURN);
        while multi.next < last && flow == Flow::Next {
            let end = last.min(multi.next + MULTI_KEYS_PER_FETCH);
            flow = self.execute_some_keys(entry, batch, operation, together, &mut multi, end);
        }
        if flow == Flow::Next && multi.next < count {
            flow = Flow::Again;
        }
        self.end_multi(entry.connection, multi, together, flow)
    }

    fn execute_some_keys(
        &mut self,
        entry: &Entry,
        batch: &Batch,
        operation: Operation,
        together: Together,
        multi: &mut Multi,
        end: usize,
    ) -> Flow {
        let Some(connection) = self.connections.get_mut(entry.connection) else { return Flow::Next };
        let (spans, bucket) = (batch.spans_of(entry), connection.session.bucket);
        let mut keys = [(0_u64, 0_u16); MULTI_KEYS_PER_FETCH];
        for (place, span) in keys.iter_mut().zip(&spans[multi.next..end]) {
            let bytes = span.of(connection.intake.bytes());
            *place = (self.engine.store.key(bucket, bytes).hash(), self.map.owner(bytes));
            self.engine.store.prefetch_bucket(place.0);
        }
        let fetched = &keys[..end - multi.next];
        fetched.iter().for_each(|(hash, _)| self.engine.store.prefetch_item(*hash));
        for &(hash, owner) in fetched {
            let Some(connection) = self.connections.get_mut(entry.connection) else { return Flow::Next };
            if connection.outbox.left_bytes() >= OUTPUT_BYTES_SOFT {
                return Flow::Full;
            }
            let remote = owner != self.index;
            let takes_slot = if together == Together::Array {
                remote || !connection.owed.is_empty()
            } else {
                remote && multi.slot.is_none()
            };
            if takes_slot && let Some(flow) = must_wait(connection, &self.inflight) {
                return flow;
            }
            if remote && !self.mesh.has_room(owner) {
                return Flow::Starved;
            }
            let key = Key::hashed(bucket, spans[multi.next].of(connection.intake.bytes()), hash);
            if remote {
                let slot = if together == Together::Array {
                    let bytes = answer_bytes(operation, &self.pages, owner);
                    self.inflight.wait(connection.id, &mut connection.owed, bytes)
                } else {
                    expect_in_gather(&mut self.inflight, connection.id, &mut connection.owed, multi, together)
                };
                let Some(slot) = slot else { return Flow::Starved };
                self.engine.counters.add(Counter::Forwarded, 1);
                self.mesh.ask(owner, Ask::new(slot, operation, &key, &[], None));
            } else {
                let request = Request { operation, key, value: value_of(&[], None) };
                let reply = self.engine.execute(request, self.now.unix_ms).into_reply();
                match (together, reply) {
                    (Together::Array, reply) => drop(self.deliver(entry.connection, reply)),
                    (_, Reply::Integer(number)) => multi.sum += number,
                    _ => {}
                }
            }
            multi.next += 1;
        }
        Flow::Next
    }

    /// DBSIZE, FLUSHALL and the like: an ask to every other shard.
    pub(crate) fn execute_shards(&mut self, entry: &Entry, operation: Operation, together: Together) -> Flow {
        let mut multi = match self.begin_multi(entry.connection, 0) {
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

    /// How far the request has come; or at its first try, that it begins at `first`, once a slot is free.
    fn begin_multi(&mut self, index: u32, first: usize) -> Result<Multi, Flow> {
        let Some(connection) = self.connections.get_mut(index) else { return Err(Flow::Next) };
        match connection.multi.take() {
            Some(multi) => Ok(multi),
            None => match must_wait(connection, &self.inflight) {
                Some(flow) => Err(flow),
                None => Ok(Multi { begun: false, next: first, sum: 0, slot: None }),
            },
        }
    }

    /// Keeps how far the request has come, or gives its reply.
    fn end_multi(&mut self, index: u32, multi: Multi, together: Together, flow: Flow) -> Flow {
        let Some(connection) = self.connections.get_mut(index) else { return Flow::Next };
        let takes_slot = multi.slot.is_none() && together != Together::Array && !connection.owed.is_empty();
        let flow = match flow {
            Flow::Next if takes_slot => must_wait(connection, &self.inflight).unwrap_or(Flow::Next),
            flow => flow,
        };
        if flow != Flow::Next {
            connection.multi = Some(multi);
            return flow;
        }
        match (together, multi.slot) {
            (Together::Array, _) => Flow::Next,
            (_, Some(slot)) => {
                let id = self.inflight.close_gather(slot, multi.sum);
                self.deliver_owed(id);
                Flow::Next
            }
            (Together::Sum, None) => self.deliver(index, Reply::Integer(multi.sum)),
            (Together::Done, None) => self.deliver(index, Reply::Done),
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
