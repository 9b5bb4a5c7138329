//! The calls of a transaction, one after the other: which operations of which shards each needs, and what its reply is.

use adit_store::kv::Key;
use adit_wire::kv::{BucketId, Condition, Expiry, Operation, PutAnswer, Status};
use adit_wire::resp::Command;
use adit_wire::resp::reply::{self, Sink};

use crate::connection::ReplySink;
use crate::lcs::Lcs;
use crate::message::{Ask, Record, Reply};
use crate::plan::{
    Arguments, Plan, Refusal, Together, Transfer, TransferAnswer, key_argument, plan, without_debug,
};
use crate::refusal;
use crate::requests::answer_bytes;
use crate::session::After;
use crate::settings::{KEYS_BYTES_MAX, LCS_CELLS_PER_SLICE, STEP_OPERATIONS_MAX};
use crate::shard::Shard;
use crate::silence::Silence;
use crate::stats::bucket_keys;
use crate::tour::Tour;
use crate::transaction::encoded::Encoded;
use crate::transaction::program::Program;
use crate::transaction::round::Encode;
use crate::transaction::spread::put_all;
use crate::transaction::step::Staging;
use crate::transaction::{Phase, TRANSACTION_SLOT, Transaction};
use crate::walk::Walk;

/// What a transaction is at.
#[derive(Default)]
pub(super) enum Doing {
    /// Comparing the versions of watched keys.
    Checks,
    /// Calls whose operations do not depend on each other.
    #[default]
    Calls,
    /// MSET and MSETNX: staging, until all is staged or one was refused.
    PutAll { if_absent: bool },
    /// After that, where more calls follow.
    Settle,
    /// RENAME, COPY, MOVE.
    Transfer(Transfer, Moving),
    /// SCAN, KEYS.
    Walk(Box<Walk>),
    /// RANDOMKEY: the shard that is asked first, how many were asked, and where in the next one to look on.
    RandomKey { first: u16, asked: u16, random: u64, cursor: u64 },
    /// CLIENT LIST, CONFIG SET and the like.
    Tour(Box<Tour>),
    /// LCS, once both values are there.
    Lcs(Option<Box<Lcs>>),
}

/// How far a value has moved.
pub(super) enum Moving {
    /// It is fetched.
    Fetch,
    /// It is written.
    Store(Box<Record>),
    /// It is removed where it was.
    Remove,
}

/// Where in the program a transaction is.
#[derive(Default)]
pub(super) struct Position {
    /// The call.
    pub(super) call: usize,
    /// The argument of it that is next; 0 at its beginning.
    argument: usize,
    sum: i64,
    failed: Option<Status>,
}

impl Position {
    /// Whether no call follows this one.
    pub(super) fn is_at_last_call(&self, program: &Program) -> bool {
        self.call + 1 >= program.len()
    }
}

impl Shard {
    /// Gathers the operations of the next round.
    pub(super) fn build_round(&mut self, transaction: &mut Transaction, id: u32) {
        match &mut transaction.doing {
            Doing::Checks => self.build_checks(transaction),
            Doing::Calls => self.build_calls(transaction, id),
            Doing::PutAll { if_absent } => {
                let if_absent = *if_absent;
                self.build_put_all(transaction, if_absent);
            }
            Doing::Settle => {
                let Transaction { verdict, held, round, .. } = transaction;
                held.iter().for_each(|(shard, _)| round.step(*shard).staging = *verdict);
            }
            Doing::Transfer(..) => self.build_transfer(transaction),
            Doing::Walk(walk) if walk.result.is_some() => transaction.finish_walk(),
            Doing::Walk(walk) => {
                let ((operation, bucket), shard) = (walk.step(), walk.shard);
                transaction.round.push(shard, operation, &Key::hashed(bucket, &[], 0), &[], None);
            }
            Doing::RandomKey { first, asked, random, cursor } => {
                let shard = (*first + *asked) % self.map.shard_count();
                let operation = Operation::Random { random: *random, cursor: *cursor };
                let key = Key::hashed(transaction.bucket, &[], 0);
                transaction.round.push(shard, operation, &key, &[], None);
            }
            Doing::Tour(_) => self.build_task(transaction, id),
            Doing::Lcs(None) => self.build_lcs(transaction),
            Doing::Lcs(Some(lcs)) => {
                self.spend(STEP_OPERATIONS_MAX);
                if lcs.run(LCS_CELLS_PER_SLICE) {
                    lcs.encode(&mut transaction.result);
                    transaction.end_call();
                }
            }
        }
    }

