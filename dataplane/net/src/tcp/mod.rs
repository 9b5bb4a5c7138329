//! TCP for poll-mode ports, server side: connections by smoltcp, one of its sockets each, behind a table and timers of our own.
//!
//! smoltcp looks at all sockets of a set for every packet and at every poll. Here each connection has a set of its own, all share
//! one interface, and only those are looked at that a packet, the shard or a timer has touched: what a packet costs does not
//! depend on how many connections there are. A handshake holds nothing until it has ended (see `cookie.rs`).
//!
//! In a turn the owner hands in the packets that came ([`Tcp::receive`]), takes events ([`Tcp::poll`]), sends, and lets
//! packets out ([`Tcp::flush`]): acknowledgments ride on the replies of the same turn. No call blocks.

mod config;
mod connection;
mod cookie;
mod counters;
mod flow;
mod flush;
mod grace;
mod handshake;
mod receive;
mod reply;
mod segment;
mod sent;
mod table;
mod time_wait;
mod timers;
mod used;
mod wire;

use std::collections::VecDeque;

use adit_drivers::chunk::ChunkPool;
use adit_drivers::outbox::{Outbox, Pinned};
use adit_drivers::streams::{ConnectionId, EVENTS_PER_POLL_MAX, Event, Sending};
use smoltcp::iface::Interface;

pub use config::{
    ACK_DELAY_NS, BURST_PACKETS_MAX, CLOSING_EXTENSIONS_MAX, CLOSING_NS_MAX, FLUSH_CONNECTIONS_MAX,
    FLUSH_PACKETS_MAX, KEEP_ALIVE_NS, RECEIVE_BYTES_DEFAULT, SEND_BYTES_DEFAULT, SILENCE_NS_MAX,
    TIMERS_PER_FLUSH_MAX, TcpConfig,
};
pub use counters::TcpCounters;

use config::USED_COOKIES_PER_CONNECTION;
use connection::{EVENTS_PER_VISIT_MAX, Visit};
use cookie::Cookies;
use grace::Grace;
use table::{List, Table};
use time_wait::TimeWait;
use timers::Timers;
use used::UsedCookies;
use wire::Abilities;

/// The connections of one shard.
pub struct Tcp {
    config: TcpConfig,
    interface: Interface,
    table: Table,
    timers: Timers,
    cookies: Cookies,
    used_cookies: UsedCookies,
    grace: Grace,
    time_wait: TimeWait,
    /// Connections that may have something to tell; each is in it once.
    ready: VecDeque<u32>,
    /// Connections that may have something to send, likewise.
    outgoing: VecDeque<u32>,
    /// Connections that the shard has closed, the oldest first; some are gone.
    closing: VecDeque<ConnectionId>,
    closing_count: usize,
    /// Pinned blocks that were copied, to be reported by the next poll.
    sent: Vec<Pinned>,
    scratch: Vec<u8>,
    /// Connections of the packets of a burst.
    coming: Vec<u32>,
    counters: TcpCounters,
    /// The time of the last call that told it.
    now_ns: u64,
}

impl Tcp {
    /// No connections yet.
    ///
    /// # Panics
    /// If a limit of `config` is none.
    pub fn new(config: TcpConfig) -> Self {
        config.check();
        let seed = |shift: u32| u64::try_from(config.secret >> shift & u128::from(u64::MAX)).unwrap_or(0);
        let abilities = reply::abilities(&config);
        Self {
            interface: handshake::interface(abilities, seed(64), 0),
            // The hash of flows gets half of the secret, mixed; it says nothing of it to anyone.
            table: Table::new(seed(0) ^ seed(64).rotate_left(32)),
            timers: Timers::default(),
            cookies: Cookies::new(config.secret),
            used_cookies: UsedCookies::new(config.connections_max * USED_COOKIES_PER_CONNECTION / 2),
            grace: Grace::new(),
            time_wait: TimeWait::new(config.connections_max),
            ready: VecDeque::new(),
            outgoing: VecDeque::new(),
            closing: VecDeque::new(),
            closing_count: 0,
            sent: Vec::new(),
            scratch: Vec::new(),
            coming: Vec::new(),
            counters: TcpCounters::default(),
            now_ns: 0,
            config,
        }
    }

