//! What there is to say of a function: its instructions with their verdicts, and what they cost.

use std::path::Path;

use adit_function::helper;
use adit_function::instruction::{Instruction, Register};
use adit_function::program::{Program, call_fuel, edge_fuel};
use adit_function::verified::{Finding, Verdict, Verified};
use adit_function::verify::{Before, Explanation};

/// A line of the listing.
#[derive(serde::Serialize)]
pub(crate) struct Row {
    /// Its number in the program.
    pub(crate) instruction: u32,
    /// Its slot in its section, as other tools count.
    pub(crate) slot: u32,
    /// The instruction as text.
    pub(crate) text: String,
    /// What is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<&'static str>,
    /// Why: what is known of the pointer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) note: String,
    /// What is known of each register before it, if that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) known: Vec<String>,
    /// Where it comes from, if that is known.
    #[serde(flatten)]
    pub(crate) place: Option<Place>,
}

/// A place in the source.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: String,
    /// The line, from 1 on.
    pub(crate) line: u32,
    /// The column, from 1 on; 0 if unknown.
    pub(crate) column: u32,
}

/// What a function costs.
#[derive(serde::Serialize)]
pub(crate) struct Cost {
    /// Instructions of all functions of the program.
    pub(crate) instructions: usize,
    /// How many functions these are.
    pub(crate) functions: usize,
    /// Accesses, and arguments of helpers, that are guarded.
    pub(crate) guards: u32,
    /// Most bytes of the stack that a call uses.
    pub(crate) stack_bytes: u32,
    /// Bytes of variables, made anew for each call.
    pub(crate) variable_bytes: usize,
    /// Bytes of read-only data.
    pub(crate) data_bytes: usize,
    /// Most fuel of a call in which no loop goes round.
    pub(crate) fuel: u64,
    /// The loops.
    pub(crate) loops: Vec<Loop>,
    /// Bytes of machine code; none if it cannot be compiled here.
    pub(crate) code_bytes: Option<usize>,
    /// Steps of the budget of the verifier.
    pub(crate) verify_steps: u32,
    /// How long the verifier took.
    pub(crate) verify_us: f64,
    /// How long the compiler took.
    pub(crate) compile_us: Option<f64>,
}

/// A jump back.
#[derive(serde::Serialize)]
pub(crate) struct Loop {
    /// The instruction that jumps.
    pub(crate) from: u32,
    /// Where it jumps to.
    pub(crate) to: u32,
    /// What a turn costs.
    pub(crate) fuel: u64,
    /// Where its start comes from.
    #[serde(flatten)]
    pub(crate) place: Option<Place>,
}

/// Where an instruction comes from.
pub(crate) fn place(program: &Program, instruction: u32) -> Option<Place> {
    let line = program.line(instruction)?;
    let file = from_here(program.files.get(line.file as usize)?);
    Some(Place { file, line: line.line, column: line.column })
}

/// A text in which paths to what lies in the folder that people are in, or below it, begin there: objects have whole paths.
pub(crate) fn from_here(text: &str) -> String {
    let here = std::env::current_dir().ok();
    let here = here.as_deref().and_then(Path::to_str).filter(|here| here.len() > 1);
    here.map_or_else(|| text.to_owned(), |here| text.replace(&format!("{here}/"), ""))
}

/// All instructions, with what the verifier knows; with all registers if `known` is asked for.
pub(crate) fn rows(program: &Program, explanation: &Explanation, known: bool) -> Vec<Row> {
    let findings = explanation.result.as_ref().map_or(&[][..], Verified::findings);
    let row = |(index, instruction): (u32, &Instruction)| {
        let finding = findings.get(index as usize).copied().unwrap_or_default();
        let before = &explanation.before[index as usize];
        let (verdict, note) = verdict(instruction, finding, before);
        Row {
            instruction: index,
            slot: program.slots.get(index as usize).copied().unwrap_or(index),
            text: text(program, instruction),
            verdict,
            note,
            known: if known { before.registers.iter().map(said).collect() } else { Vec::new() },
            place: place(program, index),
        }
    };
    (0..).zip(&program.instructions).map(row).collect()
}

/// How many guards an instruction has.
pub(crate) const fn guards(finding: Finding) -> u32 {
    match finding {
        Finding::Access(Verdict::Bounds | Verdict::Stack { .. }) => 1,
        Finding::Call { guarded } => guarded.count_ones(),
        Finding::Access(Verdict::Proven)
        | Finding::Nothing
        | Finding::Unreachable
        | Finding::PointerInSource => 0,
    }
}

