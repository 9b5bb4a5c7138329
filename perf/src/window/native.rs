//! The native protocol as a client of one shard speaks it: a session, requests, replies. Specified in
//! `docs/native-protocol.md`.

use std::hash::{BuildHasher, Hasher, RandomState};

use adit_wire::kv::BucketId;
use adit_wire::native::reply::Reply;
use adit_wire::native::request::{Action, COOKIE_BYTES, Condition, KeyRequest, NewExpiry, Open};
use adit_wire::native::{
    CREDITS_MAX, FRAME_BYTES_DEFAULT, Frame, HEADER_BYTES, Header, Opcode, Request, Status,
};
use anyhow::{anyhow, bail, ensure};

use super::{Outcome, Ticket, WindowProtocol, Wire};
use crate::dataset::Dataset;
use crate::workload::{Operation, Step};

/// A session.
pub(super) struct Native {
    session: u64,
    /// The key of the request that is encoded.
    key: Vec<u8>,
}

impl WindowProtocol for Native {
    const FIRST_NUMBER: u64 = OPEN_NUMBER + 1;

    fn open(wire: &mut Wire) -> anyhow::Result<Self> {
        let mut message = Vec::new();
        let mut cookie = [0; COOKIE_BYTES];
        if !wire.is_stream() {
            push_frame(
                &mut message,
                0,
                Ticket { number: HELLO_NUMBER, oldest: HELLO_NUMBER },
                &Request::Hello,
            );
            cookie = wire.exchange(&message, |frame| match answer(frame, Opcode::Hello)? {
                Some((_, Reply::Cookie(cookie))) => Ok(Some(*cookie)),
                _ => Ok(None),
            })?;
            message.clear();
        }
        let random = || RandomState::new().build_hasher().finish();
        let open = Open {
            cookie,
            token: u128::from(random()) << 64 | u128::from(random()),
            frame_bytes: u16::try_from(FRAME_BYTES_DEFAULT)?,
            tenant: b"default",
            password: b"",
        };
        push_frame(
            &mut message,
            0,
            Ticket { number: OPEN_NUMBER, oldest: OPEN_NUMBER },
            &Request::Open(open),
        );
        let session = wire.exchange(&message, |frame| match answer(frame, Opcode::Open)? {
            Some((session, Reply::Opened(_))) => Ok(Some(session)),
            Some((_, Reply::Refused(refused))) => bail!("no session: {refused:?}"),
            _ => Ok(None),
        })?;
        Ok(Self { session, key: Vec::new() })
    }

    fn encode(&mut self, out: &mut Vec<u8>, ticket: Ticket, operation: Operation, dataset: &Dataset) {
        self.key.clear();
        dataset.push_key(&mut self.key, operation.key, dataset.sizes.key_bytes(operation.key));
        let action = match operation.step {
            Step::Read | Step::ReadToModify => Action::Get,
            Step::Write | Step::Insert => Action::Put {
                condition: Condition::Always,
                expiry: NewExpiry::Never,
                value: dataset.value(operation.key),
            },
        };
        let request = Request::Key(KeyRequest { bucket: BucketId(0), key: &self.key, action });
        push_frame(out, self.session, ticket, &request);
    }

    fn decode<'a>(&self, message: &'a [u8], _oldest: u64) -> anyhow::Result<Option<(u64, Outcome<'a>)>> {
        // A frame that was harmed is dropped: its request is sent again.
        let Ok(frame) = Frame::decode(message) else { return Ok(None) };
        let Header { session, request, opcode, status, is_reply, .. } = frame.header;
        if session != self.session || !is_reply {
            return Ok(None);
        }
        ensure!(frame.is_whole(), "a reply in several frames");
        let status = Status::of(status).ok_or_else(|| anyhow!("no status has number {status}"))?;
        let outcome = match status {
            Status::Ok => match Opcode::of(opcode).and_then(|it| Reply::decode(it, status, frame.segment)) {
                Some(Reply::Value { value, .. }) => Outcome::Value(value),
                Some(Reply::Version(_)) => Outcome::Stored,
                other => bail!("{other:?} was not asked for"),
            },
            Status::NotFound => Outcome::Absent,
            Status::WrongShard => {
                Outcome::Refused("WrongShard: this load is for servers of one shard".into())
            }
            other => Outcome::Refused(format!("{other:?}")),
        };
        Ok(Some((request, outcome)))
    }
}

