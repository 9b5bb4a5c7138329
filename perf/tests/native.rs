//! A native load against a small server on a thread that loses datagrams: what was counted must be what was asked.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::collections::{HashMap, HashSet};
use std::net::UdpSocket;
use std::thread::JoinHandle;

use adit_wire::native::reply::Opened;
use adit_wire::native::request::{Action, COOKIE_BYTES};
use adit_wire::native::{Frame, HEADER_BYTES, Header, Opcode, Request, Status};

#[derive(clap::Parser)]
struct Program {
    #[command(flatten)]
    arguments: adit_perf::Arguments,
}

/// Serves until it has answered `requests` requests on keys, each once, and loses the first copy of every tenth of
/// them and the reply to every other tenth.
fn serve(requests: usize) -> (String, JoinHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (mut buffer, mut values) = ([0; 2048], HashMap::new());
        let (mut seen, mut answered, mut oldest) = (HashSet::new(), HashSet::new(), 0);
        while answered.len() < requests {
            let (len, peer) = socket.recv_from(&mut buffer).unwrap();
            let frame = Frame::decode(&buffer[..len]).unwrap();
            let Header { opcode, request, session, .. } = frame.header;
            let opcode = Opcode::of(opcode).unwrap();
            let is_of_key = opcode.has_key();
            if is_of_key {
                assert!(
                    frame.header.oldest >= oldest && frame.header.oldest <= request,
                    "{:?}",
                    frame.header
                );
                oldest = frame.header.oldest;
                assert!(
                    answered.contains(&(session, oldest - 1)) || oldest == 3,
                    "{oldest} is not the oldest"
                );
                let is_first = seen.insert((session, request));
                if is_first && request % 10 == 3 {
                    continue;
                }
                if is_first && request % 10 == 7 {
                    drop(reply(&Request::decode(opcode, frame.segment).unwrap(), &mut values));
                    continue;
                }
                answered.insert((session, request));
            }
            let (status, body) = reply(&Request::decode(opcode, frame.segment).unwrap(), &mut values);
            let session = if is_of_key { session } else { 77 };
            let total_bytes = u32::try_from(body.len()).unwrap();
            let status = status as u8;
            let header = Header { status, is_reply: true, session, total_bytes, ..frame.header };
            let mut out = [&[0; HEADER_BYTES], &body[..]].concat();
            header.seal(&mut out);
            // Twice: a copy must not count.
            socket.send_to(&out, peer).unwrap();
            socket.send_to(&out, peer).unwrap();
        }
    });
    (address, server)
}

fn reply(request: &Request<'_>, values: &mut HashMap<Vec<u8>, Vec<u8>>) -> (Status, Vec<u8>) {
    match request {
        Request::Hello => (Status::Ok, vec![9; COOKIE_BYTES]),
        Request::Open(open) => {
            assert_eq!(open.cookie, [9; COOKIE_BYTES]);
            let (token, frame_bytes) = (open.token, open.frame_bytes);
            let opened = Opened { token, tenant: 0, ttl_ms: 1_000, frame_bytes, resumed: false, shard: 0 };
            (Status::Ok, opened.encode().to_vec())
        }
        Request::Key(key) => match (key.action, values.get(key.key)) {
            (Action::Get, Some(value)) => (Status::Ok, [&[0; 16][..], value].concat()),
            (Action::Get, None) => (Status::NotFound, Vec::new()),
            (Action::Put { value, .. }, _) => {
                values.insert(key.key.to_vec(), value.to_vec());
                (Status::Ok, vec![1; 8])
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// Runs `adit perf native` with `arguments` and returns its JSON.
fn run(address: &str, arguments: &str) -> serde_json::Value {
    let number = address.rsplit_once(':').unwrap().1;
    let path = std::env::temp_dir().join(format!("adit-perf-native-{}-{number}.json", std::process::id()));
    let json = path.to_str().unwrap();
    let words =
        ["perf", "native", "--target", address, "--json", json].into_iter().chain(arguments.split(' '));
    adit_perf::run(<Program as clap::Parser>::try_parse_from(words).unwrap().arguments).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn what_is_lost_is_sent_again_and_counts_once() {
    for flags in ["", " --no-offload"] {
        let (address, server) = serve(300);
        let report =
            run(&address, &format!("--requests 300 --in-flight 100 --workload set --keys 100{flags}"));
        assert_eq!((&report["operations"], &report["errors"]), (&300.into(), &0.into()));
        assert!(report["resent"].as_u64().unwrap() >= 60, "{}", report["resent"]);
        server.join().unwrap();
    }
}

#[test]
fn reads_count_hits_and_misses() {
    let (address, server) = serve(64);
    let report = run(&address, "--requests 64 --in-flight 4 --keys 10");
    assert_eq!((&report["operations"], &report["misses"]), (&64.into(), &64.into()));
    assert_eq!(report["terms"]["protocol"], "native-udp-offload");
    server.join().unwrap();
}

#[test]
fn arguments_that_do_not_go_together_are_refused() {
    for words in ["--value-size 5000", "--workload ycsb-d", "--target unix:/x", "--seconds 0"] {
        let words = ["perf", "native"].into_iter().chain(words.split(' '));
        let arguments = <Program as clap::Parser>::try_parse_from(words).unwrap().arguments;
        assert!(adit_perf::run(arguments).is_err());
    }
}
