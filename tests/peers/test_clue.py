"""CLUE on points whose clusters are known by hand: seeds, followers, outliers, layers, layers that close around the beam."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate

pytestmark = pytest.mark.slow  # a peer of the benches, with kernels that nothing else compiles
PEERS = Path(__file__).parents[2] / "scripts" / "peers"


def peer(name: str) -> ModuleType:
    """A module of scripts/peers, which is no package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, PEERS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


clue, cells_of, showers = peer("clue"), peer("shower_cells"), peer("clue_showers")


def points(s: list[float], energy: list[float], layer: list[int] | None = None, period: float = 0.0) -> Any:
    """Points on a line, with a critical distance of 1 mm."""
    n = len(s)
    rows = np.array(layer or [0] * n, np.int64)
    layers = int(rows.max(initial=0)) + 1
    return clue.Points(
        np.array(s, float),
        np.zeros(n),
        np.zeros(n),
        rows,
        np.array(energy, float),
        np.ones(n),
        np.zeros(layers, np.int64),
        np.full(layers, period),
    )


def labels(found: Any) -> list[int]:
    return found[0].tolist()


def run(at: Any, density: float = 2.0, **settings: Any) -> Any:
    return clue.clue(at, np.ones(len(at.s)), clue.ClueConfig(density, **settings))


def test_density_is_the_energy_and_half_of_what_lies_within_the_critical_distance() -> None:
    _, density = run(points([0, 1, 2.5], [4, 2, 8]))
    assert density.tolist() == [4 + 1, 2 + 2, 8]


def test_two_peaks_and_what_lies_between() -> None:
    at = points([0, 0.9, 1.8, 2.7, 3.55, 4.5, 5.4], [0, 1, 6, 2.5, 1, 2, 8])
    found, density = run(at)
    assert density.tolist() == [0.5, 4, 7.75, 6, 3.25, 6.5, 9]
    assert found.tolist() == [1, 1, 1, 1, 1, 0, 0]


def test_a_thin_point_far_from_all_is_an_outlier_and_a_near_one_a_follower() -> None:
    at = points([0, 1.5, 3.6], [10, 1.1, 1])
    assert labels(run(at, outlier=2.0)) == [0, 0, -1]
    assert labels(run(at, outlier=1.2)) == [0, -1, -1]
    assert labels(run(at, outlier=2.5)) == [0, 0, 0]


def test_a_dense_point_is_a_seed_only_where_the_next_higher_one_is_far() -> None:
    at = points([0, 1.5], [10, 5])
    assert labels(run(at)) == [0, 1]
    assert labels(run(at, separation=1.6)) == [0, 0]
    assert labels(run(at, density=20.0)) == [-1, -1]


def test_of_equal_points_the_later_is_higher() -> None:
    assert labels(run(points([0, 0.5], [3, 3]))) == [0, 0]
    assert labels(run(points([0, 1.5], [3, 3]))) == [1, 0]


def test_layers_are_apart_unless_they_are_spanned() -> None:
    at = points([0, 0, 0], [3, 5, 4], layer=[0, 1, 3])
    assert labels(run(at)) == [2, 0, 1]
    assert labels(run(at, span=1)) == [0, 0, 1]
    assert labels(run(at, span=2)) == [0, 0, 0]
    apart = at._replace(stack=np.array([0, 0, 1, 1]))
    assert labels(run(apart, span=3)) == [0, 0, 1]
    assert labels(run(at._replace(depth=np.array([0, 0.9, 1.8])), span=3)) == [0, 0, 0]
    assert labels(run(at._replace(depth=np.array([0, 0.9, 2.1])), span=3)) == [0, 0, 1]


def test_of_one_layer_only_others_count_where_own_is_off() -> None:
    at = points([0, 0.1, 0.2], [5, 4, 6], layer=[0, 0, 1])
    found = run(at, span=1, own=False)
    assert found[1].tolist() == [5 + 3, 4 + 3, 6 + 4.5]
    assert labels(found) == [0, 0, 0]
    assert labels(run(at, span=1, own=False, self_density=0.6)) == [-1, -1, -1]  # 6 / 10.5 is less


def test_a_layer_that_closes_is_searched_over_its_end() -> None:
    at = points([4.7, -4.8, 0.0], [5, 4, 3], period=10.0)
    assert labels(run(at)) == [0, 0, 1]
    assert labels(run(points([4.7, -4.8, 0.0], [5, 4, 3], period=100.0))) == [0, 1, 2]


def test_tiles_change_nothing() -> None:
    rng = np.random.default_rng(0)
    n = 400
    s, t = rng.uniform(-10, 10, (2, n))
    energy, layer = rng.exponential(1.0, n), rng.integers(0, 3, n)
    at = clue.Points(s, t, np.zeros(n), layer, energy, np.full(n, 1.3), np.zeros(3, np.int64), np.zeros(3))
    found, density = run(at)
    apart = np.hypot(s[:, None] - s, t[:, None] - t)
    apart[layer[:, None] != layer] = np.inf
    near = (apart <= 1.3) & ~np.eye(n, dtype=bool)
    np.testing.assert_allclose(density, energy + 0.5 * near @ energy)
    higher = np.where(density[:, None] < density, apart, np.inf)
    seeds = (density >= 2) & (higher.min(axis=1) > 1.3)
    lost = (density < 2) & (higher.min(axis=1) > 2.6)
    follows = np.where(seeds | lost, np.arange(n), higher.argmin(axis=1))
    for _ in range(n):
        follows = follows[follows]
    same = np.where(lost[follows], -1, follows)
    pairs = np.unique(np.stack([found, same]), axis=1)
    assert len(pairs.T) == len(np.unique(found)) == len(np.unique(same))


def test_no_points() -> None:
    assert labels(run(points([], [])._replace(stack=np.zeros(2, np.int64), period=np.zeros(2)))) == []


@pytest.mark.parametrize(("name", "eta"), [("hgcal", (1.9, 2.4)), ("clic_ecal", (-0.6, 0.6))])
def test_a_photon_is_one_shower_linked_or_in_volume(name: str, eta: tuple[float, float]) -> None:
    detector = load_detector(name)
    calorimeter = cells_of.Calorimeter.of(detector)
    options = SimulationOptions(particle="photon", energy=(40.0, 40.0), eta=eta)
    layer, link = showers.LayerConfig(0.6, 1.3, 3.0), showers.LinkConfig(0.9)
    for event in simulate(detector, "gun", 3, seed=3, options=options):
        cells = calorimeter.cells(event)
        volume = showers.VolumeConfig(0.8, 1.5, 9.0, 4.0)
        for label in (
            showers.clue_linked(cells, calorimeter, layer, link),
            showers.clue_volume(cells, calorimeter, volume),
        ):
            energy = calorimeter.clusters(cells, label).energy
            assert energy[0] > 0.75 * cells.graph.energy.sum()
