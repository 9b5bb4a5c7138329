//! What is to be said of the facts: what is, how good that is, what would be gained, and the command for it.

use serde::Serialize;

use super::devices::{Controller, Nic, NicInterface, Persistent};
use super::machine::{Build, Facts, Kernel, Memory, Processor, Rights, list};
use crate::machine::pages::{PageSize, Pool};
use crate::size::Size;

/// One line of the report.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) area: &'static str,
    pub(super) mark: Mark,
    /// What there is.
    pub(super) is: String,
    /// What more would gain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gain: Option<String>,
    /// The command for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<String>,
}

/// How good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mark {
    Ok,
    Better,
    Missing,
}

impl Mark {
    /// For people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Better => "better",
            Self::Missing => "missing",
        }
    }
}

/// All of them, by area.
pub(super) fn all(facts: &Facts) -> Vec<Finding> {
    let mut found = processor(&facts.processor);
    found.extend(memory(&facts.memory, &facts.rights));
    found.extend(kernel(&facts.kernel));
    found.extend(rights(&facts.rights));
    found.extend(network(&facts.nics, &facts.other_interfaces));
    found.extend(storage(&facts.nvme, &facts.persistent_memory));
    found.extend(build(&facts.build));
    found
}

fn ok(area: &'static str, is: impl Into<String>) -> Finding {
    Finding { area, mark: Mark::Ok, is: is.into(), gain: None, run: None }
}

impl Finding {
    /// It could be better, by this command.
    fn better(self, gain: &str, run: impl Into<String>) -> Self {
        Self { mark: Mark::Better, gain: Some(gain.to_owned()), run: Some(run.into()), ..self }
    }

    /// It is not there.
    fn missing(self) -> Self {
        Self { mark: Mark::Missing, ..self }
    }
}

fn processor(processor: &Processor) -> Vec<Finding> {
    let area = "processor";
    let Processor { threads, cores, smt, nodes, online, isolated, allowed, governors, .. } = processor;
    let shape = ok(
        area,
        format!(
            "{}, {} on {}",
            counted(*cores, "core"),
            counted(*threads, "thread"),
            counted(nodes.len().max(1), "NUMA node")
        ),
    );
    let shape = if *smt {
        let gain =
            "a core of its own for each shard: two shards on the threads of one core slow each other down";
        shape.better(gain, format!("adit serve --shards {cores}, or fewer"))
    } else {
        shape
    };
    let usable = list(allowed).len();
    let limited = !allowed.is_empty() && isolated.is_empty() && usable < *threads;
    let limited = limited
        .then(|| ok(area, format!("this process may use {} of them: {allowed}", counted(usable, "thread"))));
    let alone = match isolated.as_str() {
        "" if *threads < THREADS_TO_ISOLATE => {
            ok(area, "no core is kept free of other work, and there are too few to spare some")
        }
        "" => ok(area, "no core is kept free of other work").better(
            "nothing else runs on the core of a shard: shorter tail latency",
            format!(
                "isolcpus=managed_irq,domain,{0} nohz_full={0} rcu_nocbs={0} on the kernel's command line; \
                 then taskset -c {0} adit serve ...",
                rest_of(online)
            ),
        ),
        kept => Finding {
            run: Some(format!("taskset -c {kept} adit serve --shards {}, or fewer", list(kept).len())),
            ..ok(area, format!("kept free of other work: {kept}"))
        },
    };
    let slow: Vec<&str> =
        governors.iter().map(String::as_str).filter(|name| *name != "performance").collect();
    let frequency = match (governors.is_empty(), slow.is_empty()) {
        (true, _) => ok(area, "the kernel does not choose the frequency here"),
        (_, true) => ok(area, "frequency governor: performance"),
        _ => ok(area, format!("frequency governor: {}", slow.join(", "))).better(
            "no wait for the clock to rise after a pause",
            "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
        ),
    };
    [Some(shape), limited, Some(alone), Some(frequency)].into_iter().flatten().collect()
}

