//! Joins: what is known where two ways meet. The symbols of the two states have nothing to do with each other: a symbol of the joined state
//! stands for a pair of forms, one of each state, and a value of the joined state is what is the same function of such pairs on both sides.

use super::facts::ANY;
use super::flow::{FRAME_POINTER, Registers};
use super::form::{Form, Symbol};
use super::pairs::{Pair, Pairs, expressed};
use super::relate::Widening;
use super::stack::Frame;
use super::state::State;
use super::value::{Absence, LENGTH_MAX, Place, Region, RegionKind, Value};
use super::walk::SEARCHES;

/// Scratch of joins, kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct Join {
    pub(super) pairs: Pairs,
    regions: Vec<[u16; 2]>,
    /// Forms of two terms, which are settled when all others are.
    later: Vec<(Spot, Form, Form)>,
    /// Values whose symbols have just been made.
    pub(super) values: Vec<Value>,
    /// Factors of the symbol that counts.
    pub(super) factors: Vec<i64>,
    /// Whether the first state does not cover the second one.
    pub(super) changed: bool,
    /// Whether new inequalities were looked for.
    pub(super) bore: bool,
}

/// Where a value stands in a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Spot {
    Register(usize),
    Saved(usize, usize),
    Slot(usize, usize),
    View(usize, usize),
}

impl Join {
    /// Joins the new state into the old one. False if the old state covers the new one; else the result is in `joined`. What registers hold that
    /// do not matter is forgotten. `inputs` is the number of regions of the hook, `births` how often new inequalities were looked for here.
    #[expect(clippy::too_many_arguments, reason = "two states, the result, and how")]
    pub(super) fn join(
        &mut self,
        old: &State,
        new: &State,
        live: Registers,
        inputs: usize,
        widen: Option<&Widening<'_>>,
        births: u32,
        joined: &mut State,
    ) -> bool {
        self.pairs.takes_apart = true;
        self.locations(old, new, live, inputs, joined);
        // Symbols are numbers of 64 bits. What is not is not taken apart.
        let whole = |pair: &Pair| old.facts.fits(&pair.old, ANY) && new.facts.fits(&pair.new, ANY);
        if !self.pairs.list.iter().all(|pair| !pair.is_part || whole(pair)) {
            self.pairs.takes_apart = false;
            self.locations(old, new, live, inputs, joined);
        }
        self.pairs.find_places([old.facts.intervals.len(), new.facts.intervals.len()]);
        // A symbol of the old state that stands for two now, or has become a constant or a longer form of others.
        self.changed |= !self.pairs.is_renaming();
        self.intervals(&old.facts, &new.facts, widen, joined);
        self.inequalities(&old.facts, &new.facts, widen, &mut joined.facts);
        let looks = births == 0
            || births < BIRTHS_MAX && (0..self.pairs.list.len()).any(|index| self.pairs.is_born(index));
        self.bore = self.changed && looks;
        if self.bore {
            self.born(&old.facts, &new.facts, joined);
        }
        self.changed
    }

    /// What the last join cost, and all searches since, in steps.
    pub(super) fn take_work(&self, new: &State, old: &State, joined: &State) -> u32 {
        let searches = new.facts.take_work() + old.facts.take_work() + joined.facts.take_work();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (pairs, slots) =
            (count(self.pairs.list.len()), count(joined.frames.iter().map(|f| f.slots.len()).sum()));
        let facts = count(old.facts.inequalities.len() + joined.facts.inequalities.len());
        JOIN_STEPS + pairs * pairs / 4 + pairs + slots / 2 + facts + searches / SEARCHES
    }

