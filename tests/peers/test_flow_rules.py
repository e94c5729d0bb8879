"""Particle flow by rules on tracks and clusters that are laid out by hand."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnreco.columns import PARTICLE_CLASSES

PEERS = str(Path(__file__).parents[2] / "scripts" / "peers")
CHARGED, NEUTRAL, PHOTON, ELECTRON, MUON = range(5)


@pytest.fixture(scope="module")
def peers() -> Any:
    """The modules of scripts/peers, which is no package."""
    sys.path.insert(0, PEERS)
    try:
        names = ("pieces", "rules", "settings", "showers")
        return {name: importlib.import_module(f"flow_{name}") for name in names}
    finally:
        sys.path.remove(PEERS)


def piece(em: float, had: float, x: float, y: float, depth: float, width: float = 5.0) -> list[float]:
    """Moments of energies (GeV) in front and behind, in a plane at z = 2,000 mm, at a mean depth; 20 mm is the lateral unit."""
    e, z = em + had, 2000.0
    second = [e * (x * x + width**2), e * (y * y + width**2), e * z * z, e * x * y, e * x * z, e * y * z]
    return [em, had, e * x, e * y, e * z, *second, e * depth, e * 20.0, 10.0]


def apart(m: int, gaps: dict[tuple[int, int], float] | None = None) -> dict[str, Any]:
    """Columns for so many pieces of which these pairs lie beside each other; each pair is named once."""
    both = sorted((x, y, gap) for (a, b), gap in (gaps or {}).items() for x, y in ((a, b), (b, a)))
    first, beside, gap = (np.array([row[k] for row in both]) for k in range(3))
    start = np.searchsorted(first, np.arange(m + 1)).astype(np.int64)
    return {"beside": beside.astype(np.int64), "gap": gap.astype(float), "beside_start": start}


def event(
    peers: Any,
    momenta: list[float],
    pieces: list[list[float]],
    cluster: list[int] | None = None,
    distance: list[list[float]] | None = None,
    **columns: Any,
) -> Any:
    """Tracks along z, with the paths at these distances from pieces."""
    n, m = len(momenta), len(pieces)
    p = np.array(momenta, float)
    values = {
        "momentum": np.stack([0 * p, 0 * p, p], axis=1),
        "error": np.full(n, 0.01),
        "score": np.ones(n),
        "charge": np.ones(n),
        "em": np.full(n, 0.3),
        "had": np.full(n, 0.5),
        "mips": np.full(n, 10.0),
        "layers": np.full(n, 30.0),
        "nuclear": np.full(n, 3.0),
        "behind": np.zeros(n),
        "cluster": np.array(range(m) if cluster is None else cluster, np.int64),
        "moments": np.array(pieces, float).reshape(m, 14),
        "start": np.full(m, 2.0),
        "distance": np.full((n, m), np.inf) if distance is None else np.array(distance, float),
        **apart(m),
        "vertex": np.zeros(3),
    }
    return peers["pieces"].FlowEvent(**{**values, **columns})


def run(peers: Any, made: Any, **changed: Any) -> Any:
    settings = peers["settings"].FlowSettings(hadron_weights=(1.0, 1.0), photon_weights=(1.0, 1.0))
    return peers["rules"].particle_flow(made, replace(settings, **changed))


HADRON = {"em": 4.0, "had": 6.0, "x": 0.0, "y": 0.0, "depth": 40.0}


def test_a_track_and_its_cluster_are_one_charged_hadron_with_the_momentum_of_the_track(peers: Any) -> None:
    found = run(peers, event(peers, [9.5], [piece(**HADRON)], distance=[[0.5]]))
    assert found.class_index.tolist() == [CHARGED]
    assert found.pz[0] == 9.5
    assert found.energy[0] == pytest.approx(np.hypot(9.5, 0.13957))
    assert (found.track_index.tolist(), found.cluster_index.tolist()) == ([0], [0])


def test_a_narrow_early_cluster_alone_is_a_photon_and_a_deep_one_a_neutral_hadron(peers: Any) -> None:
    made = event(peers, [], [piece(5.0, 0.0, 300.0, 0.0, 8.0), piece(1.0, 7.0, -900.0, 0.0, 50.0)])
    found = run(peers, made)
    assert found.class_index.tolist() == [NEUTRAL, PHOTON]
    np.testing.assert_allclose(found.energy, [8.0, 5.0])
    np.testing.assert_allclose(found.px[1] / found.pz[1], 300 / 2000)
    assert found.charge.tolist() == [0, 0]


def test_a_photon_beside_a_track_is_not_taken_for_what_the_track_left(peers: Any) -> None:
    made = event(peers, [9.5], [piece(**HADRON), piece(3.0, 0.0, 60.0, 0.0, 8.0)], distance=[[0.5, 3.0]])
    found = run(peers, made)
    assert found.class_index.tolist() == [CHARGED, PHOTON]
    assert found.energy[1] == pytest.approx(3.0)


def test_too_much_energy_for_the_momentum_gives_back_the_far_piece(peers: Any) -> None:
    pieces = [piece(**HADRON), piece(6.0, 6.0, 100.0, 0.0, 40.0)]
    found = run(peers, event(peers, [9.5], pieces, cluster=[0, 0], distance=[[0.5, 5.0]]))
    assert found.class_index.tolist() == [NEUTRAL, CHARGED]
    assert found.energy[0] == pytest.approx(12.0)
    assert found.px[0] / found.pz[0] == pytest.approx(100 / 2000)


def test_too_much_energy_in_one_piece_leaves_the_excess_as_a_neutral_particle(peers: Any) -> None:
    found = run(peers, event(peers, [10.0], [piece(10.0, 20.0, 0.0, 0.0, 40.0)], distance=[[0.2]]))
    assert found.class_index.tolist() == [NEUTRAL, CHARGED]
    assert found.energy[0] == pytest.approx(20.0)


def test_too_little_energy_fetches_the_nearest_free_cluster_and_no_more_than_fits(peers: Any) -> None:
    pieces = [
        piece(1.0, 1.0, 0.0, 0.0, 40.0),
        piece(1.0, 5.0, 90.0, 0.0, 40.0),
        piece(0.0, 40.0, 100.0, 0.0, 60.0),
    ]
    found = run(peers, event(peers, [9.0], pieces, distance=[[0.2, 4.0, 5.0]]))
    assert found.class_index.tolist() == [NEUTRAL, CHARGED]
    assert found.cluster_index.tolist() == [2, 0, 1]


def test_of_two_tracks_whose_energy_is_there_once_the_worse_measured_one_is_left_out(peers: Any) -> None:
    pieces = [piece(16.0, 24.0, 0.0, 0.0, 40.0)]
    made = event(peers, [40.0, 40.0], pieces, distance=[[0.2], [0.3]], error=np.array([0.1, 0.01]))
    found = run(peers, made)
    assert (found.class_index.tolist(), found.track_index.tolist()) == ([CHARGED], [1])
    assert found.cluster_index.tolist() == [0]
    assert len(run(peers, made, n_bad=100.0)) == 2


def test_small_clusters_about_a_photon_are_part_of_it_whatever_they_look_like(peers: Any) -> None:
    pieces = [piece(5.0, 0.0, 0.0, 0.0, 8.0), piece(0.2, 0.1, 15.0, 0.0, 40.0)]
    found = run(peers, event(peers, [], pieces))
    assert found.class_index.tolist() == [PHOTON]
    assert found.energy[0] == pytest.approx(5.3)


def test_free_pieces_of_hadrons_that_touch_are_one(peers: Any) -> None:
    pieces = [piece(1.0, 5.0, 0.0, 0.0, 40.0), piece(0.5, 3.0, 200.0, 0.0, 50.0)]
    assert len(run(peers, event(peers, [], pieces))) == 2
    found = run(peers, event(peers, [], pieces, **apart(2, {(0, 1): 0.1})))
    assert found.energy.tolist() == pytest.approx([9.5])


def test_hadrons_are_calibrated_by_a_curve_that_has_an_inverse(peers: Any) -> None:
    settings = peers["settings"].FlowSettings(bend=0.08)
    energy = np.array([0.5, 2.0, 10.0, 80.0])
    signal = peers["showers"].straight(energy, settings)
    np.testing.assert_allclose(peers["showers"].bent(signal, settings), energy)
    assert (np.diff(signal / energy) > 0).all()


def test_a_cluster_of_two_tracks_is_compared_with_both(peers: Any) -> None:
    made = event(peers, [6.0, 4.0], [piece(**HADRON)], distance=[[0.5], [1.0]])
    found = run(peers, made)
    assert found.class_index.tolist() == [CHARGED, CHARGED]
    assert found.track_index.tolist() == [0, 1]


def test_electrons_and_muons_by_what_lies_along_the_track(peers: Any) -> None:
    pieces = [piece(20.0, 0.0, 0.0, 0.0, 8.0), piece(0.3, 1.2, 500.0, 0.0, 40.0)]
    distance = [[0.1, np.inf], [np.inf, 0.1]]
    along = {"em": np.array([0.98, 0.01]), "had": np.array([0.0, 0.03]), "mips": np.array([50.0, 1.3])}
    found = run(
        peers, event(peers, [20.0, 40.0], pieces, distance=distance, behind=np.array([0.0, 5.0]), **along)
    )
    assert found.class_index.tolist() == [MUON, ELECTRON]


def test_a_track_that_cannot_be_trusted_leaves_its_cluster_to_a_neutral(peers: Any) -> None:
    made = event(peers, [500.0], [piece(**HADRON)], distance=[[0.5]], error=np.array([2.0]))
    found = run(peers, made)
    assert found.class_index.tolist() == [NEUTRAL]
    assert found.energy[0] == pytest.approx(10.0)


def test_no_clusters_no_tracks_nothing(peers: Any) -> None:
    assert run(peers, event(peers, [3.0], [])).class_index.tolist() == [CHARGED]
    assert run(peers, event(peers, [], [piece(**HADRON)])).class_index.tolist() == [NEUTRAL]
    nothing = run(peers, event(peers, [], []))
    assert len(nothing) == 0
    assert nothing.class_probability.shape == (0, len(PARTICLE_CLASSES))


def test_the_order_of_tracks_and_pieces_changes_nothing(peers: Any) -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        n, m = 6, 40
        energy, place = rng.exponential(2.0, (m, 2)), rng.uniform(-600, 600, (m, 2))
        pieces = [piece(*energy[k], *place[k], rng.uniform(4, 60), rng.uniform(2, 60)) for k in range(m)]
        cluster = rng.integers(0, 15, m)
        at = rng.uniform(-600, 600, (n, 2))
        distance = np.linalg.norm(place[None] - at[:, None], axis=2) / 20
        columns = {"em": rng.uniform(0, 1.2, n), "had": rng.uniform(0, 0.1, n)}
        gaps = {(a, a + 1): rng.uniform(0, 3) for a in range(0, m - 1, 2)}
        columns |= apart(m, gaps)
        one = event(peers, list(rng.exponential(8.0, n)), pieces, list(cluster), list(distance), **columns)
        rows, cols, names = rng.permutation(n), rng.permutation(m), rng.permutation(15)
        by_track = (
            "momentum",
            "error",
            "score",
            "charge",
            "em",
            "had",
            "mips",
            "layers",
            "nuclear",
            "behind",
        )
        other = replace(
            one,
            **{name: getattr(one, name)[rows] for name in by_track},
            moments=one.moments[cols],
            start=one.start[cols],
            cluster=names[one.cluster[cols]],
            distance=one.distance[np.ix_(rows, cols)],
            **apart(m, {tuple(np.argsort(cols)[list(pair)]): gap for pair, gap in gaps.items()}),
        )
        a, b = run(peers, one), run(peers, other)
        np.testing.assert_array_equal(a.class_index, b.class_index)
        np.testing.assert_allclose(a.energy, b.energy, rtol=1e-9)
        np.testing.assert_allclose(a.px, b.px, rtol=1e-9, atol=1e-12)
