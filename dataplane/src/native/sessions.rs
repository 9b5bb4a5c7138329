//! The sessions that a shard knows.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::budget::Budget;
use super::secret::COOKIE_LIFE_NS;
use super::session::Session;
use crate::settings::{SESSION_CHECK_NS, SESSION_TTL_NS, UPLOAD_SILENCE_NS_MAX};

/// The sessions of a shard.
pub(crate) struct Sessions {
    /// By their numbers, which are as good as hashes.
    table: HashTable<Box<Session>>,
    /// When each is looked at next, soonest first.
    checks: VecDeque<(u64, u64)>,
    /// What all of them may take on the heap for themselves and their records.
    pub(super) pool: Budget,
    /// What copies of their replies may take on the heap.
    pub(super) copies: Budget,
    /// What their replies may pin of the store.
    pub(super) pinned: Budget,
    /// What requests that are not whole may take on the heap, and of the store: who does not read takes none of that.
    pub(super) heads: Budget,
    pub(super) values: Budget,
}

impl Sessions {
    /// No session; all of them may take `pool_bytes` on the heap and pin `pinned_bytes` of the store.
    pub(super) fn new(pool_bytes: u64, pinned_bytes: u64) -> Self {
        Self {
            table: HashTable::new(),
            checks: VecDeque::new(),
            pool: Budget::new(pool_bytes / 2),
            copies: Budget::new(pool_bytes / 4),
            heads: Budget::new(pool_bytes / 4),
            values: Budget::new(pinned_bytes),
            pinned: Budget::new(pinned_bytes),
        }
    }

    /// The session with a number, closed ones included.
    #[inline]
    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Session> {
        self.table.find_mut(id, |session| session.id == id).map(Box::as_mut)
    }

    /// The same, to look at.
    #[inline]
    pub(super) fn get(&self, id: u64) -> Option<&Session> {
        self.table.find(id, |session| session.id == id).map(Box::as_ref)
    }

    /// Whether another record may be kept.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.pool.has_room()
    }

    /// Whether another long reply may be kept for a session.
    pub(super) fn may_keep(&self, id: u64) -> bool {
        self.copies.has_room() && self.pinned.has_room() && self.get(id).is_some_and(Session::may_keep)
    }

    /// Whether another session may be opened: half of the pool is for the records of those that are.
    pub(super) fn may_open(&self) -> bool {
        self.pool.used_bytes() < self.pool.limit_bytes() / 2
    }

    /// Adds a session that is not known.
    pub(super) fn insert(&mut self, session: Session, now_ns: u64) {
        self.checks.push_back((now_ns + SESSION_CHECK_NS, session.id));
        self.table.insert_unique(session.id, Box::new(session), |session| session.id);
    }

    /// Number of sessions, closed ones included.
    pub(crate) fn count(&self) -> usize {
        self.table.len()
    }

    /// Bytes that are kept for clients now.
    pub(crate) fn kept_bytes(&self) -> u64 {
        let budgets = [&self.pool, &self.copies, &self.pinned, &self.heads, &self.values];
        budgets.into_iter().map(Budget::used_bytes).sum()
    }

    /// When the next session is to be looked at.
    pub(crate) fn next_check_ns(&self) -> Option<u64> {
        self.checks.front().map(|(due_ns, _)| *due_ns)
    }

    /// Looks at sessions that are due: forgets those that were silent for too long, and uploads that do not go on.
    pub(crate) fn check(&mut self, now_ns: u64) {
        while let Some(&(due_ns, id)) = self.checks.front()
            && due_ns <= now_ns
        {
            self.checks.pop_front();
            let Some(session) = self.get_mut(id) else { continue };
            let life_ns = if session.is_closed { COOKIE_LIFE_NS } else { SESSION_TTL_NS };
            if now_ns.saturating_sub(session.heard_ns) > life_ns {
                self.remove(id);
            } else {
                session.shrink();
                session.uploads.retain(|upload| !upload.is_silent(now_ns, UPLOAD_SILENCE_NS_MAX));
                self.checks.push_back((now_ns + SESSION_CHECK_NS, id));
            }
        }
    }

    fn remove(&mut self, id: u64) {
        if let Ok(found) = self.table.find_entry(id, |session| session.id == id) {
            found.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::path::Path;
    use super::*;

    fn session(id: u64) -> Session {
        let path = Path::Datagram(0, "127.0.0.1:1".parse().unwrap());
        Session::new(id, (path, 1_472), 0, 0, &Sessions::new(1, 1))
    }

    #[test]
    fn a_silent_session_is_forgotten_and_one_that_is_heard_lives_on() {
        let mut sessions = Sessions::new(1, 1);
        sessions.insert(session(1), 0);
        sessions.insert(session(2), 0);
        let mut now_ns = 0;
        while now_ns < 3 * SESSION_TTL_NS {
            now_ns = sessions.next_check_ns().unwrap();
            sessions.get_mut(1).unwrap().heard_ns = now_ns;
            sessions.check(now_ns);
        }
        assert!(sessions.get(1).is_some() && sessions.get(2).is_none());
        assert_eq!(sessions.count(), 1);
    }

    #[test]
    fn a_closed_session_is_remembered_while_its_cookie_may_be_good() {
        let mut sessions = Sessions::new(1, 1);
        sessions.insert(session(1), 0);
        sessions.get_mut(1).unwrap().is_closed = true;
        sessions.check(COOKIE_LIFE_NS);
        assert!(sessions.get(1).is_some());
        sessions.check(COOKIE_LIFE_NS + SESSION_CHECK_NS);
        assert!(sessions.get(1).is_none() && sessions.next_check_ns().is_none());
    }
}
