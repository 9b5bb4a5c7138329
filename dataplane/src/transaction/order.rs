//! The order of a connection's transactions: they may be under way at the same time, but requests on one key are
//! executed in the order they came, and the replies are given in it.

use crate::transaction::{Transaction, Transactions};

/// Transactions of a connection that are not answered yet, in the order of its requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Their number.
    pub count: usize,
    /// The oldest, if there is one.
    pub first: Option<u32>,
    /// The newest, if there is one.
    pub last: Option<u32>,
    /// Another one may begin before the newest has ended.
    pub may_follow: bool,
}

impl Transactions {
    /// Puts a transaction behind the others of its connection.
    pub(super) fn link(&mut self, id: u32, waiting: &mut Waiting) {
        if let Some(transaction) = self.get_mut(id) {
            transaction.before = waiting.last;
        }
        if let Some(before) = waiting.last.and_then(|id| self.get_mut(id)) {
            before.after = Some(id);
        }
        waiting.first = waiting.first.or(Some(id));
        (waiting.last, waiting.count) = (Some(id), waiting.count + 1);
    }

    /// Takes the first transaction of a connection away.
    pub(super) fn unlink_first(&mut self, waiting: &mut Waiting) {
        let Some(first) = waiting.first else { return };
        waiting.first = self.unlink(first);
        waiting.last = waiting.last.filter(|_| waiting.first.is_some());
        waiting.count -= 1;
    }

    /// Takes a transaction out of the order of its connection; gives the one after it.
    pub(super) fn unlink(&mut self, id: u32) -> Option<u32> {
        self.wake_after(id);
        let transaction = self.get_mut(id)?;
        let (before, after) = (transaction.before.take(), transaction.after.take());
        if let Some(before) = before.and_then(|id| self.get_mut(id)) {
            before.after = after;
        }
        if let Some(after) = after.and_then(|id| self.get_mut(id)) {
            after.before = before;
        }
        after
    }

    /// Whether a transaction may visit a shard now. Those of its connection that came before it have to be in the
    /// queues of that shard's keys already, and to hold all keys of the shards before: then requests on a key are
    /// executed in the order they came, and still nobody waits in a circle.
    pub(super) fn may_visit(&self, id: u32, shard: u16) -> bool {
        let place = |id: u32| self.places[id as usize].as_deref();
        let before = |transaction: &Transaction| transaction.before.and_then(place);
        std::iter::successors(place(id).and_then(before), |one| before(one)).all(|one| {
            one.route.shard().is_none_or(|next| next > shard) && one.visiting.is_none_or(|at| at >= shard)
        })
    }

    /// Lets those go on that were held up by a transaction or by one before it.
    pub(super) fn wake_after(&mut self, id: u32) {
        let mut next = self.get_mut(id).and_then(|transaction| transaction.after);
        while let Some(id) = next
            && let Some(transaction) = self.get_mut(id)
        {
            next = transaction.after;
            if std::mem::take(&mut transaction.is_held_up) {
                self.active.push_back(id);
            }
        }
    }

    /// Keeps a transaction from going on until one before it has.
    pub(super) fn hold_up(&mut self, id: u32) {
        if let Some(transaction) = self.get_mut(id) {
            transaction.is_held_up = true;
        }
    }
}
