//! The request decoder: arrays of bulk strings, as a client sends them.
//!
//! It finds where the arguments lie and copies nothing. It can stop at any byte and go on when more have come: what
//! it knows is in [`Progress`] and the spans. An argument above [`LARGE_BYTES`] is not waited for; the caller takes
//! its bytes off the stream as they come ([`Step::Large`]).

/// Where an argument lies in the bytes of its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Number of bytes.
    pub len: u32,
}

impl Span {
    /// The argument's bytes.
    ///
    /// # Panics
    /// If the span is not of these bytes.
    #[inline]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..][..self.len as usize]
    }
}

/// How far a request is decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// First byte that is not decoded yet.
    pub position: usize,
    /// Arguments that are still to come; `None` before the header of the array.
    missing: Option<u32>,
    /// A large argument has ended and its line end is still to come.
    line_end_due: bool,
}

/// What the decoder came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A whole request; it ends before `position`. It may have no argument: then it asks for nothing.
    Whole,
    /// The bytes end within the request.
    More,
    /// The next argument has `len_bytes` bytes that begin at `position` and are not for the decoder. Go on, with
    /// bytes that follow the argument's, after [`Progress::end_large`].
    Large {
        /// Bytes of the argument.
        len_bytes: u64,
    },
    /// The bytes do not begin with an array: an inline request, a line.
    Inline,
}

/// Why bytes are not a request. The stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The number of arguments is not a number or above [`ARGUMENTS_MAX`].
    InvalidMultibulkLength,
    /// The length of an argument is not a number, negative, or above [`BULK_BYTES_MAX`].
    InvalidBulkLength,
    /// An argument does not begin with `$` but with this byte.
    ExpectedDollar(u8),
    /// An argument does not end with a line end.
    ExpectedLineEnd,
    /// A line that should be a number of arguments does not end.
    TooBigMultibulkCount,
    /// A line that should be a length does not end.
    TooBigBulkCount,
    /// An inline request is longer than [`INLINE_BYTES_MAX`].
    TooBigInline,
    /// An inline request opens a quote that it does not close.
    UnbalancedQuotes,
    /// A request, large argument not counted, is longer than its limit.
    TooBigRequest,
    /// A request, large argument counted, is longer than the server is set to take.
    TooBigForLimit,
    /// Who has not said the password announces more than [`STRANGER_ARGUMENTS_MAX`].
    StrangersArguments,
    /// Who has not said the password announces an argument longer than [`STRANGER_BULK_BYTES_MAX`].
    StrangersBulk,
}

impl Progress {
    /// Decoding begins at `position`.
    #[inline]
    pub fn at(position: usize) -> Self {
        Self { position, missing: None, line_end_due: false }
    }

    /// Judges a request that somebody makes who has not said the password, as far as it is decoded: `spans` are its
    /// arguments that are whole, `bytes` hold the header of the next one, perhaps.
    ///
    /// # Errors
    /// [`ProtocolError`] if it asks for more buffers than strangers get.
    pub fn judge_stranger(&self, bytes: &[u8], spans: &[Span]) -> Result<(), ProtocolError> {
        if spans.len() + self.missing.unwrap_or(0) as usize > STRANGER_ARGUMENTS_MAX {
            return Err(ProtocolError::StrangersArguments);
        }
        let announced = match (self.missing, bytes.get(self.position)) {
            (Some(1..), Some(b'$')) => match read_line_number(bytes, self.position + 1) {
                Line::Number(len, _) => usize::try_from(len).unwrap_or(0),
                _ => 0,
            },
            _ => 0,
        };
        let longest = spans.iter().map(|span| span.len as usize).max().unwrap_or(0).max(announced);
        if longest > STRANGER_BULK_BYTES_MAX { Err(ProtocolError::StrangersBulk) } else { Ok(()) }
    }

    /// Notes that the bytes of a large argument have been taken. Decoding goes on at `position` with its line end.
    pub fn end_large(&mut self, spans: &mut Vec<Span>) {
        spans.push(Span { start: offset(self.position), len: 0 });
        self.missing = self.missing.map(|missing| missing - 1);
        self.line_end_due = true;
    }

    /// Decodes on. The spans of the arguments found are appended to `spans`; they count from the start of `bytes`.
    ///
    /// # Errors
    /// [`ProtocolError`] if the bytes are no request.
    #[inline]
    pub fn decode(&mut self, bytes: &[u8], spans: &mut Vec<Span>) -> Result<Step, ProtocolError> {
        let missing = match self.missing {
            Some(missing) => missing,
            None => match self.decode_header(bytes)? {
                Ok(missing) => missing,
                Err(step) => return Ok(step),
            },
        };
        if self.line_end_due {
            let Some(ending) = bytes.get(self.position..self.position + 2) else { return Ok(Step::More) };
            if ending != b"\r\n" {
                return Err(ProtocolError::ExpectedLineEnd);
            }
            self.position += 2;
            self.line_end_due = false;
        }
        self.decode_arguments(bytes, missing, spans)
    }

