//! Frames on their way in: a burst is decoded and its keys fetched from memory before the first request is executed.

use adit_drivers::port::BURST_MAX;
use adit_drivers::streams::ConnectionId;
use adit_store::kv::Key;
use adit_wire::native::frame::{self, VERSION};
use adit_wire::native::request::Action;
use adit_wire::native::{Frame, FrameError, HEADER_BYTES, Header, MULTI_BYTES_MAX, Opcode, Request, Status};

use super::path::Path;
use super::session::Standing;
use super::upload::Upload;
use super::waiting::Origin;
use crate::settings::{BATCH_REQUESTS_MAX, PORT_BURSTS_PER_TURN, UPLOADS_MAX};
use crate::shard::Shard;
use crate::stats::Counter;

/// A frame that has come.
pub(super) struct Arrived {
    path: Path,
    header: Header,
    /// The buffer that its segment lies in, and where.
    buffer: usize,
    start: usize,
    end: usize,
    /// The hash of its key, if it has one.
    hash: u64,
}

impl Shard {
    /// Receives from the port and executes; says how many frames there were.
    pub(crate) fn run_port(&mut self) -> usize {
        if !self.native.port_ready {
            return 0;
        }
        let mut burst = std::mem::take(&mut self.native.burst);
        let mut frames = 0;
        for _ in 0..PORT_BURSTS_PER_TURN {
            let Some(port) = &mut self.native.port else { break };
            port.rx_burst(&mut burst);
            // What comes later is told again.
            self.native.port_ready = burst.len() == BURST_MAX;
            let mut arrived = std::mem::take(&mut self.native.arrived);
            for (buffer, train) in burst.iter().enumerate() {
                let (path, bytes) = (Path::Datagram(train.peer()), train.bytes());
                self.turn_bytes += bytes.len() as u64;
                self.engine.counters.add(Counter::ReceivedBytes, bytes.len() as u64);
                let mut start = 0;
                for datagram in train.datagrams() {
                    self.decode_frame(path, datagram, (buffer, start), &mut arrived);
                    start += datagram.len();
                    if arrived.len() == BATCH_REQUESTS_MAX {
                        frames += self.take_arrived(&arrived, |buffer| burst[buffer].bytes());
                        arrived.clear();
                    }
                }
            }
            frames += self.take_arrived(&arrived, |buffer| burst[buffer].bytes());
            arrived.clear();
            self.native.arrived = arrived;
            burst.clear();
            if !self.native.port_ready {
                break;
            }
        }
        self.native.burst = burst;
        frames
    }

    /// Decodes and executes the frames that `bytes` of a stream begin with, at least one, while their replies find room;
    /// says how many bytes those took.
    pub(super) fn take_frames(&mut self, path: Path, bytes: &[u8]) -> usize {
        let mut arrived = std::mem::take(&mut self.native.arrived);
        let mut taken = 0;
        while arrived.len() < BATCH_REQUESTS_MAX
            && let Ok(Some(len)) = frame::length_in_stream(&bytes[taken..])
            && let Some(frame) = bytes.get(taken..taken + len)
        {
            self.decode_frame(path, frame, (0, taken), &mut arrived);
            taken += len;
        }
        let executed = self.take_arrived(&arrived, |_| bytes);
        if let Some(next) = arrived.get(executed) {
            taken = next.start - HEADER_BYTES;
        }
        arrived.clear();
        self.native.arrived = arrived;
        taken
    }

    /// Decodes a frame, and asks memory for the index bucket of its key.
    #[inline]
    fn decode_frame(
        &mut self,
        path: Path,
        bytes: &[u8],
        (buffer, start): (usize, usize),
        arrived: &mut Vec<Arrived>,
    ) {
        let frame = match Frame::decode(bytes) {
            Ok(frame) if !frame.header.is_reply => frame,
            Ok(_) => return self.engine.counters.add(Counter::NativeRefused, 1),
            Err(error) => return self.refuse_frame(path, error),
        };
        let mut hash = 0;
        if let Some(opcode) = Opcode::of(frame.header.opcode)
            && opcode.has_key()
            && frame.header.offset == 0
            && let Ok(Request::Key(request)) = Request::decode(opcode, frame.segment)
        {
            hash = self.engine.store.key(request.bucket, request.key).hash();
            self.engine.store.prefetch_bucket(hash);
        }
        let (start, end) = (start + HEADER_BYTES, start + bytes.len());
        arrived.push(Arrived { path, header: frame.header, buffer, start, end, hash });
    }

    #[cold]
    pub(super) fn refuse_frame(&mut self, path: Path, error: FrameError) {
        self.engine.counters.add(Counter::NativeRefused, 1);
        if let FrameError::Version(version) = error
            && version != VERSION
        {
            // The peer is told the version that is spoken here, in as many bytes as a header has.
            self.answer_short(path, &Header::default(), Status::UnsupportedVersion, &[]);
        }
        if let Path::Stream(id) = path {
            self.break_link(id);
        }
    }

