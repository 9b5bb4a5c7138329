//! Words of the key-value service that every protocol shares: buckets, expiry, conditions, limits.

/// A bucket of a tenant: the name space of its keys. Bucket `n` of the default tenant is database `n` of RESP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketId(pub u32);

/// Longest key in bytes.
pub const KEY_BYTES_MAX: usize = 64 << 10;
/// Longest value in bytes.
pub const VALUE_BYTES_MAX: u64 = 512 << 20;
/// Buckets that a tenant has from the start, the databases of RESP's `SELECT`.
pub const BUCKET_COUNT: u32 = 16;
