//! What is known of symbols: an interval of each, and inequalities between up to three of them. What is asked is answered from both.

use std::cell::Cell;

use super::form::{Form, Sum, Symbol, gcd};

/// A range of numbers, both ends included. Numbers of 64 bits are taken as signed ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Interval {
    pub(super) low: i64,
    pub(super) high: i64,
}

/// Any number.
pub(super) const ANY: Interval = Interval { low: i64::MIN, high: i64::MAX };

/// `sum <= 0`, with two or three terms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Inequality {
    pub(super) terms: [(Symbol, i64); 3],
    pub(super) count: usize,
    pub(super) bound: i64,
}

/// What is known of symbols.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) intervals: Vec<Interval>,
    pub(super) inequalities: Vec<Inequality>,
    /// Steps of searches since they were last asked for.
    work: Cell<u32>,
}

impl Clone for Facts {
    fn clone(&self) -> Self {
        Self {
            intervals: self.intervals.clone(),
            inequalities: self.inequalities.clone(),
            work: Cell::default(),
        }
    }

    fn clone_from(&mut self, source: &Self) {
        self.intervals.clone_from(&source.intervals);
        self.inequalities.clone_from(&source.inequalities);
    }
}

impl Interval {
    pub(super) const fn new(low: i64, high: i64) -> Self {
        Self { low, high }
    }

    /// The least that holds both.
    pub(super) fn union(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    pub(super) const fn within(self, low: i64, high: i64) -> bool {
        low <= self.low && self.high <= high
    }

    /// The number, if it is only one.
    pub(super) fn single(self) -> Option<i64> {
        (self.low == self.high).then_some(self.low)
    }
}

impl Inequality {
    /// `sum <= bound`, divided by what divides all factors, as all numbers are whole.
    fn new(sum: &Sum, bound: i64) -> Option<Self> {
        let divisor = sum.divisor();
        let mut made = Self {
            terms: [(0, 0); 3],
            count: sum.len(),
            bound: bound.checked_sub(sum.constant)?.div_euclid(divisor),
        };
        for (to, (symbol, factor)) in made.terms.iter_mut().zip(sum.terms()) {
            *to = (symbol, factor / divisor);
        }
        Some(made)
    }

    pub(super) fn terms(&self) -> &[(Symbol, i64)] {
        &self.terms[..self.count]
    }

    /// The factor of a symbol, 0 if it is not in it.
    fn factor(&self, symbol: Symbol) -> i64 {
        self.terms().iter().find(|term| term.0 == symbol).map_or(0, |term| term.1)
    }
}

impl Facts {
    pub(super) fn clear(&mut self) {
        self.intervals.clear();
        self.inequalities.clear();
    }

    /// The steps that searches took since this was last asked.
    pub(super) fn take_work(&self) -> u32 {
        self.work.take()
    }

    /// A new symbol. Whoever adds many sees to it that there are not too many, see `State::compact`.
    pub(super) fn fresh(&mut self, interval: Interval) -> Form {
        let symbol = Symbol::try_from(self.intervals.len()).expect("states are made compact in time");
        self.intervals.push(interval);
        Form::symbol(symbol)
    }

    pub(super) fn interval(&self, symbol: Symbol) -> Interval {
        self.intervals[usize::from(symbol)]
    }

    /// The ends of a form by intervals alone; exact, so it may be beyond 64 bits.
    fn ends(&self, form: &Form) -> (i128, i128) {
        let (mut low, mut high) = (i128::from(form.constant), i128::from(form.constant));
        for term in form.terms() {
            let (factor, interval) = (i128::from(term.factor), self.interval(term.symbol));
            let (a, b) = (factor * i128::from(interval.low), factor * i128::from(interval.high));
            low += a.min(b);
            high += a.max(b);
        }
        (low, high)
    }

    /// The range of a form by intervals alone. A form is exact, so it never leaves 64 bits.
    pub(super) fn range(&self, form: &Form) -> Interval {
        if let Some(constant) = form.as_constant() {
            return Interval::new(constant, constant);
        }
        let (low, high) = self.ends(form);
        Interval::new(clamp(low), clamp(high))
    }

