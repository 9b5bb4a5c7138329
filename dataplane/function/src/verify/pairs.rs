//! Pairs of forms, one of each of two states that are joined: a symbol of the joined state stands for a pair, and a value there is what is the same
//! function of such pairs on both sides.

use super::form::{Form, Sum, Symbol, Term};

/// What a symbol of the joined state is in each of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pair {
    pub(super) old: Form,
    pub(super) new: Form,
    /// Whether it is no value of a state, but a part of one: then it may be beyond 64 bits.
    pub(super) is_part: bool,
}

/// One of the two states that are joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Old,
    New,
}

/// The pairs that the symbols of a joined state stand for.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pub(super) list: Vec<Pair>,
    /// Whether some constant differs: the first turn of a loop.
    pub(super) stepping: bool,
    /// Whether values are taken apart: into what they were and a number of steps, or into terms.
    pub(super) takes_apart: bool,
    /// Of each symbol of either state, the first and the last symbol that stand for it, and something added.
    places: [Vec<[Symbol; 2]>; 2],
}

impl Pair {
    pub(super) const fn on(&self, side: Side) -> Form {
        match side {
            Side::Old => self.old,
            Side::New => self.new,
        }
    }

    /// Whether it is nothing but a symbol of the old state, that has another number now.
    pub(super) fn is_old(&self) -> Option<(Symbol, i64)> {
        self.old.as_plain()
    }
}

