"""What cylinders without sensors scatter is in the errors of a fit, wherever they stand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats
from gnnreco.fit.propagate import perigee
from gnnreco.fit.trackfit import fit_tracks
from gnnreco.geometry import Detector, load_detector
from gnnreco.geometry.subsystem import PassiveCylinder
from gnnreco.simulate import SimulationOptions, simulate

DIAGONAL = [0, 2, 5, 9, 14]

PIPE = PassiveCylinder("pipe", 20.0, 3000.0, 0.04, 0.0)
SUPPORT = PassiveCylinder("support", 215.0, 3000.0, 0.08, 0.0)


def tracker(passive: tuple[PassiveCylinder, ...]) -> Detector:
    """One in which services belong to sensors, with these cylinders."""
    detector = load_detector("trackml")
    alone = tuple(replace(part, shared_material=None) for part in detector.subsystems)
    return replace(detector, subsystems=alone, passive=passive)


def muons(detector: Detector) -> Event:
    options = SimulationOptions(
        count=500, energy=(1.0, 3.0), eta=(-1, 1), particle="muon", radiation=False, nuclear=False
    )
    return next(iter(simulate(detector, "gun", seed=6, options=options)))


def widths(detector: Detector, event: Event) -> Floats:
    """Half the width of the central 68 % of the pulls of true hit lists, of each parameter."""
    assert event.truth is not None
    truth, p = event.truth, event.truth.particles
    good = (np.bincount(truth.particle, minlength=len(p)) >= 8)[truth.particle]
    hit, particle = truth.hit[good], truth.particle[good]
    order = np.lexsort((np.linalg.norm(event.hits.xyz[hit], axis=1), particle))
    rows, counts = np.unique(particle, return_counts=True)
    offsets = np.append(0, np.cumsum(counts))
    fit = fit_tracks(detector, event.hits, offsets, hit[order], energy_loss=True, mass=0.10566)
    true = perigee(
        np.stack([p.vx, p.vy, p.vz], 1), np.stack([p.px, p.py, p.pz], 1), p.charge, detector.field
    )[rows]
    good = fit.valid
    pulls = (fit.parameters[good] - true[good]) / np.sqrt(fit.covariance[good][:, DIAGONAL])
    low, high = np.percentile(pulls, [15.87, 84.13], axis=0)
    return np.asarray((high - low) / 2)


@pytest.mark.parametrize("passive", [(PIPE,), (PIPE, SUPPORT), ()])
def test_errors_hold_what_cylinders_scatter(passive: tuple[PassiveCylinder, ...]) -> None:
    detector = tracker(passive)
    event = muons(detector)
    found = widths(detector, event)
    assert (found > 0.8).all()
    assert (found < 1.25).all()
    if passive:
        unknown = widths(replace(detector, passive=()), event)
        assert unknown.max() > 1.2 * found.max()
        assert (unknown > found - 0.01).all()


@pytest.mark.parametrize(
    "radius", [195.0, 215.0, 240.0]
)  # the sensors before and behind are at 172 and 260 mm
def test_a_thick_cylinder_kinks_tracks_where_it_stands(radius: float) -> None:
    thick = replace(SUPPORT, radius=radius, radiation_lengths=0.5)
    detector = tracker((thick,))
    found = widths(detector, muons(detector))
    assert (found > 0.9).all()
    assert (found < 1.2).all()  # as a part of the nearer sensor it made errors of q/p too small by 1.2 to 1.4


def test_errors_do_not_depend_on_where_a_detector_stands() -> None:
    short = replace(PIPE, half_length=100.0)
    detector = tracker((short, replace(SUPPORT, half_length=600.0)))
    moved = detector.moved(np.eye(3), np.array([0.0, 0.0, 700.0]))
    hits, truth = (event := muons(detector)).hits, event.truth
    assert truth is not None
    long = np.bincount(truth.particle, minlength=len(truth.particles)) >= 8
    order = np.lexsort((np.linalg.norm(hits.xyz[truth.hit], axis=1), truth.particle))
    order = order[long[truth.particle[order]]]
    offsets = np.append(0, np.cumsum(np.unique(truth.particle[order], return_counts=True)[1]))
    here, there = (
        fit_tracks(d, replace(hits, z=hits.z + z), offsets, truth.hit[order])
        for d, z in ((detector, 0.0), (moved, 700.0))
    )
    assert here.valid.mean() > 0.9
    np.testing.assert_allclose(there.covariance, here.covariance, rtol=1e-3, atol=1e-12)


def test_cylinders_that_end_before_the_track_change_nothing() -> None:
    detector = tracker(())
    short = replace(detector, passive=(replace(PIPE, half_length=1e-3), replace(SUPPORT, half_length=1e-3)))
    event = muons(detector)
    assert np.array_equal(widths(detector, event), widths(short, event))


def overlapping(tracks: int = 40) -> tuple[Event, NDArray[np.int64], NDArray[np.int64]]:
    """Tracks of trackml with a layer of which they cross two sensors; their offsets and hits, outwards."""
    detector = load_detector("trackml")
    event = muons(detector)
    assert event.truth is not None
    truth, layer = event.truth, detector.layer[event.hits.sensor]
    offsets, index = [0], []
    for particle in np.unique(truth.particle):
        hit = truth.hit[truth.particle == particle]
        hit = hit[np.argsort(np.linalg.norm(event.hits.xyz[hit], axis=1))]
        if len(hit) >= 8 and (np.diff(layer[hit]) == 0).any():
            index.append(hit)
            offsets.append(offsets[-1] + len(hit))
    return event, np.array(offsets[: tracks + 1]), np.concatenate(index[:tracks])


def test_services_of_a_layer_scatter_once() -> None:
    detector = load_detector("trackml")
    event, offsets, index = overlapping()
    alone = tracker(detector.passive)
    once, twice = (fit_tracks(d, event.hits, offsets, index) for d in (detector, alone))
    assert (once.covariance[:, DIAGONAL[3]] < 0.95 * twice.covariance[:, DIAGONAL[3]]).mean() > 0.3
    # The same written down sensor by sensor, for a track at a time: the inner one of two has no services.
    for first, last in itertools.pairwise(offsets[:6]):
        sensor = event.hits.sensor[index[first:last]]
        lengths = detector.shared_radiation_lengths[:, 0].copy()
        inner = sensor[:-1][np.diff(detector.layer[sensor]) == 0]
        lengths[inner] = detector.shared_radiation_lengths[inner, 1]
        told = replace(alone, radiation_lengths=lengths)
        here, there = (
            fit_tracks(d, event.hits, np.array([0, last - first]), index[first:last])
            for d in (detector, told)
        )
        np.testing.assert_array_equal(here.covariance, there.covariance)


def test_pulls_are_as_wide_where_sensors_overlap() -> None:
    found = widths(load_detector("trackml"), muons(load_detector("trackml")))
    assert (found > 0.85).all()
    assert (found < 1.2).all()
