"""Energy and identity of one shower from its moments, by boosted trees and by one factor: what a graph network must beat.

    python scripts/peers/shower_moments.py [--events 4000] [--json FILE]

Every cell of a single-particle event counts: no finder can lose any. Moments are about the axis through the origin and the
energy-weighted middle, in Moliere radii and radiation lengths. Trees: HistGradientBoosting of scikit-learn, which learns the
energy over that of the linear calibration E = a sum + b. Trained on the tuning seeds, tested on others.
"""

from __future__ import annotations

import argparse
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shower_cells import Calorimeter, Cells
from shower_samples import SINGLE, TEST, TUNE, shot_energy

from gnnreco.columns import Event, Floats
from gnnreco.geometry import load_detector
from gnnreco.statistics import COVERAGE

DEPTHS = np.array([0, 3, 6, 9, 12, 15, 19, 23, 28, 35, 50, 80, 1e9])  # radiation lengths
RADII = np.array([0, 0.25, 0.5, 1, 1.5, 2, 3, 5, 1e9])  # Moliere radii
ENERGY_BINS = np.array([5, 10, 15, 20, 30, 40, 50, 60, 80, 100.0])
TREES: dict[str, Any] = {
    "max_iter": 300,
    "learning_rate": 0.06,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "early_stopping": True,
    "random_state": 0,
}
BOOTSTRAPS = 400


@dataclass(frozen=True)
class Showers:
    """One row an event: moments (n, k), the sum of the calibrated cells (n,) and the true energy (n,), GeV."""

    moments: Floats
    visible: Floats
    energy: Floats


def moments(cells: Cells, calorimeter: Calorimeter) -> Floats:
    """Moments of all cells of an event (k,); NaN where there are none."""
    graph, frame = cells.graph, calorimeter.frame
    energy, total = graph.energy, float(graph.energy.sum())
    if total <= 0:
        return np.full(16 + len(DEPTHS) + len(RADII) - 2, np.nan)
    share = energy / total
    middle = share @ graph.xyz
    axis = middle / np.linalg.norm(middle)
    off = graph.xyz - np.outer(
        graph.xyz @ axis / (middle @ axis), middle
    )  # from the axis, in the plane of the layer
    off = off / np.where(frame.unit > 0, frame.unit, 1.0)[graph.sensor][:, None]
    radius, depth = np.linalg.norm(off, axis=1), graph.depth
    depth_mean, radius_mean = share @ depth, share @ radius
    spread = np.linalg.eigvalsh((share[:, None] * off).T @ off)
    first = graph.group[energy > 3 * graph.mip]
    return np.array(
        [
            np.log(total),
            np.log(len(energy)),
            np.log((energy > 5 * graph.mip).sum() + 1),
            depth_mean,
            np.sqrt(share @ (depth - depth_mean) ** 2),
            np.cbrt(share @ (depth - depth_mean) ** 3),
            radius_mean,
            np.sqrt(share @ radius**2),
            spread[1],
            spread[2],
            share.max(),
            np.sort(share)[-10:].sum(),
            (share**2).sum(),
            float(first.min() if len(first) else -1) % 47,
            np.arcsinh(abs(axis[2]) / np.hypot(*axis[:2])),
            (energy / graph.mip).max(),
            *np.histogram(depth, DEPTHS, weights=share)[0],
            *np.histogram(radius, RADII, weights=share)[0],
        ]
    )


def showers(events: list[Event], calorimeter: Calorimeter) -> Showers:
    """Of single-particle events."""
    cells = [calorimeter.cells(event) for event in events]
    visible = np.array([one.graph.energy.sum() for one in cells])
    energy = np.array([shot_energy(event) for event in events])
    return Showers(np.array([moments(one, calorimeter) for one in cells]), visible, energy)


@dataclass(frozen=True)
class Linear:
    """E = a sum + b, fitted with weights 1 / E, for errors grow as its root."""

    a: float
    b: float

    @classmethod
    def fit(cls, some: Showers) -> Linear:
        """From the training sample."""
        seen = some.visible > 0
        a, b = np.polyfit(some.visible[seen], some.energy[seen], 1, w=1 / np.sqrt(some.energy[seen]))
        return cls(float(a), float(b))

    def __call__(self, visible: Floats) -> Floats:
        return self.a * visible + self.b


def energy_trees(train: Showers, linear: Linear) -> Any:
    """A function from `Showers` to energies, GeV."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    trees = HistGradientBoostingRegressor(**TREES)
    trees.fit(train.moments, train.energy / np.maximum(linear(train.visible), 0.1), sample_weight=None)
    return lambda some: trees.predict(some.moments) * np.maximum(linear(some.visible), 0.1)


def identity_trees(one: Showers, two: Showers) -> Any:
    """A function from `Showers` to the probability of the second kind."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(**TREES)
    label = np.repeat([0, 1], [len(one.energy), len(two.energy)])
    trees.fit(np.concatenate([one.moments, two.moments]), label)
    return lambda some: trees.predict_proba(some.moments)[:, 1]


