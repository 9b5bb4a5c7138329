//! A client, a server, and a network between them that loses, doubles, delays and reorders, in virtual time and from one
//! seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;

use adit_drivers::sim::Random;
use adit_wire::kv::BucketId;

use super::server::Server;
use crate::answer::{Answer, Ticket};
use crate::core::{Core, CoreConfig, Outgoing, Transport};
use crate::error::Error;
use crate::operation::{KeyAction, Operation};

/// How a network misbehaves: each once in so many frames; 0 is never.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) lose_one_in: u64,
    pub(super) double_one_in: u64,
    /// How much longer each frame takes, and by chance.
    pub(super) delay_ns: u64,
    pub(super) jitter_ns: u64,
    /// The client gets another address, or its streams end.
    pub(super) move_one_in: u64,
    /// Nothing arrives at this shard.
    pub(super) cut: Option<SocketAddr>,
}

/// Somebody who sees the frames to the client, from which address, and adds others: from, to, frame.
type Spoof =
    Box<dyn Fn(&mut Random, SocketAddr, &[u8], SocketAddr) -> Vec<(SocketAddr, SocketAddr, Vec<u8>)>>;

/// A frame on its way: when it arrives, the order of sending, whether to the server, from, to.
type Flight = (u64, u64, bool, SocketAddr, SocketAddr, Vec<u8>);

pub(super) struct World {
    pub(super) core: Core,
    pub(super) server: Server,
    pub(super) faults: Faults,
    pub(super) now_ns: u64,
    pub(super) results: BTreeMap<Ticket, Result<Answer, Error>>,
    pub(super) seed: u64,
    pub(super) spoof: Option<Spoof>,
    pub(super) network: Network,
}

pub(super) struct Network {
    random: Random,
    faults: Faults,
    client: SocketAddr,
    now_ns: u64,
    sent: u64,
    wire: BinaryHeap<Reverse<Flight>>,
    frame: Option<(SocketAddr, Vec<u8>)>,
    is_stream: bool,
    /// Frames that fit until the next turn.
    room: usize,
}

impl World {
    pub(super) fn new(seed: u64, shards: u16, config: CoreConfig) -> Self {
        let addresses = (0..shards).map(|shard| ([10, 0, 0, 1], 7400 + shard).into()).collect();
        let is_stream = config.transport == Transport::Stream;
        let client = ([10, 0, 0, 2], 1_000).into();
        let config = CoreConfig { address: ([10, 0, 0, 1], 7400).into(), ..config };
        let network = Network {
            random: Random::new(!seed),
            faults: Faults::default(),
            client,
            now_ns: 0,
            sent: 0,
            wire: BinaryHeap::new(),
            frame: None,
            is_stream,
            room: usize::MAX,
        };
        let mut server = Server::new(seed, addresses);
        server.has_streams = is_stream;
        Self {
            core: Core::new(config, seed).unwrap(),
            server,
            faults: Faults::default(),
            now_ns: 1,
            results: BTreeMap::new(),
            seed,
            spoof: None,
            network,
        }
    }

    /// Submits what is to complete within `patience_ns`.
    pub(super) fn submit(&mut self, operation: Operation, patience_ns: u64) -> Ticket {
        self.core.submit(operation, self.now_ns + patience_ns).unwrap()
    }

    pub(super) fn on_key(&mut self, key: &str, action: KeyAction) -> Ticket {
        self.submit(Operation::on_key(BucketId(0), key, action), PATIENCE_NS)
    }

    /// What became of one operation.
    pub(super) fn result(&mut self, ticket: Ticket) -> Result<Answer, Error> {
        self.run(|world| world.results.contains_key(&ticket));
        self.results.remove(&ticket).unwrap()
    }

    pub(super) fn ask(&mut self, key: &str, action: KeyAction) -> Result<Answer, Error> {
        let ticket = self.on_key(key, action);
        self.result(ticket)
    }

    /// Goes on until something holds.
    pub(super) fn run(&mut self, holds: impl Fn(&Self) -> bool) {
        for _ in 0..TURNS_MAX {
            if holds(self) {
                return;
            }
            self.turn();
        }
        panic!("seed {}: stalled at {} ns, {:?}", self.seed, self.now_ns, self.core.counters());
    }

    /// Lets so much time pass.
    pub(super) fn wait(&mut self, wait_ns: u64) {
        let until_ns = self.now_ns + wait_ns;
        while self.next_ns().is_some_and(|next_ns| next_ns <= until_ns) {
            self.turn();
        }
        self.now_ns = until_ns;
    }

