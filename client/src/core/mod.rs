//! The protocol without input and output: what to send, what came, what became of each operation. It has no clock and no
//! randomness of its own, so a seed and the times it is told replay it.
//!
//! | file | what |
//! |---|---|
//! | `calls.rs` | the operations under way, and the queues in which they wait |
//! | `numbers.rs` | the numbers of requests, and the oldest that is open |
//! | `peer.rs`, `rtt.rs` | a shard as the client knows it |
//! | `session.rs` | the session at each shard: opened, renewed, lost, closed |
//! | `route.rs` | which shard has what, as the map says |
//! | `steering.rs` | which shard the server's device leads to, from which port |
//! | `send.rs`, `receive.rs` | frames out and in |
//! | `upload.rs`, `assembly.rs` | how far a long request or reply has come |
//! | `pieces.rs`, `feed.rs` | values that are written and read in pieces |

mod assembly;
mod calls;
mod feed;
mod numbers;
mod peer;
mod pieces;
mod receive;
mod route;
mod rtt;
mod send;
mod session;
mod steering;
mod upload;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;

use adit_drivers::sim::Random;
use adit_wire::native::map::Map;
use adit_wire::native::{
    BODY_BYTES_MAX, FRAME_BYTES_DEFAULT, FRAME_BYTES_MAX, FRAME_BYTES_MIN, HEADER_BYTES, WINDOW_REQUESTS,
};

use crate::answer::{Answer, Completion, Ticket};
use crate::error::{Caller, Error, Uncertain};
use crate::operation::Operation;
use calls::{Calls, Place};
use numbers::Numbers;
use peer::{Link, Peer, Stream};
pub use pieces::ReadHead;
use pieces::Values;
use route::Route;
use steering::Steered;

/// How a client reaches its shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// One frame in each datagram, which may get lost, doubled or late.
    #[default]
    Datagram,
    /// Frames one behind the other on a stream to each shard.
    Stream,
}

/// What a client is to do.
#[derive(Clone)]
pub struct CoreConfig {
    /// A shard, which tells where the others are.
    pub address: SocketAddr,
    /// How they are reached.
    pub transport: Transport,
    /// The tenant, and its password: together up to 472 bytes.
    pub tenant: Vec<u8>,
    /// Empty if none is needed.
    pub password: Vec<u8>,
    /// The longest datagram, 576 to 16,384 bytes; a stream always takes the longest.
    pub frame_bytes: u16,
    /// Operations that may be under way, 1 to 1,024.
    pub window: u16,
    /// Bytes of the longest reply that is taken.
    pub reply_bytes_max: u32,
}

/// Where frames are written to.
pub trait Outgoing {
    /// Room for a frame of `len_bytes` to `to`, all of which the caller writes; nothing if there is none now.
    fn room(&mut self, to: SocketAddr, len_bytes: usize) -> Option<&mut [u8]>;
}

/// An operation that was not begun.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Why.
    pub error: Error,
    /// The operation, to be submitted again.
    pub operation: Operation,
}

/// What a client counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames written, copies included.
    pub frames_sent: u64,
    /// Frames given to [`Core::receive`].
    pub frames_received: u64,
    /// Of these, those that were none: too short, harmed, of another version.
    pub frames_harmed: u64,
    /// Frames that answer nothing that is asked for: late, doubled, or of somebody else.
    pub replies_stray: u64,
    /// Requests and parts of requests that were sent again because no answer came in time.
    pub retransmissions: u64,
    /// Operations whose deadline passed.
    pub timeouts: u64,
    /// Times the map was received.
    pub map_refreshes: u64,
    /// Refusals because another shard owns the key.
    pub wrong_shards: u64,
    /// Refusals because the shard was busy.
    pub busies: u64,
    /// Times that a shard was told the session, or a new one was begun.
    pub opens: u64,
    /// Times that a shard had forgotten the session.
    pub sessions_lost: u64,
}

/// A client of all shards of one server.
pub struct Core {
    config: CoreConfig,
    random: Random,
    counters: Counters,
    calls: Calls,
    numbers: Numbers,
    peers: Vec<Peer>,
    route: Route,
    steered: Steered,
    /// The session, 0 before there is one, and its token.
    session: u64,
    token: u128,
    /// The shard that is asked for a session when there is none.
    founder: usize,
    completions: VecDeque<Completion>,
    /// Values that are written or read in pieces.
    values: Values,
    last_ticket: u64,
    /// No deadline is before this.
    deadline_ns: u64,
    /// Why nothing can be done any more.
    refused: Option<Error>,
    is_closing: bool,
    /// The peer that may send first.
    turn: usize,
    /// The start of a body, while it is sent.
    scratch: Vec<u8>,
}

impl fmt::Debug for CoreConfig {
    /// All but the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, transport, window, .. } = self;
        f.debug_struct("CoreConfig")
            .field("address", address)
            .field("transport", transport)
            .field("window", window)
            .finish_non_exhaustive()
    }
}

