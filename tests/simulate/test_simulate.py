"""Whole events: determinism, truth, clusters, generators, bad options."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Event
from gnnreco.errors import BadConfig
from gnnreco.geometry import list_detectors, load_detector
from gnnreco.particles import species_of
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.clusters import across_grids
from gnnreco.simulate.digitize import digitize
from gnnreco.simulate.generators.generated import Generated
from gnnreco.simulate.generators.generator import generator
from gnnreco.simulate.generators.pool import read_pool, shipped
from gnnreco.simulate.transport import Crossings, Transport
from tests.simulate.conftest import QUIET, planes

BEAM = SimulationOptions(particle="pion", energy=(100.0, 120.0), count=20)


def content(event: Event) -> bytes:
    assert event.truth is not None
    assert event.hits.deposits is not None
    columns = [
        getattr(table, f.name)
        for table in (event.hits, event.truth, event.truth.particles, event.hits.deposits)
        for f in fields(table)
    ]
    return b"".join(c.tobytes() for c in columns if isinstance(c, np.ndarray))


def crossed(
    detector: object, u: list[float], v: list[float], slope: float = 0.0, n: int | None = None
) -> Crossings:
    n = n or len(u)
    flat = np.zeros(n)
    return Crossings(
        np.arange(n),
        np.zeros(n, np.int32),
        np.array(u),
        np.array(v),
        flat + slope,
        flat,
        np.full(n, 3e-5),
        flat,
    )


def every_pair() -> Iterator[object]:
    """Each detector with each process; quick: the small ones with all processes, each other with one of them in turn."""
    for place, name in enumerate(list_detectors()):
        for turn, process in enumerate(("gun", "beam", "minbias", "ttbar")):
            quick = name in ("hex_tracker", "telescope") or turn == (place + 2) % 4
            yield pytest.param(name, process, marks=() if quick else pytest.mark.slow)


@pytest.mark.parametrize(("name", "process"), list(every_pair()))
def test_every_detector_gets_events_from_every_process(name: str, process: str) -> None:
    detector = load_detector(name)
    for event in simulate(detector, process, 2, seed=3, options=replace(BEAM, noise_hits=0.1)):
        hits, truth = event.hits, event.truth
        assert truth is not None
        assert hits.deposits is not None
        assert np.isfinite(hits.xyz).all()
        assert (hits.var_u > 0).all()  # type: ignore[operator]
        assert (hits.var_v > 0).all()  # type: ignore[operator]
        assert (hits.energy > 0).all()  # type: ignore[operator]
        assert (np.diff(hits.deposits.offsets) > 0).all()
        np.testing.assert_array_equal(detector.locate(hits.xyz), hits.sensor)
        pairs = np.stack([truth.hit, truth.particle], axis=1)
        np.testing.assert_array_equal(pairs, np.unique(pairs, axis=0))
        assert len(np.unique(truth.particles.particle_id)) == len(truth.particles)
        assert (truth.particles.particle_id > 0).all()
        tracker = np.array(["energy" not in s.measures for s in detector.subsystems])[detector.subsystem]
        charged = truth.particles.charge[truth.particle] != 0
        assert (charged | ~tracker[hits.sensor[truth.hit]]).all()


@given(st.integers(0, 2**31), st.integers(0, 5))
@settings(max_examples=5, deadline=None)
def test_an_event_depends_on_the_seed_and_its_number_alone(seed: int, number: int) -> None:
    detector = load_detector("hex_tracker")
    many = list(simulate(detector, "minbias", number + 1, pileup=2, seed=seed))
    alone = next(simulate(detector, "minbias", 1, pileup=2, seed=seed, first=number))
    assert content(many[number]) == content(alone)
    assert many[number].number == number
    other = next(simulate(detector, "minbias", 1, pileup=2, seed=seed + 1, first=number))
    assert content(other) != content(alone)


def test_nothing_in_nothing_out() -> None:
    detector = planes([100.0, 200.0])
    event = next(simulate(detector, "gun", 1, options=replace(QUIET, count=0)))
    assert len(event.hits) == 0
    assert len(event.truth.particles) == 0  # type: ignore[union-attr]
    assert list(simulate(detector, "gun", 0)) == []


@pytest.mark.parametrize("process", ["gun", "beam", "ttbar"])
def test_a_detector_whose_sensors_are_all_gone_sees_nothing(process: str) -> None:
    detector = load_detector("telescope")
    dead = detector.select(np.zeros(detector.n_sensors, np.bool_))
    event = next(simulate(dead, process, 1, options=replace(BEAM, noise_hits=1.0)))
    assert len(event.hits) == 0
    assert len(event.truth.particles) > 0  # type: ignore[union-attr]


def test_neutral_particles_leave_no_hits_but_are_in_the_truth() -> None:
    options = replace(QUIET, particle="neutron", count=5, energy=(5.0, 5.0), eta=(3.0, 4.0))
    event = next(simulate(planes([100.0, 200.0]), "gun", 1, options=options))
    assert len(event.hits) == 0
    assert event.truth.particles.pdg.tolist() == [2112] * 5  # type: ignore[union-attr]


def test_one_particle_one_hit_a_plane_where_it_crossed() -> None:
    z = [100.0, 200.0, 300.0]
    detector = planes(z)
    options = replace(QUIET, particle="muon", eta=(3.0, 3.5), energy=(10.0, 10.0))
    event = next(simulate(detector, "gun", 1, seed=2, options=options))
    p = event.truth.particles  # type: ignore[union-attr]
    np.testing.assert_allclose(event.hits.x, p.px[0] / p.pz[0] * event.hits.z, atol=0.026)
    np.testing.assert_allclose(event.hits.y, p.py[0] / p.pz[0] * event.hits.z, atol=0.026)
    np.testing.assert_allclose(event.hits.z, z, atol=1e-9)


def test_two_particles_in_touching_cells_share_a_hit() -> None:
    detector = planes([100.0])
    random = np.random.default_rng(1)
    for u, hits_expected in (([0.01, 0.02], 1), ([0.01, 0.06], 1), ([0.01, 0.11], 2)):
        hits, hit, particle, _ = digitize(detector, crossed(detector, u, [0.01, 0.01]), QUIET, random)
        assert len(hits) == hits_expected
        assert particle.tolist() == [0, 1]
        assert hit.tolist() == ([0, 0] if hits_expected == 1 else [0, 1])
    hits, _, _, _ = digitize(detector, crossed(detector, [0.01, 0.06], [0.01, 0.06]), QUIET, random)
    assert len(hits) == 1  # by the corner


def test_hexagons_that_touch_share_a_hit() -> None:
    detector = load_detector("hex_tracker")
    template = detector.templates[detector.template[0]]
    middle = template.outline.mean(axis=0)
    cell = template.cell_at(middle[:1], middle[1:])
    _, near = template.neighbours_of(cell)
    uv = template.position(np.array([cell[0], near[0]]))
    hits, hit, _, _ = digitize(detector, crossed(detector, *uv.T.tolist()), QUIET, np.random.default_rng(1))
    assert len(hits) == 1
    assert hit.tolist() == [0, 0]


def test_a_slanted_track_shares_its_charge_by_length() -> None:
    detector = planes([100.0])  # 0.05 mm cells, 0.1 mm thick
    hits, _, _, _ = digitize(
        detector, crossed(detector, [0.06], [0.01], slope=0.5), QUIET, np.random.default_rng(1)
    )
    assert hits.deposits is not None
    np.testing.assert_allclose(hits.deposits.value / 3e-5, [0.3, 0.7][: len(hits.deposits.value)], rtol=1e-5)
    assert hits.x[0] == pytest.approx(0.3 * 0.025 + 0.7 * 0.075)
    np.testing.assert_allclose(hits.energy, 3e-5, rtol=1e-6)


PLACE = st.integers(-3000, 3000).map(lambda n: n * 0.000997)  # mm; never on an edge by accident


@given(PLACE, PLACE, PLACE, PLACE)
@settings(max_examples=200, deadline=None)
def test_parts_of_a_path_add_up_and_lie_under_it(u0: float, v0: float, u1: float, v1: float) -> None:
    grid = np.array([[0.5, 0.3, 20.0, 40.0]])  # 10 x 12 mm: holds every path
    _, cell, part = across_grids(np.array([[u0, v0, u1, v1]]), grid)
    assert part.sum() == pytest.approx(1.0)
    assert len(np.unique(cell)) == len(cell)
    steps = (np.arange(2000) + 0.5) / 2000
    iu = np.floor((u0 + steps * (u1 - u0)) / 0.5 + 10).astype(int)
    iv = np.floor((v0 + steps * (v1 - v0)) / 0.3 + 20).astype(int)
    sampled = np.bincount(iu * 40 + iv, minlength=800) / 2000
    exact = np.bincount(cell, part, 800)
    np.testing.assert_allclose(sampled, exact, atol=2e-3)


def test_noise_hits_have_no_particle_and_come_at_the_rate_asked_for() -> None:
    detector = load_detector("trackml")
    options = SimulationOptions(count=200, noise_hits=0.5)
    event = next(simulate(detector, "gun", 1, options=options))
    with_truth = len(np.unique(event.truth.hit))  # type: ignore[union-attr]
    assert len(event.hits) - with_truth == pytest.approx(0.5 * with_truth, rel=0.2)


def test_time_where_it_is_measured() -> None:
    detector = planes([299.792458], measures=("position", "time"))
    event = next(simulate(detector, "gun", 1, options=replace(QUIET, eta=(5.0, 5.0), time_resolution=0.0)))
    np.testing.assert_allclose(event.hits.time, 1.0, rtol=1e-2)  # type: ignore[arg-type]


def test_the_efficiency_shows_in_the_hits() -> None:
    detector = planes([float(z) for z in range(100, 600, 50)])
    options = replace(QUIET, eta=(3.0, 3.5), count=500, efficiency=0.8, particle="muon")
    event = next(simulate(detector, "gun", 1, options=options))
    assert len(event.truth.hit) / 5000 == pytest.approx(0.8, abs=0.02)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", list_detectors())
def test_a_gun_without_a_range_shoots_where_the_sensors_are(name: str) -> None:
    detector = load_detector(name)
    event = next(
        simulate(detector, "gun", 1, options=SimulationOptions(count=300, energy=(5.0, 50.0), sigma_z=0.0))
    )
    truth = event.truth
    assert truth is not None
    hits = np.bincount(truth.particle, minlength=len(truth.particles))[:300]
    assert (hits >= min(3, detector.n_layers)).mean() > 0.6


def test_pile_up_and_acceptance() -> None:
    detector = load_detector("trackml")
    options = SimulationOptions(min_pt=0.5, max_eta=2.0, neutrals=False)
    made = generator("ttbar", detector, options, 30)(np.random.default_rng(1))
    pt = np.hypot(made.px, made.py)
    assert pt.min() > 0.5
    assert np.abs(np.arcsinh(made.pz / pt)).max() < 2.0
    assert made.vertex.max() <= 30
    assert len(np.unique(made.vertex)) > 10
    species = species_of(np.unique(made.pdg))
    assert (species.charge[species.rows(made.pdg)] != 0).all()


@pytest.mark.parametrize("process", ["minbias", "ttbar", "dijet", "wprime", "displaced"])
def test_the_shipped_pool_is_sound(process: str) -> None:
    pool, offsets = read_pool(shipped(process, 14000.0))
    assert (np.diff(offsets) >= 0).all()
    assert offsets[-1] == len(pool)
    assert all(np.isfinite(getattr(pool, f.name)).all() for f in fields(Generated))


def test_pythia_itself_where_it_is_installed() -> None:
    pytest.importorskip("pythia8mc")
    pytest.importorskip("awkward")
    detector = load_detector("trackml")
    events = list(simulate(detector, "zmumu", 1, seed=5, options=SimulationOptions(generator="pythia")))
    muons = np.abs(events[0].truth.particles.pdg) == 13  # type: ignore[union-attr]
    assert muons.any()


def test_decays_make_displaced_tracks() -> None:
    detector = load_detector("trackml")
    options = SimulationOptions(particle="k0s", count=50, energy=(1.0, 5.0), eta=(-1.0, 1.0))
    event = next(simulate(detector, "gun", 1, options=options))
    p = event.truth.particles  # type: ignore[union-attr]
    pions = np.abs(p.pdg) == 211
    assert pions.sum() > 50
    assert np.hypot(p.vx[pions], p.vy[pions]).max() > 20


@pytest.mark.parametrize(
    ("process", "change", "message"),
    [
        ("nonsense", {}, "process 'nonsense' is not known"),
        ("gun", {"particle": "snark"}, "particle 'snark' is not known"),
        ("gun", {"energy": (0.05, 1.0)}, "less than the particle's mass"),
        ("gun", {"energy": (2.0, 1.0)}, "MIN before MAX"),
        ("gun", {"efficiency": 1.5}, "between 0 and 1"),
        ("gun", {"count": -1}, "negative"),
        ("gun", {"min_pt": float("nan")}, "negative"),
        ("gun", {"generator": "geant"}, "neither pool nor pythia"),
    ],
)
def test_bad_options_say_what_is_wrong(process: str, change: dict[str, object], message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        simulate(planes([100.0]), process, 1, options=SimulationOptions(**change))  # type: ignore[arg-type]


def test_a_beam_has_no_pile_up_and_counts_are_not_negative() -> None:
    with pytest.raises(BadConfig, match="no pile-up"):
        simulate(planes([100.0]), "beam", 1, pileup=2)
    with pytest.raises(BadConfig, match="negative"):
        simulate(planes([100.0]), "gun", -1)


def test_transport_can_be_used_again_and_again() -> None:
    detector = load_detector("hex_tracker")
    transport = Transport(detector, SimulationOptions())
    particles = generator("minbias", detector, SimulationOptions(), 0)(np.random.default_rng(3))
    seen = [transport(particles, np.random.default_rng(4)).crossings for _ in range(2)]
    for one, two in itertools.pairwise(seen):
        np.testing.assert_array_equal(one.u, two.u)
