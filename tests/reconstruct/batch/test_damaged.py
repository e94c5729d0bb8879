"""A file that cannot be opened costs itself, and no other: it is one failure with its reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.reconstruct import reconstruct
from gnnreco.reconstruct.integrity import verify
from tests.reconstruct.toy import DETECTOR, N, contents


@pytest.fixture
def several(inputs: Path, tmp_path: Path) -> Path:
    """Three files, the second of which is cut off."""
    folder = tmp_path / "in"
    folder.mkdir()
    (file,) = inputs.glob("*.parquet")
    for i in range(3):
        shutil.copy(file, folder / f"run{i}.parquet")
    (folder / "run1.parquet").write_bytes(file.read_bytes()[:3000])
    return folder


@pytest.mark.parametrize(("listed", "workers"), [(False, 1), (True, 1), (False, 2)])
def test_the_others_come_out(several: Path, bundle: Path, tmp_path: Path, listed: bool, workers: int) -> None:
    names = sorted(several.iterdir()) if listed else several
    model = "tracking-telescope" if workers > 1 else bundle  # what other processes know too
    manifest = reconstruct(names, DETECTOR, model, tmp_path / "out", workers=workers)
    assert (manifest["events_in"], manifest["events_out"]) == (2 * N + 1, 2 * N)
    (failure,) = manifest["failures"]
    assert failure["source"].endswith("run1.parquet")
    assert "damaged or cut off" in failure["reason"]
    assert verify(tmp_path / "out", inputs=True)["whole"]


def test_parts_of_a_job_agree_on_it(several: Path, bundle: Path, tmp_path: Path) -> None:
    def part(number: int, resume: bool) -> dict:
        return reconstruct(several, DETECTOR, bundle, tmp_path / "out", shard=(number, 3), resume=resume)

    first = [part(number, False) for number in range(3)]
    assert sum(manifest["events_out"] for manifest in first) == 2 * N
    assert [failure["source"][-12:] for manifest in first for failure in manifest["failures"]] == [
        "run1.parquet"
    ]
    before = contents(tmp_path / "out")
    assert [part(number, True)["events_out"] for number in range(3)] == [m["events_out"] for m in first]
    after = contents(tmp_path / "out")
    assert {name: after[name] for name in before if name.endswith(".parquet")} == {
        name: data for name, data in before.items() if name.endswith(".parquet")
    }


def test_nothing_but_damage_is_an_error_at_once(several: Path, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="damaged or cut off"):
        reconstruct(several / "run1.parquet", DETECTOR, bundle, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_who_reads_events_is_told_at_once(several: Path) -> None:
    with pytest.raises(BadInput, match="damaged or cut off"):
        open_events(several, None)
    source = open_events(several, None, keep_damaged=True)
    assert len(source) == 2 * N + 1
    assert [error.file for error in source.damaged] == [str(several / "run1.parquet")]
    with pytest.raises(BadInput, match=r"run1\.parquet: damaged or cut off"):
        source[N]
    assert source[N + 1].number == source[0].number