    /// Finds the symbols of the joined state, and puts values in their places.
    fn locations(&mut self, old: &State, new: &State, live: Registers, inputs: usize, joined: &mut State) {
        self.pairs.clear();
        self.regions.clear();
        self.later.clear();
        self.changed = false;
        joined.regions.clear();
        joined.facts.clear();
        joined.forget();
        for symbol in 0..inputs {
            let form = Form::symbol(Symbol::try_from(symbol).unwrap_or(Symbol::MAX));
            self.pairs.list.push(Pair { old: form, new: form, is_part: false });
        }
        for region in 0..inputs + 2 {
            let region = u16::try_from(region).unwrap_or(u16::MAX);
            self.regions.push([region, region]);
            joined.regions.push(old.region(region));
        }
        let live = live | FRAME_POINTER;
        self.pairs.stepping = (0..old.registers.len()).filter(|index| live >> index & 1 == 1).any(|index| {
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
        for index in 0..self.later.len() {
            let (spot, a, b) = self.later[index];
            let form = self.pairs.long(a, b);
            put(joined, spot, form);
        }
    }

    fn frame(&mut self, old: &State, new: &State, index: usize, joined: &mut State) {
        let (a, b) = (&old.frames[index], &new.frames[index]);
        joined.frames[index].enter(a.function, [Value::UNSET; 4]);
        let (initialised, pointers) = (a.initialised.and(&b.initialised), a.pointers.or(&b.pointers));
        let touched = a.touched.or(&b.touched);
        self.changed |= initialised != a.initialised || pointers != a.pointers || touched != a.touched;
        joined.frames[index].initialised = initialised;
        joined.frames[index].touched = touched;
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
            let other = b.views.iter().find(|view| self.same_place(at, view.0)).copied();
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
    fn same_place(&self, old: Form, new: Form) -> bool {
        match (old.as_constant(), new.as_constant()) {
            (Some(old), Some(new)) => old == new,
            (None, None) => self.pairs.list.iter().any(|pair| expressed(pair, old, new).is_some()),
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
                match self.place(old, new, place, other, joined) {
                    Some(place) => Value::Pointer(place, self.form(a, b, spot)),
                    None => Value::Nothing(Absence::Mixed),
                }
            }
            (Value::Half(place, a), Value::Half(other, b)) => {
                match self.place(old, new, place, other, joined) {
                    Some(place) => Value::Half(place, self.form(a, b, spot)),
                    None => Value::Nothing(Absence::Mixed),
                }
            }
            (Value::View(a), Value::View(b)) if a == b => Value::View(a),
            (Value::Nothing(absence), _) => Value::Nothing(absence),
            (_, Value::Nothing(absence)) => Value::Nothing(absence),
            _ => match (target(a), target(b)) {
                (Some(into), Some(other)) => {
                    self.changed |= !matches!(a, Value::Maybe(..));
                    self.maybe(old, new, into, other, spot, joined)
                }
                _ => Value::Nothing(Absence::Mixed),
            },
        };
        self.changed |= matches!(made, Value::Nothing(_)) && !matches!(a, Value::Nothing(_));
        made
    }

    /// What pointers on both sides point into, if that is one thing.
    fn place(
        &mut self,
        old: &State,
        new: &State,
        place: Place,
        other: Place,
        joined: &mut State,
    ) -> Option<Place> {
        match (place, other) {
            (Place::Memory(a), Place::Memory(b)) => Some(Place::Memory(self.region(old, new, a, b, joined))),
            (place, other) => (place == other).then_some(place),
        }
    }

    /// A pointer that may be null on one side, or on both. Where it is null for sure it does not matter what it would point to: to the start or the
    /// end of memory that is long enough for whatever is known on the other side.
    fn maybe(
        &mut self,
        old: &State,
        new: &State,
        a: Option<(u16, Form)>,
        b: Option<(u16, Form)>,
        spot: Spot,
        joined: &mut State,
    ) -> Value {
        let stand_in =
            |region: Region, form: Form| Form::constant(if form == region.length { LENGTH_MAX } else { 0 });
        let (into, other) = (a.map_or(NOWHERE, |a| a.0), b.map_or(NOWHERE, |b| b.0));
        let region = self.region(old, new, into, other, joined);
        let form = match (a, b) {
            (Some((_, a)), Some((_, b))) => self.form(a, b, spot),
            (Some((region, a)), None) => self.form(a, stand_in(old.region(region), a), spot),
            (None, Some((region, b))) => self.form(stand_in(new.region(region), b), b, spot),
            (None, None) => unreachable!("numbers are joined as such"),
        };
        Value::Maybe(region, form)
    }

    /// The region of the joined state that stands for two of them.
    fn region(&mut self, old: &State, new: &State, a: u16, b: u16, joined: &mut State) -> u16 {
        if let Some(found) = self.regions.iter().position(|pair| *pair == [a, b]) {
            return u16::try_from(found).unwrap_or(u16::MAX);
        }
        let nowhere = |region: Region| Region { length: Form::constant(LENGTH_MAX), ..region };
        let (one, other) = match (a, b) {
            (NOWHERE, b) => (nowhere(new.region(b)), new.region(b)),
            (a, NOWHERE) => (old.region(a), nowhere(old.region(a))),
            (a, b) => (old.region(a), new.region(b)),
        };
        let kind = if one.kind == other.kind { one.kind } else { RegionKind::Mixed };
        let writable = one.writable && other.writable;
        let length = self
            .pairs
            .short(one.length, other.length)
            .unwrap_or_else(|| self.pairs.made(one.length, other.length));
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
        let known = self.pairs.short(a, b).or_else(|| self.pairs.stepped(a, b));
        // What has another shape on each side may be the sum of two others, as an end that moves on with its start.
        let factor = |form: Form| form.as_single().map(|term| term.factor);
        let known = known.or_else(|| if factor(a) == factor(b) { None } else { self.pairs.sum_of_two(a, b) });
        known.unwrap_or_else(|| self.pairs.new_form(a, b))
    }
}

/// The region that a value points into, none if it is null, if it is one of these.
fn target(value: Value) -> Option<Option<(u16, Form)>> {
    match value {
        Value::Pointer(Place::Memory(region), form) | Value::Maybe(region, form) => {
            Some(Some((region, form)))
        }
        value => value.is_null().then_some(None),
    }
}

/// Puts a form in its place.
fn put(state: &mut State, spot: Spot, form: Form) {
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

/// The region of a pointer that is null.
const NOWHERE: u16 = u16::MAX;
/// What a join costs in any case, in steps.
const JOIN_STEPS: u32 = 6;
/// How often new inequalities are looked for at the same place.
const BIRTHS_MAX: u32 = 6;
