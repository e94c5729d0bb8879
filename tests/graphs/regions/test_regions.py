"""Hits are counted in the region and at the depth where they lie, in any detector that ships."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.columns import Hits
from gnnreco.errors import BadConfig
from gnnreco.geometry import load_detector
from gnnreco.graphs.regions import FEATURES, KINDS, RegionConfig, RegionFrame, regions_of
from gnnreco.graphs.regions.totals import (
    BY_ENERGY,
    BY_HITS,
    BY_IONISATION,
    BY_LATENESS,
    HARDEST,
    TOTALS,
    totals_of,
)
from gnnreco.tasks.anomaly.explain import attribution_of
from gnnreco.tasks.anomaly.levels.hits import HITS


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


def test_every_total_is_of_one_way_to_take_part() -> None:
    ways = [*BY_ENERGY, *BY_HITS, *BY_IONISATION, *HARDEST, BY_LATENESS]
    assert sorted(ways) == list(range(len(TOTALS)))


def test_the_hardest_region_is_so_by_transverse_energy_and_its_hits_have_its_part(frame: RegionFrame) -> None:
    detector = load_detector("clic_ecal").at_source()
    eta = np.abs(np.arcsinh(detector.center[:, 2] / np.hypot(*detector.center[:, :2].T)))
    sensor = np.array([np.argmin(eta), np.argmax(np.where(np.isfinite(eta), eta, 0.0))], np.int32)
    x, y, z = (
        detector.center[sensor] + 0.25 * detector.rotation[sensor, :, 0] * detector.half_u[sensor, None]
    ).T
    # The forward hit has more energy, the central one more across the axis.
    energy = np.array([1.0, 1.5]) * frame.fraction[sensor]
    regions = regions_of(frame, Hits(np.arange(2), x, y, z, sensor, energy=energy))
    assert regions.transverse[regions.region[0]] > regions.transverse[regions.region[1]] > 0
    contributions = np.zeros(len(HITS.columns))
    contributions[HARDEST[0]] = 7.0
    none = np.zeros(2, bool)
    shares = attribution_of(regions, np.zeros((frame.n_regions, 6)), contributions, none, none)
    assert shares == pytest.approx([7.0, 0.0])
