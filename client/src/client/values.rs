//! Long values as readers and writers, with little of them in memory: up to 2 MiB of each.

use std::io::{self, ErrorKind, Read, Write};

use adit_wire::kv::BucketId;

use super::{Client, PutOptions};
use crate::answer::{Answer, Ticket};
use crate::core::{Core, ReadHead};
use crate::error::{Error, State, Unreachable};
use crate::operation::{KeyAction, Operation, Payload};

/// A value that is being written. Dropped before [`ValueWriter::finish`] it is abandoned: nothing is written.
pub struct ValueWriter<'a> {
    client: &'a mut Client,
    ticket: Ticket,
}

/// A value that is being read. It is of one version, whatever is written meanwhile.
pub struct ValueReader<'a> {
    client: &'a mut Client,
    head: ReadHead,
    left_bytes: u64,
}

/// Values under tickets, several at once if need be, with other operations in between. (Until a value is whole, about 900
/// requests can follow its first one: then they wait for it.)
///
/// The deadline of the client is that of each step of the shard: it begins anew with each piece. While it is the caller's
/// turn time does not count, but the shard forgets a value of which nothing came for 60 seconds, and a session of
/// which nothing was heard for as long: who needs longer for a piece calls [`Client::poll`] meanwhile, and only keeps
/// the session alive with it.
impl Client {
    /// Begins to write a value of `len_bytes`. Waits only for room in the window.
    ///
    /// # Errors
    /// [`Caller::ValueTooLong`](crate::error::Caller::ValueTooLong); [`Caller::Full`](crate::error::Caller::Full) if
    /// nothing made room until the deadline.
    pub fn begin_write(
        &mut self,
        bucket: BucketId,
        key: &[u8],
        len_bytes: u64,
        options: PutOptions,
    ) -> Result<Ticket, Error> {
        let PutOptions { condition, expiry } = options;
        let action = KeyAction::Put { condition, expiry, value: Payload::default() };
        self.begin(Operation::on_key(bucket, key, action), |core, operation, deadline_ns| {
            core.begin_write(operation, len_bytes, deadline_ns)
        })
    }

    /// Gives a piece of a value, and waits until all of it is on its way or waits for the shard within the window of 2 MiB.
    ///
    /// # Errors
    /// Why the value is not written; its ticket is gone then. [`Unreachable::GaveUp`]: begin again.
    /// [`Caller::WrongLength`](crate::error::Caller::WrongLength) if these are more bytes than were announced: none of
    /// them is taken, and the value may still be finished.
    pub fn write(&mut self, ticket: Ticket, mut piece: &[u8]) -> Result<(), Error> {
        let mut deadline_ns = self.deadline_ns();
        loop {
            let taken = self.core.write(ticket, piece, deadline_ns)?;
            piece = &piece[taken..];
            // The rest goes out, and what the shard says comes in, while the caller makes the next piece.
            self.turn(if piece.is_empty() { 0 } else { u64::MAX });
            if piece.is_empty() {
                return Ok(());
            }
            if taken > 0 {
                deadline_ns = self.deadline_ns();
            }
        }
    }

    /// Writes the value, and waits until that is done. Gives its version. The ticket is gone then.
    ///
    /// # Errors
    /// [`Caller::WrongLength`](crate::error::Caller::WrongLength) if fewer bytes were given than announced,
    /// [`State::ConditionFailed`]; else as [`Client::write`]. Nothing is written then, unless it is
    /// [`Error::Uncertain`].
    pub fn finish_write(&mut self, ticket: Ticket) -> Result<u64, Error> {
        self.core.finish_write(ticket, self.deadline_ns())?;
        loop {
            match self.core.written(ticket) {
                Some(Ok(Answer::Version(version))) => return Ok(version),
                Some(Ok(other)) => unreachable!("a put answers {other:?}"),
                Some(Err(error)) => return Err(error),
                None => self.turn(u64::MAX),
            };
        }
    }

