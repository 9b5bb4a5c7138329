//! The functions and the peer, compiled by clang into a directory that goes with them.

use std::path::{Path, PathBuf};
use std::process::Command;

use adit_function::elf;
use adit_function::hook::CALL;
use adit_function::verified::Verified;
use adit_function::verify::{Budget, verify};
use anyhow::{Context, bail};

/// A directory with what was compiled.
#[derive(Debug)]
pub(super) struct Build {
    directory: PathBuf,
    clang: PathBuf,
}

impl Build {
    /// Compiles the functions of this room, two of the kit, and the peer in C.
    ///
    /// # Errors
    /// If the compiler fails: it says why.
    pub(super) fn new(clang: &Path) -> anyhow::Result<Self> {
        let directory = std::env::temp_dir().join(format!("adit-perf-functions-{}", std::process::id()));
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let build = Self { directory, clang: clang.to_owned() };
        for (name, text) in SOURCES {
            std::fs::write(build.path(name), text).with_context(|| format!("cannot write {name}"))?;
        }
        for name in ["programs", "list", "friends"] {
            build.compile(&["-target", "bpf", "-mcpu=v3", "-g", "-c"], name, &format!("{name}.o"))?;
        }
        build.compile(&["-fno-vectorize", "-fno-slp-vectorize"], "peer", "peer")?;
        Ok(build)
    }

    /// Compiles the loops to WebAssembly, for the example `engines`.
    ///
    /// # Errors
    /// If the compiler fails; it needs the linker of LLVM.
    pub(super) fn for_engines(&self) -> anyhow::Result<()> {
        let scalar = ["-fno-vectorize", "-fno-slp-vectorize", "-nostdlib"];
        let module = ["--target=wasm32", "-Wl,--no-entry", "-Wl,--export-dynamic"];
        self.compile(&[scalar, module].concat(), "programs", "programs.wasm")
            .context("WebAssembly needs the package lld beside clang")
    }

    /// Where a file of the directory is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// A function of an object, verified.
    ///
    /// # Errors
    /// If it is not there or refused.
    pub(super) fn verified(&self, object: &str, function: &str) -> anyhow::Result<Verified> {
        let bytes = std::fs::read(self.path(object)).with_context(|| format!("cannot read {object}"))?;
        let program = elf::load(&bytes, Some(function)).map_err(|error| anyhow::anyhow!("{error}"))?;
        verify(program, &CALL, &Budget::default())
            .map_err(|refusal| anyhow::anyhow!("{function} is refused: {refusal}"))
    }

    fn compile(&self, options: &[&str], source: &str, output: &str) -> anyhow::Result<()> {
        let source = format!("{source}.c");
        let output = Command::new(&self.clang)
            .current_dir(&self.directory)
            .args(["-O2", "-Wall"])
            .args(options)
            .args([&source, "-o", output])
            .output()
            .with_context(|| format!("cannot run {}", self.clang.display()))?;
        if !output.status.success() {
            bail!("clang does not compile {source}:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The files that are compiled, and what they include.
const SOURCES: [(&str, &str); 5] = [
    ("adit_fn.h", include_str!("../../../functions/adit_fn.h")),
    ("programs.c", include_str!("programs.c")),
    ("peer.c", include_str!("peer.c")),
    ("list.c", include_str!("../../../functions/list.c")),
    ("friends.c", include_str!("../../../functions/friends.c")),
];
