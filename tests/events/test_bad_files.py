"""Files spoiled in one way each: `BadInput` with file, place and remedy, or an event right all the same."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.events import open_events

Spoil = Callable[[list[str]], list[str]]


def field(line: int, column: int, value: str) -> Spoil:
    """Put another value into one field; lines count from 1, columns from 0."""

    def spoil(lines: list[str]) -> list[str]:
        fields = lines[line - 1].split(",")
        fields[column] = value
        return [*lines[: line - 1], ",".join(fields), *lines[line:]]

    return spoil


def no_column(name: str) -> Spoil:
    return lambda lines: [lines[0].replace(name, "other"), *lines[1:]]


def append(line: str) -> Spoil:
    return lambda lines: [*lines, line]


def spoiled(folder: Path, kind: str, spoil: Spoil) -> Path:
    (file,) = folder.glob(f"event*-{kind}.csv")
    lines = file.read_bytes().decode("latin1").split("\n")[:-1]
    file.write_bytes(("\n".join(spoil(lines)) + "\n").encode("latin1"))
    return file


TRACKML = [
    ("hits", field(5, 1, "abc"), "line 5, column x: 'abc' is not a number; the line is damaged"),
    ("hits", field(5, 1, ""), "line 5, column x: '' is not a number"),
    (
        "hits",
        field(5, 4, "7.5"),
        "line 5, column volume_id: '7.5' is not a whole number of int64 (-9223372036854775808 to",
    ),
    (
        "hits",
        field(5, 0, "99999999999999999999"),
        "line 5, column hit_id: '99999999999999999999' is not a whole number of int64",
    ),
    ("hits", field(5, 2, "nan"), "line 5, column y: nan is no number; remove or mend that row"),
    ("hits", field(5, 3, "inf"), "line 5, column z: inf is no number"),
    ("hits", field(5, 3, "1e999"), "line 5, column z: inf is no number"),
    ("hits", field(5, 0, "6"), "line 5, column hit_id: 6 occurs a second time; ids must be unique"),
    ("hits", field(5, 6, "1,2,3"), "line 5: 9 fields where the header has 7"),
    ("hits", append("1,2,3"), "line 5529: 3 fields where the header has 7; the line is damaged or cut off"),
    ("hits", no_column("x"), "line 1: no column x (found: hit_id, other, y"),
    (
        "hits",
        lambda lines: [lines[0].replace(",y,", ",x,"), *lines[1:]],
        "line 1: no column y (found: hit_id, x, x",
    ),
    (
        "hits",
        lambda lines: [lines[0] + ",x", *(f"{line},1" for line in lines[1:])],
        "line 1: column x occurs twice",
    ),
    ("hits", lambda lines: lines[:1], "cells.csv: line 2, column hit_id: 6 is no hit of this event (18564"),
    ("hits", lambda lines: lines[1:], "line 1: no column hit_id, x, y, z"),
    ("hits", lambda lines: ["\x89PNG\r", *lines], "line 1: not text, so not a CSV file"),
    ("cells", append("1,2,3,0.5"), "line 18566, column hit_id: 1 is no hit of this event (1 such rows)"),
    (
        "cells",
        field(9, 1, "3000000000"),
        "line 9, column ch0: '3000000000' is not a whole number of int32 (-2147483648 to 2147483647)",
    ),
    ("cells", field(9, 3, "nan"), "line 9, column value: nan is no number"),
    ("truth", append("1,0,0,0,0,0,0,0,0"), "line 5529, column hit_id: 1 is no hit of this event"),
    ("truth", lambda lines: lines[:-3], "(3 such hits; noise has one too); cut off?"),
    ("truth", field(3, 8, "-nan"), "line 3, column weight: "),
    (
        "particles",
        field(3, 0, "4505867370102784"),
        "line 3, column particle_id: 4505867370102784 occurs a second",
    ),
    ("particles", no_column("pz"), "line 1: no column pz"),
    ("particles", field(4, 5, "inf"), "line 4, column px: inf is no number"),
]

ACTS = [
    ("measurements", field(5, 13, "x"), "line 5, column global_x: 'x' is not a number"),
    (
        "measurements",
        field(5, 1, "-4"),
        "line 5, column geometry_id: '-4' is not a whole number of uint64 (0 to",
    ),
    ("measurements", field(5, 14, "nan"), "line 5, column global_y: nan is no number"),
    ("measurements", field(5, 0, "0"), "line 5, column measurement_id: 0 occurs a second time"),
    ("measurements", no_column("global_x"), "line 1: no column global_x"),
    (
        "cells",
        append("504403295704459520,203,1,1,0,0.5"),
        "column measurement_id: 203 is no measurement of this event",
    ),
    ("cells", append("504403295704459520,2"), "2 fields where the header has 6"),
    ("measurement-simhit-map", append("203,0"), "line 208, column measurement_id: 203 is no measurement"),
    ("measurement-simhit-map", append("0,206"), "line 208, column hit_id: 206 is no row of the true hits"),
    ("hits", lambda lines: lines[:-1], "measurement-simhit-map.csv: line 207, column hit_id: 205 is no row"),
    ("hits", no_column("particle_id_gen"), "line 1: no column particle_id_gen"),
    ("particles_simulated", append("1,0,3"), "3 fields where the header has 16"),
    ("particles_simulated", field(2, 2, "70000"), "particle_id_part: 70000 does not fit the 16 bits"),
    ("particles_simulated", lambda lines: [*lines, lines[1]], "line 25, column particle_id: "),
]


@pytest.mark.parametrize(("kind", "spoil", "message"), TRACKML)
def test_trackml(kind: str, spoil: Spoil, message: str, trackml: Path) -> None:
    file = spoiled(trackml, kind, spoil)
    with pytest.raises(BadInput, match=re.escape(message)) as caught:
        open_events(trackml, None)[0]
    assert Path(caught.value.file).parent == file.parent


@pytest.mark.parametrize(("kind", "spoil", "message"), ACTS)
def test_acts(kind: str, spoil: Spoil, message: str, acts: Path) -> None:
    file = spoiled(acts, kind, spoil)
    with pytest.raises(BadInput, match=re.escape(message)) as caught:
        open_events(acts, None)[0]
    assert Path(caught.value.file).parent == file.parent


@pytest.mark.parametrize("kind", ["hits", "cells", "truth", "particles"])
@pytest.mark.parametrize("share", [0.0, 0.0001, 0.5, 0.999])
def test_a_gzip_file_cut_off(kind: str, share: float, trackml: Path) -> None:
    plain = trackml / f"event000000001-{kind}.csv"
    packed = gzip.compress(plain.read_bytes())
    plain.unlink()
    file = plain.with_name(plain.name + ".gz")
    file.write_bytes(packed[: int(share * len(packed))])
    with pytest.raises(BadInput, match=rf"{kind}\.csv\.gz: (gzip data damaged|the file is empty|line 1: no)"):
        open_events(trackml, None)[0]


@pytest.mark.parametrize("kind", ["hits", "cells", "truth", "particles"])
def test_a_plain_file_cut_off_inside_a_line(kind: str, trackml: Path) -> None:
    """Cut inside its last number a line still looks whole; the missing line end gives it away."""
    file = trackml / f"event000000001-{kind}.csv"
    file.write_bytes(file.read_bytes()[:-2])
    with pytest.raises(BadInput, match="the last line has no end, so the file was cut off; copy it again"):
        open_events(trackml, None)[0]


def test_a_gzip_file_with_a_flipped_byte(trackml: Path) -> None:
    file = trackml / "event000000001-hits.csv"
    data = bytearray(gzip.compress(file.read_bytes()))
    data[len(data) // 2] ^= 4
    file.write_bytes(data)
    with pytest.raises(BadInput, match=r"hits\.csv: gzip data damaged or cut off .* fetch the file again"):
        open_events(trackml, None)[0]


@pytest.mark.parametrize("content", ["", "\n", "  \n\n"])
def test_an_empty_file(content: str, trackml: Path) -> None:
    (trackml / "event000000001-hits.csv").write_text(content)
    with pytest.raises(
        BadInput, match=r"hits\.csv: the file is empty; an event without hits still has a header"
    ):
        open_events(trackml, None)[0]


def test_a_folder_in_place_of_a_file(trackml: Path) -> None:
    (trackml / "event000000001-hits.csv").unlink()
    (trackml / "event000000001-hits.csv").mkdir()
    with pytest.raises(BadInput, match=r"hits\.csv: cannot be read: Is a directory"):
        open_events(trackml, None)[0]


@pytest.mark.parametrize("name", ["acts", "trackml"])
def test_headers_alone_are_an_event_without_hits(name: str, request: pytest.FixtureRequest, detector) -> None:
    folder = request.getfixturevalue(name)
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes().split(b"\n")[0] + b"\n")
    event = open_events(folder, detector)[0]
    assert event.truth is not None
    assert event.hits.deposits is not None
    assert (len(event.hits), len(event.truth.particles), len(event.truth.hit)) == (0, 0, 0)
    assert event.hits.deposits.offsets.tolist() == [0]


def test_one_hit(trackml: Path, detector) -> None:
    for kind, count in (("hits", 2), ("cells", 2), ("truth", 2)):
        spoiled(trackml, kind, lambda lines, count=count: lines[:count])
    event = open_events(trackml, detector)[0]
    assert event.truth is not None
    assert event.hits.deposits is not None
    assert (len(event.hits), len(event.hits.deposits.u), len(event.truth.hit)) == (1, 1, 1)
    assert len(event.truth.particles) == 548


def test_blank_lines_at_the_end_do_no_harm(trackml: Path, assert_same) -> None:
    before = open_events(trackml, None)[0]
    for file in trackml.iterdir():
        file.write_bytes(file.read_bytes() + b"\n\n")
    assert_same(open_events(trackml, None)[0], before)


def test_a_damaged_truth_file_does_no_harm_where_truth_is_not_asked_for(trackml: Path) -> None:
    (trackml / "event000000001-truth.csv").write_bytes(b"\x00")
    assert len(open_events(trackml, None, truth=False)[0].hits) == 5527


def test_hit_ids_in_any_order(trackml: Path) -> None:
    spoiled(trackml, "hits", lambda lines: [lines[0], *lines[:0:-1]])
    event = open_events(trackml, None)[0]
    truth, deposits = event.truth, event.hits.deposits
    assert truth is not None
    assert deposits is not None
    row = int(np.flatnonzero(event.hits.hit_id == 6)[0])
    assert row == 5526
    assert deposits.u[deposits.offsets[row]] == 274
    assert truth.particles.particle_id[truth.particle[truth.hit == row]].tolist() == [27028813309280256]
