//! A run: a plan is carried out, everything comes to an end, and the judges look at it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use adit_client::error::{Error, State};
use adit_client::operation::KeyAction;
use adit_client::{Answer, BucketId, Completion, Condition, NewExpiry, Operation};
use adit_dataplane::stats::Counter;
use adit_drivers::sim::{DatagramCounts, Random, SimFaults};
use adit_wire::resp::client::{ReplyValue, decode_reply, encode_request};

use crate::appliance::Appliance;
use crate::client::Client;
use crate::judge::History;
use crate::model::{self, Bytes, Op, Seen};
use crate::plan::{Action, COUNTER, KEYS, LOG, Plan, What};

/// A run of a plan.
pub struct World {
    plan: Plan,
    random: Random,
    appliance: Appliance,
    clients: Vec<Player>,
    stalled_until_ns: Vec<u64>,
    history: History,
    /// Addresses that were given to clients.
    addresses: u16,
    values: u64,
    tally: Tally,
}

/// A client and what it waits for.
struct Player {
    client: Client,
    /// What it began, by its tickets.
    open: BTreeMap<u64, u64>,
    /// The version that it saw last of each key.
    versions: [u64; KEYS as usize],
    /// What it was told last.
    last: Option<Seen>,
}

impl Player {
    fn new(client: Client) -> Self {
        Self { client, open: BTreeMap::new(), versions: [0; KEYS as usize], last: None }
    }
}

/// What happened in runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Steps of time.
    pub steps: u64,
    /// Operations begun.
    pub operations: u64,
    /// Operations that nobody was told the end of.
    pub uncertain: u64,
    /// Frames that the shards executed.
    pub frames: u64,
    /// Frames that were none.
    pub refused: u64,
    /// Frames from addresses that were not proven.
    pub unproven: u64,
    /// Frames of sessions that were forgotten.
    pub lost: u64,
    /// Requests that came again.
    pub replayed: u64,
    /// Requests that waited for a key.
    pub waited: u64,
    /// Requests for another shard's keys.
    pub misrouted: u64,
    /// Histories of keys or stores that both judges have judged, one alone, and nobody.
    pub judged: [u64; 3],
    /// Datagrams lost, doubled, changed.
    pub faults: [u64; 3],
}

impl Tally {
    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.steps, other.steps),
            (&mut self.operations, other.operations),
            (&mut self.uncertain, other.uncertain),
            (&mut self.frames, other.frames),
            (&mut self.refused, other.refused),
            (&mut self.unproven, other.unproven),
            (&mut self.lost, other.lost),
            (&mut self.replayed, other.replayed),
            (&mut self.waited, other.waited),
            (&mut self.misrouted, other.misrouted),
        ];
        pairs.into_iter().for_each(|(sum, count)| *sum += count);
        self.faults.iter_mut().zip(other.faults).for_each(|(sum, count)| *sum += count);
        self.judged.iter_mut().zip(other.judged).for_each(|(sum, count)| *sum += count);
    }
}

impl World {
    /// Ready to run a plan.
    pub fn new(plan: &Plan) -> Self {
        let appliance = Appliance::new(plan.shards, plan.frame_bytes, plan.faults, plan.seed);
        appliance.datagrams.capture(CAPTURED);
        let mut world = Self {
            random: Random::new(plan.seed ^ 0x5EED),
            stalled_until_ns: vec![0; plan.shards],
            history: History::new(plan.is_multi),
            clients: Vec::new(),
            addresses: 0,
            values: 0,
            tally: Tally::default(),
            plan: plan.clone(),
            appliance,
        };
        for index in 0..plan.clients.len() {
            let player = world.player(index);
            world.clients.push(player);
        }
        world
    }

    /// Runs the plan and judges it.
    ///
    /// # Panics
    /// If a judge says no, or nothing goes on.
    pub fn run(mut self) -> Tally {
        for (at_ns, action) in std::mem::take(&mut self.plan.actions) {
            self.run_to(at_ns);
            self.act(&action);
        }
        self.end_operations();
        self.audit();
        self.clean_up();
        self.tally()
    }