fn memory(memory: &Memory, rights: &Rights) -> Vec<Finding> {
    let area = "memory";
    let size =
        |bytes: Option<u64>| bytes.map_or_else(|| "unknown".to_owned(), |bytes| Size(bytes).to_string());
    let mut found =
        vec![ok(area, format!("{}, {} available", size(memory.total_bytes), size(memory.available_bytes)))];
    found.extend(PAGE_SIZES.map(|page_size| hugepages(memory, page_size)));
    found.push(match memory.transparent.as_deref() {
        None => ok(area, "no transparent hugepages in this kernel").missing(),
        Some("never") => ok(area, "transparent hugepages: never").better(
            "where no hugepages are reserved, index and values lie in transparent ones",
            "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
        ),
        Some(mode) => ok(area, format!("transparent hugepages: {mode}")),
    });
    found.push(match memory.locked_bytes_max {
        None => ok(area, "no limit of locked memory"),
        Some(most) if rights.capabilities.contains(&"CAP_IPC_LOCK") => {
            ok(area, format!("locked memory: {}, which this process may exceed", Size(most)))
        }
        Some(most) => ok(area, format!("locked memory: {} at most", Size(most))).better(
            "a device on vfio-pci needs all memory that it reaches to be locked",
            "LimitMEMLOCK=infinity in the unit (scripts/systemd/adit.service); in a shell of root, ulimit -l unlimited",
        ),
    });
    found.push(match memory.descriptors_max {
        Some(most) if most < DESCRIPTORS_WANTED => ok(area, format!("open files: {most} at most")).better(
            "a connection is a file: --connections-max is 10,000 unless told otherwise",
            "LimitNOFILE=1048576 in the unit (scripts/systemd/adit.service); in a shell of root, ulimit -n 1048576",
        ),
        Some(most) => ok(area, format!("open files: {most} at most")),
        None => ok(area, "no limit of open files"),
    });
    found
}

fn hugepages(memory: &Memory, page_size: PageSize) -> Finding {
    let (area, name) = ("memory", page_size.name());
    let pools: Vec<&Pool> = memory.hugepages.iter().filter(|pool| pool.page_size == page_size).collect();
    let (total, free) =
        pools.iter().fold((0, 0), |(total, free), pool| (total + pool.total, free + pool.free));
    if pools.is_empty() {
        return ok(area, format!("no hugepages of {name} in this kernel or processor")).missing();
    }
    let places: Vec<String> =
        pools.iter().filter_map(|pool| Some(format!("node {}: {}", pool.numa_node?, pool.total))).collect();
    let places = if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) };
    let is = ok(area, format!("hugepages of {name}: {total} reserved{places}, {free} free"));
    let small = page_size == PageSize::Small;
    match (total, free) {
        (0, _) if small => is.better(
            "large pages for sure: transparent ones are there only while memory is in one piece; DPDK's buffers need reserved ones",
            "sudo adit setup --hugepages 1GiB, or as much as --memory (hugepages.md)",
        ),
        (0, _) => Finding {
            gain: Some("fewer misses of the TLB with memories of many GiB; those of 2 MiB do for most".to_owned()),
            run: Some("hugepagesz=1G hugepages=N on the kernel's command line (hugepages.md)".to_owned()),
            ..is
        },
        (_, 0) => is.better(
            "all are in use: the next program has to do with transparent ones",
            format!("sudo adit setup --hugepages {}MiB", ((total * page_size.bytes()) >> 20) + 1024),
        ),
        _ => is,
    }
}

fn kernel(kernel: &Kernel) -> Vec<Finding> {
    let area = "kernel";
    let files = "files and disks through io_uring; this version does not use them yet";
    let ring = match kernel.io_uring_disabled {
        None | Some(0) => ok(area, "io_uring is allowed"),
        Some(1) => ok(area, "io_uring is allowed to some users only")
            .better(files, "sudo sysctl kernel.io_uring_disabled=0"),
        Some(_) => ok(area, "io_uring is forbidden").better(files, "sudo sysctl kernel.io_uring_disabled=0"),
    };
    let unit = match kernel.iommu_groups {
        0 => Finding {
            gain: Some("devices on vfio-pci reach the memory that is given to them, and no other".to_owned()),
            run: Some(kernel.iommu_advice.clone()),
            ..ok(area, "no IOMMU, or it is switched off").missing()
        },
        groups => ok(area, format!("an IOMMU with {}", counted(groups, "group"))),
    };
    let vfio = match (kernel.vfio_pci, kernel.vfio_noiommu) {
        (true, Some(true)) => {
            ok(area, "vfio-pci is loaded, and may work without an IOMMU: devices reach all memory")
        }
        (true, _) => ok(area, "vfio-pci is loaded"),
        (false, _) => Finding {
            gain: Some("devices given to Adit".to_owned()),
            run: Some("sudo adit setup --bind ADDRESS loads it".to_owned()),
            ..ok(area, "vfio-pci is not loaded").missing()
        },
    };
    vec![ring, unit, vfio]
}

fn rights(rights: &Rights) -> Vec<Finding> {
    let area = "rights";
    let user = match rights.user {
        Some(0) => ok(area, "this process is root's"),
        Some(user) => ok(area, format!("this process is of user {user}")),
        None => ok(area, "whose process this is, is unknown"),
    };
    let ports = PORT_RIGHTS.map(|(port, gain, needed)| {
        let lacking: Vec<&str> =
            needed.iter().copied().filter(|name| !rights.capabilities.contains(name)).collect();
        if lacking.is_empty() {
            return ok(area, format!("{port}: it has {}", needed.join(", ")));
        }
        let lower = needed.join(",").to_lowercase();
        ok(area, format!("{port}: it lacks {}", lacking.join(", ")))
            .better(gain, format!("sudo setcap {lower}+ep ADIT, or a unit (scripts/systemd/adit.service)"))
    });
    [user].into_iter().chain(ports).collect()
}

