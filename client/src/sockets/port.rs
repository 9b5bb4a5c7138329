//! A port of a NIC, or one end of shared memory, that the client polls itself: no kernel, and no descriptor that says when
//! something has come. So it looks again and again for a while, and then less and less often.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use adit_drivers::dpdk::rss::Rss;
use adit_endpoint::PortEndpoint;
use rustix::event::Timespec;
use rustix::thread::nanosleep;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use crate::core::{Core, Outgoing};

/// A port for all shards.
pub(crate) struct Port {
    endpoint: PortEndpoint,
    /// There was no room for what the core has to send.
    is_full: bool,
    /// The core has something to send.
    has_written: bool,
    /// When the client looked last, and when something was sent or has come last.
    looked_ns: u64,
    active_ns: u64,
    /// For programs that wait by themselves: readable when it is time to look again.
    timer: OwnedFd,
}

impl Port {
    /// Opens the port that `spec` describes, at time 0.
    ///
    /// # Errors
    /// What is wrong with it, or with the machine.
    pub(super) fn open(spec: &str, seed: u64) -> Result<Self, String> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)
            .map_err(|error| format!("no timer: {error}; raise `ulimit -n`"))?;
        // Nobody else has a UDP port at these addresses.
        let local_port = DYNAMIC_PORTS.0 + u16::try_from(seed % u64::from(DYNAMIC_PORTS.1)).unwrap_or(0);
        let endpoint = PortEndpoint::open(spec, local_port, 0).map_err(|error| error.to_string())?;
        if endpoint.datagram_bytes_max() < DATAGRAM_BYTES_MIN {
            return Err(format!("{spec}: the native protocol needs datagrams of 576 bytes: raise mtu="));
        }
        Ok(Self { endpoint, is_full: false, looked_ns: 0, active_ns: 0, has_written: false, timer })
    }

    pub(super) fn datagram_bytes_max(&self) -> usize {
        self.endpoint.datagram_bytes_max()
    }

    /// See [`super::Sockets::set_shards`].
    pub(super) fn set_shards(&mut self, addresses: &[SocketAddr]) -> Result<(), String> {
        let ports: Vec<_> = addresses.iter().map(SocketAddr::port).collect();
        self.endpoint.set_shard_ports(&ports).map_err(|error| error.to_string())
    }

    /// See [`super::Sockets::chooses_ports`].
    pub(super) fn is_steerable(&self) -> bool {
        self.endpoint.is_steerable()
    }

    /// See [`super::Sockets::steer`].
    pub(super) fn steer(&mut self, rss: &Rss, shards: &[SocketAddr]) -> Vec<SocketAddr> {
        self.endpoint.steer(rss, shards)
    }

    pub(super) fn transmit(&mut self, core: &mut Core, now_ns: u64) {
        // What the device takes makes room for more.
        self.has_written = false;
        for _ in 0..BURSTS_MAX {
            self.is_full = false;
            core.transmit(now_ns, self);
            if !self.endpoint.send(now_ns) || !self.is_full {
                break;
            }
        }
        if self.has_written {
            (self.looked_ns, self.active_ns) = (now_ns, now_ns);
        }
    }

    pub(super) fn receive(&mut self, core: &mut Core, now_ns: u64) -> bool {
        let has_come = self.endpoint.receive(now_ns, |from, datagram| {
            // What is no frame is counted by the core, and means nothing here.
            let _ = core.receive(from, datagram, now_ns);
        });
        self.looked_ns = now_ns;
        if has_come {
            self.active_ns = now_ns;
        }
        has_come
    }

    /// Whether the device did not take what was to be sent.
    pub(super) fn is_blocked(&self) -> bool {
        self.endpoint.has_unsent()
    }

    /// The timer.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }

    /// Sets the timer to when it is time to look again, and gives how long that is. Until then it is not readable.
    pub(super) fn set_timer(&self) -> u64 {
        let look_ns = self.rest_ns().unwrap_or(REST_NS.0);
        let it_interval = timespec(0);
        let timer = Itimerspec { it_interval, it_value: timespec(look_ns) };
        // A timer of a monotonic clock refuses no time that is below a second.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &timer);
        look_ns
    }

    /// Sleeps before the next look, at most for so long; not at all if something was sent or came a moment ago.
    pub(super) fn nap(&self, wait_ns: u64) {
        if let Some(rest_ns) = self.rest_ns() {
            // A signal ends it early: the caller looks at the time itself.
            let _ = nanosleep(&timespec(rest_ns.min(wait_ns)));
        }
    }

    /// How long not to look: a part of the time in which nothing happened. Nothing while it is too short for a sleep.
    fn rest_ns(&self) -> Option<u64> {
        let idle_ns = self.looked_ns.saturating_sub(self.active_ns);
        (idle_ns >= SPIN_NS).then(|| (idle_ns / REST_PART).clamp(REST_NS.0, REST_NS.1))
    }
}

impl Outgoing for Port {
    #[inline]
    fn room(&mut self, to: SocketAddr, len_bytes: usize) -> Option<&mut [u8]> {
        let room = self.endpoint.room(to, len_bytes);
        self.is_full |= room.is_none();
        self.has_written |= room.is_some();
        room
    }
}

/// A time below a second.
fn timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: 0, tv_nsec: i64::try_from(ns).unwrap_or(0) }
}

/// Bursts that are sent before something is received again.
const BURSTS_MAX: usize = 4;
/// The first of the dynamic ports, and how many there are (RFC 6335, section 6).
const DYNAMIC_PORTS: (u16, u16) = (49_152, 16_384);
/// The shortest that the protocol may be set to.
const DATAGRAM_BYTES_MIN: usize = 576;
/// How long nothing happened when a client that waits begins to sleep: more than an answer takes by a wire.
const SPIN_NS: u64 = 100_000;
/// The shortest and the longest sleep: the shortest is about what the kernel needs for one.
const REST_NS: (u64, u64) = (50_000, 1_000_000);
/// A sleep is this part of the time in which nothing happened, and what comes at last is later by as much.
const REST_PART: u64 = 4;