impl Default for CoreConfig {
    /// A client of the first shard of this machine.
    #[expect(clippy::cast_possible_truncation, reason = "1,472")]
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 7400)),
            transport: Transport::Datagram,
            tenant: b"default".to_vec(),
            password: Vec::new(),
            frame_bytes: FRAME_BYTES_DEFAULT as u16,
            window: 256,
            reply_bytes_max: BODY_BYTES_MAX,
        }
    }
}

impl Core {
    /// A client that opens its session when [`Core::transmit`] is called first. Its random numbers, which nobody else
    /// should know, come from `seed`.
    ///
    /// # Errors
    /// [`Caller::CredentialsTooLong`].
    pub fn new(mut config: CoreConfig, seed: u64) -> Result<Self, Error> {
        if config.tenant.len() + config.password.len() > CREDENTIALS_BYTES_MAX {
            return Err(Error::Caller(Caller::CredentialsTooLong));
        }
        config.window = config.window.clamp(1, WINDOW_MAX);
        config.frame_bytes = match config.transport {
            Transport::Datagram => config.frame_bytes.clamp(FRAME_MIN, FRAME_MAX),
            Transport::Stream => FRAME_MAX,
        };
        let mut random = Random::new(seed);
        let token = draw_token(&mut random);
        // One more for the call for the map.
        let mut calls = Calls::new(config.window + 1);
        calls.add_peer();
        Ok(Self {
            peers: vec![Peer::new(config.address, config.transport == Transport::Stream)],
            completions: VecDeque::with_capacity(usize::from(config.window)),
            random,
            counters: Counters::default(),
            calls,
            numbers: Numbers::new(),
            values: Values::default(),
            route: Route::default(),
            steered: Steered::default(),
            session: 0,
            token,
            founder: HOME,
            last_ticket: 0,
            deadline_ns: u64::MAX,
            refused: None,
            is_closing: false,
            turn: 0,
            scratch: Vec::new(),
            config,
        })
    }

    /// Begins an operation, which completes at `deadline_ns` at the latest.
    ///
    /// # Errors
    /// [`Caller::Full`] if the window is full of operations that are under way, or whose completions were not fetched;
    /// else why it can never be begun. The operation comes back.
    pub fn submit(&mut self, operation: Operation, deadline_ns: u64) -> Result<Ticket, Refused> {
        if let Err(error) = self.check(&operation) {
            return Err(Refused { error, operation });
        }
        let Some(index) = self.calls.take() else {
            return Err(Refused { error: Error::Caller(Caller::Full), operation });
        };
        let ticket = self.begin(index, operation, deadline_ns);
        self.route_call(index);
        Ok(ticket)
    }

