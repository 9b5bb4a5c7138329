//! Requests on several keys, on any shards, as one: atomic and isolated.
//!
//! The shard that received the request coordinates. It visits the shards of the keys in ascending order; at each, a
//! [`step::Step`] enters the queues of its keys ([`intents`]) and waits there until it holds them. What can already be
//! executed goes with the visit. Since all visit in the same order, nobody waits in a circle; since everything that a
//! transaction needs was received before it begins, nobody waits for a client. Then rounds of operations follow, to all
//! shards at once, and last the keys are given back. Writes that must succeed together are promised or
//! staged before.
//!
//! An operation on one key that meets a held key waits in the same queue.

mod call;
pub mod encoded;
pub mod intents;
pub mod operations;
pub mod order;
pub(crate) mod pending;
pub mod program;
pub(crate) mod queue;
pub mod replies;
mod result;
mod round;
mod route;
mod spread;
pub mod step;

use std::collections::VecDeque;

use adit_drivers::streams::ConnectionId;
use adit_wire::kv::BucketId;
use adit_wire::resp::reply;

use crate::calls::CommandId;
use crate::connection::{Connection, ReplySink};
use crate::shard::Shard;
use crate::tour::Part;
use crate::transaction::call::{Doing, Position};
use crate::transaction::encoded::Encoded;
use crate::transaction::intents::Holder;
use crate::transaction::program::Program;
use crate::transaction::result::Given;
use crate::transaction::round::Round;
use crate::transaction::route::Route;
use crate::transaction::step::{Access, Staging, Step};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// One command on several keys.
    #[default]
    Command,
    /// `EXEC`.
    Exec,
    /// `WATCH`.
    Watch,
}

/// A transaction of this shard's connections.
#[derive(Default)]
pub(crate) struct Transaction {
    /// Who waits for the reply; nobody once the connection is gone.
    pub(crate) connection: Option<ConnectionId>,
    /// The slot of the native request that waits for the reply.
    pub(crate) native: Option<u32>,
    pub(crate) kind: Kind,
    /// The command, if it is one.
    pub(crate) command: CommandId,
    pub(crate) program: Program,
    /// What is compared first.
    pub(crate) checks: Vec<Watch>,
    /// The bucket of the next call.
    pub(crate) bucket: BucketId,
    route: Route,
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
    /// The transactions of the same connection before and after it.
    before: Option<u32>,
    after: Option<u32>,
    /// The shard whose visit is not answered.
    visiting: Option<u16>,
    /// It waits for one before it.
    is_held_up: bool,
    given: Given,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// The operations of the next round are gathered.
    #[default]
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
    /// Only the result is left.
    Left,
}

/// The transactions that a shard coordinates.
pub(crate) struct Transactions {
    places: Vec<Option<Box<Transaction>>>,
    free: Vec<u32>,
    /// Those that may go on.
    active: VecDeque<u32>,
    /// The one that goes on now.
    current: Option<u32>,
    /// Those that have ended: their buffers are used again.
    #[expect(clippy::vec_box, reason = "a transaction stays in its box")]
    spare: Vec<Box<Transaction>>,
}

