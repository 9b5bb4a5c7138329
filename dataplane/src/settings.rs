//! What a shard is told at its start, and the names of its limits.

pub use adit_store::kv::Eviction;
use adit_wire::kv::BUCKET_COUNT;

/// Settings that all shards of a process share. Each shard has its copy; `CONFIG SET` changes all of them.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What `CONFIG SET` changes while the process runs, the password apart.
    pub limits: Limits,
    /// The password of `AUTH`; without one every connection may do everything.
    pub password: Option<Vec<u8>>,
    /// The memory of all shards in bytes, as it was reserved at the start.
    pub memory_bytes: u64,
    /// Connections that the process has file descriptors for.
    pub connections_possible: u64,
    /// Whether `DEBUG` is allowed.
    pub debug_commands: bool,
    /// The TCP port of RESP, 0 without one.
    pub resp_port: u16,
    /// When the process started, on the monotonic clock of the shards.
    pub started_ns: u64,
    /// The process, for `INFO`.
    pub process_id: u32,
    /// What tells this run of the process from others, 40 hexadecimal digits.
    pub run_id: String,
    /// The operating system, for `INFO`.
    pub system: String,
    /// The program and the file of its settings, for `INFO`; empty without one.
    pub files: (String, String),
}

/// Limits that are set for all shards together and may change while they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `maxclients`: connections of all shards together, above which new ones are refused.
    pub connections_max: u64,
    /// `maxmemory`: bytes of the stores of all shards together, above which no write is accepted that could need more;
    /// 0 is all that there is.
    pub memory_bytes_max: u64,
    /// `timeout`: seconds after which a connection is closed that moved no byte; 0 is never.
    pub idle_s: u32,
    /// `client-output-buffer-limit`: of each [`ClientClass`].
    pub output: [OutputLimit; CLIENT_CLASSES],
    /// `client-query-buffer-limit`: bytes of one request, its large argument counted.
    pub request_bytes_max: u64,
    /// `proto-max-bulk-len`: bytes of one argument.
    pub argument_bytes_max: u64,
    /// `maxmemory-policy`: what each bucket may lose when memory is short.
    pub eviction: [Eviction; BUCKET_COUNT as usize],
}

impl Limits {
    /// Whether any bucket may lose keys.
    pub fn evicts(&self) -> bool {
        self.eviction.iter().any(|&eviction| eviction != Eviction::None)
    }
}

/// The classes of connections that have output limits of their own. Today all connections are normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientClass {
    /// It sends requests and reads replies.
    Normal,
    /// It follows this server.
    Replica,
    /// It reads what others publish.
    Subscriber,
}

/// How many bytes may wait to be sent to a connection before it is closed; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Closed at once.
    pub hard_bytes: u64,
    /// Closed if there are more for so long.
    pub soft_bytes: u64,
    /// Seconds.
    pub soft_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let replica = OutputLimit { hard_bytes: 256 << 20, soft_bytes: 64 << 20, soft_s: 60 };
        let subscriber = OutputLimit { hard_bytes: 32 << 20, soft_bytes: 8 << 20, soft_s: 60 };
        Self {
            connections_max: 10_000,
            memory_bytes_max: 0,
            idle_s: 0,
            output: [OutputLimit::default(), replica, subscriber],
            request_bytes_max: 1 << 30,
            argument_bytes_max: adit_wire::kv::VALUE_BYTES_MAX,
            eviction: [Eviction::None; BUCKET_COUNT as usize],
        }
    }
}

/// Number of [`ClientClass`]es.
pub const CLIENT_CLASSES: usize = 3;
/// A session that was silent for so long is forgotten.
pub const SESSION_TTL_NS: u64 = 60_000_000_000;
/// How often a session is looked at.
pub const SESSION_CHECK_NS: u64 = 10_000_000_000;
/// Bytes of long replies that are kept for one session; the last one may go beyond.
pub const SESSION_KEPT_BYTES_MAX: u64 = 64 << 20;
/// Long requests of one session that are not whole.
pub const UPLOADS_MAX: usize = 8;
/// One of them of which nothing comes for so long is dropped.
pub const UPLOAD_SILENCE_NS_MAX: u64 = 60_000_000_000;
/// Native requests of a shard that wait.
pub const NATIVE_WAITING_MAX: usize = 4096;
/// Trains that wait to be transmitted, before frames are dropped.
pub const TX_TRAINS_MAX: usize = 128;
/// Fewest bytes of a block that a datagram ends with where they lie, which is in jumbo frames only: to copy what an ordinary
/// frame holds costs 10 to 40 ns less than a second segment does.
pub const TAIL_BYTES_MIN: usize = 4096;
/// Of more long requests than that, one of which nothing came for so long gives its place to a new one.
pub const UPLOAD_SILENCE_NS_MIN: u64 = 1_000_000_000;
/// How long trains wait that the device does not take.
pub const TRANSMIT_RETRY_NS: u64 = 1_000_000;
/// Smallest `client-query-buffer-limit` and `proto-max-bulk-len`, as in Redis.
pub const REQUEST_LIMIT_BYTES_MIN: u64 = 1 << 20;
/// Places of connections that one step of a `CLIENT LIST` or `CLIENT KILL` looks at.
pub const CLIENTS_PER_STEP: u32 = 128;
/// Requests decoded, prefetched and executed together.
pub const BATCH_REQUESTS_MAX: usize = 64;
/// Requests that one turn executes for its connections; what is left waits for the next turn.
pub const TURN_REQUESTS_MAX: usize = 1024;
/// Asks that one turn executes for each other shard.
pub const TURN_ASKS_MAX: usize = 256;
/// Bytes that one turn receives, at most: a poll's chunks.
pub const TURN_RECEIVED_BYTES_MAX: usize =
    adit_drivers::streams::EVENTS_PER_POLL_MAX * adit_drivers::chunk::CHUNK_BYTES;
