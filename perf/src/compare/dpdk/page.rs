//! The Markdown of the comparison over ports of NICs.

use std::fmt::Write;

use super::placement::Distance;
use super::round::{
    ADIT, ADIT_KERNEL, ADIT_UNCHECKED, ADIT_XDP, ECHO, ECHO_16, ECHO_UNCHECKED, LOOPBACK, MEMCACHED_TCP,
    MEMCACHED_UDP, MEMIF, REDIS_TCP, TESTPMD, TESTPMD_16, VETH,
};
use super::{CurvePoint, Key, Report, Row, Sample};
use crate::compare::table::{told, write_goals, write_machine, write_notes};
use crate::number::{grouped, microseconds, whole};
use crate::spread::Spread;

/// Terms, goals, tables, notes.
pub(super) fn markdown(report: &Report) -> String {
    let mut page = String::new();
    write_page(&mut page, report).expect("a string takes everything");
    page
}

fn write_page(page: &mut String, report: &Report) -> std::fmt::Result {
    let Report { machine, load_average_after, servers, terms, .. } = report;
    writeln!(page, "# Ports of NICs beside testpmd, memcached and Redis\n")?;
    write_machine(page, machine, load_average_after)?;
    for server in servers {
        writeln!(page, "- {}: {}; `{}`", server.name, server.version, server.command)?;
    }
    writeln!(
        page,
        "- Terms: {} keys of {} B, asked for alike; values of {} B; {} rounds of turns of {} s; servers on one core, \
         clients on another",
        grouped(terms.keys),
        report.key_bytes,
        report.value_bytes,
        terms.pairs,
        terms.seconds
    )?;
    writeln!(page, "- Cores: {}", placements(report))?;
    report.missing.iter().try_for_each(|text| writeln!(page, "- Not measured: {text}"))?;
    write_goals(page, &goals(report))?;
    write_echoes(page, report)?;
    write_memif(page, report)?;
    write_loopback(page, report)?;
    write_veth(page, report)?;
    write_curve(page, report)?;
    write_notes(page, NOTES, terms.pairs)
}

/// How far apart the cores were.
fn placements(report: &Report) -> String {
    let samples =
        || report.rows.iter().flat_map(|row| &row.samples).chain(report.curve.iter().map(|it| &it.sample));
    let of = |distance: Distance| {
        let at = || samples().filter(move |sample| sample.placement.distance() == distance);
        let round_trips = at().flat_map(|sample| [sample.placement.before_ns, sample.placement.after_ns]);
        format!(
            "{} turns {}, round trip {} ns",
            at().count(),
            distance.name(),
            Spread::of(round_trips).text()
        )
    };
    let told =
        Distance::ALL.map(|distance| (samples().any(|it| it.placement.distance() == distance), of(distance)));
    let told: Vec<String> = told.into_iter().filter(|(is_any, _)| *is_any).map(|(_, text)| text).collect();
    told.join("; ")
}

/// Each as the cells of a row.
fn goals(report: &Report) -> Vec<String> {
    let get =
        |server, wire, clients, in_flight| report.row(Key { wire, server, work: "GET", clients, in_flight });
    let adit = get(ADIT, MEMIF, 1, 32);
    let mut goals = Vec::new();
    for name in [ECHO, ECHO_UNCHECKED, ECHO_16] {
        if let Some(found) = echo_difference(report, name, 32) {
            let held = told(found.median <= ECHO_DIFFERENCE_NS_MAX);
            goals.push(format!(
                "{name}, 32 in flight: at most {ECHO_DIFFERENCE_NS_MAX} ns per packet over testpmd | {} ns | {held}",
                one_place(found)
            ));
        }
    }
    for name in [ADIT, ADIT_UNCHECKED] {
        if let Some(found) = sum_ratio(report, name, busy_ns) {
            let held = told(found.median <= SUM_RATIO_MAX);
            goals.push(format!(
                "{name}, GET over memif, 32 in flight: busy time at most {SUM_RATIO_MAX} of packet and GET by themselves | {} | {held}",
                found.ratio_text()
            ));
        }
    }
    let peers = [
        (MEMCACHED_UDP, 1, 32),
        (MEMCACHED_TCP, 1, 32),
        (REDIS_TCP, 1, 32),
        (MEMCACHED_UDP, 50, 1),
        (MEMCACHED_TCP, 50, 1),
        (REDIS_TCP, 50, 1),
    ];
    for (server, clients, in_flight) in peers {
        let Some((peer, adit)) = get(server, LOOPBACK, clients, in_flight).zip(adit) else { continue };
        let goal = if server == REDIS_TCP { REDIS_GOAL } else { MEMCACHED_GOAL };
        if let Some(found) = beside(peer, adit, server_cpu_ns, busy_ns) {
            let held = told(found.median >= goal);
            goals.push(format!(
                "{server}, {clients} x {in_flight}: {goal} times Adit's busy time over memif | {} | {held}",
                found.ratio_text()
            ));
        }
    }
    if let Some((peer, xdp)) = get(MEMCACHED_UDP, VETH, 1, 32).zip(get(ADIT_XDP, VETH, 1, 32)) {
        for (name, figure) in [("busy time", busy_ns as Figure), ("all CPU", server_cpu_ns)] {
            let Some(found) = beside(peer, xdp, server_cpu_ns, figure) else { continue };
            let held = told(found.median >= XDP_GOAL);
            goals.push(format!(
                "memcached UDP over veth, 32 in flight: {XDP_GOAL} times Adit over af_xdp, {name} | {} | {held}",
                found.ratio_text()
            ));
        }
    }
    goals
}

