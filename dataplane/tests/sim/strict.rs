//! Transactions of clients that run at the same time: what they saw must have an order, one after the other, that
//! agrees with the real order of those that did not overlap. That is linearizability of the whole store as one object,
//! which is strict serializability. The judge is stateright's `LinearizabilityTester`.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use adit_dataplane::settings::Eviction;
use adit_dataplane::shard::Shard;
use adit_drivers::clock::Now;
use adit_drivers::sim::{Random, SimClient, SimNetwork};
use adit_wire::resp::client::{ReplyValue, decode_reply, encode_request};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

use crate::environment;
use crate::world::{build_shards, judge_end};

type Words = Vec<Vec<u8>>;
/// Shared, since the judge copies whole histories.
type Bytes = Rc<[u8]>;

/// What a client does at once.
#[derive(Clone, Debug)]
struct Op {
    /// Whose watched keys it means.
    client: usize,
    commands: Vec<Words>,
    /// The commands are between MULTI and EXEC.
    exec: bool,
}

/// The keys as a plain map, and what each client watches.
#[derive(Clone, Debug, Default)]
struct Plain {
    keys: BTreeMap<Bytes, (Bytes, u64)>,
    writes: u64,
    watched: BTreeMap<usize, Vec<(Bytes, u64)>>,
}

impl SequentialSpec for Plain {
    type Op = Rc<Op>;
    type Ret = Rc<ReplyValue>;

    fn invoke(&mut self, op: &Rc<Op>) -> Rc<ReplyValue> {
        Rc::new(self.run(op, None))
    }

    /// A write may be refused where memory is short; then it has done nothing.
    fn is_valid_step(&mut self, op: &Rc<Op>, seen: &Rc<ReplyValue>) -> bool {
        self.run(op, Some(seen)) == **seen
    }
}

impl Plain {
    fn run(&mut self, op: &Op, seen: Option<&ReplyValue>) -> ReplyValue {
        if let [name, keys @ ..] = op.commands[0].as_slice()
            && name == b"WATCH"
        {
            let version = |key: &Vec<u8>| (Rc::from(&key[..]), self.version(key));
            let watched: Vec<_> = keys.iter().map(version).collect();
            self.watched.entry(op.client).or_default().extend(watched);
            return ReplyValue::Simple(b"OK".to_vec());
        }
        if !op.exec {
            return self.command(&op.commands[0], seen);
        }
        // A value found no memory while it was queued.
        if let Some(error @ ReplyValue::Error(text)) = seen
            && text.starts_with(b"EXECABORT")
        {
            self.watched.remove(&op.client);
            return error.clone();
        }
        let watched = self.watched.remove(&op.client).unwrap_or_default();
        if !watched.iter().all(|(key, version)| self.version(key) == *version) {
            return ReplyValue::Array(None);
        }
        let replies = op.commands.iter().enumerate().map(|(index, command)| {
            let seen = match seen {
                Some(ReplyValue::Array(Some(replies))) => replies.get(index),
                _ => None,
            };
            self.command(command, seen)
        });
        ReplyValue::Array(Some(replies.collect()))
    }

    fn version(&self, key: &[u8]) -> u64 {
        self.keys.get(key).map_or(0, |(_, version)| *version)
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.writes += 1;
        self.keys.insert(key.into(), (value.into(), self.writes));
    }

    fn get(&self, key: &[u8]) -> ReplyValue {
        ReplyValue::Bulk(self.keys.get(key).map(|(value, _)| value.to_vec()))
    }

