//! memcached's text and meta commands, by doc/protocol.txt of memcached 1.6: requests out, ends of replies.

use adit_wire::resp::client::ReplyKind;
use anyhow::bail;

use crate::dataset::Dataset;

/// Appends `get key`.
pub(crate) fn push_get(out: &mut Vec<u8>, dataset: &Dataset, key: u64) {
    push_command(out, b"get ", dataset, key);
    out.extend_from_slice(b"\r\n");
}

/// Appends `set key 0 0 length`, then the value.
pub(crate) fn push_set(out: &mut Vec<u8>, dataset: &Dataset, key: u64) {
    push_command(out, b"set ", dataset, key);
    out.extend_from_slice(b" 0 0");
    push_value(out, dataset, key);
}

/// Appends `mg key v`: the value and nothing else comes back.
pub(crate) fn push_meta_get(out: &mut Vec<u8>, dataset: &Dataset, key: u64) {
    push_command(out, b"mg ", dataset, key);
    out.extend_from_slice(b" v\r\n");
}

/// Appends `ms key length`, then the value.
pub(crate) fn push_meta_set(out: &mut Vec<u8>, dataset: &Dataset, key: u64) {
    push_command(out, b"ms ", dataset, key);
    push_value(out, dataset, key);
}

/// As `Protocol::skip_reply`.
pub(crate) fn skip_reply(bytes: &[u8]) -> anyhow::Result<Option<(usize, ReplyKind)>> {
    let Some((line, line_bytes)) = split_line(bytes)? else { return Ok(None) };
    let mut words = line.split(|byte| *byte == b' ');
    let kind = match words.next().unwrap_or_default() {
        b"VALUE" => return skip_value(bytes, line_bytes, words.nth(2), b"END\r\n"),
        b"VA" => return skip_value(bytes, line_bytes, words.next(), b""),
        b"END" | b"EN" | b"NF" | b"NOT_FOUND" => ReplyKind::Miss,
        b"STORED" | b"HD" | b"DELETED" | b"OK" | b"VERSION" | b"MN" => ReplyKind::Ok,
        b"ERROR" | b"CLIENT_ERROR" | b"SERVER_ERROR" | b"NOT_STORED" | b"NS" | b"EXISTS" | b"EX" => {
            ReplyKind::Error
        }
        _ => bail!("\"{}\" is no reply of memcached; is the peer memcached?", line.escape_ascii()),
    };
    Ok(Some((line_bytes, kind)))
}

fn push_command(out: &mut Vec<u8>, command: &[u8], dataset: &Dataset, key: u64) {
    out.extend_from_slice(command);
    dataset.push_key(out, key, dataset.sizes.key_bytes(key));
}

fn push_value(out: &mut Vec<u8>, dataset: &Dataset, key: u64) {
    let value = dataset.value(key);
    adit_wire::resp::client::push_length(out, b' ', value.len());
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The first line without its end, and its length with it.
fn split_line(bytes: &[u8]) -> anyhow::Result<Option<(&[u8], usize)>> {
    let searched = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    match searched.iter().position(|byte| *byte == b'\n') {
        Some(end) => Ok(Some((bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]), end + 1))),
        None if bytes.len() >= LINE_BYTES_MAX => bail!("a line of memcached is over {LINE_BYTES_MAX} bytes"),
        None => Ok(None),
    }
}

/// A value whose length stands in `length`, its line end, and `trailer` after it.
fn skip_value(
    bytes: &[u8],
    start: usize,
    length: Option<&[u8]>,
    trailer: &[u8],
) -> anyhow::Result<Option<(usize, ReplyKind)>> {
    let digits = length.and_then(|digits| core::str::from_utf8(digits).ok()).unwrap_or_default();
    let Ok(length) = digits.parse::<u32>() else { bail!("a value of memcached has no length: \"{digits}\"") };
    let length = usize::try_from(length)?;
    let Some(rest) = bytes[start..].get(length..length + 2 + trailer.len()) else { return Ok(None) };
    if !rest.starts_with(b"\r\n") || !rest.ends_with(trailer) {
        bail!("a value of memcached does not end where its length says");
    }
    Ok(Some((start + length + rest.len(), ReplyKind::Hit)))
}

/// memcached's own limit of a line, with room for a value's header.
const LINE_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizes::Sizes;

    const REPLIES: [(&[u8], ReplyKind); 12] = [
        (b"VALUE 0042 0 5\r\nhe\r\no\r\nEND\r\n", ReplyKind::Hit),
        (b"VALUE 0042 0 0 77\r\n\r\nEND\r\n", ReplyKind::Hit),
        (b"END\r\n", ReplyKind::Miss),
        (b"VA 5 k\r\nEND\r\n\r\n", ReplyKind::Hit),
        (b"VA 0\r\n\r\n", ReplyKind::Hit),
        (b"EN\r\n", ReplyKind::Miss),
        (b"STORED\r\n", ReplyKind::Ok),
        (b"HD\r\n", ReplyKind::Ok),
        (b"VERSION 1.6.18\r\n", ReplyKind::Ok),
        (b"NOT_STORED\r\n", ReplyKind::Error),
        (b"ERROR\r\n", ReplyKind::Error),
        (b"SERVER_ERROR out of memory storing object\r\n", ReplyKind::Error),
    ];

    #[test]
    fn replies_are_skipped_whole_and_never_early() {
        for (bytes, kind) in REPLIES {
            let followed = [bytes, b"END\r\n"].concat();
            assert_eq!(skip_reply(&followed).unwrap(), Some((bytes.len(), kind)), "{}", bytes.escape_ascii());
            for length in 0..bytes.len() {
                assert_eq!(skip_reply(&bytes[..length]).unwrap(), None, "{}", bytes[..length].escape_ascii());
            }
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let long = vec![b'a'; LINE_BYTES_MAX];
        let cases: [&[u8]; 6] =
            [b"+OK\r\n", b"VA x\r\n", b"VALUE k 0\r\n", b"VA 1\r\nabc", b"VALUE k 0 1\r\na\r\nENDED", &long];
        for bytes in cases {
            assert!(skip_reply(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn requests_are_as_documented() {
        let dataset = Dataset::new(Sizes::Fixed { key_bytes: 4, value_bytes: 3 }, 100, 1).unwrap();
        let mut out = Vec::new();
        push_get(&mut out, &dataset, 42);
        push_set(&mut out, &dataset, 42);
        push_meta_get(&mut out, &dataset, 42);
        push_meta_set(&mut out, &dataset, 42);
        let value = core::str::from_utf8(dataset.value(42)).unwrap();
        let expected =
            format!("get 0042\r\nset 0042 0 0 3\r\n{value}\r\nmg 0042 v\r\nms 0042 3\r\n{value}\r\n");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
