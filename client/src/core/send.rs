//! Frames out: what is due is encoded straight into the room that the caller has for it.

use std::net::SocketAddr;

use adit_wire::native::request::{Open, Request};
use adit_wire::native::{CREDITS_MAX, HEADER_BYTES, Header, Opcode};

use super::calls::Place;
use super::feed::Feed;
use super::peer::{Ask, Exchange, Link, Peer};
use super::upload::Upload;
use super::{Core, Outgoing};
use crate::error::{Error, State, Uncertain, Unreachable};

/// The body of a request in two parts.
struct Body<'a> {
    head: &'a [u8],
    value: Tail<'a>,
}

/// The value of a request.
enum Tail<'a> {
    Whole(&'a [u8]),
    /// It is given in pieces.
    Fed(&'a Feed),
}

impl Core {
    /// Writes all frames that are due, and for which there is room, to `out`.
    pub fn transmit(&mut self, now_ns: u64, out: &mut impl Outgoing) {
        self.expire(now_ns);
        self.wake_delayed(now_ns);
        self.inquire(now_ns);
        self.turn = self.turn.wrapping_add(1);
        for index in 0..self.peers.len() {
            let peer = (index + self.turn) % self.peers.len();
            self.time_out(peer, now_ns);
            self.tend(peer, now_ns);
            self.send_exchange(peer, now_ns, out);
            self.send_calls(peer, now_ns, out);
        }
    }

    /// When a peer that is open has something to be sent.
    pub(super) fn send_event_ns(&self, peer: usize) -> Option<u64> {
        let first = |place| self.calls.first(peer, place);
        if first(Place::Ready).is_some() || (first(Place::Fresh).is_some() && self.numbers.has_room()) {
            return Some(0);
        }
        let waiting = first(Place::Flight).filter(|_| !self.has_streams())?;
        Some(self.calls[waiting].moved_ns + self.peers[peer].rtt.rto_ns())
    }

    /// Completes what is beyond its deadline.
    fn expire(&mut self, now_ns: u64) {
        if now_ns < self.deadline_ns {
            return;
        }
        for index in self.calls.indices() {
            if self.calls[index].deadline_ns <= now_ns {
                self.expire_call(index, now_ns);
            }
        }
        let left = self.calls.indices().map(|index| self.calls[index].deadline_ns);
        self.deadline_ns = left.min().unwrap_or(u64::MAX);
    }

    fn expire_call(&mut self, index: u16, now_ns: u64) {
        let call = &self.calls[index];
        if call.operation.is_none() {
            return self.miss_inquiry(index, now_ns);
        }
        self.counters.timeouts += 1;
        let error = match (call.is_uncertain(), call.is_refused) {
            (true, _) => Error::Uncertain(Uncertain::Deadline),
            (false, true) => Error::State(State::Busy),
            (false, false) => Error::Unreachable(Unreachable::Deadline),
        };
        self.finish(index, Err(error));
    }

    /// Lets a call that was refused wait, twice as long each time.
    pub(super) fn delay(&mut self, index: u16, now_ns: u64) {
        let call = &mut self.calls[index];
        let longest_ns = (DELAY_NS_MIN << call.refusals.min(DELAY_DOUBLINGS_MAX)).min(DELAY_NS_MAX);
        call.refusals += 1;
        // Up to half of it by chance, so that those that were refused together do not come back together.
        call.due_ns = now_ns + longest_ns - self.random.below(longest_ns / 2);
        let peer = call.peer;
        self.calls.put(index, Place::Delayed, peer);
    }

    fn wake_delayed(&mut self, now_ns: u64) {
        while let Some(index) = self.first_overdue(now_ns) {
            let (sends, peer) = (self.calls[index].sends, self.calls[index].peer);
            if sends > 0 {
                self.calls.put(index, Place::Ready, peer);
            } else {
                self.route_call(index);
            }
        }
    }

    fn first_overdue(&self, now_ns: u64) -> Option<u16> {
        self.calls.delayed().find(|index| self.calls[*index].due_ns <= now_ns)
    }

    /// What had no answer in time is to be sent again; on streams the kernel does that.
    fn time_out(&mut self, peer: usize, now_ns: u64) {
        if self.has_streams() || self.peers[peer].link != Link::Open {
            return;
        }
        let rto_ns = self.peers[peer].rtt.rto_ns();
        while let Some(index) = self.calls.first(peer, Place::Flight) {
            let moved_ns = self.calls[index].moved_ns;
            if moved_ns + rto_ns > now_ns {
                return;
            }
            self.peers[peer].time_out(moved_ns, now_ns);
            let allowed = self.peers[peer].allowed_bytes(CREDITS_MAX);
            self.calls[index].time_out(allowed);
            self.calls.put(index, Place::Ready, peer);
            self.counters.retransmissions += 1;
        }
    }

    fn send_exchange(&mut self, peer: usize, now_ns: u64, out: &mut impl Outgoing) {
        let Some(mut exchange) = self.peers[peer].exchange.filter(|exchange| exchange.due_ns <= now_ns)
        else {
            return;
        };
        if exchange.number == 0 && !self.number_exchange(peer, &mut exchange) {
            exchange.due_ns = now_ns + DELAY_NS_MIN;
        } else if self.write_exchange(peer, &exchange, out) {
            self.counters.retransmissions += u64::from(exchange.sends > 0);
            if exchange.sends > 0 {
                self.peers[peer].time_out(exchange.sent_ns, now_ns);
            }
            let rto_ns = self.peers[peer].rtt.rto_ns();
            exchange.due_ns = if self.has_streams() { u64::MAX } else { now_ns + rto_ns };
            (exchange.sent_ns, exchange.sends) = (now_ns, exchange.sends + 1);
        }
        self.peers[peer].exchange = Some(exchange);
    }

    /// A HELLO is of no session: its number only has to be one that nobody guesses.
    fn number_exchange(&mut self, peer: usize, exchange: &mut Exchange) -> bool {
        let number = match exchange.ask {
            Ask::Hello => Some(self.random.bits() | 1),
            Ask::Renew => self.numbers.draw_renewal(self.peers[peer].open_number),
            Ask::Open(_) | Ask::Close => self.numbers.draw_exchange(),
        };
        exchange.number = number.unwrap_or(0);
        number.is_some()
    }

    fn write_exchange(&mut self, peer: usize, exchange: &Exchange, out: &mut impl Outgoing) -> bool {
        let request = match exchange.ask {
            Ask::Hello => Request::Hello,
            Ask::Open(cookie) => Request::Open(Open {
                cookie,
                token: self.token,
                frame_bytes: self.config.frame_bytes,
                tenant: if self.session == 0 { &self.config.tenant } else { &[] },
                password: if self.session == 0 { &self.config.password } else { &[] },
            }),
            Ask::Renew => Request::Renew,
            Ask::Close => Request::Close,
        };
        self.scratch.clear();
        request.encode(&mut self.scratch);
        let is_hello = exchange.ask == Ask::Hello;
        let session = if is_hello { 0 } else { self.session };
        let header = Header { session, ..self.header(exchange.ask.opcode(), exchange.number) };
        let body = Body { head: &self.scratch, value: Tail::Whole(&[]) };
        let wrote = write(out, self.peers[peer].address, header, &body, 0, body.len_bytes());
        self.counters.frames_sent += u64::from(wrote);
        wrote
    }

    fn header(&self, opcode: Opcode, number: u64) -> Header {
        Header {
            opcode: opcode as u8,
            session: self.session,
            request: number,
            // A number that nothing waits for may be below the oldest one that something does.
            oldest: self.numbers.oldest().min(number),
            map_epoch: self.epoch(),
            ..Header::default()
        }
    }

    fn send_calls(&mut self, peer: usize, now_ns: u64, out: &mut impl Outgoing) {
        if self.peers[peer].link != Link::Open {
            return;
        }
        while let Some(index) = self.calls.first(peer, Place::Ready) {
            if !self.send_call(index, now_ns, out) {
                return;
            }
        }
        while let Some(index) = self.calls.first(peer, Place::Fresh) {
            if !self.number_call(index) || !self.send_call(index, now_ns, out) {
                return;
            }
        }
    }

    /// Gives a call a number that the session at its peer takes.
    #[inline]
    fn number_call(&mut self, index: u16) -> bool {
        let call = &mut self.calls[index];
        if call.number > self.peers[call.peer].open_number {
            return true;
        }
        self.numbers.release(std::mem::take(&mut call.number));
        let number = match call.operation {
            Some(_) => self.numbers.draw(index),
            None => self.numbers.draw_urgent(index),
        };
        call.number = number.unwrap_or(0);
        number.is_some()
    }

    /// Sends what a call has to send now. Says whether there was room for all of it.
    #[inline]
    fn send_call(&mut self, index: u16, now_ns: u64, out: &mut impl Outgoing) -> bool {
        let sent_before = self.counters.frames_sent;
        let had_room = if self.calls[index].reply.is_some() {
            self.send_continues(index, out)
        } else {
            self.send_request(index, out)
        };
        let call = &mut self.calls[index];
        // Where nothing was sent, what is on its way is not younger than before: it would never be missed.
        if self.counters.frames_sent > sent_before || call.moved_ns == 0 {
            (call.moved_ns, call.overtaken) = (now_ns, 0);
        }
        if had_room {
            let peer = call.peer;
            if call.is_in_pieces && call.is_callers_turn(self.peers[peer].segment_bytes) {
                // The caller takes its time.
                call.deadline_ns = u64::MAX;
                self.calls.put(index, Place::Paused, peer);
            } else {
                self.calls.put(index, Place::Flight, peer);
            }
        }
        had_room
    }

    /// Sends a request, or the segments of it that the shard takes now. Says whether there was room.
    #[inline]
    fn send_request(&mut self, index: u16, out: &mut impl Outgoing) -> bool {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let call = &self.calls[index];
        let peer = &self.peers[call.peer];
        let credits = self.reply_credits(peer);
        let header = Header { credits, ..self.header(call.opcode, call.number) };
        let mut value = Tail::Whole(&[]);
        if let Some(operation) = &call.operation {
            operation.encode_head(&mut scratch);
            value = call.feed.as_deref().map_or_else(|| Tail::Whole(operation.value()), Tail::Fed);
        }
        let body = Body { head: &scratch, value };
        let mut upload = call.upload;
        let sent = if !body.is_ready(body.len_bytes().min(peer.segment_bytes)) {
            Sent { frames: 0, had_room: true, is_whole: false }
        } else if body.len_bytes() <= peer.segment_bytes {
            let wrote = write(out, peer.address, header, &body, 0, body.len_bytes());
            Sent { frames: u64::from(wrote), had_room: wrote, is_whole: wrote }
        } else {
            upload.begin(body.len_bytes(), peer.allowed_bytes(peer.credits));
            write_segments(out, peer, header, &body, &mut upload)
        };
        self.scratch = scratch;
        self.counters.frames_sent += sent.frames;
        let call = &mut self.calls[index];
        (call.upload, call.offered) = (upload, credits);
        call.sends += u32::from(sent.frames > 0);
        call.is_timed = sent.frames > 0 && call.sends == 1;
        call.may_be_applied |= sent.is_whole;
        sent.had_room
    }

    /// Asks for segments of a long reply.
    fn send_continues(&mut self, index: u16, out: &mut impl Outgoing) -> bool {
        let call = &self.calls[index];
        let peer = &self.peers[call.peer];
        let (address, segment_bytes) = (peer.address, peer.segment_bytes);
        let (window, header) = (self.reply_credits(peer), self.header(Opcode::Continue, call.number));
        while let Some(reply) = &mut self.calls[index].reply
            && let Some(ask) = reply.next_ask(segment_bytes, window)
        {
            let Some(frame) = out.room(address, HEADER_BYTES) else { return false };
            Header { credits: ask.credits, offset: ask.offset, ..header }.seal(frame);
            reply.sent();
            self.counters.frames_sent += 1;
        }
        true
    }

    /// Segments that a peer may send at once for one call: many calls share what the receiver can hold.
    #[inline]
    pub(super) fn reply_credits(&self, peer: &Peer) -> u16 {
        let share = REPLY_SEGMENTS / self.calls.count().max(1);
        u16::try_from(share).unwrap_or(u16::MAX).clamp(CREDITS_MIN, peer.window)
    }
}

/// What came of sending a request.
struct Sent {
    frames: u64,
    had_room: bool,
    /// The last byte was among it: it may be applied.
    is_whole: bool,
}

impl Body<'_> {
    #[inline]
    fn len_bytes(&self) -> u32 {
        match self.value {
            Tail::Whole(value) => u32::try_from(self.head.len() + value.len()).unwrap_or(u32::MAX),
            Tail::Fed(feed) => feed.body_bytes(),
        }
    }

    /// Whether it is there up to `end`.
    #[inline]
    fn is_ready(&self, end: u32) -> bool {
        match self.value {
            Tail::Whole(_) => true,
            Tail::Fed(feed) => feed.is_ready(end),
        }
    }

    /// Copies the part that begins at `offset`.
    #[inline]
    fn copy_to(&self, offset: usize, segment: &mut [u8]) {
        let head = self.head.get(offset..).unwrap_or_default();
        let (of_head, of_value) = segment.split_at_mut(head.len().min(segment.len()));
        of_head.copy_from_slice(&head[..of_head.len()]);
        let start = offset.saturating_sub(self.head.len());
        match self.value {
            Tail::Whole(value) => of_value.copy_from_slice(&value[start..start + of_value.len()]),
            Tail::Fed(_) if of_value.is_empty() => {}
            Tail::Fed(feed) => feed.copy_to(start, of_value),
        }
    }
}

