"""Bounds and grids hold every value that a program has on the way, whatever comes in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.deploy.program.intervals import answer_range
from tests.deploy.networks import SCORES, SHAPES
from tests.deploy.programs import program, vectors


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [*SHAPES, *SCORES])
def test_every_value_is_within_its_range_and_on_its_grid(shape: str, seed: int) -> None:
    made = program(shape, seed)
    x, valid = vectors(shape, 200, seed)
    ports = made.ported(x)
    for i in range(1, len(made.ops) + 1):
        until = replace(made, ops=made.ops[:i])
        values, seen = until.answer(ports, valid), answer_range(until)
        steps = values * np.exp2(seen.fraction)
        assert (steps == np.floor(steps)).all(), f"value {i} ({made.ops[i - 1].kind}) is off its grid"
        assert (values >= seen.low).all()
        assert (values <= seen.high).all()
