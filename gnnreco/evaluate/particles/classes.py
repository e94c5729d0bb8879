"""Rates, energies, confusion and calibration of the classes of particles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import PARTICLE_CLASSES, Floats, Ints
from gnnreco.files.json_types import JsonObject
from gnnreco.statistics import clopper_pearson

from ..confidence import calibration_curve
from .quantiles import residual, response

Mask = NDArray[np.bool_]
HARD = 2.0  # GeV
EDGES: dict[str, Floats] = {
    "energy": np.array([0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 2000.0]),
    "eta": np.linspace(-4, 4, 17),
}
DEFINITIONS = {
    "efficiency": "targets that are paired with a found particle of their class / targets of the class",
    "found_rate": "targets that are paired with a found particle, whatever its class / targets of the class",
    "fake_rate": "found particles of the class that no target is paired with / found particles of the class",
    "wrong_class_rate": "found particles of the class that are paired with a target of another one / found ones",
    "counted": "the same range for targets and for found particles; the partner of either may lie outside",
    "above_2_gev": "the same for targets and found particles above 2 GeV",
    "confusion": "rows: class of the target, columns: class of the found particle, last column: not found; last row: found "
    "particles of no target. Charged taken for neutral or the reverse: paired afterwards, of what was left over",
    "response": "energy of the found particle / of its target, median over pairs of one class; resolution: interquartile "
    "range / median",
    "pull": "(found - target energy) / expected error: median, interquartile range / 1.349",
    "class_calibration": "largest class probability against the part of found particles with a target that have this class; "
    "by_class: probability of each class against the part that is of it. class_ece: mean over particles of |mean "
    "probability - part| of their bin, for the largest probability",
    "calibration": "score against the part of all found particles that are paired with a target of their class; ece: the "
    "same distance for the score",
}


class _Table:
    """Rows of all events as arrays."""

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The rows of several events one after the other."""
        names = [f.name for f in fields(cls)]  # type: ignore[arg-type]
        held = [*parts] or [cls.empty()]
        return cls(**{name: np.concatenate([getattr(part, name) for part in held]) for name in names})

    @classmethod
    def empty(cls) -> Self:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class TargetTable(_Table):
    """A row for each target: what it is, whether it counts, what was found of it.

    Attributes
    ----------
    kind, found_kind : int64 (n,)
        Rows of `PARTICLE_CLASSES`; -1 where nothing was found.
    energy, eta, ratio, pull : float64 (n,)
        GeV; `ratio` and `pull` are NaN where nothing was found.
    counted, found : bool (n,)
        `found`: by a particle of its group, charged or neutral.
    """

    kind: Ints
    energy: Floats
    eta: Floats
    counted: Mask
    found: Mask
    found_kind: Ints
    ratio: Floats
    pull: Floats

    @classmethod
    def empty(cls) -> Self:
        """Of no event."""
        none, no, zero = np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0)
        return cls(none, zero, zero, no, no, none, zero, zero)

    @property
    def right(self) -> Mask:
        """Whether it was found with its class."""
        return self.found & (self.found_kind == self.kind)


@dataclass(frozen=True, slots=True)
class FoundTable(_Table):
    """A row for each found particle.

    Attributes
    ----------
    kind, true_kind : int64 (n,)
        Rows of `PARTICLE_CLASSES`; `true_kind` is -1 where no target is paired with it.
    energy, eta, score : float64 (n,)
    counted : bool (n,)
    probability : float64 (n, 5)
    """

    kind: Ints
    energy: Floats
    eta: Floats
    counted: Mask
    true_kind: Ints
    probability: Floats
    score: Floats

    @classmethod
    def empty(cls) -> Self:
        """Of no event."""
        none, zero = np.zeros(0, np.int64), np.zeros(0)
        return cls(none, zero, zero, np.zeros(0, bool), none, np.zeros((0, len(PARTICLE_CLASSES))), zero)


def class_figures(targets: TargetTable, found: FoundTable) -> JsonObject:
    """Figures of each class under ``classes``, the confusion of classes, and how far probabilities hold."""
    out: JsonObject = {"targets": int(targets.counted.sum()), "found_particles": int(found.counted.sum())}
    out["classes"] = {
        name: _class(targets, found, targets.kind == k, found.kind == k)
        for k, name in enumerate(PARTICLE_CLASSES)
    }
    everything = np.ones(len(targets.kind), bool), np.ones(len(found.kind), bool)
    out |= _rates(targets, found, targets.counted, found.counted)
    out["above_2_gev"] = _rates(targets, found, *_hard(targets, found, *everything))
    out["confusion"] = {"classes": list(PARTICLE_CLASSES), "counts": _confusion(targets, found).tolist()}
    return out | _calibration(found)


