//! Set-ups of a machine of files, with a kernel that binds drivers.

use clap::Parser;

use super::*;
use crate::machine::fake::Fake;
use crate::machine::pages::Pool;

const NIC: &str = "0000:03:00.0";
const OTHER: &str = "0000:04:00.0";
const STATE: &str = "/run/adit-setup/state.toml";

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: SetupArguments,
}

/// Runs `adit setup` with these flags.
fn setup(root: &Root, flags: &str) -> Result<(), String> {
    let line = Line::try_parse_from(["setup"].into_iter().chain(flags.split_whitespace()));
    let arguments = line.map_err(|error| error.to_string())?.arguments;
    apply(&arguments, root).map_err(|error| format!("{error:#}"))
}

fn refused(root: &Root, flags: &str, told: &str) {
    let error = setup(root, flags).unwrap_err();
    assert!(error.contains(told), "{flags}: {error}");
}

fn driver(root: &Root, address: &str) -> Option<String> {
    crate::machine::pci::driver(root, address.parse().unwrap())
}

fn pages(root: &Root, node: Option<u32>) -> u64 {
    Pool::read(root, PageSize::Small, node).unwrap().total
}

/// A network card on e1000e, another device without driver, vfio-pci, and 5 hugepages.
fn machine() -> Fake {
    let fake = Fake::new();
    fake.user(0).pages(5).driver("vfio-pci").driver("e1000e");
    fake.device(NIC, "0x020000\n", Some("e1000e"), Some(7)).device(OTHER, "0x020000\n", None, Some(8));
    fake
}

#[test]
fn a_device_goes_to_vfio_and_back() {
    let fake = machine();
    let root = fake.with_kernel();
    setup(&root, "--bind 03:00.0 --bind 0000:04:00.0 --bind 0000:03:00.0").unwrap();
    assert_eq!(driver(&root, NIC).as_deref(), Some("vfio-pci"));
    assert_eq!(driver(&root, OTHER).as_deref(), Some("vfio-pci"));
    let state = root.text(STATE).unwrap();
    assert!(state.contains("address = \"0000:03:00.0\"\ndriver = \"e1000e\""), "{state}");
    // Again: nothing changes, and the driver of before is not forgotten.
    setup(&root, "--bind 0000:03:00.0").unwrap();
    assert_eq!(root.text(STATE).unwrap(), state);
    setup(&root, "--reset").unwrap();
    assert_eq!(driver(&root, NIC).as_deref(), Some("e1000e"));
    assert_eq!(driver(&root, OTHER), None);
    assert_eq!(root.text(&format!("/sys/bus/pci/devices/{NIC}/driver_override")).as_deref(), Some(""));
    assert!(!root.exists(STATE));
    setup(&root, "--reset").unwrap();
    assert_eq!(driver(&root, NIC).as_deref(), Some("e1000e"));
}

#[test]
fn hugepages_are_added_and_given_back() {
    let fake = machine();
    let root = fake.with_kernel();
    setup(&root, "--hugepages 20MiB").unwrap();
    assert_eq!(pages(&root, None), 10);
    setup(&root, "--hugepages 16MiB").unwrap();
    assert_eq!(pages(&root, None), 10, "never fewer");
    // Somebody else reserves 4; we then want 20 in all.
    fake.pages(14);
    setup(&root, "--hugepages 40MiB").unwrap();
    assert_eq!(pages(&root, None), 20);
    setup(&root, "--reset").unwrap();
    assert_eq!(pages(&root, None), 9, "5 of before and 4 of somebody else");
    setup(&root, "--reset").unwrap();
    assert_eq!(pages(&root, None), 9);
}

#[test]
fn each_node_has_its_share_of_hugepages() {
    let fake = machine();
    fake.node(0, 1).node(1, 0);
    let root = fake.with_kernel();
    setup(&root, "--hugepages 20MiB").unwrap();
    assert_eq!((pages(&root, Some(0)), pages(&root, Some(1)), pages(&root, None)), (5, 5, 5));
    setup(&root, "--hugepages 16MiB --numa-node 1").unwrap();
    assert_eq!((pages(&root, Some(0)), pages(&root, Some(1))), (5, 8));
    setup(&root, "--reset").unwrap();
    assert_eq!((pages(&root, Some(0)), pages(&root, Some(1))), (1, 0));
}