fn network(nics: &[Nic], others: &[String]) -> Vec<Finding> {
    let area = "network";
    let mut found: Vec<Finding> = nics.iter().map(nic).collect();
    if nics.is_empty() {
        found.push(ok(area, "no network card on the PCI bus").missing());
    }
    if !others.is_empty() {
        found.push(ok(area, format!("interfaces without a PCI device: {}", others.join(", "))));
    }
    found
}

fn nic(nic: &Nic) -> Finding {
    let interfaces: Vec<String> = nic.interfaces.iter().map(interface).collect();
    let interfaces =
        if interfaces.is_empty() { String::new() } else { format!(", {}", interfaces.join("; ")) };
    let node = nic.numa_node.map_or_else(String::new, |node| format!(", node {node}"));
    let driver = nic.driver.as_deref().unwrap_or("no driver");
    let poll =
        nic.dpdk_driver.map_or_else(|| "no DPDK driver known".to_owned(), |name| format!("DPDK: {name}"));
    let is = ok("network", format!("{} {}, {driver}, {poll}{node}{interfaces}", nic.address, nic.model));
    match (nic.vfio, nic.dpdk_driver) {
        (true, _) => is,
        (_, Some(_)) if nic.beside_kernel => Finding {
            gain: Some("it is driven beside the kernel's driver: nothing to bind".to_owned()),
            ..is
        },
        (_, Some(_)) if nic.default_route => Finding {
            gain: Some(
                "it carries the default route, so leave it to the kernel; a second card would be Adit's"
                    .to_owned(),
            ),
            ..is
        },
        (_, Some(_)) => is.better(
            "packets without the kernel in between",
            format!("sudo adit setup --bind {}", nic.address),
        ),
        (_, None) => Finding { gain: Some("af_packet or af_xdp work on its interface".to_owned()), ..is },
    }
}

fn interface(interface: &NicInterface) -> String {
    let NicInterface { name, up, link, speed_mbit, addresses } = interface;
    let state = match (up, link) {
        (false, _) => "down".to_owned(),
        (true, false) => "no link".to_owned(),
        (true, true) => speed_mbit.map_or_else(|| "up".to_owned(), |speed| format!("up at {speed} Mbit/s")),
    };
    let addresses =
        if addresses.is_empty() { String::new() } else { format!(" with {}", addresses.join(" and ")) };
    format!("{name} {state}{addresses}")
}

fn storage(nvme: &[Controller], persistent: &[Persistent]) -> Vec<Finding> {
    let area = "storage";
    let controller = |controller: &Controller| {
        let driver = controller.driver.as_deref().unwrap_or("no driver");
        let disks = if controller.disks.is_empty() { "no disks" } else { &controller.disks.join(", ") };
        let uses = if controller.uses.is_empty() { "free" } else { &controller.uses.join(", ") };
        ok(area, format!("NVMe {} {}, {driver}, {disks}, {uses}", controller.address, controller.model))
    };
    let space = |space: &Persistent| {
        let size = space.bytes.map_or_else(String::new, |bytes| format!(", {}", Size(bytes)));
        let mode = space.mode.as_deref().unwrap_or("of no mode");
        ok(area, format!("persistent memory {}, {mode}{size}", space.name))
    };
    let mut found: Vec<Finding> = nvme.iter().map(controller).chain(persistent.iter().map(space)).collect();
    let later = Some("data that outlives the process; this version keeps all data in memory yet".to_owned());
    if nvme.is_empty() {
        found.push(Finding { gain: later.clone(), ..ok(area, "no NVMe controller").missing() });
    }
    if persistent.is_empty() {
        found.push(Finding { gain: later, ..ok(area, "no persistent memory").missing() });
    }
    found
}

fn build(build: &Build) -> Vec<Finding> {
    let area = "build";
    let library = build.libdpdk_abi.map_or_else(
        || "there is no libdpdk on this machine".to_owned(),
        // Since 19.11 the number of the interface changes once a year and is that of the year that follows.
        |abi| format!("libdpdk on this machine has ABI {abi}, of DPDK {}.11", abi.saturating_sub(1)),
    );
    vec![if let Some(version) = &build.dpdk {
        ok(area, format!("with {version}"))
    } else {
        ok(area, format!("without DPDK; {library}")).better(
            "ports that poll a network card, or share memory with other programs (memif)",
            "apt-get install libdpdk-dev; cargo build --release --features dpdk",
        )
    }]
}

