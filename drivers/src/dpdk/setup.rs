//! The start of a device, step by step, as "Ethernet device API" in the programmer's guide of DPDK has it; and its end.

use std::ffi::{CStr, CString, c_int};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::sync::Arc;

use adit_sys::dpdk as sys;

use super::device::{DeviceConfig, DeviceStats};
use super::eal::Eal;
use super::error::DeviceError;
use super::mempool::{CACHE_BUFFERS, DeviceMempool};
use super::options::{AF_PACKET, MEMIF, af_packet_place_bytes, complete};
use super::queue::HEADER_BYTES_MAX;
use super::reach::Reach;
use super::rss::{Hashed, Rss, STANDARD_KEY};
use crate::buffer::STASH_BUFFERS;
use crate::frames::{FRAME_HEADROOM_BYTES, FRAMES_PER_BURST_MAX, Offloads};

/// A port of DPDK, which is stopped and closed when it is dropped.
pub(super) struct Port {
    pub(super) number: u16,
    pub(super) name: String,
    pub(super) driver: String,
    pub(super) mac: [u8; 6],
    pub(super) mtu_bytes: u16,
    pub(super) descriptors: (u16, u16),
    pub(super) offloads: Offloads,
    pub(super) rss: Option<Rss>,
    /// For each queue what becomes readable; none if the device does not interrupt.
    pub(super) interrupts: Vec<RawFd>,
    /// For each queue its buffers. The device may hold some: they go after it.
    pub(super) mempools: Vec<Arc<DeviceMempool>>,
    /// For each queue headers for what frames end with, as above; none if the device takes no such frames.
    pub(super) tails: Vec<Arc<DeviceMempool>>,
}

/// Finds or makes the device, configures and starts it.
pub(super) fn start(eal: &Eal, config: &DeviceConfig) -> Result<(Port, Reach), DeviceError> {
    let mut port = Port::find(config)?;
    let info = port.info()?;
    check(config, &info)?;
    port.mtu_bytes = config.mtu_bytes;
    let reach = Reach::of(config, &info);
    port.offloads = offloads(config, &info, &reach);
    port.mempools = port.make_mempools(eal, config)?;
    if port.offloads.tx_segments {
        port.tails = port.make_tails(eal, config)?;
    }
    let interrupts = config.interrupts && !MUTE_DRIVERS.contains(&port.driver.as_str());
    // Some devices refuse interrupts only at their start.
    let first = port.bring_up(config, &info, interrupts);
    match (first, interrupts) {
        (Err(_), true) => port.bring_up(config, &info, false)?,
        (first, _) => first?,
    }
    port.finish(config, &info, interrupts)?;
    Ok((port, reach))
}

