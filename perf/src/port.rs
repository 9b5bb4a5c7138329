//! The port of a NIC that this process has: its clients, one after the other, have it for as long as they run.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use adit_endpoint::PortEndpoint;
use anyhow::Context;

use crate::number::nanoseconds;

/// A port. A process opens one, as its environment starts once; clones are of the same.
#[derive(Clone)]
pub(crate) struct SharedPort {
    place: Arc<Mutex<Option<Box<OpenPort>>>>,
    name: String,
}

/// What whoever has the port polls.
pub(crate) struct OpenPort {
    pub(crate) endpoint: PortEndpoint,
    /// The time that its stack goes by begins here.
    origin: Instant,
}

/// The port in the hands of a client; it goes back when this is dropped.
pub(crate) struct TakenPort {
    port: Option<Box<OpenPort>>,
    home: SharedPort,
}

impl SharedPort {
    /// Opens the port `spec`, for requests to a server of one shard.
    pub(crate) fn open(spec: &str) -> anyhow::Result<Self> {
        let origin = Instant::now();
        let endpoint = PortEndpoint::open(spec, LOCAL_PORT, 0).with_context(|| format!("--port {spec}"))?;
        let port = Box::new(OpenPort { endpoint, origin });
        Ok(Self { place: Arc::new(Mutex::new(Some(port))), name: spec.to_owned() })
    }

    /// The port as it was written down.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Takes it.
    ///
    /// # Errors
    /// If another client has it.
    pub(crate) fn take(&self) -> anyhow::Result<TakenPort> {
        let port = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let port = port.context("the port has another client; it takes --clients 1")?;
        Ok(TakenPort { port: Some(port), home: self.clone() })
    }
}

impl fmt::Debug for SharedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TakenPort {
    #[inline]
    pub(crate) fn get(&mut self) -> &mut OpenPort {
        self.port.as_mut().expect("only a drop takes it away")
    }
}

impl Drop for TakenPort {
    fn drop(&mut self) {
        *self.home.place.lock().unwrap_or_else(PoisonError::into_inner) = self.port.take();
    }
}

impl OpenPort {
    /// The time of its stack.
    #[inline]
    pub(crate) fn now_ns(&self) -> u64 {
        nanoseconds(self.origin.elapsed())
    }
}

/// Where datagrams come from.
const LOCAL_PORT: u16 = 7000;
