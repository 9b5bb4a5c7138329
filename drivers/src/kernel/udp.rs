//! Datagrams over a UDP socket of the kernel, in bursts and with its offloads where it has them.
//!
//! One recvmmsg and one sendmmsg carry a burst. GRO joins datagrams of a peer into a train on the way in, GSO carries
//! a train in one message on the way out (udp(7)): together they cost a third of one message per datagram.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use libc::c_int;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::listener::{ListenError, local_address};
use super::messages::{Incoming, Message, Messages, Outgoing};
use crate::port::{BURST_MAX, MBUF_BYTES, Mbuf, Mempool, PortCounters};

/// A bound UDP socket. It may move to the thread of the shard that makes a [`KernelPort`] of it.
pub struct UdpSocket {
    fd: OwnedFd,
    address: SocketAddr,
}

impl UdpSocket {
    /// Binds a socket to `address`, alone. Port 0 takes a free port; [`UdpSocket::address`] says which. Bound to the
    /// unspecified address it answers from the address that the route to the peer has, which on a machine of several
    /// addresses may be another than the peer sent to.
    ///
    /// # Errors
    /// [`ListenError::InUse`] if something else has the port: two servers must not split clients.
    pub fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(family, SocketType::DGRAM, flags, None)?;
        // The kernel gives less if net.core.rmem_max or wmem_max say so.
        let _ = sockopt::set_socket_recv_buffer_size(&fd, SOCKET_BUFFER_BYTES);
        let _ = sockopt::set_socket_send_buffer_size(&fd, SOCKET_BUFFER_BYTES);
        rustix::net::bind(&fd, &address)?;
        let address = local_address(&fd).unwrap_or(address);
        Ok(Self { fd, address })
    }

    /// Binds a client's socket to a free port, on the loopback interface if that is where `server` is.
    ///
    /// # Errors
    /// The kernel's, if it has no socket or no port left.
    pub fn for_client(server: SocketAddr) -> Result<Self, ListenError> {
        let address = match (server.is_ipv4(), server.ip().is_loopback()) {
            (true, true) => Ipv4Addr::LOCALHOST.into(),
            (true, false) => Ipv4Addr::UNSPECIFIED.into(),
            (false, true) => Ipv6Addr::LOCALHOST.into(),
            (false, false) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Self::bind(SocketAddr::new(address, 0))
    }

    /// The address it is bound to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Which offloads a port uses. [`Offload::default`] is all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offload {
    /// Receive trains.
    pub gro: bool,
    /// Send trains as one message each.
    pub gso: bool,
}

impl Offload {
    /// One message for each datagram, both ways.
    pub const NONE: Self = Self { gro: false, gso: false };
}

impl Default for Offload {
    fn default() -> Self {
        Self { gro: true, gso: true }
    }
}

/// A port over a UDP socket.
pub struct KernelPort {
    socket: UdpSocket,
    mempool: Mempool,
    offload: Offload,
    incoming: Incoming,
    outgoing: Outgoing,
    /// Buffers to receive into, kept from call to call; the last one is filled first.
    prepared: Vec<Mbuf>,
    prepared_max: usize,
    counters: PortCounters,
}

impl KernelPort {
    /// A port over `socket` that receives into buffers of `mempool`. It keeps up to [`BURST_MAX`] of them, but at most
    /// half, to receive into. GRO is used if the kernel has it and the buffers have [`MBUF_BYTES`].
    pub fn new(socket: UdpSocket, mempool: Mempool, offload: Offload) -> Self {
        let gro = offload.gro
            && mempool.buffer_bytes() >= MBUF_BYTES
            && set_option(socket.fd.as_fd(), libc::SOL_UDP, libc::UDP_GRO, 1).is_ok();
        let prepared_max = (mempool.count() / 2).clamp(1, BURST_MAX);
        Self {
            socket,
            mempool,
            offload: Offload { gro, ..offload },
            incoming: Messages::new(BURST_MAX),
            outgoing: Messages::new(MESSAGES_PER_SEND_MAX),
            prepared: Vec::with_capacity(prepared_max),
            prepared_max,
            counters: PortCounters::default(),
        }
    }

    /// The offloads that are in use: what the kernel refused is not.
    pub fn offload(&self) -> Offload {
        self.offload
    }

