//! The native protocol as a client of one shard speaks it: a session, requests, replies. Specified in
//! `docs/native-protocol.md`.

use std::hash::{BuildHasher, Hasher, RandomState};

use adit_wire::kv::BucketId;
use adit_wire::native::frame::length_in_stream;
use adit_wire::native::reply::Reply;
use adit_wire::native::request::{
    Action, COOKIE_BYTES, Condition, KeyList, KeyRequest, NewExpiry, Open, PairList,
};
use adit_wire::native::{
    CREDITS_MAX, FRAME_BYTES_DEFAULT, Frame, HEADER_BYTES, Header, Opcode, Request, Status,
};
use anyhow::{anyhow, bail, ensure};

use super::{Outcome, Question, Ticket, WindowProtocol, Wire};
use crate::dataset::Dataset;
use crate::load::Load;
use crate::workload::Step;

/// A session.
pub(super) struct Native {
    session: u64,
    /// The key of the request that is encoded.
    key: Vec<u8>,
    /// The keys of one that has many, with their values.
    list: Vec<u8>,
}

impl Native {
    pub(super) fn of_session(session: u64) -> Self {
        Self { session, key: Vec::new(), list: Vec::new() }
    }

    pub(super) fn session(&self) -> u64 {
        self.session
    }
}

impl WindowProtocol for Native {
    const FIRST_NUMBER: u64 = OPEN_NUMBER + 1;

    fn open(load: &Load, wire: &mut Wire) -> anyhow::Result<Self> {
        let (session, room) = open_session(wire)?;
        let needed = frame_bytes_max(load);
        ensure!(needed <= room, "the server takes frames of {room} bytes, this load needs {needed}");
        Ok(Self::of_session(session))
    }

    fn encode(&mut self, out: &mut Vec<u8>, ticket: Ticket, question: &Question, dataset: &Dataset) {
        let Self { session, key, list } = self;
        let is_read = matches!(question.operation.step, Step::Read | Step::ReadToModify);
        list.clear();
        for number in question.keys() {
            key.clear();
            dataset.push_key(key, number, dataset.sizes.key_bytes(number));
            match (question.more.is_empty(), is_read) {
                (true, _) => {}
                (false, true) => KeyList::push(list, key),
                (false, false) => PairList::push(list, key, dataset.value(number)),
            }
        }
        let (bucket, value) = (BucketId(0), dataset.value(question.operation.key));
        let (condition, expiry) = (question.condition, NewExpiry::Never);
        let count = u32::try_from(1 + question.more.len()).unwrap_or(u32::MAX);
        let request = match (count, is_read) {
            (1, true) => Request::Key(KeyRequest { bucket, key, action: Action::Get }),
            (1, false) => {
                Request::Key(KeyRequest { bucket, key, action: Action::Put { condition, expiry, value } })
            }
            (_, true) => Request::MultiGet(KeyList::new(bucket, count, list)),
            (_, false) => Request::MultiPut { pairs: PairList::new(bucket, count, list), if_absent: false },
        };
        push_frame(out, *session, ticket, &request);
    }

    fn length(&self, bytes: &[u8]) -> anyhow::Result<Option<usize>> {
        length(bytes)
    }

    fn decode<'a>(&self, message: &'a [u8], _oldest: u64) -> anyhow::Result<Option<(u64, Outcome<'a>)>> {
        // A frame that was harmed is dropped: its request is sent again.
        let Ok(frame) = Frame::decode(message) else { return Ok(None) };
        let Header { session, request, opcode, status, is_reply, .. } = frame.header;
        if session != self.session || !is_reply {
            return Ok(None);
        }
        ensure!(frame.is_whole(), "a value is longer than those of this load; write them with --load");
        let status = Status::of(status).ok_or_else(|| anyhow!("no status has number {status}"))?;
        let outcome = match status {
            Status::Ok => match Opcode::of(opcode).and_then(|it| Reply::decode(it, status, frame.segment)) {
                Some(Reply::Value { head, value }) => Outcome::Value(value, head.version),
                Some(Reply::Values(values)) => Outcome::Values(values.iter().collect()),
                Some(Reply::Version(_) | Reply::Done) => Outcome::Stored,
                other => bail!("{other:?} was not asked for"),
            },
            Status::NotFound => Outcome::Absent,
            Status::ConditionFailed => Outcome::Conflict,
            Status::WrongShard => {
                Outcome::Refused("WrongShard: this load is for servers of one shard".into())
            }
            other => Outcome::Refused(format!("{other:?}")),
        };
        Ok(Some((request, outcome)))
    }
}

