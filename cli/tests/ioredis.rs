//! ioredis on Node.js, as programs use it: `ioredis.mjs` does the work.

mod support;

use std::process::Command;

use support::{Server, run, text};

const PASSWORD: &str = "pass word";

fn script(shards: u16) {
    let folder = std::env::var("ADIT_NODE_MODULES").expect(
        "no ADIT_NODE_MODULES: install the packages nodejs and npm, run `npm install --prefix DIR ioredis`, and set it to \
         DIR/node_modules",
    );
    let mut server = Server::start_with(shards, &["--memory", "512MiB"], &[]);
    let mut locked = Server::start_with(shards, &[], &[("ADIT_PASSWORD", PASSWORD)]);
    let mut command = Command::new("node");
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ioredis.mjs"))
        .args([&server.port.to_string(), &locked.port.to_string(), PASSWORD])
        .arg(&server.unix)
        .env("ADIT_NODE_MODULES", folder);
    let output = run(command, b"", "the package nodejs");
    println!("{}", text(&output.stdout));
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).trim_end().ends_with("all done"), "the script ended early");
    assert_eq!(server.info("protocol_errors"), 0);
    server.assert_alive("after ioredis");
    locked.assert_alive("after ioredis");
}

#[test]
fn ioredis_works_with_one_shard() {
    script(1);
}

#[test]
fn ioredis_works_with_two_shards() {
    script(2);
}
