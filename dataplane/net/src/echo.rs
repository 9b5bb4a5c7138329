//! A datagram turned around in its frame: the least that a server of datagrams does, for measurements.

use adit_drivers::frames::Frame;

use crate::bytes::put;
use crate::config::StackConfig;
use crate::ethernet::{self, Mac};
use crate::ip::UDP;
use crate::routes::Routes;
use crate::{ipv4, ipv6, udp};

/// What is turned around: datagrams to a port of ours.
pub struct Echo {
    mac: Mac,
    vlan: Option<u16>,
    routes: Routes,
    port: u16,
}

impl Echo {
    /// Echoes what comes to the device `mac` for the addresses and the port of a configuration.
    pub fn new(mac: Mac, config: &StackConfig) -> Self {
        Self { mac, vlan: config.vlan, routes: Routes::new(config, mac), port: config.udp_port }
    }

    /// Turns a frame around if it has a datagram for us and its checksums are right; says whether it did. Both checksums stay
    /// right, since they do not depend on the order of what they cover.
    #[inline]
    pub fn turn(&self, frame: &mut Frame) -> bool {
        let checked = frame.checked();
        let bytes = frame.bytes_mut();
        let Ok(ethernet) = ethernet::parse(bytes, &self.mac, self.vlan) else { return false };
        let packet = &bytes[ethernet.header_bytes..];
        let ip = match ethernet.kind {
            ethernet::KIND_IPV4 => ipv4::parse(packet, checked.ip),
            ethernet::KIND_IPV6 => ipv6::parse(packet),
            _ => return false,
        };
        let Ok(ip) = ip else { return false };
        if ip.protocol != UDP || !self.routes.is_own(ip.destination) {
            return false;
        }
        let datagram = &packet[ip.header_bytes..ip.total_bytes];
        let is_ours =
            udp::parse(datagram, &ip, checked.transport).is_ok_and(|udp| udp.destination_port == self.port);
        if !is_ours {
            return false;
        }
        let (head, packet) = bytes.split_at_mut(ethernet.header_bytes);
        put(head, 0, &ethernet.source);
        put(head, 6, &self.mac);
        match ethernet.kind {
            ethernet::KIND_IPV4 => swap::<4>(packet, 12),
            _ => swap::<16>(packet, 8),
        }
        swap::<2>(packet, ip.header_bytes);
        true
    }
}

/// Exchanges the halves of twice `HALF` bytes at a place.
#[inline]
fn swap<const HALF: usize>(bytes: &mut [u8], at: usize) {
    if let ([one, other], _) = bytes[at..at + 2 * HALF].as_chunks_mut::<HALF>() {
        std::mem::swap(one, other);
    }
}
