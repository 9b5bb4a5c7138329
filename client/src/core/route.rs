//! Which shard has what: the map, the peers it names, and when it is asked for again.

use std::net::SocketAddr;

use adit_wire::native::map::Map;
use adit_wire::native::reply::Reply;
use adit_wire::native::{Opcode, Status};

use super::calls::Place;
use super::peer::{Link, Peer, Stream};
use super::{Core, HOME};
use crate::error::{Caller, Error, Unreachable};
use crate::operation::Target;

/// The map, and what is known of its age.
#[derive(Default)]
pub(super) struct Route {
    pub(super) map: Option<Map>,
    /// The peer of each shard that something was sent to.
    peers: Vec<Option<usize>>,
    /// The number of the shard at the configured address.
    pub(super) home: Option<u16>,
    /// A shard knows of another map.
    is_wanted: bool,
    /// The client has a call of its own under way: for the map, or for the steering.
    pub(super) inquires: bool,
    /// The peer that is asked, if it can be.
    from: usize,
    /// It is not asked before this.
    not_before_ns: u64,
}

impl Core {
    /// Believes a map that was had before, until a shard says that there is another.
    pub fn assume_map(&mut self, map: Map) {
        self.move_peers(&map);
        self.route.map = Some(map);
        self.route_again();
    }

    /// Sends a call where it has to go, or lets it wait for the map.
    pub(super) fn route_call(&mut self, index: u16) {
        let (Some(map), Some(operation)) = (&self.route.map, &self.calls[index].operation) else {
            return self.calls.put(index, Place::Unrouted, HOME);
        };
        let shard = match operation.target() {
            Target::Key(key) => map.owner(key),
            Target::Shard(shard) => shard,
        };
        match self.peer_of(shard) {
            Some(peer) => self.calls.put(index, Place::Fresh, peer),
            None => self.finish(index, Err(Error::Caller(Caller::NoSuchShard))),
        }
    }

    /// The peer that is a shard; `None` if the map does not have it.
    pub(super) fn peer_of(&mut self, shard: u16) -> Option<usize> {
        let address = *self.route.map.as_ref()?.addresses.get(usize::from(shard))?;
        if self.route.home == Some(shard) {
            return Some(HOME);
        }
        let known = self.route.peers.get(usize::from(shard)).copied().flatten();
        known.or_else(|| Some(self.add_peer(shard, address)))
    }

    fn add_peer(&mut self, shard: u16, address: SocketAddr) -> usize {
        let (peer, place) = (self.peers.len(), usize::from(shard));
        self.peers.push(Peer::new(self.resolve(address), self.has_streams()));
        self.calls.add_peer();
        self.route.peers.resize(self.route.peers.len().max(place + 1), None);
        self.route.peers[place] = Some(peer);
        peer
    }

    /// An address of the map; what it leaves out is as in the configured one.
    pub(super) fn resolve(&self, mut address: SocketAddr) -> SocketAddr {
        let configured = self.config.address;
        if address.ip().is_unspecified() {
            address.set_ip(configured.ip());
        }
        if address.port() == 0 {
            address.set_port(configured.port());
        }
        address
    }

    /// A peer has said which map it has.
    #[inline]
    pub(super) fn heard_epoch(&mut self, peer: usize, epoch: u64) {
        if epoch != 0 && self.epoch() != epoch {
            self.want_map(peer);
        }
    }

    /// The epoch of the map, 0 if there is none.
    #[inline]
    pub(super) fn epoch(&self) -> u64 {
        self.route.map.as_ref().map_or(0, |map| map.epoch)
    }

    /// The map is to be asked for, of this peer if possible.
    pub(super) fn want_map(&mut self, from: usize) {
        (self.route.is_wanted, self.route.from) = (true, from);
    }

    /// Begins to ask for the map, or else for the steering, if it is wanted and some peer can be asked.
    pub(super) fn inquire(&mut self, now_ns: u64) {
        let Some((opcode, _)) = self.inquiry().filter(|(_, due_ns)| *due_ns <= now_ns) else { return };
        let Some(peer) = self.informant() else { return };
        let Some(index) = self.calls.take() else { return };
        let deadline_ns = now_ns + if opcode == Opcode::Map { MAP_DEADLINE_NS } else { STEERING_DEADLINE_NS };
        (self.calls[index].opcode, self.calls[index].deadline_ns) = (opcode, deadline_ns);
        self.deadline_ns = self.deadline_ns.min(deadline_ns);
        self.calls.put_first(index, peer);
        self.route.inquires = true;
    }

