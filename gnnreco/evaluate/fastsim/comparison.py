"""Compares generated showers with true ones, and true ones with true ones: the floor below which nothing is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np
from scipy.stats import ks_2samp

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadConfig
from gnnreco.files.json_types import JsonDict
from gnnreco.progress import Progress

from .cells import Cells
from .classifier import FEWEST as FEWEST_TO_TRAIN
from .classifier import FOLDS, Training, calibration, classify, judged
from .distances import (
    NEIGHBOURS,
    correlation_difference,
    frechet_physics_distance,
    kernel_physics_distance,
    prdc,
    sliced_wasserstein,
)
from .features import columns, common_voxels, high_level, pictures, reach_of, scaled
from .histograms import Side, drawn, separations
from .networks import Table
from .profiles import energy_edges, profiles, response
from .showers import THRESHOLD, ShowerSample, effective_size

CLASSIFIERS = 4  # networks that tell one sample from another
MOST_SQUARES = 2048  # inputs of the low-level networks: those that most showers fill
UNLIKELY = 1e-3  # of a Kolmogorov-Smirnov test: below it the particles of both samples are not alike
FEWEST = 20  # showers a side, without which distances mean nothing
# Of the network on cells, which costs more than the others for each pass.
CELL_WIDTH, CELL_EPOCHS, CELL_BATCH, CELL_PATIENCE = 32, 20, 32, 5
# JetNet's 20 batches of each of 10 sizes from 20,000 to 50,000 vectors take minutes for hundreds of features.
SMALLEST_BATCH, FRECHET_BATCHES, FRECHET_SIZES = 0.4, 4, 6
KERNEL_BATCH = 1000
MOST_PAIRED = 2000  # showers of a side whose neighbours are looked for


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two samples are compared.

    Attributes
    ----------
    threshold : float
        Cells below it are left out of both, in units of what a minimum-ionising particle leaves.
    training : Training
        Of the classifiers.
    seed : int
        Of the halves of the truth, of networks and of all that is drawn at random.
    floor : bool
        Whether the truth is compared with itself too.

    Raises
    ------
    BadConfig
        A threshold below zero, or that is not a number.
    """

    threshold: float = THRESHOLD
    training: Training = field(default_factory=Training)
    seed: int = 0
    floor: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < np.inf:
            raise BadConfig(f"threshold of cells: {self.threshold} is no number from 0 on")


def compare(
    generated: ShowerSample,
    truth: ShowerSample,
    settings: Comparison | None = None,
    progress: Progress | None = None,
) -> JsonDict:
    """All figures of generated showers against true ones.

    The truth is split in two halves. Generated showers are compared with the first one, and so is the second one, with
    the same number of showers on either side: that is the floor. Response and profiles, which have errors, take all showers.

    Parameters
    ----------
    generated, truth : ShowerSample
        Of the same detector and threshold. Where generated ones have weights, separation, response, profiles and histograms
        with these stand under ``weighted``; all other figures are without.
    settings : Comparison, optional
    progress : callable, optional
        ``progress(what, done, total)``, told before the first training and after each.

    Returns
    -------
    dict
        What the command line writes as JSON; every number is finite or None.
    """
    if generated.weight is not None:
        weight, generated = generated.weight, replace(generated, weight=None)
        plain = compare(generated, truth, settings, progress)
        return plain | {"weighted": _weighted(generated, truth, weight, settings or Comparison())}
    settings = settings or Comparison()
    n_layers = max(generated.n_layers, truth.n_layers)
    reach = reach_of(truth)
    one, other = (
        Side(sample, high_level(sample, n_layers, truth.pitch, reach)) for sample in (generated, truth)
    )
    edges = energy_edges(truth.energy)
    mine, near, far = halves(len(generated), len(truth), settings.seed)
    halved = settings.floor and len(far) > 0
    told = progress if len(mine) >= FEWEST_TO_TRAIN else None
    trained = _counting(told, CLASSIFIERS * settings.training.trainings * (1 + halved))
    result = _figures(one[mine], other[near], edges, truth.pitch, settings, trained)
    floor = _figures(other[far], other[near], edges, truth.pitch, settings, trained) if halved else None
    return {
        "task": "fastsim",
        "showers": {
            "generated": len(generated),
            "truth": len(truth),
            "compared": len(mine),
            "left_nothing": {"generated": generated.left_nothing, "truth": truth.left_nothing},
            "beside": {"generated": generated.beside, "truth": truth.beside},
        },
        "definitions": definitions(settings, n_layers, truth.pitch, reach),
        "warnings": warnings_of(generated, truth, len(mine), bool(len(far))),
        **result,
        # These have errors of their own, and gain by all showers there are.
        "response": response(one, other, edges),
        "profiles": profiles(one, other, truth.pitch),
        "floor": floor,
        "histograms": drawn(one, other),
    }


