//! The encoding of every opcode, checked by hand against RFC 9669, tables 1 to 9; text, bytes and instructions are turned into each other.

use super::{assemble, disassemble, program};
use crate::decode::{decode, decode_with};
use crate::encode::encode;
use crate::encoding::Slot;

/// The first slot of an instruction, in the order of its bytes, and its text. Instruction 1 is the one that follows.
const ENCODINGS: &[(u64, &str)] = &[
    (0x1801_0000_4433_2211, "lddw %r1, 0x11223344"),
    // Loads and stores: the class in the lower 3 bits, the size above it.
    (0x6121_fcff_0000_0000, "ldxw %r1, [%r2-4]"),
    (0x6921_fcff_0000_0000, "ldxh %r1, [%r2-4]"),
    (0x7121_0400_0000_0000, "ldxb %r1, [%r2+4]"),
    (0x79a1_f8ff_0000_0000, "ldxdw %r1, [%r10-8]"),
    (0x8121_0000_0000_0000, "ldxsw %r1, [%r2]"),
    (0x8921_0000_0000_0000, "ldxsh %r1, [%r2]"),
    (0x9121_0000_0000_0000, "ldxsb %r1, [%r2]"),
    (0x620a_f8ff_ffff_ffff, "stw [%r10-8], -1"),
    (0x6a0a_f8ff_ffff_ffff, "sth [%r10-8], -1"),
    (0x720a_f8ff_ffff_ffff, "stb [%r10-8], -1"),
    (0x7a0a_f8ff_ffff_ffff, "stdw [%r10-8], -1"),
    (0x631a_f8ff_0000_0000, "stxw [%r10-8], %r1"),
    (0x6b1a_f8ff_0000_0000, "stxh [%r10-8], %r1"),
    (0x731a_f8ff_0000_0000, "stxb [%r10-8], %r1"),
    (0x7b1a_f8ff_0000_0000, "stxdw [%r10-8], %r1"),
    // Atomic operations: the immediate says which.
    (0xc31a_f8ff_0000_0000, "lock add32 [%r10-8], %r1"),
    (0xc31a_f8ff_4000_0000, "lock or32 [%r10-8], %r1"),
    (0xc31a_f8ff_5000_0000, "lock and32 [%r10-8], %r1"),
    (0xc31a_f8ff_a000_0000, "lock xor32 [%r10-8], %r1"),
    (0xc31a_f8ff_0100_0000, "lock fetch add32 [%r10-8], %r1"),
    (0xc31a_f8ff_e100_0000, "lock xchg32 [%r10-8], %r1"),
    (0xc31a_f8ff_f100_0000, "lock cmpxchg32 [%r10-8], %r1"),
    (0xdb1a_f8ff_0000_0000, "lock add [%r10-8], %r1"),
    (0xdb1a_f8ff_4100_0000, "lock fetch or [%r10-8], %r1"),
    (0xdb1a_f8ff_5100_0000, "lock fetch and [%r10-8], %r1"),
    (0xdb1a_f8ff_a100_0000, "lock fetch xor [%r10-8], %r1"),
    (0xdb1a_f8ff_e100_0000, "lock xchg [%r10-8], %r1"),
    (0xdb1a_f8ff_f100_0000, "lock cmpxchg [%r10-8], %r1"),
    // Arithmetic on 32 bits with a number, with a register, then on 64 bits.
    (0x0401_0000_0700_0000, "add32 %r1, 7"),
    (0x1401_0000_0700_0000, "sub32 %r1, 7"),
    (0x2401_0000_0700_0000, "mul32 %r1, 7"),
    (0x3401_0000_0700_0000, "div32 %r1, 7"),
    (0x3401_0100_0700_0000, "sdiv32 %r1, 7"),
    (0x4401_0000_0700_0000, "or32 %r1, 7"),
    (0x5401_0000_0700_0000, "and32 %r1, 7"),
    (0x6401_0000_0700_0000, "lsh32 %r1, 7"),
    (0x7401_0000_0700_0000, "rsh32 %r1, 7"),
    (0x8401_0000_0000_0000, "neg32 %r1"),
    (0x9401_0000_0700_0000, "mod32 %r1, 7"),
    (0x9401_0100_0700_0000, "smod32 %r1, 7"),
    (0xa401_0000_0700_0000, "xor32 %r1, 7"),
    (0xb401_0000_0700_0000, "mov32 %r1, 7"),
    (0xc401_0000_0700_0000, "arsh32 %r1, 7"),
    (0x0c21_0000_0000_0000, "add32 %r1, %r2"),
    (0x1c21_0000_0000_0000, "sub32 %r1, %r2"),
    (0x2c21_0000_0000_0000, "mul32 %r1, %r2"),
    (0x3c21_0000_0000_0000, "div32 %r1, %r2"),
    (0x3c21_0100_0000_0000, "sdiv32 %r1, %r2"),
    (0x4c21_0000_0000_0000, "or32 %r1, %r2"),
    (0x5c21_0000_0000_0000, "and32 %r1, %r2"),
    (0x6c21_0000_0000_0000, "lsh32 %r1, %r2"),
    (0x7c21_0000_0000_0000, "rsh32 %r1, %r2"),
    (0x9c21_0000_0000_0000, "mod32 %r1, %r2"),
    (0x9c21_0100_0000_0000, "smod32 %r1, %r2"),
    (0xac21_0000_0000_0000, "xor32 %r1, %r2"),
    (0xbc21_0000_0000_0000, "mov32 %r1, %r2"),
    (0xbc21_0800_0000_0000, "movsx832 %r1, %r2"),
    (0xbc21_1000_0000_0000, "movsx1632 %r1, %r2"),
    (0xcc21_0000_0000_0000, "arsh32 %r1, %r2"),
    (0x0701_0000_0700_0000, "add %r1, 7"),
    (0x1701_0000_0700_0000, "sub %r1, 7"),
    (0x2701_0000_0700_0000, "mul %r1, 7"),
    (0x3701_0000_0700_0000, "div %r1, 7"),
    (0x3701_0100_0700_0000, "sdiv %r1, 7"),
    (0x4701_0000_0700_0000, "or %r1, 7"),
    (0x5701_0000_0700_0000, "and %r1, 7"),
    (0x6701_0000_0700_0000, "lsh %r1, 7"),
    (0x7701_0000_0700_0000, "rsh %r1, 7"),
    (0x8701_0000_0000_0000, "neg %r1"),
    (0x9701_0000_0700_0000, "mod %r1, 7"),
    (0x9701_0100_0700_0000, "smod %r1, 7"),
    (0xa701_0000_0700_0000, "xor %r1, 7"),
    (0xb701_0000_0700_0000, "mov %r1, 7"),
    (0xc701_0000_0700_0000, "arsh %r1, 7"),
    (0x0f21_0000_0000_0000, "add %r1, %r2"),
    (0x1f21_0000_0000_0000, "sub %r1, %r2"),
    (0x2f21_0000_0000_0000, "mul %r1, %r2"),
    (0x3f21_0000_0000_0000, "div %r1, %r2"),
    (0x3f21_0100_0000_0000, "sdiv %r1, %r2"),
    (0x4f21_0000_0000_0000, "or %r1, %r2"),
    (0x5f21_0000_0000_0000, "and %r1, %r2"),
    (0x6f21_0000_0000_0000, "lsh %r1, %r2"),
    (0x7f21_0000_0000_0000, "rsh %r1, %r2"),
    (0x9f21_0000_0000_0000, "mod %r1, %r2"),
    (0x9f21_0100_0000_0000, "smod %r1, %r2"),
    (0xaf21_0000_0000_0000, "xor %r1, %r2"),
    (0xbf21_0000_0000_0000, "mov %r1, %r2"),
    (0xbf21_0800_0000_0000, "movsx864 %r1, %r2"),
    (0xbf21_1000_0000_0000, "movsx1664 %r1, %r2"),
    (0xbf21_2000_0000_0000, "movsx3264 %r1, %r2"),
    (0xcf21_0000_0000_0000, "arsh %r1, %r2"),
    // The order of bytes.
    (0xd401_0000_1000_0000, "le16 %r1"),
    (0xd401_0000_2000_0000, "le32 %r1"),
    (0xd401_0000_4000_0000, "le64 %r1"),
    (0xdc01_0000_1000_0000, "be16 %r1"),
    (0xdc01_0000_2000_0000, "be32 %r1"),
    (0xdc01_0000_4000_0000, "be64 %r1"),
    (0xd701_0000_1000_0000, "swap16 %r1"),
    (0xd701_0000_2000_0000, "swap32 %r1"),
    (0xd701_0000_4000_0000, "swap64 %r1"),
    // Jumps on 64 bits, then on 32.
    (0x0500_0000_0000_0000, "ja i1"),
    (0x1501_0000_0700_0000, "jeq %r1, 7, i1"),
    (0x2501_0000_0700_0000, "jgt %r1, 7, i1"),
    (0x3501_0000_0700_0000, "jge %r1, 7, i1"),
    (0x4501_0000_0700_0000, "jset %r1, 7, i1"),
    (0x5501_0000_0700_0000, "jne %r1, 7, i1"),
    (0x6501_0000_0700_0000, "jsgt %r1, 7, i1"),
    (0x7501_0000_0700_0000, "jsge %r1, 7, i1"),
    (0xa501_0000_0700_0000, "jlt %r1, 7, i1"),
    (0xb501_0000_0700_0000, "jle %r1, 7, i1"),
    (0xc501_0000_0700_0000, "jslt %r1, 7, i1"),
    (0xd501_0000_0700_0000, "jsle %r1, 7, i1"),
    (0x1d21_0000_0000_0000, "jeq %r1, %r2, i1"),
    (0x2d21_0000_0000_0000, "jgt %r1, %r2, i1"),
    (0x3d21_0000_0000_0000, "jge %r1, %r2, i1"),
    (0x4d21_0000_0000_0000, "jset %r1, %r2, i1"),
    (0x5d21_0000_0000_0000, "jne %r1, %r2, i1"),
    (0x6d21_0000_0000_0000, "jsgt %r1, %r2, i1"),
    (0x7d21_0000_0000_0000, "jsge %r1, %r2, i1"),
    (0xad21_0000_0000_0000, "jlt %r1, %r2, i1"),
    (0xbd21_0000_0000_0000, "jle %r1, %r2, i1"),
    (0xcd21_0000_0000_0000, "jslt %r1, %r2, i1"),
    (0xdd21_0000_0000_0000, "jsle %r1, %r2, i1"),
    (0x1601_0000_0700_0000, "jeq32 %r1, 7, i1"),
    (0x2601_0000_0700_0000, "jgt32 %r1, 7, i1"),
    (0x3601_0000_0700_0000, "jge32 %r1, 7, i1"),
    (0x4601_0000_0700_0000, "jset32 %r1, 7, i1"),
    (0x5601_0000_0700_0000, "jne32 %r1, 7, i1"),
    (0x6601_0000_0700_0000, "jsgt32 %r1, 7, i1"),
    (0x7601_0000_0700_0000, "jsge32 %r1, 7, i1"),
    (0xa601_0000_0700_0000, "jlt32 %r1, 7, i1"),
    (0xb601_0000_0700_0000, "jle32 %r1, 7, i1"),
    (0xc601_0000_0700_0000, "jslt32 %r1, 7, i1"),
    (0xd601_0000_0700_0000, "jsle32 %r1, 7, i1"),
    (0x1e21_0000_0000_0000, "jeq32 %r1, %r2, i1"),
    (0x2e21_0000_0000_0000, "jgt32 %r1, %r2, i1"),
    (0x3e21_0000_0000_0000, "jge32 %r1, %r2, i1"),
    (0x4e21_0000_0000_0000, "jset32 %r1, %r2, i1"),
    (0x5e21_0000_0000_0000, "jne32 %r1, %r2, i1"),
    (0x6e21_0000_0000_0000, "jsgt32 %r1, %r2, i1"),
    (0x7e21_0000_0000_0000, "jsge32 %r1, %r2, i1"),
    (0xae21_0000_0000_0000, "jlt32 %r1, %r2, i1"),
    (0xbe21_0000_0000_0000, "jle32 %r1, %r2, i1"),
    (0xce21_0000_0000_0000, "jslt32 %r1, %r2, i1"),
    (0xde21_0000_0000_0000, "jsle32 %r1, %r2, i1"),
    (0x8500_0000_0700_0000, "call 7"),
    (0x9500_0000_0000_0000, "exit"),
];

