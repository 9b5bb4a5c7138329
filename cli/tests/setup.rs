//! `adit setup` and `adit doctor` as programs, on machines of files. What the kernel does when it is told to bind a
//! driver is in the unit tests.

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use support::{Folder, adit, text};

const STATE: &str = "run/adit-setup/state.toml";
const PAGES: &str = "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
const OVERRIDE: &str = "sys/bus/pci/devices/0000:03:00.0/driver_override";

/// A machine: a card on e1000e that carries the default route, a free one, vfio-pci, an IOMMU, 5 hugepages.
fn machine() -> Folder {
    let folder = Folder::new();
    let root = folder.path("");
    let route = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
                 eth0 00000000 0100000A 0003 0 0 0 00000000 0 0 0\n";
    let files = [
        ("proc/self/status", "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n"),
        ("proc/meminfo", "MemTotal:  4194304 kB\nMemAvailable:  2097152 kB\n"),
        ("proc/net/route", route),
        ("proc/sys/kernel/osrelease", "6.1.0-test\n"),
        (PAGES, "5\n"),
        ("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "5\n"),
        ("sys/kernel/mm/hugepages/hugepages-2048kB/surplus_hugepages", "0\n"),
        ("sys/bus/pci/drivers_probe", ""),
        ("sys/bus/pci/drivers/vfio-pci/unbind", ""),
        ("sys/bus/pci/drivers/e1000e/unbind", ""),
        ("sys/devices/pci0000:00/0000:02:00.0/net/eth0/flags", "0x1003\n"),
    ];
    files.iter().for_each(|(path, text)| put(&root, path, text));
    for address in ["0000:02:00.0", "0000:03:00.0"] {
        let device = format!("sys/bus/pci/devices/{address}");
        for (name, text) in [
            ("vendor", "0x8086\n"),
            ("device", "0x10d3\n"),
            ("class", "0x020000\n"),
            ("driver_override", "(null)\n"),
        ] {
            put(&root, &format!("{device}/{name}"), text);
        }
        link(&root, &format!("{device}/driver"), "../../drivers/e1000e");
        link(&root, &format!("{device}/iommu_group"), "../../../../kernel/iommu_groups/7");
    }
    link(&root, "sys/class/net/eth0", "../../devices/pci0000:00/0000:02:00.0/net/eth0");
    folder
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders can be made");
    std::fs::write(path, text).expect("files can be written");
}

fn link(root: &Path, path: &str, target: &str) {
    std::fs::create_dir_all(root.join(path).parent().expect("a folder")).expect("folders can be made");
    symlink(target, root.join(path)).expect("links can be made");
}

fn read(folder: &Folder, path: &str) -> String {
    std::fs::read_to_string(folder.path(path)).unwrap_or_default().trim().to_owned()
}

/// Runs `adit COMMAND --root FOLDER FLAGS`; gives the exit code, stdout and stderr.
fn run(folder: &Folder, command: &str, flags: &str) -> (Option<i32>, String, String) {
    let mut program = adit();
    program.arg(command).arg("--root").arg(folder.path("")).args(flags.split_whitespace());
    let output = program.output().expect("adit runs");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Every file and link below a folder, with what is in it.
fn everything(folder: &Folder) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![folder.path("")]);
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).expect("a folder").flatten() {
            let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
            if kind.is_dir() {
                open.push(path);
            } else {
                let content =
                    if kind.is_symlink() { Vec::new() } else { std::fs::read(&path).expect("a file") };
                found.insert(path, content);
            }
        }
    }
    found
}

#[test]
fn hugepages_are_reserved_once_and_given_back_once() {
    let folder = machine();
    let (code, out, err) = run(&folder, "setup", "--hugepages 20MiB");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains(&format!("  echo 10 > /{PAGES}\n")), "{out}");
    assert_eq!(read(&folder, PAGES), "10");
    assert!(read(&folder, STATE).contains("before = 5\nadded = 5"), "{}", read(&folder, STATE));
    let (code, out, _) = run(&folder, "setup", "--hugepages 20MiB");
    assert_eq!((code, out.contains("10 hugepages of 2 MiB reserved already")), (Some(0), true), "{out}");
    assert_eq!(run(&folder, "setup", "--reset").0, Some(0));
    assert_eq!((read(&folder, PAGES).as_str(), folder.path(STATE).exists()), ("5", false));
    let (code, out, _) = run(&folder, "setup", "--reset");
    assert_eq!((code, out.contains("nothing to undo")), (Some(0), true), "{out}");
    assert_eq!(read(&folder, PAGES), "5");
}

#[test]
fn a_dry_run_tells_all_steps_and_takes_none() {
    let folder = machine();
    put(&folder.path(""), "proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n");
    let before = everything(&folder);
    let (code, out, err) = run(&folder, "setup", "--dry-run --hugepages 20MiB --bind 03:00.0");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for step in [
        "echo 10 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
        "echo vfio-pci > /sys/bus/pci/devices/0000:03:00.0/driver_override",
        "echo 0000:03:00.0 > /sys/bus/pci/drivers/e1000e/unbind",
        "echo 0000:03:00.0 > /sys/bus/pci/drivers_probe",
    ] {
        assert!(out.contains(&format!("  would: {step}\n")), "{step}: {out}");
    }
    assert_eq!(everything(&folder), before);
}

