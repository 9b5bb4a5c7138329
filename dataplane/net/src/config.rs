//! What a stack is told before it starts, checked in full.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_drivers::dpdk::spec::PortSpec;

use crate::ip::same_network;
use crate::{ipv4, ipv6};

/// The settings of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackConfig {
    /// Our addresses, each with the bits of it that its network has; the first is the one we are known by. IPv6 is spoken
    /// if one is of it, and then at the link-local address of the device as well. A datagram leaves from our address on the
    /// network of its peer, or of the gateway to it, so no two are on one network.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Who forwards IPv4 packets to other networks.
    pub gateway4: Option<Ipv4Addr>,
    /// Who forwards IPv6 packets to other networks.
    pub gateway6: Option<Ipv6Addr>,
    /// The VLAN that all frames carry the tag of, 1-4094.
    pub vlan: Option<u16>,
    /// The UDP port whose datagrams are received, and which ours come from.
    pub udp_port: u16,
    /// Whether TCP segments are received. Without it they are dropped like those of any protocol that nobody speaks.
    pub takes_tcp: bool,
    /// Whether it answers for its addresses, and pings, and tells its neighbours when it starts: all stacks that
    /// share a device do, each in its own queue.
    pub answers: bool,
    /// Whether checksums are verified, and that of UDP over IPv4 is sent: without it, a wire is trusted that is none, but the
    /// memory of a process on this machine.
    pub checksums: bool,
}

impl StackConfig {
    /// One address, and no gateway.
    pub fn new(address: IpAddr, prefix: u8, udp_port: u16) -> Self {
        Self {
            addresses: vec![(address, prefix)],
            gateway4: None,
            gateway6: None,
            vlan: None,
            udp_port,
            takes_tcp: false,
            answers: true,
            checksums: true,
        }
    }

    /// What a port was asked to be, for datagrams to `udp_port`.
    pub fn of_port(spec: &PortSpec, udp_port: u16) -> Self {
        let v4 = |ip: &IpAddr| if let IpAddr::V4(ip) = ip { Some(*ip) } else { None };
        let v6 = |ip: &IpAddr| if let IpAddr::V6(ip) = ip { Some(*ip) } else { None };
        Self {
            addresses: spec.ips.clone(),
            gateway4: spec.gateways.iter().find_map(v4),
            gateway6: spec.gateways.iter().find_map(v6),
            vlan: spec.vlan,
            udp_port,
            takes_tcp: false,
            answers: true,
            checksums: spec.checksums,
        }
    }

    /// Whether a stack can start with it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.addresses.is_empty() || self.addresses.len() > ADDRESSES_MAX {
            return Err(ConfigError::AddressCount(self.addresses.len()));
        }
        for (address, prefix) in &self.addresses {
            if !is_host(*address) {
                return Err(ConfigError::Address(*address));
            }
            if u32::from(*prefix) > if address.is_ipv4() { 32 } else { 128 } {
                return Err(ConfigError::Prefix(*address, *prefix));
            }
        }
        for (index, (address, prefix)) in self.addresses.iter().enumerate() {
            let mut before = self.addresses[..index].iter();
            let is_beside = |other: &&(IpAddr, u8)| same_network(*address, other.0, (*prefix).min(other.1));
            if let Some((other, _)) = before.find(is_beside) {
                return Err(ConfigError::SameNetwork(*other, *address));
            }
        }
        for gateway in [self.gateway4.map(IpAddr::V4), self.gateway6.map(IpAddr::V6)].into_iter().flatten() {
            let is_near = |(address, prefix): &(IpAddr, u8)| same_network(*address, gateway, *prefix);
            let link_local = matches!(gateway, IpAddr::V6(gateway) if ipv6::is_link_local(gateway));
            let is_own = self.addresses.iter().any(|(address, _)| *address == gateway);
            let speaks_it = self.addresses.iter().any(|(address, _)| address.is_ipv4() == gateway.is_ipv4());
            let reachable = speaks_it && (link_local || self.addresses.iter().any(is_near));
            if !is_host(gateway) || is_own || !reachable {
                return Err(ConfigError::Gateway(gateway));
            }
        }
        if let Some(vlan) = self.vlan
            && !(1..=4094).contains(&vlan)
        {
            return Err(ConfigError::Vlan(vlan));
        }
        if self.udp_port == 0 { Err(ConfigError::Port) } else { Ok(()) }
    }
}

