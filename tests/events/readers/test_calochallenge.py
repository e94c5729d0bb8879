"""HDF5 of the CaloChallenge: the order of its voxels, there and back, and what is no shower."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.cli import main
from gnnreco.columns import Event
from gnnreco.errors import BadConfig, BadInput
from gnnreco.events import open_events, write_events
from gnnreco.events.calochallenge.voxels import Voxels
from gnnreco.geometry import Detector, load_detector

PHOTONS = "calochallenge_ds1_photons"


@pytest.fixture(scope="module")
def cylinder() -> Detector:
    return load_detector(PHOTONS)


def showers(n: int, voxels: int, seed: int = 0) -> dict[str, np.ndarray]:
    """The data sets of a file: showers of which most voxels are empty, MeV."""
    rng = np.random.default_rng(seed)
    energy = rng.exponential(100, (n, voxels)) * (rng.random((n, voxels)) < 0.2)
    return {"incident_energies": 1e3 * (1 + rng.random((n, 1))), "showers": energy}


def written(file: Path, content: dict[str, np.ndarray]) -> Path:
    with h5py.File(file, "w") as stream:
        for name, values in content.items():
            stream.create_dataset(name, data=values, compression="gzip")
    return file


def spoilt(name: str, change: Callable[[np.ndarray], object]) -> dict[str, np.ndarray]:
    content = showers(4, 368)
    change(content[name])
    return content


@pytest.mark.parametrize(("name", "layers", "angles", "rings"), [("ds2", 45, 16, 9), ("ds3", 45, 50, 18)])
def test_voxels_run_by_radius_then_angle_then_layer(name: str, layers: int, angles: int, rings: int) -> None:
    detector = load_detector(f"calochallenge_{name}")
    voxels = Voxels.of(detector)
    layer, alpha, ring = np.unravel_index(np.arange(len(voxels)), (layers, angles, rings))
    assert len(voxels) == layers * angles * rings
    np.testing.assert_array_equal(detector.layer[voxels.sensor], layer)
    np.testing.assert_allclose(
        np.arctan2(*voxels.xyz.T[1::-1]), -np.pi + (alpha + 0.5) * 2 * np.pi / angles, atol=1e-9
    )
    away = np.hypot(*voxels.xyz.T[:2])
    edges = np.linspace(0, 41.85, rings + 1)
    assert np.all((edges[ring] < away) & (away < edges[ring + 1]))


def test_rings_that_are_not_cut_are_voxels_too(cylinder: Detector) -> None:
    count = np.bincount(cylinder.layer[Voxels.of(cylinder).sensor])
    assert count.tolist() == [8, 160, 190, 5, 5]  # of the binning file: 8 x 1, 16 x 10, 19 x 10, 5 x 1, 5 x 1


def test_a_shower_is_an_event(cylinder: Detector, tmp_path: Path) -> None:
    content = showers(3, 368)
    source = open_events(written(tmp_path / "dataset_1_photons_1.hdf5", content), cylinder)
    assert source.numbers == [0, 1, 2]
    for event, energies, total in zip(source, content["showers"], content["incident_energies"], strict=True):
        voxel = np.flatnonzero(energies)
        np.testing.assert_array_equal(Voxels.of(cylinder).find(event.hits), voxel)
        fraction = cylinder.sampling_fraction[event.hits.sensor]
        np.testing.assert_allclose(event.hits.energy, 1e-3 * energies[voxel] * fraction)
        truth = event.truth
        assert truth is not None
        assert (truth.particles.pdg, truth.particles.charge) == (22, 0)
        np.testing.assert_allclose(truth.particles.pz, 1e-3 * total)
        assert truth.particles.pt == 0
        np.testing.assert_array_equal(truth.energy, event.hits.energy)


@pytest.mark.parametrize(
    ("name", "pdg"), [("dataset_1_pions_1", 211), ("dataset_2_1", 11), ("dataset_3_4", 11), ("mine", 0)]
)
def test_the_particle_is_that_of_the_name(name: str, pdg: int, cylinder: Detector, tmp_path: Path) -> None:
    event = open_events(written(tmp_path / f"{name}.hdf5", showers(1, 368)), cylinder)[0]
    assert event.truth is not None
    assert event.truth.particles.pdg == pdg


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.sampled_from([22, 11, -11, 211]))
def test_what_is_written_is_read_and_written_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n: int, pdg: int
) -> None:
    detector, folder = load_detector(PHOTONS), tmp_path_factory.mktemp("again")
    content = showers(n, 368, seed) | {
        "pdg": np.full(n, pdg),
        "event_number": np.random.default_rng(seed).permutation(100)[:n],
    }
    events = list(open_events(written(folder / "a.hdf5", content), detector))
    files = [write_events(events, folder / "one", "calochallenge", detector)[0]]
    again = list(open_events(folder / "one", detector))
    files += write_events(again, folder / "two", "calochallenge", detector)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert [(e.number, e.truth.particles.pdg[0]) for e in again if e.truth] == [
        (e.number, e.truth.particles.pdg[0]) for e in events if e.truth
    ]
    with h5py.File(files[0]) as stream:
        assert stream["showers"].dtype == stream["incident_energies"].dtype == np.float64
        np.testing.assert_allclose(stream["showers"][:], content["showers"], rtol=1e-13)
        np.testing.assert_allclose(stream["incident_energies"][:], content["incident_energies"], rtol=1e-13)


def test_the_command_line_goes_both_ways(cylinder: Detector, tmp_path: Path) -> None:
    file = written(tmp_path / "photons.hdf5", showers(3, 368))
    folders = [str(tmp_path / name) for name in ("parquet", "hdf5")]
    assert main(["convert", str(file), "--detector", PHOTONS, "-o", folders[0]]) == 0
    words = ["--detector", PHOTONS, "-o", folders[1], "--format", "calochallenge"]
    assert main(["convert", folders[0], *words]) == 0
    assert main(["convert", folders[0], *words]) == 2  # the folder holds showers already
    one, other = open_events(folders[1], cylinder)[2].hits, open_events(file, cylinder)[2].hits
    np.testing.assert_array_equal(one.hit_id, other.hit_id)
    np.testing.assert_allclose(one.energy, other.energy, rtol=1e-6)  # Parquet keeps single precision


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (showers(4, 300), "4 x 300 values, where the detector .* has 368 voxels"),
        (spoilt("showers", lambda a: np.put(a, 368 * 2 + 7, np.nan)), "event 2, showers, voxel 7: nan MeV"),
        (spoilt("showers", lambda a: np.put(a, 5, -1.0)), "event 0, showers, voxel 5: -1.0 MeV"),
        (spoilt("incident_energies", lambda a: np.put(a, 3, 0.0)), "event 3, incident_energies: 0.0 MeV"),
        (spoilt("incident_energies", lambda a: np.put(a, 1, np.inf)), "event 1, incident_energies: inf MeV"),
        (showers(4, 368) | {"pdg": np.full(4, 11.0)}, "pdg: no table of numbers"),
        ({"showers": showers(4, 368)["showers"]}, "incident_energies: missing"),
        (showers(4, 368) | {"incident_energies": np.ones((3, 1))}, "3 x 1 values where 4 showers"),
        (showers(4, 368) | {"showers": np.full((4, 368), b"word")}, "showers: no table of numbers"),
        (
            showers(4, 368) | {"event_number": np.array([1, 2, 2, 3])},
            "event_number: negative, or twice the same",
        ),
    ],
)
def test_what_is_no_shower(content: dict, said: str, cylinder: Detector, tmp_path: Path) -> None:
    file = written(tmp_path / "bad.hdf5", content)
    with pytest.raises(BadInput, match=f"bad.hdf5: .*{said}"):
        list(open_events(file, cylinder))


def test_what_the_reader_does_not_know_is_counted(cylinder: Detector, tmp_path: Path) -> None:
    source = open_events(written(tmp_path / "a.hdf5", showers(2, 368) | {"weights": np.ones(2)}), cylinder)
    assert len(list(source)) == 2
    assert source.left_aside == {"weights": 2}


def test_a_file_cut_off(cylinder: Detector, tmp_path: Path) -> None:
    file = written(tmp_path / "cut.hdf5", showers(20, 368))
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(BadInput, match=r"cut.hdf5: damaged or cut off .*; fetch the file again"):
        open_events(file, cylinder)


def test_one_damaged_block_costs_its_own_events(cylinder: Detector, tmp_path: Path) -> None:
    file, values = tmp_path / "block.hdf5", showers(4, 368)["showers"]
    with h5py.File(file, "w") as stream:
        stream["incident_energies"] = np.ones((4, 1))
        table = stream.create_dataset("showers", data=values, chunks=(2, 368), compression="gzip")
        place = table.id.get_chunk_info(1).byte_offset
    content = bytearray(file.read_bytes())
    content[place : place + 40] = bytes(40)
    file.write_bytes(content)
    source = open_events(file, cylinder)
    assert len(source[1].hits) == np.count_nonzero(values[1])
    with pytest.raises(BadInput, match="event 3: damaged"):
        source[3]


def test_a_link_into_another_file_is_not_followed(cylinder: Detector, tmp_path: Path) -> None:
    other = written(tmp_path / "other.hdf5", showers(4, 368))
    with h5py.File(tmp_path / "link.hdf5", "w") as stream:
        stream["incident_energies"] = np.ones((4, 1))
        stream["showers"] = h5py.ExternalLink(str(other), "showers")
    with pytest.raises(BadInput, match="showers: missing, or in another file"):
        open_events(tmp_path / "link.hdf5", cylinder)


def test_a_file_of_showers_needs_its_detector(tmp_path: Path) -> None:
    file = written(tmp_path / "a.hdf5", showers(1, 368))
    with pytest.raises(BadInput, match="name the detector"):
        open_events(file, None)
    with pytest.raises(BadInput, match="no cylinder of voxels"):
        open_events(file, load_detector("telescope"))
    with pytest.raises(BadConfig, match="name the detector"):
        write_events([], tmp_path / "out", "calochallenge")


def test_other_hdf5_in_a_folder_is_passed_over(cylinder: Detector, tmp_path: Path) -> None:
    written(tmp_path / "a.hdf5", showers(1, 368))
    written(tmp_path / "weights.h5", {"layer": np.zeros(3)})
    assert len(open_events(tmp_path, cylinder)) == 1
    with pytest.raises(BadInput, match=r"weights\.h5: showers: missing"):
        open_events(tmp_path / "weights.h5", cylinder)


def _without_truth(event: Event) -> Event:
    return replace(event, truth=None)


def _of_two(event: Event) -> Event:
    assert event.truth is not None
    return replace(event, truth=replace(event.truth, particles=event.truth.particles[[0, 0]]))


def _from_aside(event: Event) -> Event:
    assert event.truth is not None
    return replace(
        event, truth=replace(event.truth, particles=replace(event.truth.particles, vx=np.full(1, 40.0)))
    )


def _of_no_energy(event: Event) -> Event:
    return replace(event, hits=replace(event.hits, energy=None))


def _outside(event: Event) -> Event:
    return replace(event, hits=replace(event.hits, x=event.hits.x + 1e4))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without_truth, "has no truth, .*--count 1"),
        (_of_two, "has 2 particles"),
        (_from_aside, "passes 40 mm from the axis"),
        (_of_no_energy, "hits have no energy"),
        (_outside, "lies in no voxel"),
    ],
)
def test_only_showers_of_one_particle_are_written(
    change: Callable[[Event], Event], said: str, cylinder: Detector, tmp_path: Path
) -> None:
    events = open_events(written(tmp_path / "a.hdf5", showers(2, 368)), cylinder)
    with pytest.raises(BadInput, match=f"event 1.*{said}"):
        write_events([events[0], change(events[1])], tmp_path / "out", "calochallenge", cylinder)
    assert list((tmp_path / "out").iterdir()) == []