    /// Tells what has happened, at most [`EVENTS_PER_POLL_MAX`] events beside blocks that have left: of connections that were
    /// touched, at most a chunk of each.
    #[inline]
    pub fn poll(&mut self, now_ns: u64, pool: &mut ChunkPool, events: &mut Vec<Event>) {
        self.now_ns = now_ns;
        events.extend(self.sent.drain(..).map(Event::Sent));
        let first = events.len();
        for _ in 0..self.ready.len() {
            if events.len() - first + EVENTS_PER_VISIT_MAX > EVENTS_PER_POLL_MAX {
                break;
            }
            let Some(index) = self.ready.pop_front() else { break };
            self.table.mark(index, List::Ready, false);
            let (id, before) = (self.table.id(index), events.len());
            let Some(connection) = self.table.at(index) else { continue };
            let visit = connection.visit(id, pool, events);
            if let Some(Event::Lost(_)) = events[before..].last() {
                self.counters.lost += 1;
            }
            if visit == Visit::More {
                self.mark_ready(index);
            }
            if events.len() > before {
                // What was taken may have opened the window.
                self.mark_outgoing(index);
            }
        }
    }

    /// Sends what fits, at most [`SEND_BYTES_MAX`](adit_drivers::streams::SEND_BYTES_MAX); it leaves with the next flush.
    #[inline]
    pub fn send(&mut self, id: ConnectionId, outbox: &mut Outbox, pool: &mut ChunkPool) -> Sending {
        let Some(connection) = self.table.get_mut(id) else { return Sending::Lost };
        let sending = connection.send(outbox, pool, &mut self.sent);
        self.mark_outgoing(id.index);
        sending
    }

    /// Stops telling what comes; the peer may send until its window is full.
    pub fn pause(&mut self, id: ConnectionId) {
        if let Some(connection) = self.table.get_mut(id) {
            connection.set_paused(true);
        }
    }

    /// Tells what comes again.
    pub fn resume(&mut self, id: ConnectionId) {
        if let Some(connection) = self.table.get_mut(id) {
            connection.set_paused(false);
            self.mark_ready(id.index);
        }
    }

    /// Closes a connection: what was accepted is still delivered, then it ends. Its id is not used again.
    pub fn close(&mut self, id: ConnectionId) {
        let now_ns = self.now_ns;
        let Some(connection) = self.table.get_mut(id) else { return };
        connection.close(now_ns);
        self.closing_count += 1;
        self.closing.push_back(id);
        self.timers.at_latest(id.index, now_ns + CLOSING_NS_MAX);
        self.mark_outgoing(id.index);
        // Those that are gone are dropped when they are more than those that are not.
        if self.closing.len() > 2 * self.closing_count + CLOSING_SLACK {
            let table = &mut self.table;
            self.closing.retain(|id| table.id(id.index) == *id && table.at(id.index).is_some());
        }
    }

    /// The peer's address and ours, for people to read.
    pub fn addresses(&self, id: ConnectionId) -> (String, String) {
        let flow = self.table.get(id).and_then(|_| self.table.flow(id.index));
        flow.map(|flow| (flow.peer().to_string(), flow.ours().to_string())).unwrap_or_default()
    }

    /// When the next flush or poll has something to do without a packet; nothing if it never has.
    pub fn due_ns(&self) -> Option<u64> {
        let is_busy = !(self.ready.is_empty() && self.outgoing.is_empty() && self.sent.is_empty());
        if is_busy { Some(self.now_ns) } else { self.timers.first_ns() }
    }

    /// Connections that are there, those that are being closed counted.
    pub fn connection_count(&self) -> usize {
        self.table.count()
    }

    /// Connections that are over and wait for late segments.
    pub fn time_wait_count(&self) -> usize {
        self.time_wait.count()
    }

    /// What was counted.
    pub fn counters(&self) -> TcpCounters {
        self.counters
    }

    #[inline]
    fn mark_ready(&mut self, index: u32) {
        if !self.table.mark(index, List::Ready, true) {
            self.ready.push_back(index);
        }
    }

    #[inline]
    fn mark_outgoing(&mut self, index: u32) {
        if !self.table.mark(index, List::Outgoing, true) {
            self.outgoing.push_back(index);
        }
    }

    /// Forgets a connection.
    fn remove(&mut self, index: u32) {
        let Some(connection) = self.table.at(index) else { return };
        if connection.is_closed() {
            self.closing_count -= 1;
        }
        self.timers.remove(index);
        self.table.remove(index);
    }

    fn abilities(&self) -> Abilities {
        reply::abilities(&self.config)
    }
}

/// Entries of closed connections that are gone, which are not yet worth the search.
const CLOSING_SLACK: usize = 64;
