//! MULTI, EXEC, DISCARD, WATCH and UNWATCH: what a connection keeps between them.

use adit_wire::kv::{Operation, Status};
use adit_wire::resp::{Command, reply};

use crate::batch::{Batch, Entry, Slices};
use crate::connection::Queue;
use crate::message::Reply;
use crate::plan::{Arguments, Plan, Refusal, Together};
use crate::requests::Flow;
use crate::settings::WATCHED_KEYS_MAX;
use crate::shard::Shard;
use crate::stats::ErrorCode;
use crate::transaction::{Kind, Watch};

impl Shard {
    /// Begins a command on several keys as a transaction, once nothing else is owed to its connection.
    pub(crate) fn begin_command(&mut self, entry: &Entry, batch: &Batch) -> Flow {
        let Some(connection) = self.connections.get_mut(entry.connection) else { return Flow::Next };
        let follows = connection.transactions.count > 0;
        let crowded = follows && self.heap.room_for_result(0) == 0;
        if !connection.owed.is_empty() || !self.transactions.has_room() || crowded {
            return Flow::Starved;
        }
        let Ok(larges) = connection.intake.take_larges() else {
            return self.deliver(entry.connection, Reply::Failed(Status::OutOfMemory));
        };
        let mut transaction = self.transactions.fresh(connection);
        transaction.command = entry.command;
        let Some(connection) = self.connections.get(entry.connection) else { return Flow::Next };
        let arguments = Slices { bytes: connection.intake.bytes(), spans: batch.spans_of(entry) };
        if !larges.is_empty() || !self.spread(&mut transaction, &arguments, entry.plan) {
            transaction.program.push(arguments.bytes, arguments.spans, larges.into_iter());
        }
        self.begin(entry.connection, transaction, entry.plan.may_follow());
        Flow::Next
    }

    /// The five commands themselves; nothing else is owed to the connection.
    pub(crate) fn execute_multi(&mut self, index: u32, command: Command) -> Flow {
        let Some(connection) = self.connections.get_mut(index) else { return Flow::Next };
        if !connection.owed.is_empty() || !self.transactions.has_room() {
            return Flow::Starved;
        }
        let queueing = connection.session.queue.is_some();
        let error = match command {
            Command::Multi if queueing => Some("ERR MULTI calls can not be nested"),
            Command::Exec if !queueing => Some("ERR EXEC without MULTI"),
            Command::Discard if !queueing => Some("ERR DISCARD without MULTI"),
            _ => None,
        };
        if let Some(error) = error {
            self.tell_error(index, error);
            return Flow::Next;
        }
        match command {
            Command::Multi => connection.session.queue = Some(Box::default()),
            Command::Exec => return self.execute_exec(index),
            _ => {
                let queue = connection.session.leave_multi();
                self.drop_queue(queue);
            }
        }
        self.deliver(index, Reply::Done)
    }

    fn execute_exec(&mut self, index: u32) -> Flow {
        let Some(connection) = self.connections.get_mut(index) else { return Flow::Next };
        let checks = std::mem::take(&mut connection.session.watched);
        let Some(mut queue) = connection.session.leave_multi() else { return Flow::Next };
        self.heap.count(connection);
        let error = if queue.broken {
            Some("EXECABORT Transaction discarded because of previous errors.")
        } else if queue.takes_memory && self.is_over_memory {
            Some(OVER_MEMORY)
        } else {
            None
        };
        if let Some(error) = error {
            self.tell_error(index, error);
            queue.program.clear(&mut self.engine.store);
            return Flow::Next;
        }
        let mut transaction = self.transactions.fresh(connection);
        (transaction.kind, transaction.checks) = (Kind::Exec, checks);
        transaction.program = queue.program;
        self.begin(index, transaction, false);
        Flow::Next
    }

