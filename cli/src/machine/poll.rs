//! Which of DPDK's poll-mode drivers would drive a network controller, and through what.

use super::pci::Device;

/// A poll-mode driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PollDriver {
    /// As DPDK names it.
    pub(crate) name: &'static str,
    /// It works beside the kernel's driver, which keeps the device; all others take it through vfio-pci.
    pub(crate) beside_kernel: bool,
}

impl PollDriver {
    /// By the kernel's driver, which knows its models best, or where there is none, or vfio-pci, by the maker.
    /// `former` is the driver that it had before vfio-pci.
    pub(crate) fn of(device: &Device, former: Option<&str>) -> Option<Self> {
        if !device.is_network() {
            return None;
        }
        let driver = former.or(device.driver.as_deref()).unwrap_or_default();
        let by_driver = DRIVERS.iter().find(|(kernel, _)| *kernel == driver).map(|(_, name)| *name);
        let maker = |(vendor, range, _): &&(u32, std::ops::RangeInclusive<u32>, _)| {
            *vendor == device.vendor && range.contains(&device.device)
        };
        let name = by_driver.or_else(|| MAKERS.iter().find(maker).map(|(_, _, name)| *name))?;
        Some(Self { name, beside_kernel: BESIDE_KERNEL.contains(&name) })
    }
}

const BESIDE_KERNEL: [&str; 2] = ["net_mlx4", "mlx5_pci"];

/// Drivers of Linux, and of DPDK for the same controllers.
const DRIVERS: [(&str, &str); 28] = [
    ("atlantic", "net_atlantic"),
    ("bnx2x", "net_bnx2x"),
    ("bnxt_en", "net_bnxt"),
    ("cxgb4", "net_cxgbe"),
    ("e1000", "net_e1000_em"),
    ("e1000e", "net_e1000_em"),
    ("ena", "net_ena"),
    ("enic", "net_enic"),
    ("gve", "net_gve"),
    ("hinic", "net_hinic"),
    ("hns3", "net_hns3"),
    ("i40e", "net_i40e"),
    ("iavf", "net_iavf"),
    ("ice", "net_ice"),
    ("igb", "net_e1000_igb"),
    ("igbvf", "net_e1000_igb_vf"),
    ("igc", "net_igc"),
    ("ionic", "net_ionic"),
    ("ixgbe", "net_ixgbe"),
    ("ixgbevf", "net_ixgbe_vf"),
    ("mlx4_core", "net_mlx4"),
    ("mlx5_core", "mlx5_pci"),
    ("ngbe", "net_ngbe"),
    ("nfp", "net_nfp"),
    ("qede", "net_qede"),
    ("sfc", "net_sfc_efx"),
    ("txgbe", "net_txgbe"),
    ("vmxnet3", "net_vmxnet3"),
];

/// Where no driver of Linux says it: maker, devices.
const MAKERS: [(u32, std::ops::RangeInclusive<u32>, &str); 10] = [
    (0x1AF4, 0x1000..=0x1041, "net_virtio"),
    (0x15AD, 0x07B0..=0x07B0, "net_vmxnet3"),
    (0x1D0F, 0xEC20..=0xEC21, "net_ena"),
    (0x1AE0, 0x0042..=0x0042, "net_gve"),
    (0x15B3, 0x1003..=0x1007, "net_mlx4"),
    (0x15B3, 0x1013..=0xA2DF, "mlx5_pci"),
    (0x8086, 0x1592..=0x159B, "net_ice"),
    (0x8086, 0x1572..=0x158B, "net_i40e"),
    (0x8086, 0x1889..=0x1889, "net_iavf"),
    (0x8086, 0x10D3..=0x10D3, "net_e1000_em"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn device(vendor: u32, device: u32, driver: Option<&str>) -> Device {
        let address = "03:00.0".parse().unwrap();
        let driver = driver.map(str::to_owned);
        Device { address, vendor, device, class: 0x02_0000, driver, iommu_group: None, numa_node: None }
    }

    #[test]
    fn the_driver_of_linux_says_more_than_the_maker() {
        let name = |device: &Device, former| PollDriver::of(device, former).map(|driver| driver.name);
        assert_eq!(name(&device(0x8086, 0x1521, Some("igb")), None), Some("net_e1000_igb"));
        assert_eq!(name(&device(0x8086, 0x1521, Some("vfio-pci")), None), None);
        assert_eq!(name(&device(0x8086, 0x1521, Some("vfio-pci")), Some("igb")), Some("net_e1000_igb"));
        assert_eq!(name(&device(0x1AF4, 0x1041, Some("virtio-pci")), None), Some("net_virtio"));
        assert_eq!(name(&device(0x1AF4, 0x1042, Some("virtio-pci")), None), None);
    }

    #[test]
    fn only_network_controllers_have_one() {
        let block = Device { class: 0x01_0802, ..device(0x1AF4, 0x1041, None) };
        assert_eq!(PollDriver::of(&block, None), None);
    }

    #[test]
    fn mellanox_stays_with_the_kernel() {
        assert!(PollDriver::of(&device(0x15B3, 0x1017, Some("mlx5_core")), None).unwrap().beside_kernel);
        assert!(!PollDriver::of(&device(0x8086, 0x1592, None), None).unwrap().beside_kernel);
    }
}
