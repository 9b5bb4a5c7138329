//! How a session begins: HELLO gives a cookie to whoever can be reached, OPEN a session to who has cookie and credentials.

use adit_wire::native::reply::Opened;
use adit_wire::native::{FRAME_BYTES_MAX, Header, Opcode, Request, Status};

use super::path::Path;
use super::session::Session;
use crate::session::connection::same;
use crate::settings::SESSION_TTL_NS;
use crate::shard::Shard;
use crate::stats::Counter;

impl Shard {
    /// A cookie, which is no longer than what asked for it. Nothing is kept.
    pub(super) fn take_hello(&mut self, path: Path, header: &Header, segment: &[u8]) {
        let Path::Datagram(_, address) = path else {
            return self.answer_short(path, header, Status::Malformed, &[]);
        };
        if Request::decode(Opcode::Hello, segment).is_ok() {
            let cookie = self.native.secret.cookie(address, self.now.mono_ns);
            self.answer_short(path, header, Status::Ok, &cookie);
        } else {
            self.engine.counters.add(Counter::NativeRefused, 1);
        }
    }

    pub(super) fn take_open(&mut self, path: Path, header: &Header, segment: &[u8]) {
        match self.open_session(path, header, segment) {
            Ok((session, opened)) => {
                let header = Header { session, ..*header };
                self.answer_short(path, &header, Status::Ok, &opened.encode());
            }
            Err(status) => {
                let unproven = u64::from(status == Status::Unproven);
                self.engine.counters.add(Counter::NativeUnproven, unproven);
                self.answer_short(path, header, status, &[]);
            }
        }
    }

    fn open_session(&mut self, path: Path, header: &Header, segment: &[u8]) -> Result<(u64, Opened), Status> {
        let Request::Open(open) = Request::decode(Opcode::Open, segment)? else {
            return Err(Status::Malformed);
        };
        let (secret, now_ns) = (self.native.secret, self.now.mono_ns);
        if let Path::Datagram(_, address) = path
            && !secret.proves(&open.cookie, address, now_ns)
        {
            return Err(Status::Unproven);
        }
        let id = if header.session == 0 {
            let is_right = self.settings.password.as_ref().is_none_or(|wanted| same(wanted, open.password));
            if open.tenant != TENANT_NAME || !is_right {
                return Err(Status::BadCredentials);
            }
            secret.session(path, open.token)
        } else {
            // A session of before the process was started has another token.
            if open.token != secret.token(header.session, TENANT) {
                return Err(Status::SessionLost);
            }
            header.session
        };
        let frame_bytes = self.native.frame_bytes.min(usize::from(open.frame_bytes));
        let sessions = &mut self.native.sessions;
        let has_room = sessions.may_open();
        let resumed = match sessions.get_mut(id) {
            Some(session) if session.is_closed => return Err(Status::SessionLost),
            Some(session) => {
                (session.path, session.frame_bytes, session.heard_ns) = (path, frame_bytes, now_ns);
                true
            }
            None if !has_room => return Err(Status::Busy),
            None => {
                let session = Session::new(id, (path, frame_bytes), header.request, now_ns, sessions);
                sessions.insert(session, now_ns);
                false
            }
        };
        let opened = Opened {
            token: secret.token(id, TENANT),
            tenant: TENANT,
            ttl_ms: u32::try_from(SESSION_TTL_NS / 1_000_000).unwrap_or(u32::MAX),
            frame_bytes: u16::try_from(match path {
                Path::Datagram(..) => frame_bytes,
                Path::Stream(_) => FRAME_BYTES_MAX,
            })
            .unwrap_or(u16::MAX),
            resumed,
            shard: self.index,
        };
        Ok((id, opened))
    }
}

/// The only tenant of today.
const TENANT_NAME: &[u8] = b"default";
const TENANT: u32 = 0;
