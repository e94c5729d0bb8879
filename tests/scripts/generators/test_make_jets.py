"""The jets of the reference sample, where Pythia 8 and FastJet are installed."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import concatenate
from gnnreco.events import open_jets

SCRIPTS = Path(__file__).parents[3] / "scripts"


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
    """Mass and momenta after the modified mass drop, by walking the tree of Cambridge/Aachen."""
    momenta = [
        fastjet.PseudoJet(*map(float, (p * np.cos(f), p * np.sin(f), p * np.sinh(h), p * np.cosh(h))))
        for p, h, f in zip(pt, eta, phi)
    ]
    sequence = fastjet.ClusterSequence(momenta, fastjet.JetDefinition(fastjet.cambridge_algorithm, 3.0))
    jet = max(sequence.inclusive_jets(), key=lambda j: j.pt())
    one, other = fastjet.PseudoJet(), fastjet.PseudoJet()
    while jet.has_parents(one, other):
        if min(one.pt(), other.pt()) > 0.1 * (one.pt() + other.pt()):
            return jet.m(), [part.pt() for part in jet.constituents()]
        jet = fastjet.PseudoJet(one if one.pt() > other.pt() else other)
    return jet.m(), [jet.pt()]


def test_grooming_agrees_with_the_tree_walked_by_hand(jet_events):
    import fastjet

    rng = np.random.default_rng(4)
    size = rng.integers(1, 30, 40)
    pt, eta, phi = rng.exponential(20, size.sum()) + 0.5, *rng.normal(0, 0.3, (2, size.sum()))
    features = jet_events._groomed(size, pt, eta, phi)
    ends = np.cumsum(size)
    for row, start, end in zip(features, ends - size, ends):
        mass, kept = _by_hand(fastjet, pt[start:end], eta[start:end], phi[start:end])
        assert row[-1] == pytest.approx(mass, abs=1e-3)
        # At beta = 0 the angles do not matter: half of what the squares of the shares leave.
        z = np.array(kept) / sum(kept)
        assert row[0] == pytest.approx((1 - np.sum(z**2)) / 2, abs=1e-6)


def test_the_same_seed_gives_the_same_jets_and_what_is_there_stays(jet_events, tmp_path):
    make = _script("make_jets")
    for folder in ("a", "b"):
        make.make_jets(tmp_path / folder, 30, 11)
    one, two = (tmp_path / folder / "jets-000011.parquet" for folder in ("a", "b"))
    assert one.read_bytes() == two.read_bytes()
    before = one.stat().st_mtime_ns
    make.make_jets(tmp_path / "a", 30, 11)
    assert one.stat().st_mtime_ns == before
    jets = concatenate([block.jets for block in open_jets(tmp_path / "a")])
    assert np.bincount(jets.label).tolist() == [6] * 5
    assert jets.jet_pt.min() > 800
    whole = jets.features[:, [jets.feature_names.index(name) for name in ("multiplicity", "zlogz")]]
    assert (whole[:, 0] >= np.diff(jets.offsets)).all()
    assert (whole[:, 1] < -1).all()
    # The constituents kept carry nearly all of the jet, and their middle is its axis.
    carried = np.add.reduceat(jets.pt, jets.offsets[:-1]) / jets.jet_pt
    assert (carried > 0.9).all()
    assert (carried < 1.1).all()
    assert np.abs(np.add.reduceat(jets.pt * jets.phi, jets.offsets[:-1]) / jets.jet_pt).max() < 0.05


def test_neutral_particles_share_towers(jet_events):
    event = np.zeros(3, np.int64)
    near = np.array([0.011, 0.012, 0.5]), np.array([0.005, 0.006, 3.1])
    found = jet_events._towers(
        event, np.array([10.0, 20.0, 0.1]), *near, (0.0, 0.0, 0.5), np.random.default_rng(0)
    )
    assert found[0].tolist() == [0]
    assert found[1] * np.cosh(found[2]) == pytest.approx(30)
    assert found[2] == pytest.approx(0.01)


def test_events_of_a_trigger_are_rows(jet_events, tmp_path):
    make, events = _script("make_jets"), _script("peers/trigger_events")
    make.make_jets(tmp_path, 40, 3, events.CLASSES, events=True)
    jets = concatenate([block.jets for block in open_jets(tmp_path)])
    assert np.bincount(jets.label).tolist() == [10] * 4
    column = {name: jets.features[:, i] for i, name in enumerate(jets.feature_names)}
    assert (column["jet0_pt"] >= column["jet1_pt"]).all()
    kept = np.diff(jets.offsets) > 0
    assert (column["jet0_pt"][kept] > events.JET_PT).all()
    first = np.array([jets.pt[i] for i in jets.offsets[:-1][kept]])
    assert first == pytest.approx(column["jet0_pt"][kept], rel=1e-5)
    assert (column["met"] > 0).all()
    # Four leptons of a Higgs boson are what the others hardly have.
    leptons = sum((column[f"{kind}{i}_pt"] > 0).astype(int) for kind in ("e", "mu") for i in range(2))
    assert leptons[jets.label == 2].mean() > leptons[jets.label == 0].mean() + 0.5
