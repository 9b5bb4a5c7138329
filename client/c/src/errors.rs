//! The codes that functions give, and their texts.

use std::ffi::{CStr, c_char};

use ::adit_client::Error;

/// What a function gives. The hundred says whose fault it is; codes never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum adit_error {
    /// It is done.
    ADIT_OK = 0,
    /// As many operations are under way, or complete and not polled for, as the window allows: poll, then submit again.
    ADIT_E_FULL = 101,
    /// The server has ended the session: connect again.
    ADIT_E_CLOSED = 102,
    /// The server has no shard of this number.
    ADIT_E_NO_SUCH_SHARD = 103,
    /// The reply is longer than `reply_bytes_max`, or than the memory left. A take has removed the key.
    ADIT_E_REPLY_TOO_LONG = 104,
    /// Tenant and password together have more than 472 bytes.
    ADIT_E_CREDENTIALS_TOO_LONG = 105,
    /// An operation on several keys has none.
    ADIT_E_NO_KEYS = 106,
    /// More or fewer bytes of a value were written than were announced.
    ADIT_E_WRONG_LENGTH = 107,
    /// The number is no stream of this client that goes in this direction, or not any more.
    ADIT_E_STREAM = 108,
    /// The server says that the request is none: it may be of another version.
    ADIT_E_MALFORMED = 116,
    /// The server does not know the operation.
    ADIT_E_UNKNOWN_OPCODE = 117,
    /// The server speaks another version of the protocol.
    ADIT_E_UNSUPPORTED_VERSION = 118,
    /// A key is longer than 64 KiB.
    ADIT_E_KEY_TOO_LONG = 119,
    /// A value is longer than 512 MiB, or would be.
    ADIT_E_VALUE_TOO_LONG = 120,
    /// An operation on several keys, or its reply, is too long: use fewer keys at a time.
    ADIT_E_TOO_LARGE = 121,
    /// There is no such bucket: they are 0 to 15.
    ADIT_E_NO_SUCH_BUCKET = 122,
    /// Tenant or password are wrong.
    ADIT_E_BAD_CREDENTIALS = 123,

    /// A pointer is NULL that must not be. Nothing was done.
    ADIT_E_NULL = 140,
    /// The number is no client: it was never one, is closed, or belongs to the process that forked this one.
    ADIT_E_HANDLE = 141,
    /// Another thread is in a call with this client. Nothing was done.
    ADIT_E_IN_USE = 142,
    /// The value is longer than the buffer. The length that was given back says how long it is.
    ADIT_E_BUFFER_TOO_SMALL = 143,
    /// An argument is out of its range, a pointer not aligned, a string too long or not UTF-8. Nothing was done.
    ADIT_E_ARGUMENT = 144,
    /// This process has 1,024 clients.
    ADIT_E_TOO_MANY_CLIENTS = 145,
    /// A fault of the library was caught. The client is closed; what it had under way may have been done or not. Please report
    /// what the library wrote to stderr.
    ADIT_E_PANIC = 190,

    /// The key does not exist.
    ADIT_NOT_FOUND = 248,
    /// The condition of a put does not hold.
    ADIT_E_CONDITION_FAILED = 249,
    /// The value is not a decimal number of 64 bits.
    ADIT_E_NOT_AN_INTEGER = 250,
    /// The sum does not fit 64 bits.
    ADIT_E_OVERFLOW = 251,
    /// The memory of the shard is full.
    ADIT_E_OUT_OF_MEMORY = 252,
    /// The shard was busy until the deadline. Nothing was done.
    ADIT_E_BUSY = 253,

    /// The shard has forgotten the session, as it does when it is restarted: the write was done, or not.
    ADIT_E_SESSION_LOST = 301,
    /// The deadline passed before the answer came: the write was done, or not.
    ADIT_E_UNCERTAIN = 302,
    /// The client was closed before the answer came: the write was done, or not.
    ADIT_E_UNCERTAIN_CLOSED = 303,

    /// Nobody answered before the deadline. Nothing was done.
    ADIT_E_DEADLINE = 401,
    /// The kernel refused a socket.
    ADIT_E_SOCKET = 402,
    /// The shard gave up a value in the middle. Nothing was done: begin again.
    ADIT_E_GAVE_UP = 403,

    /// The device of the shard failed: the write is not durable.
    ADIT_E_DEVICE = 580,
}

