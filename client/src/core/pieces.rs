//! Values that are written and read in pieces, so that little of them is in memory at a time. Each is a call like others
//! while the shard has a part in it; its end is not a completion but is told to who writes or reads on.

use adit_wire::kv::VALUE_BYTES_MAX;
use adit_wire::native::reply::{Reply, VALUE_HEAD_BYTES};
use adit_wire::native::{Opcode, Status};

use super::assembly::Assembly;
use super::calls::{Call, Place};
use super::feed::Feed;
use super::{Core, Refused};
use crate::answer::{Answer, Ticket};
use crate::error::{Caller, Error, Uncertain, Unreachable};
use crate::operation::Operation;

/// What is known of a value before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadHead {
    /// What the value is read under.
    pub ticket: Ticket,
    /// The version of its key.
    pub version: u64,
    /// When the key expires, in milliseconds since 1970.
    pub expiry_ms: Option<u64>,
    /// Bytes of the value.
    pub len_bytes: u64,
}

/// The values that are written or read in pieces: those under way, and those whose end was not told yet.
#[derive(Default)]
pub(super) struct Values(Vec<(Ticket, State)>);

enum State {
    /// The shard has a part in it: a call.
    Running(u16),
    /// All has come; the rest is still to be read.
    Read(Box<Assembly>),
    /// It is over.
    Ended(Result<Answer, Error>),
}

impl Core {
    /// Begins to write a value of `len_bytes` in pieces: that of `operation`, a put or an append without one. Nothing is
    /// written before [`Core::finish_write`].
    ///
    /// Each call of this and the functions below sets the deadline for what the shard does next; while it is the caller's
    /// turn, time does not count.
    ///
    /// # Errors
    /// As [`Core::submit`].
    ///
    /// # Panics
    /// If `operation` is neither.
    pub fn begin_write(
        &mut self,
        operation: Operation,
        len_bytes: u64,
        deadline_ns: u64,
    ) -> Result<Ticket, Refused> {
        assert!(
            matches!(operation.opcode(), Opcode::Put | Opcode::Append),
            "this has no value to be written"
        );
        let len_bytes = u32::try_from(len_bytes).ok().filter(|len| u64::from(*len) <= VALUE_BYTES_MAX);
        let Some(len_bytes) = len_bytes else {
            return Err(Refused { error: Error::Caller(Caller::ValueTooLong), operation });
        };
        let mut head = Vec::new();
        operation.encode_head(&mut head);
        let feed = Feed::new(u32::try_from(head.len()).unwrap_or(u32::MAX), len_bytes);
        self.begin_value(operation, Some(Box::new(feed)), deadline_ns)
    }

    /// Takes bytes off the front of `piece`, and says how many: as many as there is room for until the shard has taken
    /// others.
    ///
    /// # Errors
    /// Why the value is not written: the ticket is gone then. But [`Caller::WrongLength`] if these are more bytes than were
    /// announced: none of them is taken.
    pub fn write(&mut self, ticket: Ticket, piece: &[u8], deadline_ns: u64) -> Result<usize, Error> {
        let index = self.running(ticket)?;
        let feed = self.calls[index].feed.as_mut().ok_or(Error::Caller(Caller::NoSuchValue))?;
        if piece.len() as u64 > u64::from(feed.left_bytes()) {
            return Err(Error::Caller(Caller::WrongLength));
        }
        let taken = feed.give(piece);
        self.go_on(index, deadline_ns);
        Ok(taken)
    }

    /// The value is whole and may be written; [`Core::written`] says when it is.
    ///
    /// # Errors
    /// As [`Core::write`]; with [`Caller::WrongLength`] the ticket is gone, too.
    pub fn finish_write(&mut self, ticket: Ticket, deadline_ns: u64) -> Result<(), Error> {
        let index = self.running(ticket)?;
        let feed = self.calls[index].feed.as_mut().ok_or(Error::Caller(Caller::NoSuchValue))?;
        if feed.left_bytes() > 0 {
            self.abandon(ticket);
            return Err(Error::Caller(Caller::WrongLength));
        }
        feed.finish();
        self.go_on(index, deadline_ns);
        Ok(())
    }