/// Appends the frame of a request.
fn push_frame(out: &mut Vec<u8>, session: u64, ticket: Ticket, request: &Request<'_>) {
    let start = out.len();
    out.resize(start + HEADER_BYTES, 0);
    request.encode(out);
    let frame = &mut out[start..];
    let header = Header {
        opcode: request.opcode() as u8,
        credits: CREDITS_MAX,
        session,
        request: ticket.number,
        oldest: ticket.oldest,
        total_bytes: u32::try_from(frame.len() - HEADER_BYTES).unwrap_or(u32::MAX),
        ..Header::default()
    };
    header.seal(frame);
}

/// The session and the reply that a frame brings to a request for `opcode`.
fn answer(frame: &[u8], opcode: Opcode) -> anyhow::Result<Option<(u64, Reply<'_>)>> {
    let frame = Frame::decode(frame)
        .map_err(|error| anyhow!("no native frame ({error:?}); is the peer a native server?"))?;
    let header = frame.header;
    if !header.is_reply || header.opcode != opcode as u8 {
        return Ok(None);
    }
    let reply = Status::of(header.status).and_then(|status| Reply::decode(opcode, status, frame.segment));
    Ok(reply.map(|reply| (header.session, reply)))
}

const HELLO_NUMBER: u64 = 1;
const OPEN_NUMBER: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizes::Sizes;

    fn native() -> Native {
        Native { session: 7, key: Vec::new() }
    }

    #[test]
    fn requests_tell_their_session_and_what_is_answered() {
        let dataset = Dataset::new(Sizes::Fixed { key_bytes: 4, value_bytes: 3 }, 100, 1).unwrap();
        for step in [Step::Read, Step::Write] {
            let mut out = Vec::new();
            native().encode(&mut out, Ticket { number: 9, oldest: 5 }, Operation { step, key: 42 }, &dataset);
            let Frame { header, segment } = Frame::decode(&out).unwrap();
            assert_eq!((header.session, header.request, header.oldest), (7, 9, 5));
            let opcode = Opcode::of(header.opcode).unwrap();
            let Ok(Request::Key(request)) = Request::decode(opcode, segment) else { panic!("{segment:?}") };
            let value: &[u8] = if step == Step::Read { b"" } else { dataset.value(42) };
            assert_eq!((request.key, request.action.value()), (&b"0042"[..], value));
        }
    }

    #[test]
    fn replies_of_the_session_are_read() {
        let decode = |session, opcode: Opcode, status: Status, body: &[u8]| {
            let mut frame = [&[0; HEADER_BYTES], body].concat();
            let total_bytes = u32::try_from(body.len()).unwrap();
            let (opcode, status) = (opcode as u8, status as u8);
            let header = Header {
                opcode,
                status,
                is_reply: true,
                session,
                request: 9,
                total_bytes,
                ..Header::default()
            };
            header.seal(&mut frame);
            let decoded = native().decode(&frame, 5).unwrap();
            decoded.map(|(number, outcome)| (number, format!("{outcome:?}")))
        };
        let value = [&[0; 16][..], b"x"].concat();
        assert_eq!(decode(7, Opcode::Get, Status::Ok, &value), Some((9, "Value([120])".into())));
        assert_eq!(decode(7, Opcode::Put, Status::Ok, &[1; 8]), Some((9, "Stored".into())));
        assert_eq!(decode(7, Opcode::Get, Status::NotFound, b""), Some((9, "Absent".into())));
        assert_eq!(decode(7, Opcode::Put, Status::Busy, b""), Some((9, "Refused(\"Busy\")".into())));
        assert_eq!(decode(8, Opcode::Put, Status::Ok, &[1; 8]), None, "another's");
        assert!(native().decode(b"harmed", 5).unwrap().is_none());
    }
}
