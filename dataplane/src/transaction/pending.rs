//! What transactions have in hand on a shard: writes that wait for a verdict, for which all that can fail has been done,
//! and keys that are not to be evicted.

use adit_store::kv::{Key, Reserved, Staged};
use adit_wire::kv::BucketId;

use crate::message::Reply;
use crate::settings::STAGED_PER_STEP;
use crate::shard::Shard;
use crate::transaction::intents::Holder;
use crate::transaction::operations::Operations;
use crate::transaction::step::{Staging, Step};

/// What one holder of keys has in hand.
#[derive(Default)]
pub(crate) struct Pending {
    /// Writes that are executed when the verdict has come, and the memory that is kept back for them.
    promised: Option<Reserved>,
    operations: Operations,
    /// Later writes, which the store holds unseen.
    staged: Vec<Staged>,
    /// Keys that are not to be evicted before it leaves.
    pinned: Vec<PinnedKey>,
}

/// A key that is not to be evicted.
struct PinnedKey {
    bucket: BucketId,
    hash: u64,
    bytes: Box<[u8]>,
}

impl Shard {
    /// Keeps the writes of a step for later, if there is memory for all of them for sure. Whether it did: then none of
    /// them is refused.
    pub(crate) fn promise(&mut self, holder: Holder, step: &mut Step) -> bool {
        let operations = &step.operations;
        if !step.stages
            || step.staging != Staging::Keep
            || operations.is_empty()
            || self.settings.limits.evicts()
            || !(operations.are_plain_writes() && operations.are_short())
        {
            return false;
        }
        let pending = pending_of(&mut self.pending, holder);
        if pending.promised.is_some() || !pending.staged.is_empty() {
            return false;
        }
        let Some(reserved) = self.engine.store.reserve(operations.len()) else { return false };
        pending.promised = Some(reserved);
        std::mem::swap(&mut pending.operations, &mut step.operations);
        true
    }

    /// Notes a write that the store holds unseen.
    pub(crate) fn note_staged(&mut self, holder: Holder, staged: Staged) {
        pending_of(&mut self.pending, holder).staged.push(staged);
    }

    /// Keeps a key from being evicted while a transaction is at work with it.
    pub(crate) fn pin_key(&mut self, holder: Holder, key: &Key<'_>) {
        if self.engine.store.hold(key, self.now.unix_ms) {
            let pinned = PinnedKey { bucket: key.bucket(), hash: key.hash(), bytes: key.bytes().into() };
            pending_of(&mut self.pending, holder).pinned.push(pinned);
        }
    }

    /// The keys may be evicted again.
    pub(crate) fn unpin_keys(&mut self, holder: Holder) {
        let Some(pending) = self.pending.get_mut(holder.0 as usize) else { return };
        for PinnedKey { bucket, hash, bytes } in pending.pinned.drain(..) {
            self.engine.store.release(&Key::hashed(bucket, &bytes, hash), self.now.unix_ms);
        }
    }

    /// Does or drops some of what a transaction has pending here; whether any is left.
    pub(crate) fn settle(&mut self, holder: Holder, staging: Staging) -> bool {
        if matches!(staging, Staging::Keep | Staging::Decide) {
            return false;
        }
        let (commits, now_ms) = (staging == Staging::Commit, self.now.unix_ms);
        let Some(pending) = self.pending.get_mut(holder.0 as usize) else { return false };
        let store = &mut self.engine.store;
        let mut done = 0;
        if let Some(reserved) = pending.promised.take() {
            if commits {
                pending.operations.hashes().for_each(|hash| store.prefetch_bucket(hash));
                pending.operations.hashes().for_each(|hash| store.prefetch_item(hash));
                store.spend(reserved);
                while let Some(request) = pending.operations.next_request() {
                    let reply = self.engine.execute(request, now_ms).into_reply();
                    assert!(matches!(reply, Reply::Done), "a promised write found no memory");
                }
                self.engine.store.spent();
                done += pending.operations.len();
            } else {
                store.give_back(reserved);
            }
            pending.operations.clear();
        }
        let some = pending.staged.len().min(STAGED_PER_STEP);
        for staged in pending.staged.drain(..some) {
            if commits {
                self.engine.store.commit(staged, now_ms);
            } else {
                self.engine.store.discard(staged);
            }
        }
        let more = !pending.staged.is_empty();
        self.spend(done);
        more
    }
}

fn pending_of(pending: &mut Vec<Pending>, holder: Holder) -> &mut Pending {
    let index = holder.0 as usize;
    if pending.len() <= index {
        pending.resize_with(index + 1, Pending::default);
    }
    &mut pending[index]
}
