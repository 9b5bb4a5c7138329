//! A native load against a small server on a thread that loses datagrams: what was counted must be what was asked.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::collections::{HashMap, HashSet};
use std::net::UdpSocket;
use std::thread::JoinHandle;

use adit_wire::native::reply::Opened;
use adit_wire::native::request::{Action, COOKIE_BYTES, Condition};
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
        let mut seen = HashSet::new();
        let (mut replies, mut answered, mut oldest) = (HashMap::new(), HashSet::new(), HashMap::new());
        while answered.len() < requests {
            let (len, peer) = socket.recv_from(&mut buffer).unwrap();
            let frame = Frame::decode(&buffer[..len]).unwrap();
            let Header { opcode, request, .. } = frame.header;
            // Each client has a port of its own.
            let (opcode, session) = (Opcode::of(opcode).unwrap(), u64::from(peer.port()));
            let place = (session, request);
            let asked = Request::decode(opcode, frame.segment).unwrap();
            let (status, body) = if matches!(opcode, Opcode::Hello | Opcode::Open) {
                reply(&asked, &mut values)
            } else {
                assert_eq!(frame.header.session, session);
                let oldest = oldest.entry(session).or_insert(3);
                assert!(
                    frame.header.oldest >= *oldest && frame.header.oldest <= request,
                    "{:?}",
                    frame.header
                );
                *oldest = frame.header.oldest;
                assert!(
                    answered.contains(&(session, *oldest - 1)) || *oldest == 3,
                    "{oldest} is not the oldest"
                );
                let is_first = seen.insert(place);
                if is_first && request % 10 == 3 {
                    continue;
                }
                let reply = replies.entry(place).or_insert_with(|| reply(&asked, &mut values)).clone();
                if is_first && request % 10 == 7 {
                    continue;
                }
                answered.insert(place);
                reply
            };
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

/// Values and how often their keys were written.
type Values = HashMap<Vec<u8>, (Vec<u8>, u64)>;

fn write(values: &mut Values, key: &[u8], value: &[u8]) -> u64 {
    let version = 1 + values.get(key).map_or(0, |(_, version)| *version);
    values.insert(key.to_vec(), (value.to_vec(), version));
    version
}

fn reply(request: &Request<'_>, values: &mut Values) -> (Status, Vec<u8>) {
    match request {
        Request::Hello => (Status::Ok, vec![9; COOKIE_BYTES]),
        Request::Open(open) => {
            assert_eq!(open.cookie, [9; COOKIE_BYTES]);
            let (token, frame_bytes) = (open.token, open.frame_bytes);
            let opened = Opened { token, tenant: 0, ttl_ms: 1_000, frame_bytes, resumed: false, shard: 0 };
            (Status::Ok, opened.encode().to_vec())
        }
        Request::Key(key) => match (key.action, values.get(key.key)) {
            (Action::Get, Some((value, version))) => {
                (Status::Ok, [&version.to_le_bytes()[..], &[0; 8], value].concat())
            }
            (Action::Get, None) => (Status::NotFound, Vec::new()),
            (Action::Put { condition: Condition::IfVersion(asked), .. }, Some((_, version)))
                if asked != *version =>
            {
                (Status::ConditionFailed, version.to_le_bytes().to_vec())
            }
            (Action::Put { value, .. }, _) => {
                (Status::Ok, write(values, key.key, value).to_le_bytes().to_vec())
            }
            other => panic!("{other:?}"),
        },
        Request::MultiGet(keys) => {
            let value = |key: &[u8]| match values.get(key) {
                Some((value, _)) => [&u32::try_from(value.len()).unwrap().to_le_bytes()[..], value].concat(),
                None => vec![0xFF; 4],
            };
            (Status::Ok, keys.iter().flat_map(value).collect())
        }
        Request::MultiPut { pairs, .. } => {
            for (key, value) in pairs.iter() {
                write(values, key, value);
            }
            (Status::Ok, Vec::new())
        }
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
fn requests_of_many_keys_count_keys() {
    // Each of the 8 keys is written alone first.
    let (address, server) = serve(8 + 200);
    let report =
        run(&address, "--load --requests 200 --in-flight 9 --keys 8 --keys-per-request 5 --workload ycsb-a");
    assert_eq!((&report["operations"], &report["errors"]), (&200.into(), &0.into()));
    let hits = report["hits"].as_u64().unwrap();
    assert!(hits.is_multiple_of(5) && (300..700).contains(&hits), "{hits} of 200 requests");
    server.join().unwrap();
}

#[test]
fn inserts_are_of_new_keys() {
    let (address, server) = serve(20 + 400);
    let report = run(&address, "--load --requests 400 --in-flight 4 --keys 20 --workload ycsb-d");
    assert_eq!((&report["operations"], &report["errors"]), (&400.into(), &0.into()));
    let hits = report["hits"].as_u64().unwrap();
    assert!((350..400).contains(&hits), "{hits} reads of 400 operations");
    server.join().unwrap();
}

#[test]
fn a_read_modify_write_ends_with_its_write() {
    let (address, _endless) = serve(usize::MAX);
    let report = run(&address, "--load --requests 200 --in-flight 4 --keys 20 --workload ycsb-f");
    assert_eq!((&report["operations"], &report["errors"]), (&200.into(), &0.into()));
    assert_eq!((&report["misses"], &report["conflicts"]), (&0.into(), &0.into()));
    let hits = report["hits"].as_u64().unwrap();
    assert!((70..130).contains(&hits), "{hits} plain reads of 200 operations");
}

#[test]
fn a_swap_that_fails_begins_again() {
    let (address, _endless) = serve(usize::MAX);
    let flags = "--requests 200 --in-flight 16 --keys 2 --workload ycsb-f --compare-and-swap";
    let report = run(&address, &format!("--load {flags}"));
    assert_eq!((&report["operations"], &report["errors"]), (&200.into(), &0.into()));
    assert!(report["conflicts"].as_u64().unwrap() > 0, "two keys, 16 in flight");
}

#[test]
fn an_open_loop_sends_what_is_due() {
    let (address, server) = serve(300);
    let report =
        run(&address, "--requests 300 --rate 20000 --clients 3 --in-flight 4 --workload set --keys 10");
    assert_eq!((&report["operations"], &report["unsent"]), (&300.into(), &0.into()));
    assert_eq!(report["terms"]["pace"]["loop"], "open");
    server.join().unwrap();
}

#[test]
fn arguments_that_do_not_go_together_are_refused() {
    for words in [
        "--value-size 5000",
        "--value-size 20000 --tcp",
        "--sizes etc",
        "--workload ycsb-d --keys-per-request 2",
        "--compare-and-swap",
        "--target unix:/x --tcp",
        "--seconds 0",
        "--rate 0",
    ] {
        let words = ["perf", "native"].into_iter().chain(words.split(' '));
        let arguments = <Program as clap::Parser>::try_parse_from(words).unwrap().arguments;
        assert!(adit_perf::run(arguments).is_err());
    }
}
