//! Requests on several keys that this shard has all of, and few enough for one turn: executed at once, without holding
//! keys. All others become transactions.

use adit_store::kv::Key;
use adit_wire::kv::{BucketId, Operation, Status};
use adit_wire::resp::reply;

use crate::batch::{Batch, Entry, Slices};
use crate::connection::ReplySink;
use crate::engine::{Engine, Request, value_of};
use crate::message::Reply;
use crate::plan::{Arguments, PUT, Together};
use crate::requests::Flow;
use crate::settings::{KEYS_AT_ONCE_MAX, KEYS_PER_FETCH};
use crate::shard::Shard;
use crate::transaction::encoded::Encoded;

impl Shard {
    /// MGET, DEL, MSET and the like: at once if possible, else as a transaction.
    pub(crate) fn execute_keys(
        &mut self,
        entry: &Entry,
        batch: &Batch,
        operation: Operation,
        together: Together,
    ) -> Flow {
        if !self.can_run_at_once(entry, batch, 1) {
            return self.begin_command(entry, batch);
        }
        let Some(connection) = self.connections.get_mut(entry.connection) else { return Flow::Next };
        if !connection.owed.is_empty() {
            return Flow::Starved;
        }
        let (spans, bucket) = (&batch.spans_of(entry)[1..], connection.session.bucket);
        let mut result = std::mem::take(&mut self.scratch);
        result.reset();
        result.set_version(connection.session.version);
        if together == Together::Array {
            reply::array(&mut result, spans.len());
        }
        let (mut sum, now_ms) = (0, self.now.unix_ms);
        let (mut full, room) = (Ok(()), self.heap.room_for_walk(connection));
        for spans in spans.chunks(KEYS_PER_FETCH) {
            let mut hashes = [0; KEYS_PER_FETCH];
            let bytes = connection.intake.bytes();
            for (hash, span) in hashes.iter_mut().zip(spans) {
                *hash = self.engine.store.key(bucket, span.of(bytes)).hash();
                self.engine.store.prefetch_bucket(*hash);
            }
            hashes[..spans.len()].iter().for_each(|hash| self.engine.store.prefetch_item(*hash));
            for (&hash, span) in hashes.iter().zip(spans) {
                let key = Key::hashed(bucket, span.of(bytes), hash);
                let request = Request { operation, key, value: value_of(&[], None) };
                let outcome = self.engine.execute(request, now_ms);
                match together {
                    Together::Array if full.is_ok() => result.outcome(outcome),
                    Together::Array => {}
                    _ => {
                        if let Reply::Integer(number) = outcome.into_reply() {
                            sum += number;
                        }
                    }
                }
            }
            full = full.and_then(|()| result.spill(&mut self.engine.store, room));
        }
        match together {
            Together::Array if full.is_err() => {
                result.reset();
                result.set_version(connection.session.version);
                result.reply(Reply::Failed(Status::OutOfMemory));
            }
            Together::Array => {}
            _ => reply::integer(&mut result, sum),
        }
        self.give_scratch(entry.connection, result)
    }

    /// MSET and MSETNX.
    pub(crate) fn execute_put_all(&mut self, entry: &Entry, batch: &Batch, if_absent: bool) -> Flow {
        let large = self
            .connections
            .get_mut(entry.connection)
            .is_some_and(|connection| connection.intake.large_arguments().next().is_some());
        let pairs = (entry.span_count as usize - 1) / 2;
        if large || !self.can_run_at_once(entry, batch, 2) || !self.engine.store.has_room_for(pairs) {
            return self.begin_command(entry, batch);
        }
        let Some(connection) = self.connections.get_mut(entry.connection) else { return Flow::Next };
        if !connection.owed.is_empty() {
            return Flow::Starved;
        }
        let (bytes, bucket) = (connection.intake.bytes(), connection.session.bucket);
        let arguments = Slices { bytes, spans: batch.spans_of(entry) };
        let mut hashes = [0; KEYS_AT_ONCE_MAX];
        for (hash, index) in hashes.iter_mut().zip((1..arguments.count()).step_by(2)) {
            *hash = self.engine.store.key(bucket, arguments.get(index)).hash();
            self.engine.store.prefetch_bucket(*hash);
        }
        let (hashes, now_ms) = (&hashes[..pairs], self.now.unix_ms);
        let reply = match put_all(&mut self.engine, bucket, &arguments, hashes, if_absent, now_ms) {
            Err(status) => Reply::Failed(status),
            Ok(written) if if_absent => Reply::Integer(i64::from(written)),
            Ok(_) => Reply::Done,
        };
        self.deliver(entry.connection, reply)
    }

    /// Whether this shard has all keys of a request, every `step`th argument, and may execute it now.
    fn can_run_at_once(&mut self, entry: &Entry, batch: &Batch, step: usize) -> bool {
        let spans = &batch.spans_of(entry)[1..];
        let Some(connection) = self.connections.get_mut(entry.connection) else { return false };
        if connection.transactions.count > 0 {
            return false;
        }
        let (bytes, bucket) = (connection.intake.bytes(), connection.session.bucket);
        spans.len() <= KEYS_AT_ONCE_MAX * step
            && spans.iter().step_by(step).all(|span| self.map.owner(span.of(bytes)) == self.index)
            && (self.intents.is_idle()
                || spans
                    .iter()
                    .step_by(step)
                    .all(|span| !self.intents.blocks(self.engine.store.key(bucket, span.of(bytes)).hash())))
    }

    /// Delivers what was encoded into the scratch buffer, and keeps that for the next request.
    fn give_scratch(&mut self, index: u32, mut result: Encoded) -> Flow {
        self.deliver_some(index, &mut result);
        self.scratch = result;
        Flow::Next
    }
}

/// Writes keys, of these hashes, with their values, which follow the name of a command. Says whether it did: not if any of them
/// exists and `if_absent`.
pub(crate) fn put_all(
    engine: &mut Engine,
    bucket: BucketId,
    arguments: &Slices<'_>,
    hashes: &[u64],
    if_absent: bool,
    now_ms: u64,
) -> Result<bool, Status> {
    let places = || (1..arguments.count()).step_by(2);
    hashes.iter().for_each(|hash| engine.store.prefetch_item(*hash));
    let exists = |(&hash, index): (&u64, usize)| {
        let key = Key::hashed(bucket, arguments.get(index), hash);
        engine.store.find(&key, now_ms).is_some()
    };
    if if_absent && hashes.iter().zip(places()).any(exists) {
        return Ok(false);
    }
    let mut written = Ok(true);
    for (&hash, index) in hashes.iter().zip(places()) {
        let key = Key::hashed(bucket, arguments.get(index), hash);
        let request = Request { operation: PUT, key, value: value_of(arguments.get(index + 1), None) };
        if let Reply::Failed(status) = engine.execute(request, now_ms).into_reply() {
            written = Err(status);
        }
    }
    written
}
