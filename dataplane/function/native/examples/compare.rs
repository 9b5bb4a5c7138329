//! Hostile programs, compiled and interpreted, in long campaigns: `scripts/fuzz-functions --compiled [--mutants N] [--from SEED] [--jobs J]`.

#[path = "../../examples/campaign/arguments.rs"]
mod arguments;
#[path = "../tests/compared/mod.rs"]
mod compared;

use arguments::Arguments;
use compared::Comparison;

fn main() {
    let Arguments { mutants, from, jobs } = arguments::parse("scripts/fuzz-functions --compiled", 100_000);
    let step = usize::try_from(jobs).unwrap_or(1);
    let count: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs)
            .map(|job| {
                scope.spawn(move || {
                    let mut comparison = Comparison::new();
                    (from + job..from + mutants)
                        .step_by(step)
                        .filter(|seed| comparison.compare(*seed))
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| std::process::exit(1))).sum()
    });
    println!(
        "{count} programs of {mutants} were accepted; each did the same compiled in 4 ways and interpreted"
    );
}
