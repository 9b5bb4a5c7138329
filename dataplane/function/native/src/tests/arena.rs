//! The arena: thousands of programs, replaced and freed; memory that is never writable where it can be executed.

use super::support::{Example, call};
use crate::{Arena, Entry, Full, Installed, Options};

/// A program that returns `number`, longer the greater that is.
fn example(number: usize) -> Example {
    let mut text = format!("mov %r0, {number}\nldxdw %r2, [%r1]\n");
    for _ in 0..number % 7 * 10 {
        text.push_str("ldxdw %r3, [%r1+8]\nstxdw [%r10-8], %r3\nadd %r3, %r2\nstxdw [%r10-16], %r3\n");
    }
    text.push_str("exit");
    Example::new(&text)
}

#[test]
fn thousands_are_installed_and_freed_and_nothing_is_lost() {
    let codes: Vec<_> = (0..50).map(|number| example(number).compile(Options::default())).collect();
    let mut arena = Arena::new(8 << 20).unwrap();
    let mut entry = Entry::new().unwrap();
    let mut held: Vec<(usize, Installed)> = Vec::new();
    let mut state = 1_usize;
    for round in 0..20_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let random = state >> 33;
        if random % 5 < 3 || held.is_empty() {
            let number = random % codes.len();
            held.push((number, arena.install(&codes[number]).unwrap()));
        } else {
            let (_, installed) = held.swap_remove(random % held.len());
            assert!(arena.free(installed), "nobody else has it");
        }
        if round % 100 == 0 {
            let (number, installed) = &held[random % held.len()];
            assert_eq!(call(installed, &mut entry, &[], 1000), Ok(*number as u64));
        }
        assert_eq!(arena.functions(), held.len());
    }
    let bytes: usize = held.iter().map(|(_, installed)| installed.len_bytes()).sum();
    assert_eq!(arena.used_bytes(), bytes, "programs lie close to each other");
    for (number, installed) in held {
        assert_eq!(call(&installed, &mut entry, &[], 1000), Ok(number as u64));
        assert!(arena.free(installed));
    }
    assert_eq!((arena.functions(), arena.used_bytes()), (0, 0));
}

#[test]
fn a_program_stays_until_its_last_handle_goes() {
    let mut arena = Arena::new(4096).unwrap();
    let mut entry = Entry::new().unwrap();
    let installed = arena.install(&example(3).compile(Options::default())).unwrap();
    let of_a_shard = installed.clone();
    assert!(!arena.free(installed), "a shard has it");
    assert_eq!((arena.functions(), arena.reclaim()), (1, 0));
    assert_eq!(call(&of_a_shard, &mut entry, &[], 1000), Ok(3));
    drop(of_a_shard);
    assert_eq!((arena.functions(), arena.reclaim()), (1, 1));
    assert_eq!((arena.functions(), arena.used_bytes()), (0, 0));
    // A handle outlives the arena.
    let installed = arena.install(&example(4).compile(Options::default())).unwrap();
    drop(arena);
    assert_eq!(call(&installed, &mut entry, &[], 1000), Ok(4));
}

#[test]
fn a_full_arena_takes_what_nobody_holds_any_more() {
    let code = example(6).compile(Options::default());
    let mut arena = Arena::new(4096).unwrap();
    let mut held = Vec::new();
    let full = loop {
        match arena.install(&code) {
            Ok(installed) => held.push(installed),
            Err(full) => break full,
        }
    };
    assert!(matches!(full, Full { bytes, free_bytes, .. } if free_bytes < bytes), "{full}");
    drop(held.pop());
    held.push(arena.install(&code).unwrap());
    assert!(arena.install(&code).is_err());
}

#[test]
fn no_memory_can_be_written_and_executed() {
    let mut arena = Arena::new(1 << 20).unwrap();
    let installed = arena.install(&example(1).compile(Options::default())).unwrap();
    assert_eq!(call(&installed, &mut Entry::new().unwrap(), &[], 1000), Ok(1));
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let (mut writable, mut executable) = (0, 0);
    for line in maps.lines() {
        let protection = line.split_whitespace().nth(1).unwrap();
        assert!(!(protection.contains('w') && protection.contains('x')), "{line}");
        if line.contains("memfd:adit-functions") {
            writable += u32::from(protection == "rw-s");
            executable += u32::from(protection == "r-xs");
        }
    }
    assert_eq!((writable, executable), (1, 1), "one mapping each");
}
