//! How each server of a comparison is started, and where it then listens.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context;

use crate::compare::result::{Facts, Transport};
use crate::compare::server::{ScratchDirectory, Server, find_program, free_port};
use crate::machine::first_line;
use crate::protocol::Protocol;
use crate::target::Target;

/// A server in a comparison, running.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) facts: Facts,
    endpoints: Vec<Endpoint>,
    /// Kept to end with this value.
    servers: Vec<Server>,
}

/// One way to reach a contender.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) transport: Transport,
    pub(crate) target: Target,
    /// The process whose time counts.
    pub(crate) pid: u32,
}

impl Contender {
    /// Redis on a free loopback port and a Unix socket, without persistence.
    pub(crate) fn redis(scratch: &ScratchDirectory) -> anyhow::Result<Self> {
        let program = installed("redis-server", "redis-server")?;
        let (port, path) = (free_port()?, scratch.join("redis.sock"));
        let mut arguments = words(&["--bind", "127.0.0.1", "--port", &port.to_string()]);
        arguments.extend(["--unixsocket".into(), path.clone().into_os_string()]);
        arguments.extend(words(&["--save", "", "--appendonly", "no", "--daemonize", "no"]));
        arguments.extend(["--dir".into(), scratch.join("").into_os_string()]);
        let mut contender = Self::new("redis", first_line(&program, &["--version"]), Protocol::Resp);
        let server = Server::start(&program, &arguments, scratch.join("redis.log"))?;
        contender.add(server, vec![(Transport::Tcp, tcp(port)), (Transport::Unix, Target::Unix(path))])?;
        Ok(contender)
    }

    /// Two memcached of one thread, one on a loopback port and one on a Unix socket: one cannot serve both.
    ///
    /// Driven by the meta commands: memcached sends the replies of a pipeline of those together, but each reply
    /// to a classic `get` on its own, which costs it about four times the CPU at 16 deep.
    pub(crate) fn memcached(scratch: &ScratchDirectory) -> anyhow::Result<Self> {
        let program = installed("memcached", "memcached")?;
        let (port, path) = (free_port()?, scratch.join("memcached.sock"));
        let common = words(&["-t", "1", "-U", "0", "-m", "512", "-u", "nobody"]);
        let mut on_tcp = common.clone();
        on_tcp.extend(words(&["-l", "127.0.0.1", "-p", &port.to_string()]));
        let mut on_unix = common;
        on_unix.extend(["-a".into(), "0777".into(), "-s".into(), path.clone().into_os_string()]);
        share_with_everybody(scratch)?;
        let mut contender =
            Self::new("memcached", first_line(&program, &["--version"]), Protocol::MemcachedMeta);
        let server = Server::start(&program, &on_tcp, scratch.join("memcached-tcp.log"))?;
        contender.add(server, vec![(Transport::Tcp, tcp(port))])?;
        let server = Server::start(&program, &on_unix, scratch.join("memcached-unix.log"))?;
        contender.add(server, vec![(Transport::Unix, Target::Unix(path))])?;
        Ok(contender)
    }

    /// Adit with `shards` shards on a free loopback port and a Unix socket.
    pub(crate) fn adit(
        scratch: &ScratchDirectory,
        program: &Path,
        name: &str,
        shards: u16,
    ) -> anyhow::Result<Self> {
        Self::adit_of(scratch, program, name, shards, ADIT_MEMORY)
    }

    /// Adit with one shard for native clients, over UDP and, on the same port, TCP.
    pub(crate) fn adit_native(scratch: &ScratchDirectory, program: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut contender =
            Self::adit_on(scratch, program, "Adit", 1, ADIT_MEMORY, &format!("127.0.0.1:{port}"))?;
        contender.add_udp(port);
        Ok(contender)
    }

