"""Weights that move generated showers toward true ones: the likelihood ratio of both, as a classifier estimates it.

After arXiv 1608.05806 and 1907.08209 (DCTR), with a classifier that a few hundred showers bear: a logistic regression on
features of whole showers and their products. It gives the odds of a shower to be generated or true; their ratio is what a
generated shower must count for, so that all of them are distributed like the true ones in what the classifier reads. None
is weighted by a regression that learned from it, and showers themselves stay as they are. How much of the sample is left is
(sum w)^2 / sum w^2: where the generator never goes, no weight helps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadInput
from gnnreco.events.parquet.row_groups import opened
from gnnreco.files.atomic import whole_file

from .classifier import FEWEST, FOLDS, Labels, folds
from .features import of_whole, scaled
from .showers import ShowerSample

MOST = 10.0  # weights and one over them are cut there, so that one shower cannot stand for all
ROUNDS = 3  # regressions that judge each shower; the mean of their logits is taken
STRENGTHS = (
    1.0,
    10.0,
    100.0,
)  # of the penalty: the best on showers that are neither learned from nor judged is taken
FAR = 4.0  # spreads from the mean; what is farther counts as that
COLUMNS = ("event", "particle_id", "energy_gev", "visible_gev", "weight")
REMEDY = "write it again with reweight="


def learn_weights(generated: ShowerSample, truth: ShowerSample, seed: int = 0) -> Floats:
    """What each generated shower must count for, so that all are distributed like the true ones.

    Parameters
    ----------
    generated, truth : ShowerSample
        Of the same detector and threshold, with particles of the same kinds, energies and directions.
    seed : int
        Of the parts of the samples that learn, choose and are judged.

    Returns
    -------
    float64 (n,)
        From a tenth to ten before they are divided by their mean.

    Raises
    ------
    BadInput
        Fewer than 50 showers in a sample.
    """
    if min(len(generated), len(truth)) < FEWEST:
        why = f"weights take {FEWEST} showers a side or more, and there are {len(generated)} and {len(truth)}"
        raise BadInput("the showers to reweight", "", f"{why}: give more events")
    tables = [of_whole(sample) for sample in (generated, truth)]
    labels = np.concatenate([np.ones(len(generated)), np.zeros(len(truth))])
    odds = _odds(np.concatenate(tables), labels, seed)[: len(generated)]
    # The odds hold how many showers there are of each kind; the ratio of their densities does not.
    weight = np.clip(np.exp(-odds) * len(generated) / len(truth), 1 / MOST, MOST)
    return np.asarray(weight / weight.mean())


def _odds(table: Floats, labels: Labels, seed: int) -> Floats:
    """Logarithm of the odds of each row to have label 1: the mean of regressions that did not see it."""
    found = np.zeros(len(labels))
    for run in range(ROUNDS * FOLDS):
        fit, own, test = folds(labels, seed, run)
        terms = _terms(table, fit)
        lines = [_regression(terms[fit], labels[fit], strength) for strength in STRENGTHS]
        best = min(lines, key=lambda line: _loss(line, terms[own], labels[own], 0.0)[0])
        found[test] += terms[test] @ best / ROUNDS
    return found


def _terms(table: Floats, reference: Ints) -> Floats:
    """One, the columns in units of their spread, and their products: with these, normal distributions have exact odds."""
    x = np.clip(scaled(table, table[reference]), -FAR, FAR)
    one, other = np.triu_indices(x.shape[1])
    return np.concatenate([np.ones((len(x), 1)), x, x[:, one] * x[:, other]], axis=1)


def _regression(terms: Floats, labels: Labels, strength: float) -> Floats:
    start = np.zeros(terms.shape[1])
    return np.asarray(minimize(_loss, start, (terms, labels, strength), "L-BFGS-B", jac=True).x)


def _loss(line: Floats, terms: Floats, labels: Labels, strength: float) -> tuple[float, Floats]:
    """Cross entropy, with a penalty of all coefficients but the first, and its gradient."""
    z = terms @ line
    held = strength / len(labels) * np.append(0.0, line[1:])
    loss = np.mean(np.logaddexp(0, z) - labels * z) + held @ line / 2
    return float(loss), terms.T @ (expit(z) - labels) / len(labels) + held


def write_weights(path: str | Path, sample: ShowerSample, weight: Floats) -> None:
    """Write weights (n,) with the event, the particle, its energy and the visible energy of each shower, as Parquet."""
    key, visible = _keys(sample, str(path)), _visible(sample)
    order = np.lexsort((key[:, 1], key[:, 0]))
    values = (key[:, 0], key[:, 1], sample.energy, visible, weight)
    table = pa.table({name: column[order] for name, column in zip(COLUMNS, values, strict=True)})
    with whole_file(path) as draft:
        pq.write_table(table, draft, compression="zstd", write_page_checksum=True)


def read_weights(path: str | Path, sample: ShowerSample) -> Floats:
    """The weight of each shower of a sample (n,).

    Raises
    ------
    BadInput
        It is missing or damaged, holds no weights, or was made for other showers.
    """
    path = Path(path)
    with opened(path, REMEDY) as file:
        names = set(file.schema_arrow.names)
        if not names >= set(COLUMNS):
            missing = ", ".join(name for name in COLUMNS if name not in names)
            raise BadInput(path, f"column {missing}", f"is missing; {REMEDY}")
        table = file.read(columns=list(COLUMNS))
        held = {name: table[name].to_numpy() for name in COLUMNS}
    weight = held["weight"].astype(np.float64)
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise BadInput(
            path, "column weight", f"holds no weights: all must be finite and none negative; {REMEDY}"
        )
    row = _rows(path, sample, held)
    energy, visible = (held[name][row] for name in COLUMNS[2:4])
    other = ~(np.isclose(energy, sample.energy) & np.isclose(visible, _visible(sample)))
    if other.any():
        event = int(_keys(sample, path)[np.flatnonzero(other)[0], 0])
        why = "was made for other showers, or with another threshold"
        raise BadInput(path, f"event {event}", f"{why}: {other.sum():,} of {len(sample):,} differ; {REMEDY}")
    return weight[row]


def _rows(path: Path, sample: ShowerSample, held: dict[str, NDArray[np.generic]]) -> Ints:
    """Row of the file for each shower."""
    key = _keys(sample, path)
    known = {
        pair: row
        for row, pair in enumerate(zip(held["event"].tolist(), held["particle_id"].tolist(), strict=True))
    }
    rows = [known.get((event, particle), -1) for event, particle in key.tolist()]
    if -1 in rows or len(rows) != len(known):
        first = rows.index(-1) if -1 in rows else None
        why = f"was made for other showers: it has {len(known):,}, and there are {len(rows):,}; {REMEDY}"
        where = "" if first is None else f"event {key[first, 0]}, particle {key[first, 1]}"
        raise BadInput(path, where, why)
    return np.array(rows, np.int64)


def _keys(sample: ShowerSample, path: str | Path) -> Ints:
    """Event and particle of each shower, which must be its own."""
    key = np.zeros((len(sample), 2), np.int64) if sample.key is None else sample.key
    if len(np.unique(key, axis=0)) < len(key):
        why = "several showers are of one event number and one particle: give events of one numbering, such as one folder"
        raise BadInput(path, "", why)
    return key


def _visible(sample: ShowerSample) -> Floats:
    return np.bincount(sample.shower, sample.visible, len(sample)).astype(np.float64)
