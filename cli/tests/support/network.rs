//! Network namespaces of tests: each has a pair of virtual Ethernet devices, of which the kernel has one end and a port of
//! DPDK the other.
//!
//! Nothing is left behind, whatever becomes of a test: a namespace lives as long as somebody is in it.

use std::fs::File;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{DEADLINE, Raw, run, text};

/// Takes this thread, and whatever it starts from now on, to a network namespace of its own, in which there is a loopback
/// device and the pair [`OURS`] and [`THEIRS`]. Needs root.
pub fn enter() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("adit-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    ip(&format!("netns add {name}"));
    let file = File::open(format!("/run/netns/{name}")).expect("a namespace has a file");
    let entered = move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network));
    ip(&format!("netns del {name}"));
    entered.expect("root may enter it");
    ip("link set lo up");
    ip(&format!("link add {OURS} type veth peer name {THEIRS}"));
    for device in [OURS, THEIRS] {
        ip(&format!("link set {device} up"));
    }
    done("ethtool", &format!("-K {OURS} tx off"));
}

/// Gives the kernel's end an address.
pub fn address(cidr: &str) {
    // Nobody else can have it, so nobody is asked.
    ip(&format!("address add {cidr} dev {OURS} nodad"));
}

/// Runs `ip` with these words.
pub fn ip(words: &str) {
    done("ip", words);
}

/// Runs a program to its good end; gives what it printed.
pub fn done(program: &str, words: &str) -> String {
    try_to(program, words).unwrap_or_else(|printed| panic!("{program} {words}: {printed}"))
}

/// Runs a program; gives what it printed.
///
/// # Errors
/// All that it printed, if its end was not good.
pub fn try_to(program: &str, words: &str) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(words.split(' '));
    let output = run(command, b"", package(program));
    let printed = text(&output.stdout);
    if output.status.success() { Ok(printed) } else { Err(printed + &text(&output.stderr)) }
}

/// A RESP connection to an address.
pub fn connect(ip: &str, port: u16) -> Raw {
    let ip: IpAddr = ip.parse().expect("an address");
    Raw::over(TcpStream::connect_timeout(&SocketAddr::new(ip, port), DEADLINE).expect("it is accepted"))
}

fn package(program: &str) -> &str {
    match program {
        "ip" => "iproute2",
        "ping" => "iputils-ping",
        "redis-cli" | "redis-benchmark" => "redis-tools",
        program => program,
    }
}

/// The end that the kernel has.
pub const OURS: &str = "v0";
/// The end that the port has.
pub const THEIRS: &str = "v1";
