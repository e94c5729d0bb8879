"""What was made before modules moved to rooms still loads: see tests/golden/README.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import gnnreco
from gnnreco.bundle import load_task
from gnnreco.events.tracks_file import read_tracks

BEFORE = Path(__file__).parent / "golden" / "before_rooms"


def test_a_detector_its_events_a_bundle_and_an_output_of_before_still_serve() -> None:
    detector = gnnreco.load_detector(BEFORE / "detector")
    events = gnnreco.open_events(BEFORE / "events", detector)
    reconstruct = gnnreco.Reconstructor(detector, BEFORE / "bundle")
    kept = list(read_tracks(BEFORE / "output"))
    assert len(events) == len(kept) > 0
    for event, (number, _, old) in zip(events, kept, strict=True):
        found = reconstruct(event).tracks
        assert event.number == number
        np.testing.assert_array_equal(found.offsets, old.offsets)
        np.testing.assert_array_equal(found.hit_index, old.hit_index)
        np.testing.assert_allclose(found.q_over_p, old.q_over_p, rtol=1e-6)
    scores = gnnreco.evaluate(BEFORE / "output", events, detector)
    assert (scores["task"], scores["events"]) == ("tracking", len(events))


def test_a_bundle_for_drift_of_before_is_the_task_of_today() -> None:
    task = load_task(gnnreco.load_bundle(BEFORE / "drift"), gnnreco.load_detector("tpc"))
    assert task.name == "drift"
    assert type(task.config).__name__ == "DriftConfig"
