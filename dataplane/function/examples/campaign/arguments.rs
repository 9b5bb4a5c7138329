//! What a campaign is told on its command line.

/// The programs that a campaign makes: so many, from seeds from one on, by so many threads.
pub(crate) struct Arguments {
    pub(crate) mutants: u64,
    pub(crate) from: u64,
    pub(crate) jobs: u64,
}

/// The arguments of this program, which are those of `script`.
pub(crate) fn parse(script: &str, mutants: u64) -> Arguments {
    let mut parsed = Arguments { mutants, from: 0, jobs: 2 };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let number = arguments.next().and_then(|text| text.parse().ok());
        match (name.as_str(), number) {
            ("--mutants", Some(number)) if number > 0 => parsed.mutants = number,
            ("--from", Some(number)) => parsed.from = number,
            ("--jobs", Some(number)) if number > 0 => parsed.jobs = number,
            _ => {
                eprintln!("usage: {script} [--mutants N] [--from SEED] [--jobs J]");
                std::process::exit(2);
            }
        }
    }
    let Some(last) = parsed.from.checked_add(parsed.mutants).map(|behind| behind - 1) else {
        eprintln!("{script}: there are 2^64 seeds: --from and --mutants are more together");
        std::process::exit(2);
    };
    println!("seeds {} to {last}", parsed.from);
    parsed
}
