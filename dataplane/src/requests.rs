//! The way of a request through its shard: decoded in a batch, fetched, executed, answered or forwarded.

use adit_drivers::chunk::ChunkPool;
use adit_drivers::streams::ConnectionId;
use adit_store::kv::{Key, SPLICE_BYTES_MAX, Store};
use adit_wire::kv::{Operation, PutAnswer, Status};
use adit_wire::resp::request::{ProtocolError, Span};
use adit_wire::resp::{Command, reply};

use crate::batch::{Batch, Entry, Slices};
use crate::calls::CommandId;
use crate::connection::{Connection, ReplySink, Writer};
use crate::engine::{Request, value_of};
use crate::inflight::InFlight;
use crate::intake::{Allowance, Found};
use crate::interfaces::Interfaces;
use crate::map::SlotMap;
use crate::message::{Ask, PAYLOAD_INLINE_BYTES, Reply};
use crate::plan::{
    Arguments, Plan, Refusal, Together, key_argument, may_be_large, plan_command, without_debug,
};
use crate::refusal;
use crate::settings::{
    BATCH_REQUESTS_MAX, KEYS_BYTES_MAX, OUTPUT_BYTES_SOFT, OWED_REPLIES_MAX, Settings, TURN_REQUESTS_MAX,
};
use crate::shard::Shard;
use crate::silence::Silence;
use crate::stats::{Counter, StatsReader};
use crate::transaction::queue::queued;
use crate::transaction::step::Parked;
use crate::walk::{Walk, WalkError};

/// What becomes of a connection's next request after one was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The request is done; the next one follows.
    Next,
    /// It goes on in the next turn.
    Again,
    /// It goes on when another shard has answered.
    Starved,
    /// It goes on when the connection's peer has taken some of its replies.
    Full,
    /// It goes on when its time has come.
    Asleep,
}

impl Shard {
    /// Executes requests that were received, up to the bound of a turn; says how many were tried.
    pub(crate) fn run_requests(&mut self) -> usize {
        if self.ready.is_empty() {
            return 0;
        }
        let mut batch = std::mem::take(&mut self.batch);
        let mut tried = 0;
        while tried < TURN_REQUESTS_MAX && !self.ready.is_empty() {
            batch.clear();
            self.decode_batch(&mut batch);
            self.fetch_batch(&batch);
            let mut position = 0;
            while let Some(entry) = batch.entries.get(position) {
                position = self.execute_connection(entry.connection, &batch, position);
            }
            tried += batch.entries.len().max(1);
        }
        self.batch = batch;
        tried
    }

    fn decode_batch(&mut self, batch: &mut Batch) {
        while batch.entries.len() < BATCH_REQUESTS_MAX {
            let Some(index) = self.ready.pop_front() else { return };
            self.decode_connection(index, batch);
        }
    }

