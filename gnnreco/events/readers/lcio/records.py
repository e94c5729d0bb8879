"""Records of SIO, the container of LCIO files: a header, then bytes that may be compressed, which hold blocks.

All numbers are big-endian and fill whole words of four bytes. Learned from github.com/iLCSoft/SIO.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.errors import BadInput
from gnnreco.files.limits import EVENTS, TEXT_BYTES, UNPACKED_RATIO

Words = NDArray[np.uint32]

#: Second word of each record and of each block.
RECORD, BLOCK = 0xABADCAFE, 0xDEADBEEF
#: The first record of any LCIO file is one of these, so its header is that long.
MAGIC = tuple(struct.pack(">II", length, RECORD) for length in (32, 36, 40))
COMPRESSED = 1
#: Bytes to which a record may unpack however few it takes in the file.
FREE = 16 << 20
#: Bytes of the name of a record, by the format.
NAME = 64
WORD = 4
_HEAD = struct.Struct(">6I")
_BLOCK = struct.Struct(">4I")


class Record(NamedTuple):
    """Where the bytes of one record lie.

    Attributes
    ----------
    name : str
    start : int
        Byte of the file where its header begins.
    data : int
        Byte where what it holds begins.
    stored, unpacked : int
        Bytes in the file, and once unpacked, as the file claims.
    compressed : bool
    """

    name: str
    start: int
    data: int
    stored: int
    unpacked: int
    compressed: bool

    @property
    def where(self) -> str:
        """What a complaint calls it."""
        return f"record {self.name} at byte {self.start}"


class Block(NamedTuple):
    """One block of a record: what is in it as words, and the version that wrote it as (major, minor)."""

    name: str
    version: tuple[int, int]
    words: Words


def records(file: Path) -> Iterator[Record]:
    """The records of a file in order; only their headers are read.

    Raises
    ------
    BadInput
        No record where one is due, or the file ends inside one.
    """
    try:
        with file.open("rb") as stream:
            size, start, count = stream.seek(0, os.SEEK_END), 0, 0
            while start < size:
                stream.seek(start)
                record = _record(file, start, stream.read(_HEAD.size + NAME), size)
                yield record
                count += 1
                if count > 3 * EVENTS:
                    raise BadInput(file, record.where, f"more than {3 * EVENTS:,} records; split the file")
                start = record.data + record.stored
                if record.compressed:  # the next one begins at a whole word
                    start += -record.stored % WORD
    except OSError as error:
        raise BadInput(file, "", f"cannot be read: {error.strerror or error}") from None


def _record(file: Path, start: int, head: bytes, size: int) -> Record:
    where = f"byte {start}"
    if len(head) < _HEAD.size:
        raise BadInput(file, where, "cut off inside the header of a record; fetch the file again")
    length, marker, options, stored, unpacked, letters = _HEAD.unpack_from(head)
    if marker != RECORD:
        raise BadInput(file, where, "no record of LCIO begins here; damaged: fetch the file again")
    name = head[_HEAD.size : _HEAD.size + letters]
    if letters > NAME or length != _HEAD.size + letters + -letters % WORD or not name.isascii():
        raise BadInput(file, where, "a record whose name is damaged; fetch the file again")
    record = Record(name.decode("ascii"), start, start + length, stored, unpacked, bool(options & COMPRESSED))
    if record.data + stored > size:
        why = f"claims {stored:,} bytes, and the file ends after {max(size - record.data, 0):,}; fetch the file again"
        raise BadInput(file, record.where, why)
    most = min(TEXT_BYTES, max(FREE, UNPACKED_RATIO * stored))
    if unpacked > most:
        why = f"claims to unpack to {unpacked:,} bytes, more than {most:,}; no event is so large: check the file"
        raise BadInput(file, record.where, why)
    return record


def unpack(file: Path, record: Record) -> bytes:
    """What a record holds, never more than it claims.

    Raises
    ------
    BadInput
        Damaged, or the file changed since `records` listed it.
    """
    try:
        with file.open("rb") as stream:
            stream.seek(record.start)
            head, stored = stream.read(record.data - record.start), stream.read(record.stored)
    except OSError as error:
        raise BadInput(file, record.where, f"cannot be read: {error.strerror or error}") from None
    if len(stored) < record.stored or head[WORD : 2 * WORD] != struct.pack(">I", RECORD):
        raise BadInput(file, record.where, "the file changed while it was read; open it again")
    if not record.compressed:
        return stored
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(stored, record.unpacked + 1)
    except zlib.error as error:
        raise BadInput(file, record.where, f"damaged zlib data ({error}); fetch the file again") from None
    if len(data) != record.unpacked or not unpacker.eof:
        why = f"does not unpack to the {record.unpacked:,} bytes that it claims; fetch the file again"
        raise BadInput(file, record.where, why)
    return data


def blocks(file: Path, record: Record) -> Iterator[Block]:
    """The blocks of a record, in order. Raises `BadInput`: damaged."""
    data, start = unpack(file, record), 0
    while start < len(data):
        where = f"{record.where}, byte {start} of it"
        if len(data) - start < _BLOCK.size:
            raise BadInput(file, where, "cut off inside the header of a block; fetch the file again")
        length, marker, version, letters = _BLOCK.unpack_from(data, start)
        if marker != BLOCK:
            raise BadInput(file, where, "no block of LCIO begins here; damaged: fetch the file again")
        head = _BLOCK.size + letters + -letters % WORD
        if not head <= length <= len(data) - start or length % WORD:
            why = f"a block that claims {length:,} of the {len(data) - start:,} bytes left; fetch the file again"
            raise BadInput(file, where, why)
        name = data[start + _BLOCK.size : start + _BLOCK.size + letters].decode("utf-8", "backslashreplace")
        words = np.frombuffer(data, ">u4", (length - head) // WORD, start + head).astype(np.uint32)
        yield Block(name, (version >> 16, version & 0xFFFF), words)
        start += length
