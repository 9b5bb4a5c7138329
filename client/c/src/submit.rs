//! Operations that are submitted, and polled for together: each has a tag of the caller, which its completion repeats.

use std::ffi::c_void;

use ::adit_client::{BucketId, Bytes, KeyAction, Operation, Payload, PutOptions};

use crate::config::adit_client;
use crate::entry::{Entry, with};
use crate::errors::{Code, adit_error};
use crate::keys::{adit_put_options, key_of, options_of, value_of};
use crate::lists::{adit_pair, adit_slice, keys_of, pairs_of};
use crate::memory::{Lent, Room};
use crate::pending::Submitted;
use crate::poll::adit_opcode;

/// A value that is submitted is copied up to this length.
pub const ADIT_COPIED_BYTES_MAX: usize = 4_096;

/// Submits reading a value: into `buffer`, which is the library's from now until the completion, or into memory of the library
/// if `buffer` is NULL; then the value of the completion is freed with `adit_value_free`.
///
/// Errors of submitting, here and below: `ADIT_E_FULL`, or what is wrong with an argument; then there will be no
/// completion. What else can go wrong is in the completion.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_submit_get(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    buffer: *mut c_void,
    capacity: usize,
    tag: u64,
) -> i32 {
    with(client, |entry| {
        let room = if buffer.is_null() {
            None
        } else {
            // SAFETY: the caller of C has a buffer of this capacity there, and leaves it alone until the completion.
            Some(unsafe { Room::new(buffer, capacity) }?)
        };
        // SAFETY: the caller of C has a key of this length there.
        let key = unsafe { key_of(key, key_len) }?;
        let operation =
            Operation::Key { bucket: BucketId(bucket), key: key.to_vec(), action: KeyAction::Get };
        entry.submit(operation, Submitted { tag, opcode: adit_opcode::ADIT_OP_GET, room })
    })
}

/// Submits reading a value and removing its key. The value of the completion is freed with `adit_value_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_submit_take(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    tag: u64,
) -> i32 {
    // SAFETY: as the caller of C promises.
    unsafe { on_key(client, bucket, (key, key_len), KeyAction::Take, tag) }
}

/// Submits writing a value. A value of up to `ADIT_COPIED_BYTES_MAX` bytes is copied; a longer one is sent from where it lies,
/// which must not change until the completion, or `adit_close`. `options` may be NULL. The number of the completion is the version, in `ADIT_E_CONDITION_FAILED`
/// the one that is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_submit_put(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    value: *const c_void,
    value_len: usize,
    options: *const adit_put_options,
    tag: u64,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has a key of this length there.
        let key = unsafe { key_of(key, key_len) }?;
        // SAFETY: the caller of C has a value of this length there, and leaves it alone until the completion.
        let value = unsafe { payload_of(value, value_len) }?;
        // SAFETY: the caller of C has options there, as long as they say, or NULL.
        let PutOptions { condition, expiry } = unsafe { options_of(options) }?;
        let action = KeyAction::Put { condition, expiry, value };
        entry.submit_and_own(Operation::on_key(BucketId(bucket), key, action), tag)
    })
}

/// Submits removing a key. The completion has `ADIT_NOT_FOUND` if it does not exist.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_submit_delete(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    tag: u64,
) -> i32 {
    // SAFETY: as the caller of C promises.
    unsafe { on_key(client, bucket, (key, key_len), KeyAction::Delete, tag) }
}

/// Submits that a key expires after so many milliseconds, never with 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_submit_touch(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    ttl_ms: u64,
    tag: u64,
) -> i32 {
    // SAFETY: as the caller of C promises.
    unsafe { on_key(client, bucket, (key, key_len), KeyAction::Touch(ttl_ms), tag) }
}

/// Submits adding to a number. The number of the completion is the sum: cast it to `int64_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_submit_add(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    number: i64,
    tag: u64,
) -> i32 {
    // SAFETY: as the caller of C promises.
    unsafe { on_key(client, bucket, (key, key_len), KeyAction::Add(number), tag) }
}

/// Submits adding bytes at the end of a value, which are copied or not as those of `adit_submit_put`. The number of the completion is the new length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_submit_append(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    tail: *const c_void,
    tail_len: usize,
    tag: u64,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has a key of this length there.
        let key = unsafe { key_of(key, key_len) }?;
        // SAFETY: the caller of C has a value of this length there, and leaves it alone until the completion.
        let action = KeyAction::Append(unsafe { payload_of(tail, tail_len) }?);
        entry.submit_and_own(Operation::on_key(BucketId(bucket), key, action), tag)
    })
}

/// Submits reading values at one moment. Those of the completion are freed with `adit_values_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_submit_multi_get(
    client: adit_client,
    bucket: u32,
    keys: *const adit_slice,
    count: usize,
    tag: u64,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has so many slices there, each of which is a key.
        let keys = unsafe { keys_of(keys, count) }?;
        entry.submit_and_own(Operation::MultiGet { bucket: BucketId(bucket), keys }, tag)
    })
}

/// Submits writing values at one moment, nothing if `if_absent` is not 0 and any of the keys exists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_submit_multi_put(
    client: adit_client,
    bucket: u32,
    pairs: *const adit_pair,
    count: usize,
    if_absent: i32,
    tag: u64,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has so many pairs there, each of which is a key and a value.
        let pairs = unsafe { pairs_of(pairs, count) }?;
        let operation = Operation::MultiPut { bucket: BucketId(bucket), pairs, if_absent: if_absent != 0 };
        entry.submit_and_own(operation, tag)
    })
}

/// Submits something with a key that needs no more memory of the caller.
///
/// # Safety
/// If the key is not null, its length can be read, and nobody changes it meanwhile.
unsafe fn on_key(
    client: adit_client,
    bucket: u32,
    key: (*const c_void, usize),
    action: KeyAction,
    tag: u64,
) -> i32 {
    with(client, |entry| {
        // SAFETY: as the caller promises.
        let key = unsafe { key_of(key.0, key.1) }?;
        entry.submit_and_own(Operation::on_key(BucketId(bucket), key, action), tag)
    })
}

/// A value of the caller, to be sent.
///
/// # Safety
/// If `data` is not null, `len` bytes behind it can be read, and nobody changes them until the payload is dropped.
pub(crate) unsafe fn payload_of(data: *const c_void, len: usize) -> Result<Payload, Code> {
    // SAFETY: as the caller promises.
    let value = unsafe { value_of(data, len) }?;
    if len <= ADIT_COPIED_BYTES_MAX {
        return Ok(value.into());
    }
    // SAFETY: as the caller promises.
    Ok(Bytes::from_owner(unsafe { Lent::new(value) }).into())
}

impl Entry {
    #[inline(always)]
    fn submit(&mut self, operation: Operation, submitted: Submitted) -> Result<(), Code> {
        if self.pending.count() >= self.window {
            return Err(adit_error::ADIT_E_FULL.into());
        }
        let ticket = self.client.submit(operation).map_err(|refused| refused.error)?;
        self.pending.insert(ticket, submitted);
        Ok(())
    }

    /// Submits what needs no buffer of the caller for its answer.
    fn submit_and_own(&mut self, operation: Operation, tag: u64) -> Result<(), Code> {
        let opcode = adit_opcode::of(&operation);
        self.submit(operation, Submitted { tag, opcode, room: None })
    }
}
