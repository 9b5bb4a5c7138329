//! The parameters of `CONFIG GET` and `CONFIG SET`, in Redis's names: how each is shown, read and changed.
//!
//! A parameter that Adit has no choice about is shown as it is and can be "set" to that alone, so that programs which
//! make sure of it go on. What Adit does not know is not there.

use std::borrow::Cow;

use adit_store::kv::Eviction;
use adit_wire::kv::{BUCKET_COUNT, VALUE_BYTES_MAX};
use adit_wire::resp::number::parse_i64;

use crate::settings::{CLIENT_CLASSES, Limits, OutputLimit, REQUEST_LIMIT_BYTES_MIN, Settings};

/// A parameter.
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its value now.
    pub show: fn(&Settings) -> String,
    /// What a new value would change, or why it is refused; `None` if it cannot be set.
    pub read: Option<Read>,
}

/// Judges a new value under the present settings.
pub type Read = fn(&[u8], &Settings) -> Result<Change, Rejection>;

/// What a `CONFIG SET` changes: all of it was judged before any of it is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing: it was so before.
    Nothing,
    /// The limits of connections and requests.
    Limit(LimitChange),
    /// The password.
    Password(Option<Box<[u8]>>),
}

/// A change of one of the [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitChange {
    /// `maxclients`.
    Connections(u64),
    /// `maxmemory`.
    Memory(u64),
    /// `timeout`.
    Idle(u32),
    /// `client-output-buffer-limit`: the classes that are named.
    Output([Option<OutputLimit>; CLIENT_CLASSES]),
    /// `client-query-buffer-limit`.
    Request(u64),
    /// `proto-max-bulk-len`.
    Argument(u64),
    /// `maxmemory-policy`, of all buckets.
    Eviction(Eviction),
}

/// Why a value is refused.
pub type Rejection = Cow<'static, str>;

impl Parameter {
    /// The parameter of a name, in any case.
    pub fn find(name: &[u8]) -> Option<&'static Self> {
        PARAMETERS.iter().find(|parameter| name.eq_ignore_ascii_case(parameter.name.as_bytes()))
    }

    /// All parameters, sorted by name.
    pub fn all() -> &'static [Self] {
        PARAMETERS
    }
}

impl Settings {
    /// Makes a change.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Nothing => {}
            Change::Limit(change) => self.limits.apply(*change),
            Change::Password(password) => self.password = password.as_deref().map(<[u8]>::to_vec),
        }
    }
}

impl Limits {
    fn apply(&mut self, change: LimitChange) {
        match change {
            LimitChange::Connections(count) => self.connections_max = count,
            LimitChange::Memory(bytes) => self.memory_bytes_max = bytes,
            LimitChange::Idle(seconds) => self.idle_s = seconds,
            LimitChange::Request(bytes) => self.request_bytes_max = bytes,
            LimitChange::Argument(bytes) => self.argument_bytes_max = bytes,
            LimitChange::Eviction(eviction) => self.eviction.fill(eviction),
            LimitChange::Output(classes) => {
                for (limit, change) in self.output.iter_mut().zip(classes) {
                    *limit = change.unwrap_or(*limit);
                }
            }
        }
    }
}

/// Parameters that have one value each: the value, and what is told to who wants another.
macro_rules! fixed {
    ($name:literal, $value:literal, $reason:expr) => {
        Parameter {
            name: $name,
            show: |_| $value.to_owned(),
            read: Some(
                |value, _| if value == $value.as_bytes() { Ok(Change::Nothing) } else { Err($reason.into()) },
            ),
        }
    };
}

