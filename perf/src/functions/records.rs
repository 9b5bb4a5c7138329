//! Functions that follow records: a list in the caches of the processor, a graph of friends, and a million records, one behind the other and side by side.

use std::collections::BTreeSet;
use std::hint::black_box;

use adit_function::call::Call;
use adit_function::helper::{Failure, Get, Helper};
use adit_function::memory::{Memory, Place};
use adit_function::records::Records;
use adit_function::stage::Room;
use adit_function::store::Store;

use super::build::Build;
use super::engine::{Compiled, MODES, Timed, call_over};
use super::loops::Rounds;
use crate::cpu::thread_cpu_ns;
use crate::number::{index, per};
use crate::random::Random;

/// A walk, and what it costs each engine: nanoseconds for a step of it.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Walk {
    pub(super) name: &'static str,
    /// What a step is.
    pub(super) step: &'static str,
    pub(super) engines: Vec<Rounds>,
}

/// Something that takes steps.
type Walker<'a> = Box<dyn FnMut(u64) -> anyhow::Result<Timed> + 'a>;

/// Runs all walks.
///
/// # Errors
/// If a function fails, or results differ.
pub(super) fn measure(
    build: &Build,
    rounds: u32,
    going: impl Fn() -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Walk>> {
    Ok(vec![
        list(build, "list of 1,000 records", 1_000, rounds, &going)?,
        friends(build, rounds, &going)?,
        chains(build, rounds, &going)?,
    ])
}

/// A list that ends where it starts, 100 steps in each call.
fn list(
    build: &Build,
    name: &'static str,
    count: u64,
    rounds: u32,
    going: &impl Fn() -> anyhow::Result<()>,
) -> anyhow::Result<Walk> {
    const STEPS: u64 = 100;
    const CALLS: u64 = 1_000;
    let records = ring(count);
    let verified = build.verified("list.o", "list")?;
    let input = |round: u64| [(round * 7_919 % count).to_le_bytes(), STEPS.to_le_bytes()].concat();
    let mut walkers: Vec<(&str, Walker<'_>)> =
        vec![("Rust, same helper", Box::new(|round| walk_by_helper(&records, &input(round), CALLS)))];
    walkers.push(("Rust, bare store", Box::new(|round| Ok(walk_natively(&records, &input(round), CALLS)))));
    for mode in MODES {
        let mut compiled = Compiled::new(&verified, mode)?;
        let (records, input) = (&records, &input);
        walkers.push((mode.name, Box::new(move |round| compiled.time(records, &input(round), CALLS))));
    }
    let engines = take_turns(&mut walkers, rounds, STEPS * CALLS, going)?;
    Ok(Walk { name, step: "record", engines })
}

/// Counts who is within four hops of each of some people; a step is a pair of friends that is looked at.
fn friends(build: &Build, rounds: u32, going: &impl Fn() -> anyhow::Result<()>) -> anyhow::Result<Walk> {
    const CALLS: u64 = 20;
    let graph = graph();
    let mut records = Records::new(graph.len());
    for (number, friends) in (0_u32..).zip(&graph) {
        let value: Vec<u8> = friends.iter().flat_map(|friend| friend.to_le_bytes()).collect();
        records.put(&number.to_le_bytes(), &value);
    }
    let verified = build.verified("friends.o", "friends")?;
    let input = [1_u32.to_le_bytes(), HOPS.to_le_bytes()].concat();
    let (reached, pairs) = count_natively(&records, 1);
    let natively = |_| {
        let start_ns = thread_cpu_ns();
        let mut result = 0;
        for _ in 0..CALLS {
            result = count_natively(&records, black_box(1)).0;
        }
        Ok(Timed { time_ns: thread_cpu_ns() - start_ns, calls: CALLS, result })
    };
    let mut walkers: Vec<(&str, Walker<'_>)> = vec![("Rust, bare store", Box::new(natively))];
    for mode in MODES {
        let mut compiled = Compiled::new(&verified, mode)?;
        let (records, input) = (&records, &input);
        walkers.push((mode.name, Box::new(move |_| compiled.time(records, input, CALLS))));
    }
    let engines = take_turns(&mut walkers, rounds, pairs * CALLS, going)?;
    anyhow::ensure!(reached > 1_000, "the graph hangs together");
    Ok(Walk { name: "friends within 4 hops", step: "pair", engines })
}

/// A million records, more than the caches hold: one chain, and 16 chains side by side.
fn chains(build: &Build, rounds: u32, going: &impl Fn() -> anyhow::Result<()>) -> anyhow::Result<Walk> {
    const COUNT: u64 = 1 << 20;
    const STEPS: u64 = 16_000;
    let records = ring(COUNT);
    let mut dependent = Compiled::new(&build.verified("list.o", "list")?, MODES[0])?;
    let mut beside = Compiled::new(&build.verified("programs.o", "chains")?, MODES[0])?;
    // No round finds what the one before has left in the caches.
    let first = |round: u64, chain: u64| (round * 40_009 + chain * 65_521) % COUNT;
    let one = |round: u64| [first(round, 0).to_le_bytes(), STEPS.to_le_bytes()].concat();
    let many = |round: u64| -> Vec<u8> {
        let keys = (0..16).map(|chain| first(round, chain));
        keys.chain([STEPS / 16]).flat_map(u64::to_le_bytes).collect()
    };
    let forget = |timed: Timed| Timed { result: 0, ..timed };
    let mut walkers: Vec<(&str, Walker<'_>)> = vec![
        ("adit_get, one chain", Box::new(|round| dependent.time(&records, &one(round), 1).map(forget))),
        ("adit_get_many, 16 chains", Box::new(|round| beside.time(&records, &many(round), 1).map(forget))),
    ];
    let engines = take_turns(&mut walkers, rounds, STEPS, going)?;
    Ok(Walk { name: "1,048,576 records", step: "record", engines })
}

/// All walkers in turns; the first round is not kept.
fn take_turns(
    walkers: &mut [(&str, Walker<'_>)],
    rounds: u32,
    steps: u64,
    going: &impl Fn() -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Rounds>> {
    let mut engines: Vec<Rounds> =
        walkers.iter().map(|(name, _)| Rounds { engine: (*name).to_owned(), call_ns: Vec::new() }).collect();
    for round in 0..=u64::from(rounds) {
        going()?;
        let mut first = None;
        for ((name, walk), rounds) in walkers.iter_mut().zip(&mut engines) {
            let timed = walk(round)?;
            let result = *first.get_or_insert(timed.result);
            anyhow::ensure!(result == timed.result, "{name} gives another result");
            if round > 0 {
                rounds.call_ns.push(per(timed.time_ns, steps));
            }
        }
    }
    Ok(engines)
}

/// Records of 16 bytes, each with the key of the next one: one ring in an order that has nothing to do with memory.
fn ring(count: u64) -> Records {
    let mut order: Vec<u64> = (0..count).collect();
    let mut random = Random::new(SEED, 0);
    for place in (1..count).rev() {
        order.swap(index(place), index(random.below(place + 1)));
    }
    let mut records = Records::new(index(count));
    for (place, key) in order.iter().enumerate() {
        let next = order[(place + 1) % order.len()];
        records.put(&key.to_le_bytes(), &[next.to_le_bytes(), 1_u64.to_le_bytes()].concat());
    }
    records
}

/// What `list.c` does, in Rust with the helper that it calls: a function of its own with a key and a view in memory, as it is for C.
fn walk_by_helper(store: &dyn Store, input: &[u8], calls: u64) -> anyhow::Result<Timed> {
    let mut room = Room::new(0);
    let mut call = call_over(black_box(store), &mut room);
    let start_ns = thread_cpu_ns();
    let mut sum = 0;
    for _ in 0..calls {
        let (first, steps) = black_box(input).split_at(8);
        let (mut memory, steps) = (Words { key: word(first).to_le_bytes(), view: None }, word(steps));
        sum = 0_u64;
        for _ in 0..steps {
            look_up(&mut memory, &mut call)
                .map_err(|failure| anyhow::anyhow!("a look-up failed: {failure:?}"))?;
            let Some((next, number)) = memory.view.and_then(|view| view.split_at_checked(8)) else { break };
            sum = sum.wrapping_add(word(number));
            memory.key = word(next).to_le_bytes();
        }
    }
    Ok(Timed { time_ns: thread_cpu_ns() - start_ns, calls, result: sum })
}

#[inline(never)]
fn look_up<'s>(memory: &mut Words<'s>, call: &mut Call<'s>) -> Result<u64, Failure> {
    Get::call([0, 8, 0, 0, 0], memory, call)
}

/// The memory of [`walk_by_helper`]: a key and the view that comes back.
struct Words<'s> {
    key: [u8; 8],
    view: Option<&'s [u8]>,
}

impl<'s> Memory<'s> for Words<'s> {
    #[inline]
    fn read(&self, _place: Place) -> Result<&[u8], Failure> {
        Ok(&self.key)
    }

    fn write(&mut self, place: Place) -> Result<&mut [u8], Failure> {
        Err(Failure::Argument(place.argument))
    }

    fn read_and_write<const N: usize>(
        &mut self,
        _read: [Place; N],
        write: Place,
    ) -> Result<([&[u8]; N], &mut [u8]), Failure> {
        Err(Failure::Argument(write.argument))
    }

    fn copy(&mut self, _from: Place, to: Place) -> Result<(), Failure> {
        Err(Failure::Argument(to.argument))
    }

    #[inline]
    fn write_view(&mut self, _place: Place, view: Option<&'s [u8]>) -> Result<(), Failure> {
        self.view = view;
        Ok(())
    }
}

/// What `list.c` does, in Rust on the store itself.
fn walk_natively(store: &dyn Store, input: &[u8], calls: u64) -> Timed {
    // The compiler must not see through the store: it does not for compiled functions either.
    let store = black_box(store);
    let start_ns = thread_cpu_ns();
    let mut sum = 0;
    for _ in 0..calls {
        let (first, steps) = black_box(input).split_at(8);
        let (mut key, steps) = (word(first), word(steps));
        sum = 0_u64;
        for _ in 0..steps {
            let Ok(Some(found)) = store.get(&key.to_le_bytes(), 0) else { break };
            let Some((next, number)) = found.bytes.split_at_checked(8) else { break };
            sum = sum.wrapping_add(word(number));
            key = word(next);
        }
    }
    Timed { time_ns: thread_cpu_ns() - start_ns, calls, result: sum }
}

/// What `friends.c` does, in Rust on the store itself; and how many pairs it has looked at.
fn count_natively(store: &dyn Store, first: u32) -> (u64, u64) {
    let store = black_box(store);
    let (mut queue, mut seen) = (vec![first], [0_u64; 64]);
    seen[first as usize / 64] |= 1 << (first % 64);
    let (mut head, mut pairs) = (0, 0);
    for _ in 0..HOPS {
        let level_end = queue.len();
        while head < level_end {
            let level = &queue[head..level_end.min(head + 16)];
            head += level.len();
            let keys: Vec<u8> = level.iter().flat_map(|person| person.to_le_bytes()).collect();
            let mut views = [None; 16];
            let views = &mut views[..keys.len() / 4];
            if store.get_many(&keys, 4, views).is_err() {
                break;
            }
            for friend in views.iter().flatten().flat_map(|friends| friends.as_chunks::<4>().0) {
                let friend = u32::from_le_bytes(*friend);
                let (word, bit) = (&mut seen[friend as usize / 64], 1 << (friend % 64));
                pairs += 1;
                if *word & bit == 0 {
                    *word |= bit;
                    queue.push(friend);
                }
            }
        }
    }
    (queue.len() as u64 - 1, pairs)
}

/// A graph as large as the public ego-Facebook one: 4,039 people, 88,234 friendships, more for those who have some already.
fn graph() -> Vec<Vec<u32>> {
    const PEOPLE: u64 = 4_039;
    const FRIENDSHIPS: usize = 88_234;
    let mut random = Random::new(SEED, 1);
    let mut pairs = BTreeSet::new();
    let mut ends: Vec<u64> = Vec::new();
    // Everybody knows somebody.
    for person in 1..PEOPLE {
        pairs.insert((random.below(person), person));
    }
    ends.extend(pairs.iter().flat_map(|(one, other)| [*one, *other]));
    while pairs.len() < FRIENDSHIPS {
        let one = random.below(PEOPLE);
        let other = ends[index(random.below(ends.len() as u64))];
        if one != other && pairs.insert((one.min(other), one.max(other))) {
            ends.extend([one, other]);
        }
    }
    let mut graph = vec![Vec::new(); index(PEOPLE)];
    for (one, other) in pairs {
        let number = |person: u64| u32::try_from(person).expect("people are few");
        graph[index(one)].push(number(other));
        graph[index(other)].push(number(one));
    }
    graph
}

fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Hops of the count of friends.
const HOPS: u32 = 4;
/// Seed of rings and graphs.
const SEED: u64 = 1;
