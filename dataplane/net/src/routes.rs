//! Our addresses, and who packets to others go to.

use std::net::IpAddr;

use crate::config::{StackConfig, is_host};
use crate::ethernet::Mac;
use crate::ip::same_network;
use crate::ipv6;

/// Our addresses with their networks, and gateways.
pub(crate) struct Routes {
    /// The configured ones, then the link-local one.
    own: Vec<(IpAddr, u8)>,
    gateway4: Option<IpAddr>,
    gateway6: Option<IpAddr>,
}

impl Routes {
    pub(crate) fn new(config: &StackConfig, mac: Mac) -> Self {
        let mut own = config.addresses.clone();
        let link_local = IpAddr::V6(ipv6::link_local(mac));
        let speaks_ipv6 = own.iter().any(|(address, _)| address.is_ipv6());
        if speaks_ipv6 && !own.iter().any(|(address, _)| *address == link_local) {
            own.push((link_local, LINK_LOCAL_PREFIX));
        }
        Self { own, gateway4: config.gateway4.map(IpAddr::V4), gateway6: config.gateway6.map(IpAddr::V6) }
    }

    /// Our addresses.
    pub(crate) fn own(&self) -> impl Iterator<Item = IpAddr> {
        self.own.iter().map(|(address, _)| *address)
    }

    /// Whether an address is ours.
    #[inline]
    pub(crate) fn is_own(&self, address: IpAddr) -> bool {
        self.own.iter().any(|(own, _)| *own == address)
    }

    /// The network of ours that an address is on, as our address there.
    pub(crate) fn near(&self, address: IpAddr) -> Option<IpAddr> {
        let near = self.own.iter().find(|(own, prefix)| same_network(*own, address, *prefix));
        near.map(|(own, _)| *own)
    }

    /// Whether an address is that of a host, as far as we can tell: no group, nobody, or all of a network of ours.
    pub(crate) fn is_host(&self, address: IpAddr) -> bool {
        is_host(address) && !self.is_broadcast(address)
    }

    /// Whether an address means all hosts of a network of ours, or the network itself.
    fn is_broadcast(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else { return false };
        self.own.iter().any(|(own, prefix)| match own {
            IpAddr::V4(own) if *prefix < 31 => {
                let hosts = u32::MAX.checked_shr(u32::from(*prefix)).unwrap_or(0);
                let (own, address) = (own.to_bits(), address.to_bits());
                own & !hosts == address & !hosts && (address & hosts == hosts || address & hosts == 0)
            }
            _ => false,
        })
    }

    /// Our address that packets to `to` come from, and who they are handed to: the host itself or a gateway.
    pub(crate) fn next_hop(&self, to: IpAddr) -> Option<(IpAddr, IpAddr)> {
        if !self.is_host(to) || self.is_own(to) {
            return None;
        }
        if let Some(source) = self.near(to) {
            return Some((source, to));
        }
        let gateway = if to.is_ipv4() { self.gateway4 } else { self.gateway6 }?;
        // A gateway that is link-local sees another address of ours than who is behind it.
        let first = self.own.iter().find(|(own, _)| own.is_ipv4() == to.is_ipv4() && !is_link_local(*own));
        let near = self.near(gateway).filter(|own| !is_link_local(*own));
        Some((near.or_else(|| first.map(|(own, _)| *own))?, gateway))
    }
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if ipv6::is_link_local(address))
}

/// Bits of the network of link-local addresses.
const LINK_LOCAL_PREFIX: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn routes() -> Routes {
        let mut config = StackConfig::new(address("10.0.0.1"), 24, 7);
        config.addresses.push((address("192.168.7.1"), 30));
        config.addresses.push((address("2001:db8::1"), 64));
        config.gateway4 = Some([192, 168, 7, 2].into());
        config.gateway6 = Some("fe80::9".parse().unwrap());
        config.check().unwrap();
        Routes::new(&config, [2, 0, 0, 0, 0, 1])
    }

    #[test]
    fn packets_go_to_the_host_or_to_a_gateway_from_the_address_that_it_knows() {
        let cases = [
            ("10.0.0.9", Some(("10.0.0.1", "10.0.0.9"))),
            ("192.168.7.2", Some(("192.168.7.1", "192.168.7.2"))),
            ("8.8.8.8", Some(("192.168.7.1", "192.168.7.2"))),
            ("2001:db8::9", Some(("2001:db8::1", "2001:db8::9"))),
            ("2001:db9::9", Some(("2001:db8::1", "fe80::9"))),
            ("fe80::5", Some(("fe80::ff:fe00:1", "fe80::5"))),
            ("10.0.0.1", None),
            ("10.0.0.255", None),
            ("10.0.0.0", None),
            ("192.168.7.3", None),
            ("255.255.255.255", None),
            ("224.0.0.1", None),
            ("ff02::1", None),
            ("::", None),
        ];
        for (to, hop) in cases {
            let hop = hop.map(|(source, hop)| (address(source), address(hop)));
            assert_eq!(routes().next_hop(address(to)), hop, "{to}");
        }
    }

    #[test]
    fn without_a_gateway_other_networks_are_not_reached() {
        let routes = Routes::new(&StackConfig::new(address("10.0.0.1"), 24, 7), [2; 6]);
        assert_eq!(routes.next_hop(address("10.0.1.1")), None);
        assert_eq!(routes.next_hop(address("fe80::1")), None, "no IPv6 is spoken");
        assert_eq!(routes.own().count(), 1);
        let point = Routes::new(&StackConfig::new(address("10.0.0.0"), 31, 7), [2; 6]);
        assert!(point.next_hop(address("10.0.0.1")).is_some(), "RFC 3021");
    }
}