const PARAMETERS: &[Parameter] = &[
    fixed!("activedefrag", "no", "memory does not need it here; leave it 'no'"),
    fixed!("appendonly", "no", "storing is not available yet: everything is in memory; leave it 'no'"),
    Parameter { name: "client-output-buffer-limit", show: show_output, read: Some(read_output) },
    Parameter {
        name: "client-query-buffer-limit",
        show: |settings| settings.limits.request_bytes_max.to_string(),
        read: Some(|value, _| {
            let bytes = memory_between(value, REQUEST_LIMIT_BYTES_MIN, i64::MAX as u64)?;
            Ok(Change::Limit(LimitChange::Request(bytes)))
        }),
    },
    Parameter { name: "cluster-enabled", show: |_| "no".to_owned(), read: None },
    Parameter { name: "databases", show: |_| BUCKET_COUNT.to_string(), read: None },
    Parameter {
        name: "enable-debug-command",
        show: |settings| yes_or_no(settings.debug_commands),
        read: None,
    },
    fixed!("latency-monitor-threshold", "0", "latency is not monitored here; leave it 0"),
    fixed!("latency-tracking", "no", "the time of commands is not taken here; leave it 'no'"),
    Parameter {
        name: "maxclients",
        show: |settings| settings.limits.connections_max.to_string(),
        read: Some(read_maxclients),
    },
    Parameter {
        name: "maxmemory",
        show: |settings| settings.limits.memory_bytes_max.to_string(),
        read: Some(read_maxmemory),
    },
    Parameter {
        name: "maxmemory-policy",
        // Of bucket 0, if the file of adit serve gives others another.
        show: |settings| policy_name(settings.limits.eviction[0]).to_owned(),
        read: Some(read_policy),
    },
    fixed!("notify-keyspace-events", "", "there are no notifications yet; leave it empty"),
    Parameter { name: "port", show: |settings| settings.resp_port.to_string(), read: None },
    Parameter {
        name: "proto-max-bulk-len",
        show: |settings| settings.limits.argument_bytes_max.to_string(),
        read: Some(|value, _| {
            let bytes = memory_between(value, REQUEST_LIMIT_BYTES_MIN, i64::MAX as u64)?;
            match bytes <= VALUE_BYTES_MAX {
                true => Ok(Change::Limit(LimitChange::Argument(bytes))),
                false => Err("values are 512mb long at most".into()),
            }
        }),
    },
    Parameter {
        name: "requirepass",
        show: |settings| settings.password.as_ref().map_or("", |_| "(hidden)").to_owned(),
        read: Some(|value, _| Ok(Change::Password((!value.is_empty()).then(|| value.into())))),
    },
    fixed!("save", "", "storing is not available yet: everything is in memory; leave it empty"),
    fixed!("slowlog-log-slower-than", "-1", "the time of commands is not taken here; leave it -1"),
    Parameter {
        name: "timeout",
        show: |settings| settings.limits.idle_s.to_string(),
        read: Some(|value, _| {
            let seconds = integer_between(value, 0, i64::from(i32::MAX))?;
            Ok(Change::Limit(LimitChange::Idle(u32::try_from(seconds).unwrap_or(0))))
        }),
    },
];

fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn read_maxclients(value: &[u8], settings: &Settings) -> Result<Change, Rejection> {
    let count = u64::try_from(integer_between(value, 1, i64::from(u32::MAX))?).unwrap_or(0);
    if count > settings.connections_possible {
        let most = settings.connections_possible;
        return Err(format!(
            "The operating system is not able to handle the specified number of clients, try with {most}"
        )
        .into());
    }
    Ok(Change::Limit(LimitChange::Connections(count)))
}

fn read_maxmemory(value: &[u8], settings: &Settings) -> Result<Change, Rejection> {
    let bytes = memory(value).ok_or(NOT_MEMORY)?;
    if bytes > settings.memory_bytes {
        let most = settings.memory_bytes;
        return Err(format!("adit was started with {most} bytes; start it with a larger --memory").into());
    }
    Ok(Change::Limit(LimitChange::Memory(bytes)))
}

/// Redis's name of what a bucket may lose. CLOCK is an approximation of LRU, as is what Redis does.
pub fn policy_name(eviction: Eviction) -> &'static str {
    match eviction {
        Eviction::None => "noeviction",
        Eviction::Clock => "allkeys-lru",
        Eviction::ClockVolatile => "volatile-lru",
    }
}

fn read_policy(value: &[u8], _: &Settings) -> Result<Change, Rejection> {
    let all = [Eviction::None, Eviction::Clock, Eviction::ClockVolatile];
    let named = all.into_iter().find(|&one| value.eq_ignore_ascii_case(policy_name(one).as_bytes()));
    named.map(|one| Change::Limit(LimitChange::Eviction(one))).ok_or_else(|| POLICIES.into())
}

