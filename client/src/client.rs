//! A client over sockets. Each call either blocks until it is answered, or is submitted, and polled for together with
//! others.

mod pipeline;
mod swap;
mod values;

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use adit_drivers::kernel::Offload;
use adit_wire::kv::BucketId;
use adit_wire::native::map::Map;
use adit_wire::native::request::{Condition, NewExpiry};

use crate::answer::{Answer, Completion, Items, Ticket, Value};
use crate::core::{Core, CoreConfig, Counters, Refused};
use crate::error::{Caller, Error, State, Unreachable};
use crate::operation::{KeyAction, Keys, Operation, Pairs, Payload};
use crate::sockets::Sockets;
pub use pipeline::Pipeline;
pub use swap::Swap;
pub use values::{ValueReader, ValueWriter};

/// What a client is to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// The protocol: where the server is, who asks, how much at a time.
    pub core: CoreConfig,
    /// How long an operation may take, opening a session too.
    pub deadline: Duration,
    /// The offloads of UDP that are used where the kernel has them.
    pub offload: Offload,
    /// Waits by looking again and again instead of sleeping: a few microseconds faster, for a whole processor.
    pub busy_poll: bool,
    /// A port that the client drives itself, past the kernel, as `adit serve --port` takes one; for UDP, with the feature
    /// `dpdk`, and for one client in the life of a process. By shared memory (memif) it has a queue for each shard:
    /// `dpdk:vdev=net_memif0,role=client,socket=/run/adit/memif.sock,ip=10.0.0.3/24,queues=2`.
    pub port: Option<String>,
}

/// When a value is written, and when it expires.
#[derive(Clone, Copy, Debug, Default)]
pub struct PutOptions {
    /// When it is written.
    pub condition: Condition,
    /// Its expiry.
    pub expiry: NewExpiry,
}

/// A client of one server. One thread uses it at a time; it may move to another between calls.
pub struct Client {
    core: Core,
    sockets: Sockets,
    /// Time is counted from here.
    begun: Instant,
    config: Config,
    /// Completions that came while another operation was waited for.
    backlog: VecDeque<Completion>,
}

/// The keys of a bucket, shard by shard.
pub struct Scan<'a> {
    client: &'a mut Client,
    bucket: BucketId,
    shard: u16,
    cursor: u64,
    keys: VecDeque<Vec<u8>>,
    is_done: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            core: CoreConfig::default(),
            deadline: Duration::from_secs(5),
            offload: Offload::default(),
            busy_poll: false,
            port: None,
        }
    }
}

impl Config {
    /// A client of the server at this address, over UDP, without a password.
    pub fn at(address: SocketAddr) -> Self {
        Self { core: CoreConfig { address, ..CoreConfig::default() }, ..Self::default() }
    }

    /// The port that the environment variable `ADIT_PORT` names, if it does: for programs that let their users choose one, as
    /// those in C and Python do. Nothing here reads it by itself.
    pub fn port_of_environment() -> Option<String> {
        std::env::var("ADIT_PORT").ok().filter(|port| !port.is_empty())
    }
}

impl Client {
    /// Opens a session, and asks for the map. Blocks for the deadline at most, and for what it takes to open a port (0.3 s).
    ///
    /// # Errors
    /// [`Error::Unreachable`] if nobody answers, [`Error::Caller`] if the server refuses.
    pub fn connect(mut config: Config) -> Result<Self, Error> {
        let sockets = Sockets::new(&config.core, config.offload, config.port.as_deref(), draw_seed()?)?;
        if let Some(bytes) = sockets.datagram_bytes_max() {
            config.core.frame_bytes = config.core.frame_bytes.min(u16::try_from(bytes).unwrap_or(u16::MAX));
        }
        let mut core = Core::new(config.core.clone(), draw_seed()?)?;
        if sockets.chooses_ports() {
            core.choose_ports();
        }
        let mut client = Self { core, sockets, begun: Instant::now(), config, backlog: VecDeque::new() };
        let until_ns = client.deadline_ns();
        while client.core.map().is_none() || client.core.wants_steering() {
            if let Some(error) = client.core.refused() {
                return Err(error);
            }
            if !client.turn(until_ns) {
                return Err(Error::Unreachable(Unreachable::Deadline));
            }
        }
        let addresses = client.core.map().map_or(&[][..], |map| &map.addresses);
        client.sockets.set_shards(addresses)?;
        Ok(client)
    }

