"""Collisions that were made before: what ships is whole and sound, a user's own file is found or refused with the reason."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gnnreco.errors import BadConfig, BadInput
from gnnreco.geometry.source import Source
from gnnreco.particles import species_of
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.generators.generated import Generated, accepted
from gnnreco.simulate.generators.generator import collision_spread, generator
from gnnreco.simulate.generators.pool import COLUMNS, Pool, own, read_pool, shipped
from gnnreco.simulate.generators.processes import LEPTONS, PROCESSES
from tests.simulate.conftest import planes

OPTIONS = SimulationOptions(min_pt=0.0, max_eta=20.0)
OF_LEPTONS = [(name, ecm) for name, kind in PROCESSES.items() if kind.beams == LEPTONS for ecm in kind.pools]
NEUTRINOS = (12, 14, 16)


def momentum(p: Generated) -> np.ndarray:
    """Energy and momentum (n, 4), GeV."""
    species = species_of(np.unique(p.pdg))
    mass = species.mass[species.rows(p.pdg)]
    return np.stack([np.sqrt(p.px**2 + p.py**2 + p.pz**2 + mass**2), p.px, p.py, p.pz], axis=1)


def write(path: Path, note: dict[str, str] | None = None, **change: object) -> Path:
    """A pool of three events of two particles, with some columns replaced."""
    columns: dict[str, object] = {name: np.arange(6, dtype=np.float32) for name in COLUMNS}
    columns |= {"event": np.repeat(np.arange(3), 2), "pdg": np.full(6, 22)} | change
    columns = {name: value for name, value in columns.items() if value is not None}
    told = {"process": "qq", "ecm": "300.0"} if note is None else note
    pq.write_table(pa.table(columns).replace_schema_metadata(told), path)
    return path


@pytest.mark.parametrize(("process", "ecm"), OF_LEPTONS)
def test_events_of_e_plus_e_minus_have_the_energy_of_the_collision(process: str, ecm: float) -> None:
    pool, offsets = read_pool(shipped(process, ecm))
    assert len(offsets) > 300
    total = np.add.reduceat(momentum(pool), offsets[:-1])
    # Each momentum is rounded to 12 bits of mantissa.
    np.testing.assert_allclose(total, np.tile([ecm, 0.0, 0.0, 0.0], (len(total), 1)), atol=1e-4 * ecm)


def test_an_event_of_the_pool_comes_whole_with_its_neutrinos_and_is_the_same_again() -> None:
    source = generator("zh", planes([100.0]), SimulationOptions(), 0)
    events = [source(np.random.default_rng(seed)) for seed in range(20)]
    for event in events:
        np.testing.assert_allclose(momentum(event).sum(axis=0), [240.0, 0.0, 0.0, 0.0], atol=0.024)
    assert any(np.isin(np.abs(event.pdg), NEUTRINOS).any() for event in events)
    again = source(np.random.default_rng(3))
    np.testing.assert_array_equal(again.px, events[3].px)
    assert len({len(event) for event in events}) > 10


def test_the_truth_of_an_event_has_the_energy_the_neutrinos_and_so_the_missing_momentum() -> None:
    missing = 0
    for event in simulate(planes([50.0, 100.0], pitch=1.0), "tautau", 4, seed=2):
        assert event.truth is not None
        truth = event.truth.particles
        first = (truth.particle_id >> 15 & 0xFF) == 0  # generated, not made on the way
        table = Generated(*(getattr(truth, n)[first] for n in COLUMNS[1:]), truth.vx[first], truth.pdg[first])
        all_of = momentum(table)
        np.testing.assert_allclose(all_of.sum(axis=0), [91.0, 0.0, 0.0, 0.0], atol=0.01)
        unseen = np.isin(np.abs(table.pdg), NEUTRINOS)
        assert not np.isin(np.flatnonzero(first)[unseen], event.truth.particle).any()
        np.testing.assert_allclose(
            all_of[unseen].sum(axis=0)[1:], -all_of[~unseen].sum(axis=0)[1:], atol=0.01
        )
        missing += int(unseen.sum())
    assert missing >= 8  # each tau has one at least


def test_the_energy_chooses_the_pool_and_380_is_the_default_of_quarks() -> None:
    for ecm, energy in ((91.0, 91.0), (240.0, 240.0), (None, 380.0)):
        (event,) = Pool("qq", SimulationOptions(ecm=ecm))(np.random.default_rng(1), 1)
        assert momentum(event)[:, 0].sum() == pytest.approx(energy, rel=1e-4)


def test_a_cut_of_the_user_holds_for_leptons_too() -> None:
    (event,) = Pool("qq", SimulationOptions(min_pt=1.0, max_eta=1.5))(np.random.default_rng(1), 1)
    pt = np.hypot(event.px, event.py)
    assert pt.min() > 1
    assert np.abs(np.arcsinh(event.pz / pt)).max() < 1.5


def test_leptons_meet_in_a_smaller_spot_than_protons() -> None:
    options = SimulationOptions()
    np.testing.assert_array_equal(collision_spread(Source(), options, LEPTONS), [0.0045, 0.00002, 0.3, 0.03])
    told = Source(spread=np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(collision_spread(told, options, LEPTONS), [1.0, 2.0, 3.0, 0.03])


@pytest.mark.parametrize(
    ("process", "options", "pileup", "words"),
    [
        (
            "qq",
            {"ecm": 100.0},
            0,
            "no pool of process qq at 100 GeV ships, .*qq at 91 or 240 or 380 GeV.*generator=pythia",
        ),
        ("ttbar", {"ecm": 13000.0}, 0, "no pool of process ttbar at 13000 GeV"),
        ("qq", {}, 3, "no pile-up of proton-proton"),
        ("gun", {"ecm": 91.0}, 0, "process gun has no ecm"),
        ("beam", {"pool": "x.parquet"}, 0, "process beam has no ecm and no pool"),
        ("tatau", {}, 0, "process 'tatau' is not known; did you mean 'tautau'"),
        ("lemons", {}, 0, "process 'lemons' is not known; there is gun, beam.*dijet.*tautau"),
    ],
)
def test_what_no_pool_holds_is_refused_with_the_remedy(
    process: str, options: dict[str, object], pileup: int, words: str
) -> None:
    with pytest.raises(BadConfig, match=words):
        generator(process, planes([100.0]), SimulationOptions(**options), pileup)  # type: ignore[arg-type]


def test_a_file_of_the_user_tells_its_energy(tmp_path: Path) -> None:
    options = SimulationOptions(pool=str(write(tmp_path / "mine.parquet")))
    made = generator("qq", planes([100.0]), options, 0)(np.random.default_rng(1))
    assert len(made) == 2
    assert own("minbias", options) is None
    with pytest.raises(BadConfig, match="holds process qq at 300 GeV, not at 380: set ecm"):
        generator("qq", planes([100.0]), replace(options, ecm=380.0), 0)
    with pytest.raises(BadConfig, match="holds no process zh"):
        generator("zh", planes([100.0]), options, 0)


def test_of_a_folder_process_and_energy_choose_the_file(tmp_path: Path) -> None:
    for ecm in (91.0, 380.0):
        write(tmp_path / f"q{ecm:g}.parquet", {"process": "qq", "ecm": str(ecm)})
    pileup = write(tmp_path / "soft.parquet", {"process": "minbias", "ecm": "14000.0"})
    options = SimulationOptions(pool=str(tmp_path))
    assert own("qq", options) == tmp_path / "q380.parquet"
    assert own("qq", replace(options, ecm=91.0)) == tmp_path / "q91.parquet"
    assert own("minbias", options) == pileup
    assert own("zh", options) is None
    write(tmp_path / "twin.parquet", {"process": "qq", "ecm": "91.0"})
    with pytest.raises(BadConfig, match=r"q91.parquet, twin.parquet hold .* name one of them"):
        own("qq", replace(options, ecm=91.0))


@pytest.mark.parametrize(
    ("note", "change", "words"),
    [
        ({}, {}, "does not tell its process and ecm"),
        (None, {"pdg": None}, "cannot be read as a pool"),
        (None, {"px": np.array([1, 2, 3, 4, 5, np.nan], np.float32)}, "no finite number"),
        (None, {"py": ["a"] * 6}, "no finite number"),
        (None, {"event": np.array([0, 0, 2, 1, 1, 1])}, "column event: expected events in order"),
        (None, {"event": np.array([0, 0, 1, 1, 1, 10**12])}, "column event: expected events in order"),
    ],
)
def test_a_file_that_is_no_pool_is_refused(
    note: dict[str, str] | None, change: dict[str, object], words: str, tmp_path: Path
) -> None:
    options = SimulationOptions(pool=str(write(tmp_path / "odd.parquet", note, **change)))
    with pytest.raises(BadInput, match=rf"odd.parquet: .*{words}"):
        generator("qq", planes([100.0]), options, 0)


def test_a_missing_file_and_one_of_another_kind_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    for name in ("text", "missing.parquet"):
        with pytest.raises(BadInput, match=rf"{name}: cannot be read as Parquet"):
            own("qq", SimulationOptions(pool=str(tmp_path / name)))


def test_events_of_the_pool_are_events_of_the_file_turned_and_mirrored() -> None:
    pool, offsets = read_pool(shipped("minbias", 14000.0))
    drawn = Pool("minbias", OPTIONS)(np.random.default_rng(5), 6)
    whole = {
        tuple(np.round(np.sort(np.hypot(pool.px[a:b], pool.py[a:b])), 6))
        for a, b in itertools.pairwise(offsets)
    }
    assert len({len(event) for event in drawn}) > 1
    for event in drawn:
        pt = np.hypot(event.px, event.py)
        keep = accepted(event, 0.0, 20.0, neutrals=True)
        assert keep.all()
        assert any(set(np.round(pt, 6)) <= set(file) for file in whole)


def test_the_acceptance_of_the_pool_leaves_no_event_out() -> None:
    narrow = Pool("minbias", replace(OPTIONS, min_pt=1.0, max_eta=2.0))
    pool, offsets = read_pool(shipped("minbias", 14000.0))
    assert len(narrow.offsets) == len(offsets)
    kept = accepted(pool, 1.0, 2.0, neutrals=True)
    counts = [kept[a:b].sum() for a, b in itertools.pairwise(offsets)]
    np.testing.assert_array_equal(np.diff(narrow.offsets), counts)


def test_both_sides_of_the_pool_are_drawn_alike() -> None:
    drawn = Generated.join(Pool("minbias", OPTIONS)(np.random.default_rng(6), 400))
    assert (drawn.pz > 0).mean() == pytest.approx(0.5, abs=0.03)
    phi = np.arctan2(drawn.py, drawn.px)
    assert np.abs(np.exp(1j * phi).mean()) < 0.03
