//! Bare datagrams over a port of a NIC, for the least that a server of requests may cost: `adit perf packets` keeps some on
//! their way, `adit perf echo` turns them around.

mod echo;
mod generator;
mod packet;

use std::net::{IpAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use adit_drivers::dpdk::spec::PortSpec;
use adit_drivers::frames::Frames;
use adit_drivers::nic;
use anyhow::{Context, anyhow, bail, ensure};

use self::generator::Generator;
use self::packet::{FRAME_BYTES, Packet};
use crate::cpu::pin_to;
use crate::machine::Machine;
use crate::number::{grouped, microseconds, per, whole};
use crate::report::write_json;
use crate::tally::{Latency, Tally};

/// Arguments of `adit perf echo`.
#[derive(Clone, Debug, clap::Args)]
pub struct EchoArguments {
    /// Port of a NIC: dpdk:DEVICE,ip=ADDRESS/BITS
    #[arg(long, value_name = "SPEC")]
    port: String,
    /// UDP port whose datagrams are turned around
    #[arg(long, value_name = "N", default_value_t = UDP_PORT)]
    udp_port: u16,
    /// Core to stay on
    #[arg(long, value_name = "N")]
    core: Option<u16>,
}

/// Arguments of `adit perf packets`.
#[derive(Clone, Debug, clap::Args)]
pub struct PacketsArguments {
    /// Port of a NIC: dpdk:DEVICE,ip=ADDRESS/BITS, with an address of IPv4
    #[arg(long, value_name = "SPEC")]
    port: String,
    /// Who turns packets around: adit perf echo, or dpdk-testpmd --forward-mode=macswap, which takes any
    #[arg(long, value_name = "ADDR", default_value = "10.9.0.2:7")]
    target: SocketAddrV4,
    /// Packets on their way
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=IN_FLIGHT_MAX))]
    in_flight: u64,
    /// Bytes of a packet, with its Ethernet header
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = clap::value_parser!(u64).range(FRAME_BYTES))]
    size: u64,
    /// End after this many seconds
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    seconds: f64,
    /// Without the checksum of UDP, which some servers verify
    #[arg(long)]
    no_checksum: bool,
    /// Core to stay on
    #[arg(long, value_name = "N")]
    core: Option<u16>,
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A run, as written to JSON.
#[derive(Clone, Debug, serde::Serialize)]
struct Report {
    machine: Machine,
    port: String,
    target: SocketAddrV4,
    in_flight: u64,
    frame_bytes: u64,
    has_checksum: bool,
    packets: u64,
    lost: u64,
    elapsed_ns: u64,
    ns_per_packet: f64,
    /// The same of the middle one of many stretches.
    middle_ns_per_packet: f64,
    /// Of each packet that was alone, else of one in each received burst.
    latency: Latency,
}

/// Turns datagrams around until interrupted.
pub(crate) fn run_echo(arguments: &EchoArguments, interrupted: &AtomicBool) -> anyhow::Result<()> {
    let (frames, spec) = open(&arguments.port, arguments.core)?;
    println!("echoing at port {} of {}", arguments.udp_port, arguments.port);
    echo::run(frames, &spec, arguments.udp_port, interrupted);
    Ok(())
}

/// Keeps packets on their way and reports them.
pub(crate) fn run_packets(arguments: &PacketsArguments, interrupted: &AtomicBool) -> anyhow::Result<()> {
    let PacketsArguments { target, in_flight, size, .. } = arguments;
    let (frames, spec) = open(&arguments.port, arguments.core)?;
    let own = spec.ips.iter().find_map(|(ip, _)| if let IpAddr::V4(ip) = ip { Some(*ip) } else { None });
    let own = own.context("--port needs an address of IPv4")?;
    let frame_bytes = usize::try_from(*size)?;
    ensure!(
        frame_bytes <= frames.mtu_bytes() + packet::ETHERNET_BYTES,
        "--size is over what the port carries"
    );
    let source = SocketAddrV4::new(own, SOURCE_PORT);
    let packet = Packet::new((frames.mac(), source), *target, frame_bytes, !arguments.no_checksum);
    let mut generator = Generator::new(frames, packet, usize::try_from(*in_flight)?);
    let tally = generator.run(whole(arguments.seconds * 1e9), interrupted)?;
    let report = Report {
        machine: Machine::here(),
        port: arguments.port.clone(),
        target: *target,
        in_flight: *in_flight,
        frame_bytes: *size,
        has_checksum: !arguments.no_checksum,
        packets: tally.operations,
        lost: tally.unsent,
        elapsed_ns: tally.elapsed_ns,
        ns_per_packet: per(tally.elapsed_ns, tally.operations),
        middle_ns_per_packet: generator
            .middle_ns_per_packet()
            .unwrap_or_else(|| per(tally.elapsed_ns, tally.operations)),
        latency: tally.latency(),
    };
    print!("{}", text(&report, &tally));
    match &arguments.json {
        Some(path) => write_json(path, &report).context("--json"),
        None => Ok(()),
    }
}

fn text(report: &Report, tally: &Tally) -> String {
    let latency = &report.latency;
    let [p50, p99, max] = [latency.p50_ns, latency.p99_ns, latency.max_ns].map(|ns| microseconds(ns as f64));
    format!(
        "packets      {} of {} B in {:.2} s, {} in flight: {:.1} ns each (middle {:.1}), {} per second, {} lost\n\
         round trip   us p50 {p50}  p99 {p99}  max {max}\n",
        grouped(report.packets),
        report.frame_bytes,
        report.elapsed_ns as f64 / 1e9,
        report.in_flight,
        report.ns_per_packet,
        report.middle_ns_per_packet,
        grouped(whole(tally.operations_per_s())),
        report.lost,
    )
}

/// The only queue of a port, on this thread.
fn open(spec: &str, core: Option<u16>) -> anyhow::Result<(Frames, PortSpec)> {
    let pin = || core.map_or(Ok(()), |core| pin_to(core.into()));
    pin()?;
    let parsed: PortSpec = spec.parse().map_err(|error| anyhow!("--port: {error}"))?;
    let opened =
        nic::open(std::slice::from_ref(&parsed), 1).map_err(|error| anyhow!("--port {spec}: {error}"))?;
    // The environment of DPDK has places of its own in mind.
    pin()?;
    let Some(queue) = opened.into_iter().flatten().next() else { bail!("--port {spec}: it has no queue") };
    let frames = queue.into_frames().map_err(|error| anyhow!("--port {spec}: {error}"))?;
    Ok((frames, parsed))
}

/// That of the echo service (RFC 862).
const UDP_PORT: u16 = 7;
const SOURCE_PORT: u16 = 7001;
const IN_FLIGHT_MAX: u64 = 512;
