//! Runs the cases of the public conformance suite for BPF (files of sections `-- asm`, `-- mem`, `-- result`) in the interpreter, and verified and
//! compiled, and says which ones miss. A case is entered with register 1 at its memory and register 2 the length of that; for the compiled
//! ones instructions in front of it take both from a context, as the verifier knows no other way.

use std::error::Error;
use std::path::{Path, PathBuf};

use adit_function::call::{Call, Means};
use adit_function::helper::SCALAR;
use adit_function::hook::{AGGREGATE, Inputs, RegionBytes};
use adit_function::instruction::{Instruction, Operand, Register, Width};
use adit_function::interpret::Interpreter;
use adit_function::program::Program;
use adit_function::records::Records;
use adit_function::stage::Room;
use adit_function::verify::{Budget, verify};
use adit_function::{assembly, decode};
use adit_native::{Arena, Checks, Entry, Options, Termination, compile};

/// What runs a case.
type Engine = fn(&Case) -> Result<u64, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).ok_or("which directory are the cases in?")?;
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&directory)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "data"));
    cases.sort();
    if cases.is_empty() {
        return Err("there are no cases in this directory".into());
    }
    let engines: [(&str, Engine); 2] = [("interpreted", interpret), ("verified and compiled", run_compiled)];
    for (name, run) in engines {
        let mut passed = 0;
        for path in &cases {
            match run_case(path, run) {
                Ok(()) => passed += 1,
                Err(why) => println!("{}: {why}", path.file_stem().unwrap_or_default().display()),
            }
        }
        println!("{name}: {passed} of {} cases passed", cases.len());
    }
    Ok(())
}

/// Runs a case. The error says how it missed.
fn run_case(path: &Path, run: Engine) -> Result<(), Box<dyn Error>> {
    let case = Case::parse(&std::fs::read_to_string(path)?)?;
    let found = run(&case)?;
    if found == case.result {
        Ok(())
    } else {
        Err(format!("{found:#x} in place of {:#x}", case.result).into())
    }
}

fn interpret(case: &Case) -> Result<u64, Box<dyn Error>> {
    let program = decode(&case.code)?;
    let mut memory = case.memory.clone();
    let result = with_call(|call| Interpreter::new().run_raw(&program, &mut memory, FUEL, call));
    result.map_err(|stop| format!("{stop:?}").into())
}

/// Compiles it with all accesses guarded, so that what the verifier has proven is checked as well.
fn run_compiled(case: &Case) -> Result<u64, Box<dyn Error>> {
    let front = assembly::assemble("ldxdw %r2, [%r1+64]\nldxdw %r1, [%r1+56]\nsub %r2, %r1")?;
    let program = decode(&[front, case.code.clone()].concat())?;
    let verified = verify(program, &AGGREGATE, &Budget::default())?;
    let options = Options { termination: Termination::Fuel, checks: Checks::All, hardened: false };
    let installed = Arena::new(1 << 20)?.install(&compile(&verified, &options)?)?;
    let mut memory = case.memory.clone();
    let [key, value, input] = [RegionBytes::Read(&[]), RegionBytes::Read(&[]), RegionBytes::Read(&[])];
    let mut regions = [key, value, input, RegionBytes::Write(&mut memory)];
    let inputs = Inputs { numbers: &[0], regions: &mut regions };
    let mut entry = Entry::new()?;
    with_call(|call| installed.call(&mut entry, inputs, FUEL, call))
        .map_err(|trap| format!("{trap:?}").into())
}

fn with_call<T>(with: impl FnOnce(&mut Call<'_>) -> T) -> T {
    let (records, mut room, mut output) = (Records::new(1), Room::new(0), []);
    with(&mut Call::new(Means {
        store: &records,
        room: &mut room,
        output: &mut output,
        now_ms: 0,
        kernels: &SCALAR,
        work: 0,
    }))
}

fn decode(code: &[u8]) -> Result<Program, Box<dyn Error>> {
    let mut program = decode::decode(code)?;
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
    Ok(program)
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

/// Far more than any case takes.
const FUEL: u64 = 100_000_000;
