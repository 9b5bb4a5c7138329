//! The result of a transaction on its way to the connection.

use crate::shard::Shard;
use crate::transaction::encoded::Encoded;
use crate::transaction::order::Waiting;
use crate::transaction::{Kind, Phase, Transaction};

/// How far the result of a transaction has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Given {
    /// It is being made.
    #[default]
    No,
    /// It waits for the results before it.
    Ready,
    /// It is given to the connection, or nobody waits for it.
    Yes,
}

impl Shard {
    /// Everything is decided: makes the result ready.
    pub(super) fn finish(&mut self, transaction: &mut Transaction, _id: u32) {
        if transaction.given != Given::No {
            return;
        }
        let Transaction { program, result, command, .. } = transaction;
        self.note_program(program, *command, transaction.runs, &result.errors);
        program.clear(&mut self.engine.store);
        if transaction.overflowed {
            result.overflow(OVERFLOWED);
            self.engine.counters.add_errors(&result.errors);
        }
        transaction.given = Given::Ready;
        self.heap.recharge(&mut transaction.heap_bytes, result.heap_bytes());
    }

    /// Gives a result that is ready to its connection, unless there are others before it.
    pub(super) fn give(&mut self, id: u32) {
        if let Some(slot) = self.transactions.get_mut(id).and_then(|transaction| transaction.native.take()) {
            return self.give_native(id, slot);
        }
        let connection = self.transactions.get_mut(id).and_then(|transaction| transaction.connection);
        match connection.and_then(|id| self.connections.of(id)).map(|connection| connection.id.index) {
            Some(index) => self.give_results(index),
            None => self.drop_result(id),
        }
    }

    /// Gives a connection the results that are ready, in the order of its requests, as far as it takes them.
    fn give_results(&mut self, index: u32) {
        while let Some(connection) = self.connections.get_mut(index)
            && connection.result.is_none()
            && let Some(id) = connection.transactions.first
            && self.transactions.get_mut(id).is_some_and(|first| first.given == Given::Ready)
        {
            self.transactions.unlink_first(&mut connection.transactions);
            self.with_transaction(id, |shard, transaction, _| {
                shard.heap.recharge(&mut transaction.heap_bytes, 0);
                transaction.given = Given::Yes;
                let Transaction { kind, checks, versions, result, .. } = transaction;
                if *kind == Kind::Watch
                    && let Some(connection) = shard.connections.get_mut(index)
                {
                    connection.session.watch(std::mem::take(checks), versions);
                }
                shard.deliver_some(index, result);
            });
            self.end_if_left(id);
        }
    }

    /// Gives a result that is ready to the native request that waits for it.
    fn give_native(&mut self, id: u32, slot: u32) {
        let Some(transaction) = self.transactions.get_mut(id) else { return };
        transaction.given = Given::Yes;
        let result = std::mem::take(&mut transaction.result);
        self.heap.recharge(&mut transaction.heap_bytes, 0);
        self.finish_multi(slot, result);
        self.end_if_left(id);
    }

    /// Drops a result that is ready: nobody waits for it.
    fn drop_result(&mut self, id: u32) {
        self.transactions.unlink(id);
        if let Some(transaction) = self.transactions.get_mut(id) {
            transaction.given = Given::Yes;
            transaction.result.reuse();
            self.heap.recharge(&mut transaction.heap_bytes, 0);
        }
        self.end_if_left(id);
    }

    /// Puts a result into the outbox of its connection as far as it may; the rest is kept with the connection. Goes on
    /// with the next request after all of it.
    pub(crate) fn deliver_some(&mut self, index: u32, result: &mut Encoded) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        if result.deliver(connection, &mut self.pool) {
            // Else whoever executes its requests goes on with them.
            if self.executing != Some(index) && !connection.scheduled && connection.intake.may_have_request()
            {
                connection.scheduled = true;
                connection.goes_on = true;
                self.again.push(index);
            }
        } else {
            let mut rest = Box::new(std::mem::take(result));
            rest.shrink();
            connection.result = Some(rest);
            connection.waits_for_output = true;
        }
        self.heap.count(connection);
        self.mark_dirty(index);
    }

    /// Goes on with a result that was kept with its connection.
    pub(crate) fn deliver_result(&mut self, index: u32) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        if let Some(mut result) = connection.result.take() {
            self.deliver_some(index, &mut result);
            self.give_results(index);
        }
    }

    fn end_if_left(&mut self, id: u32) {
        if self.transactions.get_mut(id).is_some_and(|transaction| transaction.phase == Phase::Left) {
            self.end(id);
        }
    }

    /// Nobody waits for the replies of these: what has begun goes on to its end.
    pub(crate) fn abandon_transactions(&mut self, waiting: Waiting) {
        let mut next = waiting.first;
        while let Some(id) = next
            && let Some(transaction) = self.transactions.get_mut(id)
        {
            next = transaction.after;
            transaction.connection = None;
            if transaction.given == Given::Ready {
                self.drop_result(id);
            }
        }
    }
}

const OVERFLOWED: &str = "OOM memory of the shard is full: it has no room for the replies of this request, though what \
                          it writes is written; ask for less at a time or start adit with a larger --memory";
