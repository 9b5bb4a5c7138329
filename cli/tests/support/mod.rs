//! What the tests of the program share: a server that ends with its test, a raw RESP connection, and waiting.
//!
//! Nothing here depends on time: a wait polls for its condition, and a deadline that passes fails the test.
#![allow(dead_code, reason = "each test file uses its part of this")]
#![allow(unreachable_pub, reason = "a module of several test crates")]

pub mod native;
#[cfg(feature = "dpdk")]
pub mod network;
pub mod random;
pub mod raw;
pub mod redis;
pub mod watch;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use raw::Raw;

/// The program under test.
pub const ADIT: &str = env!("CARGO_BIN_EXE_adit");
/// After this a condition that did not come true is a failure. Far above what a slow machine takes.
pub const DEADLINE: Duration = Duration::from_secs(120);
/// The memory that servers of tests get, unless a test says otherwise.
pub const MEMORY_MIB: u64 = 64;

/// A child process that is killed, and waited for, with its test.
pub struct Guard(pub Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Both fail only if the child has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Guard {
    /// Waits for the child to end by itself.
    pub fn wait(&mut self, what: &str) -> ExitStatus {
        let mut status = None;
        wait_until(what, || {
            status = self.0.try_wait().expect("waiting for our own child");
            status.is_some()
        });
        status.expect("the wait ended")
    }
}

/// A running `adit serve`.
pub struct Server {
    guard: Guard,
    /// The TCP port.
    pub port: u16,
    /// The Unix socket.
    pub unix: PathBuf,
    /// The lines that it printed until it served.
    pub banner: Vec<String>,
    /// Where native clients find its first shard.
    pub native: SocketAddr,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    _folder: Folder,
}

impl Server {
    /// Starts one with `shards` shards and [`MEMORY_MIB`].
    pub fn start(shards: u16) -> Self {
        Self::start_with(shards, &[], &[])
    }

    /// Starts one with more flags and environment variables; the last of a flag given twice would be an error, so
    /// `--memory` is only added if it is not among them.
    pub fn start_with(shards: u16, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let unix = folder.path("adit.sock");
        let mut command = adit();
        command
            .args(["serve", "--resp", "127.0.0.1:0", "--shards", &shards.to_string(), "--unix"])
            .arg(&unix);
        if !flags.contains(&"--native") {
            command.args(["--native", "127.0.0.1:0"]);
        }
        if !flags.contains(&"--memory") {
            command.args(["--memory", &format!("{MEMORY_MIB}MiB")]);
        }
        command.args(flags).envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("adit starts");
        let lines = lines_of(child.stdout.take().expect("stdout is piped"));
        let stderr = text_of(child.stderr.take().expect("stderr is piped"));
        let (mut guard, mut banner) = (Guard(child), Vec::new());
        let port = loop {
            let Ok(line) = lines.recv_timeout(DEADLINE) else {
                let _ = guard.0.kill();
                panic!("adit serve did not start: {banner:?} {}", stderr.join().unwrap_or_default());
            };
            let port = line.strip_prefix("serving Redis clients on 127.0.0.1:").map(|rest| {
                rest.split(' ').next().and_then(|port| port.parse().ok()).expect("a port behind the address")
            });
            banner.push(line);
            if let Some(port) = port {
                break port;
            }
        };
        let native = banner.iter().find_map(|line| line.strip_prefix("serving native clients on "));
        let native = native.and_then(|rest| rest.split(' ').next()).and_then(|first| first.parse().ok());
        let native = native.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        Self { guard, port, unix, banner, native, lines, stderr: Some(stderr), _folder: folder }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.guard.0.id()
    }

    /// A new connection over TCP.
    pub fn connect(&self) -> Raw {
        Raw::tcp(self.port)
    }

    /// A new connection over the Unix socket.
    pub fn connect_unix(&self) -> Raw {
        Raw::unix(&self.unix)
    }

    /// The address for `--resp`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Panics if the server is gone, with what it said.
    pub fn assert_alive(&mut self, when: &str) {
        if let Some(status) = self.guard.0.try_wait().expect("waiting for our own child") {
            let text = self.stderr.take().map(|reader| reader.join().unwrap_or_default()).unwrap_or_default();
            panic!("the server ended {when}: {status}\n{text}");
        }
    }

    /// A line of /proc/PID/status, in bytes. VmHWM is the most that VmRSS ever was.
    pub fn status_bytes(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the server lives");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .expect("the line is there");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("kilobytes") << 10
    }

    /// Its open file descriptors.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("the server lives").count()
    }

    pub fn info(&self, name: &str) -> u64 {
        raw::info_number_of(&mut self.connect(), name)
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.expect("kill runs").success(), "no {name} could be sent");
    }

    /// Waits for the end that a signal asked for; gives the code, what was printed since the start, and stderr.
    pub fn wait_end(mut self) -> (Option<i32>, Vec<String>, String) {
        let status = self.guard.wait("the server ends after a signal");
        let stderr = self.stderr.take().map(|reader| reader.join().unwrap_or_default()).unwrap_or_default();
        let printed = std::iter::from_fn(|| self.lines.recv().ok()).collect();
        (status.code(), printed, stderr)
    }
}

impl Drop for Server {
    /// What the server said last may tell why its test failed.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let ended = self.guard.0.try_wait();
            let _ = self.guard.0.kill();
            let said = self.stderr.take().map(|reader| reader.join().unwrap_or_default()).unwrap_or_default();
            eprintln!("the server: {ended:?} {said}");
        }
    }
}

/// `adit`, without what the environment of the test run might tell it.
pub fn adit() -> Command {
    let mut command = Command::new(ADIT);
    command.env_remove("ADIT_PASSWORD").env_remove("ADIT_PORT").stdin(Stdio::null());
    command
}

/// Runs a program of a package to its end, feeding `input`.
pub fn run(mut command: Command, input: &[u8], package: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("cannot run {:?} ({error}); install {package}", command.get_program());
    });
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    // A child that ends early does not read all of it.
    let feeder = std::thread::spawn(move || drop(std::io::Write::write_all(&mut stdin, &input)));
    let (stdout, stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let (stdout, stderr) = (text_of(stdout), text_of(stderr));
    let mut guard = Guard(child);
    let status = guard.wait(&format!("{:?} ends", command.get_program()));
    feeder.join().expect("feeding does not panic");
    let bytes = |reader: JoinHandle<String>| reader.join().expect("reading does not panic").into_bytes();
    Output { status, stdout: bytes(stdout), stderr: bytes(stderr) }
}

/// What a program printed, as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Polls until `condition` holds; fails the test if it never does.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "still not so after {DEADLINE:?}: {what}");
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// A folder that goes with its test.
pub struct Folder(PathBuf);

impl Folder {
    /// A new one.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("adit-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is a small folder among temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn text_of(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = stream.read_to_end(&mut bytes);
        text(&bytes)
    })
}

const POLL_INTERVAL: Duration = Duration::from_millis(5);