    /// Begins an operation, which completes within the deadline. It is sent by the next [`Client::poll`].
    ///
    /// # Errors
    /// [`Caller::Full`] if as many are under way, or wait to be polled, as the window allows; else why it can never be
    /// begun. The operation comes back.
    pub fn submit(&mut self, operation: Operation) -> Result<Ticket, Refused> {
        if self.backlog.len() >= usize::from(self.config.core.window) {
            return Err(Refused { error: Error::Caller(Caller::Full), operation });
        }
        self.core.submit(operation, self.deadline_ns())
    }

    /// As [`Client::submit`], for what was asked for a while ago: the deadline counts from then.
    #[cfg(feature = "tokio")]
    pub(crate) fn submit_since(&mut self, operation: Operation, asked: Instant) -> Result<Ticket, Refused> {
        let asked_ns = nanoseconds(asked.saturating_duration_since(self.begun));
        self.core.submit(operation, asked_ns.saturating_add(nanoseconds(self.config.deadline)))
    }

    /// Sends what was submitted, and waits until something is complete, or for `timeout`. Appends what is complete, and
    /// says how many that were.
    pub fn poll(&mut self, timeout: Duration, completions: &mut Vec<Completion>) -> usize {
        let until_ns = self.now_ns().saturating_add(nanoseconds(timeout));
        let before = completions.len();
        loop {
            completions.extend(self.backlog.drain(..));
            completions.extend(std::iter::from_fn(|| self.core.next_completion()));
            let is_idle = completions.len() == before;
            let goes_on = self.turn(if is_idle { until_ns } else { 0 });
            completions.extend(std::iter::from_fn(|| self.core.next_completion()));
            if completions.len() > before || !goes_on {
                return completions.len() - before;
            }
        }
    }

    /// Sends and receives without waiting, and appends what is complete. Says whether something has come: else all that the
    /// kernel had was taken.
    #[cfg(feature = "tokio")]
    pub(crate) fn step(&mut self, completions: &mut Vec<Completion>) -> bool {
        let now_ns = self.now_ns();
        self.transmit(now_ns);
        let has_come = self.sockets.receive(&mut self.core, now_ns);
        if has_come {
            self.steer();
            self.sockets.transmit(&mut self.core, now_ns);
        }
        completions.extend(self.backlog.drain(..));
        completions.extend(std::iter::from_fn(|| self.core.next_completion()));
        has_come
    }

