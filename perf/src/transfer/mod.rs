//! One very long value sent and fetched in a loop, beside short GETs: what the GETs wait, what the server holds.

mod page;
mod step;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, anyhow, ensure};

use crate::client::Client;
use crate::dataset::Dataset;
use crate::generator::run_load;
use crate::load::{Limit, Load, Way};
use crate::machine::{Machine, load_average};
use crate::memory::{Resident, forget_peak};
use crate::number::nanoseconds;
use crate::protocol::Protocol;
use crate::report::write_json;
use crate::sizes::Sizes;
use crate::tally::{Latency, Tally};
use crate::target::Target;
use crate::transfer::step::{STEPS, Step};

/// Arguments of `adit perf transfer`.
#[derive(Clone, Debug, clap::Args)]
pub struct TransferArguments {
    /// Server: HOST:PORT or unix:PATH; just started, with `--prefault false`, for its memory to say something
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7379")]
    target: Target,
    /// The server's process, whose memory is watched
    #[arg(long, value_name = "PID")]
    server_pid: u32,
    /// Length of the long value; APPEND, GETRANGE and SETRANGE take an eighth of it
    #[arg(long, value_name = "BYTES", default_value_t = 512 * 1024 * 1024, value_parser = clap::value_parser!(u64).range(8..=512 * 1024 * 1024))]
    value_size: u64,
    /// Times that everything is done
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Seconds of short GETs alone in each round
    #[arg(long, value_name = "S", default_value_t = 3.0)]
    seconds: f64,
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, serde::Serialize)]
struct TransferReport {
    machine: Machine,
    load_average_after: String,
    target: Target,
    value_bytes: u64,
    rounds: u16,
    /// What the server held before the first step.
    start: Resident,
    /// The short GETs with nothing beside them.
    alone: Latency,
    steps: Vec<StepReport>,
    /// The most bytes of one turn, where the server tells.
    turn_bytes_max: Option<u64>,
}

/// A step, and the short GETs beside it.
#[derive(Debug, serde::Serialize)]
struct StepReport {
    step: Step,
    bytes: u64,
    elapsed_ns: u64,
    gets: u64,
    latency: Latency,
    /// Of the first round: later ones find memory that the server has kept.
    before: Resident,
    after: Resident,
}

/// Runs the steps of all rounds and prints a page.
pub(crate) fn run_transfer(arguments: &TransferArguments, interrupted: &AtomicBool) -> anyhow::Result<()> {
    let machine = Machine::here();
    let small = small_load(arguments)?;
    run_load(&small.preload(), interrupted)?;
    let mut run = Run { arguments, small, client: Client::connect(&arguments.target)?, interrupted };
    run.client.ask(&[b"DEL", step::KEY])?;
    let start = Resident::of(arguments.server_pid)?;
    let (alone, steps) = run.rounds()?;
    let report = TransferReport {
        machine,
        load_average_after: load_average(),
        target: arguments.target.clone(),
        value_bytes: arguments.value_size,
        rounds: arguments.rounds,
        start,
        alone,
        steps,
        turn_bytes_max: run.client.info("turn_bytes_max")?,
    };
    print!("{}", page::markdown(&report));
    match &arguments.json {
        Some(path) => write_json(path, &report).context("--json"),
        None => Ok(()),
    }
}

/// The short GETs: one connection, one at a time.
fn small_load(arguments: &TransferArguments) -> anyhow::Result<Load> {
    let sizes = Sizes::Fixed { key_bytes: SMALL_KEY_BYTES, value_bytes: SMALL_VALUE_BYTES };
    let dataset = Dataset::new(sizes, SMALL_KEYS, 1)?;
    let way = Way::Batches(Protocol::Resp);
    let load = Load::new(arguments.target.clone(), way, SMALL_KEYS, dataset);
    Ok(Load { limit: Limit::Seconds(arguments.seconds), ..load })
}

/// A run under way.
struct Run<'a> {
    arguments: &'a TransferArguments,
    small: Load,
    client: Client,
    interrupted: &'a AtomicBool,
}

impl Run<'_> {
    fn rounds(&mut self) -> anyhow::Result<(Latency, Vec<StepReport>)> {
        let mut alone = Tally::new();
        let mut steps: Vec<_> = STEPS.iter().map(|step| Progress::new(*step)).collect();
        for round in 0..self.arguments.rounds {
            alone.append(run_load(&self.small, self.interrupted)?);
            for progress in &mut steps {
                ensure!(!self.interrupted.load(Ordering::Relaxed), "interrupted");
                self.step(progress)?;
            }
            eprintln!("round {} of {} is done", round + 1, self.arguments.rounds);
        }
        let latency = Latency { curve: Vec::new(), ..alone.latency() };
        Ok((latency, steps.into_iter().map(Progress::report).collect()))
    }

    /// Does a step once, short GETs beside it.
    fn step(&mut self, progress: &mut Progress) -> anyhow::Result<()> {
        progress.step.prepare(&mut self.client)?;
        forget_peak(self.arguments.server_pid)?;
        let before = Resident::of(self.arguments.server_pid)?;
        let over = AtomicBool::new(false);
        let gets = Load { limit: Limit::Seconds(STEP_SECONDS_MAX), ..self.small.clone() };
        let (client, length) = (&mut self.client, self.arguments.value_size);
        let (done, elapsed_ns, tally) = std::thread::scope(|scope| {
            let gets = scope.spawn(|| run_load(&gets, &over));
            let started = Instant::now();
            let done = progress.step.run(client, length);
            let elapsed_ns = nanoseconds(started.elapsed());
            over.store(true, Ordering::Relaxed);
            (done, elapsed_ns, gets.join().map_err(|_| anyhow!("the short GETs panicked")))
        });
        progress.bytes += done.with_context(|| progress.step.name())?;
        progress.elapsed_ns += elapsed_ns;
        progress.gets.append(tally??);
        let after = Resident::of(self.arguments.server_pid)?;
        progress.memory.get_or_insert((before, after));
        Ok(())
    }
}

/// What a step has shown so far.
struct Progress {
    step: Step,
    bytes: u64,
    elapsed_ns: u64,
    gets: Tally,
    /// Before and after it was first done.
    memory: Option<(Resident, Resident)>,
}

impl Progress {
    fn new(step: Step) -> Self {
        Self { step, bytes: 0, elapsed_ns: 0, gets: Tally::new(), memory: None }
    }

    fn report(self) -> StepReport {
        let (before, after) = self.memory.unwrap_or_default();
        StepReport {
            step: self.step,
            bytes: self.bytes,
            elapsed_ns: self.elapsed_ns,
            gets: self.gets.operations,
            latency: Latency { curve: Vec::new(), ..self.gets.latency() },
            before,
            after,
        }
    }
}

const SMALL_KEYS: u64 = 1000;
const SMALL_KEY_BYTES: usize = 16;
const SMALL_VALUE_BYTES: usize = 1024;
/// The end of a step ends its GETs long before.
const STEP_SECONDS_MAX: f64 = 1e6;
