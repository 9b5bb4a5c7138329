//! A part of a transaction that one shard does: it enters the queues of the keys, executes operations, and leaves.

use adit_store::kv::Key;

use crate::engine::Request;
use crate::message::{Answer, Ask, Reply};
use crate::native::waiting::NATIVE_SLOT;
use crate::shard::Shard;
use crate::splicing::{Then, is_long, long_splice};
use crate::transaction::TRANSACTION_SLOT;
use crate::transaction::intents::Holder;
use crate::transaction::operations::Operations;
use crate::transaction::replies::Replies;

/// What one shard does for a transaction, at once when it may. It goes back to the shard that coordinates, with what
/// came of it: its buffers are used again.
#[derive(Default)]
pub struct Step {
    /// The number of the transaction on the shard that coordinates it.
    pub transaction: u32,
    /// How it comes to its keys.
    pub access: Access,
    /// The hashes of keys that it waits for besides those of its operations.
    pub keys: Vec<u64>,
    /// What it does.
    pub operations: Operations,
    /// Puts are only staged.
    pub stages: bool,
    /// What becomes, after the operations, of what was staged in this step or before.
    pub staging: Staging,
    /// The keys are given back after that.
    pub leaves: bool,
    /// Who holds the keys now; nobody once they are given back.
    pub holder: Option<Holder>,
    /// The replies of the operations that were executed.
    pub replies: Replies,
    /// Staged writes are left: another step has to follow, without operations.
    pub more: bool,
}

/// How a step comes to its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// It waits for those of its operations, and for [`Step::keys`].
    Enter,
    /// It waits for all keys of the shard.
    EnterAll,
    /// An earlier step holds them.
    Inside(Holder),
    /// It needs none to itself.
    #[default]
    Free,
}

/// What becomes of staged writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Staging {
    /// They wait.
    #[default]
    Keep,
    /// They are made visible, if every operation of this step was staged; else dropped.
    Decide,
    /// They are made visible.
    Commit,
    /// They are dropped.
    Discard,
}

/// What waits for keys.
pub(crate) enum Parked {
    /// An ask of another shard, or of a connection of this one.
    Ask(u16, Ask),
    /// A step of a transaction that another shard coordinates, or this one.
    Step(u16, Box<Step>),
}

impl Step {
    /// Its work, in operations.
    pub fn weight(&self) -> usize {
        self.operations.len().max(1)
    }

    /// Forgets everything, to be used again.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.operations.clear();
        self.replies.clear();
        (self.access, self.stages, self.staging) = (Access::Free, false, Staging::Keep);
        (self.leaves, self.holder, self.more) = (false, None, false);
    }

    /// The hashes of the keys that it waits for; perhaps not each once.
    fn wanted(&self) -> impl Iterator<Item = u64> {
        self.operations.hashes().chain(self.keys.iter().copied())
    }
}

impl Shard {
    /// Does a step of a transaction, or lets it wait for its keys.
    pub(crate) fn take_step(&mut self, origin: u16, mut step: Box<Step>) {
        let holder = match step.access {
            Access::Enter if self.may_run_at_once(&step) => {
                step.stages = false;
                return self.run_step(origin, step);
            }
            Access::Enter => self.intents.enter(step.wanted()),
            Access::EnterAll => self.intents.enter_all(),
            Access::Inside(holder) => {
                step.holder = Some(holder);
                return self.run_step(origin, step);
            }
            Access::Free => return self.run_step(origin, step),
        };
        self.intents.wait(holder, Parked::Step(origin, step));
        self.run_ready();
    }

    /// Whether a step that leaves at its end need not hold its keys: nobody else does, and its writes find room for sure.
    fn may_run_at_once(&self, step: &Step) -> bool {
        step.leaves
            && (self.intents.is_idle() || !step.wanted().any(|hash| self.intents.blocks(hash)))
            && !self.settings.limits.evicts()
            && (!step.stages
                || (step.operations.are_plain_writes()
                    && self.engine.store.has_room_for(step.operations.len())))
            && !step.operations.with_chains().any(|(operation, chain)| is_long(operation, Some(chain)))
    }