    fn build_checks(&self, transaction: &mut Transaction) {
        let Transaction { checks, round, at, .. } = transaction;
        for watch in checks.iter().skip(at.argument).take(STEP_OPERATIONS_MAX) {
            let key = self.engine.store.key(watch.bucket, &watch.key);
            round.push(self.map.owner(&watch.key), Operation::Version, &key, &[], None);
        }
    }

    /// Gathers operations of calls that need no other call's reply.
    fn build_calls(&mut self, transaction: &mut Transaction, id: u32) {
        while transaction.at.call < transaction.program.len() && !transaction.round.is_full() {
            let arguments = transaction.program.call(transaction.at.call);
            let mut planned = plan(&arguments, self.now.unix_ms);
            if !self.settings.debug_commands {
                planned = without_debug(planned);
            }
            let alone = transaction.round.is_empty();
            match planned {
                Plan::Key(operation, value) => {
                    self.build_key(transaction, operation, usize::from(value));
                }
                Plan::Keys(operation, together) => {
                    if !self.build_keys(transaction, operation, together) {
                        return;
                    }
                }
                Plan::Shards(operation, together) => self.build_shards(transaction, operation, together),
                Plan::PutAll { .. }
                | Plan::Transfer(_)
                | Plan::Lcs(_)
                | Plan::RandomKey
                | Plan::Alone(Command::Keys | Command::Scan)
                    if !alone =>
                {
                    return;
                }
                Plan::PutAll { if_absent } => {
                    transaction.doing = Doing::PutAll { if_absent };
                    return self.build_round(transaction, id);
                }
                Plan::Transfer(transfer) => {
                    transaction.doing = Doing::Transfer(transfer, Moving::Fetch);
                    return self.build_round(transaction, id);
                }
                Plan::Lcs(_) => {
                    transaction.doing = Doing::Lcs(None);
                    return self.build_round(transaction, id);
                }
                Plan::RandomKey => {
                    let (first, random) = (self.random_shard(transaction.bucket), self.engine.random());
                    transaction.doing = Doing::RandomKey { first, asked: 0, random, cursor: 0 };
                    return self.build_round(transaction, id);
                }
                Plan::Alone(command @ (Command::Keys | Command::Scan)) => {
                    match Walk::of(command, &arguments, transaction.bucket, self.map.shard_count()) {
                        Ok(walk) => {
                            transaction.doing = Doing::Walk(Box::new(walk));
                            return self.build_round(transaction, id);
                        }
                        Err(error) => {
                            let mut encoded = Encoded::default();
                            reply::error(&mut encoded, error.0);
                            transaction.ready(encoded);
                        }
                    }
                }
                Plan::Alone(command) => {
                    let (mut encoded, after) = self.run_alone(transaction, command);
                    match after {
                        After::Tour(_) if !alone => return,
                        After::Tour(task) => {
                            transaction.doing = Doing::Tour(Box::new(Tour::new(task)));
                            return self.build_round(transaction, id);
                        }
                        After::Silence(Silence::None) => reply::ok(&mut encoded),
                        After::Sleep(_) | After::Silence(_) => {
                            reply::error(&mut encoded, NOT_IN_TRANSACTION);
                        }
                        After::Stay | After::Close | After::Reset => {}
                    }
                    transaction.result.set_version(encoded.version());
                    transaction.ready(encoded);
                }
                Plan::Refused(refusal) => {
                    let mut encoded = Encoded::default();
                    refusal::encode(&mut encoded, refusal, &arguments);
                    transaction.ready(encoded);
                }
                Plan::Nothing | Plan::Broken(_) | Plan::Queue => unreachable!("such a call is not kept"),
            }
        }
        transaction.round.ends = transaction.at.call == transaction.program.len();
    }

    fn build_key(&self, transaction: &mut Transaction, operation: Operation, value: usize) {
        let Transaction { program, route, round, at, bucket, .. } = transaction;
        let chain = if value == 0 { None } else { program.take_chain(at.call, value) };
        let arguments = program.call(at.call);
        let value = if value == 0 { &[] } else { arguments.get(value) };
        let (shard, key) = self.home(route, at.call, 0, *bucket, arguments.get(key_argument(operation)));
        round.bytes += answer_bytes(operation, &self.pages, shard) as usize;
        round.push(shard, operation, &key, value, chain);
        round.encode.push(Encode::One);
        at.call += 1;
    }

