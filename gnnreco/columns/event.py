"""An event as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns.arrays import Floats, same
from gnnreco.columns.hits import Hits
from gnnreco.columns.table import Columns
from gnnreco.columns.truth import Truth
from gnnreco.summary import counted, facts_table, listed, shortened


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Collections(Columns):
    """What a file that describes itself says of its hits, where otherwise a detector would: for unknown data.

    Attributes
    ----------
    names : tuple of str
    of : int32 (n_hits,)
        Row of each hit's collection in `names`.
    edges : float64 (n_hits, 3, 3)
        Edges of the hit's cell as vectors, mm: ``edges[:, 0]`` and ``edges[:, 1]`` across, ``edges[:, 2]`` through
        it. Zero along what has no extent (a strip has one edge only); NaN where the file does not tell.
    """

    names: tuple[str, ...]
    of: NDArray[np.int32]
    edges: Floats

    SHARED = ("names",)
    NOUN = ("hit", "hits")

    def _facts(self) -> list[str]:
        return [f"of {listed(self.names)}"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Event:
    """One event: its number, where it came from, its hits; the truth and the collections of the file, if any.

    Attributes
    ----------
    number : int
        As the file counts its events.
    source : str
        The file, or what simulated it.
    hits : Hits
        In mm, ns and GeV.
    truth : Truth, optional
    collections : Collections, optional
        Of a file that describes itself: which collection each hit is of, and the edges of its cell, mm.
    hits_summed : int
        Deposits of the file that were added to another one of the same cell.
    left_aside : dict of int
        How much of what the reader does not know (collections, columns) the file holds, by name.
    found : dict
        What tasks found in it, by the type of its columns (`Tracks`, `Clusters`, `ReconstructedParticles`), for the tasks
        that follow.

    Examples
    --------
    >>> import gnnreco
    >>> event = next(gnnreco.simulate("telescope", "beam", particle="muon", energy=(1, 2), seed=3))
    >>> event
    Event(0: 6 hits, 1 true particle, from 'simulate beam seed 3')
    >>> event.hits.xyz.shape
    (6, 3)
    """

    number: int
    source: str
    hits: Hits
    truth: Truth | None = None
    collections: Collections | None = None
    hits_summed: int = 0
    left_aside: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[type, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return all(same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        held = [counted(len(self.hits), "hit")]
        if self.truth is not None:
            held.append(counted(len(self.truth), "true particle"))
        return f"Event({self.number}: {', '.join(held)}, from {shortened(self.source)!r})"

    def _repr_html_(self) -> str:
        what = {"hits": self.hits, "truth": self.truth, "collections": self.collections}
        facts = {name: repr(value) for name, value in what.items() if value is not None}
        return read_table(f"Event {self.number}", self.source, facts, self.left_aside)


def read_table(title: str, source: str, facts: Mapping[str, str], left_aside: Mapping[str, int]) -> str:
    """Page of what was read from a file: where it came from, what it holds, what its reader did not know."""
    aside = listed(f"{name} ({n:,})" for name, n in left_aside.items())
    return facts_table(title, {"source": source, **facts, **({"left aside": aside} if aside else {})})
