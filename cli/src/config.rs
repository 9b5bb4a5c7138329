//! The configuration of `adit serve`: flags over file over defaults, checked in full before anything starts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use adit_dataplane::interfaces::INTERFACES_MAX;
use adit_dataplane::map::SHARDS_MAX;
use adit_dataplane::settings::{ClientClass, Eviction, Limits, OutputLimit, REQUEST_LIMIT_BYTES_MIN};
use adit_dataplane::stats::BUCKETS;
use adit_drivers::dpdk::spec::PortSpec;
use adit_wire::native::{FRAME_BYTES_DEFAULT, FRAME_BYTES_MAX, FRAME_BYTES_MIN};
use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use serde::Deserialize;

use crate::size::Size;

/// Flags of `adit serve`; each is also a line of the file given with `--config`, under the same name.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct ServeArguments {
    /// Read settings from this TOML file; flags win over it. Example: shards = 2
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// What can be set, unset where the default holds.
#[derive(clap::Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Options {
    /// Number of shards, each a thread on a core of its own [default: 1]
    #[arg(long, value_name = "N")]
    shards: Option<u16>,
    /// Memory of all shards: index, values and buffers together [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    memory: Option<Size>,
    /// Touch all memory at the start, so that no request waits for the kernel to find it [default: true]
    #[arg(long, value_name = "BOOL")]
    prefault: Option<bool>,
    /// Keep data in this file, device or folder (not available yet: everything is in memory)
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Where Redis clients connect: an address, or "off" [default: 127.0.0.1:7379]
    #[arg(long, value_name = "ADDR")]
    resp: Option<String>,
    /// A Unix socket for Redis clients on this machine, three times cheaper than TCP
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// Where native clients connect, by UDP and TCP: the address of the first shard, or "off"; the others have the ports
    /// that follow [default: 127.0.0.1:7400]
    #[arg(long, value_name = "ADDR")]
    native: Option<String>,
    /// A port of a NIC that the shards poll, without the kernel: dpdk:0000:03:00.0,ip=10.0.0.2/24 or
    /// dpdk:vdev=NAME,ip=...,OPTIONS. Native and Redis clients find Adit there at the port numbers of --native and --resp.
    /// May be given more than once
    #[arg(long, value_name = "PORT")]
    port: Option<Vec<String>>,
    /// Longest datagram of native clients in bytes; 8972 where frames are jumbo [default: 1472]
    #[arg(long, value_name = "BYTES")]
    native_frame: Option<u16>,
    /// Where block clients connect (not available yet)
    #[arg(long, value_name = "ADDR")]
    nbd: Option<String>,
    /// Where control is reached over HTTP (not available yet)
    #[arg(long, value_name = "ADDR")]
    api: Option<String>,
    /// Connections of all shards above which new ones are refused [default: 10000]
    #[arg(long, value_name = "N")]
    connections_max: Option<u64>,
    /// The password that clients must give with AUTH; better in the file or the environment than on the command line
    #[arg(long, value_name = "TEXT", env = "ADIT_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Allow DEBUG, which tests of the server use [default: false]
    #[arg(long, value_name = "BOOL")]
    debug_commands: Option<bool>,
    /// What goes when memory is full: nothing, the keys used least lately, or those of them that expire [default: none]
    #[arg(long, value_name = "POLICY")]
    eviction: Option<Policy>,
    /// Buckets with a policy of their own: sections `[bucket.N]` of the file.
    #[arg(skip)]
    bucket: BTreeMap<String, BucketOptions>,
    /// Limits of connections and requests: a section of the file.
    #[arg(skip)]
    limits: Option<LimitOptions>,
}

/// What a bucket may lose when memory is full.
#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Policy {
    /// Nothing: writes are refused
    None,
    /// Keys that were not used lately
    Clock,
    /// Of those only keys that expire
    ClockVolatile,
}

/// A section `[bucket.N]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BucketOptions {
    eviction: Policy,
}

impl From<Policy> for Eviction {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::None => Self::None,
            Policy::Clock => Self::Clock,
            Policy::ClockVolatile => Self::ClockVolatile,
        }
    }
}