/// `3 cores`, `1 core`.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// All threads of a list but the first two, which are left to all else.
fn rest_of(online: &str) -> String {
    let threads = list(online);
    match (threads.get(2), threads.last()) {
        (Some(&first), Some(&last)) if (first..=last).count() == threads.len() - 2 => {
            format!("{first}-{last}")
        }
        _ => threads.iter().skip(2).map(u32::to_string).collect::<Vec<_>>().join(","),
    }
}

const PAGE_SIZES: [PageSize; 2] = [PageSize::Small, PageSize::Large];
/// Fewer threads than this need all of them for everything.
const THREADS_TO_ISOLATE: usize = 4;
/// The connections that there are unless told otherwise, and some.
const DESCRIPTORS_WANTED: u64 = 10_100;
/// What ports of DPDK on an interface of the kernel need.
const PORT_RIGHTS: [(&str, &str, &[&str]); 2] = [
    ("af_packet", "ports on any interface of the kernel", &["CAP_NET_RAW", "CAP_NET_ADMIN"]),
    (
        "af_xdp",
        "the same, faster",
        &["CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_BPF", "CAP_IPC_LOCK", "CAP_PERFMON"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake::Fake;
    use crate::machine::root::Root;

    fn found(root: &Root) -> Vec<Finding> {
        all(&Facts::read(root))
    }

    /// The one that begins so.
    fn of<'a>(found: &'a [Finding], start: &str) -> &'a Finding {
        let fits = found.iter().find(|finding| finding.is.starts_with(start));
        fits.unwrap_or_else(|| panic!("no {start:?} in {found:#?}"))
    }

    #[test]
    fn a_card_is_offered_unless_it_carries_the_default_route() {
        let fake = Fake::new();
        fake.device("0000:03:00.0", "0x020000\n", Some("ixgbe"), Some(1)).interface(
            "eth0",
            "0000:03:00.0",
            true,
        );
        fake.device("0000:04:00.0", "0x020000\n", Some("ixgbe"), Some(2)).default_route("eth0");
        fake.device("0000:05:00.0", "0x020000\n", Some("vfio-pci"), Some(3));
        fake.device("0000:06:00.0", "0x020000\n", Some("mlx5_core"), Some(4));
        fake.device("0000:07:00.0", "0x020000\n", Some("r8169"), Some(5));
        fake.file("/sys/bus/pci/devices/0000:07:00.0/vendor", "0x10ec\n");
        let found = found(&fake.root());
        let mark = |address: &str| (of(&found, address).mark, of(&found, address).run.as_deref());
        assert_eq!(mark("0000:03:00.0"), (Mark::Ok, None));
        assert_eq!(mark("0000:04:00.0"), (Mark::Better, Some("sudo adit setup --bind 0000:04:00.0")));
        for address in ["0000:05:00.0", "0000:06:00.0", "0000:07:00.0"] {
            assert_eq!(mark(address), (Mark::Ok, None), "{address}");
        }
        assert_eq!(of(&found, "an IOMMU with").is, "an IOMMU with 5 groups");
    }

    #[test]
    fn hugepages_are_wanted_where_there_are_none_or_none_is_free() {
        let fake = Fake::new();
        let small = |fake: &Fake| {
            let found = found(&fake.root());
            let finding = of(&found, "hugepages of 2 MiB");
            (finding.mark, finding.run.clone().unwrap_or_default())
        };
        fake.pages(0);
        assert_eq!(small(&fake).0, Mark::Better);
        fake.pages(512);
        assert_eq!(small(&fake), (Mark::Ok, String::new()));
        fake.file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n");
        assert_eq!(small(&fake), (Mark::Better, "sudo adit setup --hugepages 2048MiB".to_owned()));
        let found = found(&fake.root());
        assert_eq!(of(&found, "no hugepages of 1 GiB").mark, Mark::Missing);
    }

    #[test]
    fn ports_need_their_rights() {
        let fake = Fake::new();
        fake.file("/proc/self/status", "Uid:\t9\t9\t9\t9\nCapEff:\t0000000000003000\n");
        let found = found(&fake.root());
        assert_eq!(of(&found, "af_packet").mark, Mark::Ok);
        assert_eq!(of(&found, "af_xdp").is, "af_xdp: it lacks CAP_BPF, CAP_IPC_LOCK, CAP_PERFMON");
    }

    #[test]
    fn cores_to_isolate_leave_two_for_all_else() {
        assert_eq!(rest_of("0-7"), "2-7");
        assert_eq!(rest_of("0-3,8-9"), "2,3,8,9");
        assert_eq!(rest_of("0-2"), "2-2");
    }

    #[test]
    fn what_is_not_there_is_missing() {
        let found = found(&Fake::new().root());
        for start in
            ["no IOMMU", "vfio-pci is not loaded", "no network card", "no NVMe", "no persistent memory"]
        {
            assert_eq!(of(&found, start).mark, Mark::Missing, "{start}");
        }
    }
}
