"""New physics: what ships looks like it, Pythia is told the masses and lifetimes that the user chose, bad ones are refused."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.errors import BadConfig
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.flight import LIGHT
from gnnreco.simulate.generators.exotic import long_lived, resonance
from gnnreco.simulate.generators.generator import generator, minimum_bias
from gnnreco.simulate.generators.pool import Pool, read_pool, shipped
from gnnreco.simulate.generators.processes import PROCESSES
from gnnreco.simulate.generators.pythia import pythia_events
from tests.simulate.conftest import planes

PIPE = 25.0  # mm: about the radius of a beam pipe


def radii(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distances from the beam of what starts beyond its pipe, mm."""
    r = np.hypot(x, y)
    return r[r > PIPE]


def test_long_lived_particles_decay_beyond_the_beam_pipe_and_not_before_they_can() -> None:
    displaced, ordinary = (read_pool(shipped(name, 14000.0))[0] for name in ("displaced", "dijet"))
    away = [np.hypot(p.vx, p.vy) > PIPE for p in (displaced, ordinary)]
    assert away[0].mean() > 0.2 > 4 * away[1].mean()  # K0S and Lambda are there too
    assert 50 < np.median(radii(displaced.vx, displaced.vy)) < 300
    flight = np.sqrt(displaced.vx**2 + displaced.vy**2 + displaced.vz**2)
    assert (displaced.time * LIGHT >= flight * 0.999 - 2e-3).all()


def test_a_heavy_resonance_has_more_transverse_energy_than_jets() -> None:
    sums = []
    for name in ("wprime", "dijet"):
        pool, offsets = read_pool(shipped(name, 14000.0))
        sums.append(np.add.reduceat(np.hypot(pool.px, pool.py), offsets[:-1]))
    assert np.quantile(sums[0], 0.05) > 3 * np.median(sums[1])
    assert np.median(sums[0]) == pytest.approx(3500, rel=0.3)


def test_displaced_decays_reach_the_truth_of_an_event_with_their_time() -> None:
    options = SimulationOptions(sigma_xy=0.0, sigma_z=0.0, sigma_t=0.0)
    source = generator("displaced", planes([100.0]), options, 0)
    event = source(np.random.default_rng(1))
    (simulated,) = simulate(planes([100.0]), "displaced", 1, seed=1, options=options)
    assert len(radii(event.vx, event.vy)) > 10
    assert event.time.max() > 0.1
    assert simulated.truth is not None
    assert len(radii(simulated.truth.particles.vx, simulated.truth.particles.vy)) > 10


def test_pythia_is_told_what_is_chosen() -> None:
    assert "36:tau0 = 30.0" in PROCESSES["displaced"].lines(13000.0, {"ctau": 30.0})
    assert "36:tau0 = 100.0" in PROCESSES["displaced"].lines(13000.0)
    assert {"34:m0 = 2000", "23:m0 = 300", "24:m0 = 90"} <= set(resonance((2000, 300, 90)))
    assert "PhaseSpace:pTHatMin = 1000.0" in PROCESSES["dijet"].lines(14000.0, {"least_pt_hat": 1000.0})


@pytest.mark.parametrize(
    ("masses", "words"),
    [
        ((500.0,), "has 2 masses, of the scalar and the long-lived particle, in GeV: not 1"),
        ((200.0, 150.0), "masses 200, 150 GeV.*the first cannot become the others"),
        ((200.0, -5.0), "masses 200, -5 GeV.*the first cannot become the others"),
    ],
)
def test_masses_that_no_decay_can_have_are_refused(masses: tuple[float, ...], words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        long_lived(masses, 100.0)


@pytest.mark.parametrize(
    ("process", "options", "words"),
    [
        ("ttbar", {"ctau": 10.0}, "process ttbar has no ctau, which is of displaced: leave it out"),
        ("displaced", {"ctau": 10.0}, "ctau cannot be chosen for collisions that were made before: .*pythia"),
        ("dijet", {"least_pt_hat": 500.0, "pool": "x.parquet"}, "least_pt_hat cannot be chosen"),
    ],
)
def test_what_a_process_or_a_pool_cannot_do_is_refused_with_the_remedy(
    process: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(BadConfig, match=words):
        generator(process, planes([100.0]), SimulationOptions(**options), 0)  # type: ignore[arg-type]


def test_pythia_lets_them_decay_at_the_lifetime_asked_for_however_far() -> None:
    pytest.importorskip("pythia8mc")
    pytest.importorskip("awkward")
    far = []
    for ctau in (20.0, 20_000.0):
        events = pythia_events("displaced", 8, 3, choices={"ctau": ctau})
        far.append(np.median(np.concatenate([radii(event.vx, event.vy) for event in events])))
    assert far[0] < 150
    assert far[1] > 2000  # behind the cylinder outside which K0S and their like are left whole


def test_a_choice_is_not_of_the_pile_up() -> None:
    assert isinstance(minimum_bias(SimulationOptions(ctau=30.0, masses=(400.0, 100.0))), Pool)
