//! The handler of memory faults. It takes a call back that touches its poll page once that was revoked: a fault is ours only if it is a
//! forbidden access to the poll page of an entry, by an instruction in an arena. With any other one the process ends as it would without
//! us.

use std::cell::UnsafeCell;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::memory_of_entry::{self, Poll};
use crate::{ending, trampoline};

/// Installs the handler, once in the life of the process.
pub(crate) fn install() -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), i32>> = OnceLock::new();
    INSTALLED.get_or_init(install_once).map_err(io::Error::from_raw_os_error)
}

/// From here on code may run in this range.
pub(crate) fn add_code(range: Range<usize>) -> io::Result<()> {
    for slot in &CODE {
        if slot.end.compare_exchange(0, range.end, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            slot.start.store(range.start, Ordering::Release);
            return Ok(());
        }
    }
    Err(io::Error::other(format!("there are {ARENAS_MAX} arenas already")))
}

/// From here on no code runs in the range that starts here.
pub(crate) fn remove_code(start: usize) {
    let slot = CODE.iter().find(|slot| slot.start.load(Ordering::Acquire) == start);
    let slot = slot.expect("it was added");
    slot.start.store(0, Ordering::Release);
    slot.end.store(0, Ordering::Release);
}

/// From here on calls may run with the entry at this address.
pub(crate) fn add_entry(address: usize) -> io::Result<()> {
    for slot in &ENTRIES {
        if slot.compare_exchange(0, address, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            return Ok(());
        }
    }
    Err(io::Error::other(format!("there are {ENTRIES_MAX} entries already")))
}

/// From here on none does.
pub(crate) fn remove_entry(address: usize) {
    let slot = ENTRIES.iter().find(|slot| slot.load(Ordering::Acquire) == address);
    slot.expect("it was added").store(0, Ordering::Release);
}

/// The handler. It runs on the alternate stack of the thread that has faulted, and calls nothing that may not be called there.
extern "C" fn on_fault(signal: i32, info: *const libc::siginfo_t, context: *mut libc::ucontext_t) {
    // SAFETY: with SA_SIGINFO the system hands in what is valid while the handler runs.
    let info = unsafe { &*info };
    // SAFETY: as above; nobody else refers to it.
    let context = unsafe { &mut *context };
    // SAFETY: this signal has an address.
    let address = unsafe { info.si_addr() }.addr();
    let registers = &mut context.uc_mcontext.gregs;
    let instruction = usize::try_from(registers[RIP]).unwrap_or(usize::MAX);
    if info.si_code == SEGV_ACCERR
        && is_code(instruction)
        && let Some(entry) = entry_of(address)
    {
        // SAFETY: the entry is registered, and the thread that has faulted is in a call with it: code of an arena only polls its own.
        match unsafe { memory_of_entry::on_poll_fault(entry) } {
            Poll::Again => {}
            Poll::Revoked { save } => {
                registers[RIP] = register(trampoline::leave_address());
                registers[RSP] = save.cast_signed();
                registers[RDX] = ending::REVOKED.cast_signed();
            }
        }
        return;
    }
    restore(signal);
}

/// Puts the handler back that was there before us: the instruction faults again as soon as we return, and that one ends the process.
fn restore(signal: i32) {
    // SAFETY: the handler was installed after this was written, and it is never written again.
    let previous = unsafe { &*PREVIOUS.0.get() };
    // SAFETY: it is what the system has told us.
    unsafe { libc::sigaction(signal, previous.as_ptr(), std::ptr::null_mut()) };
}

fn is_code(address: usize) -> bool {
    CODE.iter().any(|slot| {
        let start = slot.start.load(Ordering::Acquire);
        start != 0 && start <= address && address < slot.end.load(Ordering::Acquire)
    })
}

/// The entry whose poll page this is in.
fn entry_of(address: usize) -> Option<usize> {
    let entries = ENTRIES.iter().map(|slot| slot.load(Ordering::Acquire));
    entries.filter(|entry| *entry != 0).find(|entry| memory_of_entry::poll_page(*entry).contains(&address))
}

fn install_once() -> Result<(), i32> {
    // SAFETY: a sigaction is a structure of numbers, for which zero is allowed.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = (on_fault as *const ()).expose_provenance();
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // What was there is kept first: the handler may run as soon as it is installed.
    // SAFETY: the system writes a whole structure; nobody reads it before the handler is installed, and only one thread is ever here.
    let asked = unsafe { libc::sigaction(libc::SIGSEGV, std::ptr::null(), PREVIOUS.0.get().cast()) };
    // SAFETY: the structure is whole, and the handler keeps the promises of one: it allocates nothing and takes no lock.
    let installed = unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut()) };
    if asked == 0 && installed == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL))
    }
}

fn register(address: usize) -> i64 {
    (address as u64).cast_signed()
}

/// Code of an arena; free while `end` is 0.
struct CodeSlot {
    start: AtomicUsize,
    end: AtomicUsize,
}

/// What handled the signal before us.
struct Previous(UnsafeCell<MaybeUninit<libc::sigaction>>);

// SAFETY: it is written once, before the handler is installed, and read by the handler only.
unsafe impl Sync for Previous {}

static PREVIOUS: Previous = Previous(UnsafeCell::new(MaybeUninit::uninit()));
static CODE: [CodeSlot; ARENAS_MAX] =
    [const { CodeSlot { start: AtomicUsize::new(0), end: AtomicUsize::new(0) } }; ARENAS_MAX];
static ENTRIES: [AtomicUsize; ENTRIES_MAX] = [const { AtomicUsize::new(0) }; ENTRIES_MAX];

/// Most arenas of a process.
const ARENAS_MAX: usize = 64;
/// Most entries of a process: one for each shard, and some for tests.
const ENTRIES_MAX: usize = 1024;
/// The page is there, the access is forbidden: sigaction(2).
const SEGV_ACCERR: i32 = 2;
/// Places of registers in the context of a signal: `enum` in sys/ucontext.h.
const RDX: usize = libc::REG_RDX as usize;
const RSP: usize = libc::REG_RSP as usize;
const RIP: usize = libc::REG_RIP as usize;