    /// The address that peers reach it by.
    pub fn address(&self) -> SocketAddr {
        self.socket.address
    }

    /// Where its received trains come from.
    #[inline]
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// What it has counted.
    pub fn counters(&self) -> PortCounters {
        self.counters
    }

    /// Appends received trains to `burst`, up to [`BURST_MAX`]; does not block.
    pub fn rx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        self.prepare();
        if self.prepared.is_empty() {
            self.counters.rx_no_buffer += 1;
            return;
        }
        for index in 0..self.receive() {
            let Some(mut mbuf) = self.prepared.pop() else { return };
            let Some(train) = self.incoming.received(index) else {
                self.counters.rx_dropped += 1;
                continue;
            };
            mbuf.fill(train.from, train.len_bytes, train.stride_bytes);
            self.counters.rx_datagrams += mbuf.datagram_count() as u64;
            burst.push(mbuf);
        }
    }

    fn prepare(&mut self) {
        while self.prepared.len() < self.prepared_max
            && let Some(mbuf) = self.mempool.take(self.socket.address)
        {
            self.prepared.push(mbuf);
        }
    }

    /// Receives into the last of the prepared buffers, backwards. Says into how many.
    fn receive(&mut self) -> usize {
        for _ in 0..ERRORS_PER_BURST_MAX {
            let buffers = self.prepared.iter_mut().rev().map(Mbuf::buffer_mut);
            match self.incoming.receive(self.socket.fd.as_fd(), buffers) {
                Ok(count) => return count,
                Err(Errno::AGAIN) => return 0,
                // Each tells, once, what became of an earlier datagram: that is for the peer's protocol to find out.
                Err(error) => {
                    let ours = is_our_fault(error) || error == Errno::INVAL;
                    assert!(!ours, "recvmmsg on our own socket failed: {error}");
                }
            }
        }
        0
    }

    /// Transmits trains off the front of `burst`; what it does not take now stays in it. Does not block.
    pub fn tx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        let mut done = 0;
        while done < burst.len() {
            if burst[done].unsent_bytes().is_empty() {
                done += 1;
                continue;
            }
            match self.send(&mut burst[done..]) {
                Ok(()) => {}
                Err(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM | Errno::INTR) => {
                    self.counters.tx_blocked += 1;
                    break;
                }
                Err(error) => {
                    assert!(!is_our_fault(error), "sendmmsg on our own socket failed: {error}");
                    self.counters.tx_refused += burst[done].unsent().len() as u64;
                    done += 1;
                }
            }
        }
        burst.drain(..done);
    }

    /// Sends some of a burst whose first train is not sent yet; an error is that of the first train.
    fn send(&mut self, burst: &mut [Mbuf]) -> Result<(), Errno> {
        let gso = self.offload.gso;
        match self.send_some(burst, gso) {
            Err(error) if gso && burst[0].unsent().len() > 1 && may_be_gso(error) => {
                self.send_some(&mut burst[..1], false)?;
                // Its datagrams go alone, so the offload was refused, not the peer. A stride longer than packets on
                // the way to this peer is no reason to do without for others.
                self.offload.gso = error == Errno::MSGSIZE;
                Ok(())
            }
            other => other,
        }
    }

    fn send_some(&mut self, burst: &mut [Mbuf], gso: bool) -> Result<(), Errno> {
        let messages = burst.iter().flat_map(|mbuf| {
            let stride_bytes = mbuf.stride_bytes();
            mbuf.unsent_runs(gso).map(move |bytes| Message { to: mbuf.peer(), bytes, stride_bytes })
        });
        let count = self.outgoing.send(self.socket.fd.as_fd(), messages)?;
        let mut first = 0;
        for index in 0..count {
            while burst[first].unsent_bytes().is_empty() {
                first += 1;
            }
            let sent_bytes = self.outgoing.len_bytes(index);
            self.counters.tx_datagrams += sent_bytes.div_ceil(burst[first].stride_bytes()) as u64;
            burst[first].advance(sent_bytes);
        }
        Ok(())
    }
}

impl AsFd for KernelPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.fd.as_fd()
    }
}

/// What the kernel says, among other things, where it, the device or the route has no GSO.
fn may_be_gso(error: Errno) -> bool {
    matches!(error, Errno::INVAL | Errno::IO | Errno::NOPROTOOPT | Errno::OPNOTSUPP | Errno::MSGSIZE)
}

