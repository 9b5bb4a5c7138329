//! The unit between devices and memory, and what vfio does where there is none.

use super::root::Root;

/// The number of IOMMU groups; 0 is no IOMMU, or one that is switched off.
pub(crate) fn group_count(root: &Root) -> usize {
    root.names("/sys/kernel/iommu_groups").len()
}

/// Whether vfio works without an IOMMU now; none if this kernel cannot, or vfio is not loaded.
pub(crate) fn noiommu(root: &Root) -> Option<bool> {
    root.text(NOIOMMU).map(|text| text == "Y" || text == "1")
}

/// How to get an IOMMU, in words.
pub(crate) fn advice(root: &Root) -> String {
    let processor = root.text("/proc/cpuinfo").unwrap_or_default();
    let (firmware, line) = if processor.contains("GenuineIntel") {
        ("VT-d", "intel_iommu=on iommu=pt")
    } else if processor.contains("AuthenticAMD") {
        ("AMD-Vi (IOMMU)", "iommu=pt")
    } else {
        ("the SMMU", "iommu.passthrough=1")
    };
    let guest = if processor.contains(" hypervisor") {
        " of the host, have it give this guest a virtual one,"
    } else {
        ""
    };
    format!("switch {firmware} on in the firmware{guest} and put {line} on the kernel's command line")
}

/// The parameter of vfio: Y or N.
pub(crate) const NOIOMMU: &str = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake::Fake;

    #[test]
    fn the_advice_is_for_the_processor() {
        let fake = Fake::new();
        assert!(advice(&fake.root()).contains("iommu.passthrough=1"));
        fake.file("/proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu hypervisor lahf_lm\n");
        let advice = advice(&fake.root());
        assert!(advice.contains("intel_iommu=on iommu=pt") && advice.contains("of the host"), "{advice}");
    }

    #[test]
    fn noiommu_is_on_off_or_not_there() {
        let fake = Fake::new();
        assert_eq!(noiommu(&fake.root()), None);
        fake.file(NOIOMMU, "N\n");
        assert_eq!(noiommu(&fake.root()), Some(false));
        fake.file(NOIOMMU, "Y\n");
        assert_eq!(noiommu(&fake.root()), Some(true));
    }
}
