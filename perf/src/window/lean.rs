//! The lean client of a port: GETs or PUTs of one length, for servers that answer one in a hundred nanoseconds.
//!
//! It sends what `driver` would send, byte for byte, and allocates nothing for it. Of a reply it verifies the checksum,
//! session, number, status and length, not the bytes of the value.

use std::sync::atomic::Ordering;

use adit_wire::native::{CREDITS_MAX, Frame, Header, Opcode, Status, WINDOW_REQUESTS};
use anyhow::{anyhow, ensure};

use super::native::{Native, VALUE_HEAD_BYTES, VERSION_BYTES, put_body};
use super::{WindowProtocol, Wire};
use crate::cpu::thread_cpu_ns;
use crate::dataset::Dataset;
use crate::generator::{Shared, pacer, source, with_server_cpu};
use crate::load::{Load, Pace};
use crate::number::index;
use crate::port::TakenPort;
use crate::sizes::Sizes;
use crate::tally::Tally;
use crate::worker::Pacer;
use crate::workload::{Mix, OperationSource};

/// Whether a load is one that this client does.
pub(super) fn is_for(load: &Load) -> bool {
    let is_uniform = matches!(load.dataset.sizes, Sizes::Fixed { .. });
    is_uniform && load.keys_per_request == 1 && matches!(load.mix, Mix::Get | Mix::Set | Mix::Preload)
}

/// Runs `load` on this thread.
pub(super) fn run(load: &Load, shared: &Shared<'_>) -> anyhow::Result<Tally> {
    let mut wire = Wire::connect(load)?;
    let native = Native::open(load, &mut wire)?;
    let Wire::Port { mut port, server } = wire else { unreachable!("the load has a port") };
    let client = Client {
        load,
        shared,
        server,
        session: native.session(),
        requests: Requests::of(load),
        source: source(load, shared, 0),
        pacer: pacer(load, 0),
        slots: vec![Slot::default(); SLOTS],
        oldest: Native::FIRST_NUMBER,
        next: Native::FIRST_NUMBER,
        unsent: None,
        in_flight: 0,
        tally: Tally::new(),
        wrong: 0,
    };
    with_server_cpu(load, || client.run(&mut port))
}

struct Client<'a> {
    load: &'a Load,
    shared: &'a Shared<'a>,
    server: std::net::SocketAddr,
    session: u64,
    requests: Requests<'a>,
    source: OperationSource<'a>,
    pacer: Pacer,
    /// Requests by the low bits of their numbers, from `oldest` up to `next`.
    slots: Vec<Slot>,
    oldest: u64,
    next: u64,
    /// A key that was drawn while the port had no buffer left.
    unsent: Option<(u64, u64)>,
    in_flight: usize,
    tally: Tally,
    /// Replies that were none to this client.
    wrong: u64,
}

/// A request.
#[derive(Clone, Copy, Default)]
struct Slot {
    key: u64,
    started_ns: u64,
    is_pending: bool,
}

/// The requests of a load: what they have in common, and where they differ.
struct Requests<'a> {
    opcode: Opcode,
    dataset: &'a Dataset,
    /// A frame with room for a header.
    frame: Vec<u8>,
    /// Where the key lies.
    key_at: usize,
    key_bytes: usize,
    /// Where the value lies, if it has one.
    value_at: Option<usize>,
    /// Bytes of the body of a reply.
    reply_bytes: usize,
}

impl<'a> Requests<'a> {
    fn of(load: &'a Load) -> Self {
        let is_get = load.mix == Mix::Get;
        let dataset = &load.dataset;
        let (key_bytes, value_bytes) = (dataset.sizes.key_bytes(0), dataset.sizes.value_bytes(0));
        let mut frame = Vec::new();
        let mut key = Vec::new();
        dataset.push_key(&mut key, 0, key_bytes);
        put_body(&mut frame, &key, (!is_get).then(|| dataset.value(0)));
        // A GET ends with its key, a PUT with its value, which its key comes before.
        let end = frame.len();
        let value_at = if is_get { None } else { Some(end - value_bytes) };
        Self {
            opcode: if is_get { Opcode::Get } else { Opcode::Put },
            dataset,
            key_at: value_at.unwrap_or(end) - key_bytes,
            key_bytes,
            value_at,
            reply_bytes: if is_get { VALUE_HEAD_BYTES + value_bytes } else { VERSION_BYTES },
            frame,
        }
    }