    /// The range of a form by all that is known.
    pub(super) fn close_range(&self, form: &Form) -> Interval {
        let range = self.range(form);
        if form.as_constant().is_some() || self.inequalities.is_empty() {
            return range;
        }
        let sum = Sum::from(*form);
        let high = self.upper_within(&sum, i128::MIN, 2).min(i128::from(range.high));
        let low = sum.negated().map_or(i128::MIN, |sum| -self.upper_within(&sum, i128::MIN, 2));
        let low = low.max(i128::from(range.low));
        // Contradicting facts describe no run at all; whatever is said of it is true.
        if low > high { range } else { Interval::new(clamp(low), clamp(high)) }
    }

    /// A closer range than `range`, as far as it leaves another one.
    pub(super) fn range_up_to(&self, form: &Form, range: Interval, other: Interval) -> Interval {
        let mut close = range;
        if self.inequalities.is_empty() || form.as_constant().is_some() {
            return close;
        }
        let sum = Sum::from(*form);
        if range.high > other.high {
            close.high = clamp(self.upper_soon(&sum, other.high.into())).min(range.high);
        }
        if let (true, Some(sum)) = (range.low < other.low, sum.negated()) {
            close.low = clamp(-self.upper_soon(&sum, -i128::from(other.low))).max(range.low);
        }
        if close.low > close.high { range } else { close }
    }

    /// Whether a form has a symbol that an inequality is about.
    pub(super) fn is_compared(&self, form: &Form) -> bool {
        let has =
            |inequality: &Inequality| form.terms().iter().any(|term| inequality.factor(term.symbol) != 0);
        self.inequalities.iter().any(has)
    }

    /// Whether a form as computed, on whole numbers, is within limits for sure: then it is exact as a number of 64 bits.
    pub(super) fn fits(&self, form: &Form, limits: Interval) -> bool {
        let (low, high) = self.ends(form);
        let (least, most) = (i128::from(limits.low), i128::from(limits.high));
        if low >= least && high <= most {
            return true;
        }
        if self.inequalities.is_empty() {
            return false;
        }
        let sum = Sum::from(*form);
        (high <= most || self.upper(&sum, most) <= most)
            && (low >= least || sum.negated().is_some_and(|sum| self.upper(&sum, -least) <= -least))
    }

    /// Whether a sum is at most a bound, for sure.
    pub(super) fn at_most(&self, sum: &Sum, bound: i64) -> bool {
        self.upper(sum, i128::from(bound)) <= i128::from(bound)
    }

    /// Whether a form is at least a bound, for sure.
    pub(super) fn at_least(&self, form: &Form, bound: i64) -> bool {
        let (low, _) = self.ends(form);
        if low >= i128::from(bound) {
            return true;
        }
        !self.inequalities.is_empty()
            && form.as_constant().is_none()
            && Sum::from(*form)
                .negated()
                .zip(bound.checked_neg())
                .is_some_and(|(sum, b)| self.at_most(&sum, b))
    }

    /// A number that a sum does not exceed, the least that is found; the search ends as soon as it is at most `goal`.
    pub(super) fn upper(&self, sum: &Sum, goal: i128) -> i128 {
        self.upper_within(sum, goal, SEARCH_DEPTH)
    }

    /// As `upper`, by one inequality at most.
    pub(super) fn upper_soon(&self, sum: &Sum, goal: i128) -> i128 {
        self.upper_within(sum, goal, 1)
    }

    fn upper_within(&self, sum: &Sum, goal: i128, depth_max: u32) -> i128 {
        let mut best = self.highest(sum);
        if self.inequalities.is_empty() || sum.len() == 0 {
            return best;
        }
        // Short proofs first: most are.
        for depth in 1..=depth_max {
            if best <= goal {
                break;
            }
            let mut nodes = SEARCH_NODES;
            best = best.min(self.search(sum, goal, depth, 0, &mut nodes));
            self.work.set(self.work.get() + SEARCH_NODES - nodes);
            if nodes == SEARCH_NODES {
                break;
            }
        }
        best
    }

