"""Where compiled kernels are kept: a folder that is the user's alone, one for each state of the sources.

Machine code is loaded without a question, so a folder in which another user may write is not used. Numba by itself looks
only at the file that a kernel stands in, not at the kernels that it calls: after an update it would run old code without
a word. So each state of the sources has a folder of its own.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import stat
import tempfile
import time
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

KEEP_SECONDS = 86_400.0  # folders of other states of the sources stay this long: one may still be running
PREFIX = "kernels-"
KERNELS = (
    b"njit",
    b"@compiled",
    b"@inlined",
    b"@kernel",
)  # a file that holds a kernel has one of these words


@cache
def kernel_folder() -> Path | None:
    """The first folder that serves; None where none can be written, and every process compiles its kernels anew.

    In this order: ``$NUMBA_CACHE_DIR``, the package's own ``__pycache__``, ``$XDG_CACHE_HOME/gnnreco``
    (``~/.cache/gnnreco``), ``gnnreco-UID`` in the folder of temporary files, a new folder there that goes at exit.
    """
    name = PREFIX + _state_of_sources()
    for parent in _parents():
        if mine := private(parent / name):
            _forget_others(mine)
            return mine
    return None


def user_folder() -> Path | None:
    """The user's folder for what can be made again, ``$XDG_CACHE_HOME/gnnreco``; None for a user without a home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gnnreco"
    except RuntimeError:
        return None


def private(folder: Path) -> Path | None:
    """`folder`, made if need be, where it is the user's and nobody else can write in it; else None.

    A folder that exists but may hold what others wrote is refused with a warning.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(folder)
    except OSError:
        return None
    if not os.access(folder, os.W_OK):
        return None
    others = stat.S_IWGRP | stat.S_IWOTH
    if not stat.S_ISDIR(found.st_mode):
        why = "it is a link; remove it"
    elif found.st_uid != os.geteuid():
        why = f"it belongs to user {found.st_uid}; remove it, or set NUMBA_CACHE_DIR"
    elif found.st_mode & others:
        why = "other users may write in it; remove it, or set NUMBA_CACHE_DIR"
    else:
        return folder
    warnings.warn(f"compiled kernels in {folder} are not used: {why}", RuntimeWarning, stacklevel=2)
    return None


def _parents() -> Iterator[Path]:
    if (given := os.environ.get("NUMBA_CACHE_DIR")) and (mine := private(Path(given))):
        yield mine
    yield Path(__file__).parents[1] / "__pycache__"
    if user := user_folder():
        yield user
    try:
        if mine := private(Path(tempfile.gettempdir()) / f"gnnreco-{os.geteuid()}"):
            yield mine
        new = tempfile.mkdtemp(prefix="gnnreco-")
    except OSError:
        return
    atexit.register(shutil.rmtree, new, ignore_errors=True)
    yield Path(new)


def _state_of_sources() -> str:
    """A sum over all files that hold kernels, and over those whose constants they take in: this folder, `particles`."""
    here, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(here.rglob("*.py")):
        source = path.read_bytes()
        constants = path.parent.name == "kernels" or path.name == "particles.py"
        if constants or any(word in source for word in KERNELS):
            digest.update(str(path.relative_to(here)).encode() + hashlib.sha256(source).digest())
    return digest.hexdigest()[:16]


def _forget_others(mine: Path) -> None:
    for old in mine.parent.glob(f"{PREFIX}*"):
        try:
            if old != mine and time.time() - old.stat().st_mtime > KEEP_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        except OSError:
            continue
