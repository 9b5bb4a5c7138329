//! The instructions that operations took when they were last recorded: a ratchet. More is a failure, fewer is to be recorded.

use std::path::Path;

use anyhow::{Context, bail};

use super::bench::{Case, Cost};
use crate::number::whole;
use crate::report::write_json;

/// A recorded count.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Recorded {
    operation: String,
    client: u64,
    shard: u64,
}

/// Writes what was counted.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn record(path: &Path, counted: &[(Case, Cost)]) -> anyhow::Result<()> {
    write_json(path, &counted.iter().map(recorded).collect::<Vec<_>>())
}

/// Compares what was counted with what is recorded.
///
/// # Errors
/// If something takes more, or is not recorded, or the file cannot be read.
pub(super) fn compare(path: &Path, counted: &[(Case, Cost)]) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("--baseline {}", path.display()))?;
    let before: Vec<Recorded> = serde_json::from_str(&text)
        .with_context(|| format!("{} is no baseline; make one with --record", path.display()))?;
    let now: Vec<Recorded> = counted.iter().map(recorded).collect();
    let (mut risen, mut fallen) = (Vec::new(), Vec::new());
    for now in &now {
        let Some(before) = before.iter().find(|before| before.operation == now.operation) else {
            bail!("{} is not in {}; record it with --record", now.operation, path.display());
        };
        for (part, before, now_count) in
            [("client", before.client, now.client), ("shard", before.shard, now.shard)]
        {
            let line = format!("{}: {part} {before} -> {now_count}", now.operation);
            let tolerance = before * TOLERANCE_PERMILLE / 1_000;
            if now_count > before + tolerance {
                risen.push(line);
            } else if now_count + tolerance < before {
                fallen.push(line);
            }
        }
    }
    if !fallen.is_empty() {
        println!(
            "\nfewer instructions than recorded; tighten {} with --record:\n{}",
            path.display(),
            fallen.join("\n")
        );
    }
    if risen.is_empty() {
        return Ok(());
    }
    bail!(
        "more instructions than {} has (record them with --record if they are worth it):\n{}",
        path.display(),
        risen.join("\n")
    )
}

fn recorded((case, cost): &(Case, Cost)) -> Recorded {
    let Case { operation, in_flight, value_bytes, items } = case;
    let operation = format!("{} of {value_bytes} B, {in_flight} together, {items} items", operation.name());
    Recorded { operation, client: whole(cost.client.round()), shard: whole(cost.shard.round()) }
}

/// What counts as equal: addresses and the C library move counts a little.
const TOLERANCE_PERMILLE: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::work::Kind;

    fn counted(client: f64, shard: f64) -> Vec<(Case, Cost)> {
        let case = Case { operation: Kind::Get, in_flight: 16, value_bytes: 64, items: 1 };
        vec![(case, Cost { client, shard, stages: None })]
    }

    #[test]
    fn more_is_a_failure_and_fewer_is_none() {
        let path = std::env::temp_dir().join(format!("adit-baseline-{}", std::process::id()));
        assert!(compare(&path, &counted(1.0, 1.0)).is_err(), "there is no file");
        record(&path, &counted(1_000.0, 2_000.0)).unwrap();
        for (client, shard, holds) in [
            (1_000.0, 2_000.0, true),
            (1_010.0, 2_020.0, true),
            (1_011.0, 2_000.0, false),
            (1_000.0, 2_021.0, false),
            (1.0, 1.0, true),
        ] {
            assert_eq!(compare(&path, &counted(client, shard)).is_ok(), holds, "{client} {shard}");
        }
        let mut other = counted(1.0, 1.0);
        other[0].0.value_bytes = 65;
        assert!(compare(&path, &other).unwrap_err().to_string().contains("--record"));
        std::fs::remove_file(&path).unwrap();
    }
}
