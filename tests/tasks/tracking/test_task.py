"""Tracking with the models that ship: what it finds, and what must not change it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gnnreco.bundle import list_bundles, load_bundle, load_task
from gnnreco.columns import Deposits, Event, Hits, Tracks
from gnnreco.errors import OverBudget
from gnnreco.geometry import Detector, load_detector
from gnnreco.graphs import first_particle
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.tracking.task import TrackingTask

BUNDLES = tuple(name for name in list_bundles() if name.startswith("tracking-"))
NUMBERS = (
    "offsets",
    "hit_index",
    "d0",
    "z0",
    "phi",
    "theta",
    "q_over_p",
    "covariance",
    "chi2",
    "ndf",
    "score",
)


@dataclass(frozen=True)
class Setup:
    """A detector, its shipped model, and a way to make events for it."""

    detector: Detector
    task: TrackingTask
    process: str
    options: SimulationOptions

    def events(self, n: int = 4, seed: int = 11, **options: object) -> list[Event]:
        chosen = replace(self.options, **options)  # type: ignore[arg-type]
        return list(simulate(self.detector, self.process, events=n, seed=seed, options=chosen))


@cache
def setup(bundle: str) -> Setup:
    model = load_bundle(bundle)
    detector = load_detector(model.manifest["detector"]["name"])
    if detector.field.bz == 0:  # a test beam
        options = SimulationOptions(particle="pion", count=4, energy=(3.0, 6.0), beam_width=2.5)
        return Setup(detector, load_task(model, detector), "beam", options)
    options = SimulationOptions(count=15, energy=(3.0, 20.0))
    return Setup(detector, load_task(model, detector), "gun", options)


@pytest.fixture(params=BUNDLES)
def model(request: pytest.FixtureRequest) -> Setup:
    return setup(request.param)


@pytest.fixture(scope="module")
def hexagons() -> Setup:
    return setup("tracking-hex")


def picked(hits: Hits, rows: NDArray[np.int64]) -> Hits:
    """These hits, in this order."""
    columns = {
        name: getattr(hits, name)[rows]
        for name in ("hit_id", "x", "y", "z", "sensor", "var_u", "var_v", "time", "energy")
        if getattr(hits, name) is not None
    }
    if hits.deposits is not None:
        d, size = hits.deposits, np.diff(hits.deposits.offsets)
        cells = np.concatenate(
            [np.arange(d.offsets[r], d.offsets[r + 1]) for r in rows] or [np.zeros(0, np.int64)]
        ).astype(np.int64)
        offsets = np.append(0, np.cumsum(size[rows]))
        columns["deposits"] = Deposits(offsets, d.u[cells], d.v[cells], d.value[cells])
    return Hits(**columns)


def without_truth(event: Event, rows: NDArray[np.int64]) -> Event:
    return Event(event.number, event.source, picked(event.hits, np.asarray(rows, np.int64)))


def lists(tracks: Tracks) -> list[list[int]]:
    return [part.tolist() for part in np.split(tracks.hit_index, tracks.offsets[1:-1])] if len(tracks) else []


def by_hits(tracks: Tracks, row: NDArray[np.int64] | None = None) -> dict[tuple[int, ...], list[float]]:
    """Parameters of each track by the hits it has, whatever its place in the table; `row` tells what a hit was before."""
    if row is not None:
        tracks = replace(tracks, hit_index=row[tracks.hit_index])
    table = np.stack([tracks.d0, tracks.z0, tracks.phi, tracks.theta, tracks.q_over_p, tracks.chi2], axis=1)
    return {tuple(sorted(found)): row for found, row in zip(lists(tracks), table.tolist(), strict=True)}


def assert_same_bytes(one: Tracks, two: Tracks) -> None:
    for name in NUMBERS:
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes(), name


def found_once(event: Event, tracks: Tracks, detector: Detector, min_layers: int = 5) -> tuple[int, int, int]:
    """How many particles with enough layers there are, how many have a track, and how many have more than one.

    A track is a particle's if at least three quarters of its hits are.
    """
    assert event.truth is not None
    owner = first_particle(event.truth, len(event.hits))
    layer = detector.layer[event.hits.sensor]
    wanted = {
        p for p in range(len(event.truth.particles)) if len(set(layer[owner == p].tolist())) >= min_layers
    }
    count = dict.fromkeys(wanted, 0)
    for hits in lists(tracks):
        particles, times = np.unique(owner[hits], return_counts=True)
        best = int(particles[times.argmax()])
        if best in count and times.max() >= 0.75 * len(hits):
            count[best] += 1
    return len(wanted), sum(c > 0 for c in count.values()), sum(c > 1 for c in count.values())


def found_in(model: Setup, events: list[Event]) -> tuple[int, int, int]:
    n, found, twice = zip(
        *(found_once(e, model.task.reconstruct(e), model.detector) for e in events), strict=True
    )
    return sum(n), sum(found), sum(twice)


def check(event: Event, tracks: Tracks, min_hits: int) -> None:
    """What holds for the tracks of any event."""
    assert len(np.unique(tracks.hit_index)) == len(tracks.hit_index), "a hit in two tracks, or twice in one"
    assert (event.hits.sensor[tracks.hit_index] >= 0).all()
    assert (np.diff(tracks.offsets) >= min_hits).all()
    assert tracks.offsets[-1] == len(tracks.hit_index)
    for name in NUMBERS[2:]:
        column = getattr(tracks, name)
        assert len(column) == len(tracks)
        assert np.isfinite(column).all(), name
    assert ((tracks.score > 0) & (tracks.score <= 1)).all()
    assert ((tracks.theta >= 0) & (tracks.theta <= np.pi)).all()
    for lower in tracks.covariance:
        matrix = np.zeros((5, 5))
        matrix[np.tril_indices(5)] = lower
        matrix += np.tril(matrix, -1).T
        size = np.sqrt(np.diag(matrix))
        assert np.linalg.eigvalsh(matrix / np.outer(size, size)).min() > -1e-6


def test_it_finds_nearly_every_particle_once(model: Setup) -> None:
    n, found, twice = found_in(model, model.events())
    assert n >= 12
    assert found >= 0.85 * n
    assert twice <= 0.05 * n


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**31),
    keep=st.floats(0.0, 1.0),
    wild=st.integers(0, 30),
    name=st.sampled_from(BUNDLES),
)
def test_whatever_the_hits_no_hit_is_in_two_tracks(seed: int, keep: float, wild: int, name: str) -> None:
    """Events with any part of their hits missing, and with hits thrown anywhere on the sensors."""
    model = setup(name)
    (event,) = model.events(1, seed)
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(rng.random(len(event.hits)) < keep)
    event = without_truth(
        event, np.append(rows, rng.integers(0, len(event.hits), wild))
    )  # some hits twice over
    sensor, thrown = event.hits.sensor[len(rows) :], slice(len(rows), None)
    uvw = rng.uniform(-1, 1, (wild, 3)) * np.stack(
        [model.detector.half_u[sensor], model.detector.half_v[sensor], np.zeros(wild)], axis=1
    )
    event.hits.x[thrown], event.hits.y[thrown], event.hits.z[thrown] = model.detector.to_global(sensor, uvw).T
    check(event, model.task.reconstruct(event), model.task.config.decode.min_hits)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_too_few_hits_for_a_track(n: int, model: Setup) -> None:
    (event,) = model.events(1)
    assert len(model.task.reconstruct(without_truth(event, np.arange(n)))) == 0


def test_hits_outside_every_sensor_change_nothing(model: Setup) -> None:
    for event in model.events(2):
        alone = model.task.reconstruct(event)
        n = len(event.hits)
        rows = np.sort(np.append(np.arange(n), np.arange(0, n, 7)))
        twice = np.append(False, rows[1:] == rows[:-1])
        mixed = without_truth(event, rows)
        mixed.hits.sensor[twice] = -1
        mixed.hits.x[twice] += 1e5
        tracks = model.task.reconstruct(mixed)
        assert_same_bytes(replace(tracks, hit_index=rows[tracks.hit_index]), alone)
        everything = without_truth(event, np.arange(n))
        everything.hits.sensor[:] = -1
        assert len(model.task.reconstruct(everything)) == 0


def test_the_order_of_the_hits_does_not_matter(model: Setup) -> None:
    for event in model.events(2):
        tracks = by_hits(model.task.reconstruct(event))
        order = np.random.default_rng(3).permutation(len(event.hits))
        shuffled = by_hits(model.task.reconstruct(without_truth(event, order)), order)
        assert tracks.keys() == shuffled.keys()
        for hits, numbers in tracks.items():
            assert numbers == pytest.approx(shuffled[hits], rel=1e-9, abs=1e-12)


def test_an_event_gives_the_same_bytes_every_time_and_in_any_company(model: Setup) -> None:
    events = model.events(3)
    first = [model.task.reconstruct(e) for e in events]
    again = [model.task.reconstruct(e) for e in reversed(events)][::-1]
    for one, two in zip(first, again, strict=True):
        assert len(one)
        assert_same_bytes(one, two)


def test_a_model_goes_through_its_state(model: Setup) -> None:
    (event,) = model.events(1)
    copy = TrackingTask.from_config(model.task.config, model.detector)
    with pytest.raises(RuntimeError, match="prepare or load_state"):
        copy.reconstruct(event)
    copy.load_state(model.task.state())
    assert_same_bytes(copy.reconstruct(event), model.task.reconstruct(event))


def turned(event: Event, detector: Detector, angle: float) -> Event:
    """The event turned about the z axis, each hit on the sensor that is there then; without clusters."""
    c, s = np.cos(angle), np.sin(angle)
    h = event.hits
    hits = replace(h, x=c * h.x - s * h.y, y=s * h.x + c * h.y, var_u=None, var_v=None, deposits=None)
    return replace(event, hits=replace(hits, sensor=detector.locate(hits.xyz)))


def test_a_turn_by_a_symmetry_of_the_detector_turns_the_tracks(hexagons: Setup) -> None:
    n = 0
    for event in hexagons.events(3):
        still = by_hits(hexagons.task.reconstruct(turned(event, hexagons.detector, 0.0)))
        for sixth in (1, 2, 3):
            angle = sixth * np.pi / 3
            other = turned(event, hexagons.detector, angle)
            assert (other.hits.sensor >= 0).all()
            after = by_hits(hexagons.task.reconstruct(other))
            assert still.keys() == after.keys()
            for hits, (d0, z0, phi, theta, q_over_p, _) in still.items():
                n += 1
                assert after[hits][0] == pytest.approx(d0, abs=0.05)
                assert after[hits][1] == pytest.approx(z0, abs=0.5)
                assert np.cos(after[hits][2] - phi - angle) == pytest.approx(1.0, abs=1e-5)
                assert after[hits][3] == pytest.approx(theta, abs=1e-4)
                assert after[hits][4] == pytest.approx(q_over_p, abs=0.01)
    assert n > 60


def test_a_hole_does_not_break_a_track(model: Setup) -> None:
    """Without the hits that one layer in the middle of each particle's path has, every track stays one."""
    wanted = min(7, model.detector.n_layers - 1)
    before, after = [], []
    for event in model.events(8, efficiency=1.0):
        assert event.truth is not None
        owner = first_particle(event.truth, len(event.hits))
        layer = model.detector.layer[event.hits.sensor]
        distance = np.linalg.norm(event.hits.xyz, axis=1)
        gone = np.zeros(len(event.hits), bool)
        for particle in range(len(event.truth.particles)):
            mine = np.flatnonzero(owner == particle)
            mine = mine[np.argsort(distance[mine])]
            layers = list(dict.fromkeys(layer[mine].tolist()))
            if len(layers) >= wanted:
                gone[mine[layer[mine] == layers[len(layers) // 2]]] = True
        rows = np.flatnonzero(~gone)
        assert gone.sum() >= 3
        tracks = model.task.reconstruct(without_truth(event, rows))
        on_all = replace(tracks, hit_index=rows[tracks.hit_index])
        before.append(found_once(event, model.task.reconstruct(event), model.detector, wanted))
        after.append(found_once(event, on_all, model.detector, wanted))
    n, found, _ = np.sum(before, axis=0)
    _, still_found, twice = np.sum(after, axis=0)
    assert n >= 30
    assert still_found >= found - 0.15 * n
    assert twice <= 0.05 * n


def test_twice_the_noise_changes_little(model: Setup) -> None:
    n, found, _ = found_in(model, model.events(noise_hits=0.2))
    m, still_found, twice = found_in(model, model.events(noise_hits=0.4))
    assert n == m
    assert still_found >= found - 0.05 * n - 1
    assert twice <= 0.05 * n


@pytest.mark.parametrize("unit", [1e-6, 1e3])
def test_the_unit_of_the_signals_does_not_matter(unit: float, model: Setup) -> None:
    """Files state charge, energy or path length: what the model was trained on must not bind its user."""
    events = []
    for event in model.events(3):
        deposits = event.hits.deposits
        assert deposits is not None
        scaled = replace(deposits, value=(deposits.value * unit).astype(np.float32))
        events.append(replace(event, hits=replace(event.hits, deposits=scaled)))
    n, found, _ = found_in(model, events)
    assert found >= 0.85 * n


def test_hits_without_clusters_give_tracks_too(model: Setup) -> None:
    """The cells of a hit are optional in every format; without them there are fewer tracks at most."""
    events = [replace(e, hits=replace(e.hits, deposits=None)) for e in model.events(3)]
    n, found, _ = found_in(model, events)
    assert found >= 0.7 * n


@pytest.mark.parametrize(("limit", "what"), [("max_pairs", "pairs of hits"), ("max_triplets", "triplets")])
def test_a_graph_over_budget_is_an_error_with_its_event(limit: str, what: str, model: Setup) -> None:
    (event,) = model.events(1)
    graph = replace(model.task.config.graph, **{limit: 5})
    poor = TrackingTask.from_config(replace(model.task.config, graph=graph), model.detector)
    poor.load_state(model.task.state())
    with pytest.raises(
        OverBudget, match=rf"event 17: [\d,]+ {what}, over the budget of 5; raise the budget"
    ) as e:
        poor.reconstruct(replace(event, number=17))
    assert (e.value.event, e.value.budget) == (17, 5)
    # With just what is needed nothing changes.
    graph = replace(graph, **{limit: e.value.needed})
    enough = TrackingTask.from_config(replace(model.task.config, graph=graph), model.detector)
    enough.load_state(model.task.state())
    assert_same_bytes(enough.reconstruct(event), model.task.reconstruct(event))


def test_a_bundle_with_windows_in_slope_serves_another_detector_if_allowed() -> None:
    detector = load_detector("odd")
    event = next(simulate(detector, "gun", 1, options=SimulationOptions(count=20, particle="muon")))
    task = load_task(load_bundle("tracking-trackml"), detector, any_detector=True)
    assert len(np.unique(task.graph.slope_window)) == 1  # the widest of the layers that it knows
    assert len(task.reconstruct(event)) > 0