    fn player(&mut self, index: usize) -> Player {
        let plan = self.plan.clients[index];
        let (address, seed) = (self.address(), self.random.bits());
        let frame_bytes = self.plan.frame_bytes;
        let client = Client::new(&self.appliance, address, plan.streams, plan.window, frame_bytes, seed);
        Player::new(client)
    }

    fn address(&mut self) -> SocketAddr {
        self.addresses += 1;
        SocketAddr::from(([10, 0, 1, 1], self.addresses))
    }

    /// Lets things go on until `at_ns`.
    fn run_to(&mut self, at_ns: u64) {
        let at_ns = at_ns.max(self.appliance.now_ns());
        let mut steps = 0;
        while self.appliance.now_ns() < at_ns {
            self.step(at_ns);
            steps += 1;
            // What comes late is for the end.
            if steps > STEPS_PER_ACTION_MAX {
                return;
            }
        }
    }

    /// A turn of every shard and client, in any order; then time goes on to when something happens.
    fn step(&mut self, until_ns: u64) {
        let count = self.appliance.shards.len() + self.clients.len();
        let first = self.random.index(count);
        for turn in (0..count).map(|offset| (first + offset) % count) {
            match turn.checked_sub(self.appliance.shards.len()) {
                None => self.turn_shard(turn),
                Some(client) => self.turn_client(client),
            }
        }
        self.tally.steps += 1;
        let soon_ns = self.appliance.now_ns() + 500 + self.random.below(4_000);
        let next_ns = if self.is_busy() { 0 } else { self.next_event_ns(until_ns) };
        self.appliance.advance(next_ns.clamp(soon_ns, until_ns.max(soon_ns)));
    }

    /// Whether a shard that is not stalled has something to do.
    fn is_busy(&mut self) -> bool {
        let now_ns = self.appliance.now_ns();
        let shards = self.appliance.shards.iter_mut().zip(&self.stalled_until_ns);
        shards.into_iter().any(|(shard, until_ns)| *until_ns <= now_ns && shard.is_busy())
    }

    fn turn_shard(&mut self, shard: usize) {
        if self.stalled_until_ns[shard] <= self.appliance.now_ns() {
            assert!(self.appliance.shards[shard].turn());
        }
    }

    fn turn_client(&mut self, index: usize) {
        for completion in self.clients[index].client.turn(&self.appliance) {
            self.complete(index, completion);
        }
    }

    /// When something happens next, if nobody has anything to do now.
    fn next_event_ns(&self, until_ns: u64) -> u64 {
        let now_ns = self.appliance.now_ns();
        let is_stalled =
            |address: SocketAddr| self.stalled_until_ns[self.appliance.shard_at(address)] > now_ns;
        let clients = self.clients.iter().filter_map(|player| player.client.next_event_ns(is_stalled));
        let stalls = self.stalled_until_ns.iter().copied().filter(|until_ns| *until_ns > now_ns);
        // What has arrived at a stalled shard waits for it.
        let delivery = self.appliance.datagrams.next_delivery_ns().filter(|due_ns| *due_ns > now_ns);
        clients.chain(stalls).chain(delivery).min().unwrap_or(until_ns)
    }

    fn act(&mut self, action: &Action) {
        let now_ns = self.appliance.now_ns();
        match action {
            Action::Submit { client, what, patience_ns } => self.submit(*client, *what, now_ns + patience_ns),
            Action::Crash(client) => {
                self.clients[*client].client.leave();
                // Nobody will be told the end of what it began.
                self.clients[*client] = self.player(*client);
            }
            Action::Rebind(client) => {
                let address = self.address();
                self.clients[*client].client.rebind(&self.appliance, address);
            }
            Action::Stall(shard, for_ns) => self.stalled_until_ns[*shard] = now_ns + for_ns,
            Action::Cut(client, shard) => {
                let (client, shard) =
                    (self.clients[*client].client.address, self.appliance.addresses[*shard]);
                self.appliance.datagrams.set_partition(client, shard, true);
            }
            Action::Heal => self.appliance.datagrams.heal(),
            Action::Jump(by_ms) => {
                let mut now = self.appliance.now.get();
                now.unix_ms = now.unix_ms.saturating_add_signed(*by_ms);
                self.appliance.now.set(now);
            }
            Action::Pass(for_ns) => self.run_to(now_ns + for_ns),
            Action::Forget(client) => self.forget(*client),
            Action::Replay { which, spoofed } => self.replay(*which, *spoofed),
        }
    }

