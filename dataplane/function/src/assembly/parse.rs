//! From text to code. Labels are collected first, then each line is an instruction of its own.

use super::AssemblyError;
use crate::encode;
use crate::instruction::{Atomic, Bytes, Condition, Instruction, Operand, Operation, Register, Size, Width};

/// What a text says.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) code: Vec<u8>,
    pub(super) data: Vec<u8>,
    pub(super) variables: Vec<u8>,
}

pub(super) fn parse(text: &str) -> Result<Parsed, AssemblyError> {
    let mut parsed = Parsed::default();
    let mut labels = Labels::default();
    let mut statements = Vec::new();
    let mut slot = 0;
    for (index, line) in text.lines().enumerate() {
        let at = |why: String| AssemblyError { line: index + 1, why };
        let line = line.split(['#', ';']).next().unwrap_or_default().trim();
        if let Some(label) = line.strip_suffix(':') {
            labels.add(label, slot).map_err(at)?;
        } else if let Some(directive) = line.strip_prefix('.') {
            put_data(directive, &mut parsed).map_err(at)?;
        } else if !line.is_empty() {
            if line == "exit" {
                labels.first_exit.get_or_insert(slot);
            }
            statements.push((index + 1, slot, line));
            slot += if line.starts_with("lddw") { 2 } else { 1 };
        }
    }
    for (line, here, text) in statements {
        let at = |why: String| AssemblyError { line, why };
        let instruction = statement(text, here, &labels).map_err(at)?;
        encode::write(&instruction, here, &mut parsed.code)
            .ok_or_else(|| at("the target is further than an instruction can say".to_owned()))?;
    }
    Ok(parsed)
}

/// The names of slots.
#[derive(Default)]
struct Labels<'a> {
    slots: std::collections::BTreeMap<&'a str, u32>,
    /// The slot of the first exit, which has this name unless something else has.
    first_exit: Option<u32>,
}

impl<'a> Labels<'a> {
    fn add(&mut self, label: &'a str, slot: u32) -> Result<(), String> {
        match self.slots.insert(label, slot) {
            None => Ok(()),
            Some(_) => Err(format!("there are two labels `{label}`")),
        }
    }

    /// The slot that a target names, as seen from slot `here`.
    fn target(&self, text: &str, here: u32) -> Result<u32, String> {
        if text.starts_with(['+', '-']) {
            let distance = i32::try_from(number(text)?).map_err(|_| format!("`{text}` is too far"))?;
            return (here + 1)
                .checked_add_signed(distance)
                .ok_or_else(|| format!("`{text}` is in front of the program"));
        }
        let exit = self.first_exit.filter(|_| text == "exit");
        self.slots.get(text).copied().or(exit).ok_or_else(|| format!("there is no label `{text}`"))
    }
}

/// Appends to the data or the variables of the program.
fn put_data(directive: &str, parsed: &mut Parsed) -> Result<(), String> {
    let mut words = directive.split_whitespace();
    let bytes = match words.next() {
        Some("data") => &mut parsed.data,
        Some("variables") => &mut parsed.variables,
        _ => return Err(format!("`.{directive}` is neither .data nor .variables")),
    };
    while let Some(word) = words.next() {
        if word == "zero" {
            let count = words.next().and_then(|count| count.parse::<usize>().ok());
            let count = count
                .filter(|count| *count <= ZEROS_MAX)
                .ok_or("behind `zero` there is no number of bytes")?;
            bytes.resize(bytes.len() + count, 0);
        } else {
            bytes.push(u8::from_str_radix(word, 16).map_err(|_| format!("`{word}` is no byte"))?);
        }
    }
    Ok(())
}

