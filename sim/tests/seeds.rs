//! Seeds that every run of the tests goes through, those that once found a bug among them.

use adit_sim::plan::Plan;
use adit_sim::run::{run, shrink};

fn passes(seed: u64) {
    if let Err(error) = run(&Plan::of(seed)) {
        panic!("scripts/sim --seed {seed}: {error}");
    }
}

#[test]
fn seeds_pass() {
    (0..SEEDS).for_each(passes);
}

/// 262, 606, 970: a harmed version byte was believed. 6: a long put of which a client waited for ever.
#[test]
fn seeds_that_found_bugs_pass() {
    [6, 262, 606, 970].into_iter().for_each(passes);
}

#[test]
fn a_seed_runs_the_same_every_time() {
    for seed in 0..20 {
        let [first, second] = [0, 1].map(|_| format!("{:?}", run(&Plan::of(seed))));
        assert_eq!(first, second, "seed {seed}");
    }
}

/// A plan that fails is made shorter: here each that has a shard that does not exist.
#[test]
fn a_failing_plan_is_shrunk() {
    let mut plan = Plan::of(7);
    let before = plan.actions.len();
    let (at_ns, _) = plan.actions[before / 2];
    plan.actions.insert(before / 2, (at_ns, adit_sim::plan::Action::Stall(9, 1)));
    std::panic::set_hook(Box::new(|_| {}));
    assert!(run(&plan).is_err());
    let least = shrink(&plan, 500);
    let _ = std::panic::take_hook();
    assert_eq!(least.actions.len(), 1, "{least:#?}");
}

/// Seeds of a run of the tests.
const SEEDS: u64 = 300;
