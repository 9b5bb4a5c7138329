//! The header with the compilers that it is for.

use std::path::PathBuf;
use std::process::Command;

use adit_function::helper::SIGNATURES;

use crate::root;

/// Compilers that may be there; the first one has to be.
const CLANGS: [&str; 3] = ["clang-14", "clang-16", "clang-19"];

#[test]
fn the_header_compiles_and_calls_by_number() {
    for (index, clang) in CLANGS.into_iter().enumerate() {
        let is_there = Command::new(clang).arg("--version").output().is_ok();
        assert!(is_there || index > 0, "{clang} is missing: apt-get install {clang}");
        for language in ["c", "c++"] {
            if is_there {
                assert_eq!(
                    calls(clang, language),
                    SIGNATURES.iter().map(|helper| helper.number).collect::<Vec<_>>()
                );
            }
        }
    }
}

/// The numbers of the helpers that a function calls that calls all of them, as `clang` has compiled it.
fn calls(clang: &str, language: &str) -> Vec<u32> {
    let directory = std::env::temp_dir().join(format!("adit-header-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory can be made");
    let (source, object) = (directory.join("all.c"), directory.join(format!("{clang}-{language}.o")));
    std::fs::write(&source, all_helpers()).expect("a file can be written");
    let output = Command::new(clang)
        .args([
            "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-x", language, "-I",
        ])
        .arg(root().join("functions"))
        .arg("-c")
        .arg(&source)
        .arg("-o")
        .arg(&object)
        .output()
        .expect("the compiler runs");
    assert!(output.status.success(), "{clang} {language}: {}", String::from_utf8_lossy(&output.stderr));
    let numbers = section_calls(&object);
    std::fs::remove_dir_all(&directory).expect("the directory can be removed");
    numbers
}

/// The numbers in call instructions (RFC 9669, section 4.3.1) of an object whose only code is that of `all_helpers`.
fn section_calls(object: &PathBuf) -> Vec<u32> {
    let bytes = std::fs::read(object).expect("the object is there");
    let code = bytes.as_chunks::<8>().0;
    let start = code.iter().position(|slot| slot[0] == 0x85).expect("there is a call");
    let end = start + code[start..].iter().position(|slot| slot[0] == 0x95).expect("there is an exit");
    let calls = code[start..end].iter().filter(|slot| slot[..4] == [0x85, 0, 0, 0]);
    calls.map(|slot| u32::from_le_bytes([slot[4], slot[5], slot[6], slot[7]])).collect()
}

/// A function that calls all helpers one after the other.
fn all_helpers() -> String {
    let mut source = String::from(
        "#include <adit_fn.h>\nADIT_CALL long all(const struct adit_call *context) {\n\
        long sum = context->input_end - context->input;\n",
    );
    for helper in SIGNATURES {
        let argument = |argument: &adit_function::signature::Argument| format!("({})0", argument.c_type);
        let arguments: Vec<String> = helper.arguments.iter().map(argument).collect();
        source.push_str(&format!("sum += (long){}({});\n", helper.name, arguments.join(", ")));
    }
    source + "return sum;\n}\n"
}