/// A code on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) i32);

impl From<Error> for Code {
    fn from(error: Error) -> Self {
        Self(error.code())
    }
}

impl From<adit_error> for Code {
    fn from(error: adit_error) -> Self {
        Self(error as i32)
    }
}

impl Code {
    /// The code of a call that ended like this.
    #[inline]
    pub(crate) fn of(result: Result<(), Self>) -> i32 {
        result.map_or_else(|code| code.0, |()| adit_error::ADIT_OK as i32)
    }
}

/// What a code means, and what to do. It ends with a zero, is never NULL, and is never freed. Does not block.
#[unsafe(no_mangle)]
pub extern "C" fn adit_error_text(code: i32) -> *const c_char {
    let known = ALL.iter().find(|error| **error as i32 == code);
    known.map_or(c"this version of the library knows no such code", |error| error.text()).as_ptr()
}

/// The version of this interface, `ADIT_ABI_VERSION` in the header: the library may have a higher one than the program was
/// compiled with, not a lower one. Does not block.
#[unsafe(no_mangle)]
pub extern "C" fn adit_abi_version() -> u32 {
    ADIT_ABI_VERSION
}

/// The version of the library, as "0.1.0". It is never freed. Does not block.
#[unsafe(no_mangle)]
pub extern "C" fn adit_version() -> *const c_char {
    VERSION.as_ptr()
}

impl adit_error {
    fn text(self) -> &'static CStr {
        match self {
            Self::ADIT_OK => c"done",
            Self::ADIT_E_FULL => c"the window is full: poll for completions, then submit again",
            Self::ADIT_E_CLOSED => c"the session is closed: connect a new client",
            Self::ADIT_E_NO_SUCH_SHARD => c"there is no such shard: ask for the number of shards",
            Self::ADIT_E_REPLY_TOO_LONG => {
                c"the reply is longer than reply_bytes_max or the memory left: raise the limit"
            }
            Self::ADIT_E_CREDENTIALS_TOO_LONG => {
                c"tenant and password are too long together: 472 bytes is the most"
            }
            Self::ADIT_E_NO_KEYS => c"the list of keys is empty: name at least one",
            Self::ADIT_E_WRONG_LENGTH => {
                c"more or fewer bytes than announced; nothing was written: announce the length of the value"
            }
            Self::ADIT_E_STREAM => c"this is no stream of this client in this direction: begin one",
            Self::ADIT_E_MALFORMED => {
                c"the server takes the request for malformed: client and server may differ in version"
            }
            Self::ADIT_E_UNKNOWN_OPCODE => c"the server does not know this operation: update it",
            Self::ADIT_E_UNSUPPORTED_VERSION => {
                c"the server speaks another version of the protocol: update the older side"
            }
            Self::ADIT_E_KEY_TOO_LONG => c"the key is longer than 64 KiB: shorten it",
            Self::ADIT_E_VALUE_TOO_LONG => c"the value is longer than 512 MiB: split it",
            Self::ADIT_E_TOO_LARGE => c"request or reply is too long: use fewer keys at a time",
            Self::ADIT_E_NO_SUCH_BUCKET => c"there is no such bucket: use 0 to 15",
            Self::ADIT_E_BAD_CREDENTIALS => c"tenant or password are wrong: correct them and connect again",
            Self::ADIT_E_NULL => c"a pointer is NULL that must not be",
            Self::ADIT_E_HANDLE => c"this is no client, or not any more: connect one in this process",
            Self::ADIT_E_IN_USE => c"another thread is in a call with this client: use one in each thread",
            Self::ADIT_E_BUFFER_TOO_SMALL => {
                c"the value is longer than the buffer: use one of the length given back"
            }
            Self::ADIT_E_ARGUMENT => c"an argument is out of its range: see adit.h",
            Self::ADIT_E_TOO_MANY_CLIENTS => c"1,024 clients are the most in a process: close some",
            Self::ADIT_E_PANIC => {
                c"a fault of the library was caught and the client closed: report what it wrote to stderr"
            }
            Self::ADIT_NOT_FOUND => c"the key does not exist",
            Self::ADIT_E_CONDITION_FAILED => c"the condition does not hold: look again",
            Self::ADIT_E_NOT_AN_INTEGER => {
                c"the value is not a decimal number of 64 bits: put a number first"
            }
            Self::ADIT_E_OVERFLOW => c"the sum does not fit 64 bits",
            Self::ADIT_E_OUT_OF_MEMORY => c"the memory of the shard is full: delete keys or give it more",
            Self::ADIT_E_BUSY => c"the shard was busy until the deadline; nothing was changed: try later",
            Self::ADIT_E_SESSION_LOST => {
                c"the shard forgot the session; the write is done or not: read before writing again"
            }
            Self::ADIT_E_UNCERTAIN => {
                c"no answer before the deadline; the write is done or not: read before writing again"
            }
            Self::ADIT_E_UNCERTAIN_CLOSED => {
                c"the client was closed first; the write is done or not: read before writing again"
            }
            Self::ADIT_E_DEADLINE => {
                c"no answer before the deadline; nothing was changed: check the address, then try again"
            }
            Self::ADIT_E_SOCKET => {
                c"no socket to the server: check the address and the limits of this process"
            }
            Self::ADIT_E_GAVE_UP => {
                c"the shard gave up the value in the middle; nothing was changed: write or read it again"
            }
            Self::ADIT_E_DEVICE => {
                c"the device of the shard failed and the write is not durable: recover the shard first"
            }
        }
    }
}

