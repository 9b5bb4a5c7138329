//! Shards, clients and time, moved by one seed.

use std::cell::Cell;
use std::rc::Rc;

use adit_dataplane::interfaces::{Interface, Service};
use adit_dataplane::map::SlotMap;
use adit_dataplane::mesh::Mesh;
use adit_dataplane::native::NativeParts;
use adit_dataplane::native::secret::Secret;
use adit_dataplane::settings::{Eviction, Limits, Settings, TURN_BYTES_MAX};
use adit_dataplane::shard::{Parts, Shard};
use adit_dataplane::stats::{Counter, StatsReader, StatsWriter};
use adit_dataplane::streams::Streams;
use adit_drivers::clock::{Clock, Now};
use adit_drivers::memory::{Arena, Lines};
use adit_drivers::sim::{Random, SimNetwork};
use adit_drivers::wake::Waker;
use adit_store::kv::Store;
use adit_wire::kv::{BUCKET_COUNT, BucketId};
use adit_wire::resp::client::{ReplyValue, decode_reply, encode_request};

use crate::client::{COUNTERS, Client};
use crate::visitor::Visitor;

/// A whole simulated appliance with its clients.
pub(crate) struct World {
    random: Random,
    now: Rc<Cell<Now>>,
    network: SimNetwork,
    shards: Vec<Shard>,
    /// A stalled shard takes no turn for so many steps.
    stalls: Vec<u64>,
    clients: Vec<Client>,
    visitors: Vec<Visitor>,
    /// What visitors that are gone have counted, for certain and perhaps.
    counted: [(i64, i64); COUNTERS],
    /// What was done, to compare two runs.
    pub(crate) trace: Vec<u64>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self::build(seed, ARENA_BYTES, Eviction::None, |random, network, shard_count| {
            (0..1 + random.index(5))
                .map(|index| Client::new(index, network, Random::new(random.bits()), shard_count))
                .collect()
        })
    }

    /// One without clients, with little memory, that evicts keys when it is full.
    pub(crate) fn evicting(seed: u64) -> Self {
        Self::build(seed, ARENA_BYTES / 4, Eviction::Clock, |_, _, _| Vec::new())
    }

    fn build(
        seed: u64,
        arena_bytes: u64,
        eviction: Eviction,
        clients: impl FnOnce(&mut Random, &SimNetwork, usize) -> Vec<Client>,
    ) -> Self {
        let mut random = Random::new(seed);
        let now = Rc::new(Cell::new(Now { mono_ns: 1, unix_ms: 1_700_000_000_000 }));
        let network = SimNetwork::new(random.bits());
        let shard_count = 1 + random.index(3);
        let shards = build_shards(shard_count, arena_bytes, eviction, random.bits(), &network, &now);
        let clients = clients(&mut random, &network, shard_count);
        let stalls = vec![0; shard_count];
        Self {
            random,
            now,
            network,
            shards,
            stalls,
            clients,
            visitors: Vec::new(),
            counted: [(0, 0); COUNTERS],
            trace: Vec::new(),
        }
    }

    /// Runs some rounds and judges the end; gives the number of requests.
    pub(crate) fn run(&mut self) -> u64 {
        for _ in 0..=self.random.below(4) {
            self.work();
            self.come_to_rest();
            self.jump_clock();
        }
        self.end();
        self.clients.iter().map(|client| client.requests).sum()
    }

    /// Clients write and read, shards turn, in any order.
    fn work(&mut self) {
        for _ in 0..100 + self.random.below(200) {
            self.step();
            if self.random.one_in(5) {
                let visitor = Visitor::new(&self.network, &mut self.random, self.shards.len());
                self.visitors.push(visitor);
            }
            self.receive_visitors();
            let index = self.random.index(self.clients.len());
            let now_ms = self.now.get().unix_ms;
            let client = &mut self.clients[index];
            match self.random.below(4) {
                0 => client.write(now_ms),
                _ => client.read(),
            }
        }
    }

    /// Lets visitors read or leave.
    fn receive_visitors(&mut self) {
        for mut visitor in std::mem::take(&mut self.visitors) {
            if !visitor.step() {
                self.visitors.push(visitor);
                continue;
            }
            for (counter, counted) in self.counted.iter_mut().enumerate() {
                let (certain, perhaps) = visitor.counts(counter);
                *counted = (counted.0 + certain, counted.1 + perhaps);
            }
        }
    }

    /// A turn of one shard.
    fn step(&mut self) {
        let index = self.random.index(self.shards.len());
        if self.stalls[index] > 0 {
            self.stalls[index] -= 1;
            return;
        }
        if self.random.one_in(100) {
            self.stalls[index] = self.random.below(50);
        }
        assert!(self.shards[index].turn());
        let mut now = self.now.get();
        now.mono_ns += 1_000 + self.random.below(50_000);
        self.now.set(now);
        self.trace.push(self.shards[index].counters().get(Counter::Requests));
    }

    /// Turns until `done`, which must come.
    fn turn_until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..STEPS_MAX {
            if done(self) {
                return;
            }
            self.step();
        }
        let clients: Vec<String> = self.clients.iter().map(Client::describe).collect();
        panic!("{what}: nothing comes any more; {clients:?}");
    }

    fn shards_are_idle(&mut self) -> bool {
        self.shards.iter_mut().all(Shard::is_idle)
    }

    /// Some clients break off; the others get all their replies.
    fn come_to_rest(&mut self) {
        let reset: Vec<usize> =
            (0..self.clients.len()).filter(|&index| self.clients[index].reset()).collect();
        self.turn_until("replies", |world| {
            world.receive_visitors();
            let mut quiet = world.visitors.is_empty();
            for (index, client) in world.clients.iter_mut().enumerate() {
                if !reset.contains(&index) {
                    client.read();
                    quiet &= client.is_quiet();
                }
            }
            quiet
        });
        // Every shard sees the resets, and executes what it had received before.
        (0..2_000).for_each(|_| self.step());
        self.turn_until("idleness", Self::shards_are_idle);
        let shards = self.shards.len();
        for &index in &reset {
            self.clients[index].reconnect(shards);
            self.turn_until("the keys after a reset", |world| world.clients[index].collect());
            let now_ms = self.now.get().unix_ms;
            self.clients[index].settle(now_ms);
        }
    }

    /// Time goes on, or back: back only after everything that has expired was seen to be gone.
    fn jump_clock(&mut self) {
        let mut now = self.now.get();
        if self.random.one_in(4) {
            self.clients.iter_mut().for_each(|client| client.touch_all(now.unix_ms));
            self.turn_until("the keys", |world| {
                world.clients.iter_mut().for_each(Client::read);
                world.clients.iter().all(Client::is_quiet)
            });
            let mut now = self.now.get();
            now.unix_ms -= self.random.below(5_000);
            return self.now.set(now);
        }
        let jump_ms = [0, 3_000, 20_000, 200_000][self.random.index(4)];
        now.unix_ms += jump_ms;
        now.mono_ns += jump_ms * 1_000_000;
        self.now.set(now);
    }

    /// The sums of the counters, the number of keys, then the end of everything.
    fn end(&mut self) {
        let now_ms = self.now.get().unix_ms;
        self.clients.iter_mut().for_each(|client| client.touch_all(now_ms));
        self.turn_until("the last keys", |world| {
            world.clients.iter_mut().for_each(Client::read);
            world.clients.iter().all(Client::is_quiet)
        });
        let mut counted = 0;
        for counter in 0..COUNTERS {
            let value = match self.ask(&[b"GET", format!("shared:{counter}").as_bytes()]) {
                ReplyValue::Bulk(Some(text)) => {
                    counted += 1;
                    String::from_utf8(text).unwrap().parse::<i64>().unwrap()
                }
                other => {
                    assert_eq!(other, ReplyValue::Bulk(None));
                    0
                }
            };
            let sum = |of: fn(&Client) -> [i64; COUNTERS]| -> i64 {
                self.clients.iter().map(|client| of(client)[counter]).sum()
            };
            let (certain, uncertain) = (
                sum(|client| client.counted) + self.counted[counter].0,
                sum(|client| client.uncertain) + self.counted[counter].1,
            );
            assert!(
                (certain..=certain + uncertain).contains(&value),
                "counter {counter}: {value}, {certain} counted"
            );
        }
        let owned: usize = self.clients.iter_mut().map(|client| client.key_count(now_ms)).sum();
        assert_eq!(self.ask(&[b"DBSIZE"]), ReplyValue::Integer(i64::try_from(owned + counted).unwrap()));
        match self.ask(&[b"KEYS", b"*"]) {
            ReplyValue::Array(Some(keys)) => assert_eq!(keys.len(), owned + counted),
            other => panic!("{other:?}"),
        }
        self.empty();
    }

    /// Everything is removed and nothing may be held.
    pub(crate) fn empty(&mut self) {
        assert_eq!(self.ask(&[b"FLUSHALL"]), ReplyValue::Simple(b"OK".to_vec()));
        self.clients.iter().for_each(Client::finish);
        self.turn_until("closing", |world| {
            world.clients.iter().all(Client::is_closed) && world.shards_are_idle()
        });
        // What was sent last is reported by the next poll, and its blocks go home to their shard a turn later.
        let home = |shard: &Shard| shard.store().usage().arena.blocks_in_use == 0;
        self.turn_until("blocks that come home", |world| world.shards.iter().all(home));
        self.shards.iter_mut().for_each(judge_end);
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&mut self, request: &[&[u8]]) -> ReplyValue {
        let shard = u32::try_from(self.random.index(self.shards.len())).unwrap();
        let client = self.network.connect(shard, 1 << 20);
        let mut bytes = Vec::new();
        encode_request(&mut bytes, request);
        client.write(&bytes);
        client.finish();
        let mut received = Vec::new();
        self.turn_until("an answer", |_| {
            received.extend(client.read(usize::MAX));
            client.is_closed()
        });
        decode_reply(&received).expect("RESP").expect("a whole reply").0
    }
}

