//! Programs in C as people write them, compiled by the compilers that are there: what is accepted without a guard, what is guarded, and what is
//! refused, in words. The line above each function in the sources says which.

use std::path::{Path, PathBuf};
use std::process::Command;

use adit_function::elf;
use adit_function::hook::CALL;
use adit_function::verified::{Finding, Verdict, Verified};
use adit_function::verify::{Budget, Verifier};

/// Compilers that may be there, with the instruction sets that each is asked for; the first one has to be.
const CLANGS: [(&str, &[&str]); 3] =
    [("clang-14", &["v2", "v3"]), ("clang-16", &["v2", "v3"]), ("clang-19", &["v2", "v3", "v4"])];

#[test]
fn walks() {
    check("walks.c");
}

#[test]
fn records() {
    check("records.c");
}

#[test]
fn memory() {
    check("memory.c");
}

/// Compiles a source in all ways that there are and checks each function.
#[track_caller]
fn check(source: &str) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/natural").join(source);
    let text = std::fs::read_to_string(&source).expect("the source is there");
    let mut wrong = String::new();
    let mut verifier = Verifier::default();
    for (index, (clang, sets)) in CLANGS.into_iter().enumerate() {
        if Command::new(clang).arg("--version").output().is_err() {
            assert!(index > 0, "{clang} is missing: apt-get install {clang}");
            continue;
        }
        for set in sets {
            let object = compile(clang, set, &source);
            for (name, expected) in expectations(&text) {
                let found = verify(&mut verifier, &object, name);
                if !is_as_expected(&found, expected) {
                    wrong.push_str(&format!("{name} by {clang} {set} is not {expected}, but {found}\n"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Whether what was found is what was expected; of a refusal, some of its words.
fn is_as_expected(found: &str, expected: &str) -> bool {
    match expected.strip_prefix("refused ") {
        Some(words) => found.starts_with("refused") && found.contains(words),
        None => found == expected,
    }
}

/// What becomes of a function: accepted, guarded, or refused and why.
fn verify(verifier: &mut Verifier, object: &[u8], name: &str) -> String {
    let program = elf::load(object, Some(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    match verifier.verify(program, &CALL, &Budget::default()) {
        Ok(verified) if is_guarded(&verified) => "guarded".to_owned(),
        Ok(_) => "accepted".to_owned(),
        Err(refusal) => format!("refused {refusal}"),
    }
}

fn is_guarded(verified: &Verified) -> bool {
    verified.findings().iter().any(|finding| match finding {
        Finding::Access(verdict) => *verdict != Verdict::Proven,
        Finding::Call { guarded } => *guarded != 0,
        Finding::Nothing | Finding::Unreachable | Finding::PointerInSource => false,
    })
}

/// The names of functions, and what the lines above them say.
fn expectations(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().zip(text.lines().skip(1)).filter_map(|(above, line)| {
        let expected = above.strip_prefix("/// ")?;
        let name = line.strip_prefix("ADIT_CALL long ")?.split('(').next()?;
        Some((name, expected))
    })
}

fn compile(clang: &str, set: &str, source: &Path) -> Vec<u8> {
    let stem = source.file_stem().and_then(|stem| stem.to_str()).expect("the source has a name");
    let object: PathBuf =
        std::env::temp_dir().join(format!("adit-natural-{}-{clang}-{set}-{stem}.o", std::process::id()));
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions");
    let output = Command::new(clang)
        .args(["-target", "bpf", "-O2", "-g", "-Wall", "-Wextra", "-Werror", &format!("-mcpu={set}"), "-I"])
        .arg(header)
        .arg("-c")
        .arg(source)
        .arg("-o")
        .arg(&object)
        .output()
        .expect("the compiler runs");
    assert!(output.status.success(), "{clang} {set}: {}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(&object).expect("the object is there");
    std::fs::remove_file(&object).expect("the object can be removed");
    bytes
}
