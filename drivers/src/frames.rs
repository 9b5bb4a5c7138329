//! The contract of queues of Ethernet frames: what a NIC receives and transmits, one queue pair for each shard.
//!
//! Who owns a frame when: a received [`Frame`] belongs to who received it until it is transmitted or dropped; a dropped
//! one returns to its mempool. A transmitted one belongs to the queue until the device is done with it. A queue whose
//! mempool is empty receives nothing, and says how often that was.

use std::os::fd::BorrowedFd;

use crate::buffer::{Buffer, Mempool};
#[cfg(feature = "dpdk")]
use crate::dpdk::DpdkFrames;
use crate::dpdk::rss::Rss;
use crate::sim::SimFrames;
use crate::tail::Tail;

/// An Ethernet frame in a buffer, without its frame check sequence; or what is left of it once headers are pulled off. One that
/// is to be transmitted may end with bytes that lie elsewhere.
pub struct Frame {
    buffer: Buffer,
    tail: Option<Tail>,
    start_bytes: u32,
    len_bytes: u32,
    checked: Checked,
    offload: Option<TxOffload>,
}

/// Which checksums of a received frame the device has found to be right. Who needs another one verifies it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// That of the IPv4 header.
    pub ip: bool,
    /// That of the UDP or TCP segment.
    pub transport: bool,
}

/// Checksums that the device shall fill in as it transmits a frame. Only for a queue that offers them: see
/// [`Frames::offloads`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxOffload {
    /// Bytes of the Ethernet header, with VLAN tags; below 128.
    pub ethernet_bytes: u8,
    /// Bytes of the IP header, with options or extension headers.
    pub ip_bytes: u8,
    /// Bytes of the UDP or TCP header.
    pub transport_bytes: u8,
    /// Which IP it is.
    pub ip: IpOffload,
    /// Whose checksum is to be filled in behind it.
    pub transport: TransportOffload,
}

/// The IP header of a frame to be transmitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpOffload {
    /// IPv4 with its checksum in place.
    V4,
    /// IPv4 whose checksum, now 0, the device fills in.
    V4Checksum,
    /// IPv6.
    V6,
}

/// The transport header of a frame to be transmitted. In place of the checksum stands the sum of the pseudo header, not
/// inverted, as most devices want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportOffload {
    /// Its checksum is in place.
    None,
    /// UDP whose checksum the device fills in.
    Udp,
    /// TCP whose checksum the device fills in.
    Tcp,
}

/// What a device does for its frames, so that nobody else has to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// Verifies IPv4 header checksums: see [`Checked`].
    pub rx_ip: bool,
    /// Verifies UDP checksums.
    pub rx_udp: bool,
    /// Verifies TCP checksums.
    pub rx_tcp: bool,
    /// Fills in IPv4 header checksums: see [`TxOffload`].
    pub tx_ip: bool,
    /// Fills in UDP checksums.
    pub tx_udp: bool,
    /// Fills in TCP checksums.
    pub tx_tcp: bool,
    /// Transmits frames that end with a [`Tail`] from where that lies. Who has none of this copies: see [`Frame::linearise`].
    pub tx_segments: bool,
    /// Gives transmitted buffers back without looking at each.
    pub tx_fast_free: bool,
    /// Spreads flows over its queues by their hash.
    pub rx_hash: bool,
}

impl Frame {
    /// An empty frame in a buffer, with all of `headroom_bytes` in front of it.
    #[inline]
    pub fn new(buffer: Buffer, headroom_bytes: usize) -> Self {
        Self::from_parts(buffer, headroom_bytes, 0)
    }

    /// A frame of `len_bytes` that lie in a buffer from `start_bytes` on.
    ///
    /// # Panics
    /// If the buffer is shorter.
    #[inline]
    pub(crate) fn from_parts(buffer: Buffer, start_bytes: usize, len_bytes: usize) -> Self {
        assert!(start_bytes + len_bytes <= buffer.len(), "a frame lies within its buffer");
        let number = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let (start_bytes, len_bytes) = (number(start_bytes), number(len_bytes));
        Self { buffer, tail: None, start_bytes, len_bytes, checked: Checked::default(), offload: None }
    }