/// The section `[limits]`; each line is also a parameter of CONFIG SET, under Redis's name for it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct LimitOptions {
    /// `timeout`: seconds after which an idle connection is closed, 0 for never.
    idle_s: Option<u32>,
    /// `client-query-buffer-limit`: the longest request.
    request: Option<Size>,
    /// `proto-max-bulk-len`: the longest argument.
    argument: Option<Size>,
    /// `client-output-buffer-limit normal`: what may wait to be sent, 0 for any number of bytes.
    output_hard: Option<Size>,
    /// What may wait for longer than `output-soft-s`.
    output_soft: Option<Size>,
    /// Seconds.
    output_soft_s: Option<u32>,
}

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) shards: u16,
    pub(crate) memory: Size,
    pub(crate) prefault: bool,
    pub(crate) resp: Option<SocketAddr>,
    pub(crate) native: Option<SocketAddr>,
    pub(crate) native_frame: u16,
    pub(crate) ports: Vec<PortSpec>,
    pub(crate) unix: Option<PathBuf>,
    pub(crate) password: Option<String>,
    pub(crate) debug_commands: bool,
    /// Limits that CONFIG SET changes later; of the connections it has what was asked for.
    pub(crate) limits: Limits,
    /// The file that it was read from.
    pub(crate) file: Option<PathBuf>,
    /// Services that were asked for and are not built yet.
    pub(crate) unavailable: Vec<&'static str>,
}

impl ServeArguments {
    /// The configuration that the flags and the file make.
    pub(crate) fn check(self) -> anyhow::Result<Config> {
        let file = self.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let config = self.options.or(file).check()?;
        Ok(Config { file: self.config, ..config })
    }
}

fn read_file(path: &Path) -> anyhow::Result<Options> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not a configuration", path.display()))
}

impl Options {
    /// These, and where they are unset the others.
    fn or(self, other: Self) -> Self {
        Self {
            shards: self.shards.or(other.shards),
            memory: self.memory.or(other.memory),
            prefault: self.prefault.or(other.prefault),
            data: self.data.or(other.data),
            resp: self.resp.or(other.resp),
            unix: self.unix.or(other.unix),
            native: self.native.or(other.native),
            port: self.port.or(other.port),
            native_frame: self.native_frame.or(other.native_frame),
            nbd: self.nbd.or(other.nbd),
            api: self.api.or(other.api),
            connections_max: self.connections_max.or(other.connections_max),
            password: self.password.or(other.password),
            debug_commands: self.debug_commands.or(other.debug_commands),
            eviction: self.eviction.or(other.eviction),
            bucket: if self.bucket.is_empty() { other.bucket } else { self.bucket },
            limits: self.limits.or(other.limits),
        }
    }

    fn check(self) -> anyhow::Result<Config> {
        if let Some(data) = &self.data {
            bail!(
                "data = {}: storing on a device is not available yet; start without it, everything is in memory",
                data.display()
            );
        }
        let shards = self.shards.unwrap_or(SHARDS_DEFAULT);
        ensure!(
            (1..=SHARDS_MAX).contains(&shards),
            "shards = {shards}: give a number from 1 to {SHARDS_MAX}"
        );
        let memory = self.memory.unwrap_or(MEMORY_DEFAULT);
        let least = Size(MEMORY_PER_SHARD_MIN.0 * u64::from(shards));
        ensure!(memory >= least, "memory = {memory}: {shards} shards need at least {least}");
        let connections_max = self.connections_max.unwrap_or(CONNECTIONS_DEFAULT);
        ensure!(connections_max > 0, "connections-max = 0: give at least 1");
        ensure!(self.password.as_deref() != Some(""), "password is empty: leave it out to need none");
        let resp = parse_address("resp", self.resp.as_deref().unwrap_or(RESP_DEFAULT))?;
        let native = parse_address("native", self.native.as_deref().unwrap_or(NATIVE_DEFAULT))?;
        let last = native.map_or(0, |address| u32::from(address.port()) + u32::from(shards) - 1);
        ensure!(
            last <= u32::from(u16::MAX),
            "native: the ports of {shards} shards end at {last}; begin lower"
        );
        ensure!(
            resp.is_some() || self.unix.is_some() || native.is_some(),
            "resp = off, native = off and no unix socket: nobody could connect"
        );
        let ports = parse_ports(self.port.unwrap_or_default())?;
        ensure!(
            ports.is_empty() || native.is_some(),
            "native = off: a port serves native clients; name an address for them, such as 127.0.0.1:7400"
        );
        check_shards(&ports, shards, native)?;
        for (port, queues) in ports.iter().filter_map(|port| Some((port, port.queues?))) {
            ensure!(
                queues == shards && port.shard.is_none(),
                "port: {} has queues={queues}, and there are {shards} shards: leave it out, each shard has a queue",
                port.device.name()
            );
        }
        let native_frame = self.native_frame.unwrap_or(NATIVE_FRAME_DEFAULT);
        ensure!(
            (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&usize::from(native_frame)),
            "native-frame = {native_frame}: give {FRAME_BYTES_MIN} to {FRAME_BYTES_MAX} bytes"
        );
        let mut eviction = [self.eviction.map_or(Eviction::None, Eviction::from); BUCKETS];
        for (name, options) in &self.bucket {
            let place = name.parse::<usize>().ok().and_then(|bucket| eviction.get_mut(bucket));
            let most = BUCKETS - 1;
            *place.with_context(|| format!("bucket.{name}: buckets have numbers from 0 to {most}"))? =
                options.eviction.into();
        }
        let asked = [("--nbd", &self.nbd), ("--api", &self.api)];
        for (name, address) in asked {
            parse_address(name.trim_start_matches('-'), address.as_deref().unwrap_or(OFF))?;
        }
        let unavailable =
            asked.into_iter().filter(|(_, address)| address.is_some()).map(|(name, _)| name).collect();
        Ok(Config {
            shards,
            memory,
            prefault: self.prefault.unwrap_or(true),
            resp,
            native,
            native_frame,
            ports,
            unix: self.unix,
            password: self.password,
            debug_commands: self.debug_commands.unwrap_or(false),
            limits: Limits { connections_max, eviction, ..self.limits.unwrap_or_default().check()? },
            file: None,
            unavailable,
        })
    }
}

