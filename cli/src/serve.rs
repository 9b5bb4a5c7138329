//! `adit serve`: builds the shards, starts their threads, and ends them on a signal.

mod ports;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

use adit_dataplane::interfaces::{Interface, Service};
use adit_dataplane::mailbox::Command;
use adit_dataplane::map::SlotMap;
use adit_dataplane::mesh::Mesh;
use adit_dataplane::native::NativeParts;
use adit_dataplane::native::secret::Secret;
use adit_dataplane::port::Port;
use adit_dataplane::settings::{Limits, Settings};
use adit_dataplane::shard::{Parts, Shard};
use adit_dataplane::stats::{StatsReader, StatsWriter};
use adit_dataplane::streams::Streams;
use adit_drivers::clock::Clock;
use adit_drivers::dpdk::spec::PortSpec;
use adit_drivers::kernel::{
    KernelPort, KernelStreams, ListenError, Listener, Offload, UdpSocket, raise_descriptor_limit,
};
use adit_drivers::memory::Arena;
use adit_drivers::port::{MBUF_BYTES, Mempool};
use adit_drivers::process::system_name;
use adit_drivers::wake::{Sleeper, Waker};
use adit_store::kv::Config as StoreConfig;
use anyhow::{Context, anyhow};
use core_affinity::CoreId;
use crossbeam_channel::{Receiver, Sender, bounded};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use self::ports::{NicPlan, NicSeed, PortBuffers};
use crate::config::{Config, ServeArguments};
use crate::size::Size;

/// Serves until SIGINT or SIGTERM.
pub(crate) fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    let config = arguments.check()?;
    let mut signals = catch_signals()?;
    let appliance = Appliance::start(&config)?;
    if let Some(signal) = signals.forever().next() {
        let name = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
        say(format_args!("{name}: closing connections"));
    }
    appliance.stop();
    say(format_args!("stopped"));
    Ok(())
}

/// The first signal ends the shards in order; a second one ends the process at once.
fn catch_signals() -> anyhow::Result<Signals> {
    let again = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&again))?;
        signal_hook::flag::register(signal, Arc::clone(&again))?;
    }
    Signals::new([SIGINT, SIGTERM]).context("cannot catch signals")
}

/// The running shards, as control sees them.
struct Appliance {
    threads: Vec<JoinHandle<anyhow::Result<()>>>,
    mailboxes: Vec<Sender<Command>>,
    wakers: Vec<Waker>,
}

/// What the thread of a shard builds it from. Memory is touched by the thread itself, so that it lies near its core.
struct Seed {
    index: u16,
    core: Option<CoreId>,
    ends: Ends,
    sleeper: Sleeper,
    mesh: Mesh,
    mailbox: Receiver<Command>,
    stats: StatsWriter,
    pages: Vec<StatsReader>,
    pools: Pools,
    nics: Vec<NicSeed>,
    /// All shards have given up their ports.
    ports_closed: Arc<Barrier>,
    hash_secret: u64,
    native_secret: Secret,
    native_addresses: Vec<SocketAddr>,
    native_frame: u16,
    settings: Settings,
    prefault: bool,
    started: Sender<anyhow::Result<String>>,
}

/// A shard, the buffers of its ports, and the kind of its pages.
type Built = (Shard, Vec<PortBuffers>, String);

/// Where clients reach one shard.
#[derive(Default)]
struct Ends {
    listeners: Vec<Listener>,
    services: Vec<Service>,
    socket: Option<UdpSocket>,
}

impl Ends {
    fn push(&mut self, listener: Listener, service: Service) {
        self.listeners.push(listener);
        self.services.push(service);
    }
}

