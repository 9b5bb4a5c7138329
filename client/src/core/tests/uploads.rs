//! Long requests, of which parts are lost.

use super::world::{PATIENCE_NS, World};
use super::{CoreConfig, value};
use crate::answer::Answer;
use crate::core::Operation;
use crate::operation::KeyAction;
use adit_wire::kv::BucketId;
use adit_wire::native::{HEADER_BYTES, Header, Opcode, Status};

/// Some time-outs of a network without delay.
const SOON_NS: u64 = 30_000_000;
/// Several short requests are answered before time is out.
const PAUSE_NS: u64 = 500_000;
/// Several segments.
const LEN: u32 = 10_000;

/// All that is sent in the turn after `turns` is lost.
fn lose_after(world: &mut World, turns: usize) {
    (0..turns).for_each(|_| world.turn());
    world.faults.lose_one_in = 1;
    world.turn();
    world.faults.lose_one_in = 0;
}

/// A short request, and a pause.
fn go_on(world: &mut World) {
    world.on_key("short", KeyAction::Get);
    world.wait(PAUSE_NS);
}

#[test]
fn what_is_lost_of_a_long_request_is_sent_again_soon_in_steady_traffic() {
    for (seed, turns) in (0..10).flat_map(|seed| (0..12).map(move |turns| (seed, turns))) {
        let mut world = World::new(seed, 1, CoreConfig::default());
        assert!(world.ask("short", KeyAction::put(&b"s"[..])).is_ok());
        let put = world.on_key("long", KeyAction::put(value(60_000)));
        lose_after(&mut world, turns);
        let begun_ns = world.now_ns;
        while !world.results.contains_key(&put) {
            go_on(&mut world);
            assert!(world.now_ns < begun_ns + SOON_NS, "seed {seed}, lost after {turns} turns");
        }
        assert!(matches!(world.result(put), Ok(Answer::Version(_))));
    }
}

#[test]
fn what_is_lost_of_a_value_in_pieces_is_sent_again_soon_in_steady_traffic() {
    for (seed, turns) in (0..10).flat_map(|seed| (0..12).map(move |turns| (seed, turns))) {
        let mut world = World::new(seed, 1, CoreConfig::default());
        assert!(world.ask("short", KeyAction::put(&b"s"[..])).is_ok());
        let begun_ns = world.now_ns;
        let put = Operation::on_key(BucketId(0), "long", KeyAction::put(Vec::new()));
        let put = world.core.begin_write(put, 60_000, begun_ns + PATIENCE_NS).unwrap();
        assert_eq!(world.core.write(put, &value(60_000), begun_ns + PATIENCE_NS), Ok(60_000));
        world.core.finish_write(put, begun_ns + PATIENCE_NS).unwrap();
        lose_after(&mut world, turns);
        let begun_ns = world.now_ns;
        let written = std::iter::repeat_with(|| {
            go_on(&mut world);
            assert!(world.now_ns < begun_ns + SOON_NS, "seed {seed}, lost after {turns} turns");
            world.core.written(put)
        });
        let written = written.flatten().next();
        assert!(matches!(written, Some(Ok(Answer::Version(_)))), "seed {seed}: {written:?}");
    }
}

#[test]
fn who_is_overtaken_sends_one_segment_to_ask_for_the_others() {
    let mut world = World::new(1, 1, CoreConfig::default());
    assert!(world.ask("short", KeyAction::put(&b"s"[..])).is_ok());
    let put = world.on_key("long", KeyAction::put(value(LEN)));
    lose_after(&mut world, 0);
    let sent = world.core.counters().frames_sent;
    for _ in 0..3 {
        assert!(world.ask("short", KeyAction::Get).is_ok());
    }
    assert_eq!(world.core.counters().frames_sent, sent + 3 + 1);
    assert!(world.result(put).is_ok());
    assert_eq!(world.core.counters().retransmissions, 1);
}

/// What the server says while a long request comes.
fn credit(world: &World, request: u64, offset: u32) -> Vec<u8> {
    let mut frame = vec![0; HEADER_BYTES];
    Header {
        opcode: Opcode::Put as u8,
        status: Status::Credit as u8,
        is_reply: true,
        session: world.core.session,
        request,
        total_bytes: LEN + 1_000,
        offset,
        credits: 16,
        ..Header::default()
    }
    .seal(&mut frame);
    frame
}

#[test]
fn credits_that_follow_credits_say_nothing_of_the_round_trip() {
    let mut world = World::new(1, 1, CoreConfig::default());
    world.faults.delay_ns = 20_000_000;
    assert!(world.ask("short", KeyAction::put(&b"s"[..])).is_ok());
    let home = world.server.map.addresses[0];
    let first = world.core.numbers.oldest();
    // All of each goes out at once.
    (0..10).for_each(|_| _ = world.on_key("long", KeyAction::put(value(LEN))));
    (0..20).for_each(|_| world.core.transmit(world.now_ns, &mut world.network));
    world.now_ns += 2 * world.faults.delay_ns;
    for (request, offset) in (first..first + 10).flat_map(|request| [1, 2, 3, 4].map(|at| (request, at))) {
        let frame = credit(&world, request, offset * 1_416);
        world.core.receive(home, &frame, world.now_ns).unwrap();
        world.core.transmit(world.now_ns, &mut world.network);
        world.now_ns += 1_000;
    }
    assert_eq!(world.core.counters().replies_stray, 0);
    assert!(world.core.peers[0].rtt.rto_ns() >= 2 * world.faults.delay_ns);
}
