//! Shards behind a device that spreads flows over their queues by a hash, and a client that picks its ports: every datagram comes to
//! the shard that it is for. One that is not told how does without: its datagrams are handed over.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use adit_client::core::{Core, CoreConfig, Outgoing};
use adit_client::{Answer, BucketId, KeyAction, Operation};
use adit_dataplane::interfaces::{Interface, Service};
use adit_dataplane::map::SlotMap;
use adit_dataplane::mesh::Mesh;
use adit_dataplane::native::NativeParts;
use adit_dataplane::native::secret::Secret;
use adit_dataplane::port::Port;
use adit_dataplane::settings::Settings;
use adit_dataplane::shard::{Parts, Shard};
use adit_dataplane::streams::Streams;
use adit_drivers::clock::{Clock, Now};
use adit_drivers::dpdk::rss::{Hashed, Rss, STANDARD_KEY};
use adit_drivers::frames::{FRAME_HEADROOM_BYTES, Frames};
use adit_drivers::memory::{Arena, Lines};
use adit_drivers::port::Mempool;
use adit_drivers::sim::{CableFaults, SimFrames, SimNetwork};
use adit_drivers::wake::Waker;
use adit_net::tcp::{RECEIVE_BYTES_DEFAULT, SEND_BYTES_DEFAULT, Tcp, TcpConfig};
use adit_net::{Handover, NetPort, NetStreams, SharedStack, Stack, StackConfig};
use adit_store::kv::Store;
use adit_wire::native::{Frame, Header, Opcode};

/// A client at one end of a cable, at the other one a device with a queue for each shard.
struct World {
    core: Core,
    stack: Stack,
    out: Out,
    shards: Vec<Shard>,
    stacks: Vec<SharedStack>,
    now: Rc<Cell<Now>>,
    /// The server is one that does not know STEERING.
    is_old: bool,
}

/// Datagrams of the client on their way.
#[derive(Default)]
struct Out(Vec<(SocketAddr, Vec<u8>)>);

impl Outgoing for Out {
    fn room(&mut self, to: SocketAddr, len_bytes: usize) -> Option<&mut [u8]> {
        self.0.push((to, vec![0; len_bytes]));
        self.0.last_mut().map(|(_, bytes)| bytes.as_mut_slice())
    }
}

impl World {
    fn new(count: u16, hashed: Hashed, is_old: bool) -> Self {
        let mempool = || Mempool::with_headroom(600, 2048, FRAME_HEADROOM_BYTES);
        let mempools = (0..count).map(|_| mempool()).collect();
        let rss = Rss::new(STANDARD_KEY.to_vec(), (0..128).map(|hash| hash % count).collect(), hashed);
        let (near, far) = SimFrames::to_device(
            1,
            CableFaults::NONE,
            1500,
            ([2, 0, 0, 0, 0, 1], mempool()),
            ([2, 0, 0, 0, 0, 2], mempools, rss),
        );
        let now = Rc::new(Cell::new(Now { mono_ns: 1, unix_ms: 1_700_000_000_000 }));
        let stack =
            Stack::new(Frames::Sim(near), StackConfig::new(IpAddr::from([10, 0, 0, 1]), 24, 50_000), 1);
        let wakers: Vec<Waker> = (0..count).map(|_| adit_drivers::wake::pair().unwrap().0).collect();
        let handovers = Handover::connect(&wakers, FIRST_PORT);
        let stacks: Vec<SharedStack> = far
            .into_iter()
            .zip(handovers)
            .zip(FIRST_PORT..)
            .map(|((frames, handover), port)| {
                let config = StackConfig::new(IpAddr::from([10, 0, 0, 2]), 24, port);
                let mut stack = Stack::new(Frames::Sim(frames), StackConfig { takes_tcp: true, ..config }, 1);
                stack.set_handover(handover);
                Rc::new(RefCell::new(stack))
            })
            .collect();
        let config = CoreConfig { address: address(0), ..CoreConfig::default() };
        let mut core = Core::new(config, 1).unwrap();
        core.choose_ports();
        let shards = shards(&stacks, &wakers, &now);
        Self { core, stack, out: Out::default(), shards, stacks, now, is_old }
    }

    /// All do what they have to do, then time goes on.
    fn turn(&mut self) {
        let now_ns = self.now.get().mono_ns;
        self.core.transmit(now_ns, &mut self.out);
        let mut burst = Vec::new();
        for (to, bytes) in self.out.0.drain(..) {
            let bytes = if self.is_old { renamed(&bytes, Opcode::Steering as u8, UNKNOWN) } else { bytes };
            let mut train = self.stack.mempool().take(to).unwrap();
            train.push(bytes.len()).unwrap().copy_from_slice(&bytes);
            burst.push(train);
        }
        self.stack.transmit(&mut burst);
        self.stack.flush(now_ns);
        self.shards.iter_mut().for_each(|shard| _ = shard.turn());
        self.stack.poll(now_ns);
        self.stack.take_datagrams(&mut burst);
        for train in burst {
            for bytes in train.datagrams() {
                let bytes = renamed(bytes, UNKNOWN, Opcode::Steering as u8);
                self.core.receive(train.peer(), &bytes, now_ns).unwrap();
            }
        }
        // As the client over a port does.
        if let Some(rss) = self.core.next_steering() {
            for (queue, shard) in (0..).zip(self.core.shard_addresses()) {
                let Some(port) = self.stack.find_source_port(shard, &rss, queue) else { continue };
                if port != self.stack.source_port(shard) && self.stack.set_source_port(shard, port) {
                    self.core.moved(shard);
                }
            }
        }
        let now = self.now.get();
        self.now.set(Now { mono_ns: now.mono_ns + TURN_NS, ..now });
    }

