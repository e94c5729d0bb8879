"""Networks that tell generated showers from true ones: the better they can, the worse the generator.

The recipe of the CaloChallenge (arXiv 2410.21611): two hidden layers with LeakyReLU, 60 % of the showers to train on, 20 %
to choose the epoch, 20 % to measure on; area under the ROC curve (0.5: cannot be told apart, 1: always) and the
Jensen-Shannon divergence that the calibrated network bounds from below (0 to 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import rankdata

from gnnreco.columns import Floats, Ints
from gnnreco.files.json_types import JsonDict

if TYPE_CHECKING:
    import torch

FOLDS = 5
STEPS, LEAST_BATCH = 40, 16  # steps in a pass where there are showers enough for such batches
FEWEST = 50  # showers of a sample: with fewer nothing is learned
Labels = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Training:
    """How a classifier is trained.

    Attributes
    ----------
    trainings : int
        Each from another seed and with another fifth of the showers to measure on.
    width : int
        Of both hidden layers.
    epochs, patience : int
        At most so many passes; so many without a better validation loss end the training.
    batch : int
        Showers in a step, at most; fewer where a pass would have less than 40 steps.
    rate, decay : float
        Learning rate and weight decay of AdamW.
    """

    trainings: int = 5
    width: int = 128
    epochs: int = 60
    patience: int = 8
    batch: int = 512
    rate: float = 1e-3
    decay: float = 1e-2


class Inputs(Protocol):
    """What a network reads of showers."""

    def network(self, width: int) -> torch.nn.Module:
        """A fresh network, which takes what `rows` gives."""

    def rows(self, rows: Ints) -> tuple[torch.Tensor, ...]:
        """Some of the showers."""


def classify(
    inputs: Callable[[Ints], Inputs],
    labels: Labels,
    settings: Training,
    seed: int = 0,
    trained: Callable[[], None] = lambda: None,
) -> JsonDict | None:
    """Train several classifiers and measure each on showers that it never saw.

    Parameters
    ----------
    inputs : callable
        From the rows that are trained on, which may set scales, to what the network reads.
    labels : float64 (n,)
        1 for showers of one sample, 0 for those of the other.
    settings : Training
    seed : int
    trained : callable
        Told after each training.

    Returns
    -------
    dict
        ``auc``, ``jsd`` (means), ``auc_spread``, ``jsd_spread`` (standard deviation over trainings) and ``trainings``, the
        AUC of each. None where a sample has fewer than 50 showers.
    """
    if min(labels.sum(), len(labels) - labels.sum()) < FEWEST:
        return None
    runs = []
    for run in range(settings.trainings):
        runs.append(judged(inputs, labels, settings, seed, run))
        trained()
    auc, jsd = np.array([_measured(run, labels) for run in runs]).T
    return {
        "auc": float(auc.mean()),
        "auc_spread": float(auc.std(ddof=1)) if len(auc) > 1 else None,
        "jsd": float(jsd.mean()),
        "jsd_spread": float(jsd.std(ddof=1)) if len(jsd) > 1 else None,
        "trainings": auc.tolist(),
    }


def auc_of(labels: Labels, scores: Floats) -> float:
    """Chance that a shower with label 1 scores higher than one with label 0."""
    ones = labels > 0.5
    ranks, n = rankdata(scores), ones.sum()
    return float((ranks[ones].sum() - n * (n + 1) / 2) / (n * (len(labels) - n)))


def divergence(labels: Labels, logits: Floats, own_labels: Labels, own_logits: Floats) -> float:
    """Jensen-Shannon divergence by a classifier, in units of ln 2.

    It is one minus the cross entropy of the test showers over ln 2. The logits are first calibrated on showers (``own_``)
    that are neither trained on nor measured on. By chance it may come out slightly below 0.
    """
    return 1 - _entropy(calibration(own_labels, own_logits), logits, labels) / float(np.log(2))


def calibration(labels: Labels, logits: Floats) -> Floats:
    """Slope and offset (2,) that make logits those of probabilities.

    The challenge takes isotonic regression, which a few hundred showers do not bear.
    """
    # Platt's targets instead of 0 and 1 keep the slope finite where the two can be told apart without a mistake.
    ones = labels.sum()
    zeros = len(labels) - ones
    targets = np.where(labels > 0.5, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    return np.asarray(minimize(lambda line: _entropy(line, logits, targets), np.array([1.0, 0.0])).x)


def _entropy(line: Floats, logits: Floats, labels: Labels) -> float:
    """Cross entropy of calibrated logits."""
    z = line[0] * logits + line[1]
    return float(np.mean(np.logaddexp(0, z) - labels * z))


def folds(labels: Labels, seed: int, run: int) -> tuple[Ints, Ints, Ints]:
    """Rows to train, validate and test on: of both samples 60, 20 and 20 %; five runs test on each shower once."""
    rng = np.random.default_rng([seed, run // FOLDS])
    part = np.empty(len(labels), np.int64)
    for label in (0.0, 1.0):
        mine = np.flatnonzero(labels == label)
        part[rng.permutation(mine)] = np.arange(len(mine)) % FOLDS
    part = (part - run) % FOLDS
    return np.flatnonzero(part > 1), np.flatnonzero(part == 1), np.flatnonzero(part == 0)


class Judged(NamedTuple):
    """What one training says of showers that it did not train on.

    Attributes
    ----------
    test, own : int64 (n_test,), (n_own,)
        Rows that it never saw, and those that chose the epoch.
    scores, own_scores : float64 (n_test,), (n_own,)
        Logits of these.
    """

    test: Ints
    scores: Floats
    own: Ints
    own_scores: Floats


def _measured(run: Judged, labels: Labels) -> tuple[float, float]:
    """AUC and divergence of one training."""
    true, own = labels[run.test], labels[run.own]
    return auc_of(true, run.scores), divergence(true, run.scores, own, run.own_scores)


def judged(
    inputs: Callable[[Ints], Inputs], labels: Labels, settings: Training, seed: int, run: int
) -> Judged:
    """One training; five runs from a multiple of five on judge each shower once. Parameters as of `classify`."""
    import torch

    fit, own, test = folds(labels, seed, run)
    rng = np.random.default_rng([seed, run, 1])
    given = inputs(fit)
    batch = int(np.clip(len(fit) // STEPS, LEAST_BATCH, settings.batch))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1_000_003 * seed + run)
        net = given.network(settings.width)
        target = torch.from_numpy(labels.astype(np.float32))
        optimizer = torch.optim.AdamW(net.parameters(), settings.rate, weight_decay=settings.decay)
        loss = torch.nn.functional.binary_cross_entropy_with_logits

        def logits(rows: Ints) -> torch.Tensor:
            parts = [rows[i : i + settings.batch] for i in range(0, len(rows), settings.batch)]
            with torch.no_grad():
                return torch.cat([net(*given.rows(part))[:, 0] for part in parts])

        best, kept, waited = np.inf, net.state_dict(), 0
        for _ in range(settings.epochs):
            net.train()
            order = rng.permutation(fit)
            for first in range(0, len(order), batch):
                rows = order[first : first + batch]
                optimizer.zero_grad()
                loss(net(*given.rows(rows))[:, 0], target[rows]).backward()
                optimizer.step()
            net.eval()
            now = float(loss(logits(own), target[own]))
            if now < best:
                best, waited = now, 0
                kept = {name: value.clone() for name, value in net.state_dict().items()}
            elif (waited := waited + 1) >= settings.patience:
                break
        net.load_state_dict(kept)
        net.eval()
        scores, own_scores = logits(test).double().numpy(), logits(own).double().numpy()
    return Judged(test, scores, own, own_scores)
