//! RESP: one request, then its reply.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use adit_wire::resp::client::{ReplyValue, decode_reply, encode_request};
use anyhow::{Context, anyhow, bail};

use super::{Store, Visit, When};

/// A connection that sends one request and waits for its reply.
pub(super) struct RespStore {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl RespStore {
    /// Connects to an address or unix:PATH, and selects the bucket.
    pub(super) fn connect(target: &str, password: Option<&str>, bucket: u32) -> anyhow::Result<Self> {
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
        let mut store = Self { stream, received: Vec::new() };
        if let Some(password) = password {
            store.call(&[b"AUTH", password.as_bytes()])?;
        }
        if bucket > 0 {
            store.call(&[b"SELECT", bucket.to_string().as_bytes()])?;
        }
        Ok(store)
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

impl Store for RespStore {
    fn get(&mut self, key: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
        match self.call(&[b"GET", key])? {
            ReplyValue::Bulk(value) => Ok(value),
            ReplyValue::Null => Ok(None),
            other => bail!("the server answered {other:?}"),
        }
    }

    fn set(&mut self, key: &[u8], value: Vec<u8>, ttl_s: Option<u64>, when: When) -> anyhow::Result<bool> {
        let seconds = ttl_s.map(|ttl_s| ttl_s.to_string());
        let mut request: Vec<&[u8]> = vec![b"SET", key, &value];
        if let Some(seconds) = &seconds {
            request.extend([&b"EX"[..], seconds.as_bytes()]);
        }
        match when {
            When::Always => {}
            When::IfAbsent => request.push(b"NX"),
            When::IfPresent => request.push(b"XX"),
        }
        Ok(matches!(self.call(&request)?, ReplyValue::Simple(_)))
    }

    fn del(&mut self, keys: &[String]) -> anyhow::Result<u64> {
        let mut request: Vec<&[u8]> = vec![b"DEL"];
        request.extend(keys.iter().map(|key| key.as_bytes()));
        match self.call(&request)? {
            ReplyValue::Integer(count) => Ok(u64::try_from(count)?),
            other => bail!("the server answered {other:?}"),
        }
    }

    fn scan(&mut self, pattern: &[u8], visit: &mut Visit<'_>) -> anyhow::Result<()> {
        let mut cursor = b"0".to_vec();
        loop {
            let request = [&b"SCAN"[..], &cursor, b"MATCH", pattern, b"COUNT", b"1000"];
            let (next, keys) = scanned(self.call(&request)?)?;
            for key in keys {
                if !visit(&key)? {
                    return Ok(());
                }
            }
            if next == b"0" {
                return Ok(());
            }
            cursor = next;
        }
    }
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

const REPLY_TIMEOUT: Duration = Duration::from_secs(60);