    /// Adds to a counter.
    fn add(&mut self, key: &str) -> i64 {
        let action = KeyAction::Add(1);
        let key = key.as_bytes().to_vec();
        self.core.submit(Operation::Key { bucket: BucketId(0), key, action }, u64::MAX).unwrap();
        for _ in 0..TURNS_MAX {
            self.turn();
            if let Some(completion) = self.core.next_completion() {
                let Ok(Answer::Sum(sum)) = completion.result else { panic!("{:?}", completion.result) };
                return sum;
            }
        }
        panic!("no answer after {TURNS_MAX} turns: {:?}", self.core.counters());
    }

    /// Adds to many counters, which all shards have some of.
    fn add_all(&mut self, expected: i64) {
        for key in 0..KEYS {
            assert_eq!(self.add(&format!("counter {key}")), expected);
        }
    }

    /// Frames that came to the wrong shard.
    fn handed_over(&self) -> u64 {
        self.stacks.iter().map(|stack| stack.borrow().handover_counters().given).sum()
    }
}

/// A frame with another opcode, if it has this one.
fn renamed(bytes: &[u8], from: u8, to: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let header = Frame::decode(&bytes).unwrap().header;
    if header.opcode == from {
        Header { opcode: to, ..header }.seal(&mut bytes);
    }
    bytes
}

fn address(shard: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 2], FIRST_PORT + shard))
}

/// Shards whose first interface is quiet, and whose second one is their queue of the device.
fn shards(stacks: &[SharedStack], wakers: &[Waker], now: &Rc<Cell<Now>>) -> Vec<Shard> {
    let count = u16::try_from(stacks.len()).unwrap();
    let (writers, pages): (Vec<_>, Vec<_>) = stacks.iter().map(|_| adit_drivers::counters::page()).unzip();
    let parts = Mesh::connect(wakers).into_iter().zip(writers).zip(stacks).zip(0..);
    let build = |(((mesh, stats), stack), index): (((Mesh, _), &SharedStack), u16)| {
        let tcp = TcpConfig {
            listeners: vec![FIRST_PORT + index],
            addresses: vec![address(index).ip()],
            mtu_bytes: 1500,
            connections_max: 8,
            receive_bytes: RECEIVE_BYTES_DEFAULT,
            send_bytes: SEND_BYTES_DEFAULT,
            computes_checksums: true,
            secret: 1,
        };
        let quiet = Interface {
            streams: Streams::Sim(SimNetwork::new(1).listen()),
            services: vec![Service::Resp],
            port: None,
            addresses: Vec::new(),
        };
        let polled = Interface {
            streams: Streams::Net(Box::new(NetStreams::new(Rc::clone(stack), Tcp::new(tcp)))),
            services: vec![Service::Native],
            port: Some(Port::Net(NetPort::new(Rc::clone(stack)))),
            addresses: (0..count).map(address).collect(),
        };
        Shard::new(Parts {
            index,
            interfaces: vec![quiet, polled],
            clock: Clock::Sim(Rc::clone(now)),
            store: Store::new(Arena::new(8 << 20, false).unwrap(), Lines::new(1 << 20, false).unwrap(), 1),
            buffer_bytes: 8 << 20,
            map: SlotMap::even(count),
            mesh,
            mailbox: crossbeam_channel::never(),
            stats,
            pages: pages.clone(),
            settings: Settings::default(),
            native: NativeParts { secret: Secret::new(1), frame_bytes: 1472, session_bytes: 1 << 20 },
        })
    };
    parts.map(build).collect()
}

/// What a NIC hashes.
const HASHED: Hashed =
    Hashed { ipv4: true, ipv4_udp: true, ipv4_tcp: true, ipv6: true, ipv6_udp: true, ipv6_tcp: true };

#[test]
fn every_datagram_comes_to_the_shard_that_it_is_for() {
    for count in 2..=4 {
        let mut world = World::new(count, HASHED, false);
        world.add_all(1);
        assert!(!world.core.wants_steering());
        let before = world.handed_over();
        world.add_all(2);
        assert_eq!(world.handed_over(), before, "{count} shards: nothing is handed over any more");
        let received = |stack: &SharedStack| stack.borrow().counters().rx_datagrams > 0;
        assert!(world.stacks.iter().all(received), "{count} shards have something to do");
    }
}

#[test]
fn with_a_server_that_does_not_know_the_question_datagrams_are_handed_over() {
    for count in 2..=4 {
        let mut world = World::new(count, HASHED, true);
        world.add_all(1);
        assert!(!world.core.wants_steering(), "it was answered");
        let before = world.handed_over();
        world.add_all(2);
        assert!(world.handed_over() > before + KEYS / 4, "{count} shards");
        assert_eq!(world.stack.source_port(address(1)), 50_000);
    }
}

#[test]
fn where_no_port_is_hashed_datagrams_are_handed_over() {
    let mut world = World::new(4, Hashed { ipv4_udp: false, ..HASHED }, false);
    world.add_all(1);
    let before = world.handed_over();
    world.add_all(2);
    assert!(world.handed_over() > before + KEYS / 4);
}

const FIRST_PORT: u16 = 7400;
const KEYS: u64 = 100;
/// An opcode that no server knows.
const UNKNOWN: u8 = 0x7F;
/// What a turn takes.
const TURN_NS: u64 = 20_000;
const TURNS_MAX: usize = 100_000;
