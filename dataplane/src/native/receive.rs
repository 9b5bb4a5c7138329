//! Frames on their way in: a burst is decoded and its keys fetched from memory before the first request is executed.

use adit_drivers::port::{BURST_MAX, Mbuf};
use adit_drivers::streams::ConnectionId;
use adit_store::kv::{Chain, Key};
use adit_wire::native::frame;
use adit_wire::native::request::{Action, KeyRequest};
use adit_wire::native::{Frame, FrameError, HEADER_BYTES, Header, MULTI_BYTES_MAX, Opcode, Request, Status};

use arrayvec::ArrayVec;

use super::outgoing::Exit;
use super::path::Path;
use super::session::Standing;
use super::upload::Upload;
use super::waiting::Origin;
use crate::settings::{BATCH_REQUESTS_MAX, UPLOADS_MAX};
use crate::shard::Shard;
use crate::stats::Counter;

/// A frame that has come.
pub(super) struct Arrived<'a> {
    path: Path,
    header: Header,
    opcode: Option<Opcode>,
    segment: &'a [u8],
    /// Its request, if all of it is here and it is on one key; and the hash of that key.
    request: Option<(KeyRequest<'a>, u64)>,
    /// Where the next frame begins, in what this one lay in.
    end: usize,
}

/// Frames that are decoded before the first of them is executed.
type Batch<'a> = ArrayVec<Arrived<'a>, BATCH_REQUESTS_MAX>;

impl Shard {
    /// Receives from the ports and executes; says how many frames there were.
    pub(crate) fn run_ports(&mut self) -> usize {
        let mut frames = 0;
        for (interface, index) in (0..).zip(0..self.native.exits.len()) {
            let Some(exit) = self.native.exits[index].as_mut().filter(|exit| exit.is_ready) else { continue };
            let mut burst = std::mem::take(&mut self.native.burst);
            exit.port.rx_burst(&mut burst);
            // What comes later is told again, if the port tells.
            exit.is_ready = burst.len() == BURST_MAX || exit.port.is_polled();
            if !burst.is_empty() {
                frames += self.take_burst(interface, &burst);
            }
            burst.clear();
            self.native.burst = burst;
        }
        frames
    }

    fn take_burst(&mut self, interface: u8, burst: &[Mbuf]) -> usize {
        let (mut batch, mut frames) = (Batch::new(), 0);
        for train in burst {
            let (path, len_bytes) = (Path::Datagram(interface, train.peer()), train.bytes().len() as u64);
            self.turn_bytes += len_bytes;
            self.engine.counters.add(Counter::ReceivedBytes, len_bytes);
            for datagram in train.datagrams() {
                self.decode_frame(path, datagram, 0, &mut batch);
                if batch.is_full() {
                    frames += self.take_batch(&mut batch);
                }
            }
        }
        frames + self.take_batch(&mut batch)
    }

    /// Decodes and executes frames that `bytes` of a stream begin with, as long as the stream takes replies; says how many
    /// bytes those took.
    pub(super) fn take_frames(&mut self, id: ConnectionId, bytes: &[u8]) -> usize {
        let (mut batch, mut decoded) = (Batch::new(), 0);
        while !batch.is_full()
            && self.native.links.goes_on(id)
            && let Ok(Some(len)) = frame::length_in_stream(&bytes[decoded..])
            && let Some(frame) = bytes.get(decoded..decoded + len)
        {
            decoded += len;
            self.decode_frame(Path::Stream(id), frame, decoded, &mut batch);
        }
        self.fetch_batch_items(&batch);
        let mut taken = 0;
        for frame in &batch {
            if taken > 0 && !(self.native.links.has_room(id) && self.pool.may_reply()) {
                break;
            }
            taken = frame.end;
            self.take_frame(frame);
            self.engine.counters.add(Counter::NativeFrames, 1);
            self.native.links.count_frame();
        }
        // What was no request is taken as well, once all before it is.
        if taken == 0 { decoded } else { taken }
    }

    /// Decodes a frame, and asks memory for the index bucket of its key.
    #[inline]
    fn decode_frame<'a>(&mut self, path: Path, bytes: &'a [u8], end: usize, batch: &mut Batch<'a>) {
        let frame = match Frame::decode(bytes) {
            Ok(frame) if !frame.header.is_reply => frame,
            Ok(_) => return self.engine.counters.add(Counter::NativeRefused, 1),
            Err(error) => return self.refuse_frame(path, bytes.len(), error),
        };
        let opcode = Opcode::of(frame.header.opcode);
        let mut request = None;
        if let Some(opcode) = opcode.filter(|opcode| opcode.has_key())
            && frame.header.offset == 0
            && let Ok(Request::Key(found)) = Request::decode(opcode, frame.segment)
        {
            let hash = self.engine.store.key(found.bucket, found.key).hash();
            self.engine.store.prefetch_bucket(hash);
            request = frame.is_whole().then_some((found, hash));
        }
        batch.push(Arrived { path, header: frame.header, opcode, segment: frame.segment, request, end });
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
    fn take_batch(&mut self, batch: &mut Batch<'_>) -> usize {
        self.fetch_batch_items(batch);
        let count = batch.len();
        batch.iter().for_each(|frame| self.take_frame(frame));
        batch.clear();
        self.engine.counters.add(Counter::NativeFrames, count as u64);
        count
    }

