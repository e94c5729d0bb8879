"""How strange an event is, and what makes it so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from gnnreco.columns.arrays import Floats, Ints
from gnnreco.columns.found import empty
from gnnreco.columns.table import Columns

#: What makes something strange, in the order of `Anomalies.part`.
ANOMALY_PARTS = ("tracks", "ionisation", "electromagnetic_energy", "hadronic_energy", "cells", "whole")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Anomalies(Columns):
    """How strange an event is: one row; of a task that looks at jets, one row for each jet.

    Attributes
    ----------
    score : float64 (n,)
        The larger, the stranger: minus the logarithm of a density, or what stands for it.
    p_value : float64 (n,)
        Chance that a normal event has this score or a larger one: by rank among normal events that did not train
        (split conformal prediction).
    part : float64 (n, 6)
        How much of the score each of `ANOMALY_PARTS` gives, above that of the middle normal event.
    hit_index : int64 (m,)
        Rows of the hits that make it strange.
    attribution : float64 (m,)
        How much of the score, above that of the middle normal event, each of these hits gives.
    offsets : int64 (n + 1,)
        Rows ``offsets[i]:offsets[i + 1]`` of `hit_index` and `attribution` belong to row ``i``.
    hit_id : int64 (m,), optional
        What `Hits.hit_id` calls these hits: files of output carry it.

    Examples
    --------
    >>> import numpy as np
    >>> found = Anomalies(
    ...     np.array([0, 2]), np.array([7, 9]), np.array([4.0, 0.5]), np.array([12.5]), np.array([0.001]), np.zeros((1, 6))
    ... )
    >>> found
    Anomalies(1 score, p-value 0.001)
    >>> found.hit_index[np.argmax(found.attribution)]
    np.int64(7)
    """

    offsets: Ints = field(default_factory=lambda: empty(np.int64, 1))
    hit_index: Ints = field(default_factory=lambda: empty(np.int64))
    attribution: Floats = field(default_factory=lambda: empty(np.float64))
    score: Floats = field(default_factory=lambda: empty(np.float64))
    p_value: Floats = field(default_factory=lambda: empty(np.float64))
    part: Floats = field(default_factory=lambda: empty(np.float64, 0, len(ANOMALY_PARTS)))
    hit_id: Ints | None = None

    RAGGED = ("hit_index", "attribution", "hit_id")
    AXES: ClassVar[Mapping[str, tuple[str, ...]]] = {"part": ANOMALY_PARTS}
    NOUN = ("score", "scores")

    def _facts(self) -> list[str]:
        return [f"p-value {self.p_value.min():.3g}"] if len(self) else []
