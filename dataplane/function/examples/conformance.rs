//! Runs the cases of the public conformance suite for BPF (files of sections `-- asm`, `-- mem`, `-- result`) through the interpreter and says
//! which ones miss. A case is entered with register 1 at its memory and register 2 the length of that.

use std::error::Error;
use std::path::{Path, PathBuf};

use adit_function::call::{Call, Means};
use adit_function::helper::SCALAR;
use adit_function::instruction::{Instruction, Operand, Register, Width};
use adit_function::interpret::Interpreter;
use adit_function::stage::Room;
use adit_function::store::{Found, Store, Unready};
use adit_function::{assembly, decode};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).ok_or("which directory are the cases in?")?;
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&directory)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "data"));
    cases.sort();
    let mut passed = 0;
    for path in &cases {
        match run(path) {
            Ok(()) => passed += 1,
            Err(why) => println!("{}: {why}", path.file_stem().unwrap_or_default().display()),
        }
    }
    println!("{passed} of {} cases passed", cases.len());
    if cases.is_empty() { Err("there are no cases in this directory".into()) } else { Ok(()) }
}

/// Runs a case. The error says how it missed.
fn run(path: &Path) -> Result<(), Box<dyn Error>> {
    let case = Case::parse(&std::fs::read_to_string(path)?)?;
    let mut program = decode::decode(&case.code)?;
    for instruction in &mut program.instructions {
        if let Instruction::CallHelper { number: 5 } = instruction {
            // The suite brings this helper along, which gives back its argument; the number is that of another one here.
            *instruction = Instruction::Move {
                width: Width::Double,
                destination: Register::RESULT,
                source: Operand::Register(Register::argument(0)),
            };
        }
    }
    let mut memory = case.memory;
    let (mut room, mut output) = (Room::new(0), []);
    let mut call = Call::new(Means {
        store: &Nothing,
        room: &mut room,
        output: &mut output,
        now_ms: 0,
        kernels: &SCALAR,
        work: 0,
    });
    let result = Interpreter::new().run_raw(&program, &mut memory, FUEL, &mut call);
    match result {
        Ok(found) if found == case.result => Ok(()),
        Ok(found) => Err(format!("{found:#x} in place of {:#x}", case.result).into()),
        Err(stop) => Err(format!("{stop:?}").into()),
    }
}

/// What a file says.
struct Case {
    code: Vec<u8>,
    memory: Vec<u8>,
    result: u64,
}

impl Case {
    fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let mut sections: Vec<(&str, String)> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("-- ") {
                sections.push((name.trim(), String::new()));
            } else if let Some((name, text)) = sections.last_mut() {
                let line = if *name == "asm" { line } else { line.split('#').next().unwrap_or_default() };
                text.push_str(line);
                text.push('\n');
            }
        }
        let section =
            |name| sections.iter().find(|(section, _)| *section == name).map(|(_, text)| text.as_str());
        let code = match section("asm").filter(|text| !text.trim().is_empty()) {
            Some(text) => assembly::assemble(text)?,
            None => slots(section("raw").ok_or("it has neither an `asm` nor a `raw` section")?)?,
        };
        let mut memory = Vec::new();
        for byte in section("mem").unwrap_or_default().split_whitespace() {
            memory.push(u8::from_str_radix(byte, 16)?);
        }
        let result = section("result").ok_or("it has no `result` section")?.trim();
        Ok(Self { code, memory, result: u64::from_str_radix(result.trim_start_matches("0x"), 16)? })
    }
}

/// Code as numbers of 64 bits, one for each slot.
fn slots(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut code = Vec::new();
    for slot in text.split_whitespace() {
        code.extend(u64::from_str_radix(slot.trim_start_matches("0x"), 16)?.to_le_bytes());
    }
    Ok(code)
}

/// A store without records.
struct Nothing;

impl Store for Nothing {
    fn get<'s>(&'s self, _key: &[u8], _offset: u64) -> Result<Option<Found<'s>>, Unready> {
        Ok(None)
    }

    fn reserve(&self, _key: &[u8], _value_bytes: u64) -> Result<(), Unready> {
        Err(Unready::Full)
    }

    fn release(&self) {}
}

/// Far more than any case takes.
const FUEL: u64 = 100_000_000;
