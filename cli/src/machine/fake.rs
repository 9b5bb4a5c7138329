//! A machine of files in a temporary folder, and a kernel that binds drivers there, for unit tests.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::root::Root;

/// The folder; it goes with its test.
pub(crate) struct Fake(PathBuf);

impl Fake {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("adit-machine-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Files without a kernel behind them.
    pub(crate) fn root(&self) -> Root {
        Root::new(&self.0)
    }

    /// Files with a kernel that binds and unbinds drivers.
    pub(crate) fn with_kernel(&self) -> Root {
        Root::with_kernel(&self.0, kernel)
    }

    /// Files with a kernel that binds drivers and has memory for `pages` hugepages only.
    pub(crate) fn with_little_memory(&self, pages: u64) -> Root {
        Root::with_kernel(&self.0, move |root, path, value| {
            if path.ends_with("/nr_hugepages") && value.parse::<u64>().unwrap() > pages {
                std::fs::write(root.path(path), pages.to_string()).unwrap();
            }
            kernel(root, path, value);
        })
    }

    pub(crate) fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.made(path);
        std::fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn link(&self, path: &str, target: &str) -> &Self {
        std::os::unix::fs::symlink(target, self.made(path)).unwrap();
        self
    }

    pub(crate) fn remove(&self, path: &str) -> &Self {
        std::fs::remove_file(self.path(path)).unwrap();
        self
    }

    /// A program of the shell.
    pub(crate) fn program(&self, path: &str, script: &str) -> &Self {
        self.file(path, &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(self.path(path), PermissionsExt::from_mode(0o755)).unwrap();
        self
    }

    /// Hugepages of 2 MiB on a node.
    pub(crate) fn node(&self, node: u32, pages: u64) -> &Self {
        let folder = format!("/sys/devices/system/node/node{node}");
        self.file(&format!("{folder}/cpulist"), &format!("{node}\n"));
        self.pool(&format!("{folder}/hugepages"), pages)
    }

    /// Hugepages of 2 MiB of the whole machine.
    pub(crate) fn pages(&self, pages: u64) -> &Self {
        self.pool("/sys/kernel/mm/hugepages", pages)
    }

    fn pool(&self, folder: &str, pages: u64) -> &Self {
        let folder = format!("{folder}/hugepages-2048kB");
        for (name, count) in [("nr_hugepages", pages), ("free_hugepages", pages), ("surplus_hugepages", 0)] {
            self.file(&format!("{folder}/{name}"), &format!("{count}\n"));
        }
        self
    }

    /// A driver of PCI devices.
    pub(crate) fn driver(&self, driver: &str) -> &Self {
        for name in ["bind", "unbind"] {
            self.file(&format!("/sys/bus/pci/drivers/{driver}/{name}"), "");
        }
        self.file("/sys/bus/pci/drivers_probe", "")
    }

    /// A PCI device of Intel, in an IOMMU group of its own unless `group` is none, on a driver if it has one.
    pub(crate) fn device(
        &self,
        address: &str,
        class: &str,
        driver: Option<&str>,
        group: Option<u32>,
    ) -> &Self {
        let folder = format!("/sys/bus/pci/devices/{address}");
        self.file(&format!("{folder}/vendor"), "0x8086\n").file(&format!("{folder}/device"), "0x10d3\n");
        self.file(&format!("{folder}/class"), class).file(&format!("{folder}/driver_override"), "(null)\n");
        self.file(&format!("{folder}/native"), driver.unwrap_or_default());
        if let Some(driver) = driver {
            self.driver(driver)
                .link(&format!("{folder}/driver"), &format!("../../../bus/pci/drivers/{driver}"));
        }
        if let Some(group) = group {
            self.link(&format!("{folder}/iommu_group"), &format!("../../../../kernel/iommu_groups/{group}"));
            self.file(&format!("/sys/kernel/iommu_groups/{group}/devices/{address}"), "");
        }
        self
    }

    /// An interface of a PCI device, with its link up or down.
    pub(crate) fn interface(&self, name: &str, address: &str, up: bool) -> &Self {
        let real = format!("/sys/devices/pci0000:00/{address}/net/{name}");
        self.file(&format!("{real}/flags"), if up { "0x1003\n" } else { "0x1002\n" });
        self.link(&format!("/sys/class/net/{name}"), &format!("../..{}", real.trim_start_matches("/sys")))
    }

    /// An interface over others: a bond, a bridge, a VLAN.
    pub(crate) fn over(&self, name: &str, below: &[&str]) -> &Self {
        let real = format!("/sys/devices/virtual/net/{name}");
        self.file(&format!("{real}/flags"), "0x1003\n");
        self.link(&format!("/sys/class/net/{name}"), &format!("../../devices/virtual/net/{name}"));
        for lower in below {
            self.link(&format!("{real}/lower_{lower}"), &format!("../{lower}"));
            self.link(&format!("/sys/class/net/{lower}/upper_{name}"), &format!("../{name}"));
        }
        self
    }

    /// The IPv4 default route and one to 10.0.0.0/24.
    pub(crate) fn default_route(&self, name: &str) -> &Self {
        let head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";
        self.file(
            "/proc/net/route",
            &format!(
                "{head}{name}\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                 {name}\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
            ),
        )
    }

    pub(crate) fn user(&self, user: u32) -> &Self {
        self.file("/proc/self/status", &format!("Name:\tadit\nUid:\t{user}\t{user}\t{user}\t{user}\n"))
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    fn made(&self, path: &str) -> PathBuf {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // What is left is a small folder among temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the kernel does for the files that bind drivers: a device goes to the driver that overrides, else to its own.
fn kernel(root: &Root, path: &str, value: &str) {
    let attach = |address: &str, driver: &str| {
        let target = format!("../../../bus/pci/drivers/{driver}");
        std::os::unix::fs::symlink(target, root.path(&device(address, "driver"))).unwrap();
    };
    if path.ends_with("/unbind") {
        std::fs::remove_file(root.path(&device(value, "driver"))).unwrap();
    } else if let Some(driver) = path.strip_suffix("/bind").and_then(|path| Path::new(path).file_name()) {
        attach(value, driver.to_str().unwrap());
    } else if path.ends_with("/drivers_probe") && !root.exists(&device(value, "driver")) {
        let wanted =
            root.text(&device(value, "driver_override")).filter(|text| !text.is_empty() && text != "(null)");
        let driver = wanted.or_else(|| root.text(&device(value, "native"))).unwrap();
        if root.exists(&format!("/sys/bus/pci/drivers/{driver}")) && !driver.is_empty() {
            attach(value, &driver);
        }
    }
}

fn device(address: &str, file: &str) -> String {
    format!("/sys/bus/pci/devices/{address}/{file}")
}
