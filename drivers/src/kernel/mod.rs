//! Sockets of the kernel: streams over TCP and AF_UNIX on epoll, and datagrams over UDP.
//!
//! One level-triggered epoll per shard, one receive per ready connection and poll, one send per outbox. io_uring was
//! measured to cost the same for sockets, so the plainer of the two is here (see ARCHITECTURE.md).

mod endpoint;
mod listener;
mod messages;
mod name;
mod pace;
mod socket;
mod udp;

pub use endpoint::UdpEndpoint;
pub use listener::{ListenError, Listener};
pub use udp::{KernelPort, Offload, UdpSocket};

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::chunk::ChunkPool;
use crate::outbox::{Outbox, Pinned};
use crate::streams::{ConnectionId, EVENTS_PER_POLL_MAX, Event, Sending, Wait};
use crate::wake::Sleeper;
use pace::Pace;
use socket::{Socket, SocketTable};

/// The sockets of one shard.
pub struct KernelStreams {
    epoll: OwnedFd,
    listeners: Vec<Listener>,
    sockets: SocketTable,
    sleeper: Sleeper,
    ports_count: u32,
    pace: Pace,
    ready: Vec<epoll::Event>,
    /// Pinned blocks that have left, to be reported by the next poll.
    sent: Vec<Pinned>,
    /// Kept open so that a connection can be accepted and refused when no other descriptor is left.
    spare: Option<OwnedFd>,
}

impl KernelStreams {
    /// Streams that accept from `listeners` and are woken through `sleeper`.
    ///
    /// # Errors
    /// The kernel's, if it refuses an epoll.
    pub fn new(listeners: Vec<Listener>, sleeper: Sleeper) -> std::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        // Edge-triggered: every wake-up is an edge, so its count need not be read.
        epoll::add(&epoll, &sleeper, key(SLEEPER, 0), epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        for (index, listener) in (0..).zip(&listeners) {
            // EXCLUSIVE: a listener that shards share (AF_UNIX) wakes one of them, not all.
            let flags = epoll::EventFlags::IN | epoll::EventFlags::EXCLUSIVE;
            epoll::add(&epoll, listener, key(LISTENER, index), flags)?;
        }
        let ready = Vec::with_capacity(EVENTS_PER_POLL_MAX);
        let sockets = SocketTable::default();
        Ok(Self {
            epoll,
            listeners,
            sockets,
            sleeper,
            ports_count: 0,
            pace: Pace::new(),
            ready,
            sent: Vec::new(),
            spare: spare(),
        })
    }

    /// Reports datagrams that wait at `port`, as [`Event::PortReady`] with the index that this returns: the ports are
    /// numbered from 0. A port that is dropped is watched no more.
    ///
    /// # Errors
    /// The kernel's, if it has no memory to watch with.
    pub fn watch_port(&mut self, port: &KernelPort) -> std::io::Result<u32> {
        let index = self.ports_count;
        epoll::add(&self.epoll, port, key(PORT, index), epoll::EventFlags::IN)?;
        self.ports_count += 1;
        Ok(index)
    }

    /// Ends a sleep when `fd` is readable; what is to be read there is the business of others.
    ///
    /// # Errors
    /// The kernel's, if it has no memory to watch with.
    pub fn watch_interrupt(&mut self, fd: BorrowedFd<'_>) -> std::io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, key(SLEEPER, 1), epoll::EventFlags::IN)?)
    }

    /// Rests for some microseconds if that lets more work gather; says whether it did.
    pub fn rest(&self) -> bool {
        self.pace.rest()
    }

    /// Tells what a turn has executed, `requests` of connections and `asks` of other shards.
    pub fn worked(&mut self, requests: usize, asks: usize) {
        self.pace.worked(requests, asks);
    }

    /// Says that the next poll will sleep; see [`crate::wake`].
    pub fn prepare_sleep(&self) {
        self.sleeper.prepare();
    }

