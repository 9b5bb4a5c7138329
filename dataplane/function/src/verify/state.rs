//! What is known at a point of the program, on all ways that lead there.

use crate::hook::Hook;
use crate::instruction::{Register, Size};
use crate::program::Program;

use super::facts::{Facts, INEQUALITIES_MAX};
use super::form::{Form, Symbol};
use super::stack::Frame;
use super::value::{LENGTHS, Place, Region, RegionKind, Value};

/// What is known at a point of the program. The first regions are those of the hook, then the data and the variables of the program; the first
/// symbols are the lengths of those of the hook. The other regions are views.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) registers: [Value; Register::COUNT],
    /// The frames of all functions that were entered, the current one last.
    pub(super) frames: Vec<Frame>,
    pub(super) regions: Vec<Region>,
    pub(super) facts: Facts,
    /// Numbers that were shifted out of 64 bits to the left, so that shifting them back can be understood.
    pub(super) shifted: Option<Shifted>,
    /// The last number that was cut to 32 bits: adding to it may give what is left of a sum that was not cut.
    pub(super) cut: Option<Shifted>,
    /// What was loaded since the last join from memory that does not change: compilers load the same again behind stores to other memory.
    pub(super) loaded: Vec<Loaded>,
}

/// A number that was loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Loaded {
    pub(super) region: u16,
    pub(super) at: Form,
    pub(super) size: Size,
    pub(super) signed: bool,
    pub(super) number: Form,
}

/// A form whose upper bits were shifted out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shifted {
    /// What was made of it.
    pub(super) result: Symbol,
    pub(super) from: Form,
    pub(super) by: u32,
}

impl Clone for State {
    fn clone(&self) -> Self {
        let mut clone = Self::default();
        clone.clone_from(self);
        clone
    }

    fn clone_from(&mut self, source: &Self) {
        self.registers = source.registers;
        self.frames.clone_from(&source.frames);
        self.regions.clone_from(&source.regions);
        self.facts.clone_from(&source.facts);
        self.shifted = source.shifted;
        self.cut = source.cut;
        self.loaded.clone_from(&source.loaded);
    }
}

impl State {
    /// Forgets what is remembered between joins only.
    pub(super) fn forget(&mut self) {
        self.shifted = None;
        self.cut = None;
        self.loaded.clear();
    }

    /// Makes it the state in which a program starts.
    pub(super) fn start(&mut self, program: &Program, hook: &Hook) {
        self.registers = [Value::UNSET; Register::COUNT];
        self.registers[1] = Value::Pointer(Place::Context, Form::constant(0));
        self.registers[10] = Value::Pointer(Place::Stack(0), Form::constant(0));
        self.frames.truncate(1);
        self.frames.resize_with(1, Frame::default);
        self.frames[0].enter(0, [Value::UNSET; 4]);
        self.regions.clear();
        self.facts.clear();
        self.forget();
        for (index, region) in (0..).zip(hook.regions) {
            let length = self.facts.fresh(LENGTHS);
            self.regions.push(Region { kind: RegionKind::Input(index), length, writable: region.writable });
        }
        let constant = |bytes: &[u8]| Form::constant(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        let (data, variables) = (constant(&program.data), constant(&program.variables));
        self.regions.push(Region { kind: RegionKind::Data, length: data, writable: false });
        self.regions.push(Region { kind: RegionKind::Variables, length: variables, writable: true });
    }

    pub(super) fn register(&self, register: Register) -> Value {
        self.registers[register.index()]
    }

    pub(super) fn set(&mut self, register: Register, value: Value) {
        self.registers[register.index()] = value;
    }

    /// How deep the current function is.
    pub(super) fn depth(&self) -> u8 {
        u8::try_from(self.frames.len() - 1).unwrap_or(u8::MAX)
    }

    pub(super) fn region(&self, region: u16) -> Region {
        self.regions[usize::from(region)]
    }

    /// A new view.
    pub(super) fn new_view(&mut self) -> u16 {
        let length = self.facts.fresh(LENGTHS);
        self.regions.push(Region { kind: RegionKind::View, length, writable: false });
        u16::try_from(self.regions.len() - 1).expect("states are made compact in time")
    }

    /// All values: of the registers, of those that callers keep, of slots.
    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        let frames = self.frames.iter();
        self.registers
            .iter()
            .chain(frames.flat_map(|frame| frame.saved.iter().chain(frame.slots.iter().map(|slot| &slot.1))))
    }

