//! A connection: what it has sent, what it is owed, and what it has said about itself.

use adit_drivers::chunk::ChunkPool;
use adit_drivers::outbox::{Outbox, Pinned};
use adit_drivers::streams::ConnectionId;
use adit_store::kv::ChainSlice;
use adit_wire::kv::BucketId;
use adit_wire::resp::Version;
use adit_wire::resp::reply::{self, HEADER_BYTES_MAX, Sink, header_bytes};

use crate::calls::CommandId;
use crate::engine::Outcome;
use crate::inflight::Owed;
use crate::intake::Intake;
use crate::message::Reply;
use crate::settings::PIPELINED_TRANSACTIONS_MAX;
use crate::silence::Silence;
use crate::stats::ErrorCode;
use crate::tour::Tour;
use crate::transaction::Watch;
use crate::transaction::encoded::Encoded;
use crate::transaction::order::Waiting;
use crate::transaction::program::Program;
use crate::walk::Walk;

/// One connection of a shard.
pub struct Connection {
    /// The driver's name for it.
    pub id: ConnectionId,
    /// What was received and not executed.
    pub intake: Intake,
    /// Where replies are encoded to: what is to be sent, but see `aside`.
    pub outbox: Outbox,
    /// What is to be sent, while what is encoded is dropped.
    pub aside: Option<Box<Outbox>>,
    /// Which replies are dropped.
    pub silence: Silence,
    /// Replies that wait for other shards, oldest first.
    pub owed: Owed,
    /// What the client said about itself.
    pub session: Session,
    /// A walk through the keys that is under way.
    pub walk: Option<Box<Walk>>,
    /// The transactions whose replies it waits for.
    pub transactions: Waiting,
    /// Replies that wait for room in the outbox.
    pub result: Option<Box<Encoded>>,
    /// A tour through all shards that is under way.
    pub tour: Option<Box<Tour>>,
    /// Its request is answered at this time; 0 if it does not sleep.
    pub sleeps_until_ns: u64,
    /// It is in one of the shard's lists of connections with requests to execute.
    pub scheduled: bool,
    /// Its next request is tried in the next turn: one send for the replies of both.
    pub goes_on: bool,
    /// It is in the shard's list of connections with something to send.
    pub dirty: bool,
    /// The driver does not read from it.
    pub paused: bool,
    /// Its peer takes no bytes.
    pub blocked: bool,
    /// Its next request waits until the outbox is smaller.
    pub waits_for_output: bool,
    /// Its peer sends no more.
    pub ended: bool,
    /// It is closed when everything is sent; nothing more is executed.
    pub closing: bool,
    /// When bytes last moved.
    pub moved_ns: u64,
    /// Since when more waits to be sent than the soft limit; 0 if it does not.
    pub over_soft_since_ns: u64,
    /// Bytes that it takes on the heap, as last counted by [`Heap`].
    pub heap_bytes: usize,
}

/// What the connections of a shard take on the heap: unfinished requests and the keys that walks have found.
pub struct Heap {
    used_bytes: usize,
    limit_bytes: usize,
}

impl Heap {
    /// At most `limit_bytes` may be used.
    pub fn new(limit_bytes: u64) -> Self {
        Self { used_bytes: 0, limit_bytes: usize::try_from(limit_bytes).unwrap_or(usize::MAX) }
    }

    /// Bytes that `connection` may use, those that it uses included.
    #[inline]
    pub fn room_for(&self, connection: &Connection) -> usize {
        (self.limit_bytes + connection.heap_bytes).saturating_sub(self.used_bytes)
    }

    /// Bytes that a walk of `connection` may use: half of the heap is kept for requests.
    pub fn room_for_walk(&self, connection: &Connection) -> usize {
        self.room_for(connection).saturating_sub(self.limit_bytes / 2)
    }

    /// Counts what a connection uses now.
    #[inline]
    pub fn count(&mut self, connection: &mut Connection) {
        let now_bytes = connection.intake.heap_bytes()
            + connection.walk.as_ref().map_or(0, |walk| walk.heap_bytes())
            + connection.result.as_ref().map_or(0, |result| result.heap_bytes())
            + connection.tour.as_ref().map_or(0, |tour| tour.heap_bytes())
            + connection.session.heap_bytes;
        self.used_bytes = self.used_bytes - connection.heap_bytes + now_bytes;
        connection.heap_bytes = now_bytes;
    }

    /// Counts what a transaction uses now, and gives the room that is left for its replies: half of the heap is kept
    /// for requests.
    pub fn recharge(&mut self, counted_bytes: &mut usize, now_bytes: usize) -> usize {
        self.used_bytes = self.used_bytes - *counted_bytes + now_bytes;
        *counted_bytes = now_bytes;
        self.room_for_result(0)
    }