impl Port {
    fn find(config: &DeviceConfig) -> Result<Self, DeviceError> {
        let name = text(&config.name)?;
        if is_virtual(&config.name) {
            let options = text(&complete(config))?;
            // SAFETY: EAL runs, and the three strings end with a NUL.
            let result =
                unsafe { sys::rte_eal_hotplug_add(VIRTUAL_BUS.as_ptr(), name.as_ptr(), options.as_ptr()) };
            if result < 0 {
                return Err(virtual_error(config, -result));
            }
        }
        let mut number = 0;
        // SAFETY: EAL runs, and writes a number.
        let result = unsafe { sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &raw mut number) };
        if result < 0 {
            if is_virtual(&config.name) {
                // SAFETY: EAL runs, and has made the device above. The strings end with a NUL.
                unsafe { sys::rte_eal_hotplug_remove(VIRTUAL_BUS.as_ptr(), name.as_ptr()) };
            }
            return Err(DeviceError::Unknown { name: config.name.clone() });
        }
        Ok(Self {
            number,
            name: config.name.clone(),
            driver: String::new(),
            mac: [0; 6],
            mtu_bytes: 0,
            descriptors: (config.rx_descriptors, config.tx_descriptors),
            offloads: Offloads::default(),
            rss: None,
            interrupts: Vec::new(),
            mempools: Vec::new(),
            tails: Vec::new(),
        })
    }

    fn info(&mut self) -> Result<sys::rte_eth_dev_info, DeviceError> {
        let mut info = MaybeUninit::<sys::rte_eth_dev_info>::zeroed();
        // SAFETY: a port, and room for what is said of it.
        let result = unsafe { sys::rte_eth_dev_info_get(self.number, info.as_mut_ptr()) };
        self.done("describe itself", result)?;
        // SAFETY: numbers and pointers, for which zeroes will do; and DPDK has filled it in.
        let info = unsafe { info.assume_init() };
        if !info.driver_name.is_null() {
            // SAFETY: a string of the driver, with its NUL, copied at once.
            self.driver = unsafe { CStr::from_ptr(info.driver_name) }.to_string_lossy().into_owned();
        }
        let (rx, tx) = (&raw mut self.descriptors.0, &raw mut self.descriptors.1);
        // SAFETY: a port, and two numbers to be changed.
        let result = unsafe { sys::rte_eth_dev_adjust_nb_rx_tx_desc(self.number, rx, tx) };
        self.done("take any number of descriptors", result)?;
        if self.driver == AF_XDP {
            self.descriptors = (AF_XDP_DESCRIPTORS, AF_XDP_DESCRIPTORS);
        }
        Ok(info)
    }

    /// A mempool for each queue, near the device: the sum of all that may hold a buffer at once.
    fn make_mempools(
        &self,
        eal: &Eal,
        config: &DeviceConfig,
    ) -> Result<Vec<Arc<DeviceMempool>>, DeviceError> {
        let bursts = 2 * FRAMES_PER_BURST_MAX + STASH_BUFFERS;
        let count = u32::from(self.descriptors.0)
            + u32::from(self.descriptors.1)
            + u32::try_from(bursts).unwrap_or(u32::MAX)
            + CACHE_BUFFERS * 3 / 2
            + config.held_buffers;
        // SAFETY: a port.
        let socket = unsafe { sys::rte_eth_dev_socket_id(self.number) };
        let mut buffer_bytes = buffer_bytes(self.mtu_bytes);
        if self.driver == AF_PACKET {
            let place_bytes = usize::from(af_packet_place_bytes(self.mtu_bytes)) + FRAME_HEADROOM_BYTES;
            buffer_bytes = buffer_bytes.max(u16::try_from(place_bytes).unwrap_or(u16::MAX));
        }
        let mempool = |_| DeviceMempool::new(eal, &self.name, count, buffer_bytes, socket).map(Arc::new);
        (0..config.queue_pairs).map(mempool).collect()
    }

    /// Headers without buffers for each queue: as many as may be in its transmit ring, and on their way there.
    fn make_tails(&self, eal: &Eal, config: &DeviceConfig) -> Result<Vec<Arc<DeviceMempool>>, DeviceError> {
        let count = u32::from(self.descriptors.1)
            + u32::try_from(FRAMES_PER_BURST_MAX + STASH_BUFFERS).unwrap_or(u32::MAX)
            + CACHE_BUFFERS * 3 / 2;
        // SAFETY: a port.
        let socket = unsafe { sys::rte_eth_dev_socket_id(self.number) };
        let mempool = |_| DeviceMempool::new(eal, &self.name, count, 0, socket).map(Arc::new);
        (0..config.queue_pairs).map(mempool).collect()
    }

    /// Configures the device and its queues, and starts it.
    fn bring_up(
        &self,
        config: &DeviceConfig,
        info: &sys::rte_eth_dev_info,
        interrupts: bool,
    ) -> Result<(), DeviceError> {
        // SAFETY: numbers, for which zeroes mean nothing, and pointers that may be null.
        let mut conf = unsafe { MaybeUninit::<sys::rte_eth_conf>::zeroed().assume_init() };
        conf.rxmode.mtu = u32::from(self.told_mtu_bytes());
        (conf.rxmode.offloads, conf.txmode.offloads) = offload_flags(self.offloads);
        let mut key = hash_key(info);
        if self.offloads.rx_hash {
            conf.rxmode.mq_mode = sys::ADIT_MQ_RX_RSS;
            conf.rx_adv_conf.rss_conf.rss_key = key.as_mut_ptr();
            conf.rx_adv_conf.rss_conf.rss_key_len = u8::try_from(key.len()).unwrap_or(0);
            conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & HASHED_FLOWS;
        }
        conf.intr_conf.set_rxq(u32::from(interrupts));
        let (number, queues) = (self.number, config.queue_pairs);
        // SAFETY: a port that is not started; what `conf` points to lives until the call is over.
        let result = unsafe { sys::rte_eth_dev_configure(number, queues, queues, &raw const conf) };
        self.done("be configured", result)?;
        // SAFETY: a port. Where it answers at all, NUMA nodes have small numbers; -1 is any.
        let socket = unsafe { sys::rte_eth_dev_socket_id(number) }.cast_unsigned();
        let (mut rx, mut tx) = (info.default_rxconf, info.default_txconf);
        (rx.offloads, tx.offloads) = (conf.rxmode.offloads, conf.txmode.offloads);
        for (queue, mempool) in (0..queues).zip(&self.mempools) {
            let (rx_descriptors, tx_descriptors) = self.descriptors;
            // SAFETY: a queue of a configured port, and a mempool that outlives it: see `Port::drop`.
            let result = unsafe {
                sys::rte_eth_rx_queue_setup(
                    number,
                    queue,
                    rx_descriptors,
                    socket,
                    &raw const rx,
                    mempool.as_ptr(),
                )
            };
            self.done("set a receive queue up", result)?;
            // SAFETY: a queue of a configured port.
            let result =
                unsafe { sys::rte_eth_tx_queue_setup(number, queue, tx_descriptors, socket, &raw const tx) };
            self.done("set a transmit queue up", result)?;
        }
        // SAFETY: a configured port with all its queues.
        let result = unsafe { sys::rte_eth_dev_start(number) };
        self.done("start", result)
    }

    /// What can be done and known only of a started device.
    fn finish(
        &mut self,
        config: &DeviceConfig,
        info: &sys::rte_eth_dev_info,
        interrupts: bool,
    ) -> Result<(), DeviceError> {
        let mut mac = sys::rte_ether_addr { addr_bytes: [0; 6] };
        // SAFETY: a port, and room for its address.
        let result = unsafe { sys::rte_eth_macaddr_get(self.number, &raw mut mac) };
        self.done("tell its address", result)?;
        self.mac = mac.addr_bytes;
        let mut mtu_bytes = 0;
        // SAFETY: a port, and room for a number.
        let result = unsafe { sys::rte_eth_dev_get_mtu(self.number, &raw mut mtu_bytes) };
        if result == 0 && mtu_bytes != self.told_mtu_bytes() {
            // Drivers that do not look at the configuration do this, or have no limit of their own.
            // SAFETY: a port.
            let result = unsafe { sys::rte_eth_dev_set_mtu(self.number, self.told_mtu_bytes()) };
            self.done("change its MTU", if result == -libc::ENOTSUP { 0 } else { result })?;
        }
        // A device that cannot do either sees all frames anyway.
        // SAFETY: a port.
        unsafe { sys::rte_eth_promiscuous_disable(self.number) };
        // Neighbour discovery of IPv6 is multicast.
        // SAFETY: a port.
        unsafe { sys::rte_eth_allmulticast_enable(self.number) };
        if self.offloads.rx_hash {
            self.rss = self.hashing(config.queue_pairs, info);
        }
        if interrupts {
            // SAFETY: a started port.
            let file = |queue| unsafe { sys::rte_eth_dev_rx_intr_ctl_q_get_fd(self.number, queue) };
            let files: Vec<_> = (0..config.queue_pairs).map(file).take_while(|file| *file >= 0).collect();
            self.interrupts = if files.len() == usize::from(config.queue_pairs) { files } else { Vec::new() };
        }
        Ok(())
    }

    /// Spreads all hashes evenly over the queues, and asks what has become of it.
    fn hashing(&self, queues: u16, info: &sys::rte_eth_dev_info) -> Option<Rss> {
        let mut key = hash_key(info);
        let key_bytes = u8::try_from(key.len()).unwrap_or(0);
        let mut conf = sys::rte_eth_rss_conf { rss_key: key.as_mut_ptr(), rss_key_len: key_bytes, rss_hf: 0 };
        // SAFETY: a started port; the key has the length that the device named.
        let result = unsafe { sys::rte_eth_dev_rss_hash_conf_get(self.number, &raw mut conf) };
        if result != 0 || info.reta_size == 0 {
            return None;
        }
        let group_bytes = u16::try_from(sys::RTE_ETH_RETA_GROUP_SIZE).unwrap_or(64);
        let groups = usize::from(info.reta_size.div_ceil(group_bytes));
        let mut table = vec![sys::rte_eth_rss_reta_entry64 { mask: u64::MAX, reta: [0; 64] }; groups];
        let places = |table: &mut [sys::rte_eth_rss_reta_entry64], place: &mut dyn FnMut(&mut u16)| {
            let all = table.iter_mut().flat_map(|group| group.reta.iter_mut());
            all.take(usize::from(info.reta_size)).for_each(place);
        };
        let mut next = (0..queues).cycle();
        places(&mut table, &mut |place| *place = next.next().unwrap_or(0));
        // SAFETY: a started port, and as many groups as its table has; a device that refuses keeps its own.
        unsafe { sys::rte_eth_dev_rss_reta_update(self.number, table.as_mut_ptr(), info.reta_size) };
        // SAFETY: the same, to be filled in.
        let result =
            unsafe { sys::rte_eth_dev_rss_reta_query(self.number, table.as_mut_ptr(), info.reta_size) };
        if result != 0 {
            return None;
        }
        let mut queue_of_hash = Vec::new();
        places(&mut table, &mut |place| queue_of_hash.push(*place));
        let has = |flag: u64| conf.rss_hf & flag != 0;
        let hashed = Hashed {
            ipv4: has(sys::ADIT_RSS_IPV4),
            ipv4_udp: has(sys::ADIT_RSS_IPV4_UDP),
            ipv4_tcp: has(sys::ADIT_RSS_IPV4_TCP),
            ipv6: has(sys::ADIT_RSS_IPV6),
            ipv6_udp: has(sys::ADIT_RSS_IPV6_UDP),
            ipv6_tcp: has(sys::ADIT_RSS_IPV6_TCP),
        };
        Rss::new(key, queue_of_hash, hashed)
    }

    /// The MTU that the driver is told. That of packet sockets takes no more than is usual, and carries what the kernel's
    /// device does; that of memif carries whatever its buffers hold.
    fn told_mtu_bytes(&self) -> u16 {
        let is_any = [AF_PACKET, MEMIF].contains(&self.driver.as_str());
        if is_any { self.mtu_bytes.min(MTU_BYTES_USUAL) } else { self.mtu_bytes }
    }

    /// Buffers of a queue that do not come back when the driver ends its device: they go with the mempool.
    pub(super) fn kept_buffers_max(&self) -> usize {
        if self.driver == AF_XDP { 2 * usize::from(AF_XDP_DESCRIPTORS) } else { 0 }
    }

    pub(super) fn link_is_up(&self) -> bool {
        // SAFETY: a port.
        let state = unsafe { sys::adit_link_is_up(self.number) };
        // A device that does not say is taken to be connected.
        state != 0
    }

    pub(super) fn stats(&self) -> DeviceStats {
        let mut stats = MaybeUninit::<sys::rte_eth_stats>::zeroed();
        // SAFETY: a port, and room for its counters, which stay 0 if it has none.
        unsafe { sys::rte_eth_stats_get(self.number, stats.as_mut_ptr()) };
        // SAFETY: numbers.
        let stats = unsafe { stats.assume_init() };
        DeviceStats {
            rx_frames: stats.ipackets,
            tx_frames: stats.opackets,
            rx_missed: stats.imissed,
            rx_errors: stats.ierrors,
            rx_no_buffer: stats.rx_nombuf,
            tx_errors: stats.oerrors,
        }
    }

    fn done(&self, step: &'static str, result: c_int) -> Result<(), DeviceError> {
        if result < 0 {
            return Err(DeviceError::Refused { name: self.name.clone(), step, errno: -result });
        }
        Ok(())
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // SAFETY: a port that nobody polls any more: its queues hold it.
        unsafe { sys::rte_eth_dev_stop(self.number) };
        // SAFETY: DPDK refuses to close a port that did not stop.
        let closed = unsafe { sys::rte_eth_dev_close(self.number) };
        if closed < 0 {
            // A device that goes on may write into its buffers at any time: they stay, and are missed at the end.
            std::mem::forget((std::mem::take(&mut self.mempools), std::mem::take(&mut self.tails)));
        }
        if let (true, Ok(name)) = (is_virtual(&self.name), text(&self.name)) {
            // SAFETY: EAL runs: the device held it. The strings end with a NUL.
            unsafe { sys::rte_eal_hotplug_remove(VIRTUAL_BUS.as_ptr(), name.as_ptr()) };
        }
    }
}

