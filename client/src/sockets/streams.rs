//! A TCP socket for each shard: connected when the core wants it, read and written in large pieces.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use adit_wire::native::FRAME_BYTES_MAX;
use adit_wire::native::frame::{FrameError, length_in_stream};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use crate::core::{Core, Outgoing};

/// The TCP sockets of a client.
#[derive(Default)]
pub(crate) struct Streams {
    list: Vec<Stream>,
    is_blocked: bool,
}

struct Stream {
    address: SocketAddr,
    socket: TcpStream,
    is_connected: bool,
    /// Bytes that came: those before `start` are used, those from `end` on are room.
    input: Box<[u8]>,
    start: usize,
    end: usize,
    /// Bytes to be sent, those before `sent` already are.
    output: Vec<u8>,
    sent: usize,
}

impl Streams {
    pub(super) fn transmit(&mut self, core: &mut Core, now_ns: u64) {
        while let Some(address) = core.next_stream(now_ns) {
            // What is left of an earlier one is of no use.
            self.list.retain(|stream| stream.address != address);
            match Stream::connect(address) {
                Ok(stream) => self.list.push(stream),
                Err(_) => core.stream_lost(address, now_ns),
            }
        }
        self.is_blocked = false;
        core.transmit(now_ns, self);
        self.each(core, now_ns, |stream, _| stream.send());
    }

    pub(super) fn receive(&mut self, core: &mut Core, now_ns: u64) -> bool {
        let mut has_come = false;
        self.each(core, now_ns, |stream, core| {
            stream.finish_connecting(core)?;
            has_come |= stream.receive(core, now_ns)?;
            stream.send()
        });
        has_come
    }

    pub(super) fn interests(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        self.list.iter().map(|stream| {
            let writes = !stream.is_connected || stream.sent < stream.output.len();
            let flags = if writes { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            (stream.socket.as_fd(), flags)
        })
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Does something with each stream; the core is told of those that fail.
    fn each(
        &mut self,
        core: &mut Core,
        now_ns: u64,
        mut act: impl FnMut(&mut Stream, &mut Core) -> Result<(), Lost>,
    ) {
        self.list.retain_mut(|stream| {
            let is_there = act(stream, core).is_ok();
            if !is_there {
                core.stream_lost(stream.address, now_ns);
            }
            is_there
        });
    }
}

/// The stream is of no more use.
struct Lost;

impl Stream {
    fn connect(address: SocketAddr) -> Result<Self, Errno> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = socket_with(family, SocketType::STREAM, flags, None)?;
        match connect(&fd, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error),
        }
        let socket = TcpStream::from(fd);
        // Small requests are not held back; a kernel that refuses that is only slower.
        let _ = socket.set_nodelay(true);
        Ok(Self {
            address,
            socket,
            is_connected: false,
            input: vec![0; INPUT_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            output: Vec::new(),
            sent: 0,
        })
    }

    fn finish_connecting(&mut self, core: &mut Core) -> Result<(), Lost> {
        if self.is_connected {
            return Ok(());
        }
        match (self.socket.take_error(), self.socket.peer_addr()) {
            (Ok(None), Ok(_)) => {
                self.is_connected = true;
                core.stream_opened(self.address);
                Ok(())
            }
            (Ok(None), Err(error)) if error.kind() == ErrorKind::NotConnected => Ok(()),
            _ => Err(Lost),
        }
    }

    /// Says whether something came.
    fn receive(&mut self, core: &mut Core, now_ns: u64) -> Result<bool, Lost> {
        if !self.is_connected {
            return Ok(false);
        }
        self.input.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        match self.socket.read(&mut self.input[self.end..]) {
            Ok(0) => return Err(Lost),
            Ok(count) => self.end += count,
            Err(error) if is_later(&error) => return Ok(false),
            Err(_) => return Err(Lost),
        }
        self.take_frames(core, now_ns).map_err(|error| {
            if let FrameError::Version(_) = error {
                let _ = core.receive(self.address, &self.input[self.start..self.end], now_ns);
            }
            Lost
        })?;
        Ok(true)
    }

    fn take_frames(&mut self, core: &mut Core, now_ns: u64) -> Result<(), FrameError> {
        while let Some(len) = length_in_stream(&self.input[self.start..self.end])? {
            let Some(frame) = self.input[self.start..self.end].get(..len) else { break };
            core.receive(self.address, frame, now_ns)?;
            self.start += len;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), Lost> {
        while self.is_connected && self.sent < self.output.len() {
            match self.socket.write(&self.output[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if is_later(&error) => break,
                Err(_) => return Err(Lost),
            }
        }
        if self.sent == self.output.len() {
            self.output.clear();
            self.sent = 0;
        }
        Ok(())
    }
}

impl Outgoing for Streams {
    fn room(&mut self, to: SocketAddr, len_bytes: usize) -> Option<&mut [u8]> {
        let stream = self.list.iter_mut().find(|stream| stream.address == to)?;
        if stream.output.len() + len_bytes > OUTPUT_BYTES_MAX {
            self.is_blocked = true;
            return None;
        }
        let start = stream.output.len();
        stream.output.resize(start + len_bytes, 0);
        Some(&mut stream.output[start..])
    }
}

fn is_later(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Bytes of one read.
const INPUT_BYTES: usize = 256 << 10;
const _: () = assert!(INPUT_BYTES >= 2 * FRAME_BYTES_MAX);
/// Bytes that wait to be sent on one stream.
const OUTPUT_BYTES_MAX: usize = 1 << 20;