    /// The array's header: the number of arguments, or the step to stop at.
    #[inline]
    fn decode_header(&mut self, bytes: &[u8]) -> Result<Result<u32, Step>, ProtocolError> {
        match bytes.get(self.position) {
            None => return Ok(Err(Step::More)),
            Some(b'*') => {}
            Some(_) => return Ok(Err(Step::Inline)),
        }
        let (count, after) = match read_line_number(bytes, self.position + 1) {
            Line::Number(count, after) => (count, after),
            Line::Cut => return Ok(Err(Step::More)),
            Line::Endless => return Err(ProtocolError::TooBigMultibulkCount),
            Line::NotANumber => return Err(ProtocolError::InvalidMultibulkLength),
        };
        if count > i64::from(ARGUMENTS_MAX) {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        self.position = after;
        // An array of 0 or, from a confused client, of fewer arguments asks for nothing.
        let missing = u32::try_from(count).unwrap_or(0);
        self.missing = Some(missing);
        Ok(Ok(missing))
    }

    #[inline]
    fn decode_arguments(
        &mut self,
        bytes: &[u8],
        mut missing: u32,
        spans: &mut Vec<Span>,
    ) -> Result<Step, ProtocolError> {
        while missing > 0 {
            match bytes.get(self.position) {
                None => break,
                Some(b'$') => {}
                Some(&other) => return Err(ProtocolError::ExpectedDollar(other)),
            }
            let (len, start) = match read_line_number(bytes, self.position + 1) {
                Line::Number(len, start) => (len, start),
                Line::Cut => break,
                Line::Endless => return Err(ProtocolError::TooBigBulkCount),
                Line::NotANumber => return Err(ProtocolError::InvalidBulkLength),
            };
            let len = usize::try_from(len).map_err(|_| ProtocolError::InvalidBulkLength)?;
            if len > LARGE_BYTES {
                return self.begin_large(len, start, missing);
            }
            match bytes.get(start + len..start + len + 2) {
                None => break,
                Some(b"\r\n") => {}
                Some(_) => return Err(ProtocolError::ExpectedLineEnd),
            }
            spans.push(Span { start: offset(start), len: offset(len) });
            self.position = start + len + 2;
            missing -= 1;
        }
        self.missing = Some(missing);
        Ok(if missing == 0 { Step::Whole } else { Step::More })
    }

    #[cold]
    fn begin_large(&mut self, len: usize, start: usize, missing: u32) -> Result<Step, ProtocolError> {
        if len > BULK_BYTES_MAX {
            return Err(ProtocolError::InvalidBulkLength);
        }
        self.position = start;
        self.missing = Some(missing);
        Ok(Step::Large { len_bytes: len as u64 })
    }
}

enum Line {
    /// A number and the position behind its line end.
    Number(i64, usize),
    /// The bytes end within the line.
    Cut,
    /// There is no line end where one must be.
    Endless,
    NotANumber,
}

/// Reads a number and its line end.
#[inline]
fn read_line_number(bytes: &[u8], start: usize) -> Line {
    let mut position = start;
    let mut number = 0_i64;
    // The common case: few digits, then the line end. Everything else is looked at again from the start.
    while let Some(&digit @ b'0'..=b'9') = bytes.get(position)
        && position - start < NUMBER_DIGITS_FAST
    {
        number = number * 10 + i64::from(digit - b'0');
        position += 1;
    }
    let plain = position == start + 1 || (position > start && bytes[start] != b'0');
    if plain && bytes.get(position..position + 2) == Some(b"\r\n") {
        return Line::Number(number, position + 2);
    }
    read_line_number_slow(bytes.get(start..).unwrap_or_default(), start)
}

#[cold]
fn read_line_number_slow(line: &[u8], start: usize) -> Line {
    let Some(len) = line.iter().position(|&byte| byte == b'\r') else {
        return if line.len() > NUMBER_LINE_BYTES_MAX { Line::Endless } else { Line::Cut };
    };
    match (super::number::parse_i64(&line[..len]), line.get(len + 1)) {
        (None, _) | (_, Some(0..=9 | 11..)) => Line::NotANumber,
        (Some(_), None) => Line::Cut,
        (Some(number), Some(b'\n')) => Line::Number(number, start + len + 2),
    }
}

/// Requests are shorter than 4 GiB: see the limits below and the caller's on the bytes it keeps.
#[inline]
fn offset(position: usize) -> u32 {
    debug_assert!(u32::try_from(position).is_ok(), "a request is longer than a span can say");
    #[expect(clippy::cast_possible_truncation, reason = "the caller bounds a request far below 4 GiB")]
    let offset = position as u32;
    offset
}

/// Most arguments of a request, as in Redis.
pub const ARGUMENTS_MAX: u32 = 1 << 20;
/// Longest argument, as in Redis (`proto-max-bulk-len`).
pub const BULK_BYTES_MAX: usize = 512 << 20;
/// Longest argument that is waited for and decoded in place: the longest key.
pub const LARGE_BYTES: usize = 64 << 10;
/// Most arguments of who has not said the password, as in Redis.
pub const STRANGER_ARGUMENTS_MAX: usize = 10;
/// Longest argument of who has not said the password, as in Redis.
pub const STRANGER_BULK_BYTES_MAX: usize = 16 << 10;
/// Longest inline request, as in Redis.
pub const INLINE_BYTES_MAX: usize = 64 << 10;
/// Longest line that may still become a number.
const NUMBER_LINE_BYTES_MAX: usize = 64;
/// Digits that cannot overflow.
const NUMBER_DIGITS_FAST: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> (Result<Step, ProtocolError>, Vec<Vec<u8>>, usize) {
        let (mut progress, mut spans) = (Progress::default(), Vec::new());
        let step = progress.decode(bytes, &mut spans);
        (step, spans.iter().map(|span| span.of(bytes).to_vec()).collect(), progress.position)
    }

