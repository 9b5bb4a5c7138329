//! One connection: its socket, and what the shard has been told of it.

use adit_drivers::chunk::ChunkPool;
use adit_drivers::outbox::{Outbox, Pinned};
use adit_drivers::prefetch;
use adit_drivers::streams::{ConnectionId, Event, SEND_BYTES_MAX, Sending};
use smoltcp::socket::tcp::State;

use super::config::{CLOSING_EXTENSIONS_MAX, CLOSING_NS_MAX};
use super::handshake::{Agreement, Endpoint};
use super::sent::Sent;

/// A connection, from the end of its handshake until smoltcp has nothing more to do for it.
pub(super) struct Connection {
    pub(super) endpoint: Endpoint,
    listener: u32,
    peer_isn: u32,
    pub(super) sent: Sent,
    /// Bytes that were taken out of the socket, modulo 2^32.
    taken_bytes: u32,
    opened: bool,
    paused: bool,
    blocked: bool,
    ended: bool,
    lost: bool,
    /// Once the shard has closed it.
    closing: Option<Closing>,
}

#[derive(Clone, Copy)]
struct Closing {
    /// When it is given up.
    until_ns: u64,
    /// Bytes that were left to be delivered when that was decided.
    left_bytes: usize,
    extensions: u8,
    /// When the FIN is said again if smoltcp says nothing until then.
    fin_again_ns: u64,
}

/// What a visit of a connection leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// Nothing more to tell now.
    Done,
    /// Bytes that the next poll can take.
    More,
}

impl Connection {
    pub(super) fn new(endpoint: Endpoint, listener: u32, agreed: &Agreement) -> Self {
        Self {
            endpoint,
            listener,
            peer_isn: agreed.peer_isn,
            sent: Sent::new(agreed.isn.wrapping_add(1), agreed.options.window_scale.unwrap_or(0)),
            taken_bytes: 0,
            opened: false,
            paused: false,
            blocked: false,
            ended: false,
            lost: false,
            closing: None,
        }
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.closing.is_some()
    }

    #[inline]
    pub(super) fn closing_until_ns(&self) -> Option<u64> {
        self.closing.map(|closing| closing.until_ns)
    }

    /// The number of a FIN that smoltcp has forgotten to say again, as it does after three doubled acknowledgments of all that
    /// comes before it; and when to ask again.
    #[inline]
    pub(super) fn forgotten_fin(&mut self, now_ns: u64, has_sent: bool) -> (Option<u32>, Option<u64>) {
        let socket = self.endpoint.socket();
        let waits = matches!(socket.state(), State::FinWait1 | State::Closing | State::LastAck);
        let is_last = waits && socket.send_queue() == 0;
        let Some(closing) = self.closing.as_mut().filter(|_| is_last) else { return (None, None) };
        let is_due = !has_sent && closing.fin_again_ns <= now_ns;
        if has_sent || is_due {
            closing.fin_again_ns = now_ns + FIN_AGAIN_NS;
        }
        (self.sent.fin().filter(|_| is_due), Some(closing.fin_again_ns))
    }

    /// Whether a closed connection has had its time; it gets more while the peer takes some of what is left.
    #[inline]
    pub(super) fn has_expired(&mut self, now_ns: u64) -> bool {
        let left_bytes = self.endpoint.socket().send_queue();
        let Some(closing) = self.closing.as_mut().filter(|closing| closing.until_ns <= now_ns) else {
            return false;
        };
        if left_bytes >= closing.left_bytes || closing.extensions == CLOSING_EXTENSIONS_MAX {
            return true;
        }
        closing.until_ns = now_ns + CLOSING_NS_MAX;
        (closing.left_bytes, closing.extensions) = (left_bytes, closing.extensions + 1);
        false
    }

    #[inline]
    pub(super) fn state(&self) -> State {
        self.endpoint.socket().state()
    }

