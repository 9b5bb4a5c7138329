//! Values in many blocks that are written into other values: `APPEND` and `SETRANGE` of megabytes, a portion a turn.
//! Their keys are held until they are done.

use std::collections::VecDeque;

use adit_store::kv::{Chain, Key, NewValue, SPLICE_BYTES_MAX, Splice, Spliced};
use adit_wire::kv::{BucketId, Operation};

use crate::engine;
use crate::message::{Ask, Reply};
use crate::shard::Shard;
use crate::transaction::intents::Holder;
use crate::transaction::step::Step;

/// The splices of a shard that are under way.
pub(crate) type Splicings = VecDeque<Splicing>;

/// A splice that is under way.
pub(crate) struct Splicing {
    bucket: BucketId,
    hash: u64,
    key: Box<[u8]>,
    splice: Splice,
    then: Then,
}

/// What follows a splice.
pub(crate) enum Then {
    /// An ask of a shard is answered, and its key given back.
    Answer {
        /// Whose ask it is.
        origin: u16,
        /// The slot to answer to.
        slot: u32,
        /// Who holds the key.
        holder: Holder,
    },
    /// The rest of a step of this shard's transactions, or of another one's.
    Work(u16, Box<Step>),
}

impl Shard {
    /// Does an ask that holds its key; a long splice is only begun.
    pub(crate) fn run_ask(&mut self, origin: u16, holder: Holder, mut ask: Ask) {
        let (slot, request) = ask.request();
        match long_splice(request.operation, request.value) {
            Ok(splice) => {
                let then = Then::Answer { origin, slot, holder };
                self.begin_splice(&request.key, splice, then);
            }
            Err(value) => {
                let request = engine::Request { value, ..request };
                let reply = self.engine.execute(request, self.now.unix_ms).into_reply();
                self.intents.leave(holder);
                self.answer(origin, slot, reply);
            }
        }
    }

    /// Begins a splice, whose portions follow turn by turn.
    pub(crate) fn begin_splice(&mut self, key: &Key<'_>, splice: Splice, then: Then) {
        let (bucket, hash, key) = (key.bucket(), key.hash(), key.bytes().into());
        self.splicings.push_back(Splicing { bucket, hash, key, splice, then });
    }

    /// Does a portion of the splice whose turn it is.
    pub(crate) fn run_splices(&mut self) {
        let Some(Splicing { bucket, hash, key, splice, then }) = self.splicings.pop_front() else { return };
        self.turn_bytes += splice.len_bytes().min(SPLICE_BYTES_MAX as u64);
        let spliced = self.engine.splice(&Key::hashed(bucket, &key, hash), splice, self.now.unix_ms);
        let reply = match spliced {
            Ok(Spliced::More(splice)) => {
                return self.splicings.push_back(Splicing { bucket, hash, key, splice, then });
            }
            Ok(Spliced::Done(len)) => Reply::Integer(i64::try_from(len).unwrap_or(i64::MAX)),
            Err(status) => Reply::Failed(status),
        };
        match then {
            Then::Answer { origin, slot, holder } => {
                self.intents.leave(holder);
                self.answer(origin, slot, reply);
            }
            Then::Work(origin, step) => self.go_on_with(origin, step, reply),
        }
    }
}

/// Whether an operation with a value in these blocks is done a portion at a time.
#[inline]
pub(crate) fn is_long(operation: Operation, chain: Option<&Chain>) -> bool {
    matches!(operation, Operation::Append | Operation::SetRange { .. })
        && chain.is_some_and(|chain| chain.len_bytes() > SPLICE_BYTES_MAX as u64)
}

/// The splice of an operation that is done a portion at a time; else its value back.
pub(crate) fn long_splice(operation: Operation, value: NewValue<'_>) -> Result<Splice, NewValue<'_>> {
    match (operation, value) {
        (Operation::Append, NewValue::Chain(chain)) if is_long(operation, Some(&chain)) => {
            Ok(Splice::append(chain))
        }
        (Operation::SetRange { offset }, NewValue::Chain(chain)) if is_long(operation, Some(&chain)) => {
            Ok(Splice::set_range(offset, chain))
        }
        (_, value) => Err(value),
    }
}
