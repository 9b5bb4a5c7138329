//! The stack and smoltcp at the two ends of a cable: each believes what the other says.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use adit_drivers::frames::{FRAME_HEADROOM_BYTES, Frame, Frames};
use adit_drivers::sim::CableFaults;
use adit_net::{Reason, Stack};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::{icmp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{
    EthernetAddress, HardwareAddress, Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr, IpAddress, IpCidr,
    IpEndpoint,
};
use support::*;

/// The end of a cable as a device of smoltcp.
struct End(Frames);

struct Received(Frame);

struct Room<'a>(&'a mut Frames);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(self.0.bytes())
    }
}

impl TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = Frame::new(self.0.mempool().buffer().unwrap(), FRAME_HEADROOM_BYTES);
        let done = write(frame.append(len).unwrap());
        self.0.tx_burst(&mut vec![frame]);
        done
    }
}

/// The cable's bursts one frame at a time.
struct Queue {
    end: End,
    waiting: Vec<Frame>,
}

impl Device for Queue {
    type RxToken<'a> = Received;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Room<'_>)> {
        if self.waiting.is_empty() {
            self.end.0.rx_burst(&mut self.waiting);
        }
        (!self.waiting.is_empty()).then(|| (Received(self.waiting.remove(0)), Room(&mut self.end.0)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        Some(Room(&mut self.end.0))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.end.0.mtu_bytes() + 14;
        capabilities.checksum = ChecksumCapabilities::default();
        capabilities.checksum.udp = Checksum::Both;
        capabilities
    }
}

/// A host of smoltcp: 10.0.0.2, fd00::2.
struct Host {
    queue: Queue,
    interface: Interface,
    sockets: SocketSet<'static>,
}

impl Host {
    fn new(end: Frames) -> Self {
        let mut queue = Queue { end: End(end), waiting: Vec::new() };
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(PEER_MAC)));
        config.random_seed = 1;
        let mut interface = Interface::new(config, &mut queue, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(IpAddress::v4(10, 0, 0, 2), 24)).unwrap();
            addresses.push(IpCidr::new(IpAddress::v6(0xFD00, 0, 0, 0, 0, 0, 0, 2), 64)).unwrap();
        });
        Self { queue, interface, sockets: SocketSet::new(Vec::new()) }
    }

    fn poll(&mut self, now_ns: u64) {
        let now = Instant::from_micros(i64::try_from(now_ns / 1000).unwrap());
        self.interface.poll(now, &mut self.queue, &mut self.sockets);
    }

    fn udp_socket(&mut self, port: u16) -> SocketHandle {
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 64], vec![0; 64 * 9000]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(port).unwrap();
        self.sockets.add(socket)
    }

    fn icmp_socket(&mut self, endpoint: icmp::Endpoint) -> SocketHandle {
        let buffer = || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 8], vec![0; 8 * 2000]);
        let mut socket = icmp::Socket::new(buffer(), buffer());
        socket.bind(endpoint).unwrap();
        self.sockets.add(socket)
    }

    fn udp(&mut self, handle: SocketHandle) -> &mut udp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    fn icmp(&mut self, handle: SocketHandle) -> &mut icmp::Socket<'static> {
        self.sockets.get_mut(handle)
    }
}

fn pair(mtu_bytes: usize) -> (Stack, Host) {
    let [ours, theirs] = cable(3, CableFaults::NONE, mtu_bytes);
    (Stack::new(ours, config(1, OUR_PORT), 0), Host::new(theirs))
}

/// Lets both ends talk for a while, and the stack echo its datagrams if it is to.
fn talk(stack: &mut Stack, host: &mut Host, from_ns: u64, echoes: bool) {
    for turn in 0..8 {
        let now_ns = from_ns + turn * 1_000_000;
        host.poll(now_ns);
        stack.poll(now_ns);
        if echoes {
            let datagrams = received(stack);
            let mut trains: Vec<_> = datagrams.iter().map(|(to, bytes)| train(stack, *to, bytes)).collect();
            stack.transmit(&mut trains);
        }
        stack.flush(now_ns);
    }
}

#[test]
fn datagrams_are_echoed_whoever_has_to_ask_for_the_device() {
    for us in ["10.0.0.1", "fd00::1"] {
        for mtu_bytes in [1500, 9000] {
            let (mut stack, mut host) = pair(mtu_bytes);
            let handle = host.udp_socket(1234);
            let to = IpEndpoint::new(us.parse().unwrap(), OUR_PORT);
            let longest = stack.datagram_bytes_max();
            assert_eq!(longest, mtu_bytes - 48);
            for (index, len) in [1, 2, 3, 22, 64, 1400, longest].into_iter().enumerate() {
                let bytes: Vec<u8> = (0..len).map(|at| u8::try_from((at + index) % 251).unwrap()).collect();
                host.udp(handle).send_slice(&bytes, to).unwrap();
                talk(&mut stack, &mut host, index as u64 * SECOND_NS, true);
                let (answer, meta) = host.udp(handle).recv().expect("an answer came");
                assert!(answer == bytes, "{len} bytes from {us}");
                assert_eq!(meta.endpoint, to);
            }
            assert_eq!(stack.counters().dropped_total(), 0);
            assert_whole(&stack);
        }
    }
}

