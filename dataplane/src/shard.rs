//! The loop: one turn after the other, each bounded in items and bytes.

use std::collections::VecDeque;
use std::time::Duration;

use adit_drivers::chunk::{CHUNK_BYTES, ChunkPool};
use adit_drivers::clock::{Clock, Now};
use adit_drivers::memory::{BLOCK_BYTES, PAGE_BYTES};
use adit_drivers::streams::{ConnectionId, Event, Wait};
use adit_store::kv::Store;
use adit_wire::kv::BucketId;
use adit_wire::resp::reply;
use crossbeam_channel::{Receiver, TryRecvError};

use crate::batch::Batch;
use crate::calls::Calls;
use crate::connection::{Connection, Heap};
use crate::connections::Connections;
use crate::engine::Engine;
use crate::inflight::InFlight;
use crate::interfaces::{Interface, Interfaces, Service};
use crate::limits::IdleCheck;
use crate::mailbox::Command;
use crate::map::SlotMap;
use crate::mesh::Mesh;
use crate::message::{Answer, Ask, Message, Reply};
use crate::native::{Native, NativeParts};
use crate::settings::{
    ASKS_PER_FETCH, IDLE_NS_MIN, INFLIGHT_SLOTS, SHOW_IDLE_NS, SHOW_INTERVAL_NS, STALL_CHECK_NS,
    STALL_NS_MAX, SWEEP_BUCKETS_MAX, SWEEP_INTERVAL_NS, Settings, TRANSMIT_RETRY_NS, TURN_ASKS_MAX,
    TURN_TRANSACTION_OPERATIONS_MAX,
};
use crate::spin::Spin;
use crate::splicing::{Splicings, is_long};
use crate::stats::{BUCKETS, Counter, Counters, Rates, StatsReader, StatsWriter, total};
use crate::transaction::Transactions;
use crate::transaction::encoded::Encoded;
use crate::transaction::intents::Intents;
use crate::transaction::pending::Pending;
use crate::transaction::step::Parked;

/// What a shard is made of.
pub struct Parts {
    /// Its number.
    pub index: u16,
    /// By which devices clients come; the first one may sleep, the others are polled.
    pub interfaces: Vec<Interface>,
    /// The time.
    pub clock: Clock,
    /// Its keys.
    pub store: Store,
    /// Bytes of the chunks that carry requests and replies.
    pub buffer_bytes: u64,
    /// Which shard owns which slot.
    pub map: SlotMap,
    /// The rings to the other shards.
    pub mesh: Mesh,
    /// Commands from control.
    pub mailbox: Receiver<Command>,
    /// The page of its counters.
    pub stats: StatsWriter,
    /// The pages of all shards' counters.
    pub pages: Vec<StatsReader>,
    /// What is the same for all shards.
    pub settings: Settings,
    /// What the native protocol needs.
    pub native: NativeParts,
}

/// One shard.
pub struct Shard {
    pub(crate) index: u16,
    pub(crate) streams: Interfaces,
    pub(crate) pool: ChunkPool,
    pub(crate) heap: Heap,
    clock: Clock,
    /// The time of this turn.
    pub(crate) now: Now,
    /// When its milliseconds since 1970 change next, on its other clock.
    tick_ns: u64,
    pub(crate) engine: Engine,
    pub(crate) map: SlotMap,
    pub(crate) mesh: Mesh,
    pub(crate) inflight: InFlight,
    pub(crate) connections: Connections,
    /// Connections with requests to try in this turn.
    pub(crate) ready: VecDeque<u32>,
    /// Connections whose request goes on in the next turn.
    pub(crate) again: Vec<u32>,
    /// Connections whose request goes on when another shard has answered.
    pub(crate) starved: Vec<u32>,
    /// Connections with something to send.
    pub(crate) dirty: Vec<u32>,
    /// Some connection may have stalled.
    pub(crate) watch: bool,
    pub(crate) batch: Batch,
    events: Vec<Event>,
    asks: Vec<Message>,
    /// Who holds which of this shard's keys.
    pub(crate) intents: Intents<Parked>,
    /// What those have in hand here.
    pub(crate) pending: Vec<Pending>,
    /// Evicted keys that were counted.
    evicted_shown: u64,
    /// The connection whose requests are being executed.
    pub(crate) executing: Option<u32>,
    /// Long values that are written into others.
    pub(crate) splicings: Splicings,
    /// Transactions of this shard's connections.
    pub(crate) transactions: Transactions,
    /// Operations of transactions that this turn may still execute.
    pub(crate) transaction_work_left: usize,
    /// Where replies of several keys are encoded.
    pub(crate) scratch: Encoded,
    mailbox: Receiver<Command>,
    pub(crate) stats: StatsWriter,
    pub(crate) pages: Vec<StatsReader>,
    pub(crate) settings: Settings,
    /// How often each command was called.
    pub(crate) calls: Calls,
    /// Connections that sleep, and until when.
    pub(crate) sleepers: Vec<(u64, ConnectionId)>,
    /// Keys that have expired are looked for.
    pub(crate) expires_actively: bool,
    pub(crate) idle: IdleCheck,
    /// The stores of all shards take more than `maxmemory` allows.
    pub(crate) is_over_memory: bool,
    /// Where devices are polled.
    spin: Spin,
    /// The last turn found work.
    was_busy: bool,
    /// Everybody was told that it sleeps.
    sleeps: bool,
    rates: Rates,
    accepted_count: u64,
    next_sweep_ns: u64,
    next_stall_check_ns: u64,
    next_show_ns: u64,
    next_port_counters_ns: u64,
    pub(crate) turn_bytes: u64,
    pub(crate) native: Native,
}

