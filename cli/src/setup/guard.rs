//! What must not be taken from the kernel: the way to this machine, its disks, devices that reach all memory.

use std::collections::BTreeSet;

use anyhow::{bail, ensure};

use super::SetupArguments;
use super::hand::{Hand, warn};
use crate::machine::network::{self, Interface};
use crate::machine::pci::{self, Address, Device};
use crate::machine::poll::PollDriver;
use crate::machine::root::Root;
use crate::machine::{disk, iommu};

/// The devices to bind, each once, without those that are bound; refuses all if one must not be.
pub(super) fn devices(hand: &Hand<'_>, arguments: &SetupArguments) -> anyhow::Result<Vec<Device>> {
    let root = hand.root;
    let mut devices: Vec<Device> = Vec::new();
    let addresses: BTreeSet<Address> = arguments.bind.iter().copied().collect();
    for address in addresses {
        let Some(device) = Device::find(root, address) else { bail!(unknown(root, address)) };
        if device.driver.as_deref() == Some(VFIO_PCI) {
            hand.say(&format!("{address} is on vfio-pci already"));
        } else {
            devices.push(device);
        }
    }
    for device in &devices {
        let address = device.address;
        ensure!(!device.is_bridge(), "{address} is a bridge of the PCI bus: give a device behind it");
        for why in [foreign(device), kept_by_kernel(device), in_use(root, device)].into_iter().flatten() {
            ensure!(arguments.force, "{why} (--force binds it all the same)");
            warn(&why);
        }
        ensure!(
            device.iommu_group.is_some() || arguments.unsafe_noiommu || iommu::noiommu(root) == Some(true),
            "{address} is in no IOMMU group, so vfio-pci cannot keep it from memory that is not Adit's: {}; or add \
             --unsafe-noiommu, if everything that runs as root or uses this device may be trusted with all memory",
            iommu::advice(root)
        );
        neighbours(root, device, &devices);
    }
    Ok(devices)
}

/// Devices of one group go together: the kernel gives a group to one user, whole.
fn neighbours(root: &Root, device: &Device, devices: &[Device]) {
    for other in pci::neighbours(root, device) {
        let driver = other.driver.as_deref().unwrap_or_default();
        let alone = other.is_bridge() || driver.is_empty() || driver == VFIO_PCI;
        if !alone && !devices.contains(&other) {
            warn(&format!(
                "{} shares its IOMMU group with {}, which is on {driver}: it cannot be opened until that is bound, too",
                device.address, other.address
            ));
        }
    }
}

fn unknown(root: &Root, address: Address) -> String {
    let usable = Device::all(root).into_iter().filter(|device| device.is_network() || device.is_nvme());
    let usable: Vec<String> = usable.map(|device| device.address.to_string()).collect();
    match usable.is_empty() {
        true => format!("there is no PCI device {address}, and no network card or NVMe controller either"),
        false => format!(
            "there is no PCI device {address}; network cards and NVMe controllers are {} (see `adit doctor`)",
            usable.join(", ")
        ),
    }
}

/// Devices that Adit has no driver for: the kernel may need them for what it is.
fn foreign(device: &Device) -> Option<String> {
    let known = device.is_network() || device.is_nvme();
    (!known).then(|| format!("{} is neither a network card nor an NVMe controller", device.address))
}

/// Cards that DPDK drives without taking them from the kernel.
fn kept_by_kernel(device: &Device) -> Option<String> {
    let driver = PollDriver::of(device, None).filter(|driver| driver.beside_kernel)?;
    Some(format!(
        "{} stays with its kernel driver: DPDK's {} drives it beside that, so it needs no binding",
        device.address, driver.name
    ))
}

/// Why a device must not be taken; warns of what only may be a mistake.
fn in_use(root: &Root, device: &Device) -> Option<String> {
    let address = device.address;
    let interfaces = network::interfaces(root).into_iter();
    let interfaces: Vec<Interface> =
        interfaces.filter(|interface| interface.device == Some(address)).collect();
    for Interface { name, .. } in &interfaces {
        if let Some(carrier) = network::carries_default(root, name).first() {
            let over = if carrier == name { String::new() } else { format!(" below {carrier}") };
            return Some(format!(
                "{address} is {name}{over}, which carries the default route: without it this machine could not be \
                 reached any more"
            ));
        }
    }
    for name in disk::of_device(root, address) {
        if let Some(used) = disk::use_of(root, &name) {
            return Some(format!("{address} is a disk in use: {used}"));
        }
    }
    for Interface { name, up, addresses, .. } in &interfaces {
        let above = network::above(root, name);
        if *up && !addresses.is_empty() {
            warn(&format!(
                "{address} is {name}, which is up and has {}: the kernel loses it",
                addresses.join(", ")
            ));
        }
        if !above.is_empty() {
            warn(&format!("{address} is {name}, which is part of {}: that loses it", above.join(", ")));
        }
    }
    None
}

/// The driver that gives devices to programs.
pub(super) const VFIO_PCI: &str = "vfio-pci";
