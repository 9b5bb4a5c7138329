//! The sockets of a client, or its port: what the core writes is sent, what comes is given to it.

mod datagrams;
#[cfg(feature = "dpdk")]
mod port;
mod streams;

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use adit_drivers::dpdk::rss::Rss;
use adit_drivers::kernel::Offload;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::core::{Core, CoreConfig, Transport};
use crate::error::{Error, PortFault, Unreachable};
use datagrams::Datagrams;
#[cfg(feature = "dpdk")]
use port::Port;
use streams::Streams;

/// The sockets of a client.
pub(crate) enum Sockets {
    /// One UDP socket for all shards.
    Datagrams(Box<Datagrams>),
    /// A TCP socket for each shard.
    Streams(Streams),
    /// A port of a NIC, or one end of shared memory.
    #[cfg(feature = "dpdk")]
    Port(Box<Port>),
}

impl Sockets {
    /// Sockets for a server, or the port that `port` describes. `seed` is a random number.
    ///
    /// # Errors
    /// [`Error::Unreachable`], with the kernel's reason, or what is wrong with the port.
    pub(crate) fn new(
        config: &CoreConfig,
        offload: Offload,
        port: Option<&str>,
        seed: u64,
    ) -> Result<Self, Error> {
        if let Some(spec) = port {
            return Self::on_port(spec, config, seed).map_err(fault);
        }
        Ok(match config.transport {
            Transport::Datagram => Self::Datagrams(Box::new(Datagrams::new(config.address, offload)?)),
            Transport::Stream => Self::Streams(Streams::new()?),
        })
    }

    #[cfg(feature = "dpdk")]
    fn on_port(spec: &str, config: &CoreConfig, seed: u64) -> Result<Self, String> {
        match config.transport {
            Transport::Datagram => Port::open(spec, seed).map(|port| Self::Port(Box::new(port))),
            Transport::Stream => Err("a client speaks UDP by a port: leave TCP out".into()),
        }
    }

    #[cfg(not(feature = "dpdk"))]
    fn on_port(spec: &str, _: &CoreConfig, _: u64) -> Result<Self, String> {
        Err(format!(
            "{spec}: this client was built without DPDK; build it with `--features dpdk` (apt-get install \
             libdpdk-dev libclang-dev pkg-config), or name no port to use the kernel's sockets"
        ))
    }

    /// The longest datagram that all of the way carries, if that is known.
    pub(crate) fn datagram_bytes_max(&self) -> Option<usize> {
        match self {
            Self::Datagrams(_) | Self::Streams(_) => None,
            #[cfg(feature = "dpdk")]
            Self::Port(port) => Some(port.datagram_bytes_max()),
        }
    }

    /// Says where the shards are, in their order.
    ///
    /// # Errors
    /// [`Unreachable::Port`] if the port has no queue for some of them.
    #[cfg_attr(not(feature = "dpdk"), expect(clippy::needless_pass_by_ref_mut, reason = "a port keeps them"))]
    pub(crate) fn set_shards(&mut self, addresses: &[SocketAddr]) -> Result<(), Error> {
        match self {
            Self::Datagrams(_) | Self::Streams(_) => {
                let _ = addresses;
                Ok(())
            }
            #[cfg(feature = "dpdk")]
            Self::Port(port) => port.set_shards(addresses).map_err(fault),
        }
    }

    /// Whether datagrams to each shard can leave from a port of their own. A socket of the kernel has one for all.
    pub(crate) fn chooses_ports(&self) -> bool {
        match self {
            Self::Datagrams(_) | Self::Streams(_) => false,
            #[cfg(feature = "dpdk")]
            Self::Port(port) => port.is_steerable(),
        }
    }

