//! Completions of what was submitted.

use std::mem::replace;
use std::ptr::{null, null_mut};
use std::time::Duration;

use ::adit_client::error::State;
use ::adit_client::{Answer, Error, KeyAction, Operation, Value};

use crate::config::adit_client;
use crate::entry::with;
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
        if entry.completions.is_empty() && (timeout_ms >= 0 || entry.pending.count() > 0) {
            entry.client.poll(timeout, &mut entry.completions);
        }
        let fitting = entry.completions.len().min(out.room());
        for completion in &mut entry.completions[..fitting] {
            // What blocks takes its own completions: the rest was submitted.
            let submitted =
                entry.pending.remove(completion.ticket).expect("a completion of what was submitted");
            adit_completion::write(&out.next(), submitted, &mut completion.result);
        }
        entry.completions.drain(..fitting);
        count.set(fitting);
        Ok(())
    })
}

impl adit_completion {
    /// What is in the result is taken, but for a value that is copied to a buffer of the caller. Each branch writes to the place
    /// itself: a structure that is made and then copied is read before its fields have arrived in the cache.
    #[inline]
    fn write(place: &Out<Self>, submitted: Submitted, result: &mut Result<Answer, Error>) {
        let (tag, opcode) = (submitted.tag, submitted.opcode as u32);
        if let (Ok(Answer::Value(value)), Some(room)) = (&*result, &submitted.room) {
            let (error, value) = fill(value, room);
            place.set(Self { tag, error, opcode, number: 0, value, values: adit_values::EMPTY });
        } else {
            place.set(Self::of_others(tag, opcode, replace(result, Ok(Answer::Done))));
        }
    }

    #[inline(never)]
    fn of_others(tag: u64, opcode: u32, result: Result<Answer, Error>) -> Self {
        let (value, values) = (adit_value::EMPTY, adit_values::EMPTY);
        let mut ended = Self { tag, error: 0, opcode, number: 0, value, values };
        match result {
            Ok(Answer::Value(value)) => ended.value = adit_value::give(value),
            Ok(Answer::Version(number) | Answer::Length(number)) => ended.number = number,
            Ok(Answer::Sum(sum)) => ended.number = sum.cast_unsigned(),
            Ok(Answer::Values(values)) => match adit_values::give(values) {
                Ok(values) => ended.values = values,
                Err(code) => ended.error = code.0,
            },
            Ok(Answer::Done) => {}
            Ok(Answer::Keys { .. } | Answer::Stats(_)) => unreachable!("these are not submitted"),
            Err(error) => {
                ended.error = error.code();
                if let Error::State(State::ConditionFailed { version }) = error {
                    ended.number = version;
                }
            }
        }
        ended
    }
}

/// Copies a value to a buffer of the caller. Gives what is told of it.
#[inline]
fn fill(value: &Value, room: &Room) -> (i32, adit_value) {
    let bytes = value.bytes();
    let is_filled = room.fill(bytes);
    let error = if is_filled { adit_error::ADIT_OK } else { adit_error::ADIT_E_BUFFER_TOO_SMALL };
    let filled = adit_value {
        data: if is_filled { room.data() } else { null() },
        len: bytes.len(),
        version: value.version,
        expiry_ms: value.expiry_ms.unwrap_or(0),
        owner: null_mut(),
    };
    (error as i32, filled)
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
