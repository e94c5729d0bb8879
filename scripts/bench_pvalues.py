"""How many sigma p-values make out of pure background, and what repairs them (the warning of arXiv 2606.13780).

    python scripts/bench_pvalues.py LHCO.npy [...] [--repeats 10] [--weights trees|logistic] [--json FILE]

LHCO.npy are signal-region features of the LHC Olympics R&D data: mjj (TeV), mj1, mj2 - mj1, two tau21, label. Events of the
signal are left out. As is usual to make the features depend on mjj, a tenth of mjj is added to mj1 and to mj2 - mj1 (ANODE,
arXiv 2001.04990; CATHODE, arXiv 2109.00546). The score is the sum of both jet masses. What is judged lies in the middle of mjj or
at its upper end; what calibrates, at both sides or below. First, one half of all events, drawn at random, judges the other.
Each repeat divides the same events otherwise.

Printed for each form: the part of the judged events with p <= 0.01, with the significance of the excess over 0.01 (the error of
the calibration sample included), the error of coverage with that of perfect p-values, and how often `drift` sees it in the first
4,000 events. They should be 0.01, 0, equal and never.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.columns import Floats
from gnnreco.statistics import (
    Calibration,
    calibrate,
    coverage,
    coverage_error,
    drift,
    fit_conditional,
)

LEVEL = 0.01
SHIFT = 0.1
WINDOWS = {
    "between side-bands": (3.45, 3.55),
    "above a side-band": (3.55, 3.7),
}  # mjj of the judged events, TeV
FORMS = ("plain", "bins of mjj", "weights by features", "smooth in mjj")


@dataclass(frozen=True)
class Part:
    """Events for one purpose: mjj (n,), features (n, 4), score (n,)."""

    mass: Floats
    features: Floats
    score: Floats

    def __getitem__(self, rows: Any) -> Part:
        return Part(self.mass[rows], self.features[rows], self.score[rows])


def background(files: Sequence[Path]) -> Part:
    """Events without signal, mj1 and mj2 - mj1 shifted."""
    rows = np.concatenate([np.load(file, allow_pickle=False) for file in files]).astype(np.float64)
    rows = rows[rows[:, -1] == 0]
    features = rows[:, 1:-1].copy()
    features[:, :2] += SHIFT * rows[:, :1]
    return Part(rows[:, 0], features, 2 * features[:, 0] + features[:, 1])


def judge(form: str, side: Part, own: Part, judged: Part, model: str) -> dict[str, float]:
    """Figures of the p-values of the judged events.

    `side` are events of the side-bands, `own` normal events of the judged masses: bins of mjj need some, for weights they only
    show what features are usual there, the other forms do without.
    """
    half = np.arange(len(side.mass)) % 2 == 0
    if form == "plain":
        return measured(calibrate(side.score), judged.score)
    if form == "bins of mjj":
        return measured(calibrate(own.score, own.mass, 5), judged.score, judged.mass)
    if form == "smooth in mjj":
        usual = fit_conditional(side[half].score, side[half].mass, degree=1)
        made = calibrate(usual(side[~half].score, side[~half].mass))
        return measured(made, usual(judged.score, judged.mass))
    ratio = likelihood_ratio(side[half].features, own.features, model)
    made = calibrate(side[~half].score, weights=ratio(side[~half].features))
    return measured(made, judged.score, weight=ratio(judged.features))


def likelihood_ratio(below: Floats, above: Floats, model: str) -> Any:
    """Density of features in one sample over that in another, in any unit: the odds of a classifier."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    table, label = np.concatenate([below, above]), np.repeat([0, 1], [len(below), len(above)])
    if model == "trees":
        classifier: Any = HistGradientBoostingClassifier(
            max_iter=80, max_leaf_nodes=16, min_samples_leaf=200, early_stopping=False, random_state=0
        )
    else:
        squares = PolynomialFeatures(2, include_bias=False)
        classifier = make_pipeline(StandardScaler(), squares, LogisticRegression(C=10.0))
    classifier.fit(table, label)
    return lambda features: np.exp(classifier.decision_function(features))


def measured(
    made: Calibration, score: Floats, nuisance: Floats | None = None, weight: Floats | None = None
) -> dict[str, float]:
    """Figures of one repeat. The error of the calibration is that of a cut at this p-value, in each bin."""
    p, worth = made.p_value(score, nuisance, weight), made.effective.sum()
    told = coverage(p, round(worth))
    cut = [np.argmin(np.abs(p - LEVEL))]
    low, high = made.interval(
        score[cut], None if nuisance is None else nuisance[cut], None if weight is None else weight[cut]
    )[0]
    error = np.hypot(np.sqrt(LEVEL / len(p)), (high - low) / 2 / np.sqrt(len(made.effective)))
    return {
        "below": float((p <= LEVEL).mean()),
        "sigma": float(((p <= LEVEL).mean() - LEVEL) / error),
        "coverage_error": coverage_error(p),
        "expected_error": told.expected_error,
        "drifted": float(drift(p[:4000], round(worth)).drifted),
        "events": len(p),
        "worth": float(worth),
    }


def main(asked: Sequence[str] | None = None) -> None:
    """Repeat, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="LHCO.npy")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--weights", choices=("trees", "logistic"), default="trees")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(asked)
    events = background(args.files)
    found: dict[str, dict[str, dict[str, float]]] = {}
    divisions = [
        np.random.default_rng(repeat).permutation(len(events.mass)) % 2 == 0 for repeat in range(args.repeats)
    ]
    print("halves drawn at random: judged and calibrated at all mjj")
    halves = [judge("plain", events[coin], events[coin], events[~coin], args.weights) for coin in divisions]
    found["halves drawn at random"] = {"plain": told("plain", halves)}
    for window, (low, high) in WINDOWS.items():
        inside = (events.mass >= low) & (events.mass < high)
        print(f"{window}: judged at mjj of {low} to {high} TeV")
        rows: dict[str, list[dict[str, float]]] = {form: [] for form in FORMS}
        for coin in divisions:
            parts = events[~inside & coin], events[inside & coin], events[inside & ~coin]
            for form in FORMS:
                rows[form].append(judge(form, *parts, args.weights))
        found[window] = {form: told(form, some) for form, some in rows.items()}
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


def told(form: str, some: Sequence[dict[str, float]]) -> dict[str, float]:
    """Print and return the means of all repeats."""
    mean = {key: float(np.mean([row[key] for row in some])) for key in some[0]}
    mean["sigma_largest"] = float(max(abs(row["sigma"]) for row in some))
    print(
        f"  {form:20} p <= {LEVEL}: {mean['below']:.4f} ({mean['sigma']:+.1f} sigma, largest {mean['sigma_largest']:.1f})"
        f"  coverage error {mean['coverage_error']:.4f} (perfect {mean['expected_error']:.4f})"
        f"  drift said {mean['drifted']:.0%}  {mean['events']:.0f} judged by {mean['worth']:.0f}"
    )
    return mean


if __name__ == "__main__":
    main()
