"""JSON of the event display Phoenix, plain or gzip: mm, and energies in MeV.

Two ways to write are read. In Phoenix's own (guides/developers/event_data_format.md of github.com/HSF/phoenix),
``Hits`` holds collections of points, lines and boxes, and four more types those of a calorimeter
(see `phoenix_calorimeter` beside this). LHCb writes one event as bare lists by system: strips as two ends, muon pads
as x, dx, y, dy, z, dz (halves), cells as energy, x, y, z, width. Tracks, jets and other things made from hits are left
aside, and counted by their type.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.columns import Event, Floats
from gnnreco.errors import BadInput
from gnnreco.events.readers.bounded import parse_json, read_text
from gnnreco.events.readers.drawn import Drawn, event_of, numbers, strips, untold, upright
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry
from gnnreco.files.json_types import JsonDict

from .phoenix_calorimeter import CALORIMETER, GEV, calorimeter, collections

STRIPS, PADS, CELLS = ("VELOR", "VELOPHI", "TT", "IT", "OT"), ("MUON",), ("ECAL", "HCAL")
HITS = "Hits"
#: Types that hold what was measured, and types of what was made from it.
MEASURED = (HITS, *CALORIMETER)
MADE = ("Tracks", "Jets", "Vertices", "MissingEnergy", "Muons", "Photons", "Electrons")
#: Keys of a hit: what is read, and how it is drawn.
OF_HIT = {"type", "pos", "color", "size", "linewidth", "opacity"}
#: What tells an event from any other JSON, such as a manifest beside it.
MARK = re.compile(rf'"(event ?[nN]umber|{"|".join((*MEASURED, *MADE))})"\s*:'.encode())


class PhoenixReader:
    """Reads the events of one file."""

    def __init__(self, file: Path, finder: SensorFinder) -> None:
        self.file, self.finder = file, finder

    def entries(self) -> list[Entry]:
        """One entry an event, in the order of the file. Raises `BadInput`."""
        return [
            Entry(_number(event, row), str(self.file), ((key, self.file),), row)
            for row, (key, event) in enumerate(self._content()[0].items())
        ]

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        key = entry.files[0][0]
        events, others = self._content()
        event = events.get(key)
        if event is None:
            raise BadInput(self.file, key, "the file changed while it was read; open it again")
        aside = Counter(others if entry.row == 0 else {})
        parts = [
            *_lists(self.file, key, event),
            *_hits(self.file, key, event, aside),
            *calorimeter(self.file, key, event, aside),
        ]
        for name in event:
            if name not in {*STRIPS, *PADS, *CELLS, *MEASURED}:
                aside[name] += _count(event[name])
        return event_of(entry.number, entry.source, self.file, key, parts, self.finder, aside)

    def _content(self) -> tuple[JsonDict, dict[str, int]]:
        """The events of the file by their keys; what else it holds, counted."""
        content = parse_json(self.file, "", read_text(self.file))
        if _is_event(content):
            return {"": content}, {}
        events = {key: value for key, value in content.items() if _is_event(value)}
        if not events:
            why = f"JSON, but no event of Phoenix: neither {', '.join(MEASURED)} nor lists of hits; check the file"
            raise BadInput(self.file, "", why)
        return events, {key: _count(value) for key, value in content.items() if key not in events}


def _is_event(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    lists = [name for name in (*STRIPS, *PADS, *CELLS) if isinstance(value.get(name), list)]
    return bool(lists) or any(isinstance(value.get(name), dict) for name in (*MEASURED, *MADE))


def _count(value: object) -> int:
    """How many objects a type has in all its collections; 0 of what is no list, such as the number of the run."""
    if isinstance(value, dict):
        return sum(map(_count, value.values())) or len(value)
    return len(value) if isinstance(value, list) else 0


def _number(event: JsonDict, row: int) -> int:
    """The number of an event; its row where it has none."""
    number = event.get("eventNumber", event.get("event number", row))
    return number if isinstance(number, int) and abs(number) < 2**62 else row


def _lists(file: Path, key: str, event: JsonDict) -> list[Drawn]:
    """LHCb's bare lists."""
    parts = []
    for name in (*STRIPS, *PADS, *CELLS):
        if event.get(name) is None:
            continue
        rows = numbers(file, f"{key}, {name}".removeprefix(", "), event[name], 5 if name in CELLS else 6)
        if name in STRIPS:
            parts.append(Drawn(name, *strips(rows.reshape(-1, 2, 3))))
        elif name in PADS:
            parts.append(Drawn(name, rows[:, ::2], upright(2 * rows[:, 1::2])))
        else:
            size = np.stack([rows[:, 4], rows[:, 4], np.zeros(len(rows))], axis=1)
            parts.append(Drawn(name, rows[:, 1:4], upright(size), GEV * rows[:, 0]))
    return parts


def _hits(file: Path, key: str, event: JsonDict, aside: Counter[str]) -> list[Drawn]:
    """Points, lines and boxes; all hits of a collection are of the kind of its first."""
    parts = []
    for name, rows in collections(file, key, event, HITS):
        where = f"{key}, {HITS}, {name}".removeprefix(", ")
        if not isinstance(rows, list):
            raise BadInput(file, where, "not a list of hits; check the file")
        kind = "Point"
        if rows and isinstance(rows[0], dict):
            kind = rows[0].get("type", kind)
            aside.update(
                f"{HITS}.{k}" for row in rows if isinstance(row, dict) for k in row if k not in OF_HIT
            )
            rows = [_position(file, where, row, kind) for row in rows]
        values = numbers(file, where, rows, 6 if kind in ("Line", "Box") else 3)
        parts.append(Drawn(name, *_drawn(values, kind)))
    return parts


def _position(file: Path, where: str, row: Any, kind: str) -> Any:
    """The numbers of one hit, which must be of the kind of its collection."""
    if not isinstance(row, dict) or "pos" not in row:
        raise BadInput(file, where, "a hit without 'pos'; correct the file")
    if row.get("type", kind) != kind:
        raise BadInput(
            file, where, f"a {row['type']} among hits of type {kind}; give it a collection of its own"
        )
    return row["pos"]


def _drawn(values: Floats, kind: str) -> tuple[Floats, Floats]:
    """Middles and edges of hits from their numbers (n, 3 or 6)."""
    if kind == "Line":
        return strips(values.reshape(-1, 2, 3))
    return values[:, :3], upright(values[:, 3:]) if kind == "Box" else untold(len(values))
