//! `adit perf` over a port of a NIC: a client and a server at the ends of a memif, each with an environment of DPDK, without
//! hugepages.
#![cfg(feature = "dpdk")]

mod support;

use std::process::Stdio;

use support::{Folder, Guard, Server, adit, run, text, wait_until};

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

#[test]
fn a_load_over_a_port_finds_what_it_wrote() {
    let folder = Folder::new();
    let server_port = port(&folder, "role=server,ip=10.9.0.2");
    let mut server = Server::start_with(1, &["--port", &server_port], &[]);
    let (client_port, target) = (port(&folder, "ip=10.9.0.1"), format!("10.9.0.2:{}", server.native.port()));
    let load = |flags: &str| {
        let all =
            ["native", "--target", &target, "--port", &client_port, "--keys", "1000", "--server-counters"];
        perf(&[&all[..], &flags.split(' ').collect::<Vec<_>>()].concat())
    };
    let found = load("--load --requests 5000");
    assert!(found.contains("5,000 hits, 0 misses, 0 errors"), "{found}");
    assert!(found.contains(" ns of work per operation"), "{found}");
    for flags in ["--workload set --in-flight 1", "--rate 20000", "--workload ycsb-a", "--keys-per-request 3"]
    {
        let found = load(&format!("{flags} --requests 2000"));
        assert!(found.contains("operations   2,000 in"), "{flags}: {found}");
        assert!(found.contains(" 0 misses, 0 errors"), "{flags}: {found}");
    }
    server.assert_alive("after the loads");
}

#[test]
fn packets_come_back() {
    let folder = Folder::new();
    let (server_port, client_port) = (port(&folder, "role=server,ip=10.9.0.2"), port(&folder, "ip=10.9.0.1"));
    let mut command = adit();
    command.args(["perf", "echo", "--port", &server_port]).stdout(Stdio::null());
    let mut server = Guard(command.spawn().expect("adit starts"));
    for flags in [&["--in-flight", "1"][..], &["--no-checksum"]] {
        let found = perf(&[&["packets", "--port", &client_port, "--seconds", "0.05"], flags].concat());
        assert!(found.starts_with("packets  ") && !found.contains("packets      0 of"), "{found}");
    }
    let killed = std::process::Command::new("kill").arg(server.0.id().to_string()).status();
    assert!(killed.expect("kill runs").success());
    wait_until("the echo ends when it is told", || server.0.try_wait().expect("our child").is_some());
}
