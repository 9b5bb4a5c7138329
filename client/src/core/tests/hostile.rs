//! Frames of somebody else: whatever comes, the core does not panic, does not grow, and keeps its promises.

use adit_drivers::sim::Random;
use adit_wire::kv::BucketId;
use adit_wire::native::{Frame, FrameError, HEADER_BYTES, Header, Opcode, Status};

use super::world::World;
use super::{BAD, CoreConfig, adds_and_appends_sum_up, value};
use crate::answer::{Answer, Ticket};
use crate::core::tests::world::PATIENCE_NS;
use crate::error::{Caller, Error};
use crate::operation::{KeyAction, Operation};

/// A well-formed reply with any content, most of it near what is asked for.
fn any_reply(random: &mut Random, near: &Header) -> Vec<u8> {
    let segment: Vec<u8> = (0..random.below(200)).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
    let mut frame = [&[0; HEADER_BYTES][..], &segment].concat();
    let mut any = |value: u64| if random.one_in(2) { value } else { random.bits() >> random.below(64) };
    let low = |value: u64| u32::try_from(value & 0xFFFF_FFFF).unwrap();
    let header = Header {
        session: any(near.session),
        request: any(near.request),
        oldest: any(near.oldest),
        map_epoch: any(near.map_epoch),
        total_bytes: low(any(u64::from(near.total_bytes))),
        offset: low(any(u64::from(near.offset))),
        credits: u16::try_from(any(8) & 0xFFFF).unwrap(),
        opcode: Opcode::ALL[random.index(Opcode::ALL.len())] as u8,
        status: Status::ALL[random.index(Status::ALL.len())] as u8,
        is_reply: !random.one_in(20),
    };
    let header = if random.one_in(2) { Header { opcode: near.opcode, ..header } } else { header };
    let header = if random.one_in(2) { Header { status: 0, ..header } } else { header };
    header.seal(&mut frame);
    frame
}

fn mutated(random: &mut Random, frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    for _ in 0..=random.below(4) {
        let place = random.index(frame.len());
        frame[place] ^= 1 << random.below(8);
    }
    frame.truncate(frame.len() - if random.one_in(4) { random.index(frame.len()) } else { 0 });
    frame
}

#[test]
fn harmed_and_foreign_frames_change_nothing() {
    for seed in 0..20 {
        let mut world = World::new(seed, 2, CoreConfig::default());
        world.faults = BAD;
        world.spoof = Some(Box::new(|random, from, frame, client| {
            // From another address even a well-formed frame says nothing; from the right one a harmed one does not.
            let stranger = ([10, 0, 0, 9], from.port()).into();
            let near = Frame::decode(frame).unwrap().header;
            vec![(from, client, mutated(random, frame)), (stranger, client, any_reply(random, &near))]
        }));
        let world = adds_and_appends_sum_up(world, 200);
        let counters = world.core.counters();
        assert!(counters.frames_harmed > 0 && counters.replies_stray > 0, "{counters:?}");
    }
}

#[test]
fn a_late_refusal_does_not_end_a_reply_of_which_segments_have_come() {
    let mut world = World::new(1, 1, CoreConfig::default());
    let long = value(100_000);
    assert!(world.ask("long", KeyAction::put(long.clone())).is_ok());
    world.spoof = Some(Box::new(|_, from, frame, client| {
        let header = Frame::decode(frame).unwrap().header;
        let mut late = vec![0; HEADER_BYTES];
        let status = Status::NotFound as u8;
        Header { status, offset: 0, total_bytes: 0, ..header }.seal(&mut late);
        vec![(from, client, late)]
    }));
    let Ok(Answer::Value(found)) = world.ask("long", KeyAction::Get) else { panic!("it is there") };
    assert!(found.bytes() == long);
    assert!(world.core.counters().replies_stray > 10);
}

/// Goes on with values in pieces, some of them, somehow.
fn in_pieces(world: &mut World, random: &mut Random, values: &mut Vec<Ticket>) {
    let deadline_ns = world.now_ns + PATIENCE_NS / 1_000;
    let put = Operation::on_key(BucketId(0), "long", KeyAction::put(Vec::new()));
    if values.len() < 4 {
        values.extend(world.core.begin_write(put, random.below(50_000), deadline_ns));
        let get = Operation::on_key(BucketId(0), "long", KeyAction::Get);
        values.extend(world.core.begin_read(get, deadline_ns));
        return;
    }
    let ticket = values.swap_remove(random.index(values.len()));
    let (piece, mut out) = (vec![1; random.index(10_000)], vec![0; random.index(10_000)]);
    let goes_on = match random.below(10) {
        0 => false,
        1 => world.core.finish_write(ticket, deadline_ns).is_ok(),
        2 => world.core.read_head(ticket).is_ok(),
        3..6 => world.core.write(ticket, &piece, deadline_ns).is_ok(),
        _ => world.core.read(ticket, &mut out, deadline_ns).is_ok(),
    };
    if goes_on { values.push(ticket) } else { world.core.abandon(ticket) }
}

#[test]
fn a_hostile_server_makes_nothing_panic_or_grow() {
    for seed in 0..60 {
        let mut world = World::new(seed, 2, CoreConfig { window: 64, ..CoreConfig::default() });
        world.spoof = Some(Box::new(|random, from, frame, client| {
            let near = Frame::decode(frame).unwrap().header;
            (0..3).map(|_| (from, client, any_reply(random, &near))).collect()
        }));
        let (mut random, mut values) = (Random::new(seed), Vec::new());
        for step in 0..2_000 {
            let action = match random.below(3) {
                0 => KeyAction::Get,
                1 => KeyAction::put(vec![0; 5_000]),
                _ => KeyAction::Add(1),
            };
            let operation = Operation::on_key(BucketId(0), format!("{}", step % 50), action);
            let _ = world.core.submit(operation, world.now_ns + PATIENCE_NS / 1_000);
            in_pieces(&mut world, &mut random, &mut values);
            world.turn();
            world.core.assert_bounded();
        }
    }
}

#[test]
fn a_server_of_another_version_ends_all() {
    let mut world = World::new(1, 1, CoreConfig::default());
    let ticket = world.on_key("key", KeyAction::Get);
    world.turn();
    let home = world.server.map.addresses[0];
    // A frame of version 2: its checksum, made by hand as a header has the version of here.
    let foreign = [0xFB, 0x0B, 0x87, 0x24, b'A', b'd', 2];
    let foreign = [&foreign[..], &[0; HEADER_BYTES - 7]].concat();
    assert_eq!(world.core.receive(home, &foreign, world.now_ns), Err(FrameError::Version(2)));
    let refused = Error::Caller(Caller::UnsupportedVersion);
    assert_eq!((world.core.refused(), world.result(ticket)), (Some(refused), Err(refused)));
}
