"""What lies behind the calorimeters of a detector."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.geometry import load_detector
from gnnreco.graphs.elements.graph import ElementConfig
from gnnreco.tasks.particleflow.elements import Surroundings


@pytest.mark.parametrize(
    ("name", "expected"),
    [("full_cld", ["muon_barrel", "muon_endcap"]), ("full_hex", ["muon_barrel", "muon_endcap"]), ("odd", [])],
)
def test_only_chambers_outside_are_behind(name: str, expected: list[str]) -> None:
    """Disks of a tracker lie farther out than the barrel of the calorimeter begins, and are not behind it."""
    detector = load_detector(name).at_source()
    behind = Surroundings.of(detector, ElementConfig()).behind
    assert sorted({detector.subsystems[k].name for k in np.unique(detector.subsystem[behind])}) == expected
