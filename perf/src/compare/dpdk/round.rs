//! A round: a turn of everybody, one after the other.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::netns::{AF_PACKET, AF_XDP, KERNEL, Wire, Wires};
use super::placement::around;
use super::process::{
    CLIENT_CORE, MEMCACHED_PORT, NATIVE_PORT, PortServer, Processes, SERVER_CORE, latency, number,
};
use super::{CurvePoint, DpdkPlan, KEY_BYTES, Key, Program, Row, SEED, Sample, VALUE_BYTES, version};
use crate::compare::contender::Contender;
use crate::compare::measure::take_turn;
use crate::compare::result::Transport;
use crate::compare::server::Server;
use crate::cpu::pin_to;
use crate::dataset::Dataset;
use crate::load::{Limit, Load, Way};
use crate::machine::first_line;
use crate::number::{microseconds, per};
use crate::protocol::Protocol;
use crate::sizes::Sizes;
use crate::spread::Spread;
use crate::tally::Tally;
use crate::target::Target;
use crate::workload::Mix;

/// Everybody, and what they did so far.
pub(super) struct Round<'a> {
    plan: DpdkPlan,
    processes: &'a Processes<'a>,
    interrupted: &'a AtomicBool,
    dataset: Dataset,
    wires: Wires,
    redis: Contender,
    memcached: Contender,
    number: u16,
    pub(super) rows: Vec<Row>,
    pub(super) curve: Vec<CurvePoint>,
    pub(super) path_get_ns: Vec<f64>,
    pub(super) missing: Vec<String>,
    /// Names and command lines of servers that were started.
    commands: Vec<(&'static str, String)>,
}

impl<'a> Round<'a> {
    pub(super) fn new(
        plan: DpdkPlan,
        processes: &'a Processes<'a>,
        interrupted: &'a AtomicBool,
    ) -> anyhow::Result<Self> {
        let sizes = Sizes::Fixed { key_bytes: KEY_BYTES, value_bytes: VALUE_BYTES };
        let round = Self {
            plan,
            processes,
            interrupted,
            dataset: Dataset::new(sizes, plan.keys, SEED)?,
            wires: Wires::new()?,
            redis: Contender::redis(processes.scratch)?,
            memcached: Contender::memcached_udp(processes.scratch)?,
            number: 0,
            rows: Vec::new(),
            curve: Vec::new(),
            path_get_ns: Vec::new(),
            missing: Vec::new(),
            commands: Vec::new(),
        };
        for (contender, protocol) in
            [(&round.redis, Protocol::Resp), (&round.memcached, Protocol::MemcachedMeta)]
        {
            let endpoint = contender.endpoint(Transport::Tcp)?;
            put_on_server_core(endpoint.pid)?;
            let load =
                round.load(endpoint.target.clone(), Way::Stream(protocol), Mix::Set, (1, 32), endpoint.pid);
            take_turn(&contender.facts.name, &load.preload(), interrupted)?;
        }
        Ok(round)
    }

    /// A turn of everybody.
    pub(super) fn run(&mut self, number: u16) -> anyhow::Result<()> {
        self.number = number;
        self.echoes()?;
        self.memif()?;
        self.path_get_ns.push(self.processes.path_get_ns(self.plan.keys, VALUE_BYTES)?);
        self.loopback()?;
        self.veth()
    }

    /// Packets that are turned around: testpmd, then our stack.
    ///
    /// Each turn has a server of its own, here and below: that of DPDK 22.11's memif may read what it has just unmapped, and
    /// end, when its client goes while it polls.
    fn echoes(&mut self) -> anyhow::Result<()> {
        for in_flight in ECHO_IN_FLIGHT {
            for (name, burst) in [(TESTPMD, BURST), (TESTPMD_16, HALF_BURST)] {
                let testpmd = self.processes.testpmd(burst)?;
                self.note(name, &testpmd.server);
                self.packets(&testpmd, name, in_flight, true)?;
            }
            let echoes = [(ECHO, BURST, true), (ECHO_UNCHECKED, BURST, false), (ECHO_16, HALF_BURST, true)];
            for (name, burst, has_checksum) in echoes {
                let echo = self.processes.echo(burst)?;
                self.note(name, &echo.server);
                self.packets(&echo, name, in_flight, has_checksum)?;
            }
        }
        Ok(())
    }

