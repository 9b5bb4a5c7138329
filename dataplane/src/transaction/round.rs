//! A round of a transaction: operations that do not depend on each other's replies, one step for each shard.

use adit_store::kv::{Chain, Key};
use adit_wire::kv::{Operation, Status};

use crate::engine::Outcome;
use crate::message::Reply;
use crate::settings::{STEP_BYTES_MAX, STEP_OPERATIONS_MAX};
use crate::transaction::step::Step;

/// A round and its replies.
#[derive(Default)]
pub(super) struct Round {
    parts: Vec<Part>,
    /// Of which part each operation is, in their order.
    order: Vec<u16>,
    /// Operations whose replies were taken.
    taken: usize,
    /// How the replies are encoded.
    pub(super) encode: Vec<Encode>,
    /// The operations are staged.
    pub(super) stages: bool,
    /// Nothing follows it.
    pub(super) ends: bool,
    /// Some shard has staged writes left.
    pub(super) more: bool,
    /// Bytes that the operations and their replies may take.
    pub(super) bytes: usize,
    /// Steps to be used again.
    #[expect(clippy::vec_box, reason = "a step travels in its box")]
    spare: Vec<Box<Step>>,
}

/// What one shard does in a round.
struct Part {
    shard: u16,
    /// The step, before it is sent and after it was answered.
    step: Option<Box<Step>>,
    answered: bool,
}

/// How the next reply, or what belongs between two, is encoded.
pub(super) enum Encode {
    /// The next reply as it is.
    One,
    /// The header of an array.
    Array(u32),
    /// The next reply is added to a sum.
    Add,
    /// The sum.
    Total,
    /// That all before are done.
    Done,
    /// The next reply is a version to be kept.
    Version,
    /// What is encoded already.
    Ready(Vec<u8>),
}

impl Round {
    /// Number of operations.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty() && self.encode.is_empty()
    }

    /// Whether no more operations belong into it.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= STEP_OPERATIONS_MAX
            || self.encode.len() >= 2 * STEP_OPERATIONS_MAX
            || self.bytes >= STEP_BYTES_MAX
    }

    /// Forgets what was done, to be used again.
    pub(super) fn clear(&mut self) {
        while let Some(part) = self.parts.pop() {
            part.step.into_iter().for_each(|step| self.keep(step));
        }
        self.order.clear();
        self.encode.clear();
        (self.taken, self.bytes) = (0, 0);
        (self.stages, self.ends, self.more) = (false, false, false);
    }

    /// Adds an operation of a shard.
    pub(super) fn push(
        &mut self,
        shard: u16,
        operation: Operation,
        key: &Key<'_>,
        value: &[u8],
        chain: Option<Chain>,
    ) {
        self.bytes += key.bytes().len() + value.len();
        let part = self.part_of(shard);
        let stages = self.stages;
        if let Some(step) = &mut self.parts[part].step {
            step.stages = stages;
            step.operations.push(operation, key, value, chain);
        }
        // There are fewer shards than 2^16.
        self.order.push(u16::try_from(part).unwrap_or(u16::MAX));
    }

    /// The shards that have something to do.
    pub(super) fn shards(&self) -> impl Iterator<Item = u16> {
        self.parts.iter().map(|part| part.shard)
    }

    /// The step of a shard, which is not sent yet.
    pub(super) fn step(&mut self, shard: u16) -> &mut Step {
        let part = self.part_of(shard);
        self.parts[part].step.as_mut().unwrap_or_else(|| unreachable!("a round is built before it is sent"))
    }

    fn part_of(&mut self, shard: u16) -> usize {
        self.parts.iter().position(|part| part.shard == shard).unwrap_or_else(|| {
            let step = Some(self.fresh());
            self.parts.push(Part { shard, step, answered: false });
            self.parts.len() - 1
        })
    }

    /// Takes the step of a shard, to send it; an empty one if it has nothing to do.
    pub(super) fn take_step(&mut self, shard: u16) -> Box<Step> {
        let part = self.parts.iter_mut().find(|part| part.shard == shard && !part.answered);
        part.and_then(|part| part.step.take()).unwrap_or_else(|| self.fresh())
    }

    /// Takes the next step that is not sent yet.
    pub(super) fn next_unsent(&mut self) -> Option<(u16, Box<Step>)> {
        let part = self.parts.iter_mut().find(|part| part.step.is_some() && !part.answered)?;
        Some((part.shard, part.step.take()?))
    }

    /// What is not sent yet is not done.
    pub(super) fn stop(&mut self) {
        while let Some((_, step)) = self.next_unsent() {
            self.keep(step);
        }
    }

    /// Notes the answer of a shard.
    pub(super) fn note(&mut self, from: u16, step: Box<Step>) {
        self.more |= step.more;
        match self.parts.iter_mut().find(|part| part.shard == from && part.step.is_none() && !part.answered) {
            Some(part) => (part.step, part.answered) = (Some(step), true),
            None => self.keep(step),
        }
    }

    fn fresh(&mut self) -> Box<Step> {
        self.spare.pop().unwrap_or_default()
    }

    fn keep(&mut self, mut step: Box<Step>) {
        step.clear();
        self.spare.push(step);
    }

    /// The first refusal of a staged write: with a status, or because the key exists.
    pub(super) fn refusal(&self) -> Option<Option<Status>> {
        let answered = self.parts.iter().filter(|part| part.answered);
        answered.filter_map(|part| part.step.as_ref()).find_map(|step| step.replies.refusal())
    }

    /// The next reply, in the order of the operations. Those that were not executed have none.
    pub(super) fn next_outcome(&mut self) -> Option<Outcome<'_>> {
        let part = &mut self.parts[usize::from(*self.order.get(self.taken)?)];
        self.taken += 1;
        let step = part.step.as_mut().filter(|_| part.answered);
        Some(step.and_then(|step| step.replies.take_next()).unwrap_or(Reply::Nil.into()))
    }

    /// The same, with bytes of its own.
    pub(super) fn next_reply(&mut self) -> Option<Reply> {
        self.next_outcome().map(Outcome::into_reply)
    }
}
