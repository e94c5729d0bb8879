"""The flat pages of a detector: its drawing, its material and coverage against eta, and what is wrong with it."""

from __future__ import annotations

import html
from dataclasses import replace

from gnnreco.geometry import Detector, check
from gnnreco.geometry.checks.coverage import coverage

from .layout import drawing
from .plots import coverage_plots
from .shapes import hue_rows


def detector_sheets(detector: Detector) -> list[tuple[str, str]]:
    """Title and markup of each sheet."""
    whole = coverage(detector)
    parts = {
        subsystem.name: coverage(replace(detector.select(detector.subsystem == row), passive=()))
        for row, subsystem in enumerate(detector.subsystems)
        if (detector.subsystem == row).any()
    }
    hues = hue_rows(detector)
    shown = {s.name: hues[row] for row, s in enumerate(detector.subsystems)}
    return [
        ("Drawing", drawing(detector.at_source()).embedded()),
        ("Material", coverage_plots(whole, parts, shown, bool(detector.passive)).embedded()),
        ("Check", _findings(detector)),
    ]


def _findings(detector: Detector) -> str:
    """What `check` says, as a table."""
    found = check(detector)
    if not found:
        return '<p class="none">gnnreco detector check: no fault found.</p>'
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{html.escape(text)}</td>" for text in (f.severity, f.code, f.where, f.message, f.suggestion)
        )
        + "</tr>"
        for f in found
    )
    head = "".join(f"<th>{name}</th>" for name in ("severity", "code", "where", "what", "what to do"))
    return f"<table><tr>{head}</tr>{rows}</table>"
