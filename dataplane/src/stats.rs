//! Counters of a shard: plain numbers while it works, shown on a page once a turn.

use adit_drivers::counters::{Reader, Writer};
use adit_wire::kv::BUCKET_COUNT;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What is counted. Sums that only grow, except where it says "now".
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Counter { $($(#[$doc])* $name,)* }

        const NAMED_COUNT: usize = [$(Counter::$name,)*].len();
        const NAMES: [&str; NAMED_COUNT] = [$(stringify!($name),)*];
    };
}

counters! {
    /// Requests executed for this shard's connections.
    Requests,
    /// Asks executed for other shards.
    Asks,
    /// Requests that went to other shards.
    Forwarded,
    /// Look-ups that found their key.
    Hits,
    /// Look-ups that did not.
    Misses,
    /// Keys that expired and were removed by the sweep.
    Expired,
    /// Keys evicted.
    EvictedKeys,
    /// Connections accepted.
    Accepted,
    /// Connections refused because there were too many.
    Refused,
    /// Connections closed because of a limit: slow readers, unfinished requests.
    Evicted,
    /// Connections closed because they moved no byte for as long as `timeout` allows.
    ClosedIdle,
    /// Connections closed because more waited to be sent to them than `client-output-buffer-limit` allows.
    ClosedOutput,
    /// Connections closed because a request was longer than `client-query-buffer-limit` allows.
    ClosedRequest,
    /// Requests that were no requests.
    ProtocolErrors,
    /// Native frames executed.
    NativeFrames,
    /// Native frames that were none: cut, harmed, of another version, replies.
    NativeRefused,
    /// Native frames from an address that was not proven.
    NativeUnproven,
    /// Native frames of sessions that are not known.
    NativeLost,
    /// Native requests that came again.
    NativeReplayed,
    /// Native requests for keys of other shards.
    NativeMisrouted,
    /// Native requests that had to wait for a key.
    NativeWaited,
    /// Native replies that found no room to be sent.
    NativeDropped,
    /// Datagrams that ports have received.
    PortReceived,
    /// Datagrams and frames that ports have dropped on their way in: damaged, for nobody, or without a buffer.
    PortReceiveDropped,
    /// Datagrams that ports have transmitted.
    PortSent,
    /// Datagrams that ports could not transmit: no route, too long.
    PortSendRefused,
    /// Frames that ports have transmitted whose end stayed where it lay, in the store.
    PortSentTails,
    /// Frames that came to the port of the wrong shard, and were handed over.
    PortHandedOver,
    /// Ports of shards with nobody at the other end now.
    PortsDown,
    /// Native sessions now.
    Sessions,
    /// Bytes that are kept for native sessions now.
    SessionBytes,
    /// Bytes received.
    ReceivedBytes,
    /// Bytes sent.
    SentBytes,
    /// Turns that found work.
    BusyTurns,
    /// Turns.
    Turns,
    /// Nanoseconds that turns which found work have taken.
    BusyNs,
    /// Connections now.
    Connections,
    /// Keys now, in all buckets.
    Keys,
    /// Bytes of the store's memory in use now.
    StoreBytes,
    /// Bytes of the store's memory in all.
    StoreBytesMax,
    /// Bytes of chunks lent out now.
    ChunkBytes,
    /// Bytes of the longest value ever that is answered on the heap.
    LargestValueBytes,
    /// Most bytes that one turn received and sent.
    TurnBytesMax,
    /// Most bytes of the store's memory in use since the start.
    StoreBytesPeak,
    /// Requests, and bytes received and sent, in the second before the last sample.
    RateRequests,
    /// Bytes received in that second.
    RateReceivedBytes,
    /// Bytes sent in that second.
    RateSentBytes,
    /// When that sample was taken, on the monotonic clock.
    RateAtNs,
}

/// Number of buckets.
pub const BUCKETS: usize = BUCKET_COUNT as usize;
/// The codes of errors, their first words, which are counted each by itself.
pub const ERROR_CODES: [&str; 12] = [
    "BUSYKEY",
    "ERR",
    "EXECABORT",
    "MISCONF",
    "NOAUTH",
    "NOPERM",
    "NOPROTO",
    "NOSCRIPT",
    "OOM",
    "OTHER",
    "WRONGPASS",
    "WRONGTYPE",
];
/// Number of counters: the named ones, for each bucket its keys and those of them that expire, and errors by code.
pub const COUNTER_COUNT: usize = NAMED_COUNT + 2 * BUCKETS + ERROR_CODES.len();

/// The code of an error, as a place in [`ERROR_CODES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode(u8);

impl ErrorCode {
    /// The code of an error with this text.
    pub fn of(text: &str) -> Self {
        let code = text.split([' ', '\r', '\n']).next().unwrap_or_default();
        let place =
            |wanted: &str| (0..).zip(ERROR_CODES).find(|(_, known)| *known == wanted).map(|(place, _)| place);
        Self(place(code).or_else(|| place("OTHER")).unwrap_or(0))
    }

    /// The place of its count.
    pub fn counter(self) -> usize {
        NAMED_COUNT + 2 * BUCKETS + usize::from(self.0)
    }

    /// All codes, with their names.
    pub fn all() -> impl Iterator<Item = (Self, &'static str)> {
        (0..).map(Self).zip(ERROR_CODES)
    }
}

/// The place of a bucket's number of keys.
pub fn bucket_keys(bucket: usize) -> usize {
    NAMED_COUNT + 2 * bucket
}

/// The place of a bucket's number of keys that expire.
pub fn bucket_expiring(bucket: usize) -> usize {
    bucket_keys(bucket) + 1
}

/// Errors by their code.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorCounts([u32; ERROR_CODES.len()]);

impl ErrorCounts {
    /// Counts one.
    pub fn add(&mut self, code: ErrorCode) {
        self.0[usize::from(code.0)] += 1;
    }

    /// Adds others.
    pub fn add_all(&mut self, others: &Self) {
        self.0.iter_mut().zip(others.0).for_each(|(sum, count)| *sum += count);
    }

    /// Whether there is any.
    pub fn is_any(&self) -> bool {
        self.0.iter().any(|&count| count > 0)
    }
}

/// The counters of one shard.
pub struct Counters {
    values: [u64; COUNTER_COUNT],
}

impl Default for Counters {
    fn default() -> Self {
        Self { values: [0; COUNTER_COUNT] }
    }
}

impl Counters {
    /// Adds to a sum.
    #[inline]
    pub fn add(&mut self, counter: Counter, count: u64) {
        self.values[counter as usize] = self.values[counter as usize].wrapping_add(count);
    }

    /// Sets a number of now.
    #[inline]
    pub fn set(&mut self, counter: Counter, value: u64) {
        self.values[counter as usize] = value;
    }

    /// Counts an error that was sent.
    pub fn add_error(&mut self, code: ErrorCode) {
        self.values[code.counter()] += 1;
    }

    /// Counts errors that were sent together.
    pub fn add_errors(&mut self, errors: &ErrorCounts) {
        for ((code, _), &count) in ErrorCode::all().zip(&errors.0) {
            self.values[code.counter()] += u64::from(count);
        }
    }

    /// Counts from 0 again what only grows and is told as a sum since then.
    pub fn reset(&mut self) {
        for counter in RESET {
            self.values[counter as usize] = 0;
        }
        ErrorCode::all().for_each(|(code, _)| self.values[code.counter()] = 0);
        self.values[Counter::StoreBytesPeak as usize] = self.values[Counter::StoreBytes as usize];
    }

    /// Sets a bucket's number of keys, and of those that expire.
    pub fn set_bucket(&mut self, bucket: usize, keys: u64, expiring: u64) {
        self.values[bucket_keys(bucket)] = keys;
        self.values[bucket_expiring(bucket)] = expiring;
    }

    /// The named counters in lines: name, space, number.
    pub fn describe(&self) -> String {
        NAMES.iter().zip(self.values).map(|(name, value)| format!("{name} {value}\n")).collect()
    }

    /// A counter's value.
    pub fn get(&self, counter: Counter) -> u64 {
        self.values[counter as usize]
    }

    /// Shows all of them.
    #[inline]
    pub fn publish(&self, page: &mut StatsWriter) {
        page.publish(&self.values);
    }
}

/// Turns sums into rates, about once a second.
#[derive(Default)]
pub struct Rates {
    next_ns: u64,
    before: [u64; 3],
}

impl Rates {
    /// Takes a sample if it is time for one.
    #[inline]
    pub fn tend(&mut self, counters: &mut Counters, now_ns: u64) {
        if now_ns >= self.next_ns {
            self.sample(counters, now_ns);
        }
    }

    fn sample(&mut self, counters: &mut Counters, now_ns: u64) {
        let elapsed_ns = now_ns - self.next_ns.saturating_sub(RATE_INTERVAL_NS);
        self.next_ns = now_ns + RATE_INTERVAL_NS;
        counters.set(Counter::RateAtNs, now_ns);
        for (before, (sum, rate)) in self.before.iter_mut().zip(RATES) {
            let now = counters.get(sum);
            // Sums begin at 0 again when somebody resets them.
            let grown = u128::from(now.saturating_sub(*before));
            let per_second = grown * u128::from(RATE_INTERVAL_NS) / u128::from(elapsed_ns.max(1));
            counters.set(rate, u64::try_from(per_second).unwrap_or(u64::MAX));
            *before = now;
        }
    }
}

const RATES: [(Counter, Counter); 3] = [
    (Counter::Requests, Counter::RateRequests),
    (Counter::ReceivedBytes, Counter::RateReceivedBytes),
    (Counter::SentBytes, Counter::RateSentBytes),
];
const RATE_INTERVAL_NS: u64 = 1_000_000_000;

/// What `CONFIG RESETSTAT` sets to 0.
const RESET: [Counter; 27] = [
    Counter::Requests,
    Counter::Asks,
    Counter::Forwarded,
    Counter::Hits,
    Counter::Misses,
    Counter::Expired,
    Counter::EvictedKeys,
    Counter::Accepted,
    Counter::Refused,
    Counter::Evicted,
    Counter::ClosedIdle,
    Counter::ClosedOutput,
    Counter::ClosedRequest,
    Counter::ProtocolErrors,
    Counter::NativeFrames,
    Counter::NativeRefused,
    Counter::NativeUnproven,
    Counter::NativeLost,
    Counter::NativeReplayed,
    Counter::NativeMisrouted,
    Counter::NativeWaited,
    Counter::NativeDropped,
    Counter::ReceivedBytes,
    Counter::SentBytes,
    Counter::RateRequests,
    Counter::RateReceivedBytes,
    Counter::RateSentBytes,
];

/// The page that a shard writes.
pub type StatsWriter = Writer<COUNTER_COUNT>;
/// A view of a shard's page.
pub type StatsReader = Reader<COUNTER_COUNT>;

/// The sum of a counter over shards.
pub fn total(pages: &[StatsReader], counter: Counter) -> u64 {
    pages.iter().map(|page| page.read()[counter as usize]).sum()
}

/// The number of errors with a code, over shards.
pub fn total_errors(pages: &[StatsReader], code: ErrorCode) -> u64 {
    pages.iter().map(|page| page.read_one(code.counter())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second_also_after_a_longer_time_and_a_reset() {
        let (mut counters, mut rates) = (Counters::default(), Rates::default());
        rates.tend(&mut counters, 5 * RATE_INTERVAL_NS);
        counters.add(Counter::Requests, 300);
        rates.tend(&mut counters, 5 * RATE_INTERVAL_NS + 1);
        assert_eq!(counters.get(Counter::RateRequests), 0, "it is not time yet");
        rates.tend(&mut counters, 8 * RATE_INTERVAL_NS);
        assert_eq!(counters.get(Counter::RateRequests), 100);
        counters.reset();
        counters.add(Counter::Requests, 7);
        rates.tend(&mut counters, 9 * RATE_INTERVAL_NS);
        assert_eq!(counters.get(Counter::RateRequests), 0, "there were more before the reset");
        counters.add(Counter::Requests, 7);
        rates.tend(&mut counters, 10 * RATE_INTERVAL_NS);
        assert_eq!(counters.get(Counter::RateRequests), 7);
    }

    #[test]
    fn errors_are_counted_by_their_first_word() {
        assert!(ERROR_CODES.is_sorted());
        let mut counters = Counters::default();
        for text in ["ERR syntax error", "OOM", "ERR", "STRANGE thing", ""] {
            counters.add_error(ErrorCode::of(text));
        }
        let count = |name: &str| {
            let code = ErrorCode::all().find(|(_, known)| *known == name).unwrap().0;
            counters.values[code.counter()]
        };
        assert_eq!([count("ERR"), count("OOM"), count("OTHER"), count("NOAUTH")], [2, 1, 2, 0]);
        counters.reset();
        assert_eq!(counters.values[ErrorCode::of("ERR").counter()], 0);
    }
}