/// Opens a session; says which, and how long its frames may be.
fn open_session(wire: &mut Wire) -> anyhow::Result<(u64, usize)> {
    let mut message = Vec::new();
    let mut cookie = [0; COOKIE_BYTES];
    let first = |number| Ticket { number, oldest: number };
    if !wire.is_stream() {
        push_frame(&mut message, 0, first(HELLO_NUMBER), &Request::Hello);
        cookie = wire.exchange(&message, length, |frame| match answer(frame, Opcode::Hello)? {
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
    push_frame(&mut message, 0, first(OPEN_NUMBER), &Request::Open(open));
    let opened = wire.exchange(&message, length, |frame| match answer(frame, Opcode::Open)? {
        Some((session, Reply::Opened(opened))) => Ok(Some((session, usize::from(opened.frame_bytes)))),
        Some((_, Reply::Refused(refused))) => bail!("no session: {refused:?}"),
        _ => Ok(None),
    })?;
    Ok(opened)
}

/// What the server has counted: names and numbers in lines. In a session of its own.
pub(super) fn ask_counters(wire: &mut Wire) -> anyhow::Result<String> {
    let (session, _) = open_session(wire)?;
    let (number, mut message) = (Native::FIRST_NUMBER, Vec::new());
    push_frame(&mut message, session, Ticket { number, oldest: number }, &Request::Stats);
    wire.exchange(&message, length, |frame| match answer(frame, Opcode::Stats)? {
        Some((asked, Reply::Stats(text))) if asked == session => Ok(Some(text.to_owned())),
        Some((asked, Reply::Refused(refused))) if asked == session => bail!("no counters: {refused:?}"),
        _ => Ok(None),
    })
}

/// Appends the body of a GET, or of a PUT of `value`, behind room for a header.
pub(super) fn put_body(out: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    let (bucket, condition, expiry) = (BucketId(0), Condition::Always, NewExpiry::Never);
    let action = value.map_or(Action::Get, |value| Action::Put { condition, expiry, value });
    out.resize(HEADER_BYTES, 0);
    Request::Key(KeyRequest { bucket, key, action }).encode(out);
}

/// The longest frame of a request of `load`, or of a reply to it. Replies tell a value's version and expiry, which a PUT
/// outweighs, and the values of many keys without the keys.
pub(crate) fn frame_bytes_max(load: &Load) -> usize {
    let sizes = &load.dataset.sizes;
    let pair_bytes = sizes.key_bytes_max().saturating_add(sizes.value_bytes_max());
    let body_bytes = match load.keys_per_request {
        1 => PUT_BYTES.saturating_add(pair_bytes),
        count => {
            MULTIPUT_BYTES.saturating_add(count.saturating_mul(LENGTHS_BYTES.saturating_add(pair_bytes)))
        }
    };
    HEADER_BYTES.saturating_add(body_bytes)
}

/// The length of the first frame of a stream.
fn length(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    length_in_stream(bytes)
        .map_err(|error| anyhow!("no native frame ({error:?}); is the peer a native server?"))
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
/// Bytes before the value of a reply to a GET.
pub(super) const VALUE_HEAD_BYTES: usize = 16;
/// Bytes of a reply to a PUT.
pub(super) const VERSION_BYTES: usize = 8;
/// Bytes of a PUT before its key.
const PUT_BYTES: usize = 32;
/// Bytes of a MULTIPUT before its pairs, and of the lengths of each pair.
const MULTIPUT_BYTES: usize = 16;
const LENGTHS_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Way;
    use crate::sizes::Sizes;
    use crate::target::Target;
    use crate::workload::Operation;

    fn native() -> Native {
        Native::of_session(7)
    }

    #[test]
    fn requests_tell_their_session_and_what_is_answered() {
        let dataset = Dataset::new(Sizes::Fixed { key_bytes: 4, value_bytes: 3 }, 100, 1).unwrap();
        for step in [Step::Read, Step::Write] {
            let mut out = Vec::new();
            let question = Question::of(Operation { step, key: 42 });
            native().encode(&mut out, Ticket { number: 9, oldest: 5 }, &question, &dataset);
            let Frame { header, segment } = Frame::decode(&out).unwrap();
            assert_eq!((header.session, header.request, header.oldest), (7, 9, 5));
            let opcode = Opcode::of(header.opcode).unwrap();
            let Ok(Request::Key(request)) = Request::decode(opcode, segment) else { panic!("{segment:?}") };
            let value: &[u8] = if step == Step::Read { b"" } else { dataset.value(42) };
            assert_eq!((request.key, request.action.value()), (&b"0042"[..], value));
        }
    }

    /// What a server reads of a question.
    fn asked(question: &Question, dataset: &Dataset) -> Vec<u8> {
        let mut out = Vec::new();
        native().encode(&mut out, Ticket { number: 9, oldest: 5 }, question, dataset);
        out
    }

    #[test]
    fn requests_of_many_keys_fit_the_frame_that_was_reckoned() {
        let dataset = Dataset::new(Sizes::Fixed { key_bytes: 4, value_bytes: 3 }, 100, 1).unwrap();
        let mut load = Load::new(Target::Tcp("x:1".into()), Way::NativeUdp, 100, dataset.clone());
        let mut question = Question::of(Operation { step: Step::Write, key: 42 });
        assert_eq!(asked(&question, &dataset).len(), frame_bytes_max(&load));
        (question.more, load.keys_per_request) = (vec![7, 8], 3);
        let out = asked(&question, &dataset);
        assert_eq!(out.len(), frame_bytes_max(&load));
        let Ok(Request::MultiPut { pairs, if_absent: false }) =
            Request::decode(Opcode::MultiPut, Frame::decode(&out).unwrap().segment)
        else {
            panic!("no MULTIPUT")
        };
        let expected = [(&b"0042"[..], 42), (b"0007", 7), (b"0008", 8)]
            .map(|(key, number)| (key, dataset.value(number)));
        assert_eq!(pairs.iter().collect::<Vec<_>>(), expected);
        question.operation.step = Step::Read;
        let out = asked(&question, &dataset);
        let Ok(Request::MultiGet(keys)) =
            Request::decode(Opcode::MultiGet, Frame::decode(&out).unwrap().segment)
        else {
            panic!("no MULTIGET")
        };
        assert_eq!(keys.iter().collect::<Vec<_>>(), [b"0042", b"0007", b"0008"]);
    }

    #[test]
    fn a_swap_tells_the_version_that_was_read() {
        let dataset = Dataset::new(Sizes::Fixed { key_bytes: 4, value_bytes: 3 }, 100, 1).unwrap();
        let operation = Operation { step: Step::Write, key: 42 };
        let question = Question { condition: Condition::IfVersion(3), ..Question::of(operation) };
        let out = asked(&question, &dataset);
        let request = Request::decode(Opcode::Put, Frame::decode(&out).unwrap().segment).unwrap();
        let Request::Key(KeyRequest { action: Action::Put { condition, .. }, .. }) = request else {
            panic!("{request:?}")
        };
        assert_eq!(condition, Condition::IfVersion(3));
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
        let value = [&[3][..], &[0; 15], b"x"].concat();
        assert_eq!(decode(7, Opcode::Get, Status::Ok, &value), Some((9, "Value([120], 3)".into())));
        assert_eq!(decode(7, Opcode::Put, Status::Ok, &[1; 8]), Some((9, "Stored".into())));
        assert_eq!(decode(7, Opcode::Get, Status::NotFound, b""), Some((9, "Absent".into())));
        assert_eq!(decode(7, Opcode::Put, Status::Busy, b""), Some((9, "Refused(\"Busy\")".into())));
        assert_eq!(decode(7, Opcode::MultiPut, Status::Ok, b""), Some((9, "Stored".into())));
        let values = b"\x01\0\0\0a\xFF\xFF\xFF\xFF";
        let told = Some((9, "Values([Some([97]), None])".into()));
        assert_eq!(decode(7, Opcode::MultiGet, Status::Ok, values), told);
        let conflict = decode(7, Opcode::Put, Status::ConditionFailed, &[1; 8]);
        assert_eq!(conflict, Some((9, "Conflict".into())));
        assert_eq!(decode(8, Opcode::Put, Status::Ok, &[1; 8]), None, "another's");
        assert!(native().decode(b"harmed", 5).unwrap().is_none());
    }
}