    const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n";

    #[test]
    fn a_request_is_found_and_what_follows_is_left() {
        let mut bytes = SET.to_vec();
        bytes.extend_from_slice(b"*1\r\n");
        let (step, arguments, end) = decode(&bytes);
        assert_eq!(step, Ok(Step::Whole));
        assert_eq!(arguments, [&b"SET"[..], b"k", b"hello"]);
        assert_eq!(end, SET.len());
    }

    #[test]
    fn every_truncation_asks_for_more_and_goes_on_where_it_stopped() {
        for cut in 0..SET.len() {
            let (mut progress, mut spans) = (Progress::default(), Vec::new());
            assert_eq!(progress.decode(&SET[..cut], &mut spans), Ok(Step::More), "cut at {cut}");
            assert_eq!(progress.decode(SET, &mut spans), Ok(Step::Whole), "cut at {cut}");
            let arguments: Vec<_> = spans.iter().map(|span| span.of(SET)).collect();
            assert_eq!(arguments, [&b"SET"[..], b"k", b"hello"], "cut at {cut}");
        }
    }

    #[test]
    fn one_byte_at_a_time_is_decoded_as_well() {
        let (mut progress, mut spans) = (Progress::default(), Vec::new());
        for end in 0..SET.len() {
            assert_eq!(progress.decode(&SET[..end], &mut spans), Ok(Step::More));
        }
        assert_eq!(progress.decode(SET, &mut spans), Ok(Step::Whole));
        assert_eq!(spans.len(), 3);
    }

    #[test]
    fn what_is_no_request_is_refused_by_name() {
        use ProtocolError as Error;
        for (bytes, error) in [
            (&b"*x\r\n"[..], Error::InvalidMultibulkLength),
            (b"*1048577\r\n", Error::InvalidMultibulkLength),
            (b"*99999999999999999999\r\n", Error::InvalidMultibulkLength),
            (b"*1\rx", Error::InvalidMultibulkLength),
            (b"*1\r\nfoo\r\n", Error::ExpectedDollar(b'f')),
            (b"*1\r\n$-1\r\n", Error::InvalidBulkLength),
            (b"*1\r\n$x\r\n", Error::InvalidBulkLength),
            (b"*1\r\n$\r\n", Error::InvalidBulkLength),
            (b"*1\r\n$536870913\r\n", Error::InvalidBulkLength),
            (b"*1\r\n$18446744073709551615\r\n", Error::InvalidBulkLength),
            (b"*1\r\n$1\r\nab\r\n", Error::ExpectedLineEnd),
        ] {
            assert_eq!(decode(bytes).0, Err(error), "{}", bytes.escape_ascii());
        }
        let endless = |first: &[u8]| decode(&[first, &[b'1'; 100]].concat()).0;
        assert_eq!(endless(b"*"), Err(Error::TooBigMultibulkCount));
        assert_eq!(endless(b"*1\r\n$"), Err(Error::TooBigBulkCount));
    }

