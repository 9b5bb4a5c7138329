//! Redis's own programs: redis-server to compare with, redis-cli to talk with.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::{Guard, Raw, run, text, wait_until};

/// A running redis-server.
pub struct RedisServer {
    guard: Guard,
    /// Its TCP port.
    pub port: u16,
}

impl RedisServer {
    /// Starts one that stores nothing.
    pub fn start() -> Self {
        // Redis takes no port 0. Between finding one and its bind another program may take it: then the next is tried.
        for _ in 0..10 {
            let port = free_port();
            let mut command = Command::new("redis-server");
            command.args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let child = command.spawn().unwrap_or_else(|error| {
                panic!("cannot run redis-server ({error}); install the package redis-server");
            });
            let mut server = Self { guard: Guard(child), port };
            if server.serves() {
                return server;
            }
        }
        panic!("redis-server found no free port");
    }

    /// A new connection.
    pub fn connect(&self) -> Raw {
        Raw::tcp(self.port)
    }

    /// Waits until it serves; false if it ended instead.
    fn serves(&mut self) -> bool {
        let mut ended = false;
        wait_until("redis-server serves", || {
            ended = self.guard.0.try_wait().expect("waiting for our own child").is_some();
            ended || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
        !ended
    }
}

fn free_port() -> u16 {
    let probe = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    probe.local_addr().expect("a bound socket has an address").port()
}

/// One redis-cli session: everything that it printed for these lines.
pub fn cli_text(flags: &[&str], lines: &[&str]) -> String {
    let mut command = Command::new("redis-cli");
    command.arg("--no-raw").args(flags).env_remove("REDISCLI_AUTH");
    let output = run(command, format!("{}\n", lines.join("\n")).as_bytes(), "the package redis-tools");
    assert!(
        output.status.success(),
        "redis-cli {flags:?}: {} {}",
        text(&output.stderr),
        text(&output.stdout)
    );
    text(&output.stdout)
}

/// One redis-cli session: gives to each line the text that redis-cli printed for it.
pub fn cli_session(flags: &[&str], lines: &[&str]) -> Vec<String> {
    // A marker behind each line tells where its reply ends.
    let marked: Vec<String> =
        (0..).zip(lines).map(|(number, line)| format!("{line}\nECHO marker-{number}")).collect();
    let printed = cli_text(flags, &marked.iter().map(String::as_str).collect::<Vec<_>>());
    let mut rest = printed.as_str();
    let mut replies = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let Some((reply, behind)) = rest.split_once(&format!("\"marker-{number}\"\n")) else {
            panic!("no reply to {line:?}; redis-cli printed: {rest}");
        };
        replies.push(reply.trim_end_matches('\n').to_owned());
        rest = behind;
    }
    replies
}
