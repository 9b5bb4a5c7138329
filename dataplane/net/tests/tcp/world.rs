//! A server, clients of smoltcp and a bad network between them, on one thread under a seed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::IpAddr;

use adit_drivers::buffer::Mempool;
use adit_drivers::chunk::ChunkPool;
use adit_drivers::frames::{Checked, FRAME_HEADROOM_BYTES};
use adit_drivers::outbox::Outbox;
use adit_drivers::streams::{ConnectionId, EVENTS_PER_POLL_MAX, Event, Sending};
use adit_net::outbound::Outbound;
use adit_net::tcp::{Tcp, TcpConfig};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr, IpEndpoint};

/// A seeded generator: splitmix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    pub(crate) fn in_thousand(&mut self, part: u32) -> bool {
        self.next() % 1000 < u64::from(part)
    }
}

/// How bad the network is, in parts of a thousand.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u32,
    pub(crate) doubled: u32,
    pub(crate) harmed: u32,
    pub(crate) delay_ns: u64,
    /// Up to so much more, different for each packet: they overtake each other.
    pub(crate) jitter_ns: u64,
}

impl Faults {
    pub(crate) fn none() -> Self {
        Self { delay_ns: 20_000, ..Self::default() }
    }
}

pub(crate) const OURS: [u8; 4] = [10, 0, 0, 1];
pub(crate) const PORT: u16 = 6379;
pub(crate) const MTU: usize = 1500;

pub(crate) fn ours_v6() -> IpAddr {
    IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, 1_u16])
}

pub(crate) fn config() -> TcpConfig {
    TcpConfig {
        listeners: vec![1, PORT],
        addresses: vec![OURS.into(), ours_v6()],
        mtu_bytes: MTU,
        connections_max: 64,
        receive_bytes: 16 << 10,
        send_bytes: 32 << 10,
        computes_checksums: true,
        secret: 0x0123_4567_89ab_cdef_1122_3344_5566_7788,
    }
}

/// What the shard knows of a connection.
pub(crate) struct Served {
    pub(crate) id: ConnectionId,
    pub(crate) outbox: Outbox,
    pub(crate) received: Vec<u8>,
    pub(crate) blocked: bool,
    pub(crate) ended: bool,
    pub(crate) lost: bool,
    pub(crate) due: bool,
}

/// A server that sends back what comes, and closes when the peer has ended and all of it has left.
pub(crate) struct Server {
    pub(crate) tcp: Tcp,
    pub(crate) outbound: Outbound,
    pub(crate) mempool: Mempool,
    pub(crate) pool: ChunkPool,
    pub(crate) served: Vec<Option<Served>>,
    pub(crate) echoes: bool,
    pub(crate) closes: bool,
    /// Every event, shortly.
    pub(crate) log: Vec<String>,
    /// Connections that were lost or closed: what they had received.
    pub(crate) past: Vec<Vec<u8>>,
    /// Pinned blocks that came back.
    pub(crate) sent_count: usize,
    pub(crate) now_ns: u64,
}

impl Server {
    pub(crate) fn new(config: TcpConfig) -> Self {
        let mempool =
            Mempool::with_headroom(2048, FRAME_HEADROOM_BYTES + config.mtu_bytes, FRAME_HEADROOM_BYTES);
        Self {
            tcp: Tcp::new(config),
            outbound: Outbound::new(mempool.clone()),
            mempool,
            pool: ChunkPool::new(0),
            served: Vec::new(),
            echoes: true,
            closes: true,
            log: Vec::new(),
            past: Vec::new(),
            sent_count: 0,
            now_ns: 0,
        }
    }

    pub(crate) fn receive(&mut self, packet: &[u8]) {
        self.tcp.receive(packet, Checked::default(), self.now_ns, &mut self.outbound);
    }