    /// Executes what was decoded, once memory has brought the items; says how many frames that were: of a stream that
    /// takes no more replies not all, since a few bytes may ask for many.
    fn take_arrived<'a>(&mut self, arrived: &[Arrived], bytes: impl Fn(usize) -> &'a [u8]) -> usize {
        for frame in arrived.iter().filter(|frame| frame.hash != 0) {
            self.engine.store.prefetch_item(frame.hash);
        }
        let mut count = 0;
        for frame in arrived {
            if let Path::Stream(id) = frame.path
                && count > 0
                && !self.takes_replies(id)
            {
                break;
            }
            let segment = &bytes(frame.buffer)[frame.start..frame.end];
            self.take_frame(frame.path, &frame.header, segment, frame.hash);
            count += 1;
        }
        self.engine.counters.add(Counter::NativeFrames, count as u64);
        count
    }

    #[inline]
    fn take_frame(&mut self, path: Path, header: &Header, segment: &[u8], hash: u64) {
        let Some(opcode) = Opcode::of(header.opcode) else {
            return self.answer_short(path, header, Status::UnknownOpcode, &[]);
        };
        match opcode {
            Opcode::Hello => return self.take_hello(path, header, segment),
            Opcode::Open => return self.take_open(path, header, segment),
            _ => {}
        }
        let origin = Origin { header: *header, opcode };
        let session = self.native.sessions.get_mut(header.session).filter(|session| !session.is_closed);
        let Some(session) = session else {
            self.engine.counters.add(Counter::NativeLost, 1);
            return self.answer_short(path, header, Status::SessionLost, &[]);
        };
        if session.path != path {
            self.engine.counters.add(Counter::NativeUnproven, 1);
            return self.answer_short(path, header, Status::Unproven, &[]);
        }
        session.hear(header, self.now.mono_ns);
        match session.standing(header.request) {
            Standing::New if opcode == Opcode::Continue => self.refuse_native(&origin, Status::NoReply),
            Standing::New if header.offset == 0 && segment.len() == header.total_bytes as usize => {
                self.take_request(&origin, segment, None, hash);
            }
            Standing::New => self.take_segment(&origin, segment),
            Standing::Answered => self.answer_again(&origin),
            Standing::Pending | Standing::Acknowledged => {
                self.engine.counters.add(Counter::NativeReplayed, 1);
            }
            Standing::Unknown => {
                self.engine.counters.add(Counter::NativeLost, 1);
                self.refuse_native(&origin, Status::SessionLost);
            }
            Standing::Beyond => self.refuse_native(&origin, Status::BeyondWindow),
        }
    }

    /// Takes a part of a request.
    fn take_segment(&mut self, origin: &Origin, segment: &[u8]) {
        let header = &origin.header;
        let has_value = matches!(origin.opcode, Opcode::Put | Opcode::Append);
        if !has_value && header.total_bytes as usize > MULTI_BYTES_MAX {
            return self.refuse_native(origin, Status::TooLarge);
        }
        let sessions = &mut self.native.sessions;
        let (has_room, budget) = (sessions.has_room(), sessions.pool.clone());
        let Some(session) = sessions.get_mut(header.session) else { return };
        let known = session.uploads.iter().position(|upload| upload.is_of(header));
        let place = known.unwrap_or(session.uploads.len());
        if known.is_none() {
            // Also where another request had its number: that one was given up.
            session.uploads.retain(|upload| upload.request != header.request);
            if session.uploads.len() >= UPLOADS_MAX || !has_room {
                return self.refuse_native(origin, Status::Busy);
            }
            session.uploads.push(Upload::new(*header, origin.opcode, &budget));
        }
        let place = place.min(session.uploads.len() - 1);
        let upload = &mut session.uploads[place];
        let taken = upload.take(header.offset, segment, &mut self.engine.store, self.now.mono_ns);
        if let Err(status) = taken {
            session.uploads.swap_remove(place);
            return self.finish_short(origin, status, &[]);
        }
        if upload.is_whole() {
            let (body, chain) = session.uploads.swap_remove(place).into_parts();
            return self.take_request(origin, &body, chain, 0);
        }
        if !std::mem::replace(&mut upload.owes_credit, true) {
            self.native.credits.push((header.session, header.request));
        }
    }

    /// Tells how far requests have come.
    pub(crate) fn send_credits(&mut self) {
        let mut credits = std::mem::take(&mut self.native.credits);
        for (session, request) in credits.drain(..) {
            let Some(session) = self.native.sessions.get_mut(session) else { continue };
            let path = session.path;
            let Some(upload) = session.uploads.iter_mut().find(|upload| upload.request == request) else {
                continue;
            };
            upload.owes_credit = false;
            let (header, taken_bytes) = (upload.header, upload.taken_bytes());
            self.answer_credit(path, &header, taken_bytes);
        }
        self.native.credits = credits;
    }

    /// Transmits what waits for the port.
    pub(crate) fn transmit(&mut self) {
        if let Some(port) = &mut self.native.port {
            self.native.trains.transmit(port);
        }
    }

    /// Executes a whole request.
    #[inline]
    fn take_request(
        &mut self,
        origin: &Origin,
        body: &[u8],
        chain: Option<adit_store::kv::Chain>,
        hash: u64,
    ) {
        self.engine.counters.add(Counter::Requests, 1);
        if origin.opcode.is_write() && !self.native.sessions.has_room() {
            return self.refuse_native(origin, Status::Busy);
        }
        match Request::decode(origin.opcode, body) {
            Err(status) => self.refuse_native(origin, status),
            Ok(Request::Key(request)) => {
                let key = self.engine.store.key(request.bucket, request.key);
                let key = if hash == 0 { key } else { Key::hashed(request.bucket, request.key, hash) };
                match request.action {
                    Action::Get => self.execute_get(origin, &key),
                    action => self.execute_action(origin, &key, action, chain),
                }
            }
            Ok(request) => self.execute_rare(origin, &request, body),
        }
    }

    /// Whether a stream is one of these.
    pub(crate) fn is_link(&mut self, id: ConnectionId) -> bool {
        self.native.links.of(id).is_some()
    }
}