def resolution(found: Floats, true: Floats) -> dict[str, Any]:
    """Response and resolution in bins of the true energy, and the fit of a / sqrt(E) (+) c to them.

    Resolution: half of the central 68 % interval of found / true over its median; its error is that of a normal sample.
    """
    ratio, rows = found / true, []
    for low, high in itertools.pairwise(ENERGY_BINS):
        mine = ratio[(true >= low) & (true < high)]
        if len(mine) < 10:
            continue
        left, middle, right = np.quantile(mine, [(1 - COVERAGE) / 2, 0.5, (1 + COVERAGE) / 2])
        width = float((right - left) / 2 / middle)
        rows.append(
            {
                "low": low,
                "high": high,
                "events": len(mine),
                "response": float(middle),
                "resolution": width,
                "error": width / np.sqrt(1.5 * len(mine)),
            }
        )
    return {"bins": rows, **stochastic(rows)}


def stochastic(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Weighted fit of the squared resolution, linear in 1 / E; a and c with errors, sqrt(GeV) and 1; never below zero."""
    if len(rows) < 3:
        return {"a": None, "c": None, "a_error": None, "c_error": None}
    width, error = (np.array([row[name] for row in rows]) for name in ("resolution", "error"))
    inverse = np.array(
        [np.log(row["high"] / row["low"]) / (row["high"] - row["low"]) for row in rows]
    )  # mean of 1 / E
    design, weight = np.stack([inverse, np.ones(len(rows))], axis=1), 1 / (2 * width * error)
    covariance = np.linalg.inv((design * weight[:, None] ** 2).T @ design)
    square = covariance @ (design.T @ (weight**2 * width**2))
    if square.min() < 0:  # the other term alone
        k = int(np.argmax(square))
        square = np.zeros(2)
        square[k] = (weight**2 * design[:, k] * width**2).sum() / (weight**2 * design[:, k] ** 2).sum()
    root, error = np.sqrt(square), np.sqrt(np.diag(covariance))
    errors = np.where(
        root > 0, error / (2 * np.maximum(root, 1e-9)), np.sqrt(error)
    )  # of nothing: an upper limit
    names = ("a", "c", "a_error", "c_error")
    return dict(zip(names, np.concatenate([root, errors]).tolist(), strict=True))


def auc(one: Floats, two: Floats) -> dict[str, Any]:
    """Chance that a score of the second kind is above one of the first (ties: half), with its 68 % interval by bootstrap."""
    if not len(one) or not len(two) or not (np.isfinite(one).all() and np.isfinite(two).all()):
        return {"auc": None, "interval": None}
    rng = np.random.default_rng(0)

    def area(a: Floats, b: Floats) -> float:
        below = np.searchsorted(np.sort(a), b, "left") + np.searchsorted(np.sort(a), b, "right")
        return float(below.mean() / 2 / len(a))

    again = [area(rng.choice(one, len(one)), rng.choice(two, len(two))) for _ in range(BOOTSTRAPS)]
    low, high = np.quantile(again, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return {"auc": area(one, two), "interval": [float(low), float(high)]}


PAIRS = {"photon / pi0": ("hard photon", "pi0"), "electron / pion": ("electron", "pion")}


def baselines(calorimeter: Calorimeter, train_events: int, test: dict[str, list[Event]]) -> dict[str, Any]:
    """Energies and identities of the test events by trees and by a factor, both trained here on the tuning seeds.

    Returns
    -------
    dict
        ``energy``: by particle, ``true``, ``linear``, ``trees`` (arrays); ``identity``: by pair the scores of the trees of both.
    """
    train = {
        name: showers(list(sample.events(calorimeter.detector, train_events, TUNE)), calorimeter)
        for name, sample in SINGLE.items()
    }
    seen = {name: showers(events, calorimeter) for name, events in test.items()}
    energy: dict[str, Any] = {}
    for name in ("photon", "pion"):
        linear = Linear.fit(train[name])
        trees = energy_trees(train[name], linear)
        energy[name] = {
            "true": seen[name].energy,
            "linear": linear(seen[name].visible),
            "trees": trees(seen[name]),
            "fit": {"a": linear.a, "b": linear.b},
        }
    identity: dict[str, tuple[NDArray, NDArray]] = {}
    for pair, (one, two) in PAIRS.items():
        classifier = identity_trees(train[one], train[two])
        identity[pair] = classifier(seen[one]), classifier(seen[two])
    return {"energy": energy, "identity": identity}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--events", type=int, default=4000, help="of each kind for training, a half for the test"
    )
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    calorimeter = Calorimeter.of(load_detector("hgcal"))
    test = {name: list(s.events(calorimeter.detector, asked.events // 2, TEST)) for name, s in SINGLE.items()}
    found = baselines(calorimeter, asked.events, test)
    result: dict[str, Any] = {}
    for name, energies in found["energy"].items():
        for how in ("linear", "trees"):
            result[f"{name}, {how}"] = one = resolution(energies[how], energies["true"])
            print(f"{name:7} {how:7} {100 * one['a']:.1f} % / sqrt(E) (+) {100 * one['c']:.1f} %")
            print(
                "        "
                + "  ".join(
                    f"{row['low']:.0f}-{row['high']:.0f} GeV: {row['response']:.3f}, {100 * row['resolution']:.1f} %"
                    for row in one["bins"]
                )
            )
        print(f"        linear: E = {energies['fit']['a']:.3f} sum + {energies['fit']['b']:.3f} GeV")
    for pair, scores in found["identity"].items():
        result[pair] = one = auc(*scores)
        print(f"{pair:16} AUC {one['auc']:.4f}, 68 %: {one['interval'][0]:.4f} to {one['interval'][1]:.4f}")
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
