//! Replies: encoded at once, and kept where they may be asked for again.

use adit_wire::kv;
use adit_wire::native::{CREDITS_MAX, HEADER_BYTES, Header, Opcode, Status};

use super::Native;
use super::body::Body;
use super::outgoing::{Outgoing, segment_bytes};
use super::path::Path;
use super::session::{Kept, KeptBody, SHORT_BYTES_MAX};
use super::sessions::Sessions;
use super::waiting::Origin;
use crate::message::{Keys, Reply};
use crate::shard::Shard;
use crate::stats::Counter;

impl Shard {
    /// Answers with one frame, and keeps nothing.
    pub(super) fn answer_short(&mut self, to: Path, request: &Header, status: Status, body: &[u8]) {
        let header = self.reply_header(request, status, body.len() as u64);
        let _ = self
            .native
            .outgoing(&mut self.pool)
            .frame(to, &header, body.len(), |segment| segment.copy_from_slice(body));
    }

    /// Refuses a request: nothing was applied, and nothing is kept. A copy of it must be refused as well, or its client
    /// must not be told that it is over: after `Busy` it is not.
    pub(super) fn refuse_native(&mut self, origin: &Origin, status: Status) {
        if let Some(session) = self.native.sessions.get_mut(origin.header.session) {
            let path = session.path;
            session.drop_pending(origin.header.request);
            self.answer_short(path, &origin.header, status, &[]);
        }
    }

    /// Answers a request with a few bytes.
    pub(super) fn finish_short(&mut self, origin: &Origin, status: Status, body: &[u8]) {
        if body.len() > SHORT_BYTES_MAX {
            return self.finish_long(origin, status, Body::of(body));
        }
        let Some(session) = self.native.sessions.get_mut(origin.header.session) else { return };
        let path = session.path;
        if origin.opcode.is_write() {
            session.keep(origin.header.request, Kept::short(origin.opcode, status, body));
        } else {
            session.drop_pending(origin.header.request);
        }
        self.answer_short(path, &origin.header, status, body);
    }

    /// Answers a request with a body of any length. It is kept if the request changes something, or if a frame does not
    /// hold it.
    pub(super) fn finish_long(&mut self, origin: &Origin, status: Status, body: Body) {
        let Some(session) = self.native.sessions.get(origin.header.session) else { return };
        let (path, len_bytes) = (session.path, body.len_bytes());
        let frame_bytes = session.frame_bytes_of(path);
        let request = origin.header.request;
        let has_room = self.native.links.takes(path);
        if !origin.opcode.is_write() && has_room && len_bytes <= segment_bytes(frame_bytes) as u64 {
            if let Some(session) = self.native.sessions.get_mut(origin.header.session) {
                session.drop_pending(request);
            }
            let header = self.reply_header(&origin.header, status, len_bytes);
            let len = segment_bytes(frame_bytes).min(usize::try_from(len_bytes).unwrap_or(usize::MAX));
            let _ = self
                .native
                .outgoing(&mut self.pool)
                .frame(path, &header, len, |segment| body.copy(0, segment));
            return;
        }
        let Some(session) = self.native.sessions.get(origin.header.session) else { return };
        let heap_bytes = body.heap_bytes();
        let of_session = session.budget.charge(len_bytes);
        let copies_of_session = session.copies.charge(heap_bytes);
        let Sessions { copies, pinned, .. } = &self.native.sessions;
        let charges =
            [of_session, copies_of_session, copies.charge(heap_bytes), pinned.charge(body.pinned_bytes())];
        let body = KeptBody::Long { body: Box::new(body), charges };
        let Some(session) = self.native.sessions.get_mut(origin.header.session) else { return };
        session.keep(request, Kept { opcode: origin.opcode as u8, status, body });
        self.send_kept(origin, 0);
    }

    /// Answers a request that was answered before: with its first segments, or those that it names.
    pub(super) fn answer_again(&mut self, origin: &Origin) {
        let offset = if origin.opcode == Opcode::Continue { origin.header.offset } else { 0 };
        if offset == 0 {
            self.engine.counters.add(Counter::NativeReplayed, 1);
        }
        self.send_kept(origin, offset);
        #[cfg(feature = "sabotage-record")]
        if let Some(session) = self.native.sessions.get_mut(origin.header.session) {
            session.lose(origin.header.request);
        }
    }