impl Pairs {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.stepping = false;
    }

    /// A form that is the same function of a symbol of the joined state on both sides.
    pub(super) fn short(&self, a: Form, b: Form) -> Option<Form> {
        if a == b && a.as_constant().is_some() {
            return Some(a);
        }
        self.list.iter().enumerate().find_map(|(index, pair)| {
            let (factor, offset) = expressed(pair, a, b)?;
            symbol(index).times(factor)?.offset(offset)
        })
    }

    /// Where a loop turns for the first time, some constants have become others: their difference is a multiple of a symbol that counts, 0 on
    /// one side and 1 on the other. What has moved by a constant in the same turn is then what it was and a multiple of that symbol.
    pub(super) fn stepped(&mut self, a: Form, b: Form) -> Option<Form> {
        let (from, to) = (a.as_single()?, b.as_single()?);
        let by = b.constant.checked_sub(a.constant)?;
        if !(self.stepping && self.takes_apart) || from.factor != to.factor || by == 0 {
            return None;
        }
        let back = b.offset(by.checked_neg()?)?;
        let base = self.part(a, back);
        base.plus(self.counter().times(by)?, 1)
    }

    /// A form for a part of a value.
    fn part(&mut self, a: Form, b: Form) -> Form {
        self.short(a, b).unwrap_or_else(|| {
            let count = self.list.len();
            let form = self.new_form(a, b);
            self.list[count..].iter_mut().for_each(|pair| pair.is_part = true);
            form
        })
    }

    /// The symbol that is 0 on the old side and 1 on the new one.
    pub(super) fn counter(&mut self) -> Form {
        match self.counter_index() {
            Some(index) => Form::symbol(index),
            None => self.made(Form::constant(0), Form::constant(1)),
        }
    }

    pub(super) fn counter_index(&self) -> Option<Symbol> {
        let (old, new) = (Form::constant(0), Form::constant(1));
        let index = self.list.iter().position(|pair| (pair.old, pair.new) == (old, new));
        index.and_then(|index| Symbol::try_from(index).ok())
    }

    /// A form of a new symbol. It keeps a factor that both sides have, so that a stride is known.
    pub(super) fn new_form(&mut self, a: Form, b: Form) -> Form {
        if let (Some(from), Some(to)) = (a.as_constant(), b.as_constant()) {
            let steps = to.checked_sub(from).and_then(|by| self.counter().times(by));
            if let Some(form) = steps.and_then(|steps| steps.offset(from)) {
                return form;
            }
            return self.made(a, b);
        }
        let factor = match (a.as_single(), b.as_single()) {
            (Some(one), Some(other)) if one.factor == other.factor => i64::from(one.factor),
            (Some(one), None) if b.as_constant().is_some() => i64::from(one.factor),
            (None, Some(one)) if a.as_constant().is_some() => i64::from(one.factor),
            _ => 1,
        };
        if factor.abs() > 1 {
            let rest = a.constant.rem_euclid(factor);
            let divided = |form: Form| form.offset(-rest)?.divided(factor, true);
            let pair = divided(a).zip(divided(b));
            let made = pair.and_then(|(a, b)| self.made(a, b).times(factor)?.offset(rest));
            if let Some(form) = made {
                return form;
            }
        }
        self.made(a, b)
    }

    pub(super) fn made(&mut self, old: Form, new: Form) -> Form {
        self.list.push(Pair { old, new, is_part: false });
        symbol(self.list.len() - 1)
    }

    /// As `form`, where one of them has two terms: it is a multiple of a symbol, or two of them, or a multiple and a rest that is short.
    pub(super) fn long(&mut self, a: Form, b: Form) -> Form {
        if let Some(form) = self.short(a, b).or_else(|| self.sum_of_two(a, b)) {
            return form;
        }
        if !self.takes_apart {
            return self.made(a, b);
        }
        for index in 0..self.list.len() {
            if let Some(form) = self.peeled(index, a, b) {
                return form;
            }
        }
        if let [Some(first), Some(second)] = aligned(a, b) {
            let one = self.part(first.0, first.1);
            let other = self.part(second.0, second.1);
            if let Some(form) = one.plus(other, 1) {
                return form;
            }
        }
        self.made(a, b)
    }

    /// The sum of two symbols that are there already.
    pub(super) fn sum_of_two(&self, a: Form, b: Form) -> Option<Form> {
        for (index, pair) in self.list.iter().enumerate() {
            let (Some(a), Some(b)) = (a.plus(pair.old, -1), b.plus(pair.new, -1)) else { continue };
            let rest = self.list[index..].iter().enumerate().find_map(|(other, pair)| {
                let (factor, offset) = expressed(pair, a, b)?;
                symbol(index + other).times(factor)?.offset(offset)
            });
            if let Some(form) = rest.and_then(|rest| symbol(index).plus(rest, 1)) {
                return Some(form);
            }
        }
        None
    }

    /// A multiple of a symbol that is there, and a short rest.
    pub(super) fn peeled(&mut self, index: usize, a: Form, b: Form) -> Option<Form> {
        let pair = self.list[index];
        let own = pair.old.as_single()?;
        let factor = quotient(a, own.symbol, own.factor)?;
        let before = a.terms().len() + b.terms().len();
        let (a, b) = (a.plus(pair.old, -factor)?, b.plus(pair.new, -factor)?);
        // Both have to become shorter, or their range is lost for nothing.
        if a.terms().len() == 2 || b.terms().len() == 2 || a.terms().len() + b.terms().len() + 2 > before {
            return None;
        }
        let rest = self.part(a, b);
        symbol(index).times(factor)?.plus(rest, 1)
    }

    /// Whether a symbol is not the first one that stands for a symbol of the old state, or stands for a sum now. Asked for after `find_places`.
    pub(super) fn is_born(&self, index: usize) -> bool {
        let pair = &self.list[index];
        let Some((old, _)) = pair.is_old() else { return true };
        pair.new.terms().len() > 1 || usize::from(self.places[0][usize::from(old)][0]) != index
    }

    /// Whether each symbol of the old state has one symbol that stands for it, or none, and nothing else has.
    pub(super) fn is_renaming(&self) -> bool {
        let own = |(index, pair): (usize, &Pair)| {
            pair.is_old().is_some_and(|(old, _)| usize::from(self.places[0][usize::from(old)][0]) == index)
        };
        self.list.iter().enumerate().all(own)
    }

    /// Finds the symbols that stand for those of either state.
    pub(super) fn find_places(&mut self, counts: [usize; 2]) {
        for (side, (places, count)) in
            [Side::Old, Side::New].into_iter().zip(self.places.iter_mut().zip(counts))
        {
            places.clear();
            places.resize(count, [NOWHERE; 2]);
            for (index, pair) in (0..).zip(&self.list) {
                if let Some((symbol, _)) = pair.on(side).as_plain() {
                    let place = &mut places[usize::from(symbol)];
                    *place = [if place[0] == NOWHERE { index } else { place[0] }, index];
                }
            }
        }
    }

    /// A sum over symbols of one of the two states as one over symbols of the joined state, with the first symbol that stands for each, or the
    /// last one; and whether these differ. Asked for after `find_places`.
    pub(super) fn translated(&self, terms: &[(Symbol, i64)], last: bool, side: Side) -> Option<(Sum, bool)> {
        let mut sum = Sum::constant(0);
        let mut twice = false;
        for &(there, factor) in terms {
            let [first, end] = self.places[usize::from(side == Side::New)][usize::from(there)];
            if first == NOWHERE {
                return None;
            }
            twice |= first != end;
            let symbol = if last { end } else { first };
            let (_, offset) = self.list[usize::from(symbol)].on(side).as_plain()?;
            sum.add_term(symbol, factor)?;
            sum.constant = sum.constant.checked_sub(factor.checked_mul(offset)?)?;
        }
        Some((sum, twice))
    }

    /// A sum over symbols of the joined state as one over symbols of one of the two.
    pub(super) fn substituted(&self, sum: &Sum, side: Side) -> Option<Sum> {
        let mut there = Sum::constant(sum.constant);
        for (symbol, factor) in sum.terms() {
            there.add(&self.list[usize::from(symbol)].on(side), factor)?;
        }
        Some(there)
    }
}

