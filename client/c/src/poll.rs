//! Completions of what was submitted.

use std::time::Duration;

use ::adit_client::error::State;
use ::adit_client::{Answer, Completion, Error, KeyAction, Operation, Value};

use crate::config::adit_client;
use crate::entry::{Entry, with};
use crate::errors::{Code, adit_error};
use crate::memory::{Out, OutList, Room};
use crate::pending::Submitted;
use crate::values::{adit_value, adit_values};

/// Which operation a completion is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum adit_opcode {
    /// Of `adit_submit_get`.
    ADIT_OP_GET = 0x10,
    /// Of `adit_submit_put`.
    ADIT_OP_PUT = 0x11,
    /// Of `adit_submit_delete`.
    ADIT_OP_DELETE = 0x12,
    /// Of `adit_submit_take`.
    ADIT_OP_TAKE = 0x13,
    /// Of `adit_submit_add`.
    ADIT_OP_ADD = 0x14,
    /// Of `adit_submit_append`.
    ADIT_OP_APPEND = 0x15,
    /// Of `adit_submit_touch`.
    ADIT_OP_TOUCH = 0x16,
    /// Of `adit_submit_multi_get`.
    ADIT_OP_MULTI_GET = 0x17,
    /// Of `adit_submit_multi_put`.
    ADIT_OP_MULTI_PUT = 0x18,
}

/// The end of an operation that was submitted.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct adit_completion {
    /// What it was submitted with.
    pub tag: u64,
    /// A code, `ADIT_OK` or another.
    pub error: i32,
    /// Which operation it was: one of `enum adit_opcode`.
    pub opcode: u32,
    /// Of put the version, of add the sum (cast it to `int64_t`), of append the length; else 0.
    pub number: u64,
    /// Of get and take. Free it with `adit_value_free`, which is harmless if the bytes are in the caller's buffer, or if there are
    /// none. In `ADIT_E_BUFFER_TOO_SMALL` its `len` is what is needed.
    pub value: adit_value,
    /// Of multi-get. Free them with `adit_values_free`.
    pub values: adit_values,
}

/// Sends what was submitted, and waits until something is complete: up to `timeout_ms`, not at all with 0, until something is
/// with -1. Writes up to `capacity` completions, and to `*count` how many. With -1 and nothing submitted it returns at
/// once with 0. An operation completes within its deadline, whatever happens.
///
/// Errors: those of arguments. A failed operation is not one of this call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_poll(
    client: adit_client,
    completions: *mut adit_completion,
    capacity: usize,
    timeout_ms: i32,
    count: *mut usize,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a length there.
        let count = unsafe { Out::new(count) }?;
        count.set(0);
        // SAFETY: the caller of C has room for so many completions there.
        let mut out = unsafe { OutList::new(completions, capacity) }?;
        let timeout = timeout_of(timeout_ms)?;
        if entry.ready.is_empty() && (timeout_ms >= 0 || entry.pending.count() > 0) {
            entry.turn(timeout);
        }
        while !out.is_full() {
            let Some((submitted, completion)) = entry.ready.pop_front() else { break };
            out.push(adit_completion::of(submitted, completion));
        }
        count.set(out.count());
        Ok(())
    })
}

impl Entry {
    /// Polls the client, and finds what its completions belong to.
    fn turn(&mut self, timeout: Duration) {
        self.client.poll(timeout, &mut self.completions);
        for completion in self.completions.drain(..) {
            // What blocks takes its own completions: the rest was submitted.
            let submitted =
                self.pending.remove(completion.ticket).expect("a completion of what was submitted");
            self.ready.push_back((submitted, completion));
        }
    }
}

impl adit_completion {
    #[inline]
    fn of(submitted: Submitted, completion: Completion) -> Self {
        let Submitted { tag, opcode, room } = submitted;
        let mut ended = Self {
            tag,
            error: 0,
            opcode: opcode as u32,
            number: 0,
            value: adit_value::EMPTY,
            values: adit_values::EMPTY,
        };
        ended.error = match completion.result {
            Ok(answer) => Code::of(ended.take(answer, room)),
            Err(error) => {
                if let Error::State(State::ConditionFailed { version }) = error {
                    ended.number = version;
                }
                error.code()
            }
        };
        ended
    }

    fn take(&mut self, answer: Answer, room: Option<Room>) -> Result<(), Code> {
        match answer {
            Answer::Value(value) => match room {
                Some(room) => return self.fill(&value, &room),
                None => self.value = adit_value::give(value),
            },
            Answer::Version(number) | Answer::Length(number) => self.number = number,
            Answer::Sum(sum) => self.number = sum.cast_unsigned(),
            Answer::Values(values) => self.values = adit_values::give(values)?,
            Answer::Done => {}
            Answer::Keys { .. } | Answer::Stats(_) => unreachable!("these are not submitted"),
        }
        Ok(())
    }

    /// Copies a value to the caller's buffer.
    fn fill(&mut self, value: &Value, room: &Room) -> Result<(), Code> {
        let (version, expiry_ms) = (value.version, value.expiry_ms.unwrap_or(0));
        self.value = adit_value { len: value.bytes().len(), version, expiry_ms, ..adit_value::EMPTY };
        if !room.fill(value.bytes()) {
            return Err(adit_error::ADIT_E_BUFFER_TOO_SMALL.into());
        }
        self.value.data = room.data();
        Ok(())
    }
}

impl adit_opcode {
    pub(crate) fn of(operation: &Operation) -> Self {
        match operation {
            Operation::Key { action, .. } => match action {
                KeyAction::Get => Self::ADIT_OP_GET,
                KeyAction::Put { .. } => Self::ADIT_OP_PUT,
                KeyAction::Delete => Self::ADIT_OP_DELETE,
                KeyAction::Take => Self::ADIT_OP_TAKE,
                KeyAction::Add(_) => Self::ADIT_OP_ADD,
                KeyAction::Append(_) => Self::ADIT_OP_APPEND,
                KeyAction::Touch(_) => Self::ADIT_OP_TOUCH,
            },
            Operation::MultiGet { .. } => Self::ADIT_OP_MULTI_GET,
            Operation::MultiPut { .. } => Self::ADIT_OP_MULTI_PUT,
            Operation::Scan { .. } | Operation::Stats { .. } => unreachable!("these are not submitted"),
        }
    }
}

fn timeout_of(timeout_ms: i32) -> Result<Duration, Code> {
    match u64::try_from(timeout_ms) {
        Ok(timeout_ms) => Ok(Duration::from_millis(timeout_ms)),
        Err(_) if timeout_ms == -1 => Ok(Duration::MAX),
        Err(_) => Err(adit_error::ADIT_E_ARGUMENT.into()),
    }
}
