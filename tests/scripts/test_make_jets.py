"""The jets of the reference sample, where Pythia 8 and FastJet are installed."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def jet_events():
    """The generator; skipped where its peers are missing."""
    pytest.importorskip("pythia8mc")
    pytest.importorskip("fastjet")
    return _script("peers/jet_events")


def _script(name):
    folder = str((SCRIPTS / name).parent)
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(Path(name).name)
    finally:
        sys.path.remove(folder)


def _by_hand(fastjet, pt, eta, phi):
    """Mass and multiplicity after the modified mass drop, by walking the tree of Cambridge/Aachen."""
    momenta = [
        fastjet.PseudoJet(*map(float, (p * np.cos(f), p * np.sin(f), p * np.sinh(h), p * np.cosh(h))))
        for p, h, f in zip(pt, eta, phi)
    ]
    sequence = fastjet.ClusterSequence(momenta, fastjet.JetDefinition(fastjet.cambridge_algorithm, 3.0))
    jet = max(sequence.inclusive_jets(), key=lambda j: j.pt())
    one, other = fastjet.PseudoJet(), fastjet.PseudoJet()
    while jet.has_parents(one, other):
        if min(one.pt(), other.pt()) > 0.1 * (one.pt() + other.pt()):
            return jet.m(), len(jet.constituents())
        jet = fastjet.PseudoJet(one if one.pt() > other.pt() else other)
    return jet.m(), 1


def test_grooming_agrees_with_the_tree_walked_by_hand(jet_events):
    import fastjet

    rng = np.random.default_rng(4)
    size = rng.integers(1, 30, 40)
    pt, eta, phi = rng.exponential(20, size.sum()) + 0.5, *rng.normal(0, 0.3, (2, size.sum()))
    features = jet_events._groomed(size, pt, eta, phi)
    ends = np.cumsum(size)
    for row, start, end in zip(features, ends - size, ends):
        mass, count = _by_hand(fastjet, pt[start:end], eta[start:end], phi[start:end])
        assert row[-1] == count
        assert row[-2] == pytest.approx(mass, abs=1e-3)
