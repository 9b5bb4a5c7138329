"""The programs that the guest can run: how each is started, how it says that it serves, who its clients are, its last words."""

import os
import re
import socket
import subprocess
import time
from pathlib import Path

from image import fail, need
from machine import GUEST_IP, NEIGHBOUR_IP, PCI_ADDRESS, PREFIX, TAP, Failure

RESP_PORT, NATIVE_PORT = 7379, 7400
PONG = b"+PONG\r\n"
CLIENT_SECONDS = 30
# Of a client that picks its ports: what it says before it knows how. A long value is some 370 datagrams.
STEERED_KEYS, STEERED_BYTES, FRAMES_BEFORE_MAX = 8, 512 * 1024, 20
# Connections that reach both of two queues, all but once in 128 times.
VISITS = 8
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[2] / "target")).resolve()


def run(*words, given=None, seconds=CLIENT_SECONDS):
    """The output of a client; fails with it if it fails."""
    words = [str(word) for word in words]
    try:
        done = subprocess.run(words, input=given, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(words)[:200]}: no end within {seconds} s") from None
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        raise Failure(f"{' '.join(words)[:200]}: status {done.returncode}\n{said[-2000:]}")
    return done.stdout


def expect(what, said, wanted):
    if said != wanted:
        raise Failure(f"{what}: {said[:200]!r} ({len(said)} B), not {wanted[:200]!r} ({len(wanted)} B)")


