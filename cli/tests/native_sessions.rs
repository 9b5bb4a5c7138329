//! Sessions of native clients: passwords, servers that end and come back, clients that only wait.

mod support;

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use adit_client::core::Transport;
use adit_client::error::{Caller, Uncertain, Unreachable};
use adit_client::{Answer, Client, Completion, Config, Error, KeyAction, Operation, PutOptions};

use support::native::{BUCKET, TRANSPORTS, config, connect, counter, each};
use support::{DEADLINE, Server};

fn with_password(server: &Server, transport: Transport, tenant: &str, password: &str) -> Config {
    let mut config = config(server.native, transport);
    (config.core.tenant, config.core.password) = (tenant.into(), password.into());
    config
}

#[test]
fn a_password_is_asked_for() {
    for shards in [1, 2] {
        let server = Server::start_with(shards, &["--password", "secret"], &[]);
        for transport in TRANSPORTS {
            for (tenant, password) in
                [("default", ""), ("default", "wrong"), ("default", "secret!"), ("other", "secret"), ("", "")]
            {
                let refused = Client::connect(with_password(&server, transport, tenant, password)).err();
                assert_eq!(refused, Some(Error::Caller(Caller::BadCredentials)), "{tenant} {password}");
                let told = refused.map(|error| error.to_string()).unwrap_or_default();
                assert!(told.contains("tenant or password are wrong"), "{told}");
            }
            let too_long = "p".repeat(500);
            let refused = Client::connect(with_password(&server, transport, "default", &too_long)).err();
            assert_eq!(refused, Some(Error::Caller(Caller::CredentialsTooLong)));
            let mut client = Client::connect(with_password(&server, transport, "default", "secret"))
                .expect("the password is right");
            // On all shards.
            for n in 0..20 {
                assert_eq!(client.add(BUCKET, format!("{transport:?} {n}").as_bytes(), n), Ok(n));
            }
            client.close();
        }
    }
}

/// A server at an address that the next one can have too: no port of these is given to whoever asks for any free one.
fn start_at(shards: u16, address: SocketAddr) -> Server {
    Server::start_with(shards, &["--native", &address.to_string()], &[])
}

/// A port that is free, as the one behind it is, for UDP and TCP.
fn free_ports() -> SocketAddr {
    let first = 12_000 + u16::try_from(std::process::id() % 8_000).expect("it is below 8,000") * 2;
    let is_free = |port: u16| {
        UdpSocket::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok()
    };
    let port = (first..first + 1_000).step_by(2).find(|port| is_free(*port) && is_free(port + 1));
    SocketAddr::from(([127, 0, 0, 1], port.expect("two ports are free")))
}

fn add(n: usize) -> Operation {
    Operation::on_key(BUCKET, format!("key:{}", n % 16), KeyAction::Add(1))
}

/// Submits adds of 1.
fn submit_adds(client: &mut Client, count: usize) {
    for n in 0..count {
        client.submit(add(n)).expect("the window has room");
    }
}

/// Polls until so many are complete.
fn completions(client: &mut Client, count: usize) -> Vec<Completion> {
    let mut list = Vec::new();
    while list.len() < count {
        assert!(client.poll(DEADLINE, &mut list) > 0, "{} of {count} complete", list.len());
    }
    list
}

/// The sum of all keys that [`add`] adds to.
fn sum(client: &mut Client) -> i64 {
    (0..16).map(|n| client.add(BUCKET, format!("key:{n}").as_bytes(), 0).expect("a number")).sum()
}

#[test]
fn a_client_goes_on_after_its_server_was_restarted() {
    for shards in [1, 2] {
        for transport in TRANSPORTS {
            restart(shards, transport);
        }
    }
}

fn restart(shards: u16, transport: Transport) {
    let address = free_ports();
    let server = start_at(shards, address);
    let mut client = connect(&server, transport);
    submit_adds(&mut client, 100);
    assert!(completions(&mut client, 100).iter().all(|completion| completion.result.is_ok()));
    assert_eq!(sum(&mut client), 100);
    // It is killed with requests under way that it never sees, of which the client does not know that.
    drop(server);
    submit_adds(&mut client, 50);
    let get = client.submit(Operation::on_key(BUCKET, "key:0", KeyAction::Get)).expect("room");
    client.poll(Duration::ZERO, &mut Vec::new());
    let mut server = start_at(shards, address);
    let mut done = 0;
    for completion in completions(&mut client, 51) {
        match completion.result {
            Ok(Answer::Sum(_)) => done += 1,
            Err(Error::Uncertain(Uncertain::SessionLost)) => assert_ne!(completion.ticket, get),
            Ok(Answer::Value(_)) | Err(Error::State(_)) => assert_eq!(completion.ticket, get),
            other => panic!("{other:?}"),
        }
    }
    // The same client in a new session; what it was told is what was done.
    assert_eq!(sum(&mut client), done);
    assert!(client.counters().sessions_lost > 0);
    assert_eq!(
        client.multi_put(BUCKET, [("a", "1"), ("b", "2"), ("c", "3")].into_iter().collect(), true),
        Ok(())
    );
    assert_eq!(client.scan(BUCKET).filter(Result::is_ok).count(), client.scan(BUCKET).count());
    server.assert_alive("in the end");
    client.close();
}

