//! Many operations that are sent together.

use adit_wire::kv::BucketId;

use super::{Client, PutOptions};
use crate::answer::{Answer, Completion, Ticket};
use crate::error::{Caller, Error};
use crate::operation::{KeyAction, Keys, Operation, Pairs, Payload};

/// Operations that are sent together and answered in their order, however many they are: those beyond the window are sent
/// as room comes. They may be applied in any order, also those on one key.
///
/// ```no_run
/// # use adit_client::{BucketId, Client, PutOptions};
/// # fn pipeline(client: &mut Client) {
/// let bucket = BucketId(0);
/// let answers = client.pipeline().get(bucket, "a").put(bucket, "b", "value", PutOptions::default()).run();
/// # }
/// ```
pub struct Pipeline<'a> {
    client: &'a mut Client,
    operations: Vec<Operation>,
}

/// Operations under way, and their answers.
struct Run {
    answers: Vec<Option<Result<Answer, Error>>>,
    /// The places of the tickets, from the first one on.
    places: Vec<usize>,
    first: Option<Ticket>,
    missing: usize,
    /// Those that are begun and not answered.
    in_flight: usize,
}

impl Client {
    /// Begins a list of operations that are sent together.
    pub fn pipeline(&mut self) -> Pipeline<'_> {
        Pipeline { client: self, operations: Vec::new() }
    }

    /// Does operations of any number, and waits for all. Gives their answers in their order.
    fn run(&mut self, operations: Vec<Operation>) -> Vec<Result<Answer, Error>> {
        let mut run = Run::new(operations.len());
        let mut waiting = operations.into_iter().enumerate();
        let mut next = waiting.next();
        let mut until_ns = self.deadline_ns();
        while run.missing > 0 {
            while let Some((place, operation)) = next.take() {
                match self.core.submit(operation, self.deadline_ns()) {
                    Ok(ticket) => run.begun(place, ticket),
                    // With none of these under way others, such as values in pieces, may fill the window for long.
                    Err(refused)
                        if refused.error == Error::Caller(Caller::Full)
                            && (run.in_flight > 0 || self.now_ns() < until_ns) =>
                    {
                        next = Some((place, refused.operation));
                        break;
                    }
                    Err(refused) => run.answer(place, Err(refused.error)),
                }
                next = waiting.next();
            }
            if run.missing > 0 && !self.core.has_completion() {
                self.turn(if run.in_flight > 0 { u64::MAX } else { until_ns });
            }
            while let Some(completion) = self.core.next_completion() {
                self.backlog.extend(run.take(completion));
                until_ns = self.deadline_ns();
            }
        }
        run.answers.into_iter().flatten().collect()
    }
}

impl Pipeline<'_> {
    /// Adds any operation.
    pub fn add_operation(&mut self, operation: Operation) -> &mut Self {
        self.operations.push(operation);
        self
    }

    fn on_key(&mut self, bucket: BucketId, key: impl Into<Vec<u8>>, action: KeyAction) -> &mut Self {
        self.add_operation(Operation::on_key(bucket, key, action))
    }

    /// As [`Client::get`]: [`Answer::Value`], or [`State::NotFound`](crate::error::State::NotFound).
    pub fn get(&mut self, bucket: BucketId, key: impl Into<Vec<u8>>) -> &mut Self {
        self.on_key(bucket, key, KeyAction::Get)
    }

    /// As [`Client::take`]: [`Answer::Value`], or [`State::NotFound`](crate::error::State::NotFound).
    pub fn take(&mut self, bucket: BucketId, key: impl Into<Vec<u8>>) -> &mut Self {
        self.on_key(bucket, key, KeyAction::Take)
    }

    /// As [`Client::put`]: [`Answer::Version`].
    pub fn put(
        &mut self,
        bucket: BucketId,
        key: impl Into<Vec<u8>>,
        value: impl Into<Payload>,
        options: PutOptions,
    ) -> &mut Self {
        let PutOptions { condition, expiry } = options;
        self.on_key(bucket, key, KeyAction::Put { condition, expiry, value: value.into() })
    }

    /// As [`Client::delete`]: [`Answer::Done`], or [`State::NotFound`](crate::error::State::NotFound).
    pub fn delete(&mut self, bucket: BucketId, key: impl Into<Vec<u8>>) -> &mut Self {
        self.on_key(bucket, key, KeyAction::Delete)
    }

    /// As [`Client::add`]: [`Answer::Sum`].
    pub fn add(&mut self, bucket: BucketId, key: impl Into<Vec<u8>>, number: i64) -> &mut Self {
        self.on_key(bucket, key, KeyAction::Add(number))
    }

    /// As [`Client::append`]: [`Answer::Length`].
    pub fn append(
        &mut self,
        bucket: BucketId,
        key: impl Into<Vec<u8>>,
        tail: impl Into<Payload>,
    ) -> &mut Self {
        self.on_key(bucket, key, KeyAction::Append(tail.into()))
    }

    /// As [`Client::touch`]: [`Answer::Done`], or [`State::NotFound`](crate::error::State::NotFound).
    pub fn touch(&mut self, bucket: BucketId, key: impl Into<Vec<u8>>, ttl_ms: u64) -> &mut Self {
        self.on_key(bucket, key, KeyAction::Touch(ttl_ms))
    }

    /// As [`Client::multi_get`]: [`Answer::Values`].
    pub fn multi_get(&mut self, bucket: BucketId, keys: Keys) -> &mut Self {
        self.add_operation(Operation::MultiGet { bucket, keys })
    }

    /// As [`Client::multi_put`]: [`Answer::Done`].
    pub fn multi_put(&mut self, bucket: BucketId, pairs: Pairs, if_absent: bool) -> &mut Self {
        self.add_operation(Operation::MultiPut { bucket, pairs, if_absent })
    }

    /// Sends all that was added since the last run, and waits for the answers: one for each, in their order. The deadline of
    /// each begins when it is sent.
    pub fn run(&mut self) -> Vec<Result<Answer, Error>> {
        let operations = std::mem::take(&mut self.operations);
        self.client.run(operations)
    }
}

impl Run {
    fn new(count: usize) -> Self {
        Self {
            answers: vec![None; count],
            places: Vec::with_capacity(count),
            first: None,
            missing: count,
            in_flight: 0,
        }
    }

    /// Tickets of one run follow each other: nobody else begins anything meanwhile.
    fn begun(&mut self, place: usize, ticket: Ticket) {
        self.first.get_or_insert(ticket);
        self.places.push(place);
        self.in_flight += 1;
    }

    fn answer(&mut self, place: usize, result: Result<Answer, Error>) {
        self.answers[place] = Some(result);
        self.missing -= 1;
    }

    /// Takes a completion, or gives it back if it is none of these.
    fn take(&mut self, completion: Completion) -> Option<Completion> {
        let index = self.first.and_then(|first| completion.ticket.0.checked_sub(first.0));
        let place = index.and_then(|index| self.places.get(usize::try_from(index).ok()?).copied());
        let Some(place) = place else { return Some(completion) };
        self.in_flight -= 1;
        self.answer(place, completion.result);
        None
    }
}
