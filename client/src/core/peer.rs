//! One shard as the client knows it: its address, its part of the session, what is being asked for to keep it.

use std::net::SocketAddr;

use adit_wire::native::request::COOKIE_BYTES;
use adit_wire::native::{CREDITS_MAX, FRAME_BYTES_MIN, HEADER_BYTES};

use super::rtt::Rtt;

/// A shard.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) stream: Stream,
    pub(super) link: Link,
    /// What is asked for to have the session there.
    pub(super) exchange: Option<Exchange>,
    pub(super) rtt: Rtt,
    /// Requests up to this number were drawn before the session was opened there last.
    pub(super) open_number: u64,
    pub(super) opened_ns: u64,
    /// When a frame of the session came last.
    pub(super) heard_ns: u64,
    /// The session is forgotten there after so much silence.
    pub(super) ttl_ns: u64,
    pub(super) segment_bytes: u32,
    /// Segments of a long request that it takes at first.
    pub(super) credits: u16,
    /// Segments that may be on their way, each way, for one call: more while all goes well, half after a loss.
    pub(super) window: u16,
    /// The oldest unacknowledged request that the shard is known to have been told.
    pub(super) told_oldest: u64,
    /// The last request whose reply it keeps until it is told of a later one.
    pub(super) keeps: u64,
    pub(super) keeps_since_ns: u64,
}

/// Whether the shard knows the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// It is to be opened, if there is something to ask for.
    Closed,
    /// It is open.
    Open,
    /// It was closed for good.
    Ended,
}

/// The stream to the shard; with datagrams it is always up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// There is none, and another may be tried from this time on.
    Down(u64),
    /// One is being connected.
    Connecting,
    /// It is there.
    Up,
}

/// A request for the session itself. It needs no place in the window: it may be asked for again with another number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) ask: Ask,
    /// Its number, 0 before it has one.
    pub(super) number: u64,
    /// When it is sent, or sent again.
    pub(super) due_ns: u64,
    pub(super) sent_ns: u64,
    pub(super) sends: u32,
}

/// What an exchange asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// A cookie.
    Hello,
    /// The session, which the shard founds if there is none.
    Open([u8; COOKIE_BYTES]),
    /// That it lives on.
    Renew,
    /// That it ends.
    Close,
}

impl Peer {
    pub(super) fn new(address: SocketAddr, has_streams: bool) -> Self {
        Self {
            address,
            stream: if has_streams { Stream::Down(0) } else { Stream::Up },
            link: Link::Closed,
            exchange: None,
            rtt: Rtt::new(),
            open_number: 0,
            opened_ns: 0,
            heard_ns: 0,
            ttl_ns: u64::MAX,
            segment_bytes: SEGMENT_BYTES_FIRST,
            credits: 1,
            window: WINDOW_SEGMENTS_FIRST,
            told_oldest: 0,
            keeps: 0,
            keeps_since_ns: 0,
        }
    }

    /// Begins to ask for something.
    pub(super) fn begin(&mut self, ask: Ask) {
        self.exchange = Some(Exchange { ask, number: 0, due_ns: 0, sent_ns: 0, sends: 0 });
    }

    /// The session is not, or no longer, known there.
    pub(super) fn close(&mut self) {
        (self.link, self.exchange) = (Link::Closed, None);
    }

    /// Bytes of a long request that may be sent after the shard has said that it takes so many segments.
    pub(super) fn allowed_bytes(&self, credits: u16) -> u32 {
        u32::from(credits.min(self.window)) * self.segment_bytes
    }

    /// A part of a long message has come through.
    pub(super) fn widen(&mut self) {
        self.window = (self.window + 1).min(CREDITS_MAX);
    }

    /// When the session has to be renewed, if nothing else is said before: after a third of its time.
    pub(super) fn renew_ns(&self) -> u64 {
        self.heard_ns.saturating_add((self.ttl_ns / 3).max(RENEW_NS_MIN))
    }

    /// When the shard has to be told that its long reply has come, if nothing else does.
    pub(super) fn acknowledge_ns(&self, oldest: u64) -> Option<u64> {
        let owes = self.keeps > 0 && self.keeps >= self.told_oldest && oldest > self.keeps;
        owes.then(|| self.keeps_since_ns.saturating_add(ACKNOWLEDGE_NS))
    }

    /// Something that was sent at `sent_ns` had no answer in time.
    pub(super) fn time_out(&mut self, sent_ns: u64, now_ns: u64) {
        if self.rtt.timed_out(sent_ns, now_ns) {
            self.window = (self.window / 2).max(WINDOW_SEGMENTS_MIN);
        }
    }
}

/// Segments of the shortest frames, before the shard has said how long they may be.
#[expect(clippy::cast_possible_truncation, reason = "520")]
const SEGMENT_BYTES_FIRST: u32 = (FRAME_BYTES_MIN - HEADER_BYTES) as u32;
const WINDOW_SEGMENTS_FIRST: u16 = 32;
const WINDOW_SEGMENTS_MIN: u16 = 2;
/// A session is renewed at most so often, whatever time to live a shard names.
const RENEW_NS_MIN: u64 = 100_000_000;
/// How long a long reply may go unacknowledged: usually the next request does it.
const ACKNOWLEDGE_NS: u64 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> Peer {
        Peer::new(([127, 0, 0, 1], 7400).into(), false)
    }

    #[test]
    fn a_loss_halves_the_window_once_and_success_widens_it() {
        let mut peer = peer();
        peer.time_out(5, 10);
        peer.time_out(6, 10);
        assert_eq!(peer.window, WINDOW_SEGMENTS_FIRST / 2);
        (11..30).for_each(|time| peer.time_out(time, time));
        assert_eq!(peer.window, WINDOW_SEGMENTS_MIN);
        (0..1_000).for_each(|_| peer.widen());
        assert_eq!(peer.window, CREDITS_MAX);
    }

    #[test]
    fn a_long_reply_is_acknowledged_when_nothing_before_it_is_open() {
        let mut peer = peer();
        assert_eq!(peer.acknowledge_ns(1), None);
        (peer.told_oldest, peer.keeps, peer.keeps_since_ns) = (3, 5, 1_000);
        assert_eq!(peer.acknowledge_ns(5), None, "an older request is open");
        assert_eq!(peer.acknowledge_ns(6), Some(1_000 + ACKNOWLEDGE_NS));
        peer.told_oldest = 6;
        assert_eq!(peer.acknowledge_ns(6), None);
    }
}