    /// Bytes that a transaction may use which uses `counted_bytes`, these included.
    pub fn room_for_result(&self, counted_bytes: usize) -> usize {
        (self.limit_bytes / 2 + counted_bytes).saturating_sub(self.used_bytes)
    }

    /// Forgets what a connection used that is closed.
    pub fn forget(&mut self, connection: &Connection) {
        self.used_bytes -= connection.heap_bytes;
    }

    /// Bytes in use.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes
    }
}

/// What a client said about itself.
pub struct Session {
    /// A number that no other connection of the process has.
    pub client_id: u64,
    /// The bucket that its keys are in.
    pub bucket: BucketId,
    /// The protocol that it wants to be answered in.
    pub version: Version,
    /// It may do everything.
    pub authenticated: bool,
    /// The name it gave itself.
    pub name: Vec<u8>,
    /// The library that it uses, and the version of that.
    pub library: (Vec<u8>, Vec<u8>),
    /// It asked not to be closed to free memory. No setting closes connections for that: the buffers that are kept
    /// free for others are.
    pub no_evict: bool,
    /// It asked that its look-ups do not count as uses of a key.
    pub no_touch: bool,
    /// The command that it gave last.
    pub last: CommandId,
    /// When it connected.
    pub opened_ns: u64,
    /// What came since MULTI.
    pub queue: Option<Box<Queue>>,
    /// Keys that EXEC compares first.
    pub watched: Vec<Watch>,
    /// Bytes that these two take on the heap.
    pub heap_bytes: usize,
}

/// The commands between MULTI and EXEC.
#[derive(Default)]
pub struct Queue {
    /// The commands.
    pub program: Program,
    /// One was refused: EXEC will be.
    pub broken: bool,
    /// One of them may take memory.
    pub takes_memory: bool,
}

impl Session {
    /// Adds watched keys, with the versions that they have.
    pub fn watch(&mut self, keys: Vec<Watch>, versions: &[i64]) {
        let keys = keys.into_iter().zip(versions).map(|(watch, &version)| Watch { version, ..watch });
        self.watched.extend(keys);
        self.count_heap();
    }

    /// Forgets the queue and the watched keys; gives back the commands.
    pub fn leave_multi(&mut self) -> Option<Box<Queue>> {
        self.watched = Vec::new();
        self.heap_bytes = 0;
        self.queue.take()
    }

    /// Counts the bytes of queue and watched keys.
    pub fn count_heap(&mut self) {
        let watched: usize = self.watched.iter().map(|watch| watch.key.len() + size_of::<Watch>()).sum();
        self.heap_bytes = watched + self.queue.as_ref().map_or(0, |queue| queue.program.heap_bytes());
    }
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(id: ConnectionId, client_id: u64, authenticated: bool, now_ns: u64) -> Self {
        let session = Session {
            client_id,
            bucket: BucketId(0),
            version: Version::default(),
            authenticated,
            name: Vec::new(),
            library: (Vec::new(), Vec::new()),
            no_evict: false,
            no_touch: false,
            last: CommandId::UNKNOWN,
            opened_ns: now_ns,
            queue: None,
            watched: Vec::new(),
            heap_bytes: 0,
        };
        Self {
            id,
            intake: Intake::default(),
            outbox: Outbox::default(),
            aside: None,
            silence: Silence::None,
            owed: Owed::default(),
            session,
            walk: None,
            transactions: Waiting::default(),
            result: None,
            tour: None,
            sleeps_until_ns: 0,
            scheduled: false,
            goes_on: false,
            dirty: false,
            paused: false,
            blocked: false,
            waits_for_output: false,
            ended: false,
            closing: false,
            moved_ns: now_ns,
            over_soft_since_ns: 0,
            heap_bytes: 0,
        }
    }

    /// Where its replies are encoded to.
    #[inline]
    pub fn writer<'a>(&'a mut self, pool: &'a mut ChunkPool) -> Writer<'a> {
        Writer::new(&mut self.outbox, pool, self.session.version)
    }

    /// Whether its next request may begin as a transaction before the last one has ended.
    pub fn may_follow(&self) -> bool {
        self.transactions.may_follow
            && self.transactions.count < PIPELINED_TRANSACTIONS_MAX
            && self.silence == Silence::None
            && self.result.is_none()
    }

    /// Whether a request is being executed, waits for it, or for its answer.
    pub fn is_busy(&self) -> bool {
        self.has_request() || !self.owed.is_empty()
    }

    /// Whether a request is being executed or waits for it.
    fn has_request(&self) -> bool {
        self.scheduled
            || self.waits_for_output
            || self.walk.is_some()
            || self.transactions.count > 0
            || self.result.is_some()
            || self.sleeps_until_ns > 0
    }

