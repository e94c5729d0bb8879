"""From owners to particles: whose energy is what is expected of it, who becomes one, what each is made of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import PARTICLE_CLASSES, Floats, ReconstructedParticles
from gnnreco.models.element_network import NOTHING
from gnnreco.tasks.particleflow.judgement import MASSES, Momenta
from gnnreco.tasks.particleflow.particles import kept, particles_of
from gnnreco.tasks.particleflow.sharing import Shares

CHARGED, NEUTRAL, PHOTON, ELECTRON, MUON = range(len(PARTICLE_CLASSES))


def judged(size: list[float], sure: list[float], kind: list[int], seed: int = 0) -> Momenta:
    """Owners of these sizes (GeV) that are, with a probability, of a class, and else nothing."""
    probability = np.zeros((len(size), NOTHING + 1))
    probability[np.arange(len(size)), kind] = sure
    probability[:, NOTHING] = 1 - np.array(sure)
    way = np.random.default_rng(seed).normal(size=(len(size), 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    return Momenta(
        torch.from_numpy(probability).float(),
        torch.from_numpy(np.log(size)).float(),
        torch.full((len(size),), float(np.log(0.1))),
        torch.from_numpy(way).float(),
    )


def owned(n_tracks: int, rows: list[tuple[int, int, float]], showers: int) -> Shares:
    """Every track and every shower is an owner; (owner, shower, share) for each part."""
    part, shower, share = np.array(sorted(rows) or np.zeros((0, 3))).T
    return Shares(np.arange(n_tracks + showers), part.astype(np.int64), shower.astype(np.int64), share)


def particles(
    found: Momenta, shares: Shares, charges: list[float], least: float = 0.5, cells: list[int] | None = None
) -> ReconstructedParticles:
    """With tracks of these charges; `cells`: the cell of each shower, whose hit has its number plus a hundred."""
    elements: Any = SimpleNamespace(
        tracks=_Tracks(charges),
        showers=SimpleNamespace(cell=np.array(cells or [], np.int64)),
        cells=SimpleNamespace(index=np.arange(100, 120)),
    )
    return particles_of(elements, None, shares, found, least, cells is not None)  # type: ignore[arg-type]


class _Tracks:
    def __init__(self, charges: list[float]) -> None:
        self.q_over_p: Floats = np.array(charges, float)

    def __len__(self) -> int:
        return len(self.q_over_p)


def test_a_neutral_has_its_energy_times_the_probability_that_it_is_anything() -> None:
    shares = owned(1, [(1, 0, 1.0), (2, 1, 1.0)], 2)
    found = kept(shares, judged([8.0, 10.0, 20.0], [0.5, 0.8, 1.0], [CHARGED, PHOTON, NEUTRAL]), 1, 0.0)
    assert found.row.tolist() == [2, 0, 1]
    # The track keeps its momentum however doubtful it is: energy from momentum and mass.
    assert found.energy == pytest.approx([20.0, np.hypot(8.0, MASSES[CHARGED]), 8.0], rel=1e-6)
    assert found.kind.tolist() == [NEUTRAL, CHARGED, PHOTON]


def test_no_particle_has_less_energy_than_mass() -> None:
    found = kept(owned(0, [], 2), judged([0.3, 0.3], [1.0, 0.9], [NEUTRAL, PHOTON]), 0, 0.0)
    assert found.energy == pytest.approx([MASSES[NEUTRAL], 0.27], rel=1e-6)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12), st.floats(0.0, 1.0), st.integers(0, 12))
def test_those_are_kept_whose_score_is_enough_the_most_energetic_first(
    sure: list[float], least: float, n_tracks: int
) -> None:
    n = len(sure)
    found = judged(np.random.default_rng(n).uniform(1, 50, n).tolist(), sure, [PHOTON] * n)
    these = kept(owned(min(n_tracks, n), [], n - min(n_tracks, n)), found, min(n_tracks, n), least)
    score = 1 - found.probability[:, NOTHING].double().numpy()
    assert sorted(these.row) == np.flatnonzero(score >= least).tolist()
    assert (np.diff(these.energy) <= 0).all()


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=12), st.integers(0, 99))
def test_the_expected_sum_does_not_depend_on_how_sure_pieces_are(sure: list[float], seed: int) -> None:
    """Photons that are there as often as their probability says carry, all together, the energy that is seen."""
    size = np.random.default_rng(seed).uniform(1, 50, len(sure))
    found = kept(owned(0, [], len(sure)), judged(size.tolist(), sure, [PHOTON] * len(sure)), 0, 0.0)
    assert found.energy.sum() == pytest.approx((size * np.float32(sure)).sum(), rel=1e-5)


def test_equal_energies_keep_the_order_of_their_elements() -> None:
    found = kept(owned(0, [], 3), judged([5.0, 5.0, 5.0], [1.0] * 3, [PHOTON] * 3), 0, 0.5)
    assert found.row.tolist() == [0, 1, 2]


@given(
    st.lists(st.tuples(st.floats(0.6, 60), st.integers(0, 4)), min_size=1, max_size=10),
    st.integers(0, 10),
    st.integers(0, 99),
)
def test_energy_momentum_and_mass_agree(pieces: list[tuple[float, int]], n_tracks: int, seed: int) -> None:
    n = len(pieces)
    n_tracks = min(n_tracks, n)
    found = judged([size for size, _ in pieces], [1.0] * n, [kind for _, kind in pieces], seed)
    made = particles(found, owned(n_tracks, [], n - n_tracks), [0.1] * n_tracks)
    square = made.energy**2 - made.px**2 - made.py**2 - made.pz**2
    assert square == pytest.approx(np.array(MASSES)[made.class_index] ** 2, abs=2e-5 * made.energy.max() ** 2)
    np.testing.assert_allclose(made.class_probability.sum(axis=1), 1.0)
    np.testing.assert_allclose(made.energy_sigma, 0.1 * made.energy, rtol=1e-5)


def test_charges_tracks_and_clusters_follow_their_owners() -> None:
    # Two tracks, three showers; the first track has the first shower and most of the second.
    shares = owned(2, [(0, 0, 1.0), (0, 1, 0.6), (2 + 1, 1, 0.4), (2 + 2, 2, 1.0)], 3)
    found = judged(
        [5.0, 30.0, 1.0, 2.0, 9.0], [1.0, 1.0, 0.1, 1.0, 1.0], [MUON, ELECTRON, PHOTON, PHOTON, NEUTRAL]
    )
    made = particles(found, shares, [-0.2, 0.03])
    assert made.class_index.tolist() == [ELECTRON, NEUTRAL, MUON, PHOTON]
    assert made.charge.tolist() == [1.0, 0.0, -1.0, 0.0]
    assert (made.track_offsets.tolist(), made.track_index.tolist()) == ([0, 1, 1, 2, 2], [1, 0])
    # Less than half of a shower is not named: the photon has a part of the second one only.
    assert (made.cluster_offsets.tolist(), made.cluster_index.tolist()) == ([0, 0, 1, 3, 3], [2, 0, 1])
    assert made.offsets.tolist() == [0] * 5


def test_with_cells_as_elements_particles_name_hits() -> None:
    shares = owned(1, [(0, 1, 1.0), (1, 0, 1.0), (1, 2, 1.0)], 3)
    found = judged([5.0, 8.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0], [CHARGED, PHOTON, PHOTON, PHOTON])
    made = particles(found, shares, [0.2], cells=[7, 3, 11])
    assert made.class_index.tolist() == [PHOTON, CHARGED]
    assert (made.offsets.tolist(), made.hit_index.tolist()) == ([0, 2, 3], [107, 111, 103])
    assert made.cluster_offsets.tolist() == [0, 0, 0]


def test_a_part_of_an_owner_that_is_not_kept_is_named_by_nobody() -> None:
    shares = owned(0, [(0, 0, 1.0), (1, 1, 1.0)], 2)
    made = particles(judged([5.0, 8.0], [0.4, 1.0], [PHOTON, PHOTON]), shares, [])
    assert (len(made), made.cluster_index.tolist()) == (1, [1])
    nobody = particles(judged([5.0], [0.1], [PHOTON]), owned(0, [(0, 0, 1.0)], 1), [])
    assert (len(nobody), nobody.cluster_offsets.tolist()) == (0, [0])
