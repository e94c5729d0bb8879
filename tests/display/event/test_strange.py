"""What makes an event strange, on its page: the score, its parts, and what each hit gives."""

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import ANOMALY_PARTS, Anomalies
from gnnreco.display import show_event
from gnnreco.errors import BadInput
from tests.display.test_browser import INK
from tests.display.test_page import unpack

PART = np.array([[0.5, 3.0, 0.0, -1.0, 0.0, 0.25]])
STRANGE = Anomalies(
    *(np.array([0, 2]), np.array([4, 9]), np.array([2.0, 0.5]), np.array([12.5]), np.array([0.001]), PART)
)


def test_the_page_holds_score_parts_and_hits(made, tmp_path):
    page = show_event(made.event(), made.detector(), None, tmp_path / "page.html", anomalies=STRANGE)
    about, arrays = unpack(page)
    told = about["event"]["strange"]
    assert (told["score"], told["p_value"], told["hits"], told["of_hits"]) == (12.5, 0.001, 2, 2.5)
    assert dict(told["parts"])["ionisation"] == 3.0
    assert len(told["parts"]) == len(ANOMALY_PARTS)
    assert np.flatnonzero(arrays["h_strange"]).tolist() == [4, 9]


def test_of_several_rows_the_strangest_is_told(made, tmp_path):
    two = replace(
        STRANGE,
        offsets=np.array([0, 1, 2]),
        score=np.array([3.0, 20.0]),
        p_value=np.array([0.5, 0.01]),
        part=np.concatenate([PART, -PART]),
    )
    page = show_event(made.event(), made.detector(), None, tmp_path / "page.html", anomalies=two)
    told = unpack(page)[0]["event"]["strange"]
    assert (told["score"], told["p_value"], dict(told["parts"])["ionisation"]) == (20.0, 0.01, -3.0)


def test_an_event_without_a_score_is_drawn_as_ever(made, tmp_path):
    page = show_event(made.event(), made.detector(), None, tmp_path / "page.html", anomalies=Anomalies())
    about, arrays = unpack(page)
    assert about["event"]["strange"] is None
    assert "h_strange" not in arrays


def test_hits_that_the_event_lacks_are_refused(made, tmp_path):
    far = replace(STRANGE, hit_index=np.array([4, 900]))
    with pytest.raises(BadInput, match="a score points at hit 900, the event has 23 hits"):
        show_event(made.event(), made.detector(), None, tmp_path / "page.html", anomalies=far)


def test_strange_hits_are_lit_up(made, drive, tmp_path):
    page = show_event(made.event(), made.detector(), made.tracks(), tmp_path / "page.html", anomalies=STRANGE)
    script = (
        INK
        + """
        const text = document.getElementById("panel").innerText, tip = document.getElementById("tip");
        only("onTrack", "unassigned", "noise", "strange"); page.look("xy", 0); const on = ink();
        page.tell(...page.project([...page.data.h_xyz.subarray(12, 15)])); const hit = tip.innerText;
        page.set("strange", false); return { text, hit, on, off: ink() };"""
    )
    seen = drive(page, script)
    assert "How strange it is" in seen["text"].replace("HOW STRANGE IT IS", "How strange it is")
    for fact in ("Score", "12.5", "p-value", "0.001", "from ionisation", "+3", "Hits that make it so"):
        assert fact in seen["text"], fact
    assert "Gives to the score" in seen["hit"]
    assert seen["on"] != seen["off"]
