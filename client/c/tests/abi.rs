//! What programs are compiled against stays as it is: `abi.txt` has every function with its version and its arguments, every
//! structure with the places of its fields, and every constant.
//!
//! If this fails because something was **added**, add its function to a new node of `adit.map`, raise `ADIT_ABI_VERSION`, and write
//! the list anew: `ADIT_WRITE=1 cargo nextest run -p adit-c --test abi`. If something **changed or went away**, programs that are
//! installed break: undo it, or add a new version of the symbol and leave the old one.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_interface_is_the_one_that_was_promised() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("abi");
    let prefix = folder.join("prefix");
    fs::create_dir_all(&prefix).expect("a folder for the test");
    output(Command::new(root().join("scripts/install-client")).arg(&prefix), "it says what is missing");
    let header = fs::read_to_string(prefix.join("include/adit.h")).expect("the header is installed");
    let found = [functions(&header, &prefix), layout(&header, &folder, &prefix)].concat();

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("abi.txt");
    if std::env::var_os("ADIT_WRITE").is_some() {
        fs::write(&path, &found).expect("the list can be written");
    }
    let promised = fs::read_to_string(&path).expect("the list is there");
    let gone = promised.lines().filter(|line| !found.lines().any(|other| other == *line));
    let gone = gone.collect::<Vec<_>>().join("\n");
    assert!(
        gone.is_empty(),
        "this was promised, and is not so any more (see client/c/tests/abi.rs):\n{gone}"
    );
    let new = found.lines().filter(|line| !promised.lines().any(|other| other == *line));
    let new = new.collect::<Vec<_>>().join("\n");
    assert!(new.is_empty(), "this is new, and not in client/c/abi.txt (see client/c/tests/abi.rs):\n{new}");
}

/// A line for each function that the header has and the library exports; they must be the same.
fn functions(header: &str, prefix: &Path) -> String {
    let library = prefix.join("lib/libadit.so");
    let exported = output(
        Command::new("nm").args(["--dynamic", "--defined-only", "--with-symbol-versions"]).arg(library),
        "apt-get install binutils",
    );
    let mut exported = exported
        .lines()
        .filter_map(|line| line.split_once(" T ").map(|(_, name)| name.trim()))
        .collect::<Vec<_>>();
    exported.sort_unstable();
    let prototypes = prototypes(header);
    assert_eq!(exported.len(), prototypes.len(), "header and library have the same functions: {exported:?}");
    exported.iter().fold(String::new(), |mut lines, symbol| {
        let name = symbol.split('@').next().unwrap_or(symbol);
        let prototype = prototypes.iter().find(|prototype| prototype.contains(&format!("{name}(")));
        let prototype = prototype.unwrap_or_else(|| panic!("{symbol} is exported, and the header lacks it"));
        let _ = writeln!(lines, "function {symbol} {prototype}");
        lines
    })
}

/// The functions of the header, each in one line.
fn prototypes(header: &str) -> Vec<String> {
    let code =
        header.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let (_, functions) = code.split_once("extern \"C\" {").expect("functions follow the structures");
    let ends = functions.split(';').filter(|text| text.contains("adit_"));
    let words = |text: &str| text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join(" ");
    ends.map(|text| words(text).split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// What a compiler of C makes of the structures and constants of the header.
fn layout(header: &str, folder: &Path, prefix: &Path) -> String {
    let (source, program) = (folder.join("layout.c"), folder.join("layout"));
    fs::write(&source, questions(header)).expect("the program can be written");
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-Wall", "-Werror", "-I"])
        .arg(prefix.join("include"))
        .arg(&source)
        .arg("-o")
        .arg(&program);
    output(&mut cc, "apt-get install gcc libc6-dev");
    output(&mut Command::new(&program), "it was just made")
}

/// A program that prints sizes, alignments, offsets and numbers.
fn questions(header: &str) -> String {
    let mut program = String::from("#include <adit.h>\n#include <stdio.h>\nint main(void) {\n");
    let mut structure = None;
    for line in header.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("struct ").and_then(|rest| rest.strip_suffix(" {")) {
            structure = Some(name);
            let _ = writeln!(
                program,
                "printf(\"struct {name} size %zu align %zu\\n\", sizeof(struct {name}), _Alignof(struct {name}));"
            );
        } else if line == "};" {
            structure = None;
        } else if let (Some(name), Some(declared)) = (structure, line.strip_suffix(';')) {
            let field = declared.rsplit([' ', '*']).next().unwrap_or(declared);
            let _ = writeln!(
                program,
                "printf(\"field {name} at %zu size %zu: {declared}\\n\", offsetof(struct {name}, {field}), \
                 sizeof(((struct {name} *)0)->{field}));"
            );
        } else if let Some(name) = constant(line) {
            let _ = writeln!(program, "printf(\"constant {name} %lld\\n\", (long long){name});");
        }
    }
    program + "return 0;\n}\n"
}

/// The constant that a line of the header defines. The version of the interface is there to grow.
fn constant(line: &str) -> Option<&str> {
    let defined = line.strip_prefix("#define ").and_then(|rest| rest.split_once(' '));
    let listed = line.strip_suffix(',').and_then(|rest| rest.split_once(" = "));
    let name = defined.or(listed)?.0;
    (name.starts_with("ADIT_") && name != "ADIT_ABI_VERSION").then_some(name)
}

fn output(command: &mut Command, otherwise: &str) -> String {
    let ran = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; {otherwise}"));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?} fails: {said}");
    String::from_utf8(ran.stdout).expect("text")
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
