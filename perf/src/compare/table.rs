//! The Markdown of a comparison.

use std::fmt::Write;

use crate::compare::result::{Comparison, CurvePoint, Facts, Row, Sample};
use crate::machine::Machine;
use crate::number::{grouped, microseconds, whole};
use crate::protocol::Protocol;
use crate::spread::Spread;

/// The whole page: terms, table of rows, table of the curve, notes.
pub(crate) fn markdown(comparison: &Comparison) -> String {
    let mut page = String::new();
    write_page(&mut page, comparison).expect("a string takes everything");
    page
}

fn write_page(page: &mut String, comparison: &Comparison) -> std::fmt::Result {
    let (subject, baseline) = (&comparison.subject, &comparison.baseline);
    writeln!(page, "# {} and {}\n", subject.name, baseline.name)?;
    write_terms(page, comparison)?;
    writeln!(page, "\n## CPU per operation and peak rate (closed loop)\n")?;
    write_rows(page, comparison)?;
    if !comparison.curve.is_empty() {
        writeln!(page, "\n## Latency at offered rates (open loop, GET over TCP, 1 deep)\n")?;
        write_curve(page, comparison)?;
    }
    writeln!(page, "\n## Notes\n")?;
    notes(comparison).iter().try_for_each(|note| writeln!(page, "- {note}"))
}

fn write_terms(page: &mut String, comparison: &Comparison) -> std::fmt::Result {
    let Comparison { machine, load_average_after, subject, baseline, terms, .. } = comparison;
    write_facts(page, machine, load_average_after, &[subject, baseline])?;
    writeln!(
        page,
        "- Terms: {} keys of {} B, asked for alike; values of {} B; {} connections from one thread; {} pairs of \
         turns of {} s",
        grouped(terms.keys),
        terms.key_bytes,
        terms.value_bytes,
        terms.connections,
        terms.pairs,
        terms.seconds_per_turn,
    )
}

/// Where it was taken, and what was compared.
pub(super) fn write_facts(
    page: &mut String,
    machine: &Machine,
    load_average_after: &str,
    servers: &[&Facts],
) -> std::fmt::Result {
    write_machine(page, machine, load_average_after)?;
    for Facts { name, version, commands, .. } in servers {
        writeln!(page, "- {name}: {version}; `{}`", commands.join("`, `"))?;
    }
    Ok(())
}

/// The machine that was measured on, and what was built.
pub(super) fn write_machine(
    page: &mut String,
    machine: &Machine,
    load_average_after: &str,
) -> std::fmt::Result {
    writeln!(page, "- Machine: {}, {} cores, {}", machine.cpu_model, machine.cores, machine.kernel)?;
    writeln!(page, "- Load average: {} before, {load_average_after} after", machine.load_average)?;
    writeln!(page, "- Commit: {}", machine.commit.as_deref().unwrap_or("unknown"))
}

/// Goals, each as the cells of a row.
pub(super) fn write_goals(page: &mut String, goals: &[String]) -> std::fmt::Result {
    writeln!(page, "\n## Goals\n\n| goal | found | |\n|---|---:|---|")?;
    goals.iter().try_for_each(|goal| writeln!(page, "| {goal} |"))
}

/// What the last cell of a goal says.
pub(super) fn told(is_held: bool) -> &'static str {
    if is_held { "held" } else { "missed" }
}

/// The notes, and whether the rounds were enough to be quoted.
pub(super) fn write_notes(page: &mut String, notes: &str, rounds: u16) -> std::fmt::Result {
    page.write_str(notes)?;
    if rounds < PAIRS_TO_QUOTE {
        writeln!(page, "- Fewer than {PAIRS_TO_QUOTE} rounds: not to be quoted.")?;
    }
    Ok(())
}

fn write_rows(page: &mut String, comparison: &Comparison) -> std::fmt::Result {
    let (a, b) = (&comparison.subject.name, &comparison.baseline.name);
    writeln!(
        page,
        "| wire | operation | deep | {a} CPU us | {b} CPU us | CPU ratio | {a} ops/s | {b} ops/s | rate ratio |"
    )?;
    writeln!(page, "|---|---|---:|---:|---:|---:|---:|---:|---:|")?;
    comparison.rows.iter().try_for_each(|row| write_row(page, row))
}

