//! Each operation on edge values, in registers and as immediates, against the reference for all engines.

use adit_function::arithmetic;
use adit_function::instruction::{
    Atomic, Bytes, Condition, Instruction, Operand, Operation, Register, Size, Width,
};
use adit_function::program::{Function, Program};
use adit_function::verified::{Finding, Frame, Verdict};

use super::support::{Example, with_call};
use crate::{Arena, Checks, Entry, Options, Termination};
use adit_function::hook::{AGGREGATE, Inputs, RegionBytes};
use adit_function::records::Records;

const EDGES: &[u64] = &[
    0,
    1,
    2,
    7,
    31,
    32,
    63,
    64,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0x1234_5678,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x0102_0304_0506_0708,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_8000_0000,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
];
const IMMEDIATES: &[i32] = &[0, 1, 2, 31, 32, 33, 63, 64, 1000, i32::MAX, i32::MIN, -1, -2];
const ATOMICS: &[Atomic] =
    &[Atomic::Add, Atomic::Or, Atomic::And, Atomic::Xor, Atomic::Exchange, Atomic::CompareExchange];
const WIDTHS: &[Width] = &[Width::Word, Width::Double];

fn register(number: u8) -> Register {
    Register::new(number).unwrap()
}

/// A program for the hook `aggregate` that does many things to two numbers of its input and writes each result to its state.
struct Table {
    instructions: Vec<Instruction>,
    expected: Vec<Box<dyn Fn(u64, u64) -> u64>>,
}

impl Table {
    /// Register 6 has the first number, 7 the second one, 8 is the state.
    fn new() -> Self {
        let load = |destination, base, offset| Instruction::Load {
            size: Size::Double,
            signed: false,
            destination: register(destination),
            base: register(base),
            offset,
        };
        let instructions = vec![load(2, 1, 40), load(6, 2, 0), load(7, 2, 8), load(8, 1, 56)];
        Self { instructions, expected: Vec::new() }
    }

    /// Does something to copies of the numbers in registers 3 and 4 and takes register 3 as the result.
    fn add(&mut self, does: &[Instruction], expected: impl Fn(u64, u64) -> u64 + 'static) {
        self.copy(3, 6);
        self.copy(4, 7);
        self.instructions.extend_from_slice(does);
        let offset = i16::try_from(self.expected.len() * 8).unwrap();
        self.instructions.push(Instruction::Store {
            size: Size::Double,
            base: register(8),
            offset,
            source: Operand::Register(register(3)),
        });
        self.expected.push(Box::new(expected));
    }

    fn copy(&mut self, destination: u8, source: u8) {
        self.instructions.push(Instruction::Move {
            width: Width::Double,
            destination: register(destination),
            source: Operand::Register(register(source)),
        });
    }

    fn next(&self) -> u32 {
        u32::try_from(self.instructions.len()).unwrap() + 2
    }

