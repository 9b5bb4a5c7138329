//! A simulated network of streams: partial reads, slow readers and resets, all from one seed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::port::{SimPort, SimWatch};
use super::random::Random;
use crate::chunk::ChunkPool;
use crate::outbox::{Outbox, Pinned};
use crate::streams::{ConnectionId, EVENTS_PER_POLL_MAX, Event, SEND_BYTES_MAX, Sending};

/// A network with any number of servers and clients, on one thread.
#[derive(Clone)]
pub struct SimNetwork(Rc<RefCell<State>>);

/// The server end: the connections of one listener.
pub struct SimStreams {
    network: Rc<RefCell<State>>,
    listener: u32,
    sent: Vec<Pinned>,
    /// The pipe in each place. A place is used again under the next generation, as file descriptors are.
    places: Vec<Place>,
    ports: Vec<SimWatch>,
}

#[derive(Clone, Copy, Default)]
struct Place {
    generation: u32,
    pipe: Option<usize>,
}

/// The client end of one connection.
pub struct SimClient {
    network: Rc<RefCell<State>>,
    index: usize,
}

struct State {
    random: Random,
    listeners: u32,
    pipes: Vec<Pipe>,
}

/// One connection.
struct Pipe {
    listener: u32,
    service: u32,
    /// The server's name for it, once it was accepted.
    id: Option<ConnectionId>,
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    /// Bytes that `to_client` holds at most: what a slow reader leaves in the kernel's buffers.
    window_bytes: usize,
    opened: bool,
    finished: bool,
    ended: bool,
    reset: bool,
    lost: bool,
    paused: bool,
    blocked: bool,
    closed: bool,
}

impl SimNetwork {
    /// A network whose partial reads and windows come from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Rc::new(RefCell::new(State { random: Random::new(seed), listeners: 0, pipes: Vec::new() })))
    }

    /// The streams of a new listener; they are numbered from 0.
    pub fn listen(&self) -> SimStreams {
        let mut state = self.0.borrow_mut();
        state.listeners += 1;
        SimStreams {
            network: Rc::clone(&self.0),
            listener: state.listeners - 1,
            sent: Vec::new(),
            places: Vec::new(),
            ports: Vec::new(),
        }
    }

    /// Connects to service 0 of a listener. `window_bytes` bounds what the server can send before the client reads.
    pub fn connect(&self, listener: u32, window_bytes: usize) -> SimClient {
        self.connect_service(listener, 0, window_bytes)
    }

    /// Connects to one of the services that a listener offers; [`Event::Opened`] names it.
    pub fn connect_service(&self, listener: u32, service: u32, window_bytes: usize) -> SimClient {
        let mut state = self.0.borrow_mut();
        state.pipes.push(Pipe::new(listener, service, window_bytes));
        SimClient { network: Rc::clone(&self.0), index: state.pipes.len() - 1 }
    }
}

impl Pipe {
    fn new(listener: u32, service: u32, window_bytes: usize) -> Self {
        Self {
            listener,
            service,
            id: None,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            window_bytes,
            opened: false,
            finished: false,
            ended: false,
            reset: false,
            lost: false,
            paused: false,
            blocked: false,
            closed: false,
        }
    }

    /// The next thing that happened to this connection, if any.
    fn event(&mut self, id: ConnectionId, random: &mut Random, pool: &mut ChunkPool) -> Option<Event> {
        if self.closed || self.lost {
            return None;
        }
        if !std::mem::replace(&mut self.opened, true) {
            return Some(Event::Opened(id, self.service));
        }
        if self.reset {
            self.lost = true;
            return Some(Event::Lost(id));
        }
        if self.blocked && self.to_client.len() < self.window_bytes {
            self.blocked = false;
            return Some(Event::Writable(id));
        }
        self.input(id, random, pool)
    }

