//! Connected sockets and what the epoll watches them for.

use std::io::IoSlice;
use std::os::fd::OwnedFd;

use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, getpeername, getsockname, send, sendmsg};

use super::{GENERATION_MAX, key};
use crate::chunk::ChunkPool;
use crate::outbox::{Outbox, Pinned};
use crate::streams::{ConnectionId, SEND_BYTES_MAX, Sending};

/// One connected socket.
pub(super) struct Socket {
    pub(super) fd: OwnedFd,
    /// Where it was accepted, for AF_UNIX, whose sockets have no names of their own.
    listener: String,
    paused: bool,
    ended: bool,
    blocked: bool,
    /// The last window in which the pace counted it.
    pub(super) seen_window: u32,
}

impl Socket {
    pub(super) fn new(fd: OwnedFd, listener: &str) -> Self {
        Self {
            fd,
            listener: listener.to_owned(),
            paused: false,
            ended: false,
            blocked: false,
            seen_window: 0,
        }
    }

    /// Whether there is anything to receive for.
    pub(super) fn wants_input(&self) -> bool {
        !self.paused && !self.ended
    }

    fn interest(&self) -> epoll::EventFlags {
        let input = if self.wants_input() { epoll::EventFlags::IN } else { epoll::EventFlags::empty() };
        let output = if self.blocked { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
        input | output
    }

    /// Sends until the outbox is empty, the peer takes no more, or the slice of a turn is used up. Pinned blocks
    /// that have left go to `done`.
    #[inline]
    pub(super) fn send(&self, outbox: &mut Outbox, pool: &mut ChunkPool, done: &mut Vec<Pinned>) -> Sending {
        let mut sent_bytes = 0;
        while !outbox.is_empty() {
            if sent_bytes >= SEND_BYTES_MAX {
                return Sending::Sliced;
            }
            match self.send_once(outbox) {
                Ok(count) => {
                    sent_bytes += count;
                    outbox.advance(count, pool, |pinned| done.push(pinned));
                }
                Err(Errno::AGAIN) => return Sending::Blocked,
                Err(Errno::INTR) => {}
                Err(_) => return Sending::Lost,
            }
        }
        Sending::Done
    }

    #[inline]
    fn send_once(&self, outbox: &Outbox) -> Result<usize, Errno> {
        match outbox.single_run() {
            Some(run) => send(&self.fd, run, SendFlags::NOSIGNAL),
            None => self.send_runs(outbox),
        }
    }

    fn send_runs(&self, outbox: &Outbox) -> Result<usize, Errno> {
        let mut slices: [IoSlice<'_>; RUNS_PER_SEND_MAX] = std::array::from_fn(|_| IoSlice::new(&[]));
        let mut count = 0;
        for (slice, run) in slices.iter_mut().zip(outbox.runs()) {
            *slice = IoSlice::new(run);
            count += 1;
        }
        sendmsg(&self.fd, &slices[..count], &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)
    }

    pub(super) fn addresses(&self) -> (String, String) {
        let tcp = |address: Option<rustix::net::SocketAddrAny>| {
            address
                .and_then(|address| std::net::SocketAddr::try_from(address).ok())
                .map(|tcp| tcp.to_string())
        };
        let unix = || format!("{}:0", self.listener);
        let peer = tcp(getpeername(&self.fd).ok().flatten()).unwrap_or_else(unix);
        (peer, tcp(getsockname(&self.fd).ok()).unwrap_or_else(unix))
    }
}

/// The sockets of a shard by index; the index of a closed one is used again under the next generation.
#[derive(Default)]
pub(super) struct SocketTable {
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Default)]
struct Place {
    generation: u32,
    socket: Option<Socket>,
}

impl SocketTable {
    pub(super) fn insert(&mut self, epoll: &OwnedFd, socket: Socket) -> Result<ConnectionId, Errno> {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            // A process has fewer descriptors than a u32 has values.
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let place = &mut self.places[index as usize];
        place.generation = if place.generation == GENERATION_MAX { 0 } else { place.generation + 1 };
        let id = ConnectionId { index, generation: place.generation };
        if let Err(error) = epoll::add(epoll, &socket.fd, key(id.generation, index), socket.interest()) {
            self.free.push(index);
            return Err(error);
        }
        place.socket = Some(socket);
        Ok(id)
    }

    #[inline]
    pub(super) fn get(&self, id: ConnectionId) -> Option<&Socket> {
        let place = self.places.get(id.index as usize)?;
        place.socket.as_ref().filter(|_| place.generation == id.generation)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Socket> {
        let place = self.places.get_mut(id.index as usize)?;
        place.socket.as_mut().filter(|_| place.generation == id.generation)
    }

    pub(super) fn remove(&mut self, id: ConnectionId) {
        if self.get(id).is_some() {
            // Closing the descriptor takes it out of the epoll: it has no duplicates.
            self.places[id.index as usize].socket = None;
            self.free.push(id.index);
        }
    }

    pub(super) fn pause(&mut self, epoll: &OwnedFd, id: ConnectionId) {
        self.change(epoll, id, |socket| socket.paused = true);
    }

    pub(super) fn resume(&mut self, epoll: &OwnedFd, id: ConnectionId) {
        self.change(epoll, id, |socket| socket.paused = false);
    }

    pub(super) fn end_input(&mut self, epoll: &OwnedFd, id: ConnectionId) {
        self.change(epoll, id, |socket| socket.ended = true);
    }

    pub(super) fn block(&mut self, epoll: &OwnedFd, id: ConnectionId) {
        self.change(epoll, id, |socket| socket.blocked = true);
    }

    pub(super) fn unblock(&mut self, epoll: &OwnedFd, id: ConnectionId) {
        self.change(epoll, id, |socket| socket.blocked = false);
    }

    fn change(&mut self, epoll: &OwnedFd, id: ConnectionId, change: impl FnOnce(&mut Socket)) {
        let Some(socket) = self.get_mut(id) else { return };
        let before = socket.interest();
        change(socket);
        let after = socket.interest();
        if before != after {
            let changed = epoll::modify(epoll, &socket.fd, key(id.generation, id.index), after);
            assert!(changed.is_ok(), "a socket of the table is not in its epoll");
        }
    }
}

/// Most runs that one send gathers.
const RUNS_PER_SEND_MAX: usize = 16;
