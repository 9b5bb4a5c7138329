//! `adit function`: verifies user functions and tries them out, without a server.

mod bytes;
mod check;
mod engine;
mod listing;
mod object;
mod records;
mod report;
mod run;
mod sources;
mod trap;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

/// Flags of `adit function`.
#[derive(clap::Args)]
pub(crate) struct FunctionArguments {
    #[command(subcommand)]
    command: FunctionCommand,
}

#[derive(clap::Subcommand)]
enum FunctionCommand {
    /// Verify a function, and show its instructions, what is known of them, and what they cost
    ///
    /// The exit code is 0 if the function is accepted, 1 if it is refused, 2 if it cannot be read.
    Check(check::CheckArguments),
    /// Call a function on records of a file
    ///
    /// The exit code is 0 if it gave a result, 1 if it was refused or stopped, 2 if something cannot be read.
    Run(run::RunArguments),
}

/// Runs one command.
pub(crate) fn run(arguments: &FunctionArguments) -> ExitCode {
    let result = match &arguments.command {
        FunctionCommand::Check(arguments) => check::run(arguments),
        FunctionCommand::Run(arguments) => run::run(arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("adit: {error:#}");
            ExitCode::from(UNREADABLE)
        }
    }
}

/// Writes to standard output.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads has seen enough: `adit function check | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// Writes JSON to standard output.
fn print_json(report: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&(serde_json::to_string_pretty(report).context("cannot write the report as JSON")? + "\n"))
}

/// The exit code for what cannot be read, as for wrong usage.
const UNREADABLE: u8 = 2;
