//! A server in the plainest way: it follows `docs/native-protocol.md` word by word, one frame at a time. What is stored,
//! and the records of what was applied, are common to its shards, as if both moved with the slots.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use adit_drivers::sim::Random;
use adit_wire::native::map::{Map, Range};
use adit_wire::native::reply::{ABSENT, Opened, ValueHead, wrong_shard};
use adit_wire::native::request::{Action, Condition, KeyRequest, Open, Request};
use adit_wire::native::{Frame, HEADER_BYTES, Header, Opcode, Status};
use adit_wire::slot::SLOT_COUNT;

/// What a server does besides answering: each once in so many frames; 0 is never.
#[derive(Clone, Copy, Default)]
pub(super) struct Moods {
    pub(super) busy_one_in: u64,
    pub(super) restart_one_in: u64,
    pub(super) new_map_one_in: u64,
}

pub(crate) struct Server {
    pub(super) moods: Moods,
    /// The body of the reply to STEERING; without it the opcode is not known.
    pub(super) steering: Option<Vec<u8>>,
    /// How often it came.
    pub(super) steering_asked: u32,
    pub(super) password: Vec<u8>,
    pub(crate) frame_bytes: u16,
    /// Connecting has proven the address.
    pub(crate) has_streams: bool,
    pub(super) credits: u16,
    pub(super) store: BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
    pub(super) map: Map,
    shards: Vec<BTreeMap<u64, Session>>,
    /// The replies of writes and the long ones, by session and number.
    pub(super) records: BTreeMap<(u64, u64), Record>,
    /// Writes that a shard has refused because another one owns their key: by session and number, and the shard. A late
    /// copy must not be applied there when the key has come back.
    refused: BTreeMap<(u64, u64), usize>,
    /// The oldest unacknowledged number of each session.
    oldest: BTreeMap<u64, u64>,
    random: Random,
    secret: u64,
    last_version: u64,
    opened: BTreeMap<u128, u64>,
    /// Sessions that were closed, by shard: a late OPEN does not bring them back.
    closed: BTreeSet<(usize, u64)>,
}

/// What a shard knows of a session.
struct Session {
    address: SocketAddr,
    open_number: u64,
    uploads: BTreeMap<u64, Vec<u8>>,
}

/// An answer, and the shard that gave it.
pub(super) struct Record {
    shard: usize,
    answer: Answer,
}

/// The opcode of a request, and what became of it.
type Answer = (Opcode, Status, Arc<Vec<u8>>);

impl Server {
    pub(crate) fn new(seed: u64, addresses: Vec<SocketAddr>) -> Self {
        let mut random = Random::new(seed);
        let mut server = Self {
            moods: Moods::default(),
            steering: None,
            steering_asked: 0,
            password: Vec::new(),
            frame_bytes: 1_472,
            has_streams: false,
            credits: 16,
            store: BTreeMap::new(),
            shards: addresses.iter().map(|_| BTreeMap::new()).collect(),
            map: Map { epoch: 0, addresses, ranges: Vec::new() },
            records: BTreeMap::new(),
            refused: BTreeMap::new(),
            oldest: BTreeMap::new(),
            secret: random.bits(),
            random,
            last_version: 0,
            opened: BTreeMap::new(),
            closed: BTreeSet::new(),
        };
        server.draw_map();
        server
    }

    /// Another map: other shards own other slots.
    pub(super) fn draw_map(&mut self) {
        let mut ranges = Vec::new();
        let mut first = 0;
        while first < SLOT_COUNT {
            let last = (first + u16::try_from(self.random.below(6_000)).unwrap()).min(SLOT_COUNT - 1);
            let shard = u16::try_from(self.random.index(self.map.addresses.len())).unwrap();
            ranges.push(Range { first, last, shard });
            first = last + 1;
        }
        (self.map.epoch, self.map.ranges) = (self.map.epoch + 1, ranges);
    }

    /// All that is in memory only is gone, but for what is stored.
    pub(super) fn restart(&mut self) {
        self.shards.iter_mut().for_each(BTreeMap::clear);
        self.records.clear();
        self.opened.clear();
        self.secret = self.random.bits();
    }

    /// One shard forgets its sessions.
    pub(super) fn forget(&mut self, shard: usize) {
        self.shards[shard].clear();
        self.records.retain(|_, record| record.shard != shard);
    }

    /// All shards forget the requests that are not whole.
    pub(super) fn forget_uploads(&mut self) {
        self.shards.iter_mut().flat_map(BTreeMap::values_mut).for_each(|session| session.uploads.clear());
    }

    /// Requests that are not whole.
    pub(super) fn upload_count(&self) -> usize {
        self.shards.iter().flat_map(BTreeMap::values).map(|session| session.uploads.len()).sum()
    }

    pub(crate) fn session_count(&self) -> usize {
        self.shards.iter().map(BTreeMap::len).sum()
    }

