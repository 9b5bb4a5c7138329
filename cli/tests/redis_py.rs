//! redis-py, as programs use it: `redis_py.py` does the work.

mod support;

use std::process::Command;

use support::{Server, run, text};

fn script(shards: u16) {
    let mut server = Server::start_with(shards, &["--memory", "512MiB"], &[]);
    let python = std::env::var("ADIT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut probe = Command::new(&python);
    probe.args(["-c", "import redis"]);
    let found = run(probe, b"", "the package python3");
    assert!(
        found.status.success(),
        "{python} has no redis: install the package python3-redis (or `pip install redis`), or name a Python that has \
         it in ADIT_PYTHON: {}",
        text(&found.stderr)
    );
    let mut command = Command::new(&python);
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/redis_py.py"))
        .arg(server.port.to_string())
        .arg(&server.unix);
    let output = run(command, b"", "the package python3");
    println!("{}", text(&output.stdout));
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).trim_end().ends_with("all done"), "the script ended early");
    assert_eq!(server.info("protocol_errors"), 0);
    server.assert_alive("after redis-py");
}

#[test]
fn redis_py_works_with_one_shard() {
    script(1);
}

#[test]
fn redis_py_works_with_two_shards() {
    script(2);
}
