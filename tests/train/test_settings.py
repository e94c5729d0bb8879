"""Hydra composes, dataclasses check: what is wrong is named with the nearest spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnreco import simulate
from gnnreco.bundle import load_bundle
from gnnreco.errors import BadConfig
from gnnreco.events import write_events
from gnnreco.geometry import load_detector
from gnnreco.tasks.registry import TASKS
from gnnreco.tasks.showers.config import ClusteringConfig
from gnnreco.tasks.showers.task import ClusteringTask
from gnnreco.train.settings import FOLDER, GROUPS, compose, run_training, settings_as_yaml


def test_groups_and_keys_can_be_chosen() -> None:
    settings = compose(
        "tracking", ["detector=telescope", "sample=beam", "sample.events=7", "sample.simulation.count=3"]
    )
    assert settings.detector.name == "telescope"
    assert (settings.sample.process, settings.sample.events, settings.sample.simulation.count) == (
        "beam",
        7,
        3,
    )
    assert compose("tracking").detector.name == "trackml"


def test_a_detector_can_be_a_path() -> None:
    assert compose("tracking", ["detector=./my tracker/v2"]).detector.name == "./my tracker/v2"


def test_what_is_printed_can_be_typed() -> None:
    printed = settings_as_yaml(compose("tracking", ["train.seed=5"]))
    assert [line[:-1] for line in printed.splitlines() if line[0] != " "] == [*GROUPS]
    assert "seed: 5" in printed


def _composes(task: str, override: str) -> bool:
    try:
        compose(task, [override])
    except BadConfig:
        return False
    return True


@pytest.mark.parametrize("group", GROUPS)
def test_every_choice_composes(group: str) -> None:
    choices = sorted(file.stem for file in (FOLDER / group).glob("*.yaml"))
    assert choices
    for choice in choices:
        assert any(_composes(task, f"{group}={choice}") for task in TASKS), choice


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.sed=1", r"unknown setting 'train.sed'; did you mean 'train.seed'"),
        ("trian.seed=1", r"unknown setting 'trian.seed'; there is detector, sample"),
        ("+train.extra=1", r"unknown setting 'train.extra'"),
        ("sample=tbar", r"sample=tbar: no such choice; did you mean 'ttbar'"),
        ("train.seed=high", r"'train.seed': expected int, got 'high'"),
        ("sample.events=1.5", r"'sample.events': expected int, got 1.5"),
        ("train.seed", r"is not key=value"),
        ("train.seed=[1", r"\[1"),
    ],
)
def test_what_is_wrong_is_named(override: str, message: str) -> None:
    with pytest.raises(BadConfig, match=message) as caught:
        compose("tracking", [override])
    assert "\n" not in str(caught.value)


def test_the_setting_that_takes_all_events_is_named(tmp_path: Path) -> None:
    write_events(simulate("telescope", "beam", events=3, seed=1), tmp_path / "events")
    words = ["detector=telescope", "sample=files", f"sample.inputs=[{tmp_path / 'events'}]"]
    with pytest.raises(BadConfig, match=r"validation_events=10 takes all 3 events"):
        run_training(compose("tracking", [*words, "sample.validation_events=10"]), tmp_path / "bundle")


def test_an_unknown_task() -> None:
    with pytest.raises(BadConfig, match="unknown task 'trackin'; did you mean 'tracking'"):
        compose("trackin")


def test_a_finder_that_learns_nothing_says_so() -> None:
    settings = compose("clustering", ["task.finder=density"])
    with pytest.raises(BadConfig, match="learns nothing"):
        ClusteringTask.from_config(settings.task, load_detector("hgcal")).prepare([])


def test_showers_are_learned_by_pairs_of_cells() -> None:
    assert compose("clustering").task.finder == "edges"


def test_an_older_bundle_to_start_from_takes_the_newest_settings() -> None:
    settings = compose("clustering", ["train.start=showers-lar", "model.identity_hidden=8"])
    config = load_bundle("showers-lar").config
    assert "identity_hidden" not in config["network"]
    assert settings.task.network.identity_hidden == 8
    assert settings.task.network.shower_hidden == config["network"]["shower_hidden"]
    assert settings.task.loss.energy == config["loss"]["energy"] != ClusteringConfig().loss.energy
    assert not settings.task.identity_only
