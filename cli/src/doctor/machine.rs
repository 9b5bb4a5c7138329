//! Facts about the machine: processor, memory, kernel, rights of this process, this build.

use std::collections::BTreeSet;

use serde::Serialize;

use super::devices::{Controller, Nic, Persistent};
use crate::machine::iommu;
use crate::machine::pages::{self, PageSize, Pool};
use crate::machine::root::Root;

/// All facts. What the kernel does not tell is none, or empty.
#[derive(Debug, Serialize)]
pub(super) struct Facts {
    pub(super) processor: Processor,
    pub(super) memory: Memory,
    pub(super) kernel: Kernel,
    pub(super) rights: Rights,
    pub(super) nics: Vec<Nic>,
    /// Interfaces without a PCI device, up or down.
    pub(super) other_interfaces: Vec<String>,
    pub(super) nvme: Vec<Controller>,
    pub(super) persistent_memory: Vec<Persistent>,
    pub(super) build: Build,
}

#[derive(Debug, Serialize)]
pub(super) struct Processor {
    pub(super) model: String,
    /// What the kernel calls a processor: a thread of a core.
    pub(super) threads: usize,
    pub(super) cores: usize,
    pub(super) smt: bool,
    /// As the kernel writes lists: `0-3,8`.
    pub(super) online: String,
    pub(super) isolated: String,
    /// Threads that this process may run on.
    pub(super) allowed: String,
    pub(super) governors: BTreeSet<String>,
    pub(super) nodes: Vec<Node>,
}