    /// Decodes requests of one connection into the batch and asks memory for the index buckets of their keys.
    fn decode_connection(&mut self, index: u32, batch: &mut Batch) {
        let Some(mut connection) = self.connections.get_mut(index) else { return };
        // Whoever had this place before may have left its entry in the list: only what is scheduled is decoded.
        let nothing_follows = connection.closing && connection.result.is_none();
        if !std::mem::take(&mut connection.scheduled) || nothing_follows {
            return;
        }
        if std::mem::take(&mut connection.goes_on) {
            self.mark_dirty(index);
            let Some(again) = self.connections.get_mut(index) else { return };
            connection = again;
        }
        if connection.result.is_some() {
            connection.scheduled = true;
            self.deliver_result(index);
            let Some(again) = self.connections.get_mut(index) else { return };
            connection = again;
            connection.scheduled = false;
            if connection.result.is_some() || connection.closing {
                return;
            }
        }
        // What comes next waits for the end of the transaction, unless it may follow as another one.
        let follows = connection.transactions.count > 0;
        if follows && !connection.may_follow() {
            return;
        }
        if connection.outbox.left_bytes() >= OUTPUT_BYTES_SOFT {
            connection.waits_for_output = true;
            return;
        }
        if connection.waits_for_silence(&mut self.pool) {
            connection.scheduled = true;
            return self.starved.push(index);
        }
        if !self.pool.may_reply() {
            connection.scheduled = true;
            return self.again.push(index);
        }
        let (first, mut start) = (batch.entries.len(), 0);
        while batch.entries.len() < BATCH_REQUESTS_MAX {
            let first_span = batch.spans.len();
            let is_strangers = !connection.session.authenticated;
            let mut found = connection.intake.decode(start, is_strangers, &mut batch.spans);
            if found == Found::Nothing && batch.entries.len() == first {
                self.make_room(index);
                let Some(again) = self.connections.get_mut(index) else { return };
                connection = again;
                let allowance = Allowance {
                    heap_bytes: self.heap.room_for(connection),
                    request_bytes: self.settings.limits.request_bytes_max,
                    argument_bytes: self.settings.limits.argument_bytes_max,
                    is_strangers,
                };
                let (store, pool) = (&mut self.engine.store, &mut self.pool);
                found = connection.intake.assemble(&allowance, &mut batch.spans, store, pool);
                self.heap.count(connection);
            }
            let (end, (command, planned)) = match found {
                Found::Request { end } => {
                    let arguments =
                        Slices { bytes: connection.intake.bytes(), spans: &batch.spans[first_span..] };
                    (
                        end,
                        admit(&arguments, connection, &self.settings, self.is_over_memory, self.now.unix_ms),
                    )
                }
                Found::Broken(error) => (start, (CommandId::UNKNOWN, Plan::Broken(error))),
                Found::Nothing => break,
            };
            if follows && !planned.may_follow() {
                batch.spans.truncate(first_span);
                break;
            }
            let spans = &batch.spans[first_span..];
            let (hash, owner) = match planned {
                Plan::Key(operation, _) => {
                    let span = spans[key_argument(operation)];
                    fetch(&self.engine.store, &self.map, self.index, connection, span)
                }
                _ => (0, self.index),
            };
            let entry = Entry {
                connection: index,
                first_span: u32::try_from(first_span).unwrap_or(u32::MAX),
                span_count: u32::try_from(spans.len()).unwrap_or(u32::MAX),
                end,
                command,
                plan: planned,
                hash,
                owner,
            };
            batch.entries.push(entry);
            // An assembled request ends at 0: nothing else lies in its bytes.
            if ends_decoding(planned) || end == 0 || connection.is_alone() {
                break;
            }
            start = end;
        }
        if batch.entries.len() == first {
            self.watch |= connection.intake.is_cut();
            resume_if_drained(&mut self.streams, connection);
            if connection.ended {
                // Nothing more will come: whether the connection is done is looked at when it is sent to.
                self.mark_dirty(index);
            }
        }
    }

    /// Asks memory for the items of the batch's keys, now that their buckets have come.
    fn fetch_batch(&self, batch: &Batch) {
        for entry in &batch.entries {
            if matches!(entry.plan, Plan::Key(..)) && entry.owner == self.index {
                self.engine.store.prefetch_item(entry.hash);
            }
        }
    }

    /// Executes the batch's requests of one connection, which begin at `position`. Says where the next one's begin.
    fn execute_connection(&mut self, index: u32, batch: &Batch, position: usize) -> usize {
        let mine = batch.entries[position..].iter().take_while(|entry| entry.connection == index);
        let (mut next, mut executed_end, mut executed, mut flow) = (position, 0, 0, Flow::Next);
        let mut last = CommandId::UNKNOWN;
        self.executing = Some(index);
        for entry in mine {
            next += 1;
            if flow == Flow::Next {
                flow = self.execute(entry, batch);
                if flow == Flow::Next {
                    executed_end = entry.end;
                    executed += 1;
                    last = entry.command;
                    self.note_called(entry);
                }
            }
        }
        self.executing = None;
        self.engine.counters.add(Counter::Requests, executed);
        self.after_requests(index, (executed > 0).then_some((executed_end, last)), flow);
        next
    }

