//! The steering: asked for once, and of no harm where it is not known.

use std::net::SocketAddr;

use adit_drivers::dpdk::rss::STANDARD_KEY;
use adit_wire::native::steering::{Covers, Steering, encode};

use super::world::World;
use super::{BAD, CoreConfig, Moods, Transport, adds_and_appends_sum_up};
use crate::answer::Answer;
use crate::operation::KeyAction;

fn body(entries: u16) -> Vec<u8> {
    let covers = Covers { ipv4_ports: true, ..Covers::default() };
    let shard_of_hash = (0..entries).map(|entry| entry % 3).collect();
    let mut body = Vec::new();
    encode(Some(&Steering { key: STANDARD_KEY.to_vec(), shard_of_hash, covers }), &mut body);
    body
}

fn world(seed: u64, shards: u16, steering: Option<Vec<u8>>) -> World {
    let mut world = World::new(seed, shards, CoreConfig::default());
    world.server.steering = steering;
    world.core.choose_ports();
    world
}

/// Lets a client do something, and says how often the steering was asked for.
fn asked(world: &mut World) -> u32 {
    assert!(matches!(world.ask("key", KeyAction::Add(1)), Ok(Answer::Sum(_))));
    world.run(|world| !world.core.wants_steering());
    world.server.steering_asked
}

#[test]
fn it_is_asked_for_once_under_each_map() {
    let mut world = world(1, 3, Some(body(512)));
    assert_eq!(asked(&mut world), 1);
    let rss = world.core.next_steering().unwrap();
    assert_eq!((rss.key(), rss.queue_of_hash().len()), (&STANDARD_KEY[..], 512));
    assert!(rss.hashes_udp_ports(true) && !rss.hashes_udp_ports(false));
    assert!(world.core.next_steering().is_none(), "once");
    assert_eq!(asked(&mut world), 1);
    world.server.draw_map();
    assert_eq!(world.ask("key", KeyAction::Add(1)), Ok(Answer::Sum(3)));
    world.run(|world| world.core.map().unwrap().epoch == 2);
    assert_eq!(asked(&mut world), 2);
    assert!(world.core.next_steering().is_some());
    let expected: Vec<SocketAddr> = (0..3).map(|shard| ([10, 0, 0, 1], 7400 + shard).into()).collect();
    assert_eq!(world.core.shard_addresses(), expected);
}

#[test]
fn a_long_table_comes_in_the_shortest_frames() {
    let mut world = world(1, 3, Some(body(512)));
    world.server.frame_bytes = 576;
    assert_eq!(asked(&mut world), 1);
    assert_eq!(world.core.next_steering().unwrap().queue_of_hash().len(), 512);
}

#[test]
fn who_cannot_choose_ports_does_not_ask() {
    let mut alone = world(1, 1, Some(body(4)));
    assert_eq!(asked(&mut alone), 0, "one shard is always the right one");
    let mut stream = World::new(1, 3, CoreConfig { transport: Transport::Stream, ..CoreConfig::default() });
    stream.server.steering = Some(body(4));
    stream.core.choose_ports();
    assert_eq!(asked(&mut stream), 0, "streams are the kernel's");
    let mut sockets = World::new(1, 3, CoreConfig::default());
    sockets.server.steering = Some(body(4));
    assert_eq!(asked(&mut sockets), 0);
}

#[test]
fn a_server_that_does_not_know_it_or_says_nonsense_serves_as_before() {
    let mut harmed = body(4);
    harmed.pop();
    for steering in [None, Some(Vec::new()), Some(harmed), Some(vec![0; 8]), Some(vec![7; 1000])] {
        let mut world = world(1, 3, steering);
        assert_eq!(asked(&mut world), 1);
        assert!(world.core.next_steering().is_none());
        assert_eq!(asked(&mut world), 1, "it is not asked again");
    }
}

#[test]
fn nobody_waits_for_an_answer_for_long() {
    let mut world = world(1, 3, Some(body(4)));
    world.server.moods = Moods { busy_one_in: 1, ..Moods::default() };
    world.run(|world| world.core.map().is_some() || world.now_ns > 50_000_000_000);
    world.server.moods = Moods::default();
    world.run(|world| world.core.map().is_some());
    world.server.moods = Moods { busy_one_in: 1, ..Moods::default() };
    let begun_ns = world.now_ns;
    world.run(|world| !world.core.wants_steering());
    assert!(world.now_ns - begun_ns < 2_000_000_000, "{} ns", world.now_ns - begun_ns);
    world.server.moods = Moods::default();
    assert_eq!(world.ask("key", KeyAction::Add(1)), Ok(Answer::Sum(1)));
}

#[test]
fn on_a_bad_network_a_client_that_moves_does_everything_once() {
    for seed in 0..20 {
        let mut world = world(seed, 3, Some(body(64)));
        world.faults = BAD;
        world.server.moods = Moods { new_map_one_in: 100, ..Moods::default() };
        let mut world = adds_and_appends_sum_up(world, 200);
        let _ = world.core.next_steering();
        world.core.shard_addresses().into_iter().for_each(|shard| world.core.moved(shard));
        world.faults.move_one_in = 50;
        assert!(matches!(world.ask("new", KeyAction::Add(5)), Ok(Answer::Sum(5))), "seed {seed}");
    }
}