    fn input(&mut self, id: ConnectionId, random: &mut Random, pool: &mut ChunkPool) -> Option<Event> {
        if self.paused || self.ended {
            return None;
        }
        if self.to_server.is_empty() {
            self.ended = self.finished;
            return self.ended.then_some(Event::Ended(id));
        }
        if !pool.may_receive() {
            return None;
        }
        let mut chunk = pool.take_input();
        let most = self.to_server.len().min(chunk.spare_bytes());
        // Half of the reads get all there is, the others stop anywhere.
        let count = if random.one_in(2) { most } else { 1 + random.index(most) };
        for (place, byte) in chunk.spare_mut().iter_mut().zip(self.to_server.drain(..count)) {
            *place = byte;
        }
        chunk.extend(count);
        Some(Event::Received(id, chunk))
    }
}

impl SimStreams {
    /// Reports datagrams that wait at `port`, as [`Event::PortReady`] with the index that this returns: the ports
    /// are numbered from 0.
    pub fn watch_port(&mut self, port: &SimPort) -> u32 {
        self.ports.push(port.watch());
        u32::try_from(self.ports.len() - 1).unwrap_or(u32::MAX)
    }

    /// Receives a burst; waits for it if told to.
    pub fn poll(&mut self, pool: &mut ChunkPool, events: &mut Vec<Event>) {
        events.extend(self.sent.drain(..).map(Event::Sent));
        let ready = (0..).zip(&self.ports).filter(|(_, port)| port.is_ready());
        events.extend(ready.map(|(index, _)| Event::PortReady(index)));
        let state = &mut *self.network.borrow_mut();
        let first = state.random.index(state.pipes.len());
        let count = state.pipes.len();
        for index in (0..count).map(|offset| (first + offset) % count) {
            let pipe = &mut state.pipes[index];
            if pipe.listener == self.listener && events.len() < EVENTS_PER_POLL_MAX {
                let id = *pipe.id.get_or_insert_with(|| accept(&mut self.places, index));
                events.extend(pipe.event(id, &mut state.random, pool));
            }
        }
    }

    /// Sends what the peer takes, at most [`SEND_BYTES_MAX`]; does not block.
    pub fn send(&mut self, id: ConnectionId, outbox: &mut Outbox, pool: &mut ChunkPool) -> Sending {
        let state = &mut *self.network.borrow_mut();
        let pipe = pipe_of(&self.places, id).map(|index| &mut state.pipes[index]);
        let Some(pipe) = pipe.filter(|pipe| !pipe.reset) else { return Sending::Lost };
        let mut left = SEND_BYTES_MAX;
        while !outbox.is_empty() {
            let room = pipe.window_bytes.saturating_sub(pipe.to_client.len());
            let run = outbox.runs().find(|run| !run.is_empty()).unwrap_or_default();
            let count = run.len().min(room).min(left);
            pipe.to_client.extend(&run[..count]);
            left -= count;
            outbox.advance(count, pool, |pinned| self.sent.push(pinned));
            if left == 0 {
                return Sending::Sliced;
            }
            if room == 0 {
                pipe.blocked = true;
                return Sending::Blocked;
            }
        }
        Sending::Done
    }

    /// Stops reading from a connection.
    pub fn pause(&self, id: ConnectionId) {
        self.change(id, |pipe| pipe.paused = true);
    }

    /// Reads from a connection again.
    pub fn resume(&self, id: ConnectionId) {
        self.change(id, |pipe| pipe.paused = false);
    }

    /// Closes a connection; its id is not used again.
    pub fn close(&mut self, id: ConnectionId) {
        self.change(id, |pipe| pipe.closed = true);
        if pipe_of(&self.places, id).is_some() {
            self.places[id.index as usize].pipe = None;
        }
    }

    fn change(&self, id: ConnectionId, change: impl FnOnce(&mut Pipe)) {
        if let Some(index) = pipe_of(&self.places, id) {
            change(&mut self.network.borrow_mut().pipes[index]);
        }
    }

