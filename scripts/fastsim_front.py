"""Draws generators of showers by their CPU time and by how well classifiers tell their showers from Geant4's.

    python scripts/fastsim_front.py BENCH.json [...] -o docs/images/fastsim_front.svg

BENCH.json is what `scripts/bench_fastsim.py --json` wrote: by name of the sample, by what made the showers. The others are all
submissions of the CaloChallenge (`scripts/calochallenge_results.csv`, from the tables of arXiv 2410.21611).
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.display.drawing.frame import Frame
from gnnreco.display.drawing.svg import Drawing, hue, number

RESULTS = Path(__file__).with_name("calochallenge_results.csv")
PANELS = {"low": "AUC, cells in squares", "high": "AUC, features of layers"}
WIDTH, HEIGHT, LEFT, TOP, GAP = 400.0, 300.0, 60.0, 62.0, 76.0  # pixels
TIMES = (-1, 6)  # powers of ten of a millisecond
LOWEST, HIGHEST = 0.48, 1.01
NAMED = 0.95  # AUC: worse ones at the front have no name
OURS, PARAMETRISATION = "var(--on)", "parametric"
DISCLAIMER = (
    "CPU ms of a shower in batches of 100 (log scale). Only in kind comparable: ours are other cells, another Geant4, another",
    "machine and fewer showers, with which a classifier learns less; the challenge's are from arXiv 2410.21611.",
)


@dataclass(frozen=True)
class Point:
    """A generator on one sample: CPU time (ms) and AUC by name of the classifier, with errors."""

    sample: str
    name: str
    milliseconds: float
    auc: dict[str, tuple[float, float]]


def challenge(file: Path = RESULTS) -> list[Point]:
    """All submissions whose CPU time is known."""
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    return [
        Point(
            row["data_set"],
            row["name"],
            float(row["cpu_ms"]),
            {key: (float(row[f"auc_{key}"]), float(row[f"auc_{key}_error"])) for key in PANELS},
        )
        for row in rows
        if row["cpu_ms"]
    ]


def measured(found: Mapping[str, Any]) -> list[Point]:
    """What `bench_fastsim.py` measured; rows without a classifier, such as Geant4's own, are no generators."""
    return [
        Point(
            sample,
            name,
            row["ms_100"],
            {
                key: (row["classifier"][key]["auc"], row["classifier"][key]["auc_spread"] or 0.0)
                for key in PANELS
            },
        )
        for sample, rows in found.items()
        for name, row in rows.items()
        if row.get("classifier", {}).get("high") and "ms_100" in row
    ]


def best(points: Sequence[Point], key: str) -> list[Point]:
    """Those that no other of them beats in both time and AUC, the fastest first."""
    found: list[Point] = []
    for point in sorted(points, key=lambda p: (p.milliseconds, p.auc[key][0])):
        if not found or point.auc[key][0] < found[-1].auc[key][0]:
            found.append(point)
    return found


def draw(ours: Sequence[Point], others: Sequence[Point]) -> Drawing:
    """Both panels."""
    sheet = Drawing(LEFT + len(PANELS) * (WIDTH + GAP), TOP + HEIGHT + 96)
    samples = list(dict.fromkeys(point.sample for point in others))
    for i, sample in enumerate(samples):
        x = LEFT + 150 * i
        _disk(sheet, x, 18, 4, hue(i))
        sheet.text(x + 9, 22, f"data set {sample}", "s")
    _diamond(sheet, LEFT + 150 * len(samples), 18, OURS)
    sheet.text(LEFT + 150 * len(samples) + 10, 22, "gnnreco, own samples", "s")
    for i, (key, title) in enumerate(PANELS.items()):
        frame = Frame(
            LEFT + i * (WIDTH + GAP),
            TOP,
            WIDTH,
            HEIGHT,
            np.array([TIMES[0], LOWEST]),
            np.array([TIMES[1], HIGHEST]),
        )
        _axes(sheet, frame, title)
        front = {row: best([p for p in others if p.sample == row], key) for row in samples}
        for point in others:
            _one(sheet, frame, point, key, hue(samples.index(point.sample)))
        for sample, points in front.items():
            line = np.array([_at(frame, p, key) for p in points])
            sheet.line(line, hue(samples.index(sample)), 1, "stroke-opacity:.5")
        placed: list[tuple[float, float, float]] = []
        for point in ours:
            _own(sheet, frame, point, key, placed)
        # Names of all would cover the points: those stand here that no other of their data set beats.
        for p in (p for points in front.values() for p in points if p.auc[key][0] < NAMED):
            _label(sheet, *_at(frame, p, key), p.name, "s", placed)
    for i, words in enumerate(DISCLAIMER):
        sheet.text(LEFT - 40, TOP + HEIGHT + 56 + 16 * i, words, "s")
    return sheet


