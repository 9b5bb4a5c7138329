//! Hostile programs: real ones that were changed at random, and ones made up that look real, from seeds. Each is decoded and verified; what the
//! verifier accepts runs in the strict interpreter on inputs that were chosen to hurt. The same seed gives the same program and inputs as long as
//! the corpus and the verifier stay the same; the compiler is held against them as well.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each campaign uses some of it"
)]
#![expect(clippy::unwrap_used, reason = "a campaign fails where something is not as it must be")]

mod corpus;
mod generate;
mod inputs;
mod mutate;
mod random;
mod shrink;

use std::panic::{AssertUnwindSafe, catch_unwind};

use adit_function::assembly::disassemble;
use adit_function::decode::decode_with;
use adit_function::encode::encode;
use adit_function::hook::Hook;
use adit_function::interpret::{Interpreter, Stop};
use adit_function::program::Program;
use adit_function::verified::Verified;
use adit_function::verify::{Budget, Verifier};

pub use corpus::{Base, corpus, found};
pub use inputs::{Arena, Outcome};
pub use random::Random;

/// A program to be tried.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Its code.
    pub code: Vec<u8>,
    /// Its read-only data.
    pub data: Vec<u8>,
    /// Its variables.
    pub variables: Vec<u8>,
    /// Where it is called.
    pub hook: &'static Hook,
}

/// What is wrong with the verifier, as a program shows.
#[derive(Debug)]
pub struct Finding {
    /// The program, made as short as it gets.
    pub mutant: Mutant,
    /// What it does.
    pub what: String,
}

/// What became of programs.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Programs that were made.
    pub made: u64,
    /// Those that could be decoded.
    pub decoded: u64,
    /// Those that the verifier accepted.
    pub accepted: u64,
    /// Calls of these.
    pub runs: u64,
    /// Calls with a result.
    pub results: u64,
    /// Calls that ended at a guard.
    pub guarded: u64,
}

/// Tries programs, one for each seed.
pub struct Campaign {
    bases: Vec<Base>,
    /// How often each is chosen, added up.
    weights: Vec<usize>,
    verifier: Verifier,
    interpreter: Interpreter,
    arena: Arena,
    /// What became of all programs so far.
    pub tally: Tally,
}

impl Campaign {
    /// A campaign that begins.
    pub fn new() -> Self {
        let bases = corpus();
        let mut verifier = Verifier::default();
        let mut sum = 0;
        let weights = bases.iter().map(|base| {
            // None has more than a few times the weight of others.
            let cost = match verifier.verify(base.program.clone(), base.mutant.hook, &Budget::default()) {
                Ok(_) => verifier.steps().max(200),
                Err(_) => 2_000,
            };
            sum += 10_000_000 / cost as usize;
            sum
        });
        Self {
            weights: weights.collect(),
            bases,
            verifier,
            interpreter: Interpreter::new(),
            arena: Arena::new(),
            tally: Tally::default(),
        }
    }

    /// The program of a seed.
    pub fn mutant(&self, seed: u64) -> Mutant {
        let mut random = Random::new(seed);
        if random.below(4) == 0 {
            let mut mutant = generate::program(&mut random);
            mutate::change(&mut mutant, &mut random, 0);
            return mutant;
        }
        let base = &self.bases[self.pick(&mut random)];
        let mut mutant = base.mutant.clone();
        if random.below(3) == 0 {
            mutate::rebuild(&mut mutant, base, &self.bases, &mut random);
        }
        mutate::change(&mut mutant, &mut random, 1);
        mutant
    }

    /// A program of the corpus: those that take the verifier less time more often, so that each gets as much of it.
    fn pick(&self, random: &mut Random) -> usize {
        let number = random.below(*self.weights.last().unwrap());
        self.weights.partition_point(|weight| *weight <= number)
    }

    /// Tries the program of a seed.
    pub fn run(&mut self, seed: u64) -> Result<(), Box<Finding>> {
        let mutant = self.mutant(seed);
        let Some(what) = self.check(&mutant, seed, RUNS) else { return Ok(()) };
        Err(Box::new(shrink::shrink(self, mutant, seed, what)))
    }

    /// Tries a program on the inputs of a seed. If something is wrong it is said.
    pub fn check(&mut self, mutant: &Mutant, seed: u64, runs: u64) -> Option<String> {
        self.tally.made += 1;
        match catch_unwind(AssertUnwindSafe(|| self.check_unguarded(mutant, seed, runs))) {
            Ok(what) => what,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                Some(format!("panic: {}", text.unwrap_or_default()))
            }
        }
    }

    fn check_unguarded(&mut self, mutant: &Mutant, seed: u64, runs: u64) -> Option<String> {
        let verified = self.verify(mutant, if seed.is_multiple_of(16) { Budget::SERVER } else { SHORT })?;
        self.arena.learn(verified.program());
        for run in 0..runs {
            self.arena.prepare(mutant.hook, seed ^ run << 56);
            self.tally.runs += 1;
            let outcome = self
                .arena
                .run(mutant.hook, |inputs, fuel, call| self.interpreter.run(&verified, inputs, fuel, call));
            match outcome.result {
                Ok(_) => self.tally.results += 1,
                Err(Stop::Fault(fault)) => return Some(format!("{:?}", fault.kind)),
                Err(Stop::Trap(adit_function::trap::Trap::OutOfBounds { .. })) => self.tally.guarded += 1,
                Err(Stop::Trap(_)) => {}
            }
        }
        None
    }

    /// The program as the verifier accepts it, if it does.
    pub fn verify(&mut self, mutant: &Mutant, budget: Budget) -> Option<Verified> {
        let program = mutant.decode()?;
        self.tally.decoded += 1;
        let verified = self.verifier.verify(program, mutant.hook, &budget);
        let steps = self.verifier.steps();
        assert!(steps <= budget.steps + STEPS_BEYOND, "the verifier took {steps} steps of {}", budget.steps);
        let verified = verified.ok()?;
        self.tally.accepted += 1;
        Some(verified)
    }
}

impl Mutant {
    /// The program, if it is one.
    pub fn decode(&self) -> Option<Program> {
        decode_with(&self.code, self.data.clone(), self.variables.clone()).ok()
    }

    /// As text that can be kept as a test.
    pub fn text(&self) -> String {
        let listing =
            self.decode().map_or_else(|| format!("{:x?}", self.code), |program| disassemble(&program));
        format!("# hook {}\n{listing}", self.hook.name)
    }

    /// The same with another program.
    fn with(&self, program: &Program) -> Option<Self> {
        Some(Self { code: encode(program)?, ..self.clone() })
    }
}

/// What most programs may cost the verifier: one in a hundred would take most of the time.
pub const SHORT: Budget = Budget { steps: 3_000, ..Budget::SERVER };
/// Steps beyond its budget that the verifier may take until it looks.
const STEPS_BEYOND: u32 = 1000;
/// Inputs that each program is tried on.
pub const RUNS: u64 = 8;
