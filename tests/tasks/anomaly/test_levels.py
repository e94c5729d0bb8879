"""Particles and jets are judged as hits are: what is strange gets the smallest p-value, and its hits are named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Event, ReconstructedParticles, concatenate
from gnnreco.errors import BadConfig, BadInput
from gnnreco.geometry import Detector
from gnnreco.graphs.jet_finder import installed
from gnnreco.models.anomaly.surprise import Surprise, neighbours_of, way_classes
from gnnreco.models.state import checked
from gnnreco.tasks.anomaly import AnomalyConfig, AnomalyTask
from gnnreco.tasks.anomaly.levels import JetConfig
from gnnreco.tasks.anomaly.levels.jets import jets_of
from gnnreco.tasks.contract import Needs
from gnnreco.testing import check_task

from .conftest import SMALL
from .made import HITS_OF, MUON, block, dijet, event_with, particles, placed, spray, two_prongs

OF_PARTICLES = replace(SMALL, level="particles")
OF_JETS = replace(SMALL, level="jets", jets=JetConfig(least_pt=10.0))
OF_FILES = replace(SMALL, level="jets", jets=JetConfig(files=True, normal=("usual",)))
needs_fastjet = pytest.mark.skipif(not installed(), reason="needs FastJet: pip install 'gnnreco[jets]'")


def learned(config: AnomalyConfig, detector: Detector | None, given: list) -> AnomalyTask:
    """A task whose network is as it was born; head and calibration are fitted."""
    task = AnomalyTask(config, detector)
    samples = [task.sample(one) for one in given]
    task.prepare_from(samples)
    task.finish(samples)
    return task


@pytest.fixture(scope="module")
def dijets() -> list[Event]:
    return [dijet(number) for number in range(60)]


@pytest.fixture(scope="module")
def of_particles(detector: Detector, dijets: list[Event]) -> AnomalyTask:
    return learned(OF_PARTICLES, detector, dijets)


@pytest.fixture(scope="module")
def of_jets(dijets: list[Event]) -> AnomalyTask:
    return learned(OF_JETS, None, dijets)


def with_found(event: Event, change: Callable[[ReconstructedParticles], ReconstructedParticles]) -> Event:
    found = event.found[ReconstructedParticles]
    return replace(event, found={**event.found, ReconstructedParticles: change(found)})


def turned(found: ReconstructedParticles, angle: float) -> ReconstructedParticles:
    c, s = np.cos(angle), np.sin(angle)
    return replace(found, px=c * found.px - s * found.py, py=s * found.px + c * found.py)


def with_muon(event: Event, pt: float) -> Event:
    """The event with one more particle, whose track has the last hits of all tracks."""
    found = event.found[ReconstructedParticles]
    kind, eta = np.append(found.class_index, MUON), np.append(found.eta, 2.2)
    return event_with(particles(kind, np.append(found.pt, pt), eta, np.append(found.phi, 0.3)), event.number)


def test_a_hard_muon_is_strange_and_its_hits_are_named(
    of_particles: AnomalyTask, dijets: list[Event]
) -> None:
    event = with_muon(dijets[3], 800.0)
    found = of_particles.reconstruct(event)
    assert of_particles.calibration is not None
    assert found.p_value[0] == pytest.approx(of_particles.calibration.smallest_p)
    last = len(event.found[ReconstructedParticles].track_index) - 1
    its = (found.hit_index >= HITS_OF * last) & (found.hit_index < HITS_OF * (last + 1))
    assert its.sum() == HITS_OF
    assert found.attribution[its].sum() > 0.7 * found.attribution.sum()
    assert 0 < of_particles.reconstruct(dijets[3]).p_value[0] <= 1


@needs_fastjet
def test_a_jet_of_two_prongs_is_strange_and_its_hits_are_named(of_jets: AnomalyTask) -> None:
    rng = np.random.default_rng(5)
    strange, usual = two_prongs(rng, 60.0), spray(rng, 50.0)
    event = event_with(placed([(strange, 2.0, 0.4), (usual, 1.8, 0.4 - np.pi)]))
    found = of_jets.reconstruct(event)
    assert of_jets.calibration is not None
    assert len(found) == 2
    assert found.p_value[0] == pytest.approx(of_jets.calibration.smallest_p)  # the hardest comes first
    assert found.p_value[1] > found.p_value[0]
    chosen = [set(found.hit_index[found.offsets[i] : found.offsets[i + 1]].tolist()) for i in range(2)]
    assert chosen[0]
    assert not chosen[0] & chosen[1]
    there = event.found[ReconstructedParticles]
    charged = np.flatnonzero(there.charge[: len(strange)])
    assert {HITS_OF * track for track in range(len(charged))} <= chosen[0]


@needs_fastjet
@given(seed=st.integers(0, 1000), angle=st.floats(-3.0, 3.0))
@settings(max_examples=5, deadline=None)
def test_order_and_turns_change_no_jet(
    of_jets: AnomalyTask, dijets: list[Event], seed: int, angle: float
) -> None:
    event = dijets[seed % len(dijets)]
    order = np.random.default_rng(seed).permutation(len(event.found[ReconstructedParticles]))
    other = with_found(event, lambda found: turned(found[order], angle))
    found, again = of_jets.reconstruct(event), of_jets.reconstruct(other)
    assert again.score == pytest.approx(found.score, rel=1e-3, abs=1e-3)
    assert again.part == pytest.approx(found.part, rel=1e-3, abs=1e-3)


@given(seed=st.integers(0, 1000), turns=st.integers(0, 39))
@settings(max_examples=5, deadline=None)
def test_order_and_turns_by_whole_regions_change_no_event(
    of_particles: AnomalyTask, dijets: list[Event], seed: int, turns: int
) -> None:
    event = dijets[seed % len(dijets)]
    order = np.random.default_rng(seed).permutation(len(event.found[ReconstructedParticles]))
    other = with_found(event, lambda found: turned(found[order], 2 * np.pi * turns / 40))
    found, again = of_particles.reconstruct(event), of_particles.reconstruct(other)
    assert again.score == pytest.approx(found.score, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("level", ["particles", pytest.param("jets", marks=needs_fastjet)])
def test_no_particle_and_one_particle(
    level: str, request: pytest.FixtureRequest, dijets: list[Event]
) -> None:
    task: AnomalyTask = request.getfixturevalue(f"of_{level}")
    none, one = (with_found(dijets[0], lambda found, n=n: found[:n]) for n in (0, 1))  # type: ignore[misc]
    assert len(task.reconstruct(none)) == 0
    assert len(task.reconstruct(one)) == (1 if level == "particles" else 0)
    hard = with_found(one, lambda found: replace(found, px=99 * found.px, py=99 * found.py, pz=99 * found.pz))
    assert len(task.reconstruct(hard)) == 1
    loss, _ = task.loss(task.sample(none))
    assert torch.isfinite(loss)


@needs_fastjet
@pytest.mark.parametrize("column", ["energy", "px"])
def test_numbers_that_are_not_finite_are_refused(
    of_particles: AnomalyTask, of_jets: AnomalyTask, dijets: list[Event], column: str
) -> None:
    def spoilt(found: ReconstructedParticles) -> ReconstructedParticles:
        values = getattr(found, column).copy()
        values[4] = np.nan
        return replace(found, **{column: values})

    for task in (of_particles, of_jets):
        with pytest.raises(BadInput, match=r"event 2: particle 4 has .* not finite"):
            task.reconstruct(with_found(dijets[2], spoilt))
        with pytest.raises(BadInput, match="no particles were found in it; name a bundle for particle flow"):
            task.reconstruct(replace(dijets[2], found={}))


@needs_fastjet
@pytest.mark.parametrize("level", ["particles", "jets"])
def test_learned_numbers_round_trip(level: str, request: pytest.FixtureRequest, dijets: list[Event]) -> None:
    task: AnomalyTask = request.getfixturevalue(f"of_{level}")
    checked(task.state(), AnomalyTask.arrays(task.config, task.detector))
    again = AnomalyTask(task.config, task.detector)
    again.load_state(task.state())
    assert again.reconstruct(dijets[3]) == task.reconstruct(dijets[3])


def usual(number: int, jets: int = 50) -> list[np.ndarray]:
    rng = np.random.default_rng(number)
    return [spray(rng, 40 + rng.exponential(10)) for _ in range(jets)]


@pytest.fixture(scope="module")
def of_files() -> AnomalyTask:
    return learned(OF_FILES, None, [block(number, usual(number)) for number in range(2)])


def test_a_jet_of_a_file_is_strange_and_its_constituents_are_named(of_files: AnomalyTask) -> None:
    strange = two_prongs(np.random.default_rng(5), 60.0)
    found = of_files.reconstruct(block(7, [*usual(8, 3), strange]))
    assert of_files.calibration is not None
    assert len(found) == 4
    assert found.p_value[3] == pytest.approx(of_files.calibration.smallest_p)
    first = found.hit_index[found.offsets[3] :]
    assert len(first) > 0
    assert (first >= 3 * 12).all()


def test_jets_of_files_are_one_at_a_time_what_they_are_together(of_files: AnomalyTask) -> None:
    whole = block(1, usual(1, 5))
    together = of_files.reconstruct(whole)
    alone = [of_files.reconstruct(replace(whole, jets=whole.jets[i : i + 1])) for i in range(5)]
    assert together.score == pytest.approx(np.concatenate([one.score for one in alone]), rel=1e-3)


def test_only_normal_classes_are_learned_from(of_files: AnomalyTask) -> None:
    assert len(of_files.sample(block(1, usual(1, 4), label=1))) == 0
    assert len(of_files.sample(block(1, usual(1, 4)))) == 4
    with pytest.raises(BadInput, match=r"no jets of class 'usual'.*task.jets.normal"):
        of_files.sample(block(1, usual(1, 4), ("q", "g")))


def test_a_level_refuses_what_it_cannot_look_at(
    of_files: AnomalyTask, of_particles: AnomalyTask, task: AnomalyTask, dijets: list[Event]
) -> None:
    jets = block(1, usual(1, 4))
    with pytest.raises(BadInput, match="the task learned from files of jets"):
        of_files.reconstruct(dijets[0])
    with pytest.raises(BadInput, match="holds jets, not hits"):
        task.reconstruct(jets)
    with pytest.raises(BadInput, match=r"task.jets.files=true"):
        of_particles.reconstruct(jets)
    spoilt = replace(jets.jets, pt=np.where(np.arange(len(jets.jets.pt)) == 14, np.nan, jets.jets.pt))
    with pytest.raises(BadInput, match="jet 1 has a number that is not finite"):
        of_files.reconstruct(replace(jets, jets=spoilt))
    with pytest.raises(BadConfig, match=r"0 and 0 jets of validation"):
        AnomalyTask(OF_FILES, None).finish([])


def test_the_network_is_the_same_with_torch_and_without(of_files: AnomalyTask) -> None:
    sample = of_files.sample(block(3, usual(3, 6)))
    (rings, around), jets = sample.grid, len(sample)
    static = torch.from_numpy(np.tile(np.repeat(sample.static, around, 0), (jets, 1)))
    near, ways = torch.from_numpy(neighbours_of(rings, around, jets)), torch.from_numpy(way_classes())
    with torch.no_grad():
        nll, expected = of_files.network(torch.from_numpy(sample.features), static, near, ways)
    weights = {k.removeprefix("network."): v for k, v in of_files.state().items() if k.startswith("network.")}
    found = Surprise(weights, OF_FILES.sizes)(sample.features, sample.static, rings, around)
    assert found == pytest.approx((nll - expected).numpy(), rel=1e-3, abs=1e-3)


def test_settings_decide_what_it_needs() -> None:
    assert AnomalyConfig().needs.found == ()
    assert ReconstructedParticles in OF_JETS.needs.found
    assert OF_JETS.needs == OF_PARTICLES.needs
    assert OF_FILES.needs == Needs()
    assert (OF_FILES.reads_jets, OF_JETS.reads_jets) == (True, False)


@needs_fastjet
@pytest.mark.parametrize("level", ["particles", "jets"])
def test_levels_keep_to_the_contract(
    level: str, request: pytest.FixtureRequest, detector: Detector, dijets: list[Event]
) -> None:
    task: AnomalyTask = request.getfixturevalue(f"of_{level}")
    check_task("anomaly", detector, dijets[:2], task.config, task.state())


@needs_fastjet
def test_a_particle_without_momentum_is_in_no_jet() -> None:
    found = particles(np.array([0, 0]), np.array([50.0, 30.0]), np.zeros(2), np.array([0.0, 0.1]))
    still = replace(found[:1], px=np.zeros(1), py=np.zeros(1), pz=np.zeros(1))
    jets, rows = jets_of(concatenate([found, still]), 0.4, 20.0)
    assert len(jets) == 1
    assert sorted(rows) == [0, 1]
    assert np.isfinite(np.stack([jets.pt, jets.eta, jets.phi])).all()
