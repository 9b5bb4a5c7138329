//! How a port of DPDK is written down, on a command line or in a file: `dpdk:DEVICE,key=value,...`. It is taken apart here and
//! nothing is looked up.
//!
//! ```text
//! dpdk:0000:03:00.0,ip=10.0.0.2/24[,ip=fd00::2/64][,gateway=10.0.0.1][,mtu=1500][,vlan=7][,queues=1][,shard=0]
//!     [,descriptors=1024][,burst=32][,connections=1024][,checksums=off][,huge=off][,tails=on][,memory=256MiB][,log=debug]
//! dpdk:vdev=net_memif0,role=server,socket=/run/adit/memif.sock,ip=10.0.0.2/24
//! ```
//! Whatever else is said of a virtual device is an option of its driver. With `tails=on` long values leave without a copy, from where
//! they lie, pinned until the device is done with them; a NIC is told of all memory of values for this. Virtual devices that
//! copy do so unless `tails=off` is said.

use core::fmt;
use core::str::FromStr;
use std::net::IpAddr;

/// A port of DPDK as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSpec {
    /// The device.
    pub device: DeviceSpec,
    /// Its addresses, each with the bits of its network; at least one.
    pub ips: Vec<(IpAddr, u8)>,
    /// Where packets to other networks go; at most one for IPv4 and one for IPv6.
    pub gateways: Vec<IpAddr>,
    /// Longest IP packet, in bytes.
    pub mtu_bytes: Option<u16>,
    /// The VLAN that all its frames are tagged with.
    pub vlan: Option<u16>,
    /// Queue pairs, for programs that have no shards to count; a server has one for each shard.
    pub queues: Option<u16>,
    /// The only shard of a server that has it, with one queue pair; else all have it.
    pub shard: Option<u16>,
    /// Places of each ring.
    pub descriptors: Option<u16>,
    /// Frames that are received at a time.
    pub burst: Option<u16>,
    /// TCP connections at once.
    pub connections: Option<u32>,
    /// Whether checksums are verified, and those of UDP over IPv4 written: what comes out of the memory of a process on this
    /// machine needs none.
    pub checksums: bool,
    /// Whether its memory lies in hugepages.
    pub is_huge: bool,
    /// Whether frames may end with bytes that lie elsewhere, if the device takes that: large values leave without a copy.
    pub tails: Option<bool>,
    /// MiB of memory for all ports.
    pub memory_mib: Option<u32>,
    /// Whether DPDK and the driver tell what they do.
    pub is_verbose: bool,
}

/// Which device a port is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceSpec {
    /// One on the PCI bus, by its address with the domain.
    Pci(String),
    /// A virtual one.
    Virtual {
        /// Its name, which begins with that of its driver: `net_memif0`.
        name: String,
        /// Options of the driver, as it wants them.
        options: String,
    },
}

impl DeviceSpec {
    /// The name by which DPDK knows it.
    pub fn name(&self) -> &str {
        match self {
            Self::Pci(name) | Self::Virtual { name, .. } => name,
        }
    }

    /// Its address on the PCI bus, if it is there.
    pub fn pci(&self) -> Option<&str> {
        match self {
            Self::Pci(address) => Some(address),
            Self::Virtual { .. } => None,
        }
    }

    /// Options of its driver.
    pub fn options(&self) -> &str {
        match self {
            Self::Pci(_) => "",
            Self::Virtual { options, .. } => options,
        }
    }
}

/// What is wrong with a port as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// The part that is wrong.
    pub part: String,
    /// What is wrong with it, and what is right.
    pub problem: &'static str,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in a port of DPDK: {}", self.part, self.problem)
    }
}

impl std::error::Error for SpecError {}

impl FromStr for PortSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let rest = text.strip_prefix(PREFIX).ok_or_else(|| error(text, "it begins with `dpdk:`"))?;
        let mut parts = rest.split(',').map(str::trim);
        let device = device(parts.next().unwrap_or_default())?;
        let mut reader = Reader { spec: Self::of(device), seen: Vec::new(), options: Vec::new() };
        parts.try_for_each(|part| reader.read(part))?;
        reader.finish(rest)
    }
}