    /// Sends segments of a kept reply, from `offset` on, as many as the request gives credits for.
    pub(super) fn send_kept(&mut self, origin: &Origin, offset: u32) {
        let map_epoch = self.map.epoch;
        let Native { exits, turn_bytes, sessions, links, .. } = &mut self.native;
        let Some(session) = sessions.get(origin.header.session) else { return };
        let Some(kept) = session.kept(origin.header.request) else { return };
        if let Path::Stream(id) = session.path
            && !links.has_room(id)
        {
            return links.send_later(id, origin, offset);
        }
        let total = kept.body.len_bytes();
        if u64::from(offset) >= total.max(1) {
            return;
        }
        let reply = Header {
            opcode: kept.opcode,
            offset,
            ..header_of(&origin.header, kept.status, total, map_epoch)
        };
        let (path, count) = (session.path, origin.header.credits.min(CREDITS_MAX));
        let mut outgoing = Outgoing { exits, turn_bytes, links, pool: &mut self.pool };
        outgoing.segments(path, &reply, kept, session.frame_bytes_of(path), count);
    }

    /// Tells how much of a request has come.
    pub(super) fn answer_credit(&mut self, to: Path, request: &Header, taken_bytes: u32) {
        let header = Header {
            offset: taken_bytes,
            ..self.reply_header(request, Status::Credit, u64::from(request.total_bytes))
        };
        let _ = self.native.outgoing(&mut self.pool).frame(to, &header, 0, |_| {});
    }

    /// The reply of an operation on one key.
    pub(crate) fn finish_reply(&mut self, origin: &Origin, reply: Reply) {
        match (reply, origin.opcode) {
            (Reply::Done, _) => self.finish_short(origin, Status::Ok, &[]),
            (Reply::Nil, _) => self.finish_short(origin, Status::NotFound, &[]),
            (Reply::Integer(count), Opcode::Delete | Opcode::Touch) => {
                let status = if count == 0 { Status::NotFound } else { Status::Ok };
                self.finish_short(origin, status, &[]);
            }
            (Reply::Integer(number), _) => self.finish_short(origin, Status::Ok, &number.to_le_bytes()),
            (Reply::Conflict(version), _) => {
                self.finish_short(origin, Status::ConditionFailed, &version.to_le_bytes());
            }
            // It has waited, and nothing is applied: there may be room later.
            (Reply::Record(_), Opcode::Get) if !self.may_keep(origin) => {
                self.refuse_native(origin, Status::Busy)
            }
            (Reply::Record(record), _) => {
                let head = adit_wire::native::reply::ValueHead {
                    version: record.version,
                    expiry_ms: record.expiry_ms,
                };
                let mut body = Body::of(head.encode());
                match record.value {
                    Reply::Bytes(bytes) => body.push(bytes.as_slice()),
                    Reply::Chain(chain) => body.pin(chain.into()),
                    _ => unreachable!("a record has a value"),
                }
                self.finish_long(origin, Status::Ok, body);
            }
            (Reply::Keys(keys), _) => self.finish_long(origin, Status::Ok, body_of_keys(&keys)),
            (Reply::Failed(status), _) => self.finish_short(origin, status_of(status), &[]),
            _ => unreachable!("an operation on one key has no such reply"),
        }
    }

    /// The header of a reply whose first segment it is.
    #[inline]
    pub(super) fn reply_header(&self, request: &Header, status: Status, total_bytes: u64) -> Header {
        header_of(request, status, total_bytes, self.map.epoch)
    }
}

#[inline]
pub(super) fn header_of(request: &Header, status: Status, total_bytes: u64, map_epoch: u64) -> Header {
    Header {
        status: status as u8,
        is_reply: true,
        credits: CREDITS_MAX,
        map_epoch,
        total_bytes: u32::try_from(total_bytes).unwrap_or(u32::MAX),
        offset: 0,
        ..*request
    }
}

pub(super) fn body_of_keys(keys: &Keys) -> Body {
    let mut bytes = keys.cursor.to_le_bytes().to_vec();
    for key in keys.iter() {
        bytes.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(key);
    }
    Body::of(bytes)
}

/// What the words of the service are in the protocol.
pub(crate) fn status_of(status: kv::Status) -> Status {
    match status {
        kv::Status::KeyTooLong => Status::KeyTooLong,
        kv::Status::ValueTooLong => Status::ValueTooLong,
        kv::Status::NotAnInteger | kv::Status::NotADecimal => Status::NotAnInteger,
        kv::Status::Overflow | kv::Status::DecimalOverflow => Status::Overflow,
        kv::Status::NoSuchKey => Status::NotFound,
        kv::Status::OutOfMemory => Status::OutOfMemory,
        kv::Status::OffsetOutOfRange | kv::Status::InvalidExpiry | kv::Status::NotCounted => {
            unreachable!("no native request is refused so")
        }
    }
}

const _: () = assert!(HEADER_BYTES + SHORT_BYTES_MAX <= adit_wire::native::FRAME_BYTES_MIN);
