"""The emulated machine, its console, its monitor, and the network that joins it to this process.

The network is a namespace that this process enters: nobody else sees it, and it ends with the last process in it. A tap
device is the whole of it, so that the clients of the guest are programs of this machine on its own kernel's TCP and UDP.
"""

import ctypes
import errno
import json
import os
import re
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from image import fail, need

TAP = "tap0"
HOST_IP, GUEST_IP, PREFIX = "10.77.0.1", "10.77.0.2", 24
# Of a client that drives the tap device itself.
NEIGHBOUR_IP = "10.77.0.3"
HOST_MAC, GUEST_MAC = "52:54:00:77:00:01", "52:54:00:77:00:02"
PCI_ADDRESS = "0000:00:03.0"
# What a card is beside its address, its place and its network, and how many queues it has: as many shards serve. With
# iommu_platform virtio goes through the IOMMU as all others do.
CARDS = {
    "virtio": ("virtio-net-pci,disable-legacy=on,iommu_platform=on,ats=on", 1),
    "e1000e": ("e1000e", 1),
    # It spreads flows over its queues by their hash. QEMU does that itself, and where the queue that a frame belongs to is full, the queue of the tap
    # device that it came from waits until the guest empties another one: for ever, if nothing comes for that one. So queues must not get full.
    "rss": ("virtio-net-pci,disable-legacy=on,iommu_platform=on,ats=on,mq=on,rss=on,vectors=6,rx_queue_size=1024", 2),
}
MEMORY_MIB, PROCESSORS = 1024, 2
CONSOLE_TAIL_LINES = 40
POLL_SECONDS = 0.02
# Linux, sched.h
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


class Failure(Exception):
    """A step that went wrong, in words."""


# The network


def enter_network():
    """Moves this process into a network of its own. An ordinary user becomes root of it, and only of it."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWNET) != 0:
        if ctypes.get_errno() != errno.EPERM or libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            fail(f"no network of its own: unshare: {os.strerror(ctypes.get_errno())}")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        fail("/dev/net/tun is missing, or not open to this user")
    ip("link", "set", "lo", "up")


def way_in():
    """The command that takes a shell into this network."""
    is_users = Path("/proc/self/setgroups").read_text().strip() == "deny"
    return f"nsenter -t {os.getpid()} -n{' -U --preserve-credentials' if is_users else ''}"


def make_tap(card):
    # One with a single queue is another kind of device.
    several = ["multi_queue"] if CARDS[card][1] > 1 else []
    ip("tuntap", "add", "dev", TAP, "mode", "tap", *several)
    ip("link", "set", TAP, "address", HOST_MAC, "up")
    ip("address", "add", f"{HOST_IP}/{PREFIX}", "dev", TAP)


def remove_tap():
    ip("link", "delete", TAP)


def ip(*words):
    subprocess.run([need("ip", "iproute2"), *words], check=True)


# The machine


class Machine:
    """QEMU around the guest, from its start to its end in a with statement."""

    def __init__(self, kernel, initramfs, card, log):
        self.log, self.log_file = log, open(log, "wb")
        device, self.queues = CARDS[card]
        queues = f",vhost=off,queues={self.queues}" if self.queues > 1 else ""
        self.folder = tempfile.TemporaryDirectory(prefix="adit-vm-")
        monitor = f"{self.folder.name}/monitor"
        self.process = subprocess.Popen(
            # Kinder to others than its load suggests; and it ends with this process, however that ends.
            ["nice", "setpriv", "--pdeathsig", "KILL", need("qemu-system-x86_64", "qemu-system-x86"),
             "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(PROCESSORS), "-m", f"{MEMORY_MIB}M",
             # The IOMMU remaps interrupts as well, which the whole of the kernel's own interrupt chip cannot.
             "-M", "q35,kernel-irqchip=split",
             "-device", "intel-iommu,intremap=on,caching-mode=on,device-iotlb=on,aw-bits=48",
             "-kernel", kernel.vmlinux, "-initrd", initramfs,
             # The kernel counts ticks of its timer for some ms and panics if they are too few: on a busy host they are.
             "-append", "console=ttyS0 quiet panic=-1 no_timer_check intel_iommu=on iommu=nopt",
             "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
             "-qmp", f"unix:{monitor},server=on,wait=off",
             "-netdev", f"tap,id=net,ifname={TAP},script=no,downscript=no{queues}",
             "-device", f"{device},netdev=net,mac={GUEST_MAC},addr={int(PCI_ADDRESS[8:10], 16)},romfile="],
            stdin=subprocess.PIPE, stdout=self.log_file, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.monitor_path, self.monitor, self.page = monitor, None, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log_file.close()
        self.folder.cleanup()

    # Its console

    def console(self):
        return self.log.read_bytes().decode("utf-8", "replace").replace("\r", "")

    def tail(self):
        return "\n".join(self.console().splitlines()[-CONSOLE_TAIL_LINES:])

    def send(self, word):
        """A word for the guest's init."""
        self.process.stdin.write(f"{word}\n".encode())
        self.process.stdin.flush()

    def turn_page(self):
        """What the console said so far is no answer any more."""
        self.page = len(self.console())

    def said(self, pattern):
        return re.compile(pattern, re.MULTILINE).search(self.console(), self.page)

    def wait_for(self, pattern, seconds, unless=None):
        """The match of what the console says; fails when the machine ends or says `unless` before."""
        deadline = time.monotonic() + seconds
        while True:
            ended = self.process.poll() is not None
            if match := self.said(pattern):
                return match
            if unless and (match := self.said(unless)):
                raise Failure(f"the console says {match[0]!r}, not {pattern!r}")
            if ended:
                raise Failure(f"the machine ended (status {self.process.returncode}) without saying {pattern!r}")
            if time.monotonic() > deadline:
                raise Failure(f"the console does not say {pattern!r} within {seconds} s")
            time.sleep(POLL_SECONDS)

    def wait_off(self, seconds):
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the machine is not off within {seconds} s") from None
        if status != 0:
            raise Failure(f"QEMU ended with status {status}")

    # Its monitor (QEMU, docs/interop/qmp-spec.txt)

    def command(self, command, **arguments):
        if self.monitor is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(10)
            connection.connect(self.monitor_path)
            self.monitor = connection.makefile("rw")
            self.monitor.readline()
            self.command("qmp_capabilities")
        self.monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.monitor.flush()
        while True:
            answer = json.loads(self.monitor.readline())
            if "error" in answer:
                raise Failure(f"QEMU refuses {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def set_link(self, is_up):
        self.command("set_link", name="net", up=is_up)
