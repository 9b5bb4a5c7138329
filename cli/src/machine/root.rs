//! The files of the machine, all below one folder: `/`, or a folder of a test that looks like it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// Where `/` is.
pub(crate) struct Root {
    prefix: PathBuf,
    /// What the kernel would do when a file is written, in tests.
    #[cfg(test)]
    kernel: Option<Kernel>,
}

/// Is told the path below the root, and what was written to it.
#[cfg(test)]
type Kernel = Box<dyn Fn(&Root, &str, &str)>;

impl Root {
    pub(crate) fn new(prefix: &Path) -> Self {
        Self {
            prefix: prefix.to_owned(),
            #[cfg(test)]
            kernel: None,
        }
    }

    #[cfg(test)]
    pub(crate) fn with_kernel(prefix: &Path, kernel: impl Fn(&Self, &str, &str) + 'static) -> Self {
        Self { prefix: prefix.to_owned(), kernel: Some(Box::new(kernel)) }
    }

    /// Where `path`, which begins with `/`, really is.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.prefix.join(path.trim_start_matches('/'))
    }

    /// The text of a file without the white space around it, if it can be read.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.path(path)).ok().map(|text| text.trim().to_owned())
    }

    /// A file that is a decimal number.
    pub(crate) fn number(&self, path: &str) -> Option<u64> {
        self.text(path)?.parse().ok()
    }

    /// A file that is a hexadecimal number, as `0x8086`.
    pub(crate) fn hexadecimal(&self, path: &str) -> Option<u32> {
        u32::from_str_radix(self.text(path)?.trim_start_matches("0x"), 16).ok()
    }

    /// What a folder holds, in order; nothing if there is none.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// Where a link points to, as it is written.
    pub(crate) fn link(&self, path: &str) -> Option<String> {
        std::fs::read_link(self.path(path)).ok()?.into_os_string().into_string().ok()
    }

    /// The last name of what a link points to: of `driver`, the driver.
    pub(crate) fn link_name(&self, path: &str) -> Option<String> {
        self.link(path)?.rsplit('/').next().map(str::to_owned)
    }

    /// Writes one line to a file that is there already, as `echo VALUE > PATH` does. An empty value clears.
    pub(crate) fn write(&self, path: &str, value: &str) -> anyhow::Result<()> {
        let written = std::fs::OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(self.path(path))
            .and_then(|mut file| file.write_all(format!("{value}\n").as_bytes()));
        written
            .map_err(|error| advise(error, path))
            .with_context(|| format!("cannot write {value:?} to {path}"))?;
        #[cfg(test)]
        if let Some(kernel) = &self.kernel {
            kernel(self, path, value);
        }
        Ok(())
    }

    /// Loads a module of the kernel.
    pub(crate) fn modprobe(&self, module: &str) -> anyhow::Result<()> {
        let program = MODPROBE_PATHS.into_iter().find(|path| self.exists(path));
        let Some(program) = program else {
            bail!("cannot load {module}: there is no modprobe; install it (package kmod)");
        };
        let output = Command::new(self.path(program)).arg(module).output();
        let output = output.with_context(|| format!("cannot run {program}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("cannot load {module}: {}", said.trim().trim_start_matches("modprobe: "));
        }
        Ok(())
    }

    /// The processes that have a file open, with their names. Those of other users are seen by root only.
    pub(crate) fn holders(&self, file: &str) -> Vec<String> {
        let holds = |process: &str| {
            let folder = format!("/proc/{process}/fd");
            self.names(&folder)
                .iter()
                .any(|number| self.link(&format!("{folder}/{number}")).as_deref() == Some(file))
        };
        let name = |process: &str| self.text(&format!("/proc/{process}/comm")).unwrap_or_default();
        let processes =
            self.names("/proc").into_iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        processes
            .filter(|process| holds(process))
            .map(|process| format!("{process} ({})", name(&process)))
            .collect()
    }

    /// The effective user of this process.
    pub(crate) fn user(&self) -> Option<u32> {
        self.status("Uid:")?.split_ascii_whitespace().nth(1)?.parse().ok()
    }

    /// The rest of a line of /proc/self/status.
    pub(crate) fn status(&self, name: &str) -> Option<String> {
        let text = self.text("/proc/self/status")?;
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(rest.trim().to_owned())
    }

    /// A line of /proc/meminfo, in bytes.
    pub(crate) fn memory_bytes(&self, name: &str) -> Option<u64> {
        let text = self.text("/proc/meminfo")?;
        let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(rest.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
    }
}

/// Adds what helps to an error of a write below /sys.
fn advise(error: std::io::Error, path: &str) -> anyhow::Error {
    use std::io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
    let advice = match error.kind() {
        ReadOnlyFilesystem => "it is read-only here, as in a container: run this on the host",
        PermissionDenied => {
            "the kernel does not let this user do it; in a container or a user namespace, run it on the host"
        }
        NotFound => "the kernel has no such file",
        _ => return error.into(),
    };
    let advice = if path.starts_with("/sys") { advice } else { "run it as root" };
    anyhow::Error::new(error).context(advice)
}

const MODPROBE_PATHS: [&str; 4] =
    ["/usr/sbin/modprobe", "/sbin/modprobe", "/usr/bin/modprobe", "/bin/modprobe"];

#[cfg(test)]
mod tests {
    use crate::machine::fake::Fake;

    #[test]
    fn files_are_read_below_the_prefix() {
        let fake = Fake::new();
        fake.file("/sys/a/number", "12\n")
            .file("/sys/a/hex", "0x8086\n")
            .link("/sys/a/driver", "../../drivers/e1000e");
        let root = fake.root();
        assert_eq!((root.number("/sys/a/number"), root.number("/sys/a/hex")), (Some(12), None));
        assert_eq!(root.hexadecimal("/sys/a/hex"), Some(0x8086));
        assert_eq!(root.link_name("/sys/a/driver").as_deref(), Some("e1000e"));
        assert_eq!(root.names("/sys/a"), ["driver", "hex", "number"]);
        assert!(root.exists("/sys/a/driver"), "a link exists whatever it points to");
        assert!(root.names("/sys/b").is_empty() && root.text("/sys/b/c").is_none());
    }

    #[test]
    fn only_files_that_are_there_are_written() {
        let fake = Fake::new();
        fake.file("/sys/count", "1234567\n");
        let root = fake.root();
        root.write("/sys/count", "5").unwrap();
        assert_eq!(root.number("/sys/count"), Some(5));
        let error = format!("{:#}", root.write("/sys/other", "5").unwrap_err());
        assert!(error.contains("/sys/other: the kernel has no such file"), "{error}");
        assert!(!root.exists("/sys/other"));
    }

    #[test]
    fn a_module_that_cannot_be_loaded_is_told() {
        let fake = Fake::new();
        let error = fake.root().modprobe("vfio-pci").unwrap_err().to_string();
        assert!(error.contains("no modprobe"), "{error}");
        fake.program("/sbin/modprobe", "echo \"modprobe: FATAL: Module $1 not found\" >&2; exit 1");
        let error = fake.root().modprobe("vfio-pci").unwrap_err().to_string();
        assert_eq!(error, "cannot load vfio-pci: FATAL: Module vfio-pci not found");
    }

    #[test]
    fn the_user_and_the_memory_are_read() {
        let fake = Fake::new();
        fake.file("/proc/self/status", "Name:\tadit\nUid:\t1000\t0\t0\t0\n");
        fake.file("/proc/meminfo", "MemTotal:       1000 kB\nMemAvailable:    500 kB\n");
        assert_eq!(fake.root().user(), Some(0));
        assert_eq!(fake.root().memory_bytes("MemAvailable"), Some(512_000));
        assert_eq!(fake.root().memory_bytes("Mem"), None);
    }
}