    /// Adds operations on the keys of a call. Whether all of them fit.
    fn build_keys(&self, transaction: &mut Transaction, operation: Operation, together: Together) -> bool {
        let Transaction { program, route, round, at, bucket, .. } = transaction;
        let arguments = program.call(at.call);
        if at.argument == 0 {
            at.argument = 1;
            round.encode.extend(together.header(&arguments));
        }
        while at.argument < arguments.count() {
            if round.is_full() {
                return false;
            }
            let key = arguments.get(at.argument);
            let (shard, key) = self.home(route, at.call, at.argument - 1, *bucket, key);
            round.bytes += answer_bytes(operation, &self.pages, shard) as usize;
            round.push(shard, operation, &key, &[], None);
            round.encode.push(together.each());
            at.argument += 1;
        }
        round.encode.extend(together.footer());
        (at.call, at.argument) = (at.call + 1, 0);
        true
    }

    fn build_shards(&self, transaction: &mut Transaction, operation: Operation, together: Together) {
        let Transaction { round, at, bucket, .. } = transaction;
        for shard in 0..self.map.shard_count() {
            round.push(shard, operation, &Key::hashed(*bucket, &[], 0), &[], None);
            round.encode.push(Encode::Add);
        }
        round.encode.extend(together.footer());
        at.call += 1;
    }

    fn build_put_all(&self, transaction: &mut Transaction, if_absent: bool) {
        let last_call = transaction.at.is_at_last_call(&transaction.program);
        let Transaction { program, route, round, at, bucket, .. } = transaction;
        round.stages = true;
        at.argument = at.argument.max(1);
        let operation = put_all(if_absent);
        let count = program.call(at.call).count();
        while at.argument < count && !round.is_full() {
            let chain = program.take_chain(at.call, at.argument + 1);
            let arguments = program.call(at.call);
            let (key, value) = (arguments.get(at.argument), arguments.get(at.argument + 1));
            let (shard, key) = self.home(route, at.call, at.argument / 2, *bucket, key);
            round.push(shard, operation, &key, value, chain);
            at.argument += 2;
        }
        round.ends = last_call && at.argument >= count;
    }

    fn build_transfer(&self, transaction: &mut Transaction) {
        let Transaction { program, route, round, at, bucket, doing, .. } = transaction;
        let Doing::Transfer(transfer, moving) = doing else { return };
        let arguments = program.call(at.call);
        let other = if transfer.same_name { 1 } else { 2 };
        let (from, to) = (arguments.get(1), arguments.get(other));
        let source = self.home(route, at.call, 0, *bucket, from);
        let target = self.home(route, at.call, 1, transfer.bucket.unwrap_or(*bucket), to);
        match moving {
            Moving::Fetch if source.1 == target.1 && transfer.answer == TransferAnswer::Copied => {
                refusal::encode(&mut transaction.result, Refusal::SameObject, &arguments);
                transaction.end_call();
            }
            Moving::Fetch => {
                round.push(source.0, Operation::Record, &source.1, &[], None);
                if transfer.if_absent {
                    round.push(target.0, Operation::Exists, &target.1, &[], None);
                }
            }
            Moving::Store(record) => {
                let expiry = record.expiry_ms.map_or(Expiry::Never, Expiry::At);
                let operation =
                    Operation::Put { condition: Condition::Always, expiry, answer: PutAnswer::Done };
                let value = std::mem::replace(&mut record.value, Reply::Nil);
                match value {
                    Reply::Bytes(bytes) => {
                        round.push(target.0, operation, &target.1, bytes.as_slice(), None);
                    }
                    Reply::Chain(chain) => {
                        round.push(target.0, operation, &target.1, &[], Some(chain));
                    }
                    _ => unreachable!("a record has a value"),
                }
            }
            Moving::Remove => round.push(source.0, Operation::Delete, &source.1, &[], None),
        }
    }

    /// Takes a tour through all shards one step further, or encodes its reply.
    fn build_task(&mut self, transaction: &mut Transaction, id: u32) {
        let Doing::Tour(tour) = &mut transaction.doing else { return };
        tour.bytes_max = self.heap.room_for_result(transaction.heap_bytes);
        if tour.shard == self.map.shard_count() {
            let arguments = transaction.program.call(transaction.at.call);
            if let Some(id) = transaction.connection {
                self.finish_tour_into(id, tour, &arguments, &mut transaction.result);
            }
            transaction.end_call();
        } else if tour.shard == self.index {
            let part = self.manage(&tour.task, tour.cursor, transaction.connection);
            tour.take(part);
        } else {
            transaction.waiting += 1;
            let ask = Ask::of_task(TRANSACTION_SLOT | id, tour.cursor, tour.task.clone());
            self.mesh.ask_for_transaction(tour.shard, ask);
        }
    }

