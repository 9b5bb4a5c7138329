//! A client and a shard on one thread, with a wire between them: each does its part when it is told to.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use adit_client::Completion;
use adit_client::core::{Core, CoreConfig, Outgoing};
use adit_dataplane::interfaces::{Interface, Service};
use adit_dataplane::map::SlotMap;
use adit_dataplane::mesh::Mesh;
use adit_dataplane::native::NativeParts;
use adit_dataplane::native::secret::Secret;
use adit_dataplane::port::Port;
use adit_dataplane::settings::Settings;
use adit_dataplane::shard::{Parts, Shard};
use adit_dataplane::streams::Streams;
use adit_drivers::clock::{Clock, Now};
use adit_drivers::port::{MBUF_BYTES, Mbuf, Mempool};
use adit_drivers::sim::{SimNetwork, WirePort};
use adit_store::kv::Store;
use anyhow::{Context, anyhow, bail};

use super::work::Work;

/// A client and a shard.
pub(super) struct Pair {
    core: Core,
    port: Port,
    trains: Trains,
    burst: Vec<Mbuf>,
    completions: Vec<Completion>,
    shard: Shard,
    time: Time,
}

/// The time that both go by.
#[derive(Clone)]
pub(super) enum Time {
    /// That of the machine.
    Real,
    /// So much further with each exchange: the same in every run.
    Counted(Rc<Cell<Now>>),
}

/// Frames of the client that are not on the wire yet.
struct Trains {
    mempool: Mempool,
    list: Vec<Mbuf>,
}

impl Pair {
    /// A client with a session at a shard that has this store.
    pub(super) fn new(store: Store, time: Time) -> anyhow::Result<Self> {
        let (client, server) = (address(1), address(2));
        let mempool = Mempool::new(MBUFS, MBUF_BYTES);
        let (near, far) =
            WirePort::pair((client, mempool.clone()), (server, Mempool::new(MBUFS, MBUF_BYTES)));
        let config = CoreConfig { address: server, ..CoreConfig::default() };
        let mut pair = Self {
            core: Core::new(config, SEED)?,
            port: Port::Wire(near),
            trains: Trains { mempool, list: Vec::new() },
            burst: Vec::new(),
            completions: Vec::new(),
            shard: shard(store, Port::Wire(far), server, time.clock())?,
            time,
        };
        for _ in 0..OPENING_TURNS {
            pair.send();
            pair.serve();
            pair.receive();
        }
        if let Some(error) = pair.core.refused() {
            return Err(anyhow!(error));
        }
        pair.core.map().context("the shard has opened no session")?;
        Ok(pair)
    }

    /// Does `count` operations together, and all that belongs to them; `serve` is the turn of the shard.
    #[inline]
    pub(super) fn exchange(
        &mut self,
        work: &mut Work,
        count: usize,
        mut serve: impl FnMut(&mut Self),
    ) -> anyhow::Result<()> {
        self.time.pass();
        self.submit(work, count)?;
        serve(self);
        self.complete(work)?;
        let mut turns = 0;
        while self.core.in_flight() > 0 {
            if turns == TURNS_MAX {
                bail!("the shard has not answered for {TURNS_MAX} turns");
            }
            turns += 1;
            self.send();
            serve(self);
            self.complete(work)?;
        }
        Ok(())
    }

    /// The client's part before the shard's.
    #[inline(never)]
    pub(super) fn submit(&mut self, work: &mut Work, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            let operation = work.next();
            self.core.submit(operation, u64::MAX).map_err(|refused| refused.error)?;
        }
        self.send();
        Ok(())
    }

    /// The shard's part.
    #[inline(never)]
    pub(super) fn serve(&mut self) {
        self.shard.turn();
    }

    /// The client's part after the shard's.
    #[inline(never)]
    pub(super) fn complete(&mut self, work: &mut Work) -> anyhow::Result<()> {
        self.receive();
        let mut completions = std::mem::take(&mut self.completions);
        completions.extend(std::iter::from_fn(|| self.core.next_completion()));
        for completion in completions.drain(..) {
            work.end(completion.result)?;
        }
        self.completions = completions;
        Ok(())
    }

    fn send(&mut self) {
        self.core.transmit(self.time.now_ns(), &mut self.trains);
        self.port.tx_burst(&mut self.trains.list);
    }

    fn receive(&mut self) {
        self.port.rx_burst(&mut self.burst);
        let now_ns = self.time.now_ns();
        for train in self.burst.drain(..) {
            for datagram in train.datagrams() {
                // What is no frame is counted by the core.
                let _ = self.core.receive(train.peer(), datagram, now_ns);
            }
        }
    }
}

impl Time {
    /// A time that goes on with the exchanges.
    pub(super) fn counted() -> Self {
        Self::Counted(Rc::new(Cell::new(Now { mono_ns: 1, unix_ms: 1 })))
    }

    fn clock(&self) -> Clock {
        match self {
            Self::Real => Clock::Kernel,
            Self::Counted(now) => Clock::Sim(Rc::clone(now)),
        }
    }

    #[inline]
    fn now_ns(&self) -> u64 {
        match self {
            Self::Real => Clock::Kernel.mono_ns(),
            Self::Counted(now) => now.get().mono_ns,
        }
    }

    #[inline]
    fn pass(&self) {
        if let Self::Counted(now) = self {
            now.set(Now { mono_ns: now.get().mono_ns + EXCHANGE_NS, ..now.get() });
        }
    }
}

impl Outgoing for Trains {
    #[inline]
    fn room(&mut self, to: SocketAddr, len_bytes: usize) -> Option<&mut [u8]> {
        if !self.list.last().is_some_and(|train| train.takes(len_bytes)) {
            self.list.push(self.mempool.take(to)?);
        }
        self.list.last_mut()?.push(len_bytes)
    }
}

/// A shard alone, without streams.
fn shard(store: Store, port: Port, address: SocketAddr, clock: Clock) -> anyhow::Result<Shard> {
    let (waker, _sleeper) = adit_drivers::wake::pair()?;
    let mesh = Mesh::connect(&[waker]).pop().context("a mesh of one shard")?;
    let (stats, page) = adit_drivers::counters::page();
    Ok(Shard::new(Parts {
        index: 0,
        interfaces: vec![Interface {
            streams: Streams::Sim(SimNetwork::new(SEED).listen()),
            services: vec![Service::Native],
            port: Some(port),
            addresses: vec![address],
        }],
        clock,
        store,
        buffer_bytes: BUFFER_BYTES,
        map: SlotMap::even(1),
        mesh,
        mailbox: crossbeam_channel::never(),
        stats,
        pages: vec![page],
        settings: Settings::default(),
        native: NativeParts {
            secret: Secret::new(u128::from(SEED)),
            frame_bytes: FRAME_BYTES,
            session_bytes: SESSION_BYTES,
        },
    }))
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

const SEED: u64 = 7;
/// What an exchange takes where time is counted.
const EXCHANGE_NS: u64 = 1_000;
const MBUFS: usize = 64;
const BUFFER_BYTES: u64 = 8 << 20;
const SESSION_BYTES: u64 = 1 << 20;
/// The datagram that Ethernet carries.
const FRAME_BYTES: u16 = 1_472;
/// A session and the map are there after fewer.
const OPENING_TURNS: usize = 16;
/// Turns in which a request is answered, with room to spare.
const TURNS_MAX: usize = 100;