#[test]
fn a_dry_reset_keeps_what_is_to_be_undone() {
    let folder = machine();
    assert_eq!(run(&folder, "setup", "--hugepages 20MiB").0, Some(0));
    let before = everything(&folder);
    let (code, out, _) = run(&folder, "setup", "--reset --dry-run");
    assert_eq!((code, out.contains(&format!("  would: echo 5 > /{PAGES}"))), (Some(0), true), "{out}");
    assert_eq!(everything(&folder), before);
}

#[test]
fn the_card_of_the_default_route_needs_force() {
    let folder = machine();
    let (code, out, err) = run(&folder, "setup", "--bind 0000:02:00.0 --hugepages 20MiB");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.starts_with("adit: 0000:02:00.0 is eth0, which carries the default route"), "{err}");
    assert_eq!(read(&folder, PAGES), "5", "nothing is done if something is refused");
    let (code, out, err) = run(&folder, "setup", "--bind 0000:02:00.0 --force --dry-run");
    assert_eq!((code, out.contains("binding 0000:02:00.0")), (Some(0), true), "{out}");
    assert!(err.starts_with("adit: warning: 0000:02:00.0 is eth0"), "{err}");
}

#[test]
fn a_device_that_no_kernel_binds_is_told_and_given_back() {
    let folder = machine();
    let (code, _, err) = run(&folder, "setup", "--bind 0000:03:00.0");
    assert_eq!(code, Some(1));
    assert!(err.starts_with("adit: vfio-pci did not take 0000:03:00.0"), "{err}");
    assert_eq!((read(&folder, OVERRIDE).as_str(), folder.path(STATE).exists()), ("", false));
}

#[test]
fn ordinary_users_are_told_what_is_needed() {
    let folder = machine();
    put(&folder.path(""), "proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n");
    for flags in ["--hugepages 20MiB", "--bind 0000:03:00.0", "--reset"] {
        let (code, _, err) = run(&folder, "setup", flags);
        assert_eq!(code, Some(1), "{flags}");
        assert!(err.contains("only root may") && err.contains("--dry-run"), "{err}");
    }
    assert_eq!(run(&folder, "doctor", "").0, Some(0));
}

#[test]
fn wrong_flags_are_errors_of_usage() {
    let folder = machine();
    for flags in [
        "",
        "--bind eth0",
        "--reset --hugepages 1GiB",
        "--hugepages 1GiB --page-size 3MiB",
        "--unsafe-noiommu",
    ] {
        assert_eq!(run(&folder, "setup", flags).0, Some(2), "{flags}");
    }
    let (code, _, err) = run(&folder, "setup", "--bind 0000:09:00.0");
    assert_eq!(code, Some(1));
    assert!(err.contains("network cards and NVMe controllers are 0000:02:00.0, 0000:03:00.0"), "{err}");
}

#[test]
fn a_damaged_state_stops_everything() {
    let folder = machine();
    put(&folder.path(""), STATE, "version = 9\n");
    let before = read(&folder, PAGES);
    for flags in ["--reset", "--hugepages 20MiB"] {
        let (code, _, err) = run(&folder, "setup", flags);
        assert_eq!((code, err.contains("has version 9")), (Some(1), true), "{err}");
    }
    assert_eq!(read(&folder, PAGES), before);
}

#[test]
fn doctor_says_what_there_is_and_what_to_do() {
    let folder = machine();
    let (code, out, err) = run(&folder, "doctor", "");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for line in [
        "hugepages of 2 MiB: 5 reserved, 5 free",
        "0000:02:00.0 8086:10d3, e1000e, DPDK: net_e1000_em, eth0",
        "run:  sudo adit setup --bind 0000:03:00.0",
        "vfio-pci is loaded",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(!out.contains("--bind 0000:02:00.0"), "the way to the machine is not offered: {out}");
}

#[test]
fn doctor_speaks_json() {
    let folder = machine();
    let (code, out, _) = run(&folder, "doctor", "--json");
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &report["version"]), (Some(0), &serde_json::json!(1)));
    let nics = report["facts"]["nics"].as_array().expect("cards");
    assert_eq!((nics.len(), &nics[0]["default_route"]), (2, &serde_json::json!(true)));
    assert_eq!(nics[1]["iommu_group"], 7);
    assert_eq!(report["facts"]["memory"]["hugepages"][0]["total"], 5);
    let findings = report["findings"].as_array().expect("findings");
    let marks: Vec<_> = findings.iter().filter_map(|finding| finding["mark"].as_str()).collect();
    assert_eq!(marks.len(), findings.len());
    assert!(marks.iter().all(|mark| ["ok", "better", "missing"].contains(mark)));
}

#[test]
fn doctor_works_here_and_where_there_is_nothing() {
    let here = adit().arg("doctor").output().expect("adit runs");
    assert!(here.status.success() && text(&here.stdout).contains("processor"), "{here:?}");
    let (code, out, _) = run(&Folder::new(), "doctor", "");
    assert_eq!((code, out.contains("no network card on the PCI bus")), (Some(0), true), "{out}");
}
