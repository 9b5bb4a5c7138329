//! From a verified program to machine code: all of its functions in one piece, which may lie anywhere.

use std::sync::OnceLock;

use adit_function::hook::Hook;
use adit_function::program::Function;
use adit_function::verified::{Finding, Verdict, Verified};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{ExternalName, UserExternalName};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, FinalizedRelocTarget};
use cranelift_frontend::FunctionBuilderContext;

use crate::context::Plan;
use crate::layout;
use crate::subject::Subject;
use crate::translate;

/// How a program is compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// What ends a loop that does not end by itself.
    pub termination: Termination,
    /// Which accesses are guarded.
    pub checks: Checks,
    /// Whether each access is clamped to its bounds without a branch, so that no mispredicted branch makes it read outside of them
    /// (Spectre, variant 1).
    pub hardened: bool,
}

/// What ends a loop that does not end by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Termination {
    /// Fuel, counted as the interpreter counts it: a call ends at the same instruction wherever it runs.
    #[default]
    Fuel,
    /// A page that each loop loads from and that a [`crate::Watchdog`] revokes; fuel is not counted.
    Poll,
}

/// Which accesses are guarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checks {
    /// Those that the verifier has not proven.
    #[default]
    Verdicts,
    /// All of them, to check the verifier: if one trips that it has proven the call ends with [`adit_function::trap::Trap::ProofBroken`].
    All,
}

/// Machine code of a program.
#[derive(Clone, Debug)]
pub struct Code {
    pub(crate) bytes: Vec<u8>,
    pub(crate) hook: &'static Hook,
    pub(crate) context: Plan,
    pub(crate) data: Vec<u8>,
    pub(crate) variables: Vec<u8>,
    pub(crate) shadows: bool,
    disassembly: Option<String>,
}

/// Why there is no machine code of a program. It may still be interpreted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CompileError {
    /// There is no compiler for this processor.
    #[error("no machine code can be made for this processor: {0}")]
    Processor(String),
    /// The verifier let a helper pass that there is not.
    #[error("instruction {instruction} calls helper {number}, which there is not")]
    UnknownHelper {
        /// The call.
        instruction: u32,
        /// The number of the helper.
        number: u32,
    },
    /// The compiler gave up.
    #[error("the compiler gave up at function {function}: {reason}")]
    Function {
        /// The function, by its index.
        function: usize,
        /// What the compiler said.
        reason: String,
    },
    /// There would be more code than fits.
    #[error("the machine code has {bytes} bytes, {CODE_BYTES_MAX} are allowed")]
    TooLong {
        /// How many bytes there would be.
        bytes: usize,
    },
}

/// Compiles a program. It takes about a millisecond for a hundred instructions, and is no work for a shard.
///
/// # Errors
/// See [`CompileError`].
pub fn compile(verified: &Verified, options: &Options) -> Result<Code, CompileError> {
    compile_subject(&Subject::of(verified), options, false)
}

/// As [`compile`], with [`Code::disassembly`].
///
/// # Errors
/// See [`CompileError`].
pub fn compile_and_disassemble(verified: &Verified, options: &Options) -> Result<Code, CompileError> {
    compile_subject(&Subject::of(verified), options, true)
}

impl Code {
    /// The bytes of machine code.
    pub const fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The machine code in words, if it was asked for.
    pub fn disassembly(&self) -> Option<&str> {
        self.disassembly.as_deref()
    }
}

pub(crate) fn compile_subject(
    subject: &Subject<'_>,
    options: &Options,
    disassemble: bool,
) -> Result<Code, CompileError> {
    assert!(subject.hook.context_bytes() <= layout::CONTEXT_BYTES_MAX, "contexts are short");
    let shadows = needs_shadows(subject, options);
    let depths = subject.depths();
    let mut code = Code {
        bytes: Vec::new(),
        hook: subject.hook,
        context: Plan::of(subject.hook),
        data: subject.program.data.clone(),
        variables: subject.program.variables.clone(),
        shadows,
        disassembly: disassemble.then(String::new),
    };
    let mut starts = Vec::with_capacity(subject.program.functions.len());
    let mut calls = Vec::new();
    let mut context = Context::new();
    let mut builder = FunctionBuilderContext::new();
    for (function, depth) in depths.iter().enumerate() {
        let isa = processor(Effort::of(&subject.program.functions[function]))?;
        context.clear();
        context.set_disasm(disassemble);
        let input =
            translate::Input { subject: *subject, options: *options, shadows, function, depth: *depth };
        translate::translate(&input, &mut context.func, &mut builder, isa.frontend_config())?;
        let give_up = |reason: String| CompileError::Function { function, reason };
        context
            .compile(&**isa, &mut Default::default())
            .map_err(|error| give_up(format!("{:?}", error.inner)))?;
        let compiled = context.compiled_code().ok_or_else(|| give_up("there is no code".to_owned()))?;
        code.bytes.resize(code.bytes.len().next_multiple_of(ALIGNMENT_BYTES), PADDING);
        let start = code.bytes.len();
        starts.push(start);
        code.bytes.extend_from_slice(compiled.buffer.data());
        if let (Some(all), Some(one)) = (&mut code.disassembly, &compiled.vcode) {
            all.push_str(one);
        }
        for relocation in compiled.buffer.relocs() {
            let callee = callee(&relocation.target, &context.func)
                .filter(|_| relocation.kind == Reloc::X86CallPCRel4)
                .ok_or_else(|| give_up(format!("it refers to {:?}", relocation.target)))?;
            calls.push(Call { place: start + relocation.offset as usize, callee, addend: relocation.addend });
        }
        if code.bytes.len() > CODE_BYTES_MAX {
            return Err(CompileError::TooLong { bytes: code.bytes.len() });
        }
    }
    link(&mut code.bytes, &starts, &calls);
    Ok(code)
}

