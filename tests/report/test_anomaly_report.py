"""`gnnreco report` on an anomaly bundle: coverage, what gives the score, the strangest events, on one page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gnnreco
from gnnreco.errors import BadConfig, BadInput
from tests.tasks.anomaly.tiny import SLAB, photons, tiny_bundle


def test_the_page_tells_whether_p_values_hold(tmp_path: Path) -> None:
    bundle, page = tiny_bundle(tmp_path / "mine"), tmp_path / "page.html"
    told = gnnreco.report(bundle, photons(24, seed=8), page, detector=SLAB)
    assert told["events"] == 24
    assert told["calibration_events"] == 20
    assert [row["figure"] for row in told["figures"]][:2] == ["events with p at most 0.01", "coverage error"]
    assert len(told["strangest"]) == 20
    assert json.dumps(told, allow_nan=False)
    text = page.read_text()
    assert "p-values of normal events" in text
    assert text.count("data:image/png") == 2


def test_what_it_cannot_use_is_refused(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "mine")
    with pytest.raises(BadConfig, match="say nothing of an anomaly bundle"):
        gnnreco.report(bundle, photons(1, seed=8), tmp_path / "page.html", detector=SLAB, train=photons(1, 2))
    with pytest.raises(BadInput, match="name some normal ones"):
        gnnreco.report(bundle, [], tmp_path / "page.html", detector=SLAB)