fn write_segments(
    out: &mut impl Outgoing,
    peer: &Peer,
    header: Header,
    body: &Body<'_>,
    upload: &mut Upload,
) -> Sent {
    let (total, mut frames) = (body.len_bytes(), 0);
    while let Some(offset) = upload.next() {
        let len = peer.segment_bytes.min(total - offset);
        if !body.is_ready(offset + len) {
            break;
        }
        if !write(out, peer.address, header, body, offset, len) {
            return Sent { frames, had_room: false, is_whole: false };
        }
        upload.advance(offset + len);
        frames += 1;
    }
    Sent { frames, had_room: true, is_whole: upload.has_sent() }
}

/// Writes one frame. Says whether there was room.
#[inline]
fn write(
    out: &mut impl Outgoing,
    to: SocketAddr,
    header: Header,
    body: &Body<'_>,
    offset: u32,
    len: u32,
) -> bool {
    let Some(frame) = out.room(to, HEADER_BYTES + len as usize) else { return false };
    body.copy_to(offset as usize, &mut frame[HEADER_BYTES..]);
    Header { total_bytes: body.len_bytes(), offset, ..header }.seal(frame);
    true
}

/// Segments of long replies that may be on their way to the client for all calls together, roughly.
const REPLY_SEGMENTS: usize = 256;
const CREDITS_MIN: u16 = 2;
/// How long a call that was refused for the moment waits at first, and at most.
const DELAY_NS_MIN: u64 = 1_000_000;
const DELAY_NS_MAX: u64 = 1_000_000_000;
const DELAY_DOUBLINGS_MAX: u32 = 10;