    /// The frames that answer one.
    pub(crate) fn receive(
        &mut self,
        to: SocketAddr,
        from: SocketAddr,
        bytes: &[u8],
        now_ns: u64,
    ) -> Vec<Vec<u8>> {
        let Some(shard) = self.map.addresses.iter().position(|address| *address == to) else {
            return Vec::new();
        };
        let Ok(frame) = Frame::decode(bytes) else { return Vec::new() };
        if self.happens(self.moods.restart_one_in) {
            self.restart();
        }
        if self.happens(self.moods.new_map_one_in) {
            self.draw_map();
        }
        let is_steering = frame.header.opcode == Opcode::Steering as u8;
        self.steering_asked += u32::from(is_steering);
        let known = Opcode::of(frame.header.opcode).filter(|_| !is_steering || self.steering.is_some());
        let Some(opcode) = known else {
            return self.reply(&frame.header, Status::UnknownOpcode, 0, &[]);
        };
        match opcode {
            Opcode::Hello => {
                let cookie = self.cookie(from, now_ns / COOKIE_NS);
                self.reply(&frame.header, Status::Ok, 0, &cookie)
            }
            Opcode::Open => self.open(shard, from, &frame, now_ns),
            opcode => self.in_session(shard, from, opcode, &frame),
        }
    }

    fn happens(&mut self, one_in: u64) -> bool {
        one_in > 0 && self.random.one_in(one_in)
    }

    fn cookie(&self, address: SocketAddr, period: u64) -> [u8; 24] {
        let mut cookie = [0; 24];
        let mixed = Random::new(self.secret ^ u64::from(address.port()) ^ (period << 20)).bits();
        cookie[..8].copy_from_slice(&mixed.to_le_bytes());
        cookie
    }

    fn token(&self, session: u64) -> u128 {
        u128::from(Random::new(self.secret ^ session).bits())
    }

    fn open(&mut self, shard: usize, from: SocketAddr, frame: &Frame<'_>, now_ns: u64) -> Vec<Vec<u8>> {
        let header = &frame.header;
        let refuse = |server: &Self, status| server.reply(header, status, 0, &[]);
        let Ok(Request::Open(open)) = Request::decode(Opcode::Open, frame.segment) else {
            return refuse(self, Status::Malformed);
        };
        let period = now_ns / COOKIE_NS;
        let is_proven =
            [period, period.saturating_sub(1)].iter().any(|period| self.cookie(from, *period) == open.cookie);
        if !is_proven && !self.has_streams {
            return refuse(self, Status::Unproven);
        }
        let session = match self.session_of(header, &open) {
            Ok(session) => session,
            Err(status) => return refuse(self, status),
        };
        if self.closed.contains(&(shard, session)) {
            return refuse(self, Status::SessionLost);
        }
        let known = self.shards[shard].get_mut(&session);
        let resumed = known.is_some();
        match known {
            Some(known) => known.address = from,
            None => {
                let new = Session { address: from, open_number: header.request, uploads: BTreeMap::new() };
                self.shards[shard].insert(session, new);
            }
        }
        let opened = Opened {
            token: self.token(session),
            tenant: 1,
            ttl_ms: 30_000,
            frame_bytes: self.frame_bytes.min(open.frame_bytes),
            resumed,
            shard: u16::try_from(shard).unwrap(),
        };
        self.reply(&Header { session, ..*header }, Status::Ok, self.credits, &opened.encode())
    }

    fn session_of(&mut self, header: &Header, open: &Open<'_>) -> Result<u64, Status> {
        if header.session != 0 {
            let is_right = open.token == self.token(header.session);
            return if is_right { Ok(header.session) } else { Err(Status::SessionLost) };
        }
        if open.tenant != b"default" || open.password != self.password {
            return Err(Status::BadCredentials);
        }
        let drawn = self.random.bits() | 1;
        Ok(*self.opened.entry(open.token).or_insert(drawn))
    }

