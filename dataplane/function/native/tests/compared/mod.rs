//! Hostile programs that the verifier accepts, compiled in several ways: each does what it does in the interpreter. Variables are compared
//! through what programs do with them.
#![expect(clippy::unwrap_used, reason = "a comparison fails where something is not as it must be")]
#![allow(unreachable_pub, clippy::allow_attributes, reason = "a test and an example use it")]

#[path = "../../../tests/hostile/mod.rs"]
mod hostile;

use adit_function::call::Call;
use adit_function::hook::Inputs;
use adit_function::interpret::{Interpreter, Stop};
use adit_function::trap::Trap;
use adit_function::verified::Verified;
use adit_native::{Arena, Checks, Entry, Options, Termination, compile};

use hostile::Campaign;

/// What compares engines.
pub struct Comparison {
    campaign: Campaign,
    interpreter: Interpreter,
    memory: hostile::Arena,
    code: Arena,
    entry: Entry,
}

/// What a call left behind.
#[derive(PartialEq, Debug)]
struct Left {
    result: Result<u64, Stop>,
    output: Vec<u8>,
    staged: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    regions: Vec<Vec<u8>>,
}

impl Comparison {
    /// A comparison that begins.
    pub fn new() -> Self {
        Self {
            campaign: Campaign::new(),
            interpreter: Interpreter::new(),
            memory: hostile::Arena::new(),
            code: Arena::new(16 << 20).unwrap(),
            entry: Entry::new().unwrap(),
        }
    }

    /// Compares what becomes of the program of a seed; false if the verifier refuses it.
    pub fn compare(&mut self, seed: u64) -> bool {
        let mutant = self.campaign.mutant(seed);
        let Some(verified) = self.campaign.verify(&mutant, hostile::SHORT) else { return false };
        self.memory.learn(verified.program());
        let mut expected = Vec::new();
        for run in 0..RUNS {
            let interpreter = &mut self.interpreter;
            expected.push(left(&mut self.memory, &verified, seed ^ run << 56, |inputs, fuel, call| {
                interpreter.run(&verified, inputs, fuel, call)
            }));
        }
        for (termination, checks, hardened) in [
            (Termination::Fuel, Checks::All, false),
            (Termination::Fuel, Checks::Verdicts, false),
            (Termination::Fuel, Checks::Verdicts, true),
            (Termination::Poll, Checks::Verdicts, false),
        ] {
            let options = Options { termination, checks, hardened };
            let installed = self.code.install(&compile(&verified, &options).unwrap()).unwrap();
            for (run, expected) in (0..RUNS).zip(&expected) {
                // Nobody would stop it.
                if termination == Termination::Poll && expected.result == Err(Stop::Trap(Trap::Fuel)) {
                    continue;
                }
                let entry = &mut self.entry;
                let found = left(&mut self.memory, &verified, seed ^ run << 56, |inputs, fuel, call| {
                    installed.call(entry, inputs, fuel, call).map_err(Stop::Trap)
                });
                assert_eq!(&found, expected, "seed {seed} run {run} {options:?}\n{}", mutant.text());
            }
            assert!(self.code.free(installed));
            self.code.reclaim();
        }
        true
    }
}

/// Calls something on the inputs of a seed.
fn left(
    memory: &mut hostile::Arena,
    verified: &Verified,
    seed: u64,
    run: impl FnOnce(Inputs<'_>, u64, &mut Call<'_>) -> Result<u64, Stop>,
) -> Left {
    memory.prepare(verified.hook(), seed);
    let outcome = memory.run(verified.hook(), run);
    if outcome.result.is_err() {
        // What a call without a result leaves is worth nothing.
        return Left { result: outcome.result, output: Vec::new(), staged: Vec::new(), regions: Vec::new() };
    }
    let regions = memory.regions().take(verified.hook().regions.len());
    Left {
        result: outcome.result,
        output: memory.output(&outcome).to_vec(),
        staged: memory.staged(),
        regions: regions.map(<[u8]>::to_vec).collect(),
    }
}

/// Inputs for each program.
const RUNS: u64 = 8;