#[test]
fn all_hugepages_or_none() {
    let fake = machine();
    let root = fake.with_little_memory(8);
    refused(&root, "--hugepages 20MiB", "for 8 of 10 hugepages of 2 MiB");
    assert_eq!(pages(&root, None), 5);
    assert!(!root.exists(STATE));
}

#[test]
fn a_dry_run_touches_nothing() {
    let fake = machine();
    fake.user(1000);
    let root = fake.with_kernel();
    setup(&root, "--bind 0000:03:00.0 --hugepages 1GiB --dry-run").unwrap();
    assert_eq!((driver(&root, NIC).as_deref(), pages(&root, None)), (Some("e1000e"), 5));
    assert!(!root.exists("/run"));
    refused(&root, "--bind 0000:03:00.0", "only root may");
}

#[test]
fn the_card_of_the_default_route_is_refused() {
    let fake = machine();
    fake.interface("eth0", NIC, true).over("bond0", &["eth0"]).default_route("bond0");
    let root = fake.with_kernel();
    refused(
        &root,
        "--bind 0000:04:00.0 --bind 0000:03:00.0",
        "0000:03:00.0 is eth0 below bond0, which carries",
    );
    assert_eq!(driver(&root, OTHER), None, "one that is refused refuses all");
    setup(&root, "--bind 0000:03:00.0 --force").unwrap();
    assert_eq!(driver(&root, NIC).as_deref(), Some("vfio-pci"));
}

#[test]
fn what_must_stay_with_the_kernel_is_refused() {
    let fake = machine();
    fake.device("0000:00:01.0", "0x060400\n", Some("pcieport"), Some(7));
    fake.device("0000:05:00.0", "0x010802\n", Some("nvme"), Some(9));
    fake.link("/sys/class/block/nvme0n1", "../../devices/pci0000:00/0000:05:00.0/nvme/nvme0/nvme0n1");
    fake.file("/sys/devices/pci0000:00/0000:05:00.0/nvme/nvme0/nvme0n1/dev", "259:0\n");
    fake.file("/proc/self/mountinfo", "22 1 259:0 / / rw shared:1 - ext4 /dev/root rw\n");
    fake.device("0000:06:00.0", "0x020000\n", Some("mlx5_core"), Some(10));
    fake.device("0000:07:00.0", "0x0c0330\n", Some("xhci_hcd"), Some(11));
    let root = fake.with_kernel();
    refused(&root, "--bind 0000:00:01.0 --force", "bridge");
    refused(&root, "--bind 0000:07:00.0", "neither a network card nor an NVMe controller");
    refused(&root, "--bind 0000:05:00.0", "nvme0n1 is mounted on /");
    refused(&root, "--bind 0000:06:00.0", "beside");
    refused(
        &root,
        "--bind 0000:09:00.0",
        "no PCI device 0000:09:00.0; network cards and NVMe controllers are 0000:03:00.0, 0000:04:00.0, 0000:05:00.0",
    );
    assert!(!root.exists(STATE));
}

#[test]
fn without_an_iommu_it_must_be_said() {
    let fake = Fake::new();
    fake.user(0).driver("vfio-pci").device(NIC, "0x020000\n", Some("e1000e"), None);
    fake.file("/proc/cpuinfo", "vendor_id\t: AuthenticAMD\n");
    let root = fake.with_kernel();
    refused(&root, "--bind 03:00.0", "put iommu=pt on the kernel's command line");
    // This kernel has no such mode: vfio can be loaded and has no parameter.
    fake.program("/sbin/modprobe", "exit 0");
    refused(&root, "--bind 03:00.0 --unsafe-noiommu", "CONFIG_VFIO_NOIOMMU");
    fake.file("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n");
    setup(&root, "--bind 03:00.0 --unsafe-noiommu").unwrap();
    assert_eq!(driver(&root, NIC).as_deref(), Some("vfio-pci"));
    assert_eq!(crate::machine::iommu::noiommu(&root), Some(true));
    setup(&root, "--reset").unwrap();
    assert_eq!(crate::machine::iommu::noiommu(&root), Some(false));
    assert_eq!(driver(&root, NIC).as_deref(), Some("e1000e"));
}

