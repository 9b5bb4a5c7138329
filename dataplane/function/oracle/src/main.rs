//! Compares the verifier with PREVAIL, another one: `scripts/function-oracle [--programs N] [--from SEED]`.
//!
//! Hostile programs, as those of `scripts/fuzz-functions`, are judged by both. PREVAIL runs in a child process, since it may hang. It
//! refuses what it cannot prove, so where it faults an access that we call proven, somebody is wrong or somebody knows less. The program is
//! then run on many more hostile inputs: if anything happens the run fails. In a program without loops and other operations than sums
//! PREVAIL loses nothing: there its word counts, and the run fails too. What is left is counted.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::process::ExitCode;

use adit_function::hook::CALL;
use adit_function::instruction::{Instruction, Operation, Width};
use adit_function::program::Program;
use adit_function::verified::{Finding, Verdict, Verified};
use adit_function::verify::{Budget, verify};
use clap::Parser;

mod child;
#[path = "../../tests/hostile/mod.rs"]
mod hostile;
mod judge;

use hostile::{Campaign, Mutant};
use judge::{Judge, Opinion};

/// The command line.
#[derive(Parser)]
struct Settings {
    /// Programs that both are to judge.
    #[arg(long, default_value_t = 20_000)]
    programs: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Show programs that it accepts and we refuse, with our reason.
    #[arg(long)]
    show: bool,
    /// Judge programs from standard input: see `child`.
    #[arg(long, hide = true)]
    child: bool,
}

/// What both said, and how often.
#[derive(Default)]
struct Sums {
    counts: BTreeMap<&'static str, u64>,
    findings: u64,
    /// Whether refusals of what it accepts are shown.
    shows: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let settings = Settings::parse();
    if settings.child {
        child::run()?;
        return Ok(ExitCode::SUCCESS);
    }
    let (mut campaign, mut judge, mut sums) = (Campaign::new(), Judge::start()?, Sums::default());
    sums.shows = settings.show;
    let (mut seed, mut judged) = (settings.from, 0);
    while judged < settings.programs {
        let mutant = campaign.mutant(seed);
        if let Some(program) = mutant.decode().filter(|program| is_known_to_both(&mutant, program)) {
            judged += 1;
            compare(&mut campaign, &mut judge, &mut sums, &mutant, &program, seed)?;
        }
        seed += 1;
    }
    println!("{judged} programs, seeds {} to {}", settings.from, seed - 1);
    for (what, count) in &sums.counts {
        println!("{count:>9}  {what}");
    }
    if sums.findings > 0 {
        println!("{} findings", sums.findings);
        return Ok(ExitCode::FAILURE);
    }
    println!("no finding");
    Ok(ExitCode::SUCCESS)
}

/// Whether PREVAIL knows all that a program uses: it has no helpers of ours, and one piece of memory.
fn is_known_to_both(mutant: &Mutant, program: &Program) -> bool {
    let is_foreign = |instruction: &Instruction| {
        matches!(
            instruction,
            Instruction::CallHelper { .. } | Instruction::Data { .. } | Instruction::Variable { .. }
        )
    };
    mutant.hook == &CALL && !program.instructions.iter().any(is_foreign)
}

/// Asks both.
fn compare(
    campaign: &mut Campaign,
    judge: &mut Judge,
    sums: &mut Sums,
    mutant: &Mutant,
    program: &Program,
    seed: u64,
) -> anyhow::Result<()> {
    let verified = campaign.verify(mutant, Budget::default());
    let opinion = judge.ask(&mutant.code)?;
    let what = match (&verified, &opinion) {
        (_, Opinion::Unread) => "it cannot read them",
        (_, Opinion::Hung) => "it takes longer than it may",
        (Some(_), Opinion::Pass) => "both accept",
        (None, Opinion::Pass) => {
            if let (true, Err(refusal)) =
                (sums.shows, verify(program.clone(), mutant.hook, &Budget::default()))
            {
                println!("seed {seed}: {refusal}\n{}", mutant.text());
            }
            "it accepts, we refuse"
        }
        (None, Opinion::Fail(_)) => "both refuse",
        (Some(verified), Opinion::Fail(faults)) => {
            differ(campaign, sums, mutant, verified, faults, program, seed)
        }
    };
    *sums.counts.entry(what).or_default() += 1;
    Ok(())
}

/// We accept, it refuses: whose fault it is.
fn differ(
    campaign: &mut Campaign,
    sums: &mut Sums,
    mutant: &Mutant,
    verified: &Verified,
    faults: &[(u32, String)],
    program: &Program,
    seed: u64,
) -> &'static str {
    let proven = |slot: u32| {
        let index = program.slots.iter().position(|of| *of == slot);
        index.is_some_and(|index| matches!(verified.findings()[index], Finding::Access(Verdict::Proven)))
    };
    let Some((slot, words)) = faults.iter().find(|(slot, _)| proven(*slot)) else {
        return "we accept, it faults what we guard or what is no access";
    };
    if let Some(what) = campaign.check(mutant, seed, RUNS_OF_A_DIFFERENCE) {
        sums.findings += 1;
        println!("seed {seed}, slot {slot}: {what}, and PREVAIL says: {words}\n{}", mutant.text());
        return "WRONG: we accept what goes wrong";
    }
    if is_straight(program) {
        sums.findings += 1;
        println!("seed {seed}, slot {slot}: proven, but PREVAIL says: {words}\n{}", mutant.text());
        return "WRONG?: we prove what it faults, in a program that it follows";
    }
    "we prove, it does not, and nothing happens"
}

/// Whether PREVAIL loses nothing of a program: it has no loops, and of operations only sums, since what it knows of lengths is not carried
/// through others.
fn is_straight(program: &Program) -> bool {
    let is_lossy = |(index, instruction): (usize, &Instruction)| match *instruction {
        Instruction::Jump { target } | Instruction::Branch { target, .. } => target as usize <= index,
        Instruction::Arithmetic { operation, width, .. } => {
            !matches!(operation, Operation::Add | Operation::Subtract) || width == Width::Word
        }
        Instruction::MoveSigned { .. } | Instruction::Negate { .. } | Instruction::Order { .. } => true,
        _ => false,
    };
    !program.instructions.iter().enumerate().any(is_lossy)
}

/// Inputs on which a program is tried that the two see differently.
const RUNS_OF_A_DIFFERENCE: u64 = 2_000;
