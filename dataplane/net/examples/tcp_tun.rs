//! The TCP of a shard behind a TUN device, for clients of a real kernel: `scripts/tcp-interop` runs it with the device as its
//! standard input. Port 7 sends back what comes (RFC 862), port 80 answers `GET /N` with N bytes.

use std::io::stdin;
use std::net::IpAddr;

use adit_drivers::buffer::Mempool;
use adit_drivers::chunk::ChunkPool;
use adit_drivers::frames::{Checked, FRAME_HEADROOM_BYTES};
use adit_drivers::outbox::Outbox;
use adit_drivers::streams::{ConnectionId, Event, Sending};
use adit_net::outbound::Outbound;
use adit_net::tcp::{RECEIVE_BYTES_DEFAULT, SEND_BYTES_DEFAULT, Tcp, TcpConfig};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read, write};
use rustix::time::{ClockId, clock_gettime};

struct Connection {
    id: ConnectionId,
    is_web: bool,
    outbox: Outbox,
    request: Vec<u8>,
    /// Bytes of an answer that are still to be made.
    owed_bytes: usize,
    made_bytes: usize,
    blocked: bool,
    paused: bool,
    ended: bool,
}

struct Server {
    tcp: Tcp,
    outbound: Outbound,
    pool: ChunkPool,
    connections: Vec<Option<Connection>>,
    /// Places of those that may have something to send.
    due: Vec<usize>,
}

fn main() {
    let argument =
        |number: usize| std::env::args().nth(number).and_then(|argument| argument.parse::<usize>().ok());
    let mtu_bytes = argument(1).unwrap_or(1500);
    let mut network = Network { bad_in_thousand: argument(2).unwrap_or(0), seed: 1, held: [None, None] };
    let mempool = Mempool::with_headroom(2048, FRAME_HEADROOM_BYTES + mtu_bytes, FRAME_HEADROOM_BYTES);
    let mut server = Server {
        tcp: Tcp::new(TcpConfig {
            listeners: vec![7, 80],
            addresses: vec![IpAddr::from([10, 99, 0, 1]), IpAddr::from([0xfd99, 0, 0, 0, 0, 0, 0, 1_u16])],
            mtu_bytes,
            connections_max: 1000,
            receive_bytes: RECEIVE_BYTES_DEFAULT,
            send_bytes: SEND_BYTES_DEFAULT,
            computes_checksums: true,
            secret: 0x5eed,
        }),
        outbound: Outbound::new(mempool),
        pool: ChunkPool::new(64 << 20),
        connections: Vec::new(),
        due: Vec::new(),
    };
    let mut packet = vec![0; mtu_bytes];
    while server.wait() {
        for _ in 0..BURST {
            match read(stdin(), &mut packet) {
                Ok(0) => break,
                Ok(count) => network.pass(0, &packet[..count], |packet| {
                    server.tcp.receive(packet, Checked::default(), now_ns(), &mut server.outbound);
                }),
                Err(_) => break,
            }
        }
        server.turn(&mut network);
    }
    eprintln!("{:?}", server.tcp.counters());
}

impl Server {
    /// Waits until a packet or a timer is there; says whether the device still is.
    fn wait(&self) -> bool {
        let left_ns = self.tcp.due_ns().map_or(1_000_000_000, |due_ns| due_ns.saturating_sub(now_ns()));
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::try_from(left_ns.min(999_999_999)).unwrap_or(0) };
        let input = stdin();
        let mut files = [PollFd::new(&input, PollFlags::IN)];
        let _ = poll(&mut files, Some(&timeout));
        !files[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
    }

    fn turn(&mut self, network: &mut Network) {
        let mut events = Vec::new();
        self.tcp.poll(now_ns(), &mut self.pool, &mut events);
        events.into_iter().for_each(|event| self.take(event));
        for index in std::mem::take(&mut self.due) {
            self.send(index);
        }
        self.tcp.flush(now_ns(), &mut self.outbound);
        for packet in self.outbound.packets.drain(..) {
            // A device that is full drops it.
            network.pass(
                1,
                packet.frame.bytes(),
                |packet| while write(stdin(), packet) == Err(Errno::INTR) {},
            );
        }
    }

