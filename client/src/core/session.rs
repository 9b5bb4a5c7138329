//! The session at each shard: it is opened when something is to be sent there, renewed in silence, lost when the shard
//! forgets it, closed at the end.

use adit_wire::native::reply::{Opened, Refused, Reply};
use adit_wire::native::request::COOKIE_BYTES;
use adit_wire::native::{CREDITS_MAX, FRAME_BYTES_MIN, Frame, HEADER_BYTES, Header, Opcode, Status};

use super::calls::Place;
use super::peer::{Ask, Exchange, Link, Stream};
use super::{Core, FRAME_MAX, HOME, draw_token};
use crate::error::{Caller, Error, Uncertain};

impl Core {
    /// Begins what a peer's part of the session needs.
    pub(super) fn tend(&mut self, index: usize, now_ns: u64) {
        let is_needed = self.is_needed(index);
        let oldest = self.numbers.oldest();
        let has_streams = self.has_streams();
        let has_sent = self.calls.has_sent(index);
        let peer = &mut self.peers[index];
        // Of a client that was not driven for long the shard may know nothing. It is asked before a write is sent, which would
        // be uncertain then.
        let silence_ns = if is_needed { peer.ttl_ns / 3 * 2 } else { peer.ttl_ns };
        if peer.link == Link::Open && !has_sent && now_ns >= peer.heard_ns.saturating_add(silence_ns) {
            peer.close();
        }
        match (peer.link, &peer.exchange) {
            (Link::Closed, Some(_)) if !is_needed => peer.exchange = None,
            (Link::Closed, None) if is_needed && peer.stream == Stream::Up => {
                peer.begin(if has_streams { Ask::Open([0; COOKIE_BYTES]) } else { Ask::Hello });
            }
            (Link::Open, Some(Exchange { ask: Ask::Close, .. })) => {}
            (Link::Open, _) if self.is_closing => peer.begin(Ask::Close),
            (Link::Open, None) => {
                let due_ns = peer.acknowledge_ns(oldest).unwrap_or(u64::MAX).min(peer.renew_ns());
                if due_ns <= now_ns {
                    peer.begin(Ask::Renew);
                }
            }
            _ => {}
        }
    }

    /// Whether a peer has to have the session: something is to be sent there, or it is the one that founds it.
    pub(super) fn is_needed(&self, peer: usize) -> bool {
        if self.is_closing || self.refused.is_some() {
            return false;
        }
        let is_founder = peer == self.founder;
        let founds =
            is_founder && (self.route.map.is_none() || (self.session == 0 && self.calls.count() > 0));
        founds || (self.calls.has_some(peer) && (self.session != 0 || is_founder))
    }

    /// An answer to a HELLO, OPEN, RENEW or CLOSE.
    pub(super) fn take_exchange(&mut self, index: usize, frame: &Frame<'_>, now_ns: u64) {
        let header = &frame.header;
        let Some(exchange) = self.peers[index].exchange.filter(|exchange| self.answers(exchange, header))
        else {
            self.counters.replies_stray += 1;
            return;
        };
        let opcode = exchange.ask.opcode();
        let status = Status::of(header.status);
        let Some(reply) = status.and_then(|status| Reply::decode(opcode, status, frame.segment)) else {
            self.counters.replies_stray += 1;
            return;
        };
        if exchange.sends == 1 {
            self.peers[index].rtt.sample(now_ns.saturating_sub(exchange.sent_ns));
        }
        match (exchange.ask, reply) {
            (Ask::Hello, Reply::Cookie(cookie)) => self.peers[index].begin(Ask::Open(*cookie)),
            (Ask::Open(_), Reply::Opened(opened)) => self.opened(index, header, &opened, &exchange, now_ns),
            (Ask::Open(cookie), Reply::Refused(Refused::Status(status))) => {
                self.open_refused(index, cookie, status, now_ns);
            }
            (Ask::Close, _) => (self.peers[index].link, self.peers[index].exchange) = (Link::Ended, None),
            (Ask::Renew, reply) => self.renewed(index, header, &reply, now_ns),
            (Ask::Hello | Ask::Open(_), _) => self.counters.replies_stray += 1,
        }
    }

