//! GET and SET as RESP bytes, written in place from key numbers.

use adit_wire::resp::client::{push_bulk, push_length};

use crate::dataset::Dataset;

/// Appends `GET key`.
#[inline]
pub(crate) fn push_get(out: &mut Vec<u8>, dataset: &Dataset, key: u64) {
    out.extend_from_slice(b"*2\r\n$3\r\nGET\r\n");
    push_key(out, dataset, key);
}

/// Appends `SET key value`.
#[inline]
pub(crate) fn push_set(out: &mut Vec<u8>, dataset: &Dataset, key: u64) {
    out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n");
    push_key(out, dataset, key);
    push_bulk(out, dataset.value(key));
}

#[inline]
fn push_key(out: &mut Vec<u8>, dataset: &Dataset, key: u64) {
    let key_bytes = dataset.sizes.key_bytes(key);
    push_length(out, b'$', key_bytes);
    dataset.push_key(out, key, key_bytes);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizes::Sizes;

    #[test]
    fn requests_are_what_a_client_sends() {
        let dataset = Dataset::new(Sizes::Fixed { key_bytes: 4, value_bytes: 5 }, 100, 1).unwrap();
        let (mut out, mut expected) = (Vec::new(), Vec::new());
        push_get(&mut out, &dataset, 42);
        push_set(&mut out, &dataset, 7);
        adit_wire::resp::client::encode_request(&mut expected, &[b"GET", b"0042"]);
        adit_wire::resp::client::encode_request(&mut expected, &[b"SET", b"0007", dataset.value(7)]);
        assert_eq!(out, expected);
    }
}
