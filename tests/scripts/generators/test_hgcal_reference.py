"""How the showers of the CMS simulation were shot, and in which ring of cells their energy counts."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from gnnreco.geometry import load_detector

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture
def ours(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("hgcal_reference")


@pytest.fixture(scope="module")
def hgcal():
    return load_detector("hgcal")


def test_photons_spread_as_the_luminous_region_and_begin_between_layers(ours, hgcal):
    direction, start = ours.shots(hgcal, 4000)
    eta = np.arctanh(direction[:, 2])
    assert abs(eta - ours.ETA).max() <= ours.ETA_HALF
    before = start[:, 2] < ours.FRONT
    moved = start[before, 2] - ours.GUN  # half of a normal distribution
    assert before.mean() == pytest.approx(0.51, abs=0.03)
    assert np.sqrt((moved**2).mean()) == pytest.approx(ours.LUMINOUS, rel=0.05)
    away = start[:, 1] - start[:, 2] * ours.TOWARDS[1]
    assert away.std() == pytest.approx(np.hypot(ours.LUMINOUS / np.sinh(2.0), 9.2 / 3**0.5), rel=0.05)
    at_front = np.isclose(start[:, 2], ours.FRONT)
    behind = (start[:, 2] - ours.planes(hgcal)[:, None])[:, ~before & ~at_front]
    assert (np.where(behind > 0, behind, np.inf).min(axis=0) <= 0.3 + 1e-9).all()


def test_rings_count_from_the_mean_axis_and_the_nearest_cell_is_the_first(ours, hgcal):
    z = ours.planes(hgcal)
    assert (np.diff(z) > 0).all()
    for layer in (0, 7, 20):
        around = np.stack(np.meshgrid(*2 * [np.arange(-40.0, 41.0, 1.0)]), axis=-1).reshape(-1, 2)
        points = np.column_stack([around + z[layer] * ours.TOWARDS, np.full(len(around), z[layer])])
        _, center, _ = ours.cells_at(hgcal, points)
        center = np.unique(center.round(6), axis=0)
        ring = ours.rings(hgcal, np.full(len(center), layer), center)
        away = np.hypot(*(center[:, :2] - center[:, 2:] * ours.TOWARDS).T)
        assert (ring == 0).sum() == 1
        assert away[ring == 0] == pytest.approx(away.min())
        others = ring > 0
        assert (np.abs(away[others] / ours.PITCH - ring[others]) <= 0.5 + 1e-6).all()
