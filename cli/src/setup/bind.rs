//! Devices: how they go from their driver to vfio-pci, and back.

use anyhow::{Context, bail, ensure};

use super::guard::VFIO_PCI;
use super::hand::{Hand, warn};
use super::state::{State, Taken};
use crate::machine::iommu::{self, NOIOMMU};
use crate::machine::pci::{self, Address, Device};
use crate::machine::root::Root;

/// Sees that vfio-pci is there, and that it works without an IOMMU where that was asked for and is needed.
pub(super) fn load_vfio(
    hand: &Hand<'_>,
    state: &mut State,
    devices: &[Device],
    unsafe_noiommu: bool,
) -> anyhow::Result<()> {
    let without = devices.iter().any(|device| device.iommu_group.is_none());
    if without && unsafe_noiommu && iommu::noiommu(hand.root) != Some(true) {
        enable_noiommu(hand, state)?;
    }
    if hand.root.exists(&driver_file(VFIO_PCI, "")) {
        return Ok(());
    }
    hand.say("loading vfio-pci");
    hand.modprobe(VFIO_PCI)?;
    let loaded = hand.dry_run || hand.root.exists(&driver_file(VFIO_PCI, ""));
    ensure!(
        loaded,
        "the kernel has no driver vfio-pci, although it was loaded: it may be built without CONFIG_VFIO_PCI"
    );
    Ok(())
}

fn enable_noiommu(hand: &Hand<'_>, state: &mut State) -> anyhow::Result<()> {
    hand.say(
        "letting vfio work without an IOMMU: a device that is bound can reach all memory of the machine",
    );
    if !hand.root.exists(NOIOMMU) {
        hand.modprobe("vfio")?;
        ensure!(
            hand.dry_run || hand.root.exists(NOIOMMU),
            "this kernel cannot use vfio without an IOMMU: it is built without CONFIG_VFIO_NOIOMMU; {}",
            iommu::advice(hand.root)
        );
    }
    state.noiommu_enabled = true;
    state.save(hand)?;
    hand.write(NOIOMMU, "Y")
}

/// Switches the unsafe mode off again.
pub(super) fn disable_noiommu(hand: &Hand<'_>) -> anyhow::Result<()> {
    if iommu::noiommu(hand.root) == Some(true) {
        hand.say("vfio needs an IOMMU again");
        hand.write(NOIOMMU, "N")?;
    }
    Ok(())
}

/// Gives a device to vfio-pci. If that does not take it, its driver has it back.
pub(super) fn bind(hand: &Hand<'_>, state: &mut State, device: &Device) -> anyhow::Result<()> {
    let Device { address, driver, .. } = device;
    let from =
        driver.as_ref().map_or_else(|| ", it had no driver".to_owned(), |driver| format!(" from {driver}"));
    hand.say(&format!("binding {address} to vfio-pci{from}"));
    let taken = Taken { address: *address, driver: driver.clone() };
    state.take_device(hand, taken.clone())?;
    let bound = hand.write(&pci::file(*address, "driver_override"), VFIO_PCI).and_then(|()| {
        attach(hand, *address, driver.as_deref())?;
        check(hand, *address)
    });
    if let Err(error) = bound {
        release(hand, &taken).with_context(|| format!("{error:#}; and it could not be given back"))?;
        state.forget_device(hand, *address)?;
        return Err(error);
    }
    Ok(())
}

/// Takes a device from its driver and lets the kernel choose again.
fn attach(hand: &Hand<'_>, address: Address, driver: Option<&str>) -> anyhow::Result<()> {
    if let Some(driver) = driver {
        hand.write(&driver_file(driver, "/unbind"), &address.to_string())?;
    }
    hand.write(PROBE, &address.to_string())
}

fn check(hand: &Hand<'_>, address: Address) -> anyhow::Result<()> {
    if hand.dry_run {
        return Ok(());
    }
    let now = pci::driver(hand.root, address);
    if now.as_deref() != Some(VFIO_PCI) {
        bail!(
            "vfio-pci did not take {address}, it has its old driver again; the kernel may say why (see dmesg)"
        );
    }
    let device = Device::find(hand.root, address);
    if let Some(group) = device.and_then(|device| device.iommu_group) {
        let noiommu = if hand.root.exists(&format!("/dev/vfio/noiommu-{group}")) { "noiommu-" } else { "" };
        hand.say(&format!(
            "  programs open it as /dev/vfio/{noiommu}{group}; a user other than root needs access to that"
        ));
    }
    Ok(())
}

/// Gives a device back to the driver it had.
pub(super) fn release(hand: &Hand<'_>, taken: &Taken) -> anyhow::Result<()> {
    let Taken { address, driver } = taken;
    let Some(device) = Device::find(hand.root, *address) else {
        hand.say(&format!("{address} is not there any more"));
        return Ok(());
    };
    if let Some(holder) = holder(hand.root, &device) {
        // The kernel would wait for its end, and adit with it.
        bail!("{address} is in use by process {holder}: end that, then --reset again");
    }
    let now = device.driver;
    let over = pci::file(*address, "driver_override");
    if let Some(other) = now.as_deref().filter(|now| *now != VFIO_PCI) {
        hand.say(&format!("{address} is on {other} already"));
        return if hand.root.text(&over).as_deref() == Some(VFIO_PCI) {
            hand.write(&over, "")
        } else {
            Ok(())
        };
    }
    let Some(driver) = driver else {
        hand.say(&format!("taking {address} from vfio-pci; it had no driver before"));
        hand.write(&over, "")?;
        return match now {
            Some(_) => hand.write(&driver_file(VFIO_PCI, "/unbind"), &address.to_string()),
            None => Ok(()),
        };
    };
    hand.say(&format!("giving {address} back to {driver}"));
    hand.write(&over, "")?;
    attach(hand, *address, now.as_deref())?;
    if hand.dry_run {
        return Ok(());
    }
    if pci::driver(hand.root, *address).is_none() && hand.root.exists(&driver_file(driver, "/bind")) {
        hand.write(&driver_file(driver, "/bind"), &address.to_string())?;
    }
    match pci::driver(hand.root, *address) {
        Some(now) if now == *driver => Ok(()),
        Some(now) => {
            warn(&format!("the kernel gave {address} to {now}, not to {driver}"));
            Ok(())
        }
        None => bail!(
            "{address} has no driver: {driver} did not take it; load it with `modprobe {driver}`, then --reset again"
        ),
    }
}

/// Who has a device open through vfio.
fn holder(root: &Root, device: &Device) -> Option<String> {
    let group = device.iommu_group.filter(|_| device.driver.as_deref() == Some(VFIO_PCI))?;
    let files = [format!("/dev/vfio/{group}"), format!("/dev/vfio/noiommu-{group}")];
    files.iter().find_map(|file| root.holders(file).into_iter().next())
}

fn driver_file(driver: &str, name: &str) -> String {
    format!("/sys/bus/pci/drivers/{driver}{name}")
}

const PROBE: &str = "/sys/bus/pci/drivers_probe";
