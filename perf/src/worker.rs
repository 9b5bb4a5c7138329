//! One thread of a load: its connections, one epoll set, and the loop that keeps both busy.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::ensure;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::connection::{Connection, Entry};
use crate::cpu::thread_cpu_ns;
use crate::dataset::Dataset;
use crate::generator::Shared;
use crate::load::Load;
use crate::number::{index, nanoseconds};
use crate::protocol::Protocol;
use crate::schedule::Schedule;
use crate::tally::Tally;
use crate::workload::{Operation, OperationSource, Step};

/// Says when a thread may send its next request.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// Absent in a closed loop: always.
    schedule: Option<Schedule>,
    remaining: u64,
    deadline_ns: u64,
}

impl Pacer {
    pub(crate) fn new(schedule: Option<Schedule>, requests: u64, deadline_ns: u64) -> Self {
        Self { schedule, remaining: requests, deadline_ns }
    }

    /// The start of the next request, if it may be sent at `now_ns`. In an open loop that is when it was due.
    #[inline]
    pub(crate) fn take(&mut self, now_ns: u64) -> Option<u64> {
        if self.is_over(now_ns) {
            return None;
        }
        let started_ns = match &mut self.schedule {
            None => now_ns,
            Some(schedule) => {
                let due_ns = schedule.due_ns();
                if due_ns > now_ns {
                    return None;
                }
                schedule.advance();
                due_ns
            }
        };
        self.remaining -= 1;
        Some(started_ns)
    }

    /// Whether nothing more is to be sent.
    pub(crate) fn is_over(&self, now_ns: u64) -> bool {
        let is_late = match &self.schedule {
            None => now_ns >= self.deadline_ns,
            Some(schedule) => {
                schedule.due_ns() >= self.deadline_ns
                    || now_ns >= self.deadline_ns.saturating_add(OVERRUN_NS_MAX)
            }
        };
        is_late || self.remaining == 0
    }

    /// Nanoseconds until the next request is due.
    pub(crate) fn wait_ns(&self, now_ns: u64) -> u64 {
        match &self.schedule {
            Some(schedule) if !self.is_over(now_ns) => schedule.due_ns().saturating_sub(now_ns),
            _ => u64::MAX,
        }
    }

    pub(crate) fn stop(&mut self) {
        self.remaining = 0;
    }

    /// Requests that were due before the deadline and have not been taken.
    pub(crate) fn unsent(mut self) -> u64 {
        let Some(mut schedule) = self.schedule.take() else { return 0 };
        let mut count = 0;
        while self.deadline_ns != u64::MAX && count < self.remaining && schedule.due_ns() < self.deadline_ns {
            schedule.advance();
            count += 1;
        }
        count
    }
}

