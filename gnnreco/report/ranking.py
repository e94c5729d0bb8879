"""Which columns of its input matter to a network: each is shuffled in turn, and the loss looked at.

Permutation importance (Breiman, Machine Learning 45, 5): the values of a column change places among all rows of all events,
so the column says as much as before on the whole, and nothing any more of the row it stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from gnnreco.tasks.contract import Explainer, Reading

REPEATS = 3


class Rise(TypedDict):
    """How much the loss rises where one column is shuffled."""

    kind: str
    feature: str
    rise: float
    interval: list[float] | None
    relative: float | None


def ranking(
    explainer: Explainer,
    readings: Sequence[Reading],
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Rise]:
    """Rise of the loss for each column, the largest first.

    Parameters
    ----------
    explainer : Explainer
    readings : sequence of Reading
        Of the events.
    seed : int
        The same seed gives the same shuffles.

    Returns
    -------
    list of dict
        ``kind, feature, rise, interval, relative``: the mean rise of the loss over events and `REPEATS` shuffles, its
        68 % interval from the spread over events (None for a single one), and the rise over the loss itself.
    """
    if not readings:
        return []
    with torch.no_grad():
        before = np.array([float(explainer.loss(r, r.features)) for r in readings])
        columns = [(kind, i) for kind, names in readings[0].names.items() for i in range(len(names))]
        rows: list[Rise] = []
        for done, (kind, column) in enumerate(columns):
            after = [
                [float(explainer.loss(r, f)) for r, f in zip(readings, shuffled, strict=True)]
                for shuffled in _shuffles(readings, kind, column, [seed, done])
            ]
            rise = np.mean(after, axis=0) - before
            mean, error = float(rise.mean()), None
            if len(rise) > 1:
                error = float(rise.std(ddof=1) / np.sqrt(len(rise)))
            rows.append(
                {
                    "kind": kind,
                    "feature": readings[0].names[kind][column],
                    "rise": mean,
                    "interval": None if error is None else [mean - error, mean + error],
                    "relative": mean / float(before.mean()) if before.mean() > 0 else None,
                }
            )
            if progress:
                progress("shuffle columns", done + 1, len(columns))
    return sorted(rows, key=lambda row: -row["rise"])


def _shuffles(
    readings: Sequence[Reading], kind: str, column: int, seed: list[int]
) -> list[list[dict[str, Tensor]]]:
    """The features of each event with one column shuffled among all of them, `REPEATS` times."""
    sizes = [len(r.features[kind]) for r in readings]
    values = torch.cat([r.features[kind][:, column] for r in readings])
    out = []
    for repeat in range(REPEATS):
        order = np.random.default_rng([*seed, repeat]).permutation(len(values))
        parts = values[torch.from_numpy(order)].split(sizes)
        changed = []
        for reading, part in zip(readings, parts, strict=True):
            rows = reading.features[kind].clone()
            rows[:, column] = part
            changed.append({**reading.features, kind: rows})
        out.append(changed)
    return out
