//! Words of the key-value service that every protocol shares: buckets, expiry, conditions, limits.

/// A bucket of a tenant: the name space of its keys. Bucket `n` of the default tenant is database `n` of RESP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketId(pub u32);

/// Longest key in bytes.
pub const KEY_BYTES_MAX: usize = 64 << 10;
/// Longest value in bytes.
pub const VALUE_BYTES_MAX: u64 = 512 << 20;
/// Buckets that a tenant has from the start, the databases of RESP's `SELECT`.
pub const BUCKET_COUNT: u32 = 16;

/// What becomes of a key's expiry when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The key does not expire.
    Never,
    /// As it was.
    Keep,
    /// At this time, in milliseconds since 1970; a time that has passed removes the key.
    At(u64),
}

/// An [`Expiry`] in eight bytes, so that an operation with another number beside it stays small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedExpiry(u64);

impl From<Expiry> for PackedExpiry {
    /// A time that does not fit is the last one that does: hundreds of millions of years from now.
    fn from(expiry: Expiry) -> Self {
        Self(match expiry {
            Expiry::Never => u64::MAX,
            Expiry::Keep => u64::MAX - 1,
            Expiry::At(at_ms) => at_ms.min(u64::MAX - 2),
        })
    }
}

impl From<PackedExpiry> for Expiry {
    fn from(packed: PackedExpiry) -> Self {
        match packed.0 {
            u64::MAX => Self::Never,
            at_ms if at_ms == u64::MAX - 1 => Self::Keep,
            at_ms => Self::At(at_ms),
        }
    }
}

/// When a put applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    Always,
    /// Only if the key does not exist.
    IfAbsent,
    /// Only if the key exists.
    IfPresent,
}

/// What a put answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutAnswer {
    /// Done, or nothing if the condition did not hold.
    Done,
    /// The value that was there before, applied or not.
    Previous,
    /// 1 if applied, 0 if not.
    Applied,
    /// The version that was written, or the one that the key has.
    Version,
}

/// When a new expiry applies, compared to the one that a key has; a key without one counts as expiring never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpireCondition {
    /// Always.
    Always,
    /// Only if the key has no expiry.
    IfNone,
    /// Only if the key has an expiry.
    IfSome,
    /// Only if it is later than the present one.
    IfLater,
    /// Only if it is earlier than the present one.
    IfEarlier,
    /// Only if the key has an expiry and this is earlier.
    IfSomeAndEarlier,
}

/// What `OBJECT` and `MEMORY USAGE` tell of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// The name that Redis gives the way the value is kept.
    Encoding,
    /// How many hold the value: one.
    References,
    /// Seconds since it was used: not known, 0.
    IdleSeconds,
    /// How often it is used: not known, an error.
    Frequency,
    /// All of that and where it lies: `DEBUG OBJECT`.
    Debug,
    /// Bytes that key and value take.
    Memory,
}

/// How a time of expiry is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryForm {
    /// Seconds from now, rounded.
    LeftSeconds,
    /// Milliseconds from now.
    LeftMs,
    /// Seconds since 1970, rounded down.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMs,
}

