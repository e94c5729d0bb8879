"""Rows of two wide jets from the particles of an event, and from what a reconstruction wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gnnreco.columns import Floats
from gnnreco.evaluate.particles.jets import installed
from gnnreco.search import read_events
from gnnreco.search.dijets import DIJETS, dijet, tau21

from .toys import write_found, write_found_clusters

pytestmark = pytest.mark.skipif(not installed(), reason="needs FastJet: pip install 'gnnreco[jets]'")


def beam(phi: float, energies: tuple[float, ...], apart: float) -> Floats:
    """Massless particles at rapidity zero, so far apart in azimuth."""
    at = phi + apart * np.arange(len(energies))
    e = np.array(energies, float)
    return np.stack([e * np.cos(at), e * np.sin(at), 0 * e, e], axis=1)


def test_masses_and_shapes_of_two_jets() -> None:
    narrow, wide = beam(0.0, (400.0, 300.0, 5.0), 0.02), beam(np.pi, (400.0, 300.0), 0.6)
    row = dijet(np.concatenate([narrow, wide, beam(1.6, (20.0,), 0.0)]))
    assert row is not None
    told = dict(zip(DIJETS, row, strict=True))
    mass = 2 * np.sqrt(400 * 300) * np.sin(0.3)  # of two massless particles 0.6 apart
    assert np.isclose(told["mj1"] + told["delta_mj"], mass)
    assert told["mj1"] < 20
    whole = np.concatenate([narrow, wide]).sum(axis=0)
    assert np.isclose(told["mjj"], np.sqrt(whole[3] ** 2 - (whole[:3] ** 2).sum()))
    assert told["tau21_2"] < 1e-6  # two particles lie on two axes
    assert dijet(narrow) is None


def test_a_jet_of_two_prongs_has_a_low_ratio() -> None:
    draw = np.random.default_rng(1)

    def spray(prongs: tuple[float, ...]) -> Floats:
        parts = [beam(at + draw.normal(0, 0.05), (10.0,), 0.0) for at in prongs for _ in range(20)]
        return np.concatenate(parts)

    assert tau21(spray((0.0, 0.5))) < 0.4 < tau21(spray((0.0,)))
    assert tau21(beam(0.0, (10.0,), 0.0)) == 0


def test_what_a_reconstruction_found_is_a_table(tmp_path: Path) -> None:
    jets = np.concatenate([beam(0.0, (400.0, 300.0), 0.1), beam(np.pi, (400.0, 300.0), 0.6)])
    write_found(tmp_path, {4: jets, 5: jets[:2], 7: jets})
    table = read_events(tmp_path, "mjj")
    assert table.names == DIJETS[1:]
    assert table.event is not None
    assert table.event.tolist() == [4, 7]
    assert table.left_out == {"events without two wide jets": 1}
    assert table.mass[0] == dijet(jets)[0]  # type: ignore[index]


def test_clusters_make_the_same_table_as_massless_particles_do(tmp_path: Path) -> None:
    jets = np.concatenate([beam(0.0, (400.0, 300.0), 0.1), beam(np.pi, (400.0, 300.0), 0.6)])
    for name, write in {"flow": write_found, "clusters": write_found_clusters}.items():
        (tmp_path / name).mkdir()
        write(tmp_path / name, {4: jets, 5: jets[:2]})
    flow, clusters = (read_events(tmp_path / name, "mjj") for name in ("flow", "clusters"))
    assert clusters.event is not None
    assert clusters.event.tolist() == [4]
    np.testing.assert_allclose(clusters.mass, flow.mass)
    np.testing.assert_allclose(clusters.features, flow.features, atol=1e-6)
