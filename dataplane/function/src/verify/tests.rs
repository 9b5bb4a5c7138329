//! What is said of numbers holds for the numbers themselves: operations, conditions and joins on random facts, each with numbers that fulfil them.

use crate::arithmetic;
use crate::instruction::{Bytes, Condition, Operation, Size, Width};

use super::branch::Comparison;
use super::facts::{ANY, Facts, Interval};
use super::form::{Form, Sum, Symbol};
use super::join::Join;
use super::pairs::Pair;
use super::stack::Frame;
use super::state::State;
use super::value::{Place, Value};

/// Random numbers, the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, count: u64) -> u64 {
        (self.next() >> 11) % count
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    /// A number as programs have them: small, near a power of two, or any.
    fn number(&mut self) -> i64 {
        let near = i64::try_from(self.below(9)).unwrap() - 4;
        match self.below(6) {
            0 | 1 => near,
            2 => i64::try_from(self.below(1000)).unwrap(),
            3 => (1_i64 << self.below(63)).wrapping_add(near),
            4 => (-1_i64 << self.below(64)).wrapping_add(near),
            _ => self.next().cast_signed(),
        }
    }
}

/// Facts, and numbers for the symbols that fulfil them.
#[derive(Default)]
struct Model {
    state: State,
    numbers: Vec<i64>,
    /// The number of one symbol more.
    found: Option<(Symbol, i64)>,
}

impl Model {
    /// Some symbols, and inequalities between them.
    fn new(random: &mut Random) -> Self {
        let mut model = Self::default();
        model.state.frames.push(Frame::default());
        for _ in 0..3 {
            let number = random.number();
            let (low, high) = (random.number().min(number), random.number().max(number));
            model.state.facts.fresh(if random.below(8) == 0 { ANY } else { Interval::new(low, high) });
            model.numbers.push(number);
        }
        for _ in 0..random.below(4) {
            let (left, right) = (model.form(random), model.form(random));
            let (a, b) = (model.exact(&left), model.exact(&right));
            if let Ok(bound) = i64::try_from(a - b) {
                let bound = bound.saturating_add(i64::try_from(random.below(3)).unwrap());
                assert!(model.state.facts.assume_difference(left, right, bound));
            }
        }
        model
    }

    /// A form that is a number of 64 bits, as that of a value is.
    fn form(&self, random: &mut Random) -> Form {
        loop {
            let mut form = Form::constant(random.number());
            for _ in 0..random.below(3) {
                let symbol = Symbol::try_from(random.below(self.numbers.len() as u64)).unwrap();
                let factor = random.pick(&[1, 1, 1, -1, 2, 4, 8, 3]);
                form = form.plus(Form::symbol(symbol), factor).unwrap_or(form);
            }
            if i64::try_from(self.exact(&form)).is_ok() {
                return form;
            }
        }
    }

    fn exact(&self, form: &Form) -> i128 {
        let number = |symbol: Symbol| i128::from(self.numbers[usize::from(symbol)]);
        i128::from(form.constant)
            + form.terms().iter().map(|term| i128::from(term.factor) * number(term.symbol)).sum::<i128>()
    }

    fn value(&self, form: &Form) -> i64 {
        i64::try_from(self.exact(form)).expect("forms of values are numbers of 64 bits")
    }

    /// Gives a number to the symbol that is new in a form, so that it is this value. Symbols that were made on the way there are let go.
    fn solve(&mut self, form: &Form, value: i64) -> bool {
        let known = self.numbers.len();
        let (mut rest, mut factor) = (i128::from(value) - i128::from(form.constant), 0);
        for term in form.terms() {
            if usize::from(term.symbol) < known {
                rest -= i128::from(term.factor) * i128::from(self.numbers[usize::from(term.symbol)]);
            } else {
                factor += i128::from(term.factor);
            }
        }
        if factor == 0 {
            return rest == 0;
        }
        let new = form.terms().iter().find(|term| usize::from(term.symbol) >= known).unwrap();
        let Ok(number) = i64::try_from(rest / factor) else { return false };
        self.found = Some((new.symbol, number));
        rest % factor == 0
    }

    /// Whether the numbers fulfil all facts; symbols that nobody has given a number are let go.
    fn holds(&self) -> bool {
        holds(&self.state.facts, &self.numbers, self.found)
    }
}

