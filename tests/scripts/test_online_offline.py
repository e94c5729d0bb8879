"""Figures of what a trigger gives beside what there was."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def script():
    """The script as a module; it takes its tables from another one beside it."""
    path = [*sys.path]
    sys.path.insert(0, str(SCRIPTS))
    spec = importlib.util.spec_from_file_location("online_offline", SCRIPTS / "online_offline.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    sys.path[:] = path
    return made


def test_what_is_found_in_part_has_that_response(script, capsys) -> None:
    rng = np.random.default_rng(1)
    true = []
    for _ in range(20):
        momentum = rng.normal(0, 20, (12, 3))
        true.append(np.column_stack([momentum, np.linalg.norm(momentum, axis=1)]))
    same, half = (script.figures([part * four for four in true], true) for part in (1.0, 0.5))
    assert same["visible_energy"]["response"] == pytest.approx(1.0)
    assert same["met_resolution"] == pytest.approx(0.0, abs=1e-9)
    assert half["visible_energy"]["response"] == pytest.approx(0.5)
    assert half["visible_energy"]["resolution"] == pytest.approx(0.0, abs=1e-9)
    assert half["met_resolution"] > 1
    if same["jets"]:
        assert same["jets"]["response"] == pytest.approx(1.0)
    script.show("title", {"all of it": same, "half of it": half})
    said = capsys.readouterr().out
    assert "0.500 [0.500, 0.500]" in said
