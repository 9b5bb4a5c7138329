//! Compiles the C files of `functions/`, with each clang that is here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The clangs that are here, oldest first.
///
/// # Panics
/// If there is none.
pub fn all() -> &'static [&'static str] {
    static FOUND: OnceLock<Vec<&'static str>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let is_here = |name: &&str| Command::new(name).arg("--version").output().is_ok();
        ["clang-14", "clang-16", "clang-19"].into_iter().filter(is_here).collect()
    });
    assert!(!found.is_empty(), "these tests compile C for BPF: apt-get install clang-14");
    found
}

/// The folder of the examples and the header.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../functions")
}

/// An example as an object.
///
/// # Panics
/// If it cannot be compiled, or only with warnings.
pub fn compile(clang: &str, example: &str) -> Vec<u8> {
    let output = Command::new(clang)
        .args([
            "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-I.", "-o", "-", "-c",
        ])
        .arg(format!("{example}.c"))
        .current_dir(folder())
        .output()
        .expect("clang can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{clang} does not compile {example}.c:\n{errors}");
    output.stdout
}
