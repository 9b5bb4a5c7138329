//! Other engines as peers of `adit perf functions --engines`: `engines NAME DIRECTORY`, with NAME one of rbpf, rbpf-jit and wasmtime, answers lines as
//! `peer.c` does. The directory has the loops as `programs.o`, whose context is what rbpf calls a metadata buffer, and `programs.wasm`; and their
//! `input`. The compiled code of rbpf is neither checked nor metered.

use std::error::Error;
use std::hint::black_box;
use std::io::BufRead;
use std::path::Path;

#[path = "measure/mod.rs"]
#[expect(dead_code, reason = "the peers tell times, nobody sums them up here")]
mod measure;

use measure::cpu_ns;

/// What an engine does with a function: nanoseconds, for how many calls, and the last result.
type Timed = Result<(u64, u64, u64), Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(engine), Some(directory)) = (arguments.next(), arguments.next()) else {
        return Err("engines rbpf|rbpf-jit|wasmtime DIRECTORY".into());
    };
    let directory = Path::new(&directory);
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[function, bytes, calls] = &fields[..] else { return Err("FUNCTION BYTES CALLS".into()) };
        let mut input = std::fs::read(directory.join("input"))?;
        input.truncate(bytes.parse()?);
        let calls = calls.parse()?;
        let (time_ns, calls, result) = match engine.as_str() {
            "rbpf" => rbpf(directory, function, input, calls, false)?,
            "rbpf-jit" => rbpf(directory, function, input, calls, true)?,
            "wasmtime" => wasmtime(directory, function, &input, calls)?,
            _ => return Err(format!("there is no engine {engine}").into()),
        };
        println!("{time_ns} {calls} {result}");
    }
    Ok(())
}

fn rbpf(directory: &Path, function: &str, mut input: Vec<u8>, calls: u64, compiled: bool) -> Timed {
    let object = std::fs::read(directory.join("programs.o"))?;
    let program = adit_function::elf::load(&object, Some(function)).map_err(|error| error.to_string())?;
    let code = adit_function::encode::encode(&program).ok_or("it has no encoding")?;
    let mut machine = rbpf::EbpfVmMbuff::new(Some(&code))?;
    // The interpreter is so slow that fewer calls tell as much.
    let calls = if compiled { calls } else { (calls / 50).max(2) };
    if compiled {
        machine.jit_compile()?;
    }
    let bounds = input.as_ptr_range();
    let context = [bounds.start, bounds.end].map(|bound| (bound.expose_provenance() as u64).to_le_bytes());
    let mut context = context.concat();
    let mut result = 0;
    let start_ns = cpu_ns();
    for _ in 0..calls {
        let context = black_box(&mut context[..]);
        result = if compiled {
            // SAFETY: the loops read the context and the input between the bounds in it, which clang has compiled them to look at; they end.
            unsafe { machine.execute_program_jit(&mut input, context)? }
        } else {
            machine.execute_program(&input, context)?
        };
    }
    Ok((cpu_ns() - start_ns, calls, result))
}

fn wasmtime(directory: &Path, function: &str, input: &[u8], calls: u64) -> Timed {
    let engine = wasmtime::Engine::default();
    let module = wasmtime::Module::from_file(&engine, directory.join("programs.wasm"))?;
    let mut store = wasmtime::Store::new(&engine, ());
    let instance = wasmtime::Instance::new(&mut store, &module, &[])?;
    let memory = instance.get_memory(&mut store, "memory").ok_or("it has no memory")?;
    // The module has no data of its own above its first page, and its stack lies below.
    memory.grow(&mut store, 2)?;
    let start = memory.data_size(&store) - (2 << 16);
    memory.write(&mut store, start, input)?;
    let (start, end) = (i32::try_from(start)?, i32::try_from(start + input.len())?);
    let function = instance.get_typed_func::<(i32, i32), i64>(&mut store, function)?;
    let mut result = 0;
    let start_ns = cpu_ns();
    for _ in 0..calls {
        result = function.call(&mut store, black_box((start, end)))?;
    }
    Ok((cpu_ns() - start_ns, calls, result.cast_unsigned()))
}
