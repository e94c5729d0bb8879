"""Which bundles a whole detector is given."""

from __future__ import annotations

import pytest

from gnnreco.bundle import default_bundles
from gnnreco.geometry import load_detector


@pytest.mark.parametrize(
    ("detector", "expected"),
    [
        ("full_cld", ["tracking-cld", "clusters-fine", "pflow-cld"]),
        ("full_hex", ["tracking-full-hex", "clusters-fine", "pflow-hex"]),
        ("odd", ["tracking-odd", "clusters-fine", "pflow-any"]),
    ],
)
def test_particle_flow_comes_last_and_one_for_any_detector_stands_in(
    detector: str, expected: list[str]
) -> None:
    one = load_detector(detector)
    assert default_bundles(one) == expected
    assert default_bundles(one, build_on=False) == expected[:-1]
