//! Clients that poll a port of their own, by memory that they share with a server (memif): both are processes, without a
//! kernel between them. DPDK starts once in a process, so each test that has a client itself wants a process for itself,
//! which nextest gives it. Hugepages are not needed.
#![cfg(feature = "dpdk")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use adit_client::core::{CoreConfig, Transport};
use adit_client::error::{Uncertain, Unreachable};
use adit_client::{
    Answer, AsyncClient, BucketId, Client, Config, Error, KeyAction, Keys, Operation, Pairs, PutOptions,
};
use support::{Folder, Server, adit, run, text};

const BUCKET: BucketId = BucketId(0);

/// A server with a port of shared memory, and where its socket is.
struct Pair {
    folder: Folder,
    shards: u16,
    /// The native ports: a server that is started again has the same.
    first_port: u16,
    server: Option<Server>,
}

impl Pair {
    fn start(shards: u16) -> Self {
        let folder = Folder::new();
        let server = serve(&folder, shards, 0);
        let first_port = server.native.port();
        Self { folder, shards, first_port, server: Some(server) }
    }

    /// Kills the server, and starts another in its place.
    fn restart(&mut self) {
        let server = self.server.take().expect("one runs");
        server.signal("KILL");
        drop(server);
        // What a server that was killed leaves behind: the next one cannot bind it.
        std::fs::remove_file(self.folder.path("memif.sock")).expect("a stale socket");
        self.server = Some(serve(&self.folder, self.shards, self.first_port));
    }

    /// The port of a client.
    fn port(&self, queues: u16) -> String {
        format!("{},queues={queues}", spec(&self.folder, "client", 3))
    }

    fn address(&self) -> String {
        format!("10.77.0.2:{}", self.first_port)
    }

    fn config(&self) -> Config {
        let address = self.address().parse().expect("an address");
        let core = CoreConfig { address, ..CoreConfig::default() };
        let deadline = Duration::from_secs(30);
        Config { core, deadline, port: Some(self.port(self.shards)), ..Config::default() }
    }

    fn client(&self) -> Client {
        Client::connect(self.config()).expect("the server is there")
    }

    /// `adit kv` by a port.
    fn kv(&self, arguments: &[&str]) -> Command {
        let mut command = adit();
        command.args(["kv", "--native", &self.address(), "--port", &self.port(self.shards)]).args(arguments);
        command
    }
}

fn spec(folder: &Folder, role: &str, host: u8) -> String {
    let socket = folder.path("memif.sock");
    let socket = socket.display();
    format!(
        "dpdk:vdev=net_memif0,role={role},socket={socket},socket-abstract=no,ip=10.77.0.{host}/24,huge=off"
    )
}

fn serve(folder: &Folder, shards: u16, first_port: u16) -> Server {
    let port = format!("{},connections=16", spec(folder, "server", 2));
    let native = format!("127.0.0.1:{first_port}");
    Server::start_with(shards, &["--memory", "256MiB", "--native", &native, "--port", &port], &[])
}

fn put(client: &mut Client, key: &[u8], value: Vec<u8>) {
    client.put(BUCKET, key, value, PutOptions::default()).expect("a put");
}

#[test]
fn operations_on_one_and_several_keys() {
    for_each_count("operations_on_one_and_several_keys", |shards| {
        let pair = Pair::start(shards);
        let mut client = pair.client();
        assert_eq!(client.shard_count(), usize::from(shards));
        let keys: Vec<_> = (0..500).map(|number| format!("key:{number}")).collect();
        for key in &keys {
            put(&mut client, key.as_bytes(), key.repeat(20).into_bytes());
        }
        for key in &keys {
            let value = client.get(BUCKET, key.as_bytes()).unwrap().expect("it was written");
            assert_eq!(value.bytes(), key.repeat(20).as_bytes());
        }
        assert_eq!(client.get(BUCKET, b"absent"), Ok(None));
        let pairs = [("a", "1"), ("b", "2"), ("c", "3")];
        client.multi_put(BUCKET, pairs.into_iter().collect::<Pairs>(), false).unwrap();
        let items = client.multi_get(BUCKET, ["c", "absent", "a"].into_iter().collect::<Keys>()).unwrap();
        assert_eq!(items.iter().collect::<Vec<_>>(), [Some(&b"3"[..]), None, Some(b"1")]);
        let mut found: Vec<_> = client.scan(BUCKET).collect::<Result<_, _>>().unwrap();
        found.sort();
        found.dedup();
        assert_eq!(found.len(), keys.len() + 3);
        client.close();
        pair.server.expect("it runs").assert_alive("in the end");
    });
}

