//! Ports of NICs in `adit serve`: opened together before the shards start; each shard makes an interface of its queue.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use adit_dataplane::interfaces::{Interface, Service};
use adit_dataplane::port::Port;
use adit_dataplane::streams::Streams;
use adit_drivers::clock::Clock;
use adit_drivers::dpdk::spec::PortSpec;
use adit_drivers::nic::{NicQueue, open};
use adit_drivers::port::Mempool;
use adit_drivers::wake::Waker;
use adit_net::tcp::{RECEIVE_BYTES_DEFAULT, SEND_BYTES_DEFAULT, Tcp, TcpConfig};
use adit_net::{Handover, NetPort, NetStreams, SharedStack, Stack, StackConfig};
use anyhow::{Context, ensure};

/// The queue of one shard at one port, on its way to the thread of the shard.
pub(super) struct NicSeed {
    queue: NicQueue,
    /// What it has to do with the queues of the other shards.
    handover: Handover,
    stack: StackConfig,
    tcp: TcpConfig,
    services: Vec<Service>,
    addresses: Vec<SocketAddr>,
}

/// The buffers of one shard at one port.
pub(super) struct PortBuffers {
    name: String,
    mempool: Mempool,
    kept_max: usize,
}

/// Where clients find the services by a port.
pub(super) struct NicPlan<'a> {
    /// The TCP port of RESP, if it is spoken.
    pub(super) resp: Option<u16>,
    /// The native port of each shard.
    pub(super) native: &'a [u16],
    /// Where the kernel serves each shard.
    pub(super) kernel: &'a [SocketAddr],
    /// Who wakes each shard.
    pub(super) wakers: &'a [Waker],
    /// Connections of a shard at each port, unless a port says otherwise.
    pub(super) connections_max: usize,
    /// Keys the cookies of handshakes.
    pub(super) secret: u128,
}

/// What was opened.
#[derive(Default)]
pub(super) struct Nics {
    /// For each shard, its queue of each port.
    pub(super) seeds: Vec<Vec<NicSeed>>,
    /// A line about each port, for people to read.
    pub(super) lines: Vec<String>,
}

/// Opens all ports.
///
/// # Errors
/// What is wrong with a port or the machine, and what to do.
pub(super) fn open_all(specs: &[PortSpec], plan: &NicPlan<'_>) -> anyhow::Result<Nics> {
    let shards = plan.native.len();
    let mut nics = Nics { seeds: (0..shards).map(|_| Vec::new()).collect(), lines: Vec::new() };
    if specs.is_empty() {
        return Ok(nics);
    }
    let opened = open(specs, u16::try_from(shards)?)?;
    for (spec, queues) in specs.iter().zip(opened) {
        nics.lines.extend(queues.first().map(|queue| describe(spec, queue, plan)));
        // The shards that have a queue of it: one, or all.
        let own = spec.shard.map_or(0..shards, |shard| usize::from(shard)..usize::from(shard) + 1);
        let handovers = Handover::connect(&plan.wakers[own.clone()], plan.native[own.start]);
        let addresses = addresses(specs, spec, plan);
        for (index, (queue, handover)) in own.zip(queues.into_iter().zip(handovers)) {
            nics.seeds[index].push(NicSeed::new(spec, (queue, handover), index, &addresses, plan)?);
        }
    }
    Ok(nics)
}

/// Where clients that came by a port find each shard: by whichever address they came, at a port that all shards have. Those that
/// are for one shard each are one interface together, which has each shard at its own device; a shard without one is at the kernel's.
fn addresses(specs: &[PortSpec], spec: &PortSpec, plan: &NicPlan<'_>) -> Vec<SocketAddr> {
    let here = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    let at = |(shard, port): (u16, &u16)| {
        if spec.shard.is_none() {
            return SocketAddr::new(here, *port);
        }
        let own = specs.iter().find(|other| other.shard == Some(shard));
        own.map_or_else(|| plan.kernel[usize::from(shard)], |own| SocketAddr::new(own.ips[0].0, *port))
    };
    (0..).zip(plan.native).map(at).collect()
}

/// Bytes that the connections of a shard at one port may take, where it has so many.
pub(super) fn tcp_bytes(connections: usize) -> u64 {
    (connections * tcp_config(0).connection_bytes()) as u64
}

fn tcp_config(secret: u128) -> TcpConfig {
    TcpConfig {
        listeners: Vec::new(),
        addresses: Vec::new(),
        mtu_bytes: 1500,
        connections_max: 1,
        receive_bytes: RECEIVE_BYTES_DEFAULT,
        send_bytes: SEND_BYTES_DEFAULT,
        computes_checksums: true,
        secret,
    }
}

