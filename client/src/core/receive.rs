//! Frames in: which call a reply belongs to, and what it means. A frame that answers nothing is counted and ignored.

use std::net::SocketAddr;

use adit_wire::native::reply::{Refused, Reply, VALUE_HEAD_BYTES};
use adit_wire::native::{BODY_BYTES_MAX, Frame, FrameError, Opcode, Status};

use super::Core;
use super::assembly::{Assembly, NotTaken};
use super::calls::Place;
use super::peer::Link;
use crate::answer::Answer;
use crate::error::{Caller, Error, State, Uncertain};

impl Core {
    /// Takes a frame that came from `from`: a datagram, or what a stream's next bytes are.
    ///
    /// # Errors
    /// If it is no frame, which is counted; a stream that brought it is of no more use.
    #[inline]
    pub fn receive(&mut self, from: SocketAddr, bytes: &[u8], now_ns: u64) -> Result<(), FrameError> {
        self.counters.frames_received += 1;
        let frame = Frame::decode(bytes).inspect_err(|error| self.harmed(from, *error))?;
        let opcode = Opcode::of(frame.header.opcode).filter(|_| frame.header.is_reply);
        match opcode {
            Some(opcode @ (Opcode::Hello | Opcode::Open | Opcode::Renew | Opcode::Close)) => {
                self.receive_exchange(opcode, from, &frame, now_ns);
            }
            Some(opcode) => self.receive_reply(opcode, from, &frame, now_ns),
            None => self.counters.replies_stray += 1,
        }
        Ok(())
    }

    fn harmed(&mut self, from: SocketAddr, error: FrameError) {
        self.counters.frames_harmed += 1;
        let founder = &self.peers[self.founder];
        let is_founding = self.session == 0 && founder.exchange.is_some() && from == founder.address;
        if is_founding && matches!(error, FrameError::Version(_)) {
            self.refuse(Error::Caller(Caller::UnsupportedVersion));
        }
    }

    fn receive_exchange(&mut self, opcode: Opcode, from: SocketAddr, frame: &Frame<'_>, now_ns: u64) {
        let asks = |exchange: super::peer::Exchange| exchange.ask.opcode() == opcode;
        let peer = self.peers.iter().position(|peer| peer.address == from && peer.exchange.is_some_and(asks));
        match peer {
            Some(peer) => self.take_exchange(peer, frame, now_ns),
            None => self.counters.replies_stray += 1,
        }
    }

    #[inline]
    fn receive_reply(&mut self, opcode: Opcode, from: SocketAddr, frame: &Frame<'_>, now_ns: u64) {
        let Some((index, status)) = self.answered(opcode, from, frame) else {
            self.counters.replies_stray += 1;
            return;
        };
        let call = &mut self.calls[index];
        let peer = call.peer;
        // What follows a credit may answer to what that answered to.
        if std::mem::take(&mut call.is_timed) && call.place == Place::Flight {
            self.peers[peer].rtt.sample(now_ns.saturating_sub(call.moved_ns));
        }
        if call.place == Place::Flight {
            self.overtake(peer, index);
        }
        match status {
            Status::SessionLost => self.session_lost(index),
            Status::Unproven => self.unproven(index),
            _ => {
                self.heard(peer, &frame.header, now_ns);
                self.take_reply(index, status, frame, now_ns);
            }
        }
    }

    /// An answer has come. What was sent before and has none yet may be lost: after a few it is sent again, without waiting
    /// for the time-out (RFC 9002, section 6.1.1); each time after four times as many, since it may only take longer.
    #[inline]
    fn overtake(&mut self, peer: usize, answered: u16) {
        let Some(first) = self.calls.first(peer, Place::Flight).filter(|first| *first != answered) else {
            return;
        };
        let is_ordered = self.has_streams();
        let call = &mut self.calls[first];
        call.overtaken += 1;
        let most = OVERTAKEN_MAX << (2 * call.sends.saturating_sub(1)).min(20);
        if call.overtaken >= most && call.reply.is_none() && !is_ordered {
            // Of a long one a segment asks for how far it has come: all of it may be there, and only take long.
            call.time_out(self.peers[peer].segment_bytes);
            self.calls.put(first, Place::Ready, peer);
            self.counters.retransmissions += 1;
        }
    }

