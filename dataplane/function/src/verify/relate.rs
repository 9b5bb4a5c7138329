//! What is known of the symbols of a joined state: intervals that hold on both sides, inequalities of one side that hold on the other, and some that
//! hold on both but stand on neither.

use super::facts::{Facts, Interval, clamp};
use super::form::{Form, Sum, Symbol};
use super::join::Join;
use super::pairs::{Pair, Side, symbol};
use super::state::State;
use super::value::{Place, SIGNED_WORD, Value, WORD};

/// How far things are widened that change with each turn of a loop.
#[derive(Debug)]
pub(super) struct Widening<'a> {
    /// Numbers that the loop compares with, ascending; empty if it has turned too often.
    pub(super) steps: &'a [i64],
}

impl Join {
    /// The intervals of the joined symbols.
    pub(super) fn intervals(
        &mut self,
        old: &Facts,
        new: &Facts,
        widen: Option<&Widening<'_>>,
        joined: &mut State,
    ) {
        for (index, pair) in self.pairs.list.iter().enumerate() {
            let was = old.operand_range(&pair.old);
            let mut both = was.union(new.operand_range(&pair.new));
            if both != was {
                // It may be only the plain interval that is wider.
                both = was.union(new.range_up_to(&pair.new, both, was));
            }
            if both != was {
                self.changed = true;
                if let Some(widen) = widen {
                    both = widen.interval(index, was, both, joined);
                }
            }
            joined.facts.intervals.push(both);
        }
    }

    /// The inequalities of the old state that hold in the new one, too, maybe weaker.
    pub(super) fn inequalities(
        &mut self,
        old: &Facts,
        new: &Facts,
        widen: Option<&Widening<'_>>,
        joined: &mut Facts,
    ) {
        for inequality in &old.inequalities {
            let mut found = false;
            for last in [false, true] {
                let Some((sum, twice)) = self.pairs.translated(inequality.terms(), last, Side::Old) else {
                    break;
                };
                let bound = inequality.bound;
                if last && !twice {
                    break;
                }
                let Some(there) = self.pairs.substituted(&sum, Side::New) else { continue };
                let most = new.upper(&there, i128::from(bound));
                let kept = if most <= i128::from(bound) {
                    Some(bound)
                } else {
                    self.changed = true;
                    match widen {
                        Some(widen) => widen.bound(clamp(most)),
                        None => Some(clamp(most)).filter(near),
                    }
                };
                if let Some(bound) = kept.filter(|&bound| joined.highest(&sum) > i128::from(bound)) {
                    joined.keep_sum(&sum, bound);
                }
                found = true;
            }
            self.changed |= !found;
        }
    }

    /// Inequalities that hold in both states and stand in none of them, or only in the new one: where symbols have just been made.
    pub(super) fn born(&mut self, old: &Facts, new: &Facts, joined: &mut State) {
        let counter = self.pairs.counter_index();
        let mut factors = std::mem::take(&mut self.factors);
        if let Some(counter) = counter {
            factors_of(counter, joined, &mut factors);
        }
        for inequality in &new.inequalities {
            let Some((sum, _)) = self.pairs.translated(inequality.terms(), false, Side::New) else {
                continue;
            };
            let Some(there) = self.pairs.substituted(&sum, Side::Old) else { continue };
            let bound = i128::from(inequality.bound);
            let most = old.upper(&there, bound).max(bound);
            if near(&clamp(most)) && joined.facts.highest(&sum) > most {
                joined.facts.keep_sum(&sum, clamp(most));
            }
            if let (Some(counter), true) = (counter, most > bound) {
                keep_with(&mut joined.facts, sum, clamp(most), inequality.bound, counter, &factors);
            }
        }
        if let Some(counter) = counter {
            for index in 0..self.pairs.list.len() {
                let pair = self.pairs.list[index];
                let (was, is) = (old.range(&pair.old).low, new.range(&pair.new).low);
                if was < is && index != usize::from(counter) {
                    let sum = Sum::from(symbol(index)).negated();
                    let (most, bound) = (was.checked_neg(), is.checked_neg());
                    if let (Some(sum), Some(most), Some(bound)) = (sum, most, bound) {
                        keep_with(&mut joined.facts, sum, most, bound, counter, &factors);
                    }
                }
            }
        }
        self.factors = factors;
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        let is_born = |symbol: Symbol| Some(symbol) != counter && self.pairs.is_born(usize::from(symbol));
        let made = joined.values().filter(|value| {
            value.form().is_some_and(|form| form.terms().iter().any(|term| is_born(term.symbol)))
        });
        values.extend(made.take(VALUES));
        for value in &values {
            match *value {
                Value::Pointer(Place::Memory(region), form) | Value::Maybe(region, form) => {
                    let length = joined.region(region).length;
                    self.candidate(old, new, form, length, &mut joined.facts);
                }
                Value::Number(form) => {
                    let own = form.as_single();
                    // What stands in no inequality was not compared with anything.
                    let compared = |pair: &Pair| old.is_compared(&pair.old) || new.is_compared(&pair.new);
                    let others = (0..self.pairs.list.len().min(OTHERS)).filter(|&other| {
                        own.is_some_and(|own| usize::from(own.symbol) != other)
                            && compared(&self.pairs.list[other])
                    });
                    for other in others {
                        self.candidate(old, new, form, symbol(other), &mut joined.facts);
                    }
                }
                _ => {}
            }
        }
        self.values = values;
    }