    /// What became of a value, once that is known. Its ticket is gone then.
    pub fn written(&mut self, ticket: Ticket) -> Option<Result<Answer, Error>> {
        match self.values.state(ticket) {
            Some(State::Running(_) | State::Read(_)) => None,
            Some(State::Ended(_)) | None => Some(self.values.take_end(ticket)),
        }
    }

    /// Begins to read a value in pieces: that of `operation`, a get.
    ///
    /// # Errors
    /// As [`Core::submit`].
    ///
    /// # Panics
    /// If `operation` is something else.
    pub fn begin_read(&mut self, operation: Operation, deadline_ns: u64) -> Result<Ticket, Refused> {
        assert!(operation.opcode() == Opcode::Get, "this has no value to be read");
        self.begin_value(operation, None, deadline_ns)
    }

    /// What is known of a value before it is read, once its beginning has come; to be asked once.
    ///
    /// # Errors
    /// [`State::NotFound`](crate::error::State::NotFound), or why the value is not read: the ticket is gone then.
    pub fn read_head(&mut self, ticket: Ticket) -> Result<Option<ReadHead>, Error> {
        let Some(reply) = self.reply(ticket)? else { return Ok(None) };
        if (reply.ready_bytes() as usize) < VALUE_HEAD_BYTES {
            return Ok(None);
        }
        let mut head = [0; VALUE_HEAD_BYTES];
        reply.take_away(&mut head);
        let len_bytes = u64::from(reply.left_bytes());
        let Some(Reply::Value { head, .. }) = Reply::decode(Opcode::Get, Status::Ok, &head) else {
            unreachable!("a head has no wrong values")
        };
        Ok(Some(ReadHead { ticket, version: head.version, expiry_ms: head.expiry_ms, len_bytes }))
    }

    /// Reads bytes of a value whose head was asked for, as many as have come and fit `out`: `None` if none have, 0 at the
    /// end, with which the ticket is gone.
    ///
    /// # Errors
    /// Why the rest is not read: the ticket is gone then.
    pub fn read(&mut self, ticket: Ticket, out: &mut [u8], deadline_ns: u64) -> Result<Option<usize>, Error> {
        if out.is_empty() {
            return Ok(Some(0));
        }
        let count = self.reply(ticket)?.map_or(0, |reply| reply.take_away(out));
        match self.values.state(ticket) {
            Some(State::Running(index)) => {
                let index = *index;
                self.go_on(index, deadline_ns);
                Ok(Some(count).filter(|count| *count > 0))
            }
            _ => {
                if count == 0 {
                    self.values.remove(ticket);
                }
                Ok(Some(count))
            }
        }
    }

    /// Ends the writing or reading of a value; nothing is written unless [`Core::finish_write`] was called.
    pub fn abandon(&mut self, ticket: Ticket) {
        if let Some(State::Running(index)) = self.values.remove(ticket) {
            if self.calls[index].sends > 0 {
                // The shard keeps what has come, or is to go, until it is told.
                self.keeps(index, self.calls[index].moved_ns);
            }
            self.free(index);
        }
    }

    /// Bytes that are kept for all values that are written or read in pieces.
    pub fn kept_bytes(&self) -> usize {
        let kept = |(_, state): &(Ticket, State)| match state {
            State::Running(index) => self.calls[*index].kept_bytes(),
            State::Read(reply) => reply.kept_bytes(),
            State::Ended(_) => 0,
        };
        self.values.0.iter().map(kept).sum()
    }

    fn begin_value(
        &mut self,
        operation: Operation,
        feed: Option<Box<Feed>>,
        deadline_ns: u64,
    ) -> Result<Ticket, Refused> {
        if let Err(error) = self.check(&operation) {
            return Err(Refused { error, operation });
        }
        let Some(index) = self.calls.take() else {
            return Err(Refused { error: Error::Caller(Caller::Full), operation });
        };
        let ticket = self.begin(index, operation, deadline_ns);
        let call = &mut self.calls[index];
        (call.feed, call.is_in_pieces) = (feed, true);
        self.values.0.push((ticket, State::Running(index)));
        self.route_call(index);
        Ok(ticket)
    }

