//! What does the steps of a set-up, or only tells them.

use std::io::Write;

use crate::machine::root::Root;

/// Changes the machine unless the run is dry; tells each step as a command of the shell either way.
pub(super) struct Hand<'a> {
    pub(super) root: &'a Root,
    pub(super) dry_run: bool,
}

impl<'a> Hand<'a> {
    pub(super) fn new(root: &'a Root, dry_run: bool) -> Self {
        Self { root, dry_run }
    }

    /// Prints a line; whoever reads the output may be gone.
    #[expect(clippy::unused_self, reason = "said by the hand that does it")]
    pub(super) fn say(&self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// Writes a value to a file of the kernel.
    pub(super) fn write(&self, path: &str, value: &str) -> anyhow::Result<()> {
        let value_shown = if value.is_empty() { "''" } else { value };
        self.step(&format!("echo {value_shown} > {path}"));
        if self.dry_run { Ok(()) } else { self.root.write(path, value) }
    }

    /// Loads a module of the kernel.
    pub(super) fn modprobe(&self, module: &str) -> anyhow::Result<()> {
        self.step(&format!("modprobe {module}"));
        if self.dry_run { Ok(()) } else { self.root.modprobe(module) }
    }

    fn step(&self, command: &str) {
        let mark = if self.dry_run { "would: " } else { "" };
        self.say(&format!("  {mark}{command}"));
    }
}

/// Something that the operator should know, which stops nothing.
pub(super) fn warn(text: &str) {
    eprintln!("adit: warning: {text}");
}