impl Transactions {
    /// Room for `count` transactions.
    pub(crate) fn new(count: usize) -> Self {
        let places = u32::try_from(count).unwrap_or(0);
        let (places, free) = ((0..places).map(|_| None).collect(), (0..places).rev().collect());
        Self { places, free, active: VecDeque::new(), current: None, spare: Vec::new() }
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

    /// Notes the answer to a step.
    pub(crate) fn note(&mut self, id: u32, from: u16, step: Box<Step>) {
        let Some(transaction) = self.get_mut(id) else { unreachable!("a step is answered once") };
        transaction.note(from, step);
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

    /// A transaction of a connection, with nothing to do yet.
    pub(crate) fn fresh(&mut self, connection: &Connection) -> Box<Transaction> {
        let mut transaction = self.spare.pop().unwrap_or_default();
        transaction.connection = Some(connection.id);
        transaction.bucket = connection.session.bucket;
        transaction.result.set_version(connection.session.version);
        transaction
    }

    /// The same, of a native request.
    pub(crate) fn fresh_native(&mut self, slot: u32, bucket: BucketId) -> Box<Transaction> {
        let mut transaction = self.spare.pop().unwrap_or_default();
        transaction.native = Some(slot);
        transaction.bucket = bucket;
        transaction.result.set_native();
        transaction
    }

    fn put(&mut self, transaction: Box<Transaction>) -> u32 {
        let Some(id) = self.free.pop() else { unreachable!("a transaction begins without room") };
        self.places[id as usize] = Some(transaction);
        id
    }

    fn end(&mut self, id: u32) {
        let ended = self.places[id as usize].take();
        self.free.push(id);
        if let Some(mut ended) = ended
            && self.spare.len() < SPARE_TRANSACTIONS
        {
            ended.clear();
            self.spare.push(ended);
        }
    }
}

impl Transaction {
    fn note(&mut self, from: u16, step: Box<Step>) {
        self.waiting -= 1;
        self.visiting = self.visiting.filter(|shard| *shard != from);
        self.held.retain(|(shard, _)| *shard != from);
        if let Some(holder) = step.holder {
            self.held.push((from, holder));
        }
        self.round.note(from, step);
    }

    /// How a step of a shard that was visited comes to its keys.
    fn access(&self, shard: u16) -> Access {
        let held = self.held.iter().find(|(holding, _)| *holding == shard);
        held.map_or(Access::Free, |(_, holder)| Access::Inside(*holder))
    }

    /// The step of the next visit, if there is one.
    fn next_visit(&mut self) -> Option<(u16, Box<Step>)> {
        // Nothing follows: the other shards need not be visited.
        if self.round.stages && self.round.refusal().is_some() && self.at.is_at_last_call(&self.program) {
            self.route.stop();
            self.round.stop();
        }
        let mut step = self.round.take_step(self.route.shard()?);
        let (shard, access) = self.route.next(&mut step.keys)?;
        step.access = access;
        self.visiting = Some(shard);
        if self.route.is_done() && self.round.ends {
            // Everything that could still fail has been done: what is done here is all or nothing, and at once.
            step.leaves = true;
            step.staging = if self.round.stages { Staging::Decide } else { Staging::Keep };
        }
        Some((shard, step))
    }

    /// What is left of the round.
    fn next_of_round(&mut self) -> Option<(u16, Box<Step>)> {
        let (shard, mut step) = self.round.next_unsent()?;
        step.access = self.access(shard);
        step.leaves = self.round.ends && !self.round.stages;
        Some((shard, step))
    }

    /// The step that gives the keys of a shard back.
    fn leave(&mut self, shard: u16, holder: Holder) -> Box<Step> {
        let mut step = self.round.take_step(shard);
        (step.access, step.staging, step.leaves) = (Access::Inside(holder), self.verdict, true);
        step
    }

    /// Forgets everything, to be used again; its program is empty already.
    fn clear(&mut self) {
        self.route.clear();
        self.held.clear();
        self.round.clear();
        self.result.reuse();
        (self.checks, self.versions) = (Vec::new(), Vec::new());
        (self.connection, self.native) = (None, None);
        (self.kind, self.doing, self.at) = (Kind::Command, Doing::Calls, Position::default());
        (self.phase, self.overflowed, self.runs) = (Phase::Build, false, false);
        (self.is_held_up, self.given, self.command) = (false, Given::No, CommandId::UNKNOWN);
    }
}

impl Shard {
    /// Begins a transaction, which has a kind, a program and checks, for its connection, to which nothing else is owed.
    /// With `may_follow` another one may begin before it has ended.
    pub(crate) fn begin(&mut self, index: u32, transaction: Box<Transaction>, may_follow: bool) {
        let id = self.place_transaction(transaction);
        if let Some(connection) = self.connections.get_mut(index) {
            connection.transactions.may_follow = may_follow;
            self.transactions.link(id, &mut connection.transactions);
        }
        self.advance(id);
    }

    /// Begins a transaction of a native request.
    pub(crate) fn begin_native(&mut self, transaction: Box<Transaction>) {
        let id = self.place_transaction(transaction);
        self.advance(id);
    }

    fn place_transaction(&mut self, mut transaction: Box<Transaction>) -> u32 {
        if transaction.phase == Phase::Build {
            self.plan_route(&mut transaction);
        }
        let Transaction { kind, program, checks, doing, result, runs, verdict, .. } = &mut *transaction;
        *verdict = Staging::Commit;
        if *kind == Kind::Exec {
            reply::array(result, program.len());
            // The keys of a WATCH wait for their versions: they are not compared.
            *runs = checks.is_empty();
            if !*runs {
                *doing = Doing::Checks;
            }
        }
        let now_bytes = transaction.program.heap_bytes() + transaction.round.bytes;
        self.heap.recharge(&mut transaction.heap_bytes, now_bytes);
        self.transactions.put(transaction)
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
                Phase::Visit => {
                    if let Some(shard) = transaction.route.shard()
                        && transaction.before.is_some()
                        && !self.transactions.may_visit(id, shard)
                    {
                        self.transactions.hold_up(id);
                        break;
                    }
                    let Some(transaction) = self.transactions.get_mut(id) else { break };
                    match transaction.next_visit() {
                        Some((shard, step)) => self.send_step(id, shard, step),
                        None => transaction.phase = Phase::Send,
                    }
                }
                Phase::Send => {
                    transaction.phase = Phase::Absorb;
                    while let Some((shard, step)) =
                        self.transactions.get_mut(id).and_then(Transaction::next_of_round)
                    {
                        self.send_step(id, shard, step);
                    }
                }
                Phase::Leave => {
                    transaction.phase = Phase::Leaving;
                    transaction.round.clear();
                    let mut held = std::mem::take(&mut transaction.held);
                    for (shard, holder) in held.drain(..) {
                        let step = self.transactions.get_mut(id).map(|found| found.leave(shard, holder));
                        step.into_iter().for_each(|step| self.send_step(id, shard, step));
                    }
                    if let Some(transaction) = self.transactions.get_mut(id)
                        && transaction.held.is_empty()
                    {
                        transaction.held = held;
                    }
                    self.with_transaction(id, Self::finish);
                    self.give(id);
                }
                // Where staged writes are left, the keys are still held.
                Phase::Leaving if !transaction.held.is_empty() => transaction.phase = Phase::Leave,
                Phase::Leaving if transaction.given == Given::Ready => transaction.phase = Phase::Left,
                Phase::Leaving => self.end(id),
                Phase::Left => break,
            }
        }
        self.transactions.wake_after(id);
        self.transactions.current = None;
    }

