"""Particles of files in the manner of NanoAOD: read by content, explored, judged by a bundle for anomalies of jets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from gnnreco.cli import main
from gnnreco.columns import PARTICLE_CLASSES, Clusters, Event, ReconstructedParticles, Tracks
from gnnreco.errors import BadBundle, BadInput
from gnnreco.evaluate.particles import jets
from gnnreco.events import open_events
from gnnreco.geometry import load_detector
from gnnreco.pipeline import Reconstructor
from gnnreco.train.upstream import found_before
from tests.test_tutorials import ROOT, blocks, follow

CODES = np.array([211, -211, 130, 22, 11, -13, 1, 2], np.int32)
KINDS = (
    "charged_hadron",
    "charged_hadron",
    "neutral_hadron",
    "photon",
    "electron",
    "muon",
    "neutral_hadron",
    "photon",
)
CHARGES = np.array([1, -1, 0, 0, -1, 1, 0, 0], np.int32)
#: Where a file tells none.
MASSES = np.array([0.13957, 0.13957, 0, 0, 0.000511, 0.10566, 0, 0])


def candidates(events: int = 3, each: int = 8, seed: int = 1) -> dict[str, Any]:
    """Columns of `PFCands`, lists for each event; the second event has none."""
    chance = np.random.default_rng(seed)
    counts = np.array([0 if i == 1 else each + i for i in range(events)])
    n = int(counts.sum())
    code = np.resize(CODES, n)
    flat = {
        "pt": chance.exponential(5.0, n).astype(np.float32) + 1,
        "eta": chance.normal(0, 1, n).astype(np.float32),
        "phi": chance.uniform(-np.pi, np.pi, n).astype(np.float32),
        "mass": np.where(np.abs(code) == 211, 0.13957, 0.0).astype(np.float32),
        "pdgId": code,
        "charge": np.resize(CHARGES, n),
    }
    return {name: ak.unflatten(values, counts) for name, values in flat.items()}


def written(file: Path, columns: dict[str, Any], prefix: str = "PFCands", ntuple: bool = False) -> Path:
    first = next(iter(columns.values()))
    n = len(first)
    scalars = {"run": np.ones(n, np.uint32), "event": np.arange(40, 40 + n, dtype=np.uint64)}
    table = scalars | {f"{prefix}_{name}": values for name, values in columns.items()}
    table |= {"Jet_pt": first, "Jet_eta": first}
    with uproot.recreate(file) as out:
        tree(out, "LuminosityBlocks", {"run": np.ones(1, np.uint32)})
        if ntuple:
            out.mkrntuple("Events", ak.Array(table))
        else:
            tree(out, "Events", table)
    return file


def tree(out: Any, name: str, columns: dict[str, Any]) -> None:
    """A TTree: what is assigned becomes an RNTuple."""
    out.mktree(name, {key: ak.type(ak.Array(values)).content for key, values in columns.items()}).extend(
        columns
    )


def particles(event: Event) -> ReconstructedParticles:
    found: ReconstructedParticles = event.found[ReconstructedParticles]
    return found


@pytest.mark.parametrize(
    ("prefix", "ntuple", "left", "capitals"),
    [
        ("PFCands", False, "", False),
        ("PFCands", True, "", False),
        ("PFCand", False, "charge", False),
        ("ScoutingPFParticle", False, "mass charge", False),
        ("ScoutingParticle", True, "mass", False),
        ("L1PuppiCands", False, "mass", False),
        ("FatJetPFCands", False, "", False),
        ("PFcand", False, "", True),
    ],
)
def test_candidates_are_particles(
    tmp_path: Path, prefix: str, ntuple: bool, left: str, capitals: bool
) -> None:
    """Of any flavour; charges and masses come from the codes where the file does not tell them."""
    columns = candidates()
    others = {"pt": "Pt", "pdgId": "pdgid", "mass": "m", "charge": "q"} if capitals else {}
    given = {others.get(name, name): values for name, values in columns.items() if name not in left.split()}
    source = open_events(written(tmp_path / "nano.root", given, prefix, ntuple), None)
    assert source.numbers == [40, 41, 42]
    assert source.brings == (Tracks, Clusters, ReconstructedParticles)
    for i, event in enumerate(source):
        found = particles(event)
        pt, eta, phi, mass, charge = (
            ak.to_numpy(columns[name][i]).astype(np.float64)
            for name in ("pt", "eta", "phi", "mass", "charge")
        )
        assert np.allclose(found.pt, pt)
        assert np.allclose(found.eta, eta)
        assert np.allclose(found.phi, phi)
        if "mass" in left:
            mass = np.resize(MASSES, sum(ak.num(columns["pt"])[: i + 1]))[sum(ak.num(columns["pt"])[:i]) :]
        assert np.allclose(found.energy**2, (pt * np.cosh(eta)) ** 2 + mass**2)
        assert np.array_equal(found.charge, charge)
        kinds = [PARTICLE_CLASSES[row] for row in found.class_index]
        assert kinds == [
            KINDS[j % len(KINDS)]
            for j in range(sum(ak.num(columns["pt"])[:i]), sum(ak.num(columns["pt"])[: i + 1]))
        ]
        assert (len(event.found[Tracks]), len(event.found[Clusters])) == (0, 0)
        assert event.left_aside.keys() == {"branches Jet_*", "branch run"}
    assert len(source[1].hits) == 0


def test_all_candidates_before_those_of_jets_and_none_of_the_generator(tmp_path: Path) -> None:
    columns = {
        f"{name}_{member}": values[:, :count]
        for name, count in {"FatJetPFCands": 2, "JetPFCands": 3, "PuppiCands": 4, "GenPFCands": 7}.items()
        for member, values in candidates().items()
    }
    with uproot.recreate(tmp_path / "a.root") as out:
        tree(
            out,
            "other",
            {name.replace("FatJet", ""): values for name, values in columns.items() if "Fat" in name},
        )
        tree(out, "Events", columns)
    assert len(particles(open_events(tmp_path / "a.root", None)[0])) == 4
    with uproot.recreate(tmp_path / "b.root") as out:
        tree(out, "Events", {name: values for name, values in columns.items() if "Puppi" not in name})
    assert len(particles(open_events(tmp_path / "b.root", None)[0])) == 3
    with uproot.recreate(tmp_path / "c.root") as out:
        tree(out, "deep/tree", {name: values for name, values in columns.items() if name.startswith("Fat")})
    (event, *_) = open_events(tmp_path / "c.root", None)
    assert len(particles(event)) == 2
    assert event.number == 0


def test_lists_of_particles_that_are_indices_alone_are_none(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "a.root") as out:
        out["Events"] = {f"JetPFCands_{name}": candidates()["pt"] for name in ("pt", "jetIdx", "pFCandsIdx")}
    with pytest.raises(BadInput, match="candidates of particle flow"):
        open_events(tmp_path / "a.root", None)


def test_each_particle_is_a_hit_in_its_direction(tmp_path: Path) -> None:
    event = open_events(written(tmp_path / "nano.root", candidates()), None)[0]
    found, hits = particles(event), event.hits
    assert np.array_equal(found.hit_index, np.arange(len(found)))
    assert np.array_equal(hits.energy, found.energy)
    momentum = np.stack([found.px, found.py, found.pz], axis=1)
    assert np.allclose(
        hits.xyz / np.linalg.norm(hits.xyz, axis=1)[:, None],
        momentum / np.linalg.norm(momentum, axis=1)[:, None],
    )
    assert (hits.sensor == -1).all()


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("pt", np.nan, "no"),
        ("phi", np.inf, "number that is none"),
        ("eta", 800.0, "beyond all bounds"),
        ("pt", -3.0, "below 0"),
    ],
)
def test_damaged_numbers_are_told(tmp_path: Path, name: str, value: float, why: str) -> None:
    columns = candidates()
    flat = ak.to_numpy(ak.flatten(columns[name])).copy()
    flat[3] = value
    columns[name] = ak.unflatten(flat, ak.num(columns["pt"]))
    source = open_events(written(tmp_path / "nano.root", columns), None)
    with pytest.raises(BadInput, match=why):
        source[0]
    assert len(particles(source[2])) > 0


def test_what_holds_no_candidates_is_told(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "a.root") as out:
        out["Events"] = {"event": np.arange(3), "Jet_pt": np.ones(3)}
    with pytest.raises(BadInput, match="candidates of particle flow"):
        open_events(tmp_path / "a.root", None)


def test_explore_and_convert_read_them(tmp_path: Path) -> None:
    file = written(tmp_path / "nano.root", candidates(3, 40))
    page = tmp_path / "page.html"
    assert main(["explore", str(file), "-o", str(page), "--json", str(tmp_path / "a.json")]) == 0
    assert json.loads((tmp_path / "a.json").read_text())["event"] == 40
    out = tmp_path / "out"
    assert main(["convert", str(file), "--detector", "telescope", "-o", str(out)]) == 0
    assert [len(event.hits) for event in open_events(out, None)] == [40, 0, 42]


@pytest.mark.skipif(not jets.installed(), reason="needs FastJet: pip install 'gnnreco[jets]'")
def test_jets_of_the_particles_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle that needs particles runs alone on files that bring them, and says what makes an event strange."""
    file = written(tmp_path / "pfnano.root", candidates(3, 400))
    monkeypatch.chdir(tmp_path)
    follow(next(text for _, text in blocks(ROOT / "docs" / "reference" / "formats.md") if file.name in text))
    manifest = json.loads(Path("strange/manifest.json").read_text())
    assert (manifest["events_out"], manifest["failures"]) == (3, [])
    assert (manifest["hits"], manifest["hits_outside"]) == (802, 0)
    with pytest.raises(BadBundle, match="name a bundle that gives them as well"):
        Reconstructor("full_cld", "anomaly-jets")
    source = open_events(file, None)
    assert found_before(source, source.brings, load_detector("full_cld"), ()) is source
    found = Reconstructor("full_cld", "anomaly-jets", brings=source.brings)(source[0])
    (judged,) = found.values()
    assert len(judged) > 0