fn write_echoes(page: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(page, "\n## Packets of 64 B that are turned around, over memif\n")?;
    writeln!(page, "| in flight | server | ns per packet | over testpmd, ns | round trip p50 us | p99 |")?;
    writeln!(page, "|---:|---|---|---:|---:|---:|")?;
    for row in report.rows.iter().filter(|row| row.key.work == "echo") {
        let difference = match row.key.server {
            TESTPMD | TESTPMD_16 => String::new(),
            name => echo_difference(report, name, row.key.in_flight).map_or_else(none, one_place),
        };
        writeln!(
            page,
            "| {} | {} | {} | {difference} | {} | {} |",
            row.key.in_flight,
            row.key.server,
            by_distance(row, ns_per_packet, one_place),
            cell(row.settled(p50_ns), us),
            cell(row.settled(p99_ns), us),
        )?;
    }
    Ok(())
}

fn write_memif(page: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(page, "\n## GET and SET over memif (closed loop)\n")?;
    writeln!(
        page,
        "| operation | in flight | busy ns | of a turn | all CPU ns | client ns | ns between replies | ops/s | p50 us | p99 |"
    )?;
    writeln!(page, "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|")?;
    for row in report
        .rows
        .iter()
        .filter(|row| row.key.wire == MEMIF && row.key.server.starts_with(ADIT) && row.key.work != "echo")
    {
        writeln!(
            page,
            "| {}{} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.key.work,
            row.key.server.trim_start_matches(ADIT),
            row.key.in_flight,
            by_distance(row, busy_ns, Spread::text),
            cell(row.settled(|sample| sample.batch), one_place),
            cell(row.settled(server_cpu_ns), Spread::text),
            cell(row.settled(|sample| sample.client_cpu_ns), Spread::text),
            cell(row.settled(between_ns), Spread::text),
            cell(row.settled(|sample| Some(sample.operations_per_s)), median),
            cell(row.settled(p50_ns), us),
            cell(row.settled(p99_ns), us),
        )?;
    }
    writeln!(page, "\nOf a GET with 32 in flight, by itself:\n\n| | ns |\n|---|---:|")?;
    let testpmd = report.row(Key { wire: MEMIF, server: TESTPMD, work: "echo", clients: 1, in_flight: 32 });
    let packet = testpmd.and_then(|row| row.settled(ns_per_packet));
    let get = Spread::of(report.path_get_ns.iter().copied());
    writeln!(page, "| a packet: testpmd's echo | {} |", cell(packet, one_place))?;
    writeln!(page, "| a GET: a shard without a wire (`adit perf path`, 16 together) | {} |", one_place(get))?;
    writeln!(
        page,
        "| busy time over the sum of both | {} |",
        cell(sum_ratio(report, ADIT, busy_ns), Spread::ratio_text)
    )?;
    writeln!(
        page,
        "| the same without checksums of IP and UDP, of which both parts have none | {} |",
        cell(sum_ratio(report, ADIT_UNCHECKED, busy_ns), Spread::ratio_text)
    )?;
    writeln!(
        page,
        "| time between replies over the sum of both | {} |",
        cell(sum_ratio(report, ADIT, between_ns), Spread::ratio_text)
    )
}

