"""What became of the particles of an LCIO file: decays keep energy, and parents that were cut away are stepped over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gnnreco.columns import Ints, Particles
from gnnreco.errors import BadInput
from gnnreco.events.readers.lcio.fates import _balanced, _parents

PION, PROTON, ALPHA = 0.13957, 0.93827, 3.7274


def particles(pdg: list[int], momentum: list[list[float]]) -> Particles:
    zero, p = np.zeros(len(pdg)), np.array(momentum)
    return Particles(np.arange(len(pdg)) + 1, np.array(pdg, np.int32), zero, zero, zero, zero, *p.T)


def balanced(pdg: list[int], momentum: list[list[float]], mass: list[float]) -> bool:
    """Whether all but the first look like what the first decayed to."""
    made = particles(pdg, momentum)
    last = np.stack([made.px, made.py, made.pz], axis=1)
    parent = np.array([-1] + [0] * (len(pdg) - 1))
    return bool(_balanced(made, np.array(mass), parent, last)[0])


def test_a_decay_keeps_momentum_and_energy() -> None:
    kaon, half = float(np.hypot(1, 0.49761)), 0.5
    apart = float(np.sqrt(kaon**2 / 4 - PION**2 - half**2))
    assert balanced([310, 211, -211], [[1, 0, 0], [half, apart, 0], [half, -apart, 0]], [0.49761, PION, PION])
    assert not balanced([310, 211, -211], [[1, 0, 0], [half, 0, 0], [half, 0, 0]], [0.49761, PION, PION])


def test_a_pion_that_a_nucleus_took_has_not_decayed() -> None:
    """All momenta add up, but what came of it has the mass of the nucleus as well."""
    momentum: list[list[float]] = [[1, 0, 0], [0.6, 0, 0], [0.4, 0, 0]]
    assert not balanced([-211, 1000020040, 2212], momentum, [PION, ALPHA, PROTON])


class Pointers:
    """A collection of particles whose parents are given by their rows, and the content that it is all of."""

    def __init__(self, parents: list[list[int]]) -> None:
        offsets = np.concatenate([[0], np.cumsum([len(p) for p in parents])]).astype(np.int64)
        to = np.array([row for p in parents for row in p], np.int64)
        items = SimpleNamespace(unsigned=lambda name: to)
        self.name, self.length = "MCParticle", len(parents)
        self.table = SimpleNamespace(lists={"parents": (offsets, items)})
        self.file, self.where = "file", "event 0"

    def __len__(self) -> int:
        return self.length

    def rows(self, pointers: Ints, *_: Any) -> Ints:
        return pointers


def parents(given: list[list[int]], kept: list[int]) -> list[int]:
    place = np.full(len(given), -1)
    place[kept] = np.arange(len(kept))
    one: Any = Pointers(given)
    return _parents(one, [one], place).tolist()


def test_the_nearest_ancestor_that_is_kept_is_the_parent() -> None:
    """A K0S (0), two neutral pions that the generator decayed as well (1, 2), and their photons (3-6)."""
    family = [[], [0], [0], [1], [1], [2], [2]]
    assert parents(family, [0, 3, 4, 5, 6]) == [-1, 0, 0, 0, 0]
    assert parents(family, [1, 3, 5]) == [-1, 0, -1]
    assert parents(family, list(range(7))) == [-1, 0, 0, 1, 1, 2, 2]


def test_a_parent_that_is_kept_goes_before_one_that_is_cut() -> None:
    assert parents([[], [0], [], [1, 2]], [0, 2, 3]) == [-1, -1, 1]
    assert parents([[], [], [0, 1]], [0, 1, 2]) == [-1, -1, 0]


def test_nobody_is_an_own_ancestor() -> None:
    with pytest.raises(BadInput, match="its own ancestor"):
        parents([[1], [0]], [0, 1])
    assert parents([[], [2], [1], [1]], [0, 3]) == [-1, -1]  # a circle of what is cut leads nowhere
