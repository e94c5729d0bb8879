"""Particles, jets and missing momentum on the page of an event."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.columns import PARTICLE_CLASSES, ReconstructedParticles
from gnnreco.display.event.flow import add_flow
from gnnreco.display.pack import Pack
from gnnreco.evaluate.particles import jets


def test_without_particles_there_is_nothing() -> None:
    pack = Pack()
    assert add_flow(pack, None) is None
    assert pack.index == []
    told = add_flow(pack, ReconstructedParticles())
    assert told is not None
    assert (told["count"], told["missing"], told["jets"]) == (0, [0, 0], 0)


@pytest.mark.parametrize("there", [True, False])
def test_jets_are_drawn_where_fastjet_is(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if there and not jets.installed():
        pytest.skip("needs FastJet: pip install 'gnnreco[jets]'")
    monkeypatch.setattr(jets, "installed", lambda: there)
    no = np.zeros(3, np.int64)
    momentum = np.array([[30.0, 1, 0], [20, -1, 0]])
    found = ReconstructedParticles(
        np.array([0, 2], np.int32),
        np.eye(5)[[0, 2]],
        np.array([1.0, 0]),
        *momentum.T,
        np.linalg.norm(momentum, axis=1),
        np.ones(2),
        np.ones(2),
        track_offsets=no,
        cluster_offsets=no,
        offsets=no,
    )
    told = add_flow(Pack(), found)
    assert told is not None
    assert told["missing"] == [-50, 0]
    assert told["classes"] == list(PARTICLE_CLASSES)
    assert told["jets"] == (1 if there else 0)
    assert told["without_jets"] == ("" if there else jets.HOW)