fn write_loopback(page: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(page, "\n## GET: peers over loopback, beside Adit over memif with 32 in flight\n")?;
    writeln!(
        page,
        "| server | clients | in flight | CPU ns | over Adit's busy time | over all its CPU | ops/s |"
    )?;
    writeln!(page, "|---|---:|---:|---:|---:|---:|---:|")?;
    let adit = report.row(Key { wire: MEMIF, server: ADIT, work: "GET", clients: 1, in_flight: 32 });
    for row in report.rows.iter().filter(|row| row.key.wire == LOOPBACK) {
        let over = |figure: Figure| adit.and_then(|adit| beside(row, adit, server_cpu_ns, figure));
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} |",
            row.key.server,
            row.key.clients,
            row.key.in_flight,
            cell(row.settled(server_cpu_ns), Spread::text),
            cell(over(busy_ns), Spread::ratio_text),
            cell(over(server_cpu_ns), Spread::ratio_text),
            cell(row.settled(|sample| Some(sample.operations_per_s)), median),
        )?;
    }
    Ok(())
}

fn write_veth(page: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(page, "\n## GET over one wire of the kernel: veth, a client with a kernel UDP socket\n")?;
    writeln!(
        page,
        "| server | in flight | busy ns | all CPU ns | memcached over busy | memcached over all | ops/s | p50 us | p99 | resent |"
    )?;
    writeln!(page, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
    for row in report.rows.iter().filter(|row| row.key.wire == VETH) {
        let memcached =
            report.row(Key { server: MEMCACHED_UDP, ..row.key }).filter(|peer| peer.key != row.key);
        let over = |figure: Figure| memcached.and_then(|peer| beside(peer, row, server_cpu_ns, figure));
        // A shard that sleeps in epoll has no use for the time of its turns.
        let polled: Figure = if row.key.server == ADIT_KERNEL { |_| None } else { busy_ns };
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.key.server,
            row.key.in_flight,
            cell(row.settled(polled), Spread::text),
            cell(row.settled(server_cpu_ns), Spread::text),
            cell(over(polled), Spread::ratio_text),
            cell(over(server_cpu_ns), Spread::ratio_text),
            cell(row.settled(|sample| Some(sample.operations_per_s)), median),
            cell(row.settled(p50_ns), us),
            cell(row.settled(p99_ns), us),
            row.samples.iter().map(|sample| sample.resent).sum::<u64>(),
        )?;
    }
    Ok(())
}

