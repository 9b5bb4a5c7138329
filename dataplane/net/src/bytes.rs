//! Numbers of the network's byte order in headers of a fixed length.

/// The 16 bits at a place.
#[inline]
pub(crate) fn u16_at<const N: usize>(bytes: &[u8; N], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Some bytes at a place.
#[inline]
pub(crate) fn array_at<const N: usize, const LEN: usize>(bytes: &[u8; N], at: usize) -> [u8; LEN] {
    let mut array = [0; LEN];
    array.copy_from_slice(&bytes[at..at + LEN]);
    array
}

/// Writes bytes at a place.
#[inline]
pub(crate) fn put(room: &mut [u8], at: usize, bytes: &[u8]) {
    room[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Writes 16 bits at a place.
#[inline]
pub(crate) fn put_u16(room: &mut [u8], at: usize, number: u16) {
    put(room, at, &number.to_be_bytes());
}

/// A length of a packet, which fits where lengths of packets are written.
#[inline]
pub(crate) fn length(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}
