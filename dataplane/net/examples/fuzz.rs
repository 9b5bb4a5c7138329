//! Hostile frames against the stack in long campaigns: `scripts/fuzz-net [--frames N] [--from SEED] [--jobs J]`.

#![expect(clippy::unwrap_used, reason = "a campaign fails where something is not as it must be")]

use std::cell::Cell;
use std::time::Duration;

use adit_drivers::clock::Clock;

#[expect(unreachable_pub, reason = "a test uses the module as well")]
#[path = "../tests/hostile/mod.rs"]
mod hostile;

thread_local! {
    static SEED: Cell<u64> = const { Cell::new(0) };
}

fn main() {
    let (mut frames, mut from, mut jobs) = (10_000_000_u64, 0_u64, 2_u64);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let number = arguments.next().and_then(|text| text.parse().ok());
        match (name.as_str(), number) {
            ("--frames", Some(number)) => frames = number,
            ("--from", Some(number)) => from = number,
            ("--jobs", Some(number)) if number > 0 => jobs = number,
            _ => {
                eprintln!("usage: scripts/fuzz-net [--frames N] [--from SEED] [--jobs J]");
                std::process::exit(2);
            }
        }
    }
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        let seed = SEED.get();
        eprintln!("this seed fails: scripts/fuzz-net --frames {FRAMES_PER_SEED} --from {seed} --jobs 1");
    }));
    let seeds = frames.div_ceil(FRAMES_PER_SEED);
    println!("seeds {from} to {}, {FRAMES_PER_SEED} frames each", from + seeds - 1);
    let start_ns = Clock::Kernel.mono_ns();
    std::thread::scope(|scope| {
        for job in 0..jobs {
            scope.spawn(move || {
                for seed in (from + job..from + seeds).step_by(usize::try_from(jobs).unwrap()) {
                    SEED.set(seed);
                    hostile::run(seed, FRAMES_PER_SEED);
                }
            });
        }
    });
    let took = Duration::from_nanos(Clock::Kernel.mono_ns() - start_ns);
    let count = seeds * FRAMES_PER_SEED;
    let rate = count as f64 / took.as_secs_f64() / 1e6;
    println!("{count} frames in {:.1} s, {rate:.2} million per second: no fault", took.as_secs_f64());
}

/// Frames of one seed.
const FRAMES_PER_SEED: u64 = 65_536;