/// Bytes that one turn sends, at most; connections that are due wait for the next turn.
pub const TURN_SENT_BYTES_MAX: usize = 4 << 20;
/// Bytes that one turn moves, at most: received, sent, one portion of a value that is written into another, and what is
/// brought home from other shards. A small request waits for as much of a large one, and no more.
pub const TURN_BYTES_MAX: usize = TURN_RECEIVED_BYTES_MAX
    + adit_drivers::port::BURST_MAX * adit_drivers::port::MBUF_BYTES
    // To RESP connections, to native streams, to the port.
    + 3 * TURN_SENT_BYTES_MAX
    + adit_drivers::streams::SEND_BYTES_MAX
    + adit_store::kv::SPLICE_BYTES_MAX
    + adit_store::kv::ADOPTED_BYTES_MAX;
// Else a shard that receives for another would be faster than that one.
const _: () = assert!(adit_store::kv::ADOPTED_BYTES_MAX >= TURN_RECEIVED_BYTES_MAX);
/// Keys of a multi-key command that are executed at once, if this shard has all of them.
pub const KEYS_AT_ONCE_MAX: usize = 256;
/// Transactions of one connection that are under way at a time.
pub const PIPELINED_TRANSACTIONS_MAX: usize = 8;
/// Operations of transactions that one turn executes.
pub const TURN_TRANSACTION_OPERATIONS_MAX: usize = 1024;
/// Operations of one step of a transaction.
pub const STEP_OPERATIONS_MAX: usize = 256;
/// Bytes of the operations of one step, and of their replies.
pub const STEP_BYTES_MAX: usize = 256 << 10;
/// Bytes of a buffer of a transaction that is kept to be used again; a larger one is given back.
pub const KEPT_BUFFER_BYTES: usize = 4 << 10;
/// The same for lists of operations, replies or keys.
pub const KEPT_LIST_LEN: usize = 64;
/// Staged writes that one step makes visible.
pub const STAGED_PER_STEP: usize = 256;
/// Keys that a transaction holds one by one; one of more keys holds whole shards.
pub const TRANSACTION_KEYS_MAX: usize = 1024;
/// Cells of the table of an LCS that are filled at a time.
pub const LCS_CELLS_PER_SLICE: usize = 64 << 10;
/// How often a busy shard shows its counters.
pub const SHOW_INTERVAL_NS: u64 = 100_000;
/// How often a shard that naps shows them.
pub const SHOW_IDLE_NS: u64 = 100_000_000;
/// Index buckets that one step of a walk through the keys visits.
pub const WALK_BUCKETS_PER_STEP: u32 = 256;
/// Bytes of keys above which a step visits no further bucket.
pub const WALK_STEP_BYTES: usize = 64 << 10;
/// Bytes of replies that may wait on a connection before its next request is executed.
pub const OUTPUT_BYTES_SOFT: u64 = 256 << 10;
/// Replies that may be owed to one connection.
pub const OWED_REPLIES_MAX: u32 = 256;
/// In-flight slots of a shard.
pub const INFLIGHT_SLOTS: u32 = 4096;
/// Chunks of one connection that wait to be decoded, before it is paused.
pub const INPUT_CHUNKS_MAX: usize = 2;
/// Bytes of one request, its large argument not counted.
pub const REQUEST_BYTES_MAX: usize = 16 << 20;
/// Bytes of keys that one `KEYS` may answer with.
pub const KEYS_BYTES_MAX: usize = 64 << 20;
/// A connection that takes no bytes, or sends no more of a request it began, is closed after this.
pub const STALL_NS_MAX: u64 = 60_000_000_000;
/// Bytes that may wait to be sent to who has not said the password and reads nothing, as in Redis.
pub const STRANGER_OUTPUT_BYTES_MAX: u64 = 1024;
/// Places of connections that one look for idle ones visits.
pub const IDLE_PLACES_PER_CHECK: u32 = 1024;
/// How soon the next places are visited.
pub const IDLE_CHECK_NS: u64 = 10_000_000;
/// How often all places are visited.
pub const IDLE_ROUND_NS: u64 = 500_000_000;
/// A connection that has not moved for this long may be closed for one that needs its room.
pub const IDLE_NS_MIN: u64 = 1_000_000_000;
/// How often stalled connections are looked for.
pub const STALL_CHECK_NS: u64 = 1_000_000_000;
/// How often keys that have expired are looked for, while any key can expire.
pub const SWEEP_INTERVAL_NS: u64 = 10_000_000;
/// Index buckets that one sweep visits.
pub const SWEEP_BUCKETS_MAX: usize = 128;
/// Keys that one connection may watch.
pub const WATCHED_KEYS_MAX: usize = 1024;
/// Keys of a multi-key command that are fetched from memory together.
pub const KEYS_PER_FETCH: usize = 16;
/// Bytes of a native request whose pairs are written at once: each key and value, with the header, stand in an item of less
/// than 64 KiB.
pub const PUT_AT_ONCE_BYTES_MAX: usize = 60 << 10;
/// Asks of another shard that are fetched from memory together.
pub const ASKS_PER_FETCH: usize = 16;
/// Replies that wait for the rest of their pipeline, which other shards answer, up to this many bytes.
pub const HELD_BYTES_MAX: u64 = 16 << 10;
