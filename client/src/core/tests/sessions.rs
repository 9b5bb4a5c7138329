//! Sessions: opened, refused, renewed, lost and closed.

use adit_wire::kv::BucketId;

use super::world::{Faults, PATIENCE_NS, World};
use super::{BAD, CoreConfig, Moods, bytes, value};
use crate::answer::Answer;
use crate::error::{Caller, Error, Uncertain, Unreachable};
use crate::operation::{KeyAction, Operation};

#[test]
fn a_wrong_password_ends_all() {
    let mut world = World::new(1, 1, CoreConfig { password: b"guess".to_vec(), ..CoreConfig::default() });
    world.server.password = b"secret".to_vec();
    let refused = Error::Caller(Caller::BadCredentials);
    assert_eq!(world.ask("key", KeyAction::Add(1)), Err(refused));
    let again = world.core.submit(Operation::Stats { shard: 0 }, u64::MAX).unwrap_err();
    assert_eq!((again.error, world.core.refused()), (refused, Some(refused)));
    let mut world = World::new(1, 1, CoreConfig { password: b"secret".to_vec(), ..CoreConfig::default() });
    world.server.password = b"secret".to_vec();
    assert_eq!(world.ask("key", KeyAction::Add(1)), Ok(Answer::Sum(1)));
}

#[test]
fn a_silent_session_lives_on() {
    let mut world = World::new(1, 1, CoreConfig::default());
    assert_eq!(world.ask("key", KeyAction::Add(1)), Ok(Answer::Sum(1)));
    let sent = world.core.counters().frames_sent;
    world.wait(100_000_000_000);
    assert_eq!(world.core.counters().frames_sent, sent + 9, "every 10 s of 100");
}

#[test]
fn a_client_that_rested_asks_for_its_session_before_it_writes() {
    for forgets in [false, true] {
        let mut world = World::new(1, 1, CoreConfig::default());
        assert_eq!(world.ask("key", KeyAction::Add(1)), Ok(Answer::Sum(1)));
        // Nobody calls it meanwhile.
        world.now_ns += 25_000_000_000;
        if forgets {
            world.server.restart();
        }
        assert_eq!(world.ask("key", KeyAction::Add(1)), Ok(Answer::Sum(2)));
    }
}

#[test]
fn a_client_that_rested_with_a_paused_value_asks_for_its_session_before_it_writes() {
    for forgets in [false, true] {
        let mut world = World::new(1, 1, CoreConfig::default());
        assert_eq!(world.ask("key", KeyAction::Add(1)), Ok(Answer::Sum(1)));
        let put = Operation::on_key(BucketId(0), "long", KeyAction::put(Vec::new()));
        let ticket = world.core.begin_write(put, 30_000, world.now_ns + PATIENCE_NS).unwrap();
        assert_eq!(world.core.write(ticket, &[7; 20_000], world.now_ns + PATIENCE_NS), Ok(20_000));
        world.wait(1_000_000_000);
        world.now_ns += 65_000_000_000;
        if forgets {
            world.server.restart();
        }
        assert_eq!(world.ask("key", KeyAction::Add(1)), Ok(Answer::Sum(2)));
        let rest = world.core.write(ticket, &[7; 10_000], world.now_ns + PATIENCE_NS);
        let lost = Err(Error::Unreachable(Unreachable::GaveUp));
        assert_eq!(rest, if forgets { lost } else { Ok(10_000) });
    }
}

#[test]
fn sessions_live_on_behind_a_paused_value() {
    let mut world = World::new(1, 2, CoreConfig::default());
    let put = Operation::on_key(BucketId(0), "long", KeyAction::put(Vec::new()));
    let ticket = world.core.begin_write(put, 30_000, world.now_ns + PATIENCE_NS).unwrap();
    assert_eq!(world.core.write(ticket, &[7; 20_000], world.now_ns + PATIENCE_NS), Ok(20_000));
    world.wait(1_000_000_000);
    // As many as there are numbers for, at both shards.
    for key in 0..950 {
        assert_eq!(world.ask(&key.to_string(), KeyAction::Add(1)), Ok(Answer::Sum(1)));
    }
    let before = world.core.counters();
    world.wait(2_000_000_000_000);
    let after = world.core.counters();
    assert_eq!((after.opens, after.sessions_lost), (before.opens, before.sessions_lost));
    let renewals = after.frames_sent - before.frames_sent;
    assert!((390..410).contains(&renewals), "{renewals}: every 10 s at both");
    assert_eq!(world.core.write(ticket, &[7; 10_000], world.now_ns + PATIENCE_NS), Ok(10_000));
    world.core.finish_write(ticket, world.now_ns + PATIENCE_NS).unwrap();
    world.wait(1_000_000_000);
    assert!(matches!(world.core.written(ticket), Some(Ok(Answer::Version(_)))));
}