    /// A client believes a map of before: other shards own the slots.
    fn forget(&mut self, client: usize) {
        let core = &mut self.clients[client].client.core;
        let Some(mut map) = core.map().cloned() else { return };
        let shards = u16::try_from(map.addresses.len()).unwrap();
        map.epoch = 0;
        map.ranges.iter_mut().for_each(|range| range.shard = (range.shard + 1) % shards);
        core.assume_map(map);
    }

    fn replay(&self, which: usize, spoofed: Option<usize>) {
        let datagrams = &self.appliance.datagrams;
        let Some(again) = datagrams.captured(which % datagrams.captured_count().max(1)) else { return };
        let from = spoofed.map_or(again.from, |client| self.clients[client].client.address);
        datagrams.inject(from, again.to, &again.bytes);
    }

    fn submit(&mut self, client: usize, what: What, deadline_ns: u64) {
        let (op, operation) = self.operation(client, what);
        let player = &mut self.clients[client];
        // One whose window is full does nothing.
        let Some(ticket) = player.client.submit(operation, deadline_ns) else { return };
        self.tally.operations += 1;
        if let Some(op) = op {
            player.open.insert(ticket, self.history.begin(op));
        }
    }

    fn value(&mut self, more_bytes: u32) -> Bytes {
        self.values += 1;
        let mut value = format!("<{}>", self.values).into_bytes();
        let fill = self.values.to_le_bytes()[0];
        value.extend((0..more_bytes).map(|at| fill ^ at.to_le_bytes()[0] ^ at.to_le_bytes()[1]));
        value[..].into()
    }

    /// What a client does, for the judge and for the client.
    fn operation(&mut self, client: usize, what: What) -> (Option<Op>, Operation) {
        let value = match what {
            What::Put(_, more_bytes) | What::Append(_, more_bytes) => self.value(more_bytes),
            _ => self.value(0),
        };
        let version = |key: u8| self.clients[client].versions[usize::from(key)];
        let put = |key: u8, condition: model::Condition| {
            let of_client = match condition {
                model::Condition::Always => Condition::Always,
                model::Condition::IfAbsent => Condition::IfAbsent,
                model::Condition::IfPresent => Condition::IfPresent,
                model::Condition::IfVersion(version) => Condition::IfVersion(version),
            };
            let action = KeyAction::Put {
                condition: of_client,
                expiry: NewExpiry::Never,
                value: value.to_vec().into(),
            };
            (Op::Put(key, value.clone(), condition), on(key, action))
        };
        let (op, operation) = match what {
            What::Get(key) => (Op::Get(key), on(key, KeyAction::Get)),
            What::Put(key, _) => put(key, model::Condition::Always),
            What::PutIfAbsent(key) => put(key, model::Condition::IfAbsent),
            What::PutIfPresent(key) => put(key, model::Condition::IfPresent),
            What::Swap(key) => put(key, model::Condition::IfVersion(version(key))),
            What::Delete(key) => (Op::Delete(key), on(key, KeyAction::Delete)),
            What::Take(key) => (Op::Take(key), on(key, KeyAction::Take)),
            What::Touch(key) => (Op::Touch(key), on(key, KeyAction::Touch(0))),
            What::Add(key, delta) => {
                (Op::Add(key, i64::from(delta)), on(key, KeyAction::Add(i64::from(delta))))
            }
            What::Append(key, _) => {
                let append = on(key, KeyAction::Append(value.to_vec().into()));
                (Op::Append(key, value), append)
            }
            What::MultiGet(a, b, c) => {
                let keys = [a, b, c].iter().map(|key| name(*key)).collect();
                (Op::MultiGet(vec![a, b, c]), Operation::MultiGet { bucket: BucketId(0), keys })
            }
            What::MultiPut(a, b, if_absent) => {
                let other = self.value(0);
                let pairs = [(name(a), &value[..]), (name(b), &other[..])].into_iter().collect();
                let op = Op::MultiPut(vec![(a, value.clone()), (b, other.clone())], if_absent);
                (op, Operation::MultiPut { bucket: BucketId(0), pairs, if_absent })
            }
            What::Scan(shard) => {
                let shard = u16::from(shard) % u16::try_from(self.appliance.shards.len()).unwrap();
                let scan = Operation::Scan { shard, bucket: BucketId(0), keys_max: 10, cursor: 0 };
                return (None, scan);
            }
        };
        (Some(op), operation)
    }

