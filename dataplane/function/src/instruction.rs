//! An instruction as the decoder understood it: what it does, with all of its fields checked. Encodings stand in `decode`.

/// One of the eleven registers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Register(u8);

impl Register {
    /// How many there are.
    pub const COUNT: usize = 11;
    /// The result of a call and of the program.
    pub const RESULT: Self = Self(0);
    /// The end of the stack frame; it cannot be written.
    pub const FRAME: Self = Self(10);

    /// The register of this number, if there is one.
    pub const fn new(number: u8) -> Option<Self> {
        if number < 11 { Some(Self(number)) } else { None }
    }

    /// Argument `index` of a call, from 0 to 4.
    ///
    /// # Panics
    ///
    /// If there is no such argument.
    pub const fn argument(index: u8) -> Self {
        assert!(index < 5, "a call has five arguments");
        Self(index + 1)
    }

    /// Its number, 0 to 10.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Its number as instructions carry it.
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// How much of its registers an operation takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Width {
    /// The lower 32 bits; the upper ones of the result are 0.
    Word,
    /// All 64 bits.
    Double,
}

/// How many bytes of memory an access takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Size {
    /// One byte.
    Byte,
    /// Two bytes.
    Half,
    /// Four bytes.
    Word,
    /// Eight bytes.
    Double,
}

impl Size {
    /// The number of bytes.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Byte => 1,
            Self::Half => 2,
            Self::Word => 4,
            Self::Double => 8,
        }
    }
}

/// What an operation works with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operand {
    /// A register.
    Register(Register),
    /// A number; operations on 64 bits extend its sign.
    Immediate(i32),
}

/// What arithmetic does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names of RFC 9669, section 4.1")]
pub enum Operation {
    Add,
    Subtract,
    Multiply,
    /// By 0 it gives 0.
    Divide,
    /// By 0 it gives 0; the least number by -1 gives itself.
    SignedDivide,
    /// By 0 it leaves the register as it is (its lower half, for `Width::Word`).
    Modulo,
    /// As `Modulo`; the least number by -1 gives 0.
    SignedModulo,
    Or,
    And,
    Xor,
    /// By the lower 6 bits of the source (5 for `Width::Word`), as all shifts.
    ShiftLeft,
    ShiftRight,
    ShiftRightSigned,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Divide,
        Self::SignedDivide,
        Self::Modulo,
        Self::SignedModulo,
        Self::Or,
        Self::And,
        Self::Xor,
        Self::ShiftLeft,
        Self::ShiftRight,
        Self::ShiftRightSigned,
    ];
}

/// When a branch is taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Condition {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    SignedGreater,
    SignedGreaterOrEqual,
    SignedLess,
    SignedLessOrEqual,
    /// Both have a bit.
    AnyBit,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Equal,
        Self::NotEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::SignedGreater,
        Self::SignedGreaterOrEqual,
        Self::SignedLess,
        Self::SignedLessOrEqual,
        Self::AnyBit,
    ];
}

/// What an atomic operation does with memory and its source.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names of RFC 9669, section 5.3")]
pub enum Atomic {
    Add,
    Or,
    And,
    Xor,
    Exchange,
    /// With register 0, which receives what was there.
    CompareExchange,
}

/// What becomes of the bytes of a register.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bytes {
    /// To little-endian: they are cut, as we are little-endian.
    Little,
    /// To big-endian: they are swapped and cut.
    Big,
    /// They are swapped and cut.
    Swap,
}

/// An instruction. Targets are indexes of instructions, not of slots: a wide instruction is one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "fields are what they are named")]
pub enum Instruction {
    /// A register becomes a number of 64 bits.
    Constant {
        destination: Register,
        value: u64,
    },
    /// A register points into the read-only data of the program.
    Data {
        destination: Register,
        offset: u32,
    },
    /// A register points into the variables of the program.
    Variable {
        destination: Register,
        offset: u32,
    },
    Move {
        width: Width,
        destination: Register,
        source: Operand,
    },
    /// The lower bytes of the source, with their sign.
    MoveSigned {
        width: Width,
        destination: Register,
        source: Register,
        from: Size,
    },
    Negate {
        width: Width,
        destination: Register,
    },
    /// The bytes of a register in another order; `size` is never a byte.
    Order {
        destination: Register,
        bytes: Bytes,
        size: Size,
    },
    Arithmetic {
        width: Width,
        operation: Operation,
        destination: Register,
        source: Operand,
    },
    Load {
        size: Size,
        signed: bool,
        destination: Register,
        base: Register,
        offset: i16,
    },
    Store {
        size: Size,
        base: Register,
        offset: i16,
        source: Operand,
    },
    /// `size` is a word or a double. With `fetch` the source receives what was there.
    Atomic {
        operation: Atomic,
        size: Size,
        fetch: bool,
        base: Register,
        offset: i16,
        source: Register,
    },
    Jump {
        target: u32,
    },
    Branch {
        width: Width,
        condition: Condition,
        left: Register,
        right: Operand,
        target: u32,
    },
    /// A call of a helper by its number; whether there is one is for the verifier.
    CallHelper {
        number: u32,
    },
    /// A call of a function of the program, by its index.
    CallFunction {
        function: u32,
    },
    Exit,
}