impl Shard {
    /// A shard of these parts.
    pub fn new(parts: Parts) -> Self {
        let pinned_bytes = parts.store.usage().arena.pages * PAGE_BYTES as u64 / 4;
        let (streams, ports) = parts
            .interfaces
            .into_iter()
            .map(|one| ((one.streams, one.services), (one.port, one.addresses)))
            .unzip();
        let native = Native::new(parts.native, ports, &parts.map, pinned_bytes);
        let mut shard = Self {
            index: parts.index,
            streams: Interfaces::new(streams),
            // Half of the buffers are chunks, a quarter is for requests that do not fit in one, a quarter for replies
            // that wait for their turn.
            pool: ChunkPool::new(parts.buffer_bytes / 2),
            heap: Heap::new(parts.buffer_bytes / 4),
            inflight: InFlight::new(INFLIGHT_SLOTS, parts.buffer_bytes / 4),
            now: parts.clock.now(),
            tick_ns: 0,
            clock: parts.clock,
            engine: Engine::new(parts.store),
            map: parts.map,
            intents: Intents::default(),
            pending: Vec::new(),
            evicted_shown: 0,
            executing: None,
            splicings: Splicings::new(),
            transactions: Transactions::new(parts.mesh.transactions_max()),
            transaction_work_left: 0,
            scratch: Encoded::default(),
            mesh: parts.mesh,
            connections: Connections::default(),
            ready: VecDeque::new(),
            again: Vec::new(),
            starved: Vec::new(),
            dirty: Vec::new(),
            watch: false,
            batch: Batch::default(),
            events: Vec::new(),
            asks: Vec::new(),
            mailbox: parts.mailbox,
            stats: parts.stats,
            pages: parts.pages,
            settings: parts.settings,
            calls: Calls::default(),
            sleepers: Vec::new(),
            expires_actively: true,
            idle: IdleCheck::default(),
            is_over_memory: false,
            spin: Spin::default(),
            was_busy: false,
            sleeps: false,
            rates: Rates::default(),
            accepted_count: 0,
            next_sweep_ns: 0,
            next_stall_check_ns: 0,
            next_show_ns: 0,
            next_port_counters_ns: 0,
            turn_bytes: 0,
            native,
        };
        shard.set_memory_limits();
        shard
    }

    /// One turn: receive, execute, exchange with other shards, send, tend. Says whether to go on.
    pub fn turn(&mut self) -> bool {
        self.receive();
        let requests = self.run_requests() + self.run_ports();
        self.run_links();
        let asks = self.answer_asks();
        self.streams.worked(requests, asks);
        self.was_busy |= requests + asks > 0;
        self.take_answers();
        self.run_splices();
        self.run_transactions();
        self.mesh.publish();
        self.send();
        self.send_native();
        self.streams.flush(self.now.mono_ns);
        self.tend();
        self.take_command()
    }

