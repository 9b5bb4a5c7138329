//! Hostile programs against the verifier in long campaigns: `scripts/fuzz-functions [--mutants N] [--from SEED] [--jobs J]`.

#![expect(clippy::unwrap_used, reason = "a campaign fails where something is not as it must be")]

use std::time::{Duration, Instant};

#[path = "campaign/arguments.rs"]
mod arguments;
#[path = "../tests/hostile/mod.rs"]
mod hostile;

use arguments::Arguments;
use hostile::{Campaign, Tally};

fn main() {
    let Arguments { mutants, from, jobs } = arguments::parse("scripts/fuzz-functions", 10_000_000);
    // What goes wrong is told with the program that shows it.
    std::panic::set_hook(Box::new(|_| {}));
    let start = now();
    let step = usize::try_from(jobs).unwrap();
    let workers = (0..jobs).map(|job| move || work((from + job..from + mutants).step_by(step)));
    let results: Vec<Worked> = std::thread::scope(|scope| {
        let threads: Vec<_> = workers.map(|worker| scope.spawn(worker)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let took = start.elapsed();
    let mut total = Worked::default();
    for result in &results {
        total.add(result);
    }
    let tally = total.tally;
    let percent = |part: u64, whole: u64| part as f64 * 100.0 / whole.max(1) as f64;
    println!(
        "{} programs in {:.1} s, {:.0} per second, {:.0} per second of each processor: {:.1} % decoded, {:.1} % accepted, {} calls of \
        which {:.1} % had a result and {:.1} % met a guard; the longest took {:.1} ms, seed {}",
        tally.made,
        took.as_secs_f64(),
        tally.made as f64 / took.as_secs_f64(),
        tally.made as f64 / total.processor.as_secs_f64(),
        percent(tally.decoded, tally.made),
        percent(tally.accepted, tally.made),
        tally.runs,
        percent(tally.results, tally.runs),
        percent(tally.guarded, tally.runs),
        total.longest.0.as_secs_f64() * 1e3,
        total.longest.1,
    );
    if total.findings > 0 {
        println!("{} findings", total.findings);
        std::process::exit(1);
    }
    println!("no finding");
}

/// What a thread has done.
#[derive(Default)]
struct Worked {
    tally: Tally,
    findings: u64,
    /// The longest that a program took, and its seed.
    longest: (Duration, u64),
    /// Time on a processor.
    processor: Duration,
}

impl Worked {
    fn add(&mut self, other: &Self) {
        let (sum, more) = (&mut self.tally, &other.tally);
        sum.made += more.made;
        sum.decoded += more.decoded;
        sum.accepted += more.accepted;
        sum.runs += more.runs;
        sum.results += more.results;
        sum.guarded += more.guarded;
        self.findings += other.findings;
        self.longest = self.longest.max(other.longest);
        self.processor += other.processor;
    }
}

/// Tries the programs of seeds; tells of the first findings.
fn work(seeds: impl Iterator<Item = u64>) -> Worked {
    let mut campaign = Campaign::new();
    let mut worked = Worked::default();
    for seed in seeds {
        let start = now();
        let result = campaign.run(seed);
        if let Err(finding) = result {
            worked.findings += 1;
            if worked.findings <= FINDINGS_TOLD {
                println!("seed {seed}: {}\n{}", finding.what, finding.mutant.text());
            }
            continue;
        }
        worked.longest = worked.longest.max((start.elapsed(), seed));
        if campaign.tally.made.is_multiple_of(PROGRESS) {
            println!(
                "seed {seed}: {} programs by this thread, {} findings",
                campaign.tally.made, worked.findings
            );
        }
    }
    worked.tally = campaign.tally;
    worked.processor = processor_time();
    worked
}

/// What this thread has had of a processor: the first field, in nanoseconds (the kernel's `Documentation/scheduler/sched-stats.rst`).
fn processor_time() -> Duration {
    let fields = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = fields.split_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(first.unwrap_or_default())
}

#[expect(clippy::disallowed_methods, reason = "a campaign says how fast it was; nothing depends on it")]
fn now() -> Instant {
    Instant::now()
}

/// Programs after which a thread says how far it is.
const PROGRESS: u64 = 5_000_000;
/// Findings that each thread prints.
const FINDINGS_TOLD: u64 = 8;
