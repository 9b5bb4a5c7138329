//! Connecting a client, and closing it.

use std::ffi::c_char;
use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ptr::null;
use std::sync::Once;
use std::time::Duration;

use ::adit_client::core::Transport;
use ::adit_client::error::Unreachable;
use ::adit_client::{Client, Config, Error};

use crate::entry::{CLIENTS, Entry, guard};
use crate::errors::{Code, adit_error};
use crate::memory::{Out, sized, text};

/// A client: a number, as a file descriptor is. 0 is never one.
pub type adit_client = u64;

/// Frames are UDP datagrams.
pub const ADIT_UDP: i32 = 0;
/// Frames are sent on TCP streams.
pub const ADIT_TCP: i32 = 1;
/// Waits by looking again and again instead of sleeping: a few microseconds faster, for a whole processor.
pub const ADIT_BUSY_POLL: u32 = 1;

/// How a client reaches its server. Zero or NULL stands for the default, but for `size`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct adit_config {
    /// `sizeof(struct adit_config)`: later versions have more behind the last field.
    pub size: usize,
    /// A shard of the server, as "HOST:PORT", a host of IPv6 in brackets; it tells where the others are. Default "127.0.0.1:7400". A host
    /// that is a name is looked up, which may block.
    pub address: *const c_char,
    /// `ADIT_UDP`, the default, or `ADIT_TCP`.
    pub transport: i32,
    /// How long a call may take, in milliseconds. Default 5,000.
    pub deadline_ms: u32,
    /// The tenant. Default "default".
    pub tenant: *const c_char,
    /// Its password. Default: none.
    pub password: *const c_char,
    /// Operations that may be submitted and not polled for, 1 to 1,024. Default 256.
    pub window: u32,
    /// Bytes of the longest datagram, 576 to 16,384. Default 1,472, which fits Ethernet.
    pub frame_bytes: u32,
    /// Bytes of the longest reply that is taken. Default and most: 537,919,488 (513 MiB).
    pub reply_bytes_max: u32,
    /// `ADIT_BUSY_POLL` or 0.
    pub flags: u32,
}

/// Fills in the defaults, `size` too. NULL is `ADIT_E_NULL`. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_config_init(config: *mut adit_config) -> i32 {
    guard(|| {
        // SAFETY: the caller of C has room for a config there.
        unsafe { Out::new(config) }?.set(adit_config::DEFAULT);
        Ok(())
    })
}

/// Opens a session with a server. `config` may be NULL: all defaults. Its strings are copied. The client is written to
/// `client`, 0 if there is none. Blocks for the deadline at most, and for as long as looking up a name takes.
///
/// Errors: `ADIT_E_ARGUMENT` if the config is wrong or its address cannot be looked up, `ADIT_E_DEADLINE` if nobody answers
/// there, `ADIT_E_SOCKET`, `ADIT_E_BAD_CREDENTIALS`, `ADIT_E_CREDENTIALS_TOO_LONG`, `ADIT_E_TOO_MANY_CLIENTS`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_connect(config: *const adit_config, client: *mut adit_client) -> i32 {
    guard(|| {
        // SAFETY: the caller of C has room for a handle there.
        let client = unsafe { Out::new(client) }?;
        client.set(0);
        // SAFETY: the caller of C has a config there, as long as it says, or NULL.
        let config = unsafe { sized(config) }?.unwrap_or(&adit_config::DEFAULT);
        // SAFETY: its strings end with a zero, as the caller of C promises.
        let mut config = unsafe { config.read() }?;
        config.port = Config::port_of_environment();
        client.set(open(config)?);
        Ok(())
    })
}

/// Closes a client: the handle is wrong from now on. What was submitted and did not complete is dropped without a completion,
/// done or not; the caller's buffers are the caller's again when this returns. Values that were received stay until they are
/// freed. Blocks for a second at most, until the shards have heard of it.
#[unsafe(no_mangle)]
pub extern "C" fn adit_close(client: adit_client) -> i32 {
    guard(|| {
        let entry = CLIENTS.take(client)?.vacate().ok_or(adit_error::ADIT_E_HANDLE)?;
        entry.client.close();
        Ok(())
    })
}

fn open(config: Config) -> Result<adit_client, Code> {
    FORKS.call_once(|| {
        // SAFETY: the handler only stores to atomics, which a child may do before exec.
        let _ = unsafe { libc::pthread_atfork(None, None, Some(abandon_clients)) };
    });
    let reserved = CLIENTS.reserve().ok_or(adit_error::ADIT_E_TOO_MANY_CLIENTS)?;
    let window = usize::from(config.core.window);
    // A fault must not keep the slot.
    let mut connected = Err(adit_error::ADIT_E_PANIC.into());
    let code = guard(|| {
        connected = Client::connect(config).map_err(|error| {
            if let Error::Unreachable(Unreachable::Port(fault)) = error {
                // Its code says less, and what is wrong is in the environment, not in the program.
                let _ = writeln!(std::io::stderr(), "libadit: ADIT_PORT: {fault}");
            }
            Code::from(error)
        });
        Ok(())
    });
    match connected {
        Ok(client) if code == 0 => Ok(reserved.fill(Box::new(Entry::new(client, window)))),
        Ok(_) => unreachable!("the guard has nothing left to fail"),
        Err(code) => {
            let _ = reserved.vacate();
            Err(code)
        }
    }
}

/// In the child of a fork: its sockets are those of the parent, whose session they would disturb.
extern "C" fn abandon_clients() {
    CLIENTS.abandon();
}