fn show_output(settings: &Settings) -> String {
    let class = |(name, limit): (&str, &OutputLimit)| {
        format!("{name} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_s)
    };
    let classes = ["normal", "slave", "pubsub"].into_iter().zip(&settings.limits.output);
    classes.map(class).collect::<Vec<_>>().join(" ")
}

/// `class hard soft seconds`, once or more often; the classes that are not named stay as they are.
fn read_output(value: &[u8], _: &Settings) -> Result<Change, Rejection> {
    let text = String::from_utf8_lossy(value);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    if !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    let mut classes = [None; CLIENT_CLASSES];
    for four in words.chunks_exact(4) {
        let place = match four[0].to_ascii_lowercase().as_str() {
            "normal" => 0,
            "slave" | "replica" => 1,
            "pubsub" => 2,
            _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
        };
        classes[place] = Some(
            read_output_limit(four)
                .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?,
        );
    }
    Ok(Change::Limit(LimitChange::Output(classes)))
}

fn read_output_limit(four: &[&str]) -> Option<OutputLimit> {
    Some(OutputLimit {
        hard_bytes: memory(four[1].as_bytes())?,
        soft_bytes: memory(four[2].as_bytes())?,
        soft_s: four[3].parse().ok()?,
    })
}

fn integer_between(value: &[u8], least: i64, most: i64) -> Result<i64, Rejection> {
    let number = parse_i64(value).ok_or("argument couldn't be parsed into an integer")?;
    if (least..=most).contains(&number) { Ok(number) } else { Err(between(least, most)) }
}

fn memory_between(value: &[u8], least: u64, most: u64) -> Result<u64, Rejection> {
    let bytes = memory(value).ok_or(NOT_MEMORY)?;
    if (least..=most).contains(&bytes) { Ok(bytes) } else { Err(between(least, most)) }
}

fn between(least: impl std::fmt::Display, most: impl std::fmt::Display) -> Rejection {
    format!("argument must be between {least} and {most} inclusive").into()
}

/// Bytes, perhaps with a unit: `k` is 1000 and `kb` is 1024, and so on.
pub fn memory(value: &[u8]) -> Option<u64> {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = value.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1_000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    std::str::from_utf8(number).ok()?.parse::<u64>().ok()?.checked_mul(factor)
}

const NOT_MEMORY: &str = "argument must be a memory value";
const POLICIES: &str = "argument(s) must be one of the following: noeviction, allkeys-lru, volatile-lru";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str, settings: &Settings) -> Result<Change, String> {
        let parameter = Parameter::find(name.as_bytes()).unwrap();
        (parameter.read.unwrap())(value.as_bytes(), settings).map_err(Cow::into_owned)
    }

    #[test]
    fn what_is_shown_can_be_set_and_changes_nothing() {
        let settings =
            Settings { connections_possible: 10_000, memory_bytes: 1 << 30, ..Settings::default() };
        assert!(Parameter::all().is_sorted_by_key(|parameter| parameter.name));
        for parameter in Parameter::all() {
            let shown = (parameter.show)(&settings);
            let Some(read) = parameter.read else { continue };
            let mut changed = settings.clone();
            changed.apply(&read(shown.as_bytes(), &settings).unwrap());
            assert_eq!((changed.limits, &changed.password), (settings.limits, &settings.password));
        }
    }

    #[test]
    fn values_are_judged_before_they_change_anything() {
        let mut settings = Settings { connections_possible: 100, ..Settings::default() };
        for (name, value, told) in [
            ("timeout", "x", "couldn't be parsed"),
            ("timeout", "-1", "between 0 and 2147483647"),
            ("maxclients", "0", "between 1 and 4294967295"),
            ("maxclients", "101", "try with 100"),
            ("proto-max-bulk-len", "5", "between 1048576 and"),
            ("proto-max-bulk-len", "1gb", "512mb"),
            ("client-query-buffer-limit", "1m", "between 1048576"),
            ("client-output-buffer-limit", "normal 1 2", "Wrong number"),
            ("client-output-buffer-limit", "normal x 2 3", "Error in hard"),
            ("client-output-buffer-limit", "odd 1 2 3", "Invalid client class"),
            ("appendonly", "yes", "storing is not available"),
            ("maxmemory", "-1", NOT_MEMORY),
            ("maxmemory", "1gb", "larger --memory"),
        ] {
            let refused = read(name, value, &settings).unwrap_err();
            assert!(refused.contains(told), "{name} {value}: {refused}");
        }
        let change = read("CLIENT-output-buffer-limit", "pubsub 1kb 2k 3", &settings).unwrap();
        settings.apply(&change);
        assert_eq!(show_output(&settings), "normal 0 0 0 slave 268435456 67108864 60 pubsub 1024 2000 3");
    }

    #[test]
    fn sizes_have_the_units_of_redis() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("1k", Some(1_000)),
            ("1Kb", Some(1_024)),
            ("2mb", Some(2 << 20)),
            ("2M", Some(2_000_000)),
            ("1gb", Some(1 << 30)),
            ("7b", Some(7)),
            ("", None),
            ("mb", None),
            ("-1", None),
            ("1.5gb", None),
            ("99999999999999999999gb", None),
        ] {
            assert_eq!(memory(text.as_bytes()), bytes, "{text}");
        }
    }
}
