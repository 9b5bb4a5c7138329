//! A queue pair of a device: bursts of frames in and out, in place.
//!
//! The burst functions of a driver are called out of the table that DPDK exports for it (`rte_eth_fp_ops`), as its inline
//! functions do. A frame is a buffer behind an `rte_mbuf`; its header is read once when it was received, and written once
//! when it is transmitted.

use std::ffi::c_void;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::Arc;

use adit_sys::dpdk as sys;

use super::device::{Device, Running};
use super::error::DeviceError;
use super::mempool::{ThreadMempool, buffer_of, header_of};
use super::rss::Rss;
use crate::buffer::{Buffer, Mempool};
use crate::frames::{
    Checked, FRAMES_PER_BURST_MAX, Frame, FrameCounters, IpOffload, Offloads, TransportOffload, TxOffload,
};
use crate::memory::{Block, Region};
use crate::tail::Tail;

/// A queue pair that waits for the thread that will poll it.
pub struct DpdkQueue {
    device: Arc<Running>,
    queue: u16,
}

impl DpdkQueue {
    /// Queue pair `queue` of a device, of which nobody else has it.
    pub(super) fn new(device: Arc<Running>, queue: u16) -> Self {
        Self { device, queue }
    }

    /// The device.
    pub fn device(&self) -> Device {
        Device::of(&self.device)
    }

    /// Its number, from 0.
    pub fn index(&self) -> u16 {
        self.queue
    }

    /// The queue pair on this thread, on which it stays.
    ///
    /// # Errors
    /// If DPDK knows too many threads.
    pub fn open(self) -> Result<DpdkFrames, DeviceError> {
        let source = ThreadMempool::new(Arc::clone(self.device.mempool(self.queue)))?;
        let raw_mempool = source.as_ptr();
        let tails = self.device.tails(self.queue).map(|tails| ThreadMempool::new(Arc::clone(tails)));
        let port = &self.device.port;
        let flag = |is_offered: bool, flag: u64| if is_offered { flag } else { 0 };
        let offloads = port.offloads;
        let transport = offloads.rx_udp && offloads.rx_tcp;
        let mut frames = DpdkFrames {
            mempool: Mempool::of_dpdk(source),
            tails: tails.transpose()?.map(Mempool::of_dpdk),
            owes_tails: false,
            regions: Vec::new(),
            port: port.number,
            queue: self.queue,
            frame_bytes_max: usize::from(port.mtu_bytes) + HEADER_BYTES_MAX,
            burst_max: BURST,
            accepts: Accepts {
                mempool: raw_mempool,
                ip_good: flag(offloads.rx_ip, sys::ADIT_RX_IP_CKSUM_GOOD),
                transport_good: flag(transport, sys::ADIT_RX_L4_CKSUM_GOOD),
            },
            counters: FrameCounters::default(),
            counts_interrupts: false,
            device: self.device,
        };
        frames.counts_interrupts = frames.interrupt().is_some_and(is_eventfd);
        Ok(frames)
    }
}

/// A queue pair on its thread.
pub struct DpdkFrames {
    mempool: Mempool,
    /// Headers without buffers, for what frames end with; none if the device takes no such frames.
    tails: Option<Mempool>,
    /// The device has taken some, and was not seen to give all of them back.
    owes_tails: bool,
    /// Memory that the device was asked for, and whether it reads that.
    regions: Vec<(Region, bool)>,
    port: u16,
    queue: u16,
    frame_bytes_max: usize,
    /// Most frames of a call: never more than the room for them.
    burst_max: u16,
    accepts: Accepts,
    counters: FrameCounters,
    /// Whether what becomes readable counts interrupts: see [`is_eventfd`].
    counts_interrupts: bool,
    /// Stopped with the last of its queues.
    device: Arc<Running>,
}

impl DpdkFrames {
    /// See [`crate::frames::Frames::rx_burst`].
    #[inline]
    pub fn rx_burst(&mut self, burst: &mut Vec<Frame>) {
        let mut rx = [std::ptr::null_mut(); FRAMES_PER_BURST_MAX];
        let count = self.receive(&mut rx);
        self.mempool.add_handles(count);
        burst.reserve(count);
        let before = burst.len();
        for header in rx[..count].iter().filter_map(|header| NonNull::new(*header)) {
            if let Some(checked) = self.accepts.look(header) {
                burst.push(self.frame(header, checked));
            }
        }
        let made = burst.len() - before;
        // SAFETY: counted above; no buffer was made for these.
        unsafe { self.mempool.remove_handles(count - made) };
        self.counters.rx_frames += made as u64;
        self.counters.rx_dropped += (count - made) as u64;
    }

