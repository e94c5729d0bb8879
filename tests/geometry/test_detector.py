"""The shipped detectors, and what any detector must answer."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gnnreco.errors import BadGeometry
from gnnreco.geometry import (
    Detector,
    check,
    first_cell,
    list_detectors,
    load_detector,
    neighbours,
    neighbours_of,
)

SHIPPED = ("hex_tracker", "telescope", "trackml")
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", params=SHIPPED)
def detector(request: pytest.FixtureRequest) -> Detector:
    return load_detector(request.param)


@pytest.fixture(scope="module")
def trackml() -> Detector:
    return load_detector("trackml")


def hits(detector: Detector, n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sensors, cells and positions (u, v) of random points on sensors."""
    random = np.random.default_rng(seed)
    sensor = random.integers(0, detector.n_sensors, 4 * n)
    uv = random.uniform(-1, 1, (4 * n, 2)) * np.stack([detector.half_u, detector.half_v], axis=1)[sensor]
    cell = detector.cell_at(sensor, uv[:, 0], uv[:, 1])
    kept = np.flatnonzero(cell >= 0)[:n]
    return sensor[kept], cell[kept], uv[kept]


def test_the_shipped_detectors_are_listed() -> None:
    assert set(SHIPPED) <= set(list_detectors())


def test_check_finds_nothing(detector: Detector) -> None:
    assert check(detector) == []


def test_an_unknown_name_says_what_is_known() -> None:
    with pytest.raises(BadGeometry, match="did you mean 'trackml'"):
        load_detector("trackmll")
    with pytest.raises(BadGeometry, match=r"there is .*, trackml"):
        load_detector("nothing_like_it")


def test_local_and_global_are_inverse(detector: Detector) -> None:
    sensor, _, uv = hits(detector, 500)
    local = np.column_stack([uv, np.full(len(uv), 0.02)])
    assert np.allclose(detector.to_local(sensor, detector.to_global(sensor, local)), local, atol=1e-9)
    assert np.allclose(detector.to_global(sensor, uv), detector.to_global(sensor, local * [1, 1, 0]))


def test_locate_finds_the_sensor(detector: Detector) -> None:
    sensor, _, uv = hits(detector, 2000)
    xyz = detector.to_global(sensor, uv)
    assert (detector.locate(xyz) == sensor).all()
    normal = detector.rotation[sensor][:, :, 2]
    assert (detector.locate(xyz + 2e5 * normal) == -1).all()
    assert detector.locate(np.full((1, 3), np.nan)).tolist() == [-1]
    assert detector.locate(np.zeros((0, 3))).shape == (0,)


def test_locate_stops_at_its_tolerance(detector: Detector) -> None:
    corner = detector.outline_corners()[detector.template[0], 0]
    beyond = corner * (1 + 0.5 / np.linalg.norm(corner))
    xyz = detector.to_global(np.array([0]), beyond[None])
    assert detector.locate(xyz, tolerance=0.01).tolist() == [-1] or detector.locate(xyz)[0] != 0
    assert detector.locate(xyz, tolerance=0.6)[0] >= 0


def test_cells_answer_through_the_detector(detector: Detector) -> None:
    sensor, cell, uv = hits(detector, 1000)
    local = detector.to_local(sensor, detector.cell_position(sensor, cell))
    assert (detector.cell_at(sensor, local[:, 0], local[:, 1]) == cell).all()
    size = detector.cell_size(sensor, cell)
    assert (np.abs(local[:, :2] - uv) <= size + 1e-9).all()
    corners = detector.cell_corners(sensor, cell)
    assert np.abs(corners - detector.cell_position(sensor, cell)[:, None]).max() <= size.max()
    packed = detector.cell_id(sensor, cell)
    again = detector.split_cell_id(packed)
    assert (again[0] == sensor).all()
    assert (again[1] == cell).all()
    nowhere = detector.split_cell_id(detector.cell_id([-1, 3], [-1, -1]))
    assert [column.tolist() for column in nowhere] == [[-1, 3], [-1, -1]]


@pytest.mark.parametrize("gap", [0.0, 0.7])
def test_neighbours_across_sensors_are_symmetric(detector: Detector, gap: float) -> None:
    sensor, cell, _ = hits(detector, 300)
    ids = np.unique(detector.cell_id(sensor, cell))
    offsets, found = neighbours_of(detector, ids, gap=gap)
    back_offsets, back = neighbours_of(detector, found, gap=gap)
    origin = np.repeat(ids, np.diff(offsets))
    row = np.repeat(np.arange(len(found)), np.diff(back_offsets))
    seen = np.zeros(len(found), bool)
    seen[row[back == origin[row]]] = True
    assert seen.all()
    assert not (found == origin).any()