impl PortSpec {
    fn of(device: DeviceSpec) -> Self {
        Self {
            device,
            ips: Vec::new(),
            gateways: Vec::new(),
            mtu_bytes: None,
            vlan: None,
            queues: None,
            shard: None,
            descriptors: None,
            burst: None,
            connections: None,
            checksums: true,
            is_huge: true,
            tails: None,
            memory_mib: None,
            is_verbose: false,
        }
    }
}

/// A specification that is being read.
struct Reader<'a> {
    spec: PortSpec,
    /// Keys that were said, of those that are said once.
    seen: Vec<&'a str>,
    /// What is for the driver.
    options: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, part: &'a str) -> Result<(), SpecError> {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        if ONCE.contains(&key) {
            if self.seen.contains(&key) {
                return Err(error(part, "it was said before"));
            }
            self.seen.push(key);
        }
        let spec = &mut self.spec;
        match key {
            "ip" => spec.ips.push(address(part, value)?),
            "gateway" => {
                let ip =
                    value.parse().map_err(|_| error(part, "a gateway is an address: gateway=10.0.0.1"))?;
                spec.gateways.push(ip);
            }
            "mtu" => spec.mtu_bytes = Some(within(part, value, MTU, "an MTU has 1280 to 9000 bytes")?),
            "vlan" => spec.vlan = Some(within(part, value, VLAN, "a VLAN has a number of 1 to 4094")?),
            "queues" => {
                spec.queues = Some(within(part, value, QUEUES, "a port has 1 to 256 queues")?);
            }
            "shard" => spec.shard = Some(within(part, value, SHARDS, "a shard has a number of 0 to 255")?),
            "burst" => {
                let frames: u16 = within(part, value, BURST, BURST_WORDS)?;
                if !frames.is_multiple_of(BURST.0) {
                    return Err(error(part, BURST_WORDS));
                }
                spec.burst = Some(frames);
            }
            "descriptors" => {
                let problem = "a ring has 32 to 32768 descriptors";
                spec.descriptors = Some(within(part, value, DESCRIPTORS, problem)?);
            }
            "connections" => {
                let problem = "a port has 1 to 16777216 connections";
                spec.connections = Some(within(part, value, CONNECTIONS, problem)?);
            }
            "checksums" => {
                spec.checksums = choice(part, value, ["off", "on"], "it is checksums=on or checksums=off")?;
            }
            "huge" => spec.is_huge = choice(part, value, ["off", "on"], "it is huge=on or huge=off")?,
            "tails" => {
                spec.tails = Some(choice(part, value, ["off", "on"], "it is tails=on or tails=off")?);
            }
            "memory" => spec.memory_mib = Some(memory(part, value)?),
            "log" => {
                spec.is_verbose = choice(part, value, ["quiet", "debug"], "it is log=quiet or log=debug")?;
            }
            "" => return Err(error(part, "a key is missing")),
            _ => match spec.device {
                DeviceSpec::Virtual { .. } => self.options.push(part),
                DeviceSpec::Pci(_) => return Err(error(part, KEYS)),
            },
        }
        Ok(())
    }

    fn finish(self, rest: &str) -> Result<PortSpec, SpecError> {
        let mut spec = self.spec;
        let Some((ip, _)) = spec.ips.first() else {
            return Err(error(rest, "it has no address: ip=10.0.0.2/24"));
        };
        if let DeviceSpec::Virtual { name, options } = &mut spec.device {
            *options = self.options.join(",");
            let has_mac = self.options.iter().any(|option| option.starts_with("mac="));
            if !has_mac && RANDOM_MAC.iter().any(|driver| name.starts_with(driver)) {
                let separator = if options.is_empty() { "" } else { "," };
                options.push_str(&format!("{separator}mac={}", mac_of(*ip)));
            }
        }
        for (index, gateway) in spec.gateways.iter().enumerate() {
            let part = gateway.to_string();
            if spec.gateways[..index].iter().any(|other| other.is_ipv4() == gateway.is_ipv4()) {
                return Err(error(&part, "there is one gateway for IPv4 and one for IPv6"));
            }
            // Routers of IPv6 are known by their link-local addresses.
            let is_link_local = matches!(gateway, IpAddr::V6(ip) if ip.is_unicast_link_local());
            if !is_link_local && !spec.ips.iter().any(|ip| is_in(*gateway, *ip)) {
                return Err(error(&part, "a gateway is in one of the networks of the port"));
            }
        }
        Ok(spec)
    }
}