    fn in_session(
        &mut self,
        shard: usize,
        from: SocketAddr,
        opcode: Opcode,
        frame: &Frame<'_>,
    ) -> Vec<Vec<u8>> {
        let header = &frame.header;
        let refuse = |server: &Self, status| server.reply(header, status, 0, &[]);
        let Some(session) = self.shards[shard].get_mut(&header.session) else {
            return refuse(self, Status::SessionLost);
        };
        if session.address != from {
            return refuse(self, Status::Unproven);
        }
        assert!(header.oldest <= header.request, "the client acknowledges what it asks for");
        let oldest = self.oldest.entry(header.session).or_default();
        // What other shards have heard says nothing about the requests for the session itself.
        if header.request < *oldest && !matches!(opcode, Opcode::Renew | Opcode::Close) {
            return Vec::new();
        }
        *oldest = header.oldest.max(*oldest);
        let oldest = *oldest;
        session.uploads.retain(|number, _| *number >= oldest);
        if header.request <= session.open_number {
            return refuse(self, Status::SessionLost);
        }
        assert!(header.request < header.oldest + 1_024, "the client goes beyond the window");
        let id = header.session;
        self.records.retain(|(session, number), _| *session != id || *number >= oldest);
        self.refused.retain(|(session, number), _| *session != id || *number >= oldest);
        match opcode {
            Opcode::Close => {
                self.shards[shard].remove(&id);
                self.closed.insert((shard, id));
                self.reply(header, Status::Ok, 0, &[])
            }
            Opcode::Continue => {
                match self.records.get(&(id, header.request)).map(|record| record.answer.clone()) {
                    Some(answer) => self.replies(header, &answer, header.offset, header.credits),
                    None => refuse(self, Status::NoReply),
                }
            }
            opcode => self.request(shard, opcode, frame),
        }
    }

    fn request(&mut self, shard: usize, opcode: Opcode, frame: &Frame<'_>) -> Vec<Vec<u8>> {
        let header = &frame.header;
        let key = (header.session, header.request);
        if let Some(answer) = self.records.get(&key).map(|record| record.answer.clone()) {
            return self.replies(header, &answer, 0, header.credits);
        }
        if self.happens(self.moods.busy_one_in) {
            return self.reply(header, Status::Busy, 0, &[]);
        }
        let mut whole = frame.segment.to_vec();
        if !frame.is_whole() {
            match self.upload(shard, frame) {
                Ok(body) => whole = body,
                Err(replies) => return replies,
            }
        }
        let (status, body) = self.execute(shard, key, opcode, &whole);
        let answer = (opcode, status, Arc::new(body));
        let is_long = answer.2.len() > usize::from(self.frame_bytes) - HEADER_BYTES;
        if is_long || (opcode.is_write() && status != Status::WrongShard) {
            self.records.insert(key, Record { shard, answer: answer.clone() });
        }
        self.replies(header, &answer, 0, header.credits)
    }

    /// Takes a segment of a long request; gives it when it is whole, else what is to be said.
    fn upload(&mut self, shard: usize, frame: &Frame<'_>) -> Result<Vec<u8>, Vec<Vec<u8>>> {
        let header = &frame.header;
        let repeats = self.random.one_in(2);
        let Some(session) = self.shards[shard].get_mut(&header.session) else { return Err(Vec::new()) };
        let body = session.uploads.entry(header.request).or_default();
        let fits = body.len() == header.offset as usize;
        if fits {
            body.extend_from_slice(frame.segment);
        }
        let have = u32::try_from(body.len()).unwrap();
        if have == header.total_bytes {
            return Ok(session.uploads.remove(&header.request).unwrap());
        }
        let credit = Header { status: Status::Credit as u8, credits: self.credits, ..*header };
        let says = fits || repeats;
        Err(says.then(|| self.frame(credit, have as usize, &[])).into_iter().collect())
    }

    fn execute(
        &mut self,
        shard: usize,
        number: (u64, u64),
        opcode: Opcode,
        body: &[u8],
    ) -> (Status, Vec<u8>) {
        let owner = |key: &[u8]| usize::from(self.map.owner(key));
        let request = match Request::decode(opcode, body) {
            Ok(request) => request,
            Err(status) => return (status, Vec::new()),
        };
        let first = match &request {
            Request::Key(request) => Some(request.key),
            Request::MultiGet(keys) => keys.iter().next(),
            Request::MultiPut { pairs, .. } => pairs.iter().next().map(|(key, _)| key),
            _ => None,
        };
        let is_refused = self.refused.get(&number) == Some(&shard);
        if let Some(owner) = first.map(owner).filter(|owner| *owner != shard || is_refused) {
            self.refused.insert(number, shard);
            return (Status::WrongShard, wrong_shard(u16::try_from(owner).unwrap()).to_vec());
        }
        match request {
            Request::Key(request) => self.on_key(&request).unwrap_or_else(|status| (status, Vec::new())),
            Request::MultiGet(keys) => (Status::Ok, self.values(keys.iter())),
            Request::MultiPut { pairs, if_absent } => {
                if if_absent && pairs.iter().any(|(key, _)| self.store.contains_key(key)) {
                    return (Status::ConditionFailed, Vec::new());
                }
                for (key, value) in pairs.iter() {
                    self.put(key, value.to_vec());
                }
                (Status::Ok, Vec::new())
            }
            Request::Scan { cursor, keys_max, .. } => (Status::Ok, self.scan(shard, cursor, keys_max)),
            Request::Map => {
                let mut body = Vec::new();
                self.map.encode(&mut body);
                (Status::Ok, body)
            }
            Request::Steering => (Status::Ok, self.steering.clone().unwrap_or_default()),
            Request::Stats => (Status::Ok, format!("shard {shard}\n").into_bytes()),
            _ => (Status::Ok, Vec::new()),
        }
    }

