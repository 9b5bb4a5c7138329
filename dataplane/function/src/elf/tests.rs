//! Tests of objects: what clang makes of C is loaded and runs; what is wrong with an object is said; damaged objects do no harm.

use std::path::PathBuf;
use std::process::Command;

use super::{functions, load, section};
use crate::call::{Call, Means};
use crate::helper::SCALAR;
use crate::hook::{CALL, Inputs, RegionBytes};
use crate::instruction::Instruction;
use crate::interpret::Interpreter;
use crate::load::{CodeFault, LoadError, ObjectFault};
use crate::program::Program;
use crate::records::Records;
use crate::stage::Room;

/// The compilers that are installed, with the architectures of each.
fn compilers() -> Vec<(&'static str, &'static str)> {
    let all =
        [("clang-14", "v2"), ("clang-14", "v3"), ("clang-16", "v3"), ("clang-19", "v3"), ("clang-19", "v4")];
    let is_there = |name: &str| Command::new(name).arg("--version").output().is_ok();
    let found: Vec<_> = all.into_iter().filter(|(name, _)| is_there(name)).collect();
    assert!(!found.is_empty(), "there is no clang: apt-get install clang-14");
    found
}

/// The object of a source, with more arguments for the compiler.
fn compile(source: &str, (compiler, cpu): (&str, &str), arguments: &[&str]) -> Vec<u8> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory: PathBuf = std::env::temp_dir().join(format!("adit-elf-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (input, output) = (directory.join("source.c"), directory.join("object.o"));
    std::fs::write(&input, source).unwrap();
    let mut command = Command::new(compiler);
    command.args(["-target", "bpf", "-O2", "-c", &format!("-mcpu={cpu}")]).args(arguments);
    let result = command.arg(&input).arg("-o").arg(&output).output().unwrap();
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
    let object = std::fs::read(&output).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    object
}

fn object(source: &str) -> Vec<u8> {
    compile(source, compilers()[0], &["-g"])
}

/// What the function gives for an input, and its output.
fn run(program: &Program, input: &[u8]) -> (u64, Vec<u8>) {
    let (records, mut room, mut output) = (Records::new(1), Room::new(1024), [0; 64]);
    let mut call = Call::new(Means {
        store: &records,
        room: &mut room,
        output: &mut output,
        now_ms: 0,
        kernels: &SCALAR,
        work: 1 << 20,
    });
    let mut regions = [RegionBytes::Read(input)];
    let inputs = Inputs { numbers: &[], regions: &mut regions };
    let result = Interpreter::new().run_unverified(program, &CALL, inputs, 1 << 20, &mut call).unwrap();
    (result, call.output().to_vec())
}

const SUMS: &str = r#"
struct context { unsigned char *input, *input_end; };
static const unsigned table[8] = {1, 2, 3, 4, 5, 6, 7, 8};
unsigned long counter = 7;
unsigned long sums[10];
static const char *const unused = "unused";
static long (*emit)(const void *, unsigned long) = (void *)8;
static __attribute__((noinline)) unsigned long weigh(unsigned long a, unsigned long b) {
    counter += a;
    return table[b & 7] * a;
}
static __attribute__((noinline)) unsigned long keep(unsigned long a, unsigned long b) {
    sums[b % 10] += a;
    return weigh(a, b) + sums[b % 10];
}
__attribute__((section("call"), noinline)) unsigned long entry(struct context *context) {
    unsigned long sum = 0, index = 0;
    for (unsigned char *at = context->input; at + 8 <= context->input_end; at += 8)
        sum += keep(*(unsigned long *)at, index++);
    emit("hello", 5);
    return sum * 1000 + counter;
}
"#;

#[test]
fn an_object_of_several_sections_becomes_a_program() {
    let input: Vec<u8> = [3_u64, 4, 5].iter().flat_map(|number| number.to_le_bytes()).collect();
    // Weighed 3 + 2 * 4 + 3 * 5, kept 3 + 4 + 5, counted 7 + 12.
    let expected = (38 * 1000 + 19, b"hello".to_vec());
    for compiler in compilers() {
        for arguments in [&["-g"][..], &[], &["-g", "-ffunction-sections", "-fdata-sections"]] {
            let object = compile(SUMS, compiler, arguments);
            assert_eq!(functions(&object).unwrap(), ["entry"]);
            assert_eq!(section(&object, None).unwrap(), "call");
            let program = load(&object, None).unwrap();
            let names: Vec<_> = program.functions.iter().map(|function| function.name.as_str()).collect();
            assert_eq!(names[0], "entry", "{compiler:?}");
            assert_eq!(names.len(), 3, "{compiler:?} {names:?}");
            assert_eq!(program.variables.len(), 88, "the counter and the sums");
            assert_eq!(run(&program, &input), expected, "{compiler:?} {arguments:?}");
            assert_eq!(run(&load(&object, Some("entry")).unwrap(), &input), expected);
        }
    }
}

#[test]
fn lines_are_those_of_the_source() {
    for compiler in compilers() {
        let program = load(&compile(SUMS, compiler, &["-g"]), None).unwrap();
        let call = program
            .instructions
            .iter()
            .position(|instruction| *instruction == Instruction::CallHelper { number: 8 });
        let line = program.line(u32::try_from(call.unwrap()).unwrap()).unwrap();
        assert_eq!(line.line, 20, "{compiler:?}");
        assert!(program.files[line.file as usize].ends_with("source.c"));
        let ascends = program.lines.is_sorted_by(|left, right| left.instruction < right.instruction);
        assert!(ascends, "{compiler:?} {:?}", program.lines);
        for function in &program.functions {
            assert!(program.lines.iter().any(|line| line.instruction == function.start), "{function:?}");
        }
        let without = load(&compile(SUMS, compiler, &[]), None).unwrap();
        assert_eq!((without.lines.len(), without.line(0)), (0, None));
    }
}

#[test]
fn slots_are_those_of_their_sections() {
    let program = load(&object(SUMS), None).unwrap();
    for function in &program.functions {
        let slots = &program.slots[function.start as usize..function.end as usize];
        assert!(slots.is_sorted_by(|left, right| left < right));
    }
    assert_eq!(program.slots[0], 0, "the entry is alone in its section");
    let others = program.functions[1..].iter().map(|function| program.slots[function.start as usize]);
    assert!(others.min() == Some(0), "the others share one");
}

#[test]
fn the_entry_is_chosen_by_its_name() {
    let object = object(
        "int first(void) { return 1; }\nint second(void) { return 2; }\nstatic int unused(void) { return 3; }",
    );
    assert_eq!(functions(&object).unwrap(), ["first", "second"]);
    let program = load(&object, Some("second")).unwrap();
    assert_eq!(run(&program, &[]).0, 2);
    let names = vec!["first".to_owned(), "second".to_owned()];
    assert_eq!(
        load(&object, None).unwrap_err(),
        LoadError::Object(ObjectFault::ManyFunctions(names.clone()))
    );
    let unknown = ObjectFault::UnknownFunction("third".to_owned(), names);
    assert_eq!(load(&object, Some("third")).unwrap_err(), LoadError::Object(unknown));
    let empty = self::object("int variable = 1;");
    assert_eq!(load(&empty, None).unwrap_err(), LoadError::Object(ObjectFault::NoFunction));
}

fn object_fault(source: &str) -> ObjectFault {
    match load(&object(source), Some("entry")) {
        Err(LoadError::Object(fault)) => fault,
        other => panic!("{source} gave {other:?}"),
    }
}

#[test]
fn what_is_not_in_the_object_is_named() {
    let [entry, other] = ["entry", "other"].map(str::to_owned);
    let source = "int other(void);\nint entry(void) { return other(); }";
    assert_eq!(object_fault(source), ObjectFault::Undefined(entry.clone(), other.clone()));
    let source = "extern int other;\nint entry(void) { return other; }";
    assert_eq!(object_fault(source), ObjectFault::Undefined(entry.clone(), other.clone()));
    let source = "__attribute__((section(\".maps\"))) long other;\nlong entry(void) { return other; }";
    assert_eq!(object_fault(source), ObjectFault::Map(entry.clone(), other.clone()));
    let source = "static __attribute__((noinline)) int other(int a) { return a + 1; }\n\
        int entry(long *at) { *(int (*volatile *)(int))at = other; return 0; }";
    assert!(matches!(object_fault(source), ObjectFault::FunctionAddress(function, _) if function == entry));
    let source = "const char *other[] = {\"a\", \"b\"};\nint entry(long *at) { return other[*at][0]; }";
    assert_eq!(object_fault(source), ObjectFault::PointerInData(".data".to_owned()));
    let source = "char other[70000];\nint entry(long *at) { return other[*at]; }";
    assert_eq!(object_fault(source), ObjectFault::VariablesTooLong(70000));
    let source = "const char other[1100000] = {1};\nint entry(long *at) { return other[*at]; }";
    assert_eq!(object_fault(source), ObjectFault::DataTooLong(1_100_000));
}

#[test]
fn what_is_wrong_with_an_instruction_is_said_with_its_line() {
    let source = "long entry(long (**at)(void)) {\n  return (*at)() + 1;\n}";
    let error = load(&object(source), None).unwrap_err();
    let LoadError::Code { section, source, fault, .. } = &error else { panic!("{error}") };
    assert_eq!((section.as_str(), *fault), (".text", CodeFault::CallByRegister));
    assert!(source.ends_with("source.c:2"), "{error}");
    let source = "static __attribute__((noinline)) long other(long a) { return a < 2 ? a : other(a - 1) + other(a - 2); }\n\
        long entry(long *at) { return other(*at); }";
    let error = load(&object(source), Some("entry")).unwrap_err();
    assert!(matches!(error, LoadError::Code { fault: CodeFault::Recursion, .. }), "{error}");
}

#[test]
fn what_is_no_object_for_bpf_is_refused() {
    let fault = |object: &[u8]| match load(object, None) {
        Err(LoadError::Object(fault)) => fault,
        other => panic!("{other:?}"),
    };
    assert!(matches!(fault(b""), ObjectFault::Unreadable(_)));
    assert!(matches!(fault(b"int main(void) {}"), ObjectFault::Unreadable(_)));
    assert!(matches!(fault(b"\x7fELF"), ObjectFault::NotBpf(_)));
    let mut object = object(SUMS);
    object[18] = 62;
    assert_eq!(fault(&object), ObjectFault::NotBpf("an object for another machine".to_owned()));
    object[18] = 247;
    object[16] = 2;
    assert_eq!(fault(&object), ObjectFault::NotBpf("a linked file".to_owned()));
    object[16] = 1;
    object[5] = 2;
    assert_eq!(fault(&object), ObjectFault::NotBpf("a big-endian object".to_owned()));
    object[5] = 1;
    assert!(load(&object, None).is_ok());
}

#[test]
fn a_damaged_object_is_loaded_or_refused() {
    let object = object(SUMS);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    for length in 0..object.len() {
        drop(load(&object[..length], None));
    }
    let mut loaded = 0;
    for _ in 0..20_000 {
        let mut damaged = object.clone();
        for _ in 0..=next(3) {
            let at = next(object.len());
            damaged[at] = match next(4) {
                0 => 0,
                1 => 0xff,
                2 => damaged[at] ^ 1 << next(8),
                _ => u8::try_from(next(256)).unwrap(),
            };
        }
        loaded += u32::from(load(&damaged, Some("entry")).is_ok());
    }
    assert!((1000..19_999).contains(&loaded), "{loaded} were loaded");
}
