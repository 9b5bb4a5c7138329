//! The reply encoder. One function per shape; each writes into a [`Sink`].

use super::Version;
use super::number::Digits;
use super::request::ProtocolError;
use crate::kv::Status;

/// Where replies are written to.
pub trait Sink {
    /// Appends bytes.
    fn write(&mut self, bytes: &[u8]);

    /// Notes that an error with this text is written; its first word is its code.
    #[inline]
    fn note_error(&mut self, _text: &str) {}

    /// A bulk string: most replies. A sink that has room in one piece may do better than three writes.
    #[inline]
    fn write_bulk(&mut self, value: &[u8]) {
        header(self, b'$', value.len() as u64);
        self.write(value);
        self.write(b"\r\n");
    }
}

impl Sink for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// The header of a bulk string, an array or the like: its kind, a number, a line end.
#[inline]
pub fn header(sink: &mut (impl Sink + ?Sized), kind: u8, number: u64) {
    let (bytes, len) = header_bytes(kind, number);
    sink.write(&bytes[..len]);
}

/// The bytes of a header, and how many of them there are.
#[inline]
pub fn header_bytes(kind: u8, number: u64) -> ([u8; HEADER_BYTES_MAX], usize) {
    let mut bytes = [0; HEADER_BYTES_MAX];
    bytes[0] = kind;
    let digits = Digits::of_u64(number);
    let digits = digits.as_bytes();
    bytes[1..=digits.len()].copy_from_slice(digits);
    bytes[digits.len() + 1..digits.len() + 3].copy_from_slice(b"\r\n");
    (bytes, digits.len() + 3)
}

/// `+OK`.
#[inline]
pub fn ok(sink: &mut impl Sink) {
    sink.write(b"+OK\r\n");
}

/// A simple string: no line ends in it.
pub fn simple(sink: &mut impl Sink, text: &str) {
    sink.write(b"+");
    sink.write(text.as_bytes());
    sink.write(b"\r\n");
}

/// An integer.
#[inline]
pub fn integer(sink: &mut impl Sink, number: i64) {
    sink.write(b":");
    sink.write(Digits::of_i64(number).as_bytes());
    sink.write(b"\r\n");
}

/// A bulk string.
#[inline]
pub fn bulk(sink: &mut impl Sink, value: &[u8]) {
    sink.write_bulk(value);
}

/// No value.
#[inline]
pub fn null(sink: &mut impl Sink, version: Version) {
    sink.write(match version {
        Version::Resp2 => b"$-1\r\n",
        Version::Resp3 => b"_\r\n",
    });
}

/// No array: what an `EXEC` answers whose watched keys were written.
pub fn null_array(sink: &mut impl Sink, version: Version) {
    sink.write(match version {
        Version::Resp2 => b"*-1\r\n",
        Version::Resp3 => b"_\r\n",
    });
}

/// The header of an array of `count` replies.
#[inline]
pub fn array(sink: &mut impl Sink, count: usize) {
    header(sink, b'*', count as u64);
}

/// The header of a map of `count` pairs; in RESP 2 an array of keys and values.
pub fn map(sink: &mut impl Sink, version: Version, count: usize) {
    match version {
        Version::Resp2 => array(sink, 2 * count),
        Version::Resp3 => header(sink, b'%', count as u64),
    }
}

/// The header of a set of `count` replies; in RESP 2 an array.
pub fn set(sink: &mut impl Sink, version: Version, count: usize) {
    match version {
        Version::Resp2 => array(sink, count),
        Version::Resp3 => header(sink, b'~', count as u64),
    }
}

/// A text for people, such as that of INFO; in RESP 2 a bulk string.
pub fn verbatim(sink: &mut impl Sink, version: Version, text: &str) {
    verbatim_header(sink, version, text.len() as u64);
    sink.write(text.as_bytes());
    sink.write(b"\r\n");
}

/// What comes before such a text of `len_bytes`. The text and a line end follow.
pub fn verbatim_header(sink: &mut impl Sink, version: Version, len_bytes: u64) {
    match version {
        Version::Resp2 => header(sink, b'$', len_bytes),
        Version::Resp3 => {
            header(sink, b'=', len_bytes + 4);
            sink.write(b"txt:");
        }
    }
}

/// An error. `text` begins with its code, `ERR` or another. Line ends in it, which would end the reply, become
/// spaces.
pub fn error(sink: &mut impl Sink, text: &str) {
    sink.note_error(text);
    sink.write(b"-");
    for line in text.split_inclusive(['\r', '\n']) {
        let plain = line.trim_end_matches(['\r', '\n']);
        sink.write(plain.as_bytes());
        if plain.len() < line.len() {
            sink.write(b" ");
        }
    }
    sink.write(b"\r\n");
}

/// The error of a request that failed.
pub fn status(sink: &mut impl Sink, status: Status) {
    error(sink, status_text(status));
}

