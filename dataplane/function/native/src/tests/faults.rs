//! Faults that are not ours end the process as they would without us. Each runs in a child process: this test, told by a variable what to do.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use super::support::{Example, call};
use crate::{Arena, Entry, Options, Termination};

const POLL: Options =
    Options { termination: Termination::Poll, checks: crate::Checks::Verdicts, hardened: false };

/// Runs the test of this name in a child process that is told to `act`.
fn child(test: &str, act: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("tests::faults::{test}"), "--nocapture"])
        .env(VARIABLE, act)
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap()
}

/// In the child: an arena and an entry, so that the handler is there and has something to look at; in the parent nothing.
fn act() -> Option<String> {
    let act = std::env::var(VARIABLE).ok()?;
    Some(act)
}

fn run(text: &str) {
    let mut arena = Arena::new(1 << 16).unwrap();
    let installed = arena.install(&Example::new(text).compile(POLL)).unwrap();
    let result = call(&installed, &mut Entry::new().unwrap(), &[], 0);
    println!("survived: {result:?}");
}

#[test]
fn a_fault_outside_of_code_is_loud() {
    if act().is_some() {
        run("mov %r0, 1\nexit");
        let nowhere = std::ptr::without_provenance::<u8>(8);
        // SAFETY: none: the process of the test is to end here.
        println!("{}", unsafe { nowhere.read_volatile() });
        return;
    }
    let output = child("a_fault_outside_of_code_is_loud", "null");
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
}

#[test]
fn a_fault_of_code_at_another_address_is_loud() {
    if act().is_some() {
        // The finding is a lie: the address is no memory of the program.
        run("lddw %r1, 0x10\nldxdw %r0, [%r1]\nexit");
        return;
    }
    let output = child("a_fault_of_code_at_another_address_is_loud", "code");
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
}

#[test]
fn a_load_from_a_revoked_page_by_other_code_is_loud() {
    if act().is_some() {
        let entry = Entry::new().unwrap();
        entry.pretend_to_run(true);
        let revoker = entry.revoker();
        revoker.revoke(revoker.running().unwrap());
        let page = std::ptr::with_exposed_provenance::<u8>(entry.poll_address());
        // SAFETY: none: the process of the test is to end here.
        println!("{}", unsafe { page.read_volatile() });
        return;
    }
    let output = child("a_load_from_a_revoked_page_by_other_code_is_loud", "page");
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
}

#[test]
fn a_stack_overflow_is_still_told() {
    if act().is_some() {
        run("mov %r0, 1\nexit");
        println!("{}", overflow(1));
        return;
    }
    let output = child("a_stack_overflow_is_still_told", "stack");
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("overflowed its stack"), "{told}");
}

fn overflow(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 512]);
    if depth == 0 { 0 } else { overflow(depth + 1) + room[7] }
}

const VARIABLE: &str = "ADIT_TEST_FAULT";
