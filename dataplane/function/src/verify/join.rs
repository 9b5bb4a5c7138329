//! Joins: what is known where two ways meet. The symbols of the two states have nothing to do with each other: a symbol of the joined state
//! stands for a pair of forms, one of each state, and a value of the joined state is what is the same function of such pairs on both sides.

use super::facts::{Facts, Interval, clamp};
use super::flow::{FRAME_POINTER, Registers};
use super::form::{Form, Sum, Symbol};
use super::stack::Frame;
use super::state::State;
use super::value::{Absence, Place, Region, RegionKind, Value};

/// Scratch of joins, kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct Join {
    pub(super) pairs: Vec<Pair>,
    regions: Vec<[u16; 2]>,
    /// Forms of two terms, which are settled when all others are.
    later: Vec<(Spot, Form, Form)>,
    /// Values whose symbols have just been made.
    values: Vec<Value>,
    /// Whether some constant differs: the first turn of a loop.
    stepping: bool,
    /// Whether the first state does not cover the second one.
    pub(super) changed: bool,
}

/// What a symbol of the joined state is in each of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pair {
    pub(super) old: Form,
    pub(super) new: Form,
}

/// Where a value stands in a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Spot {
    Register(usize),
    Saved(usize, usize),
    Slot(usize, usize),
    View(usize, usize),
}

impl Pair {
    /// Whether it is nothing but a symbol of the old state, that has another number now.
    fn is_old(&self) -> Option<(Symbol, i64)> {
        self.old.as_plain()
    }
}

impl Join {
    /// Joins the new state into the old one. False if the old state covers the new one; else the result is in `joined`. What registers hold that
    /// do not matter is forgotten. `inputs` is the number of regions of the hook.
    #[expect(clippy::too_many_arguments, reason = "two states, the result, and how")]
    pub(super) fn join(
        &mut self,
        old: &State,
        new: &State,
        live: Registers,
        inputs: usize,
        widen: Option<&Widening<'_>>,
        joins: u32,
        joined: &mut State,
    ) -> bool {
        self.locations(old, new, live, inputs, joined);
        self.intervals(&old.facts, &new.facts, widen, joined);
        self.inequalities(&old.facts, &new.facts, widen, &mut joined.facts);
        let births =
            joins == 0 || joins < JOINS_BORN && (0..self.pairs.len()).any(|index| self.is_born(index));
        if self.changed && births {
            self.born(&old.facts, &new.facts, joined);
        }
        self.changed
    }

    /// Finds the symbols of the joined state, and puts values in their places.
    fn locations(&mut self, old: &State, new: &State, live: Registers, inputs: usize, joined: &mut State) {
        self.pairs.clear();
        self.regions.clear();
        self.later.clear();
        self.changed = false;
        joined.regions.clear();
        joined.facts.clear();
        joined.shifted = None;
        for symbol in 0..inputs {
            let form = Form::symbol(Symbol::try_from(symbol).unwrap_or(Symbol::MAX));
            self.pairs.push(Pair { old: form, new: form });
        }
        for region in 0..inputs + 2 {
            let region = u16::try_from(region).unwrap_or(u16::MAX);
            self.regions.push([region, region]);
            joined.regions.push(old.region(region));
        }
        let live = live | FRAME_POINTER;
        self.stepping = (0..old.registers.len()).filter(|index| live >> index & 1 == 1).any(|index| {
            let constant =
                |value: Value| if let Value::Number(form) = value { form.as_constant() } else { None };
            let pair = (constant(old.registers[index]), constant(new.registers[index]));
            matches!(pair, (Some(a), Some(b)) if a != b)
        });
        for index in 0..old.registers.len() {
            joined.registers[index] = if live >> index & 1 == 1 {
                self.value(
                    old,
                    new,
                    old.registers[index],
                    new.registers[index],
                    Spot::Register(index),
                    joined,
                )
            } else {
                Value::UNSET
            };
        }
        joined.frames.truncate(old.frames.len());
        joined.frames.resize_with(old.frames.len(), Frame::default);
        for index in 0..old.frames.len() {
            self.frame(old, new, index, joined);
        }
        while let Some((spot, a, b)) = self.later.pop() {
            let form = self.long(a, b);
            place(joined, spot, form);
        }
        self.note_renamed();
    }

