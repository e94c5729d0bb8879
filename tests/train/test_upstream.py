"""Which bundles find what a task builds on."""

from __future__ import annotations

import pytest

from gnnreco.columns import Clusters, Tracks
from gnnreco.geometry import load_detector
from gnnreco.train.upstream import Upstream, found_before

SEVERAL = ["tracking-hex", "tracking-telescope", "clusters-density"]


@pytest.mark.parametrize(
    ("detector", "expected"),
    [
        ("telescope", ["tracking-telescope", "clusters-density"]),
        ("hex_tracker", ["tracking-hex", "clusters-density"]),
    ],
)
def test_a_detector_takes_its_own_of_several_for_one_task(detector: str, expected: list[str]) -> None:
    events = found_before([], (Tracks, Clusters), load_detector(detector), SEVERAL)
    assert isinstance(events, Upstream)
    assert sorted(stage.given for stage in events.reconstruct.stages) == sorted(expected)


def test_a_task_that_builds_on_nothing_sees_the_events_themselves() -> None:
    events = [object()]
    assert found_before(events, (), load_detector("telescope"), SEVERAL) is events  # type: ignore[arg-type,comparison-overlap]