/// Why a virtual device did not start: its driver says little.
fn virtual_error(config: &DeviceConfig, errno: i32) -> DeviceError {
    let name = config.name.clone();
    let mut options = config.options.split(',');
    let is_server = options.clone().any(|option| option == "role=server");
    let path = options.find_map(|option| option.strip_prefix("socket="));
    match path.filter(|path| is_server && std::path::Path::new(path).exists()) {
        Some(path) => DeviceError::Socket { name, path: path.into() },
        None => DeviceError::Virtual { name, errno },
    }
}

/// Whether the device can do what is asked.
fn check(config: &DeviceConfig, info: &sys::rte_eth_dev_info) -> Result<(), DeviceError> {
    let name = || config.name.clone();
    let most_count = info.max_rx_queues.min(info.max_tx_queues);
    if !(1..=most_count).contains(&config.queue_pairs) {
        let asked_count = config.queue_pairs;
        return Err(DeviceError::QueuePairs { name: name(), asked_count, most_count });
    }
    let range_bytes = (info.min_mtu.max(MTU_BYTES_MIN), info.max_mtu.min(MTU_BYTES_MAX));
    if !(range_bytes.0..=range_bytes.1).contains(&config.mtu_bytes) {
        return Err(DeviceError::Mtu { name: name(), asked_bytes: config.mtu_bytes, range_bytes });
    }
    Ok(())
}