    fn answers(&self, exchange: &Exchange, header: &Header) -> bool {
        let session = match exchange.ask {
            Ask::Hello => 0,
            Ask::Open(_) if self.session == 0 => header.session,
            Ask::Open(_) | Ask::Renew | Ask::Close => self.session,
        };
        exchange.sends > 0
            && header.opcode == exchange.ask.opcode() as u8
            && header.request == exchange.number
            && header.session == session
    }

    fn opened(&mut self, index: usize, header: &Header, opened: &Opened, exchange: &Exchange, now_ns: u64) {
        if header.session == 0 {
            self.counters.replies_stray += 1;
            return;
        }
        (self.session, self.token) = (header.session, opened.token);
        self.counters.opens += 1;
        // On a stream all frames may be the longest, whatever the shard says of datagrams.
        let said = if self.has_streams() { FRAME_MAX } else { opened.frame_bytes };
        let frame_bytes = said.min(self.config.frame_bytes);
        let peer = &mut self.peers[index];
        (peer.link, peer.exchange) = (Link::Open, None);
        (peer.open_number, peer.opened_ns, peer.heard_ns) = (exchange.number, now_ns, now_ns);
        peer.ttl_ns = u64::from(opened.ttl_ms) * 1_000_000;
        peer.segment_bytes = u32::from(frame_bytes).max(SHORTEST_FRAME) - HEADER_LEN;
        peer.credits = header.credits.clamp(1, CREDITS_MAX);
        if index == HOME {
            self.route.home = Some(opened.shard);
        }
        if opened.resumed {
            self.send_again(index);
        } else {
            peer.keeps = 0;
            self.lose_sent(index);
        }
        if self.route.map.is_none() {
            self.want_map(index);
        }
    }

    fn open_refused(&mut self, index: usize, cookie: [u8; COOKIE_BYTES], status: Status, now_ns: u64) {
        match status {
            // The cookie is too old.
            Status::Unproven if !self.has_streams() => self.peers[index].begin(Ask::Hello),
            Status::SessionLost | Status::BadCredentials if self.session != 0 => {
                self.lose_session(index);
                self.peers[index].begin(Ask::Open(cookie));
            }
            Status::Busy | Status::OutOfMemory | Status::SessionLost | Status::Unproven => {
                let due_ns = now_ns + REOPEN_NS;
                if status == Status::SessionLost {
                    self.token = draw_token(&mut self.random);
                }
                self.peers[index].begin(Ask::Open(cookie));
                self.peers[index].exchange.iter_mut().for_each(|exchange| exchange.due_ns = due_ns);
            }
            status => self.refuse(Error::of(status).unwrap_or(Error::Caller(Caller::Malformed))),
        }
    }

    /// The server will never open a session: nothing can be done any more.
    pub(super) fn refuse(&mut self, error: Error) {
        self.refused = Some(error);
        self.finish_all(error, Uncertain::SessionLost);
    }

    fn renewed(&mut self, index: usize, header: &Header, reply: &Reply<'_>, now_ns: u64) {
        self.peers[index].exchange = None;
        match reply {
            Reply::Refused(Refused::Status(Status::SessionLost)) => self.lose_peer(index),
            Reply::Refused(Refused::Status(Status::Unproven)) => self.peers[index].close(),
            _ => self.heard(index, header, now_ns),
        }
    }

    /// A frame of the session came: the shard knows it, and what it was told.
    #[inline]
    pub(super) fn heard(&mut self, index: usize, header: &Header, now_ns: u64) {
        let oldest = self.numbers.oldest();
        let peer = &mut self.peers[index];
        peer.heard_ns = now_ns;
        peer.told_oldest = peer.told_oldest.max(header.oldest.min(oldest));
        if peer.exchange.is_some_and(|exchange| exchange.ask == Ask::Renew) {
            peer.exchange = None;
        }
        self.heard_epoch(index, header.map_epoch);
    }

