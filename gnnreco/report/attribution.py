"""What made the network say what it says of one object: integrated gradients, summed by feature and by hit.

Integrated gradients (Sundararajan, Taly, Yan, arXiv 1703.01365) share the difference between the answer and the answer for
average features out among the numbers that were read: their sum is that difference, and a number that the network ignores
gets none of it. Captum's stack the steps along the rows, which a graph does not bear, and so these few lines are our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from gnnreco.columns import Event, Floats
from gnnreco.files.json_types import JsonDict
from gnnreco.tasks.contract import Explainer, Reading

STEPS = 32
MOST_FEATURES = 12  # of an object that are listed

Features = Mapping[str, Tensor]


def integrated_gradients(
    answer: Callable[[Features], Tensor], features: Features, start: Features, steps: int = STEPS
) -> dict[str, Tensor]:
    """Part of ``answer(features) - answer(start)`` that each number is responsible for.

    Parameters
    ----------
    answer : callable
        One number from the features.
    features, start : dict of float32 (rows, f)
        Where the straight way ends, and where it begins.
    steps : int
        Points of the Gauss-Legendre rule along it.
    """
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    total = {kind: torch.zeros_like(rows) for kind, rows in features.items()}
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        here = {
            kind: (start[kind] + float(node) * (rows - start[kind])).requires_grad_()
            for kind, rows in features.items()
        }
        value = answer(here)
        if not value.requires_grad:  # nothing that was read matters
            return total
        gradient = torch.autograd.grad(value, list(here.values()), allow_unused=True)
        for kind, part in zip(here, gradient, strict=True):
            if part is not None:
                total[kind] += float(weight) * part
    return {kind: part * (features[kind] - start[kind]) for kind, part in total.items()}


def averages(reading: Reading) -> dict[str, Tensor]:
    """The mean of each column of an event in place of every row of it: where the way begins."""
    return {
        kind: rows.mean(dim=0, keepdim=True).expand_as(rows) if len(rows) else rows
        for kind, rows in reading.features.items()
    }


def attribution(explainer: Explainer, reading: Reading, event: Event, row: int) -> JsonDict:
    """What made the answer of one object.

    Returns
    -------
    dict
        ``answer``, ``answer_average`` (for average features) and ``sum`` of all parts; ``features``: the largest ``part`` by
        ``kind, feature``; ``rows``: how much each kind's rows have, summed over columns; ``hits``: float64 (n_hits,), the
        parts of the rows that describe each hit, shared equally among the hits of a row.
    """
    start = averages(reading)

    def answer(features: Features) -> Tensor:
        return explainer.answers(reading, features)[row]

    parts = integrated_gradients(answer, reading.features, start)
    with torch.no_grad():
        ends = [float(answer(features)) for features in (reading.features, start)]
    listed: list[JsonDict] = [
        {"kind": kind, "feature": name, "part": float(part[:, i].double().sum())}
        for kind, part in parts.items()
        for i, name in enumerate(reading.names[kind])
    ]
    by_row = {kind: part.double().sum(dim=1).numpy() for kind, part in parts.items()}
    return {
        "answer": ends[0],
        "answer_average": ends[1],
        "sum": float(sum(values.sum() for values in by_row.values())),
        "features": sorted(listed, key=lambda r: (-abs(r["part"]), r["kind"], r["feature"]))[:MOST_FEATURES],
        "rows": by_row,
        "hits": _by_hit(reading, by_row, len(event.hits) if isinstance(event, Event) else 0),
    }


def _by_hit(reading: Reading, by_row: Mapping[str, Floats], n_hits: int) -> Floats:
    """Parts of the rows (n_hits,), each shared equally among the hits it describes."""
    total = np.zeros(n_hits)
    for kind, links in reading.hits.items():
        row, hit = links.T
        count = np.maximum(np.bincount(row, minlength=len(by_row[kind])), 1)
        total += np.bincount(hit, (by_row[kind] / count)[row], n_hits)
    return total
