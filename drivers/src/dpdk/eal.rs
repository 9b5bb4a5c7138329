//! The environment of DPDK (EAL): started once in a process, out of a checked configuration; it never looks at a device that
//! was not named.

use std::ffi::{CStr, CString, c_char};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use adit_sys::dpdk as sys;
use rustix::fs::{Access, access};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::error::{EalError, last_errno};
use super::spec::{DeviceSpec, PortSpec};

/// How DPDK is to be started.
#[derive(Clone, Debug)]
pub struct EalConfig {
    /// Where its memory comes from.
    pub memory: EalMemory,
    /// MiB of memory, for all devices.
    pub memory_mib: u32,
    /// PCI addresses of the devices that it may drive, such as `0000:03:00.0`. It leaves all others alone.
    pub pci: Vec<String>,
    /// Name of its folder of run-time files; by default one of this process.
    pub prefix: Option<String>,
    /// Lets DPDK and its drivers tell on standard error what they do.
    pub verbose: bool,
}

impl EalConfig {
    /// What the ports of a process ask for together: the largest memory, and normal pages if one of them wants those.
    pub fn of(ports: &[PortSpec]) -> Self {
        let is_huge = ports.iter().all(|port| port.is_huge);
        let pci = ports.iter().filter_map(|port| match &port.device {
            DeviceSpec::Pci(address) => Some(address.clone()),
            DeviceSpec::Virtual { .. } => None,
        });
        Self {
            memory: if is_huge { EalMemory::Huge } else { EalMemory::Normal },
            memory_mib: ports.iter().filter_map(|port| port.memory_mib).max().unwrap_or(MEMORY_MIB),
            pci: pci.collect(),
            prefix: None,
            verbose: ports.iter().any(|port| port.is_verbose),
        }
    }
}

/// The memory of DPDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EalMemory {
    /// Reserved hugepages.
    Huge,
    /// Normal pages: no NIC can reach them but through an IOMMU, and they are slow. For tests and trials.
    Normal,
}