#[test]
fn sums_are_counted_once_with_many_under_way() {
    for_each_count("sums_are_counted_once_with_many_under_way", |shards| {
        let pair = Pair::start(shards);
        let mut client = pair.client();
        let (mut begun, mut done, mut completions) = (0_u32, 0_u32, Vec::new());
        while done < ADDS {
            while begun < ADDS && begun - done < 32 {
                let key = format!("sum:{}", begun % 8);
                let add = Operation::on_key(BUCKET, key.as_bytes(), KeyAction::Add(1));
                client.submit(add).expect("there is room");
                begun += 1;
            }
            client.poll(Duration::from_secs(60), &mut completions);
            for completion in completions.drain(..) {
                assert!(matches!(completion.result, Ok(Answer::Sum(_))), "{completion:?}");
                done += 1;
            }
        }
        let sum =
            |client: &mut Client, key: u32| client.add(BUCKET, format!("sum:{key}").as_bytes(), 0).unwrap();
        let total: i64 = (0..8).map(|key| sum(&mut client, key)).sum();
        assert_eq!(total, i64::from(ADDS));
        client.close();
    });
}

#[test]
fn long_values_both_ways() {
    for_each_count("long_values_both_ways", |shards| {
        let pair = Pair::start(shards);
        let mut client = pair.client();
        let value: Vec<u8> =
            (0..5_u32 << 20).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        for key in [&b"one"[..], b"two", b"three"] {
            put(&mut client, key, value.clone());
            assert!(client.get(BUCKET, key).unwrap().expect("it was written").bytes() == value);
        }
        let len_bytes = value.len() as u64;
        let mut writer = client.write_value(BUCKET, b"pieces", len_bytes, PutOptions::default()).unwrap();
        writer.write_all(&value).unwrap();
        writer.finish().unwrap();
        let mut copy = Vec::new();
        let mut reader = client.read_value(BUCKET, b"pieces").unwrap().expect("it was written");
        reader.read_to_end(&mut copy).unwrap();
        drop(reader);
        assert!(copy == value);
        client.close();
    });
}

#[test]
fn long_values_leave_in_jumbo_frames_from_where_they_lie() {
    let folder = Folder::new();
    let jumbo = |role, host| format!("{},mtu=9000", spec(&folder, role, host));
    let server_port = format!("{},connections=16", jumbo("server", 2));
    let options = ["--memory", "256MiB", "--native", "127.0.0.1:0", "--native-frame", "8972"];
    let mut server = Server::start_with(1, &[&options[..], &["--port", &server_port]].concat(), &[]);
    let address = format!("10.77.0.2:{}", server.native.port()).parse().expect("an address");
    let core = CoreConfig { address, frame_bytes: 8972, ..CoreConfig::default() };
    let config = Config {
        core,
        deadline: Duration::from_secs(30),
        port: Some(jumbo("client", 3)),
        ..Config::default()
    };
    let mut client = Client::connect(config).expect("the server is there");
    let mut value: Vec<u8> =
        (0..5_u32 << 20).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let frames_before = client.counters().frames_received;
    for _ in 0..3 {
        put(&mut client, b"long", value.clone());
        assert!(client.get(BUCKET, b"long").unwrap().expect("it was written").bytes() == value);
        // Written over while the client may still be sent the one before.
        value.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
    }
    let frames = client.counters().frames_received - frames_before;
    assert!(frames < 3 * 2 * 600, "{frames} frames: they are jumbo");
    client.close();
    server.assert_alive("in the end");
}

