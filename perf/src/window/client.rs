//! One client of a load: its requests on their way, by their numbers.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use adit_wire::native::WINDOW_REQUESTS;
use adit_wire::native::request::Condition;

use super::{Outcome, Question, Ticket, WindowProtocol, Wire};
use crate::dataset::Dataset;
use crate::load::Load;
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
    /// What is left of operations, and when they started.
    follow_ups: VecDeque<(Question, u64)>,
    message: Vec<u8>,
}

/// A request on its way.
struct Pending {
    question: Question,
    started_ns: u64,
    /// The last time.
    sent_ns: u64,
}

impl<P: WindowProtocol> Client<P> {
    pub(super) fn open(load: &Load) -> anyhow::Result<Self> {
        let mut wire = Wire::connect(load)?;
        let protocol = P::open(load, &mut wire)?;
        let (pending, follow_ups, message) = Default::default();
        Ok(Self { wire, protocol, pending, oldest: P::FIRST_NUMBER, in_flight: 0, follow_ups, message })
    }

    /// See [`Wire::fd`].
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.wire.fd()
    }

    /// Whether all that was begun is done.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.follow_ups.is_empty()
    }

    /// Whether fewer than `in_flight_max` operations are begun and the window takes another request: one that is lost
    /// holds it back until it was sent again.
    pub(super) fn has_room(&self, in_flight_max: usize) -> bool {
        self.in_flight + self.follow_ups.len() < in_flight_max && self.window_has_room()
    }

    fn window_has_room(&self) -> bool {
        (self.pending.len() as u64) < WINDOW_REQUESTS
    }

    /// Begins a request; `flush` sends it.
    pub(super) fn begin(&mut self, question: Question, dataset: &Dataset, started_ns: u64, now_ns: u64) {
        let ticket = self.ticket(self.pending.len());
        self.message.clear();
        self.protocol.encode(&mut self.message, ticket, &question, dataset);
        self.wire.push(&self.message);
        self.pending.push_back(Some(Pending { question, started_ns, sent_ns: now_ns }));
        self.in_flight += 1;
    }

    /// Begins what is left of operations.
    pub(super) fn follow_up(&mut self, dataset: &Dataset, now_ns: u64) {
        while self.window_has_room()
            && let Some((question, started_ns)) = self.follow_ups.pop_front()
        {
            self.begin(question, dataset, started_ns, now_ns);
        }
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
    pub(super) fn take_replies(&mut self, load: &Load, now_ns: u64, tally: &mut Tally) -> anyhow::Result<()> {
        let Self { wire, protocol, pending, oldest, in_flight, follow_ups, .. } = self;
        let length = |bytes: &[u8]| protocol.length(bytes);
        wire.drain(length, |message| {
            let Some((number, outcome)) = protocol.decode(message, *oldest)? else { return Ok(()) };
            let place = number.checked_sub(*oldest).and_then(|place| pending.get_mut(index(place)));
            // A reply to a request that was sent twice may come twice.
            let Some(answered) = place.and_then(Option::take) else { return Ok(()) };
            *in_flight -= 1;
            while pending.front().is_some_and(Option::is_none) {
                pending.pop_front();
                *oldest += 1;
            }
            follow_ups.extend(finish(tally, &answered, &outcome, load, now_ns));
            Ok(())
        })
    }

    /// Sends again what was sent `RESEND_NS` ago and is not answered; says how many requests that were. A stream loses
    /// nothing.
    pub(super) fn resend(&mut self, now_ns: u64, dataset: &Dataset) -> anyhow::Result<u64> {
        let mut count = 0;
        for place in 0..if self.wire.is_stream() { 0 } else { self.pending.len() } {
            let ticket = self.ticket(place);
            let Some(lost) = &mut self.pending[place] else { continue };
            if now_ns < lost.sent_ns + RESEND_NS {
                continue;
            }
            lost.sent_ns = now_ns;
            self.message.clear();
            self.protocol.encode(&mut self.message, ticket, &lost.question, dataset);
            self.wire.push(&self.message);
            count += 1;
        }
        self.flush()?;
        Ok(count)
    }

    fn ticket(&self, place: usize) -> Ticket {
        Ticket { number: self.oldest + place as u64, oldest: self.oldest }
    }
}

/// Counts an answered request, whose values must be those that were written; or says what is left of its operation,
/// and when that started.
fn finish(
    tally: &mut Tally,
    answered: &Pending,
    outcome: &Outcome<'_>,
    load: &Load,
    now_ns: u64,
) -> Option<(Question, u64)> {
    let Pending { question, started_ns, .. } = answered;
    let Operation { step, key } = question.operation;
    let is_read = matches!(step, Step::Read | Step::ReadToModify);
    let (kind, text): (_, &[u8]) = match outcome {
        Outcome::Value(value, _) if is_read && *value == load.dataset.value(key) => (ReplyKind::Hit, b""),
        Outcome::Values(values) if is_read && are_right(values, question, &load.dataset) => {
            let found = values.iter().flatten().count() as u64;
            tally.hits += found;
            tally.misses += values.len() as u64 - found;
            (ReplyKind::Ok, b"")
        }
        Outcome::Absent if is_read => (ReplyKind::Miss, b""),
        Outcome::Stored if !is_read => (ReplyKind::Ok, b""),
        Outcome::Conflict if question.condition != Condition::Always => {
            tally.conflicts += 1;
            let again = Operation { step: Step::ReadToModify, key };
            return Some((Question::of(again), *started_ns));
        }
        Outcome::Refused(text) => (ReplyKind::Error, text.as_bytes()),
        _ => (ReplyKind::Error, b"not what was asked for, or not the value that was written"),
    };
    if kind != ReplyKind::Error
        && let Some(next) = question.operation.next()
    {
        let condition = match outcome {
            _ if !load.compares_and_swaps => Condition::Always,
            Outcome::Value(_, version) => Condition::IfVersion(*version),
            _ => Condition::IfAbsent,
        };
        return Some((Question { condition, ..Question::of(next) }, *started_ns));
    }
    tally.count(kind, text, now_ns.saturating_sub(*started_ns));
    None
}

/// Whether there is a value or its absence for each key, and each value is the key's.
fn are_right(values: &[Option<&[u8]>], question: &Question, dataset: &Dataset) -> bool {
    let is_right =
        |(value, key): (&Option<&[u8]>, u64)| value.is_none_or(|value| value == dataset.value(key));
    values.len() == 1 + question.more.len() && values.iter().zip(question.keys()).all(is_right)
}

/// A datagram that is not answered for so long is sent again. Far above what a busy server takes.
const RESEND_NS: u64 = 200_000_000;