def _class(targets: TargetTable, found: FoundTable, mine: Mask, said: Mask) -> JsonObject:
    counted, shown = targets.counted & mine, found.counted & said
    out = _rates(targets, found, counted, shown) | _energies(targets, counted)
    out["above_2_gev"] = _rates(targets, found, *_hard(targets, found, mine, said))
    out["bins"] = {name: _binned(targets, found, mine, said, name) for name in EDGES}
    return out


def _hard(targets: TargetTable, found: FoundTable, mine: Mask, said: Mask) -> tuple[Mask, Mask]:
    return (
        targets.counted & mine & (targets.energy > HARD),
        found.counted & said & (found.energy > HARD),
    )


def _rates(targets: TargetTable, found: FoundTable, wanted: Mask, shown: Mask) -> JsonObject:
    paired = found.true_kind >= 0
    n, m = int(wanted.sum()), int(shown.sum())
    counts = {
        "efficiency": (int((targets.right & wanted).sum()), n),
        "found_rate": (int((targets.found & wanted).sum()), n),
        "fake_rate": (int((shown & ~paired).sum()), m),
        "wrong_class_rate": (int((shown & paired & (found.true_kind != found.kind)).sum()), m),
    }
    out: JsonObject = {"targets": n, "found_particles": m}
    for name, (passed, total) in counts.items():
        out[name] = passed / total if total else None
        out[f"{name}_interval"] = clopper_pearson(passed, total).tolist()
    return out


def _energies(targets: TargetTable, wanted: Mask) -> JsonObject:
    right = wanted & targets.right
    pull = targets.pull[right & np.isfinite(targets.pull)]
    pulls = {f"pull_{name}": value for name, value in residual(pull).items()}
    return response(targets.ratio[right]) | pulls


def _binned(targets: TargetTable, found: FoundTable, mine: Mask, said: Mask, name: str) -> JsonObject:
    """The same in bins: targets by what they are, found particles by what they were measured to be.

    In bins of energy the least energy of counted ones does not matter.
    """
    edges = EDGES[name]
    wanted, shown = (mine, said) if name == "energy" else (mine & targets.counted, said & found.counted)
    of_target, of_found = (np.digitize(getattr(table, name), edges) - 1 for table in (targets, found))
    rows = []
    for k in range(len(edges) - 1):
        some, others = wanted & (of_target == k), shown & (of_found == k)
        rows.append(_rates(targets, found, some, others) | _energies(targets, some))
    return {"edges": edges.tolist()} | {key: [row[key] for row in rows] for key in rows[0]}


def _confusion(targets: TargetTable, found: FoundTable) -> Ints:
    """Counts (6, 6): class of the target (last: none) by class of what was found (last: none)."""
    size = len(PARTICLE_CLASSES)
    counts = np.zeros((size + 1, size + 1), np.int64)
    chosen = targets.counted
    np.add.at(counts, (targets.kind[chosen], targets.found_kind[chosen]), 1)  # -1: the last column
    alone = found.counted & (found.true_kind < 0)
    counts[size, :size] = np.bincount(found.kind[alone], minlength=size)
    return counts


def _calibration(found: FoundTable) -> JsonObject:
    known = (found.true_kind >= 0) & np.isfinite(found.probability).all(axis=1)
    said, kind = found.probability[known].clip(0.0, 1.0), found.true_kind[known]
    top = calibration_curve(said.max(axis=1, initial=0.0), said.argmax(axis=1) == kind) if len(said) else None
    by_class = {
        name: calibration_curve(np.ascontiguousarray(said[:, k]), kind == k)
        for k, name in enumerate(PARTICLE_CLASSES)
    }
    right = (found.true_kind >= 0) & (found.true_kind == found.kind)
    return {
        "class_calibration": None if top is None else {**top, "by_class": by_class},
        "class_ece": None if top is None else top["ece"],
        "calibration": calibration_curve(found.score, right),
    }
