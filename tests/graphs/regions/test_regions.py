"""Hits are counted in the region and at the depth where they lie, in any detector that ships."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.columns import Hits
from gnnreco.errors import BadConfig
from gnnreco.geometry import load_detector
from gnnreco.graphs.regions import FEATURES, KINDS, RegionConfig, RegionFrame, regions_of
from gnnreco.graphs.regions.totals import TOTALS, totals_of


@pytest.fixture(scope="module")
def frame() -> RegionFrame:
    return RegionFrame.of(load_detector("clic_ecal").at_source(), RegionConfig())


def test_shells_go_outwards() -> None:
    detector = load_detector("telescope").at_source()
    frame = RegionFrame.of(detector, RegionConfig(12))
    there = frame.shell[(frame.shell >= 0).any(1)]
    order = np.argsort(np.linalg.norm(detector.center, axis=1))
    shells = there[-1][detector.layer[order]]
    assert (np.diff(shells[shells >= 0]) >= 0).all()
    assert frame.layers.sum(1).max() <= detector.n_layers


def test_depth_grows_with_the_layers(frame: RegionFrame) -> None:
    detector = load_detector("clic_ecal").at_source()
    one_way = np.abs(detector.rotation[:, 2, 2]) < 0.5  # the barrel
    away = np.hypot(*detector.center[:, :2].T)
    order = np.argsort(away[one_way])
    parts = frame.part[one_way][order]
    assert parts[0] == 0
    assert parts[-1] > parts[0]


def test_energy_lands_where_it_lies(frame: RegionFrame) -> None:
    detector = load_detector("clic_ecal").at_source()
    sensor = np.array([0, 5, 10], np.int32)
    x, y, z = detector.center[sensor].T
    energy = np.array([0.001, 0.002, 0.004])
    regions = regions_of(frame, Hits(np.arange(3), x, y, z, sensor, energy=energy))
    assert regions.deposit == pytest.approx(energy / frame.fraction[sensor])
    assert regions.energy.sum() == pytest.approx(regions.deposit.sum())
    for k in range(3):
        assert regions.energy[regions.region[k]].sum() > 0
    cells = np.expm1(regions.features[:, FEATURES.index("cells")])
    assert cells.sum() == pytest.approx(3, rel=1e-5)


def test_hits_outside_every_sensor_are_in_no_region(frame: RegionFrame) -> None:
    hits = Hits(np.arange(2), *np.full((3, 2), 100.0), np.array([-1, -1], np.int32), energy=np.ones(2))
    regions = regions_of(frame, hits)
    assert (regions.region == -1).all()
    assert not regions.features.any()
    assert not totals_of(frame, regions).any()


def test_totals_see_a_lost_momentum(frame: RegionFrame) -> None:
    detector = load_detector("clic_ecal").at_source()
    sensor = np.array([0], np.int32)
    x, y, z = detector.center[sensor].T
    regions = regions_of(frame, Hits(np.arange(1), x, y, z, sensor, energy=np.array([0.1])))
    totals = dict(zip(TOTALS, totals_of(frame, regions), strict=True))
    assert totals["missing transverse energy"] == pytest.approx(totals["transverse energy"], rel=0.01)
    assert totals["second region"] == 0


def test_every_feature_is_of_one_kind() -> None:
    columns = [k for columns in KINDS.values() for k in range(len(FEATURES))[columns]]
    assert columns == list(range(len(FEATURES)))


def test_too_few_regions_are_refused() -> None:
    with pytest.raises(BadConfig, match="regions around"):
        RegionConfig(3)