    /// Any inequality that shares a term with the sum, with the same sign, may take its place: from `f*s + rest <= ?` and
    /// `h*s + others <= bound` follows `|h|*(f*s + rest) <= |h|*rest - |f|*others + |f|*bound`. What is then left is bounded the same way,
    /// each inequality used once. All numbers are whole, so each result is rounded down to what the common divisor of the factors allows.
    /// Sums that would become longer are not followed, those that become shorter first.
    fn search(&self, sum: &Sum, goal: i128, depth: u32, used: u64, nodes: &mut u32) -> i128 {
        let mut best = self.highest(sum);
        if best <= goal || depth == 0 || sum.len() == 0 {
            return best;
        }
        for shorter in [true, false] {
            for (index, inequality) in self.inequalities.iter().enumerate() {
                if used >> index & 1 == 1 {
                    continue;
                }
                for term in sum.terms() {
                    let by = inequality.factor(term.0);
                    if by == 0 || (by > 0) != (term.1 > 0) {
                        continue;
                    }
                    // As many terms vanish as come in, at least: that takes terms in common.
                    let shared = inequality.terms().iter().filter(|own| sum.has(own.0)).count();
                    if inequality.count - shared > shared || (shorter && inequality.count - shared >= shared)
                    {
                        continue;
                    }
                    let Some((rest, kept, added)) = replace(sum, term, inequality, by) else { continue };
                    if shorter != (rest.len() < sum.len()) || rest.len() > sum.len() {
                        continue;
                    }
                    if *nodes == 0 {
                        return best;
                    }
                    *nodes -= 1;
                    let added = i128::from(added) * i128::from(inequality.bound);
                    let wanted = goal.saturating_mul(i128::from(kept)).saturating_sub(added);
                    let found = self.search(&rest, wanted, depth - 1, used | 1 << index, nodes);
                    let found = found + added;
                    let found = if kept == 1 { found } else { found.div_euclid(i128::from(kept)) };
                    best = best.min(whole(sum, found));
                    if best <= goal {
                        return best;
                    }
                }
            }
        }
        best
    }

    /// The upper end of a sum by intervals alone.
    pub(super) fn highest(&self, sum: &Sum) -> i128 {
        let mut high = i128::from(sum.constant);
        for (symbol, factor) in sum.terms() {
            let interval = self.interval(symbol);
            let end = if factor > 0 { interval.high } else { interval.low };
            high += i128::from(factor) * i128::from(end);
        }
        whole(sum, high)
    }

    /// Takes for granted that `sum <= bound`. False if that contradicts what is known, so that no run comes here.
    pub(super) fn assume(&mut self, sum: &Sum, bound: i64) -> bool {
        match sum.len() {
            0 => return sum.constant <= bound,
            1 => {}
            _ => {
                let bound = i128::from(bound);
                if sum.negated().is_some_and(|sum| -self.highest(&sum) > bound) {
                    return false;
                }
                if self.upper_soon(sum, bound) <= bound {
                    return true;
                }
            }
        }
        let Some(room) = i128::from(bound).checked_sub(i128::from(sum.constant)) else { return true };
        for (symbol, factor) in sum.terms() {
            if !self.tighten(sum, symbol, factor, room) {
                return false;
            }
        }
        if let (2 | 3, Some(made)) = (sum.len(), Inequality::new(sum, bound)) {
            self.keep(made);
        }
        true
    }

    /// As [`Self::assume`], for `left - right <= bound`.
    pub(super) fn assume_difference(&mut self, left: Form, right: Form, bound: i64) -> bool {
        Sum::difference(left, right).is_none_or(|sum| self.assume(&sum, bound))
    }

    /// Narrows the interval of a symbol of a sum whose terms are at most `room`, and those of its neighbours.
    fn tighten(&mut self, sum: &Sum, symbol: Symbol, factor: i64, room: i128) -> bool {
        let mut rest = room;
        for (other, factor) in sum.terms().filter(|term| term.0 != symbol) {
            rest -= lowest(self.interval(other), factor);
        }
        let old = self.interval(symbol);
        let new = narrowed(old, factor, rest);
        if new == old {
            return true;
        }
        if new.low > new.high {
            return false;
        }
        self.intervals[usize::from(symbol)] = new;
        self.tell(symbol)
    }