    /// Whether nothing is left to do, for simulations that run until then.
    pub fn is_idle(&mut self) -> bool {
        !self.has_work()
            && self.starved.is_empty()
            && self.inflight.is_idle()
            && self.transactions.is_idle()
            && self.intents.is_idle()
            && self.native.waiting.count() == 0
            && !self.mesh.has_incoming()
    }

    /// Whether a turn would do something now, for simulations that go on to when one would.
    pub fn is_busy(&mut self) -> bool {
        self.has_work() || self.native.waits_for_device() || self.mesh.has_incoming()
    }

    /// What is held now, for leak checks: bytes of chunks, bytes on the heap, and whether all in-flight slots are
    /// free.
    pub fn held(&self) -> (u64, usize, bool) {
        (self.pool.lent_bytes(), self.heap.used_bytes(), self.inflight.is_idle())
    }

    /// The store, for tests that look into it.
    pub fn store(&self) -> &Store {
        &self.engine.store
    }

    /// The counters, for tests that look at them.
    pub fn counters(&self) -> &Counters {
        &self.engine.counters
    }

    fn has_work(&self) -> bool {
        !(self.ready.is_empty() && self.again.is_empty() && self.dirty.is_empty())
            || self.engine.store.has_sweep_debt()
            || self.engine.store.has_adoption_debt()
            || self.engine.store.is_collecting()
            || self.intents.has_ready()
            || !self.splicings.is_empty()
            || self.transactions.has_active()
            || self.native.has_work()
    }

    /// What native clients make the shard hold, for leak checks: sessions, requests that wait, bytes kept for them, and
    /// whether all trains have left.
    pub fn held_for_sessions(&self) -> (usize, usize, u64, bool) {
        self.native.held()
    }

    /// Sends what is due to native clients.
    fn send_native(&mut self) {
        self.send_credits();
        let sent_bytes = self.transmit();
        self.turn_bytes += sent_bytes;
        self.engine.counters.add(Counter::SentBytes, sent_bytes);
        self.send_links();
    }

    /// How long the next poll may wait.
    fn wait(&self) -> Wait {
        if self.has_work() {
            return Wait::No;
        }
        let sweep = self.expires().then_some(self.next_sweep_ns);
        let stall = self.watch.then_some(self.next_stall_check_ns);
        let sleeper = self.sleepers.iter().map(|(until_ns, _)| *until_ns).min();
        let retry = self.native.waits_for_device().then_some(self.now.mono_ns + TRANSMIT_RETRY_NS);
        let session = self.native.sessions.next_check_ns().into_iter().chain(retry).min();
        let others = stall.into_iter().chain(sleeper).chain(session).chain(self.next_idle_check_ns());
        let wait = match sweep.into_iter().chain(others).chain(self.streams.due_ns()).min() {
            Some(due_ns) => Wait::For(Duration::from_nanos(due_ns.saturating_sub(self.now.mono_ns))),
            None => Wait::Forever,
        };
        if !self.streams.are_polled() {
            return wait;
        }
        self.spin.wait(self.now.mono_ns, wait, self.streams.interrupts())
    }

    /// Whether expired keys are to be looked for.
    fn expires(&self) -> bool {
        self.expires_actively && self.engine.store.has_expiring()
    }

    /// Says that the shard is about to sleep, then looks whether something has come in: who puts something in after
    /// that look will wake it.
    fn must_not_sleep(&mut self) -> bool {
        let is_told = self.streams.interrupts();
        self.streams.prepare_sleep();
        let cannot_be_told = is_told && !self.streams.interrupts();
        cannot_be_told || self.mesh.has_incoming() || !self.mailbox.is_empty()
    }

    /// Receives a burst of what came in; sleeps first if there is nothing to do.
    fn receive(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        let wait = self.prepare_wait(&mut events);
        self.streams.poll_first(wait, self.now.mono_ns, &mut self.pool, &mut events);
        self.pass_time(wait);
        let has_come = self.streams.poll_others(self.now.mono_ns, &mut self.pool, &mut events);
        self.turn_bytes = 0;
        self.transaction_work_left = TURN_TRANSACTION_OPERATIONS_MAX;
        if !self.again.is_empty() {
            self.ready.extend(self.again.drain(..));
        }
        let busy = has_come || !events.is_empty() || !self.ready.is_empty();
        if busy || self.was_busy {
            // At once, or it would nap behind the first burst after a nap, and its work would not be counted.
            self.spin.worked(self.now.mono_ns);
        }
        self.was_busy = busy;
        events.drain(..).for_each(|event| self.take_event(event));
        self.events = events;
        self.engine.counters.add(Counter::Turns, 1);
        self.engine.counters.add(Counter::BusyTurns, u64::from(busy));
    }