/// What of the useful it offers.
fn offloads(config: &DeviceConfig, info: &sys::rte_eth_dev_info, reach: &Reach) -> Offloads {
    let rx = |flag: u64| info.rx_offload_capa & flag != 0;
    let tx = |flag: u64| info.tx_offload_capa & flag != 0;
    let tx_segments = reach.is_some() && tx(sys::ADIT_TX_OFFLOAD_MULTI_SEGS);
    Offloads {
        rx_ip: rx(sys::ADIT_RX_OFFLOAD_IPV4_CKSUM),
        rx_udp: rx(sys::ADIT_RX_OFFLOAD_UDP_CKSUM),
        rx_tcp: rx(sys::ADIT_RX_OFFLOAD_TCP_CKSUM),
        tx_ip: tx(sys::ADIT_TX_OFFLOAD_IPV4_CKSUM),
        tx_udp: tx(sys::ADIT_TX_OFFLOAD_UDP_CKSUM),
        tx_tcp: tx(sys::ADIT_TX_OFFLOAD_TCP_CKSUM),
        tx_segments,
        // Right because all that a queue transmits is its own, alone and in one piece: see `prepare`.
        tx_fast_free: tx(sys::ADIT_TX_OFFLOAD_MBUF_FAST_FREE) && !tx_segments,
        rx_hash: config.queue_pairs > 1 && info.flow_type_rss_offloads & HASHED_FLOWS != 0,
    }
}