    /// When the client has something to ask for itself.
    pub(super) fn inquiry_event_ns(&self) -> Option<u64> {
        let (_, due_ns) = self.inquiry()?;
        self.informant().map(|_| due_ns)
    }

    /// What the client has to ask for itself, one after the other, and when it may.
    fn inquiry(&self) -> Option<(Opcode, u64)> {
        match (self.route.inquires, self.route.is_wanted) {
            (true, _) => None,
            (false, true) => Some((Opcode::Map, self.route.not_before_ns)),
            (false, false) => self.wants_steering().then_some((Opcode::Steering, 0)),
        }
    }

    /// The answer to a call of the client's own has come.
    pub(super) fn take_inquiry(&mut self, index: u16, body: &[u8], now_ns: u64) {
        match self.calls[index].opcode {
            Opcode::Map => self.take_map(index, body, now_ns),
            _ => self.take_steering(index, body),
        }
    }

    /// It did not come, or was a refusal.
    pub(super) fn miss_inquiry(&mut self, index: u16, now_ns: u64) {
        match self.calls[index].opcode {
            Opcode::Map => self.miss_map(index, now_ns),
            _ => self.miss_steering(index),
        }
    }

    /// A peer that can be asked.
    fn informant(&self) -> Option<usize> {
        let is_open = |peer: &usize| self.peers[*peer].link == Link::Open;
        Some(self.route.from).filter(is_open).or_else(|| (0..self.peers.len()).find(is_open))
    }

    /// The map did not come: another peer is asked.
    fn miss_map(&mut self, index: u16, now_ns: u64) {
        let next = (self.calls[index].peer + 1) % self.peers.len();
        self.finish(index, Err(Error::Caller(Caller::Malformed)));
        self.want_map(next);
        self.route.not_before_ns = now_ns + REFRESH_NS_MIN;
    }

    /// The map has come. What waits for it, or for a number, goes where it says.
    fn take_map(&mut self, index: u16, body: &[u8], now_ns: u64) {
        let Some(Reply::Map(map)) = Reply::decode(Opcode::Map, Status::Ok, body) else {
            return self.miss_map(index, now_ns);
        };
        if map.addresses.len() > SHARDS_MAX {
            return self.miss_map(index, now_ns);
        }
        self.finish(index, Err(Error::Caller(Caller::Malformed)));
        self.counters.map_refreshes += 1;
        self.route.is_wanted = false;
        self.route.not_before_ns = now_ns + REFRESH_NS_MIN;
        self.move_peers(&map);
        self.route.map = Some(map);
        self.route_again();
    }

    /// Peers whose shard has another address now are opened there.
    fn move_peers(&mut self, map: &Map) {
        for (shard, address) in map.addresses.iter().enumerate() {
            let Some(peer) = self.route.peers.get(shard).copied().flatten() else { continue };
            let address = self.resolve(*address);
            if self.peers[peer].address != address {
                self.peers[peer].address = address;
                self.peers[peer].close();
                if self.has_streams() {
                    self.peers[peer].stream = Stream::Down(0);
                }
            }
        }
    }

    fn route_again(&mut self) {
        for index in self.calls.indices() {
            if matches!(self.calls[index].place, Place::Unrouted | Place::Fresh) {
                self.route_call(index);
            }
        }
    }

    /// Another shard owns the key: the call goes there at once, or, if that happens to it again, after a while. It gets
    /// another number, which says that it is not the one that was refused.
    pub(super) fn redirect(&mut self, index: u16, owner: u16, now_ns: u64) {
        self.counters.wrong_shards += 1;
        let peer = self.calls[index].peer;
        self.want_map(peer);
        if !self.calls[index].can_begin_again() {
            // It was not applied: there is no doubt, though all of it was sent.
            return self.finish(index, Err(Error::Unreachable(Unreachable::GaveUp)));
        }
        let number = std::mem::take(&mut self.calls[index].number);
        self.numbers.release(number);
        self.calls[index].begin_again();
        match self.peer_of(owner).filter(|owner| *owner != peer && self.calls[index].refusals == 0) {
            Some(owner) => {
                self.calls[index].refusals += 1;
                self.calls.put(index, Place::Fresh, owner);
            }
            None => self.delay(index, now_ns),
        }
    }
}

/// Most shards of a map that a client takes.
pub(super) const SHARDS_MAX: usize = 1_024;
/// How often the map is asked for at most.
const REFRESH_NS_MIN: u64 = 20_000_000;
/// How long one peer is asked.
const MAP_DEADLINE_NS: u64 = 3_000_000_000;
/// How long the steering is asked for: without it everything arrives as well, only later.
const STEERING_DEADLINE_NS: u64 = 1_000_000_000;
