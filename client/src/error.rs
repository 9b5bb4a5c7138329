//! Why an operation failed, sorted by whose fault it is. The codes never change: programs of other languages know them.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use adit_wire::native::Status;

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The caller asked for what cannot be done; nothing was done.
    Caller(Caller),
    /// What is stored, or the state of the shard, does not allow it; nothing was done.
    State(State),
    /// A write may have been applied, once, or not at all: look before writing again.
    Uncertain(Uncertain),
    /// There was no answer; nothing was done.
    Unreachable(Unreachable),
    /// The device of the shard failed: the write is not durable, and the shard refuses writes until it is recovered.
    Device,
}

/// What a caller can do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Caller {
    /// As many operations are under way, or completed and not fetched, as the window allows.
    Full = 101,
    /// The client is closed.
    Closed = 102,
    /// The map has no shard of this number.
    NoSuchShard = 103,
    /// The reply is longer than the client was set to take, or than its memory. A take has removed the key.
    ReplyTooLong = 104,
    /// Tenant and password together are too long to fit a frame.
    CredentialsTooLong = 105,
    /// An operation on several keys has none.
    NoKeys = 106,
    /// More or fewer bytes of a value were written than were announced; nothing was done.
    WrongLength = 107,
    /// No value is written or read under this ticket: it has ended, with or without an error, or was abandoned.
    NoSuchValue = 108,
    /// The server says that the request is none.
    Malformed = 116,
    /// The server does not know the operation.
    UnknownOpcode = 117,
    /// The server speaks another version of the protocol.
    UnsupportedVersion = 118,
    /// A key is longer than 64 KiB.
    KeyTooLong = 119,
    /// A value is longer than 512 MiB, or would be.
    ValueTooLong = 120,
    /// An operation on several keys or its reply is longer than 1 MiB.
    TooLarge = 121,
    /// There is no such bucket.
    NoSuchBucket = 122,
    /// Tenant or password are wrong.
    BadCredentials = 123,
}

/// What the state may not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The key does not exist.
    NotFound,
    /// The condition of a put does not hold.
    ConditionFailed {
        /// The version that the key has; 0 if it does not exist, or if several were put.
        version: u64,
    },
    /// The value is not a decimal number of 64 bits.
    NotAnInteger,
    /// The sum does not fit 64 bits.
    Overflow,
    /// The memory of the shard is full.
    OutOfMemory,
    /// The shard refused to begin until the deadline had passed.
    Busy,
}

/// Why it is not known whether a write was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Uncertain {
    /// The shard has forgotten the session, as it does when it is restarted.
    SessionLost = 301,
    /// The deadline passed before the answer came.
    Deadline = 302,
    /// The client was closed before the answer came.
    Closed = 303,
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The deadline passed.
    Deadline,
    /// The kernel refused a socket, with this number of its own.
    Socket(i32),
    /// The port of the client ([`Config::port`](crate::Config::port)) cannot be used.
    Port(PortFault),
    /// The shard gave up a value that is written or read in pieces, and the earlier pieces are gone.
    GaveUp,
}

/// What is wrong with a port, in words that say what to do: a place among those that this process was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortFault(u16);

impl PortFault {
    /// Keeps the words, each once. A process that has seen [`FAULTS_MAX`] others is told of the last of these.
    pub(crate) fn new(text: String) -> Self {
        let mut faults = FAULTS.lock().unwrap_or_else(PoisonError::into_inner);
        let known = faults.iter().position(|known| *known == text);
        let place = known.unwrap_or_else(|| {
            if faults.len() < FAULTS_MAX {
                faults.push(text);
            }
            faults.len() - 1
        });
        Self(u16::try_from(place).unwrap_or(u16::MAX))
    }
}

impl fmt::Display for PortFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = FAULTS.lock().unwrap_or_else(PoisonError::into_inner);
        f.write_str(faults.get(usize::from(self.0)).map_or("", String::as_str))
    }
}

impl Error {
    /// The number of this error. 1xx is the caller's, 2xx the state's, 3xx uncertain, 4xx unreachable, 5xx the
    /// device's.
    pub fn code(self) -> i32 {
        match self {
            Self::Caller(fault) => fault as i32,
            Self::State(State::NotFound) => 248,
            Self::State(State::ConditionFailed { .. }) => 249,
            Self::State(State::NotAnInteger) => 250,
            Self::State(State::Overflow) => 251,
            Self::State(State::OutOfMemory) => 252,
            Self::State(State::Busy) => 253,
            Self::Uncertain(doubt) => doubt as i32,
            Self::Unreachable(Unreachable::Deadline) => 401,
            // To programs in C a port is in place of a socket.
            Self::Unreachable(Unreachable::Socket(_) | Unreachable::Port(_)) => 402,
            Self::Unreachable(Unreachable::GaveUp) => 403,
            Self::Device => 580,
        }
    }