    fn complete(&mut self, client: usize, completion: Completion) {
        let player = &mut self.clients[client];
        let Some(number) = player.open.remove(&completion.ticket.0) else { return };
        let op = self.history.op(number).clone();
        let Some(seen) = seen(&completion.result) else {
            self.tally.uncertain += 1;
            return;
        };
        let version = match (&op, &seen) {
            (Op::Get(key), Seen::Value(_, version)) => Some((*key, *version)),
            (Op::Put(key, ..), Seen::Version(version) | Seen::Conflict(version)) => Some((*key, *version)),
            _ => None,
        };
        if let Some((key, version)) = version {
            player.versions[usize::from(key)] = version;
        }
        player.last = Some(seen.clone());
        self.history.end(number, seen);
    }

    /// The network is well again, and everything that was begun comes to its end.
    fn end_operations(&mut self) {
        self.appliance.datagrams.heal();
        self.appliance.datagrams.set_faults(SimFaults::none(1_000));
        self.step_until("the end of operations", |world| {
            world.clients.iter().all(|player| player.client.core.in_flight() == 0)
        });
    }

    fn step_until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..STEPS_MAX {
            if done(self) {
                return;
            }
            self.step(self.appliance.now_ns() + 1_000_000_000);
        }
        panic!("{what}: nothing goes on");
    }

    /// Somebody new looks at all keys.
    fn audit(&mut self) {
        let (address, seed) = (self.address(), self.random.bits());
        let client = Client::new(&self.appliance, address, false, 64, self.plan.frame_bytes, seed);
        self.clients.push(Player::new(client));
        let auditor = self.clients.len() - 1;
        let deadline_ns = self.appliance.now_ns() + 100_000_000_000;
        let mut found: Vec<Vec<u8>> = Vec::new();
        for key in 0..KEYS {
            let number = self.history.begin(Op::Get(key));
            let ticket = self.clients[auditor].client.submit(on(key, KeyAction::Get), deadline_ns).unwrap();
            self.clients[auditor].open.insert(ticket, number);
            self.step_until("the last look", |world| world.clients[auditor].last.is_some());
            found.push(match self.clients[auditor].last.take() {
                Some(Seen::Value(value, _)) => value.to_vec(),
                Some(Seen::NotFound) => Vec::new(),
                other => panic!("key {key}: {other:?}"),
            });
        }
        let counter = &found[usize::from(COUNTER)];
        let counter =
            if counter.is_empty() { 0 } else { std::str::from_utf8(counter).unwrap().parse().unwrap() };
        self.tally.judged = self.history.judge(counter, &found[usize::from(LOG)]);
    }

    /// All clients go, all keys are removed, all sessions are forgotten: then nothing may be held.
    fn clean_up(&mut self) {
        self.clients.iter_mut().for_each(|player| player.client.core.close());
        self.step_until("the end of sessions", |world| {
            world.clients.iter().all(|player| player.client.core.is_closed())
                && world.appliance.datagrams.in_flight() == 0
                && world.appliance.is_idle()
        });
        self.clients.iter().for_each(|player| player.client.leave());
        self.clients.clear();
        self.flush();
        for _ in 0..30 {
            self.appliance.advance(self.appliance.now_ns() + 10_000_000_000);
            (0..3).for_each(|_| self.turn_shards());
        }
        self.appliance.judge_end();
    }

    fn turn_shards(&mut self) {
        (0..self.appliance.shards.len()).for_each(|shard| self.turn_shard(shard));
    }

    fn flush(&mut self) {
        let resp = self.appliance.streams.connect(0, 1 << 20);
        let mut bytes = Vec::new();
        encode_request(&mut bytes, &[b"FLUSHALL"]);
        resp.write(&bytes);
        resp.finish();
        let mut received = Vec::new();
        for _ in 0..STEPS_MAX {
            received.extend(resp.read(usize::MAX));
            if resp.is_closed() {
                break;
            }
            self.turn_shards();
        }
        let (reply, _) = decode_reply(&received).unwrap().unwrap();
        assert_eq!(reply, ReplyValue::Simple(b"OK".to_vec()));
    }

    fn tally(&self) -> Tally {
        let DatagramCounts { lost, duplicated, corrupted, .. } = self.appliance.datagrams.counts();
        let count = |counter| self.appliance.count(counter);
        Tally {
            frames: count(Counter::NativeFrames),
            refused: count(Counter::NativeRefused),
            unproven: count(Counter::NativeUnproven),
            lost: count(Counter::NativeLost),
            replayed: count(Counter::NativeReplayed),
            waited: count(Counter::NativeWaited),
            misrouted: count(Counter::NativeMisrouted),
            faults: [lost, duplicated, corrupted],
            ..self.tally
        }
    }
}

