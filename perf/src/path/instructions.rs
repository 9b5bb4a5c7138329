//! Instructions of an operation, counted by callgrind: the same program runs once more under it, and does nothing else than
//! what is counted.

use std::collections::HashMap;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::bench::{Bench, Case, Cost, StageCost};
use super::stages::Stages;

/// Instructions of each operation of a case.
///
/// # Errors
/// If valgrind is not there, or fails.
pub(super) fn count(case: Case) -> anyhow::Result<Cost> {
    let program = std::env::current_exe().context("this program has no path")?;
    let file = std::env::temp_dir().join(format!("adit-path-{}.callgrind", std::process::id()));
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--compress-strings=no", "--compress-pos=no", "--quiet"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .args(COUNTED.map(|name| format!("--toggle-collect=*{name}*")))
        .arg(program)
        .args(["perf", "path", "--counted"])
        .args(["--operation", case.operation.argument()])
        .args(["--in-flight", &case.in_flight.to_string()])
        .args(["--value-size", &case.value_bytes.to_string()])
        .args(["--items", &case.items.to_string()])
        .stdin(Stdio::null())
        .status()
        .context("cannot run valgrind; install it: apt-get install valgrind")?;
    let profile = std::fs::read_to_string(&file);
    let _ = std::fs::remove_file(&file);
    ensure!(status.success(), "valgrind has failed: {status}");
    cost(&profile.context("valgrind has written no profile")?, case)
}

/// What is counted: runs in the process that [`count`] starts.
pub(super) fn run_counted(bench: &mut Bench, case: Case) -> anyhow::Result<()> {
    bench.turn_to(case);
    bench.counted_exchanges(case, turns(case))?;
    if Stages::has(case.operation) {
        bench.counted_stages(case, turns(case));
    }
    Ok(())
}

fn turns(case: Case) -> u64 {
    OPERATIONS / case.in_flight as u64
}

fn cost(profile: &str, case: Case) -> anyhow::Result<Cost> {
    let sums = sums(profile);
    let operations = (turns(case) * case.in_flight as u64) as f64;
    let of = |name: &str| {
        let found = sums.iter().filter(|(function, _)| function.contains(name)).map(|(_, sum)| *sum);
        let sum: u64 = found.sum();
        if sum == 0 { bail!("callgrind has not seen {name}") } else { Ok(sum as f64 / operations) }
    };
    let stages = match Stages::has(case.operation) {
        false => None,
        // Stages call each other: those within are not counted twice.
        true => Some(StageCost {
            decode: of("stages::decode")?,
            execute: of("stages::execute")? - of("stages::encode")?,
            encode: of("stages::encode")?,
        }),
    };
    Ok(Cost { client: of("Pair::submit")? + of("Pair::complete")?, shard: of("Pair::serve")?, stages })
}

/// The instructions of each function with all that it calls, as the profile has them (valgrind's "Callgrind Format
/// Specification"): its own lines, and the line behind each `calls=`.
fn sums(profile: &str) -> HashMap<&str, u64> {
    let (mut sums, mut function) = (HashMap::new(), "");
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            function = name;
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            let cost = line.split_ascii_whitespace().nth(1).and_then(|cost| cost.parse::<u64>().ok());
            *sums.entry(function).or_default() += cost.unwrap_or_default();
        }
    }
    sums
}

/// The functions within which instructions are counted.
const COUNTED: [&str; 2] = ["counted_exchanges", "counted_stages"];
/// Operations that are counted.
const OPERATIONS: u64 = 8_192;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::work::Kind;

    const PROFILE: &str = "\
version: 1
events: Ir
fl=pair.rs
fn=adit_perf::path::pair::Pair::serve
10 8192
cfn=memcpy
calls=4 1
11 81920
fn=adit_perf::path::pair::Pair::submit
1 8192

fn=adit_perf::path::pair::Pair::complete
1 16384
totals: 114688
";

    #[test]
    fn a_function_has_its_own_instructions_and_those_of_what_it_calls() {
        let case = Case { operation: Kind::Cas, in_flight: 16, value_bytes: 64, items: 1 };
        let cost = cost(PROFILE, case).unwrap();
        assert_eq!((cost.client, cost.shard, cost.stages), (3.0, 11.0, None));
    }

    #[test]
    fn a_profile_without_the_path_is_refused() {
        let case = Case { operation: Kind::Get, in_flight: 16, value_bytes: 64, items: 1 };
        assert!(cost(PROFILE, case).unwrap_err().to_string().contains("stages::decode"));
    }
}
