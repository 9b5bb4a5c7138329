//! Memory of a shard, mapped once at the start: lines for an index, runs and pages for items, blocks for large
//! values.
//!
//! [`Lines`] and [`Arena`] are the safe types around a mapping. A shard owns them; only a [`Block`] may travel to
//! another shard, and its memory goes home when the last handle is dropped.

mod arena;
mod block;
mod lines;
mod mapping;
mod units;

pub use arena::{Arena, ArenaUsage, COLLECT_BLOCKS_MAX, PAGE_BYTES, RUN_BYTES, UnitUse};
#[cfg(feature = "dpdk")]
pub(crate) use block::Region;
pub use block::{BLOCK_BYTES, Block};
pub use lines::{LINE_WORDS, Line, Lines};

use core::fmt;

/// The pages that back a mapping, for the report at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    /// Reserved huge pages of 1 GiB.
    Huge1G,
    /// Reserved huge pages of 2 MiB.
    Huge2M,
    /// Normal pages that the kernel may merge into transparent huge pages of 2 MiB.
    Transparent,
}

impl fmt::Display for PageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Huge1G => "1 GiB hugepages",
            Self::Huge2M => "2 MiB hugepages",
            Self::Transparent => "transparent hugepages",
        })
    }
}

/// Why memory was not to be had. All of it shows at the start, none while serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryError {
    /// Fewer bytes asked for than the least that is of use.
    TooSmall {
        /// Bytes asked for.
        len_bytes: u64,
        /// Bytes needed at least.
        least_bytes: u64,
    },
    /// More bytes asked for than this machine can address.
    TooLarge {
        /// Bytes asked for.
        len_bytes: u64,
    },
    /// The kernel refused to map.
    Refused {
        /// Bytes asked for.
        len_bytes: u64,
        /// Error number of the kernel.
        errno: i32,
    },
    /// The kernel mapped, but could not back the mapping with memory.
    NotBacked {
        /// Bytes asked for.
        len_bytes: u64,
        /// Error number of the kernel.
        errno: i32,
    },
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = |errno: &i32| std::io::Error::from_raw_os_error(*errno);
        match self {
            Self::TooSmall { len_bytes, least_bytes } => {
                write!(f, "{len_bytes} bytes of memory asked for, at least {least_bytes} bytes are needed")
            }
            Self::TooLarge { len_bytes } => write!(f, "{len_bytes} bytes of memory cannot be addressed"),
            Self::Refused { len_bytes, errno } => {
                write!(f, "the kernel refused to map {len_bytes} bytes: {}", cause(errno))
            }
            Self::NotBacked { len_bytes, errno } => {
                write!(f, "the kernel has no memory for all of {len_bytes} bytes: {}", cause(errno))
            }
        }
    }
}

impl std::error::Error for MemoryError {}

/// A length or offset as an index.
#[inline]
pub(crate) fn to_usize(value: u64) -> usize {
    const { assert!(usize::BITS == 64, "offsets into a mapping need 64 bits") };
    #[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits, asserted above")]
    let index = value as usize;
    index
}
