//! What carries the messages of a client: a UDP socket in bursts, a port of a NIC, or a stream of native frames. Blocks
//! nowhere.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use adit_drivers::kernel::{KernelPort, Offload, UdpSocket};
use adit_drivers::port::{MBUF_BYTES, Mbuf, Mempool};
use adit_wire::native::FRAME_BYTES_MAX;
use anyhow::{anyhow, bail};

use super::offload;
use crate::connection::Connection;
use crate::load::{Load, Way};
use crate::port::TakenPort;

/// A socket to one server.
pub(crate) enum Wire {
    Datagrams {
        port: Box<KernelPort>,
        server: SocketAddr,
        outgoing: Vec<Mbuf>,
        incoming: Vec<Mbuf>,
    },
    /// One that is polled: nothing wakes who waits for it.
    Port {
        port: TakenPort,
        server: SocketAddr,
    },
    Stream {
        connection: Connection,
        outgoing: Vec<u8>,
        incoming: Vec<u8>,
        buffer: Box<[u8]>,
    },
}

impl Wire {
    pub(crate) fn connect(load: &Load) -> anyhow::Result<Self> {
        if let Way::NativeTcp | Way::Stream(_) | Way::Batches(_) = load.way {
            let connection = Connection::connect(&load.target)?;
            let buffer = vec![0; STREAM_BUFFER_BYTES].into_boxed_slice();
            return Ok(Self::Stream { connection, outgoing: Vec::new(), incoming: Vec::new(), buffer });
        }
        if let Some(port) = &load.port {
            return Ok(Self::Port { port: port.take()?, server: load.target.socket_address()? });
        }
        Self::datagrams(load.target.socket_address()?, offload(load.way), load.pipeline)
    }

    fn datagrams(server: SocketAddr, offload: Offload, in_flight: usize) -> anyhow::Result<Self> {
        let socket =
            UdpSocket::for_client(server).map_err(|error| anyhow!("no socket for a client: {error:?}"))?;
        // As many to receive into as there may be replies, and as many that hold requests or replies.
        let mempool = Mempool::new(2 * in_flight + BUFFERS_MIN, MBUF_BYTES);
        let port = KernelPort::new(socket, mempool, offload);
        let used = port.offload();
        if used != offload {
            bail!("this kernel has no {offload:?}, only {used:?}; run with --no-offload");
        }
        Ok(Self::Datagrams { port: Box::new(port), server, outgoing: Vec::new(), incoming: Vec::new() })
    }

    pub(crate) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream { .. })
    }

    /// Adds a message to what `flush` sends. One for which no buffer is left is lost, as on any network.
    pub(crate) fn push(&mut self, message: &[u8]) {
        match self {
            Self::Datagrams { port, server, outgoing, .. } => {
                if outgoing.last().is_none_or(|train| !train.takes(message.len())) {
                    outgoing.extend(port.mempool().take(*server));
                }
                if let Some(room) = outgoing.last_mut().and_then(|train| train.push(message.len())) {
                    room.copy_from_slice(message);
                }
            }
            Self::Port { port, server } => {
                if let Some(room) = port.get().endpoint.room(*server, message.len()) {
                    room.copy_from_slice(message);
                }
            }
            Self::Stream { outgoing, .. } => outgoing.extend_from_slice(message),
        }
    }

    /// Sends what was pushed; what the socket does not take goes with the next flush.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Datagrams { port, outgoing, .. } => {
                if !outgoing.is_empty() {
                    port.tx_burst(outgoing);
                }
            }
            Self::Port { port, .. } => {
                let port = port.get();
                let now_ns = port.now_ns();
                port.endpoint.send(now_ns);
            }
            Self::Stream { connection, outgoing, .. } => {
                if connection.has_unsent() {
                    connection.flush()?;
                }
                if !connection.has_unsent() && !outgoing.is_empty() {
                    connection.send(outgoing)?;
                    outgoing.clear();
                }
            }
        }
        Ok(())
    }

    /// Receives once; `drain` hands out what came.
    pub(crate) fn receive(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Datagrams { port, incoming, .. } => port.rx_burst(incoming),
            Self::Port { port, .. } => {
                let port = port.get();
                let now_ns = port.now_ns();
                port.endpoint.poll(now_ns);
            }
            Self::Stream { connection, incoming, buffer, .. } => {
                let count = connection.receive(buffer)?;
                incoming.extend_from_slice(&buffer[..count]);
            }
        }
        Ok(())
    }

    /// Calls `each` with every whole message that was received; `length` tells that of the first in a stream's bytes.
    pub(crate) fn drain(
        &mut self,
        length: impl Fn(&[u8]) -> anyhow::Result<Option<usize>>,
        mut each: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Datagrams { incoming, .. } => {
                incoming.drain(..).try_for_each(|train| train.datagrams().try_for_each(&mut each))
            }
            Self::Port { port, server } => {
                let mut result = Ok(());
                port.get().endpoint.take(|from, message| {
                    if from == *server && result.is_ok() {
                        result = each(message);
                    }
                });
                result
            }
            Self::Stream { incoming, .. } => {
                let mut at = 0;
                while let Some(length) = length(&incoming[at..])?
                    && let Some(message) = incoming.get(at..at + length)
                {
                    each(message)?;
                    at += length;
                }
                incoming.drain(..at);
                Ok(())
            }
        }
    }

    /// Sends `message`, again and again, until `accept` takes something of a reply. Blocks.
    ///
    /// # Errors
    /// When nothing was accepted within seconds, or `accept` fails.
    pub(crate) fn exchange<T>(
        &mut self,
        message: &[u8],
        length: impl Fn(&[u8]) -> anyhow::Result<Option<usize>>,
        mut accept: impl FnMut(&[u8]) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        for _ in 0..EXCHANGES_MAX {
            self.push(message);
            self.flush()?;
            let sent = Instant::now();
            while sent.elapsed() < EXCHANGE_WAIT {
                self.receive()?;
                let mut accepted = None;
                self.drain(&length, |reply| {
                    accepted = accepted.take().or(accept(reply)?);
                    Ok(())
                })?;
                if let Some(accepted) = accepted {
                    return Ok(accepted);
                }
                std::thread::sleep(EXCHANGE_CHECK);
            }
        }
        bail!("no answer; start a server there (adit serve) or pass another --target")
    }
}

impl Wire {
    /// What becomes readable when something comes; nothing for one that is polled.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Datagrams { port, .. } => Some(port.as_fd()),
            Self::Port { .. } => None,
            Self::Stream { connection, .. } => Some(connection.as_fd()),
        }
    }
}

const BUFFERS_MIN: usize = 4;
/// Two of the longest frames.
const STREAM_BUFFER_BYTES: usize = 2 * FRAME_BYTES_MAX;
const EXCHANGES_MAX: u32 = 25;
const EXCHANGE_WAIT: Duration = Duration::from_millis(200);
const EXCHANGE_CHECK: Duration = Duration::from_micros(100);
