"""What pairs, pieces and clusters ought to be: by hand, for pi0, and as the evaluation has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import Clusters, Event
from gnnreco.evaluate.clustering import true_energy
from gnnreco.evaluate.sharing import share
from gnnreco.geometry import Detector, load_detector
from gnnreco.graphs.showers.cells import visible_fraction
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.showers.edges import Shares, whole_shares
from gnnreco.tasks.showers.targets import (
    CHARGED,
    NEUTRAL,
    NOISE,
    PHOTON,
    UNKNOWN,
    CellTruth,
    cell_truth,
    cluster_targets,
    overlaps,
    pair_targets,
    piece_targets,
)
from tests.tasks.toy import STACK, truth_of

#: Cell 0: a GeV of the first particle; 1: shared; 2: two GeV of the second; 3: noise.
LINKS = [(0, 0, 1.0), (1, 0, 3.0), (1, 1, 1.0), (2, 1, 2.0)]


@pytest.fixture(scope="module")
def detector(detector_folder: Callable[..., Path]) -> Detector:
    return load_detector(detector_folder("stack", STACK))


def shoot(detector: Detector, particle: str, count: int, events: int = 1, **more: object) -> list[Event]:
    options = SimulationOptions(particle=particle, energy=(5.0, 20.0), count=count, eta=(2.3, 3.0), **more)  # type: ignore[arg-type]
    return list(simulate(detector, "gun", events, seed=4, options=options))


def truth_in(detector: Detector, event: Event) -> CellTruth:
    return cell_truth(event, np.arange(len(event.hits)), visible_fraction(detector, event.hits.sensor))


def test_pairs_by_hand() -> None:
    neighbour = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]], np.int32)
    expected = [[0.75, 0, 0], [0.75, 0.25, 0], [0, 0.25, 0], [0, 0, 0]]
    np.testing.assert_allclose(pair_targets(truth_of(LINKS, [4.0, 3.0]), neighbour, 2), expected)
    assert pair_targets(truth_of([], []), neighbour[:0], 0).shape == (0, 3)


def test_pieces_by_hand() -> None:
    shares = whole_shares(np.array([0, 0, 1, 2]))
    neighbour = np.array([[1, 2], [0, 2], [0, 1]], np.int32)
    # The first piece is four fifths the first particle's, the second all the second's, the third noise.
    np.testing.assert_allclose(
        piece_targets(truth_of(LINKS, [4.0, 3.0]), shares, neighbour), [[0.2, 0], [0.2, 0], [0, 0]], rtol=1e-6
    )


def test_cells_in_no_piece_do_not_count() -> None:
    shares = whole_shares(np.array([0, -1, 1, -1]))
    out = piece_targets(truth_of(LINKS, [4.0, 3.0]), shares, np.array([[1], [0]], np.int32))
    np.testing.assert_allclose(out, [[0], [0]])


def test_matched_noise_and_unknown() -> None:
    truth = truth_of([(0, 0, 4.0), (1, 0, 1.0), (1, 1, 1.0), (2, 1, 3.0)], [6.0, 5.0], [PHOTON, CHARGED])
    energy = np.array([4.0, 2.0, 3.0, 5.0])

    def judged(cluster: list[int]) -> tuple[list[float], list[int]]:
        out = cluster_targets(truth, whole_shares(np.array(cluster)), energy)
        return out.energy.tolist(), out.kind.tolist()

    assert judged([0, 0, 1, -1]) == ([6.0, 5.0], [PHOTON, CHARGED])
    wanted, kind = judged([0, -1, 0, 1])  # 4 of 7 GeV are the first's; the last cell is nobody's
    assert kind == [PHOTON, NOISE]
    assert np.isnan(wanted[1])
    wanted, kind = judged([-1, 0, -1, -1])  # half of it, but a fifth of what the particle left
    assert kind == [UNKNOWN]
    assert np.isnan(wanted[0])
    assert judged([-1] * 4) == ([], [])
    none = cluster_targets(truth_of([], []), whole_shares(np.zeros(2, np.int64)), np.ones(2))
    assert none.kind.tolist() == [NOISE]


def test_a_cluster_of_both_photons_of_a_pi0_is_a_neutral_hadron() -> None:
    links = [(0, 0, 4.0), (1, 1, 3.0), (2, 2, 3.0)]
    shares = whole_shares(np.array([0, 0, 1]))
    for partner, energy, kind in (
        ([1, 0, -1], [9.0, 3.5], [NEUTRAL, PHOTON]),
        ([-1] * 3, [5.0, 3.5], [PHOTON, PHOTON]),
    ):
        truth = truth_of(links, [5.0, 4.0, 3.5], [PHOTON] * 3, partner)
        out = cluster_targets(truth, shares, np.array([4.0, 3.0, 3.0]))
        assert out.energy.tolist() == energy
        assert out.kind.tolist() == kind
    apart = cluster_targets(
        replace(truth, partner=np.array([1, 0, -1])), whole_shares(np.arange(3)), np.array([4.0, 3, 3])
    )
    assert apart.kind.tolist() == [PHOTON] * 3


def test_either_photon_of_a_pi0_is_a_neutral_hadron_where_their_showers_overlap() -> None:
    kinds, partner = [PHOTON] * 3, [1, 0, -1]
    for shared, kind in ((0.5, NEUTRAL), (0.01, PHOTON)):
        links = [(0, 0, 4.0), (1, 0, shared), (1, 1, 0.6), (1, 2, 0.1), (2, 1, 2.4), (3, 2, 3.0)]
        truth = truth_of(links, [5.0, 4.0, 3.5], kinds, partner)
        np.testing.assert_allclose(overlaps(truth), [shared / 3, shared / 3, 0])
        energy = np.array([4.0, shared + 0.7, 2.4, 3.0])
        out = cluster_targets(truth, whole_shares(np.array([0, 1, 1, 2])), energy)
        assert out.kind.tolist() == [kind, kind, PHOTON]
        assert out.energy.tolist() == [5.0, 4.0, 3.5]  # each its own


def test_photons_of_one_pi0_are_partners_and_others_are_not(detector: Detector) -> None:
    found = 0
    for event in shoot(detector, "pi0,photon", 6, 4):
        assert event.truth is not None
        p, truth = event.truth.particles, truth_in(detector, event)
        rows = np.unique(event.truth.particle)
        photons = p.pdg[rows] == 22
        mother = np.array([p.pdg == 111]).any() and (p.particle_id[rows] >> 15 & 0xFF > 0)
        assert (truth.partner[~photons] == -1).all()
        for i in np.flatnonzero(truth.partner >= 0):
            j = truth.partner[i]
            assert truth.partner[j] == i
            assert mother[i]
            assert mother[j]
            total = [sum(getattr(p, c)[rows[k]] for k in (i, j)) for c in ("px", "py", "pz")]
            parents = np.stack([p.px, p.py, p.pz], axis=1)[p.pdg == 111]
            assert np.abs(parents - total).sum(axis=1).min() < 1e-6
            found += 1
    assert found >= 8


def random_clusters(event: Event, truth: CellTruth, seed: int) -> tuple[Clusters, Shares]:
    """Good clusters, merged, broken, noisy and shared ones."""
    rng, n = np.random.default_rng(seed), len(event.hits)
    label = rng.integers(0, 3, n) + len(truth.energy)
    label[truth.cell] = truth.particle
    label[label == 1] = 0
    moved = rng.random(n) < 0.15
    label[moved] = rng.integers(0, label.max() + 1, moved.sum())
    label[(label == 2) & (rng.random(n) < 0.55)] = label.max() + 1
    whole = whole_shares(np.unique(label, return_inverse=True)[1])
    weight = rng.uniform(0.3, 1.0, len(whole.cell))
    size, m = np.bincount(whole.cluster, minlength=whole.n), whole.n
    clusters = Clusters(
        np.append(0, np.cumsum(size)),
        whole.cell,
        weight,
        *np.ones((2, m)),
        *np.zeros((3, m)),
        np.zeros((m, 3)),
        np.full((m, 6), np.nan),
        np.ones(m),
    )
    return clusters, Shares(whole.cell, whole.cluster, weight, m)


def test_matching_agrees_with_the_evaluation(detector: Detector) -> None:
    matched = total = 0
    for i, event in enumerate(shoot(detector, "photon,pion,neutron", 6, 4, cone=0.4, noise_hits=0.2)):
        truth, fraction = truth_in(detector, event), visible_fraction(detector, event.hits.sensor)
        clusters, shares = random_clusters(event, truth, i)
        assert event.truth is not None
        assert event.hits.energy is not None
        out = cluster_targets(truth, shares, event.hits.energy / fraction)
        sharing = share(event, clusters, fraction)
        assert (np.isfinite(out.energy) == sharing.matched).all()
        mine = sharing.main[sharing.matched]
        np.testing.assert_allclose(out.energy[sharing.matched], true_energy(event.truth.particles)[mine])
        matched, total = matched + len(mine), total + len(clusters)
    assert 4 <= matched < total - 4  # there is something of both