    /// See [`crate::frames::Frames::tx_burst`].
    #[inline]
    pub fn tx_burst(&mut self, burst: &mut Vec<Frame>) {
        let mut taken_count = 0;
        while taken_count < burst.len() {
            let mut tx = [std::ptr::null_mut(); FRAMES_PER_BURST_MAX];
            let Prepared { count: prepared, asks, has_tails } = self.prepare(burst, taken_count, &mut tx);
            let count = if asks { self.check(&mut tx[..prepared]) } else { prepared };
            let taken = self.transmit(&mut tx[..count]);
            if has_tails {
                self.settle(&burst[taken_count..taken_count + prepared], taken);
            }
            if count == 0 && prepared > 0 {
                self.counters.tx_refused += 1;
                burst.remove(taken_count);
                continue;
            }
            taken_count += taken;
            if taken < count || count == 0 {
                // Full; or a frame has to wait for a buffer.
                self.counters.tx_blocked += u64::from(taken_count < burst.len());
                break;
            }
        }
        self.counters.tx_frames += taken_count as u64;
        burst.drain(..taken_count).for_each(Frame::leave_to_device);
        // SAFETY: those of the frames that were left to the device just now; all were buffers of this mempool, as `prepare`
        // has seen to.
        unsafe { self.mempool.remove_handles(taken_count) };
    }

    /// See [`crate::frames::Frames::costs_calls`].
    pub fn costs_calls(&self) -> bool {
        CALLING_DRIVERS.contains(&self.device.port.driver.as_str())
    }

    /// See [`crate::frames::Frames::set_burst`].
    pub fn set_burst(&mut self, frames_max: usize) {
        self.burst_max = u16::try_from(frames_max).map_or(BURST, |frames_max| frames_max.clamp(1, BURST));
    }

    /// The address of the device.
    pub fn mac(&self) -> [u8; 6] {
        self.device.port.mac
    }

    /// Longest IP packet that it carries.
    pub fn mtu_bytes(&self) -> usize {
        usize::from(self.device.port.mtu_bytes)
    }

    /// Where its received frames come from.
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// The device.
    pub fn device(&self) -> Device {
        Device::of(&self.device)
    }

    /// What the device does for its frames.
    pub fn offloads(&self) -> Offloads {
        self.device.port.offloads
    }

    /// See [`crate::frames::Frames::rss`].
    pub fn rss(&self) -> Option<Rss> {
        let device = self.device();
        device.rss().filter(|_| !device.follows_rules()).map(Rss::folded)
    }

    /// Whether there is somebody at the other end.
    pub fn link_is_up(&self) -> bool {
        self.device.port.link_is_up()
    }

    /// What it has counted. The first queue counts for the device too: frames that it dropped or failed to transmit.
    pub fn counters(&self) -> FrameCounters {
        let mut counters = self.counters;
        if self.queue == 0 {
            let stats = self.device.port.stats();
            counters.rx_dropped += stats.rx_missed + stats.rx_errors + stats.rx_no_buffer;
            counters.tx_refused += stats.tx_errors;
        }
        counters
    }

