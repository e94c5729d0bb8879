"""What the figure of the adversary says: a spread beyond chance where the response leans on the nuisance, else none."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "pivot_response.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pivot_response", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pivot_response", module)  # where dataclasses look for their types
        spec.loader.exec_module(module)
    return module


def test_the_spread_is_that_of_the_response_beyond_chance(script: ModuleType) -> None:
    rng = np.random.default_rng(0)
    nuisance, noise = rng.uniform(size=4000), 0.2 * rng.normal(size=4000)
    rows = np.stack([nuisance, np.full(4000, 5.0), 1 + noise], axis=1)
    flat = script.dependence(rows)
    rows[:, 2] += 0.4 * (nuisance - 0.5)
    leaning = script.dependence(rows)
    assert flat["spread"] < 2.5 * flat["spread_by_chance"]
    assert leaning["spread"] > 5 * leaning["spread_by_chance"]
    assert np.all(np.diff(leaning["response"]) > 0.05)
    assert leaning["error"] == pytest.approx([1.25 * 0.2 / np.sqrt(1000)] * 4, rel=0.4)
    assert flat["resolution"] == pytest.approx(0.2, rel=0.1)


def test_the_test_sample_has_the_same_energies_everywhere_and_other_seeds(script: ModuleType) -> None:
    for samples in script.SAMPLES.values():
        assert len({options.energy for *_, options in samples["test"]}) == 1
        assert len({options.energy for *_, options in samples["training"]}) > 1
        seeds = [seed for some in samples.values() for _, _, seed, _ in some]
        assert len(set(seeds)) == len(seeds)
