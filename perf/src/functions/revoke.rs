//! How long an endless loop runs on once it was told to stop.

use std::thread;

use adit_function::trap::Trap;
use adit_native::Revoker;
use rustix::time::{ClockId, clock_gettime};

use super::build::Build;
use super::engine::{Compiled, MODES};
use crate::cpu::thread_cpu_ns;

/// How long the loops ran on, in nanoseconds, ascending.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Revocations {
    /// By the clock: other threads may have had the core meanwhile.
    pub(super) wall_ns: Vec<u64>,
    /// In processor time of the thread, at most: no more than by the clock, and no more than the whole call took.
    pub(super) cpu_ns: Vec<u64>,
}

/// Stops so many endless loops, one after the other, from another thread.
///
/// # Errors
/// If a call ends otherwise.
pub(super) fn measure(count: u32, build: &Build) -> anyhow::Result<Revocations> {
    let verified = build.verified("programs.o", "endless")?;
    let mut compiled = Compiled::new(&verified, MODES[0])?;
    let (mut wall_ns, mut cpu_ns) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let revoker = compiled.revoker();
        let watcher = thread::spawn(move || stop(&revoker));
        let before_ns = thread_cpu_ns();
        let trap = compiled.trap();
        let (after_ns, end_ns) = (thread_cpu_ns(), now_ns());
        anyhow::ensure!(trap == Some(Trap::Revoked), "an endless loop ended: {trap:?}");
        let revoked_ns = watcher.join().map_err(|_| anyhow::anyhow!("the watching thread failed"))?;
        let wall = end_ns.saturating_sub(revoked_ns);
        wall_ns.push(wall);
        cpu_ns.push(wall.min(after_ns - before_ns));
    }
    wall_ns.sort_unstable();
    cpu_ns.sort_unstable();
    Ok(Revocations { wall_ns, cpu_ns })
}

/// Stops the call that runs next, and says when it began to.
fn stop(revoker: &Revoker) -> u64 {
    let turn = loop {
        match revoker.running() {
            Some(turn) => break turn,
            None => std::hint::spin_loop(),
        }
    };
    let start_ns = now_ns();
    revoker.revoke(turn);
    // A revocation may be lost while the entry recovers from an earlier one.
    while revoker.running() == Some(turn) {
        if now_ns() - start_ns > AGAIN_NS {
            revoker.revoke(turn);
        }
        thread::yield_now();
    }
    start_ns
}

fn now_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or_default() * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or_default()
}

/// When a call that still runs is revoked once more.
const AGAIN_NS: u64 = 10_000_000;
