//! What a result file must say about where it was taken: machine, kernel, load, commit.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Facts about this machine, at the time they were taken.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu_model: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// Runnable processes, means of 1, 5 and 15 minutes.
    pub(crate) load_average: String,
    /// Of the working directory, where git answers.
    pub(crate) commit: Option<String>,
    /// Seconds since 1970.
    pub(crate) taken_at_s: u64,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let kernel = rustix::system::uname();
        Self {
            cpu_model: cpu_model().unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: format!("{} {}", kernel.sysname().to_string_lossy(), kernel.release().to_string_lossy()),
            load_average: load_average(),
            commit: commit(),
            taken_at_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs()),
        }
    }
}

/// The load averages of now.
pub(crate) fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_ascii_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// The first line that `program` prints with `arguments`, if it runs.
pub(crate) fn first_line(program: &Path, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout).lines().next().map(|line| line.trim().to_owned())
}

fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

fn commit() -> Option<String> {
    first_line(Path::new("git"), &["describe", "--always", "--dirty", "--abbrev=12"])
}