/// What a request does to one key or one bucket of one shard. The key and the value travel beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The value.
    Get,
    /// The value, then its expiry changes.
    GetExpire(Expiry),
    /// The value, then the key is removed.
    GetDelete,
    /// Nothing if the key does not exist, else this failure: a request that is judged only after the look-up.
    Fail(Status),
    /// Writes the value.
    Put {
        /// When it applies.
        condition: Condition,
        /// The expiry it leaves.
        expiry: Expiry,
        /// What it answers.
        answer: PutAnswer,
    },
    /// Writes the value if the key has this version; answers as [`PutAnswer::Version`].
    PutIfVersion {
        /// The version.
        version: u64,
        /// The expiry it leaves.
        expiry: PackedExpiry,
    },
    /// Adds the value at the end; answers the new length.
    Append,
    /// Adds to the decimal number that the value is; answers the sum.
    Add(i64),
    /// Removes the key; answers 1 or 0.
    Delete,
    /// Answers 1 if the key exists, else 0.
    Exists,
    /// Answers the name of the value's type, or `none`.
    Type,
    /// Answers the length of the value, 0 without one.
    Length,
    /// The bytes of the value from one position to another, both included; negative ones count from the end.
    GetRange {
        /// First byte.
        start: i64,
        /// Last byte.
        end: i64,
    },
    /// Writes the value over what is there from `offset` on; answers the new length.
    SetRange {
        /// First byte that is written; zeros fill what is missing before it.
        offset: u64,
    },
    /// Adds the decimal fraction that travels as the value; answers the sum.
    AddDecimal,
    /// Answers the version of the last write, 0 without the key: two equal answers mean that nothing was written
    /// between them.
    Version,
    /// Answers the value with its expiry and version.
    Record,
    /// The same, then the key is removed.
    Take,
    /// Answers what is known about how a value is kept.
    Describe(Aspect),
    /// Changes the expiry; answers 1 if it applied, else 0.
    Expire {
        /// Milliseconds since 1970; a time that has passed removes the key.
        at_ms: u64,
        /// When it applies.
        condition: ExpireCondition,
    },
    /// Takes the expiry away; answers 1 if there was one, else 0.
    Persist,
    /// Changes the expiry or takes it away; answers 1 if the key exists, else 0. Milliseconds since 1970; a time that
    /// has passed removes the key.
    SetExpiry(Option<u64>),
    /// Answers the expiry, -1 without one, -2 without the key.
    ExpiryOf(ExpiryForm),
    /// Answers some key of the bucket on this shard, or where to look on.
    Random {
        /// It chooses the key.
        random: u64,
        /// Where to look on; 0 at first.
        cursor: u64,
    },
    /// Answers how many keys the bucket has on this shard.
    Count,
    /// Removes all keys of the bucket on this shard.
    Flush,
    /// Removes all keys of all buckets on this shard.
    FlushAll,
    /// Answers keys of the bucket and the next cursor; ends at the first of the two bounds.
    Scan {
        /// Where to begin, 0 at first.
        cursor: u64,
        /// Index buckets to visit.
        buckets_max: u32,
        /// Keys above which no further bucket is visited.
        keys_max: u32,
    },
    /// A step of a task that concerns the shard and no key; the task travels beside it.
    Manage {
        /// Where the step begins, 0 at first.
        cursor: u32,
    },
}

/// Why a request failed, sorted by whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The sender's: the key is longer than [`KEY_BYTES_MAX`].
    KeyTooLong,
    /// The sender's: the value would be longer than [`VALUE_BYTES_MAX`].
    ValueTooLong,
    /// The sender's: the offset of a SETRANGE is negative.
    OffsetOutOfRange,
    /// The sender's: the time of expiry of a GETEX is not positive or too far away.
    InvalidExpiry,
    /// The state's: the value is not a decimal number of 64 bits.
    NotAnInteger,
    /// The state's: the sum does not fit 64 bits.
    Overflow,
    /// The state's: the value is not a decimal fraction.
    NotADecimal,
    /// The state's: the sum of decimal fractions is too large.
    DecimalOverflow,
    /// The state's: how often a key is used is not counted.
    NotCounted,
    /// The state's: the key to be renamed does not exist.
    NoSuchKey,
    /// The state's: the shard's memory is full.
    OutOfMemory,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_expiry_is_the_same() {
        for expiry in [Expiry::Never, Expiry::Keep, Expiry::At(0), Expiry::At(u64::MAX - 2)] {
            assert_eq!(Expiry::from(PackedExpiry::from(expiry)), expiry);
        }
        assert_eq!(Expiry::from(PackedExpiry::from(Expiry::At(u64::MAX))), Expiry::At(u64::MAX - 2));
        assert_eq!(size_of::<Operation>(), 24, "it travels between cores");
    }
}
