"""Builds the wheel: the C library and what cffi has to know of its header, beside the package.

The library is built by `scripts/install-client` of the repository around this directory, or taken from
ADIT_LIBRARY=/path/to/libadit.so, as `scripts/install-client` installed it somewhere before. No C compiler takes part.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cffi import FFI
from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist
from setuptools.dist import Distribution

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
INSTALL = REPOSITORY / "scripts" / "install-client"


class BinaryDistribution(Distribution):
    """A distribution that has machine code."""

    def has_ext_modules(self) -> bool:
        """Whether the wheel is of one platform."""
        return True


class Wheel(bdist_wheel):
    """A wheel of one platform, for every Python 3: the library does not know Python."""

    def get_tag(self) -> tuple[str, str, str]:
        """Its tag."""
        return "py3", "none", super().get_tag()[2]


class SourceDistribution(sdist):
    """There is none: it would need the Rust of the whole repository."""

    def run(self) -> None:
        """Refuses."""
        sys.exit("adit has no sdist: build a wheel with `pip wheel ./client/python`")


class Build(build_py):
    """Copies the package, and puts the library and `_abi.py` into it."""

    def run(self) -> None:
        """Builds."""
        built = Path(self.build_lib) / "adit"
        # What an earlier build left may not be in the package any more.
        shutil.rmtree(built, ignore_errors=True)
        super().run()
        package = HERE / "src" / "adit" if self.editable_mode else built
        with tempfile.TemporaryDirectory() as folder:
            library, header = find_library(Path(folder))
            shutil.copyfile(library, package / "libadit.so")
            write_abi(header, package / "_abi.py")


def find_library(folder: Path) -> tuple[Path, Path]:
    """The library and its header; `folder` is for those that have to be built."""
    given = os.environ.get("ADIT_LIBRARY")
    if given:
        library = Path(given).resolve()
        headers = [folder / "include" / "adit.h" for folder in library.parents]
        header = next((header for header in headers if header.is_file()), headers[-1])
    elif INSTALL.exists():
        library, header = build_library(folder)
    else:
        sys.exit(
            f"{HERE} is not in the repository of Adit, which builds the library: install from a clone "
            "(`pip install ./client/python`), or name a library in ADIT_LIBRARY=/path/lib/libadit.so"
        )
    for path in (library, header):
        if not path.is_file():
            sys.exit(
                f"there is no {path}: run `scripts/install-client DIR`, then ADIT_LIBRARY=DIR/lib/libadit.so"
            )
    return library, header


def build_library(folder: Path) -> tuple[Path, Path]:
    """Builds the library of this repository."""
    if shutil.which("cargo") is None:
        sys.exit(
            "cargo is missing, which builds the library: install Rust (https://rustup.rs), or name a library that "
            "was built elsewhere in ADIT_LIBRARY=/path/lib/libadit.so"
        )
    done = subprocess.run([str(INSTALL), str(folder)], check=False)
    if done.returncode != 0:
        sys.exit(f"{INSTALL} failed with {done.returncode}: see above")
    return folder / "lib" / "libadit.so", folder / "include" / "adit.h"


def write_abi(header: Path, path: Path) -> None:
    """Writes what cffi has to know of a header, as a module, so that nothing is parsed when a program starts."""
    ffi = FFI()
    ffi.set_source("adit._abi", None)
    ffi.cdef(declarations(header.read_text()))
    ffi.emit_python_code(str(path))
    ast.parse(path.read_text())


def declarations(text: str) -> str:
    """What a header declares to C: without comments, what is for C++, and macros that are no numbers."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL).replace("\\\n", " ")
    kept: list[str] = []
    taken = [True]
    macros: list[str] = []
    for line in text.splitlines():
        directive = re.match(r"\s*#\s*(\w+)\s*(.*)", line)
        if directive is None:
            kept.append(line if all(taken) else "")
            continue
        word, rest = directive.groups()
        if word in ("if", "ifdef", "ifndef"):
            # What is asked for is C++, a later C than cffi reads, or whether the header was read before.
            taken.append(word == "ifndef")
        elif word == "else":
            taken.append(not taken.pop())
        elif word == "endif":
            taken.pop()
        elif word == "define" and all(taken):
            number = re.fullmatch(r"(\w+)\s+\(?(-?(?:0[xX][0-9a-fA-F]+|\d+))[uUlL]*\)?", rest.strip())
            if number:
                kept.append(f"#define {number[1]} {number[2]}")
            elif re.fullmatch(r"\w+(\s.*)?", rest.strip()):
                macros.append(rest.split()[0])
    return re.sub(rf"\b(?:{'|'.join(macros) or '(?!)'})\b", "", "\n".join(kept))


def version() -> str:
    """The version of the workspace, which the library has too."""
    manifest = REPOSITORY / "Cargo.toml"
    text = manifest.read_text() if manifest.is_file() else ""
    found = re.search(r'^\[workspace\.package\]\s*^version = "([^"]+)"', text, flags=re.MULTILINE)
    return found[1] if found else "0+unknown"


setup(
    version=version(),
    distclass=BinaryDistribution,
    cmdclass={"bdist_wheel": Wheel, "build_py": Build, "sdist": SourceDistribution},
)
