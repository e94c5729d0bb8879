"""Damaged files of LCIO: cut off, with flipped bits, false counts and pointers; each is refused with event and record."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from gnnreco.columns import Tracks
from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.events.readers.lcio import read_dst
from gnnreco.events.readers.lcio.records import WORD
from tests.events.readers.test_lcio import DST, contents, written


@pytest.fixture
def spoiled(tmp_path: Path) -> Callable[[Callable[[bytes], bytes]], Path]:
    """The first event of the DST with its record changed."""

    def spoil(change: Callable[[bytes], bytes]) -> Path:
        parts = contents(DST, 3)
        return written(tmp_path / "spoiled.slcio", [*parts[:2], (parts[2][0], change(parts[2][1]))])

    return spoil


def block(data: bytes, name: str) -> int:
    """Where the block of this name begins in a record."""
    return data.index(name.encode()) - 16


def after_head(data: bytes, name: str) -> int:
    """Where what is in a block begins."""
    return block(data, name) + 16 + len(name) + -len(name) % WORD


def put(data: bytes, place: int, number: int) -> bytes:
    return data[:place] + struct.pack(">I", number) + data[place + 4 :]


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (4, "cut off inside the header of a record"),
        (10, "cut off inside the header of a record"),
        (1300, "claims 306 bytes, and the file ends after"),
        (1536, "cut off after its header"),
        (42000, "record LCEvent at byte 1536: claims 41,087 bytes"),
        (42660, "byte 42656: cut off inside the header"),
    ],
)
def test_a_file_that_was_cut_off(size: int, message: str, tmp_path: Path) -> None:
    file = tmp_path / "cut.slcio"
    file.write_bytes(DST.read_bytes()[:size])
    with pytest.raises(BadInput, match=message):
        list(open_events(file, None))


def test_damaged_zlib_data_names_event_and_record(tmp_path: Path) -> None:
    file, data = tmp_path / "bits.slcio", bytearray(DST.read_bytes())
    data[20_000] ^= 1
    file.write_bytes(bytes(data))
    source = open_events(file, None)
    with pytest.raises(
        BadInput, match=r"bits.slcio: event 0, record LCEvent at byte 1536: damaged zlib data"
    ):
        source[0]
    assert len(source[1].found[Tracks]) == 62, "the next event is sound"


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (107_339, "does not unpack to the 107,339 bytes that it claims"),
        (107_341, "does not unpack to the 107,341 bytes that it claims"),
        (2**31, "claims to unpack to 2,147,483,648 bytes, more than 16,777,216"),
    ],
)
def test_a_record_that_claims_another_size(size: int, message: str, tmp_path: Path) -> None:
    file = tmp_path / "size.slcio"
    file.write_bytes(put(DST.read_bytes(), 1536 + 16, size))
    with pytest.raises(BadInput, match=message):
        open_events(file, None)[0]


@pytest.mark.parametrize("count", [2**31, 2**32 - 1, 57])
def test_counts_beyond_the_block(count: int, spoiled: Callable[..., Path]) -> None:
    """The number of tracks, after flags and three empty lists of parameters."""
    file = spoiled(lambda data: put(data, after_head(data, "LDCTracks") + 16, count))
    with pytest.raises(
        BadInput, match=r"event 0, record LCEvent at byte \d+, LDCTracks: claims more than the block"
    ):
        open_events(file, None)[0]


@pytest.mark.parametrize("count", [2**31, 2**32 - 1])
def test_counts_inside_an_object(count: int, spoiled: Callable[..., Path]) -> None:
    """The number of parents of the first particle of the simulation."""
    file = spoiled(lambda data: put(data, after_head(data, "MCParticlesSkimmed") + 24, count))
    with pytest.raises(BadInput, match="MCParticlesSkimmed: claims more than the block"):
        open_events(file, None)[0]


def test_a_pointer_to_nowhere(spoiled: Callable[..., Path]) -> None:
    """The last link of the truth begins three words before the end of its block."""

    def lead_astray(data: bytes) -> bytes:
        start = block(data, "RecoMCTruthLink")
        return put(data, start + struct.unpack_from(">I", data, start)[0] - 8, 123_456)

    file = spoiled(lead_astray)
    with pytest.raises(BadInput, match="event 0, RecoMCTruthLink: points at MCParticle 123456"):
        list(read_dst(file))


def test_blocks_that_are_damaged(spoiled: Callable[..., Path]) -> None:
    with pytest.raises(BadInput, match="no block of LCIO begins here"):
        open_events(spoiled(lambda data: put(data, block(data, "LDCTracks") + 4, 0)), None)[0]
    with pytest.raises(BadInput, match="a block that claims 4,294,967,295 of the"):
        open_events(spoiled(lambda data: put(data, block(data, "LDCTracks"), 2**32 - 1)), None)[0]
    with pytest.raises(BadInput, match=r"of version 1.2; 1.3 and later are read"):
        open_events(spoiled(lambda data: put(data, block(data, "LDCTracks") + 8, 0x10002)), None)[0]


def test_a_track_without_numbers(spoiled: Callable[..., Path]) -> None:
    """NaN for the curvature of the first track."""
    file = spoiled(lambda data: put(data, after_head(data, "LDCTracks") + 32, 0x7FC00000))
    with pytest.raises(BadInput, match=r"event 0, LDCTracks\[0\]: a number that is none"):
        open_events(file, None)[0]


def test_records_that_hold_no_event(tmp_path: Path) -> None:
    parts = contents(DST, 3)
    with pytest.raises(BadInput, match="a file of LCIO without events"):
        open_events(written(tmp_path / "run.slcio", parts[:1]), None)
    with pytest.raises(BadInput, match="an event without its header"):
        open_events(written(tmp_path / "headless.slcio", [parts[0], parts[2]]), None)
    with pytest.raises(BadInput, match="damaged header of an event"):
        open_events(written(tmp_path / "header.slcio", [("LCEventHeader", b""), parts[2]]), None)
    no_lcio = tmp_path / "no.slcio"
    no_lcio.write_text("hello")
    with pytest.raises(BadInput, match="cut off inside the header"):
        open_events(no_lcio, None)


def test_a_particle_that_is_its_own_ancestor(spoiled: Callable[..., Path]) -> None:
    """The first particle of the simulation that has a tag and a parent gets itself for a parent."""

    def bend(data: bytes) -> bytes:
        place = after_head(data, "MCParticlesSkimmed") + 20
        for _ in range(400):
            tag, parents = struct.unpack_from(">II", data, place)
            size = 4 * (17 + parents)
            bits, status = (struct.unpack_from(">I", data, place + 8 + 4 * (parents + k))[0] for k in (2, 1))
            if parents and tag != 0xFFFFFFFF and status == 1:
                return put(data, place + 8, tag)
            place += size + (24 if bits >> 31 else 0)
        raise AssertionError("no such particle")

    with pytest.raises(BadInput, match=r"event 0, MCParticle\[\d+\]: a particle that is its own ancestor"):
        open_events(spoiled(bend), None)[0]