    /// Whether nothing is left to do for a peer that sends no more.
    pub fn is_done(&self) -> bool {
        (self.ended || self.closing)
            && self.outbox.is_empty()
            && self.owed.is_empty()
            && (self.closing || !self.has_request())
    }
}

/// Where whole replies are encoded to.
pub trait ReplySink: Sink {
    /// The protocol of the replies.
    fn version(&self) -> Version;

    /// Changes the protocol of what follows.
    fn set_version(&mut self, version: Version);

    /// Appends a value or a part of one without copying it.
    fn pin(&mut self, value: ChainSlice);

    /// Encodes a bulk string whose bytes are sent from where they lie.
    fn pinned_bulk(&mut self, value: ChainSlice)
    where
        Self: Sized,
    {
        reply::header(self, b'$', value.len_bytes());
        self.pin(value);
        self.write(b"\r\n");
    }

    /// Encodes an outcome.
    #[inline]
    fn outcome(&mut self, outcome: Outcome<'_>)
    where
        Self: Sized,
    {
        match outcome {
            Outcome::Bytes(bytes) => self.write_bulk(bytes),
            Outcome::Reply(reply) => self.reply(reply),
        }
    }

    /// Encodes a reply that owns its bytes.
    fn reply(&mut self, reply: Reply)
    where
        Self: Sized,
    {
        write_reply(self, reply);
    }
}

/// Encodes a reply in RESP.
#[inline]
pub fn write_reply(sink: &mut impl ReplySink, reply: Reply) {
    match reply {
        Reply::Done => reply::ok(sink),
        Reply::Nil => reply::null(sink, sink.version()),
        Reply::Name(name) => reply::simple(sink, name),
        Reply::Line(line) => reply::simple(sink, &line),
        Reply::Text(text) => reply::bulk(sink, text.as_bytes()),
        Reply::Integer(number) => reply::integer(sink, number),
        Reply::Bytes(bytes) => sink.write_bulk(bytes.as_slice()),
        Reply::Chain(chain) => sink.pinned_bulk(chain.into()),
        Reply::Slice(slice) => sink.pinned_bulk(*slice),
        Reply::Array(count) => reply::array(sink, count as usize),
        Reply::Failed(status) => reply::status(sink, status),
        Reply::Keys(_) | Reply::Record(_) | Reply::Step(_) | Reply::Part(_) | Reply::Conflict(_) => {
            unreachable!("walks, rounds, transactions and native sessions take these themselves")
        }
    }
}

/// Encodes replies into an outbox.
pub struct Writer<'a> {
    outbox: &'a mut Outbox,
    pool: &'a mut ChunkPool,
    /// The protocol of the replies.
    pub version: Version,
    /// The code of the last error that was encoded.
    pub error: Option<ErrorCode>,
}

impl<'a> Writer<'a> {
    /// Encodes into `outbox`, with chunks of `pool`.
    #[inline]
    pub fn new(outbox: &'a mut Outbox, pool: &'a mut ChunkPool, version: Version) -> Self {
        Self { outbox, pool, version, error: None }
    }
}

impl ReplySink for Writer<'_> {
    fn version(&self) -> Version {
        self.version
    }

    fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    fn pin(&mut self, value: ChainSlice) {
        let (start_bytes, len_bytes) = (value.start_bytes(), value.len_bytes());
        self.outbox.pin(Pinned::slice(value.into_blocks(), start_bytes, len_bytes));
    }
}

impl Sink for Writer<'_> {
    #[cold]
    fn note_error(&mut self, text: &str) {
        self.error = Some(ErrorCode::of(text));
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.outbox.write(self.pool, bytes);
    }

    #[inline]
    fn write_bulk(&mut self, value: &[u8]) {
        let (header, header_len) = header_bytes(b'$', value.len() as u64);
        if value.len() > BULK_IN_ONE_PIECE_BYTES {
            self.write(&header[..header_len]);
            self.write(value);
            return self.write(b"\r\n");
        }
        let len = header_len + value.len() + 2;
        // The header is copied whole, whatever its length: a copy of a fixed size is two moves.
        let room = self.outbox.room(self.pool, HEADER_BYTES_MAX + value.len() + 2);
        room[..HEADER_BYTES_MAX].copy_from_slice(&header);
        room[header_len..header_len + value.len()].copy_from_slice(value);
        room[header_len + value.len()..len].copy_from_slice(b"\r\n");
        self.outbox.commit(len);
    }
}

/// Values up to this are encoded in one piece: a chunk has room for many of them.
const BULK_IN_ONE_PIECE_BYTES: usize = 2048;
