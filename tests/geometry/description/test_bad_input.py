"""Descriptions made to harm, or made in haste: one clear finding with its line, in no time and no memory."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gnnreco.errors import BadGeometry
from gnnreco.geometry import Finding, check, load_detector
from gnnreco.geometry.description.tables import open_table

SOUND = """format: gnnreco-detector/1
name: sound
units: {length: mm, angle: deg}
templates: {p: {kind: grid, pitch: [1, 1], cells: [4, 4], thickness: 1}}
subsystems: {s: {}}
sensors: [{rule: planes, template: p, subsystem: s, z: [1, 20]}]
"""
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)
)


def findings(folder: Path, text: str | bytes) -> list[Finding]:
    (folder / "detector.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return check(folder)


def test_the_sound_one_is_sound(tmp_path: Path) -> None:
    assert findings(tmp_path, SOUND) == []


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (SOUND + LAUGHS, 13, "aliases that stand for more than 2,000,000 values"),
        (SOUND + "a: &a [1, *a]\n", 7, "alias *a has no finished anchor"),
        (SOUND + "a: *b\n", 7, "alias *b has no finished anchor"),
        (SOUND.replace("sound", "!!python/name:os.system x"), 2, "python/name:os.system' is not allowed"),
        (SOUND.replace("sound", "!mine x"), 2, "tag '!mine' is not allowed"),
        (SOUND + "deep: " + "[" * 100_000, 7, "more than 32 levels"),
        (SOUND + "deep:\n" + "".join(" " * i + "a:\n" for i in range(1, 2000)), 39, "more than 32 levels"),
        (SOUND + "---\n" + SOUND, 7, "a second document"),
        (SOUND + "? [a]\n: b\n", 7, "as a key"),
        (SOUND.replace("[4, 4]", "[100000, 100000]"), 4, "10,000,000,000 cells do not fit 31 bits"),
        (
            SOUND.replace("[4, 4]", "[!!int x, 4]"),
            4,
            "expected a whole number from 1 to 2,147,483,647, found 'x'",
        ),
        (SOUND.replace("thickness: 1", "thickness: [1]"), 4, "expected one number"),
        (SOUND.replace("thickness: 1", "thickness: yes"), 4, "expected numbers"),
    ],
)
def test_a_harmful_file_is_refused_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    start = time.process_time()
    (finding,) = findings(tmp_path, text)
    assert time.process_time() - start < 5
    assert finding.severity == "error"
    assert f"line {line}" in finding.where
    assert message in finding.message
    assert finding.suggestion


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"a: \x07", b"", b"- 1", b"{" * 70000])
def test_what_is_no_description_is_said_to_be_none(tmp_path: Path, text: bytes) -> None:
    (finding,) = findings(tmp_path, text)
    assert finding.severity == "error"
    assert "detector.yaml" in finding.where


def test_an_honest_alias_is_read(tmp_path: Path) -> None:
    text = SOUND.replace(
        "z: [1, 20]}]", "z: &z [1, 20]}, {rule: planes, template: p, subsystem: s, x: 9, z: *z}]"
    )
    assert findings(tmp_path, text) == []
    assert load_detector(tmp_path).center[:, 2].tolist() == [1, 20, 1, 20]


def test_an_exponent_needs_no_dot(tmp_path: Path) -> None:
    assert findings(tmp_path, SOUND.replace("thickness: 1", "thickness: 5e-1")) == []
    assert load_detector(tmp_path).thickness.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("units", "sensors", "severity", "message"),
    [
        ("", "", "error", "missing section 'units'"),
        ("units: {angle: deg}\n", "", "warning", "no unit of length is told: taken as mm"),
        (
            "units: {length: mm}\n",
            ", turn: [[0, 0, 90], [0, 0, 0]]",
            "warning",
            "no unit of angle is told: taken as rad",
        ),
        ("units: {length: furlong}\n", "", "error", "unknown unit 'furlong'"),
    ],
)
def test_units_left_out(tmp_path: Path, units: str, sensors: str, severity: str, message: str) -> None:
    text = SOUND.replace("units: {length: mm, angle: deg}\n", units).replace(
        "[1, 20]}", f"[1, 20]{sensors}}}"
    )
    (finding,) = findings(tmp_path, text)
    assert (finding.severity, message in finding.message) == (severity, True)
    assert any(unit in finding.suggestion for unit in ("mm", "rad"))


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        (
            "{rule: barrel, template: p, subsystem: s, layers: [{radius: 9, count: 1000000000, z: [0, 9]}]}",
            "2,000,000,000",
        ),
        (
            "{rule: disks, subsystem: s, z: [9], rings: [{template: p, radius: 9, count: 1000000000}]}",
            "1,000,000,000",
        ),
        (
            "{rule: wafers, subsystem: s, templates: [p], spacing: 0.01, z: [9], r_min: 1, r_max: 1000}",
            "36,275,987,285",
        ),
    ],
)
def test_a_rule_of_a_billion_is_refused_with_its_count(tmp_path: Path, rule: str, count: str) -> None:
    text = SOUND[: SOUND.index("sensors:")] + f"sensors:\n  - {rule}\n"
    (finding,) = findings(tmp_path, text)
    assert count in finding.message
    assert "line 7" in finding.where
    with pytest.raises(BadGeometry, match="unit of length"):
        load_detector(tmp_path)


def test_a_table_of_a_billion_rows_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gnnreco.files.limits.ROWS", 1000)
    pq.write_table(pa.table({"cell": np.zeros(1001)}), tmp_path / "cells.parquet")
    with pytest.raises(BadGeometry, match="1,001 rows, more than 1,000"):
        open_table(tmp_path / "cells.parquet", ("cell",))
