//! Native clients of a server under test: real ones, and raw frames.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use adit_client::core::{CoreConfig, Transport};
use adit_client::{BucketId, Client, Config};
use adit_wire::native::request::Open;
use adit_wire::native::{FRAME_BYTES_MAX, Frame, HEADER_BYTES, Header, Opcode, Request, Status};

use super::{DEADLINE, Server};

/// The bucket that tests use unless they are about buckets.
pub const BUCKET: BucketId = BucketId(0);
/// Both ways to a server.
pub const TRANSPORTS: [Transport; 2] = [Transport::Datagram, Transport::Stream];

/// Runs a test over UDP and over TCP, against servers of one and of two shards.
pub fn each(test: impl Fn(&mut Server, Transport)) {
    each_with(&[], test);
}

/// The same, with more flags for the servers.
pub fn each_with(flags: &[&str], test: impl Fn(&mut Server, Transport)) {
    for shards in [1, 2] {
        for transport in TRANSPORTS {
            println!("{shards} shard(s), {transport:?}");
            let mut server = Server::start_with(shards, flags, &[]);
            test(&mut server, transport);
            server.assert_alive("in the end");
        }
    }
}

/// How a client reaches an address.
pub fn config(address: SocketAddr, transport: Transport) -> Config {
    let core = CoreConfig { address, transport, ..CoreConfig::default() };
    Config { core, deadline: DEADLINE, ..Config::default() }
}

/// A new client of a server.
pub fn connect(server: &Server, transport: Transport) -> Client {
    connect_to(server.native, transport)
}

/// A new client of the server at an address, in the thread that it belongs to.
pub fn connect_to(address: SocketAddr, transport: Transport) -> Client {
    match Client::connect(config(address, transport)) {
        Ok(client) => client,
        Err(error) => panic!("no session over {transport:?}: {error}"),
    }
}

/// A counter of STATS, summed over shards.
pub fn counter(client: &mut Client, name: &str) -> u64 {
    let shards = u16::try_from(client.shard_count()).expect("few shards");
    (0..shards).map(|shard| counter_of(client, shard, name)).sum()
}

fn counter_of(client: &mut Client, shard: u16, name: &str) -> u64 {
    let lines = client.stats(shard).expect("stats are answered");
    let found = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    found.unwrap_or_else(|| panic!("no counter {name}: {lines}"))
}

/// Frames to and from one shard, without a client that means well.
pub struct Frames {
    socket: Socket,
    /// The session that requests are of.
    pub session: u64,
}

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its header.
    pub header: Header,
    /// What is behind it.
    pub segment: Vec<u8>,
}

impl Frames {
    /// To the first shard of a server.
    pub fn connect(server: &Server, transport: Transport) -> Self {
        let socket = match transport {
            Transport::Datagram => {
                let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
                socket.connect(server.native).expect("an address of loopback");
                socket.set_read_timeout(Some(DEADLINE)).expect("an option of our socket");
                Socket::Udp(socket)
            }
            Transport::Stream => {
                let socket = TcpStream::connect(server.native).expect("the server accepts connections");
                socket.set_nodelay(true).expect("an option of our socket");
                socket.set_read_timeout(Some(DEADLINE)).expect("an option of our socket");
                Socket::Tcp(socket)
            }
        };
        Self { socket, session: 0 }
    }

    /// To the first shard of a server, with a session.
    pub fn open(server: &Server, transport: Transport) -> Self {
        let mut frames = Self::connect(server, transport);
        let cookie = match frames.socket {
            Socket::Tcp(_) => [0; 24],
            Socket::Udp(_) => {
                let hello = frames.call(&header(Opcode::Hello, 1), &Request::Hello);
                hello.segment.try_into().expect("a cookie has 24 bytes")
            }
        };
        let open = Open { cookie, token: 7, frame_bytes: 1_472, tenant: b"default", password: b"" };
        let opened = frames.call(&header(Opcode::Open, 1), &Request::Open(open));
        assert_eq!(opened.header.status, Status::Ok as u8);
        frames.session = opened.header.session;
        frames
    }

    /// Sends bytes as they are: a datagram, or what comes next on the stream. A stream may have ended meanwhile.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        match &mut self.socket {
            Socket::Udp(socket) => socket.send(bytes).is_ok(),
            Socket::Tcp(socket) => socket.write_all(bytes).is_ok(),
        }
    }

    /// Sends no more on a stream, and reads on.
    pub fn end(&self) {
        if let Socket::Tcp(socket) = &self.socket {
            // It may have ended by itself.
            let _ = socket.shutdown(std::net::Shutdown::Write);
        }
    }

    /// Gives up sending on a stream when nothing was taken for so long.
    pub fn set_write_timeout(&self, timeout: std::time::Duration) {
        match &self.socket {
            Socket::Udp(socket) => socket.set_write_timeout(Some(timeout)),
            Socket::Tcp(socket) => socket.set_write_timeout(Some(timeout)),
        }
        .expect("an option of our socket");
    }

    /// Sends a frame of a session and waits for its answer.
    pub fn call(&mut self, header: &Header, request: &Request<'_>) -> Answer {
        let mut body = Vec::new();
        request.encode(&mut body);
        self.call_with(header, &body)
    }

    /// The same with any body.
    pub fn call_with(&mut self, header: &Header, body: &[u8]) -> Answer {
        let header = Header { session: self.session, ..*header };
        assert!(self.send(&sealed(&header, body)), "the server takes a frame");
        self.answer().expect("the server answers")
    }

    /// The next frame; nothing if the stream has ended instead.
    pub fn answer(&mut self) -> Option<Answer> {
        let mut bytes = vec![0; FRAME_BYTES_MAX];
        let len = match &mut self.socket {
            Socket::Udp(socket) => socket.recv(&mut bytes).expect("a datagram comes"),
            Socket::Tcp(socket) => receive_frame(socket, &mut bytes)?,
        };
        let frame = Frame::decode(&bytes[..len]).expect("the server sends frames");
        assert!(frame.header.is_reply);
        Some(Answer { header: frame.header, segment: frame.segment.to_vec() })
    }
}

/// Says how long the frame is.
fn receive_frame(socket: &mut TcpStream, bytes: &mut [u8]) -> Option<usize> {
    let mut read = |part: &mut [u8]| match socket.read_exact(part) {
        Ok(()) => Some(()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("no frame came within {DEADLINE:?}")
        }
        Err(_) => None,
    };
    read(&mut bytes[..HEADER_BYTES])?;
    let len = HEADER_BYTES + usize::from(u16::from_le_bytes([bytes[14], bytes[15]]));
    read(&mut bytes[HEADER_BYTES..len])?;
    Some(len)
}

/// The header of a request.
pub fn header(opcode: Opcode, request: u64) -> Header {
    Header { opcode: opcode as u8, request, oldest: 1, credits: 1, ..Header::default() }
}

/// A whole message in one frame. Its total length is that of the body, unless the header has another.
pub fn sealed(header: &Header, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; HEADER_BYTES];
    frame.extend_from_slice(body);
    let total_bytes = if header.total_bytes == 0 {
        u32::try_from(body.len()).expect("a body of a test")
    } else {
        header.total_bytes
    };
    Header { total_bytes, ..*header }.seal(&mut frame);
    frame
}
