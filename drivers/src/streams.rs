//! The contract of byte streams: connections that a shard polls, receives from and sends to.
//!
//! Who owns a buffer when:
//! - A received [`Chunk`] is *lent* with [`Event::Received`] and belongs to the shard until it gives it back to the
//!   [`ChunkPool`](crate::chunk::ChunkPool). `pause` stops reading from a connection: back-pressure instead of growth.
//! - What a shard has to send lies in its [`Outbox`](crate::outbox::Outbox). `send` takes what the peer can take now; chunks go
//!   back to the pool at once, pinned blocks come back as [`Event::Sent`] when their last byte has left.
//! - A connection that is closed, by either side, gives nothing back later: the shard clears its outbox.

use std::time::Duration;

use crate::chunk::Chunk;
use crate::outbox::Pinned;

/// A connection of some streams. The generation tells it from an earlier one with the same index.
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
    /// The connection is gone. Only `close` is left to do.
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

/// Most connections that one poll reports as ready.
pub const EVENTS_PER_POLL_MAX: usize = 128;
/// Most bytes that one send hands over: the slice that a large value may take of a turn.
pub const SEND_BYTES_MAX: usize = 256 << 10;
