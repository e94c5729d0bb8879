"""A damaged description is a finding, never a traceback."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.errors import BadGeometry
from gnnreco.geometry import check, find_detector, load_detector

TELESCOPE = (find_detector("telescope") / "detector.yaml").read_text()
WORDS = [
    "",
    "-1",
    "0",
    "1e400",
    ".nan",
    "[]",
    "{}",
    "null",
    "true",
    "[1, 2]",
    "[[1]]",
    "word",
    "2021-01-01",
    "1e9",
]


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_value_replaced_by_any_other_is_judged(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("detector")
    lines = TELESCOPE.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    places = [i for i, letter in enumerate(lines[number]) if letter == ":"]
    if places:
        place = data.draw(st.sampled_from(places))
        rest = lines[number][place + 1 :]
        ends = [i for i, letter in enumerate(rest) if letter in ",}"] or [len(rest)]
        end = data.draw(st.sampled_from(ends))
        lines[number] = lines[number][: place + 1] + " " + data.draw(st.sampled_from(WORDS)) + rest[end:]
    else:
        lines[number] = data.draw(st.sampled_from(WORDS))
    (folder / "detector.yaml").write_text("\n".join(lines) + "\n")
    for finding in check(folder):
        assert finding.message
        assert finding.suggestion


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_table_is_refused(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "trackml"
    shutil.copytree(find_detector("trackml"), folder)
    file = folder / "sensors.parquet"
    content = bytearray(file.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    if damage == "flipped":
        content[len(content) // 3] ^= 0x10
    file.write_bytes(b"" if damage == "empty" else content)
    with pytest.raises(BadGeometry, match=r"sensors\.parquet"):
        load_detector(folder)


def test_no_flipped_bit_of_the_table_passes_unseen(tmp_path: Path) -> None:
    folder = tmp_path / "trackml"
    shutil.copytree(find_detector("trackml"), folder)
    file, sound = folder / "sensors.parquet", load_detector("trackml")
    content = file.read_bytes()
    for place in np.random.default_rng(0).integers(4, len(content) - 8, 40):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(place % 8)
        file.write_bytes(damaged)
        try:
            read = load_detector(folder)
        except BadGeometry:
            continue
        # The footer has no checksum: statistics and names there may change, the columns may not.
        assert read.hash == sound.hash
