//! The processes of the comparison: servers that poll a port, and clients at the other end of it, each with an environment
//! of DPDK of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::netns::{DEVICE, Wire, Wires};
use crate::compare::contender::{installed, words};
use crate::compare::server::{ScratchDirectory, Server};
use crate::tally::Latency;

/// Who starts them, and where they leave what they write.
pub(super) struct Processes<'a> {
    /// This program.
    pub(super) program: PathBuf,
    pub(super) scratch: &'a ScratchDirectory,
    testpmd: PathBuf,
    taskset: PathBuf,
    /// Counts sockets and results, so that each has a name of its own.
    next: AtomicU32,
}

/// A server that polls one end of a memif.
pub(super) struct PortServer {
    pub(super) server: Server,
    /// The port of its clients.
    pub(super) client_port: String,
}

impl<'a> Processes<'a> {
    /// # Errors
    /// Which program is not installed, and how to install it.
    pub(super) fn new(program: &Path, scratch: &'a ScratchDirectory) -> anyhow::Result<Self> {
        Ok(Self {
            program: program.into(),
            scratch,
            testpmd: installed("dpdk-testpmd", "dpdk-dev")?,
            taskset: installed("taskset", "util-linux")?,
            next: AtomicU32::new(0),
        })
    }

    /// dpdk-testpmd, which swaps the addresses of Ethernet and sends a packet back.
    pub(super) fn testpmd(&self, burst: u16) -> anyhow::Result<PortServer> {
        let (socket, file) = self.names("testpmd");
        let prefix = format!("adit-perf-{}-{file}", std::process::id());
        let cores = format!("{SERVER_CORE},{CLIENT_CORE}");
        // Its main core only waits.
        let mut arguments = words(&["-l", &cores, "--main-lcore", &CLIENT_CORE.to_string()]);
        arguments.extend(words(&["--in-memory", "--no-pci", "--no-telemetry", "--file-prefix", &prefix]));
        arguments.extend(words(&["--vdev", &format!("net_memif0,role=server,socket={socket}"), "--"]));
        arguments.extend(words(&["--forward-mode=macswap", "-a", "--no-lsc-interrupt", "--nb-cores=1"]));
        arguments.extend(words(&["--rxq=1", "--txq=1", "--total-num-mbufs=16384"]));
        arguments.extend(words(&[&format!("--burst={burst}")]));
        let mut server = Server::start_with_input(&self.testpmd, &arguments, self.scratch.join(&file))?;
        // It forwards once the link is up, which the client brings.
        server.wait_text("Checking link statuses")?;
        Ok(PortServer { server, client_port: client_port(&socket) })
    }

    /// Our echo.
    pub(super) fn echo(&self, burst: u16) -> anyhow::Result<PortServer> {
        let (socket, file) = self.names("echo");
        let arguments = words(&[
            "perf",
            "echo",
            "--port",
            &format!("{},burst={burst}", server_port(&socket)),
            "--core",
            &SERVER_CORE.to_string(),
        ]);
        let mut server = Server::start(&self.program, &arguments, self.scratch.join(&file))?;
        server.wait_text("echoing at port")?;
        Ok(PortServer { server, client_port: client_port(&socket) })
    }

    /// Adit with one shard over a memif, both ends of which have these options.
    pub(super) fn adit(&self, options: &str) -> anyhow::Result<PortServer> {
        let (socket, file) = self.names("adit");
        let arguments = self.serve("127.0.0.1:0", Some(&format!("{}{options}", server_port(&socket))))?;
        let mut server = Server::start(&self.program, &arguments, self.scratch.join(&file))?;
        server.wait_text("serving native clients")?;
        Ok(PortServer { server, client_port: format!("{}{options}", client_port(&socket)) })
    }

    /// Adit with one shard in the namespace of `wire`: over a socket there, or over the device by `driver`.
    pub(super) fn adit_inside(
        &self,
        wires: &Wires,
        wire: Wire,
        driver: Option<&str>,
    ) -> anyhow::Result<Server> {
        let (_, file) = self.names("adit-veth");
        let ip = wire.server_ip();
        let port = driver.map(|driver| format!("dpdk:vdev={driver},iface={DEVICE},{AF_XDP_RINGS}ip={ip}/24"));
        let native =
            if driver.is_some() { format!("127.0.0.1:{NATIVE_PORT}") } else { format!("{ip}:{NATIVE_PORT}") };
        let (program, arguments) = wires.inside(wire, &self.program, self.serve(&native, port.as_deref())?);
        let mut server = Server::start(&program, &arguments, self.scratch.join(&file))?;
        server.wait_text("serving native clients")?;
        Ok(server)
    }

