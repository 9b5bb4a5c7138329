//! Calls on one key that block until they are answered.

use std::ffi::c_void;

use ::adit_client::error::State;
use ::adit_client::{BucketId, Condition, Error, NewExpiry, PutOptions, Value};
use adit_wire::kv::{KEY_BYTES_MAX, VALUE_BYTES_MAX};

use crate::config::adit_client;
use crate::entry::with;
use crate::errors::{Code, adit_error};
use crate::memory::{Out, Room, bytes, sized};
use crate::submit::payload_of;
use crate::values::{adit_meta, adit_value};

/// The value is written, whatever was there.
pub const ADIT_ALWAYS: u32 = 0;
/// The value is written if the key does not exist.
pub const ADIT_IF_ABSENT: u32 = 1;
/// The value is written if the key exists.
pub const ADIT_IF_PRESENT: u32 = 2;
/// The value is written if the key has the version given: compare-and-swap.
pub const ADIT_IF_VERSION: u32 = 3;

/// The value never expires.
pub const ADIT_NEVER: u32 = 0;
/// The value expires when the one before it would have.
pub const ADIT_KEEP: u32 = 1;
/// The value expires after the milliseconds given.
pub const ADIT_AFTER_MS: u32 = 2;

/// When a value is written, and when it expires. All zero, but for `size`, is always and never.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct adit_put_options {
    /// `sizeof(struct adit_put_options)`: later versions have more behind the last field.
    pub size: usize,
    /// `ADIT_ALWAYS`, `ADIT_IF_ABSENT`, `ADIT_IF_PRESENT` or `ADIT_IF_VERSION`.
    pub condition: u32,
    /// `ADIT_NEVER`, `ADIT_KEEP` or `ADIT_AFTER_MS`.
    pub expiry: u32,
    /// Of `ADIT_IF_VERSION`.
    pub version: u64,
    /// Of `ADIT_AFTER_MS`: in milliseconds, 1 at least.
    pub ttl_ms: u64,
}

/// Reads the value of a key into a buffer of `capacity` bytes. `*len` is its length, also in `ADIT_E_BUFFER_TOO_SMALL`, where
/// nothing is written to the buffer; 0 in other errors. `meta` may be NULL.
///
/// Errors: `ADIT_NOT_FOUND`, `ADIT_E_BUFFER_TOO_SMALL`, and those of all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_get(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    buffer: *mut c_void,
    capacity: usize,
    len: *mut usize,
    meta: *mut adit_meta,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for the length there.
        let len = unsafe { Out::new(len) }?;
        len.set(0);
        // SAFETY: the caller of C has room for the meta data there, or NULL.
        let meta = unsafe { Out::optional(meta) }?;
        // SAFETY: the caller of C has a buffer of this capacity there, for the length of the call.
        let room = unsafe { Room::new(buffer, capacity) }?;
        // SAFETY: the caller of C has a key of this length there.
        let key = unsafe { key_of(key, key_len) }?;
        let value = found(entry.client.get(BucketId(bucket), key)?)?;
        len.set(value.bytes().len());
        if let Some(meta) = meta {
            meta.set(adit_meta::of(&value));
        }
        if room.fill(value.bytes()) { Ok(()) } else { Err(adit_error::ADIT_E_BUFFER_TOO_SMALL.into()) }
    })
}

/// Reads the value of a key into memory of the library: free it with `adit_value_free`.
///
/// Errors: `ADIT_NOT_FOUND`, and those of all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_get_value(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    value: *mut adit_value,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a value there.
        let out = unsafe { Out::new(value) }?;
        out.set(adit_value::EMPTY);
        // SAFETY: the caller of C has a key of this length there.
        let key = unsafe { key_of(key, key_len) }?;
        out.set(adit_value::give(found(entry.client.get(BucketId(bucket), key)?)?));
        Ok(())
    })
}

/// Reads the value of a key and removes the key. Free the value with `adit_value_free`.
///
/// Errors: `ADIT_NOT_FOUND`, and those of all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_take(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    value: *mut adit_value,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a value there.
        let out = unsafe { Out::new(value) }?;
        out.set(adit_value::EMPTY);
        // SAFETY: the caller of C has a key of this length there.
        let key = unsafe { key_of(key, key_len) }?;
        out.set(adit_value::give(found(entry.client.take(BucketId(bucket), key)?)?));
        Ok(())
    })
}

/// Writes the value of a key. `options` may be NULL: always, and it never expires. `version` may be NULL; it is the version
/// that was written, in `ADIT_E_CONDITION_FAILED` the one that is there (0 for none), in other errors 0.
///
/// Errors: `ADIT_E_CONDITION_FAILED`, `ADIT_E_OUT_OF_MEMORY`, and those of all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_put(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    value: *const c_void,
    value_len: usize,
    options: *const adit_put_options,
    version: *mut u64,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a number there, or NULL.
        let version = Number::new(unsafe { Out::optional(version) }?);
        // SAFETY: the caller of C has a key of this length there.
        let key = unsafe { key_of(key, key_len) }?;
        // SAFETY: the caller of C has a value of this length there. A call that returns has dropped what it sent.
        let value = unsafe { payload_of(value, value_len) }?;
        // SAFETY: the caller of C has options there, as long as they say, or NULL.
        let options = unsafe { options_of(options) }?;
        let written = entry.client.put(BucketId(bucket), key, value, options);
        if let Err(Error::State(State::ConditionFailed { version: there })) = written {
            version.set(there);
        }
        version.set(written?);
        Ok(())
    })
}