    /// What a status that ends a request means; nothing for those that do not end it.
    pub(crate) fn of(status: Status) -> Option<Self> {
        Some(match status {
            Status::Malformed => Self::Caller(Caller::Malformed),
            Status::UnknownOpcode => Self::Caller(Caller::UnknownOpcode),
            Status::UnsupportedVersion => Self::Caller(Caller::UnsupportedVersion),
            Status::KeyTooLong => Self::Caller(Caller::KeyTooLong),
            Status::ValueTooLong => Self::Caller(Caller::ValueTooLong),
            Status::TooLarge => Self::Caller(Caller::TooLarge),
            Status::NoSuchBucket => Self::Caller(Caller::NoSuchBucket),
            Status::BadCredentials => Self::Caller(Caller::BadCredentials),
            Status::NotFound => Self::State(State::NotFound),
            Status::ConditionFailed => Self::State(State::ConditionFailed { version: 0 }),
            Status::NotAnInteger => Self::State(State::NotAnInteger),
            Status::Overflow => Self::State(State::Overflow),
            Status::OutOfMemory => Self::State(State::OutOfMemory),
            Status::DeviceFailed => Self::Device,
            Status::Ok
            | Status::Credit
            | Status::SessionLost
            | Status::Unproven
            | Status::WrongShard
            | Status::BeyondWindow
            | Status::NoReply
            | Status::Busy => return None,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller(fault) => f.write_str(fault.text()),
            Self::State(state) => state.fmt(f),
            Self::Uncertain(doubt) => f.write_str(doubt.text()),
            Self::Unreachable(Unreachable::Deadline) => f.write_str(
                "no answer before the deadline; nothing was changed: check the address, then try again",
            ),
            Self::Unreachable(Unreachable::Socket(number)) => {
                let error = std::io::Error::from_raw_os_error(*number);
                write!(
                    f,
                    "no socket to the server: {error}; check the address and the limits of this process"
                )
            }
            Self::Unreachable(Unreachable::Port(fault)) => write!(f, "no port to the server: {fault}"),
            Self::Unreachable(Unreachable::GaveUp) => f.write_str(
                "the shard gave up the value in the middle; nothing was changed: write or read it again",
            ),
            Self::Device => f.write_str(
                "the device of the shard failed and the write is not durable: recover the shard first",
            ),
        }
    }
}

impl std::error::Error for Error {}

impl Caller {
    fn text(self) -> &'static str {
        match self {
            Self::Full => "the window is full: poll for completions, then submit again",
            Self::Closed => "the client is closed: connect a new one",
            Self::NoSuchShard => "there is no such shard: ask for the number of shards",
            Self::ReplyTooLong => {
                "the reply is longer than reply_bytes_max or the memory left: raise the limit"
            }
            Self::CredentialsTooLong => "tenant and password are too long together: 472 bytes is the most",
            Self::NoKeys => "the list of keys is empty: name at least one",
            Self::WrongLength => {
                "more or fewer bytes than announced; nothing was written: announce the length of the value"
            }
            Self::NoSuchValue => "no value is written or read under this ticket: begin again",
            Self::Malformed => {
                "the server takes the request for malformed: client and server may differ in version"
            }
            Self::UnknownOpcode => "the server does not know this operation: update it",
            Self::UnsupportedVersion => {
                "the server speaks another version of the protocol: update the older side"
            }
            Self::KeyTooLong => "the key is longer than 64 KiB: shorten it",
            Self::ValueTooLong => "the value is longer than 512 MiB: split it",
            Self::TooLarge => "request or reply is longer than 1 MiB: use fewer keys at a time",
            Self::NoSuchBucket => "there is no such bucket: use 0 to 15",
            Self::BadCredentials => "tenant or password are wrong: correct them and connect again",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("the key does not exist"),
            Self::ConditionFailed { version: 0 } => f.write_str("the condition does not hold: look again"),
            Self::ConditionFailed { version } => {
                write!(f, "the condition does not hold, the key has version {version}: read it again")
            }
            Self::NotAnInteger => {
                f.write_str("the value is not a decimal number of 64 bits: put a number first")
            }
            Self::Overflow => f.write_str("the sum does not fit 64 bits"),
            Self::OutOfMemory => f.write_str("the memory of the shard is full: delete keys or give it more"),
            Self::Busy => {
                f.write_str("the shard was busy until the deadline; nothing was changed: try later")
            }
        }
    }
}

impl Uncertain {
    fn text(self) -> &'static str {
        match self {
            Self::SessionLost => {
                "the shard forgot the session; the write is done or not: read before writing again"
            }
            Self::Deadline => {
                "no answer before the deadline; the write is done or not: read before writing again"
            }
            Self::Closed => {
                "the client was closed first; the write is done or not: read before writing again"
            }
        }
    }
}

/// An error is copied, so its words are here.
static FAULTS: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// Different faults of ports whose words are kept.
const FAULTS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_a_port_is_kept_once_and_few_are() {
        let first = PortFault::new("the same".into());
        assert_eq!(first, PortFault::new("the same".into()));
        assert_eq!(Error::Unreachable(Unreachable::Port(first)).code(), 402);
        let all: Vec<_> = (0..2 * FAULTS_MAX).map(|number| PortFault::new(number.to_string())).collect();
        assert_eq!(all.last(), Some(&PortFault::new("yet another".into())), "the last that was kept");
        assert_eq!(first.to_string(), "the same");
        assert_eq!(size_of::<Error>(), 16);
    }

    #[test]
    fn the_codes_are_those_of_the_wire_within_their_hundred() {
        for status in Status::ALL {
            let Some(error) = Error::of(status) else { continue };
            assert_eq!(error.code() % 100, status as i32 % 100, "{status:?}");
            assert!((100..600).contains(&error.code()));
            assert!(!error.to_string().is_empty());
        }
        assert_eq!(Error::Uncertain(Uncertain::SessionLost).code(), 301);
        assert_eq!(Error::Unreachable(Unreachable::Socket(13)).code(), 402);
    }
}
