//! `adit perf path`: what a request costs on its way, without a kernel in between. A client, a wire and a shard take turns
//! on one pinned thread.

mod baseline;
mod bench;
mod instructions;
mod pair;
mod stages;
mod table;
mod work;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};

use crate::cpu::pin;
use crate::machine::Machine;
use crate::report::write_json;
use bench::{Bench, Case, Cost};
use pair::Time;
use stages::BATCH;
use work::Kind;

/// Arguments of `adit perf path`.
#[derive(Clone, Debug, clap::Args)]
pub struct PathArguments {
    /// Operations to measure
    #[arg(long, value_enum, value_name = "NAME,...", value_delimiter = ',', default_values_t = Kind::ALL)]
    operation: Vec<Kind>,
    /// Operations that are on their way together
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [BATCH as u64, 1],
        value_parser = clap::value_parser!(u64).range(1..=BATCH as u64))]
    in_flight: Vec<u64>,
    /// Lengths of values
    #[arg(long, value_name = "BYTES,...", value_delimiter = ',', default_values_t = [64, 1_024],
        value_parser = clap::value_parser!(u64).range(1..=VALUE_BYTES_MAX))]
    value_size: Vec<u64>,
    /// Items in the store, one table for each number
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [10_000, 1_000_000],
        value_parser = clap::value_parser!(u64).range(1..=ITEMS_MAX))]
    items: Vec<u64>,
    /// Rounds; each measures everything once
    #[arg(long, value_name = "N", default_value_t = ROUNDS, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Operations of each measurement
    #[arg(long, value_name = "N", default_value_t = OPERATIONS, value_parser = clap::value_parser!(u64).range(1_000..))]
    operations: u64,
    /// Write all rounds to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Count instructions instead, with valgrind's callgrind; takes the smallest number of items
    #[arg(long)]
    instructions: bool,
    /// Fail if an operation takes more instructions than this file says
    #[arg(long, value_name = "FILE", requires = "instructions")]
    baseline: Option<PathBuf>,
    /// Write the instructions to the file of --baseline instead of comparing them
    #[arg(long, requires = "baseline")]
    record: bool,
    /// Do only what callgrind counts
    #[arg(long, hide = true, conflicts_with = "instructions")]
    counted: bool,
}

/// All measurements and where they were taken.
#[derive(Debug, serde::Serialize)]
struct Report {
    machine: Machine,
    key_bytes: usize,
    operations: u64,
    measured: Vec<Measured>,
}

/// The rounds of one case.
#[derive(Debug, serde::Serialize)]
struct Measured {
    case: Case,
    rounds: Vec<Cost>,
}

/// Runs the measurement and prints it.
pub(crate) fn run_path(arguments: &PathArguments, interrupted: &AtomicBool) -> anyhow::Result<()> {
    if arguments.instructions {
        return run_instructions(arguments, interrupted);
    }
    pin().context("cannot pin the thread to a core")?;
    let mut report = Report {
        machine: Machine::here(),
        key_bytes: work::KEY_BYTES,
        operations: arguments.operations,
        measured: Vec::new(),
    };
    for items in &arguments.items {
        for value_size in &arguments.value_size {
            let time = if arguments.counted { Time::counted() } else { Time::Real };
            let mut bench = Bench::new(*items, usize::try_from(*value_size)?, time)?;
            let cases = arguments.cases(*items, *value_size);
            if arguments.counted {
                cases.iter().try_for_each(|case| instructions::run_counted(&mut bench, *case))?;
                continue;
            }
            let measured = measure(&mut bench, &cases, arguments, interrupted)?;
            print!("{}", table::times(&measured));
            report.measured.extend(measured);
        }
    }
    match &arguments.json {
        Some(path) => write_json(path, &report).context("--json"),
        None => Ok(()),
    }
}

/// Rounds over all cases of one number of items and length of values.
fn measure(
    bench: &mut Bench,
    cases: &[Case],
    arguments: &PathArguments,
    interrupted: &AtomicBool,
) -> anyhow::Result<Vec<Measured>> {
    let mut measured: Vec<Measured> =
        cases.iter().map(|case| Measured { case: *case, rounds: Vec::new() }).collect();
    for _ in 0..arguments.rounds {
        for measured in &mut measured {
            if interrupted.load(Ordering::Relaxed) {
                bail!("interrupted");
            }
            measured.rounds.push(bench.time(measured.case, arguments.operations)?);
        }
    }
    Ok(measured)
}

fn run_instructions(arguments: &PathArguments, interrupted: &AtomicBool) -> anyhow::Result<()> {
    let items = arguments.items.iter().copied().min().unwrap_or(ITEMS_MAX);
    let mut counted = Vec::new();
    for case in arguments.value_size.iter().flat_map(|value_size| arguments.cases(items, *value_size)) {
        if interrupted.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        counted.push((case, instructions::count(case)?));
    }
    print!("{}", table::instructions(&counted));
    match &arguments.baseline {
        Some(path) if arguments.record => baseline::record(path, &counted).context("--record"),
        Some(path) => baseline::compare(path, &counted),
        None => Ok(()),
    }
}

impl PathArguments {
    fn cases(&self, items: u64, value_size: u64) -> Vec<Case> {
        let value_bytes = crate::number::index(value_size);
        let of = |in_flight: u64| {
            let in_flight = crate::number::index(in_flight);
            self.operation.iter().map(move |kind| Case { operation: *kind, in_flight, value_bytes, items })
        };
        self.in_flight.iter().copied().flat_map(of).collect()
    }
}

const OPERATIONS: u64 = 1 << 18;
const ROUNDS: u64 = 5;
const ITEMS_MAX: u64 = 100_000_000;
/// With its key and header a value fits a frame.
const VALUE_BYTES_MAX: u64 = 1_300;
