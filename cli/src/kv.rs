//! `adit kv`: one request to a running server, for people and scripts, over RESP or the native protocol.

mod native;
mod resp;

use std::io::{Read, Write};

use adit_client::Config;
use anyhow::{Context, bail};

use native::{NativeStore, Way};
use resp::RespStore;

/// Flags of `adit kv`.
#[derive(clap::Args)]
pub(crate) struct KvArguments {
    /// The server: an address, or unix:PATH
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7379", global = true)]
    resp: String,
    /// The server by the native protocol instead: the address of its first shard
    #[arg(long, value_name = "ADDR", conflicts_with = "resp", global = true)]
    native: Option<String>,
    /// The native protocol over TCP instead of UDP
    #[arg(long, requires = "native", global = true)]
    tcp: bool,
    /// A port to send from, past the kernel, as `adit serve --port` takes one; ADIT_PORT by default
    #[arg(long, value_name = "PORT", requires = "native", conflicts_with = "tcp", global = true)]
    port: Option<String>,
    /// The bucket, the database of Redis's SELECT
    #[arg(long, value_name = "N", default_value_t = 0, global = true)]
    bucket: u32,
    /// The password, if the server wants one
    #[arg(long, value_name = "TEXT", env = "ADIT_PASSWORD", hide_env_values = true, global = true)]
    password: Option<String>,
    /// Print JSON for machines; bytes that are no UTF-8 are replaced
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: KvCommand,
}

#[derive(clap::Subcommand)]
enum KvCommand {
    /// Print the value of a key; exit code 1 if there is none
    Get {
        /// The key
        key: String,
    },
    /// Write the value of a key
    Set {
        /// The key
        key: String,
        /// The value; - reads it from standard input
        value: String,
        /// Seconds until the key expires
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<u64>,
        /// Only if the key does not exist; exit code 1 if it does
        #[arg(long, conflicts_with = "if_present")]
        if_absent: bool,
        /// Only if the key exists; exit code 1 if it does not
        #[arg(long)]
        if_present: bool,
    },
    /// Remove keys and print how many there were
    Del {
        /// The keys
        #[arg(required = true)]
        keys: Vec<String>,
    },
    /// Print the keys that match a pattern, in no order
    Scan {
        /// The pattern: * is anything, ? one character, `[abc]` one of these
        #[arg(default_value = "*")]
        pattern: String,
        /// Print no more than this many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
}

/// What the commands do, whatever the protocol.
trait Store {
    /// The value of a key, if it exists.
    fn get(&mut self, key: &[u8]) -> anyhow::Result<Option<Vec<u8>>>;
    /// Writes a value; says whether the condition held.
    fn set(&mut self, key: &[u8], value: Vec<u8>, ttl_s: Option<u64>, when: When) -> anyhow::Result<bool>;
    /// Removes keys; says how many there were.
    fn del(&mut self, keys: &[String]) -> anyhow::Result<u64>;
    /// Gives all keys that match a pattern to `visit`, until that says that it has enough.
    fn scan(&mut self, pattern: &[u8], visit: &mut Visit<'_>) -> anyhow::Result<()>;
}

/// Takes a key; says whether there may be more.
type Visit<'a> = dyn FnMut(&[u8]) -> anyhow::Result<bool> + 'a;

/// When a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    IfAbsent,
    IfPresent,
}

/// Runs one command.
pub(crate) fn run(arguments: &KvArguments) -> anyhow::Result<()> {
    let mut store = connect(arguments)?;
    let json = arguments.json;
    match &arguments.command {
        KvCommand::Get { key } => get(&mut *store, key, json),
        KvCommand::Set { key, value, ttl, if_absent, if_present } => {
            let when = match (if_absent, if_present) {
                (true, _) => When::IfAbsent,
                (_, true) => When::IfPresent,
                _ => When::Always,
            };
            set(&mut *store, key, value, *ttl, when, json)
        }
        KvCommand::Del { keys } => del(&mut *store, keys, json),
        KvCommand::Scan { pattern, limit } => scan(&mut *store, pattern, *limit, json),
    }
}

fn connect(arguments: &KvArguments) -> anyhow::Result<Box<dyn Store>> {
    let KvArguments { resp, native, tcp, port, bucket, password, .. } = arguments;
    let password = password.as_deref();
    Ok(match native {
        Some(address) => {
            let way =
                if *tcp { Way::Tcp } else { Way::Udp(port.clone().or_else(Config::port_of_environment)) };
            Box::new(NativeStore::connect(address, way, password, *bucket)?)
        }
        None => Box::new(RespStore::connect(resp, password, *bucket)?),
    })
}

fn get(store: &mut dyn Store, key: &str, json: bool) -> anyhow::Result<()> {
    let Some(value) = store.get(key.as_bytes())? else { bail!("there is no key {key:?}") };
    if json { print(quoted(&value).as_bytes()) } else { print(&value) }
}

fn set(
    store: &mut dyn Store,
    key: &str,
    value: &str,
    ttl_s: Option<u64>,
    when: When,
    json: bool,
) -> anyhow::Result<()> {
    let mut input = Vec::new();
    if value == "-" {
        std::io::stdin().read_to_end(&mut input).context("cannot read the value from standard input")?;
    } else {
        input.extend_from_slice(value.as_bytes());
    }
    match store.set(key.as_bytes(), input, ttl_s, when)? {
        true if json => print(b"true"),
        true => Ok(()),
        false if when == When::IfAbsent => bail!("the key {key:?} exists already"),
        false => bail!("there is no key {key:?}"),
    }
}

fn del(store: &mut dyn Store, keys: &[String], json: bool) -> anyhow::Result<()> {
    match store.del(keys)? {
        count if json => print(count.to_string().as_bytes()),
        1 => print(b"1 key removed"),
        count => print(format!("{count} keys removed").as_bytes()),
    }
}

fn scan(store: &mut dyn Store, pattern: &str, limit: Option<usize>, json: bool) -> anyhow::Result<()> {
    let mut left = limit.unwrap_or(usize::MAX);
    if left == 0 {
        return Ok(());
    }
    store.scan(pattern.as_bytes(), &mut |key| {
        if json {
            print(quoted(key).as_bytes())?
        } else {
            print(key)?
        }
        left -= 1;
        Ok(left > 0)
    })
}

fn print(line: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(line).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    match written {
        // Whoever reads has seen enough: `adit kv scan | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.context("cannot write to standard output"),
    }
}

fn quoted(bytes: &[u8]) -> String {
    serde_json::Value::from(String::from_utf8_lossy(bytes)).to_string()
}
