//! Ports of DPDK without a virtual machine: `adit serve` polls one end of a virtual Ethernet, ordinary clients of the kernel
//! use the other; and two processes that share memory. Needs root, for namespaces and packet sockets.
#![cfg(feature = "dpdk")]

mod support;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Stdio;

use adit_client::core::Transport;
use adit_client::{Client, Config, PutOptions};
use support::native::{BUCKET, TRANSPORTS, config};
use support::network::{OURS, THEIRS, address, connect, done, enter, ip, try_to};
use support::{Folder, Guard, Server, adit, run, text, wait_until};

#[test]
fn af_packet_serves_everything() {
    everything_is_served("af_packet");
}

#[test]
fn af_xdp_serves_everything() {
    everything_is_served("af_xdp");
}

/// With one shard over IPv4 and IPv6.
fn everything_is_served(driver: &str) {
    enter();
    address("10.77.0.1/24");
    address("fd77::1/64");
    let mut server = serve(1, &port(driver, "ip=10.77.0.2/24,ip=fd77::2/64"), &[]);
    for host in ["10.77.0.2", "fd77::2"] {
        pings_are_answered(host);
        resp_is_served(&server, host);
        native_is_served(&server, host, config);
        load_is_served(&server, host);
    }
    server.assert_alive("in the end");
    end(server, 1, driver == "af_xdp");
}

/// The kernel spreads flows over queues by a hash, which knows nothing of shards: what is for another one is handed over.
#[test]
fn two_shards_share_a_port() {
    enter();
    address("10.77.0.1/24");
    address("fd77::1/64");
    let mut server = serve(2, &port("af_packet", "ip=10.77.0.2/24,ip=fd77::2/64"), &[]);
    for host in ["10.77.0.2", "fd77::2"] {
        pings_are_answered(host);
        // Each is a flow of its own, and so are the sessions with both shards.
        for _ in 0..4 {
            resp_is_served(&server, host);
            native_is_served(&server, host, config);
        }
        load_is_served(&server, host);
    }
    server.assert_alive("in the end");
    end(server, 2, false);
}

/// Devices with one queue, one for each shard: clients are told where each shard is.
#[test]
fn each_shard_has_a_port_of_its_own() {
    enter();
    address("10.77.0.1/24");
    ip("link add v2 type veth peer name v3");
    ["v2", "v3"].iter().for_each(|device| ip(&format!("link set {device} up")));
    done("ethtool", "-K v2 tx off");
    ip("address add 10.78.0.1/24 dev v2");
    let first = port("af_packet", "ip=10.77.0.2/24,shard=0");
    let second = "dpdk:vdev=net_af_packet1,iface=v3,huge=off,ip=10.78.0.2/24,shard=1";
    let mut server = serve(2, &first, &["--port", second]);
    let (native, next) = (server.native.port(), server.native.port() + 1);
    for (host, port) in [("10.77.0.2", native), ("10.78.0.2", next)] {
        pings_are_answered(host);
        resp_is_served(&server, host);
        let home = SocketAddr::new(host.parse().expect("an address"), port);
        native_is_served_at(home, config);
        let client = Client::connect(config(home, Transport::Datagram)).expect("a session");
        let map: Vec<String> =
            client.map().expect("a map").addresses.iter().map(SocketAddr::to_string).collect();
        assert_eq!(map, [format!("10.77.0.2:{native}"), format!("10.78.0.2:{next}")]);
        client.close();
    }
    assert_eq!(server.info("port_handed_over"), 0);
    server.assert_alive("in the end");
    end(server, 2, false);
    // A shard without a port is where the kernel has it, which these clients reach as well.
    let mut server = serve(2, &first, &[]);
    native_is_served(&server, "10.77.0.2", config);
    server.assert_alive("in the end");
    end(server, 1, false);
}

