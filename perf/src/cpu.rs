//! Processor time of processes and threads, as the scheduler counts it.

use anyhow::Context;
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Processor time that the living threads of process `pid` have used, in nanoseconds.
///
/// The sum of the first fields of `/proc/PID/task/*/schedstat`. A thread that ends takes its time with it, so a
/// difference of two samples holds for servers whose threads live on.
///
/// # Errors
/// When there is no such process, or its counters cannot be read.
pub(crate) fn process_cpu_ns(pid: u32) -> anyhow::Result<u64> {
    let directory = format!("/proc/{pid}/task");
    let tasks = std::fs::read_dir(&directory).with_context(|| format!("no process {pid} (--server-pid)"))?;
    let mut total_ns = 0;
    for task in tasks {
        let path = task?.path().join("schedstat");
        if let Ok(text) = std::fs::read_to_string(&path) {
            total_ns += first_field(&text).with_context(|| format!("{} is not a number", path.display()))?;
        }
    }
    Ok(total_ns)
}

/// Processor time that this thread has used, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default()
}

/// Keeps this thread on the core that it runs on.
pub(crate) fn pin() -> anyhow::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(sched_getcpu());
    Ok(sched_setaffinity(None, &cores)?)
}

/// Keeps this thread, and those that it starts, on a core.
pub(crate) fn pin_to(core: usize) -> anyhow::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).with_context(|| format!("cannot run on core {core}"))
}

fn first_field(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedstat_is_read() {
        assert_eq!(first_field("123 4 5\n"), Some(123));
        assert_eq!(first_field(""), None);
        let before_ns = process_cpu_ns(std::process::id()).unwrap();
        assert!(process_cpu_ns(std::process::id()).unwrap() >= before_ns);
    }

    #[test]
    fn a_missing_process_is_named() {
        assert!(process_cpu_ns(u32::MAX).unwrap_err().to_string().contains("4294967295"));
    }
}