/// What the kernel says only if this file is wrong.
fn is_our_fault(error: Errno) -> bool {
    matches!(error, Errno::BADF | Errno::NOTSOCK | Errno::FAULT)
}

fn set_option(fd: BorrowedFd<'_>, level: c_int, name: c_int, value: c_int) -> Result<(), Errno> {
    #[expect(clippy::cast_possible_truncation, reason = "4 bytes")]
    let len = size_of::<c_int>() as libc::socklen_t;
    let value = (&raw const value).cast();
    // SAFETY: `value` points to `len` bytes that live until this returns, and setsockopt only reads them.
    let set = unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value, len) };
    if set == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
}

/// Bytes that the kernel is asked to hold in each direction: a thousand datagrams of a common packet's length, as it
/// counts its own overhead too.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;
/// Most messages of one sendmmsg: a train whose datagrams go alone, or two bursts.
const MESSAGES_PER_SEND_MAX: usize = 64;
/// Errors of earlier datagrams that one receive passes over.
const ERRORS_PER_BURST_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::{TRAIN_BYTES_MAX, TRAIN_DATAGRAMS_MAX};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    fn port_at(address: SocketAddr, offload: Offload) -> KernelPort {
        KernelPort::new(UdpSocket::bind(address).unwrap(), Mempool::new(256, MBUF_BYTES), offload)
    }

    fn port(offload: Offload) -> KernelPort {
        port_at(loopback(), offload)
    }

    fn train(from: &KernelPort, to: SocketAddr, lengths: &[usize]) -> Mbuf {
        let mut mbuf = from.mempool.take(to).unwrap();
        for (index, len) in lengths.iter().enumerate() {
            mbuf.push(*len).unwrap().fill(u8::try_from(index).unwrap());
        }
        mbuf
    }

    /// Receives until `count` datagrams are there; gives up after ten seconds without any.
    fn receive(port: &mut KernelPort, count: usize) -> Vec<Mbuf> {
        let mut burst: Vec<Mbuf> = Vec::new();
        while burst.iter().map(Mbuf::datagram_count).sum::<usize>() < count {
            let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
            let ready = poll(&mut [PollFd::new(port, PollFlags::IN)], Some(&patience)).unwrap();
            assert_eq!(ready, 1, "datagrams are missing");
            let no_buffer_count = port.counters.rx_no_buffer;
            port.rx_burst(&mut burst);
            assert_eq!(port.counters.rx_no_buffer, no_buffer_count, "the test holds all buffers");
        }
        burst
    }

    /// The lengths and first bytes of all datagrams.
    fn datagrams(burst: &[Mbuf]) -> Vec<(usize, u8)> {
        burst.iter().flat_map(Mbuf::datagrams).map(|datagram| (datagram.len(), datagram[0])).collect()
    }

    /// Sends trains of these lengths from one port to another. Gives what arrives and the sender's offloads after.
    fn carry(sender: Offload, receiver: Offload, trains: &[&[usize]]) -> (Vec<Mbuf>, Offload) {
        let (mut left, mut right) = (port(sender), port(receiver));
        let mut burst: Vec<_> = trains.iter().map(|lengths| train(&left, right.address(), lengths)).collect();
        left.tx_burst(&mut burst);
        assert!(burst.is_empty());
        let count = trains.iter().map(|lengths| lengths.len()).sum();
        let received = receive(&mut right, count);
        assert!(received.iter().all(|mbuf| mbuf.peer() == left.address()));
        let counted = (left.counters.tx_datagrams, right.counters.rx_datagrams);
        assert_eq!(counted, (count as u64, count as u64));
        (received, left.offload())
    }

    #[test]
    fn trains_arrive_whole_with_any_offloads() {
        let full = [100; TRAIN_DATAGRAMS_MAX];
        let trains: [&[usize]; 4] = [&[1400, 1400, 900], &[7], &full, &[1, 1]];
        let sent: Vec<(usize, u8)> =
            trains.iter().flat_map(|lengths| lengths.iter().copied().zip(0..)).collect();
        for (gso, gro) in [(true, true), (true, false), (false, true), (false, false)] {
            let (sender, receiver) = (Offload { gso, ..Offload::NONE }, Offload { gro, ..Offload::NONE });
            let (received, left) = carry(sender, receiver, &trains);
            assert_eq!(datagrams(&received), sent, "{sender:?} {receiver:?}");
            if !gro {
                assert_eq!(received.len(), sent.len());
            } else if left.gso {
                assert_eq!(received.len(), trains.len(), "a train sent is a train received");
            }
        }
    }

    #[test]
    fn the_longest_train_and_the_longest_datagram_arrive() {
        let stride_bytes = TRAIN_BYTES_MAX / TRAIN_DATAGRAMS_MAX;
        for lengths in [&[stride_bytes; TRAIN_DATAGRAMS_MAX][..], &[TRAIN_BYTES_MAX]] {
            let (received, _) = carry(Offload::default(), Offload::default(), &[lengths]);
            assert_eq!(received.iter().map(|mbuf| mbuf.bytes().len()).sum::<usize>(), lengths.iter().sum());
        }
    }

    #[test]
    fn a_received_train_goes_back_as_it_is() {
        let (mut left, mut right) = (port(Offload::default()), port(Offload::default()));
        let mut burst = vec![train(&left, right.address(), &[500, 500, 20])];
        left.tx_burst(&mut burst);
        let mut echo = receive(&mut right, 3);
        right.tx_burst(&mut echo);
        assert_eq!(datagrams(&receive(&mut left, 3)), [(500, 0), (500, 1), (20, 2)]);
    }

    #[test]
    fn a_burst_serves_many_peers() {
        let mut server = port(Offload::default());
        let mut clients: Vec<_> = (0..20).map(|_| port(Offload::default())).collect();
        for client in &mut clients {
            let mut burst = vec![train(client, server.address(), &[30, 30, 10])];
            client.tx_burst(&mut burst);
        }
        let mut burst = receive(&mut server, 60);
        server.tx_burst(&mut burst);
        assert!(burst.is_empty());
        for client in &mut clients {
            assert_eq!(datagrams(&receive(client, 3)), [(30, 0), (30, 1), (10, 2)]);
        }
        let at_rest = server.mempool.count() - server.prepared.len();
        assert_eq!(server.mempool.free_count(), at_rest, "all buffers came home");
    }

    #[test]
    fn what_cannot_be_delivered_does_not_block_the_rest() {
        for offload in [Offload::default(), Offload::NONE] {
            let (mut left, mut right) = (port(offload), port(offload));
            let nobody = port(offload).address();
            let refused: [SocketAddr; 3] =
                [([127, 0, 0, 1], 0).into(), ([255; 4], 9).into(), "[::1]:9".parse().unwrap()];
            let mut burst = vec![train(&left, nobody, &[9, 9])];
            for address in refused {
                burst.push(train(&left, address, &[9, 9, 9]));
                burst.push(train(&left, right.address(), &[8, 8]));
            }
            left.tx_burst(&mut burst);
            assert!(burst.is_empty());
            assert_eq!(datagrams(&receive(&mut right, 6)).len(), 6);
            assert_eq!((left.counters.tx_datagrams, left.counters.tx_refused), (8, 9));
            assert_eq!(left.offload(), offload, "a refused peer is no reason to do without offloads");
        }
    }

    #[test]
    fn a_kernel_that_refuses_gso_gets_one_message_per_datagram() {
        let (mut left, mut right) = (port(Offload::default()), port(Offload::NONE));
        // Without checksums the kernel does not cut trains.
        set_option(left.as_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK, 1).unwrap();
        let lengths = [&[50; 5][..], &[60; 64], &[70]];
        let mut burst: Vec<_> =
            lengths.iter().map(|lengths| train(&left, right.address(), lengths)).collect();
        left.tx_burst(&mut burst);
        assert!(burst.is_empty());
        assert!(!left.offload().gso);
        let received: Vec<usize> =
            datagrams(&receive(&mut right, 70)).into_iter().map(|(len, _)| len).collect();
        assert_eq!(received, lengths.concat());
    }

    #[test]
    fn truncated_and_empty_datagrams_are_dropped() {
        let mut small =
            KernelPort::new(UdpSocket::bind(loopback()).unwrap(), Mempool::new(8, 1000), Offload::default());
        assert!(!small.offload().gro, "a train would not fit");
        let sender = std::net::UdpSocket::bind(loopback()).unwrap();
        for len in [1001, 0, 1000] {
            sender.send_to(&[1; 1001][..len], small.address()).unwrap();
        }
        assert_eq!(datagrams(&receive(&mut small, 1)), [(1000, 1)]);
        assert_eq!(small.counters.rx_dropped, 2);
    }

    #[test]
    fn without_buffers_datagrams_stay_in_the_kernel() {
        let mut server = KernelPort::new(
            UdpSocket::bind(loopback()).unwrap(),
            Mempool::new(2, MBUF_BYTES),
            Offload::default(),
        );
        let mut client = port(Offload::NONE);
        let mut burst: Vec<_> = (0..3).map(|_| train(&client, server.address(), &[5])).collect();
        client.tx_burst(&mut burst);
        let held = receive(&mut server, 2);
        server.rx_burst(&mut burst);
        assert_eq!((burst.len(), server.counters.rx_no_buffer), (0, 1));
        drop(held);
        assert_eq!(receive(&mut server, 1).len(), 1);
    }

    /// The loopback interface takes all at once, unless a queue holds datagrams back: `tc qdisc add dev lo root tbf
    /// rate 200mbit burst 70kb latency 2s` makes this test block.
    #[test]
    fn a_full_socket_keeps_the_rest_of_a_burst() {
        for offload in [Offload { gso: true, gro: false }, Offload::NONE] {
            let (mut left, right) = (port(offload), port(offload));
            sockopt::set_socket_send_buffer_size(&left.socket.fd, 0).unwrap();
            let mut burst: Vec<_> = (0..40).map(|_| train(&left, right.address(), &[1400; 40])).collect();
            while !burst.is_empty() {
                let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
                assert_eq!(poll(&mut [PollFd::new(&left, PollFlags::OUT)], Some(&patience)).unwrap(), 1);
                left.tx_burst(&mut burst);
            }
            assert_eq!((left.counters.tx_datagrams, left.counters.tx_refused), (1600, 0));
        }
    }

    #[test]
    fn a_second_server_is_refused() {
        let first = UdpSocket::bind(loopback()).unwrap();
        assert_ne!(first.address().port(), 0);
        assert!(matches!(UdpSocket::bind(first.address()), Err(ListenError::InUse)));
        let address = first.address();
        drop(first);
        UdpSocket::bind(address).unwrap();
    }

    #[test]
    fn a_client_binds_where_its_server_is() {
        let client = |server: &str| UdpSocket::for_client(server.parse().unwrap());
        assert!(client("127.0.0.1:1").unwrap().address().ip().is_loopback());
        assert!(client("192.0.2.1:1").unwrap().address().ip().is_unspecified());
    }

    #[test]
    fn ipv6_works_where_the_machine_has_it() {
        let Ok(socket) = UdpSocket::bind("[::1]:0".parse().unwrap()) else { return };
        let mut server = KernelPort::new(socket, Mempool::new(8, MBUF_BYTES), Offload::default());
        let socket = UdpSocket::for_client(server.address()).unwrap();
        let mut client = KernelPort::new(socket, Mempool::new(8, MBUF_BYTES), Offload::default());
        let mut burst = vec![train(&client, server.address(), &[1200, 1200, 3])];
        client.tx_burst(&mut burst);
        let mut echo = receive(&mut server, 3);
        assert_eq!(echo[0].peer(), client.address());
        server.tx_burst(&mut echo);
        assert_eq!(datagrams(&receive(&mut client, 3)), [(1200, 0), (1200, 1), (3, 2)]);
    }

    #[test]
    fn a_socket_of_both_families_answers_ipv4() {
        let Ok(socket) = UdpSocket::bind("[::]:0".parse().unwrap()) else { return };
        let mut server = KernelPort::new(socket, Mempool::new(8, MBUF_BYTES), Offload::default());
        let mut client = port(Offload::default());
        let address = SocketAddr::from(([127, 0, 0, 1], server.address().port()));
        let mut burst = vec![train(&client, address, &[40, 40])];
        client.tx_burst(&mut burst);
        let mut echo = receive(&mut server, 2);
        server.tx_burst(&mut echo);
        let answer = receive(&mut client, 2);
        assert_eq!((answer[0].peer(), datagrams(&answer).len()), (address, 2));
    }
}