/// A place in the code where the distance to a function is to be written.
struct Call {
    place: usize,
    callee: usize,
    addend: i64,
}

/// Writes the distances of all calls between functions.
fn link(bytes: &mut [u8], starts: &[usize], calls: &[Call]) {
    for call in calls {
        let from = i64::try_from(call.place).expect("code is short");
        let to = i64::try_from(starts[call.callee]).expect("code is short");
        let distance = i32::try_from(to - from + call.addend).expect("code is short");
        bytes[call.place..call.place + 4].copy_from_slice(&distance.to_le_bytes());
    }
}

/// The function that a relocation refers to.
fn callee(target: &FinalizedRelocTarget, function: &cranelift_codegen::ir::Function) -> Option<usize> {
    let FinalizedRelocTarget::ExternalName(ExternalName::User(name)) = target else { return None };
    let UserExternalName { index, .. } = function.params.user_named_funcs()[*name];
    usize::try_from(index).ok()
}

/// Whether the bounds of pointers have to be carried along.
fn needs_shadows(subject: &Subject<'_>, options: &Options) -> bool {
    let needs = |finding: &Finding| match finding {
        Finding::Access(Verdict::Bounds) => true,
        Finding::Call { guarded } => *guarded != 0,
        _ => false,
    };
    options.hardened || options.checks == Checks::All || subject.findings.iter().any(needs)
}

/// How much the compiler does for a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Effort {
    /// All that it can.
    Full,
    /// What takes a time that grows little faster than the function: for long ones.
    Little,
}

impl Effort {
    const fn of(function: &Function) -> Self {
        if function.end - function.start > LONG_INSTRUCTIONS { Self::Little } else { Self::Full }
    }
}

/// The compiler for the processor at hand.
fn processor(effort: Effort) -> Result<&'static OwnedTargetIsa, CompileError> {
    type Processor = OnceLock<Result<OwnedTargetIsa, String>>;
    static FULL: Processor = OnceLock::new();
    static LITTLE: Processor = OnceLock::new();
    let processor = match effort {
        Effort::Full => FULL.get_or_init(|| make_processor("speed")),
        Effort::Little => LITTLE.get_or_init(|| make_processor("none")),
    };
    processor.as_ref().map_err(|reason| CompileError::Processor(reason.clone()))
}

fn make_processor(opt_level: &str) -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    let verify = if cfg!(debug_assertions) { "true" } else { "false" };
    for (name, value) in [
        ("opt_level", opt_level),
        ("is_pic", "false"),
        ("unwind_info", "false"),
        // A function with many spilled registers touches each page of its frame, so that it meets the guard page of the stack.
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        ("enable_verifier", verify),
    ] {
        flags.set(name, value).map_err(|error| error.to_string())?;
    }
    let builder = cranelift_native::builder().map_err(str::to_owned)?;
    builder.finish(settings::Flags::new(flags)).map_err(|error| error.to_string())
}

/// Functions of more instructions are compiled with less effort: the time that the compiler takes for all it can do grows with the square of
/// the length. 32,768 instructions took 3.7 s so, and take 0.9 s.
const LONG_INSTRUCTIONS: u32 = 4_096;
/// Each function starts at a multiple of this.
pub(crate) const ALIGNMENT_BYTES: usize = 16;
/// What lies between functions and in memory without code: a breakpoint, which ends the process loudly.
pub(crate) const PADDING: u8 = 0xcc;
/// Most bytes of machine code of a program.
pub const CODE_BYTES_MAX: usize = 8 << 20;
