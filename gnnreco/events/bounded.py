"""Text out of compressed files, never more of it than a limit, and JSON out of the text."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

from gnnreco.errors import BadInput
from gnnreco.events.table import GZIP_MAGIC

#: Bytes of the largest text that is unpacked: a hundred times a busy event; what is larger was made to fill a memory.
MOST = 256 << 20
#: Events of the largest archive.
MOST_MEMBERS = 100_000
#: What C++ streams write for numbers that are none, where JSON has no word and Python's reader others.
_NO_NUMBER = re.compile(rb"(?<=[\[,\s:])(-?)(nan|inf)(?=[\],\s}])")
_WORDS = {b"nan": b"NaN", b"inf": b"Infinity"}


def read_text(file: Path) -> bytes:
    """Content of a file, plain or gzip (told by content). Raises `BadInput`: missing, damaged, too large."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MOST + 1)
    except OSError as error:
        raise BadInput(file, "", f"cannot be read: {error.strerror or error}") from None
    if data.startswith(GZIP_MAGIC):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            data = unpacker.decompress(data, MOST + 1)
        except zlib.error as error:
            raise BadInput(file, "", f"gzip data damaged ({error}); fetch the file again") from None
        if not unpacker.eof and len(data) <= MOST:
            raise BadInput(file, "", "gzip data cut off; fetch the file again")
    return _bounded(file, "", data)


def members(file: Path) -> list[str]:
    """Names in a zip archive, in its order. Raises `BadInput`."""
    with _opened(file) as archive:
        names = archive.namelist()
    if len(names) > MOST_MEMBERS:
        raise BadInput(file, "", f"{len(names):,} members, more than {MOST_MEMBERS:,}; split the archive")
    return names


def read_member(file: Path, name: str) -> bytes:
    """One member of a zip archive. Raises `BadInput`: damaged, too large."""
    with _opened(file) as archive:
        try:
            with archive.open(name) as stream:
                return _bounded(file, name, stream.read(MOST + 1))
        except KeyError:
            raise BadInput(file, name, "is not in the archive any more; open it again") from None
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            RuntimeError,
            NotImplementedError,
        ) as error:
            why = f"damaged, encrypted or cut off ({error}); fetch the file again"
            raise BadInput(file, name, why) from None


def parse_json(file: Path, where: str, text: bytes) -> dict[str, Any]:
    """The object that a text holds; ``nan`` and ``inf`` are read as numbers. Raises `BadInput` with the line."""
    try:
        value = json.loads(_NO_NUMBER.sub(lambda found: found[1] + _WORDS[found[2]], text))
    except json.JSONDecodeError as error:
        line = f"{where}, line {error.lineno}".removeprefix(", ")
        raise BadInput(
            file, line, f"no JSON ({error.msg}); damaged or cut off: fetch the file again"
        ) from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        why = f"no JSON that can be read ({type(error).__name__}); fetch the file again"
        raise BadInput(file, where, why) from None
    if not isinstance(value, dict):
        raise BadInput(file, where, "JSON, but not an object; check that this is the right file")
    return value


def _opened(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except OSError as error:
        raise BadInput(file, "", f"cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BadInput(file, "", f"zip archive damaged or cut off ({error}); fetch the file again") from None


def _bounded(file: Path, where: str, data: bytes) -> bytes:
    if len(data) > MOST:
        raise BadInput(
            file, where, f"unpacks to more than {MOST >> 20} MB; no event is so large: check the file"
        )
    return data
