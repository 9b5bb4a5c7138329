//! `adit kv`: one request to a running server, for people and scripts.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use adit_wire::resp::client::{ReplyValue, decode_reply, encode_request};
use anyhow::{Context, anyhow, bail};

/// Flags of `adit kv`.
#[derive(clap::Args)]
pub(crate) struct KvArguments {
    /// The server: an address, or unix:PATH
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7379", global = true)]
    resp: String,
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

/// Runs one command.
pub(crate) fn run(arguments: &KvArguments) -> anyhow::Result<()> {
    let mut client = Client::connect(&arguments.resp)?;
    if let Some(password) = &arguments.password {
        client.call(&[b"AUTH", password.as_bytes()])?;
    }
    if arguments.bucket > 0 {
        client.call(&[b"SELECT", arguments.bucket.to_string().as_bytes()])?;
    }
    let json = arguments.json;
    match &arguments.command {
        KvCommand::Get { key } => get(&mut client, key, json),
        KvCommand::Set { key, value, ttl, if_absent, if_present } => {
            set(&mut client, key, value, *ttl, *if_absent, *if_present, json)
        }
        KvCommand::Del { keys } => del(&mut client, keys, json),
        KvCommand::Scan { pattern, limit } => scan(&mut client, pattern, *limit, json),
    }
}

fn get(client: &mut Client, key: &str, json: bool) -> anyhow::Result<()> {
    let value = match client.call(&[b"GET", key.as_bytes()])? {
        ReplyValue::Bulk(Some(value)) => value,
        ReplyValue::Bulk(None) | ReplyValue::Null => bail!("there is no key {key:?}"),
        other => bail!("the server answered {other:?}"),
    };
    if json {
        return print(quoted(&value).as_bytes());
    }
    print(&value)
}

fn set(
    client: &mut Client,
    key: &str,
    value: &str,
    ttl: Option<u64>,
    if_absent: bool,
    if_present: bool,
    json: bool,
) -> anyhow::Result<()> {
    let mut input = Vec::new();
    if value == "-" {
        std::io::stdin().read_to_end(&mut input).context("cannot read the value from standard input")?;
    } else {
        input.extend_from_slice(value.as_bytes());
    }
    let seconds = ttl.map(|ttl| ttl.to_string());
    let mut request: Vec<&[u8]> = vec![b"SET", key.as_bytes(), &input];
    if let Some(seconds) = &seconds {
        request.extend([&b"EX"[..], seconds.as_bytes()]);
    }
    request.extend(if_absent.then_some(&b"NX"[..]));
    request.extend(if_present.then_some(&b"XX"[..]));
    match client.call(&request)? {
        ReplyValue::Simple(_) if json => print(b"true"),
        ReplyValue::Simple(_) => Ok(()),
        _ if if_absent => bail!("the key {key:?} exists already"),
        _ => bail!("there is no key {key:?}"),
    }
}

fn del(client: &mut Client, keys: &[String], json: bool) -> anyhow::Result<()> {
    let mut request: Vec<&[u8]> = vec![b"DEL"];
    request.extend(keys.iter().map(|key| key.as_bytes()));
    match client.call(&request)? {
        ReplyValue::Integer(count) if json => print(count.to_string().as_bytes()),
        ReplyValue::Integer(1) => print(b"1 key removed"),
        ReplyValue::Integer(count) => print(format!("{count} keys removed").as_bytes()),
        other => bail!("the server answered {other:?}"),
    }
}

fn scan(client: &mut Client, pattern: &str, limit: Option<usize>, json: bool) -> anyhow::Result<()> {
    let mut cursor = b"0".to_vec();
    let mut left = limit.unwrap_or(usize::MAX);
    while left > 0 {
        let request = [&b"SCAN"[..], &cursor, b"MATCH", pattern.as_bytes(), b"COUNT", b"1000"];
        let (next, keys) = scanned(client.call(&request)?)?;
        for key in keys.iter().take(left) {
            if json { print(quoted(key).as_bytes())? } else { print(key)? }
        }
        left = left.saturating_sub(keys.len());
        if next == b"0" {
            break;
        }
        cursor = next;
    }
    Ok(())
}

/// The cursor and the keys of a reply to SCAN.
fn scanned(reply: ReplyValue) -> anyhow::Result<(Vec<u8>, Vec<Vec<u8>>)> {
    let ReplyValue::Array(Some(parts)) = reply else { bail!("the server answered {reply:?}") };
    let mut parts = parts.into_iter();
    match (parts.next(), parts.next()) {
        (Some(ReplyValue::Bulk(Some(cursor))), Some(ReplyValue::Array(Some(keys)))) => {
            let name = |key| if let ReplyValue::Bulk(Some(key)) = key { Some(key) } else { None };
            Ok((cursor, keys.into_iter().filter_map(name).collect()))
        }
        other => bail!("the server answered {other:?}"),
    }
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

/// A connection that sends one request and waits for its reply.
struct Client {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Client {
    fn connect(target: &str) -> anyhow::Result<Self> {
        let hint = || format!("cannot connect to {target}; is `adit serve` running there?");
        let stream: Box<dyn Stream> = if let Some(path) = target.strip_prefix("unix:") {
            let stream = UnixStream::connect(path).with_context(hint)?;
            stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
            Box::new(stream)
        } else {
            let stream = TcpStream::connect(target).with_context(hint)?;
            stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        };
        Ok(Self { stream, received: Vec::new() })
    }

    /// Sends a request and waits for its reply; an error reply is an error.
    fn call(&mut self, request: &[&[u8]]) -> anyhow::Result<ReplyValue> {
        let mut bytes = Vec::new();
        encode_request(&mut bytes, request);
        self.stream.write_all(&bytes).context("the server closed the connection")?;
        loop {
            let decoded =
                decode_reply(&self.received).map_err(|error| anyhow!("no RESP came back: {error:?}"))?;
            if let Some((reply, len)) = decoded {
                self.received.drain(..len);
                return match reply {
                    ReplyValue::Error(text) => Err(anyhow!("{}", String::from_utf8_lossy(&text))),
                    reply => Ok(reply),
                };
            }
            let mut part = [0; 64 << 10];
            match self.stream.read(&mut part).context("no reply came within a minute")? {
                0 => bail!("the server closed the connection"),
                count => self.received.extend_from_slice(&part[..count]),
            }
        }
    }
}

const REPLY_TIMEOUT: Duration = Duration::from_secs(60);