    /// The call that a reply belongs to: of this session, with this number and opcode, sent to this address.
    #[inline]
    fn answered(&self, opcode: Opcode, from: SocketAddr, frame: &Frame<'_>) -> Option<(u16, Status)> {
        let status = Status::of(frame.header.status)?;
        let index = self.numbers.call(frame.header.request)?;
        let call = &self.calls[index];
        let is_asked = call.opcode == opcode || (opcode == Opcode::Continue && call.reply.is_some());
        let is_of_session = self.session != 0 && frame.header.session == self.session;
        let is_sent = call.sends > 0 && self.peers[call.peer].address == from;
        (is_asked && is_of_session && is_sent).then_some((index, status))
    }

    #[inline]
    fn take_reply(&mut self, index: u16, status: Status, frame: &Frame<'_>, now_ns: u64) {
        match status {
            Status::Ok if frame.is_whole() => self.complete(index, frame.segment, now_ns),
            Status::Ok => self.take_segment(index, frame, now_ns),
            Status::Credit => self.take_credit(index, frame, now_ns),
            Status::Busy => {
                self.counters.busies += 1;
                let call = &mut self.calls[index];
                let peer = &self.peers[call.peer];
                call.is_refused = true;
                call.time_out(peer.allowed_bytes(peer.credits));
                self.delay(index, now_ns);
            }
            Status::NoReply => self.reply_lost(index),
            Status::BeyondWindow => self.counters.replies_stray += 1,
            status => self.refused_by(index, status, frame, now_ns),
        }
    }

    #[inline]
    fn complete(&mut self, index: u16, body: &[u8], now_ns: u64) {
        let call = &self.calls[index];
        let Some(operation) = &call.operation else {
            return self.take_inquiry(index, body, now_ns);
        };
        if call.is_read_in_pieces() {
            if call.reply.is_some() || body.len() < VALUE_HEAD_BYTES {
                self.counters.replies_stray += 1;
                return;
            }
            self.calls[index].reply = Some(Assembly::whole(body));
            return self.finish_reading(index);
        }
        match Answer::of(call.opcode, body).filter(|answer| operation.fits(answer)) {
            Some(answer) => self.finish(index, Ok(answer)),
            None => self.counters.replies_stray += 1,
        }
    }

    fn take_segment(&mut self, index: u16, frame: &Frame<'_>, now_ns: u64) {
        let header = &frame.header;
        let is_in_pieces = self.calls[index].is_read_in_pieces();
        let most = if is_in_pieces { BODY_BYTES_MAX } else { self.config.reply_bytes_max };
        if header.total_bytes > most {
            return self.finish_kept(index, Err(Error::Caller(Caller::ReplyTooLong)), now_ns);
        }
        let call = &mut self.calls[index];
        let asked = u32::from(call.offered) * self.peers[call.peer].segment_bytes;
        if is_in_pieces && (header.total_bytes as usize) < VALUE_HEAD_BYTES {
            self.counters.replies_stray += 1;
            return;
        }
        let begin = if is_in_pieces { Assembly::in_pieces } else { Assembly::new };
        let reply = call.reply.get_or_insert_with(|| begin(header.total_bytes, asked));
        match reply.take(header.total_bytes, header.offset, frame.segment) {
            Ok(()) if reply.is_complete() => self.assembled(index, now_ns),
            Ok(()) => {
                call.moved_ns = now_ns;
                let peer = call.peer;
                self.peers[peer].widen();
                self.calls.put(index, Place::Ready, peer);
            }
            Err(NotTaken::Stray) => self.counters.replies_stray += 1,
            Err(NotTaken::NoMemory) => {
                self.finish_kept(index, Err(Error::Caller(Caller::ReplyTooLong)), now_ns);
            }
        }
    }

    /// All segments of a reply have come.
    fn assembled(&mut self, index: u16, now_ns: u64) {
        if self.calls[index].is_read_in_pieces() {
            self.keeps(index, now_ns);
            return self.finish_reading(index);
        }
        let call = &mut self.calls[index];
        let body = call.reply.take().map(Assembly::into_body).unwrap_or_default();
        if call.operation.is_none() {
            self.keeps(index, now_ns);
            return self.take_inquiry(index, &body, now_ns);
        }
        match Answer::of_assembled(call.opcode, body) {
            Some(answer) if call.operation.as_ref().is_some_and(|asked| asked.fits(&answer)) => {
                self.finish_kept(index, Ok(answer), now_ns);
            }
            // It is asked for again when time is out.
            _ => self.counters.replies_stray += 1,
        }
    }