class Adit:
    """`adit serve` on the port: Redis over the appliance's own TCP, the native protocol over its own UDP."""

    name = "adit"
    # vfio_iommu_type1 is what vfio asks for by name at run time: no module depends on it.
    modules, drivers = ["vfio-pci", "vfio_iommu_type1"], ["vfio-pci"]
    script = f"exec adit serve --port dpdk:{PCI_ADDRESS},ip={GUEST_IP}/{PREFIX} --shards $SHARDS --memory 256MiB"
    ready = r"^serving Redis clients on "
    # What it says at its end: no buffer is missing.
    farewell = [r"^port .*: (\d+) of \1 buffers are home", r"^stopped"]

    def __init__(self):
        self.path = Path(os.environ.get("ADIT_BIN", TARGET / "release" / "adit"))
        if not self.path.exists():
            fail(f"{self.path} is missing: cargo build --release --features dpdk, or set ADIT_BIN")
        need("redis-cli", "redis-tools")
        self.held = None

    def serve_clients(self):
        native = [self.path, "kv", "--native", f"{GUEST_IP}:{NATIVE_PORT}"]
        redis = ["redis-cli", "-h", GUEST_IP, "-p", RESP_PORT]
        stamp, large = str(time.monotonic_ns()), os.urandom(512 * 1024).hex().encode()
        run(*native, "set", "native", stamp)
        expect("what was written by the native protocol", run(*native, "get", "native").strip(), stamp.encode())
        expect("the same by redis-cli", run(*redis, "get", "native").strip(), stamp.encode())
        run(*native, "set", "large", "-", given=large)
        expect("a large value over UDP", run(*native, "get", "large").strip(), large)
        expect("writing a large value over TCP", run(*redis, "-x", "set", "larger", given=large).strip(), b"OK")
        expect("a large value over TCP", run(*redis, "get", "larger").strip(), large)
        benchmark = ["redis-benchmark", "-h", GUEST_IP, "-p", RESP_PORT, "-q", "-t", "set,get", "-d", 100]
        run(*benchmark, "-n", 1000, "-c", 20)
        run(*benchmark, "-n", 5000, "-c", 4, "-P", 16)
        for index in range(60):
            self.short_visit(is_rude=index % 2 == 0)
        if self.held is None:
            self.held = connect()
        self.send_held()
        self.receive_held()

    def steer_clients(self):
        """A client past the kernel picks ports that lead to the shards; the kernel's have one port for all. QEMU leaves the
        checksums that the card was to write to the kernel of this machine, which writes none for packet sockets."""
        native = [self.path, "kv", "--native", f"{GUEST_IP}:{NATIVE_PORT}"]
        port = ["--port", f"dpdk:vdev=net_af_packet0,iface={TAP},ip={NEIGHBOUR_IP}/{PREFIX},huge=off,checksums=off"]
        counts = []
        for way in port, []:
            before = self.handed_over()
            for key in range(STEERED_KEYS):
                run(*native, *way, "set", f"steered {key}", "-", given=os.urandom(STEERED_BYTES // 2).hex().encode())
            counts.append(self.handed_over() - before)
        if counts[0] > STEERED_KEYS * FRAMES_BEFORE_MAX:
            raise Failure(f"{counts[0]} frames of clients that pick their ports came to the wrong shard")
        return f"{counts[0]} frames handed over of clients that pick their ports, {counts[1]} of the kernel's"

    def handed_over(self):
        """Frames that came to the wrong shard, once the counters rest."""
        count = None
        while True:
            said = run("redis-cli", "-h", GUEST_IP, "-p", RESP_PORT, "info", "stats").decode()
            before, count = count, int(re.search(r"^port_handed_over:(\d+)", said, re.MULTILINE)[1])
            if count == before:
                return count
            time.sleep(0.5)

    def visit_queues(self):
        """Every queue was empty once: it has answered a connection, whose port was one of many."""
        for _ in range(VISITS):
            self.short_visit(is_rude=False)

    def short_visit(self, is_rude):
        """A connection that ends at once: with FIN, or with RST and a request under way."""
        with connect() as connection:
            connection.sendall(b"PING\r\n")
            if is_rude:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            else:
                expect_pong("a new connection", connection)

    def send_held(self):
        """A request of the connection that is open from the first client of a server to its end."""
        try:
            self.held.sendall(b"PING\r\n")
        except OSError as error:
            raise Failure(f"the connection that is held open: {error}") from None

    def receive_held(self):
        expect_pong("the connection that is held open", self.held)

    def forget_clients(self):
        if self.held is not None:
            self.held.close()
            self.held = None


def connect():
    try:
        return socket.create_connection((GUEST_IP, RESP_PORT), timeout=CLIENT_SECONDS)
    except OSError as error:
        raise Failure(f"connecting to {GUEST_IP}:{RESP_PORT}: {error}") from None


def expect_pong(what, connection):
    said = b""
    try:
        while len(said) < len(PONG) and (part := connection.recv(len(PONG) - len(said))):
            said += part
    except OSError as error:
        raise Failure(f"{what}: {error}") from None
    expect(what, said, PONG)


class KernelAdit(Adit):
    """The same server on the sockets of the guest's kernel, which every step holds for."""

    modules, drivers = ["virtio_pci", "virtio_net", "e1000e"], ["virtio-pci", "e1000e"]
    script = f"""ip link set eth0 up
ip address replace {GUEST_IP}/{PREFIX} dev eth0
exec adit serve --resp {GUEST_IP}:{RESP_PORT} --native {GUEST_IP}:{NATIVE_PORT} --shards $SHARDS --memory 64MiB"""
    farewell = [r"^stopped"]

    def steer_clients(self):
        """The guest's kernel takes any queue."""


class Testpmd:
    """DPDK's own test program, answering ARP and ICMP: shows whether machine, cards and network are to blame."""

    name = "testpmd"
    modules, drivers = Adit.modules, Adit.drivers
    script = (
        f"exec testpmd -l 0-1 -a {PCI_ADDRESS} --in-memory --no-telemetry -m 128 -- --total-num-mbufs=4096"
        " --forward-mode=icmpecho --no-lsc-interrupt --txd=512 --rxd=512 --stats-period=3600"
    )
    ready = r"icmpecho packet forwarding packets"
    farewell = [r"^Bye"]

    def __init__(self):
        self.path = Path(need("dpdk-testpmd", "dpdk-dev"))

    def serve_clients(self):
        pass

    def steer_clients(self):
        pass

    def send_held(self):
        pass

    def receive_held(self):
        pass

    def visit_queues(self):
        pass

    def forget_clients(self):
        pass


PROGRAMS = {"adit": Adit, "kernel": KernelAdit, "testpmd": Testpmd}
