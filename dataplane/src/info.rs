//! The text of `INFO`: sections of `name:value` lines, in Redis's names where it has one.
//!
//! Shards publish their counters once a turn, so what other shards do meanwhile may be missing. The time that commands
//! take is not measured: `usec` is 0. The peak of the memory is the sum of the peaks of the shards.

use std::fmt::Write;

use adit_drivers::process::Usage;

use crate::parameters::policy_name;
use crate::plan::{Arguments, upper};
use crate::session::{Context, REDIS_VERSION};
use crate::settings::{SWEEP_INTERVAL_NS, TURN_BYTES_MAX};
use crate::stats::{
    BUCKETS, Counter, ErrorCode, StatsReader, bucket_expiring, bucket_keys, total, total_errors,
};

/// The sections asked for, or the default ones.
pub fn text(arguments: &impl Arguments, context: &Context<'_>) -> String {
    let mut text = String::new();
    for section in SECTIONS.iter().filter(|section| section.is_wanted(arguments)) {
        let separator = if text.is_empty() { "" } else { "\r\n" };
        // Writing to a String does not fail.
        let _ = write!(text, "{separator}# {}\r\n", section.name);
        for (key, value) in (section.lines)(context) {
            let _ = write!(text, "{key}:{value}\r\n");
        }
    }
    text
}

/// Whether it takes how often each command was called.
pub fn wants_calls(arguments: &impl Arguments) -> bool {
    SECTIONS.iter().any(|section| section.name == "Commandstats" && section.is_wanted(arguments))
}

type Lines = Vec<(String, String)>;

