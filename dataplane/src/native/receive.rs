//! Frames on their way in: a burst is decoded and its keys fetched from memory before the first request is executed.

use adit_drivers::port::BURST_MAX;
use adit_drivers::streams::ConnectionId;
use adit_store::kv::Key;
use adit_wire::native::frame;
use adit_wire::native::request::Action;
use adit_wire::native::{Frame, FrameError, HEADER_BYTES, Header, MULTI_BYTES_MAX, Opcode, Request, Status};

use super::path::Path;
use super::session::Standing;
use super::upload::Upload;
use super::waiting::Origin;
use crate::settings::{BATCH_REQUESTS_MAX, UPLOADS_MAX};
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
        let Some(port) = &mut self.native.port else { return 0 };
        let mut burst = std::mem::take(&mut self.native.burst);
        port.rx_burst(&mut burst);
        // What comes later is told again, if the port tells.
        self.native.port_ready = burst.len() == BURST_MAX || port.is_polled();
        let (mut arrived, mut frames) = (std::mem::take(&mut self.native.arrived), 0);
        for (buffer, train) in burst.iter().enumerate() {
            let (path, bytes) = (Path::Datagram(train.peer()), train.bytes());
            self.turn_bytes += bytes.len() as u64;
            self.engine.counters.add(Counter::ReceivedBytes, bytes.len() as u64);
            let mut start = 0;
            for datagram in train.datagrams() {
                self.decode_frame(path, datagram, (buffer, start), &mut arrived);
                start += datagram.len();
                if arrived.len() == BATCH_REQUESTS_MAX {
                    frames += self.take_arrived(&mut arrived, |buffer| burst[buffer].bytes());
                }
            }
        }
        frames += self.take_arrived(&mut arrived, |buffer| burst[buffer].bytes());
        self.native.arrived = arrived;
        burst.clear();
        self.native.burst = burst;
        frames
    }

    /// Decodes and executes frames that `bytes` of a stream begin with, as long as the stream takes replies; says how many
    /// bytes those took.
    pub(super) fn take_frames(&mut self, id: ConnectionId, bytes: &[u8]) -> usize {
        let mut arrived = std::mem::take(&mut self.native.arrived);
        let mut decoded = 0;
        while arrived.len() < BATCH_REQUESTS_MAX
            && self.native.links.goes_on(id)
            && let Ok(Some(len)) = frame::length_in_stream(&bytes[decoded..])
            && let Some(frame) = bytes.get(decoded..decoded + len)
        {
            self.decode_frame(Path::Stream(id), frame, (0, decoded), &mut arrived);
            decoded += len;
        }
        self.fetch_arrived(&arrived);
        let mut taken = 0;
        for frame in arrived.drain(..) {
            if taken > 0 && !(self.native.links.has_room(id) && self.pool.may_reply()) {
                break;
            }
            taken = frame.end;
            self.take_frame(frame.path, &frame.header, &bytes[frame.start..frame.end], frame.hash);
            self.engine.counters.add(Counter::NativeFrames, 1);
            self.native.links.count_frame();
        }
        self.native.arrived = arrived;
        // What was no request is taken as well, once all before it is.
        if taken == 0 { decoded } else { taken }
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
            Err(error) => return self.refuse_frame(path, bytes.len(), error),
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

    /// Counts what was no frame, of so many bytes. A stream that brings it is closed.
    #[cold]
    pub(super) fn refuse_frame(&mut self, path: Path, len_bytes: usize, error: FrameError) {
        self.engine.counters.add(Counter::NativeRefused, 1);
        // The peer is told the version that is spoken here, in as many bytes as a header has; not for as many, which may be
        // what it is told itself.
        if matches!(error, FrameError::Version(_)) && len_bytes > HEADER_BYTES {
            self.answer_short(path, &Header::default(), Status::UnsupportedVersion, &[]);
        }
        if let Path::Stream(id) = path {
            self.native.links.end(id);
        }
    }

    /// Executes what was decoded, once memory has brought the items; says how many frames that were.
    fn take_arrived<'a>(&mut self, arrived: &mut Vec<Arrived>, bytes: impl Fn(usize) -> &'a [u8]) -> usize {
        self.fetch_arrived(arrived);
        let count = arrived.len();
        for frame in arrived.drain(..) {
            let segment = &bytes(frame.buffer)[frame.start..frame.end];
            self.take_frame(frame.path, &frame.header, segment, frame.hash);
        }
        self.engine.counters.add(Counter::NativeFrames, count as u64);
        count
    }

    /// Asks memory for the items of frames, now that the buckets have come.
    #[inline]
    fn fetch_arrived(&self, arrived: &[Arrived]) {
        for frame in arrived.iter().filter(|frame| frame.hash != 0) {
            self.engine.store.prefetch_item(frame.hash);
        }
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
        let (now_ns, sessions) = (self.now.mono_ns, &mut self.native.sessions);
        let (heads, values) = (sessions.heads.clone(), sessions.values.clone());
        let Some(session) = sessions.get_mut(header.session) else { return };
        let known = session.uploads.iter().position(|upload| upload.is_of(header));
        if known.is_none() && header.offset > 0 {
            let path = session.path;
            return self.answer_credit(path, header, 0);
        }
        let place = known.unwrap_or_else(|| {
            // Where another request had its number, that one was given up.
            session.uploads.retain(|upload| upload.request != header.request);
            session.forget_silent_upload(now_ns);
            session.uploads.len()
        });
        if known.is_none() {
            let has_room = heads.has_room() && values.has_room();
            if session.uploads.len() >= UPLOADS_MAX || !has_room {
                return self.refuse_native(origin, Status::Busy);
            }
            session.uploads.push(Upload::new(*header, origin.opcode, now_ns, &heads, &values));
        }
        let upload = &mut session.uploads[place];
        let taken = upload.take(header.offset, segment, &mut self.engine.store, now_ns);
        if let Err(status) = taken {
            session.uploads.swap_remove(place);
            return match status {
                Status::Busy => self.refuse_native(origin, status),
                status => self.finish_short(origin, status, &[]),
            };
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

    /// Transmits what waits for the port; says how many bytes this turn had for it.
    pub(crate) fn transmit(&mut self) -> u64 {
        if let Some(port) = &mut self.native.port {
            self.native.trains.transmit(port);
        }
        self.native.trains.end_turn()
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
