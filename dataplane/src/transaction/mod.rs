//! Requests on several keys, on any shards, as one: atomic and isolated.
//!
//! The shard that received the request coordinates. It visits the shards of the keys in ascending order; at each, a
//! [`step::Step`] enters the queues of its keys ([`intents`]) and waits there until it holds them. What can already be
//! executed goes with the visit. Since all visit in the same order, nobody waits in a circle; since everything that a
//! transaction needs was received before it begins, nobody waits for a client. Then rounds of operations follow, to all
//! shards at once, and last the keys are given back. Writes that must succeed together are staged first.
//!
//! An operation on one key that meets a held key waits in the same queue.

mod call;
pub mod encoded;
pub mod intents;
pub mod program;
pub(crate) mod queue;
mod round;
pub mod step;

use std::collections::VecDeque;

use adit_drivers::streams::ConnectionId;
use adit_wire::kv::{BucketId, Status};
use adit_wire::resp::reply;

use crate::connection::ReplySink;
use crate::message::Reply;
use crate::shard::Shard;
use crate::stats::ErrorCounts;
use crate::tour::Part;
use crate::transaction::call::{Doing, Position};
use crate::transaction::encoded::Encoded;
use crate::transaction::intents::{Holder, Keys};
use crate::transaction::program::Program;
use crate::transaction::round::Round;
use crate::transaction::step::{Access, Staging, Step, StepReply};

/// A key whose version is compared before a transaction begins.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Its bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: Box<[u8]>,
    /// The version it had, 0 if it was not there.
    pub version: i64,
}

/// What a transaction comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One command on several keys.
    Command,
    /// `EXEC`.
    Exec,
    /// `WATCH`.
    Watch,
}

/// A transaction of this shard's connections.
pub(crate) struct Transaction {
    /// Who waits for the reply; nobody once the connection is gone.
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) kind: Kind,
    pub(crate) program: Program,
    /// What is compared first.
    checks: Vec<Watch>,
    /// The bucket of the next call.
    bucket: BucketId,
    /// Shards that are still to be visited, in order, with the keys they hold.
    visits: VecDeque<(u16, Keys)>,
    /// Shards that hold keys for this transaction.
    held: Vec<(u16, Holder)>,
    /// What becomes of staged writes at the end.
    verdict: Staging,
    doing: Doing,
    at: Position,
    round: Round,
    /// Steps without an answer.
    waiting: usize,
    phase: Phase,
    pub(crate) result: Encoded,
    /// The replies took more than there is room for.
    overflowed: bool,
    /// The calls of an EXEC are executed: the watched keys are as they were.
    runs: bool,
    /// What `WATCH` found.
    pub(crate) versions: Vec<i64>,
    /// Bytes on the heap, as last counted.
    heap_bytes: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The operations of the next round are gathered.
    Build,
    /// The next shard is visited.
    Visit,
    /// What is left of the round is sent, to all shards at once.
    Send,
    /// The answers of the round are used.
    Absorb,
    /// The keys are given back.
    Leave,
    /// Answers to that are awaited.
    Leaving,
}

/// The transactions that a shard coordinates.
pub(crate) struct Transactions {
    places: Vec<Option<Box<Transaction>>>,
    free: Vec<u32>,
    /// Those that may go on.
    active: VecDeque<u32>,
    /// The one that goes on now.
    current: Option<u32>,
}

impl Transactions {
    /// Room for `count` transactions.
    pub(crate) fn new(count: usize) -> Self {
        let places = u32::try_from(count).unwrap_or(0);
        let (places, free) = ((0..places).map(|_| None).collect(), (0..places).rev().collect());
        Self { places, free, active: VecDeque::new(), current: None }
    }

    /// Whether another one may begin.
    pub(crate) fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// Whether there is none.
    pub(crate) fn is_idle(&self) -> bool {
        self.free.len() == self.places.len()
    }

    /// Whether one may go on.
    pub(crate) fn has_active(&self) -> bool {
        !self.active.is_empty()
    }

    /// Forgets who waits for the reply.
    pub(crate) fn abandon(&mut self, id: u32) {
        if let Some(transaction) = self.get_mut(id) {
            transaction.connection = None;
        }
    }

    /// Notes the answer to a step.
    pub(crate) fn note(&mut self, id: u32, from: u16, reply: StepReply) {
        let Some(transaction) = self.get_mut(id) else { unreachable!("a step is answered once") };
        transaction.note(from, reply);
        if self.current != Some(id) {
            self.active.push_back(id);
        }
    }

    /// Notes what another shard did in a tour.
    pub(crate) fn note_part(&mut self, id: u32, part: Part) {
        let Some(transaction) = self.get_mut(id) else { unreachable!("an ask is answered once") };
        transaction.waiting -= 1;
        if let Doing::Tour(tour) = &mut transaction.doing {
            tour.take(part);
        }
        if self.current != Some(id) {
            self.active.push_back(id);
        }
    }

