"""`write_events`: both formats, all files or none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import Event
from gnnreco.errors import BadConfig, BadInput
from gnnreco.events import open_events, write_events
from gnnreco.geometry import Detector


def test_trackml_comes_back_exactly(trackml: Path, detector: Detector, tmp_path: Path, assert_same) -> None:
    event = open_events(trackml, detector)[0]
    files = write_events([event], tmp_path / "out", "trackml", detector)
    assert [file.name for file in files] == [
        f"event000000001-{kind}.csv" for kind in ("cells", "hits", "particles", "truth")
    ]
    assert_same(open_events(tmp_path / "out", detector)[0], event)


def test_acts_to_trackml_keeps_positions_cells_and_truth(
    acts: Path, detector: Detector, tmp_path: Path, assert_same
) -> None:
    event = open_events(acts, detector)[0]
    write_events([event], tmp_path / "out", "trackml", detector)
    back = open_events(tmp_path / "out", detector)[0]
    assert_same(back.truth, event.truth)
    assert_same(back.hits, replace(event.hits, var_u=None, var_v=None))


def test_a_shared_hit_and_noise_in_trackml(tiny: Event, tmp_path: Path, assert_same) -> None:
    write_events([tiny], tmp_path, "trackml", None)
    lines = (tmp_path / "event000000012-truth.csv").read_text().split()
    assert lines == ["hit_id,particle_id,weight", "4,70,0.5", "2,70,0.25", "2,50,0", "9,0,0", "5,50,0.25"]
    assert tiny.truth is not None
    assert_same(open_events(tmp_path, None)[0].truth, replace(tiny.truth, energy=None, fates=None))


def test_trackml_for_a_detector_without_its_labels(acts: Path, detector: Detector, tmp_path: Path) -> None:
    bare = replace(detector, labels={})
    event = open_events(acts, bare)[0]
    write_events([event], tmp_path / "out", "trackml", bare)
    np.testing.assert_array_equal(open_events(tmp_path / "out", bare)[0].hits.sensor, event.hits.sensor)


def test_a_file_holds_so_many_events_and_progress_is_told(tiny: Event, tmp_path: Path) -> None:
    told: list[int] = []
    events = (replace(tiny, number=i) for i in range(5))
    files = write_events(events, tmp_path, events_per_file=2, progress=told.append)
    assert [file.name for file in files] == [f"events-{i:05d}.parquet" for i in range(3)]
    assert told == [1, 2, 3, 4, 5]
    assert open_events(tmp_path, None).numbers == [0, 1, 2, 3, 4]
    assert sorted(tmp_path.iterdir()) == files, "no draft is left"


def test_nothing_is_left_when_an_event_fails(tiny: Event, tmp_path: Path) -> None:
    def failing() -> Iterator[Event]:
        yield tiny
        raise BadInput("somewhere", "line 3", "broken; mend it")

    for format in ("parquet", "trackml"):
        with pytest.raises(BadInput, match="broken"):
            write_events(failing(), tmp_path / format, format)
        assert list((tmp_path / format).iterdir()) == []


def test_files_that_are_there_are_not_replaced(tiny: Event, tmp_path: Path) -> None:
    write_events([tiny], tmp_path)
    before = (tmp_path / "events-00000.parquet").read_bytes()
    with pytest.raises(BadInput, match=r"events-00000\.parquet: is there already.*overwrite=True"):
        write_events([replace(tiny, number=3)], tmp_path)
    assert (tmp_path / "events-00000.parquet").read_bytes() == before


def test_a_number_that_occurs_twice_is_refused(tiny: Event, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"by hand: event 12: another event in .* has this number"):
        write_events([tiny, tiny], tmp_path)


def test_an_unknown_format(tiny: Event, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="no event format 'root'; there are: parquet, trackml"):
        write_events([tiny], tmp_path, "root")


def test_trackml_gives_the_same_bytes_each_time(acts: Path, detector: Detector, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_events(open_events(acts, detector), tmp_path / name, "trackml", detector)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
