"""Ensembles of boosted trees: many small ones, each stopped early on another part of its sample, vote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.columns.table import optional

#: Events of a class below which a half of it says nothing about where to stop.
FEWEST = 20
BINS = 255  # of a feature, as many as trees take


@dataclass(frozen=True, slots=True)
class TreeSettings:
    """How one member of an ensemble learns.

    Attributes
    ----------
    members : int
        Boosted classifiers whose answers are averaged.
    trees : int
        Of each, at most.
    rate : float
        Learning rate.
    leaves : int
        Of a tree, at most.
    held_out : float
        Share of the sample on which a member is stopped; another draw for each.
    """

    members: int = 10
    trees: int = 100
    rate: float = 0.1
    leaves: int = 31
    held_out: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """A trained ensemble; called with features (n, k) it gives the mean probability (n,) of the first class.

    Attributes
    ----------
    members : sequence
        Classifiers, which read bins.
    cuts : sequence of arrays
        Between the bins of each feature.
    """

    members: Sequence[Any]
    cuts: Sequence[Floats]

    def __call__(self, features: Floats) -> Floats:
        binned = bins_of(features, self.cuts)
        votes = [member.predict_proba(binned)[:, 1] for member in self.members]
        return np.asarray(np.mean(votes, axis=0))


def grow(features: Floats, target: Ints, weight: Floats, settings: TreeSettings, seed: int) -> Trees:
    """Train an ensemble (arXiv 2309.13111: trees beat networks where the signal is rare).

    Parameters
    ----------
    features : array (n, k)
    target : int array (n,)
        1 for what is to score high.
    weight : array (n,)
        Both classes are given the same sum of weights afterwards.
    settings : TreeSettings
    seed : int
        The same seed gives the same trees, whatever the number of threads.
    """
    ensemble = optional("sklearn.ensemble", "the ensemble of trees", "anomaly")
    weight = balanced(target, weight)
    # With weights scikit-learn 1.9 spends most of its time on quantiles of each member; bins that all share spare it that.
    cuts = [np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1])) for column in features.T]
    binned = bins_of(features, cuts)
    members = []
    for member in range(settings.members):
        classifier = ensemble.HistGradientBoostingClassifier(
            max_iter=settings.trees,
            learning_rate=settings.rate,
            max_leaf_nodes=settings.leaves,
            early_stopping=min(np.bincount(target, minlength=2)) >= FEWEST,
            validation_fraction=settings.held_out,
            random_state=np.random.default_rng([seed, member]).integers(2**31),
        )
        members.append(classifier.fit(binned, target, sample_weight=weight))
    return Trees(members, cuts)


def bins_of(features: Floats, cuts: Sequence[Floats]) -> Floats:
    """The bin (n, k) of each feature (n, k), as a number that trees can split."""
    columns = [np.searchsorted(cut, column) for cut, column in zip(cuts, features.T, strict=True)]
    return np.stack(columns, axis=1).astype(np.float64)


def balanced(target: Ints, weight: Floats) -> Floats:
    """Weights whose sum over each class is half the number of events."""
    total = np.bincount(target, weights=weight, minlength=2)
    return np.asarray(weight * (len(target) / 2 / total)[target])