/// Whether an address may be that of one host.
pub(crate) fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => ipv4::is_host(address),
        IpAddr::V6(address) => {
            !(address.is_unspecified() || address.is_loopback() || address.is_multicast())
                && address.to_ipv4_mapped().is_none()
        }
    }
}

/// Why a stack cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// No address, or too many.
    AddressCount(usize),
    /// An address that no host can have.
    Address(IpAddr),
    /// More bits than the address has.
    Prefix(IpAddr, u8),
    /// Two addresses on one network: datagrams would leave from the first only.
    SameNetwork(IpAddr, IpAddr),
    /// A gateway on none of our networks.
    Gateway(IpAddr),
    /// No number of a VLAN.
    Vlan(u16),
    /// Port 0.
    Port,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressCount(count) => {
                write!(formatter, "{count} addresses; a device needs 1 to {ADDRESSES_MAX}")
            }
            Self::Address(address) => write!(formatter, "{address} is not an address that a host can have"),
            Self::Prefix(address, prefix) => write!(formatter, "{address} has fewer than {prefix} bits"),
            Self::SameNetwork(one, other) => write!(
                formatter,
                "{one} and {other} are on one network, and datagrams would leave from the first only; give one of them"
            ),
            Self::Gateway(gateway) => write!(
                formatter,
                "the gateway {gateway} is on none of the networks of the addresses; give one that is"
            ),
            Self::Vlan(vlan) => write!(formatter, "{vlan} is not a VLAN; they have the numbers 1 to 4094"),
            Self::Port => write!(formatter, "the UDP port is 0; give one that clients can send to"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Most addresses of a device.
pub const ADDRESSES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut StackConfig)) -> Result<(), ConfigError> {
        let mut config = StackConfig::new("10.0.0.1".parse().unwrap(), 24, 7);
        change(&mut config);
        config.check()
    }

    #[test]
    fn what_cannot_work_is_told() {
        assert_eq!(check(|_| {}), Ok(()));
        assert_eq!(check(|config| config.addresses.clear()), Err(ConfigError::AddressCount(0)));
        for text in ["0.0.0.0", "127.0.0.1", "224.0.0.1", "::", "::1", "ff02::1", "::ffff:10.0.0.1"] {
            let address = text.parse().unwrap();
            let error = Err(ConfigError::Address(address));
            assert_eq!(check(|config| config.addresses[0].0 = address), error, "{text}");
        }
        assert!(matches!(check(|config| config.addresses[0].1 = 33), Err(ConfigError::Prefix(_, 33))));
        let beside = |text: &str| {
            let address = text.parse().unwrap();
            check(|config| config.addresses.push((address, 24)))
        };
        assert_eq!(beside("10.0.1.2"), Ok(()));
        assert!(matches!(beside("10.0.0.2"), Err(ConfigError::SameNetwork(..))));
        assert_eq!(check(|config| config.vlan = Some(4094)), Ok(()));
        assert_eq!(check(|config| config.vlan = Some(4095)), Err(ConfigError::Vlan(4095)));
        assert_eq!(check(|config| config.vlan = Some(0)), Err(ConfigError::Vlan(0)));
        assert_eq!(check(|config| config.udp_port = 0), Err(ConfigError::Port));
    }

    #[test]
    fn a_gateway_is_on_a_network_of_ours() {
        assert_eq!(check(|config| config.gateway4 = Some([10, 0, 0, 254].into())), Ok(()));
        for gateway in [[10, 0, 1, 1], [10, 0, 0, 1], [0, 0, 0, 0]] {
            let error = Err(ConfigError::Gateway(gateway.into()));
            assert_eq!(check(|config| config.gateway4 = Some(gateway.into())), error);
        }
        let gateway = "fe80::1".parse().unwrap();
        assert!(check(|config| config.gateway6 = Some(gateway)).is_err(), "no IPv6 is spoken");
        let both = check(|config| {
            config.gateway6 = Some(gateway);
            config.addresses.push(("2001:db8::1".parse().unwrap(), 64));
        });
        assert_eq!(both, Ok(()));
    }
}