    /// One descriptor for the caller's own poll for input (it does not change while the client lives): when it is readable,
    /// or [`Client::next_event`] has passed, it is time for [`Client::poll`] with a time-out of 0.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.sockets.fd()
    }

    /// How long nothing has to be done, if [`Client::fd`] does not become readable before; `None` is for ever. It holds
    /// until something else is called.
    pub fn next_event(&self) -> Option<Duration> {
        if !self.backlog.is_empty() || self.core.has_completion() {
            return Some(Duration::ZERO);
        }
        let now_ns = self.now_ns();
        let retry_ns = self.sockets.retry_ns().map(|retry_ns| now_ns.saturating_add(retry_ns));
        let due_ns = [self.due_ns(now_ns), retry_ns].into_iter().flatten().min()?;
        Some(Duration::from_nanos(due_ns.saturating_sub(now_ns)))
    }

    /// The value of a key.
    ///
    /// # Errors
    /// See [`Error`]; so for all operations below.
    pub fn get(&mut self, bucket: BucketId, key: &[u8]) -> Result<Option<Value>, Error> {
        self.value(bucket, key, KeyAction::Get)
    }

    /// Reads the value of a key and removes it.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn take(&mut self, bucket: BucketId, key: &[u8]) -> Result<Option<Value>, Error> {
        self.value(bucket, key, KeyAction::Take)
    }

    /// Writes the value of a key. Gives its version.
    ///
    /// # Errors
    /// [`State::ConditionFailed`] with the version that the key has; else as [`Client::get`].
    pub fn put(
        &mut self,
        bucket: BucketId,
        key: &[u8],
        value: impl Into<Payload>,
        options: PutOptions,
    ) -> Result<u64, Error> {
        let PutOptions { condition, expiry } = options;
        let action = KeyAction::Put { condition, expiry, value: value.into() };
        match self.execute(Operation::on_key(bucket, key, action))? {
            Answer::Version(version) => Ok(version),
            other => unreachable!("a put answers {other:?}"),
        }
    }

    /// Removes a key. Says whether it was there.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn delete(&mut self, bucket: BucketId, key: &[u8]) -> Result<bool, Error> {
        found(self.execute(Operation::on_key(bucket, key, KeyAction::Delete))).map(|done| done.is_some())
    }

    /// Adds to the decimal number that the value is, 0 without the key. Gives the sum.
    ///
    /// # Errors
    /// [`State::NotAnInteger`], [`State::Overflow`]; else as [`Client::get`].
    pub fn add(&mut self, bucket: BucketId, key: &[u8], number: i64) -> Result<i64, Error> {
        match self.execute(Operation::on_key(bucket, key, KeyAction::Add(number)))? {
            Answer::Sum(sum) => Ok(sum),
            other => unreachable!("an add answers {other:?}"),
        }
    }

    /// Adds bytes at the end of a value. Gives its new length.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn append(&mut self, bucket: BucketId, key: &[u8], tail: impl Into<Payload>) -> Result<u64, Error> {
        match self.execute(Operation::on_key(bucket, key, KeyAction::Append(tail.into())))? {
            Answer::Length(len_bytes) => Ok(len_bytes),
            other => unreachable!("an append answers {other:?}"),
        }
    }

    /// Lets a key expire after so many milliseconds, never with 0. Says whether it was there.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn touch(&mut self, bucket: BucketId, key: &[u8], ttl_ms: u64) -> Result<bool, Error> {
        found(self.execute(Operation::on_key(bucket, key, KeyAction::Touch(ttl_ms))))
            .map(|done| done.is_some())
    }

    /// The values of keys at one moment, in their order.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn multi_get(&mut self, bucket: BucketId, keys: Keys) -> Result<Items, Error> {
        match self.execute(Operation::MultiGet { bucket, keys })? {
            Answer::Values(values) => Ok(values),
            other => unreachable!("a multi-get answers {other:?}"),
        }
    }

    /// Writes values at one moment; nothing if `if_absent` and any of the keys exists.
    ///
    /// # Errors
    /// [`State::ConditionFailed`]; else as [`Client::get`].
    pub fn multi_put(&mut self, bucket: BucketId, pairs: Pairs, if_absent: bool) -> Result<(), Error> {
        self.execute(Operation::MultiPut { bucket, pairs, if_absent }).map(drop)
    }

    /// The keys of a bucket: at least those that exist from the first call to the last, some perhaps twice.
    pub fn scan(&mut self, bucket: BucketId) -> Scan<'_> {
        Scan { client: self, bucket, shard: 0, cursor: 0, keys: VecDeque::new(), is_done: false }
    }

    /// The counters of a shard: lines of name, space, number.
    ///
    /// # Errors
    /// [`Caller::NoSuchShard`]; else as [`Client::get`].
    pub fn stats(&mut self, shard: u16) -> Result<String, Error> {
        match self.execute(Operation::Stats { shard })? {
            Answer::Stats(lines) => Ok(lines),
            other => unreachable!("stats answer {other:?}"),
        }
    }

    /// The map as it was heard last.
    pub fn map(&self) -> Option<&Map> {
        self.core.map()
    }

    /// Number of shards.
    pub fn shard_count(&self) -> usize {
        self.core.map().map_or(0, |map| map.addresses.len())
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.core.counters()
    }

    /// Ends the session on all shards; waits for them for a second at most. What is not complete is dropped. A client
    /// that is dropped without it leaves a session that the shards forget after its time.
    pub fn close(mut self) {
        self.core.close();
        let until_ns = self.now_ns() + CLOSE_NS_MAX;
        while !self.core.is_closed() && self.turn(until_ns) {}
    }

    /// Does an operation and waits for its answer.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn execute(&mut self, operation: Operation) -> Result<Answer, Error> {
        let ticket = self.begin(operation, Core::submit)?;
        loop {
            while let Some(completion) = self.core.next_completion() {
                if completion.ticket == ticket {
                    return completion.result;
                }
                self.backlog.push_back(completion);
            }
            self.turn(u64::MAX);
        }
    }

    /// Begins something. Waits for room in the window: until the deadline, since values in pieces may fill it for long.
    fn begin<T>(
        &mut self,
        mut operation: Operation,
        mut begin: impl FnMut(&mut Core, Operation, u64) -> Result<T, Refused>,
    ) -> Result<T, Error> {
        let until_ns = self.deadline_ns();
        loop {
            self.make_room();
            let deadline_ns = self.deadline_ns();
            match begin(&mut self.core, operation, deadline_ns) {
                Ok(begun) => return Ok(begun),
                Err(Refused { error: Error::Caller(Caller::Full), operation: again })
                    if self.now_ns() < until_ns =>
                {
                    operation = again;
                }
                Err(refused) => return Err(refused.error),
            }
            self.turn(until_ns);
        }
    }

    /// What is complete and was not polled for makes no room by itself.
    fn make_room(&mut self) {
        self.backlog.extend(std::iter::from_fn(|| self.core.next_completion()));
    }

    fn value(&mut self, bucket: BucketId, key: &[u8], action: KeyAction) -> Result<Option<Value>, Error> {
        match found(self.execute(Operation::on_key(bucket, key, action)))? {
            Some(Answer::Value(value)) => Ok(Some(value)),
            None => Ok(None),
            Some(other) => unreachable!("a get answers {other:?}"),
        }
    }

    /// Sends, sleeps until something comes or is complete, the core has something to do or it is `until_ns`, receives, and
    /// sends what that calls for. Says whether it is before `until_ns`.
    fn turn(&mut self, until_ns: u64) -> bool {
        let now_ns = self.now_ns();
        self.transmit(now_ns);
        let due_ns = self.due_ns(now_ns).unwrap_or(u64::MAX).min(until_ns);
        if due_ns > now_ns && !self.config.busy_poll && !self.core.has_completion() {
            self.sockets.wait(due_ns - now_ns);
        }
        let now_ns = self.now_ns();
        if self.sockets.receive(&mut self.core, now_ns) {
            self.steer();
            self.sockets.transmit(&mut self.core, now_ns);
        }
        now_ns < until_ns
    }

    /// Once it is known how the server's device spreads datagrams, sends them from ports that lead to their shards.
    #[inline]
    fn steer(&mut self) {
        if let Some(rss) = self.core.next_steering() {
            let moved = self.sockets.steer(&rss, &self.core.shard_addresses());
            moved.into_iter().for_each(|shard| self.core.moved(shard));
        }
    }

    /// Sends what is due. What came while the caller did something else is in time: it is taken before a deadline passes.
    fn transmit(&mut self, now_ns: u64) {
        if self.core.next_deadline_ns().is_some_and(|deadline_ns| deadline_ns <= now_ns) {
            self.sockets.receive(&mut self.core, now_ns);
        }
        self.sockets.transmit(&mut self.core, now_ns);
    }

    /// When the core has something to do, whatever comes.
    fn due_ns(&self, now_ns: u64) -> Option<u64> {
        if self.sockets.is_blocked() {
            self.core.next_event_unsent_ns(now_ns)
        } else {
            self.core.next_event_ns()
        }
    }

    fn now_ns(&self) -> u64 {
        nanoseconds(self.begun.elapsed())
    }

    fn deadline_ns(&self) -> u64 {
        self.now_ns().saturating_add(nanoseconds(self.config.deadline))
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<Vec<u8>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(key) = self.keys.pop_front() {
                return Some(Ok(key));
            }
            if self.is_done || usize::from(self.shard) >= self.client.shard_count() {
                return None;
            }
            if let Err(error) = self.fetch() {
                self.is_done = true;
                return Some(Err(error));
            }
        }
    }
}

