//! The client side of RESP: requests out, replies in. Holds no connection and no buffer: bytes in, values out.
//!
//! RESP 2 and 3 by the specification at <https://redis.io/docs/latest/develop/reference/protocol-spec/>. The
//! streamed strings and aggregates of RESP 3 (`$?`, `*?`) are refused: no server sends them.

use core::fmt;

/// Longest line of a reply (simple strings, errors, numbers, lengths), without its `\r\n`.
pub const REPLY_LINE_BYTES_MAX: usize = 64 * 1024;
/// Longest bulk string of a reply; the largest value Adit and Redis hold.
pub const REPLY_BULK_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Most elements of one aggregate; a map of n pairs counts 2 n.
pub const REPLY_ELEMENTS_MAX: usize = 1 << 24;
/// Deepest nesting of aggregates that `decode_reply` follows.
pub const REPLY_DEPTH_MAX: usize = 32;

/// One reply of a server.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplyValue {
    /// `+OK`: a short text.
    Simple(Vec<u8>),
    /// `-ERR ...` or the bulk error `!`: the whole text, code first.
    Error(Vec<u8>),
    /// `:42`
    Integer(i64),
    /// `$3`: bytes; `None` is RESP 2's null bulk string.
    Bulk(Option<Vec<u8>>),
    /// `*2`: values in order; `None` is RESP 2's null array.
    Array(Option<Vec<Self>>),
    /// `%1`: pairs in the order they were sent.
    Map(Vec<(Self, Self)>),
    /// `~2`
    Set(Vec<Self>),
    /// `>2`: not the reply to a request (pub/sub, invalidations).
    Push(Vec<Self>),
    /// `,1.5`; also `inf`, `-inf` and `nan`.
    Double(f64),
    /// `#t` or `#f`
    Boolean(bool),
    /// `_`: RESP 3's null.
    Null,
    /// `(123...`: the digits as sent, checked to be digits.
    BigNumber(Vec<u8>),
    /// `=7`, then `txt:...`
    Verbatim {
        /// What the text is: `txt` or `mkd`.
        format: [u8; 3],
        /// The text after the colon.
        text: Vec<u8>,
    },
}

/// What a reply means to a load generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// A value: a bulk string or an aggregate.
    Hit,
    /// A null of any of the three spellings.
    Miss,
    /// Done: a simple string, a number or a boolean.
    Ok,
    /// An error reply.
    Error,
    /// Pushed by the server; answers no request.
    Push,
}

/// Why bytes are no reply. All are the server's fault; the connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyError {
    /// The first byte of a value names no type.
    UnknownType(u8),
    /// A length or an element count is not a number or below -1.
    BadLength,
    /// A number, double or boolean does not read as one.
    BadNumber,
    /// A line or a bulk string does not end in `\r\n`.
    MissingLineEnd,
    /// A line is longer than `REPLY_LINE_BYTES_MAX`.
    LineTooLong,
    /// A bulk string is longer than `REPLY_BULK_BYTES_MAX`.
    BulkTooLong,
    /// An aggregate has more than `REPLY_ELEMENTS_MAX` elements.
    TooManyElements,
    /// Aggregates are nested deeper than `REPLY_DEPTH_MAX`.
    TooDeep,
    /// A verbatim string lacks its format, three bytes and a colon.
    BadVerbatim,
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType(byte) => {
                write!(f, "byte {byte:#04x} starts no RESP value; is the peer a RESP server?")
            }
            Self::BadLength => f.write_str("a length is not a number"),
            Self::BadNumber => f.write_str("a number does not read as one"),
            Self::MissingLineEnd => f.write_str("a value does not end in CR LF"),
            Self::LineTooLong => write!(f, "a line is longer than {REPLY_LINE_BYTES_MAX} bytes"),
            Self::BulkTooLong => write!(f, "a bulk string is longer than {REPLY_BULK_BYTES_MAX} bytes"),
            Self::TooManyElements => write!(f, "an aggregate has more than {REPLY_ELEMENTS_MAX} elements"),
            Self::TooDeep => write!(f, "values are nested deeper than {REPLY_DEPTH_MAX}"),
            Self::BadVerbatim => f.write_str("a verbatim string lacks its format"),
        }
    }
}