    /// memcached of one thread in the namespace of `wire`, UDP.
    pub(super) fn memcached_inside(&self, wires: &Wires, wire: Wire) -> anyhow::Result<Server> {
        let (_, file) = self.names("memcached-veth");
        let (ip, port) = (wire.server_ip(), MEMCACHED_PORT.to_string());
        let memcached = installed("memcached", "memcached")?;
        let arguments = words(&["-U", &port, "-p", &port, "-l", &ip, "-t", "1", "-m", "256", "-u", "nobody"]);
        let (taskset, arguments) = self.on_server_core(&memcached, arguments);
        let (program, arguments) = wires.inside(wire, &taskset, arguments);
        Server::start(&program, &arguments, self.scratch.join(&file))
    }

    /// `program` on the core of servers.
    pub(super) fn on_server_core(
        &self,
        program: &Path,
        arguments: Vec<OsString>,
    ) -> (PathBuf, Vec<OsString>) {
        let mut all = words(&["-c", &SERVER_CORE.to_string()]);
        all.push(program.into());
        all.extend(arguments);
        (self.taskset.clone(), all)
    }

    /// Packets to a server and back; what the generator reports.
    pub(super) fn packets(
        &self,
        server: &PortServer,
        in_flight: u64,
        seconds: f64,
        has_checksum: bool,
    ) -> anyhow::Result<Value> {
        let mut arguments = words(&["perf", "packets", "--port", &server.client_port]);
        arguments.extend(words(&["--in-flight", &in_flight.to_string(), "--seconds", &seconds.to_string()]));
        if !has_checksum {
            arguments.push("--no-checksum".into());
        }
        self.report(arguments)
    }

    /// A load over the native protocol; what the client reports. `flags` say which.
    pub(super) fn native(&self, server: &PortServer, flags: &[&str]) -> anyhow::Result<Value> {
        let target = format!("{SERVER_IP}:{}", server.native_port()?);
        let mut arguments = words(&["perf", "native", "--target", &target, "--port", &server.client_port]);
        arguments.extend(words(&["--server-counters", "--server-pid", &server.server.pid().to_string()]));
        arguments.extend(words(flags));
        let report = self.report(arguments)?;
        let (misses, errors) = (number(&report, "/misses")?, number(&report, "/errors")?);
        ensure!(misses == 0.0, "adit: {misses} keys are lost");
        ensure!(errors == 0.0, "adit: {errors} requests were refused: {}", report["first_error"]);
        Ok(report)
    }

    /// Nanoseconds that a GET costs a shard without a wire, by `adit perf path`.
    pub(super) fn path_get_ns(&self, keys: u64, value_bytes: usize) -> anyhow::Result<f64> {
        let (items, value_size) = (keys.to_string(), value_bytes.to_string());
        let mut arguments = words(&["perf", "path", "--operation", "get", "--in-flight", "16"]);
        arguments.extend(words(&["--items", &items, "--value-size", &value_size, "--rounds", "3"]));
        let report = self.run(arguments, None)?;
        let rounds = report.pointer("/measured/0/rounds").and_then(Value::as_array);
        let rounds = rounds.context("adit perf path measured nothing")?;
        let mut shard_ns =
            rounds.iter().map(|round| number(round, "/shard")).collect::<Result<Vec<_>, _>>()?;
        shard_ns.sort_unstable_by(f64::total_cmp);
        shard_ns.get(shard_ns.len() / 2).copied().context("adit perf path measured nothing")
    }

    fn serve(&self, native: &str, port: Option<&str>) -> anyhow::Result<Vec<OsString>> {
        let mut arguments = words(&["serve", "--shards", "1", "--memory", MEMORY, "--resp", "off"]);
        arguments.extend(words(&["--native", native]));
        if let Some(port) = port {
            arguments.extend(words(&["--port", port]));
        }
        ensure!(arguments.iter().all(|word| !word.is_empty()), "an argument is empty");
        Ok(arguments)
    }

    /// What a client on its core reports.
    fn report(&self, arguments: Vec<OsString>) -> anyhow::Result<Value> {
        self.run(arguments, Some(CLIENT_CORE))
    }