/// What decodes, but to an instruction that is written in another way: a jump with its distance in 32 bits.
const JUMP_FAR: u8 = 0x06;

#[test]
fn every_instruction_is_written_as_the_rfc_says() {
    for &(first, text) in ENCODINGS {
        let mut bytes = first.to_be_bytes().to_vec();
        if bytes[0] == 0x18 {
            bytes.extend([0; 8]);
        }
        bytes.extend([0x95, 0, 0, 0, 0, 0, 0, 0]);
        let source = format!("{text}\ni1:\nexit");
        assert_eq!(assemble(&source).unwrap(), bytes, "{text}");
        let program = decode(&bytes).unwrap();
        assert_eq!(program.instructions[0].to_string(), text);
        assert_eq!(encode(&program).unwrap(), bytes, "{text}");
    }
}

#[test]
fn there_are_no_other_opcodes() {
    let immediates = [0, 1, 7, 16, 0x40, 0x50, 0xa0, 0xe0, 0xe1, 0xf0, 0xf1];
    for opcode in (0..=u8::MAX).filter(|opcode| *opcode != JUMP_FAR) {
        let is_listed = ENCODINGS.iter().any(|(first, _)| first.to_be_bytes()[0] == opcode);
        let mut is_decoded = false;
        for (source, offset) in [(0, 0), (0, 1), (0, 8), (2, 0), (2, 1), (2, 8), (2, 16), (1, 0)] {
            for (destination, immediate) in [0, 1].into_iter().flat_map(|d| immediates.map(|i| (d, i))) {
                let slot = Slot { opcode, destination, source, offset, immediate };
                let code = [slot.to_bytes(), [0; 8], [0x95, 0, 0, 0, 0, 0, 0, 0]].concat();
                is_decoded |= decode(&code).is_ok() || decode(&[&code[..8], &code[16..]].concat()).is_ok();
            }
        }
        assert_eq!(is_decoded, is_listed, "{opcode:#04x}");
    }
}