    /// A turn: events, replies, packets.
    pub(crate) fn turn(&mut self) {
        let mut events = Vec::new();
        self.tcp.poll(self.now_ns, &mut self.pool, &mut events);
        assert!(events.len() <= EVENTS_PER_POLL_MAX);
        events.into_iter().for_each(|event| self.take(event));
        for index in 0..self.served.len() {
            self.send(index);
        }
        self.tcp.flush(self.now_ns, &mut self.outbound);
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Opened(id, listener) => {
                assert_eq!(listener, 1, "the second port");
                self.log.push(format!("opened {}", id.index));
                let index = id.index as usize;
                while self.served.len() <= index {
                    self.served.push(None);
                }
                assert!(self.served[index].is_none(), "a place has one connection at a time");
                let (outbox, received) = (Outbox::default(), Vec::new());
                let (blocked, ended, lost, due) = (false, false, false, false);
                self.served[index] = Some(Served { id, outbox, received, blocked, ended, lost, due });
            }
            Event::Received(id, chunk) => {
                let served = self.of(id);
                assert!(!served.ended && !chunk.filled().is_empty());
                served.received.extend(chunk.filled());
                let served = self.served[id.index as usize].as_mut().unwrap();
                if self.echoes {
                    served.outbox.write(&mut self.pool, chunk.filled());
                    served.due = true;
                }
                self.pool.give(chunk);
            }
            Event::Ended(id) => {
                self.log.push(format!("ended {}", id.index));
                let served = self.of(id);
                assert!(!std::mem::replace(&mut served.ended, true));
                served.due = true;
            }
            Event::Lost(id) => {
                self.log.push(format!("lost {}", id.index));
                assert!(!std::mem::replace(&mut self.of(id).lost, true));
                self.close(id.index as usize);
            }
            Event::Writable(id) => {
                let served = self.of(id);
                assert!(std::mem::replace(&mut served.blocked, false));
                served.due = true;
            }
            Event::Sent(_) => self.sent_count += 1,
            Event::PortReady(_) => panic!("no port is watched"),
        }
    }

    fn of(&mut self, id: ConnectionId) -> &mut Served {
        self.served[id.index as usize].as_mut().filter(|served| served.id == id).expect("a known connection")
    }

    fn send(&mut self, index: usize) {
        let Some(served) = self.served[index].as_mut().filter(|served| served.due && !served.blocked) else {
            return;
        };
        served.due = false;
        match self.tcp.send(served.id, &mut served.outbox, &mut self.pool) {
            Sending::Done if served.ended && self.closes => self.close(index),
            Sending::Done => {}
            Sending::Blocked => served.blocked = true,
            Sending::Sliced => served.due = true,
            Sending::Lost => self.close(index),
        }
    }

    pub(crate) fn close(&mut self, index: usize) {
        let Some(mut served) = self.served[index].take() else { return };
        served.outbox.clear(&mut self.pool, drop);
        self.tcp.close(served.id);
        self.past.push(served.received);
    }

    /// Sends bytes to a connection.
    pub(crate) fn write(&mut self, index: usize, bytes: &[u8]) {
        let served = self.served[index].as_mut().unwrap();
        served.outbox.write(&mut self.pool, bytes);
        served.due = true;
    }

    pub(crate) fn packets(&mut self) -> Vec<Vec<u8>> {
        self.outbound.packets.drain(..).map(|packet| packet.frame.bytes().to_vec()).collect()
    }
}

/// The device of a client: packets in and out.
#[derive(Default)]
pub(crate) struct Cable {
    pub(crate) rx: VecDeque<Vec<u8>>,
    pub(crate) tx: Vec<Vec<u8>>,
}

pub(crate) struct Taken(Vec<u8>);

impl RxToken for Taken {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

pub(crate) struct Room<'a>(&'a mut Vec<Vec<u8>>);

impl TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut bytes = vec![0; len];
        let result = write(&mut bytes);
        self.0.push(bytes);
        result
    }
}

