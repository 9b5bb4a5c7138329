//! The stack of one shard over its queue of frames: what it is made of, and its turn.
//!
//! Who owns a buffer when: a received frame belongs to the stack until it is a datagram or a segment that the shard
//! takes, an answer that the device takes, or dropped. A datagram to be transmitted belongs to the stack from
//! [`Stack::transmit`] on, where it may wait for the address of its neighbour or for room at the device.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use adit_drivers::dpdk::rss::Rss;
use adit_drivers::frames::{FRAME_HEADROOM_BYTES, FRAMES_PER_BURST_MAX, Frame, Frames};
use adit_drivers::port::{BURST_MAX, Mbuf, Mempool};

use crate::bucket::Bucket;
use crate::config::StackConfig;
use crate::counters::NetCounters;
use crate::ethernet::{self, Mac};
use crate::gather::Gather;
use crate::handover::{Handover, HandoverCounters};
use crate::neighbours::{Due, Neighbours};
use crate::outbound::{Outbound, Packet};
use crate::routes::Routes;
use crate::sources::Sources;
use crate::templates::{Checksums, Templates};
use crate::{ipv4, ipv6, udp};

/// A stack.
pub struct Stack {
    pub(crate) frames: Frames,
    pub(crate) mac: Mac,
    /// What the device does for frames.
    pub(crate) checksums: Checksums,
    /// The device transmits frames of several segments.
    takes_tails: bool,
    /// Whether somebody was at the other end when that was last looked at, and when it is next.
    link: (bool, u64),
    pub(crate) config: StackConfig,
    /// Where other shards have queues of the device, too.
    handover: Option<Handover>,
    pub(crate) routes: Routes,
    pub(crate) sources: Sources,
    pub(crate) neighbours: Neighbours,
    pub(crate) templates: Templates,
    /// Packets that wait for the device of their next hop, in the order of their making.
    pub(crate) pending: VecDeque<Packet>,
    /// Frames that the device has not taken yet.
    pub(crate) tx: Vec<Frame>,
    gather: Gather,
    /// A received burst, empty between turns.
    burst: Vec<Frame>,
    /// What has become due, empty between turns.
    pub(crate) due: Vec<Due>,
    /// Datagrams that wait for the shard.
    pub(crate) datagrams: Vec<Mbuf>,
    /// TCP segments that wait for the shard, each in its packet.
    pub(crate) segments: Vec<Frame>,
    outbound: Outbound,
    pub(crate) echoes: Bucket,
    pub(crate) errors: Bucket,
    pub(crate) now_ns: u64,
    pub(crate) mtu_bytes: usize,
    pub(crate) counters: NetCounters,
}

impl Stack {
    /// A stack over a queue. It tells its neighbours that it is there.
    ///
    /// # Panics
    /// If the configuration is not one that [`StackConfig::check`] accepts, or the mempool's buffers have no room for headers.
    pub fn new(frames: Frames, config: StackConfig, now_ns: u64) -> Self {
        assert_eq!(config.check(), Ok(()), "a configuration is checked before a stack starts");
        let mempool = frames.mempool().clone();
        assert!(mempool.headroom_bytes() >= HEADERS_BYTES_MAX, "trains have room for headers in front");
        let room_bytes = mempool.buffer_bytes().saturating_sub(FRAME_HEADROOM_BYTES + ethernet::TAGGED_BYTES);
        let mtu_bytes = frames.mtu_bytes().min(room_bytes).min(PACKET_BYTES_MAX);
        assert!(mtu_bytes >= MTU_BYTES_MIN, "a buffer holds the shortest packet that all networks carry");
        let mac = frames.mac();
        let mut stack = Self {
            mac,
            gather: Gather::new(frames.costs_calls()),
            takes_tails: frames.offloads().tx_segments,
            checksums: match (config.checksums, frames.offloads().tx_udp) {
                (false, _) => Checksums::None,
                (true, true) => Checksums::Device,
                (true, false) => Checksums::Software,
            },
            link: (frames.link_is_up(), now_ns.saturating_add(LINK_INTERVAL_NS)),
            routes: Routes::new(&config, mac),
            sources: Sources::default(),
            neighbours: Neighbours::new(),
            templates: Templates::new(),
            pending: VecDeque::new(),
            tx: Vec::new(),
            burst: Vec::new(),
            due: Vec::new(),
            datagrams: Vec::new(),
            segments: Vec::new(),
            outbound: Outbound::new(mempool),
            echoes: Bucket::new(ECHOES_AT_ONCE, ECHO_INTERVAL_NS, now_ns),
            errors: Bucket::new(ERRORS_AT_ONCE, ERROR_INTERVAL_NS, now_ns),
            now_ns,
            mtu_bytes,
            counters: NetCounters::default(),
            frames,
            config,
            handover: None,
        };
        stack.announce();
        stack
    }