    fn packets(
        &mut self,
        server: &PortServer,
        name: &'static str,
        in_flight: u64,
        has_checksum: bool,
    ) -> anyhow::Result<()> {
        let key = Key { wire: MEMIF, server: name, work: "echo", clients: 1, in_flight };
        let seconds = self.plan.seconds;
        self.turn(key, |round| {
            let report = round.processes.packets(server, in_flight, seconds, has_checksum)?;
            let ns_per_packet = number(&report, "/middle_ns_per_packet")?;
            Ok(Sample {
                operations_per_s: 1e9 / number(&report, "/ns_per_packet")?,
                ns_per_packet: Some(ns_per_packet),
                ..Sample::empty(latency(&report)?)
            })
        })
    }

    /// GETs and SETs over memif.
    fn memif(&mut self) -> anyhow::Result<()> {
        for (work, flag) in [("GET", "get"), ("SET", "set")] {
            for in_flight in IN_FLIGHT {
                self.memif_turn((ADIT, ""), (work, flag), in_flight)?;
            }
        }
        for port in [(ADIT_UNCHECKED, ",checksums=off"), (ADIT_16, ",burst=16")] {
            self.memif_turn(port, ("GET", "get"), 32)?;
        }
        Ok(())
    }

    /// A turn of a server whose port has these options.
    fn memif_turn(
        &mut self,
        (name, options): (&'static str, &str),
        (work, flag): (&'static str, &str),
        in_flight: u64,
    ) -> anyhow::Result<()> {
        let server = self.processes.adit(options)?;
        self.note(ADIT_MEMIF, &server.server);
        let key = Key { wire: MEMIF, server: name, work, clients: 1, in_flight };
        let flags = [("--workload", flag.to_owned()), ("--in-flight", in_flight.to_string())];
        self.turn(key, |round| native_sample(&round.native(&server, &flags)?))
    }

    /// A load, behind the one that writes all keys.
    fn native(&self, server: &PortServer, flags: &[(&str, String)]) -> anyhow::Result<Value> {
        let (keys, seconds) = (self.plan.keys.to_string(), self.plan.seconds.to_string());
        let mut all = vec!["--load", "--keys", &keys, "--seconds", &seconds];
        flags.iter().for_each(|(flag, value)| all.extend([*flag, value.as_str()]));
        self.processes.native(server, &all)
    }

    /// Redis and memcached over loopback.
    fn loopback(&mut self) -> anyhow::Result<()> {
        let cases = [
            (REDIS_TCP, Transport::Tcp, Way::Stream(Protocol::Resp)),
            (MEMCACHED_TCP, Transport::Tcp, Way::Stream(Protocol::MemcachedMeta)),
            (MEMCACHED_UDP, Transport::Udp, Way::MemcachedUdp),
        ];
        for (name, transport, way) in cases {
            let contender = if name == REDIS_TCP { &self.redis } else { &self.memcached };
            let endpoint = contender.endpoint(transport)?.clone();
            for (clients, in_flight) in LOOPBACK_CLIENTS {
                let key = Key { wire: LOOPBACK, server: name, work: "GET", clients, in_flight };
                let load =
                    self.load(endpoint.target.clone(), way, Mix::Get, (clients, in_flight), endpoint.pid);
                self.turn(key, |round| {
                    let tally = std::thread::scope(|scope| {
                        let thread = scope.spawn(|| round.socket_turn(name, &load));
                        thread.join().unwrap_or_else(|_| anyhow::bail!("a thread of the load panicked"))
                    })?;
                    Ok(tally_sample(&tally))
                })?;
            }
        }
        Ok(())
    }

    /// One wire of the kernel with four servers at the other end, each in its turn.
    fn veth(&mut self) -> anyhow::Result<()> {
        let server = self.processes.memcached_inside(&self.wires, KERNEL)?;
        self.note("memcached over veth", &server);
        self.veth_turns(MEMCACHED_UDP, KERNEL, server, Way::MemcachedUdp)?;
        let adit = [
            (ADIT_KERNEL, KERNEL, None),
            (ADIT_PACKET, AF_PACKET, Some("net_af_packet0")),
            (ADIT_XDP, AF_XDP, Some("net_af_xdp0")),
        ];
        for (name, wire, driver) in adit {
            match self.processes.adit_inside(&self.wires, wire, driver) {
                Ok(server) => {
                    self.note(name, &server);
                    self.veth_turns(name, wire, server, Way::NativeUdp)?;
                }
                Err(error) if driver.is_some() => self.miss(format!("{name}: {error:#}")),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn veth_turns(
        &mut self,
        name: &'static str,
        wire: Wire,
        mut server: Server,
        way: Way,
    ) -> anyhow::Result<()> {
        let is_memcached = way == Way::MemcachedUdp;
        let port = if is_memcached { MEMCACHED_PORT } else { NATIVE_PORT };
        let target = Target::Tcp(format!("{}:{port}", wire.server_ip()));
        let pid = server.pid();
        if is_memcached {
            self.wires.as_client(|| server.wait_ready(&target, Protocol::MemcachedText))?;
        }
        let load = |work, in_flight| Load {
            asks_counters: !is_memcached,
            ..self.load(target.clone(), way, work, (1, in_flight), pid)
        };
        let (preload, loads) =
            (load(Mix::Get, 32).preload(), VETH_IN_FLIGHT.map(|in_flight| load(Mix::Get, in_flight)));
        self.wires.as_client(|| take_turn(name, &preload, self.interrupted))?;
        for (in_flight, load) in VETH_IN_FLIGHT.into_iter().zip(&loads) {
            let key = Key { wire: VETH, server: name, work: "GET", clients: 1, in_flight };
            self.turn(key, |round| {
                Ok(tally_sample(&round.wires.as_client(|| round.socket_turn(name, load))?))
            })?;
        }
        Ok(())
    }

    /// Latencies at offered rates, up to the peak that was found.
    pub(super) fn curve(&mut self) -> anyhow::Result<()> {
        let key = Key { wire: MEMIF, server: ADIT, work: "GET", clients: 1, in_flight: OPEN_IN_FLIGHT };
        let row = self.rows.iter().find(|row| row.key == key).context("no round was run")?;
        let peak = Spread::of(row.samples.iter().map(|sample| sample.operations_per_s)).median;
        for share in CURVE_SHARES {
            let rate_per_s = (share * peak).round();
            for number in 0..self.plan.pairs.min(CURVE_TURNS_MAX) {
                self.number = number;
                let flags = [("--rate", rate_per_s.to_string()), ("--in-flight", OPEN_IN_FLIGHT.to_string())];
                let server = self.processes.adit("")?;
                let sample = self.placed(|round| native_sample(&round.native(&server, &flags)?))?;
                let [p50, p99] =
                    [sample.latency.p50_ns, sample.latency.p99_ns].map(|ns| microseconds(ns as f64));
                eprintln!("  at {:.2} M/s: p50 {p50} us, p99 {p99} us", rate_per_s / 1e6);
                self.curve.push(CurvePoint { share, rate_per_s, sample });
            }
        }
        Ok(())
    }

    /// The servers that took part.
    pub(super) fn programs(&self, program: &Path) -> Vec<Program> {
        let adit = first_line(program, &["--version"]).unwrap_or_else(|| "unknown".into());
        let told = |(name, command): &(&str, String)| {
            let version = match *name {
                TESTPMD | TESTPMD_16 => {
                    format!("DPDK {}", version("pkg-config", &["--modversion", "libdpdk"]))
                }
                name if name.starts_with("memcached") => version("memcached", &["--version"]),
                _ => adit.clone(),
            };
            Program { name: (*name).into(), version, command: command.clone() }
        };
        let peers = [&self.redis, &self.memcached].map(|contender| Program {
            name: contender.facts.name.clone(),
            version: contender.facts.version.clone(),
            command: contender.facts.commands.join("`, `"),
        });
        self.commands.iter().map(told).chain(peers).collect()
    }

    /// A turn of a row.
    fn turn(&mut self, key: Key, run: impl FnOnce(&Self) -> anyhow::Result<Sample>) -> anyhow::Result<()> {
        let sample = self.placed(run).with_context(|| format!("{} over {}", key.server, key.wire))?;
        let told = [
            sample.ns_per_packet.map(|ns| format!("{ns:.1} ns per packet")),
            sample.busy_ns.map(|ns| format!("busy {ns:.0} ns")),
            sample.server_cpu_ns.map(|ns| format!("CPU {ns:.0} ns")),
        ];
        let told: Vec<String> = told.into_iter().flatten().collect();
        let distance = sample.placement.distance().name();
        let Key { wire, server, work, clients, in_flight } = key;
        eprintln!("  {wire}, {server}: {work}, {clients} x {in_flight}: {} ({distance})", told.join(", "));
        match self.rows.iter_mut().find(|row| row.key == key) {
            Some(row) => row.samples.push(sample),
            None => self.rows.push(Row { key, samples: vec![sample] }),
        }
        Ok(())
    }

    fn placed(&self, run: impl FnOnce(&Self) -> anyhow::Result<Sample>) -> anyhow::Result<Sample> {
        ensure!(!self.interrupted.load(Ordering::Relaxed), "interrupted; nothing was written");
        let (placement, sample) = around([SERVER_CORE, CLIENT_CORE], || run(self))?;
        Ok(Sample { round: self.number, placement, ..sample })
    }

    /// A load over sockets from this thread, on the core of clients.
    fn socket_turn(&self, name: &str, load: &Load) -> anyhow::Result<Tally> {
        pin_to(CLIENT_CORE)?;
        take_turn(name, load, self.interrupted)
    }

    fn load(&self, target: Target, way: Way, mix: Mix, (clients, in_flight): (u64, u64), pid: u32) -> Load {
        Load {
            connections: clients,
            pipeline: crate::number::index(in_flight),
            limit: Limit::Seconds(self.plan.seconds),
            mix,
            seed: SEED,
            server_pid: Some(pid),
            ..Load::new(target, way, self.plan.keys, self.dataset.clone())
        }
    }

    fn note(&mut self, name: &'static str, server: &Server) {
        if self.commands.iter().all(|(known, _)| *known != name) {
            self.commands.push((name, server.command().to_owned()));
        }
    }

    fn miss(&mut self, text: String) {
        eprintln!("  not measured: {text}");
        if !self.missing.contains(&text) {
            self.missing.push(text);
        }
    }
}

impl Sample {
    fn empty(latency: crate::tally::Latency) -> Self {
        Self {
            round: 0,
            placement: super::Placement { before_ns: 0.0, after_ns: 0.0 },
            operations_per_s: 0.0,
            ns_per_packet: None,
            busy_ns: None,
            batch: None,
            server_cpu_ns: None,
            client_cpu_ns: None,
            unsent: 0,
            resent: 0,
            latency,
        }
    }
}

fn native_sample(report: &Value) -> anyhow::Result<Sample> {
    let of = |pointer: &str| number(report, pointer);
    let count = |pointer: &str| report.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let operations = count("/operations");
    Ok(Sample {
        operations_per_s: of("/operations_per_s")?,
        busy_ns: Some(per(count("/server_work/busy_ns"), operations)),
        batch: Some(per(count("/server_work/frames"), count("/server_work/busy_turns"))),
        server_cpu_ns: Some(of("/server_cpu_ns_per_operation")?),
        client_cpu_ns: Some(of("/client_cpu_ns_per_operation")?),
        unsent: count("/unsent"),
        resent: count("/resent"),
        ..Sample::empty(latency(report)?)
    })
}

fn tally_sample(tally: &Tally) -> Sample {
    let mut latency = tally.latency();
    latency.curve.clear();
    Sample {
        operations_per_s: tally.operations_per_s(),
        busy_ns: tally.server_work.map(|work| per(work.busy_ns, tally.operations)),
        batch: tally.server_work.map(|work| per(work.frames, work.busy_turns)),
        server_cpu_ns: tally.server_cpu_ns_per_operation(),
        client_cpu_ns: Some(tally.client_cpu_ns_per_operation()),
        unsent: tally.unsent,
        resent: tally.resent,
        ..Sample::empty(latency)
    }
}

/// Moves all threads of a process to the core of servers.
fn put_on_server_core(pid: u32) -> anyhow::Result<()> {
    let output =
        Command::new("taskset").args(["-a", "-p", "-c", &SERVER_CORE.to_string(), &pid.to_string()]).output();
    ensure!(
        output.context("cannot run taskset")?.status.success(),
        "cannot move a server to core {SERVER_CORE}"
    );
    Ok(())
}

pub(super) const MEMIF: &str = "memif";
pub(super) const LOOPBACK: &str = "loopback";
pub(super) const VETH: &str = "veth";
pub(super) const TESTPMD: &str = "testpmd macswap";
pub(super) const ECHO: &str = "Adit's echo";
/// Of packets without a checksum of UDP, which testpmd does not look at either.
pub(super) const ECHO_UNCHECKED: &str = "Adit's echo, no UDP checksum";
/// Both, with half of 32 packets in a burst: one side works on the first half while the other works on the second.
pub(super) const TESTPMD_16: &str = "testpmd macswap, bursts of 16";
pub(super) const ECHO_16: &str = "Adit's echo, bursts of 16";
pub(super) const ADIT: &str = "Adit";
/// With options of its port: without checksums but the CRC32C of the native protocol; with half of 32 requests in a burst.
pub(super) const ADIT_UNCHECKED: &str = "Adit, checksums=off";
pub(super) const ADIT_16: &str = "Adit, burst=16";
const ADIT_MEMIF: &str = "Adit over memif";
pub(super) const REDIS_TCP: &str = "redis TCP";
pub(super) const MEMCACHED_TCP: &str = "memcached TCP";
pub(super) const MEMCACHED_UDP: &str = "memcached UDP";
pub(super) const ADIT_KERNEL: &str = "Adit, kernel UDP";
pub(super) const ADIT_PACKET: &str = "Adit, af_packet";
pub(super) const ADIT_XDP: &str = "Adit, af_xdp";
/// What testpmd and we receive at a time, if not told otherwise.
const BURST: u16 = 32;
const HALF_BURST: u16 = 16;
const ECHO_IN_FLIGHT: [u64; 3] = [1, 32, 256];
const IN_FLIGHT: [u64; 4] = [1, 16, 32, 256];
const VETH_IN_FLIGHT: [u64; 2] = [1, 32];
/// Clients, and requests that each has on its way: one with a pipeline, and the usual reference.
const LOOPBACK_CLIENTS: [(u64, u64); 2] = [(1, 32), (50, 1)];
/// Enough that the server and not the client is what requests wait for.
const OPEN_IN_FLIGHT: u64 = 256;
const CURVE_TURNS_MAX: u16 = 3;
const CURVE_SHARES: [f64; 8] = [0.05, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95];
