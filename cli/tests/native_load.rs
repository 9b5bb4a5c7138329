//! `adit perf native` against Adit: everything that was written is found, over each wire.

mod support;

use support::{Server, adit, run, text};

/// Runs the load with `flags`; its lines.
fn load(server: &Server, flags: &str) -> String {
    let mut command = adit();
    command.args(["perf", "native", "--keys", "1000", "--target", &server.native.to_string()]);
    command.args(flags.split(' '));
    let output = run(command, b"", "adit itself");
    assert!(output.status.success(), "{flags}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_native_load_finds_what_it_wrote() {
    let mut server = Server::start(1);
    for wire in ["--in-flight 32", "--in-flight 32 --no-offload", "--clients 20 --in-flight 2", "--tcp"] {
        let found = load(&server, &format!("--load --requests 5000 {wire}"));
        assert!(found.contains("5,000 hits, 0 misses, 0 errors"), "{wire}: {found}");
        let written = load(&server, &format!("--workload set --requests 5000 {wire}"));
        assert!(written.contains("operations   5,000 in"), "{wire}: {written}");
        assert!(written.contains("0 misses, 0 errors"), "{wire}: {written}");
    }
    server.assert_alive("after the loads");
}

#[test]
fn every_mix_runs_over_every_wire() {
    let mut server = Server::start(1);
    for wire in ["--in-flight 8 --clients 3", "--in-flight 8 --clients 3 --no-offload", "--tcp"] {
        for mix in
            ["a", "b", "c", "d", "f", "f --compare-and-swap", "a --keys-per-request 10", "b --rate 50000"]
        {
            let found = load(&server, &format!("--load --requests 3000 --workload ycsb-{mix} {wire}"));
            assert!(found.contains("operations   3,000 in"), "{mix}, {wire}: {found}");
            assert!(found.contains(" 0 misses, 0 errors"), "{mix}, {wire}: {found}");
        }
    }
    let found = load(&server, "--load --requests 3000 --value-size 16000 --tcp");
    assert!(found.contains("3,000 hits, 0 misses, 0 errors"), "{found}");
    server.assert_alive("after the loads");
}
