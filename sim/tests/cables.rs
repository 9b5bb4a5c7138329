//! A shard on our own stack at the end of a cable that loses, doubles, swaps and harms frames: the shard that serves sockets,
//! under a seed.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use adit_client::core::{Core, CoreConfig, Outgoing};
use adit_client::{Answer, BucketId, Condition, KeyAction, NewExpiry, Operation};
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
use adit_drivers::frames::{FRAME_HEADROOM_BYTES, Frames};
use adit_drivers::memory::{Arena, Lines};
use adit_drivers::port::{Mbuf, Mempool};
use adit_drivers::sim::{CableFaults, Random, SimFrames, SimNetwork};
use adit_net::tcp::{RECEIVE_BYTES_DEFAULT, SEND_BYTES_DEFAULT, Tcp, TcpConfig};
use adit_net::{NetPort, NetStreams, SharedStack, Stack, StackConfig};
use adit_store::kv::Store;

const BAD: CableFaults = CableFaults {
    lose_one_in: 20,
    duplicate_one_in: 20,
    reorder_one_in: 10,
    corrupt_one_in: 20,
    block_one_in: 10,
    queue_frames_max: 64,
};

/// A client at one end of a cable, a shard at the other.
struct Pair {
    core: Core,
    stack: Stack,
    out: Out,
    shard: Shard,
    /// The stack of the shard, for its counters.
    server: SharedStack,
    now: Rc<Cell<Now>>,
    mempools: [Mempool; 2],
}

/// Datagrams of the client on their way.
struct Out {
    mempool: Mempool,
    list: Vec<Mbuf>,
}

impl Outgoing for Out {
    fn room(&mut self, to: SocketAddr, len_bytes: usize) -> Option<&mut [u8]> {
        self.list.push(self.mempool.take(to)?);
        self.list.last_mut()?.push(len_bytes)
    }
}

impl Pair {
    fn new(seed: u64, faults: CableFaults, mtu_bytes: u16) -> Self {
        let buffer_bytes = FRAME_HEADROOM_BYTES + usize::from(mtu_bytes) + 18;
        let mempool = |count| Mempool::with_headroom(count, buffer_bytes, FRAME_HEADROOM_BYTES);
        let mempools = [300, 300].map(mempool);
        let macs = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
        let [near, far] = SimFrames::pair(
            seed,
            faults,
            usize::from(mtu_bytes),
            [0, 1].map(|end| (macs[end], mempools[end].clone())),
        );
        let now = Rc::new(Cell::new(Now { mono_ns: 1, unix_ms: 1_700_000_000_000 }));
        let config = |host| StackConfig::new(IpAddr::from([10, 0, 0, host]), 24, 7400);
        let stack = Stack::new(Frames::Sim(near), config(1), 1);
        let (shard, server) =
            shard(Frames::Sim(far), StackConfig { takes_tcp: true, ..config(2) }, seed, &now);
        let address = SocketAddr::from(([10, 0, 0, 2], 7400));
        let frame_bytes = mtu_bytes - 28;
        let config = CoreConfig { address, window: 16, frame_bytes, ..CoreConfig::default() };
        let core = Core::new(config, seed).unwrap();
        let out = Out { mempool: mempools[0].clone(), list: Vec::new() };
        Self { core, stack, out, shard, server, now, mempools }
    }

    /// Both do what they have to do, then time goes on.
    fn turn(&mut self, step_ns: u64) {
        let now_ns = self.now.get().mono_ns;
        self.core.transmit(now_ns, &mut self.out);
        self.stack.transmit(&mut self.out.list);
        self.stack.flush(now_ns);
        self.shard.turn();
        self.stack.poll(now_ns);
        let mut burst = Vec::new();
        self.stack.take_datagrams(&mut burst);
        for train in burst {
            // What was harmed is counted by the core.
            train.datagrams().for_each(|bytes| _ = self.core.receive(train.peer(), bytes, now_ns));
        }
        let now = self.now.get();
        self.now.set(Now { mono_ns: now.mono_ns + step_ns, unix_ms: now.unix_ms + step_ns / 1_000_000 });
    }
}

