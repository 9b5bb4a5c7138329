//! Listening sockets: one per shard for TCP, one shared by the shards for AF_UNIX.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

/// A listening socket.
pub struct Listener {
    fd: OwnedFd,
    name: String,
    tcp: bool,
    /// Removes the file of an AF_UNIX socket when the last shard lets go of it.
    _file: Option<Arc<SocketFile>>,
}

/// Why an address cannot be listened on.
#[derive(Debug)]
pub enum ListenError {
    /// Something else listens there.
    InUse,
    /// The kernel's reason.
    Kernel(std::io::Error),
}

impl Listener {
    /// Listens on `address` with one socket per shard, among which the kernel spreads the connections
    /// (SO_REUSEPORT). Port 0 takes a free port, the same for all; [`Listener::port`] says which.
    ///
    /// # Errors
    /// [`ListenError::InUse`] also if the other one would share the port: two servers must not split clients.
    pub fn tcp(address: SocketAddr, count: usize) -> Result<Vec<Self>, ListenError> {
        // SO_REUSEPORT would let a second server of the same user join in. Without it the bind is refused.
        let probe = bind_tcp(address, false)?;
        let address = local_address(&probe).unwrap_or(address);
        drop(probe);
        let listen = |_| {
            let fd = bind_tcp(address, true)?;
            rustix::net::listen(&fd, BACKLOG)?;
            Ok(Self { fd, name: address.to_string(), tcp: true, _file: None })
        };
        (0..count).map(listen).collect()
    }

    /// Listens on an AF_UNIX path with one socket that `count` shards share. A socket file that nobody serves any
    /// more is replaced; the file is removed when the last shard is done.
    ///
    /// # Errors
    /// [`ListenError::InUse`] if a server answers there or the path is not a socket.
    pub fn unix(path: &Path, count: usize) -> Result<Vec<Self>, ListenError> {
        if let Ok(metadata) = std::fs::symlink_metadata(path) {
            if !metadata.file_type().is_socket() || UnixStream::connect(path).is_ok() {
                return Err(ListenError::InUse);
            }
            std::fs::remove_file(path).map_err(ListenError::Kernel)?;
        }
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::net::bind(&fd, &SocketAddrUnix::new(path)?)?;
        rustix::net::listen(&fd, BACKLOG)?;
        let file = Arc::new(SocketFile(path.to_owned()));
        let share = |_| {
            let fd = rustix::io::fcntl_dupfd_cloexec(&fd, 0)?;
            Ok(Self { fd, name: path.display().to_string(), tcp: false, _file: Some(Arc::clone(&file)) })
        };
        (0..count).map(share).collect()
    }

    /// The TCP port, if it has one.
    pub fn port(&self) -> Option<u16> {
        local_address(&self.fd).map(|address| address.port())
    }

    /// The address it listens on, for people to read.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn accept(&self) -> Result<OwnedFd, Errno> {
        let fd = rustix::net::accept_with(&self.fd, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
        if self.tcp {
            // A reply is one send; waiting to fill a segment (Nagle, RFC 896) would only delay it.
            sockopt::set_tcp_nodelay(&fd, true)?;
            sockopt::set_socket_keepalive(&fd, true)?;
        }
        Ok(fd)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<Errno> for ListenError {
    fn from(error: Errno) -> Self {
        if error == Errno::ADDRINUSE { Self::InUse } else { Self::Kernel(error.into()) }
    }
}

struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn bind_tcp(address: SocketAddr, shared: bool) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    // Connections of an earlier run that are still in TIME_WAIT do not count as use.
    sockopt::set_socket_reuseaddr(&fd, true)?;
    sockopt::set_socket_reuseport(&fd, shared)?;
    rustix::net::bind(&fd, &address)?;
    Ok(fd)
}

pub(super) fn local_address(fd: &OwnedFd) -> Option<SocketAddr> {
    rustix::net::getsockname(fd).ok()?.try_into().ok()
}

/// Connections that the kernel holds until they are accepted; it caps this at net.core.somaxconn.
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn shards_share_a_port_and_a_second_server_is_refused() {
        let listeners = Listener::tcp(loopback(), 2).unwrap();
        let port = listeners[0].port().unwrap();
        assert_eq!(listeners[1].port(), Some(port));
        let again = Listener::tcp(SocketAddr::from(([127, 0, 0, 1], port)), 1);
        assert!(matches!(again, Err(ListenError::InUse)));
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    }

    #[test]
    fn a_stale_socket_file_is_replaced_a_live_one_and_a_plain_file_are_not() {
        let path = std::env::temp_dir().join(format!("adit-listener-{}", std::process::id()));
        std::fs::write(&path, b"precious").unwrap();
        assert!(matches!(Listener::unix(&path, 1), Err(ListenError::InUse)));
        std::fs::remove_file(&path).unwrap();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listeners = Listener::unix(&path, 2).unwrap();
        assert!(matches!(Listener::unix(&path, 1), Err(ListenError::InUse)));
        drop(listeners);
        assert!(!path.exists(), "the file goes with its last listener");
    }
}
