//! `adit function check`: what the verifier says of a function, and what it costs.

use std::time::Instant;

use adit_function::verified::Verified;
use adit_function::verify::Refusal;
use adit_native::{Options, compile};

use super::listing::{self, counted};
use super::object::{Judged, Loaded, ObjectArguments};
use super::report::{self, Cost, Place, Row};
use super::sources::Sources;
use super::{print, print_json};

/// Flags of `adit function check`.
#[derive(clap::Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    object: ObjectArguments,
    /// Print guards or the refusal only, not all instructions and costs
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Say before each instruction what is known of the registers
    #[arg(long, conflicts_with = "quiet")]
    explain: bool,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Report {
    /// Of this form; names are added without a new one.
    version: u32,
    function: String,
    hook: &'static str,
    accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<RefusalReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
    listing: Vec<Row>,
}

/// Why a function is refused.
#[derive(serde::Serialize)]
struct RefusalReport {
    text: String,
    instruction: u32,
    #[serde(flatten)]
    place: Option<Place>,
}

/// Checks it; says whether it is accepted.
pub(crate) fn run(arguments: &CheckArguments) -> anyhow::Result<bool> {
    let loaded = arguments.object.load()?;
    let judged = loaded.judge();
    let mut sources = Sources::of(&arguments.object.file);
    let rows = report::rows(&loaded.program, &loaded.explain(), arguments.explain);
    let cost = judged.verdict.as_ref().ok().map(|verified| measured_cost(verified, &judged));
    if arguments.json {
        let refusal = judged.verdict.as_ref().err().map(|refusal| RefusalReport::of(&loaded, refusal));
        let (function, hook, accepted) = (loaded.name, loaded.hook.name, refusal.is_none());
        print_json(&Report { version: 1, function, hook, accepted, refusal, cost, listing: rows })?;
        return Ok(accepted);
    }
    if !arguments.quiet {
        print(&listing::rows(&rows, &mut sources))?;
    }
    match (&judged.verdict, cost) {
        (Ok(_), Some(cost)) => {
            let mut text = accepted(&loaded, &cost);
            if arguments.quiet {
                text += &listing::guards(&rows, &mut sources);
            } else {
                text += &listing::cost(&cost);
            }
            print(&text)?;
            Ok(true)
        }
        (Err(refusal), _) => {
            print(&refused(&loaded, refusal, &mut sources))?;
            Ok(false)
        }
        (Ok(_), None) => unreachable!("what is accepted has a cost"),
    }
}

/// The refusal for people: what it says, and the line of the source.
pub(crate) fn refused(loaded: &Loaded, refusal: &Refusal, sources: &mut Sources) -> String {
    let why = report::from_here(&refusal.to_string());
    let mut text = format!("`{}` is refused for hook {}\n{why}\n", loaded.name, loaded.hook.name);
    if let Some(place) = report::place(&loaded.program, refusal.instruction)
        && let Some(marked) = sources.marked(&place.file, place.line, place.column)
    {
        text = text + &marked + "\n";
    }
    text
}

fn accepted(loaded: &Loaded, cost: &Cost) -> String {
    format!(
        "`{}` is accepted for hook {}: {}, {}\n",
        loaded.name,
        loaded.hook.name,
        counted(cost.instructions, "instruction"),
        counted(cost.guards as usize, "guard")
    )
}

fn measured_cost(verified: &Verified, judged: &Judged) -> Cost {
    let started = Instant::now();
    let code_bytes = compile(verified, &Options::default()).ok().map(|code| code.len_bytes());
    let compile_us = code_bytes.map(|_| started.elapsed().as_secs_f64() * 1e6);
    let verify_us = judged.took.as_secs_f64() * 1e6;
    Cost { code_bytes, compile_us, verify_us, verify_steps: judged.steps, ..report::cost(verified) }
}

impl RefusalReport {
    fn of(loaded: &Loaded, refusal: &Refusal) -> Self {
        let instruction = refusal.instruction;
        Self { text: refusal.to_string(), instruction, place: report::place(&loaded.program, instruction) }
    }
}
