"""The first look at unknown data: showers found without a detector, and what is odd about the hits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import Event, Hits
from gnnreco.events import open_events
from gnnreco.events.readers.display.ispy import column, read_event
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.explore import explore

DISPLAYS = Path(__file__).parents[3] / "examples" / "displays"


def blobs(middles: list[tuple[float, float]], seed: int = 1) -> Event:
    """Showers on a plane of cells of 10 mm, 2 m away, among cells of noise."""
    chance = np.random.default_rng(seed)
    x, y = (a.ravel() for a in np.meshgrid(np.arange(-300, 301, 10.0), np.arange(-300, 301, 10.0)))
    energy = chance.exponential(0.01, len(x))
    for cx, cy in middles:
        energy += 5 * np.exp(-np.hypot(x - cx, y - cy) / 8)
    keep = energy > 0.01
    hits = Hits(
        np.arange(keep.sum()),
        x[keep],
        y[keep],
        np.full(keep.sum(), 2000.0),
        np.full(keep.sum(), -1, np.int32),
        energy=energy[keep],
    )
    return Event(1, "blobs", hits)


def test_two_showers_on_a_plane() -> None:
    view = explore(blobs([(-100, 40), (150, -60)]))
    large = view.clusters.energy > 1
    assert large.sum() == 2
    np.testing.assert_allclose(sorted(view.clusters.x[large]), [-100, 150], atol=2)
    np.testing.assert_allclose(view.extent[large], 13, atol=6)
    assert np.isnan(view.clusters.energy_sigma).all()
    assert (np.diff(view.clusters.energy) <= 0).all()
    assert view.parts == ("hits",)


def test_no_unit_matters() -> None:
    event = blobs([(-100, 40), (150, -60)])
    h = event.hits
    assert h.energy is not None
    large = replace(event, hits=replace(h, x=1e3 * h.x, y=1e3 * h.y, z=1e3 * h.z, energy=1e-3 * h.energy))
    one, two = explore(event).clusters, explore(large).clusters
    np.testing.assert_array_equal(one.hit_index, two.hit_index)
    np.testing.assert_allclose(one.energy, 1e3 * two.energy)


def test_photons_in_a_detector_that_is_not_told() -> None:
    """Ten photons in a calorimeter of many layers, of which only the hits are known."""
    detector = load_detector("hgcal")
    options = SimulationOptions(particle="photon", energy=(20.0, 50.0), count=10, eta=(1.7, 2.7))
    event = next(iter(simulate(detector, "gun", 1, seed=3, options=options)))
    bare = replace(
        event, hits=replace(event.hits, sensor=np.full(len(event.hits), -1, np.int32), deposits=None)
    )
    view, told = explore(bare), explore(event, detector)
    assert bare.hits.energy is not None
    assert view.clusters.energy[:10].sum() > 0.85 * bare.hits.energy.sum()
    assert told.parts == ("silicon", "scintillator")
    near = np.hypot(*(getattr(view.clusters, k)[:, None] - getattr(told.clusters, k)[:8] for k in "xy")).min(
        axis=0
    )
    assert (near < 30).sum() >= 6


def test_superclusters_of_cms_are_there() -> None:
    """Every supercluster over 20 GeV that CMS found has a cluster of two thirds of its energy, or more."""
    event = open_events(DISPLAYS / "cms_met_2012.ig", None)[0]
    view = explore(event)
    name = "Events/Run_202209/Event_20657260"
    content = read_event(DISPLAYS / "cms_met_2012.ig", name)
    names = [str(c) for c, _ in content["Types"]["SuperClusters_V1"]]
    rows = content["Collections"]["SuperClusters_V1"]
    pos, raw = (column(Path(), name, names, rows, c, w) for c, w in (("pos", 3), ("rawEnergy", 1)))
    middle = np.stack([view.clusters.x, view.clusters.y, view.clusters.z], axis=1)
    way = middle / np.linalg.norm(middle, axis=1)[:, None]
    wanted = np.flatnonzero(raw[:, 0] > 20)
    assert len(wanted) > 0
    for row in wanted:
        near = way @ (pos[row] / np.linalg.norm(pos[row])) > np.cos(0.05)
        assert view.clusters.energy[near].max(initial=0) > 0.66 * raw[row, 0]


def test_what_is_odd_is_counted() -> None:
    event = blobs([(0, 0)])
    h = event.hits
    assert h.energy is not None
    energy = h.energy.copy()
    energy[:6] = [np.nan, np.inf, -1.0, -2.0, -3.0, 0.0]
    x, time = h.x.copy(), np.zeros(len(h))
    x[10], time[20] = np.nan, np.nan
    x[12], y = x[13], h.y.copy()
    y[12] = y[13]
    odd = explore(replace(event, hits=replace(h, x=x, y=y, energy=energy, time=time))).odd
    assert odd["hits without a finite position"] == 1
    assert odd["hits at the place of another of their part"] == 1
    assert odd["energies that are no number"] == 2
    assert odd["energies below zero"] == 3
    assert odd["energies of exactly zero"] == 1
    assert odd["times that are no number"] == 1


@pytest.mark.parametrize("n", [0, 1, 3])
def test_hits_without_energy_and_few_hits(n: int) -> None:
    hits = Hits(np.arange(n), *np.ones((3, n)) * np.arange(n), np.full(n, -1, np.int32))
    for energy in (None, np.ones(n)):
        view = explore(Event(1, "few", replace(hits, energy=energy)))
        assert len(view.clusters) == (0 if energy is None else len(view.clusters))
        assert np.isfinite(view.extent).all()
