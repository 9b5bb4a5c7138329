//! The other end of the child: asks it, and starts another one when it hangs.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context;

/// A PREVAIL that answers.
pub(crate) struct Judge {
    child: Child,
    questions: ChildStdin,
    answers: Receiver<String>,
}

/// What PREVAIL says of a program.
pub(crate) enum Opinion {
    /// It is safe.
    Pass,
    /// It may not be: slots, and what may happen there.
    Fail(Vec<(u32, String)>),
    /// It cannot be read.
    Unread,
    /// No answer in time.
    Hung,
}

impl Judge {
    /// Starts the child.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program to start it as a child")?;
        let mut child = Command::new(program)
            .arg("--child")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the child")?;
        let questions = child.stdin.take().context("the child has no input")?;
        let lines = BufReader::new(child.stdout.take().context("the child has no output")?).lines();
        let (sender, answers) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Ok(Self { child, questions, answers })
    }

    /// Asks about a program.
    pub(crate) fn ask(&mut self, code: &[u8]) -> anyhow::Result<Opinion> {
        let length = u32::try_from(code.len()).context("a program is shorter than 4 GiB")?;
        let question = [&length.to_le_bytes(), code].concat();
        let is_asked = self.questions.write_all(&question).and_then(|()| self.questions.flush()).is_ok();
        match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) if is_asked => Ok(Opinion::of(&answer)),
            // It hangs, or it fell over.
            Ok(_) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                *self = Self::start()?;
                Ok(Opinion::Hung)
            }
        }
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Opinion {
    fn of(answer: &str) -> Self {
        let mut parts = answer.split('\t');
        match parts.next() {
            Some("pass") => Self::Pass,
            Some("fail") => {
                let fault = |part: &str| {
                    let (slot, words) = part.split_once(':')?;
                    Some((slot.parse().ok()?, words.to_owned()))
                };
                Self::Fail(parts.filter_map(fault).collect())
            }
            _ => Self::Unread,
        }
    }
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
