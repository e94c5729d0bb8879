"""Jets are FastJet's own; what is compared is the jets of found particles and of targets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gnnreco.errors import MissingTool
from gnnreco.evaluate.particles import ParticleScores, find_jets, jets
from gnnreco.evaluate.report.particles import particle_lines

from .made import found_as, some_targets

GOLDEN = Path(__file__).parents[2] / "golden" / "fastjet_eekt.json"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "jets"
HEAD = {"events": 10, "definitions": {"target": "all"}}
needs_fastjet = pytest.mark.skipif(not jets.installed(), reason="needs FastJet: pip install 'gnnreco[jets]'")


def rap_phi_pt(four: np.ndarray) -> np.ndarray:
    """Rapidity, azimuth from 0 to 2 pi, pt; hardest first."""
    rapidity = np.arctanh(four[:, 2] / four[:, 3])
    table = np.stack(
        [rapidity, np.arctan2(four[:, 1], four[:, 0]) % (2 * np.pi), np.hypot(*four[:, :2].T)], axis=1
    )
    return table[np.argsort(-table[:, 2])]


@needs_fastjet
def test_durham_jets_are_those_of_fastjet() -> None:
    golden = json.loads(GOLDEN.read_text())
    for particles, expected in zip(golden["particles"], golden["jets"], strict=True):
        found = find_jets(np.array(particles), "durham", 4)
        np.testing.assert_allclose(rap_phi_pt(found), expected, rtol=1e-6, atol=1e-6)


@needs_fastjet
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared events")
def test_durham_jets_of_all_events_are_those_of_fastjet() -> None:
    def read(name: str) -> str:
        return bytes(pa.CompressedInputStream(pa.OSFile(str(SHARED / name)), "zstd").read()).decode()

    events: list[list[list[float]]] = []
    for line in read("events_eeH.hepmc3.zst").splitlines():
        words = line.split()
        if line.startswith("E "):
            events.append([])
        elif line.startswith("P ") and words[9] == "1":
            events[-1].append([float(word) for word in words[4:8]])
    expected = json.loads(read("fastjet_eekt_njets4_reference.json.zst"))
    assert len(events) == len(expected) == 100
    for particles, event in zip(events, expected, strict=True):
        theirs = [[jet["rap"], jet["phi"], jet["pt"]] for jet in event["jets"]]
        found = rap_phi_pt(find_jets(np.array(particles), "durham", 4))
        np.testing.assert_allclose(found, theirs, rtol=1e-6, atol=1e-6)


@needs_fastjet
@pytest.mark.parametrize("algorithm", jets.ALGORITHMS)
def test_every_algorithm_keeps_the_four_momentum(algorithm: str) -> None:
    targets = some_targets(60, 3)
    four = np.stack([targets.px, targets.py, targets.pz, targets.energy], axis=1)
    found = find_jets(four, algorithm)
    np.testing.assert_allclose(found.sum(axis=0), four.sum(axis=0), atol=1e-9)
    assert (np.diff(found[:, 3]) <= 0).all()
    assert len(find_jets(np.zeros((0, 4)), algorithm)) == 0
    assert algorithm != "durham" or len(found) == 2


@needs_fastjet
def test_the_response_is_the_scale_of_the_energies(capfd: pytest.CaptureFixture[str]) -> None:
    scores = ParticleScores()
    for seed in range(10):
        targets = some_targets(40, seed)
        scores.add(targets, found_as(targets, 0.9))
    for algorithm in jets.ALGORITHMS:
        result = scores.result(algorithm)
        np.testing.assert_allclose(result["jet_response_median"], 0.9)
        np.testing.assert_allclose(result["jet_response_mean"], 0.9)
        assert result["jet_resolution_iqr"] < 1e-9
        row = result["jets"][algorithm]
        counts = "all" if algorithm == "antikt" else "central"
        assert row["counted_jets"] == row[counts]["jets"] <= row["target_jets"]
        line = next(line for line in particle_lines(result | HEAD) if line.startswith(f"jets, {algorithm}"))
        assert line.endswith(f"; {row['counted_jets']} of {row['target_jets']} target jets count")
        assert result["jets"][algorithm]["all"]["matched"] == result["jets"][algorithm]["all"]["jets"] > 0
    assert "FastJet" not in capfd.readouterr().out


def test_without_fastjet_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jets, "installed", lambda: False)
    scores = ParticleScores()
    scores.add(some_targets(5), found_as(some_targets(5)))
    result = scores.result()
    assert result["jets"] == {}
    assert result["jet_resolution_iqr"] is None
    assert result["warnings"] == [jets.HOW]
    assert "pip install 'gnnreco[jets]'" in jets.HOW


@pytest.mark.skipif(jets.installed(), reason="FastJet is installed")
def test_to_ask_for_jets_without_fastjet_is_an_error() -> None:
    with pytest.raises(MissingTool, match=r"gnnreco\[jets\]"):
        find_jets(np.ones((1, 4)), "antikt")
