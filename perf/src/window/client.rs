//! One client of a load: its requests on their way, by their numbers.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};

use adit_wire::native::WINDOW_REQUESTS;

use super::{Outcome, Ticket, WindowLoad, WindowProtocol, Wire};
use crate::dataset::Dataset;
use crate::number::index;
use crate::protocol::ReplyKind;
use crate::tally::Tally;
use crate::workload::{Operation, Step};

/// A client with a socket of its own.
pub(super) struct Client<P> {
    wire: Wire,
    protocol: P,
    /// Requests from `oldest` on; those that are answered are gone, and the first one never is.
    pending: VecDeque<Option<Pending>>,
    oldest: u64,
    in_flight: usize,
    message: Vec<u8>,
}

/// A request on its way.
#[derive(Clone, Copy)]
struct Pending {
    operation: Operation,
    started_ns: u64,
    /// The last time.
    sent_ns: u64,
}

impl<P: WindowProtocol> Client<P> {
    pub(super) fn open(load: &WindowLoad) -> anyhow::Result<Self> {
        let mut wire = Wire::connect(load)?;
        let protocol = P::open(&mut wire)?;
        let (pending, message) = Default::default();
        Ok(Self { wire, protocol, pending, oldest: P::FIRST_NUMBER, in_flight: 0, message })
    }

    /// Requests on their way.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether the window takes another request: one that is lost holds it back until it was sent again.
    pub(super) fn has_room(&self) -> bool {
        (self.pending.len() as u64) < WINDOW_REQUESTS
    }

    /// Begins an operation; `flush` sends it.
    pub(super) fn begin(&mut self, operation: Operation, dataset: &Dataset, now_ns: u64) {
        self.push(self.pending.len(), operation, dataset);
        self.pending.push_back(Some(Pending { operation, started_ns: now_ns, sent_ns: now_ns }));
        self.in_flight += 1;
    }

    /// Sends what was begun.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        self.wire.flush()
    }

    /// Receives once. The time of what came is to be taken after this and before `take_replies`.
    pub(super) fn receive(&mut self) -> anyhow::Result<()> {
        self.wire.receive()
    }

    /// Counts the operations whose replies were received, at `now_ns`.
    pub(super) fn take_replies(
        &mut self,
        dataset: &Dataset,
        now_ns: u64,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let Self { wire, protocol, pending, oldest, in_flight, .. } = self;
        wire.drain(|message| {
            let Some((number, outcome)) = protocol.decode(message, *oldest)? else { return Ok(()) };
            let place = number.checked_sub(*oldest).and_then(|place| pending.get_mut(index(place)));
            // A reply to a request that was sent twice may come twice.
            let Some(answered) = place.and_then(Option::take) else { return Ok(()) };
            *in_flight -= 1;
            count(tally, &answered, &outcome, dataset, now_ns);
            Ok(())
        })?;
        while pending.front().is_some_and(Option::is_none) {
            pending.pop_front();
            *oldest += 1;
        }
        Ok(())
    }

    /// Sends again what was sent at or before `sent_ns` and is not answered; says how many requests that were. A
    /// stream loses nothing.
    pub(super) fn resend(
        &mut self,
        sent_before_ns: u64,
        now_ns: u64,
        dataset: &Dataset,
    ) -> anyhow::Result<u64> {
        if self.wire.is_stream() {
            return Ok(0);
        }
        let mut count = 0;
        for place in 0..self.pending.len() {
            let Some(lost) = self.pending[place].filter(|pending| pending.sent_ns <= sent_before_ns) else {
                continue;
            };
            self.push(place, lost.operation, dataset);
            self.pending[place] = Some(Pending { sent_ns: now_ns, ..lost });
            count += 1;
        }
        self.flush()?;
        Ok(count)
    }

    fn push(&mut self, place: usize, operation: Operation, dataset: &Dataset) {
        let ticket = Ticket { number: self.oldest + place as u64, oldest: self.oldest };
        self.message.clear();
        self.protocol.encode(&mut self.message, ticket, operation, dataset);
        self.wire.push(&self.message);
    }
}

/// Counts an answered request, whose value must be the one that was written.
fn count(tally: &mut Tally, answered: &Pending, outcome: &Outcome<'_>, dataset: &Dataset, now_ns: u64) {
    let Pending { operation, started_ns, .. } = *answered;
    let is_read = operation.step == Step::Read;
    let (kind, text): (_, &[u8]) = match outcome {
        Outcome::Value(value) if is_read && *value == dataset.value(operation.key) => (ReplyKind::Hit, b""),
        Outcome::Absent if is_read => (ReplyKind::Miss, b""),
        Outcome::Stored if !is_read => (ReplyKind::Ok, b""),
        Outcome::Refused(text) => (ReplyKind::Error, text.as_bytes()),
        _ => (ReplyKind::Error, b"not what was asked for, or not the value that was written"),
    };
    tally.count(kind, text, now_ns.saturating_sub(started_ns));
}

impl<P> AsFd for Client<P> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }
}