fn write_row(page: &mut String, row: &Row) -> std::fmt::Result {
    let cpu: fn(&Sample) -> f64 = |sample| sample.server_cpu_ns_per_operation;
    let rate: fn(&Sample) -> f64 = |sample| sample.operations_per_s;
    let busy: fn(&Sample) -> f64 = |sample| sample.client_busy;
    let marked = |rate: Spread, busy: Spread| {
        let mark = if busy.median >= CLIENT_BUSY_LIMIT { "*" } else { "" };
        format!("{}{mark}", grouped(whole(rate.median.round())))
    };
    writeln!(
        page,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        row.transport.name(),
        row.operation_name(),
        row.pipeline,
        microseconds(row.subject(cpu).median),
        microseconds(row.baseline(cpu).median),
        ratio(row.ratio(cpu)),
        marked(row.subject(rate), row.subject(busy)),
        marked(row.baseline(rate), row.baseline(busy)),
        ratio(row.ratio(rate)),
    )
}

fn write_curve(page: &mut String, comparison: &Comparison) -> std::fmt::Result {
    let (a, b) = (&comparison.subject.name, &comparison.baseline.name);
    writeln!(
        page,
        "| ops/s offered | {a} p50 us | p90 | p99 | p99.9 | max | CPU us | {b} p50 us | p90 | p99 | p99.9 | max | CPU us |"
    )?;
    writeln!(page, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
    comparison.curve.iter().try_for_each(|point| write_point(page, point))
}

fn write_point(page: &mut String, point: &CurvePoint) -> std::fmt::Result {
    let rate = grouped(whole(point.rate_per_s.round()));
    writeln!(page, "| {rate} | {} | {} |", latencies(&point.subject), latencies(&point.baseline))
}

fn latencies(sample: &Sample) -> String {
    let latency = &sample.latency;
    let behind = if sample.unsent > 0 { " (behind)" } else { "" };
    let cells = [latency.p50_ns, latency.p90_ns, latency.p99_ns, latency.p999_ns, latency.max_ns]
        .map(|value_ns| microseconds(value_ns as f64));
    format!("{} | {}{behind}", cells.join(" | "), microseconds(sample.server_cpu_ns_per_operation))
}

/// A median with its ends.
pub(super) fn ratio(spread: Spread) -> String {
    format!("{:.2} ({:.2}-{:.2})", spread.median, spread.min, spread.max)
}

fn notes(comparison: &Comparison) -> Vec<String> {
    let (a, b) = (&comparison.subject.name, &comparison.baseline.name);
    let mut notes = vec![
        format!("Ratios are {a} over {b}: median (min-max) of the pairs. CPU below 1 and rate above 1 favour {a}."),
        "CPU is the total processor time of the server's process, kernel included, divided by the operations done; \
         a polling server's idle turns are in it."
            .into(),
        "Client and servers share the machine's cores; servers take turns, the one that waits is idle.".into(),
        "Closed-loop rates are peaks and no latencies; `*` marks rates at which the load generator was busy all \
         the time and may have been the limit."
            .into(),
        "Open-loop latencies count from the time a request was due (Poisson arrivals), so waiting behind a slow \
         server counts."
            .into(),
    ];
    if comparison.rows.iter().any(|row| row.keys_per_request > 1) {
        notes.push(
            "MGET-10 and MSET-10 are one request of 10 keys each, drawn on their own; an operation is the request.".into(),
        );
    }
    if comparison.baseline.protocol != Protocol::Resp {
        notes.push(format!(
            "{a} speaks RESP (GET, SET), {b} its meta commands (mg, ms), the cheapest it has for pipelines: same \
             keys, values and depth, not the same bytes."
        ));
    }
    if comparison.terms.pairs < PAIRS_TO_QUOTE {
        notes.push(format!("Fewer than {PAIRS_TO_QUOTE} pairs: not to be quoted."));
    }
    notes
}

/// A load generator on a core for more of the time than this may be what limits a rate.
pub(super) const CLIENT_BUSY_LIMIT: f64 = 0.95;
pub(super) const PAIRS_TO_QUOTE: u16 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::result::{ComparisonTerms, Pair, Transport};
    use crate::tally::Latency;
    use crate::workload::Mix;

    fn sample(cpu_ns: f64, rate: f64, client_busy: f64, unsent: u64) -> Sample {
        let latency = Latency {
            p50_ns: 20_000,
            p90_ns: 30_500,
            p99_ns: 100_400,
            p999_ns: 1_234_000,
            max_ns: 9_876_000,
            curve: Vec::new(),
        };
        Sample {
            operations: 1000,
            operations_per_s: rate,
            server_cpu_ns_per_operation: cpu_ns,
            client_cpu_ns_per_operation: 100.0,
            client_busy,
            unsent,
            resent: 0,
            latency,
        }
    }

    fn facts(name: &str, protocol: Protocol) -> Facts {
        Facts { name: name.into(), version: "1.0".into(), protocol, commands: vec![format!("{name} --x")] }
    }

    fn comparison() -> Comparison {
        let pair = |scale| Pair {
            subject: sample(500.0 * scale, 2e6, 0.99, 0),
            baseline: sample(1000.0, 1e6, 0.5, 0),
        };
        Comparison {
            peer: "memcached",
            machine: Machine {
                cpu_model: "Test CPU".into(),
                cores: 2,
                kernel: "Linux 6".into(),
                load_average: "0.1 0.2 0.3".into(),
                commit: Some("abc".into()),
                taken_at_s: 0,
            },
            load_average_after: "1.0 0.5 0.4".into(),
            subject: facts("Adit", Protocol::Resp),
            baseline: facts("memcached", Protocol::MemcachedMeta),
            terms: ComparisonTerms {
                keys: 100_000,
                key_bytes: 16,
                value_bytes: 64,
                connections: 50,
                pairs: 3,
                seconds_per_turn: 1.0,
                curve_seconds_per_turn: 1.0,
                curve_turns: 5,
            },
            rows: vec![Row {
                transport: Transport::Tcp,
                operation: Mix::Get,
                keys_per_request: 1,
                pipeline: 16,
                pairs: vec![pair(1.0), pair(0.8), pair(1.4)],
            }],
            curve: vec![CurvePoint {
                rate_per_s: 12_345.0,
                subject: sample(700.0, 12_345.0, 1.0, 0),
                baseline: sample(9_000.0, 12_000.0, 1.0, 7),
            }],
        }
    }

    const GOLDEN: &str = "\
# Adit and memcached

- Machine: Test CPU, 2 cores, Linux 6
- Load average: 0.1 0.2 0.3 before, 1.0 0.5 0.4 after
- Commit: abc
- Adit: 1.0; `Adit --x`
- memcached: 1.0; `memcached --x`
- Terms: 100,000 keys of 16 B, asked for alike; values of 64 B; 50 connections from one thread; 3 pairs of turns of 1 s

## CPU per operation and peak rate (closed loop)

| wire | operation | deep | Adit CPU us | memcached CPU us | CPU ratio | Adit ops/s | memcached ops/s | rate ratio |
|---|---|---:|---:|---:|---:|---:|---:|---:|
| TCP | GET | 16 | 0.50 | 1.00 | 0.50 (0.40-0.70) | 2,000,000* | 1,000,000 | 2.00 (2.00-2.00) |

## Latency at offered rates (open loop, GET over TCP, 1 deep)

| ops/s offered | Adit p50 us | p90 | p99 | p99.9 | max | CPU us | memcached p50 us | p90 | p99 | p99.9 | max | CPU us |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
| 12,345 | 20.0 | 30.5 | 100 | 1,234 | 9,876 | 0.70 | 20.0 | 30.5 | 100 | 1,234 | 9,876 | 9.00 (behind) |

## Notes
";

    #[test]
    fn the_page_is_as_drawn() {
        let page = markdown(&comparison());
        assert!(page.starts_with(GOLDEN), "{page}");
        assert!(page.contains("memcached its meta commands") && page.contains("not to be quoted"));
    }

    #[test]
    fn peers_of_one_protocol_need_no_note() {
        let mut comparison = comparison();
        comparison.baseline.protocol = Protocol::Resp;
        comparison.terms.pairs = 5;
        let page = markdown(&comparison);
        assert!(!page.contains("meta commands") && !page.contains("not to be quoted"));
    }
}