fn holds(facts: &Facts, numbers: &[i64], found: Option<(Symbol, i64)>) -> bool {
    let number = |symbol: Symbol| match found {
        Some(found) if found.0 == symbol => Some(i128::from(found.1)),
        _ => numbers.get(usize::from(symbol)).copied().map(i128::from),
    };
    let within = |(symbol, interval): (Symbol, &Interval)| {
        number(symbol).is_none_or(|number| (interval.low.into()..=interval.high.into()).contains(&number))
    };
    (0..).zip(&facts.intervals).all(within)
        && facts.inequalities.iter().all(|inequality| {
            let terms =
                inequality.terms().iter().map(|&(symbol, factor)| Some(i128::from(factor) * number(symbol)?));
            terms.sum::<Option<i128>>().is_none_or(|sum| sum <= inequality.bound.into())
        })
}

#[test]
fn results_of_operations_are_what_is_said_of_them() {
    let mut random = Random(1);
    for round in 0..200_000 {
        let mut model = Model::new(&mut random);
        let (left, right) = (model.form(&mut random), model.form(&mut random));
        let (a, b) = (model.value(&left).cast_unsigned(), model.value(&right).cast_unsigned());
        let width = random.pick(&[Width::Word, Width::Double]);
        let size = random.pick(&[Size::Byte, Size::Half, Size::Word]);
        let (result, value, what) = match random.below(8) {
            0 => (model.state.facts.negate(width, left), arithmetic::negate(width, a), "negate".to_owned()),
            1 => {
                let value = arithmetic::extend(width, size, a);
                (model.state.facts.extend(width, size, left), value, format!("extend {size:?}"))
            }
            2 => {
                let bytes = random.pick(&[Bytes::Little, Bytes::Big, Bytes::Swap]);
                let size = if size == Size::Byte { Size::Double } else { size };
                let value = arithmetic::order(bytes, size, a);
                (model.state.facts.order(bytes, size, left), value, format!("order {bytes:?} {size:?}"))
            }
            _ => {
                let operation = random.pick(&Operation::ALL);
                let value = arithmetic::apply(operation, width, a, b);
                (model.state.facts.operate(operation, width, left, right), value, format!("{operation:?}"))
            }
        };
        let before = model.state.facts.intervals.clone();
        assert!(
            model.solve(&result, value.cast_signed()) && model.holds(),
            "round {round}: {what} {width:?} of {left:?} = {a:#x} and {right:?} = {b:#x} is {value:#x}, not {result:?} of {before:?} with {:?}",
            model.state.facts.inequalities
        );
    }
}

#[test]
fn what_holds_is_not_taken_for_impossible() {
    let mut random = Random(2);
    for round in 0..200_000 {
        let mut model = Model::new(&mut random);
        let (left, right) = (model.form(&mut random), model.form(&mut random));
        let (a, b) = (model.value(&left).cast_unsigned(), model.value(&right).cast_unsigned());
        let width = random.pick(&[Width::Word, Width::Double]);
        let condition = random.pick(&Condition::ALL);
        let holds = arithmetic::holds(condition, width, a, b);
        let condition = if holds { Some(condition) } else { super::branch::opposite(condition) };
        let Some(condition) = condition else { continue };
        let known = model.state.facts.clone();
        let assumed = model.state.assume(width, condition, Comparison::Numbers(left, right));
        assert!(
            assumed && model.holds(),
            "round {round}: {left:?} = {a:#x} {condition:?} {width:?} {right:?} = {b:#x}: {known:?} became {:?}",
            model.state.facts
        );
    }
}

#[test]
fn distances_are_compared_as_addresses() {
    let mut random = Random(3);
    for round in 0..200_000 {
        let mut model = Model::new(&mut random);
        let (left, right) = (model.form(&mut random), model.form(&mut random));
        // Memory begins anywhere in the lower half, at 0 if there is none.
        let start = random.pick(&[0, 0x1000, 1 << 32, 0x7fff_ffff_f000]);
        let address = |form: &Form| model.value(form).cast_unsigned().wrapping_add(start);
        let condition = random.pick(&Condition::ALL);
        if condition == Condition::AnyBit {
            continue;
        }
        let holds = arithmetic::holds(condition, Width::Double, address(&left), address(&right));
        let condition = if holds { Some(condition) } else { super::branch::opposite(condition) };
        let Some(condition) = condition else { continue };
        let assumed = model.state.assume(Width::Double, condition, Comparison::Pointers(left, right, 0));
        assert!(assumed && model.holds(), "round {round}: {left:?} {condition:?} {right:?} from {start:#x}");
    }
}

