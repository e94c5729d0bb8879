"""What a shower looks like in a few numbers by layer, and as a picture of its cells.

The numbers are those of the CaloChallenge (arXiv 2410.21611, section 3): energy, centre and width of each layer, the total
over the particle's energy, and sparsity; the number of cells and the largest cell of each layer stand beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints

from .showers import ShowerSample

Picture = NDArray[np.float32]
REACH = 0.99  # of the energy lies within the square in which sparsity counts cells
LEAST_SPREAD = 1e-6  # of a column: what varies less is the same for all


@dataclass(frozen=True, slots=True)
class HighLevel:
    """Features of n showers; where a layer is empty its numbers are 0.

    Attributes
    ----------
    response : float64 (n,)
        Visible energy over sampling fraction and over the particle's energy.
    sparsity : float64 (n,)
        Share of the cells around the axis, in all layers, in which the shower left nothing.
    layer_energy, hits, centre_a, centre_b, width_a, width_b, largest : float64 (n, n_layers)
        Sum of the layer (in units of a minimum-ionising particle), cells over threshold, mean and root mean square
        distance from that mean (mm, by energy) along both axes, and the largest cell.
    """

    response: Floats
    sparsity: Floats
    layer_energy: Floats
    hits: Floats
    centre_a: Floats
    centre_b: Floats
    width_a: Floats
    width_b: Floats
    largest: Floats


def high_level(sample: ShowerSample, n_layers: int, pitch: float, reach: float) -> HighLevel:
    """Features of each shower.

    Parameters
    ----------
    sample : ShowerSample
    n_layers : int
        Layers from this number on are left out: the same for samples that are compared.
    pitch, reach : float
        Width of the squares (mm) in which sparsity counts, and how far from the axis they go.
    """
    n = len(sample)
    within = sample.place < n_layers
    shower, place = sample.shower[within], sample.place[within]
    mips, a, b = sample.mips[within], sample.a[within], sample.b[within]
    key = shower * n_layers + place

    def summed(values: Floats | None) -> Floats:
        return np.bincount(key, values, n * n_layers).reshape(n, n_layers).astype(np.float64)

    energy = summed(mips)
    over = np.where(energy > 0, energy, 1.0)
    centre_a, centre_b = summed(mips * a) / over, summed(mips * b) / over
    width_a = np.sqrt(summed(mips * (a - centre_a.ravel()[key]) ** 2) / over)
    width_b = np.sqrt(summed(mips * (b - centre_b.ravel()[key]) ** 2) / over)
    largest = np.zeros(n * n_layers)
    np.maximum.at(largest, key, mips)
    response = np.bincount(sample.shower, sample.visible, n) / sample.energy
    side = 2 * int(np.ceil(reach / pitch)) + 1
    near = (np.abs(a) <= side * pitch / 2) & (np.abs(b) <= side * pitch / 2)
    square = voxels(sample, pitch)[within][near]
    filled = np.bincount(np.unique(np.stack([shower[near], square]), axis=1)[0].astype(np.int64), minlength=n)
    return HighLevel(
        response,
        1 - filled / (n_layers * side * side),
        energy,
        summed(None),
        centre_a,
        centre_b,
        width_a,
        width_b,
        largest.reshape(n, n_layers),
    )


def reach_of(sample: ShowerSample) -> float:
    """How far from the axis, along a or b, nearly all of the energy lies, mm."""
    if len(sample.place) == 0:
        return 0.0
    away = np.maximum(np.abs(sample.a), np.abs(sample.b))
    order = np.argsort(away, kind="stable")
    share = np.cumsum(sample.mips[order]) / sample.mips.sum()
    return float(away[order][np.searchsorted(share, REACH)])


def columns(high: HighLevel, energy: Floats) -> tuple[Floats, list[str]]:
    """The features as one table (n, k) for networks and distances, with the name of each column.

    Energies and numbers of cells go in as logarithms. The particle's energy is the first column, so that nothing has to
    guess it; columns that are the same for all showers are kept, and do no harm.
    """
    parts, names = [np.log10(energy)[:, None]], ["energy"]
    for field in fields(high):
        values = getattr(high, field.name)
        if field.name in ("layer_energy", "hits", "largest"):
            values = np.log1p(values)
        parts.append(values.reshape(len(energy), -1))
        many = values.ndim > 1
        names += [f"{field.name}_{i}" if many else field.name for i in range(parts[-1].shape[1])]
    return np.concatenate(parts, axis=1), names


def of_whole(sample: ShowerSample) -> Floats:
    """A few features of each shower as a whole (n, 8): energy, response, cells, depth and its spread, width, largest cell.

    Few and smooth: for a ratio of densities two samples must overlap, and hundreds of features of layers keep them apart.
    """
    n, shower = len(sample), sample.shower
    total = np.bincount(shower, sample.mips, n)
    over = np.where(total > 0, total, 1.0)

    def mean(values: Floats | Ints) -> Floats:
        return np.asarray(np.bincount(shower, sample.mips * values, n) / over)

    largest = np.zeros(n)
    np.maximum.at(largest, shower, sample.mips)
    depth = mean(sample.place)
    away = mean(np.hypot(sample.a, sample.b))
    return np.stack(
        [
            np.log10(sample.energy),
            np.bincount(shower, sample.visible, n) / sample.energy,
            np.log1p(np.diff(sample.offsets)),
            depth,
            np.sqrt(mean((sample.place - depth[shower]) ** 2)),
            np.log1p(away),
            np.log1p(np.sqrt(mean((np.hypot(sample.a, sample.b) - away[shower]) ** 2))),
            np.log1p(largest),
        ],
        axis=1,
    )


def voxels(sample: ShowerSample, pitch: float) -> Ints:
    """Number of the square (layer, column, row) around the axis in which each cell lies (m,); not dense."""
    column, row = (np.rint(away / pitch).astype(np.int64) for away in (sample.a, sample.b))
    return (sample.place << 40) + ((column + (1 << 19)) << 20) + row + (1 << 19)


def pictures(sample: ShowerSample, chosen: Ints, pitch: float, of_layer: bool) -> Picture:
    """The cells of each shower in chosen squares around its axis.

    Parameters
    ----------
    chosen : int64 (k,)
        Numbers that `voxels` gave, sorted.
    pitch : float
        Width of a square, mm.
    of_layer : bool
        Each as a share of its layer, instead of the logarithm of its energy.

    Returns
    -------
    float32 (n, k)
    """
    square, shower = voxels(sample, pitch), sample.shower
    at = np.minimum(np.searchsorted(chosen, square), len(chosen) - 1)
    known = chosen[at] == square
    flat = shower[known] * len(chosen) + at[known]
    values = sample.mips
    if of_layer:
        key = shower * sample.n_layers + sample.place
        values = values / np.bincount(key, values)[key]
    filled, inverse = np.unique(flat, return_inverse=True)
    sums = np.bincount(inverse, values[known])
    picture = np.zeros(len(sample) * len(chosen), np.float32)
    picture[filled] = np.sqrt(sums) if of_layer else np.log1p(sums)
    return picture.reshape(len(sample), len(chosen))


def common_voxels(samples: tuple[ShowerSample, ShowerSample], pitch: float, most: int) -> Ints:
    """The squares that most showers of both samples fill, sorted: whichever sample a shower is from."""
    square, count = np.unique(
        np.concatenate([voxels(sample, pitch) for sample in samples]), return_counts=True
    )
    return np.sort(square[np.argsort(-count, kind="stable")[:most]])


def scaled(table: Floats, reference: Floats) -> Floats:
    """Columns less their mean in a reference, over their spread there; what does not vary there is only shifted."""
    spread = reference.std(axis=0)
    middle = reference.mean(axis=0)
    least = LEAST_SPREAD * np.maximum(np.abs(middle), 1.0)
    return (table - middle) / np.where(spread > least, spread, 1.0)
