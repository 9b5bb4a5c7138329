//! `adit perf functions`: what functions cost in machine code, each way they can be compiled, against the interpreter and against loops in C that a
//! compiler makes without vectors. All take turns on one pinned thread, and are timed by its processor time: the ratios are what counts.
//!
//! The peers are programs of their own, which answer how long so many calls have taken: C is compiled when the comparison starts; other engines come
//! from the example `engines` of adit-native.

mod build;
mod engine;
mod loops;
mod peer;
mod programs;
mod records;
mod report;
mod revoke;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use crate::cpu::pin;
use crate::machine::{Machine, first_line};
use crate::report::write_json;
use build::Build;
use report::Report;

/// Arguments of `adit perf functions`.
#[derive(Clone, Debug, clap::Args)]
pub struct FunctionsArguments {
    /// Rounds; in each all engines are measured in turn
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u32).range(5..))]
    rounds: u32,
    /// The compiler of the functions and of the peer in C: clang 14 or later
    #[arg(long, value_name = "PROGRAM", default_value = "clang")]
    clang: PathBuf,
    /// The example `engines` of adit-native, for rbpf and wasmtime to take part
    #[arg(long, value_name = "PROGRAM")]
    engines: Option<PathBuf>,
    /// Endless loops to stop
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    loops: u32,
    /// Write all rounds to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs the comparison and prints it.
pub(crate) fn run_functions(arguments: &FunctionsArguments, interrupted: &AtomicBool) -> anyhow::Result<()> {
    let machine = Machine::here();
    let version = first_line(&arguments.clang, &["--version"]).with_context(|| {
        format!("cannot run {}: install clang, or name another one with --clang", arguments.clang.display())
    })?;
    let build = Build::new(&arguments.clang)?;
    // The thread that stops endless loops runs on another core, so it starts before this one is pinned.
    let revocations = revoke::measure(arguments.loops, &build)?;
    pin().context("cannot pin the thread to a core")?;
    let mut report = Report::new(machine, version, revocations, programs::measure(&build)?);
    let going = || match interrupted.load(Ordering::Relaxed) {
        true => Err(anyhow::anyhow!("interrupted")),
        false => Ok(()),
    };
    report.loops = loops::compare(&build, arguments.engines.as_deref(), arguments.rounds, going)?;
    report.helpers = loops::helpers(&build, arguments.rounds, going)?;
    report.records = records::measure(&build, arguments.rounds, going)?;
    print!("{}", report.text());
    match &arguments.json {
        Some(path) => write_json(path, &report).context("--json"),
        None => Ok(()),
    }
}
