"""What a score gains where the truth is known: significance improvement, the area under the curve, and their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.files.json_types import JsonDict

#: Background events that must pass a cut: their number is then known to 20 %.
LEAST_PASSING = 25
REPLICAS = 200
POINTS = 200  # of the curve that is written
Bools = NDArray[np.bool_]
RULE = (
    f"largest TPR / sqrt(FPR) over all cuts that at least {LEAST_PASSING} background events of the test pass, "
    "so that the efficiency of the background is known to 20 %"
)
INTERVAL = f"68 % of {REPLICAS} bootstrap samples of the test events, the cut chosen anew in each"


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Efficiencies of a test, a point for each different score from the highest down.

    Attributes
    ----------
    signal, background : float64 (n,)
        Events that pass.
    """

    signal: Floats
    background: Floats

    @property
    def tpr(self) -> Floats:
        """Efficiency of signal."""
        return self.signal / self.signal[-1]

    @property
    def fpr(self) -> Floats:
        """Efficiency of background."""
        return self.background / self.background[-1]

    @property
    def auc(self) -> float:
        """Area under the curve of the efficiencies."""
        return float(np.trapezoid(np.r_[0.0, self.tpr], np.r_[0.0, self.fpr]))

    def best(self) -> tuple[float, int]:
        """The largest significance improvement by `RULE`, and its row; NaN and -1 where too little background is there."""
        good = self.background >= LEAST_PASSING
        if not good.any():
            return float("nan"), -1
        gain = np.where(good, self.tpr / np.sqrt(np.maximum(self.fpr, 1e-300)), 0.0)
        row = int(gain.argmax())
        return float(gain[row]), row


def gains(score: Floats, label: NDArray, seed: int = 0) -> JsonDict:
    """Figures of a score on events whose truth is known.

    Parameters
    ----------
    score : float64 (n,)
        The higher, the more like signal.
    label : bool or int (n,)
        False or 0 for background, True or 1 for signal; both must occur.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``max_significance_improvement`` with its interval, ``auc`` with its, ``sic`` (the curve), ``rule``.
    """
    order = np.argsort(-score, kind="stable")
    truth, ends = label[order] == 1, _ends(score[order])
    curve = _curve(truth, ends, np.ones(len(truth)))
    value, row = curve.best()
    random = np.random.default_rng(seed)
    again = []
    for _ in range(REPLICAS):
        weight = np.empty(len(truth))
        for kind in (truth, ~truth):
            weight[kind] = np.bincount(random.integers(0, kind.sum(), kind.sum()), minlength=int(kind.sum()))
        other = _curve(truth, ends, weight)
        again.append((other.best()[0], other.auc))
    gain, area = np.array(again).T
    return {
        "max_significance_improvement": None if row < 0 else value,
        "max_significance_improvement_interval": None if row < 0 else _middle(gain),
        "at_tpr": None if row < 0 else float(curve.tpr[row]),
        "at_fpr": None if row < 0 else float(curve.fpr[row]),
        "background_passing": None if row < 0 else int(curve.background[row]),
        "auc": curve.auc,
        "auc_interval": _middle(area),
        "sic": _thinned(curve),
        "signal": int(truth.sum()),
        "background": int((~truth).sum()),
        "rule": RULE,
        "interval": INTERVAL,
    }


def _middle(values: Floats) -> list[float]:
    return [float(bound) for bound in np.nanquantile(values, [0.16, 0.84])]


def _ends(score: Floats) -> Bools:
    """Where a score is the last of its value: a cut cannot part equal scores."""
    return np.r_[score[1:] != score[:-1], True]


def _curve(truth: Bools, ends: Bools, weight: Floats) -> Curve:
    signal, background = np.cumsum(weight * truth)[ends], np.cumsum(weight * ~truth)[ends]
    return Curve(signal, background)


def _thinned(curve: Curve) -> list[JsonDict]:
    """Points of the curve, evenly spread over the efficiency of signal, where the rule holds."""
    good = np.flatnonzero(curve.background >= LEAST_PASSING)
    if not len(good):
        return []
    wanted = np.linspace(curve.tpr[good[0]], 1.0, POINTS)
    rows = np.unique(np.minimum(np.searchsorted(curve.tpr, wanted), len(curve.tpr) - 1))
    rows = np.union1d(rows[rows >= good[0]], [curve.best()[1]])
    gain = curve.tpr / np.sqrt(np.maximum(curve.fpr, 1e-300))
    return [
        {"tpr": float(curve.tpr[i]), "fpr": float(curve.fpr[i]), "significance_improvement": float(gain[i])}
        for i in rows
    ]