/// The flags of DPDK for receive and transmit.
fn offload_flags(offloads: Offloads) -> (u64, u64) {
    let sum = |flags: &[(bool, u64)]| flags.iter().filter(|flag| flag.0).map(|flag| flag.1).sum();
    let rx = [
        (offloads.rx_ip, sys::ADIT_RX_OFFLOAD_IPV4_CKSUM),
        (offloads.rx_udp, sys::ADIT_RX_OFFLOAD_UDP_CKSUM),
        (offloads.rx_tcp, sys::ADIT_RX_OFFLOAD_TCP_CKSUM),
    ];
    let tx = [
        (offloads.tx_ip, sys::ADIT_TX_OFFLOAD_IPV4_CKSUM),
        (offloads.tx_udp, sys::ADIT_TX_OFFLOAD_UDP_CKSUM),
        (offloads.tx_tcp, sys::ADIT_TX_OFFLOAD_TCP_CKSUM),
        (offloads.tx_segments, sys::ADIT_TX_OFFLOAD_MULTI_SEGS),
        (offloads.tx_fast_free, sys::ADIT_TX_OFFLOAD_MBUF_FAST_FREE),
    ];
    (sum(&rx), sum(&tx))
}

/// A key of the length that the device wants, whose first bytes are those that every client knows.
fn hash_key(info: &sys::rte_eth_dev_info) -> Vec<u8> {
    let len = if info.hash_key_size == 0 { STANDARD_KEY.len() } else { usize::from(info.hash_key_size) };
    STANDARD_KEY.iter().copied().cycle().take(len).collect()
}

