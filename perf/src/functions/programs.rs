//! What programs cost before they are called: time to verify and to compile them, and memory where thousands of them lie.

use adit_native::{Arena, compile};

use super::build::Build;
use super::engine::MODES;
use crate::cpu::thread_cpu_ns;
use crate::memory::Resident;

/// The cost of a program.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Program {
    pub(super) function: &'static str,
    pub(super) instructions: usize,
    pub(super) code_bytes: usize,
    /// Load and verify, compile.
    pub(super) verify_ns: u64,
    pub(super) compile_ns: u64,
}

/// Many of them in an arena.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(super) struct Many {
    pub(super) programs: usize,
    pub(super) code_bytes: usize,
    pub(super) resident_bytes: u64,
    pub(super) install_ns: u64,
    /// How many are left, and bytes of code, when all were freed.
    pub(super) left: (usize, usize),
}

/// Measures some programs of the comparison.
///
/// # Errors
/// If one is refused or does not compile.
pub(super) fn measure(build: &Build) -> anyhow::Result<(Vec<Program>, Many)> {
    let functions = [
        ("programs.o", "projection"),
        ("programs.o", "sum"),
        ("programs.o", "dense"),
        ("list.o", "list"),
        ("friends.o", "friends"),
    ];
    let mut programs = Vec::new();
    let mut codes = Vec::new();
    for (object, function) in functions {
        let start_ns = thread_cpu_ns();
        let verified = build.verified(object, function)?;
        let verified_ns = thread_cpu_ns();
        let code = compile(&verified, &MODES[0].options)?;
        let compiled_ns = thread_cpu_ns();
        programs.push(Program {
            function,
            instructions: verified.program().instructions.len(),
            code_bytes: code.len_bytes(),
            verify_ns: verified_ns - start_ns,
            compile_ns: compiled_ns - verified_ns,
        });
        codes.push(code);
    }
    let resident_bytes = Resident::of(std::process::id())?.now_bytes;
    let mut arena = Arena::new(ARENA_BYTES)?;
    let start_ns = thread_cpu_ns();
    let mut installed = Vec::with_capacity(PROGRAMS);
    for code in codes.iter().cycle().take(PROGRAMS) {
        installed.push(arena.install(code)?);
    }
    let install_ns = (thread_cpu_ns() - start_ns) / PROGRAMS as u64;
    let code_bytes = arena.used_bytes();
    let resident_bytes = Resident::of(std::process::id())?.now_bytes.saturating_sub(resident_bytes);
    for one in installed {
        arena.free(one);
    }
    let left = (arena.functions(), arena.used_bytes());
    Ok((programs, Many { programs: PROGRAMS, code_bytes, resident_bytes, install_ns, left }))
}

/// How many programs lie in the arena together.
const PROGRAMS: usize = 10_000;
/// The arena that they lie in.
const ARENA_BYTES: usize = 256 << 20;
