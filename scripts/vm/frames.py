"""Hostile frames for the guest: everything a seed can make of the frames that it would answer.

They are sent past the kernel's own protocols (packet(7)), from the host's end of the tap. None takes anything away from an
honest client: who claims to be the host in a TCP segment has a port that the host never gives to its own connections, and ARP
speaks for a stranger.
"""

import random
import socket
import struct
import time

from machine import GUEST_IP, GUEST_MAC, HOST_IP, HOST_MAC, TAP

STRANGER_IP, STRANGER_MAC = "10.77.0.99", "52:54:00:77:00:99"
RESP_PORT, NATIVE_PORT = 7379, 7400
# Below the ports that Linux gives to its own connections (ip(7), ip_local_port_range).
PORTS = range(1024, 32768)
ETHER_IPV4, ETHER_ARP, ETHER_IPV6, ETHER_VLAN, ETHER_QINQ = 0x0800, 0x0806, 0x86DD, 0x8100, 0x88A8
ICMP, TCP, UDP = 1, 6, 17
FIN, SYN, RST, PUSH, ACK, URGENT = 1, 2, 4, 8, 16, 32
OVERSIZED_BYTES = (1515, 1519, 1523, 2048, 2049, 4096, 8999, 9014)
# A pause after so many, so that the guest receives them; what the tap drops is counted.
BURST_FRAMES, BURST_PAUSE_SECONDS = 32, 0.004


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


# Frames as they should be


def ethernet(payload, kind=ETHER_IPV4, to=GUEST_MAC, source=HOST_MAC):
    return mac(to) + mac(source) + struct.pack("!H", kind) + payload


def arp(operation=1, hardware=1, protocol=ETHER_IPV4, lengths=(6, 4), sender=STRANGER_IP, target=GUEST_IP):
    head = struct.pack("!HHBBH", hardware, protocol, *lengths, operation)
    packet = head + mac(STRANGER_MAC) + socket.inet_aton(sender) + bytes(6) + socket.inet_aton(target)
    return ethernet(packet, ETHER_ARP, "ff:ff:ff:ff:ff:ff", STRANGER_MAC)


def ipv4(payload, protocol, source=HOST_IP, to=GUEST_IP, *, first=0x45, length=None, fragment=0, options=b""):
    """`fragment` is the field of flags and offset; `length` is what the header claims."""
    length = 20 + len(options) + len(payload) if length is None else length
    head = struct.pack("!BBHHHBBH", first, 0, length & 0xFFFF, 7, fragment, 64, protocol, 0)
    head += socket.inet_aton(source) + socket.inet_aton(to) + options
    return ethernet(head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload)


def pseudo(payload, protocol, source=HOST_IP):
    """The checksum of a payload of TCP or UDP under its pseudo header."""
    head = socket.inet_aton(source) + socket.inet_aton(GUEST_IP) + struct.pack("!BBH", 0, protocol, len(payload))
    return struct.pack("!H", checksum(head + payload))


def echo(data=b"adit" * 8, kind=8, code=0):
    packet = struct.pack("!BBHHH", kind, code, 0, 1, 1) + data
    return packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]


def udp(data, port=NATIVE_PORT, source_port=1024, length=None, source=HOST_IP):
    packet = struct.pack("!HHHH", source_port, port, 8 + len(data) if length is None else length, 0) + data
    return packet[:6] + pseudo(packet, UDP, source) + packet[8:]


def tcp(flags, data=b"", port=RESP_PORT, source_port=1024, *, sequence=1, words=None, options=b"", source=HOST_IP):
    words = 5 + len(options) // 4 if words is None else words
    head = struct.pack("!HHIIBBHHH", source_port, port, sequence, 9, words << 4, flags, 65535, 0, 99) + options
    return head[:16] + pseudo(head + data, TCP, source) + head[18:] + data


# Frames as they should not be


def hostile(seed, count):
    """All that is told one by one, then `count` accidents."""
    chance = random.Random(seed)
    honest = honest_frames(chance)
    for frame in honest:
        yield frame
        yield from (frame[:length] for length in range(14, len(frame)))
    yield from liars_of_ethernet(honest)
    yield from liars_of_arp()
    yield from liars_of_ipv4(chance)
    yield from liars_of_transport(chance)
    yield from liars_of_tcp(chance)
    for _ in range(count):
        yield accident(chance, chance.choice(honest))