#[test]
fn a_server_that_is_killed_is_told_and_the_next_one_serves_others() {
    let mut pair = Pair::start(1);
    let mut client = Client::connect(Config { deadline: Duration::from_secs(2), ..pair.config() }).unwrap();
    put(&mut client, b"key", b"value".to_vec());
    pair.server.as_ref().expect("it runs").signal("STOP");
    assert_eq!(client.get(BUCKET, b"key"), Err(Error::Unreachable(Unreachable::Deadline)));
    assert_eq!(client.add(BUCKET, b"sum", 1), Err(Error::Uncertain(Uncertain::Deadline)));
    pair.restart();
    // The driver does not share memory a second time: the client stays alone, and says so in time.
    assert_eq!(client.get(BUCKET, b"key"), Err(Error::Unreachable(Unreachable::Deadline)));
    client.close();
    // DPDK is gone with the port, and does not come back in this process: that is told, and another process is served.
    let Err(Error::Unreachable(Unreachable::Port(fault))) = Client::connect(pair.config()) else {
        panic!("DPDK started twice");
    };
    assert!(fault.to_string().contains("only once"), "{fault}");
    assert_eq!(Error::Unreachable(Unreachable::Port(fault)).code(), 402);
    let ran = run(pair.kv(&["set", "key", "again"]), b"", "");
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let ran = run(pair.kv(&["get", "key"]), b"", "");
    assert_eq!(text(&ran.stdout), "again\n", "{}", text(&ran.stderr));
    // Nobody there at all.
    drop(pair.server.take());
    let ran = run(pair.kv(&["get", "key"]), b"", "");
    assert!(text(&ran.stderr).contains("memif"), "{}", text(&ran.stderr));
}

#[test]
fn a_client_that_is_killed_makes_room_for_the_next() {
    let pair = Pair::start(2);
    let server = pair.server.as_ref().expect("it runs");
    let mut loader = Client::connect(Config::at(server.native)).unwrap();
    // More keys than a pipe takes.
    let keys = (0..3_000).map(|number| (format!("{number:0>100}"), "")).collect::<Pairs>();
    loader.multi_put(BUCKET, keys, false).unwrap();
    loader.close();
    for number in 0..3 {
        let mut killed = pair.kv(&["scan"]);
        let mut child = support::Guard(killed.stdout(Stdio::piped()).spawn().unwrap());
        // It has its session, and waits for us to read on.
        let mut line = String::new();
        BufReader::new(child.0.stdout.as_mut().expect("piped")).read_line(&mut line).unwrap();
        assert_eq!(line.len(), 101);
        drop(child);
        let value = format!("value {number}");
        let ran = run(pair.kv(&["set", "key", &value]), b"", "");
        assert!(ran.status.success(), "{}", text(&ran.stderr));
        let mut by_variable = adit();
        by_variable.args(["kv", "--native", &pair.address(), "get", "key"]).env("ADIT_PORT", pair.port(2));
        let ran = run(by_variable, b"", "");
        assert_eq!(text(&ran.stdout), format!("{value}\n"), "{}", text(&ran.stderr));
    }
}

#[test]
fn what_is_wrong_is_told() {
    let pair = Pair::start(2);
    let (address, one) = (pair.address(), pair.port(1));
    for (arguments, words) in [
        (&["--port", "eth0"][..], "dpdk:"),
        (&["--port", "dpdk:vdev=net_memif0"], "ip="),
        (&["--port", &one], "say queues=2"),
        (&["--port", &one, "--tcp"], "cannot be used with"),
    ] {
        let mut command = adit();
        command.args(["kv", "--native", &address]).args(arguments).args(["get", "key"]);
        let ran = run(command, b"", "");
        assert!(!ran.status.success() && text(&ran.stderr).contains(words), "{}", text(&ran.stderr));
    }
    let mut config = pair.config();
    config.core.transport = Transport::Stream;
    let error = Client::connect(config).err().expect("a port has no streams");
    assert!(error.to_string().contains("UDP"), "{error}");
}