impl adit_config {
    const DEFAULT: Self = Self {
        size: size_of::<Self>(),
        address: c"127.0.0.1:7400".as_ptr(),
        transport: ADIT_UDP,
        deadline_ms: 5_000,
        tenant: null(),
        password: null(),
        window: 256,
        frame_bytes: 1_472,
        reply_bytes_max: adit_wire::native::BODY_BYTES_MAX,
        flags: 0,
    };

    /// The config of the Rust client.
    ///
    /// # Safety
    /// The strings that are not null end with a zero, or are longer than they may be.
    unsafe fn read(&self) -> Result<Config, Code> {
        let mut config = Config::default();
        // SAFETY: as the caller promises.
        if let Some(address) = unsafe { text(self.address, ADDRESS_BYTES_MAX) }? {
            config.core.address = look_up(address)?;
        }
        // SAFETY: as the caller promises.
        if let Some(tenant) = unsafe { text(self.tenant, CREDENTIAL_BYTES_MAX) }? {
            config.core.tenant = tenant.into();
        }
        // SAFETY: as the caller promises.
        if let Some(password) = unsafe { text(self.password, CREDENTIAL_BYTES_MAX) }? {
            config.core.password = password.into();
        }
        self.read_numbers(&mut config)?;
        Ok(config)
    }

    fn read_numbers(&self, config: &mut Config) -> Result<(), Code> {
        let core = &mut config.core;
        core.transport = match self.transport {
            ADIT_UDP => Transport::Datagram,
            ADIT_TCP => Transport::Stream,
            _ => return Err(adit_error::ADIT_E_ARGUMENT.into()),
        };
        core.window = in_range(self.window, core.window.into(), 1, 1_024)?;
        core.frame_bytes = in_range(self.frame_bytes, core.frame_bytes.into(), 576, 16_384)?;
        core.reply_bytes_max = in_range(self.reply_bytes_max, core.reply_bytes_max, 1, core.reply_bytes_max)?;
        if self.deadline_ms > 0 {
            config.deadline = Duration::from_millis(self.deadline_ms.into());
        }
        config.busy_poll = match self.flags {
            0 => false,
            ADIT_BUSY_POLL => true,
            _ => return Err(adit_error::ADIT_E_ARGUMENT.into()),
        };
        Ok(())
    }
}

/// A number, or its default instead of 0.
fn in_range<T: TryFrom<u32>>(number: u32, default: u32, min: u32, max: u32) -> Result<T, Code> {
    let number = if number == 0 { default } else { number };
    let in_range = (min..=max).contains(&number).then_some(number);
    in_range.and_then(|number| T::try_from(number).ok()).ok_or_else(|| adit_error::ADIT_E_ARGUMENT.into())
}

fn look_up(address: &str) -> Result<SocketAddr, Code> {
    let found = address.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| adit_error::ADIT_E_ARGUMENT.into())
}

static FORKS: Once = Once::new();
/// A name has up to 253 bytes (RFC 1035, 2.3.4), a port up to 6 with its colon; brackets and a zone need some more.
const ADDRESS_BYTES_MAX: usize = 320;
/// Tenant or password: more than together are allowed, so that the Rust client says so.
const CREDENTIAL_BYTES_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(change: impl Fn(&mut adit_config)) -> Result<Config, i32> {
        let mut config = adit_config::DEFAULT;
        change(&mut config);
        // SAFETY: the strings are literals.
        unsafe { config.read() }.map_err(|code| code.0)
    }

    #[test]
    fn the_defaults_are_those_of_the_rust_client() {
        let zero = |config: &mut adit_config| {
            *config = adit_config {
                size: config.size,
                address: null(),
                transport: 0,
                deadline_ms: 0,
                tenant: null(),
                password: null(),
                window: 0,
                frame_bytes: 0,
                reply_bytes_max: 0,
                flags: 0,
            };
        };
        let rust = Config::default();
        for config in [read(|_| ()).unwrap(), read(zero).unwrap()] {
            let (own, core) = (&config.core, &rust.core);
            assert_eq!((own.address, own.transport), (core.address, core.transport));
            assert_eq!((&own.tenant, &own.password), (&core.tenant, &core.password));
            assert_eq!((own.window, own.frame_bytes), (core.window, core.frame_bytes));
            assert_eq!(own.reply_bytes_max, core.reply_bytes_max);
            assert_eq!((config.deadline, config.busy_poll), (rust.deadline, rust.busy_poll));
        }
    }

    #[test]
    fn numbers_have_limits_on_both_sides() {
        let window = |window| read(|config| config.window = window).map(|config| config.core.window);
        assert_eq!((window(1), window(1_024), window(1_025)), (Ok(1), Ok(1_024), Err(144)));
        let frame = |bytes| read(|config| config.frame_bytes = bytes).map(|config| config.core.frame_bytes);
        assert_eq!(
            (frame(575), frame(576), frame(16_384), frame(16_385)),
            (Err(144), Ok(576), Ok(16_384), Err(144))
        );
        assert_eq!(read(|config| config.transport = 2).err(), Some(144));
        assert_eq!(read(|config| config.flags = 2).err(), Some(144));
        assert!(read(|config| config.flags = ADIT_BUSY_POLL).unwrap().busy_poll);
        assert_eq!(read(|config| config.reply_bytes_max = u32::MAX).err(), Some(144));
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let address = |text: &'static std::ffi::CStr| {
            read(|config| config.address = text.as_ptr()).map(|config| config.core.address.to_string())
        };
        assert_eq!(address(c"127.0.0.1:7"), Ok("127.0.0.1:7".into()));
        assert_eq!(address(c"[::1]:7"), Ok("[::1]:7".into()));
        for wrong in [c"", c"127.0.0.1", c":", c"127.0.0.1:70000", c"127.0.0.1:x"] {
            assert_eq!(address(wrong), Err(144), "{wrong:?}");
        }
    }
}