/// Bytes of a buffer: one frame of the MTU behind its headroom, in the units of 1 KiB that NICs count in, at least the
/// 2 KiB that most of them ask for.
fn buffer_bytes(mtu_bytes: u16) -> u16 {
    let frame_bytes = (usize::from(mtu_bytes) + HEADER_BYTES_MAX).next_multiple_of(1024).max(2048);
    u16::try_from(FRAME_HEADROOM_BYTES + frame_bytes).unwrap_or(u16::MAX)
}

/// PCI addresses have colons, names of virtual devices have none.
pub(super) fn is_virtual(name: &str) -> bool {
    !name.contains(':')
}

fn text(text: &str) -> Result<CString, DeviceError> {
    CString::new(text).map_err(|_| DeviceError::Text { text: text.into() })
}

const VIRTUAL_BUS: &CStr = c"vdev";
const AF_XDP: &str = "net_af_xdp";
/// Places of each ring that this driver shares with the kernel, whatever it is asked for (`ETH_AF_XDP_DFLT_NUM_DESCS`). Those
/// for receiving are always full of buffers, and what is in either when it ends it forgets.
const AF_XDP_DESCRIPTORS: u16 = 2048;
/// Drivers whose interrupts are not to be asked for. That of 82574 (e1000e) arms a cause that it gave to none of the vectors
/// of MSI-X, which VFIO takes where a device has them: they never come. That of virtio_user handles them in a thread of EAL,
/// and does not keep it from a device that is being closed: every tenth process or so crashed at its end. That of
/// vhost does not end every sleep: packets waited for the next timer.
const MUTE_DRIVERS: [&str; 3] = ["net_e1000_em", "net_virtio_user", "net_vhost"];
/// What every IPv4 network carries (RFC 791).
const MTU_BYTES_MIN: u16 = 1280;
const MTU_BYTES_USUAL: u16 = 1500;
/// A buffer holds one frame, and a client of jumbo frames needs no more.
const MTU_BYTES_MAX: u16 = 9000;
/// Flows that are spread by their hash.
const HASHED_FLOWS: u64 = sys::ADIT_RSS_IPV4
    | sys::ADIT_RSS_IPV4_UDP
    | sys::ADIT_RSS_IPV4_TCP
    | sys::ADIT_RSS_IPV6
    | sys::ADIT_RSS_IPV6_UDP
    | sys::ADIT_RSS_IPV6_TCP;
const _: () = assert!(FRAME_HEADROOM_BYTES == sys::ADIT_MBUF_HEADROOM_BYTES as usize);
