"""The bundle behind a firmware is found again, or said not to be there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gnnreco.bundle import load_bundle, save_bundle
from gnnreco.deploy.folder import program_files
from gnnreco.deploy.lower import lower
from gnnreco.deploy.provenance import find_trained, provenance, trained_program
from gnnreco.errors import BadBundle
from gnnreco.schema import plain
from gnnreco.tasks.trigger import TriggerConfig, TriggerTask

from .networks import network


def written(folder: Path, seed: int):
    """A bundle of a network of random weights."""
    net = network("pairs", seed)
    config = TriggerConfig(network=net.config)
    config = replace(config, input=replace(config.input, features=net.offset.numel()))
    task = TriggerTask.from_config(config, None)
    task.network.load_state_dict(net.state_dict())
    save_bundle(folder, "trigger", plain(config), task.state(), None, {"seed": seed}, {})
    return load_bundle(folder), lower(net)


def test_a_bundle_is_found_where_it_was(tmp_path: Path):
    bundle, program = written(tmp_path / "tagger", 1)
    assert program_files(trained_program(bundle)) == program_files(program)
    said = provenance(bundle)
    found = find_trained(said)
    assert found is not None
    assert program_files(found) == program_files(program)
    written(tmp_path / "tagger", 2)
    assert find_trained(said) is None
    assert find_trained({"bundle": "random weights"}) is None
    assert find_trained({}) is None


def test_other_tasks_have_no_program():
    with pytest.raises(BadBundle, match="only those of `gnnreco train trigger`"):
        trained_program(load_bundle("tracking-hex"))
