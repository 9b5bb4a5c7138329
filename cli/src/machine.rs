//! What Linux tells of the machine in /proc and /sys, as `adit setup` and `adit doctor` read it.

pub(crate) mod disk;
pub(crate) mod iommu;
pub(crate) mod network;
pub(crate) mod pages;
pub(crate) mod pci;
pub(crate) mod poll;
pub(crate) mod root;

#[cfg(test)]
pub(crate) mod fake;
