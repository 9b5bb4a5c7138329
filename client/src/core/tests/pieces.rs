//! Values that are written and read in pieces.

use adit_drivers::sim::Random;
use adit_wire::kv::BucketId;

use super::world::{Faults, PATIENCE_NS, World};
use super::{BAD, CoreConfig, Moods, Transport, bytes, value};
use crate::answer::{Answer, Ticket};
use crate::core::ReadHead;
use crate::error::{Caller, Error, State, Uncertain, Unreachable};
use crate::operation::{KeyAction, Operation};

const GAVE_UP: Error = Error::Unreachable(Unreachable::GaveUp);
/// More than is kept of a value.
const LONG: u32 = 5 << 20;

/// Short ones as often as long ones, up to 2 MiB.
fn any_length(random: &mut Random) -> usize {
    let most = 1 << random.below(22);
    random.index(most)
}

fn put(key: &str) -> Operation {
    Operation::on_key(BucketId(0), key, KeyAction::put(Vec::new()))
}

fn begin_write(world: &mut World, key: &str, len: usize) -> Ticket {
    world.core.begin_write(put(key), len as u64, world.now_ns + PATIENCE_NS).unwrap()
}

fn begin_read(world: &mut World, key: &str) -> Ticket {
    let get = Operation::on_key(BucketId(0), key, KeyAction::Get);
    world.core.begin_read(get, world.now_ns + PATIENCE_NS).unwrap()
}

/// Gives a piece, and waits until it is taken.
fn write(world: &mut World, ticket: Ticket, mut piece: &[u8]) -> Result<(), Error> {
    for _ in 0..1_000_000 {
        let taken = world.core.write(ticket, piece, world.now_ns + PATIENCE_NS)?;
        world.core.assert_bounded();
        piece = &piece[taken..];
        if piece.is_empty() {
            return Ok(());
        }
        world.turn();
    }
    panic!("stalled: {:?}", world.core.counters());
}

fn finish(world: &mut World, ticket: Ticket) -> Result<Answer, Error> {
    world.core.finish_write(ticket, world.now_ns + PATIENCE_NS)?;
    for _ in 0..1_000_000 {
        if let Some(result) = world.core.written(ticket) {
            return result;
        }
        world.turn();
    }
    panic!("stalled: {:?}", world.core.counters());
}

fn write_all(world: &mut World, key: &str, value: &[u8], random: &mut Random) -> Result<Answer, Error> {
    let ticket = begin_write(world, key, value.len());
    let mut given = 0;
    while given < value.len() {
        let end = value.len().min(given + 1 + any_length(random));
        write(world, ticket, &value[given..end])?;
        given = end;
    }
    finish(world, ticket)
}

fn head(world: &mut World, ticket: Ticket) -> Result<ReadHead, Error> {
    for _ in 0..1_000_000 {
        if let Some(head) = world.core.read_head(ticket)? {
            return Ok(head);
        }
        world.turn();
    }
    panic!("stalled: {:?}", world.core.counters());
}

/// Reads until `most` bytes have come, or the end.
fn read(world: &mut World, ticket: Ticket, random: &mut Random, most: usize) -> Result<Vec<u8>, Error> {
    let (mut found, mut out) = (Vec::new(), vec![0; 4 << 20]);
    for _ in 0..1_000_000 {
        let room = (1 + any_length(random)).min(most - found.len());
        match world.core.read(ticket, &mut out[..room], world.now_ns + PATIENCE_NS)? {
            Some(0) => return Ok(found),
            Some(count) => found.extend_from_slice(&out[..count]),
            None => world.turn(),
        }
        world.core.assert_bounded();
        if found.len() == most {
            return Ok(found);
        }
    }
    panic!("stalled: {:?}", world.core.counters());
}

fn read_all(world: &mut World, key: &str, random: &mut Random) -> Result<Vec<u8>, Error> {
    let ticket = begin_read(world, key);
    let head = head(world, ticket)?;
    let value = read(world, ticket, random, usize::MAX)?;
    assert_eq!(head.len_bytes, value.len() as u64);
    Ok(value)
}

fn configs() -> [CoreConfig; 2] {
    [Transport::Datagram, Transport::Stream]
        .map(|transport| CoreConfig { transport, ..CoreConfig::default() })
}