    /// How long the first interface may wait. Before a sleep everybody is told, and everything is looked at once more.
    fn prepare_wait(&mut self, events: &mut Vec<Event>) -> Wait {
        let wait = self.wait();
        if wait == Wait::No {
            return wait;
        }
        if self.was_busy || self.now.mono_ns >= self.next_show_ns + SHOW_IDLE_NS {
            self.show_counters();
        }
        let goes_on = self.streams.rest()
            || self.must_not_sleep()
            || self.streams.poll_others(self.now.mono_ns, &mut self.pool, events);
        self.sleeps = true;
        if goes_on { Wait::No } else { wait }
    }

    /// Looks at the clock after a poll that may have slept.
    #[inline]
    fn pass_time(&mut self, wait: Wait) {
        if std::mem::take(&mut self.sleeps) {
            self.streams.end_sleep();
        }
        let before_ns = self.now.mono_ns;
        self.now = self.clock.after(self.now, &mut self.tick_ns);
        if self.was_busy && wait == Wait::No {
            self.engine.counters.add(Counter::BusyNs, self.now.mono_ns - before_ns);
        }
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Opened(id, listener) => match self.streams.service(id, listener) {
                Service::Native => self.open_link(id),
                Service::Resp => self.open(id),
            },
            Event::PortReady(interface) => self.native.set_ready(interface),
            Event::Received(id, chunk) => {
                self.turn_bytes += chunk.filled().len() as u64;
                self.engine.counters.add(Counter::ReceivedBytes, chunk.filled().len() as u64);
                let now_ns = self.now.mono_ns;
                let Some(chunk) = self.receive_link(id, chunk) else { return };
                let Some(connection) = self.connections.of(id).filter(|connection| !connection.closing)
                else {
                    return self.pool.give(chunk);
                };
                connection.moved_ns = now_ns;
                if connection.intake.receive(chunk) && !connection.paused {
                    connection.paused = true;
                    self.streams.pause(id);
                }
                if !connection.scheduled && !connection.waits_for_output {
                    connection.scheduled = true;
                    self.ready.push_back(id.index);
                }
            }
            Event::Writable(id) if self.is_link(id) => self.unblock_link(id),
            Event::Ended(id) if self.is_link(id) => self.end_link(id),
            Event::Lost(id) if self.is_link(id) => self.close_link(id),
            Event::Writable(id) => {
                if let Some(connection) = self.connections.of(id) {
                    connection.blocked = false;
                    self.mark_dirty(id.index);
                }
            }
            Event::Ended(id) => {
                if let Some(connection) = self.connections.of(id) {
                    connection.ended = true;
                    self.mark_dirty(id.index);
                }
            }
            Event::Lost(id) => self.close(id),
            // The last handle frees the blocks.
            Event::Sent(pinned) => drop(pinned),
        }
    }

    fn open(&mut self, id: ConnectionId) {
        self.accepted_count += 1;
        self.engine.counters.add(Counter::Accepted, 1);
        let client_id = self.accepted_count * u64::from(self.map.shard_count()) + u64::from(self.index);
        let authenticated = self.settings.password.is_none();
        let mut connection = Connection::new(id, client_id, authenticated, self.now.mono_ns);
        if self.connections_of_all() >= self.settings.limits.connections_max {
            self.engine.counters.add(Counter::Refused, 1);
            let text =
                "ERR max number of clients reached; close some, or raise maxclients (--connections-max)";
            reply::error(&mut connection.writer(&mut self.pool), text);
            connection.closing = true;
        }
        let closing = connection.closing;
        self.connections.insert(id, connection);
        if closing {
            self.mark_dirty(id.index);
        }
    }

    /// Connections of all shards: those of others as they have published them.
    pub(crate) fn connections_of_all(&self) -> u64 {
        let others = total(&self.pages, Counter::Connections)
            .saturating_sub(self.pages[usize::from(self.index)].read()[Counter::Connections as usize]);
        others + (self.connections.count() + self.native.links.count()) as u64
    }

    /// Closes a connection and gives back everything it held.
    pub(crate) fn close(&mut self, id: ConnectionId) {
        let Some(mut connection) = self.connections.remove(id) else { return };
        self.streams.close(id);
        self.heap.forget(&connection);
        if connection.sleeps_until_ns > 0 {
            self.sleepers.retain(|(_, sleeper)| *sleeper != id);
        }
        connection.intake.clear(&mut self.engine.store, &mut self.pool);
        connection.outbox.clear(&mut self.pool, drop);
        if let Some(mut aside) = connection.aside.take() {
            aside.clear(&mut self.pool, drop);
        }
        self.inflight.abandon(&mut connection.owed);
        // What has begun goes on to its end: nobody takes the reply.
        self.abandon_transactions(connection.transactions);
        self.drop_queue(connection.session.leave_multi());
    }

    /// Closes a connection because of a limit.
    pub(crate) fn evict(&mut self, id: ConnectionId) {
        self.engine.counters.add(Counter::Evicted, 1);
        self.close(id);
    }

    pub(crate) fn mark_dirty(&mut self, index: u32) {
        if let Some(connection) = self.connections.get_mut(index)
            && !connection.dirty
        {
            connection.dirty = true;
            self.dirty.push(index);
        }
    }

    /// Executes what other shards ask; says how much that was.
    fn answer_asks(&mut self) -> usize {
        let mut answered = 0;
        for shard in 0..self.map.shard_count() {
            let mut left = TURN_ASKS_MAX;
            while left > 0 {
                let count = self.answer_some(shard);
                answered += count;
                left = if count == 0 { 0 } else { left.saturating_sub(count) };
            }
        }
        answered
    }

    /// Does what another shard asks, as much as is fetched from memory together; says how much that was.
    fn answer_some(&mut self, shard: u16) -> usize {
        let Some(first) = self.mesh.next_ask(shard) else { return 0 };
        let mut asks = std::mem::take(&mut self.asks);
        let (mut next, mut count) = (Some(first), 0);
        while count < ASKS_PER_FETCH
            && let Some(message) = next.take().or_else(|| self.mesh.next_ask(shard))
        {
            match &message {
                Message::Ask(ask) => {
                    self.engine.store.prefetch_bucket(ask.hash);
                    count += 1;
                }
                Message::Step(step) => {
                    step.operations.hashes().for_each(|hash| self.engine.store.prefetch_bucket(hash));
                    count += step.weight();
                }
            }
            asks.push(message);
        }
        for message in &asks {
            match message {
                Message::Ask(ask) => self.engine.store.prefetch_item(ask.hash),
                Message::Step(step) => {
                    step.operations.hashes().for_each(|hash| self.engine.store.prefetch_item(hash))
                }
            }
        }
        self.engine.counters.add(Counter::Asks, count as u64);
        for message in asks.drain(..) {
            match message {
                Message::Ask(ask) => self.answer_ask(shard, ask),
                Message::Step(step) => self.take_step(shard, step),
            }
        }
        self.asks = asks;
        count
    }

    #[inline]
    fn answer_ask(&mut self, shard: u16, mut ask: Ask) {
        if let Some((task, cursor)) = ask.task() {
            let result = Reply::Part(Box::new(self.manage(task, cursor, None)));
            return self.mesh.answer(shard, Answer { slot: ask.slot, result });
        }
        if self.intents.blocks(ask.hash) || is_long(ask.operation, ask.chain()) {
            let holder = self.intents.enter([ask.hash]);
            return self.intents.wait(holder, Parked::Ask(shard, ask));
        }
        let (slot, request) = ask.request();
        let result = self.engine.execute(request, self.now.unix_ms).into_reply();
        self.mesh.answer(shard, Answer { slot, result });
    }

    /// Takes the answers of other shards to where they are waited for.
    fn take_answers(&mut self) {
        let mut answered = false;
        for shard in 0..self.map.shard_count() {
            while shard != self.index
                && let Some(answer) = self.mesh.next_answer(shard)
            {
                self.take_answer(shard, answer.slot, answer.result);
                answered = true;
            }
        }
        if answered {
            self.again.append(&mut self.starved);
        }
    }

    /// What is due now and then: expired keys, stalled connections, the page of counters.
    fn tend(&mut self) {
        let now_ns = self.now.mono_ns;
        let due = self.expires() && now_ns >= self.next_sweep_ns;
        if due || self.engine.store.has_sweep_debt() {
            let swept = self.engine.store.sweep(self.now.unix_ms, SWEEP_BUCKETS_MAX);
            self.engine.counters.add(Counter::Expired, swept.expired);
            // Where much has expired, more has: look on at once.
            let many = swept.expired >= SWEEP_BUCKETS_MAX as u64 / 2;
            self.next_sweep_ns = if many { now_ns } else { now_ns + SWEEP_INTERVAL_NS };
        }
        self.turn_bytes += self.engine.store.adopt(self.now.unix_ms) as u64;
        self.engine.store.collect();
        self.wake_sleepers();
        self.native.sessions.check(now_ns);
        self.close_idle();
        self.relieve_buffers();
        if self.watch && now_ns >= self.next_stall_check_ns {
            self.next_stall_check_ns = now_ns + STALL_CHECK_NS;
            self.close_stalled();
            self.close_stalled_links();
        }
        let counters = &mut self.engine.counters;
        counters.set(Counter::TurnBytesMax, counters.get(Counter::TurnBytesMax).max(self.turn_bytes));
        // Before it sleeps a shard shows them anyway. What others reserve by, and what limits go by, is shown at once.
        let is_asked_for = self.engine.largest_value_bytes > counters.get(Counter::LargestValueBytes)
            || self.settings.limits.memory_bytes_max > 0;
        if now_ns >= self.next_show_ns || is_asked_for {
            self.show_counters();
        }
    }

    /// Lets the requests of connections go on whose time has come.
    fn wake_sleepers(&mut self) {
        let now_ns = self.now.mono_ns;
        for position in (0..self.sleepers.len()).rev() {
            let (until_ns, id) = self.sleepers[position];
            if until_ns > now_ns {
                continue;
            }
            self.sleepers.swap_remove(position);
            if let Some(connection) = self.connections.of(id)
                && !connection.scheduled
                && !connection.waits_for_output
            {
                connection.scheduled = true;
                self.again.push(id.index);
            }
        }
    }

    /// Closes connections that have taken or sent nothing for too long while something was due.
    fn close_stalled(&mut self) {
        let now_ns = self.now.mono_ns;
        let waiting = |connection: &Connection| connection.blocked || connection.intake.is_cut();
        let over_soft = |connection: &Connection| connection.over_soft_since_ns > 0;
        self.watch = self.connections.iter().any(|connection| waiting(connection) || over_soft(connection))
            || self.watches_links();
        let over: Vec<ConnectionId> =
            self.connections.iter().filter(|found| over_soft(found)).map(|found| found.id).collect();
        // Sending looks at the limit, also if the peer takes nothing.
        over.into_iter().for_each(|id| self.mark_dirty(id.index));
        let late = |connection: &&Connection| {
            waiting(connection) && now_ns.saturating_sub(connection.moved_ns) > STALL_NS_MAX
        };
        let stalled: Vec<ConnectionId> = self.connections.iter().filter(late).map(|found| found.id).collect();
        for id in stalled {
            self.evict(id);
        }
    }

    /// If the buffers are full, somebody who does not read has to go, so that others are served: who holds most
    /// replies, or who holds received requests and has moved least lately.
    fn relieve_buffers(&mut self) {
        if !self.pool.may_reply() {
            let blocked = self.connections.iter().filter(|connection| connection.blocked);
            let most_bytes = blocked.map(|connection| connection.outbox.left_bytes()).max();
            if self.relieve_links(most_bytes.unwrap_or(0)) {
                return;
            }
        }
        let blocked = self.connections.iter().filter(|connection| connection.blocked);
        let goes = match (self.pool.may_reply(), self.pool.may_receive()) {
            (true, true) => return,
            (false, _) => blocked.max_by_key(|connection| connection.outbox.left_bytes()).map(|goes| goes.id),
            (true, false) => {
                let holders = blocked.filter(|connection| connection.intake.has_input());
                holders.min_by_key(|connection| connection.moved_ns).map(|goes| goes.id)
            }
        };
        if let Some(id) = goes {
            self.evict(id);
        }
    }

    /// Makes room on the heap for a connection's request. Who has to go began a request, does not finish it, and has
    /// not moved for a while or holds more than this one; if there is nobody, the request will be refused.
    pub(crate) fn make_room(&mut self, index: u32) {
        while let Some(connection) = self.connections.get_mut(index)
            && self.heap.room_for(connection)
                < connection.heap_bytes + connection.heap_bytes / 4 + CHUNK_BYTES
        {
            let (held_bytes, now_ns) = (connection.heap_bytes, self.now.mono_ns);
            let idle = |other: &Connection| now_ns.saturating_sub(other.moved_ns) > IDLE_NS_MIN;
            let may_go = |other: &&Connection| {
                other.id.index != index
                    && other.intake.is_cut()
                    && (idle(other) || other.heap_bytes > held_bytes)
            };
            let goes = self.connections.iter().filter(may_go).min_by_key(|other| other.moved_ns);
            let Some(id) = goes.map(|other| other.id) else { return };
            self.evict(id);
        }
    }

    fn show_counters(&mut self) {
        self.next_show_ns = self.now.mono_ns + SHOW_INTERVAL_NS;
        let Engine { store, counters, largest_value_bytes, .. } = &mut self.engine;
        let usage = store.usage();
        counters.add(
            Counter::EvictedKeys,
            store.evicted() - std::mem::replace(&mut self.evicted_shown, store.evicted()),
        );
        let mut keys = 0;
        for bucket in 0..BUCKETS {
            let id = BucketId(u32::try_from(bucket).unwrap_or(0));
            counters.set_bucket(bucket, store.count(id), store.count_with_expiry(id));
            keys += store.count(id);
        }
        counters.set(Counter::Keys, keys);
        let native = &self.native;
        counters.set(Counter::Connections, (self.connections.count() + native.links.count()) as u64);
        counters.set(Counter::Sessions, native.sessions.count() as u64);
        counters.set(Counter::SessionBytes, native.sessions.kept_bytes());
        counters.set(Counter::NativeDropped, native.dropped());
        let block_bytes = usage.arena.blocks_in_use * BLOCK_BYTES as u64;
        let store_bytes = usage.index_used_bytes + usage.item_bytes + block_bytes;
        counters.set(Counter::StoreBytes, store_bytes);
        counters.set(Counter::StoreBytesPeak, counters.get(Counter::StoreBytesPeak).max(store_bytes));
        counters.set(Counter::StoreBytesMax, usage.index_bytes + usage.arena.pages * PAGE_BYTES as u64);
        counters.set(Counter::ChunkBytes, self.pool.lent_bytes());
        counters.set(Counter::LargestValueBytes, *largest_value_bytes);
        if self.now.mono_ns >= self.next_port_counters_ns {
            self.next_port_counters_ns = self.now.mono_ns + SHOW_IDLE_NS;
            let port = native.port_counters();
            counters.set(Counter::PortReceived, port.rx_datagrams);
            counters.set(Counter::PortReceiveDropped, port.rx_dropped);
            counters.set(Counter::PortSent, port.tx_datagrams);
            counters.set(Counter::PortSendRefused, port.tx_refused);
            counters.set(Counter::PortSentTails, port.tx_tails);
            counters.set(Counter::PortHandedOver, port.rx_handed_over);
            counters.set(Counter::PortsDown, native.ports_down() as u64);
        }
        self.rates.tend(counters, self.now.mono_ns);
        counters.publish(&mut self.stats);
        self.look_at_memory();
    }

    /// Obeys control. Says whether to go on.
    fn take_command(&mut self) -> bool {
        match self.mailbox.try_recv() {
            Err(TryRecvError::Empty) => true,
            // Without control a shard serves on.
            Err(TryRecvError::Disconnected) => true,
            Ok(Command::Shutdown) => {
                self.send();
                let open: Vec<ConnectionId> =
                    self.connections.iter().map(|connection| connection.id).collect();
                open.into_iter().for_each(|id| self.close(id));
                let open: Vec<ConnectionId> = self.native.links.iter().map(|link| link.id).collect();
                open.into_iter().for_each(|id| self.close_link(id));
                self.show_counters();
                false
            }
        }
    }
}