    /// The server forgets requests that are not whole.
    pub(super) fn forget_uploads(&mut self) {
        self.server.forget_uploads();
    }

    /// The first shard forgets all sessions.
    pub(super) fn forget_all(&mut self) {
        self.server.forget(0);
    }

    fn next_ns(&self) -> Option<u64> {
        let arrives = self.network.wire.peek().map(|Reverse(flight)| flight.0);
        [arrives, self.core.next_event_ns()].into_iter().flatten().min()
    }

    /// Time goes on to what happens next, and that happens.
    pub(super) fn turn(&mut self) {
        let next_ns = self.next_ns().unwrap_or(self.now_ns);
        self.now_ns = self.now_ns.max(next_ns);
        (self.network.now_ns, self.network.faults) = (self.now_ns, self.faults);
        self.move_client();
        while let Some(flight) = self.network.arrived() {
            self.deliver(flight);
        }
        while let Some(address) = self.core.next_stream(self.now_ns) {
            self.core.stream_opened(address);
        }
        self.network.room = 1 + self.network.random.index(100);
        self.core.transmit(self.now_ns, &mut self.network);
        self.network.flush();
        while let Some(completion) = self.core.next_completion() {
            let twice = self.results.insert(completion.ticket, completion.result);
            assert!(twice.is_none(), "seed {}: completed twice", self.seed);
        }
    }

    fn deliver(&mut self, (_, _, to_server, from, to, bytes): Flight) {
        if !to_server {
            if to == self.network.client {
                let _ = self.core.receive(from, &bytes, self.now_ns);
            }
            let Some(spoof) = &self.spoof else { return };
            for (from, _, bytes) in spoof(&mut self.network.random, from, &bytes, to) {
                let _ = self.core.receive(from, &bytes, self.now_ns);
            }
            return;
        }
        for reply in self.server.receive(to, from, &bytes, self.now_ns) {
            self.network.carry(false, to, from, reply);
        }
    }

    fn move_client(&mut self) {
        let faults = self.faults;
        if faults.move_one_in == 0 || !self.network.random.one_in(faults.move_one_in) {
            return;
        }
        self.move_now();
    }

    /// The next frame arrives; before anything is sent, the client gets another address, or its streams end.
    pub(super) fn move_after_a_frame(&mut self) {
        let Reverse(flight) = self.network.wire.pop().unwrap();
        self.now_ns = self.now_ns.max(flight.0);
        self.deliver(flight);
        self.move_now();
    }

    fn move_now(&mut self) {
        let port = self.network.client.port() + 1;
        self.network.client.set_port(port);
        if self.network.is_stream {
            self.network.wire.clear();
            for address in self.server.map.addresses.clone() {
                self.core.stream_lost(address, self.now_ns);
            }
        }
    }
}

impl Network {
    fn arrived(&mut self) -> Option<Flight> {
        let is_due = self.wire.peek().is_some_and(|Reverse(flight)| flight.0 <= self.now_ns);
        is_due.then(|| self.wire.pop()).flatten().map(|Reverse(flight)| flight)
    }

    fn flush(&mut self) {
        if let Some((to, bytes)) = self.frame.take() {
            self.carry(true, self.client, to, bytes);
        }
    }

    fn happens(&mut self, one_in: u64) -> bool {
        one_in > 0 && self.random.one_in(one_in)
    }

    fn carry(&mut self, to_server: bool, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let faults =
            if self.is_stream { Faults { cut: self.faults.cut, ..Faults::default() } } else { self.faults };
        let copies = if self.happens(faults.double_one_in) { 2 } else { 1 };
        for _ in 0..copies {
            if self.happens(faults.lose_one_in) || faults.cut.is_some_and(|cut| cut == from || cut == to) {
                continue;
            }
            self.sent += 1;
            let due_ns = self.now_ns + DELAY_NS + faults.delay_ns + self.random.below(faults.jitter_ns + 1);
            self.wire.push(Reverse((due_ns, self.sent, to_server, from, to, bytes.clone())));
        }
    }
}

impl Outgoing for Network {
    fn room(&mut self, to: SocketAddr, len_bytes: usize) -> Option<&mut [u8]> {
        self.flush();
        self.room = self.room.checked_sub(1)?;
        let (_, bytes) = self.frame.insert((to, vec![0xEE; len_bytes]));
        Some(bytes)
    }
}

const DELAY_NS: u64 = 20_000;
/// Within this all completes.
pub(super) const PATIENCE_NS: u64 = 600_000_000_000;
const TURNS_MAX: usize = 2_000_000;