/// A shard whose first interface is quiet, and whose second one is a queue of frames.
fn shard(frames: Frames, config: StackConfig, seed: u64, now: &Rc<Cell<Now>>) -> (Shard, SharedStack) {
    let mtu_bytes = frames.mtu_bytes();
    let (waker, _sleeper) = adit_drivers::wake::pair().unwrap();
    let (stats, page) = adit_drivers::counters::page();
    let addresses = vec![SocketAddr::new(config.addresses[0].0, config.udp_port)];
    let tcp = TcpConfig {
        listeners: vec![config.udp_port],
        addresses: vec![config.addresses[0].0],
        mtu_bytes,
        connections_max: 8,
        receive_bytes: RECEIVE_BYTES_DEFAULT,
        send_bytes: SEND_BYTES_DEFAULT,
        computes_checksums: true,
        secret: u128::from(seed),
    };
    let stack = Rc::new(RefCell::new(Stack::new(frames, config, 1)));
    let quiet = Interface {
        streams: Streams::Sim(SimNetwork::new(seed).listen()),
        services: vec![Service::Resp],
        port: None,
        addresses: Vec::new(),
    };
    let polled = Interface {
        streams: Streams::Net(Box::new(NetStreams::new(Rc::clone(&stack), Tcp::new(tcp)))),
        services: vec![Service::Native],
        port: Some(Port::Net(NetPort::new(Rc::clone(&stack)))),
        addresses,
    };
    let shard = Shard::new(Parts {
        index: 0,
        interfaces: vec![quiet, polled],
        clock: Clock::Sim(Rc::clone(now)),
        store: Store::new(Arena::new(8 << 20, false).unwrap(), Lines::new(1 << 20, false).unwrap(), seed),
        buffer_bytes: 8 << 20,
        map: SlotMap::even(1),
        mesh: Mesh::connect(&[waker]).pop().unwrap(),
        mailbox: crossbeam_channel::never(),
        stats,
        pages: vec![page],
        settings: Settings::default(),
        native: NativeParts {
            secret: Secret::new(u128::from(seed)),
            frame_bytes: u16::try_from(mtu_bytes - 28).unwrap(),
            session_bytes: 1 << 20,
        },
    });
    (shard, stack)
}

impl Pair {
    fn submit(&mut self, key: &[u8], action: KeyAction) -> bool {
        let operation = Operation::Key { bucket: BucketId(0), key: key.to_vec(), action };
        self.core.submit(operation, u64::MAX).is_ok()
    }

    /// Does one operation to its end.
    fn ask(&mut self, key: &[u8], action: KeyAction) -> Answer {
        assert!(self.submit(key, action));
        for _ in 0..TURNS_MAX {
            self.turn(TURN_NS);
            if let Some(completion) = self.core.next_completion() {
                return completion.result.unwrap();
            }
        }
        panic!("no answer after {TURNS_MAX} turns");
    }

    fn value(&mut self, key: &[u8]) -> Vec<u8> {
        match self.ask(key, KeyAction::Get) {
            Answer::Value(value) => value.bytes().to_vec(),
            other => panic!("{other:?} is no value"),
        }
    }

    /// Lets the session go, and judges that nothing is held any more.
    fn judge_end(mut self) {
        self.core.close();
        for _ in 0..SECONDS_AFTER {
            self.turn(1_000_000_000);
        }
        assert_eq!(self.shard.held_for_sessions(), (0, 0, 0, true));
        let Self { stack, out, shard, server, mempools, .. } = self;
        drop((stack, out, shard, server));
        mempools.iter().for_each(|mempool| assert_eq!(mempool.free_count(), mempool.count(), "buffers"));
    }
}

/// Adds numbers to counters, many at a time, and gives their sums.
fn add(pair: &mut Pair, random: &mut Random, operations: u64) -> HashMap<Vec<u8>, i64> {
    let (mut sums, mut left, mut done) = (HashMap::new(), operations, 0);
    for _ in 0..TURNS_MAX {
        while left > 0 && pair.core.in_flight() < 16 {
            let (key, number) = (format!("counter {}", random.below(8)).into_bytes(), left.cast_signed());
            if !pair.submit(&key, KeyAction::Add(number)) {
                break;
            }
            *sums.entry(key).or_insert(0) += number;
            left -= 1;
        }
        pair.turn(TURN_NS);
        while let Some(completion) = pair.core.next_completion() {
            assert!(matches!(completion.result, Ok(Answer::Sum(_))), "{:?}", completion.result);
            done += 1;
        }
        if done == operations {
            return sums;
        }
    }
    panic!("{done} of {operations} are done after {TURNS_MAX} turns");
}