    /// Lends a transaction to a function that needs all of the shard.
    fn with_transaction(&mut self, id: u32, use_it: impl FnOnce(&mut Self, &mut Transaction, u32)) {
        let Some(mut transaction) = self.transactions.places[id as usize].take() else { return };
        use_it(self, &mut transaction, id);
        self.transactions.places[id as usize] = Some(transaction);
    }

    fn send_step(&mut self, id: u32, shard: u16, mut step: Box<Step>) {
        step.transaction = id;
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
        transaction.round.clear();
        self.build_round(transaction, id);
        if transaction.phase == Phase::Build {
            transaction.phase = if transaction.route.is_done() { Phase::Send } else { Phase::Visit };
        }
    }

    /// Uses the answers of a round, and counts what the replies take.
    fn absorb(&mut self, transaction: &mut Transaction, _id: u32) {
        transaction.phase = Phase::Build;
        self.absorb_round(transaction);
        let room = self.heap.room_for_result(transaction.heap_bytes);
        transaction.overflowed |= transaction.result.spill(&mut self.engine.store, room).is_err();
        if transaction.overflowed {
            transaction.result.reset();
        }
        let now_bytes = transaction.program.heap_bytes() + transaction.result.heap_bytes();
        self.heap.recharge(&mut transaction.heap_bytes, now_bytes);
    }

    fn end(&mut self, id: u32) {
        self.transactions.end(id);
        // Others may have waited for the place.
        self.again.append(&mut self.starved);
    }
}

/// Transactions that have ended and are kept to be used again.
const SPARE_TRANSACTIONS: usize = 128;
/// Marks the in-flight slots that are transactions.
pub(crate) const TRANSACTION_SLOT: u32 = 1 << 31;
