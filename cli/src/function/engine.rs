//! Calls of a verified function, in machine code or interpreted.

use adit_function::call::{Call, Means, WORK};
use adit_function::helper::Kernels;
use adit_function::hook::{Inputs, RegionBytes};
use adit_function::interpret::{Interpreter, Stop};
use adit_function::records::Records;
use adit_function::stage::Room;
use adit_function::trap::Trap;
use adit_function::verified::Verified;
use adit_native::{Arena, Entry, Installed, Options, compile, kernels};
use anyhow::{Context, bail};

/// An engine by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum EngineName {
    /// Compiled to machine code, as a server has it
    Native,
    /// Interpreted: slow, and it tells at once if the verifier was wrong
    Interpreter,
}

/// A function ready to be called.
pub(crate) struct Engine {
    way: Way,
    room: Room,
    output: Vec<u8>,
    /// Looked for once: that takes longer than a short call.
    kernels: &'static Kernels,
    /// The time that calls are given.
    pub(crate) now_ms: u64,
    /// The fuel that each call has.
    pub(crate) fuel: u64,
}

enum Way {
    Native { installed: Installed, entry: Box<Entry>, _arena: Arena },
    Interpreter { verified: Box<Verified>, interpreter: Box<Interpreter> },
}

/// What a call has left.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Ran {
    /// Its result.
    pub(crate) result: u64,
    /// The fuel that it used.
    pub(crate) fuel: u64,
    /// How many bytes it emitted, see [`Engine::output`].
    pub(crate) output_bytes: usize,
}

impl Engine {
    /// Makes a verified function ready.
    pub(crate) fn new(
        verified: &Verified,
        name: EngineName,
        hardened: bool,
        now_ms: u64,
        fuel: u64,
    ) -> anyhow::Result<Self> {
        let way = match name {
            EngineName::Native => {
                let options = Options { hardened, ..Options::default() };
                let code = compile(verified, &options).context("cannot compile the function")?;
                let mut arena = Arena::new(ARENA_BYTES).context("cannot take memory for machine code")?;
                let installed = arena.install(&code).context("cannot place the machine code")?;
                let entry = Box::new(Entry::new().context("cannot take memory to call functions")?);
                Way::Native { installed, entry, _arena: arena }
            }
            EngineName::Interpreter => Way::Interpreter {
                verified: Box::new(verified.clone()),
                interpreter: Box::new(Interpreter::new()),
            },
        };
        Ok(Self {
            way,
            room: Room::new(STAGED_BYTES),
            output: vec![0; OUTPUT_BYTES],
            kernels: kernels::best(),
            now_ms,
            fuel,
        })
    }

    /// Calls the function; why it was stopped is the inner error.
    pub(crate) fn call<'a>(
        &mut self,
        records: &Records,
        numbers: &'a [u64],
        regions: &'a mut [RegionBytes<'a>],
    ) -> anyhow::Result<Result<Ran, Trap>> {
        let mut call = Call::new(Means {
            store: records,
            room: &mut self.room,
            output: &mut self.output,
            now_ms: self.now_ms,
            kernels: self.kernels,
            work: WORK,
        });
        let inputs = Inputs { numbers, regions };
        let (result, left) = match &mut self.way {
            Way::Native { installed, entry, .. } => {
                let result = installed.call(entry, inputs, self.fuel, &mut call);
                (result, entry.fuel_left())
            }
            Way::Interpreter { verified, interpreter } => {
                let result = match interpreter.run(verified, inputs, self.fuel, &mut call) {
                    Ok(result) => Ok(result),
                    Err(Stop::Trap(trap)) => Err(trap),
                    Err(Stop::Fault(fault)) => bail!(
                        "the verifier accepted a function that does what none may do: {fault:?}. Please report this, with the object"
                    ),
                };
                (result, interpreter.fuel())
            }
        };
        Ok(result.map(|result| Ran {
            result,
            fuel: self.fuel - left,
            output_bytes: call.finish().output_bytes,
        }))
    }

    /// What the last call emitted.
    pub(crate) fn output(&self, ran: &Ran) -> &[u8] {
        &self.output[..ran.output_bytes]
    }

    /// What the last call staged.
    pub(crate) const fn room(&self) -> &Room {
        &self.room
    }
}

/// Memory for the machine code of one function.
const ARENA_BYTES: usize = 8 << 20;
/// Most bytes that a call may emit.
const OUTPUT_BYTES: usize = 1 << 20;
/// Most bytes of keys and values that a call may stage.
const STAGED_BYTES: usize = 1 << 20;
