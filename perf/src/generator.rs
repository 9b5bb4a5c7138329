//! Runs a load: starts a thread per share of it, watches them, adds up what they counted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use crate::connection::Connection;
use crate::cpu::process_cpu_ns;
use crate::distribution::KeyChooser;
use crate::load::{Limit, Load, Pace, Way};
use crate::number::{grouped, index, whole};
use crate::protocol::Protocol;
use crate::random::Random;
use crate::schedule::Schedule;
use crate::tally::{ServerWork, Tally};
use crate::window::{run_window, server_counters};
use crate::worker::{Pacer, Worker};
use crate::workload::{Mix, OperationSource};

/// What the threads of a load share.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    /// Set from outside: finish early with what there is.
    pub(crate) interrupted: &'a AtomicBool,
    /// Set by a thread that failed.
    pub(crate) failed: AtomicBool,
    /// Keys inserted or being inserted.
    pub(crate) keys: AtomicU64,
    /// Operations done, for the progress line.
    pub(crate) operations: AtomicU64,
}

/// Runs `load` to its end, or until `interrupted` is set.
///
/// # Errors
/// When the server cannot be reached, closes connections, stops answering or does not speak the protocol.
pub(crate) fn run_load(load: &Load, interrupted: &AtomicBool) -> anyhow::Result<Tally> {
    let keys = if load.mix == Mix::Preload { 0 } else { load.keys };
    let shared = Shared {
        interrupted,
        failed: AtomicBool::new(false),
        keys: AtomicU64::new(keys),
        operations: AtomicU64::new(0),
    };
    let Way::Batches(protocol) = load.way else {
        return with_server_work(load, || run_window(load, &shared));
    };
    let workers = (0..load.threads)
        .map(|thread| prepare(load, protocol, &shared, thread))
        .collect::<anyhow::Result<Vec<_>>>()?;
    with_server_cpu(load, || run_workers(load, &shared, workers))
}

/// Runs `run` and adds what processor time the server took meanwhile.
pub(crate) fn with_server_cpu(
    load: &Load,
    run: impl FnOnce() -> anyhow::Result<Tally>,
) -> anyhow::Result<Tally> {
    let before_ns = load.server_pid.map(process_cpu_ns).transpose()?;
    let mut tally = run()?;
    let after_ns = load.server_pid.map(process_cpu_ns).transpose()?;
    tally.server_cpu_ns = after_ns.zip(before_ns).map(|(after, before)| after.saturating_sub(before));
    Ok(tally)
}

/// Runs `run` and adds what the server has counted meanwhile, if it is to be asked.
fn with_server_work(load: &Load, run: impl FnOnce() -> anyhow::Result<Tally>) -> anyhow::Result<Tally> {
    if !load.asks_counters {
        return run();
    }
    let before = server_counters(load)?;
    let mut tally = run()?;
    let after = server_counters(load)?;
    let of = |name| after.since(&before, name).with_context(|| format!("the server does not count {name}"));
    tally.server_work = Some(ServerWork {
        busy_ns: of("BusyNs")?,
        busy_turns: of("BusyTurns")?,
        turns: of("Turns")?,
        frames: of("NativeFrames")?,
        replayed: of("NativeReplayed")?,
        refused: of("NativeRefused")? + of("NativeLost")?,
        dropped: of("NativeDropped")?,
    });
    Ok(tally)
}

/// One thread's share of the load, connected.
fn prepare<'a>(
    load: &'a Load,
    protocol: Protocol,
    shared: &'a Shared<'a>,
    thread: u64,
) -> anyhow::Result<Worker<'a>> {
    let connections = (0..share(load.connections, load.threads, thread))
        .map(|_| Connection::connect(&load.target))
        .collect::<anyhow::Result<Vec<_>>>()?;
    Worker::new(load, protocol, shared, connections, source(load, shared, thread), pacer(load, thread))
}

/// What draws the operations of one thread.
pub(crate) fn source<'a>(load: &Load, shared: &'a Shared<'_>, thread: u64) -> OperationSource<'a> {
    let keys_in_flight_max = if load.mix.inserts() { load.connections * load.pipeline as u64 } else { 0 };
    // As many as the first choice is among: the number may grow, never shrink.
    let chooser = KeyChooser::new(load.distribution, load.keys.saturating_sub(keys_in_flight_max).max(1));
    OperationSource::new(
        load.mix,
        chooser,
        Random::new(load.seed, 2 * thread),
        &shared.keys,
        keys_in_flight_max,
    )
}

/// What paces one thread.
pub(crate) fn pacer(load: &Load, thread: u64) -> Pacer {
    let schedule = match load.pace {
        Pace::Closed => None,
        Pace::Open { rate_per_s, arrivals } => {
            let rate_per_s = rate_per_s / load.threads as f64;
            let phase = thread as f64 / load.threads as f64;
            Some(Schedule::new(arrivals, rate_per_s, phase, Random::new(load.seed, 2 * thread + 1)))
        }
    };
    match load.limit {
        Limit::Requests(requests) => Pacer::new(schedule, share(requests, load.threads, thread), u64::MAX),
        Limit::Seconds(seconds) => Pacer::new(schedule, u64::MAX, whole(seconds * 1e9)),
    }
}

fn run_workers(load: &Load, shared: &Shared<'_>, workers: Vec<Worker<'_>>) -> anyhow::Result<Tally> {
    std::thread::scope(|scope| {
        let watcher = std::thread::current();
        let threads: Vec<_> = workers
            .into_iter()
            .map(|worker| {
                let watcher = watcher.clone();
                scope.spawn(move || {
                    let result = worker.run();
                    watcher.unpark();
                    result
                })
            })
            .collect();
        watch(load, shared, &threads);
        let mut total = Tally::new();
        for thread in threads {
            total.merge(thread.join().map_err(|_| anyhow!("a thread of the load panicked"))??);
        }
        Ok(total)
    })
}

/// Prints a line a second until all threads have ended.
fn watch(load: &Load, shared: &Shared<'_>, threads: &[ScopedJoinHandle<'_, anyhow::Result<Tally>>]) {
    let started = Instant::now();
    let (mut shown_s, mut shown_operations) = (0, 0);
    while !threads.iter().all(ScopedJoinHandle::is_finished) {
        std::thread::park_timeout(PROGRESS_CHECK);
        let elapsed_s = started.elapsed().as_secs();
        if elapsed_s > shown_s && load.shows_progress {
            let operations = shared.operations.load(Ordering::Relaxed);
            let rate = (operations - shown_operations) / (elapsed_s - shown_s);
            eprintln!("{elapsed_s:>5} s  {:>12} operations/s", grouped(rate));
            (shown_s, shown_operations) = (elapsed_s, operations);
        }
    }
}

/// Part `number` of `total` cut into `parts`.
fn share(total: u64, parts: u64, number: u64) -> u64 {
    debug_assert!(index(number) < index(parts));
    total / parts + u64::from(number < total % parts)
}

const PROGRESS_CHECK: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        for (total, parts) in [(10, 3), (2, 4), (50, 1), (0, 2)] {
            assert_eq!((0..parts).map(|number| share(total, parts, number)).sum::<u64>(), total);
        }
    }
}