def test_neighbours_across_an_edge() -> None:
    detector = load_detector("hex_tracker").select(np.arange(2316) < 60)  # one disk
    sensor, cell, _ = hits(detector, 20_000)
    offsets, found = neighbours_of(detector, detector.cell_id(sensor, cell), gap=0.7)
    origin = np.repeat(sensor, np.diff(offsets))
    other = detector.split_cell_id(found)[0]
    crossing = other != origin
    assert crossing.any()
    # Wafers are 119 mm across and 119.6 mm apart: at most a corner's diagonal further.
    apart = np.linalg.norm(detector.center[other[crossing]] - detector.center[origin[crossing]], axis=1)
    assert apart.max() < 120


def test_the_neighbour_table_of_a_whole_detector(trackml: Detector) -> None:
    with pytest.raises(ValueError, match="neighbours_of"):
        neighbours(trackml)
    few = trackml.select(np.isin(np.arange(trackml.n_sensors), np.flatnonzero(trackml.layer == 47)[:3]))
    offsets, indices = neighbours(few)
    assert len(offsets) == first_cell(few)[-1] + 1
    row = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    forward, backward = row * 10**6 + indices, indices * 10**6 + row
    assert (np.sort(forward) == np.sort(backward)).all()


@given(seeds)
@settings(max_examples=5, deadline=None)
def test_moving_everything_changes_nothing_inside(seed: int) -> None:
    detector = load_detector("hex_tracker")
    detector = detector.select(np.arange(detector.n_sensors) < 130)
    turn = Rotation.random(random_state=seed % 2**31).as_matrix()
    shift = np.random.default_rng(seed).uniform(-500, 500, 3)
    moved = detector.moved(turn, shift)
    sensor, cell, uv = hits(detector, 300, seed)
    xyz = detector.to_global(sensor, uv)
    assert np.allclose(moved.to_global(sensor, uv), xyz @ turn.T + shift)
    assert (moved.locate(xyz @ turn.T + shift) == sensor).all()
    ids = detector.cell_id(sensor, cell)
    for one, two in zip(
        neighbours_of(detector, ids, gap=0.65), neighbours_of(moved, ids, gap=0.65), strict=True
    ):
        assert (one == two).all()


@pytest.mark.parametrize("name", ["trackml", "clic_ecal", "tpc"])
def test_a_part_of_a_detector_keeps_what_is_known_of_its_sensors(name: str) -> None:
    whole = load_detector(name)
    keep = np.arange(whole.n_sensors) % 3 == 1
    part = whole.select(keep)
    for field in dataclasses.fields(Detector):
        column = getattr(whole, field.name)
        if isinstance(column, np.ndarray) and len(column) == whole.n_sensors:
            np.testing.assert_array_equal(getattr(part, field.name), column[keep], field.name)


def test_the_hash_knows_what_matters(trackml: Detector) -> None:
    assert trackml.hash == load_detector("trackml").hash
    assert len({load_detector(name).hash for name in SHIPPED}) == len(SHIPPED)
    fewer = trackml.select(np.arange(trackml.n_sensors) % 20 != 0)
    assert fewer.n_sensors == 17791
    assert fewer.n_layers == 48
    assert fewer.hash != trackml.hash == fewer.origin_hash
    shifted = fewer.misaligned(0.1, seed=3)
    assert shifted.hash == fewer.misaligned(0.1, seed=3).hash != fewer.misaligned(0.1, seed=4).hash
    assert shifted.origin_hash == trackml.hash
    assert np.std(shifted.center - fewer.center) == pytest.approx(0.1, rel=0.05)


def test_trackml_is_the_published_detector(trackml: Detector) -> None:
    assert (trackml.n_sensors, trackml.n_layers) == (18728, 48)
    assert trackml.field.bz == 2.0
    assert {"volume_id", "layer_id", "module_id", "acts_geometry_id"} <= set(trackml.labels)
    pairs = np.stack([trackml.labels["volume_id"], trackml.labels["layer_id"]], axis=1)
    assert len(np.unique(np.column_stack([pairs, trackml.layer]), axis=0)) == 48
    assert len(np.unique(trackml.labels["acts_geometry_id"])) == 18728
    # An ACTS geometry id carries volume (8 bits from 56) and layer (12 bits from 36).
    acts = trackml.labels["acts_geometry_id"]
    assert (acts >> 56 == pairs[:, 0]).all()
    assert ((acts >> 36) & 0xFFF == pairs[:, 1]).all()


@pytest.mark.slow
def test_loading_and_locating_are_fast(trackml: Detector) -> None:
    start = time.process_time()
    load_detector("trackml")
    assert time.process_time() - start < 0.3
    sensor, _, uv = hits(trackml, 100_000)
    xyz = trackml.to_global(sensor, uv)
    trackml.locate(xyz)
    start = time.process_time()
    trackml.locate(xyz)
    assert time.process_time() - start < 0.3


def test_every_shipped_detector_names_its_source() -> None:
    for name in SHIPPED:
        text = (Path(load_detector(name).folder) / "README.md").read_text()
        assert "Source" in text
        assert "Licence" in text
