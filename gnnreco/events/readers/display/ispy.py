"""Archives of the CMS event display iSpy (``.ig``): a zip of JSON texts, one an event, lengths in m, energies in GeV.

Each text names the columns of its collections (``Types``), so the collections are known by their columns, not by
their names: what has the eight corners of a box is a cell, or a chamber that fired; what has a position and nothing
else that was reconstructed is a point. Format: github.com/cms-outreach/ispy-webgl.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.columns import Event, Floats
from gnnreco.errors import BadInput
from gnnreco.events.readers.bounded import members, parse_json, read_member
from gnnreco.events.readers.drawn import Drawn, boxes, event_of, numbers, untold
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry
from gnnreco.files.json_types import JsonDict

MAGIC = b"PK\x03\x04"
MM = 1000.0  # in the unit of the file
FRONT, BACK = ([f"{face}_{corner}" for corner in (1, 2, 3, 4)] for face in ("front", "back"))
#: Columns of what was measured; a collection with others (fraction, pt, chi2, ...) was made from hits.
MEASURED = {*FRONT, *BACK, "pos", "energy", "time", "detid", "eta", "phi"}
_EVENT = re.compile(r"Events/Run_(\d+)/Event_(\d{1,18})")


class IspyReader:
    """Reads the events of one archive, each when it is asked for."""

    def __init__(self, file: Path, finder: SensorFinder) -> None:
        self.file, self.finder = file, finder

    def entries(self) -> list[Entry]:
        """One entry an event, in the order of the archive. Raises `BadInput`."""
        found = [match for name in members(self.file) if (match := _EVENT.fullmatch(name))]
        if not found:
            raise BadInput(
                self.file, "", "a zip archive without Events/Run_.../Event_...; is it an .ig file?"
            )
        return [
            Entry(int(match[2]), str(self.file), ((match[0], self.file),), row)
            for row, match in enumerate(found)
        ]

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        name = entry.files[0][0]
        content = read_event(self.file, name)
        parts, aside = [], Counter(self._others() if entry.row == 0 else ())
        for collection, rows in content["Collections"].items():
            if collection not in content["Types"]:
                aside[collection] += len(rows) if isinstance(rows, list) else 1
        for collection, columns in content["Types"].items():
            part = _part(self.file, name, collection, columns, content["Collections"])
            if part is not None:
                parts.append(part)
            elif rows := content["Collections"].get(collection):
                aside[collection] += len(rows) if isinstance(rows, list) else 1
        return event_of(entry.number, entry.source, self.file, name, parts, self.finder, aside)

    def _others(self) -> list[str]:
        """Members of the archive that are no events; the file ``Header`` says nothing of them."""
        names = members(self.file)
        return [n for n in names if not (_EVENT.fullmatch(n) or n.endswith("/") or n == "Header")]


def read_event(file: Path, name: str) -> JsonDict:
    """The JSON of one member, with ``Types`` and ``Collections`` in it. Raises `BadInput`."""
    content = parse_json(file, name, read_member(file, name))
    for key in ("Types", "Collections"):
        if not isinstance(content.get(key), dict):
            raise BadInput(file, name, f"no '{key}' in it, so not an event of iSpy; check the file")
    return content


def column(file: Path, where: str, names: list[str], rows: list[Any], wanted: str, width: int = 1) -> Floats:
    """One column of a collection, float64 (n, width). Raises `BadInput`."""
    place = names.index(wanted)
    try:
        values = [row[place] for row in rows]
    except (TypeError, IndexError, KeyError):
        why = f"a row without '{wanted}'; damaged: fetch the file again"
        raise BadInput(file, where, why) from None
    return numbers(file, f"{where}, {wanted}", [[v] for v in values] if width == 1 else values, width)


def _part(file: Path, name: str, collection: str, columns: Any, collections: JsonDict) -> Drawn | None:
    """The hits of one collection; None if it holds something else."""
    try:
        names = [str(column_name) for column_name, _ in columns]
    except (TypeError, ValueError):
        raise BadInput(file, f"{name}, Types of {collection}", "not pairs of name and type") from None
    box = {*FRONT, *BACK} <= set(names)
    if not set(names) <= MEASURED or not (box or "pos" in names):
        return None
    where, rows = f"{name}, {collection}", collections.get(collection)
    if rows is None and collection in collections:
        return None  # null: nothing was there to write
    if not isinstance(rows, list):
        raise BadInput(file, where, "declared in Types, but no list of rows; fetch the file again")
    if box:
        faces = [
            np.stack([column(file, where, names, rows, corner, 3) for corner in face], axis=1)
            for face in (FRONT, BACK)
        ]
        xyz, edges = boxes(*faces)
    else:
        xyz, edges = column(file, where, names, rows, "pos", 3), untold(len(rows)) / MM
    energy, time = (
        column(file, where, names, rows, wanted)[:, 0] if wanted in names else None
        for wanted in ("energy", "time")
    )
    return Drawn(re.sub(r"_V\d+$", "", collection), MM * xyz, MM * edges, energy, time)
