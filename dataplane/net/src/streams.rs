//! The TCP connections of a stack as streams, and the turn of the whole stack: it receives when they are polled, and sends
//! when they are flushed.

use adit_drivers::chunk::ChunkPool;
use adit_drivers::frames::Frame;
use adit_drivers::outbox::Outbox;
use adit_drivers::streams::{ConnectionId, Event, Sending};

use crate::handles::SharedStack;
use crate::tcp::{Tcp, TcpCounters};

/// The connections of a stack.
pub struct NetStreams {
    stack: SharedStack,
    tcp: Tcp,
    /// Segments that have just come, empty between calls.
    segments: Vec<Frame>,
    /// The device was told to interrupt.
    is_armed: bool,
    /// It has interrupts, and did not take the last order for one.
    cannot_arm: bool,
}

impl NetStreams {
    /// The connections over a stack that takes TCP segments.
    pub fn new(stack: SharedStack, tcp: Tcp) -> Self {
        Self { stack, tcp, segments: Vec::new(), is_armed: false, cannot_arm: false }
    }

    /// Lets the stack receive, and tells what has happened to connections, at most
    /// [`EVENTS_PER_POLL_MAX`](adit_drivers::streams::EVENTS_PER_POLL_MAX) events, and whether datagrams wait at its port. Says
    /// whether frames came, which the stack may have kept for itself.
    #[inline]
    pub fn poll(&mut self, now_ns: u64, pool: &mut ChunkPool, events: &mut Vec<Event>) -> bool {
        let stack = &mut *self.stack.borrow_mut();
        let has_come = stack.poll(now_ns);
        stack.take_segments(&mut self.segments);
        self.tcp.prefetch(self.segments.iter().map(Frame::bytes));
        for segment in self.segments.drain(..) {
            self.tcp.receive(segment.bytes(), segment.checked(), now_ns, stack.outbound());
        }
        if stack.has_datagrams() {
            events.push(Event::PortReady(0));
        }
        self.tcp.poll(now_ns, pool, events);
        has_come
    }

    /// See [`Tcp::send`].
    #[inline]
    pub fn send(&mut self, id: ConnectionId, outbox: &mut Outbox, pool: &mut ChunkPool) -> Sending {
        self.tcp.send(id, outbox, pool)
    }

    /// Transmits what was sent, acknowledges, and does what is due.
    #[inline]
    pub fn flush(&mut self, now_ns: u64) {
        let stack = &mut *self.stack.borrow_mut();
        self.tcp.flush(now_ns, stack.outbound());
        stack.flush(now_ns);
    }

    /// When there is something to do though nothing came.
    pub fn due_ns(&self) -> Option<u64> {
        self.stack.borrow().due_ns().into_iter().chain(self.tcp.due_ns()).min()
    }

    /// Whether the device can end a sleep when something comes. One without a link may not know yet how: that of vhost has no
    /// ring to arm before its peer is there.
    pub fn interrupts(&self) -> bool {
        let stack = self.stack.borrow();
        stack.interrupt().is_some() && stack.link_was_up() && !self.cannot_arm
    }

    /// Has the device interrupt: look once more, then sleep.
    pub fn prepare_sleep(&mut self) {
        let mut stack = self.stack.borrow_mut();
        self.is_armed = stack.arm();
        self.cannot_arm = !self.is_armed && stack.interrupt().is_some();
    }

    /// Has the device interrupt no more.
    pub fn end_sleep(&mut self) {
        if std::mem::take(&mut self.is_armed) {
            self.stack.borrow_mut().disarm();
        }
    }

    /// See [`Tcp::pause`].
    pub fn pause(&mut self, id: ConnectionId) {
        self.tcp.pause(id);
    }

    /// See [`Tcp::resume`].
    pub fn resume(&mut self, id: ConnectionId) {
        self.tcp.resume(id);
    }

    /// See [`Tcp::close`].
    pub fn close(&mut self, id: ConnectionId) {
        self.tcp.close(id);
    }

    /// See [`Tcp::addresses`].
    pub fn addresses(&self, id: ConnectionId) -> (String, String) {
        self.tcp.addresses(id)
    }

    /// What its TCP has counted.
    pub fn counters(&self) -> TcpCounters {
        self.tcp.counters()
    }
}
