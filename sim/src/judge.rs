//! What clients were told, and whether it can be true.

use std::collections::BTreeMap;

use crate::model::{Bytes, Op, Seen};
use crate::order::{Done, has_order};
use crate::plan::{COUNTER, LOG};

/// What clients did and were told. Operations without an end may have been applied, once, or not.
pub struct History {
    /// All keys are judged together, not each by itself.
    is_whole: bool,
    operations: BTreeMap<u64, Done>,
    /// Beginnings and ends so far.
    events: u64,
}

impl History {
    /// No history. A whole store is judged as one object.
    pub fn new(is_whole: bool) -> Self {
        Self { is_whole, operations: BTreeMap::new(), events: 0 }
    }

    /// A client begins something; its number.
    pub fn begin(&mut self, op: Op) -> u64 {
        self.events += 1;
        let done = Done { op, seen: None, began: self.events, ended: u64::MAX };
        self.operations.insert(self.events, done);
        self.events
    }

    /// What was begun under a number.
    pub fn op(&self, number: u64) -> &Op {
        &self.operations[&number].op
    }

    /// A client was told the end of what it began.
    pub fn end(&mut self, number: u64, seen: Seen) {
        self.events += 1;
        let done = self.operations.get_mut(&number).unwrap();
        if seen == Seen::Nothing {
            self.operations.remove(&number);
        } else {
            (done.seen, done.ended) = (Some(seen), self.events);
        }
    }

    /// Judges everything, at the end, when the counter and the log have these values. Says how many objects were judged
    /// by both judges, by one alone, and by nobody.
    ///
    /// # Panics
    /// If it cannot be true.
    pub fn judge(&self, counter: i64, log: &[u8]) -> [u64; 3] {
        self.judge_counter(counter);
        self.judge_log(log);
        let mut objects: BTreeMap<u8, Vec<Done>> = BTreeMap::new();
        for done in self.operations.values() {
            let key = if self.is_whole { 0 } else { key_of(&done.op) };
            objects.entry(key).or_default().push(done.clone());
        }
        let mut judged = [0; 3];
        for (key, all) in objects {
            let (found, judge) = has_order(&all);
            assert!(found, "key {key}: there is no order of {all:#?}");
            judged[judge as usize] += 1;
        }
        judged
    }

    /// The sum is that of what was added for certain, and of some of what nobody knows about.
    fn judge_counter(&self, counter: i64) {
        let (mut added, mut sums) = (0, vec![0]);
        for done in self.operations.values() {
            match (&done.op, &done.seen) {
                (Op::Add(COUNTER, delta), Some(_)) => added += delta,
                (Op::Add(COUNTER, delta), None) => {
                    let more: Vec<i64> = sums.iter().map(|sum| sum + delta).collect();
                    sums.extend(more);
                    sums.sort_unstable();
                    sums.dedup();
                }
                _ => {}
            }
        }
        assert!(
            sums.contains(&(counter - added)),
            "the counter is {counter}, but {added} was added, and perhaps one of {sums:?}"
        );
    }

    /// Each tail is there once if it was appended for certain, else at most once, and nothing else is.
    fn judge_log(&self, log: &[u8]) {
        let (mut certain, mut open): (Vec<&Bytes>, Vec<&Bytes>) = Default::default();
        for done in self.operations.values() {
            match (&done.op, &done.seen) {
                (Op::Append(LOG, tail), Some(_)) => certain.push(tail),
                (Op::Append(LOG, tail), None) => open.push(tail),
                _ => {}
            }
        }
        let mut rest = log;
        while !rest.is_empty() {
            let is_next = |tail: &&Bytes| rest.starts_with(tail);
            let len = if let Some(place) = certain.iter().position(is_next) {
                certain.swap_remove(place).len()
            } else if let Some(place) = open.iter().position(is_next) {
                open.swap_remove(place).len()
            } else {
                panic!("{} bytes of the log were not appended, or twice", rest.len());
            };
            rest = &rest[len..];
        }
        assert!(certain.is_empty(), "{} appends are lost", certain.len());
    }
}

fn key_of(op: &Op) -> u8 {
    match op {
        Op::Get(key)
        | Op::Put(key, ..)
        | Op::Delete(key)
        | Op::Take(key)
        | Op::Touch(key)
        | Op::Add(key, _)
        | Op::Append(key, _) => *key,
        Op::MultiGet(_) | Op::MultiPut(..) => unreachable!("then the store is judged as a whole"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Bytes {
        text.as_bytes().into()
    }

    #[test]
    #[should_panic(expected = "the counter is 6")]
    fn an_addition_that_counts_twice_is_seen() {
        let mut history = History::new(false);
        let number = history.begin(Op::Add(COUNTER, 3));
        history.end(number, Seen::Sum(3));
        history.judge(6, b"");
    }

    #[test]
    fn what_nobody_knows_may_have_been_done_or_not() {
        let mut history = History::new(false);
        history.begin(Op::Add(COUNTER, 3));
        history.begin(Op::Append(LOG, bytes("one;")));
        history.judge(0, b"");
        history.judge(3, b"one;");
    }

    #[test]
    #[should_panic(expected = "or twice")]
    fn an_append_that_is_there_twice_is_seen() {
        let mut history = History::new(false);
        let number = history.begin(Op::Append(LOG, bytes("one;")));
        history.end(number, Seen::Length(4));
        history.judge(0, b"one;one;");
    }

    #[test]
    #[should_panic(expected = "there is no order")]
    fn a_read_of_what_was_overwritten_is_seen() {
        let mut history = History::new(true);
        for text in ["a", "b"] {
            let number = history.begin(Op::MultiPut(vec![(0, bytes(text)), (1, bytes(text))], false));
            history.end(number, Seen::Done);
        }
        let number = history.begin(Op::MultiGet(vec![0, 1]));
        history.end(number, Seen::Values(vec![Some(bytes("b")), Some(bytes("a"))]));
        history.judge(0, b"");
    }
}
