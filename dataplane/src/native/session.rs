//! A session: what its client was promised, and what of it is under way.

use std::collections::VecDeque;
use std::ops::Range;

use adit_drivers::memory::Block;
use adit_wire::native::{Header, Opcode, Status, WINDOW_REQUESTS};

use super::body::Body;
use super::budget::{Budget, Charge};
use super::path::Path;
use super::sessions::Sessions;
use super::upload::Upload;
use crate::settings::{SESSION_KEPT_BYTES_MAX, UPLOAD_SILENCE_NS_MIN, UPLOADS_MAX};

/// A session, as one shard knows it.
pub(crate) struct Session {
    /// Its number.
    pub(super) id: u64,
    /// Where it was proven that its client is.
    pub(super) path: Path,
    /// The longest frame that the client takes.
    pub(super) frame_bytes: usize,
    /// Requests up to this one came, if they came, before the shard knew the session.
    pub(super) floor: u64,
    /// The oldest request that is not acknowledged, as far as is known here.
    oldest: u64,
    /// When something of it was last heard.
    pub(super) heard_ns: u64,
    /// It was closed; it is kept for as long as a cookie from before may be good.
    pub(super) is_closed: bool,
    /// What is known of requests, ascending by their numbers.
    records: VecDeque<Record>,
    /// Those that are pending.
    pending: usize,
    /// What their replies may keep, and how much of that on the heap.
    pub(super) budget: Budget,
    pub(super) copies: Budget,
    /// What all sessions of the shard take on the heap.
    pool: Budget,
    #[expect(dead_code, reason = "it counts by being there")]
    charge: Charge,
    /// Long requests that are not whole yet.
    pub(super) uploads: Vec<Upload>,
}

/// What is known of a request.
struct Record {
    request: u64,
    state: State,
    #[expect(dead_code, reason = "it counts by being there")]
    charge: Charge,
}

/// How far a request has come.
pub(super) enum State {
    /// It is being executed.
    Pending,
    /// This is its reply.
    Done(Kept),
}

/// A reply that is kept.
pub(super) struct Kept {
    pub(super) opcode: u8,
    pub(super) status: Status,
    pub(super) body: KeptBody,
}

/// Its body.
pub(super) enum KeptBody {
    /// A few bytes.
    Short { len: u8, bytes: [u8; SHORT_BYTES_MAX] },
    /// Many, as they are counted by the session and by the shard.
    Long {
        body: Box<Body>,
        #[expect(dead_code, reason = "they count by being there")]
        charges: [Charge; 4],
    },
}

/// What a request is to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was not seen, or nothing is kept of it.
    New,
    /// It is being executed.
    Pending,
    /// It has a reply, which is kept.
    Answered,
    /// The client has its reply: it is a late copy.
    Acknowledged,
    /// It may have come before the shard knew the session.
    Unknown,
    /// It is too far beyond the oldest unacknowledged one.
    Beyond,
}

impl Session {
    /// A session that is known from request `floor` on.
    pub(super) fn new(
        id: u64,
        (path, frame_bytes): (Path, usize),
        floor: u64,
        now_ns: u64,
        sessions: &Sessions,
    ) -> Self {
        Self {
            pool: sessions.pool.clone(),
            charge: sessions.pool.charge(SESSION_BYTES),
            copies: Budget::new((sessions.copies.limit_bytes() / COPIES_PARTS).max(COPIES_BYTES_MIN)),
            pending: 0,
            id,
            path,
            frame_bytes,
            floor,
            oldest: 0,
            heard_ns: now_ns,
            is_closed: false,
            records: VecDeque::new(),
            budget: Budget::new(SESSION_KEPT_BYTES_MAX),
            uploads: Vec::new(),
        }
    }

    /// Hears a frame, and forgets what it acknowledges.
    #[inline]
    pub(super) fn hear(&mut self, header: &Header, now_ns: u64) {
        self.heard_ns = now_ns;
        if header.oldest > self.oldest && header.oldest <= header.request {
            self.oldest = header.oldest;
            self.forget_acknowledged();
        }
    }

    fn forget_acknowledged(&mut self) {
        while self.records.front().is_some_and(|first| first.request < self.oldest) {
            let first = self.records.pop_front();
            self.pending -= usize::from(first.is_some_and(|first| matches!(first.state, State::Pending)));
        }
        self.uploads.retain(|upload| upload.request >= self.oldest);
    }