    /// Writes the request for a key into `room`, which is as long as `frame`.
    #[inline]
    fn write(&self, room: &mut [u8], key: u64, (session, number, oldest): (u64, u64, u64)) {
        room.copy_from_slice(&self.frame);
        put_digits(&mut room[self.key_at..self.key_at + self.key_bytes], key);
        if let Some(at) = self.value_at {
            room[at..].copy_from_slice(self.dataset.value(key));
        }
        let header = Header {
            opcode: self.opcode as u8,
            credits: CREDITS_MAX,
            session,
            request: number,
            oldest,
            total_bytes: u32::try_from(room.len() - adit_wire::native::HEADER_BYTES).unwrap_or(u32::MAX),
            ..Header::default()
        };
        header.seal(room);
    }
}

impl Client<'_> {
    fn run(mut self, port: &mut TakenPort) -> anyhow::Result<Tally> {
        let cpu_before_ns = thread_cpu_ns();
        let begin_ns = port.get().now_ns();
        let now_ns = self.turns(port, begin_ns)?;
        self.tally.elapsed_ns = now_ns;
        self.tally.client_cpu_ns = thread_cpu_ns() - cpu_before_ns;
        ensure!(self.wrong == 0, "{} replies were to no request of this client", self.wrong);
        let mut tally = std::mem::replace(&mut self.tally, Tally::new());
        let is_interrupted = self.shared.interrupted.load(Ordering::Relaxed);
        tally.unsent = if is_interrupted { 0 } else { self.pacer.unsent() };
        Ok(tally)
    }

    /// Polls until all is done; says when that was.
    fn turns(&mut self, port: &mut TakenPort, begin_ns: u64) -> anyhow::Result<u64> {
        let port = port.get();
        let (mut looked_at_ns, mut silent_since_ns, mut answered) = (0, 0, 0);
        let (mut stack_ns, mut idle_polls) = (begin_ns, 0_u32);
        let is_open = self.load.pace != Pace::Closed;
        loop {
            let has_come = port.endpoint.poll(stack_ns);
            idle_polls = if has_come { 0 } else { idle_polls.wrapping_add(1) };
            // The clock costs more than a poll: in a closed loop nothing but replies makes it later.
            if !has_come
                && !is_open
                && !idle_polls.is_multiple_of(IDLE_POLLS)
                && self.next > Native::FIRST_NUMBER
            {
                continue;
            }
            stack_ns = port.now_ns();
            let now_ns = stack_ns - begin_ns;
            if has_come {
                port.endpoint.take(|_, message| self.take_reply(message, now_ns));
                while self.oldest < self.next && !self.slots[place(self.oldest)].is_pending {
                    self.oldest += 1;
                }
            }
            self.begin(&mut port.endpoint, now_ns);
            port.endpoint.send(stack_ns);
            if self.in_flight == 0 && self.unsent.is_none() && self.pacer.is_over(now_ns) {
                return Ok(now_ns);
            }
            if now_ns < looked_at_ns + TICK_NS {
                continue;
            }
            looked_at_ns = now_ns;
            if self.shared.interrupted.load(Ordering::Relaxed) {
                self.pacer.stop();
            }
            if self.tally.operations > answered {
                (silent_since_ns, answered) = (now_ns, self.tally.operations);
            } else {
                let silence_ns = now_ns - silent_since_ns;
                ensure!(silence_ns < SILENCE_NS_MAX, "{} stopped answering", self.load.target);
                if silence_ns > RESEND_NS {
                    self.resend(&mut port.endpoint);
                    port.endpoint.send(stack_ns);
                }
            }
        }
    }

    /// Begins requests until as many as may be are on their way.
    #[inline]
    fn begin(&mut self, endpoint: &mut adit_endpoint::PortEndpoint, now_ns: u64) {
        while self.in_flight < self.load.pipeline && self.next - self.oldest < WINDOW_REQUESTS {
            let drawn = match self.unsent.take() {
                Some(drawn) => drawn,
                None => {
                    let Some(started_ns) = self.pacer.take(now_ns) else { return };
                    (self.source.draw().key, started_ns)
                }
            };
            let Some(room) = endpoint.room(self.server, self.requests.frame.len()) else {
                self.unsent = Some(drawn);
                return;
            };
            let (key, started_ns) = drawn;
            self.requests.write(room, key, (self.session, self.next, self.oldest));
            self.slots[place(self.next)] = Slot { key, started_ns, is_pending: true };
            self.next += 1;
            self.in_flight += 1;
        }
    }

    #[inline]
    fn take_reply(&mut self, message: &[u8], now_ns: u64) {
        // A frame that was harmed is dropped: its request is sent again.
        let Ok(frame) = Frame::decode(message) else { return };
        let header = frame.header;
        let is_ours = header.is_reply
            && header.session == self.session
            && header.opcode == self.requests.opcode as u8
            && (Native::FIRST_NUMBER..self.next).contains(&header.request);
        if !is_ours {
            self.wrong += 1;
            return;
        }
        let slot = &mut self.slots[place(header.request)];
        // A reply to a request that was sent twice may come twice.
        if header.request < self.oldest || !std::mem::take(&mut slot.is_pending) {
            return;
        }
        self.in_flight -= 1;
        let tally = &mut self.tally;
        tally.operations += 1;
        tally.latency_ns.saturating_record(now_ns.saturating_sub(slot.started_ns));
        if header.status == Status::Ok as u8 && frame.segment.len() == self.requests.reply_bytes {
            tally.hits += u64::from(self.requests.opcode == Opcode::Get);
        } else {
            refused(tally, header.status, frame.segment.len());
        }
    }

    /// Sends again what is not answered.
    #[cold]
    fn resend(&mut self, endpoint: &mut adit_endpoint::PortEndpoint) {
        for number in self.oldest..self.next {
            let slot = self.slots[place(number)];
            let room =
                if slot.is_pending { endpoint.room(self.server, self.requests.frame.len()) } else { None };
            if let Some(room) = room {
                self.requests.write(room, slot.key, (self.session, number, self.oldest));
                self.tally.resent += 1;
            }
        }
    }
}

