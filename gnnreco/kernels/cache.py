"""Where compiled kernels are kept: a folder that is the user's alone; and one that an installation has for all its users.

Machine code is loaded without a question, so a folder in which another user may write is not used. Those who may write
gnnreco's own code, or everything, run code here anyway: what they kept is loaded. All states of the
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
PACKAGE = Path(__file__).parents[1]
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


@cache
def shared_folder() -> Path | None:
    """A folder of kernels that this user cannot write, but whoever installed gnnreco filled; None without one.

    It is looked for in ``$NUMBA_CACHE_DIR`` and in the package's own ``__pycache__``. What it lacks is compiled, and kept in
    `kernel_folder`.
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    for parent in (*([Path(given)] if given else []), PACKAGE / "__pycache__"):
        folder = (parent / NAME).resolve()
        if os.access(folder, os.R_OK | os.X_OK) and not os.access(folder, os.W_OK) and installed(folder):
            return folder
    return None


def installed(path: Path) -> bool:
    """Whether only root, the owner of gnnreco's own code, or this user can have written what lies at a path."""
    mine = {0, os.geteuid()}
    with contextlib.suppress(OSError):
        mine.add(os.lstat(PACKAGE / "kernels").st_uid)
        for place in (path, *path.parents):
            found = os.lstat(place)
            # In a folder like /tmp others may write, but not replace what is ours.
            free = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not (
                place != path and found.st_mode & stat.S_ISVTX
            )
            if found.st_uid not in mine or free or stat.S_ISLNK(found.st_mode):
                return False
        return True
    return False


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
    yield PACKAGE / "__pycache__"
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
