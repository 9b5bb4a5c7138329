//! An appliance in a simulated network: its shards, their ports, their time.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use adit_dataplane::interfaces::{Interface, Service};
use adit_dataplane::map::SlotMap;
use adit_dataplane::mesh::Mesh;
use adit_dataplane::native::NativeParts;
use adit_dataplane::native::secret::Secret;
use adit_dataplane::port::Port;
use adit_dataplane::settings::{Settings, TURN_BYTES_MAX};
use adit_dataplane::shard::{Parts, Shard};
use adit_dataplane::stats::{Counter, StatsReader, StatsWriter};
use adit_dataplane::streams::Streams;
use adit_drivers::clock::{Clock, Now};
use adit_drivers::memory::{Arena, Lines};
use adit_drivers::port::Mempool;
use adit_drivers::sim::{SimDatagrams, SimFaults, SimNetwork};
use adit_drivers::wake::Waker;
use adit_store::kv::Store;

/// The shards of an appliance, and the networks they are in.
pub struct Appliance {
    /// The shards.
    pub shards: Vec<Shard>,
    /// Where each is.
    pub addresses: Vec<SocketAddr>,
    /// The time, of all.
    pub now: Rc<Cell<Now>>,
    /// The network of datagrams.
    pub datagrams: SimDatagrams,
    /// The network of streams: service 0 is RESP, 1 native.
    pub streams: SimNetwork,
    /// The buffers of each shard.
    mempools: Vec<Mempool>,
}

impl Appliance {
    /// An appliance of `count` shards.
    pub fn new(count: usize, frame_bytes: u16, faults: SimFaults, seed: u64) -> Self {
        let now = Rc::new(Cell::new(Now { mono_ns: 1, unix_ms: 1_700_000_000_000 }));
        let (datagrams, streams) = (SimDatagrams::new(seed, faults), SimNetwork::new(!seed));
        let addresses: Vec<SocketAddr> = (0..count).map(address).collect();
        let wakers: Vec<Waker> = (0..count).map(|_| adit_drivers::wake::pair().unwrap().0).collect();
        let (writers, pages): (Vec<StatsWriter>, Vec<StatsReader>) =
            (0..count).map(|_| adit_drivers::counters::page()).unzip();
        let mempools: Vec<Mempool> = (0..count).map(|_| Mempool::new(MBUFS, MBUF_BYTES)).collect();
        let build = |(index, (mesh, stats)): (usize, (Mesh, StatsWriter))| {
            let port = datagrams.bind(addresses[index], mempools[index].clone());
            let mut listener = streams.listen();
            listener.watch_port(&port);
            let arena = Arena::new(ARENA_BYTES, false).unwrap();
            let lines = Lines::new(INDEX_BYTES, false).unwrap();
            Shard::new(Parts {
                index: u16::try_from(index).unwrap(),
                interfaces: vec![Interface {
                    streams: Streams::Sim(listener),
                    services: vec![Service::Resp, Service::Native],
                    port: Some(Port::Sim(port)),
                    addresses: addresses.clone(),
                }],
                clock: Clock::Sim(Rc::clone(&now)),
                store: Store::new(arena, lines, seed),
                buffer_bytes: BUFFER_BYTES,
                map: SlotMap::even(u16::try_from(count).unwrap()),
                mesh,
                mailbox: crossbeam_channel::never(),
                stats,
                pages: pages.clone(),
                settings: Settings { memory_bytes: ARENA_BYTES, ..Settings::default() },
                native: NativeParts {
                    secret: Secret::new(u128::from(seed)),
                    frame_bytes,
                    session_bytes: SESSION_BYTES,
                },
            })
        };
        let shards = Mesh::connect(&wakers).into_iter().zip(writers).enumerate().map(build).collect();
        Self { shards, addresses, now, datagrams, streams, mempools }
    }

    /// The time since the start.
    pub fn now_ns(&self) -> u64 {
        self.now.get().mono_ns
    }

    /// Moves time on to `mono_ns`; the wall clock goes on as well.
    pub fn advance(&self, mono_ns: u64) {
        let mut now = self.now.get();
        now.unix_ms += mono_ns / 1_000_000 - now.mono_ns / 1_000_000;
        now.mono_ns = mono_ns;
        self.now.set(now);
        self.datagrams.advance(mono_ns);
    }

    /// Whether no shard has anything to do.
    pub fn is_idle(&mut self) -> bool {
        self.shards.iter_mut().all(Shard::is_idle)
    }

    /// The shard at an address.
    pub fn shard_at(&self, address: SocketAddr) -> usize {
        self.addresses.iter().position(|other| *other == address).unwrap()
    }

    /// The sum of a counter.
    pub fn count(&self, counter: Counter) -> u64 {
        self.shards.iter().map(|shard| shard.counters().get(counter)).sum()
    }

    /// Judges that nothing is held any more, once all keys are gone and all sessions are forgotten.
    ///
    /// # Panics
    /// If something is.
    pub fn judge_end(&self) {
        for (shard, mempool) in self.shards.iter().zip(&self.mempools) {
            assert_eq!(shard.held(), (0, 0, true), "chunks, heap or slots are still held");
            assert_eq!(shard.held_for_sessions(), (0, 0, 0, true), "sessions or what they kept");
            assert_eq!(mempool.free_count(), mempool.count(), "trains");
            let usage = shard.store().usage();
            assert_eq!((usage.items, usage.chains, usage.arena.blocks_in_use), (0, 0, 0), "{usage:?}");
            assert!(shard.counters().get(Counter::TurnBytesMax) <= TURN_BYTES_MAX as u64);
        }
    }
}

fn address(shard: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 7400 + u16::try_from(shard).unwrap()))
}

const ARENA_BYTES: u64 = 8 << 20;
const INDEX_BYTES: u64 = 1 << 20;
const BUFFER_BYTES: u64 = 8 << 20;
const SESSION_BYTES: u64 = 1 << 20;
/// Buffers of a shard, each for a datagram or a few.
const MBUFS: usize = 64;
const MBUF_BYTES: usize = 9_000;
