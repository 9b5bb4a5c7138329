//! The native protocol, over UDP or TCP.

use std::net::ToSocketAddrs;
use std::time::Duration;

use adit_client::core::{CoreConfig, Transport};
use adit_client::error::{State, Unreachable};
use adit_client::{BucketId, Client, Condition, Config, Error, NewExpiry, PutOptions};
use adit_wire::resp::glob;
use anyhow::{Context, bail};

use super::{Store, Visit, When};

/// A session at the shards of a server.
pub(super) struct NativeStore {
    /// There until it is dropped, which ends the session.
    client: Option<Client>,
    bucket: BucketId,
}

/// How the shards are reached.
pub(super) enum Way {
    /// By the kernel's TCP.
    Tcp,
    /// By UDP, over a port if there is one, else by the kernel.
    Udp(Option<String>),
}

impl NativeStore {
    /// Opens a session.
    pub(super) fn connect(
        target: &str,
        way: Way,
        password: Option<&str>,
        bucket: u32,
    ) -> anyhow::Result<Self> {
        let wrong = || format!("{target} is no address; give one such as 127.0.0.1:7400");
        let address = target.to_socket_addrs().with_context(wrong)?.next().with_context(wrong)?;
        let (transport, port) = match way {
            Way::Tcp => (Transport::Stream, None),
            Way::Udp(port) => (Transport::Datagram, port),
        };
        let password = password.unwrap_or_default().as_bytes().to_vec();
        let core = CoreConfig { address, transport, password, ..CoreConfig::default() };
        let config = Config { core, deadline: DEADLINE, port, ..Config::default() };
        let client = Client::connect(config).map_err(|error| match error {
            Error::Unreachable(Unreachable::Port(_)) => error.into(),
            Error::Unreachable(_) => anyhow::Error::new(error)
                .context(format!("cannot connect to {target}; is `adit serve` running there?")),
            error => error.into(),
        })?;
        Ok(Self { client: Some(client), bucket: BucketId(bucket) })
    }

    fn client(&mut self) -> (&mut Client, BucketId) {
        let Some(client) = &mut self.client else { unreachable!("it is taken when this is dropped") };
        (client, self.bucket)
    }
}

impl Drop for NativeStore {
    fn drop(&mut self) {
        self.client.take().into_iter().for_each(Client::close);
    }
}

impl Store for NativeStore {
    fn get(&mut self, key: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
        let (client, bucket) = self.client();
        Ok(client.get(bucket, key)?.map(adit_client::Value::into_vec))
    }

    fn set(&mut self, key: &[u8], value: Vec<u8>, ttl_s: Option<u64>, when: When) -> anyhow::Result<bool> {
        let expiry = match ttl_s {
            None => NewExpiry::Never,
            Some(0) => bail!("invalid expire time; give at least a second"),
            Some(ttl_s) => NewExpiry::AfterMs(ttl_s.saturating_mul(1_000)),
        };
        let condition = match when {
            When::Always => Condition::Always,
            When::IfAbsent => Condition::IfAbsent,
            When::IfPresent => Condition::IfPresent,
        };
        let (client, bucket) = self.client();
        match client.put(bucket, key, value, PutOptions { condition, expiry }) {
            Err(Error::State(State::ConditionFailed { .. })) => Ok(false),
            result => Ok(result.map(|_| true)?),
        }
    }

    fn del(&mut self, keys: &[String]) -> anyhow::Result<u64> {
        let (client, bucket) = self.client();
        let mut count = 0;
        for key in keys {
            count += u64::from(client.delete(bucket, key.as_bytes())?);
        }
        Ok(count)
    }

    fn scan(&mut self, pattern: &[u8], visit: &mut Visit<'_>) -> anyhow::Result<()> {
        let (client, bucket) = self.client();
        for key in client.scan(bucket) {
            let key = key?;
            if glob::matches(pattern, &key) && !visit(&key)? {
                break;
            }
        }
        Ok(())
    }
}

/// Of each request. The longest value takes half of it at a gigabit per second.
const DEADLINE: Duration = Duration::from_secs(10);
