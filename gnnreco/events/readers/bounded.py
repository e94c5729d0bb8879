"""Bytes out of files, compressed or not, never more of them than a limit; and JSON out of these bytes."""

from __future__ import annotations

import gzip
import io
import os
import re
import shlex
import zipfile
import zlib
from pathlib import Path

from gnnreco.errors import BadInput
from gnnreco.files import json_file
from gnnreco.files.json_types import JsonDict
from gnnreco.files.limits import MEMBERS, TEXT_BYTES

GZIP_MAGIC = b"\x1f\x8b"
PIECE = 1 << 20  # bytes that are unpacked at once
#: What C++ streams write for numbers that are none, where JSON has no word and Python's reader others.
_NO_NUMBER = re.compile(rb"(?<=[\[,\s:])(-?)(nan|inf)(?=[\],\s}])")
_WORDS = {b"nan": b"NaN", b"inf": b"Infinity"}


def first_bytes(file: Path, count: int = 4096, in_place: tuple[bytes, ...] = ()) -> bytes:
    """The first bytes of a file, uncompressed where it is gzip; tells formats apart by content.

    Raises `BadInput`, also for a packed file of a format that is read where it lies: one that begins as `in_place` says.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(count)
    except OSError as error:
        raise BadInput(file, "", f"cannot be read: {error.strerror or error}") from None
    if not data.startswith(GZIP_MAGIC):
        return data
    head = b""
    try:
        while data.startswith(GZIP_MAGIC) and len(head) < count:  # one member of a gzip file after the other
            unpacker = zlib.decompressobj(wbits=31)
            head += unpacker.decompress(data, count - len(head))
            data = unpacker.unused_data
    except zlib.error as error:
        raise BadInput(file, "byte 0", f"damaged gzip data ({error}); fetch the file again") from None
    if head.startswith(in_place):
        raise BadInput(file, "", f"packed with gzip; unpack it first: gunzip -k {shlex.quote(str(file))}")
    return head


def begins_with(magic: tuple[bytes, ...], file: Path) -> bool:
    """Whether a file, or what is packed in it, begins as one of formats that are read in place; so if it is damaged."""
    try:
        return first_bytes(file, in_place=magic).startswith(magic)
    except BadInput:
        return True


def read_text(file: Path) -> bytes:
    """Content of a file, plain or gzip (told by content; all its members). Raises `BadInput`: damaged, too large."""
    try:
        with file.open("rb") as stream:
            packed = stream.read(2) == GZIP_MAGIC
            stream.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=stream) as unpacked:
                    return _bounded(file, "", _in_pieces(unpacked))
            # A byte more than the file has, to tell that it is too large, and not all that is allowed: Python takes
            # memory for what it is asked for.
            size = min(stream.seek(0, os.SEEK_END), TEXT_BYTES)
            stream.seek(0)
            return _bounded(file, "", stream.read(size + 1))
    except FileNotFoundError:
        raise BadInput(file, "", "does not exist; check the path") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(file, "", f"gzip data damaged or cut off ({error}); fetch the file again") from None
    except OSError as error:
        raise BadInput(file, "", f"cannot be read: {error.strerror or error}") from None


def _in_pieces(stream: io.BufferedIOBase) -> bytes:
    """What can be read of a stream of unknown size; a little more than the limit where it has more."""
    text = io.BytesIO()
    while text.tell() <= TEXT_BYTES and (piece := stream.read(PIECE)):
        text.write(piece)
    return text.getvalue()


def members(file: Path) -> list[str]:
    """Names in a zip archive, in its order. Raises `BadInput`."""
    with _opened(file) as archive:
        names = archive.namelist()
    if len(names) > MEMBERS:
        raise BadInput(file, "", f"{len(names):,} members, more than {MEMBERS:,}; split the archive")
    return names


def read_member(file: Path, name: str) -> bytes:
    """One member of a zip archive. Raises `BadInput`: damaged, too large."""
    with _opened(file) as archive:
        try:
            with archive.open(name) as stream:
                return _bounded(file, name, stream.read(TEXT_BYTES + 1))
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


def parse_json(file: Path, where: str, text: bytes) -> JsonDict:
    """The object that a text holds; ``nan`` and ``inf`` are read as numbers. Raises `BadInput` with the line."""
    text = _NO_NUMBER.sub(lambda found: found[1] + _WORDS[found[2]], text)
    value = json_file.parse_json(text, file, where, finite=False)
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
    if len(data) > TEXT_BYTES:
        raise BadInput(
            file, where, f"unpacks to more than {TEXT_BYTES >> 20} MB; no event is so large: check the file"
        )
    return data