#[test]
fn a_signal_ends_a_server_with_native_clients_in_the_middle_of_things() {
    for (shards, signal) in [(1, "TERM"), (2, "TERM"), (2, "INT")] {
        for transport in TRANSPORTS {
            let server = Server::start(shards);
            let mut idle = connect(&server, transport);
            assert_eq!(idle.add(BUCKET, b"idle", 1), Ok(1));
            let mut busy = connect(&server, transport);
            submit_adds(&mut busy, 200);
            // A long value is under way too; some of all that is done before the signal.
            let long = Operation::on_key(BUCKET, "long", KeyAction::put(vec![7; 20 << 20]));
            busy.submit(long).expect("the window has room");
            let some = completions(&mut busy, 1);
            assert!(some.iter().all(|completion| completion.result.is_ok()));
            server.signal(signal);
            let (code, printed, errors) = server.wait_end();
            assert_eq!(code, Some(0), "SIG{signal}: {errors}");
            assert_eq!(printed, [format!("SIG{signal}: closing connections"), "stopped".to_owned()]);
        }
    }
}

#[test]
fn a_server_that_is_gone_is_told_at_the_deadline() {
    for transport in TRANSPORTS {
        let server = Server::start(1);
        let deadline = Duration::from_millis(300);
        let mut client =
            Client::connect(Config { deadline, ..config(server.native, transport) }).expect("a session");
        let address = server.native;
        drop(server);
        let write = client.put(BUCKET, b"k", &b"v"[..], PutOptions::default());
        assert!(
            matches!(
                write,
                Err(Error::Uncertain(Uncertain::Deadline) | Error::Unreachable(Unreachable::Deadline))
            ),
            "{write:?}"
        );
        assert_eq!(client.get(BUCKET, b"k"), Err(Error::Unreachable(Unreachable::Deadline)));
        let refused = Client::connect(Config { deadline, ..config(address, transport) }).err();
        assert_eq!(refused, Some(Error::Unreachable(Unreachable::Deadline)));
    }
}

#[test]
fn closed_sessions_are_forgotten_and_their_streams_end() {
    each(|server, transport| {
        let shards = if server.banner.iter().any(|line| line.contains("with 2 shard(s)")) { 2 } else { 1 };
        let mut watcher = connect(server, transport);
        let before = counter(&mut watcher, "Connections");
        for _ in 0..30 {
            let mut client = connect(server, transport);
            assert!(client.scan(BUCKET).all(|key| key.is_ok()));
            client.close();
        }
        // Closed ones are kept for a while, without anything in them.
        assert!(counter(&mut watcher, "Sessions") <= 31 * shards);
        support::wait_until("the streams end", || counter(&mut watcher, "Connections") <= before);
        assert!(counter(&mut watcher, "SessionBytes") < 64 << 10);
    });
}

/// Time of processors that the process has used, in ticks of 10 ms.
fn processor_ticks(server: &Server) -> u64 {
    let line = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).expect("the server lives");
    let (_, behind) = line.rsplit_once(')').expect("the name stands in brackets");
    behind.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}

#[test]
fn an_idle_server_with_native_clients_uses_next_to_no_processor() {
    each(|server, transport| {
        let mut clients: Vec<Client> = (0..20).map(|_| connect(server, transport)).collect();
        for client in &mut clients {
            assert!(client.scan(BUCKET).all(|key| key.is_ok()));
        }
        let before = processor_ticks(server);
        // A slow machine makes the server's part of it only smaller.
        std::thread::sleep(Duration::from_secs(1));
        let used = processor_ticks(server) - before;
        assert!(used <= IDLE_TICKS_MAX, "{used} ticks in a second of silence");
        clients.into_iter().for_each(Client::close);
    });
}

/// A thirtieth of what one shard would use that never sleeps.
const IDLE_TICKS_MAX: u64 = 3;