impl Device for Cable {
    type RxToken<'a> = Taken;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Taken, Room<'_>)> {
        Some((Taken(self.rx.pop_front()?), Room(&mut self.tx)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Room<'_>> {
        Some(Room(&mut self.tx))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

/// A client with one connection.
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    pub(crate) interface: Interface,
    pub(crate) sockets: SocketSet<'static>,
    pub(crate) handle: SocketHandle,
    pub(crate) cable: Cable,
    pub(crate) to_send: VecDeque<u8>,
    pub(crate) received: Vec<u8>,
    pub(crate) reads: bool,
    /// Closes when all was sent.
    pub(crate) closes: bool,
}

impl Client {
    pub(crate) fn new(address: IpAddr, port: u16, seed: u64, now_ns: u64) -> Self {
        let mut cable = Cable::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut cable, instant(now_ns));
        interface.update_ip_addrs(|addresses| addresses.push(IpCidr::new(address.into(), 8)).unwrap());
        let buffer = || SocketBuffer::new(vec![0; 64 << 10]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        let ours = if address.is_ipv4() { IpAddr::from(OURS) } else { ours_v6() };
        socket.connect(interface.context(), IpEndpoint::new(ours.into(), PORT), port).unwrap();
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        let (to_send, received) = (VecDeque::new(), Vec::new());
        Self { address, interface, sockets, handle, cable, to_send, received, reads: true, closes: false }
    }

    pub(crate) fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    pub(crate) fn state(&self) -> State {
        self.sockets.get::<Socket<'_>>(self.handle).state()
    }

    pub(crate) fn turn(&mut self, now_ns: u64) {
        self.interface.poll(instant(now_ns), &mut self.cable, &mut self.sockets);
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        if socket.may_send() {
            let bytes = self.to_send.make_contiguous();
            let count = socket.send_slice(bytes).unwrap();
            self.to_send.drain(..count);
            if self.closes && self.to_send.is_empty() {
                socket.close();
            }
        }
        while self.reads && socket.can_recv() {
            let received = &mut self.received;
            let taken = socket.recv(|bytes| {
                received.extend_from_slice(bytes);
                (bytes.len(), ())
            });
            taken.unwrap();
        }
        self.interface.poll(instant(now_ns), &mut self.cable, &mut self.sockets);
    }

    pub(crate) fn due_ns(&mut self, now_ns: u64) -> Option<u64> {
        let at = self.interface.poll_at(instant(now_ns), &self.sockets)?;
        Some(u64::try_from(at.total_micros()).unwrap() * 1000)
    }
}

pub(crate) fn instant(now_ns: u64) -> Instant {
    Instant::from_micros(i64::try_from(now_ns / 1000).unwrap())
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flying {
    at_ns: u64,
    number: u64,
    /// Nobody: to the server.
    to: Option<usize>,
    packet: Vec<u8>,
}

/// All of it.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) clients: Vec<Client>,
    pub(crate) faults: Faults,
    pub(crate) random: Random,
    pub(crate) now_ns: u64,
    flying: BinaryHeap<Reverse<Flying>>,
    number: u64,
    /// Something was changed from outside: all have a turn.
    poked: bool,
    /// Every packet that reached the server.
    pub(crate) seen: Option<Vec<Vec<u8>>>,
}

impl World {
    pub(crate) fn new(seed: u64, config: TcpConfig, faults: Faults) -> Self {
        Self {
            server: Server::new(config),
            clients: Vec::new(),
            faults,
            random: Random::new(seed),
            now_ns: 1_000_000,
            flying: BinaryHeap::new(),
            number: 0,
            poked: false,
            seen: None,
        }
    }

    pub(crate) fn connect(&mut self, v6: bool, port: u16) -> usize {
        let number = self.clients.len();
        let [.., high, low] = number.to_be_bytes();
        let v4 = IpAddr::from([10, 1, high, low]);
        let v6_address = IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 1, number as u16]);
        let address = if v6 { v6_address } else { v4 };
        self.clients.push(Client::new(address, port, self.random.next(), self.now_ns));
        number
    }

    /// Puts a packet on its way to the server.
    pub(crate) fn inject(&mut self, packet: Vec<u8>) {
        self.fly(None, packet);
    }

    fn fly(&mut self, to: Option<usize>, packet: Vec<u8>) {
        let copies = 1 + usize::from(self.random.in_thousand(self.faults.doubled));
        for _ in 0..copies {
            if self.random.in_thousand(self.faults.lost) {
                continue;
            }
            let mut packet = packet.clone();
            if self.random.in_thousand(self.faults.harmed) {
                // What IP protects was verified before.
                let header_bytes = if packet[0] >> 4 == 4 { 20 } else { 40 };
                let at = header_bytes + self.random.below(packet.len() - header_bytes);
                packet[at] ^= 1 << self.random.below(8);
            }
            let jitter_ns = self.random.next() % (self.faults.jitter_ns + 1);
            let at_ns = self.now_ns + self.faults.delay_ns + jitter_ns;
            self.number += 1;
            self.flying.push(Reverse(Flying { at_ns, number: self.number, to, packet }));
        }
    }

    /// Goes on to when something is due, and does it. Says whether there was anything before `until_ns`.
    pub(crate) fn step(&mut self, until_ns: u64) -> bool {
        let now_ns = self.now_ns;
        let clients = self.clients.iter_mut().filter_map(|client| client.due_ns(now_ns));
        let flying = self.flying.peek().map(|Reverse(flying)| flying.at_ns);
        let poked = std::mem::take(&mut self.poked).then_some(self.now_ns);
        let next = clients.chain(poked).chain(flying).chain(self.server.tcp.due_ns()).min();
        let Some(next_ns) = next.filter(|next_ns| *next_ns <= until_ns) else {
            self.now_ns = until_ns;
            return false;
        };
        self.now_ns = next_ns.max(self.now_ns + 1000);
        self.server.now_ns = self.now_ns;
        while let Some(Reverse(flying)) = self.flying.pop() {
            if flying.at_ns > self.now_ns {
                self.flying.push(Reverse(flying));
                break;
            }
            match flying.to {
                Some(client) => self.clients[client].cable.rx.push_back(flying.packet),
                None => {
                    if let Some(seen) = &mut self.seen {
                        seen.push(flying.packet.clone());
                    }
                    self.server.receive(&flying.packet);
                }
            }
        }
        self.server.turn();
        for packet in self.server.packets() {
            if let Some(client) = self.addressee(&packet) {
                self.fly(Some(client), packet);
            }
        }
        for index in 0..self.clients.len() {
            self.clients[index].turn(self.now_ns);
            for packet in std::mem::take(&mut self.clients[index].cable.tx) {
                self.fly(None, packet);
            }
        }
        true
    }

    fn addressee(&self, packet: &[u8]) -> Option<usize> {
        let (from, to) = if packet[0] >> 4 == 4 { (16, 20) } else { (24, 40) };
        let bytes = &packet[from..to];
        let is = |address: &IpAddr| match address {
            IpAddr::V4(address) => address.octets() == bytes,
            IpAddr::V6(address) => address.octets() == bytes,
        };
        self.clients.iter().rposition(|client| is(&client.address))
    }

    /// Goes on until it is so; panics when it takes longer than that.
    pub(crate) fn until(&mut self, what: &str, for_ns: u64, is_so: impl Fn(&mut Self) -> bool) {
        let end_ns = self.now_ns + for_ns;
        self.poked = true;
        while !is_so(self) {
            assert!(self.step(end_ns), "never {what}: {:?}", self.server.tcp.counters());
        }
    }

    /// Goes on for so long.
    pub(crate) fn run(&mut self, for_ns: u64) {
        let end_ns = self.now_ns + for_ns;
        self.poked = true;
        while self.step(end_ns) {}
    }
}

/// A connected client, with nothing in flight.
pub(crate) fn connected(config: TcpConfig) -> World {
    let mut world = World::new(1, config, Faults::none());
    world.connect(false, 5000);
    world.until("connected", SECOND, |world| world.server.log.len() == 1);
    world
}

/// Bytes that tell where they belong.
pub(crate) fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..length).map(|_| random.next().to_le_bytes()[0]).collect()
}

pub(crate) const SECOND: u64 = 1_000_000_000;