impl core::error::Error for ReplyError {}

/// Appends one request, an array of bulk strings, to `out`.
///
/// ```
/// let mut out = Vec::new();
/// adit_wire::resp::client::encode_request(&mut out, &[b"GET", b"k"]);
/// assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
/// ```
pub fn encode_request(out: &mut Vec<u8>, args: &[&[u8]]) {
    push_length(out, b'*', args.len());
    for arg in args {
        push_bulk(out, arg);
    }
}

/// Appends `bytes` to `out` as one bulk string, `$<length>\r\n<bytes>\r\n`.
pub fn push_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    push_length(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends a type byte and a length, `*3\r\n` or `$64\r\n`, to `out`.
pub fn push_length(out: &mut Vec<u8>, type_byte: u8, length: usize) {
    let mut line = [0; LENGTH_LINE_BYTES_MAX];
    line[LENGTH_LINE_BYTES_MAX - 2..].copy_from_slice(b"\r\n");
    let mut at = LENGTH_LINE_BYTES_MAX - 2;
    let mut rest = length;
    loop {
        at -= 1;
        line[at] = DIGITS[rest % 10];
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    line[at - 1] = type_byte;
    out.extend_from_slice(&line[at - 1..]);
}

/// Decodes the first reply in `bytes`.
///
/// Returns the value and the number of bytes it took, or `None` while the reply is not complete: call again,
/// from its first byte, when more has arrived. An attribute (`|`) before a value is read and dropped.
///
/// # Errors
/// `ReplyError` when the bytes are no reply whatever follows them; the connection is lost then.
pub fn decode_reply(bytes: &[u8]) -> Result<Option<(ReplyValue, usize)>, ReplyError> {
    let mut cursor = Cursor { bytes, at: 0 };
    match cursor.value(0) {
        Ok(value) => Ok(Some((value, cursor.at))),
        Err(Stop::Incomplete) => Ok(None),
        Err(Stop::Refused(error)) => Err(error),
    }
}

/// Finds the end of the first reply in `bytes` and what it means, without decoding it.
///
/// Returns the number of bytes the reply took and its kind, or `None` while it is not complete. Costs no
/// allocation and reads no contents of bulk strings. Nesting is not limited: nothing is kept per level.
///
/// # Errors
/// As `decode_reply`, but only what stands between it and the end of the reply is checked: contents are not.
#[inline]
pub fn skip_reply(bytes: &[u8]) -> Result<Option<(usize, ReplyKind)>, ReplyError> {
    let mut cursor = Cursor { bytes, at: 0 };
    match cursor.skip_top() {
        Ok(kind) => Ok(Some((cursor.at, kind))),
        Err(Stop::Incomplete) => Ok(None),
        Err(Stop::Refused(error)) => Err(error),
    }
}

/// Why a cursor stopped before the end of a value.
enum Stop {
    Incomplete,
    Refused(ReplyError),
}

impl From<ReplyError> for Stop {
    fn from(error: ReplyError) -> Self {
        Self::Refused(error)
    }
}

/// A place in received bytes.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// What skipping must still do after a value's first line.
struct Head {
    kind: ReplyKind,
    /// Values that follow as part of this one.
    elements: usize,
    is_attribute: bool,
}

impl<'a> Cursor<'a> {
    fn value(&mut self, depth: usize) -> Result<ReplyValue, Stop> {
        if depth > REPLY_DEPTH_MAX {
            return Err(ReplyError::TooDeep.into());
        }
        let value = match self.byte()? {
            b'+' => ReplyValue::Simple(self.line()?.to_vec()),
            b'-' => ReplyValue::Error(self.line()?.to_vec()),
            b':' => ReplyValue::Integer(parse_integer(self.line()?)?),
            b'$' => ReplyValue::Bulk(self.bulk()?.map(<[u8]>::to_vec)),
            b'!' => ReplyValue::Error(self.bulk_present()?.to_vec()),
            b'=' => parse_verbatim(self.bulk_present()?)?,
            b'*' => match self.length()? {
                None => ReplyValue::Array(None),
                Some(count) => ReplyValue::Array(Some(self.elements(count, depth)?)),
            },
            b'~' => self.counted_elements(depth).map(ReplyValue::Set)?,
            b'>' => self.counted_elements(depth).map(ReplyValue::Push)?,
            b'%' => ReplyValue::Map(self.pairs(depth)?),
            b'|' => {
                self.pairs(depth)?;
                self.value(depth + 1)?
            }
            b',' => ReplyValue::Double(parse_double(self.line()?)?),
            b'#' => ReplyValue::Boolean(parse_boolean(self.line()?)?),
            b'(' => ReplyValue::BigNumber(parse_big_number(self.line()?)?),
            b'_' => self.line().and_then(parse_null)?,
            byte => return Err(ReplyError::UnknownType(byte).into()),
        };
        Ok(value)
    }

    fn counted_elements(&mut self, depth: usize) -> Result<Vec<ReplyValue>, Stop> {
        let count = self.length()?.ok_or(ReplyError::BadLength)?;
        self.elements(count, depth)
    }

    fn elements(&mut self, count: usize, depth: usize) -> Result<Vec<ReplyValue>, Stop> {
        check_elements(count)?;
        let mut values = Vec::with_capacity(count.min(ELEMENTS_RESERVED_MAX));
        for _ in 0..count {
            values.push(self.value(depth + 1)?);
        }
        Ok(values)
    }

    fn pairs(&mut self, depth: usize) -> Result<Vec<(ReplyValue, ReplyValue)>, Stop> {
        let count = self.length()?.ok_or(ReplyError::BadLength)?;
        check_elements(count.saturating_mul(2))?;
        let mut pairs = Vec::with_capacity(count.min(ELEMENTS_RESERVED_MAX));
        for _ in 0..count {
            pairs.push((self.value(depth + 1)?, self.value(depth + 1)?));
        }
        Ok(pairs)
    }

    #[inline]
    fn skip_top(&mut self) -> Result<ReplyKind, Stop> {
        loop {
            let head = self.skip_head()?;
            if head.elements > 0 {
                self.skip_values(head.elements)?;
            }
            if !head.is_attribute {
                return Ok(head.kind);
            }
        }
    }

    /// Skips `pending` values and everything nested in them.
    fn skip_values(&mut self, mut pending: usize) -> Result<(), Stop> {
        while pending > 0 {
            let head = self.skip_head()?;
            pending = pending.saturating_add(head.elements) - usize::from(!head.is_attribute);
        }
        Ok(())
    }

    /// Skips a scalar, or the first line of an aggregate.
    #[inline]
    fn skip_head(&mut self) -> Result<Head, Stop> {
        let scalar = |kind| Head { kind, elements: 0, is_attribute: false };
        let head = match self.byte()? {
            b'$' => match self.bulk()? {
                Some(_) => scalar(ReplyKind::Hit),
                None => scalar(ReplyKind::Miss),
            },
            b'+' | b':' | b',' | b'#' | b'(' => self.line().map(|_| scalar(ReplyKind::Ok))?,
            b'-' => self.line().map(|_| scalar(ReplyKind::Error))?,
            b'_' => self.line().map(|_| scalar(ReplyKind::Miss))?,
            b'!' => self.bulk_present().map(|_| scalar(ReplyKind::Error))?,
            b'=' => self.bulk_present().map(|_| scalar(ReplyKind::Hit))?,
            byte => self.skip_aggregate_head(byte)?,
        };
        Ok(head)
    }

    fn skip_aggregate_head(&mut self, type_byte: u8) -> Result<Head, Stop> {
        if !matches!(type_byte, b'*' | b'~' | b'>' | b'%' | b'|') {
            return Err(ReplyError::UnknownType(type_byte).into());
        }
        let Some(count) = self.length()? else {
            let null = Head { kind: ReplyKind::Miss, elements: 0, is_attribute: false };
            return if type_byte == b'*' { Ok(null) } else { Err(ReplyError::BadLength.into()) };
        };
        let elements = if matches!(type_byte, b'%' | b'|') { count.saturating_mul(2) } else { count };
        check_elements(elements)?;
        let kind = if type_byte == b'>' { ReplyKind::Push } else { ReplyKind::Hit };
        Ok(Head { kind, elements, is_attribute: type_byte == b'|' })
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Stop> {
        let byte = *self.bytes.get(self.at).ok_or(Stop::Incomplete)?;
        self.at += 1;
        Ok(byte)
    }

    /// The bytes up to `\r\n`, which is passed too.
    #[inline]
    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = &self.bytes[self.at..];
        let searched = &rest[..rest.len().min(REPLY_LINE_BYTES_MAX + 1)];
        let Some(length) = searched.iter().position(|&byte| byte == b'\r') else {
            let is_too_long = rest.len() > REPLY_LINE_BYTES_MAX;
            return Err(if is_too_long { ReplyError::LineTooLong.into() } else { Stop::Incomplete });
        };
        match rest.get(length + 1) {
            Some(b'\n') => {}
            Some(_) => return Err(ReplyError::MissingLineEnd.into()),
            None => return Err(Stop::Incomplete),
        }
        self.at += length + 2;
        Ok(&rest[..length])
    }

    /// A length line; `None` is -1.
    #[inline]
    fn length(&mut self) -> Result<Option<usize>, Stop> {
        let mut length: usize = 0;
        let start = self.at;
        loop {
            match self.byte()? {
                digit @ b'0'..=b'9' => {
                    length = length.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
                }
                b'-' if self.at - start == 1 => return self.minus_one(),
                b'\r' if self.at - start > 1 => break,
                _ => return Err(ReplyError::BadLength.into()),
            }
        }
        match self.byte()? {
            b'\n' => Ok(Some(length)),
            _ => Err(ReplyError::MissingLineEnd.into()),
        }
    }

    fn minus_one(&mut self) -> Result<Option<usize>, Stop> {
        match self.line()? {
            b"1" => Ok(None),
            _ => Err(ReplyError::BadLength.into()),
        }
    }

    #[inline]
    fn bulk(&mut self) -> Result<Option<&'a [u8]>, Stop> {
        let Some(length) = self.length()? else { return Ok(None) };
        if length > REPLY_BULK_BYTES_MAX {
            return Err(ReplyError::BulkTooLong.into());
        }
        let rest = &self.bytes[self.at..];
        let end = rest.get(length..length + 2).ok_or(Stop::Incomplete)?;
        if end != b"\r\n" {
            return Err(ReplyError::MissingLineEnd.into());
        }
        self.at += length + 2;
        Ok(Some(&rest[..length]))
    }

    fn bulk_present(&mut self) -> Result<&'a [u8], Stop> {
        Ok(self.bulk()?.ok_or(ReplyError::BadLength)?)
    }
}

