//! What a stack counts, and why it drops what it drops.

use adit_drivers::frames::FrameCounters;

/// Why a frame or a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// Shorter than the headers that it says it has.
    Truncated,
    /// To another device's address, or from one that no device has.
    ForeignDevice,
    /// Of another VLAN, or of none where one is configured.
    ForeignVlan,
    /// Carries neither IP nor ARP.
    EtherType,
    /// A header of ARP that is not of Ethernet and IPv4, or not whole.
    Arp,
    /// Somebody else says that they have an address of ours.
    AddressConflict,
    /// An IP header that contradicts itself.
    IpHeader,
    /// The checksum of an IPv4 header is wrong.
    IpChecksum,
    /// A part of a packet.
    Fragment,
    /// An extension header of IPv6, or an option in one, that is not understood here.
    Extension,
    /// An IP source that nobody can be answered at.
    Source,
    /// To an IP address that is not ours.
    ForeignAddress,
    /// A protocol that is not spoken here.
    Protocol,
    /// The length of a UDP header contradicts that of its packet.
    UdpLength,
    /// The checksum of a UDP datagram is wrong, or missing where it must not be.
    UdpChecksum,
    /// A datagram without bytes, or from port 0.
    UdpEmpty,
    /// A datagram to a port that is not ours.
    ClosedPort,
    /// More datagrams wait than the shard takes.
    DatagramsFull,
    /// More TCP segments wait than the shard takes.
    SegmentsFull,
    /// An ICMP message that is not whole, or whose checksum is wrong.
    Icmp,
    /// An ICMP message that is not answered, such as an error.
    IcmpIgnored,
    /// An answer that the limit of its rate did not allow.
    IcmpLimited,
    /// A neighbour discovery message that breaks RFC 4861.
    Discovery,
    /// To be transmitted, longer than the device carries.
    TooLong,
    /// To be transmitted, and no network or gateway leads there.
    NoRoute,
    /// To be transmitted, and too many packets wait for their neighbours' addresses.
    PendingFull,
    /// To be transmitted, and the table of neighbours has no place.
    NeighboursFull,
    /// To be transmitted, and nobody answered for the address.
    Unreachable,
    /// An answer of the stack that found no buffer.
    NoBuffer,
    /// An answer of the stack that the device did not take in time.
    TransmitFull,
}

impl Reason {
    /// Those of packets that were to be transmitted, and of answers.
    pub const TX: [Self; 8] = [
        Self::TooLong,
        Self::NoRoute,
        Self::PendingFull,
        Self::NeighboursFull,
        Self::Unreachable,
        Self::NoBuffer,
        Self::TransmitFull,
        Self::IcmpLimited,
    ];

    /// All of them.
    pub const ALL: [Self; 30] = [
        Self::Truncated,
        Self::ForeignDevice,
        Self::ForeignVlan,
        Self::EtherType,
        Self::Arp,
        Self::AddressConflict,
        Self::IpHeader,
        Self::IpChecksum,
        Self::Fragment,
        Self::Extension,
        Self::Source,
        Self::ForeignAddress,
        Self::Protocol,
        Self::UdpLength,
        Self::UdpChecksum,
        Self::UdpEmpty,
        Self::ClosedPort,
        Self::DatagramsFull,
        Self::SegmentsFull,
        Self::Icmp,
        Self::IcmpIgnored,
        Self::IcmpLimited,
        Self::Discovery,
        Self::TooLong,
        Self::NoRoute,
        Self::PendingFull,
        Self::NeighboursFull,
        Self::Unreachable,
        Self::NoBuffer,
        Self::TransmitFull,
    ];
}

/// What a stack has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetCounters {
    /// What its queue has counted.
    pub frames: FrameCounters,
    /// Datagrams handed to the shard.
    pub rx_datagrams: u64,
    /// TCP segments handed to the shard.
    pub rx_segments: u64,
    /// Datagrams that became frames, or wait for the address of their neighbour.
    pub tx_datagrams: u64,
    /// TCP segments that did.
    pub tx_segments: u64,
    /// Echo requests that were answered.
    pub echoes: u64,
    /// Requests and answers of ARP and neighbour discovery that were sent.
    pub tx_resolutions: u64,
    /// Claims of another device to the address of a neighbour in use: the one in use was asked first.
    pub contradictions: u64,
    drops: [u64; Reason::ALL.len()],
}

impl NetCounters {
    /// What was dropped for a reason.
    pub fn dropped(&self, reason: Reason) -> u64 {
        self.drops[reason as usize]
    }

    /// What came and was dropped: all but what was to be transmitted, and answers of the stack.
    pub fn rx_dropped(&self) -> u64 {
        let to_transmit = Reason::TX.iter().map(|reason| self.dropped(*reason)).sum::<u64>();
        self.dropped_total() - to_transmit
    }

    /// All that was dropped.
    pub fn dropped_total(&self) -> u64 {
        self.drops.iter().sum()
    }

    #[inline]
    pub(crate) fn drop(&mut self, reason: Reason) {
        self.drops[reason as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_place() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
        }
    }
}
