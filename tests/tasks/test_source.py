"""Moving and turning detector, source, field and hits together changes nothing, whatever the task."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gnnreco.bundle import default_bundles, load_bundle, load_task
from gnnreco.columns import Clusters, Event, Floats, Tracks
from gnnreco.geometry import Detector, list_detectors, load_detector
from gnnreco.models.trigger.network import TriggerNetworkConfig
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.trigger.inputs import InputConfig
from gnnreco.tasks.trigger.task import TriggerConfig, TriggerTask

MUONS = SimulationOptions(particle="muon", energy=(2.0, 5.0), count=5)
PIONS = SimulationOptions(particle="pion", energy=(0.5, 3.0), count=4, eta=(-0.5, 0.5))
SHOWERS = SimulationOptions(particle="photon,pion", energy=(5.0, 30.0), count=3)
REGIONS = TriggerNetworkConfig(
    kind="nodes", messages="senders", slots=6, edge_layers=(4,), node_layers=(3,), head_layers=(4,), outputs=2
)
SECTORS = TriggerNetworkConfig(
    kind="edges", slots=12, groups=3, edge_layers=(4,), node_layers=(3,), head_layers=(4,), outputs=1
)
#: What is reconstructed by which bundle, from which events.
RECONSTRUCTED = {
    "tracking": ("tracking-telescope", "telescope", "beam", MUONS),
    "clustering": ("showers-any", "voronoi", "gun", SHOWERS),
    "density": ("clusters-density", "voronoi", "gun", SHOWERS),
    "drift": ("tpc", "tpc", "gun", PIONS),
}
motions = st.tuples(
    st.integers(0, 1000).map(lambda seed: Rotation.random(random_state=seed).as_matrix()),
    st.lists(st.floats(-2000, 2000), min_size=3, max_size=3).map(np.array),
)


@dataclass(frozen=True)
class Motion:
    """``moved = turn @ place + shift``."""

    turn: Floats
    shift: Floats

    def points(self, x: Floats, y: Floats, z: Floats) -> dict[str, Floats]:
        """Moved positions by name."""
        return dict(zip("xyz", (np.stack([x, y, z], axis=1) @ self.turn.T + self.shift).T, strict=True))

    def event(self, event: Event) -> Event:
        """An event elsewhere; without truth."""
        hits = event.hits
        return replace(
            event, hits=replace(hits, **self.points(hits.x, hits.y, hits.z)), truth=None, collections=None
        )


@cache
def made(detector: str, process: str, options: SimulationOptions) -> tuple[Detector, tuple[Event, ...]]:
    """A detector and two events in it."""
    there = load_detector(detector)
    return there, tuple(simulate(there, process, 2, seed=4, options=options))


@pytest.mark.parametrize("what", RECONSTRUCTED)
@given(motion=motions)
@settings(max_examples=2)
def test_moving_everything_changes_nothing(what: str, motion: tuple[Floats, Floats]) -> None:
    bundle, name, process, options = RECONSTRUCTED[what]
    detector, events = made(name, process, options)
    away = Motion(*motion)
    moved = detector.moved(away.turn, away.shift)
    here, there = (load_task(load_bundle(bundle), d, any_detector=True) for d in (detector, moved))
    for event in events:
        found, again = here.reconstruct(event), there.reconstruct(away.event(event))
        assert len(found) > 0
        same_hits(found, again)
        if isinstance(found, Tracks):
            for column in ("d0", "z0", "phi", "theta", "q_over_p", "chi2"):
                np.testing.assert_allclose(
                    getattr(again, column), getattr(found, column), rtol=1e-6, atol=1e-6
                )
        else:
            np.testing.assert_allclose(again.energy, found.energy, rtol=1e-5)
            for axis, place in away.points(found.x, found.y, found.z).items():
                np.testing.assert_allclose(getattr(again, axis), place, atol=1e-6)
            np.testing.assert_allclose(again.axis, found.axis @ away.turn.T, atol=1e-6)


def same_hits(one: Tracks | Clusters, two: Tracks | Clusters) -> None:
    """The same sets of hits; of samples at one radius any may be the first of a track."""
    assert (one.offsets == two.offsets).all()
    owner = np.repeat(np.arange(len(one)), np.diff(one.offsets))
    first, second = (found.hit_index[np.lexsort((found.hit_index, owner))] for found in (one, two))
    assert (first == second).all()


@pytest.mark.parametrize("name", list_detectors())
@given(motion=motions)
@settings(max_examples=1)
def test_showers_are_the_same_in_every_calorimeter_that_is_moved(
    name: str, motion: tuple[Floats, Floats]
) -> None:
    if not any("energy" in s.measures for s in load_detector(name).subsystems):
        return
    detector, events = made(name, "gun", SHOWERS)
    away = Motion(*motion)
    moved = detector.moved(away.turn, away.shift)
    own = {bundle for bundle in default_bundles(detector) if bundle.startswith(("clusters-", "showers-"))}
    for bundle in sorted(own | {"clusters-density", "showers-any"}):
        here, there = (load_task(load_bundle(bundle), d, any_detector=True) for d in (detector, moved))
        for event in events:
            found, again = here.reconstruct(event), there.reconstruct(away.event(event))
            same_hits(found, again)
            np.testing.assert_allclose(again.energy, found.energy, rtol=1e-5)


@given(motion=motions)
@settings(max_examples=2)
def test_moving_everything_changes_no_buffer_of_a_trigger(
    motion: tuple[Floats, Floats],
) -> None:
    inputs = {
        "sectors": (InputConfig("sectors", 3), SECTORS, "trackml", replace(PIONS, count=20)),
        "regions": (InputConfig("regions", 3), REGIONS, "voronoi", SHOWERS),
    }
    away = Motion(*motion)
    for source, network, name, options in inputs.values():
        detector, events = made(name, "gun", options)
        config = TriggerConfig(input=source, network=network)
        moved = detector.moved(away.turn, away.shift)
        here, there = (TriggerTask.from_config(config, d) for d in (detector, moved))
        one, two = here.buffers(events[0]), there.buffers(away.event(events[0]))
        assert len(one.x) > 0
        assert (one.valid == two.valid).all()
        np.testing.assert_allclose(one.x, two.x, atol=1e-6)


@given(motion=motions)
@settings(max_examples=2)
def test_a_moved_detector_gets_moved_events(motion: tuple[Floats, Floats]) -> None:
    for name, process, options in (("telescope", "beam", MUONS), ("voronoi", "gun", SHOWERS)):
        detector, events = made(name, process, options)
        away = Motion(*motion)
        moved = list(simulate(detector.moved(away.turn, away.shift), process, 2, seed=4, options=options))
        for one, two in zip(events, moved, strict=True):
            assert (one.hits.sensor == two.hits.sensor).all()
            np.testing.assert_allclose(two.hits.xyz, away.event(one).hits.xyz, atol=1e-6)
            assert one.truth is not None
            assert two.truth is not None
            p, q = one.truth.particles, two.truth.particles
            for axis, place in away.points(p.vx, p.vy, p.vz).items():
                np.testing.assert_allclose(getattr(q, f"v{axis}"), place, atol=1e-6)
            momentum = np.stack([p.px, p.py, p.pz], axis=1) @ away.turn.T
            np.testing.assert_allclose(np.stack([q.px, q.py, q.pz], axis=1), momentum, atol=1e-9)
