"""ROOT ntuples of the HGCAL: a small one made here with the same branches, damage, and the real file where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.geometry import load_detector

REAL = Path(__file__).parents[4] / "shared" / "data" / "hgcal" / "particle_gun_ntuple.root"


def branches(**changed: Any) -> dict[str, Any]:
    """Two events: of four hits and two particles that share one, and of one hit and none."""
    made = {
        "event": np.array([7, 9], np.uint64),
        **{f"vtx_{axis}": np.array([0.1, 0.2], np.float32) for axis in "xyz"},
        "rechit_x": ak.Array([[100.0, 100.0, -50.0, 0.0], [60.0]]),
        "rechit_y": ak.Array([[0.0, 2.0, 80.0, 0.0], [-60.0]]),
        "rechit_z": ak.Array([[330.0, 330.0, -340.0, 0.0], [500.0]]),
        "rechit_energy": ak.Array([[1.0, 2.0, 4.0, 8.0], [0.5]]),
        "rechit_time": ak.Array([[-1.0, 1.5, 2.5, 3.5], [4.5]]),
        "rechit_layer": ak.Array([[1, 1, 2, 3], [50]]),
        "genpart_pid": ak.Array([[22, -13], []]),
        "genpart_eta": ak.Array([[2.0, -1.7], []]),
        "genpart_phi": ak.Array([[0.0, 3.14], []]),
        "genpart_energy": ak.Array([[30.0, 12.0], []]),
        "simcluster_pt": ak.Array([[30 / np.cosh(2.0), 12 / np.cosh(1.7)], []]),
        "simcluster_eta": ak.Array([[2.0, -1.7], []]),
        "simcluster_phi": ak.Array([[0.0, -3.14], []]),
        "simcluster_energy": ak.Array([[30.0, 12.0], []]),
        "simcluster_hits_indices": ak.Array([[[1, 0, -1], [2, 1]], []]),
        "simcluster_fractions": ak.Array([[[0.75, 1.0, 1.0], [1.0, 0.25]], []]),
    }
    whole = ("genpart_pid", "rechit_layer", "simcluster_hits_indices")
    made = {name: ak.values_astype(c, np.int32 if name in whole else np.float32) for name, c in made.items()}
    return {name: column for name, column in {**made, **changed}.items() if column is not None}


def written(file: Path, columns: dict[str, Any]) -> Path:
    """The columns as an RNTuple: uproot does not write lists of lists into a TTree."""
    with uproot.recreate(file) as out:
        out.mkrntuple("hgc", ak.Array(columns))
    return file


def test_hits_and_truth(tmp_path: Path) -> None:
    source = open_events(written(tmp_path / "a.root", branches()), None)
    assert source.numbers == [7, 9]
    event = source[0]
    np.testing.assert_allclose(event.hits.xyz[:3], [[1000, 0, 3300], [1000, 20, 3300], [-500, 800, -3400]])
    np.testing.assert_array_equal(event.hits.energy, [1, 2, 4, 8])
    np.testing.assert_array_equal(event.hits.time, [-1, 1.5, 2.5, 3.5])
    truth = event.truth
    assert truth is not None
    assert truth.hit.tolist() == [0, 1, 1, 2]
    assert truth.particle.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(
        truth.energy, [1.0, 1.5, 0.5, 4.0]
    )  # the hit that was not reconstructed has no link
    p = truth.particles
    assert p.pdg.tolist() == [22, -13]  # the second across the seam in phi
    assert p.charge.tolist() == [0, 1]
    np.testing.assert_allclose(np.sqrt(p.px**2 + p.py**2 + p.pz**2), [30, 12], rtol=1e-6)
    np.testing.assert_allclose(p.vx, 1.0, rtol=1e-6)
    assert source[1].truth is not None
    assert len(source[1].truth.particles) == 0
    assert open_events(tmp_path / "a.root", None, truth=False)[0].truth is None


def test_a_tree_of_hits_alone(tmp_path: Path) -> None:
    columns = {name: c for name, c in branches().items() if name.startswith(("event", "rechit"))}
    with uproot.recreate(tmp_path / "a.root") as out:
        out["ana/hgc"] = {name: ak.to_numpy(c) if c.ndim == 1 else c for name, c in columns.items()}
    event = open_events(tmp_path / "a.root", None)[1]
    assert event.number == 9
    assert event.hits.xyz.tolist() == [[600, -600, 5000]]
    assert event.truth is None


def test_energies_are_what_the_sensor_sees(tmp_path: Path) -> None:
    detector = load_detector("hgcal")
    row = int(np.flatnonzero(detector.layer == 5)[10])
    x, y, z = detector.center[row] / 10
    place = {f"rechit_{k}": ak.Array([[v, 0.0], []]) for k, v in zip("xyz", (x, y, z), strict=True)}
    hits = {"rechit_energy": ak.Array([[3.0, 3.0], []]), "rechit_time": ak.Array([[0.0, 0.0], []])}
    truth = {
        "simcluster_hits_indices": ak.values_astype(ak.Array([[[0, 1], [0]], []]), np.int32),
        "simcluster_fractions": ak.Array([[[0.5, 1.0], [0.5]], []]),
    }
    file = written(tmp_path / "a.root", branches(**place, **hits, **truth, rechit_layer=None))
    event = open_events(file, detector)[0]
    assert event.hits.sensor.tolist() == [row, -1]
    seen = 3 * detector.sampling_fraction[row]
    np.testing.assert_allclose(event.hits.energy, [seen, 3.0])
    assert event.truth is not None
    np.testing.assert_allclose(event.truth.energy, [seen / 2, seen / 2, 3.0])


def test_several_files_and_a_folder(tmp_path: Path) -> None:
    for name in ("a.root", "b.root"):
        written(tmp_path / name, branches())
    assert open_events(tmp_path / "*.root", None).numbers == [7, 9, 7, 9]
    with uproot.recreate(tmp_path / "results.root") as out:  # a folder may hold other ROOT files, too
        out.mktree("t", {"rechit_x": "float64"}).extend({"rechit_x": [1.0]})
    for name in (tmp_path, tmp_path / "*"):
        source = open_events(name, None)
        assert (source.numbers, source.foreign) == ([7, 9, 7, 9], [tmp_path / "results.root"])


def test_events_with_the_same_number_are_told_apart_by_their_row(tmp_path: Path) -> None:
    file = written(tmp_path / "a.root", branches(event=np.array([1, 1], np.uint64)))
    assert open_events(file, None).numbers == [0, 1]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"rechit_x": None}, "nor a tree with event, rechit_x"),
        ({"rechit_x": ak.Array([[1.0], [2.0]])}, "4 are due|1 are due"),
        ({"rechit_z": ak.Array([[1.0, np.nan, 3.0, 4.0], [1.0]])}, "hit 1: a position that is no number"),
        ({"simcluster_hits_indices": ak.Array([[[4], [2, 1]], []])}, "as many fractions as hits"),
        ({"simcluster_hits_indices": ak.Array([[[1, 0, 4], [2, 1]], []])}, "points at hit 4 of 4"),
        ({"simcluster_eta": ak.Array([[2.0], []])}, "simcluster_eta: 1 values where simcluster_pt has 2"),
        ({"genpart_phi": ak.Array([[1.0, 2.0, 3.0], []])}, "genpart_phi: 3 values where genpart_pid has 2"),
    ],
)
def test_damage(tmp_path: Path, changed: dict[str, Any], why: str) -> None:
    file = written(tmp_path / "a.root", branches(**changed))
    with pytest.raises(BadInput, match=why) as error:
        open_events(file, None)[0]
    assert error.value.file == str(file)


def test_a_flipped_bit_that_empties_a_branch() -> None:
    (file,) = (Path(__file__).parents[2] / "corpus" / "hgcal-branches-of-unequal-length").glob("*.root")
    with pytest.raises(BadInput, match=r"event 7, .*: 0 values where .* has 2"):
        list(open_events(file, None))


def test_a_file_cut_off(tmp_path: Path) -> None:
    file = written(tmp_path / "a.root", branches())
    whole = file.read_bytes()
    for size in (10, 200, len(whole) // 2, len(whole) - 50):
        file.write_bytes(whole[:size])
        with pytest.raises(BadInput):
            list(open_events(file, None))


@pytest.mark.skipif(
    not REAL.exists(), reason="the real file, which may not be shipped, lies beside the project"
)
def test_the_real_file() -> None:
    source = open_events(REAL, None)
    assert source.numbers == [0, 1]  # both are event 1 in the file
    event = source[0]
    assert len(event.hits) == 31_444
    truth = event.truth
    assert truth is not None
    assert truth.particles.pdg.tolist() == [-13, 13]
    np.testing.assert_allclose(
        np.linalg.norm([truth.particles.px, truth.particles.py, truth.particles.pz], axis=0), 35, rtol=1e-3
    )
    assert np.bincount(truth.particle).tolist() == [55, 69]
    # A muon flies straight: its hits lie on its way.
    p = truth.particles
    eta = np.arcsinh(event.hits.z / np.hypot(event.hits.x, event.hits.y))[truth.hit]
    np.testing.assert_allclose(eta, np.arcsinh(p.pz / np.hypot(p.px, p.py))[truth.particle], atol=0.15)
