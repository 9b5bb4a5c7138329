//! Programs that were changed at random do no harm: a short campaign; `scripts/fuzz-functions` runs long ones.

#[expect(unreachable_pub, reason = "the campaigns use the module as well")]
mod hostile;

use hostile::{Campaign, RUNS, found};

#[test]
fn accepted_programs_never_do_what_they_must_not() {
    let mut campaign = Campaign::new();
    for seed in 0..20_000 {
        if let Err(finding) = campaign.run(seed) {
            panic!("seed {seed}: {}\n{}", finding.what, finding.mutant.text());
        }
    }
    let tally = campaign.tally;
    assert!(tally.accepted > tally.made / 20 && tally.results > tally.accepted / 4, "{tally:?}");
}

#[test]
fn what_was_found_stays_mended() {
    let mut campaign = Campaign::new();
    for base in found() {
        for seed in 0..64 {
            let what = campaign.check(&base.mutant, seed, RUNS);
            assert_eq!(what, None, "{}", base.name);
        }
    }
}

#[test]
fn a_seed_gives_the_same_program_again() {
    let (first, second) = (Campaign::new(), Campaign::new());
    for seed in (0..1000).chain([u64::MAX]) {
        assert_eq!(first.mutant(seed).code, second.mutant(seed).code);
    }
}
