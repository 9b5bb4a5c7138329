//! A UDP socket for all shards, with trains both ways where the kernel has them.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use adit_drivers::kernel::{KernelPort, ListenError, Offload, UdpSocket};
use adit_drivers::port::{MBUF_BYTES, Mbuf, Mempool, Port};
use rustix::event::PollFlags;

use crate::core::{Core, Outgoing};
use crate::error::{Error, Unreachable};

/// A UDP socket.
pub(crate) struct Datagrams {
    port: Port,
    received: Vec<Mbuf>,
    trains: Trains,
}

/// Trains that the kernel has not taken.
struct Trains {
    mempool: Mempool,
    burst: Vec<Mbuf>,
    is_blocked: bool,
}

impl Datagrams {
    /// A socket from which `server` can be reached.
    ///
    /// # Errors
    /// [`Error::Unreachable`], with the kernel's reason.
    pub(super) fn new(server: SocketAddr, offload: Offload) -> Result<Self, Error> {
        let socket = UdpSocket::for_client(server).map_err(|error| {
            let number = match error {
                ListenError::InUse => rustix::io::Errno::ADDRINUSE.raw_os_error(),
                ListenError::Kernel(error) => error.raw_os_error().unwrap_or(0),
            };
            Error::Unreachable(Unreachable::Socket(number))
        })?;
        let mempool = Mempool::new(TRAINS_MAX, MBUF_BYTES);
        let port = Port::Kernel(KernelPort::new(socket, mempool.clone(), offload));
        let trains = Trains { mempool, burst: Vec::new(), is_blocked: false };
        Ok(Self { port, received: Vec::new(), trains })
    }

    pub(super) fn transmit(&mut self, core: &mut Core, now_ns: u64) {
        // What the kernel takes makes room for more.
        for _ in 0..BURSTS_MAX {
            self.trains.is_blocked = false;
            core.transmit(now_ns, &mut self.trains);
            if self.trains.burst.is_empty() {
                return;
            }
            self.port.tx_burst(&mut self.trains.burst);
            if !self.trains.is_blocked || !self.trains.burst.is_empty() {
                self.trains.is_blocked |= !self.trains.burst.is_empty();
                return;
            }
        }
    }

    pub(super) fn receive(&mut self, core: &mut Core, now_ns: u64) -> bool {
        self.port.rx_burst(&mut self.received);
        for train in &self.received {
            for datagram in train.datagrams() {
                // What is no frame is counted by the core, and means nothing here.
                let _ = core.receive(train.peer(), datagram, now_ns);
            }
        }
        let has_come = !self.received.is_empty();
        self.received.clear();
        has_come
    }

    pub(super) fn interest(&self) -> (BorrowedFd<'_>, PollFlags) {
        let Port::Kernel(port) = &self.port else { unreachable!("it was made with one") };
        let flags = if self.is_blocked() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        (port.as_fd(), flags)
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.trains.is_blocked
    }
}

impl Outgoing for Trains {
    #[inline]
    fn room(&mut self, to: SocketAddr, len_bytes: usize) -> Option<&mut [u8]> {
        let fits = self.burst.last().is_some_and(|train| train.peer() == to && train.takes(len_bytes));
        if !fits {
            let train = self.mempool.take(to);
            self.is_blocked |= train.is_none();
            self.burst.push(train?);
        }
        self.burst.last_mut()?.push(len_bytes)
    }
}

/// Buffers of 64 KiB, each allocated when it is first needed: half to receive into, half to send from.
const TRAINS_MAX: usize = 32;
/// Bursts that are sent before something is received again.
const BURSTS_MAX: usize = 4;
