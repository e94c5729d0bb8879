"""Samples of showers that are drawn at once, without a simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gnnreco.evaluate.fastsim.showers import ShowerSample

LAYERS, PITCH = 6, 5.0


def drawn_showers(n: int, seed: int, cells: int = 12, width: float = 8.0) -> ShowerSample:
    """Showers of 1 to 10 GeV with about so many cells in each of six layers, on a square grid around the axis."""
    rng = np.random.default_rng(seed)
    energy = np.sort(np.exp(rng.uniform(0, np.log(10), n)))
    counts = rng.poisson(cells * (0.5 + energy / 10), n) + 1
    m = int(counts.sum())
    shower = np.repeat(np.arange(n), counts)
    place = rng.integers(0, LAYERS, m)
    a, b = np.rint(rng.normal(0, width, (2, m)) / PITCH) * PITCH
    order = np.lexsort((b, a, place, shower))
    mips = 0.5 + rng.exponential(energy[shower] / 3)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return ShowerSample(
        np.full(n, 22), energy, np.ones(n), offsets, place[order], a[order], b[order], mips, mips / 50, PITCH
    )


def larger(sample: ShowerSample, factor: float) -> ShowerSample:
    """The same showers, each cell with more energy."""
    return replace(sample, mips=sample.mips * factor, visible=sample.visible * factor)