    fn values<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut body = Vec::new();
        for key in keys {
            match self.store.get(key) {
                Some((_, value)) => {
                    body.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
                    body.extend_from_slice(value);
                }
                None => body.extend_from_slice(&ABSENT.to_le_bytes()),
            }
        }
        body
    }

    fn scan(&self, shard: usize, cursor: u64, keys_max: u32) -> Vec<u8> {
        let mine = |key: &&Vec<u8>| usize::from(self.map.owner(key)) == shard;
        let start = usize::try_from(cursor).unwrap();
        let keys: Vec<_> = self.store.keys().filter(mine).skip(start).take(keys_max as usize + 1).collect();
        let is_more = keys.len() > keys_max as usize;
        let mut body = if is_more { cursor + u64::from(keys_max) } else { 0 }.to_le_bytes().to_vec();
        for key in keys.iter().take(keys_max as usize) {
            body.extend_from_slice(&u32::try_from(key.len()).unwrap().to_le_bytes());
            body.extend_from_slice(key);
        }
        body
    }

    fn put(&mut self, key: &[u8], value: Vec<u8>) -> u64 {
        self.last_version += 1;
        self.store.insert(key.to_vec(), (self.last_version, value));
        self.last_version
    }

    fn on_key(&mut self, request: &KeyRequest<'_>) -> Result<(Status, Vec<u8>), Status> {
        let key = request.key;
        let old = self.store.get(key).cloned();
        let body = match request.action {
            Action::Get | Action::Take => {
                let (version, value) = old.ok_or(Status::NotFound)?;
                if request.action == Action::Take {
                    self.store.remove(key);
                }
                [&ValueHead { version, expiry_ms: None }.encode()[..], &value].concat()
            }
            Action::Put { condition, value, .. } => {
                let version = old.map_or(0, |(version, _)| version);
                let holds = match condition {
                    Condition::Always => true,
                    Condition::IfAbsent => version == 0,
                    Condition::IfPresent => version > 0,
                    Condition::IfVersion(expected) => version == expected,
                };
                if !holds {
                    return Ok((Status::ConditionFailed, version.to_le_bytes().to_vec()));
                }
                self.put(key, value.to_vec()).to_le_bytes().to_vec()
            }
            Action::Delete => self.store.remove(key).map(|_| Vec::new()).ok_or(Status::NotFound)?,
            Action::Touch(_) => old.map(|_| Vec::new()).ok_or(Status::NotFound)?,
            Action::Add(number) => {
                let text =
                    old.map_or_else(|| "0".into(), |(_, value)| String::from_utf8(value).unwrap_or_default());
                let sum = text.parse::<i64>().map_err(|_| Status::NotAnInteger)? + number;
                self.put(key, sum.to_string().into_bytes());
                sum.to_le_bytes().to_vec()
            }
            Action::Append(tail) => {
                let mut value = old.map_or_else(Vec::new, |(_, value)| value);
                value.extend_from_slice(tail);
                let len = value.len() as u64;
                self.put(key, value);
                len.to_le_bytes().to_vec()
            }
        };
        Ok((Status::Ok, body))
    }

    /// Up to `credits` segments of an answer, from `offset` on.
    fn replies(&self, header: &Header, answer: &Answer, offset: u32, credits: u16) -> Vec<Vec<u8>> {
        let (opcode, status, body) = answer;
        let stride = usize::from(self.frame_bytes) - HEADER_BYTES;
        let header = Header {
            opcode: *opcode as u8,
            status: *status as u8,
            credits: 0,
            total_bytes: u32::try_from(body.len()).unwrap(),
            ..*header
        };
        if body.is_empty() {
            return vec![self.frame(header, 0, &[])];
        }
        let starts = (offset as usize..body.len()).step_by(stride).take(usize::from(credits.clamp(1, 64)));
        starts.map(|start| self.frame(header, start, &body[start..body.len().min(start + stride)])).collect()
    }

    /// A whole reply.
    fn reply(&self, header: &Header, status: Status, credits: u16, body: &[u8]) -> Vec<Vec<u8>> {
        let total_bytes = u32::try_from(body.len()).unwrap();
        let header = Header { status: status as u8, credits, total_bytes, ..*header };
        vec![self.frame(header, 0, body)]
    }

    fn frame(&self, header: Header, offset: usize, segment: &[u8]) -> Vec<u8> {
        let mut frame = [&[0; HEADER_BYTES], segment].concat();
        let offset = u32::try_from(offset).unwrap();
        Header { is_reply: true, map_epoch: self.map.epoch, offset, ..header }.seal(&mut frame);
        frame
    }
}

const COOKIE_NS: u64 = 10_000_000_000;
