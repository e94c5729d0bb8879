"""The crystals of Belle II: how many there are, what they cover, and which are neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from gnnreco.columns import Event, Hits
from gnnreco.geometry import Detector, load_detector, neighbours_of
from gnnreco.graphs.showers.cells import CellGraphConfig, build_cell_graph
from gnnreco.graphs.showers.frame import CellFrame

RING = 144  # crystals of a ring of the barrel


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("belle2_ecl")


def row(detector: Detector, ring: int, place: int) -> int:
    """The sensor of a crystal by its ring and its place there."""
    found = (detector.labels["theta_id"] == ring) & (detector.labels["phi_id"] == place % RING)
    return int(np.flatnonzero(found)[0])


def test_the_crystals_and_their_numbers(detector: Detector) -> None:
    ring = detector.labels["theta_id"]
    count = np.bincount(ring)
    assert (count[:13].sum(), count[13:59].sum(), count[59:].sum()) == (1152, 6624, 960)
    assert detector.sensor_id.tolist() == list(range(1, 8737))
    assert (np.diff(ring) >= 0).all()
    assert set(count) == {48, 64, 96, 144}
    assert detector.n_layers == 1
    np.testing.assert_allclose(np.unique(detector.radiation_lengths), [16.13])


def test_they_cover_nine_tenths_of_the_directions(detector: Detector) -> None:
    way = np.random.default_rng(3).standard_normal((20_000, 3))
    distance = np.linalg.norm(detector.center, axis=1)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    close = cKDTree(detector.center / distance[:, None]).query(way, k=4)[1]
    met = np.zeros(len(way), bool)
    for sensor in close.T:
        normal = detector.rotation[sensor, :, 2]
        path = np.einsum("ni,ni->n", normal, detector.center[sensor]) / np.einsum("ni,ni->n", normal, way)
        local = detector.to_local(sensor, way * path[:, None])
        met |= (detector.cell_at(sensor, local[:, 0], local[:, 1]) >= 0) & (path > 0)
    theta = np.degrees(np.arccos(way[:, 2]))
    parts = ((12.5, 31.0), (32.5, 128.3), (131.0, 155.0))
    inside = np.logical_or.reduce([(low < theta) & (theta < high) for low, high in parts])
    assert met[inside].mean() > 0.96  # the rest goes between the walls
    assert met[~inside].mean() < 0.15  # and this is within half a degree of the rims
    assert met.mean() == pytest.approx(0.90, abs=0.01)


def test_crystals_touch_the_eight_around_them(detector: Detector) -> None:
    for place in (0, 60, RING - 1):
        mine = row(detector, 35, place)
        _, found = neighbours_of(detector, detector.cell_id([mine], [0]), gap=25.0)
        around = {row(detector, 35 + i, place + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} - {mine}
        assert set((found >> np.uint64(32)).astype(int).tolist()) == around


@pytest.mark.parametrize("ring", [3, 13, 14, 20, 35, 42, 57, 64])
def test_graphs_of_showers_join_crystals_set_back_along_their_axes(detector: Detector, ring: int) -> None:
    """The middles of crystals at the ends of the barrel lie up to 8 cm before those of the next ring."""
    rings = [i for i in (ring - 1, ring, ring + 1) if (i < 13) == (ring < 13) and (i < 59) == (ring < 59)]
    chosen = np.flatnonzero(np.isin(detector.labels["theta_id"], rings)).astype(np.int32)
    n = len(chosen)
    hits = Hits(np.arange(n), *detector.center[chosen].T, chosen, energy=np.full(n, 0.05))
    config = CellGraphConfig(threshold=0.0, reach=1.5)
    graph = build_cell_graph(config, detector, CellFrame.of(detector), Event(0, "all", hits))
    own = np.flatnonzero(detector.labels["theta_id"][chosen] == ring)
    for i in own:
        others = detector.labels["theta_id"][chosen[graph.neighbour[graph.offsets[i] : graph.offsets[i + 1]]]]
        assert (others == ring).sum() == 2
        assert {int(other) for other in others} == set(rings)