    fn frame(&mut self, old: &State, new: &State, index: usize, joined: &mut State) {
        let (a, b) = (&old.frames[index], &new.frames[index]);
        joined.frames[index].enter(a.function, [Value::UNSET; 4]);
        let (initialised, pointers) = (a.initialised.and(&b.initialised), a.pointers.or(&b.pointers));
        self.changed |= initialised != a.initialised || pointers != a.pointers;
        joined.frames[index].initialised = initialised;
        joined.frames[index].pointers = pointers;
        for saved in 0..4 {
            let spot = Spot::Saved(index, saved);
            joined.frames[index].saved[saved] =
                self.value(old, new, a.saved[saved], b.saved[saved], spot, joined);
        }
        for &(slot, held) in &a.slots {
            let value = match b.slot(slot) {
                Some(other) => {
                    let spot = Spot::Slot(index, joined.frames[index].slots.len());
                    self.value(old, new, held, other, spot, joined)
                }
                None => Value::UNSET,
            };
            if matches!(value, Value::Nothing(_)) {
                self.changed = true;
            } else {
                joined.frames[index].slots.push((slot, value));
            }
        }
        for &(at, region) in &a.views {
            let other = b.views.iter().find(|view| self.same_place(at, view.0, &b.views)).copied();
            let Some((other_at, other)) = other else {
                self.changed = true;
                continue;
            };
            let region = self.region(old, new, region, other, joined);
            if at.as_constant().is_none() {
                self.later.push((Spot::View(index, joined.frames[index].views.len()), at, other_at));
            }
            joined.frames[index].views.push((at, region));
        }
    }

    /// Whether two places of views are the same as far as is seen so far: constants alike, or forms that are made alike.
    fn same_place(&self, old: Form, new: Form, _all: &[(Form, u16)]) -> bool {
        match (old.as_constant(), new.as_constant()) {
            (Some(old), Some(new)) => old == new,
            (None, None) => self.pairs.iter().any(|pair| expressed(pair, old, new).is_some()),
            _ => false,
        }
    }

    fn value(
        &mut self,
        old: &State,
        new: &State,
        a: Value,
        b: Value,
        spot: Spot,
        joined: &mut State,
    ) -> Value {
        let made = match (a, b) {
            (Value::Number(a), Value::Number(b)) => Value::Number(self.form(a, b, spot)),
            (Value::Pointer(place, a), Value::Pointer(other, b)) => {
                let place = match (place, other) {
                    (Place::Memory(a), Place::Memory(b)) => {
                        Place::Memory(self.region(old, new, a, b, joined))
                    }
                    (place, other) if place == other => place,
                    _ => {
                        self.changed = true;
                        return Value::Nothing(Absence::Mixed);
                    }
                };
                Value::Pointer(place, self.form(a, b, spot))
            }
            (Value::View(a), Value::View(b)) if a == b => Value::View(a),
            (Value::Nothing(absence), _) => Value::Nothing(absence),
            (_, Value::Nothing(absence)) => Value::Nothing(absence),
            _ => Value::Nothing(Absence::Mixed),
        };
        self.changed |= matches!(made, Value::Nothing(_)) && !matches!(a, Value::Nothing(_));
        made
    }

    /// The region of the joined state that stands for two of them.
    fn region(&mut self, old: &State, new: &State, a: u16, b: u16, joined: &mut State) -> u16 {
        if let Some(found) = self.regions.iter().position(|pair| *pair == [a, b]) {
            return u16::try_from(found).unwrap_or(u16::MAX);
        }
        let (one, other) = (old.region(a), new.region(b));
        let kind = if one.kind == other.kind { one.kind } else { RegionKind::Mixed };
        let writable = one.writable && other.writable;
        let length =
            self.short(one.length, other.length).unwrap_or_else(|| self.made(one.length, other.length));
        // A region of the old state that stands for one more now has split.
        self.changed |=
            kind != one.kind || writable != one.writable || self.regions.iter().any(|pair| pair[0] == a);
        self.regions.push([a, b]);
        joined.regions.push(Region { kind, length, writable });
        u16::try_from(self.regions.len() - 1).expect("there are fewer than values")
    }