    /// See [`crate::frames::Frames::interrupt`].
    pub fn interrupt(&self) -> Option<BorrowedFd<'_>> {
        let fd = *self.device.port.interrupts.get(usize::from(self.queue))?;
        // SAFETY: the device has it open until it is stopped, which `self` keeps from happening.
        Some(unsafe { BorrowedFd::borrow_raw(fd) })
    }

    /// See [`crate::frames::Frames::reclaim`].
    pub fn reclaim(&mut self) {
        if self.owes_tails {
            // SAFETY: a started port and a queue of it, which nobody else polls; 0 is as many as there are.
            let freed = unsafe { sys::rte_eth_tx_done_cleanup(self.port, self.queue, 0) };
            self.owes_tails = freed > 0;
        }
    }

    /// See [`crate::frames::Frames::arm`].
    pub fn arm(&mut self) -> bool {
        if self.interrupt().is_none() {
            return false;
        }
        // SAFETY: a started port and a queue of it.
        let result = unsafe { sys::rte_eth_dev_rx_intr_enable(self.port, self.queue) };
        // Some have nothing to be armed: what they gave is readable whenever a frame is there.
        result == 0 || result == -libc::ENOTSUP
    }

    /// See [`crate::frames::Frames::disarm`].
    pub fn disarm(&mut self) {
        let Some(fd) = self.interrupt() else { return };
        if self.counts_interrupts {
            // It counts interrupts until it is read, and does not block.
            let _ = rustix::io::read(fd, &mut [0_u8; 8]);
        }
        // SAFETY: a started port and a queue of it.
        unsafe { sys::rte_eth_dev_rx_intr_disable(self.port, self.queue) };
    }

    /// The functions of the driver.
    #[inline]
    fn functions(&self) -> &'static sys::rte_eth_fp_ops {
        let table = (&raw const sys::rte_eth_fp_ops).cast::<sys::rte_eth_fp_ops>();
        // SAFETY: it has an entry for each port, and this is one.
        let functions = unsafe { table.add(usize::from(self.port)) };
        // SAFETY: DPDK writes an entry while its port is started or stopped, and this one is neither while `self` exists.
        unsafe { &*functions }
    }

    /// Has the driver put headers of received frames into `rx`.
    #[inline]
    fn receive(&self, rx: &mut [*mut sys::rte_mbuf; FRAMES_PER_BURST_MAX]) -> usize {
        let functions = self.functions();
        let Some(rx_pkt_burst) = functions.rx_pkt_burst else { return 0 };
        let queue = self.entry(functions.rxq.data);
        // SAFETY: the function of this driver, its queue, and room for as many pointers; nobody else polls the queue.
        let count = unsafe { rx_pkt_burst(queue, rx.as_mut_ptr(), self.burst_max) };
        usize::from(count)
    }

    /// The frame behind a header that was looked at and is ours alone, for which a handle was counted.
    #[inline]
    fn frame(&self, header: NonNull<sys::rte_mbuf>, checked: Checked) -> Frame {
        // SAFETY: the driver has filled it in and given it away.
        let mbuf = unsafe { header.as_ref() };
        let (start_bytes, len_bytes) = (usize::from(mbuf.data_off), usize::from(mbuf.data_len));
        // SAFETY: a buffer of this mempool, in one segment, which the driver gave away; DPDK's memory was zeroed when it
        // was mapped. A handle was counted.
        let buffer = unsafe { Buffer::from_device(buffer_of(header), &self.mempool) };
        let mut frame = Frame::from_parts(buffer, start_bytes, len_bytes);
        frame.set_checked(checked);
        frame
    }

    /// Writes the headers of frames from `first` on, and puts them into `tx`.
    #[inline]
    fn prepare(
        &mut self,
        burst: &mut Vec<Frame>,
        first: usize,
        tx: &mut [*mut sys::rte_mbuf; FRAMES_PER_BURST_MAX],
    ) -> Prepared {
        let (mut count, mut asks, mut has_tails) = (0, false, false);
        while count < FRAMES_PER_BURST_MAX && first + count < burst.len() {
            let index = first + count;
            let frame = &burst[index];
            if frame.len_bytes() > self.frame_bytes_max
                || !frame.mempool().is(&self.mempool)
                || (frame.has_tail() && !self.takes(frame))
            {
                match self.replace(burst, index) {
                    Replaced::Gone | Replaced::Ours => continue,
                    Replaced::Later => break,
                }
            }
            let (buffer, start_bytes) = frame.place();
            let mut header = header_of(buffer.start());
            // SAFETY: the header of a buffer of this mempool, which the frame has for itself.
            let mbuf = unsafe { header.as_mut() };
            mbuf.data_off = u16::try_from(start_bytes).unwrap_or(u16::MAX);
            mbuf.data_len = u16::try_from(frame.len_bytes()).unwrap_or(u16::MAX);
            mbuf.pkt_len = u32::from(mbuf.data_len);
            mbuf.ol_flags = 0;
            if let Some(offload) = frame.offload() {
                (mbuf.ol_flags, mbuf.tx_offload) = offload_words(offload);
                asks = true;
            }
            if let Some(tail) = frame.tail() {
                if !self.chain(header, tail) {
                    break;
                }
                has_tails = true;
            }
            tx[count] = header.as_ptr();
            count += 1;
        }
        Prepared { count, asks, has_tails }
    }

    /// Whether a frame with a tail can be transmitted as it is.
    fn takes(&mut self, frame: &Frame) -> bool {
        let Some(tail) = frame.tail().filter(|_| self.tails.is_some()) else { return false };
        frame.whole_bytes() <= self.frame_bytes_max && self.reads(tail.block())
    }

    /// Whether the device reads a block.
    fn reads(&mut self, block: &Block) -> bool {
        if let Some((_, is_read)) = self.regions.iter().find(|(region, _)| region.has(block)) {
            return *is_read;
        }
        let is_read = self.device.reach.reads(block);
        self.regions.push((block.region(), is_read));
        is_read
    }

    /// Puts a header for its tail behind that of a frame, if one is free.
    fn chain(&self, first: NonNull<sys::rte_mbuf>, tail: &Tail) -> bool {
        let Some(buffer) = self.tails.as_ref().and_then(Mempool::buffer) else { return false };
        let second = header_of(buffer.start());
        // Its handle stays counted until `settle`.
        buffer.leave_to_device();
        let bytes = tail.bytes();
        let (start, len_bytes) = (bytes.as_ptr().cast_mut().cast(), u16::try_from(bytes.len()).unwrap_or(0));
        let shared = tail.shared().cast();
        // SAFETY: two raw headers that are ours, the second without a user; bytes that stay as they are and where they are until
        // `shared` is told, or the two are taken apart by `settle`. Drivers only read what they transmit.
        unsafe { sys::adit_pktmbuf_chain(first.as_ptr(), second.as_ptr(), start, len_bytes, shared) };
        true
    }

    /// Counts the headers off that went with the first `taken` of some frames, and takes those of the others back.
    #[cold]
    fn settle(&mut self, frames: &[Frame], taken: usize) {
        let Some(tails) = &self.tails else { return };
        self.owes_tails = true;
        let (gone, left) = frames.split_at(taken);
        let gone_count = gone.iter().filter(|frame| frame.has_tail()).count();
        self.counters.tx_tails += gone_count as u64;
        // SAFETY: those that `chain` left to the device, and the device has.
        unsafe { tails.remove_handles(gone_count) };
        for frame in left.iter().filter(|frame| frame.has_tail()) {
            let first = header_of(frame.place().0.start());
            // SAFETY: `chain` has put another one behind it, and the device has taken neither.
            let second = unsafe { sys::adit_pktmbuf_unchain(first.as_ptr()) };
            if let Some(second) = NonNull::new(second) {
                // SAFETY: a raw header of this mempool again, whose handle `chain` left counted.
                drop(unsafe { Buffer::from_device(buffer_of(second), tails) });
            }
        }
    }

    /// Drops a frame that is too long; copies one that lies in memory of others, if there is a buffer for it, and what a frame
    /// ends with where the device does not take that.
    #[cold]
    fn replace(&mut self, burst: &mut Vec<Frame>, index: usize) -> Replaced {
        if burst[index].whole_bytes() > self.frame_bytes_max {
            self.counters.tx_refused += 1;
            burst.remove(index);
            return Replaced::Gone;
        }
        let is_ours = burst[index].mempool().is(&self.mempool);
        if is_ours && burst[index].linearise() {
            return Replaced::Ours;
        }
        let Some(buffer) = self.mempool.buffer() else { return Replaced::Later };
        let mut copy = Frame::new(buffer, self.mempool.headroom_bytes());
        for bytes in [burst[index].bytes(), burst[index].tail_bytes()] {
            let Some(room) = copy.append(bytes.len()) else { return Replaced::Later };
            room.copy_from_slice(bytes);
        }
        if let Some(offload) = burst[index].offload() {
            copy.set_offload(offload);
        }
        burst[index] = copy;
        Replaced::Ours
    }

    /// Offers headers to the driver; says how many it took off the front.
    #[inline]
    fn transmit(&self, tx: &mut [*mut sys::rte_mbuf]) -> usize {
        let functions = self.functions();
        let (Some(tx_pkt_burst), false) = (functions.tx_pkt_burst, tx.is_empty()) else { return 0 };
        let queue = self.entry(functions.txq.data);
        let count = u16::try_from(tx.len()).unwrap_or(0);
        // SAFETY: the function of this driver, its queue, and as many headers of frames that are ours; from now on the
        // driver has those that it says it took.
        usize::from(unsafe { tx_pkt_burst(queue, tx.as_mut_ptr(), count) })
    }

    /// Has the driver look at headers that ask for checksums; says how many it can do off the front.
    fn check(&self, tx: &mut [*mut sys::rte_mbuf]) -> usize {
        let functions = self.functions();
        let Some(tx_pkt_prepare) = functions.tx_pkt_prepare else { return tx.len() };
        let queue = self.entry(functions.txq.data);
        let count = u16::try_from(tx.len()).unwrap_or(0);
        // SAFETY: the function of this driver, its queue, and as many headers of frames that are ours and stay ours.
        usize::from(unsafe { tx_pkt_prepare(queue, tx.as_mut_ptr(), count) })
    }

    /// What the driver knows this queue by.
    #[inline]
    fn entry(&self, entries: *mut *mut c_void) -> *mut c_void {
        // SAFETY: a started port has an entry for each queue, and this is one.
        let entry = unsafe { entries.add(usize::from(self.queue)) };
        // SAFETY: it is written before the port is started.
        unsafe { *entry }
    }
}

