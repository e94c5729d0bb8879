"""Layers behind a shallow calorimeter, which are not there: what a shower leaves in them has leaked.

The network was trained in calorimeters of 20 and more radiation lengths. In a shallower one, and where a shower begins late,
it would put into the last layers what in truth goes out behind them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.kernels import njit
from gnnreco.simulate.showers.ray import Ray, Stack

from .features import Depths

SHALLOWEST = 20.0  # radiation lengths: of the calorimeters of the training (`scripts/fastsim_stacks.py`)
THINNEST = 0.05  # radiation lengths of a layer that is added


@njit(cache=True, error_model="numpy")
def with_layers_behind(stack: Stack, ray: Ray, d: Depths) -> Depths:
    """The layers (k,) of a shower and, until they are as deep as `SHALLOWEST`, more that are like the last one.

    Nothing is added where layers are divided: showers lie too deep in pieces, and too much would leak.
    """
    last, k = ray.row[-1], len(d.depth)
    if d.pieces[-1] > 1:
        return d
    cosine = abs(ray.cosine[-1])
    step = max(stack.radiation[last] / cosine, THINNEST)
    more = math.ceil((SHALLOWEST - d.depth[-1]) / step)
    if more <= 0:
        return d
    radiation, interaction = _repeated(d.radiation, more), _repeated(d.interaction, more)
    radiation[k:] = step
    interaction[k:] = stack.interaction[last] / cosine
    return Depths(
        *(_repeated(d.place, more), _repeated(d.pieces, more), _repeated(d.piece, more)),
        np.append(d.depth, d.depth[-1] + step * np.arange(1, more + 1)),
        radiation,
        *(_repeated(d.critical, more), _repeated(d.mip, more), _repeated(d.fraction, more)),
        *(_repeated(d.moliere, more), _repeated(d.gap, more), _repeated(d.active, more)),
        *(_repeated(d.air_gap, more), _repeated(d.cosine, more)),
        interaction,
    )


@njit(cache=True)
def _repeated(column: NDArray[Any], more: int) -> NDArray[Any]:
    """The column (k + more,), its last number repeated."""
    out = np.full(len(column) + more, column[-1])
    out[: len(column)] = column
    return out