    /// Runs this program and reads the JSON that it writes.
    fn run(&self, mut arguments: Vec<OsString>, core: Option<usize>) -> anyhow::Result<Value> {
        let (_, name) = self.names("report");
        let file = self.scratch.join(&name);
        if let Some(core) = core {
            arguments.extend(words(&["--core", &core.to_string()]));
        }
        arguments.extend(["--json".into(), file.clone().into_os_string()]);
        let (program, arguments) = match core {
            Some(_) => (self.program.clone(), arguments),
            None => self.on_server_core(&self.program, arguments),
        };
        let mut output = None;
        for _ in 0..CONNECTS_MAX {
            let ended = Command::new(&program).args(&arguments).stdin(Stdio::null()).output()?;
            // The server may not have seen yet that the client before this one is gone.
            let is_early = String::from_utf8_lossy(&ended.stderr).contains("refuses to start");
            output = Some(ended);
            if !is_early {
                break;
            }
            std::thread::sleep(CONNECT_PAUSE);
        }
        let output = output.context("no client was started")?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
            bail!("`adit {}` failed: {}", words.join(" "), text.trim());
        }
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let report = serde_json::from_str(&text)?;
        // The next one has another name.
        let _ = std::fs::remove_file(&file);
        Ok(report)
    }

    /// The path of a socket, and the name of a file, that nobody else has.
    fn names(&self, kind: &str) -> (String, String) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let file = format!("{kind}-{number}");
        (self.scratch.join(&format!("{file}.sock")).display().to_string(), file)
    }
}

impl PortServer {
    /// The port of native clients, which the server chose.
    fn native_port(&self) -> anyhow::Result<u16> {
        let log = self.server.log_text();
        let told = log.lines().find_map(|line| line.strip_prefix("serving native clients on "));
        let port =
            told.and_then(|address| address.trim().rsplit_once(':')).and_then(|(_, port)| port.parse().ok());
        port.context("the server does not say where it serves native clients")
    }
}

/// A number of a report.
pub(super) fn number(report: &Value, pointer: &str) -> anyhow::Result<f64> {
    let found = report.pointer(pointer).and_then(Value::as_f64);
    found.with_context(|| format!("a report has no number {pointer}"))
}

/// The latencies of a report.
pub(super) fn latency(report: &Value) -> anyhow::Result<Latency> {
    let of = |name: &str| {
        let value = report.pointer(&format!("/latency/{name}")).and_then(Value::as_u64);
        value.with_context(|| format!("a report has no latency {name}"))
    };
    Ok(Latency {
        p50_ns: of("p50_ns")?,
        p90_ns: of("p90_ns")?,
        p99_ns: of("p99_ns")?,
        p999_ns: of("p999_ns")?,
        max_ns: of("max_ns")?,
        curve: Vec::new(),
    })
}

fn server_port(socket: &str) -> String {
    format!("dpdk:vdev=net_memif0,role=server,socket={socket},ip={SERVER_IP}/24")
}

/// One client after the other has the same address of Ethernet, or the server would take the next one for an impostor.
fn client_port(socket: &str) -> String {
    format!("dpdk:vdev=net_memif0,socket={socket},mac={CLIENT_MAC},ip={CLIENT_IP}/24")
}

/// Shard 0 goes to the first core.
pub(super) const SERVER_CORE: usize = 0;
pub(super) const CLIENT_CORE: usize = 1;
pub(super) const NATIVE_PORT: u16 = 7400;
pub(super) const MEMCACHED_PORT: u16 = 11211;
const SERVER_IP: &str = "10.9.0.2";
const CLIENT_MAC: &str = "02:00:0a:09:00:01";
const CLIENT_IP: &str = "10.9.0.1";
/// Times that a client tries to connect, and the pause between them.
const CONNECTS_MAX: u32 = 10;
const CONNECT_PAUSE: Duration = Duration::from_millis(200);
const MEMORY: &str = "256MiB";
/// With these rings there are as many buffers as AF_XDP's driver wants (8,191).
const AF_XDP_RINGS: &str = "descriptors=2048,";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_and_missed() {
        let report = serde_json::json!({
            "operations_per_s": 12.5,
            "latency": {"p50_ns": 1, "p90_ns": 2, "p99_ns": 3, "p999_ns": 4, "max_ns": 5},
        });
        assert_eq!(number(&report, "/operations_per_s").unwrap(), 12.5);
        assert!(number(&report, "/busy").unwrap_err().to_string().contains("/busy"));
        assert_eq!(latency(&report).unwrap().max_ns, 5);
        assert!(latency(&serde_json::json!({})).is_err());
    }
}