    /// Whether smoltcp has nothing more to do for it: it is over, and its last segment has left.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        let socket = self.endpoint.socket();
        socket.state() == State::Closed && socket.remote_endpoint().is_none()
    }

    /// The sequence number that the peer's next byte has (RCV.NXT), or its FIN has.
    #[inline]
    pub(super) fn expected_sequence(&self) -> u32 {
        let socket = self.endpoint.socket();
        let had_fin =
            matches!(socket.state(), State::CloseWait | State::LastAck | State::Closing | State::TimeWait);
        let bytes = self.taken_bytes.wrapping_add(wrapped(socket.recv_queue()));
        self.peer_isn.wrapping_add(1).wrapping_add(bytes).wrapping_add(u32::from(had_fin))
    }

    /// Whether it was told to be lost.
    #[inline]
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Asks memory for where the next bytes will lie.
    #[inline]
    pub(super) fn prefetch_buffers(&mut self) {
        let socket = self.endpoint.socket_mut();
        // Nothing is taken and nothing is put in: only the places are looked up.
        let _ = socket.recv(|bytes| (0, prefetch::read(bytes)));
        let _ = socket.send(|room| (0, prefetch::read(room)));
    }

    /// Tells what has happened since the last visit: at most [`EVENTS_PER_VISIT_MAX`] events.
    #[inline]
    pub(super) fn visit(&mut self, id: ConnectionId, pool: &mut ChunkPool, events: &mut Vec<Event>) -> Visit {
        if self.is_closed() {
            self.discard();
            return Visit::Done;
        }
        if !std::mem::replace(&mut self.opened, true) {
            events.push(Event::Opened(id, self.listener));
        }
        let socket = self.endpoint.socket();
        if self.blocked && socket.may_send() && socket.send_queue() <= socket.send_capacity() / 2 {
            self.blocked = false;
            events.push(Event::Writable(id));
        }
        let visit = if self.paused || self.ended { Visit::Done } else { self.receive(id, pool, events) };
        // What came before a reset is taken first, unless nobody takes it.
        if visit == Visit::Done && self.state() == State::Closed && !std::mem::replace(&mut self.lost, true) {
            events.push(Event::Lost(id));
        }
        visit
    }

    #[inline]
    fn receive(&mut self, id: ConnectionId, pool: &mut ChunkPool, events: &mut Vec<Event>) -> Visit {
        let socket = self.endpoint.socket_mut();
        if socket.can_recv() {
            if !pool.may_receive() {
                return Visit::More;
            }
            let mut chunk = pool.take_input();
            let count = socket.recv_slice(chunk.spare_mut()).unwrap_or(0);
            chunk.extend(count);
            self.taken_bytes = self.taken_bytes.wrapping_add(wrapped(count));
            events.push(Event::Received(id, chunk));
        }
        if socket.can_recv() {
            return Visit::More;
        }
        if socket.state() == State::CloseWait {
            self.ended = true;
            events.push(Event::Ended(id));
        }
        Visit::Done
    }

    /// Copies what fits into the socket; pinned blocks are done with then.
    #[inline]
    pub(super) fn send(
        &mut self,
        outbox: &mut Outbox,
        pool: &mut ChunkPool,
        done: &mut Vec<Pinned>,
    ) -> Sending {
        let socket = self.endpoint.socket_mut();
        let mut left_bytes = SEND_BYTES_MAX;
        while !outbox.is_empty() {
            let run = outbox.runs().find(|run| !run.is_empty()).unwrap_or_default();
            let run = &run[..run.len().min(left_bytes)];
            let (asked, Ok(count)) = (run.len(), socket.send_slice(run)) else { return Sending::Lost };
            left_bytes -= count;
            outbox.advance(count, pool, |pinned| done.push(pinned));
            if left_bytes == 0 && !outbox.is_empty() {
                return Sending::Sliced;
            }
            if count < asked {
                self.blocked = true;
                return Sending::Blocked;
            }
        }
        Sending::Done
    }

    pub(super) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Ends the sending side behind what was accepted; what still comes is thrown away.
    pub(super) fn close(&mut self, now_ns: u64) {
        let socket = self.endpoint.socket_mut();
        socket.close();
        let (until_ns, left_bytes) = (now_ns + CLOSING_NS_MAX, socket.send_queue());
        let fin_again_ns = now_ns + FIN_AGAIN_NS;
        self.closing = Some(Closing { until_ns, left_bytes, extensions: 0, fin_again_ns });
        self.discard();
    }

    /// Throws away what has come: the window stays open, so that the peer's FIN fits.
    pub(super) fn discard(&mut self) {
        let socket = self.endpoint.socket_mut();
        while socket.can_recv() {
            let Ok(count) = socket.recv(|bytes| (bytes.len(), bytes.len())) else { return };
            self.taken_bytes = self.taken_bytes.wrapping_add(wrapped(count));
        }
    }
}

/// Bytes of a buffer, which are fewer than 2^32.
fn wrapped(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Longer than smoltcp waits at first, so that it is seldom said twice.
const FIN_AGAIN_NS: u64 = 1_000_000_000;
/// Opened, Writable, Received, Ended and Lost.
pub(super) const EVENTS_PER_VISIT_MAX: usize = 5;
