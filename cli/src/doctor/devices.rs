//! Facts about devices: network cards, NVMe controllers, persistent memory.

use serde::Serialize;

use crate::machine::pci::{Address, Device};
use crate::machine::poll::PollDriver;
use crate::machine::root::Root;
use crate::machine::{disk, network};
use crate::setup::former_driver;

/// A network card on the PCI bus.
#[derive(Debug, Serialize)]
pub(super) struct Nic {
    pub(super) address: Address,
    /// Maker and model, as lspci -n prints them.
    pub(super) model: String,
    pub(super) driver: Option<String>,
    pub(super) numa_node: Option<u32>,
    pub(super) iommu_group: Option<u32>,
    pub(super) interfaces: Vec<NicInterface>,
    /// Which of DPDK's drivers would drive it.
    pub(super) dpdk_driver: Option<&'static str>,
    /// That one works beside the kernel's driver, which keeps the card.
    pub(super) beside_kernel: bool,
    pub(super) default_route: bool,
    pub(super) vfio: bool,
}

/// What the kernel makes of it.
#[derive(Debug, Serialize)]
pub(super) struct NicInterface {
    pub(super) name: String,
    pub(super) up: bool,
    pub(super) link: bool,
    pub(super) speed_mbit: Option<u64>,
    pub(super) addresses: Vec<String>,
}

/// An NVMe controller.
#[derive(Debug, Serialize)]
pub(super) struct Controller {
    pub(super) address: Address,
    pub(super) model: String,
    pub(super) driver: Option<String>,
    pub(super) numa_node: Option<u32>,
    pub(super) iommu_group: Option<u32>,
    /// Its disks and their partitions.
    pub(super) disks: Vec<String>,
    /// How they are used, in words.
    pub(super) uses: Vec<String>,
}

/// A name space of persistent memory.
#[derive(Debug, Serialize)]
pub(super) struct Persistent {
    pub(super) name: String,
    /// memory (fsdax), dax (devdax), raw, safe.
    pub(super) mode: Option<String>,
    pub(super) bytes: Option<u64>,
    pub(super) numa_node: Option<u32>,
}

impl Nic {
    pub(super) fn all(root: &Root) -> Vec<Self> {
        let interfaces = network::interfaces(root);
        let of = |device: Device| {
            let own = interfaces.iter().filter(|interface| interface.device == Some(device.address));
            let poll = PollDriver::of(&device, former_driver(root, device.address).as_deref());
            let carries = |name: &str| !network::carries_default(root, name).is_empty();
            Self {
                address: device.address,
                model: model(&device),
                numa_node: device.numa_node,
                iommu_group: device.iommu_group,
                dpdk_driver: poll.map(|driver| driver.name),
                beside_kernel: poll.is_some_and(|driver| driver.beside_kernel),
                default_route: own.clone().any(|interface| carries(&interface.name)),
                interfaces: own.cloned().map(NicInterface::from).collect(),
                vfio: device.driver.as_deref() == Some("vfio-pci"),
                driver: device.driver,
            }
        };
        Device::all(root).into_iter().filter(Device::is_network).map(of).collect()
    }
}

impl From<network::Interface> for NicInterface {
    fn from(interface: network::Interface) -> Self {
        let network::Interface { name, up, link, speed_mbit, addresses, device: _ } = interface;
        Self { name, up, link, speed_mbit, addresses }
    }
}

impl Controller {
    pub(super) fn all(root: &Root) -> Vec<Self> {
        let of = |device: Device| {
            let disks = disk::of_device(root, device.address);
            Self {
                address: device.address,
                model: model(&device),
                uses: disks.iter().filter_map(|name| disk::use_of(root, name)).collect(),
                driver: device.driver,
                numa_node: device.numa_node,
                iommu_group: device.iommu_group,
                disks,
            }
        };
        Device::all(root).into_iter().filter(Device::is_nvme).map(of).collect()
    }
}

impl Persistent {
    pub(super) fn all(root: &Root) -> Vec<Self> {
        let of = |name: String| {
            let file = |file: &str| format!("/sys/bus/nd/devices/{name}/{file}");
            Self {
                mode: root.text(&file("mode")),
                bytes: root.number(&file("size")).filter(|bytes| *bytes > 0),
                numa_node: root.text(&file("numa_node")).and_then(|node| node.parse().ok()),
                name,
            }
        };
        let names = root.names("/sys/bus/nd/devices").into_iter();
        // Each region has one empty name space, from which others are made.
        names
            .filter(|name| name.starts_with("namespace"))
            .map(of)
            .filter(|space| space.bytes.is_some())
            .collect()
    }
}

/// Interfaces that are of no PCI device, but for the loopback.
pub(super) fn other_interfaces(root: &Root) -> Vec<String> {
    let all = network::interfaces(root).into_iter();
    all.filter(|interface| interface.device.is_none() && interface.name != "lo")
        .map(|interface| interface.name)
        .collect()
}

fn model(device: &Device) -> String {
    format!("{:04x}:{:04x}", device.vendor, device.device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake::Fake;

    #[test]
    fn cards_are_read_with_what_they_carry() {
        let fake = Fake::new();
        fake.device("0000:03:00.0", "0x020000\n", Some("ixgbe"), Some(7)).interface(
            "eth0",
            "0000:03:00.0",
            true,
        );
        fake.device("0000:04:00.0", "0x020000\n", Some("vfio-pci"), None)
            .over("br0", &["eth0"])
            .default_route("br0");
        fake.file("/sys/bus/pci/devices/0000:03:00.0/numa_node", "1\n");
        let nics = Nic::all(&fake.root());
        assert_eq!(
            (nics[0].default_route, nics[0].dpdk_driver, nics[0].numa_node),
            (true, Some("net_ixgbe"), Some(1))
        );
        assert_eq!((nics[0].model.as_str(), nics[0].interfaces[0].name.as_str()), ("8086:10d3", "eth0"));
        assert_eq!((nics[1].vfio, nics[1].default_route, nics[1].interfaces.len()), (true, false, 0));
        assert_eq!(other_interfaces(&fake.root()), ["br0"]);
    }

    #[test]
    fn persistent_memory_is_read() {
        let fake = Fake::new();
        for (name, size) in [("namespace0.0", "268435456\n"), ("namespace0.1", "0\n"), ("region0", "1\n")] {
            fake.file(&format!("/sys/bus/nd/devices/{name}/size"), size);
        }
        fake.file("/sys/bus/nd/devices/namespace0.0/mode", "memory\n");
        let all = Persistent::all(&fake.root());
        assert_eq!((all.len(), all[0].bytes, all[0].mode.as_deref()), (1, Some(256 << 20), Some("memory")));
    }
}