/// The running environment. A clone is the same; it ends with the last one, which devices and mempools hold too.
#[derive(Clone)]
pub struct Eal(#[expect(dead_code, reason = "ends when it is dropped")] Arc<Running>);

struct Running {
    runtime_folder: Option<PathBuf>,
}

impl Eal {
    /// Starts it. Blocks for 0.2 s: it loads the driver of every device that DPDK knows.
    ///
    /// # Errors
    /// See [`EalError`]; also if it was started before in this process.
    pub fn start(config: &EalConfig) -> Result<Self, EalError> {
        // What a second one lacks beside that does not matter.
        if STARTED.load(Ordering::Relaxed) {
            return Err(EalError::Twice);
        }
        check_memory(config)?;
        config.pci.iter().try_for_each(|address| check_pci(address))?;
        let affinity = sched_getaffinity(None).ok();
        let arguments = arguments(config, affinity.as_ref())?;
        if STARTED.swap(true, Ordering::Relaxed) {
            return Err(EalError::Twice);
        }
        let result = init(arguments);
        // EAL takes the calling thread for its main one and moves it.
        if let Some(affinity) = affinity {
            let _ = sched_setaffinity(None, &affinity);
        }
        result?;
        let prefix = prefix(config);
        let runtime_folder = runtime_folder().filter(|folder| folder.ends_with(&prefix));
        runtime_folder.as_deref().and_then(Path::parent).into_iter().for_each(sweep);
        Ok(Self(Arc::new(Running { runtime_folder })))
    }

    /// Version of the installed library, such as "DPDK 22.11.5".
    pub fn version() -> String {
        // SAFETY: gives a string that is there as long as the process.
        let text = unsafe { sys::rte_version() };
        // SAFETY: it ends with a NUL.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SAFETY: EAL was started, and this is the last of its handles: no device and no mempool is left.
        let result = unsafe { sys::rte_eal_cleanup() };
        if let (0, Some(folder)) = (result, &self.runtime_folder) {
            // Its files are those of this process alone; EAL leaves them and the folder behind.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn init(arguments: Vec<CString>) -> Result<(), EalError> {
    // EAL keeps pointers into its arguments and reorders them: they are given away.
    let mut pointers: Vec<*mut c_char> = arguments.into_iter().map(CString::into_raw).collect();
    let count = i32::try_from(pointers.len()).unwrap_or(i32::MAX);
    pointers.push(std::ptr::null_mut());
    let arguments = Box::leak(pointers.into_boxed_slice());
    // SAFETY: `count` strings with a null pointer behind them, as of `main`, which live as long as the process; and
    // it is called once, as `STARTED` says.
    let result = unsafe { sys::rte_eal_init(count, arguments.as_mut_ptr()) };
    if result < 0 { Err(EalError::Refused { errno: last_errno() }) } else { Ok(()) }
}

/// The command line of EAL ("EAL parameters" in its guides).
fn arguments(config: &EalConfig, affinity: Option<&CpuSet>) -> Result<Vec<CString>, EalError> {
    let mut list =
        vec!["adit".to_owned(), "--iova-mode=va".into(), "-m".into(), config.memory_mib.to_string()];
    list.push(format!("--file-prefix={}", prefix(config)));
    list.push(format!("--log-level={}", if config.verbose { "debug" } else { "critical" }));
    list.push("--no-telemetry".into());
    match config.memory {
        // One file for all: a peer of shared memory (vhost, memif without copies) is given few of them.
        EalMemory::Huge => list.extend(["--in-memory", "--single-file-segments"].map(String::from)),
        EalMemory::Normal => list.extend(["--no-huge", "--no-shconf"].map(String::from)),
    }
    if let Some(cpus) = affinity.map(cpu_list).filter(|cpus| !cpus.is_empty()) {
        // One thread, wherever it may run: shards are threads of our own.
        list.push(format!("--lcores=0@({cpus})"));
    }
    if config.pci.is_empty() {
        list.push("--no-pci".into());
    }
    list.extend(config.pci.iter().map(|address| format!("--allow={address}")));
    list.into_iter().map(|text| CString::new(text.clone()).map_err(|_| EalError::Text { text })).collect()
}

/// The processors of a set, as in "0,1,5".
fn cpu_list(cpus: &CpuSet) -> String {
    let numbers = (0..CpuSet::MAX_CPU).filter(|cpu| cpus.is_set(*cpu));
    numbers.map(|cpu| cpu.to_string()).collect::<Vec<_>>().join(",")
}

fn prefix(config: &EalConfig) -> String {
    config.prefix.clone().unwrap_or_else(|| format!("{PREFIX}{}", std::process::id()))
}

fn runtime_folder() -> Option<PathBuf> {
    // SAFETY: gives a string of EAL, which was started, or nothing.
    let text = unsafe { sys::rte_eal_get_runtime_dir() };
    if text.is_null() {
        return None;
    }
    // SAFETY: it ends with a NUL and is copied at once.
    let text = unsafe { CStr::from_ptr(text) }.to_str().ok()?;
    Some(PathBuf::from(text))
}

/// Removes the empty folders of processes of ours that were killed.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process: Option<u32> =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|id| id.parse().ok());
        if process.is_some_and(|id| !Path::new("/proc").join(id.to_string()).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Whether there are hugepages for what is asked: EAL's own words for it help nobody.
fn check_memory(config: &EalConfig) -> Result<(), EalError> {
    if config.memory == EalMemory::Normal {
        return Ok(());
    }
    let free_mib = free_hugepages_mib(Path::new("/sys/kernel/mm/hugepages"));
    if free_mib < u64::from(config.memory_mib) {
        return Err(EalError::Hugepages { asked_mib: config.memory_mib, free_mib });
    }
    Ok(())
}

/// MiB of the hugepages of all sizes that nobody uses.
fn free_hugepages_mib(folder: &Path) -> u64 {
    let Ok(sizes) = fs::read_dir(folder) else { return 0 };
    let free = sizes.flatten().filter_map(|size| {
        let name = size.file_name();
        let kib: u64 = name.to_str()?.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
        let pages: u64 = fs::read_to_string(size.path().join("free_hugepages")).ok()?.trim().parse().ok()?;
        Some(pages * kib / 1024)
    });
    free.sum()
}

/// Whether a PCI device is there, bound to a driver that leaves it to DPDK, and ours to open.
fn check_pci(address: &str) -> Result<(), EalError> {
    let device = Path::new("/sys/bus/pci/devices").join(address);
    if address.contains('/') || !device.exists() {
        return Err(EalError::NoPci { address: address.into() });
    }
    let name_of = |link: &str| {
        let target = fs::read_link(device.join(link)).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    };
    let driver = name_of("driver");
    if !driver.as_deref().is_some_and(|driver| PCI_DRIVERS.contains(&driver)) {
        return Err(EalError::NotBound { address: address.into(), driver });
    }
    let group = name_of("iommu_group").filter(|_| driver.as_deref() == Some("vfio-pci"));
    let path = group.map(|group| format!("/dev/vfio/{group}"));
    match path.filter(|path| access(path.as_str(), Access::READ_OK | Access::WRITE_OK).is_err()) {
        Some(path) => Err(EalError::NoPermission { address: address.into(), path }),
        None => Ok(()),
    }
}

/// MiB of memory unless a port says more: the buffers of eight queue pairs of an MTU of 1,500 bytes take half of it.
const MEMORY_MIB: u32 = 256;
/// Beginning of the names of folders of run-time files; the number of the process follows.
const PREFIX: &str = "adit-";
/// EAL keeps its state in the process and cannot start again.
static STARTED: AtomicBool = AtomicBool::new(false);
/// Kernel drivers under which DPDK drives a device: those that hand it over, and those of NICs that both drive at once.
const PCI_DRIVERS: [&str; 6] =
    ["vfio-pci", "uio_pci_generic", "igb_uio", "mlx5_core", "mlx4_core", "uio_hv_generic"];

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> EalConfig {
        EalConfig { memory: EalMemory::Normal, memory_mib: 64, pci: vec![], prefix: None, verbose: false }
    }

    #[test]
    fn no_device_is_probed_that_was_not_named() {
        let list = |config: &EalConfig| {
            let list = arguments(config, None).unwrap();
            list.iter().map(|text| text.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        let none = list(&config());
        assert!(none.contains("--no-pci") && none.contains("--no-huge --no-shconf"), "{none}");
        let one = list(&EalConfig { pci: vec!["0000:03:00.0".into()], memory: EalMemory::Huge, ..config() });
        assert!(one.contains("--allow=0000:03:00.0") && one.contains("--in-memory"), "{one}");
        assert!(!one.contains("--no-pci") && !one.contains("--no-huge"), "{one}");
        let text = EalConfig { prefix: Some("a\0b".into()), ..config() };
        assert!(matches!(arguments(&text, None), Err(EalError::Text { .. })));
    }

    #[test]
    fn ports_ask_together() {
        let ports = ["dpdk:0000:03:00.0,ip=10.0.0.2/24,memory=64MiB", "dpdk:vdev=net_null0,ip=10.1.0.2/24"];
        let mut ports = ports.map(|port| port.parse::<PortSpec>().unwrap());
        let config = EalConfig::of(&ports);
        assert_eq!((config.memory, config.memory_mib, config.verbose), (EalMemory::Huge, 64, false));
        assert_eq!(config.pci, ["0000:03:00.0"]);
        (ports[0].memory_mib, ports[1].is_huge, ports[1].is_verbose) = (None, false, true);
        let config = EalConfig::of(&ports);
        assert_eq!((config.memory, config.memory_mib, config.verbose), (EalMemory::Normal, MEMORY_MIB, true));
    }

    #[test]
    fn what_is_missing_is_said_before_the_start() {
        let huge = EalConfig { memory: EalMemory::Huge, memory_mib: u32::MAX, ..config() };
        assert!(matches!(Eal::start(&huge), Err(EalError::Hugepages { asked_mib: u32::MAX, .. })));
        let pci = EalConfig { pci: vec!["ffff:ff:1f.7".into()], ..config() };
        assert!(matches!(Eal::start(&pci), Err(EalError::NoPci { .. })));
        let path = EalConfig { pci: vec!["../devices".into()], ..config() };
        assert!(matches!(Eal::start(&path), Err(EalError::NoPci { .. })));
    }

    #[test]
    fn it_starts_once_and_leaves_the_thread_and_the_machine_as_they_were() {
        let before = sched_getaffinity(None).unwrap();

        let eal = Eal::start(&config()).unwrap();
        assert_eq!(sched_getaffinity(None).unwrap(), before);
        assert_eq!(Eal::start(&config()).err(), Some(EalError::Twice));
        let folder = runtime_folder().unwrap();
        assert!(folder.ends_with(prefix(&config())) && folder.exists());
        let killed = folder.with_file_name(format!("{PREFIX}{}", u32::MAX));
        fs::create_dir(&killed).unwrap();
        sweep(folder.parent().unwrap());
        assert!(folder.exists() && !killed.exists());
        drop(eal);
        assert!(!folder.exists());
        assert_eq!(Eal::start(&config()).err(), Some(EalError::Twice), "also after its end");
        assert!(Eal::version().starts_with("DPDK"));
    }
}