/// The other end has a port too, since not every kernel knows VLANs.
#[test]
fn a_port_on_a_vlan_answers_there_and_nowhere_else() {
    enter();
    address("10.77.0.1/24");
    let mut server = serve(1, &port("af_packet", "ip=10.77.0.2/24,vlan=7"), &[]);
    let kv = |tag: &str, words: &[&str], input: &[u8]| {
        let mut command = adit();
        let address = format!("10.77.0.2:{}", server.native.port());
        let own = format!("dpdk:vdev=net_af_packet1,iface={OURS},ip=10.77.0.3/24,huge=off{tag}");
        command.args(["kv", "--native", &address, "--port", &own]).args(words);
        run(command, input, "")
    };
    for len in LENGTHS {
        let value = letters(len);
        let ran = kv(",vlan=7", &["set", "key", "-"], &value);
        assert!(ran.status.success(), "{len} bytes: {}", text(&ran.stderr));
        let mut printed = kv(",vlan=7", &["get", "key"], b"").stdout;
        printed.truncate(len);
        assert!(printed == value, "{len} bytes");
    }
    // Others get no answer, not even if they know its address.
    for tag in ["", ",vlan=8"] {
        let ran = kv(tag, &["get", "key"], b"");
        assert!(text(&ran.stderr).contains("no answer"), "{tag}: {}", text(&ran.stderr));
    }
    ip(&format!("neighbour replace 10.77.0.2 lladdr {} dev {OURS} nud permanent", mac(&server)));
    let silence = try_to("ping", "-c 3 -i 0.2 -W 1 10.77.0.2").expect_err("no answer");
    assert!(silence.contains(" 0 received"), "{silence}");
    server.assert_alive("in the end");
    end(server, 1, false);
}

#[test]
fn jumbo_frames_are_used_in_full() {
    enter();
    for device in [OURS, THEIRS] {
        ip(&format!("link set {device} mtu 9000"));
    }
    address("10.77.0.1/24");
    let port = port("af_packet", "ip=10.77.0.2/24,mtu=9000");
    let mut server = serve(1, &port, &["--native-frame", "8972"]);
    // The longest datagram that needs no second packet.
    done("ping", "-c 3 -i 0.2 -w 60 -M do -s 8972 10.77.0.2");
    resp_is_served(&server, "10.77.0.2");
    native_is_served(&server, "10.77.0.2", |address, transport| {
        let mut config = config(address, transport);
        config.core.frame_bytes = 8972;
        config
    });
    server.assert_alive("in the end");
    end(server, 1, false);
}

/// The far end goes down in the middle of things, and the device of the port itself.
#[test]
fn a_link_that_was_down_carries_on() {
    enter();
    address("10.77.0.1/24");
    let mut server = serve(1, &port("af_packet", "ip=10.77.0.2/24"), &[]);
    for device in [OURS, THEIRS] {
        let before = server.info("total_commands_processed");
        let mut load = std::process::Command::new("redis-benchmark");
        load.args(["-h", "10.77.0.2", "-p", &server.port.to_string(), "-n", "1000000", "-P", "16", "-q"]);
        let load = load.args(["-t", "set"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let load = Guard(load.expect("redis-benchmark is installed"));
        wait_until("there is load", || server.info("total_commands_processed") > before + 10_000);
        ip(&format!("link set {device} down"));
        server.assert_alive("without a link");
        ip(&format!("link set {device} up"));
        let back = server.info("total_commands_processed");
        wait_until("there is load again", || server.info("total_commands_processed") > back + 10_000);
        drop(load);
        pings_are_answered("10.77.0.2");
        resp_is_served(&server, "10.77.0.2");
        native_is_served(&server, "10.77.0.2", config);
    }
    server.assert_alive("in the end");
    end(server, 1, false);
}

#[test]
fn what_is_wrong_with_a_port_is_told() {
    enter();
    let good = port("af_packet", "ip=10.77.0.2/24");
    for (ports, shards, words) in [
        (&["dpdk:vdev=net_af_packet0,iface=nope,ip=10.77.0.2/24,huge=off"][..], 1, "check its options"),
        (&["dpdk:vdev=net_af_xdp0,iface=nope,ip=10.77.0.2/24,huge=off"], 1, "check its options"),
        (&["dpdk:vdev=net_nosuch0,ip=10.77.0.2/24,huge=off"], 1, "net_nosuch0 does not start"),
        (&["dpdk:vdev=net_af_packet0,iface=v1,huge=off"], 1, "it has no address"),
        (&["dpdk:vdev=v1,ip=10.77.0.2/24"], 1, "that of its driver and a number"),
        (&["eth0"], 1, "`dpdk:`"),
        (&[&good, &good], 1, "net_af_packet0"),
        (&[&port("af_packet", "ip=10.77.0.2/24,shard=2")], 2, "shard=2, and the last of 2 is 1"),
        (&[&port("af_packet", "qpairs=1,ip=10.77.0.2/24")], 2, "1 queue pair(s), and 2 shards"),
        (&[&port("af_xdp", "ip=10.77.0.2/24,mtu=9000")], 1, "no MTU of 9000 bytes"),
        (&[&port("af_packet", "ip=10.77.0.2/24,memory=16MiB,descriptors=32768")], 1, "memory="),
    ] {
        let mut command = adit();
        command.args(["serve", "--memory", "128MiB", "--shards", &shards.to_string()]);
        command.args(["--resp", "127.0.0.1:0", "--native", "127.0.0.1:0"]);
        for port in ports {
            command.args(["--port", port]);
        }
        let ran = run(command, b"", "");
        let said = text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1), "{ports:?}: {said}");
        assert!(said.contains(words) && !said.contains("panicked"), "{ports:?}: {said}");
    }
}