/// The shards of an appliance with their mesh.
pub(crate) fn build_shards(
    count: usize,
    arena_bytes: u64,
    eviction: Eviction,
    hash_secret: u64,
    network: &SimNetwork,
    now: &Rc<Cell<Now>>,
) -> Vec<Shard> {
    let wakers: Vec<Waker> = (0..count).map(|_| adit_drivers::wake::pair().expect("descriptors").0).collect();
    let (writers, pages): (Vec<StatsWriter>, Vec<StatsReader>) =
        (0..count).map(|_| adit_drivers::counters::page()).unzip();
    let build = |(index, (mesh, stats)): (usize, (Mesh, StatsWriter))| {
        let arena = Arena::new(arena_bytes, false).expect("memory");
        let lines = Lines::new(INDEX_BYTES, false).expect("memory");
        Shard::new(Parts {
            index: u16::try_from(index).unwrap(),
            interfaces: vec![Interface {
                streams: Streams::Sim(network.listen()),
                services: vec![Service::Resp],
                port: None,
                addresses: Vec::new(),
            }],
            clock: Clock::Sim(Rc::clone(now)),
            store: Store::new(arena, lines, hash_secret),
            buffer_bytes: BUFFER_BYTES,
            map: SlotMap::even(u16::try_from(count).unwrap()),
            mesh,
            mailbox: crossbeam_channel::never(),
            stats,
            pages: pages.clone(),
            settings: settings(eviction),
            native: NativeParts {
                secret: Secret::new(u128::from(hash_secret)),
                frame_bytes: 0,
                session_bytes: 1 << 20,
            },
        })
    };
    Mesh::connect(&wakers).into_iter().zip(writers).enumerate().map(build).collect()
}

pub(crate) fn judge_end(shard: &mut Shard) {
    assert_eq!(shard.held(), (0, 0, true), "chunks, heap or slots are still held");
    let usage = shard.store().usage();
    assert_eq!((usage.items, usage.chains, usage.arena.blocks_in_use), (0, 0, 0), "{usage:?}");
    let left: u64 = (0..BUCKET_COUNT).map(|bucket| shard.store().count(BucketId(bucket))).sum();
    assert_eq!(left, 0);
    assert!(shard.counters().get(Counter::TurnBytesMax) <= TURN_BYTES_MAX as u64);
}

fn settings(eviction: Eviction) -> Settings {
    let limits = Limits { eviction: [eviction; BUCKET_COUNT as usize], ..Limits::default() };
    Settings { memory_bytes: ARENA_BYTES, limits, ..Settings::default() }
}

const ARENA_BYTES: u64 = 32 << 20;
const INDEX_BYTES: u64 = 1 << 20;
const BUFFER_BYTES: u64 = 8 << 20;
/// Steps after which something that must come does not come any more.
const STEPS_MAX: u64 = 2_000_000;
