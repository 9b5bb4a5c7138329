//! The native protocol, version 1: frames of one segment each, little-endian, over datagrams or a stream. Specified
//! in `docs/native-protocol.md`; the formats are drawn beside their constants here.

pub mod bytes;
pub mod frame;
pub mod map;
pub mod opcode;
pub mod reply;
pub mod request;
pub mod status;
pub mod steering;

pub use frame::{Frame, FrameError, HEADER_BYTES, Header};
pub use opcode::Opcode;
pub use request::Request;
pub use status::Status;

/// Smallest frame that a peer has to be able to receive, and to announce in OPEN.
pub const FRAME_BYTES_MIN: usize = 576;
/// The frame that fits a datagram on an Ethernet of 1,500 bytes.
pub const FRAME_BYTES_DEFAULT: usize = 1_472;
/// The same where frames may be jumbo, 9,000 bytes.
pub const FRAME_BYTES_JUMBO: usize = 8_972;
/// Longest frame, used on streams.
pub const FRAME_BYTES_MAX: usize = 16 << 10;
/// Requests of a session that may be open at a time: a request's number is below the oldest unacknowledged one's plus
/// this.
pub const WINDOW_REQUESTS: u64 = 1_024;
/// Most segments that a peer may be asked to send at once.
pub const CREDITS_MAX: u16 = 64;
/// Longest body of a request on several keys.
pub const MULTI_BYTES_MAX: usize = 1 << 20;
/// Most bytes of values in a reply to a request on several keys.
pub const MULTI_REPLY_BYTES_MAX: u64 = 64 << 20;
/// Longest body of any message: the longest value with its key.
pub const BODY_BYTES_MAX: u32 = 513 << 20;
const _: () = assert!(BODY_BYTES_MAX as u64 == crate::kv::VALUE_BYTES_MAX + (1 << 20));
