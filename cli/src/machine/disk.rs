//! Block devices: which controller they hang on, and whether somebody uses them.

use super::pci::{self, Address};
use super::root::Root;

/// The block devices of a controller, partitions too: `nvme0n1`, `nvme0n1p1`.
pub(crate) fn of_device(root: &Root, address: Address) -> Vec<String> {
    let names = root.names(CLASS).into_iter();
    names.filter(|name| devices(root, name).contains(&address)).collect()
}

/// How one of them is used, in words; none if it is free.
pub(crate) fn use_of(root: &Root, name: &str) -> Option<String> {
    let mounts = root.text("/proc/self/mountinfo").unwrap_or_default();
    let number = root.text(&format!("{CLASS}/{name}/dev")).unwrap_or_default();
    let mount = mounts.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    // Fields: id, parent, major:minor, root, mount point.
    let mut mount = mount.filter(|fields| fields.len() > 4 && fields[2] == number && !number.is_empty());
    if let Some(fields) = mount.next() {
        return Some(format!("{name} is mounted on {}", fields[4]));
    }
    let swaps = root.text("/proc/swaps").unwrap_or_default();
    let file = format!("/dev/{name}");
    if swaps.lines().any(|line| line.split_ascii_whitespace().next() == Some(&file)) {
        return Some(format!("{name} is swap space"));
    }
    let holders = root.names(&format!("{CLASS}/{name}/holders"));
    holders.first().map(|holder| format!("{name} is part of {holder}"))
}

/// The controllers that a block device is reached through. Several paths to one NVMe namespace are one virtual device,
/// beside links to its controllers.
fn devices(root: &Root, name: &str) -> Vec<Address> {
    let Some(target) = root.link(&format!("{CLASS}/{name}")) else { return Vec::new() };
    if let Some(address) = pci::of_path(&target) {
        return vec![address];
    }
    let numbered = |part: &&str| {
        part.strip_prefix("nvme-subsys").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let Some(subsystem) = target.split('/').find(numbered) else { return Vec::new() };
    let folder = format!("/sys/class/nvme-subsystem/{subsystem}");
    let controllers = root.names(&folder).into_iter().filter(|name| name.starts_with("nvme"));
    controllers.filter_map(|name| pci::of_path(&root.link(&format!("{folder}/{name}"))?)).collect()
}

const CLASS: &str = "/sys/class/block";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake::Fake;

    const PCI: &str = "../../devices/pci0000:00/0000:04:00.0/nvme/nvme0";

    #[test]
    fn namespaces_belong_to_their_controller() {
        let fake = Fake::new();
        fake.link("/sys/class/block/nvme0n1", &format!("{PCI}/nvme0n1"));
        fake.link("/sys/class/block/loop0", "../../devices/virtual/block/loop0");
        fake.link("/sys/class/block/nvme1n1", "../../devices/virtual/nvme-subsystem/nvme-subsys1/nvme1n1");
        fake.link(
            "/sys/class/nvme-subsystem/nvme-subsys1/nvme1",
            "../../../pci0000:00/0000:05:00.0/nvme/nvme1",
        );
        let of = |address: &str| of_device(&fake.root(), address.parse().unwrap());
        assert_eq!(of("04:00.0"), ["nvme0n1"]);
        assert_eq!(of("05:00.0"), ["nvme1n1"]);
        assert!(of("06:00.0").is_empty());
    }

    #[test]
    fn mounts_swap_and_holders_are_uses() {
        let fake = Fake::new();
        for (name, number) in [("a", "259:0\n"), ("b", "259:1\n"), ("c", "259:2\n"), ("d", "259:3\n")] {
            fake.file(&format!("/sys/class/block/{name}/dev"), number);
        }
        fake.file("/proc/self/mountinfo", "22 1 259:0 / / rw,relatime shared:1 - ext4 /dev/a rw\n");
        fake.file("/proc/swaps", "Filename Type Size Used Priority\n/dev/b partition 1 0 -2\n");
        fake.file("/sys/class/block/c/holders/md0", "");
        let of = |name: &str| use_of(&fake.root(), name);
        assert_eq!(of("a").as_deref(), Some("a is mounted on /"));
        assert_eq!(of("b").as_deref(), Some("b is swap space"));
        assert_eq!(of("c").as_deref(), Some("c is part of md0"));
        assert_eq!((of("d"), of("e")), (None, None));
    }
}