impl Appliance {
    fn start(config: &Config) -> anyhow::Result<Self> {
        let count = usize::from(config.shards);
        let all_ends = listen(config)?;
        let resp: Vec<&Listener> = all_ends[0].of(Service::Resp).collect();
        let addresses: Vec<String> = resp.iter().map(|listener| listener.name().to_owned()).collect();
        let native_addresses: Vec<SocketAddr> =
            all_ends.iter().filter_map(|ends| ends.socket.as_ref()).map(UdpSocket::address).collect();
        let share_bytes = config.memory.0 / u64::from(config.shards);
        let connections_max = connections_per_port(share_bytes, ports::ports_of_a_shard(&config.ports));
        let pools = Pools::of(share_bytes, tcp_bytes(config, connections_max)).with_context(|| {
            format!(
                "memory = {}: too little for the connections of the ports; give more, or pass connections=N with a \
                 smaller number in --port",
                config.memory
            )
        })?;
        let settings = settings(config, resp.iter().find_map(|listener| listener.port()));
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        if cores.len() < count {
            eprintln!("adit: {count} shards share {} cores; more shards than cores are slower", cores.len());
        }
        let hash_secret = random_secret();
        let native_secret = Secret::new(u128::from(random_secret()) << 64 | u128::from(random_secret()));
        let (started, starts) = bounded(count);
        let (mut threads, mut mailboxes, mut seeds) = (Vec::new(), Vec::new(), Vec::new());
        let (wakers, sleepers): (Vec<Waker>, Vec<Sleeper>) = (0..count)
            .map(|_| adit_drivers::wake::pair())
            .collect::<Result<_, _>>()
            .map(Vec::into_iter)
            .map(Iterator::unzip)?;
        // At ports of NICs the numbers of the shards follow each other, whatever the kernel gave.
        let first = native_addresses.first().map_or(0, SocketAddr::port);
        let native_ports: Vec<u16> = (0..config.shards).map(|index| first.saturating_add(index)).collect();
        let nics = ports::open_all(
            &config.ports,
            &NicPlan {
                resp: resp.iter().find_map(|listener| listener.port()),
                native: &native_ports,
                kernel: &native_addresses,
                wakers: &wakers,
                connections_max,
                secret: u128::from(random_secret()) << 64 | u128::from(random_secret()),
            },
        )?;
        let lines = nics.lines;
        // Those that have a port wait for each other.
        let ports_closed = nics.seeds.iter().filter(|seeds| !seeds.is_empty()).count();
        let ports_closed = Arc::new(Barrier::new(ports_closed));
        let mut nic_seeds = nics.seeds.into_iter();
        let (writers, pages): (Vec<StatsWriter>, Vec<StatsReader>) =
            (0..count).map(|_| adit_drivers::counters::page()).unzip();
        let ends = all_ends.into_iter().zip(sleepers).zip(Mesh::connect(&wakers)).zip(writers);
        for (index, (((ends, sleeper), mesh), stats)) in (0..config.shards).zip(ends) {
            let (sender, mailbox) = bounded(MAILBOX_COMMANDS_MAX);
            mailboxes.push(sender);
            seeds.push(Seed {
                index,
                core: cores.get(usize::from(index) % cores.len().max(1)).copied(),
                ends,
                sleeper,
                mesh,
                mailbox,
                stats,
                pages: pages.clone(),
                pools,
                nics: nic_seeds.next().unwrap_or_default(),
                ports_closed: Arc::clone(&ports_closed),
                hash_secret,
                native_secret,
                native_addresses: native_addresses.clone(),
                native_frame: config.native_frame.min(ports::datagram_bytes_max(&config.ports)),
                settings: settings.clone(),
                prefault: config.prefault,
                started: started.clone(),
            });
        }
        drop(started);
        for seed in seeds {
            let name = format!("shard{}", seed.index);
            threads.push(std::thread::Builder::new().name(name).spawn(move || seed.run())?);
        }
        let appliance = Self { threads, mailboxes, wakers };
        let mut page_kind = String::new();
        for start in starts.iter().take(count) {
            match start {
                Ok(kind) => page_kind = kind,
                Err(error) => {
                    appliance.stop();
                    return Err(error);
                }
            }
        }
        announce(config, &pools, &page_kind, &lines);
        announce_addresses(&addresses, &native_addresses);
        Ok(appliance)
    }

    /// Ends all shards and waits for them.
    fn stop(self) {
        for (mailbox, waker) in self.mailboxes.iter().zip(&self.wakers) {
            // A shard that is gone needs no command.
            let _ = mailbox.send(Command::Shutdown);
            waker.wake();
        }
        for thread in self.threads {
            // What went wrong in a thread was told when it happened.
            let _ = thread.join();
        }
    }
}

impl Seed {
    fn run(self) -> anyhow::Result<()> {
        if let Some(core) = self.core {
            core_affinity::set_for_current(core);
        }
        let (index, started) = (self.index, self.started.clone());
        let ports_closed = (!self.nics.is_empty()).then(|| Arc::clone(&self.ports_closed));
        match self.build() {
            Ok((mut shard, buffers, page_kind)) => {
                let _ = started.send(Ok(page_kind));
                drop(started);
                while shard.turn() {}
                drop(shard);
                if let Some(ports_closed) = ports_closed {
                    ports_closed.wait();
                }
                buffers.iter().for_each(|port| say(format_args!("{}", port.tell_home(index))));
                Ok(())
            }
            Err(error) => {
                let _ = started.send(Err(error));
                // The others end because of this, and wait for all.
                if let Some(ports_closed) = ports_closed {
                    ports_closed.wait();
                }
                Ok(())
            }
        }
    }

