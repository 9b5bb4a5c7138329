//! A client for asynchronous programs on Tokio: a task owns a [`Client`], and handles send it operations.

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use adit_wire::kv::BucketId;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot};

use crate::answer::{Answer, Completion, Items, Ticket, Value};
use crate::client::{Client, Config, PutOptions, found};
use crate::error::{Caller, Error, Uncertain, Unreachable};
use crate::operation::{KeyAction, Keys, Operation, Pairs, Payload};

/// A handle of a client. Handles are cloned, and used from any task and thread; when the last one is dropped, the session
/// is closed.
///
/// A future of any method may be dropped: its operation, once begun, is done nevertheless; one that still waits is not. As
/// many operations as the window has are under way, and as many again wait; beyond that the methods wait for room. The
/// deadline counts from the first poll of a method on: what was not begun until then was not done, and ends with
/// [`Unreachable::Deadline`].
#[derive(Clone, Debug)]
pub struct AsyncClient {
    asks: mpsc::Sender<Ask>,
    deadline: Duration,
}

/// Where a scan goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanPlace {
    shard: u16,
    cursor: u64,
}

/// Some keys of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanPage {
    /// The keys, perhaps none.
    pub keys: Vec<Vec<u8>>,
    /// Where to go on; `None` at the end.
    pub next: Option<ScanPlace>,
}

/// An operation, and whom to answer.
#[derive(Debug)]
struct Ask {
    operation: Operation,
    answer: oneshot::Sender<Result<Answer, Error>>,
    /// The deadline counts from here.
    asked: Instant,
}

/// The task that owns the client.
struct Driver {
    client: Client,
    socket: AsyncFd<OwnedFd>,
    asks: mpsc::Receiver<Ask>,
    deadline: Duration,
    /// An ask that found no room.
    held: Option<Ask>,
    /// Those who wait, by ticket, in ascending order.
    waiting: Vec<(Ticket, oneshot::Sender<Result<Answer, Error>>)>,
    completions: Vec<Completion>,
    /// All handles are gone.
    is_left: bool,
}

