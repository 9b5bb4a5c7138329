//! The connections of a shard by index, as events name them, and by flow, as packets do.

use adit_drivers::prefetch;
use adit_drivers::streams::ConnectionId;
use hashbrown::HashTable;

use super::connection::Connection;
use super::flow::{Flow, FlowHasher};

/// Connections, in places that are used again under the next generation.
pub(super) struct Table {
    places: Vec<Place>,
    free: Vec<u32>,
    by_flow: HashTable<u32>,
    hasher: FlowHasher,
}

struct Place {
    generation: u32,
    flow: Flow,
    connection: Option<Connection>,
    /// In the list of those to be looked at by the next poll.
    is_ready: bool,
    /// In the list of those to be looked at by the next flush.
    is_outgoing: bool,
}

/// The lists that a connection may be in, once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Ready,
    Outgoing,
}

impl Table {
    pub(super) fn new(seed: u64) -> Self {
        let hasher = FlowHasher::new(seed);
        Self { places: Vec::new(), free: Vec::new(), by_flow: HashTable::new(), hasher }
    }

    pub(super) fn count(&self) -> usize {
        self.by_flow.len()
    }

    #[inline]
    pub(super) fn hash(&self, flow: &Flow) -> u64 {
        self.hasher.hash(flow)
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, flow: &Flow) -> Option<u32> {
        self.by_flow.find(hash, |index| self.places[*index as usize].flow == *flow).copied()
    }

    /// Asks memory for a connection that will be looked at soon; says where it is.
    #[inline]
    pub(super) fn prefetch(&self, flow: &Flow) -> Option<u32> {
        let index = self.find(self.hash(flow), flow)?;
        let connection = self.places.get(index as usize)?.connection.as_ref()?;
        prefetch::value(connection);
        prefetch::value(connection.endpoint.socket());
        Some(index)
    }

    /// Gives a connection a place.
    pub(super) fn insert(&mut self, hash: u64, flow: Flow, connection: Connection) -> ConnectionId {
        let index = self.free.pop().unwrap_or_else(|| {
            let (is_ready, is_outgoing) = (false, false);
            self.places.push(Place { generation: 0, flow, connection: None, is_ready, is_outgoing });
            // There are fewer connections than a u32 has values.
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let place = &mut self.places[index as usize];
        place.generation = if place.generation == GENERATION_MAX { 0 } else { place.generation + 1 };
        place.flow = flow;
        place.connection = Some(connection);
        let generation = place.generation;
        let (places, hasher) = (&self.places, &self.hasher);
        self.by_flow.insert_unique(hash, index, |index| hasher.hash(&places[*index as usize].flow));
        ConnectionId { index, generation }
    }

    pub(super) fn remove(&mut self, index: u32) {
        let Some(place) = self.places.get_mut(index as usize).filter(|place| place.connection.is_some())
        else {
            return;
        };
        place.connection = None;
        let hash = self.hasher.hash(&place.flow);
        if let Ok(entry) = self.by_flow.find_entry(hash, |other| *other == index) {
            entry.remove();
        }
        self.free.push(index);
    }

    /// The connection in a place, closed or not.
    #[inline]
    pub(super) fn at(&mut self, index: u32) -> Option<&mut Connection> {
        self.places.get_mut(index as usize)?.connection.as_mut()
    }

    pub(super) fn id(&self, index: u32) -> ConnectionId {
        let generation = self.places.get(index as usize).map_or(0, |place| place.generation);
        ConnectionId { index, generation }
    }

    pub(super) fn flow(&self, index: u32) -> Option<Flow> {
        self.places.get(index as usize).map(|place| place.flow)
    }

    /// The connection that the shard knows by this name: none once it has closed it.
    #[inline]
    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        let place = self.places.get(id.index as usize).filter(|place| place.generation == id.generation)?;
        place.connection.as_ref().filter(|connection| !connection.is_closed())
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        let place =
            self.places.get_mut(id.index as usize).filter(|place| place.generation == id.generation)?;
        place.connection.as_mut().filter(|connection| !connection.is_closed())
    }

    /// Marks a connection as being in a list, or not; says whether it was so before.
    #[inline]
    pub(super) fn mark(&mut self, index: u32, list: List, is_in: bool) -> bool {
        let Some(place) = self.places.get_mut(index as usize) else { return is_in };
        let mark = match list {
            List::Ready => &mut place.is_ready,
            List::Outgoing => &mut place.is_outgoing,
        };
        std::mem::replace(mark, is_in)
    }
}

/// As with sockets of the kernel, whose epoll keeps the values above for other things.
const GENERATION_MAX: u32 = u32::MAX - 3;
