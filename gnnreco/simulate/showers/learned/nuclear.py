"""What the fast simulation of charged pions knows besides: interaction lengths, and where the track became a shower.

Each column stands behind those of `features`: a bundle of photons and electrons has none of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.kernels import njit

from .features import FEATURES, OF_SHOWER, Depths

OF_NUCLEI = (
    *(
        "log interaction thickness",
        "interaction depth",
        "log interaction depth",
        "log interaction depth left",
    ),
    *("started", "interaction depth since start", "log depth since start"),
    *("log energy by interaction length lately", "log points lately"),
)
OF_DEPTHS = (
    "log interaction depth of all",
    *("mean log interaction thickness", "mean log critical", "mean log mip", "mean log fraction"),
)
#: Names of the features of layers and of whole showers, by whether they are of pions.
FEATURES_OF = {False: FEATURES, True: FEATURES + OF_NUCLEI}
OF_SHOWER_OF = {False: OF_SHOWER, True: OF_SHOWER + OF_DEPTHS}
N_NUCLEI = len(OF_NUCLEI)
STARTED = 6.0  # points of a layer from which on a track is a shower; knocked-out electrons make two or three
LATELY = 0.7  # interaction lengths back over which energy and points are averaged, beyond the layers seen one by one


@njit(cache=True, error_model="numpy")
def start_of(counts: Floats, i: int) -> int:
    """The layer where the shower started, of those before layer `i`; -1 where none did."""
    for j in range(i):
        if counts[j] >= STARTED:
            return j
    return -1


@njit(cache=True, error_model="numpy")
def describe_nuclei(x: Floats, i: int, energy: float, d: Depths, deposits: Floats, counts: Floats) -> None:
    """Write the features `OF_NUCLEI` of layer `i` to `x`, given energy (GeV) and number of points of those before it."""
    through, all_through, start = 0.0, d.interaction.sum(), start_of(counts, i)
    for j in range(i + 1):
        through += d.interaction[j]
    since, lately, points, weight, back = 0.0, 0.0, 0.0, 1e-9, 0.0
    for j in range(i - 1, -1, -1):
        near = np.exp(-back / LATELY)
        lately += near * deposits[j] / d.fraction[j] / energy
        points += near * counts[j]
        weight += near * d.interaction[j]
        back += d.interaction[j]
        if j == start:
            since = back
    x[0], x[1], x[2] = np.log(d.interaction[i]), through, np.log(through + 0.02)
    x[3] = np.log(all_through - through + d.interaction[i])
    x[4], x[5] = 1.0 if start >= 0 else 0.0, since
    x[6] = np.log1p(d.depth[i] - d.depth[start]) if start >= 0 else 0.0
    x[7], x[8] = np.log(1e-4 + lately / weight), np.log1p(points)


@njit(cache=True, error_model="numpy")
def nuclei_table(energy: float, d: Depths, deposits: Floats, counts: Floats) -> NDArray[np.float32]:
    """Features `OF_NUCLEI` of all layers of a shower (k, n)."""
    k = len(d.depth)
    rows, x = np.empty((k, N_NUCLEI), np.float32), np.empty(N_NUCLEI)
    for i in range(k):
        describe_nuclei(x, i, energy, d, deposits, counts)
        rows[i] = x
    return rows


@njit(cache=True, error_model="numpy")
def overall_nuclei(d: Depths) -> NDArray[np.float32]:
    """The features `OF_DEPTHS`: means over all layers, by interaction lengths."""
    x, through = np.zeros(5), d.interaction.sum()
    for i in range(len(d.depth)):
        part = d.interaction[i] / through
        x[1] += part * np.log(d.interaction[i])
        x[2] += part * np.log(d.critical[i])
        x[3] += part * np.log(d.mip[i])
        x[4] += part * np.log(d.fraction[i])
    x[0] = np.log(through)
    return x.astype(np.float32)
