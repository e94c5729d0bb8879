"""Where compiled kernels are kept: a folder that is the user's alone.

Machine code is loaded without a question, so a folder in which another user may write is not used. All states of the
sources share the folder: a file's name tells what its code was made from (`gnnreco.kernels.content`).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import stat
import tempfile
import time
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

DAY = 86_400.0  # seconds
KEEP_SECONDS = 30 * DAY  # what no process has loaded for so long goes
NAME = "kernels"
OLD = "kernels-" + 16 * "[0-9a-f]"  # folders of versions that had one for each state of the sources


@cache
def kernel_folder() -> Path | None:
    """The first folder that serves; None where none can be written, and every process compiles its kernels anew.

    In this order: ``$NUMBA_CACHE_DIR``, the package's own ``__pycache__``, ``$XDG_CACHE_HOME/gnnreco``
    (``~/.cache/gnnreco``), ``gnnreco-UID`` in the folder of temporary files, a new folder there that goes at exit.
    """
    for parent in _parents():
        if mine := private(parent / NAME):
            return mine
    return None


def in_use(file: Path) -> None:
    """Note that a file was loaded: its time is moved, once a day."""
    with contextlib.suppress(OSError):
        if time.time() - file.stat().st_mtime > DAY:
            file.touch()


@cache
def forget_unused(folder: Path) -> None:
    """Remove the files of `folder` that no process has loaded for long, and folders of old versions beside it."""
    for path in (*folder.glob("*/*.nbc"), *folder.parent.glob(OLD)):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > (DAY if path.is_dir() else KEEP_SECONDS):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


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
