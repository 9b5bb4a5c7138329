//! Many runs: which seeds fail, how fast, and the shortest plan that still fails.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use adit_drivers::sim::SimFaults;

use crate::plan::{Action, Plan};
use crate::world::{Tally, World};

/// Runs one plan.
///
/// # Errors
/// What went wrong.
pub fn run(plan: &Plan) -> Result<Tally, String> {
    catch_unwind(AssertUnwindSafe(|| World::new(plan).run())).map_err(|panic| text_of(&*panic))
}

/// What a panic says.
pub fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// A plan that fails as well as this one, with as little in it as could be found by at most `tries` runs.
pub fn shrink(plan: &Plan, mut tries: u32) -> Plan {
    let mut best = plan.clone();
    let mut fails = |candidate: &Plan| {
        tries = tries.saturating_sub(1);
        tries > 0 && run(candidate).is_err()
    };
    // Parts of the actions, half of them first, single ones last (ddmin, Zeller and Hildebrandt 2002).
    let mut part = best.actions.len().div_ceil(2);
    while part > 0 {
        let mut start = 0;
        while start < best.actions.len() {
            let mut candidate = best.clone();
            candidate.actions.drain(start..(start + part).min(best.actions.len()));
            if fails(&candidate) {
                best = candidate;
            } else {
                start += part;
            }
        }
        part /= 2;
    }
    for simplify in SIMPLER {
        let mut candidate = best.clone();
        simplify(&mut candidate);
        if fails(&candidate) {
            best = candidate;
        }
    }
    best
}

/// What may be left out beside actions.
const SIMPLER: [fn(&mut Plan); 8] = [
    |plan| plan.faults = SimFaults::none(plan.faults.delay_ns),
    |plan| plan.faults.lose_one_in = 0,
    |plan| plan.faults.duplicate_one_in = 0,
    |plan| plan.faults.corrupt_one_in = 0,
    |plan| (plan.faults.join_one_in, plan.faults.block_one_in) = (0, 0),
    |plan| plan.faults.jitter_ns = 0,
    |plan| plan.faults.late_ns = 0,
    |plan| {
        let used = |action: &Action| match action {
            Action::Submit { client, .. }
            | Action::Crash(client)
            | Action::Rebind(client)
            | Action::Cut(client, _)
            | Action::Forget(client)
            | Action::Replay { spoofed: Some(client), .. } => client + 1,
            _ => 1,
        };
        let count = plan.actions.iter().map(|(_, action)| used(action)).max().unwrap_or(1);
        plan.clients.truncate(count);
    },
];