    /// All of a reply has come: its call is over, though not all was read.
    pub(super) fn finish_reading(&mut self, index: u16) {
        let call = &mut self.calls[index];
        let reply = call.reply.take();
        if let (Some(reply), Some(state)) = (reply, self.values.state(call.ticket)) {
            *state = State::Read(Box::new(reply));
        }
        self.free(index);
    }

    /// The shard does not go on with a value, and it cannot be begun again.
    pub(super) fn give_up(&mut self, index: u16) {
        let is_uncertain = self.calls[index].is_uncertain();
        let error = if is_uncertain {
            Error::Uncertain(Uncertain::SessionLost)
        } else {
            Error::Unreachable(Unreachable::GaveUp)
        };
        self.finish(index, Err(error));
    }

    /// The call of a value that is not over.
    fn running(&mut self, ticket: Ticket) -> Result<u16, Error> {
        match self.values.state(ticket) {
            Some(State::Running(index)) => Ok(*index),
            Some(State::Read(_)) => Err(Error::Caller(Caller::NoSuchValue)),
            // It cannot have been written: its end was held back.
            _ => Err(self.values.take_end(ticket).err().unwrap_or(Error::Caller(Caller::NoSuchValue))),
        }
    }

    /// What has come of a value.
    fn reply(&mut self, ticket: Ticket) -> Result<Option<&mut Assembly>, Error> {
        if let Some(State::Ended(_)) | None = self.values.state(ticket) {
            return Err(self.values.take_end(ticket).err().unwrap_or(Error::Caller(Caller::NoSuchValue)));
        }
        match self.values.state(ticket) {
            Some(State::Running(index)) => Ok(self.calls[*index].reply.as_mut()),
            Some(State::Read(reply)) => Ok(Some(reply)),
            _ => Ok(None),
        }
    }

    /// The caller has given or taken a piece: what that makes possible is sent.
    fn go_on(&mut self, index: u16, deadline_ns: u64) {
        let call = &self.calls[index];
        let peer = call.peer;
        if call.place == Place::Paused {
            let window = self.reply_credits(&self.peers[peer]);
            if !self.calls[index].has_more(self.peers[peer].segment_bytes, window) {
                return;
            }
            self.calls.put(index, Place::Ready, peer);
            // The shard is waited for from when this is sent.
            self.calls[index].moved_ns = 0;
        }
        self.calls[index].deadline_ns = deadline_ns;
        self.deadline_ns = self.deadline_ns.min(deadline_ns);
    }
}

impl Call {
    pub(super) fn is_read_in_pieces(&self) -> bool {
        self.is_in_pieces && self.feed.is_none()
    }

    fn kept_bytes(&self) -> usize {
        let fed = self.feed.as_ref().map_or(0, |feed| feed.kept_bytes());
        fed + self.reply.as_ref().map_or(0, Assembly::kept_bytes)
    }

    /// Whether there is something to be sent, or to be asked for.
    fn has_more(&mut self, segment_bytes: u32, window: u16) -> bool {
        match &mut self.reply {
            Some(reply) => reply.next_ask(segment_bytes, window).is_some(),
            None => !self.is_callers_turn(segment_bytes),
        }
    }
}

impl Values {
    /// All of them.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Those that are not calls any more.
    pub(super) fn ended_count(&self) -> usize {
        self.0.iter().filter(|(_, state)| !matches!(state, State::Running(_))).count()
    }

    /// The call of a value is over.
    pub(super) fn end(&mut self, ticket: Ticket, result: Result<Answer, Error>) {
        if let Some(state) = self.state(ticket) {
            *state = State::Ended(result);
        }
    }

    fn state(&mut self, ticket: Ticket) -> Option<&mut State> {
        self.0.iter_mut().find(|(known, _)| *known == ticket).map(|(_, state)| state)
    }

    fn remove(&mut self, ticket: Ticket) -> Option<State> {
        let place = self.0.iter().position(|(known, _)| *known == ticket)?;
        Some(self.0.swap_remove(place).1)
    }

    /// How a value has ended, which is told once.
    fn take_end(&mut self, ticket: Ticket) -> Result<Answer, Error> {
        match self.remove(ticket) {
            Some(State::Ended(result)) => result,
            _ => Err(Error::Caller(Caller::NoSuchValue)),
        }
    }
}
