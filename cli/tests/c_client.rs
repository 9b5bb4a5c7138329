//! The client library in C: installed as users install it, compiled against as their programs are, and run under valgrind
//! against a server.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{Folder, Server, run, text};

/// The library in a folder of its own, with the programs that were compiled against it.
struct Installed {
    folder: Folder,
}

impl Installed {
    fn new() -> Self {
        let installed = Self { folder: Folder::new() };
        succeed(Command::new(root().join("scripts/install-client")).arg(installed.prefix()), "bash");
        installed
    }

    fn prefix(&self) -> PathBuf {
        self.folder.path("prefix")
    }

    /// Compiles a program of this repository as its README says.
    fn compile(&self, source: &str, more: &[&str]) -> PathBuf {
        let flags = self.flags(&["--cflags", "--libs"]);
        self.compile_with(source, flags.split_whitespace().chain(more.iter().copied()))
    }

    fn compile_with<'a>(&self, source: &str, flags: impl Iterator<Item = &'a str>) -> PathBuf {
        let source = root().join(source);
        let program = self.folder.path(&source.file_stem().expect("a file").to_string_lossy());
        let mut cc = Command::new("cc");
        cc.args(STRICT).args(["-std=c11", "-g", "-O1", "-o"]).arg(&program).arg(source).args(flags);
        succeed(&mut cc, "gcc libc6-dev");
        program
    }

    fn flags(&self, what: &[&str]) -> String {
        let mut pkg_config = Command::new("pkg-config");
        pkg_config.env("PKG_CONFIG_PATH", self.prefix().join("lib/pkgconfig")).args(what).arg("adit");
        text(&succeed(&mut pkg_config, "pkg-config").stdout)
    }
}

/// Runs a program under valgrind; an error of memory, or a leak, fails the test. Gives what it printed.
fn watched(program: &Path, arguments: &[&str]) -> String {
    let mut valgrind = Command::new("valgrind");
    valgrind.args([
        "--quiet",
        "--error-exitcode=9",
        "--leak-check=full",
        "--show-leak-kinds=definite,indirect,possible",
    ]);
    valgrind.arg(program).args(arguments);
    text(&succeed_with(valgrind, "valgrind").stdout)
}

fn succeed_with(command: Command, package: &str) -> Output {
    let what = format!("{command:?}");
    let ran = run(command, b"", package);
    assert!(ran.status.success(), "{what}: {}\n{}{}", ran.status, text(&ran.stdout), text(&ran.stderr));
    ran
}

/// For programs of a compiler or cargo, which may take longer than a test waits for an answer.
fn succeed(command: &mut Command, package: &str) -> Output {
    let ran = command
        .output()
        .unwrap_or_else(|error| panic!("cannot run {command:?} ({error}); install {package}"));
    assert!(ran.status.success(), "{command:?}: {}\n{}{}", ran.status, text(&ran.stdout), text(&ran.stderr));
    ran
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Runs a test program against servers of one and two shards, over UDP and TCP.
fn each(source: &str, last_line: &str) {
    let installed = Installed::new();
    let program = installed.compile(source, &["-pthread"]);
    for shards in [1, 2] {
        for transport in ["udp", "tcp"] {
            println!("{shards} shard(s), {transport}");
            let mut server = Server::start(shards);
            let printed = watched(&program, &[&server.native.to_string(), transport]);
            assert_eq!(printed.lines().last(), Some(last_line));
            server.assert_alive("in the end");
        }
    }
}

#[test]
fn every_function_does_what_the_header_says() {
    each("client/c/tests/calls.c", "calls: all as expected");
}

#[test]
fn misuse_is_refused_with_its_code() {
    each("client/c/tests/misuse.c", "misuse: all refused");
}

#[test]
fn the_examples_work_as_they_are() {
    let (installed, server) = (Installed::new(), Server::start(2));
    let address = server.native.to_string();
    let example = |name: &str, arguments: &[&str]| {
        let program = installed.compile(&format!("client/examples/{name}.c"), &[]);
        watched(&program, &[&[address.as_str()], arguments].concat())
    };
    assert_eq!(example("hello", &[]), "hello from C (version 1)\n");
    assert_eq!(
        example("multi_get", &[]),
        "city:bergen: 291940\ncity:atlantis: not there\ncity:oslo: 717710\n"
    );
    let (file, copy) = (installed.folder.path("file"), installed.folder.path("copy"));
    let bytes = (0..2_000_003_u32).map(|n| n.to_le_bytes()[1]).collect::<Vec<_>>();
    std::fs::write(&file, &bytes).expect("a file for the test");
    let paths = [file.to_str().expect("UTF-8"), copy.to_str().expect("UTF-8")];
    assert_eq!(example("large_value", &paths), "2000003 bytes\n");
    assert!(std::fs::read(&copy).expect("the copy is there") == bytes, "what was read is what was written");
    assert!(example("pipelined", &["3000"]).starts_with("3000 reads in "));
}

#[test]
fn a_program_links_the_static_library_as_well() {
    let (installed, server) = (Installed::new(), Server::start(1));
    let library = installed.prefix().join("lib/libadit.a");
    let (cflags, all) = (installed.flags(&["--cflags"]), installed.flags(&["--libs", "--static"]));
    let others = all.split_whitespace().filter(|flag| flag.starts_with("-l") && *flag != "-ladit");
    let flags = cflags.split_whitespace().chain(library.to_str()).chain(others).collect::<Vec<_>>();
    let program = installed.compile_with("client/examples/hello.c", flags.into_iter());
    let needed = succeed(Command::new("readelf").arg("--dynamic").arg(&program), "binutils");
    assert!(!text(&needed.stdout).contains("libadit"), "it does not need the shared one");
    assert_eq!(watched(&program, &[&server.native.to_string()]), "hello from C (version 1)\n");
}

#[test]
fn the_header_is_good_for_old_c_and_for_cpp() {
    let header = root().join("client/include/adit.h");
    for (compiler, package, arguments) in [
        ("cc", "gcc", ["-std=c99", "-x", "c"]),
        ("cc", "gcc", ["-std=c2x", "-x", "c"]),
        ("c++", "g++", ["-std=c++11", "-x", "c++"]),
        ("c++", "g++", ["-std=c++20", "-x", "c++"]),
    ] {
        let mut command = Command::new(compiler);
        command.args(arguments).args(STRICT).args(["-pedantic", "-fsyntax-only"]).arg(&header);
        succeed(&mut command, package);
    }
}

const STRICT: [&str; 3] = ["-Wall", "-Wextra", "-Werror"];