struct Section {
    name: &'static str,
    /// It is told without being named.
    is_default: bool,
    lines: fn(&Context<'_>) -> Lines,
}

impl Section {
    fn is_wanted(&self, arguments: &impl Arguments) -> bool {
        let wanted = |index| match upper(arguments.get(index)).as_slice() {
            b"ALL" | b"EVERYTHING" => true,
            b"DEFAULT" => self.is_default,
            asked => asked.eq_ignore_ascii_case(self.name.as_bytes()),
        };
        match arguments.count() {
            1 => self.is_default,
            count => (1..count).any(wanted),
        }
    }
}

const SECTIONS: [Section; 13] = [
    Section { name: "Server", is_default: true, lines: server },
    Section { name: "Clients", is_default: true, lines: clients },
    Section { name: "Memory", is_default: true, lines: memory },
    Section { name: "Persistence", is_default: true, lines: persistence },
    Section { name: "Stats", is_default: true, lines: stats },
    Section { name: "Replication", is_default: true, lines: replication },
    Section { name: "CPU", is_default: true, lines: cpu },
    Section { name: "Modules", is_default: true, lines: |_| Lines::new() },
    Section { name: "Commandstats", is_default: false, lines: command_stats },
    Section { name: "Errorstats", is_default: true, lines: error_stats },
    Section { name: "Cluster", is_default: true, lines: |_| lines([("cluster_enabled", "0".to_owned())]) },
    Section { name: "Shards", is_default: true, lines: shards },
    Section { name: "Keyspace", is_default: true, lines: keyspace },
];

fn server(context: &Context<'_>) -> Lines {
    let settings = context.settings;
    let uptime_s = context.now.mono_ns.saturating_sub(settings.started_ns) / 1_000_000_000;
    let hz = (1_000_000_000 / SWEEP_INTERVAL_NS).to_string();
    lines([
        ("redis_version", REDIS_VERSION.to_owned()),
        ("redis_mode", "standalone".to_owned()),
        ("adit_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("os", settings.system.clone()),
        ("arch_bits", usize::BITS.to_string()),
        ("monotonic_clock", "POSIX clock_gettime".to_owned()),
        ("multiplexing_api", "epoll".to_owned()),
        ("process_id", settings.process_id.to_string()),
        ("process_supervised", "no".to_owned()),
        ("run_id", settings.run_id.clone()),
        ("tcp_port", settings.resp_port.to_string()),
        ("server_time_usec", (context.now.unix_ms * 1000).to_string()),
        ("uptime_in_seconds", uptime_s.to_string()),
        ("uptime_in_days", (uptime_s / 86_400).to_string()),
        ("hz", hz.clone()),
        ("configured_hz", hz),
        ("executable", settings.files.0.clone()),
        ("config_file", settings.files.1.clone()),
    ])
}

fn clients(context: &Context<'_>) -> Lines {
    let mut all = counters(context, &[("connected_clients", Counter::Connections)]);
    all.extend(lines([
        ("cluster_connections", "0".to_owned()),
        ("maxclients", context.settings.limits.connections_max.to_string()),
        ("blocked_clients", "0".to_owned()),
        ("tracking_clients", "0".to_owned()),
        ("clients_in_timeout_table", "0".to_owned()),
    ]));
    all
}

fn memory(context: &Context<'_>) -> Lines {
    let sum = |counter| total(context.pages, counter);
    let (used, peak) = (sum(Counter::StoreBytes), sum(Counter::StoreBytesPeak));
    let (usage, limit) = (Usage::of_process(), context.settings.limits.memory_bytes_max);
    let mut all = Lines::new();
    for (name, bytes) in [
        ("used_memory", used),
        ("used_memory_rss", usage.resident_bytes),
        ("used_memory_peak", peak),
        ("total_system_memory", usage.system_bytes),
        ("maxmemory", limit),
    ] {
        all.push((name.to_owned(), bytes.to_string()));
        all.push((format!("{name}_human"), human(bytes)));
    }
    all.extend(lines([("maxmemory_policy", policy_name(context.settings.limits.eviction[0]).to_owned())]));
    all.extend(counters(context, &MEMORY));
    all.extend(lines([
        ("active_defrag_running", "0".to_owned()),
        ("lazyfree_pending_objects", "0".to_owned()),
    ]));
    all
}

fn persistence(_: &Context<'_>) -> Lines {
    numbers(&[
        ("loading", 0),
        ("async_loading", 0),
        ("rdb_bgsave_in_progress", 0),
        ("rdb_saves", 0),
        ("aof_enabled", 0),
        ("aof_rewrite_in_progress", 0),
        ("aof_rewrite_scheduled", 0),
    ])
}

fn stats(context: &Context<'_>) -> Lines {
    let mut all = counters(context, &STATS);
    let errors: u64 = ErrorCode::all().map(|(code, _)| total_errors(context.pages, code)).sum();
    all.push(("total_error_replies".to_owned(), errors.to_string()));
    let rate =
        |counter| context.pages.iter().map(|page| rate(page, counter, context.now.mono_ns)).sum::<u64>();
    let kilobytes = |counter| {
        let bytes = rate(counter);
        format!("{}.{:02}", bytes / 1024, bytes % 1024 * 100 / 1024)
    };
    all.extend(lines([
        ("instantaneous_ops_per_sec", rate(Counter::RateRequests).to_string()),
        ("instantaneous_input_kbps", kilobytes(Counter::RateReceivedBytes)),
        ("instantaneous_output_kbps", kilobytes(Counter::RateSentBytes)),
    ]));
    // The most that any shard moved in one turn: small requests wait for as much of a large one.
    let most = context.pages.iter().map(|page| page.read_one(Counter::TurnBytesMax as usize)).max();
    all.extend(numbers(&[
        ("turn_bytes_max", most.unwrap_or(0)),
        ("turn_bytes_limit", TURN_BYTES_MAX as u64),
    ]));
    all.extend(numbers(&NOTHING_TO_COUNT));
    all
}

/// What a shard counted in its last second, if that is not long ago: a shard that sleeps counts nothing.
fn rate(page: &StatsReader, counter: Counter, now_ns: u64) -> u64 {
    let age_ns = now_ns.saturating_sub(page.read_one(Counter::RateAtNs as usize));
    if age_ns < RATE_VALID_NS { page.read_one(counter as usize) } else { 0 }
}

fn replication(context: &Context<'_>) -> Lines {
    let mut all = lines([
        ("role", "master".to_owned()),
        ("connected_slaves", "0".to_owned()),
        ("master_failover_state", "no-failover".to_owned()),
        ("master_replid", context.settings.run_id.clone()),
        ("master_replid2", "0".repeat(40)),
        ("master_repl_offset", "0".to_owned()),
        ("second_repl_offset", "-1".to_owned()),
    ]);
    all.extend(numbers(&[("repl_backlog_active", 0), ("repl_backlog_size", 0), ("repl_backlog_histlen", 0)]));
    all
}

fn cpu(_: &Context<'_>) -> Lines {
    let usage = Usage::of_process();
    let seconds = |us: u64| format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    lines([
        ("used_cpu_sys", seconds(usage.system_us)),
        ("used_cpu_user", seconds(usage.user_us)),
        ("used_cpu_sys_children", seconds(0)),
        ("used_cpu_user_children", seconds(0)),
    ])
}

fn command_stats(context: &Context<'_>) -> Lines {
    let line = |(name, call): (&str, crate::calls::Call)| {
        let (called, refused, failed) = (call.called, call.refused, call.failed);
        let text = format!(
            "calls={called},usec=0,usec_per_call=0.00,rejected_calls={refused},failed_calls={failed}"
        );
        (format!("cmdstat_{name}"), text)
    };
    context.calls.iter().flat_map(|calls| calls.iter()).map(line).collect()
}

fn error_stats(context: &Context<'_>) -> Lines {
    let counted = ErrorCode::all().map(|(code, name)| (name, total_errors(context.pages, code)));
    let line = |(name, count): (&str, u64)| (format!("errorstat_{name}"), format!("count={count}"));
    counted.filter(|(_, count)| *count > 0).map(line).collect()
}

fn shards(context: &Context<'_>) -> Lines {
    let count = ("shards".to_owned(), context.pages.len().to_string());
    let shard = |(index, page): (usize, &StatsReader)| {
        let values = page.read();
        let of = |counter: Counter| values[counter as usize];
        let text = format!(
            "keys={},connections={},requests={},asks={},forwarded={},turns={},busy_turns={}",
            of(Counter::Keys),
            of(Counter::Connections),
            of(Counter::Requests),
            of(Counter::Asks),
            of(Counter::Forwarded),
            of(Counter::Turns),
            of(Counter::BusyTurns),
        );
        (format!("shard{index}"), text)
    };
    std::iter::once(count).chain(context.pages.iter().enumerate().map(shard)).collect()
}

fn keyspace(context: &Context<'_>) -> Lines {
    let bucket = |bucket: usize| {
        let sum = |place| context.pages.iter().map(|page| page.read_one(place)).sum::<u64>();
        let (keys, expires) = (sum(bucket_keys(bucket)), sum(bucket_expiring(bucket)));
        (keys > 0).then(|| (format!("db{bucket}"), format!("keys={keys},expires={expires},avg_ttl=0")))
    };
    (0..BUCKETS).filter_map(bucket).collect()
}

fn counters(context: &Context<'_>, names: &[(&str, Counter)]) -> Lines {
    names
        .iter()
        .map(|(name, counter)| ((*name).to_owned(), total(context.pages, *counter).to_string()))
        .collect()
}

fn numbers(pairs: &[(&str, u64)]) -> Lines {
    pairs.iter().map(|(name, number)| ((*name).to_owned(), number.to_string())).collect()
}

fn lines<const N: usize>(pairs: [(&str, String); N]) -> Lines {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Bytes for people: a number below 1024 with two digits behind the point, and its unit.
fn human(bytes: u64) -> String {
    let unit = (1..UNITS.len()).take_while(|power| bytes >> (10 * power) > 0).last();
    let Some(power) = unit else { return format!("{bytes}B") };
    let hundredths = (u128::from(bytes) * 100) >> (10 * power);
    format!("{}.{:02}{}", hundredths / 100, hundredths % 100, UNITS[power])
}

const UNITS: [&str; 5] = ["B", "K", "M", "G", "T"];
/// Age of a sample above which its shard has slept since.
const RATE_VALID_NS: u64 = 2_500_000_000;

const MEMORY: [(&str, Counter); 2] =
    [("used_memory_buffers", Counter::ChunkBytes), ("store_bytes_max", Counter::StoreBytesMax)];

const STATS: [(&str, Counter); 26] = [
    ("total_connections_received", Counter::Accepted),
    ("total_commands_processed", Counter::Requests),
    ("total_net_input_bytes", Counter::ReceivedBytes),
    ("total_net_output_bytes", Counter::SentBytes),
    ("rejected_connections", Counter::Refused),
    ("evicted_clients", Counter::Evicted),
    ("client_query_buffer_limit_disconnections", Counter::ClosedRequest),
    ("client_output_buffer_limit_disconnections", Counter::ClosedOutput),
    ("idle_clients_closed", Counter::ClosedIdle),
    ("expired_keys", Counter::Expired),
    ("evicted_keys", Counter::EvictedKeys),
    ("keyspace_hits", Counter::Hits),
    ("keyspace_misses", Counter::Misses),
    ("protocol_errors", Counter::ProtocolErrors),
    ("forwarded_requests", Counter::Forwarded),
    ("forwarded_answers", Counter::Asks),
    ("turns", Counter::Turns),
    ("busy_turns", Counter::BusyTurns),
    ("busy_ns", Counter::BusyNs),
    ("port_received_datagrams", Counter::PortReceived),
    ("port_receive_dropped", Counter::PortReceiveDropped),
    ("port_sent_datagrams", Counter::PortSent),
    ("port_send_refused", Counter::PortSendRefused),
    ("port_sent_tails", Counter::PortSentTails),
    ("port_handed_over", Counter::PortHandedOver),
    ("ports_down", Counter::PortsDown),
];

/// What programs look for and Adit never does.
const NOTHING_TO_COUNT: [(&str, u64); 6] = [
    ("sync_full", 0),
    ("sync_partial_ok", 0),
    ("sync_partial_err", 0),
    ("pubsub_channels", 0),
    ("pubsub_patterns", 0),
    ("latest_fork_usec", 0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_for_people() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (1_188_224, "1.13M"),
            (12_681_216, "12.09M"),
            (25_276_514_304, "23.54G"),
            (u64::MAX, "16777215.99T"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }
}
