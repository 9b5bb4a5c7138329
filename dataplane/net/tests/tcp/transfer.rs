//! Bytes arrive in order and complete, both ways, whatever the network does.

use crate::world::{Faults, SECOND, World, config, pattern};
use smoltcp::socket::tcp::State;

fn transfer(seed: u64, v6: bool, faults: Faults, bytes: usize) {
    let mut world = World::new(seed, config(), faults);
    let clients: Vec<usize> = (0..3).map(|number| world.connect(v6, 5000 + number)).collect();
    for client in &clients {
        world.clients[*client].to_send = pattern(seed + *client as u64, bytes).into();
        world.clients[*client].closes = true;
    }
    let is_done = |world: &mut World| {
        world.clients.iter().all(|client| matches!(client.state(), State::TimeWait | State::Closed))
            && world.server.tcp.connection_count() == 0
    };
    world.until(&format!("done, seed {seed}"), 3000 * SECOND, is_done);
    for client in clients {
        let expected = pattern(seed + client as u64, bytes);
        let received = &world.clients[client].received;
        let same = received.iter().zip(&expected).take_while(|(is, meant)| is == meant).count();
        assert!(
            *received == expected,
            "seed {seed}: {} bytes, {same} of them right; {:?} {:?} {}",
            received.len(),
            world.server.log,
            world.server.tcp.counters(),
            world.now_ns / SECOND,
        );
    }
    assert_eq!(world.server.pool.lent_bytes(), 0);
    assert_eq!(world.server.tcp.counters().lost, 0, "seed {seed}");
}

#[test]
fn bytes_come_back_over_a_good_network() {
    transfer(1, false, Faults::none(), 300_000);
    transfer(2, true, Faults::none(), 300_000);
    transfer(3, true, Faults::none(), 0);
}

#[test]
fn bytes_come_back_over_bad_networks() {
    let seeds = std::env::var("ADIT_TCP_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(40);
    for seed in 0..seeds {
        let of = |choices: [u32; 3], by: u64| choices[usize::try_from(seed / by % 3).unwrap()];
        let faults = Faults {
            lost: of([0, 20, 60], 1),
            doubled: of([0, 20, 100], 3),
            harmed: of([0, 10, 20], 9),
            delay_ns: 50_000,
            jitter_ns: u64::from(of([0, 100_000, 3_000_000], 27)),
        };
        transfer(seed, seed % 5 == 0, faults, 40_000);
    }
}
