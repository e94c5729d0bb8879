"""Which of some events are strange: each is judged by the others, or all by events that count as normal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadInput
from gnnreco.models.anomaly import Head, fit_head
from gnnreco.statistics import Discoveries, discoveries, fewest_events
from gnnreco.summary import counted

from .facts import IN_GEV, KINDS, Measured

FEWEST = 5  # events to judge one by
FOLDS = 40  # so many events are left out one by one; of more, a part at a time
LOOSE = 0.3  # no number counts as known better than to this part of it
RATE = 0.1  # of false discoveries


@dataclass(frozen=True)
class Ranking:
    """How strange each of n events is, by k numbers.

    Attributes
    ----------
    events : tuple of Measured
    columns : tuple of (collection, kind)
    value : float64 (n, k)
        The numbers: counts, GeV.
    row : float64 (n, k)
        The same as they are compared: logarithms, energies in typical hits of their collection.
    score : float64 (n,)
        The higher, the stranger.
    contributions : float64 (n, k)
        How much each number adds to the score.
    usual : float64 (k,)
        How much it adds in the middle event of those that count as normal.
    p_value : float64 (n,)
        By rank: the part of normal events, the event itself among them, that are at least as strange.
    order : int64 (n,)
        Events from the strangest.
    normal_value, normal_row : float64 (m, k)
        The numbers of the events given as normal; those of the events themselves where none are given.
    normal_given : bool
    found : Discoveries
        The list by Benjamini and Hochberg at a rate of false discoveries of 10 %.
    """

    events: tuple[Measured, ...]
    columns: tuple[tuple[str, str], ...]
    value: Floats
    row: Floats
    score: Floats
    contributions: Floats
    usual: Floats
    p_value: Floats
    order: Ints
    normal_value: Floats
    normal_row: Floats
    normal_given: bool
    found: Discoveries

    def __len__(self) -> int:
        return len(self.events)

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that there can be."""
        return 1.0 / (len(self.normal_row) + (1 if self.normal_given else 0))

    @property
    def needed(self) -> int:
        """Normal events that are needed before one event alone can be listed."""
        return fewest_events(self.found.rate / len(self))

    def excess(self, i: int) -> Floats:
        """How much each number (k,) adds to the score of an event above what is usual."""
        return np.maximum(self.contributions[i] - self.usual, 0.0)

    def normal_for(self, i: int) -> tuple[Floats, Floats]:
        """Numbers (m, k), and as they are compared, of the events by which an event is judged."""
        if self.normal_given:
            return self.normal_value, self.normal_row
        others = np.arange(len(self)) != i
        return self.value[others], self.row[others]


def rank(
    events: Sequence[Measured], normal: Sequence[Measured] = (), head: str = "tails", seed: int = 0
) -> Ranking:
    """Rank events by how strange they are.

    Without `normal` each event is scored by a head fitted to the others (of many events, to those of other parts), and its
    p-value is its rank among them: exact if all are alike. With `normal` each part of these is left out in turn, and an
    event is compared with those left out: a cross-conformal p-value (Vovk, Ann. Math. Artif. Intell. 74, 2015, 9), which is
    below a with a probability of at most 2 a, in practice a.

    Parameters
    ----------
    events : sequence of Measured
        The order changes nothing but the order of the answer.
    normal : sequence of Measured
        Others that count as normal.
    head : str
        One of `gnnreco.models.anomaly.HEADS`.
    seed : int
        Of the head.

    Raises
    ------
    BadInput
        No events, or too few to judge one by.
    """
    _enough(events, normal)
    columns, value = _table([*events, *normal])
    row = _compared(columns, value, [*events, *normal])
    n = len(events)
    judged, others = row[:n], row[n:] if normal else row[:n]
    names = tuple(" ".join(column) for column in columns)
    fold = _folds(others)
    own, parts = np.zeros(len(others)), np.zeros((len(others), len(columns)))
    count, score, contributions = np.zeros(n), np.zeros(n), np.zeros((n, len(columns)))
    for part in np.unique(fold):
        out = fold == part
        fitted = _fitted(head, others[~out], seed, names)
        own[out], parts[out] = fitted.score(others[out]), fitted.contributions(others[out])
        if normal:
            here = fitted.score(judged)
            count += (own[out] >= here[:, None]).sum(axis=1)
            score += here * out.mean()
            contributions += fitted.contributions(judged) * out.mean()
    if normal:
        p_value = (1 + count) / (1 + len(others))
    else:
        score, contributions = own, parts
        p_value = (n - np.searchsorted(np.sort(own), own, side="left")) / n
    order = np.lexsort((*reversed(judged.T), -score, p_value)).astype(np.int64)
    return Ranking(
        events=tuple(events),
        columns=columns,
        value=value[:n],
        row=judged,
        score=score,
        contributions=contributions,
        usual=np.median(parts, axis=0),
        p_value=p_value,
        order=order,
        normal_value=value[n:] if normal else value,
        normal_row=others,
        normal_given=bool(normal),
        found=discoveries(p_value, RATE),
    )


def _enough(events: Sequence[Measured], normal: Sequence[Measured]) -> None:
    if not events:
        raise BadInput("explore", "", "there are no events to rank; give a file that has some")
    if normal and len(normal) < FEWEST:
        why = f"{counted(len(normal), 'event')} cannot tell what is normal; give at least {FEWEST}"
        raise BadInput(normal[0].source, "", why)
    if not normal and len(events) < FEWEST:
        raise BadInput(events[0].source, "", too_few(len(events)))


def too_few(n: int) -> str:
    """Why so few events cannot be ranked, and what to do."""
    whom = (
        "one event cannot be ranked among itself"
        if n == 1
        else f"{n} events cannot be ranked among one another"
    )
    return f"{whom}; give at least {FEWEST}, or others that count as normal with normal="


def _table(events: Sequence[Measured]) -> tuple[tuple[tuple[str, str], ...], Floats]:
    """Columns, sorted, and numbers (n, k); what an event does not have is zero."""
    keys = {key for event in events for key in event.facts}
    columns = tuple(sorted(keys, key=lambda key: (key[0], KINDS.index(key[1]))))
    values = [[e.facts[key].value if key in e.facts else 0.0 for key in columns] for e in events]
    return columns, np.array(values).reshape(len(events), len(columns))


def _compared(columns: Sequence[tuple[str, str]], value: Floats, events: Sequence[Measured]) -> Floats:
    """Logarithms of the numbers (n, k): energies in typical hits of their collection, shares as they are."""
    out = value.copy()
    for at, (part, kind) in enumerate(columns):
        if kind == "share":
            continue
        unit = 1.0
        if kind in IN_GEV:
            units = [e.typical[part] for e in events if part in e.typical]
            units = units or [unit for e in events for unit in e.typical.values()]
            unit = float(np.median(units))
        out[:, at] = np.log1p(value[:, at] / unit)
    return out


def _folds(row: Floats) -> Ints:
    """The part (n,) in which each row is left out; it follows from the rows alone, not from their order."""
    order = np.lexsort(row.T[::-1])
    fold = np.empty(len(row), np.int64)
    fold[order] = np.arange(len(row)) % FOLDS
    return fold


def _fitted(head: str, row: Floats, seed: int, names: tuple[str, ...]) -> Head:
    """A head fitted to rows (n, k), and to two that are looser: a number that never varied is not known for good."""
    middle = np.median(row, axis=0)
    rows = np.concatenate([row[np.lexsort(row.T[::-1])], [middle - LOOSE, middle + LOOSE]])
    return fit_head(head, rows, seed, columns=names)