    /// Receives a burst; waits for it if told to.
    pub fn poll(&mut self, wait: Wait, pool: &mut ChunkPool, events: &mut Vec<Event>) {
        let wait = if self.sent.is_empty() { wait } else { Wait::No };
        events.extend(self.sent.drain(..).map(Event::Sent));
        self.ready.clear();
        if wait == Wait::No {
            wait_for_events(&self.epoll, &mut self.ready, wait);
        } else {
            self.pace.sleep(|| wait_for_events(&self.epoll, &mut self.ready, wait));
        }
        self.sleeper.awake();
        let ready = std::mem::take(&mut self.ready);
        for event in &ready {
            self.dispatch(*event, pool, events);
        }
        self.pace.polled(ready.len());
        self.ready = ready;
    }

    fn dispatch(&mut self, event: epoll::Event, pool: &mut ChunkPool, events: &mut Vec<Event>) {
        match unkey(event.data.u64()) {
            (SLEEPER, _) => {}
            (LISTENER, index) => self.accept(index, events),
            (PORT, index) => events.push(Event::PortReady(index)),
            (generation, index) => {
                let id = ConnectionId { index, generation };
                let flags = event.flags;
                if flags.contains(epoll::EventFlags::OUT) {
                    self.sockets.unblock(&self.epoll, id);
                    events.push(Event::Writable(id));
                }
                self.receive(id, flags, pool, events);
            }
        }
    }

    fn receive(
        &mut self,
        id: ConnectionId,
        flags: epoll::EventFlags,
        pool: &mut ChunkPool,
        events: &mut Vec<Event>,
    ) {
        let failed = flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP);
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if !socket.wants_input() {
            if failed {
                events.push(Event::Lost(id));
            }
            return;
        }
        if !(failed || flags.contains(epoll::EventFlags::IN)) || !pool.may_receive() {
            return;
        }
        let mut chunk = pool.take_input();
        match recv(&socket.fd, chunk.spare_mut(), RecvFlags::empty()) {
            Ok((_, 0)) => {
                pool.give(chunk);
                self.sockets.end_input(&self.epoll, id);
                events.push(Event::Ended(id));
            }
            Ok((_, count)) => {
                chunk.extend(count);
                self.pace.received(count, &mut socket.seen_window);
                events.push(Event::Received(id, chunk));
            }
            Err(error) => {
                pool.give(chunk);
                if !matches!(error, Errno::AGAIN | Errno::INTR) {
                    events.push(Event::Lost(id));
                }
            }
        }
    }

    fn accept(&mut self, index: u32, events: &mut Vec<Event>) {
        let Some(listener) = self.listeners.get(index as usize) else { return };
        for _ in 0..ACCEPTS_PER_POLL_MAX {
            let fd = match listener.accept() {
                Ok(fd) => fd,
                Err(Errno::MFILE | Errno::NFILE) => {
                    // Without a descriptor the connection would stay in the queue and keep the epoll ready.
                    self.spare = None;
                    drop(listener.accept());
                    self.spare = spare();
                    return;
                }
                Err(_) => return,
            };
            let socket = Socket::new(fd, listener.name());
            if let Ok(id) = self.sockets.insert(&self.epoll, socket) {
                events.push(Event::Opened(id, index));
            }
        }
    }

    /// Sends what the peer takes, at most [`SEND_BYTES_MAX`](crate::streams::SEND_BYTES_MAX); does not block.
    pub fn send(&mut self, id: ConnectionId, outbox: &mut Outbox, pool: &mut ChunkPool) -> Sending {
        let Some(socket) = self.sockets.get_mut(id) else { return Sending::Lost };
        let sending = socket.send(outbox, pool, &mut self.sent);
        if sending == Sending::Blocked {
            self.sockets.block(&self.epoll, id);
        }
        sending
    }

    /// Stops reading from a connection.
    pub fn pause(&mut self, id: ConnectionId) {
        self.sockets.pause(&self.epoll, id);
    }

    /// Reads from a connection again.
    pub fn resume(&mut self, id: ConnectionId) {
        self.sockets.resume(&self.epoll, id);
    }

    /// Closes a connection; its id is not used again.
    pub fn close(&mut self, id: ConnectionId) {
        self.sockets.remove(id);
    }

    /// The number that the kernel gave the connection; -1 without one.
    pub fn descriptor(&self, id: ConnectionId) -> i32 {
        self.sockets.get(id).map_or(-1, |socket| socket.fd.as_raw_fd())
    }

    /// The peer's address and ours, for people to read.
    pub fn addresses(&self, id: ConnectionId) -> (String, String) {
        self.sockets.get(id).map(Socket::addresses).unwrap_or_default()
    }
}

