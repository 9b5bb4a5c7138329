//! The workload of `scripts/client-overhead` with the Rust client: overhead ADDR BATCHES. Prints nanoseconds of processor time for
//! each operation, the median of the batches. `overhead.c` is the same in C.

use std::time::Duration;

use adit_client::core::CoreConfig;
use adit_client::{Answer, BucketId, Client, Completion, Config, KeyAction, Operation, PutOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: overhead ADDR BATCHES")?.parse()?;
    let batches = arguments.next().ok_or("usage: overhead ADDR BATCHES")?.parse()?;
    let core = CoreConfig { address, ..CoreConfig::default() };
    let mut client = Client::connect(Config { core, ..Config::default() })?;
    for number in 0..KEYS {
        client.put(BucketId(0), &key(number), &[b'v'; VALUE_BYTES][..], PutOptions::default())?;
    }
    let mut buffers = [[0; VALUE_BYTES]; IN_FLIGHT as usize];
    let (mut times_ns, mut done) = (Vec::with_capacity(batches), Vec::with_capacity(IN_FLIGHT.into()));
    for batch in 0..batches {
        let before = processor_ns();
        read_batch(&mut client, &mut buffers, batch as u64 * u64::from(IN_FLIGHT), &mut done)?;
        times_ns.push(processor_ns() - before);
    }
    std::hint::black_box(&buffers);
    times_ns.sort_unstable();
    println!("{:.1}", times_ns[batches / 2] as f64 / f64::from(IN_FLIGHT));
    client.close();
    Ok(())
}

/// Reads one value into each buffer.
fn read_batch(
    client: &mut Client,
    buffers: &mut [[u8; VALUE_BYTES]; IN_FLIGHT as usize],
    first: u64,
    done: &mut Vec<Completion>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut last_ticket = 0;
    for number in first..first + u64::from(IN_FLIGHT) {
        let operation = Operation::on_key(BucketId(0), key(number), KeyAction::Get);
        last_ticket = client.submit(operation).map_err(|refused| refused.error)?.0;
    }
    let mut left = usize::from(IN_FLIGHT);
    while left > 0 {
        left -= client.poll(Duration::from_secs(60), done);
        for completion in done.drain(..) {
            let Answer::Value(value) = completion.result? else { return Err("a get answers a value".into()) };
            // Tickets follow one another.
            let buffer = &mut buffers[usize::try_from(last_ticket - completion.ticket.0)?];
            let bytes = value.bytes();
            buffer.get_mut(..bytes.len()).ok_or("the value is too long")?.copy_from_slice(bytes);
        }
    }
    Ok(())
}

fn key(number: u64) -> [u8; 7] {
    let digit = |power: u64| b'0' + (number / power % 10) as u8;
    [b'k', b'e', b'y', b':', digit(100), digit(10), digit(1)]
}

fn processor_ns() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes a time to where one is.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "every kernel has this clock");
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

const IN_FLIGHT: u16 = 32;
const KEYS: u64 = 1_000;
const VALUE_BYTES: usize = 64;