fn world(seed: u64, shards: u16, config: CoreConfig) -> World {
    let is_stream = config.transport == Transport::Stream;
    let mut world = World::new(seed, shards, config);
    world.server.frame_bytes = if is_stream { 16 << 10 } else { 1_472 };
    world
}

/// A world in which all runs well.
fn quiet(config: CoreConfig) -> World {
    world(1, 1, config)
}

#[test]
fn values_in_pieces_go_and_come_on_a_bad_network() {
    for seed in 0..10 {
        for config in configs() {
            let is_stream = config.transport == Transport::Stream;
            let mut world = world(seed, 2, config);
            world.faults = if is_stream { Faults { move_one_in: 500, ..Faults::default() } } else { BAD };
            world.faults.move_one_in = if seed % 2 == 0 { 0 } else { 500 };
            world.server.moods = Moods { busy_one_in: 50, ..Moods::default() };
            let mut random = Random::new(seed);
            let len = if is_stream { LONG } else { 400_000 } + u32::try_from(seed).unwrap();
            let long = value(len);
            let written = write_all(&mut world, "long", &long, &mut random);
            assert!(matches!(written, Ok(Answer::Version(_))), "seed {seed}: {written:?}");
            assert!(world.server.store[&b"long"[..]].1 == long, "seed {seed}");
            assert!(read_all(&mut world, "long", &mut random) == Ok(long), "seed {seed}");
            world.wait(4_000_000_000);
            assert_eq!((world.server.records.len(), world.server.upload_count()), (0, 0), "seed {seed}");
            assert_eq!(world.core.in_flight(), 0);
        }
    }
}

#[test]
fn values_of_any_length_come_back() {
    for config in configs() {
        let mut world = quiet(config);
        let mut random = Random::new(1);
        for len in [0, 1, 1_300, 1_400, 1_416, 1_417, 2_900, 16_295, 16_296, 16_297, 40_000, 2 << 20] {
            let value = value(len);
            assert!(write_all(&mut world, "key", &value, &mut random).is_ok(), "{len} bytes");
            assert!(read_all(&mut world, "key", &mut random) == Ok(value), "{len} bytes");
        }
        let none = begin_read(&mut world, "none");
        assert_eq!(head(&mut world, none), Err(Error::State(State::NotFound)));
        assert_eq!(world.core.read_head(none), Err(Error::Caller(Caller::NoSuchValue)));
    }
}

#[test]
fn several_values_and_other_operations_go_on_at_once() {
    for config in configs() {
        let mut world = quiet(config);
        let mut random = Random::new(2);
        let values = [value(700_000), value(600_000), value(500_000)];
        let tickets = [0, 1, 2].map(|at| begin_write(&mut world, ["a", "b", "c"][at], values[at].len()));
        for start in (0..700_000).step_by(50_000) {
            for (ticket, value) in tickets.iter().zip(&values) {
                let piece = &value[start.min(value.len())..value.len().min(start + 50_000)];
                write(&mut world, *ticket, piece).unwrap();
            }
            assert!(world.ask("sum", KeyAction::Add(1)).is_ok());
        }
        assert!(!world.server.store.contains_key(&b"a"[..]), "nothing is written before the end");
        tickets.iter().for_each(|ticket| assert!(finish(&mut world, *ticket).is_ok()));
        let tickets = ["a", "b", "c"].map(|key| begin_read(&mut world, key));
        tickets.iter().for_each(|ticket| assert!(head(&mut world, *ticket).is_ok()));
        let starts = tickets.map(|ticket| read(&mut world, ticket, &mut random, 100_000).unwrap());
        assert_eq!(world.ask("sum", KeyAction::Add(1)), Ok(Answer::Sum(15)));
        for ((start, ticket), value) in starts.iter().zip(tickets).zip(&values) {
            let rest = read(&mut world, ticket, &mut random, usize::MAX).unwrap();
            assert!([&start[..], &rest].concat() == *value);
        }
    }
}

