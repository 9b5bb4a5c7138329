//! Inline requests: a line of words, as typed into telnet. Rewritten as an array, so that there is one decoder.

use super::number::Digits;
use super::request::{INLINE_BYTES_MAX, ProtocolError};

/// Finds the line at the start of `bytes` and appends it to `array` as an array of bulk strings. Says how many bytes
/// the line took, or `None` if its end has not come yet. An empty line is an empty array: it asks for nothing.
///
/// # Errors
/// [`ProtocolError::TooBigInline`] and [`ProtocolError::UnbalancedQuotes`].
pub fn rewrite(bytes: &[u8], array: &mut Vec<u8>) -> Result<Option<usize>, ProtocolError> {
    let Some(end) = bytes.iter().take(INLINE_BYTES_MAX).position(|&byte| byte == b'\n') else {
        return if bytes.len() >= INLINE_BYTES_MAX { Err(ProtocolError::TooBigInline) } else { Ok(None) };
    };
    let words = split(bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]))?;
    let header = |array: &mut Vec<u8>, kind: u8, count: usize| {
        array.push(kind);
        array.extend_from_slice(Digits::of_u64(count as u64).as_bytes());
        array.extend_from_slice(b"\r\n");
    };
    header(array, b'*', words.len());
    for word in words {
        header(array, b'$', word.len());
        array.extend_from_slice(&word);
        array.extend_from_slice(b"\r\n");
    }
    Ok(Some(end + 1))
}

/// Splits a line into words; `"..."` with escapes and `'...'` may hold spaces.
fn split(mut line: &[u8]) -> Result<Vec<Vec<u8>>, ProtocolError> {
    let mut words = Vec::new();
    loop {
        line = line.trim_ascii_start();
        if line.is_empty() {
            return Ok(words);
        }
        let mut word = Vec::new();
        line = take_word(line, &mut word)?;
        words.push(word);
    }
}

fn take_word<'a>(mut line: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        match line {
            [] | [b' ' | b'\t' | b'\n' | b'\r' | 0, ..] => return Ok(line.get(1..).unwrap_or_default()),
            [b'"', rest @ ..] => return take_quoted(rest, word, b'"'),
            [b'\'', rest @ ..] => return take_quoted(rest, word, b'\''),
            [byte, rest @ ..] => {
                word.push(*byte);
                line = rest;
            }
        }
    }
}

/// Takes what is left of a quoted word; behind its quote must be a space or the end.
fn take_quoted<'a>(mut line: &'a [u8], word: &mut Vec<u8>, quote: u8) -> Result<&'a [u8], ProtocolError> {
    loop {
        match line {
            [byte, rest @ ..] if *byte == quote => {
                return match rest {
                    [] => Ok(rest),
                    [next, ..] if next.is_ascii_whitespace() => Ok(rest),
                    _ => Err(ProtocolError::UnbalancedQuotes),
                };
            }
            [b'\\', b'x', high, low, rest @ ..] if quote == b'"' && hex(*high, *low).is_some() => {
                word.extend(hex(*high, *low));
                line = rest;
            }
            [b'\\', byte, rest @ ..] if quote == b'"' || *byte == b'\'' => {
                word.push(if quote == b'"' { unescape(*byte) } else { *byte });
                line = rest;
            }
            [byte, rest @ ..] => {
                word.push(*byte);
                line = rest;
            }
            [] => return Err(ProtocolError::UnbalancedQuotes),
        }
    }
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &[u8]) -> Result<Option<(usize, String)>, ProtocolError> {
        let mut array = Vec::new();
        let end = rewrite(line, &mut array)?;
        Ok(end.map(|end| (end, array.escape_ascii().to_string())))
    }

    #[test]
    fn words_become_an_array() {
        let set = r"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na b\r\n".to_owned();
        for line in [&b"SET k 'a b'\r\nrest"[..], b" SET  k \"a b\"\nrest", b"SET\tk \"\\x61 b\" \r\n"] {
            assert_eq!(rewritten(line).unwrap().unwrap().1, set);
        }
        assert_eq!(rewritten(b"PING\r\nrest").unwrap().unwrap().0, 6);
        assert_eq!(rewritten(b"\r\n"), Ok(Some((2, r"*0\r\n".to_owned()))));
        assert_eq!(rewritten(b"a '\\''\n").unwrap().unwrap().1, r"*2\r\n$1\r\na\r\n$1\r\n\'\r\n");
    }

    #[test]
    fn a_line_without_an_end_is_waited_for_within_a_limit() {
        assert_eq!(rewritten(b"PING"), Ok(None));
        assert_eq!(rewritten(&[b'x'; INLINE_BYTES_MAX - 1]), Ok(None));
        assert_eq!(rewritten(&[b'x'; INLINE_BYTES_MAX]), Err(ProtocolError::TooBigInline));
    }

    #[test]
    fn open_quotes_are_refused() {
        for line in [&b"set \"a\n"[..], b"set 'a\n", b"set \"a\"b\n", b"set \"a\\\"\n"] {
            assert_eq!(rewritten(line), Err(ProtocolError::UnbalancedQuotes), "{}", line.escape_ascii());
        }
    }
}
