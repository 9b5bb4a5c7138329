//! Many native operations in flight, of one client and of two, in frames of any length.

mod support;

use adit_client::core::Transport;
use adit_client::{Answer, Client, KeyAction, Operation, PutOptions};

use support::native::{BUCKET, TRANSPORTS, config, connect, connect_to, each, each_with};
use support::{DEADLINE, Server};

/// Keeps `in_flight` adds of 1 under way until `count` are done. All sums are different.
fn add_many(client: &mut Client, key: &str, count: usize, in_flight: usize) {
    let (mut submitted, mut sums, mut completions) = (0, Vec::new(), Vec::new());
    while sums.len() < count {
        while submitted < count && submitted - sums.len() < in_flight {
            let add = Operation::on_key(BUCKET, key, KeyAction::Add(1));
            client.submit(add).expect("the window has room");
            submitted += 1;
        }
        client.poll(DEADLINE, &mut completions);
        for completion in completions.drain(..) {
            match completion.result {
                Ok(Answer::Sum(sum)) => sums.push(sum),
                other => panic!("{other:?}"),
            }
        }
    }
    sums.sort_unstable();
    sums.dedup();
    assert_eq!(sums.len(), count, "an add was applied twice, or not at all");
}

#[test]
fn ten_thousand_adds_in_flight_sum_up() {
    each(|server, transport| {
        let mut client = connect(server, transport);
        add_many(&mut client, "sum", 10_000, 64);
        assert_eq!(client.add(BUCKET, b"sum", 0), Ok(10_000));
    });
}

#[test]
fn two_clients_at_once_sum_up_over_either_wire() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        std::thread::scope(|scope| {
            for transport in TRANSPORTS {
                let address = server.native;
                scope.spawn(move || add_many(&mut connect_to(address, transport), "sum", 5_000, 200));
            }
        });
        assert_eq!(connect(&server, Transport::Datagram).add(BUCKET, b"sum", 0), Ok(10_000));
    }
}

#[test]
fn frames_of_any_agreed_length_carry_everything() {
    for (of_server, of_client) in [("576", 16_384), ("16384", 576), ("8972", 16_384), ("16384", 16_384)] {
        each_with(&["--native-frame", of_server], |server, transport| {
            let mut config = config(server.native, transport);
            config.core.frame_bytes = of_client;
            let mut client = Client::connect(config).expect("a session");
            let long: Vec<u8> = (0..200_000_u32).map(|at| at.to_le_bytes()[1]).collect();
            client.put(BUCKET, b"long", long.clone(), PutOptions::default()).unwrap();
            assert!(client.get(BUCKET, b"long").unwrap().unwrap().into_vec() == long);
            add_many(&mut client, "sum", 300, 64);
        });
    }
}