/// An instruction, with slots as targets.
fn statement(text: &str, here: u32, labels: &Labels<'_>) -> Result<Instruction, String> {
    let (mnemonic, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let operands: Vec<&str> = rest.split(',').map(str::trim).filter(|operand| !operand.is_empty()).collect();
    match (mnemonic, operands.as_slice()) {
        ("exit", []) => Ok(Instruction::Exit),
        ("ja" | "ja32", [target]) => Ok(Instruction::Jump { target: labels.target(target, here)? }),
        ("call", [callee]) => call(callee, here, labels),
        ("lddw", [destination, value]) => wide(destination, value),
        ("lock", [place, source]) => atomic(place, source),
        (_, [destination]) => one_operand(mnemonic, destination),
        (_, [left, right, target]) => {
            let (name, width) = split_width(mnemonic);
            let condition = find(CONDITIONS, name).ok_or_else(|| unknown(mnemonic))?;
            let (left, right) = (register(left)?, operand(right)?);
            Ok(Instruction::Branch { width, condition, left, right, target: labels.target(target, here)? })
        }
        (_, [first, second]) => two_operands(mnemonic, first, second),
        _ => Err(format!("`{mnemonic}` is no instruction, or has not {} operands", operands.len())),
    }
}

fn call(callee: &str, here: u32, labels: &Labels<'_>) -> Result<Instruction, String> {
    if let Some(label) = callee.strip_prefix("local") {
        return Ok(Instruction::CallFunction { function: labels.target(label.trim(), here)? });
    }
    if callee.contains('r') {
        return Err("calls by register are not supported".to_owned());
    }
    if callee.starts_with("runtime") {
        return Err("calls of kernel functions are not supported".to_owned());
    }
    let number = immediate(callee.trim_start_matches("helper").trim())?;
    Ok(Instruction::CallHelper { number: number.cast_unsigned() })
}

fn wide(destination: &str, value: &str) -> Result<Instruction, String> {
    let destination = register(destination)?;
    let offset = |name: &str| {
        let inner = value.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse().ok()
    };
    if let Some(offset) = offset("data") {
        return Ok(Instruction::Data { destination, offset });
    }
    if let Some(offset) = offset("variables") {
        return Ok(Instruction::Variable { destination, offset });
    }
    let value =
        u64::try_from(number(value)?.rem_euclid(1 << 64)).map_err(|_| format!("`{value}` is too long"))?;
    Ok(Instruction::Constant { destination, value })
}

fn one_operand(mnemonic: &str, destination: &str) -> Result<Instruction, String> {
    let destination = register(destination)?;
    if let ("neg", width) = split_width(mnemonic) {
        return Ok(Instruction::Negate { width, destination });
    }
    let (name, bits) =
        mnemonic.split_at_checked(mnemonic.len().saturating_sub(2)).ok_or_else(|| unknown(mnemonic))?;
    let bytes = match name {
        "le" => Bytes::Little,
        "be" => Bytes::Big,
        "swap" | "bswap" => Bytes::Swap,
        _ => return Err(unknown(mnemonic)),
    };
    let size = match bits {
        "16" => Size::Half,
        "32" => Size::Word,
        "64" => Size::Double,
        _ => return Err(unknown(mnemonic)),
    };
    Ok(Instruction::Order { destination, bytes, size })
}

fn two_operands(mnemonic: &str, first: &str, second: &str) -> Result<Instruction, String> {
    if let Some(suffix) = mnemonic.strip_prefix("ldxs") {
        let size = find(SIZES, suffix).ok_or_else(|| unknown(mnemonic))?;
        return load(size, true, first, second);
    }
    if let Some(suffix) = mnemonic.strip_prefix("ldx") {
        let size = find(SIZES, suffix).ok_or_else(|| unknown(mnemonic))?;
        return load(size, false, first, second);
    }
    if let Some(suffix) = mnemonic.strip_prefix("stx").filter(|suffix| find(SIZES, suffix).is_some()) {
        return store(suffix, first, Operand::Register(register(second)?));
    }
    if let Some(suffix) = mnemonic.strip_prefix("st").filter(|suffix| find(SIZES, suffix).is_some()) {
        return store(suffix, first, Operand::Immediate(immediate(second)?));
    }
    let destination = register(first)?;
    if let Some((from, width)) = find(EXTENSIONS, mnemonic) {
        return Ok(Instruction::MoveSigned { width, destination, source: register(second)?, from });
    }
    let (name, width) = split_width(mnemonic);
    let source = operand(second)?;
    if name == "mov" {
        return Ok(Instruction::Move { width, destination, source });
    }
    let operation = find(OPERATIONS, name).ok_or_else(|| unknown(mnemonic))?;
    Ok(Instruction::Arithmetic { width, operation, destination, source })
}

fn load(size: Size, signed: bool, destination: &str, text: &str) -> Result<Instruction, String> {
    let (base, offset) = place(text)?;
    Ok(Instruction::Load { size, signed, destination: register(destination)?, base, offset })
}

fn store(suffix: &str, text: &str, source: Operand) -> Result<Instruction, String> {
    let size = find(SIZES, suffix).ok_or_else(|| unknown(suffix))?;
    let (base, offset) = place(text)?;
    Ok(Instruction::Store { size, base, offset, source })
}

/// What follows `lock`: `fetch` or not, the operation and the place in one piece, then the source.
fn atomic(text: &str, source: &str) -> Result<Instruction, String> {
    let (words, memory) = text.split_once('[').ok_or_else(|| format!("`{text}` has no [place]"))?;
    let (fetch, name) = match words.trim().strip_prefix("fetch") {
        Some(name) => (true, name.trim()),
        None => (false, words.trim()),
    };
    let (name, width) = split_width(name);
    let operation = find(ATOMICS, name).ok_or_else(|| unknown(name))?;
    let fetch = fetch || matches!(operation, Atomic::Exchange | Atomic::CompareExchange);
    let size = if width == Width::Word { Size::Word } else { Size::Double };
    let (base, offset) = place(&format!("[{memory}"))?;
    Ok(Instruction::Atomic { operation, size, fetch, base, offset, source: register(source)? })
}

/// `[%r1+4]`.
fn place(text: &str) -> Result<(Register, i16), String> {
    let not = || format!("`{text}` is no place in memory, as [%r1+4]");
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).ok_or_else(not)?;
    let split = inner.find(['+', '-']).unwrap_or(inner.len());
    let (base, offset) = inner.split_at_checked(split).ok_or_else(not)?;
    let offset = if offset.is_empty() { 0 } else { i16::try_from(number(offset)?).map_err(|_| not())? };
    Ok((register(base.trim())?, offset))
}

