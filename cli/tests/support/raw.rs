//! A raw RESP connection: bytes out, replies in as the bytes they are. It shares no code with the server.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::DEADLINE;

/// A connection.
pub struct Raw {
    stream: Stream,
    received: Vec<u8>,
    taken: usize,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Raw {
    /// To a port of this machine.
    pub fn tcp(port: u16) -> Self {
        Self::over(TcpStream::connect(("127.0.0.1", port)).expect("the server accepts connections"))
    }

    /// Over a connection that was made.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("an option of our socket");
        stream.set_read_timeout(Some(DEADLINE)).expect("an option of our socket");
        stream.set_write_timeout(Some(DEADLINE)).expect("an option of our socket");
        Self { stream: Stream::Tcp(stream), received: Vec::new(), taken: 0 }
    }

    /// To a Unix socket.
    pub fn unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).expect("the server accepts connections");
        stream.set_read_timeout(Some(DEADLINE)).expect("an option of our socket");
        stream.set_write_timeout(Some(DEADLINE)).expect("an option of our socket");
        Self { stream: Stream::Unix(stream), received: Vec::new(), taken: 0 }
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// The kernel's, such as a connection that the server has closed.
    pub fn try_write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) {
        self.try_write(bytes).expect("the server takes bytes");
    }

    /// Gives up writing after this, if the server takes nothing.
    pub fn set_write_timeout(&self, timeout: Option<std::time::Duration>) {
        let set = match &self.stream {
            Stream::Tcp(stream) => stream.set_write_timeout(timeout),
            Stream::Unix(stream) => stream.set_write_timeout(timeout),
        };
        set.expect("an option of our socket");
    }

    /// Sends a request.
    pub fn send(&mut self, arguments: &[impl AsRef<[u8]>]) {
        self.write(&request(arguments));
    }

    /// Sends a request and waits for its reply.
    pub fn call(&mut self, arguments: &[impl AsRef<[u8]>]) -> Vec<u8> {
        self.send(arguments);
        self.reply()
    }

    /// The reply as text.
    pub fn ask(&mut self, arguments: &[impl AsRef<[u8]>]) -> String {
        String::from_utf8_lossy(&self.call(arguments)).into_owned()
    }

    /// Sends a line of words and checks the reply, with its line ends written `|`.
    pub fn expect(&mut self, line: &str, expected: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(self.ask(&words).replace("\r\n", "|"), expected, "{line}");
    }

    /// The next reply.
    pub fn reply(&mut self) -> Vec<u8> {
        match self.try_reply() {
            Some(reply) => reply,
            None => panic!("the server closed the connection instead of a reply"),
        }
    }

    /// The next reply, or `None` if the connection has ended instead. Waits up to the deadline.
    pub fn try_reply(&mut self) -> Option<Vec<u8>> {
        let mut scan = Scan::at(self.taken);
        loop {
            if scan.run(&self.received) {
                let reply = self.received[self.taken..scan.position].to_vec();
                self.taken = scan.position;
                if self.taken == self.received.len() {
                    self.received.clear();
                    self.taken = 0;
                }
                return Some(reply);
            }
            if self.receive() == 0 {
                return None;
            }
        }
    }

    /// Reads until the connection has ended; gives everything that came.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.receive() > 0 {}
        self.received.split_off(self.taken)
    }

    /// What a connection gets that is refused: everything until its end, also if it sends something.
    pub fn rest_after_ping(&mut self) -> Vec<u8> {
        // The server may have closed before.
        let _ = self.try_write(b"PING\r\n");
        self.rest()
    }

    /// Whether a connection is let in.
    pub fn rest_is_pong(&mut self) -> bool {
        self.try_write(b"PING\r\n").is_ok() && self.try_reply().is_some_and(|reply| reply == b"+PONG\r\n")
    }

    /// A second handle to the same connection, to write while the first reads.
    pub fn try_clone(&self) -> Self {
        let stream = match &self.stream {
            Stream::Tcp(stream) => Stream::Tcp(stream.try_clone().expect("a descriptor is free")),
            Stream::Unix(stream) => Stream::Unix(stream.try_clone().expect("a descriptor is free")),
        };
        Self { stream, received: Vec::new(), taken: 0 }
    }

    /// Receives what is there, waiting for at least a byte; 0 if the connection has ended.
    fn receive(&mut self) -> usize {
        let before = self.received.len();
        self.received.resize(before + RECEIVE_BYTES, 0);
        let part = &mut self.received[before..];
        let count = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(part),
            Stream::Unix(stream) => stream.read(part),
        };
        let count = match count {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => 0,
            Err(error) => panic!("no bytes came within {DEADLINE:?}: {error}"),
        };
        self.received.truncate(before + count);
        count
    }
}

/// A number of INFO, asked for on a connection that may have to say a password first.
pub fn info_number_of(connection: &mut Raw, name: &str) -> u64 {
    let text = connection.call(&["INFO"]);
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("INFO has no number {name}: {text}"))
}

/// A request as an array of bulk strings.
pub fn request(arguments: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        let argument = argument.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The replies that an array holds, as they are; nothing for another reply, such as an error.
pub fn elements(reply: &[u8]) -> Vec<&[u8]> {
    let (Some(b'*'), Some(end)) = (reply.first(), reply.iter().position(|&byte| byte == b'\n')) else {
        return Vec::new();
    };
    let (mut elements, mut start) = (Vec::new(), end + 1);
    while start < reply.len() {
        let mut scan = Scan::at(start);
        assert!(scan.run(reply), "a reply is whole");
        elements.push(&reply[start..scan.position]);
        start = scan.position;
    }
    elements
}

/// How far a reply was looked at. It goes on where it stopped, so that long replies are looked at once.
struct Scan {
    position: usize,
    /// Values that are still to come.
    left: usize,
}

impl Scan {
    fn at(position: usize) -> Self {
        Self { position, left: 1 }
    }

    /// Looks on; says whether the reply is whole.
    fn run(&mut self, bytes: &[u8]) -> bool {
        while self.left > 0 {
            let rest = &bytes[self.position..];
            let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else { return false };
            let number = || -> i64 {
                let text = String::from_utf8_lossy(&rest[1..end]);
                text.parse().unwrap_or_else(|_| panic!("no number in a header of a reply: {text:?}"))
            };
            let (mut len, mut more) = (end + 2, 0);
            match rest[0] {
                b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {}
                b'$' | b'=' => {
                    if let Ok(bulk) = usize::try_from(number()) {
                        len += bulk + 2;
                    }
                }
                b'*' | b'~' | b'>' => more = usize::try_from(number()).unwrap_or(0),
                b'%' => more = 2 * usize::try_from(number()).unwrap_or(0),
                other => panic!("a reply begins with {:?}", char::from(other)),
            }
            if rest.len() < len {
                return false;
            }
            self.position += len;
            self.left = self.left - 1 + more;
        }
        true
    }
}

const RECEIVE_BYTES: usize = 256 << 10;