    fn take(&mut self, event: Event) {
        let id = match &event {
            Event::Opened(id, _)
            | Event::Received(id, _)
            | Event::Ended(id)
            | Event::Lost(id)
            | Event::Writable(id) => *id,
            Event::Sent(_) | Event::PortReady(_) => return,
        };
        let index = id.index as usize;
        if let Event::Opened(_, listener) = event {
            while self.connections.len() <= index {
                self.connections.push(None);
            }
            self.connections[index] = Some(Connection {
                id,
                is_web: listener == 1,
                outbox: Outbox::default(),
                request: Vec::new(),
                owed_bytes: 0,
                made_bytes: 0,
                blocked: false,
                paused: false,
                ended: false,
            });
            return;
        }
        let Some(connection) = self.connections[index].as_mut().filter(|connection| connection.id == id)
        else {
            return;
        };
        match event {
            Event::Received(_, chunk) => {
                if connection.is_web {
                    connection.request.extend(chunk.filled());
                    connection.answer(&mut self.pool);
                } else {
                    connection.outbox.write(&mut self.pool, chunk.filled());
                    if connection.outbox.left_bytes() > HELD_BYTES_MAX {
                        connection.paused = true;
                        self.tcp.pause(id);
                    }
                }
                self.pool.give(chunk);
            }
            Event::Ended(_) => connection.ended = true,
            Event::Writable(_) => connection.blocked = false,
            _ => return self.close(index),
        }
        self.due.push(index);
    }

    fn send(&mut self, index: usize) {
        let Some(connection) = self.connections[index].as_mut().filter(|connection| !connection.blocked)
        else {
            return;
        };
        connection.make(&mut self.pool);
        let sending = self.tcp.send(connection.id, &mut connection.outbox, &mut self.pool);
        if connection.paused && connection.outbox.left_bytes() < HELD_BYTES_MAX / 2 {
            connection.paused = false;
            self.tcp.resume(connection.id);
        }
        let is_done = connection.owed_bytes == 0
            && (connection.ended || (connection.is_web && connection.made_bytes > 0))
            && !connection.paused;
        match sending {
            Sending::Lost => self.close(index),
            Sending::Done if is_done => self.close(index),
            Sending::Done if connection.owed_bytes > 0 => self.due.push(index),
            Sending::Done => {}
            Sending::Sliced => self.due.push(index),
            Sending::Blocked => connection.blocked = true,
        }
    }

    fn close(&mut self, index: usize) {
        if let Some(mut connection) = self.connections[index].take() {
            connection.outbox.clear(&mut self.pool, drop);
            self.tcp.close(connection.id);
        }
    }
}

impl Connection {
    /// Answers `GET /N`.
    fn answer(&mut self, pool: &mut ChunkPool) {
        if self.made_bytes > 0 || !self.request.windows(4).any(|end| end == b"\r\n\r\n") {
            return;
        }
        let text = String::from_utf8_lossy(&self.request);
        let path = text.split(' ').nth(1).unwrap_or_default();
        self.owed_bytes = path.trim_start_matches('/').parse().unwrap_or(0);
        let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", self.owed_bytes);
        self.outbox.write(pool, head.as_bytes());
        self.made_bytes = 1;
    }

    /// Makes some of the bytes that are owed: their numbers, modulo 251.
    fn make(&mut self, pool: &mut ChunkPool) {
        while self.owed_bytes > 0 && self.outbox.left_bytes() < HELD_BYTES_MAX {
            let count = self.owed_bytes.min(4096);
            let first = self.made_bytes - 1;
            let bytes: Vec<u8> =
                (first..first + count).map(|number| (number % 251).to_le_bytes()[0]).collect();
            self.outbox.write(pool, &bytes);
            (self.owed_bytes, self.made_bytes) = (self.owed_bytes - count, self.made_bytes + count);
        }
    }
}

/// A network that loses, doubles and swaps so many packets in a thousand, each way.
struct Network {
    bad_in_thousand: usize,
    seed: u64,
    /// A packet that the next one overtakes, for each way.
    held: [Option<Vec<u8>>; 2],
}

impl Network {
    fn pass(&mut self, way: usize, packet: &[u8], mut deliver: impl FnMut(&[u8])) {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let fate = usize::try_from(self.seed >> 33).unwrap_or(0) % 1000;
        let held = self.held[way].take();
        if fate < self.bad_in_thousand {
            // Lost.
        } else if fate < 2 * self.bad_in_thousand {
            deliver(packet);
            deliver(packet);
        } else if fate < 3 * self.bad_in_thousand && held.is_none() {
            self.held[way] = Some(packet.to_vec());
        } else {
            deliver(packet);
        }
        if let Some(held) = held {
            deliver(&held);
        }
    }
}

fn now_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).unwrap_or(0)
}

const BURST: usize = 32;
const HELD_BYTES_MAX: u64 = 128 << 10;
