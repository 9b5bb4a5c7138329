//! A server as a cache: started, told to evict, asked what it holds.

use std::path::Path;

use anyhow::Context;

use crate::client::Client;
use crate::compare::contender::Contender;
use crate::compare::result::Transport;
use crate::compare::server::ScratchDirectory;
use crate::cpu::process_cpu_ns;
use crate::memory::Resident;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Adit { shards: u16 },
    Redis,
}

/// A running cache that evicts the keys least lately used, or about so.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) client: Client,
    pub(super) contender: Contender,
    pid: u32,
    _scratch: ScratchDirectory,
}

impl Cache {
    /// Starts a server that could hold `data_bytes`.
    pub(super) fn start(kind: Kind, program: &Path, data_bytes: u64) -> anyhow::Result<Self> {
        let scratch = ScratchDirectory::new()?;
        let contender = match kind {
            Kind::Redis => Contender::redis(&scratch)?,
            Kind::Adit { shards } => {
                let memory = format!("{}MiB", 2 * data_bytes.div_ceil(MEBIBYTE) + ADIT_BUFFERS_MIB);
                Contender::adit_of(&scratch, program, "Adit", shards, &memory)?
            }
        };
        let endpoint = contender.endpoint(Transport::Tcp)?;
        let (mut client, pid) = (Client::connect(&endpoint.target)?, endpoint.pid);
        client
            .ask(&[b"CONFIG", b"SET", b"maxmemory-policy", b"allkeys-lru"])
            .with_context(|| format!("{} cannot evict", contender.facts.name))?;
        Ok(Self { client, contender, pid, _scratch: scratch })
    }

    /// Lets it hold `memory_bytes`, as it counts them itself.
    pub(super) fn limit(&mut self, memory_bytes: u64) -> anyhow::Result<()> {
        self.client.ask(&[b"CONFIG", b"SET", b"maxmemory", memory_bytes.to_string().as_bytes()])?;
        Ok(())
    }

    pub(super) fn keys(&mut self) -> anyhow::Result<u64> {
        self.client.ask(&[b"DBSIZE"])?.parse().context("DBSIZE is not a number")
    }

    pub(super) fn used_memory(&mut self) -> anyhow::Result<u64> {
        self.client.info("used_memory")?.context("INFO has no used_memory")
    }

    pub(super) fn resident_bytes(&self) -> anyhow::Result<u64> {
        Ok(Resident::of(self.pid)?.now_bytes)
    }

    pub(super) fn cpu_ns(&self) -> anyhow::Result<u64> {
        process_cpu_ns(self.pid)
    }
}

const MEBIBYTE: u64 = 1024 * 1024;
const ADIT_BUFFERS_MIB: u64 = 256;
