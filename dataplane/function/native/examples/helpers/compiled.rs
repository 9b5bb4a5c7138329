//! Functions in assembly, verified, compiled and timed.

use adit_function::assembly;
use adit_function::call::{Call, Means};
use adit_function::hook::{CALL, Field, FieldKind, Hook, Inputs, Region, RegionBytes};
use adit_function::records::Records;
use adit_function::stage::Room;
use adit_function::verify::{Budget, verify};
use adit_native::{Arena, Checks, Entry, Installed, Options, Termination, compile, kernels};

use crate::measure::cpu_ns;

/// Verifies and compiles a function.
pub(crate) fn install(arena: &mut Arena, text: &str) -> Installed {
    let program = assembly::program(text).expect("the function is well written");
    let verified = verify(program, &HOOK, &Budget::default()).unwrap_or_else(|refusal| panic!("{refusal}"));
    let options = Options { termination: Termination::Poll, checks: Checks::Verdicts, hardened: false };
    arena.install(&compile(&verified, &options).expect("it compiles")).expect("there is room")
}

/// Nanoseconds of a call, which gives 0.
pub(crate) fn time(program: &Installed, records: &Records, input: &[u8]) -> f64 {
    let (mut room, mut output, mut entry) = (Room::new(0), [], Entry::new().expect("memory for an entry"));
    let mut call = Call::new(Means {
        store: records,
        room: &mut room,
        output: &mut output,
        now_ms: 0,
        kernels: kernels::best(),
        work: u64::MAX,
    });
    let mut written = Lines([0; WRITTEN]);
    let mut regions = [RegionBytes::Read(input), RegionBytes::Write(&mut written.0)];
    let start = cpu_ns();
    let result = program.call(&mut entry, Inputs { numbers: &[], regions: &mut regions }, 0, &mut call);
    let time = cpu_ns() - start;
    assert_eq!(result, Ok(0), "the function succeeds");
    time as f64
}

/// What loops of functions end with: r7 counts down.
pub(crate) const END: &str = "
        sub %r7, 1
        jne %r7, 0, again
        mov %r0, 0
        exit
        bad:
        mov %r0, -1
        exit";

/// How these functions are called: with input, as clients call them, and with memory to write to.
const HOOK: Hook = Hook {
    fields: &[
        CALL.fields[0],
        CALL.fields[1],
        Field { name: "written", offset: 16, kind: FieldKind::Start(1) },
        Field { name: "written_end", offset: 24, kind: FieldKind::End(1) },
    ],
    regions: &[CALL.regions[0], Region { name: "written", writable: true }],
    ..CALL
};
/// Bytes to write to.
pub(crate) const WRITTEN: usize = 4096;

/// Memory that starts with a cache line.
#[repr(align(64))]
struct Lines([u8; WRITTEN]);