impl Scan<'_> {
    fn fetch(&mut self) -> Result<(), Error> {
        let Self { bucket, shard, cursor, .. } = *self;
        let operation = Operation::Scan { shard, bucket, keys_max: SCAN_KEYS, cursor };
        let Answer::Keys { cursor, keys } = self.client.execute(operation)? else {
            unreachable!("a scan answers keys")
        };
        self.keys.extend(keys.iter().flatten().map(<[u8]>::to_vec));
        self.cursor = cursor;
        self.shard += u16::from(cursor == 0);
        Ok(())
    }
}

/// A key that does not exist is no failure here.
pub(crate) fn found(result: Result<Answer, Error>) -> Result<Option<Answer>, Error> {
    match result {
        Err(Error::State(State::NotFound)) => Ok(None),
        other => other.map(Some),
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Random numbers of the kernel, which nobody guesses.
fn draw_seed() -> Result<u64, Error> {
    let mut seed = [0; 8];
    let drawn = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut seed));
    let number =
        |error: std::io::Error| Error::Unreachable(Unreachable::Socket(error.raw_os_error().unwrap_or(0)));
    drawn.map_err(number).map(|()| u64::from_le_bytes(seed))
}

/// How long shards are told that the session ends.
const CLOSE_NS_MAX: u64 = 1_000_000_000;
/// Keys that a scan asks for at a time.
const SCAN_KEYS: u32 = 256;

#[cfg(test)]
pub(crate) mod tests;