    fn check(mut self) {
        self.instructions.push(Instruction::Move {
            width: Width::Double,
            destination: register(0),
            source: Operand::Immediate(0),
        });
        self.instructions.push(Instruction::Exit);
        let end = u32::try_from(self.instructions.len()).unwrap();
        let program = Program {
            slots: (0..end).collect(),
            functions: vec![Function { name: String::new(), start: 0, end }],
            instructions: self.instructions,
            ..Program::default()
        };
        let example = Example {
            findings: vec![Finding::Access(Verdict::Proven); program.instructions.len()],
            frames: vec![Frame { low: -64, zeroed: (0, 0) }],
            program,
            hook: &AGGREGATE,
        };
        let mut arena = Arena::new(1 << 20).unwrap();
        let mut entry = Entry::new().unwrap();
        for options in [
            Options::default(),
            Options { termination: Termination::Poll, ..Options::default() },
            Options { checks: Checks::All, ..Options::default() },
            Options { hardened: true, ..Options::default() },
        ] {
            let installed = arena.install(&example.compile(options)).unwrap();
            for &first in EDGES {
                for &second in EDGES {
                    let input = [first.to_le_bytes(), second.to_le_bytes()].concat();
                    let mut state = vec![0; self.expected.len() * 8];
                    let mut regions = [
                        RegionBytes::Read(&[]),
                        RegionBytes::Read(&[]),
                        RegionBytes::Read(&input),
                        RegionBytes::Write(&mut state),
                    ];
                    let inputs = Inputs { numbers: &[1], regions: &mut regions };
                    let records = Records::new(1);
                    let result =
                        with_call(&records, |call| installed.call(&mut entry, inputs, 100_000, call));
                    assert_eq!(result, Ok(0));
                    for (index, (found, expected)) in state.chunks(8).zip(&self.expected).enumerate() {
                        let found = u64::from_le_bytes(found.try_into().unwrap());
                        let expected = expected(first, second);
                        assert_eq!(found, expected, "{index}: {first:#x} {second:#x} {options:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn arithmetic_of_registers() {
    let mut table = Table::new();
    for operation in Operation::ALL {
        for &width in WIDTHS {
            let does = Instruction::Arithmetic {
                width,
                operation,
                destination: register(3),
                source: Operand::Register(register(4)),
            };
            table.add(&[does], move |left, right| arithmetic::apply(operation, width, left, right));
        }
    }
    table.check();
}

#[test]
fn arithmetic_of_immediates() {
    let mut table = Table::new();
    for operation in Operation::ALL {
        for &width in WIDTHS {
            for &immediate in IMMEDIATES {
                let source = Operand::Immediate(immediate);
                let does = Instruction::Arithmetic { width, operation, destination: register(3), source };
                let right = i64::from(immediate).cast_unsigned();
                table.add(&[does], move |left, _| arithmetic::apply(operation, width, left, right));
            }
        }
    }
    table.check();
}

#[test]
fn moves_and_orders() {
    let mut table = Table::new();
    for &width in WIDTHS {
        for source in [Operand::Register(register(4)), Operand::Immediate(-7), Operand::Immediate(7)] {
            let does = Instruction::Move { width, destination: register(3), source };
            table.add(&[does], move |_, right| {
                let value = match source {
                    Operand::Register(_) => right,
                    Operand::Immediate(value) => i64::from(value).cast_unsigned(),
                };
                if width == Width::Word { value & 0xffff_ffff } else { value }
            });
        }
        table.add(&[Instruction::Negate { width, destination: register(3) }], move |left, _| {
            arithmetic::apply(Operation::Subtract, width, 0, left)
        });
        for from in [Size::Byte, Size::Half, Size::Word] {
            if (width, from) == (Width::Word, Size::Word) {
                continue;
            }
            let does = Instruction::MoveSigned { width, destination: register(3), source: register(4), from };
            table.add(&[does], move |_, right| {
                let bits = 64 - 8 * from.bytes();
                let value = (right.cast_signed() << bits >> bits).cast_unsigned();
                if width == Width::Word { value & 0xffff_ffff } else { value }
            });
        }
    }
    for size in [Size::Half, Size::Word, Size::Double] {
        for bytes in [Bytes::Little, Bytes::Big, Bytes::Swap] {
            let does = Instruction::Order { destination: register(3), bytes, size };
            table.add(&[does], move |left, _| {
                let bits = 64 - 8 * size.bytes();
                let cut = left << bits >> bits;
                if bytes == Bytes::Little { cut } else { cut.swap_bytes() >> bits }
            });
        }
    }
    table.add(&[Instruction::Constant { destination: register(3), value: 0xfedc_ba98_7654_3210 }], |_, _| {
        0xfedc_ba98_7654_3210
    });
    table.check();
}

#[test]
fn conditions() {
    let mut table = Table::new();
    for condition in Condition::ALL {
        for &width in WIDTHS {
            for right in [Operand::Register(register(4)), Operand::Immediate(-1), Operand::Immediate(64)] {
                // mov r5, 1; if r3 .. goto +1; mov r5, 0; mov r3, r5
                let number = |value| Instruction::Move {
                    width: Width::Double,
                    destination: register(5),
                    source: Operand::Immediate(value),
                };
                let target = table.next() + 3;
                let branch = Instruction::Branch { width, condition, left: register(3), right, target };
                let result = Instruction::Move {
                    width: Width::Double,
                    destination: register(3),
                    source: Operand::Register(register(5)),
                };
                table.add(&[number(1), branch, number(0), result], move |left, second| {
                    let right = match right {
                        Operand::Register(_) => second,
                        Operand::Immediate(value) => i64::from(value).cast_unsigned(),
                    };
                    arithmetic::holds(condition, width, left, right).into()
                });
            }
        }
    }
    table.check();
}

#[test]
fn loads_and_stores() {
    let mut table = Table::new();
    let stack = register(10);
    for size in [Size::Byte, Size::Half, Size::Word, Size::Double] {
        for signed in [false, true] {
            if (size, signed) == (Size::Double, true) {
                continue;
            }
            let store = Instruction::Store {
                size: Size::Double,
                base: stack,
                offset: -16,
                source: Operand::Register(register(3)),
            };
            let load = Instruction::Load { size, signed, destination: register(3), base: stack, offset: -16 };
            table.add(&[store, load], move |left, _| {
                let bits = 64 - 8 * size.bytes();
                if signed {
                    (left.cast_signed() << bits >> bits).cast_unsigned()
                } else {
                    left << bits >> bits
                }
            });
        }
        for source in [Operand::Register(register(4)), Operand::Immediate(-3)] {
            let whole = Instruction::Store {
                size: Size::Double,
                base: stack,
                offset: -24,
                source: Operand::Register(register(3)),
            };
            let part = Instruction::Store { size, base: stack, offset: -24, source };
            let load = Instruction::Load {
                size: Size::Double,
                signed: false,
                destination: register(3),
                base: stack,
                offset: -24,
            };
            table.add(&[whole, part, load], move |left, right| {
                let new = match source {
                    Operand::Register(_) => right,
                    Operand::Immediate(value) => i64::from(value).cast_unsigned(),
                };
                let mask = u64::MAX >> (64 - 8 * size.bytes());
                left & !mask | new & mask
            });
        }
    }
    table.check();
}

#[test]
fn atomic_operations() {
    let mut table = Table::new();
    for &operation in ATOMICS {
        for size in [Size::Word, Size::Double] {
            for fetch in [false, true] {
                let is_exchange = matches!(operation, Atomic::Exchange | Atomic::CompareExchange);
                if is_exchange && !fetch {
                    continue;
                }
                // The first number is in memory, the second one is the source; register 0 is the first number cut to 32 bits, so that the
                // comparison succeeds at times.
                let memory = Instruction::Store {
                    size: Size::Double,
                    base: register(10),
                    offset: -8,
                    source: Operand::Register(register(3)),
                };
                let cut = Instruction::Move {
                    width: Width::Word,
                    destination: register(0),
                    source: Operand::Register(register(3)),
                };
                let atomic = Instruction::Atomic {
                    operation,
                    size,
                    fetch,
                    base: register(10),
                    offset: -8,
                    source: register(4),
                };
                let load = Instruction::Load {
                    size: Size::Double,
                    signed: false,
                    destination: register(3),
                    base: register(10),
                    offset: -8,
                };
                let mask = u64::MAX >> (64 - 8 * size.bytes());
                let new = move |old: u64, source: u64| {
                    let operand = source & mask;
                    let new = match operation {
                        Atomic::Add => old.wrapping_add(operand),
                        Atomic::Or => old | operand,
                        Atomic::And => old & operand,
                        Atomic::Xor => old ^ operand,
                        Atomic::Exchange => operand,
                        Atomic::CompareExchange if old & mask == old & 0xffff_ffff & mask => operand,
                        Atomic::CompareExchange => old,
                    };
                    old & !mask | new & mask
                };
                table.add(&[memory, cut, atomic, load], new);
                let fetched = move |old: u64, source: u64| if fetch { old & mask } else { source };
                let receiver = if operation == Atomic::CompareExchange { 0 } else { 4 };
                let take = Instruction::Move {
                    width: Width::Double,
                    destination: register(3),
                    source: Operand::Register(register(receiver)),
                };
                table.add(&[memory, cut, atomic, take], fetched);
            }
        }
    }
    table.check();
}