/// Everything is applied once, and a value of many frames is read as it was written.
fn run(seed: u64, faults: CableFaults, operations: u64) {
    let (mut pair, mut random) = (Pair::new(seed, faults, 1500), Random::new(seed));
    for (key, sum) in add(&mut pair, &mut random, operations) {
        assert_eq!(pair.value(&key), sum.to_string().into_bytes(), "seed {seed}");
    }
    let long: Vec<u8> = (0..20_000).map(|_| random.bits().to_le_bytes()[0]).collect();
    let (condition, expiry) = (Condition::Always, NewExpiry::Never);
    pair.ask(b"long", KeyAction::Put { condition, expiry, value: long.clone().into() });
    assert!(pair.value(b"long") == long, "seed {seed}: the long value");
    let was_sent_again = pair.core.counters().retransmissions > 0;
    assert_eq!(was_sent_again, faults.lose_one_in > 0, "seed {seed}: whether something was lost");
    pair.judge_end();
}

/// A value is read while another one takes its place: what is read is the one or the other, and no block stays behind.
fn replace_while_read(seed: u64, faults: CableFaults) {
    let (mut pair, mut random) = (Pair::new(seed, faults, 9000), Random::new(seed));
    let put = |value: Vec<u8>| {
        let (condition, expiry) = (Condition::Always, NewExpiry::Never);
        KeyAction::Put { condition, expiry, value: value.into() }
    };
    let mut before: Vec<u8> = (0..300_000).map(|_| random.bits().to_le_bytes()[0]).collect();
    pair.ask(b"long", put(before.clone()));
    for round in 0..3 {
        assert!(pair.submit(b"long", KeyAction::Get));
        for _ in 0..random.below(20) {
            pair.turn(TURN_NS);
        }
        let after: Vec<u8> = before.iter().map(|byte| byte.wrapping_add(1)).collect();
        assert!(pair.submit(b"long", put(after.clone())));
        let mut answers = Vec::new();
        while answers.len() < 2 {
            pair.turn(TURN_NS);
            answers.extend(pair.core.next_completion().map(|completion| completion.result.unwrap()));
        }
        let read = answers.iter().find_map(|answer| match answer {
            Answer::Value(value) => Some(value.bytes()),
            _ => None,
        });
        let read = read.unwrap();
        assert!(read == before || read == after, "seed {seed}, round {round}: a mixture was read");
        before = after;
    }
    assert!(pair.value(b"long") == before);
    let counters = pair.server.borrow().counters();
    assert!(counters.frames.tx_tails > 100, "seed {seed}: {} frames with tails", counters.frames.tx_tails);
    pair.ask(b"long", KeyAction::Delete);
    pair.core.close();
    for _ in 0..SECONDS_AFTER {
        pair.turn(1_000_000_000);
    }
    assert_eq!(pair.shard.store().usage().arena.blocks_in_use, 0, "seed {seed}");
    pair.judge_end();
}

#[test]
fn a_value_that_is_replaced_while_it_is_read_arrives_whole() {
    replace_while_read(1, CableFaults::NONE);
    (2..12).for_each(|seed| replace_while_read(seed, BAD));
}

#[test]
fn a_shard_on_a_good_cable_answers() {
    run(1, CableFaults::NONE, 2_000);
}

#[test]
fn on_bad_cables_everything_is_applied_once() {
    (0..SEEDS).for_each(|seed| run(seed, BAD, 200));
}

const SEEDS: u64 = 50;
/// What a turn takes.
const TURN_NS: u64 = 20_000;
const TURNS_MAX: usize = 1_000_000;
/// Longer than a session is remembered.
const SECONDS_AFTER: usize = 200;