#[test]
fn who_takes_his_time_sends_nothing_and_goes_on() {
    for config in configs() {
        let mut world = quiet(config);
        let mut random = Random::new(3);
        let long = value(LONG);
        let ticket = world.core.begin_write(put("long"), u64::from(LONG), world.now_ns + 5_000_000_000);
        let ticket = ticket.unwrap();
        for piece in long.chunks(2_000_000) {
            write(&mut world, ticket, piece).unwrap();
            world.wait(1_000_000_000);
            let sent = world.core.counters().frames_sent;
            world.wait(100_000_000_000);
            assert!(world.core.counters().frames_sent <= sent + 12, "only RENEW, every 10 s");
        }
        assert!(finish(&mut world, ticket).is_ok());
        let ticket = begin_read(&mut world, "long");
        head(&mut world, ticket).unwrap();
        let mut found = Vec::new();
        while found.len() < long.len() {
            found.extend(
                read(&mut world, ticket, &mut random, 1_500_000.min(long.len() - found.len())).unwrap(),
            );
            world.wait(1_000_000_000);
            let sent = world.core.counters().frames_sent;
            world.wait(100_000_000_000);
            assert!(world.core.counters().frames_sent <= sent + 12, "only RENEW, every 10 s");
        }
        assert!(found == long);
        assert_eq!(world.core.counters().timeouts, 0);
    }
}

#[test]
fn a_shard_that_does_not_answer_is_waited_for_until_the_deadline() {
    let mut world = quiet(CoreConfig::default());
    assert!(world.ask("key", KeyAction::Add(1)).is_ok());
    world.faults.cut = world.server.map.addresses.first().copied();
    let deadline = Err(Error::Unreachable(Unreachable::Deadline));
    let ticket = begin_write(&mut world, "long", 100_000);
    world.core.write(ticket, &[1; 50_000], world.now_ns + 1_000_000_000).unwrap();
    world.wait(500_000_000);
    world.core.write(ticket, &[1; 1], world.now_ns + 1_000_000_000).unwrap();
    world.wait(900_000_000);
    assert_eq!(world.core.in_flight(), 1, "each piece sets the deadline");
    world.wait(200_000_000);
    assert_eq!(world.core.write(ticket, &[1; 1], u64::MAX).map(drop), deadline);
    assert_eq!(world.core.write(ticket, &[1; 1], u64::MAX), Err(Error::Caller(Caller::NoSuchValue)));
    // With its end it may be written.
    let ticket = begin_write(&mut world, "short", 100);
    world.core.write(ticket, &[1; 100], world.now_ns + PATIENCE_NS).unwrap();
    world.core.finish_write(ticket, world.now_ns + 1_000_000_000).unwrap();
    world.wait(2_000_000_000);
    assert_eq!(world.core.written(ticket), Some(Err(Error::Uncertain(Uncertain::Deadline))));
}

#[test]
fn a_shard_that_gives_up_in_the_middle_is_told_of() {
    for config in configs() {
        for forget in [World::forget_uploads, World::forget_all] {
            for (faults, is_ordered) in [(Faults::default(), true), (BAD, false)] {
                if !is_ordered && config.transport == Transport::Stream {
                    continue;
                }
                let mut world = world(4, 1, config.clone());
                world.faults = faults;
                let ticket = begin_write(&mut world, "long", 1_000_000);
                write(&mut world, ticket, &[7; 500_000]).unwrap();
                world.wait(10_000_000_000);
                forget(&mut world);
                let rest = write(&mut world, ticket, &[7; 500_000]);
                let result = rest.and_then(|()| finish(&mut world, ticket));
                assert_eq!(result, Err(GAVE_UP), "{:?}", config.transport);
                assert!(world.server.store.is_empty());
                assert_eq!((world.core.kept_bytes(), world.core.in_flight()), (0, 0));
            }
        }
    }
}

#[test]
fn a_value_whose_key_moves_in_the_middle_is_not_written_and_can_be_written_again() {
    for config in configs() {
        for seed in 0..10 {
            let mut world = world(seed, 2, config.clone());
            let ticket = begin_write(&mut world, "long", 1_000_000);
            write(&mut world, ticket, &[7; 500_000]).unwrap();
            world.wait(1_000_000_000);
            let owner = world.server.map.owner(b"long");
            while world.server.map.owner(b"long") == owner {
                world.server.draw_map();
            }
            // Nobody tells of the other map before the refusal does.
            world.server.map.epoch = 1;
            write(&mut world, ticket, &[7; 500_000]).unwrap();
            assert_eq!(finish(&mut world, ticket), Err(GAVE_UP), "seed {seed}");
            assert!(world.server.store.is_empty());
            // The map has come since.
            world.wait(1_000_000_000);
            assert_eq!(world.core.counters().map_refreshes, 2);
            let again = write_all(&mut world, "long", &value(1_000_000), &mut Random::new(seed));
            assert!(matches!(again, Ok(Answer::Version(_))), "seed {seed}: {again:?}");
            assert_eq!(world.core.counters().wrong_shards, 1);
        }
    }
}