    /// Does what holds its keys now, as far as this turn allows.
    pub(crate) fn run_ready(&mut self) {
        while self.transaction_work_left > 0
            && let Some((holder, parked)) = self.intents.next_ready()
        {
            match parked {
                Parked::Step(origin, mut step) => {
                    step.holder = Some(holder);
                    self.run_step(origin, step);
                }
                Parked::Ask(origin, ask) => {
                    self.spend(1);
                    self.run_ask(origin, holder, ask);
                }
            }
        }
    }

    /// Executes a step that holds its keys.
    fn run_step(&mut self, origin: u16, mut step: Box<Step>) {
        self.spend(step.weight());
        step.operations.hashes().for_each(|hash| self.engine.store.prefetch_item(hash));
        if let Some(holder) = step.holder
            && self.promise(holder, &mut step)
        {
            return self.end_step(origin, step);
        }
        self.work(origin, step);
    }

    /// Executes the operations of a step, up to one that takes several turns.
    fn work(&mut self, origin: u16, mut step: Box<Step>) {
        let (now_ms, evicts) = (self.now.unix_ms, self.settings.limits.evicts());
        let Step { operations, replies, holder, stages, .. } = &mut *step;
        while let Some(Request { operation, key, value }) = operations.next_request() {
            let value = match long_splice(operation, value) {
                Err(value) => value,
                Ok(splice) => {
                    let (key_bytes, hash) = (key.bytes().to_vec(), key.hash());
                    let key = Key::hashed(key.bucket(), &key_bytes, hash);
                    return self.begin_splice(&key, splice, Then::Work(origin, step));
                }
            };
            let request = Request { operation, key, value };
            match *holder {
                Some(holder) if *stages => {
                    let reply = match self.engine.stage(request, now_ms) {
                        Ok(Some(staged)) => {
                            self.note_staged(holder, staged);
                            Reply::Done
                        }
                        Ok(None) => Reply::Nil,
                        Err(status) => Reply::Failed(status),
                    };
                    replies.push(reply.into());
                }
                _ => replies.push(self.engine.execute(request, now_ms)),
            }
            if evicts && let Some(holder) = *holder {
                self.pin_key(holder, &key);
            }
        }
        self.end_step(origin, step);
    }

    /// Goes on after an operation that took several turns.
    pub(crate) fn go_on_with(&mut self, origin: u16, mut step: Box<Step>, reply: Reply) {
        step.replies.push(reply.into());
        self.work(origin, step);
    }

    /// Decides about what was staged, leaves if that is wanted, and answers.
    fn end_step(&mut self, origin: u16, mut step: Box<Step>) {
        let staging = match step.staging {
            Staging::Decide if step.replies.all_done() => Staging::Commit,
            Staging::Decide => Staging::Discard,
            decided => decided,
        };
        step.more = step.holder.is_some_and(|holder| self.settle(holder, staging));
        if step.leaves
            && !step.more
            && let Some(holder) = step.holder.take()
        {
            self.unpin_keys(holder);
            self.intents.leave(holder);
        }
        let slot = TRANSACTION_SLOT | step.transaction;
        self.answer(origin, slot, Reply::Step(step));
    }

    /// Answers an ask or a step, of another shard or of this one.
    pub(crate) fn answer(&mut self, origin: u16, slot: u32, result: Reply) {
        if origin != self.index {
            return self.mesh.answer(origin, Answer { slot, result });
        }
        self.take_answer(origin, slot, result);
        if slot & TRANSACTION_SLOT == 0 {
            // Somebody may have waited for this reply.
            self.again.append(&mut self.starved);
        }
    }

    /// Takes an answer to where it is waited for.
    pub(crate) fn take_answer(&mut self, from: u16, slot: u32, result: Reply) {
        match result {
            Reply::Step(step) => self.transactions.note(slot & !TRANSACTION_SLOT, from, step),
            Reply::Part(part) if slot & TRANSACTION_SLOT != 0 => {
                self.transactions.note_part(slot & !TRANSACTION_SLOT, *part);
            }
            result if slot & NATIVE_SLOT != 0 => self.finish_waiting(slot, result),
            result => {
                let id = self.inflight.complete(slot, result);
                self.deliver_owed(id);
            }
        }
    }

    /// Counts work of transactions against the bound of a turn.
    pub(crate) fn spend(&mut self, operations: usize) {
        self.transaction_work_left = self.transaction_work_left.saturating_sub(operations);
    }
}