/// The version of this interface. It grows when something is added; nothing is ever taken away or changed.
pub const ADIT_ABI_VERSION: u32 = 1;

/// All codes, for looking one up.
const ALL: [adit_error; 37] = [
    adit_error::ADIT_OK,
    adit_error::ADIT_E_FULL,
    adit_error::ADIT_E_CLOSED,
    adit_error::ADIT_E_NO_SUCH_SHARD,
    adit_error::ADIT_E_REPLY_TOO_LONG,
    adit_error::ADIT_E_CREDENTIALS_TOO_LONG,
    adit_error::ADIT_E_NO_KEYS,
    adit_error::ADIT_E_WRONG_LENGTH,
    adit_error::ADIT_E_STREAM,
    adit_error::ADIT_E_MALFORMED,
    adit_error::ADIT_E_UNKNOWN_OPCODE,
    adit_error::ADIT_E_UNSUPPORTED_VERSION,
    adit_error::ADIT_E_KEY_TOO_LONG,
    adit_error::ADIT_E_VALUE_TOO_LONG,
    adit_error::ADIT_E_TOO_LARGE,
    adit_error::ADIT_E_NO_SUCH_BUCKET,
    adit_error::ADIT_E_BAD_CREDENTIALS,
    adit_error::ADIT_E_NULL,
    adit_error::ADIT_E_HANDLE,
    adit_error::ADIT_E_IN_USE,
    adit_error::ADIT_E_BUFFER_TOO_SMALL,
    adit_error::ADIT_E_ARGUMENT,
    adit_error::ADIT_E_TOO_MANY_CLIENTS,
    adit_error::ADIT_E_PANIC,
    adit_error::ADIT_NOT_FOUND,
    adit_error::ADIT_E_CONDITION_FAILED,
    adit_error::ADIT_E_NOT_AN_INTEGER,
    adit_error::ADIT_E_OVERFLOW,
    adit_error::ADIT_E_OUT_OF_MEMORY,
    adit_error::ADIT_E_BUSY,
    adit_error::ADIT_E_SESSION_LOST,
    adit_error::ADIT_E_UNCERTAIN,
    adit_error::ADIT_E_UNCERTAIN_CLOSED,
    adit_error::ADIT_E_DEADLINE,
    adit_error::ADIT_E_SOCKET,
    adit_error::ADIT_E_GAVE_UP,
    adit_error::ADIT_E_DEVICE,
];

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version has no zero in it"),
};

