//! A client in a simulated network: the real one's core, with simulated sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use adit_client::core::{Core, CoreConfig, Outgoing, Transport};
use adit_client::{Completion, Operation};
use adit_dataplane::port::Port;
use adit_drivers::port::{Mbuf, Mempool};
use adit_drivers::sim::{Random, SimClient};
use adit_wire::native::frame::length_in_stream;

use crate::appliance::Appliance;

/// A client.
pub struct Client {
    /// The real client, without sockets.
    pub core: Core,
    /// Where it is.
    pub address: SocketAddr,
    wires: Wires,
    random: Random,
}

enum Wires {
    Datagrams { port: Port, trains: Trains },
    Streams { pipes: BTreeMap<SocketAddr, Pipe>, outgoing: Streams },
}

/// A stream to a shard, and what of a frame has come.
struct Pipe {
    end: SimClient,
    received: Vec<u8>,
}

/// Trains on their way out.
struct Trains {
    list: Vec<Mbuf>,
    mempool: Mempool,
}

/// Bytes on their way out.
#[derive(Default)]
struct Streams(BTreeMap<SocketAddr, Vec<u8>>);

impl Outgoing for Trains {
    fn room(&mut self, to: SocketAddr, len_bytes: usize) -> Option<&mut [u8]> {
        let fits = self.list.last().is_some_and(|last| last.peer() == to && last.takes(len_bytes));
        if !fits {
            self.list.push(self.mempool.take(to)?);
        }
        self.list.last_mut()?.push(len_bytes)
    }
}

impl Outgoing for Streams {
    fn room(&mut self, to: SocketAddr, len_bytes: usize) -> Option<&mut [u8]> {
        let bytes = self.0.entry(to).or_default();
        let start = bytes.len();
        bytes.resize(start + len_bytes, 0);
        Some(&mut bytes[start..])
    }
}

impl Client {
    /// A client at a new address.
    pub fn new(
        appliance: &Appliance,
        address: SocketAddr,
        streams: bool,
        window: u16,
        frame_bytes: u16,
        seed: u64,
    ) -> Self {
        let config = CoreConfig {
            address: appliance.addresses[0],
            transport: if streams { Transport::Stream } else { Transport::Datagram },
            window,
            frame_bytes,
            ..CoreConfig::default()
        };
        let wires = if streams {
            Wires::Streams { pipes: BTreeMap::new(), outgoing: Streams::default() }
        } else {
            datagrams(appliance, address)
        };
        Self { core: Core::new(config, seed).unwrap(), address, wires, random: Random::new(!seed) }
    }

    /// Has another address from now on; streams break.
    pub fn rebind(&mut self, appliance: &Appliance, address: SocketAddr) {
        self.address = address;
        match &mut self.wires {
            Wires::Datagrams { .. } => self.wires = datagrams(appliance, address),
            Wires::Streams { pipes, .. } => {
                for (address, pipe) in std::mem::take(pipes) {
                    pipe.end.reset();
                    self.core.stream_lost(address, appliance.now_ns());
                }
            }
        }
    }

    /// Breaks off.
    pub fn leave(&self) {
        if let Wires::Streams { pipes, .. } = &self.wires {
            pipes.values().for_each(|pipe| pipe.end.reset());
        }
    }

    /// Begins an operation; whether it was taken.
    pub fn submit(&mut self, operation: Operation, deadline_ns: u64) -> Option<u64> {
        self.core.submit(operation, deadline_ns).ok().map(|ticket| ticket.0)
    }

    /// Receives, sends, and gives what has ended.
    pub fn turn(&mut self, appliance: &Appliance) -> Vec<Completion> {
        let now_ns = appliance.now_ns();
        match &mut self.wires {
            Wires::Datagrams { port, trains } => {
                let mut burst = Vec::new();
                port.rx_burst(&mut burst);
                for train in burst.drain(..) {
                    for datagram in train.datagrams() {
                        // What is no frame is counted by the core.
                        let _ = self.core.receive(train.peer(), datagram, now_ns);
                    }
                }
                self.core.transmit(now_ns, trains);
                port.tx_burst(&mut trains.list);
            }
            Wires::Streams { pipes, outgoing } => {
                for (address, pipe) in pipes.iter_mut() {
                    pipe.read(&mut self.core, *address, &mut self.random, now_ns);
                }
                pipes.retain(|address, pipe| {
                    let is_closed = pipe.end.is_closed();
                    if is_closed {
                        self.core.stream_lost(*address, now_ns);
                    }
                    !is_closed
                });
                while let Some(address) = self.core.next_stream(now_ns) {
                    let window = 1 + self.random.index(40_000);
                    let shard = u32::try_from(appliance.shard_at(address)).unwrap();
                    let end = appliance.streams.connect_service(shard, NATIVE, window);
                    pipes.insert(address, Pipe { end, received: Vec::new() });
                    self.core.stream_opened(address);
                }
                self.core.transmit(now_ns, outgoing);
                for (address, bytes) in std::mem::take(&mut outgoing.0) {
                    pipes.get(&address).into_iter().for_each(|pipe| pipe.end.write(&bytes));
                }
            }
        }
        std::iter::from_fn(|| self.core.next_completion()).collect()
    }

    /// When it has to be turned next, whatever comes. Streams to shards that are stalled do not move.
    pub fn next_event_ns(&self, is_stalled: impl Fn(SocketAddr) -> bool) -> Option<u64> {
        let moves = |(address, pipe): (&SocketAddr, &Pipe)| !is_stalled(*address) && pipe.end.is_moving();
        match &self.wires {
            Wires::Streams { pipes, .. } if pipes.iter().any(moves) => Some(0),
            _ => self.core.next_event_ns(),
        }
    }
}

impl Pipe {
    fn read(&mut self, core: &mut Core, address: SocketAddr, random: &mut Random, now_ns: u64) {
        self.received.extend(self.end.read(1 + random.index(20_000)));
        let mut taken = 0;
        while let Ok(Some(len)) = length_in_stream(&self.received[taken..])
            && let Some(frame) = self.received.get(taken..taken + len)
        {
            let _ = core.receive(address, frame, now_ns);
            taken += len;
        }
        self.received.drain(..taken);
    }
}

fn datagrams(appliance: &Appliance, address: SocketAddr) -> Wires {
    let mempool = Mempool::new(MBUFS, MBUF_BYTES);
    let port = appliance.datagrams.bind(address, mempool.clone());
    Wires::Datagrams { port: Port::Sim(port), trains: Trains { list: Vec::new(), mempool } }
}

/// The service of native streams.
const NATIVE: u32 = 1;
const MBUFS: usize = 64;
const MBUF_BYTES: usize = 9_000;
