"""The fit in field maps: the cases that it got wrong, and what no field can tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import Floats
from gnnreco.events import open_events
from gnnreco.fit.trackfit import UNMEASURED, fit_tracks
from gnnreco.geometry import ConstantField, Detector, MapField, load_detector
from gnnreco.simulate import SimulationOptions, simulate

CASE = Path(__file__).parents[1] / "corpus" / "field-map-not-at-origin"
GUN = SimulationOptions(particle="muon", energy=(1.0, 1.2), count=4, eta=(3.5, 4.0))


def fitted(detector: Detector, events: object) -> tuple[Floats, Floats, Floats]:
    """q/p of the fit, its error and the truth, for particles with six hits or more."""
    rows = []
    for event in events:  # type: ignore[attr-defined]
        p = event.truth.particles
        for k in range(len(p)):
            hit = event.truth.hit[event.truth.particle == k]
            if len(hit) < 6:
                continue
            hit = hit[np.argsort(event.hits.z[hit])]
            fit = fit_tracks(detector, event.hits, np.array([0, len(hit)]), hit)
            assert fit.valid[0]
            true = p.charge[k] / np.sqrt(p.px[k] ** 2 + p.py[k] ** 2 + p.pz[k] ** 2)
            rows.append([fit.parameters[0, 4], np.sqrt(fit.covariance[0, 14]), true])
    found, error, true = np.array(rows).T
    return found, error, true


def test_a_map_that_does_not_hold_the_origin() -> None:
    detector = load_detector(CASE / "mapoff")
    found, error, true = fitted(detector, open_events(CASE / "events", detector))
    assert len(found) >= 4
    assert (found != 0).all()
    assert error.max() < 10  # these few lie almost along the field: 20 % for the best of them
    assert error.min() < 0.3
    assert np.abs((found - true) / error).max() < 3


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    """The dipole of the case with planes of 200 mm."""
    folder = tmp_path_factory.mktemp("wide")
    text = (CASE / "dipole" / "detector.yaml").read_text()
    (folder / "detector.yaml").write_text(text.replace("[800, 800]", "[4000, 4000]"))
    (folder / "field.csv").write_text((CASE / "dipole" / "field.csv").read_text())
    return load_detector(folder)


def test_a_dipole(wide: Detector) -> None:
    found, error, true = fitted(wide, simulate(wide, "gun", 20, 0, 7, GUN))
    assert len(found) > 20
    assert np.median(error / np.abs(true)) < 0.06
    assert np.sqrt(np.mean(((found - true) / error) ** 2)) == pytest.approx(1.0, abs=0.35)


def test_a_solenoid_that_falls_off_along_z(wide: Detector) -> None:
    side, z = np.array([-300.0, 300.0]), np.array([-700.0, 0.0, 700.0])
    tesla = np.zeros((2, 2, 3, 3))
    tesla[..., 2] = [2.0, 2.0, 0.6]
    detector = replace(wide, field=MapField((side, side, z), tesla))
    found, error, true = fitted(detector, simulate(detector, "gun", 12, 0, 4, replace(GUN, eta=(2.6, 2.9))))
    assert len(found) > 30
    assert np.median(found / true) == pytest.approx(1.0, abs=0.03)  # 0.66 with Bz of the origin
    assert np.sqrt(np.mean(((found - true) / error) ** 2)) == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize("strength", [0.0, 1e-5], ids=["empty map", "field of the Earth"])
def test_a_field_too_weak_to_tell_gives_straight_lines(strength: float) -> None:
    detector = load_detector(CASE / "dipole")
    ends = np.array([-1000.0, 1000.0])
    weak = replace(detector, field=MapField((ends, ends, ends), np.full((2, 2, 2, 3), strength)))
    event = next(iter(open_events(CASE / "events", detector)))
    hit = event.truth.hit[event.truth.particle == event.truth.particle[0]]  # type: ignore[union-attr]
    hit = hit[np.argsort(event.hits.z[hit])]
    none, fit = (
        fit_tracks(d, event.hits, np.array([0, len(hit)]), hit)
        for d in (replace(detector, field=ConstantField(0.0)), weak)
    )
    assert fit.parameters[0, 4] == 0
    assert fit.covariance[0, 14] == UNMEASURED
    assert fit.ndf[0] == none.ndf[0] == 2 * len(hit) - 4
    assert np.abs(fit.parameters - none.parameters).max() < 1e-6
    assert fit.chi2[0] == pytest.approx(none.chi2[0], abs=1e-6)