/// Counts a reply that has not what was asked for.
#[cold]
fn refused(tally: &mut Tally, status: u8, body_bytes: usize) {
    match Status::of(status) {
        Some(Status::NotFound) => tally.misses += 1,
        status => {
            tally.errors += 1;
            tally.first_error.get_or_insert_with(|| match status {
                Some(Status::Ok) => {
                    format!("a reply of {body_bytes} bytes, which is another length than was written")
                }
                Some(status) => format!("{status:?}"),
                None => anyhow!("an unknown status").to_string(),
            });
        }
    }
}

/// Writes a number in decimal digits, after zeros that are there.
#[inline]
fn put_digits(room: &mut [u8], number: u64) {
    let mut rest = number;
    for place in room.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *place = DIGITS[index(rest % 10)];
        rest /= 10;
    }
}

#[inline]
fn place(number: u64) -> usize {
    index(number) % SLOTS
}

const DIGITS: &[u8; 10] = b"0123456789";
/// One for each request that may be on its way; a power of two.
#[expect(clippy::cast_possible_truncation, reason = "1,024")]
const SLOTS: usize = WINDOW_REQUESTS as usize;
const _: () = assert!(SLOTS.is_power_of_two());
/// Polls that find nothing between looks at the clock.
const IDLE_POLLS: u32 = 32;
const TICK_NS: u64 = 1_000_000;
/// A server that is silent for so long has lost what it was sent.
const RESEND_NS: u64 = 200_000_000;
const SILENCE_NS_MAX: u64 = 15_000_000_000;

#[cfg(test)]
mod tests {
    use super::super::{Question, Ticket};
    use super::*;
    use crate::load::Way;
    use crate::target::Target;
    use crate::workload::{Operation, Step};

    fn load(mix: Mix) -> Load {
        let dataset = Dataset::new(Sizes::Fixed { key_bytes: 16, value_bytes: 64 }, 1000, 1).unwrap();
        Load { mix, ..Load::new(Target::Tcp("x:1".into()), Way::NativePort, 1000, dataset) }
    }

    #[test]
    fn requests_are_those_of_the_other_client() {
        for (mix, step) in [(Mix::Get, Step::Read), (Mix::Set, Step::Write)] {
            let load = load(mix);
            let requests = Requests::of(&load);
            for key in [0, 7, 999] {
                let mut expected = Vec::new();
                let question = Question::of(Operation { step, key });
                let ticket = Ticket { number: 9, oldest: 5 };
                Native::of_session(3).encode(&mut expected, ticket, &question, &load.dataset);
                let mut room = vec![0xAA; requests.frame.len()];
                requests.write(&mut room, key, (3, 9, 5));
                assert_eq!(room, expected, "{mix:?} {key}");
            }
        }
    }

    #[test]
    fn only_plain_loads_are_lean() {
        assert!(is_for(&load(Mix::Get)) && is_for(&load(Mix::Set)) && !is_for(&load(Mix::YcsbA)));
        assert!(!is_for(&Load { keys_per_request: 2, ..load(Mix::Get) }));
    }
}