fn describe(spec: &PortSpec, queue: &NicQueue, plan: &NicPlan<'_>) -> String {
    let facts = queue.facts();
    let mac = facts.mac.map(|byte| format!("{byte:02x}")).join(":");
    let ips: Vec<String> = spec.ips.iter().map(|(ip, bits)| format!("{ip}/{bits}")).collect();
    let state = if facts.link_is_up { "up" } else { "waits for its link" };
    let resp = plan.resp.map_or_else(String::new, |port| format!(", Redis clients at {port}"));
    let native = plan.native[usize::from(spec.shard.unwrap_or(0))];
    let shard = spec.shard.map_or_else(String::new, |shard| format!(" of shard {shard}"));
    // The driver reads rings that a client does not have as if they were the first.
    let queues = match plan.native.len() {
        count @ 2.. if facts.is_memif && spec.shard.is_none() => {
            format!("; its client has to say queues={count}, no fewer")
        }
        _ => String::new(),
    };
    let ips = ips.join(" and ");
    format!("port {} at {mac}, {ips}: native clients{shard} at {native}{resp}; {state}{queues}", facts.name)
}

impl NicSeed {
    fn new(
        spec: &PortSpec,
        (queue, handover): (NicQueue, Handover),
        index: usize,
        addresses: &[SocketAddr],
        plan: &NicPlan<'_>,
    ) -> anyhow::Result<Self> {
        let native = plan.native[index];
        if !handover.is_alone() {
            // Where the device does not, the stacks hand over what came to the wrong queue.
            queue.steer(native);
        }
        let stack = StackConfig { takes_tcp: true, ..StackConfig::of_port(spec, native) };
        stack.check().with_context(|| format!("port {}", spec.device.name()))?;
        let (mut listeners, mut services) = (vec![native], vec![Service::Native]);
        if let Some(port) = plan.resp {
            listeners.push(port);
            services.push(Service::Resp);
        }
        let connections_max = spec.connections.map_or(plan.connections_max, |count| count as usize);
        ensure!(connections_max > 0, "port {}: no memory for connections", spec.device.name());
        let tcp = TcpConfig {
            listeners,
            addresses: spec.ips.iter().map(|(ip, _)| *ip).collect(),
            connections_max,
            ..tcp_config(plan.secret)
        };
        Ok(Self { queue, handover, stack, tcp, services, addresses: addresses.to_vec() })
    }

    /// The interface, on the thread of the shard; `watch` is given what becomes readable when something comes while the
    /// shard sleeps.
    ///
    /// # Errors
    /// If the thread cannot have it.
    pub(super) fn build(
        self,
        watch: impl FnOnce(BorrowedFd<'_>) -> std::io::Result<()>,
    ) -> anyhow::Result<(Interface, PortBuffers)> {
        let facts = self.queue.facts();
        let frames = self.queue.into_frames()?;
        let mut stack = Stack::new(frames, self.stack, Clock::Kernel.now().mono_ns);
        if !self.handover.is_alone() {
            stack.set_handover(self.handover);
        }
        if let Some(interrupt) = stack.interrupt() {
            watch(interrupt).context("cannot watch a port")?;
        }
        let (mtu_bytes, mempool) = (stack.mtu_bytes(), stack.mempool().clone());
        let buffers = PortBuffers { name: facts.name, mempool, kept_max: facts.kept_buffers_max };
        let stack: SharedStack = Rc::new(RefCell::new(stack));
        let tcp = Tcp::new(TcpConfig { mtu_bytes, ..self.tcp });
        let interface = Interface {
            streams: Streams::Net(Box::new(NetStreams::new(Rc::clone(&stack), tcp))),
            services: self.services,
            port: Some(Port::Net(NetPort::new(stack))),
            addresses: self.addresses,
        };
        Ok((interface, buffers))
    }
}

impl PortBuffers {
    /// Says whether all have come back, once the port is closed.
    pub(super) fn tell_home(&self, shard: u16) -> String {
        let (free_count, count) = (self.mempool.free_count(), self.mempool.count());
        let missing_count = count.saturating_sub(free_count);
        let kept = if (1..=self.kept_max).contains(&missing_count) {
            format!(", its driver kept {missing_count} in its rings")
        } else {
            String::new()
        };
        format!("port {}, shard {shard}: {free_count} of {count} buffers are home{kept}", self.name)
    }
}

/// Ports that one shard has at most: those that all have, and one of its own.
pub(super) fn ports_of_a_shard(specs: &[PortSpec]) -> usize {
    specs.iter().filter(|spec| spec.shard.is_none()).count()
        + usize::from(specs.iter().any(|spec| spec.shard.is_some()))
}

/// The longest datagram that all ports carry.
pub(super) fn datagram_bytes_max(specs: &[PortSpec]) -> u16 {
    let room = |spec: &PortSpec| {
        let speaks_ipv6 = spec.ips.iter().any(|(ip, _)| ip.is_ipv6());
        spec.mtu_bytes.unwrap_or(MTU_DEFAULT) - if speaks_ipv6 { IPV6_UDP_BYTES } else { IPV4_UDP_BYTES }
    };
    specs.iter().map(room).min().unwrap_or(u16::MAX)
}

const MTU_DEFAULT: u16 = 1500;
/// Headers of IP and UDP.
const IPV4_UDP_BYTES: u16 = 28;
const IPV6_UDP_BYTES: u16 = 48;