/// Which received frames a queue can use.
struct Accepts {
    /// Those in its own buffers.
    mempool: *mut sys::rte_mempool,
    /// Flags which say that a checksum is right; 0 where the device does not verify it.
    ip_good: u64,
    transport_good: u64,
}

impl Accepts {
    /// Says what the device has verified of a frame; frees one that is damaged, in more than one piece, or in memory of others.
    #[inline]
    fn look(&self, header: NonNull<sys::rte_mbuf>) -> Option<Checked> {
        // SAFETY: the driver has filled it in and given it away.
        let mbuf = unsafe { header.as_ref() };
        let flags = mbuf.ol_flags;
        let is_plain = mbuf.nb_segs == 1 && mbuf.pool == self.mempool && flags & SUSPECT_FLAGS == 0;
        if is_plain || self.is_usable(header) {
            let (ip, transport) = (flags & self.ip_good != 0, flags & self.transport_good != 0);
            return Some(Checked { ip, transport });
        }
        None
    }

    /// Whether a frame with something special about it can be used; frees it if not.
    #[cold]
    fn is_usable(&self, header: NonNull<sys::rte_mbuf>) -> bool {
        // SAFETY: as above.
        let mbuf = unsafe { header.as_ref() };
        let flags = mbuf.ol_flags;
        let is_bad = flags & sys::ADIT_RX_IP_CKSUM_MASK == sys::ADIT_RX_IP_CKSUM_BAD
            || flags & sys::ADIT_RX_L4_CKSUM_MASK == sys::ADIT_RX_L4_CKSUM_BAD;
        let is_foreign = flags & (sys::ADIT_MBUF_EXTERNAL | sys::ADIT_MBUF_INDIRECT) != 0;
        let is_usable = !is_bad && !is_foreign && mbuf.pool == self.mempool && mbuf.nb_segs == 1;
        if !is_usable {
            // SAFETY: it is ours, whatever it is; nobody uses it any more.
            unsafe { sys::adit_pktmbuf_free(header.as_ptr()) };
        }
        is_usable
    }
}

