//! `adit perf` without the rest of `adit`: `cargo run -p adit-perf --release --example perf -- resp ...`.

/// Arguments of this program.
#[derive(clap::Parser)]
struct Program {
    #[command(flatten)]
    arguments: adit_perf::Arguments,
}

fn main() -> std::process::ExitCode {
    match adit_perf::run(<Program as clap::Parser>::parse().arguments) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("perf: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