    /// Drops the input that was executed and decides when the connection's next request is tried.
    fn after_requests(&mut self, index: u32, executed: Option<(usize, CommandId)>, flow: Flow) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        self.heap.count(connection);
        if let Some((end, last)) = executed {
            connection.session.last = last;
            if connection.is_alone() {
                connection.silence = Silence::Done;
            }
            connection.intake.consume(end, &mut self.engine.store, &mut self.pool);
            resume_if_drained(&mut self.streams, connection);
            self.heap.count(connection);
        }
        connection.scheduled = match flow {
            Flow::Next => connection.intake.has_input(),
            Flow::Again | Flow::Starved => true,
            Flow::Full | Flow::Asleep => false,
        };
        match flow {
            Flow::Next if connection.scheduled => self.ready.push_back(index),
            Flow::Next => {}
            Flow::Again => self.again.push(index),
            Flow::Starved => self.starved.push(index),
            Flow::Full => connection.waits_for_output = true,
            Flow::Asleep => {}
        }
        self.mark_dirty(index);
    }

    #[inline]
    fn execute(&mut self, entry: &Entry, batch: &Batch) -> Flow {
        self.inflight.command = entry.command;
        match entry.plan {
            Plan::Key(operation, value) => self.execute_key(entry, batch, operation, usize::from(value)),
            Plan::Keys(_, Together::Watch) => self.execute_watch(entry, batch),
            Plan::Keys(operation, together) => self.execute_keys(entry, batch, operation, together),
            Plan::PutAll { if_absent } => self.execute_put_all(entry, batch, if_absent),
            Plan::Transfer(_) | Plan::Lcs(_) | Plan::RandomKey | Plan::Shards(..) => {
                self.begin_command(entry, batch)
            }
            Plan::Queue => self.execute_queue(entry, batch),
            Plan::Alone(command @ (Command::Multi | Command::Exec | Command::Discard | Command::Unwatch)) => {
                self.execute_multi(entry.connection, command)
            }
            Plan::Alone(command @ (Command::Scan | Command::Keys)) => {
                self.execute_walk(entry, batch, command)
            }
            Plan::Alone(command) => self.execute_alone(entry, batch, command),
            Plan::Refused(_) | Plan::Broken(_) => self.refuse(entry, batch),
            Plan::Nothing => Flow::Next,
        }
    }

    #[inline]
    fn execute_key(&mut self, entry: &Entry, batch: &Batch, operation: Operation, value: usize) -> Flow {
        let Some(connection) = self.connections.get_mut(entry.connection) else { return Flow::Next };
        let in_turn = connection.owed.is_empty();
        let remote = entry.owner != self.index;
        // Somebody holds the key, or waits for it: this waits behind them.
        let mut parked = !remote && self.intents.blocks(entry.hash);
        // What takes several turns holds its key meanwhile.
        let long = connection.intake.large_bytes() > SPLICE_BYTES_MAX as u64;
        parked |= !remote && long && matches!(operation, Operation::Append | Operation::SetRange { .. });
        if (!in_turn || remote || parked)
            && let Some(flow) = must_wait(connection, &self.inflight)
        {
            return flow;
        }
        if remote && !self.mesh.has_room(entry.owner) {
            return Flow::Starved;
        }
        // A request on one key has at most one large argument: its value.
        let Ok(mut larges) = connection.intake.take_larges() else {
            return self.deliver(entry.connection, Reply::Failed(Status::OutOfMemory));
        };
        let chain = larges.pop().map(|(_, chain)| chain);
        let spans = batch.spans_of(entry);
        let bytes = connection.intake.bytes();
        let value = if value == 0 { &[] } else { spans[value].of(bytes) };
        let key =
            Key::hashed(connection.session.bucket, spans[key_argument(operation)].of(bytes), entry.hash);
        if remote || parked {
            let bytes = answer_bytes(operation, &self.pages, entry.owner);
            let slot = self.inflight.wait(connection.id, &mut connection.owed, bytes);
            let Some(slot) = slot else { return Flow::Starved };
            let ask = Ask::new(slot, operation, &key, value, chain);
            if remote {
                self.engine.counters.add(Counter::Forwarded, 1);
                self.mesh.ask(entry.owner, ask);
            } else {
                let holder = self.intents.enter([entry.hash]);
                self.intents.wait(holder, Parked::Ask(self.index, ask));
            }
            return Flow::Next;
        }
        let request = Request { operation, key, value: value_of(value, chain) };
        let outcome = self.engine.execute(request, self.now.unix_ms);
        if in_turn {
            let mut writer = Writer::new(&mut connection.outbox, &mut self.pool, connection.session.version);
            writer.outcome(outcome);
            let error = writer.error;
            self.note_error(entry.command, error);
        } else {
            let kept = self.inflight.keep(connection.id, &mut connection.owed, outcome.into_reply());
            assert!(kept.is_ok(), "a slot was free");
        }
        Flow::Next
    }

    /// Gives a reply to a connection, in its turn. Only call it if a slot is free or nothing is owed.
    pub(crate) fn deliver(&mut self, index: u32, reply: Reply) -> Flow {
        let Some(connection) = self.connections.get_mut(index) else { return Flow::Next };
        if connection.owed.is_empty() {
            let mut writer = connection.writer(&mut self.pool);
            writer.reply(reply);
            let (error, command) = (writer.error, self.inflight.command);
            self.note_error(command, error);
            return Flow::Next;
        }
        match self.inflight.keep(connection.id, &mut connection.owed, reply) {
            Ok(()) => Flow::Next,
            Err(_) => unreachable!("a reply was made without a slot for it"),
        }
    }

    /// SCAN and KEYS: a step, here or on another shard, when nothing else is owed.
    fn execute_walk(&mut self, entry: &Entry, batch: &Batch, command: Command) -> Flow {
        let Some(connection) = self.connections.get_mut(entry.connection) else { return Flow::Next };
        if !connection.owed.is_empty() {
            return Flow::Starved;
        }
        let mut walk = match connection.walk.take() {
            Some(walk) => walk,
            None => {
                let arguments = Slices { bytes: connection.intake.bytes(), spans: batch.spans_of(entry) };
                match Walk::of(command, &arguments, connection.session.bucket, self.map.shard_count()) {
                    Ok(walk) => Box::new(walk),
                    Err(error) => {
                        reply::error(&mut connection.writer(&mut self.pool), error.0);
                        return Flow::Next;
                    }
                }
            }
        };
        if let Some(result) = walk.result {
            return finish_walk(walk, result, connection, &mut self.pool);
        }
        walk.bytes_max = self.heap.room_for_walk(connection).min(KEYS_BYTES_MAX);
        let (operation, bucket) = walk.step();
        let key = Key::hashed(bucket, &[], 0);
        let flow = if walk.shard == self.index {
            let request = Request { operation, key, value: value_of(&[], None) };
            if let Reply::Keys(keys) = self.engine.execute(request, self.now.unix_ms).into_reply() {
                walk.take(&keys);
            }
            Flow::Again
        } else if self.mesh.has_room(walk.shard)
            && let Some(slot) = self.inflight.wait(connection.id, &mut connection.owed, WALK_ANSWER_BYTES)
        {
            walk.waiting = true;
            self.mesh.ask(walk.shard, Ask::new(slot, operation, &key, &[], None));
            Flow::Starved
        } else {
            Flow::Starved
        };
        connection.walk = Some(walk);
        flow
    }

    fn refuse(&mut self, entry: &Entry, batch: &Batch) -> Flow {
        let Some(connection) = self.connections.get_mut(entry.connection) else { return Flow::Next };
        if !connection.owed.is_empty() {
            return Flow::Starved;
        }
        if let Some(queue) = &mut connection.session.queue {
            queue.broken = true;
        }
        let mut writer = Writer::new(&mut connection.outbox, &mut self.pool, connection.session.version);
        match entry.plan {
            Plan::Broken(error) => {
                let limited = error == ProtocolError::TooBigForLimit;
                self.engine.counters.add(Counter::ProtocolErrors, u64::from(!limited));
                self.engine.counters.add(Counter::ClosedRequest, u64::from(limited));
                reply::protocol_error(&mut writer, error);
                connection.closing = true;
            }
            Plan::Refused(refusal) => {
                let arguments = Slices { bytes: connection.intake.bytes(), spans: batch.spans_of(entry) };
                if refusal == Refusal::WrongArity(Command::Exec) {
                    reply::error(&mut writer, EXEC_ARITY);
                } else {
                    refusal::encode(&mut writer, refusal, &arguments);
                }
            }
            _ => unreachable!("this plan is not refused"),
        }
        let error = writer.error;
        if entry.plan == Plan::Refused(Refusal::WrongArity(Command::Exec)) {
            let queue = connection.session.leave_multi();
            self.drop_queue(queue);
        }
        self.note_refused(entry, error);
        Flow::Next
    }

    /// Gives a connection the replies that are due.
    pub(crate) fn deliver_owed(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id.index).filter(|connection| connection.id == id)
        else {
            return;
        };
        while let Some((command, reply)) = self.inflight.next_reply(&mut connection.owed) {
            // What other walks have taken since the step was asked for counts.
            let walk_bytes_max = self.heap.room_for_walk(connection).min(KEYS_BYTES_MAX);
            match (reply, &mut connection.walk) {
                (Reply::Keys(keys), Some(walk)) => {
                    walk.bytes_max = walk_bytes_max;
                    walk.take(&keys);
                    self.heap.count(connection);
                }
                (Reply::Part(part), _) => {
                    if let Some(tour) = &mut connection.tour {
                        tour.bytes_max = walk_bytes_max;
                        tour.take(*part);
                        self.heap.count(connection);
                    }
                }
                (reply, _) => {
                    let mut writer = connection.writer(&mut self.pool);
                    writer.reply(reply);
                    if let Some(code) = writer.error {
                        self.engine.counters.add_error(code);
                        self.calls.failed(command);
                    }
                }
            }
        }
        self.mark_dirty(id.index);
    }
}