impl AsyncClient {
    /// Opens a session, and asks for the map, on a thread that may block. The client is driven by a task of the runtime that
    /// this is called in.
    ///
    /// # Errors
    /// As [`Client::connect`]; [`Caller::Closed`] if the runtime ends.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with I/O and time.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        let (window, deadline) = (usize::from(config.core.window.max(1)), config.deadline);
        let connected = tokio::task::spawn_blocking(move || Client::connect(config)).await;
        let client = connected.map_err(|_| Error::Caller(Caller::Closed))??;
        let (asks, receiver) = mpsc::channel(window);
        let driver = Driver::new(client, receiver, deadline)
            .map_err(|error| Error::Unreachable(Unreachable::Socket(error.raw_os_error().unwrap_or(0))))?;
        tokio::spawn(driver.run());
        Ok(Self { asks, deadline })
    }

    /// Does any operation.
    ///
    /// # Errors
    /// See [`Error`]; so for all operations below. If the runtime of the client ended: [`Caller::Closed`], or
    /// [`Uncertain::Closed`] for a write that may have been sent.
    pub async fn execute(&self, operation: Operation) -> Result<Answer, Error> {
        let is_write = operation.opcode().is_write();
        let (answer, answered) = oneshot::channel();
        let ask = Ask { operation, answer, asked: Instant::now() };
        let sent = tokio::time::timeout(self.deadline, self.asks.send(ask)).await;
        sent.map_err(|_| NOT_BEGUN)?.map_err(|_| Error::Caller(Caller::Closed))?;
        let lost = if is_write { Error::Uncertain(Uncertain::Closed) } else { Error::Caller(Caller::Closed) };
        answered.await.unwrap_or(Err(lost))
    }

    /// As [`Client::get`].
    ///
    /// # Errors
    /// As [`AsyncClient::execute`].
    pub async fn get(&self, bucket: BucketId, key: impl Into<Vec<u8>>) -> Result<Option<Value>, Error> {
        self.value(bucket, key.into(), KeyAction::Get).await
    }

    /// As [`Client::take`].
    ///
    /// # Errors
    /// As [`AsyncClient::execute`].
    pub async fn take(&self, bucket: BucketId, key: impl Into<Vec<u8>>) -> Result<Option<Value>, Error> {
        self.value(bucket, key.into(), KeyAction::Take).await
    }

    /// As [`Client::put`].
    ///
    /// # Errors
    /// As [`Client::put`] and [`AsyncClient::execute`].
    pub async fn put(
        &self,
        bucket: BucketId,
        key: impl Into<Vec<u8>>,
        value: impl Into<Payload>,
        options: PutOptions,
    ) -> Result<u64, Error> {
        let PutOptions { condition, expiry } = options;
        let action = KeyAction::Put { condition, expiry, value: value.into() };
        match self.execute(Operation::on_key(bucket, key, action)).await? {
            Answer::Version(version) => Ok(version),
            other => unreachable!("a put answers {other:?}"),
        }
    }

    /// As [`Client::delete`].
    ///
    /// # Errors
    /// As [`AsyncClient::execute`].
    pub async fn delete(&self, bucket: BucketId, key: impl Into<Vec<u8>>) -> Result<bool, Error> {
        let done = self.execute(Operation::on_key(bucket, key, KeyAction::Delete)).await;
        found(done).map(|done| done.is_some())
    }

    /// As [`Client::add`].
    ///
    /// # Errors
    /// As [`Client::add`] and [`AsyncClient::execute`].
    pub async fn add(&self, bucket: BucketId, key: impl Into<Vec<u8>>, number: i64) -> Result<i64, Error> {
        match self.execute(Operation::on_key(bucket, key, KeyAction::Add(number))).await? {
            Answer::Sum(sum) => Ok(sum),
            other => unreachable!("an add answers {other:?}"),
        }
    }

    /// As [`Client::append`].
    ///
    /// # Errors
    /// As [`AsyncClient::execute`].
    pub async fn append(
        &self,
        bucket: BucketId,
        key: impl Into<Vec<u8>>,
        tail: impl Into<Payload>,
    ) -> Result<u64, Error> {
        match self.execute(Operation::on_key(bucket, key, KeyAction::Append(tail.into()))).await? {
            Answer::Length(len_bytes) => Ok(len_bytes),
            other => unreachable!("an append answers {other:?}"),
        }
    }

    /// As [`Client::touch`].
    ///
    /// # Errors
    /// As [`AsyncClient::execute`].
    pub async fn touch(&self, bucket: BucketId, key: impl Into<Vec<u8>>, ttl_ms: u64) -> Result<bool, Error> {
        let done = self.execute(Operation::on_key(bucket, key, KeyAction::Touch(ttl_ms))).await;
        found(done).map(|done| done.is_some())
    }

    /// As [`Client::multi_get`].
    ///
    /// # Errors
    /// As [`AsyncClient::execute`].
    pub async fn multi_get(&self, bucket: BucketId, keys: Keys) -> Result<Items, Error> {
        match self.execute(Operation::MultiGet { bucket, keys }).await? {
            Answer::Values(values) => Ok(values),
            other => unreachable!("a multi-get answers {other:?}"),
        }
    }

    /// As [`Client::multi_put`].
    ///
    /// # Errors
    /// As [`Client::multi_put`] and [`AsyncClient::execute`].
    pub async fn multi_put(&self, bucket: BucketId, pairs: Pairs, if_absent: bool) -> Result<(), Error> {
        self.execute(Operation::MultiPut { bucket, pairs, if_absent }).await.map(drop)
    }

    /// About `keys_max` keys of a bucket, from a place on: [`ScanPlace::default`] at first, then what the last page named.
    ///
    /// # Errors
    /// As [`AsyncClient::execute`].
    pub async fn scan(&self, bucket: BucketId, from: ScanPlace, keys_max: u32) -> Result<ScanPage, Error> {
        let ScanPlace { shard, cursor } = from;
        match self.execute(Operation::Scan { shard, bucket, keys_max, cursor }).await {
            Ok(Answer::Keys { cursor, keys }) => {
                let shard = shard + u16::from(cursor == 0);
                let keys = keys.iter().flatten().map(<[u8]>::to_vec).collect();
                Ok(ScanPage { keys, next: Some(ScanPlace { shard, cursor }) })
            }
            // Behind the last shard.
            Err(Error::Caller(Caller::NoSuchShard)) => Ok(ScanPage { keys: Vec::new(), next: None }),
            Ok(other) => unreachable!("a scan answers {other:?}"),
            Err(error) => Err(error),
        }
    }

    async fn value(&self, bucket: BucketId, key: Vec<u8>, action: KeyAction) -> Result<Option<Value>, Error> {
        match found(self.execute(Operation::on_key(bucket, key, action)).await)? {
            Some(Answer::Value(value)) => Ok(Some(value)),
            None => Ok(None),
            Some(other) => unreachable!("a get answers {other:?}"),
        }
    }
}

