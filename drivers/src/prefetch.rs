//! Hints to the processor to load lines that are read soon. They change no value and never fault.

/// Bytes that one hint loads.
pub const LINE_BYTES: usize = 64;
/// Most lines that one call of [`range`] asks for: more would push out lines that other requests wait for.
pub const RANGE_LINES_MAX: usize = 16;

/// Asks for the first line of `target`.
#[inline]
pub fn read<T: ?Sized>(target: &T) {
    address(core::ptr::from_ref(target).cast());
}

/// Asks for the lines of `bytes`, [`RANGE_LINES_MAX`] at most.
#[inline]
pub fn range(bytes: &[u8]) {
    for line in bytes.chunks(LINE_BYTES).take(RANGE_LINES_MAX) {
        read(line);
    }
    if let Some(last) = bytes.get(..LINE_BYTES * RANGE_LINES_MAX).unwrap_or(bytes).last() {
        read(last);
    }
}

/// Asks for all lines of `target` itself, [`RANGE_LINES_MAX`] at most; not for what it points to.
#[inline]
pub fn value<T>(target: &T) {
    let start = core::ptr::from_ref(target).cast::<u8>();
    for line in 0..size_of::<T>().div_ceil(LINE_BYTES).min(RANGE_LINES_MAX) {
        address(start.wrapping_add(line * LINE_BYTES));
    }
}

/// Asks for the line at `address`, which may point anywhere.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn address(address: *const u8) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: SSE is part of the x86-64 base line, and PREFETCHT0 ignores addresses that it cannot load
    // (Intel SDM volume 2, PREFETCHh: "does not cause any exceptions" but for a LOCK prefix).
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
}

/// No hint is known for this architecture.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn address(_address: *const u8) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_take_any_length_and_any_address() {
        range(&[]);
        range(&[1]);
        range(&[0; 4096]);
        read("text");
        value(&[0_u64; 1000]);
        value(&());
        read::<[u64]>(&[]);
        address(core::ptr::null());
    }
}
