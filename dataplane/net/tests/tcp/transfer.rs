//! Bytes arrive in order and complete, both ways, whatever the network does.

use crate::world::{Faults, SECOND, World, config, pattern};

/// Says how many connections did not end in good order after that.
fn transfer(seed: u64, v6: bool, faults: Faults, bytes: usize) -> u64 {
    let mut world = World::new(seed, config(), faults);
    let clients: Vec<usize> = (0..3).map(|number| world.connect(v6, 5000 + number)).collect();
    for client in &clients {
        world.clients[*client].to_send = pattern(seed + *client as u64, bytes).into();
        world.clients[*client].closes = true;
    }
    let has_all = |world: &mut World| {
        let counters = world.server.tcp.counters();
        let whole = world.clients.iter().filter(|client| client.received.len() == bytes).count();
        whole as u64 + counters.lost + counters.closing_expired >= 3
    };
    world.until(&format!("complete, seed {seed}"), 3000 * SECOND, has_all);
    world.run(300 * SECOND);
    for client in clients {
        let sent = pattern(seed + client as u64, bytes);
        assert!(sent.starts_with(&world.clients[client].received), "seed {seed}: other bytes than were sent");
    }
    assert_eq!(world.server.pool.lent_bytes(), 0);
    let counters = world.server.tcp.counters();
    counters.lost + counters.closing_expired + world.server.tcp.connection_count() as u64
}

#[test]
fn bytes_come_back_over_a_good_network() {
    assert_eq!(transfer(1, false, Faults::none(), 300_000), 0);
    assert_eq!(transfer(2, true, Faults::none(), 300_000), 0);
    assert_eq!(transfer(3, true, Faults::none(), 0), 0);
}

#[test]
fn bytes_come_back_over_bad_networks() {
    let seeds = std::env::var("ADIT_TCP_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(40);
    let mut lost = 0;
    for seed in 0..seeds {
        let of = |choices: [u32; 3], by: u64| choices[usize::try_from(seed / by % 3).unwrap()];
        let faults = Faults {
            lost: of([0, 20, 60], 1),
            doubled: of([0, 20, 100], 3),
            harmed: of([0, 10, 20], 9),
            delay_ns: 50_000,
            jitter_ns: u64::from(of([0, 100_000, 3_000_000], 27)),
        };
        lost += transfer(seed, seed % 5 == 0, faults, 40_000);
    }
    // Where six packets in a row are lost, smoltcp's time to the next is longer than a closed connection is kept. And its client
    // may never send its FIN again: three doubled acknowledgments of all but that, and it forgets its timer.
    assert!(lost <= seeds / 50, "{lost} of {seeds}");
}
