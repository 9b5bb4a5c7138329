//! Reserved hugepages: how many there are, of which size, on which node.

use clap::ValueEnum;

use super::root::Root;

/// The sizes of hugepages that Adit uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
pub(crate) enum PageSize {
    /// Can be reserved while the machine runs
    #[value(name = "2MiB", alias = "2M")]
    #[serde(rename = "2MiB")]
    Small,
    /// Best reserved when the machine boots
    #[value(name = "1GiB", alias = "1G")]
    #[serde(rename = "1GiB")]
    Large,
}

impl PageSize {
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Self::Small => 2 << 20,
            Self::Large => 1 << 30,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "2 MiB",
            Self::Large => "1 GiB",
        }
    }

    /// So many of them, in words.
    pub(crate) fn counted(self, count: u64) -> String {
        format!("{count} hugepage{} of {}", if count == 1 { "" } else { "s" }, self.name())
    }

    /// How the kernel's command line has it.
    pub(crate) fn boot_name(self) -> &'static str {
        match self {
            Self::Small => "2M",
            Self::Large => "1G",
        }
    }

    fn folder(self) -> String {
        format!("hugepages-{}kB", self.bytes() >> 10)
    }
}

/// The hugepages of one size, of one node or of the whole machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Pool {
    pub(crate) page_size: PageSize,
    /// None is the whole machine.
    pub(crate) numa_node: Option<u32>,
    /// Reserved for good; surplus pages are not among them.
    pub(crate) total: u64,
    pub(crate) free: u64,
}

impl Pool {
    /// The file of their number, which reserves when written.
    pub(crate) fn file(page_size: PageSize, numa_node: Option<u32>) -> String {
        format!("{}/nr_hugepages", folder(page_size, numa_node))
    }

    /// None if the kernel or the processor has no such pages.
    pub(crate) fn read(root: &Root, page_size: PageSize, numa_node: Option<u32>) -> Option<Self> {
        let of = |name: &str| root.number(&format!("{}/{name}", folder(page_size, numa_node)));
        let total = of("nr_hugepages")?.saturating_sub(of("surplus_hugepages").unwrap_or(0));
        Some(Self { page_size, numa_node, total, free: of("free_hugepages").unwrap_or(0) })
    }

    /// The pools to reserve in: one for each node that has cores where there are several, else the whole machine.
    pub(crate) fn all(root: &Root, page_size: PageSize) -> Vec<Self> {
        let nodes = nodes(root);
        if nodes.len() < 2 {
            return Self::read(root, page_size, None).into_iter().collect();
        }
        nodes.into_iter().filter_map(|node| Self::read(root, page_size, Some(node))).collect()
    }

    /// What it is called among others.
    pub(crate) fn place(numa_node: Option<u32>) -> String {
        numa_node.map_or_else(String::new, |node| format!(" on NUMA node {node}"))
    }
}

/// The NUMA nodes that have cores and memory for hugepages, in order.
pub(crate) fn nodes(root: &Root) -> Vec<u32> {
    let names = root.names(NODES).into_iter();
    let mut nodes: Vec<u32> = names
        .filter_map(|name| name.strip_prefix("node")?.parse().ok())
        .filter(|node| root.text(&format!("{NODES}/node{node}/cpulist")).is_some_and(|list| !list.is_empty()))
        .filter(|node| root.exists(&format!("{NODES}/node{node}/hugepages")))
        .collect();
    nodes.sort_unstable();
    nodes
}

fn folder(page_size: PageSize, numa_node: Option<u32>) -> String {
    let parent = numa_node.map_or_else(|| WHOLE.to_owned(), |node| format!("{NODES}/node{node}/hugepages"));
    format!("{parent}/{}", page_size.folder())
}

const WHOLE: &str = "/sys/kernel/mm/hugepages";
const NODES: &str = "/sys/devices/system/node";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake::Fake;

    #[test]
    fn one_node_is_the_whole_machine() {
        let fake = Fake::new();
        fake.pages(7).node(0, 7);
        let pools = Pool::all(&fake.root(), PageSize::Small);
        assert_eq!(pools, [Pool { page_size: PageSize::Small, numa_node: None, total: 7, free: 7 }]);
        assert!(Pool::all(&fake.root(), PageSize::Large).is_empty());
    }

    #[test]
    fn nodes_without_cores_are_left_out() {
        let fake = Fake::new();
        fake.pages(9).node(0, 2).node(1, 3).node(10, 4);
        fake.file("/sys/devices/system/node/node10/cpulist", "\n");
        let pools = Pool::all(&fake.root(), PageSize::Small);
        let counts: Vec<_> = pools.iter().map(|pool| (pool.numa_node, pool.total)).collect();
        assert_eq!(counts, [(Some(0), 2), (Some(1), 3)]);
    }

    #[test]
    fn surplus_pages_are_not_reserved_ones() {
        let fake = Fake::new();
        fake.pages(9).file("/sys/kernel/mm/hugepages/hugepages-2048kB/surplus_hugepages", "4\n");
        assert_eq!(Pool::all(&fake.root(), PageSize::Small)[0].total, 5);
    }
}
