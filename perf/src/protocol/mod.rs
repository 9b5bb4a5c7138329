//! The protocols a load speaks: requests as bytes, ends of replies. No I/O.

pub(crate) mod memcached;
pub(crate) mod resp;

use crate::dataset::Dataset;
use crate::workload::{Operation, Step};
pub(crate) use adit_wire::resp::client::ReplyKind;

/// A protocol of a server under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Protocol {
    /// Redis's: GET and SET, MGET and MSET.
    Resp,
    /// memcached's classic text: `get` and `set`.
    MemcachedText,
    /// memcached's meta commands: `mg` and `ms`.
    MemcachedMeta,
}

impl Protocol {
    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Resp => "resp",
            Self::MemcachedText => "memcached-text",
            Self::MemcachedMeta => "memcached-meta",
        }
    }

    /// Appends the request of one step of an operation to `out`.
    #[inline]
    pub(crate) fn push(self, out: &mut Vec<u8>, dataset: &Dataset, operation: Operation) {
        let key = operation.key;
        match (operation.step, self) {
            (Step::Read | Step::ReadToModify, Self::Resp) => resp::push_get(out, dataset, key),
            (Step::Read | Step::ReadToModify, Self::MemcachedText) => memcached::push_get(out, dataset, key),
            (Step::Read | Step::ReadToModify, Self::MemcachedMeta) => {
                memcached::push_meta_get(out, dataset, key);
            }
            (Step::Write | Step::Insert, Self::Resp) => resp::push_set(out, dataset, key),
            (Step::Write | Step::Insert, Self::MemcachedText) => memcached::push_set(out, dataset, key),
            (Step::Write | Step::Insert, Self::MemcachedMeta) => memcached::push_meta_set(out, dataset, key),
        }
    }

    /// Appends the request that reads all of `keys` to `out`; RESP only.
    pub(crate) fn push_read_many(self, out: &mut Vec<u8>, dataset: &Dataset, keys: &[u64]) {
        debug_assert!(self == Self::Resp, "refused when the load was made");
        resp::push_mget(out, dataset, keys);
    }

    /// Appends the request that writes all of `keys` to `out`; RESP only.
    pub(crate) fn push_write_many(self, out: &mut Vec<u8>, dataset: &Dataset, keys: &[u64]) {
        debug_assert!(self == Self::Resp, "refused when the load was made");
        resp::push_mset(out, dataset, keys);
    }

    /// A request that asks whether the server is there.
    pub(crate) fn probe(self) -> &'static [u8] {
        match self {
            Self::Resp => b"*1\r\n$4\r\nPING\r\n",
            Self::MemcachedText | Self::MemcachedMeta => b"version\r\n",
        }
    }

    /// The length and kind of the first reply in `bytes`, or `None` while it is not complete.
    ///
    /// # Errors
    /// When the bytes are no reply of this protocol.
    #[inline]
    pub(crate) fn skip_reply(self, bytes: &[u8]) -> anyhow::Result<Option<(usize, ReplyKind)>> {
        match self {
            Self::Resp => Ok(adit_wire::resp::client::skip_reply(bytes)?),
            Self::MemcachedText | Self::MemcachedMeta => memcached::skip_reply(bytes),
        }
    }
}
