"""`examples/white_box_generator.py`: the splitting function comes out of the final particles."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

SCRIPT = Path(__file__).parent.parent / "examples" / "white_box_generator.py"


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_the_cascade_keeps_energy_and_momentum(example: dict[str, Any]) -> None:
    torch.manual_seed(3)
    showers = example["cascade"](20, example["draw_fed"])
    energy = example["STOP"] * showers.features[:, 0].exp()
    total = torch.zeros(20).index_add(0, showers.of, energy)
    across = torch.zeros(20, 2).index_add(0, showers.of, showers.features[:, 1:])
    torch.testing.assert_close(total, torch.full((20,), example["BEGIN"]), rtol=1e-4, atol=0)
    torch.testing.assert_close(across, torch.zeros(20, 2), rtol=0, atol=1e-2)
    assert (energy < example["STOP"]).all()
    # A splitting makes one particle more.
    torch.testing.assert_close(torch.bincount(showers.of).float(), showers.fractions.sum(1) + 1)


def test_what_is_drawn_has_the_density_that_is_told(example: dict[str, Any]) -> None:
    torch.manual_seed(4)
    row = torch.bucketize(example["draw_fed"](200_000), example["EDGES"][1:-1])
    density = torch.bincount(row, minlength=example["BINS"]) / 200_000 / example["WIDTH"]
    assert example["distance"](density) < 0.01


def test_the_splitting_function_is_recovered(example: dict[str, Any], tmp_path: Path) -> None:
    result = example["main"](tmp_path, seeds=1, steps=90)
    assert result["began"] > 0.5
    assert result["found"][0] < 0.2 * result["began"]
    assert json.loads((tmp_path / "white_box_generator.json").read_text()) == result
    assert 5_000 < (tmp_path / "white_box_generator.svg").stat().st_size < 100_000
