//! The program `adit`: the subcommands and nothing else.
#![forbid(unsafe_code)]

mod config;
mod doctor;
mod function;
mod kv;
mod machine;
mod serve;
mod setup;
mod size;

use clap::{Parser, Subcommand};

/// A data-plane appliance: key-value shards, one per core, behind the protocols that programs already speak.
#[derive(Parser)]
#[command(name = "adit", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve: data plane and control in one process
    Serve(config::ServeArguments),
    /// Read and write keys of a running server
    Kv(kv::KvArguments),
    /// Verify user functions, and try them out without a server
    Function(function::FunctionArguments),
    /// Measure: put load on a server, or compare Adit with another
    Perf(adit_perf::Arguments),
    /// Say what this machine offers, what more would gain, and what to do next
    Doctor(doctor::DoctorArguments),
    /// Prepare the machine: reserve hugepages, give devices to Adit; or undo that
    Setup(setup::SetupArguments),
}

fn main() -> std::process::ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Kv(arguments) => kv::run(&arguments),
        Command::Function(arguments) => return function::run(&arguments),
        Command::Perf(arguments) => adit_perf::run(arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Setup(arguments) => setup::run(&arguments),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("adit: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
