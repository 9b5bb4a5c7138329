//! A command that every shard takes part in and that concerns no key: `CLIENT LIST`, `CLIENT KILL`, `CONFIG SET` and
//! the like. It goes from shard to shard, a bounded step at a time, while nothing else is owed to its connection.

use crate::calls::Calls;
use crate::parameters::Change;
use crate::session::filter::Filter;

/// What every shard is to do.
#[derive(Clone, Debug)]
pub enum Task {
    /// Tell about the connections that pass the filter.
    List(Filter),
    /// Close them.
    Kill(Filter),
    /// Change settings.
    Configure(Box<[Change]>),
    /// Count from 0 again.
    ResetCounters,
    /// Tell how often each command was called.
    Calls,
    /// Remove expired keys in passing, or only when somebody looks for them.
    ActiveExpiry(bool),
}

/// What a step came to.
pub enum Part {
    /// Lines about connections. The next step begins at the place named.
    Lines(Vec<u8>, Option<u32>),
    /// Connections were closed.
    Killed {
        /// So many.
        count: u64,
        /// One of them is who asked; it is to be closed when it has its reply.
        asker: bool,
        /// Where the next step begins.
        next: Option<u32>,
    },
    /// How often each command was called on this shard.
    Calls(Box<Calls>),
    /// It is done.
    Done,
}

/// A tour that is under way, and what it has found.
pub struct Tour {
    /// What every shard is to do.
    pub task: Task,
    /// The shard that is next.
    pub shard: u16,
    /// Where that shard begins.
    pub cursor: u32,
    /// What the lines of all shards may take on the heap.
    pub bytes_max: usize,
    /// What was found so far.
    pub found: Found,
}

/// What a tour has found.
#[derive(Default)]
pub struct Found {
    /// Lines about connections, in no order; later the reply.
    pub lines: Vec<u8>,
    /// The lines were too many and are forgotten.
    pub overflowed: bool,
    /// Bytes of the reply that are encoded.
    pub encoded_bytes: usize,
    /// Connections that were closed.
    pub count: u64,
    /// One of them is who asked.
    pub asker: bool,
    /// How often each command was called on the shards.
    pub calls: Option<Box<Calls>>,
}

impl Tour {
    /// A tour that begins.
    pub fn new(task: Task) -> Self {
        Self { task, shard: 0, cursor: 0, bytes_max: usize::MAX, found: Found::default() }
    }

    /// Takes what the shard that was next has done.
    pub fn take(&mut self, part: Part) {
        match part {
            Part::Lines(lines, next) => {
                self.take_lines(&lines);
                return self.go_on(next);
            }
            Part::Killed { count, asker, next } => {
                self.found.count += count;
                self.found.asker |= asker;
                return self.go_on(next);
            }
            Part::Calls(calls) => self.found.calls.get_or_insert_default().add(&calls),
            Part::Done => {}
        }
        self.go_on(None);
    }

    fn go_on(&mut self, next: Option<u32>) {
        self.shard += u16::from(next.is_none());
        self.cursor = next.unwrap_or(0);
    }

    fn take_lines(&mut self, lines: &[u8]) {
        // Twice: once to find them, once to put them in order.
        if 2 * (self.found.lines.len() + lines.len()) > self.bytes_max {
            self.found = Found { overflowed: true, ..Found::default() };
        } else if !self.found.overflowed {
            self.found.lines.extend_from_slice(lines);
        }
    }

    /// Bytes that it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.found.lines.capacity()
    }
}
