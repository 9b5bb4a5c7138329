//! What a stack answers by itself: ARP, neighbour discovery, echoes, and datagrams to closed ports. Answers are written over
//! what they answer, and go back to the device that it came from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_drivers::frames::{FRAME_HEADROOM_BYTES, Frame};

use crate::arp::{self, ARP_BYTES, Arp};
use crate::counters::Reason;
use crate::ethernet::{self, BROADCAST, Ethernet, Mac};
use crate::icmp;
use crate::ip::Ip;
use crate::ipv6::{self, ALL_NODES};
use crate::nd::{self, Discovery};
use crate::neighbours::{Due, Learned};
use crate::receive::is_nobody;
use crate::stack::{Stack, TX_FRAMES_MAX};

impl Stack {
    /// Takes a message of ARP.
    pub(crate) fn take_arp(&mut self, mut frame: Frame, answers: bool) -> Result<(), Reason> {
        let message = arp::parse(frame.bytes())?;
        let (sender, target) = (IpAddr::V4(message.sender), IpAddr::V4(message.target));
        if self.routes.is_own(sender) {
            return Err(Reason::AddressConflict);
        }
        let asks_us = message.is_request && self.routes.is_own(target);
        // Who has no address yet asks whether somebody has the one that it wants (RFC 5227).
        if !message.sender.is_unspecified() {
            if self.routes.near(sender).is_none() || !self.routes.is_host(sender) {
                return Err(Reason::Source);
            }
            self.learn(sender, message.sender_mac, asks_us);
        }
        if !(asks_us && answers) {
            return Ok(());
        }
        let answer = Arp {
            is_request: false,
            sender_mac: self.mac,
            sender: message.target,
            target_mac: message.sender_mac,
            target: message.sender,
        };
        frame.trim(ARP_BYTES);
        arp::write(frame.bytes_mut(), &answer);
        self.counters.tx_resolutions += 1;
        self.answer(frame, message.sender_mac, ethernet::KIND_ARP)
    }

    /// Takes a message of ICMP.
    #[cold]
    pub(crate) fn take_icmp4(&mut self, frame: Frame, ethernet: &Ethernet, ip: &Ip) -> Result<(), Reason> {
        let kind = icmp::parse(&frame.bytes()[ip.header_bytes..], ip)?;
        self.take_message(frame, ethernet, ip, kind)
    }

    /// Takes a message of ICMPv6, which may be to a group.
    #[cold]
    pub(crate) fn take_icmp6(
        &mut self,
        frame: Frame,
        ethernet: &Ethernet,
        ip: &Ip,
        answers: bool,
    ) -> Result<(), Reason> {
        if !self.routes.is_own(ip.destination) && !self.is_group_of_ours(ip.destination) {
            return Err(Reason::ForeignAddress);
        }
        let message = &frame.bytes()[ip.header_bytes..];
        let kind = icmp::parse(message, ip)?;
        if !matches!(kind, nd::SOLICITATION | nd::ADVERTISEMENT) {
            return self.take_message(frame, ethernet, ip, kind);
        }
        let message = nd::parse(message, ip)?;
        if message.is_advertisement {
            self.take_advertisement(&message)
        } else {
            self.take_solicitation(frame, ethernet, ip, &message, answers)
        }
    }

    fn take_message(
        &mut self,
        mut frame: Frame,
        ethernet: &Ethernet,
        ip: &Ip,
        kind: u8,
    ) -> Result<(), Reason> {
        let is_for_us =
            !ethernet.to_group && self.routes.is_own(ip.destination) && self.routes.is_host(ip.source);
        if !(icmp::asks_for_echo(kind, ip.protocol) && is_for_us && self.config.answers) {
            return Err(Reason::IcmpIgnored);
        }
        if !self.echoes.take(self.now_ns) {
            return Err(Reason::IcmpLimited);
        }
        icmp::echo(&mut frame, ip).ok_or(Reason::NoBuffer)?;
        self.counters.echoes += 1;
        self.answer(frame, ethernet.source, kind_of(ip.source))
    }

    fn take_advertisement(&mut self, message: &Discovery) -> Result<(), Reason> {
        let target = IpAddr::V6(message.target);
        if self.routes.is_own(target) {
            return Err(Reason::AddressConflict);
        }
        if let Some(device) = message.device {
            self.learn(target, device, false);
        }
        Ok(())
    }

    fn take_solicitation(
        &mut self,
        mut frame: Frame,
        ethernet: &Ethernet,
        ip: &Ip,
        message: &Discovery,
        answers: bool,
    ) -> Result<(), Reason> {
        if !self.routes.is_own(message.target.into()) {
            return Err(Reason::ForeignAddress);
        }
        if let Some(device) = message.device
            && self.routes.near(ip.source).is_some()
        {
            self.learn(ip.source, device, true);
        }
        let IpAddr::V6(source) = ip.source else { return Err(Reason::Discovery) };
        // Who has no address yet hears the answer in the group of all.
        let is_solicited = !is_nobody(ip.source);
        let (to, mac) = match is_solicited {
            true => (source, message.device.unwrap_or(ethernet.source)),
            false => (ALL_NODES, ipv6::group_mac(ALL_NODES)),
        };
        if !answers {
            return Ok(());
        }
        let answer = Discovery { is_advertisement: true, is_solicited, target: message.target, device: None };
        frame.trim(0);
        let room = frame.append(nd::PACKET_BYTES).ok_or(Reason::NoBuffer)?;
        nd::write(room, message.target, to, &answer, self.mac);
        self.counters.tx_resolutions += 1;
        self.answer(frame, mac, ethernet::KIND_IPV6)
    }