/// What a verified function costs, but for what is measured.
pub(crate) fn cost(verified: &Verified) -> Cost {
    let program = verified.program();
    let mut spans = vec![None; program.functions.len()];
    let span = span(verified, 0, &mut spans);
    Cost {
        instructions: program.instructions.len(),
        functions: program.functions.len(),
        guards: verified.findings().iter().map(|finding| guards(*finding)).sum(),
        stack_bytes: span.stack_bytes,
        variable_bytes: program.variables.len(),
        data_bytes: program.data.len(),
        fuel: span.fuel,
        loops: loops(program),
        code_bytes: None,
        verify_steps: 0,
        verify_us: 0.0,
        compile_us: None,
    }
}

/// What a call of a function takes, with all that it calls.
#[derive(Clone, Copy, Default)]
struct Span {
    fuel: u64,
    stack_bytes: u32,
}

/// That of one function; each is looked at once. No function calls itself, so this ends.
fn span(verified: &Verified, function: usize, known: &mut [Option<Span>]) -> Span {
    if let Some(span) = known[function] {
        return span;
    }
    let program = verified.program();
    let own = &program.functions[function];
    let low = verified.frames().get(function).map_or(0, |frame| frame.low);
    let mut total = Span { fuel: call_fuel(own), stack_bytes: 0 };
    for instruction in &program.instructions[own.start as usize..own.end as usize] {
        if let Instruction::CallFunction { function } = instruction {
            let callee = span(verified, *function as usize, known);
            total.fuel = total.fuel.saturating_add(callee.fuel);
            total.stack_bytes = total.stack_bytes.max(callee.stack_bytes);
        }
    }
    total.stack_bytes += u32::from(low.unsigned_abs());
    known[function] = Some(total);
    total
}

/// An instruction with the name of the helper or function that it calls.
fn text(program: &Program, instruction: &Instruction) -> String {
    match instruction {
        Instruction::CallHelper { number } => match helper::signature(*number) {
            Some(signature) => format!("call {}", signature.name),
            None => format!("call {number}"),
        },
        Instruction::CallFunction { function } => match program.functions.get(*function as usize) {
            Some(function) if !function.name.is_empty() => format!("call local {}", function.name),
            _ => format!("call local f{function}"),
        },
        other => other.to_string(),
    }
}

fn verdict(instruction: &Instruction, finding: Finding, before: &Before) -> (Option<&'static str>, String) {
    match finding {
        Finding::Nothing | Finding::PointerInSource => (None, String::new()),
        Finding::Unreachable => (Some("never reached"), String::new()),
        Finding::Access(verdict) => {
            let known = base(instruction).and_then(|base| of_register(before, base)).unwrap_or_default();
            match verdict {
                Verdict::Proven => (Some("proven"), known),
                Verdict::Bounds => (Some("guarded"), known),
                Verdict::Stack { low, high } => {
                    (Some("guarded"), format!("it must stay in bytes {low} to {high} of the frame"))
                }
            }
        }
        Finding::Call { guarded: 0 } => (Some("proven"), String::new()),
        Finding::Call { guarded } => (Some("guarded"), arguments(instruction, guarded, before)),
    }
}

/// The register by which an instruction reaches for memory.
const fn base(instruction: &Instruction) -> Option<Register> {
    match instruction {
        Instruction::Load { base, .. }
        | Instruction::Store { base, .. }
        | Instruction::Atomic { base, .. } => Some(*base),
        _ => None,
    }
}

fn of_register(before: &Before, register: Register) -> Option<String> {
    before.registers.iter().find(|(known, _)| *known == register).map(said)
}

fn said((register, text): &(Register, String)) -> String {
    format!("{register} {text}")
}

/// The arguments of a helper that are guarded, and what is known of them.
fn arguments(instruction: &Instruction, guarded: u8, before: &Before) -> String {
    let Instruction::CallHelper { number } = instruction else { return String::new() };
    let arguments = helper::signature(*number).map_or(&[][..], |signature| signature.arguments);
    let said: Vec<String> = (0..)
        .zip(arguments)
        .filter(|(index, _)| guarded & (1 << index) != 0)
        .map(|(index, argument)| {
            let known = of_register(before, Register::argument(index)).unwrap_or_default();
            format!("`{}`, {known}", argument.name)
        })
        .collect();
    said.join("; ")
}

fn loops(program: &Program) -> Vec<Loop> {
    let back = |(from, instruction): (u32, &Instruction)| match instruction {
        Instruction::Jump { target } | Instruction::Branch { target, .. } if *target <= from => {
            Some(Loop { from, to: *target, fuel: edge_fuel(from, *target), place: place(program, *target) })
        }
        _ => None,
    };
    (0..).zip(&program.instructions).filter_map(back).collect()
}
