"""Which events of an output are anomalous: those of sources that the user names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import ANOMALY_PARTS, Anomalies, Floats, Ints
from gnnreco.errors import BadInput

MOST_NAMED = 8  # sources that an error lists
MOST_GROUPS = 50  # of one side: where each event is a file, files are no groups


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """All events of an output, in its order; of a task that looks at jets, all jets.

    Attributes
    ----------
    event : int64 (n,)
    source : tuple of str (n,)
    group : tuple of str (n,)
        The folder or file by which an anomalous event was named, and the folder of a normal one; the pattern, or
        ``normal``, where there would be more than `MOST_GROUPS`.
    anomalous : bool (n,)
    score : float64 (n,)
        Minus infinity where an event has none since it has no hits: no cut flags it.
    p_value : float64 (n,)
        NaN where there is no score.
    part : float64 (n, 6)
        By `ANOMALY_PARTS`; NaN where there is no score.
    events : int
        Rows of the output: n, unless there are several jets in an event.
    """

    event: Ints
    source: tuple[str, ...]
    group: tuple[str, ...]
    anomalous: NDArray[np.bool_]
    score: Floats
    p_value: Floats
    part: Floats
    events: int

    def __len__(self) -> int:
        return len(self.event)

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Which have a score; bool (n,)."""
        return np.isfinite(self.score)

    def groups(self, anomalous: bool) -> dict[str, NDArray[np.bool_]]:
        """Events by group of one side, in the order of their names."""
        names = np.array(self.group, object)
        mine = self.anomalous == anomalous
        return {name: mine & (names == name) for name in sorted(set(names[mine]))}


def judged(rows: Iterable[tuple[int, str, Anomalies]], patterns: Sequence[str], folder: str | Path) -> Judged:
    """Put the rows of an output side by side and tell which are anomalous.

    Parameters
    ----------
    rows : iterable of (event number, source, Anomalies)
    patterns : sequence of str
        Globs on the sources: a file, a folder above it, or the name of the file alone. Without any, all is normal.
    folder : path
        Of the output, for messages.

    Raises
    ------
    BadInput
        A pattern that matches no source, or patterns that leave no normal event; no events at all.
    """
    event: list[int] = []
    source: list[str] = []
    columns: list[tuple[Floats, Floats, Floats]] = []
    for number, name, found in rows:
        none = np.full((1, len(ANOMALY_PARTS)), np.nan)
        one = (np.array([-np.inf]), np.array([np.nan]), none)
        columns.append((found.score, found.p_value, found.part) if len(found) else one)
        event += [number] * max(len(found), 1)
        source += [name] * max(len(found), 1)
    if not event:
        raise BadInput(folder, "", "holds no events; reconstruct some")
    names = dict.fromkeys(source)
    named = _together({name: like for name in names if (like := _group(name, patterns))}, patterns)
    normal = {name: str(PurePosixPath(name).parent) for name in names if name not in named}
    for pattern in patterns:
        if not any(_group(name, [pattern]) is not None for name in names):
            why = f"no source of the output is like '{pattern}'; there are {_listed(names)}"
            raise BadInput(folder, "", f"{why}: name one of these with anomalous=")
    if patterns and len(named) == len(names):
        why = f"all of it is anomalous ({_listed(names)}): reconstruct normal events together with it"
        raise BadInput(folder, "", why)
    score, p_value, part = (np.concatenate(column) for column in zip(*columns, strict=True))
    if len(set(normal.values())) > MOST_GROUPS:
        normal = dict.fromkeys(normal, "normal")
    place = named | normal
    return Judged(
        np.array(event, np.int64),
        tuple(source),
        tuple(place[name] for name in source),
        np.array([name in named for name in source]),
        *(score, p_value, part),
        len(columns),
    )


def _together(named: dict[str, str], patterns: Sequence[str]) -> dict[str, str]:
    """Groups of sources; the pattern that matches where there would be too many."""
    if len(set(named.values())) <= MOST_GROUPS:
        return named
    return {name: next(p for p in patterns if _group(name, [p])) for name in named}


def _group(source: str, patterns: Sequence[str]) -> str | None:
    """The shortest part of a source, from the left, that a pattern matches, else its whole name; None: no pattern does."""
    parts = PurePosixPath(source).parts
    whole = [str(PurePosixPath(*parts[: n + 1])) for n in range(len(parts))]
    for pattern in patterns:
        wanted = pattern.rstrip("/").removeprefix("./")
        for name in whole:
            if fnmatchcase(name, wanted):
                return name
        if fnmatchcase(parts[-1], wanted):
            return source
    return None


def _listed(names: Iterable[str]) -> str:
    """Sources as a user would name them: their folders where there are many files."""
    told = list(names)
    if len(told) > MOST_NAMED:
        told = list(dict.fromkeys(str(PurePosixPath(name).parent) for name in told))
    more = f" and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
    return ", ".join(told[:MOST_NAMED]) + more