    fn build(self) -> anyhow::Result<Built> {
        let enough = "the machine may not have that much; give less with --memory";
        let arena = Arena::new(self.pools.items_bytes, self.prefault).context(enough)?;
        let page_kind = arena.page_kind().to_string();
        let config = StoreConfig { index_bytes: self.pools.index_bytes, hash_secret: self.hash_secret };
        let store = config.build(arena, self.prefault).context(enough)?;
        let Ends { listeners, services, socket } = self.ends;
        let mut streams = KernelStreams::new(listeners, self.sleeper).context("cannot poll sockets")?;
        let trains = usize::try_from(self.pools.train_bytes).unwrap_or(usize::MAX) / MBUF_BYTES;
        let mempool = Mempool::new(trains, MBUF_BYTES);
        let port = socket.map(|socket| KernelPort::new(socket, mempool, Offload::default()));
        if let Some(port) = &port {
            streams.watch_port(port).context("cannot poll the native port")?;
        }
        let (mut buffers, mut polled) = (Vec::new(), Vec::new());
        for nic in self.nics {
            let (interface, own_buffers) = nic.build(|interrupt| streams.watch_interrupt(interrupt))?;
            buffers.push(own_buffers);
            polled.push(interface);
        }
        let mut interfaces = vec![Interface {
            streams: Streams::Kernel(streams),
            services,
            port: port.map(Port::Kernel),
            addresses: self.native_addresses,
        }];
        interfaces.append(&mut polled);
        let shard = Shard::new(Parts {
            index: self.index,
            interfaces,
            clock: Clock::Kernel,
            store,
            buffer_bytes: self.pools.buffer_bytes,
            map: SlotMap::even(self.mesh.shard_count()),
            mesh: self.mesh,
            mailbox: self.mailbox,
            stats: self.stats,
            pages: self.pages,
            settings: self.settings,
            native: NativeParts {
                secret: self.native_secret,
                frame_bytes: self.native_frame,
                session_bytes: self.pools.session_bytes,
            },
        });
        Ok((shard, buffers, page_kind))
    }
}

/// The pools of one shard; their sum is its share of `--memory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pools {
    index_bytes: u64,
    items_bytes: u64,
    buffer_bytes: u64,
    session_bytes: u64,
    train_bytes: u64,
    tcp_bytes: u64,
    mesh_bytes: u64,
}

impl Pools {
    /// Those of a share of which the connections of ports may take `tcp_bytes`, unless that leaves too little.
    fn of(share_bytes: u64, tcp_bytes: u64) -> Option<Self> {
        let buffer_bytes = (share_bytes / 8).clamp(BUFFER_BYTES_MIN, BUFFER_BYTES_MAX);
        let session_bytes = (share_bytes / 64).clamp(SESSION_BYTES_MIN, SESSION_BYTES_MAX);
        let train_bytes = (share_bytes / 32).clamp(TRAIN_BYTES_MIN, TRAIN_BYTES_MAX);
        let taken_bytes = buffer_bytes + session_bytes + train_bytes + MESH_BYTES;
        let left_bytes = share_bytes.checked_sub(taken_bytes)?.checked_sub(tcp_bytes)?;
        if left_bytes < ITEMS_BYTES_MIN {
            return None;
        }
        // An item of 128 B takes some 14 B of the index.
        let index_bytes = left_bytes / 8 / INDEX_UNIT_BYTES * INDEX_UNIT_BYTES;
        let items_bytes = left_bytes - index_bytes;
        let mesh_bytes = MESH_BYTES;
        Some(Self {
            index_bytes,
            items_bytes,
            buffer_bytes,
            session_bytes,
            train_bytes,
            tcp_bytes,
            mesh_bytes,
        })
    }
}

impl Ends {
    fn of(&self, service: Service) -> impl Iterator<Item = &Listener> {
        let spoken = self.listeners.iter().zip(&self.services);
        spoken.filter(move |(_, spoken)| **spoken == service).map(|(listener, _)| listener)
    }
}

