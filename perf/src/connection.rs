//! One connection under load: bytes out, replies in, and the requests on their way. Blocks nowhere.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, bail};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::protocol::{Protocol, ReplyKind};
use crate::target::Target;
use crate::workload::Operation;

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) operation: Operation,
    /// When it was sent or due, nanoseconds since the start of its thread.
    pub(crate) started_ns: u64,
}

/// A connection and its batch of requests.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: OwnedFd,
    /// Bytes that the kernel did not take yet.
    unsent: Vec<u8>,
    /// The beginning of a reply whose end has not arrived.
    partial: Vec<u8>,
    /// Requests in the order they were sent; emptied when all are answered.
    batch: Vec<Entry>,
    answered: usize,
    /// Second halves of operations; they go first into the next batch.
    follow_ups: Vec<Entry>,
}

impl Connection {
    pub(crate) fn connect(target: &Target) -> anyhow::Result<Self> {
        let socket = target.connect()?;
        let (unsent, partial, batch, follow_ups) = Default::default();
        Ok(Self { socket, unsent, partial, batch, answered: 0, follow_ups })
    }

    /// Whether no request is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.batch.is_empty()
    }

    pub(crate) fn has_follow_ups(&self) -> bool {
        !self.follow_ups.is_empty()
    }

    /// Whether bytes wait for the socket to take them.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Starts a batch with the follow-ups; `push` adds to it.
    pub(crate) fn begin_batch(&mut self) -> &[Entry] {
        debug_assert!(self.is_idle());
        std::mem::swap(&mut self.batch, &mut self.follow_ups);
        &self.batch
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.batch.push(entry);
    }

    pub(crate) fn batch_count(&self) -> usize {
        self.batch.len()
    }

    /// Sends `bytes`, or keeps what the socket does not take for `flush`.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let sent = self.send_some(bytes)?;
        self.unsent.extend_from_slice(&bytes[sent..]);
        Ok(())
    }

    /// Sends kept bytes.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        let sent = self.send_some(&self.unsent)?;
        self.unsent.drain(..sent);
        Ok(())
    }

    fn send_some(&self, bytes: &[u8]) -> anyhow::Result<usize> {
        match send(&self.socket, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => Ok(sent),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(error).context("cannot send; has the server stopped?"),
        }
    }

    /// Receives once into `buffer`; 0 when there was nothing.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> anyhow::Result<usize> {
        match recv(&self.socket, buffer, RecvFlags::empty()) {
            Ok((0, _)) => {
                bail!("the server closed a connection; is its limit of clients below --connections?")
            }
            Ok((received, _)) => Ok(received),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(error).context("cannot receive; has the server stopped?"),
        }
    }

    /// Reads the replies in `received`; calls `done` with each finished operation, its kind and its reply.
    pub(crate) fn take_replies(
        &mut self,
        protocol: Protocol,
        received: &[u8],
        mut done: impl FnMut(Entry, ReplyKind, &[u8]),
    ) -> anyhow::Result<()> {
        let mut kept = std::mem::take(&mut self.partial);
        let bytes = if kept.is_empty() {
            received
        } else {
            kept.extend_from_slice(received);
            &kept
        };
        let mut at = 0;
        while let Some((length, kind)) = protocol.skip_reply(&bytes[at..])? {
            if kind != ReplyKind::Push {
                self.answer(kind, &bytes[at..at + length], &mut done)?;
            }
            at += length;
        }
        self.partial.extend_from_slice(&bytes[at..]);
        Ok(())
    }

    fn answer(
        &mut self,
        kind: ReplyKind,
        reply: &[u8],
        done: &mut impl FnMut(Entry, ReplyKind, &[u8]),
    ) -> anyhow::Result<()> {
        let entry = *self.batch.get(self.answered).context("the server answered more than it was asked")?;
        self.answered += 1;
        match entry.operation.next() {
            Some(operation) => self.follow_ups.push(Entry { operation, ..entry }),
            None => done(entry, kind, reply),
        }
        if self.answered == self.batch.len() {
            self.batch.clear();
            self.answered = 0;
        }
        Ok(())
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