#[test]
fn a_long_reply_is_acknowledged_in_silence() {
    let mut world = World::new(1, 1, CoreConfig::default());
    world.faults = BAD;
    assert!(world.ask("key", KeyAction::put(value(50_000))).is_ok());
    assert_eq!(bytes(world.ask("key", KeyAction::Get)).len(), 50_000);
    assert_eq!(world.server.records.len(), 1, "the reply is kept");
    world.wait(4_000_000_000);
    assert!(world.server.records.is_empty());
}

#[test]
fn closing_ends_the_session_on_all_shards() {
    let mut world = World::new(1, 3, CoreConfig::default());
    world.faults = BAD;
    for key in 0..20 {
        assert_eq!(world.ask(&key.to_string(), KeyAction::Add(1)), Ok(Answer::Sum(1)));
    }
    assert_eq!(world.server.session_count(), 3);
    let (add, get) = (world.on_key("1", KeyAction::Add(1)), world.on_key("1", KeyAction::Get));
    world.turn();
    world.core.close();
    world.run(|world| world.core.is_closed());
    assert_eq!(world.server.session_count(), 0);
    assert_eq!(world.result(add), Err(Error::Uncertain(Uncertain::Closed)));
    assert_eq!(world.result(get), Err(Error::Caller(Caller::Closed)));
    let late = world.core.submit(Operation::Stats { shard: 0 }, u64::MAX).unwrap_err();
    assert_eq!(late.error, Error::Caller(Caller::Closed));
    assert_eq!(world.core.next_event_ns(), None);
}

/// Adds while sessions are lost: each add that is done is done once, each that is uncertain at most once, and what only
/// reads has its answer.
fn lost_sessions_make_adds_uncertain(seed: u64, faults: Faults, lose: impl Fn(&mut World)) -> u64 {
    let mut world = World::new(seed, 3, CoreConfig::default());
    world.faults = faults;
    let keys = ["a", "b", "c", "d", "e"];
    let (mut adds, mut gets) = (Vec::new(), Vec::new());
    for step in 0..300 {
        let key = keys[step % keys.len()];
        adds.push(world.on_key(key, KeyAction::Add(1)));
        gets.push(world.on_key(key, KeyAction::Get));
        world.run(|world| world.core.in_flight() < 20);
        if step % 60 == 59 {
            lose(&mut world);
        }
    }
    let (mut done, mut uncertain) = (0, 0);
    for ticket in adds {
        match world.result(ticket) {
            Ok(Answer::Sum(_)) => done += 1,
            Err(Error::Uncertain(Uncertain::SessionLost)) => uncertain += 1,
            other => panic!("seed {seed}: {other:?}"),
        }
    }
    for ticket in gets {
        let result = world.result(ticket);
        assert!(matches!(result, Ok(Answer::Value(_)) | Err(Error::State(_))), "seed {seed}: {result:?}");
    }
    let stored = |(_, value): &(u64, Vec<u8>)| String::from_utf8_lossy(value).parse::<u64>().unwrap();
    let sum: u64 = world.server.store.values().map(stored).sum();
    assert!((done..=done + uncertain).contains(&sum), "seed {seed}: {sum} of {done} and {uncertain}");
    uncertain
}

#[test]
fn a_restarted_server_makes_open_writes_uncertain() {
    let uncertain = |faults| -> u64 {
        (0..20)
            .map(|seed| lost_sessions_make_adds_uncertain(seed, faults, |world| world.server.restart()))
            .sum()
    };
    assert!(uncertain(Faults::default()) > 0);
    assert!(uncertain(BAD) > 0);
}

#[test]
fn a_shard_that_forgets_makes_its_open_writes_uncertain() {
    for seed in 0..20 {
        let shard = usize::try_from(seed % 3).unwrap();
        lost_sessions_make_adds_uncertain(seed, BAD, |world| world.server.forget(shard));
    }
}

#[test]
fn a_server_that_restarts_often_answers_at_last() {
    let mut lost = 0;
    for seed in 0..10 {
        let mut world = World::new(seed, 2, CoreConfig::default());
        world.faults = BAD;
        world.server.moods = Moods { restart_one_in: 30, ..Moods::default() };
        for _ in 0..20 {
            assert!(matches!(world.ask("key", KeyAction::Get), Err(Error::State(_))), "seed {seed}");
        }
        lost += world.core.counters().sessions_lost;
    }
    assert!(lost > 10, "{lost}");
}

#[test]
fn a_full_window_opens_again_from_another_address() {
    let mut world = World::new(1, 1, CoreConfig { window: 1_024, ..CoreConfig::default() });
    world.faults = Faults { move_one_in: 20, ..Faults::default() };
    let add = || Operation::on_key(BucketId(0), "key", KeyAction::Add(1));
    for _ in 0..5 {
        let tickets: Vec<_> = (0..1_024).map(|_| world.submit(add(), PATIENCE_NS)).collect();
        tickets.into_iter().for_each(|ticket| assert!(world.result(ticket).is_ok()));
    }
    assert_eq!(world.ask("key", KeyAction::Add(0)), Ok(Answer::Sum(5 * 1_024)));
    assert!(world.core.counters().opens > 1);
}
