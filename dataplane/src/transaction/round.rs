//! A round of a transaction: operations that do not depend on each other's replies, one step for each shard.

use adit_store::kv::{Chain, Key};
use adit_wire::kv::{Operation, Status};

use crate::message::Reply;
use crate::transaction::refused;
use crate::transaction::step::{Access, Step, StepReply};

/// A round and its replies.
#[derive(Default)]
pub(super) struct Round {
    /// The steps that are not sent yet.
    pub(super) unsent: Vec<(u16, Box<Step>)>,
    /// Of which operation each reply of a shard is.
    places: Vec<(u16, Vec<usize>)>,
    /// The replies, in the order of the operations.
    replies: Vec<Option<Reply>>,
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
        self.replies.len()
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.encode.is_empty()
    }

    /// Adds an operation.
    pub(super) fn push(
        &mut self,
        (id, shard): (u32, u16),
        operation: Operation,
        key: &Key<'_>,
        value: &[u8],
        chain: Option<Chain>,
    ) {
        let index = self.replies.len();
        self.replies.push(None);
        self.bytes += key.bytes().len() + value.len();
        self.step(id, shard).push(operation, key, value, chain);
        match self.places.iter_mut().find(|(of, _)| *of == shard) {
            Some((_, places)) => places.push(index),
            None => self.places.push((shard, vec![index])),
        }
    }

    /// The step of a shard.
    pub(super) fn step(&mut self, id: u32, shard: u16) -> &mut Step {
        let place = self.unsent.iter().position(|(of, _)| *of == shard).unwrap_or_else(|| {
            self.unsent.push((shard, Box::new(Step::new(id, Access::Free))));
            self.unsent.len() - 1
        });
        let step = &mut self.unsent[place].1;
        step.stages = self.stages;
        step
    }

    /// Takes the step of a shard that is not sent yet.
    pub(super) fn take_unsent(&mut self, shard: u16) -> Option<Box<Step>> {
        let place = self.unsent.iter().position(|(of, _)| *of == shard)?;
        Some(self.unsent.swap_remove(place).1)
    }

    /// Takes what a shard has answered.
    pub(super) fn note(&mut self, from: u16, answer: StepReply) {
        self.more |= answer.more;
        let places = self.places.iter().find(|(of, _)| *of == from).map_or(&[][..], |(_, places)| places);
        for (reply, place) in answer.replies.into_iter().zip(places) {
            self.replies[*place] = Some(reply);
        }
    }

    /// Whether a staged write was refused.
    pub(super) fn failed(&self) -> bool {
        self.replies.iter().flatten().any(|reply| refused(reply).is_some())
    }

    /// The first refusal of a staged write: with a status, or because the key exists.
    pub(super) fn refusal(&self) -> Option<Option<Status>> {
        self.replies.iter().flatten().find_map(refused)
    }

    /// The replies, in the order of the operations. Those that were not sent have none.
    pub(super) fn take_replies(&mut self) -> impl Iterator<Item = Reply> + use<> {
        std::mem::take(&mut self.replies).into_iter().map(|reply| reply.unwrap_or(Reply::Nil))
    }
}
