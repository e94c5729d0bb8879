"""Files that are there whole or not at all, whatever ends the program, never written through somebody's link, and results
that are replaced only where that was asked for.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gnnreco.errors import BadInput, CannotWrite

#: Drafts lie beside the file they become, so that renaming them is one step; the names say which process wrote them, and a
#: sum over the name of the file what they were to become.
PREFIX, SUFFIX = ".gnnreco-", ".part"
REPLACE = "name another folder, or replace what is there with overwrite=True"
REMEDY = {
    errno.ENOSPC: "free some, or name another disk",
    errno.EDQUOT: "remove some of your files, or name another disk",
    errno.EROFS: "name a folder that can be written",
    errno.EFBIG: "name another disk",
}


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give the name of an empty draft to write; it becomes `path` when the block ends well, else it is removed.

    The draft has a name that nobody can guess, lies in the folder of `path` (made where it is missing), and is safe on the
    disk before it takes the place of what was there, and so is the folder that names it after. A link at `path` is replaced,
    not followed. What is no file, such as ``/dev/stdout`` or a pipe, is written as it is.

    Raises
    ------
    CannotWrite
        If the disk is full or cannot be written; names `path`.
    """
    path = Path(path)
    if path.parts[:2] in (("/", "dev"), ("/", "proc")) or path.is_fifo():
        yield path
        return
    with draft_of(path) as draft:
        yield draft
    publish(draft, path)


@contextmanager
def draft_of(path: str | Path) -> Iterator[Path]:
    """Give the name of an empty draft of a file, as `whole_file` does; `publish` ends it. It goes if the block fails."""
    path = Path(path)
    draft = path.with_name(f"{_mine(os.getpid())}{secrets.token_hex(8)}{_end(path.name)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Of all ways to make a file this one neither follows a link nor takes over what is there.
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise _cannot(path, error) from error
    try:
        with _told(draft, path):
            yield draft
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def publish(draft: Path, path: Path) -> None:
    """Make a draft, perhaps of another process, the file that it is of, once it is safe on the disk; it goes if not."""
    try:
        with _told(draft, path):
            _sync(draft)
            draft.replace(path)
        with suppress(OSError):  # some file systems know no such thing; the file itself is safe by then
            _sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _told(draft: Path, path: Path) -> Iterator[None]:
    """What the disk has against a draft is told of the file that it is of."""
    try:
        yield
    except OSError as error:
        if error.errno in REMEDY or error.filename == str(draft):
            raise _cannot(path, error) from error
        raise


def write_file(path: str | Path, content: bytes | str) -> None:
    """Write a file whole or not at all; text is UTF-8 with bare newlines. See `whole_file`."""
    data = content.encode() if isinstance(content, str) else content
    with whole_file(path) as draft:
        draft.write_bytes(data)


def refuse(result: Path, overwrite: bool) -> None:
    """Raise `BadInput` if `result`, the file that tells of a whole one, is there and nobody asked to `overwrite` it."""
    if os.path.lexists(result) and not overwrite:
        raise BadInput(result.parent, result.name, f"is there already; {REPLACE}")


def remove_drafts(folder: Path, process: int | None = None, of: Iterable[str] | None = None) -> None:
    """Remove drafts that were left by what was killed.

    Parameters
    ----------
    folder : Path
    process : int, optional
        Only those that this process of this machine wrote.
    of : iterable of str, optional
        Only those that were to become files of these names.
    """
    ends = None if of is None else tuple(map(_end, of))
    for draft in folder.glob(f"{PREFIX if process is None else _mine(process)}*{SUFFIX}"):
        if ends is None or draft.name.endswith(ends):
            draft.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _end(name: str) -> str:
    return f"-{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}{SUFFIX}"


def _mine(process: int) -> str:
    return f"{PREFIX}{os.uname().nodename}-{process}-"


def _cannot(path: Path, error: OSError) -> CannotWrite:
    remedy = REMEDY.get(error.errno or 0, "name another place")
    return CannotWrite(path, f"cannot be written ({error.strerror or error}); {remedy}")