#[cfg(test)]
mod tests {
    use ::adit_client::error::{Caller, State, Uncertain, Unreachable};

    use super::*;

    /// Each error of the Rust client. The match is there to fail to compile when one is added: add it to the list, and its code
    /// to `adit_error`.
    fn errors() -> Vec<Error> {
        use Caller::{
            BadCredentials, Closed, CredentialsTooLong, Full, KeyTooLong, Malformed, NoKeys, NoSuchBucket,
            NoSuchShard, NoSuchValue, ReplyTooLong, TooLarge, UnknownOpcode, UnsupportedVersion,
            ValueTooLong, WrongLength,
        };
        let caller = [
            Full,
            Closed,
            NoSuchShard,
            ReplyTooLong,
            CredentialsTooLong,
            NoKeys,
            Malformed,
            UnknownOpcode,
            UnsupportedVersion,
            KeyTooLong,
            ValueTooLong,
            TooLarge,
            NoSuchBucket,
            BadCredentials,
            WrongLength,
            NoSuchValue,
        ];
        for fault in caller {
            match fault {
                Full | Closed | NoSuchShard | ReplyTooLong | CredentialsTooLong | NoKeys | Malformed
                | UnknownOpcode | UnsupportedVersion | KeyTooLong | ValueTooLong | TooLarge
                | NoSuchBucket | BadCredentials | WrongLength | NoSuchValue => {}
            }
        }
        let state = [
            State::NotFound,
            State::ConditionFailed { version: 0 },
            State::NotAnInteger,
            State::Overflow,
            State::OutOfMemory,
            State::Busy,
        ];
        let doubt = [Uncertain::SessionLost, Uncertain::Deadline, Uncertain::Closed];
        let silence = [Unreachable::Deadline, Unreachable::Socket(13), Unreachable::GaveUp];
        let caller = caller.into_iter().map(Error::Caller);
        let silence = silence.into_iter().map(Error::Unreachable);
        let others = state.into_iter().map(Error::State).chain(doubt.into_iter().map(Error::Uncertain));
        caller.chain(others).chain(silence).chain([Error::Device]).collect()
    }

    #[test]
    fn each_error_of_the_client_has_its_code_here() {
        for error in errors() {
            let code = ALL.iter().find(|known| **known as i32 == error.code());
            assert!(code.is_some(), "{error:?} has the code {}, which adit_error lacks", error.code());
        }
    }

    #[test]
    fn misuse_of_c_has_codes_of_its_own() {
        let of_client = errors().iter().map(|error| error.code()).collect::<Vec<_>>();
        let own = ALL.iter().map(|error| *error as i32).filter(|code| !of_client.contains(code));
        assert_eq!(own.collect::<Vec<_>>(), [0, 140, 141, 142, 143, 144, 145, 190]);
    }

    #[test]
    fn each_code_has_a_text_and_others_one_too() {
        let mut texts = ALL.map(adit_error::text).to_vec();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), ALL.len(), "no two codes say the same");
        assert!(ALL.is_sorted_by_key(|error| *error as i32));
        // SAFETY: texts end with a zero and live for ever.
        let text = |code| unsafe { CStr::from_ptr(adit_error_text(code)) };
        assert_eq!(text(248), c"the key does not exist");
        assert_eq!(text(-1), c"this version of the library knows no such code");
    }
}
