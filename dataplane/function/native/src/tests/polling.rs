//! Revocation: endless loops of all kinds end, calls that have ended are not disturbed, and the entry is as good as new afterwards.

use std::time::Duration;

use adit_function::trap::Trap;

use super::support::{Example, call};
use crate::{Arena, Entry, Options, Revoker, Termination, Watch, Watchdog};

const POLL: Options =
    Options { termination: Termination::Poll, checks: crate::Checks::Verdicts, hardened: false };

/// Revokes the call that runs on another thread, and again until it has ended.
fn revoke_next(revoker: Revoker) -> std::thread::JoinHandle<()> {
    std::thread::Builder::new()
        .spawn(move || {
            let turn = loop {
                match revoker.running() {
                    Some(turn) => break turn,
                    None => std::hint::spin_loop(),
                }
            };
            while revoker.running() == Some(turn) {
                revoker.revoke(turn);
                std::thread::yield_now();
            }
        })
        .unwrap()
}

#[test]
fn endless_loops_of_all_kinds_end() {
    let loops = [
        "mov %r0, 0\nagain:\nja again",
        "again:\nmov %r0, 0\njeq %r0, 0, again\nexit",
        // The inner loop is the endless one, and nothing is stored between the loads of both heads.
        "mov %r0, 0\nouter:\nmov %r2, %r0\ninner:\njne %r2, 7, inner\nadd %r0, 1\njne %r0, 9, outer\nexit",
        "mov %r0, 0\nouter:\nadd %r0, 1\nmov %r2, 3\ninner:\nsub %r2, 1\njne %r2, 0, inner\nja outer",
        // Two loops that are entered in the middle of each other.
        "mov %r0, 0\njeq %r0, 1, second\nfirst:\nadd %r0, 1\nsecond:\nadd %r0, 1\njne %r0, 0, first\nja second",
        "call local spin\nexit\nspin:\nstdw [%r10-8], 1\nagain:\nja again",
        "again:\nstdw [%r10-8], 1\nldxdw %r0, [%r10-8]\njeq %r0, 1, again\nexit",
    ];
    let mut arena = Arena::new(1 << 20).unwrap();
    let mut entry = Entry::new().unwrap();
    let simple = arena.install(&Example::new("mov %r0, 3\nexit").compile(POLL)).unwrap();
    for text in loops {
        let installed = arena.install(&Example::new(text).compile(POLL)).unwrap();
        for _ in 0..20 {
            let thread = revoke_next(entry.revoker());
            assert_eq!(call(&installed, &mut entry, &[], 0), Err(Trap::Revoked), "{text}");
            thread.join().unwrap();
            assert_eq!(call(&simple, &mut entry, &[], 0), Ok(3));
        }
    }
}

#[test]
fn calls_that_end_are_never_disturbed() {
    // A thread revokes whatever call it sees, most of them too late; each call either ends with its result or is revoked while it runs. A call is
    // only ever revoked by its own number, so that those behind it go on.
    let count = "mov %r0, 0\nagain:\nadd %r0, 1\njne %r0, 200, again\nexit";
    let mut arena = Arena::new(1 << 16).unwrap();
    let installed = arena.install(&Example::new(count).compile(POLL)).unwrap();
    let mut entry = Entry::new().unwrap();
    let revoker = entry.revoker();
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut last = None;
            while !is_over.load(std::sync::atomic::Ordering::Acquire) {
                // Each call at most once, and only one in two.
                if let Some(turn) = revoker.running()
                    && last != Some(turn)
                {
                    revoker.revoke(turn);
                    last = Some(turn);
                }
                std::thread::yield_now();
            }
        });
        let mut revoked = 0;
        for _ in 0..20_000 {
            match call(&installed, &mut entry, &[], 0) {
                Ok(result) => assert_eq!(result, 200),
                Err(trap) => {
                    assert_eq!(trap, Trap::Revoked);
                    revoked += 1;
                }
            }
        }
        is_over.store(true, std::sync::atomic::Ordering::Release);
        assert!(revoked <= 20_000);
    });
}

#[test]
fn a_revocation_that_comes_late_is_nothing() {
    let count = "mov %r0, 0\nagain:\nadd %r0, 1\njne %r0, 200, again\nexit";
    let mut arena = Arena::new(1 << 16).unwrap();
    let installed = arena.install(&Example::new(count).compile(POLL)).unwrap();
    let mut entry = Entry::new().unwrap();
    let revoker = entry.revoker();
    assert_eq!(revoker.running(), None);
    for _ in 0..100 {
        assert_eq!(call(&installed, &mut entry, &[], 0), Ok(200));
        // The call that has just ended, as a watchdog does that saw it run and was held up.
        revoker.revoke_last();
        assert_eq!(call(&installed, &mut entry, &[], 0), Ok(200));
    }
}

#[test]
fn a_watch_revokes_what_runs_longer_than_its_limit() {
    let entry = Entry::new().unwrap();
    let mut watch = Watch::new(Duration::from_millis(10), vec![entry.revoker()]);
    let at = Duration::from_millis;
    assert_eq!(watch.look(at(0)), 0);
    entry.pretend_to_run(true);
    assert_eq!((watch.look(at(5)), watch.look(at(14))), (0, 0));
    assert_eq!((watch.look(at(15)), watch.look(at(20))), (1, 1));
    entry.pretend_to_run(false);
    assert_eq!(watch.look(at(30)), 0);
    entry.pretend_to_run(true);
    assert_eq!((watch.look(at(40)), watch.look(at(49))), (0, 0));
    // Another call meanwhile.
    entry.pretend_to_run(false);
    entry.pretend_to_run(true);
    assert_eq!((watch.look(at(51)), watch.look(at(60)), watch.look(at(61))), (0, 0, 1));
}

#[test]
fn a_watchdog_stops_a_loop() {
    let mut arena = Arena::new(1 << 16).unwrap();
    let installed = arena.install(&Example::new("again:\nja again").compile(POLL)).unwrap();
    let mut entry = Entry::new().unwrap();
    let _watchdog = Watchdog::start(Duration::from_millis(1), vec![entry.revoker()]).unwrap();
    for _ in 0..10 {
        assert_eq!(call(&installed, &mut entry, &[], 0), Err(Trap::Revoked));
    }
}