    /// The form of the joined state that stands for two of them.
    fn form(&mut self, a: Form, b: Form, spot: Spot) -> Form {
        if a.terms().len() == 2 || b.terms().len() == 2 {
            self.later.push((spot, a, b));
            return a;
        }
        self.short(a, b).unwrap_or_else(|| self.stepped(a, b).unwrap_or_else(|| self.new_form(a, b)))
    }

    /// A form that is the same function of a symbol of the joined state on both sides.
    fn short(&self, a: Form, b: Form) -> Option<Form> {
        if a == b && a.as_constant().is_some() {
            return Some(a);
        }
        self.pairs.iter().enumerate().find_map(|(index, pair)| {
            let (factor, offset) = expressed(pair, a, b)?;
            symbol(index).times(factor)?.offset(offset)
        })
    }

    /// Where a loop turns for the first time, some constants have become others: their difference is a multiple of a symbol that counts, 0 on
    /// one side and 1 on the other. What has moved by a constant in the same turn is then what it was and a multiple of that symbol.
    fn stepped(&mut self, a: Form, b: Form) -> Option<Form> {
        let (from, to) = (a.as_single()?, b.as_single()?);
        let by = b.constant.checked_sub(a.constant)?;
        if !self.stepping || from.factor != to.factor || by == 0 {
            return None;
        }
        let back = b.offset(by.checked_neg()?)?;
        let base = self.short(a, back).unwrap_or_else(|| self.new_form(a, back));
        base.plus(self.counter().times(by)?, 1)
    }

    /// The symbol that is 0 on the old side and 1 on the new one.
    fn counter(&mut self) -> Form {
        let (old, new) = (Form::constant(0), Form::constant(1));
        match self.pairs.iter().position(|pair| (pair.old, pair.new) == (old, new)) {
            Some(index) => symbol(index),
            None => self.made(old, new),
        }
    }

