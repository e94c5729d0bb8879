"""Layers too thick for a network: those in which many active parts are hidden are divided into as many layers.

A sensor that fills its layer (an accordion of lead and argon read out in one, a block of plates with one fibre, a crystal)
is one layer to the readout, and many to a shower. The network knows thin ones: it makes the shower in pieces, alike in
all that it knows of a layer, and their points go to the cells of the whole. A layer with one thin sensor behind much
absorber is not divided: there is nothing in between that could see the shower.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.kernels import njit
from gnnreco.simulate.matter.medium import HIDDEN_SAMPLE
from gnnreco.simulate.showers.ray import Rows, Stack

#: Radiation lengths of a piece: three active parts of such a layer (`gnnreco.simulate.matter.medium.HIDDEN_SAMPLE`). The
#: network that ships was trained on pieces of this size as well (`scripts/thick_layers.py`).
PIECE = 3 * HIDDEN_SAMPLE
#: GeV/mm that a minimum-ionising particle leaves in liquid argon or scintillator: what hidden active parts are made of.
IONISED = 2.1e-4
#: Rows of an engine's ranges that decide: see `gnnreco.simulate.showers.learned.features.OF_DETECTOR`.
THICKNESS, COSINE, ACTIVE = 0, 6, 8
#: Ranges of a network that takes all layers as they are.
UNDIVIDED = np.tile(np.array([-np.inf, np.inf], np.float32), (10, 1))


@njit(cache=True, error_model="numpy")
def pieces_of(stack: Stack, row: int, ranges: NDArray[np.float32]) -> int:
    """In how many pieces the layer of a sensor (row of the stack) is divided for an engine trained on `ranges`.

    One, where training saw layers as thick with sensors as thick, or where no active parts are hidden in it.
    """
    radiation, sample = stack.radiation[row], stack.sample[row]
    known = (
        np.log(radiation) <= ranges[THICKNESS, 1]
        and np.log(2 * max(stack.half[row], 1e-6)) <= ranges[ACTIVE, 1]
    )
    if known or sample >= radiation:
        return 1
    return max(int(radiation / PIECE + 0.5), 1)


@njit(cache=True, error_model="numpy")
def active_of(stack: Stack, row: int, pieces: int) -> float:
    """Thickness (mm) of the sensor of a layer, or of what is active in one of its pieces."""
    whole = 2 * stack.half[row]
    if pieces == 1:
        return whole
    return min(whole, stack.mip[row] / IONISED) / pieces


@njit(cache=True, error_model="numpy")
def all_pieces(stack: Stack, ranges: NDArray[np.float32]) -> tuple[Rows, NDArray[np.float64]]:
    """Pieces (n,) of the layers of all sensors, and the thickness (n,) of what is active in each, mm."""
    pieces, active = np.empty(len(stack.sensor), np.int64), np.empty(len(stack.sensor))
    for row in range(len(pieces)):
        pieces[row] = pieces_of(stack, row, ranges)
        active[row] = active_of(stack, row, pieces[row])
    return pieces, active