fn device(part: &str) -> Result<DeviceSpec, SpecError> {
    if let Some(name) = part.strip_prefix("vdev=") {
        let is_name =
            name.len() <= NAME_BYTES_MAX && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name || !name.starts_with("net_") {
            return Err(error(
                part,
                "the name of a virtual device is that of its driver and a number: net_memif0",
            ));
        }
        return Ok(DeviceSpec::Virtual { name: name.into(), options: String::new() });
    }
    is_pci(part).then(|| DeviceSpec::Pci(part.into())).ok_or_else(|| {
        error(part, "a device is a PCI address as of `lspci -D`, such as 0000:03:00.0, or vdev=NAME")
    })
}

/// Domain, bus, device and function: `0000:03:00.0`.
fn is_pci(text: &str) -> bool {
    let is_hex = |part: &str, len: usize| {
        part.len() == len && part.chars().all(|c| c.is_ascii_digit() || matches!(c, 'a'..='f'))
    };
    let mut parts = text.split(':');
    let (domain, bus, rest) = (parts.next(), parts.next(), parts.next());
    let (device, function) = rest.unwrap_or_default().split_once('.').unwrap_or_default();
    let is_domain = domain.is_some_and(|domain| is_hex(domain, 4) || is_hex(domain, 8));
    is_domain
        && bus.is_some_and(|bus| is_hex(bus, 2))
        && is_hex(device, 2)
        && is_hex(function, 1)
        && parts.next().is_none()
}

fn address(part: &str, value: &str) -> Result<(IpAddr, u8), SpecError> {
    let problem = "an address has the bits of its network: ip=10.0.0.2/24 or ip=fd00::2/64";
    let (ip, bits) = value.split_once('/').ok_or_else(|| error(part, problem))?;
    let ip: IpAddr = ip.parse().map_err(|_| error(part, problem))?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let bits = within(part, bits, (1, most), problem)?;
    if ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() {
        return Err(error(part, "that is nobody's own address"));
    }
    Ok((ip, bits))
}

/// Whether an address is in the network of another.
fn is_in(ip: IpAddr, (own, bits): (IpAddr, u8)) -> bool {
    let bits = u32::from(bits);
    match (ip, own) {
        (IpAddr::V4(ip), IpAddr::V4(own)) => (ip.to_bits() ^ own.to_bits()).leading_zeros() >= bits,
        (IpAddr::V6(ip), IpAddr::V6(own)) => (ip.to_bits() ^ own.to_bits()).leading_zeros() >= bits,
        _ => false,
    }
}

/// The address of a device that has none but by chance: always the same for an IP address, since neighbours do not believe at
/// once that it is at another device. The first byte says that it is nobody's by registration (IEEE 802, section 8.4).
fn mac_of(ip: IpAddr) -> String {
    let [a, b, c, d] = match ip {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) => ip.octets().last_chunk().copied().unwrap_or_default(),
    };
    format!("02:ad:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// MiB out of `256MiB` or `1GiB`.
fn memory(part: &str, value: &str) -> Result<u32, SpecError> {
    let problem = "memory is 16MiB to 1024GiB";
    let (number, unit) = match (value.strip_suffix("MiB"), value.strip_suffix("GiB")) {
        (Some(number), _) => (number, 1),
        (_, Some(number)) => (number, 1024),
        _ => return Err(error(part, problem)),
    };
    let number: u32 = within(part, number, MEMORY_MIB, problem)?;
    let mib = number.saturating_mul(unit);
    within(part, &mib.to_string(), (16, MEMORY_MIB.1), problem)
}

fn choice(part: &str, value: &str, [no, yes]: [&str; 2], problem: &'static str) -> Result<bool, SpecError> {
    if value == yes || value == no { Ok(value == yes) } else { Err(error(part, problem)) }
}

fn within<T: FromStr + PartialOrd>(
    part: &str,
    value: &str,
    (least, most): (T, T),
    problem: &'static str,
) -> Result<T, SpecError> {
    let number = value.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| error(part, problem))
}

