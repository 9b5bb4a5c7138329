//! How long an endless loop runs on once it was told to stop.

use std::thread;

use adit_function::trap::Trap;
use adit_native::Revoker;
use rustix::time::{ClockId, clock_gettime};

use super::build::Build;
use super::engine::{Compiled, MODES};
use crate::cpu::thread_cpu_ns;
use crate::number::nanoseconds;

/// How long the loops ran on, in nanoseconds, ascending.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Revocations {
    /// In processor time of the thread that ran the loop.
    pub(super) cpu_ns: Vec<u64>,
    /// By the clock: other threads may have had the core meanwhile.
    pub(super) wall_ns: Vec<u64>,
    /// How many are left out, as the thread that revoked lost its core before it had done so.
    pub(super) disturbed: u32,
}

/// What the watching thread has seen.
struct Seen {
    /// Just before it revoked the call: the clock, and the processor time of the thread that ran the loop.
    wall_ns: u64,
    cpu_ns: u64,
    /// Whether it had its core all the time until the page was revoked.
    is_undisturbed: bool,
}

/// Stops so many endless loops, one after the other, from another thread.
///
/// # Errors
/// If a call ends otherwise.
pub(super) fn measure(count: u32, build: &Build) -> anyhow::Result<Revocations> {
    let verified = build.verified("programs.o", "endless")?;
    let mut compiled = Compiled::new(&verified, MODES[0])?;
    let mut revocations = Revocations { cpu_ns: Vec::new(), wall_ns: Vec::new(), disturbed: 0 };
    while revocations.cpu_ns.len() < count as usize {
        let revoker = compiled.revoker();
        let watcher = thread::spawn(move || stop(&revoker));
        let trap = compiled.trap();
        let (cpu_ns, wall_ns) = (thread_cpu_ns(), now_ns());
        anyhow::ensure!(trap == Some(Trap::Revoked), "an endless loop ended: {trap:?}");
        let seen = watcher.join().map_err(|_| anyhow::anyhow!("the watching thread failed"))?;
        if seen.is_undisturbed {
            revocations.cpu_ns.push(cpu_ns.saturating_sub(seen.cpu_ns));
            revocations.wall_ns.push(wall_ns.saturating_sub(seen.wall_ns));
        } else {
            revocations.disturbed += 1;
            anyhow::ensure!(revocations.disturbed < 10 * count, "this machine is too busy to measure");
        }
    }
    revocations.cpu_ns.sort_unstable();
    revocations.wall_ns.sort_unstable();
    Ok(revocations)
}

/// Stops the call that runs next.
fn stop(revoker: &Revoker) -> Seen {
    let turn = loop {
        match revoker.running() {
            Some(turn) => break turn,
            None => std::hint::spin_loop(),
        }
    };
    let own_ns = thread_cpu_ns();
    let (wall_ns, cpu) = (now_ns(), revoker.thread_time());
    revoker.revoke(turn);
    let away_ns = (now_ns() - wall_ns).saturating_sub(thread_cpu_ns() - own_ns);
    // A revocation may be lost while the entry recovers from an earlier one.
    while revoker.running() == Some(turn) {
        if now_ns() - wall_ns > AGAIN_NS {
            revoker.revoke(turn);
        }
        thread::yield_now();
    }
    Seen { wall_ns, cpu_ns: cpu.map_or(0, nanoseconds), is_undisturbed: away_ns < AWAY_NS }
}

fn now_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default()
}

/// When a call that still runs is revoked once more.
const AGAIN_NS: u64 = 50_000_000;
/// A thread that ran this much shorter than the clock has lost its core meanwhile.
const AWAY_NS: u64 = 20_000;