    fn get_mut(&mut self, id: u32) -> Option<&mut Transaction> {
        self.places.get_mut(id as usize)?.as_deref_mut()
    }

    fn put(&mut self, transaction: Box<Transaction>) -> u32 {
        let Some(id) = self.free.pop() else { unreachable!("a transaction begins without room") };
        self.places[id as usize] = Some(transaction);
        id
    }
}

impl Transaction {
    fn note(&mut self, from: u16, reply: StepReply) {
        self.waiting -= 1;
        self.held.retain(|(shard, _)| *shard != from);
        if let Some(holder) = reply.holder {
            self.held.push((from, holder));
        }
        self.round.note(from, reply);
    }

    /// How a step of a shard comes to its keys.
    fn access(&self, shard: u16) -> Access {
        let held = self.held.iter().find(|(holding, _)| *holding == shard);
        held.map_or(Access::Free, |(_, holder)| Access::Inside(*holder))
    }

    /// The step of the next visit, if there is one.
    fn next_visit(&mut self, id: u32) -> Option<(u16, Box<Step>)> {
        // Nothing follows: the other shards need not be visited.
        if self.round.stages && self.round.failed() && self.at.is_at_last_call(&self.program) {
            self.visits.clear();
            self.round.unsent.clear();
        }
        let (shard, keys) = self.visits.pop_front()?;
        let mut step = self.round.take_unsent(shard).unwrap_or_else(|| Box::new(Step::new(id, Access::Free)));
        step.access = Access::Enter(keys);
        if self.visits.is_empty() && self.round.ends {
            // Everything that could still fail has been done: what is done here is all or nothing, and at once.
            step.leaves = true;
            step.staging = if self.round.stages { Staging::Decide } else { Staging::Keep };
        }
        Some((shard, step))
    }

    /// What is left of the round.
    fn rest_of_round(&mut self) -> Vec<(u16, Box<Step>)> {
        let mut steps = std::mem::take(&mut self.round.unsent);
        for (shard, step) in &mut steps {
            step.access = self.access(*shard);
            step.leaves = self.round.ends && !self.round.stages;
        }
        steps
    }

    /// The steps that give the keys back.
    fn leave(&self, id: u32) -> Vec<(u16, Box<Step>)> {
        let verdict = self.verdict;
        let step = |(shard, holder): &(u16, Holder)| {
            let mut step = Box::new(Step::new(id, Access::Inside(*holder)));
            (step.staging, step.leaves) = (verdict, true);
            (*shard, step)
        };
        self.held.iter().map(step).collect()
    }
}

