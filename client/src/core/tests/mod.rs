//! The core against a plain server, over a bad network, in virtual time.

mod hostile;
mod pieces;
pub(crate) mod server;
mod sessions;
mod steering;
mod uploads;
mod world;

use adit_wire::kv::BucketId;

use super::{CoreConfig, Counters, Transport};
use crate::answer::Answer;
use crate::error::{Caller, Error, State, Uncertain, Unreachable};
use crate::operation::{KeyAction, Operation};
use server::Moods;
use world::{Faults, PATIENCE_NS, World};

const BAD: Faults =
    Faults { lose_one_in: 10, double_one_in: 10, delay_ns: 0, jitter_ns: 300_000, move_one_in: 0, cut: None };
const COUNTERS: [&str; 4] = ["a", "b", "c", "{a}d"];

/// Random adds and appends with some reads between, many at a time; what was done is what is stored.
fn adds_and_appends_sum_up(mut world: World, count: u64) -> World {
    let mut random = adit_drivers::sim::Random::new(world.seed);
    let (mut sums, mut tails, mut tickets) = ([0; COUNTERS.len()], Vec::new(), Vec::new());
    for step in 0..count {
        let place = random.index(COUNTERS.len());
        let action = match random.below(4) {
            0 => KeyAction::Get,
            1 => {
                tails.push(step);
                KeyAction::Append(format!("{step},").into_bytes().into())
            }
            _ => {
                sums[place] += i64::try_from(step).unwrap();
                KeyAction::Add(i64::try_from(step).unwrap())
            }
        };
        let key = if matches!(action, KeyAction::Append(_)) { "tails" } else { COUNTERS[place] };
        tickets.push(world.on_key(key, action));
        world.run(|world| world.core.in_flight() < 32);
    }
    for ticket in tickets {
        match world.result(ticket) {
            Ok(_) | Err(Error::State(State::NotFound)) => {}
            Err(error) => panic!("seed {}: {error}", world.seed),
        }
    }
    let stored = |key: &str| world.server.store.get(key.as_bytes()).map(|(_, value)| value.clone());
    for (key, sum) in COUNTERS.iter().zip(sums) {
        let text = stored(key).unwrap_or_else(|| b"0".to_vec());
        assert_eq!(String::from_utf8(text).unwrap(), sum.to_string(), "seed {}, {key}", world.seed);
    }
    let text = String::from_utf8(stored("tails").unwrap_or_default()).unwrap();
    let mut stored: Vec<u64> = text.split_terminator(',').map(|tail| tail.parse().unwrap()).collect();
    stored.sort_unstable();
    assert_eq!(stored, tails, "seed {}", world.seed);
    world
}