/// Removes a key.
///
/// Errors: `ADIT_NOT_FOUND`, and those of all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_delete(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has a key of this length there.
        let key = unsafe { key_of(key, key_len) }?;
        is_found(entry.client.delete(BucketId(bucket), key)?)
    })
}

/// Lets a key expire after so many milliseconds, never with 0.
///
/// Errors: `ADIT_NOT_FOUND`, and those of all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_touch(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    ttl_ms: u64,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has a key of this length there.
        let key = unsafe { key_of(key, key_len) }?;
        is_found(entry.client.touch(BucketId(bucket), key, ttl_ms)?)
    })
}

/// Adds to the decimal number that a value is, 0 without the key. `sum` may be NULL.
///
/// Errors: `ADIT_E_NOT_AN_INTEGER`, `ADIT_E_OVERFLOW`, and those of all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_add(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    number: i64,
    sum: *mut i64,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a number there, or NULL.
        let sum = Number::new(unsafe { Out::optional(sum) }?);
        // SAFETY: the caller of C has a key of this length there.
        let key = unsafe { key_of(key, key_len) }?;
        sum.set(entry.client.add(BucketId(bucket), key, number)?);
        Ok(())
    })
}

/// Adds bytes at the end of a value; without the key they are the value. `len` may be NULL; it is the new length.
///
/// Errors: `ADIT_E_VALUE_TOO_LONG`, `ADIT_E_OUT_OF_MEMORY`, and those of all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_append(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    tail: *const c_void,
    tail_len: usize,
    len: *mut u64,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a number there, or NULL.
        let len = Number::new(unsafe { Out::optional(len) }?);
        // SAFETY: the caller of C has a key of this length there.
        let key = unsafe { key_of(key, key_len) }?;
        // SAFETY: the caller of C has a value of this length there. A call that returns has dropped what it sent.
        let tail = unsafe { payload_of(tail, tail_len) }?;
        len.set(entry.client.append(BucketId(bucket), key, tail)?);
        Ok(())
    })
}

/// A number that the caller may want, 0 until it is known.
pub(crate) struct Number<T>(Option<Out<T>>);

impl<T: Default> Number<T> {
    pub(crate) fn new(out: Option<Out<T>>) -> Self {
        let number = Self(out);
        number.set(T::default());
        number
    }

    pub(crate) fn set(&self, number: T) {
        if let Some(out) = &self.0 {
            out.set(number);
        }
    }
}

/// A key of the caller.
///
/// # Safety
/// If `data` is not null, `len` bytes behind it can be read, and nobody changes them as long as the slice lives.
#[inline]
pub(crate) unsafe fn key_of<'a>(data: *const c_void, len: usize) -> Result<&'a [u8], Code> {
    // SAFETY: as the caller promises.
    unsafe { bytes(data, len, KEY_BYTES_MAX, adit_error::ADIT_E_KEY_TOO_LONG) }
}

/// A value of the caller.
///
/// # Safety
/// As [`key_of`].
#[inline]
pub(crate) unsafe fn value_of<'a>(data: *const c_void, len: usize) -> Result<&'a [u8], Code> {
    #[expect(clippy::cast_possible_truncation, reason = "512 MiB")]
    let len_max = VALUE_BYTES_MAX as usize;
    // SAFETY: as the caller promises.
    unsafe { bytes(data, len, len_max, adit_error::ADIT_E_VALUE_TOO_LONG) }
}

/// Options of the caller.
///
/// # Safety
/// If `options` is neither null nor unaligned, there are as many bytes as its size says, which nobody changes meanwhile.
#[inline]
pub(crate) unsafe fn options_of(options: *const adit_put_options) -> Result<PutOptions, Code> {
    // SAFETY: as the caller promises.
    let Some(options) = (unsafe { sized(options) })? else { return Ok(PutOptions::default()) };
    let condition = match options.condition {
        ADIT_ALWAYS => Condition::Always,
        ADIT_IF_ABSENT => Condition::IfAbsent,
        ADIT_IF_PRESENT => Condition::IfPresent,
        ADIT_IF_VERSION => Condition::IfVersion(options.version),
        _ => return Err(adit_error::ADIT_E_ARGUMENT.into()),
    };
    let expiry = match options.expiry {
        ADIT_NEVER => NewExpiry::Never,
        ADIT_KEEP => NewExpiry::Keep,
        // On the wire 0 is for ever, which nobody means who asks for an expiry.
        ADIT_AFTER_MS if options.ttl_ms > 0 => NewExpiry::AfterMs(options.ttl_ms),
        _ => return Err(adit_error::ADIT_E_ARGUMENT.into()),
    };
    Ok(PutOptions { condition, expiry })
}

fn found(value: Option<Value>) -> Result<Value, Code> {
    value.ok_or_else(|| adit_error::ADIT_NOT_FOUND.into())
}

fn is_found(is_found: bool) -> Result<(), Code> {
    if is_found { Ok(()) } else { Err(adit_error::ADIT_NOT_FOUND.into()) }
}