def _counting(progress: Progress | None, total: int) -> Callable[[], None]:
    """What tells `progress` of each training; it is called once here, before the first."""
    done = count()

    def trained() -> None:
        if progress:
            progress("classifiers", next(done), total)

    trained()
    return trained


def _weighted(generated: ShowerSample, truth: ShowerSample, weight: Floats, settings: Comparison) -> JsonDict:
    """What weights change, against the same half of the truth."""
    sample = replace(generated, weight=weight)
    n_layers, reach = max(generated.n_layers, truth.n_layers), reach_of(truth)
    one, other = (Side(s, high_level(s, n_layers, truth.pitch, reach)) for s in (sample, truth))
    mine, near, _ = halves(len(generated), len(truth), settings.seed)
    left = effective_size(weight)
    return {
        "effective_showers": left,
        "effective_share": left / len(weight),
        "largest": float(weight.max() / weight.mean()),
        "separation": separations(one[mine], other[near]),
        "response": response(one, other, energy_edges(truth.energy)),
        "profiles": profiles(one, other, truth.pitch),
        "histograms": drawn(one, other),
    }


def learned_half(generated: int, truth: int, seed: int) -> Ints:
    """Rows of the truth that weights may learn from: those that generated showers are not compared with."""
    return np.setdiff1d(np.arange(truth), halves(generated, truth, seed)[1])


def unseen_odds(one: ShowerSample, other: ShowerSample, training: Training, seed: int = 0) -> Floats:
    """Calibrated logarithm of the odds of each shower, of both samples in turn (n + m,), to be of the first one.

    The networks read the features of layers; none trained on the shower that it judges.
    """
    n_layers, reach = max(one.n_layers, other.n_layers), reach_of(other)
    table = np.concatenate(
        [columns(high_level(s, n_layers, other.pitch, reach), s.energy)[0] for s in (one, other)]
    )
    labels, found = np.concatenate([np.ones(len(one)), np.zeros(len(other))]), np.zeros(len(table))
    for run in range(FOLDS):
        told = judged(lambda fit: Table(table, fit), labels, training, seed, run)
        slope, offset = calibration(labels[told.own], told.own_scores)
        found[told.test] = slope * told.scores + offset
    return found


