//! The streams of a shard: a closed list of kinds.

use adit_drivers::chunk::ChunkPool;
use adit_drivers::kernel::KernelStreams;
use adit_drivers::outbox::Outbox;
use adit_drivers::sim::SimStreams;
use adit_drivers::streams::{ConnectionId, Event, Sending, Wait};
use adit_net::NetStreams;

/// Streams of one kind; matched once per call, each of which is a burst or a whole outbox.
pub enum Streams {
    /// Sockets of the kernel.
    Kernel(KernelStreams),
    /// Connections of a simulated network.
    Sim(SimStreams),
    /// TCP of our own stack over a queue of frames.
    Net(Box<NetStreams>),
}

impl Streams {
    /// Receives a burst: at most [`EVENTS_PER_POLL_MAX`](adit_drivers::streams::EVENTS_PER_POLL_MAX) connections, at most one
    /// chunk from each. What can sleep waits for it if told to. Says whether anything came, also what is no event.
    #[inline]
    pub fn poll(&mut self, wait: Wait, now_ns: u64, pool: &mut ChunkPool, events: &mut Vec<Event>) -> bool {
        match self {
            Self::Kernel(streams) => streams.poll(wait, pool, events),
            Self::Sim(streams) => streams.poll(pool, events),
            Self::Net(streams) => return streams.poll(now_ns, pool, events),
        }
        !events.is_empty()
    }

    /// Sends what the peer takes, at most [`SEND_BYTES_MAX`](adit_drivers::streams::SEND_BYTES_MAX); does not block.
    #[inline]
    pub fn send(&mut self, connection: ConnectionId, outbox: &mut Outbox, pool: &mut ChunkPool) -> Sending {
        match self {
            Self::Kernel(streams) => streams.send(connection, outbox, pool),
            Self::Sim(streams) => streams.send(connection, outbox, pool),
            Self::Net(streams) => streams.send(connection, outbox, pool),
        }
    }

    /// Rests for some microseconds if that lets more work gather; says whether it did. For a shard that has nothing
    /// to do, before it sleeps.
    pub fn rest(&self) -> bool {
        match self {
            Self::Kernel(streams) => streams.rest(),
            Self::Sim(_) | Self::Net(_) => false,
        }
    }

    /// Tells what the turn has executed, `requests` of connections and `asks` of other shards: by this a driver
    /// decides whether to rest.
    pub fn worked(&mut self, requests: usize, asks: usize) {
        match self {
            Self::Kernel(streams) => streams.worked(requests, asks),
            Self::Sim(_) | Self::Net(_) => {}
        }
    }

    /// Says that the next poll will sleep. What others put into the shard's rings after this wakes it; look at the
    /// rings once more before that poll (see [`adit_drivers::wake`]).
    pub fn prepare_sleep(&mut self) {
        match self {
            Self::Kernel(streams) => streams.prepare_sleep(),
            Self::Net(streams) => streams.prepare_sleep(),
            // A simulation calls every shard in turn: none sleeps.
            Self::Sim(_) => {}
        }
    }

    /// Says that the sleep that was prepared is over, or was none.
    pub fn end_sleep(&mut self) {
        match self {
            Self::Kernel(_) | Self::Sim(_) => {}
            Self::Net(streams) => streams.end_sleep(),
        }
    }

    /// Lets what was sent in this turn leave, where it is gathered until now.
    #[inline]
    pub fn flush(&mut self, now_ns: u64) {
        match self {
            Self::Kernel(_) | Self::Sim(_) => {}
            Self::Net(streams) => streams.flush(now_ns),
        }
    }

    /// Whether something that comes ends the sleep of [`Streams::poll`].
    pub fn interrupts(&self) -> bool {
        match self {
            Self::Kernel(_) | Self::Sim(_) => true,
            Self::Net(streams) => streams.interrupts(),
        }
    }

    /// When they have something to do by themselves.
    pub fn due_ns(&self) -> Option<u64> {
        match self {
            Self::Kernel(_) | Self::Sim(_) => None,
            Self::Net(streams) => streams.due_ns(),
        }
    }

    /// Stops reading from a connection.
    pub fn pause(&mut self, connection: ConnectionId) {
        match self {
            Self::Kernel(streams) => streams.pause(connection),
            Self::Sim(streams) => streams.pause(connection),
            Self::Net(streams) => streams.pause(connection),
        }
    }

    /// Reads from a connection again.
    pub fn resume(&mut self, connection: ConnectionId) {
        match self {
            Self::Kernel(streams) => streams.resume(connection),
            Self::Sim(streams) => streams.resume(connection),
            Self::Net(streams) => streams.resume(connection),
        }
    }

    /// Closes a connection; its id is not used again.
    pub fn close(&mut self, connection: ConnectionId) {
        match self {
            Self::Kernel(streams) => streams.close(connection),
            Self::Sim(streams) => streams.close(connection),
            Self::Net(streams) => streams.close(connection),
        }
    }

    /// The number that the kernel gave the connection, for people to read; -1 without one.
    pub fn descriptor(&self, connection: ConnectionId) -> i32 {
        match self {
            Self::Kernel(streams) => streams.descriptor(connection),
            Self::Sim(_) | Self::Net(_) => -1,
        }
    }

    /// The peer's address and ours, for people to read.
    pub fn addresses(&self, connection: ConnectionId) -> (String, String) {
        match self {
            Self::Kernel(streams) => streams.addresses(connection),
            Self::Sim(streams) => streams.addresses(connection),
            Self::Net(streams) => streams.addresses(connection),
        }
    }
}