/// Frames that are to be offered to the driver.
struct Prepared {
    count: usize,
    /// Whether any asks for a checksum.
    asks: bool,
    /// Whether any ends with bytes that lie elsewhere.
    has_tails: bool,
}

/// What became of a frame that cannot be transmitted as it is.
enum Replaced {
    /// It was dropped.
    Gone,
    /// A copy in a buffer of the queue is in its place.
    Ours,
    /// There is no buffer for a copy.
    Later,
}

/// The flags and lengths that ask a device for checksums.
fn offload_words(offload: TxOffload) -> (u64, u64) {
    let ip = match offload.ip {
        IpOffload::V4 => sys::ADIT_TX_IPV4,
        IpOffload::V4Checksum => sys::ADIT_TX_IPV4 | sys::ADIT_TX_IP_CKSUM,
        IpOffload::V6 => sys::ADIT_TX_IPV6,
    };
    let transport = match offload.transport {
        TransportOffload::None => 0,
        TransportOffload::Udp => sys::ADIT_TX_UDP_CKSUM,
        TransportOffload::Tcp => sys::ADIT_TX_TCP_CKSUM,
    };
    // Widths as in `rte_mbuf_core.h`, which `shim.c` asserts: 7, 9 and 8 bits.
    let lengths = u64::from(offload.ethernet_bytes & 0x7f)
        | u64::from(offload.ip_bytes) << 7
        | u64::from(offload.transport_bytes) << 16;
    (ip | transport, lengths)
}

/// Whether reading it takes no frame away: some drivers give the file of the device itself.
fn is_eventfd(fd: BorrowedFd<'_>) -> bool {
    let link = rustix::fs::readlink(format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new());
    link.is_ok_and(|name| name.to_bytes() == b"anon_inode:[eventfd]")
}

/// Drivers of interfaces of the kernel.
const CALLING_DRIVERS: [&str; 2] = ["net_af_packet", "net_af_xdp"];
/// Most frames of a call.
#[expect(clippy::cast_possible_truncation, reason = "a small number")]
const BURST: u16 = FRAMES_PER_BURST_MAX as u16;
/// An Ethernet header with a VLAN tag.
pub(super) const HEADER_BYTES_MAX: usize = 18;
/// Flags of a received frame that ask for a second look.
const SUSPECT_FLAGS: u64 =
    sys::ADIT_RX_IP_CKSUM_BAD | sys::ADIT_RX_L4_CKSUM_BAD | sys::ADIT_MBUF_EXTERNAL | sys::ADIT_MBUF_INDIRECT;
