//! `adit setup`: reserves hugepages and gives PCI devices to vfio-pci, and undoes both.

mod bind;
mod guard;
mod hand;
mod reserve;
mod state;

use std::path::PathBuf;

use anyhow::{bail, ensure};

use crate::machine::pages::PageSize;
use crate::machine::pci::Address;
use crate::machine::root::Root;
use crate::size::Size;
use hand::Hand;
use state::State;
pub(crate) use state::former_driver;

/// Flags of `adit setup`.
#[derive(clap::Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true), after_help = HELP)]
pub(crate) struct SetupArguments {
    /// See that so much memory is reserved as hugepages, in all; spread evenly over the NUMA nodes
    #[arg(long, value_name = "SIZE", group = "what")]
    hugepages: Option<Size>,
    /// The size of these hugepages
    #[arg(long, value_name = "SIZE", default_value = "2MiB", requires = "hugepages")]
    page_size: PageSize,
    /// Reserve all of them on this NUMA node, best that of the network card
    #[arg(long, value_name = "N", requires = "hugepages")]
    numa_node: Option<u32>,
    /// Give the device at this PCI address to vfio-pci, so that Adit can drive it; can be given again
    #[arg(long, value_name = "ADDRESS", group = "what")]
    bind: Vec<Address>,
    /// Where there is no IOMMU: let the device reach all memory of the machine, whatever it is told to do
    #[arg(long, requires = "bind")]
    unsafe_noiommu: bool,
    /// Bind a device although it is in use
    #[arg(long, requires = "bind")]
    force: bool,
    /// Undo: give devices back to the drivers they had, and hugepages back to the kernel
    #[arg(long, group = "what", conflicts_with_all = ["hugepages", "bind"])]
    reset: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Take the files of the machine from here, for tests
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

/// Prepares the machine, or undoes that.
pub(crate) fn run(arguments: &SetupArguments) -> anyhow::Result<()> {
    apply(arguments, &Root::new(&arguments.root))
}

fn apply(arguments: &SetupArguments, root: &Root) -> anyhow::Result<()> {
    let hand = Hand::new(root, arguments.dry_run);
    ensure!(
        arguments.dry_run || root.user().is_none_or(|user| user == 0),
        "setup changes settings of the kernel below /sys, which only root may: run it again as root, or add \
         --dry-run to see what it would do"
    );
    let _lock = if arguments.dry_run { None } else { Some(state::lock(root)?) };
    let mut state = State::read(root)?;
    if arguments.reset {
        return reset(&hand, state);
    }
    // All that can be refused is refused before anything is done.
    let shares = match arguments.hugepages {
        Some(size) => reserve::shares(root, size, arguments.page_size, arguments.numa_node)?,
        None => Vec::new(),
    };
    let devices = guard::devices(&hand, arguments)?;
    if !devices.is_empty() {
        bind::load_vfio(&hand, &mut state, &devices, arguments.unsafe_noiommu)?;
    }
    for share in &shares {
        reserve::reserve(&hand, &mut state, share)?;
    }
    for device in &devices {
        bind::bind(&hand, &mut state, device)?;
    }
    Ok(())
}

/// Undoes as much as can be undone; the rest stays in the state file, for the next time.
fn reset(hand: &Hand<'_>, mut state: State) -> anyhow::Result<()> {
    if state.is_empty() {
        hand.say("nothing to undo: `adit setup` has changed nothing since the machine started");
        return Ok(());
    }
    let mut failed = Vec::new();
    for device in state.devices.clone() {
        match bind::release(hand, &device) {
            Ok(()) => state.forget_device(hand, device.address)?,
            Err(error) => failed.push(format!("{error:#}")),
        }
    }
    for reserved in state.hugepages.clone() {
        match reserve::release(hand, &reserved) {
            Ok(()) => state.forget_hugepages(hand, &reserved)?,
            Err(error) => failed.push(format!("{error:#}")),
        }
    }
    if failed.is_empty() && state.noiommu_enabled {
        bind::disable_noiommu(hand)?;
        state.noiommu_enabled = false;
        state.save(hand)?;
    }
    match failed.len() {
        0 => Ok(()),
        1 => bail!("{}", failed[0]),
        count => bail!("{count} things could not be undone:\n  {}", failed.join("\n  ")),
    }
}

const HELP: &str = "\
Examples:
  adit setup --hugepages 4GiB                reserve 2,048 hugepages of 2 MiB
  adit setup --bind 0000:03:00.0 --dry-run   say how a card would be taken from the kernel
  adit setup --reset                         undo all of it

`adit doctor` lists the devices and what each of these would gain; hugepages.md tells the rest.
What was changed stands in /run/adit-setup/state.toml until it is undone. A restart of the machine undoes it, too.";

#[cfg(test)]
mod tests;
