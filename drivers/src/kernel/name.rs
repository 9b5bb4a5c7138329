//! Socket addresses as the kernel reads and writes them: one layout for both families.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// A `sockaddr_in` (ip(7)) or a `sockaddr_in6` (ipv6(7)), by its family. Numbers of the network are bytes here.
///
/// ```text
/// byte        0        2      4                      8                 24         28
/// IPv4        | family | port | address              | zeroes          |
/// IPv6        | family | port | flow label, left 0   | address         | scope id |
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Name {
    family: libc::sa_family_t,
    port: [u8; 2],
    v4_or_flow: [u8; 4],
    v6: [u8; 16],
    scope_id: u32,
}

const _: () = {
    use core::mem::offset_of;
    assert!(offset_of!(Name, family) == offset_of!(libc::sockaddr_in, sin_family));
    assert!(offset_of!(Name, port) == offset_of!(libc::sockaddr_in, sin_port));
    assert!(offset_of!(Name, v4_or_flow) == offset_of!(libc::sockaddr_in, sin_addr));
    assert!(size_of::<Name>() >= size_of::<libc::sockaddr_in>());
    assert!(offset_of!(Name, family) == offset_of!(libc::sockaddr_in6, sin6_family));
    assert!(offset_of!(Name, port) == offset_of!(libc::sockaddr_in6, sin6_port));
    assert!(offset_of!(Name, v4_or_flow) == offset_of!(libc::sockaddr_in6, sin6_flowinfo));
    assert!(offset_of!(Name, v6) == offset_of!(libc::sockaddr_in6, sin6_addr));
    assert!(offset_of!(Name, scope_id) == offset_of!(libc::sockaddr_in6, sin6_scope_id));
    assert!(size_of::<Name>() == size_of::<libc::sockaddr_in6>());
};

impl Name {
    /// The name of an address.
    pub(super) fn of(address: SocketAddr) -> Self {
        let port = address.port().to_be_bytes();
        match address {
            SocketAddr::V4(address) => {
                Self { family: V4, port, v4_or_flow: address.ip().octets(), ..Self::default() }
            }
            SocketAddr::V6(address) => Self {
                family: V6,
                port,
                v6: address.ip().octets(),
                scope_id: address.scope_id(),
                ..Self::default()
            },
        }
    }

    /// The address, if it is one of the two families.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let port = u16::from_be_bytes(self.port);
        match self.family {
            V4 => Some((Ipv4Addr::from(self.v4_or_flow), port).into()),
            V6 => Some(SocketAddrV6::new(Ipv6Addr::from(self.v6), port, 0, self.scope_id).into()),
            _ => None,
        }
    }

    /// Bytes that the kernel is to read.
    pub(super) fn len_bytes(&self) -> libc::socklen_t {
        if self.family == V4 { V4_BYTES } else { NAME_BYTES }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "families are small numbers")]
const V4: libc::sa_family_t = libc::AF_INET as libc::sa_family_t;
#[expect(clippy::cast_possible_truncation, reason = "families are small numbers")]
const V6: libc::sa_family_t = libc::AF_INET6 as libc::sa_family_t;
#[expect(clippy::cast_possible_truncation, reason = "16 bytes")]
const V4_BYTES: libc::socklen_t = size_of::<libc::sockaddr_in>() as libc::socklen_t;
/// Bytes of a name of any family.
#[expect(clippy::cast_possible_truncation, reason = "28 bytes")]
pub(super) const NAME_BYTES: libc::socklen_t = size_of::<Name>() as libc::socklen_t;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_address() {
        for text in ["127.0.0.1:80", "255.1.2.3:65535", "[::1]:1", "[fe80::1%3]:9", "[::ffff:1.2.3.4]:5"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(Name::of(address).address(), Some(address));
        }
        assert_eq!(Name::of("1.2.3.4:5".parse().unwrap()).len_bytes(), 16);
        assert_eq!(Name::of("[::1]:5".parse().unwrap()).len_bytes(), 28);
        assert_eq!(Name::default().address(), None);
    }
}
