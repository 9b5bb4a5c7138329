//! What a shard does for all when a command goes from shard to shard: its steps of a [`Task`], and the tour itself.

use adit_drivers::streams::ConnectionId;

use crate::batch::{Batch, Entry, Slices};
use crate::calls::Calls;
use crate::connection::Writer;
use crate::message::Ask;
use crate::requests::Flow;
use crate::session::filter::Filter;
use crate::session::{self, After, Context, client};
use crate::settings::{CLIENTS_PER_STEP, ClientClass, KEYS_BYTES_MAX, OUTPUT_BYTES_SOFT};
use crate::shard::Shard;
use crate::tour::{Part, Task, Tour};
use crate::transaction::encoded::Encoded;

impl Shard {
    /// A step of a task, which begins at `cursor`; `asker` is its connection, if that is this shard's.
    pub(crate) fn manage(&mut self, task: &Task, cursor: u32, asker: Option<ConnectionId>) -> Part {
        match task {
            Task::List(filter) => self.list_connections(filter, cursor),
            Task::Kill(filter) => self.kill_connections(filter, cursor, asker),
            Task::Calls => Part::Calls(Box::new(self.calls.clone())),
            Task::Configure(changes) => {
                changes.iter().for_each(|change| self.settings.apply(change));
                self.set_memory_limits();
                self.look_at_memory();
                Part::Done
            }
            Task::ResetCounters => {
                self.engine.counters.reset();
                self.calls = Calls::default();
                self.engine.counters.publish(&mut self.stats);
                Part::Done
            }
            Task::ActiveExpiry(active) => {
                self.expires_actively = *active;
                Part::Done
            }
        }
    }

    fn list_connections(&self, filter: &Filter, cursor: u32) -> Part {
        let mut lines = Vec::new();
        for connection in self.connections.places(cursor, CLIENTS_PER_STEP) {
            if filter.may_pass(connection.session.client_id, ClientClass::Normal) {
                let line = client::describe(connection, &self.streams, self.now.mono_ns);
                lines.extend_from_slice(line.as_bytes());
            }
        }
        Part::Lines(lines, self.connections.place_after(cursor, CLIENTS_PER_STEP))
    }

    fn kill_connections(&mut self, filter: &Filter, cursor: u32, asker: Option<ConnectionId>) -> Part {
        let mut found = Vec::new();
        for connection in self.connections.places(cursor, CLIENTS_PER_STEP) {
            let passes = filter.may_pass(connection.session.client_id, ClientClass::Normal)
                && (!filter.wants_addresses() || filter.passes(&self.streams.addresses(connection.id)));
            if passes && !connection.closing {
                found.push(connection.id);
            }
        }
        // Who asked is closed when it has its reply.
        let others = found.iter().filter(|&&id| Some(id) != asker);
        others.for_each(|&id| self.close(id));
        Part::Killed {
            count: found.len() as u64,
            asker: found.iter().any(|&id| Some(id) == asker),
            next: self.connections.place_after(cursor, CLIENTS_PER_STEP),
        }
    }

    /// Takes a tour one step further, here or on another shard; encodes its reply when it is over.
    pub(crate) fn go_on_tour(&mut self, entry: &Entry, batch: &Batch, mut tour: Box<Tour>) -> Flow {
        let Some(connection) = self.connections.get_mut(entry.connection) else { return Flow::Next };
        if tour.shard == self.map.shard_count() {
            return self.finish_tour(entry, batch, tour);
        }
        tour.bytes_max = self.heap.room_for_walk(connection).min(KEYS_BYTES_MAX);
        if tour.shard == self.index {
            let id = connection.id;
            let part = self.manage(&tour.task, tour.cursor, Some(id));
            tour.take(part);
            if let Some(connection) = self.connections.get_mut(entry.connection) {
                connection.tour = Some(tour);
            }
            return Flow::Again;
        }
        if self.mesh.has_room(tour.shard)
            && let Some(slot) = self.inflight.wait(connection.id, &mut connection.owed, PART_BYTES)
        {
            self.mesh.ask(tour.shard, Ask::of_task(slot, tour.cursor, tour.task.clone()));
        }
        connection.tour = Some(tour);
        Flow::Starved
    }

    /// Encodes what a tour came to that was a call of a transaction.
    pub(crate) fn finish_tour_into(
        &mut self,
        id: ConnectionId,
        tour: &mut Tour,
        arguments: &Slices<'_>,
        result: &mut Encoded,
    ) {
        if matches!(tour.task, Task::List(_)) {
            while client::finish_list(tour, arguments, result) {}
            return;
        }
        if matches!(tour.task, Task::Calls) {
            self.engine.counters.publish(&mut self.stats);
        }
        let calls = tour.found.calls.as_deref();
        let context = Context { calls, ..Context::new(&self.settings, &self.pages, self.now) };
        let after = session::finish(tour, arguments, result, &context);
        if matches!(after, After::Close)
            && let Some(connection) = self.connections.of(id)
        {
            connection.closing = true;
        }
    }

    fn finish_tour(&mut self, entry: &Entry, batch: &Batch, mut tour: Box<Tour>) -> Flow {
        let Some(connection) = self.connections.get_mut(entry.connection) else { return Flow::Next };
        let arguments = Slices { bytes: connection.intake.bytes(), spans: batch.spans_of(entry) };
        if matches!(tour.task, Task::List(_)) {
            while connection.outbox.left_bytes() < OUTPUT_BYTES_SOFT {
                let mut writer =
                    Writer::new(&mut connection.outbox, &mut self.pool, connection.session.version);
                let more = client::finish_list(&mut tour, &arguments, &mut writer);
                let error = writer.error;
                if !more {
                    self.note_error(entry.command, error);
                    return Flow::Next;
                }
            }
            connection.tour = Some(tour);
            return Flow::Full;
        }
        if matches!(tour.task, Task::Calls) {
            self.engine.counters.publish(&mut self.stats);
        }
        let calls = tour.found.calls.as_deref();
        let context = Context { calls, ..Context::new(&self.settings, &self.pages, self.now) };
        let mut writer = Writer::new(&mut connection.outbox, &mut self.pool, connection.session.version);
        let after = session::finish(&tour, &arguments, &mut writer, &context);
        let error = writer.error;
        self.note_error(entry.command, error);
        self.follow(entry.connection, after)
    }
}

/// Bytes that the answer to a step may take on the heap: the lines of its connections, or the table of calls.
const PART_BYTES: u32 = 128 << 10;