def honest_frames(chance):
    native = bytes(chance.randrange(256) for _ in range(64))
    return [
        arp(),
        ipv4(echo(), ICMP),
        ipv4(udp(native), UDP),
        ipv4(udp(b"nobody listens", port=9), UDP),
        ipv4(tcp(SYN, options=bytes.fromhex("020405b4010303070101080a0000000100000000")), TCP),
        ipv4(tcp(ACK | PUSH, b"PING\r\n"), TCP),
        ethernet(b"\x60" + bytes(3) + struct.pack("!HBB", 8, 58, 255) + bytes(40), ETHER_IPV6),
    ]


def liars_of_ethernet(honest):
    for frame in honest:
        for tag in (b"\x81\x00\x00\x05", b"\x81\x00\x00\x00", b"\x88\xa8\x00\x05\x81\x00\x00\x06", b"\x81\x00" * 20):
            yield frame[:12] + tag + frame[12:]
        for kind in (0, 46, 1500, 1501, 0x05DD, 0x0600, ETHER_VLAN, ETHER_QINQ, ETHER_IPV6, ETHER_ARP, 0x8847, 0x88CC, 0xFFFF):
            yield frame[:12] + struct.pack("!H", kind) + frame[14:]
        for to in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "52:54:00:77:00:55", "00:00:00:00:00:00"):
            yield mac(to) + frame[6:]
        for source in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", GUEST_MAC, "00:00:00:00:00:00"):
            yield frame[:6] + mac(source) + frame[12:]
        # Longer than their own headers say.
        yield frame + bytes(64)
        yield frame + bytes(1514 - len(frame))


def liars_of_arp():
    for operation in (0, 1, 2, 3, 8, 0xFFFF):
        for hardware, protocol, lengths in ((1, ETHER_IPV4, (6, 4)), (6, ETHER_IPV4, (6, 4)), (1, ETHER_IPV6, (6, 16)),
                                            (1, ETHER_IPV4, (0, 0)), (1, ETHER_IPV4, (255, 255)), (1, 0, (8, 4))):  # fmt: skip
            for sender in (STRANGER_IP, "0.0.0.0", "255.255.255.255", "224.0.0.1", GUEST_IP, "127.0.0.1", "192.0.2.1"):
                yield arp(operation, hardware, protocol, lengths, sender)
    # More neighbours than anyone should remember.
    for low in range(2, 255):
        yield arp(1, sender=f"10.77.0.{low}" if low != 2 else STRANGER_IP)