    /// Keeps `left - right <= bound`, if something is known of that.
    fn candidate(&self, old: &Facts, new: &Facts, left: Form, right: Form, joined: &mut Facts) {
        let Some(sum) = Sum::difference(left, right) else { return };
        if !(2..=3).contains(&sum.len()) {
            return;
        }
        let (Some(there), Some(here)) =
            (self.pairs.substituted(&sum, Side::Old), self.pairs.substituted(&sum, Side::New))
        else {
            return;
        };
        let trivial = joined.highest(&sum);
        // What has a long form on one side, as the middle of two others, takes longer.
        let long = there.len() > 2 || here.len() > 2;
        let upper = |facts: &Facts, sum: &Sum, goal: i128| {
            if long { facts.upper(sum, goal) } else { facts.upper_soon(sum, goal) }
        };
        let most = upper(old, &there, if long { -1 } else { i128::MIN });
        if most >= trivial || most > 0 {
            return;
        }
        let most = most.max(upper(new, &here, most));
        if most < trivial && most <= 0 && near(&clamp(most)) {
            joined.keep_sum(&sum, clamp(most));
        }
    }
}

impl Widening<'_> {
    /// A wider interval: to the next number that the loop compares with, of the symbol itself or of a value that is a multiple of it.
    fn interval(&self, index: usize, was: Interval, both: Interval, joined: &State) -> Interval {
        let own = |form: &Form| form.as_single().filter(|term| usize::from(term.symbol) == index);
        let multiples = joined.values().filter_map(|value| {
            let form = value.form()?;
            Some((i64::from(own(form)?.factor), form.constant))
        });
        let mut wide = both;
        let (grows, sinks) = (both.high > was.high, both.low < was.low);
        wide.high = if grows { i64::MAX } else { both.high };
        wide.low = if sinks { i64::MIN } else { both.low };
        let multiples: Vec<_> = multiples.chain([(1, 0)]).collect();
        for &step in self.steps.iter().chain(&LIMITS) {
            for &(factor, offset) in &multiples {
                let moved = step.checked_sub(offset);
                let Some(step) = moved.and_then(|step| step.checked_div_euclid(factor)) else { continue };
                if grows && step >= both.high {
                    wide.high = wide.high.min(step);
                }
                if sinks && step <= both.low {
                    wide.low = wide.low.max(step);
                }
            }
        }
        wide
    }

    /// A weaker bound, or none.
    fn bound(&self, bound: i64) -> Option<i64> {
        let negated = self.steps.iter().filter_map(|step| step.checked_neg());
        negated.chain(BOUNDS).filter(|&step| step >= bound && step <= 0).min()
    }
}

/// Keeps a bound that is tighter on the new side, where the counter is 1, with the greatest multiple of the counter there that values have.
fn keep_with(joined: &mut Facts, mut sum: Sum, most: i64, bound: i64, counter: Symbol, factors: &[i64]) {
    let fits = |factor: &i64| bound.checked_add(*factor).is_some_and(|stepped| stepped <= most);
    let Some(&factor) = factors.iter().filter(|factor| fits(factor)).max() else { return };
    if near(&most) && sum.add_term(counter, factor).is_some() && joined.highest(&sum) > i128::from(most) {
        joined.keep_sum(&sum, most);
    }
}

/// The factors with which values are multiples of a symbol.
fn factors_of(symbol: Symbol, state: &State, factors: &mut Vec<i64>) {
    factors.clear();
    for form in state.values().filter_map(Value::form) {
        let term = form.terms().iter().find(|term| term.symbol == symbol);
        let factor = term.map(|term| i64::from(term.factor)).filter(|factor| !factors.contains(factor));
        if factors.len() < FACTORS {
            factors.extend(factor);
        }
    }
}

/// Whether a bound is one that programs work with, not one that is left of intervals.
fn near(bound: &i64) -> bool {
    bound.unsigned_abs() <= NEAR
}

/// Limits that numbers often have.
const LIMITS: [i64; 3] = [SIGNED_WORD.low, 0, WORD.high];
/// Bounds that are weakened to before they are given up.
const BOUNDS: [i64; 4] = [-8, -4, -1, 0];
/// Most factors of a counter that are looked at.
const FACTORS: usize = 4;
/// Bounds beyond this are not worth their while.
const NEAR: u64 = 1 << 16;
/// Most values that inequalities are looked for, and symbols that a number is compared with.
const VALUES: usize = 32;
const OTHERS: usize = 24;