impl LimitOptions {
    fn check(self) -> anyhow::Result<Limits> {
        let default = Limits::default();
        for (name, size) in [("request", self.request), ("argument", self.argument)] {
            let least = Size(REQUEST_LIMIT_BYTES_MIN);
            ensure!(size.is_none_or(|size| size >= least), "limits.{name}: give at least {least}");
        }
        let most = Size(default.argument_bytes_max);
        ensure!(
            self.argument.is_none_or(|size| size <= most),
            "limits.argument: values are {most} long at most"
        );
        let bytes = |size: Option<Size>, default: u64| size.map_or(default, |size| size.0);
        let mut output = default.output;
        output[ClientClass::Normal as usize] = OutputLimit {
            hard_bytes: bytes(self.output_hard, 0),
            soft_bytes: bytes(self.output_soft, 0),
            soft_s: self.output_soft_s.unwrap_or(0),
        };
        Ok(Limits {
            idle_s: self.idle_s.unwrap_or(default.idle_s),
            request_bytes_max: bytes(self.request, default.request_bytes_max),
            argument_bytes_max: bytes(self.argument, default.argument_bytes_max),
            output,
            ..default
        })
    }
}

fn parse_address(name: &str, text: &str) -> anyhow::Result<Option<SocketAddr>> {
    if text == OFF {
        return Ok(None);
    }
    let text = text.replacen("localhost:", "127.0.0.1:", 1);
    text.parse().map(Some).with_context(|| {
        format!("{name} = {text:?}: give an address and a port, such as 127.0.0.1:7379, or \"off\"")
    })
}

fn parse_ports(texts: Vec<String>) -> anyhow::Result<Vec<PortSpec>> {
    let parse = |text: &String| text.parse::<PortSpec>().with_context(|| format!("port = {text:?}"));
    let ports = texts.iter().map(parse).collect::<anyhow::Result<Vec<_>>>()?;
    for (index, port) in ports.iter().enumerate() {
        let name = port.device.name();
        let twice = ports[..index].iter().any(|other| other.device.name() == name);
        ensure!(!twice, "port: {name} is there twice; give each device once");
    }
    let most = INTERFACES_MAX - 1;
    ensure!(ports.len() <= most, "port: {} are too many; give at most {most}", ports.len());
    Ok(ports)
}

