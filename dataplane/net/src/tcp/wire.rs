//! What smoltcp takes for its device: one packet in, packets out into the shard's `Outbound`.

use std::net::IpAddr;

use smoltcp::phy::{Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::{Duration, Instant};

use super::sent::{Sent, numbers};
use crate::outbound::Outbound;

/// The device for one call: of one connection.
pub(super) struct Wire<'a> {
    /// The packet that is to be received.
    pub(super) packet: Option<&'a [u8]>,
    /// Where packets go; without it they go nowhere.
    pub(super) outbound: Option<&'a mut Outbound>,
    /// The peer.
    pub(super) to: IpAddr,
    pub(super) abilities: Abilities,
    /// What is made where there is no room for it.
    pub(super) scratch: &'a mut Vec<u8>,
    /// The sequence and acknowledgment number of the last packet that was made.
    pub(super) last: Option<(u32, u32)>,
    /// How far the connection has sent, if it is one.
    pub(super) sent: Option<Sent>,
    pub(super) made_count: usize,
    pub(super) dropped_count: usize,
}

/// What smoltcp is told of the device.
#[derive(Clone, Copy)]
pub(super) struct Abilities {
    pub(super) mtu_bytes: usize,
    pub(super) computes_checksums: bool,
}

/// A packet to be received.
pub(super) struct Incoming<'a>(&'a [u8]);

/// Room for a packet to be sent.
pub(super) struct Room<'b, 'a>(&'b mut Wire<'a>);

impl<'a> Wire<'a> {
    pub(super) fn new(abilities: Abilities, to: IpAddr, scratch: &'a mut Vec<u8>) -> Self {
        let (packet, outbound, last, sent) = (None, None, None, None);
        Self { packet, outbound, to, abilities, scratch, last, sent, made_count: 0, dropped_count: 0 }
    }

    fn fill<R>(&mut self, len_bytes: usize, write: impl FnOnce(&mut [u8]) -> R) -> R {
        let to = self.to;
        let room = self.outbound.as_mut().and_then(|outbound| outbound.room(to, len_bytes));
        self.made_count += usize::from(room.is_some());
        self.dropped_count += usize::from(room.is_none());
        let bytes = room.unwrap_or_else(|| {
            self.scratch.clear();
            self.scratch.resize(len_bytes, 0);
            self.scratch
        });
        let result = write(bytes);
        if let Some(sent) = &mut self.sent {
            sent.correct(bytes, self.abilities.computes_checksums);
        }
        self.last = numbers(bytes);
        result
    }
}

impl<'a> Device for Wire<'a> {
    type RxToken<'b>
        = Incoming<'b>
    where
        Self: 'b;
    type TxToken<'b>
        = Room<'b, 'a>
    where
        Self: 'b;

    #[inline]
    fn receive(&mut self, _now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let packet = self.packet.take()?;
        Some((Incoming(packet), Room(self)))
    }

    #[inline]
    fn transmit(&mut self, _now: Instant) -> Option<Self::TxToken<'_>> {
        let has_room = self.outbound.as_ref().is_none_or(|outbound| outbound.has_room());
        has_room.then_some(Room(self))
    }

    #[inline]
    fn capabilities(&self) -> DeviceCapabilities {
        self.abilities.for_smoltcp()
    }
}

impl RxToken for Incoming<'_> {
    #[inline]
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl TxToken for Room<'_, '_> {
    #[inline]
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len_bytes: usize, write: F) -> R {
        self.0.fill(len_bytes, write)
    }
}

impl Abilities {
    #[inline]
    fn for_smoltcp(self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu_bytes;
        capabilities.checksum = self.checksums();
        capabilities
    }

    /// What is made has checksums, unless the device makes them; what comes in was verified before.
    #[inline]
    pub(super) fn checksums(self) -> ChecksumCapabilities {
        let mut checksums = ChecksumCapabilities::ignored();
        if self.computes_checksums {
            (checksums.ipv4, checksums.tcp) = (Checksum::Tx, Checksum::Tx);
        }
        checksums
    }
}

/// The time as smoltcp counts it: [`CLOCK_RATE`] times as fast, and some seconds late, so that a moment before the first one can
/// be told.
#[inline]
pub(super) fn instant(now_ns: u64) -> Instant {
    let micros = i64::try_from(now_ns / NS_PER_TICK).unwrap_or(i64::MAX / 2);
    Instant::from_micros(micros.saturating_add(EPOCH_TICKS))
}

/// The other way round.
#[inline]
pub(super) fn due_ns(at: Instant) -> u64 {
    u64::try_from(at.total_micros() - EPOCH_TICKS).unwrap_or(0).saturating_mul(NS_PER_TICK)
}

/// A span of time as smoltcp counts it.
pub(super) fn span(ns: u64) -> Duration {
    Duration::from_micros(ns / NS_PER_TICK)
}

/// How much faster than ours smoltcp's clock goes.
///
/// smoltcp waits for at least a second before it sends anything again (RFC 6298, section 2.4), and for a minute at most; both are
/// fixed. On the networks of a rack that is ages: Linux waits for 200 ms at least. With this clock smoltcp does, too, and for
/// 12 seconds at most. All else that it measures is measured with the same clock, so it stays right.
const CLOCK_RATE: u64 = 5;
/// What smoltcp takes for a microsecond.
const NS_PER_TICK: u64 = 1000 / CLOCK_RATE;
const EPOCH_TICKS: i64 = 10_000_000;
