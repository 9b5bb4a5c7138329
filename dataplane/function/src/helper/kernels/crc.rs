//! CRC32C (RFC 3720, appendix B.4), eight bytes at a time by tables.

/// The CRC32C of bytes that follow those of which `crc` is the CRC32C; 0 if there are none.
pub fn crc32c(crc: u32, bytes: &[u8]) -> u32 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let crc = eights.iter().fold(!crc, |crc, eight| {
        let word = u64::from_le_bytes(*eight) ^ u64::from(crc);
        let by_table = |crc, (table, byte): (&[u32; 256], u8)| crc ^ table[byte as usize];
        TABLES.iter().rev().zip(word.to_le_bytes()).fold(0, by_table)
    });
    !rest.iter().fold(crc, |crc, &byte| TABLES[0][(crc ^ u32::from(byte)) as usize & 0xff] ^ crc >> 8)
}

/// `TABLES[n][byte]` is what a byte does to the CRC that is followed by n bytes.
static TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte;
        let mut bit = 0;
        while bit < 8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        tables[0][byte as usize] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = tables[0][(before & 0xff) as usize] ^ before >> 8;
            byte += 1;
        }
        table += 1;
    }
    tables
};
/// Castagnoli's, with the lowest power in the highest bit.
const POLYNOMIAL: u32 = 0x82f6_3b78;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_specification() {
        assert_eq!(crc32c(0, b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(0, &[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(0, &[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(0, &ascending), 0x46dd_794e);
        assert_eq!(crc32c(crc32c(0, &ascending[..13]), &ascending[13..]), 0x46dd_794e);
    }
}
