//! A blocking client of a RESP server, for what a load does not do: settings, counters, very long values.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};

use anyhow::{Context, bail, ensure};

use adit_wire::resp::client::{encode_request, push_bulk, push_length};

use crate::protocol::ReplyKind;
use crate::target::Target;

/// One connection; requests and replies alternate, or pipelines of either that fit in the socket's buffers.
#[derive(Debug)]
pub(crate) struct Client {
    reader: BufReader<File>,
    line: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(target: &Target) -> anyhow::Result<Self> {
        let socket = target.connect()?;
        rustix::io::ioctl_fionbio(&socket, false)?;
        // A file reads and writes any descriptor, so both kinds of sockets are one here.
        Ok(Self { reader: BufReader::with_capacity(READ_BYTES, File::from(socket)), line: Vec::new() })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.reader.get_mut().write_all(bytes).context("cannot send; has the server stopped?")
    }

    /// Sends a request whose last argument is `length` bytes of `pattern`, over and over.
    pub(crate) fn send_long(&mut self, args: &[&[u8]], length: u64, pattern: &[u8]) -> anyhow::Result<()> {
        let mut head = Vec::new();
        push_length(&mut head, b'*', args.len() + 1);
        args.iter().for_each(|arg| push_bulk(&mut head, arg));
        push_length(&mut head, b'$', crate::number::index(length));
        self.send(&head)?;
        let mut rest = length;
        while rest > 0 {
            let part = &pattern[..pattern.len().min(crate::number::index(rest))];
            self.send(part)?;
            rest -= part.len() as u64;
        }
        self.send(b"\r\n")
    }

    /// The text of the reply to `args`.
    ///
    /// # Errors
    /// An error reply is one, too.
    pub(crate) fn ask(&mut self, args: &[&[u8]]) -> anyhow::Result<String> {
        let mut request = Vec::new();
        encode_request(&mut request, args);
        self.send(&request)?;
        let mut text = Vec::new();
        let (kind, _) = self.reply(Some(&mut text))?;
        if kind == ReplyKind::Error {
            let command = String::from_utf8_lossy(&args.join(&b' ')).into_owned();
            bail!("{command}: {}", String::from_utf8_lossy(&text));
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The number that stands in `INFO` behind `name`; `None` when it has no such line.
    pub(crate) fn info(&mut self, name: &str) -> anyhow::Result<Option<u64>> {
        let text = self.ask(&[b"INFO", b"everything"])?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(line.and_then(|number| number.trim().parse().ok()))
    }

    /// Reads a reply and drops what it says.
    pub(crate) fn skip_reply(&mut self) -> anyhow::Result<ReplyKind> {
        self.reply(None).map(|(kind, _)| kind)
    }

    /// As `skip_reply`, for a request that must succeed; returns the bytes of a bulk string, 0 for others.
    pub(crate) fn expect_reply(&mut self) -> anyhow::Result<u64> {
        let (kind, length) = self.reply(None)?;
        ensure!(kind != ReplyKind::Error, "refused: {}", String::from_utf8_lossy(&self.line).trim());
        Ok(length)
    }

    /// The kind of the next reply and the bytes of its bulk string; its text goes to `text`.
    fn reply(&mut self, text: Option<&mut Vec<u8>>) -> anyhow::Result<(ReplyKind, u64)> {
        self.line.clear();
        self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line)?;
        let Some((first, rest)) = self.line.strip_suffix(b"\r\n").and_then(<[u8]>::split_first) else {
            bail!("the server closed the connection or does not speak RESP");
        };
        let kind = match (*first, rest) {
            (b'$', b"-1") | (b'_', _) => ReplyKind::Miss,
            (b'$', _) => ReplyKind::Hit,
            (b'+' | b':', _) => ReplyKind::Ok,
            (b'-', _) => ReplyKind::Error,
            _ => bail!("a reply of {:?} was not asked for", self.line.escape_ascii().to_string()),
        };
        if kind == ReplyKind::Hit {
            let length = core::str::from_utf8(rest)?.parse().context("a length is not a number")?;
            self.bulk(length, text)?;
            return Ok((kind, length));
        }
        if let Some(text) = text {
            text.extend_from_slice(rest);
        }
        Ok((kind, 0))
    }

    fn bulk(&mut self, length: u64, text: Option<&mut Vec<u8>>) -> anyhow::Result<()> {
        let mut bytes = self.reader.by_ref().take(length);
        let read = match text {
            Some(text) => std::io::copy(&mut bytes, text)?,
            None => drop_bytes(&mut bytes)?,
        };
        ensure!(read == length, "the server closed the connection within a value");
        Ok(self.reader.read_exact(&mut [0; 2])?)
    }
}

/// Reads to the end without copying.
fn drop_bytes(reader: &mut impl BufRead) -> std::io::Result<u64> {
    let mut total = 0;
    loop {
        let count = reader.fill_buf()?.len();
        if count == 0 {
            return Ok(total);
        }
        reader.consume(count);
        total += count as u64;
    }
}

const READ_BYTES: usize = 256 * 1024;
/// No line that Adit or Redis sends here is as long.
const LINE_BYTES_MAX: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// A client of a server that reads `request` and sends `replies`.
    fn client(request: &'static [u8], replies: &'static [u8]) -> (Client, std::thread::JoinHandle<()>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target::Tcp(listener.local_addr().unwrap().to_string());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut received = vec![0; request.len()];
            stream.read_exact(&mut received).unwrap();
            assert_eq!(received, request);
            stream.write_all(replies).unwrap();
        });
        (Client::connect(&target).unwrap(), server)
    }

    #[test]
    fn replies_are_told_apart() {
        let replies = b"$3\r\nabc\r\n$-1\r\n:7\r\n-OOM full\r\n$5\r\nhello\r\n+OK";
        let (mut client, server) = client(b"", replies);
        assert_eq!(client.skip_reply().unwrap(), ReplyKind::Hit);
        assert_eq!(client.skip_reply().unwrap(), ReplyKind::Miss);
        assert_eq!(client.expect_reply().unwrap(), 0);
        assert!(client.expect_reply().unwrap_err().to_string().contains("OOM full"));
        assert_eq!(client.expect_reply().unwrap(), 5);
        assert!(client.skip_reply().unwrap_err().to_string().contains("closed"));
        server.join().unwrap();
    }

    #[test]
    fn long_arguments_repeat_their_pattern() {
        let (mut client, server) = client(b"*2\r\n$3\r\nSET\r\n$5\r\nababa\r\n", b"+OK\r\n");
        client.send_long(&[b"SET"], 5, b"ab").unwrap();
        assert_eq!(client.expect_reply().unwrap(), 0);
        server.join().unwrap();
    }

    #[test]
    fn counters_are_found_by_their_whole_name() {
        let request = b"*2\r\n$4\r\nINFO\r\n$10\r\neverything\r\n";
        let (mut client, server) = client(request, b"$36\r\n# Memory\r\nused_memory_x:1\r\nused:42\r\n\r\n");
        assert_eq!(client.info("used").unwrap(), Some(42));
        server.join().unwrap();
    }
}