#[test]
fn a_program_is_shown_as_it_can_be_assembled() {
    let text = "\
f0:
    lddw %r1, data[2]
    lddw %r2, variables[8]
    jeq %r1, 0, i4
    call local f1
i4:
    exit
f1:
    mov %r0, -1
    exit
.data 01 ff
.data zero 3
.data 07
.variables zero 9
";
    let program = program(text).unwrap();
    assert_eq!(disassemble(&program), text);
    assert_eq!((program.data.as_slice(), program.variables.len()), (&[1, 0xff, 0, 0, 0, 7][..], 9));
    let code = encode(&program).unwrap();
    let again = decode_with(&code, program.data.clone(), program.variables.clone()).unwrap();
    assert_eq!((again.instructions, again.functions), (program.instructions, program.functions));
}

#[test]
fn data_ends_where_it_ends() {
    assert!(program("lddw %r1, data[2]\nexit\n.data 01 02").is_ok());
    assert!(program("lddw %r1, data[3]\nexit\n.data 01 02").is_err());
    assert!(program("lddw %r1, variables[0]\nexit\n.data 01 02").is_err());
}

#[test]
fn comments_labels_and_distances_are_read() {
    let text = "# nothing\n  mov r0, 0x10 ; sixteen\nagain:\nsub %r0, 1\njne %r0, 0, again\njeq %r0, 0, +0\nja exit\nexit";
    let expected = "mov %r0, 16\nsub %r0, 1\njne %r0, 0, -2\njeq %r0, 0, +0\nja +0\nexit";
    assert_eq!(assemble(text).unwrap(), assemble(expected).unwrap());
    assert_eq!(assemble("mov32 %r0, 0xffffffff\nexit"), assemble("mov32 %r0, -1\nexit"));
    assert_eq!(assemble("lddw %r0, -2\nexit"), assemble("lddw %r0, 0xfffffffffffffffe\nexit"));
}

#[test]
fn what_is_no_text_is_refused_with_its_line() {
    for text in [
        "mov %r11, 0",
        "mov %r0",
        "mov %r0, 0x100000000",
        "move %r0, 0",
        "ja nowhere",
        "ja -3",
        "ldxw %r0, %r1",
        "ldxw %r0, [%r1+40000]",
        "ldxq %r0, [%r1]",
        "lock nand [%r1], %r2",
        "be24 %r0",
        "lddw %r0, 0x10000000000000000",
        "call %r2",
        ".text 00",
        ".data zero",
        ".data zero 99999999999",
        ".data 100",
        "é",
        "é %r0",
        "jeq %r0, 0, -40000",
    ] {
        let error = assemble(&format!("exit\n{text}")).expect_err(text);
        assert_eq!(error.line, 2, "{text}: {error}");
    }
    assert!(assemble("here:\nhere:\nexit").is_err());
}