    /// Answers a datagram to a port that is not ours.
    #[cold]
    pub(crate) fn refuse_datagram(
        &mut self,
        mut frame: Frame,
        ethernet: &Ethernet,
        ip: &Ip,
    ) -> Result<(), Reason> {
        self.counters.drop(Reason::ClosedPort);
        if !self.config.answers || !self.routes.is_host(ip.source) {
            return Ok(());
        }
        if !self.errors.take(self.now_ns) {
            return Err(Reason::IcmpLimited);
        }
        icmp::refuse_port(&mut frame, ip).ok_or(Reason::NoBuffer)?;
        self.answer(frame, ethernet.source, kind_of(ip.source))
    }

    /// Hears who has an address, and lets go what waits for that.
    fn learn(&mut self, address: IpAddr, mac: Mac, asks_us: bool) {
        match self.neighbours.learn(address, mac, asks_us, self.now_ns) {
            Learned::Resolved => self.release(address, mac),
            Learned::Contradiction => self.counters.contradictions += 1,
            Learned::Nothing => {}
        }
    }

    /// Puts a header in front of an answer, for the device to take.
    pub(crate) fn answer(&mut self, mut frame: Frame, to: Mac, kind: u16) -> Result<(), Reason> {
        if self.tx.len() >= TX_FRAMES_MAX {
            return Err(Reason::TransmitFull);
        }
        let vlan = self.config.vlan;
        let room = frame.prepend(ethernet::header_bytes(vlan)).ok_or(Reason::NoBuffer)?;
        ethernet::write(room, to, self.mac, vlan, kind);
        self.tx.push(frame);
        Ok(())
    }

    /// Tells all neighbours our addresses, so that they forget who had them before.
    pub(crate) fn announce(&mut self) {
        if !self.config.answers {
            return;
        }
        let own: Vec<_> = self.routes.own().collect();
        for address in own {
            let told = match address {
                IpAddr::V4(address) => self.send_arp(address, address, None),
                IpAddr::V6(address) => {
                    let message = Discovery {
                        is_advertisement: true,
                        is_solicited: false,
                        target: address,
                        device: None,
                    };
                    self.send_discovery(address, ALL_NODES, &message, None)
                }
            };
            told.unwrap_or_else(|reason| self.counters.drop(reason));
        }
    }

    /// Asks whom it is time to ask, and gives up those who do not answer.
    pub(crate) fn tend(&mut self) {
        if self.neighbours.due_ns().is_none_or(|due_ns| self.now_ns < due_ns) {
            return;
        }
        let mut due = std::mem::take(&mut self.due);
        self.neighbours.tend(self.now_ns, &mut due);
        for due in due.drain(..) {
            match due {
                Due::Ask { address, to } => {
                    self.ask(address, to).unwrap_or_else(|reason| self.counters.drop(reason));
                }
                Due::Gone(address) => self.give_up(address),
            }
        }
        self.due = due;
    }

    /// Asks for the device of an address: the one that had it, or all.
    fn ask(&mut self, address: IpAddr, to: Option<Mac>) -> Result<(), Reason> {
        let source = self.routes.near(address).or_else(|| self.routes.own().find(|own| own.is_ipv6()));
        match (address, source) {
            (IpAddr::V4(address), Some(IpAddr::V4(source))) => self.send_arp(source, address, to),
            (IpAddr::V6(address), Some(IpAddr::V6(source))) => {
                let message =
                    Discovery { is_advertisement: false, is_solicited: false, target: address, device: None };
                let destination = if to.is_some() { address } else { ipv6::solicited_node(address) };
                self.send_discovery(source, destination, &message, to)
            }
            _ => Err(Reason::NoRoute),
        }
    }

    fn send_arp(&mut self, sender: Ipv4Addr, target: Ipv4Addr, to: Option<Mac>) -> Result<(), Reason> {
        let message = Arp { is_request: true, sender_mac: self.mac, sender, target_mac: [0; 6], target };
        let mut frame = self.new_frame()?;
        arp::write(frame.append(ARP_BYTES).ok_or(Reason::NoBuffer)?, &message);
        self.counters.tx_resolutions += 1;
        self.answer(frame, to.unwrap_or(BROADCAST), ethernet::KIND_ARP)
    }

    fn send_discovery(
        &mut self,
        source: Ipv6Addr,
        to: Ipv6Addr,
        message: &Discovery,
        device: Option<Mac>,
    ) -> Result<(), Reason> {
        let mut frame = self.new_frame()?;
        nd::write(frame.append(nd::PACKET_BYTES).ok_or(Reason::NoBuffer)?, source, to, message, self.mac);
        self.counters.tx_resolutions += 1;
        self.answer(frame, device.unwrap_or_else(|| ipv6::group_mac(to)), ethernet::KIND_IPV6)
    }

    fn new_frame(&self) -> Result<Frame, Reason> {
        let buffer = self.frames.mempool().buffer().ok_or(Reason::NoBuffer)?;
        Ok(Frame::new(buffer, FRAME_HEADROOM_BYTES))
    }

    fn is_group_of_ours(&self, destination: IpAddr) -> bool {
        let IpAddr::V6(destination) = destination else { return false };
        let is_ours =
            |own: IpAddr| matches!(own, IpAddr::V6(own) if ipv6::solicited_node(own) == destination);
        let speaks_ipv6 = self.routes.own().any(|own| own.is_ipv6());
        speaks_ipv6 && (destination == ALL_NODES || self.routes.own().any(is_ours))
    }
}

/// What a frame with a packet to or from an address carries.
#[inline]
pub(crate) fn kind_of(address: IpAddr) -> u16 {
    if address.is_ipv4() { ethernet::KIND_IPV4 } else { ethernet::KIND_IPV6 }
}
