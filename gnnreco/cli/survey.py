"""What a graph builder and a network keep of the truth, as tables: see `gnnreco.graphs.survey`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .table import Row, table

REGIONS, LAYERS = 12, 8  # of those that lose most


def show_survey(survey: Mapping[str, Any]) -> None:
    """Print by pt, what loses most, and what the network makes of it; all of it is in the manifest."""
    if survey.get("all"):
        _show_builder(survey)
    if judged := survey.get("network"):
        print("\ntrue connections in these graphs that the network takes for possible, %")
        rows = [{**row, "possible": f"{100 * row['possible']:.2f}"} for row in judged]
        print(f"\n{table(rows)}")


def _show_builder(survey: Mapping[str, Any]) -> None:
    """What the graph builder keeps."""
    over = f"; {survey['over_budget']} over the budget" if survey["over_budget"] else ""
    if softest := survey.get("pt_from"):
        print(f"\npt of the particles: from {softest:g} GeV, with 1 % of the segments below")
    print(f"\ntrue segments left after each step of the graph builder, %, in {survey['events']} events{over}")
    regions = sorted(survey["regions"], key=_lost, reverse=True)[:REGIONS]
    for title, rows in (
        ("all", survey["all"]),
        ("from, to: those that lose most", regions),
        ("from, to, any pt: those that lose most", survey["layers"][:LAYERS]),
    ):
        print(f"\n{table(_rows(title, rows))}")


def _lost(row: Mapping[str, Any]) -> float:
    return float(row["segments"] * (1 - row["graph"]))


def _rows(title: str, rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    return [
        {
            title: f"{row['first']}, {row['second']}" if "first" in row else "",
            **({"pt_GeV": _range(row)} if "pt_from" in row else {}),
            "segments": row["segments"],
            **{step: f"{100 * row[step]:.2f}" for step in ("windows", "gate", "graph")},
            "lost": round(_lost(row)),
        }
        for row in rows
    ]


def _range(row: Mapping[str, Any]) -> str:
    return (
        f"{row['pt_from']:g} and more" if row["pt_to"] is None else f"{row['pt_from']:g} to {row['pt_to']:g}"
    )
