"""What reconstruction makes of generated showers: nothing between a sample and itself, a difference where energies are scaled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gnnreco
from gnnreco import cli
from gnnreco.columns import Event
from gnnreco.errors import BadBundle, BadConfig, OverBudget
from gnnreco.evaluate.fastsim.reconstruction import (
    Reconstructed,
    compare_reconstruction,
    roc_area,
    unlike,
    unreconstructed,
)
from gnnreco.events import write_events
from gnnreco.kernels.timer import Timer
from gnnreco.pipeline import Outcome, Reconstructor

GUN: dict[str, Any] = {"energy": (8, 12), "eta": (-0.2, 0.2), "count": 1}


def shot(particle: str, events: int, seed: int) -> list[Event]:
    return list(gnnreco.simulate("clic_ecal", particle=particle, events=events, seed=seed, **GUN))


def louder(event: Event, factor: float) -> Event:
    """The same event, each hit with more energy."""
    assert event.truth is not None
    assert event.truth.energy is not None
    assert event.hits.energy is not None
    return replace(
        event,
        hits=replace(event.hits, energy=event.hits.energy * factor),
        truth=replace(event.truth, energy=event.truth.energy * factor),
    )


@pytest.fixture(scope="module")
def reconstruct() -> Reconstructor:
    return Reconstructor("clic_ecal", "showers-any")


@pytest.fixture(scope="module")
def photons() -> list[Event]:
    return shot("photon", 12, 1)


def looked_at(events: Sequence[Event], reconstruct: Reconstructor) -> Reconstructed:
    look = Reconstructed(reconstruct)
    assert list(look.watched(events)) == list(events)
    return look


def test_a_sample_beside_itself_has_no_difference(photons: list[Event], reconstruct: Reconstructor) -> None:
    look = looked_at([*photons, *shot("pi0", 8, 2)], reconstruct)
    result = compare_reconstruction(look, look)
    assert result["generated"] == result["truth"]
    assert result["truth"]["efficiency"] > 0.7
    assert 0 <= result["truth"]["photon_pi0"] <= 1
    for name in (
        "efficiency",
        "split_rate",
        "merge_rate",
        "energy_response_mean",
        "energy_resolution",
        "photon_pi0",
    ):
        low, high = result["difference"][f"{name}_interval"]
        assert result["difference"][name] == 0
        assert low < 0 < high or name == "photon_pi0"
    assert result["difference"]["energy_resolution_ratio"] == 1
    bins = result["difference"]["bins"]
    assert {value for value in bins["energy_resolution_ratio"] if value is not None} == {1}


def test_energies_that_are_scaled_are_seen(photons: list[Event], reconstruct: Reconstructor) -> None:
    generated = looked_at([louder(event, 1.1) for event in photons], reconstruct)
    difference = compare_reconstruction(generated, looked_at(photons, reconstruct))["difference"]
    assert difference["energy_response_mean"] == pytest.approx(0.1, abs=0.05)
    assert difference["energy_response_mean_interval"][0] > 0
    assert "photon_pi0" not in difference


def test_without_a_pi0_electrons_are_compared(photons: list[Event], reconstruct: Reconstructor) -> None:
    look = looked_at([*photons, *shot("electron", 6, 3)], reconstruct)
    result = compare_reconstruction(look, look)
    assert 0 <= result["truth"]["photon_electron"] <= 1
    assert "photon_pi0" not in result["truth"]


@given(
    st.lists(st.integers(0, 6), min_size=5, max_size=20), st.lists(st.integers(0, 6), min_size=5, max_size=20)
)
def test_the_area_is_the_chance_that_a_score_is_above(one: list[int], other: list[int]) -> None:
    a, b = np.array(one, float), np.array(other, float)
    area, interval = roc_area(a, b)
    pairs = (b[:, None] > a).mean() + 0.5 * (b[:, None] == a).mean()
    assert area == pytest.approx(pairs)
    assert interval is not None
    assert interval[0] <= area <= interval[1]
    assert roc_area(b, a)[0] == pytest.approx(1 - pairs)


def test_too_few_scores_or_no_classes_have_no_area() -> None:
    assert roc_area(np.zeros(4), np.zeros(9)) == (None, None)
    assert roc_area(np.full(9, np.nan), np.zeros(9)) == (None, None)


def test_the_command_line_prints_and_writes_it(
    photons: list[Event], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_events(photons[:6], tmp_path / "generated", detector=gnnreco.load_detector("clic_ecal"))
    write_events(photons[6:], tmp_path / "truth", detector=gnnreco.load_detector("clic_ecal"))
    words = [
        "evaluate",
        str(tmp_path / "generated"),
        "--truth",
        str(tmp_path / "truth"),
        "--detector",
        "clic_ecal",
    ]
    words += ["--trainings", "1", "--json", str(tmp_path / "scores.json"), "--bundle"]
    assert cli.main([*words, "showers-any"]) == 0
    said = capsys.readouterr().out
    assert "reconstruction by showers-any" in said
    assert max(map(len, said.splitlines())) <= 110
    written = json.loads((tmp_path / "scores.json").read_text())["reconstruction"]
    assert set(written) == {"bundles", "generated", "truth", "difference"}
    assert written["truth"]["particles"] == 6
    assert cli.main([*words, "fastsim-any"]) == 2
    assert cli.main([*words, "showers-hgcal"]) == 2
    assert "--any-detector" in capsys.readouterr().err


def test_an_event_that_fails_is_named_and_counts_nowhere_else(
    photons: list[Event], reconstruct: Reconstructor, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = looked_at(photons[:5], reconstruct)
    failed = {"clustering": Outcome(Timer(), error=OverBudget(5, "pairs of cells", 9, 4))}
    monkeypatch.setattr(reconstruct, "run", lambda event: failed)
    assert look.add(photons[5]) is None
    result = compare_reconstruction(look, look)
    assert (result["truth"]["events"], result["truth"]["events_failed"]) == (5, 1)
    said = unreconstructed(look, look)
    assert len(said) == 2
    assert "event 5: 9 pairs of cells" in said[0]


def test_one_is_told_of_events_with_more_particles(photons: list[Event], tmp_path: Path) -> None:
    detector = gnnreco.load_detector("clic_ecal")
    crowded = list(gnnreco.simulate(detector, particle="photon", events=2, seed=4, **GUN | {"count": 4}))
    write_events(photons[:4], tmp_path / "generated", detector=detector)
    write_events(crowded, tmp_path / "truth", detector=detector)
    found = gnnreco.evaluate(tmp_path / "generated", tmp_path / "truth", detector, bundle="showers-any")
    assert any(
        "a generated event holds 1 target particles and a true one 4" in line for line in found["warnings"]
    )
    assert unlike({name: {"events": 10, "particles": 12} for name in ("generated", "truth")}) == []
    assert unlike({name: {"events": 0, "particles": 0} for name in ("generated", "truth")}) == []


def test_only_a_bundle_that_finds_showers_serves(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match="finds no showers"):
        Reconstructed(Reconstructor("telescope"))
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(BadConfig, match="reconstructed already"):
        gnnreco.evaluate(tmp_path, tmp_path, "clic_ecal", bundle="showers-any")
