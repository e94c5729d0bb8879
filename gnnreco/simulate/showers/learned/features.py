"""What the fast simulation knows of a layer before it fills it: the layer itself, and the shower so far; no detector's name.

All lengths are radiation lengths or stand beside the Moliere radius, energies stand beside what a minimum-ionising particle
leaves in the layer, or beside the shower's own, so that a network can go over to a detector that it has never seen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.kernels import njit
from gnnreco.simulate.showers.ray import Ray, Rows, Stack

from .pieces import COSINE, active_of, pieces_of

#: Layers back that are looked at one by one.
BACK = 3
FEATURES = (
    *("log energy", "electron", "log energy over critical"),
    *(
        "depth",
        "log depth",
        "log thickness",
        "log thickness before",
        "log critical",
        "log mip",
        "log moliere",
    ),
    *("log gap", "cosine", "log fraction", "log active", "log air gap"),
    *("seen", "log seen", "log unseen", "mean depth seen", "begun", "depth since begun"),
    *(f"log energy in mips, {k} back" for k in range(1, BACK + 1)),
    *(f"log points, {k} back" for k in range(1, BACK + 1)),
    *(f"log energy by length, {k} back" for k in range(1, BACK)),
    "log total",
)
#: What decides how much of a shower is seen in all: the particle, and means over the layers in its first `MEAN_OVER`.
OF_SHOWER = (
    *("log energy", "electron", "log energy over critical", "log thickness", "log critical", "log mip"),
    *("log fraction", "cosine", "log depth of all"),
)
MEAN_OVER = 15.0  # radiation lengths
DEEPEST = 33.0  # radiation lengths behind which nothing leaks any more: all deeper calorimeters are alike
#: What the points of a layer know besides.
OF_LAYER = ("log points", "log mean energy")
#: The features that the detector alone decides: outside the range that training saw nobody knows what comes out.
OF_DETECTOR = slice(5, 15)
N_RANGES = OF_DETECTOR.stop - OF_DETECTOR.start
SMALL_GAP = 0.1  # mm that are added to an air gap before its logarithm is taken
USUAL_GAP = 0.1  # of the way from the sensor before: the gap where the description is silent


class Depths(NamedTuple):
    """The layers along an axis, thick ones in pieces; float64 (k,) each but the first two.

    Attributes
    ----------
    place, pieces : int64 (k,)
        Which layer of the axis it is, or is a piece of; in how many pieces that layer is divided.
    piece : int64 (k,)
        Which of these, from the front.
    depth : float64
        Radiation lengths from where the shower begins to the end of the layer.
    radiation, critical, mip, fraction, moliere : float64
        Of the layer, along the axis: radiation lengths; critical energy, GeV; what a minimum-ionising particle leaves, GeV;
        sampling fraction; Moliere radius, mm, mean with the layers beside it.
    gap : float64
        mm from the sensor before.
    active : float64
        mm of the sensor.
    air_gap : float64
        mm between absorber and sensor: what goes apart there decides how wide showers are.
    cosine : float64
        Of incidence; where it is steeper than all that an engine was trained on, that of the steepest.
    interaction : float64
        Interaction lengths of the layer, along the axis.
    """

    place: Rows
    pieces: Rows
    piece: Rows
    depth: Floats
    radiation: Floats
    critical: Floats
    mip: Floats
    fraction: Floats
    moliere: Floats
    gap: Floats
    active: Floats
    air_gap: Floats
    cosine: Floats
    interaction: Floats


@njit(cache=True, error_model="numpy")
def depths_of(stack: Stack, ray: Ray, start: float, ranges: NDArray[np.float32]) -> Depths:
    """The layers of a shower that begins at the depth `start` of an axis (radiation lengths), thick ones in pieces.

    Parameters
    ----------
    ranges : float32 (10, 2)
        What an engine was trained on: see `pieces_of`; layers hit at steeper angles are described as hit at the steepest.
    """
    first = 0
    while first < len(ray.row) - 1 and ray.radiation[first + 1] <= start:
        first += 1
    left = (ray.radiation[first + 1] - start) / (ray.radiation[first + 1] - ray.radiation[first])
    left = min(max(left, 0.0), 1.0)
    n = np.empty(len(ray.row), np.int64)
    for place in range(len(n)):
        n[place] = pieces_of(stack, ray.row[place], ranges)
    begun = n[first] - min(max(int(np.ceil(left * n[first])), 1), n[first])  # pieces that lie before `start`
    k = n[first:].sum() - begun
    d = Depths(
        *(np.empty(k, np.int64), np.empty(k, np.int64), np.empty(k, np.int64)),
        *(np.empty(k), np.empty(k), np.empty(k), np.empty(k), np.empty(k), np.empty(k)),
        *(np.empty(k), np.empty(k), np.empty(k), np.empty(k), np.empty(k)),
    )
    depth, place, piece = 0.0, first, begun
    for i in range(k):
        row, many = ray.row[place], n[place]
        cosine = abs(ray.cosine[place])
        d.place[i], d.pieces[i], d.piece[i] = place, many, piece
        inside = (
            min(max(left * many - (many - 1 - begun), 0.01), 1.0) if i == 0 else 1.0
        )  # share behind `start`
        d.radiation[i] = stack.radiation[row] / many / cosine * inside
        d.interaction[i] = stack.interaction[row] / many / cosine * inside
        depth += d.radiation[i]
        d.depth[i], d.cosine[i] = depth, max(cosine, ranges[COSINE, 0])
        d.critical[i], d.mip[i], d.fraction[i] = (
            stack.critical[row],
            stack.mip[row] / many / cosine,
            stack.fraction[row],
        )
        d.moliere[i], d.active[i] = stack.moliere[row], active_of(stack, row, many)
        d.gap[i] = _gap(stack, ray, n, place, piece, d.moliere[i])
        known = stack.air_gap[row]
        d.air_gap[i] = (known if known >= 0 else USUAL_GAP * d.gap[i]) / cosine
        place, piece = (place, piece + 1) if piece + 1 < many else (place + 1, 0)
    d.moliere[:] = _among_neighbours(d.moliere, d.radiation)
    return d


@njit(cache=True, error_model="numpy")
def _among_neighbours(moliere: Floats, radiation: Floats) -> Floats:
    """Means of Moliere radii over each layer, twice, and the two beside it, by radiation lengths.

    A shower spreads in all layers that it crosses: where dense and loose ones alternate, it is as wide in either.
    """
    mean = np.empty(len(moliere))
    for i in range(len(mean)):
        over, total = 0.0, 0.0
        for j in range(max(i - 1, 0), min(i + 2, len(mean))):
            weight = radiation[j] * (2.0 if j == i else 1.0)
            over, total = over + weight, total + weight * moliere[j]
        mean[i] = total / over
    return mean


@njit(cache=True, error_model="numpy")
def _gap(stack: Stack, ray: Ray, n: Rows, place: int, piece: int, alone: float) -> float:
    """mm from the sensor before to a layer, or to a piece of one, along the axis; `alone` where there is no other."""
    if piece > 0 or (place == 0 and n[0] > 1):
        return 2 * stack.half[ray.row[place]] / n[place] / abs(ray.cosine[place])
    # Before the first layer may lie metres of nothing.
    at = max(place, 1)
    if at >= len(n):
        return alone
    gap = ray.path[at] - ray.path[at - 1]
    for one in (at - 1, at):
        if n[one] > 1:  # not from middle to middle, but between the pieces that face each other
            gap = max(gap - (1 - 1 / n[one]) * stack.half[ray.row[one]] / abs(ray.cosine[one]), 0.1)
    return gap


@njit(cache=True, error_model="numpy")
def overall(energy: float, electron: bool, d: Depths) -> NDArray[np.float32]:
    """The features `OF_SHOWER`."""
    x, over = np.zeros(9), 0.0
    for i in range(len(d.depth)):
        if i > 0 and d.depth[i] > MEAN_OVER:
            break
        part = d.radiation[i]
        over += part
        x[3] += part * np.log(part)
        x[4] += part * np.log(d.critical[i])
        x[5] += part * np.log(d.mip[i])
        x[6] += part * np.log(d.fraction[i])
    x[3:7] /= over
    x[0], x[1], x[2] = np.log(energy), 1.0 if electron else 0.0, np.log(energy) - x[4]
    x[7], x[8] = d.cosine[0], np.log(min(d.depth[-1], DEEPEST))
    return x.astype(np.float32)


@njit(cache=True, error_model="numpy")
def describe(
    x: Floats,
    i: int,
    energy: float,
    electron: bool,
    total: float,
    d: Depths,
    deposits: Floats,
    counts: Floats,
) -> None:
    """Write the features of layer `i` to `x` (f,), given energy (GeV) and number of points of the layers before it.

    `total` is what all layers will show of the energy, over their sampling fractions and over the energy.
    """
    seen, weighted, begun = 0.0, 0.0, -1
    for j in range(i):
        if counts[j] > 0:
            share = deposits[j] / d.fraction[j] / energy
            seen, weighted = seen + share, weighted + share * d.depth[j]
            begun = j if begun < 0 else begun
    before = max(i - 1, 0)
    x[0], x[1], x[2] = np.log(energy), 1.0 if electron else 0.0, np.log(energy / d.critical[i])
    x[3], x[4] = d.depth[i] / 10, np.log(d.depth[i] + 0.05)
    x[5], x[6] = np.log(d.radiation[i]), np.log(d.radiation[before])
    x[7], x[8], x[9] = np.log(d.critical[i]), np.log(d.mip[i]), np.log(d.moliere[i])
    x[10], x[11], x[12], x[13] = np.log(d.gap[i]), d.cosine[i], np.log(d.fraction[i]), np.log(d.active[i])
    x[14] = np.log(d.air_gap[i] + SMALL_GAP)
    x[15], x[16], x[17] = seen / total, np.log(seen / total + 1e-4), np.log(max(1 - seen / total, 0.003))
    x[18] = weighted / max(seen, 1e-9) / 10
    x[19] = 1.0 if begun >= 0 else 0.0
    x[20] = (d.depth[i] - d.depth[begun]) / 10 if begun >= 0 else 0.0
    for k in range(BACK):
        j, there = i - 1 - k, i - 1 - k >= 0
        x[21 + k] = np.log1p(deposits[j] / d.mip[j]) if there else 0.0
        x[21 + BACK + k] = np.log1p(counts[j]) if there else 0.0
        if k < BACK - 1:
            by_length = deposits[j] / d.fraction[j] / (energy * d.radiation[j]) if there else 0.0
            x[21 + 2 * BACK + k] = np.log(1e-4 + by_length)
    x[29] = np.log(total)


@njit(cache=True, error_model="numpy")
def table(
    energy: float, electron: bool, total: float, d: Depths, deposits: Floats, counts: Floats
) -> NDArray[np.float32]:
    """Features of all layers of a shower (k, f)."""
    k = len(d.depth)
    rows, x = np.empty((k, 30), np.float32), np.empty(30)
    for i in range(k):
        describe(x, i, energy, electron, total, d, deposits, counts)
        rows[i] = x
    return rows