/// The hash and the owner of a key; if that is this shard, memory is asked for its bucket of the index.
#[inline]
fn fetch(store: &Store, map: &SlotMap, index: u16, connection: &Connection, key: Span) -> (u64, u16) {
    let key = key.of(connection.intake.bytes());
    let (hash, owner) = (store.key(connection.session.bucket, key).hash(), map.owner(key));
    if owner == index {
        store.prefetch_bucket(hash);
    }
    (hash, owner)
}

/// Reads from a connection again whose input was taken.
#[inline]
fn resume_if_drained(streams: &mut Interfaces, connection: &mut Connection) {
    if connection.paused && !connection.intake.is_full() {
        connection.paused = false;
        streams.resume(connection.id);
    }
}

/// The command of a request and the plan of what this connection may do with it.
#[inline]
fn admit(
    arguments: &Slices<'_>,
    connection: &Connection,
    settings: &Settings,
    is_over_memory: bool,
    now_ms: u64,
) -> (CommandId, Plan) {
    if arguments.count() == 0 {
        return (CommandId::UNKNOWN, Plan::Nothing);
    }
    let Some(command) = Command::find(arguments.get(0)) else {
        return (CommandId::UNKNOWN, Plan::Refused(Refusal::UnknownCommand));
    };
    let mut planned = plan_command(command, arguments, now_ms);
    if is_over_memory && takes_memory(command, planned) {
        planned = Plan::Refused(Refusal::OverMemoryLimit);
    }
    if command == Command::Debug && !settings.debug_commands {
        planned = without_debug(planned);
    }
    (CommandId::of(command, arguments), restrict(planned, connection))
}