def halves(generated: int, truth: int, seed: int) -> tuple[Ints, Ints, Ints]:
    """Rows of generated showers, of the half of the truth they are compared with, and of the other half: of one length.

    The last one is empty, and nothing is halved, where the truth has a single shower.
    """
    rng = np.random.default_rng([seed, 7])
    mine, true = rng.permutation(generated), rng.permutation(truth)
    n = min(generated, max(truth // 2, 1))
    return np.sort(mine[:n]), np.sort(true[:n]), np.sort(true[n : 2 * n] if truth >= 2 * n else true[:0])


def warnings_of(generated: ShowerSample, truth: ShowerSample, compared: int, floor: bool) -> list[str]:
    """What makes the samples hard to compare, in sentences."""
    found = []
    kinds = [sorted(set(sample.pdg.tolist())) for sample in (generated, truth)]
    if kinds[0] != kinds[1]:
        found.append(
            f"the generated particles are {kinds[0]} (PDG), the true ones {kinds[1]}: compare like with like"
        )
    pairs: list[tuple[str, Floats, Floats]] = [
        ("energies", np.log(generated.energy), np.log(truth.energy)),
        ("angles at the first layer", np.round(generated.cosine, 3), np.round(truth.cosine, 3)),
    ]
    for name, one, other in pairs:
        p = float(ks_2samp(one, other).pvalue)
        if p < UNLIKELY:
            found.append(
                f"the {name} of the generated particles are not distributed as those of the truth (Kolmogorov-Smirnov "
                f"test: p = {p:.1g}); all figures but the response then measure that difference too"
            )
    if not floor:
        found.append("the truth has a single shower: it cannot be halved, and there is no floor")
    if compared < FEWEST:
        found.append(f"only {compared} showers a side: too few for classifiers and distances")
    return found


def definitions(settings: Comparison, n_layers: int, pitch: float, reach: float) -> JsonDict:
    """What the figures mean, in words."""
    return {
        "showers": f"cells over {settings.threshold:g} of what a minimum-ionising particle leaves in the layer, in "
        f"{n_layers} layers along the particle's axis",
        "floor": "the same figures of the truth against itself, halved at random, with as many showers a side",
        "separation": "half the sum of (p - q)^2 / (p + q) over bins; of quantities by layer the mean over layers",
        "classifier": f"network of two hidden layers, {settings.training.trainings} trainings; 60 % of showers to train, "
        "20 % to stop, 20 % to measure; every network knows the particle's energy; jsd in units of ln 2",
        "classifier.high": "reads energies, cells, centres, widths and largest cells of layers, response and sparsity",
        "classifier.low": f"reads the {MOST_SQUARES} squares of {pitch:.3g} mm around the axis that most showers fill",
        "classifier.low_normalised": "the same, each square as a share of its layer",
        "classifier.cells": "reads every cell and its neighbours in its layer and the next ones, and pools them",
        "fpd, kpd": "Frechet and kernel physics distance of the features that classifier.high reads, as in JetNet with "
        f"batches of {SMALLEST_BATCH:g} to all showers ({FRECHET_BATCHES} of each size), and of {KERNEL_BATCH}",
        "precision, recall, density, coverage": f"of the same features, with {NEIGHBOURS} neighbours",
        "sliced_wasserstein": "of the same features, in spreads of the truth",
        "layer_correlation": "largest difference of the correlation coefficients of layer energies over the particle's",
        "weighted": "with the weights of showers: separation, response and profiles, nothing else; effective showers: "
        "(sum w)^2 / sum w^2",
        "response": "visible over sampling fraction and over the particle's energy, all showers; width: spread over mean",
        "profiles": "mean energy over the particle's, all showers; chi2: per bin",
        "sparsity": f"share of empty squares within {reach:.3g} mm of the axis, in all layers",
    }


def _figures(
    one: Side,
    other: Side,
    edges: Floats,
    pitch: float,
    settings: Comparison,
    trained: Callable[[], None],
) -> JsonDict:
    """All figures of one sample against another of the same size."""
    both = np.concatenate([one.sample.energy, other.sample.energy])
    labels = np.concatenate([np.ones(len(one)), np.zeros(len(other))])
    table = np.concatenate([columns(side.high, side.sample.energy)[0] for side in (one, other)])
    samples = (one.sample, other.sample)
    chosen = common_voxels(samples, pitch, MOST_SQUARES)

    def low(of_layer: bool) -> Table:
        parts = [pictures(sample, chosen, pitch, of_layer) for sample in samples]
        return Table(
            np.concatenate([np.log10(both)[:, None].astype(np.float32), np.concatenate(parts)], axis=1)
        )

    train, seed = settings.training, settings.seed
    found: JsonDict = {"high": classify(lambda fit: Table(table, fit), labels, train, seed, trained)}
    for name, of_layer in (("low", False), ("low_normalised", True)):
        given = low(of_layer)
        found[name] = classify(lambda _, given=given: given, labels, train, seed, trained)  # type: ignore[misc]
    on_cells = replace(
        train,
        width=CELL_WIDTH,
        epochs=min(train.epochs, CELL_EPOCHS),
        batch=CELL_BATCH,
        patience=CELL_PATIENCE,
    )
    cells = Cells(samples, pitch)
    found["cells"] = classify(lambda _: cells, labels, on_cells, seed, trained)
    return {
        "classifier": found,
        "separation": separations(one, other),
        **_distances(table[len(one) :], table[: len(one)], seed),
        "layer_correlation": _correlations(one, other),
        "response": response(one, other, edges),
        "profiles": profiles(one, other, pitch),
    }


def _distances(real: Floats, generated: Floats, seed: int) -> JsonDict:
    """What needs no training."""
    n = len(real)
    names = ("fpd", "fpd_error", "kpd", "kpd_error", "precision", "recall", "density", "coverage")
    if n < FEWEST:
        return dict.fromkeys((*names, "sliced_wasserstein"))
    frechet = frechet_physics_distance(
        real, generated, int(SMALLEST_BATCH * n), n, FRECHET_BATCHES, FRECHET_SIZES
    )
    kernel = kernel_physics_distance(real, generated, batch_size=min(n, KERNEL_BATCH))
    one, other = (scaled(table, real) for table in (real, generated))
    # Showers come sorted by energy: where there are too many for PRDC, it takes some of all energies.
    some = np.sort(np.random.default_rng([seed, 13]).permutation(n)[:MOST_PAIRED])
    return {
        **dict(zip(names, (*frechet, *kernel), strict=False)),
        **prdc(one[some], other[some]),
        "sliced_wasserstein": sliced_wasserstein(real, generated, seed),
    }


def _correlations(one: Side, other: Side) -> float | None:
    if len(other) < FEWEST:
        return None
    layers = [side.high.layer_energy / side.sample.energy[:, None] for side in (other, one)]
    return correlation_difference(*layers)
