//! Frames on their way in: their headers are read where they lie, and come off.

use std::net::{IpAddr, SocketAddr};

use adit_drivers::frames::{Checked, Frame};
use adit_drivers::port::Mbuf;

use crate::counters::Reason;
use crate::ethernet::{self, Ethernet};
use crate::ip::{ICMP, ICMPV6, Ip, TCP, UDP};
use crate::stack::{DATAGRAMS_MAX, SEGMENTS_MAX, Stack};
use crate::{ipv4, ipv6, udp};

impl Stack {
    /// Takes a frame; `answers` if questions for our addresses are answered, and not by who has received it.
    #[inline]
    pub(crate) fn take_frame(&mut self, mut frame: Frame, answers: bool) -> Result<(), Reason> {
        if !self.config.checksums {
            frame.set_checked(Checked { ip: true, transport: true });
        }
        let ethernet = ethernet::parse(frame.bytes(), &self.mac, self.config.vlan)?;
        frame.pull(ethernet.header_bytes);
        let ip = match ethernet.kind {
            ethernet::KIND_IPV4 if ethernet.to_group => return Err(Reason::ForeignAddress),
            ethernet::KIND_IPV4 => ipv4::parse(frame.bytes(), frame.checked().ip)?,
            ethernet::KIND_IPV6 => ipv6::parse(frame.bytes())?,
            ethernet::KIND_ARP => return self.take_arp(frame, answers),
            _ => return Err(Reason::EtherType),
        };
        if self.routes.is_own(ip.source) {
            return Err(Reason::Source);
        }
        frame.trim(ip.total_bytes);
        if ip.protocol == ICMPV6 && ip.source.is_ipv6() {
            return self.take_icmp6(frame, &ethernet, &ip, answers);
        }
        if ethernet.to_group || !self.routes.is_own(ip.destination) {
            return Err(Reason::ForeignAddress);
        }
        match ip.protocol {
            UDP => self.take_datagram(frame, &ethernet, &ip),
            TCP if self.config.takes_tcp => self.take_segment(frame),
            ICMP if ip.source.is_ipv4() => self.take_icmp4(frame, &ethernet, &ip),
            _ => Err(Reason::Protocol),
        }
    }

    #[inline]
    fn take_datagram(&mut self, mut frame: Frame, ethernet: &Ethernet, ip: &Ip) -> Result<(), Reason> {
        let udp = udp::parse(&frame.bytes()[ip.header_bytes..], ip, frame.checked().transport)?;
        if udp.destination_port != self.config.udp_port && !self.sources.has(udp.destination_port) {
            return self.refuse_datagram(frame, ethernet, ip);
        }
        if is_nobody(ip.source) {
            return Err(Reason::Source);
        }
        if self.datagrams.len() >= DATAGRAMS_MAX {
            return Err(Reason::DatagramsFull);
        }
        frame.pull(ip.header_bytes + udp::HEADER_BYTES);
        frame.trim(udp.payload_bytes);
        self.datagrams.push(Mbuf::of_frame(frame, SocketAddr::new(ip.source, udp.source_port)));
        Ok(())
    }

    fn take_segment(&mut self, frame: Frame) -> Result<(), Reason> {
        if self.segments.len() >= SEGMENTS_MAX {
            return Err(Reason::SegmentsFull);
        }
        self.segments.push(frame);
        Ok(())
    }
}

/// Whether an address is that of a host that does not have one yet.
#[inline]
pub(crate) fn is_nobody(address: IpAddr) -> bool {
    address.is_unspecified()
}
