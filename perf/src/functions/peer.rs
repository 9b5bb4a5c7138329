//! An engine that is a program of its own: it is asked by lines and answers how long it took.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context;

use super::engine::Timed;

/// The program.
#[derive(Debug)]
pub(super) struct Peer {
    name: String,
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts it. It runs on the core that this thread is pinned to.
    ///
    /// # Errors
    /// If it does not start.
    pub(super) fn start(name: &str, program: &Path, arguments: &[&Path]) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let questions = child.stdin.take().context("it has no input")?;
        let answers = BufReader::new(child.stdout.take().context("it has no output")?);
        Ok(Self { name: name.to_owned(), child, questions, answers })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Asks for so many calls of a function with so many bytes of input.
    ///
    /// # Errors
    /// If it does not answer.
    pub(super) fn time(&mut self, function: &str, bytes: usize, calls: u64) -> anyhow::Result<Timed> {
        writeln!(self.questions, "{function} {bytes} {calls}")?;
        self.questions.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let mut fields = line.split_ascii_whitespace().map(str::parse);
        match (fields.next(), fields.next(), fields.next()) {
            (Some(Ok(time_ns)), Some(Ok(calls)), Some(Ok(result))) => Ok(Timed { time_ns, calls, result }),
            _ => anyhow::bail!("{} does not run {function}: it says {line:?}", self.name),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
