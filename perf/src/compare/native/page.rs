//! The Markdown of the native comparison.

use std::fmt::Write;

use super::{Case, Peer, Report, Run, Work, cpu_ns, wire_name};
use crate::compare::result::Sample;
use crate::compare::table::{CLIENT_BUSY_LIMIT, ratio, told, write_facts, write_goals, write_notes};
use crate::load::Way;
use crate::number::{grouped, microseconds, whole};
use crate::workload::Mix;

/// Terms, goals, tables, notes.
pub(super) fn markdown(report: &Report) -> String {
    let mut page = String::new();
    write_page(&mut page, report).expect("a string takes everything");
    page
}

fn write_page(page: &mut String, report: &Report) -> std::fmt::Result {
    let Report { machine, load_average_after, servers, terms, .. } = report;
    writeln!(page, "# The native protocol beside memcached and Redis\n")?;
    write_facts(page, machine, load_average_after, &servers.iter().collect::<Vec<_>>())?;
    writeln!(
        page,
        "- Terms: {} keys of {} B, asked for alike; values of {} B; clients on one thread; {} rounds of turns of {} s",
        grouped(terms.keys),
        report.key_bytes,
        report.value_bytes,
        terms.pairs,
        terms.seconds,
    )?;
    write_goals(page, &goals(report))?;
    writeln!(page, "\n## CPU per operation (closed loop)\n")?;
    writeln!(
        page,
        "| operation | clients | in flight | wire | CPU us | memcached over it | redis over it | ops/s | resent |"
    )?;
    writeln!(page, "|---|---:|---:|---|---:|---:|---:|---:|---:|")?;
    for case in &report.cases {
        case.runs.iter().try_for_each(|run| write_cpu(page, case, run))?;
    }
    writeln!(page, "\n## Round trip of a lone client (1 in flight, closed loop)\n")?;
    writeln!(page, "| operation | wire | p50 us | p50 of turns | p90 | p99 | p99.9 | max |")?;
    writeln!(page, "|---|---|---:|---:|---:|---:|---:|---:|")?;
    for case in report.cases.iter().filter(|case| is_lone(case)) {
        case.runs.iter().try_for_each(|run| write_round_trip(page, case, run))?;
    }
    write_notes(page, NOTES, terms.pairs)
}

/// Each as the cells of a row.
fn goals(report: &Report) -> Vec<String> {
    let find = |in_flight, way| {
        let work = Work { operation: Mix::Get, clients: 1, in_flight };
        let cases = report.cases.iter().filter(|case| case.work == work);
        cases.flat_map(|case| case.runs.iter().map(move |run| (case, run))).find(|(_, run)| run.way == way)
    };
    let cheaper =
        [(Way::NativeUdp, 1.3), (Way::NativeUdpOffload, 2.5)].into_iter().filter_map(|(way, goal)| {
            let (case, run) = find(32, way)?;
            let found = case.times_less(run, Peer::Memcached, cpu_ns)?;
            let name = wire_name(way);
            let held = told(found.median >= goal);
            Some(format!("GET, 32 in flight, {name}: {goal} times less CPU | {} | {held}", ratio(found)))
        });
    let round_trip = find(1, Way::NativeUdp).map(|(_, run)| {
        let found_ns = run.latency.p50_ns;
        let (found, held) = (microseconds(found_ns as f64), told(found_ns < ROUND_TRIP_NS_MAX));
        format!("GET, lone client, native UDP: p50 below 30 us | {found} | {held}")
    });
    cheaper.chain(round_trip).collect()
}

fn write_cpu(page: &mut String, case: &Case, run: &Run) -> std::fmt::Result {
    let busy = run.spread(|sample| sample.client_busy).median;
    let rate = run.spread(|sample| sample.operations_per_s).median;
    let [over_memcached, over_redis] = [Peer::Memcached, Peer::Redis].map(|peer| {
        let spread = case.times_less(run, peer, cpu_ns).filter(|_| Peer::of(run.way) != Some(peer));
        spread.map(ratio).unwrap_or_default()
    });
    let mark = if busy >= CLIENT_BUSY_LIMIT { "*" } else { "" };
    writeln!(
        page,
        "| {} | {} | {} | {} | {} | {over_memcached} | {over_redis} | {}{mark} | {} |",
        operation_name(case),
        case.work.clients,
        case.work.in_flight,
        wire_name(run.way),
        microseconds(run.spread(cpu_ns).median),
        grouped(whole(rate.round())),
        run.samples.iter().map(|sample| sample.resent).sum::<u64>(),
    )
}

fn write_round_trip(page: &mut String, case: &Case, run: &Run) -> std::fmt::Result {
    let latency = &run.latency;
    let median: fn(&Sample) -> f64 = |sample| sample.latency.p50_ns as f64;
    let turns = run.spread(median);
    let [p50, p90, p99, p999, max] =
        [latency.p50_ns, latency.p90_ns, latency.p99_ns, latency.p999_ns, latency.max_ns]
            .map(|value_ns| microseconds(value_ns as f64));
    writeln!(
        page,
        "| {} | {} | {p50} | {}-{} | {p90} | {p99} | {p999} | {max} |",
        operation_name(case),
        wire_name(run.way),
        microseconds(turns.min),
        microseconds(turns.max),
    )
}

