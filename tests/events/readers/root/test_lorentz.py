"""Pairs of a TLorentzVector and a code, as the trigger studies of level 1 keep particles: read from their bytes alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from gnnreco.columns import PARTICLE_CLASSES, ReconstructedParticles
from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.events.readers.root import candidates, lorentz

#: What ROOT puts before the numbers of a TLorentzVector.
FRAME = bytes.fromhex("4000003c 0004 0001 00000000 02000000 40000024 0003 0001 00000000 02000000")
MOMENTA = np.array([[3.0, 4.0, 0.0, 13.0], [0.0, -2.0, 1.0, 2.5], [1.0, 0.0, -9.0, 9.5]])
CODES = np.array([211, 22, -13])


def event_bytes(momenta: Any, codes: Any) -> bytes:
    """What ROOT writes of one event."""
    body = bytes.fromhex("4009 0000 31857742") + len(codes).to_bytes(4, "big")
    body += b"".join(FRAME + np.asarray(row, ">f8").tobytes() for row in momenta)
    body += np.asarray(codes, ">i4").tobytes()
    return (0x40000000 | len(body)).to_bytes(4, "big") + body


def test_vectors_and_codes_come_out_of_their_bytes() -> None:
    for n in (3, 1, 0):
        vectors, codes = lorentz.pairs_of(np.frombuffer(event_bytes(MOMENTA[:n], CODES[:n]), np.uint8))
        assert np.array_equal(vectors, MOMENTA[:n])
        assert np.array_equal(codes, CODES[:n])


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda raw: raw[:10], "too few"),
        (lambda raw: raw[:-1], "do not hold 3 pairs"),
        (lambda raw: raw[:12] + b"\xff\xff\xff\xff" + raw[16:], "do not hold 4294967295 pairs"),
        (lambda raw: raw[:4] + b"\x00" + raw[5:], "another way"),
        (lambda raw: raw[:21] + b"\x07" + raw[22:], "another way"),
    ],
    ids=["head", "end", "count", "object by object", "version"],
)
def test_other_bytes_are_refused(damage: Any, why: str) -> None:
    raw = np.frombuffer(damage(event_bytes(MOMENTA, CODES)), np.uint8)
    with pytest.raises(ValueError, match=why):
        lorentz.pairs_of(raw)


def written(file: Path, events: list[bytes], name: str = "pf") -> Path:
    """A tree with these bytes: what writes it here knows no vectors of objects, so the branch is of no class."""
    lists = ak.Array([np.frombuffer(event, np.uint8) for event in events])
    columns = {name: lists, "vz": np.zeros(len(events), np.float32)}
    with uproot.recreate(file) as out:
        out.mktree("deep/objects", {name: "var * uint8", "vz": "float32"}).extend(columns)
    return file


@pytest.fixture
def by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "PAIRS", None)


@pytest.mark.usefixtures("by_bytes")
def test_they_are_particles(tmp_path: Path) -> None:
    events = [event_bytes(MOMENTA, CODES), event_bytes([], []), event_bytes(MOMENTA[1:], CODES[1:])]
    source = open_events(written(tmp_path / "a.root", events), None)
    assert source.numbers == [0, 1, 2]
    assert [len(event.hits) for event in source] == [3, 0, 2]
    found = source[0].found[ReconstructedParticles]
    assert np.array_equal(np.column_stack([found.px, found.py, found.pz, found.energy]), MOMENTA)
    assert np.array_equal(found.charge, [1, 0, 1])
    assert [PARTICLE_CLASSES[row] for row in found.class_index] == ["charged_hadron", "photon", "muon"]
    assert source[0].left_aside == {"branch vz": 1}


@pytest.mark.usefixtures("by_bytes")
@pytest.mark.parametrize(
    ("row", "why"),
    [([0, 0, 0, np.nan], "number that is none"), ([1, 1, 1, -5.0], "below 0"), ([1, 1, 1, 1e300], "none")],
)
def test_damaged_numbers_are_told(tmp_path: Path, row: list[float], why: str) -> None:
    events = [event_bytes([row], [211]), event_bytes(MOMENTA, CODES)]
    source = open_events(written(tmp_path / "a.root", events, "pup"), None)
    with pytest.raises(BadInput, match=why):
        source[0]
    assert len(source[1].hits) == 3