    /// Picks ports that lead to the shards at these addresses. Gives those that see another one than before.
    #[cfg_attr(not(feature = "dpdk"), expect(clippy::needless_pass_by_ref_mut, reason = "a port has some"))]
    pub(crate) fn steer(&mut self, rss: &Rss, shards: &[SocketAddr]) -> Vec<SocketAddr> {
        match self {
            Self::Datagrams(_) | Self::Streams(_) => {
                let _ = (rss, shards);
                Vec::new()
            }
            #[cfg(feature = "dpdk")]
            Self::Port(port) => port.steer(rss, shards),
        }
    }

    /// Sends what the core has to send.
    pub(crate) fn transmit(&mut self, core: &mut Core, now_ns: u64) {
        match self {
            Self::Datagrams(datagrams) => datagrams.transmit(core, now_ns),
            Self::Streams(streams) => streams.transmit(core, now_ns),
            #[cfg(feature = "dpdk")]
            Self::Port(port) => port.transmit(core, now_ns),
        }
    }

    /// Gives the core what has come; does not block. Says whether there was something.
    pub(crate) fn receive(&mut self, core: &mut Core, now_ns: u64) -> bool {
        match self {
            Self::Datagrams(datagrams) => datagrams.receive(core, now_ns),
            Self::Streams(streams) => streams.receive(core, now_ns),
            #[cfg(feature = "dpdk")]
            Self::Port(port) => port.receive(core, now_ns),
        }
    }

    /// Readable when something can be received, or, with streams, sent again. Where the kernel takes no more datagrams, it
    /// does not say when it does: look again after [`RETRY_NS`]. Of a port: a timer, which [`Sockets::retry_ns`] sets.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Datagrams(datagrams) => datagrams.interest().0,
            Self::Streams(streams) => streams.fd(),
            #[cfg(feature = "dpdk")]
            Self::Port(port) => port.fd(),
        }
    }

    /// Whether there is more to send than the kernel takes now.
    pub(crate) fn is_blocked(&self) -> bool {
        match self {
            Self::Datagrams(datagrams) => datagrams.is_blocked(),
            Self::Streams(streams) => streams.is_blocked(),
            #[cfg(feature = "dpdk")]
            Self::Port(port) => port.is_blocked(),
        }
    }

    /// After how long to send again what the kernel does not take, if [`Sockets::fd`] does not tell when it does; with a port,
    /// after how long to look again.
    pub(crate) fn retry_ns(&self) -> Option<u64> {
        match self {
            Self::Datagrams(datagrams) => datagrams.is_blocked().then_some(RETRY_NS),
            Self::Streams(_) => None,
            #[cfg(feature = "dpdk")]
            Self::Port(port) => Some(port.set_timer()),
        }
    }

    /// Sleeps until a socket is ready or `wait_ns` have passed; with a port, for as long as it is worth while not to look.
    pub(crate) fn wait(&self, wait_ns: u64) {
        let wait_ns = wait_ns.min(WAIT_NS_MAX);
        #[expect(clippy::cast_possible_wrap, reason = "at most a minute")]
        let wait = Timespec { tv_sec: (wait_ns / NS) as i64, tv_nsec: (wait_ns % NS) as i64 };
        let (fd, flags) = match self {
            Self::Datagrams(datagrams) => datagrams.interest(),
            Self::Streams(streams) => (streams.fd(), PollFlags::IN),
            #[cfg(feature = "dpdk")]
            Self::Port(port) => return port.nap(wait_ns),
        };
        // A signal ends the wait early: the caller looks at the time itself.
        let _ = poll(&mut [PollFd::from_borrowed_fd(fd, flags)], Some(&wait));
    }
}

fn fault(text: String) -> Error {
    Error::Unreachable(Unreachable::Port(PortFault::new(text)))
}

const NS: u64 = 1_000_000_000;
/// The longest sleep: after it the caller looks again.
const WAIT_NS_MAX: u64 = 60 * NS;
/// How soon datagrams that the kernel did not take are sent again by a caller that waits by itself.
const RETRY_NS: u64 = 1_000_000;
