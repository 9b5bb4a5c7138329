//! Programs for tests, installed and called.

use adit_function::assembly;
use adit_function::call::{Call, Means};
use adit_function::helper::SCALAR;
use adit_function::hook::{CALL, Hook, Inputs, RegionBytes};
use adit_function::instruction::Instruction;
use adit_function::interpret::{Interpreter, Stop};
use adit_function::program::Program;
use adit_function::records::Records;
use adit_function::stage::Room;
use adit_function::trap::Trap;
use adit_function::verified::{Finding, Frame, Verdict};

use crate::compile::{Code, CompileError, Options, compile_subject};
use crate::subject::Subject;
use crate::{Arena, Entry, Installed};

/// A program with findings made up for it.
pub(crate) struct Example {
    pub(crate) program: Program,
    pub(crate) hook: &'static Hook,
    pub(crate) findings: Vec<Finding>,
    pub(crate) frames: Vec<Frame>,
}

impl Example {
    /// A program for the hook `call`, all of whose accesses are said to be proven.
    pub(crate) fn new(text: &str) -> Self {
        let program = assembly::program(text).unwrap();
        let finding = |instruction: &Instruction| match instruction {
            Instruction::Load { .. } | Instruction::Store { .. } | Instruction::Atomic { .. } => {
                Finding::Access(Verdict::Proven)
            }
            Instruction::CallHelper { .. } => Finding::Call { guarded: 0 },
            _ => Finding::Nothing,
        };
        let findings = program.instructions.iter().map(finding).collect();
        let frames = vec![Frame { low: -512, zeroed: (0, 0) }; program.functions.len()];
        Self { program, hook: &CALL, findings, frames }
    }

    pub(crate) fn with(mut self, instruction: usize, finding: Finding) -> Self {
        self.findings[instruction] = finding;
        self
    }

    pub(crate) fn compile(&self, options: Options) -> Code {
        self.try_compile(options).unwrap()
    }

    pub(crate) fn try_compile(&self, options: Options) -> Result<Code, CompileError> {
        let subject = Subject {
            program: &self.program,
            hook: self.hook,
            findings: &self.findings,
            frames: &self.frames,
        };
        compile_subject(&subject, &options, false)
    }

    /// The machine code, in an arena of its own.
    pub(crate) fn install(&self, options: Options) -> Installed {
        Arena::new(1 << 20).unwrap().install(&self.compile(options)).unwrap()
    }

    /// What machine code makes of it.
    pub(crate) fn run(&self, options: Options, input: &[u8], fuel: u64) -> Result<u64, Trap> {
        call(&self.install(options), &mut Entry::new().unwrap(), input, fuel)
    }

    /// What the interpreter makes of it, without findings.
    pub(crate) fn interpret(&self, input: &[u8], fuel: u64) -> Result<u64, Stop> {
        with_call(&Records::new(1), |call| {
            let mut regions = [RegionBytes::Read(input)];
            let inputs = Inputs { numbers: &[], regions: &mut regions };
            Interpreter::new().run_unverified(&self.program, self.hook, inputs, fuel, call)
        })
    }
}

/// Calls a program for the hook `call`, over a store without records.
pub(crate) fn call(installed: &Installed, entry: &mut Entry, input: &[u8], fuel: u64) -> Result<u64, Trap> {
    with_call(&Records::new(1), |call| {
        let mut regions = [RegionBytes::Read(input)];
        installed.call(entry, Inputs { numbers: &[], regions: &mut regions }, fuel, call)
    })
}

/// Does something with a call over these records.
pub(crate) fn with_call<R>(records: &Records, act: impl FnOnce(&mut Call<'_>) -> R) -> R {
    let (mut room, mut output) = (Room::new(4096), [0; 256]);
    let mut call = Call::new(Means {
        store: records,
        room: &mut room,
        output: &mut output,
        now_ms: 77,
        kernels: &SCALAR,
        work: 1 << 20,
    });
    act(&mut call)
}
