"""JSON of the event display Phoenix, plain or gzip: mm, and energies in MeV.

Two ways to write are read. In Phoenix's own (guides/developers/event_data_format.md of github.com/HSF/phoenix),
``Hits`` holds collections of points, lines and boxes, ``PlanarCaloCells`` those of cells in planes. LHCb writes one
event as bare lists by system: strips as two ends, muon pads as x, dx, y, dy, z, dz (halves), cells as energy, x, y, z,
width. Tracks, jets and other things made from hits are left aside.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.columns import Event, Floats
from gnnreco.errors import BadInput
from gnnreco.events.bounded import parse_json, read_text
from gnnreco.events.drawn import Drawn, event_of, numbers, strips, untold
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry

GEV = 1e-3  # in the unit of the file
STRIPS, PADS, CELLS = ("VELOR", "VELOPHI", "TT", "IT", "OT"), ("MUON",), ("ECAL", "HCAL")
HITS, PLANES = "Hits", "PlanarCaloCells"
#: What tells an event from any other JSON, such as a manifest beside it.
MARK = re.compile(rb'"(event ?[nN]umber|Hits|PlanarCaloCells)"\s*:')


class PhoenixReader:
    """Reads the events of one file."""

    def __init__(self, file: Path, finder: SensorFinder) -> None:
        self.file, self.finder = file, finder

    def entries(self) -> list[Entry]:
        """One entry an event, in the order of the file. Raises `BadInput`."""
        return [
            Entry(_number(event, row), str(self.file), ((key, self.file),), row)
            for row, (key, event) in enumerate(self._events().items())
        ]

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        key = entry.files[0][0]
        event = self._events().get(key)
        if event is None:
            raise BadInput(self.file, key, "the file changed while it was read; open it again")
        parts = [
            *_lists(self.file, key, event),
            *_hits(self.file, key, event),
            *_planes(self.file, key, event),
        ]
        return event_of(entry.number, entry.source, self.file, key, parts, self.finder)

    def _events(self) -> dict[str, Any]:
        content = parse_json(self.file, "", read_text(self.file))
        if _is_event(content):
            return {"": content}
        events = {key: value for key, value in content.items() if _is_event(value)}
        if not events:
            why = f"JSON, but no event of Phoenix: neither '{HITS}' nor '{PLANES}' nor lists of hits; check the file"
            raise BadInput(self.file, "", why)
        return events


def _is_event(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    lists = [name for name in (*STRIPS, *PADS, *CELLS) if isinstance(value.get(name), list)]
    return bool(lists) or isinstance(value.get(HITS, value.get(PLANES)), dict)


def _number(event: dict[str, Any], row: int) -> int:
    """The number of an event; its row where it has none."""
    number = event.get("eventNumber", event.get("event number", row))
    return number if isinstance(number, int) and abs(number) < 2**62 else row


def _lists(file: Path, key: str, event: dict[str, Any]) -> list[Drawn]:
    """LHCb's bare lists."""
    parts = []
    for name in (*STRIPS, *PADS, *CELLS):
        if name not in event:
            continue
        rows = numbers(file, f"{key}, {name}".removeprefix(", "), event[name], 5 if name in CELLS else 6)
        if name in STRIPS:
            parts.append(Drawn(name, *strips(rows.reshape(-1, 2, 3))))
        elif name in PADS:
            parts.append(Drawn(name, rows[:, ::2], _upright(2 * rows[:, 1::2])))
        else:
            size = np.stack([rows[:, 4], rows[:, 4], np.zeros(len(rows))], axis=1)
            parts.append(Drawn(name, rows[:, 1:4], _upright(size), GEV * rows[:, 0]))
    return parts


def _upright(size: Floats) -> Floats:
    """Edges of boxes along the axes (n, 3, 3) from their lengths (n, 3)."""
    return size[:, :, None] * np.eye(3)


def _hits(file: Path, key: str, event: dict[str, Any]) -> list[Drawn]:
    """Points, lines and boxes; all hits of a collection are of the kind of its first."""
    parts = []
    for name, rows in _collections(file, key, event, HITS):
        where = f"{key}, {HITS}, {name}".removeprefix(", ")
        if not isinstance(rows, list):
            raise BadInput(file, where, "not a list of hits; check the file")
        kind = "Point"
        if rows and isinstance(rows[0], dict):
            kind = rows[0].get("type", kind)
            try:
                rows = [row["pos"] for row in rows]
            except (TypeError, KeyError):
                raise BadInput(file, where, "a hit without 'pos'; correct the file") from None
        values = numbers(file, where, rows, 6 if kind in ("Line", "Box") else 3)
        if kind == "Line":
            parts.append(Drawn(name, *strips(values.reshape(-1, 2, 3))))
        else:
            parts.append(
                Drawn(name, values[:, :3], _upright(values[:, 3:]) if kind == "Box" else untold(len(values)))
            )
    return parts


def _planes(file: Path, key: str, event: dict[str, Any]) -> list[Drawn]:
    """Cells in a plane across z, which the file tells by its normal and distance from the origin."""
    parts = []
    for name, plane in _collections(file, key, event, PLANES):
        where = f"{key}, {PLANES}, {name}".removeprefix(", ")
        try:
            *normal, distance = numbers(file, where, [plane["plane"]], 4)[0]
            rows = [[cell["cellSize"], cell["energy"], *cell["pos"]] for cell in plane["cells"]]
        except (TypeError, KeyError):
            raise BadInput(file, where, "needs 'plane' and 'cells' with cellSize, energy, pos") from None
        if abs(normal[2]) < 0.99 * np.linalg.norm(normal):
            raise BadInput(file, where, "a plane that does not stand across z; only such planes are read")
        values = numbers(file, where, rows, 4)
        z = np.full(len(values), distance * np.sign(normal[2]))
        size = np.stack([values[:, 0], values[:, 0], np.zeros(len(values))], axis=1)
        xyz = np.stack([values[:, 2], values[:, 3], z], axis=1)
        parts.append(Drawn(name, xyz, _upright(size), GEV * values[:, 1]))
    return parts


def _collections(file: Path, key: str, event: dict[str, Any], kind: str) -> list[tuple[str, Any]]:
    found = event.get(kind, {})
    if not isinstance(found, dict):
        raise BadInput(
            file, f"{key}, {kind}".removeprefix(", "), "not an object of collections; check the file"
        )
    return list(found.items())
