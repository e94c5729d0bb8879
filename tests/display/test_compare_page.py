"""The page that sets detectors side by side takes whatever was measured, and nothing of it as markup."""

import re

import pytest

from gnnreco.display import compare_page
from gnnreco.display.compare_page import HOW

EVIL = "<script>alert(1)</script>"


def report():
    measured = {"value": 0.91, "low": 0.89, "high": 0.93}
    return {
        "sample": {"events": 20, "note": EVIL},
        "detectors": [
            {
                "name": "telescope",
                "sensors": 6,
                "cells": 3981312,
                "layers": 6,
                "measures": ["position"],
                "coverage": {"min_layers": 5, "max_eta": 6.2},
                "samples": {
                    "gun_muon": {
                        "hits_per_event": 6.0,
                        "occupancy": 1e-6,
                        "efficiency": {"trained": measured},
                    }
                },
            },
            {
                "name": EVIL,
                "samples": {"gun_muon": {"efficiency": {"zero_shot": {"value": 0.5}}}, "jets": {}},
            },
            {},
        ],
    }


def test_units_and_definitions_are_on_the_page(tmp_path):
    told = report()
    told["detectors"][0]["coverage"] = {"radiation_lengths_mean": 0.2, "covered": 0.9}
    sample = told["detectors"][0]["samples"]["gun_muon"]
    sample |= {"response": 0.97, "target": "at least 5 hits"}
    sample["efficiency"]["trained"] = sample["efficiency"]["trained"] | {"fake_rate": 0.02}
    text = compare_page(told, tmp_path / "compare.html").read_text("utf-8")
    for shown in (
        "radiation lengths mean [X0]",
        "covered [fraction of the lines]",
        "Target: at least 5 hits (telescope).",
        "0.910, fakes 0.020",
        "response (found / true energy)",
        "0.97",
    ):
        assert shown in text, shown
    for how in HOW.values():
        assert f"<dt>{how}</dt>" in text, how


def test_what_was_measured_is_on_the_page(tmp_path):
    text = compare_page(report(), tmp_path / "deep" / "compare.html").read_text("utf-8")
    for shown in ("3,981,312", "gun muon", "0.910", "0.500", "max eta", "6.2", "hits an event"):
        assert shown in text, shown
    assert text.count('class="drawing"') >= 4
    assert "<h2>jets</h2>" not in text  # a sample of which nothing was measured
    assert "<script" not in text
    assert not re.search(r"\burl\((?!#)|(?<!xmlns=\")https?://", text)


@pytest.mark.parametrize("report", [{}, {"detectors": []}, {"detectors": [{"name": "nobody"}]}])
def test_anything_may_be_missing(report, tmp_path):
    text = compare_page(report, tmp_path / "compare.html").read_text("utf-8")
    assert "<table>" in text