    /// Receives, answers what is the stack's to answer, and sets aside what is the shard's: a bounded number of frames. Says
    /// whether any came.
    pub fn poll(&mut self, now_ns: u64) -> bool {
        self.now_ns = now_ns;
        let mut has_come = false;
        let mut burst = std::mem::take(&mut self.burst);
        let bursts = if self.gather.waits(now_ns) { 0 } else { BURSTS_PER_POLL_MAX };
        for _ in 0..bursts {
            self.frames.rx_burst(&mut burst);
            self.gather.received(burst.len(), now_ns);
            let is_full = burst.len() >= FRAMES_PER_BURST_MAX;
            has_come |= !burst.is_empty();
            if has_come && !self.link.0 {
                // Who is heard is connected. What they say is learnt after what was known is forgotten.
                self.link.0 = true;
                self.set_link(true, now_ns);
            }
            if let Some(handover) = &mut self.handover {
                handover.sort(&mut burst);
            }
            self.accept(&mut burst);
            if !is_full || self.datagrams.len() >= BURST_MAX {
                break;
            }
        }
        self.burst = burst;
        has_come |= self.accept_handed_over();
        self.look_at_link();
        self.tend();
        self.send();
        has_come
    }

    /// Shares a device with the stacks of other shards, whose datagrams and connections have the ports that follow each
    /// other.
    pub fn set_handover(&mut self, handover: Handover) {
        self.handover = Some(handover);
    }

    /// Takes what came to the queues of other shards; says whether there was any.
    fn accept_handed_over(&mut self) -> bool {
        let Some(mut handover) = self.handover.take() else { return false };
        let (mempool, answers) = (self.frames.mempool().clone(), self.config.answers);
        let has_come = handover.take(&mempool, |frame, is_copy| {
            if let Err(reason) = self.take_frame(frame, answers && !is_copy) {
                self.counters.drop(reason);
            }
        });
        self.handover = Some(handover);
        has_come
    }

    /// What was handed over between it and the stacks of other shards.
    pub fn handover_counters(&self) -> HandoverCounters {
        self.handover.as_ref().map(Handover::counters).unwrap_or_default()
    }

    /// Takes frames as if this queue had received them.
    pub fn accept(&mut self, frames: &mut Vec<Frame>) {
        for frame in frames.drain(..) {
            if let Err(reason) = self.take_frame(frame, self.config.answers) {
                self.counters.drop(reason);
            }
        }
    }

    /// Appends received datagrams, at most [`BURST_MAX`].
    #[inline]
    pub fn take_datagrams(&mut self, burst: &mut Vec<Mbuf>) {
        let count = self.datagrams.len().min(BURST_MAX);
        self.counters.rx_datagrams += count as u64;
        if burst.is_empty() && count == self.datagrams.len() {
            // The common case moves none of them.
            std::mem::swap(burst, &mut self.datagrams);
        } else {
            burst.extend(self.datagrams.drain(..count));
        }
    }

    /// Whether datagrams wait for the shard.
    #[inline]
    pub fn has_datagrams(&self) -> bool {
        !self.datagrams.is_empty()
    }

    /// Appends received TCP segments: each frame begins with the IP header of its packet, which is verified, and ends with
    /// the packet. The checksum of the segment is verified if [`Frame::checked`] says so.
    #[inline]
    pub fn take_segments(&mut self, segments: &mut Vec<Frame>) {
        self.counters.rx_segments += self.segments.len() as u64;
        segments.append(&mut self.segments);
    }

    /// Where TCP puts its packets, for [`Stack::flush`] to transmit.
    pub fn outbound(&mut self) -> &mut Outbound {
        &mut self.outbound
    }

    /// Transmits what waits in [`Stack::outbound`] and for the device, as much as the device takes, and asks who is due to be asked.
    pub fn flush(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
        self.send();
        let mut packets = std::mem::take(&mut self.outbound.packets);
        self.send_packets(&mut packets);
        self.outbound.packets = packets;
        self.tend();
        self.send();
    }

    #[inline]
    fn look_at_link(&mut self) {
        let (was_up, due_ns) = self.link;
        if self.now_ns >= due_ns {
            let is_up = self.frames.link_is_up();
            self.link = (is_up, self.now_ns.saturating_add(LINK_INTERVAL_NS));
            if is_up && !was_up {
                self.set_link(true, self.now_ns);
            }
        }
    }

    /// Says that the cable was plugged in or out, for who knows it before [`Stack::poll`] looks. Who is plugged in may have
    /// other neighbours than before.
    pub fn set_link(&mut self, is_up: bool, now_ns: u64) {
        self.now_ns = now_ns;
        if is_up {
            self.neighbours.forget();
            self.announce();
            self.send();
        }
    }

    /// When [`Stack::poll`] or [`Stack::flush`] has something to do though nothing came.
    pub fn due_ns(&self) -> Option<u64> {
        let (is_up, look_ns) = self.link;
        // Where there is no link nobody takes what waits.
        let send_ns = (!self.tx.is_empty()).then_some(if is_up { self.now_ns + RETRY_NS } else { look_ns });
        // Who sleeps until it is interrupted looks after the link all the same: a new peer knows nothing of that order.
        let link_ns = self.frames.interrupt().map(|_| look_ns);
        self.neighbours.due_ns().into_iter().chain(send_ns).chain(link_ns).min()
    }

