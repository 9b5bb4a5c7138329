//! Looks for an order of what clients did: one after the other, as they were told, and none before one that had ended
//! when it began. That is linearizability (Herlihy and Wing 1990), by the search of Wing and Gong (1993) with the memory
//! of Lowe (2017): what was done and what came of it is looked at once.
//!
//! Versions and lengths say in which order writes of a key were applied, so only that one is tried; a read that fits is
//! done at once, as it changes nothing.
//!
//! stateright's tester, which knows none of that, judges as well wherever this search shows that it will come to an end.

use std::hash::BuildHasher;

use std::collections::HashSet;

use rapidhash::fast::RandomState;
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

use crate::model::{Model, Op, Seen};
use crate::plan::LOG;

/// Something that a client did.
#[derive(Clone, Debug)]
pub struct Done {
    /// What it did.
    pub op: Op,
    /// What it was told, if it was told the end.
    pub seen: Option<Seen>,
    /// When it began, as a place among all beginnings and ends.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
}

/// Who has judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// Both.
    Both,
    /// Only the search here: the other one would take too long.
    Alone,
    /// Nobody: both would take too long.
    None,
}

/// Whether there is an order of `all`, which began in the order that they stand in, as far as can be judged.
///
/// # Panics
/// If the two judges do not agree, or there are more than 128 operations.
pub fn has_order(all: &[Done]) -> (bool, Judge) {
    assert!(all.len() <= 128, "a mask has 128 bits");
    let mut plain = Search { all, left: PLAIN_NODES_MAX, seen: None };
    if let Some(found) = plain.run(0, &Model::default()) {
        assert_eq!(found, judge_of_stateright(all), "the judges do not agree");
        return (found, Judge::Both);
    }
    let mut search = Search { all, left: NODES_MAX, seen: Some(Memory::default()) };
    match search.run(0, &Model::default()) {
        Some(found) => (found, Judge::Alone),
        None => (true, Judge::None),
    }
}

struct Search<'a> {
    all: &'a [Done],
    /// Nodes that may still be looked at.
    left: u64,
    /// What was looked at, if that is remembered.
    seen: Option<Memory>,
}

/// What is done, and what came of it.
#[derive(Default)]
struct Memory {
    nodes: HashSet<(u128, u64), RandomState>,
    hash: RandomState,
}

impl Search<'_> {
    /// Whether the rest can be done after those of `mask`, which led to `model`; nothing if that takes too long.
    fn run(&mut self, mask: u128, model: &Model) -> Option<bool> {
        self.left = self.left.checked_sub(1)?;
        if let Some(memory) = &mut self.seen
            && !memory.nodes.insert((mask, memory.hash.hash_one(model)))
        {
            return Some(false);
        }
        let is_left = |index: &usize| mask & (1 << index) == 0;
        let rest = || (0..self.all.len()).filter(is_left);
        if rest().all(|index| self.all[index].seen.is_none()) {
            return Some(true);
        }
        // Nothing may be done before what had ended when it began.
        let first_end = rest().map(|index| self.all[index].ended).min().unwrap_or(u64::MAX);
        let mut candidates: Vec<usize> = rest().filter(|index| self.all[*index].began < first_end).collect();
        if self.seen.is_some() {
            if let Some(next) = self.fitting_read(&candidates, model) {
                return self.run(mask | 1 << next, model);
            }
            candidates.retain(|index| {
                let rank = self.all[*index].rank();
                rank.is_none_or(|(key, rank)| {
                    let ranks = rest().filter_map(|other| self.all[other].rank());
                    !ranks.into_iter().any(|(other, lower)| other == key && lower < rank)
                })
            });
            // What has no end is tried last.
            candidates.sort_by_key(|index| self.all[*index].ended);
        }
        for index in candidates {
            let mut next = model.clone();
            let done = &self.all[index];
            let fits = match &done.seen {
                Some(seen) => next.is_valid_step(&done.op, seen),
                None => {
                    next.invoke(&done.op);
                    true
                }
            };
            if fits && self.run(mask | 1 << index, &next)? {
                return Some(true);
            }
        }
        Some(false)
    }
}

