//! Hostile programs do the same compiled and interpreted: a short campaign; `scripts/fuzz-functions --compiled` runs long ones.

mod compared;

use compared::Comparison;

#[test]
fn compiled_programs_do_what_interpreted_ones_do() {
    let mut comparison = Comparison::new();
    let accepted = (0..).filter(|seed| comparison.compare(*seed));
    assert_eq!(accepted.take(PROGRAMS).count(), PROGRAMS);
}

/// Programs that are compiled.
const PROGRAMS: usize = 300;
