//! The Markdown of a comparison of caches.

use std::fmt::Write;

use crate::compare::eviction::{Report, Row};
use crate::compare::table::write_machine;
use crate::number::{grouped, microseconds, per};

/// Terms, table, notes.
pub(super) fn markdown(report: &Report) -> String {
    let mut page = String::new();
    write_page(&mut page, report).expect("a string takes everything");
    page
}

fn write_page(page: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(page, "# Hit ratios of caches that evict\n")?;
    write_machine(page, &report.machine, &report.load_average_after)?;
    // The two servers of the first data set; the others were started alike.
    for row in report.rows.iter().take(2) {
        writeln!(page, "- {}: {}; `{}`", row.server, row.version, row.command)?;
    }
    writeln!(
        page,
        "- Terms: `CONFIG SET maxmemory-policy allkeys-lru`; {} keys, {}; {} requests, GET and on a miss SET\n",
        grouped(report.keys),
        report.key_distribution,
        grouped(report.requests),
    )?;
    let reference = report.reference;
    writeln!(
        page,
        "Half of the keys, without a server: an exact LRU finds {:.2} %, the keys asked for most {:.2} %.\n",
        100.0 * reference.exact_lru,
        100.0 * reference.most_asked_for,
    )?;
    writeln!(
        page,
        "| values | equal | server | hit ratio | keys resident | of all | maxmemory MiB | used_memory MiB | RSS MiB | evicted | refused | s | CPU us |"
    )?;
    writeln!(page, "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
    report.rows.iter().try_for_each(|row| write_row(page, report, row))?;
    page.write_str(NOTES)
}

fn write_row(page: &mut String, report: &Report, row: &Row) -> std::fmt::Result {
    let outcome = &row.outcome;
    let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1_048_576.0);
    writeln!(
        page,
        "| {} | {} | {} | {:.2} % | {} | {:.1} % | {} | {} | {} | {} | {} | {:.0} | {} |",
        row.values,
        row.equal,
        row.server,
        100.0 * per(outcome.hits, outcome.requests),
        grouped(outcome.resident_keys),
        100.0 * per(outcome.resident_keys, report.keys),
        mebibytes(outcome.maxmemory_bytes),
        mebibytes(outcome.used_memory_bytes),
        mebibytes(outcome.rss_bytes),
        outcome.evicted_keys.map_or_else(|| "not told".into(), grouped),
        grouped(outcome.refused),
        outcome.elapsed_s,
        microseconds(outcome.server_cpu_ns_per_request),
    )
}

const NOTES: &str = "
## Notes

- Each row is a fresh server: every key is written once, in order, then come the requests. Hit ratio, seconds, CPU per
  request and keys resident (mean of 20 samples) are of the second half of the requests.
- Equal keys: maxmemory was sought so that half of the keys stay. Equal bytes: Adit with Redis's maxmemory, to be compared
  with the row of Redis above it. Each server counts maxmemory in its own way; RSS is the kernel's.
- The keys asked for are the same, in the same order. ETC is the mix of sizes of Facebook's pool of that name.
- Redis tells ages apart by the second and picks the oldest of 5 samples, as it does unless told otherwise.
- CPU is the total processor time of the server's process per request, the SETs of misses included.
";
