//! `adit perf` over a port of a NIC: a client and a server at the ends of a memif, each with an environment of DPDK, without
//! hugepages.
#![cfg(feature = "dpdk")]

mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use support::{Folder, Guard, Server, adit, run, text};

/// The end of a memif.
fn port(folder: &Folder, options: &str) -> String {
    format!(
        "dpdk:vdev=net_memif0,socket={},{options}/24,huge=off,memory=64MiB",
        folder.path("m.sock").display()
    )
}

/// Runs `adit perf` with `flags`; its lines.
fn perf(flags: &[&str]) -> String {
    let mut command = adit();
    command.arg("perf").args(flags);
    let output = run(command, b"", "adit itself");
    assert!(output.status.success(), "{flags:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs a load over a memif to a server of its own: that of DPDK 22.11's memif may read what it has just unmapped, and end,
/// when its client goes.
fn load(flags: &str) -> String {
    let folder = Folder::new();
    let server_port = port(&folder, "role=server,ip=10.9.0.2");
    let server = Server::start_with(1, &["--port", &server_port, "--memory", "128MiB"], &[]);
    let (client_port, target) = (port(&folder, "ip=10.9.0.1"), format!("10.9.0.2:{}", server.native.port()));
    let all = ["native", "--target", &target, "--port", &client_port, "--keys", "1000", "--server-counters"];
    perf(&[&all[..], &flags.split(' ').collect::<Vec<_>>()].concat())
}

#[test]
fn a_load_over_a_port_finds_what_it_wrote() {
    let found = load("--load --requests 5000");
    assert!(found.contains("5,000 hits, 0 misses, 0 errors"), "{found}");
    assert!(found.contains(" ns of work per operation"), "{found}");
}

#[test]
fn lean_and_other_loads_run_over_a_port() {
    for flags in ["--workload set --in-flight 1", "--rate 20000", "--workload ycsb-a", "--keys-per-request 3"]
    {
        let found = load(&format!("{flags} --load --requests 2000"));
        assert!(found.contains("operations   2,000 in"), "{flags}: {found}");
        assert!(found.contains(" 0 misses, 0 errors"), "{flags}: {found}");
    }
}

#[test]
fn packets_come_back() {
    for flags in [&["--in-flight", "1"][..], &["--no-checksum"]] {
        let folder = Folder::new();
        let (server_port, client_port) =
            (port(&folder, "role=server,ip=10.9.0.2"), port(&folder, "ip=10.9.0.1"));
        let mut command = adit();
        command.args(["perf", "echo", "--port", &server_port]).stdout(Stdio::piped());
        let mut server = Guard(command.spawn().expect("adit starts"));
        let mut line = String::new();
        let stdout = server.0.stdout.as_mut().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert!(line.starts_with("echoing"), "{line}");
        let found = perf(&[&["packets", "--port", &client_port, "--seconds", "0.05"], flags].concat());
        assert!(found.starts_with("packets  ") && !found.contains("packets      0 of"), "{found}");
    }
}
