//! A call of a function as its helpers see it: the store, what it has staged and emitted, and how much work is left to it. It lives for one call.

use std::fmt;

use crate::helper::Kernels;
use crate::records::run;
use crate::stage::{Room, Stage};
use crate::store::{Found, STAGED_VERSION, Store, Unready};
use crate::trap::Refused;

/// What a call has at its disposal.
#[derive(Debug)]
pub struct Means<'s> {
    /// The records that it may read and write.
    pub store: &'s dyn Store,
    /// Where its writes are staged.
    pub room: &'s mut Room,
    /// Where its output goes.
    pub output: &'s mut [u8],
    /// The time, in milliseconds since 1970; it stands still for the call.
    pub now_ms: u64,
    /// The loops of helpers, for this processor.
    pub kernels: &'static Kernels,
    /// How many bytes its helpers may go through, see [`Call::charge`].
    pub work: u64,
}

/// A call that runs. If it is dropped before [`Call::finish`] nothing of it remains.
#[derive(Debug)]
pub struct Call<'s> {
    pub(crate) store: &'s dyn Store,
    pub(crate) stage: Stage<'s>,
    output: &'s mut [u8],
    output_bytes: usize,
    now_ms: u64,
    pub(crate) kernels: &'static Kernels,
    work: u64,
    has_reserved: bool,
}

/// What a call has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finished {
    /// How many bytes of its output it has filled.
    pub output_bytes: usize,
    /// How much work was left.
    pub work: u64,
}

impl<'s> Call<'s> {
    /// A call that begins.
    #[inline]
    pub fn new(means: Means<'s>) -> Self {
        Self {
            store: means.store,
            stage: means.room.stage(),
            output: means.output,
            output_bytes: 0,
            now_ms: means.now_ms,
            kernels: means.kernels,
            work: means.work,
            has_reserved: false,
        }
    }

    /// Ends a call that has succeeded: its writes are in the room, for the caller to apply all of them.
    #[inline]
    pub fn finish(mut self) -> Finished {
        self.stage.commit();
        self.has_reserved = false;
        Finished { output_bytes: self.output_bytes, work: self.work }
    }

    /// What was emitted so far.
    pub fn output(&self) -> &[u8] {
        &self.output[..self.output_bytes]
    }

    /// How much work is left.
    pub const fn work(&self) -> u64 {
        self.work
    }

    /// The time of the call.
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Takes from the work that is left, before it is done: a byte that is gone through costs 1, a look-up [`LOOKUP_WORK`].
    ///
    /// # Errors
    /// If there is less.
    #[inline]
    pub fn charge(&mut self, work: u64) -> Result<(), Refused> {
        self.work = self.work.checked_sub(work).ok_or(Refused::Work)?;
        Ok(())
    }

    /// Appends to the output.
    #[inline]
    pub(crate) fn emit(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let end = self.output_bytes + bytes.len();
        let room = self.output.get_mut(self.output_bytes..end).ok_or(Refused::Output)?;
        room.copy_from_slice(bytes);
        self.output_bytes = end;
        Ok(())
    }

    /// Looks a record up, as the call has staged it or as the store has it. It is not inlined into the helper that functions call most: that one need not
    /// save the registers that this uses, as long as nothing is staged.
    #[inline(never)]
    pub(crate) fn find(&self, key: &[u8], offset: u64) -> Result<Option<Found<'s>>, Refused> {
        match self.stage.find(key) {
            Some(value) => Ok(value.map(|value| from_offset(value, offset))),
            None => Ok(self.store.get(key, offset)?),
        }
    }

    /// Stages a write: a new value, or that the record goes.
    pub(crate) fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Refused> {
        let value_bytes = value.map_or(0, <[u8]>::len);
        self.stage.fits(key, value_bytes)?;
        self.has_reserved = true;
        self.store.reserve(key, value_bytes as u64)?;
        self.stage.put(key, value);
        Ok(())
    }
}

impl Drop for Call<'_> {
    #[inline]
    fn drop(&mut self) {
        self.stage.end();
        if self.has_reserved {
            self.store.release();
        }
    }
}

impl fmt::Debug for dyn Store + '_ {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Store")
    }
}

impl From<Unready> for Refused {
    fn from(unready: Unready) -> Self {
        match unready {
            Unready::Away => Self::Away,
            Unready::Elsewhere => Self::Elsewhere,
            Unready::Full => Self::Staged,
            Unready::Device => Self::Device,
        }
    }
}

/// What is staged, in pieces as the store gives them.
fn from_offset(value: &[u8], offset: u64) -> Found<'_> {
    Found { bytes: run(value, offset), value_bytes: value.len() as u64, version: STAGED_VERSION }
}

/// The work of looking one key up, besides its bytes.
pub const LOOKUP_WORK: u64 = 256;
/// The work that calls are given where nothing else is said: some milliseconds of the slowest helper.
pub const WORK: u64 = 16 << 20;