    /// The buffer, where the frame begins in it, and its length.
    #[inline]
    pub(crate) fn into_parts(self) -> (Buffer, usize, usize) {
        (self.buffer, self.start_bytes as usize, self.len_bytes as usize)
    }

    /// Its bytes, up to its tail.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        let start = self.start_bytes as usize;
        &self.buffer[start..start + self.len_bytes as usize]
    }

    /// Its bytes, to be changed in place.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let start = self.start_bytes as usize;
        &mut self.buffer[start..start + self.len_bytes as usize]
    }

    /// Bytes of it, up to its tail.
    #[inline]
    pub fn len_bytes(&self) -> usize {
        self.len_bytes as usize
    }

    /// Bytes of all of it.
    #[inline]
    pub fn whole_bytes(&self) -> usize {
        self.len_bytes() + self.tail_bytes().len()
    }

    /// The bytes that it ends with, behind its own.
    #[inline]
    pub fn tail_bytes(&self) -> &[u8] {
        self.tail.as_ref().map_or(&[], Tail::bytes)
    }

    /// Lets it end with bytes that lie elsewhere, or with none. Only to be transmitted.
    #[inline]
    pub fn set_tail(&mut self, tail: Option<Tail>) {
        self.tail = tail;
    }

    /// Whether it ends with bytes that lie elsewhere.
    #[inline]
    pub fn has_tail(&self) -> bool {
        self.tail.is_some()
    }

    /// Copies the bytes that it ends with behind its own, and lets go of where they lay. Says whether there was room for them:
    /// where not it stays as it is.
    pub fn linearise(&mut self) -> bool {
        let Some(tail) = self.tail.take() else { return true };
        match self.append(tail.len_bytes()) {
            Some(room) => room.copy_from_slice(tail.bytes()),
            None => self.tail = Some(tail),
        }
        self.tail.is_none()
    }

    /// Takes bytes off its front: a header that was read. They stay where they are, as headroom.
    ///
    /// # Panics
    /// If it has fewer.
    #[inline]
    pub fn pull(&mut self, bytes: usize) {
        assert!(bytes <= self.len_bytes(), "a frame has the bytes that are pulled off");
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        (self.start_bytes, self.len_bytes) = (self.start_bytes + bytes, self.len_bytes - bytes);
    }

    /// Takes the end off it, so that `len_bytes` are left: padding, for example. Does nothing if it is shorter.
    #[inline]
    pub fn trim(&mut self, len_bytes: usize) {
        self.len_bytes = self.len_bytes.min(u32::try_from(len_bytes).unwrap_or(u32::MAX));
    }

    /// Room for a header in front of it, all of which the caller writes; nothing if the headroom is shorter.
    #[inline]
    pub fn prepend(&mut self, bytes: usize) -> Option<&mut [u8]> {
        let start = (self.start_bytes as usize).checked_sub(bytes)?;
        self.start_bytes = u32::try_from(start).unwrap_or(u32::MAX);
        self.len_bytes += u32::try_from(bytes).unwrap_or(u32::MAX);
        Some(&mut self.buffer[start..start + bytes])
    }

    /// Room for `bytes` at its end, all of which the caller writes; nothing if the buffer is shorter.
    #[inline]
    pub fn append(&mut self, bytes: usize) -> Option<&mut [u8]> {
        let end = self.start_bytes as usize + self.len_bytes as usize;
        if bytes > self.buffer.len() - end {
            return None;
        }
        self.len_bytes += u32::try_from(bytes).unwrap_or(u32::MAX);
        Some(&mut self.buffer[end..end + bytes])
    }

    /// Which checksums the device has verified.
    #[inline]
    pub fn checked(&self) -> Checked {
        self.checked
    }

    /// Says which checksums the device has verified.
    #[inline]
    pub fn set_checked(&mut self, checked: Checked) {
        self.checked = checked;
    }

    /// Has the device fill in checksums as it transmits the frame.
    #[inline]
    pub fn set_offload(&mut self, offload: TxOffload) {
        self.offload = Some(offload);
    }

    /// Which checksums the device shall fill in.
    #[inline]
    pub fn offload(&self) -> Option<TxOffload> {
        self.offload
    }

    /// Where it came from.
    #[inline]
    pub fn mempool(&self) -> &Mempool {
        self.buffer.mempool()
    }

    /// The buffer, and where the frame begins in it.
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) fn place(&self) -> (&Buffer, usize) {
        (&self.buffer, self.start_bytes as usize)
    }

    /// What it ends with.
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) fn tail(&self) -> Option<&Tail> {
        self.tail.as_ref()
    }

    /// Leaves its buffer, and what it ends with, to a device that took it.
    #[cfg(feature = "dpdk")]
    #[inline]
    pub(crate) fn leave_to_device(self) {
        self.buffer.leave_to_device();
        if let Some(tail) = self.tail {
            tail.leave_to_device();
        }
    }
}

