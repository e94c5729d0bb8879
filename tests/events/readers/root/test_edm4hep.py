"""EDM4hep: files of every type in three layouts, files made here as RNTuples, damage, and real files where there are any."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from gnnreco.columns import Clusters, ReconstructedParticles, Tracks
from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.geometry import load_detector
from tests.events.conftest import CORPUS

TREE, NTUPLE, OLDER = (
    CORPUS / "edm4hep" / f"{name}.edm4hep.root" for name in ("all_types", "all_types_rntuple", "older_podio")
)
REAL = Path(__file__).parents[5] / "shared" / "data" / "edm4hep"
needs_real = pytest.mark.skipif(not REAL.exists(), reason="the real files are not here")
XYZ = ("x", "y", "z")


def objects(**columns: Any) -> ak.Array:
    """One event of objects: names with dots are members of members."""
    tops: dict[str, Any] = {}
    for name, values in columns.items():
        top, _, inner = name.partition("__")
        if inner:
            tops.setdefault(top, {})[inner] = np.asarray(values)
        else:
            tops[top] = np.asarray(values)
    made = {k: ak.zip(v) if isinstance(v, dict) else v for k, v in tops.items()}
    return ak.Array([ak.zip(made, depth_limit=1)])


def at(x: Any, y: Any, z: Any, name: str = "position") -> dict[str, Any]:
    return dict(zip((f"{name}__{axis}" for axis in XYZ), (x, y, z), strict=True))


def pointers(index: list[int], to: int) -> ak.Array:
    return objects(index=np.array(index, np.int32), collectionID=np.full(len(index), to, np.uint32))


def podio(
    file: Path,
    types: Mapping[str, tuple[int, str]],
    columns: Mapping[str, ak.Array],
    encodings: Mapping[str, str] | None = None,
) -> Path:
    """A file of one event, in the layout of podio."""
    info = [
        {"collectionID": i, "dataType": t, "isSubset": False, "name": name} for name, (i, t) in types.items()
    ]
    whole = ak.values_astype(ak.Array([[x["collectionID"] for x in info]]), np.uint32)
    table = ak.zip(
        {
            "collectionID": whole,
            **{k: ak.Array([[x[k] for x in info]]) for k in ("dataType", "isSubset", "name")},
        }
    )
    encodings = encodings or {}
    with uproot.recreate(file) as out:
        out.mkrntuple("events", ak.Array(dict(columns)))
        out.mkrntuple("podio_metadata", ak.Array({"events___CollectionTypeInfo": table}))
        if encodings:
            keys = ak.Array([[f"{name}__CellIDEncoding" for name in encodings]])
            out.mkrntuple(
                "metadata",
                ak.Array(
                    {"GPStringKeys": keys, "GPStringValues": ak.Array([[[v] for v in encodings.values()]])}
                ),
            )
    return file


def particles(n: int) -> dict[str, ak.Array]:
    """Muons that the generator left stable, at the origin."""
    ones, zero = np.ones(n, np.int32), np.zeros(n)
    none = np.zeros(n, np.uint32)
    made = objects(
        PDG=13 * ones, generatorStatus=ones, simulatorStatus=0 * ones, charge=-ones.astype(np.float32), mass=zero,
        time=zero, parents_begin=none, parents_end=none, **at(zero, zero, zero, "vertex"), **at(zero, zero, zero, "endpoint"),
        **at(zero + 1, zero, np.arange(n) * 1.0, "momentum"), **at(zero, zero, zero, "momentumAtEndpoint"),
    )  # fmt: skip
    return {"Mine": made, "_Mine_parents": pointers([0], 1)[:, :0]}


def calorimeter(file: Path, end: int = 3, index: tuple[int, ...] = (2, 0, 1), to: int = 1) -> Path:
    """Two cells: the first with two contributions of two particles, which the file keeps in another order."""
    none = np.zeros(2)
    cells = objects(
        cellID=np.array([5, 6], np.uint64), energy=np.array([0.3, 0.4], np.float32),
        contributions_begin=np.array([0, 2], np.uint32), contributions_end=np.array([2, end], np.uint32),
        **at(none + 10.0, none, np.array([1.0, 2.0])),
    )  # fmt: skip
    steps = objects(
        PDG=np.zeros(3, np.int32),
        energy=np.array([0.2, 0.4, 0.1]),
        time=np.array([7.0, 5.0, 3.0], np.float32),
    )
    columns = {
        **particles(2), "Cells": cells, "_Cells_contributions": pointers(list(index), 3), "Steps": steps,
        "_Steps_particle": pointers([1, 0, 0], to),
    }  # fmt: skip
    types = {
        "Mine": (1, "edm4hep::MCParticleCollection"),
        "Cells": (2, "edm4hep::SimCalorimeterHitCollection"),
        "Steps": (3, "edm4hep::CaloHitContributionCollection"),
    }
    return podio(file, types, columns)


@pytest.mark.parametrize("file", [TREE, NTUPLE, OLDER])
def test_every_layout_is_read_alike(file: Path) -> None:
    event = open_events(file, None)[1]
    assert [len(event.found[kind]) for kind in (Tracks, Clusters, ReconstructedParticles)] == [1, 1, 1]
    assert event.collections is not None
    assert event.collections.names == (
        "TrackerHit3DCollection", "TrackerHitPlaneCollection", "SimCalorimeterHitCollection"
    )  # fmt: skip
    first = open_events(TREE, None)[1]
    np.testing.assert_array_equal(event.hits.xyz, first.hits.xyz)
    assert event.truth is not None
    assert first.truth is not None
    assert event.truth.particles == first.truth.particles


def test_names_tell_nothing_and_contributions_tell_the_truth(tmp_path: Path) -> None:
    event = open_events(calorimeter(tmp_path / "a.root"), None)[0]
    np.testing.assert_allclose(event.hits.energy, [0.3, 0.4], rtol=1e-6)
    np.testing.assert_array_equal(event.hits.time, [3, 5])
    truth = event.truth
    assert truth is not None
    assert list(zip(truth.hit.tolist(), truth.particle.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 0)]
    np.testing.assert_allclose(truth.energy, [0.1, 0.2, 0.4])
    assert open_events(tmp_path / "a.root", None, truth=False)[0].truth is None


def test_pointers_to_a_collection_that_was_dropped_are_no_truth(tmp_path: Path) -> None:
    event = open_events(calorimeter(tmp_path / "a.root", to=99), None)[0]
    assert event.truth is not None
    assert len(event.truth.hit) == 0


@pytest.mark.parametrize(
    ("changed", "why"),
    [({"end": 9}, "lists beyond the 3 items"), ({"index": (2, 0, 7)}, "that the event does not have")],
)
def test_pointers_beyond_the_end_are_named(tmp_path: Path, changed: dict[str, Any], why: str) -> None:
    source = open_events(calorimeter(tmp_path / "a.root", **changed), None)
    with pytest.raises(BadInput, match=why) as error:
        source[0]
    assert "event 0, Cells" in error.value.where


def measured(file: Path, kind: str, hits: int = 2) -> Path:
    """Two measured hits, the links of which lead to two simulated ones in the other order."""
    zero = np.zeros(2)
    hit = objects(
        cellID=np.array([1, 2], np.uint64), eDep=zero, time=zero, **at(np.array([1.0, 2.0]), zero, zero)
    )
    made = objects(
        cellID=np.array([2, 1], np.uint64),
        eDep=np.array([0.5, 0.25]),
        time=zero,
        **at(np.array([2.1, 1.1]), zero, zero),
    )
    columns = {
        **particles(2), "Seen": hit, "Made": made, "_Made_particle": pointers([1, 0], 1),
        "Links": objects(weight=zero + 1), "_Links_from": pointers([0, 1], 2), "_Links_to": pointers([1, 0], 3),
    }  # fmt: skip
    types = {
        "Mine": (1, "edm4hep::MCParticleCollection"),
        "Seen": (2, "edm4hep::TrackerHitPlaneCollection"),
        "Made": (3, "edm4hep::SimTrackerHitCollection"),
        "Links": (4, kind),
    }
    return podio(file, types, columns)


@pytest.mark.parametrize(
    "kind",
    [
        "podio::LinkCollection<edm4hep::TrackerHit,edm4hep::SimTrackerHit>",
        "edm4hep::TrackerHitSimTrackerHitLinkCollection",
        "edm4hep::MCRecoTrackerHitPlaneAssociationCollection",
    ],
)
def test_measured_hits_get_their_truth_by_links(tmp_path: Path, kind: str) -> None:
    event = open_events(measured(tmp_path / "a.root", kind), None)[0]
    np.testing.assert_array_equal(event.hits.x, [1, 2])
    truth = event.truth
    assert truth is not None
    assert list(zip(truth.hit.tolist(), truth.particle.tolist(), strict=True)) == [(0, 0), (1, 1)]
    np.testing.assert_array_equal(truth.energy, [0.25, 0.5])
    assert event.left_aside["Made"] == 2


def test_cells_are_mapped_by_their_labels(tmp_path: Path) -> None:
    """Two long-strip sensors of the Open Data Detector lie back to back: the place alone could mean either."""
    odd = load_detector("odd")
    rows = np.flatnonzero(
        (odd.labels["system"] == odd.labels["system"].max()) | (odd.labels["side_id"] == 1)
    )[:50]
    fields = ("system", "layer_id", "stave_id", "module_id", "side_id")
    first = dict(zip(fields, (0, 5, 12, 22, 32), strict=True))
    cell = sum((odd.labels[name][rows].astype(np.uint64) << np.uint64(bit)) for name, bit in first.items())
    x, y, z = (odd.center[rows] + 1.9 * odd.rotation[rows, :, 2]).T
    hits = objects(cellID=cell, eDep=0 * x, time=0 * x, **at(x, y, z))
    encoding = "system:0:5,layer:5:7,ring:12:10,module:22:10,sensor:32:4,x:36:-14"
    file = podio(
        tmp_path / "a.root", {"H": (7, "edm4hep::TrackerHit3DCollection")}, {"H": hits}, {"H": encoding}
    )
    np.testing.assert_array_equal(open_events(file, odd)[0].hits.sensor, rows)
    wrong = podio(
        tmp_path / "b.root", {"H": (7, "edm4hep::TrackerHit3DCollection")}, {"H": hits}, {"H": "a:3,a:4"}
    )
    np.testing.assert_array_equal(
        open_events(wrong, odd)[0].hits.sensor, odd.locate(np.stack([x, y, z], axis=1))
    )


def test_particles_of_a_generator_alone_are_no_events(tmp_path: Path) -> None:
    file = podio(tmp_path / "a.root", {"Mine": (1, "edm4hep::MCParticleCollection")}, particles(2))
    with pytest.raises(BadInput, match=r"generator only.*simulate"):
        open_events(file, None)


def test_a_file_without_what_is_read_names_what_it_holds(tmp_path: Path) -> None:
    file = podio(
        tmp_path / "a.root", {"V": (1, "edm4hep::VertexCollection")}, {"V": objects(chi2=np.zeros(2))}
    )
    with pytest.raises(BadInput, match=r"V \(Vertex\)"):
        open_events(file, None)


def test_a_position_that_is_no_number_is_named(tmp_path: Path) -> None:
    hits = objects(cellID=np.array([1], np.uint64), eDep=[0.0], time=[0.0], **at([np.nan], [0.0], [0.0]))
    file = podio(tmp_path / "a.root", {"H": (7, "edm4hep::SimTrackerHitCollection")}, {"H": hits})
    with pytest.raises(BadInput, match=r"H\[0\].*no number"):
        open_events(file, None)[0]


@pytest.mark.parametrize("file", [TREE, NTUPLE])
def test_cut_off_files_are_bad_input(tmp_path: Path, file: Path) -> None:
    data = file.read_bytes()
    for part in (0.3, 0.7, 0.99):
        cut = tmp_path / f"{part}.edm4hep.root"
        cut.write_bytes(data[: int(part * len(data))])
        with pytest.raises(BadInput):
            list(open_events(cut, None))


def test_a_folder_is_searched_for_them(tmp_path: Path) -> None:
    calorimeter(tmp_path / "a.root")
    with uproot.recreate(tmp_path / "histograms.root") as out:
        out["h"] = np.histogram([1.0, 2.0])
    assert len(open_events(tmp_path, None)) == 1


@needs_real
@pytest.mark.parametrize(
    ("name", "events", "hits"),
    [
        ("cld_mumuH_240_sim.edm4hep.root", 1, 9304),
        ("odd_10ev_sim.edm4hep.root", 10, 660),
        ("ild_1ev_gamma_steps.edm4hep.root", 1, 1818),
    ],
)
def test_real_simulations(name: str, events: int, hits: int) -> None:
    source = open_events(REAL / name, None)
    event = source[0]
    assert (len(source), len(event.hits)) == (events, hits)
    assert event.truth is not None
    assert len(np.unique(event.truth.hit)) == hits


@needs_real
def test_older_links_have_numbers_for_names() -> None:
    event = open_events(REAL / "fcc_winter2023_delphes.edm4hep.root", None)[0]
    assert len(event.found[Tracks]) == 38
    made = event.found[ReconstructedParticles]
    assert np.diff(made.track_offsets).sum() == 38
    assert set(itertools.chain(made.track_index.tolist())) == set(range(38))


@needs_real
def test_cells_of_the_open_data_detector_lie_in_the_sensors_that_they_name() -> None:
    odd = load_detector("odd")
    hits = open_events(REAL / "odd_10ev_sim.edm4hep.root", odd)[0].hits
    tracker = hits[hits.r < 1250]
    assert (tracker.sensor >= 0).all()
    assert (hits.sensor >= 0).mean() > 0.95


def test_what_before_its_format_was_fixed_is_told() -> None:
    file = REAL / "older_podio_RNTuple.root"
    if not file.exists():
        pytest.skip("the real files are not here")
    with pytest.raises(BadInput, match=r"ROOT 6\.34"):
        open_events(file, None)
