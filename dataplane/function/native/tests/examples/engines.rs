//! An example as each engine runs it. They have to agree on all that a call leaves.

use adit_function::call::{Call, Means, WORK};
use adit_function::elf;
use adit_function::hook::{Hook, Inputs, RegionBytes};
use adit_function::interpret::{Interpreter, Stop};
use adit_function::records::Records;
use adit_function::stage::Room;
use adit_function::trap::Trap;
use adit_function::verified::Verified;
use adit_function::verify::{Budget, verify};
use adit_native::{Arena, Checks, Entry, Installed, Options, Termination, compile, kernels};

use crate::clang;

/// An example that was compiled and verified.
pub struct Function {
    verified: Verified,
    interpreter: Interpreter,
    /// Its machine code: as servers have it, stopped by a clock, and with all accesses guarded.
    codes: Vec<Installed>,
    entry: Entry,
    _arena: Arena,
    room: Room,
}

/// What a call has left.
#[derive(PartialEq, Eq, Debug)]
pub struct Ran {
    /// Its result.
    pub result: Result<u64, Trap>,
    /// What it emitted.
    pub output: Vec<u8>,
    /// What it staged: keys and their new values.
    pub writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// Runs a test on an example as each clang compiles it.
pub fn each(hook: &'static Hook, example: &str, mut test: impl FnMut(&mut Function)) {
    for clang in clang::all() {
        test(&mut Function::new(clang, hook, example));
    }
}

/// An example as it is verified.
fn verified(clang: &str, hook: &'static Hook, example: &str) -> Verified {
    let object = clang::compile(clang, example);
    let program =
        elf::load(&object, Some(example)).unwrap_or_else(|error| panic!("{clang} {example}: {error}"));
    verify(program, hook, &Budget::SERVER).unwrap_or_else(|refusal| panic!("{clang} {example}:\n{refusal}"))
}

impl Function {
    fn new(clang: &str, hook: &'static Hook, example: &str) -> Self {
        let verified = verified(clang, hook, example);
        let mut arena = Arena::new(1 << 20).expect("there is memory for code");
        let options = [
            Options::default(),
            Options { termination: Termination::Poll, ..Options::default() },
            Options { checks: Checks::All, ..Options::default() },
            Options { hardened: true, ..Options::default() },
        ];
        let codes = options.map(|options| {
            let code = compile(&verified, &options).expect("what is verified is compiled");
            arena.install(&code).expect("the arena has room")
        });
        Self {
            verified,
            interpreter: Interpreter::new(),
            codes: codes.into(),
            entry: Entry::new().expect("there is memory for calls"),
            _arena: arena,
            room: Room::new(4096),
        }
    }

    /// Calls it as a client does.
    pub fn call(&mut self, records: &Records, input: &[u8]) -> Ran {
        self.run(records, &[], &[input], &mut [])
    }

    /// Shows it a record.
    pub fn filter(&mut self, key: &[u8], value: &[u8], input: &[u8]) -> Ran {
        self.run(&Records::new(1), &[1], &[key, value, input], &mut [])
    }

    /// Shows it a record, and the state so far.
    pub fn aggregate(&mut self, key: &[u8], value: &[u8], state: &mut [u8]) -> Ran {
        self.run(&Records::new(1), &[1], &[key, value, &[]], state)
    }

    /// Runs it in each engine; they have to agree.
    fn run(&mut self, records: &Records, numbers: &[u64], read: &[&[u8]], state: &mut [u8]) -> Ran {
        let before = state.to_vec();
        let ran = self.run_in(None, records, numbers, read, state);
        for index in 0..self.codes.len() {
            let mut compiled_state = before.clone();
            let compiled = self.run_in(Some(index), records, numbers, read, &mut compiled_state);
            assert_eq!((&compiled, &*compiled_state), (&ran, &*state), "machine code {index}");
        }
        ran
    }

    /// Runs it in one engine: the interpreter, or machine code.
    fn run_in(
        &mut self,
        code: Option<usize>,
        records: &Records,
        numbers: &[u64],
        read: &[&[u8]],
        state: &mut [u8],
    ) -> Ran {
        let mut output = vec![0; 4096];
        let mut call = Call::new(Means {
            store: records,
            room: &mut self.room,
            output: &mut output,
            now_ms: 0,
            kernels: kernels::best(),
            work: WORK,
        });
        let mut regions: Vec<RegionBytes<'_>> = read.iter().map(|bytes| RegionBytes::Read(bytes)).collect();
        if self.verified.hook().regions.len() > regions.len() {
            regions.push(RegionBytes::Write(state));
        }
        let inputs = Inputs { numbers, regions: &mut regions };
        let result = match code {
            Some(index) => self.codes[index].call(&mut self.entry, inputs, FUEL, &mut call),
            None => {
                self.interpreter.run(&self.verified, inputs, FUEL, &mut call).map_err(|stop| match stop {
                    Stop::Trap(trap) => trap,
                    Stop::Fault(fault) => panic!("a verified program does no such thing: {fault:?}"),
                })
            }
        };
        let output_bytes = match result {
            Ok(_) => call.finish().output_bytes,
            Err(_) => {
                drop(call);
                0
            }
        };
        output.truncate(output_bytes);
        let writes = self.room.writes().map(owned).collect();
        Ran { result, output, writes }
    }
}

fn owned(write: adit_function::stage::Write<'_>) -> (Vec<u8>, Option<Vec<u8>>) {
    (write.key.to_vec(), write.value.map(<[u8]>::to_vec))
}

/// More than any example needs.
const FUEL: u64 = 100_000_000;