/// Whether the ports that are for one shard each can be one interface: clients are told where each shard is in one family of
/// addresses.
fn check_shards(ports: &[PortSpec], shards: u16, native: Option<SocketAddr>) -> anyhow::Result<()> {
    let own: Vec<(&PortSpec, u16)> = ports.iter().filter_map(|port| Some((port, port.shard?))).collect();
    for (index, (port, shard)) in own.iter().enumerate() {
        let (name, (ip, _)) = (port.device.name(), port.ips[0]);
        ensure!(
            *shard < shards,
            "port: {name} has shard={shard}, and the last of {shards} is {}: choose another, or raise --shards",
            shards - 1
        );
        let is_same = |(other, taken): &&(&PortSpec, u16)| taken == shard || other.ips[0].0 == ip;
        if let Some((other, _)) = own[..index].iter().find(is_same) {
            let other = other.device.name();
            bail!(
                "port: {name} and {other} have the same shard or address: each port with shard= has its own"
            );
        }
        let first = own[0].0.ips[0].0;
        ensure!(
            port.ips.iter().all(|(ip, _)| ip.is_ipv4() == first.is_ipv4()),
            "port: {name}: of ports with shard= all addresses are of IPv4, or all of IPv6, as clients are told one for each shard"
        );
    }
    let is_missing = |shard: &u16| !own.iter().any(|(_, taken)| taken == shard);
    if let Some(missing) = (0..shards).find(is_missing).filter(|_| !own.is_empty()) {
        // Who came by a port would take it for the address of that.
        ensure!(
            native.is_none_or(|address| !address.ip().is_unspecified()),
            "port: no port has shard={missing}, and native = {} does not tell clients where it is: add a port, or name \
             an address that they reach",
            native.map_or_else(String::new, |address| address.to_string())
        );
    }
    Ok(())
}