/// The backend of virtio in one process, a driver of it in another: both are ours.
#[test]
fn virtio_user_reaches_vhost() {
    reserve_hugepages();
    let folder = Folder::new();
    let socket = folder.path("vhost.sock");
    let socket = socket.display();
    for shards in [1, 2] {
        let port = format!("dpdk:vdev=net_vhost0,iface={socket},ip=10.77.0.2/24,memory=128MiB");
        let mut server = serve(shards, &port, &[]);
        let own = format!(
            "dpdk:vdev=net_virtio_user0,path={socket},packed_vq=1,in_order=1,ip=10.77.0.3/24,queues={shards},\
             memory=128MiB"
        );
        let kv = |words: &[&str], input: &[u8]| {
            let mut command = adit();
            let address = format!("10.77.0.2:{}", server.native.port());
            command.args(["kv", "--native", &address, "--port", &own]).args(words);
            let ran = run(command, input, "");
            assert!(ran.status.success(), "{words:?}: {}", text(&ran.stderr));
            ran.stdout
        };
        for len in LENGTHS {
            let value = letters(len);
            kv(&["set", "key", "-"], &value);
            let mut printed = kv(&["get", "key"], b"");
            printed.truncate(len);
            assert!(printed == value, "{len} bytes");
        }
        server.assert_alive("in the end");
        end(server, shards, false);
    }
}

/// Sees to it that both ends of shared memory find some; what was reserved stays.
fn reserve_hugepages() {
    let folder = Path::new("/sys/kernel/mm/hugepages/hugepages-2048kB");
    let read = |name: &str| -> u64 {
        let text = std::fs::read_to_string(folder.join(name)).expect("the kernel has pages of 2 MiB");
        text.trim().parse().expect("a number")
    };
    let missing = HUGEPAGES.saturating_sub(read("free_hugepages"));
    if missing > 0 {
        let count = read("nr_hugepages") + missing;
        std::fs::write(folder.join("nr_hugepages"), count.to_string()).expect("root may reserve pages");
    }
    assert!(read("free_hugepages") >= HUGEPAGES, "too little memory for {HUGEPAGES} hugepages");
}

/// A port on an end of the pair, with more keys, on machines without hugepages too.
fn port(driver: &str, keys: &str) -> String {
    format!("dpdk:vdev=net_{driver}0,iface={THEIRS},huge=off,{keys}")
}

/// A server with a port, and with more flags.
fn serve(shards: u16, port: &str, flags: &[&str]) -> Server {
    let memory = format!("{}MiB", 64 * shards);
    Server::start_with(shards, &[&["--memory", &memory, "--port", port], flags].concat(), &[])
}