#[test]
fn a_client_resolves_its_server_before_the_first_datagram_leaves() {
    for (server, us) in [("10.0.0.2:1234", "10.0.0.1"), ("[fd00::2]:1234", "fd00::1")] {
        let (mut stack, mut host) = pair(1500);
        let handle = host.udp_socket(1234);
        let mut trains: Vec<_> = (0..5_u8).map(|byte| train(&stack, peer(server), &[byte; 10])).collect();
        stack.transmit(&mut trains);
        assert!(trains.is_empty() && stack.pending_count() == 5);
        talk(&mut stack, &mut host, 0, false);
        for byte in 0..5 {
            let (bytes, meta) = host.udp(handle).recv().expect("a datagram came");
            assert_eq!((bytes, meta.endpoint.addr), (&[byte; 10][..], us.parse().unwrap()));
            let from = meta.endpoint;
            host.udp(handle).send_slice(b"answer", from).unwrap();
        }
        talk(&mut stack, &mut host, SECOND_NS, false);
        assert_eq!(received(&mut stack), vec![(peer(server), b"answer".to_vec()); 5]);
        assert_whole(&stack);
    }
}

#[test]
fn pings_are_answered() {
    let (mut stack, mut host) = pair(1500);
    let handle = host.icmp_socket(icmp::Endpoint::Ident(7));
    let data = [0x5A; 1400];
    let checksums = ChecksumCapabilities::default();
    let request = Icmpv4Repr::EchoRequest { ident: 7, seq_no: 3, data: &data };
    let to: IpAddress = "10.0.0.1".parse().unwrap();
    let room = host.icmp(handle).send(request.buffer_len(), to).unwrap();
    request.emit(&mut Icmpv4Packet::new_unchecked(room), &checksums);
    talk(&mut stack, &mut host, 0, false);
    let (bytes, from) = host.icmp(handle).recv().expect("an answer came");
    let answer = Icmpv4Repr::parse(&Icmpv4Packet::new_checked(bytes).unwrap(), &checksums).unwrap();
    assert_eq!((answer, from), (Icmpv4Repr::EchoReply { ident: 7, seq_no: 3, data: &data }, to));

    let to6 = std::net::Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, 0, 1);
    let request = Icmpv6Repr::EchoRequest { ident: 7, seq_no: 4, data: &data };
    let own6 = std::net::Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, 0, 2);
    let room = host.icmp(handle).send(request.buffer_len(), to6.into()).unwrap();
    request.emit(&own6, &to6, &mut Icmpv6Packet::new_unchecked(room), &checksums);
    talk(&mut stack, &mut host, SECOND_NS, false);
    let (bytes, _) = host.icmp(handle).recv().expect("an answer came");
    let answer =
        Icmpv6Repr::parse(&to6, &own6, &Icmpv6Packet::new_checked(bytes).unwrap(), &checksums).unwrap();
    assert_eq!(answer, Icmpv6Repr::EchoReply { ident: 7, seq_no: 4, data: &data });
    assert_eq!((stack.counters().echoes, stack.counters().dropped_total()), (2, 0));
    assert_whole(&stack);
}

#[test]
fn who_sends_to_a_closed_port_is_told() {
    for us in ["10.0.0.1", "fd00::1"] {
        let (mut stack, mut host) = pair(1500);
        let (handle, errors) = (host.udp_socket(1234), host.icmp_socket(icmp::Endpoint::Udp(1234.into())));
        let to = IpEndpoint::new(us.parse().unwrap(), OUR_PORT + 1);
        host.udp(handle).send_slice(&[7; 100], to).unwrap();
        talk(&mut stack, &mut host, 0, false);
        let (bytes, from) = host.icmp(errors).recv().expect("an error came");
        assert_eq!(from, to.addr);
        let (kind, code) = if us.contains(':') { (1, 4) } else { (3, 3) };
        assert_eq!((bytes[0], bytes[1]), (kind, code));
        assert_eq!(stack.counters().dropped(Reason::ClosedPort), 1);
        assert_eq!(stack.counters().dropped_total(), 1);
        assert_whole(&stack);
    }
}
