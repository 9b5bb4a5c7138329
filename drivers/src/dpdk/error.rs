//! Why DPDK or a device of it does not start, in words that say what to do.

use core::fmt;
use std::ffi::CStr;

use adit_sys::dpdk as sys;

/// Why the environment of DPDK did not start. All of it shows at the start of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EalError {
    /// It was started before: there is one for each process, once.
    Twice,
    /// Something that was asked for has a NUL byte in it.
    Text {
        /// What was asked for.
        text: String,
    },
    /// Too few hugepages are free.
    Hugepages {
        /// MiB of memory that were asked for.
        asked_mib: u32,
        /// MiB of hugepages that are free.
        free_mib: u64,
    },
    /// No PCI device has the address.
    NoPci {
        /// The address.
        address: String,
    },
    /// A PCI device that the kernel drives itself, or nobody.
    NotBound {
        /// The address.
        address: String,
        /// Who drives it.
        driver: Option<String>,
    },
    /// The IOMMU group of a PCI device may not be opened.
    NoPermission {
        /// The address.
        address: String,
        /// What may not be opened.
        path: String,
    },
    /// DPDK refused.
    Refused {
        /// Its error number.
        errno: i32,
    },
}

impl fmt::Display for EalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice => f.write_str("DPDK was started before in this process, and starts only once"),
            Self::Text { text } => write!(f, "{text:?} has a NUL byte in it"),
            Self::Hugepages { asked_mib, free_mib } => write!(
                f,
                "DPDK needs {asked_mib} MiB of hugepages and {free_mib} MiB are free: reserve them with \
                 `adit setup --hugepages`, or pass huge=off"
            ),
            Self::NoPci { address } => {
                write!(f, "there is no PCI device {address}: `lspci -D` lists the addresses")
            }
            Self::NotBound { address, driver } => write!(
                f,
                "the PCI device {address} is driven by {}: bind it to vfio-pci with `adit setup`, or with \
                 `dpdk-devbind.py --bind=vfio-pci {address}`",
                driver.as_deref().unwrap_or("nobody")
            ),
            Self::NoPermission { address, path } => {
                write!(
                    f,
                    "no permission to open {path} for the PCI device {address}: run as root, or chown it"
                )
            }
            Self::Refused { errno } => {
                write!(f, "DPDK does not start: {} (its own words come with log=debug)", cause(*errno))
            }
        }
    }
}

impl std::error::Error for EalError {}

