//! Bytes as people write them on a line: text with escapes, hexadecimal digits, lists of little-endian numbers, or several of these.

use std::fmt::Write as _;

use anyhow::{Context, bail};

/// The bytes of a text: `hello`, `tab\there`, `hex:00ff`, `u32:1,2,3`, or parts one behind the other, `u32:7+text:table`.
pub(crate) fn parse(text: &str) -> anyhow::Result<Vec<u8>> {
    if kind_of(text).is_none() {
        return unescaped(text);
    }
    let mut bytes = Vec::new();
    for part in text.split('+') {
        let Some((kind, rest)) = kind_of(part) else {
            bail!(
                "'{part}' does not say what it is; begin each part with one of {} (a + in a text is \\x2b)",
                KINDS.join(", ")
            );
        };
        match kind {
            "text:" => bytes.extend(unescaped(rest)?),
            "hex:" => bytes.extend(digits(rest)?),
            _ => numbers(kind, rest, &mut bytes)?,
        }
    }
    Ok(bytes)
}

/// Bytes as text that `parse` reads again: as they are if people can read them, else hexadecimal digits.
pub(crate) fn show(bytes: &[u8]) -> String {
    let readable = |text: &str| text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'));
    match std::str::from_utf8(bytes) {
        Ok(text) if readable(text) && kind_of(text).is_none() => escaped(text),
        _ => show_hex(bytes),
    }
}

/// Bytes as numbers of 64 bits where they are, and as text that `parse` reads again.
pub(crate) fn show_numbers(bytes: &[u8]) -> String {
    let (words, rest) = bytes.as_chunks::<8>();
    let words: Vec<String> = words.iter().map(|word| u64::from_le_bytes(*word).to_string()).collect();
    match (words.is_empty(), rest.is_empty()) {
        (true, _) => show(bytes),
        (false, true) => format!("u64:{}", words.join(",")),
        (false, false) => format!("u64:{}+{}", words.join(","), show_hex(rest)),
    }
}

fn show_hex(bytes: &[u8]) -> String {
    bytes.iter().fold("hex:".to_owned(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn kind_of(text: &str) -> Option<(&'static str, &str)> {
    KINDS.iter().find_map(|kind| Some((*kind, text.strip_prefix(kind)?)))
}

fn unescaped(text: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (meant, length) = match rest {
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b'r', ..] => (b'\r', 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => bail!("'\\x' in '{text}' wants two hexadecimal digits"),
            },
            _ => bail!("'{text}' has a \\ that stands for nothing; there are \\n \\t \\r \\\\ and \\x2b"),
        };
        bytes.push(meant);
        rest = &rest[length..];
    }
    Ok(bytes)
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
    // At its beginning the one makes a line a comment, the other a text the name of a file.
    match text.as_bytes().first() {
        Some(b'#') => format!("\\x23{}", &text[1..]),
        Some(b'@') => format!("\\x40{}", &text[1..]),
        _ => text,
    }
}

fn digits(text: &str) -> anyhow::Result<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(hex(*high)? << 4 | hex(*low)?),
        _ => None,
    });
    pairs
        .collect::<Option<_>>()
        .with_context(|| format!("'{text}' is not an even number of hexadecimal digits"))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn numbers(kind: &str, list: &str, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
    let bits: u32 = kind[1..kind.len() - 1].parse().expect("the kinds of numbers name their bits");
    let (least, most) = match kind.starts_with('i') {
        true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
        false => (0, (1i128 << bits) - 1),
    };
    for text in list.split(',').filter(|_| !list.is_empty()) {
        let number: i128 = text.trim().parse().with_context(|| format!("'{text}' is not a number"))?;
        if number < least || number > most {
            bail!("{number} is not between {least} and {most}, as '{kind}' has it");
        }
        bytes.extend_from_slice(&number.to_le_bytes()[..bits as usize / 8]);
    }
    Ok(())
}

/// What a part may begin with.
const KINDS: [&str; 10] = ["text:", "hex:", "u8:", "u16:", "u32:", "u64:", "i8:", "i16:", "i32:", "i64:"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_in_each_form() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("hello, 1+1", b"hello, 1+1"),
            ("a\\tb\\x00\\\\", b"a\tb\0\\"),
            ("hex:", b""),
            ("hex:00fF", b"\x00\xff"),
            ("u32:", b""),
            ("u8:255", b"\xff"),
            ("i8:-128,127", b"\x80\x7f"),
            ("u16:1, 2", b"\x01\x00\x02\x00"),
            ("u32:7+text:table", b"\x07\x00\x00\x00table"),
            ("i64:-1+hex:ab", b"\xff\xff\xff\xff\xff\xff\xff\xff\xab"),
            ("u64:18446744073709551615", b"\xff\xff\xff\xff\xff\xff\xff\xff"),
            ("text:u8:1", b"u8:1"),
        ] {
            assert_eq!(parse(text).unwrap(), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for (text, word) in [
            ("a\\q", "stands for nothing"),
            ("\\x4", "stands for nothing"),
            ("\\xgg", "two hexadecimal digits"),
            ("hex:abc", "even number"),
            ("hex:zz", "even number"),
            ("u8:256", "between 0 and 255"),
            ("i8:-129", "between -128 and 127"),
            ("u64:18446744073709551616", "between"),
            ("u32:1,,2", "'' is not a number"),
            ("u32:7+table", "does not say what it is"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_shown_is_read_again() {
        for bytes in [
            &b""[..],
            b"plain",
            b"tab\tand \\",
            b"\0\x01",
            b"\xff",
            "über".as_bytes(),
            b"hex:00",
            b"u8:1",
            b"#no comment",
            b"@no file",
        ] {
            assert_eq!(parse(&show(bytes)).unwrap(), bytes, "{}", show(bytes));
        }
        assert_eq!(show(b"plain text"), "plain text");
        assert_eq!((show(b"#1"), show(b"@1")), ("\\x231".to_owned(), "\\x401".to_owned()));
        assert_eq!(show(b"\x00\xff"), "hex:00ff");
    }
}