fn write_curve(page: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(page, "\n## GET latency at offered rates, over memif (open loop)\n")?;
    writeln!(
        page,
        "| of the peak | offered/s | done/s | p50 us | p90 | p99 | p99.9 | max | never sent | cores |"
    )?;
    writeln!(page, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|")?;
    report.curve.iter().try_for_each(|point| write_point(page, point))
}

fn write_point(page: &mut String, point: &CurvePoint) -> std::fmt::Result {
    let CurvePoint { share, rate_per_s, sample } = point;
    let latency = &sample.latency;
    let [p50, p90, p99, p999, max] =
        [latency.p50_ns, latency.p90_ns, latency.p99_ns, latency.p999_ns, latency.max_ns]
            .map(|value_ns| microseconds(value_ns as f64));
    writeln!(
        page,
        "| {:.0} % | {} | {} | {p50} | {p90} | {p99} | {p999} | {max} | {} | {} ({:.0}, {:.0} ns) |",
        share * 100.0,
        grouped(whole(*rate_per_s)),
        grouped(whole(sample.operations_per_s)),
        grouped(sample.unsent),
        sample.placement.distance().name(),
        sample.placement.before_ns,
        sample.placement.after_ns,
    )
}

/// Nanoseconds per packet of one of our echoes beyond testpmd's, round by round.
fn echo_difference(report: &Report, server: &'static str, in_flight: u64) -> Option<Spread> {
    let of = |server| report.row(Key { wire: MEMIF, server, work: "echo", clients: 1, in_flight });
    // Who takes half as many at a time is compared with who does so, too.
    let testpmd = if server == ECHO_16 { TESTPMD_16 } else { TESTPMD };
    of(server)?.beside(of(testpmd)?, ns_per_packet, ns_per_packet, |ours, testpmd| ours - testpmd)
}

/// A figure of GETs over memif over the sum of its parts, round by round.
fn sum_ratio(report: &Report, server: &'static str, figure: Figure) -> Option<Spread> {
    let testpmd =
        report.row(Key { wire: MEMIF, server: TESTPMD, work: "echo", clients: 1, in_flight: 32 })?;
    let get = report.row(Key { wire: MEMIF, server, work: "GET", clients: 1, in_flight: 32 })?;
    let packet_and_get =
        |sample: &Sample| Some(ns_per_packet(sample)? + report.path_get_ns.get(usize::from(sample.round))?);
    get.beside(testpmd, figure, packet_and_get, |found, sum| found / sum)
}

/// A figure of a peer over one of ours, round by round.
fn beside(peer: &Row, ours: &Row, figure: Figure, others: Figure) -> Option<Spread> {
    let positive = |sample: &Sample| others(sample).filter(|value| *value > 0.0);
    peer.beside(ours, figure, positive, |peer, ours| peer / ours)
}

type Figure = fn(&Sample) -> Option<f64>;

fn busy_ns(sample: &Sample) -> Option<f64> {
    sample.busy_ns
}

fn server_cpu_ns(sample: &Sample) -> Option<f64> {
    sample.server_cpu_ns
}

fn ns_per_packet(sample: &Sample) -> Option<f64> {
    sample.ns_per_packet
}

fn between_ns(sample: &Sample) -> Option<f64> {
    Some(1e9 / sample.operations_per_s)
}

fn p50_ns(sample: &Sample) -> Option<f64> {
    Some(sample.latency.p50_ns as f64)
}

fn p99_ns(sample: &Sample) -> Option<f64> {
    Some(sample.latency.p99_ns as f64)
}

/// A figure at each distance that there was; one that changed only if there was no other.
fn by_distance(row: &Row, figure: Figure, text: fn(Spread) -> String) -> String {
    let at = |distance| {
        row.at(distance, figure).map(|spread| format!("{} {}", Distance::name(distance), text(spread)))
    };
    let settled = Distance::ALL.into_iter().filter(|distance| *distance != Distance::Mixed);
    let told: Vec<String> = settled.filter_map(at).collect();
    if told.is_empty() { at(Distance::Mixed).unwrap_or_else(none) } else { told.join("; ") }
}

fn cell(spread: Option<Spread>, text: impl Fn(Spread) -> String) -> String {
    spread.map_or_else(none, text)
}

fn none() -> String {
    "-".into()
}

fn median(spread: Spread) -> String {
    grouped(whole(spread.median.round()))
}

fn us(spread: Spread) -> String {
    microseconds(spread.median)
}

fn one_place(spread: Spread) -> String {
    format!("{:.1} ({:.1}-{:.1})", spread.median, spread.min, spread.max)
}

const ECHO_DIFFERENCE_NS_MAX: f64 = 10.0;
const SUM_RATIO_MAX: f64 = 1.15;
const MEMCACHED_GOAL: f64 = 6.0;
const REDIS_GOAL: f64 = 10.0;
const XDP_GOAL: f64 = 2.0;
const NOTES: &str = "
## Notes

- Each figure is the median (min-max) of its turns. A turn is \"shared\", \"near\" or \"far\" if before and after it a
  cache line took below 75 ns, below 200 ns or more to the other core and back: the host moves its virtual cores, and the
  shared ones are two threads of one core, which take from each other. Turns in which that changed are \"mixed\", and count
  only where there are no others. Ratios and differences are of turns of the same round with the same distance, or of the
  medians at each distance if there are no such rounds.
- Busy time is what the server counts for turns that found work, by the clock, so it has in it what others take from its
  core. All CPU is the processor time of its process: a server that polls takes its core for as long as something may come.
  Peers sleep in epoll: their processor time is their work.
- A packet's time is that between packets that come back, of the middle of stretches of 256: of the slower of both sides,
  not of the server alone. testpmd swaps the addresses of Ethernet and looks at nothing else; our echo checks Ethernet,
  IPv4 and UDP with both checksums, or one, and swaps three pairs of addresses.
- Over memif client and server share memory: the peers' loopback TCP and UDP are another wire. The rows over veth have one
  wire and one client for all: a kernel UDP socket, one message for each datagram, transmit checksums by software.
- Each client keeps as many requests on their way at all times. memcached over UDP: `get`, one to a datagram; over TCP:
  `mg`. Redis: GET, without persistence. Adit: GET with CRC32C both ways, in a session. The client over memif verifies
  the checksum, session, number, status and length of a reply, that over sockets also its value.
- Open loop: Poisson arrivals, latency from the time a request was due, so waiting behind a slow server counts. The server
  naps when nothing came for 100 us, which is in the latencies of low rates.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::dpdk::round::ADIT_PACKET;
    use crate::compare::dpdk::{DpdkPlan, Placement};
    use crate::machine::Machine;
    use crate::tally::Latency;

    fn sample(round: u16, round_trip_ns: f64, ns: f64) -> Sample {
        let latency = Latency {
            p50_ns: 1_000,
            p90_ns: 2_000,
            p99_ns: 3_000,
            p999_ns: 4_000,
            max_ns: 5_000,
            curve: vec![],
        };
        Sample {
            round,
            placement: Placement { before_ns: round_trip_ns, after_ns: round_trip_ns },
            operations_per_s: 5e6,
            ns_per_packet: Some(ns),
            busy_ns: Some(ns),
            batch: Some(32.0),
            server_cpu_ns: Some(2.0 * ns),
            client_cpu_ns: Some(ns),
            unsent: 0,
            resent: 0,
            latency,
        }
    }

    fn report() -> Report {
        let row = |wire, server, work, in_flight, ns: f64| Row {
            key: Key { wire, server, work, clients: 1, in_flight },
            samples: vec![sample(0, 110.0, ns), sample(1, 500.0, 2.0 * ns)],
        };
        Report {
            machine: Machine::here(),
            load_average_after: "0 0 0".into(),
            servers: vec![],
            terms: DpdkPlan { keys: 1000, pairs: 2, seconds: 0.1 },
            key_bytes: 16,
            value_bytes: 64,
            path_get_ns: vec![60.0, 60.0],
            rows: vec![
                row(MEMIF, TESTPMD, "echo", 32, 40.0),
                row(MEMIF, ECHO, "echo", 32, 45.0),
                row(MEMIF, ADIT, "GET", 32, 120.0),
                row(LOOPBACK, MEMCACHED_UDP, "GET", 32, 1_200.0),
                row(VETH, MEMCACHED_UDP, "GET", 32, 3_000.0),
                row(VETH, ADIT_XDP, "GET", 32, 2_000.0),
                row(VETH, ADIT_PACKET, "GET", 32, 2_500.0),
            ],
            curve: vec![CurvePoint { share: 0.5, rate_per_s: 1e6, sample: sample(0, 110.0, 1.0) }],
            missing: vec!["Adit, af_xdp: no such driver".into()],
        }
    }

    #[test]
    fn figures_are_told_by_distance_and_round() {
        let report = report();
        let page = markdown(&report);
        for text in [
            "| 32 | Adit's echo | near 45.0 (45.0-45.0); far 90.0 (90.0-90.0) | 7.5 (5.0-10.0) |",
            "32 in flight: at most 10 ns per packet over testpmd | 7.5 (5.0-10.0) ns | held",
            // 120 over 40 + 60, and 240 over 80 + 60.
            "busy time at most 1.15 of packet and GET by themselves | 1.46 (1.20-1.71) | missed",
            "memcached UDP, 1 x 32: 6 times Adit's busy time over memif | 20.00 (20.00-20.00) | held",
            "2 times Adit over af_xdp, busy time | 3.00 (3.00-3.00) | held",
            "2 times Adit over af_xdp, all CPU | 1.50 (1.50-1.50) | missed",
            "| 50 % | 1,000,000 |",
            "- Not measured: Adit, af_xdp: no such driver",
            "not to be quoted",
        ] {
            assert!(page.contains(text), "{text} is missing: {page}");
        }
    }

    #[test]
    fn turns_that_moved_do_not_count_beside_others() {
        let mut report = report();
        report.rows[0].samples[1].placement.after_ns = 110.0;
        assert_eq!(echo_difference(&report, ECHO, 32).unwrap().max, 5.0);
        assert_eq!(report.rows[0].settled(ns_per_packet).unwrap().max, 40.0);
        report.rows[0].samples.remove(0);
        assert!(echo_difference(&report, ECHO, 32).is_none(), "there are no others");
        report.rows[0].samples[0].placement.after_ns = 500.0;
        report.rows[0].samples[0].round = 7;
        assert_eq!(echo_difference(&report, ECHO, 32).unwrap().max, 10.0, "of another round");
        assert!(echo_difference(&report, ECHO_UNCHECKED, 32).is_none());
    }
}
