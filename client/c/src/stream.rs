//! Long values that are written and read in pieces, so that little of them is in memory.

use std::ffi::c_void;

use ::adit_client::error::State;
use ::adit_client::{BucketId, Error, Ticket};

use crate::config::adit_client;
use crate::entry::{Entry, with};
use crate::errors::{Code, adit_error};
use crate::keys::{Number, adit_put_options, key_of, options_of, value_of};
use crate::memory::{Out, Room};
use crate::values::adit_meta;

/// Begins to write a value of `total_len` bytes in pieces: `adit_write` them, then `adit_write_end`. Until then nothing is
/// written, and other calls may come in between, a few hundred at most. `options` may be NULL. Does not block.
///
/// The deadline holds for each call. A shard gives up a value of which nothing came for 60 seconds: who needs longer for a piece
/// begins again.
///
/// Errors: `ADIT_E_VALUE_TOO_LONG`, `ADIT_E_FULL` if operations and streams take all the window but one, and those of all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_write_begin(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    total_len: u64,
    options: *const adit_put_options,
    stream: *mut u64,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a number there.
        let stream = unsafe { Out::new(stream) }?;
        stream.set(0);
        // SAFETY: the caller of C has a key of this length there.
        let key = unsafe { key_of(key, key_len) }?;
        // SAFETY: the caller of C has options there, as long as they say, or NULL.
        let options = unsafe { options_of(options) }?;
        entry.check_streams()?;
        let ticket = entry.client.begin_write(BucketId(bucket), key, total_len, options)?;
        stream.set(entry.add_stream(ticket, Way::Out));
        Ok(())
    })
}

/// Gives the next `len` bytes of a value, which are the caller's again when this returns. Blocks while more than 2 MiB wait to be
/// sent.
///
/// Errors: `ADIT_E_WRONG_LENGTH` if these are more bytes than were announced: none is taken, and the stream goes on.
/// `ADIT_E_STREAM`. With any other error that is not one of arguments the stream has ended and nothing is written;
/// `ADIT_E_GAVE_UP` says to begin again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_write(
    client: adit_client,
    stream: u64,
    data: *const c_void,
    len: usize,
) -> i32 {
    with(client, |entry| {
        let ticket = entry.stream(stream, Way::Out)?;
        // SAFETY: the caller of C has so many bytes there.
        let piece = unsafe { value_of(data, len) }?;
        let written = entry.client.write(ticket, piece).map_err(Code::from);
        if written != Err(adit_error::ADIT_E_WRONG_LENGTH.into()) {
            entry.end_stream_if(written.is_err(), ticket);
        }
        written
    })
}

/// Writes a value whose bytes were all given, and ends the stream, whatever comes of it. `version` may be NULL; it is the version
/// that was written, in `ADIT_E_CONDITION_FAILED` the one that is there, in other errors 0.
///
/// Errors: `ADIT_E_WRONG_LENGTH` if bytes are missing, `ADIT_E_CONDITION_FAILED`, `ADIT_E_GAVE_UP`, `ADIT_E_STREAM`, and those of
/// all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_write_end(client: adit_client, stream: u64, version: *mut u64) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a number there, or NULL.
        let version = Number::new(unsafe { Out::optional(version) }?);
        let ticket = entry.stream(stream, Way::Out)?;
        entry.end_stream_if(true, ticket);
        let written = entry.client.finish_write(ticket);
        if let Err(Error::State(State::ConditionFailed { version: there })) = written {
            version.set(there);
        }
        version.set(written?);
        Ok(())
    })
}