    /// Some shard, the more probably the more keys of a bucket it has.
    fn random_shard(&mut self, bucket: BucketId) -> u16 {
        let counter = bucket_keys(bucket.0 as usize);
        let keys: Vec<u64> = self.pages.iter().map(|page| page.read_one(counter)).collect();
        let mut chosen = self.engine.random().checked_rem(keys.iter().sum()).unwrap_or(0);
        let shard = keys.iter().position(|&keys| {
            let here = chosen < keys;
            chosen -= keys.min(chosen);
            here
        });
        shard.and_then(|shard| u16::try_from(shard).ok()).unwrap_or(0)
    }

    fn build_lcs(&self, transaction: &mut Transaction) {
        let Transaction { program, route, round, at, bucket, .. } = transaction;
        let arguments = program.call(at.call);
        for index in [1, 2] {
            let (shard, key) = self.home(route, at.call, index - 1, *bucket, arguments.get(index));
            round.push(shard, Operation::Get, &key, &[], None);
        }
    }

    /// Uses the replies of a round.
    pub(super) fn absorb_round(&self, transaction: &mut Transaction) {
        match &mut transaction.doing {
            Doing::Checks => transaction.absorb_checks(),
            Doing::Calls => transaction.absorb_calls(),
            Doing::PutAll { if_absent } => {
                let if_absent = *if_absent;
                transaction.absorb_put_all(if_absent);
            }
            Doing::Settle if transaction.round.more => {}
            Doing::Settle => {
                transaction.verdict = Staging::Commit;
                transaction.end_call();
            }
            Doing::Transfer(..) => transaction.absorb_transfer(),
            Doing::Walk(walk) => {
                walk.bytes_max = self.heap.room_for_result(transaction.heap_bytes).min(KEYS_BYTES_MAX);
                if let Some(Reply::Keys(keys)) = transaction.round.next_reply() {
                    walk.take(&keys);
                }
            }
            Doing::RandomKey { asked, cursor, .. } => {
                let last = *asked + 1 == self.map.shard_count();
                match transaction.round.next_reply() {
                    Some(Reply::Integer(next)) => *cursor = next.cast_unsigned(),
                    Some(Reply::Nil) if !last => (*asked, *cursor) = (*asked + 1, 0),
                    found => {
                        transaction.result.reply(found.unwrap_or(Reply::Nil));
                        transaction.end_call();
                    }
                }
            }
            Doing::Tour(_) => {}
            Doing::Lcs(lcs @ None) => {
                let values: Vec<Reply> = std::iter::from_fn(|| transaction.round.next_reply()).collect();
                let arguments = transaction.program.call(transaction.at.call);
                let Plan::Lcs(form) = plan(&arguments, 0) else { unreachable!("the call is an LCS") };
                let room = self.heap.room_for_result(transaction.heap_bytes);
                match Lcs::new(&values, form, room) {
                    Ok(begun) => *lcs = Some(Box::new(begun)),
                    Err(text) => {
                        reply::error(&mut transaction.result, text);
                        transaction.end_call();
                    }
                }
            }
            Doing::Lcs(Some(_)) => {}
        }
    }

    /// Runs a command that concerns the connection or the process; its encoded reply.
    fn run_alone(&mut self, transaction: &mut Transaction, command: Command) -> (Encoded, After) {
        let arguments = transaction.program.call(transaction.at.call);
        if command == Command::Select {
            transaction.bucket = crate::plan::bucket(arguments.get(1)).unwrap_or(transaction.bucket);
        }
        let mut encoded = Encoded::new(transaction.result.version());
        // Where nobody waits for the reply, nothing is done.
        let after =
            transaction.connection.map(|id| self.run_alone_into(id, command, &arguments, &mut encoded));
        (encoded, after.unwrap_or(After::Stay))
    }
}

impl Transaction {
    /// Adds an encoded reply, which is that of the whole call.
    fn ready(&mut self, encoded: Encoded) {
        self.result.errors.add_all(&encoded.errors);
        self.round.encode.push(Encode::Ready(encoded.into_bytes()));
        self.at.call += 1;
    }

    /// Goes on with the call after one that needed rounds of its own.
    fn end_call(&mut self) {
        self.at = Position { call: self.at.call + 1, ..Position::default() };
        self.doing = Doing::Calls;
        self.go_on();
    }

    /// Encodes what a walk has found.
    fn finish_walk(&mut self) {
        let Doing::Walk(walk) = &mut self.doing else { return };
        match walk.result.take() {
            Some(Err(error)) => reply::error(&mut self.result, error.0),
            _ => while walk.encode_next(&mut self.result) {},
        }
        self.end_call();
    }

    fn go_on(&mut self) {
        let ended = self.at.call >= self.program.len();
        self.phase = if ended { Phase::Leave } else { Phase::Build };
    }