#[test]
fn a_shard_that_forgets_before_anything_was_dropped_gets_all_again() {
    for config in configs() {
        let mut world = world(5, 1, config);
        let ticket = begin_write(&mut world, "key", 1_000);
        write(&mut world, ticket, &[7; 500]).unwrap();
        world.wait(1_000_000_000);
        world.forget_all();
        world.wait(60_000_000_000);
        write(&mut world, ticket, &[7; 500]).unwrap();
        assert!(finish(&mut world, ticket).is_ok());
    }
}

#[test]
fn a_reply_that_is_lost_in_the_middle_is_told_of() {
    for config in configs() {
        let mut world = quiet(config);
        assert!(world.ask("long", KeyAction::put(value(LONG))).is_ok());
        let ticket = begin_read(&mut world, "long");
        assert_eq!(head(&mut world, ticket).unwrap().len_bytes, u64::from(LONG));
        read(&mut world, ticket, &mut Random::new(1), 100_000).unwrap();
        world.forget_all();
        let rest = read(&mut world, ticket, &mut Random::new(1), usize::MAX);
        assert_eq!(rest, Err(GAVE_UP));
        assert_eq!(world.core.in_flight(), 0);
    }
}

#[test]
fn nothing_is_written_without_its_end_or_with_another_length() {
    for config in configs() {
        let mut world = quiet(config);
        let wrong = Err(Error::Caller(Caller::WrongLength));
        for len in [100, 100_000] {
            let ticket = begin_write(&mut world, "key", len);
            write(&mut world, ticket, &vec![7; len]).unwrap();
            world.wait(1_000_000_000);
            assert_eq!(world.core.write(ticket, &[7], u64::MAX), wrong);
            world.core.abandon(ticket);
            let ticket = begin_write(&mut world, "key", len);
            write(&mut world, ticket, &vec![7; len - 1]).unwrap();
            assert_eq!(world.core.finish_write(ticket, u64::MAX), wrong.map(drop));
            assert_eq!(world.core.finish_write(ticket, u64::MAX), Err(Error::Caller(Caller::NoSuchValue)));
        }
        let reader = {
            assert!(world.ask("long", KeyAction::put(value(3_000_000))).is_ok());
            begin_read(&mut world, "long")
        };
        head(&mut world, reader).unwrap();
        world.core.abandon(reader);
        world.wait(4_000_000_000);
        assert_eq!((world.server.records.len(), world.server.upload_count()), (0, 0), "the shard was told");
        assert!(!world.server.store.contains_key(&b"key"[..]));
        assert_eq!((world.core.kept_bytes(), world.core.in_flight()), (0, 0));
    }
}

#[test]
fn conditions_and_closing_hold_for_pieces() {
    let mut world = quiet(CoreConfig::default());
    assert!(world.ask("key", KeyAction::put(&b"old"[..])).is_ok());
    let mut options = put("key");
    if let Operation::Key { action: KeyAction::Put { condition, .. }, .. } = &mut options {
        *condition = adit_wire::native::request::Condition::IfAbsent;
    }
    let ticket = world.core.begin_write(options, 50_000, world.now_ns + PATIENCE_NS).unwrap();
    write(&mut world, ticket, &[1; 50_000]).unwrap();
    let failed = Error::State(State::ConditionFailed { version: 1 });
    assert_eq!(finish(&mut world, ticket), Err(failed));
    assert_eq!(bytes(world.ask("key", KeyAction::Get)), b"old");
    let too_long = world.core.begin_write(put("key"), (512 << 20) + 1, u64::MAX);
    assert_eq!(too_long.unwrap_err().error, Error::Caller(Caller::ValueTooLong));
    let ticket = begin_write(&mut world, "key", 10);
    world.core.close();
    assert_eq!(world.core.write(ticket, &[1; 10], u64::MAX), Err(Error::Caller(Caller::Closed)));
}
