//! A UDP socket for all shards, with trains both ways where the kernel has them.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use adit_drivers::kernel::{ListenError, Offload, UdpEndpoint, UdpSocket};
use rustix::event::PollFlags;

use crate::core::{Core, Outgoing};
use crate::error::{Error, Unreachable};

/// A UDP socket.
pub(crate) struct Datagrams {
    endpoint: UdpEndpoint,
    /// There was no room for what the core has to send.
    is_full: bool,
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
        Ok(Self { endpoint: UdpEndpoint::new(socket, TRAINS_MAX, offload), is_full: false })
    }

    pub(super) fn transmit(&mut self, core: &mut Core, now_ns: u64) {
        // What the kernel takes makes room for more.
        for _ in 0..BURSTS_MAX {
            self.is_full = false;
            core.transmit(now_ns, self);
            if !self.endpoint.has_unsent() || !self.endpoint.send() || !self.is_full {
                return;
            }
        }
    }

    pub(super) fn receive(&mut self, core: &mut Core, now_ns: u64) -> bool {
        self.endpoint.receive(|from, datagram| {
            // What is no frame is counted by the core, and means nothing here.
            let _ = core.receive(from, datagram, now_ns);
        })
    }

    pub(super) fn interest(&self) -> (BorrowedFd<'_>, PollFlags) {
        let flags = if self.is_blocked() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        (self.endpoint.as_fd(), flags)
    }

    /// Whether the kernel did not take what was to be sent. (A core that has only more than a few bursts is not blocked.)
    pub(super) fn is_blocked(&self) -> bool {
        self.endpoint.has_unsent()
    }
}

impl Outgoing for Datagrams {
    #[inline]
    fn room(&mut self, to: SocketAddr, len_bytes: usize) -> Option<&mut [u8]> {
        let room = self.endpoint.room(to, len_bytes);
        self.is_full |= room.is_none();
        room
    }
}

/// Buffers of 64 KiB, each allocated when it is first needed: half to receive into, half to send from.
const TRAINS_MAX: usize = 32;
/// Bursts that are sent before something is received again.
const BURSTS_MAX: usize = 4;
