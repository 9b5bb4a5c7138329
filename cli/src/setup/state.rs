//! What a set-up has changed, in a file that lives as long as the changes do: until the machine restarts.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use super::hand::Hand;
use crate::machine::pages::PageSize;
use crate::machine::pci::Address;
use crate::machine::root::Root;

/// The file. A later version of Adit reads this one, or says that it does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct State {
    version: u32,
    /// The unsafe mode of vfio was off before.
    #[serde(default)]
    pub(super) noiommu_enabled: bool,
    #[serde(default)]
    pub(super) hugepages: Vec<Reserved>,
    #[serde(default)]
    pub(super) devices: Vec<Taken>,
}

/// Hugepages that were added to those of one node, or of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Reserved {
    pub(super) page_size: PageSize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) numa_node: Option<u32>,
    /// Pages that were there before the first time.
    pub(super) before: u64,
    /// Pages that were added since.
    pub(super) added: u64,
}

/// A device that was given to vfio-pci.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Taken {
    pub(super) address: Address,
    /// The driver that it had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) driver: Option<String>,
}

impl Default for State {
    fn default() -> Self {
        Self { version: VERSION, noiommu_enabled: false, hugepages: Vec::new(), devices: Vec::new() }
    }
}

impl State {
    pub(super) fn read(root: &Root) -> anyhow::Result<Self> {
        let path = root.path(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {FILE}")),
        };
        let version: Version = toml::from_str(&text).with_context(|| unreadable("is damaged"))?;
        ensure!(
            version.version == VERSION,
            "{FILE} has version {}, and this adit knows {VERSION}: undo with the adit that wrote it",
            version.version
        );
        let state: Self = toml::from_str(&text).with_context(|| unreadable("is damaged"))?;
        let drivers = state.devices.iter().filter_map(|device| device.driver.as_deref());
        for driver in drivers {
            ensure!(!driver.contains('/') && !driver.starts_with('.'), unreadable("names no driver"));
        }
        Ok(state)
    }

    /// Writes the file in one step, or removes it if nothing is left to undo.
    pub(super) fn save(&self, hand: &Hand<'_>) -> anyhow::Result<()> {
        if hand.dry_run {
            return Ok(());
        }
        let path = hand.root.path(FILE);
        let result = if self.is_empty() {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        } else {
            let text = toml::to_string(self).context("cannot write the state as TOML")?;
            let new = path.with_extension("new");
            std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &path))
        };
        result.with_context(|| format!("cannot write {FILE}, without which nothing can be undone"))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hugepages.is_empty() && self.devices.is_empty() && !self.noiommu_enabled
    }

    /// Takes down that pages are added to `before`.
    pub(super) fn add_hugepages(
        &mut self,
        hand: &Hand<'_>,
        page_size: PageSize,
        numa_node: Option<u32>,
        before: u64,
        added: u64,
    ) -> anyhow::Result<()> {
        let same =
            |reserved: &&mut Reserved| (reserved.page_size, reserved.numa_node) == (page_size, numa_node);
        match self.hugepages.iter_mut().find(same) {
            Some(reserved) => reserved.added += added,
            None => self.hugepages.push(Reserved { page_size, numa_node, before, added }),
        }
        self.save(hand)
    }

    /// Corrects what was taken down: the kernel had fewer pages than were asked for.
    pub(super) fn missed_hugepages(
        &mut self,
        hand: &Hand<'_>,
        page_size: PageSize,
        numa_node: Option<u32>,
        missed: u64,
    ) -> anyhow::Result<()> {
        for reserved in &mut self.hugepages {
            if (reserved.page_size, reserved.numa_node) == (page_size, numa_node) {
                reserved.added = reserved.added.saturating_sub(missed);
            }
        }
        self.hugepages.retain(|reserved| reserved.added > 0);
        self.save(hand)
    }

    pub(super) fn forget_hugepages(&mut self, hand: &Hand<'_>, reserved: &Reserved) -> anyhow::Result<()> {
        self.hugepages.retain(|other| other != reserved);
        self.save(hand)
    }

    /// Takes down which driver a device had, unless that was done before.
    pub(super) fn take_device(&mut self, hand: &Hand<'_>, taken: Taken) -> anyhow::Result<()> {
        self.devices.retain(|device| device.address != taken.address);
        self.devices.push(taken);
        self.save(hand)
    }

    pub(super) fn forget_device(&mut self, hand: &Hand<'_>, address: Address) -> anyhow::Result<()> {
        self.devices.retain(|device| device.address != address);
        self.save(hand)
    }
}

