//! A TCP socket for each shard: connected when the core wants it, read and written in large pieces.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use adit_wire::native::FRAME_BYTES_MAX;
use adit_wire::native::frame::{FrameError, length_in_stream};
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use crate::core::{Core, Outgoing};
use crate::error::{Error, Unreachable};

/// The TCP sockets of a client, and the epoll that watches them.
pub(crate) struct Streams {
    epoll: OwnedFd,
    list: Vec<Stream>,
    /// There was no room for what the core has to send.
    is_full: bool,
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
    /// Whether the epoll watches for room to write, too.
    watches_room: bool,
}

impl Streams {
    /// None yet.
    ///
    /// # Errors
    /// [`Error::Unreachable`], with the kernel's reason.
    pub(super) fn new() -> Result<Self, Error> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(|errno| Error::Unreachable(Unreachable::Socket(errno.raw_os_error())))?;
        Ok(Self { epoll, list: Vec::new(), is_full: false })
    }

    pub(super) fn transmit(&mut self, core: &mut Core, now_ns: u64) {
        while let Some(address) = core.next_stream(now_ns) {
            // What is left of an earlier one is of no use.
            self.list.retain(|stream| stream.address != address);
            match Stream::connect(address, &self.epoll) {
                Ok(stream) => self.list.push(stream),
                Err(_) => core.stream_lost(address, now_ns),
            }
        }
        // What the kernel takes makes room for more.
        for _ in 0..ROUNDS_MAX {
            self.is_full = false;
            core.transmit(now_ns, self);
            self.each(core, now_ns, |stream, _| stream.send());
            if !self.is_full {
                break;
            }
        }
        self.watch();
    }

    pub(super) fn receive(&mut self, core: &mut Core, now_ns: u64) -> bool {
        let mut has_come = false;
        self.each(core, now_ns, |stream, core| {
            stream.finish_connecting(core)?;
            has_come |= stream.receive(core, now_ns)?;
            stream.send()
        });
        self.watch();
        has_come
    }

    /// The epoll: readable when one of the streams is ready.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Whether the core has more to send than the kernel takes. (A core that has only more than a few rounds is not
    /// blocked.)
    pub(super) fn is_blocked(&self) -> bool {
        self.is_full && self.list.iter().any(Stream::waits_for_room)
    }

    /// Lets the epoll watch for what each stream waits for.
    fn watch(&mut self) {
        let epoll = &self.epoll;
        self.list.iter_mut().for_each(|stream| stream.watch(epoll));
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
    fn connect(address: SocketAddr, epoll: &OwnedFd) -> Result<Self, Errno> {
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
        // Closing the socket takes it out again. The event says only that something is ready, not what.
        epoll::add(epoll, &socket, epoll::EventData::new_u64(0), IN_AND_OUT)?;
        Ok(Self {
            address,
            socket,
            is_connected: false,
            input: vec![0; INPUT_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            output: Vec::new(),
            sent: 0,
            watches_room: true,
        })
    }

    /// Whether it is not connected yet, or the kernel has not taken all that is to be sent.
    fn waits_for_room(&self) -> bool {
        !self.is_connected || self.sent < self.output.len()
    }

    fn watch(&mut self, epoll: &OwnedFd) {
        let wants_room = self.waits_for_room();
        if wants_room == self.watches_room {
            return;
        }
        let flags = if wants_room { IN_AND_OUT } else { epoll::EventFlags::IN };
        let changed = epoll::modify(epoll, &self.socket, epoll::EventData::new_u64(0), flags);
        assert!(changed.is_ok(), "a stream is not in its epoll");
        self.watches_room = wants_room;
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
            self.is_full = true;
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
/// Rounds of writing and sending before something is received again.
const ROUNDS_MAX: usize = 4;
const IN_AND_OUT: epoll::EventFlags = epoll::EventFlags::IN.union(epoll::EventFlags::OUT);