    /// A call is complete whose reply the shard keeps until it is told.
    fn finish_kept(&mut self, index: u16, result: Result<Answer, Error>, now_ns: u64) {
        self.keeps(index, now_ns);
        self.finish(index, result);
    }

    pub(super) fn keeps(&mut self, index: u16, now_ns: u64) {
        let call = &self.calls[index];
        let peer = &mut self.peers[call.peer];
        (peer.keeps, peer.keeps_since_ns) = (peer.keeps.max(call.number), now_ns);
    }

    fn take_credit(&mut self, index: u16, frame: &Frame<'_>, now_ns: u64) {
        let is_ordered = self.has_streams();
        let call = &mut self.calls[index];
        let peer = &mut self.peers[call.peer];
        let allowed = peer.allowed_bytes(frame.header.credits);
        if call.feed.as_ref().is_some_and(|feed| frame.header.offset < feed.floor()) {
            // It has forgotten what is not kept here any more, unless this is late.
            if call.upload.doubt(is_ordered) {
                self.give_up(index);
            }
            return;
        }
        let is_further = call.upload.credit(frame.header.offset, allowed);
        if is_further {
            peer.widen();
            call.moved_ns = now_ns;
        }
        let taken = call.upload.taken();
        call.feed.iter_mut().for_each(|feed| feed.confirm(taken));
        let (peer, can_upload) = (call.peer, call.can_upload(peer.segment_bytes));
        if call.place == Place::Flight && can_upload {
            self.calls.put(index, Place::Ready, peer);
        } else if call.place == Place::Flight && is_further {
            // What moved last waits behind the others.
            self.calls.put(index, Place::Flight, peer);
        }
    }

    /// The shard has forgotten the session; or the request, if that is older than the session there.
    fn session_lost(&mut self, index: u16) {
        let call = &self.calls[index];
        let peer = call.peer;
        if self.peers[peer].link == Link::Open && call.number <= self.peers[peer].open_number {
            self.lose_call(index);
        } else {
            self.lose_peer(peer);
        }
    }

    /// The shard knows the session from another address. If the call was not sent since then, it says nothing new.
    fn unproven(&mut self, index: u16) {
        let call = &self.calls[index];
        let peer = &mut self.peers[call.peer];
        if peer.link == Link::Open && call.moved_ns >= peer.opened_ns {
            peer.close();
        }
    }

    /// The shard does not keep the reply that was to be continued.
    fn reply_lost(&mut self, index: u16) {
        if self.calls[index].reply.is_none() {
            self.counters.replies_stray += 1;
        } else {
            self.lose_call(index);
        }
    }

    fn refused_by(&mut self, index: u16, status: Status, frame: &Frame<'_>, now_ns: u64) {
        let call = &self.calls[index];
        // What has an answer is not refused: this is late, of a copy that was asked for at another time.
        if call.reply.is_some() && frame.header.opcode != Opcode::Continue as u8 {
            self.counters.replies_stray += 1;
            return;
        }
        match Reply::decode(call.opcode, status, frame.segment).filter(|_| frame.is_whole()) {
            Some(Reply::Refused(Refused::WrongShard { owner })) if call.operation.is_some() => {
                self.redirect(index, owner, now_ns);
            }
            Some(Reply::Refused(_)) if call.operation.is_none() => self.miss_inquiry(index, now_ns),
            Some(Reply::Refused(Refused::Condition(version))) => {
                self.finish(index, Err(Error::State(State::ConditionFailed { version })));
            }
            Some(Reply::Refused(Refused::Status(status))) => {
                let error = Error::of(status).unwrap_or(Error::Uncertain(Uncertain::SessionLost));
                self.finish(index, Err(error));
            }
            _ => self.counters.replies_stray += 1,
        }
    }
}

/// Answers to later requests after which an earlier one counts as lost.
const OVERTAKEN_MAX: u32 = 3;
