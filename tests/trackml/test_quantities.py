"""Derived columns, added in place, and the parts of a particle id."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gnnreco.trackml.utils import add_momentum_quantities, add_position_quantities, decode_particle_id


def test_positions(hits: pd.DataFrame) -> None:
    table = add_position_quantities(hits)
    assert table is hits
    assert list(table)[-3:] == ["rho", "phi", "r"]
    assert table.iloc[0][["rho", "phi", "r"]].tolist() == pytest.approx([77.40522, -2.994205, 1504.4926])
    assert table["rho"].dtype == np.float32


def test_production_points_have_a_prefix(particles: pd.DataFrame) -> None:
    table = add_position_quantities(particles, prefix="v")
    assert list(table)[-3:] == ["vrho", "vphi", "vr"]


def test_momenta(particles: pd.DataFrame) -> None:
    table = add_momentum_quantities(particles)
    assert table is particles
    assert list(table)[-4:] == ["pt", "pphi", "peta", "p"]
    first = table.iloc[1][["pt", "pphi", "peta", "p"]].tolist()
    assert first == pytest.approx([0.490625, 0.748030, -3.918568, 12.350748], rel=1e-5)


def test_pseudorapidity_keeps_its_precision_near_the_axis() -> None:
    # pz / p is one in single precision; the library gives infinity here
    near = pd.DataFrame({"tpx": [1e-4, 0, 0], "tpy": [0, 0, 0], "tpz": [1, -1, 0]}, dtype="f4")
    found = add_momentum_quantities(near, prefix="t")["tpeta"]
    assert found[0] == pytest.approx(np.arcsinh(1e4), rel=1e-6)
    assert found[1] == -np.inf
    assert np.isnan(found[2])


def test_the_parts_of_a_particle_id(particles: pd.DataFrame) -> None:
    table = decode_particle_id(particles)
    parts = ["vertex_id", "primary_id", "generation", "secondary_id", "process"]
    assert list(table)[-5:] == parts
    assert table[parts].dtypes.tolist() == [np.dtype("u8")] * 5
    assert table.iloc[0][parts].tolist() == [1, 33, 0, 0, 0]
    packed = pd.DataFrame(
        {"particle_id": [(0xABC << 52) | (0x1234 << 36) | (0x567 << 24) | (0x89A << 12) | 0xDEF]}
    )
    packed["particle_id"] = packed["particle_id"].astype("u8")
    assert decode_particle_id(packed).iloc[0][parts].tolist() == [0xABC, 0x1234, 0x567, 0x89A, 0xDEF]