    /// Encodes an error, and counts it as that of the command that is executed now.
    fn tell_error(&mut self, index: u32, error: &str) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        reply::error(&mut connection.writer(&mut self.pool), error);
        self.note_error(self.inflight.command, Some(ErrorCode::of(error)));
    }

    /// A command between MULTI and EXEC.
    pub(crate) fn execute_queue(&mut self, entry: &Entry, batch: &Batch) -> Flow {
        let Some(connection) = self.connections.get_mut(entry.connection) else { return Flow::Next };
        if !connection.owed.is_empty() {
            return Flow::Starved;
        }
        let name = Slices { bytes: connection.intake.bytes(), spans: batch.spans_of(entry) }.get(0).to_vec();
        let takes_memory = Command::find(&name).is_some_and(Command::takes_memory);
        let larges = connection.intake.take_larges();
        let room = self.heap.room_for(connection) / 2;
        let (Some(queue), bytes) = (&mut connection.session.queue, connection.intake.bytes()) else {
            unreachable!("a command is queued behind MULTI")
        };
        let error = match larges {
            Err(_) => Some(Reply::Failed(Status::OutOfMemory)),
            Ok(larges) => {
                queue.program.push(bytes, batch.spans_of(entry), larges.into_iter());
                None
            }
        };
        let too_long = queue.program.heap_bytes() > room;
        queue.takes_memory |= takes_memory;
        queue.broken |= error.is_some() || too_long;
        if too_long {
            queue.program.clear(&mut self.engine.store);
        }
        connection.session.count_heap();
        self.heap.count(connection);
        let mut writer = connection.writer(&mut self.pool);
        match error {
            Some(error) => return self.deliver(entry.connection, error),
            None if too_long => reply::error(&mut writer, QUEUE_TOO_LONG),
            None => reply::simple(&mut writer, "QUEUED"),
        }
        Flow::Next
    }

    /// `WATCH key...`
    pub(crate) fn execute_watch(&mut self, entry: &Entry, batch: &Batch) -> Flow {
        let Some(connection) = self.connections.get_mut(entry.connection) else { return Flow::Next };
        if !connection.owed.is_empty() || !self.transactions.has_room() {
            return Flow::Starved;
        }
        let arguments = Slices { bytes: connection.intake.bytes(), spans: batch.spans_of(entry) };
        let watched = connection.session.watched.len() + arguments.count() - 1;
        let error = match &connection.session.queue {
            Some(_) => Some("ERR WATCH inside MULTI is not allowed"),
            None if watched > WATCHED_KEYS_MAX => Some(TOO_MANY_WATCHED),
            None => None,
        };
        if let Some(error) = error {
            self.tell_error(entry.connection, error);
            return Flow::Next;
        }
        let bucket = connection.session.bucket;
        let watch = |index| Watch { bucket, key: arguments.get(index).into(), version: 0 };
        let mut transaction = self.transactions.fresh(connection);
        transaction.kind = Kind::Watch;
        transaction.checks = (1..arguments.count()).map(watch).collect();
        transaction.program.push(arguments.bytes, arguments.spans, std::iter::empty());
        self.begin(entry.connection, transaction, false);
        Flow::Next
    }

    /// Drops what was queued.
    pub(crate) fn drop_queue(&mut self, queue: Option<Box<Queue>>) {
        if let Some(mut queue) = queue {
            queue.program.clear(&mut self.engine.store);
        }
    }
}

/// What becomes of a request between MULTI and EXEC.
pub(crate) fn queued(planned: Plan) -> Plan {
    match planned {
        Plan::Nothing
        | Plan::Broken(_)
        | Plan::Refused(Refusal::ArgumentTooLong)
        | Plan::Alone(Command::Multi | Command::Exec | Command::Discard | Command::Quit | Command::Reset)
        | Plan::Keys(Operation::Version, Together::Watch) => planned,
        Plan::Refused(refusal) if refusal.is_rejection() => planned,
        _ => Plan::Queue,
    }
}

const OVER_MEMORY: &str = "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > \
                           'maxmemory'.";
const QUEUE_TOO_LONG: &str = "ERR the commands since MULTI take more than the buffers of this shard have left; send \
                              fewer or raise --memory";
const TOO_MANY_WATCHED: &str = "ERR more than 1024 keys are watched; UNWATCH some";
