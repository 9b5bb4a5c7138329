//! Hugepages: how many more are needed where, and how they are reserved and given back.

use anyhow::{Context, bail, ensure};

use super::hand::{Hand, warn};
use super::state::{Reserved, State};
use crate::machine::pages::{PageSize, Pool};
use crate::machine::root::Root;
use crate::size::Size;

/// How many pages there shall be at one place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Share {
    pool: Pool,
    wanted: u64,
}

/// The share of each node in `size`; refuses what the machine cannot give.
pub(super) fn shares(
    root: &Root,
    size: Size,
    page_size: PageSize,
    numa_node: Option<u32>,
) -> anyhow::Result<Vec<Share>> {
    ensure!(size.0 > 0, "hugepages = 0: give a size, such as 4GiB; --reset gives hugepages back");
    let pages = size.0.div_ceil(page_size.bytes());
    let pools = match numa_node {
        Some(node) => {
            let pool = Pool::read(root, page_size, Some(node));
            vec![pool.with_context(|| {
                format!("there is no NUMA node {node} with hugepages of {}", page_size.name())
            })?]
        }
        None => Pool::all(root, page_size),
    };
    ensure!(!pools.is_empty(), "this kernel or processor has no hugepages of {}", page_size.name());
    let count = pools.len() as u64;
    let shares: Vec<Share> = (0..count)
        .zip(pools)
        .map(|(index, pool)| Share { pool, wanted: pages / count + u64::from(index < pages % count) })
        .collect();
    let more: u64 = shares.iter().map(|share| share.wanted.saturating_sub(share.pool.total)).sum();
    let more = Size(more.saturating_mul(page_size.bytes()));
    let available = root.memory_bytes("MemAvailable");
    if let Some(available) = available.filter(|available| more.0 > available - available / LEFT_SHARE) {
        bail!(
            "{more} more in hugepages would leave too little of the {} of memory that are available: reserve less",
            Size(available)
        );
    }
    Ok(shares)
}

/// Reserves what is missing.
pub(super) fn reserve(hand: &Hand<'_>, state: &mut State, share: &Share) -> anyhow::Result<()> {
    let Share { pool: Pool { page_size, numa_node, total, free }, wanted } = *share;
    let place = Pool::place(numa_node);
    if total >= wanted {
        hand.say(&format!("{} reserved{place} already, {free} free", page_size.counted(total)));
        if free < wanted {
            warn(&format!(
                "{} in use by other programs{place}",
                page_size.counted(total.saturating_sub(free))
            ));
        }
        return Ok(());
    }
    hand.say(&format!("reserving {}{place}, {total} before", page_size.counted(wanted)));
    let file = Pool::file(page_size, numa_node);
    state.add_hugepages(hand, page_size, numa_node, total, wanted - total)?;
    hand.write(&file, &wanted.to_string())?;
    if hand.dry_run {
        return Ok(());
    }
    let now = || Pool::read(hand.root, page_size, numa_node).map_or(0, |pool| pool.total);
    if now() < wanted && hand.root.exists(COMPACT) {
        // Memory is there, but in pieces: the kernel can put them together.
        hand.write(COMPACT, "1")?;
        hand.write(&file, &wanted.to_string())?;
    }
    let got = now();
    if got < wanted {
        // Adit maps a region in hugepages only if it gets all of them, and the machine needs its memory.
        hand.write(&file, &total.to_string())?;
        state.missed_hugepages(hand, page_size, numa_node, wanted - total)?;
        let boot = page_size.boot_name();
        bail!(
            "the kernel has memory in one piece for {got} of {}{place} only, so they are given back: stop other \
             programs and try again, or reserve them at boot, with hugepagesz={boot} hugepages={wanted} on the \
             kernel's command line (see hugepages.md)",
            page_size.counted(wanted)
        );
    }
    Ok(())
}

/// Gives back what was added, and no page of anybody else.
pub(super) fn release(hand: &Hand<'_>, reserved: &Reserved) -> anyhow::Result<()> {
    let Reserved { page_size, numa_node, before, added } = *reserved;
    let (name, place) = (page_size.name(), Pool::place(numa_node));
    let Some(pool) = Pool::read(hand.root, page_size, numa_node) else {
        hand.say(&format!("hugepages of {name}{place} are not there any more"));
        return Ok(());
    };
    let left = pool.total.saturating_sub(added).max(before).min(pool.total);
    hand.say(&format!("giving {}{place} back, {left} stay", page_size.counted(pool.total - left)));
    if left == pool.total {
        return Ok(());
    }
    hand.write(&Pool::file(page_size, numa_node), &left.to_string())?;
    let used = pool.total - pool.free.min(pool.total);
    if used > left {
        warn(&format!(
            "{}{place} still in use, which go when their programs end",
            page_size.counted(used - left)
        ));
    }
    Ok(())
}

/// Of the memory that is available, one part in so many stays for all else.
const LEFT_SHARE: u64 = 16;
const COMPACT: &str = "/proc/sys/vm/compact_memory";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake::Fake;

    fn wanted(fake: &Fake, size: u64, node: Option<u32>) -> Result<Vec<u64>, String> {
        let shares = shares(&fake.root(), Size(size), PageSize::Small, node);
        let shares = shares.map_err(|error| error.to_string())?;
        Ok(shares.iter().map(|share| share.wanted).collect())
    }

    #[test]
    fn pages_are_spread_over_the_nodes() {
        let fake = Fake::new();
        fake.node(0, 0).node(1, 0).node(2, 0);
        assert_eq!(wanted(&fake, 16 << 20, None), Ok(vec![3, 3, 2]));
        assert_eq!(wanted(&fake, 1, None), Ok(vec![1, 0, 0]));
        assert_eq!(wanted(&fake, 16 << 20, Some(2)), Ok(vec![8]));
        assert!(wanted(&fake, 1, Some(3)).unwrap_err().contains("no NUMA node 3"));
        assert!(wanted(&fake, 0, None).unwrap_err().contains("--reset"));
        assert!(wanted(&Fake::new(), 1, None).unwrap_err().contains("has no hugepages of 2 MiB"));
    }

    #[test]
    fn some_memory_stays() {
        let fake = Fake::new();
        fake.pages(512).file("/proc/meminfo", "MemAvailable:    1048576 kB\n");
        assert!(wanted(&fake, 2 << 30, None).unwrap_err().contains("reserve less"));
        // What is reserved already is not taken again.
        assert_eq!(wanted(&fake, (2 << 30) - (1 << 26), None), Ok(vec![992]));
        assert!(wanted(&fake, u64::MAX, None).is_err());
    }
}
