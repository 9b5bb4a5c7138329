//! Commands on whole keys: other names, other databases, what is told about them.

use super::{Compare, Generator, Request, Words};

impl Generator {
    pub(super) fn key_command(&mut self) -> Vec<Request> {
        let words = match self.random.below(12) {
            0..=1 => vec![b"RENAME".to_vec(), self.key(), self.unwatched()],
            2 => {
                let key = self.unwatched();
                vec![self.random.pick(&["RENAME", "RENAMENX", "COPY"]).into(), key.clone(), key]
            }
            3 => vec![b"RENAMENX".to_vec(), self.key(), self.key()],
            4..=6 => self.copy(),
            7 => vec![b"MOVE".to_vec(), self.key(), self.database()],
            8 => return vec![(vec![b"RANDOMKEY".to_vec()], Compare::Presence)],
            _ => return self.object(),
        };
        vec![(words, Compare::Bytes)]
    }

    /// A key that nobody watches: to Redis a RENAME onto itself is no change.
    fn unwatched(&mut self) -> Vec<u8> {
        loop {
            let key = self.key();
            if !key.starts_with(b"watched") {
                return key;
            }
        }
    }

    fn copy(&mut self) -> Words {
        let mut words = vec![b"COPY".to_vec(), self.key(), self.key()];
        for _ in 0..self.random.below(if self.odd { 4 } else { 3 }) {
            match self.random.below(if self.odd { 8 } else { 7 }) {
                0..=3 => words.push(self.random.pick(&["REPLACE", "replace"]).into()),
                4..=6 => words.extend([self.random.pick(&["DB", "db"]).into(), self.database()]),
                _ => words.push(self.random.pick(&["DB", "REPLACED", ""]).into()),
            }
        }
        words
    }

    /// The number of a database, seldom of none.
    pub(super) fn database(&mut self) -> Vec<u8> {
        let wrong = ["16", "-1", "x", "", "1.0", "9223372036854775808", "4294967296"];
        match self.random.below(12) {
            0 => self.random.pick(&wrong).into(),
            _ => self.random.pick(&["0", "0", "1", "15"]).into(),
        }
    }

    fn object(&mut self) -> Vec<Request> {
        let about = |name: &str, key| vec![b"OBJECT".to_vec(), name.into(), key];
        let request = match self.random.below(10) {
            0..=4 => return self.encoding(),
            // Copies and sums of fractions are encoded as if they were new: see docs/redis.md.
            5 => (about("ENCODING", self.key()), Compare::Presence),
            6 => (about("REFCOUNT", self.key()), Compare::Presence),
            7 => (about("FREQ", self.key()), Compare::Bytes),
            // Redis counts the seconds.
            8 => (about("IDLETIME", self.key()), Compare::Presence),
            _ => (self.wrong_object(), Compare::Bytes),
        };
        vec![request]
    }

    /// Writes a value and asks how it is kept.
    fn encoding(&mut self) -> Vec<Request> {
        let key = format!("encoded:{}", self.random.below(3)).into_bytes();
        let (value, integer) = (self.value(), self.random.below(12_000).to_string().into_bytes());
        let write = match self.random.below(7) {
            0 => vec![b"SET".to_vec(), key.clone(), value],
            1 => vec![b"SET".to_vec(), key.clone(), vec![b'z'; 40 + self.random.below(8)]],
            2 => vec![b"SET".to_vec(), key.clone(), integer],
            3 => vec![b"APPEND".to_vec(), key.clone(), value],
            4 => vec![b"MSET".to_vec(), key.clone(), integer, b"encoded:other".to_vec(), value],
            5 => vec![b"INCR".to_vec(), key.clone()],
            _ => vec![b"GETSET".to_vec(), key.clone(), value],
        };
        let about = |name: &str| vec![b"OBJECT".to_vec(), name.into(), key.clone()];
        // A value that is still among what is queued is counted twice by Redis.
        let compare = if self.queueing { Compare::Presence } else { Compare::Bytes };
        vec![(write, Compare::Bytes), (about("encoding"), Compare::Bytes), (about("refcount"), compare)]
    }

    fn wrong_object(&mut self) -> Words {
        let line = self.random.pick(&["OBJECT", "OBJECT ENCODING", "OBJECT NOSUCH k", "OBJECT REFCOUNT a b"]);
        line.split(' ').map(Into::into).collect()
    }
}