#[test]
fn vfio_is_loaded_where_it_is_not() {
    let fake = Fake::new();
    fake.user(0).device(NIC, "0x020000\n", Some("e1000e"), Some(7));
    let root = fake.with_kernel();
    refused(&root, "--bind 03:00.0", "no modprobe");
    fake.program("/sbin/modprobe", "exit 0").pages(5);
    refused(&root, "--bind 03:00.0 --hugepages 20MiB", "CONFIG_VFIO_PCI");
    assert_eq!(pages(&root, None), 5);
    let drivers = fake.path("/sys/bus/pci/drivers");
    fake.program("/sbin/modprobe", &format!("mkdir -p {0}/$1; touch {0}/$1/unbind", drivers.display()));
    setup(&root, "--bind 03:00.0").unwrap();
    assert_eq!(driver(&root, NIC).as_deref(), Some("vfio-pci"));
}

#[test]
fn a_device_that_vfio_does_not_take_has_its_driver_back() {
    let fake = machine();
    // Without the kernel of the test the files change and the devices do not.
    let root = fake.root();
    refused(&root, "--bind 04:00.0", "vfio-pci did not take 0000:04:00.0");
    assert!(!root.exists(STATE));
    assert_eq!(root.text(&format!("/sys/bus/pci/devices/{OTHER}/driver_override")).as_deref(), Some(""));
}

#[test]
fn a_reset_undoes_what_it_can_and_keeps_the_rest() {
    let fake = machine();
    let root = fake.with_kernel();
    setup(&root, "--bind 03:00.0 --hugepages 20MiB").unwrap();
    // The driver has gone.
    std::fs::remove_dir_all(fake.path("/sys/bus/pci/drivers/e1000e")).unwrap();
    refused(&root, "--reset", "load it with `modprobe e1000e`");
    assert_eq!(pages(&root, None), 5);
    fake.driver("e1000e");
    setup(&root, "--reset").unwrap();
    assert_eq!(driver(&root, NIC).as_deref(), Some("e1000e"));
    // A device that is gone needs nothing.
    setup(&root, "--bind 03:00.0").unwrap();
    std::fs::remove_dir_all(fake.path(&format!("/sys/bus/pci/devices/{NIC}"))).unwrap();
    setup(&root, "--reset").unwrap();
    assert!(!root.exists(STATE));
}

#[test]
fn a_device_that_a_program_has_open_is_not_taken_from_it() {
    let fake = machine();
    let root = fake.with_kernel();
    setup(&root, "--bind 03:00.0 --bind 04:00.0 --hugepages 20MiB").unwrap();
    fake.link("/proc/77/fd/5", "/dev/vfio/7").file("/proc/77/comm", "adit\n");
    refused(&root, "--reset", "0000:03:00.0 is in use by process 77 (adit)");
    assert_eq!((driver(&root, NIC).as_deref(), driver(&root, OTHER)), (Some("vfio-pci"), None));
    fake.remove("/proc/77/fd/5");
    setup(&root, "--reset").unwrap();
    assert_eq!(driver(&root, NIC).as_deref(), Some("e1000e"));
}

#[test]
fn a_device_that_moved_on_is_left_alone() {
    let fake = machine();
    let root = fake.with_kernel();
    setup(&root, "--bind 03:00.0").unwrap();
    let link = format!("/sys/bus/pci/devices/{NIC}/driver");
    fake.remove(&link).link(&link, "../../../bus/pci/drivers/igb_uio");
    setup(&root, "--reset").unwrap();
    assert_eq!(driver(&root, NIC).as_deref(), Some("igb_uio"));
    assert_eq!(root.text(&format!("/sys/bus/pci/devices/{NIC}/driver_override")).as_deref(), Some(""));
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    let fake = machine();
    let root = fake.with_kernel();
    refused(&root, "", "required");
    refused(&root, "--reset --bind 03:00.0", "cannot be used with");
    refused(&root, "--bind eth0", "is not a PCI address");
    refused(&root, "--bind 03:00.0 --page-size 1GiB", "required");
    refused(&root, "--hugepages 1GiB --unsafe-noiommu", "required");
    refused(&root, "--hugepages 1GiB --force", "required");
    refused(&root, "--hugepages many", "is not a size");
    refused(&root, "--hugepages 1GiB --page-size 4k", "possible values: 2MiB, 1GiB");
}