    /// The peer's address and ours, for people to read.
    pub fn addresses(&self, id: ConnectionId) -> (String, String) {
        (format!("sim-client:{}", id.index), format!("sim-server:{}", self.listener))
    }
}

impl SimClient {
    /// Sends bytes; they are received whole or in parts, in order.
    pub fn write(&self, bytes: &[u8]) {
        self.network.borrow_mut().pipes[self.index].to_server.extend(bytes);
    }

    /// Takes up to `most_bytes` of what the server has sent.
    pub fn read(&self, most_bytes: usize) -> Vec<u8> {
        let pipe = &mut self.network.borrow_mut().pipes[self.index];
        let count = pipe.to_client.len().min(most_bytes);
        pipe.to_client.drain(..count).collect()
    }

    /// Bytes that were sent and not yet received by the server.
    pub fn unread_bytes(&self) -> usize {
        self.network.borrow().pipes[self.index].to_server.len()
    }

    /// Whether bytes are on their way in either direction, or the end of the connection is.
    pub fn is_moving(&self) -> bool {
        let pipe = &self.network.borrow().pipes[self.index];
        !pipe.opened || pipe.closed || !pipe.to_server.is_empty() || !pipe.to_client.is_empty()
    }

    /// Sends no more; still reads.
    pub fn finish(&self) {
        self.network.borrow_mut().pipes[self.index].finished = true;
    }

    /// Breaks the connection.
    pub fn reset(&self) {
        self.network.borrow_mut().pipes[self.index].reset = true;
    }

    /// Whether the server has closed the connection and everything that it sent was read.
    pub fn is_closed(&self) -> bool {
        let pipe = &self.network.borrow().pipes[self.index];
        pipe.closed && pipe.to_client.is_empty()
    }
}

/// Gives a pipe the first free place.
fn accept(places: &mut Vec<Place>, pipe: usize) -> ConnectionId {
    let index = places.iter().position(|place| place.pipe.is_none()).unwrap_or_else(|| {
        places.push(Place::default());
        places.len() - 1
    });
    let place = &mut places[index];
    *place = Place { generation: place.generation + 1, pipe: Some(pipe) };
    ConnectionId { index: u32::try_from(index).unwrap_or(u32::MAX), generation: place.generation }
}

fn pipe_of(places: &[Place], id: ConnectionId) -> Option<usize> {
    places.get(id.index as usize).filter(|place| place.generation == id.generation)?.pipe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Mempool;
    use crate::sim::{SimDatagrams, SimFaults};

    #[test]
    fn a_connection_names_its_service_and_a_port_is_ready_until_it_is_received_from() {
        let (network, datagrams) = (SimNetwork::new(1), SimDatagrams::new(1, SimFaults::none(10)));
        let (mut streams, mut pool) = (network.listen(), ChunkPool::new(0));
        let mut port = datagrams.bind(([10, 0, 0, 1], 1).into(), Mempool::new(1, 64));
        assert_eq!(streams.watch_port(&port), 0);
        let _clients = [network.connect(0, 1), network.connect_service(0, 3, 1)];
        let mut poll = || {
            let mut events = Vec::new();
            streams.poll(&mut pool, &mut events);
            let services = events.iter().filter_map(|event| match event {
                Event::Opened(_, service) => Some(*service),
                _ => None,
            });
            let mut services: Vec<_> = services.collect();
            services.sort_unstable();
            (services, events.iter().any(|event| matches!(event, Event::PortReady(0))))
        };
        datagrams.inject(([10, 0, 0, 1], 2).into(), ([10, 0, 0, 1], 1).into(), b"x");
        assert_eq!(poll(), (vec![0, 3], false), "it has not arrived");
        datagrams.advance(10);
        assert_eq!((poll(), poll()), ((vec![], true), (vec![], true)));
        port.rx_burst(&mut Vec::new());
        assert_eq!(poll(), (vec![], false));
    }
}
