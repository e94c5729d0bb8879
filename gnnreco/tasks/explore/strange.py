"""What makes a ranked event strange: its numbers beside the usual ones, in words, and the hits that make them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnnreco.columns import ANOMALY_PARTS, Anomalies

from .facts import EVERYTHING, IN_GEV, Measured
from .ranking import Ranking

MOST = 3  # reasons
LEAST = 0.05  # of what makes an event strange: less is no reason
WORDS = {
    "energy": "energy in {}",
    "highest": "highest cell of {}",
    "lone": "cell of {} above all its neighbours",
    "share": "part of {} that one lone cell holds",
    "imbalance": "missing transverse momentum in {}",
    "hits": "hits in {}",
    "line": "parts of pseudorapidity on one line along the beam",
    "vertices": "vertices that the file lists",
}


@dataclass(frozen=True)
class Reason:
    """One number that makes an event strange.

    Attributes
    ----------
    part, kind : str
    value, usual, largest : float
        Of the event, and the median and the largest of the events by which it is judged: counts, or GeV.
    excess : float
        How much it adds to the score above what is usual.
    text : str
    """

    part: str
    kind: str
    value: float
    usual: float
    largest: float
    excess: float
    text: str


def reasons(ranking: Ranking, i: int, most: int = MOST) -> list[Reason]:
    """The numbers that make event i strange, what adds most first."""
    excess = ranking.excess(i)
    normal, _ = ranking.normal_for(i)
    found = []
    for at in np.argsort(-excess, kind="stable")[:most]:
        if excess[at] <= LEAST * excess.sum():
            break
        part, kind = ranking.columns[at]
        value, usual = float(ranking.value[i, at]), float(np.median(normal[:, at]))
        text = f"{name_of(part, kind)} {told(kind, value)} (usually {told(kind, usual)})"
        found.append(Reason(part, kind, value, usual, float(normal[:, at].max()), float(excess[at]), text))
    return found


def name_of(part: str, kind: str) -> str:
    """A number in words."""
    return WORDS[kind].format("all collections" if part == EVERYTHING else part)


def told(kind: str, value: float) -> str:
    """A number with its unit."""
    if kind == "share":
        return f"{100 * value:.0f} %"
    return gev(value) if kind in IN_GEV else f"{value:,.0f}"


def gev(value: float) -> str:
    """An energy with three digits."""
    return f"{value:,.0f} GeV" if value >= 1000 else f"{value:.3g} GeV"


def anomalies_of(ranking: Ranking, i: int, event: Measured) -> Anomalies:
    """Score and p-value of event i, and how much of what makes it strange each of its hits gives.

    A number is shared by the hits that make it: an energy in proportion to theirs, a count equally, an imbalance in
    proportion to the transverse momentum along it.

    Parameters
    ----------
    ranking : Ranking
    i : int
    event : Measured
        The same event, with its hits (see `Measured.without_hits`).
    """
    excess = ranking.excess(i)
    given, part = np.zeros(event.hits), np.zeros((1, len(ANOMALY_PARTS)))
    more = ranking.contributions[i] - ranking.usual
    for at, (name, kind) in enumerate(ranking.columns):
        fact = event.facts.get((name, kind))
        whole = "whole" if name == EVERYTHING else "cells" if name in event.typical else "tracks"
        part[0, ANOMALY_PARTS.index(whole)] += more[at]
        if fact is not None:
            given[fact.hits] += excess[at] * fact.share
    rows = np.flatnonzero(given > 0)
    return Anomalies(
        np.array([0, len(rows)]),
        rows,
        given[rows],
        np.array([ranking.score[i]]),
        np.array([ranking.p_value[i]]),
        part,
    )