fn value(len: u32) -> Vec<u8> {
    (0..len).map(|index| u8::try_from(index.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect()
}

fn bytes(result: Result<Answer, Error>) -> Vec<u8> {
    match result {
        Ok(Answer::Value(value)) => value.into_vec(),
        other => panic!("no value: {other:?}"),
    }
}

#[test]
fn writes_are_applied_once_on_a_bad_network() {
    for seed in 0..40 {
        let mut world = World::new(seed, 3, CoreConfig::default());
        world.faults = BAD;
        let world = adds_and_appends_sum_up(world, 300);
        assert!(world.core.counters().retransmissions > 0);
    }
}

#[test]
fn writes_are_applied_once_while_clients_move_shards_are_busy_and_maps_change() {
    let mut seen = Counters::default();
    for seed in 0..40 {
        let mut world = World::new(seed, 4, CoreConfig::default());
        world.faults = Faults { move_one_in: 200, ..BAD };
        world.server.moods = Moods { busy_one_in: 5, new_map_one_in: 300, ..Moods::default() };
        let world = adds_and_appends_sum_up(world, 300);
        let counters = world.core.counters();
        seen.busies += counters.busies;
        seen.wrong_shards += counters.wrong_shards;
        seen.map_refreshes += counters.map_refreshes - 1;
    }
    assert!(seen.busies > 1_000 && seen.wrong_shards > 100 && seen.map_refreshes > 20, "{seen:?}");
}

#[test]
fn writes_are_applied_once_over_streams_that_end() {
    let mut opens = 0;
    for seed in 0..40 {
        let config = CoreConfig { transport: Transport::Stream, ..CoreConfig::default() };
        let mut world = World::new(seed, 3, config);
        world.faults = Faults { move_one_in: 100, ..Faults::default() };
        world.server.moods = Moods { busy_one_in: 10, ..Moods::default() };
        let world = adds_and_appends_sum_up(world, 300);
        assert_eq!(world.core.counters().retransmissions, 0);
        opens += world.core.counters().opens;
    }
    assert!(opens > 150, "{opens}");
}

#[test]
fn a_seed_replays_a_run() {
    let run = |seed| {
        let mut world = World::new(seed, 3, CoreConfig::default());
        world.faults = BAD;
        let world = adds_and_appends_sum_up(world, 100);
        (world.now_ns, world.core.counters())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn long_values_go_and_come_on_a_bad_network() {
    for seed in 0..20 {
        let mut world = World::new(seed, 2, CoreConfig::default());
        world.faults = Faults { move_one_in: if seed % 2 == 0 { 0 } else { 500 }, ..BAD };
        let long = value(200_000 + u32::try_from(seed).unwrap());
        let put = world.on_key("long", KeyAction::put(long.clone()));
        let short = world.on_key("short", KeyAction::put(&b"s"[..]));
        assert!(matches!(world.result(short), Ok(Answer::Version(_))));
        let put = world.result(put);
        assert!(matches!(put, Ok(Answer::Version(_))), "seed {seed}: {put:?}");
        assert!(bytes(world.ask("long", KeyAction::Get)) == long, "seed {seed}");
        let append = KeyAction::Append(long.clone().into());
        assert_eq!(world.ask("long", append), Ok(Answer::Length(2 * long.len() as u64)));
        assert!(bytes(world.ask("long", KeyAction::Take)) == [&long[..], &long].concat(), "seed {seed}");
        assert_eq!(world.ask("long", KeyAction::Get), Err(Error::State(State::NotFound)));
    }
}

#[test]
fn long_values_cross_streams_that_end() {
    for seed in 0..10 {
        let config = CoreConfig { transport: Transport::Stream, ..CoreConfig::default() };
        let mut world = World::new(seed, 2, config);
        world.server.frame_bytes = 16 << 10;
        world.faults = Faults { move_one_in: 100, ..Faults::default() };
        let long = value(3_000_000);
        let put = world.ask("long", KeyAction::put(long.clone()));
        assert!(matches!(put, Ok(Answer::Version(_))), "seed {seed}: {put:?}");
        assert!(bytes(world.ask("long", KeyAction::Get)) == long, "seed {seed}");
    }
}

#[test]
fn a_reply_that_was_on_its_way_when_a_stream_ended_is_asked_for_again() {
    let config = CoreConfig { transport: Transport::Stream, ..CoreConfig::default() };
    let mut world = World::new(1, 1, config);
    world.server.frame_bytes = 16 << 10;
    let long = value(1_000_000);
    assert!(world.ask("long", KeyAction::put(long.clone())).is_ok());
    let get = world.on_key("long", KeyAction::Get);
    // It is sent; it arrives, and the first segments go out.
    world.turn();
    world.turn();
    world.move_after_a_frame();
    assert!(bytes(world.result(get)) == long);
}

#[test]
fn every_operation_has_its_answer() {
    let mut world = World::new(1, 3, CoreConfig::default());
    world.faults = BAD;
    let bucket = BucketId(0);
    let pairs = (0..200).map(|key| (format!("key {key}"), "x".repeat(key))).collect();
    let put = world.submit(Operation::MultiPut { bucket, pairs, if_absent: true }, PATIENCE_NS);
    assert_eq!(world.result(put), Ok(Answer::Done));
    let pairs = [("key 1", "y")].into_iter().collect();
    let put = world.submit(Operation::MultiPut { bucket, pairs, if_absent: true }, PATIENCE_NS);
    assert_eq!(world.result(put), Err(Error::State(State::ConditionFailed { version: 0 })));
    let keys = (0..201).map(|key| format!("key {key}")).collect();
    let get = world.submit(Operation::MultiGet { bucket, keys }, PATIENCE_NS);
    let Ok(Answer::Values(values)) = world.result(get) else { panic!("these are values") };
    let lengths: Vec<_> = values.iter().map(|value| value.map(<[u8]>::len)).collect();
    assert_eq!(lengths, (0..200).map(Some).chain([None]).collect::<Vec<_>>());
    let mut found = Vec::new();
    for shard in 0..3 {
        let mut cursor = 0;
        loop {
            let scan = Operation::Scan { shard, bucket, keys_max: 7, cursor };
            let scan = world.submit(scan, PATIENCE_NS);
            let Ok(Answer::Keys { cursor: next, keys }) = world.result(scan) else {
                panic!("these are keys")
            };
            found.extend(keys.iter().flatten().map(<[u8]>::to_vec));
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
    }
    assert_eq!(found.len(), 200);
    let stats = world.submit(Operation::Stats { shard: 2 }, PATIENCE_NS);
    assert_eq!(world.result(stats), Ok(Answer::Stats("shard 2\n".into())));
    let stats = world.submit(Operation::Stats { shard: 3 }, PATIENCE_NS);
    assert_eq!(world.result(stats), Err(Error::Caller(Caller::NoSuchShard)));
    assert_eq!(world.ask("key 1", KeyAction::Add(1)), Err(Error::State(State::NotAnInteger)));
    assert_eq!(world.ask("key 1", KeyAction::Delete), Ok(Answer::Done));
    assert_eq!(world.ask("key 1", KeyAction::Touch(5)), Err(Error::State(State::NotFound)));
}

#[test]
fn a_window_is_full_until_completions_are_fetched() {
    let mut world = World::new(1, 1, CoreConfig { window: 4, ..CoreConfig::default() });
    let get = || Operation::on_key(BucketId(0), "key", KeyAction::Get);
    for _ in 0..4 {
        world.submit(get(), PATIENCE_NS);
    }
    let refused = world.core.submit(get(), PATIENCE_NS).unwrap_err();
    assert_eq!(refused.error, Error::Caller(Caller::Full));
    world.run(|world| world.results.len() == 4);
    world.submit(refused.operation, PATIENCE_NS);
}

#[test]
fn what_is_not_answered_in_time_is_uncertain_only_if_it_may_be_done() {
    let mut world = World::new(1, 1, CoreConfig::default());
    let early = world.submit(Operation::on_key(BucketId(0), "key", KeyAction::Delete), 1_000);
    assert_eq!(world.result(early), Err(Error::Unreachable(Unreachable::Deadline)), "it was never sent");
    assert_eq!(world.ask("key", KeyAction::Add(1)), Ok(Answer::Sum(1)));
    world.faults.cut = world.server.map.addresses.first().copied();
    let patience_ns = 3_000_000_000;
    let now_ns = world.now_ns;
    let add = world.submit(Operation::on_key(BucketId(0), "key", KeyAction::Add(1)), patience_ns);
    let get = world.submit(Operation::on_key(BucketId(0), "key", KeyAction::Get), patience_ns);
    assert_eq!(world.result(add), Err(Error::Uncertain(Uncertain::Deadline)));
    assert_eq!(world.result(get), Err(Error::Unreachable(Unreachable::Deadline)));
    assert_eq!(world.now_ns, now_ns + patience_ns);
    assert_eq!(world.core.counters().timeouts, 3);
    world.faults.cut = None;
    assert_eq!(bytes(world.ask("key", KeyAction::Get)), b"1");
}

#[test]
fn a_dead_shard_does_not_stop_the_others() {
    let mut world = World::new(3, 2, CoreConfig::default());
    assert_eq!(world.ask("key", KeyAction::Add(1)), Ok(Answer::Sum(1)));
    let key_of = |world: &World, shard| {
        (0..)
            .map(|key: u32| key.to_string())
            .find(|key| world.server.map.owner(key.as_bytes()) == shard)
            .unwrap()
    };
    let (alive, dead) = (key_of(&world, 0), key_of(&world, 1));
    world.faults.cut = world.server.map.addresses.last().copied();
    let stuck = world.on_key(&dead, KeyAction::Get);
    for step in 1..2_000 {
        assert_eq!(world.ask(&alive, KeyAction::Add(1)), Ok(Answer::Sum(step)), "before it has a number");
    }
    world.faults.cut = None;
    assert_eq!(world.result(stuck), Err(Error::State(State::NotFound)));
}

#[test]
fn a_shard_that_is_always_busy_has_done_nothing() {
    let mut world = World::new(1, 1, CoreConfig::default());
    world.wait(1_000_000);
    world.server.moods.busy_one_in = 1;
    let get = world.submit(Operation::on_key(BucketId(0), "key", KeyAction::Get), 100_000_000);
    assert_eq!(world.result(get), Err(Error::State(State::Busy)));
    assert!((5..15).contains(&world.core.counters().busies), "{:?}", world.core.counters());
}

#[test]
fn a_reply_that_is_too_long_is_not_taken() {
    let mut world = World::new(1, 1, CoreConfig { reply_bytes_max: 10_000, ..CoreConfig::default() });
    assert!(world.ask("key", KeyAction::put(value(20_000))).is_ok());
    assert_eq!(world.ask("key", KeyAction::Get), Err(Error::Caller(Caller::ReplyTooLong)));
    assert!(world.ask("key", KeyAction::put(value(9_000))).is_ok());
    assert_eq!(bytes(world.ask("key", KeyAction::Get)).len(), 9_000);
}