    fn command(&mut self, command: &Words, seen: Option<&ReplyValue>) -> ReplyValue {
        let number = |count: usize| ReplyValue::Integer(i64::try_from(count).unwrap());
        if let Some(error @ ReplyValue::Error(text)) = seen
            && text.starts_with(b"OOM")
            && [&b"SET"[..], b"MSET", b"MSETNX", b"RENAME", b"COPY", b"INCR", b"APPEND"]
                .contains(&command[0].as_slice())
        {
            return error.clone();
        }
        let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
        match words.as_slice() {
            [b"SET", key, value] => self.put(key, value),
            [b"GET", key] => return self.get(key),
            [b"INCR", key] => {
                let number = |(text, _): &(Bytes, u64)| {
                    let text = String::from_utf8_lossy(text);
                    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
                };
                let old = self.keys.get(*key).map_or(Some(0), number);
                let Some(old) = old else {
                    return ReplyValue::Error(b"ERR value is not an integer or out of range".to_vec());
                };
                self.put(key, (old + 1).to_string().as_bytes());
                return ReplyValue::Integer(old + 1);
            }
            [b"APPEND", key, tail] => {
                let mut value = self.keys.get(*key).map_or_else(Vec::new, |(value, _)| value.to_vec());
                value.extend_from_slice(tail);
                self.put(key, &value);
                return number(value.len());
            }
            [b"MGET", keys @ ..] => {
                return ReplyValue::Array(Some(keys.iter().map(|key| self.get(key)).collect()));
            }
            [b"EXISTS", keys @ ..] => {
                return number(keys.iter().filter(|key| self.keys.contains_key(**key)).count());
            }
            [b"DEL", keys @ ..] => {
                return number(keys.iter().filter(|key| self.keys.remove(**key).is_some()).count());
            }
            [b"MSET", pairs @ ..] => pairs.chunks(2).for_each(|pair| self.put(pair[0], pair[1])),
            [b"MSETNX", pairs @ ..] => {
                let free = pairs.chunks(2).all(|pair| !self.keys.contains_key(pair[0]));
                if free {
                    pairs.chunks(2).for_each(|pair| self.put(pair[0], pair[1]));
                }
                return number(usize::from(free));
            }
            [b"RENAME", from, to] => match self.keys.get(*from).cloned() {
                None => return ReplyValue::Error(b"ERR no such key".to_vec()),
                // Nothing is written: who watches the key is not told.
                Some(_) if from == to => {}
                Some((value, _)) => {
                    self.keys.remove(*from);
                    self.put(to, &value);
                }
            },
            [b"COPY", from, to] => {
                let value = self.keys.get(*from).filter(|_| !self.keys.contains_key(*to)).cloned();
                let copied = number(usize::from(value.is_some()));
                value.into_iter().for_each(|(value, _)| self.put(to, &value));
                return copied;
            }
            [b"DBSIZE"] => return number(self.keys.len()),
            [b"FLUSHALL"] => self.keys.clear(),
            other => unreachable!("{other:?}"),
        }
        ReplyValue::Simple(b"OK".to_vec())
    }
}

/// A client that does one thing after the other, or several commands in a pipeline.
struct Actor {
    /// Its name; another one after every reset.
    name: usize,
    connection: SimClient,
    received: Vec<u8>,
    /// What it waits for, oldest first.
    due: VecDeque<Due>,
    left: usize,
}

/// Something that an actor waits for.
struct Due {
    /// Its name to the judge.
    thread: usize,
    /// Replies that are still to come; the last one counts.
    replies: usize,
}

/// Shards, clients and the judge.
struct Arena {
    random: Random,
    network: SimNetwork,
    now: Rc<Cell<Now>>,
    shards: Vec<Shard>,
    stalls: Vec<u64>,
    actors: Vec<Actor>,
    names: usize,
    judge: LinearizabilityTester<usize, Plain>,
    /// Values are large and memory is short.
    pressed: bool,
    /// Things that an actor waits for at a time, each of a thread of its own to the judge.
    pipeline_max: usize,
    operations: u64,
    /// What was asked and answered, to be read after a violation.
    trace: Vec<String>,
    /// Actors that may break off; those after them look at the end.
    population: usize,
    /// Actors that broke off.
    gone: usize,
}