fn on(key: u8, action: KeyAction) -> Operation {
    Operation::on_key(BucketId(0), name(key), action)
}

/// The names lie on different shards; one does not fit a frame.
fn name(key: u8) -> Vec<u8> {
    let mut name = format!("key:{key}").into_bytes();
    if key == LONG_NAMED {
        name.resize(3_000, b'.');
    }
    name
}

/// What a client was told; nothing if it does not know.
fn seen(result: &Result<Answer, Error>) -> Option<Seen> {
    Some(match result {
        Ok(Answer::Done) => Seen::Done,
        Ok(Answer::Value(value)) => Seen::Value(value.bytes().into(), value.version),
        Ok(Answer::Version(version)) => Seen::Version(*version),
        Ok(Answer::Sum(sum)) => Seen::Sum(*sum),
        Ok(Answer::Length(len)) => Seen::Length(*len),
        Ok(Answer::Values(values)) => {
            Seen::Values(values.iter().map(|value| value.map(Bytes::from)).collect())
        }
        Ok(other) => panic!("nobody asked for {other:?}"),
        Err(Error::State(State::NotFound)) => Seen::NotFound,
        Err(Error::State(State::ConditionFailed { version })) => Seen::Conflict(*version),
        Err(Error::State(State::NotAnInteger)) => Seen::NotAnInteger,
        Err(Error::State(State::Busy | State::OutOfMemory) | Error::Unreachable(_)) => Seen::Nothing,
        Err(Error::Uncertain(_)) => return None,
        Err(error @ (Error::State(State::Overflow) | Error::Caller(_) | Error::Device)) => {
            panic!("nothing here can end with {error:?}")
        }
    })
}

/// The key with a long name.
const LONG_NAMED: u8 = 2;
/// Datagrams that are kept to be sent again.
const CAPTURED: usize = 64;
/// Steps between two actions; what is not done then goes on beside the next.
const STEPS_PER_ACTION_MAX: u64 = 20_000;
/// Steps after which nothing goes on any more.
const STEPS_MAX: u64 = 200_000;
