"""ROOT files of ACTS: two events of hits, with particles beside them or without, and damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from gnnreco.errors import BadInput
from gnnreco.events import open_events
from tests.mutants import mutant

PARTS = ("vertex_primary", "vertex_secondary", "particle", "generation", "sub_particle")


def hits(file: Path, **changed: Any) -> Path:
    """Event 3 with two hits of particles 1 and 2, event 5 with one of particle 1."""
    one = np.ones(3, np.int32)
    columns = {
        "event_id": np.array([3, 3, 5], np.uint32), "geometry_id": np.array([1, 2, 1 << 60], np.uint64),
        "tx": np.array([1.0, 2.0, 3.0]), "ty": one * 0.5, "tz": one * 0.0, "tt": one * 299.792458,
        "tpx": one * 1.5, "tpy": one * 0.0, "tpz": one * 0.0,
        **{f"barcode_{part}": one * (part == "vertex_primary") for part in PARTS},
        "barcode_particle": np.array([1, 2, 1], np.int32), "other": one,
    }  # fmt: skip
    columns |= changed
    with uproot.recreate(file) as out:
        out.mktree("hits", {name: column.dtype for name, column in columns.items()}).extend(columns)
    return file


def particles(file: Path, **changed: Any) -> Path:
    lists = {
        "particle_type": [[13, -13], [211]], "q": [[-1.0, 1.0], [1.0]], "p": [[2.0, 4.0], [8.0]],
        **{name: [[0.5, 0.5], [0.5]] for name in ("vx", "vy", "vz")}, "px": [[1.0, 0.0], [0.0]],
        "py": [[0.0, 1.0], [0.0]], "pz": [[0.0, 0.0], [1.0]],
        **{part: [[1, 1], [1]] if part == "vertex_primary" else [[0, 0], [0]] for part in PARTS}, "particle": [[1, 2], [1]],
    }  # fmt: skip
    columns = {name: ak.Array(values) for name, values in (lists | changed).items()}
    with uproot.recreate(file) as out:
        kinds = {
            name: f"var * {'int64' if 'i' in str(c.type).split('*')[-1] else 'float64'}"
            for name, c in columns.items()
        }
        tree = out.mktree("particles", {"event_id": np.int64, **kinds})
        tree.extend({"event_id": np.array([3, 5]), **columns})
    return file


def test_hits_and_particles(tmp_path: Path) -> None:
    particles(tmp_path / "particles_simulation.root")
    source = open_events(hits(tmp_path / "hits.root"), None)
    assert source.numbers == [3, 5]
    event = source[0]
    np.testing.assert_allclose(event.hits.xyz, [[1, 0.5, 0], [2, 0.5, 0]])
    np.testing.assert_allclose(event.hits.time, 1)
    truth = event.truth
    assert truth is not None
    assert truth.particle.tolist() == [0, 1]
    np.testing.assert_allclose([truth.particles.px[0], truth.particles.py[1]], [2, 4])
    assert truth.particles.pdg.tolist() == [13, -13]
    assert len(open_events(tmp_path, None)) == 2, "a folder of both is read as one"


def test_hits_alone_tell_their_particles(tmp_path: Path) -> None:
    event = open_events(hits(tmp_path / "hits.root"), None)[0]
    assert event.truth is not None
    np.testing.assert_allclose(event.truth.particles.px, 1.5)
    assert event.truth.particles.pdg.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"event_id": np.array([3, 5, 3], np.uint32)}, "not together"),
        ({"tx": np.array([1.0, np.nan, 3.0])}, "number that is none"),
        ({"barcode_particle": np.array([1, 1 << 20, 1], np.int32)}, "does not fit"),
    ],
)
def test_damage_is_named(tmp_path: Path, changed: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        open_events(hits(tmp_path / "hits.root", **changed), None)[0]


def test_damaged_particles_are_named(tmp_path: Path) -> None:
    particles(tmp_path / "particles.root", particle=[[1, 1], [1]])
    with pytest.raises(BadInput, match="barcode twice"):
        open_events(hits(tmp_path / "hits.root"), None)[0]


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    data = hits(tmp_path / "hits.root").read_bytes()
    (tmp_path / "hits.root").write_bytes(data[: len(data) // 2])
    with pytest.raises(BadInput):
        open_events(tmp_path / "hits.root", None)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"tpy", b"tqy", "tpx, tpy, tpz are not of one length, or not all there"),
        (b"barcode_generation", b"barcode_generatiox", "not all parts of a barcode"),
    ],
)
def test_columns_that_belong_together(tmp_path: Path, old: bytes, new: bytes, why: str) -> None:
    file = hits(tmp_path / "hits.root")
    file.write_bytes(file.read_bytes().replace(old, new))
    with pytest.raises(BadInput, match=why):
        open_events(file, None)[0]


def test_a_damaged_file_with_columns_of_different_lengths(tmp_path: Path) -> None:
    from tests.events.seeds import seeds  # which makes its files by the functions above

    # Mutant 207 of this file by scripts/fuzz.py: a traceback in place of a line.
    seed = seeds()["acts root, hits"]
    with pytest.raises(BadInput):
        seed.read(tmp_path, mutant(seed.content, 207))
