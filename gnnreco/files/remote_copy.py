"""What is here of files on other machines: each block is fetched when it is first read, and kept while there is room.

A machine that does not answer in time, or breaks off, is asked again a few times; then `BadInput` names the address
and what to do.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from gnnreco.errors import BadInput, MissingTool, Unreachable

from .limits import COPY_BYTES

Answer = TypeVar("Answer")

#: Bytes of a block, and of the longest piece that is asked for at once.
BLOCK, PIECE = 256 << 10, 2 << 20
#: Seconds for one answer, how often one is asked for, and the pause before the second time, which doubles.
ANSWER_S, TRIES, PAUSE_S = 30.0, 3, 1.0
#: Seconds for which is believed what the other machine said of a file: its size and version.
FRESH_S = 30.0
#: Files of which something is kept at once: each takes a file descriptor.
COPIES = 64
#: Statuses of HTTP that may be others the next time; with every other one of 400 to 499 it is no use to ask again.
PASSING = (408, 425, 429)
#: What the library of an address is told: of the web, to use the proxy of the site.
OPTIONS = {scheme: {"client_kwargs": {"trust_env": True}} for scheme in ("http", "https")}
#: How XRootD says that there is no such file.
NO_SUCH = "[3011]"
#: What has to be installed for an address to be read.
EXTRAS = {"http": "remote", "https": "remote", "s3": "s3", "root": "xrootd", "roots": "xrootd"}


@dataclass(frozen=True)
class About:
    """What another machine says of a file: its size, bytes; its version, of which only equality counts; when that was."""

    size: int
    version: int
    asked: float


class Copy:
    """One file of another machine, in a temporary file without a name: nothing is left, however this process ends."""

    def __init__(self, address: str, about: About) -> None:
        self.address, self.about = address, about
        self._file = tempfile.TemporaryFile(prefix="gnnreco-")  # noqa: SIM115 (for as long as the copy)
        self._file.truncate(about.size)
        self._here = bytearray(-(-about.size // BLOCK))
        self._lock = threading.RLock()
        self._handle: Any = None
        self._sum = ""

    @property
    def kept(self) -> int:
        """Bytes that are here."""
        return self._here.count(1) * BLOCK

    @property
    def whole(self) -> bool:
        """Whether all of the file is here."""
        return self._here.count(1) == len(self._here)

    def read(self, start: int, count: int) -> bytes:
        """Bytes from `start`, fewer than `count` only at the end of the file."""
        stop = min(start + count, self.about.size)
        with self._lock:
            if self.kept > COPY_BYTES:  # what was read first is not needed any more
                self._file.truncate(0)
                self._file.truncate(self.about.size)
                self._here = bytearray(len(self._here))
            self._fetch(start, stop)
            return os.pread(self._file.fileno(), max(stop - start, 0), start)

    def path(self) -> str:
        """A path of this system for the whole file, good while this process lives and the copy is kept."""
        if self.about.size > COPY_BYTES:
            why = f"{self.about.size:,} bytes, more than the {COPY_BYTES:,} that are copied unasked"
            raise BadInput(self.address, "", f"{why}; copy it here yourself and name the copy")
        with self._lock:
            self._fetch(0, self.about.size)
        return f"/dev/fd/{self._file.fileno()}"

    def sha256(self) -> str:
        """Sum over all of the file; empty if only parts of it were read."""
        if not self._sum and self.whole:
            with open(self.path(), "rb") as stream:  # noqa: PTH123 (a file without a name)
                self._sum = hashlib.file_digest(stream, "sha256").hexdigest()
        return self._sum

    def close(self) -> None:
        """Give the room back."""
        self._file.close()

    def _fetch(self, start: int, stop: int) -> None:
        """Have the blocks here that hold these bytes."""
        block, last = start // BLOCK, -(-stop // BLOCK)
        while (block := self._here.find(0, block, max(last, block))) >= 0:
            end = self._here.find(1, block, min(last, block + PIECE // BLOCK))
            end = min(last, block + PIECE // BLOCK) if end < 0 else end
            self._keep(block * BLOCK, min(end * BLOCK, self.about.size))
            block = end

    def _keep(self, start: int, stop: int) -> None:
        where = f"bytes {start:,} to {stop:,}"
        try:
            data = tried(self.address, where, lambda: self._piece(start, stop))
        except _NoRanges:
            self._fetch_all()
            return
        self._write(start, data)

    def _piece(self, start: int, stop: int) -> bytes:
        """These bytes, from the other machine."""
        try:
            if self._handle is None:
                size = self.about.size
                self._handle = asked(self.address, "open", "rb", cache_type="none", size=size)
            self._handle.seek(start)
            data = bytes(self._handle.read(stop - start))
        except ValueError as error:
            if "range requests" in str(error):
                raise _NoRanges from None
            raise
        except Exception:
            self._handle = None  # the next time over a new connection
            raise
        if len(data) != stop - start:
            raise OSError(f"{len(data):,} bytes came")
        return data

    def _fetch_all(self) -> None:
        """The whole file in one go, from a machine that gives no parts."""
        if self.about.size > COPY_BYTES:
            why = f"{self.about.size:,} bytes, and its machine sends no parts of files"
            raise BadInput(self.address, "", f"{why}; copy it here yourself and name the copy")
        reason = ""
        for attempt in range(TRIES):
            try:
                at = self._stream()
            except _Broken as error:
                reason = str(error)
            else:
                reason = f"ends after {at:,} of {self.about.size:,} bytes"
                if at == self.about.size:
                    self._here[:] = b"\1" * len(self._here)
                    return
            time.sleep(PAUSE_S * 2**attempt)
        raise gave_up(self.address, "", reason)

    def _stream(self) -> int:
        """Write all that comes in one go; the number of its bytes."""
        stream = tried(self.address, "", lambda: asked(self.address, "open", "rb", block_size=0))
        at = 0
        try:
            while at < self.about.size and (data := within(ANSWER_S, lambda: stream.read(BLOCK))):
                os.pwrite(self._file.fileno(), data, at)
                at += len(data)
        except Exception as error:  # whatever the library of that kind of address raises
            raise _Broken(said(error)) from None
        return at

    def _write(self, start: int, data: bytes) -> None:
        os.pwrite(self._file.fileno(), data, start)
        first = start // BLOCK
        count = -(-len(data) // BLOCK)
        self._here[first : first + count] = b"\1" * count


class _NoRanges(Exception):
    """The other machine sends whole files only."""


class _Broken(Exception):
    """A stream that broke off."""


_copies: OrderedDict[str, Copy] = OrderedDict()
_lock = threading.RLock()


def copy_of(address: str) -> Copy:
    """What is here of a file; what was read of an older version of it is not. Raises `BadInput`, `FileNotFoundError`."""
    with _lock:
        copy = _copies.get(address)
        if copy is None or time.monotonic() - copy.about.asked > FRESH_S:
            about = _about(address)
            if copy is None or (copy.about.size, copy.about.version) != (about.size, about.version):
                _forget(address)
                copy = _copies[address] = Copy(address, about)
            copy.about = about
        _copies.move_to_end(address)
        while len(_copies) > COPIES or sum(one.kept for one in _copies.values()) > COPY_BYTES:
            oldest = next(iter(_copies))
            if oldest == address:
                break
            _forget(oldest)
        return copy


def forget_all() -> None:
    """Keep nothing of any file."""
    with _lock:
        for address in list(_copies):
            _forget(address)


def _forget(address: str) -> None:
    if (old := _copies.pop(address, None)) is not None:
        old.close()


def _about(address: str) -> About:
    info = tried(address, "", lambda: asked(address, "info"))
    if info.get("type") == "directory":
        raise IsADirectoryError(address)
    if info.get("size") is None:
        raise BadInput(address, "", "its machine does not tell its size; copy it here and name the copy")
    marks = [
        str(info[name])
        for name in ("ETag", "Last-Modified", "LastModified", "mtime", "VersionId")
        if name in info
    ]
    digest = hashlib.sha256(" ".join([str(info["size"]), *marks]).encode()).digest()
    return About(int(info["size"]), int.from_bytes(digest[:7], "big"), time.monotonic())


def asked(address: str, what: str, *words: Any, **options: Any) -> Any:
    """What the file system of fsspec for an address says to one of its methods. Raises `MissingTool`."""
    scheme = address.split(":", 1)[0]
    try:
        from fsspec.core import url_to_fs

        system, path = url_to_fs(address, use_listings_cache=False, **OPTIONS.get(scheme, {}))
    except ImportError as error:
        why = f"cannot be read yet ({error}): pip install 'gnnreco[{EXTRAS[scheme]}]'"
        raise MissingTool(address, why) from None
    return getattr(system, what)(path, *words, **options)


def tried(address: str, where: str, call: Callable[[], Answer]) -> Answer:
    """What another machine answers, asked again where it does not in time.

    Raises
    ------
    Unreachable
        It did not answer.
    BadInput
        It refused.
    FileNotFoundError
        It says that there is no such file.
    """
    reason = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE_S * 2 ** (attempt - 1))
        try:
            return within(ANSWER_S, call)
        except (MissingTool, BadInput, _NoRanges):
            raise
        except Exception as error:  # whatever the library of that kind of address raises
            status = _status(error) or _status(error.__cause__)
            missing = isinstance(error, FileNotFoundError) and error.__cause__ is None
            if missing or status in (404, 410) or NO_SUCH in str(error):
                raise FileNotFoundError(address) from None
            reason = said(error)
            if status is not None and 400 <= status < 500 and status not in PASSING:
                why = f"is refused ({reason}); check the address and your right to read it"
                raise BadInput(address, where, why) from None
    raise gave_up(address, where, reason)


def _status(error: BaseException | None) -> int | None:
    """The status of HTTP that an error tells, of the web or of S3."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return getattr(error, "status", None)


def gave_up(address: str, where: str, reason: str) -> Unreachable:
    """The error after the last try."""
    why = f"did not come in {TRIES} tries ({reason}); try later, or copy the file here and name the copy"
    return Unreachable(address, where, why)


def within(seconds: float, call: Callable[[], Answer]) -> Answer:
    """What a call gives, if it does so in time: libraries may wait for ever."""
    answers: list[Answer] = []
    errors: list[Exception] = []

    def ask() -> None:
        try:
            answers.append(call())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return answers[0]


def said(error: BaseException) -> str:
    """One line of an error, or of what caused it."""
    cause = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ else error
    return (str(cause).splitlines() or [""])[0][:160] or type(cause).__name__