    /// All values, to be changed.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        let frames = self.frames.iter_mut();
        self.registers.iter_mut().chain(
            frames.flat_map(|frame| {
                frame.saved.iter_mut().chain(frame.slots.iter_mut().map(|slot| &mut slot.1))
            }),
        )
    }

    /// Whether it is time to drop symbols that nothing refers to.
    pub(super) fn is_large(&self) -> bool {
        self.facts.intervals.len() > SYMBOLS_LARGE || self.facts.inequalities.len() > INEQUALITIES_LARGE
    }

    /// Drops symbols that no value refers to, and what is known of them only.
    pub(super) fn compact(&mut self, inputs: usize) {
        let mut used = vec![false; self.facts.intervals.len()];
        used[..inputs].fill(true);
        let mut regions = vec![false; self.regions.len()];
        regions[..inputs + 2].fill(true);
        for value in self.values() {
            if let Some(region) = { *value }.region_mut() {
                regions[usize::from(*region)] = true;
            }
            value.form().into_iter().for_each(|form| mark(&mut used, form));
        }
        for (at, region) in self.frames.iter().flat_map(|frame| &frame.views) {
            regions[usize::from(*region)] = true;
            mark(&mut used, at);
        }
        for loaded in &self.loaded {
            regions[usize::from(loaded.region)] = true;
            mark(&mut used, &loaded.at);
            mark(&mut used, &loaded.number);
        }
        for (region, _) in self.regions.iter().zip(&regions).filter(|(_, used)| **used) {
            mark(&mut used, &region.length);
        }
        for shifted in self.shifted.iter().chain(&self.cut) {
            used[usize::from(shifted.result)] = true;
            mark(&mut used, &shifted.from);
        }
        self.renumber(&places(&used), &places(&regions));
    }

    /// Gives symbols and regions new numbers; those without one are dropped.
    fn renumber(&mut self, symbols: &[Option<u16>], regions: &[Option<u16>]) {
        for value in self.values_mut() {
            if let Some(region) = value.region_mut() {
                *region = regions[usize::from(*region)].unwrap_or(0);
            }
            value.form_mut().into_iter().for_each(|form| form.renumber(symbols));
        }
        for (at, region) in self.frames.iter_mut().flat_map(|frame| &mut frame.views) {
            *region = regions[usize::from(*region)].unwrap_or(0);
            at.renumber(symbols);
        }
        let mut kept = regions.iter();
        self.regions.retain(|_| kept.next().is_some_and(Option::is_some));
        self.regions.iter_mut().for_each(|region| region.length.renumber(symbols));
        for loaded in &mut self.loaded {
            loaded.region = regions[usize::from(loaded.region)].unwrap_or(0);
            loaded.at.renumber(symbols);
            loaded.number.renumber(symbols);
        }
        for shifted in self.shifted.iter_mut().chain(&mut self.cut) {
            shifted.result = symbols[usize::from(shifted.result)].unwrap_or(0);
            shifted.from.renumber(symbols);
        }
        self.facts.renumber(symbols);
    }

    /// About how many bytes it takes.
    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.facts.intervals)
            + size_of_val(&*self.facts.inequalities)
            + self.frames.iter().map(|f| size_of::<Frame>() + size_of_val(&*f.slots)).sum::<usize>()
    }
}

fn mark(used: &mut [bool], form: &Form) {
    for term in form.terms() {
        used[usize::from(term.symbol)] = true;
    }
}

/// New numbers of what is used.
fn places(used: &[bool]) -> Vec<Option<u16>> {
    let mut next = 0;
    used.iter()
        .map(|&used| {
            used.then(|| {
                next += 1;
                next - 1
            })
        })
        .collect()
}

/// Symbols and inequalities from which on a state is made compact.
const SYMBOLS_LARGE: usize = 160;
const INEQUALITIES_LARGE: usize = INEQUALITIES_MAX - 8;