    fn absorb_checks(&mut self) {
        let begin = self.at.argument;
        let count = self.round.len();
        let same = self.checks[begin..][..count].iter().all(|watch| {
            matches!(self.round.next_reply(), Some(Reply::Integer(version)) if version == watch.version)
        });
        if !same {
            self.result.reset();
            let version = self.result.version();
            reply::null_array(&mut self.result, version);
            self.phase = Phase::Leave;
        } else if begin + count < self.checks.len() {
            self.at.argument += count;
        } else {
            self.at.argument = 0;
            self.runs = true;
            self.doing = Doing::Calls;
            self.go_on();
        }
    }

    fn absorb_calls(&mut self) {
        let mut encode = std::mem::take(&mut self.round.encode);
        for encode in encode.drain(..) {
            match encode {
                Encode::Array(count) => self.result.reply(Reply::Array(count)),
                Encode::Ready(bytes) => self.result.write(&bytes),
                Encode::One => {
                    let outcome = self.round.next_outcome().unwrap_or(Reply::Nil.into());
                    if !self.overflowed {
                        self.result.outcome(outcome);
                    }
                }
                Encode::Add => match self.round.next_reply() {
                    Some(Reply::Integer(number)) => self.at.sum += number,
                    Some(Reply::Failed(status)) => self.at.failed = Some(status),
                    _ => {}
                },
                Encode::Version => match self.round.next_reply() {
                    Some(Reply::Integer(version)) => self.versions.push(version),
                    _ => self.versions.push(0),
                },
                Encode::Total => {
                    let (sum, failed) = (std::mem::take(&mut self.at.sum), self.at.failed.take());
                    self.result.reply(failed.map_or(Reply::Integer(sum), Reply::Failed));
                }
                Encode::Done => {
                    self.at.sum = 0;
                    let failed = self.at.failed.take();
                    self.result.reply(failed.map_or(Reply::Done, Reply::Failed));
                }
            }
        }
        self.round.encode = encode;
        self.go_on();
    }

    fn absorb_put_all(&mut self, if_absent: bool) {
        let refusal = self.round.refusal();
        let staged_all = self.round.ends || self.at.argument >= self.program.call(self.at.call).count();
        let reply = match refusal {
            Some(Some(status)) => Reply::Failed(status),
            Some(None) => Reply::Integer(0),
            None if !staged_all => return,
            None if if_absent => Reply::Integer(1),
            None => Reply::Done,
        };
        self.verdict = if refusal.is_some() { Staging::Discard } else { Staging::Commit };
        self.result.reply(reply);
        if self.at.is_at_last_call(&self.program) {
            self.phase = Phase::Leave;
        } else {
            self.doing = Doing::Settle;
        }
    }

    fn absorb_transfer(&mut self) {
        let to_itself = self.to_itself();
        let replies = (self.round.next_reply(), self.round.next_reply());
        let Doing::Transfer(transfer, moving) = &mut self.doing else { return };
        let done = match transfer.answer {
            TransferAnswer::Done => Reply::Done,
            TransferAnswer::Applied | TransferAnswer::Copied => Reply::Integer(1),
        };
        let reply = match (&moving, replies.0, replies.1) {
            // Nothing is written, so nobody who watches the key is told.
            (Moving::Fetch, Some(Reply::Record(_)), None) if to_itself => done,
            (Moving::Fetch, Some(Reply::Record(record)), None | Some(Reply::Integer(0))) => {
                *moving = Moving::Store(record);
                return;
            }
            (Moving::Fetch, Some(Reply::Record(_)), _) => Reply::Integer(0),
            (Moving::Fetch, ..) if transfer.answer == TransferAnswer::Copied => Reply::Integer(0),
            (Moving::Fetch, ..) => Reply::Failed(Status::NoSuchKey),
            (Moving::Store(_), Some(Reply::Failed(status)), _) => Reply::Failed(status),
            (Moving::Store(_), ..) if transfer.removes && !to_itself => {
                *moving = Moving::Remove;
                return;
            }
            (Moving::Store(_) | Moving::Remove, ..) => done,
        };
        self.result.reply(reply);
        self.end_call();
    }

    /// Whether a RENAME is to the same name.
    fn to_itself(&self) -> bool {
        let arguments = self.program.call(self.at.call);
        let Doing::Transfer(transfer, _) = &self.doing else { return false };
        !transfer.same_name
            && transfer.bucket.is_none_or(|bucket| bucket == self.bucket)
            && arguments.get(1) == arguments.get(2)
    }
}

const NOT_IN_TRANSACTION: &str = "ERR this command is not available within a transaction";
