//! PCI devices: what they are, and which driver has them.

use std::fmt;
use std::str::FromStr;

use super::root::Root;

/// Domain, bus, device and function, as `0000:03:00.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

impl FromStr for Address {
    type Err = String;

    /// Also takes the short form without a domain, as lspci prints it.
    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).ok_or_else(|| {
            format!("'{text}' is not a PCI address; write it as 0000:03:00.0 (see `adit doctor`)")
        })
    }
}

fn parse(text: &str) -> Option<Address> {
    let (rest, function) = text.split_once('.')?;
    let (rest, device) = rest.rsplit_once(':')?;
    let (domain, bus) = rest.split_once(':').unwrap_or(("0000", rest));
    let digits = |part: &str, count: std::ops::RangeInclusive<usize>| {
        let fits = count.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| u32::from_str_radix(part, 16).ok()).flatten()
    };
    let small = |part: &str, len: usize, last: u8| {
        u8::try_from(digits(part, len..=len)?).ok().filter(|number| *number <= last)
    };
    Some(Address {
        domain: digits(domain, 4..=8)?,
        bus: small(bus, 2, u8::MAX)?,
        device: small(device, 2, 0x1F)?,
        function: small(function, 1, 7)?,
    })
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, bus, device, function } = self;
        write!(formatter, "{domain:04x}:{bus:02x}:{device:02x}.{function:x}")
    }
}

impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A device of the PCI bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) address: Address,
    pub(crate) vendor: u32,
    pub(crate) device: u32,
    /// Base class, sub-class and programming interface, a byte each.
    pub(crate) class: u32,
    /// The kernel driver that has it.
    pub(crate) driver: Option<String>,
    /// Devices of one group reach memory together; without an IOMMU there are none.
    pub(crate) iommu_group: Option<u32>,
    pub(crate) numa_node: Option<u32>,
}

impl Device {
    /// The device at an address, if there is one.
    pub(crate) fn find(root: &Root, address: Address) -> Option<Self> {
        let of = |name: &str| file(address, name);
        root.exists(&of("vendor")).then(|| Self {
            address,
            vendor: root.hexadecimal(&of("vendor")).unwrap_or(0),
            device: root.hexadecimal(&of("device")).unwrap_or(0),
            class: root.hexadecimal(&of("class")).unwrap_or(0),
            driver: driver(root, address),
            iommu_group: root.link_name(&of("iommu_group")).and_then(|group| group.parse().ok()),
            // -1 where the firmware does not say.
            numa_node: root.text(&of("numa_node")).and_then(|node| node.parse().ok()),
        })
    }

    /// All of them, by address.
    pub(crate) fn all(root: &Root) -> Vec<Self> {
        let addresses = root.names("/sys/bus/pci/devices").into_iter().filter_map(|name| parse(&name));
        addresses.filter_map(|address| Self::find(root, address)).collect()
    }

    /// Ethernet, InfiniBand and other network controllers.
    pub(crate) fn is_network(&self) -> bool {
        self.class >> 16 == 0x02
    }

    /// A mass storage controller that speaks NVM Express.
    pub(crate) fn is_nvme(&self) -> bool {
        self.class == 0x01_0802
    }

    /// A bridge of the bus itself, which never is given away.
    pub(crate) fn is_bridge(&self) -> bool {
        self.class >> 16 == 0x06
    }
}

/// The driver that has a device now.
pub(crate) fn driver(root: &Root, address: Address) -> Option<String> {
    root.link_name(&file(address, "driver"))
}

/// A file of a device.
pub(crate) fn file(address: Address, name: &str) -> String {
    format!("{DEVICES}/{address}/{name}")
}

/// The device that a path of /sys/devices leads through last.
pub(crate) fn of_path(path: &str) -> Option<Address> {
    path.rsplit('/').find_map(parse)
}

/// The other devices of an IOMMU group.
pub(crate) fn neighbours(root: &Root, device: &Device) -> Vec<Device> {
    let Some(group) = device.iommu_group else { return Vec::new() };
    let names = root.names(&format!("/sys/kernel/iommu_groups/{group}/devices"));
    let addresses = names.iter().filter_map(|name| parse(name)).filter(|address| *address != device.address);
    addresses.filter_map(|address| Device::find(root, address)).collect()
}

const DEVICES: &str = "/sys/bus/pci/devices";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake::Fake;

    #[test]
    fn addresses_are_read_in_both_forms() {
        for (text, expected) in [
            ("0000:03:00.0", Some("0000:03:00.0")),
            ("03:00.1", Some("0000:03:00.1")),
            ("10000:E1:1f.7", Some("10000:e1:1f.7")),
            ("03:20.0", None),
            ("03:00.8", None),
            ("3:00.0", None),
            ("0000:03:00", None),
            ("eth0", None),
            ("", None),
            ("0000:03:00.0/..", None),
            ("+000:03:00.0", None),
            ("0:0000:03:00.0", None),
        ] {
            assert_eq!(
                text.parse::<Address>().ok().map(|address| address.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn the_last_address_of_a_path_is_its_device() {
        let path = "../../devices/pci0000:00/0000:00:1c.0/0000:03:00.1/virtio2/net/eth0";
        assert_eq!(of_path(path).unwrap().to_string(), "0000:03:00.1");
        assert_eq!(of_path("../../devices/virtual/net/lo"), None);
    }

    #[test]
    fn devices_are_found_with_their_group() {
        let fake = Fake::new();
        fake.device("0000:03:00.0", "0x020000\n", Some("e1000e"), Some(7));
        fake.device("0000:03:00.1", "0x010802\n", None, Some(7));
        fake.device("0000:00:00.0", "0x060000\n", None, None);
        let all = Device::all(&fake.root());
        assert_eq!(all.len(), 3);
        assert!(all[0].is_bridge() && all[1].is_network() && all[2].is_nvme());
        assert_eq!(
            (all[1].driver.as_deref(), all[1].iommu_group, all[1].vendor),
            (Some("e1000e"), Some(7), 0x8086)
        );
        assert_eq!(neighbours(&fake.root(), &all[1]), [all[2].clone()]);
        assert_eq!(Device::find(&fake.root(), "04:00.0".parse().unwrap()), None);
    }
}
