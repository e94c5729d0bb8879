"""Sensors of hits: by label where labels fit, by position where they do not, -1 where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import Event, Hits
from gnnreco.events import FORMATS, open_events, write_events
from gnnreco.geometry import Detector, list_detectors, load_detector


def test_dropped_sensors_give_minus_one(acts: Path, detector: Detector) -> None:
    full = open_events(acts, detector)[0].hits
    keep = np.ones(detector.n_sensors, bool)
    keep[full.sensor[::5]] = False
    fewer = detector.select(keep)
    hits = open_events(acts, fewer)[0].hits
    assert len(hits) == len(full)
    lost = ~keep[full.sensor]
    assert np.all(hits.sensor[lost] == -1)
    np.testing.assert_array_equal(fewer.sensor_id[hits.sensor[~lost]], detector.sensor_id[full.sensor[~lost]])


def test_parquet_survives_dropped_sensors(acts: Path, detector: Detector, tmp_path: Path) -> None:
    full = open_events(acts, detector)[0].hits
    write_events(open_events(acts, detector), tmp_path / "out", "parquet", detector)
    keep = np.ones(detector.n_sensors, bool)
    keep[full.sensor[::5]] = False
    fewer = detector.select(keep)
    hits = open_events(tmp_path / "out", fewer)[0].hits
    expected = open_events(acts, fewer)[0].hits
    np.testing.assert_array_equal(hits.sensor, expected.sensor)


def test_foreign_ids_fall_back_to_the_position(acts: Path, detector: Detector) -> None:
    expected = open_events(acts, detector)[0].hits.sensor
    file = acts / "event000000007-measurements.csv"
    lines = file.read_bytes().split(b"\n")
    spoiled = [lines[0]]
    for row, line in enumerate(lines[1:-1]):
        fields = line.split(b",")
        # Ids of the detector, but of the wrong sensors: as if its modules had been numbered anew.
        fields[1] = str(int(detector.labels["acts_geometry_id"][row])).encode()
        spoiled.append(b",".join(fields))
    file.write_bytes(b"\n".join([*spoiled, b""]))
    np.testing.assert_array_equal(open_events(acts, detector)[0].hits.sensor, expected)


def test_one_wrong_id_is_not_believed(acts: Path, detector: Detector) -> None:
    expected = open_events(acts, detector)[0].hits.sensor
    file = acts / "event000000007-measurements.csv"
    lines = file.read_bytes().split(b"\n")
    fields = lines[1].split(b",")
    fields[1] = str(int(detector.labels["acts_geometry_id"][-1])).encode()
    lines[1] = b",".join(fields)
    file.write_bytes(b"\n".join(lines))
    np.testing.assert_array_equal(open_events(acts, detector)[0].hits.sensor, expected)


def test_hits_outside_every_sensor_are_kept(trackml: Path, detector: Detector) -> None:
    file = trackml / "event000000001-hits.csv"
    header, first, *rest = file.read_text().splitlines(keepends=True)
    file.write_text("".join([header, "6,5,5,5,99,2,1\n", *rest]))
    hits = open_events(trackml, detector)[0].hits
    assert len(hits) == 5527
    assert hits.sensor[0] == -1
    assert np.all(hits.sensor[1:] >= 0)
    assert first.startswith("6,")


def test_a_detector_without_such_labels(acts: Path, detector: Detector) -> None:
    expected = open_events(acts, detector)[0].hits.sensor
    np.testing.assert_array_equal(open_events(acts, replace(detector, labels={}))[0].hits.sensor, expected)


# Files of the CaloChallenge hold showers of one particle in cylinders of voxels, and no other events.
@pytest.mark.parametrize("format", [name for name in FORMATS if name != "calochallenge"])
@pytest.mark.parametrize("name", list_detectors())
def test_every_detector_that_ships(name: str, format: str, tmp_path: Path) -> None:
    """One hit in the middle of each sensor; nothing here knows the shape of a detector."""
    detector = load_detector(name)
    n = detector.n_sensors
    sensor = np.arange(n, dtype=np.int32)[::-1]
    hits = Hits(np.arange(n), *detector.center[sensor].T, sensor)
    write_events([Event(3, "by hand", hits)], tmp_path, format, detector)
    np.testing.assert_array_equal(open_events(tmp_path, detector)[0].hits.sensor, sensor)


def test_without_a_detector(acts: Path) -> None:
    assert np.all(open_events(acts, None)[0].hits.sensor == -1)
