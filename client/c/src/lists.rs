//! Calls on several keys, and on a shard, that block until they are answered.

use std::ffi::c_void;

use ::adit_client::{Answer, BucketId, Keys, Operation, Pairs};
use adit_wire::native::MULTI_BYTES_MAX;

use crate::config::adit_client;
use crate::entry::{Entry, with};
use crate::errors::{Code, adit_error};
use crate::keys::{key_of, value_of};
use crate::memory::{Out, list};
use crate::values::{adit_value, adit_values};

/// Bytes of the caller: a key.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct adit_slice {
    /// The bytes.
    pub data: *const c_void,
    /// How many there are.
    pub len: usize,
}

/// A key of the caller with its value.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct adit_pair {
    /// The key.
    pub key: *const c_void,
    /// Its bytes.
    pub key_len: usize,
    /// The value.
    pub value: *const c_void,
    /// Its bytes.
    pub value_len: usize,
}

/// The values of `count` keys at one moment: one item for each key, in their order, whose `data` is NULL if the key does not
/// exist. Free them with `adit_values_free`.
///
/// Errors: `ADIT_E_NO_KEYS`, `ADIT_E_TOO_LARGE` if the keys are more than 1 MiB together or the values more than 64 MiB, and
/// those of all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_multi_get(
    client: adit_client,
    bucket: u32,
    keys: *const adit_slice,
    count: usize,
    values: *mut adit_values,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for values there.
        let values = unsafe { Out::new(values) }?;
        values.set(adit_values::EMPTY);
        // SAFETY: the caller of C has so many slices there, each of which is a key.
        let keys = unsafe { keys_of(keys, count) }?;
        values.set(adit_values::give(entry.client.multi_get(BucketId(bucket), keys)?)?);
        Ok(())
    })
}

/// Writes `count` values at one moment, which never expire; nothing if `if_absent` is not 0 and any of the keys exists.
///
/// Errors: `ADIT_E_CONDITION_FAILED`, `ADIT_E_NO_KEYS`, `ADIT_E_TOO_LARGE` if all are more than 1 MiB together, and those of all
/// calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_multi_put(
    client: adit_client,
    bucket: u32,
    pairs: *const adit_pair,
    count: usize,
    if_absent: i32,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has so many pairs there, each of which is a key and a value.
        let pairs = unsafe { pairs_of(pairs, count) }?;
        Ok(entry.client.multi_put(BucketId(bucket), pairs, if_absent != 0)?)
    })
}

/// Some of the keys of a shard, about `keys_max` (1 at least), perhaps none. Begin with cursor 0, go on with `*next`, end when
/// that is 0; then go on with the next shard, up to `adit_shard_count`. Keys that exist from the first call to the last are
/// there, some perhaps twice. Free the keys with `adit_values_free`.
///
/// Errors: `ADIT_E_NO_SUCH_SHARD`, and those of all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_scan(
    client: adit_client,
    bucket: u32,
    shard: u16,
    cursor: u64,
    keys_max: u32,
    next: *mut u64,
    keys: *mut adit_values,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for values there.
        let out = unsafe { Out::new(keys) }?;
        out.set(adit_values::EMPTY);
        // SAFETY: the caller of C has room for a number there.
        let next = unsafe { Out::new(next) }?;
        next.set(0);
        if keys_max == 0 {
            return Err(adit_error::ADIT_E_ARGUMENT.into());
        }
        let operation = Operation::Scan { shard, bucket: BucketId(bucket), keys_max, cursor };
        let Answer::Keys { cursor, keys } = entry.client.execute(operation)? else {
            unreachable!("a scan answers keys")
        };
        out.set(adit_values::give(keys)?);
        next.set(cursor);
        Ok(())
    })
}

/// Number of shards of the server. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_shard_count(client: adit_client, count: *mut u16) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a number there.
        let count = unsafe { Out::new(count) }?;
        count.set(shard_count(entry));
        Ok(())
    })
}

/// The counters of a shard: lines of name, space, number, without a zero at the end. Free them with `adit_value_free`.
///
/// Errors: `ADIT_E_NO_SUCH_SHARD`, and those of all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_stats(client: adit_client, shard: u16, text: *mut adit_value) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a value there.
        let text = unsafe { Out::new(text) }?;
        text.set(adit_value::EMPTY);
        text.set(adit_value::give_text(entry.client.stats(shard)?));
        Ok(())
    })
}

fn shard_count(entry: &Entry) -> u16 {
    u16::try_from(entry.client.shard_count()).expect("a map counts its shards in 16 bits")
}

/// Keys of the caller, copied.
///
/// # Safety
/// If `keys` is neither null nor unaligned, there are `count` of them, and each is null or can be read in its length. Nobody
/// changes them meanwhile.
pub(crate) unsafe fn keys_of(keys: *const adit_slice, count: usize) -> Result<Keys, Code> {
    // SAFETY: as the caller promises.
    let slices = unsafe { list(keys, count) }?;
    let (mut keys, mut room) = (Keys::default(), Room(MULTI_BYTES_MAX));
    for slice in slices {
        // SAFETY: as the caller promises.
        let key = unsafe { key_of(slice.data, slice.len) }?;
        room.take(key.len() + KEY_HEAD_BYTES)?;
        keys.push(key);
    }
    Ok(keys)
}

/// Pairs of the caller, copied.
///
/// # Safety
/// As [`keys_of`], for keys and values.
pub(crate) unsafe fn pairs_of(pairs: *const adit_pair, count: usize) -> Result<Pairs, Code> {
    // SAFETY: as the caller promises.
    let list = unsafe { list(pairs, count) }?;
    let (mut pairs, mut room) = (Pairs::default(), Room(MULTI_BYTES_MAX));
    for pair in list {
        // SAFETY: as the caller promises.
        let key = unsafe { key_of(pair.key, pair.key_len) }?;
        // SAFETY: as the caller promises.
        let value = unsafe { value_of(pair.value, pair.value_len) }?;
        room.take(key.len() + value.len() + PAIR_HEAD_BYTES)?;
        pairs.push(key, value);
    }
    Ok(pairs)
}

/// Bytes that a list may still have: it is not copied further than it can be sent.
struct Room(usize);

impl Room {
    fn take(&mut self, len_bytes: usize) -> Result<(), Code> {
        self.0 = self.0.checked_sub(len_bytes).ok_or(adit_error::ADIT_E_TOO_LARGE)?;
        Ok(())
    }
}

/// Bytes before a key of a list, in the request.
const KEY_HEAD_BYTES: usize = 4;
/// Bytes before a key of a list of pairs.
const PAIR_HEAD_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_no_further_than_it_can_be_sent() {
        let key = vec![0_u8; KEY_BYTES];
        let slice = adit_slice { data: key.as_ptr().cast(), len: key.len() };
        let mut slices = vec![slice; 16];
        // SAFETY: each slice is the key, but for the last, which is behind the limit.
        let keys = |slices: &[adit_slice]| unsafe { keys_of(slices.as_ptr(), slices.len()) }.map(drop);
        assert_eq!(keys(&slices), Ok(()));
        slices.push(slice);
        assert_eq!(keys(&slices), Err(adit_error::ADIT_E_TOO_LARGE.into()));
        let null = adit_slice { data: std::ptr::null(), len: 1 };
        assert_eq!(keys(&[slice, null]), Err(adit_error::ADIT_E_NULL.into()));
        let endless = adit_slice { data: key.as_ptr().cast(), len: usize::MAX };
        assert_eq!(keys(&[endless]), Err(adit_error::ADIT_E_KEY_TOO_LONG.into()));
    }

    const KEY_BYTES: usize = 65_000;
}