    /// The shard knows the session, but has heard it from another address or stream: all that is not answered is sent
    /// again. What is about to go on may have had something on its way, too.
    fn send_again(&mut self, index: usize) {
        let allowed = self.peers[index].allowed_bytes(self.peers[index].credits);
        for call in self.calls.indices().filter(|call| self.calls[*call].peer == index).collect::<Vec<_>>() {
            if matches!(self.calls[call].place, Place::Ready | Place::Flight | Place::Delayed) {
                self.calls[call].time_out(allowed);
            }
        }
        while let Some(call) = self.calls.first(index, Place::Flight) {
            self.calls.put(call, Place::Ready, index);
        }
    }

    /// A shard has forgotten the session: it has to be told again.
    pub(super) fn lose_peer(&mut self, index: usize) {
        self.counters.sessions_lost += 1;
        self.peers[index].close();
        self.lose_sent(index);
    }

    /// All shards have: a new session is to be founded, at this one.
    fn lose_session(&mut self, founder: usize) {
        self.counters.sessions_lost += 1;
        (self.session, self.token) = (0, draw_token(&mut self.random));
        self.founder = founder;
        for index in 0..self.peers.len() {
            self.peers[index].close();
            self.lose_sent(index);
        }
    }

    /// What was sent to a shard is lost there.
    fn lose_sent(&mut self, index: usize) {
        for call in self.calls.indices() {
            let place = self.calls[call].place;
            let was_sent = matches!(place, Place::Ready | Place::Flight | Place::Paused | Place::Delayed);
            if was_sent && self.calls[call].peer == index {
                self.lose_call(call);
            }
        }
    }

    /// A call is lost: it fails if it may have been applied, else it is sent again under another number.
    pub(super) fn lose_call(&mut self, index: u16) {
        if self.calls[index].is_uncertain() {
            return self.finish(index, Err(Error::Uncertain(Uncertain::SessionLost)));
        }
        if !self.calls[index].can_begin_again() {
            return self.give_up(index);
        }
        let call = &mut self.calls[index];
        let (number, peer) = (std::mem::take(&mut call.number), call.peer);
        call.begin_again();
        self.numbers.release(number);
        self.calls.put(index, Place::Fresh, peer);
    }

    /// When a peer has to be tended.
    pub(super) fn peer_event_ns(&self, index: usize) -> Option<u64> {
        let (peer, is_needed) = (&self.peers[index], self.is_needed(index));
        if let Stream::Down(due_ns) = peer.stream {
            return is_needed.then_some(due_ns);
        }
        let exchange = peer.exchange.map(|exchange| exchange.due_ns);
        let rest = match peer.link {
            Link::Closed => (is_needed && exchange.is_none() && peer.stream == Stream::Up).then_some(0),
            Link::Open if self.is_closing => exchange.is_none().then_some(0),
            Link::Open => {
                let acknowledge_ns = peer.acknowledge_ns(self.numbers.oldest()).unwrap_or(u64::MAX);
                let tend_ns = exchange.is_none().then_some(acknowledge_ns.min(peer.renew_ns()));
                [self.send_event_ns(index), tend_ns].into_iter().flatten().min()
            }
            Link::Ended => None,
        };
        [exchange, rest].into_iter().flatten().min()
    }
}

impl Ask {
    pub(super) fn opcode(self) -> Opcode {
        match self {
            Self::Hello => Opcode::Hello,
            Self::Open(_) => Opcode::Open,
            Self::Renew => Opcode::Renew,
            Self::Close => Opcode::Close,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "576 and 56")]
const SHORTEST_FRAME: u32 = FRAME_BYTES_MIN as u32;
#[expect(clippy::cast_possible_truncation, reason = "576 and 56")]
const HEADER_LEN: u32 = HEADER_BYTES as u32;
/// Before a shard that has no room for a session is asked again.
const REOPEN_NS: u64 = 100_000_000;