fn wait_for_events(epoll: &OwnedFd, ready: &mut Vec<epoll::Event>, wait: Wait) {
    match epoll::wait(epoll, rustix::buffer::spare_capacity(ready), timeout(wait).as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => panic!("epoll_wait on our own epoll failed: {error}"),
    }
}

fn spare() -> Option<OwnedFd> {
    rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).ok()
}

fn timeout(wait: Wait) -> Option<Timespec> {
    match wait {
        Wait::No => Some(Timespec { tv_sec: 0, tv_nsec: 0 }),
        // A wait beyond what a timespec holds is as good as forever.
        Wait::For(duration) => Timespec::try_from(duration).ok(),
        Wait::Forever => None,
    }
}

fn key(kind: u32, index: u32) -> epoll::EventData {
    epoll::EventData::new_u64(u64::from(kind) << 32 | u64::from(index))
}

/// The generation of a connection, or one of the kinds below; and an index.
fn unkey(data: u64) -> (u32, u32) {
    let [generation, index] =
        [data >> 32, data & u64::from(u32::MAX)].map(|half| u32::try_from(half).unwrap_or(0));
    (generation, index)
}

const SLEEPER: u32 = u32::MAX;
const LISTENER: u32 = u32::MAX - 1;
const PORT: u32 = u32::MAX - 2;
/// Generations of connections stay below the kinds above.
const GENERATION_MAX: u32 = u32::MAX - 3;
/// Most connections that one poll accepts from one listener.
const ACCEPTS_PER_POLL_MAX: usize = 64;

/// Lets the process open as many files as it is allowed to; says how many that are.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // If it cannot be raised, the present one holds.
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::{MBUF_BYTES, Mempool};
    use std::net::SocketAddr;

    fn services(events: &[Event]) -> Vec<u32> {
        let service = |event: &Event| match event {
            Event::Opened(_, service) => Some(*service),
            _ => None,
        };
        events.iter().filter_map(service).collect()
    }

    fn is_ready(events: &[Event]) -> bool {
        events.iter().any(|event| matches!(event, Event::PortReady(0)))
    }

    #[test]
    fn one_poll_waits_for_connections_of_any_listener_and_for_ports() {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let listeners: Vec<_> = (0..2).flat_map(|_| Listener::tcp(loopback, 1).unwrap()).collect();
        let address = (loopback.ip(), listeners[1].port().unwrap());
        let (_waker, sleeper) = crate::wake::pair().unwrap();
        let mut streams = KernelStreams::new(listeners, sleeper).unwrap();
        let socket = UdpSocket::bind(loopback).unwrap();
        let mut port = KernelPort::new(socket, Mempool::new(2, MBUF_BYTES), Offload::default());
        assert_eq!(streams.watch_port(&port).unwrap(), 0);

        let mut pool = ChunkPool::new(0);
        let mut poll = |wait, done: &dyn Fn(&[Event]) -> bool| {
            let mut events = Vec::new();
            while !done(&events) {
                streams.poll(wait, &mut pool, &mut events);
            }
            events
        };
        let _client = std::net::TcpStream::connect(address).unwrap();
        let events = poll(Wait::Forever, &|events| !services(events).is_empty());
        assert_eq!((services(&events), is_ready(&events)), (vec![1], false));

        let sender = std::net::UdpSocket::bind(loopback).unwrap();
        sender.send_to(b"x", port.address()).unwrap();
        poll(Wait::Forever, &is_ready);
        poll(Wait::Forever, &is_ready);
        let mut burst = Vec::new();
        port.rx_burst(&mut burst);
        assert_eq!(burst.len(), 1);
        let mut events = Vec::new();
        streams.poll(Wait::No, &mut pool, &mut events);
        assert!(!is_ready(&events), "what waited was received");
    }
}
