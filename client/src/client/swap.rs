//! Compare and swap: a value is written only if nobody has written it meanwhile.

use adit_wire::kv::BucketId;
use adit_wire::native::request::{Condition, NewExpiry};

use super::{Client, PutOptions};
use crate::answer::Value;
use crate::error::{Error, State};
use crate::operation::Payload;

/// What became of a compare-and-swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// The value was written.
    Done {
        /// Its version.
        version: u64,
    },
    /// Nothing was written, since the key has another version.
    Conflict {
        /// That version; 0 if the key does not exist.
        version: u64,
    },
}

impl Client {
    /// Writes a value if the key has this version, or, with version 0, if it does not exist. The expiry stays as it is.
    ///
    /// # Errors
    /// As [`Client::get`]. After [`Error::Uncertain`] read the key. If its version is another one, somebody has written
    /// it: this swap or another writer, which only the value may tell. If it is unchanged, nothing was written yet; that is
    /// final only if nothing that this client began before the swap is under way, since only then does the reading tell the
    /// shard to drop late copies.
    pub fn swap(
        &mut self,
        bucket: BucketId,
        key: &[u8],
        version: u64,
        value: impl Into<Payload>,
    ) -> Result<Swap, Error> {
        let condition = if version == 0 { Condition::IfAbsent } else { Condition::IfVersion(version) };
        let options = PutOptions { condition, expiry: NewExpiry::Keep };
        match self.put(bucket, key, value, options) {
            Ok(version) => Ok(Swap::Done { version }),
            Err(Error::State(State::ConditionFailed { version })) => Ok(Swap::Conflict { version }),
            Err(error) => Err(error),
        }
    }

    /// Reads a value (`None` without the key), computes another one, and writes that if nobody else has written meanwhile;
    /// else begins again. `compute` may so be called several times; with `None` it leaves all as it is. The expiry stays as
    /// it is. Gives the version that was written.
    ///
    /// ```no_run
    /// # use adit_client::{BucketId, Client, Error};
    /// # fn double(client: &mut Client) -> Result<(), Error> {
    /// client.update(BucketId(0), b"text", |text| Some(text?.repeat(2)))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`State::ConditionFailed`] if others were faster until the deadline; nothing was written then. Else as
    /// [`Client::swap`].
    pub fn update(
        &mut self,
        bucket: BucketId,
        key: &[u8],
        mut compute: impl FnMut(Option<&[u8]>) -> Option<Vec<u8>>,
    ) -> Result<Option<u64>, Error> {
        let deadline_ns = self.deadline_ns();
        loop {
            let found = self.get(bucket, key)?;
            let Some(value) = compute(found.as_ref().map(Value::bytes)) else { return Ok(None) };
            match self.swap(bucket, key, found.map_or(0, |found| found.version), value)? {
                Swap::Done { version } => return Ok(Some(version)),
                Swap::Conflict { version } if self.now_ns() >= deadline_ns => {
                    return Err(Error::State(State::ConditionFailed { version }));
                }
                Swap::Conflict { .. } => {}
            }
        }
    }
}
