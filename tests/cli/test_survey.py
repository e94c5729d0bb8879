"""The tables of a survey: what loses most comes first, an open range says so."""

from __future__ import annotations

import pytest

from gnnreco.cli.survey import show_survey


def row(segments: int, graph: float, **where: object) -> dict[str, object]:
    return {**where, "segments": segments, "windows": 1.0, "gate": 0.99, "graph": graph}


def test_what_loses_most_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    soft, hard = {"pt_from": 0.3, "pt_to": 0.5}, {"pt_from": 3.0, "pt_to": None}
    show_survey(
        {
            "events": 4,
            "over_budget": 1,
            "all": [row(100, 0.5, **soft), row(900, 0.9, **hard)],
            "regions": [
                row(100, 0.5, first="pixel", second="pixel", **soft),
                row(900, 0.9, first="strip", second="strip", **hard),
            ],
            "layers": [row(1000, 0.86, first="pixel 0", second="strip 2")],
            "network": [{"subsystem": "strip", "true": 700, "possible": 0.253}],
        }
    )
    lines = capsys.readouterr().out.splitlines()
    assert "4 events; 1 over the budget" in lines[1]
    assert next(i for i, text in enumerate(lines) if "strip, strip" in text) < next(
        i for i, text in enumerate(lines) if "pixel, pixel" in text
    )
    assert any(
        text.split() == ["strip,", "strip", "3", "and", "more", "900", "100.00", "99.00", "90.00", "90"]
        for text in lines
    )
    assert any("pixel 0, strip 2" in text and text.endswith(" 140") for text in lines)
    assert lines[-1].split() == ["strip", "700", "25.30"]


def test_without_segments_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show_survey({"events": 1, "over_budget": 0, "all": [], "regions": [], "layers": []})
    assert capsys.readouterr().out == ""