/// The driver that a device had before a set-up took it, for `adit doctor`.
pub(crate) fn former_driver(root: &Root, address: Address) -> Option<String> {
    State::read(root).ok()?.devices.into_iter().find(|device| device.address == address)?.driver
}

/// Keeps other set-ups out until it is dropped.
pub(super) fn lock(root: &Root) -> anyhow::Result<File> {
    let folder = root.path(FOLDER);
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o755).create(&folder);
    let file = made.and_then(|()| File::create(folder.join("lock")));
    let file = file.with_context(|| format!("cannot write to {FOLDER}, where changes are taken down"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => bail!("another `adit setup` is at work: wait for its end"),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {FOLDER}/lock"))
        }
    }
}

fn unreadable(what: &str) -> String {
    format!(
        "{FILE} {what}; if it cannot be mended, remove it, and undo by hand or by a restart of the machine"
    )
}

/// What every version of the file has.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

const VERSION: u32 = 1;
/// Root's own: the service's /run/adit belongs to its user.
const FOLDER: &str = "/run/adit-setup";
const FILE: &str = "/run/adit-setup/state.toml";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake::Fake;

    fn read(text: &str) -> Result<State, String> {
        let fake = Fake::new();
        fake.file(FILE, text);
        State::read(&fake.root()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn the_file_is_as_it_always_was() {
        let text = "version = 1\nnoiommu-enabled = true\n\n[[hugepages]]\npage-size = \"2MiB\"\nnuma-node = 1\n\
                    before = 3\nadded = 4\n\n[[devices]]\naddress = \"0000:03:00.0\"\ndriver = \"ixgbe\"\n\n\
                    [[devices]]\naddress = \"0000:03:00.1\"\n";
        let state = read(text).unwrap();
        let address = |text: &str| text.parse().unwrap();
        let expected = State {
            noiommu_enabled: true,
            hugepages: vec![Reserved { page_size: PageSize::Small, numa_node: Some(1), before: 3, added: 4 }],
            devices: vec![
                Taken { address: address("03:00.0"), driver: Some("ixgbe".into()) },
                Taken { address: address("03:00.1"), driver: None },
            ],
            ..State::default()
        };
        assert_eq!(state, expected);
        assert_eq!(toml::to_string(&state).unwrap(), text);
    }

    #[test]
    fn what_cannot_be_understood_is_not_undone() {
        for (text, told) in [
            ("version = 2\nnew = 1", "has version 2, and this adit knows 1"),
            ("version = 1\nnew = 1", "is damaged"),
            ("", "is damaged"),
            (
                "version = 1\n[[devices]]\naddress = \"0000:03:00.0\"\ndriver = \"../../../tmp\"",
                "names no driver",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
        assert!(State::read(&Fake::new().root()).unwrap().is_empty());
    }

    #[test]
    fn pages_add_up_and_an_empty_state_has_no_file() {
        let (fake, small) = (Fake::new(), PageSize::Small);
        let root = fake.root();
        drop(lock(&root).unwrap());
        let hand = Hand::new(&root, false);
        let mut state = State::default();
        state.add_hugepages(&hand, small, None, 5, 10).unwrap();
        state.add_hugepages(&hand, small, None, 99, 1).unwrap();
        state.missed_hugepages(&hand, small, None, 4).unwrap();
        assert_eq!(State::read(&root).unwrap(), state);
        assert_eq!((state.hugepages[0].before, state.hugepages[0].added), (5, 7));
        state.missed_hugepages(&hand, small, None, 7).unwrap();
        assert!(state.is_empty() && !root.exists(FILE));
    }

    #[test]
    fn one_set_up_at_a_time() {
        let fake = Fake::new();
        let held = lock(&fake.root()).unwrap();
        assert!(lock(&fake.root()).unwrap_err().to_string().contains("another"));
        drop(held);
        assert!(lock(&fake.root()).is_ok());
    }
}