/// The state of one thread of a load.
#[derive(Debug)]
pub(crate) struct Worker<'a> {
    load: &'a Load,
    protocol: Protocol,
    shared: &'a Shared<'a>,
    connections: Vec<Connection>,
    epoll: OwnedFd,
    /// Connections without requests on their way, longest idle first.
    idle: VecDeque<usize>,
    source: OperationSource<'a>,
    pacer: Pacer,
    tally: Tally,
    received: Vec<u8>,
    encoded: Vec<u8>,
    /// The keys of the request being encoded, where it has many.
    keys: Vec<u64>,
    origin: Instant,
    answered_ns: u64,
    operations_shown: u64,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(
        load: &'a Load,
        protocol: Protocol,
        shared: &'a Shared<'a>,
        connections: Vec<Connection>,
        source: OperationSource<'a>,
        pacer: Pacer,
    ) -> anyhow::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (index, connection) in connections.iter().enumerate() {
            epoll::add(&epoll, connection, EventData::new_u64(index as u64), EventFlags::IN)?;
        }
        Ok(Self {
            load,
            protocol,
            shared,
            epoll,
            idle: (0..connections.len()).collect(),
            connections,
            source,
            pacer,
            tally: Tally::new(),
            received: vec![0; RECEIVE_BYTES],
            encoded: Vec::new(),
            keys: Vec::new(),
            origin: Instant::now(),
            answered_ns: 0,
            operations_shown: 0,
        })
    }

    /// Runs this thread's share of the load.
    pub(crate) fn run(mut self) -> anyhow::Result<Tally> {
        let cpu_before_ns = thread_cpu_ns();
        let result = self.turns();
        if result.is_err() {
            self.shared.failed.store(true, Ordering::Relaxed);
        }
        result?;
        self.tally.elapsed_ns = self.now_ns();
        self.tally.client_cpu_ns = thread_cpu_ns() - cpu_before_ns;
        let is_interrupted = self.shared.interrupted.load(Ordering::Relaxed);
        self.tally.unsent = if is_interrupted { 0 } else { self.pacer.unsent() };
        Ok(self.tally)
    }

    fn turns(&mut self) -> anyhow::Result<()> {
        self.origin = Instant::now();
        sharpen_timers();
        self.dispatch(0)?;
        let mut events = Vec::with_capacity(EVENTS_MAX);
        while !self.is_done() {
            self.wait(&mut events)?;
            for event in events.drain(..) {
                self.serve(index(event.data.u64()), event.flags)?;
            }
            self.dispatch(self.now_ns())?;
            self.check()?;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.idle.len() == self.connections.len() && self.pacer.is_over(self.now_ns())
    }

    /// Starts batches on idle connections while requests are due.
    fn dispatch(&mut self, now_ns: u64) -> anyhow::Result<()> {
        while let Some(&index) = self.idle.front() {
            if !self.start_batch(index, now_ns)? {
                break;
            }
            self.idle.pop_front();
        }
        Ok(())
    }

    /// Sends what is due on connection `index` at once; false when nothing is.
    fn start_batch(&mut self, index: usize, now_ns: u64) -> anyhow::Result<bool> {
        let connection = &mut self.connections[index];
        self.encoded.clear();
        for entry in connection.begin_batch() {
            self.protocol.push(&mut self.encoded, &self.load.dataset, entry.operation);
        }
        while connection.batch_count() < self.load.pipeline {
            let Some(started_ns) = self.pacer.take(now_ns) else { break };
            let operation = self.source.draw();
            let (protocol, dataset) = (self.protocol, &self.load.dataset);
            if self.load.keys_per_request == 1 {
                protocol.push(&mut self.encoded, dataset, operation);
            } else {
                self.source.draw_keys(&mut self.keys, operation, self.load.keys_per_request);
                encode_many(protocol, dataset, &mut self.encoded, operation, &self.keys);
            }
            connection.push(Entry { operation, started_ns });
        }
        if connection.is_idle() {
            return Ok(false);
        }
        connection.send(&self.encoded)?;
        if connection.has_unsent() {
            self.set_interest(index, EventFlags::IN | EventFlags::OUT)?;
        }
        Ok(true)
    }

    /// Answers one readiness event.
    fn serve(&mut self, index: usize, flags: EventFlags) -> anyhow::Result<()> {
        if flags.contains(EventFlags::OUT) {
            self.connections[index].flush()?;
            if !self.connections[index].has_unsent() {
                self.set_interest(index, EventFlags::IN)?;
            }
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            self.receive(index)?;
        }
        Ok(())
    }

    fn receive(&mut self, index: usize) -> anyhow::Result<()> {
        let connection = &mut self.connections[index];
        let received = connection.receive(&mut self.received)?;
        let now_ns = nanoseconds(self.origin.elapsed());
        let was_idle = connection.is_idle();
        connection.take_replies(self.protocol, &self.received[..received], |entry, kind, reply| {
            self.tally.count(kind, reply, now_ns.saturating_sub(entry.started_ns));
        })?;
        self.answered_ns = now_ns;
        if was_idle || !connection.is_idle() {
            return Ok(());
        }
        if connection.has_follow_ups() {
            self.start_batch(index, now_ns)?;
            return Ok(());
        }
        self.idle.push_back(index);
        self.dispatch(now_ns)
    }

    /// Waits for events, for the next request to be due, or for a tick.
    fn wait(&self, events: &mut Vec<Event>) -> anyhow::Result<()> {
        let due_ns = if self.idle.is_empty() { u64::MAX } else { self.pacer.wait_ns(self.now_ns()) };
        wait(&self.epoll, events, due_ns, TICK_NS)
    }

    /// Reports progress, notices stops, and refuses to wait for ever.
    fn check(&mut self) -> anyhow::Result<()> {
        let new = self.tally.operations - self.operations_shown;
        self.operations_shown = self.tally.operations;
        self.shared.operations.fetch_add(new, Ordering::Relaxed);
        if self.shared.interrupted.load(Ordering::Relaxed) || self.shared.failed.load(Ordering::Relaxed) {
            self.pacer.stop();
        }
        let is_waiting = self.idle.len() < self.connections.len();
        let silent_ns = self.now_ns().saturating_sub(self.answered_ns);
        ensure!(!is_waiting || silent_ns < SILENCE_NS_MAX, "{} stopped answering", self.load.target);
        if !is_waiting {
            self.answered_ns = self.now_ns();
        }
        Ok(())
    }

    fn set_interest(&self, index: usize, flags: EventFlags) -> anyhow::Result<()> {
        Ok(epoll::modify(&self.epoll, &self.connections[index], EventData::new_u64(index as u64), flags)?)
    }

    fn now_ns(&self) -> u64 {
        nanoseconds(self.origin.elapsed())
    }
}

