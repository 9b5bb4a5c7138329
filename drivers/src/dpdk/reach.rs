//! Which memory a device reads beside that of DPDK: all, none, or what it is told of ("External memory support", "The mempool and
//! DMA" in the programmer's guide of DPDK: `rte_extmem_register`, `rte_dev_dma_map`).

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, PoisonError};

use adit_sys::dpdk as sys;

use super::device::DeviceConfig;
use super::error::last_errno;
use super::setup::is_virtual;
use crate::memory::{Block, Region};

/// What a device reads.
pub(super) enum Reach {
    /// Only the memory of DPDK.
    Nothing,
    /// All that the process does: its driver copies.
    Everything,
    /// What it was told of.
    Told(Told),
}

/// The memory that a device was told of.
pub(super) struct Told {
    /// There as long as EAL runs.
    device: NonNull<sys::rte_device>,
    maps: Mutex<Vec<Map>>,
}

// SAFETY: DPDK's device is of the process, not of a thread, and is only named to functions that lock what they change; they
// are called with `maps` locked, or by the one owner.
unsafe impl Send for Told {}
// SAFETY: as above.
unsafe impl Sync for Told {}

/// A region that a device was told of, or refused.
struct Map {
    region: Region,
    device: NonNull<sys::rte_device>,
    is_registered: bool,
    is_mapped: bool,
}

impl Reach {
    /// What a device reads, if that is asked for.
    pub(super) fn of(config: &DeviceConfig, info: &sys::rte_eth_dev_info) -> Self {
        let is_virtual = is_virtual(&config.name);
        if !config.tails.unwrap_or(is_virtual) {
            return Self::Nothing;
        }
        // A memif that copies nothing shares only the memory of DPDK with its peer.
        let shares = config.options.split(',').any(|option| option == "zero-copy=yes");
        if COPYING_DRIVERS.iter().any(|driver| config.name.starts_with(driver)) && !shares {
            return Self::Everything;
        }
        match NonNull::new(info.device) {
            Some(device) if !is_virtual => Self::Told(Told { device, maps: Mutex::default() }),
            _ => Self::Nothing,
        }
    }

    /// Whether it reads anything.
    pub(super) fn is_some(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// Whether it reads a block. It is told of the region of one that it does not know yet, which pins all of that: this takes
    /// long the first time.
    #[cold]
    pub(super) fn reads(&self, block: &Block) -> bool {
        let Self::Told(Told { device, maps }) = self else { return matches!(self, Self::Everything) };
        let mut maps = maps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(map) = maps.iter().find(|map| map.region.has(block)) {
            return map.is_mapped;
        }
        let map = Map::new(block.region(), *device);
        let is_mapped = map.is_mapped;
        maps.push(map);
        is_mapped
    }
}

impl Map {
    fn new(region: Region, device: NonNull<sys::rte_device>) -> Self {
        let (start, len_bytes) = (region.start().as_ptr().cast::<c_void>(), region.len_bytes());
        let mut map = Self { region, device, is_registered: false, is_mapped: false };
        // SAFETY: memory of this process, aligned to such pages, which is there as long as the map.
        let result =
            unsafe { sys::rte_extmem_register(start, len_bytes, ptr::null_mut(), 0, REGION_PAGE_BYTES) };
        map.is_registered = result == 0;
        // Another device may have been told of it before.
        if result != 0 && last_errno() != libc::EEXIST {
            return map;
        }
        let iova = start.addr() as u64;
        // SAFETY: a device of EAL, and memory that was registered.
        map.is_mapped = unsafe { sys::rte_dev_dma_map(device.as_ptr(), start, iova, len_bytes) } == 0;
        map
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        let (start, len_bytes) = (self.region.start().as_ptr().cast::<c_void>(), self.region.len_bytes());
        if self.is_mapped {
            let iova = start.addr() as u64;
            // SAFETY: it was mapped, and the device is stopped: see `Running`.
            unsafe { sys::rte_dev_dma_unmap(self.device.as_ptr(), start, iova, len_bytes) };
        }
        if self.is_registered {
            // SAFETY: it was registered by this map.
            unsafe { sys::rte_extmem_unregister(start, len_bytes) };
        }
    }
}

/// Drivers of virtual devices that read all segments of a frame, wherever they lie, while they transmit it; or hand them on
/// within the process.
const COPYING_DRIVERS: [&str; 4] = ["net_memif", "net_af_packet", "net_ring", "net_null"];
/// What regions are aligned to.
const REGION_PAGE_BYTES: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_drivers_that_copy_read_memory_that_they_were_not_told_of() {
        let reach = |name: &str, options: &str, tails| {
            // SAFETY: numbers and pointers, for which zeroes mean nothing.
            let mut info: sys::rte_eth_dev_info = unsafe { std::mem::zeroed() };
            info.device = NonNull::dangling().as_ptr();
            let reach = Reach::of(&DeviceConfig { tails, ..DeviceConfig::new(name, options) }, &info);
            match reach {
                Reach::Nothing => "nothing",
                Reach::Everything => "everything",
                Reach::Told(_) => "told",
            }
        };
        assert_eq!(reach("net_memif0", "role=server,socket=/run/adit/memif.sock", None), "everything");
        assert_eq!(reach("net_memif0", "role=client,zero-copy=yes", None), "nothing");
        assert_eq!(reach("net_memif0", "role=client", Some(false)), "nothing");
        assert_eq!(reach("net_af_packet1", "iface=near", Some(true)), "everything");
        assert_eq!(reach("net_virtio_user0", "path=/run/vhost.sock", Some(true)), "nothing");
        assert_eq!(
            (reach("0000:03:00.0", "", None), reach("0000:03:00.0", "", Some(true))),
            ("nothing", "told")
        );
    }
}
