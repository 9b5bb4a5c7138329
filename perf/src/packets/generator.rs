//! The client: what comes back is sent again with the next number.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use adit_drivers::frames::{FRAMES_PER_BURST_MAX, Frame, Frames};
use anyhow::ensure;

use super::packet::Packet;
use crate::number::{index, nanoseconds};
use crate::tally::Tally;

/// Packets on their way.
pub(super) struct Generator {
    frames: Frames,
    packet: Packet,
    in_flight_max: usize,
    /// Numbers below are gone: received, or lost.
    oldest: u64,
    next: u64,
    in_flight: usize,
    /// When packets were sent, by the low bits of their numbers.
    sent_ns: Vec<u64>,
    burst: Vec<Frame>,
    /// When the last stretch of packets was whole, how many had come then, and nanoseconds of all stretches.
    stretch: (u64, u64),
    stretches_ns: Vec<u64>,
    origin: Instant,
}

impl Generator {
    pub(super) fn new(frames: Frames, packet: Packet, in_flight_max: usize) -> Self {
        Self {
            frames,
            packet,
            in_flight_max,
            oldest: 0,
            next: 0,
            in_flight: 0,
            sent_ns: vec![0; SLOTS],
            burst: Vec::with_capacity(FRAMES_PER_BURST_MAX),
            stretch: (0, 0),
            stretches_ns: Vec::with_capacity(STRETCHES_MAX),
            origin: Instant::now(),
        }
    }

    /// Waits for the other end, then keeps packets on their way for so long.
    pub(super) fn run(&mut self, duration_ns: u64, interrupted: &AtomicBool) -> anyhow::Result<Tally> {
        let mut unused = Tally::new();
        self.rounds(WARM_UP_NS, interrupted, &mut unused)?;
        let mut tally = Tally::new();
        self.stretch = (self.now_ns(), 0);
        self.stretches_ns.clear();
        self.rounds(duration_ns, interrupted, &mut tally)?;
        Ok(tally)
    }

    /// Nanoseconds per packet of the middle stretch of the run, which those are not in that others had the core for.
    pub(super) fn middle_ns_per_packet(&mut self) -> Option<f64> {
        let middle = self.stretches_ns.len() / 2;
        self.stretches_ns.sort_unstable();
        self.stretches_ns.get(middle).map(|ns| *ns as f64 / STRETCH_PACKETS as f64)
    }

    /// From the first answer on, for so long.
    fn rounds(
        &mut self,
        duration_ns: u64,
        interrupted: &AtomicBool,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let (mut begin_ns, mut heard_ns) = (None, self.now_ns());
        let (waiting_since_ns, mut idle_polls) = (heard_ns, 0_u32);
        loop {
            self.frames.rx_burst(&mut self.burst);
            // The clock costs more than a poll.
            idle_polls = if self.burst.is_empty() { idle_polls.wrapping_add(1) } else { 0 };
            if self.in_flight > 0 && !idle_polls.is_multiple_of(IDLE_POLLS) {
                continue;
            }
            let now_ns = self.now_ns();
            if self.burst.is_empty() {
                let silent_ns = now_ns.saturating_sub(heard_ns);
                if self.in_flight == 0 || silent_ns > LOST_NS {
                    // Packets before the first answer are for those that were not there yet.
                    tally.unsent += if begin_ns.is_some() { self.in_flight as u64 } else { 0 };
                    self.begin(now_ns);
                    heard_ns = now_ns;
                    let waited_ns = now_ns - waiting_since_ns;
                    ensure!(
                        tally.operations > 0 || waited_ns < SILENCE_NS_MAX,
                        "no packet came back; is somebody at the other end (adit perf echo, or dpdk-testpmd \
                         --forward-mode=macswap)?"
                    );
                }
            } else {
                heard_ns = now_ns;
                self.turn(now_ns, tally);
                begin_ns.get_or_insert(now_ns);
            }
            if begin_ns.is_some_and(|begin_ns| now_ns - begin_ns >= duration_ns)
                || interrupted.load(Ordering::Relaxed)
            {
                tally.elapsed_ns = begin_ns.map_or(0, |begin_ns| now_ns - begin_ns);
                return Ok(());
            }
        }
    }

    /// Sends all packets anew.
    #[cold]
    fn begin(&mut self, now_ns: u64) {
        self.oldest = self.next;
        self.in_flight = 0;
        let mut burst = std::mem::take(&mut self.burst);
        while self.in_flight < self.in_flight_max
            && let Some(frame) = self.packet.frame(self.frames.mempool(), self.next)
        {
            self.note(now_ns);
            self.in_flight += 1;
            burst.push(frame);
        }
        self.burst = burst;
        self.send();
    }

    /// Counts what came back and sends it again.
    #[inline]
    fn turn(&mut self, now_ns: u64, tally: &mut Tally) {
        if self.next == self.oldest + self.in_flight as u64 {
            self.packet.learn(self.burst[0].bytes());
        }
        let mut burst = std::mem::take(&mut self.burst);
        let mut is_first = true;
        burst.retain_mut(|frame| {
            // Another's, or one that came too late.
            let number = self.packet.sequence(frame.bytes());
            let Some(number) = number.filter(|number| (self.oldest..self.next).contains(number)) else {
                return false;
            };
            tally.operations += 1;
            if std::mem::take(&mut is_first) {
                let sent_ns = self.sent_ns[index(number) % SLOTS];
                tally.latency_ns.saturating_record(now_ns.saturating_sub(sent_ns));
            }
            self.packet.write(frame.bytes_mut(), self.next);
            self.note(now_ns);
            true
        });
        self.burst = burst;
        self.send();
        let (begin_ns, counted) = self.stretch;
        if tally.operations >= counted + STRETCH_PACKETS {
            let count = tally.operations - counted;
            if self.stretches_ns.len() < STRETCHES_MAX {
                self.stretches_ns.push((now_ns - begin_ns) * STRETCH_PACKETS / count);
            }
            self.stretch = (now_ns, tally.operations);
        }
    }

    /// Gives the next number away.
    #[inline]
    fn note(&mut self, now_ns: u64) {
        self.sent_ns[index(self.next) % SLOTS] = now_ns;
        self.next += 1;
    }

    #[inline]
    fn send(&mut self) {
        for _ in 0..OFFERS_MAX {
            self.frames.tx_burst(&mut self.burst);
            if self.burst.is_empty() {
                return;
            }
        }
        self.burst.clear();
    }

    #[inline]
    fn now_ns(&self) -> u64 {
        nanoseconds(self.origin.elapsed())
    }
}

/// Packets whose times are known; a power of two, above those on their way.
const SLOTS: usize = 4096;
/// Times that a burst is offered to the device before it is lost.
const OFFERS_MAX: u32 = 1000;
/// Packets that are timed together; a fraction of what the scheduler gives at once.
const STRETCH_PACKETS: u64 = 256;
const STRETCHES_MAX: usize = 1 << 20;
/// Polls that find nothing between looks at the clock.
const IDLE_POLLS: u32 = 32;
const WARM_UP_NS: u64 = 50_000_000;
/// When nothing came for so long, all packets are sent anew.
const LOST_NS: u64 = 200_000_000;
const SILENCE_NS_MAX: u64 = 10_000_000_000;