fn check_elements(count: usize) -> Result<(), ReplyError> {
    if count > REPLY_ELEMENTS_MAX { Err(ReplyError::TooManyElements) } else { Ok(()) }
}

fn parse_integer(line: &[u8]) -> Result<i64, ReplyError> {
    parse_text(line)
}

fn parse_double(line: &[u8]) -> Result<f64, ReplyError> {
    parse_text(line)
}

fn parse_text<T: core::str::FromStr>(line: &[u8]) -> Result<T, ReplyError> {
    let text = core::str::from_utf8(line).map_err(|_| ReplyError::BadNumber)?;
    text.parse().map_err(|_| ReplyError::BadNumber)
}

fn parse_boolean(line: &[u8]) -> Result<bool, ReplyError> {
    match line {
        b"t" => Ok(true),
        b"f" => Ok(false),
        _ => Err(ReplyError::BadNumber),
    }
}

fn parse_big_number(line: &[u8]) -> Result<Vec<u8>, ReplyError> {
    let digits = line.strip_prefix(b"-").or_else(|| line.strip_prefix(b"+")).unwrap_or(line);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if is_number { Ok(line.to_vec()) } else { Err(ReplyError::BadNumber) }
}

fn parse_null(line: &[u8]) -> Result<ReplyValue, Stop> {
    if line.is_empty() { Ok(ReplyValue::Null) } else { Err(ReplyError::BadNumber.into()) }
}

