//! The text of `INFO`: sections of `name:value` lines, in Redis's names where it has one.

use std::fmt::Write;

use crate::plan::{Arguments, upper};
use crate::session::{Context, REDIS_VERSION};
use crate::stats::{Counter, total};

/// The sections asked for, or all.
pub fn text(arguments: &impl Arguments, context: &Context<'_>) -> String {
    let mut text = String::new();
    for (name, lines) in sections(context) {
        let wanted = |index| match upper(arguments.get(index)).as_slice() {
            b"ALL" | b"DEFAULT" | b"EVERYTHING" => true,
            asked => asked == name.to_ascii_uppercase().as_bytes(),
        };
        if arguments.count() > 1 && !(1..arguments.count()).any(wanted) {
            continue;
        }
        let separator = if text.is_empty() { "" } else { "\r\n" };
        // Writing to a String does not fail.
        let _ = write!(text, "{separator}# {name}\r\n");
        for (key, value) in lines {
            let _ = write!(text, "{key}:{value}\r\n");
        }
    }
    text
}

type Lines = Vec<(String, String)>;

fn sections(context: &Context<'_>) -> Vec<(&'static str, Lines)> {
    vec![
        ("Server", server(context)),
        ("Clients", counters(context, &CLIENTS)),
        ("Memory", memory(context)),
        ("Stats", counters(context, &STATS)),
        ("Shards", shards(context)),
        ("Keyspace", keyspace(context)),
    ]
}

fn server(context: &Context<'_>) -> Lines {
    let settings = context.settings;
    let uptime_s = context.now_ns.saturating_sub(settings.started_ns) / 1_000_000_000;
    lines([
        ("redis_version", REDIS_VERSION.to_owned()),
        ("redis_mode", "standalone".to_owned()),
        ("adit_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("process_id", settings.process_id.to_string()),
        ("tcp_port", settings.resp_port.to_string()),
        ("uptime_in_seconds", uptime_s.to_string()),
        ("uptime_in_days", (uptime_s / 86_400).to_string()),
    ])
}

fn memory(context: &Context<'_>) -> Lines {
    let mut all = counters(context, &MEMORY);
    all.extend(lines([
        ("maxmemory", context.settings.memory_bytes.to_string()),
        ("maxmemory_policy", "noeviction".to_owned()),
    ]));
    all
}

fn shards(context: &Context<'_>) -> Lines {
    let count = ("shards".to_owned(), context.pages.len().to_string());
    let shard = |(index, page): (usize, &crate::stats::StatsReader)| {
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
        let sum = |of: fn(usize) -> usize| -> u64 {
            context.pages.iter().map(|page| page.read()[of(bucket)]).sum()
        };
        let (keys, expires) = (sum(crate::stats::bucket_keys), sum(crate::stats::bucket_expiring));
        (keys > 0).then(|| (format!("db{bucket}"), format!("keys={keys},expires={expires},avg_ttl=0")))
    };
    (0..crate::stats::BUCKETS).filter_map(bucket).collect()
}

fn counters(context: &Context<'_>, names: &[(&str, Counter)]) -> Lines {
    names
        .iter()
        .map(|(name, counter)| ((*name).to_owned(), total(context.pages, *counter).to_string()))
        .collect()
}

fn lines<const N: usize>(pairs: [(&str, String); N]) -> Lines {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

const CLIENTS: [(&str, Counter); 1] = [("connected_clients", Counter::Connections)];

const MEMORY: [(&str, Counter); 3] = [
    ("used_memory", Counter::StoreBytes),
    ("used_memory_buffers", Counter::ChunkBytes),
    ("store_bytes_max", Counter::StoreBytesMax),
];

const STATS: [(&str, Counter); 14] = [
    ("total_connections_received", Counter::Accepted),
    ("total_commands_processed", Counter::Requests),
    ("total_net_input_bytes", Counter::ReceivedBytes),
    ("total_net_output_bytes", Counter::SentBytes),
    ("rejected_connections", Counter::Refused),
    ("evicted_clients", Counter::Evicted),
    ("expired_keys", Counter::Expired),
    ("keyspace_hits", Counter::Hits),
    ("keyspace_misses", Counter::Misses),
    ("protocol_errors", Counter::ProtocolErrors),
    ("forwarded_requests", Counter::Forwarded),
    ("forwarded_answers", Counter::Asks),
    ("turns", Counter::Turns),
    ("busy_turns", Counter::BusyTurns),
];