impl Arena {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let now = Rc::new(Cell::new(Now { mono_ns: 1, unix_ms: 1_700_000_000_000 }));
        let network = SimNetwork::new(random.bits());
        let count = 1 + random.index(4);
        let pressed = random.one_in(4);
        let arena_bytes = if pressed { 2 << 20 } else { 8 << 20 };
        let shards = build_shards(count, arena_bytes, Eviction::None, random.bits(), &network, &now);
        let mut arena = Self {
            stalls: vec![0; count],
            random,
            network,
            now,
            shards,
            actors: Vec::new(),
            names: 0,
            judge: LinearizabilityTester::new(Plain::default()),
            pressed,
            pipeline_max: 1,
            operations: 0,
            trace: Vec::new(),
            population: 0,
            gone: 0,
        };
        arena.pipeline_max = [1, 1, 1, 2][arena.random.index(4)];
        // The judge tries all orders of what happens at the same time: few pipelines, or more without.
        for _ in 0..2 + arena.random.index(if arena.pipeline_max == 1 { 3 } else { 1 }) {
            let left = 2 + arena.random.index(5);
            arena.enter(left);
        }
        arena.population = arena.actors.len();
        arena
    }

    fn enter(&mut self, left: usize) {
        let shard = u32::try_from(self.random.index(self.shards.len())).unwrap();
        let connection = self.network.connect(shard, 1 << 20);
        self.actors.push(Actor {
            name: self.names,
            connection,
            received: Vec::new(),
            due: VecDeque::new(),
            left,
        });
        self.names += self.pipeline_max;
    }

    fn run(&mut self) -> u64 {
        let all_done =
            |arena: &mut Self| arena.actors.iter().all(|actor| actor.left == 0 && actor.due.is_empty());
        self.step_until("replies", all_done, |arena| {
            arena.turn();
            let index = arena.random.index(arena.actors.len());
            arena.act(index);
        });
        self.read_everything();
        assert!(self.judge.is_consistent(), "what the clients saw has no order:\n{}", self.trace.join("\n"));
        self.end();
        self.operations
    }

    /// Takes one step after the other until `done`, which must come.
    fn step_until(&mut self, what: &str, done: impl Fn(&mut Self) -> bool, step: impl Fn(&mut Self)) {
        for _ in 0..STEPS_MAX {
            if done(self) {
                return;
            }
            step(self);
        }
        panic!("{what}: nothing comes any more");
    }

    fn turn(&mut self) {
        let index = self.random.index(self.shards.len());
        if self.stalls[index] > 0 {
            self.stalls[index] -= 1;
            return;
        }
        if self.random.one_in(30) {
            self.stalls[index] = self.random.below(20);
        }
        assert!(self.shards[index].turn());
        let mut now = self.now.get();
        now.mono_ns += 1_000 + self.random.below(50_000);
        self.now.set(now);
    }

    /// A client reads what has come, begins something, or breaks off.
    fn act(&mut self, index: usize) {
        let actor = &mut self.actors[index];
        actor.received.extend(actor.connection.read(usize::MAX));
        while let Some((reply, len)) = decode_reply(&actor.received).expect("replies are RESP") {
            actor.received.drain(..len);
            let due = actor.due.front_mut().expect("a reply without a request");
            due.replies -= 1;
            if due.replies == 0 {
                self.trace.push(format!("        {}: {}", due.thread, said(&reply)));
                self.judge.on_return(due.thread, Rc::new(reply)).unwrap();
                actor.due.pop_front();
            }
        }
        let (waits, left) = (actor.due.len(), actor.left);
        let may_break_off = waits == 1 && !self.pressed && index < self.population && self.gone < GONE_MAX;
        if may_break_off && self.random.one_in(100) {
            self.gone += 1;
            self.enter(left);
            let gone = self.actors.swap_remove(index);
            self.trace.push(format!("{} breaks off", gone.name));
            return gone.connection.reset();
        }
        if left == 0 || waits >= self.pipeline_max || !self.random.one_in(2) {
            return;
        }
        self.actors[index].left -= 1;
        let op = if waits == 0 { self.next_op(index) } else { self.follower(index) };
        self.begin(index, op);
    }

    /// One command, which does not wait for the reply to the last.
    fn follower(&mut self, index: usize) -> Op {
        Op { client: self.actors[index].name, commands: vec![self.command()], exec: false }
    }

    fn begin(&mut self, index: usize, op: Op) {
        let actor = &mut self.actors[index];
        let mut bytes = Vec::new();
        let mut write = |words: &[&[u8]]| encode_request(&mut bytes, words);
        if op.exec {
            write(&[b"MULTI"]);
        }
        for command in &op.commands {
            write(&command.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        if op.exec {
            write(&[b"EXEC"]);
        }
        let name = actor.name;
        let is_free = |thread: &usize| actor.due.iter().all(|due| due.thread != *thread);
        let thread = (name..name + self.pipeline_max).find(is_free).expect("a thread that waits for nothing");
        actor.due.push_back(Due { thread, replies: if op.exec { op.commands.len() + 2 } else { 1 } });
        actor.connection.write(&bytes);
        self.trace.push(format!(
            "{thread} of {name} {} {}",
            if op.exec { "EXEC" } else { "" },
            shown(&op.commands)
        ));
        self.judge.on_invoke(thread, Rc::new(op)).unwrap();
        self.operations += 1;
    }

    fn next_op(&mut self, index: usize) -> Op {
        let client = self.actors[index].name;
        let one = |commands| Op { client, commands, exec: false };
        match self.random.below(10) {
            0 => {
                let mut watch = vec![b"WATCH".to_vec()];
                (0..1 + self.random.index(3)).for_each(|_| watch.push(self.key()));
                one(vec![watch])
            }
            1..=4 => {
                let count = 1 + self.random.index(4);
                let commands = (0..count).map(|_| self.command()).collect();
                Op { client, commands, exec: true }
            }
            _ => one(vec![self.command()]),
        }
    }

    fn key(&mut self) -> Vec<u8> {
        format!("key{}", self.random.index(KEYS)).into_bytes()
    }

    fn value(&mut self) -> Vec<u8> {
        let number = self.random.below(1_000).to_string().into_bytes();
        if !self.pressed {
            // Now and then a value that takes several turns to be appended.
            return if self.random.one_in(60) { vec![number[0]; 1_500_000] } else { number };
        }
        let len = [1, 3_000, 30_000, 60_000, 90_000, 200_000][self.random.index(6)];
        vec![number[0]; len]
    }

    fn command(&mut self) -> Words {
        let name = [
            "SET", "SET", "GET", "INCR", "APPEND", "MGET", "MGET", "EXISTS", "DEL", "MSET", "MSET", "MSET",
            "MSETNX", "RENAME", "COPY", "DBSIZE", "FLUSHALL",
        ][self.random.index(17)];
        let mut words = vec![name.as_bytes().to_vec()];
        let few = 1 + self.random.index(4);
        match name {
            "SET" | "APPEND" => words.extend([self.key(), self.value()]),
            "GET" | "INCR" => words.push(self.key()),
            "MSET" | "MSETNX" => (0..few).for_each(|_| words.extend([self.key(), self.value()])),
            "RENAME" => words.extend([self.key(), self.key()]),
            "COPY" => {
                let (from, to) = (self.key(), self.key());
                // A copy to itself is an error that is tested elsewhere.
                let to = if from == to { b"other".to_vec() } else { to };
                words.extend([from, to]);
            }
            "DBSIZE" | "FLUSHALL" => {}
            _ => (0..few).for_each(|_| words.push(self.key())),
        }
        words
    }

    /// One command of a client of its own, and its reply.
    fn ask(&mut self, words: Words) {
        self.enter(0);
        let index = self.actors.len() - 1;
        self.begin(index, Op { client: usize::MAX, commands: vec![words], exec: false });
        let answered = |arena: &mut Self| arena.actors[index].due.is_empty();
        self.step_until("an answer", answered, |arena| {
            arena.turn();
            arena.act(index);
        });
    }

    /// A last look at all keys.
    fn read_everything(&mut self) {
        let mut words = vec![b"MGET".to_vec(), b"other".to_vec()];
        words.extend((0..KEYS).map(|key| format!("key{key}").into_bytes()));
        self.ask(words);
    }

    /// Everything is removed; then nothing may be held.
    fn end(&mut self) {
        // What clients that broke off had sent is executed, or was never received.
        (0..300).for_each(|_| self.turn());
        let idle = |arena: &mut Self| arena.shards.iter_mut().all(Shard::is_idle);
        self.step_until("idleness", idle, Self::turn);
        self.ask(vec![b"FLUSHALL".to_vec()]);
        self.actors.iter().for_each(|actor| actor.connection.finish());
        let home = |shard: &Shard| shard.store().usage().arena.blocks_in_use == 0;
        let closed = |arena: &mut Self| {
            arena.actors.iter().all(|actor| actor.connection.is_closed())
                && arena.shards.iter_mut().all(Shard::is_idle)
                && arena.shards.iter().all(home)
        };
        self.step_until("closing", closed, Self::turn);
        self.shards.iter_mut().for_each(judge_end);
    }
}

/// A word as it is read best: long values are many of one byte, and few of another where something was appended.
fn brief(word: &[u8]) -> String {
    if word.len() <= 20 {
        return String::from_utf8_lossy(word).into_owned();
    }
    let runs =
        word.chunk_by(|one, other| one == other).map(|run| format!("{}x{}", char::from(run[0]), run.len()));
    runs.take(6).collect::<Vec<_>>().join("+")
}

fn shown(commands: &[Words]) -> String {
    let command = |command: &Words| command.iter().map(|word| brief(word)).collect::<Vec<_>>().join(" ");
    commands.iter().map(command).collect::<Vec<_>>().join("; ")
}

fn said(reply: &ReplyValue) -> String {
    match reply {
        ReplyValue::Bulk(Some(value)) | ReplyValue::Simple(value) => brief(value),
        ReplyValue::Error(text) => String::from_utf8_lossy(text).into_owned(),
        ReplyValue::Array(Some(replies)) => {
            format!("[{}]", replies.iter().map(said).collect::<Vec<_>>().join(", "))
        }
        ReplyValue::Integer(number) => number.to_string(),
        _ => "nil".to_owned(),
    }
}

fn run(seeds: impl Iterator<Item = u64>) {
    let (mut operations, mut count) = (0, 0_u64);
    for seed in seeds {
        let run = catch_unwind(AssertUnwindSafe(|| Arena::new(seed).run()));
        operations += run.unwrap_or_else(|_| panic!("replay with ADIT_STRICT_SEED={seed}"));
        count += 1;
    }
    println!("{count} seeds, {operations} operations");
}

#[test]
#[cfg_attr(any(feature = "sabotage-intents", feature = "sabotage-order"), ignore = "this build is sabotaged")]
fn transactions_have_an_order() {
    match environment("ADIT_STRICT_SEED") {
        Some(seed) => run(seed..=seed),
        None => {
            let first = environment("ADIT_STRICT_FIRST").unwrap_or(0);
            run(first..first + environment("ADIT_STRICT_SEEDS").unwrap_or(SEEDS));
        }
    }
}

/// In a sabotaged build some seeds must fail, or the judge judges nothing.
#[test]
#[cfg(any(feature = "sabotage-intents", feature = "sabotage-order"))]
fn the_sabotage_is_caught() {
    std::panic::set_hook(Box::new(|_| {}));
    let caught: Vec<u64> =
        (0..SEEDS).filter(|&seed| catch_unwind(|| Arena::new(seed).run()).is_err()).collect();
    println!(
        "caught in {} of {SEEDS} seeds, the first are {:?}",
        caught.len(),
        &caught[..caught.len().min(5)]
    );
    assert!(caught.len() >= 3);
}

const KEYS: usize = 6;
/// Actors that break off, at most: each leaves something that may have happened at any time, and the judge tries all.
const GONE_MAX: usize = 2;
/// Steps after which something that must come does not come any more.
const STEPS_MAX: u64 = 100_000;
/// Seeds of a run of the tests.
const SEEDS: u64 = 1_000;