def _at(frame: Frame, point: Point, key: str) -> tuple[float, float]:
    x, y = frame.map(np.array([np.log10(point.milliseconds), point.auc[key][0]]))
    return float(x), float(y)


def _one(sheet: Drawing, frame: Frame, point: Point, key: str, colour: str) -> None:
    """A submission; its errors are smaller than the disk."""
    _disk(sheet, *_at(frame, point, key), 3.2, colour)


def _own(
    sheet: Drawing, frame: Frame, point: Point, key: str, placed: list[tuple[float, float, float]]
) -> None:
    """A point of our own, with its error and its name."""
    x, y = _at(frame, point, key)
    half = point.auc[key][1] / (HIGHEST - LOWEST) * frame.height
    sheet.line([[x, min(y + half, frame.y + frame.height)], [x, max(y - half, frame.y)]], OURS, 1.4)
    _diamond(sheet, x, y, OURS if point.name != PARAMETRISATION else "var(--soft)")
    _label(sheet, x, y, f"{point.name}, {point.sample}", "t", placed)


def _label(
    sheet: Drawing, x: float, y: float, text: str, kind: str, placed: list[tuple[float, float, float]]
) -> None:
    """A name beside its point, as near as none is on top of it."""
    lowest, wide = TOP + HEIGHT - 3, 6.0 * len(text) + 8
    for step in range(40):
        at = y + 4 + (1 if step % 2 else -1) * 3 * (step + 1) // 2
        free = all(abs(at - low) >= 11 or left > x + wide or x > right for left, right, low in placed)
        if at < lowest and free:
            break
    placed.append((x, x + wide, at))
    sheet.text(x + 8, at, text, kind)


def _axes(sheet: Drawing, frame: Frame, title: str) -> None:
    """Powers of ten below, AUC on the left, and the floor."""
    bottom = frame.y + frame.height
    sheet.text(frame.x, frame.y - 12, title, "b")
    sheet.line([[frame.x, frame.y], [frame.x, bottom], [frame.x + frame.width, bottom]], "var(--soft)")
    for power in range(TIMES[0], TIMES[1] + 1):
        x = frame.map(np.array([power, LOWEST]))[0]
        sheet.line([[x, bottom], [x, bottom + 4]], "var(--soft)")
        sheet.text(x, bottom + 16, f"{10.0**power:,.{max(-power, 0)}f}", "s", "middle")
    for value in np.arange(0.5, 1.01, 0.1):
        y = frame.map(np.array([TIMES[0], value]))[1]
        sheet.line([[frame.x, y], [frame.x + frame.width, y]], "var(--line)", 1 if value > 0.5 else 2)
        sheet.text(frame.x - 6, y + 4, f"{value:.1f}", "s", "end")
    sheet.text(frame.x + frame.width, bottom + 32, "CPU ms a shower", "t", "end")


def _disk(sheet: Drawing, x: float, y: float, r: float, colour: str) -> None:
    sheet.path(
        f"M{number(x - r)} {number(y)}a{r:g} {r:g} 0 1 0 {2 * r:g} 0a{r:g} {r:g} 0 1 0 {-2 * r:g} 0z",
        fill=colour,
        more="fill-opacity:.75",
    )


def _diamond(sheet: Drawing, x: float, y: float, colour: str) -> None:
    sheet.path(f"M{number(x - 5.5)} {number(y)}l5.5 -5.5 5.5 5.5 -5.5 5.5z", fill=colour)


def main(asked: Sequence[str] | None = None) -> None:
    """Draw the results of one or several runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, nargs="*", metavar="BENCH.json")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args(asked)
    ours: dict[tuple[str, str], Point] = {}
    for file in args.results:  # of what several runs measured, the last one counts
        ours |= {(point.sample, point.name): point for point in measured(json.loads(file.read_text()))}
    args.output.write_text(draw(list(ours.values()), challenge()).standalone())


if __name__ == "__main__":
    main()