/// What a queue has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounters {
    /// Frames received.
    pub rx_frames: u64,
    /// Frames dropped on their way in, by the device or the queue: for want of a buffer or a place, damaged, or too long.
    pub rx_dropped: u64,
    /// Frames that the device took.
    pub tx_frames: u64,
    /// Of these, those whose end it took from where that lay.
    pub tx_tails: u64,
    /// Frames that the device refused: too long.
    pub tx_refused: u64,
    /// Transmits that the device did not take all of.
    pub tx_blocked: u64,
}

/// A queue of frames of one kind; matched once per burst.
pub enum Frames {
    /// One end of a simulated cable.
    Sim(SimFrames),
    /// A queue pair of a device that DPDK drives.
    #[cfg(feature = "dpdk")]
    Dpdk(DpdkFrames),
}

impl Frames {
    /// Appends up to [`FRAMES_PER_BURST_MAX`] received frames to `burst`; does not block.
    #[inline]
    pub fn rx_burst(&mut self, burst: &mut Vec<Frame>) {
        match self {
            Self::Sim(frames) => frames.rx_burst(burst),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.rx_burst(burst),
        }
    }

    /// Whether each burst is a system call, so that few large ones are better than many small ones.
    pub fn costs_calls(&self) -> bool {
        match self {
            Self::Sim(_) => false,
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.costs_calls(),
        }
    }

    /// Receives fewer frames at a time, 1 to [`FRAMES_PER_BURST_MAX`]: the first ones of a long burst are answered sooner,
    /// and each costs a little more.
    pub fn set_burst(&mut self, frames_max: usize) {
        match self {
            Self::Sim(frames) => frames.set_burst(frames_max),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.set_burst(frames_max),
        }
    }

    /// Transmits frames off the front of `burst`; what the device does not take now stays in it, to be offered again. A
    /// frame that it never takes, because of its length, is dropped and counted. Does not block.
    #[inline]
    pub fn tx_burst(&mut self, burst: &mut Vec<Frame>) {
        match self {
            Self::Sim(frames) => frames.tx_burst(burst),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.tx_burst(burst),
        }
    }

    /// The address of the device.
    pub fn mac(&self) -> [u8; 6] {
        match self {
            Self::Sim(frames) => frames.mac(),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.mac(),
        }
    }

    /// Longest IP packet that it carries, in bytes: a frame has its Ethernet header beyond that.
    pub fn mtu_bytes(&self) -> usize {
        match self {
            Self::Sim(frames) => frames.mtu_bytes(),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.mtu_bytes(),
        }
    }

    /// Where its received frames come from, and those to be transmitted may.
    #[inline]
    pub fn mempool(&self) -> &Mempool {
        match self {
            Self::Sim(frames) => frames.mempool(),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.mempool(),
        }
    }

    /// What it has counted.
    pub fn counters(&self) -> FrameCounters {
        match self {
            Self::Sim(frames) => frames.counters(),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.counters(),
        }
    }

    /// What the device does for its frames.
    pub fn offloads(&self) -> Offloads {
        match self {
            Self::Sim(frames) => frames.offloads(),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.offloads(),
        }
    }