fn listen(config: &Config) -> anyhow::Result<Vec<Ends>> {
    let count = usize::from(config.shards);
    let mut all: Vec<Ends> = (0..count).map(|_| Ends::default()).collect();
    if let Some(address) = config.resp {
        let listeners = Listener::tcp(address, count).map_err(|error| tcp_error(address, error))?;
        all.iter_mut().zip(listeners).for_each(|(ends, listener)| ends.push(listener, Service::Resp));
    }
    if let Some(path) = &config.unix {
        let listeners = Listener::unix(path, count).map_err(|error| unix_error(path, error))?;
        all.iter_mut().zip(listeners).for_each(|(ends, listener)| ends.push(listener, Service::Resp));
    }
    if let Some(address) = config.native {
        for (index, ends) in (0..).zip(&mut all) {
            // Port 0 takes a free one for each shard.
            let port = if address.port() == 0 { 0 } else { address.port() + index };
            let address = SocketAddr::new(address.ip(), port);
            let (socket, listener) = listen_native(address).map_err(|error| native_error(address, error))?;
            ends.push(listener, Service::Native);
            ends.socket = Some(socket);
        }
    }
    Ok(all)
}

/// Binds the same port for UDP and TCP.
fn listen_native(address: SocketAddr) -> Result<(UdpSocket, Listener), ListenError> {
    let mut left = if address.port() == 0 { FREE_PORT_TRIES } else { 1 };
    loop {
        left -= 1;
        let socket = UdpSocket::bind(address)?;
        match Listener::tcp(socket.address(), 1) {
            Ok(mut listeners) => {
                return listeners.pop().map(|listener| (socket, listener)).ok_or(ListenError::InUse);
            }
            Err(ListenError::InUse) if left > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

fn native_error(address: SocketAddr, error: ListenError) -> anyhow::Error {
    match error {
        ListenError::InUse => anyhow!(
            "{address} is in use, perhaps by another adit; stop it, or choose ports with --native {}:PORT, or --native off",
            address.ip()
        ),
        ListenError::Kernel(error) => {
            anyhow!(error).context(format!("cannot bind {address} for native clients"))
        }
    }
}

fn tcp_error(address: SocketAddr, error: ListenError) -> anyhow::Error {
    match error {
        ListenError::InUse => anyhow!(
            "{address} is in use, perhaps by another adit; stop it, or choose a port with --resp {}:PORT",
            address.ip()
        ),
        ListenError::Kernel(error) => anyhow!(error).context(format!("cannot listen on {address}")),
    }
}

fn unix_error(path: &Path, error: ListenError) -> anyhow::Error {
    match error {
        ListenError::InUse => {
            anyhow!("{} is in use or is no socket; stop its server, or choose another path", path.display())
        }
        ListenError::Kernel(error) => anyhow!(error).context(format!("cannot listen on {}", path.display())),
    }
}

/// What the shards are told.
fn settings(config: &Config, resp_port: Option<u16>) -> Settings {
    let connections_possible = connections_possible(config);
    let connections_max = config.limits.connections_max.min(connections_possible);
    let path = |path: Option<PathBuf>| path.map_or_else(String::new, |path| path.display().to_string());
    Settings {
        limits: Limits { connections_max, memory_bytes_max: config.memory.0, ..config.limits },
        password: config.password.as_ref().map(|password| password.clone().into_bytes()),
        memory_bytes: config.memory.0,
        connections_possible,
        debug_commands: config.debug_commands,
        resp_port: resp_port.unwrap_or(0),
        started_ns: Clock::Kernel.now().mono_ns,
        process_id: std::process::id(),
        run_id: (0..3).map(|_| format!("{:016x}", random_secret())).collect::<String>()[..RUN_ID_DIGITS]
            .to_owned(),
        system: system_name(),
        files: (path(std::env::current_exe().ok()), path(config.file.clone())),
    }
}

/// Connections that the process has file descriptors for.
fn connections_possible(config: &Config) -> u64 {
    let limit = raise_descriptor_limit().saturating_sub(DESCRIPTORS_RESERVED + 4 * u64::from(config.shards));
    if limit < config.limits.connections_max {
        eprintln!("adit: at most {limit} connections, as `ulimit -n` allows no more files");
    }
    limit.max(1)
}

/// Prints a line; whoever reads the output may be gone.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Connections of a shard at each port that does not say how many: an eighth of its memory.
fn connections_per_port(share_bytes: u64, ports: usize) -> usize {
    let most = share_bytes / 8 / ports::tcp_bytes(ports.max(1));
    usize::try_from(most).unwrap_or(usize::MAX).min(CONNECTIONS_PER_PORT_MAX)
}

/// Bytes that the connections of all ports may take at a shard, with so many at a port that does not say how many.
fn tcp_bytes(config: &Config, connections_max: usize) -> u64 {
    let connections = |port: &PortSpec| port.connections.map_or(connections_max, |count| count as usize);
    let (own, common): (Vec<_>, Vec<_>) = config.ports.iter().partition(|port| port.shard.is_some());
    // A shard has one of those that are for one.
    let own = own.into_iter().map(connections).max().unwrap_or(0);
    ports::tcp_bytes(own + common.into_iter().map(connections).sum::<usize>())
}

fn announce(config: &Config, pools: &Pools, page_kind: &str, ports: &[String]) {
    let all = |bytes: u64| Size(bytes * u64::from(config.shards));
    say(format_args!("adit {} with {} shard(s)", env!("CARGO_PKG_VERSION"), config.shards));
    say(format_args!(
        "memory {} = index {} + items {} + buffers {} + sessions {} + trains {} + mesh {}, {page_kind}",
        config.memory,
        all(pools.index_bytes),
        all(pools.items_bytes),
        all(pools.buffer_bytes),
        all(pools.session_bytes),
        all(pools.train_bytes),
        all(pools.mesh_bytes),
    ));
    if pools.tcp_bytes > 0 {
        say(format_args!("of which connections of ports may take {}", all(pools.tcp_bytes)));
    }
    ports.iter().for_each(|line| say(format_args!("{line}")));
    for name in &config.unavailable {
        say(format_args!("{name} is not available yet in this version"));
    }
    say(format_args!("data is in memory only: it is gone when adit stops"));
}

fn announce_addresses(addresses: &[String], native_addresses: &[SocketAddr]) {
    if !native_addresses.is_empty() {
        let addresses: Vec<String> = native_addresses.iter().map(SocketAddr::to_string).collect();
        say(format_args!("serving native clients on {}", addresses.join(" and ")));
    }
    if !addresses.is_empty() {
        say(format_args!("serving Redis clients on {}", addresses.join(" and ")));
    }
}

/// A number that nobody outside can know: the keys that the standard library draws for its hash tables.
fn random_secret() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// TCP connections of a shard at each port of a NIC, unless the port says otherwise: a sixteenth of a gigabyte.
const CONNECTIONS_PER_PORT_MAX: usize = 1024;
/// The least that is left for the index and the items.
const ITEMS_BYTES_MIN: u64 = 8 << 20;
const MAILBOX_COMMANDS_MAX: usize = 16;
/// Digits of the number that tells this run from others.
const RUN_ID_DIGITS: usize = 40;
/// Descriptors that are not connections: standard streams, libraries.
const DESCRIPTORS_RESERVED: u64 = 32;
/// Trains of datagrams that a shard has at a time, both ways: 16 to 64.
const TRAIN_BYTES_MIN: u64 = 1 << 20;
const TRAIN_BYTES_MAX: u64 = 4 << 20;
/// Ports that are tried where any free one will do for UDP and TCP.
const FREE_PORT_TRIES: u32 = 64;
const SESSION_BYTES_MIN: u64 = 1 << 19;
const SESSION_BYTES_MAX: u64 = 64 << 20;
const BUFFER_BYTES_MIN: u64 = 8 << 20;
const BUFFER_BYTES_MAX: u64 = 256 << 20;
/// Rings to other shards and in-flight slots.
const MESH_BYTES: u64 = 2 << 20;
/// The index is mapped in units of a huge page.
const INDEX_UNIT_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pools_of_a_shard_are_its_memory() {
        for share_bytes in [32 << 20, 100 << 20, 1 << 30, 1 << 40_u64] {
            let pools = Pools::of(share_bytes, 1 << 20).unwrap();
            let sum = pools.index_bytes + pools.items_bytes + pools.buffer_bytes + pools.mesh_bytes;
            assert_eq!(sum + pools.session_bytes + pools.train_bytes + pools.tcp_bytes, share_bytes);
            assert!(pools.index_bytes > 0 && pools.items_bytes > 4 << 20, "{pools:?}");
        }
    }

    #[test]
    fn the_least_memory_has_connections_for_ports() {
        for (share_bytes, ports) in [(32 << 20, 1), (32 << 20, 4), (64 << 20, 2), (1 << 30, 2)] {
            let count = connections_per_port(share_bytes, ports);
            assert!(count >= 16, "{count} of {share_bytes} at {ports} ports");
            assert!(Pools::of(share_bytes, ports::tcp_bytes(count * ports)).is_some());
        }
        assert_eq!(connections_per_port(1 << 30, 1), CONNECTIONS_PER_PORT_MAX);
    }
}