/// Whether a request may need more memory; one that is refused anyway does not.
fn takes_memory(command: Command, planned: Plan) -> bool {
    let refused = matches!(planned, Plan::Refused(refusal) if refusal.is_rejection());
    !refused && command.takes_memory()
}

/// The plan, or why it is refused to this connection.
#[inline]
fn restrict(planned: Plan, connection: &Connection) -> Plan {
    if !connection.session.authenticated && !is_allowed_to_strangers(planned) {
        return Plan::Refused(Refusal::NotAuthenticated);
    }
    let mut larges = connection.intake.large_arguments();
    let planned = match planned {
        Plan::Refused(_) => planned,
        _ if larges.all(|large| may_be_large(planned, large)) => planned,
        _ => Plan::Refused(Refusal::ArgumentTooLong),
    };
    if connection.session.queue.is_some() { queued(planned) } else { planned }
}

fn is_allowed_to_strangers(planned: Plan) -> bool {
    match planned {
        Plan::Alone(command) => command.spec().flags.contains(&"no_auth"),
        Plan::Refused(refusal) => refusal.comes_before_password(),
        _ => false,
    }
}

/// Whether what follows in the input cannot be planned before this is executed.
fn ends_decoding(planned: Plan) -> bool {
    match planned {
        // It ends MULTI.
        Plan::Refused(Refusal::WrongArity(Command::Exec)) => true,
        Plan::Key(..) | Plan::Refused(_) | Plan::Nothing | Plan::Queue => false,
        Plan::Alone(command) => !matches!(command, Command::Ping | Command::Echo),
        Plan::Keys(..)
        | Plan::PutAll { .. }
        | Plan::Transfer(_)
        | Plan::Lcs(_)
        | Plan::RandomKey
        | Plan::Shards(..)
        | Plan::Broken(_) => true,
    }
}