/// As `Protocol::push`, for a request of many keys; a load of those has no inserts and no read-modify-writes.
fn encode_many(protocol: Protocol, dataset: &Dataset, out: &mut Vec<u8>, operation: Operation, keys: &[u64]) {
    match operation.step {
        Step::Read | Step::ReadToModify => protocol.push_read_many(out, dataset, keys),
        Step::Write | Step::Insert => protocol.push_write_many(out, dataset, keys),
    }
}

/// Waits for events, until something is due in `due_ns`, which may be never, or for `tick_ns`.
pub(crate) fn wait(
    epoll: &OwnedFd,
    events: &mut Vec<Event>,
    due_ns: u64,
    tick_ns: u64,
) -> anyhow::Result<()> {
    let sleep_ns = due_ns.saturating_sub(SPIN_NS).min(tick_ns);
    if due_ns != u64::MAX && sleep_ns > 0 {
        // epoll_wait counts milliseconds; ppoll on the epoll set counts nanoseconds.
        ignore_interrupt(poll(&mut [PollFd::new(epoll, PollFlags::IN)], Some(&timespec(sleep_ns))))?;
    }
    let timeout = timespec(if due_ns == u64::MAX { tick_ns } else { 0 });
    Ok(ignore_interrupt(epoll::wait(epoll, spare_capacity(events), Some(&timeout)))?)
}

/// Lets this thread wake within about a microsecond of a timer instead of 50.
pub(crate) fn sharpen_timers() {
    // A kernel that refuses leaves timers coarse: later wake-ups count as latency, which is honest.
    let _ = rustix::thread::set_current_timer_slack(core::num::NonZeroU64::new(1));
}

fn timespec(duration_ns: u64) -> Timespec {
    let part = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    Timespec { tv_sec: part(duration_ns / 1_000_000_000), tv_nsec: part(duration_ns % 1_000_000_000) }
}

/// A signal ends a wait early; who set a flag is seen in `check`.
fn ignore_interrupt(result: Result<usize, Errno>) -> Result<(), Errno> {
    match result {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error),
    }
}

const EVENTS_MAX: usize = 256;
/// Received at once; more waits in the socket.
const RECEIVE_BYTES: usize = 256 * 1024;
/// Longest wait before flags are looked at.
const TICK_NS: u64 = 100_000_000;
/// A sleep ends this much early and polls the rest: waking takes about as long.
const SPIN_NS: u64 = 50_000;
/// How long past its deadline an open loop still sends what was due before.
const OVERRUN_NS_MAX: u64 = 2_000_000_000;
/// A server that leaves requests unanswered for so long is given up.
const SILENCE_NS_MAX: u64 = 15_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::schedule::Arrivals;

    /// One request every microsecond.
    fn open(requests: u64, deadline_ns: u64) -> Pacer {
        Pacer::new(Some(Schedule::new(Arrivals::Fixed, 1e6, 0.0, Random::new(1, 0))), requests, deadline_ns)
    }

    #[test]
    fn a_closed_loop_starts_now_until_it_is_over() {
        let mut pacer = Pacer::new(None, 2, 100);
        assert_eq!(pacer.take(7), Some(7));
        assert_eq!(pacer.take(100), None);
        assert_eq!(pacer.take(99), Some(99));
        assert_eq!(pacer.take(99), None);
        assert_eq!(pacer.wait_ns(0), u64::MAX);
    }

    #[test]
    fn an_open_loop_counts_from_when_requests_were_due() {
        let mut pacer = open(u64::MAX, u64::MAX);
        assert_eq!(pacer.take(0), Some(0));
        assert_eq!(pacer.take(999), None);
        assert_eq!(pacer.wait_ns(400), 600);
        let late_ns = 3_500;
        assert_eq!([pacer.take(late_ns), pacer.take(late_ns)], [Some(1000), Some(2000)]);
        assert_eq!([pacer.take(late_ns), pacer.take(late_ns)], [Some(3000), None]);
    }

    #[test]
    fn requests_due_before_the_deadline_are_sent_after_it() {
        let mut pacer = open(u64::MAX, 2_000);
        assert_eq!(pacer.take(50_000), Some(0));
        assert_eq!(pacer.take(50_000), Some(1000));
        assert!(pacer.is_over(50_000));
        assert_eq!(pacer.take(50_000), None);
        assert_eq!(pacer.unsent(), 0);
    }

    #[test]
    fn requests_never_sent_are_counted() {
        let mut pacer = open(u64::MAX, 10_000);
        assert_eq!(pacer.take(0), Some(0));
        assert_eq!(pacer.take(10_000 + OVERRUN_NS_MAX), None);
        assert_eq!(pacer.unsent(), 9);
    }
}
