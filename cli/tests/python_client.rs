//! The Python client, from the commands of its README on: they make the virtual environment in which its own tests, types
//! and style are then checked. Needs python3 with venv, and PyPI.

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::{ADIT, Folder, Guard};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn the_readme_the_tests_and_the_types_of_the_python_client() {
    let folder = Folder::new();
    let readme =
        std::fs::read_to_string(Path::new(REPOSITORY).join("client/python/README.md")).expect("it is there");
    let commands =
        readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of sh");
    // All but the name of the virtual environment is as a reader types it.
    let venv = folder.path("venv");
    let venv = venv.to_str().expect("the folder has a name of UTF-8");
    run(&folder, "sh", &["-euxc", &commands.replace("adit-venv", venv)]);
    let python = &format!("{venv}/bin/python");
    let package = |rest: &str| format!("client/python/{rest}");
    run(&folder, python, &["-m", "pip", "install", "--quiet", "-r", &package("tests/requirements.txt")]);
    run(&folder, python, &["-m", "pytest", "-q", &package("tests")]);
    run(
        &folder,
        python,
        &["-m", "mypy", "--config-file", &package("pyproject.toml"), &package("src"), &package("tests")],
    );
    run(&folder, python, &["-m", "ruff", "check", "--no-cache", &package("")]);
    run(&folder, python, &["-m", "ruff", "format", "--no-cache", "--check", &package("")]);
}

/// Runs a program in the repository to its end.
fn run(folder: &Folder, program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(REPOSITORY).env("ADIT_BINARY", ADIT);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("MYPY_CACHE_DIR", folder.path("mypy"));
    command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env_remove("ADIT_PASSWORD");
    let child = command.spawn().unwrap_or_else(|error| {
        panic!("cannot run {program} ({error}): install python3 and python3-venv");
    });
    let (mut guard, start) = (Guard(child), Instant::now());
    let status = loop {
        if let Some(status) = guard.0.try_wait().expect("waiting for our own child") {
            break status;
        }
        assert!(start.elapsed() < DEADLINE, "{program} {arguments:?} still runs after {DEADLINE:?}");
        std::thread::sleep(POLL_INTERVAL);
    };
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

/// Far above what building the library for the first time takes.
const DEADLINE: Duration = Duration::from_secs(1_800);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
