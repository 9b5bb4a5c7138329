//! Finding bytes in others.

use memchr::memmem;

/// Where one first occurs in the other, counted in bytes, in a time that grows with their lengths.
pub fn find(data: &[u8], part: &[u8]) -> Option<usize> {
    memmem::find(data, part)
}
