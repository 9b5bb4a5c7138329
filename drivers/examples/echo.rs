//! What a port of DPDK costs without anything behind it: a server that sends every frame back with its addresses swapped, in
//! place, as `dpdk-testpmd --forward-mode=macswap` does; and the client that measures either.
//!
//! ```text
//! cargo run --release -p adit-drivers --features dpdk --example echo -- net_memif0,role=server,socket=/tmp/echo.sock
//! cargo run --release -p adit-drivers --features dpdk --example echo -- net_memif0,socket=/tmp/echo.sock --client
//! ```
//! Options: `--client`, `--in-flight N` (32), `--bytes N` (64), `--seconds N` (2 for a client; a server ends with its standard
//! input), `--cpu N`, `--normal-pages`. A server on `net_null0`, which always has a burst and drops what it gets, shows what
//! the path through a queue costs on one core.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use adit_drivers::dpdk::{Device, DeviceConfig, DpdkFrames, Eal, EalConfig, EalMemory};
use adit_drivers::frames::{FRAME_HEADROOM_BYTES, FRAMES_PER_BURST_MAX, Frame, Frames};

struct Options {
    device: String,
    is_client: bool,
    in_flight: usize,
    len_bytes: usize,
    seconds: Option<u64>,
    cpu: Option<usize>,
    memory: EalMemory,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        device: String::new(),
        is_client: false,
        in_flight: 32,
        len_bytes: 64,
        seconds: None,
        cpu: None,
        memory: EalMemory::Huge,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || {
            let word = words.next().unwrap_or_default();
            word.parse::<usize>().map_err(|_| format!("{word:?} is not a number"))
        };
        match word.as_str() {
            "--client" => options.is_client = true,
            "--in-flight" => options.in_flight = number()?.clamp(1, 512),
            "--bytes" => options.len_bytes = number()?.clamp(14, 1514),
            "--seconds" => options.seconds = Some(number()? as u64),
            "--cpu" => options.cpu = Some(number()?),
            "--normal-pages" => options.memory = EalMemory::Normal,
            device => options.device = device.into(),
        }
    }
    Ok(options)
}

fn run(options: &Options) -> Result<(), String> {
    let config =
        EalConfig { memory: options.memory, memory_mib: 64, pci: vec![], prefix: None, verbose: false };
    let eal = Eal::start(&config).map_err(|error| error.to_string())?;
    let (name, rest) = options.device.split_once(',').unwrap_or((&options.device, ""));
    let queues = Device::start(&eal, &DeviceConfig::new(name, rest)).map_err(|error| error.to_string())?;
    if let Some(cpu) = options.cpu {
        let mut cpus = rustix::thread::CpuSet::new();
        cpus.set(cpu);
        rustix::thread::sched_setaffinity(None, &cpus).map_err(|error| error.to_string())?;
    }
    for queue in queues {
        let frames = queue.open().map_err(|error| error.to_string())?;
        if options.is_client { measure(frames, options)? } else { serve(frames, options)? }
    }
    Ok(())
}

/// Sends everything back, until its time is over or the standard input ends.
fn serve(frames: DpdkFrames, options: &Options) -> Result<(), String> {
    let ended = Arc::new(AtomicBool::new(false));
    let (ends, seconds) = (Arc::clone(&ended), options.seconds);
    std::thread::spawn(move || {
        match seconds {
            Some(seconds) => std::thread::sleep(Duration::from_secs(seconds)),
            None => _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink()),
        }
        ends.store(true, Ordering::Relaxed);
    });
    let mut frames = Frames::Dpdk(frames);
    let mut burst = Vec::with_capacity(4 * FRAMES_PER_BURST_MAX);
    let started = cpu_ns();
    while !ended.load(Ordering::Relaxed) {
        frames.rx_burst(&mut burst);
        burst.iter_mut().for_each(swap);
        frames.tx_burst(&mut burst);
        // As testpmd does: what the other end has no room for is dropped.
        burst.clear();
    }
    let (ns, counters) = (cpu_ns() - started, frames.counters());
    println!(
        "{:.1} ns of the processor for each frame, {counters:?}",
        ns as f64 / counters.rx_frames.max(1) as f64
    );
    Ok(())
}

/// Time that this thread had a processor: the machine may have other work.
fn cpu_ns() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

fn swap(frame: &mut Frame) {
    if let Some((destination, source)) = frame.bytes_mut()[..12].split_at_mut_checked(6) {
        destination.swap_with_slice(source);
    }
}

/// Keeps so many frames under way and counts those that come back.
fn measure(frames: DpdkFrames, options: &Options) -> Result<(), String> {
    let mut frames = Frames::Dpdk(frames);
    let mut burst = Vec::with_capacity(4 * FRAMES_PER_BURST_MAX);
    let mut unsent = Vec::with_capacity(options.in_flight);
    let limit = Instant::now() + Duration::from_secs(10);
    while !frames.link_is_up() {
        if Instant::now() > limit {
            return Err("nobody is at the other end".into());
        }
        frames.rx_burst(&mut burst);
    }
    for _ in 0..options.in_flight {
        let buffer = frames.mempool().buffer().ok_or("no buffer is free")?;
        let mut frame = Frame::new(buffer, FRAME_HEADROOM_BYTES);
        frame.append(options.len_bytes).ok_or("a frame is too long")?.fill(1);
        unsent.push(frame);
    }
    let started = Instant::now();
    let (mut ns, mut count, mut turns) = (0_u128, 0_u64, 0_u64);
    while ns < u128::from(options.seconds.unwrap_or(2)) * 1_000_000_000 {
        frames.tx_burst(&mut unsent);
        frames.rx_burst(&mut burst);
        count += burst.len() as u64;
        unsent.append(&mut burst);
        turns += 1;
        if turns % 1024 == 0 {
            ns = started.elapsed().as_nanos();
        }
    }
    let ns_per_frame = ns as f64 / count.max(1) as f64;
    println!(
        "in flight {}, {} B: {count} frames, {ns_per_frame:.1} ns each",
        options.in_flight, options.len_bytes
    );
    Ok(())
}
