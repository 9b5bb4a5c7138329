//! The records that a function is tried on: lines of key and value, parted by a tab.

use std::collections::BTreeMap;
use std::io::Read;

use adit_wire::kv::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use anyhow::{Context, bail};

use super::bytes;

/// A key and its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    /// The key.
    pub(crate) key: Vec<u8>,
    /// The value.
    pub(crate) value: Vec<u8>,
}

/// Reads the records of a file; `-` is standard input.
pub(crate) fn read(path: &str) -> anyhow::Result<Vec<Record>> {
    let mut text = String::new();
    if path == "-" {
        std::io::stdin().read_to_string(&mut text).context("cannot read records from standard input")?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("cannot read records from {path}"))?;
    }
    parse(&text).with_context(|| format!("in the records of {path}"))
}

fn parse(text: &str) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    let mut seen = BTreeMap::new();
    for (line, number) in text.lines().zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once('\t') else {
            bail!("line {number} has no tab between a key and a value");
        };
        let part = |what, text| bytes::parse(text).with_context(|| format!("the {what} of line {number}"));
        let record = Record { key: part("key", key)?, value: part("value", value)? };
        if record.key.len() > KEY_BYTES_MAX || record.value.len() as u64 > VALUE_BYTES_MAX {
            bail!(
                "line {number} has a key of more than {KEY_BYTES_MAX} bytes, or a value of more than {VALUE_BYTES_MAX}"
            );
        }
        if let Some(before) = seen.insert(record.key.clone(), number) {
            bail!("line {number} has the key of line {before} again");
        }
        records.push(record);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_lines_of_key_and_value() {
        let records = parse("# people\n\nada\t36\nu32:1\tu32:2,3\nempty\t\n").unwrap();
        let of = |key: &[u8], value: &[u8]| Record { key: key.to_vec(), value: value.to_vec() };
        let wanted = [of(b"ada", b"36"), of(b"\x01\0\0\0", b"\x02\0\0\0\x03\0\0\0"), of(b"empty", b"")];
        assert_eq!(records, wanted);
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, word) in [
            ("a\tb\nc d\n", "line 2 has no tab"),
            ("a\tb\na\tc\n", "line 2 has the key of line 1 again"),
            ("a\tu8:300\n", "the value of line 1"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