fn status_text(status: Status) -> &'static str {
    match status {
        Status::KeyTooLong => "ERR key is longer than 64 KiB",
        Status::ValueTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        Status::NotAnInteger => "ERR value is not an integer or out of range",
        Status::InvalidExpiry => "ERR invalid expire time in 'getex' command",
        Status::OffsetOutOfRange => "ERR offset is out of range",
        Status::NotADecimal => "ERR value is not a valid float",
        Status::DecimalOverflow => "ERR increment would produce NaN or Infinity",
        Status::NotCounted => {
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust."
        }
        Status::NoSuchKey => "ERR no such key",
        Status::Overflow => "ERR increment or decrement would overflow",
        Status::OutOfMemory => {
            "OOM memory of the shard is full; delete keys or start adit with a larger --memory"
        }
    }
}

/// The error that is sent before a connection is closed because of what it sent.
pub fn protocol_error(sink: &mut impl Sink, protocol_error: ProtocolError) {
    let text = match protocol_error {
        ProtocolError::InvalidMultibulkLength => "invalid multibulk length",
        ProtocolError::InvalidBulkLength => "invalid bulk length",
        ProtocolError::ExpectedDollar(byte) => {
            let shown = byte.escape_ascii();
            return error(sink, &format!("ERR Protocol error: expected '$', got '{shown}'"));
        }
        ProtocolError::ExpectedLineEnd => "expected a line end behind an argument",
        ProtocolError::TooBigMultibulkCount => "too big mbulk count string",
        ProtocolError::TooBigBulkCount => "too big bulk count string",
        ProtocolError::TooBigInline => "too big inline request",
        ProtocolError::UnbalancedQuotes => "unbalanced quotes in request",
        ProtocolError::TooBigRequest => {
            "too big request: its arguments take more than 16 MiB, or than the buffers have left; send fewer at a time"
        }
        ProtocolError::TooBigForLimit => {
            "too big request: it is longer than client-query-buffer-limit; send less at a time, or raise the limit"
        }
        ProtocolError::StrangersArguments => "unauthenticated multibulk length",
        ProtocolError::StrangersBulk => "unauthenticated bulk length",
    };
    error(sink, &format!("ERR Protocol error: {text}"));
}

/// A kind, the digits of 2^64 and a line end.
pub const HEADER_BYTES_MAX: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut bytes = Vec::new();
        encode(&mut bytes);
        bytes.escape_ascii().to_string()
    }

    #[test]
    fn golden_bytes() {
        use Version::{Resp2, Resp3};
        assert_eq!(encoded(|sink| bulk(sink, b"hello")), r"$5\r\nhello\r\n");
        assert_eq!(encoded(|sink| bulk(sink, b"")), r"$0\r\n\r\n");
        assert_eq!(encoded(|sink| integer(sink, -7)), r":-7\r\n");
        assert_eq!(encoded(|sink| array(sink, 12)), r"*12\r\n");
        assert_eq!(encoded(|sink| null(sink, Resp2)), r"$-1\r\n");
        assert_eq!(encoded(|sink| null(sink, Resp3)), r"_\r\n");
        assert_eq!(encoded(|sink| map(sink, Resp2, 2)), r"*4\r\n");
        assert_eq!(encoded(|sink| map(sink, Resp3, 2)), r"%2\r\n");
        assert_eq!(encoded(|sink| set(sink, Resp3, 2)), r"~2\r\n");
        assert_eq!(encoded(|sink| verbatim(sink, Resp3, "ab")), r"=6\r\ntxt:ab\r\n");
        assert_eq!(encoded(|sink| verbatim(sink, Resp2, "ab")), r"$2\r\nab\r\n");
        assert_eq!(encoded(|sink| simple(sink, "PONG")), r"+PONG\r\n");
    }

    #[test]
    fn an_error_stays_one_line() {
        assert_eq!(encoded(|sink| error(sink, "ERR a\r\nb\nc")), r"-ERR a b c\r\n".replace("a b", "a  b"));
        let expected = r"-ERR Protocol error: expected \'$\', got \'\\r\'\r\n";
        assert_eq!(encoded(|sink| protocol_error(sink, ProtocolError::ExpectedDollar(b'\r'))), expected);
    }

    #[test]
    fn every_failure_has_a_text() {
        use Status::{
            DecimalOverflow, InvalidExpiry, KeyTooLong, NoSuchKey, NotADecimal, NotAnInteger,
            OffsetOutOfRange, OutOfMemory, Overflow, ValueTooLong,
        };
        let sender = [KeyTooLong, ValueTooLong, OffsetOutOfRange, InvalidExpiry];
        let state = [NotAnInteger, Overflow, NotADecimal, DecimalOverflow, NoSuchKey, OutOfMemory];
        for failure in sender.into_iter().chain(state) {
            let text = encoded(|sink| status(sink, failure));
            assert!(text.starts_with("-ERR ") || text.starts_with("-OOM "), "{text}");
        }
    }
}
