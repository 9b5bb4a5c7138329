//! The sockets of a client: what the core writes is sent, what comes is given to it.

mod datagrams;
mod streams;

use std::os::fd::BorrowedFd;

use adit_drivers::kernel::Offload;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::core::{Core, CoreConfig, Transport};
use crate::error::Error;
use datagrams::Datagrams;
use streams::Streams;

/// The sockets of a client.
pub(crate) enum Sockets {
    /// One UDP socket for all shards.
    Datagrams(Box<Datagrams>),
    /// A TCP socket for each shard.
    Streams(Streams),
}

impl Sockets {
    /// Sockets for a server.
    ///
    /// # Errors
    /// [`Error::Unreachable`], with the kernel's reason.
    pub(crate) fn new(config: &CoreConfig, offload: Offload) -> Result<Self, Error> {
        Ok(match config.transport {
            Transport::Datagram => Self::Datagrams(Box::new(Datagrams::new(config.address, offload)?)),
            Transport::Stream => Self::Streams(Streams::new()?),
        })
    }

    /// Sends what the core has to send.
    pub(crate) fn transmit(&mut self, core: &mut Core, now_ns: u64) {
        match self {
            Self::Datagrams(datagrams) => datagrams.transmit(core, now_ns),
            Self::Streams(streams) => streams.transmit(core, now_ns),
        }
    }

    /// Gives the core what has come; does not block. Says whether there was something.
    pub(crate) fn receive(&mut self, core: &mut Core, now_ns: u64) -> bool {
        match self {
            Self::Datagrams(datagrams) => datagrams.receive(core, now_ns),
            Self::Streams(streams) => streams.receive(core, now_ns),
        }
    }

    /// Readable when something can be received, or, with streams, sent again. Where the kernel takes no more datagrams, it
    /// does not say when it does: look again after [`RETRY_NS`].
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Datagrams(datagrams) => datagrams.interest().0,
            Self::Streams(streams) => streams.fd(),
        }
    }

    /// Whether there is more to send than the kernel takes now.
    pub(crate) fn is_blocked(&self) -> bool {
        match self {
            Self::Datagrams(datagrams) => datagrams.is_blocked(),
            Self::Streams(streams) => streams.is_blocked(),
        }
    }

    /// After how long to send again what the kernel does not take, if [`Sockets::fd`] does not tell when it does.
    pub(crate) fn retry_ns(&self) -> Option<u64> {
        match self {
            Self::Datagrams(datagrams) => datagrams.is_blocked().then_some(RETRY_NS),
            Self::Streams(_) => None,
        }
    }

    /// Sleeps until a socket is ready or `wait_ns` have passed.
    pub(crate) fn wait(&self, wait_ns: u64) {
        let wait_ns = wait_ns.min(WAIT_NS_MAX);
        #[expect(clippy::cast_possible_wrap, reason = "at most a minute")]
        let wait = Timespec { tv_sec: (wait_ns / NS) as i64, tv_nsec: (wait_ns % NS) as i64 };
        let (fd, flags) = match self {
            Self::Datagrams(datagrams) => datagrams.interest(),
            Self::Streams(streams) => (streams.fd(), PollFlags::IN),
        };
        // A signal ends the wait early: the caller looks at the time itself.
        let _ = poll(&mut [PollFd::from_borrowed_fd(fd, flags)], Some(&wait));
    }
}

const NS: u64 = 1_000_000_000;
/// The longest sleep: after it the caller looks again.
const WAIT_NS_MAX: u64 = 60 * NS;
/// How soon datagrams that the kernel did not take are sent again by a caller that waits by itself.
const RETRY_NS: u64 = 1_000_000;
