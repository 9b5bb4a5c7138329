//! The native protocol on a shard: frames in, requests applied exactly once, frames out.
//!
//! A frame comes from a port or a stream (`receive.rs`), is matched with its session (`session.rs`) and put together if it
//! is a part of a long request (`upload.rs`). Its request is executed at once (`execute.rs`), or waits (`waiting.rs`) for a key
//! that somebody holds or for a transaction (`multi.rs`). The reply is kept if the request changes something or the
//! reply is long (`answer.rs`), and goes to where the session was proven to be (`open.rs`).
//!
//! A shard keeps no timers for frames: whoever wants a reply asks again.

pub(crate) mod answer;
mod at_once;
pub(crate) mod body;
pub(crate) mod budget;
mod execute;
pub(crate) mod links;
mod multi;
mod open;
mod outgoing;
pub(crate) mod path;
mod receive;
pub mod secret;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod upload;
pub(crate) mod waiting;

use std::net::SocketAddr;

use adit_drivers::chunk::ChunkPool;
use adit_drivers::dpdk::rss::Hashed;
use adit_drivers::port::{Mbuf, PortCounters};
use adit_wire::native::map::{Map, Range};
use adit_wire::native::steering::{self, Covers, Steering};
use adit_wire::resp::request::Span;

use self::links::Links;
use self::outgoing::{Exit, Outgoing};
use self::secret::Secret;
use self::sessions::Sessions;
use self::waiting::Waiting;
use crate::map::SlotMap;
use crate::port::Port;

/// What a shard needs to speak the native protocol.
pub struct NativeParts {
    /// What all shards of the process know, and nobody else.
    pub secret: Secret,
    /// The longest datagram.
    pub frame_bytes: u16,
    /// Bytes that all sessions may take on the heap.
    pub session_bytes: u64,
}

/// The native protocol of a shard.
pub(crate) struct Native {
    /// The port of each interface.
    exits: Vec<Option<Exit>>,
    /// The body of the map, as clients on each interface see it.
    maps: Vec<Box<[u8]>>,
    /// The body of how the device of each interface spreads datagrams over the shards.
    steerings: Vec<Box<[u8]>>,
    secret: Secret,
    frame_bytes: usize,
    burst: Vec<Mbuf>,
    /// Bytes that went to ports in this turn.
    turn_bytes: u64,
    pub(crate) sessions: Sessions,
    pub(crate) waiting: Waiting,
    pub(crate) links: Links,
    /// Sessions and requests of theirs that have come further.
    credits: Vec<(u64, u64)>,
    /// Where the arguments of a request on several keys lie.
    spans: Vec<Span>,
}

impl Native {
    /// The native protocol of a shard whose kept replies may pin `pinned_bytes` of the store. Of each interface there is its
    /// port, and where clients find each shard by it.
    pub(crate) fn new(
        parts: NativeParts,
        interfaces: Vec<(Option<Port>, Vec<SocketAddr>)>,
        map: &SlotMap,
        pinned_bytes: u64,
    ) -> Self {
        let steerings = interfaces.iter().map(|(port, _)| encode_steering(port.as_ref())).collect();
        let (exits, maps) = interfaces
            .into_iter()
            .map(|(port, addresses)| (port.map(Exit::new), encode_map(map, addresses)))
            .unzip();
        Self {
            exits,
            maps,
            steerings,
            secret: parts.secret,
            frame_bytes: usize::from(parts.frame_bytes),
            burst: Vec::new(),
            turn_bytes: 0,
            sessions: Sessions::new(parts.session_bytes, pinned_bytes),
            waiting: Waiting::default(),
            links: Links::default(),
            credits: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Where frames are encoded to.
    #[inline]
    fn outgoing<'a>(&'a mut self, pool: &'a mut ChunkPool) -> Outgoing<'a> {
        Outgoing { exits: &mut self.exits, turn_bytes: &mut self.turn_bytes, links: &mut self.links, pool }
    }

    /// Something may have come in by the port of an interface.
    pub(crate) fn set_ready(&mut self, interface: u32) {
        if let Some(Some(exit)) = self.exits.get_mut(interface as usize) {
            exit.is_ready = true;
        }
    }

    /// The places of arguments, behind a name of nothing; the list is to be given back.
    fn spans_of(&mut self, places: impl Iterator<Item = Span>) -> Vec<Span> {
        let mut spans = std::mem::take(&mut self.spans);
        spans.clear();
        spans.push(Span { start: 0, len: 0 });
        spans.extend(places);
        spans
    }

    /// Whether there is something to do.
    pub(crate) fn has_work(&self) -> bool {
        self.links.has_work() || self.exits.iter().flatten().any(|exit| exit.is_ready)
    }

    /// Whether the device did not take all trains.
    pub(crate) fn waits_for_device(&self) -> bool {
        self.exits.iter().flatten().any(|exit| !exit.is_empty())
    }

    /// Datagrams that found no room to be sent.
    pub(crate) fn dropped(&self) -> u64 {
        self.exits.iter().flatten().map(|exit| exit.dropped).sum()
    }

    /// What the ports of all interfaces have counted. Not to be asked in every turn: a device may have to be.
    pub(crate) fn port_counters(&self) -> PortCounters {
        let mut sum = PortCounters::default();
        for counters in self.exits.iter().flatten().map(|exit| exit.port.counters()) {
            sum.rx_datagrams += counters.rx_datagrams;
            sum.rx_dropped += counters.rx_dropped + counters.rx_no_buffer;
            sum.tx_datagrams += counters.tx_datagrams;
            sum.tx_refused += counters.tx_refused;
            sum.tx_tails += counters.tx_tails;
            sum.rx_handed_over += counters.rx_handed_over;
        }
        sum
    }

    /// Ports with nobody at the other end.
    pub(crate) fn ports_down(&self) -> usize {
        self.exits.iter().flatten().filter(|exit| exit.port.link_is_down()).count()
    }

    /// What is held for clients now: sessions, requests that wait, bytes that are kept, trains.
    pub(crate) fn held(&self) -> (usize, usize, u64, bool) {
        (self.sessions.count(), self.waiting.count(), self.sessions.kept_bytes(), !self.waits_for_device())
    }
}

/// What a client is told of the hash of a device. Where its queues are those of the shards in their order, the queue that a hash
/// leads to is the shard.
fn encode_steering(port: Option<&Port>) -> Box<[u8]> {
    let steering = port.and_then(Port::rss).map(|rss| {
        let Hashed { ipv4, ipv4_udp, ipv6, ipv6_udp, .. } = rss.hashed();
        let covers = Covers { ipv4_ports: ipv4_udp, ipv4, ipv6_ports: ipv6_udp, ipv6 };
        Steering { key: rss.key().to_vec(), shard_of_hash: rss.queue_of_hash().to_vec(), covers }
    });
    let mut body = Vec::new();
    steering::encode(steering.as_ref(), &mut body);
    body.into()
}

fn encode_map(map: &SlotMap, addresses: Vec<SocketAddr>) -> Box<[u8]> {
    let ranges = map.ranges().map(|(first, last, shard)| Range { first, last, shard });
    let mut body = Vec::new();
    Map { epoch: map.epoch, addresses, ranges: ranges.collect() }.encode(&mut body);
    body.into()
}