/// Encodes what a walk came to, as far as the outbox may grow.
fn finish_walk(
    mut walk: Box<Walk>,
    result: Result<(), WalkError>,
    connection: &mut Connection,
    pool: &mut ChunkPool,
) -> Flow {
    if let Err(error) = result {
        reply::error(&mut connection.writer(pool), error.0);
        return Flow::Next;
    }
    while connection.outbox.left_bytes() < OUTPUT_BYTES_SOFT {
        if !walk.encode_next(&mut connection.writer(pool)) {
            return Flow::Next;
        }
    }
    connection.walk = Some(walk);
    Flow::Full
}

/// Why one more reply cannot be owed to the connection now, if it cannot.
#[inline]
pub(crate) fn must_wait(connection: &Connection, inflight: &InFlight) -> Option<Flow> {
    let owed = &connection.owed;
    if !inflight.has_room() || owed.count() >= OWED_REPLIES_MAX {
        return Some(Flow::Starved);
    }
    // Replies that come will be added to what waits to be sent already.
    let full = connection.outbox.left_bytes() + owed.bytes() >= OUTPUT_BYTES_SOFT;
    full.then_some(if owed.is_empty() { Flow::Full } else { Flow::Starved })
}

/// Bytes that the answer of another shard may take on the heap: as much as its longest value.
#[inline]
pub(crate) fn answer_bytes(operation: Operation, pages: &[StatsReader], owner: u16) -> u32 {
    match operation {
        Operation::Get
        | Operation::GetDelete
        | Operation::GetRange { .. }
        | Operation::Record
        | Operation::GetExpire(_)
        | Operation::Put { answer: PutAnswer::Previous, .. } => {
            let largest = pages[usize::from(owner)].read_one(Counter::LargestValueBytes as usize);
            // Short ones travel inside the message.
            if largest <= PAYLOAD_INLINE_BYTES as u64 {
                0
            } else {
                u32::try_from(largest).unwrap_or(u32::MAX)
            }
        }
        _ => 0,
    }
}

/// An EXEC with arguments ends the transaction.
const EXEC_ARITY: &str =
    "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command";
/// Bytes that the answer to a step of a walk may take on the heap: a step's keys and those of the last bucket.
const WALK_ANSWER_BYTES: u32 = 2 * (64 << 10);