/// Ends a server in order: all buffers of its ports came back, unless its driver keeps some.
fn end(server: Server, shards: u16, is_kept: bool) {
    server.signal("TERM");
    let (code, printed, stderr) = server.wait_end();
    assert_eq!(code, Some(0), "{printed:?} {stderr}");
    let homes: Vec<&String> = printed.iter().filter(|line| line.contains(" buffers are home")).collect();
    assert_eq!(homes.len(), usize::from(shards), "a line for each shard: {printed:?}");
    for home in homes {
        let (_, counts) = home.split_once(": ").expect("a port, a shard and counts");
        let words: Vec<&str> = counts.split(' ').collect();
        let is_all = words[0] == words[2] && words[0] != "0";
        assert!(is_all || is_kept && home.contains("its driver kept"), "{home}");
    }
}

/// The address of the port of a server.
fn mac(server: &Server) -> String {
    let line = server.banner.iter().find(|line| line.starts_with("port ")).expect("the port is told");
    let (_, rest) = line.split_once(" at ").expect("its address");
    rest.split(',').next().expect("its address").into()
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251).to_le_bytes()[0]).collect()
}

/// What a program can print.
fn letters(len: usize) -> Vec<u8> {
    pattern(len).into_iter().map(|byte| b'a' + byte % 26).collect()
}

/// Values of several lengths go both ways in RESP.
fn resp_is_served(server: &Server, host: &str) {
    let mut raw = connect(host, server.port);
    for len in LENGTHS {
        let value = pattern(len);
        assert_eq!(raw.ask(&[b"SET", &b"resp"[..], &value]), "+OK\r\n", "{len} bytes");
        let reply = raw.call(&["GET", "resp"]);
        let head = format!("${len}\r\n").len();
        assert!(reply[head..reply.len() - 2] == value, "{len} bytes");
    }
    let cli = |words: &str| done("redis-cli", &format!("-h {host} -p {} {words}", server.port));
    assert_eq!(cli("SET greeting hello"), "OK\n");
    assert_eq!(cli("GET greeting"), "hello\n");
}

/// Values of several lengths go both ways over the native protocol, and a scan finds their keys.
fn native_is_served(server: &Server, host: &str, config: impl Fn(SocketAddr, Transport) -> Config) {
    let host: IpAddr = host.parse().expect("an address");
    native_is_served_at(SocketAddr::new(host, server.native.port()), config);
}

/// The same by whichever shard is at an address.
fn native_is_served_at(address: SocketAddr, config: impl Fn(SocketAddr, Transport) -> Config) {
    for transport in TRANSPORTS {
        let mut client = Client::connect(config(address, transport))
            .unwrap_or_else(|error| panic!("no session over {transport:?}: {error}"));
        for len in LENGTHS {
            let (key, value) = (format!("{transport:?}:{len}"), pattern(len));
            client.put(BUCKET, key.as_bytes(), &value[..], PutOptions::default()).expect("a put is done");
            let found = client.get(BUCKET, key.as_bytes()).expect("a get is answered").expect("it is there");
            assert!(found.bytes() == value, "{len} bytes over {transport:?}");
        }
        let mut keys: Vec<Vec<u8>> = client.scan(BUCKET).map(|key| key.expect("a scan goes on")).collect();
        keys.retain(|key| key.starts_with(format!("{transport:?}:").as_bytes()));
        assert_eq!(keys.len(), LENGTHS.len());
        client.close();
    }
    let kv = |words: &str| {
        let mut command = adit();
        command.args(["kv", "--native", &address.to_string()]).args(words.split(' '));
        let ran = run(command, b"", "");
        assert!(ran.status.success(), "{words}: {}", text(&ran.stderr));
        text(&ran.stdout)
    };
    kv("set fruit apple");
    assert_eq!(kv("get fruit").trim_end(), "apple");
    assert_eq!(kv("--tcp get fruit").trim_end(), "apple");
}

/// Many requests at once.
fn load_is_served(server: &Server, host: &str) {
    let words = format!("-h {host} -p {} -n 20000 -P 16 -q -t set,get", server.port);
    let printed = done("redis-benchmark", &words);
    assert!(printed.contains("GET: ") && !printed.contains("rror"), "{printed}");
}

fn pings_are_answered(host: &str) {
    done("ping", &format!("-c 3 -i 0.2 -w 60 {host}"));
}

/// Of 2 MiB, for a server and a client with 128 MiB each.
const HUGEPAGES: u64 = 512;
const LENGTHS: [usize; 3] = [1, 100 << 10, 5 << 20];
