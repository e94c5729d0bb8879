"""Calorimeters drawn at random: those in a beam stand so near that a beam crosses them by another way than from the origin."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from gnnreco.geometry import load_detector
from gnnreco.geometry.description.new import new_detector

SCRIPT = Path(__file__).parents[3] / "scripts" / "random_calorimeters.py"


def test_blocks_in_a_beam_are_near_and_within_the_ranges(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("random_calorimeters", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    rng = np.random.default_rng(3)
    drawn = [script.numbers("calorimeter", rng, True) for _ in range(200)]
    for name, (low, high) in {"first": script.NEAR, "cell": script.CELL}.items():
        values = np.array([float(one[name]) for one in drawn])
        assert low <= values.min() < 1.3 * low
        assert 0.75 * high < values.max() <= high
    slopes = [float(one["width"]) / 2 / float(one["first"]) for one in drawn]
    assert np.median(slopes) > 0.4  # of the way from the origin to the rim; that of the beam is 0
    block = load_detector(new_detector(tmp_path / "block", "calorimeter", drawn[0]))
    assert block.n_layers == int(drawn[0]["layers"])
    assert float(block.center[:, 2].min()) == float(drawn[0]["first"])
