//! The loop that keeps the clients of a load busy: one thread, closed loop.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};

use super::client::Client;
use super::{WindowLoad, WindowProtocol};
use crate::cpu::{process_cpu_ns, thread_cpu_ns};
use crate::distribution::KeyChooser;
use crate::load::Limit;
use crate::number::{index, nanoseconds, whole};
use crate::random::Random;
use crate::tally::Tally;
use crate::worker::{Pacer, ignore_interrupt};
use crate::workload::{Mix, OperationSource};

/// Runs `load` with clients that speak `P`.
pub(super) fn run<P: WindowProtocol>(load: &WindowLoad, interrupted: &AtomicBool) -> anyhow::Result<Tally> {
    let keys = AtomicU64::new(if load.mix == Mix::Preload { 0 } else { load.keys });
    let chooser = KeyChooser::new(load.distribution(), load.keys);
    let source = OperationSource::new(load.mix, chooser, Random::new(load.seed, 0), &keys, 0);
    let mut driver = Driver::<P>::new(load, source).with_context(|| load.server.to_string())?;
    let cpu_before_ns = load.server_pid.map(process_cpu_ns).transpose()?;
    let client_before_ns = thread_cpu_ns();
    driver.turns(interrupted)?;
    let mut tally = driver.tally;
    tally.elapsed_ns = nanoseconds(driver.origin.elapsed());
    tally.client_cpu_ns = thread_cpu_ns() - client_before_ns;
    let cpu_after_ns = load.server_pid.map(process_cpu_ns).transpose()?;
    tally.server_cpu_ns = cpu_after_ns.zip(cpu_before_ns).map(|(after, before)| after.saturating_sub(before));
    Ok(tally)
}

struct Driver<'a, P> {
    load: &'a WindowLoad,
    clients: Vec<Client<P>>,
    epoll: OwnedFd,
    source: OperationSource<'a>,
    pacer: Pacer,
    tally: Tally,
    origin: Instant,
    checked_ns: u64,
    /// When something was last answered, and how much was then.
    answered: (u64, u64),
}

impl<'a, P: WindowProtocol> Driver<'a, P> {
    fn new(load: &'a WindowLoad, source: OperationSource<'a>) -> anyhow::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let clients = (0..load.clients).map(|_| Client::open(load)).collect::<anyhow::Result<Vec<_>>>()?;
        for (index, client) in (0..).zip(&clients) {
            epoll::add(&epoll, client, EventData::new_u64(index), EventFlags::IN)?;
        }
        let pacer = match load.limit {
            Limit::Requests(requests) => Pacer::new(None, requests, u64::MAX),
            Limit::Seconds(seconds) => Pacer::new(None, u64::MAX, whole(seconds * 1e9)),
        };
        let (tally, origin) = (Tally::new(), Instant::now());
        Ok(Self { load, clients, epoll, source, pacer, tally, origin, checked_ns: 0, answered: (0, 0) })
    }

    fn turns(&mut self, interrupted: &AtomicBool) -> anyhow::Result<()> {
        self.origin = Instant::now();
        (0..self.clients.len()).try_for_each(|index| self.refill(index, 0))?;
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
        while !self.is_done() {
            ignore_interrupt(epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&TICK)))?;
            for event in events.drain(..) {
                self.serve(index(event.data.u64()))?;
            }
            self.check(interrupted)?;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.pacer.is_over(self.now_ns()) && self.clients.iter().all(|client| client.in_flight() == 0)
    }

    /// Takes what has come for a client, and asks as much again.
    fn serve(&mut self, index: usize) -> anyhow::Result<()> {
        self.clients[index].receive()?;
        let now_ns = self.now_ns();
        self.clients[index].take_replies(&self.load.dataset, now_ns, &mut self.tally)?;
        self.refill(index, now_ns)
    }

    fn refill(&mut self, index: usize, now_ns: u64) -> anyhow::Result<()> {
        let client = &mut self.clients[index];
        while client.in_flight() < self.load.in_flight
            && client.has_room()
            && self.pacer.take(now_ns).is_some()
        {
            client.begin(self.source.draw(), &self.load.dataset, now_ns);
        }
        client.flush()
    }

    /// Sends again what seems lost, notices Ctrl-C, and refuses to wait for ever. Looks every few turns.
    fn check(&mut self, interrupted: &AtomicBool) -> anyhow::Result<()> {
        let now_ns = self.now_ns();
        if now_ns < self.checked_ns + TICK_NS {
            return Ok(());
        }
        self.checked_ns = now_ns;
        if interrupted.load(Ordering::Relaxed) {
            self.pacer.stop();
        }
        if let Some(sent_before_ns) = now_ns.checked_sub(RESEND_NS) {
            for client in &mut self.clients {
                self.tally.resent += client.resend(sent_before_ns, now_ns, &self.load.dataset)?;
            }
        }
        if self.tally.operations > self.answered.1 {
            self.answered = (now_ns, self.tally.operations);
        }
        ensure!(now_ns - self.answered.0 < SILENCE_NS_MAX, "{} stopped answering", self.load.server);
        Ok(())
    }

    fn now_ns(&self) -> u64 {
        nanoseconds(self.origin.elapsed())
    }
}

const EVENTS_MAX: usize = 256;
/// How often requests and flags are looked at.
const TICK_NS: u64 = 10_000_000;
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: TICK_NS.cast_signed() };
/// A datagram that is not answered for so long is sent again. Far above what a busy server takes.
const RESEND_NS: u64 = 200_000_000;
/// A server that answers nothing for so long is given up.
const SILENCE_NS_MAX: u64 = 15_000_000_000;
