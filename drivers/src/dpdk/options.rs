//! Options of virtual devices: what a driver has to be told for its device to be what a port asks for, where the port does not
//! say it in the words of the driver.

use super::device::DeviceConfig;

/// The options of a virtual device, with those that follow from the rest of its configuration.
pub(super) fn complete(config: &DeviceConfig) -> String {
    let mut options: Vec<String> =
        config.options.split(',').filter(|option| !option.is_empty()).map(Into::into).collect();
    let mut add = |key: &str, value: u32| {
        if !options.iter().any(|option| option.split('=').next() == Some(key)) {
            options.push(format!("{key}={value}"));
        }
    };
    if config.queue_pairs > 1
        && let Some((_, key)) = QUEUE_KEYS.iter().find(|(driver, _)| config.name.starts_with(driver))
    {
        add(key, u32::from(config.queue_pairs));
    }
    let place_bytes = af_packet_place_bytes(config.mtu_bytes);
    if config.name.starts_with(AF_PACKET) && place_bytes > AF_PACKET_PLACE_BYTES {
        add("framesz", u32::from(place_bytes));
        add("blocksz", u32::from(place_bytes));
    }
    if config.name.starts_with(MEMIF) && config.mtu_bytes > MEMIF_MTU_USUAL {
        add("bsize", MEMIF_JUMBO_BYTES);
    }
    options.join(",")
}

/// Bytes of a place of a ring of packet sockets for packets of an MTU; a buffer has as many, or the driver refuses it. It
/// finds places by their number, so a block of pages has no rest behind them.
pub(super) fn af_packet_place_bytes(mtu_bytes: u16) -> u16 {
    let bytes = mtu_bytes + AF_PACKET_HEADER_BYTES;
    if bytes <= AF_PACKET_PLACE_BYTES { AF_PACKET_PLACE_BYTES } else { bytes.next_multiple_of(PAGE_BYTES) }
}

/// The driver of packet sockets.
pub(super) const AF_PACKET: &str = "net_af_packet";

/// The driver of shared memory.
pub(crate) const MEMIF: &str = "net_memif";
/// What a buffer of a memif holds if it is not told, 2,048 bytes, less an Ethernet header with its VLAN tag. Of values in frames that
/// lie in several of them DPDK 22.11 carries 20 kB and not 100.
const MEMIF_MTU_USUAL: u16 = 2030;
/// A buffer for any frame.
const MEMIF_JUMBO_BYTES: u32 = 16 << 10;

/// Drivers whose devices have one queue pair unless they are told, and how: see "Network Interface Controller Drivers" of
/// DPDK.
const QUEUE_KEYS: [(&str, &str); 4] = [
    (AF_PACKET, "qpairs"),
    ("net_af_xdp", "queue_count"),
    ("net_vhost", "queues"),
    ("net_virtio_user", "queues"),
];
/// More than the kernel puts in front of an IP packet in a place of a ring of packet sockets (`tpacket2_hdr`, `sockaddr_ll`,
/// an Ethernet header, the distances between them).
const AF_PACKET_HEADER_BYTES: u16 = 256;
/// A place of such a ring, unless the driver is told.
const AF_PACKET_PLACE_BYTES: u16 = 2048;
const PAGE_BYTES: u16 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(name: &str, options: &str, queue_pairs: u16, mtu_bytes: u16) -> String {
        complete(&DeviceConfig { queue_pairs, mtu_bytes, ..DeviceConfig::new(name, options) })
    }

    #[test]
    fn a_driver_is_told_what_follows() {
        assert_eq!(completed("net_af_packet0", "iface=a", 1, 1500), "iface=a");
        assert_eq!(completed("net_af_packet0", "iface=a", 2, 1500), "iface=a,qpairs=2");
        assert_eq!(
            completed("net_af_packet0", "iface=a", 1, 9000),
            "iface=a,framesz=12288,blocksz=12288",
            "a frame fits in a place"
        );
        assert_eq!(completed("net_af_packet0", "", 1, 1900), "framesz=4096,blocksz=4096");
        assert_eq!(completed("net_af_xdp1", "iface=a", 2, 1500), "iface=a,queue_count=2");
        assert_eq!(completed("net_virtio_user0", "path=/a", 4, 9000), "path=/a,queues=4");
        assert_eq!(completed("net_memif0", "role=server", 4, 1500), "role=server", "it has queues enough");
        assert_eq!(completed("net_memif0", "role=server", 1, 9000), "role=server,bsize=16384");
        assert_eq!(completed("net_memif0", "bsize=9216", 1, 9000), "bsize=9216");
    }

    #[test]
    fn what_was_said_is_not_said_again() {
        assert_eq!(completed("net_af_packet0", "qpairs=4,iface=a", 2, 1500), "qpairs=4,iface=a");
        let told = "iface=a,framesz=32768,blocksz=65536";
        assert_eq!(completed("net_af_packet0", told, 1, 9000), told);
    }
}