    /// Narrows the intervals of symbols that stand in an inequality with this one.
    fn tell(&mut self, symbol: Symbol) -> bool {
        for index in 0..self.inequalities.len() {
            let inequality = self.inequalities[index];
            if inequality.factor(symbol) == 0 {
                continue;
            }
            for &(other, factor) in inequality.terms() {
                if other == symbol {
                    continue;
                }
                let mut rest = i128::from(inequality.bound);
                for &(third, factor) in inequality.terms().iter().filter(|term| term.0 != other) {
                    rest -= lowest(self.interval(third), factor);
                }
                let new = narrowed(self.interval(other), factor, rest);
                if new.low > new.high {
                    return false;
                }
                self.intervals[usize::from(other)] = new;
            }
        }
        true
    }

    /// Keeps an inequality in place of a weaker one between the same terms, if there is room.
    pub(super) fn keep(&mut self, made: Inequality) {
        let same = |old: &&mut Inequality| old.count == made.count && old.terms() == made.terms();
        if let Some(old) = self.inequalities.iter_mut().find(same) {
            old.bound = old.bound.min(made.bound);
        } else if self.inequalities.len() < INEQUALITIES_MAX {
            self.inequalities.push(made);
        }
    }

    /// Gives symbols new numbers, which keep their order; those without one are dropped, and the inequalities that they stand in.
    pub(super) fn renumber(&mut self, symbols: &[Option<Symbol>]) {
        let mut kept = symbols.iter();
        self.intervals.retain(|_| kept.next().is_some_and(Option::is_some));
        self.inequalities.retain_mut(|inequality| {
            inequality.terms[..inequality.count].iter_mut().all(|term| match symbols[usize::from(term.0)] {
                Some(symbol) => {
                    term.0 = symbol;
                    true
                }
                None => false,
            })
        });
    }

    /// Keeps `sum <= bound`, if it is one between two or three symbols.
    pub(super) fn keep_sum(&mut self, sum: &Sum, bound: i64) {
        if let (2 | 3, Some(made)) = (sum.len(), Inequality::new(sum, bound)) {
            self.keep(made);
        }
    }
}

/// Puts an inequality in the place of a term of a sum: what is left, and by how much the sum and the inequality were multiplied for it.
fn replace(sum: &Sum, term: (Symbol, i64), inequality: &Inequality, by: i64) -> Option<(Sum, i64, i64)> {
    let (mut kept, mut added) = (by.abs(), term.1.abs());
    if kept != 1 {
        let common = gcd(added, kept);
        (kept, added) = (kept / common, added / common);
    }
    let mut rest = if kept == 1 { *sum } else { sum.times(kept)? };
    // The term itself goes first, so that there is room for the others.
    rest.add_term(term.0, by.checked_mul(added)?.checked_neg()?)?;
    for &(symbol, factor) in inequality.terms().iter().filter(|other| other.0 != term.0) {
        rest.add_term(symbol, factor.checked_mul(added)?.checked_neg()?)?;
    }
    Some((rest, kept, added))
}

/// A bound of a sum, rounded down to what its terms can be.
fn whole(sum: &Sum, bound: i128) -> i128 {
    if sum.terms().any(|term| term.1.abs() == 1) {
        return bound;
    }
    let divisor = i128::from(sum.divisor());
    if divisor <= 1 {
        return bound;
    }
    let constant = i128::from(sum.constant);
    (bound - constant).div_euclid(divisor) * divisor + constant
}

/// The least that a multiple of a symbol can be.
fn lowest(interval: Interval, factor: i64) -> i128 {
    i128::from(factor) * i128::from(if factor > 0 { interval.low } else { interval.high })
}

/// An interval of which `factor` times the number is at most `most`.
fn narrowed(old: Interval, factor: i64, most: i128) -> Interval {
    let factor = i128::from(factor);
    if factor > 0 {
        let high = most.div_euclid(factor);
        Interval {
            high: old.high.min(clamp(high)),
            low: if high < i128::from(old.low) { i64::MAX } else { old.low },
        }
    } else {
        let low = -most.div_euclid(-factor);
        Interval {
            low: old.low.max(clamp(low)),
            high: if low > i128::from(old.high) { i64::MIN } else { old.high },
        }
    }
}

/// The nearest number of 64 bits.
pub(super) fn clamp(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

/// Most inequalities; the search has a bit for each.
pub(super) const INEQUALITIES_MAX: usize = 48;
/// How many inequalities a proof may chain.
const SEARCH_DEPTH: u32 = 4;
/// How many steps a search may take.
const SEARCH_NODES: u32 = 48;