impl Search<'_> {
    /// A read that fits now and teaches nothing, as the version of what it read is known.
    fn fitting_read(&self, candidates: &[usize], model: &Model) -> Option<usize> {
        candidates.iter().copied().find(|&index| {
            let done = &self.all[index];
            let Some(seen) = &done.seen else { return false };
            let changes_nothing = matches!(
                (&done.op, seen),
                (Op::Get(_) | Op::MultiGet(_), _)
                    | (_, Seen::NotFound | Seen::Conflict(_) | Seen::NotAnInteger)
            );
            let mut next = model.clone();
            changes_nothing && next.is_valid_step(&done.op, seen) && next == *model
        })
    }
}

impl Done {
    /// The key that was written, and a number that grows with each write of it that has one.
    fn rank(&self) -> Option<(u8, u64)> {
        match (&self.op, self.seen.as_ref()?) {
            (Op::Put(key, ..), Seen::Version(version)) => Some((*key, *version)),
            (Op::Append(LOG, _), Seen::Length(len)) => Some((LOG, *len)),
            _ => None,
        }
    }
}

fn judge_of_stateright(all: &[Done]) -> bool {
    let mut tester = LinearizabilityTester::new(Model::default());
    let mut events: Vec<(u64, usize)> = Vec::new();
    for (index, done) in all.iter().enumerate() {
        events.push((done.began, index));
        events.extend(done.seen.as_ref().map(|_| (done.ended, index)));
    }
    events.sort_unstable();
    for (at, index) in events {
        let done = &all[index];
        let told = if at == done.began {
            tester.on_invoke(index, done.op.clone()).map(drop)
        } else {
            let Some(seen) = done.seen.clone() else { unreachable!("it has ended") };
            tester.on_return(index, seen).map(drop)
        };
        told.unwrap();
    }
    tester.is_consistent()
}

/// Nodes of a search after which it is given up.
const NODES_MAX: u64 = 200_000;
/// Nodes of a search that the other judge can do as well.
const PLAIN_NODES_MAX: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bytes, Condition};

    fn put(text: &str) -> Op {
        Op::Put(0, text.as_bytes().into(), Condition::Always)
    }

    fn value(text: &str, version: u64) -> Option<Seen> {
        Some(Seen::Value(Bytes::from(text.as_bytes()), version))
    }

    fn done(op: Op, seen: Option<Seen>, began: u64, ended: u64) -> Done {
        Done { op, seen, began, ended }
    }

    #[test]
    fn what_overlaps_may_be_in_any_order_and_what_does_not_may_not() {
        let mut all = vec![
            done(put("a"), Some(Seen::Version(1)), 0, 3),
            done(put("b"), Some(Seen::Version(2)), 1, 4),
            done(Op::Get(0), value("b", 2), 5, 6),
        ];
        assert_eq!(has_order(&all), (true, Judge::Both));
        all[2].seen = value("a", 1);
        assert_eq!(has_order(&all), (false, Judge::Both), "versions say that b came later");
        (all[0].seen, all[1].seen) = (Some(Seen::Version(2)), Some(Seen::Version(1)));
        all[2].seen = value("a", 2);
        assert_eq!(has_order(&all), (true, Judge::Both));
        (all[0].ended, all[1].began) = (1, 2);
        assert!(!has_order(&all).0, "a had ended when b began");
    }

    #[test]
    fn what_nobody_was_told_may_have_been_done_at_any_time_or_not() {
        let open = done(put("a"), None, 0, u64::MAX);
        for (seen, fits) in [(value("a", 7), true), (Some(Seen::NotFound), true), (value("b", 7), false)] {
            let all = [open.clone(), done(Op::Get(0), seen, 1, 2)];
            assert_eq!(has_order(&all).0, fits);
        }
    }

    #[test]
    fn many_that_overlap_are_judged_in_time() {
        let puts = (0..12).map(|index| done(put(&index.to_string()), None, index, u64::MAX));
        let mut all: Vec<Done> = puts.collect();
        all.push(done(Op::Get(0), value("nothing", 1), 50, 51));
        assert_eq!(has_order(&all), (false, Judge::Alone));
    }
}