    /// Whether there was somebody at the other end, when [`Stack::poll`] last looked.
    pub fn link_was_up(&self) -> bool {
        self.link.0
    }

    /// Offers the device the frames that wait.
    #[inline]
    pub(crate) fn send(&mut self) {
        if !self.tx.is_empty() {
            self.frames.tx_burst(&mut self.tx);
        }
    }

    /// What it has counted.
    pub fn counters(&self) -> NetCounters {
        let mut counters = self.counters;
        counters.frames = self.frames.counters();
        counters
    }

    /// What becomes readable when something comes while the device is armed; nothing if it cannot say.
    pub fn interrupt(&self) -> Option<BorrowedFd<'_>> {
        self.frames.interrupt()
    }

    /// Has the device interrupt; says whether it will. What it still holds of what was transmitted it gives back, if it can.
    pub fn arm(&mut self) -> bool {
        self.frames.reclaim();
        self.frames.arm()
    }

    /// Has it interrupt no more.
    pub fn disarm(&mut self) {
        self.frames.disarm();
    }

    /// Where received datagrams come from, and those to be transmitted.
    pub fn mempool(&self) -> &Mempool {
        self.frames.mempool()
    }

    /// The address that peers reach its datagrams by.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.config.addresses[0].0, self.config.udp_port)
    }

    /// The queue, for another stack over it. What waits in this one is dropped.
    pub fn into_frames(self) -> Frames {
        self.frames
    }

    /// The address of the device.
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Longest IP packet that is received and transmitted.
    pub fn mtu_bytes(&self) -> usize {
        self.mtu_bytes
    }

    /// Longest datagram that every peer can be sent.
    pub fn datagram_bytes_max(&self) -> usize {
        let speaks_ipv6 = self.config.addresses.iter().any(|(address, _)| address.is_ipv6());
        let ip_bytes = if speaks_ipv6 { ipv6::HEADER_BYTES } else { ipv4::HEADER_BYTES };
        self.mtu_bytes - ip_bytes - udp::HEADER_BYTES
    }

    /// Whether the device transmits what datagrams end with from where that lies: such a block is pinned while its datagram waits
    /// in here or at the device.
    pub fn takes_tails(&self) -> bool {
        self.takes_tails
    }

    /// How the device spreads flows over its queues, if it does that by a hash.
    pub fn rss(&self) -> Option<Rss> {
        self.frames.rss()
    }

    /// Neighbours that are known or asked for; at most [`NEIGHBOURS_MAX`](crate::neighbours::NEIGHBOURS_MAX).
    pub fn neighbour_count(&self) -> usize {
        self.neighbours.count()
    }

    /// Packets that wait for the addresses of their neighbours; at most [`PENDING_MAX`].
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Frames that wait for the device; at most [`TX_FRAMES_MAX`].
    pub fn waiting_count(&self) -> usize {
        self.tx.len()
    }
}

/// Most bursts that a poll receives.
pub const BURSTS_PER_POLL_MAX: usize = 2;
/// Most datagrams that wait for the shard; more are dropped.
pub const DATAGRAMS_MAX: usize = 256;
/// Most TCP segments that wait for the shard; more are dropped.
pub const SEGMENTS_MAX: usize = 256;
/// Most packets that wait for the addresses of their neighbours.
pub const PENDING_MAX: usize = 128;
/// Most frames that wait for the device. Answers of the stack beyond them are dropped.
pub const TX_FRAMES_MAX: usize = 256;
/// Most bytes of the headers in front of a datagram.
pub(crate) const HEADERS_BYTES_MAX: usize = ethernet::TAGGED_BYTES + ipv6::HEADER_BYTES + udp::HEADER_BYTES;
/// After how long a device that took nothing is offered frames again, if nothing else happens before.
const RETRY_NS: u64 = 1_000_000;
/// How often the device is asked whether its cable is plugged in.
const LINK_INTERVAL_NS: u64 = 1_000_000_000;
/// Most bytes of an IP packet.
const PACKET_BYTES_MAX: usize = 65_535;
/// What every link that carries IPv6 carries (RFC 8200, section 5).
const MTU_BYTES_MIN: usize = 1280;
/// Echoes that are answered at once, and the time after which one more is: 10,000 per second.
pub const ECHOES_AT_ONCE: u64 = 1000;
/// See [`ECHOES_AT_ONCE`].
pub const ECHO_INTERVAL_NS: u64 = 100_000;
/// Datagrams that are told at once that nobody listens at their port, and the time after which one more is: 100 per second.
pub const ERRORS_AT_ONCE: u64 = 50;
/// See [`ERRORS_AT_ONCE`].
pub const ERROR_INTERVAL_NS: u64 = 10_000_000;