fn operand(text: &str) -> Result<Operand, String> {
    if text.starts_with('%') || text.starts_with('r') {
        Ok(Operand::Register(register(text)?))
    } else {
        Ok(Operand::Immediate(immediate(text)?))
    }
}

fn register(text: &str) -> Result<Register, String> {
    let number =
        text.strip_prefix('%').unwrap_or(text).strip_prefix('r').and_then(|number| number.parse().ok());
    number.and_then(Register::new).ok_or_else(|| format!("`{text}` is no register"))
}

/// A number of 32 bits, signed or not.
fn immediate(text: &str) -> Result<i32, String> {
    let number = number(text)?;
    i32::try_from(number)
        .or_else(|_| u32::try_from(number).map(u32::cast_signed))
        .map_err(|_| format!("`{text}` has more than 32 bits"))
}

fn number(text: &str) -> Result<i128, String> {
    let (digits, sign) = match text.strip_prefix('-') {
        Some(digits) => (digits, -1),
        None => (text.strip_prefix('+').unwrap_or(text), 1),
    };
    let magnitude = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    magnitude.map(|magnitude| i128::from(magnitude) * sign).map_err(|_| format!("`{text}` is no number"))
}

/// The operation that a mnemonic names, and how much of the registers it takes.
fn split_width(mnemonic: &str) -> (&str, Width) {
    match mnemonic.strip_suffix("32") {
        Some(name) => (name, Width::Word),
        None => (mnemonic.strip_suffix("64").unwrap_or(mnemonic), Width::Double),
    }
}

fn unknown(mnemonic: &str) -> String {
    format!("`{mnemonic}` is no instruction")
}

fn find<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(entry, _)| *entry == name).map(|(_, value)| *value)
}

pub(super) const OPERATIONS: &[(&str, Operation)] = &[
    ("add", Operation::Add),
    ("sub", Operation::Subtract),
    ("mul", Operation::Multiply),
    ("div", Operation::Divide),
    ("sdiv", Operation::SignedDivide),
    ("mod", Operation::Modulo),
    ("smod", Operation::SignedModulo),
    ("or", Operation::Or),
    ("and", Operation::And),
    ("xor", Operation::Xor),
    ("lsh", Operation::ShiftLeft),
    ("rsh", Operation::ShiftRight),
    ("arsh", Operation::ShiftRightSigned),
];

pub(super) const CONDITIONS: &[(&str, Condition)] = &[
    ("jeq", Condition::Equal),
    ("jne", Condition::NotEqual),
    ("jgt", Condition::Greater),
    ("jge", Condition::GreaterOrEqual),
    ("jlt", Condition::Less),
    ("jle", Condition::LessOrEqual),
    ("jsgt", Condition::SignedGreater),
    ("jsge", Condition::SignedGreaterOrEqual),
    ("jslt", Condition::SignedLess),
    ("jsle", Condition::SignedLessOrEqual),
    ("jset", Condition::AnyBit),
];

pub(super) const ATOMICS: &[(&str, Atomic)] = &[
    ("add", Atomic::Add),
    ("or", Atomic::Or),
    ("and", Atomic::And),
    ("xor", Atomic::Xor),
    ("xchg", Atomic::Exchange),
    ("cmpxchg", Atomic::CompareExchange),
];

pub(super) const SIZES: &[(&str, Size)] =
    &[("b", Size::Byte), ("h", Size::Half), ("w", Size::Word), ("dw", Size::Double)];

pub(super) const EXTENSIONS: &[(&str, (Size, Width))] = &[
    ("movsx832", (Size::Byte, Width::Word)),
    ("movsx1632", (Size::Half, Width::Word)),
    ("movsx864", (Size::Byte, Width::Double)),
    ("movsx1664", (Size::Half, Width::Double)),
    ("movsx3264", (Size::Word, Width::Double)),
];

/// Most bytes that `zero` makes at once.
const ZEROS_MAX: usize = 1 << 20;
