//! Network interfaces: which device is below them, which addresses and default routes they carry.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::pci::{self, Address};
use super::root::Root;

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) name: String,
    /// The device that it is of, unless it is virtual.
    pub(crate) device: Option<Address>,
    /// Switched on by whoever administers the machine.
    pub(crate) up: bool,
    /// A cable with somebody at its other end.
    pub(crate) link: bool,
    pub(crate) speed_mbit: Option<u64>,
    /// IPv4 addresses are found by the routes to their networks.
    pub(crate) addresses: Vec<String>,
}

/// All interfaces, by name.
pub(crate) fn interfaces(root: &Root) -> Vec<Interface> {
    let (ipv4, ipv6) = (ipv4_addresses(root), ipv6_addresses(root));
    let of = |name: String| {
        let file = |file: &str| format!("{CLASS}/{name}/{file}");
        let carried = ipv4.iter().chain(&ipv6).filter(|(interface, _)| *interface == name);
        Interface {
            device: root.link(&format!("{CLASS}/{name}")).as_deref().and_then(pci::of_path),
            up: root.hexadecimal(&file("flags")).is_some_and(|flags| flags & IFF_UP != 0),
            link: root.number(&file("carrier")) == Some(1),
            // -1 where nobody knows.
            speed_mbit: root.number(&file("speed")).filter(|speed| *speed > 0),
            addresses: carried.map(|(_, address)| address.clone()).collect(),
            name,
        }
    };
    // The folder also has plain files, such as bonding_masters.
    let names = root.names(CLASS).into_iter().filter(|name| root.exists(&format!("{CLASS}/{name}/flags")));
    names.map(of).collect()
}

/// The interfaces that the default routes of the main table leave through, IPv4 and IPv6.
pub(crate) fn default_routes(root: &Root) -> BTreeSet<String> {
    let ipv4 = ipv4_routes(root).into_iter().filter(|route| route.network == 0 && route.mask == 0);
    ipv4.map(|route| route.interface).chain(ipv6_defaults(root)).collect()
}

/// The interfaces above one that carry a default route, itself included: bonds, bridges, VLANs and what is over them.
pub(crate) fn carries_default(root: &Root, interface: &str) -> Vec<String> {
    let defaults = default_routes(root);
    with_uppers(root, interface).into_iter().filter(|name| defaults.contains(name)).collect()
}

/// What is built over an interface.
pub(crate) fn above(root: &Root, interface: &str) -> Vec<String> {
    with_uppers(root, interface).into_iter().filter(|name| name != interface).collect()
}

/// An interface and all that is built over it.
fn with_uppers(root: &Root, interface: &str) -> BTreeSet<String> {
    let all = root.names(CLASS);
    let (mut found, mut open) = (BTreeSet::new(), vec![interface.to_owned()]);
    while let Some(name) = open.pop() {
        let above = root.names(&format!("{CLASS}/{name}"));
        open.extend(above.iter().filter_map(|file| file.strip_prefix("upper_")).map(str::to_owned));
        // The same link from its other end.
        let lower = format!("lower_{name}");
        open.extend(all.iter().filter(|other| root.exists(&format!("{CLASS}/{other}/{lower}"))).cloned());
        found.insert(name);
        open.retain(|name| !found.contains(name));
    }
    found
}

/// A line of /proc/net/route.
struct Route {
    interface: String,
    network: u32,
    mask: u32,
}

fn ipv4_routes(root: &Root) -> Vec<Route> {
    let text = root.text("/proc/net/route").unwrap_or_default();
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let number = |index: usize| u32::from_str_radix(fields.get(index)?, 16).ok();
        let (network, mask) = (number(1)?, number(7)?);
        let flags = number(3)?;
        let usable = flags & RTF_UP != 0 && flags & RTF_REJECT == 0;
        let of = |number: u32| u32::from_be_bytes(number.to_le_bytes());
        usable.then(|| Route { interface: fields[0].to_owned(), network: of(network), mask: of(mask) })
    };
    text.lines().skip(1).filter_map(parse).collect()
}

/// Fields: destination, its prefix, source, its prefix, gateway, metric, references, uses, flags, interface.
fn ipv6_defaults(root: &Root) -> Vec<String> {
    let text = root.text("/proc/net/ipv6_route").unwrap_or_default();
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [network, prefix, .., flags, interface] = fields[..] else { return None };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let default = prefix == "00" && network.bytes().all(|digit| digit == b'0');
        let usable = flags & RTF_UP != 0 && flags & RTF_REJECT == 0 && interface != "lo";
        (default && usable).then(|| interface.to_owned())
    };
    text.lines().filter_map(parse).collect()
}

