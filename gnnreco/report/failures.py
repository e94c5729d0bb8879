"""Where it went wrong: the events with most losses, the surest mistakes, and the commands that open them."""

from __future__ import annotations

import glob
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from gnnreco.columns import Event, JetBlock
from gnnreco.files.json_types import JsonDict

from .figures import Judge, Measured

MOST = 10  # rows of each list
FOUND = "found"  # the folder that the commands reconstruct into


class Example(TypedDict):
    """An object to explain: row `object` of what was found in event `place` of those given."""

    what: str
    place: int
    object: int
    score: float
    right: bool


def failures(
    judge: Judge,
    measured: Measured,
    events: Sequence[Event],
    bundles: Sequence[str],
    detector: str,
) -> tuple[list[JsonDict], list[JsonDict], list[str]]:
    """The worst events, the objects that are wrong although their score is high, and one command before all others.

    Returns
    -------
    events, objects, commands
        Each row of the first two has the ``command`` that opens its event, where an event can be shown.
    """
    worst, sure, sources = [], [], dict[str, None]()
    for place, event in enumerate(events):
        found = measured.found[place]
        if found is None:
            continue
        here = opens(event, detector)
        wanted, missed, wrong = judge.lost(event, found)
        told: JsonDict = {"event": event.number, "source": event.source}
        worst.append(told | {"targets": wanted, "missed": missed, "wrong": wrong, "command": here})
        score, right = judge.objects(event, found)
        known = np.flatnonzero(np.isfinite(score) & ~right)
        for row in known[np.argsort(-score[known], kind="stable")][:MOST].tolist():
            sure.append(told | {"object": row, "score": float(score[row]), "command": here})
        if here is not None:
            sources[event.source] = None
    worst = [row for row in worst if row["missed"] + row["wrong"] > 0]
    worst.sort(key=lambda row: -(row["missed"] + row["wrong"]))
    sure.sort(key=lambda row: -row["score"])
    worst, sure = worst[:MOST], sure[:MOST]
    words = ["gnnreco", "reconstruct", *sources, "--detector", detector]
    words += [word for bundle in bundles for word in ("--bundle", bundle)]
    return worst, sure, [shlex.join([*words, "-o", FOUND])] if sources else []


def opens(event: Event | JetBlock, detector: str) -> str | None:
    """The command that shows an event with what was found in it; None for a block of jets, or one that is in no file."""
    if isinstance(event, JetBlock) or not detector or not readable(event.source):
        return None
    words = ["gnnreco", "show", event.source, "--detector", detector, "--found", FOUND]
    return shlex.join([*words, "--event", str(event.number), "-o", f"event-{event.number}.html"])


def readable(source: str) -> bool:
    """Whether an event came out of a file: a path, or what the names of its tables begin with."""
    path = Path(source)
    return path.exists() or any(path.parent.glob(f"{glob.escape(path.name)}*"))


def examples(judge: Judge, measured: Measured, events: Sequence[Event]) -> list[Example]:
    """Three objects to explain: the surest that is right, the one in the middle, the surest that is wrong.

    Returns
    -------
    list of dict
        ``what, place, object, score, right``; `place` counts the events. Where none is wrong, the least sure one is taken.
    """
    table = []
    for place, event in enumerate(events):
        if measured.found[place] is None:
            continue
        score, right = judge.objects(event, measured.found[place])
        for row in np.flatnonzero(np.isfinite(score)).tolist():
            table.append((float(score[row]), bool(right[row]), place, row))
    good = sorted((t for t in table if t[1]), key=lambda t: (-t[0], t[2], t[3]))
    bad = sorted((t for t in table if not t[1]), key=lambda t: (-t[0], t[2], t[3]))
    chosen: dict[tuple[float, bool, int, int], str] = {}
    if good:
        chosen[good[0]] = "best: the highest score of those that are right"
        chosen.setdefault(good[len(good) // 2], "typical: the middle score of those that are right")
    if bad:
        chosen[bad[0]] = "worst: the highest score of those that are wrong"
    elif len(good) > 1:
        chosen.setdefault(good[-1], "worst: the lowest score; none is wrong")
    return [
        {"what": what, "place": place, "object": row, "score": score, "right": right}
        for (score, right, place, row), what in chosen.items()
    ]
