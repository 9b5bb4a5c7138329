//! The child: judges programs, one after the other, until its input ends.
//!
//! A program is its length in bytes, u32 little-endian, and its instructions. The answer is a line: `pass`, `refused WORDS` if PREVAIL
//! cannot read it, or `fail` and for each instruction that it faults a tab, its slot, a colon and the words.

use prevail::crab::ebpf_domain::DomainContext;
use prevail::crab::var_registry::VariableRegistry;
use prevail::fwd_analyzer;
use prevail::ir::program::Program;
use prevail::ir::unmarshal;
use prevail::linux::linux_platform::LinuxPlatform;
use prevail::spec::config::{EbpfRuntimeConfig, EbpfVerifierOptions, VerbosityOptions};
use prevail::spec::ebpf_base::EbpfCtxDescriptor;
use prevail::spec::type_descriptors::{EbpfProgramType, ProgramInfo};
use prevail::spec::vm_isa::EbpfInst;
use std::io::{Read, Write};

/// Answers until the input ends.
pub(crate) fn run() -> anyhow::Result<()> {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    loop {
        let mut length = [0; 4];
        if input.read_exact(&mut length).is_err() {
            return Ok(());
        }
        let mut code = vec![0; u32::from_le_bytes(length) as usize];
        input.read_exact(&mut code)?;
        writeln!(output, "{}", judge(&code))?;
        output.flush()?;
    }
}

/// What PREVAIL says of a program for the hook `call`.
fn judge(code: &[u8]) -> String {
    let platform = LinuxPlatform::new();
    let options = EbpfVerifierOptions {
        must_have_exit: false,
        mock_map_fds: true,
        runtime: EbpfRuntimeConfig {
            strict: false,
            allow_division_by_zero: true,
            setup_constraints: true,
            big_endian: false,
            check_for_termination: false,
            subprogram_stack_size: EbpfRuntimeConfig::DEFAULT_SUBPROGRAM_STACK_SIZE,
            max_call_stack_frames: EbpfRuntimeConfig::DEFAULT_MAX_CALL_STACK_FRAMES,
            max_packet_size: EbpfRuntimeConfig::DEFAULT_MAX_PACKET_SIZE,
        },
        verbosity_opts: VerbosityOptions::default(),
    };
    let mut info = ProgramInfo {
        program_type: EbpfProgramType {
            name: "call".into(),
            ctx_descriptor: Some(&CONTEXT),
            ..EbpfProgramType::default()
        },
        ..ProgramInfo::default()
    };
    let instructions: Vec<EbpfInst> = code.as_chunks::<8>().0.iter().map(instruction).collect();
    let sequence = match unmarshal::unmarshal(&instructions, &mut Vec::new(), &info, &platform, &options) {
        Ok(sequence) => sequence,
        Err(error) => return refused(&error.to_string()),
    };
    let program = match Program::from_sequence(&sequence, &mut info, &platform, &options) {
        Ok(program) => program,
        Err(error) => return refused(&error.to_string()),
    };
    let context = DomainContext {
        program_info: &info,
        program: &program,
        runtime: &options.runtime,
        options: &options,
        platform: &platform,
    };
    let result = fwd_analyzer::analyze(&program, &context, &mut VariableRegistry::new());
    if !result.failed {
        return "pass".into();
    }
    let mut answer = String::from("fail");
    for (label, pair) in &result.invariants {
        if let Some(error) = pair.error.as_ref().filter(|_| !pair.pre.is_bottom()) {
            answer.push_str(&format!("\t{}:{}", label.from, one_line(&error.message)));
        }
    }
    answer
}

fn instruction(bytes: &[u8; 8]) -> EbpfInst {
    let [opcode, dst_src, offset0, offset1, immediate @ ..] = *bytes;
    EbpfInst {
        opcode,
        dst_src,
        offset: i16::from_le_bytes([offset0, offset1]),
        imm: i32::from_le_bytes(immediate),
    }
}

fn refused(words: &str) -> String {
    format!("refused {}", one_line(words))
}

fn one_line(words: &str) -> String {
    words.replace(['\n', '\t'], " ")
}

/// The context of the hook `call`: the input's start and end.
static CONTEXT: EbpfCtxDescriptor = EbpfCtxDescriptor { size: 16, data: 0, end: 8, meta: -1 };