impl Shard {
    /// Begins a transaction for a connection, to which nothing else is owed.
    pub(crate) fn begin(&mut self, index: u32, kind: Kind, program: Program, checks: Vec<Watch>) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let (id, bucket, version) = (connection.id, connection.session.bucket, connection.session.version);
        let visits = self.visits(&program, &checks, bucket, kind);
        let mut result = Encoded::new(version);
        if kind == Kind::Exec {
            reply::array(&mut result, program.len());
        }
        // The keys of a WATCH wait for their versions: they are not compared.
        let compares = kind == Kind::Exec && !checks.is_empty();
        let doing = if compares { Doing::Checks } else { Doing::Calls };
        let transaction = Transaction {
            connection: Some(id),
            kind,
            program,
            checks,
            bucket,
            visits,
            held: Vec::new(),
            verdict: Staging::Commit,
            doing,
            at: Position::default(),
            round: Round::default(),
            waiting: 0,
            phase: Phase::Build,
            result,
            overflowed: false,
            runs: kind == Kind::Exec && !compares,
            versions: Vec::new(),
            heap_bytes: 0,
        };
        let transaction = self.transactions.put(Box::new(transaction));
        if let Some(connection) = self.connections.get_mut(index) {
            connection.transaction = Some(transaction);
        }
        self.advance(transaction);
    }

    /// Lets transactions go on whose answers have come, as far as this turn allows.
    pub(crate) fn run_transactions(&mut self) {
        self.run_ready();
        while self.transaction_work_left > 0
            && let Some(id) = self.transactions.active.pop_front()
        {
            self.advance(id);
            self.run_ready();
        }
    }

    /// Takes a transaction as far as it gets without waiting.
    fn advance(&mut self, id: u32) {
        self.transactions.current = Some(id);
        while let Some(transaction) = self.transactions.get_mut(id)
            && transaction.waiting == 0
        {
            if self.transaction_work_left == 0 {
                self.transactions.active.push_back(id);
                break;
            }
            match transaction.phase {
                Phase::Build => self.with_transaction(id, Self::build),
                Phase::Absorb => self.with_transaction(id, Self::absorb),
                Phase::Visit => match transaction.next_visit(id) {
                    Some((shard, step)) => self.send_step(id, shard, step),
                    None => transaction.phase = Phase::Send,
                },
                Phase::Send => {
                    let steps = transaction.rest_of_round();
                    transaction.phase = Phase::Absorb;
                    steps.into_iter().for_each(|(shard, step)| self.send_step(id, shard, step));
                }
                Phase::Leave => {
                    let steps = transaction.leave(id);
                    transaction.phase = Phase::Leaving;
                    steps.into_iter().for_each(|(shard, step)| self.send_step(id, shard, step));
                    self.with_transaction(id, Self::give_result);
                }
                // Where staged writes are left, the keys are still held.
                Phase::Leaving if !transaction.held.is_empty() => transaction.phase = Phase::Leave,
                Phase::Leaving => self.end(id),
            }
        }
        self.transactions.current = None;
    }

    /// Lends a transaction to a function that needs all of the shard.
    fn with_transaction(&mut self, id: u32, use_it: impl FnOnce(&mut Self, &mut Transaction, u32)) {
        let Some(mut transaction) = self.transactions.places[id as usize].take() else { return };
        use_it(self, &mut transaction, id);
        self.transactions.places[id as usize] = Some(transaction);
    }

    fn send_step(&mut self, id: u32, shard: u16, step: Box<Step>) {
        if let Some(transaction) = self.transactions.get_mut(id) {
            transaction.waiting += 1;
        }
        if shard == self.index {
            self.take_step(shard, step);
        } else {
            self.mesh.step(shard, step);
        }
    }

    /// Gathers the next round.
    fn build(&mut self, transaction: &mut Transaction, id: u32) {
        transaction.round = Round::default();
        self.build_round(transaction, id);
        if transaction.phase == Phase::Build {
            transaction.phase = if transaction.visits.is_empty() { Phase::Send } else { Phase::Visit };
        }
    }

    /// Uses the answers of a round, and counts what the replies take.
    fn absorb(&mut self, transaction: &mut Transaction, _id: u32) {
        transaction.phase = Phase::Build;
        self.absorb_round(transaction);
        let room = self.heap.room_for_result(transaction.heap_bytes);
        transaction.overflowed |= transaction.result.spill(&mut self.engine.store, room).is_err();
        if transaction.overflowed {
            transaction.result.reset(transaction.result.version());
        }
        let now_bytes = transaction.program.heap_bytes() + transaction.result.heap_bytes();
        self.heap.recharge(&mut transaction.heap_bytes, now_bytes);
    }

    /// Gives the result to the connection: everything is decided.
    fn give_result(&mut self, transaction: &mut Transaction, _id: u32) {
        let mut result = std::mem::take(&mut transaction.result);
        self.note_program(&transaction.program, transaction.runs, &result.errors);
        transaction.program.clear(&mut self.engine.store);
        self.heap.recharge(&mut transaction.heap_bytes, 0);
        let found = transaction.connection.take().and_then(|id| self.connections.of(id));
        let Some(connection) = found else { return };
        connection.transaction = None;
        if transaction.overflowed {
            result.reset(connection.session.version);
            result.errors = ErrorCounts::default();
            reply::error(&mut result, OVERFLOWED);
            self.engine.counters.add_errors(&result.errors);
        }
        if transaction.kind == Kind::Watch {
            connection.session.watch(std::mem::take(&mut transaction.checks), &transaction.versions);
        }
        let index = connection.id.index;
        result.shrink();
        connection.result = Some(Box::new(result));
        self.heap.count(connection);
        self.deliver_result(index);
    }

    /// Puts a result into the outbox of its connection as far as it may, and goes on with the next request after
    /// that.
    pub(crate) fn deliver_result(&mut self, index: u32) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let Some(mut result) = connection.result.take() else { return };
        if result.deliver(connection, &mut self.pool) {
            // Else whoever executes its requests goes on with them.
            if self.executing != Some(index) && !connection.scheduled && connection.intake.has_input() {
                connection.scheduled = true;
                self.again.push(index);
            }
        } else {
            connection.result = Some(result);
            connection.waits_for_output = true;
        }
        self.heap.count(connection);
        self.mark_dirty(index);
    }

    fn end(&mut self, id: u32) {
        self.transactions.places[id as usize] = None;
        self.transactions.free.push(id);
        // Others may have waited for the place.
        self.again.append(&mut self.starved);
    }
}

/// Whether a reply says that a staged write was refused.
fn refused(reply: &Reply) -> Option<Option<Status>> {
    match reply {
        Reply::Nil => Some(None),
        Reply::Failed(status) => Some(Some(*status)),
        _ => None,
    }
}

/// Marks the in-flight slots that are transactions.
pub(crate) const TRANSACTION_SLOT: u32 = 1 << 31;
const OVERFLOWED: &str = "OOM memory of the shard is full: it has no room for the replies of this request, though what \
                          it writes is written; ask for less at a time or start adit with a larger --memory";
