//! The loop that keeps the clients of a load busy: one thread, closed or open loop.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context, ensure};
use rustix::event::epoll::{self, Event, EventData, EventFlags};

use super::client::Client;
use super::{Question, WindowProtocol};
use crate::cpu::thread_cpu_ns;
use crate::generator::{Shared, pacer, source, with_server_cpu};
use crate::load::{Load, Pace};
use crate::number::{index, nanoseconds};
use crate::tally::Tally;
use crate::worker::{Pacer, sharpen_timers, wait};
use crate::workload::OperationSource;

/// Runs `load` with clients that speak `P`.
pub(super) fn run<P: WindowProtocol>(load: &Load, shared: &Shared<'_>) -> anyhow::Result<Tally> {
    let driver = Driver::<P>::new(load, shared).with_context(|| load.target.to_string())?;
    with_server_cpu(load, || driver.run())
}

struct Driver<'a, P> {
    load: &'a Load,
    shared: &'a Shared<'a>,
    clients: Vec<Client<P>>,
    epoll: OwnedFd,
    source: OperationSource<'a>,
    pacer: Pacer,
    tally: Tally,
    origin: Instant,
    checked_ns: u64,
    /// When something was last answered, and how much was then.
    answered: (u64, u64),
    /// The client that takes the next request of an open loop.
    next: usize,
}

impl<'a, P: WindowProtocol> Driver<'a, P> {
    fn new(load: &'a Load, shared: &'a Shared<'a>) -> anyhow::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let clients =
            (0..load.connections).map(|_| Client::open(load)).collect::<anyhow::Result<Vec<_>>>()?;
        for (index, client) in (0..).zip(&clients) {
            if let Some(fd) = client.fd() {
                epoll::add(&epoll, fd, EventData::new_u64(index), EventFlags::IN)?;
            }
        }
        Ok(Self {
            load,
            shared,
            clients,
            epoll,
            source: source(load, shared, 0),
            pacer: pacer(load, 0),
            tally: Tally::new(),
            origin: Instant::now(),
            checked_ns: 0,
            answered: (0, 0),
            next: 0,
        })
    }

    fn run(mut self) -> anyhow::Result<Tally> {
        let cpu_before_ns = thread_cpu_ns();
        self.turns()?;
        self.tally.elapsed_ns = self.now_ns();
        self.tally.client_cpu_ns = thread_cpu_ns() - cpu_before_ns;
        let is_interrupted = self.shared.interrupted.load(Ordering::Relaxed);
        self.tally.unsent = if is_interrupted { 0 } else { self.pacer.unsent() };
        Ok(self.tally)
    }

    fn turns(&mut self) -> anyhow::Result<()> {
        self.origin = Instant::now();
        sharpen_timers();
        (0..self.clients.len()).try_for_each(|index| self.refill(index, 0))?;
        if self.clients.iter().any(|client| client.fd().is_none()) {
            return self.polled_turns();
        }
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
        while !self.is_done() {
            wait(&self.epoll, &mut events, self.due_ns(), TICK_NS)?;
            for event in events.drain(..) {
                self.serve(index(event.data.u64()))?;
            }
            self.send_due()?;
            self.check()?;
        }
        Ok(())
    }

    /// The same for wires that nothing tells of.
    fn polled_turns(&mut self) -> anyhow::Result<()> {
        while !self.is_done() {
            (0..self.clients.len()).try_for_each(|index| self.serve(index))?;
            self.send_due()?;
            self.check()?;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.pacer.is_over(self.now_ns()) && self.clients.iter().all(Client::is_idle)
    }

    /// Nanoseconds until a client is to send something that waits for nothing but its time.
    fn due_ns(&self) -> u64 {
        let has_room = || self.clients.iter().any(|client| client.has_room(self.load.pipeline));
        if self.is_open() && has_room() { self.pacer.wait_ns(self.now_ns()) } else { u64::MAX }
    }

    fn is_open(&self) -> bool {
        self.load.pace != Pace::Closed
    }

    /// Takes what has come for a client, and in a closed loop asks as much again.
    fn serve(&mut self, index: usize) -> anyhow::Result<()> {
        self.clients[index].receive()?;
        let now_ns = self.now_ns();
        self.clients[index].take_replies(self.load, now_ns, &mut self.tally)?;
        self.refill(index, now_ns)
    }

    /// Sends what follows from replies to a client, and in a closed loop as much more as it has room for.
    fn refill(&mut self, index: usize, now_ns: u64) -> anyhow::Result<()> {
        self.clients[index].follow_up(&self.load.dataset, now_ns);
        while !self.is_open() && self.begin(index, now_ns) {}
        self.clients[index].flush()
    }

    /// Sends what is due in an open loop, the clients taking turns.
    fn send_due(&mut self) -> anyhow::Result<()> {
        if !self.is_open() {
            return Ok(());
        }
        let (first, count, now_ns) = (self.next, self.clients.len(), self.now_ns());
        let (mut looked_at, mut full) = (0, 0);
        while full < count && self.pacer.wait_ns(now_ns) == 0 {
            full = if self.begin(self.next, now_ns) { 0 } else { full + 1 };
            self.next = (self.next + 1) % count;
            looked_at += 1;
        }
        (first..first + looked_at.min(count)).try_for_each(|index| self.clients[index % count].flush())
    }

    /// Begins the next operation on a client, if it has room and there is one to begin.
    fn begin(&mut self, index: usize, now_ns: u64) -> bool {
        let client = &mut self.clients[index];
        if !client.has_room(self.load.pipeline) {
            return false;
        }
        let Some(started_ns) = self.pacer.take(now_ns) else { return false };
        let mut question = Question::of(self.source.draw());
        if self.load.keys_per_request > 1 {
            self.source.draw_more(&mut question.more, self.load.keys_per_request - 1);
        }
        client.begin(question, &self.load.dataset, started_ns, now_ns);
        true
    }

    /// Sends again what seems lost, notices Ctrl-C, and refuses to wait for ever. Looks every few turns.
    fn check(&mut self) -> anyhow::Result<()> {
        let now_ns = self.now_ns();
        if now_ns < self.checked_ns + TICK_NS {
            return Ok(());
        }
        self.checked_ns = now_ns;
        if self.shared.interrupted.load(Ordering::Relaxed) {
            self.pacer.stop();
        }
        for client in &mut self.clients {
            self.tally.resent += client.resend(now_ns, &self.load.dataset)?;
        }
        if self.tally.operations > self.answered.1 || self.clients.iter().all(Client::is_idle) {
            self.answered = (now_ns, self.tally.operations);
        }
        ensure!(now_ns - self.answered.0 < SILENCE_NS_MAX, "{} stopped answering", self.load.target);
        Ok(())
    }

    fn now_ns(&self) -> u64 {
        nanoseconds(self.origin.elapsed())
    }
}

const EVENTS_MAX: usize = 256;
/// How often requests and flags are looked at.
const TICK_NS: u64 = 10_000_000;
/// A server that answers nothing for so long is given up.
const SILENCE_NS_MAX: u64 = 15_000_000_000;
