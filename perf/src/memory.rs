//! How much memory a process holds, as proc(5) tells.

use anyhow::Context;

/// The resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Resident {
    pub(crate) now_bytes: u64,
    /// Since the start of the process or the last `forget_peak`.
    pub(crate) peak_bytes: u64,
}

impl Resident {
    /// # Errors
    /// When there is no such process, or it does not say.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/status"))
            .with_context(|| format!("no process {pid} (--server-pid)"))?;
        let field = |name| kilobytes(&text, name).with_context(|| format!("process {pid} has no {name}"));
        Ok(Self { now_bytes: field("VmRSS:")? * 1024, peak_bytes: field("VmHWM:")? * 1024 })
    }
}

/// Makes the peak of `pid` what it holds now.
///
/// # Errors
/// When the process is another user's.
pub(crate) fn forget_peak(pid: u32) -> anyhow::Result<()> {
    let path = format!("/proc/{pid}/clear_refs");
    std::fs::write(&path, FORGET_PEAK)
        .with_context(|| format!("cannot write {path}; run as the server's user"))
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// proc(5), `clear_refs`: 5 resets the peak.
const FORGET_PEAK: &[u8] = b"5";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_holds_memory() {
        let resident = Resident::of(std::process::id()).unwrap();
        assert!(resident.now_bytes > 0 && resident.peak_bytes >= resident.now_bytes / 2);
        assert_eq!(kilobytes("VmHWM:\t  20 kB\nVmRSS:\t  12 kB\n", "VmRSS:"), Some(12));
    }
}