/// Begins to read a value in pieces, all of one version, whatever is written meanwhile: `adit_read` until it gives 0 bytes. Blocks
/// until the value begins to come. `meta` may be NULL.
///
/// Errors: `ADIT_NOT_FOUND`, `ADIT_E_FULL` as for `adit_write_begin`, and those of all calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_read_begin(
    client: adit_client,
    bucket: u32,
    key: *const c_void,
    key_len: usize,
    stream: *mut u64,
    total_len: *mut u64,
    meta: *mut adit_meta,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a number there.
        let stream = unsafe { Out::new(stream) }?;
        stream.set(0);
        // SAFETY: the caller of C has room for a number there.
        let total_len = unsafe { Out::new(total_len) }?;
        total_len.set(0);
        // SAFETY: the caller of C has room for the meta data there, or NULL.
        let meta = unsafe { Out::optional(meta) }?;
        // SAFETY: the caller of C has a key of this length there.
        let key = unsafe { key_of(key, key_len) }?;
        entry.check_streams()?;
        let head = entry.client.begin_read(BucketId(bucket), key)?.ok_or(adit_error::ADIT_NOT_FOUND)?;
        total_len.set(head.len_bytes);
        if let Some(meta) = meta {
            meta.set(adit_meta { version: head.version, expiry_ms: head.expiry_ms.unwrap_or(0) });
        }
        stream.set(entry.add_stream(head.ticket, Way::In));
        Ok(())
    })
}

/// Reads the next bytes of a value, as many as have come and `buffer` has room for; blocks until there is at least one. With
/// `*len` 0 it was all, and the stream has ended. `capacity` is 1 at least.
///
/// Errors: `ADIT_E_STREAM`. With any other error that is not one of arguments the stream has ended; `ADIT_E_GAVE_UP` says
/// to begin again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_read(
    client: adit_client,
    stream: u64,
    buffer: *mut c_void,
    capacity: usize,
    len: *mut usize,
) -> i32 {
    with(client, |entry| {
        // SAFETY: the caller of C has room for a length there.
        let len = unsafe { Out::new(len) }?;
        len.set(0);
        // SAFETY: the caller of C has a buffer of this capacity there, for the length of the call.
        let mut room = unsafe { Room::new(buffer, capacity) }?;
        if capacity == 0 {
            return Err(adit_error::ADIT_E_ARGUMENT.into());
        }
        let ticket = entry.stream(stream, Way::In)?;
        let read = entry.client.read(ticket, room.bytes());
        entry.end_stream_if(!matches!(read, Ok(1..)), ticket);
        len.set(read?);
        Ok(())
    })
}

/// Ends a stream before its end: nothing is written. Does not block.
///
/// Errors: `ADIT_E_STREAM`.
#[unsafe(no_mangle)]
pub extern "C" fn adit_stream_abort(client: adit_client, stream: u64) -> i32 {
    with(client, |entry| {
        let ticket = entry.stream(stream, Way::In).or_else(|_| entry.stream(stream, Way::Out))?;
        entry.end_stream_if(true, ticket);
        entry.client.abandon(ticket);
        Ok(())
    })
}

/// Whether a stream is written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Out,
    In,
}

impl Entry {
    /// Checks that one more leaves room for another operation: streams make none by themselves, and a call that blocks would wait
    /// for it in vain.
    fn check_streams(&self) -> Result<(), Code> {
        if self.streams.len() + 1 < self.window { Ok(()) } else { Err(adit_error::ADIT_E_FULL.into()) }
    }

    /// Gives the number under which C knows it.
    fn add_stream(&mut self, ticket: Ticket, way: Way) -> u64 {
        self.streams.push((ticket, way));
        ticket.0
    }

    /// A stream that was begun in this direction, and has not ended.
    fn stream(&self, number: u64, way: Way) -> Result<Ticket, Code> {
        let stream = (Ticket(number), way);
        if self.streams.contains(&stream) { Ok(stream.0) } else { Err(adit_error::ADIT_E_STREAM.into()) }
    }

    fn end_stream_if(&mut self, has_ended: bool, ticket: Ticket) {
        if has_ended {
            self.streams.retain(|(other, _)| *other != ticket);
        }
    }
}