#[test]
fn searches_find_bounds_that_hold() {
    let mut random = Random(4);
    for round in 0..100_000 {
        let model = Model::new(&mut random);
        let (left, right) = (model.form(&mut random), model.form(&mut random));
        let Some(sum) = Sum::difference(left, right) else { continue };
        let upper = model.state.facts.upper(&sum, i128::MIN);
        assert!(
            model.exact(&left) - model.exact(&right) <= upper,
            "round {round}: {sum:?} {:?}",
            model.state.facts
        );
        let close = model.state.facts.close_range(&left);
        assert!((close.low..=close.high).contains(&model.value(&left)), "round {round}: {left:?}");
    }
}

#[test]
fn joined_states_hold_on_both_sides() {
    let mut random = Random(5);
    let mut join = Join::default();
    let mut joined = State::default();
    for round in 0..100_000 {
        let mut sides = [Model::new(&mut random), Model::new(&mut random)];
        // Some values are alike on both sides, as on two ways through a program.
        for index in 0..6 {
            let shared = random.below(2) == 0;
            let form = sides[0].form(&mut random);
            for side in &mut sides {
                let again = if shared && i64::try_from(side.exact(&form)).is_ok() {
                    let moved = form.offset(random.pick(&[0, 0, 1, 8])).unwrap_or(form);
                    if i64::try_from(side.exact(&moved)).is_ok() { moved } else { form }
                } else {
                    side.form(&mut random)
                };
                side.state.registers[index] =
                    if index == 3 { Value::Pointer(Place::Stack(0), again) } else { Value::Number(again) };
            }
        }
        for side in &mut sides {
            side.state.regions.clear();
            side.state.registers[10] = Value::Pointer(Place::Stack(0), Form::constant(0));
            for _ in 0..2 {
                let length = Form::constant(16);
                let kind = super::value::RegionKind::Data;
                side.state.regions.push(super::value::Region { kind, length, writable: false });
            }
        }
        let [old, new] = &sides;
        let widens = random.below(3) == 0;
        let steps = [-1, 0, 1, 7, 8, 9];
        let widening = super::relate::Widening { steps: &steps };
        let births = u32::try_from(random.below(2)).unwrap();
        let widen = widens.then_some(&widening);
        let changed = join.join(&old.state, &new.state, u16::MAX, 0, widen, births, &mut joined);
        for (side, model) in [old, new].into_iter().enumerate() {
            let of = |pair: &Pair| if side == 0 { pair.old } else { pair.new };
            let numbers: Vec<i64> = join.pairs.list.iter().map(|pair| model.value(&of(pair))).collect();
            let there = Model { numbers, ..Model::default() };
            assert!(
                holds(&joined.facts, &there.numbers, None),
                "round {round}, side {side}: {:?}",
                joined.facts
            );
            for index in 0..6 {
                let (Some(before), Some(after)) =
                    (model.state.registers[index].form(), joined.registers[index].form())
                else {
                    panic!("round {round}: register {index} is lost");
                };
                assert_eq!(model.value(before), there.value(after), "round {round}, side {side}: r{index}");
            }
        }
        if !changed {
            // The old state covers the new one: its symbols have numbers there that fulfil it.
            let mut numbers = vec![0; old.numbers.len()];
            for pair in &join.pairs.list {
                let (symbol, offset) = pair.old.as_plain().expect("nothing has changed");
                numbers[usize::from(symbol)] =
                    i64::try_from(new.exact(&pair.new) - i128::from(offset)).unwrap();
            }
            let covered = Model { numbers, ..Model::default() };
            for index in 0..6 {
                let (was, is) = (old.state.registers[index].form(), new.state.registers[index].form());
                assert_eq!(covered.value(was.unwrap()), new.value(is.unwrap()), "round {round}: r{index}");
            }
        }
    }
}

#[test]
fn all_operations_of_small_numbers() {
    // Intervals of small numbers, all of them, with all numbers in them.
    for operation in Operation::ALL {
        for (low, high) in (-5..5).flat_map(|low| (low..5).map(move |high| (low, high))) {
            for other in -9..9 {
                for width in [Width::Word, Width::Double] {
                    let mut model = Model::default();
                    let left = model.state.facts.fresh(Interval::new(low, high));
                    let result = model.state.facts.operate(operation, width, left, Form::constant(other));
                    for number in low..=high {
                        let (a, b) = (number.cast_unsigned(), other.cast_unsigned());
                        let value = arithmetic::apply(operation, width, a, b).cast_signed();
                        model.numbers = vec![number];
                        model.found = None;
                        assert!(
                            model.solve(&result, value) && model.holds(),
                            "{operation:?} {width:?}: {number} of {low}..{high} and {other} is {value}, not {result:?}"
                        );
                    }
                }
            }
        }
    }
}
