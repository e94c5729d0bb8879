"""TrackML CSV: the real event, by figures counted once by other means."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.geometry import Detector

EXAMPLES = Path(__file__).parents[3] / "examples" / "events"


def test_the_real_event(detector: Detector) -> None:
    event = open_events(EXAMPLES / "event000000001", detector)[0]
    hits, truth = event.hits, event.truth
    assert truth is not None
    assert hits.deposits is not None
    assert event.number == 1
    assert (len(hits), len(truth.particles), len(truth.hit)) == (5527, 548, 5527 - 829)
    assert len(hits.deposits.u) == 18564
    assert truth.weight is not None
    assert truth.weight.sum() == pytest.approx(0.05126281115)
    assert (hits.hit_id[0], hits.x[0], hits.y[0], hits.z[0]) == (6, -76.566, -11.3673, -1502.5)
    assert (hits.deposits.u[0], hits.deposits.v[0]) == (274, 839)
    row = truth.particle[truth.hit == 0]
    assert truth.particles.particle_id[row].tolist() == [27028813309280256]
    assert np.count_nonzero(np.bincount(truth.particle, minlength=548)) == 468


def test_sensors_are_found_by_their_three_ids(detector: Detector) -> None:
    hits = open_events(EXAMPLES / "event000000001", detector)[0].hits
    assert hits.sensor.min() >= 0
    local = detector.to_local(hits.sensor, hits.xyz)
    assert np.abs(local[:, 2]).max() < 0.01
    np.testing.assert_array_equal(detector.labels["volume_id"][hits.sensor[:1]], [7])


def test_gzip_is_told_by_content(trackml: Path, assert_same) -> None:
    plain = open_events(trackml, None)[0]
    for file in trackml.iterdir():
        file.write_bytes(gzip.compress(file.read_bytes()))  # gzip under a plain name
    assert_same(open_events(trackml, None)[0], plain)


def test_truth_without_the_particles_file_uses_the_true_hits(trackml: Path) -> None:
    (trackml / "event000000001-particles.csv").unlink()
    truth = open_events(trackml, None)[0].truth
    assert truth is not None
    assert len(truth.particles) == 468
    assert np.all(truth.particles.charge == 0)
    assert np.all(np.hypot(truth.particles.px, truth.particles.py) > 0)


def test_without_truth_and_cells(trackml: Path) -> None:
    for kind in ("truth", "cells"):
        (trackml / f"event000000001-{kind}.csv").unlink()
    event = open_events(trackml, None)[0]
    assert event.truth is None, "particles alone do not say who made a hit"
    assert event.hits.deposits is None


def test_windows_line_ends_and_byte_order_mark(trackml: Path, assert_same) -> None:
    before = open_events(trackml, None)[0]
    for file in trackml.iterdir():
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert_same(open_events(trackml, None)[0], before)


def test_columns_in_another_order_and_more_of_them(trackml: Path, assert_same) -> None:
    before = open_events(trackml, None)[0]
    file = trackml / "event000000001-hits.csv"
    table = [line.split(",") for line in file.read_text().splitlines()]
    lines = [",".join([*fields[::-1], "note" if row == 0 else "x"]) for row, fields in enumerate(table)]
    file.write_text("\n".join(lines) + "\n")
    assert_same(open_events(trackml, None)[0], before)


def test_truth_must_cover_every_hit(trackml: Path) -> None:
    file = trackml / "event000000001-truth.csv"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(BadInput, match=r"truth\.csv: no row for hit \d+ \(1 such hits"):
        open_events(trackml, None)[0]