fn parse_verbatim(bytes: &[u8]) -> Result<ReplyValue, ReplyError> {
    match bytes {
        [a, b, c, b':', text @ ..] => Ok(ReplyValue::Verbatim { format: [*a, *b, *c], text: text.to_vec() }),
        _ => Err(ReplyError::BadVerbatim),
    }
}

const DIGITS: [u8; 10] = *b"0123456789";
/// A type byte, the digits of the largest `usize`, and `\r\n`.
const LENGTH_LINE_BYTES_MAX: usize = 23;
/// Elements reserved before they have arrived: a count alone must not take memory.
const ELEMENTS_RESERVED_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(bytes: &[u8]) -> ReplyValue {
        ReplyValue::Bulk(Some(bytes.to_vec()))
    }

    /// Replies as drawn in the specification, what they decode to and what a load generator sees.
    fn golden() -> Vec<(&'static [u8], ReplyValue, ReplyKind)> {
        use ReplyValue::*;
        vec![
            (b"+OK\r\n", Simple(b"OK".to_vec()), ReplyKind::Ok),
            (b"-ERR no\r\n", Error(b"ERR no".to_vec()), ReplyKind::Error),
            (b"!5\r\nERR a\r\n", Error(b"ERR a".to_vec()), ReplyKind::Error),
            (b":-42\r\n", Integer(-42), ReplyKind::Ok),
            (b":+7\r\n", Integer(7), ReplyKind::Ok),
            (b"$5\r\nhe\r\no\r\n", bulk(b"he\r\no"), ReplyKind::Hit),
            (b"$0\r\n\r\n", bulk(b""), ReplyKind::Hit),
            (b"$-1\r\n", Bulk(None), ReplyKind::Miss),
            (b"*-1\r\n", Array(None), ReplyKind::Miss),
            (b"_\r\n", Null, ReplyKind::Miss),
            (b"*0\r\n", Array(Some(vec![])), ReplyKind::Hit),
            (
                b"*2\r\n*1\r\n:1\r\n$1\r\na\r\n",
                Array(Some(vec![Array(Some(vec![Integer(1)])), bulk(b"a")])),
                ReplyKind::Hit,
            ),
            (b"%1\r\n+k\r\n,1.5\r\n", Map(vec![(Simple(b"k".to_vec()), Double(1.5))]), ReplyKind::Hit),
            (b"~2\r\n#t\r\n#f\r\n", Set(vec![Boolean(true), Boolean(false)]), ReplyKind::Hit),
            (b">1\r\n+pong\r\n", Push(vec![Simple(b"pong".to_vec())]), ReplyKind::Push),
            (b",inf\r\n", Double(f64::INFINITY), ReplyKind::Ok),
            (b"(-349\r\n", BigNumber(b"-349".to_vec()), ReplyKind::Ok),
            (b"=8\r\ntxt:Some\r\n", Verbatim { format: *b"txt", text: b"Some".to_vec() }, ReplyKind::Hit),
            (b"|1\r\n+ttl\r\n:9\r\n$1\r\na\r\n", bulk(b"a"), ReplyKind::Hit),
            (
                b"*2\r\n|1\r\n+ttl\r\n*1\r\n:9\r\n:1\r\n:2\r\n",
                Array(Some(vec![Integer(1), Integer(2)])),
                ReplyKind::Hit,
            ),
        ]
    }

    #[test]
    fn golden_replies_decode() {
        for (bytes, value, kind) in golden() {
            let mut followed = bytes.to_vec();
            followed.extend_from_slice(b"+next\r\n");
            for input in [bytes, &followed] {
                assert_eq!(decode_reply(input), Ok(Some((value.clone(), bytes.len()))), "{input:?}");
                assert_eq!(skip_reply(input), Ok(Some((bytes.len(), kind))), "{input:?}");
            }
        }
    }

    #[test]
    fn every_truncation_is_incomplete() {
        for (bytes, _, _) in golden() {
            for length in 0..bytes.len() {
                assert_eq!(decode_reply(&bytes[..length]), Ok(None), "{:?}", &bytes[..length]);
                assert_eq!(skip_reply(&bytes[..length]), Ok(None), "{:?}", &bytes[..length]);
            }
        }
    }

    #[test]
    fn broken_replies_are_refused() {
        let cases: [(&[u8], ReplyError); 15] = [
            (b"GET /", ReplyError::UnknownType(b'G')),
            (b"$a\r\n", ReplyError::BadLength),
            (b"$\r\n", ReplyError::BadLength),
            (b"$-2\r\n", ReplyError::BadLength),
            (b"$1-\r\n", ReplyError::BadLength),
            (b"~-1\r\n", ReplyError::BadLength),
            (b"!-1\r\n", ReplyError::BadLength),
            (b"$1\rx", ReplyError::MissingLineEnd),
            (b"$1\r\nab\r\n", ReplyError::MissingLineEnd),
            (b"+a\rb", ReplyError::MissingLineEnd),
            (b"$536870913\r\n", ReplyError::BulkTooLong),
            (b"$99999999999999999999999\r\n", ReplyError::BulkTooLong),
            (b"*16777217\r\n", ReplyError::TooManyElements),
            (b"%8388609\r\n", ReplyError::TooManyElements),
            (b"*?\r\n", ReplyError::BadLength),
        ];
        for (bytes, error) in cases {
            assert_eq!(decode_reply(bytes), Err(error), "{bytes:?}");
            assert_eq!(skip_reply(bytes), Err(error), "{bytes:?}");
        }
    }

    #[test]
    fn broken_contents_are_refused_when_decoded() {
        let cases: [(&[u8], ReplyError); 6] = [
            (b":1x\r\n", ReplyError::BadNumber),
            (b",one\r\n", ReplyError::BadNumber),
            (b"#y\r\n", ReplyError::BadNumber),
            (b"(-\r\n", ReplyError::BadNumber),
            (b"_x\r\n", ReplyError::BadNumber),
            (b"=3\r\ntxt\r\n", ReplyError::BadVerbatim),
        ];
        for (bytes, error) in cases {
            assert_eq!(decode_reply(bytes), Err(error), "{bytes:?}");
        }
    }

    #[test]
    fn lines_have_a_limit() {
        let mut longest = vec![b'+'];
        longest.resize(1 + REPLY_LINE_BYTES_MAX, b'a');
        assert_eq!(skip_reply(&longest), Ok(None));
        let mut complete = longest.clone();
        complete.extend_from_slice(b"\r\n");
        assert_eq!(skip_reply(&complete), Ok(Some((REPLY_LINE_BYTES_MAX + 3, ReplyKind::Ok))));
        longest.push(b'a');
        assert_eq!(skip_reply(&longest), Err(ReplyError::LineTooLong));
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth: usize| [b"*1\r\n".repeat(depth), b":1\r\n".to_vec()].concat();
        assert!(matches!(decode_reply(&nested(REPLY_DEPTH_MAX)), Ok(Some(_))));
        assert_eq!(decode_reply(&nested(REPLY_DEPTH_MAX + 1)), Err(ReplyError::TooDeep));
        let deep = nested(10_000);
        assert_eq!(skip_reply(&deep), Ok(Some((deep.len(), ReplyKind::Hit))));
    }

    #[test]
    fn golden_requests() {
        let mut out = Vec::new();
        encode_request(&mut out, &[b"SET", b"key", b"", b"0123456789"]);
        encode_request(&mut out, &[]);
        assert_eq!(out, b"*4\r\n$3\r\nSET\r\n$3\r\nkey\r\n$0\r\n\r\n$10\r\n0123456789\r\n*0\r\n");
    }

    #[test]
    fn the_longest_length_fits() {
        let mut out = Vec::new();
        push_length(&mut out, b'$', usize::MAX);
        assert_eq!(out, format!("${}\r\n", usize::MAX).as_bytes());
    }

    #[test]
    fn a_request_decodes_as_an_array_of_bulks() {
        let args: [&[u8]; 4] = [b"SET", b"k\r\n", &[0, 255, 13], b""];
        let mut out = Vec::new();
        encode_request(&mut out, &args);
        let expected = ReplyValue::Array(Some(args.iter().map(|arg| bulk(arg)).collect()));
        assert_eq!(decode_reply(&out), Ok(Some((expected, out.len()))));
    }

    #[test]
    fn a_pipeline_is_skipped_reply_by_reply() {
        let stream: Vec<u8> = golden().iter().flat_map(|(bytes, _, _)| bytes.to_vec()).collect();
        let mut at = 0;
        for (_, _, kind) in golden() {
            let (length, seen) = skip_reply(&stream[at..]).expect("valid").expect("complete");
            assert_eq!(seen, kind);
            at += length;
        }
        assert_eq!(at, stream.len());
    }
}