fn error(part: &str, problem: &'static str) -> SpecError {
    SpecError { part: part.into(), problem }
}

const PREFIX: &str = "dpdk:";
/// Keys that make no sense twice.
const ONCE: [&str; 12] = [
    "mtu",
    "vlan",
    "queues",
    "shard",
    "descriptors",
    "burst",
    "connections",
    "checksums",
    "huge",
    "tails",
    "memory",
    "log",
];
/// Frames of a burst, in steps of the least: drivers that receive with vector instructions take no others (`rte_eth_rx_burst`).
const BURST: (u16, u16) = (8, 32);
const BURST_WORDS: &str = "a burst has 8, 16, 24 or 32 frames";
const KEYS: &str = "the keys are ip, gateway, mtu, vlan, queues, shard, descriptors, burst, connections, checksums, \
                    huge, tails, memory and log";
/// Drivers that draw the address of a device, and can be told it.
const RANDOM_MAC: [&str; 2] = ["net_memif", "net_virtio_user"];
/// The least is what every link that carries IPv6 carries (RFC 8200, section 5).
const MTU: (u16, u16) = (1280, 9000);
const VLAN: (u16, u16) = (1, 4094);
const QUEUES: (u16, u16) = (1, 256);
const SHARDS: (u16, u16) = (0, 255);
const DESCRIPTORS: (u16, u16) = (32, 32768);
const CONNECTIONS: (u32, u32) = (1, 1 << 24);
const MEMORY_MIB: (u32, u32) = (1, 1 << 20);
/// Names of DPDK's devices are shorter than 64 bytes (`RTE_ETH_NAME_MAX_LEN`).
const NAME_BYTES_MAX: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Random;

    fn read(text: &str) -> Result<PortSpec, SpecError> {
        text.parse()
    }

    #[test]
    fn a_nic_with_everything() {
        let spec = read(
            "dpdk:0000:03:00.0,ip=10.0.0.2/24,ip=fd00::2/64,gateway=10.0.0.1,gateway=fe80::1,mtu=9000,vlan=7,queues=2,shard=1,\
             descriptors=512,burst=16,connections=100,checksums=off,huge=off,tails=off,memory=1GiB,log=debug",
        );
        let ips = vec![("10.0.0.2".parse().unwrap(), 24), ("fd00::2".parse().unwrap(), 64)];
        let expected = PortSpec {
            device: DeviceSpec::Pci("0000:03:00.0".into()),
            ips,
            gateways: vec!["10.0.0.1".parse().unwrap(), "fe80::1".parse().unwrap()],
            mtu_bytes: Some(9000),
            vlan: Some(7),
            queues: Some(2),
            shard: Some(1),
            descriptors: Some(512),
            burst: Some(16),
            connections: Some(100),
            checksums: false,
            is_huge: false,
            tails: Some(false),
            memory_mib: Some(1024),
            is_verbose: true,
        };
        assert_eq!(spec, Ok(expected));
    }

    #[test]
    fn what_is_not_ours_goes_to_the_driver() {
        let spec =
            read("dpdk:vdev=net_memif0,role=server,mtu=1500,socket=/run/adit/memif.sock,ip=10.0.0.2/24")
                .unwrap();
        assert_eq!((spec.device.name(), spec.mtu_bytes), ("net_memif0", Some(1500)));
        assert_eq!(
            spec.device.options(),
            "role=server,socket=/run/adit/memif.sock,mac=02:ad:0a:00:00:02",
            "it has the same address each time"
        );
        let options = |text| read(text).unwrap().device.options().to_owned();
        assert_eq!(options("dpdk:vdev=net_memif0,ip=fd00::1:203/64"), "mac=02:ad:00:01:02:03");
        assert_eq!(
            options("dpdk:vdev=net_memif0,mac=02:00:00:00:00:01,ip=10.0.0.2/24"),
            "mac=02:00:00:00:00:01"
        );
        assert!(spec.is_huge && !spec.is_verbose && spec.memory_mib.is_none());
        assert_eq!(read("dpdk:vdev=net_null0,ip=10.0.0.2/24").unwrap().device.options(), "");
    }

    #[test]
    fn errors_name_the_part_and_what_is_right() {
        for (text, part, problem) in [
            ("udp:1", "udp:1", "`dpdk:`"),
            ("dpdk:", "", "lspci"),
            ("dpdk:03:00.0,ip=10.0.0.2/24", "03:00.0", "0000:03:00.0"),
            ("dpdk:0000:03:00.0", "0000:03:00.0", "ip="),
            ("dpdk:0000:03:00.0,ip=10.0.0.2", "ip=10.0.0.2", "/24"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/33", "ip=10.0.0.2/33", "/24"),
            ("dpdk:0000:03:00.0,ip=0.0.0.0/8", "ip=0.0.0.0/8", "own address"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,role=server", "role=server", "the keys are"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,,", "", "a key is missing"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,mtu=9001", "mtu=9001", "1280 to 9000"),
            ("dpdk:0000:03:00.0,ip=fd00::2/64,mtu=1279", "mtu=1279", "1280 to 9000"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,vlan=4095", "vlan=4095", "4094"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,vlan=1,vlan=2", "vlan=2", "before"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,queues=0", "queues=0", "1 to 256"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,burst=33", "burst=33", "8, 16, 24 or 32"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,burst=12", "burst=12", "8, 16, 24 or 32"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,shard=256", "shard=256", "0 to 255"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,huge=no", "huge=no", "huge=off"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,memory=1", "memory=1", "MiB"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,memory=8MiB", "memory=8MiB", "16MiB"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,gateway=10.0.1.1", "10.0.1.1", "networks of the port"),
            ("dpdk:0000:03:00.0,ip=10.0.0.2/24,gateway=10.0.0.1,gateway=10.0.0.3", "10.0.0.3", "one gateway"),
            ("dpdk:vdev=memif,ip=10.0.0.2/24", "vdev=memif", "net_memif0"),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.part, part);
            assert!(error.problem.contains(problem), "{error}");
        }
    }

    #[test]
    fn no_text_makes_it_fall_over() {
        const WORDS: [&str; 20] = [
            "dpdk:",
            "0000:03:00.0",
            "vdev=net_memif0",
            ",",
            ",",
            ",",
            "=",
            "/",
            ":",
            "ip=10.0.0.2/24",
            "ip=fd00::2/64",
            "gateway=10.0.0.1",
            "mtu=1500",
            "memory=64MiB",
            "role=server",
            "huge=off",
            "9999999999",
            "-1",
            "\u{e9}",
            "\0",
        ];
        let mut random = Random::new(4);
        let mut accepted = 0;
        for _ in 0..200_000 {
            let mut text = if random.one_in(8) { String::new() } else { "dpdk:vdev=net_memif0".to_owned() };
            for _ in 0..random.below(8) {
                text.push_str(if random.one_in(3) { WORDS[random.index(WORDS.len())] } else { "," });
                text.push_str(WORDS[random.index(WORDS.len())]);
            }
            if let Ok(spec) = read(&text) {
                accepted += 1;
                assert!(!spec.ips.is_empty() && spec.mtu_bytes.is_none_or(|mtu| (68..=9000).contains(&mtu)));
                assert!(!spec.device.options().split(',').any(|part| part.starts_with("ip=")));
            }
        }
        assert!(accepted > 100, "{accepted} were accepted");
    }
}