/// Addresses of this machine with the interface of the narrowest route that leads to them.
fn ipv4_addresses(root: &Root) -> Vec<(String, String)> {
    let text = root.text("/proc/net/fib_trie").unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let local = lines.windows(2).filter(|pair| pair[1] == "/32 host LOCAL");
    let addresses: BTreeSet<Ipv4Addr> =
        local.filter_map(|pair| pair[0].strip_prefix("|-- ")?.parse().ok()).collect();
    let mut routes = ipv4_routes(root);
    routes.sort_by_key(|route| std::cmp::Reverse(route.mask));
    let of = |address: Ipv4Addr| {
        let number = u32::from(address);
        let near = |route: &&Route| route.mask != 0 && number & route.mask == route.network;
        let interface = if address.is_loopback() { "lo" } else { &routes.iter().find(near)?.interface };
        Some((interface.to_owned(), address.to_string()))
    };
    addresses.into_iter().filter_map(of).collect()
}

/// Those that reach further than the cable.
fn ipv6_addresses(root: &Root) -> Vec<(String, String)> {
    let text = root.text("/proc/net/if_inet6").unwrap_or_default();
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let address = Ipv6Addr::from(u128::from_str_radix(fields.first()?, 16).ok()?);
        (!address.is_unicast_link_local())
            .then(|| Some(((*fields.get(5)?).to_owned(), address.to_string())))?
    };
    text.lines().filter_map(parse).collect()
}

const CLASS: &str = "/sys/class/net";
/// Flags of linux/if.h and linux/route.h.
const IFF_UP: u32 = 1;
const RTF_UP: u32 = 1;
const RTF_REJECT: u32 = 0x200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake::Fake;

    const NIC: &str = "0000:03:00.0";

    #[test]
    fn interfaces_have_their_device_and_addresses() {
        let fake = Fake::new();
        fake.interface("eth0", NIC, true)
            .over("br0", &[])
            .default_route("eth0")
            .file("/sys/class/net/bonding_masters", "");
        fake.file("/sys/class/net/eth0/carrier", "1\n").file("/sys/class/net/eth0/speed", "25000\n");
        let entry = |address: &str| format!("  |-- {address}\n     /32 host LOCAL\n");
        fake.file("/proc/net/fib_trie", &format!("Main:\n{}{}", entry("10.0.0.5"), entry("127.0.0.1")));
        fake.file(
            "/proc/net/if_inet6",
            "fd000000000000000000000000000002 04 40 00 82     eth0\nfe8000000000000000fc00fffe000001 04 40 20 80     eth0\n",
        );
        let all = interfaces(&fake.root());
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].name.as_str(), all[0].device, all[0].link), ("br0", None, false));
        let eth0 = &all[1];
        assert_eq!((eth0.device, eth0.up, eth0.link), (Some(NIC.parse().unwrap()), true, true));
        assert_eq!(eth0.speed_mbit, Some(25_000));
        assert_eq!(eth0.addresses, ["10.0.0.5", "fd00::2"]);
    }

    #[test]
    fn default_routes_are_found_in_both_families() {
        let fake = Fake::new();
        let line = |network: char, prefix: &str, flags: &str, interface: &str| {
            let zero = "0".repeat(32);
            let network = network.to_string().repeat(32);
            format!("{network} {prefix} {zero} 00 {zero} 00000400 00000002 00000000 {flags} {interface}\n")
        };
        let lines = [
            line('0', "00", "00000003", "eth1"),
            line('0', "00", "00200200", "lo"),
            line('0', "40", "00000001", "eth2"),
            line('f', "00", "00000001", "eth3"),
            line('0', "00", "00000203", "eth4"),
        ];
        fake.default_route("eth0").file("/proc/net/ipv6_route", &lines.concat());
        assert_eq!(default_routes(&fake.root()).into_iter().collect::<Vec<_>>(), ["eth0", "eth1"]);
        assert!(default_routes(&Fake::new().root()).is_empty());
    }

    #[test]
    fn a_default_route_is_seen_through_bonds_bridges_and_vlans() {
        let fake = Fake::new();
        fake.interface("eth0", NIC, true).interface("eth1", "0000:03:00.1", true).over("bond0", &["eth0"]);
        fake.over("bond0.5", &["bond0"]).over("br0", &["bond0.5"]).default_route("br0");
        assert_eq!(carries_default(&fake.root(), "eth0"), ["br0"]);
        assert!(carries_default(&fake.root(), "eth1").is_empty());
        // One end of a link is enough.
        fake.remove("/sys/class/net/eth0/upper_bond0");
        assert_eq!(carries_default(&fake.root(), "eth0"), ["br0"]);
        // Two interfaces over each other, as veths look, end the search.
        fake.link("/sys/class/net/eth1/upper_bond0", "../bond0")
            .link("/sys/class/net/bond0/upper_eth1", "../eth1");
        assert_eq!(carries_default(&fake.root(), "eth1"), ["br0"]);
    }
}
