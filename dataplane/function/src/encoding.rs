//! A slot, the 8 bytes that an instruction is written as, and the numbers of its fields: RFC 9669, sections 3 to 5. What they mean stands in
//! `decode`.

/// The bytes of a slot.
///
/// ```text
/// 0        1                       2        4           8
/// | opcode | source: destination   | offset | immediate |   all little-endian; the destination is the lower half of its byte
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Slot {
    /// What it does.
    pub opcode: u8,
    /// The number of a register, 0 to 15.
    pub destination: u8,
    /// The number of a register, 0 to 15, or a variant of the operation.
    pub source: u8,
    /// The distance of a target in slots, an offset in bytes, or a variant of the operation.
    pub offset: i16,
    /// A number.
    pub immediate: i32,
}

impl Slot {
    /// Reads a slot.
    pub const fn from_bytes(bytes: [u8; SLOT_BYTES]) -> Self {
        Self {
            opcode: bytes[0],
            destination: bytes[1] & 0x0f,
            source: bytes[1] >> 4,
            offset: i16::from_le_bytes([bytes[2], bytes[3]]),
            immediate: i32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        }
    }

    /// Writes it.
    pub const fn to_bytes(self) -> [u8; SLOT_BYTES] {
        let [offset_0, offset_1] = self.offset.to_le_bytes();
        let [a, b, c, d] = self.immediate.to_le_bytes();
        [self.opcode, self.source << 4 | self.destination & 0x0f, offset_0, offset_1, a, b, c, d]
    }

    /// Whether another slot belongs to it.
    pub const fn is_wide(self) -> bool {
        self.opcode == LOAD_WIDE
    }
}

/// Bytes of a slot.
pub const SLOT_BYTES: usize = 8;

// Classes: the lower 3 bits of the opcode (section 3.1).
pub(crate) const LD: u8 = 0;
pub(crate) const LDX: u8 = 1;
pub(crate) const ST: u8 = 2;
pub(crate) const STX: u8 = 3;
pub(crate) const ALU: u8 = 4;
pub(crate) const JMP: u8 = 5;
pub(crate) const JMP32: u8 = 6;
pub(crate) const ALU64: u8 = 7;

/// The bit of arithmetic and jumps that takes the source register in place of the immediate (section 4).
pub(crate) const SOURCE: u8 = 0x08;

// Arithmetic: the upper 4 bits (section 4.1).
pub(crate) const ADD: u8 = 0x00;
pub(crate) const SUB: u8 = 0x10;
pub(crate) const MUL: u8 = 0x20;
pub(crate) const DIV: u8 = 0x30;
pub(crate) const OR: u8 = 0x40;
pub(crate) const AND: u8 = 0x50;
pub(crate) const LSH: u8 = 0x60;
pub(crate) const RSH: u8 = 0x70;
pub(crate) const NEG: u8 = 0x80;
pub(crate) const MOD: u8 = 0x90;
pub(crate) const XOR: u8 = 0xa0;
pub(crate) const MOV: u8 = 0xb0;
pub(crate) const ARSH: u8 = 0xc0;
pub(crate) const END: u8 = 0xd0;

// Jumps: the upper 4 bits (section 4.3).
pub(crate) const JA: u8 = 0x00;
pub(crate) const JEQ: u8 = 0x10;
pub(crate) const JGT: u8 = 0x20;
pub(crate) const JGE: u8 = 0x30;
pub(crate) const JSET: u8 = 0x40;
pub(crate) const JNE: u8 = 0x50;
pub(crate) const JSGT: u8 = 0x60;
pub(crate) const JSGE: u8 = 0x70;
pub(crate) const CALL: u8 = 0x80;
pub(crate) const EXIT: u8 = 0x90;
pub(crate) const JLT: u8 = 0xa0;
pub(crate) const JLE: u8 = 0xb0;
pub(crate) const JSLT: u8 = 0xc0;
pub(crate) const JSLE: u8 = 0xd0;

// Who a call calls: the source (section 4.3.1).
pub(crate) const CALL_HELPER: u8 = 0;
pub(crate) const CALL_FUNCTION: u8 = 1;
pub(crate) const CALL_KERNEL: u8 = 2;

// Memory: the upper 3 bits (section 5) and the size, 2 bits.
pub(crate) const IMM: u8 = 0x00;
pub(crate) const ABS: u8 = 0x20;
pub(crate) const IND: u8 = 0x40;
pub(crate) const MEM: u8 = 0x60;
pub(crate) const MEMSX: u8 = 0x80;
pub(crate) const ATOMIC: u8 = 0xc0;
pub(crate) const W: u8 = 0x00;
pub(crate) const H: u8 = 0x08;
pub(crate) const B: u8 = 0x10;
pub(crate) const DW: u8 = 0x18;

/// The opcode of the instructions of two slots (section 5.4).
pub(crate) const LOAD_WIDE: u8 = LD | IMM | DW;
/// The source of a wide instruction that is a number.
pub(crate) const WIDE_NUMBER: u8 = 0;
/// The source of one that points into a map, by the index of the map: so are data and variables written.
pub(crate) const WIDE_MAP_VALUE: u8 = 6;
/// The map that the read-only data of a program is.
pub(crate) const MAP_DATA: i32 = 0;
/// The map that its variables are.
pub(crate) const MAP_VARIABLES: i32 = 1;

/// The bit of an atomic operation that fetches what was there (section 5.3).
pub(crate) const FETCH: i32 = 0x01;
/// With `FETCH`, always.
pub(crate) const XCHG: i32 = 0xe0;
/// With `FETCH`, always.
pub(crate) const CMPXCHG: i32 = 0xf0;

#[cfg(test)]
mod tests {
    use super::Slot;

    #[test]
    fn a_slot_survives_its_bytes() {
        let bytes = [0x7b, 0xa1, 0xf8, 0xff, 0x01, 0x02, 0x03, 0x84];
        let slot = Slot::from_bytes(bytes);
        assert_eq!(
            slot,
            Slot { opcode: 0x7b, destination: 1, source: 10, offset: -8, immediate: -0x7bfc_fdff }
        );
        assert_eq!(slot.to_bytes(), bytes);
    }
}
