//! Server processes of a comparison: started, waited for, and ended by their id when dropped.

use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::connection::Connection;
use crate::protocol::{Protocol, ReplyKind};
use crate::target::Target;

/// A directory for sockets and logs, removed when dropped.
#[derive(Debug)]
pub(crate) struct ScratchDirectory {
    path: PathBuf,
}

impl ScratchDirectory {
    pub(crate) fn new() -> anyhow::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("adit-perf-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for ScratchDirectory {
    fn drop(&mut self) {
        // What stays behind lies in the directory for temporary files.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    command: String,
    log: PathBuf,
}

impl Server {
    /// Starts `program`; its output goes to `log`.
    ///
    /// Where `setpriv` is installed the server also ends with this process, should that be killed.
    pub(crate) fn start(program: &Path, arguments: &[OsString], log: PathBuf) -> anyhow::Result<Self> {
        Self::start_with(program, arguments, log, Stdio::null())
    }

    /// The same for a program that ends with its standard input, which stays open for as long as this value lives.
    pub(crate) fn start_with_input(
        program: &Path,
        arguments: &[OsString],
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        Self::start_with(program, arguments, log, Stdio::piped())
    }

    fn start_with(
        program: &Path,
        arguments: &[OsString],
        log: PathBuf,
        input: Stdio,
    ) -> anyhow::Result<Self> {
        let output = std::fs::File::create(&log)?;
        let mut command = if Path::new(SETPRIV).exists() {
            let mut command = Command::new(SETPRIV);
            command.args(["--pdeathsig", "TERM", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).stdin(input).stdout(output.try_clone()?).stderr(output);
        // A group of its own: Ctrl-C is for us, and we end the servers.
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child, command: display(program, arguments), log })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The command line, for the record.
    pub(crate) fn command(&self) -> &str {
        &self.command
    }

    /// Waits until the server answers at `target`.
    ///
    /// # Errors
    /// When it ends or does not answer within `READY_WAIT`; carries the end of its log.
    pub(crate) fn wait_ready(&mut self, target: &Target, protocol: Protocol) -> anyhow::Result<()> {
        let started = Instant::now();
        while !answers(target, protocol) {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once ({status}): {}", self.command, self.log_tail());
            }
            if started.elapsed() > READY_WAIT {
                bail!("{} does not answer at {target}: {}", self.command, self.log_tail());
            }
            std::thread::sleep(READY_CHECK);
        }
        Ok(())
    }

    /// Waits until the server has written `text`.
    ///
    /// # Errors
    /// As `wait_ready`.
    pub(crate) fn wait_text(&mut self, text: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        while !self.log_text().contains(text) {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once ({status}): {}", self.command, self.log_tail());
            }
            if started.elapsed() > READY_WAIT {
                bail!("{} does not say \"{text}\": {}", self.command, self.log_tail());
            }
            std::thread::sleep(READY_CHECK);
        }
        Ok(())
    }

    /// What it has written.
    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        let text = self.log_text();
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join(" | ")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that has ended already is only waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A TCP port that was free a moment ago.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no loopback port is free")?.local_addr()?.port())
}

/// Where `program` lies on the search path.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Whether a server answers the probe of `protocol` without an error, within `PROBE_WAIT`.
fn answers(target: &Target, protocol: Protocol) -> bool {
    let Ok(mut connection) = Connection::connect(target) else { return false };
    let (mut buffer, mut received) = ([0; 4096], 0);
    let started = Instant::now();
    if connection.send(protocol.probe()).is_err() {
        return false;
    }
    while started.elapsed() < PROBE_WAIT {
        let Ok(count) = connection.receive(&mut buffer[received..]) else { return false };
        received += count;
        match protocol.skip_reply(&buffer[..received]) {
            Ok(Some((_, kind))) => return kind == ReplyKind::Ok,
            Ok(None) => std::thread::sleep(READY_CHECK),
            Err(_) => return false,
        }
    }
    false
}

fn display(program: &Path, arguments: &[OsString]) -> String {
    // Where it lies says nothing to those who read the report.
    let mut text = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for argument in arguments {
        let path = Path::new(argument);
        let name = path.file_name().filter(|_| path.is_absolute() && path.is_file());
        let argument = name.unwrap_or(argument).to_string_lossy();
        text.push(' ');
        text.push_str(if argument.is_empty() { "\"\"" } else { &argument });
    }
    text
}

const SETPRIV: &str = "/usr/bin/setpriv";
const READY_WAIT: Duration = Duration::from_secs(10);
const READY_CHECK: Duration = Duration::from_millis(10);
const PROBE_WAIT: Duration = Duration::from_secs(1);
const LOG_LINES_SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_ends_is_reported_with_its_log() {
        let scratch = ScratchDirectory::new().unwrap();
        let arguments = ["-c".into(), "echo no such flag; exit 2".into()];
        let mut server = Server::start(Path::new("/bin/sh"), &arguments, scratch.join("log")).unwrap();
        let target = Target::Unix(scratch.join("missing.sock"));
        let error = server.wait_ready(&target, Protocol::Resp).unwrap_err().to_string();
        assert!(error.contains("ended at once") && error.contains("no such flag"), "{error}");
    }

    #[test]
    fn dropping_ends_the_process_and_removes_the_directory() {
        let scratch = ScratchDirectory::new().unwrap();
        let server = Server::start(Path::new("/bin/sleep"), &["600".into()], scratch.join("log")).unwrap();
        let (process, directory) = (format!("/proc/{}", server.pid()), scratch.path.clone());
        assert!(Path::new(&process).exists() && directory.exists());
        drop(server);
        drop(scratch);
        assert!(!Path::new(&process).exists() && !directory.exists());
    }
}
