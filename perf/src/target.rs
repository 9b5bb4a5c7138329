//! Where a server listens, and how to reach it.

use std::fmt;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::{Context, bail};

/// The address of a server: `HOST:PORT` or `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// An address of TCP or UDP, resolved when connecting.
    Tcp(String),
    /// The path of a Unix stream socket.
    Unix(PathBuf),
}

impl Target {
    /// A connected, non-blocking socket.
    pub(crate) fn connect(&self) -> anyhow::Result<OwnedFd> {
        self.open().with_context(|| {
            format!("cannot connect to {self}; start a server there (adit serve) or pass another --target")
        })
    }

    /// The first address of its name.
    ///
    /// # Errors
    /// When it is a path, or the name has no address.
    pub(crate) fn socket_address(&self) -> anyhow::Result<SocketAddr> {
        match self {
            Self::Tcp(address) => {
                let found = address.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
                found.with_context(|| format!("{address} has no address"))
            }
            Self::Unix(_) => bail!("{self}: native clients need HOST:PORT"),
        }
    }

    fn open(&self) -> std::io::Result<OwnedFd> {
        match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address.as_str())?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                Ok(stream.into())
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Ok(stream.into())
            }
        }
    }
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err("unix: needs a path".into())
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(Self::Tcp(text.into()))
            }
            _ => Err("neither HOST:PORT nor unix:PATH".into()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl serde::Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["127.0.0.1:7379", "[::1]:7379", "localhost:1", "unix:/run/adit.sock"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for text in ["", "unix:", "localhost", ":7379", "host:99999", "/run/adit.sock"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_socket_address_is_no_path() {
        let target = Target::Tcp("127.0.0.1:7400".into());
        assert_eq!(target.socket_address().unwrap(), SocketAddr::from(([127, 0, 0, 1], 7400)));
        assert!(Target::Unix("/run/adit.sock".into()).socket_address().is_err());
    }

    #[test]
    fn a_refused_connection_says_what_to_do() {
        let error = Target::Unix("/nowhere/adit.sock".into()).connect().unwrap_err();
        assert!(error.to_string().contains("start a server there"), "{error}");
    }
}
