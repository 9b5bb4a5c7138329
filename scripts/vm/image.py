"""What the guest boots from: Debian's kernel, unpacked and never installed, and an initramfs around one program.

The kernel comes over apt once and stays in the folder of the cache; the initramfs is made anew for each run.
"""

import lzma
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

KERNEL_PACKAGE = "linux-image-amd64"
# What is kept of the kernel's package, below its modules; the whole unpacks to 400 MB.
KERNEL_PARTS = """drivers/vfio virt/lib drivers/virtio drivers/net/virtio_net.ko drivers/net/net_failover.ko net/core
                  drivers/net/ethernet/intel/e1000e drivers/ptp drivers/pps""".split()
# Without mempool_ring there are no buffers, without bus_pci no devices; net_e1000 is for e1000e.
DPDK_PLUGINS = ["bus_pci", "bus_vdev", "mempool_ring", "net_virtio", "net_e1000"]
BUSYBOX = "busybox-static"
INIT = Path(__file__).with_name("init")


def fail(text):
    sys.exit(f"scripts/vm/guest-test: {text}")


def need(command, package):
    path = shutil.which(command)
    if path is None:
        fail(f"'{command}' is missing: apt-get install {package}")
    return path


# The kernel


class Kernel:
    """Where the unpacked kernel and its modules lie."""

    def __init__(self, folder):
        self.folder, self.vmlinux = folder, folder / "vmlinux"

    def modules(self, names):
        """The files of modules, each after those that it needs."""
        paths = {module_name(path.stem): path for path in self.folder.glob("lib/modules/**/*.ko")}
        ordered = []

        def visit(name):
            path = paths.get(name) or fail(f"no module {name} in {self.folder}: remove it, it is fetched anew")
            for needed in depends(path):
                visit(needed)
            if path not in ordered:
                ordered.append(path)

        for name in names:
            visit(module_name(name))
        return ordered


def module_name(stem):
    return stem.replace("-", "_")


def depends(path):
    """What a module needs, as its section .modinfo names it."""
    found = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
    return [module_name(name) for name in found[1].decode().split(",") if name] if found else []


def fetch_kernel(cache):
    """The kernel in the cache, or the one that linux-image-amd64 stands for today."""
    for folder in sorted(cache.glob("linux-image-*/")):
        return Kernel(folder)
    need("apt-get", "apt (the kernel comes from Debian)")
    names = subprocess.run(["apt-cache", "depends", KERNEL_PACKAGE], capture_output=True, text=True).stdout
    name = re.search(r"Depends: (linux-image-\S+)", names)
    if name is None:
        fail(f"apt knows no {KERNEL_PACKAGE}: apt-get update")
    partial = cache / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    # Without the sandbox, apt writes into folders that only we may write.
    download = ["apt-get", "--quiet=2", "--option=APT::Sandbox::User=", "download", name[1]]
    subprocess.run(download, check=True, cwd=partial)
    (package,) = partial.glob("*.deb")
    tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
    parts = [f"./lib/modules/*/kernel/{part}" for part in KERNEL_PARTS]
    subprocess.run(["tar", "-x", "--wildcards", "./boot/vmlinuz-*", *parts], check=True, cwd=partial, stdin=tar.stdout)
    if tar.wait() != 0:
        fail(f"{package} does not unpack: remove {cache}")
    package.unlink()
    (compressed,) = partial.glob("boot/vmlinuz-*")
    (partial / "vmlinux").write_bytes(unpack_vmlinux(compressed.read_bytes()))
    # Last, so that a fetch that was cut short is begun again.
    return Kernel(partial.rename(cache / name[1]))


def unpack_vmlinux(image):
    """The ELF file inside of a bzImage (Linux, Documentation/x86/boot.rst: setup_sects, payload_offset, payload_length).

    QEMU starts it directly; unpacking it inside of the emulated machine takes longer than all of the rest of the boot.
    """
    setup_sectors = image[0x1F1]
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    # The last four bytes are the length of the whole, for the kernel's own unpacker.
    return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(image[start : start + length])


# The initramfs


class Initramfs:
    """A cpio archive of the kind "newc" (Linux, Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self):
        # DPDK takes no plug-ins from below a root that everyone may write to, as that of an initramfs is by itself.
        self.members = {".": (0o040755, b"")}
        for name in ("dev", "etc", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/lib", "usr/lib64", "var"):
            self.folder(name)
        for name in ("bin", "lib", "lib64"):
            self.link(name, f"usr/{name}")
        self.link("sbin", "usr/bin")

    def folder(self, name):
        if name != ".":
            self.folder(str(Path(name).parent))
            self.members.setdefault(name, (0o040755, b""))

    def link(self, name, target):
        self.folder(str(Path(name).parent))
        self.members[name] = (0o120777, str(target).encode())

    def file(self, name, content, mode=0o644):
        self.folder(str(Path(name).parent))
        self.members[name] = (0o100000 | mode, content)

    def copy(self, path):
        """A file of this machine at its own place, links that lead to it too: one file under all of its names.

        DPDK loads what its folder of plug-ins holds; a driver that is a second file there registers itself twice, and panics.
        """
        path = Path(path)
        path = path.parent.resolve() / path.name
        name = str(path)[1:]
        if name in self.members:
            return
        if path.is_symlink():
            self.link(name, path.readlink())
            self.copy(path.parent / path.readlink())
        else:
            self.file(name, path.read_bytes(), 0o755)

    def copy_libraries(self, path):
        """The shared libraries that a program or a library is linked to."""
        listing = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
        for library in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", listing, re.MULTILINE):
            self.copy(library)
        if missing := re.findall(r"(\S+) => not found", listing):
            fail(f"{path} misses {', '.join(missing)}")

    def write(self, path):
        with open(path, "wb") as out:
            for inode, (name, (mode, content)) in enumerate([*self.members.items(), ("TRAILER!!!", (0, b""))], start=1):
                numbers = [inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
                out.write(padded(b"070701" + b"".join(b"%08X" % number for number in numbers) + name.encode() + b"\0"))
                out.write(padded(content))


def dpdk_plugins():
    """The drivers that DPDK needs in the guest, where it looks for them by itself."""
    for name in DPDK_PLUGINS:
        found = sorted(Path("/usr/lib").glob(f"*/dpdk/pmds-*/librte_{name}.so.*.*"))
        yield found[-1] if found else fail(f"DPDK's librte_{name} is missing: apt-get install dpdk")


def padded(content):
    return content + b"\0" * (-len(content) % 4)


def build_initramfs(path, kernel, program):
    archive = Initramfs()
    busybox = Path(need("busybox", BUSYBOX))
    if b"/ld-linux" in busybox.read_bytes()[:4096]:
        fail(f"{busybox} needs shared libraries: apt-get install {BUSYBOX}")
    archive.file("usr/bin/busybox", busybox.read_bytes(), 0o755)
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout
    for applet in applets.split():
        archive.members.setdefault(f"usr/bin/{applet}", (0o120777, b"busybox"))
    for index, module in enumerate(kernel.modules(program.modules)):
        archive.file(f"modules/{index:02}-{module.name}", module.read_bytes())
    archive.file("init", INIT.read_bytes(), 0o755)
    archive.file("program", f"#!/bin/sh\n{program.script}\n".encode(), 0o755)
    archive.file(f"usr/bin/{program.name}", program.path.read_bytes(), 0o755)
    archive.copy_libraries(program.path)
    for plugin in dpdk_plugins():
        archive.copy(plugin)
        archive.copy_libraries(plugin)
    archive.write(path)
