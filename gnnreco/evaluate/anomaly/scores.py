"""How well strange events are told from normal ones, and whether the p-values of normal ones hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import ANOMALY_PARTS, Anomalies, Floats
from gnnreco.files.json_types import JsonDict
from gnnreco.reconstruct.calibration import drift_of
from gnnreco.statistics import Coverage, TooFewEvents, clopper_pearson, coverage, gains, threshold_for_rate
from gnnreco.statistics.gain import INTERVAL, RULE

from .sides import Judged, judged

#: Rates of normal events at which efficiencies are told.
RATES = (1e-2, 1e-3)
STRANGEST = 20  # events that are listed
FEWEST = 20  # p-values from which coverage and drift are told
BINS = 40  # of the histogram of scores
DEFINITIONS = {
    "anomalous": "events of the sources that the user named; all others are normal",
    "score": "the larger, the stranger; an event without hits has none and passes no cut",
    "auc": "chance that an anomalous event has a larger score than a normal one",
    "max_significance_improvement": RULE,
    "efficiency": "part of the anomalous events with a score above the threshold, which lets the rate of normal events "
    "pass and was set with the normal events of this output",
    "parts": "of the score, above that of the middle normal event: the mean over events",
    "coverage": "part of the normal events with a p-value at or below the level; it should be the level. error: the "
    "largest difference; expected_error: its mean for perfect p-values of as many events",
    "drift": "whether p-values of normal events, in their order, are exchangeable with the calibration: "
    "Kolmogorov-Smirnov test and conformal martingale",
    "intervals": f"68 %; of the AUC and of the significance improvement: {INTERVAL}; of rates: Clopper-Pearson, with "
    "the uncertainty of the threshold added in quadrature",
}


def score_anomalies(
    rows: Iterable[tuple[int, str, Anomalies]],
    anomalous: Sequence[str] = (),
    folder: str | Path = "",
    calibration_events: int | None = None,
) -> JsonDict:
    """Score what an anomaly task said of events.

    Parameters
    ----------
    rows : iterable of (event number, source, Anomalies)
        As `gnnreco.events.anomalies_file.read_anomalies` gives them.
    anomalous : sequence of str
        Globs on the sources that hold anomalous events. Without any, all are normal, and only the p-values are judged.
    folder : path
        Of the output, for messages.
    calibration_events : int, optional
        Normal events that the p-values were calibrated with; None: unknown, which is taken as many.

    Returns
    -------
    dict
        Every number is finite or None; see `DEFINITIONS`.

    Raises
    ------
    BadInput
        A pattern that matches no source; no normal events; no events.
    """
    all_ = judged(rows, anomalous, folder)
    out: JsonDict = {"events": all_.events, "definitions": dict(DEFINITIONS), "warnings": []}
    out["normal"] = _counts(all_, False)
    out["anomalous"] = _counts(all_, True) if anomalous else None
    out["calibration_events"] = calibration_events
    if anomalous:
        groups = all_.groups(True)
        alone = told_apart(all_, all_.anomalous)
        several = len(groups) > 1
        out["sources"] = {n: told_apart(all_, mine) if several else alone for n, mine in groups.items()}
        out |= alone
        out["warnings"] += [row["why"] for row in out["rates"] if row["why"]]
    out["coverage"] = _covered(all_, calibration_events)
    normal = all_.p_value[~all_.anomalous & all_.scored]
    out["drift"] = drift_of(normal, calibration_events, FEWEST)
    if out["coverage"] is None:
        why = f"{len(normal)} normal events with a p-value: {FEWEST} are the least for coverage and drift"
        out["warnings"].append(why)
    elif out["drift"]["drifted"]:
        out["warnings"].append(out["drift"]["text"])
    out["histogram"] = _histogram(all_)
    out["strangest"] = _strangest(all_)
    return out


def told_apart(all_: Judged, signal: NDArray[np.bool_]) -> JsonDict:
    """How some anomalous events are told from all normal ones.

    Parameters
    ----------
    all_ : Judged
    signal : bool (n,)
        The anomalous events that count.

    Returns
    -------
    dict
        AUC, significance improvement, and an efficiency for each of `RATES`.
    """
    mine = signal | ~all_.anomalous
    told = gains(all_.score[mine], signal[mine])
    normal, strange = all_.score[~all_.anomalous], all_.score[signal]
    kept = {name: value for name, value in told.items() if name not in ("rule", "interval")}
    return kept | {"rates": [_at_rate(normal, strange, rate) for rate in RATES]}


def _at_rate(normal: Floats, strange: Floats, rate: float) -> JsonDict:
    """The efficiency where a rate of normal events passes; all is None, and `why` told, where too few set the threshold."""
    try:
        cut = threshold_for_rate(normal, rate)
    except TooFewEvents as error:
        empty = dict.fromkeys(("threshold", "threshold_interval", "rate_interval", "efficiency"))
        return {"rate": rate, **empty, "efficiency_interval": None, "why": str(error)}
    passing = [int((strange > value).sum()) for value in (cut.value, *cut.value_interval)]
    n = len(strange)
    low, high = clopper_pearson(passing[0], n)
    value, most, least = (k / n for k in passing)
    bounds = [value - np.hypot(value - low, value - least), value + np.hypot(high - value, most - value)]
    return {
        "rate": rate,
        "threshold": _finite(cut.value),
        "threshold_interval": [_finite(bound) for bound in cut.value_interval],
        "rate_interval": list(cut.rate_interval),
        "efficiency": value,
        "efficiency_interval": [float(np.clip(bound, 0, 1)) for bound in bounds],
        "why": "",
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _counts(all_: Judged, anomalous: bool) -> JsonDict:
    """How many events of one side there are, by group, how many have no score, and what gives the scores on average."""
    mine = all_.anomalous == anomalous
    scored = all_.part[mine & all_.scored]
    parts = dict(zip(ANOMALY_PARTS, scored.mean(axis=0).tolist(), strict=True)) if len(scored) else None
    return {
        "parts": parts,
        "events": int(mine.sum()),
        "without_score": int((mine & ~all_.scored).sum()),
        "sources": {name: int(those.sum()) for name, those in all_.groups(anomalous).items()},
    }


def _covered(all_: Judged, calibration_events: int | None) -> JsonDict | None:
    """Coverage of normal p-values, also by the folder where there are several; None with too few."""
    out: JsonDict | None = _coverage(all_, ~all_.anomalous, calibration_events)
    if out is not None:
        groups = all_.groups(False)
        several = {} if len(groups) < 2 else groups
        out["by_source"] = {name: _coverage(all_, mine, calibration_events) for name, mine in several.items()}
    return out


def _coverage(all_: Judged, mine: NDArray[np.bool_], calibration_events: int | None) -> JsonDict | None:
    p = all_.p_value[mine & all_.scored]
    if len(p) < FEWEST:
        return None
    told: Coverage = coverage(p, calibration_events)
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in asdict(told).items()
    }


def _histogram(all_: Judged) -> JsonDict:
    """Scores of normal events and of each anomalous source."""
    finite = all_.score[all_.scored]
    if not len(finite):
        return {"edges": [], "normal": [], "anomalous": {}}
    edges = np.histogram_bin_edges(finite, BINS)

    def counts(mine: NDArray[np.bool_]) -> list[int]:
        return np.histogram(all_.score[mine & all_.scored], edges)[0].tolist()

    groups = all_.groups(True)
    return {
        "edges": edges.tolist(),
        "normal": counts(~all_.anomalous),
        "anomalous": {name: counts(mine) for name, mine in groups.items()},
    }


def _strangest(all_: Judged) -> list[JsonDict]:
    """The events with the largest scores, the first one the strangest."""
    order = np.argsort(-all_.score, kind="stable")[:STRANGEST]
    return [
        {
            "source": all_.source[i],
            "event": int(all_.event[i]),
            "score": float(all_.score[i]),
            "p_value": float(all_.p_value[i]),
            "main_part": ANOMALY_PARTS[int(np.argmax(all_.part[i]))],
            "parts": dict(zip(ANOMALY_PARTS, all_.part[i].tolist(), strict=True)),
            "anomalous": bool(all_.anomalous[i]),
        }
        for i in order.tolist()
        if all_.scored[i]
    ]