    /// What a request is to the session.
    #[inline]
    pub(super) fn standing(&self, request: u64) -> Standing {
        if request <= self.floor {
            return Standing::Unknown;
        }
        if request < self.oldest {
            return Standing::Acknowledged;
        }
        if request >= self.oldest.max(1).saturating_add(WINDOW_REQUESTS) {
            return Standing::Beyond;
        }
        if self.records.is_empty() || cfg!(feature = "sabotage-dedup") {
            return Standing::New;
        }
        match self.find(request).map(|place| &self.records[place].state) {
            Ok(State::Pending) => Standing::Pending,
            Ok(State::Done(_)) => Standing::Answered,
            Err(_) => Standing::New,
        }
    }

    fn find(&self, request: u64) -> Result<usize, usize> {
        // The newest are asked for most.
        match self.records.back() {
            Some(last) if last.request < request => Err(self.records.len()),
            _ => self.records.binary_search_by_key(&request, |record| record.request),
        }
    }

    /// Notes that a request is being executed.
    pub(super) fn begin(&mut self, request: u64) {
        if let Err(place) = self.find(request) {
            self.insert(place, request, State::Pending);
            self.pending += 1;
        }
    }

    /// Keeps the reply to a request, unless it is acknowledged already.
    pub(super) fn keep(&mut self, request: u64, kept: Kept) {
        if request < self.oldest {
            return;
        }
        let state = State::Done(kept);
        match self.find(request) {
            Ok(place) => {
                let before = std::mem::replace(&mut self.records[place].state, state);
                self.pending -= usize::from(matches!(before, State::Pending));
            }
            Err(place) => self.insert(place, request, state),
        }
    }

    fn insert(&mut self, place: usize, request: u64, state: State) {
        let charge = self.pool.charge(RECORD_BYTES);
        self.records.insert(place, Record { request, state, charge });
    }

    /// Forgets that a request was begun: nothing was applied.
    pub(super) fn drop_pending(&mut self, request: u64) {
        if let Ok(place) = self.find(request)
            && matches!(self.records[place].state, State::Pending)
        {
            self.records.remove(place);
            self.pending -= 1;
        }
    }

    /// Makes a place for a long request, if they are all taken and one was silent for a while: it may be a late copy.
    pub(super) fn forget_silent_upload(&mut self, now_ns: u64) {
        if self.uploads.len() < UPLOADS_MAX {
            return;
        }
        let oldest = (0..self.uploads.len()).min_by_key(|place| self.uploads[*place].heard_ns());
        if let Some(place) = oldest
            && self.uploads[place].is_silent(now_ns, UPLOAD_SILENCE_NS_MIN)
        {
            self.uploads.swap_remove(place);
        }
    }

    /// Whether another request may wait for a key or a transaction.
    pub(super) fn may_wait(&self) -> bool {
        self.pending < PENDING_MAX
    }

    /// Whether another long reply may be kept.
    pub(super) fn may_keep(&self) -> bool {
        self.budget.has_room() && self.copies.has_room()
    }

    /// Gives back room for records that is not needed any more.
    pub(super) fn shrink(&mut self) {
        self.records.shrink_to(2 * self.records.len() + RECORDS_MIN);
    }

    /// The reply that is kept of a request.
    pub(super) fn kept(&self, request: u64) -> Option<&Kept> {
        match &self.records[self.find(request).ok()?].state {
            State::Done(kept) => Some(kept),
            State::Pending => None,
        }
    }

    /// Forgets the reply to a request, as the build does that must fail.
    #[cfg(feature = "sabotage-record")]
    pub(super) fn lose(&mut self, request: u64) {
        if let Ok(place) = self.find(request) {
            self.records.remove(place);
        }
    }

    /// Forgets everything but that the session is closed.
    pub(super) fn close(&mut self) {
        (self.is_closed, self.pending) = (true, 0);
        self.records.clear();
        self.uploads.clear();
    }
}

impl Kept {
    /// A short reply.
    pub(super) fn short(opcode: Opcode, status: Status, body: &[u8]) -> Self {
        let mut bytes = [0; SHORT_BYTES_MAX];
        bytes[..body.len()].copy_from_slice(body);
        let len = u8::try_from(body.len()).unwrap_or(u8::MAX);
        Self { opcode: opcode as u8, status, body: KeptBody::Short { len, bytes } }
    }
}