    /// Begins to read a value, and waits for its beginning. `None` without the key.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn begin_read(&mut self, bucket: BucketId, key: &[u8]) -> Result<Option<ReadHead>, Error> {
        let get = Operation::on_key(bucket, key, KeyAction::Get);
        let ticket = self.begin(get, Core::begin_read)?;
        loop {
            match self.core.read_head(ticket) {
                Ok(Some(head)) => return Ok(Some(head)),
                Ok(None) => self.turn(u64::MAX),
                Err(Error::State(State::NotFound)) => return Ok(None),
                Err(error) => return Err(error),
            };
        }
    }

    /// Reads the next bytes of a value, as many as have come and `out` has room for; waits for at least one. 0 is the end,
    /// with which the ticket is gone, or that `out` has no room.
    ///
    /// # Errors
    /// Why the rest is not read; the ticket is gone then. [`Unreachable::GaveUp`]: begin again.
    pub fn read(&mut self, ticket: Ticket, out: &mut [u8]) -> Result<usize, Error> {
        let deadline_ns = self.deadline_ns();
        loop {
            let count = self.core.read(ticket, out, deadline_ns)?;
            // What is read makes room for more, which is asked for at once.
            if count.is_none() || self.core.next_event_ns() == Some(0) {
                self.turn(if count.is_some() { 0 } else { u64::MAX });
            }
            if let Some(count) = count {
                return Ok(count);
            }
        }
    }

    /// Ends the writing or reading of a value before its end, without an effect. Does not wait.
    pub fn abandon(&mut self, ticket: Ticket) {
        self.core.abandon(ticket);
    }

    /// Writes a value of `len_bytes` that comes in pieces.
    ///
    /// ```no_run
    /// # use adit_client::{BucketId, Client, PutOptions};
    /// # fn store(client: &mut Client) -> Result<u64, Box<dyn std::error::Error>> {
    /// let mut file = std::fs::File::open("disk.img")?;
    /// let len_bytes = file.metadata()?.len();
    /// let mut value = client.write_value(BucketId(0), b"disk", len_bytes, PutOptions::default())?;
    /// std::io::copy(&mut file, &mut value)?;
    /// Ok(value.finish()?)
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::begin_write`].
    pub fn write_value(
        &mut self,
        bucket: BucketId,
        key: &[u8],
        len_bytes: u64,
        options: PutOptions,
    ) -> Result<ValueWriter<'_>, Error> {
        let ticket = self.begin_write(bucket, key, len_bytes, options)?;
        Ok(ValueWriter { client: self, ticket })
    }

    /// Reads a value in pieces. `None` without the key.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn read_value(&mut self, bucket: BucketId, key: &[u8]) -> Result<Option<ValueReader<'_>>, Error> {
        let head = self.begin_read(bucket, key)?;
        Ok(head.map(|head| ValueReader { client: self, head, left_bytes: head.len_bytes }))
    }

    /// Bytes that the client keeps for all values that are written or read in pieces.
    pub fn kept_bytes(&self) -> usize {
        self.core.kept_bytes()
    }
}

impl ValueWriter<'_> {
    /// Writes the value, and waits until that is done. Gives its version.
    ///
    /// # Errors
    /// As [`Client::finish_write`].
    pub fn finish(self) -> Result<u64, Error> {
        self.client.finish_write(self.ticket)
    }
}

impl Write for ValueWriter<'_> {
    /// Takes all of a piece. The error has an [`Error`] within.
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.client.write(self.ticket, piece)?;
        Ok(piece.len())
    }

    /// Does nothing: what was taken is on its way.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ValueWriter<'_> {
    fn drop(&mut self) {
        self.client.abandon(self.ticket);
    }
}

impl ValueReader<'_> {
    /// The version of the key.
    pub fn version(&self) -> u64 {
        self.head.version
    }

    /// When the key expires, in milliseconds since 1970.
    pub fn expiry_ms(&self) -> Option<u64> {
        self.head.expiry_ms
    }

    /// Bytes of the whole value.
    pub fn len_bytes(&self) -> u64 {
        self.head.len_bytes
    }
}

impl Read for ValueReader<'_> {
    /// The error has an [`Error`] within.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left_bytes == 0 {
            return Ok(0);
        }
        let count = self.client.read(self.head.ticket, out)?;
        self.left_bytes = self.left_bytes.saturating_sub(count as u64);
        Ok(count)
    }
}

impl Drop for ValueReader<'_> {
    fn drop(&mut self) {
        self.client.abandon(self.head.ticket);
    }
}

impl From<Error> for io::Error {
    /// With the error within.
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Unreachable(Unreachable::Deadline) => ErrorKind::TimedOut,
            Error::Unreachable(Unreachable::GaveUp) => ErrorKind::ConnectionAborted,
            _ => ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
