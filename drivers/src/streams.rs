//! The contract of byte streams: connections that a shard polls, receives from and sends to.
//!
//! Who owns a buffer when:
//! - A received [`Chunk`] is *lent* with [`Event::Received`] and belongs to the shard until it gives it back to the
//!   [`ChunkPool`]. [`Streams::pause`] stops reading from a connection: back-pressure instead of growth.
//! - What a shard has to send lies in its [`Outbox`]. [`Streams::send`] takes what the peer can take now; chunks go
//!   back to the pool at once, pinned blocks come back as [`Event::Sent`] when their last byte has left.
//! - A connection that is closed, by either side, gives nothing back later: the shard clears its outbox.

use std::time::Duration;

use crate::chunk::{Chunk, ChunkPool};
use crate::kernel::KernelStreams;
use crate::outbox::{Outbox, Pinned};
use crate::sim::SimStreams;

/// A connection of a [`Streams`]. The generation tells it from an earlier one with the same index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId {
    /// Place in the driver's table; the shard's table has the same places.
    pub index: u32,
    /// Counts the connections that had this place.
    pub generation: u32,
}

/// What a poll found.
pub enum Event {
    /// A peer has connected to the listener with this index, of those that the streams were made with: what is
    /// spoken there is the shard's business.
    Opened(ConnectionId, u32),
    /// Bytes came; the chunk is lent.
    Received(ConnectionId, Chunk),
    /// The peer will send no more; it may still read.
    Ended(ConnectionId),
    /// The connection is gone. Only [`Streams::close`] is left to do.
    Lost(ConnectionId),
    /// A connection that was blocked takes bytes again.
    Writable(ConnectionId),
    /// Pinned blocks have left.
    Sent(Pinned),
    /// Datagrams wait at the watched port with this index; said in every poll until they are received.
    PortReady(u32),
}

/// How long a poll may wait for something to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: there is other work.
    No,
    /// Until a timer is due.
    For(Duration),
    /// Until something happens.
    Forever,
}

/// What became of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// All of the outbox has left.
    Done,
    /// The peer takes no more now; [`Event::Writable`] says when it does.
    Blocked,
    /// More could be sent, but the bound of one turn was reached; call again next turn.
    Sliced,
    /// The connection is gone.
    Lost,
}

/// Streams of one kind; matched once per call, each of which is a burst or a whole outbox.
pub enum Streams {
    /// Sockets of the kernel.
    Kernel(KernelStreams),
    /// Connections of a simulated network.
    Sim(SimStreams),
}

impl Streams {
    /// Receives a burst: at most [`EVENTS_PER_POLL_MAX`] connections, at most one chunk from each.
    #[inline]
    pub fn poll(&mut self, wait: Wait, pool: &mut ChunkPool, events: &mut Vec<Event>) {
        match self {
            Self::Kernel(streams) => streams.poll(wait, pool, events),
            Self::Sim(streams) => streams.poll(pool, events),
        }
    }

    /// Sends what the peer takes, at most [`SEND_BYTES_MAX`]; does not block.
    #[inline]
    pub fn send(&mut self, connection: ConnectionId, outbox: &mut Outbox, pool: &mut ChunkPool) -> Sending {
        match self {
            Self::Kernel(streams) => streams.send(connection, outbox, pool),
            Self::Sim(streams) => streams.send(connection, outbox, pool),
        }
    }

    /// Rests for some microseconds if that lets more work gather; says whether it did. For a shard that has nothing
    /// to do, before it sleeps.
    pub fn rest(&self) -> bool {
        match self {
            Self::Kernel(streams) => streams.rest(),
            Self::Sim(_) => false,
        }
    }

    /// Tells what the turn has executed, `requests` of connections and `asks` of other shards: by this a driver
    /// decides whether to rest.
    pub fn worked(&mut self, requests: usize, asks: usize) {
        match self {
            Self::Kernel(streams) => streams.worked(requests, asks),
            Self::Sim(_) => {}
        }
    }

    /// Says that the next poll will sleep. What others put into the shard's rings after this wakes it; look at the
    /// rings once more before that poll (see [`crate::wake`]).
    pub fn prepare_sleep(&self) {
        match self {
            Self::Kernel(streams) => streams.prepare_sleep(),
            // A simulation calls every shard in turn: none sleeps.
            Self::Sim(_) => {}
        }
    }

    /// Stops reading from a connection.
    pub fn pause(&mut self, connection: ConnectionId) {
        match self {
            Self::Kernel(streams) => streams.pause(connection),
            Self::Sim(streams) => streams.pause(connection),
        }
    }

    /// Reads from a connection again.
    pub fn resume(&mut self, connection: ConnectionId) {
        match self {
            Self::Kernel(streams) => streams.resume(connection),
            Self::Sim(streams) => streams.resume(connection),
        }
    }

    /// Closes a connection; its id is not used again.
    pub fn close(&mut self, connection: ConnectionId) {
        match self {
            Self::Kernel(streams) => streams.close(connection),
            Self::Sim(streams) => streams.close(connection),
        }
    }

    /// The number that the kernel gave the connection, for people to read; -1 without one.
    pub fn descriptor(&self, connection: ConnectionId) -> i32 {
        match self {
            Self::Kernel(streams) => streams.descriptor(connection),
            Self::Sim(_) => -1,
        }
    }

    /// The peer's address and ours, for people to read.
    pub fn addresses(&self, connection: ConnectionId) -> (String, String) {
        match self {
            Self::Kernel(streams) => streams.addresses(connection),
            Self::Sim(streams) => streams.addresses(connection),
        }
    }
}

/// Most connections that one poll reports as ready.
pub const EVENTS_PER_POLL_MAX: usize = 128;
/// Most bytes that one send hands over: the slice that a large value may take of a turn.
pub const SEND_BYTES_MAX: usize = 256 << 10;