/// Why a device did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// What was asked for has a NUL byte in it.
    Text {
        /// What was asked for.
        text: String,
    },
    /// A virtual device was refused.
    Virtual {
        /// Its name.
        name: String,
        /// Error number of its driver.
        errno: i32,
    },
    /// The socket of a virtual device was left behind by another process, or is in use.
    Socket {
        /// The name of the device.
        name: String,
        /// Where the socket is.
        path: String,
    },
    /// DPDK drives no device of this name.
    Unknown {
        /// The name.
        name: String,
    },
    /// The device has fewer queue pairs.
    QueuePairs {
        /// The device.
        name: String,
        /// How many were asked for.
        asked_count: u16,
        /// How many it has.
        most_count: u16,
    },
    /// The device carries no such packets.
    Mtu {
        /// The device.
        name: String,
        /// What was asked for, in bytes.
        asked_bytes: u16,
        /// What it carries at least and at most.
        range_bytes: (u16, u16),
    },
    /// No memory for the buffers of a queue.
    Buffers {
        /// The device.
        name: String,
        /// How many were asked for.
        count: u32,
        /// Bytes of them all.
        len_bytes: u64,
        /// Error number of DPDK.
        errno: i32,
    },
    /// Buffers of DPDK are laid out in another way than this program was built for.
    Layout,
    /// A step of its start failed.
    Refused {
        /// The device.
        name: String,
        /// The step.
        step: &'static str,
        /// Error number of its driver.
        errno: i32,
    },
    /// The thread cannot be made known to DPDK.
    Thread {
        /// Error number of DPDK.
        errno: i32,
    },
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { text } => write!(f, "{text:?} has a NUL byte in it"),
            Self::Socket { name, path } => write!(
                f,
                "the virtual device {name} does not start: its socket {path} exists already; remove the file if no \
                 process serves it"
            ),
            Self::Virtual { name, errno } => write!(
                f,
                "the virtual device {name} does not start: {}; check its options and that its interface or socket \
                 exists and is not in use (its own words come with log=debug)",
                cause_of_driver(*errno)
            ),
            Self::Unknown { name } => write!(
                f,
                "DPDK drives no device {name}: bind it to vfio-pci, and check that DPDK's driver for it is installed"
            ),
            Self::QueuePairs { name, asked_count, most_count } => write!(
                f,
                "{name} has {most_count} queue pair(s), and {asked_count} shards want one each: use fewer shards, or \
                 give it more, where its driver has an option for that"
            ),
            Self::Mtu { name, asked_bytes, range_bytes: (least, most) } => {
                write!(f, "{name} has no MTU of {asked_bytes} bytes: pass mtu={least} to mtu={most}")
            }
            Self::Buffers { name, count, len_bytes, errno } => write!(
                f,
                "no memory for {count} buffers of {name}, {} MiB: {}; pass a larger memory= or fewer descriptors=",
                len_bytes.div_ceil(1 << 20),
                cause(*errno)
            ),
            Self::Layout => f.write_str(
                "the installed DPDK lays its buffers out in another way than the one that adit was built with: build \
                 adit again",
            ),
            Self::Refused { name, step, errno } => write!(f, "{name} refuses to {step}: {}", cause_of_driver(*errno)),
            Self::Thread { errno } => write!(
                f,
                "a thread cannot be made known to DPDK: {}; it knows at most 128 at a time",
                cause(*errno)
            ),
        }
    }
}

impl std::error::Error for DeviceError {}

/// The words of an error number, of DPDK or the system.
fn cause(errno: i32) -> String {
    if errno < ERRNO_OF_DPDK {
        return std::io::Error::from_raw_os_error(errno).to_string();
    }
    // SAFETY: takes any number, and gives a string that lives until this thread asks again.
    let text = unsafe { sys::rte_strerror(errno) };
    if text.is_null() {
        return format!("error {errno}");
    }
    // SAFETY: a string with its NUL, as said above; it is copied at once.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The words of what a driver returned: many say -1 for whatever it is, which is no error number.
fn cause_of_driver(errno: i32) -> String {
    if errno == 1 { "its driver gives no reason".into() } else { cause(errno) }
}

/// The error number of the last call on this thread that says no more than that it failed.
pub(super) fn last_errno() -> i32 {
    // SAFETY: reads a variable of the thread.
    unsafe { sys::adit_errno() }
}

/// The first of the error numbers that only DPDK has (`rte_errno.h`, `RTE_MIN_ERRNO`).
const ERRNO_OF_DPDK: i32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_do() {
        let few = EalError::Hugepages { asked_mib: 256, free_mib: 2 }.to_string();
        assert!(
            few.contains("256 MiB") && few.contains("adit setup --hugepages") && few.contains("huge=off")
        );
        let kernel = EalError::NotBound { address: "0000:03:00.0".into(), driver: Some("ixgbe".into()) };
        assert!(kernel.to_string().contains("driven by ixgbe: bind it to vfio-pci"));
        let stale = DeviceError::Socket { name: "net_memif0".into(), path: "/a".into() }.to_string();
        assert!(stale.contains("its socket /a exists already; remove the file"));
        let refused =
            DeviceError::Refused { name: "x".into(), step: "start", errno: libc::ENOMEM }.to_string();
        assert!(refused.starts_with("x refuses to start: Cannot allocate memory"), "{refused}");
        assert!(!cause(1001).is_empty());
    }
}