    /// How the device spreads flows over its queues, if it does that by a hash: not where it has one queue, or follows rules
    /// instead. The low bits that tell nothing are left out.
    pub fn rss(&self) -> Option<Rss> {
        match self {
            Self::Sim(frames) => frames.rss(),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.rss(),
        }
    }

    /// Whether there is somebody at the other end.
    pub fn link_is_up(&self) -> bool {
        match self {
            Self::Sim(_) => true,
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.link_is_up(),
        }
    }

    /// What becomes readable when a frame was received while the queue is armed; nothing if the device cannot say, and a
    /// shard that sleeps has to wake up now and then.
    pub fn interrupt(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Sim(_) => None,
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.interrupt(),
        }
    }

    /// Has the device give back what it has transmitted, before it rests: most drivers look at that only when more is
    /// transmitted, and until then it pins what frames ended with. Those of igb, ixgbe, i40e and ice do it, in their simple modes; of the others
    /// the last few hundred stay until the next ones.
    pub fn reclaim(&mut self) {
        match self {
            Self::Sim(_) => (),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.reclaim(),
        }
    }

    /// Asks for an interrupt. Receive once more after this, and sleep only if nothing came. Says whether the device agreed.
    pub fn arm(&mut self) -> bool {
        match self {
            Self::Sim(_) => false,
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.arm(),
        }
    }

    /// Asks for no more interrupts: the queue is polled again.
    pub fn disarm(&mut self) {
        match self {
            Self::Sim(_) => (),
            #[cfg(feature = "dpdk")]
            Self::Dpdk(frames) => frames.disarm(),
        }
    }
}

/// Most frames of one received burst.
pub const FRAMES_PER_BURST_MAX: usize = 32;
/// Bytes in front of a received frame, and of a train that is to become one: room for the headers of IPv6, UDP, a VLAN, and
/// for what drivers put there (`RTE_PKTMBUF_HEADROOM` of DPDK).
pub const FRAME_HEADROOM_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Arena, PAGE_BYTES};

    #[test]
    fn headers_come_off_and_go_on_in_place() {
        let mempool = Mempool::new(1, 16);
        let mut frame = Frame::new(mempool.buffer().unwrap(), 4);
        frame.append(6).unwrap().copy_from_slice(b"header");
        frame.append(6).unwrap().copy_from_slice(b"body  ");
        assert!(frame.append(1).is_none(), "the buffer ends");
        frame.pull(6);
        frame.trim(4);
        frame.trim(5);
        assert_eq!((frame.bytes(), frame.len_bytes()), (&b"body"[..], 4));
        frame.prepend(10).unwrap().fill(b'-');
        assert_eq!(frame.bytes(), b"----------body");
        assert!(frame.prepend(1).is_none(), "the headroom ends");
        assert_eq!(frame.checked(), Checked::default());
    }

    #[test]
    fn what_lies_elsewhere_is_copied_where_there_is_room() {
        let mut arena = Arena::new(PAGE_BYTES as u64, false).unwrap();
        let mut block = arena.block().unwrap();
        block.get_mut().unwrap()[1..8].copy_from_slice(b"a value");
        let mempool = Mempool::new(1, 16);
        let mut frame = Frame::new(mempool.buffer().unwrap(), 4);
        assert!(frame.linearise(), "nothing is to be copied");
        frame.append(4).unwrap().copy_from_slice(b"head");
        frame.set_tail(Some(Tail::new(block.clone(), 0..9)));
        assert!(!frame.linearise() && frame.has_tail() && frame.len_bytes() == 4, "the buffer ends");
        frame.set_tail(Some(Tail::new(block.clone(), 1..8)));
        assert_eq!((frame.whole_bytes(), frame.tail_bytes()), (11, &b"a value"[..]));
        assert!(block.is_shared() && frame.linearise() && !block.is_shared());
        assert_eq!((frame.bytes(), frame.whole_bytes()), (&b"heada value"[..], 11));
    }

    #[test]
    #[should_panic(expected = "has the bytes that are pulled off")]
    fn no_more_is_pulled_off_than_there_is() {
        let mempool = Mempool::new(1, 16);
        Frame::new(mempool.buffer().unwrap(), 4).pull(1);
    }
}