    #[test]
    fn strangers_get_few_and_short_arguments() {
        let judged = |bytes: &[u8]| {
            let (mut progress, mut spans) = (Progress::default(), Vec::new());
            progress.decode(bytes, &mut spans).unwrap();
            progress.judge_stranger(bytes, &spans)
        };
        let long = [b"*1\r\n$16385\r\n".to_vec(), vec![b'x'; 16_385], b"\r\n".to_vec()].concat();
        for (bytes, error) in [
            (&b"*10\r\n"[..], None),
            (b"*11\r\n", Some(ProtocolError::StrangersArguments)),
            (b"*11\r\n$1\r\na\r\n$1\r\n", Some(ProtocolError::StrangersArguments)),
            (b"*2\r\n$16384\r\n", None),
            (b"*2\r\n$16385\r\n", Some(ProtocolError::StrangersBulk)),
            (b"*2\r\n$1\r\na\r\n$16385", None),
            (b"*2\r\n$1\r\na\r\n$16385\r\nx", Some(ProtocolError::StrangersBulk)),
            (&long, Some(ProtocolError::StrangersBulk)),
            (SET, None),
        ] {
            assert_eq!(
                judged(bytes),
                error.map_or(Ok(()), Err),
                "{}",
                bytes[..bytes.len().min(40)].escape_ascii()
            );
        }
    }

    #[test]
    fn empty_arrays_ask_for_nothing() {
        for bytes in [&b"*0\r\n"[..], b"*-1\r\n", b"*-10\r\n"] {
            assert_eq!(decode(bytes), (Ok(Step::Whole), vec![], bytes.len()));
        }
    }

    #[test]
    fn a_large_argument_is_taken_off_the_stream() {
        let head = b"*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$65537\r\n";
        let (mut progress, mut spans) = (Progress::default(), Vec::new());
        assert_eq!(progress.decode(head, &mut spans), Ok(Step::Large { len_bytes: 65_537 }));
        assert_eq!(progress.position, head.len());
        progress.end_large(&mut spans);
        let tail = b"\r\n$2\r\nEX\r\n$2\r\n10\r\n";
        let whole = [&head[..], tail].concat();
        for cut in head.len()..whole.len() {
            let (mut progress, mut spans) = (progress, spans.clone());
            assert_eq!(progress.decode(&whole[..cut], &mut spans), Ok(Step::More));
            assert_eq!(progress.decode(&whole, &mut spans), Ok(Step::Whole));
            let arguments: Vec<_> = spans.iter().map(|span| span.of(&whole)).collect();
            assert_eq!(arguments, [&b"SET"[..], b"k", b"", b"EX", b"10"]);
        }
        assert_eq!(
            progress.decode(&[&head[..], b"xx"].concat(), &mut spans),
            Err(ProtocolError::ExpectedLineEnd)
        );
    }

    #[test]
    fn the_longest_plain_argument_is_decoded_in_place() {
        let mut bytes = format!("*1\r\n${LARGE_BYTES}\r\n").into_bytes();
        bytes.resize(bytes.len() + LARGE_BYTES, b'v');
        bytes.extend_from_slice(b"\r\n");
        let (step, arguments, _) = decode(&bytes);
        assert_eq!(step, Ok(Step::Whole));
        assert_eq!(arguments[0].len(), LARGE_BYTES);
    }

    /// Random and mutated bytes: no panic, spans inside the bytes, the same result in one piece and in many.
    #[test]
    fn any_bytes_are_decoded_or_refused() {
        let mut seed = 1_u64;
        let mut random = move |bound: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % bound
        };
        for _ in 0..200_000 {
            let mut bytes = SET.repeat(1 + random(2));
            for _ in 0..random(4) {
                let at = random(bytes.len());
                match random(3) {
                    0 => bytes[at] = b"*$\r\n0129-xa\0\xff"[random(13)],
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, b"*$\r\n0129-xa\0\xff"[random(13)]),
                }
            }
            let (whole, arguments, end) = decode(&bytes);
            assert!(end <= bytes.len());
            let (mut progress, mut spans) = (Progress::default(), Vec::new());
            let mut parts = Ok(Step::More);
            for cut in 0..=bytes.len() {
                parts = progress.decode(&bytes[..cut], &mut spans);
                if parts != Ok(Step::More) {
                    break;
                }
            }
            let texts: Vec<_> = spans.iter().map(|span| span.of(&bytes).to_vec()).collect();
            assert_eq!((parts, texts), (whole, arguments), "{}", bytes.escape_ascii());
        }
    }
}