impl Driver {
    #[expect(
        deprecated,
        reason = "its successor is unsafe, since a descriptor could be closed meanwhile; this one is owned"
    )]
    fn new(client: Client, asks: mpsc::Receiver<Ask>, deadline: Duration) -> io::Result<Self> {
        let socket = AsyncFd::with_interest(client.fd().try_clone_to_owned()?, Interest::READABLE)?;
        Ok(Self {
            client,
            socket,
            asks,
            deadline,
            held: None,
            waiting: Vec::new(),
            completions: Vec::new(),
            is_left: false,
        })
    }

    async fn run(mut self) {
        while !self.is_left || self.held.is_some() || !self.waiting.is_empty() {
            self.turn();
            match self.client.next_event() {
                Some(Duration::ZERO) => tokio::task::yield_now().await,
                wait => self.wait(wait).await,
            }
        }
        // It waits for the shards; nobody waits for it.
        tokio::task::spawn_blocking(move || self.client.close());
    }

    /// Begins what was asked for, sends, receives, answers.
    fn turn(&mut self) {
        let mut count = 0;
        loop {
            self.begin_held();
            while self.held.is_none()
                && let Ok(ask) = self.asks.try_recv()
            {
                self.held = Some(ask);
                self.begin_held();
            }
            let has_come = self.client.step(&mut self.completions);
            let makes_room = self.held.is_some() && !self.completions.is_empty();
            self.answer();
            count += 1;
            if !(has_come || makes_room) || count == STEPS_MAX {
                return;
            }
        }
    }

    fn begin_held(&mut self) {
        let Some(Ask { operation, answer, asked }) = self.held.take() else { return };
        if answer.is_closed() {
            return;
        }
        if asked.elapsed() >= self.deadline {
            return drop(answer.send(Err(NOT_BEGUN)));
        }
        match self.client.submit_since(operation, asked) {
            Ok(ticket) => self.waiting.push((ticket, answer)),
            Err(refused) if refused.error == Error::Caller(Caller::Full) => {
                self.held = Some(Ask { operation: refused.operation, answer, asked });
            }
            Err(refused) => drop(answer.send(Err(refused.error))),
        }
    }

    fn answer(&mut self) {
        for Completion { ticket, result } in self.completions.drain(..) {
            if let Ok(place) = self.waiting.binary_search_by_key(&ticket, |(ticket, _)| *ticket) {
                // Who has asked may not wait any more.
                let _ = self.waiting.remove(place).1.send(result);
            }
        }
    }

    /// Waits for the socket, an ask that finds room, the deadline of one that does not, or for so long.
    async fn wait(&mut self, wait: Option<Duration>) {
        let left = self.held.as_ref().map(|ask| self.deadline.saturating_sub(ask.asked.elapsed()));
        let wait = [wait, left].into_iter().flatten().min().unwrap_or(LONG);
        let mut sleep = pin!(tokio::time::sleep(wait));
        poll_fn(|context| self.poll(sleep.as_mut(), context)).await;
    }

    fn poll(&mut self, sleep: Pin<&mut tokio::time::Sleep>, context: &mut Context<'_>) -> Poll<()> {
        let mut is_ready = sleep.poll(context).is_ready();
        if let Poll::Ready(Ok(mut guard)) = self.socket.poll_read_ready(context) {
            // Ready until nothing comes any more: what comes after that makes it ready again.
            if !self.client.step(&mut self.completions) {
                guard.clear_ready();
            }
            is_ready = true;
        }
        if self.held.is_none() && !self.is_left {
            match self.asks.poll_recv(context) {
                Poll::Ready(Some(ask)) => (self.held, is_ready) = (Some(ask), true),
                Poll::Ready(None) => (self.is_left, is_ready) = (true, true),
                Poll::Pending => {}
            }
        }
        if is_ready { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Times that something is received before others have their turn.
const STEPS_MAX: usize = 16;
/// The longest sleep: after it the driver looks again.
const LONG: Duration = Duration::from_secs(60);
/// What has found no room until its deadline.
const NOT_BEGUN: Error = Error::Unreachable(Unreachable::Deadline);

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use adit_wire::native::request::Condition;
    use tokio::runtime::{Builder, Runtime};

    use super::*;
    use crate::client::tests::{config, datagram_server, shared_datagram_server, stream_server};
    use crate::core::Transport;
    use crate::error::State;

    const BUCKET: BucketId = BucketId(0);

    /// Handles go to any task and thread.
    const fn assert_handle<T: Clone + Send + Sync>() {}
    const _: () = assert_handle::<AsyncClient>();

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }

    fn each_transport() -> [Config; 2] {
        [config(datagram_server(), Transport::Datagram), config(stream_server(), Transport::Stream)]
    }

    /// Polls what is not answered at once; that hands its operation over.
    async fn poll_once<T>(mut future: Pin<&mut impl Future<Output = T>>) {
        let is_pending = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await;
        assert!(is_pending);
    }

    async fn sum_of_tasks(client: &AsyncClient, tasks: i64, adds: i64) -> i64 {
        let add = |client: AsyncClient| async move {
            for _ in 0..adds {
                client.add(BUCKET, "sum", 1).await.unwrap();
            }
        };
        let tasks: Vec<_> = (0..tasks).map(|_| tokio::spawn(add(client.clone()))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        client.add(BUCKET, "sum", 0).await.unwrap()
    }

    #[test]
    fn every_call_works() {
        for config in each_transport() {
            runtime().block_on(async {
                let client = AsyncClient::connect(config).await.unwrap();
                assert_eq!(client.get(BUCKET, "key").await, Ok(None));
                let version = client.put(BUCKET, "key", "value", PutOptions::default()).await.unwrap();
                let if_absent = PutOptions { condition: Condition::IfAbsent, ..PutOptions::default() };
                let refused = client.put(BUCKET, "key", "other", if_absent).await;
                assert_eq!(refused, Err(Error::State(State::ConditionFailed { version })));
                assert_eq!(client.append(BUCKET, "key", "!").await, Ok(6));
                assert_eq!(client.touch(BUCKET, "key", 0).await, Ok(true));
                assert_eq!(client.take(BUCKET, "key").await.unwrap().unwrap().bytes(), b"value!");
                assert_eq!(client.delete(BUCKET, "key").await, Ok(false));
                let pairs = (0..300).map(|key| (key.to_string(), "v")).collect();
                assert_eq!(client.multi_put(BUCKET, pairs, true).await, Ok(()));
                let values = client.multi_get(BUCKET, ["299", "300"].into_iter().collect()).await.unwrap();
                assert_eq!(values.iter().collect::<Vec<_>>(), [Some(&b"v"[..]), None]);
                let (mut place, mut keys) = (Some(ScanPlace::default()), Vec::new());
                while let Some(from) = place {
                    let page = client.scan(BUCKET, from, 50).await.unwrap();
                    keys.extend(page.keys);
                    place = page.next;
                }
                assert_eq!(keys.len(), 300);
                let long = vec![7; 2_000_000];
                client.put(BUCKET, "long", long.clone(), PutOptions::default()).await.unwrap();
                assert!(client.get(BUCKET, "long").await.unwrap().unwrap().bytes() == long);
            });
        }
    }

    #[test]
    fn many_tasks_share_a_small_window() {
        for mut config in each_transport() {
            config.core.window = 3;
            runtime().block_on(async {
                let client = AsyncClient::connect(config).await.unwrap();
                assert_eq!(sum_of_tasks(&client, 50, 20).await, 1_000);
            });
        }
    }

    #[test]
    fn a_dropped_future_does_not_undo_its_operation() {
        runtime().block_on(async {
            let config = config(datagram_server(), Transport::Datagram);
            let client = AsyncClient::connect(config).await.unwrap();
            {
                let mut add = pin!(client.add(BUCKET, "sum", 5));
                poll_once(add.as_mut()).await;
                // The driver has its turn, and begins it.
                tokio::task::yield_now().await;
            }
            assert_eq!(sum_of_tasks(&client, 1, 1).await, 6);
        });
    }

    #[test]
    fn what_was_dropped_before_it_was_begun_is_not_done() {
        runtime().block_on(async {
            let config = config(datagram_server(), Transport::Datagram);
            let client = AsyncClient::connect(config).await.unwrap();
            poll_once(pin!(client.add(BUCKET, "sum", 5))).await;
            assert_eq!(sum_of_tasks(&client, 1, 1).await, 1);
        });
    }

    #[test]
    fn what_waits_for_room_ends_at_the_deadline() {
        let (address, server) = shared_datagram_server();
        let mut config = config(address, Transport::Datagram);
        (config.core.window, config.deadline) = (1, Duration::from_millis(500));
        let runtime = runtime();
        let client = runtime.block_on(AsyncClient::connect(config)).unwrap();
        assert_eq!(runtime.block_on(sum_of_tasks(&client, 1, 1)), 1);
        let silent = server.lock().unwrap();
        let begun = Instant::now();
        let results = runtime.block_on(async {
            let add = |client: AsyncClient| async move { client.add(BUCKET, "sum", 1).await };
            let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(add(client.clone()))).collect();
            let mut results = Vec::new();
            for task in tasks {
                results.push(task.await.unwrap());
            }
            results
        });
        drop(silent);
        // One after the other they would take 4 s.
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        let not_begun = results.iter().filter(|result| **result == Err(NOT_BEGUN)).count();
        assert_eq!(not_begun, 7, "one was sent: {results:?}");
    }

    #[test]
    fn the_session_is_closed_with_the_last_handle() {
        runtime().block_on(async {
            let (address, server) = shared_datagram_server();
            let client = AsyncClient::connect(config(address, Transport::Datagram)).await.unwrap();
            let other = client.clone();
            drop(client);
            assert_eq!(sum_of_tasks(&other, 3, 3).await, 9);
            let sessions = || server.lock().unwrap().session_count();
            assert!(sessions() > 0);
            drop(other);
            while sessions() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }

    #[test]
    fn a_client_whose_runtime_has_ended_is_closed() {
        let ended = runtime();
        let config = config(datagram_server(), Transport::Datagram);
        let client = ended.block_on(AsyncClient::connect(config)).unwrap();
        drop(ended);
        runtime().block_on(async {
            assert_eq!(client.get(BUCKET, "key").await, Err(Error::Caller(Caller::Closed)));
        });
    }

    #[test]
    fn nobody_there_is_told() {
        runtime().block_on(async {
            let nobody: SocketAddr = ([127, 0, 0, 1], 9).into();
            let config =
                Config { deadline: Duration::from_millis(20), ..config(nobody, Transport::Datagram) };
            let refused = AsyncClient::connect(config).await.err();
            assert_eq!(refused, Some(Error::Unreachable(Unreachable::Deadline)));
        });
    }
}
