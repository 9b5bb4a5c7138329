//! The engines of Adit: a function compiled in one of the ways, or interpreted, called so many times.

use std::hint::black_box;

use adit_function::call::{Call, Means};
use adit_function::hook::{Inputs, RegionBytes};
use adit_function::interpret::Interpreter;
use adit_function::records::Records;
use adit_function::stage::Room;
use adit_function::store::Store;
use adit_function::trap::Trap;
use adit_function::verified::Verified;
use adit_native::{Arena, Checks, Entry, Installed, Options, Revoker, Termination, compile, kernels};
use anyhow::Context;

use crate::cpu::thread_cpu_ns;

/// How long calls took, how many those were, and what the last one gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Timed {
    pub(super) time_ns: u64,
    pub(super) calls: u64,
    pub(super) result: u64,
}

/// A way to compile a function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode {
    pub(super) name: &'static str,
    pub(super) options: Options,
}

/// A function in machine code, with all that calls of it need.
#[derive(Debug)]
pub(super) struct Compiled {
    installed: Installed,
    entry: Entry,
    room: Room,
}

/// All ways, the one of servers first.
pub(super) const MODES: [Mode; 4] = [
    Mode { name: "proven, poll", options: options(Termination::Poll, Checks::Verdicts, false) },
    Mode { name: "proven, fuel", options: options(Termination::Fuel, Checks::Verdicts, false) },
    Mode { name: "all guarded, fuel", options: options(Termination::Fuel, Checks::All, false) },
    Mode { name: "hardened, poll", options: options(Termination::Poll, Checks::Verdicts, true) },
];

impl Compiled {
    /// Compiles a function and puts it into an arena of its own.
    ///
    /// # Errors
    /// If it does not compile, or there is no memory.
    pub(super) fn new(verified: &Verified, mode: Mode) -> anyhow::Result<Self> {
        let code = compile(verified, &mode.options)?;
        let installed = Arena::new(1 << 20).context("cannot map memory for code")?.install(&code)?;
        let entry = Entry::new().context("cannot map memory for calls")?;
        Ok(Self { installed, entry, room: Room::new(0) })
    }

    /// Calls it so many times.
    ///
    /// # Errors
    /// If a call has no result.
    pub(super) fn time(&mut self, records: &Records, input: &[u8], calls: u64) -> anyhow::Result<Timed> {
        let mut call = call_over(records, &mut self.room);
        let mut result = 0;
        let start_ns = thread_cpu_ns();
        for _ in 0..calls {
            let mut regions = [RegionBytes::Read(black_box(input))];
            let inputs = Inputs { numbers: &[], regions: &mut regions };
            let returned = self.installed.call(&mut self.entry, inputs, FUEL, &mut call);
            result = returned.map_err(|trap| anyhow::anyhow!("a call ended: {trap:?}"))?;
        }
        Ok(Timed { time_ns: thread_cpu_ns() - start_ns, calls, result })
    }

    /// The way to stop its calls.
    pub(super) fn revoker(&self) -> Revoker {
        self.entry.revoker()
    }

    /// How a call of it ends that has no result.
    pub(super) fn trap(&mut self) -> Option<Trap> {
        let records = Records::new(1);
        let mut call = call_over(&records, &mut self.room);
        let mut regions = [RegionBytes::Read(&[])];
        let inputs = Inputs { numbers: &[], regions: &mut regions };
        self.installed.call(&mut self.entry, inputs, FUEL, &mut call).err()
    }
}

/// Calls a function so many times in the interpreter.
///
/// # Errors
/// If a call has no result.
pub(super) fn interpret(verified: &Verified, input: &[u8], calls: u64) -> anyhow::Result<Timed> {
    let (mut room, records) = (Room::new(0), Records::new(1));
    let mut interpreter = Interpreter::new();
    let mut call = call_over(&records, &mut room);
    let mut result = 0;
    let start_ns = thread_cpu_ns();
    for _ in 0..calls {
        let mut regions = [RegionBytes::Read(input)];
        let inputs = Inputs { numbers: &[], regions: &mut regions };
        let returned = interpreter.run(verified, inputs, FUEL, &mut call);
        result = returned.map_err(|stop| anyhow::anyhow!("a call ended: {stop:?}"))?;
    }
    Ok(Timed { time_ns: thread_cpu_ns() - start_ns, calls, result })
}

/// A call over these records that may do any work.
pub(super) fn call_over<'s>(records: &'s dyn Store, room: &'s mut Room) -> Call<'s> {
    Call::new(Means {
        store: records,
        room,
        output: &mut [],
        now_ms: 0,
        kernels: kernels::best(),
        work: u64::MAX,
    })
}

const fn options(termination: Termination, checks: Checks, hardened: bool) -> Options {
    Options { termination, checks, hardened }
}

/// More than any measured call takes.
const FUEL: u64 = 1 << 40;
