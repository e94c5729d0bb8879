"""The verbs as functions: the examples of their docstrings run, and they give what the command line gives."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gnnreco
from gnnreco import cli
from gnnreco.errors import BadConfig, BadInput
from tests.test_docstrings import NAMES, named

SHOOT = {"particle": "muon", "energy": (2, 6), "count": 4}
WORDS = ["--particle", "muon", "--energy", "2", "6", "--count", "4", "--events", "4", "--seed", "5"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with events and what was found in them."""
    place = tmp_path_factory.mktemp("front")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        words = ["simulate", "--detector", "telescope", "--process", "beam", *WORDS, "-o", "events"]
        assert cli.main(words) == 0
        gnnreco.reconstruct("events", "telescope", "tracking-telescope", "found")
    return place


EXAMPLES = [
    None,
    *(name for name in NAMES if name != "train"),
    pytest.param("train", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_run(name: str | None, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    what = gnnreco if name is None else named(name)
    tests = [t for t in doctest.DocTestFinder(recurse=False).find(what, name or "gnnreco") if t.examples]
    assert tests, f"{name} shows no example"
    for test in tests:
        assert doctest.DocTestRunner().run(test).failed == 0


def test_simulate_takes_what_the_command_line_takes(place: Path) -> None:
    made = list(gnnreco.simulate("telescope", "beam", events=4, seed=5, **SHOOT))
    for event, written in zip(made, gnnreco.open_events(place / "events", None), strict=True):
        np.testing.assert_array_equal(event.hits.hit_id, written.hits.hit_id)
        np.testing.assert_allclose(event.hits.xyz, written.hits.xyz, atol=1e-3)
    with pytest.raises(BadConfig, match="unknown setting 'partcle'; did you mean 'particle'"):
        gnnreco.simulate("telescope", "beam", partcle="muon")


def test_settings_go_over_options() -> None:
    from gnnreco.simulate import SimulationOptions

    given = SimulationOptions(count=3, efficiency=1.0)
    event = next(gnnreco.simulate("telescope", "beam", options=given, count=2))
    assert event.truth is not None
    assert len(event.truth) == 2


def test_evaluate_gives_what_the_command_line_gives(place: Path, tmp_path: Path) -> None:
    events, found, file = place / "events", place / "found", tmp_path / "scores.json"
    words = ["evaluate", str(found), "--truth", str(events), "--min-hits", "5", "--json", str(file)]
    assert cli.main(words) == 0
    written: dict[str, Any] = json.loads(file.read_text())
    assert json.loads(json.dumps(gnnreco.evaluate(found, events, min_hits=5))).items() <= written.items()
    detector = gnnreco.load_detector("telescope")
    again = gnnreco.evaluate(found, gnnreco.open_events(events, detector), detector, min_hits=5)
    assert again["acts"] == gnnreco.evaluate(str(found), [events], "telescope", min_hits=5)["acts"]


def test_show_draws_events_files_and_detectors(place: Path, tmp_path: Path) -> None:
    detector = gnnreco.load_detector("telescope")
    event = next(gnnreco.simulate(detector, "beam"))
    assert "Event 0 in telescope" in gnnreco.show(event, detector, tmp_path / "a.html").read_text()
    shown = gnnreco.show(place / "events", output=place / "found", event=2, page=tmp_path / "b.html")
    assert "Event 2 in telescope" in shown.read_text()
    assert "Detector telescope" in gnnreco.show(detector, page=tmp_path / "c.html").read_text()
    with pytest.raises(BadConfig, match="name the detector with detector="):
        gnnreco.show(event)
    with pytest.raises(BadConfig, match="give what was found with tracks="):
        gnnreco.show(event, detector, output=place / "found")
    with pytest.raises(BadInput, match="event 9: there is none; the nearest is 3"):
        gnnreco.show(place / "events", detector, event=9)


def test_show_says_where_the_output_may_be_of_other_events(place: Path, tmp_path: Path) -> None:
    words = ["simulate", "--detector", "telescope", "--process", "beam", *WORDS, "noise_hits=0.5", "-o"]
    assert cli.main([*words, str(tmp_path / "events")]) == 0
    with pytest.warns(UserWarning, match="events"):
        gnnreco.show(tmp_path / "events", output=place / "found", page=tmp_path / "page.html")


@pytest.mark.parametrize(
    "settings",
    [
        {
            "detector": "telescope",
            "train.epochs": 3,
            "sample.inputs": ["a b/c=d,e", "f'g"],
            "train.resume": False,
        },
        ["detector=telescope", "train.epochs=3"],
    ],
)
def test_settings_of_a_training_arrive_as_they_were_given(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gnnreco.train import settings as config

    if isinstance(settings, dict):
        settings.pop("train.resume")
    seen: list[Any] = []
    monkeypatch.setattr(config, "run_training", lambda composed, *rest: seen.append(composed) or {})
    gnnreco.train("tracking", settings, "nowhere")
    assert seen[0].detector.name == "telescope"
    assert seen[0].train.epochs == 3
    assert seen[0].sample.inputs == (("a b/c=d,e", "f'g") if isinstance(settings, dict) else ())