/// How a pair of forms is made of a symbol of the joined state: a factor and an offset, the same on both sides.
pub(super) fn expressed(pair: &Pair, a: Form, b: Form) -> Option<(i64, i64)> {
    let factor = match (pair.old.terms().first(), pair.new.terms().first()) {
        (Some(own), _) => quotient(a, own.symbol, own.factor)?,
        (None, Some(own)) => quotient(b, own.symbol, own.factor)?,
        (None, None) => {
            let (own, by) =
                (pair.new.constant.checked_sub(pair.old.constant)?, b.constant.checked_sub(a.constant)?);
            by.checked_rem(own).filter(|&rest| rest == 0).and_then(|_| by.checked_div(own))?
        }
    };
    if factor == 0 {
        return None;
    }
    let (a, b) = (a.plus(pair.old, factor.checked_neg()?)?, b.plus(pair.new, factor.checked_neg()?)?);
    let offset = a.as_constant()?;
    (b.as_constant()? == offset).then_some((factor, offset))
}

/// How many times a form has a term.
fn quotient(form: Form, symbol: Symbol, factor: i32) -> Option<i64> {
    let own = form.terms().iter().find(|term| term.symbol == symbol)?;
    let (own, factor) = (i64::from(own.factor), i64::from(factor));
    (own % factor == 0).then(|| own / factor)
}

/// The terms of two forms side by side, those with the same factors, if it is clear which belong together. Constants go with the first.
fn aligned(a: Form, b: Form) -> [Option<(Form, Form)>; 2] {
    let ([one, two], [first, second]) = (a.terms(), b.terms()) else { return [None; 2] };
    if one.factor == two.factor {
        return [None; 2];
    }
    let (first, second) = if one.factor == first.factor { (first, second) } else { (second, first) };
    if one.factor != first.factor || two.factor != second.factor {
        return [None; 2];
    }
    let term = |term: &Term| Form::symbol(term.symbol).times(term.factor.into());
    let with = |form: Option<Form>, constant: i64| form.and_then(|form| form.offset(constant));
    let pair = |a: Option<Form>, b: Option<Form>| a.zip(b);
    [pair(with(term(one), a.constant), with(term(first), b.constant)), pair(term(two), term(second))]
}

pub(super) fn symbol(index: usize) -> Form {
    Form::symbol(Symbol::try_from(index).expect("there are fewer than values"))
}

/// The place of a symbol that nothing stands for.
const NOWHERE: Symbol = Symbol::MAX;
