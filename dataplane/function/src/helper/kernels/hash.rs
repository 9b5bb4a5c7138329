//! XXH3 (xxHash, specification of XXH3, 64 bits).

use twox_hash::XxHash3_64;

/// The 64 bits of XXH3 of bytes with a seed.
pub fn hash(bytes: &[u8], seed: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the reference implementation, by its binding for Python, 4.1.0.
    #[test]
    fn the_vectors_of_the_reference() {
        let bytes: Vec<u8> = (0..=255).cycle().take(4096).collect();
        for (len, seed, expected) in [
            (0, 0, 0x2d06_8005_38d3_94c2),
            (3, 1, 0x3b3b_85a9_68c7_f81d),
            (24, 0, 0xeb17_3b2a_a3b5_397a),
            (100, 0x9e37_79b9_7f4a_7c15, 0x19cf_7629_02c5_f037),
            (200, 7, 0x68de_cbfb_306e_bdf2),
            (240, 0xffff_ffff_ffff_ffff, 0x11bd_15de_7afb_35d0),
            (241, 0, 0x02e8_cd95_421c_6d02),
            (1024, 0, 0xa870_f929_8439_8d22),
            (1025, 5, 0xfae9_45ea_e3ff_eee0),
            (4096, 0, 0xeb4b_7c37_0787_9151),
            (4096, 0x0123_4567_89ab_cdef, 0xf54d_91c3_6c35_8756),
        ] {
            assert_eq!(hash(&bytes[..len], seed), expected, "{len} bytes, seed {seed}");
        }
    }
}