def liars_of_ipv4(chance):
    payloads = [(echo(), ICMP), (udp(b"hello"), UDP), (tcp(SYN), TCP)]
    for payload, protocol in payloads:
        for first in range(256):
            yield ipv4(payload, protocol, first=first)
        whole = 20 + len(payload)
        for length in (0, 1, 19, 20, 21, 27, 28, whole - 1, whole + 1, 1500, 1501, 0x7FFF, 0xFFFF):
            yield ipv4(payload, protocol, length=length)
        # Fragments: first, middle, last, overlapping, beyond 65,535 bytes, alone, never to be completed.
        for fragment in (0x2000, 0x2001, 0x0001, 0x00B9, 0x20B9, 0x1FFF, 0x3FFF, 0x8000, 0x4000, 0x6000, 0xFFFF):
            yield ipv4(payload, protocol, fragment=fragment)
        for source in ("0.0.0.0", "127.0.0.1", "255.255.255.255", "10.77.0.255", "224.0.0.1", GUEST_IP, "192.0.2.7"):
            yield ipv4(payload, protocol, source=source)
        for to in ("0.0.0.0", "127.0.0.1", "255.255.255.255", "10.77.0.255", "224.0.0.1", HOST_IP, "192.0.2.7"):
            yield ipv4(payload, protocol, to=to)
        for size in (4, 8, 20, 40):
            options = bytes(chance.randrange(256) for _ in range(size))
            yield ipv4(payload, protocol, first=0x45 + size // 4, options=options)
        frame = ipv4(payload, protocol)
        yield flip(frame, 14 + 10)
        yield flip(frame, len(frame) - 1)
    for protocol in range(256):
        yield ipv4(b"\0" * 32, protocol)


def liars_of_transport(chance):
    for kind in range(0, 256, 3):
        yield ipv4(echo(kind=kind, code=chance.randrange(256)), ICMP)
    # An error about a connection that is not there, and one about nothing.
    yield ipv4(echo(ipv4(tcp(SYN), TCP)[14:], kind=3, code=4), ICMP)
    yield ipv4(echo(b"", kind=3, code=3), ICMP)
    for length in (0, 1, 7, 8, 9, 12, 14, 1472, 0xFFFF):
        yield ipv4(udp(b"hello", length=length), UDP)
    for port in (0, 1, 67, 7379, NATIVE_PORT, 7401, 0xFFFF):
        for source_port in (0, 1, NATIVE_PORT, 1024):
            yield ipv4(udp(b"x" * 24, port, source_port), UDP)
    yield ipv4(udp(b""), UDP)
    yield ipv4(udp(b"x" * 1472), UDP)
    for size in range(0, 300, 7):
        yield ipv4(udp(bytes(chance.randrange(256) for _ in range(size)), source_port=chance.choice(PORTS)), UDP)


def liars_of_tcp(chance):
    for flags in range(256):
        for source_port in (1024, chance.choice(PORTS)):
            yield ipv4(tcp(flags, b"PING\r\n", source_port=source_port, sequence=chance.randrange(1 << 32)), TCP)
    for words in range(16):
        yield ipv4(tcp(SYN, words=words), TCP)
        yield ipv4(tcp(SYN, b"data", words=words, options=bytes(8)), TCP)
    for options in ("02000000", "02010000", "020405b4", "0204000002040001", "03ff0000", "0303ff01", "fe000000", "08020101",
                    "050a000000010000000201010000", "0101010101010100", "1e0cffffffffffffffffffff"):  # fmt: skip
        options = bytes.fromhex(options)
        yield ipv4(tcp(SYN, options=options + bytes(-len(options) % 4), source_port=chance.choice(PORTS)), TCP)
    # Connections that are begun and never finished, by neighbours that answer nothing.
    for index in range(1500):
        source = f"10.77.0.{3 + index % 250}"
        yield ipv4(tcp(SYN, source_port=chance.choice(PORTS), source=source), TCP, source=source)
    for port in (0, 1, 22, 7378, 7400, 0xFFFF):
        yield ipv4(tcp(SYN, port=port), TCP)


def accident(chance, frame):
    """An honest frame after a few bytes went wrong, or its end was lost; its IPv4 checksum is put right half of the time."""
    frame = bytearray(frame)
    for _ in range(chance.randint(1, 6)):
        frame[chance.randrange(12, len(frame))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    if chance.random() < 0.3:
        del frame[chance.randrange(14, len(frame) + 1) :]
    if chance.random() < 0.1:
        frame += chance.randbytes(chance.randint(1, 1514 - len(frame)))
    if frame[12:14] == b"\x08\x00" and len(frame) >= 34 and chance.random() < 0.5:
        frame[24:26] = b"\0\0"
        frame[24:26] = struct.pack("!H", checksum(bytes(frame[14:34])))
    if frame[12:14] == b"\x08\x06" and frame[28:32] == socket.inet_aton(HOST_IP):
        # By chance a forgery that ARP has to believe: the host's answers would go to a stranger until the neighbour is asked again.
        frame[28:32] = socket.inet_aton(STRANGER_IP)
    return bytes(frame)


def oversized():
    """Frames that are longer than any the guest asked for; the tap has to let them through."""
    for size in OVERSIZED_BYTES:
        yield ipv4(echo(b"x" * (size - 14 - 20 - 8)), ICMP)
        yield ipv4(udp(b"x" * (size - 14 - 20 - 8)), UDP)
        yield ipv4(tcp(ACK | PUSH, b"x" * (size - 14 - 20 - 20)), TCP)
        yield ethernet(b"\xff" * (size - 14), 0x88B5)


def flip(frame, index):
    return frame[:index] + bytes([frame[index] ^ 0xFF]) + frame[index + 1 :]


# Sending


def send(frames):
    """Sends frames; how many there were, and how many the tap had no room for."""
    before, count = tap_drops(), 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((TAP, 0))
        for count, frame in enumerate(frames, start=1):
            raw.send(frame)
            if count % BURST_FRAMES == 0:
                time.sleep(BURST_PAUSE_SECONDS)
    return count, tap_drops() - before


def tap_drops():
    """Frames for the guest that were dropped on the way, as Linux counts them (proc(5), /proc/net/dev)."""
    with open("/proc/self/net/dev") as lines:
        for line in lines:
            name, _, numbers = line.partition(":")
            if name.strip() == TAP:
                return int(numbers.split()[11])
    return 0