    /// Asks memory for the items of frames, now that the buckets have come.
    #[inline]
    fn fetch_batch_items(&self, batch: &[Arrived<'_>]) {
        for (_, hash) in batch.iter().filter_map(|frame| frame.request) {
            self.engine.store.prefetch_item(hash);
        }
    }

    #[inline]
    fn take_frame(&mut self, frame: &Arrived<'_>) {
        let Arrived { path, ref header, segment, .. } = *frame;
        let opcode = match frame.opcode {
            None => return self.answer_short(path, header, Status::UnknownOpcode, &[]),
            Some(Opcode::Hello) => return self.take_hello(path, header, segment),
            Some(Opcode::Open) => return self.take_open(path, header, segment),
            Some(opcode) => opcode,
        };
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
        let standing = session.standing(header.request);
        let origin = Origin { header: *header, opcode };
        match (standing, frame.request) {
            (Standing::New, Some((request, hash))) => self.take_key_request(&origin, &request, hash, None),
            (Standing::New, None) => self.take_new(&origin, segment),
            (Standing::Answered, _) => self.answer_again(&origin),
            (Standing::Pending | Standing::Acknowledged, _) => {
                self.engine.counters.add(Counter::NativeReplayed, 1);
            }
            (Standing::Unknown, _) => {
                self.engine.counters.add(Counter::NativeLost, 1);
                self.refuse_native(&origin, Status::SessionLost);
            }
            (Standing::Beyond, _) => self.refuse_native(&origin, Status::BeyondWindow),
        }
    }

    /// Takes a new request that is not on one key, or not whole.
    fn take_new(&mut self, origin: &Origin, segment: &[u8]) {
        let header = &origin.header;
        if origin.opcode == Opcode::Continue {
            self.refuse_native(origin, Status::NoReply);
        } else if header.offset == 0 && segment.len() == header.total_bytes as usize {
            self.take_request(origin, segment, None);
        } else {
            self.take_segment(origin, segment);
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
            return self.take_request(origin, &body, chain);
        }
        if !std::mem::replace(&mut upload.owes_credit, true) {
            self.native.credits.push((header.session, header.request));
        }
    }

    /// Tells how far requests have come.
    pub(crate) fn send_credits(&mut self) {
        if self.native.credits.is_empty() {
            return;
        }
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

    /// Transmits what waits for the ports; says how many bytes this turn had for them.
    pub(crate) fn transmit(&mut self) -> u64 {
        self.native.exits.iter_mut().flatten().for_each(Exit::transmit);
        std::mem::take(&mut self.native.turn_bytes)
    }

    /// Executes a whole request.
    fn take_request(&mut self, origin: &Origin, body: &[u8], chain: Option<Chain>) {
        match Request::decode(origin.opcode, body) {
            Err(status) => self.refuse_native(origin, status),
            Ok(Request::Key(request)) => {
                let hash = self.engine.store.key(request.bucket, request.key).hash();
                self.take_key_request(origin, &request, hash, chain);
            }
            Ok(request) if self.may_execute(origin) => self.execute_rare(origin, &request, body),
            Ok(_) => {}
        }
    }

    /// Executes a request on one key, whose hash is known.
    #[inline]
    fn take_key_request(
        &mut self,
        origin: &Origin,
        request: &KeyRequest<'_>,
        hash: u64,
        chain: Option<Chain>,
    ) {
        if !self.may_execute(origin) {
            return;
        }
        let key = Key::hashed(request.bucket, request.key, hash);
        match request.action {
            Action::Get => self.execute_get(origin, &key),
            action => self.execute_action(origin, &key, action, chain),
        }
    }

    /// Counts a request, and refuses it if it is a write of which nothing could be kept.
    #[inline]
    fn may_execute(&mut self, origin: &Origin) -> bool {
        self.engine.counters.add(Counter::Requests, 1);
        let may = !origin.opcode.is_write() || self.native.sessions.has_room();
        if !may {
            self.refuse_native(origin, Status::Busy);
        }
        may
    }

    /// Whether a stream is one of these.
    pub(crate) fn is_link(&mut self, id: ConnectionId) -> bool {
        self.native.links.of(id).is_some()
    }
}
