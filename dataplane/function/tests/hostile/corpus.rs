//! Real programs: what clang made of the examples in C, as text. Those that were found to show a fault are kept beside them.

use std::path::Path;

use adit_function::assembly;
use adit_function::encode::encode;
use adit_function::hook::{HOOKS, Hook};
use adit_function::program::Program;

use super::Mutant;

/// A program that others are made of.
#[derive(Clone, Debug)]
pub struct Base {
    /// The file that it is from.
    pub name: String,
    /// The program.
    pub program: Program,
    /// The same as bytes.
    pub mutant: Mutant,
}

/// The programs of the corpus.
pub fn corpus() -> Vec<Base> {
    read("corpus")
}

/// The programs that have shown a fault.
pub fn found() -> Vec<Base> {
    read("found")
}

fn read(folder: &str) -> Vec<Base> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The compiler and the oracle are packages inside of this one.
    let root = root.ancestors().map(|root| root.join("tests/hostile")).find(|root| root.is_dir()).unwrap();
    let folder = root.join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let bases = files.iter().map(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let program = assembly::program(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let code = encode(&program).unwrap();
        let (data, variables) = (program.data.clone(), program.variables.clone());
        Base { mutant: Mutant { code, data, variables, hook: hook(&text) }, name, program }
    });
    bases.collect()
}

/// The hook that the first line names.
fn hook(text: &str) -> &'static Hook {
    let name = text.lines().next().and_then(|line| line.strip_prefix("# hook ")).unwrap_or_default();
    HOOKS.iter().find(|hook| hook.name == name.trim()).unwrap_or_else(|| panic!("there is no hook `{name}`"))
}
