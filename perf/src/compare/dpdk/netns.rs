//! Network namespaces with veth pairs between a client and servers: wires of the kernel that nobody else is on.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::compare::contender::installed;

/// A namespace for clients and one for each server, which go with this value.
pub(super) struct Wires {
    ip: PathBuf,
    prefix: String,
}

/// A server's end of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wire {
    /// The namespace of the server, after the prefix of all.
    name: &'static str,
    number: u8,
    /// Whether the kernel has the server's address; else whoever polls the device has it.
    is_of_kernel: bool,
}

/// memcached and Adit over sockets.
pub(super) const KERNEL: Wire = Wire { name: "kernel", number: 1, is_of_kernel: true };
pub(super) const AF_PACKET: Wire = Wire { name: "packet", number: 2, is_of_kernel: false };
pub(super) const AF_XDP: Wire = Wire { name: "xdp", number: 3, is_of_kernel: false };

impl Wire {
    /// Where the server is.
    pub(super) fn server_ip(self) -> String {
        format!("{}.2", self.network())
    }

    fn network(self) -> String {
        format!("10.71.{}", self.number)
    }

    fn client_device(self) -> String {
        format!("veth{}", self.number)
    }
}

/// The device at the end of each server.
pub(super) const DEVICE: &str = "veth0";

impl Wires {
    /// Makes them.
    ///
    /// # Errors
    /// Without root, `ip` or `ethtool`; says what to do.
    pub(super) fn new() -> anyhow::Result<Self> {
        let (ip, ethtool) = (installed("ip", "iproute2")?, installed("ethtool", "ethtool")?);
        if !rustix::process::geteuid().is_root() {
            bail!("network namespaces need root; run with sudo");
        }
        let wires = Self { ip, prefix: format!("adit-perf-{}", std::process::id()) };
        wires.add("client")?;
        for wire in [KERNEL, AF_PACKET, AF_XDP] {
            wires.add(wire.name)?;
            wires.connect(wire, &ethtool)?;
        }
        Ok(wires)
    }

    /// `program` with its arguments, in the namespace of a server.
    pub(super) fn inside(
        &self,
        wire: Wire,
        program: &Path,
        arguments: Vec<OsString>,
    ) -> (PathBuf, Vec<OsString>) {
        let mut all: Vec<OsString> = ["netns", "exec", &self.name(wire.name)].map(OsString::from).into();
        all.push(program.into());
        all.extend(arguments);
        (self.ip.clone(), all)
    }

    /// Runs `run` on a thread that is in the namespace of the clients.
    pub(super) fn as_client<T: Send>(
        &self,
        run: impl FnOnce() -> anyhow::Result<T> + Send,
    ) -> anyhow::Result<T> {
        let path = Path::new(NAMESPACES).join(self.name("client"));
        let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                    .context("cannot enter a network namespace")?;
                run()
            });
            thread.join().unwrap_or_else(|_| bail!("a thread of the load panicked"))
        })
    }

    fn add(&self, name: &str) -> anyhow::Result<()> {
        let name = self.name(name);
        self.ip(&["netns", "add", &name])?;
        // A device would send questions of IPv6 on its own.
        for key in ["all", "default"] {
            let setting = format!("/proc/sys/net/ipv6/conf/{key}/disable_ipv6");
            let write = format!("test ! -e {setting} || echo 1 >{setting}");
            self.ip(&["netns", "exec", &name, "sh", "-c", &write])?;
        }
        self.ip(&["-n", &name, "link", "set", "lo", "up"])
    }

    fn connect(&self, wire: Wire, ethtool: &Path) -> anyhow::Result<()> {
        let (client, server) = (self.name("client"), self.name(wire.name));
        let device = wire.client_device();
        let peer = ["peer", "name", DEVICE, "netns", &server];
        self.ip(&[&["-n", &client, "link", "add", &device, "type", "veth"][..], &peer].concat())?;
        self.ip(&["-n", &client, "address", "add", &format!("{}.1/24", wire.network()), "dev", &device])?;
        if wire.is_of_kernel {
            self.ip(&["-n", &server, "address", "add", &format!("{}/24", wire.server_ip()), "dev", DEVICE])?;
        }
        self.ip(&["-n", &client, "link", "set", &device, "up"])?;
        self.ip(&["-n", &server, "link", "set", DEVICE, "up"])?;
        // Or packets that a program receives off the device have no checksums yet. On all wires alike.
        let ethtool = ethtool.to_string_lossy();
        self.ip(&["netns", "exec", &client, &ethtool, "-K", &device, "tx", "off"])
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn ip(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = Command::new(&self.ip).args(arguments).output().context("cannot run ip")?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("`ip {}` failed: {}", arguments.join(" "), text.trim())
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        for name in ["client", KERNEL.name, AF_PACKET.name, AF_XDP.name] {
            // One that was not made is not removed either.
            let _ = self.ip(&["netns", "delete", &self.name(name)]);
        }
    }
}

/// Where `ip` keeps the names of namespaces.
const NAMESPACES: &str = "/run/netns";
