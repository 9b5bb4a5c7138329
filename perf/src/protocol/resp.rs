//! GET, SET and their forms for many keys as RESP bytes, written in place from key numbers.

use adit_wire::resp::client::{ReplyKind, push_bulk, push_length, skip_reply};

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

/// Appends `MGET key ...`.
pub(crate) fn push_mget(out: &mut Vec<u8>, dataset: &Dataset, keys: &[u64]) {
    push_length(out, b'*', 1 + keys.len());
    out.extend_from_slice(b"$4\r\nMGET\r\n");
    keys.iter().for_each(|key| push_key(out, dataset, *key));
}

/// Appends `MSET key value ...`.
pub(crate) fn push_mset(out: &mut Vec<u8>, dataset: &Dataset, keys: &[u64]) {
    push_length(out, b'*', 1 + 2 * keys.len());
    out.extend_from_slice(b"$4\r\nMSET\r\n");
    for key in keys {
        push_key(out, dataset, *key);
        push_bulk(out, dataset.value(*key));
    }
}

/// The values and the nulls of a reply: of the elements of an array, else of the one value there is.
#[inline]
pub(crate) fn count_values(reply: &[u8]) -> (u64, u64) {
    if !reply.starts_with(b"*") {
        return (1, 0);
    }
    let mut at = reply.iter().position(|byte| *byte == b'\n').map_or(reply.len(), |end| end + 1);
    let (mut values, mut nulls) = (0, 0);
    while let Ok(Some((length, kind))) = skip_reply(&reply[at..]) {
        at += length;
        match kind {
            ReplyKind::Miss => nulls += 1,
            _ => values += 1,
        }
    }
    (values, nulls)
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

    #[test]
    fn requests_of_many_keys_are_what_a_client_sends() {
        let dataset = Dataset::new(Sizes::Fixed { key_bytes: 4, value_bytes: 5 }, 100, 1).unwrap();
        let (mut out, mut expected) = (Vec::new(), Vec::new());
        push_mget(&mut out, &dataset, &[42, 7]);
        push_mset(&mut out, &dataset, &[7, 42]);
        adit_wire::resp::client::encode_request(&mut expected, &[b"MGET", b"0042", b"0007"]);
        let (first, second) = (dataset.value(7), dataset.value(42));
        adit_wire::resp::client::encode_request(&mut expected, &[b"MSET", b"0007", first, b"0042", second]);
        assert_eq!(out, expected);
    }

    #[test]
    fn values_of_a_reply_are_counted() {
        assert_eq!(count_values(b"$3\r\nabc\r\n"), (1, 0));
        assert_eq!(count_values(b"*4\r\n$3\r\n$-1\r\n$-1\r\n_\r\n$0\r\n\r\n"), (2, 2));
        assert_eq!(count_values(b"*0\r\n"), (0, 0));
    }
}
