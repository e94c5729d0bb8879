"""Files on other machines, called by their addresses: https, s3, root (XRootD).

A `RemoteFile` is a path: whoever opens it reads those parts of the file that it needs, and whoever needs a path of this
system (`os.fspath`: a library in C) is given a temporary copy of all of it. fsspec is imported when an address is met.
"""

from __future__ import annotations

import fnmatch
import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from gnnreco.errors import BadInput

from .remote_copy import EXTRAS, asked, copy_of, tried

#: One slash is what a path keeps of two.
ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?P<rest>[^/].*)", re.DOTALL)
BUFFER = 64 << 10
#: How the address of a file of this machine begins.
HERE = "file:/"


def located(name: str | Path) -> Path:
    """The path that a user means by a name: of this machine, or an address of another one.

    Raises
    ------
    BadInput
        An address of a kind that is not read.
    """
    if isinstance(name, RemoteFile):
        return name
    if str(name).startswith(HERE):
        return Path(unquote(f"/{str(name).removeprefix(HERE).lstrip('/')}"))
    match = ADDRESS.fullmatch(str(name))
    if match is None:
        return Path(name)
    if (
        "::" in match["rest"] or match["scheme"].lower() not in EXTRAS
    ):  # fsspec would put one kind into another
        kinds = ", ".join(f"{scheme}://" for scheme in EXTRAS)
        raise BadInput(name, "", f"addresses of this kind are not read, only {kinds}; copy the file here")
    return RemoteFile.at(f"{match['scheme'].lower()}://{match['rest']}")


class RemoteFile(type(Path())):  # type: ignore[misc]
    """The path of a file, or of a folder if it ends in a slash, on another machine."""

    _address: str

    @classmethod
    def at(cls, address: str) -> RemoteFile:
        """That of an address."""
        made = cls(address)
        made._address = address
        return made

    def __str__(self) -> str:
        return self._address

    def __fspath__(self) -> str:
        return copy_of(self._address).path()

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteFile.at, (self._address,)

    def __truediv__(self, name: str | os.PathLike[str]) -> RemoteFile:
        return RemoteFile.at(f"{self._address.rstrip('/')}/{name}")

    @property
    def parent(self) -> RemoteFile:
        """The folder that holds it."""
        return RemoteFile.at(self._address.rstrip("/").rpartition("/")[0] + "/")

    @property
    def version(self) -> int:
        """Another number once the file is another."""
        return copy_of(self._address).about.version

    def sha256(self) -> str:
        """Sum over all of the file; empty if only parts of it were read here."""
        return copy_of(self._address).sha256()

    def absolute(self) -> RemoteFile:
        """Itself."""
        return self

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Size, and the version in place of a time."""
        about = copy_of(self._address).about
        seconds, rest = divmod(about.version, 10**9)
        numbers = (stat.S_IFREG | 0o444, 0, 0, 1, 0, 0, about.size, 0, seconds, 0)
        return os.stat_result(numbers, {"st_mtime_ns": seconds * 10**9 + rest})

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is there."""
        return self.is_dir() or self.is_file()

    def is_file(self) -> bool:
        """Whether it is a file."""
        if self._address.endswith("/") or "*" in self.name:  # a folder, or a pattern
            return False
        try:
            return copy_of(self._address).about.size >= 0
        except (FileNotFoundError, IsADirectoryError):
            return False

    def is_dir(self) -> bool:
        """Whether it is a folder: on the web what ends in a slash, elsewhere what its machine says."""
        if self._address.endswith("/"):
            return True
        if self._address.startswith("http") or "*" in self.name:
            return False
        return bool(tried(self._address, "", lambda: asked(self._address, "isdir")))

    def iterdir(self) -> Iterator[RemoteFile]:
        """What its machine lists of a folder, which web servers may not do. Raises `BadInput`."""
        base = self._address.rstrip("/") + "/"
        try:
            names = tried(self._address, "", lambda: asked(self._address, "ls", detail=False))
        except FileNotFoundError:
            raise BadInput(self._address, "", "its machine lists no such folder; name files") from None
        found = (str(name).rstrip("/").rpartition("/")[2] for name in names)
        return iter([RemoteFile.at(base + name) for name in dict.fromkeys(found) if name])

    def glob(self, pattern: str, **_: Any) -> Iterator[RemoteFile]:
        """Files of a folder by a pattern for their names."""
        return (file for file in self.iterdir() if fnmatch.fnmatchcase(file.name, pattern))

    def open(self, mode: str = "r", *_: Any, **__: Any) -> IO[Any]:
        """A stream of bytes, for reading only."""
        if mode != "rb":
            raise BadInput(self, "", "is read as bytes only; copy it here to do more")
        return io.BufferedReader(_Stream(self._address), BUFFER)


class _Stream(io.RawIOBase):
    """The bytes of a file on another machine."""

    def __init__(self, address: str) -> None:
        self._address, self._at, self._about = address, 0, copy_of(address).about

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(
            0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._about.size}[whence]
        )
        return self._at

    def readinto(self, buffer: Any) -> int:
        copy = copy_of(self._address)
        if copy.about.version != self._about.version:
            raise BadInput(self._address, "", "the file changed while it was read; open it again")
        data = copy.read(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
