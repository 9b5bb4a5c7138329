//! redis-benchmark runs unmodified against Adit.

mod support;

use std::process::Command;

use support::{Server, run, text};

/// Runs it; it must report a rate for each of `names` and complain about nothing.
fn benchmark(server: &Server, flags: &[&str], names: &[&str]) {
    let mut command = Command::new("redis-benchmark");
    let port = server.port.to_string();
    let unix = server.unix.display().to_string();
    let socket: &[&str] = if flags.contains(&"--unix") { &["-s", &unix] } else { &["-p", &port] };
    command.args(socket).args(["--csv", "-q"]);
    command.args(flags.iter().filter(|&&flag| flag != "--unix"));
    let output = run(command, b"", "the package redis-tools");
    let (printed, complaints) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{flags:?}: {printed} {complaints}");
    assert_eq!(complaints, "", "{flags:?}");
    for word in ["ERR", "Error", "error", "WARNING", "Could not"] {
        assert!(!printed.contains(word), "{flags:?}: {printed}");
    }
    for name in names {
        let line = printed.lines().find(|line| line.to_uppercase().starts_with(&format!("\"{name}")));
        let line = line.unwrap_or_else(|| panic!("{flags:?}: no line {name} in {printed}"));
        let rate: f64 =
            line.split(',').nth(1).and_then(|rate| rate.trim_matches('"').parse().ok()).expect("a rate");
        assert!(rate > 0.0, "{line}");
        println!("{} shards, {flags:?}: {line}", server.info("shards"));
    }
}

fn runs(shards: u16) {
    let mut server = Server::start(shards);
    let tests = ["-t", "ping,set,get,incr", "-n", "20000", "-c", "50"];
    let names = ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR"];
    let with = |more: &[&'static str]| [&tests[..], more].concat();
    benchmark(&server, &with(&["-P", "16"]), &names);
    benchmark(&server, &with(&["-P", "16", "-r", "100000"]), &names);
    benchmark(&server, &with(&["-r", "10000", "-d", "1000"]), &names);
    benchmark(&server, &with(&["-P", "16", "--threads", "2"]), &names);
    benchmark(&server, &with(&["-P", "16", "--unix"]), &names);
    benchmark(&server, &with(&["-P", "4", "-3"]), &names);
    benchmark(
        &server,
        &["-t", "set,get", "-n", "500", "-c", "20", "-d", "200000", "-r", "10"],
        &["SET", "GET"],
    );
    let mget = ["-n", "20000", "-P", "16", "-r", "100000", "mget", "key:__rand_int__", "key:__rand_int__"];
    benchmark(&server, &mget, &["MGET"]);
    let del = ["-n", "20000", "-P", "16", "-r", "100000", "del", "key:__rand_int__"];
    benchmark(&server, &del, &["DEL"]);
    assert_eq!(server.info("protocol_errors"), 0);
    server.assert_alive("after the benchmarks");
}

#[test]
fn redis_benchmark_runs_with_one_shard() {
    runs(1);
}

#[test]
fn redis_benchmark_runs_with_two_shards() {
    runs(2);
}
