"""Where compiled kernels are kept: a folder that is the user's alone, one for each state of the sources.

Numba loads machine code from its cache without a question, so a folder in which another user may write is not used.
It also looks only at the file that a kernel stands in, not at the kernels that it calls: after an update it would run
old code without a word. So each state of the sources has a folder of its own.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import stat
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

KEEP_SECONDS = 86_400.0  # folders of other states of the sources stay this long: one may still be running
PREFIX = "kernels-"

#: What `keep_kernels` decided, in words, for `gnnreco doctor`.
decision = "not decided"


def keep_kernels() -> None:
    """Point numba to the first folder that serves; must happen before the first kernel is declared.

    In this order: ``$NUMBA_CACHE_DIR``, the package's own ``__pycache__``, ``$XDG_CACHE_HOME/gnnreco``
    (``~/.cache/gnnreco``), ``gnnreco-UID`` in the folder of temporary files, a new folder there that goes at exit. Where
    none can be written, kernels are compiled in each process anew.
    """
    global decision
    name = PREFIX + _state_of_sources()
    for parent, lasting in _parents():
        mine = private(parent / name)
        if mine is None:
            continue
        if lasting:
            _forget_others(mine)
        _point_numba_to(str(mine))
        decision = str(mine) if lasting else f"{mine}, until this process ends"
        return
    os.environ.pop("NUMBA_CACHE_DIR", None)
    from numba.core.dispatcher import Dispatcher  # only here: numba takes half a second to import

    Dispatcher.enable_caching = lambda self: None  # type: ignore[method-assign]
    decision = "nowhere: no folder can be written, so every process compiles anew"


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
    warnings.warn(f"compiled kernels in {folder} are not used: {why}", RuntimeWarning, stacklevel=4)
    return None


def _parents() -> Iterator[tuple[Path, bool]]:
    """Folders to keep kernels in, and whether they outlive the process."""
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        path = Path(given)
        path = path.parent if path.name.startswith(PREFIX) else path  # inherited from a process of ours
        if private(path):
            yield path, True
    yield Path(__file__).parent / "__pycache__", True
    if user := user_folder():
        yield user, True
    try:
        mine = Path(tempfile.gettempdir()) / f"gnnreco-{os.geteuid()}"
        if private(mine):
            yield mine, True
        new = tempfile.mkdtemp(prefix="gnnreco-")
    except OSError:
        return
    atexit.register(shutil.rmtree, new, ignore_errors=True)
    yield Path(new), False


def _state_of_sources() -> str:
    """A sum over all files that hold kernels."""
    here, digest = Path(__file__).parent, hashlib.sha256()
    for path in sorted(here.rglob("*.py")):
        source = path.read_bytes()
        if b"numba" in source or b"@compiled" in source or b"@kernel" in source:
            digest.update(str(path.relative_to(here)).encode() + hashlib.sha256(source).digest())
    return digest.hexdigest()[:16]


def _forget_others(mine: Path) -> None:
    for old in mine.parent.glob(f"{PREFIX}*"):
        try:
            if old != mine and time.time() - old.stat().st_mtime > KEEP_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        except OSError:
            continue


def _point_numba_to(folder: str) -> None:
    os.environ["NUMBA_CACHE_DIR"] = folder
    if "numba" in sys.modules:  # imported before us: it has read its environment already
        sys.modules["numba"].config.CACHE_DIR = folder