    /// memcached of one thread on a loopback port, UDP and TCP.
    pub(crate) fn memcached_udp(scratch: &ScratchDirectory) -> anyhow::Result<Self> {
        let program = installed("memcached", "memcached")?;
        let number = free_port()?;
        let port = number.to_string();
        let arguments =
            words(&["-U", &port, "-p", &port, "-l", "127.0.0.1", "-t", "1", "-m", "512", "-u", "nobody"]);
        let mut contender =
            Self::new("memcached", first_line(&program, &["--version"]), Protocol::MemcachedText);
        let server = Server::start(&program, &arguments, scratch.join("memcached-udp.log"))?;
        contender.add(server, vec![(Transport::Tcp, tcp(number))])?;
        contender.add_udp(number);
        Ok(contender)
    }

    /// As `adit`, with `memory` as its `--memory`.
    pub(crate) fn adit_of(
        scratch: &ScratchDirectory,
        program: &Path,
        name: &str,
        shards: u16,
        memory: &str,
    ) -> anyhow::Result<Self> {
        Self::adit_on(scratch, program, name, shards, memory, "off")
    }

    fn adit_on(
        scratch: &ScratchDirectory,
        program: &Path,
        name: &str,
        shards: u16,
        memory: &str,
        native: &str,
    ) -> anyhow::Result<Self> {
        let (port, path) = (free_port()?, scratch.join(&format!("adit-{shards}.sock")));
        let mut arguments = words(&["serve", "--shards", &shards.to_string(), "--memory", memory]);
        arguments.extend(words(&["--resp", &format!("127.0.0.1:{port}"), "--native", native]));
        arguments.extend(["--unix".into(), path.clone().into_os_string()]);
        let mut contender = Self::new(name, first_line(program, &["--version"]), Protocol::Resp);
        let server = Server::start(program, &arguments, scratch.join(&format!("adit-{shards}.log")))?;
        contender.add(server, vec![(Transport::Tcp, tcp(port)), (Transport::Unix, Target::Unix(path))])?;
        Ok(contender)
    }

    /// Where this server listens for `transport`.
    pub(crate) fn endpoint(&self, transport: Transport) -> anyhow::Result<&Endpoint> {
        let endpoint = self.endpoints.iter().find(|endpoint| endpoint.transport == transport);
        endpoint.with_context(|| format!("{} does not listen on {}", self.facts.name, transport.name()))
    }

    fn new(name: &str, version: Option<String>, protocol: Protocol) -> Self {
        let version = version.unwrap_or_else(|| "unknown".into());
        let facts = Facts { name: name.into(), version, protocol, commands: Vec::new() };
        Self { facts, endpoints: Vec::new(), servers: Vec::new() }
    }

    fn add(&mut self, mut server: Server, targets: Vec<(Transport, Target)>) -> anyhow::Result<()> {
        for (transport, target) in targets {
            server.wait_ready(&target, self.facts.protocol)?;
            self.endpoints.push(Endpoint { transport, target, pid: server.pid() });
        }
        self.facts.commands.push(server.command().to_owned());
        self.servers.push(server);
        Ok(())
    }

    /// The last server also takes datagrams; it is ready, since it answers over TCP.
    fn add_udp(&mut self, port: u16) {
        let pids = self.servers.last().map(Server::pid).into_iter();
        self.endpoints.extend(pids.map(|pid| Endpoint { transport: Transport::Udp, target: tcp(port), pid }));
    }
}

pub(crate) fn installed(program: &str, package: &str) -> anyhow::Result<std::path::PathBuf> {
    find_program(program)
        .with_context(|| format!("{program} is not installed; install it: apt-get install {package}"))
}

/// memcached gives up root and must still make its socket.
pub(crate) fn share_with_everybody(scratch: &ScratchDirectory) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::set_permissions(scratch.join(""), std::fs::Permissions::from_mode(0o777))?)
}

pub(crate) fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn tcp(port: u16) -> Target {
    Target::Tcp(format!("127.0.0.1:{port}"))
}

const ADIT_MEMORY: &str = "512MiB";