    /// A form of a new symbol. It keeps a factor that both sides have, so that a stride is known.
    fn new_form(&mut self, a: Form, b: Form) -> Form {
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

    fn made(&mut self, old: Form, new: Form) -> Form {
        self.pairs.push(Pair { old, new });
        symbol(self.pairs.len() - 1)
    }

    /// As `form`, where one of them has two terms: it is a multiple of a symbol, or two of them, or a multiple and a rest that is short.
    fn long(&mut self, a: Form, b: Form) -> Form {
        if let Some(form) = self.short(a, b).or_else(|| self.sum_of_two(a, b)) {
            return form;
        }
        for index in 0..self.pairs.len() {
            if let Some(form) = self.peeled(index, a, b) {
                return form;
            }
        }
        if let [Some(first), Some(second)] = aligned(a, b) {
            let one = self.short(first.0, first.1).unwrap_or_else(|| self.new_form(first.0, first.1));
            let other = self.short(second.0, second.1).unwrap_or_else(|| self.new_form(second.0, second.1));
            if let Some(form) = one.plus(other, 1) {
                return form;
            }
        }
        self.made(a, b)
    }

    /// The sum of two symbols that are there already.
    fn sum_of_two(&self, a: Form, b: Form) -> Option<Form> {
        for (index, pair) in self.pairs.iter().enumerate() {
            let (Some(a), Some(b)) = (a.plus(pair.old, -1), b.plus(pair.new, -1)) else { continue };
            let rest = self.pairs[index..].iter().enumerate().find_map(|(other, pair)| {
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
    fn peeled(&mut self, index: usize, a: Form, b: Form) -> Option<Form> {
        let pair = self.pairs[index];
        let own = pair.old.as_single()?;
        let factor = quotient(a, own.symbol, own.factor)?;
        let (a, b) = (a.plus(pair.old, -factor)?, b.plus(pair.new, -factor)?);
        if a.terms().len() == 2 || b.terms().len() == 2 {
            return None;
        }
        let rest = self.short(a, b).unwrap_or_else(|| self.new_form(a, b));
        symbol(index).times(factor)?.plus(rest, 1)
    }

    /// Notes a change if a symbol of the old state stands for two now, or has become a constant or a longer form of others.
    fn note_renamed(&mut self) {
        for (index, pair) in self.pairs.iter().enumerate() {
            let old = pair.is_old();
            let twice = |other: &Pair| other.is_old().map(|old| old.0) == old.map(|old| old.0);
            self.changed |= old.is_none() || self.pairs[..index].iter().any(twice);
        }
    }

    /// The intervals of the joined symbols.
    fn intervals(&mut self, old: &Facts, new: &Facts, widen: Option<&Widening<'_>>, joined: &mut State) {
        for (index, pair) in self.pairs.iter().enumerate() {
            let was = old.range(&pair.old);
            let mut both = was.union(new.range(&pair.new));
            if both != was {
                // It may be only the plain interval that is wider.
                both = was.union(new.close_range(&pair.new));
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
    fn inequalities(&mut self, old: &Facts, new: &Facts, widen: Option<&Widening<'_>>, joined: &mut Facts) {
        for inequality in &old.inequalities {
            let mut found = false;
            for last in [false, true] {
                let Some((sum, twice)) = self.translated(inequality.terms(), last, |pair| pair.old) else {
                    break;
                };
                let bound = inequality.bound;
                if last && !twice {
                    break;
                }
                let Some(there) = self.substituted(&sum, |pair| pair.new) else { continue };
                let most = new.upper(&there, i128::from(bound));
                let kept = if most <= i128::from(bound) {
                    Some(bound)
                } else {
                    self.changed = true;
                    match widen {
                        Some(widen) => widen.bound(clamp(most)),
                        None => Some(clamp(most)),
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
    fn born(&mut self, old: &Facts, new: &Facts, joined: &mut State) {
        for inequality in &new.inequalities {
            let Some((sum, _)) = self.translated(inequality.terms(), false, |pair| pair.new) else {
                continue;
            };
            let Some(there) = self.substituted(&sum, |pair| pair.old) else { continue };
            let most = old.upper(&there, i128::from(inequality.bound)).max(i128::from(inequality.bound));
            if joined.facts.highest(&sum) > most {
                joined.facts.keep_sum(&sum, clamp(most));
            }
        }
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        let is_born = |symbol: Symbol| self.is_born(usize::from(symbol));
        let made = joined.values().filter(|value| {
            value.form().is_some_and(|form| form.terms().iter().any(|term| is_born(term.symbol)))
        });
        values.extend(made.take(VALUES));
        for value in &values {
            match *value {
                Value::Pointer(Place::Memory(region), form) => {
                    let length = joined.region(region).length;
                    self.candidate(old, new, form, length, &mut joined.facts);
                }
                Value::Number(form) => {
                    let own = form.as_single();
                    let others = (0..self.pairs.len().min(OTHERS))
                        .filter(|&other| own.is_some_and(|own| usize::from(own.symbol) != other));
                    for other in others {
                        self.candidate(old, new, form, symbol(other), &mut joined.facts);
                    }
                }
                _ => {}
            }
        }
        self.values = values;
    }

    /// Whether a symbol is not the only one that stands for a symbol of the old state.
    fn is_born(&self, index: usize) -> bool {
        let Some((old, _)) = self.pairs[index].is_old() else { return true };
        self.pairs[..index].iter().any(|other| other.is_old().is_some_and(|other| other.0 == old))
    }

    /// Keeps `left - right <= bound`, if something is known of that.
    fn candidate(&self, old: &Facts, new: &Facts, left: Form, right: Form, joined: &mut Facts) {
        let Some(sum) = Sum::difference(left, right) else { return };
        if !(2..=3).contains(&sum.len()) {
            return;
        }
        let (Some(there), Some(here)) =
            (self.substituted(&sum, |pair| pair.old), self.substituted(&sum, |pair| pair.new))
        else {
            return;
        };
        let trivial = joined.highest(&sum);
        let most = old.upper(&there, i128::MIN);
        if most >= trivial {
            return;
        }
        let most = most.max(new.upper(&here, most));
        if most < trivial {
            joined.keep_sum(&sum, clamp(most));
        }
    }

    /// A sum over symbols of one of the two states as one over symbols of the joined state, with the first symbol that stands for each, or the
    /// last one; and whether these differ.
    fn translated(
        &self,
        terms: &[(Symbol, i64)],
        last: bool,
        side: impl Fn(&Pair) -> Form,
    ) -> Option<(Sum, bool)> {
        let mut sum = Sum::constant(0);
        let mut twice = false;
        for &(symbol_there, factor) in terms {
            let is = |pair: &Pair| side(pair).as_plain().is_some_and(|plain| plain.0 == symbol_there);
            let first = self.pairs.iter().position(is)?;
            let end = self.pairs.iter().rposition(is)?;
            twice |= first != end;
            let index = if last { end } else { first };
            let (_, offset) = side(&self.pairs[index]).as_plain()?;
            sum.add_term(Symbol::try_from(index).ok()?, factor)?;
            sum.constant = sum.constant.checked_sub(factor.checked_mul(offset)?)?;
        }
        Some((sum, twice))
    }

    /// A sum over symbols of the joined state as one over symbols of one of the two.
    fn substituted(&self, sum: &Sum, side: impl Fn(&Pair) -> Form) -> Option<Sum> {
        let mut there = Sum::constant(sum.constant);
        for (symbol, factor) in sum.terms() {
            there.add(&side(&self.pairs[usize::from(symbol)]), factor)?;
        }
        Some(there)
    }
}

/// How far things are widened that change with each turn of a loop.
#[derive(Debug)]
pub(super) struct Widening<'a> {
    /// Numbers that the loop compares with, ascending; empty if it has turned too often.
    pub(super) steps: &'a [i64],
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
        for (factor, offset) in multiples.chain([(1, 0)]) {
            for &step in self.steps {
                let Some(step) = step.checked_sub(offset) else { continue };
                let step = step.div_euclid(factor);
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

/// How a pair of forms is made of a symbol of the joined state: a factor and an offset, the same on both sides.
fn expressed(pair: &Pair, a: Form, b: Form) -> Option<(i64, i64)> {
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
    let term = |term: &super::form::Term| Form::symbol(term.symbol).times(term.factor.into());
    let with = |form: Option<Form>, constant: i64| form.and_then(|form| form.offset(constant));
    let pair = |a: Option<Form>, b: Option<Form>| a.zip(b);
    [pair(with(term(one), a.constant), with(term(first), b.constant)), pair(term(two), term(second))]
}

/// Puts a form in its place.
fn place(state: &mut State, spot: Spot, form: Form) {
    let value = match spot {
        Spot::Register(index) => &mut state.registers[index],
        Spot::Saved(frame, index) => &mut state.frames[frame].saved[index],
        Spot::Slot(frame, index) => &mut state.frames[frame].slots[index].1,
        Spot::View(frame, index) => {
            state.frames[frame].views[index].0 = form;
            return;
        }
    };
    if let Some(to) = value.form_mut() {
        *to = form;
    }
}

fn symbol(index: usize) -> Form {
    Form::symbol(Symbol::try_from(index).expect("there are fewer than values"))
}

/// Bounds that are weakened to before they are given up.
const BOUNDS: [i64; 4] = [-8, -4, -1, 0];
/// Joins after which nothing new is looked for.
const JOINS_BORN: u32 = 6;
/// Most values that inequalities are looked for, and symbols that a number is compared with.
const VALUES: usize = 32;
const OTHERS: usize = 24;
