"""Joins what `reconstruct` wrote with the events of other files: by event number, then by the ids of the hits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.columns import Anomalies, Clusters, Event, Ints, ReconstructedParticles, Tracks
from gnnreco.errors import BadInput
from gnnreco.events import EventSource
from gnnreco.events.readers.rows import find_rows
from gnnreco.files.json_types import JsonMapping


class Join:
    """Finds the event of each row of an output, and in it the hits.

    Parameters
    ----------
    source : EventSource
        The same events, from the same files or others.
    manifest : mapping
        Of the output, of one task; its sums tell whether the files are those that were reconstructed.
    folder : path
        Of the output, for messages.
    """

    def __init__(self, source: EventSource, manifest: JsonMapping, folder: Path) -> None:
        self.source, self.folder = source, folder
        self.used: set[int] = set()
        self.other_files: dict[Path, None] = {}
        self._counting = self._without_ids = False
        self._inputs: dict[str, list[tuple[int, str]]] = {}
        for file in manifest.get("inputs", []):
            self._inputs.setdefault(Path(file["path"]).name, []).append((file["bytes"], file["sha256"]))
        self._rows: dict[int, list[int]] = {}
        for row, number in enumerate(source.numbers):
            self._rows.setdefault(int(number), []).append(row)
        self._is_input = cache(self._same)

    def pairs(self, outputs: Iterator[tuple[int, str, Any]]) -> Iterator[tuple[Event, Any]]:
        """Each event of the output and what was found in it, with `hit_index` counting rows of that event.

        Raises
        ------
        BadInput
            There is no such event, it occurs twice, or it lacks hits of the output.
        """
        for number, origin, found in outputs:
            row = self.row_of(number, origin)
            if row in self.used:
                why = "occurs twice in the output; reconstruct into a fresh folder"
                raise BadInput(self.folder, f"event {number}", why)
            self.used.add(row)
            event = self.source[row]
            yield event, self.place(found, event, row)

    def row_of(self, number: int, origin: str) -> int:
        """Row of an event in the source: by number, and by the name of its file where a number occurs twice."""
        rows = self._rows.get(int(number), [])
        if not rows:
            raise BadInput(
                self.folder, f"event {number}", f"the truth has no such event (it came from {origin})"
            )
        if len(rows) == 1:
            return rows[0]
        names = self.source.sources
        parts = Path(origin).parts  # as seen from the folder of all inputs
        for same in (
            lambda name: Path(name).parts[-len(parts) :] == parts,
            lambda name: Path(name).name == Path(origin).name,
        ):
            fitting = [row for row in rows if same(names[row])]
            if len(fitting) == 1:
                return fitting[0]
        why = f"the truth has {len(rows)} such events, none from {origin}"
        raise BadInput(self.folder, f"event {number}", why)

    def place(
        self, found: Tracks | Clusters | ReconstructedParticles | Anomalies, event: Event, row: int
    ) -> Any:
        """What was found, with its hits where this event has them, whatever the order of its rows."""
        others = [file for file in self.source.hit_files(row) if not self._is_input(file)]
        self.other_files |= dict.fromkeys(others)
        ids = event.hits.hit_id
        if found.hit_id is None:  # as gnnreco wrote before it knew better
            self._without_ids |= bool(others)
            return found
        if len(np.unique(ids)) < len(ids):
            if others:
                why = f"its hit ids are not unique, and {others[0]} is not what was reconstructed; give that file"
                raise BadInput(event.source, f"event {event.number}", why)
            return found
        rows = find_rows(ids, found.hit_id)
        lost = np.unique(found.hit_id[rows < 0])
        if len(lost):
            why = (
                f"{len(lost):,} of {len(np.unique(found.hit_id)):,} hits of the output are not in this event (first: hit "
                f"{lost[0]}); give the events that {self.folder} was made from"
            )
            raise BadInput(event.source, f"event {event.number}", why)
        both_count_rows = _steady(ids - np.arange(len(ids))) and _steady(found.hit_id - found.hit_index)
        self._counting |= bool(others) and both_count_rows
        return replace(found, hit_index=rows)

    def warnings(self) -> list[str]:
        """What the events so far tell, one line each."""
        if not self.other_files:
            return []
        more = f" and {len(self.other_files) - 1} more files" if len(self.other_files) > 1 else ""
        how = "hits are joined by their ids"
        if self._counting:
            how += ", which only count rows in both: another order would not be seen"
        if self._without_ids:
            how = "the output has no hit ids, so hits are joined by row: reconstruct again"
        return [f"truth differs from what was reconstructed: {next(iter(self.other_files))}{more}; {how}"]

    def _same(self, file: Path) -> bool:
        """Whether a file is one of the inputs: that of its name, else any."""
        if not self._inputs:
            return True
        known = self._inputs.get(file.name) or [one for some in self._inputs.values() for one in some]
        if file.stat().st_size not in {size for size, _ in known}:
            return False
        if all(size != file.stat().st_size or not total for size, total in known):
            return True  # read in parts from another machine: no sum is known
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() in {total for _, total in known}


def _steady(values: Ints) -> bool:
    return bool((values == values[:1]).all())
