//! A table of what a shard knows of its connections, in the places of their driver's table.

use adit_drivers::streams::ConnectionId;

use crate::connection::Connection;

/// The connections of a shard that speak RESP.
pub(crate) type Connections = Table<Connection>;

/// What has a place in the driver's table.
pub(crate) trait Placed {
    /// The driver's name for it.
    fn id(&self) -> ConnectionId;
}

impl Placed for Connection {
    #[inline]
    fn id(&self) -> ConnectionId {
        self.id
    }
}

/// Connections of one kind, in the places of their driver's table.
pub(crate) struct Table<T> {
    places: Vec<Option<Box<T>>>,
    count: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { places: Vec::new(), count: 0 }
    }
}

impl<T: Placed> Table<T> {
    /// The connection at a place.
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.places.get(index as usize)?.as_deref()
    }

    /// The connection in a place.
    #[inline]
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.places.get_mut(index as usize)?.as_deref_mut()
    }

    /// The connection of an id, if it is still there.
    #[inline]
    pub(crate) fn of(&mut self, id: ConnectionId) -> Option<&mut T> {
        self.get_mut(id.index).filter(|connection| connection.id() == id)
    }

    /// Puts a new connection into its place.
    pub(crate) fn insert(&mut self, id: ConnectionId, connection: T) {
        let index = id.index as usize;
        if self.places.len() <= index {
            self.places.resize_with(index + 1, || None);
        }
        let before = self.places[index].replace(Box::new(connection));
        assert!(before.is_none(), "the driver gave a place to two connections");
        self.count += 1;
    }

    /// Takes a connection out.
    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<Box<T>> {
        self.of(id)?;
        self.count -= 1;
        self.places[id.index as usize].take()
    }

    /// The connections in `count` places from `first` on.
    pub(crate) fn places(&self, first: u32, count: u32) -> impl Iterator<Item = &T> {
        self.places.iter().skip(first as usize).take(count as usize).filter_map(|place| place.as_deref())
    }

    /// The place behind `count` ones from `first` on, if there is one.
    pub(crate) fn place_after(&self, first: u32, count: u32) -> Option<u32> {
        Some(first.saturating_add(count)).filter(|&next| (next as usize) < self.places.len())
    }

    /// All connections.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|place| place.as_deref())
    }

    /// Number of connections.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}
