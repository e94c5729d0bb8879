"""Several deposits of one cell are one hit, wherever events meet their detector."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco import cli
from gnnreco.columns import Collections, Deposits, Event, Hits, Particles, Truth
from gnnreco.events import open_events, write_events
from gnnreco.events.cells import sum_cells
from gnnreco.events.clusters_file import read_clusters
from gnnreco.events.select import select_hits
from gnnreco.geometry import Detector, load_detector

CASE = Path(__file__).parents[1] / "corpus" / "duplicate-cells"


@pytest.fixture(scope="module")
def block() -> Detector:
    return load_detector(CASE / "det")


def test_halves_of_a_cell_are_the_cell(block: Detector) -> None:
    for whole, half in zip(open_events(CASE / "base", block), open_events(CASE / "half", block), strict=True):
        assert whole.hits_summed == 0
        assert half.hits_summed == len(whole.hits) == len(half.hits)
        order, other = (np.lexsort(e.hits.xyz.T) for e in (whole, half))
        for name in ("x", "y", "z", "energy"):
            np.testing.assert_allclose(
                getattr(half.hits, name)[other], getattr(whole.hits, name)[order], rtol=1e-12
            )


def test_the_photon_keeps_its_energy(tmp_path: Path) -> None:
    energies = {}
    for name in ("base", "half"):
        out, report = tmp_path / name, tmp_path / f"{name}.json"
        words = [CASE / name, "--detector", CASE / "det", "-o", out, "--json", report]
        assert cli.main(["reconstruct", *map(str, words)]) == 0
        energies[name] = [row[2].energy.tolist() for row in read_clusters(out)]
        assert json.loads(report.read_text()).get("hits_summed") == (522 if name == "half" else None)
    assert energies["half"] == energies["base"]
    assert energies["base"][0][0] == pytest.approx(19.2, abs=0.05)


def deposits_of(block: Detector) -> Event:
    """Three deposits of one cell and one of the next one by two particles, in a file that says all there is to say."""
    place = block.cell_position([3, 3], [100, 101])[[0, 0, 0, 1]] + np.array(
        [[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]]
    )
    hits = Hits(
        hit_id=np.array([7, 5, 9, 2]),
        x=place[:, 0],
        y=place[:, 1],
        z=place[:, 2],
        sensor=np.full(4, 3, np.int32),
        time=np.array([1.0, 3.0, 9.0, 4.0]),
        energy=np.array([3.0, 1.0, 0.0, 8.0]),
        deposits=Deposits(
            np.array([0, 1, 3, 3, 4]),
            np.array([1, 2, 3, 4], np.int32),
            np.arange(4, dtype=np.int32),
            np.arange(1, 5, dtype=np.float32),
        ),
    )
    zero = np.zeros(2)
    particles = Particles(np.array([11, 12]), np.full(2, 22, np.int32), *[zero] * 7)
    truth = Truth(
        particles,
        np.array([0, 1, 1, 3]),
        np.array([0, 0, 1, 1]),
        np.full(4, 0.25),
        np.array([3.0, 0.5, 0.5, 8.0]),
    )
    return Event(
        1, "made", hits, truth, Collections(("a", "b"), np.array([0, 1, 0, 1], np.int32), np.zeros((4, 3, 3)))
    )


def test_energies_times_truth_and_channels(block: Detector) -> None:
    event = deposits_of(block)
    got = sum_cells(event, block)
    hits, truth = got.hits, got.truth
    assert got.hits_summed == 2
    assert hits.hit_id.tolist() == [5, 2]
    assert hits.energy is not None
    assert hits.time is not None
    assert hits.deposits is not None
    assert hits.energy.tolist() == [4.0, 8.0]
    assert hits.time.tolist() == [1.5, 4.0]
    assert hits.x[0] == pytest.approx(event.hits.x[0] + 0.25)
    assert hits.xyz[1].tolist() == event.hits.xyz[3].tolist()
    assert hits.deposits.offsets.tolist() == [0, 3, 4]
    assert hits.deposits.value.tolist() == [2, 3, 1, 4]
    assert truth is not None
    assert truth.energy is not None
    assert truth.weight is not None
    links = [truth.hit.tolist(), truth.particle.tolist(), truth.energy.tolist()]
    assert links == [[0, 0, 1], [0, 1, 1], [3.5, 0.5, 8.0]]
    assert truth.weight.tolist() == [0.75, 0.25]
    assert got.collections is not None
    assert got.collections.of.tolist() == [1, 1]


@given(st.permutations(range(4)))
def test_the_order_of_the_deposits_changes_nothing(rows: list[int]) -> None:
    block = load_detector(CASE / "det")
    event = deposits_of(block)
    assert event.truth is not None
    place = np.argsort(rows)
    moved = replace(
        event,
        hits=Hits(*(None if v is None else v[rows] for v in _columns(event.hits))),
        truth=replace(event.truth, hit=place[event.truth.hit]),
        collections=None,
    )
    got, want = sum_cells(moved, block), sum_cells(replace(event, collections=None), block)
    order = np.argsort(-got.hits.hit_id)
    for one, two in zip(_columns(got.hits), _columns(want.hits), strict=True):
        assert (one is None) == (two is None)
        assert one is None or one[order].tolist() == two.tolist()
    assert got.truth is not None
    assert want.truth is not None
    ids = [(e.hits.hit_id[t.hit], t.particle, t.energy) for e, t in ((got, got.truth), (want, want.truth))]
    assert sorted(zip(*ids[0], strict=True)) == sorted(zip(*ids[1], strict=True))


def _columns(hits: Hits) -> list:
    return [getattr(hits, name) for name in Hits.__slots__ if name != "deposits"]


def test_trackers_and_time_samples_stay() -> None:
    for name, shift, expected in (("telescope", 0.0, 3), ("tpc", 0.0, 2), ("tpc", 100.0, 3)):
        detector = load_detector(name)
        x, y, z = np.repeat(detector.cell_position([0], [0]), 3, axis=0).T
        time = np.array([100.0, 100.0 + shift, 300.0])
        hits = Hits(np.arange(3), x, y, z, np.zeros(3, np.int32), time=time, energy=np.ones(3))
        assert len(sum_cells(Event(0, "", hits), detector).hits) == expected


def test_hits_in_no_cell_without_energy_or_without_deposits_stay(block: Detector) -> None:
    event = deposits_of(block)
    outside = replace(event, hits=replace(event.hits, sensor=np.full(4, -1, np.int32)))
    nameless = replace(event, hits=replace(event.hits, energy=None))
    single = select_hits(event, np.array([True, False, False, True]))
    empty = select_hits(event, np.zeros(4, bool))
    for same in (outside, nameless, single, empty):
        assert sum_cells(same, block) is same


def test_converted_files_hold_cells(
    tmp_path: Path, block: Detector, capsys: pytest.CaptureFixture[str]
) -> None:
    event = replace(deposits_of(block), collections=None)
    write_events([event], tmp_path / "in", detector=block)
    words = [
        "convert",
        tmp_path / "in",
        "--detector",
        CASE / "det",
        "-o",
        tmp_path / "out",
        "--format",
        "parquet",
    ]
    assert cli.main([*map(str, words)]) == 0
    assert "hits summed" in capsys.readouterr().out
    (again,) = open_events(tmp_path / "out", block)
    assert (len(again.hits), again.hits_summed) == (2, 0)
