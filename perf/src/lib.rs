//! Load generators, comparisons and reports: what `adit perf` runs. Linked by the binary and by tests only.
#![forbid(unsafe_code)]

mod arguments;
mod client;
mod compare;
mod connection;
mod cpu;
mod dataset;
mod distribution;
mod functions;
mod generator;
mod interrupt;
mod load;
mod machine;
mod memory;
mod number;
mod packets;
mod path;
mod plot;
mod port;
mod protocol;
mod random;
mod report;
mod schedule;
mod sizes;
mod spread;
mod store;
mod tally;
mod target;
mod transfer;
mod window;
mod worker;
mod workload;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

pub use arguments::{CommonArguments, LoadArguments, MemcachedArguments, NativeArguments};
pub use compare::CompareArguments;
pub use functions::FunctionsArguments;
use generator::run_load;
use load::Load;
use machine::Machine;
pub use packets::{EchoArguments, PacketsArguments};
pub use path::PathArguments;
use protocol::Protocol;
use report::{RunReport, Terms, write_json};
pub use store::StoreArguments;
pub use transfer::TransferArguments;

/// Arguments of `adit perf`.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    workload: Workload,
}

/// What `adit perf` can run.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Workload {
    /// Put load on a server that speaks RESP: Adit or Redis
    Resp(LoadArguments),
    /// Put load on memcached
    Memcached(MemcachedArguments),
    /// Put load on a server that speaks the native protocol of Adit
    Native(NativeArguments),
    /// Start Adit and a peer, take turns between them, write tables and plots
    Compare(CompareArguments),
    /// Compare the key-value store with a hashbrown table, without a server
    Store(StoreArguments),
    /// Compare functions in machine code with the interpreter and with loops in C
    Functions(FunctionsArguments),
    /// Let a client and a shard take turns on one thread: what a request costs without a kernel in between
    Path(PathArguments),
    /// Send and fetch one very long value beside short GETs of another client
    Transfer(TransferArguments),
    /// Turn datagrams around, frame by frame, over a port of a NIC: the least that a server does
    #[command(hide = true)]
    Echo(EchoArguments),
    /// Keep packets on their way to a server that turns them around, over a port of a NIC
    #[command(hide = true)]
    Packets(PacketsArguments),
}

/// Runs what `arguments` ask for; blocks until it is done or Ctrl-C is pressed.
///
/// # Errors
/// When arguments do not go together, a server cannot be reached or started, or a file cannot be written. The
/// text says what to do.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    let interrupted = interrupt::interrupt_flag()?;
    match arguments.workload {
        Workload::Resp(arguments) => {
            run_generator(&arguments.to_load(Protocol::Resp)?, arguments.common(), &interrupted)
        }
        Workload::Memcached(arguments) => {
            let (load, protocol) = (arguments.load(), arguments.protocol());
            run_generator(&load.to_load(protocol)?, load.common(), &interrupted)
        }
        Workload::Native(arguments) => {
            let load = arguments.open_port(arguments.to_load()?)?;
            run_generator(&load, arguments.common(), &interrupted)
        }
        Workload::Compare(arguments) => compare::run_comparison(&arguments, &interrupted),
        Workload::Store(arguments) => store::run_store(&arguments, &interrupted),
        Workload::Functions(arguments) => functions::run_functions(&arguments, &interrupted),
        Workload::Path(arguments) => path::run_path(&arguments, &interrupted),
        Workload::Echo(arguments) => packets::run_echo(&arguments, &interrupted),
        Workload::Packets(arguments) => packets::run_packets(&arguments, &interrupted),
        Workload::Transfer(arguments) => transfer::run_transfer(&arguments, &interrupted),
    }
}

fn run_generator(load: &Load, arguments: &CommonArguments, interrupted: &AtomicBool) -> anyhow::Result<()> {
    if arguments.preloads() {
        preload(load, interrupted)?;
    }
    measure(load, arguments.json(), interrupted)
}

/// Writes all keys.
fn preload(load: &Load, interrupted: &AtomicBool) -> anyhow::Result<()> {
    eprintln!("writing {} keys", number::grouped(load.keys));
    let tally = run_load(&load.preload(), interrupted)?;
    if let Some(error) = tally.first_error {
        anyhow::bail!("{} keys were refused: {error}", tally.errors);
    }
    Ok(())
}

/// Runs what is measured and reports it.
fn measure(load: &Load, json: Option<&PathBuf>, interrupted: &AtomicBool) -> anyhow::Result<()> {
    if interrupted.load(Ordering::Relaxed) {
        anyhow::bail!("interrupted before the run");
    }
    let machine = Machine::here();
    let report = RunReport::new(machine, Terms::of(load), &run_load(load, interrupted)?);
    print!("{}", report.text());
    match json {
        Some(path) => write_json(path, &report).context("--json"),
        None => Ok(()),
    }
}