const OFF: &str = "off";
const SHARDS_DEFAULT: u16 = 1;
const MEMORY_DEFAULT: Size = Size(1 << 30);
/// A shard's index, a few pages of values and its buffers.
const MEMORY_PER_SHARD_MIN: Size = Size(32 << 20);
const RESP_DEFAULT: &str = "127.0.0.1:7379";
const NATIVE_DEFAULT: &str = "127.0.0.1:7400";
const NATIVE_FRAME_DEFAULT: u16 = 1_472;
const _: () = assert!(NATIVE_FRAME_DEFAULT as usize == FRAME_BYTES_DEFAULT);
const CONNECTIONS_DEFAULT: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(toml: &str) -> Result<Config, String> {
        let options: Options = toml::from_str(toml).map_err(|error| error.to_string())?;
        options.check().map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn an_empty_file_is_the_default() {
        let config = checked("").unwrap();
        assert_eq!((config.shards, config.memory), (1, Size(1 << 30)));
        assert_eq!(config.resp, Some("127.0.0.1:7379".parse().unwrap()));
    }

    #[test]
    fn every_flag_is_a_line_of_the_file() {
        let config = checked(
            "shards = 2\nmemory = \"64MiB\"\nprefault = false\nresp = \"[::1]:0\"\nunix = \"/tmp/x\"\n\
             native = \"127.0.0.1:7400\"\nnbd = \"127.0.0.1:1\"\napi = \"127.0.0.1:2\"\nconnections-max = 5\n\
             password = \"secret\"\ndebug-commands = true",
        );
        let config = config.unwrap();
        assert_eq!(config.unavailable, ["--nbd", "--api"]);
        assert_eq!(config.native, Some("127.0.0.1:7400".parse().unwrap()));
        assert_eq!((config.shards, config.limits.connections_max, config.prefault), (2, 5, false));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_to_do() {
        for (toml, told) in [
            ("shards = 0", "from 1 to 256"),
            ("shards = 300", "from 1 to 256"),
            ("memory = \"1MiB\"", "at least 32 MiB"),
            ("memory = \"lots\"", "512MiB"),
            ("resp = \"nowhere\"", "127.0.0.1:7379"),
            ("resp = \"off\"\nnative = \"off\"", "nobody could connect"),
            ("native = \"127.0.0.1:65535\"\nshards = 2\nmemory = \"64MiB\"", "begin lower"),
            ("native-frame = 100", "576 to 16384"),
            ("port = [\"dpdk:eth0\"]", "0000:03:00.0"),
            ("port = [\"dpdk:vdev=net_null0\"]", "ip=10.0.0.2/24"),
            ("native = \"off\"\nport = [\"dpdk:vdev=net_null0,ip=10.0.0.2/24\"]", "native = off"),
            (
                "port = [\"dpdk:vdev=net_null0,ip=10.0.0.2/24\", \"dpdk:vdev=net_null0,ip=10.0.0.3/24\"]",
                "net_null0 is there twice",
            ),
            ("port = [\"dpdk:vdev=net_null0,ip=10.0.0.2/24,shard=1\"]", "shard=1, and the last of 1 is 0"),
            (
                "shards = 2\nport = [\"dpdk:vdev=net_null0,ip=10.0.0.2/24,shard=1\", \
                 \"dpdk:vdev=net_null1,ip=10.0.0.3/24,shard=1\"]",
                "net_null1 and net_null0 have the same shard",
            ),
            (
                "shards = 2\nport = [\"dpdk:vdev=net_null0,ip=10.0.0.2/24,shard=0\", \
                 \"dpdk:vdev=net_null1,ip=10.0.0.2/24,shard=1\"]",
                "the same shard or address",
            ),
            (
                "shards = 2\nport = [\"dpdk:vdev=net_null0,ip=10.0.0.2/24,shard=0\", \
                 \"dpdk:vdev=net_null1,ip=fd00::2/64,shard=1\"]",
                "all addresses are of IPv4, or all of IPv6",
            ),
            ("port = [\"dpdk:vdev=net_null0,ip=10.0.0.2/24,shard=0,queues=1\"]", "leave it out"),
            (
                "shards = 2\nnative = \"0.0.0.0:7400\"\nport = [\"dpdk:vdev=net_null0,ip=10.0.0.2/24,shard=0\"]",
                "no port has shard=1",
            ),
            ("connections-max = 0", "at least 1"),
            ("password = \"\"", "leave it out"),
            ("data = \"/tmp/x\"", "not available yet"),
            ("native = \"x\"", "give an address"),
            ("shard = 1", "unknown field `shard`"),
            ("[limits]\nidle = 1", "unknown field `idle`"),
            ("[limits]\nrequest = \"5\"", "at least 1024 KiB"),
            ("[limits]\nargument = \"1GiB\"", "512 MiB long at most"),
        ] {
            let error = checked(toml).unwrap_err();
            assert!(error.contains(told), "{toml}: {error}");
        }
    }

    #[test]
    fn ports_may_be_for_one_shard_each() {
        let port = |number: u16| {
            format!("\"dpdk:vdev=net_null{number},ip=10.0.0.{}/24,shard={number}\"", number + 2)
        };
        for ports in [vec![0], vec![1], vec![1, 0]] {
            let list: Vec<String> = ports.iter().map(|number| port(*number)).collect();
            let config = checked(&format!("shards = 2\nport = [{}]", list.join(", "))).unwrap();
            let shards: Vec<_> = config.ports.iter().filter_map(|port| port.shard).collect();
            assert_eq!(shards, ports);
        }
    }

    #[test]
    fn limits_are_a_section() {
        let config = checked(
            "connections-max = 9\n[limits]\nidle-s = 300\nrequest = \"2MiB\"\noutput-hard = \"8MiB\"\n\
             output-soft = 1000000\noutput-soft-s = 20",
        );
        let limits = config.unwrap().limits;
        assert_eq!((limits.connections_max, limits.idle_s, limits.request_bytes_max), (9, 300, 2 << 20));
        assert_eq!(limits.argument_bytes_max, 512 << 20);
        let output = OutputLimit { hard_bytes: 8 << 20, soft_bytes: 1_000_000, soft_s: 20 };
        assert_eq!(limits.output[ClientClass::Normal as usize], output);
    }

    #[test]
    fn the_example_of_the_service_is_a_configuration() {
        let config = checked(include_str!("../../scripts/systemd/adit.toml")).unwrap();
        assert_eq!((config.shards, config.memory), (2, Size(4 << 30)));
        assert_eq!(config.unix.as_deref(), Some(Path::new("/run/adit/adit.sock")));
        assert!(config.unavailable.is_empty() && config.password.is_none());
    }

    #[test]
    fn flags_win_over_the_file() {
        let flags = Options { shards: Some(3), ..Options::default() };
        let file: Options = toml::from_str("shards = 2\nconnections-max = 7").unwrap();
        let config = flags.or(file).check().unwrap();
        assert_eq!((config.shards, config.limits.connections_max), (3, 7));
    }
}