    /// Makes an operation of a call that has nothing yet.
    fn begin(&mut self, index: u16, operation: Operation, deadline_ns: u64) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let call = &mut self.calls[index];
        (call.ticket, call.deadline_ns, call.opcode) = (ticket, deadline_ns, operation.opcode());
        call.operation = Some(operation);
        self.deadline_ns = self.deadline_ns.min(deadline_ns);
        ticket
    }

    fn check(&self, operation: &Operation) -> Result<(), Error> {
        if let Some(error) = self.refused {
            return Err(error);
        }
        if self.is_closing {
            return Err(Error::Caller(Caller::Closed));
        }
        let held = self.calls.count() + self.completions.len() + self.values.ended_count();
        if held >= usize::from(self.config.window) {
            return Err(Error::Caller(Caller::Full));
        }
        operation.check().map_err(Error::Caller)
    }

    /// An operation that is complete.
    #[inline]
    pub fn next_completion(&mut self) -> Option<Completion> {
        self.completions.pop_front()
    }

    /// Whether there is one.
    #[inline]
    pub fn has_completion(&self) -> bool {
        !self.completions.is_empty()
    }

    /// When [`Core::transmit`] has to be called next, if nothing is received or submitted before; 0 is at once.
    pub fn next_event_ns(&self) -> Option<u64> {
        let deadline = self.next_deadline_ns();
        let delayed = self.calls.delayed().map(|index| self.calls[index].due_ns).min();
        let peers = (0..self.peers.len()).filter_map(|peer| self.peer_event_ns(peer)).min();
        [deadline, delayed, self.inquiry_event_ns(), peers].into_iter().flatten().min()
    }

    /// Before this no deadline passes.
    pub fn next_deadline_ns(&self) -> Option<u64> {
        (self.calls.count() > 0).then_some(self.deadline_ns)
    }

    /// As [`Core::next_event_ns`], while the kernel takes nothing that is to be sent: what waits only for that does not count. Call it after
    /// [`Core::transmit`] at `now_ns`.
    pub fn next_event_unsent_ns(&self, now_ns: u64) -> Option<u64> {
        let deadline = self.next_deadline_ns();
        let delayed = self.calls.delayed().map(|index| self.calls[index].due_ns).min();
        let peers = (0..self.peers.len()).filter_map(|peer| self.peer_event_ns(peer));
        let peers = peers.filter(|due_ns| *due_ns > now_ns).min();
        [deadline, delayed, peers].into_iter().flatten().min()
    }

    /// Ends the session. What is under way completes now; [`Core::transmit`] tells the shards.
    pub fn close(&mut self) {
        self.is_closing = true;
        self.finish_all(Error::Caller(Caller::Closed), Uncertain::Closed);
    }

    /// Whether the session has ended on all shards.
    pub fn is_closed(&self) -> bool {
        self.is_closing && self.peers.iter().all(|peer| peer.link != Link::Open)
    }

    /// The map, once there is one.
    pub fn map(&self) -> Option<&Map> {
        self.route.map.as_ref()
    }

    /// Why no operation is taken any more: the server has refused the session.
    pub fn refused(&self) -> Option<Error> {
        self.refused
    }

    /// Operations under way.
    pub fn in_flight(&self) -> usize {
        self.calls.count()
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// An address that a stream is wanted to; the answer is [`Core::stream_opened`] or [`Core::stream_lost`].
    pub fn next_stream(&mut self, now_ns: u64) -> Option<SocketAddr> {
        let wanted = (0..self.peers.len()).find(|peer| {
            let is_due = matches!(self.peers[*peer].stream, Stream::Down(due_ns) if due_ns <= now_ns);
            is_due && self.is_needed(*peer)
        })?;
        self.peers[wanted].stream = Stream::Connecting;
        Some(self.peers[wanted].address)
    }

    /// A stream to this address is there.
    pub fn stream_opened(&mut self, address: SocketAddr) {
        let connecting = |peer: &&mut Peer| peer.address == address && peer.stream == Stream::Connecting;
        self.peers.iter_mut().filter(connecting).for_each(|peer| peer.stream = Stream::Up);
    }

    /// The stream to this address has ended, or could not be had. What was not answered is sent again on the next one.
    pub fn stream_lost(&mut self, address: SocketAddr, now_ns: u64) {
        for peer in self.peers.iter_mut().filter(|peer| peer.address == address) {
            peer.stream = Stream::Down(now_ns + RECONNECT_NS);
            if peer.link != Link::Ended {
                peer.close();
            }
        }
    }

    /// A call is complete.
    fn finish(&mut self, index: u16, result: Result<Answer, Error>) {
        let call = &self.calls[index];
        let ticket = call.ticket;
        if call.is_in_pieces {
            self.values.end(ticket, result);
        } else if call.operation.is_some() {
            self.completions.push_back(Completion { ticket, result });
        } else {
            self.route.inquires = false;
        }
        self.free(index);
    }

    /// A call is gone.
    fn free(&mut self, index: u16) {
        self.numbers.release(self.calls[index].number);
        self.calls.put(index, Place::Free, 0);
    }

    /// All calls are complete: with `error`, or `doubt` if they may have been applied.
    fn finish_all(&mut self, error: Error, doubt: Uncertain) {
        for index in self.calls.indices() {
            let is_uncertain = self.calls[index].is_uncertain();
            self.finish(index, Err(if is_uncertain { Error::Uncertain(doubt) } else { error }));
        }
    }

    /// Checks that nothing is larger than it may be.
    #[cfg(test)]
    fn assert_bounded(&self) {
        let window = usize::from(self.config.window);
        assert!(self.calls.count() <= window + 1 && self.completions.len() <= window + 1);
        assert!(self.peers.len() <= route::SHARDS_MAX + 1);
        let used = self.calls.indices().filter(|index| self.calls[*index].number > 0).count() as u64;
        assert!(self.numbers.open_count() <= used, "numbers are released");
        let most = feed::FEED_BYTES_MAX.max(2 * assembly::AHEAD_BYTES as usize);
        assert!(self.kept_bytes() <= self.values.count() * most, "of each value little is kept");
    }

    fn has_streams(&self) -> bool {
        self.config.transport == Transport::Stream
    }
}

fn draw_token(random: &mut Random) -> u128 {
    u128::from(random.bits()) << 64 | u128::from(random.bits())
}

/// The peer at the configured address.
const HOME: usize = 0;
#[expect(clippy::cast_possible_truncation, reason = "576 and 16,384")]
const FRAME_MIN: u16 = FRAME_BYTES_MIN as u16;
#[expect(clippy::cast_possible_truncation, reason = "576 and 16,384")]
const FRAME_MAX: u16 = FRAME_BYTES_MAX as u16;
#[expect(clippy::cast_possible_truncation, reason = "1,024")]
const WINDOW_MAX: u16 = WINDOW_REQUESTS as u16;
/// Bytes of an OPEN that are neither tenant nor password.
const OPEN_FIXED_BYTES: usize = 48;
/// Tenant and password fit the shortest frame.
const CREDENTIALS_BYTES_MAX: usize = FRAME_BYTES_MIN - HEADER_BYTES - OPEN_FIXED_BYTES;
const _: () = assert!(CREDENTIALS_BYTES_MAX == 472);
/// Between the end of a stream and the next attempt.
const RECONNECT_NS: u64 = 100_000_000;