impl KeptBody {
    /// Its length.
    pub(super) fn len_bytes(&self) -> u64 {
        match self {
            Self::Short { len, .. } => u64::from(*len),
            Self::Long { body, .. } => body.len_bytes(),
        }
    }

    /// Copies the bytes from `offset` on, as many as `out` takes.
    pub(super) fn copy(&self, offset: u64, out: &mut [u8]) {
        match self {
            Self::Short { bytes, .. } => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                out.copy_from_slice(&bytes[start..start + out.len()]);
            }
            Self::Long { body, .. } => body.copy(offset, out),
        }
    }

    /// See [`Body::tail`].
    pub(super) fn tail(&self, offset: u64, len_bytes: usize) -> Option<(&Block, Range<usize>)> {
        match self {
            Self::Short { .. } => None,
            Self::Long { body, .. } => body.tail(offset, len_bytes),
        }
    }
}

/// A session may have such a part of what copies take.
const COPIES_PARTS: u64 = 8;
/// And no less than this.
const COPIES_BYTES_MIN: u64 = 256 << 10;
/// Requests of a session that may wait for keys or transactions.
const PENDING_MAX: usize = 256;
/// Records that a session keeps room for.
const RECORDS_MIN: usize = 16;
/// Bytes that a session takes without its records.
const SESSION_BYTES: u64 = 512;
/// Bytes that a record takes, with room to grow.
const RECORD_BYTES: u64 = 2 * size_of::<Record>() as u64;
const _: () = assert!(SESSION_BYTES >= 2 * size_of::<Session>() as u64);
/// Bytes of a reply that is kept in its record.
pub(super) const SHORT_BYTES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        let path = Path::Datagram(0, "127.0.0.1:1".parse().unwrap());
        Session::new(9, (path, 1_472), 3, 0, &Sessions::new(1, 1))
    }

    fn header(request: u64, oldest: u64) -> Header {
        Header { request, oldest, ..Header::default() }
    }

    #[test]
    fn a_request_is_new_once() {
        let mut session = session();
        assert_eq!(session.standing(3), Standing::Unknown);
        assert_eq!(session.standing(4), Standing::New);
        session.begin(4);
        session.begin(9);
        session.begin(6);
        assert_eq!(session.standing(4), Standing::Pending);
        assert_eq!(session.standing(5), Standing::New);
        session.keep(6, Kept::short(Opcode::Add, Status::Ok, b"12345678"));
        assert_eq!(session.standing(6), Standing::Answered);
        session.drop_pending(9);
        session.drop_pending(6);
        assert_eq!(session.standing(9), Standing::New);
        assert_eq!(session.standing(6), Standing::Answered, "what is done stays done");
        let kept = session.kept(6).unwrap();
        let mut body = [0; 4];
        kept.body.copy(2, &mut body);
        assert_eq!((kept.status, kept.body.len_bytes(), &body), (Status::Ok, 8, b"3456"));
    }

    #[test]
    fn acknowledged_replies_are_forgotten_and_their_requests_refused() {
        let mut session = session();
        let (body, charges) =
            (Box::new(Body::of(vec![0; 100])), [50, 20, 20, 10].map(|bytes| session.budget.charge(bytes)));
        let long = Kept { opcode: 0, status: Status::Ok, body: KeptBody::Long { body, charges } };
        session.keep(5, long);
        session.keep(7, Kept::short(Opcode::Add, Status::Ok, b""));
        session.hear(&header(8, 5), 1);
        session.hear(&header(8, 9), 1);
        assert_eq!(session.budget.used_bytes(), 100, "what was not asked for is not acknowledged");
        session.hear(&header(8, 6), 1);
        assert_eq!((session.budget.used_bytes(), session.heard_ns), (0, 1));
        assert_eq!(session.standing(5), Standing::Acknowledged);
        assert_eq!(session.standing(7), Standing::Answered);
        session.hear(&header(8, 4), 2);
        assert_eq!(session.standing(5), Standing::Acknowledged, "an old frame takes nothing back");
        session.keep(5, Kept::short(Opcode::Add, Status::Ok, b""));
        assert!(session.kept(5).is_none());
    }

    #[test]
    fn the_window_bounds_what_is_open() {
        let mut session = session();
        session.hear(&header(20, 10), 0);
        assert_eq!(session.standing(9 + WINDOW_REQUESTS), Standing::New);
        assert_eq!(session.standing(10 + WINDOW_REQUESTS), Standing::Beyond);
    }
}
