"""Pulls of q/p in five fields, by the script that prints them: what a fit says of its error is so wherever the track is."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/bench_field.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_field", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["bench_field"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BENCH = script()


@pytest.mark.slow
@pytest.mark.parametrize("case", BENCH.CASES, ids=lambda case: case.name)
def test_the_pull_of_the_momentum_is_one_wide(case: object) -> None:
    found, failed, _ = BENCH.pulls(case, 1500)
    momentum = found[:, 4]
    assert len(momentum) > 1400
    assert failed < 0.005
    # The statistical error of the width is 0.03.
    assert BENCH.core(momentum) == pytest.approx(1.0, abs=0.1)
    assert momentum[np.abs(momentum) < 5].std() == pytest.approx(1.0, abs=0.13)
    assert abs(np.median(momentum)) < 0.13
    assert [BENCH.core(found[:, i]) for i in range(4)] == pytest.approx([1.0] * 4, abs=0.2)
