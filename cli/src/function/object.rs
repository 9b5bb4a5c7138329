//! Functions as they are named on the command line: an object, one of its functions, and the hook that it is for.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use adit_function::elf;
use adit_function::hook::{self, Hook};
use adit_function::program::Program;
use adit_function::verified::Verified;
use adit_function::verify::{Budget, Explanation, Refusal, Verifier, explain};
use anyhow::{Context, anyhow, bail};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

use super::report::from_here;
use super::sources::printable;

/// Which function is meant.
#[derive(clap::Args)]
pub(crate) struct ObjectArguments {
    /// The object, as `clang -O2 -g -target bpf -mcpu=v3 -c` makes it
    #[arg(value_name = "FILE.o")]
    pub(crate) file: PathBuf,
    /// The function to start with; not needed if the object has only one that is not static
    #[arg(long, value_name = "NAME")]
    entry: Option<String>,
    /// The hook that it is for; not needed if it is marked with ADIT_CALL, ADIT_FILTER or ADIT_AGGREGATE
    #[arg(long, value_name = "HOOK")]
    hook: Option<HookName>,
}

/// A hook by its name.
#[derive(Clone, Copy, clap::ValueEnum)]
enum HookName {
    /// Called by a client, with bytes of his
    Call,
    /// Called for each record that is read
    Filter,
    /// Called for each record of a bucket, with a state
    Aggregate,
}

/// A function that was loaded.
pub(crate) struct Loaded {
    /// Its name.
    pub(crate) name: String,
    /// The hook that it is for.
    pub(crate) hook: &'static Hook,
    /// The program that starts with it.
    pub(crate) program: Program,
}

/// A function that was verified, and how long that took.
pub(crate) struct Judged {
    /// What the verifier says.
    pub(crate) verdict: Result<Verified, Box<Refusal>>,
    /// How many steps of its budget that took.
    pub(crate) steps: u32,
    /// How long that took.
    pub(crate) took: Duration,
}

impl ObjectArguments {
    /// Reads the object.
    pub(crate) fn load(&self) -> anyhow::Result<Loaded> {
        let object =
            std::fs::read(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
        let program = elf::load(&object, self.entry.as_deref())
            .map_err(|error| anyhow!("{}", printable(&from_here(&error.to_string()))))
            .with_context(|| self.place())?;
        let name = program.functions.first().map_or_else(String::new, |function| function.name.clone());
        let hook = match self.hook {
            Some(name) => name.hook(),
            None => marked_hook(&object, &name).with_context(|| self.place())?,
        };
        Ok(Loaded { name, hook, program })
    }

    fn place(&self) -> String {
        format!("in {}", self.file.display())
    }
}

impl HookName {
    const fn hook(self) -> &'static Hook {
        match self {
            Self::Call => &hook::CALL,
            Self::Filter => &hook::FILTER,
            Self::Aggregate => &hook::AGGREGATE,
        }
    }
}

impl Loaded {
    /// Verifies it as a server would.
    pub(crate) fn judge(&self) -> Judged {
        let program = self.program.clone();
        let mut verifier = Verifier::default();
        let started = Instant::now();
        let verdict = verifier.verify(program, self.hook, &Budget::SERVER).map_err(Box::new);
        let took = started.elapsed();
        Judged { verdict, steps: verifier.steps(), took }
    }

    /// Verifies it once more, and keeps what was known on the way.
    pub(crate) fn explain(&self) -> Explanation {
        explain(self.program.clone(), self.hook, &Budget::SERVER)
    }
}

/// The hook that a function is marked for, by the section that it lies in.
fn marked_hook(object: &[u8], name: &str) -> anyhow::Result<&'static Hook> {
    let elf = object::File::parse(object).map_err(|error| anyhow!("{error}"))?;
    let section = elf.symbols().filter(|symbol| symbol.name() == Ok(name)).find_map(|symbol| {
        elf.section_by_index(symbol.section_index()?).ok()?.name().map(str::to_owned).ok()
    });
    let marked = section.as_deref().and_then(|section| section.strip_prefix(SECTION_PREFIX));
    match marked.map(|marked| hook::HOOKS.iter().find(|hook| hook.name == marked)) {
        Some(Some(hook)) => Ok(hook),
        _ => bail!(
            "`{name}` does not say for which hook it is: put ADIT_CALL, ADIT_FILTER or ADIT_AGGREGATE in front of it, or name the hook with --hook"
        ),
    }
}

/// What the names of sections begin with that say the hook of a function.
const SECTION_PREFIX: &str = "adit/";