#[test]
fn a_client_that_rests_sleeps() {
    let pair = Pair::start(1);
    let mut client = pair.client();
    let mut completions = Vec::new();
    client.poll(Duration::from_millis(200), &mut completions);
    let (begun, used) = (Instant::now(), own_ticks());
    client.poll(Duration::from_secs(2), &mut completions);
    let used = own_ticks() - used;
    assert!(begun.elapsed() >= Duration::from_secs(2));
    // One that does not sleep has used 200 of them, on any processor that it has for itself.
    assert!(used < 100, "{used} hundredths of a second of a processor in 2 s");
    // It is looked at again and again, though nothing comes.
    let wait = client.next_event().expect("a port has no descriptor that tells");
    assert!(wait <= Duration::from_millis(1));
    put(&mut client, b"key", b"value".to_vec());
    client.close();
}

#[test]
fn a_program_in_c_takes_its_port_from_the_environment() {
    let pair = Pair::start(2);
    let prefix = pair.folder.path("prefix");
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let succeed = |command: &mut Command, package: &str| {
        let ran = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; install {package}"));
        assert!(ran.status.success(), "{command:?}: {}{}", text(&ran.stdout), text(&ran.stderr));
        text(&ran.stdout)
    };
    let mut install = Command::new(root.join("scripts/install-client"));
    succeed(install.args(["--features", "dpdk"]).arg(&prefix), "bash");
    let mut pkg_config = Command::new("pkg-config");
    pkg_config.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).args(["--cflags", "--libs", "adit"]);
    let flags = succeed(&mut pkg_config, "pkg-config");
    let program = pair.folder.path("hello");
    let mut cc = Command::new("cc");
    cc.arg("-o").arg(&program).arg(root.join("client/examples/hello.c")).args(flags.split_whitespace());
    succeed(&mut cc, "gcc libc6-dev");
    let hello = |port: &str| {
        let mut command = Command::new(&program);
        command.arg(pair.address()).env("ADIT_PORT", port);
        run(command, b"", "")
    };
    let ran = hello(&pair.port(2));
    assert_eq!(text(&ran.stdout), "hello from C (version 1)\n", "{}", text(&ran.stderr));
    let told = text(&hello("eth0").stderr);
    assert!(told.contains("libadit: ADIT_PORT") && told.contains("dpdk:"), "{told}");
}

#[test]
fn tasks_share_a_client() {
    let pair = Pair::start(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = AsyncClient::connect(pair.config()).await.unwrap();
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move {
                    for _ in 0..20 {
                        client.add(BUCKET, "sum", 1).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(client.add(BUCKET, "sum", 0).await, Ok(400));
    });
}

/// Hundredths of a second that this process has run, as `proc(5)` has them.
fn own_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a process has it");
    let fields = stat.rsplit(") ").next().expect("the name ends");
    fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}

/// Operations of one test.
const ADDS: u32 = 10_000;

/// Does something with servers of one and of two shards. DPDK starts once in a process: so the second is a process that runs
/// the same test.
fn for_each_count(name: &str, test: impl Fn(u16)) {
    if std::env::var_os(SECOND).is_some() {
        return test(2);
    }
    test(1);
    let mut second = Command::new(std::env::current_exe().expect("this program"));
    second.args(["--exact", name, "--nocapture"]).env(SECOND, "1");
    let ran = run(second, b"", "");
    assert!(ran.status.success(), "with two shards: {}{}", text(&ran.stdout), text(&ran.stderr));
    assert!(text(&ran.stdout).contains("1 passed"), "{}", text(&ran.stdout));
}

const SECOND: &str = "ADIT_TEST_SECOND";
