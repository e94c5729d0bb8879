"""Showers of charged pions by a network: told from other hadrons, beside photons by another network, tracks stay tracks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from gnnreco.bundle import load_bundle, load_engine, load_task, save_bundle
from gnnreco.columns import Event
from gnnreco.errors import BadBundle, BadConfig
from gnnreco.geometry import Detector
from gnnreco.schema import plain
from gnnreco.simulate import Engines, SimulationOptions, simulate
from gnnreco.simulate.showers.learned.features import FEATURES, depths_of
from gnnreco.simulate.showers.learned.known import doubts
from gnnreco.simulate.showers.learned.nuclear import (
    FEATURES_OF,
    OF_NUCLEI,
    OF_SHOWER_OF,
    STARTED,
    nuclei_table,
    start_of,
)
from gnnreco.simulate.showers.learned.pieces import UNDIVIDED
from gnnreco.simulate.showers.ray import cast, stack_of
from gnnreco.tasks.fastsim import FastSimConfig, FastSimTask
from tests.simulate.conftest import planes

LAYERS = 40
CLEAN = SimulationOptions(
    particle="pion", energy=(5.0, 20.0), count=2, cell_noise=0.0, cell_threshold=0.0, beam_width=20.0
)


@pytest.fixture(scope="module")
def steel() -> Detector:
    """Eight interaction lengths of steel and scintillator across the beam."""
    made = planes(
        [300.0 + 40 * i for i in range(LAYERS)],
        pitch=20.0,
        half=600.0,
        radiation=2.0,
        interaction=0.2,
        measures=("energy",),
    )
    return replace(made, moliere_radius=np.full(LAYERS, 20.0), sampling_fraction=np.full(LAYERS, 0.03))


def shot(detector: Detector, engines: Engines | None, **settings: object) -> list[Event]:
    return list(simulate(detector, "beam", 2, 0, 5, CLEAN, 0, engines, **settings))


@pytest.fixture(scope="module")
def task(steel: Detector) -> FastSimTask:
    """Scaled to pions of the parametrisation, but not trained: what must hold holds for any weights."""
    made = FastSimTask(FastSimConfig(particles="pions", hidden=8, deposit=8, seed=3), steel)
    made.prepare(list(simulate(steel, "beam", 4, 0, 1, CLEAN)))
    return made


@pytest.fixture(scope="module")
def photons(steel: Detector) -> FastSimTask:
    """The same for photons."""
    made = FastSimTask(FastSimConfig(hidden=8, deposit=8, seed=4), steel)
    made.prepare(shot(steel, None, particle="photon"))
    return made


def test_pions_are_the_networks_and_other_hadrons_are_not(steel: Detector, task: FastSimTask) -> None:
    engines = task.engine()
    assert engines.electromagnetic is None
    mine, parametric = shot(steel, engines), shot(steel, None)
    assert mine[0].hits != parametric[0].hits
    assert mine[0].hits.energy is not None
    assert np.isfinite(mine[0].hits.energy).all()
    assert (mine[0].hits.energy > 0).all()
    assert shot(steel, engines)[1].hits == mine[1].hits
    for others in ({"particle": "proton"}, {"particle": "photon"}, {"energy": (100.0, 200.0)}):
        assert shot(steel, engines, **others)[0].hits == shot(steel, None, **others)[0].hits


def test_each_engine_makes_its_own_particles(
    steel: Detector, task: FastSimTask, photons: FastSimTask, tmp_path: Path
) -> None:
    for name, one in (("photons", photons), ("pions", task)):
        save_bundle(tmp_path / name, "fastsim", plain(one.config), one.state(), None, {}, {})
    both = load_engine(tmp_path / "photons", tmp_path / "pions")
    assert shot(steel, both)[0].hits == shot(steel, task.engine())[0].hits
    alone, none = (shot(steel, one, particle="photon")[0].hits for one in (photons.engine(), None))
    assert shot(steel, both, particle="photon")[0].hits == alone != none
    with pytest.raises(BadBundle, match="same particles"):
        load_engine(tmp_path / "pions", tmp_path / "photons", tmp_path / "pions")


def test_a_bundle_keeps_what_was_learned_of_pions(steel: Detector, task: FastSimTask, tmp_path: Path) -> None:
    save_bundle(tmp_path / "pions", "fastsim", plain(task.config), task.state(), None, {}, {})
    again = load_task(load_bundle(tmp_path / "pions"), steel).state()
    assert again.keys() == task.state().keys()


def other(generator: Literal["flow", "gan"], steel: Detector, events: list[Event]) -> FastSimTask:
    """Pions by another generator than that of the bundle that ships, not trained."""
    config = FastSimConfig(particles="pions", generator=generator, hidden=8, deposit=8, width=8, steps=2)
    made = FastSimTask(config, steel)
    made.prepare(events)
    return made


@pytest.mark.parametrize("generator", ["flow", "gan"])
def test_other_generators_learn_pions_too(
    steel: Detector, generator: Literal["flow", "gan"], tmp_path: Path
) -> None:
    events = shot(steel, None)
    made = other(generator, steel, events)
    loss, _ = made.loss(made.sample(events[0]))
    assert bool(loss.isfinite())
    save_bundle(tmp_path / "pions", "fastsim", plain(made.config), made.state(), None, {}, {})
    again, engine = load_engine(tmp_path / "pions"), made.engine()
    assert again.pions is not None
    assert again.electromagnetic is engine.electromagnetic is None
    assert again.pions.sets is not None


@pytest.mark.slow  # all kernels of showers are compiled for a generator that no shipped bundle has
@pytest.mark.parametrize("generator", ["flow", "gan"])
def test_other_generators_make_pions_too(
    steel: Detector, generator: Literal["flow", "gan"], tmp_path: Path
) -> None:
    events = shot(steel, None)
    made = other(generator, steel, events)
    save_bundle(tmp_path / "pions", "fastsim", plain(made.config), made.state(), None, {}, {})
    hits = shot(steel, load_engine(tmp_path / "pions"))[0].hits
    assert hits == shot(steel, made.engine())[0].hits
    assert hits != events[0].hits


def test_only_pions_are_learned_from(steel: Detector, task: FastSimTask) -> None:
    event = shot(steel, None)[0]
    sample = task.sample(event)
    assert len(sample.energy) == 2
    assert sample.features.shape == (2 * LAYERS, len(FEATURES_OF[True]))
    assert sample.showers.shape == (2, len(OF_SHOWER_OF[True]))
    assert len(task.sample(shot(steel, None, particle="photon")[0]).energy) == 0
    loss, _ = task.loss(sample)
    assert bool(loss.isfinite())
    with pytest.raises(BadConfig, match="charged pion"):
        FastSimTask(task.config, steel).prepare(shot(steel, None, particle="photon"))
    with pytest.raises(BadConfig, match="electromagnetic or pions"):
        FastSimConfig(particles="kaons")


def test_depths_are_interaction_lengths_from_where_the_shower_started(steel: Detector) -> None:
    stack = stack_of(steel)
    d = depths_of(stack, cast(stack, (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 16.0, 0.0), 0.0, UNDIVIDED)
    counts = np.where(np.arange(LAYERS) < 10, 1.0, STARTED + 1)
    rows = nuclei_table(10.0, d, np.full(LAYERS, 1e-3), counts)
    columns = {name: rows[:, i] for i, name in enumerate(OF_NUCLEI)}
    assert [start_of(counts, i) for i in (0, 10, 11, 40)] == [-1, -1, 10, 10]
    assert (columns["started"] == (np.arange(LAYERS) > 10)).all()
    np.testing.assert_allclose(columns["interaction depth"], 0.2 * np.arange(1, LAYERS + 1), rtol=1e-5)
    np.testing.assert_allclose(
        columns["interaction depth since start"][11:], 0.2 * np.arange(1, 30), rtol=1e-5
    )
    assert FEATURES_OF[True][: len(FEATURES)] == FEATURES_OF[False] == FEATURES


def test_one_is_warned_of_pions_only_where_some_are_shot(steel: Detector, task: FastSimTask) -> None:
    engines = task.engine()
    assert engines.pions is not None
    photons = replace(CLEAN, particle="photon", energy=(1.0, 500.0))
    assert doubts(engines, steel, "beam", photons) == []
    told = doubts(engines, steel, "beam", replace(photons, particle="photon, pion"))
    assert [line.startswith("pions: ") for line in told] == [True]