#[derive(Debug, Serialize)]
pub(super) struct Node {
    pub(super) node: u32,
    pub(super) threads: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Memory {
    pub(super) total_bytes: Option<u64>,
    pub(super) available_bytes: Option<u64>,
    /// Of each size that there is, of each node where there are several.
    pub(super) hugepages: Vec<Pool>,
    /// always, madvise or never.
    pub(super) transparent: Option<String>,
    /// Limits of this process; none is no limit.
    pub(super) locked_bytes_max: Option<u64>,
    pub(super) descriptors_max: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Kernel {
    pub(super) release: String,
    /// 0: allowed, 1: to a group only, 2: to nobody; none before Linux 6.6, where all may.
    pub(super) io_uring_disabled: Option<u64>,
    pub(super) iommu_groups: usize,
    pub(super) vfio_pci: bool,
    /// None if vfio is not loaded or cannot work without an IOMMU.
    pub(super) vfio_noiommu: Option<bool>,
    /// How to get an IOMMU.
    pub(super) iommu_advice: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Rights {
    pub(super) user: Option<u32>,
    /// Of those that ports may need.
    pub(super) capabilities: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Build {
    /// The DPDK that this build has.
    pub(super) dpdk: Option<String>,
    /// The version of the interface of the newest libdpdk on this machine: 23 is DPDK 22.11.
    pub(super) libdpdk_abi: Option<u32>,
}

impl Facts {
    pub(super) fn read(root: &Root) -> Self {
        Self {
            processor: Processor::read(root),
            memory: Memory::read(root),
            kernel: Kernel::read(root),
            rights: Rights::read(root),
            nics: Nic::all(root),
            other_interfaces: super::devices::other_interfaces(root),
            nvme: Controller::all(root),
            persistent_memory: Persistent::all(root),
            build: Build { dpdk: adit_drivers::nic::version(), libdpdk_abi: libdpdk_abi(root) },
        }
    }
}

impl Processor {
    fn read(root: &Root) -> Self {
        let information = root.text("/proc/cpuinfo").unwrap_or_default();
        let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let online = root.text(&format!("{CPUS}/online")).unwrap_or_default();
        let threads = list(&online);
        let sibling = |thread: &u32| {
            let file = format!("{CPUS}/cpu{thread}/topology/thread_siblings_list");
            root.text(&file).unwrap_or_else(|| thread.to_string())
        };
        let cores: BTreeSet<String> = threads.iter().map(sibling).collect();
        let governor = |thread: &u32| root.text(&format!("{CPUS}/cpu{thread}/cpufreq/scaling_governor"));
        let node = |node| Node {
            node,
            threads: root.text(&format!("/sys/devices/system/node/node{node}/cpulist")).unwrap_or_default(),
        };
        Self {
            model: model
                .map_or_else(|| "an unknown processor".to_owned(), |(_, name)| name.trim().to_owned()),
            smt: cores.len() < threads.len(),
            cores: cores.len(),
            governors: threads.iter().filter_map(governor).collect(),
            threads: threads.len(),
            online,
            isolated: root.text(&format!("{CPUS}/isolated")).unwrap_or_default(),
            allowed: root.status("Cpus_allowed_list:").unwrap_or_default(),
            nodes: pages::nodes(root).into_iter().map(node).collect(),
        }
    }
}

impl Memory {
    fn read(root: &Root) -> Self {
        let transparent = root.text("/sys/kernel/mm/transparent_hugepage/enabled");
        let chosen = |text: String| Some(text.split_once('[')?.1.split_once(']')?.0.to_owned());
        Self {
            total_bytes: root.memory_bytes("MemTotal"),
            available_bytes: root.memory_bytes("MemAvailable"),
            hugepages: [PageSize::Small, PageSize::Large]
                .into_iter()
                .flat_map(|size| Pool::all(root, size))
                .collect(),
            transparent: transparent.and_then(chosen),
            locked_bytes_max: limit(root, "Max locked memory"),
            descriptors_max: limit(root, "Max open files"),
        }
    }
}

impl Kernel {
    fn read(root: &Root) -> Self {
        Self {
            release: root.text("/proc/sys/kernel/osrelease").unwrap_or_default(),
            io_uring_disabled: root.number("/proc/sys/kernel/io_uring_disabled"),
            iommu_groups: iommu::group_count(root),
            vfio_pci: root.exists("/sys/bus/pci/drivers/vfio-pci"),
            vfio_noiommu: iommu::noiommu(root),
            iommu_advice: iommu::advice(root),
        }
    }
}

impl Rights {
    fn read(root: &Root) -> Self {
        let effective =
            root.status("CapEff:").and_then(|text| u64::from_str_radix(&text, 16).ok()).unwrap_or(0);
        let held = CAPABILITIES.iter().filter(|(bit, _)| effective & 1 << bit != 0);
        Self { user: root.user(), capabilities: held.map(|(_, name)| *name).collect() }
    }
}

/// The numbers of a list as the kernel writes it.
pub(super) fn list(text: &str) -> Vec<u32> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse::<u32>().ok()?..=last.trim().parse::<u32>().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

/// The hard limit of this process; none is unlimited.
fn limit(root: &Root, name: &str) -> Option<u64> {
    let text = root.text("/proc/self/limits")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Of the names librte_eal.so.23.0 and the like in the folders of libraries.
fn libdpdk_abi(root: &Root) -> Option<u32> {
    let below = |folder: &str| -> Vec<String> {
        root.names(folder).into_iter().map(|name| format!("{folder}/{name}")).collect()
    };
    let folders = ["/usr/lib", "/usr/local/lib"].into_iter().flat_map(below);
    let folders = folders.filter(|path| path.ends_with("-linux-gnu"));
    let folders = folders.chain(["/usr/lib64", "/usr/local/lib64", "/usr/local/lib"].map(str::to_owned));
    let names = folders.flat_map(|folder| root.names(&folder));
    names.filter_map(|name| name.strip_prefix("librte_eal.so.")?.split('.').next()?.parse().ok()).max()
}

const CPUS: &str = "/sys/devices/system/cpu";
/// Of linux/capability.h.
const CAPABILITIES: [(u32, &str); 5] =
    [(12, "CAP_NET_ADMIN"), (13, "CAP_NET_RAW"), (14, "CAP_IPC_LOCK"), (38, "CAP_PERFMON"), (39, "CAP_BPF")];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake::Fake;

    #[test]
    fn lists_of_the_kernel_are_read() {
        assert_eq!(list("0-2,8"), [0, 1, 2, 8]);
        assert_eq!(list("3"), [3]);
        assert!(list("").is_empty());
    }

    #[test]
    fn a_machine_of_files_is_read() {
        let fake = Fake::new();
        fake.file("/proc/cpuinfo", "processor\t: 0\nmodel name\t: Fast 9000\n")
            .file("/proc/sys/kernel/osrelease", "6.1.0\n");
        fake.file("/sys/devices/system/cpu/online", "0-3\n")
            .file("/sys/devices/system/cpu/isolated", "2-3\n");
        for (thread, siblings) in [(0, "0,2"), (1, "1,3"), (2, "0,2"), (3, "1,3")] {
            fake.file(
                &format!("/sys/devices/system/cpu/cpu{thread}/topology/thread_siblings_list"),
                siblings,
            );
            fake.file(
                &format!("/sys/devices/system/cpu/cpu{thread}/cpufreq/scaling_governor"),
                "powersave\n",
            );
        }
        fake.pages(3).file("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        fake.file(
            "/proc/self/limits",
            "Max locked memory         8388608   9388608   bytes\nMax open files  1  unlimited  files\n",
        );
        fake.file(
            "/proc/self/status",
            "Uid:\t7\t7\t7\t7\nCpus_allowed_list:\t0-1\nCapEff:\t0000000000003000\n",
        );
        fake.file("/usr/lib/x86_64-linux-gnu/librte_eal.so.23.0", "");
        let facts = Facts::read(&fake.root());
        let Processor { model, threads, cores, smt, governors, .. } = &facts.processor;
        assert_eq!((model.as_str(), *threads, *cores, *smt), ("Fast 9000", 4, 2, true));
        assert_eq!(governors.iter().collect::<Vec<_>>(), ["powersave"]);
        assert_eq!((facts.memory.hugepages[0].total, facts.memory.hugepages.len()), (3, 1));
        assert_eq!(facts.memory.transparent.as_deref(), Some("madvise"));
        assert_eq!((facts.memory.locked_bytes_max, facts.memory.descriptors_max), (Some(9_388_608), None));
        assert_eq!(
            (facts.rights.user, &facts.rights.capabilities[..]),
            (Some(7), &["CAP_NET_ADMIN", "CAP_NET_RAW"][..])
        );
        assert_eq!((facts.kernel.release.as_str(), facts.build.libdpdk_abi), ("6.1.0", Some(23)));
    }

    #[test]
    fn a_machine_that_tells_nothing_is_read_as_well() {
        let facts = Facts::read(&Fake::new().root());
        assert_eq!((facts.processor.threads, facts.nics.len(), facts.memory.total_bytes), (0, 0, None));
    }
}