fn is_lone(case: &Case) -> bool {
    (case.work.clients, case.work.in_flight) == (1, 1)
}

fn operation_name(case: &Case) -> String {
    format!("{:?}", case.work.operation).to_uppercase()
}

const ROUND_TRIP_NS_MAX: u64 = 30_000;
const NOTES: &str = "
## Notes

- \"memcached over it\" and \"redis over it\" are their CPU over that of the row, turn by turn: median (min-max). Above 1
  favours the row. Those of one wire take turns: UDP beside UDP, TCP beside TCP.
- CPU is the total processor time of the server's process, kernel included, divided by the operations done.
- One load generator drives all rows, each client with as many requests on their way at all times. UDP: recvmmsg and
  sendmmsg, one message for each datagram; only with GSO and GRO its trains travel whole, both ways. Adit's own socket
  has both offloads in all rows. TCP: what is begun together is sent together.
- memcached over UDP: `get` and `set`, one to a datagram, with its UDP head; its replies to SET are as reliable as UDP is.
  Over TCP: `mg` and `ms`, the cheapest it has for pipelines. Redis: GET and SET, without persistence. Adit: GET and PUT
  with CRC32C, in a session; a PUT that is sent again is applied once.
- Clients sleep in epoll until a reply is there. Round trips are of all turns together; waits of clients that hold back
  are not in them. Client and servers share the machine's cores.
- `*` marks rates at which the load generator was busy all the time and may have been the limit. Resent are datagrams
  that were not answered within 200 ms.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::native::{MEMCACHED_TCP, NativePlan, REDIS_TCP};
    use crate::compare::result::Facts;
    use crate::machine::Machine;
    use crate::protocol::{Protocol, ReplyKind};
    use crate::tally::Tally;

    /// Two turns of 10 requests each, with the server's time per request and the latency of all.
    fn run(way: Way, cpu_ns: [u64; 2], latency_ns: u64) -> Run {
        let mut total = Tally::new();
        let samples = cpu_ns.map(|cpu_ns| {
            let mut tally = Tally::new();
            (0..10).for_each(|_| tally.count(ReplyKind::Ok, b"", latency_ns));
            (tally.server_cpu_ns, tally.elapsed_ns, tally.resent) = (Some(cpu_ns * 10), 1_000_000, 1);
            total.append(tally.clone());
            Sample::without_curve(&tally)
        });
        Run { way, samples: samples.into(), latency: total.latency() }
    }

    #[test]
    fn the_page_tells_ratios_turn_by_turn_and_whether_goals_are_held() {
        let facts = |name: &str| Facts {
            name: name.into(),
            version: "1".into(),
            protocol: Protocol::Resp,
            commands: vec![name.into()],
        };
        let many = vec![
            run(Way::MemcachedUdp, [4_000, 6_000], 70_000),
            run(Way::NativeUdp, [2_000, 2_000], 70_000),
            run(Way::NativeUdpOffload, [2_000, 3_000], 70_000),
        ];
        let lone = vec![run(Way::MemcachedUdp, [8_000; 2], 20_000), run(Way::NativeUdp, [9_000; 2], 40_000)];
        let streams = vec![
            run(MEMCACHED_TCP, [2_000, 3_000], 70_000),
            run(REDIS_TCP, [4_000, 4_000], 70_000),
            run(Way::NativeTcp, [1_000, 1_000], 70_000),
        ];
        let work = |in_flight| Work { operation: Mix::Get, clients: 1, in_flight };
        let page = markdown(&Report {
            machine: Machine::here(),
            load_average_after: "1".into(),
            servers: ["Adit", "memcached", "redis"].map(facts).into(),
            terms: NativePlan { keys: 1_000, pairs: 2, seconds: 1.0 },
            key_bytes: 16,
            value_bytes: 64,
            cases: vec![
                Case { work: work(32), runs: streams },
                Case { work: work(32), runs: many },
                Case { work: work(1), runs: lone },
            ],
        });
        for line in [
            "| GET, 32 in flight, native UDP: 1.3 times less CPU | 2.50 (2.00-3.00) | held |",
            "| GET, 32 in flight, native UDP, GSO and GRO: 2.5 times less CPU | 2.00 (2.00-2.00) | missed |",
            "| GET, lone client, native UDP: p50 below 30 us | 40.0 | missed |",
            "| GET | 1 | 32 | memcached UDP | 5.00 |  |  | 10,000 | 2 |",
            "| GET | 1 | 32 | native UDP | 2.00 | 2.50 (2.00-3.00) |  | 10,000 | 2 |",
            "| GET | 1 | 32 | memcached TCP | 2.50 |  | 1.67 (1.33-2.00) | 10,000 | 2 |",
            "| GET | 1 | 32 | redis TCP | 4.00 | 0.62 (0.50-0.75) |  | 10,000 | 2 |",
            "| GET | 1 | 32 | native TCP | 1.00 | 2.50 (2.00-3.00) | 4.00 (4.00-4.00) | 10,000 | 2 |",
            "| GET | native UDP | 40.0 | 40.0-40.0 | 40.0 | 40.0 | 40.0 | 40.0 |",
            "- Fewer than 5 rounds: not to be quoted.",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}
