//! Hostile programs, compiled and interpreted, in long campaigns: `scripts/fuzz-functions --compiled [--mutants N] [--from SEED] [--jobs J]`.

#[path = "../tests/compared/mod.rs"]
mod compared;

use compared::Comparison;

fn main() {
    let (mut mutants, mut from, mut jobs) = (100_000_u64, 0_u64, 2_u64);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let number = arguments.next().and_then(|text| text.parse().ok());
        match (name.as_str(), number) {
            ("--mutants", Some(number)) => mutants = number,
            ("--from", Some(number)) => from = number,
            ("--jobs", Some(number)) if number > 0 => jobs = number,
            _ => {
                eprintln!("usage: scripts/fuzz-functions --compiled [--mutants N] [--from SEED] [--jobs J]");
                std::process::exit(2);
            }
        }
    }
    println!("seeds {from} to {}", from + mutants - 1);
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
