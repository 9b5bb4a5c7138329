//! The Markdown of a transfer.

use std::fmt::Write;

use crate::number::{grouped, microseconds, per, whole};
use crate::tally::Latency;
use crate::transfer::{StepReport, TransferReport};

/// Terms, table, notes.
pub(super) fn markdown(report: &TransferReport) -> String {
    let mut page = String::new();
    write_page(&mut page, report).expect("a string takes everything");
    page
}

fn write_page(page: &mut String, report: &TransferReport) -> std::fmt::Result {
    let machine = &report.machine;
    writeln!(page, "# A value of {} MiB beside GETs of 1 KiB\n", mebibytes(report.value_bytes))?;
    writeln!(page, "- Machine: {}, {} cores, {}", machine.cpu_model, machine.cores, machine.kernel)?;
    writeln!(page, "- Load average: {} before, {} after", machine.load_average, report.load_average_after)?;
    writeln!(page, "- Commit: {}", machine.commit.as_deref().unwrap_or("unknown"))?;
    writeln!(
        page,
        "- Terms: {}, {} rounds; GETs one at a time on one connection",
        report.target, report.rounds
    )?;
    writeln!(page, "- The server held {} MiB at the start", mebibytes(report.start.now_bytes))?;
    let turn =
        report.turn_bytes_max.map_or_else(|| "not told".into(), |bytes| format!("{} B", grouped(bytes)));
    writeln!(page, "- Most bytes of one turn: {turn}\n")?;
    writeln!(
        page,
        "| beside the GETs | MiB/s | GETs | p50 us | p99 us | max us | RSS before MiB | peak | after | growth | must hold | growth - must hold |"
    )?;
    writeln!(page, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
    writeln!(page, "| nothing | | | {} | | | | | | |", latencies(&report.alone))?;
    report.steps.iter().try_for_each(|step| write_step(page, report, step))?;
    page.write_str(NOTES)
}

fn write_step(page: &mut String, report: &TransferReport, step: &StepReport) -> std::fmt::Result {
    let growth_bytes = step.after.peak_bytes.saturating_sub(report.start.now_bytes);
    let held_bytes = step.step.held_bytes(report.value_bytes);
    let mark = if growth_bytes > held_bytes + SLACK_BYTES { " (over)" } else { "" };
    writeln!(
        page,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.1}{mark} |",
        step.step.name(),
        grouped(whole(per(step.bytes, step.elapsed_ns) * 1e9 / MEBIBYTE)),
        grouped(step.gets),
        latencies(&step.latency),
        mebibytes(step.before.now_bytes),
        mebibytes(step.after.peak_bytes),
        mebibytes(step.after.now_bytes),
        mebibytes(growth_bytes),
        mebibytes(held_bytes),
        (growth_bytes as f64 - held_bytes as f64) / MEBIBYTE,
    )
}

fn latencies(latency: &Latency) -> String {
    [latency.p50_ns, latency.p99_ns, latency.max_ns].map(|ns| microseconds(ns as f64)).join(" | ")
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / MEBIBYTE)
}

const MEBIBYTE: f64 = 1_048_576.0;
/// What a transfer may take beside what must be held.
const SLACK_BYTES: u64 = 16 * 1024 * 1024;
const NOTES: &str = "
- Growth is the peak of a step over the start, in the first round; a server keeps pages that it has touched, so later
  rounds show nothing new. The steps are in the order of what they must hold.
- Must hold: the value; for SETRANGE also its argument, which is whole before the value changes; for SET over a value the
  old one as well, which stays until the new one is whole. `(over)` marks more than 16 MiB above it.
- Latencies are of a closed loop; two clients and the server share the machine's cores.
";
