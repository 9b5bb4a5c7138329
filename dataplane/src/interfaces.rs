//! The interfaces of a shard: by which devices clients come, and the streams of all of them under one numbering.

use std::net::SocketAddr;

use adit_drivers::chunk::ChunkPool;
use adit_drivers::outbox::Outbox;
use adit_drivers::streams::{ConnectionId, Event, Sending, Wait};

use crate::port::Port;
use crate::streams::Streams;

/// A device by which clients come: the sockets of the kernel, or a queue of a NIC under our own stack.
pub struct Interface {
    /// Its connections.
    pub streams: Streams,
    /// What they speak, by the listener that they came to.
    pub services: Vec<Service>,
    /// Where native datagrams come and go.
    pub port: Option<Port>,
    /// Where native clients find each shard by it.
    pub addresses: Vec<SocketAddr>,
}

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// RESP.
    Resp,
    /// The native protocol.
    Native,
}

/// The streams of all interfaces. Connection `i` of interface `k` of `n` has place `i * n + k` in the tables of the shard.
pub(crate) struct Interfaces {
    list: Vec<(Streams, Vec<Service>)>,
    /// When those that sleep were polled last, while others are asked again and again.
    polled_ns: u64,
}

impl Interfaces {
    /// Of these, the first of which may sleep.
    ///
    /// # Panics
    /// If there is none, or too many to be numbered.
    pub(crate) fn new(list: Vec<(Streams, Vec<Service>)>) -> Self {
        assert!((1..=INTERFACES_MAX).contains(&list.len()), "a shard has 1 to {INTERFACES_MAX} interfaces");
        Self { list, polled_ns: 0 }
    }

    /// Number of the interface of a connection.
    #[inline]
    pub(crate) fn number_of(&self, id: ConnectionId) -> usize {
        id.index as usize % self.list.len()
    }

    /// What is spoken by who came to a listener, which is numbered as its connection is.
    #[inline]
    pub(crate) fn service(&self, id: ConnectionId, listener: u32) -> Service {
        let services = &self.list[self.number_of(id)].1;
        services.get(listener as usize).copied().unwrap_or(Service::Resp)
    }

    /// Whether some are asked again and again, as nothing tells that something has come.
    #[inline]
    pub(crate) fn are_polled(&self) -> bool {
        self.list.len() > 1
    }

    /// Receives a burst of the first interface; waits for it if told to. While others are polled, it is asked now and then
    /// only: that is a system call.
    #[inline]
    pub(crate) fn poll_first(
        &mut self,
        wait: Wait,
        now_ns: u64,
        pool: &mut ChunkPool,
        events: &mut Vec<Event>,
    ) {
        if self.are_polled() && wait == Wait::No && now_ns < self.polled_ns + FIRST_POLL_NS {
            return;
        }
        let before = events.len();
        self.list[0].0.poll(wait, now_ns, pool, events);
        // What is busy is asked again at once.
        self.polled_ns = if events.len() == before { now_ns } else { 0 };
        self.rename(0, before, events);
    }

    /// Receives bursts of the others; says whether anything came, also what is no event.
    #[inline]
    pub(crate) fn poll_others(&mut self, now_ns: u64, pool: &mut ChunkPool, events: &mut Vec<Event>) -> bool {
        let mut has_come = false;
        for number in 1..self.list.len() {
            let before = events.len();
            has_come |= self.list[number].0.poll(Wait::No, now_ns, pool, events);
            self.rename(number, before, events);
        }
        has_come
    }

    /// Gives the connections of new events their places in the tables of the shard.
    #[inline]
    fn rename(&self, number: usize, first: usize, events: &mut [Event]) {
        if self.list.len() == 1 {
            return;
        }
        for event in &mut events[first..] {
            match event {
                Event::Opened(id, _)
                | Event::Received(id, _)
                | Event::Ended(id)
                | Event::Lost(id)
                | Event::Writable(id) => id.index = self.place_of(number, id.index),
                Event::PortReady(port) => *port = u32::try_from(number).unwrap_or(0),
                Event::Sent(_) => {}
            }
        }
    }

    fn place_of(&self, number: usize, index: u32) -> u32 {
        let place = u64::from(index) * self.list.len() as u64 + number as u64;
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// The streams of a connection, and its name there.
    #[inline]
    fn of(&mut self, id: ConnectionId) -> (&mut Streams, ConnectionId) {
        let (number, own) = self.split(id);
        (&mut self.list[number].0, own)
    }

    #[inline]
    fn split(&self, id: ConnectionId) -> (usize, ConnectionId) {
        let count = u32::try_from(self.list.len()).unwrap_or(1);
        ((id.index % count) as usize, ConnectionId { index: id.index / count, ..id })
    }

    /// See [`Streams::send`].
    #[inline]
    pub(crate) fn send(&mut self, id: ConnectionId, outbox: &mut Outbox, pool: &mut ChunkPool) -> Sending {
        let (streams, id) = self.of(id);
        streams.send(id, outbox, pool)
    }

    /// Lets what was sent in this turn leave, where it is gathered until now.
    #[inline]
    pub(crate) fn flush(&mut self, now_ns: u64) {
        if self.are_polled() {
            self.list.iter_mut().for_each(|(streams, _)| streams.flush(now_ns));
        }
    }

    /// When an interface has something to do by itself.
    pub(crate) fn due_ns(&self) -> Option<u64> {
        self.list.iter().skip(1).filter_map(|(streams, _)| streams.due_ns()).min()
    }

    /// Whether something that comes to any of them ends a sleep.
    pub(crate) fn interrupts(&self) -> bool {
        self.list.iter().all(|(streams, _)| streams.interrupts())
    }

    /// See [`Streams::rest`].
    pub(crate) fn rest(&self) -> bool {
        !self.are_polled() && self.list[0].0.rest()
    }

    /// See [`Streams::worked`].
    pub(crate) fn worked(&mut self, requests: usize, asks: usize) {
        self.list[0].0.worked(requests, asks);
    }

    /// See [`Streams::prepare_sleep`].
    pub(crate) fn prepare_sleep(&mut self) {
        self.list.iter_mut().for_each(|(streams, _)| streams.prepare_sleep());
    }

    /// See [`Streams::end_sleep`].
    pub(crate) fn end_sleep(&mut self) {
        self.list.iter_mut().skip(1).for_each(|(streams, _)| streams.end_sleep());
    }

    /// See [`Streams::pause`].
    pub(crate) fn pause(&mut self, id: ConnectionId) {
        let (streams, id) = self.of(id);
        streams.pause(id);
    }

    /// See [`Streams::resume`].
    pub(crate) fn resume(&mut self, id: ConnectionId) {
        let (streams, id) = self.of(id);
        streams.resume(id);
    }

    /// See [`Streams::close`].
    pub(crate) fn close(&mut self, id: ConnectionId) {
        let (streams, id) = self.of(id);
        streams.close(id);
    }

    /// See [`Streams::descriptor`].
    pub(crate) fn descriptor(&self, id: ConnectionId) -> i32 {
        let (number, id) = self.split(id);
        self.list[number].0.descriptor(id)
    }

    /// See [`Streams::addresses`].
    pub(crate) fn addresses(&self, id: ConnectionId) -> (String, String) {
        let (number, id) = self.split(id);
        self.list[number].0.addresses(id)
    }
}

/// Most interfaces of a shard.
pub const INTERFACES_MAX: usize = 16;
/// How often a shard that polls other interfaces looks at the first one, if that was quiet: a system call of 0.3 us.
const FIRST_POLL_NS: u64 = 50_000;
